#include "tests/lib/vectors.h"

#include <zlib.h>

#include "common/crypto/checksum.h"
#include "common/crypto/crc.h"

/* The value of `b` fed in pieces of `step` bytes. */
static struct bytes value_of(enum checksum_kind kind, struct bytes b, size_t step, uint8_t *out)
{
	struct checksum *c = NULL;
	size_t n = 0;

	assert_int_equal(checksum_new(kind, &c), OK);
	for (; b.n > 0; b = bytes_skip(b, step)) {
		assert_int_equal(checksum_update(c, bytes_first(b, step)), OK);
	}
	assert_int_equal(checksum_final(c, out, &n), OK);
	assert_int_equal(n, checksum_size(kind));
	checksum_free(c);
	return bytes_of(out, n);
}

static void test_vectors(void **state)
{
	struct vectors v = vectors_load("crypto/checksum.json");
	uint8_t out[CHECKSUM_BYTES_MAX];
	static const size_t steps[] = {1, 3, 7, 8, 16, 17, 64, 100000};

	(void)state;
	for (size_t i = 0; i < v.count; i++) {
		const struct json *c = json_at(v.cases, i);
		struct bytes data = vectors_hex(&v, c, "data");
		enum checksum_kind kind = checksum_by_name(json_get_bytes(c, "kind"));
		struct bytes expected = vectors_hex(&v, c, "value");

		assert_int_not_equal(kind, CHECKSUM_NONE);
		for (size_t s = 0; s < COUNT(steps); s++) {
			assert_bytes_equal(value_of(kind, data, steps[s], out), expected);
		}
	}
	vectors_free(&v);
}

/* Published check values: the CRC of "123456789". */
static void test_check_values(void **state)
{
	uint8_t out[CHECKSUM_BYTES_MAX];
	struct bytes b = BYTES("123456789");

	(void)state;
	assert_bytes_equal(value_of(CHECKSUM_CRC32, b, 9, out), BYTES("\xcb\xf4\x39\x26"));
	assert_bytes_equal(value_of(CHECKSUM_CRC32C, b, 9, out), BYTES("\xe3\x06\x92\x83"));
	assert_bytes_equal(value_of(CHECKSUM_CRC64NVME, b, 9, out),
	                   BYTES("\xae\x8b\x14\x86\x0a\x79\x98\x88"));
}

/* Processors with and without the instructions give the same, from any alignment and length. */
static void test_portable(void **state)
{
	uint8_t memory[700];

	(void)state;
	for (size_t i = 0; i < sizeof(memory); i++) {
		memory[i] = (uint8_t)(i * 7 + i * i / 5);
	}
	for (size_t at = 0; at < 17; at++) {
		for (size_t n = 0; n + at <= sizeof(memory); n++) {
			struct bytes b = bytes_of(memory + at, n);
			uint32_t start = (uint32_t)(n * 0x9e3779b9);
			assert_int_equal(crc32c(start, b), crc32c_portable(start, b));
			assert_int_equal(crc32_iso(start, b), crc32_z(start, b.p, b.n));
			assert_true(crc64nvme(start * 0x100000001ULL, b) ==
			            crc64nvme_portable(start * 0x100000001ULL, b));
		}
	}
}

static void test_names(void **state)
{
	struct checksum *c = NULL;

	(void)state;
	assert_string_equal(checksum_header(CHECKSUM_CRC64NVME), "x-amz-checksum-crc64nvme");
	assert_null(checksum_header(CHECKSUM_NONE));
	assert_null(checksum_header(CHECKSUM_MD5));
	assert_int_equal(checksum_by_header(BYTES("X-Amz-Checksum-SHA256")), CHECKSUM_SHA256);
	assert_int_equal(checksum_by_header(BYTES("x-amz-checksum-")), CHECKSUM_NONE);
	assert_int_equal(checksum_by_header(BYTES("x-amz-checksum-md5")), CHECKSUM_NONE);
	assert_int_equal(checksum_by_name(BYTES("crc32c")), CHECKSUM_CRC32C);
	assert_int_equal(checksum_by_name(BYTES("CRC32C ")), CHECKSUM_NONE);
	assert_int_equal(checksum_by_name(BYTES("")), CHECKSUM_NONE);
	assert_int_equal(checksum_by_name(BYTES("NONE")), CHECKSUM_NONE);
	assert_int_equal(checksum_new(CHECKSUM_NONE, &c), ERR_INPUT);
	assert_int_equal(checksum_new(CHECKSUM_KINDS, &c), ERR_INPUT);
	checksum_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_check_values),
		cmocka_unit_test(test_portable),
		cmocka_unit_test(test_names),
	};

	return secret_init(1024) == OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
