/* CopyObject and UploadPartCopy: both keys come with one grant, against the one signature that names both. */
#include "common/codec/xml.h"
#include "server/gateway/copy.h"
#include "server/gateway/customer.h"
#include "server/gateway/lifecycle.h"
#include "server/gateway/ops.h"
#include "server/gateway/resource.h"

enum {
	COPY_FIRST_TURN_MS = 2000,
	COPY_TURN_MS = 200, /* others wait for this worker meanwhile */
};

/* The KMS reads the header in its canonical form, where a run of spaces is one and two headers are joined by a comma. What
 * would name another object there is refused; clients escape spaces. */
static bool is_canonical(const struct request *r)
{
	const struct http_head *head = r->head;
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

/* Onto itself and nothing changed: what S3 refuses. An older version comes back so; a storage class counts, also the one it has. */
static bool is_self_copy(struct request *r)
{
	bool customer = r->source.sse == INDEX_SSE_CUSTOMER || r->object.sse == INDEX_SSE_CUSTOMER;
	bool changes = request_has_header(r, "x-amz-storage-class") ||
	               request_has_header(r, "x-amz-checksum-algorithm");
	return !customer && !changes && bytes_equal(r->source.bucket, r->target.bucket) &&
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

static enum s3error publish_object(struct request *r)
{
	struct index_object *o = &r->object;
	bool no_bucket = false;
	if (o->sse == INDEX_SSE_AES256) {
		TRY_S3(object_md5_etag(r, bytes_of(r->copy->md5_value, r->copy->md5_n), 0, &o->etag));
	} else {
		TRY_S3(object_random_etag(r, 1, &o->etag));
	}
	o->checksum = bytes_of(r->copy->value, r->copy->value_n);
	o->modified_ms = object_now_ms();
	struct vault_writer *writer = r->writer;
	r->writer = NULL;
	enum err e = vault_write_object(writer, r->a, o, &r->condition, &no_bucket);
	if (e == ERR_NOTFOUND) {
		return no_bucket ? S3E_NO_SUCH_BUCKET : S3E_NO_SUCH_KEY;
	}
	return s3error_of(e);
}

static enum s3error publish_part(struct request *r)
{
	struct index_part *part = &r->copy->part;
	part->checksum_kind = (uint8_t)object_part_checksum(&r->upload.object);
	part->checksum = bytes_of(r->copy->value, r->copy->value_n);
	if (r->upload.object.sse == INDEX_SSE_AES256) {
		TRY_S3(object_md5_etag(r, bytes_of(r->copy->md5_value, r->copy->md5_n), 0,
		                       &part->etag));
	} else {
		TRY_S3(object_part_etag(r, 1, r->count, part));
	}
	return upload_store_part(r, part);
}

static bool is_of_part(const struct request *r)
{
	return r->target.op == S3OP_UPLOAD_PART_COPY;
}

static enum s3error publish(struct request *r)
{
	return is_of_part(r) ? publish_part(r) : publish_object(r);
}

static void write_result(const struct request *r, struct writer *w)
{
	const struct index_object *o = &r->object;
	const struct index_part *part = &r->copy->part;
	const char *name = is_of_part(r) ? "CopyPartResult" : "CopyObjectResult";
	xml_open(w, name);
	object_xml_date(w, "LastModified", is_of_part(r) ? part->modified_ms : o->modified_ms);
	object_xml_etag(w, is_of_part(r) ? part->etag : o->etag);
	if (is_of_part(r)) {
		object_xml_checksum(w, (enum checksum_kind)part->checksum_kind, part->checksum, 0);
	} else {
		object_xml_checksum_of(w, o);
	}
	xml_close(w, name);
}

static void result_headers(struct request *r)
{
	if (is_of_part(r)) {
		object_sse_headers(r, &r->upload.object);
	} else {
		object_sse_headers(r, &r->object);
		lifecycle_headers(r, &r->object);
		object_made_header(r, &r->object);
	}
	source_version_header(r);
}

/* Most copies end in the first turn and are answered as everything else. For the others S3's way: the head goes out, white space
 * follows while the copy goes on, so that no client takes the silence for a dead connection, and an error then comes inside a 200. */
static enum s3error begin(struct request *r, bool md5, enum checksum_kind kind)
{
	bool done = false;
	TRY_S3(copy_begin(r, md5, kind));
	TRY_S3(copy_turn(r, COPY_FIRST_TURN_MS, &done));
	if (!done) {
		answer_xml_later(r);
		result_headers(r);
		return S3E_NONE;
	}
	TRY_S3(publish(r));
	struct writer w = writer_growing(GATEWAY_ANSWER_MAX);
	xml_begin(&w);
	write_result(r, &w);
	answer_xml(r, 200, &w);
	result_headers(r);
	return S3E_NONE;
}

enum err op_copy_more(struct request *r, struct writer *out, bool *ret_last)
{
	bool done = false;
	if (!r->copy->told) {
		xml_begin(out);
		r->copy->told = true;
	}
	enum s3error e = copy_turn(r, COPY_TURN_MS, &done);
	if (e == S3E_NONE && done) {
		e = publish(r);
	}
	*ret_last = done || e != S3E_NONE;
	if (e != S3E_NONE) {
		answer_error_late(r, e, out);
	} else if (done) {
		write_result(r, out);
	} else {
		write_u8(out, ' ');
	}
	return writer_end(out);
}

enum s3error op_copy_object_begin(struct request *r)
{
	struct index_object *o = &r->object;
	o->wrapped = r->grant.keys[1].wrapped;
	o->key_arn = r->grant.keys[1].arn;
	o->modified_ms = object_now_ms();
	TRY_S3(resource_take_acl(r, o));
	return begin(r, o->sse == INDEX_SSE_AES256, (enum checksum_kind)o->checksum_kind);
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
	const struct index_object *o = &r->upload.object;
	return begin(r, o->sse == INDEX_SSE_AES256, object_part_checksum(o));
}
