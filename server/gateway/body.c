#include "server/gateway/body.h"

#include <string.h>

#include "common/base/attr.h"
#include "common/codec/base64.h"
#include "common/codec/hex.h"
#include "common/crypto/hash.h"
#include "common/sigv4/awschunk.h"
#include "server/gateway/grant.h"

enum { MD5_BYTES = 16, CHUNK_BATCH = 1024 };

struct body {
	struct request *r;
	struct body_sink sink;
	uint64_t size, size_max;
	int64_t expected;               /* plain bytes announced; -1: not */
	enum s3error fault;             /* first refusal inside the pipeline */
	struct awschunk *chunked;       /* NULL: the body is not aws-chunked */
	struct sigv4_chunk *chunks;     /* not yet verified */
	size_t n_chunks;
	char previous[SIGV4_SIGNATURE_HEX];
	struct hash *payload;           /* x-amz-content-sha256 is a hash */
	uint8_t payload_expected[SHA256_BYTES];
	struct checksum *checksum;
	enum checksum_kind kind;
	bool announced, in_trailer;     /* the client gave, or will give, a value */
	uint8_t checksum_expected[CHECKSUM_BYTES_MAX];
	uint8_t checksum_value[CHECKSUM_BYTES_MAX];
	struct checksum *md5;
	bool md5_announced;
	uint8_t md5_expected[CHECKSUM_BYTES_MAX];
	uint8_t md5_value[CHECKSUM_BYTES_MAX];
};

static enum err plain(void *context, struct bytes bytes)
{
	struct body *b = context;
	if (bytes.n > b->size_max - b->size) {
		b->fault = S3E_TOO_LARGE;
		return ERR_LIMIT;
	}
	b->size += bytes.n;
	if (b->payload != NULL) {
		TRY(hash_update(b->payload, bytes));
	}
	if (b->checksum != NULL) {
		TRY(checksum_update(b->checksum, bytes));
	}
	if (b->md5 != NULL) {
		TRY(checksum_update(b->md5, bytes));
	}
	enum err e = b->sink.data(b->sink.context, bytes);
	if (e != OK) {
		b->fault = s3error_of(e);
	}
	return e;
}

static enum s3error verify_chunks(struct body *b)
{
	size_t n = b->n_chunks;
	b->n_chunks = 0;
	return grant_chunks(b->r, b->previous, b->chunks, n);
}

static enum err chunk(void *context, const struct sigv4_chunk *c)
{
	struct body *b = context;
	b->chunks[b->n_chunks++] = *c;
	if (b->n_chunks < CHUNK_BATCH) {
		return OK;
	}
	b->fault = verify_chunks(b);
	return b->fault == S3E_NONE ? OK : ERR_AUTH;
}

static bool base64_exact(struct bytes text, uint8_t *out, size_t n)
{
	struct writer w = writer_fixed(out, n);
	return base64_read(text, &w) == OK && w.used == n;
}

/* A checksum that cannot be computed here must not look as if it had been compared. */
static enum s3error refuse_unknown_kinds(const struct request *r)
{
	static const char prefix[] = "x-amz-checksum-";
	static const char *const others[] = {
		"x-amz-checksum-algorithm", "x-amz-checksum-mode", "x-amz-checksum-type"};
	for (size_t i = 0; i < r->head->n_fields; i++) {
		struct bytes name = r->head->fields[i].name;
		bool other = checksum_by_header(name) != CHECKSUM_NONE;
		for (size_t k = 0; k < COUNT(others); k++) {
			other = other || bytes_is_nocase(name, others[k]);
		}
		if (!other && bytes_is_nocase(bytes_first(name, sizeof(prefix) - 1), prefix)) {
			return S3E_CHECKSUM_ALGORITHM;
		}
	}
	return S3E_NONE;
}

