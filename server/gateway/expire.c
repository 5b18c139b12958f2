#include "server/gateway/expire.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "common/base/attr.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "server/gateway/config_document.h"
#include "server/gateway/lifecycle.h"

enum {
	PAGE = 1000,                  /* buckets or objects looked at in one go */
	UPLOADS_PAGE = 100,           /* with their metadata */
	BATCH = 100,                  /* objects that one transaction removes: writers wait for it */
	ARENA_BYTES = 24 << 20,       /* a page of longest keys, and the largest document */
	RECORD_ARENA_BYTES = 8 << 20, /* an object of 10,000 parts */
	ROUNDS_PER_DAY = 24,
	ROUND_MIN_MS = 200,
	ROUND_MAX_MS = 3600 * 1000,
	NS_PER_MS = 1000000,
};

struct expirer {
	struct gateway *g;
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	atomic_bool stop;
};

/* One bucket's walk. The rules are read anew for each page: what was changed or deleted counts at once. */
struct walk {
	struct gateway *g;
	uint64_t now_ms;
	const atomic_bool *stop;
	struct arena *a;                  /* of the page */
	const struct index_bucket *bucket;
	struct lifecycle rules;
	bool tagged;                      /* a rule asks for tags */
	uint64_t expired, aborted;
	struct index_delete batch[BATCH]; /* of this page, not yet done */
	size_t n_batch;
	uint8_t key[INDEX_KEY_MAX];       /* of the version that came by last */
	size_t key_n;
	uint32_t older;                   /* how many of its versions came before */
	uint64_t newer_ms;                /* when the one before it was made */
};

static enum err read_rules(struct walk *w)
{
	struct xml_node *root = NULL;
	struct bytes stored;
	w->rules = (struct lifecycle){NULL, 0};
	enum err e = index_config_get(w->g->index, w->a, w->bucket->number, INDEX_CONFIG_LIFECYCLE,
	                              &stored);
	if (e != OK) {
		return e == ERR_NOTFOUND ? OK : e;
	}
	const struct config_document *d = config_document_of(INDEX_CONFIG_LIFECYCLE);
	bool read = config_document_tree(w->a, d, stored, &root) == S3E_NONE &&
	            lifecycle_read(w->a, root, &w->rules) == S3E_NONE;
	w->tagged = false;
	for (size_t i = 0; i < w->rules.n; i++) {
		w->tagged = w->tagged || w->rules.rules[i].n_tags > 0;
	}
	return read ? OK : ERR_CORRUPT;
}

/* Somebody else was faster, or it has been written anew: nothing to do. */
static enum err counted(enum err e, uint64_t *count, atomic_uint_fast64_t *total)
{
	if (e == ERR_CONFLICT || e == ERR_NOTFOUND || e == ERR_DENIED) {
		return OK;
	}
	TRY(e);
	(*count)++;
	atomic_fetch_add_explicit(total, 1, memory_order_relaxed);
	return OK;
}

static bool has_room(const struct walk *w)
{
	return w->expired + w->aborted + w->n_batch < w->g->lifecycle_max;
}

static bool goes_on(const struct walk *w)
{
	return has_room(w) && !atomic_load(w->stop);
}

/* What the batch holds is removed; the keys in it are those of the page's arena. */
static enum err remove_batch(struct walk *w)
{
	const struct index_condition same = {.bucket = w->bucket->number};
	size_t n = w->n_batch;
	w->n_batch = 0;
	if (n == 0) {
		return OK;
	}
	enum err e = index_objects_delete(w->g->index, w->bucket->name, w->batch, n, &same,
	                                  w->now_ms);
	for (size_t i = 0; i < n; i++) {
		TRY(counted(e == OK ? w->batch[i].result : e, &w->expired,
		            &w->g->lifecycle_expired));
	}
	return OK;
}

static enum err remove_later(struct walk *w, const struct index_delete *item)
{
	w->batch[w->n_batch++] = *item;
	return w->n_batch == BATCH ? remove_batch(w) : OK;
}

/* Entries of a listing carry no tags: where rules ask for them, the record of what seems due is read. A tag that is taken away
 * between this and the deletion comes too late, as it would have a moment later. */
