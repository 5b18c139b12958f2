#include "tests/lib/vectors.h"

#include "common/crypto/kdf.h"

static void test_hkdf(void **state)
{
	struct vectors v = vectors_load("crypto/hkdf-sha384.json");

	(void)state;
	for (size_t i = 0; i < v.count; i++) {
		const struct json *c = json_at(v.cases, i);
		AUTO(secret_freep) struct secret *ikm = vectors_secret(&v, c, "ikm");
		AUTO(secret_freep) struct secret *out = NULL;
		struct bytes okm = vectors_hex(&v, c, "okm");

		assert_int_equal(kdf_hkdf(ikm, vectors_hex(&v, c, "salt"),
		                          vectors_hex(&v, c, "info"), okm.n, &out), OK);
		assert_bytes_equal(secret_bytes(out), okm);
	}
	vectors_free(&v);
}

static const uint8_t salt[KDF_SALT_BYTES] = "0123456789abcdef";

/* The value is what OpenSSL 3.2's Argon2id gives (libsodium computes it here): version 0x13, 3
 * passes, 65,536 KiB, 1 lane, 32 bytes. */
static void test_passphrase(void **state)
{
	struct kdf_cost cost = {.passes = 3, .memory_bytes = 64ULL << 20};
	AUTO(secret_freep) struct secret *a = NULL;
	AUTO(secret_freep) struct secret *b = NULL;
	uint8_t expected[32];

	(void)state;
	assert_int_equal(hex_read(BYTES("92599c67f23f1d9dce9b6f0cfb5a9b18"
	                                "ce110336de00799947472465edd9e49a"),
	                          expected, sizeof(expected)), OK);
	assert_int_equal(kdf_passphrase(BYTES("correct horse"), salt, cost, &a), OK);
	assert_bytes_equal(secret_bytes(a), bytes_of(expected, sizeof(expected)));
	assert_int_equal(kdf_passphrase(BYTES("correct horsf"), salt, cost, &b), OK);
	assert_false(secret_equal(a, b));
}

static void test_passphrase_limits(void **state)
{
	static const struct kdf_cost bad[] = {
		{2, 64ULL << 20}, {65, 64ULL << 20}, {3, (64ULL << 20) - 1}, {3, (4ULL << 30) + 1},
		{0, 0}, {UINT32_MAX, UINT64_MAX},
	};
	static const uint8_t memory[4097];
	struct secret *out = NULL;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(kdf_passphrase(BYTES("x"), salt, bad[i], &out), ERR_INPUT);
	}
	assert_int_equal(kdf_passphrase(bytes_of(memory, sizeof(memory)), salt, kdf_cost_default(),
	                                &out), ERR_INPUT);
	assert_null(out);
	assert_true(kdf_cost_default().passes >= 3);
	assert_true(kdf_cost_default().memory_bytes >= 64ULL << 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hkdf),
		cmocka_unit_test(test_passphrase),
		cmocka_unit_test(test_passphrase_limits),
	};

	return secret_init(1024) == OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
