/* Percent-encoding and queries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "common/base/attr.h"
#include "common/codec/uri.h"

static void only_unreserved_characters_stay(void **state)
{
	static const char stay[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
	uint8_t memory[8];

	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		uint8_t one = (uint8_t)c;
		struct writer w = writer_fixed(memory, sizeof(memory));
		uri_encode(&w, bytes_of(&one, 1), false);
		bool stays = c != 0 && strchr(stay, (int)c) != NULL;
		assert_int_equal(w.used, stays ? 1 : 3);
		assert_int_equal(memory[0], stays ? c : '%');
	}
}

static void slashes_stay_on_demand(void **state)
{
	uint8_t memory[64];
	struct writer w = writer_fixed(memory, sizeof(memory));

	(void)state;
	uri_encode(&w, BYTES("a/b c+\xc3\xa9"), true);
	write_u8(&w, '|');
	uri_encode(&w, BYTES("a/b"), false);
	assert_true(bytes_is(writer_bytes(&w), "a/b%20c%2B%C3%A9|a%2Fb"));
	w = writer_fixed(memory, 3); /* exactly the room that is needed */
	uri_encode(&w, BYTES("/"), false);
	assert_int_equal(writer_end(&w), OK);
	w = writer_fixed(memory, 2);
	uri_encode(&w, BYTES("/"), false);
	assert_int_equal(writer_end(&w), ERR_LIMIT);
	assert_int_equal(w.used, 0);
}

static void decoding_takes_escapes_only(void **state)
{
	static const char *const bad[] = {"%", "%4", "a%", "%4g", "%g4", "%%20", "% 4", "a%2", "%-1"};
	AUTO(arena_freep) struct arena *a = arena_new(4096);
	struct bytes b = BYTES("before");

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(uri_decode(a, bytes_text(bad[i]), &b), ERR_INPUT);
		assert_true(bytes_is(b, "before"));
	}
	assert_int_equal(uri_decode(a, BYTES("a+b%2b%C3%a9%00z%25"), &b), OK);
	assert_true(bytes_equal(b, BYTES("a+b+\xc3\xa9\0z%")));
	assert_int_equal(b.p[b.n], 0);
	assert_int_equal(uri_decode(a, BYTES(""), &b), OK);
	assert_non_null(b.p);
	assert_int_equal(b.n, 0);
	while (arena_alloc(a, 16) != NULL) {
	}
	assert_int_equal(uri_decode(a, BYTES("a"), &b), ERR_LIMIT);
	assert_int_equal(uri_decode(a, BYTES("%41"), &b), ERR_LIMIT);
}

static void every_byte_goes_round(void **state)
{
	AUTO(arena_freep) struct arena *a = arena_new(8192);
	uint8_t in[256];
	uint8_t memory[768];
	struct writer w = writer_fixed(memory, sizeof(memory));
	struct bytes out;

	(void)state;
	for (unsigned i = 0; i < 256; i++) {
		in[i] = (uint8_t)i;
	}
	uri_encode(&w, bytes_of(in, sizeof(in)), false);
	assert_int_equal(uri_decode(a, writer_bytes(&w), &out), OK);
	assert_true(bytes_equal(out, bytes_of(in, sizeof(in))));
}

static void a_query_keeps_its_order(void **state)
{
	AUTO(arena_freep) struct arena *a = arena_new(4096);
	struct field *f = NULL;
	size_t n = 99;

	(void)state;
	assert_int_equal(uri_query(a, BYTES("b=2&acl&a=&&c%3d=x=y%26&b=+%2B&=v"), 10, &f, &n), OK);
	assert_int_equal(n, 6);
	assert_true(bytes_is(f[0].name, "b") && bytes_is(f[0].value, "2"));
	assert_true(bytes_is(f[1].name, "acl") && f[1].value.p == NULL);
	assert_true(bytes_is(f[2].name, "a") && f[2].value.p != NULL && f[2].value.n == 0);
	assert_true(bytes_is(f[3].name, "c=") && bytes_is(f[3].value, "x=y&"));
	assert_true(bytes_is(f[4].name, "b") && bytes_is(f[4].value, " +"));
	assert_true(f[5].name.n == 0 && bytes_is(f[5].value, "v"));
	assert_ptr_equal(field_get(f, n, "b", false), &f[0]); /* the first */
	assert_null(field_get(f, n, "ACL", false));
	assert_ptr_equal(field_get(f, n, "ACL", true), &f[1]);
	assert_null(field_get(f, 0, "b", false));
}

static void queries_have_limits(void **state)
{
	AUTO(arena_freep) struct arena *a = arena_new(4096);
	struct field *f = NULL;
	size_t n = 99;

	(void)state;
	assert_int_equal(uri_query(a, BYTES("a&b&c"), 2, &f, &n), ERR_LIMIT);
	assert_int_equal(uri_query(a, BYTES("a=%zz"), 2, &f, &n), ERR_INPUT);
	assert_int_equal(uri_query(a, BYTES("%=1"), 2, &f, &n), ERR_INPUT);
	assert_null(f);
	assert_int_equal(n, 99);
	assert_int_equal(uri_query(a, BYTES("&&&&"), 0, &f, &n), OK);
	assert_int_equal(n, 0);
	assert_int_equal(uri_query(a, (struct bytes){NULL, 0}, 5, &f, &n), OK);
	assert_int_equal(n, 0);
	while (arena_alloc(a, 16) != NULL) {
	}
	assert_int_equal(uri_query(a, BYTES("a"), 2, &f, &n), ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_unreserved_characters_stay),
		cmocka_unit_test(slashes_stay_on_demand),
		cmocka_unit_test(decoding_takes_escapes_only),
		cmocka_unit_test(every_byte_goes_round),
		cmocka_unit_test(a_query_keeps_its_order),
		cmocka_unit_test(queries_have_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