static enum err due_with_tags(struct walk *w, struct lifecycle_object o, bool *ret)
{
	AUTO(arena_freep) struct arena *a = arena_new(RECORD_ARENA_BYTES);
	struct index_object object;
	uint64_t at = 0;
	if (a == NULL) {
		return ERR_NOMEM;
	}
	enum err e = index_object_get(w->g->index, a, w->bucket->name, o.key, &object);
	if (e != OK) {
		return e == ERR_NOTFOUND ? OK : e;
	}
	o.tags = object.tags;
	o.n_tags = object.n_tags;
	o.tags_unknown = false;
	*ret = lifecycle_expiry(&w->rules, &o, w->g->day_ms, &at) != NULL && at <= w->now_ms;
	return OK;
}

static enum err expire_entry(struct walk *w, const struct index_list_entry *entry)
{
	struct lifecycle_object o = {.key = entry->key, .size = entry->size,
	                             .modified_ms = entry->modified_ms, .tags_unknown = true};
	uint64_t at = 0;
	const struct lifecycle_rule *rule = lifecycle_expiry(&w->rules, &o, w->g->day_ms, &at);
	if (rule == NULL || at > w->now_ms) {
		return OK;
	}
	if (w->tagged) {
		bool due = false;
		TRY(due_with_tags(w, o, &due));
		if (!due) {
			return OK;
		}
	}
	return remove_later(w, &(struct index_delete){.key = entry->key,
	                                              .modified_max_ms = entry->modified_ms});
}

static enum err abort_upload(struct walk *w, const struct index_upload *u)
{
	uint64_t at = 0;
	if (lifecycle_abort(&w->rules, u->object.key, u->created_ms, w->g->day_ms, &at) == NULL ||
	    at > w->now_ms) {
		return OK;
	}
	enum err e = index_upload_abort(w->g->index, w->bucket->name, u->object.key, u->upload_id);
	return counted(e, &w->aborted, &w->g->lifecycle_aborted);
}

/* Where the next page begins, kept beside the arena that each page empties. */
struct place {
	uint8_t key[INDEX_KEY_MAX];
	size_t n;
	uint8_t upload[INDEX_UPLOAD_ID_BYTES];
	struct index_version version;
	bool more;
};

static void remember(struct place *p, struct bytes key, bool more)
{
	struct writer w = writer_fixed(p->key, sizeof(p->key));
	write_bytes(&w, key);
	p->n = w.used;
	p->more = more && writer_end(&w) == OK;
}

static enum err object_page(struct walk *w, struct place *p)
{
	const struct index_list_query q = {.bucket = w->bucket->name, .max = PAGE,
	                                   .after = bytes_of(p->key, p->n)};
	struct index_list_page page = {0};
	TRY(index_list(w->g->index, w->a, &q, &page));
	for (size_t i = 0; i < page.n && goes_on(w); i++) {
		TRY(expire_entry(w, &page.entries[i]));
	}
	TRY(remove_batch(w));
	remember(p, page.next, page.truncated);
	return OK;
}

/* The older versions of a key as they come by, newest first, across pages. */
static bool same_key(const struct walk *w, struct bytes key)
{
	return bytes_equal(bytes_of(w->key, w->key_n), key);
}

static void next_version(struct walk *w, const struct index_list_entry *entry)
{
	if (same_key(w, entry->key)) {
		w->older++;
	} else {
		struct writer name = writer_fixed(w->key, sizeof(w->key));
		write_bytes(&name, entry->key);
		w->key_n = name.used;
		w->older = 0;
	}
}

static enum err remove_version(struct walk *w, const struct index_list_entry *entry,
                               bool noncurrent)
{
	return remove_later(w, &(struct index_delete){.key = entry->key, .version = &entry->version,
	                                              .noncurrent = noncurrent});
}

/* Is the marker all that is left of its key? A version that comes after the look makes it an older one, whose going changes nothing. */
static enum err alone(struct walk *w, const struct index_list_entry *entry, bool *ret)
{
	const struct index_versions_query q = {
		.list = {.bucket = w->bucket->name, .prefix = entry->key, .after = entry->key, .max = 1},
		.after_version = &entry->version};
	struct index_list_page page = {0};
	TRY(index_versions(w->g->index, w->a, &q, &page));
	*ret = page.n == 0 || !bytes_equal(page.entries[0].key, entry->key);
	return OK;
}

