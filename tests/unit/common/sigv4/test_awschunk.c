#include "tests/unit/common/sigv4/support.h"

#include "common/codec/hex.h"
#include "common/crypto/hash.h"
#include "common/sigv4/awschunk.h"

#define S1 "1111111111111111111111111111111111111111111111111111111111111111"
#define S2 "2222222222222222222222222222222222222222222222222222222222222222"
#define S3 "3333333333333333333333333333333333333333333333333333333333333333"

enum { CHUNKS_MAX = 8, DATA_MAX = 128 << 10 };

struct result {
	struct arena *arena;
	struct awschunk *decoder;
	struct writer data;
	struct sigv4_chunk chunks[CHUNKS_MAX];
	size_t n_chunks;
	const uint8_t *lowest, *highest; /* where data runs came from */
	enum err sink_error;
};

static enum err on_data(void *context, struct bytes b)
{
	struct result *r = context;

	assert_true(b.n > 0);
	assert_true(b.p >= r->lowest && b.p + b.n <= r->highest); /* passed on, not copied */
	write_bytes(&r->data, b);
	return r->sink_error;
}

static enum err on_chunk(void *context, const struct sigv4_chunk *chunk)
{
	struct result *r = context;

	assert_true(r->n_chunks < CHUNKS_MAX);
	r->chunks[r->n_chunks++] = *chunk;
	return OK;
}

static struct result *result_new(enum sigv4_payload payload, int64_t decoded_length)
{
	struct result *r = calloc(1, sizeof(*r));

	r->arena = arena_new(SUPPORT_ARENA);
	r->data = writer_growing(DATA_MAX);
	r->decoder = awschunk_new(r->arena, payload, decoded_length,
	                          (struct awschunk_sink){on_data, on_chunk, r});
	assert_non_null(r->decoder);
	return r;
}

static void result_free(struct result *r)
{
	writer_free(&r->data);
	arena_free(r->arena);
	free(r);
}

static enum err feed(struct result *r, struct bytes body, size_t step)
{
	r->lowest = body.p;
	r->highest = body.p + body.n;
	while (body.n > 0) {
		TRY(awschunk_push(r->decoder, bytes_first(body, step)));
		body = bytes_skip(body, step);
	}
	return awschunk_end(r->decoder);
}

/* The same result however the body is cut. */
static void expect(enum sigv4_payload payload, int64_t decoded_length, struct bytes body,
                   enum err want, struct bytes want_data)
{
	static const size_t steps[] = {1, 2, 3, 7, 4096, SIZE_MAX};

	for (size_t i = 0; i < COUNT(steps); i++) {
		struct result *r = result_new(payload, decoded_length);
		enum err e = feed(r, body, steps[i]);
		if (e != want) {
			print_error("%s, want %s: %.*s\n", err_name(e), err_name(want), (int)body.n,
			            (const char *)body.p);
		}
		assert_int_equal(e, want);
		assert_true(want != OK || bytes_equal(writer_bytes(&r->data), want_data));
		result_free(r);
	}
}

static void accepts(enum sigv4_payload payload, int64_t length, const char *body, const char *data)
{
	expect(payload, length, bytes_text(body), OK, bytes_text(data));
}

static void refuses(enum sigv4_payload payload, int64_t length, const char *body)
{
	expect(payload, length, bytes_text(body), ERR_INPUT, BYTES(""));
}

static void test_unsigned(void **state)
{
	const enum sigv4_payload p = SIGV4_PAYLOAD_UNSIGNED_TRAILER;

	(void)state;
	accepts(p, 5, "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", "hello");
	accepts(p, -1, "5\r\nhello\r\n0\r\n\r\n", "hello");
	accepts(p, 0, "0\r\n\r\n", "");
	accepts(p, 11, "5\r\nhello\r\n006\r\n\r\n\r\n0a\r\n0\r\n\r\n", "hello\r\n\r\n0a");
	accepts(p, 10, "A\r\n0123456789\r\n0\r\n\r\n", "0123456789");
	/* minio-go: the trailer line ends in LF, and there is one more empty line */
	accepts(p, 5, "5\r\nhello\r\n0\r\nx-amz-checksum-crc32c:AAAAAA==\n\r\n\r\n", "hello");
}

