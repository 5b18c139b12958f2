/* DeleteObject, DeleteObjects; collecting small bodies. */
#include <string.h>

#include "common/codec/xml.h"
#include "server/gateway/ops.h"

enum { DELETE_NODES_MAX = 3 * GATEWAY_DELETE_MAX + 16 };

static enum err collect(void *context, struct bytes b)
{
	struct writer *w = context;
	write_bytes(w, b);
	return writer_end(w);
}

enum s3error collect_body(struct request *r, uint64_t size_max)
{
	const struct http_head *head = exchange_head(r->x);
	r->text = writer_growing(size_max);
	if (head->content_length < 0 && !head->chunked) {
		return S3E_NONE; /* no body at all */
	}
	const struct body_sink sink = {.data = collect, .context = &r->text};
	return body_new(r, size_max, false, CHECKSUM_NONE, sink, &r->body);
}

enum s3error op_delete_object(struct request *r)
{
	TRY_S3(object_write_condition(r));
	enum err e = index_object_delete(r->g->index, r->target.bucket, r->target.key,
	                                 &r->condition);
	if (e == ERR_NOTFOUND) {
		return r->condition.match.n > 0 ? S3E_NO_SUCH_KEY : S3E_NO_SUCH_BUCKET;
	}
	TRY_S3(s3error_of(e));
	answer_empty(r, 204);
	return S3E_NONE;
}

enum s3error op_delete_objects_begin(struct request *r)
{
	return collect_body(r, GATEWAY_XML_MAX);
}

static enum s3error read_keys(struct request *r, struct index_delete **ret, size_t *ret_n,
                              bool *ret_quiet)
{
	struct xml_node *root = NULL;
	struct index_delete *items = arena_alloc(r->a, GATEWAY_DELETE_MAX * sizeof(*items));
	size_t n = 0;
	if (items == NULL) {
		return S3E_SLOW_DOWN;
	}
	if (xml_parse(r->a, writer_bytes(&r->text), DELETE_NODES_MAX, &root) != OK ||
	    !bytes_is(root->name, "Delete")) {
		return S3E_MALFORMED_XML;
	}
	*ret_quiet = bytes_is(bytes_trim(xml_text(root, "Quiet")), "true");
	const struct xml_node *object = xml_child(root, "Object");
	for (; object != NULL; object = xml_next(object, "Object")) {
		const struct xml_node *version = xml_child(object, "VersionId");
		struct bytes key = xml_text(object, "Key");
		if (n == GATEWAY_DELETE_MAX || key.n == 0) {
			return S3E_MALFORMED_XML;
		}
		if (version != NULL && !bytes_is(version->text, "null")) {
			return S3E_NOT_IMPLEMENTED;
		}
		if (key.n > INDEX_KEY_MAX) {
			return S3E_KEY_TOO_LONG;
		}
		items[n++].key = key;
	}
	*ret = items;
	*ret_n = n;
	return n == 0 ? S3E_MALFORMED_XML : S3E_NONE;
}

static void write_deleted(struct writer *w, struct bytes key, enum err e, bool quiet)
{
	if (e == OK && quiet) {
		return;
	}
	xml_open(w, e == OK ? "Deleted" : "Error");
	xml_element(w, "Key", key);
	if (e != OK) {
		xml_element_text(w, "Code", s3error_code(s3error_of(e)));
		xml_element_text(w, "Message", s3error_message(s3error_of(e)));
	}
	xml_close(w, e == OK ? "Deleted" : "Error");
}

enum s3error op_delete_objects_end(struct request *r)
{
	struct index_delete *items = NULL;
	size_t n = 0;
	bool quiet = false;
	TRY_S3(read_keys(r, &items, &n, &quiet));
	enum err e = index_objects_delete(r->g->index, r->target.bucket, items, n, &r->condition,
	                                  object_now_ms());
	TRY_S3(e == ERR_NOTFOUND ? S3E_NO_SUCH_BUCKET : s3error_of(e));
	struct writer w = writer_growing(GATEWAY_ANSWER_MAX);
	xml_begin(&w);
	xml_open(&w, "DeleteResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"");
	for (size_t i = 0; i < n; i++) {
		write_deleted(&w, items[i].key, items[i].result, quiet);
	}
	xml_close(&w, "DeleteResult");
	answer_xml(r, 200, &w);
	return S3E_NONE;
}
