/*
 * Transactions for callers, and the group commit. The invariant: a caller is told OK only after the commit that
 * holds his change was synced, and an error only when nothing of it stays.
 *
 * Callers queue. The first becomes leader, runs everything that is queued in one engine transaction and commits it; what
 * queues meanwhile is the next group, led by its first. A change that fails before its first write needs nothing. One that
 * fails after it spoils the transaction: it is undone, and the group runs again without that change.
 */
#include "server/kv/kv.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "server/kv/kv_engine.h"
#include "server/kv/kv_trie.h"

enum { GROUP_MAX = 256 }; /* changes in one commit: bounds how long the first of them waits */

struct kv_cursor {
	struct kv_trie_cursor *trie;
	struct kv_txn *txn;
	struct kv_cursor *next;
};

struct kv_txn {
	struct kv *kv;
	struct kv_engine_txn *engine;
	struct kv_cursor *cursors; /* open ones */
	bool write;
	bool low;        /* only the reserve is left */
	bool reserve;    /* and the change that runs may use it */
	bool wrote;      /* the change that runs has written */
	enum err broken; /* the engine failed: nothing of this transaction can stay */
};

/* A caller of kv_write, on its stack. */
struct change {
	enum err (*run)(struct kv_txn *t, void *context);
	void *context;
	enum err result;
	bool dropped; /* failed after it wrote: not run again */
	bool done;
	pthread_cond_t wake;
	struct change *next;
};

struct kv {
	struct kv_engine *engine;
	pthread_mutex_t mutex;
	struct change *first, **last; /* queue, under the mutex */
	bool led;                     /* a group is running, under the mutex */
	atomic_uint_fast64_t commits, changes;
};

enum err kv_open(const struct kv_options *o, struct kv **ret, struct report *ret_report)
{
	struct kv *k = calloc(1, sizeof(*k));

	if (k == NULL) {
		return report_set(ret_report, ERR_NOMEM, (const char *[]){"no memory", NULL});
	}
	enum err e = kv_engine_open(o, &k->engine, ret_report);
	if (e != OK) {
		free(k);
		return e;
	}
	pthread_mutex_init(&k->mutex, NULL);
	k->last = &k->first;
	*ret = k;
	return OK;
}

void kv_close(struct kv *k)
{
	if (k == NULL) {
		return;
	}
	assert(k->first == NULL && !k->led);
	kv_engine_close(k->engine);
	pthread_mutex_destroy(&k->mutex);
	free(k);
}

static void close_cursors(struct kv_txn *t)
{
	while (t->cursors != NULL) {
		kv_cursor_close(t->cursors);
	}
}

enum err kv_read_begin(struct kv *k, struct kv_txn **ret)
{
	struct kv_txn *t = calloc(1, sizeof(*t));

	if (t == NULL) {
		return ERR_NOMEM;
	}
	enum err e = kv_engine_read(k->engine, &t->engine);
	if (e != OK) {
		free(t);
		return e;
	}
	t->kv = k;
	*ret = t;
	return OK;
}

void kv_read_end(struct kv_txn *t)
{
	if (t == NULL) {
		return;
	}
	assert(!t->write);
	close_cursors(t);
	kv_engine_end(t->engine);
	free(t);
}

void kv_read_endp(struct kv_txn **t)
{
	kv_read_end(*t);
	*t = NULL;
}

static struct kv_trie trie_of(const struct kv_txn *t, unsigned table)
{
	return (struct kv_trie){t->engine, table, kv_engine_long(t->kv->engine)};
}

static bool key_fits(struct bytes key)
{
	return key.n >= 1 && key.n <= KV_KEY_MAX;
}

enum err kv_get(struct kv_txn *t, unsigned table, struct bytes key, struct bytes *ret)
{
	struct kv_trie trie = trie_of(t, table);

	return key_fits(key) ? kv_trie_get(&trie, key, ret) : ERR_NOTFOUND;
}

/* An engine that failed in the middle of a write has an unknown state until the transaction is undone. */
static enum err wrote(struct kv_txn *t, enum err e)
{
	t->wrote = true;
	if (e != OK) {
		t->broken = e;
	}
	return e;
}

void kv_use_reserve(struct kv_txn *t)
{
	assert(t->write);
	t->reserve = true;
}

enum err kv_put(struct kv_txn *t, unsigned table, struct bytes key, struct bytes value)
{
	assert(t->write);
	if (!key_fits(key)) {
		return ERR_LIMIT;
	}
	if (t->low && !t->reserve) {
		return ERR_FULL;
	}
	struct kv_trie trie = trie_of(t, table);
	return wrote(t, kv_trie_put(&trie, key, value));
}

enum err kv_delete(struct kv_txn *t, unsigned table, struct bytes key)
{
	struct kv_trie trie = trie_of(t, table);
	struct bytes value;

	assert(t->write);
	if (!key_fits(key)) {
		return ERR_NOTFOUND;
	}
	TRY(kv_trie_get(&trie, key, &value));
	return wrote(t, kv_trie_delete(&trie, key));
}

enum err kv_cursor_open(struct kv_txn *t, unsigned table, struct kv_cursor **ret)
{
	struct kv_trie trie = trie_of(t, table);
	struct kv_cursor *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		return ERR_NOMEM;
	}
	enum err e = kv_trie_cursor_open(&trie, &c->trie);
	if (e != OK) {
		free(c);
		return e;
	}
	c->txn = t;
	c->next = t->cursors;
	t->cursors = c;
	*ret = c;
	return OK;
}

