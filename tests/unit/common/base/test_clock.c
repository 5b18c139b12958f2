/* The clocks, and the calendar against the C library's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <time.h>

#include "common/base/clock.h"

static void the_units_agree(void **state)
{
	(void)state;
	uint64_t seconds = (uint64_t)time(NULL);
	uint64_t ms = clock_real_ms();
	uint64_t ns = clock_real_ns();
	assert_in_range(ms / 1000, seconds, seconds + 5);
	assert_in_range(ns / 1000000, ms, ms + 5000);
	uint64_t mono_ms = clock_mono_ms();
	uint64_t mono_us = clock_mono_us();
	assert_in_range(mono_us / 1000, mono_ms, mono_ms + 5000);
	assert_true(clock_mono_us() >= mono_us);
}

static void check(uint64_t seconds)
{
	struct civil c = clock_civil(seconds);
	time_t t = (time_t)seconds;
	struct tm tm;

	assert_non_null(gmtime_r(&t, &tm));
	assert_int_equal(c.year, tm.tm_year + 1900);
	assert_int_equal(c.month, tm.tm_mon + 1);
	assert_int_equal(c.day, tm.tm_mday);
	assert_int_equal(c.hour, tm.tm_hour);
	assert_int_equal(c.minute, tm.tm_min);
	assert_int_equal(c.second, tm.tm_sec);
	assert_int_equal(c.weekday, tm.tm_wday);
	assert_int_equal(clock_days(c.year, c.month, c.day), seconds / 86400);
}

static void the_calendar_is_that_of_the_c_library(void **state)
{
	(void)state;
	/* Every day to the year 2800: two turns of the 400-year rule; then to 9999 in larger steps. */
	for (uint64_t day = 0; day < 303000; day++) {
		check(day * 86400 + day % 86400);
	}
	for (uint64_t seconds = 0; seconds < UINT64_C(253402300800); seconds += 86399 * 7) {
		check(seconds);
	}
	check(UINT64_C(253402300799)); /* 9999-12-31T23:59:59 */
}

static void the_far_future_does_not_overflow(void **state)
{
	(void)state;
	struct civil c = clock_civil(UINT64_MAX);
	assert_in_range(c.month, 1, 12);
	assert_in_range(c.day, 1, 31);
	assert_true(c.year > 500000000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_units_agree),
		cmocka_unit_test(the_calendar_is_that_of_the_c_library),
		cmocka_unit_test(the_far_future_does_not_overflow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
