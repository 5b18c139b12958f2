/*
 * Evidence from a gateway that nobody trusts. What claims_read accepts is one text only: its parts
 * put together again are the input, and its path and query are what sigv4_read would have written.
 */
#include <assert.h>

#include "common/base/attr.h"
#include "common/sigv4/sigv4.h"

enum { ARENA_BYTES = 4 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_parts(struct bytes input, const struct sigv4_claims *c)
{
	struct writer w = writer_growing(SIGV4_CANONICAL_MAX);

	write_bytes(&w, c->method);
	write_u8(&w, '\n');
	write_bytes(&w, c->path);
	write_u8(&w, '\n');
	write_bytes(&w, c->query);
	write_u8(&w, '\n');
	for (size_t i = 0; i < c->n_headers; i++) {
		size_t at;
		assert(!bytes_find(c->headers[i].value, '\n', &at));
		write_bytes(&w, c->headers[i].name);
		write_u8(&w, ':');
		write_bytes(&w, c->headers[i].value);
		write_u8(&w, '\n');
	}
	write_u8(&w, '\n');
	for (size_t i = 0; i < c->n_headers; i++) {
		write_text(&w, i == 0 ? "" : ";");
		write_bytes(&w, c->headers[i].name);
	}
	write_u8(&w, '\n');
	write_bytes(&w, c->content_hash);
	assert(bytes_equal(writer_bytes(&w), input));
	writer_free(&w);
}

/* The same method, path and query, read as an anonymous request. */
static void check_canonical(const struct sigv4_claims *c)
{
	AUTO(arena_freep) struct arena *a = arena_new(ARENA_BYTES);
	const struct sigv4_request r = {c->method, c->path, c->query, NULL, 0};
	struct sigv4_evidence e;
	struct sigv4_claims again;
	enum sigv4_fault fault;

	if (sigv4_read(a, &r, BYTES("s3"), BYTES(""), &e, &fault) != OK ||
	    e.kind != SIGV4_ANONYMOUS) {
		return; /* the query of a presigned request */
	}
	enum err result = sigv4_claims_read(e.canonical, &again);
	assert(result == OK);
	(void)result;
	assert(bytes_equal(again.method, c->method) && bytes_equal(again.path, c->path));
	assert(bytes_equal(again.query, c->query));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes input = bytes_of(data, size);
	struct sigv4_claims c;

	if (sigv4_claims_read(input, &c) == OK) {
		check_parts(input, &c);
		check_canonical(&c);
	}
	return 0;
}
