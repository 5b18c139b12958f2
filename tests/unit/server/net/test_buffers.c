/* The budget of step buffers: it holds, it is fair, it shrinks what it hands out before it makes anyone wait. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/attr.h"
#include "server/net/buffers.h"

enum { KIB = 1024 };

static int woken[8];
static int n_woken;

struct named {
	struct buffer_waiter w;
	int name;
};

static void note(struct buffer_waiter *w)
{
	woken[n_woken++] = ((struct named *)w)->name;
}

static void hands_out_classes(void **state)
{
	(void)state;
	struct buffer_pool *p = buffer_pool_new(2048 * KIB);
	static const size_t wants[] = {1, 16 * KIB, 16 * KIB + 1, 64 * KIB, 65 * KIB, 256 * KIB, 300 * KIB};
	static const size_t sizes[] = {16, 16, 64, 64, 256, 256, 320};

	for (size_t i = 0; i < COUNT(wants); i++) {
		struct buffer *b = buffer_try(p, wants[i], wants[i]);
		assert_non_null(b);
		assert_int_equal(b->size, sizes[i] * KIB);
		memset(b->p - BUFFER_FRAME_BYTES, 1, b->size + 2 * BUFFER_FRAME_BYTES);
		assert_int_equal(buffer_used_bytes(p), sizes[i] * KIB);
		buffer_give(p, b);
	}
	assert_int_equal(buffer_used_bytes(p), 0);
	buffer_give(p, NULL);
	buffer_pool_free(p);
	buffer_pool_free(NULL);
}

static void shrinks_under_pressure_then_refuses(void **state)
{
	(void)state;
	struct buffer_pool *p = buffer_pool_new(1024 * KIB);
	struct buffer *held[64];
	size_t n = 0;
	size_t large = 0;
	struct buffer *b;

	while ((b = buffer_try(p, 256 * KIB, 64 * KIB)) != NULL) {
		held[n++] = b;
		large += b->size == 256 * KIB;
		assert_true(b->size == 256 * KIB || b->size == 64 * KIB);
	}
	assert_int_equal(large, 3); /* the first half, and the one that crosses it */
	assert_int_equal(n, 3 + 3); /* the rest is for small ones */
	assert_int_equal(buffer_used_bytes(p), 960 * KIB);
	assert_null(buffer_spare(p, 16 * KIB, 16 * KIB));
	buffer_give(p, held[--n]);
	assert_null(buffer_spare(p, 16 * KIB, 16 * KIB)); /* reading ahead needs half of it free */
	assert_null(buffer_try(p, 256 * KIB, 256 * KIB));
	while (n > 0) {
		buffer_give(p, held[--n]);
	}
	buffer_pool_free(p);
}

static void serves_in_order(void **state)
{
	(void)state;
	struct buffer_pool *p = buffer_pool_new(280 * KIB);
	struct buffer *all = buffer_try(p, 256 * KIB, 256 * KIB);
	struct named w[4];

	n_woken = 0;
	for (int i = 0; i < 4; i++) {
		w[i] = (struct named){{.want = 64 * KIB, .least = 64 * KIB, .ready = note}, i};
		assert_null(buffer_wait(p, &w[i].w));
	}
	assert_true(buffer_scarce(p));
	assert_int_equal(buffer_waits(p), 4);
	assert_true(buffer_cancel(p, &w[1].w));
	assert_false(buffer_cancel(p, &w[1].w));
	buffer_give(p, all);
	assert_int_equal(n_woken, 3);
	assert_int_equal(woken[0], 0);
	assert_int_equal(woken[1], 2);
	assert_int_equal(woken[2], 3);
	assert_false(buffer_cancel(p, &w[0].w));
	assert_false(buffer_scarce(p));
	for (int i = 0; i < 4; i++) {
		buffer_give(p, i == 1 ? NULL : w[i].w.granted);
	}
	buffer_pool_free(p);
}

static void nobody_overtakes(void **state)
{
	(void)state;
	struct buffer_pool *p = buffer_pool_new(280 * KIB);
	struct buffer *a = buffer_try(p, 64 * KIB, 64 * KIB);
	struct named big = {{.want = 256 * KIB, .least = 256 * KIB, .ready = note}, 1};

	n_woken = 0;
	assert_null(buffer_wait(p, &big.w));
	assert_null(buffer_try(p, 17 * KIB, 17 * KIB)); /* there is room, but somebody waits */
	buffer_give(p, a);
	assert_int_equal(n_woken, 1);
	assert_int_equal(big.w.granted->size, 256 * KIB);
	buffer_give(p, big.w.granted);
	buffer_pool_free(p);
}

/* Small ones pass those who wait for large ones, as far as their reserve goes, and no further. */
static void small_ones_have_a_reserve(void **state)
{
	(void)state;
	struct buffer_pool *p = buffer_pool_new(512 * KIB); /* 32 of it in reserve */
	struct buffer *large[8], *small[3];
	struct named big = {{.want = 64 * KIB, .least = 64 * KIB, .ready = note}, 1};
	struct named tiny = {{.want = 1, .least = 1, .ready = note}, 2};
	size_t n = 0;

	n_woken = 0;
	while ((large[n] = buffer_try(p, 64 * KIB, 64 * KIB)) != NULL) {
		n++;
	}
	assert_int_equal(n, 7); /* 448 of 512, and 32 more are not for them */
	assert_null(buffer_wait(p, &big.w));
	small[0] = buffer_try(p, 16 * KIB, 16 * KIB);
	small[1] = buffer_try(p, 1, 1);
	assert_non_null(small[0]);
	assert_non_null(small[1]);
	assert_null(buffer_try(p, 1, 1)); /* there are 32 more, but the reserve is used up */
	assert_null(buffer_wait(p, &tiny.w));
	buffer_give(p, small[0]);
	assert_int_equal(n_woken, 1);
	assert_int_equal(woken[0], 2);
	buffer_give(p, large[--n]);
	assert_int_equal(n_woken, 2);
	assert_int_equal(woken[1], 1);
	small[2] = buffer_try(p, 1, 1); /* nobody waits: beyond the reserve */
	assert_non_null(small[2]);
	buffer_give(p, big.w.granted);
	buffer_give(p, tiny.w.granted);
	buffer_give(p, small[1]);
	buffer_give(p, small[2]);
	while (n > 0) {
		buffer_give(p, large[--n]);
	}
	assert_int_equal(buffer_used_bytes(p), 0);
	buffer_pool_free(p);
}

/* Kept memory of one class must not eat the budget of another. */
static void free_lists_do_not_eat_the_budget(void **state)
{
	(void)state;
	struct buffer_pool *p = buffer_pool_new(548 * KIB);
	struct buffer *small[32];

	for (int i = 0; i < 32; i++) {
		small[i] = buffer_try(p, 16 * KIB, 16 * KIB);
		assert_non_null(small[i]);
	}
	for (int i = 0; i < 32; i++) {
		buffer_give(p, small[i]);
	}
	struct buffer *a = buffer_try(p, 256 * KIB, 256 * KIB);
	struct buffer *b = buffer_try(p, 256 * KIB, 256 * KIB);
	assert_non_null(a);
	assert_non_null(b);
	buffer_give(p, a);
	buffer_give(p, b);
	buffer_pool_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hands_out_classes),
		cmocka_unit_test(shrinks_under_pressure_then_refuses),
		cmocka_unit_test(serves_in_order),
		cmocka_unit_test(nobody_overtakes),
		cmocka_unit_test(small_ones_have_a_reserve),
		cmocka_unit_test(free_lists_do_not_eat_the_budget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
