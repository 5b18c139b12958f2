/* CopyObject and UploadPartCopy: both keys come with one grant, against the one signature that names both. */
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/codec/xml.h"
#include "server/gateway/customer.h"
#include "server/gateway/lifecycle.h"
#include "server/gateway/ops.h"
#include "server/gateway/resource.h"

enum {
	COPY_STEP_BYTES = 256 << 10,
	COPY_DEADLINE_MS = 60000,
	COPY_LONG_BYTES = 64 << 20, /* more holds a worker for a time that others notice */
};

/* The KMS reads the header in its canonical form, where a run of spaces is one and two headers are joined by a comma. What
 * would name another object there is refused; clients escape spaces. */
static bool is_canonical(const struct request *r)
{
	const struct http_head *head = exchange_head(r->x);
	unsigned n = 0;
	for (size_t i = 0; i < head->n_fields; i++) {
		n += bytes_is_nocase(head->fields[i].name, "x-amz-copy-source");
	}
	struct bytes value = bytes_trim(request_header(r, "x-amz-copy-source"));
	bool spaces = false;
	for (size_t i = 1; i < value.n; i++) {
		spaces = spaces || (value.p[i] == ' ' && value.p[i - 1] == ' ');
	}
	return n == 1 && !spaces;
}

static enum s3error find_source(struct request *r)
{
	struct bytes bucket, key, version;
	const struct index_version *wanted = NULL;
	if (!is_canonical(r) ||
	    s3op_copy_source(r->a, bytes_trim(request_header(r, "x-amz-copy-source")), &bucket,
	                     &key, &version) != OK) {
		r->outcome = S3E_COPY_SOURCE;
		return S3E_NONE;
	}
	if (version.n > 0) {
		r->outcome = version_read(version, &r->version);
		wanted = &r->version;
		r->source_named = true;
	}
	if (r->outcome != S3E_NONE) {
		return S3E_NONE;
	}
	enum err e = index_bucket_get(r->g->index, r->a, bucket, &r->source_bucket);
	if (e == OK) {
		r->has_source_bucket = true;
		e = index_version_get(r->g->index, r->a, bucket, key, wanted, &r->source);
		if (e == OK && r->source.bucket_number != r->source_bucket.number) {
			r->outcome = S3E_NO_SUCH_BUCKET;
			return S3E_NONE;
		}
		if (e == ERR_NOTFOUND || (e == OK && r->source.delete_marker)) {
			r->outcome = wanted == NULL       ? S3E_NO_SUCH_KEY
			             : e == ERR_NOTFOUND ? S3E_NO_SUCH_VERSION
			                                 : S3E_COPY_OF_MARKER;
			return S3E_NONE;
		}
	}
	if (e == ERR_NOTFOUND) {
		r->outcome = S3E_NO_SUCH_BUCKET;
		return S3E_NONE;
	}
	TRY_S3(s3error_of(e));
	r->has_object = true;
	r->first = 0;
	r->count = r->source.size;
	r->outcome = customer_match_source(r);
	if (r->outcome == S3E_NONE) {
		r->outcome = object_preconditions(r, &r->source, "x-amz-copy-source-", true);
	}
	return S3E_NONE;
}

/* COPY (also when it is not said) takes metadata or tags from the source, REPLACE from the request. */
static enum s3error read_directive(struct request *r, const char *name, bool *ret_replace)
{
	struct bytes directive = request_header(r, name);
	*ret_replace = bytes_is(directive, "REPLACE");
	bool known = directive.n == 0 || *ret_replace || bytes_is(directive, "COPY");
	return known ? S3E_NONE : S3E_INVALID_ARGUMENT;
}

/* The bucket of the source has versions: tell which one was copied. */
static void source_version_header(struct request *r)
{
	struct index_version version = index_version_of(&r->source);
	if (r->source_bucket.versioning != INDEX_VERSIONING_OFF) {
		version_header(r, "x-amz-copy-source-version-id", &version);
	}
}

/* Onto itself and nothing changed: what S3 refuses. An older version comes back so. */
static bool is_self_copy(struct request *r)
{
	bool customer = r->source.sse == INDEX_SSE_CUSTOMER || r->object.sse == INDEX_SSE_CUSTOMER;
	return !customer && bytes_equal(r->source.bucket, r->target.bucket) &&
	       bytes_equal(r->source.key, r->target.key) &&
	       !request_has_header(r, "x-amz-server-side-encryption") && !r->source_named;
}

