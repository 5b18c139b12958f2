/*
 * The key log as the KMS sees it. The worker's path is: encode into the batch, one write, one
 * fdatasync. Hashing, tiles and signatures are the publisher's.
 */
#include "server/kms/keylog/keylog.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/attr.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/crypto/sign.h"
#include "server/kms/keylog/file.h"
#include "server/kms/keylog/publisher.h"
#include "server/kms/keylog/recover.h"

enum {
	MEMORY_MAX_BYTES = 16 * 1024 * 1024, /* buffers of journal, publisher and recovery */
	DIR_MODE = 0755,
	JOURNAL_DIR_MODE = 0700,
	FILE_MODE = 0600,
	PUBLISH_MS_DEFAULT = 1000,
	AGENT_MAX_BYTES = 256,
	RESERVE_DEFAULT_BYTES = 1024 * 1024,
	VKEY_BYTES = NOTE_NAME_MAX + 64,
};

static const char reserve_name[] = "reserve";

struct keylog {
	struct arena *memory; /* holds this struct too */
	int dir;
	int journal_dir;
	int lock;
	const char *fence;
	const char *origin;
	struct journal_writer journal;
	struct replay *replay;
	struct publisher *publisher;
	uint8_t boot[16];
	uint64_t time_ns; /* of the newest entry */
	enum err lost;    /* a sync inside an append failed: the next keylog_sync says so */
};

