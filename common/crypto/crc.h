/*
 * Private to common/crypto: the two CRCs that zlib does not have. Both reflected, both take and
 * give the finished value (0 to start with), so that a long input can be fed in pieces.
 */
#ifndef REMPART_CRYPTO_CRC_H
#define REMPART_CRYPTO_CRC_H
#include "common/base/bytes.h"
uint32_t crc32c(uint32_t crc, struct bytes b);   /* Castagnoli, RFC 3720 B.4 */
uint64_t crc64nvme(uint64_t crc, struct bytes b); /* NVM Express base specification, 64b CRC */
/* crc32c_portable: what crc32c does on a processor without the instruction; for the tests. */
uint32_t crc32c_portable(uint32_t crc, struct bytes b);
#endif
