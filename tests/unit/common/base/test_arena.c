/* Arenas: alignment, the cap, deferred functions, reuse after a reset. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "common/base/arena.h"
#include "common/base/attr.h"

static void memory_is_zeroed_aligned_and_separate(void **state)
{
	AUTO(arena_freep) struct arena *a = arena_new(1 << 20);
	uint8_t *kept[500];

	(void)state;
	assert_non_null(a);
	for (int round = 0; round < 2; round++) { /* the second one on used memory */
		for (size_t i = 0; i < COUNT(kept); i++) {
			kept[i] = arena_alloc(a, i);
			assert_non_null(kept[i]);
			assert_int_equal((uintptr_t)kept[i] % 16, 0);
			for (size_t k = 0; k < i; k++) {
				assert_int_equal(kept[i][k], 0);
			}
			memset(kept[i], (int)(i & 0xff), i);
		}
		for (size_t i = 0; i < COUNT(kept); i++) {
			for (size_t k = 0; k < i; k++) {
				assert_int_equal(kept[i][k], i & 0xff);
			}
		}
		arena_reset(a);
	}
}

static size_t bytes_until_full(struct arena *a, size_t step)
{
	size_t n = 0;

	while (arena_alloc(a, step) != NULL) {
		n += step;
	}
	return n;
}

static void the_cap_holds(void **state)
{
	static const size_t caps[] = {0, 100, 4096, 5000, 100000, 1 << 20};

	(void)state;
	for (size_t i = 0; i < COUNT(caps); i++) {
		AUTO(arena_freep) struct arena *a = arena_new(caps[i]);
		assert_non_null(a);
		size_t first = bytes_until_full(a, 48);
		assert_true(first <= caps[i]);
		assert_true(caps[i] < 8192 || first >= caps[i] - caps[i] / 8); /* not wasteful */
		assert_null(arena_alloc(a, SIZE_MAX));
		assert_null(arena_alloc(a, SIZE_MAX - 20));
		arena_reset(a);
		assert_int_equal(bytes_until_full(a, 48), first);
	}
}

static void large_requests_get_their_own_block(void **state)
{
	AUTO(arena_freep) struct arena *a = arena_new(1 << 20);

	(void)state;
	uint8_t *before = arena_alloc(a, 16);
	uint8_t *large = arena_alloc(a, 500000);
	uint8_t *after = arena_alloc(a, 16);
	assert_non_null(large);
	memset(large, 1, 500000);
	assert_ptr_equal(after, before + 16); /* the current block stayed */
	assert_null(arena_alloc(a, 600000));
	assert_non_null(arena_alloc(a, 400000)); /* a refusal changes nothing */
}

static void copies_end_in_nul(void **state)
{
	AUTO(arena_freep) struct arena *a = arena_new(4096);
	const struct bytes parts[] = {BYTES("ab"), {NULL, 0}, BYTES("c"), BYTES("de")};

	(void)state;
	struct bytes b = arena_copy(a, BYTES("text"));
	assert_int_equal(b.n, 4);
	assert_string_equal((const char *)b.p, "text");
	assert_string_equal(arena_text(a, (struct bytes){NULL, 0}), "");
	b = arena_join(a, parts, COUNT(parts));
	assert_int_equal(b.n, 5);
	assert_string_equal((const char *)b.p, "abcde");
	const struct bytes too_long[] = {{b.p, SIZE_MAX}, {b.p, 2}};
	assert_null(arena_join(a, too_long, 2).p);
	bytes_until_full(a, 16);
	assert_null(arena_copy(a, BYTES("x")).p);
	assert_null(arena_text(a, BYTES("x")));
}

static char order[8];

static void note(void *arg)
{
	order[strlen(order)] = *(const char *)arg;
}

static char one[] = "1", two[] = "2", three[] = "3", four[] = "4";

static void deferred_functions_run_in_reverse(void **state)
{
	struct arena *a = arena_new(4096);

	(void)state;
	memset(order, 0, sizeof(order));
	assert_true(arena_defer(a, note, one));
	assert_true(arena_defer(a, note, two));
	arena_reset(a);
	assert_string_equal(order, "21");
	assert_true(arena_defer(a, note, three));
	bytes_until_full(a, 16);
	assert_false(arena_defer(a, note, four));
	arena_freep(&a);
	assert_null(a);
	assert_string_equal(order, "213");
	arena_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_zeroed_aligned_and_separate),
		cmocka_unit_test(the_cap_holds),
		cmocka_unit_test(large_requests_get_their_own_block),
		cmocka_unit_test(copies_end_in_nul),
		cmocka_unit_test(deferred_functions_run_in_reverse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
