/*
 * The collector: removes blobs that nobody needs. Two ways:
 *
 *   garbage  rows that the index queued with the change that made the blobs useless. Cheap; each pause.
 *   orphans  blobs that nothing refers to, left by crashes. Mark and sweep over store and index; at start and daily.
 *
 * The invariant of the sweep is its order: (1) list the store, (2) copy the register of flights, (3) read the index. A blob listed at (1)
 * belongs to a writer that at (2) is still in flight, and then is spared; or has ended before (2): its transaction was over by then, so (3), which
 * begins later, sees it; or has given up, and then it is an orphan. In any other order a blob could be published between two looks.
 * Any error stops the sweep before it removes anything: an index that cannot be read is no proof that a blob is not needed. Nor is an index that was
 * restored from a backup: marks (mark.c) show that one.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/attr.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "server/vault/internal.h"

enum {
	GARBAGE_PAGE = 128,               /* rows per transaction */
	ARENA_MAX_BYTES = 64 << 20,
	CANDIDATES_MAX_BYTES = 64 << 20,  /* ids of one sweep: 2 million blobs; more take further sweeps */
	ORPHANS_UNDOUBTED = 64,           /* so few are removed whatever their share */
	REMOVE_MS = 30 * 1000,
	FOLDERS = 256,
	NS_PER_MS = 1000 * 1000,
};
static const uint64_t sweep_pause_ms = UINT64_C(24) * 3600 * 1000;

/* Garbage */

struct garbage_round {
	struct vault *v;
	uint64_t up_to;   /* rows above are too young */
	uint64_t newest;  /* seen */
	uint64_t removed; /* blobs */
};

static enum err remove_row(struct garbage_round *round, const struct index_garbage *g)
{
	for (size_t i = 0; i < g->n_parts; i++) {
		TRY(vault_remove_blobs(round->v, g->parts[i].seed, vault_part_blobs(&g->parts[i]),
		                       &round->removed));
	}
	return OK;
}

/* The store answers nobody: going on would only wait for deadlines. */
static bool is_down(enum err e)
{
	return e == ERR_UNAVAILABLE || e == ERR_TIMEOUT;
}

/* Rows of one page: blobs first, then the rows, so that a crash between the two repeats the removal. */
static enum err remove_page(struct garbage_round *round, const struct index_garbage *rows, size_t n)
{
	uint64_t done[GARBAGE_PAGE] = {0};
	size_t n_done = 0;
	enum err e = OK;

	for (size_t i = 0; !is_down(e) && i < n; i++) {
		round->newest = rows[i].sequence;
		if (rows[i].sequence > round->up_to || vault_pinned(round->v, rows[i].object_id)) {
			continue;
		}
		enum err row = remove_row(round, &rows[i]);
		if (row == OK) {
			done[n_done++] = rows[i].sequence;
		} else {
			e = row; /* one bad blob must not keep the others */
		}
	}
	enum err f = index_garbage_done(round->v->o.index, done, n_done);
	return e != OK ? e : f;
}

static enum err collect_garbage(struct garbage_round *round)
{
	AUTO(arena_freep) struct arena *a = arena_new(ARENA_MAX_BYTES);
	struct index_garbage *rows;
	enum err e = OK;
	uint64_t after = 0;
	size_t n;

	if (a == NULL) {
		return ERR_NOMEM;
	}
	do {
		arena_reset(a);
		TRY(index_garbage_next(round->v->o.index, a, after, GARBAGE_PAGE, &rows, &n));
		enum err page = remove_page(round, rows, n);
		e = page != OK ? page : e;
		after = n > 0 ? rows[n - 1].sequence : after;
	} while (n > 0 && !is_down(e) && !atomic_load(&round->v->stopping));
	return e;
}

/* Orphans */

struct sweep {
	struct vault *v;
	struct writer ids;  /* candidates, sorted after the listing */
	uint8_t *needed;    /* one byte for each */
	size_t n;
};

static enum err add_candidate(void *context, const uint8_t id[STORE_ID_BYTES], uint64_t age_ms)
{
	struct sweep *s = context;

	if (age_ms < s->v->o.orphan_age_ms) {
		return OK;
	}
	write_bytes(&s->ids, bytes_of(id, STORE_ID_BYTES));
	return writer_end(&s->ids);
}

static int compare_ids(const void *a, const void *b)
{
	return memcmp(a, b, OBJFMT_ID_BYTES);
}

