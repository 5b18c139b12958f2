/*
 * Memory by lifetime. One block is current and serves requests that fit a block; a larger request
 * gets a block of its own and the current one stays, so that its room is not lost. The arena itself
 * stands at the start of its first block.
 */
#include "common/base/arena.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
	ALIGN_BYTES = 16,
	BLOCK_FIRST_BYTES = 4096,
	BLOCK_MAX_BYTES = 64 * 1024,
};

struct block {
	struct block *next;
	size_t size;        /* bytes in all, this header included */
	size_t used;
	size_t pad; /* keeps the header a multiple of ALIGN_BYTES */
};

struct deferred {
	struct deferred *next;
	void (*fn)(void *arg);
	void *arg;
};

struct arena {
	struct block *first; /* holds this struct */
	struct block *others;
	struct block *current;
	struct deferred *deferred;
	size_t cap;
	size_t total;      /* bytes of all blocks */
	size_t block_size; /* of the next block */
	size_t first_used; /* where the first block's free space starts after a reset */
};

static_assert(sizeof(struct block) % ALIGN_BYTES == 0, "block header keeps the alignment");
static_assert(sizeof(struct arena) % ALIGN_BYTES == 0, "arena header keeps the alignment");

static struct block *block_new(size_t size)
{
	struct block *b = malloc(size);

	if (b != NULL) {
		*b = (struct block){.size = size, .used = sizeof(*b)};
	}
	return b;
}

struct arena *arena_new(size_t cap)
{
	size_t least = sizeof(struct block) + sizeof(struct arena);
	size_t size = cap < BLOCK_FIRST_BYTES ? cap : BLOCK_FIRST_BYTES;
	struct block *b = block_new(size < least ? least : size);

	if (b == NULL) {
		return NULL;
	}
	struct arena *a = (void *)((uint8_t *)b + b->used);
	b->used += sizeof(*a);
	*a = (struct arena){
		.first = b,
		.current = b,
		.cap = cap,
		.total = b->size,
		.block_size = BLOCK_FIRST_BYTES,
		.first_used = b->used,
	};
	return a;
}

/* The functions may allocate and defer again; that is run too. */
static void run_deferred(struct arena *a)
{
	while (a->deferred != NULL) {
		struct deferred *d = a->deferred;
		a->deferred = d->next;
		d->fn(d->arg);
	}
}

void arena_reset(struct arena *a)
{
	run_deferred(a);
	while (a->others != NULL) {
		struct block *b = a->others;
		a->others = b->next;
		free(b);
	}
	a->current = a->first;
	a->first->used = a->first_used;
	a->total = a->first->size;
	a->block_size = BLOCK_FIRST_BYTES;
}

void arena_free(struct arena *a)
{
	if (a == NULL) {
		return;
	}
	arena_reset(a);
	free(a->first);
}

void arena_freep(struct arena **a)
{
	arena_free(*a);
	*a = NULL;
}

static void *block_take(struct block *b, size_t n)
{
	void *p = (uint8_t *)b + b->used;

	assert(n <= b->size - b->used);
	b->used += n;
	return p;
}

/* n is a multiple of ALIGN_BYTES and the current block has no room for it. */
static void *take_from_new(struct arena *a, size_t n)
{
	size_t left = a->cap > a->total ? a->cap - a->total : 0;
	size_t need;

	if (__builtin_add_overflow(n, sizeof(struct block), &need) || need > left) {
		return NULL;
	}
	bool own = need > a->block_size;
	size_t size = own ? need : a->block_size;
	struct block *b = block_new(size < left ? size : left);
	if (b == NULL) {
		return NULL;
	}
	a->total += b->size;
	b->next = a->others;
	a->others = b;
	if (!own) {
		a->current = b;
		a->block_size = size < BLOCK_MAX_BYTES ? size * 2 : size;
	}
	return block_take(b, n);
}

static void *take(struct arena *a, size_t n)
{
	size_t rounded;

	if (__builtin_add_overflow(n == 0 ? 1 : n, ALIGN_BYTES - 1, &rounded)) {
		return NULL;
	}
	rounded -= rounded % ALIGN_BYTES;
	size_t room = a->current->size - a->current->used;
	return rounded <= room ? block_take(a->current, rounded) : take_from_new(a, rounded);
}

void *arena_alloc(struct arena *a, size_t n)
{
	void *p = take(a, n);

	if (p != NULL) {
		memset(p, 0, n);
	}
	return p;
}

struct bytes arena_copy(struct arena *a, struct bytes b)
{
	return arena_join(a, &b, 1);
}

char *arena_text(struct arena *a, struct bytes b)
{
	return (char *)arena_join(a, &b, 1).p;
}

struct bytes arena_join(struct arena *a, const struct bytes *parts, size_t n)
{
	size_t size = 1; /* the NUL */

	for (size_t i = 0; i < n; i++) {
		if (__builtin_add_overflow(size, parts[i].n, &size)) {
			return (struct bytes){NULL, 0};
		}
	}
	uint8_t *p = take(a, size);
	if (p == NULL) {
		return (struct bytes){NULL, 0};
	}
	size_t at = 0;
	for (size_t i = 0; i < n; i++) {
		if (parts[i].n > 0) {
			memcpy(p + at, parts[i].p, parts[i].n);
			at += parts[i].n;
		}
	}
	p[at] = 0;
	return (struct bytes){p, at};
}

bool arena_defer(struct arena *a, void (*fn)(void *arg), void *arg)
{
	struct deferred *d = arena_alloc(a, sizeof(*d));

	if (d == NULL) {
		return false;
	}
	*d = (struct deferred){.next = a->deferred, .fn = fn, .arg = arg};
	a->deferred = d;
	return true;
}
