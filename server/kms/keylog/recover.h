/*
 * Opening a log: read what the journal holds, compare it with what was signed (fence, checkpoint) and with
 * what was published (tiles), cut the torn end of a crash. Anything that does not fit is CORRUPT.
 */
#ifndef REMPART_KMS_KEYLOG_RECOVER_H
#define REMPART_KMS_KEYLOG_RECOVER_H
#include "common/base/report.h"
#include "server/kms/keylog/replay.h"

struct recover_options {
	int dir;         /* of the log; borrowed */
	int journal_dir;
	const char *fence;
	const char *origin;
};
struct recovered {
	struct journal_place end; /* where the writer goes on */
	uint64_t time_ns;         /* of the newest entry */
	uint64_t published;       /* size of the checkpoint */
	uint64_t oldest;          /* first entry of the oldest segment */
};
/* recover: *replay is then at the end of the journal.
 *   errors  CORRUPT, INPUT (the log has another origin), NOMEM, FULL, IO; the report says what and what to do */
enum err recover(struct arena *a, const struct recover_options *o, struct replay *replay,
                 struct recovered *ret, struct report *ret_report);

/* recover_old_tiles: files of the tree below `base`, which the journal no longer covers: tiles of level 1 and
 * above must hash to the state, files of level 0 and bundles must be there with the right size. (Their content is the
 * auditor's check: it takes as long as the log is.)  errors: CORRUPT (*ret_wrong), NOMEM, IO */
enum err recover_old_tiles(struct arena *a, const struct tiles *t, const struct tree *base,
                           char ret_wrong[TILES_PATH_BYTES]);
#endif
