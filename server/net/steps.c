/*
 * The worker's side of a request: one job runs the steps that need not wait for anything between
 * them. While it runs, the exchange is the worker's; the loop looks only at its own fields.
 */
#include <assert.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/codec/hex.h"
#include "server/net/net.h"

const struct http_head *exchange_head(const struct exchange *x)
{
	return &x->request.head;
}

const struct http_peer *exchange_peer(const struct exchange *x)
{
	return &x->peer;
}

struct arena *exchange_arena(struct exchange *x)
{
	return x->arena;
}

void *exchange_context(const struct exchange *x)
{
	return x->service->context;
}

void *exchange_state(const struct exchange *x)
{
	return x->state;
}

void exchange_set_state(struct exchange *x, void *state)
{
	x->state = state;
}

const uint8_t *exchange_id(const struct exchange *x)
{
	return x->id;
}

uint64_t exchange_deadline_ms(const struct exchange *x)
{
	return x->step_deadline_ms;
}

const struct bytes *exchange_field(const struct exchange *x, const char *name)
{
	const struct http_head *h = &x->request.head;

	for (size_t i = 0; i < h->n_fields; i++) {
		if (bytes_is_nocase(h->fields[i].name, name)) {
			return &h->fields[i].value;
		}
	}
	return NULL;
}

static void complain(const struct exchange *x, const char *event, enum err e)
{
	char id[2 * ID_BYTES];
	struct writer w = writer_fixed(id, sizeof(id));

	hex_write(&w, bytes_of(x->id, ID_BYTES));
	LOG(LOG_ERROR, event, LOG_STR("service", x->service->name),
	    LOG_BYTES("request", writer_bytes(&w)), LOG_ERR(e));
}

static void drop_out(struct exchange *x)
{
	buffer_give(x->loop->httpd->buffers, x->out);
	x->out = NULL;
}

/* Nothing more can be made of this answer. */
static void fail_answer(struct exchange *x)
{
	drop_out(x);
	if (x->head_out) {
		x->failed = true;
	} else {
		answer_plain(x, 500);
	}
}

/* What `more` made must fit what was announced, or the client would take a broken body for a whole one. */
static bool fits(struct exchange *x, size_t n)
{
	x->made += n;
	if (x->answer.length < 0) {
		return n > 0 || x->last;
	}
	uint64_t length = (uint64_t)x->answer.length;
	if (x->made == length) {
		x->last = true;
	}
	return x->made <= length && (x->last ? x->made == length : n > 0);
}

static void run_more(struct exchange *x)
{
	unsigned generation = x->answer.generation;
	struct writer w = writer_fixed(x->out->p, x->out->size);
	bool last = false;
	enum err e = ERR_INPUT;

	if (x->answer.length >= 0 && (uint64_t)x->answer.length - x->made < w.size) {
		w.size = (size_t)((uint64_t)x->answer.length - x->made);
	}
	if (x->service->more != NULL) {
		e = x->service->more(x, &w, &last);
	}
	if (x->answer.generation != generation) {
		drop_out(x); /* replaced by a proper error */
		return;
	}
	x->last = last;
	if (e != OK || w.full || !fits(x, w.used)) {
		complain(x, "net.more", e != OK ? e : ERR_LIMIT);
		fail_answer(x);
		return;
	}
	x->out->used = w.used;
}

size_t answer_step_bytes(const struct exchange *x, size_t *ret_least)
{
	size_t want = x->service->chunk_bytes;

	want = want == 0 ? BUFFER_LARGE_BYTES : want;
	if (x->answer.length >= 0 && (uint64_t)x->answer.length - x->made < want) {
		want = (size_t)((uint64_t)x->answer.length - x->made);
	}
	*ret_least = want < BUFFER_MIDDLE_BYTES ? want : BUFFER_MIDDLE_BYTES;
	return want;
}

/* The first bytes of the answer, when a buffer is at hand; otherwise the loop waits for one. */
static void run_first_more(struct exchange *x)
{
	size_t least;
	size_t want = answer_step_bytes(x, &least);

	x->out = buffer_try(x->loop->httpd->buffers, want, least);
	if (x->out != NULL) {
		run_more(x);
	}
}

static void run_request(struct exchange *x)
{
	const struct http_service *s = x->service;
	enum err e = OK;

	if (x->steps & STEP_BEGIN) {
		x->begun = true;
		e = s->begin(x);
	}
	if (e == OK && x->answer.status == 0 && (x->steps & STEP_BODY) && s->body != NULL) {
		e = s->body(x, bytes_of(x->in->p, x->in->used));
	}
	if (e == OK && x->answer.status == 0 && (x->steps & STEP_END)) {
		e = s->end != NULL ? s->end(x) : ERR_INPUT;
		e = e == OK && x->answer.status == 0 ? ERR_INPUT : e;
	}
	if (e != OK && x->answer.status == 0) {
		complain(x, "net.step", e);
		answer_plain(x, 500);
	}
}

void steps_run(struct worker_job *job)
{
	struct exchange *x = (struct exchange *)job;

	assert(atomic_load_explicit(&x->owner, memory_order_relaxed) == OWNER_WORKER);
	if (x->steps & STEP_RELEASE) {
		x->service->release(x);
		return;
	}
	if (x->steps & STEP_MORE) {
		run_more(x);
		return;
	}
	run_request(x);
	buffer_give(x->loop->httpd->buffers, x->in);
	x->in = NULL;
	if (x->answer.kind == ANSWER_STREAM && answer_has_body(x)) {
		run_first_more(x);
	}
}

/* The steps ran, but what they did is not durable: nothing of their answer may leave. */
static void uncommit(struct exchange *x, enum err e)
{
	unsigned generation = x->answer.generation;

	complain(x, "net.commit", e);
	drop_out(x);
	if (x->head_out) {
		x->failed = true;
		return;
	}
	if (x->service->uncommitted != NULL && !x->replaced) {
		x->replaced = true;
		x->service->uncommitted(x, e);
	}
	if (x->answer.generation == generation) {
		answer_plain(x, 500);
	}
}

void steps_done(struct worker_job *job, enum err committed)
{
	struct exchange *x = (struct exchange *)job;

	if (x->steps & STEP_RELEASE) {
		exchange_free(x);
		return;
	}
	if (committed != OK) {
		uncommit(x, committed);
	}
	loop_news(x);
}
