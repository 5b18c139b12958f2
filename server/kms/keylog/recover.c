#include "server/kms/keylog/recover.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/attr.h"
#include "common/base/log.h"
#include "server/kms/keylog/file.h"

enum { NAME_DIGITS = 20, NUMBER_BYTES = 24 };

static const char advice_restore[] =
	": the log was changed, truncated, or restored from an older backup; keep the folder, compare "
	"with an auditor's checkpoint, and begin a new log with a new origin";

struct marks {
	bool fence_there;
	bool checkpoint_there;
	struct checkpoint fence;
	struct checkpoint checkpoint;
};

struct segments { /* first entries of the oldest and the newest one */
	bool any;
	uint64_t oldest;
	uint64_t newest;
};

static const char *number_text(char out[NUMBER_BYTES], uint64_t v)
{
	struct writer w = writer_fixed(out, NUMBER_BYTES);

	write_decimal(&w, v);
	write_u8(&w, 0);
	return out;
}

static enum err corrupt(struct report *r, const char *what, const char *detail)
{
	return report_set(r, ERR_CORRUPT, (const char *[]){what, detail, advice_restore, NULL});
}

/* The text of a signed checkpoint. The signature is checked at unseal, when the key is there. */
static enum err read_mark(int dir, const char *path, const char *origin, struct checkpoint *ret,
                          struct report *report)
{
	uint8_t note[NOTE_MAX];
	size_t n = 0, at = 0;
	enum err e = file_read(dir, path, note, sizeof(note), &n);

	if (e == ERR_NOTFOUND) {
		return e;
	}
	if (e != OK) {
		return report_set(report, e, (const char *[]){"cannot read ", path, NULL});
	}
	while (at + 1 < n && !(note[at] == '\n' && note[at + 1] == '\n')) {
		at++;
	}
	struct checkpoint c;
	if (checkpoint_read(bytes_of(note, at + 1 < n ? at + 1 : 0), &c) != OK) {
		return corrupt(report, path, " is not a checkpoint");
	}
	if (!bytes_is(c.origin, origin)) {
		return report_set(report, ERR_INPUT,
		                  (const char *[]){path, " belongs to another log than ", origin,
		                                   ": check the configured origin", NULL});
	}
	*ret = c;
	ret->origin = bytes_of(NULL, 0); /* it was borrowed from the buffer here */
	return OK;
}

static enum err read_marks(const struct recover_options *o, struct marks *ret,
                           struct report *report)
{
	enum err f = read_mark(AT_FDCWD, o->fence, o->origin, &ret->fence, report);
	if (f != OK && f != ERR_NOTFOUND) {
		return f;
	}
	enum err c = read_mark(o->dir, "checkpoint", o->origin, &ret->checkpoint, report);
	if (c != OK && c != ERR_NOTFOUND) {
		return c;
	}
	ret->fence_there = f == OK;
	ret->checkpoint_there = c == OK;
	if (ret->checkpoint_there && !ret->fence_there) {
		return report_set(report, ERR_CORRUPT,
		                  (const char *[]){"the log has a checkpoint but the fence ",
		                                   o->fence, " is missing: mount its volume; if it "
		                                   "is lost, have an auditor verify the log, then "
		                                   "copy the file checkpoint there", NULL});
	}
	return OK;
}

