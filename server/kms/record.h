/*
 * The records of the key store as structs, and as bytes (encoder and decoder side by side). Pure.
 * Members named *_wrapped are secrets that are wrapped (crypto/wrap); no record holds a secret in clear.
 * After reading, views borrow from the record's plaintext.
 */
#ifndef REMPART_KMS_RECORD_H
#define REMPART_KMS_RECORD_H
#include "common/base/bytes.h"

enum {
	RECORD_VERSION = 1,
	RECORD_UUID_BYTES = 16,
	RECORD_NAME_MAX = 64,      /* bytes: tenants, users, gateways, aliases */
	RECORD_TEXT_MAX = 256,     /* bytes: display names, descriptions, addresses, domains */
	RECORD_TENANT_DIGITS = 12,
	RECORD_CANONICAL_ID = 64,  /* hex digits */
	RECORD_ACCESS_KEY_MAX = 128,
	RECORD_WRAPPED_MAX = 160,
	RECORD_MAX = 2048,         /* bytes of any record but a document */
	RECORD_DOCUMENT_MAX = 32768, /* bytes of a bucket's policy, ACL or logging configuration */
};

struct record_tenant {
	struct bytes number;       /* also the key */
	struct bytes name;
	struct bytes display_name;
	struct bytes email;
	struct bytes canonical_id;
	uint64_t created_ms;
	uint8_t default_key[RECORD_UUID_BYTES];
};
struct record_user {
	struct bytes tenant;
	struct bytes name;
	struct bytes display_name;
	uint64_t created_ms;
	uint64_t expires_ms;       /* 0: never */
	bool enabled;
};
struct record_access_key {
	struct bytes id;
	struct bytes tenant;
	struct bytes user;
	uint64_t created_ms;
	uint64_t expires_ms;       /* 0: never */
	bool enabled;
	struct bytes secret_wrapped;
};
enum record_key_state { RECORD_KEY_ENABLED = 1, RECORD_KEY_DISABLED = 2 };
struct record_key {
	uint8_t id[RECORD_UUID_BYTES];
	struct bytes tenant;
	struct bytes alias;        /* without "alias/"; empty: none */
	struct bytes description;
	enum record_key_state state;
	uint32_t version;          /* the current one */
	uint64_t created_ms;
};
struct record_key_version {
	uint64_t created_ms;
	struct bytes kek_wrapped;
};
struct record_gateway {
	struct bytes name;
	bool enrolled;             /* false: removed; the index key waits for a new enrolment */
	uint8_t certificate_digest[32];
	struct bytes domains;
	uint64_t created_ms;
	struct bytes enrolment_wrapped;
	struct bytes index_key_wrapped;
};

/* Which documents of a bucket count (shares.h). A digest of zeros: none. */
struct record_document {
	uint8_t digest[32];        /* SHA-256 */
	uint8_t before[32];        /* of what counted until changed_ms */
	uint64_t changed_ms;
	uint64_t order;            /* of the log's entry about the last change; 0: none, or from before orders were kept */
};
struct record_bucket {
	uint64_t number;
	struct record_document policy, acl, logging;
};

void record_tenant_write(struct writer *w, const struct record_tenant *t);
void record_user_write(struct writer *w, const struct record_user *u);
void record_access_key_write(struct writer *w, const struct record_access_key *k);
void record_key_write(struct writer *w, const struct record_key *k);
void record_key_version_write(struct writer *w, const struct record_key_version *v);
void record_gateway_write(struct writer *w, const struct record_gateway *g);
void record_bucket_write(struct writer *w, const struct record_bucket *b);
/* record_*_read: errors CORRUPT */
enum err record_tenant_read(struct bytes b, struct record_tenant *ret);
enum err record_user_read(struct bytes b, struct record_user *ret);
enum err record_access_key_read(struct bytes b, struct record_access_key *ret);
enum err record_key_read(struct bytes b, struct record_key *ret);
enum err record_key_version_read(struct bytes b, struct record_key_version *ret);
enum err record_gateway_read(struct bytes b, struct record_gateway *ret);
enum err record_bucket_read(struct bytes b, struct record_bucket *ret);

#endif
