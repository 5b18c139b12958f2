#include "tests/unit/common/sigv4/support.h"

enum { SECOND_MS = 1000 };

static struct bent *signed_request(struct sigv4_evidence *e)
{
	struct bent *b = bent_new("GET", "/bucket/key", "versionId=null");

	bent_header(b, "x-amz-security-token", "token");
	bent_sign(b, "UNSIGNED-PAYLOAD");
	must_read(b, e);
	return b;
}

/* A presigned GET of /bucket/key, as a server reads it. */
static struct bent *presigned_request(uint64_t expires_s, struct sigv4_evidence *e)
{
	struct bent *b = bent_new("GET", "/bucket/key", "response-expires=a%20b");
	struct secret *secret = example_secret();
	struct bytes query;

	bent_header(b, "Host", "s3.example.org");
	assert_int_equal(sigv4_presign(b->arena, &b->request, BYTES(EXAMPLE_KEY), secret,
	                               BYTES(EXAMPLE_REGION), BYTES(EXAMPLE_DATE), expires_s, &query),
	                 OK);
	b->request.query = query;
	secret_free(secret);
	must_read(b, e);
	return b;
}

static void expect_at(struct bent *b, const struct sigv4_evidence *e, int64_t offset_ms,
                      enum err want, bool want_expired)
{
	bool expired = !want_expired;
	uint64_t now = (uint64_t)((int64_t)EXAMPLE_MS + offset_ms);

	assert_int_equal(verify_at(b->arena, e, now, &expired), want);
	assert_int_equal(expired, want_expired);
}

static void test_header_clock(void **state)
{
	struct sigv4_evidence e;
	struct bent *b = signed_request(&e);

	(void)state;
	expect_at(b, &e, 0, OK, false);
	expect_at(b, &e, SIGV4_SKEW_MS, OK, false);
	expect_at(b, &e, SIGV4_SKEW_MS + 1, ERR_TIMEOUT, false);
	expect_at(b, &e, -SIGV4_SKEW_MS, OK, false);
	expect_at(b, &e, -SIGV4_SKEW_MS - 1, ERR_TIMEOUT, false);
	bent_free(b);
}

static void test_query_clock(void **state)
{
	struct sigv4_evidence e;
	struct bent *b = presigned_request(3600, &e);

	(void)state;
	expect_at(b, &e, 0, OK, false);
	expect_at(b, &e, 3600 * SECOND_MS, OK, false);
	expect_at(b, &e, 3600 * SECOND_MS + 1, ERR_TIMEOUT, true);
	expect_at(b, &e, -SIGV4_SKEW_MS, OK, false);
	expect_at(b, &e, -SIGV4_SKEW_MS - 1, ERR_TIMEOUT, false);
	bent_free(b);
	b = presigned_request(SIGV4_EXPIRES_MAX_S, &e);
	expect_at(b, &e, INT64_C(7) * 24 * 3600 * SECOND_MS, OK, false);
	expect_at(b, &e, INT64_C(7) * 24 * 3600 * SECOND_MS + 1, ERR_TIMEOUT, true);
	bent_free(b);
}

/* What travels between gateway and KMS has no content hash, token or payload. */
static void test_unclaimed_fields(void **state)
{
	struct sigv4_evidence e;
	struct bent *b = signed_request(&e);

	(void)state;
	e.content_hash = BYTES("");
	e.session_token = BYTES("");
	e.payload = SIGV4_PAYLOAD_UNSUPPORTED;
	assert_int_equal(verify_now(b->arena, &e), OK);
	bent_free(b);
}

