#include "server/gateway/customer.h"

#include <assert.h>

#include "common/base/attr.h"
#include "common/codec/base64.h"
#include "common/crypto/checksum.h"
#include "common/objfmt/objfmt.h"
#include "server/gateway/object.h"

enum { KEY_TEXT_BYTES = 64, MD5_BYTES = 16 };
static_assert((int)INDEX_CUSTOMER_CHECK_BYTES == (int)OBJFMT_CUSTOMER_CHECK_BYTES, "one check value");
static_assert((int)INDEX_OBJECT_ID_BYTES == (int)OBJFMT_OBJECT_ID_BYTES, "one object id");

#define SSE_C "x-amz-server-side-encryption-customer-"
#define SOURCE_SSE_C "x-amz-copy-source-server-side-encryption-customer-"

static const struct names {
	const char *algorithm, *key, *md5;
} target_names = {SSE_C "algorithm", SSE_C "key", SSE_C "key-md5"},
  source_names = {SOURCE_SSE_C "algorithm", SOURCE_SSE_C "key", SOURCE_SSE_C "key-md5"};

static bool given(const struct request *r, const struct names *n)
{
	return request_has_header(r, n->algorithm) || request_has_header(r, n->key) ||
	       request_has_header(r, n->md5);
}

bool customer_given(const struct request *r)
{
	return given(r, &target_names);
}

bool customer_mentioned(const struct request *r)
{
	return given(r, &target_names) || given(r, &source_names);
}

static enum err md5_of(struct bytes b, uint8_t ret[CHECKSUM_BYTES_MAX])
{
	struct checksum *c = NULL;
	size_t n = 0;
	TRY(checksum_new(CHECKSUM_MD5, &c));
	enum err e = checksum_update(c, b);
	if (e == OK) {
		e = checksum_final(c, ret, &n);
	}
	checksum_free(c);
	return e;
}

/* The MD5 is of the key as it arrived: S3 compares it before it looks at the length. */
static enum s3error check_key(struct bytes key, struct bytes md5_text)
{
	uint8_t wanted[MD5_BYTES], md5[CHECKSUM_BYTES_MAX];
	struct writer w = writer_fixed(wanted, sizeof(wanted));
	TRY_S3(s3error_of(md5_of(key, md5)));
	bool same = base64_read(md5_text, &w) == OK && w.used == MD5_BYTES &&
	            same_bytes(wanted, md5, MD5_BYTES);
	if (!same) {
		return S3E_CUSTOMER_MD5;
	}
	return key.n == OBJFMT_CUSTOMER_KEY_BYTES ? S3E_NONE : S3E_CUSTOMER_KEY;
}

/* The one place where a customer's key stands outside of a secret. */
static enum s3error decode_key(struct bytes text, struct customer_key *ret)
{
	uint8_t memory[KEY_TEXT_BYTES];
	struct writer w = writer_fixed(memory, sizeof(memory));
	if (base64_read(text, &w) != OK) {
		wipe(memory, sizeof(memory));
		return S3E_CUSTOMER_KEY;
	}
	enum s3error e = check_key(writer_bytes(&w), ret->md5);
	if (e == S3E_NONE) {
		ret->key = secret_from(writer_bytes(&w));
		e = ret->key == NULL ? S3E_SLOW_DOWN : S3E_NONE;
	}
	wipe(memory, sizeof(memory));
	return e;
}

static enum s3error read_key(struct request *r, const struct names *n, struct customer_key *ret)
{
	struct bytes algorithm = request_header(r, n->algorithm);
	struct bytes key = request_header(r, n->key);
	ret->md5 = request_header(r, n->md5);
	if (algorithm.n == 0) {
		return S3E_CUSTOMER_NO_ALGORITHM;
	}
	if (!bytes_is(algorithm, "AES256")) {
		return S3E_CUSTOMER_ALGORITHM;
	}
	if (key.n == 0) {
		return S3E_CUSTOMER_NO_KEY;
	}
	return ret->md5.n == 0 ? S3E_CUSTOMER_NO_MD5 : decode_key(key, ret);
}

enum s3error customer_take(struct request *r, struct index_object *o)
{
	TRY_S3(read_key(r, &target_names, &r->customer));
	o->sse = INDEX_SSE_CUSTOMER;
	return s3error_of(objfmt_customer_check(r->customer.key, o->id, o->customer_check));
}

static enum s3error match(struct request *r, const struct names *n, const struct index_object *o,
                          struct customer_key *ret)
{
	uint8_t check[OBJFMT_CUSTOMER_CHECK_BYTES];
	bool needed = o->sse == INDEX_SSE_CUSTOMER;
	bool is_given = given(r, n);
	if (!needed) {
		return is_given ? S3E_CUSTOMER_NOT_APPLICABLE : S3E_NONE;
	}
	if (!is_given) {
		return S3E_CUSTOMER_NEEDED;
	}
	TRY_S3(read_key(r, n, ret));
	TRY_S3(s3error_of(objfmt_customer_check(ret->key, o->id, check)));
	return same_bytes(check, o->customer_check, sizeof(check)) ? S3E_NONE : S3E_CUSTOMER_WRONG;
}

enum s3error customer_match(struct request *r)
{
	return match(r, &target_names, &r->object, &r->customer);
}

enum s3error customer_match_source(struct request *r)
{
	return match(r, &source_names, &r->source, &r->source_customer);
}

/* Of an upload S3 says it in other words. */
static enum s3error match_upload(struct request *r, const struct index_object *o)
{
	enum s3error e = match(r, &target_names, o, &r->customer);
	bool other = e == S3E_CUSTOMER_NEEDED || e == S3E_CUSTOMER_NOT_APPLICABLE;
	return other ? S3E_CUSTOMER_OF_UPLOAD : e;
}

enum s3error customer_match_upload(struct request *r)
{
	struct config_encryption by_default;
	TRY_S3(object_default_sse(r, &by_default));
	if (by_default.blocks_customer && customer_given(r)) {
		return S3E_CUSTOMER_BLOCKED;
	}
	return match_upload(r, &r->upload.object);
}

enum s3error customer_confirm(struct request *r, const struct index_object *o)
{
	if (!customer_given(r) && o->checksum_kind == CHECKSUM_NONE) {
		return S3E_NONE;
	}
	enum s3error e = match_upload(r, o);
	r->customer.key = secret_free(r->customer.key);
	return e;
}

enum s3error customer_mix(struct request *r)
{
	for (size_t i = 0; i < r->grant.n_keys; i++) {
		struct kmsproto_key_reply *reply = &r->grant.keys[i];
		struct secret *mixed = NULL;
		if (r->mixed[i] == NULL) {
			continue;
		}
		TRY_S3(s3error_of(objfmt_customer_dek(reply->dek, r->mixed[i],
		                                      r->access.keys[i].object_id, &mixed)));
		secret_free(reply->dek);
		reply->dek = mixed;
	}
	return S3E_NONE;
}

void customer_headers(struct request *r)
{
	if (r->customer.md5.n > 0) {
		answer_header(r, target_names.algorithm, BYTES("AES256"));
		answer_header(r, target_names.md5, r->customer.md5);
	}
}

static void forget(struct bytes text)
{
	if (text.n > 0) {
		wipe((uint8_t *)text.p, text.n);
	}
}

void customer_release(struct request *r)
{
	r->customer.key = secret_free(r->customer.key);
	r->source_customer.key = secret_free(r->source_customer.key);
	if (customer_mentioned(r)) {
		forget(request_header(r, target_names.key));
		forget(request_header(r, source_names.key));
		forget(r->access.evidence.canonical);
	}
}
