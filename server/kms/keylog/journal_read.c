/*
 * Reading the journal: recovery at start, and the publisher behind the worker. Nothing here trusts
 * a length before the seal over it was checked, beyond what bounds the buffer.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/base/attr.h"
#include "common/crypto/hash.h"
#include "server/kms/keylog/file.h"
#include "server/kms/keylog/journal_frame.h"

struct frame {
	uint32_t body;
	uint64_t first;
	uint32_t count;
	uint8_t before[JOURNAL_SEAL_BYTES]; /* the seal of the batch in front */
};

enum err journal_read_begin(struct journal_reader *r, struct arena *a, int dir)
{
	*r = (struct journal_reader){.dir = dir, .fd = -1};
	r->buffer = arena_alloc(a, JOURNAL_BUFFER_BYTES);
	return r->buffer == NULL ? ERR_NOMEM : OK;
}

void journal_read_end(struct journal_reader *r)
{
	file_close(&r->fd);
}

enum err journal_read_segment(struct journal_reader *r, uint64_t first)
{
	uint8_t want[JOURNAL_HEAD_BYTES], head[JOURNAL_HEAD_BYTES];
	char name[JOURNAL_NAME_BYTES];
	size_t n = 0;

	journal_name(name, first, "");
	AUTO(file_close) int fd = openat(r->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) {
		return err_from_errno(errno);
	}
	TRY(journal_head(first, want));
	TRY(file_read_at(fd, head, sizeof(head), 0, &n));
	if (n != sizeof(head) || memcmp(head, want, sizeof(head)) != 0) {
		return ERR_CORRUPT;
	}
	file_close(&r->fd);
	r->fd = fd;
	fd = -1;
	r->at = (struct journal_place){.first = first, .next = first, .offset = sizeof(head)};
	memcpy(r->at.seal, head + sizeof(head) - sizeof(r->at.seal), sizeof(r->at.seal));
	return OK;
}

/* false: this cannot be the frame of a batch. */
static bool read_frame(struct bytes b, struct frame *ret)
{
	struct reader r = reader_of(b);
	struct bytes magic = read_bytes(&r, sizeof(journal_magic));

	ret->body = read_u32(&r);
	ret->first = read_u64(&r);
	ret->count = read_u32(&r);
	read_into(&r, ret->before, sizeof(ret->before));
	return !r.bad && memcmp(magic.p, journal_magic, sizeof(journal_magic)) == 0 &&
	       ret->body > 0 && ret->body <= JOURNAL_BODY_MAX && ret->count > 0 &&
	       ret->count <= JOURNAL_SEGMENT_ENTRIES;
}

/* Is there a whole batch at this offset, whatever stands in front of it? OK, NOTFOUND, IO */
static enum err try_batch(struct journal_reader *r, uint64_t offset, struct frame *ret,
                          uint8_t ret_seal[JOURNAL_SEAL_BYTES])
{
	size_t n = 0;

	TRY(file_read_at(r->fd, r->buffer, JOURNAL_FRAME_BYTES, offset, &n));
	if (!read_frame(bytes_of(r->buffer, n), ret)) {
		return ERR_NOTFOUND;
	}
	size_t sealed = JOURNAL_FRAME_BYTES + ret->body;
	TRY(file_read_at(r->fd, r->buffer, sealed + JOURNAL_SEAL_BYTES, offset, &n));
	if (n != sealed + JOURNAL_SEAL_BYTES) {
		return ERR_NOTFOUND;
	}
	TRY(hash_sha256(bytes_of(r->buffer, sealed), ret_seal));
	return memcmp(ret_seal, r->buffer + sealed, JOURNAL_SEAL_BYTES) == 0 ? OK : ERR_NOTFOUND;
}

enum err journal_next_entry(struct bytes *body, struct bytes *ret)
{
	struct reader r = reader_of(*body);
	struct bytes entry = read_lv16(&r, LOGFMT_ENTRY_MAX);

	if (r.bad || entry.n == 0) {
		return ERR_INPUT;
	}
	*ret = entry;
	*body = bytes_of(r.p, r.left);
	return OK;
}

static bool holds(struct bytes body, uint32_t count)
{
	struct bytes entry;

	for (uint32_t i = 0; i < count; i++) {
		if (journal_next_entry(&body, &entry) != OK) {
			return false;
		}
	}
	return body.n == 0;
}

enum err journal_read_batch(struct journal_reader *r, struct journal_batch *ret)
{
	uint64_t end = r->at.first + JOURNAL_SEGMENT_ENTRIES;
	uint8_t seal[JOURNAL_SEAL_BYTES];
	struct frame f;

	if (r->at.next == end) {
		TRY(journal_read_segment(r, end));
		end += JOURNAL_SEGMENT_ENTRIES;
	}
	TRY(try_batch(r, r->at.offset, &f, seal));
	struct bytes body = bytes_of(r->buffer + JOURNAL_FRAME_BYTES, f.body);
	if (memcmp(f.before, r->at.seal, sizeof(f.before)) != 0 || f.first != r->at.next ||
	    f.count > end - f.first || !holds(body, f.count)) {
		return ERR_CORRUPT;
	}
	r->at.next += f.count;
	r->at.offset += JOURNAL_FRAME_BYTES + f.body + JOURNAL_SEAL_BYTES;
	memcpy(r->at.seal, seal, sizeof(seal));
	*ret = (struct journal_batch){.body = body, .count = f.count};
	return OK;
}

static enum err check_later(struct journal_reader *r, uint64_t offset)
{
	uint8_t seal[JOURNAL_SEAL_BYTES];
	struct frame f;
	enum err e = try_batch(r, offset, &f, seal);

	if (e == OK && f.first > r->at.next) {
		return ERR_CORRUPT;
	}
	return e == ERR_NOTFOUND ? OK : e;
}

enum err journal_read_check_rest(struct journal_reader *r)
{
	uint8_t part[4096];
	uint64_t at = r->at.offset + 1;
	size_t n = 0;

	for (;;) {
		TRY(file_read_at(r->fd, part, sizeof(part), at, &n));
		size_t i = 0;
		while (i + sizeof(journal_magic) <= n) {
			if (memcmp(part + i, journal_magic, sizeof(journal_magic)) == 0) {
				TRY(check_later(r, at + i));
			}
			i++;
		}
		if (n < sizeof(part)) {
			return OK;
		}
		at += i; /* the last three bytes are looked at again with what follows */
	}
}
