#include "server/gateway/object.h"

#include <string.h>

#include "common/base/attr.h"
#include "common/base/clock.h"
#include "common/codec/base64.h"
#include "common/codec/date.h"
#include "common/codec/hex.h"
#include "common/codec/uri.h"
#include "common/codec/xml.h"
#include "common/objfmt/objfmt.h"
#include "server/gateway/customer.h"
#include "server/gateway/lifecycle.h"
#include "server/gateway/ops.h"

enum { ETAG_RANDOM_BYTES = 16, METADATA_FIELDS_MAX = 128, TEXT_MAX = 128 };

uint64_t object_now_ms(void)
{
	return clock_real_ms() / 1000 * 1000;
}

const struct secret *object_dek(const struct request *r, size_t i)
{
	return r->grant.keys[i].dek;
}

void object_etag_header(struct request *r, struct bytes etag)
{
	uint8_t text[TEXT_MAX];
	struct writer w = writer_fixed(text, sizeof(text));
	write_u8(&w, '"');
	write_bytes(&w, etag);
	write_u8(&w, '"');
	answer_header(r, "etag", writer_bytes(&w));
}

void object_xml_etag(struct writer *w, struct bytes etag)
{
	xml_open(w, "ETag");
	write_text(w, "&quot;");
	xml_escape(w, etag);
	write_text(w, "&quot;");
	xml_close(w, "ETag");
}

void object_xml_date(struct writer *w, const char *element, uint64_t ms)
{
	xml_open(w, element);
	date_write_iso_ms(w, ms);
	xml_close(w, element);
}

void object_sse_headers(struct request *r, const struct index_object *o)
{
	if (o->sse == INDEX_SSE_CUSTOMER) {
		customer_headers(r);
		return;
	}
	if (o->sse == INDEX_SSE_AES256) {
		answer_header(r, "x-amz-server-side-encryption", BYTES("AES256"));
		return;
	}
	answer_header(r, "x-amz-server-side-encryption", BYTES("aws:kms"));
	answer_header(r, "x-amz-server-side-encryption-aws-kms-key-id", o->key_arn);
}

uint32_t object_parts(const struct index_object *o)
{
	uint32_t n = 0;
	for (size_t i = 0; i < o->n_parts; i++) {
		n += o->parts[i].number <= INDEX_PARTS_MAX;
	}
	return n;
}

uint32_t object_composite_parts(const struct index_object *o)
{
	return o->checksum_composite ? object_parts(o) : 0;
}

static void write_checksum(struct writer *w, struct bytes value, uint32_t composite_parts)
{
	base64_write(w, value);
	if (composite_parts > 0) {
		write_u8(w, '-');
		write_decimal(w, composite_parts);
	}
}

void object_xml_checksum(struct writer *w, enum checksum_kind kind, struct bytes value,
                         uint32_t composite_parts)
{
	char text[32];
	struct writer element = writer_fixed(text, sizeof(text));
	if (checksum_header(kind) == NULL || value.n == 0) {
		return;
	}
	write_text(&element, "Checksum");
	write_text(&element, checksum_name(kind));
	write_u8(&element, 0);
	xml_open(w, text);
	write_checksum(w, value, composite_parts);
	xml_close(w, text);
}

void object_xml_checksum_kind(struct writer *w, uint8_t kind, bool composite)
{
	if (kind != CHECKSUM_NONE) {
		xml_element_text(w, "ChecksumAlgorithm", checksum_name((enum checksum_kind)kind));
		xml_element_text(w, "ChecksumType", composite ? "COMPOSITE" : "FULL_OBJECT");
	}
}

void object_xml_checksum_of(struct writer *w, const struct index_object *o)
{
	enum checksum_kind kind = (enum checksum_kind)o->checksum_kind;
	if (checksum_header(kind) == NULL) {
		return;
	}
	object_xml_checksum(w, kind, o->checksum, object_composite_parts(o));
	xml_element_text(w, "ChecksumType", o->checksum_composite ? "COMPOSITE" : "FULL_OBJECT");
}

/* `composite`: of the object's checksum, also where `value` is a part's. */
static void checksum_header_of(struct request *r, enum checksum_kind kind, struct bytes value,
                               uint32_t composite_parts, bool composite)
{
	uint8_t text[TEXT_MAX];
	struct writer w = writer_fixed(text, sizeof(text));
	const char *name = checksum_header(kind);
	if (name == NULL) {
		return;
	}
	write_checksum(&w, value, composite_parts);
	answer_header(r, name, writer_bytes(&w));
	answer_header(r, "x-amz-checksum-type",
	              composite ? BYTES("COMPOSITE") : BYTES("FULL_OBJECT"));
}

void object_checksum_header(struct request *r, enum checksum_kind kind, struct bytes value,
                            uint32_t composite_parts)
{
	checksum_header_of(r, kind, value, composite_parts, composite_parts > 0);
}

static void override_header(struct request *r, const char *header, const char *param,
                            struct bytes stored)
{
	struct bytes value = request_param(r, param);
	if (value.n == 0) {
		value = stored;
	}
	if (value.n > 0) {
		answer_header(r, header, value);
	}
}

