#include "tests/unit/common/sigv4/support.h"

#include "common/codec/hex.h"

/* AWS, "Examples of the complete Signature Version 4 signing process", the signing key example. */
static void test_signing_key(void **state)
{
	struct secret *secret = secret_from(BYTES("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"));
	struct secret *key = NULL;
	uint8_t want[32];

	(void)state;
	assert_int_equal(sigv4_signing_key(secret, BYTES("20150830"), BYTES("us-east-1"), BYTES("iam"),
	                                   &key),
	                 OK);
	assert_int_equal(
		hex_read(BYTES("c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"), want, 32),
		OK);
	assert_int_equal(secret_size(key), 32);
	assert_memory_equal(secret_bytes(key).p, want, 32);
	secret_free(key);
	secret_free(secret);
}

static void test_round_trip(void **state)
{
	static const char *const paths[] = {"/", "/b", "/b/k", "/b/a b", "/b/%2B+~", "/b//x/../y"};
	struct sigv4_evidence e;

	(void)state;
	for (size_t i = 0; i < COUNT(paths); i++) {
		struct bent *b = bent_new("PUT", paths[i], "b&a=%20+&x=/");
		bent_header(b, "Content-Type", "text/plain");
		bent_header(b, "User-Agent", "not signed");
		bent_header(b, "Expect", "100-continue");
		bent_header(b, "X-Amz-Meta-A", "  a   b ");
		bent_sign(b, "UNSIGNED-PAYLOAD");
		must_read(b, &e);
		assert_text(e.signed_headers,
		            "content-type;host;x-amz-content-sha256;x-amz-date;x-amz-meta-a");
		assert_int_equal(verify_now(b->arena, &e), OK);
		/* what may change on the way */
		bent_drop(b, "User-Agent");
		bent_drop(b, "Expect");
		must_read(b, &e);
		assert_int_equal(verify_now(b->arena, &e), OK);
		bent_free(b);
	}
}

static enum err authorize(struct bent *b, struct bytes date, struct bytes region, struct bytes key)
{
	struct secret *secret = example_secret();
	struct bytes value;
	enum err result = sigv4_authorization(b->arena, &b->request, key, secret, region, BYTES("s3"),
	                                      date, BYTES("UNSIGNED-PAYLOAD"), &value);

	secret_free(secret);
	return result;
}

static void test_refusals(void **state)
{
	struct bent *b = bent_new("GET", "/b/k", "");
	struct secret *secret = example_secret();
	struct bytes query;

	(void)state;
	/* no host */
	assert_int_equal(authorize(b, BYTES(EXAMPLE_DATE), BYTES("r"), BYTES("AK")), ERR_INPUT);
	bent_header(b, "Host", "h");
	assert_int_equal(authorize(b, BYTES(EXAMPLE_DATE), BYTES("r"), BYTES("AK")), OK);
	assert_int_equal(authorize(b, BYTES("20260230T000000Z"), BYTES("r"), BYTES("AK")), ERR_INPUT);
	assert_int_equal(authorize(b, BYTES(EXAMPLE_DATE), BYTES("r/x"), BYTES("AK")), ERR_INPUT);
	assert_int_equal(authorize(b, BYTES(EXAMPLE_DATE), BYTES("r"), BYTES("A K")), ERR_INPUT);
	assert_int_equal(sigv4_presign(b->arena, &b->request, BYTES("AK"), secret, BYTES("r"),
	                               BYTES(EXAMPLE_DATE), 0, &query),
	                 ERR_INPUT);
	assert_int_equal(sigv4_presign(b->arena, &b->request, BYTES("AK"), secret, BYTES("r"),
	                               BYTES(EXAMPLE_DATE), SIGV4_EXPIRES_MAX_S + 1, &query),
	                 ERR_INPUT);
	bent_header(b, "Bad Name", "x");
	assert_int_equal(authorize(b, BYTES(EXAMPLE_DATE), BYTES("r"), BYTES("AK")), ERR_INPUT);
	secret_free(secret);
	bent_free(b);
}

static void test_presign(void **state)
{
	struct bent *b = bent_new("PUT", "/b/a b", "x-id=PutObject&tagging");
	struct secret *secret = example_secret();
	struct sigv4_evidence e;
	struct bytes query;

	(void)state;
	bent_header(b, "Host", "h");
	bent_header(b, "x-amz-meta-a", "v");
	assert_int_equal(sigv4_presign(b->arena, &b->request, BYTES("team/key"), secret, BYTES("r-1"),
	                               BYTES(EXAMPLE_DATE), 60, &query),
	                 OK);
	b->request.query = query;
	must_read(b, &e);
	assert_text(e.access_key, "team/key");
	assert_text(e.signed_headers, "host;x-amz-meta-a");
	assert_int_equal(e.expires_s, 60);
	assert_int_equal(verify_now(b->arena, &e), OK);
	/* the method is signed too */
	b->request.method = BYTES("GET");
	must_read(b, &e);
	assert_int_equal(verify_now(b->arena, &e), ERR_AUTH);
	secret_free(secret);
	bent_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_signing_key),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_presign),
	};
	return cmocka_run_group_tests(tests, secrets_set_up, NULL);
}
