/*
 * The loop's side of a request: reads its body into buffers, hands jobs to the workers, sends what
 * they made. Two buffers at most: one with a worker or the socket, one that is being filled.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "server/net/net.h"

enum {
	ARENA_BYTES_DEFAULT = 256 * 1024,
	HOLD_PART = 3, /* of the time for a request a client may sit on a buffer that others need */
};

static struct buffer_pool *pool_of(const struct exchange *x)
{
	return x->loop->httpd->buffers;
}

static struct counters *counters_of(const struct exchange *x)
{
	return &x->loop->httpd->counters;
}

static bool is_loops(const struct exchange *x)
{
	return atomic_load_explicit(&x->owner, memory_order_acquire) == OWNER_LOOP;
}

static void copy_peer(struct exchange *x, const struct conn *c)
{
	x->peer = c->peer;
	memcpy(x->address, c->address, sizeof(x->address));
	x->peer.address.p = (const uint8_t *)x->address;
	if (c->peer.certificate_name.n > 0) {
		x->peer.certificate_name = arena_copy(x->arena, c->peer.certificate_name);
	}
}

static void buffer_ready(struct buffer_waiter *w)
{
	struct exchange *x = (void *)((uint8_t *)w - offsetof(struct exchange, waiter));

	loop_news(x);
}

struct exchange *exchange_new(struct conn *c)
{
	const struct listener_options *o = &c->listener->o;
	struct exchange *x = calloc(1, sizeof(*x));
	size_t arena_bytes = o->service->arena_bytes;

	if (x == NULL) {
		return NULL;
	}
	x->arena = arena_new(arena_bytes != 0 ? arena_bytes : ARENA_BYTES_DEFAULT);
	if (x->arena == NULL) {
		free(x);
		return NULL;
	}
	x->job.run = steps_run;
	x->job.done = steps_done;
	x->loop = c->loop;
	x->service = o->service;
	x->pool = o->pool;
	x->conn = c;
	x->waiter.ready = buffer_ready;
	x->request.head.content_length = -1;
	copy_peer(x, c);
	loop_next_id(c->loop, x->id);
	atomic_fetch_add_explicit(&x->loop->exchanges, 1, memory_order_relaxed);
	count(&counters_of(x)->requests, 1);
	count(&counters_of(x)->busy, 1);
	c->x = x;
	return x;
}

void exchange_free(struct exchange *x)
{
	struct loop *l = x->loop;

	assert(x->in == NULL && x->out == NULL && x->fill == NULL);
	assert(x->ready == NULL && x->sending == NULL);
	writer_free(&x->head_bytes);
	writer_free(&x->answer.fields);
	writer_free(&x->head_out_bytes);
	atomic_fetch_sub_explicit(&counters_of(x)->busy, 1, memory_order_relaxed);
	arena_free(x->arena);
	free(x);
	/* Last: the loop ends when there are none, and its memory with it. */
	atomic_fetch_sub_explicit(&l->exchanges, 1, memory_order_release);
}

/* Jobs. */

static void submit(struct exchange *x, unsigned steps)
{
	enum err e = OK;

	assert(is_loops(x) && !x->waiting);
	x->steps = steps;
	x->step_deadline_ms = clock_mono_ms() + x->loop->httpd->limits.request_ms;
	atomic_store_explicit(&x->owner, OWNER_WORKER, memory_order_release);
	if (steps == STEP_RELEASE) {
		loop_owes_wake(x->loop, x->pool);
		worker_later(x->pool, &x->job);
		return;
	}
	if (x->submitted) {
		worker_resume(x->pool, &x->job);
		return;
	}
	e = worker_submit(x->pool, &x->job);
	if (e == OK) {
		x->submitted = true;
		return;
	}
	atomic_store_explicit(&x->owner, OWNER_LOOP, memory_order_release);
	buffer_give(pool_of(x), x->in);
	x->in = NULL;
	exchange_refuse(x, 503);
}

void exchange_finish(struct exchange *x)
{
	struct buffer_pool *p = pool_of(x);

	assert(is_loops(x) && !x->waiting);
	buffer_give(p, x->in);
	buffer_give(p, x->out);
	buffer_give(p, x->fill);
	buffer_give(p, x->ready);
	buffer_give(p, x->sending);
	x->in = x->out = x->fill = x->ready = x->sending = NULL;
	x->conn = NULL;
	if (x->answer.status != 0) {
		count(&counters_of(x)->status[x->answer.status / 100], 1);
	}
	if (x->begun && x->service->release != NULL) {
		x->job.plain = true;
		submit(x, STEP_RELEASE);
	} else {
		exchange_free(x);
	}
}

