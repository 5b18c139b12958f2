#include "tests/lib/vectors.h"

#include "common/objfmt/objfmt.h"

enum { ARENA_BYTES = 16 << 20 };

static void test_vectors(void **state)
{
	struct vectors v = vectors_load("objfmt/trailer.json");

	(void)state;
	for (size_t i = 0; i < v.count; i++) {
		const struct json *c = json_at(v.cases, i);
		AUTO(secret_freep) struct secret *key = vectors_secret(&v, c, "index_key");
		struct writer w = writer_growing(OBJFMT_TRAILER_MAX_BYTES);
		struct bytes id = vectors_hex(&v, c, "id"), record = vectors_hex(&v, c, "record");
		struct bytes trailer = vectors_hex(&v, c, "trailer"), opened;

		assert_int_equal(objfmt_trailer_seal(key, id.p, record, &w), OK);
		assert_bytes_equal(writer_bytes(&w), trailer);
		assert_int_equal(objfmt_trailer_open(key, id.p, trailer, v.arena, &opened), OK);
		assert_bytes_equal(opened, record);
		writer_free(&w);
	}
	vectors_free(&v);
}

/* The trailer is found from the end of a blob, whatever stands before it. */
static void test_find(void **state)
{
	AUTO(secret_freep) struct secret *key = secret_random(32);
	struct arena *a = arena_new(ARENA_BYTES);
	struct writer w = writer_growing(1 << 20);
	uint8_t id[OBJFMT_ID_BYTES] = {1};
	struct bytes blob, opened;
	uint32_t size = 0;

	(void)state;
	write_text(&w, "header and segments");
	assert_int_equal(objfmt_trailer_seal(key, id, BYTES("record"), &w), OK);
	blob = writer_bytes(&w);
	assert_int_equal(objfmt_trailer_size(bytes_skip(blob, blob.n - 8), &size), OK);
	assert_int_equal(size, 256 + 16 + 8);
	assert_int_equal(blob.n, 19 + size);
	assert_int_equal(objfmt_trailer_open(key, id, bytes_skip(blob, blob.n - size), a, &opened),
	                 OK);
	assert_true(bytes_is(opened, "record"));
	writer_free(&w);
	arena_free(a);
}

static void test_size(void **state)
{
	uint8_t foot[9] = {0, 0, 0, 0, 'R', 'P', 'T', 'R', 0};
	uint32_t size;
	size_t good = 0;

	(void)state;
	for (uint32_t n = 0; n < 3000; n++) {
		foot[2] = (uint8_t)(n >> 8);
		foot[3] = (uint8_t)n;
		bool expected = n >= 272 && (n - 16) % 256 == 0;
		assert_int_equal(objfmt_trailer_size(bytes_of(foot, 8), &size),
		                 expected ? OK : ERR_NOTFOUND);
		good += expected;
	}
	assert_int_equal(good, 11);
	static const uint8_t too_long[8] = {0x00, 0x40, 0x00, 0x10, 'R', 'P', 'T', 'R'};
	static const uint8_t longest[8] = {0x00, 0x3f, 0xff, 0x10, 'R', 'P', 'T', 'R'};
	assert_int_equal(objfmt_trailer_size(bytes_of(longest, 8), &size), OK);
	assert_int_equal(objfmt_trailer_size(bytes_of(too_long, 8), &size), ERR_NOTFOUND);
	foot[2] = 1, foot[3] = 0x10;
	assert_int_equal(objfmt_trailer_size(bytes_of(foot, 8), &size), OK);
	for (size_t n = 0; n < 8; n++) {
		assert_int_equal(objfmt_trailer_size(bytes_of(foot, n), &size), ERR_NOTFOUND);
	}
	assert_int_equal(objfmt_trailer_size(bytes_of(foot, 9), &size), ERR_NOTFOUND);
	foot[7] = 'r';
	assert_int_equal(objfmt_trailer_size(bytes_of(foot, 8), &size), ERR_NOTFOUND);
}

static void test_limits(void **state)
{
	AUTO(secret_freep) struct secret *key = secret_random(32);
	struct arena *a = arena_new(ARENA_BYTES), *small = arena_new(4096);
	struct writer w = writer_growing(OBJFMT_TRAILER_MAX_BYTES);
	struct writer fixed = writer_fixed((uint8_t[279]){0}, 279);
	uint8_t id[OBJFMT_ID_BYTES] = {0};
	uint8_t *p = arena_alloc(a, OBJFMT_RECORD_MAX_BYTES + 1);
	struct bytes opened;

	(void)state;
	assert_int_equal(objfmt_trailer_seal(key, id, bytes_of(p, OBJFMT_RECORD_MAX_BYTES + 1), &w),
	                 ERR_LIMIT);
	assert_int_equal(w.used, 0);
	assert_int_equal(objfmt_trailer_seal(key, id, bytes_of(p, OBJFMT_RECORD_MAX_BYTES), &w),
	                 OK);
	assert_int_equal(objfmt_trailer_open(key, id, writer_bytes(&w), small, &opened), ERR_LIMIT);
	assert_int_equal(objfmt_trailer_open(key, id, writer_bytes(&w), a, &opened), OK);
	assert_int_equal(opened.n, OBJFMT_RECORD_MAX_BYTES);
	assert_int_equal(objfmt_trailer_seal(key, id, BYTES(""), &fixed), ERR_LIMIT);
	assert_int_equal(fixed.used, 0);
	writer_free(&w);
	arena_free(small);
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_limits),
	};

	return secret_init(1024) == OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
