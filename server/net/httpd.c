/*
 * The server as its owner sees it: limits, listeners, signals, counters. The calling thread of
 * httpd_run waits for signals; the loops have threads of their own.
 */
#include "server/net/httpd.h"

#include <assert.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "common/base/log.h"
#include "server/net/net.h"

enum {
	FILES_RESERVED = 256, /* for storage, index, logs */
	MIB = 1024 * 1024,
};

struct http_limits http_limits_default(void)
{
	return (struct http_limits){
		.loops = 0,
		.connections_max = 12000,
		.buffer_total_bytes = (size_t)64 * MIB,
		.head_bytes = 16 * 1024,
		.headers_max = 128,
		.head_ms = 15 * 1000,
		.idle_ms = 60 * 1000,
		.body_idle_ms = 60 * 1000,
		.write_idle_ms = 60 * 1000,
		.tls_ms = 10 * 1000,
		.request_ms = 60 * 1000,
		.drain_ms = 30 * 1000,
	};
}

static unsigned count_cores(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) != 0) {
		return 1;
	}
	int n = CPU_COUNT(&set);
	return n < 1 ? 1 : (unsigned)n;
}

static void raise_files(struct http_limits *limits)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) != 0) {
		return;
	}
	r.rlim_cur = r.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &r);
	rlim_t most = r.rlim_max > 2 * FILES_RESERVED ? r.rlim_max - FILES_RESERVED : r.rlim_max / 2;
	if (limits->connections_max > most) {
		limits->connections_max = (unsigned)most;
		LOG(LOG_WARN, "net.limits", LOG_U64("connections_max", most),
		    LOG_STR("do", "the limit of open files allows no more: raise LimitNOFILE="));
	}
}

static void on_stop(uv_async_t *stop)
{
	struct httpd *h = stop->data;

	for (unsigned i = 0; i < h->n_loops; i++) {
		loop_order_drain(&h->loops[i]);
	}
	uv_stop(&h->control);
}

static void reload_certificates(struct httpd *h)
{
	for (unsigned i = 0; i < h->n_listeners; i++) {
		struct report report = {0};
		enum err e = listen_reload(&h->listeners[i], &report);
		if (e != OK) {
			LOG(LOG_ERROR, "net.reload", LOG_ERR(e), LOG_STR("reason", report.text),
			    LOG_STR("do", "the old certificate stays in use; repair and send SIGHUP again"));
		} else if (h->listeners[i].o.certificate != NULL) {
			LOG(LOG_INFO, "net.reload", LOG_STR("certificate", h->listeners[i].certificate));
		}
	}
}

static void on_signal(uv_signal_t *signal, int number)
{
	struct httpd *h = signal->data;

	if (number != SIGHUP) {
		LOG(LOG_INFO, "net.stop", LOG_U64("signal", number));
		on_stop(&h->stop);
		return;
	}
	reload_certificates(h);
	if (h->reload != NULL) {
		h->reload(h->reload_context);
	}
}

static enum err init_control(struct httpd *h)
{
	if (uv_loop_init(&h->control) != 0) {
		return ERR_IO;
	}
	h->control_ready = true;
	h->stop.data = h;
	if (uv_async_init(&h->control, &h->stop, on_stop) != 0) {
		return ERR_IO;
	}
	for (size_t i = 0; i < COUNT(h->signals); i++) {
		h->signals[i].data = h;
		if (uv_signal_init(&h->control, &h->signals[i]) != 0) {
			return ERR_IO;
		}
	}
	return OK;
}

static enum err init(struct httpd *h)
{
	unsigned n = h->limits.loops != 0 ? h->limits.loops : count_cores();

	h->buffers = buffer_pool_new(h->limits.buffer_total_bytes);
	h->loops = calloc(n, sizeof(h->loops[0]));
	if (h->buffers == NULL || h->loops == NULL) {
		return ERR_NOMEM;
	}
	TRY(init_control(h));
	for (unsigned i = 0; i < n; i++) {
		h->n_loops++;
		TRY(loop_init(&h->loops[i], h, i));
	}
	return OK;
}

