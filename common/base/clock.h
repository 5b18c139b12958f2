/* Time. Pure modules take it as an argument; these are for the programs. */
#ifndef REMPART_BASE_CLOCK_H
#define REMPART_BASE_CLOCK_H

#include "common/base/bytes.h"

uint64_t clock_real_ms(void); /* milliseconds since 1970, UTC */
uint64_t clock_real_ns(void); /* nanoseconds since 1970, UTC */
uint64_t clock_mono_ms(void); /* for deadlines and intervals; never goes back */
uint64_t clock_mono_us(void);

/* A second since 1970 as a date, proleptic Gregorian, UTC. */
struct civil {
	uint64_t year;
	unsigned month;   /* 1..12 */
	unsigned day;     /* 1..31 */
	unsigned hour;    /* 0..23 */
	unsigned minute;  /* 0..59 */
	unsigned second;  /* 0..59 */
	unsigned weekday; /* 0 is Sunday */
};
/* clock_civil: pure. clock_days: its inverse for dates, days since 1970-01-01; the caller has
 * checked that year >= 1970 and that month and day exist. */
struct civil clock_civil(uint64_t seconds);
uint64_t clock_days(uint64_t year, unsigned month, unsigned day);
/* clock_write_iso: 2026-01-31T23:59:59.123Z, with so many digits of a fraction (ISO 8601). Other
 * dates: common/codec/date.h. */
void clock_write_iso(struct writer *w, uint64_t seconds, uint64_t fraction, unsigned digits);

#endif
