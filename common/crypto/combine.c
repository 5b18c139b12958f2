/*
 * The CRC of A || B from those of A and B: crc(A) * x^(8 |B|) + crc(B) modulo the polynomial, all in the
 * reflected bit order of the S3 CRCs. So the checksum of a whole object follows from its parts.
 */
#include "common/crypto/checksum.h"

struct polynomial {
	unsigned bits;
	uint64_t reflected;
};

static bool polynomial_of(enum checksum_kind kind, struct polynomial *ret)
{
	switch (kind) {
	case CHECKSUM_CRC32:
		*ret = (struct polynomial){32, 0xedb88320u};
		return true;
	case CHECKSUM_CRC32C:
		*ret = (struct polynomial){32, 0x82f63b78u};
		return true;
	case CHECKSUM_CRC64NVME:
		*ret = (struct polynomial){64, 0x9a6c9329ac4bc9b5u};
		return true;
	case CHECKSUM_NONE:
	case CHECKSUM_SHA1:
	case CHECKSUM_SHA256:
	case CHECKSUM_MD5:
	case CHECKSUM_KINDS:
	default:
		return false;
	}
}

/* a * b; the coefficient of x^0 is the highest bit. */
static uint64_t multiply(const struct polynomial *p, uint64_t a, uint64_t b)
{
	uint64_t product = 0;
	for (unsigned i = 0; i < p->bits; i++) {
		if ((a >> (p->bits - 1 - i)) & 1) {
			product ^= b;
		}
		b = (b & 1) != 0 ? (b >> 1) ^ p->reflected : b >> 1;
	}
	return product;
}

/* x^(8 n) by squaring: 64 steps at most. */
static uint64_t power_of_bytes(const struct polynomial *p, uint64_t n)
{
	uint64_t result = 1ULL << (p->bits - 1);
	uint64_t square = 1ULL << (p->bits - 1 - 8);
	for (; n != 0; n >>= 1) {
		if ((n & 1) != 0) {
			result = multiply(p, result, square);
		}
		square = multiply(p, square, square);
	}
	return result;
}

static uint64_t get(const uint8_t *bytes, size_t n)
{
	uint64_t value = 0;
	for (size_t i = 0; i < n; i++) {
		value = value << 8 | bytes[i];
	}
	return value;
}

enum err checksum_combine(enum checksum_kind kind, uint8_t *into, const uint8_t *next,
                          uint64_t next_bytes)
{
	struct polynomial p;
	if (!polynomial_of(kind, &p)) {
		return ERR_INPUT;
	}
	size_t n = p.bits / 8;
	uint64_t value = multiply(&p, power_of_bytes(&p, next_bytes), get(into, n)) ^ get(next, n);
	for (size_t i = 0; i < n; i++) {
		into[i] = (uint8_t)(value >> (p.bits - 8 - 8 * i));
	}
	return OK;
}
