/* What storage may give instead of what was stored (OBJECT-FORMAT.md section 9), by class. */
#include "tests/lib/blobs.h"

/* The blob of a case: pieces of a stored one and bytes of its own. */
static struct bytes put_together(struct vectors *v, const struct json *c)
{
	const struct json *pieces = json_get(c, "pieces");
	struct bytes parts[8];
	char name[64];

	snprintf(name, sizeof(name), "objfmt/%.*s", (int)json_get_bytes(c, "base").n,
	         (const char *)json_get_bytes(c, "base").p);
	struct bytes base = vectors_read(v->arena, name);
	assert_in_range(json_count(pieces), 1, COUNT(parts));
	for (size_t i = 0; i < json_count(pieces); i++) {
		const struct json *p = json_at(pieces, i);
		if (json_get(p, "hex") != NULL) {
			parts[i] = vectors_hex(v, p, "hex");
			continue;
		}
		uint64_t from = vectors_u64(p, "from"), to = vectors_u64(p, "to");
		assert_true(from <= to && to <= base.n);
		parts[i] = bytes_of(base.p + from, to - from);
	}
	return arena_join(v->arena, parts, json_count(pieces));
}

static int64_t expected_place(struct vectors *v, const struct json *c)
{
	struct bytes at = json_get_bytes(c, "refused_at");
	uint64_t segment = 0;

	(void)v;
	if (at.p == NULL) {
		return BLOBS_READ;
	}
	if (bytes_is(at, "header")) {
		return BLOBS_HEADER;
	}
	assert_true(bytes_starts(at, BYTES("segment ")));
	assert_int_equal(bytes_u64(bytes_skip(at, 8), &segment), OK);
	return (int64_t)segment;
}

static void check_file(const char *name)
{
	struct vectors v = vectors_load(name);
	size_t opened = 0;

	for (size_t i = 0; i < v.count; i++) {
		const struct json *c = json_at(v.cases, i);
		AUTO(secret_freep) struct secret *dek = vectors_secret(&v, c, "dek");
		int64_t size = BLOBS_NO_RECORD;
		struct bytes plain;

		arena_reset(v.arena);
		struct bytes blob = put_together(&v, c);
		if (json_get(c, "plain_size") != NULL) {
			size = (int64_t)vectors_u64(c, "plain_size");
		}
		struct bytes id = vectors_hex(&v, c, "id");
		int64_t place = blobs_read(v.arena, dek, id.p, blob, size, &plain);
		if (place != expected_place(&v, c)) {
			fail_msg("%s case %zu: refused at %lld", name, i, (long long)place);
		}
		if (place == BLOBS_READ) {
			assert_bytes_equal(plain, blobs_plain(v.arena, plain.n));
			opened++;
		}
	}
	assert_true(opened > 0 && opened < v.count);
	vectors_free(&v);
}

static void test_refused(void **state)
{
	check_file(*state);
}

static void test_trailer(void **state)
{
	struct vectors v = vectors_load("objfmt/refuse-trailer.json");
	struct arena *a = arena_new(1 << 20);

	(void)state;
	for (size_t i = 0; i < v.count; i++) {
		const struct json *c = json_at(v.cases, i);
		AUTO(secret_freep) struct secret *key = vectors_secret(&v, c, "index_key");
		struct bytes record = {NULL, 0};
		enum err e = objfmt_trailer_open(key, vectors_hex(&v, c, "id").p,
		                                 vectors_hex(&v, c, "trailer"), a, &record);
		assert_int_equal(e, json_get_bool(c, "valid", false) ? OK : ERR_CORRUPT);
		assert_int_equal(record.p != NULL, e == OK);
	}
	arena_free(a);
	vectors_free(&v);
}

#define REFUSED(class_)                                                                            \
	{                                                                                          \
		"refuse_" class_, test_refused, NULL, NULL,                                        \
		        (char[]){"objfmt/refuse-" class_ ".json"}                                  \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		REFUSED("header"), REFUSED("id"), REFUSED("dek"), REFUSED("bit"), REFUSED("order"),
		REFUSED("truncated"), REFUSED("extended"), REFUSED("flag"),
		cmocka_unit_test(test_trailer),
	};

	return secret_init(1024) == OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
