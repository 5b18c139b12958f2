/*
 * One event loop on one thread. Workers give exchanges back through a list that takes one atomic
 * exchange to empty; one wake-up serves all that came meanwhile.
 */
#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/secret.h"
#include "common/codec/date.h"
#include "server/net/net.h"

enum {
	LOOP_STACK_BYTES = 1024 * 1024,
	LOOP_NAME_MAX = 16,
	MS_PER_S = 1000,
};

void loop_news(struct exchange *x)
{
	struct loop *l = x->loop;

	atomic_fetch_add_explicit(&l->senders, 1, memory_order_relaxed);
	struct exchange *first = atomic_load_explicit(&l->news, memory_order_relaxed);
	do {
		x->next_done = first;
	} while (!atomic_compare_exchange_weak_explicit(&l->news, &first, x, memory_order_release,
	                                                memory_order_relaxed));
	if (first == NULL) {
		(void)uv_async_send(&l->wake);
	}
	atomic_fetch_sub_explicit(&l->senders, 1, memory_order_release);
}

/* All news, oldest first. */
static struct exchange *take_news(struct loop *l)
{
	struct exchange *x = atomic_exchange_explicit(&l->news, NULL, memory_order_acquire);
	struct exchange *oldest = NULL;

	while (x != NULL) {
		struct exchange *next = x->next_done;
		x->next_done = oldest;
		oldest = x;
		x = next;
	}
	return oldest;
}

void loop_next_id(struct loop *l, uint8_t *ret_id)
{
	if (l->ids_left == 0) {
		random_bytes(l->ids, sizeof(l->ids));
		l->ids_left = IDS_AHEAD;
	}
	memcpy(ret_id, l->ids[--l->ids_left], ID_BYTES);
}

const char *loop_date(struct loop *l)
{
	uint64_t now_ms = clock_real_ms();

	if (now_ms / MS_PER_S != l->date_second) {
		struct writer w = writer_fixed(l->date, sizeof(l->date) - 1);
		l->date_second = now_ms / MS_PER_S;
		date_write_http(&w, now_ms);
		l->date[w.used] = 0;
	}
	return l->date;
}

/* One wake-up for all clean-ups of a turn; often a request has woken the worker meanwhile. */
void loop_owes_wake(struct loop *l, struct worker_pool *p)
{
	if (l->owed != NULL && l->owed != p) {
		worker_wake(l->owed);
	}
	l->owed = p;
}

static void on_before_sleep(uv_prepare_t *prepare)
{
	struct loop *l = prepare->data;

	if (l->owed != NULL) {
		worker_wake(l->owed);
		l->owed = NULL;
	}
}

static void close_handle(uv_handle_t *handle, void *arg)
{
	(void)arg;
	if (!uv_is_closing(handle)) {
		uv_close(handle, NULL);
	}
}

static void close_doors(struct loop *l)
{
	for (unsigned i = 0; i < l->httpd->n_listeners; i++) {
		if (l->doors[i].loop != NULL) {
			close_handle((uv_handle_t *)&l->doors[i].tcp, NULL);
		}
	}
}

static void on_sweep(uv_timer_t *timer);

static void begin_drain(struct loop *l)
{
	if (l->draining) {
		return;
	}
	l->draining = true;
	l->drain_until_ms = uv_now(&l->uv) + l->httpd->limits.drain_ms;
	close_doors(l);
	for (struct conn *c = l->conns; c != NULL; c = c->next) {
		conn_drain(c);
	}
	(void)uv_timer_start(&l->sweep, on_sweep, DRAIN_POLL_MS, DRAIN_POLL_MS);
}

static bool is_empty(struct loop *l)
{
	return l->n_conns == 0 && atomic_load_explicit(&l->senders, memory_order_acquire) == 0 &&
	       atomic_load_explicit(&l->exchanges, memory_order_acquire) == 0;
}

