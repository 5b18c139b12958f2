/*
 * Three size classes with a free list each, newest first because its pages are warm. Memory in use
 * and memory on the free lists together stay below the budget.
 *
 * The complication: two lines of waiters. Slow readers of large objects can hold the whole budget for
 * many seconds; a share of it is kept for those who need one small buffer, and they have a line of their own.
 */
#include "server/net/buffers.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

enum { CLASSES = 3, RESERVE_PART = 16 };
enum line { LINE_SMALL, LINE_LARGE, LINES };

static const size_t class_bytes[CLASSES] = {
	BUFFER_SMALL_BYTES, BUFFER_MIDDLE_BYTES, BUFFER_LARGE_BYTES,
};

struct buffer_pool {
	pthread_mutex_t lock;
	size_t total;
	size_t used;   /* bytes handed out */
	size_t cached; /* bytes on the free lists */
	size_t reserve;    /* kept for LINE_SMALL, part of total */
	size_t small_used; /* of `used`, by LINE_SMALL */
	struct buffer *free[CLASSES];
	struct buffer_waiter *first[LINES];
	struct buffer_waiter *last[LINES];
	uint64_t waits;
};

struct buffer_pool *buffer_pool_new(size_t total_bytes)
{
	struct buffer_pool *p = calloc(1, sizeof(*p));

	if (p != NULL) {
		pthread_mutex_init(&p->lock, NULL);
		p->total = total_bytes;
		p->reserve = total_bytes / RESERVE_PART;
	}
	return p;
}

/* Above the largest class a buffer has its own size and is not kept. */
static size_t round_up(size_t n)
{
	for (size_t i = 0; i < CLASSES; i++) {
		if (n <= class_bytes[i]) {
			return class_bytes[i];
		}
	}
	return (n + BUFFER_MIDDLE_BYTES - 1) / BUFFER_MIDDLE_BYTES * BUFFER_MIDDLE_BYTES;
}

static size_t class_of(size_t size)
{
	size_t i = 0;

	while (i < CLASSES && class_bytes[i] != size) {
		i++;
	}
	return i;
}

static void drop_cached(struct buffer_pool *p, size_t class)
{
	struct buffer *b = p->free[class];

	p->free[class] = b->next;
	p->cached -= b->size;
	free(b);
}

static struct buffer *make(struct buffer_pool *p, size_t size)
{
	for (size_t i = CLASSES; i-- > 0;) {
		while (p->free[i] != NULL && p->used + p->cached + size > p->total) {
			drop_cached(p, i);
		}
	}
	struct buffer *b = malloc(sizeof(*b) + BUFFER_FRAME_BYTES + size + BUFFER_FRAME_BYTES);
	if (b != NULL) {
		b->size = size;
		b->p = (uint8_t *)(b + 1) + BUFFER_FRAME_BYTES;
	}
	return b;
}

static enum line line_of(size_t want)
{
	return want <= BUFFER_SMALL_BYTES ? LINE_SMALL : LINE_LARGE;
}

/* Bytes that may be handed out on that line. */
static size_t room(const struct buffer_pool *p, enum line line)
{
	size_t left = p->total - p->used;
	size_t kept = p->small_used < p->reserve ? p->reserve - p->small_used : 0;

	return line == LINE_SMALL ? left : left - (kept < left ? kept : left);
}

/* Nobody overtakes, but small ones may pass large ones within their reserve. */
static bool may_pass(const struct buffer_pool *p, enum line line)
{
	return line == LINE_LARGE || p->first[LINE_LARGE] == NULL ||
	       p->small_used + BUFFER_SMALL_BYTES <= p->reserve;
}

/* Under the lock. */
static struct buffer *take(struct buffer_pool *p, size_t want, size_t least)
{
	size_t size = round_up(want);
	enum line line = line_of(want);

	if (size > BUFFER_MIDDLE_BYTES && p->total - p->used < p->total / 2) {
		size = round_up(least > BUFFER_MIDDLE_BYTES ? least : BUFFER_MIDDLE_BYTES);
	}
	if (size > room(p, line)) {
		size = round_up(least);
	}
	if (size > room(p, line)) {
		return NULL;
	}
	size_t class = class_of(size);
	struct buffer *b = class < CLASSES ? p->free[class] : NULL;
	if (b != NULL) {
		p->free[class] = b->next;
		p->cached -= size;
	} else {
		b = make(p, size);
	}
	if (b != NULL) {
		b->next = NULL;
		b->used = 0;
		b->small = line == LINE_SMALL;
		p->used += size;
		p->small_used += b->small ? size : 0;
	}
	return b;
}

/* Under the lock: without waiting. */
static struct buffer *take_now(struct buffer_pool *p, size_t want, size_t least)
{
	enum line line = line_of(want);