/* Step 1: list folders from *folder on, until they are all seen or the memory is used up. */
static enum err list_candidates(struct sweep *s, unsigned *folder)
{
	s->ids.used = 0;
	while (*folder < FOLDERS && s->ids.used < CANDIDATES_MAX_BYTES / 2) {
		size_t before = s->ids.used;
		enum err e = store_list(s->v->o.store, (uint8_t)*folder, add_candidate, s);
		if (e == ERR_LIMIT && s->ids.full && before > 0) { /* this folder next time */
			s->ids.used = before;
			s->ids.full = false;
			break;
		}
		TRY(e);
		(*folder)++;
	}
	s->n = s->ids.used / OBJFMT_ID_BYTES;
	if (s->n > 0) {
		qsort(s->ids.p, s->n, OBJFMT_ID_BYTES, compare_ids);
	}
	free(s->needed);
	s->needed = calloc(s->n + 1, 1);
	return s->needed != NULL ? OK : ERR_NOMEM;
}

static void mark_needed(struct sweep *s, const uint8_t *id)
{
	const uint8_t *at = bsearch(id, s->ids.p, s->n, OBJFMT_ID_BYTES, compare_ids);

	if (at != NULL) {
		s->needed[(size_t)(at - s->ids.p) / OBJFMT_ID_BYTES] = 1;
	}
}

static enum err mark_blobs(struct sweep *s, const uint8_t *seed, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		uint8_t id[OBJFMT_ID_BYTES];
		TRY(objfmt_blob_id(seed, i, id));
		mark_needed(s, id);
	}
	return OK;
}

/* Step 2: what is being written. */
static enum err mark_flights(struct sweep *s)
{
	struct { uint8_t seed[INDEX_SEED_BYTES]; uint64_t blobs; } *copy;
	size_t n = 0;
	enum err e = OK;

	pthread_mutex_lock(&s->v->mutex);
	copy = calloc(s->v->n_flights + 1, sizeof(*copy));
	for (const struct vault_flight *f = s->v->flights; copy != NULL && f != NULL; f = f->next) {
		memcpy(copy[n].seed, f->seed, sizeof(copy[n].seed));
		copy[n++].blobs = atomic_load(&f->blob_number) + 1;
	}
	pthread_mutex_unlock(&s->v->mutex);
	if (copy == NULL) {
		return ERR_NOMEM;
	}
	for (size_t i = 0; e == OK && i < n; i++) {
		e = mark_blobs(s, copy[i].seed, copy[i].blobs);
	}
	free(copy);
	return e;
}

/* Step 3: what the index needs. */
static enum err mark_part(void *context, const struct index_part *part)
{
	struct sweep *s = context;

	if (atomic_load(&s->v->stopping)) {
		return ERR_CANCELLED;
	}
	return mark_blobs(s, part->seed, vault_part_blobs(part));
}

/* Step 4: the vault's own marks. */
static enum err mark_id(void *context, const uint8_t id[OBJFMT_ID_BYTES])
{
	mark_needed(context, id);
	return OK;
}

static size_t count_orphans(const struct sweep *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++) {
		n += s->needed[i] == 0;
	}
	return n;
}

/*
 * Most of the store belongs to nothing: then rather the index is lost, or old, than the blobs useless. They are what an index can be
 * rebuilt from.
 */
static enum err doubt(const struct sweep *s, size_t orphans)
{
	if (orphans <= ORPHANS_UNDOUBTED || orphans <= s->n / 2 ||
	    atomic_load(&s->v->accepted)) {
		return OK;
	}
	LOG(LOG_ERROR, "vault.orphans_refused", LOG_U64("orphans", orphans), LOG_U64("blobs", s->n),
	    LOG_STR("why", "most blobs are not in the index: is this the right index directory?"),
	    LOG_STR("do", "restore the index from a backup, or rebuild it from the store"));
	return ERR_DENIED;
}

static enum err remove_orphans(struct sweep *s, uint64_t *ret_removed)
{
	for (size_t i = 0; i < s->n && !atomic_load(&s->v->stopping); i++) {
		if (s->needed[i] != 0) {
			continue;
		}
		TRY(store_remove(s->v->o.store, s->ids.p + i * OBJFMT_ID_BYTES,
		                 clock_mono_ms() + REMOVE_MS));
		atomic_fetch_add(&s->v->counters.blobs_removed, 1);
		atomic_fetch_add(&s->v->counters.orphans_removed, 1);
		(*ret_removed)++;
	}
	return OK;
}

static enum err sweep_some(struct sweep *s, unsigned *folder, uint64_t *ret_removed)
{
	TRY(list_candidates(s, folder));
	if (s->n == 0) {
		return OK;
	}
	TRY(mark_flights(s));
	TRY(index_each_part(s->v->o.index, mark_part, s));
	TRY(vault_mark_each(s->v, mark_id, s));
	size_t orphans = count_orphans(s);
	TRY(doubt(s, orphans));
	return orphans == 0 ? OK : remove_orphans(s, ret_removed);
}