/* x-amz-checksum-<kind>: value, or x-amz-trailer that names it. One kind only. */
static enum s3error read_checksum_headers(struct body *b)
{
	/* With Complete the header is the checksum of the joined object, not of this body. */
	bool complete = b->r->target.op == S3OP_COMPLETE_MULTIPART_UPLOAD;
	for (int i = CHECKSUM_NONE + 1; i < CHECKSUM_KINDS && !complete; i++) {
		enum checksum_kind kind = (enum checksum_kind)i;
		const char *name = checksum_header(kind);
		if (name == NULL || !request_has_header(b->r, name)) {
			continue;
		}
		if (b->announced) {
			return S3E_CHECKSUM_MANY;
		}
		b->announced = true;
		b->kind = kind;
		if (!base64_exact(request_header(b->r, name), b->checksum_expected,
		                  checksum_size(kind))) {
			return S3E_CHECKSUM_INVALID;
		}
	}
	struct bytes trailer = request_header(b->r, "x-amz-trailer");
	if (trailer.n > 0) {
		if (b->announced) {
			return S3E_CHECKSUM_MANY;
		}
		b->kind = checksum_by_header(bytes_trim(trailer));
		if (b->kind == CHECKSUM_NONE) {
			return S3E_CHECKSUM_ALGORITHM;
		}
		b->announced = true;
		b->in_trailer = true;
	}
	return S3E_NONE;
}

/* x-amz-sdk-checksum-algorithm promises a value, here or in the trailer; Content-MD5 is one, too. */
static enum s3error check_promise(const struct body *b)
{
	struct bytes wanted = request_header(b->r, "x-amz-sdk-checksum-algorithm");
	bool kept = b->announced || request_has_header(b->r, "content-md5") ||
	            b->r->target.op == S3OP_COMPLETE_MULTIPART_UPLOAD;
	if (wanted.n > 0 && checksum_by_name(wanted) == CHECKSUM_NONE) {
		return S3E_CHECKSUM_ALGORITHM;
	}
	return wanted.n > 0 && !kept ? S3E_CHECKSUM_MISSING : S3E_NONE;
}

static enum s3error read_checksums(struct body *b, bool md5, enum checksum_kind kind)
{
	TRY_S3(refuse_unknown_kinds(b->r));
	TRY_S3(read_checksum_headers(b));
	TRY_S3(check_promise(b));
	if (b->kind == CHECKSUM_NONE) {
		b->kind = kind;
	}
	if (b->kind != CHECKSUM_NONE && checksum_new(b->kind, &b->checksum) != OK) {
		return S3E_SLOW_DOWN;
	}
	struct bytes content_md5 = request_header(b->r, "content-md5");
	b->md5_announced = request_has_header(b->r, "content-md5");
	if (b->md5_announced && !base64_exact(content_md5, b->md5_expected, MD5_BYTES)) {
		return S3E_INVALID_DIGEST;
	}
	if ((md5 || b->md5_announced) && checksum_new(CHECKSUM_MD5, &b->md5) != OK) {
		return S3E_SLOW_DOWN;
	}
	return S3E_NONE;
}

static enum s3error read_payload_form(struct body *b)
{
	const struct sigv4_evidence *evidence = &b->r->access.evidence;
	struct bytes decoded = request_header(b->r, "x-amz-decoded-content-length");
	uint64_t length = 0;
	switch (evidence->payload) {
	case SIGV4_PAYLOAD_SIGNED:
		if (hex_read(evidence->content_hash, b->payload_expected, SHA256_BYTES) != OK) {
			return S3E_PAYLOAD_FORM;
		}
		return s3error_of(hash_sha256_new(&b->payload));
	case SIGV4_PAYLOAD_UNSIGNED:
		return S3E_NONE;
	case SIGV4_PAYLOAD_CHUNKED:
	case SIGV4_PAYLOAD_CHUNKED_TRAILER:
		memcpy(b->previous, evidence->signature.p, SIGV4_SIGNATURE_HEX);
		b->chunks = arena_alloc(b->r->a, CHUNK_BATCH * sizeof(*b->chunks));
		if (b->chunks == NULL) {
			return S3E_SLOW_DOWN;
		}
		break;
	case SIGV4_PAYLOAD_UNSIGNED_TRAILER:
		break;
	case SIGV4_PAYLOAD_UNSUPPORTED:
	default:
		return S3E_PAYLOAD_FORM;
	}
	b->expected = -1;
	if (decoded.n == 0 && evidence->payload != SIGV4_PAYLOAD_UNSIGNED_TRAILER) {
		return S3E_MISSING_LENGTH;
	}
	if (decoded.n > 0) {
		if (bytes_u64(decoded, &length) != OK || length > INT64_MAX) {
			return S3E_INVALID_ARGUMENT;
		}
		b->expected = (int64_t)length;
	}
	const struct awschunk_sink sink = {.data = plain, .chunk = chunk, .context = b};
	b->chunked = awschunk_new(b->r->a, evidence->payload, b->expected, sink);
	return b->chunked == NULL ? S3E_SLOW_DOWN : S3E_NONE;
}

