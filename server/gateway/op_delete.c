/* DeleteObject, DeleteObjects; collecting small bodies. */
#include <string.h>

#include "common/base/clock.h"
#include "common/codec/date.h"
#include "common/codec/xml.h"
#include "server/gateway/grant.h"
#include "server/gateway/logbook.h"
#include "server/gateway/ops.h"
#include "server/gateway/shape.h"

enum { DELETE_NODES_MAX = 6 * GATEWAY_DELETE_MAX + 16, NS_PER_MS = 1000000 };

static enum err collect(void *context, struct bytes b)
{
	struct request *r = context;
	if (request_take_text(r, b.n) != S3E_NONE) {
		return ERR_UNAVAILABLE;
	}
	write_bytes(&r->text, b);
	return writer_end(&r->text);
}

enum s3error collect_body(struct request *r, uint64_t size_max)
{
	const struct http_head *head = r->head;
	r->text = writer_growing(size_max);
	if (head->content_length < 0 && !head->chunked) {
		return S3E_NONE; /* no body at all */
	}
	const struct body_sink sink = {.data = collect, .context = r};
	return body_new(r, size_max, false, CHECKSUM_NONE, sink, &r->body);
}

static bool may_bypass(const struct request *r)
{
	struct bytes value = request_header(r, "x-amz-bypass-governance-retention");
	return bytes_is_nocase(value, "true");
}

/* A condition that is there and cannot be read must not be dropped: more would be deleted. */
static enum s3error read_like(struct bytes size, struct bytes modified, struct index_like *ret)
{
	uint64_t ns = 0;
	ret->has_size = size.p != NULL;
	if (ret->has_size && bytes_u64(size, &ret->size) != OK) {
		return S3E_INVALID_ARGUMENT;
	}
	if (modified.p == NULL) {
		return S3E_NONE;
	}
	if (date_read_http(modified, &ret->modified_ms) != OK) {
		if (date_read_iso(modified, &ns) != OK) {
			return S3E_INVALID_ARGUMENT;
		}
		ret->modified_ms = ns / NS_PER_MS;
	}
	return ret->modified_ms == 0 ? S3E_INVALID_ARGUMENT : S3E_NONE;
}

enum s3error op_delete_object(struct request *r)
{
	struct index_delete item = {.key = r->target.key, .bypass = may_bypass(r)};
	TRY_S3(read_like(request_header(r, "x-amz-if-match-size"),
	                 request_header(r, "x-amz-if-match-last-modified-time"), &item.like));
	TRY_S3(object_version(r, &item.version));
	TRY_S3(object_write_condition(r));
	enum err e = index_objects_delete(r->g->index, r->target.bucket, &item, 1, &r->condition,
	                                  clock_real_ms());
	if (e == ERR_NOTFOUND) {
		return r->condition.match.n > 0 ? S3E_NO_SUCH_KEY : S3E_NO_SUCH_BUCKET;
	}
	TRY_S3(s3error_of(e));
	TRY_S3(s3error_of(item.result));
	answer_empty(r, 204);
	if (item.marker) {
		answer_header(r, "x-amz-delete-marker", BYTES("true"));
	}
	const struct index_version *told = item.has_made ? &item.made : item.version;
	if (told != NULL && r->bucket.versioning != INDEX_VERSIONING_OFF) {
		version_header(r, "x-amz-version-id", told);
	}
	return S3E_NONE;
}

enum s3error op_delete_objects_begin(struct request *r)
{
	return collect_body(r, GATEWAY_XML_MAX);
}

/* A key that a DeleteObjects names and that cannot be deleted: the others are. */
struct refused {
	struct bytes key, version; /* as sent */
	enum s3error why;
};

/* What a DeleteObjects asks for. */
struct deletion {
	struct index_delete *items;
	struct refused *refused;
	size_t n, n_refused;
	bool quiet;
};

/* ret_why: this key alone is refused. */
static enum s3error read_item(struct request *r, const struct xml_node *object,
                              struct index_delete *ret, enum s3error *ret_why)
{
	struct bytes named = bytes_trim(xml_text(object, "VersionId"));
	*ret_why = S3E_NONE;
	*ret = (struct index_delete){.key = xml_text(object, "Key"), .bypass = may_bypass(r)};
	if (ret->key.n == 0) {
		return S3E_MALFORMED_XML;
	}
	struct bytes etag = xml_text(object, "ETag");
	ret->like.etag = object_unquote(etag);
	if (etag.p != NULL && ret->like.etag.n == 0) {
		return S3E_MALFORMED_XML;
	}
	TRY_S3(read_like(xml_text(object, "Size"), xml_text(object, "LastModifiedTime"),
	                 &ret->like));
	if (ret->key.n > INDEX_KEY_MAX) {
		*ret_why = S3E_KEY_TOO_LONG;
	}
	if (named.n == 0) {
		return S3E_NONE;
	}
	struct index_version *version = arena_alloc(r->a, sizeof(*version));
	if (version == NULL) {
		return S3E_SLOW_DOWN;
	}
	ret->version = version;
	if (version_read(named, version) != S3E_NONE) {
		*ret_why = S3E_NO_SUCH_VERSION;
	}
	return S3E_NONE;
}

/*
 * The KMS has let the request in; whether each key may go is another question where a policy or an ACL has a say: one call
 * for each, with the same evidence.
 */