static bool segment_exists(int dir, uint64_t first)
{
	char name[JOURNAL_NAME_BYTES];
	struct stat st;

	journal_name(name, first, "");
	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void note_segment(struct segments *s, const char *name)
{
	uint64_t first = 0;

	if (strlen(name) != NAME_DIGITS || bytes_u64(bytes_text(name), &first) != OK) {
		return;
	}
	s->oldest = !s->any || first < s->oldest ? first : s->oldest;
	s->newest = !s->any || first > s->newest ? first : s->newest;
	s->any = true;
}

static enum err list_segments(int dir, struct segments *ret, struct report *report)
{
	struct segments s = {0};
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (d == NULL) {
		file_close(&fd);
		return report_errno(report, "cannot list", "journal", errno, NULL);
	}
	for (struct dirent *entry = readdir(d); entry != NULL; entry = readdir(d)) {
		note_segment(&s, entry->d_name);
	}
	closedir(d);
	for (uint64_t at = s.oldest; s.any && at <= s.newest; at += JOURNAL_SEGMENT_ENTRIES) {
		if (at % JOURNAL_SEGMENT_ENTRIES != 0 || !segment_exists(dir, at)) {
			return corrupt(report, "a segment is missing from ", "journal");
		}
	}
	*ret = s;
	return OK;
}

/* The newest segment from which every signed size can be checked. */
static enum err find_start(const struct recover_options *o, const struct marks *m,
                           const struct segments *s, uint64_t *ret, struct report *report)
{
	uint64_t limit = m->fence_there ? m->fence.size : 0;
	char number[NUMBER_BYTES];

	if (m->checkpoint_there && m->checkpoint.size < limit) {
		limit = m->checkpoint.size;
	}
	uint64_t at = limit - limit % JOURNAL_SEGMENT_ENTRIES;
	at = at < s->newest ? at : s->newest;
	while (at > s->oldest && !replay_state_exists(o->journal_dir, at)) {
		at -= JOURNAL_SEGMENT_ENTRIES;
	}
	if (at < s->oldest || !replay_state_exists(o->journal_dir, at)) {
		number_text(number, limit);
		return corrupt(report, "the journal does not reach back to the signed size ",
		               number);
	}
	*ret = at;
	return OK;
}

static enum err failed(struct replay *r, enum err e, struct report *report)
{
	if (e == ERR_CORRUPT || e == ERR_NOTFOUND || e == ERR_INPUT) {
		return corrupt(report, r->wrong[0] == 0 ? "journal" : r->wrong,
		               " is not what was logged");
	}
	return report_set(report, e, (const char *[]){"cannot read or write the log: ",
	                                              err_name(e), NULL});
}

/* No file may speak of entries that the journal does not have. */
static bool tiles_beyond(const struct replay *r)
{
	const struct tree_tile *leaves = &r->tree.open[0];
	static const int levels[] = {0, TILES_ENTRIES};
	char full[TILES_PATH_BYTES];

	for (size_t i = 0; i < COUNT(levels); i++) {
		tiles_path(full, levels[i], leaves->number, TREE_TILE_WIDTH);
		if (tiles_exists(&r->tiles, full) ||
		    tiles_partial_max(&r->tiles, levels[i], leaves->number) > leaves->width) {
			return true;
		}
	}
	return false;
}

static enum err check_length(const struct replay *r, const struct marks *m,
                             struct report *report)
{
	char number[NUMBER_BYTES];

	if (m->fence_there && r->tree.size < m->fence.size) {
		number_text(number, m->fence.size);
		return corrupt(report, "the log is shorter than its fence, which says ", number);
	}
	if (m->checkpoint_there && r->tree.size < m->checkpoint.size) {
		number_text(number, m->checkpoint.size);
		return corrupt(report, "the log is shorter than its checkpoint, which says ",
		               number);
	}
	return tiles_beyond(r) ? corrupt(report, "the journal is shorter than ", "tile/") : OK;
}

static enum err read_journal(struct replay *r, const struct marks *m, const struct segments *s,
                             struct report *report)
{
	if (m->fence_there) {
		r->marks[r->n_marks++] = m->fence;
	}
	if (m->checkpoint_there) {
		r->marks[r->n_marks++] = m->checkpoint;
		r->required = m->checkpoint.size;
	}
	enum err e = replay_advance(r, UINT64_MAX);
	if (e != ERR_NOTFOUND || r->reader.at.first != s->newest) {
		return failed(r, e, report);
	}
	e = journal_read_check_rest(&r->reader);
	if (e != OK) {
		return failed(r, e, report);
	}
	TRY(check_length(r, m, report));
	r->n_marks = 0;
	r->required = 0;
	return OK;
}

/* Time goes on from the newest entry. */
static enum err last_time(struct arena *a, const struct replay *r, uint64_t *ret,
                          struct report *report)
{
	struct logfmt_entry last = {0};

	if (r->last_n > 0 &&
	    (logfmt_entry_read(a, bytes_of(r->last, r->last_n), &last) != OK ||
	     last.seq != r->tree.size - 1)) {
		return corrupt(report, "journal", ": its last entry is not an entry");
	}
	*ret = last.time_ns;
	return OK;
}

static enum err start_replay(struct arena *a, const struct recover_options *o, uint64_t start,
                             struct replay *r, struct report *report)
{
	char wrong[TILES_PATH_BYTES] = "";
	enum err e = replay_begin(r, a, o->dir, o->journal_dir, start);

	if (e == OK) {
		e = recover_old_tiles(a, &r->tiles, &r->base, wrong);
	}
	if (e == ERR_CORRUPT && wrong[0] != 0) {
		return corrupt(report, wrong, " is missing or changed");
	}
	return e == OK ? OK : failed(r, e, report);
}

static enum err first_segment(const struct recover_options *o, const struct marks *m,
                              struct report *report)
{
	struct journal_place unused;

	if (m->fence_there || m->checkpoint_there) {
		return corrupt(report, "the journal is missing, but a checkpoint was signed in ",
		               m->fence_there ? o->fence : "checkpoint");
	}
	enum err e = journal_create(o->journal_dir, 0, &unused);
	return e == OK ? OK
	               : report_set(report, e, (const char *[]){"cannot make the journal: ",
	                                                        err_name(e), NULL});
}

enum err recover(struct arena *a, const struct recover_options *o, struct replay *replay,
                 struct recovered *ret, struct report *ret_report)
{
	struct marks marks = {0};
	struct segments segments = {0};
	struct recovered found = {0};
	uint64_t start = 0;

	TRY(read_marks(o, &marks, ret_report));
	TRY(list_segments(o->journal_dir, &segments, ret_report));
	if (!segments.any) {
		TRY(first_segment(o, &marks, ret_report));
		segments.any = true;
	}
	TRY(find_start(o, &marks, &segments, &start, ret_report));
	TRY(start_replay(a, o, start, replay, ret_report));
	TRY(read_journal(replay, &marks, &segments, ret_report));
	TRY(last_time(a, replay, &found.time_ns, ret_report));
	enum err e = replay_publish(replay);
	if (e != OK) {
		return failed(replay, e, ret_report);
	}
	found.end = replay->reader.at;
	found.published = marks.checkpoint_there ? marks.checkpoint.size : 0;
	found.oldest = segments.oldest;
	*ret = found;
	return OK;
}
