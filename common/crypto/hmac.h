/* HMAC-SHA-256 (SigV4, name tokens, blob ids). */
#ifndef REMPART_CRYPTO_HMAC_H
#define REMPART_CRYPTO_HMAC_H
#include "common/base/secret.h"
enum { HMAC_BYTES = 32 };
enum err hmac_sha256(struct bytes key, struct bytes data, uint8_t out[HMAC_BYTES]);
enum err hmac_sha256_parts(struct bytes key, const struct bytes *parts, size_t n,
                           uint8_t out[HMAC_BYTES]);
#endif
