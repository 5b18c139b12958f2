/* Hexadecimal, by table: it stands on the way of every signature and every ETag. */
#include "common/codec/hex.h"

/* The value of a digit plus 1, so that the holes of the table are 0. */
static const uint8_t value_plus_1[256] = {
	['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,
	['6'] = 7,  ['7'] = 8,  ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12,
	['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16, ['A'] = 11, ['B'] = 12,
	['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

void hex_write(struct writer *w, struct bytes b)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t *p = b.n > SIZE_MAX / 2 ? NULL : writer_reserve(w, b.n * 2);

	if (p == NULL) {
		w->full = true;
		return;
	}
	for (size_t i = 0; i < b.n; i++) {
		p[2 * i] = (uint8_t)digits[b.p[i] >> 4];
		p[2 * i + 1] = (uint8_t)digits[b.p[i] & 15];
	}
	w->used += b.n * 2;
}

enum err hex_read(struct bytes text, uint8_t *out, size_t n)
{
	if (text.n % 2 != 0 || text.n / 2 != n) {
		return ERR_INPUT;
	}
	for (size_t i = 0; i < text.n; i++) {
		if (value_plus_1[text.p[i]] == 0) {
			return ERR_INPUT;
		}
	}
	for (size_t i = 0; i < n; i++) {
		unsigned high = value_plus_1[text.p[2 * i]] - 1U;
		unsigned low = value_plus_1[text.p[2 * i + 1]] - 1U;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return OK;
}
