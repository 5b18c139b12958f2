/*
 * Key-encryption keys: finding them by name, issuing and opening data keys. The last used ones are kept, in
 * locked memory; keyring_forget empties that. Thread: the one worker.
 */
#ifndef REMPART_KMS_KEYRING_H
#define REMPART_KMS_KEYRING_H
#include "common/base/arena.h"
#include "common/base/secret.h"
#include "server/kms/record.h"

enum {
	KEYRING_CACHE = 1024,
	KEYRING_KEK_BYTES = 32,
	KEYRING_DEK_BYTES = 32,
	KEYRING_ARN_BYTES = 128,
	KEYRING_UUID_TEXT = 36,
};

struct kms;
struct kek {
	uint8_t id[RECORD_UUID_BYTES];
	uint32_t asked;             /* version asked for, 0 the current one: the cache's second key */
	uint32_t version;           /* the version of `key`; 0: the slot is free */
	enum record_key_state state;
	uint8_t tenant[RECORD_TENANT_DIGITS];
	size_t arn_bytes;
	uint8_t arn[KEYRING_ARN_BYTES];
	struct secret *key;
};
struct keyring {
	struct kek *slots;
};
enum err keyring_init(struct keyring *r);
void keyring_free(struct keyring *r);
void keyring_forget(struct keyring *r);

/* keyring_resolve: UUID, key ARN, alias ("alias/x" or "x"), alias ARN. An alias belongs to `tenant`.
 * errors: NOTFOUND, DENIED (an ARN of another tenant or region), CORRUPT, UNAVAILABLE, IO */
enum err keyring_resolve(struct kms *k, struct bytes tenant, struct bytes name,
                         uint8_t ret_id[RECORD_UUID_BYTES]);
/* keyring_get: version 0: the current one. Borrowed until the next call or forget. errors: as above; NOTFOUND */
enum err keyring_get(struct kms *k, const uint8_t id[RECORD_UUID_BYTES], uint32_t version,
                     const struct kek **ret);
/* keyring_issue: a new data key and its wrapped form (arena). keyring_open: errors CORRUPT */
enum err keyring_issue(const struct kek *kek, struct bytes context, struct arena *a,
                       struct bytes *ret_wrapped, struct secret **ret_dek);
enum err keyring_open(const struct kek *kek, struct bytes context, struct bytes wrapped,
                      struct secret **ret_dek);
/* keyring_wrap: the wrapped form (arena) of a data key that there is. */
enum err keyring_wrap(const struct kek *kek, struct bytes context, const struct secret *dek,
                      struct arena *a, struct bytes *ret_wrapped);
/* keyring_blob_seal, keyring_blob_open: as crypto/wrap.h; the blob is in the arena, the plaintext appended to `plain`, which
 * the caller wipes. */
enum err keyring_blob_seal(const struct kek *kek, struct bytes context, struct bytes plain,
                           struct arena *a, struct bytes *ret_blob);
enum err keyring_blob_open(const struct kek *kek, struct bytes context, struct bytes blob,
                           struct writer *plain);
/* keyring_write_arn: arn:aws:kms:REGION:TENANT:key/UUID. keyring_write_uuid, keyring_read_uuid: the text form. */
void keyring_write_arn(struct writer *w, const char *region, struct bytes tenant,
                       const uint8_t id[RECORD_UUID_BYTES]);
void keyring_write_uuid(struct writer *w, const uint8_t id[RECORD_UUID_BYTES]);
enum err keyring_read_uuid(struct bytes text, uint8_t ret[RECORD_UUID_BYTES]);
/* keyring_version_key: the key of a row of KEYSTORE_KEY_VERSIONS. */
enum { KEYRING_VERSION_KEY_BYTES = RECORD_UUID_BYTES + 4 };
struct bytes keyring_version_key(const uint8_t id[RECORD_UUID_BYTES], uint32_t version,
                                 uint8_t out[KEYRING_VERSION_KEY_BYTES]);

#endif
