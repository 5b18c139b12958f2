/*
 * Step buffers: the only large memory that requests use, under one budget for the whole server. Who
 * finds none waits in a queue, first come, first served, and reads nothing meanwhile: that is the
 * back-pressure. A sixteenth of the budget is for those who want one of BUFFER_SMALL_BYTES at most:
 * they do not wait behind slow readers of large bodies. Rule that keeps it free of
 * deadlock: nobody waits while he holds a buffer (buffer_try never waits).
 */
#ifndef REMPART_NET_BUFFERS_H
#define REMPART_NET_BUFFERS_H
#include "common/base/bytes.h"

enum {
	BUFFER_SMALL_BYTES = 16 * 1024,
	BUFFER_MIDDLE_BYTES = 64 * 1024,
	BUFFER_LARGE_BYTES = 256 * 1024,
	BUFFER_FRAME_BYTES = 32, /* room before and behind `bytes` for chunk framing */
};

struct buffer {
	struct buffer *next;
	size_t size;    /* bytes at p */
	size_t used;    /* the holder's */
	bool small;     /* the pool's: it was asked for as a small one */
	uint8_t *p;     /* BUFFER_FRAME_BYTES before and behind it are the holder's too */
};
struct buffer_waiter {
	struct buffer_waiter *next;
	size_t want;
	size_t least;
	struct buffer *granted;
	/* ready: `granted` is set; any thread, no lock held. */
	void (*ready)(struct buffer_waiter *w);
};
struct buffer_pool;

struct buffer_pool *buffer_pool_new(size_t total_bytes); /* NULL on no memory */
void buffer_pool_free(struct buffer_pool *p);            /* all buffers are back; NULL-safe */
/* buffer_try: `want` bytes, or under pressure fewer, but at least `least`. NULL when none is free
 * or others wait. Any thread. */
struct buffer *buffer_try(struct buffer_pool *p, size_t want, size_t least);
/* buffer_spare: as buffer_try, but only while more than half of the budget is free: for reading
 * ahead. */
struct buffer *buffer_spare(struct buffer_pool *p, size_t want, size_t least);
/* buffer_wait: a buffer now, or NULL and ready() later. The caller holds none. */
struct buffer *buffer_wait(struct buffer_pool *p, struct buffer_waiter *w);
/* buffer_cancel: true: w waits no longer. false: ready() was called or will be. */
bool buffer_cancel(struct buffer_pool *p, struct buffer_waiter *w);
/* buffer_give: back to the pool. NULL-safe. Any thread. */
void buffer_give(struct buffer_pool *p, struct buffer *b);
bool buffer_pressed(struct buffer_pool *p);              /* less than half of the budget is free */
bool buffer_scarce(struct buffer_pool *p);               /* somebody waits */
uint64_t buffer_waits(struct buffer_pool *p);            /* how often somebody had to, so far */
size_t buffer_used_bytes(struct buffer_pool *p);
#endif