void exchange_lost(struct exchange *x)
{
	struct buffer_pool *p = pool_of(x);

	x->conn = NULL;
	buffer_give(p, x->fill);
	buffer_give(p, x->ready);
	buffer_give(p, x->sending);
	x->fill = x->ready = x->sending = NULL;
	if (x->waiting && buffer_cancel(p, &x->waiter)) {
		x->waiting = false;
	}
	if (is_loops(x) && !x->waiting) {
		exchange_finish(x);
	} /* otherwise the news finds that the connection has gone */
}

/* The request's body. */

static size_t chunk_bytes(const struct exchange *x)
{
	return x->service->chunk_bytes != 0 ? x->service->chunk_bytes : BUFFER_LARGE_BYTES;
}

/* How large the next run may be, and how small under pressure. */
static size_t run_bytes(const struct exchange *x, size_t *ret_least)
{
	size_t gather = x->service->gather_bytes;
	size_t want = chunk_bytes(x);
	size_t least = want < BUFFER_MIDDLE_BYTES ? want : BUFFER_MIDDLE_BYTES;
	int64_t length = x->request.head.content_length;

	if (length >= 0) {
		uint64_t left = x->body.left + (x->fill != NULL ? x->fill->used : 0);
		if ((uint64_t)length <= gather) {
			want = least = (size_t)length;
		}
		want = left < want ? (size_t)left : want;
	} else if (!x->submitted) {
		want = least = gather;
	} else if (x->received <= gather) {
		/* Of unknown length: what may have to arrive in one call needs the room at once. */
		want = want > gather ? want : gather;
		least = least > gather ? least : gather;
	}
	*ret_least = least < want ? least : want;
	return want;
}

static size_t fill_room(const struct exchange *x)
{
	size_t least;
	size_t most = run_bytes(x, &least);

	most = x->fill->size < most ? x->fill->size : most;
	return x->fill->used < most ? most - x->fill->used : 0;
}

size_t exchange_wants(struct exchange *x)
{
	if (!x->open || x->body.done || x->waiting || x->refusal != 0) {
		return 0;
	}
	if (x->fill != NULL) {
		return fill_room(x);
	}
	return BUFFER_SMALL_BYTES;
}

/* While a step holds a buffer we only try: nobody waits with a buffer in his hand. */
static bool get_fill(struct exchange *x)
{
	size_t least;
	size_t want = run_bytes(x, &least);

	if (x->fill != NULL) {
		return true;
	}
	x->held_since_ms = uv_now(&x->loop->uv);
	if (!is_loops(x)) {
		x->fill = buffer_spare(pool_of(x), want, least);
		return x->fill != NULL;
	}
	x->waiter.want = want;
	x->waiter.least = least;
	x->fill = buffer_wait(pool_of(x), &x->waiter);
	x->waiting = x->fill == NULL;
	x->step_deadline_ms = clock_mono_ms() + x->loop->httpd->limits.request_ms;
	return x->fill != NULL;
}

static void hand_over_body(struct exchange *x, bool early)
{
	if (!is_loops(x) || !x->open || x->waiting || x->answer.status != 0 || x->refusal != 0) {
		return;
	}
	bool full = x->fill != NULL && fill_room(x) == 0;
	if (!x->body.done && (x->fill == NULL || (!full && !early))) {
		return;
	}
	unsigned steps = x->submitted ? 0 : STEP_BEGIN;
	x->in = x->fill;
	x->fill = NULL;
	steps |= x->in != NULL && x->in->used > 0 ? STEP_BODY : 0;
	if (x->body.done) {
		steps |= STEP_END;
		conn_set_state(x->conn, CONN_WAIT);
	}
	submit(x, steps);
}

/* One run of body bytes into the buffer. Returns the status of a refusal. */
static unsigned feed_run(struct exchange *x, struct bytes *in)
{
	struct bytes run;
	uint64_t most = x->service->body_max;
	unsigned status = http1_body_take(&x->body, in, fill_room(x), &run);

	if (run.n > 0) {
		memcpy(x->fill->p + x->fill->used, run.p, run.n);
		x->fill->used += run.n;
		x->received += run.n;
	}
	return status == 0 && most != 0 && x->received > most ? 413 : status;
}

struct bytes exchange_feed(struct exchange *x, struct bytes in)
{
	unsigned status = 0;

	while (in.n > 0 && status == 0 && exchange_wants(x) > 0 && get_fill(x)) {
		status = feed_run(x, &in);
	}
	if (status != 0) {
		exchange_refuse(x, status);
		return in;
	}
	hand_over_body(x, false);
	return in;
}

static void send_continue(struct exchange *x)
{
	if (x->continued) {
		return;
	}
	x->continued = true;
	if (x->request.expect_continue) {
		conn_put(x->conn, BYTES("HTTP/1.1 100 Continue\r\n\r\n"));
		conn_flush(x->conn);
	}
}

