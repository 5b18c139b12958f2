/* c2sp.org/tlog-proof files: written, read, and what is not one. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "common/logfmt/proof.h"

#define HASH_A "qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqo="
#define HASH_B "u7u7u7u7u7u7u7u7u7u7u7u7u7u7u7u7u7u7u7u7u7s="
#define NOTE "example.com/log\n9\nnote\n"

static const char whole[] = "c2sp.org/tlog-proof@v1\nextra ZW50cnk=\nindex 7\n" HASH_A "\n" HASH_B
			    "\n\n" NOTE;

static enum err read_text(struct arena *a, const char *text, struct log_proof *ret)
{
	arena_reset(a);
	return proof_read(a, bytes_text(text), ret);
}

static void test_both_ways(void **state)
{
	struct arena *a = arena_new(1 << 20);
	struct log_proof p = {0};
	char out[1024];
	struct writer w = writer_fixed(out, sizeof(out));

	(void)state;
	assert_int_equal(read_text(a, whole, &p), OK);
	assert_true(bytes_is(p.extra, "entry"));
	assert_int_equal(p.index, 7);
	assert_int_equal(p.path.n, 64);
	assert_int_equal(p.path.p[0], 0xaa);
	assert_int_equal(p.path.p[63], 0xbb);
	assert_true(bytes_is(p.note, NOTE));
	assert_int_equal(proof_write(&w, &p), OK);
	assert_true(bytes_is(writer_bytes(&w), whole));
	/* no extra, no path: a log of one entry */
	assert_int_equal(read_text(a, "c2sp.org/tlog-proof@v1\nindex 0\n\n" NOTE, &p), OK);
	assert_int_equal(p.extra.n, 0);
	assert_int_equal(p.path.n, 0);
	p.path = bytes_of(whole, 31);
	assert_int_equal(proof_write(&w, &p), ERR_INPUT);
	arena_free(a);
}

static void test_strict(void **state)
{
	static const char *const bad[] = {
		"", "c2sp.org/tlog-proof@v1\n", "c2sp.org/tlog-proof@v2\nindex 0\n\n" NOTE,
		"c2sp.org/tlog-proof@v1\nindex 0\n", "c2sp.org/tlog-proof@v1\nindex 0\n\n",
		"c2sp.org/tlog-proof@v1\nindex 00\n\n" NOTE,
		"c2sp.org/tlog-proof@v1\nindex -1\n\n" NOTE,
		"c2sp.org/tlog-proof@v1\nindex 0\nAAAA\n\n" NOTE,
		"c2sp.org/tlog-proof@v1\nindex 0\n" HASH_A " \n\n" NOTE,
		"c2sp.org/tlog-proof@v1\nextra !\nindex 0\n\n" NOTE,
		"c2sp.org/tlog-proof@v1\nindex 0\nextra ZW50cnk=\n\n" NOTE,
	};
	struct arena *a = arena_new(1 << 20);
	struct log_proof p;
	char many[8192];
	struct writer w = writer_fixed(many, sizeof(many));

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (read_text(a, bad[i], &p) != ERR_INPUT) {
			fail_msg("accepted: %s", bad[i]);
		}
	}
	write_text(&w, "c2sp.org/tlog-proof@v1\nindex 0\n");
	for (unsigned i = 0; i <= PROOF_HASHES_MAX; i++) {
		write_text(&w, HASH_A "\n");
	}
	write_text(&w, "\n" NOTE);
	write_u8(&w, 0);
	assert_int_equal(read_text(a, many, &p), ERR_LIMIT);
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ways),
		cmocka_unit_test(test_strict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
