/* Views, cursors, writers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"

#define assert_bytes(b, text) assert_true(bytes_is((b), (text)))

static void views_clamp(void **state)
{
	struct bytes b = BYTES("abcdef");
	struct bytes none = {NULL, 0};

	(void)state;
	assert_bytes(bytes_skip(b, 2), "cdef");
	assert_int_equal(bytes_skip(b, 7).n, 0);
	assert_bytes(bytes_first(b, 2), "ab");
	assert_bytes(bytes_first(b, 99), "abcdef");
	assert_null(bytes_skip(none, 3).p);
	assert_int_equal(bytes_first(none, 3).n, 0);
	assert_int_equal(bytes_text(NULL).n, 0);
	assert_true(bytes_equal(none, BYTES("")));
	assert_false(bytes_equal(b, BYTES("abcdeg")));
	assert_false(bytes_is(b, "abcde"));
	assert_true(bytes_is_nocase(BYTES("Content-TYPE"), "content-type"));
	assert_false(bytes_is_nocase(BYTES("Content-TYPE"), "content-typ"));
	assert_false(bytes_is_nocase(BYTES("@["), "`{")); /* only letters have a case */
	assert_true(bytes_starts(b, BYTES("abc")));
	assert_true(bytes_starts(b, none));
	assert_false(bytes_starts(BYTES("ab"), BYTES("abc")));
}

static void order_is_of_unsigned_bytes(void **state)
{
	static const char *const sorted[] = {"", "\x01", "a", "a/", "a0", "aa", "b", "\x7f", "\xc3\xa9", "\xff"};

	(void)state;
	for (int i = 0; i < 10; i++) {
		for (int k = 0; k < 10; k++) {
			int order = bytes_compare(bytes_text(sorted[i]), bytes_text(sorted[k]));
			assert_int_equal(order, (i > k) - (i < k));
		}
	}
	assert_int_equal(bytes_compare((struct bytes){NULL, 0}, BYTES("")), 0);
}

static void find_trim_split(void **state)
{
	struct bytes rest = BYTES("a=b=");
	size_t at = 77;

	(void)state;
	assert_true(bytes_find(rest, '=', &at));
	assert_int_equal(at, 1);
	assert_false(bytes_find(rest, 'x', &at));
	assert_int_equal(at, 1);
	assert_bytes(bytes_trim(BYTES(" \t a b\t ")), "a b");
	assert_int_equal(bytes_trim(BYTES(" \t ")).n, 0);
	assert_bytes(bytes_split(&rest, '='), "a");
	assert_bytes(bytes_split(&rest, '='), "b");
	assert_non_null(rest.p); /* a delimiter at the end: one empty part follows */
	assert_int_equal(bytes_split(&rest, '=').n, 0);
	assert_null(rest.p);
	rest = BYTES("whole");
	assert_bytes(bytes_split(&rest, '='), "whole");
	assert_null(rest.p);
}

static void utf8_follows_rfc_3629(void **state)
{
	static const char *const good[] = {
		"", "plain", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
		"\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "a\xc3\xa9z",
	};
	static const char *const bad[] = {
		"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2|", "\xe0\x9f\xbf", "\xe2\x82",
		"\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80", "\xff", "ok\xf0\x9f\x98", "\xe2\x28\xa1", "\xf0\x9f\x98\x28",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(bytes_is_utf8(bytes_text(good[i])));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(bytes_is_utf8(bytes_text(bad[i])));
	}
	assert_int_equal(bytes_utf8_length(BYTES("\xf0\x9f\x98\x80x")), 4);
	assert_int_equal(bytes_utf8_length((struct bytes){NULL, 0}), 0);
}

static void decimal_is_strict(void **state)
{
	static const char *const bad[] = {
		"", "-1", "+1", " 1", "1 ", "0x1", "1a", "18446744073709551616",
		"99999999999999999999", "000000000000000000001",
	};
	uint64_t v = 5;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(bytes_u64(bytes_text(bad[i]), &v), ERR_INPUT);
		assert_int_equal(v, 5);
	}
	assert_int_equal(bytes_u64(BYTES("18446744073709551615"), &v), OK);
	assert_true(v == UINT64_MAX);
	assert_int_equal(bytes_u64(BYTES("0"), &v), OK);
	assert_true(v == 0);
}

static void what_is_written_reads_back(void **state)
{
	uint8_t memory[64];
	struct writer w = writer_fixed(memory, sizeof(memory));
	uint8_t out[3];

	(void)state;
	write_u8(&w, 0xab);
	write_u16(&w, 0x0102);
	write_u32(&w, 0x03040506);
	write_u64(&w, UINT64_C(0x0708090a0b0c0d0e));
	write_lv16(&w, BYTES("short"));
	write_lv32(&w, BYTES("long"));
	write_text(&w, "xyz");
	assert_int_equal(writer_end(&w), OK);
	assert_int_equal(memory[1], 0x01); /* big-endian */
	struct reader r = reader_of(writer_bytes(&w));
	assert_int_equal(read_u8(&r), 0xab);
	assert_int_equal(read_u16(&r), 0x0102);
	assert_int_equal(read_u32(&r), 0x03040506);
	assert_true(read_u64(&r) == UINT64_C(0x0708090a0b0c0d0e));
	assert_bytes(read_lv16(&r, 5), "short");
	assert_bytes(read_lv32(&r, 4), "long");
	assert_int_equal(read_end(&r), ERR_INPUT); /* three bytes are left */
	read_into(&r, out, 3);
	assert_memory_equal(out, "xyz", 3);
	assert_int_equal(read_end(&r), OK);
}