void exchange_start(struct exchange *x)
{
	struct conn *c = x->conn;
	const struct http_head *h = &x->request.head;
	size_t gather = x->service->gather_bytes;

	x->body = http1_body_of(h);
	if (x->service->body_max != 0 && h->content_length > 0 &&
	    (uint64_t)h->content_length > x->service->body_max) {
		conn_set_state(c, CONN_BODY);
		exchange_refuse(x, 413);
		return;
	}
	if (x->body.done) {
		/* botocore, once it has got its answer without it, misreads the next one on a connection that is kept. */
		send_continue(x);
		conn_set_state(c, CONN_WAIT);
		submit(x, STEP_BEGIN | STEP_END);
		return;
	}
	conn_set_state(c, CONN_BODY);
	conn_acknowledge(c);
	conn_touch(c, c->loop->httpd->limits.body_idle_ms);
	bool small = h->chunked ? gather > 0 : (uint64_t)h->content_length <= gather;
	if (small && !x->request.expect_continue) {
		x->open = true;
		return;
	}
	submit(x, STEP_BEGIN);
}

/* The answer. */

static void ask_more(struct exchange *x, bool ahead)
{
	size_t least;
	size_t want = answer_step_bytes(x, &least);

	assert(is_loops(x) && x->out == NULL && !x->waiting);
	if (ahead) {
		x->out = buffer_spare(pool_of(x), want, least);
		if (x->out == NULL) {
			return;
		}
	} else {
		x->waiter.want = want;
		x->waiter.least = least;
		x->step_deadline_ms = clock_mono_ms() + x->loop->httpd->limits.request_ms;
		x->out = buffer_wait(pool_of(x), &x->waiter);
		x->waiting = x->out == NULL;
	}
	if (x->out != NULL) {
		submit(x, STEP_MORE);
	}
}

/* Chunk framing goes into the frame around the buffer's bytes, so that one slice is enough. */
static struct bytes frame_chunk(struct exchange *x, struct buffer *b)
{
	struct writer w = writer_fixed(b->p + b->used, BUFFER_FRAME_BYTES);
	static const char digits[] = "0123456789abcdef";
	uint8_t *start = b->p;

	if (b->used > 0) {
		write_text(&w, "\r\n");
		*--start = '\n';
		*--start = '\r';
		for (size_t n = b->used; n > 0; n /= 16) {
			*--start = (uint8_t)digits[n % 16];
		}
	}
	if (x->last) {
		write_text(&w, "0\r\n\r\n");
	}
	return bytes_of(start, (size_t)(b->p - start) + b->used + w.used);
}

/* `sending` was set. `last` speaks of it: no job runs that could have changed it. */
static void put_buffer(struct exchange *x)
{
	struct buffer *b = x->sending;
	struct bytes all = bytes_of(b->p, b->used);

	assert(is_loops(x));
	x->held_since_ms = uv_now(&x->loop->uv);
	conn_put(x->conn, answer_chunked(x) ? frame_chunk(x, b) : all);
	if (!x->last) {
		ask_more(x, true);
	}
}

static bool keeps_alive(const struct exchange *x)
{
	bool ends_itself = x->answer.length >= 0 || !x->request.http10 || !answer_has_body(x);

	return x->request.keep_alive && !x->answer.close && x->body.done && !x->loop->draining &&
	       !x->conn->eof && ends_itself;
}

static void send_first(struct exchange *x)
{
	struct conn *c = x->conn;

	answer_settle(x);
	c->close_after = !keeps_alive(x);
	if (!answer_write_head(x, !c->close_after)) {
		conn_reset(c);
		return;
	}
	x->head_out = true;
	buffer_give(pool_of(x), x->fill); /* of a body that nobody wants any more */
	x->fill = NULL;
	conn_set_state(c, CONN_SEND);
	conn_touch(c, c->loop->httpd->limits.write_idle_ms);
	conn_put(c, writer_bytes(&x->head_out_bytes));
	if (answer_has_body(x) && x->answer.kind == ANSWER_WHOLE) {
		conn_put(c, x->answer.whole);
	}
	if (x->out != NULL) {
		x->sending = x->out;
		x->out = NULL;
		put_buffer(x);
	}
	conn_flush(c);
}

static void answer_came(struct exchange *x)
{
	bool streams = x->answer.kind == ANSWER_STREAM && answer_has_body(x);

	if (x->failed) {
		conn_reset(x->conn);
	} else if (!x->head_out && streams && x->out == NULL) {
		/* The head waits for the first bytes: they may still turn it into an error. */
		buffer_give(pool_of(x), x->fill);
		x->fill = NULL;
		ask_more(x, false);
	} else if (!x->head_out) {
		send_first(x);
	} else {
		x->ready = x->out;
		x->out = NULL;
		conn_flush(x->conn);
	}
}

