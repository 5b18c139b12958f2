/*
 * HTTP/1.1 framing: however a stream is cut into pieces, the same requests with the same bodies come out of it, and what comes
 * out holds the rules that keep two parsers from differing. The first byte seeds the cutting.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/attr.h"
#include "server/net/http1.h"

enum { REQUESTS_MAX = 16, OUT_MAX = 256 * 1024, ARENA_BYTES = 256 * 1024 };

static const struct http1_limits limits = {.head_bytes = 8192, .headers_max = 64};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct parser {
	struct http1_scan scan;
	struct http1_body body;
	struct writer head;
	bool in_body;
	unsigned status;
	unsigned requests;
	struct writer log; /* everything that was understood, in order */
};

static void check_request(const struct http1_request *r)
{
	size_t at;

	assert(r->head.path.n > 0 && r->head.path.p[0] == '/');
	assert(!bytes_find(r->head.path, ' ', &at) && !bytes_find(r->head.path, '?', &at));
	assert(!(r->head.chunked && r->head.content_length >= 0));
	assert(!(r->head.chunked && r->http10));
	assert(r->head.n_fields <= limits.headers_max);
	unsigned lengths = 0;
	for (size_t i = 0; i < r->head.n_fields; i++) {
		struct bytes v = r->head.fields[i].value;
		assert(r->head.fields[i].name.n > 0);
		assert(!bytes_find(v, '\r', &at) && !bytes_find(v, '\n', &at) && !bytes_find(v, 0, &at));
		lengths += bytes_is_nocase(r->head.fields[i].name, "content-length");
	}
	assert(lengths == (r->head.content_length >= 0));
}

static void note_request(struct parser *p, const struct http1_request *r)
{
	write_bytes(&p->log, r->head.method);
	write_lv32(&p->log, r->head.path);
	write_lv32(&p->log, r->head.query);
	for (size_t i = 0; i < r->head.n_fields; i++) {
		write_lv32(&p->log, r->head.fields[i].name);
		write_lv32(&p->log, r->head.fields[i].value);
	}
	write_u8(&p->log, (uint8_t)(r->keep_alive + 2 * r->expect_continue + 4 * r->http10));
}

static void finish_head(struct parser *p)
{
	struct arena *a = arena_new(ARENA_BYTES);
	struct http1_request r;
	struct bytes head = arena_copy(a, writer_bytes(&p->head));

	p->status = http1_parse_head(head, p->scan.headers, a, &r);
	if (p->status == 0) {
		check_request(&r);
		note_request(p, &r);
		p->body = http1_body_of(&r.head);
		p->in_body = !p->body.done;
		p->requests++;
		p->scan = (struct http1_scan){0};
		p->head.used = 0;
	}
	arena_free(a);
}

static struct bytes feed_head(struct parser *p, struct bytes in)
{
	size_t skip;
	size_t used;

	p->status = http1_scan_head(&p->scan, &limits, in, &skip, &used);
	assert(skip + used <= in.n);
	write_bytes(&p->head, bytes_first(bytes_skip(in, skip), used));
	if (p->status == 0 && p->scan.done) {
		finish_head(p);
	} else {
		assert(p->status != 0 || skip + used == in.n);
	}
	return bytes_skip(in, skip + used);
}

static struct bytes feed_body(struct parser *p, struct bytes in, size_t most)
{
	struct bytes run;
	size_t before = in.n;

	p->status = http1_body_take(&p->body, &in, most, &run);
	assert(run.n <= most && run.n <= before - in.n);
	assert(p->status != 0 || p->body.done || in.n < before);
	write_bytes(&p->log, run);
	p->in_body = !p->body.done;
	if (!p->in_body) {
		write_text(&p->log, "|");
	}
	return in;
}

/* seed 0: all at once. */
static void run(struct parser *p, struct bytes in, unsigned seed)
{
	p->head = writer_growing(limits.head_bytes);
	p->log = writer_growing(OUT_MAX);
	while (in.n > 0 && p->status == 0 && p->requests < REQUESTS_MAX) {
		seed = seed == 0 ? 0 : seed * 1103515245u + 12345u;
		size_t piece = seed == 0 ? in.n : 1 + (seed >> 16) % 37;
		struct bytes part = bytes_first(in, piece);
		size_t before = part.n;
		while (part.n > 0 && p->status == 0 && p->requests < REQUESTS_MAX) {
			part = p->in_body ? feed_body(p, part, 1 + piece % 11) : feed_head(p, part);
		}
		in = bytes_skip(in, before - part.n);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct parser whole = {0};
	struct parser cut = {0};

	if (size < 1) {
		return 0;
	}
	run(&whole, bytes_of(data + 1, size - 1), 0);
	run(&cut, bytes_of(data + 1, size - 1), data[0] + 1u);
	assert(whole.status == cut.status);
	assert(whole.requests == cut.requests);
	assert(bytes_equal(writer_bytes(&whole.log), writer_bytes(&cut.log)));
	writer_free(&whole.head);
	writer_free(&whole.log);
	writer_free(&cut.head);
	writer_free(&cut.log);
	return 0;
}
