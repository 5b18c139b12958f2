#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/attr.h"
#include "common/s3op/s3op.h"

static void test_good_names(void **state)
{
	static const char *const names[] = {
		"abc", "a-b", "a.b", "1.2.3", "1.2.3.4.5", "my-bucket.2026", "a--b", "192.168.5.4x",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		if (!s3op_bucket_name_ok(bytes_text(names[i]))) {
			fail_msg("refused: %s", names[i]);
		}
	}
}

static void test_bad_names(void **state)
{
	static const char *const names[] = {
		"", "ab", "Abc", "a_b", "a b", "a/b", "-ab", "ab-", ".ab", "ab.", "a..b", "a.-b", "a-.b",
		"192.168.5.4", "999.999.999.999", "xn--abc", "sthree-abc", "amzn-s3-demo-abc",
		"abc-s3alias", "abc--ol-s3", "abc.mrap", "abc--x-s3", "abc--table-s3", "\xc3\xa9t\xc3\xa9",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		if (s3op_bucket_name_ok(bytes_text(names[i]))) {
			fail_msg("accepted: %s", names[i]);
		}
	}
}

static void bucket_is(const char *host, const char *domains, const char *want)
{
	struct bytes b = s3op_host_bucket(bytes_text(host), bytes_text(domains));

	if (!bytes_is(b, want)) {
		fail_msg("%s: %.*s, want %s", host, (int)b.n, (const char *)b.p, want);
	}
}

static void test_host_bucket(void **state)
{
	const char *one = "s3.example.org";
	const char *two = "example.org s3.example.org";

	(void)state;
	bucket_is("b.s3.example.org", one, "b");
	bucket_is("b.s3.example.org:9000", one, "b");
	bucket_is("b.S3.Example.ORG", one, "b");
	bucket_is("b.s3.example.org.", one, "b");
	bucket_is("a.b.s3.example.org", one, "a.b");
	bucket_is("s3.example.org", one, "");
	bucket_is("s3.example.org:9000", one, "");
	bucket_is(".s3.example.org", one, "");
	bucket_is("xs3.example.org", one, "");
	bucket_is("example.org", one, "");
	bucket_is("127.0.0.1:9000", one, "");
	bucket_is("[::1]:9000", one, "");
	bucket_is("", one, "");
	bucket_is("b.s3.example.org", "", "");
	bucket_is("a/b.s3.example.org", one, "");
	bucket_is("a*.s3.example.org", one, "");
	/* the longer domain wins, in either order; the service's own name is no bucket */
	bucket_is("b.s3.example.org", two, "b");
	bucket_is("b.s3.example.org", "s3.example.org  example.org", "b");
	bucket_is("s3.example.org", two, "");
	bucket_is("b.example.org", two, "b");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_names),
		cmocka_unit_test(test_bad_names),
		cmocka_unit_test(test_host_bucket),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
