/* Hexadecimal: both directions, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "common/codec/hex.h"

static void all_bytes_go_round(void **state)
{
	uint8_t in[256];
	uint8_t out[256];
	uint8_t text[512];
	struct writer w = writer_fixed(text, sizeof(text));

	(void)state;
	for (unsigned i = 0; i < 256; i++) {
		in[i] = (uint8_t)i;
	}
	hex_write(&w, bytes_of(in, sizeof(in)));
	assert_int_equal(writer_end(&w), OK);
	assert_true(bytes_starts(writer_bytes(&w), BYTES("000102030405060708090a0b0c0d0e0f10")));
	assert_int_equal(hex_read(writer_bytes(&w), out, sizeof(out)), OK);
	assert_memory_equal(in, out, sizeof(in));
	assert_int_equal(hex_read(BYTES("dEADbeef"), out, 4), OK);
	assert_memory_equal(out, "\xde\xad\xbe\xef", 4);
	assert_int_equal(hex_read(BYTES(""), out, 0), OK);
}

static void anything_else_is_refused(void **state)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	uint8_t out[2] = {7, 8};

	(void)state;
	assert_int_equal(hex_read(BYTES("0"), out, 1), ERR_INPUT);
	assert_int_equal(hex_read(BYTES("000"), out, 1), ERR_INPUT);
	assert_int_equal(hex_read(BYTES("0000"), out, 1), ERR_INPUT);
	assert_int_equal(hex_read(BYTES(""), out, 1), ERR_INPUT);
	for (unsigned c = 0; c < 256; c++) {
		uint8_t text[4] = {'1', '2', '3', (uint8_t)c};
		enum err e = hex_read(bytes_of(text, 4), out, 2);
		bool good = c != 0 && strchr(digits, (int)c) != NULL;
		assert_int_equal(e, good ? OK : ERR_INPUT);
	}
	out[0] = 7;
	assert_int_equal(hex_read(BYTES("12x4"), out, 2), ERR_INPUT);
	assert_int_equal(out[0], 7); /* untouched on failure */
}

static void a_full_writer_gets_nothing(void **state)
{
	uint8_t memory[3];
	struct writer w = writer_fixed(memory, sizeof(memory));

	(void)state;
	hex_write(&w, BYTES("ab"));
	assert_int_equal(writer_end(&w), ERR_LIMIT);
	assert_int_equal(w.used, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_bytes_go_round),
		cmocka_unit_test(anything_else_is_refused),
		cmocka_unit_test(a_full_writer_gets_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
