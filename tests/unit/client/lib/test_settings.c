/* client/lib/settings and file: precedence, strictness, secrets on disk. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/lib/file.h"
#include "client/lib/settings.h"
#include "common/base/attr.h"

enum { ARENA_BYTES = 1 << 20 };

static const char *const variables[] = {"REMPART_TEST_A", "REMPART_TEST_B", NULL};

static void option_then_environment_then_file(void **state)
{
	struct arena *a = arena_new(ARENA_BYTES);
	struct settings s;
	struct report r;

	(void)state;
	assert_int_equal(settings_parse(a, "f", BYTES("[admin]\nurl = https://x \n[s3]\nurl=y\n"), &s, &r),
	                 OK);
	unsetenv("REMPART_TEST_A");
	unsetenv("REMPART_TEST_B");
	assert_string_equal(settings_get(&s, NULL, variables, "admin", "url"), "https://x");
	assert_string_equal(settings_get(&s, NULL, NULL, "s3", "url"), "y");
	assert_null(settings_get(&s, NULL, variables, "admin", "ca"));
	setenv("REMPART_TEST_A", "", 1);
	setenv("REMPART_TEST_B", "b", 1);
	assert_string_equal(settings_get(&s, NULL, variables, "admin", "url"), "b");
	setenv("REMPART_TEST_A", "a", 1);
	assert_string_equal(settings_get(&s, NULL, variables, "admin", "url"), "a");
	assert_string_equal(settings_get(&s, "o", variables, "admin", "url"), "o");
	arena_free(a);
}

static void comments_blanks_and_odd_values(void **state)
{
	struct arena *a = arena_new(ARENA_BYTES);
	struct settings s;
	struct report r;

	(void)state;
	assert_int_equal(settings_parse(a, "f",
	                                BYTES("# c\r\n; d\r\n\r\n \t\r\n[ s ]\r\nk = a=b # not a comment\r\n"
	                                      "empty =\r\nlast = x"), &s, &r), OK);
	assert_int_equal(s.n, 3);
	assert_string_equal(settings_get(&s, NULL, NULL, "s", "k"), "a=b # not a comment");
	assert_string_equal(settings_get(&s, NULL, NULL, "s", "empty"), "");
	assert_string_equal(settings_get(&s, NULL, NULL, "s", "last"), "x");
	arena_free(a);
}

static void what_cannot_be_read_is_an_error_with_its_line(void **state)
{
	static const char *const bad[] = {"[s]\nk = v\nnonsense\n", "[s]\nk = v\n[unclosed\n", "\n\n[\n"};
	struct arena *a = arena_new(ARENA_BYTES);
	struct settings s;
	struct report r;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(settings_parse(a, "path", bytes_text(bad[i]), &s, &r), ERR_INPUT);
		assert_non_null(strstr(r.text, "path, line 3:"));
	}
	arena_free(a);
}

static void too_many_lines_are_refused(void **state)
{
	struct arena *a = arena_new(ARENA_BYTES);
	struct writer w = writer_growing(64 << 10);
	struct settings s;
	struct report r;

	(void)state;
	for (size_t i = 0; i <= SETTINGS_MAX; i++) {
		write_text(&w, "k = v\n");
	}
	assert_int_equal(settings_parse(a, "f", writer_bytes(&w), &s, &r), ERR_INPUT);
	writer_free(&w);
	arena_free(a);
}

static char folder[] = "/tmp/rempart-unit-XXXXXX";

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) == NULL ? -1 : 0;
}

static int remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

static const char *in_folder(const char *name)
{
	static char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void a_secret_is_its_owners_alone_and_replaces_nothing(void **state)
{
	struct arena *a = arena_new(ARENA_BYTES);
	const char *path = in_folder("secret");
	struct bytes b;
	struct report r;
	struct stat st;
	int fd = -1, other = -1;

	(void)state;
	umask(0);
	assert_int_equal(file_secret_begin(path, &fd, &r), OK);
	assert_int_equal(file_secret_end(path, &fd, BYTES("text"), &r), OK);
	assert_int_equal(fd, -1);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(file_secret_begin(path, &other, &r), ERR_EXISTS);
	assert_int_equal(other, -1);
	assert_int_equal(file_read(a, path, 4, &b, &r), OK);
	assert_true(bytes_is(b, "text"));
	assert_int_equal(file_read(a, path, 3, &b, &r), ERR_LIMIT);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/nonexistent", path), 0);
	assert_int_not_equal(file_secret_begin(path, &other, &r), OK);
	assert_int_equal(unlink(path), 0);
	arena_free(a);
}

static void a_secret_that_cannot_be_written_leaves_no_file(void **state)
{
	const char *path = in_folder("full");
	struct report r;
	int fd = -1;

	(void)state;
	assert_int_equal(file_secret_begin(path, &fd, &r), OK);
	close(fd);
	fd = open("/dev/full", O_WRONLY);
	assert_int_equal(file_secret_end(path, &fd, BYTES("text"), &r), ERR_FULL);
	assert_int_equal(access(path, F_OK), -1);
	assert_non_null(strstr(r.text, path));
}

static void what_is_not_there_is_not_found(void **state)
{
	struct arena *a = arena_new(ARENA_BYTES);
	struct bytes b;
	struct report r;

	(void)state;
	assert_int_equal(file_read(a, "/nonexistent/x", 10, &b, &r), ERR_NOTFOUND);
	assert_non_null(strstr(r.text, "/nonexistent/x"));
	assert_int_equal(file_read(a, "/dev/zero", 10, &b, &r), ERR_LIMIT);
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(option_then_environment_then_file),
		cmocka_unit_test(comments_blanks_and_odd_values),
		cmocka_unit_test(what_cannot_be_read_is_an_error_with_its_line),
		cmocka_unit_test(too_many_lines_are_refused),
		cmocka_unit_test(a_secret_is_its_owners_alone_and_replaces_nothing),
		cmocka_unit_test(a_secret_that_cannot_be_written_leaves_no_file),
		cmocka_unit_test(what_is_not_there_is_not_found),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
