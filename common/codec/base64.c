/* Base64, by table, whole groups at a time; the last group is looked at with more care. */
#include "common/codec/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* The value of a character plus 1, so that the holes of the table are 0. */
static const uint8_t value_plus_1[256] = {
	['A'] = 1, ['B'] = 2, ['C'] = 3, ['D'] = 4, ['E'] = 5, ['F'] = 6, ['G'] = 7, ['H'] = 8,
	['I'] = 9, ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15,
	['P'] = 16, ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22,
	['W'] = 23, ['X'] = 24, ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29,
	['d'] = 30, ['e'] = 31, ['f'] = 32, ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36,
	['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40, ['o'] = 41, ['p'] = 42, ['q'] = 43,
	['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48, ['w'] = 49, ['x'] = 50,
	['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56, ['4'] = 57,
	['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['/'] = 64,
};

/* 1..3 bytes to four characters. */
static void encode_group(uint8_t *to, const uint8_t *from, size_t n)
{
	unsigned v = (unsigned)from[0] << 16;

	v |= n > 1 ? (unsigned)from[1] << 8 : 0;
	v |= n > 2 ? from[2] : 0;
	to[0] = (uint8_t)alphabet[v >> 18];
	to[1] = (uint8_t)alphabet[v >> 12 & 63];
	to[2] = n > 1 ? (uint8_t)alphabet[v >> 6 & 63] : '=';
	to[3] = n > 2 ? (uint8_t)alphabet[v & 63] : '=';
}

void base64_write(struct writer *w, struct bytes b)
{
	size_t groups = b.n / 3 + (b.n % 3 != 0);
	uint8_t *p = groups > SIZE_MAX / 4 ? NULL : writer_reserve(w, groups * 4);

	if (p == NULL) {
		w->full = true;
		return;
	}
	for (size_t i = 0; i < groups; i++) {
		size_t left = b.n - 3 * i;
		encode_group(p + 4 * i, b.p + 3 * i, left < 3 ? left : 3);
	}
	w->used += groups * 4;
}

/* Four characters, `n` of them not padding (2..4), to n - 1 bytes. */
static bool decode_group(uint8_t *to, const uint8_t *from, size_t n)
{
	unsigned v = 0;
	bool good = true;

	for (size_t i = 0; i < n; i++) {
		unsigned digit = value_plus_1[from[i]];
		good = good && digit != 0;
		v = v << 6 | ((digit - 1U) & 63);
	}
	v <<= 6 * (4 - n);
	to[0] = (uint8_t)(v >> 16);
	if (n > 2) {
		to[1] = (uint8_t)(v >> 8);
	}
	if (n > 3) {
		to[2] = (uint8_t)v;
	}
	/* RFC 4648 section 3.5: bits behind the last byte must be zero, or two texts mean the same. */
	return good && (v & ((1U << 8 * (4 - n)) - 1U)) == 0;
}

enum err base64_read(struct bytes text, struct writer *w)
{
	size_t pad = 0;

	if (text.n % 4 != 0) {
		return ERR_INPUT;
	}
	while (pad < 2 && pad < text.n && text.p[text.n - 1 - pad] == '=') {
		pad++;
	}
	size_t n = text.n / 4 * 3 - pad;
	uint8_t *p = writer_reserve(w, n);
	if (p == NULL) {
		return ERR_LIMIT;
	}
	for (size_t i = 0; i < text.n / 4; i++) {
		bool last = 4 * (i + 1) == text.n;
		if (!decode_group(p + 3 * i, text.p + 4 * i, last ? 4 - pad : 4)) {
			return ERR_INPUT;
		}
	}
	w->used += n;
	return OK;
}
