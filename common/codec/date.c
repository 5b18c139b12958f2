/*
 * Dates. Reading is a straight list of reads on a cursor and one check of the whole at the end; a
 * date that does not exist (February 30th, a wrong day of the week) is refused, never corrected.
 */
#include "common/codec/date.h"

#include "common/base/clock.h"

enum {
	YEAR_FIRST = 1970,
	YEAR_LAST = 9999, /* four digits in every format */
	PIVOT_YEAR = 70,  /* two digits: 70..99 are 19xx, 00..69 are 20xx */
	NS_DIGITS = 9,
};

static const char day_names[] = "SunMonTueWedThuFriSat";
static const char *const day_names_long[] = {
	"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday",
};
static const char month_names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

static struct bytes short_name(const char *names, unsigned i)
{
	return bytes_of(names + 3 * i, 3);
}

void date_write_amz(struct writer *w, uint64_t ms)
{
	struct civil c = clock_civil(ms / 1000);

	write_padded(w, c.year, 4);
	write_padded(w, c.month, 2);
	write_padded(w, c.day, 2);
	write_u8(w, 'T');
	write_padded(w, c.hour, 2);
	write_padded(w, c.minute, 2);
	write_padded(w, c.second, 2);
	write_u8(w, 'Z');
}

static void write_time(struct writer *w, const struct civil *c)
{
	write_padded(w, c->hour, 2);
	write_u8(w, ':');
	write_padded(w, c->minute, 2);
	write_u8(w, ':');
	write_padded(w, c->second, 2);
}

void date_write_iso_ms(struct writer *w, uint64_t ms)
{
	clock_write_iso(w, ms / 1000, ms % 1000, 3);
}

void date_write_iso_ns(struct writer *w, uint64_t ns)
{
	clock_write_iso(w, ns / 1000000000, ns % 1000000000, NS_DIGITS);
}

void date_write_http(struct writer *w, uint64_t ms)
{
	struct civil c = clock_civil(ms / 1000);

	write_bytes(w, short_name(day_names, c.weekday));
	write_text(w, ", ");
	write_padded(w, c.day, 2);
	write_u8(w, ' ');
	write_bytes(w, short_name(month_names, c.month - 1));
	write_u8(w, ' ');
	write_padded(w, c.year, 4);
	write_u8(w, ' ');
	write_time(w, &c);
	write_text(w, " GMT");
}

void date_write_log(struct writer *w, uint64_t ms)
{
	struct civil c = clock_civil(ms / 1000);

	write_padded(w, c.day, 2);
	write_u8(w, '/');
	write_bytes(w, short_name(month_names, c.month - 1));
	write_u8(w, '/');
	write_padded(w, c.year, 4);
	write_u8(w, ':');
	write_time(w, &c);
	write_text(w, " +0000");
}

static void expect(struct reader *r, const char *text)
{
	struct bytes want = bytes_text(text);

	if (!bytes_equal(read_bytes(r, want.n), want)) {
		r->bad = true;
	}
}

static unsigned read_digits(struct reader *r, size_t n)
{
	struct bytes b = read_bytes(r, n);
	uint64_t v = 0;

	if (bytes_u64(b, &v) != OK) {
		r->bad = true;
	}
	return (unsigned)v;
}

/* The index of a three-letter name. */
static unsigned read_name(struct reader *r, const char *names, unsigned count)
{
	struct bytes b = read_bytes(r, 3);

	for (unsigned i = 0; i < count; i++) {
		if (bytes_equal(b, short_name(names, i))) {
			return i;
		}
	}
	r->bad = true;
	return 0;
}

static unsigned read_month(struct reader *r)
{
	return read_name(r, month_names, 12) + 1;
}

static unsigned days_in(uint64_t year, unsigned month)
{
	static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap ? 1U : 0U);
}

/* second_last: 60 where the format knows leap seconds; such a second counts as the next one. */
static enum err seconds_of(const struct civil *c, unsigned second_last, uint64_t *ret)
{
	if (c->year < YEAR_FIRST || c->year > YEAR_LAST || c->month < 1 || c->month > 12) {
		return ERR_INPUT;
	}
	if (c->day < 1 || c->day > days_in(c->year, c->month)) {
		return ERR_INPUT;
	}
	if (c->hour > 23 || c->minute > 59 || c->second > second_last) {
		return ERR_INPUT;
	}
	*ret = ((clock_days(c->year, c->month, c->day) * 24 + c->hour) * 60 + c->minute) * 60 +
	       c->second;
	return OK;
}

enum err date_read_amz(struct bytes b, uint64_t *ret_ms)
{
	struct reader r = reader_of(b);
	struct civil c = {0};
	uint64_t seconds;

