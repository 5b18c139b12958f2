/*
 * The journal: segments of sealed batches, one batch for one sync (LOG-FORMAT.md 8.1). The writer
 * belongs to the worker; a reader to whoever made it. Both may be on one file: a reader is told how
 * many entries are synced and never reads past them.
 */
#ifndef REMPART_KMS_KEYLOG_JOURNAL_H
#define REMPART_KMS_KEYLOG_JOURNAL_H
#include "common/logfmt/entry.h"

enum {
	JOURNAL_SEGMENT_ENTRIES = 65536,
	JOURNAL_SEAL_BYTES = 32,
	JOURNAL_HEAD_BYTES = 16 + JOURNAL_SEAL_BYTES,
	JOURNAL_FRAME_BYTES = 20 + JOURNAL_SEAL_BYTES,
	JOURNAL_BODY_MAX = 1024 * 1024, /* bytes of one batch, without frame and seal */
	JOURNAL_BUFFER_BYTES = JOURNAL_FRAME_BYTES + JOURNAL_BODY_MAX + JOURNAL_SEAL_BYTES,
	JOURNAL_NAME_BYTES = 32,
};

/* journal_name: the file of the segment that begins at `first`, with a suffix ("" or ".tree"). */
void journal_name(char out[JOURNAL_NAME_BYTES], uint64_t first, const char *suffix);

struct journal_place { /* the end of what is whole */
	uint64_t first;  /* of the segment */
	uint64_t next;   /* index of the next entry */
	uint64_t offset; /* in the segment */
	uint8_t seal[JOURNAL_SEAL_BYTES];
};

struct journal_writer {
	int dir;
	int fd;
	bool dead;                   /* what the disk holds is unknown: nothing more is written */
	struct journal_place synced; /* durable */
	uint8_t *buffer;             /* frame, body, seal of the batch in the making */
	size_t body;                 /* bytes */
	uint32_t count;              /* entries */
};

/* journal_create: make the segment that begins at `first`, durable on return. errors: FULL, IO */
enum err journal_create(int dir, uint64_t first, struct journal_place *ret);
/* journal_write_begin: append at this place; what stands behind it in the file is cut off. dir borrowed,
 * memory from the arena. errors: NOMEM, IO */
enum err journal_write_begin(struct journal_writer *j, struct arena *a, int dir,
                             const struct journal_place *at);
void journal_write_end(struct journal_writer *j);
/* journal_dead: a write failed in a way that leaves the disk unknown; every write from now on is IO. */
bool journal_dead(const struct journal_writer *j);
/* journal_segment_full, journal_batch_full: the segment has no entry left to give (journal_roll after a sync), or the batch has no
 * room for an entry of any size (journal_sync). */
bool journal_segment_full(const struct journal_writer *j);
bool journal_batch_full(const struct journal_writer *j);
/* journal_add: encode into the batch. errors: LIMIT, INPUT; the batch is then as before */
enum err journal_add(struct journal_writer *j, const struct logfmt_entry *e);
/* journal_sync: write and fdatasync the batch; it is empty afterwards, also when it failed.
 *   errors  FULL (cut off; the place is as before), IO (dead) */
enum err journal_sync(struct journal_writer *j);
/* journal_roll: go on in the next segment; the batch is empty. errors: FULL (try again), IO (dead) */
enum err journal_roll(struct journal_writer *j);

struct journal_reader {
	int dir;
	int fd;
	struct journal_place at;
	uint8_t *buffer;
};
struct journal_batch {
	struct bytes body; /* lives until the next read */
	uint32_t count;
};
/* journal_read_begin: dir borrowed, memory from the arena; no segment is open yet. errors: NOMEM */
enum err journal_read_begin(struct journal_reader *r, struct arena *a, int dir);
/* journal_read_segment: go to the start of the segment at `first`. errors: NOTFOUND, CORRUPT (head), IO */
enum err journal_read_segment(struct journal_reader *r, uint64_t first);
/* journal_read_batch: the next one, over the end of segments.
 *   errors  NOTFOUND (no whole batch here: the end, or a torn rest), CORRUPT (seal good, entries not), IO */
enum err journal_read_batch(struct journal_reader *r, struct journal_batch *ret);
/* journal_read_check_rest: CORRUPT when a whole batch stands somewhere behind the reader's place in this
 * segment: then the place is damage and not the torn end of a crash. errors: CORRUPT, IO */
enum err journal_read_check_rest(struct journal_reader *r);
void journal_read_end(struct journal_reader *r);
/* journal_next_entry: cut the first entry off a body. errors: INPUT */
enum err journal_next_entry(struct bytes *body, struct bytes *ret);
#endif
