/* AWS's published examples and what botocore sends (tests/vectors/sigv4/make.py). */
#include "tests/unit/common/sigv4/support.h"

#include "common/codec/base64.h"
#include "common/codec/date.h"
#include "common/codec/hex.h"
#include "common/codec/json.h"
#include "common/crypto/hash.h"
#include "common/sigv4/awschunk.h"

enum { VECTORS_MAX = 4 << 20, BODY_MAX = 128 << 10 };

/* The request of a case. */
static void take_request(struct bent *b, const struct json *v)
{
	const struct json *headers = json_get(v, "headers");

	b->request.method = json_get_bytes(v, "method");
	b->request.path = json_get_bytes(v, "path");
	b->request.query = json_get_bytes(v, "query");
	for (size_t i = 0; i < json_count(headers); i++) {
		const struct json *pair = json_at(headers, i);
		b->headers[b->request.n_headers++] =
			(struct field){json_bytes(json_at(pair, 0)), json_bytes(json_at(pair, 1))};
	}
}

/* One case, read and checked. */
static void check_case(const struct json *v)
{
	struct bent *b = bent_new("", "", "");
	struct sigv4_evidence e;
	enum sigv4_fault fault;
	struct sigv4_claims claims;
	struct bytes body_hash = BYTES("");
	struct bytes text;
	uint64_t ms;
	bool expired;

	take_request(b, v);
	struct bytes service = json_get_bytes(v, "service");
	char hex[64];
	if (!bytes_is(service, "s3")) {
		uint8_t hash[SHA256_BYTES];
		struct writer body = writer_growing(BODY_MAX);
		struct writer w = writer_fixed(hex, sizeof(hex));
		assert_int_equal(base64_read(json_get_bytes(v, "body"), &body), OK);
		assert_int_equal(hash_sha256(writer_bytes(&body), hash), OK);
		hex_write(&w, bytes_of(hash, sizeof(hash)));
		body_hash = writer_bytes(&w);
		writer_free(&body);
	}
	enum err result = sigv4_read(b->arena, &b->request, service, body_hash, &e, &fault);
	if (result != OK) {
		print_error("fault %d\n", (int)fault);
	}
	assert_int_equal(result, OK);
	assert_text(e.canonical, (const char *)json_get_bytes(v, "canonical").p);
	assert_true(bytes_equal(e.access_key, json_get_bytes(v, "access_key")));
	assert_true(bytes_equal(e.region, json_get_bytes(v, "region")));
	assert_true(bytes_equal(e.amz_date, json_get_bytes(v, "date")));
	assert_true(bytes_equal(e.signature, json_get_bytes(v, "signature")));
	assert_int_equal(sigv4_string_to_sign(b->arena, &e, &text), OK);
	assert_text(text, (const char *)json_get_bytes(v, "string_to_sign").p);

	struct secret *secret = secret_from(json_get_bytes(v, "secret"));
	struct secret *key = NULL;
	assert_int_equal(sigv4_signing_key(secret, e.date, e.region, e.service, &key), OK);
	assert_int_equal(date_read_amz(e.amz_date, &ms), OK);
	assert_int_equal(sigv4_verify(b->arena, &e, key, ms, &expired), OK);
	assert_int_equal(sigv4_claims_read(e.canonical, &claims), OK);
	assert_true(bytes_equal(claims.method, b->request.method));
	assert_true(bytes_equal(claims.content_hash, e.content_hash));

	/* one more byte in the path, and the signature is of another request */
	b->request.path = arena_join(b->arena, (struct bytes[]){b->request.path, BYTES("x")}, 2);
	assert_int_equal(sigv4_read(b->arena, &b->request, service, body_hash, &e, &fault), OK);
	assert_int_equal(sigv4_verify(b->arena, &e, key, ms, &expired), ERR_AUTH);
	secret_free(key);
	secret_free(secret);
	bent_free(b);
}

static void check_file(const char *path, size_t at_least)
{
	struct bytes text = read_file(path);
	struct json *document = NULL;

	assert_int_equal(json_parse(text, VECTORS_MAX, &document, NULL), OK);
	const struct json *cases = json_get(document, "cases");
	assert_true(json_count(cases) >= at_least);
	for (size_t i = 0; i < json_count(cases); i++) {
		const struct json *v = json_at(cases, i);
		print_message("%s\n", (const char *)json_get_bytes(v, "name").p);
		check_case(v);
	}
	json_free(document);
	free((void *)text.p);
}

static void test_aws(void **state)
{
	(void)state;
	check_file("tests/vectors/sigv4/aws.json", 7);
}

static void test_botocore(void **state)
{
	(void)state;
	check_file("tests/vectors/sigv4/botocore.json", 40);
}

/* --- bodies ----------------------------------------------------------------------------- */

struct collected {
	struct writer data;
	struct sigv4_chunk chunks[8];
	size_t n_chunks;
};

static enum err collect_data(void *context, struct bytes b)
{
	struct collected *c = context;

	write_bytes(&c->data, b);
	return OK;
}

