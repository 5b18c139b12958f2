/*
 * The key store: records in server/kv, each sealed as a whole under a key that the root key gives, each secret in it
 * wrapped besides. The seal binds a record to its table and key, so one that is moved does not open.
 *
 *   value  = u8 1, salt 32, AES-256-GCM(HKDF(record key, salt, "rempart record v1"), iv 0,
 *            aad = table name || 0 || key, plaintext), tag 16.    One key for each seal: the iv never repeats.
 *   record key = HKDF(root key, "", "rempart records v1"), secrets key = HKDF(root key, "", "rempart secrets v1"),
 *   stamp key = HKDF(root key, "", "rempart stamps v1")
 *
 * META "root" alone is not sealed: it holds the wrapped root key (rootkey.h).
 * Not protected: an attacker on the KMS's disk can put back an older version of a record, or remove one.
 * Keys of records (tenant numbers, user names, access key ids) are in clear on the KMS's disk.
 * Thread: the one worker.
 */
#ifndef REMPART_KMS_KEYSTORE_H
#define REMPART_KMS_KEYSTORE_H
#include "common/base/arena.h"
#include "common/base/report.h"
#include "common/base/secret.h"

enum keystore_table {
	KEYSTORE_META,         /* "root", "log-seed", "tenant-name/NAME" -> number */
	KEYSTORE_TENANTS,      /* 12 digits */
	KEYSTORE_USERS,        /* tenant, 0x00, name */
	KEYSTORE_ACCESS_KEYS,  /* access key id */
	KEYSTORE_KEYS,         /* UUID, 16 bytes */
	KEYSTORE_KEY_VERSIONS, /* UUID, u32 version */
	KEYSTORE_ALIASES,      /* tenant, 0x00, alias -> UUID */
	KEYSTORE_GATEWAYS,     /* name */
	KEYSTORE_TOKENS,       /* tenant, 0x00, "2026-11" -> wrapped token key */
	KEYSTORE_BUCKETS,      /* tenant, 0x00, bucket name -> which documents count */
	KEYSTORE_DOCUMENTS,    /* tenant, 0x00, bucket name, 0x00, kind -> the text that counts */
	KEYSTORE_TABLES,
};

struct keystore;
enum err keystore_open(const char *dir, struct keystore **ret, struct report *ret_report);
void keystore_close(struct keystore *s); /* NULL-safe */
/* keystore_unlock: derive the working keys; root is not kept. keystore_lock: wipe them. */
enum err keystore_unlock(struct keystore *s, const struct secret *root);
void keystore_lock(struct keystore *s);

/* keystore_get: the record's plaintext, in the arena.
 * errors: NOTFOUND, CORRUPT (logged with table, not with the key's bytes), UNAVAILABLE (locked), IO, LIMIT */
enum err keystore_get(struct keystore *s, struct arena *a, enum keystore_table table,
                      struct bytes key, struct bytes *ret);
/* keystore_get_clear, keystore_put_clear: META "root". put is durable on return. */
enum err keystore_get_clear(struct keystore *s, struct arena *a, struct bytes key,
                            struct bytes *ret);
/* keystore_each: every record whose key begins with `prefix`, in order; scratch is reset between records. A record that does
 * not open is logged and given with plain.p NULL: `each` decides. Stops with the error that `each` gives. */
enum err keystore_each(struct keystore *s, struct arena *scratch, enum keystore_table table,
                       struct bytes prefix,
                       enum err (*each)(void *context, struct bytes key, struct bytes plain),
                       void *context);
/* keystore_count: rows of a table. */
enum err keystore_count(struct keystore *s, enum keystore_table table, uint64_t *ret);

/* Changes are collected, then applied in one durable transaction: all or none. */
struct keystore_change {
	enum keystore_table table;
	struct bytes key;
	struct bytes value;     /* sealed; p NULL: remove */
	struct keystore_change *next;
};
struct keystore_changes {
	struct arena *arena;    /* holds them */
	struct keystore_change *first, **last;
};
void keystore_changes_begin(struct keystore_changes *c, struct arena *a);
enum err keystore_put(struct keystore *s, struct keystore_changes *c, enum keystore_table table,
                      struct bytes key, struct bytes plain);
enum err keystore_put_clear(struct keystore_changes *c, struct bytes key, struct bytes value);
enum err keystore_remove(struct keystore_changes *c, enum keystore_table table, struct bytes key);
enum err keystore_apply(struct keystore *s, const struct keystore_changes *c);

/* keystore_wrap, keystore_unwrap: a secret that stands inside the record (table, key). The wrapped form is in the arena.
 * errors of unwrap: CORRUPT */
enum err keystore_wrap(struct keystore *s, struct arena *a, enum keystore_table table,
                       struct bytes key, const struct secret *secret, struct bytes *ret);
enum err keystore_unwrap(struct keystore *s, enum keystore_table table, struct bytes key,
                         struct bytes wrapped, struct secret **ret);
/* keystore_stamp: HMAC-SHA-256 of the parts, one after the other, under the stamp key. errors: UNAVAILABLE (locked), NOMEM */
enum err keystore_stamp(struct keystore *s, const struct bytes *parts, size_t n, uint8_t ret[32]);
/* keystore_key: "a 0x00 b" in the arena; p NULL when that is full. */
struct bytes keystore_key(struct arena *a, struct bytes first, struct bytes second);

#endif