/* Every field that is changed beside the canonical request. */
static void test_fields(void **state)
{
	struct sigv4_evidence good, e;
	struct bent *b = signed_request(&good);

	(void)state;
	e = good;
	e.region = BYTES("us-east-1"); /* another key, another string to sign */
	assert_int_equal(verify_now(b->arena, &e), ERR_AUTH);
	e = good;
	e.signature = BYTES("0000000000000000000000000000000000000000000000000000000000000000");
	assert_int_equal(verify_now(b->arena, &e), ERR_AUTH);
	e.signature = BYTES("0");
	assert_int_equal(verify_now(b->arena, &e), ERR_INPUT);
	e = good;
	e.amz_date = BYTES("20260131T235958Z"); /* not the signed x-amz-date */
	assert_int_equal(verify_now(b->arena, &e), ERR_INPUT);
	e = good;
	e.date = BYTES("20260130");
	assert_int_equal(verify_now(b->arena, &e), ERR_INPUT);
	e = good;
	e.signed_headers = BYTES("host");
	assert_int_equal(verify_now(b->arena, &e), ERR_INPUT);
	e = good;
	e.content_hash = BYTES("STREAMING-UNSIGNED-PAYLOAD-TRAILER");
	assert_int_equal(verify_now(b->arena, &e), ERR_INPUT);
	e = good;
	e.session_token = BYTES("other");
	assert_int_equal(verify_now(b->arena, &e), ERR_INPUT);
	e = good;
	e.region = BYTES("a\nb");
	assert_int_equal(sigv4_verify(b->arena, &e, NULL, EXAMPLE_MS, &(bool){false}), ERR_INPUT);
	e = good;
	e.kind = SIGV4_ANONYMOUS;
	assert_int_equal(verify_now(b->arena, &e), ERR_INPUT);
	bent_free(b);
}

static void test_every_byte_of_the_canonical_request(void **state)
{
	struct sigv4_evidence e;
	struct bent *b = signed_request(&e);
	struct bytes good = e.canonical;

	(void)state;
	for (size_t i = 0; i < good.n; i++) {
		struct bytes changed = arena_copy(b->arena, good);
		((uint8_t *)changed.p)[i] ^= 1;
		e.canonical = changed;
		enum err result = verify_now(b->arena, &e);
		assert_true(result == ERR_INPUT || result == ERR_AUTH);
	}
	bent_free(b);
}

static void test_query_fields(void **state)
{
	struct sigv4_evidence good, e;
	struct bent *b = presigned_request(60, &good);

	(void)state;
	e = good;
	e.expires_s = SIGV4_EXPIRES_MAX_S; /* the gateway wants more time than was signed */
	expect_at(b, &good, 61 * SECOND_MS, ERR_TIMEOUT, true);
	assert_int_equal(verify_at(b->arena, &e, EXAMPLE_MS + 61 * SECOND_MS, &(bool){false}),
	                 ERR_INPUT);
	e = good;
	e.access_key = BYTES("AKOTHER");
	assert_int_equal(verify_now(b->arena, &e), ERR_INPUT);
	e = good;
	e.region = BYTES("us-east-1");
	assert_int_equal(verify_now(b->arena, &e), ERR_INPUT);
	e = good;
	e.amz_date = BYTES("20260131T235958Z");
	assert_int_equal(verify_now(b->arena, &e), ERR_INPUT);
	e = good;
	e.session_token = BYTES("never signed");
	assert_int_equal(verify_now(b->arena, &e), ERR_INPUT);
	bent_free(b);
}

/* A presigned URL is no header signature, or it would live on for the clock window. */
static void test_kinds_do_not_mix(void **state)
{
	struct sigv4_evidence e;
	struct bent *b = presigned_request(1, &e);

	(void)state;
	expect_at(b, &e, 60 * SECOND_MS, ERR_TIMEOUT, true);
	e.kind = SIGV4_HEADER;
	e.expires_s = 0;
	assert_int_equal(verify_at(b->arena, &e, EXAMPLE_MS + 60 * SECOND_MS, &(bool){false}),
	                 ERR_INPUT);
	bent_free(b);

	b = signed_request(&e);
	e.kind = SIGV4_QUERY;
	e.expires_s = SIGV4_EXPIRES_MAX_S;
	assert_int_equal(verify_now(b->arena, &e), ERR_INPUT);
	bent_free(b);
}

static void test_other_secret(void **state)
{
	struct sigv4_evidence e;
	struct bent *b = signed_request(&e);
	struct secret *secret = secret_from(BYTES("another secret"));
	struct secret *key = NULL;
	bool expired;

	(void)state;
	assert_int_equal(sigv4_signing_key(secret, e.date, e.region, e.service, &key), OK);
	assert_int_equal(sigv4_verify(b->arena, &e, key, EXAMPLE_MS, &expired), ERR_AUTH);
	secret_free(key);
	secret_free(secret);
	bent_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header_clock),
		cmocka_unit_test(test_query_clock),
		cmocka_unit_test(test_unclaimed_fields),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_every_byte_of_the_canonical_request),
		cmocka_unit_test(test_query_fields),
		cmocka_unit_test(test_kinds_do_not_mix),
		cmocka_unit_test(test_other_secret),
	};
	return cmocka_run_group_tests(tests, secrets_set_up, NULL);
}
