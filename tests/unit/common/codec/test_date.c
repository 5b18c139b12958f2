/* Dates: the formats, the calendar rules, the ends of the range. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/codec/date.h"

#define MS_1994 UINT64_C(784111777000) /* the example of RFC 9110 */

static struct bytes written(void (*write)(struct writer *w, uint64_t v), uint64_t v)
{
	static uint8_t memory[64];
	struct writer w = writer_fixed(memory, sizeof(memory));

	write(&w, v);
	return writer_end(&w) == OK ? writer_bytes(&w) : BYTES("full");
}

static void the_formats(void **state)
{
	(void)state;
	assert_true(bytes_is(written(date_write_amz, MS_1994 + 999), "19941106T084937Z"));
	assert_true(bytes_is(written(date_write_iso_ms, MS_1994 + 7), "1994-11-06T08:49:37.007Z"));
	assert_true(bytes_is(written(date_write_iso_ns, MS_1994 * 1000000 + 7),
	                     "1994-11-06T08:49:37.000000007Z"));
	assert_true(bytes_is(written(date_write_http, MS_1994), "Sun, 06 Nov 1994 08:49:37 GMT"));
	assert_true(bytes_is(written(date_write_log, MS_1994), "06/Nov/1994:08:49:37 +0000"));
	assert_true(bytes_is(written(date_write_log, UINT64_MAX), "full"));
	assert_true(bytes_is(written(date_write_http, 0), "Thu, 01 Jan 1970 00:00:00 GMT"));
	assert_true(bytes_is(written(date_write_iso_ms, UINT64_C(253402300799999)),
	                     "9999-12-31T23:59:59.999Z"));
	/* A year of five digits has no place in these formats. */
	assert_true(bytes_is(written(date_write_amz, UINT64_C(253402300800000)), "full"));
	assert_true(bytes_is(written(date_write_iso_ms, UINT64_MAX), "full"));
	assert_true(bytes_is(written(date_write_http, UINT64_MAX), "full"));
	assert_true(bytes_is(written(date_write_iso_ns, UINT64_MAX), "2554-07-21T23:34:33.709551615Z"));
}

static void what_is_written_reads_back(void **state)
{
	(void)state;
	for (uint64_t s = 0; s < UINT64_C(253402300800); s += 98765432) {
		uint64_t v = 1;
		assert_int_equal(date_read_amz(written(date_write_amz, s * 1000), &v), OK);
		assert_true(v == s * 1000);
		assert_int_equal(date_read_http(written(date_write_http, s * 1000), &v), OK);
		assert_true(v == s * 1000);
		if (s < UINT64_C(18446744073)) {
			uint64_t ns = s * 1000000000 + s % 1000000000;
			assert_int_equal(date_read_iso(written(date_write_iso_ns, ns), &v), OK);
			assert_true(v == ns);
		}
	}
}

static void the_three_forms_of_http(void **state)
{
	static const char *const good[] = {
		"Sun, 06 Nov 1994 08:49:37 GMT",
		"Sunday, 06-Nov-94 08:49:37 GMT",
		"Sun Nov  6 08:49:37 1994",
	};
	uint64_t v = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		v = 0;
		assert_int_equal(date_read_http(bytes_text(good[i]), &v), OK);
		assert_true(v == MS_1994);
	}
	assert_int_equal(date_read_http(BYTES("Wed Nov 16 08:49:37 1994"), &v), OK);
	assert_true(v == MS_1994 + UINT64_C(864000000));
	assert_int_equal(date_read_http(BYTES("Tuesday, 31-Dec-69 23:59:59 GMT"), &v), OK); /* 2069 */
	assert_true(v == UINT64_C(3155759999000));
	/* A leap second is the first second of the next day. */
	assert_int_equal(date_read_http(BYTES("Sun, 06 Nov 1994 08:49:37 -0000"), &v), OK);
	assert_true(v == MS_1994);
	assert_int_equal(date_read_http(BYTES("Sun, 06 Nov 1994 08:49:37 +0000"), &v), OK);
	assert_int_equal(date_read_http(BYTES("Sat, 31 Dec 2016 23:59:60 GMT"), &v), OK);
	assert_true(v == UINT64_C(1483228800000));
}

