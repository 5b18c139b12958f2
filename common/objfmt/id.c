/* Blob ids and the arithmetic of a blob (OBJECT-FORMAT.md sections 3 and 4). */
#include "common/crypto/hmac.h"
#include "common/objfmt/objfmt.h"

enum err objfmt_blob_id(const uint8_t seed[OBJFMT_SEED_BYTES], uint64_t number,
                        uint8_t ret[OBJFMT_ID_BYTES])
{
	uint8_t memory[8];
	struct writer w = writer_fixed(memory, sizeof(memory));

	write_u64(&w, number);
	return hmac_sha256(bytes_of(seed, OBJFMT_SEED_BYTES), writer_bytes(&w), ret);
}

uint64_t objfmt_segment_count(uint64_t plain_size)
{
	uint64_t whole = plain_size / OBJFMT_SEGMENT_BYTES;

	if (plain_size == 0) {
		return 1;
	}
	return whole + (plain_size % OBJFMT_SEGMENT_BYTES != 0);
}

/* A size that no blob can have gives the largest offset, which no store can serve. */
uint64_t objfmt_sealed_size(uint64_t plain_size)
{
	uint64_t tags = objfmt_segment_count(plain_size) * OBJFMT_TAG_BYTES;
	uint64_t sum;

	if (__builtin_add_overflow(plain_size, tags + OBJFMT_HEADER_BYTES, &sum)) {
		return UINT64_MAX;
	}
	return sum;
}

uint64_t objfmt_segment_offset(uint64_t number)
{
	uint64_t at;

	if (__builtin_mul_overflow(number, OBJFMT_SEALED_SEGMENT_BYTES, &at) ||
	    __builtin_add_overflow(at, OBJFMT_HEADER_BYTES, &at)) {
		return UINT64_MAX;
	}
	return at;
}
