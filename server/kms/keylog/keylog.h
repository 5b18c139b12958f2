/*
 * The key log: entries durable before the answer, in group commits; published as C2SP tlog-tiles.
 *
 *   journal/    segments of 65,536 entries: head, then sealed batches, one for each sync (LOG-FORMAT.md 8.1); appended
 *               and fdatasynced. A segment is removed when a published checkpoint covers it and the next one exists.
 *   tile/, checkpoint   the published log (tlog-tiles), written by the publisher from the journal
 *   fence       a file outside the backed-up volume that holds the last signed checkpoint
 *
 * Invariants: (1) an entry is answered for only after keylog_sync; (2) a checkpoint is signed only over
 * synced entries, and the fence is written before it is published; (3) a log shorter than its fence or
 * its checkpoint, or with another root, does not open.
 * Thread: append, sync and the state functions belong to the one worker of the KMS; the publisher is a thread of its
 * own which only sees synced entries.
 */
#ifndef REMPART_KMS_KEYLOG_H
#define REMPART_KMS_KEYLOG_H
#include "common/base/report.h"
#include "common/base/secret.h"
#include "common/logfmt/entry.h"
#include "common/logfmt/tree.h"

struct keylog;
struct keylog_options {
	const char *dir;        /* journal/, tile/, checkpoint; made when its parent exists */
	const char *fence;      /* path of the fence file; its folder exists */
	const char *origin;     /* "kms.example.org/log/1" */
	uint32_t publish_ms;    /* how often a new checkpoint is published while there is something new; 1000 */
	uint64_t reserve_bytes; /* preallocated file that is given up when the disk is full, so that the stop can be logged; 1 MiB */
};
/* keylog_open: recover (a torn tail of unsynced entries is cut), check against fence and checkpoint, start the publisher.
 *   ret_report  what is wrong and what to do
 *   errors      CORRUPT (tampered, truncated or rolled back), IO, FULL, NOMEM, INPUT */
enum err keylog_open(const struct keylog_options *options, struct keylog **ret,
                     struct report *ret_report);
/* keylog_signer: from now on sign checkpoints with this Ed25519 seed (copied). Called at unseal; NULL at seal
 * (which first waits until what is synced has its checkpoint).
 *   errors  AUTH (fence or checkpoint were signed by another key), NOMEM, IO */
enum err keylog_signer(struct keylog *k, const struct secret *seed);
/* keylog_check_signer: could this seed go on with this log? errors: AUTH (fence or checkpoint are signed by another key) */
enum err keylog_check_signer(const struct keylog *k, const struct secret *seed);
/* keylog_append: give the entry its seq, time (monotonic within the log) and boot id and buffer it. NOT durable yet.
 * All may be read back in *entry; its agent is cut to 256 bytes. May sync by itself when a batch or a segment is
 * full. errors: LIMIT, INPUT (the entry has no canonical form), FULL, and IO for ever after a failed sync. */
enum err keylog_append(struct keylog *k, struct logfmt_entry *entry);
/* keylog_sync: everything appended is durable on return. Blocks (write + fdatasync).
 * After a failure nothing can be appended until the process restarts: what the disk holds is unknown.
 * FULL can be tried again once space is free: the unsynced entries were cut off, refuse all of them.  errors: IO, FULL */
enum err keylog_sync(struct keylog *k);
uint64_t keylog_size(const struct keylog *k);      /* appended entries */
uint64_t keylog_published(const struct keylog *k); /* size of the last checkpoint; any thread */
/* keylog_close: sync, publish a last checkpoint if a signer is set, stop the publisher. NULL-safe. */
void keylog_close(struct keylog *k);
#endif
