/*
 * The publisher: a thread that follows the journal, keeps the published files up to date and signs
 * checkpoints. It sees synced entries only. While nobody gave it a signer, files are written and
 * the checkpoint waits.
 */
#ifndef REMPART_KMS_KEYLOG_PUBLISHER_H
#define REMPART_KMS_KEYLOG_PUBLISHER_H
#include "common/base/secret.h"
#include "server/kms/keylog/replay.h"

struct publisher;
struct publisher_options {
	int dir;              /* of the log; borrowed */
	const char *fence;    /* borrowed, like origin */
	const char *origin;
	uint32_t publish_ms;
	uint64_t published;   /* size of the checkpoint on disk */
	uint64_t oldest;      /* first entry of the oldest segment */
};

/* publisher_start: goes on from `replay` (recovered, borrowed, from now on the thread's own).
 *   memory from the arena. errors: NOMEM, IO */
enum err publisher_start(struct arena *a, const struct publisher_options *options,
                         struct replay *replay, struct publisher **ret);
/* The following: any thread. */
/* publisher_synced: so many entries are durable. Cheap. */
void publisher_synced(struct publisher *p, uint64_t size);
/* publisher_signer: sign with this seed (copied) from now on; NULL: no longer. errors: NOMEM */
enum err publisher_signer(struct publisher *p, const struct secret *seed);
/* publisher_flush: publish now what is synced; waits for the end of the round, good or bad. */
void publisher_flush(struct publisher *p);
uint64_t publisher_published(const struct publisher *p);
/* publisher_failed: the journal or a published file changed under the running service: nothing may go on. */
bool publisher_failed(const struct publisher *p);
/* publisher_stop: a last round, then the thread ends. NULL-safe. */
void publisher_stop(struct publisher *p);
#endif
