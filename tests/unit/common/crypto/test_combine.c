/* checksum_combine: for every kind and split, the combination equals the CRC of the whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/secret.h"
#include "common/crypto/checksum.h"

enum { WHOLE_BYTES = 3000 };

static size_t crc_of(enum checksum_kind kind, struct bytes b, uint8_t *out)
{
	struct checksum *c = NULL;
	size_t n = 0;
	assert_int_equal(checksum_new(kind, &c), OK);
	assert_int_equal(checksum_update(c, b), OK);
	assert_int_equal(checksum_final(c, out, &n), OK);
	checksum_free(c);
	return n;
}

static void combines(void **state)
{
	static const enum checksum_kind kinds[] = {CHECKSUM_CRC32, CHECKSUM_CRC32C,
	                                           CHECKSUM_CRC64NVME};
	uint8_t data[WHOLE_BYTES];
	(void)state;
	random_bytes(data, sizeof(data));
	for (size_t k = 0; k < 3; k++) {
		for (size_t at = 0; at <= WHOLE_BYTES; at += 37) {
			uint8_t whole[CHECKSUM_BYTES_MAX];
			uint8_t first[CHECKSUM_BYTES_MAX];
			uint8_t second[CHECKSUM_BYTES_MAX];
			size_t n = crc_of(kinds[k], bytes_of(data, WHOLE_BYTES), whole);
			crc_of(kinds[k], bytes_of(data, at), first);
			crc_of(kinds[k], bytes_of(data + at, WHOLE_BYTES - at), second);
			assert_int_equal(
				checksum_combine(kinds[k], first, second, WHOLE_BYTES - at), OK);
			assert_memory_equal(first, whole, n);
		}
	}
}

static void refuses_hashes(void **state)
{
	uint8_t value[CHECKSUM_BYTES_MAX] = {0};
	(void)state;
	assert_int_equal(checksum_combine(CHECKSUM_SHA256, value, value, 1), ERR_INPUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(combines),
		cmocka_unit_test(refuses_hashes),
	};
	if (secret_init(16) != OK) {
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