	return p->first[line] == NULL && may_pass(p, line) ? take(p, want, least) : NULL;
}

struct buffer *buffer_try(struct buffer_pool *p, size_t want, size_t least)
{
	pthread_mutex_lock(&p->lock);
	struct buffer *b = take_now(p, want, least);
	pthread_mutex_unlock(&p->lock);
	return b;
}

struct buffer *buffer_spare(struct buffer_pool *p, size_t want, size_t least)
{
	struct buffer *b = NULL;

	pthread_mutex_lock(&p->lock);
	if (p->used < p->total / 2) {
		b = take_now(p, want, least);
	}
	pthread_mutex_unlock(&p->lock);
	return b;
}

struct buffer *buffer_wait(struct buffer_pool *p, struct buffer_waiter *w)
{
	enum line line = line_of(w->want);

	assert(round_up(w->least) <= p->total - p->reserve);
	pthread_mutex_lock(&p->lock);
	struct buffer *b = take_now(p, w->want, w->least);
	if (b == NULL) {
		w->next = NULL;
		w->granted = NULL;
		if (p->last[line] != NULL) {
			p->last[line]->next = w;
		} else {
			p->first[line] = w;
		}
		p->last[line] = w;
		p->waits++;
	}
	pthread_mutex_unlock(&p->lock);
	return b;
}

bool buffer_cancel(struct buffer_pool *p, struct buffer_waiter *w)
{
	enum line line = line_of(w->want);
	struct buffer_waiter *before = NULL;

	pthread_mutex_lock(&p->lock);
	struct buffer_waiter *at = p->first[line];
	while (at != NULL && at != w) {
		before = at;
		at = at->next;
	}
	if (at != NULL) {
		*(before != NULL ? &before->next : &p->first[line]) = w->next;
		p->last[line] = p->last[line] == w ? before : p->last[line];
	}
	pthread_mutex_unlock(&p->lock);
	return at != NULL;
}

/* Under the lock: unchain those at the front of a line whose wish can be met now; the end of the chain. */
static struct buffer_waiter **serve(struct buffer_pool *p, enum line line,
                                    struct buffer_waiter **end)
{
	while (p->first[line] != NULL && may_pass(p, line)) {
		struct buffer_waiter *w = p->first[line];
		struct buffer *b = take(p, w->want, w->least);
		if (b == NULL) {
			break;
		}
		p->first[line] = w->next;
		p->last[line] = w->next == NULL ? NULL : p->last[line];
		w->granted = b;
		w->next = NULL;
		*end = w;
		end = &w->next;
	}
	return end;
}

void buffer_give(struct buffer_pool *p, struct buffer *b)
{
	struct buffer_waiter *served = NULL;

	if (b == NULL) {
		return;
	}
	size_t class = class_of(b->size);

	pthread_mutex_lock(&p->lock);
	p->used -= b->size;
	p->small_used -= b->small ? b->size : 0;
	if (class < CLASSES) {
		b->next = p->free[class];
		p->free[class] = b;
		p->cached += b->size;
	} else {
		free(b);
	}
	struct buffer_waiter **end = serve(p, LINE_LARGE, &served);
	(void)serve(p, LINE_SMALL, end);
	pthread_mutex_unlock(&p->lock);
	while (served != NULL) {
		struct buffer_waiter *w = served;
		served = w->next; /* after ready() it is its owner's again */
		w->ready(w);
	}
}

bool buffer_pressed(struct buffer_pool *p)
{
	pthread_mutex_lock(&p->lock);
	bool pressed = p->used > p->total / 2;
	pthread_mutex_unlock(&p->lock);
	return pressed;
}

bool buffer_scarce(struct buffer_pool *p)
{
	pthread_mutex_lock(&p->lock);
	bool scarce = p->first[LINE_LARGE] != NULL || p->first[LINE_SMALL] != NULL;
	pthread_mutex_unlock(&p->lock);
	return scarce;
}

uint64_t buffer_waits(struct buffer_pool *p)
{
	pthread_mutex_lock(&p->lock);
	uint64_t n = p->waits;
	pthread_mutex_unlock(&p->lock);
	return n;
}

size_t buffer_used_bytes(struct buffer_pool *p)
{
	pthread_mutex_lock(&p->lock);
	size_t n = p->used;
	pthread_mutex_unlock(&p->lock);
	return n;
}

void buffer_pool_free(struct buffer_pool *p)
{
	if (p == NULL) {
		return;
	}
	assert(p->used == 0 && p->first[LINE_LARGE] == NULL && p->first[LINE_SMALL] == NULL);
	for (size_t i = 0; i < CLASSES; i++) {
		while (p->free[i] != NULL) {
			drop_cached(p, i);
		}
	}
	pthread_mutex_destroy(&p->lock);
	free(p);
}