static enum err collect_orphans(struct vault *v, uint64_t *ret_removed)
{
	struct sweep s = {.v = v, .ids = writer_growing(CANDIDATES_MAX_BYTES)};
	uint64_t removed = 0;
	unsigned folder = 0;
	enum err e = vault_mark_check(v);

	while (e == OK && folder < FOLDERS) {
		e = sweep_some(&s, &folder, &removed);
	}
	writer_free(&s.ids);
	free(s.needed);
	if (removed > 0) {
		LOG(LOG_INFO, "vault.orphans", LOG_U64("removed", removed));
	}
	*ret_removed += removed;
	return e;
}

enum err vault_collect(struct vault *v, bool orphans, uint64_t *ret_blobs)
{
	struct garbage_round round = {.v = v, .up_to = UINT64_MAX};

	*ret_blobs = 0;
	if (!atomic_load(&v->unlocked)) {
		return ERR_UNAVAILABLE;
	}
	pthread_mutex_lock(&v->collect_mutex);
	enum err e = collect_garbage(&round);
	if (e == OK && orphans) {
		e = collect_orphans(v, &round.removed);
	}
	pthread_mutex_unlock(&v->collect_mutex);
	*ret_blobs = round.removed;
	return e;
}

/* The thread */

/* Wait for the pause to pass; false when the vault is being closed. */
static bool wait_pause(struct vault *v)
{
	struct timespec until;
	bool waited = false;

	clock_gettime(CLOCK_MONOTONIC, &until);
	uint64_t ns = (uint64_t)until.tv_nsec + v->o.collect_ms % 1000 * NS_PER_MS;
	until.tv_sec += (time_t)(v->o.collect_ms / 1000 + ns / (1000 * NS_PER_MS));
	until.tv_nsec = (long)(ns % (1000 * NS_PER_MS));
	pthread_mutex_lock(&v->stop_mutex);
	while (!waited && !atomic_load(&v->stopping)) {
		waited = pthread_cond_timedwait(&v->stop_wake, &v->stop_mutex, &until) != 0;
	}
	pthread_mutex_unlock(&v->stop_mutex);
	return !atomic_load(&v->stopping);
}

/* When blobs were written since the last mark, make one: an index that does not know them will show. */
static enum err mark_progress(struct vault *v, uint64_t *marked)
{
	uint64_t written = atomic_load(&v->counters.blobs_written);

	if (written == *marked) {
		return OK;
	}
	TRY(vault_mark_make(v));
	*marked = written;
	return OK;
}

/* What the thread remembers between its rounds. */
struct memory {
	uint64_t next_sweep_ms;
	uint64_t seen;   /* newest row of garbage at the last round */
	uint64_t marked; /* blobs written at the last mark */
};

/* A round in the background. Rows of garbage wait one pause: a reader that has just looked the object up has not pinned it yet. */
static void background_round(struct vault *v, struct memory *m)
{
	struct garbage_round round = {.v = v, .up_to = m->seen, .newest = m->seen};
	uint64_t now = clock_mono_ms();
	uint64_t removed = 0;

	pthread_mutex_lock(&v->collect_mutex);
	enum err e = mark_progress(v, &m->marked);
	enum err garbage = collect_garbage(&round);
	e = e == OK ? garbage : e;
	if (e == OK && now >= m->next_sweep_ms) {
		e = collect_orphans(v, &removed);
		if (e == OK || e == ERR_DENIED) { /* doubts do not pass by themselves, failures do */
			m->next_sweep_ms = now + sweep_pause_ms;
		}
	}
	pthread_mutex_unlock(&v->collect_mutex);
	m->seen = round.newest;
	if (e != OK && e != ERR_CANCELLED) {
		LOG(LOG_WARN, "vault.collect", LOG_ERR(e),
		    LOG_STR("do", "nothing for now: it is tried again after the pause"));
	}
}

static void *run_collector(void *arg)
{
	struct vault *v = arg;
	struct memory m = {0};

	do {
		background_round(v, &m);
	} while (wait_pause(v));
	return NULL;
}

enum err vault_collector_start(struct vault *v)
{
	if (v->has_collector || v->o.collect_ms == UINT64_MAX) {
		return OK;
	}
	if (pthread_create(&v->collector, NULL, run_collector, v) != 0) {
		return ERR_UNAVAILABLE;
	}
	v->has_collector = true;
	return OK;
}

void vault_collector_stop(struct vault *v)
{
	if (!v->has_collector) {
		return;
	}
	pthread_mutex_lock(&v->stop_mutex);
	atomic_store(&v->stopping, true);
	pthread_cond_signal(&v->stop_wake);
	pthread_mutex_unlock(&v->stop_mutex);
	pthread_join(v->collector, NULL);
}