void exchange_drained(struct exchange *x)
{
	if (!x->head_out) {
		return; /* that was 100 Continue */
	}
	if (x->sending != NULL) {
		count(&x->sent, x->sending->used);
	} else if (x->answer.kind == ANSWER_WHOLE && answer_has_body(x)) {
		atomic_store_explicit(&x->sent, x->answer.whole.n, memory_order_relaxed);
	}
	buffer_give(pool_of(x), x->sending);
	x->sending = NULL;
	if (!is_loops(x) || x->waiting) {
		return; /* the next bytes are being made */
	}
	if (x->ready != NULL) {
		x->sending = x->ready;
		x->ready = NULL;
		put_buffer(x);
	} else if (x->answer.kind == ANSWER_STREAM && answer_has_body(x) && !x->last) {
		ask_more(x, false);
	} else {
		conn_answered(x->conn);
	}
}

/* An answer of the server itself; no step runs any more. */
void exchange_refuse(struct exchange *x, unsigned status)
{
	struct conn *c = x->conn;

	count(&counters_of(x)->refused, 1);
	if (!is_loops(x)) {
		x->refusal = status; /* when the step is back */
		return;
	}
	if (x->head_out || x->waiting) {
		conn_reset(c);
		return;
	}
	if (x->service->refuse != NULL) {
		x->service->refuse(x, status);
	}
	if (x->answer.status == 0 || x->answer.kind == ANSWER_STREAM) {
		answer_plain(x, status);
	}
	if (status == 503) {
		(void)exchange_header(x, "Retry-After", BYTES("1"));
	} else {
		x->answer.close = true;
	}
	if (c->state == CONN_HEAD) {
		conn_set_state(c, CONN_WAIT);
	}
	send_first(x);
}

static void granted(struct exchange *x)
{
	struct buffer *b = x->waiter.granted;

	x->waiting = false;
	x->waiter.granted = NULL;
	if (x->conn == NULL || x->conn->state == CONN_CLOSED) {
		buffer_give(pool_of(x), b);
		if (x->conn == NULL) {
			exchange_finish(x);
		}
	} else if (x->answer.status != 0) {
		x->out = b;
		submit(x, STEP_MORE);
	} else {
		x->fill = b;
		x->held_since_ms = uv_now(&x->loop->uv);
		conn_touch(x->conn, x->loop->httpd->limits.body_idle_ms);
		conn_pump(x->conn);
	}
}

void exchange_came_back(struct exchange *x)
{
	struct conn *c = x->conn;

	if (x->waiting) {
		granted(x);
		return;
	}
	atomic_store_explicit(&x->owner, OWNER_LOOP, memory_order_release);
	if (c == NULL) {
		exchange_finish(x);
		return;
	}
	if (c->state == CONN_CLOSED) {
		return; /* exchange_lost comes next */
	}
	if (x->refusal != 0 && x->answer.status == 0) {
		exchange_refuse(x, x->refusal);
		return;
	}
	if (x->answer.status != 0) {
		answer_came(x);
		return;
	}
	x->open = true;
	conn_touch(c, x->loop->httpd->limits.body_idle_ms);
	if (!x->body.done) {
		send_continue(x);
	}
	hand_over_body(x, false);
	conn_pump(c);
}

/* While others wait for buffers, a slow client must not sit on one: what it sent so far goes to the
 * workers, and one that takes too long in reading, or in sending what must arrive whole, is cut off. */
static void sweep_scarce(struct exchange *x, uint64_t held_ms)
{
	int64_t length = x->request.head.content_length;
	uint64_t size = length >= 0 ? (uint64_t)length : x->received;
	bool one_call = x->body.done || size <= x->service->gather_bytes;
	bool hogging = held_ms > x->loop->httpd->limits.request_ms / HOLD_PART;

	if (x->sending != NULL) {
		if (hogging) {
			conn_reset(x->conn);
		}
	} else if (x->fill != NULL && is_loops(x)) {
		if (hogging && one_call) {
			exchange_refuse(x, 408);
		} else if (held_ms > SWEEP_SCARCE_MS && !one_call) {
			hand_over_body(x, true);
		}
	}
}

void exchange_sweep(struct exchange *x, uint64_t now_ms)
{
	if (x->waiting && now_ms > x->step_deadline_ms) {
		conn_reset(x->conn);
	} else if (x->held_since_ms < now_ms && buffer_scarce(pool_of(x))) {
		sweep_scarce(x, now_ms - x->held_since_ms);
	}
}