	c.year = read_digits(&r, 4);
	c.month = read_digits(&r, 2);
	c.day = read_digits(&r, 2);
	expect(&r, "T");
	c.hour = read_digits(&r, 2);
	c.minute = read_digits(&r, 2);
	c.second = read_digits(&r, 2);
	expect(&r, "Z");
	TRY(read_end(&r));
	TRY(seconds_of(&c, 59, &seconds));
	*ret_ms = seconds * 1000;
	return OK;
}

static void read_time(struct reader *r, struct civil *c)
{
	c->hour = read_digits(r, 2);
	expect(r, ":");
	c->minute = read_digits(r, 2);
	expect(r, ":");
	c->second = read_digits(r, 2);
}

/* ".5" is 500,000,000; nothing is 0. The "Z" that must follow is left. */
static uint64_t read_fraction_ns(struct reader *r)
{
	if (r->bad || r->left < 2 || *r->p != '.') {
		return 0;
	}
	size_t n = r->left - 2; /* without the point and the Z */
	if (n > NS_DIGITS) {
		r->bad = true;
		return 0;
	}
	expect(r, ".");
	uint64_t v = read_digits(r, n);
	for (; n < NS_DIGITS; n++) {
		v *= 10;
	}
	return v;
}

enum err date_read_iso(struct bytes b, uint64_t *ret_ns)
{
	struct reader r = reader_of(b);
	struct civil c = {0};
	uint64_t ns;

	c.year = read_digits(&r, 4);
	expect(&r, "-");
	c.month = read_digits(&r, 2);
	expect(&r, "-");
	c.day = read_digits(&r, 2);
	expect(&r, "T");
	read_time(&r, &c);
	uint64_t fraction = read_fraction_ns(&r);
	expect(&r, "Z");
	TRY(read_end(&r));
	TRY(seconds_of(&c, 59, &ns));
	if (__builtin_mul_overflow(ns, UINT64_C(1000000000), &ns) ||
	    __builtin_add_overflow(ns, fraction, &ns)) {
		return ERR_INPUT; /* after July 2554 */
	}
	*ret_ns = ns;
	return OK;
}

/* Sun, 06 Nov 1994 08:49:37 GMT, or with the zone as RFC 5322 3.3 writes it: botocore signs such a Date. */
static void read_fixdate(struct reader *r, struct civil *c)
{
	c->weekday = read_name(r, day_names, 7);
	expect(r, ", ");
	c->day = read_digits(r, 2);
	expect(r, " ");
	c->month = read_month(r);
	expect(r, " ");
	c->year = read_digits(r, 4);
	expect(r, " ");
	read_time(r, c);
	struct bytes zone = bytes_of(r->p, r->left);
	if (bytes_is(zone, " +0000") || bytes_is(zone, " -0000")) {
		read_bytes(r, zone.n);
	} else {
		expect(r, " GMT");
	}
}

/* Sunday, 06-Nov-94 08:49:37 GMT. RFC 9110 wants a window of 50 years around today; a pure function
 * does not know today, and a fixed pivot differs only for dates of the far future. */
static void read_rfc850(struct reader *r, struct civil *c)
{
	struct bytes rest = bytes_of(r->p, r->left);
	struct bytes name = bytes_split(&rest, ',');

	while (c->weekday < 7 && !bytes_is(name, day_names_long[c->weekday])) {
		c->weekday++;
	}
	*r = reader_of(rest);
	r->bad = c->weekday == 7;
	expect(r, " ");
	c->day = read_digits(r, 2);
	expect(r, "-");
	c->month = read_month(r);
	expect(r, "-");
	c->year = read_digits(r, 2);
	c->year += c->year < PIVOT_YEAR ? 2000 : 1900;
	expect(r, " ");
	read_time(r, c);
	expect(r, " GMT");
}

/* Sun Nov  6 08:49:37 1994 */
static void read_asctime(struct reader *r, struct civil *c)
{
	c->weekday = read_name(r, day_names, 7);
	expect(r, " ");
	c->month = read_month(r);
	expect(r, " ");
	if (r->left > 0 && *r->p == ' ') {
		expect(r, " ");
		c->day = read_digits(r, 1);
	} else {
		c->day = read_digits(r, 2);
	}
	expect(r, " ");
	read_time(r, c);
	expect(r, " ");
	c->year = read_digits(r, 4);
}

enum err date_read_http(struct bytes b, uint64_t *ret_ms)
{
	struct reader r = reader_of(b);
	struct civil c = {0};
	uint64_t seconds;

	if (b.n < 4) {
		return ERR_INPUT;
	}
	if (b.p[3] == ',') {
		read_fixdate(&r, &c);
	} else if (b.p[3] == ' ') {
		read_asctime(&r, &c);
	} else {
		read_rfc850(&r, &c);
	}
	TRY(read_end(&r));
	TRY(seconds_of(&c, 60, &seconds));
	uint64_t days = clock_days(c.year, c.month, c.day);
	if (clock_civil(days * 86400).weekday != c.weekday) {
		return ERR_INPUT;
	}
	*ret_ms = seconds * 1000;
	return OK;
}