static void end_drain(struct loop *l)
{
	bool late = uv_now(&l->uv) > l->drain_until_ms;

	for (struct conn *c = l->conns; c != NULL && late; c = c->next) {
		conn_reset(c);
	}
	if (is_empty(l)) {
		close_handle((uv_handle_t *)&l->sweep, NULL);
		close_handle((uv_handle_t *)&l->wake, NULL);
		close_handle((uv_handle_t *)&l->before_sleep, NULL);
	}
}

static void on_sweep(uv_timer_t *timer)
{
	struct loop *l = timer->data;
	uint64_t now_ms = uv_now(&l->uv);

	/* A connection leaves the list only in its close callback: the list stands still here. */
	for (struct conn *c = l->conns; c != NULL; c = c->next) {
		conn_sweep(c, now_ms);
	}
	if (l->draining) {
		end_drain(l);
	} else {
		for (unsigned i = 0; i < l->httpd->n_listeners; i++) {
			listen_retry(&l->doors[i]);
		}
		bool scarce = buffer_scarce(l->httpd->buffers);
		uv_timer_set_repeat(timer, scarce ? SWEEP_SCARCE_MS : SWEEP_MS);
	}
}

static void on_wake(uv_async_t *wake)
{
	struct loop *l = wake->data;
	struct exchange *x = take_news(l);

	while (x != NULL) {
		struct exchange *next = x->next_done;
		exchange_came_back(x);
		x = next;
	}
	if (atomic_load_explicit(&l->order, memory_order_acquire) != 0) {
		begin_drain(l);
	}
}

enum err loop_init(struct loop *l, struct httpd *h, unsigned index)
{
	l->httpd = h;
	l->index = index;
	l->read = malloc(LOOP_READ_BYTES);
	l->text = malloc(TLS_PIECE_BYTES);
	l->piece = malloc(TLS_PIECE_BYTES);
	l->cipher = malloc(LOOP_CIPHER_BYTES);
	if (l->read == NULL || l->text == NULL || l->piece == NULL || l->cipher == NULL) {
		return ERR_NOMEM;
	}
	if (uv_loop_init(&l->uv) != 0) {
		return ERR_IO;
	}
	l->ready = true;
	l->wake.data = l;
	l->sweep.data = l;
	l->before_sleep.data = l;
	if (uv_async_init(&l->uv, &l->wake, on_wake) != 0 ||
	    uv_timer_init(&l->uv, &l->sweep) != 0 ||
	    uv_prepare_init(&l->uv, &l->before_sleep) != 0) {
		return ERR_IO;
	}
	return OK;
}

static void *run(void *arg)
{
	struct loop *l = arg;
	char name[LOOP_NAME_MAX];

	(void)snprintf(name, sizeof(name), "net-%u", l->index);
	(void)pthread_setname_np(pthread_self(), name);
	uv_update_time(&l->uv);
	(void)uv_timer_start(&l->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
	(void)uv_prepare_start(&l->before_sleep, on_before_sleep);
	(void)uv_run(&l->uv, UV_RUN_DEFAULT);
	return NULL;
}

enum err loop_start(struct loop *l)
{
	pthread_attr_t attr;

	if (pthread_attr_init(&attr) != 0) {
		return ERR_NOMEM;
	}
	int rc = pthread_attr_setstacksize(&attr, LOOP_STACK_BYTES);
	rc = rc == 0 ? pthread_create(&l->thread, &attr, run, l) : rc;
	pthread_attr_destroy(&attr);
	l->running = rc == 0;
	return rc == 0 ? OK : err_from_errno(rc);
}

void loop_order_drain(struct loop *l)
{
	atomic_store_explicit(&l->order, 1, memory_order_release);
	(void)uv_async_send(&l->wake);
}

void loop_join(struct loop *l)
{
	if (l->running) {
		pthread_join(l->thread, NULL);
		l->running = false;
	}
}

void loop_free(struct loop *l)
{
	assert(!l->running);
	if (l->ready) {
		uv_walk(&l->uv, close_handle, NULL);
		(void)uv_run(&l->uv, UV_RUN_DEFAULT);
		int rc = uv_loop_close(&l->uv);
		assert(rc == 0);
		(void)rc;
	}
	free(l->read);
	free(l->text);
	free(l->piece);
	free(l->cipher);
}
