/* Ranges and entity tags: what RFC 9110 and S3 say of each form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/attr.h"
#include "server/gateway/object.h"

struct range_case {
	const char *header;
	uint64_t size;
	enum s3error error;
	bool ranged;
	uint64_t first, count;
};

static const struct range_case ranges[] = {
	{"", 10, S3E_NONE, false, 0, 10},
	{"bytes=0-0", 10, S3E_NONE, true, 0, 1},
	{"bytes=0-9", 10, S3E_NONE, true, 0, 10},
	{"bytes=0-10", 10, S3E_NONE, true, 0, 10},
	{"bytes=3-", 10, S3E_NONE, true, 3, 7},
	{"bytes=9-", 10, S3E_NONE, true, 9, 1},
	{"bytes=-1", 10, S3E_NONE, true, 9, 1},
	{"bytes=-10", 10, S3E_NONE, true, 0, 10},
	{"bytes=-99", 10, S3E_NONE, true, 0, 10},
	{"bytes=2-18446744073709551615", 10, S3E_NONE, true, 2, 8},
	/* Not satisfiable. */
	{"bytes=10-", 10, S3E_INVALID_RANGE, false, 0, 0},
	{"bytes=10-12", 10, S3E_INVALID_RANGE, false, 0, 0},
	{"bytes=-0", 10, S3E_INVALID_RANGE, false, 0, 0},
	{"bytes=0-0", 0, S3E_INVALID_RANGE, false, 0, 0},
	{"bytes=-5", 0, S3E_INVALID_RANGE, false, 0, 0},
	/* Ignored: another unit, several ranges, not a range, a number that is none. */
	{"bits=0-1", 10, S3E_NONE, false, 0, 10},
	{"bytes=0-1,3-4", 10, S3E_NONE, false, 0, 10},
	{"bytes=5-3", 10, S3E_NONE, false, 0, 10},
	{"bytes=x-3", 10, S3E_NONE, false, 0, 10},
	{"bytes=3", 10, S3E_NONE, false, 0, 10},
	{"bytes=", 10, S3E_NONE, false, 0, 10},
	{"bytes=-", 10, S3E_NONE, false, 0, 10},
	{"bytes=99999999999999999999999-", 10, S3E_NONE, false, 0, 10},
};

static void reads_ranges(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(ranges); i++) {
		const struct range_case *c = &ranges[i];
		uint64_t first = 0;
		uint64_t count = 0;
		bool ranged = false;
		enum s3error e = range_read(bytes_text(c->header), c->size, &first, &count,
		                            &ranged);
		if (e != c->error) {
			fail_msg("%s of %ju: error %d", c->header, (uintmax_t)c->size, (int)e);
		}
		if (e == S3E_NONE && (ranged != c->ranged || first != c->first ||
		                      count != c->count)) {
			fail_msg("%s of %ju: %d %ju %ju", c->header, (uintmax_t)c->size, ranged,
			         (uintmax_t)first, (uintmax_t)count);
		}
	}
}

static void reads_exact_ranges(void **state)
{
	static const struct range_case cases[] = {
		{"bytes=0-0", 10, S3E_NONE, true, 0, 1},
		{"bytes=0-9", 10, S3E_NONE, true, 0, 10},
		{"bytes=4-6", 10, S3E_NONE, true, 4, 3},
		{"bytes=0-10", 10, S3E_INVALID_RANGE, false, 0, 0},
		{"bytes=10-11", 10, S3E_INVALID_RANGE, false, 0, 0},
		{"bytes=0-0", 0, S3E_INVALID_RANGE, false, 0, 0},
		{"bytes=3-", 10, S3E_INVALID_ARGUMENT, false, 0, 0},
		{"bytes=-3", 10, S3E_INVALID_ARGUMENT, false, 0, 0},
		{"bytes=5-3", 10, S3E_INVALID_ARGUMENT, false, 0, 0},
		{"bytes=0-1,3-4", 10, S3E_INVALID_ARGUMENT, false, 0, 0},
		{"0-1", 10, S3E_INVALID_ARGUMENT, false, 0, 0},
		{"bytes=1", 10, S3E_INVALID_ARGUMENT, false, 0, 0},
		{"bytes=0-99999999999999999999999", 10, S3E_INVALID_ARGUMENT, false, 0, 0},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct range_case *c = &cases[i];
		uint64_t first = 0;
		uint64_t count = 0;
		enum s3error e = range_read_exact(bytes_text(c->header), c->size, &first, &count);
		if (e != c->error || first != c->first || count != c->count) {
			fail_msg("%s of %ju: error %d, %ju %ju", c->header, (uintmax_t)c->size,
			         (int)e, (uintmax_t)first, (uintmax_t)count);
		}
	}
}

static void matches_etags(void **state)
{
	struct bytes etag = BYTES("0123abcd-1");
	(void)state;
	assert_true(object_etag_matches(BYTES("\"0123abcd-1\""), etag));
	assert_true(object_etag_matches(BYTES("0123abcd-1"), etag));
	assert_true(object_etag_matches(BYTES("*"), etag));
	assert_true(object_etag_matches(BYTES("W/\"0123abcd-1\""), etag));
	assert_true(object_etag_matches(BYTES("\"x\", \"0123abcd-1\""), etag));
	assert_false(object_etag_matches(BYTES("\"0123abcd\""), etag));
	assert_false(object_etag_matches(BYTES("\"0123abcd-1"), etag));
	assert_false(object_etag_matches(BYTES(""), etag));
	assert_false(object_etag_matches(BYTES("\"x\",\"y\""), etag));
}

static void errors_are_whole(void **state)
{
	(void)state;
	for (int e = S3E_NONE + 1; e < S3E_COUNT; e++) {
		assert_non_null(s3error_code((enum s3error)e));
		assert_true(s3error_code((enum s3error)e)[0] != '\0');
		assert_true(s3error_message((enum s3error)e)[0] != '\0');
		assert_in_range(s3error_status((enum s3error)e), 300, 599);
	}
	assert_int_equal(s3error_of(OK), S3E_NONE);
	/* Nothing that goes wrong inside may look like success. */
	for (int e = OK + 1; e <= ERR_CANCELLED; e++) {
		assert_int_not_equal(s3error_of((enum err)e), S3E_NONE);
	}
	assert_int_equal(s3error_status(s3error_of(ERR_UNAVAILABLE)), 503);
	assert_int_equal(s3error_status(s3error_of(ERR_FULL)), 507);
	assert_int_equal(s3error_status(s3error_of_http(503)), 503);
}

static void every_operation_ends(void **state)
{
	(void)state;
	assert_null(op_of(S3OP_NONE));
	assert_null(op_of(S3OP_UNSUPPORTED));
	for (int i = S3OP_UNSUPPORTED + 1; i < S3OP_COUNT; i++) {
		assert_non_null(op_of((enum s3op)i));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_ranges),
		cmocka_unit_test(reads_exact_ranges),
		cmocka_unit_test(matches_etags),
		cmocka_unit_test(errors_are_whole),
		cmocka_unit_test(every_operation_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