static void bad_http_dates(void **state)
{
	static const char *const bad[] = {
		"", "Sun", "Sun,", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 UTC",
		"Sun, 06 Nov 1994 08:49:37 +0100", "Sun, 06 Nov 1994 08:49:37 -00000",
		"Sunday, 06-Nov-94 08:49:37 -0000",
		"Sun, 06 Nov 1994 08:49:37 GMT ", "sun, 06 nov 1994 08:49:37 gmt",
		"Mon, 06 Nov 1994 08:49:37 GMT", "Sun, 6 Nov 1994 08:49:37 GMT",
		"Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 1994 08:60:00 GMT",
		"Sun, 06 Nov 1994 08:49:61 GMT", "Sun, 00 Nov 1994 08:49:37 GMT",
		"Thu, 31 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 94 08:49:37 GMT",
		"Wed, 31 Dec 1969 23:59:59 GMT", "Xyzday, 06-Nov-94 08:49:37 GMT",
		"Sunday, 06-Nov-1994 08:49:37 GMT", "Monday, 06-Nov-94 08:49:37 GMT",
		"Sunday 06-Nov-94 08:49:37 GMT", "Sun Nov 6 08:49:37 1994", "Sun Nov 06 08:49:37 94",
		"Sun Nov  6 08:49:37 1994 ", "Sun Now  6 08:49:37 1994", "aaaaaaaaaaaaaaaaaaaa",
		"Sun, 06 Nov -994 08:49:37 GMT",
	};
	uint64_t v = 9;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(date_read_http(bytes_text(bad[i]), &v), ERR_INPUT);
		assert_true(v == 9);
	}
}

static void bad_amz_dates(void **state)
{
	static const char *const bad[] = {
		"", "20260131T235959", "20260131t235959Z", "20260131T235959z", "2026-01-31T23:59:59Z",
		"20260132T235959Z", "20261301T235959Z", "20260031T235959Z", "20260100T235959Z",
		"20260131T245959Z", "20260131T236059Z", "20260131T235960Z", "20260131T235959Z ",
		"19691231T235959Z", "20250229T000000Z", "21000229T000000Z", "+0260131T235959Z",
	};
	uint64_t v = 9;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(date_read_amz(bytes_text(bad[i]), &v), ERR_INPUT);
		assert_true(v == 9);
	}
	assert_int_equal(date_read_amz(BYTES("20240229T000000Z"), &v), OK);
	assert_int_equal(date_read_amz(BYTES("20000229T000000Z"), &v), OK);
	assert_true(v == UINT64_C(951782400000));
}

static void iso_fractions(void **state)
{
	static const char *const bad[] = {
		"1994-11-06T08:49:37", "1994-11-06T08:49:37.Z", "1994-11-06T08:49:37.1234567890Z",
		"1994-11-06T08:49:37.5", "1994-11-06T08:49:37,5Z", "1994-11-06T08:49:37.5ZZ",
		"1994-11-06 08:49:37Z", "1994-11-06T08:49:37+00:00", "1994-11-06T08:49:60Z",
		"1994-11-06T08:49:37.-5Z", "2554-07-21T23:34:33.709551616Z", "2600-01-01T00:00:00Z",
		"9999-12-31T23:59:59Z", "1994-02-29T00:00:00Z",
	};
	uint64_t ns = MS_1994 * 1000000;
	uint64_t v = 9;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(date_read_iso(bytes_text(bad[i]), &v), ERR_INPUT);
		assert_true(v == 9);
	}
	assert_int_equal(date_read_iso(BYTES("1994-11-06T08:49:37Z"), &v), OK);
	assert_true(v == ns);
	assert_int_equal(date_read_iso(BYTES("1994-11-06T08:49:37.5Z"), &v), OK);
	assert_true(v == ns + 500000000);
	assert_int_equal(date_read_iso(BYTES("1994-11-06T08:49:37.000000001Z"), &v), OK);
	assert_true(v == ns + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_formats),
		cmocka_unit_test(what_is_written_reads_back),
		cmocka_unit_test(the_three_forms_of_http),
		cmocka_unit_test(bad_http_dates),
		cmocka_unit_test(bad_amz_dates),
		cmocka_unit_test(iso_fractions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
