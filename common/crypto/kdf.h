/* Key derivation: HKDF-SHA-384 (RFC 5869) and, for passphrases, Argon2id (RFC 9106, libsodium). */
#ifndef REMPART_CRYPTO_KDF_H
#define REMPART_CRYPTO_KDF_H
#include "common/base/secret.h"
/* kdf_hkdf: `n` bytes (<= SECRET_MAX) from ikm, salt, info. errors: NOMEM */
enum err kdf_hkdf(const struct secret *ikm, struct bytes salt, struct bytes info, size_t n,
                  struct secret **ret);
enum { KDF_SALT_BYTES = 16 };
struct kdf_cost { uint32_t passes; uint64_t memory_bytes; };
/* kdf_cost_default: 3 passes, 256 MiB (secnumcloud-requirements 3.1 asks >= 64 MiB, >= 3). */
struct kdf_cost kdf_cost_default(void);
/* kdf_passphrase: 32 bytes. Blocks for about a second. errors: NOMEM, INPUT (cost outside 3 to 64
 * passes, 64 MiB to 4 GiB; a passphrase over 4 KiB) */
enum err kdf_passphrase(struct bytes passphrase, const uint8_t salt[KDF_SALT_BYTES],
                        struct kdf_cost cost, struct secret **ret);
#endif
