/* Percent-encoding: decoded text encodes to something that decodes to the same. */
#include <assert.h>

#include "common/base/attr.h"
#include "common/codec/uri.h"

enum { INPUT_MAX_BYTES = 8192, PARAMETERS_MAX = 100 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_round(struct arena *a, struct bytes raw)
{
	static uint8_t memory[3 * INPUT_MAX_BYTES];
	struct bytes again;

	for (int keep_slash = 0; keep_slash < 2; keep_slash++) {
		struct writer w = writer_fixed(memory, sizeof(memory));
		uri_encode(&w, raw, keep_slash == 1);
		assert(!w.full);
		enum err e = uri_decode(a, writer_bytes(&w), &again);
		assert(e == OK && bytes_equal(again, raw));
		(void)e;
	}
}

static void check_query(struct arena *a, struct bytes input)
{
	struct field *fields;
	size_t n;

	if (uri_query(a, input, PARAMETERS_MAX, &fields, &n) != OK) {
		return;
	}
	assert(n <= PARAMETERS_MAX);
	for (size_t i = 0; i < n; i++) {
		assert(fields[i].name.p != NULL);
		check_round(a, fields[i].name);
		check_round(a, fields[i].value);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena_freep) struct arena *a = arena_new(1 << 20);
	struct bytes input = bytes_of(data, size);
	struct bytes decoded;

	if (size > INPUT_MAX_BYTES) {
		return 0;
	}
	check_round(a, input);
	if (uri_decode(a, input, &decoded) == OK) {
		assert(decoded.n <= size && decoded.p[decoded.n] == 0);
		check_round(a, decoded);
	}
	check_query(a, input);
	return 0;
}
