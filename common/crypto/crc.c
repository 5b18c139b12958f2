/*
 * Two ways, both with tables and constants that are computed once.
 *
 * Slicing (Kounavis and Berry, "A Systematic Approach to Building High Performance, Software-based,
 * CRC Generators", 2005): table[k][b] is the CRC of byte b followed by k zero bytes, so that 8 or
 * 16 input bytes cost as many independent look-ups instead of a chain of them.
 *
 * Folding (Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ", Intel,
 * 2009): 64 bytes of state move on by 64 bytes with eight carry-less products, until 16 bytes are
 * left that are congruent to the whole input; these go through the tables.
 */
#include "common/crypto/crc.h"

#include <pthread.h>
#include <string.h>
#include <zlib.h>

enum { SLICES_32 = 8, SLICES_64 = 16, FOLD_MIN_BYTES = 128 };
static const uint32_t poly_32 = 0xedb88320;                /* 0x04c11db7 reflected */
static const uint32_t poly_32c = 0x82f63b78;               /* 0x1edc6f41 reflected */
static const uint64_t poly_64nvme = 0x9a6c9329ac4bc9b5ULL; /* 0xad93d23594c93659 reflected */

/* x^n mod P for the moves by 64 and by 16 bytes: for the first and the second half of a block. */
struct fold {
	uint64_t by_64[2];
	uint64_t by_16[2];
};

static pthread_once_t tables_once = PTHREAD_ONCE_INIT;
static uint32_t table_32c[SLICES_32][256];
static uint64_t table_64nvme[SLICES_64][256];
static struct fold fold_32, fold_32c, fold_64nvme;

/* v * x^n mod P; reflected, so that x^0 is the top bit of P's width. */
static uint64_t shift(uint64_t v, unsigned n, uint64_t poly)
{
	for (unsigned i = 0; i < n; i++) {
		v = (v >> 1) ^ ((v & 1) != 0 ? poly : 0);
	}
	return v;
}

/* Halves of a block that moves by n bits: the first by n + 64, the second by n. The product of two
 * reflected halves stands one bit too low, so each exponent is one less. */
static struct fold make_fold(uint64_t poly, unsigned width)
{
	uint64_t one = 1ULL << (width - 1);
	unsigned align = 64 - width;

	return (struct fold){
		.by_64 = {shift(one, 575, poly) << align, shift(one, 511, poly) << align},
		.by_16 = {shift(one, 191, poly) << align, shift(one, 127, poly) << align},
	};
}

static void make_tables(void)
{
	for (unsigned b = 0; b < 256; b++) {
		table_32c[0][b] = (uint32_t)shift(b, 8, poly_32c);
		table_64nvme[0][b] = shift(b, 8, poly_64nvme);
	}
	for (unsigned b = 0; b < 256; b++) {
		for (unsigned k = 1; k < SLICES_32; k++) {
			uint32_t v = table_32c[k - 1][b];
			table_32c[k][b] = (v >> 8) ^ table_32c[0][v & 0xff];
		}
		for (unsigned k = 1; k < SLICES_64; k++) {
			uint64_t v = table_64nvme[k - 1][b];
			table_64nvme[k][b] = (v >> 8) ^ table_64nvme[0][v & 0xff];
		}
	}
	fold_32 = make_fold(poly_32, 32);
	fold_32c = make_fold(poly_32c, 32);
	fold_64nvme = make_fold(poly_64nvme, 64);
}

static uint64_t load_le64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? v : __builtin_bswap64(v);
}

uint32_t crc32c_portable(uint32_t crc, struct bytes b)
{
	pthread_once(&tables_once, make_tables);
	crc = ~crc;
	for (; b.n >= SLICES_32; b = bytes_skip(b, SLICES_32)) {
		uint64_t v = load_le64(b.p) ^ crc;
		crc = 0;
		for (unsigned k = 0; k < SLICES_32; k++) {
			crc ^= table_32c[SLICES_32 - 1 - k][(v >> (8 * k)) & 0xff];
		}
	}
	for (size_t i = 0; i < b.n; i++) {
		crc = (crc >> 8) ^ table_32c[0][(crc ^ b.p[i]) & 0xff];
	}
	return ~crc;
}

uint64_t crc64nvme_portable(uint64_t crc, struct bytes b)
{
	pthread_once(&tables_once, make_tables);
	crc = ~crc;
	for (; b.n >= SLICES_64; b = bytes_skip(b, SLICES_64)) {
		uint64_t v = load_le64(b.p) ^ crc;
		uint64_t w = load_le64(b.p + 8);
		crc = 0;
		for (unsigned k = 0; k < 8; k++) {
			crc ^= table_64nvme[SLICES_64 - 1 - k][(v >> (8 * k)) & 0xff];
			crc ^= table_64nvme[7 - k][(w >> (8 * k)) & 0xff];
		}
	}
	for (size_t i = 0; i < b.n; i++) {
		crc = (crc >> 8) ^ table_64nvme[0][(crc ^ b.p[i]) & 0xff];
	}
	return ~crc;
}

