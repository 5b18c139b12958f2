/*
 * The service behind the faces: its state, what it owns, and the one way to write an entry.
 *
 *   UNINITIALISED --init--> OPEN <--unseal/seal--> SEALED        (a start goes to UNINITIALISED or SEALED)
 *
 * One worker runs everything (total order, no locks). Its batch is: decide, append entries, one commit
 * (kms_commit), then the answers leave. Invariant: a key leaves only after the entry that tells of it is durable.
 */
#ifndef REMPART_KMS_KMS_H
#define REMPART_KMS_KMS_H
#include <stdatomic.h>

#include "common/base/arena.h"
#include "common/base/report.h"
#include "common/base/secret.h"
#include "common/crypto/kdf.h"
#include "server/kms/config.h"
#include "server/kms/gateways.h"
#include "server/kms/identity.h"
#include "server/kms/keylog/keylog.h"
#include "server/kms/keyring.h"
#include "server/kms/keystore.h"
#include "server/kms/metrics.h"
#include "server/kms/policies.h"
#include "server/kms/tokens.h"

#define KMS_VERSION "0.1.0"

enum {
	KMS_SECRETS = 16384,               /* slots: caches, and the keys of one batch */
	KMS_SCRATCH_BYTES = 4 << 20,       /* arena of one call */
	KMS_SEED_BYTES = 32,
	KMS_REFUSAL_FIRST_MS = 1000,       /* wait after a wrong passphrase; doubles */
	KMS_REFUSAL_MAX_MS = 5 * 60 * 1000,
};

enum kms_state { KMS_UNINITIALISED, KMS_SEALED, KMS_OPEN };

struct kms {
	const struct kms_config *config;
	struct keystore *store;
	struct keylog *log;
	struct arena *scratch;             /* the worker's, reset for each call */
	_Atomic enum kms_state state;      /* written by the worker, read by the operations face */
	_Atomic bool log_good;             /* the last commit was durable */
	uint8_t boot[16];
	enum err batch_error;              /* a sync inside of the running batch failed */
	struct identity identity;
	struct keyring keyring;
	struct tokens tokens;
	struct policies policies;
	struct gateways gateways;
	unsigned refusals;                 /* wrong passphrases in a row */
	uint64_t refused_until_ms;         /* clock_mono_ms */
	uint64_t api_second;               /* clock_mono_ms / 1000: the second that the next one counts in */
	unsigned api_unproven;             /* requests of the AWS KMS API without a good signature */
	struct metrics metrics;
};

/* kms_open: open key store and log (which checks itself against its fence), write the start entry. Sealed afterwards.
 * The config is borrowed. On an error `k` holds nothing. */
enum err kms_open(const struct kms_config *config, struct kms *k, struct report *ret_report);
/* kms_close: stop entry, wipe, close. Only when no worker runs. */
void kms_close(struct kms *k);

/* kms_append: entry into the log, durable with the next commit or kms_sync. */
enum err kms_append(struct kms *k, struct logfmt_entry *entry);
/* kms_sync: durable now. A failure is remembered: the whole batch of the worker is then uncommitted, because entries of
 * earlier calls may have been lost with it. */
enum err kms_sync(struct kms *k);
/* kms_commit: worker_options.commit; context is the struct kms. */
enum err kms_commit(void *context);

/* kms_init: root key, log signing seed; the state is OPEN afterwards. Writes the key store, not the log.
 * kms_unseal: errors AUTH (wrong passphrase), CORRUPT. Then OPEN. Both: CONFLICT (the log is another key store's). kms_seal: wipe everything. */
enum err kms_init(struct kms *k, struct bytes passphrase, struct kdf_cost cost);
enum err kms_unseal(struct kms *k, struct bytes passphrase);
void kms_seal(struct kms *k);
/* kms_unseal_from: from a file or a systemd credential ("credential:NAME"), at start, with its entry. One trailing line feed is
 * not part of the passphrase. */
enum err kms_unseal_from(struct kms *k, const char *from, struct report *ret_report);
/* kms_vkey: the verifier key of the log, into w. Only when OPEN. */
enum err kms_vkey(struct kms *k, struct writer *w);
/* kms_forget: drop what was cached; after every change of the key store. */
enum err kms_forget(struct kms *k);
const char *kms_state_name(enum kms_state s);

#endif