enum err httpd_new(const struct http_limits *limits, struct httpd **ret)
{
	if (limits->loops > LOOPS_MAX || limits->head_bytes == 0 || limits->headers_max == 0 ||
	    limits->buffer_total_bytes < BUFFER_LARGE_BYTES) {
		return ERR_INPUT;
	}
	struct httpd *h = calloc(1, sizeof(*h));
	if (h == NULL) {
		return ERR_NOMEM;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	h->limits = *limits;
	h->head_limits = (struct http1_limits){limits->head_bytes, limits->headers_max};
	raise_files(&h->limits);
	enum err e = init(h);
	if (e != OK) {
		httpd_free(h);
		return e;
	}
	*ret = h;
	return OK;
}

static bool copy_text(const char *text, char **ret)
{
	*ret = text != NULL ? strdup(text) : NULL;
	return text == NULL || *ret != NULL;
}

enum err httpd_listen(struct httpd *h, const struct listener_options *o, struct report *ret_report)
{
	if (h->n_listeners == LISTENERS_MAX) {
		return report_set(ret_report, ERR_LIMIT, (const char *[]){"too many listeners", NULL});
	}
	struct listener *n = &h->listeners[h->n_listeners];
	*n = (struct listener){.o = *o, .httpd = h};
	pthread_mutex_init(&n->lock, NULL);
	h->n_listeners++; /* from here on httpd_free cleans it up */
	if (!copy_text(o->address, &n->address) || !copy_text(o->certificate, &n->certificate) ||
	    !copy_text(o->key, &n->key) || !copy_text(o->client_ca, &n->client_ca)) {
		return ERR_NOMEM;
	}
	n->o.address = n->address;
	n->o.certificate = n->certificate;
	n->o.key = n->key;
	n->o.client_ca = n->client_ca;
	return listen_open(n, ret_report);
}

uint16_t httpd_port(const struct httpd *h, unsigned i)
{
	assert(i < h->n_listeners);
	return h->listeners[i].port;
}

static enum err start_signals(struct httpd *h)
{
	static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};

	for (size_t i = 0; i < COUNT(numbers); i++) {
		if (uv_signal_start(&h->signals[i], on_signal, numbers[i]) != 0) {
			return ERR_IO;
		}
	}
	return OK;
}

enum err httpd_run(struct httpd *h, void (*reload)(void *context), void *context)
{
	h->reload = reload;
	h->reload_context = context;
	enum err e = start_signals(h);
	for (unsigned i = 0; i < h->n_loops && e == OK; i++) {
		e = loop_start(&h->loops[i]);
	}
	if (e == OK) {
		(void)uv_run(&h->control, UV_RUN_DEFAULT);
	} else {
		on_stop(&h->stop);
	}
	for (unsigned i = 0; i < h->n_loops; i++) {
		loop_join(&h->loops[i]);
	}
	return e;
}

void httpd_stop(struct httpd *h)
{
	(void)uv_async_send(&h->stop);
}

static void close_handle(uv_handle_t *handle, void *arg)
{
	(void)arg;
	if (!uv_is_closing(handle)) {
		uv_close(handle, NULL);
	}
}

void httpd_free(struct httpd *h)
{
	if (h == NULL) {
		return;
	}
	for (unsigned i = 0; i < h->n_loops; i++) {
		loop_free(&h->loops[i]);
	}
	if (h->control_ready) {
		uv_walk(&h->control, close_handle, NULL);
		(void)uv_run(&h->control, UV_RUN_DEFAULT);
		(void)uv_loop_close(&h->control);
	}
	for (unsigned i = 0; i < h->n_listeners; i++) {
		listen_free(&h->listeners[i]);
	}
	buffer_pool_free(h->buffers);
	free(h->loops);
	free(h);
}

static uint64_t read_counter(const _Atomic uint64_t *c)
{
	return atomic_load_explicit(c, memory_order_relaxed);
}

void httpd_stats(const struct httpd *h, struct http_stats *ret)
{
	const struct counters *c = &h->counters;

	*ret = (struct http_stats){
		.connections = read_counter(&c->connections),
		.connections_open = read_counter(&c->open),
		.requests = read_counter(&c->requests),
		.requests_busy = read_counter(&c->busy),
		.refused = read_counter(&c->refused),
		.bytes_in = read_counter(&c->in),
		.bytes_out = read_counter(&c->out),
		.tls_failures = read_counter(&c->tls_failures),
		.buffer_waits = buffer_waits(h->buffers),
	};
	for (size_t i = 0; i < COUNT(ret->status); i++) {
		ret->status[i] = read_counter(&c->status[i]);
	}
}
