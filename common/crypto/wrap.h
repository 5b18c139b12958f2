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

/*
 * A blob: up to 4 KiB of a user's own bytes under a KEK version, for the AWS KMS API
 * (server/kms/AWS-API.md). The layout of a wrapped key with two differences: version u8 = 2, and
 * info begins with "rempart kms blob v1". So the two have other wrapping keys: neither opens as the
 * other, also when its version byte is changed. `aad` is the encryption context.
 */
enum {
	BLOB_PLAIN_MAX = 4096,
	BLOB_MAX_BYTES = WRAP_OVERHEAD_BYTES + BLOB_PLAIN_MAX,
};
/* blob_seal: 1..BLOB_PLAIN_MAX bytes; the blob is appended to out. errors: NOMEM, LIMIT */
enum err blob_seal(const struct wrap_key *under, struct bytes aad, struct bytes plain,
                   struct writer *out);
/* blob_peek: which KEK version. errors: CORRUPT (not a blob) */
enum err blob_peek(struct bytes sealed, struct wrap_name *ret);
/* blob_open: the plaintext is appended to out, whose memory the caller wipes; nothing is appended
 * on an error.
 * errors: CORRUPT (wrong KEK, wrong context, changed bytes), NOMEM, LIMIT */
enum err blob_open(const struct wrap_key *under, struct bytes aad, struct bytes sealed,
                   struct writer *out);
#endif
