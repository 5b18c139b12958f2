/*
 * A server for measuring what loop, hop and TLS cost by themselves: GET /<bytes> is streamed from memory,
 * GET /whole/<bytes> answers in one piece, PUT reads and counts.
 *
 *   net HTTP_PORT [HTTPS_PORT CERTIFICATE KEY]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/net/httpd.h"

enum { QUEUE_MAX = 10000, THREADS = 2, WHOLE_MAX = 256 * 1024 };

static uint8_t pattern[WHOLE_MAX];

struct state {
	uint64_t left;
};

static enum err begin(struct exchange *x)
{
	const struct http_head *h = exchange_head(x);
	struct state *s = arena_alloc(exchange_arena(x), sizeof(*s));
	struct bytes path = bytes_skip(h->path, 1);
	bool whole = bytes_starts(path, BYTES("whole/"));

	if (s == NULL) {
		return ERR_LIMIT;
	}
	exchange_set_state(x, s);
	if (bytes_is(h->method, "PUT")) {
		return OK;
	}
	if (bytes_u64(whole ? bytes_skip(path, 6) : path, &s->left) != OK) {
		exchange_respond(x, 404, 0);
		return OK;
	}
	exchange_respond(x, 200, (int64_t)s->left);
	if (whole && s->left <= WHOLE_MAX) {
		exchange_body(x, bytes_of(pattern, s->left));
	} else {
		exchange_stream(x);
	}
	return OK;
}

static enum err body(struct exchange *x, struct bytes b)
{
	struct state *s = exchange_state(x);

	s->left += b.n;
	return OK;
}

static enum err end(struct exchange *x)
{
	exchange_respond(x, 200, 0);
	return OK;
}

static enum err more(struct exchange *x, struct writer *out, bool *ret_last)
{
	struct state *s = exchange_state(x);
	size_t n = out->size - out->used;

	n = s->left < n ? (size_t)s->left : n;
	write_bytes(out, bytes_of(pattern, n));
	s->left -= n;
	*ret_last = s->left == 0;
	return OK;
}

static void release(struct exchange *x)
{
	(void)x;
}

int main(int argc, char **argv)
{
	static const struct http_service service = {
		.name = "bench",
		.gather_bytes = 64 * 1024,
		.begin = begin,
		.body = body,
		.end = end,
		.more = more,
		.release = release,
	};
	struct worker_options w = {
		.threads = THREADS, .queue_max = QUEUE_MAX, .batch_max = 1, .name = "bench"};
	struct http_limits limits = http_limits_default();
	struct worker_pool *pool = NULL;
	struct httpd *h = NULL;
	struct report r = {0};

	if (argc != 2 && argc != 5) {
		fprintf(stderr, "usage: net HTTP_PORT [HTTPS_PORT CERTIFICATE KEY]\n");
		return 2;
	}
	if (worker_pool_new(&w, &pool) != OK || httpd_new(&limits, &h) != OK) {
		return 1;
	}
	struct listener_options o = {.address = "127.0.0.1",
	                             .port = (uint16_t)strtoul(argv[1], NULL, 10),
	                             .service = &service,
	                             .pool = pool};
	enum err e = httpd_listen(h, &o, &r);
	if (e == OK && argc == 5) {
		o.port = (uint16_t)strtoul(argv[2], NULL, 10);
		o.certificate = argv[3];
		o.key = argv[4];
		e = httpd_listen(h, &o, &r);
	}
	if (e != OK) {
		fprintf(stderr, "net: %s\n", r.text);
		return 1;
	}
	e = httpd_run(h, NULL, NULL);
	worker_pool_stop(pool);
	httpd_free(h);
	return e == OK ? 0 : 1;
}
