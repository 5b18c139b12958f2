/* Tags of objects: the header of a new object, and the three operations on them. */
#include <stdlib.h>

#include "common/codec/uri.h"
#include "common/codec/xml.h"
#include "server/gateway/ops.h"
#include "server/gateway/shape.h"

enum {
	TAGS_MAX = 10,
	TAG_KEY_MAX = 128,   /* characters */
	TAG_VALUE_MAX = 256, /* characters */
	XML_NODES_MAX = 256,
};

/* S3: letters, digits and spaces of any script, and + - = . _ : / @ */
static bool is_tag_text(struct bytes b, size_t max)
{
	static const struct bytes punctuation = {(const uint8_t *)" +-=._:/@", 9};
	size_t characters = 0;
	size_t at = 0;

	while (b.n > 0) {
		size_t n = bytes_utf8_length(b);
		uint8_t c = b.p[0];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		              (c >= '0' && c <= '9');
		if (n == 0 || (n == 1 && !letter && !bytes_find(punctuation, c, &at))) {
			return false;
		}
		characters++;
		b = bytes_skip(b, n);
	}
	return characters <= max;
}

static int compare_keys(const void *a, const void *b)
{
	return bytes_compare(((const struct field *)a)->name, ((const struct field *)b)->name);
}

/* S3 tells them in the order of their keys. */
static void order_tags(struct field *tags, size_t n)
{
	if (n > 1) {
		qsort(tags, n, sizeof(*tags), compare_keys);
	}
}

enum s3error object_tags_check(const struct field *tags, size_t n)
{
	if (n > TAGS_MAX) {
		return S3E_INVALID_TAG;
	}
	for (size_t i = 0; i < n; i++) {
		bool good = tags[i].name.n > 0 && is_tag_text(tags[i].name, TAG_KEY_MAX) &&
		            is_tag_text(tags[i].value, TAG_VALUE_MAX) &&
		            !bytes_starts(tags[i].name, BYTES("aws:"));
		for (size_t k = 0; k < i; k++) {
			good = good && !bytes_equal(tags[k].name, tags[i].name);
		}
		if (!good) {
			return S3E_INVALID_TAG;
		}
	}
	return S3E_NONE;
}

enum s3error object_take_tags(struct request *r, struct index_object *o)
{
	struct field *tags = NULL;
	size_t n = 0;
	enum err e = uri_query(r->a, request_header(r, "x-amz-tagging"), 2 * TAGS_MAX, &tags, &n);
	if (e != OK) {
		return S3E_INVALID_TAG;
	}
	TRY_S3(object_tags_check(tags, n));
	order_tags(tags, n);
	o->tags = tags;
	o->n_tags = n;
	return S3E_NONE;
}

enum s3error op_get_object_tagging(struct request *r)
{
	TRY_S3(object_need(r));
	struct writer w = writer_growing(GATEWAY_ANSWER_MAX);
	xml_begin(&w);
	xml_open(&w, "Tagging xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"");
	xml_open(&w, "TagSet");
	for (size_t i = 0; i < r->object.n_tags; i++) {
		xml_open(&w, "Tag");
		xml_element(&w, "Key", r->object.tags[i].name);
		xml_element(&w, "Value", r->object.tags[i].value);
		xml_close(&w, "Tag");
	}
	xml_close(&w, "TagSet");
	xml_close(&w, "Tagging");
	answer_xml(r, 200, &w);
	object_version_header(r, &r->object);
	return S3E_NONE;
}

static enum s3error set_tags(struct request *r, const struct field *tags, size_t n, unsigned status)
{
	const struct index_change change = {.set_tags = true, .tags = tags, .n_tags = n};
	return object_change(r, &change, status);
}

enum s3error op_put_object_tagging_begin(struct request *r)
{
	return collect_body(r, GATEWAY_XML_MAX);
}

static const struct shape tag_children[] = {{"Key", 1, 1}, {"Value", 1, 1}, {NULL}};
static const struct shape set_children[] = {{"Tag", 0, XML_NODES_MAX, tag_children}, {NULL}};
static const struct shape tagging_children[] = {{"TagSet", 1, 1, set_children}, {NULL}};
static const struct shape tagging_shape = {"Tagging", 1, 1, tagging_children};

static enum s3error read_tags(struct request *r, struct field tags[TAGS_MAX], size_t *ret_n)
{
	struct xml_node *root = NULL;
	size_t n = 0;
	TRY_S3(shape_read(r->a, writer_bytes(&r->text), XML_NODES_MAX, &tagging_shape, &root));
	const struct xml_node *tag = xml_child(xml_child(root, "TagSet"), "Tag");
	for (; tag != NULL; tag = xml_next(tag, "Tag")) {
		if (n == TAGS_MAX) {
			return S3E_INVALID_TAG;
		}
		tags[n++] = (struct field){xml_text(tag, "Key"), xml_text(tag, "Value")};
	}
	*ret_n = n;
	order_tags(tags, n);
	return object_tags_check(tags, n);
}

enum s3error op_put_object_tagging_end(struct request *r)
{
	struct field tags[TAGS_MAX];
	size_t n = 0;
	TRY_S3(read_tags(r, tags, &n));
	return set_tags(r, tags, n, 200);
}

enum s3error op_delete_object_tagging(struct request *r)
{
	return set_tags(r, NULL, 0, 204);
}
