/* XML: a tree that was parsed, written and parsed again is the same tree. */
#include <assert.h>

#include "common/base/attr.h"
#include "common/codec/xml.h"

enum {
	ELEMENTS_MAX = 1000,
	ARENA_BYTES = 1 << 20,
	INPUT_MAX_BYTES = 1 << 16,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The parser bounds the depth. */
static void write_tree(struct writer *w, const struct xml_node *node)
{
	const char *name = (const char *)node->name.p; /* arena copies end in NUL */

	xml_open(w, name);
	xml_escape(w, node->text);
	for (const struct xml_node *child = node->child; child != NULL; child = child->next) {
		write_tree(w, child);
	}
	xml_close(w, name);
}

static bool same_tree(const struct xml_node *a, const struct xml_node *b)
{
	if (!bytes_equal(a->name, b->name) || !bytes_equal(a->text, b->text)) {
		return false;
	}
	const struct xml_node *left = a->child;
	const struct xml_node *right = b->child;
	while (left != NULL && right != NULL && same_tree(left, right)) {
		left = left->next;
		right = right->next;
	}
	return left == NULL && right == NULL;
}

static void check_document(struct bytes input)
{
	AUTO(arena_freep) struct arena *a = arena_new(ARENA_BYTES);
	AUTO(arena_freep) struct arena *b = arena_new(ARENA_BYTES);
	struct writer w = writer_growing(16 * INPUT_MAX_BYTES);
	struct xml_node *root;
	struct xml_node *again;

	if (xml_parse(a, input, ELEMENTS_MAX, &root) != OK) {
		return;
	}
	assert(root != NULL && root->next == NULL && bytes_is_utf8(root->text));
	write_tree(&w, root);
	enum err e = xml_parse(b, writer_bytes(&w), ELEMENTS_MAX, &again);
	assert(e == OK && same_tree(root, again));
	(void)e;
	writer_free(&w);
}

/* Bytes that are escaped stay inside their element, and are the same bytes when XML can carry them. */
static void check_escape(struct bytes input)
{
	AUTO(arena_freep) struct arena *a = arena_new(ARENA_BYTES);
	struct writer w = writer_growing(16 * INPUT_MAX_BYTES);
	struct xml_node *root;

	xml_element(&w, "a", input);
	if (xml_parse(a, writer_bytes(&w), 1, &root) == OK && bytes_is_utf8(input)) {
		assert(bytes_equal(root->text, input));
	}
	writer_free(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes input = bytes_of(data, size);

	if (size > INPUT_MAX_BYTES) {
		return 0;
	}
	check_document(input);
	check_escape(input);
	return 0;
}