static enum err judge_older(struct walk *w, const struct index_list_entry *entry,
                            struct lifecycle_object o)
{
	const struct lifecycle_clock clock = {w->now_ms, w->g->day_ms};
	uint32_t newer = w->older - 1;
	if (!lifecycle_noncurrent(&w->rules, &o, w->newer_ms, newer, clock)) {
		return OK;
	}
	if (w->tagged) {
		AUTO(arena_freep) struct arena *a = arena_new(RECORD_ARENA_BYTES);
		struct index_object object;
		if (a == NULL) {
			return ERR_NOMEM;
		}
		enum err e = index_version_get(w->g->index, a, w->bucket->name, o.key,
		                               &entry->version, &object);
		if (e != OK) {
			return e == ERR_NOTFOUND ? OK : e;
		}
		o.tags = object.tags;
		o.n_tags = object.n_tags;
		o.tags_unknown = false;
		if (!lifecycle_noncurrent(&w->rules, &o, w->newer_ms, newer, clock)) {
			return OK;
		}
	}
	return remove_version(w, entry, true);
}

static enum err judge_version(struct walk *w, const struct index_list_entry *entry)
{
	const struct lifecycle_clock clock = {w->now_ms, w->g->day_ms};
	struct lifecycle_object o = {.key = entry->key, .size = entry->size,
	                             .modified_ms = entry->modified_ms, .tags_unknown = true};
	bool only = false;
	if (!entry->latest && w->older > 0) {
		return judge_older(w, entry, o);
	}
	o.tags_unknown = false; /* a marker has none */
	if (!entry->delete_marker || !lifecycle_marker(&w->rules, &o, clock)) {
		return OK;
	}
	TRY(alone(w, entry, &only));
	return only ? remove_version(w, entry, false) : OK;
}

static enum err version_page(struct walk *w, struct place *p)
{
	const struct index_versions_query q = {
		.list = {.bucket = w->bucket->name, .max = PAGE, .after = bytes_of(p->key, p->n)},
		.after_version = p->more ? &p->version : NULL};
	struct index_list_page page = {0};
	TRY(index_versions(w->g->index, w->a, &q, &page));
	for (size_t i = 0; i < page.n && goes_on(w); i++) {
		next_version(w, &page.entries[i]);
		TRY(judge_version(w, &page.entries[i]));
		w->newer_ms = page.entries[i].modified_ms;
	}
	TRY(remove_batch(w));
	if (page.n > 0) {
		p->version = page.entries[page.n - 1].version;
	}
	remember(p, page.next, page.truncated);
	return OK;
}

static enum err upload_page(struct walk *w, struct place *p)
{
	const struct index_uploads_query q = {
		.bucket = w->bucket->name, .max = UPLOADS_PAGE, .key_marker = bytes_of(p->key, p->n),
		.upload_marker = p->more ? p->upload : NULL};
	struct index_uploads_page page = {0};
	TRY(index_uploads(w->g->index, w->a, &q, &page));
	for (size_t i = 0; i < page.n && goes_on(w); i++) {
		TRY(abort_upload(w, &page.uploads[i]));
	}
	struct writer id = writer_fixed(p->upload, sizeof(p->upload));
	write_bytes(&id, bytes_of(page.next_upload, sizeof(page.next_upload)));
	remember(p, page.next_key, page.truncated);
	return OK;
}

static enum err each_page(struct walk *w, enum err (*one)(struct walk *w, struct place *p))
{
	struct place p = {.more = false};
	do {
		arena_reset(w->a);
		TRY(read_rules(w));
		if (w->rules.n == 0) {
			return OK;
		}
		TRY(one(w, &p));
	} while (p.more && goes_on(w));
	return OK;
}

static enum err walk_bucket(struct walk *w)
{
	w->expired = 0;
	w->aborted = 0;
	w->n_batch = 0;
	enum err e = each_page(w, object_page);
	if (e == OK && w->bucket->versioning != INDEX_VERSIONING_OFF) {
		w->key_n = 0;
		e = each_page(w, version_page);
	}
	if (e == OK) {
		e = each_page(w, upload_page);
	}
	if (w->expired + w->aborted > 0) {
		LOG(LOG_INFO, "lifecycle.bucket", LOG_BYTES("tenant", w->bucket->tenant),
		    LOG_U64("expired", w->expired), LOG_U64("aborted", w->aborted),
		    LOG_STR("more", has_room(w) ? "no" : "in the next round"));
	}
	return e == ERR_NOTFOUND ? OK : e; /* the bucket is gone */
}