static void test_unsigned_refused(void **state)
{
	static const char *const bodies[] = {
		"",
		"5",
		"5\r\nhel",
		"5\r\nhello",
		"5\r\nhello\r\n",
		"5\r\nhello\r\n0\r\n",                  /* no end of the trailers */
		"5\r\nhello\r\n0\r\nx-a:1\r\n",
		"5\nhello\r\n0\r\n\r\n",                /* LF for CRLF */
		"5\r\nhello\n0\r\n\r\n",
		"5\r\nhello\r\n0\r\n\n",
		"5\r\nhello\r\n0\r\nx-a:1\n\n",
		"5\r\nhellox\r\n0\r\n\r\n",             /* data longer than said */
		"5\r\nhell\r\n0\r\n\r\n",
		"\r\n0\r\n\r\n",                        /* no size */
		"+5\r\nhello\r\n0\r\n\r\n",
		"0x5\r\nhello\r\n0\r\n\r\n",
		" 5\r\nhello\r\n0\r\n\r\n",
		"5 \r\nhello\r\n0\r\n\r\n",
		"00000000000000005\r\nhello\r\n0\r\n\r\n", /* 17 digits */
		"5;chunk-signature=" S1 "\r\nhello\r\n0\r\n\r\n",
		"5;x=y\r\nhello\r\n0\r\n\r\n",
		"5\r\nhello\r\n0\r\n\r\n\r\n\r\n",      /* behind the end */
		"5\r\nhello\r\n0\r\n\r\nGET",
		"5\r\nhello\r\n0\r\n\r\n\r",
		"5\r\nhello\r\n0\r\nnocolon\r\n\r\n",
		"5\r\nhello\r\n0\r\n:v\r\n\r\n",
		"5\r\nhello\r\n0\r\nx a:v\r\n\r\n",
		"5\r\nhello\r\n0\r\nx-a:\x01\r\n\r\n",
		"5\r\nhello\r\n0\r\nx-a:1\rx\r\n\r\n",
		"5\r\nhello\r\n0\r\nx-a:1\r\nX-A:2\r\n\r\n",
		"5\r\nhello\r\n0\r\nx-amz-trailer-signature:" S1 "\r\n\r\n",
		"4\r\nhell\r\n0\r\n\r\n",               /* not the decoded length */
		"6\r\nhello!\r\n0\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bodies); i++) {
		refuses(SIGV4_PAYLOAD_UNSIGNED_TRAILER, 5, bodies[i]);
	}
}

static void test_chunked(void **state)
{
	const enum sigv4_payload p = SIGV4_PAYLOAD_CHUNKED;

	(void)state;
	accepts(p, 5, "5;chunk-signature=" S1 "\r\nhello\r\n0;chunk-signature=" S2 "\r\n\r\n", "hello");
	accepts(p, 0, "0;chunk-signature=" S2 "\r\n\r\n", "");
	refuses(p, 5, "5\r\nhello\r\n0\r\n\r\n");
	refuses(p, 5, "5;chunk-signature=" S1 "\r\nhello\r\n0\r\n\r\n");
	refuses(p, 5, "5;chunk-signature=11\r\nhello\r\n0;chunk-signature=" S2 "\r\n\r\n");
	refuses(p, 5, "5;chunk-signature=" S1 ";x\r\nhello\r\n0;chunk-signature=" S2 "\r\n\r\n");
	refuses(p, 5, "5;signature=" S1 "\r\nhello\r\n0;chunk-signature=" S2 "\r\n\r\n");
	refuses(p, 5, "5;chunk-signature=" S1 "\r\nhello\r\n0;chunk-signature=" S2 "\r\n");
	refuses(p, 5, "5;chunk-signature=" S1 "\r\nhello\r\n0;chunk-signature=" S2 "\r\n\r\n\r\n");
	refuses(p, 5, "5;chunk-signature=" S1 "\r\nhello\r\n0;chunk-signature=" S2 "\r\nx-a:1\r\n\r\n");
	refuses(p, 5, "5;chunk-signature=" S1 "\r\nhello\r\n");
}

