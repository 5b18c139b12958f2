/*
 * Private to common/crypto: the OpenSSL objects that every file here needs, fetched once. A fetch
 * walks the provider tables under a lock and costs more than hashing a block, so it never happens
 * on the path of a request.
 */
#ifndef REMPART_CRYPTO_EVP_H
#define REMPART_CRYPTO_EVP_H

#include <openssl/evp.h>

#include "common/base/bytes.h"
#include "common/crypto/aead.h"

enum evp_digest {
	EVP_DIGEST_SHA256,
	EVP_DIGEST_SHA384,
	EVP_DIGEST_SHA1,
	EVP_DIGEST_MD5,
	EVP_DIGESTS,
};
enum { EVP_DIGEST_BYTES_MAX = 48, EVP_BLOCK_BYTES_MAX = 128 };

/* evp_md: NULL when the library refuses the algorithm (MD5 in a FIPS configuration). */
const EVP_MD *evp_md(enum evp_digest which);
const EVP_CIPHER *evp_aes256_gcm(void);

/* evp_hash: parts[0..n) one after the other, in a context of the caller. errors: NOMEM */
enum err evp_hash(EVP_MD_CTX *ctx, enum evp_digest which, const struct bytes *parts, size_t n,
                  uint8_t *out);
/* evp_hmac: HMAC (RFC 2104) over the parts. Not with MD5. errors: NOMEM */
enum err evp_hmac(EVP_MD_CTX *ctx, enum evp_digest which, struct bytes key,
                  const struct bytes *parts, size_t n, uint8_t *out);
void evp_md_ctx_freep(EVP_MD_CTX **ctx); /* for AUTO() */

/* aead_seal_split, aead_open_split: as aead_seal and aead_open, with the AAD in two parts. */
enum err aead_seal_split(struct aead *a, const uint8_t iv[AEAD_IV_BYTES],
                         const struct bytes aad[2], struct bytes plain, uint8_t *out);
enum err aead_open_split(struct aead *a, const uint8_t iv[AEAD_IV_BYTES],
                         const struct bytes aad[2], struct bytes sealed, uint8_t *out);

#endif
