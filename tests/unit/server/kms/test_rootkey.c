/* The root key under a passphrase: right one, wrong one, every changed byte, costs out of range. */
#include "server/kms/rootkey.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "common/base/attr.h"

static const struct kdf_cost cost = {3, 64 << 20}; /* the least that is accepted */

static void test_round_trip(void **state)
{
	struct secret *root AUTO(secret_freep) = secret_random(ROOTKEY_BYTES);
	struct secret *back AUTO(secret_freep) = NULL;
	uint8_t record[ROOTKEY_RECORD_MAX];
	struct writer w = writer_fixed(record, sizeof(record));

	(void)state;
	assert_int_equal(rootkey_seal(root, BYTES("pass phrase"), cost, &w), OK);
	assert_int_equal(rootkey_open(writer_bytes(&w), BYTES("pass phrase"), &back), OK);
	assert_true(secret_equal(root, back));
	back = secret_free(back);
	assert_int_equal(rootkey_open(writer_bytes(&w), BYTES("pass phrasf"), &back), ERR_AUTH);
	assert_int_equal(rootkey_open(writer_bytes(&w), BYTES(""), &back), ERR_AUTH);
	assert_null(back);
	for (size_t n = 0; n < w.used; n++) {
		assert_int_equal(rootkey_open(bytes_of(record, n), BYTES("pass phrase"), &back),
		                 ERR_CORRUPT);
	}
	/* A salt or a wrapped byte that changed cannot be told from a wrong passphrase. */
	const size_t places[] = {1, 16, 40, w.used - 1};
	for (size_t i = 0; i < COUNT(places); i++) {
		record[places[i]] ^= 1;
		assert_int_equal(rootkey_open(writer_bytes(&w), BYTES("pass phrase"), &back),
		                 ERR_AUTH);
		record[places[i]] ^= 1;
	}
	record[0] ^= 1; /* format */
	assert_int_equal(rootkey_open(writer_bytes(&w), BYTES("pass phrase"), &back), ERR_CORRUPT);
}

static int set_up(void **state)
{
	(void)state;
	return secret_init(64) != OK;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
	};
	return cmocka_run_group_tests(tests, set_up, NULL);
}
