/*
 * Slicing tables (Kounavis and Berry, "A Systematic Approach to Building High Performance,
 * Software-based, CRC Generators", 2005): table[k][b] is the CRC of byte b followed by k zero
 * bytes, so that 8 or 16 input bytes cost as many independent look-ups instead of a chain of them.
 */
#include "common/crypto/crc.h"

#include <pthread.h>
#include <string.h>

enum { SLICES_32 = 8, SLICES_64 = 16 };
static const uint32_t poly_32c = 0x82f63b78;             /* 0x1edc6f41 reflected */
static const uint64_t poly_64nvme = 0x9a6c9329ac4bc9b5ULL; /* 0xad93d23594c93659 reflected */

static pthread_once_t tables_once = PTHREAD_ONCE_INIT;
static uint32_t table_32c[SLICES_32][256];
static uint64_t table_64nvme[SLICES_64][256];

static uint64_t one_byte(uint64_t crc, uint64_t poly)
{
	for (unsigned bit = 0; bit < 8; bit++) {
		crc = (crc >> 1) ^ ((crc & 1) != 0 ? poly : 0);
	}
	return crc;
}

static void make_tables(void)
{
	for (unsigned b = 0; b < 256; b++) {
		table_32c[0][b] = (uint32_t)one_byte(b, poly_32c);
		table_64nvme[0][b] = one_byte(b, poly_64nvme);
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

uint64_t crc64nvme(uint64_t crc, struct bytes b)
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
#include <nmmintrin.h>

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

uint32_t crc32c(uint32_t crc, struct bytes b)
{
	return __builtin_cpu_supports("sse4.2") ? crc32c_sse42(crc, b) : crc32c_portable(crc, b);
}
#else
uint32_t crc32c(uint32_t crc, struct bytes b)
{
	return crc32c_portable(crc, b);
}
#endif