#if defined(__x86_64__)
#include <immintrin.h>

__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(uint32_t crc, struct bytes b)
{
	uint64_t wide = (uint32_t)~crc;

	for (; b.n >= 8; b = bytes_skip(b, 8)) {
		wide = _mm_crc32_u64(wide, load_le64(b.p));
	}
	crc = (uint32_t)wide;
	for (size_t i = 0; i < b.n; i++) {
		crc = _mm_crc32_u8(crc, b.p[i]);
	}
	return ~crc;
}

__attribute__((target("pclmul"))) static __m128i move(__m128i block, __m128i by, __m128i next)
{
	__m128i first = _mm_clmulepi64_si128(block, by, 0x00);
	__m128i second = _mm_clmulepi64_si128(block, by, 0x11);

	return _mm_xor_si128(_mm_xor_si128(first, second), next);
}

static __m128i load(const uint8_t *p)
{
	return _mm_loadu_si128((const __m128i *)p);
}

/* The whole 16-byte blocks of b, 64 bytes at least, as one block congruent to them, after `raw`. */
__attribute__((target("pclmul"))) static void fold_blocks(const struct fold *k, uint64_t raw,
                                                         struct bytes b, uint8_t out[16])
{
	__m128i by_64 = load((const uint8_t *)k->by_64);
	__m128i by_16 = load((const uint8_t *)k->by_16);
	__m128i x[4];

	for (size_t i = 0; i < 4; i++) {
		x[i] = load(b.p + 16 * i);
	}
	x[0] = _mm_xor_si128(x[0], _mm_set_epi64x(0, (long long)raw));
	for (b = bytes_skip(b, 64); b.n >= 64; b = bytes_skip(b, 64)) {
		x[0] = move(x[0], by_64, load(b.p));
		x[1] = move(x[1], by_64, load(b.p + 16));
		x[2] = move(x[2], by_64, load(b.p + 32));
		x[3] = move(x[3], by_64, load(b.p + 48));
	}
	for (size_t i = 1; i < 4; i++) {
		x[0] = move(x[0], by_16, x[i]);
	}
	for (; b.n >= 16; b = bytes_skip(b, 16)) {
		x[0] = move(x[0], by_16, load(b.p));
	}
	_mm_storeu_si128((__m128i *)out, x[0]);
}

/* Replaces *b by what folding left to do, or leaves it: the tables then do all. */
static bool fold(const struct fold *k, uint64_t raw, struct bytes *b, uint8_t out[16])
{
	if (b->n < FOLD_MIN_BYTES || !__builtin_cpu_supports("pclmul")) {
		return false;
	}
	pthread_once(&tables_once, make_tables);
	fold_blocks(k, raw, *b, out);
	*b = bytes_skip(*b, b->n / 16 * 16);
	return true;
}

static uint32_t crc32c_short(uint32_t crc, struct bytes b)
{
	return __builtin_cpu_supports("sse4.2") ? crc32c_sse42(crc, b) : crc32c_portable(crc, b);
}
#else
static uint32_t crc32c_short(uint32_t crc, struct bytes b)
{
	return crc32c_portable(crc, b);
}

static bool fold(const struct fold *k, uint64_t raw, struct bytes *b, uint8_t out[16])
{
	(void)k, (void)raw, (void)b, (void)out;
	return false;
}
#endif

/* A finished value of all ones is a register of zeros: the folded block holds the rest. */
uint32_t crc32_iso(uint32_t crc, struct bytes b)
{
	uint8_t block[16];

	if (fold(&fold_32, (uint32_t)~crc, &b, block)) {
		crc = (uint32_t)crc32_z(UINT32_MAX, block, sizeof(block));
	}
	return b.n == 0 ? crc : (uint32_t)crc32_z(crc, b.p, b.n);
}

uint32_t crc32c(uint32_t crc, struct bytes b)
{
	uint8_t block[16];

	if (fold(&fold_32c, (uint32_t)~crc, &b, block)) {
		crc = crc32c_short(UINT32_MAX, bytes_of(block, sizeof(block)));
	}
	return crc32c_short(crc, b);
}

uint64_t crc64nvme(uint64_t crc, struct bytes b)
{
	uint8_t block[16];

	if (fold(&fold_64nvme, ~crc, &b, block)) {
		crc = crc64nvme_portable(UINT64_MAX, bytes_of(block, sizeof(block)));
	}
	return crc64nvme_portable(crc, b);
}
