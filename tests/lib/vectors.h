/*
 * Test vectors: a JSON file with a "cases" array of objects whose byte strings are lower-case hex.
 * Tests run from the root of the source tree. A vector that cannot be read fails the test.
 */
#ifndef REMPART_TESTS_VECTORS_H
#define REMPART_TESTS_VECTORS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/arena.h"
#include "common/base/attr.h"
#include "common/base/secret.h"
#include "common/codec/hex.h"
#include "common/codec/json.h"

enum { VECTORS_FILE_MAX_BYTES = 16 << 20 };

struct vectors {
	struct arena *arena; /* what vectors_hex gives lives here */
	struct json *document;
	const struct json *cases;
	size_t count;
};

static inline struct bytes vectors_read(struct arena *a, const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "tests/vectors/%s", name);
	FILE *f = fopen(path, "rb");
	if (f == NULL || fseek(f, 0, SEEK_END) != 0) {
		fail_msg("cannot read %s", path);
	}
	long n = ftell(f);
	rewind(f);
	uint8_t *p = arena_alloc(a, (size_t)n);
	assert_in_range(n, 1, VECTORS_FILE_MAX_BYTES);
	assert_non_null(p);
	assert_int_equal(fread(p, 1, (size_t)n, f), n);
	fclose(f);
	return bytes_of(p, (size_t)n);
}

/* vectors_load: "crypto/hmac.json". At least one case, or the test fails. */
static inline struct vectors vectors_load(const char *name)
{
	struct vectors v = {.arena = arena_new(64 << 20)};

	assert_non_null(v.arena);
	assert_int_equal(json_parse(vectors_read(v.arena, name), VECTORS_FILE_MAX_BYTES,
	                            &v.document, NULL), OK);
	v.cases = json_get(v.document, "cases");
	v.count = json_count(v.cases);
	assert_true(v.count > 0);
	return v;
}

static inline void vectors_free(struct vectors *v)
{
	json_free(v->document);
	arena_free(v->arena);
}

/* vectors_hex: the member as bytes; it must be there. */
static inline struct bytes vectors_hex(struct vectors *v, const struct json *c, const char *name)
{
	struct bytes text = json_get_bytes(c, name);
	uint8_t *p = arena_alloc(v->arena, text.n / 2);

	if (text.p == NULL || p == NULL || hex_read(text, p, text.n / 2) != OK) {
		fail_msg("vector without hex member %s", name);
	}
	return bytes_of(p, text.n / 2);
}

static inline uint64_t vectors_u64(const struct json *c, const char *name)
{
	uint64_t ret = 0;

	assert_int_equal(json_get_u64(c, name, &ret), OK);
	return ret;
}

static inline struct secret *vectors_secret(struct vectors *v, const struct json *c,
                                            const char *name)
{
	struct secret *s = secret_from(vectors_hex(v, c, name));

	assert_non_null(s);
	return s;
}

static inline void assert_bytes_equal(struct bytes a, struct bytes b)
{
	assert_int_equal(a.n, b.n);
	if (a.n > 0) {
		assert_memory_equal(a.p, b.p, a.n);
	}
}

#endif
