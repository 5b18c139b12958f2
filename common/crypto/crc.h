/*
 * Private to common/crypto: the CRCs of S3. All reflected; all take and give the finished value (0
 * to start with), so that a long input can be fed in pieces. Long input is folded with carry-less
 * multiplication when the processor has it.
 */
#ifndef REMPART_CRYPTO_CRC_H
#define REMPART_CRYPTO_CRC_H
#include "common/base/bytes.h"
uint32_t crc32_iso(uint32_t crc, struct bytes b);  /* ISO 3309; zlib's, and faster */
uint32_t crc32c(uint32_t crc, struct bytes b);     /* Castagnoli, RFC 3720 B.4 */
uint64_t crc64nvme(uint64_t crc, struct bytes b);  /* NVM Express base specification, 64b CRC */
/* What the two do on a processor without the instructions; for the tests. */
uint32_t crc32c_portable(uint32_t crc, struct bytes b);
uint64_t crc64nvme_portable(uint64_t crc, struct bytes b);
#endif
