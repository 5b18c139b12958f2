#include "tests/lib/vectors.h"

#include "common/objfmt/objfmt.h"

static void test_vectors(void **state)
{
	struct vectors v = vectors_load("objfmt/id.json");
	uint8_t id[OBJFMT_ID_BYTES];

	(void)state;
	for (size_t i = 0; i < v.count; i++) {
		const struct json *c = json_at(v.cases, i);
		assert_int_equal(objfmt_blob_id(vectors_hex(&v, c, "seed").p,
		                                vectors_u64(c, "number"), id), OK);
		assert_bytes_equal(bytes_of(id, sizeof(id)), vectors_hex(&v, c, "id"));
	}
	vectors_free(&v);
}

static void test_arithmetic(void **state)
{
	static const struct { uint64_t plain, segments, sealed; } cases[] = {
		{0, 1, 64}, {1, 1, 65}, {65535, 1, 65599}, {65536, 1, 65600}, {65537, 2, 65617},
		{131072, 2, 131152}, {131073, 3, 131169}, {16777216, 256, 16781360},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(objfmt_segment_count(cases[i].plain), cases[i].segments);
		assert_int_equal(objfmt_sealed_size(cases[i].plain), cases[i].sealed);
	}
	assert_int_equal(objfmt_segment_offset(0), 48);
	assert_int_equal(objfmt_segment_offset(2), 48 + 2 * 65552);
}

/* Sizes that no blob has must not wrap round to small ones. */
static void test_no_overflow(void **state)
{
	(void)state;
	assert_true(objfmt_sealed_size(UINT64_MAX) == UINT64_MAX);
	assert_true(objfmt_sealed_size(UINT64_MAX - 100) == UINT64_MAX);
	assert_true(objfmt_segment_count(UINT64_MAX) == 1ULL << 48);
	assert_true(objfmt_segment_offset(UINT64_MAX) == UINT64_MAX);
	assert_true(objfmt_segment_offset(1ULL << 48) == UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_arithmetic),
		cmocka_unit_test(test_no_overflow),
	};

	return secret_init(1024) == OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
