/* Error codes: every code has its own name, and errno values map as promised. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "common/base/err.h"

static void names_are_distinct(void **state)
{
	(void)state;
	for (int i = OK; i <= ERR_CANCELLED; i++) {
		assert_string_not_equal(err_name((enum err)i), "unknown");
		for (int k = OK; k < i; k++) {
			assert_string_not_equal(err_name((enum err)i), err_name((enum err)k));
		}
	}
	assert_string_equal(err_name(ERR_CORRUPT), "corrupt");
	assert_string_equal(err_name((enum err)(ERR_CANCELLED + 1)), "unknown");
}

static void errno_values_map(void **state)
{
	static const struct {
		int errno_value;
		enum err e;
	} cases[] = {
		{ENOSPC, ERR_FULL},    {EDQUOT, ERR_FULL},       {ENOENT, ERR_NOTFOUND},
		{EEXIST, ERR_EXISTS},  {ENOMEM, ERR_NOMEM},      {ETIMEDOUT, ERR_TIMEOUT},
		{EIO, ERR_IO},         {EACCES, ERR_IO},         {0, ERR_IO},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(err_from_errno(cases[i].errno_value), cases[i].e);
	}
}

static enum err tries(enum err e, int *steps)
{
	TRY(e);
	++*steps;
	return OK;
}

static void try_passes_an_error_on(void **state)
{
	int steps = 0;

	(void)state;
	assert_int_equal(tries(ERR_FULL, &steps), ERR_FULL);
	assert_int_equal(steps, 0);
	assert_int_equal(tries(OK, &steps), OK);
	assert_int_equal(steps, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_distinct),
		cmocka_unit_test(errno_values_map),
		cmocka_unit_test(try_passes_an_error_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
