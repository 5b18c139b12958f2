#include "tests/lib/vectors.h"

#include "common/crypto/hash.h"

static void test_vectors(void **state)
{
	struct vectors v = vectors_load("crypto/sha256.json");
	struct hash *h = NULL;
	uint8_t out[SHA256_BYTES];

	(void)state;
	assert_int_equal(hash_sha256_new(&h), OK);
	for (size_t i = 0; i < v.count; i++) {
		const struct json *c = json_at(v.cases, i);
		struct bytes data = vectors_hex(&v, c, "data");
		struct bytes digest = vectors_hex(&v, c, "digest");
		size_t cut = data.n / 3;
		struct bytes parts[2] = {bytes_first(data, cut), bytes_skip(data, cut)};

		assert_int_equal(hash_sha256(data, out), OK);
		assert_bytes_equal(bytes_of(out, sizeof(out)), digest);
		assert_int_equal(hash_sha256_parts(parts, 2, out), OK);
		assert_bytes_equal(bytes_of(out, sizeof(out)), digest);
		/* One context for all cases: final starts anew. */
		assert_int_equal(hash_update(h, parts[0]), OK);
		assert_int_equal(hash_update(h, parts[1]), OK);
		assert_int_equal(hash_final(h, out), OK);
		assert_bytes_equal(bytes_of(out, sizeof(out)), digest);
	}
	hash_free(h);
	hash_free(NULL);
	vectors_free(&v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_vectors)};

	return secret_init(1024) == OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
