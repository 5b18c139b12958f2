#include "tests/lib/vectors.h"

#include "common/crypto/hmac.h"

static void test_vectors(void **state)
{
	struct vectors v = vectors_load("crypto/hmac-sha256.json");
	uint8_t out[HMAC_BYTES];

	(void)state;
	for (size_t i = 0; i < v.count; i++) {
		const struct json *c = json_at(v.cases, i);
		struct bytes data = vectors_hex(&v, c, "data");
		struct bytes key = vectors_hex(&v, c, "key");
		struct bytes mac = vectors_hex(&v, c, "mac");

		assert_int_equal(hmac_sha256(key, data, out), OK);
		assert_memory_equal(out, mac.p, mac.n); /* RFC 4231 case 5 is truncated */
		/* The parts are one message however it is cut. */
		for (size_t cut = 0; cut <= data.n; cut++) {
			struct bytes parts[2] = {bytes_first(data, cut), bytes_skip(data, cut)};
			assert_int_equal(hmac_sha256_parts(key, parts, 2, out), OK);
			assert_memory_equal(out, mac.p, mac.n);
		}
	}
	vectors_free(&v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_vectors)};

	return secret_init(1024) == OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