static struct bytes metadata_get(const struct index_object *o, const char *name)
{
	const struct field *f = field_get(o->metadata, o->n_metadata, name, false);
	return f == NULL ? (struct bytes){NULL, 0} : f->value;
}

/* Of the bytes that are sent: a checksum of the whole beside a range would make the client refuse good bytes. */
static void checksum_headers(struct request *r, const struct index_object *o)
{
	enum checksum_kind kind = (enum checksum_kind)o->checksum_kind;
	if (!r->ranged || (r->part != NULL && !o->multipart)) {
		object_checksum_header(r, kind, o->checksum, object_composite_parts(o));
	} else if (r->part != NULL && r->part->checksum_kind == o->checksum_kind) {
		checksum_header_of(r, kind, r->part->checksum, 0, o->checksum_composite);
	}
}

void object_cache_headers(struct request *r, const struct index_object *o)
{
	uint8_t text[TEXT_MAX];
	struct writer w = writer_fixed(text, sizeof(text));
	date_write_http(&w, o->modified_ms);
	answer_header(r, "last-modified", writer_bytes(&w));
	object_etag_header(r, o->etag);
	override_header(r, "cache-control", "response-cache-control",
	                metadata_get(o, "cache-control"));
	override_header(r, "expires", "response-expires", metadata_get(o, "expires"));
}

void object_headers(struct request *r, const struct index_object *o)
{
	static const struct {
		const char *header, *param;
	} standard[] = {
		{"content-disposition", "response-content-disposition"},
		{"content-encoding", "response-content-encoding"},
		{"content-language", "response-content-language"},
	};
	object_cache_headers(r, o);
	answer_header(r, "accept-ranges", BYTES("bytes"));
	override_header(r, "content-type", "response-content-type", o->content_type);
	for (size_t i = 0; i < COUNT(standard); i++) {
		override_header(r, standard[i].header, standard[i].param,
		                metadata_get(o, standard[i].header));
	}
	for (size_t i = 0; i < o->n_metadata; i++) {
		if (bytes_starts(o->metadata[i].name, BYTES("x-amz-meta-"))) {
			const char *name = arena_text(r->a, o->metadata[i].name);
			answer_header(r, name == NULL ? "" : name, o->metadata[i].value);
		}
	}
	object_sse_headers(r, o);
	if (o->n_tags > 0) {
		answer_header_u64(r, "x-amz-tagging-count", o->n_tags);
	}
	lifecycle_headers(r, o);
	object_version_header(r, o);
	object_lock_headers(r, o);
	if (bytes_is_nocase(request_header(r, "x-amz-checksum-mode"), "ENABLED")) {
		checksum_headers(r, o);
	}
}

static bool is_metadata_header(struct bytes name)
{
	static const char *const standard[] = {"cache-control", "content-disposition",
	                                       "content-encoding", "content-language", "expires"};
	for (size_t i = 0; i < COUNT(standard); i++) {
		if (bytes_is_nocase(name, standard[i])) {
			return true;
		}
	}
	return name.n > 11 && bytes_is_nocase(bytes_first(name, 11), "x-amz-meta-");
}

static struct bytes lower(struct arena *a, struct bytes name)
{
	struct bytes copy = arena_copy(a, name);
	uint8_t *p = (uint8_t *)copy.p;
	for (size_t i = 0; p != NULL && i < copy.n; i++) {
		if (p[i] >= 'A' && p[i] <= 'Z') {
			p[i] = (uint8_t)(p[i] + ('a' - 'A'));
		}
	}
	return copy;
}

/* aws-chunked is how the body travelled, not what the object is encoded with. */
static struct bytes without_aws_chunked(struct arena *a, struct bytes value)
{
	struct bytes parts[2 * METADATA_FIELDS_MAX];
	size_t n = 0;
	struct bytes rest = value;
	while (rest.p != NULL && n + 2 <= COUNT(parts)) {
		struct bytes one = bytes_trim(bytes_split(&rest, ','));
		if (one.n == 0 || bytes_is_nocase(one, "aws-chunked")) {
			continue;
		}
		if (n > 0) {
			parts[n++] = BYTES(", ");
		}
		parts[n++] = one;
	}
	return arena_join(a, parts, n);
}

enum s3error object_take_metadata(struct request *r, struct index_object *o)
{
	const struct http_head *head = r->head;
	struct field *kept = arena_alloc(r->a, METADATA_FIELDS_MAX * sizeof(*kept));
	size_t n = 0;
	size_t user_bytes = 0;
	if (kept == NULL) {
		return S3E_SLOW_DOWN;
	}
	for (size_t i = 0; i < head->n_fields; i++) {
		if (!is_metadata_header(head->fields[i].name)) {
			continue;
		}
		struct field f = {lower(r->a, head->fields[i].name), head->fields[i].value};
		if (bytes_is(f.name, "content-encoding")) {
			f.value = without_aws_chunked(r->a, f.value);
			if (f.value.n == 0) {
				continue;
			}
		}
		if (bytes_starts(f.name, BYTES("x-amz-meta-"))) {
			user_bytes += f.name.n - 11 + f.value.n;
		}
		if (n == METADATA_FIELDS_MAX || user_bytes > GATEWAY_METADATA_MAX) {
			return S3E_METADATA_TOO_LARGE;
		}
		kept[n++] = f;
	}
	o->metadata = kept;
	o->n_metadata = n;
	o->content_type = request_header(r, "content-type");
	if (o->content_type.n == 0) {
		o->content_type = BYTES("binary/octet-stream");
	}
	return o->content_type.n > INDEX_TEXT_MAX ? S3E_METADATA_TOO_LARGE : S3E_NONE;
}

