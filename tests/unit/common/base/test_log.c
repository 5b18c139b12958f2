/* The log: every line is one JSON object, whatever the fields hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/codec/date.h"
#include "common/codec/json.h"

static int saved_stderr;
static int capture;

static int redirect(void **state)
{
	char path[] = "/tmp/test_log.XXXXXX";

	(void)state;
	capture = mkstemp(path);
	if (capture < 0 || unlink(path) != 0) {
		return -1;
	}
	saved_stderr = dup(STDERR_FILENO);
	return saved_stderr < 0 || dup2(capture, STDERR_FILENO) < 0 ? -1 : 0;
}

static int restore(void **state)
{
	(void)state;
	(void)dup2(saved_stderr, STDERR_FILENO);
	(void)close(saved_stderr);
	(void)close(capture);
	return 0;
}

/* What was logged since the start of the test. */
static struct bytes logged(uint8_t *memory, size_t size)
{
	ssize_t n = pread(capture, memory, size, 0);

	assert_true(n >= 0);
	return bytes_of(memory, (size_t)n);
}

static struct json *only_line(void)
{
	uint8_t memory[2 * PIPE_BUF];
	struct json *v = NULL;
	struct bytes b = logged(memory, sizeof(memory));

	assert_in_range(b.n, 1, PIPE_BUF);
	assert_int_equal(b.p[b.n - 1], '\n');
	struct bytes line = bytes_split(&b, '\n');
	assert_int_equal(b.n, 0);
	assert_int_equal(json_parse(line, sizeof(memory), &v, NULL), OK);
	return v;
}

static void fields_keep_their_values(void **state)
{
	uint64_t number = 0;

	(void)state;
	errno = EXDEV;
	LOG(LOG_ERROR, "store.write", LOG_STR("path", "/a\"b\\c\n{}"), LOG_U64("n", 12),
	    LOG_BYTES("raw", BYTES("\xff\x01")), LOG_ERRNO(ENOSPC), LOG_ERR(ERR_CORRUPT));
	assert_int_equal(errno, EXDEV);
	AUTO(json_freep) struct json *v = only_line();
	assert_true(bytes_is(json_get_bytes(v, "level"), "error"));
	assert_true(bytes_is(json_get_bytes(v, "event"), "store.write"));
	assert_true(bytes_is(json_get_bytes(v, "path"), "/a\"b\\c\n{}"));
	assert_int_equal(json_get_u64(v, "n", &number), OK);
	assert_int_equal(number, 12);
	assert_true(bytes_is(json_get_bytes(v, "raw"), "\xef\xbf\xbd\x01"));
	assert_true(bytes_is(json_get_bytes(v, "errno"), "No space left on device"));
	assert_true(bytes_is(json_get_bytes(v, "error"), "corrupt"));
	assert_int_equal(date_read_iso(json_get_bytes(v, "ts"), &number), OK);
	assert_int_equal(json_get_bytes(v, "ts").n, 24);
	assert_null(json_get(v, "truncated"));
}

static void no_fields_is_fine(void **state)
{
	(void)state;
	LOG(LOG_INFO, "start");
	AUTO(json_freep) struct json *v = only_line();
	assert_true(bytes_is(json_get_bytes(v, "event"), "start"));
}

static void an_unknown_errno_is_a_number(void **state)
{
	uint64_t number;

	(void)state;
	LOG(LOG_INFO, "x", LOG_ERRNO(9999));
	AUTO(json_freep) struct json *v = only_line();
	assert_int_equal(json_get_u64(v, "errno", &number), OK);
	assert_int_equal(number, 9999);
}

static void a_long_line_is_cut_and_says_so(void **state)
{
	static uint8_t noise[5000];

	(void)state;
	memset(noise, 0x01, sizeof(noise)); /* escapes to six bytes each */
	LOG(LOG_WARN, "long", LOG_STR("a", "kept"), LOG_BYTES("b", bytes_of(noise, sizeof(noise))),
	    LOG_STR("c", "kept too"));
	AUTO(json_freep) struct json *v = only_line();
	assert_true(json_get_bool(v, "truncated", false));
	assert_true(bytes_is(json_get_bytes(v, "a"), "kept"));
	assert_true(bytes_is(json_get_bytes(v, "c"), "kept too"));
}

static void a_long_value_is_cut(void **state)
{
	static uint8_t text[2000];

	(void)state;
	memset(text, 'x', sizeof(text));
	LOG(LOG_WARN, "long", LOG_BYTES("a", bytes_of(text, sizeof(text))));
	AUTO(json_freep) struct json *v = only_line();
	assert_true(json_get_bool(v, "truncated", false));
	assert_int_equal(json_get_bytes(v, "a").n, 1024);
}

static void the_threshold_drops(void **state)
{
	uint8_t memory[8];

	(void)state;
	LOG(LOG_DEBUG, "hidden");
	assert_int_equal(logged(memory, sizeof(memory)).n, 0);
	log_threshold(LOG_DEBUG);
	LOG(LOG_DEBUG, "shown");
	log_threshold(LOG_INFO);
	AUTO(json_freep) struct json *v = only_line();
	assert_true(bytes_is(json_get_bytes(v, "level"), "debug"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(fields_keep_their_values, redirect, restore),
		cmocka_unit_test_setup_teardown(no_fields_is_fine, redirect, restore),
		cmocka_unit_test_setup_teardown(an_unknown_errno_is_a_number, redirect, restore),
		cmocka_unit_test_setup_teardown(a_long_line_is_cut_and_says_so, redirect, restore),
		cmocka_unit_test_setup_teardown(a_long_value_is_cut, redirect, restore),
		cmocka_unit_test_setup_teardown(the_threshold_drops, redirect, restore),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
