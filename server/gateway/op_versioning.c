/* Versioning of buckets: its state, and the listing of versions. */
#include "common/codec/uri.h"
#include "common/codec/xml.h"
#include "server/gateway/ops.h"
#include "server/gateway/resource.h"
#include "server/gateway/shape.h"

enum { XML_NODES_MAX = 64 };

enum s3error op_get_bucket_versioning(struct request *r)
{
	struct writer w = writer_growing(GATEWAY_ANSWER_MAX);
	xml_begin(&w);
	xml_open(&w, "VersioningConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"");
	if (r->bucket.versioning != INDEX_VERSIONING_OFF) {
		bool enabled = r->bucket.versioning == INDEX_VERSIONING_ENABLED;
		xml_element_text(&w, "Status", enabled ? "Enabled" : "Suspended");
	}
	xml_close(&w, "VersioningConfiguration");
	answer_xml(r, 200, &w);
	return S3E_NONE;
}

enum s3error op_put_bucket_versioning_begin(struct request *r)
{
	return request_has_header(r, "x-amz-mfa") ? S3E_NOT_IMPLEMENTED
	                                          : collect_body(r, GATEWAY_XML_MAX);
}

static const struct shape state_children[] = {{"Status", 0, 1}, {"MfaDelete", 0, 1}, {NULL}};
static const struct shape state_shape = {"VersioningConfiguration", 1, 1, state_children};

static enum s3error read_state(struct request *r, uint8_t *ret)
{
	struct xml_node *root = NULL;
	TRY_S3(shape_read(r->a, writer_bytes(&r->text), XML_NODES_MAX, &state_shape, &root));
	struct bytes mfa = bytes_trim(xml_text(root, "MfaDelete"));
	if (mfa.n > 0 && !bytes_is(mfa, "Disabled")) {
		return S3E_NOT_IMPLEMENTED;
	}
	struct bytes status = bytes_trim(xml_text(root, "Status"));
	if (status.n == 0) {
		return S3E_ILLEGAL_VERSIONING;
	}
	bool enabled = bytes_is(status, "Enabled");
	*ret = enabled ? INDEX_VERSIONING_ENABLED : INDEX_VERSIONING_SUSPENDED;
	return enabled || bytes_is(status, "Suspended") ? S3E_NONE : S3E_MALFORMED_XML;
}

enum s3error op_put_bucket_versioning_end(struct request *r)
{
	uint8_t state = 0;
	TRY_S3(read_state(r, &state));
	enum err e = index_bucket_set_versioning(r->g->index, request_bucket(r), state);
	if (e == ERR_CONFLICT) {
		return S3E_BUCKET_STATE;
	}
	TRY_S3(s3error_of_bucket(e));
	answer_empty(r, 200);
	return S3E_NONE;
}

struct listing {
	struct index_versions_query query;
	struct index_version after;
	struct index_list_page page;
	bool url; /* encoding-type=url */
};

static enum s3error read_query(struct request *r, struct listing *l)
{
	struct index_list_query *q = &l->query.list;
	struct bytes version = request_param(r, "version-id-marker");
	TRY_S3(list_query(r, q, &l->url));
	q->after = request_param(r, "key-marker");
	if (version.n == 0) {
		return S3E_NONE;
	}
	if (q->after.n == 0) {
		return S3E_NO_KEY_MARKER;
	}
	l->query.after_version = &l->after;
	return version_read(version, &l->after);
}

static void xml_version(struct writer *w, const char *name, const struct index_version *version)
{
	xml_open(w, name);
	version_write(w, version);
	xml_close(w, name);
}

static void write_version(struct request *r, struct writer *w, const struct listing *l,
                          const struct index_list_entry *entry)
{
	const char *name = entry->delete_marker ? "DeleteMarker" : "Version";
	xml_open(w, name);
	list_element(w, l->url, "Key", entry->key);
	xml_version(w, "VersionId", &entry->version);
	xml_element_bool(w, "IsLatest", entry->latest);
	object_xml_date(w, "LastModified", entry->modified_ms);
	if (!entry->delete_marker) {
		object_xml_etag(w, entry->etag);
		object_xml_checksum_kind(w, entry->checksum_kind, entry->checksum_composite);
		xml_element_u64(w, "Size", entry->size);
		xml_element_text(w, "StorageClass", "STANDARD");
	}
	resource_xml_owner(r, w, entry->acl);
	xml_close(w, name);
}

/* Where the next page begins: behind the last entry, of a version with its id. */
static void write_next(struct writer *w, const struct listing *l)
{
	const struct index_list_entry *last = &l->page.entries[l->page.n - 1];
	list_element(w, l->url, "NextKeyMarker", l->page.next);
	if (!last->prefix) {
		xml_version(w, "NextVersionIdMarker", &last->version);
	}
}

static void write_head(struct request *r, struct writer *w, const struct listing *l)
{
	const struct index_list_query *q = &l->query.list;
	xml_element(w, "Name", q->bucket);
	list_element(w, l->url, "Prefix", q->prefix);
	list_element(w, l->url, "KeyMarker", q->after);
	xml_element(w, "VersionIdMarker", request_param(r, "version-id-marker"));
	if (l->page.truncated && l->page.n > 0) {
		write_next(w, l);
	}
	xml_element_u64(w, "MaxKeys", q->max);
	if (q->delimiter.n > 0) {
		list_element(w, l->url, "Delimiter", q->delimiter);
	}
	if (l->url) {
		xml_element_text(w, "EncodingType", "url");
	}
	xml_element_bool(w, "IsTruncated", l->page.truncated);
}

enum s3error op_list_object_versions(struct request *r)
{
	struct listing l = {0};
	TRY_S3(read_query(r, &l));
	TRY_S3(s3error_of_bucket(index_versions(r->g->index, r->a, &l.query, &l.page)));
	struct writer w = writer_growing(GATEWAY_ANSWER_MAX);
	xml_begin(&w);
	xml_open(&w, "ListVersionsResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"");
	write_head(r, &w, &l);
	for (size_t i = 0; i < l.page.n; i++) {
		if (!l.page.entries[i].prefix) {
			write_version(r, &w, &l, &l.page.entries[i]);
			continue;
		}
		xml_open(&w, "CommonPrefixes");
		list_element(&w, l.url, "Prefix", l.page.entries[i].key);
		xml_close(&w, "CommonPrefixes");
	}
	xml_close(&w, "ListVersionsResult");
	answer_xml(r, 200, &w);
	return S3E_NONE;
}
