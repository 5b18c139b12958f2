#include "server/kms/keylog/publisher.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "common/base/log.h"
#include "server/kms/keylog/file.h"

enum { MS_PER_S = 1000, NS_PER_MS = 1000000, NS_PER_S = 1000000000 };

struct publisher {
	struct publisher_options options;
	struct replay *replay; /* the thread's own */
	bool rewind;           /* the last round failed in the middle */
	uint64_t oldest;       /* first entry of the oldest segment kept */
	pthread_t thread;
	atomic_uint_fast64_t published;
	atomic_bool failed;

	pthread_mutex_t lock; /* for all below */
	pthread_cond_t work;  /* something to do */
	pthread_cond_t done;  /* a round ended */
	uint64_t synced;
	uint64_t seen;        /* synced entries that the last round took in */
	uint64_t asked;       /* flushes asked for, and done */
	uint64_t answered;
	bool waiting;         /* the thread waits for work without a time */
	bool stop;
	struct secret *seed;
};

/* The signed checkpoint of the present tree. NOTFOUND: there is no signer. */
static enum err make_checkpoint(struct publisher *p, struct writer *note)
{
	struct checkpoint c = {
		.origin = bytes_text(p->options.origin),
		.size = p->replay->tree.size,
	};
	uint8_t text[NOTE_NAME_MAX + 128];
	struct writer w = writer_fixed(text, sizeof(text));
	enum err e = ERR_NOTFOUND;

	TRY(tree_root(&p->replay->tree, c.root));
	checkpoint_write(&w, &c);
	TRY(writer_end(&w));
	pthread_mutex_lock(&p->lock);
	if (p->seed != NULL) {
		e = note_sign(note, writer_bytes(&w), c.origin, p->seed);
	}
	pthread_mutex_unlock(&p->lock);
	return e;
}

/* The fence first: whoever restores a backup of the log meets what was signed later. */
static enum err publish_checkpoint(struct publisher *p)
{
	uint8_t note[2 * NOTE_NAME_MAX + 512];
	struct writer w = writer_fixed(note, sizeof(note));
	uint64_t size = p->replay->tree.size;

	if (size == atomic_load(&p->published)) {
		return OK;
	}
	enum err e = make_checkpoint(p, &w);
	if (e != OK) {
		return e == ERR_NOTFOUND ? OK : e;
	}
	TRY(file_replace(AT_FDCWD, p->options.fence, writer_bytes(&w)));
	TRY(file_replace(p->options.dir, "checkpoint", writer_bytes(&w)));
	atomic_store(&p->published, size);
	return OK;
}

/* Segments that a published checkpoint covers, as long as the one behind has entries. */
static void remove_segments(struct publisher *p)
{
	int dir = p->replay->journal_dir;
	char name[JOURNAL_NAME_BYTES];

	while (p->oldest + JOURNAL_SEGMENT_ENTRIES <= atomic_load(&p->published) &&
	       p->oldest + JOURNAL_SEGMENT_ENTRIES <= p->replay->base.size) {
		journal_name(name, p->oldest, "");
		if (unlinkat(dir, name, 0) != 0) {
			return; /* tried again in the next round */
		}
		journal_name(name, p->oldest, ".tree");
		unlinkat(dir, name, 0);
		p->oldest += JOURNAL_SEGMENT_ENTRIES;
	}
}

static enum err run_round(struct publisher *p, uint64_t size)
{
	if (p->rewind) {
		TRY(replay_rewind(p->replay));
	}
	p->rewind = true;
	TRY(replay_advance(p->replay, size));
	TRY(replay_publish(p->replay));
	p->rewind = false;
	TRY(publish_checkpoint(p));
	remove_segments(p);
	return OK;
}

static void report_failure(struct publisher *p, enum err e)
{
	/* The journal ends before what was synced: as bad as changed bytes. */
	if (e == ERR_CORRUPT || e == ERR_NOTFOUND || e == ERR_INPUT) {
		atomic_store(&p->failed, true);
		LOG(LOG_ERROR, "keylog.changed", LOG_STR("file", p->replay->wrong), LOG_ERR(e),
		    LOG_STR("do", "the log changed under the service: keep the folder, stop, "
		                  "run rempart-audit verify on a copy"));
		return;
	}
	LOG(LOG_ERROR, "keylog.publish", LOG_ERR(e),
	    LOG_STR("do", "free space in the folders of the log and of the fence; entries stay "
	                  "durable, publishing is tried again"));
}

