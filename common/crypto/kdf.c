#include "common/crypto/kdf.h"

#include <assert.h>
#include <sodium.h>

#include "common/base/attr.h"
#include "common/crypto/evp.h"
#include "common/crypto/hash.h"

enum {
	KDF_PASSPHRASE_MAX_BYTES = 4096,
	KDF_PASSES_MIN = 3,
	KDF_PASSES_MAX = 64,
};
static const uint64_t kdf_memory_min_bytes = 64ULL << 20;
static const uint64_t kdf_memory_max_bytes = 4ULL << 30;

/*
 * HKDF by hand over evp_hmac: two HMACs for the 32 bytes that everyone here asks for. EVP_KDF
 * gives the same bytes (the vectors say so) at about twice the cost.
 */
enum err kdf_hkdf(const struct secret *ikm, struct bytes salt, struct bytes info, size_t n,
                  struct secret **ret)
{
	AUTO(evp_md_ctx_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t prk[SHA384_BYTES];
	uint8_t block[SHA384_BYTES];
	uint8_t counter = 0;
	struct bytes ikm_bytes = secret_bytes(ikm);
	struct bytes parts[3] = {{block, 0}, info, {&counter, 1}};
	struct secret *okm = secret_new(n);
	enum err e;

	if (okm == NULL) {
		return ERR_NOMEM;
	}
	e = evp_hmac(ctx, EVP_DIGEST_SHA384, salt, &ikm_bytes, 1, prk);
	for (size_t done = 0; e == OK && done < n; done += SHA384_BYTES) {
		counter++;
		e = evp_hmac(ctx, EVP_DIGEST_SHA384, bytes_of(prk, sizeof(prk)), parts, 3, block);
		for (size_t i = 0; e == OK && i < sizeof(block) && done + i < n; i++) {
			secret_edit(okm)[done + i] = block[i];
		}
		parts[0].n = sizeof(block);
	}
	wipe(prk, sizeof(prk));
	wipe(block, sizeof(block));
	if (e != OK) {
		secret_free(okm);
		return e;
	}
	*ret = okm;
	return OK;
}

struct kdf_cost kdf_cost_default(void)
{
	return (struct kdf_cost){.passes = 3, .memory_bytes = 256ULL << 20};
}

enum err kdf_passphrase(struct bytes passphrase, const uint8_t salt[KDF_SALT_BYTES],
                        struct kdf_cost cost, struct secret **ret)
{
	const char *text = passphrase.n > 0 ? (const char *)passphrase.p : "";
	struct secret *key;

	static_assert(KDF_SALT_BYTES == crypto_pwhash_argon2id_SALTBYTES, "salt of libsodium");
	if (cost.passes < KDF_PASSES_MIN || cost.passes > KDF_PASSES_MAX ||
	    cost.memory_bytes < kdf_memory_min_bytes || cost.memory_bytes > kdf_memory_max_bytes ||
	    passphrase.n > KDF_PASSPHRASE_MAX_BYTES) {
		return ERR_INPUT;
	}
	key = secret_new(32);
	if (key == NULL || sodium_init() < 0 ||
	    crypto_pwhash_argon2id(secret_edit(key), 32, text, passphrase.n, salt, cost.passes,
	                           cost.memory_bytes,
	                           crypto_pwhash_argon2id_ALG_ARGON2ID13) != 0) {
		secret_free(key);
		return ERR_NOMEM;
	}
	*ret = key;
	return OK;
}
