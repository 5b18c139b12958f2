/*
 * A form: whole, byte by byte, and cut somewhere give the same fields, file and verdict. Input: a byte for the cut, a byte for the
 * length of the boundary, the boundary, then the body.
 */
#include <assert.h>
#include <stdlib.h>

#include "common/codec/form.h"

enum { ARENA_BYTES = 64 << 10, INPUT_MAX_BYTES = 64 << 10 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct run {
	struct arena *arena;
	struct form *form;
	struct writer fields, file;
	size_t calls;
	enum err result;
};

static enum err take_fields(void *context, const struct field *fields, size_t n, struct bytes file_name)
{
	struct run *r = context;

	assert(r->calls++ == 0 && n <= FORM_FIELDS_MAX && r->file.used == 0);
	for (size_t i = 0; i < n; i++) {
		assert(fields[i].name.n > 0);
		write_lv32(&r->fields, fields[i].name);
		write_lv32(&r->fields, fields[i].value);
	}
	write_lv32(&r->fields, file_name);
	return OK;
}

static enum err take_file(void *context, struct bytes b)
{
	struct run *r = context;

	assert(r->calls == 1 && b.n > 0);
	write_bytes(&r->file, b);
	return OK;
}

static struct run *run_body(struct bytes boundary, struct bytes body, size_t step)
{
	struct run *r = calloc(1, sizeof(*r));

	assert(r != NULL && step > 0);
	r->arena = arena_new(ARENA_BYTES);
	r->fields = writer_growing(2 * INPUT_MAX_BYTES);
	r->file = writer_growing(INPUT_MAX_BYTES);
	r->form = form_new(r->arena, boundary, (struct form_sink){take_fields, take_file, r});
	assert(r->form != NULL);
	while (body.n > 0 && r->result == OK) {
		r->result = form_push(r->form, bytes_first(body, step));
		body = bytes_skip(body, step);
	}
	if (r->result == OK) {
		r->result = form_end(r->form);
	}
	assert(!r->fields.full && !r->file.full);
	return r;
}

static void free_run(struct run *r)
{
	writer_free(&r->fields);
	writer_free(&r->file);
	arena_free(r->arena);
	free(r);
}

static void check_same(struct run *x, struct run *y)
{
	assert(x->result == y->result && x->calls == y->calls);
	assert(bytes_equal(writer_bytes(&x->fields), writer_bytes(&y->fields)));
	/* What a sink got before an error depends on the cut; whoever uses it waits for the end. */
	assert(x->result != OK || bytes_equal(writer_bytes(&x->file), writer_bytes(&y->file)));
	free_run(y);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes boundary;

	if (size < 2 || size > INPUT_MAX_BYTES) {
		return 0;
	}
	size_t cut = 1 + (size_t)data[0] * 3;
	struct bytes rest = bytes_of(data + 2, size - 2);
	struct bytes given = bytes_first(rest, data[1] % FORM_BOUNDARY_MAX);
	struct bytes body = bytes_skip(rest, given.n);
	/* The rest once more as a header of its own. */
	if (form_boundary(rest, &boundary) == OK) {
		assert(boundary.n >= 1 && boundary.n <= FORM_BOUNDARY_MAX);
	}
	for (size_t i = 0; i < given.n; i++) {
		if (given.p[i] == '\r') {
			return 0; /* form_boundary gives none such */
		}
	}
	struct run *whole = run_body(given, body, SIZE_MAX);
	check_same(whole, run_body(given, body, 1));
	check_same(whole, run_body(given, body, cut));
	free_run(whole);
	return 0;
}
