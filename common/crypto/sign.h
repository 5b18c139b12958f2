/* Ed25519 (RFC 8032, libsodium), for the key log's checkpoints. */
#ifndef REMPART_CRYPTO_SIGN_H
#define REMPART_CRYPTO_SIGN_H
#include "common/base/secret.h"
enum { SIGN_SEED_BYTES = 32, SIGN_PUBLIC_BYTES = 32, SIGN_BYTES = 64 };
/* sign_public, sign_message: the seed is 32 bytes (asserted). errors: NOMEM */
enum err sign_public(const struct secret *seed, uint8_t ret[SIGN_PUBLIC_BYTES]);
enum err sign_message(const struct secret *seed, struct bytes message, uint8_t ret[SIGN_BYTES]);
/* sign_verify: errors AUTH (the signature is not good) */
enum err sign_verify(const uint8_t public_key[SIGN_PUBLIC_BYTES], struct bytes message,
                     const uint8_t signature[SIGN_BYTES]);
#endif
