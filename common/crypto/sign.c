#include "common/crypto/sign.h"

#include <assert.h>
#include <sodium.h>

/* libsodium's own 64-byte form of the key is the seed and the public key; it lives on the stack
 * for one call only. */
static enum err expand(const struct secret *seed, uint8_t public_key[SIGN_PUBLIC_BYTES],
                       uint8_t private_key[crypto_sign_ed25519_SECRETKEYBYTES])
{
	assert(secret_size(seed) == SIGN_SEED_BYTES); /* another would be read past its end */
	if (sodium_init() < 0 ||
	    crypto_sign_ed25519_seed_keypair(public_key, private_key, secret_bytes(seed).p) != 0) {
		return ERR_NOMEM;
	}
	return OK;
}

enum err sign_public(const struct secret *seed, uint8_t ret[SIGN_PUBLIC_BYTES])
{
	uint8_t private_key[crypto_sign_ed25519_SECRETKEYBYTES];
	enum err e = expand(seed, ret, private_key);

	wipe(private_key, sizeof(private_key));
	return e;
}

enum err sign_message(const struct secret *seed, struct bytes message, uint8_t ret[SIGN_BYTES])
{
	uint8_t public_key[SIGN_PUBLIC_BYTES];
	uint8_t private_key[crypto_sign_ed25519_SECRETKEYBYTES];
	enum err e = expand(seed, public_key, private_key);

	if (e == OK &&
	    crypto_sign_ed25519_detached(ret, NULL, message.p, message.n, private_key) != 0) {
		e = ERR_NOMEM;
	}
	wipe(private_key, sizeof(private_key));
	return e;
}

enum err sign_verify(const uint8_t public_key[SIGN_PUBLIC_BYTES], struct bytes message,
                     const uint8_t signature[SIGN_BYTES])
{
	if (sodium_init() < 0 || crypto_sign_ed25519_verify_detached(
	                                 signature, message.p, message.n, public_key) != 0) {
		return ERR_AUTH;
	}
	return OK;
}
