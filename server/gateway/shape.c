#include "server/gateway/shape.h"

#include "common/base/attr.h"

static const struct shape *find(const struct shape *list, struct bytes name)
{
	for (; list->name != NULL; list++) {
		if (bytes_is(name, list->name)) {
			return list;
		}
	}
	return NULL;
}

static bool right_number(const struct xml_node *node, const struct shape *shape)
{
	uint32_t n = 0;
	const struct xml_node *child = xml_child(node, shape->name);
	for (; child != NULL; child = xml_next(child, shape->name)) {
		n++;
	}
	return n >= shape->min && n <= shape->max;
}

/* The recursion ends with the table of shapes, which is constant and a few levels deep. */
static enum s3error check_children(const struct xml_node *node, const struct shape *shape)
{
	bool unbuilt = shape->unbuilt;
	for (const struct xml_node *child = node->child; child != NULL; child = child->next) {
		const struct shape *s = find(shape->children, child->name);
		if (s == NULL) {
			return S3E_MALFORMED_XML;
		}
		enum s3error e = shape_check(child, s);
		if (e != S3E_NOT_IMPLEMENTED) {
			TRY_S3(e);
		}
		unbuilt = unbuilt || e == S3E_NOT_IMPLEMENTED;
	}
	for (const struct shape *s = shape->children; s->name != NULL; s++) {
		if (!right_number(node, s)) {
			return S3E_MALFORMED_XML;
		}
	}
	return unbuilt ? S3E_NOT_IMPLEMENTED : S3E_NONE;
}

enum s3error shape_check(const struct xml_node *node, const struct shape *shape)
{
	if (!bytes_is(node->name, shape->name)) {
		return S3E_MALFORMED_XML;
	}
	if (shape->children != NULL) {
		return check_children(node, shape);
	}
	if (shape->unbuilt) {
		return S3E_NOT_IMPLEMENTED;
	}
	if (node->child != NULL) {
		return S3E_MALFORMED_XML;
	}
	return shape->check == NULL ? S3E_NONE : shape->check(node->text);
}

enum s3error shape_read(struct arena *a, struct bytes text, size_t nodes_max,
                        const struct shape *shape, struct xml_node **ret)
{
	return xml_parse(a, text, nodes_max, ret) == OK ? shape_check(*ret, shape)
	                                                : S3E_MALFORMED_XML;
}

static void write_node(struct writer *w, const struct xml_node *node, const struct shape *shape)
{
	if (shape->children == NULL) {
		xml_element(w, shape->name, node->text);
		return;
	}
	xml_open(w, shape->name);
	for (const struct xml_node *child = node->child; child != NULL; child = child->next) {
		write_node(w, child, find(shape->children, child->name));
	}
	xml_close(w, shape->name);
}

void shape_write(struct writer *w, const struct xml_node *root, const struct shape *shape)
{
	xml_begin(w);
	write_text(w, "<");
	write_text(w, shape->name);
	write_text(w, " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
	for (const struct xml_node *child = root->child; child != NULL; child = child->next) {
		write_node(w, child, find(shape->children, child->name));
	}
	xml_close(w, shape->name);
}

bool shape_add(struct arena *a, struct xml_node *parent, const char *name, struct bytes text)
{
	struct xml_node *added = arena_alloc(a, sizeof(*added));
	struct xml_node **at = &parent->child;
	if (added == NULL) {
		return false;
	}
	while (*at != NULL) {
		at = &(*at)->next;
	}
	*added = (struct xml_node){.name = bytes_text(name), .text = text};
	*at = added;
	return true;
}

bool shape_one_of(struct bytes text, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (bytes_is(text, words[i])) {
			return true;
		}
	}
	return false;
}

enum s3error shape_is_bool(struct bytes text)
{
	static const char *const words[] = {"true", "false", "TRUE", "FALSE"};
	return shape_one_of(text, words, COUNT(words)) ? S3E_NONE : S3E_MALFORMED_XML;
}

size_t shape_characters(struct bytes utf8)
{
	size_t n = 0;
	for (size_t i = 0; i < utf8.n; i++) {
		n += (utf8.p[i] & 0xc0) != 0x80;
	}
	return n;
}
