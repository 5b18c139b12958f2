#include "common/crypto/evp.h"

#include <pthread.h>
#include <string.h>

#include "common/base/secret.h"

static pthread_once_t fetch_once = PTHREAD_ONCE_INIT;
static EVP_MD *fetched_md[EVP_DIGESTS];
static EVP_CIPHER *fetched_gcm;

static void fetch_all(void)
{
	static const char *const names[EVP_DIGESTS] = {
		[EVP_DIGEST_SHA256] = "SHA2-256",
		[EVP_DIGEST_SHA384] = "SHA2-384",
		[EVP_DIGEST_SHA1] = "SHA1",
		[EVP_DIGEST_MD5] = "MD5",
	};

	for (size_t i = 0; i < EVP_DIGESTS; i++) {
		fetched_md[i] = EVP_MD_fetch(NULL, names[i], NULL);
	}
	fetched_gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
}

const EVP_MD *evp_md(enum evp_digest which)
{
	pthread_once(&fetch_once, fetch_all);
	return fetched_md[which];
}

const EVP_CIPHER *evp_aes256_gcm(void)
{
	pthread_once(&fetch_once, fetch_all);
	return fetched_gcm;
}

void evp_md_ctx_freep(EVP_MD_CTX **ctx)
{
	EVP_MD_CTX_free(*ctx);
}

static bool update_parts(EVP_MD_CTX *ctx, const struct bytes *parts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (parts[i].n > 0 && EVP_DigestUpdate(ctx, parts[i].p, parts[i].n) != 1) {
			return false;
		}
	}
	return true;
}

/* `head` goes first: for HMAC it is the padded key, so that it needs no copy into an array. */
static enum err digest(EVP_MD_CTX *ctx, const EVP_MD *md, struct bytes head,
                       const struct bytes *parts, size_t n, uint8_t *out)
{
	if (ctx == NULL || md == NULL || EVP_DigestInit_ex2(ctx, md, NULL) != 1 ||
	    !update_parts(ctx, &head, 1) || !update_parts(ctx, parts, n) ||
	    EVP_DigestFinal_ex(ctx, out, NULL) != 1) {
		return ERR_NOMEM;
	}
	return OK;
}

enum err evp_hash(EVP_MD_CTX *ctx, enum evp_digest which, const struct bytes *parts, size_t n,
                  uint8_t *out)
{
	return digest(ctx, evp_md(which), bytes_of(NULL, 0), parts, n, out);
}

/*
 * RFC 2104 over EVP digests. EVP_MAC does the same but costs about twice as much for short
 * messages: its contexts are duplicated and its parameters are looked up by name for each key.
 */
enum err evp_hmac(EVP_MD_CTX *ctx, enum evp_digest which, struct bytes key,
                  const struct bytes *parts, size_t n, uint8_t *out)
{
	const EVP_MD *md = evp_md(which);
	size_t block = which == EVP_DIGEST_SHA384 ? 128 : 64;
	size_t size = which == EVP_DIGEST_SHA384 ? 48 : which == EVP_DIGEST_SHA256 ? 32 : 20;
	uint8_t pad[EVP_BLOCK_BYTES_MAX] = {0};
	uint8_t inner[EVP_DIGEST_BYTES_MAX];
	struct bytes inner_bytes = {inner, size};
	enum err e = OK;

	if (key.n > block) {
		e = digest(ctx, md, key, NULL, 0, pad);
	} else if (key.n > 0) {
		memcpy(pad, key.p, key.n);
	}
	for (size_t i = 0; i < block; i++) {
		pad[i] ^= 0x36;
	}
	if (e == OK) {
		e = digest(ctx, md, bytes_of(pad, block), parts, n, inner);
	}
	for (size_t i = 0; i < block; i++) {
		pad[i] ^= 0x36 ^ 0x5c;
	}
	if (e == OK) {
		e = digest(ctx, md, bytes_of(pad, block), &inner_bytes, 1, out);
	}
	wipe(pad, sizeof(pad));
	wipe(inner, sizeof(inner));
	return e;
}