static struct timespec after_ms(uint32_t ms)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += ms / MS_PER_S;
	t.tv_nsec += (long)(ms % MS_PER_S) * NS_PER_MS;
	if (t.tv_nsec >= NS_PER_S) {
		t.tv_sec++;
		t.tv_nsec -= NS_PER_S;
	}
	return t;
}

static bool urgent(const struct publisher *p)
{
	return p->stop || p->asked > p->answered;
}

static bool has_work(const struct publisher *p)
{
	return urgent(p) || p->synced > p->seen ||
	       (p->seed != NULL && p->seen > atomic_load(&p->published));
}

/* Wait for work, then until the round is due; with the lock. */
static void wait_for_round(struct publisher *p, const struct timespec *due)
{
	while (!has_work(p)) {
		p->waiting = true;
		pthread_cond_wait(&p->work, &p->lock);
		p->waiting = false;
	}
	while (!urgent(p) && pthread_cond_timedwait(&p->work, &p->lock, due) == 0) {
	}
}

static void *run(void *arg)
{
	struct publisher *p = arg;
	struct timespec due = after_ms(0);
	bool last = false;

	pthread_mutex_lock(&p->lock);
	while (!last && !atomic_load(&p->failed)) {
		wait_for_round(p, &due);
		uint64_t size = p->synced, asked = p->asked;
		last = p->stop;
		pthread_mutex_unlock(&p->lock);
		enum err e = run_round(p, size);
		if (e != OK) {
			report_failure(p, e);
		}
		due = after_ms(p->options.publish_ms);
		pthread_mutex_lock(&p->lock);
		p->seen = e == OK ? size : p->seen;
		p->answered = asked;
		pthread_cond_broadcast(&p->done);
	}
	p->stop = true; /* nobody waits for a thread that ended */
	pthread_cond_broadcast(&p->done);
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static bool init_locks(struct publisher *p)
{
	pthread_condattr_t monotonic;

	if (pthread_condattr_init(&monotonic) != 0) {
		return false;
	}
	bool ok = pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0 &&
	          pthread_mutex_init(&p->lock, NULL) == 0 &&
	          pthread_cond_init(&p->work, &monotonic) == 0 &&
	          pthread_cond_init(&p->done, NULL) == 0;
	pthread_condattr_destroy(&monotonic);
	return ok;
}

enum err publisher_start(struct arena *a, const struct publisher_options *options,
                         struct replay *replay, struct publisher **ret)
{
	struct publisher *p = arena_alloc(a, sizeof(*p));

	if (p == NULL) {
		return ERR_NOMEM;
	}
	p->options = *options;
	p->replay = replay;
	p->oldest = options->oldest;
	p->synced = replay->tree.size;
	p->seen = replay->tree.size;
	atomic_init(&p->published, options->published);
	atomic_init(&p->failed, false);
	if (!init_locks(p) || pthread_create(&p->thread, NULL, run, p) != 0) {
		return ERR_IO;
	}
	*ret = p;
	return OK;
}

void publisher_synced(struct publisher *p, uint64_t size)
{
	pthread_mutex_lock(&p->lock);
	bool waiting = p->waiting;
	p->synced = size;
	pthread_mutex_unlock(&p->lock);
	if (waiting) {
		pthread_cond_signal(&p->work);
	}
}

enum err publisher_signer(struct publisher *p, const struct secret *seed)
{
	struct secret *copy = seed == NULL ? NULL : secret_copy(seed);

	if (seed != NULL && copy == NULL) {
		return ERR_NOMEM;
	}
	pthread_mutex_lock(&p->lock);
	struct secret *old = p->seed;
	p->seed = copy;
	pthread_cond_signal(&p->work);
	pthread_mutex_unlock(&p->lock);
	secret_free(old);
	return OK;
}

void publisher_flush(struct publisher *p)
{
	pthread_mutex_lock(&p->lock);
	uint64_t ticket = ++p->asked;
	pthread_cond_signal(&p->work);
	while (p->answered < ticket && !p->stop) {
		pthread_cond_wait(&p->done, &p->lock);
	}
	pthread_mutex_unlock(&p->lock);
}

uint64_t publisher_published(const struct publisher *p)
{
	return atomic_load(&p->published);
}

bool publisher_failed(const struct publisher *p)
{
	return atomic_load(&p->failed);
}

void publisher_stop(struct publisher *p)
{
	if (p == NULL) {
		return;
	}
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_signal(&p->work);
	pthread_mutex_unlock(&p->lock);
	pthread_join(p->thread, NULL);
	p->seed = secret_free(p->seed);
	pthread_cond_destroy(&p->done);
	pthread_cond_destroy(&p->work);
	pthread_mutex_destroy(&p->lock);
}
