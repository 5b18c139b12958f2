/*
 * The token keys: one for each tenant and month, made at first use, kept wrapped. Names of objects stand in the log
 * only as HMACs under them (LOG-FORMAT.md, logfmt/token.h); destroying one erases the names of that month.
 * Thread: the one worker.
 */
#ifndef REMPART_KMS_TOKENS_H
#define REMPART_KMS_TOKENS_H
#include "common/base/arena.h"
#include "common/base/secret.h"
#include "server/kms/record.h"

enum { TOKENS_CACHE = 256, TOKENS_KEY_BYTES = 32, TOKENS_PERIOD_BYTES = 7 };

struct kms;
struct token_slot {
	struct secret *key; /* NULL: free */
	uint8_t tenant[RECORD_TENANT_DIGITS];
	uint8_t period[TOKENS_PERIOD_BYTES];
};
struct tokens {
	struct token_slot *slots;
};
enum err tokens_init(struct tokens *t);
void tokens_free(struct tokens *t);
void tokens_forget(struct tokens *t);
/* tokens_period: "2026-11" of a time. */
void tokens_period(uint64_t now_ms, uint8_t ret[TOKENS_PERIOD_BYTES]);
/* tokens_key: borrowed until the next call or forget. The first one of a month is durable on return.
 * errors: CORRUPT, UNAVAILABLE, IO, FULL, NOMEM, LIMIT */
enum err tokens_key(struct kms *k, struct bytes tenant, const uint8_t period[TOKENS_PERIOD_BYTES],
                    const struct secret **ret);

#endif
