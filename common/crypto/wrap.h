/*
 * A key wrapped under a KEK version (DESIGN 5): AES-256-GCM under a single-use key
 * HKDF-SHA-384(KEK version, salt = 32 random bytes,
 * info = "rempart wrap v1" || u16 suite || key id 16 || u32 version). Layout: version u8 = 1,
 * suite u16 = 1, key id 16, key version u32, salt 32, ciphertext n, tag 16: 71 + n bytes, 103 for
 * a DEK. IV = 12 zero bytes (the key is used once); AAD = the 55 bytes before the ciphertext ||
 * `aad`. The caller's `aad` is the canonical encryption context (OBJECT-FORMAT.md section 8), so a
 * wrapped key moved to another object does not open.
 */
#ifndef REMPART_CRYPTO_WRAP_H
#define REMPART_CRYPTO_WRAP_H
#include "common/base/secret.h"
enum {
	WRAP_OVERHEAD_BYTES = 71,
	WRAP_MAX_BYTES = WRAP_OVERHEAD_BYTES + SECRET_MAX,
	WRAP_KEY_ID_BYTES = 16,
};
struct wrap_key { const struct secret *kek; uint8_t id[WRAP_KEY_ID_BYTES]; uint32_t version; };
struct wrap_name { uint8_t id[WRAP_KEY_ID_BYTES]; uint32_t version; };
/* wrap_seal: append the wrapped form of `key` to out. errors: NOMEM, LIMIT */
enum err wrap_seal(const struct wrap_key *under, struct bytes aad, const struct secret *key,
                   struct writer *out);
/* wrap_peek: which KEK version a wrapped key names. errors: CORRUPT (not a wrapped key) */
enum err wrap_peek(struct bytes wrapped, struct wrap_name *ret);
/* wrap_open: errors  CORRUPT (wrong KEK, wrong context, changed bytes), NOMEM */
enum err wrap_open(const struct wrap_key *under, struct bytes aad, struct bytes wrapped,
                   struct secret **ret);
#endif
