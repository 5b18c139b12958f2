/*
 * Views, cursors and growable output. The invariant: a reader never reads past `left`, a writer
 * never writes past `size`; whoever breaks a limit sets the sticky flag and changes nothing else.
 */
#include "common/base/bytes.h"

#include <stdlib.h>
#include <string.h>

enum {
	WRITER_FIRST_BYTES = 256, /* the first block of a growing writer */
	DECIMAL_U64_DIGITS = 20,  /* 18446744073709551615 */
};

struct bytes bytes_of(const void *p, size_t n)
{
	return (struct bytes){p, n};
}

struct bytes bytes_text(const char *text)
{
	if (text == NULL) {
		return (struct bytes){NULL, 0};
	}
	return (struct bytes){(const uint8_t *)text, strlen(text)};
}

struct bytes bytes_skip(struct bytes b, size_t n)
{
	if (n > b.n) {
		n = b.n;
	}
	if (n == 0) { /* NULL + 0 is undefined in C */
		return b;
	}
	return (struct bytes){b.p + n, b.n - n};
}

struct bytes bytes_first(struct bytes b, size_t n)
{
	return (struct bytes){b.p, n < b.n ? n : b.n};
}

bool bytes_equal(struct bytes a, struct bytes b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool bytes_is(struct bytes b, const char *text)
{
	return bytes_equal(b, bytes_text(text));
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

bool bytes_is_nocase(struct bytes b, const char *text)
{
	struct bytes t = bytes_text(text);

	if (b.n != t.n) {
		return false;
	}
	for (size_t i = 0; i < b.n; i++) {
		if (lower(b.p[i]) != lower(t.p[i])) {
			return false;
		}
	}
	return true;
}

bool bytes_starts(struct bytes b, struct bytes prefix)
{
	return bytes_equal(bytes_first(b, prefix.n), prefix);
}

int bytes_compare(struct bytes a, struct bytes b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int order = n == 0 ? 0 : memcmp(a.p, b.p, n);

	if (order != 0) {
		return order < 0 ? -1 : 1;
	}
	return (a.n > b.n) - (a.n < b.n);
}

bool bytes_find(struct bytes b, uint8_t c, size_t *ret_at)
{
	const uint8_t *at = b.n == 0 ? NULL : memchr(b.p, c, b.n);

	if (at == NULL) {
		return false;
	}
	*ret_at = (size_t)(at - b.p);
	return true;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

struct bytes bytes_trim(struct bytes b)
{
	while (b.n > 0 && is_blank(b.p[0])) {
		b.p++;
		b.n--;
	}
	while (b.n > 0 && is_blank(b.p[b.n - 1])) {
		b.n--;
	}
	return b;
}

/* The length that the first byte announces; 0 for one that cannot stand first (RFC 3629 section 4). */
static size_t utf8_announced(uint8_t c)
{
	if (c < 0x80) {
		return 1;
	}
	if (c < 0xc2) { /* a continuation byte, or an overlong form of ASCII */
		return 0;
	}
	if (c < 0xe0) {
		return 2;
	}
	if (c < 0xf0) {
		return 3;
	}
	return c < 0xf5 ? 4 : 0; /* 0xf5 and up are above U+10FFFF */
}

/* RFC 3629 section 4: after four first bytes the second has a narrower range. */
static bool utf8_second_allowed(uint8_t first, uint8_t second)
{
	switch (first) {
	case 0xe0: return second >= 0xa0; /* overlong */
	case 0xed: return second <= 0x9f; /* surrogates */
	case 0xf0: return second >= 0x90; /* overlong */
	case 0xf4: return second <= 0x8f; /* above U+10FFFF */
	default: return true;
	}
}

size_t bytes_utf8_length(struct bytes b)
{
	if (b.n == 0) {
		return 0;
	}
	size_t n = utf8_announced(b.p[0]);
	if (n <= 1) {
		return n;
	}
	if (n > b.n || !utf8_second_allowed(b.p[0], b.p[1])) {
		return 0;
	}
	for (size_t i = 1; i < n; i++) {
		if ((b.p[i] & 0xc0) != 0x80) {
			return 0;
		}
	}
	return n;
}

bool bytes_is_utf8(struct bytes b)
{
	while (b.n > 0) {
		size_t n = bytes_utf8_length(b);
		if (n == 0) {
			return false;
		}
		b.p += n;
		b.n -= n;
	}
	return true;
}

struct bytes bytes_split(struct bytes *rest, uint8_t c)
{
	struct bytes whole = *rest;
	size_t at;

	if (!bytes_find(whole, c, &at)) {
		*rest = (struct bytes){NULL, 0};
		return whole;
	}
	*rest = bytes_skip(whole, at + 1);
	return bytes_first(whole, at);
}

enum err bytes_u64(struct bytes b, uint64_t *ret)
{
	uint64_t v = 0;

	if (b.n == 0 || b.n > DECIMAL_U64_DIGITS) {
		return ERR_INPUT;
	}
	for (size_t i = 0; i < b.n; i++) {
		if (b.p[i] < '0' || b.p[i] > '9') {
			return ERR_INPUT;
		}
		uint64_t digit = (uint64_t)(b.p[i] - '0');
		if (__builtin_mul_overflow(v, UINT64_C(10), &v) ||
		    __builtin_add_overflow(v, digit, &v)) {
			return ERR_INPUT;
		}
	}
	*ret = v;
	return OK;
}

struct reader reader_of(struct bytes b)
{
	return (struct reader){.p = b.p, .left = b.n, .bad = false};
}

struct bytes read_bytes(struct reader *r, size_t n)
{
	if (r->bad || n > r->left) {
		r->bad = true;
		return (struct bytes){NULL, 0};
	}
	struct bytes b = {r->p, n};
	if (n > 0) {
		r->p += n;
		r->left -= n;
	}
	return b;
}

static uint64_t read_number(struct reader *r, size_t n)
{
	struct bytes b = read_bytes(r, n);
	uint64_t v = 0;

	for (size_t i = 0; i < b.n; i++) {
		v = v << 8 | b.p[i];
	}
	return v;
}

uint8_t read_u8(struct reader *r)
{
	return (uint8_t)read_number(r, 1);
}

uint16_t read_u16(struct reader *r)
{
	return (uint16_t)read_number(r, 2);
}

uint32_t read_u32(struct reader *r)
{
	return (uint32_t)read_number(r, 4);
}

uint64_t read_u64(struct reader *r)
{
	return read_number(r, 8);
}

void read_into(struct reader *r, uint8_t *out, size_t n)
{
	struct bytes b = read_bytes(r, n);

	if (n == 0) {
		return;
	}
	if (b.p == NULL) {
		memset(out, 0, n);
		return;
	}
	memcpy(out, b.p, n);
}

static struct bytes read_limited(struct reader *r, size_t n, size_t max)
{
	if (n > max) {
		r->bad = true;
	}
	return read_bytes(r, n);
}

struct bytes read_lv16(struct reader *r, size_t max)
{
	size_t n = read_u16(r);

	return read_limited(r, n, max);
}

struct bytes read_lv32(struct reader *r, size_t max)
{
	size_t n = read_u32(r);

	return read_limited(r, n, max);
}

enum err read_end(const struct reader *r)
{
	return r->bad || r->left != 0 ? ERR_INPUT : OK;
}

struct writer writer_fixed(void *p, size_t size)
{
	return (struct writer){.p = p, .size = size};
}

struct writer writer_growing(size_t max)
{
	return (struct writer){.max = max};
}

/* Some answers carry a key (a new access key, a data key of the AWS API): leave no copy behind. */
static void drop_block(struct writer *w)
{
	if (w->p != NULL) {
		explicit_bzero(w->p, w->used);
		free(w->p);
	}
}

void writer_free(struct writer *w)
{
	if (w == NULL || w->max == 0) {
		return;
	}
	drop_block(w);
	*w = (struct writer){.max = w->max};
}

/* Make room for `need` bytes in all. false: not possible, nothing changed. */
static bool grow(struct writer *w, size_t need)
{
	if (w->max == 0 || need > w->max) {
		return false;
	}
	size_t size = w->size < WRITER_FIRST_BYTES ? WRITER_FIRST_BYTES : w->size;
	while (size < need && size < w->max) {
		size = size > w->max / 2 ? w->max : size * 2;
	}
	if (size > w->max) {
		size = w->max;
	}
	uint8_t *p = malloc(size);
	if (p == NULL) {
		return false;
	}
	if (w->used > 0) {
		memcpy(p, w->p, w->used);
	}
	drop_block(w);
	w->p = p;
	w->size = size;
	return true;
}

uint8_t *writer_reserve(struct writer *w, size_t n)
{
	size_t need;

	if (w->full) {
		return NULL;
	}
	if (__builtin_add_overflow(w->used, n, &need) || (need > w->size && !grow(w, need))) {
		w->full = true;
		return NULL;
	}
	if (w->p == NULL && !grow(w, 1)) { /* n is 0: "room" must still be a pointer */
		w->full = true;
		return NULL;
	}
	return w->p + w->used;
}

static void write_number(struct writer *w, uint64_t v, size_t n)
{
	uint8_t *p = writer_reserve(w, n);

	if (p == NULL) {
		return;
	}
	for (size_t i = n; i > 0; i--) {
		p[i - 1] = (uint8_t)v;
		v >>= 8;
	}
	w->used += n;
}

void write_u8(struct writer *w, uint8_t v)
{
	write_number(w, v, 1);
}

void write_u16(struct writer *w, uint16_t v)
{
	write_number(w, v, 2);
}

void write_u32(struct writer *w, uint32_t v)
{
	write_number(w, v, 4);
}

void write_u64(struct writer *w, uint64_t v)
{
	write_number(w, v, 8);
}

void write_bytes(struct writer *w, struct bytes b)
{
	if (b.n == 0) {
		return;
	}
	uint8_t *p = writer_reserve(w, b.n);
	if (p != NULL) {
		memcpy(p, b.p, b.n);
		w->used += b.n;
	}
}

void write_text(struct writer *w, const char *text)
{
	write_bytes(w, bytes_text(text));
}

/* The length and the bytes are one item: both are written or neither. */
static void write_counted(struct writer *w, size_t count_size, struct bytes b)
{
	size_t n;

	if (__builtin_add_overflow(count_size, b.n, &n) || writer_reserve(w, n) == NULL) {
		w->full = true;
		return;
	}
	write_number(w, b.n, count_size);
	write_bytes(w, b);
}

void write_lv16(struct writer *w, struct bytes b)
{
	if (b.n > UINT16_MAX) {
		w->full = true;
		return;
	}
	write_counted(w, 2, b);
}

void write_lv32(struct writer *w, struct bytes b)
{
	if (b.n > UINT32_MAX) {
		w->full = true;
		return;
	}
	write_counted(w, 4, b);
}

void write_decimal(struct writer *w, uint64_t v)
{
	uint8_t digits[DECIMAL_U64_DIGITS];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (uint8_t)('0' + v % 10);
		v /= 10;
	} while (v != 0);
	write_bytes(w, bytes_of(digits + at, sizeof(digits) - at));
}

void write_padded(struct writer *w, uint64_t v, unsigned digits)
{
	uint8_t *p = writer_reserve(w, digits);

	if (p == NULL) {
		return;
	}
	for (unsigned i = digits; i > 0; i--) {
		p[i - 1] = (uint8_t)('0' + v % 10);
		v /= 10;
	}
	if (v != 0) { /* a number cut to its last digits would be a wrong number */
		w->full = true;
		return;
	}
	w->used += digits;
}

/* What JSON (RFC 8259 section 7) wants instead of the byte; NULL when it may stand as it is. */
static const char *quoted_form(uint8_t c)
{
	switch (c) {
	case '"': return "\\\"";
	case '\\': return "\\\\";
	case '\b': return "\\b";
	case '\f': return "\\f";
	case '\n': return "\\n";
	case '\r': return "\\r";
	case '\t': return "\\t";
	default: return NULL;
	}
}

static void write_quoted_special(struct writer *w, uint8_t c)
{
	static const char digits[] = "0123456789abcdef";
	const char *form = quoted_form(c);

	if (form != NULL) {
		write_text(w, form);
	} else if (c >= 0x80) {
		write_text(w, "\xef\xbf\xbd"); /* U+FFFD for a byte that is not UTF-8 */
	} else {
		const char hex[6] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]};
		write_bytes(w, bytes_of(hex, sizeof(hex)));
	}
}

/* How many bytes from the start of b may stand inside a JSON string as they are. */
static size_t quoted_plain(struct bytes b)
{
	size_t at = 0;

	while (at < b.n) {
		uint8_t c = b.p[at];
		if (c < 0x20 || c == 0x7f || c == '"' || c == '\\') {
			break;
		}
		size_t n = c < 0x80 ? 1 : bytes_utf8_length(bytes_skip(b, at));
		if (n == 0) {
			break;
		}
		at += n;
	}
	return at;
}

void write_quoted(struct writer *w, struct bytes b)
{
	write_u8(w, '"');
	while (b.n > 0) {
		size_t plain = quoted_plain(b);
		write_bytes(w, bytes_first(b, plain));
		b = bytes_skip(b, plain);
		if (b.n > 0) {
			write_quoted_special(w, b.p[0]);
			b = bytes_skip(b, 1);
		}
	}
	write_u8(w, '"');
}

struct bytes writer_bytes(const struct writer *w)
{
	return (struct bytes){w->p, w->used};
}

enum err writer_end(const struct writer *w)
{
	return w->full ? ERR_LIMIT : OK;
}
