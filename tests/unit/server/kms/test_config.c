/* The daemon's own checks of its configuration. */
#include "server/kms/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <stdlib.h>
#include <cmocka.h>

static char path[] = "/tmp/test_kms_config.XXXXXX";

static enum err load(const char *origin, const char *fence, const char *tail,
                     struct kms_config *ret, struct report *report)
{
	FILE *s = fopen(path, "we");

	assert_non_null(s);
	fprintf(s, "[kms]\nstate_dir = /tmp\norigin = %s\n[log]\ndir = /tmp\nfence = %s\n"
	        "[gateway]\nlisten = 127.0.0.1:1\ncertificate = %s\nkey = %s\nclient_ca = %s\n"
	        "[admin]\nlisten = 127.0.0.1:2\ncertificate = %s\nkey = %s\nclient_ca = %s\n%s",
	        origin, fence, path, path, path, path, path, path, tail);
	assert_int_equal(fclose(s), 0);
	memset(report, 0, sizeof(*report));
	return config_load(path, ret, report);
}

static void test_good(void **state)
{
	struct kms_config c;
	struct report r;

	(void)state;
	assert_int_equal(load("k/log/1", "/var/fence", "[ops]\nlisten = [::1]:9\n", &c, &r), OK);
	assert_string_equal(c.origin, "k/log/1");
	assert_string_equal(c.region, "fr-sov-1");
	assert_int_equal(c.gateway.listen.port, 1);
	assert_int_equal(c.ops.port, 9);
	assert_string_equal(c.passphrase_file, "");
	assert_true(c.anonymous);
	assert_true(c.post_sigv2);
}

static void test_refused(void **state)
{
	struct kms_config c;
	struct report r;

	(void)state;
	assert_int_equal(load("a b", "/f", "", &c, &r), ERR_INPUT);
	assert_non_null(strstr(r.text, ":3: [kms] origin: "));
	assert_int_equal(load("a+b", "/f", "", &c, &r), ERR_INPUT);
	assert_int_equal(load("a", "/tmp/fence", "", &c, &r), ERR_INPUT);
	assert_non_null(strstr(r.text, ":6: [log] fence: "));
	assert_int_equal(load("a", "/f", "[ops]\nlisten = 0.0.0.0:9\n", &c, &r), ERR_INPUT);
	assert_non_null(strstr(r.text, ":18: [ops] listen: "));
	assert_int_equal(load("a", "/f", "[aws]\nlisten = 127.0.0.1:3\n", &c, &r), ERR_INPUT);
	assert_non_null(strstr(r.text, ":18: [aws] listen: "));
	assert_int_equal(load("a", "/f", "[region]\nname = FR 1\n", &c, &r), ERR_INPUT);
	assert_non_null(strstr(r.text, ":18: [region] name: "));
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
		cmocka_unit_test(test_refused),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