static enum err open_dirs(struct keylog *k, const char *dir, struct report *report)
{
	if (mkdir(dir, DIR_MODE) != 0 && errno != EEXIST) {
		return report_errno(report, "cannot make", dir, errno, "make its parent folder");
	}
	k->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (k->dir < 0) {
		return report_errno(report, "cannot open", dir, errno, NULL);
	}
	if (mkdirat(k->dir, "journal", JOURNAL_DIR_MODE) != 0 && errno != EEXIST) {
		return report_errno(report, "cannot make the folder journal in", dir, errno, NULL);
	}
	k->journal_dir = openat(k->dir, "journal", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (k->journal_dir < 0) {
		return report_errno(report, "cannot open the folder journal in", dir, errno, NULL);
	}
	k->lock = openat(k->dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
	if (k->lock < 0 || flock(k->lock, LOCK_EX | LOCK_NB) != 0) {
		return report_errno(report, "cannot lock", dir, errno,
		                    "another rempart-kms has it open");
	}
	return fsync(k->dir) == 0 ? OK : report_errno(report, "cannot sync", dir, errno, NULL);
}

/* Space that is given up at the first full disk, so that the refusal and the stop can be logged. */
static enum err make_reserve(struct keylog *k, uint64_t bytes, struct report *report)
{
	AUTO(file_close) int fd =
		openat(k->journal_dir, reserve_name,
	               O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
	int wrong = fd < 0 ? errno : posix_fallocate(fd, 0, (off_t)bytes);

	if (wrong == 0) {
		return OK;
	}
	unlinkat(k->journal_dir, reserve_name, 0);
	return report_errno(report, "cannot reserve space in the folder", "journal", wrong,
	                    "free space on the volume of the log");
}

static enum err start(struct keylog *k, const struct keylog_options *o, struct report *report)
{
	const struct recover_options ro = {
		.dir = k->dir, .journal_dir = k->journal_dir, .fence = k->fence, .origin = k->origin,
	};
	struct recovered found;

	TRY(recover(k->memory, &ro, k->replay, &found, report));
	TRY(make_reserve(k, o->reserve_bytes == 0 ? RESERVE_DEFAULT_BYTES : o->reserve_bytes,
	                 report));
	enum err e = journal_write_begin(&k->journal, k->memory, k->journal_dir, &found.end);
	if (e == OK) {
		const struct publisher_options po = {
			.dir = k->dir,
			.fence = k->fence,
			.origin = k->origin,
			.publish_ms = o->publish_ms == 0 ? PUBLISH_MS_DEFAULT : o->publish_ms,
			.published = found.published,
			.oldest = found.oldest,
		};
		e = publisher_start(k->memory, &po, k->replay, &k->publisher);
	}
	if (e != OK) {
		return report_set(report, e, (const char *[]){"cannot start the key log: ",
		                                              err_name(e), NULL});
	}
	k->time_ns = found.time_ns;
	random_bytes(k->boot, sizeof(k->boot));
	return OK;
}

static void let_go(struct keylog *k)
{
	journal_write_end(&k->journal);
	replay_end(k->replay);
	file_close(&k->journal_dir);
	file_close(&k->lock);
	file_close(&k->dir);
	arena_free(k->memory);
}

static enum err new_keylog(const struct keylog_options *o, struct keylog **ret)
{
	struct arena *memory = arena_new(MEMORY_MAX_BYTES);
	struct keylog *k = memory == NULL ? NULL : arena_alloc(memory, sizeof(*k));

	if (k != NULL) {
		*k = (struct keylog){.memory = memory, .dir = -1, .journal_dir = -1, .lock = -1};
		k->journal.fd = -1;
		k->replay = arena_alloc(memory, sizeof(*k->replay));
		k->fence = arena_text(memory, bytes_text(o->fence));
		k->origin = arena_text(memory, bytes_text(o->origin));
	}
	if (k == NULL || k->replay == NULL || k->fence == NULL || k->origin == NULL) {
		arena_free(memory);
		return ERR_NOMEM;
	}
	k->replay->reader.fd = -1;
	*ret = k;
	return OK;
}

enum err keylog_open(const struct keylog_options *options, struct keylog **ret,
                     struct report *ret_report)
{
	struct keylog *k = NULL;
	size_t origin_n = bytes_text(options->origin).n;

	if (origin_n == 0 || origin_n > NOTE_NAME_MAX) {
		return report_set(ret_report, ERR_INPUT,
		                  (const char *[]){"the origin of the log is empty or too long",
		                                   NULL});
	}
	if (new_keylog(options, &k) != OK) {
		return report_set(ret_report, ERR_NOMEM, (const char *[]){"no memory", NULL});
	}
	enum err e = open_dirs(k, options->dir, ret_report);
	if (e == OK) {
		e = start(k, options, ret_report);
	}
	if (e != OK) {
		let_go(k);
		return e;
	}
	*ret = k;
	return OK;
}

/* What is on disk must have been signed by the key that is going to sign. */
static enum err check_signed(int dir, const char *path, const struct note_key *key)
{
	uint8_t note[NOTE_MAX];
	struct bytes text;
	size_t n = 0;
	enum err e = file_read(dir, path, note, sizeof(note), &n);

	if (e == ERR_NOTFOUND) {
		return OK;
	}
	TRY(e);
	e = note_verify(bytes_of(note, n), key, &text);
	if (e != OK) {
		LOG(LOG_ERROR, "keylog.signer", LOG_STR("file", path), LOG_ERR(e),
		    LOG_STR("do", "signed by another key than the one now given: wrong key store, or a "
		                  "forged file"));
		return ERR_AUTH;
	}
	return OK;
}

enum err keylog_check_signer(const struct keylog *k, const struct secret *seed)
{
	uint8_t public_key[SIGN_PUBLIC_BYTES], text[VKEY_BYTES];
	struct writer w = writer_fixed(text, sizeof(text));
	struct note_key key;

	TRY(sign_public(seed, public_key));
	note_key_write(&w, bytes_text(k->origin), public_key);
	TRY(note_key_read(writer_bytes(&w), &key));
	TRY(check_signed(AT_FDCWD, k->fence, &key));
	return check_signed(k->dir, "checkpoint", &key);
}

enum err keylog_signer(struct keylog *k, const struct secret *seed)
{
	if (seed == NULL) {
		publisher_flush(k->publisher); /* the entries up to the seal get their checkpoint */
		return publisher_signer(k->publisher, NULL);
	}
	TRY(keylog_check_signer(k, seed));
	return publisher_signer(k->publisher, seed);
}

static void report_sync(struct keylog *k, enum err e)
{
	if (e == ERR_FULL) {
		bool freed = unlinkat(k->journal_dir, reserve_name, 0) == 0;
		LOG(LOG_ERROR, "keylog.full", LOG_STR("reserve", freed ? "given up" : "used up"),
		    LOG_STR("do", "free space on the volume of the log; key operations are refused"));
		return;
	}
	LOG(LOG_ERROR, "keylog.sync", LOG_ERR(e), LOG_STR("folder", "journal"),
	    LOG_STR("do", "the journal could not be written or is no longer the file that was opened; "
	                  "key operations stop until the service is restarted"));
}

/* Room for one more entry: a full batch is synced, a full segment is followed by a new one. */
static enum err make_room(struct keylog *k)
{
	if (journal_segment_full(&k->journal) || journal_batch_full(&k->journal)) {
		enum err e = keylog_sync(k);
		if (e != OK) {
			k->lost = e;
			return e;
		}
	}
	if (!journal_segment_full(&k->journal)) {
		return OK;
	}
	enum err e = journal_roll(&k->journal);
	if (e != OK) {
		report_sync(k, e);
	}
	return e;
}

static struct bytes cut_agent(struct bytes agent)
{
	size_t n = agent.n < AGENT_MAX_BYTES ? agent.n : AGENT_MAX_BYTES;

	/* not inside a UTF-8 sequence: its other bytes begin with the bits 10 */
	while (n > 0 && n < agent.n && (agent.p[n] & 0xc0) == 0x80) {
		n--;
	}
	return bytes_first(agent, n);
}

enum err keylog_append(struct keylog *k, struct logfmt_entry *entry)
{
	uint64_t now = clock_real_ns();

	if (k->lost != OK) {
		return k->lost;
	}
	if (publisher_failed(k->publisher) || journal_dead(&k->journal)) {
		return ERR_IO;
	}
	TRY(make_room(k));
	entry->seq = keylog_size(k);
	entry->time_ns = now > k->time_ns ? now : k->time_ns;
	memcpy(entry->boot, k->boot, sizeof(entry->boot));
	entry->agent = cut_agent(entry->agent);
	TRY(journal_add(&k->journal, entry));
	k->time_ns = entry->time_ns;
	return OK;
}

enum err keylog_sync(struct keylog *k)
{
	enum err e = k->lost;

	if (e != OK) {
		k->lost = OK;
		return e;
	}
	if (publisher_failed(k->publisher)) {
		return ERR_IO;
	}
	bool any = k->journal.count > 0, dead = journal_dead(&k->journal);
	e = journal_sync(&k->journal);
	if (e != OK) {
		if (!dead) {
			report_sync(k, e);
		}
		return e;
	}
	if (any) {
		publisher_synced(k->publisher, k->journal.synced.next);
	}
	return OK;
}

uint64_t keylog_size(const struct keylog *k)
{
	return k->journal.synced.next + k->journal.count;
}

uint64_t keylog_published(const struct keylog *k)
{
	return publisher_published(k->publisher);
}

void keylog_close(struct keylog *k)
{
	if (k == NULL) {
		return;
	}
	enum err e = keylog_sync(k);
	if (e != OK) {
		LOG(LOG_ERROR, "keylog.close", LOG_ERR(e),
		    LOG_STR("do", "entries since the last sync were not answered and are lost"));
	}
	publisher_stop(k->publisher);
	let_go(k);
}
