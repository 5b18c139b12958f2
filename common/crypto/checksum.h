/*
 * The checksums of S3: transport checks, not a security function. MD5 (Content-MD5 and AES256
 * ETags), SHA-1, SHA-256, CRC32, CRC32C, CRC64NVME.
 */
#ifndef REMPART_CRYPTO_CHECKSUM_H
#define REMPART_CRYPTO_CHECKSUM_H
#include "common/base/bytes.h"
enum checksum_kind {
	CHECKSUM_NONE,
	CHECKSUM_CRC32,
	CHECKSUM_CRC32C,
	CHECKSUM_CRC64NVME,
	CHECKSUM_SHA1,
	CHECKSUM_SHA256,
	CHECKSUM_MD5,
	CHECKSUM_KINDS,
};
enum { CHECKSUM_BYTES_MAX = 32 };
struct checksum; /* streaming; one thread at a time */
/* checksum_new: errors  INPUT (NONE), NOMEM */
enum err checksum_new(enum checksum_kind kind, struct checksum **ret);
enum err checksum_update(struct checksum *c, struct bytes b);
/* checksum_final: big-endian value; *ret_n 4, 8, 16, 20 or 32. */
enum err checksum_final(struct checksum *c, uint8_t out[CHECKSUM_BYTES_MAX], size_t *ret_n);
/* checksum_combine: CRCs only. `into`, the value of A, becomes that of A || B; `next` is the value
 * of B.
 * errors: INPUT (not a CRC) */
enum err checksum_combine(enum checksum_kind kind, uint8_t *into, const uint8_t *next,
                          uint64_t next_bytes);
void checksum_free(struct checksum *c); /* NULL-safe */
size_t checksum_size(enum checksum_kind kind);
/* checksum_header: "x-amz-checksum-crc32" ...; NULL for NONE and MD5. */
const char *checksum_header(enum checksum_kind kind);
/* checksum_name: "CRC32" ... as in x-amz-sdk-checksum-algorithm. */
const char *checksum_name(enum checksum_kind kind);
/* checksum_by_header, checksum_by_name: ASCII case ignored; NONE when unknown. */
enum checksum_kind checksum_by_header(struct bytes header);
enum checksum_kind checksum_by_name(struct bytes name);
#endif
