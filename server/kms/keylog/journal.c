/*
 * Writing the journal. One write and one fdatasync for a batch. The file is the place of record,
 * so before each write the writer makes sure that it still has its name: an unlinked or replaced
 * file takes bytes as willingly as a good one.
 */
#include "server/kms/keylog/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/attr.h"
#include "common/crypto/hash.h"
#include "server/kms/keylog/file.h"
#include "server/kms/keylog/journal_frame.h"

enum {
	FILE_MODE = 0600,
	ENTRY_LENGTH_BYTES = 2,
	NAME_DIGITS = 20,
};

static const char new_name[] = "new"; /* a segment in the making */

void journal_name(char out[JOURNAL_NAME_BYTES], uint64_t first, const char *suffix)
{
	struct writer w = writer_fixed(out, JOURNAL_NAME_BYTES);

	write_padded(&w, first, NAME_DIGITS);
	write_text(&w, suffix);
	write_u8(&w, 0);
}

enum err journal_head(uint64_t first, uint8_t out[JOURNAL_HEAD_BYTES])
{
	struct writer w = writer_fixed(out, JOURNAL_HEAD_BYTES);

	write_text(&w, "RPKJ");
	write_u32(&w, JOURNAL_VERSION);
	write_u64(&w, first);
	return hash_sha256(writer_bytes(&w), out + JOURNAL_HEAD_BYTES - JOURNAL_SEAL_BYTES);
}

static enum err write_head(int dir, uint64_t first, struct journal_place *ret)
{
	AUTO(file_close) int fd =
		openat(dir, new_name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
	               FILE_MODE);
	struct journal_place at = {.first = first, .next = first, .offset = JOURNAL_HEAD_BYTES};
	uint8_t head[JOURNAL_HEAD_BYTES];

	if (fd < 0) {
		return file_error(errno);
	}
	TRY(journal_head(first, head));
	TRY(file_write_at(fd, bytes_of(head, sizeof(head)), 0));
	if (fsync(fd) != 0) {
		return file_error(errno);
	}
	memcpy(at.seal, head + sizeof(head) - sizeof(at.seal), sizeof(at.seal));
	*ret = at;
	return OK;
}

enum err journal_create(int dir, uint64_t first, struct journal_place *ret)
{
	char name[JOURNAL_NAME_BYTES];

	journal_name(name, first, "");
	TRY(write_head(dir, first, ret));
	if (renameat2(dir, new_name, dir, name, RENAME_NOREPLACE) != 0) {
		return file_error(errno);
	}
	return file_sync_parent(dir, name);
}

static enum err open_segment(struct journal_writer *j, const struct journal_place *at)
{
	char name[JOURNAL_NAME_BYTES];

	journal_name(name, at->first, "");
	j->fd = openat(j->dir, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (j->fd < 0) {
		return ERR_IO;
	}
	j->synced = *at;
	return OK;
}

enum err journal_write_begin(struct journal_writer *j, struct arena *a, int dir,
                             const struct journal_place *at)
{
	*j = (struct journal_writer){.dir = dir, .fd = -1};
	j->buffer = arena_alloc(a, JOURNAL_BUFFER_BYTES);
	if (j->buffer == NULL) {
		return ERR_NOMEM;
	}
	TRY(open_segment(j, at));
	if (ftruncate(j->fd, (off_t)at->offset) != 0 || fsync(j->fd) != 0) {
		return ERR_IO;
	}
	return OK;
}

void journal_write_end(struct journal_writer *j)
{
	file_close(&j->fd);
}

bool journal_dead(const struct journal_writer *j)
{
	return j->dead;
}

bool journal_segment_full(const struct journal_writer *j)
{
	return j->synced.next + j->count == j->synced.first + JOURNAL_SEGMENT_ENTRIES;
}

bool journal_batch_full(const struct journal_writer *j)
{
	return JOURNAL_BODY_MAX - j->body < ENTRY_LENGTH_BYTES + LOGFMT_ENTRY_MAX;
}

enum err journal_add(struct journal_writer *j, const struct logfmt_entry *e)
{
	uint8_t *at = j->buffer + JOURNAL_FRAME_BYTES + j->body;
	struct writer length = writer_fixed(at, ENTRY_LENGTH_BYTES);
	struct writer entry = writer_fixed(at + ENTRY_LENGTH_BYTES,
	                                   JOURNAL_BODY_MAX - j->body - ENTRY_LENGTH_BYTES);

	TRY(logfmt_entry_write(e, &entry));
	write_u16(&length, (uint16_t)entry.used);
	j->body += ENTRY_LENGTH_BYTES + entry.used;
	j->count++;
	return OK;
}

/* Is the open file still the one that its name leads to, and as long as it should be? */
static bool still_there(const struct journal_writer *j)
{
	char name[JOURNAL_NAME_BYTES];
	struct stat open_file, named;

	journal_name(name, j->synced.first, "");
	return fstat(j->fd, &open_file) == 0 &&
	       fstatat(j->dir, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       open_file.st_nlink > 0 && open_file.st_ino == named.st_ino &&
	       open_file.st_dev == named.st_dev &&
	       (uint64_t)open_file.st_size == j->synced.offset;
}

/* Frame in front of the body, seal behind it. */
static enum err close_batch(struct journal_writer *j, struct bytes *ret)
{
	struct writer w = writer_fixed(j->buffer, JOURNAL_FRAME_BYTES);
	size_t n = JOURNAL_FRAME_BYTES + j->body;

	write_bytes(&w, bytes_of(journal_magic, sizeof(journal_magic)));
	write_u32(&w, (uint32_t)j->body);
	write_u64(&w, j->synced.next);
	write_u32(&w, j->count);
	write_bytes(&w, bytes_of(j->synced.seal, sizeof(j->synced.seal)));
	TRY(hash_sha256(bytes_of(j->buffer, n), j->buffer + n));
	*ret = bytes_of(j->buffer, n + JOURNAL_SEAL_BYTES);
	return OK;
}

static enum err write_batch(struct journal_writer *j, uint32_t count)
{
	struct bytes batch;

	if (!still_there(j)) {
		return ERR_IO;
	}
	TRY(close_batch(j, &batch));
	TRY(file_write_at(j->fd, batch, j->synced.offset));
	if (fdatasync(j->fd) != 0) { /* also for a full disk: the kernel may have dropped the pages */
		return ERR_IO;
	}
	j->synced.offset += batch.n;
	j->synced.next += count;
	memcpy(j->synced.seal, batch.p + batch.n - JOURNAL_SEAL_BYTES, JOURNAL_SEAL_BYTES);
	return OK;
}

enum err journal_sync(struct journal_writer *j)
{
	if (j->dead) {
		return ERR_IO;
	}
	enum err e = j->count == 0 ? OK : write_batch(j, j->count);
	j->body = 0;
	j->count = 0;
	if (e == ERR_FULL && ftruncate(j->fd, (off_t)j->synced.offset) == 0) {
		return ERR_FULL;
	}
	j->dead = e != OK;
	return e == OK ? OK : ERR_IO;
}

enum err journal_roll(struct journal_writer *j)
{
	struct journal_place at;

	if (j->dead) {
		return ERR_IO;
	}
	enum err e = journal_create(j->dir, j->synced.next, &at);
	if (e == ERR_FULL) {
		return ERR_FULL;
	}
	if (e == OK) {
		file_close(&j->fd);
		e = open_segment(j, &at);
	}
	j->dead = e != OK;
	return e == OK ? OK : ERR_IO;
}
