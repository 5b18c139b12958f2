/* The parts of the auditor: the set of issued keys, the tallies, languages, options, safe output. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "client/auditor/args.h"
#include "client/auditor/issued.h"
#include "client/auditor/out.h"
#include "client/auditor/report_text.h"
#include "client/auditor/tally.h"
#include "common/base/attr.h"

static struct logfmt_key key_of(uint32_t i)
{
	struct logfmt_key k = {0};

	memcpy(k.wrapped_digest, &i, sizeof(i));
	return k;
}

static void test_issued(void **state)
{
	enum { N = 20000 };
	struct issued *s = issued_new();
	bool has = false;

	(void)state;
	for (uint32_t i = 0; i < N; i++) {
		struct logfmt_key k = key_of(i);
		assert_int_equal(issued_add(s, &k), OK);
		assert_int_equal(issued_add(s, &k), OK);
	}
	assert_int_equal(issued_count(s), N);
	assert_true(issued_memory_bytes(s) <= (uint64_t)N * 48);
	for (uint32_t i = 0; i < 2 * N; i++) {
		struct logfmt_key k = key_of(i);
		assert_int_equal(issued_has(s, &k, &has), OK);
		assert_int_equal(has, i < N);
	}
	struct logfmt_key other = key_of(5);
	other.key_id[3] = 1;
	assert_int_equal(issued_has(s, &other, &has), OK);
	assert_false(has);
	issued_free(s);
}

static void test_tally(void **state)
{
	static struct tally t;
	struct arena *a = arena_new(1 << 20);

	(void)state;
	tally_init(&t, a);
	for (uint32_t round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < TALLY_NAMES_MAX + 7; i++) {
			char name[16];
			struct writer w = writer_fixed(name, sizeof(name));
			write_padded(&w, TALLY_NAMES_MAX + 6 - i, 5);
			tally_add(&t, writer_bytes(&w), TALLY_OPENED, 2);
		}
	}
	assert_int_equal(t.n, TALLY_NAMES_MAX);
	assert_int_equal(t.others.counts[TALLY_OPENED], 3 * 7 * 2);
	tally_sort(&t);
	assert_true(bytes_is(t.rows[0].name, "00007"));
	assert_int_equal(t.rows[0].counts[TALLY_OPENED], 6);
	assert_int_equal(t.rows[0].counts[TALLY_ISSUED], 0);
	arena_free(a);
}

/* Every text exists in every language, and every finding has a name of its own. */
static void test_languages(void **state)
{
	(void)state;
	for (unsigned l = 0; l < LANG_COUNT; l++) {
		for (unsigned t = 0; t < T_TEXTS; t++) {
			assert_non_null(lang_text((enum lang)l, (enum text)t));
		}
		for (unsigned i = 0; i < FINDINGS; i++) {
			assert_non_null(report_finding((enum lang)l, (enum finding)i));
			assert_non_null(report_finding_name((enum finding)i));
		}
	}
	for (unsigned i = 0; i < FINDINGS; i++) {
		for (unsigned k = 0; k < i; k++) {
			assert_string_not_equal(report_finding_name((enum finding)i),
			                        report_finding_name((enum finding)k));
		}
	}
	assert_int_equal(lang_choose("fr"), LANG_FR);
	assert_int_equal(lang_choose("de"), LANG_COUNT);
	unsetenv("LC_ALL");
	setenv("LC_MESSAGES", "fr_FR.UTF-8", 1);
	setenv("LANG", "en_GB.UTF-8", 1);
	assert_int_equal(lang_choose(NULL), LANG_FR);
	setenv("LC_ALL", "C", 1);
	assert_int_equal(lang_choose(NULL), LANG_EN);
	assert_int_equal(lang_width("émises"), 6);
}

static enum err parse(const char *const *argv, const char **log, bool *json)
{
	const struct arg args[] = {{"log", log, NULL}, {"json", NULL, json}};
	char *copy[8] = {NULL};
	struct report report;

	for (size_t i = 0; argv[i] != NULL; i++) {
		copy[i] = (char *)(uintptr_t)argv[i];
	}
	return args_parse(copy, args, COUNT(args), &report);
}

static void test_args(void **state)
{
	const char *log = NULL;
	bool json = false;
	struct report report;
	uint64_t ns = 5;

	(void)state;
	assert_int_equal(parse((const char *[]){"--log", "x", "--json", NULL}, &log, &json), OK);
	assert_string_equal(log, "x");
	assert_true(json);
	assert_int_equal(parse((const char *[]){"--log=y=z", NULL}, &log, &json), OK);
	assert_string_equal(log, "y=z");
	assert_int_equal(parse((const char *[]){"--log", NULL}, &log, &json), ERR_INPUT);
	assert_int_equal(parse((const char *[]){"--json=1", NULL}, &log, &json), ERR_INPUT);
	assert_int_equal(parse((const char *[]){"--lo", "x", NULL}, &log, &json), ERR_INPUT);
	assert_int_equal(parse((const char *[]){"log", NULL}, &log, &json), ERR_INPUT);
	assert_int_equal(args_time(NULL, &ns, &report), OK);
	assert_int_equal(ns, 5);
	assert_int_equal(args_time("1970-01-02", &ns, &report), OK);
	assert_int_equal(ns, UINT64_C(86400000000000));
	assert_int_equal(args_time("1970-01-01T00:00:01.5Z", &ns, &report), OK);
	assert_int_equal(ns, 1500000000);
	assert_int_equal(args_time("yesterday", &ns, &report), ERR_INPUT);
}

static void check_safe(const char *text, const char *want)
{
	char out[256];
	struct writer w = writer_fixed(out, sizeof(out));

	out_safe(&w, bytes_text(text));
	if (!bytes_is(writer_bytes(&w), want)) {
		fail_msg("%.*s, not %s", (int)w.used, out, want);
	}
}

static void test_safe(void **state)
{
	(void)state;
	check_safe("plain é 日本 \xf0\x9f\x94\x91", "plain é 日本 \xf0\x9f\x94\x91");
	check_safe("\x1b[31m\n\x7f", "\\x1b[31m\\x0a\\x7f");
	check_safe("\xc2\x9b" "2J", "\\xc2\\x9b2J");
	check_safe("a\xe2\x80\xae" "b", "a\\xe2\\x80\\xaeb");
	check_safe("a\xe2\x81\xa6" "b", "a\\xe2\\x81\\xa6b");
	check_safe("a\xe2\x80\x94" "b", "a\xe2\x80\x94" "b"); /* a dash is harmless */
	check_safe("\xe2\x80", "\xe2\x80");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_issued),    cmocka_unit_test(test_tally),
		cmocka_unit_test(test_languages), cmocka_unit_test(test_args),
		cmocka_unit_test(test_safe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
