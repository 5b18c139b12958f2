/* Percent-encoding. Sizes are counted before anything is written, so that output fits exactly. */
#include "common/codec/uri.h"

enum { ESCAPE_BYTES = 3 }; /* "%2F" */

/* RFC 3986 section 2.3, as SigV4 has it. */
static const bool unreserved[256] = {
	['A' ... 'Z'] = true, ['a' ... 'z'] = true, ['0' ... '9'] = true,
	['-'] = true,         ['.'] = true,         ['_'] = true,
	['~'] = true,
};

static bool stays(uint8_t c, bool keep_slash)
{
	return unreserved[c] || (keep_slash && c == '/');
}

void uri_encode(struct writer *w, struct bytes b, bool keep_slash)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t escapes = 0;
	size_t n;

	for (size_t i = 0; i < b.n; i++) {
		escapes += !stays(b.p[i], keep_slash);
	}
	if (__builtin_mul_overflow(escapes, (size_t)(ESCAPE_BYTES - 1), &n) ||
	    __builtin_add_overflow(n, b.n, &n)) {
		w->full = true;
		return;
	}
	uint8_t *p = writer_reserve(w, n);
	if (p == NULL) {
		return;
	}
	for (size_t i = 0; i < b.n; i++) {
		uint8_t c = b.p[i];
		if (stays(c, keep_slash)) {
			*p++ = c;
			continue;
		}
		*p++ = '%';
		*p++ = (uint8_t)digits[c >> 4];
		*p++ = (uint8_t)digits[c & 15];
	}
	w->used += n;
}

/* -1: not a hexadecimal digit. */
static int digit_value(uint8_t c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that an escape at the start of b stands for; -1 when there is none. */
static int escaped_byte(struct bytes b)
{
	if (b.n < ESCAPE_BYTES) {
		return -1;
	}
	int high = digit_value(b.p[1]);
	int low = digit_value(b.p[2]);
	return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* The size of the decoded text. */
static enum err measure(struct bytes b, size_t *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < b.n; n++) {
		if (b.p[i] != '%') {
			i++;
			continue;
		}
		if (escaped_byte(bytes_skip(b, i)) < 0) {
			return ERR_INPUT;
		}
		i += ESCAPE_BYTES;
	}
	*ret = n;
	return OK;
}

/* plus: what '+' stands for. */
static enum err decode(struct arena *a, struct bytes b, uint8_t plus, struct bytes *ret)
{
	size_t n;

	TRY(measure(b, &n));
	uint8_t *p = arena_alloc(a, n + 1); /* n <= b.n; a NUL behind it, as arena_copy has */
	if (p == NULL) {
		return ERR_LIMIT;
	}
	size_t from = 0;
	for (size_t i = 0; i < n; i++) {
		bool escape = b.p[from] == '%';
		uint8_t plain = b.p[from] == '+' ? plus : b.p[from];
		p[i] = escape ? (uint8_t)escaped_byte(bytes_skip(b, from)) : plain;
		from += escape ? ESCAPE_BYTES : 1;
	}
	*ret = bytes_of(p, n);
	return OK;
}

enum err uri_decode(struct arena *a, struct bytes b, struct bytes *ret)
{
	return decode(a, b, '+', ret);
}

static enum err decode_parameter(struct arena *a, struct bytes raw, struct field *ret)
{
	struct bytes value = raw;
	struct bytes name = bytes_split(&value, '=');

	TRY(decode(a, name, ' ', &ret->name));
	if (value.p == NULL) { /* no '=' */
		ret->value = value;
		return OK;
	}
	return decode(a, value, ' ', &ret->value);
}

/* Parameters of a query; "a&&b" has two. */
static size_t count_parameters(struct bytes raw)
{
	size_t n = 0;

	while (raw.n > 0) {
		n += bytes_split(&raw, '&').n > 0;
	}
	return n;
}

enum err uri_query(struct arena *a, struct bytes raw, size_t max, struct field **ret, size_t *ret_n)
{
	size_t n = count_parameters(raw);
	size_t size;

	if (n > max || __builtin_mul_overflow(n, sizeof(struct field), &size)) {
		return ERR_LIMIT;
	}
	struct field *fields = arena_alloc(a, size);
	if (fields == NULL) {
		return ERR_LIMIT;
	}
	for (size_t i = 0; i < n;) {
		struct bytes parameter = bytes_split(&raw, '&');
		if (parameter.n > 0) {
			TRY(decode_parameter(a, parameter, &fields[i]));
			i++;
		}
	}
	*ret = fields;
	*ret_n = n;
	return OK;
}

const struct field *field_get(const struct field *fields, size_t n, const char *name, bool nocase)
{
	for (size_t i = 0; i < n; i++) {
		if (nocase ? bytes_is_nocase(fields[i].name, name) : bytes_is(fields[i].name, name)) {
			return &fields[i];
		}
	}
	return NULL;
}