/* The kind that the copy gets: the one asked for, else the source's. */
static enum s3error take_checksum_kind(struct request *r)
{
	struct bytes wanted = request_header(r, "x-amz-checksum-algorithm");
	enum checksum_kind kind = checksum_by_name(wanted);
	if (wanted.n == 0) {
		r->object.checksum_kind = r->source.checksum_kind;
		return S3E_NONE;
	}
	if (checksum_header(kind) == NULL) {
		return S3E_CHECKSUM_ALGORITHM;
	}
	r->object.checksum_kind = (uint8_t)kind;
	return S3E_NONE;
}

static enum s3error new_object(struct request *r)
{
	bool replace = false;
	bool replace_tags = false;
	TRY_S3(read_directive(r, "x-amz-metadata-directive", &replace));
	TRY_S3(read_directive(r, "x-amz-tagging-directive", &replace_tags));
	TRY_S3(object_new(r));
	TRY_S3(take_checksum_kind(r));
	if (!replace && !replace_tags && is_self_copy(r)) {
		return S3E_SELF_COPY;
	}
	if (!replace_tags) {
		r->object.tags = r->source.tags;
		r->object.n_tags = r->source.n_tags;
	}
	if (!replace) {
		r->object.metadata = r->source.metadata;
		r->object.n_metadata = r->source.n_metadata;
		r->object.content_type = r->source.content_type;
	}
	return r->count > GATEWAY_OBJECT_MAX ? S3E_COPY_TOO_LARGE : S3E_NONE;
}

enum s3error op_copy_object_prepare(struct request *r)
{
	TRY_S3(find_source(r));
	if (r->outcome == S3E_NONE) {
		r->outcome = new_object(r);
	}
	if (r->outcome == S3E_NONE) {
		request_key_open(r, true, &r->source);
		request_key_issue(r, r->target.bucket, r->target.key, r->object.id);
	}
	return S3E_NONE;
}

/* The digests that a copy needs on the way: MD5 for AES256 ETags, and the source's checksum kind. */
struct digests {
	struct checksum *md5, *checksum;
	uint8_t md5_value[CHECKSUM_BYTES_MAX], value[CHECKSUM_BYTES_MAX];
	size_t md5_n, n;
};

static enum err digest(struct digests *d, struct bytes b)
{
	if (d->md5 != NULL) {
		TRY(checksum_update(d->md5, b));
	}
	return d->checksum == NULL ? OK : checksum_update(d->checksum, b);
}

static enum err digests_finish(struct digests *d)
{
	if (d->md5 != NULL) {
		TRY(checksum_final(d->md5, d->md5_value, &d->md5_n));
	}
	return d->checksum == NULL ? OK : checksum_final(d->checksum, d->value, &d->n);
}

/* Open the source, seal the target, segment by segment; plaintext is only ever in this buffer. */
static enum err pump(struct request *r, struct digests *d, uint8_t *memory)
{
	bool last = false;
	while (!last) {
		struct writer out = writer_fixed(memory, COPY_STEP_BYTES);
		uint64_t deadline = clock_mono_ms() + COPY_DEADLINE_MS;
		TRY(vault_read(r->reader, deadline, &out, &last));
		TRY(digest(d, writer_bytes(&out)));
		vault_write_deadline(r->writer, deadline);
		TRY(vault_write(r->writer, writer_bytes(&out)));
	}
	vault_write_deadline(r->writer, clock_mono_ms() + COPY_DEADLINE_MS);
	return digests_finish(d);
}

static enum err copy_bytes(struct request *r, const struct secret *source_dek,
                           const struct secret *target_dek, struct digests *d)
{
	uint8_t *memory = malloc(COPY_STEP_BYTES);
	if (memory == NULL) {
		return ERR_NOMEM;
	}
	enum err e = vault_read_begin(r->g->vault, &r->source, source_dek, r->first, r->count,
	                              &r->reader);
	if (e == OK) {
		e = vault_write_begin(r->g->vault, target_dek, request_deadline(r), &r->writer);
	}
	if (e == OK) {
		e = pump(r, d, memory);
	}
	wipe(memory, COPY_STEP_BYTES);
	free(memory);
	return e;
}

static enum s3error copy_with_digests(struct request *r, const struct secret *source_dek,
                                      const struct secret *target_dek, bool md5,
                                      enum checksum_kind kind, struct digests *d)
{
	bool is_long = r->count > COPY_LONG_BYTES;
	if (is_long && !gateway_copy_begin(r->g)) {
		return S3E_SLOW_DOWN;
	}
	enum err e = md5 ? checksum_new(CHECKSUM_MD5, &d->md5) : OK;
	if (e == OK && kind != CHECKSUM_NONE) {
		e = checksum_new(kind, &d->checksum);
	}
	if (e == OK) {
		e = copy_bytes(r, source_dek, target_dek, d);
	}
	checksum_free(d->md5);
	checksum_free(d->checksum);
	if (is_long) {
		gateway_copy_end(r->g);
	}
	return s3error_of(e);
}