enum s3error body_new(struct request *r, uint64_t size_max, bool md5, enum checksum_kind kind,
                      struct body_sink sink, struct body **ret)
{
	const struct http_head *head = r->head;
	struct body *b = arena_alloc(r->a, sizeof(*b));
	if (b == NULL) {
		return S3E_SLOW_DOWN;
	}
	*ret = b; /* from here on the request frees it */
	b->r = r;
	b->sink = sink;
	b->size_max = size_max;
	b->expected = head->content_length;
	if (head->content_length < 0 && !head->chunked) {
		return S3E_MISSING_LENGTH;
	}
	TRY_S3(read_payload_form(b));
	TRY_S3(read_checksums(b, md5, kind));
	if (b->in_trailer && b->chunked == NULL) {
		return S3E_MALFORMED_TRAILER;
	}
	return b->expected > 0 && (uint64_t)b->expected > size_max ? S3E_TOO_LARGE : S3E_NONE;
}

enum s3error body_push(struct body *b, struct bytes bytes)
{
	enum err e = b->chunked == NULL ? plain(b, bytes) : awschunk_push(b->chunked, bytes);
	if (e == OK) {
		return S3E_NONE;
	}
	if (b->fault != S3E_NONE) {
		return b->fault;
	}
	return e == ERR_INPUT || e == ERR_LIMIT ? S3E_INCOMPLETE_BODY : s3error_of(e);
}

static enum s3error take_trailer(struct body *b)
{
	const struct field *trailers = NULL;
	size_t n = awschunk_trailers(b->chunked, &trailers);
	for (size_t i = 0; i < n; i++) {
		enum checksum_kind kind = checksum_by_header(trailers[i].name);
		if (kind == CHECKSUM_NONE) {
			continue;
		}
		if (!b->in_trailer || kind != b->kind) {
			return S3E_MALFORMED_TRAILER;
		}
		if (!base64_exact(trailers[i].value, b->checksum_expected, checksum_size(kind))) {
			return S3E_CHECKSUM_INVALID;
		}
		return S3E_NONE;
	}
	return b->in_trailer ? S3E_MALFORMED_TRAILER : S3E_NONE;
}

static enum s3error compare_digests(struct body *b)
{
	uint8_t digest[SHA256_BYTES];
	size_t n = 0;
	if (b->payload != NULL) {
		TRY_S3(s3error_of(hash_final(b->payload, digest)));
		if (memcmp(digest, b->payload_expected, sizeof(digest)) != 0) {
			return S3E_SHA256_MISMATCH;
		}
	}
	if (b->md5 != NULL) {
		TRY_S3(s3error_of(checksum_final(b->md5, b->md5_value, &n)));
		if (b->md5_announced && memcmp(b->md5_value, b->md5_expected, MD5_BYTES) != 0) {
			return S3E_BAD_DIGEST;
		}
	}
	if (b->checksum != NULL) {
		TRY_S3(s3error_of(checksum_final(b->checksum, b->checksum_value, &n)));
		if (b->announced && memcmp(b->checksum_value, b->checksum_expected, n) != 0) {
			return S3E_CHECKSUM_MISMATCH;
		}
	}
	return S3E_NONE;
}

enum s3error body_finish(struct body *b)
{
	if (b->chunked != NULL) {
		enum err e = awschunk_end(b->chunked);
		if (e != OK) {
			return b->fault != S3E_NONE ? b->fault : S3E_INCOMPLETE_BODY;
		}
		TRY_S3(verify_chunks(b));
		TRY_S3(take_trailer(b));
	}
	if (b->expected >= 0 && b->size != (uint64_t)b->expected) {
		return S3E_INCOMPLETE_BODY;
	}
	return compare_digests(b);
}

void body_free(struct body *b)
{
	if (b != NULL) {
		hash_free(b->payload);
		checksum_free(b->checksum);
		checksum_free(b->md5);
	}
}

uint64_t body_size(const struct body *b)
{
	return b->size;
}

enum checksum_kind body_checksum(const struct body *b, struct bytes *ret)
{
	*ret = bytes_of(b->checksum_value, checksum_size(b->kind));
	return b->kind;
}

struct bytes body_md5(const struct body *b)
{
	return b->md5 == NULL ? (struct bytes){NULL, 0} : bytes_of(b->md5_value, MD5_BYTES);
}
