/* SHA-256 (OpenSSL EVP), where S3, SigV4 or RFC 6962 impose it; SHA-384 is in HKDF only. */
#ifndef REMPART_CRYPTO_HASH_H
#define REMPART_CRYPTO_HASH_H
#include "common/base/bytes.h"
enum { SHA256_BYTES = 32, SHA384_BYTES = 48 };
enum err hash_sha256(struct bytes b, uint8_t out[SHA256_BYTES]);
/* hash_sha256_parts: parts one after the other. */
enum err hash_sha256_parts(const struct bytes *parts, size_t n, uint8_t out[SHA256_BYTES]);
struct hash; /* streaming; one thread at a time */
enum err hash_sha256_new(struct hash **ret);
enum err hash_update(struct hash *h, struct bytes b);
enum err hash_final(struct hash *h, uint8_t *out); /* and starts anew */
void hash_free(struct hash *h);
void hash_freep(struct hash **h);
#endif
