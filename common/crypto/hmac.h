/* HMAC-SHA-256 (SigV4, name tokens, blob ids), and HMAC-SHA-1 for one thing: POST policies that are
 * signed with Signature Version 2 (SECURITY.md). */
#ifndef REMPART_CRYPTO_HMAC_H
#define REMPART_CRYPTO_HMAC_H
#include "common/base/secret.h"
enum { HMAC_BYTES = 32, HMAC_SHA1_BYTES = 20 };
enum err hmac_sha256(struct bytes key, struct bytes data, uint8_t out[HMAC_BYTES]);
/* hmac_sha256_secret: the key is a secret. */
enum err hmac_sha256_secret(const struct secret *key, const struct bytes *parts, size_t n,
                            uint8_t out[HMAC_BYTES]);
enum err hmac_sha256_parts(struct bytes key, const struct bytes *parts, size_t n,
                           uint8_t out[HMAC_BYTES]);
enum err hmac_sha1(struct bytes key, struct bytes data, uint8_t out[HMAC_SHA1_BYTES]);
#endif
