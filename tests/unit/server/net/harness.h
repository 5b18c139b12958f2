/*
 * A real server on a port of its own, and a client that speaks raw bytes. Included by each test_httpd*.c once.
 */
#ifndef REMPART_TESTS_NET_HARNESS_H
#define REMPART_TESTS_NET_HARNESS_H
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/attr.h"
#include "common/base/clock.h"
#include "server/net/httpd.h"

enum { ANSWER_MAX = 8 * 1024 * 1024, CLIENT_S = 20 };

/* What the service saw; atomics, because steps run on workers. */
static atomic_uint begun, released, uncommitted_calls, commits;
static atomic_bool commit_fails;
static atomic_uint body_calls;
static sem_t step_entered, step_may_go;

struct request_state {
	uint64_t left;
	uint64_t bytes;
	uint64_t sum;
	unsigned calls;
	unsigned mores;
};

static uint8_t pattern_at(uint64_t i)
{
	return (uint8_t)(i * 7 + i / 251);
}

static enum err answer_text(struct exchange *x, unsigned status, const char *text)
{
	exchange_respond(x, status, (int64_t)strlen(text));
	TRY(exchange_header(x, "Content-Type", BYTES("text/plain")));
	exchange_body(x, bytes_text(text));
	return OK;
}

static bool path_number(struct bytes path, const char *prefix, uint64_t *ret)
{
	struct bytes p = bytes_text(prefix);

	return bytes_starts(path, p) && bytes_u64(bytes_skip(path, p.n), ret) == OK;
}

static enum err test_begin(struct exchange *x)
{
	struct bytes path = exchange_head(x)->path;
	struct request_state *s = arena_alloc(exchange_arena(x), sizeof(*s));
	uint64_t n = 0;

	atomic_fetch_add(&begun, 1);
	exchange_set_state(x, s);
	if (path_number(path, "/stream/", &n)) {
		s->left = n;
		exchange_respond(x, 200, (int64_t)n);
		exchange_stream(x);
	} else if (path_number(path, "/chunked/", &n)) {
		s->left = n;
		exchange_respond(x, 200, -1);
		exchange_stream(x);
	} else if (path_number(path, "/status/", &n)) {
		exchange_respond(x, (unsigned)n, 2);
		exchange_body(x, BYTES("hi"));
	} else if (bytes_is(path, "/body")) {
		TRY(answer_text(x, 200, "hello"));
		TRY(exchange_header(x, "ETag", BYTES("\"abc\"")));
	} else if (bytes_is(path, "/deny")) {
		TRY(answer_text(x, 403, "no"));
	} else if (bytes_is(path, "/error")) {
		return ERR_IO;
	} else if (bytes_starts(path, BYTES("/fail"))) {
		exchange_respond(x, 200, 1024 * 1024);
		exchange_stream(x);
	} else if (bytes_is(path, "/wait")) {
		sem_post(&step_entered);
		sem_wait(&step_may_go);
		TRY(answer_text(x, 200, "waited"));
	}
	return OK;
}

static enum err test_body(struct exchange *x, struct bytes b)
{
	struct request_state *s = exchange_state(x);

	for (size_t i = 0; i < b.n; i++) {
		s->sum = s->sum * 31 + b.p[i];
	}
	s->bytes += b.n;
	s->calls++;
	atomic_fetch_add(&body_calls, 1);
	if (bytes_is(exchange_head(x)->path, "/deny-body")) {
		return answer_text(x, 400, "bad body");
	}
	return bytes_is(exchange_head(x)->path, "/body-error") ? ERR_CORRUPT : OK;
}

static enum err test_end(struct exchange *x)
{
	struct request_state *s = exchange_state(x);
	char *text = arena_alloc(exchange_arena(x), 128);

	if (bytes_is(exchange_head(x)->path, "/silent")) {
		return OK;
	}
	snprintf(text, 128, "bytes=%llu sum=%llu calls=%u", (unsigned long long)s->bytes,
	         (unsigned long long)s->sum, s->calls);
	return answer_text(x, 200, text);
}

static enum err test_more(struct exchange *x, struct writer *out, bool *ret_last)
{
	struct request_state *s = exchange_state(x);
	struct bytes path = exchange_head(x)->path;
	bool first = s->mores++ == 0;

	if (bytes_is(path, "/fail-first") && first) {
		return ERR_CORRUPT;
	}
	if (bytes_is(path, "/fail-replace") && first) {
		write_text(out, "plaintext that must not leave");
		return answer_text(x, 404, "replaced");
	}
	if (bytes_is(path, "/fail-mid") && s->mores == 3) {
		return ERR_CORRUPT;
	}
	if (bytes_starts(path, BYTES("/fail"))) {
		size_t n = 1000;
		memset(writer_reserve(out, n), 'x', n);
		out->used += n;
		*ret_last = bytes_is(path, "/fail-short") && !first;
		return OK;
	}
	size_t n = out->size < s->left ? out->size : (size_t)s->left;
	uint8_t *p = writer_reserve(out, n);
	for (size_t i = 0; i < n; i++) {
		p[i] = pattern_at(s->bytes + i);
	}
	out->used += n;
	s->bytes += n;
	s->left -= n;
	*ret_last = s->left == 0;
	return OK;
}

static void test_release(struct exchange *x)
{
	(void)x;
	atomic_fetch_add(&released, 1);
}

static void test_uncommitted(struct exchange *x, enum err e)
{
	atomic_fetch_add(&uncommitted_calls, 1);
	assert_int_equal(e, ERR_FULL);
	assert_int_equal(answer_text(x, 507, "not durable"), OK);
}

UNUSED static enum err test_commit(void *context)
{
	(void)context;
	atomic_fetch_add(&commits, 1);
	return atomic_load(&commit_fails) ? ERR_FULL : OK;
}

