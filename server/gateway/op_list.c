/* ListObjects, versions 1 and 2. */
#include "common/codec/base64.h"
#include "common/codec/uri.h"
#include "common/codec/xml.h"
#include "server/gateway/ops.h"
#include "server/gateway/resource.h"

struct listing {
	struct index_list_query query;
	struct index_list_page page;
	bool url; /* encoding-type=url */
	bool owner;
};

/* S3 encodes '/' too little and '~' not at all; SDKs decode whatever %XX they meet. */
void list_element(struct writer *w, bool url, const char *name, struct bytes value)
{
	if (!url) {
		xml_element(w, name, value);
		return;
	}
	xml_open(w, name);
	uri_encode(w, value, true);
	xml_close(w, name);
}

enum s3error list_encoding(const struct request *r, bool *ret_url)
{
	struct bytes encoding = request_param(r, "encoding-type");
	*ret_url = encoding.n > 0;
	return encoding.n == 0 || bytes_is(encoding, "url") ? S3E_NONE : S3E_INVALID_ARGUMENT;
}

enum s3error list_query(struct request *r, struct index_list_query *ret, bool *ret_url)
{
	uint32_t max = 0;
	TRY_S3(list_encoding(r, ret_url));
	TRY_S3(request_param_u32(r, "max-keys", GATEWAY_PAGE_MAX, &max));
	ret->bucket = r->bucket.name;
	ret->bucket_number = r->bucket.number;
	ret->prefix = request_param(r, "prefix");
	ret->delimiter = request_param(r, "delimiter");
	ret->max = max < GATEWAY_PAGE_MAX ? max : GATEWAY_PAGE_MAX;
	bool utf8 = bytes_is_utf8(ret->prefix) && bytes_is_utf8(ret->delimiter);
	return utf8 ? S3E_NONE : S3E_INVALID_ARGUMENT;
}

static enum s3error run(struct request *r, struct listing *l)
{
	if (l->query.max == 0) {
		return S3E_NONE; /* an empty page, not truncated: so S3 answers max-keys=0 */
	}
	return s3error_of_bucket(index_list(r->g->index, r->a, &l->query, &l->page));
}

static void write_object(struct request *r, struct writer *w, const struct listing *l,
                         const struct index_list_entry *entry)
{
	xml_open(w, "Contents");
	list_element(w, l->url, "Key", entry->key);
	object_xml_date(w, "LastModified", entry->modified_ms);
	object_xml_etag(w, entry->etag);
	object_xml_checksum_kind(w, entry->checksum_kind, entry->checksum_composite);
	xml_element_u64(w, "Size", entry->size);
	if (l->owner) {
		resource_xml_owner(r, w, entry->acl);
	}
	xml_element_text(w, "StorageClass", "STANDARD");
	xml_close(w, "Contents");
}

static void write_page(struct request *r, struct writer *w, const struct listing *l)
{
	if (l->query.delimiter.n > 0) {
		list_element(w, l->url, "Delimiter", l->query.delimiter);
	}
	xml_element_u64(w, "MaxKeys", l->query.max);
	if (l->url) {
		xml_element_text(w, "EncodingType", "url");
	}
	xml_element_bool(w, "IsTruncated", l->page.truncated);
	for (size_t i = 0; i < l->page.n; i++) {
		const struct index_list_entry *entry = &l->page.entries[i];
		if (!entry->prefix) {
			write_object(r, w, l, entry);
			continue;
		}
		xml_open(w, "CommonPrefixes");
		list_element(w, l->url, "Prefix", entry->key);
		xml_close(w, "CommonPrefixes");
	}
}

static void list_begin(struct request *r, struct writer *w)
{
	*w = writer_growing(GATEWAY_ANSWER_MAX);
	xml_begin(w);
	xml_open(w, "ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"");
	xml_element(w, "Name", r->target.bucket);
}

enum s3error op_list_objects(struct request *r)
{
	struct listing l = {.owner = true};
	struct writer w;
	TRY_S3(list_query(r, &l.query, &l.url));
	l.query.after = request_param(r, "marker");
	TRY_S3(run(r, &l));
	list_begin(r, &w);
	/* As it was sent: SDKs decode the prefix of version 2 alone. */
	xml_element(&w, "Prefix", l.query.prefix);
	list_element(&w, l.url, "Marker", l.query.after);
	/* Without a delimiter the client takes the last key; S3 gives NextMarker only with one. */
	if (l.page.truncated && l.query.delimiter.n > 0) {
		list_element(&w, l.url, "NextMarker", l.page.next);
	}
	write_page(r, &w, &l);
	xml_close(&w, "ListBucketResult");
	answer_xml(r, 200, &w);
	return S3E_NONE;
}

/* A continuation token is the last key, in base64: opaque enough to stay out of XML's and URLs' way. */
static enum s3error read_token(struct request *r, struct bytes *ret)
{
	struct bytes token = request_param(r, "continuation-token");
	uint8_t *memory = arena_alloc(r->a, token.n + 1);
	if (memory == NULL) {
		return S3E_SLOW_DOWN;
	}
	struct writer w = writer_fixed(memory, token.n + 1);
	if (base64_read(token, &w) != OK || w.used > INDEX_KEY_MAX) {
		return S3E_INVALID_ARGUMENT;
	}
	*ret = writer_bytes(&w);
	return S3E_NONE;
}

enum s3error op_list_objects_v2(struct request *r)
{
	struct listing l = {.owner = bytes_is(request_param(r, "fetch-owner"), "true")};
	struct writer w;
	TRY_S3(list_query(r, &l.query, &l.url));
	struct bytes start = request_param(r, "start-after");
	l.query.after = start;
	if (request_param(r, "continuation-token").n > 0) {
		TRY_S3(read_token(r, &l.query.after));
	}
	TRY_S3(run(r, &l));
	list_begin(r, &w);
	if (start.n > 0) {
		list_element(&w, l.url, "StartAfter", start);
	}
	if (request_has_param(r, "continuation-token")) {
		xml_element(&w, "ContinuationToken", request_param(r, "continuation-token"));
	}
	if (l.page.truncated) {
		xml_open(&w, "NextContinuationToken");
		base64_write(&w, l.page.next);
		xml_close(&w, "NextContinuationToken");
	}
	list_element(&w, l.url, "Prefix", l.query.prefix);
	xml_element_u64(&w, "KeyCount", l.page.n);
	write_page(r, &w, &l);
	xml_close(&w, "ListBucketResult");
	answer_xml(r, 200, &w);
	return S3E_NONE;
}
