/*
 * Who an access key stands for. The last used ones are kept in memory, with the S3 secret in locked memory;
 * identity_forget empties that, and is called after every change. Thread: the one worker.
 */
#ifndef REMPART_KMS_IDENTITY_H
#define REMPART_KMS_IDENTITY_H
#include "common/base/arena.h"
#include "common/base/secret.h"
#include "server/kms/record.h"

enum {
	IDENTITY_CACHE = 1024,       /* principals */
	IDENTITY_TEXT_BYTES = 1024,  /* of one principal, all names together */
	IDENTITY_SCOPE_BYTES = 160,
};

struct kms;
struct principal {
	struct bytes access_key;     /* empty: the slot is free. All views point into text. */
	struct bytes tenant, tenant_name, canonical_id, display_name, user, arn;
	uint8_t default_key[RECORD_UUID_BYTES];
	bool enabled;                /* access key and user */
	uint64_t expires_ms;         /* the earlier one of access key and user; 0: never */
	struct secret *secret;       /* S3 secret */
	struct secret *signing_key;  /* of the scope below; NULL: none yet */
	size_t scope_bytes;
	uint8_t scope[IDENTITY_SCOPE_BYTES];
	uint8_t text[IDENTITY_TEXT_BYTES];
};
struct identity {
	struct principal *slots;     /* IDENTITY_CACHE of them */
};
enum err identity_init(struct identity *i);
void identity_free(struct identity *i);   /* wipes; safe on a zeroed one */
void identity_forget(struct identity *i);
/* identity_find: the principal is borrowed until the next call or forget.
 * errors: NOTFOUND (no such access key), CORRUPT (a record is damaged or missing), UNAVAILABLE, IO, LIMIT, NOMEM */
enum err identity_find(struct kms *k, struct bytes access_key, struct principal **ret);
/* identity_signing_key: for a scope; borrowed as the principal. errors: NOMEM, LIMIT */
enum err identity_signing_key(struct principal *p, struct bytes date, struct bytes region,
                              struct bytes service, const struct secret **ret);
/* identity_write_arn: arn:aws:iam::TENANT:user/NAME */
void identity_write_arn(struct writer *w, struct bytes tenant, struct bytes user);

#endif
