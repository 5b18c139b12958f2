/*
 * The files of the published tree. A file under its final name is whole, synced and never changes:
 * it is written into tmp/, and a flush syncs all that wait, renames them, and syncs their folders.
 * Thread: one at a time.
 */
#ifndef REMPART_KMS_KEYLOG_TILES_H
#define REMPART_KMS_KEYLOG_TILES_H
#include "common/logfmt/tree.h"

enum { TILES_PENDING_MAX = 64, TILES_PATH_BYTES = 96 };

struct tiles {
	int dir;  /* of the log; borrowed */
	size_t n; /* waiting */
	struct {
		int fd;
		char path[TILES_PATH_BYTES];
	} waiting[TILES_PENDING_MAX];
};

/* tiles_path: the path of a file of the tree; level TILES_ENTRIES for bundles. */
void tiles_path(char out[TILES_PATH_BYTES], int level, uint64_t number, uint32_t width);
enum { TILES_ENTRIES = -1 }; /* the level of entry bundles */

/* tiles_begin: remove what a crash left in tmp/. errors: FULL, IO */
enum err tiles_begin(struct tiles *t, int dir);
/* tiles_put: have this content under this path after the next flush (a full queue is flushed here).
 * Already there and the same: nothing to do.  errors: CORRUPT (other content is there), FULL, IO */
enum err tiles_put(struct tiles *t, const char *path, struct bytes content);
/* tiles_flush: what was put is durable and visible on return; partial files of tiles that are now
 * full are removed. errors: FULL, IO; what waited is then forgotten */
enum err tiles_flush(struct tiles *t);
void tiles_forget(struct tiles *t);
/* tiles_partial_max: the widest partial file of this tile; 0 when there is none. */
uint32_t tiles_partial_max(const struct tiles *t, int level, uint64_t number);
bool tiles_exists(const struct tiles *t, const char *path);
#endif