static void a_bad_read_is_remembered(void **state)
{
	uint8_t out[4] = {1, 2, 3, 4};
	struct reader r = reader_of(BYTES("\x01\x02\x03"));

	(void)state;
	assert_int_equal(read_u32(&r), 0);
	assert_true(r.bad);
	assert_int_equal(read_u8(&r), 0); /* there is a byte, but the reader is bad */
	read_into(&r, out, 4);
	assert_memory_equal(out, "\0\0\0\0", 4);
	assert_null(read_bytes(&r, 0).p);
	assert_int_equal(read_end(&r), ERR_INPUT);
	r = reader_of(BYTES("\x00\x03""abc"));
	assert_int_equal(read_lv16(&r, 2).n, 0); /* over the caller's limit */
	assert_true(r.bad);
	r = reader_of(BYTES("\x00\x04""abc"));
	assert_int_equal(read_lv16(&r, 9).n, 0); /* longer than the input */
	assert_true(r.bad);
	r = reader_of(BYTES("\xff\xff\xff\xff""abc"));
	assert_int_equal(read_lv32(&r, SIZE_MAX).n, 0);
	assert_true(r.bad);
}

static void an_item_that_does_not_fit_leaves_nothing(void **state)
{
	uint8_t memory[8] = {0};
	struct writer w = writer_fixed(memory, 4);

	(void)state;
	write_u16(&w, 0x0101);
	write_lv16(&w, BYTES("abc")); /* the length alone would fit */
	assert_int_equal(w.used, 2);
	assert_int_equal(memory[2], 0);
	assert_int_equal(writer_end(&w), ERR_LIMIT);
	write_u8(&w, 1); /* full is sticky */
	assert_int_equal(w.used, 2);
	w = writer_fixed(memory, 4);
	write_lv16(&w, bytes_of(memory, UINT16_MAX + 1)); /* refused before it is read */
	assert_true(w.full);
	w = writer_fixed(memory, 4);
	write_padded(&w, 10000, 4);
	assert_true(w.full);
	assert_int_equal(w.used, 0);
	w = writer_fixed(memory, 4);
	assert_null(writer_reserve(&w, SIZE_MAX));
	assert_true(w.full);
}

static void numbers_in_text(void **state)
{
	uint8_t memory[64];
	struct writer w = writer_fixed(memory, sizeof(memory));

	(void)state;
	write_decimal(&w, 0);
	write_u8(&w, ' ');
	write_decimal(&w, UINT64_MAX);
	write_u8(&w, ' ');
	write_padded(&w, 42, 5);
	write_u8(&w, ' ');
	write_padded(&w, 99999, 5);
	assert_bytes(writer_bytes(&w), "0 18446744073709551615 00042 99999");
}

static void quoted_text_is_json(void **state)
{
	uint8_t memory[128];
	struct writer w = writer_fixed(memory, sizeof(memory));

	(void)state;
	write_quoted(&w, bytes_of("a\"\\\b\f\n\r\t\x00\x1f\x7f\xc3\xa9\xff\xc3z", 16));
	assert_bytes(writer_bytes(&w), "\"a\\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f\\u007f"
	                               "\xc3\xa9\xef\xbf\xbd\xef\xbf\xbdz\"");
	w.used = 0;
	write_quoted(&w, (struct bytes){NULL, 0});
	assert_bytes(writer_bytes(&w), "\"\"");
}

static void a_growing_writer_grows_to_its_limit(void **state)
{
	struct writer w = writer_growing(100000);
	uint8_t block[999];

	(void)state;
	memset(block, 'x', sizeof(block));
	for (int i = 0; i < 100; i++) {
		write_bytes(&w, bytes_of(block, sizeof(block)));
	}
	assert_int_equal(writer_end(&w), OK);
	assert_int_equal(w.used, 99900);
	write_bytes(&w, bytes_of(block, 100));
	assert_int_equal(w.used, 100000);
	assert_int_equal(writer_end(&w), OK);
	write_u8(&w, 0);
	assert_int_equal(writer_end(&w), ERR_LIMIT);
	for (size_t i = 0; i < w.used; i++) {
		assert_int_equal(w.p[i], 'x');
	}
	writer_free(&w);
	assert_null(w.p);
	write_u8(&w, 7); /* usable again */
	assert_int_equal(w.used, 1);
	writer_free(&w);
	writer_free(NULL);
	w = writer_growing(10);
	assert_non_null(writer_reserve(&w, 0));
	writer_free(&w);
	w = writer_fixed(block, sizeof(block));
	writer_free(&w);
	assert_ptr_equal(w.p, block);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(views_clamp),
		cmocka_unit_test(order_is_of_unsigned_bytes),
		cmocka_unit_test(find_trim_split),
		cmocka_unit_test(utf8_follows_rfc_3629),
		cmocka_unit_test(decimal_is_strict),
		cmocka_unit_test(what_is_written_reads_back),
		cmocka_unit_test(a_bad_read_is_remembered),
		cmocka_unit_test(an_item_that_does_not_fit_leaves_nothing),
		cmocka_unit_test(numbers_in_text),
		cmocka_unit_test(quoted_text_is_json),
		cmocka_unit_test(a_growing_writer_grows_to_its_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
