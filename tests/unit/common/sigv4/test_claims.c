#include "tests/unit/common/sigv4/support.h"

#define GOOD                                                                                       \
	"PUT\n/b/a%20b\npartNumber=1&uploadId=x%2F\nhost:h\nx-amz-copy-source:/o/k?versionId=1\n\n"   \
	"host;x-amz-copy-source\nUNSIGNED-PAYLOAD"

static void test_parts(void **state)
{
	struct sigv4_claims c;

	(void)state;
	assert_int_equal(sigv4_claims_read(BYTES(GOOD), &c), OK);
	assert_text(c.method, "PUT");
	assert_text(c.path, "/b/a%20b");
	assert_text(c.query, "partNumber=1&uploadId=x%2F");
	assert_int_equal(c.n_headers, 2);
	assert_text(c.headers[0].name, "host");
	assert_text(c.headers[1].name, "x-amz-copy-source");
	assert_text(c.headers[1].value, "/o/k?versionId=1");
	assert_text(c.signed_headers, "host;x-amz-copy-source");
	assert_text(c.content_hash, "UNSIGNED-PAYLOAD");
}

static void test_accepted(void **state)
{
	static const char *const texts[] = {
		"GET\n/\n\n\n\nUNSIGNED-PAYLOAD",
		"GET\n/\n\nhost:\n\nhost\nx",
		"GET\n//\n=\nhost:a b:c\n\nhost\nx",
		"GET\n/\na=1&a=1&a=2&a-b=\nhost:\xc3\xa9\n\nhost\nx",
	};
	struct sigv4_claims c;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		assert_int_equal(sigv4_claims_read(bytes_text(texts[i]), &c), OK);
	}
}

static void test_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"GET",
		"GET\n/\n\n\n\n",                          /* no hash */
		"GET\n/\n\n\n\nx\n",                       /* something behind it */
		"GET\n/\n\n\nx",                           /* a line too few */
		"get\n/\n\n\n\nx",
		"\n/\n\n\n\nx",
		"GET \n/\n\n\n\nx",
		/* path */
		"GET\n\n\n\n\nx",
		"GET\nb/k\n\n\n\nx",
		"GET\n/b/a b\n\n\n\nx",
		"GET\n/b/%7E\n\n\n\nx",                    /* an escape that uri_encode does not write */
		"GET\n/b/%2F\n\n\n\nx",
		"GET\n/b/%2b\n\n\n\nx",
		"GET\n/b/%2\n\n\n\nx",
		"GET\n/b/%\n\n\n\nx",
		"GET\n/b?acl\n\n\n\nx",
		/* query */
		"GET\n/\na\n\n\nx",
		"GET\n/\na=1&\n\n\nx",
		"GET\n/\n&a=1\n\n\nx",
		"GET\n/\nb=1&a=1\n\n\nx",
		"GET\n/\na=2&a=1\n\n\nx",
		"GET\n/\na-b=1&a=1\n\n\nx",
		"GET\n/\na=b=c\n\n\nx",
		"GET\n/\na=b/c\n\n\nx",
		"GET\n/\na=b+c\n\n\nx",
		"GET\n/\nX-Amz-Signature=1\n\n\nx",
		/* headers */
		"GET\n/\n\nhost\n\nhost\nx",
		"GET\n/\n\nHost:h\n\nHost\nx",
		"GET\n/\n\nhost :h\n\nhost \nx",
		"GET\n/\n\n:h\n\n\nx",
		"GET\n/\n\nhost: h\n\nhost\nx",
		"GET\n/\n\nhost:h \n\nhost\nx",
		"GET\n/\n\nhost:a  b\n\nhost\nx",
		"GET\n/\n\nhost:a\rb\n\nhost\nx",
		"GET\n/\n\nhost:h\nhost:h\n\nhost;host\nx",
		"GET\n/\n\nx-a:1\nhost:h\n\nx-a;host\nx",
		"GET\n/\n\na;b:1\n\na;b\nx",
		/* the list is not the lines */
		"GET\n/\n\nhost:h\n\n\nx",
		"GET\n/\n\n\nhost\nx",
		"GET\n/\n\nhost:h\n\nhost;x-amz-date\nx",
		"GET\n/\n\nhost:h\nx-amz-date:1\n\nhost\nx",
		"GET\n/\n\nhost:h\n\nhost;\nx",
		"GET\n/\n\nhost:h\n\nhos\nx",
		/* hash */
		"GET\n/\n\nhost:h\n\nhost\na b",
		"GET\n/\n\nhost:h\n\nhost\naaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	};
	struct sigv4_claims c;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		if (sigv4_claims_read(bytes_text(texts[i]), &c) != ERR_INPUT) {
			fail_msg("accepted: %s", texts[i]);
		}
	}
	/* a NUL is no part of any text */
	assert_int_equal(sigv4_claims_read(BYTES("GET\n/\n\nhost:a\0b\n\nhost\nx"), &c), ERR_INPUT);
}

/* Every cut of a good text is refused: nothing is optional at the end but more of the hash. */
static void test_cut(void **state)
{
	struct bytes good = BYTES(GOOD);
	struct sigv4_claims c;

	(void)state;
	for (size_t n = 0; n < good.n - (sizeof("UNSIGNED-PAYLOAD") - 1); n++) {
		assert_int_equal(sigv4_claims_read(bytes_first(good, n), &c), ERR_INPUT);
	}
}

static void test_header_count(void **state)
{
	struct writer w = writer_growing(SIGV4_CANONICAL_MAX);
	struct writer list = writer_growing(SIGV4_CANONICAL_MAX);
	struct sigv4_claims c;

	(void)state;
	write_text(&w, "GET\n/\n\n");
	for (unsigned i = 0; i < SIGV4_SIGNED_HEADERS_MAX + 1; i++) {
		write_text(&w, "h");
		write_padded(&w, i, 2);
		write_text(&w, ":v\n");
		write_text(&list, i == 0 ? "h" : ";h");
		write_padded(&list, i, 2);
	}
	write_text(&w, "\n");
	write_bytes(&w, writer_bytes(&list));
	write_text(&w, "\nx");
	assert_int_equal(sigv4_claims_read(writer_bytes(&w), &c), ERR_INPUT);
	writer_free(&w);
	writer_free(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parts),   cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_cut),
		cmocka_unit_test(test_header_count),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
