/*
 * The verification of a log (LOG-FORMAT.md 7). It reads a folder and a key, and says what it found;
 * printing is somebody else's. Memory is flat but for the set of issued keys (issued.h).
 */
#ifndef REMPART_AUDITOR_VERIFY_H
#define REMPART_AUDITOR_VERIFY_H
#include "client/auditor/logdir.h"
#include "client/auditor/tally.h"
#include "common/logfmt/note.h"

enum check {
	CHECK_SIGNATURE,
	CHECK_TREE,
	CHECK_ENTRIES,
	CHECK_CLOCK,
	CHECK_SINCE,
	CHECK_KEYS,
	CHECKS,
	CHECK_NOTE, /* worth saying, not a fault */
};

enum finding {
	FOUND_CHECKPOINT_MISSING,
	FOUND_CHECKPOINT_FORM,
	FOUND_CHECKPOINT_SIGNATURE,
	FOUND_CHECKPOINT_ORIGIN,
	FOUND_BUNDLE_MISSING,
	FOUND_BUNDLE_FORM,
	FOUND_TILE_MISSING,
	FOUND_TILE_DIFFERS,
	FOUND_PARTIAL_DIFFERS,
	FOUND_ROOT,
	FOUND_ENTRY_FORM,
	FOUND_ENTRY_SEQ,
	FOUND_CLOCK_BACK,
	FOUND_CLOCK_AHEAD,
	FOUND_SINCE_SIGNATURE,
	FOUND_SINCE_LARGER,
	FOUND_SINCE_ROOT,
	FOUND_KEY_NOT_ISSUED,
	FOUND_UNCLEAN_STOP,
	FOUND_NO_START,
	FINDINGS,
};

enum { EXAMPLES_MAX = 5 };
struct example {
	bool has_index;
	uint64_t index; /* of an entry */
	char path[LOGDIR_PATH_BYTES]; /* of a file; may be empty */
};
struct found {
	uint64_t count;
	struct example examples[EXAMPLES_MAX];
};

struct verify_options {
	int dir;
	struct note_key key;
	struct bytes since; /* an older checkpoint, as kept; empty: none */
	uint64_t now_ns;
	void (*progress)(void *context, uint64_t done, uint64_t size); /* may be NULL */
	void *context;
};

struct verify_result {
	struct checkpoint checkpoint; /* origin lives in the arena */
	bool has_checkpoint;
	bool whole;                   /* every entry was reached */
	uint64_t entries;             /* read */
	uint64_t since_size;
	uint64_t first_ns, last_ns;
	uint64_t boots;
	uint64_t events[LOGFMT_EVENTS];
	uint64_t keys[TALLY_WHATS];   /* issued, opened data keys; refused requests */
	struct tally by_tenant, by_gateway, by_reason;
	struct found found[FINDINGS];
	char trouble[LOGDIR_PATH_BYTES]; /* the file that could not be read, after an error */
};

/* verify_check_of: which check a finding belongs to. */
enum check verify_check_of(enum finding f);
/* verify_failures: findings of this check. */
uint64_t verify_failures(const struct verify_result *r, enum check c);
/* verify_good: everything was reached and nothing failed. */
bool verify_good(const struct verify_result *r);
/* verify_log: fills *ret (large: not for a stack), names in the arena. What is wrong with the log
 * is in the result.
 *   errors  NOMEM, IO (a file cannot be read: nothing is known) */
enum err verify_log(struct arena *a, const struct verify_options *o, struct verify_result *ret);
#endif