struct server {
	struct http_service service;
	struct http_limits limits;
	struct worker_options workers;
	struct listener_options listener;
	struct worker_pool *pool;
	struct httpd *httpd;
	pthread_t thread;
	uint16_t port;
};

static void *run_server(void *arg)
{
	struct server *s = arg;

	assert_int_equal(httpd_run(s->httpd, NULL, NULL), OK);
	return NULL;
}

/* Defaults that a test then changes before server_start. */
static struct server server_default(void)
{
	return (struct server){
		.service = {.name = "test",
	                    .gather_bytes = 4096,
	                    .begin = test_begin,
	                    .body = test_body,
	                    .end = test_end,
	                    .more = test_more,
	                    .uncommitted = test_uncommitted,
	                    .release = test_release},
		.limits = http_limits_default(),
		.workers = {.threads = 2, .queue_max = 1000, .batch_max = 1, .name = "test"},
		.listener = {.address = "127.0.0.1"},
	};
}

static void server_start(struct server *s)
{
	struct report r = {0};

	atomic_store(&begun, 0);
	atomic_store(&released, 0);
	atomic_store(&body_calls, 0);
	atomic_store(&uncommitted_calls, 0);
	atomic_store(&commits, 0);
	atomic_store(&commit_fails, false);
	sem_init(&step_entered, 0, 0);
	sem_init(&step_may_go, 0, 0);
	assert_int_equal(worker_pool_new(&s->workers, &s->pool), OK);
	assert_int_equal(httpd_new(&s->limits, &s->httpd), OK);
	s->listener.service = &s->service;
	s->listener.pool = s->pool;
	if (httpd_listen(s->httpd, &s->listener, &r) != OK) {
		fail_msg("listen: %s", r.text);
	}
	s->port = httpd_port(s->httpd, 0);
	assert_int_equal(pthread_create(&s->thread, NULL, run_server, s), 0);
}

/* Drains, and checks that every begun request was released exactly once. */
static void server_stop(struct server *s)
{
	httpd_stop(s->httpd);
	pthread_join(s->thread, NULL);
	worker_pool_stop(s->pool);
	httpd_free(s->httpd);
	assert_int_equal(atomic_load(&begun), atomic_load(&released));
	sem_destroy(&step_entered);
	sem_destroy(&step_may_go);
}

static int client_open(const struct server *s)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(s->port)};
	struct timeval t = {.tv_sec = CLIENT_S};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

/* false when the server has had enough. */
UNUSED static bool client_send(int fd, const void *p, size_t n)
{
	const char *at = p;

	while (n > 0) {
		ssize_t done = send(fd, at, n, MSG_NOSIGNAL);
		if (done <= 0) {
			return false;
		}
		at += done;
		n -= (size_t)done;
	}
	return true;
}

UNUSED static void client_say(int fd, const char *text)
{
	(void)client_send(fd, text, strlen(text));
}

struct reply {
	char *p;
	size_t n;
	bool reset;   /* ended by RST, not by FIN */
	bool timeout;
};

/* All until the server closes. */
UNUSED static struct reply client_read_all(int fd)
{
	struct reply r = {.p = malloc(ANSWER_MAX + 1)};
	ssize_t n;

	assert_non_null(r.p);
	while ((n = recv(fd, r.p + r.n, ANSWER_MAX - r.n, 0)) > 0) {
		r.n += (size_t)n;
	}
	r.reset = n < 0 && errno == ECONNRESET;
	r.timeout = n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
	r.p[r.n] = 0;
	return r;
}

/* Until `text` was seen; fails when the server closes before. */
UNUSED static struct reply client_read_until(int fd, const char *text)
{
	struct reply r = {.p = malloc(ANSWER_MAX + 1)};

	assert_non_null(r.p);
	r.p[0] = 0;
	while (strstr(r.p, text) == NULL) {
		ssize_t n = recv(fd, r.p + r.n, ANSWER_MAX - r.n, 0);
		if (n <= 0) {
			fail_msg("closed before '%s': %s", text, r.p);
		}
		r.n += (size_t)n;
		r.p[r.n] = 0;
	}
	return r;
}

static void reply_free(struct reply *r)
{
	free(r->p);
	r->p = NULL;
}

UNUSED static unsigned reply_status(const struct reply *r)
{
	return r->n > 12 && strncmp(r->p, "HTTP/1.1 ", 9) == 0 ? (unsigned)strtoul(r->p + 9, NULL, 10)
	                                                        : 0;
}

UNUSED static const char *reply_body(const struct reply *r)
{
	const char *end = strstr(r->p, "\r\n\r\n");

	return end == NULL ? "" : end + 4;
}

/* One request on a connection of its own; the server is asked to close. */
UNUSED static struct reply ask(const struct server *s, const char *request)
{
	int fd = client_open(s);

	client_say(fd, request);
	struct reply r = client_read_all(fd);
	close(fd);
	return r;
}

UNUSED static void expect_status(const struct server *s, const char *request, unsigned status)
{
	struct reply r = ask(s, request);

	if (reply_status(&r) != status || r.timeout) {
		fail_msg("wanted %u for <<%s>>, got <<%s>>", status, request, r.p);
	}
	reply_free(&r);
}

/* Wait for something that must come; only a broken server makes this slow. */
#define EVENTUALLY(condition)                                                                      \
	do {                                                                                       \
		uint64_t until_ = clock_mono_ms() + CLIENT_S * 1000;                               \
		while (!(condition) && clock_mono_ms() < until_) {                                 \
			usleep(2000);                                                              \
		}                                                                                  \
		assert_true(condition);                                                            \
	} while (0)

#endif
