/* Keys that customers bring (OBJECT-FORMAT.md section 2.1). */
#include "tests/lib/blobs.h"

static void test_vectors(void **state)
{
	struct vectors v = vectors_load("objfmt/customer.json");

	(void)state;
	for (size_t i = 0; i < v.count; i++) {
		const struct json *c = json_at(v.cases, i);
		AUTO(secret_freep) struct secret *kms_dek = vectors_secret(&v, c, "kms_dek");
		AUTO(secret_freep) struct secret *key = vectors_secret(&v, c, "customer_key");
		AUTO(secret_freep) struct secret *want = vectors_secret(&v, c, "dek");
		AUTO(secret_freep) struct secret *dek = NULL;
		struct bytes object_id = vectors_hex(&v, c, "object_id");
		uint8_t check[OBJFMT_CUSTOMER_CHECK_BYTES];

		assert_int_equal(object_id.n, OBJFMT_OBJECT_ID_BYTES);
		assert_int_equal(objfmt_customer_dek(kms_dek, key, object_id.p, &dek), OK);
		assert_true(secret_equal(dek, want));
		assert_int_equal(objfmt_customer_check(key, object_id.p, check), OK);
		assert_bytes_equal(bytes_of(check, sizeof(check)), vectors_hex(&v, c, "check"));
		struct bytes plain = blobs_plain(v.arena, vectors_u64(c, "plain_size"));
		assert_bytes_equal(blobs_seal(v.arena, dek, vectors_hex(&v, c, "id").p, plain),
		                   vectors_hex(&v, c, "blob"));
	}
	vectors_free(&v);
}

/* A key of another size is no customer key: nothing is padded or cut. */
static void test_sizes(void **state)
{
	AUTO(secret_freep) struct secret *good = secret_random(32);
	AUTO(secret_freep) struct secret *ret = NULL;
	const uint8_t id[OBJFMT_OBJECT_ID_BYTES] = {0};
	uint8_t check[OBJFMT_CUSTOMER_CHECK_BYTES];

	(void)state;
	for (size_t n = 1; n <= SECRET_MAX; n++) {
		AUTO(secret_freep) struct secret *key = secret_random(n);
		enum err want = n == 32 ? OK : ERR_INPUT;
		ret = secret_free(ret);
		assert_int_equal(objfmt_customer_dek(good, key, id, &ret), want);
		ret = secret_free(ret);
		assert_int_equal(objfmt_customer_dek(key, good, id, &ret), want);
		assert_int_equal(objfmt_customer_check(key, id, check), want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_sizes),
	};

	return secret_init(1024) == OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