static enum s3error ask_for_item(struct request *r, const struct index_delete *item,
                                 enum s3error *ret_why)
{
	bool owner = bytes_equal(r->grant.principal.tenant, r->bucket.tenant);
	struct kmsproto_call call = {.kind = KMSPROTO_ACCESS, .access = r->access};
	struct kmsproto_reply reply = {0};
	if (owner && (r->bucket.configs & 1U << INDEX_CONFIG_POLICY) == 0) {
		return S3E_NONE;
	}
	call.access.item = item->key;
	call.access.item_version = item->version != NULL;
	enum s3error e = grant_call(r, &call, &reply);
	*ret_why = e == S3E_ACCESS_DENIED ? e : S3E_NONE;
	return e == S3E_ACCESS_DENIED ? S3E_NONE : e;
}

/* A misspelt version would delete the current one, so nothing is skipped. */
static const struct shape object_children[] = {
	{"Key", 1, 1}, {"VersionId", 0, 1}, {"ETag", 0, 1},
	{"LastModifiedTime", 0, 1}, {"Size", 0, 1},
	{NULL},
};
static const struct shape delete_children[] = {
	{"Object", 1, GATEWAY_DELETE_MAX, object_children}, {"Quiet", 0, 1}, {NULL}};
static const struct shape delete_shape = {"Delete", 1, 1, delete_children};

static enum s3error read_items(struct request *r, struct deletion *ret)
{
	struct xml_node *root = NULL;
	struct deletion d = {
		.items = arena_alloc(r->a, GATEWAY_DELETE_MAX * sizeof(*d.items)),
		.refused = arena_alloc(r->a, GATEWAY_DELETE_MAX * sizeof(*d.refused)),
	};
	if (d.items == NULL || d.refused == NULL) {
		return S3E_SLOW_DOWN;
	}
	TRY_S3(shape_read(r->a, writer_bytes(&r->text), DELETE_NODES_MAX, &delete_shape, &root));
	d.quiet = bytes_is(bytes_trim(xml_text(root, "Quiet")), "true");
	const struct xml_node *object = xml_child(root, "Object");
	for (; object != NULL; object = xml_next(object, "Object")) {
		enum s3error why = S3E_NONE;
		TRY_S3(read_item(r, object, &d.items[d.n], &why));
		if (why == S3E_NONE) {
			TRY_S3(ask_for_item(r, &d.items[d.n], &why));
		}
		if (why == S3E_NONE) {
			d.n++;
		} else {
			d.refused[d.n_refused++] = (struct refused){
				d.items[d.n].key, xml_text(object, "VersionId"), why};
		}
	}
	*ret = d;
	return S3E_NONE;
}

static void xml_version(struct writer *w, const char *element, const struct index_version *version)
{
	xml_open(w, element);
	version_write(w, version);
	xml_close(w, element);
}

static void write_deleted(struct writer *w, const struct index_delete *item, bool quiet)
{
	enum s3error e = s3error_of(item->result);
	const char *element = e == S3E_NONE ? "Deleted" : "Error";
	if (e == S3E_NONE && quiet) {
		return;
	}
	xml_open(w, element);
	xml_element(w, "Key", item->key);
	if (item->version != NULL) {
		xml_version(w, "VersionId", item->version);
	}
	if (e != S3E_NONE) {
		xml_element_text(w, "Code", s3error_code(e));
		xml_element_text(w, "Message", s3error_message(e));
	} else if (item->marker) {
		xml_element_bool(w, "DeleteMarker", true);
		xml_version(w, "DeleteMarkerVersionId",
		            item->has_made ? &item->made : item->version);
	}
	xml_close(w, element);
}

static void write_refused(struct writer *w, const struct refused *refused)
{
	xml_open(w, "Error");
	xml_element(w, "Key", refused->key);
	if (refused->version.n > 0) {
		xml_element(w, "VersionId", refused->version);
	}
	xml_element_text(w, "Code", s3error_code(refused->why));
	xml_element_text(w, "Message", s3error_message(refused->why));
	xml_close(w, "Error");
}

/* What became of each key, for the log of the bucket, when it has one. */
static void note_deleted(struct request *r, const struct deletion *d)
{
	struct deleted_key *keys;
	size_t n = d->n + d->n_refused;
	if ((r->bucket.configs & 1U << INDEX_CONFIG_LOGGING) == 0) {
		return;
	}
	keys = arena_alloc(r->a, n * sizeof(*keys));
	if (keys == NULL) {
		logbook_lose(r->g->logbook, n);
		return;
	}
	for (size_t i = 0; i < d->n; i++) {
		const struct index_delete *item = &d->items[i];
		keys[i] = (struct deleted_key){item->key, item->version, s3error_of(item->result)};
	}
	for (size_t i = 0; i < d->n_refused; i++) {
		keys[d->n + i] = (struct deleted_key){d->refused[i].key, NULL, d->refused[i].why};
	}
	r->deleted = keys;
	r->n_deleted = n;
}

enum s3error op_delete_objects_end(struct request *r)
{
	struct deletion d = {0};
	TRY_S3(read_items(r, &d));
	enum err e = d.n == 0 ? OK
	                      : index_objects_delete(r->g->index, r->target.bucket, d.items, d.n,
	                                             &r->condition, clock_real_ms());
	TRY_S3(e == ERR_NOTFOUND ? S3E_NO_SUCH_BUCKET : s3error_of(e));
	note_deleted(r, &d);
	struct writer w = writer_growing(GATEWAY_ANSWER_MAX);
	xml_begin(&w);
	xml_open(&w, "DeleteResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"");
	for (size_t i = 0; i < d.n; i++) {
		write_deleted(&w, &d.items[i], d.quiet);
	}
	for (size_t i = 0; i < d.n_refused; i++) {
		write_refused(&w, &d.refused[i]);
	}
	xml_close(&w, "DeleteResult");
	answer_xml(r, 200, &w);
	return S3E_NONE;
}