static void hash_is(const struct sigv4_chunk *c, const char *text)
{
	uint8_t want[SHA256_BYTES];

	assert_int_equal(hash_sha256(bytes_text(text), want), OK);
	assert_memory_equal(c->hash, want, sizeof(want));
}

static void check_signed_trailer(const char *text)
{
	static const size_t steps[] = {1, 5, SIZE_MAX};

	for (size_t i = 0; i < COUNT(steps); i++) {
		struct result *r = result_new(SIGV4_PAYLOAD_CHUNKED_TRAILER, 5);
		const struct field *trailers;
		assert_int_equal(feed(r, bytes_text(text), steps[i]), OK);
		assert_int_equal(r->n_chunks, 3);
		hash_is(&r->chunks[0], "hello");
		hash_is(&r->chunks[1], "");
		hash_is(&r->chunks[2], "x-amz-checksum-crc32c:sOO8/Q==\n");
		assert_memory_equal(r->chunks[0].signature, S1, 64);
		assert_memory_equal(r->chunks[1].signature, S2, 64);
		assert_memory_equal(r->chunks[2].signature, S3, 64);
		assert_false(r->chunks[0].trailer);
		assert_false(r->chunks[1].trailer);
		assert_true(r->chunks[2].trailer);
		assert_int_equal(awschunk_trailers(r->decoder, &trailers), 1);
		assert_text(trailers[0].name, "x-amz-checksum-crc32c");
		assert_text(trailers[0].value, "sOO8/Q==");
		result_free(r);
	}
}

#define SIGNED_START                                                                               \
	"5;chunk-signature=" S1 "\r\nhello\r\n0;chunk-signature=" S2 "\r\n"

static void test_signed_trailer(void **state)
{
	(void)state;
	check_signed_trailer(SIGNED_START "x-amz-checksum-crc32c:sOO8/Q==\r\n"
	                                  "x-amz-trailer-signature:" S3 "\r\n\r\n");
	check_signed_trailer(SIGNED_START "X-Amz-Checksum-CRC32C:  sOO8/Q== \r\n"
	                                  "X-Amz-Trailer-Signature: " S3 "\r\n\r\n");
	/* minio-go */
	check_signed_trailer(SIGNED_START "x-amz-checksum-crc32c:sOO8/Q==\n\r\n"
	                                  "x-amz-trailer-signature:" S3 "\r\n\r\n");
}

static void test_signed_trailer_refused(void **state)
{
	static const char *const ends[] = {
		"",
		"\r\n",
		"x-a:1\r\n\r\n",                                                /* not signed */
		"x-a:1\r\n\r\n\r\n",
		"x-a:1\r\n\r\nx-b:2\r\nx-amz-trailer-signature:" S3 "\r\n\r\n", /* behind the empty line */
		"x-a:1\r\nx-amz-trailer-signature:" S3 "\r\nx-b:2\r\n\r\n",     /* behind the signature */
		"x-a:1\r\nx-amz-trailer-signature:" S3 "\r\nx-amz-trailer-signature:" S3 "\r\n\r\n",
		"x-a:1\r\nx-amz-trailer-signature:33\r\n\r\n",
		"x-a:1\r\nx-amz-trailer-signature:" S3 "\r\n",
		"x-a:1\r\nx-amz-trailer-signature:" S3 "\r\n\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(ends); i++) {
		char text[1024];
		snprintf(text, sizeof(text), "%s%s", SIGNED_START, ends[i]);
		refuses(SIGV4_PAYLOAD_CHUNKED_TRAILER, 5, text);
	}
}

/* A body of signed chunks of the given sizes. */
static struct writer signed_body(const size_t *sizes, size_t n)
{
	struct writer w = writer_growing(DATA_MAX);

