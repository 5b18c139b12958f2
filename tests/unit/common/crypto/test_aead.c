#include "tests/lib/vectors.h"

#include "common/crypto/aead.h"

static void check_refused(struct aead *a, const uint8_t *iv, struct bytes aad, struct bytes sealed)
{
	uint8_t out[2048];
	size_t n = sealed.n < AEAD_TAG_BYTES ? 0 : sealed.n - AEAD_TAG_BYTES;

	memset(out, 0xee, sizeof(out));
	assert_int_equal(aead_open(a, iv, aad, sealed, out), ERR_CORRUPT);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(out[i], 0); /* nothing unverified stays behind */
	}
	assert_int_equal(out[n], 0xee);
}

static void check_opened(struct aead *a, const struct json *c, struct vectors *v)
{
	struct bytes iv = vectors_hex(v, c, "iv"), aad = vectors_hex(v, c, "aad");
	struct bytes plain = vectors_hex(v, c, "plain"), sealed = vectors_hex(v, c, "sealed");
	uint8_t out[2048];

	assert_int_equal(aead_seal(a, iv.p, aad, plain, out), OK);
	assert_bytes_equal(bytes_of(out, sealed.n), sealed);
	assert_int_equal(aead_open(a, iv.p, aad, sealed, out), OK);
	assert_bytes_equal(bytes_of(out, plain.n), plain);
	/* In place, both ways; the directions alternate under one key schedule. */
	assert_int_equal(aead_seal(a, iv.p, aad, bytes_of(out, plain.n), out), OK);
	assert_bytes_equal(bytes_of(out, sealed.n), sealed);
	assert_int_equal(aead_open(a, iv.p, aad, bytes_of(out, sealed.n), out), OK);
	assert_bytes_equal(bytes_of(out, plain.n), plain);
}

static void test_vectors(void **state)
{
	struct vectors v = vectors_load("crypto/aes256-gcm.json");
	size_t refused = 0;

	(void)state;
	for (size_t i = 0; i < v.count; i++) {
		const struct json *c = json_at(v.cases, i);
		AUTO(secret_freep) struct secret *key = vectors_secret(&v, c, "key");
		AUTO(aead_freep) struct aead *a = NULL;

		assert_int_equal(aead_new(key, &a), OK);
		if (json_get_bool(c, "valid", false)) {
			check_opened(a, c, &v);
		} else {
			refused++;
			check_refused(a, vectors_hex(&v, c, "iv").p, vectors_hex(&v, c, "aad"),
			              vectors_hex(&v, c, "sealed"));
		}
	}
	assert_true(refused >= 10);
	vectors_free(&v);
	aead_free(NULL);
}

/* Every single bit of IV, AAD, ciphertext and tag matters, and a refusal leaves the key usable. */
static void test_every_bit(void **state)
{
	AUTO(secret_freep) struct secret *key = secret_random(AEAD_KEY_BYTES);
	AUTO(aead_freep) struct aead *a = NULL;
	uint8_t all[12 + 20 + 40 + 16];
	uint8_t out[40];
	struct bytes aad = {all + 12, 20};
	struct bytes sealed = {all + 32, 56};

	(void)state;
	random_bytes(all, sizeof(all));
	assert_int_equal(aead_new(key, &a), OK);
	assert_int_equal(aead_seal(a, all, aad, bytes_of(all + 32, 40), all + 32), OK);
	for (size_t bit = 0; bit < 8 * sizeof(all); bit++) {
		all[bit / 8] ^= (uint8_t)(1 << (bit % 8));
		check_refused(a, all, aad, sealed);
		all[bit / 8] ^= (uint8_t)(1 << (bit % 8));
	}
	assert_int_equal(aead_open(a, all, aad, sealed, out), OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_every_bit),
	};

	return secret_init(1024) == OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
