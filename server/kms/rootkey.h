/*
 * The root key at rest: 32 random bytes, wrapped under Argon2id(passphrase). The clear record META "root":
 *   u8 1, salt 16, passes u32, memory bytes u64, lv16 wrapped root (aad = everything before it).
 * Other ways to unseal (Shamir, PKCS#11) will be further records of this kind. Thread: worker; blocks for about a second.
 */
#ifndef REMPART_KMS_ROOTKEY_H
#define REMPART_KMS_ROOTKEY_H
#include "common/base/arena.h"
#include "common/base/secret.h"
#include "common/crypto/kdf.h"

enum {
	ROOTKEY_BYTES = 32,
	ROOTKEY_RECORD_MAX = 256,
	ROOTKEY_PASSPHRASE_MIN = 12,   /* bytes; ANSSI asks 12 or more */
	ROOTKEY_PASSPHRASE_MAX = 1024, /* bytes */
};
/* rootkey_seal: the record, appended to w. errors: INPUT (cost out of range), NOMEM */
enum err rootkey_seal(const struct secret *root, struct bytes passphrase, struct kdf_cost cost,
                      struct writer *w);
/* rootkey_open: errors  AUTH (wrong passphrase, or a changed record: they cannot be told apart),
 * CORRUPT (not such a record), NOMEM */
enum err rootkey_open(struct bytes record, struct bytes passphrase, struct secret **ret);

#endif
