/*
 * A chunked body: whole, byte by byte, and cut somewhere give the same data, chunks, trailers and
 * verdict. Input: one byte for the form, one for the cut, then the body.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/attr.h"
#include "common/sigv4/awschunk.h"

enum { ARENA_BYTES = 64 << 10, INPUT_MAX_BYTES = 64 << 10, CHUNKS_MAX = 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct run {
	struct arena *arena;
	struct awschunk *decoder;
	struct writer data;
	struct sigv4_chunk chunks[CHUNKS_MAX];
	size_t n_chunks;
	enum err result;
};

static enum err take_data(void *context, struct bytes b)
{
	struct run *r = context;

	write_bytes(&r->data, b);
	return writer_end(&r->data);
}

static enum err take_chunk(void *context, const struct sigv4_chunk *chunk)
{
	struct run *r = context;

	if (r->n_chunks == CHUNKS_MAX) {
		return ERR_LIMIT;
	}
	r->chunks[r->n_chunks++] = *chunk;
	return OK;
}

static struct run *run_body(enum sigv4_payload form, int64_t length, struct bytes body, size_t step)
{
	struct run *r = calloc(1, sizeof(*r));

	assert(r != NULL && step > 0);
	r->arena = arena_new(ARENA_BYTES);
	r->data = writer_growing(INPUT_MAX_BYTES);
	r->decoder = awschunk_new(r->arena, form, length,
	                          (struct awschunk_sink){take_data, take_chunk, r});
	assert(r->decoder != NULL);
	while (body.n > 0 && r->result == OK) {
		r->result = awschunk_push(r->decoder, bytes_first(body, step));
		body = bytes_skip(body, step);
	}
	if (r->result == OK) {
		r->result = awschunk_end(r->decoder);
	}
	return r;
}

static void free_run(struct run *r)
{
	writer_free(&r->data);
	arena_free(r->arena);
	free(r);
}

static void check_same(const struct run *x, const struct run *y)
{
	const struct field *left, *right;
	size_t n = awschunk_trailers(x->decoder, &left);

	assert(x->result == y->result);
	assert(bytes_equal(writer_bytes(&x->data), writer_bytes(&y->data)));
	assert(x->n_chunks == y->n_chunks);
	for (size_t i = 0; i < x->n_chunks; i++) {
		assert(memcmp(x->chunks[i].hash, y->chunks[i].hash, sizeof(x->chunks[i].hash)) == 0);
		assert(memcmp(x->chunks[i].signature, y->chunks[i].signature,
		              sizeof(x->chunks[i].signature)) == 0);
		assert(x->chunks[i].trailer == y->chunks[i].trailer);
	}
	assert(awschunk_trailers(y->decoder, &right) == n);
	for (size_t i = 0; i < n; i++) {
		assert(bytes_equal(left[i].name, right[i].name));
		assert(bytes_equal(left[i].value, right[i].value));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum sigv4_payload forms[] = {
		SIGV4_PAYLOAD_UNSIGNED_TRAILER,
		SIGV4_PAYLOAD_CHUNKED,
		SIGV4_PAYLOAD_CHUNKED_TRAILER,
	};

	if (size < 2 || size > INPUT_MAX_BYTES) {
		return 0;
	}
	enum sigv4_payload form = forms[data[0] % COUNT(forms)];
	size_t cut = 1 + (size_t)data[1] * 3;
	struct bytes body = bytes_of(data + 2, size - 2);
	struct run *whole = run_body(form, -1, body, SIZE_MAX);
	struct run *bytewise = run_body(form, -1, body, 1);
	struct run *pieces = run_body(form, -1, body, cut);

	check_same(whole, bytewise);
	check_same(whole, pieces);
	if (whole->result == OK) {
		/* and with the length that came out, but with no other */
		struct run *exact = run_body(form, (int64_t)whole->data.used, body, cut);
		struct run *more = run_body(form, (int64_t)whole->data.used + 1, body, cut);
		check_same(whole, exact);
		assert(more->result == ERR_INPUT);
		free_run(exact);
		free_run(more);
	}
	free_run(whole);
	free_run(bytewise);
	free_run(pieces);
	return 0;
}
