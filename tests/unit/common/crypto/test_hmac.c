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

/* RFC 2202, cases 2 and 6 (a key longer than a block). */
static void test_sha1(void **state)
{
	static const uint8_t want[2][HMAC_SHA1_BYTES] = {
		{0xef, 0xfc, 0xdf, 0x6a, 0xe5, 0xeb, 0x2f, 0xa2, 0xd2, 0x74,
		 0x16, 0xd5, 0xf1, 0x84, 0xdf, 0x9c, 0x25, 0x9a, 0x7c, 0x79},
		{0xaa, 0x4a, 0xe5, 0xe1, 0x52, 0x72, 0xd0, 0x0e, 0x95, 0x70,
		 0x56, 0x37, 0xce, 0x8a, 0x3b, 0x55, 0xed, 0x40, 0x21, 0x12},
	};
	uint8_t out[HMAC_SHA1_BYTES], key[80];

	(void)state;
	assert_int_equal(hmac_sha1(BYTES("Jefe"), BYTES("what do ya want for nothing?"), out), OK);
	assert_memory_equal(out, want[0], sizeof(out));
	memset(key, 0xaa, sizeof(key));
	assert_int_equal(hmac_sha1(bytes_of(key, sizeof(key)),
	                           BYTES("Test Using Larger Than Block-Size Key - Hash Key First"),
	                           out), OK);
	assert_memory_equal(out, want[1], sizeof(out));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_vectors), cmocka_unit_test(test_sha1)};

	return secret_init(1024) == OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