static enum err collect_chunk(void *context, const struct sigv4_chunk *chunk)
{
	struct collected *c = context;

	assert_true(c->n_chunks < COUNT(c->chunks));
	c->chunks[c->n_chunks++] = *chunk;
	return OK;
}

static void write_chunk(struct writer *w, size_t size, struct bytes signature)
{
	char line[32];

	snprintf(line, sizeof(line), "%zx;chunk-signature=", size);
	write_text(w, line);
	write_bytes(w, signature);
	write_text(w, "\r\n");
	if (size > 0) {
		memset(writer_reserve(w, size), 'a', size);
		w->used += size;
		write_text(w, "\r\n");
	}
}

/* The body that the guide describes. */
static struct writer published_body(const struct json *v)
{
	struct writer w = writer_growing(BODY_MAX);
	struct bytes trailer = json_get_bytes(v, "trailer");
	static const size_t sizes[] = {65536, 1024, 0};

	for (size_t i = 0; i < COUNT(sizes); i++) {
		write_chunk(&w, sizes[i], json_bytes(json_at(json_get(v, "signatures"), i)));
	}
	if (trailer.n > 0) {
		write_bytes(&w, trailer);
		write_text(&w, "\r\nx-amz-trailer-signature:");
		write_bytes(&w, json_get_bytes(v, "trailer_signature"));
		write_text(&w, "\r\n");
	}
	write_text(&w, "\r\n");
	return w;
}

static void check_chunks(const struct json *v)
{
	struct arena *a = arena_new(SUPPORT_ARENA);
	struct collected c = {.data = writer_growing(BODY_MAX)};
	struct writer body = published_body(v);
	struct awschunk *decoder =
		awschunk_new(a, sigv4_payload_of(json_get_bytes(v, "payload")), 66560,
	                     (struct awschunk_sink){collect_data, collect_chunk, &c});
	struct sigv4_evidence e = {
		.date = bytes_first(json_get_bytes(v, "date"), 8),
		.region = json_get_bytes(v, "region"),
		.service = json_get_bytes(v, "service"),
	};
	struct secret *secret = example_secret();
	struct secret *key = NULL;
	struct bytes scope;
	char previous[SIGV4_SIGNATURE_HEX];
	uint64_t length;

	assert_int_equal(json_get_u64(v, "length", &length), OK);
	assert_int_equal(body.used, length); /* the Content-Length that AWS prints */
	assert_int_equal(awschunk_push(decoder, writer_bytes(&body)), OK);
	assert_int_equal(awschunk_end(decoder), OK);
	assert_int_equal(c.data.used, 66560);
	assert_int_equal(c.n_chunks, json_get_bytes(v, "trailer").n > 0 ? 4 : 3);

	assert_int_equal(sigv4_signing_key(secret, e.date, e.region, e.service, &key), OK);
	assert_int_equal(sigv4_scope(a, &e, &scope), OK);
	memcpy(previous, json_get_bytes(v, "seed").p, sizeof(previous));
	assert_int_equal(sigv4_chunks_verify(key, json_get_bytes(v, "date"), scope, previous, c.chunks,
	                                     c.n_chunks),
	                 OK);
	assert_memory_equal(previous, c.chunks[c.n_chunks - 1].signature, sizeof(previous));
	/* a missing chunk breaks the chain */
	memcpy(previous, json_get_bytes(v, "seed").p, sizeof(previous));
	assert_int_equal(sigv4_chunks_verify(key, json_get_bytes(v, "date"), scope, previous,
	                                     c.chunks + 1, c.n_chunks - 1),
	                 ERR_AUTH);
	secret_free(key);
	secret_free(secret);
	writer_free(&body);
	writer_free(&c.data);
	arena_free(a);
}

static void test_aws_chunks(void **state)
{
	struct bytes text = read_file("tests/vectors/sigv4/aws_chunks.json");
	struct json *document = NULL;

	(void)state;
	assert_int_equal(json_parse(text, VECTORS_MAX, &document, NULL), OK);
	const struct json *cases = json_get(document, "cases");
	assert_int_equal(json_count(cases), 2);
	check_chunks(json_at(cases, 0));
	check_chunks(json_at(cases, 1));
	json_free(document);
	free((void *)text.p);
}

