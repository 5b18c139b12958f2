/* AES-256-GCM, 96-bit IV of the caller's construction, 128-bit tag (SP 800-38D). OpenSSL EVP. */
#ifndef REMPART_CRYPTO_AEAD_H
#define REMPART_CRYPTO_AEAD_H
#include "common/base/secret.h"
enum { AEAD_KEY_BYTES = 32, AEAD_IV_BYTES = 12, AEAD_TAG_BYTES = 16 };
struct aead; /* one key, schedule expanded once; one thread at a time; wiped on free */
/* aead_new: key is 32 bytes (asserted), borrowed until return. errors: NOMEM */
enum err aead_new(const struct secret *key, struct aead **ret);
void aead_free(struct aead *a);
void aead_freep(struct aead **a);
/* aead_seal: out gets plain.n + 16 bytes (tag last); out may be plain.p. The caller guarantees that
 * (key, iv) is used once. errors: NOMEM */
enum err aead_seal(struct aead *a, const uint8_t iv[AEAD_IV_BYTES], struct bytes aad,
                   struct bytes plain, uint8_t *out);
/* aead_open: sealed.n >= 16; out gets sealed.n - 16 bytes and is wiped on failure.
 * errors: CORRUPT (the tag does not verify) */
enum err aead_open(struct aead *a, const uint8_t iv[AEAD_IV_BYTES], struct bytes aad,
                   struct bytes sealed, uint8_t *out);
#endif
