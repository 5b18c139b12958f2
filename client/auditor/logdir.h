/* The files of a published log, on disk. Nothing in them is trusted. */
#ifndef REMPART_AUDITOR_LOGDIR_H
#define REMPART_AUDITOR_LOGDIR_H
#include "common/base/report.h"
#include "common/logfmt/entry.h"
#include "common/logfmt/tree.h"

enum {
	LOGDIR_ENTRIES = -1, /* the level of entry bundles */
	LOGDIR_PATH_BYTES = 96,
	LOGDIR_BUNDLE_BYTES = TREE_TILE_WIDTH * (2 + LOGFMT_ENTRY_MAX),
	LOGDIR_TILE_BYTES = TREE_TILE_WIDTH * TREE_HASH_BYTES,
};

void logdir_path(char out[LOGDIR_PATH_BYTES], int level, uint64_t number, uint32_t width);
/* logdir_read: a whole file of at most max bytes. errors: NOTFOUND, LIMIT (larger), IO */
enum err logdir_read(int dir, const char *path, uint8_t *out, size_t max, size_t *ret_n);
/* logdir_widths: which partial files this tile has: bit w - 1 of the map for width w. */
struct logdir_widths {
	uint64_t bits[4];
};
void logdir_widths(int dir, int level, uint64_t number, struct logdir_widths *ret);
bool logdir_has_width(const struct logdir_widths *w, uint32_t width);

/* A bundle cut into its entries. */
struct bundle {
	uint8_t *bytes; /* LOGDIR_BUNDLE_BYTES */
	size_t n;
	uint32_t count;
	struct bytes entries[TREE_TILE_WIDTH];
};
/* bundle_new: free with free(). NULL on no memory. */
struct bundle *bundle_new(void);
/* bundle_read: errors NOTFOUND, CORRUPT (lengths do not fit, more than 256 entries), LIMIT, IO */
enum err bundle_read(struct bundle *b, int dir, uint64_t number, uint32_t width);

/* open_log: a folder. errors: NOTFOUND, IO */
enum err logdir_open(const char *path, int *ret, struct report *report);
void logdir_close(int *fd); /* for AUTO; -1 is nothing */
#endif
