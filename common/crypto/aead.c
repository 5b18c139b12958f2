#include "common/crypto/aead.h"

#include <assert.h>

#include "common/base/attr.h"
#include "common/crypto/evp.h"

enum { AEAD_PLAIN_MAX_BYTES = 1 << 30 }; /* EVP counts in int; nothing here comes near */

/* A key schedule is OpenSSL's context under our name: it wipes itself when freed. */
static EVP_CIPHER_CTX *context(struct aead *a)
{
	return (EVP_CIPHER_CTX *)a;
}

enum err aead_new(const struct secret *key, struct aead **ret)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	const EVP_CIPHER *gcm = evp_aes256_gcm();

	assert(secret_size(key) == AEAD_KEY_BYTES); /* another would be read past its end */
	if (ctx == NULL || gcm == NULL ||
	    EVP_EncryptInit_ex2(ctx, gcm, secret_bytes(key).p, NULL, NULL) != 1) {
		EVP_CIPHER_CTX_free(ctx);
		return ERR_NOMEM;
	}
	*ret = (struct aead *)ctx;
	return OK;
}

void aead_free(struct aead *a)
{
	EVP_CIPHER_CTX_free(context(a));
}

void aead_freep(struct aead **a)
{
	aead_free(*a);
}

/* The key schedule of GCM serves both directions: a message sets only IV and direction. */
static bool start(EVP_CIPHER_CTX *ctx, bool seal, const uint8_t *iv, const struct bytes *aad)
{
	int n;

	if (EVP_CipherInit_ex2(ctx, NULL, NULL, iv, seal, NULL) != 1) {
		return false;
	}
	for (size_t i = 0; i < 2; i++) {
		if (aad[i].n > AEAD_PLAIN_MAX_BYTES ||
		    (aad[i].n > 0 &&
		     EVP_CipherUpdate(ctx, NULL, &n, aad[i].p, (int)aad[i].n) != 1)) {
			return false;
		}
	}
	return true;
}

static bool transform(EVP_CIPHER_CTX *ctx, struct bytes in, uint8_t *out)
{
	int n;

	return in.n == 0 ||
	       (EVP_CipherUpdate(ctx, out, &n, in.p, (int)in.n) == 1 && n == (int)in.n);
}

enum err aead_seal_split(struct aead *a, const uint8_t iv[AEAD_IV_BYTES],
                         const struct bytes aad[2], struct bytes plain, uint8_t *out)
{
	EVP_CIPHER_CTX *ctx = context(a);
	uint8_t none[AEAD_TAG_BYTES];
	int n;

	if (plain.n > AEAD_PLAIN_MAX_BYTES || !start(ctx, true, iv, aad) ||
	    !transform(ctx, plain, out) || EVP_CipherFinal_ex(ctx, none, &n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_BYTES, out + plain.n) != 1) {
		return ERR_NOMEM;
	}
	return OK;
}

enum err aead_open_split(struct aead *a, const uint8_t iv[AEAD_IV_BYTES],
                         const struct bytes aad[2], struct bytes sealed, uint8_t *out)
{
	EVP_CIPHER_CTX *ctx = context(a);
	uint8_t tag[AEAD_TAG_BYTES]; /* a copy: out may be sealed.p, and ctrl takes no const */
	uint8_t none[AEAD_TAG_BYTES];
	struct reader r = reader_of(sealed);
	struct bytes body;
	int n;

	if (sealed.n < AEAD_TAG_BYTES || sealed.n > AEAD_PLAIN_MAX_BYTES) {
		return ERR_CORRUPT;
	}
	body = read_bytes(&r, sealed.n - AEAD_TAG_BYTES);
	read_into(&r, tag, sizeof(tag));
	if (!start(ctx, false, iv, aad) || !transform(ctx, body, out) ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG_BYTES, tag) != 1 ||
	    EVP_CipherFinal_ex(ctx, none, &n) != 1) {
		wipe(out, body.n);
		return ERR_CORRUPT;
	}
	return OK;
}

enum err aead_seal(struct aead *a, const uint8_t iv[AEAD_IV_BYTES], struct bytes aad,
                   struct bytes plain, uint8_t *out)
{
	return aead_seal_split(a, iv, (struct bytes[2]){aad, {NULL, 0}}, plain, out);
}

enum err aead_open(struct aead *a, const uint8_t iv[AEAD_IV_BYTES], struct bytes aad,
                   struct bytes sealed, uint8_t *out)
{
	return aead_open_split(a, iv, (struct bytes[2]){aad, {NULL, 0}}, sealed, out);
}
