#include "tests/lib/vectors.h"

#include "common/crypto/sign.h"

static void check_signing(struct vectors *v, const struct json *c)
{
	AUTO(secret_freep) struct secret *seed = vectors_secret(v, c, "seed");
	uint8_t public_key[SIGN_PUBLIC_BYTES];
	uint8_t signature[SIGN_BYTES];

	assert_int_equal(sign_public(seed, public_key), OK);
	assert_memory_equal(public_key, vectors_hex(v, c, "public").p, sizeof(public_key));
	assert_int_equal(sign_message(seed, vectors_hex(v, c, "message"), signature), OK);
	assert_memory_equal(signature, vectors_hex(v, c, "signature").p, sizeof(signature));
}

static void test_vectors(void **state)
{
	struct vectors v = vectors_load("crypto/ed25519.json");
	size_t refused = 0;

	(void)state;
	for (size_t i = 0; i < v.count; i++) {
		const struct json *c = json_at(v.cases, i);
		bool valid = json_get_bool(c, "valid", false);

		assert_int_equal(sign_verify(vectors_hex(&v, c, "public").p,
		                             vectors_hex(&v, c, "message"),
		                             vectors_hex(&v, c, "signature").p),
		                 valid ? OK : ERR_AUTH);
		if (valid) {
			check_signing(&v, c);
		}
		refused += !valid;
	}
	assert_true(refused >= 9);
	vectors_free(&v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_vectors)};

	return secret_init(1024) == OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
