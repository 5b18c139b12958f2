#include "common/crypto/hmac.h"

#include "common/base/attr.h"
#include "common/crypto/evp.h"

enum err hmac_sha256_parts(struct bytes key, const struct bytes *parts, size_t n,
                           uint8_t out[HMAC_BYTES])
{
	AUTO(evp_md_ctx_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	return evp_hmac(ctx, EVP_DIGEST_SHA256, key, parts, n, out);
}

enum err hmac_sha256_secret(const struct secret *key, const struct bytes *parts, size_t n,
                            uint8_t out[HMAC_BYTES])
{
	return hmac_sha256_parts(secret_bytes(key), parts, n, out);
}

enum err hmac_sha256(struct bytes key, struct bytes data, uint8_t out[HMAC_BYTES])
{
	return hmac_sha256_parts(key, &data, 1, out);
}

enum err hmac_sha1(struct bytes key, struct bytes data, uint8_t out[HMAC_SHA1_BYTES])
{
	AUTO(evp_md_ctx_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	return evp_hmac(ctx, EVP_DIGEST_SHA1, key, &data, 1, out);
}
