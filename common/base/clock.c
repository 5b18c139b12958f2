/*
 * Time: the system's clocks, and the calendar. The calendar counts in years that start in March, so
 * that the leap day is the last day of a year and every month before it has a fixed offset.
 */
#include "common/base/clock.h"

#include <assert.h>
#include <time.h>

enum {
	DAYS_PER_ERA = 146097,     /* 400 years */
	DAYS_TO_1970 = 719468,     /* 0000-03-01 to 1970-01-01 */
	SECONDS_PER_DAY = 86400,
	WEEKDAY_OF_1970 = 4,       /* Thursday */
};

static uint64_t read_ns(clockid_t clock)
{
	struct timespec t;
	int failed = clock_gettime(clock, &t);

	assert(failed == 0); /* these clocks always exist on Linux */
	(void)failed;
	return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

uint64_t clock_real_ms(void)
{
	return read_ns(CLOCK_REALTIME) / 1000000;
}

uint64_t clock_real_ns(void)
{
	return read_ns(CLOCK_REALTIME);
}

uint64_t clock_mono_ms(void)
{
	return read_ns(CLOCK_MONOTONIC) / 1000000;
}

uint64_t clock_mono_us(void)
{
	return read_ns(CLOCK_MONOTONIC) / 1000;
}

struct civil clock_civil(uint64_t seconds)
{
	uint64_t days = seconds / SECONDS_PER_DAY;
	unsigned rest = (unsigned)(seconds % SECONDS_PER_DAY);
	uint64_t era = (days + DAYS_TO_1970) / DAYS_PER_ERA;
	unsigned day = (unsigned)((days + DAYS_TO_1970) % DAYS_PER_ERA);   /* of the era */
	unsigned year = (day - day / 1460 + day / 36524 - day / 146096) / 365; /* of the era */
	unsigned of_year = day - (365 * year + year / 4 - year / 100);      /* from March 1st */
	unsigned march_month = (5 * of_year + 2) / 153;                     /* 0 is March */
	unsigned month = march_month < 10 ? march_month + 3 : march_month - 9;

	return (struct civil){
		.year = era * 400 + year + (month <= 2 ? 1 : 0),
		.month = month,
		.day = of_year - (153 * march_month + 2) / 5 + 1,
		.hour = rest / 3600,
		.minute = rest / 60 % 60,
		.second = rest % 60,
		.weekday = (unsigned)((days + WEEKDAY_OF_1970) % 7),
	};
}

uint64_t clock_days(uint64_t year, unsigned month, unsigned day)
{
	assert(year >= 1970 && month >= 1 && month <= 12 && day >= 1 && day <= 31);
	uint64_t march_year = month <= 2 ? year - 1 : year;
	unsigned march_month = month <= 2 ? month + 9 : month - 3;
	uint64_t of_era = march_year % 400;
	uint64_t of_year = (153 * march_month + 2) / 5 + day - 1;

	return march_year / 400 * DAYS_PER_ERA + of_era * 365 + of_era / 4 - of_era / 100 + of_year -
	       DAYS_TO_1970;
}

void clock_write_iso(struct writer *w, uint64_t seconds, uint64_t fraction, unsigned digits)
{
	struct civil c = clock_civil(seconds);

	write_padded(w, c.year, 4);
	write_u8(w, '-');
	write_padded(w, c.month, 2);
	write_u8(w, '-');
	write_padded(w, c.day, 2);
	write_u8(w, 'T');
	write_padded(w, c.hour, 2);
	write_u8(w, ':');
	write_padded(w, c.minute, 2);
	write_u8(w, ':');
	write_padded(w, c.second, 2);
	write_u8(w, '.');
	write_padded(w, fraction, digits);
	write_u8(w, 'Z');
}