void kv_cursor_close(struct kv_cursor *c)
{
	if (c == NULL) {
		return;
	}
	struct kv_cursor **at = &c->txn->cursors;
	while (*at != c) {
		at = &(*at)->next;
	}
	*at = c->next;
	kv_trie_cursor_close(c->trie);
	free(c);
}

enum err kv_seek(struct kv_cursor *c, struct bytes key, struct bytes *ret_key,
                 struct bytes *ret_value)
{
	return key.n <= KV_KEY_MAX ? kv_trie_seek(c->trie, key, ret_key, ret_value) : ERR_LIMIT;
}

enum err kv_next(struct kv_cursor *c, struct bytes *ret_key, struct bytes *ret_value)
{
	return kv_trie_next(c->trie, ret_key, ret_value);
}

/* Run one change. false: it spoiled the transaction. */
static bool run_change(struct kv_txn *t, struct change *c)
{
	t->wrote = false;
	t->reserve = false;
	c->result = c->run(t, c->context);
	close_cursors(t);
	if (t->broken != OK) {
		return false;
	}
	if (c->result != OK && t->wrote) {
		c->dropped = true;
		return false;
	}
	return true;
}

/* Run every change that still counts, in one transaction. *ret_again: one was dropped, run the rest anew. */
static enum err run_once(struct kv *k, struct change *group, bool *ret_again)
{
	struct kv_txn t = {.kv = k, .write = true};
	bool any = false;

	*ret_again = false;
	TRY(kv_engine_write(k->engine, &t.engine));
	t.low = kv_engine_low(t.engine);
	for (struct change *c = group; c != NULL; c = c->next) {
		if (c->dropped) {
			continue;
		}
		if (!run_change(&t, c)) {
			kv_engine_end(t.engine);
			*ret_again = t.broken == OK;
			return t.broken;
		}
		any = any || t.wrote;
	}
	if (!any) { /* nothing to sync */
		kv_engine_end(t.engine);
		return OK;
	}
	atomic_fetch_add(&k->commits, 1);
	return kv_engine_commit(t.engine);
}

static enum err run_all(struct kv *k, struct change *group)
{
	bool again = true;
	enum err e = OK;

	while (e == OK && again) { /* ends: each further turn has one change less */
		e = run_once(k, group, &again);
	}
	for (struct change *c = group; e != OK && c != NULL; c = c->next) {
		c->result = e; /* whatever it decided, it decided on a state that is gone */
	}
	return e;
}

/* What does not fit as one commit may fit as many: pages that one leaves are there for the next but one. */
static void run_one_by_one(struct kv *k, struct change *group)
{
	while (group != NULL) {
		struct change *next = group->next;
		group->next = NULL;
		group->dropped = false;
		(void)run_all(k, group);
		group->next = next;
		group = next;
	}
}

static void run_group(struct kv *k, struct change *group)
{
	enum err e = run_all(k, group);

	if (e == ERR_FULL && group->next != NULL) {
		run_one_by_one(k, group);
	}
	for (const struct change *c = group; c != NULL; c = c->next) {
		atomic_fetch_add(&k->changes, 1);
	}
}

/* Take up to GROUP_MAX changes off the queue; under the mutex. */
static struct change *take_group(struct kv *k)
{
	struct change *group = k->first;
	struct change *end = group;

	for (unsigned n = 1; n < GROUP_MAX && end->next != NULL; n++) {
		end = end->next;
	}
	k->first = end->next;
	if (k->first == NULL) {
		k->last = &k->first;
	}
	end->next = NULL;
	return group;
}

static void lead(struct kv *k)
{
	struct change *group = take_group(k);

	k->led = true;
	pthread_mutex_unlock(&k->mutex);
	run_group(k, group);
	pthread_mutex_lock(&k->mutex);
	k->led = false;
	while (group != NULL) {
		struct change *c = group;
		group = c->next; /* c is its caller's stack: gone once he sees `done` */
		c->done = true;
		pthread_cond_signal(&c->wake);
	}
	if (k->first != NULL) {
		pthread_cond_signal(&k->first->wake);
	}
}

enum err kv_write(struct kv *k, enum err (*change)(struct kv_txn *t, void *context), void *context)
{
	struct change c = {.run = change, .context = context};

	pthread_cond_init(&c.wake, NULL);
	pthread_mutex_lock(&k->mutex);
	*k->last = &c;
	k->last = &c.next;
	while (!c.done && (k->led || k->first != &c)) {
		pthread_cond_wait(&c.wake, &k->mutex);
	}
	if (!c.done) {
		lead(k);
	}
	pthread_mutex_unlock(&k->mutex);
	pthread_cond_destroy(&c.wake);
	return c.result;
}

enum err kv_count(struct kv_txn *t, unsigned table, uint64_t *ret)
{
	return kv_engine_count(t->engine, table, ret);
}

void kv_stats(struct kv *k, struct kv_stats *ret)
{
	*ret = (struct kv_stats){
		.commits = atomic_load(&k->commits),
		.changes = atomic_load(&k->changes),
	};
	kv_engine_stats(k->engine, ret);
}
