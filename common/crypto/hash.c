#include "common/crypto/hash.h"

#include "common/base/attr.h"
#include "common/crypto/evp.h"

/* A streaming hash is OpenSSL's context under our name: nothing else to keep. */
static EVP_MD_CTX *context(struct hash *h)
{
	return (EVP_MD_CTX *)h;
}

enum err hash_sha256_parts(const struct bytes *parts, size_t n, uint8_t out[SHA256_BYTES])
{
	AUTO(evp_md_ctx_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	return evp_hash(ctx, EVP_DIGEST_SHA256, parts, n, out);
}

enum err hash_sha256(struct bytes b, uint8_t out[SHA256_BYTES])
{
	return hash_sha256_parts(&b, 1, out);
}

enum err hash_sha256_new(struct hash **ret)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const EVP_MD *md = evp_md(EVP_DIGEST_SHA256);

	if (ctx == NULL || md == NULL || EVP_DigestInit_ex2(ctx, md, NULL) != 1) {
		EVP_MD_CTX_free(ctx);
		return ERR_NOMEM;
	}
	*ret = (struct hash *)ctx;
	return OK;
}

enum err hash_update(struct hash *h, struct bytes b)
{
	if (b.n > 0 && EVP_DigestUpdate(context(h), b.p, b.n) != 1) {
		return ERR_NOMEM;
	}
	return OK;
}

enum err hash_final(struct hash *h, uint8_t *out)
{
	if (EVP_DigestFinal_ex(context(h), out, NULL) != 1 ||
	    EVP_DigestInit_ex2(context(h), NULL, NULL) != 1) {
		return ERR_NOMEM;
	}
	return OK;
}

void hash_free(struct hash *h)
{
	EVP_MD_CTX_free(context(h));
}

void hash_freep(struct hash **h)
{
	hash_free(*h);
}
