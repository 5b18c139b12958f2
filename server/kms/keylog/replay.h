/*
 * From the journal to the tree: reads synced batches, hashes the entries, puts tiles and bundles.
 * Recovery runs it over what the journal holds and compares with what was signed and published;
 * the publisher then goes on with the same state. Thread: one at a time.
 */
#ifndef REMPART_KMS_KEYLOG_REPLAY_H
#define REMPART_KMS_KEYLOG_REPLAY_H
#include "common/logfmt/note.h"
#include "server/kms/keylog/journal.h"
#include "server/kms/keylog/tiles.h"

enum { REPLAY_MARKS_MAX = 2, REPLAY_WRONG_BYTES = 128 };

struct replay {
	struct tree tree;
	struct tree base; /* at the first entry of the segment being read: where a failed round begins anew */
	struct writer bundle; /* the entries of the open bundle */
	struct journal_reader reader;
	struct tiles tiles;
	int journal_dir;
	/* Recovery: roots that were signed, and the size up to which tiles must exist already. */
	struct checkpoint marks[REPLAY_MARKS_MAX];
	size_t n_marks;
	uint64_t required;
	uint8_t last[LOGFMT_ENTRY_MAX]; /* the newest entry */
	size_t last_n;
	char wrong[REPLAY_WRONG_BYTES]; /* after CORRUPT: the file */
};

/* replay_begin: at the segment `first`, whose tree state is read unless it is 0. dirs borrowed.
 *   errors  NOMEM, NOTFOUND, CORRUPT, FULL, IO */
enum err replay_begin(struct replay *r, struct arena *a, int dir, int journal_dir, uint64_t first);
/* replay_advance: take in the entries up to `size` exactly, which must be the end of a batch.
 *   errors  NOTFOUND (the journal ends before), CORRUPT, FULL, IO */
enum err replay_advance(struct replay *r, uint64_t size);
/* replay_publish: put the partial files of the present size, flush. errors: CORRUPT, FULL, IO */
enum err replay_publish(struct replay *r);
/* replay_rewind: after an error: back to the start of the segment. errors: CORRUPT, NOTFOUND, IO */
enum err replay_rewind(struct replay *r);
void replay_end(struct replay *r);
/* replay_state_exists: is there a tree state for the segment `first`? */
bool replay_state_exists(int journal_dir, uint64_t first);
#endif