static void answer_copied_object(struct request *r, const struct index_object *o)
{
	struct writer w = writer_growing(GATEWAY_ANSWER_MAX);
	xml_begin(&w);
	xml_open(&w, "CopyObjectResult");
	object_xml_date(&w, "LastModified", o->modified_ms);
	object_xml_etag(&w, o->etag);
	object_xml_checksum_of(&w, o);
	xml_close(&w, "CopyObjectResult");
	answer_xml(r, 200, &w);
	object_sse_headers(r, o);
	lifecycle_headers(r, o);
	object_made_header(r, o);
	source_version_header(r);
}

static void answer_copied_part(struct request *r, const struct index_part *part)
{
	struct writer w = writer_growing(GATEWAY_ANSWER_MAX);
	xml_begin(&w);
	xml_open(&w, "CopyPartResult");
	object_xml_date(&w, "LastModified", part->modified_ms);
	object_xml_etag(&w, part->etag);
	object_xml_checksum(&w, (enum checksum_kind)part->checksum_kind, part->checksum, 0);
	xml_close(&w, "CopyPartResult");
	answer_xml(r, 200, &w);
	object_sse_headers(r, &r->upload.object);
	source_version_header(r);
}

enum s3error op_copy_object_begin(struct request *r)
{
	struct index_object *o = &r->object;
	struct digests d = {0};
	bool no_bucket = false;
	o->wrapped = r->grant.keys[1].wrapped;
	o->key_arn = r->grant.keys[1].arn;
	TRY_S3(resource_take_acl(r, o));
	TRY_S3(copy_with_digests(r, object_dek(r, 0), object_dek(r, 1),
	                         o->sse == INDEX_SSE_AES256,
	                         (enum checksum_kind)o->checksum_kind, &d));
	if (o->sse == INDEX_SSE_AES256) {
		TRY_S3(object_md5_etag(r, bytes_of(d.md5_value, d.md5_n), 0, &o->etag));
	} else {
		TRY_S3(object_random_etag(r, 1, &o->etag));
	}
	o->checksum = arena_copy(r->a, bytes_of(d.value, d.n));
	o->modified_ms = object_now_ms();
	struct vault_writer *writer = r->writer;
	r->writer = NULL;
	enum err e = vault_write_object(writer, r->a, o, &r->condition, &no_bucket);
	if (e == ERR_NOTFOUND) {
		return no_bucket ? S3E_NO_SUCH_BUCKET : S3E_NO_SUCH_KEY;
	}
	TRY_S3(s3error_of(e));
	answer_copied_object(r, o);
	return S3E_NONE;
}

enum s3error op_upload_part_copy_prepare(struct request *r)
{
	TRY_S3(upload_find(r));
	if (r->outcome != S3E_NONE) {
		return S3E_NONE;
	}
	TRY_S3(find_source(r));
	if (r->outcome != S3E_NONE) {
		return S3E_NONE;
	}
	struct bytes range = request_header(r, "x-amz-copy-source-range");
	if (range.n > 0) {
		r->outcome = range_read_exact(range, r->source.size, &r->first, &r->count);
		if (r->outcome != S3E_NONE) {
			return S3E_NONE;
		}
	}
	r->outcome = r->count > GATEWAY_OBJECT_MAX ? S3E_COPY_TOO_LARGE : upload_part_number(r);
	if (r->outcome == S3E_NONE) {
		r->outcome = customer_match_upload(r);
	}
	if (r->outcome == S3E_NONE) {
		request_key_open(r, true, &r->source);
		request_key_open(r, false, &r->upload.object);
	}
	return S3E_NONE;
}

enum s3error op_upload_part_copy_begin(struct request *r)
{
	struct digests d = {0};
	struct index_part part = {0};
	bool md5 = r->upload.object.sse == INDEX_SSE_AES256;
	enum checksum_kind kind = object_part_checksum(&r->upload.object);
	TRY_S3(copy_with_digests(r, object_dek(r, 0), object_dek(r, 1), md5, kind, &d));
	part.checksum_kind = (uint8_t)kind;
	part.checksum = bytes_of(d.value, d.n);
	if (md5) {
		TRY_S3(object_md5_etag(r, bytes_of(d.md5_value, d.md5_n), 0, &part.etag));
	} else {
		TRY_S3(object_part_etag(r, 1, r->count, &part));
	}
	TRY_S3(upload_store_part(r, &part));
	answer_copied_part(r, &part);
	return S3E_NONE;
}
