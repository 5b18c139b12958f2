/* A configuration file read through a table; each kind of error with its line. */
#include "server/conf/conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/base/attr.h"

static struct {
	char name[CONF_TEXT_BYTES], file[CONF_TEXT_BYTES], dir[CONF_TEXT_BYTES], mode[CONF_TEXT_BYTES];
	struct conf_listen listen;
	uint64_t count, size;
	bool flag;
} got;

static struct conf_key table[] = {
	{.section = "a", .name = "name", .type = CONF_TEXT, .required = true, .into = got.name},
	{.section = "a", .name = "file", .type = CONF_FILE, .into = got.file},
	{.section = "a", .name = "dir", .type = CONF_DIR, .into = got.dir},
	{.section = "a", .name = "mode", .type = CONF_TEXT, .into = got.mode, .choices = "fs s3"},
	{.section = "b", .name = "listen", .type = CONF_LISTEN, .into = &got.listen},
	{.section = "b", .name = "count", .type = CONF_NUMBER, .into = &got.count, .fallback = "7",
	 .min = 1, .max = 100},
	{.section = "b", .name = "size", .type = CONF_SIZE, .into = &got.size, .fallback = "1M"},
	{.section = "b", .name = "flag", .type = CONF_BOOL, .into = &got.flag, .fallback = "yes"},
};

static char path[] = "/tmp/test_conf.XXXXXX";
static struct report report;

static enum err load(const char *text, size_t n)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
	memset(&got, 0, sizeof(got));
	memset(&report, 0, sizeof(report));
	return conf_load(path, table, COUNT(table), &report);
}

/* The report must be "path:LINE: " and go on with `rest`. */
static void expect(const char *text, unsigned line, const char *rest)
{
	char want[256];

	assert_int_equal(load(text, strlen(text)), ERR_INPUT);
	assert_true(snprintf(want, sizeof(want), "%s:%u: %s", path, line, rest) > 0);
	if (strncmp(report.text, want, strlen(want)) != 0) {
		fail_msg("got \"%s\", want \"%s...\"", report.text, want);
	}
	assert_non_null(strstr(report.text, "; "));
	assert_null(strchr(report.text, '\n'));
}

static void test_good(void **state)
{
	(void)state;
	const char *text = "# comment\n[a]\nname = x y ; note\nfile = /etc/passwd\ndir=/tmp\n"
	                   "mode = s3\n\n[b]\nlisten = [::1]:9443\nsize = 3G\nflag = no\n";

	assert_int_equal(load(text, strlen(text)), OK);
	assert_string_equal(got.name, "x y");
	assert_string_equal(got.file, "/etc/passwd");
	assert_string_equal(got.mode, "s3");
	assert_string_equal(got.listen.address, "::1");
	assert_int_equal(got.listen.port, 9443);
	assert_true(conf_loopback(&got.listen));
	assert_int_equal(got.count, 7);
	assert_true(got.size == 3ULL << 30);
	assert_false(got.flag);
	assert_true(conf_given(table, COUNT(table), "b", "size"));
	assert_false(conf_given(table, COUNT(table), "b", "count"));
}

static void test_faults(void **state)
{
	(void)state;
	expect("[a]\nname = x\nnme = y\n", 3, "[a] nme: there is no such key");
	expect("[a]\nname = x\n[z]\nk = y\n", 4, "[z] k: there is no such section");
	expect("k = y\n", 1, "[] k: stands before any");
	expect("[a]\nname = x\nname = y\n", 3, "[a] name: is given twice");
	expect("[a]\nname = x\n  more\n", 3, "[a] name: is given twice");
	expect("[a]\nname =\n", 2, "[a] name: is empty");
	expect("\n[a]\ndir = /tmp\n[b]\nflag = no\n", 3, "[a] name: is missing");
	expect("\n\n", 2, "[a] name: is missing");
	expect("[a]\nname = x\nrubbish\n", 3, "is not \"[section]\"");
	expect("[a]\nname = x\nrubbish\n[b]\nflag = 1\n", 3, "is not \"[section]\"");
	expect("[a]\nname = x\nfile = /nowhere/at/all\n", 3, "[a] file: names a file that cannot");
	expect("[a]\nname = x\nfile = /tmp\n", 3, "[a] file: is not a regular file");
	expect("[a]\nname = x\ndir = /etc/passwd\n", 3, "[a] dir: is not a folder");
	expect("[a]\nname = x\nmode = s\n", 3, "[a] mode: is not a value");
	expect("[b]\ncount = 0\n", 2, "[b] count: is out of range");
	expect("[b]\ncount = 101\n", 2, "[b] count: is out of range");
	expect("[b]\ncount = 5K\n", 2, "[b] count: is not a number");
	expect("[b]\nsize = 99999999999999T\n", 2, "[b] size: is not a size");
	expect("[b]\nflag = true\n", 2, "[b] flag: is neither");
}

static void test_listen(void **state)
{
	(void)state;
	const char *good[] = {"127.0.0.1:1", ":65535", "[::]:80", "0.0.0.0:80"};
	const char *bad[] = {"127.0.0.1", "localhost:80", "::1:80", "127.0.0.1:0",
	                     "127.0.0.1:65536", "127.0.0.1:", "[::1]80", "256.0.0.1:80"};
	char text[128];

	for (size_t i = 0; i < COUNT(good); i++) {
		int n = snprintf(text, sizeof(text), "[a]\nname = x\n[b]\nlisten = %s\n", good[i]);
		assert_int_equal(load(text, (size_t)n), OK);
		assert_int_equal(conf_loopback(&got.listen), i == 0);
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_true(snprintf(text, sizeof(text), "[a]\nname = x\n[b]\nlisten = %s\n",
		                     bad[i]) > 0);
		expect(text, 4, "[b] listen: ");
	}
}

static void test_long_line_and_nul(void **state)
{
	(void)state;
	char text[400] = "[a]\nname = ";

	memset(text + 11, 'x', 300);
	text[311] = '\n';
	expect(text, 2, "the line is too long");
	assert_int_equal(load("[a]\nna\0me = x\n[b]\n", 18), ERR_INPUT);
}

static void test_own_checks(void **state)
{
	(void)state;
	const char *text = "[a]\nname = x\n[b]\nflag = no\n";

	assert_int_equal(load(text, strlen(text)), OK);
	assert_int_equal(conf_wrong(path, table, COUNT(table), "b.listen", "is missing; add it",
	                            &report), ERR_INPUT);
	assert_non_null(strstr(report.text, ":4: [b] listen: is missing; add it"));
}

static void test_no_file(void **state)
{
	(void)state;
	assert_int_equal(conf_load("/nowhere/x.conf", table, COUNT(table), &report), ERR_NOTFOUND);
	assert_non_null(strstr(report.text, "/nowhere/x.conf"));
	assert_int_equal(conf_load("/tmp", table, COUNT(table), &report), ERR_INPUT);
}

static int set_up(void **state)
{
	(void)state;
	int fd = mkstemp(path);
	return fd < 0 ? 1 : close(fd);
}

static int tear_down(void **state)
{
	(void)state;
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_listen),
		cmocka_unit_test(test_long_line_and_nul),
		cmocka_unit_test(test_own_checks),
		cmocka_unit_test(test_no_file),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