enum err expire_pass(struct gateway *g, uint64_t now_ms, const atomic_bool *stop)
{
	AUTO(arena_freep) struct arena *names = arena_new(ARENA_BYTES);
	AUTO(arena_freep) struct arena *pages = arena_new(ARENA_BYTES);
	struct walk w = {.g = g, .now_ms = now_ms, .stop = stop, .a = pages};
	struct place p = {.more = true};
	enum err result = OK;
	if (names == NULL || pages == NULL) {
		return ERR_NOMEM;
	}
	while (p.more && !atomic_load(stop)) {
		struct index_bucket *buckets = NULL;
		size_t n = 0;
		arena_reset(names);
		TRY(index_bucket_page(g->index, names, bytes_of(p.key, p.n), PAGE, &buckets, &n));
		for (size_t i = 0; i < n && !atomic_load(stop); i++) {
			w.bucket = &buckets[i];
			enum err e = walk_bucket(&w);
			result = e != OK ? e : result; /* one bucket must not keep the others */
		}
		remember(&p, n > 0 ? buckets[n - 1].name : BYTES(""), n == PAGE);
	}
	return result;
}

/* --- the thread --- */

static uint64_t pause_ms(const struct gateway *g)
{
	uint64_t ms = g->day_ms / ROUNDS_PER_DAY;
	if (ms < ROUND_MIN_MS) {
		return ROUND_MIN_MS;
	}
	return ms < ROUND_MAX_MS ? ms : ROUND_MAX_MS;
}

static bool wait_pause(struct expirer *e)
{
	struct timespec until;
	bool waited = false;
	uint64_t ms = pause_ms(e->g);
	clock_gettime(CLOCK_MONOTONIC, &until);
	uint64_t ns = (uint64_t)until.tv_nsec + ms % 1000 * NS_PER_MS;
	until.tv_sec += (time_t)(ms / 1000 + ns / (1000ULL * NS_PER_MS));
	until.tv_nsec = (long)(ns % (1000ULL * NS_PER_MS));
	pthread_mutex_lock(&e->mutex);
	while (!waited && !atomic_load(&e->stop)) {
		waited = pthread_cond_timedwait(&e->wake, &e->mutex, &until) != 0;
	}
	pthread_mutex_unlock(&e->mutex);
	return !atomic_load(&e->stop);
}

static void *run(void *arg)
{
	struct expirer *e = arg;
	while (wait_pause(e)) {
		if (!index_unlocked(e->g->index)) {
			continue;
		}
		enum err result = expire_pass(e->g, clock_real_ms(), &e->stop);
		if (result != OK) {
			LOG(LOG_WARN, "lifecycle.pass", LOG_ERR(result),
			    LOG_STR("do", "nothing for now: it is tried again after the pause"));
		}
	}
	return NULL;
}

static void destroy(struct expirer *e)
{
	pthread_cond_destroy(&e->wake);
	pthread_mutex_destroy(&e->mutex);
	free(e);
}

enum err expirer_start(struct gateway *g, struct expirer **ret)
{
	struct expirer *e = calloc(1, sizeof(*e));
	pthread_condattr_t attr;
	if (e == NULL) {
		return ERR_NOMEM;
	}
	e->g = g;
	pthread_mutex_init(&e->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&e->wake, &attr);
	pthread_condattr_destroy(&attr);
	if (pthread_create(&e->thread, NULL, run, e) != 0) {
		destroy(e);
		return ERR_UNAVAILABLE;
	}
	*ret = e;
	return OK;
}

void expirer_stop(struct expirer *e)
{
	if (e == NULL) {
		return;
	}
	pthread_mutex_lock(&e->mutex);
	atomic_store(&e->stop, true);
	pthread_cond_signal(&e->wake);
	pthread_mutex_unlock(&e->mutex);
	pthread_join(e->thread, NULL);
	destroy(e);
}