	for (size_t i = 0; i < n; i++) {
		char line[32];
		snprintf(line, sizeof(line), "%zx;chunk-signature=", sizes[i]);
		write_text(&w, line);
		write_text(&w, S1 "\r\n");
		memset(writer_reserve(&w, sizes[i]), 'x', sizes[i]);
		w.used += sizes[i];
		write_text(&w, "\r\n");
	}
	return w;
}

static void test_short_signed_chunks(void **state)
{
	static const size_t fine[] = {AWSCHUNK_SIGNED_MIN, AWSCHUNK_SIGNED_MIN, 1, 0};
	static const size_t bad[] = {AWSCHUNK_SIGNED_MIN - 1, 1, 0};
	struct result *r = result_new(SIGV4_PAYLOAD_CHUNKED, 2 * AWSCHUNK_SIGNED_MIN + 1);
	struct writer body = signed_body(fine, COUNT(fine));

	(void)state;
	assert_int_equal(feed(r, writer_bytes(&body), SIZE_MAX), OK);
	assert_int_equal(r->n_chunks, 4);
	writer_free(&body);
	result_free(r);

	r = result_new(SIGV4_PAYLOAD_CHUNKED, AWSCHUNK_SIGNED_MIN);
	body = signed_body(bad, COUNT(bad));
	assert_int_equal(feed(r, writer_bytes(&body), SIZE_MAX), ERR_INPUT);
	writer_free(&body);
	result_free(r);
}

static void test_limits(void **state)
{
	const enum sigv4_payload p = SIGV4_PAYLOAD_UNSIGNED_TRAILER;
	struct writer w = writer_growing(DATA_MAX);

	(void)state;
	expect(p, -1, BYTES("140000001\r\n"), ERR_LIMIT, BYTES("")); /* 5 GiB and a byte */
	expect(p, -1, BYTES("ffffffffffffffff\r\n"), ERR_LIMIT, BYTES(""));
	for (size_t i = 0; i < AWSCHUNK_LINE_MAX + 1; i++) {
		write_u8(&w, '0');
	}
	expect(p, -1, writer_bytes(&w), ERR_LIMIT, BYTES(""));
	writer_free(&w);

	w = writer_growing(DATA_MAX);
	write_text(&w, "0\r\n");
	for (unsigned i = 0; i < AWSCHUNK_TRAILERS_MAX + 1; i++) {
		write_text(&w, "x-a-");
		write_decimal(&w, i);
		write_text(&w, ":v\r\n");
	}
	write_text(&w, "\r\n");
	expect(p, 0, writer_bytes(&w), ERR_LIMIT, BYTES(""));
	writer_free(&w);
}

/* A failure stays: nothing that comes later makes the body good. */
static void test_failure_is_final(void **state)
{
	struct result *r = result_new(SIGV4_PAYLOAD_UNSIGNED_TRAILER, -1);

	(void)state;
	assert_int_equal(awschunk_push(r->decoder, BYTES("x\r\n")), ERR_INPUT);
	assert_int_equal(awschunk_push(r->decoder, BYTES("0\r\n\r\n")), ERR_INPUT);
	assert_int_equal(awschunk_end(r->decoder), ERR_INPUT);
	result_free(r);

	r = result_new(SIGV4_PAYLOAD_UNSIGNED_TRAILER, -1);
	r->sink_error = ERR_FULL;
	assert_int_equal(feed(r, BYTES("1\r\nx\r\n0\r\n\r\n"), SIZE_MAX), ERR_FULL);
	assert_int_equal(awschunk_end(r->decoder), ERR_FULL);
	result_free(r);
}

static void test_no_memory(void **state)
{
	struct arena *a = arena_new(512);

	(void)state;
	assert_non_null(a);
	assert_null(awschunk_new(a, SIGV4_PAYLOAD_CHUNKED, 0, (struct awschunk_sink){0}));
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unsigned),
		cmocka_unit_test(test_unsigned_refused),
		cmocka_unit_test(test_chunked),
		cmocka_unit_test(test_signed_trailer),
		cmocka_unit_test(test_signed_trailer_refused),
		cmocka_unit_test(test_short_signed_chunks),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_failure_is_final),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, secrets_set_up, NULL);
}
