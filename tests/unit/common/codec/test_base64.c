/* Base64: the vectors of RFC 4648 section 10, and strictness. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/codec/base64.h"

static void the_vectors_of_the_rfc(void **state)
{
	static const char *const pairs[][2] = {
		{"", ""},
		{"f", "Zg=="},
		{"fo", "Zm8="},
		{"foo", "Zm9v"},
		{"foob", "Zm9vYg=="},
		{"fooba", "Zm9vYmE="},
		{"foobar", "Zm9vYmFy"},
		{"\xfb\xff\xbf", "+/+/"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		uint8_t memory[16];
		struct writer w = writer_fixed(memory, sizeof(memory));
		base64_write(&w, bytes_text(pairs[i][0]));
		assert_true(bytes_is(writer_bytes(&w), pairs[i][1]));
		w = writer_fixed(memory, sizeof(memory));
		assert_int_equal(base64_read(bytes_text(pairs[i][1]), &w), OK);
		assert_true(bytes_is(writer_bytes(&w), pairs[i][0]));
	}
}

static void every_length_goes_round(void **state)
{
	uint8_t in[200];
	uint8_t text[300];
	uint8_t out[200];

	(void)state;
	for (size_t i = 0; i < sizeof(in); i++) {
		in[i] = (uint8_t)(i * 167 + 13);
	}
	for (size_t n = 0; n <= sizeof(in); n++) {
		struct writer to_text = writer_fixed(text, sizeof(text));
		struct writer to_out = writer_fixed(out, n); /* exactly the room that is needed */
		base64_write(&to_text, bytes_of(in, n));
		assert_int_equal(to_text.used, (n + 2) / 3 * 4);
		assert_int_equal(base64_read(writer_bytes(&to_text), &to_out), OK);
		assert_true(bytes_equal(writer_bytes(&to_out), bytes_of(in, n)));
	}
}

static void what_is_not_base64_is_refused(void **state)
{
	static const char *const bad[] = {
		"Z",      "Zg",     "Zg=",    "====",   "Z===",       "=Zg=",       "Zg==Zg==",
		"Zh==",   "Zm9=",   "Zm9v\n", " Zm9v",  "Zm9-",       "Zm9_",       "Zg=a",
		"Zm9vZ",  "Zm\xffv", "Zm9v====", "=", "==", "Z=g=",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint8_t memory[16];
		struct writer w = writer_fixed(memory, sizeof(memory));
		write_u8(&w, 'k');
		assert_int_equal(base64_read(bytes_text(bad[i]), &w), ERR_INPUT);
		assert_int_equal(w.used, 1);
	}
}

static void a_full_writer_is_a_limit(void **state)
{
	uint8_t memory[3];
	struct writer w = writer_fixed(memory, 2);

	(void)state;
	assert_int_equal(base64_read(BYTES("Zm9v"), &w), ERR_LIMIT);
	w = writer_fixed(memory, 3);
	base64_write(&w, BYTES("f"));
	assert_int_equal(writer_end(&w), ERR_LIMIT);
	assert_int_equal(w.used, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vectors_of_the_rfc),
		cmocka_unit_test(every_length_goes_round),
		cmocka_unit_test(what_is_not_base64_is_refused),
		cmocka_unit_test(a_full_writer_is_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