enum s3error object_default_sse(struct request *r, struct config_encryption *ret)
{
	struct bytes stored;
	*ret = (struct config_encryption){0};
	TRY_S3(config_find(r, INDEX_CONFIG_ENCRYPTION, &stored));
	return stored.p == NULL ? S3E_NONE : config_encryption(r->a, stored, ret);
}

/* What the bucket says for requests that name no key; without that, the tenant's default key. */
static enum s3error take_default_sse(struct request *r, struct index_object *o)
{
	struct config_encryption by_default;
	TRY_S3(object_default_sse(r, &by_default));
	o->sse = by_default.aes256 ? INDEX_SSE_AES256 : INDEX_SSE_KMS;
	r->default_kek = by_default.key;
	if (!customer_given(r)) {
		return S3E_NONE;
	}
	return by_default.blocks_customer ? S3E_CUSTOMER_BLOCKED : customer_take(r, o);
}

enum s3error object_take_sse(struct request *r, struct index_object *o)
{
	struct bytes wanted = request_header(r, "x-amz-server-side-encryption");
	bool key_named = request_has_header(r, "x-amz-server-side-encryption-aws-kms-key-id");
	if (customer_given(r) && (wanted.n > 0 || key_named)) {
		return S3E_CUSTOMER_AND_OTHER;
	}
	/* Taken, and of no effect: a bucket key saves calls to a KMS; here each object has a key of its own. No answer says otherwise. */
	struct bytes bucket_key = request_header(r, "x-amz-server-side-encryption-bucket-key-enabled");
	if (bucket_key.n > 0 && !bytes_is_nocase(bucket_key, "true") &&
	    !bytes_is_nocase(bucket_key, "false")) {
		return S3E_INVALID_ARGUMENT;
	}
	o->sse = INDEX_SSE_KMS;
	if (wanted.n == 0) {
		return key_named ? S3E_INVALID_ARGUMENT : take_default_sse(r, o);
	}
	if (bytes_is(wanted, "aws:kms")) {
		return S3E_NONE;
	}
	if (bytes_is(wanted, "AES256")) {
		o->sse = INDEX_SSE_AES256;
		return key_named ? S3E_INVALID_ARGUMENT : S3E_NONE;
	}
	return bytes_is(wanted, "aws:kms:dsse") ? S3E_NOT_IMPLEMENTED : S3E_INVALID_ENCRYPTION;
}

enum s3error object_new(struct request *r)
{
	struct index_object *o = &r->object;
	random_bytes(o->id, sizeof(o->id));
	TRY_S3(object_take_sse(r, o));
	TRY_S3(object_take_metadata(r, o));
	TRY_S3(object_take_tags(r, o));
	TRY_S3(object_take_lock(r, o));
	TRY_S3(object_write_condition(r));
	o->bucket = r->target.bucket;
	o->key = r->target.key;
	/* For the trailer; the index decides. */
	o->versioned = r->bucket.versioning == INDEX_VERSIONING_ENABLED;
	return S3E_NONE;
}

enum s3error object_random_etag(struct request *r, uint32_t parts, struct bytes *ret)
{
	uint8_t random[ETAG_RANDOM_BYTES];
	random_bytes(random, sizeof(random));
	return object_md5_etag(r, bytes_of(random, sizeof(random)), parts, ret);
}

/* What S3 takes when nobody asks, and the fastest of all. */
enum checksum_kind object_part_checksum(const struct index_object *upload)
{
	enum checksum_kind kind = (enum checksum_kind)upload->checksum_kind;
	return kind == CHECKSUM_NONE ? CHECKSUM_CRC64NVME : kind;
}

enum s3error object_part_etag(struct request *r, size_t key, uint64_t size,
                              struct index_part *part)
{
	uint8_t tag[OBJFMT_ETAG_BYTES];
	TRY_S3(s3error_of(objfmt_part_etag(object_dek(r, key), part->checksum, size, tag)));
	return object_md5_etag(r, bytes_of(tag, sizeof(tag)), 0, &part->etag);
}

enum s3error object_md5_etag(struct request *r, struct bytes md5, uint32_t parts, struct bytes *ret)
{
	uint8_t text[TEXT_MAX];
	struct writer w = writer_fixed(text, sizeof(text));
	hex_write(&w, md5);
	if (parts > 0) {
		write_u8(&w, '-');
		write_decimal(&w, parts);
	}
	*ret = arena_copy(r->a, writer_bytes(&w));
	return ret->p == NULL ? S3E_SLOW_DOWN : S3E_NONE;
}
