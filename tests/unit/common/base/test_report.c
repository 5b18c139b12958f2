/* Reports: joined, cut where needed, always a C string. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "common/base/report.h"

static void parts_are_joined(void **state)
{
	struct report r;

	(void)state;
	assert_int_equal(report_set(&r, ERR_INPUT, (const char *[]){"a.ini", ":3: ", "bad", NULL}),
	                 ERR_INPUT);
	assert_string_equal(r.text, "a.ini:3: bad");
	assert_int_equal(report_set(&r, ERR_IO, (const char *[]){"1", "2", "3", "4", "5", "6", "7"}),
	                 ERR_IO);
	assert_string_equal(r.text, "123456"); /* six at most, also without the NULL */
	assert_int_equal(report_set(&r, OK, (const char *[]){NULL}), OK);
	assert_string_equal(r.text, "");
}

static void errno_becomes_text_and_code(void **state)
{
	struct report r;

	(void)state;
	assert_int_equal(report_errno(&r, "cannot open", "/k", ENOENT, "create it"), ERR_NOTFOUND);
	assert_string_equal(r.text, "cannot open /k: No such file or directory; create it");
	assert_int_equal(report_errno(&r, "cannot open", "/k", EACCES, NULL), ERR_IO);
	assert_string_equal(r.text, "cannot open /k: Permission denied");
	assert_int_equal(report_errno(&r, "w", "p", 9999, NULL), ERR_IO);
	assert_string_equal(r.text, "w p: unknown error");
}

static void a_long_text_is_cut(void **state)
{
	struct report r;
	char text[2 * sizeof(r.text)];

	(void)state;
	for (size_t n = sizeof(r.text) - 8; n < sizeof(text); n++) {
		memset(text, 'x', n);
		text[n] = 0;
		memset(r.text, 'y', sizeof(r.text));
		assert_int_equal(report_set(&r, OK, (const char *[]){text, "", NULL}), OK);
		size_t got = strnlen(r.text, sizeof(r.text));
		assert_in_range(got, sizeof(r.text) - 8, sizeof(r.text) - 1);
		assert_true(got == n || strcmp(r.text + got - 3, "...") == 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_are_joined),
		cmocka_unit_test(errno_becomes_text_and_code),
		cmocka_unit_test(a_long_text_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