/* The bodies that botocore encodes with a trailing checksum. */
static void test_botocore_bodies(void **state)
{
	struct bytes text = read_file("tests/vectors/sigv4/botocore.json");
	struct json *document = NULL;
	size_t seen = 0;

	(void)state;
	assert_int_equal(json_parse(text, VECTORS_MAX, &document, NULL), OK);
	const struct json *cases = json_get(document, "cases");
	for (size_t i = 0; i < json_count(cases); i++) {
		const struct json *v = json_at(cases, i);
		if (json_get(v, "decoded") == NULL) {
			continue;
		}
		struct arena *a = arena_new(SUPPORT_ARENA);
		struct collected c = {.data = writer_growing(BODY_MAX)};
		struct writer body = writer_growing(BODY_MAX);
		struct writer want = writer_growing(BODY_MAX);
		const struct field *trailers;
		assert_int_equal(base64_read(json_get_bytes(v, "body"), &body), OK);
		assert_int_equal(base64_read(json_get_bytes(v, "decoded"), &want), OK);
		struct awschunk *decoder =
			awschunk_new(a, SIGV4_PAYLOAD_UNSIGNED_TRAILER, (int64_t)want.used,
		                     (struct awschunk_sink){collect_data, collect_chunk, &c});
		assert_int_equal(awschunk_push(decoder, writer_bytes(&body)), OK);
		assert_int_equal(awschunk_end(decoder), OK);
		assert_true(bytes_equal(writer_bytes(&c.data), writer_bytes(&want)));
		assert_int_equal(awschunk_trailers(decoder, &trailers), 1);
		assert_text(trailers[0].name, "x-amz-checksum-crc32");
		assert_int_equal(c.n_chunks, 0);
		writer_free(&body);
		writer_free(&want);
		writer_free(&c.data);
		arena_free(a);
		seen++;
	}
	assert_true(seen > 0);
	json_free(document);
	free((void *)text.p);
}

/* --- clients ---------------------------------------------------------------------------- */

/* The body of a client, and its signed chunks from the request's signature on. */
static void check_client_body(struct arena *a, const struct json *v, const struct sigv4_evidence *e,
                              const struct secret *key)
{
	struct collected c = {.data = writer_growing(BODY_MAX)};
	struct writer body = writer_growing(BODY_MAX);
	struct bytes scope;
	char previous[SIGV4_SIGNATURE_HEX];

	assert_int_equal(base64_read(json_get_bytes(v, "body"), &body), OK);
	struct awschunk *decoder = awschunk_new(
		a, e->payload, -1, (struct awschunk_sink){collect_data, collect_chunk, &c});
	assert_int_equal(awschunk_push(decoder, writer_bytes(&body)), OK);
	assert_int_equal(awschunk_end(decoder), OK);
	assert_true(c.data.used >= 4); /* every client here sends "data" or more */
	assert_int_equal(sigv4_scope(a, e, &scope), OK);
	memcpy(previous, e->signature.p, sizeof(previous));
	assert_int_equal(
		sigv4_chunks_verify(key, e->amz_date, scope, previous, c.chunks, c.n_chunks), OK);
	assert_int_equal(c.n_chunks, e->payload == SIGV4_PAYLOAD_UNSIGNED_TRAILER  ? 0
	                             : e->payload == SIGV4_PAYLOAD_CHUNKED_TRAILER ? 3
	                                                                           : 2);
	writer_free(&body);
	writer_free(&c.data);
}

/* The signature of a request as it was sent; returns how its body travels. */
static enum sigv4_payload check_client(const struct json *v)
{
	struct bent *b = bent_new("", "", "");
	struct sigv4_evidence e;
	struct secret *secret = secret_from(json_get_bytes(v, "secret"));
	struct secret *key = NULL;
	uint64_t ms;
	bool expired;

	take_request(b, v);
	must_read(b, &e);
	assert_true(bytes_equal(e.signature, json_get_bytes(v, "signature")));
	assert_int_equal(date_read_amz(e.amz_date, &ms), OK);
	assert_int_equal(sigv4_signing_key(secret, e.date, e.region, e.service, &key), OK);
	assert_int_equal(sigv4_verify(b->arena, &e, key, ms, &expired), OK);
	if (e.payload != SIGV4_PAYLOAD_SIGNED && e.payload != SIGV4_PAYLOAD_UNSIGNED) {
		check_client_body(b->arena, v, &e, key);
	}
	enum sigv4_payload payload = e.payload;
	secret_free(key);
	secret_free(secret);
	bent_free(b);
	return payload;
}

static void test_clients(void **state)
{
	struct bytes text = read_file("tests/vectors/sigv4/clients.json");
	struct json *document = NULL;
	size_t seen[SIGV4_PAYLOAD_UNSUPPORTED + 1] = {0};

	(void)state;
	assert_int_equal(json_parse(text, VECTORS_MAX, &document, NULL), OK);
	const struct json *cases = json_get(document, "cases");
	assert_true(json_count(cases) >= 100);
	for (size_t i = 0; i < json_count(cases); i++) {
		const struct json *v = json_at(cases, i);
		print_message("%s\n", (const char *)json_get_bytes(v, "name").p);
		seen[check_client(v)]++;
	}
	assert_int_equal(seen[SIGV4_PAYLOAD_UNSUPPORTED], 0);
	for (enum sigv4_payload p = 0; p < SIGV4_PAYLOAD_UNSUPPORTED; p++) {
		assert_true(seen[p] > 0); /* the clients use all five forms */
	}
	json_free(document);
	free((void *)text.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_aws),
		cmocka_unit_test(test_botocore),
		cmocka_unit_test(test_aws_chunks),
		cmocka_unit_test(test_botocore_bodies),
		cmocka_unit_test(test_clients),
	};
	return cmocka_run_group_tests(tests, secrets_set_up, NULL);
}
