/* Cross-origin rules: which documents are accepted, which requests they allow, and what is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/attr.h"
#include "server/gateway/config_document.h"
#include "server/gateway/cors.h"

static struct arena *arena;

static int set_up(void **state)
{
	(void)state;
	arena = arena_new(8 << 20);
	return arena == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static struct xml_node *rules(const char *text)
{
	const struct config_document *d = config_document_of(INDEX_CONFIG_CORS);
	struct xml_node *root = NULL;
	struct bytes stored;
	assert_int_equal(config_document_read(arena, d, bytes_text(text), &stored), S3E_NONE);
	assert_int_equal(config_document_tree(arena, d, stored, &root), S3E_NONE);
	return root;
}

static void gives(const char *text, enum s3error want)
{
	struct bytes stored;
	enum s3error e = config_document_read(arena, config_document_of(INDEX_CONFIG_CORS),
	                                      bytes_text(text), &stored);
	if (e != want) {
		fail_msg("%s: %s", text, s3error_code(e));
	}
}

static bool asks(const struct xml_node *root, const char *origin, const char *method,
                 const char *headers, struct cors_grant *ret)
{
	const struct cors_query q = {bytes_text(origin), bytes_text(method), bytes_text(headers)};
	*ret = (struct cors_grant){0};
	return cors_match(arena, root, &q, ret);
}

#define CORS(inner) "<CORSConfiguration>" inner "</CORSConfiguration>"
#define RULE(inner) "<CORSRule>" inner "</CORSRule>"
#define ORIGIN(o) "<AllowedOrigin>" o "</AllowedOrigin>"
#define METHOD(m) "<AllowedMethod>" m "</AllowedMethod>"
#define HEADER(h) "<AllowedHeader>" h "</AllowedHeader>"

static void test_documents(void **state)
{
	(void)state;
	gives(CORS(""), S3E_MALFORMED_XML);
	gives(CORS(RULE(METHOD("GET"))), S3E_MALFORMED_XML);
	gives(CORS(RULE(ORIGIN("*"))), S3E_MALFORMED_XML);
	gives(CORS(RULE(ORIGIN("*") METHOD("PATCH"))), S3E_CORS_METHOD);
	gives(CORS(RULE(ORIGIN("*") METHOD("get"))), S3E_CORS_METHOD);
	gives(CORS(RULE(ORIGIN("*.*") METHOD("GET"))), S3E_CORS_WILDCARD);
	gives(CORS(RULE(ORIGIN("a\r\nb: c") METHOD("GET"))), S3E_MALFORMED_XML);
	gives(CORS(RULE(ORIGIN("*") METHOD("GET") HEADER("x-*-*"))), S3E_CORS_WILDCARD);
	gives(CORS(RULE(ORIGIN("*") METHOD("GET") "<ExposeHeader>x-*</ExposeHeader>")),
	      S3E_CORS_WILDCARD);
	gives(CORS(RULE(ORIGIN("*") METHOD("GET") "<MaxAgeSeconds>-1</MaxAgeSeconds>")),
	      S3E_MALFORMED_XML);
	gives(CORS(RULE(ORIGIN("*") METHOD("GET") "<Colour/>")), S3E_MALFORMED_XML);
}

static void test_origins(void **state)
{
	static const struct {
		const char *origin;
		bool get, put;
	} cases[] = {
		{"foo.suffix", true, false}, {".suffix", true, false}, {"suffix", false, false},
		{"foo.bar", false, false}, {"foo.suffix.get", false, false}, {"startend", true, false},
		{"start1end", true, false}, {"startend1", false, false}, {"starend", false, false},
		{"prefix", true, false}, {"prefix.suffix", true, false}, {"bla.prefix", false, false},
		{"FOO.SUFFIX", false, false}, {"foo.put", false, true}, {"", false, false},
	};
	struct cors_grant g;
	(void)state;
	const struct xml_node *root = rules(
		CORS(RULE(METHOD("GET") ORIGIN("*.suffix")) RULE(METHOD("GET") ORIGIN("start*end"))
	             RULE(METHOD("GET") ORIGIN("prefix*")) RULE(METHOD("PUT") ORIGIN("*.put"))));
	for (size_t i = 0; i < COUNT(cases); i++) {
		if (asks(root, cases[i].origin, "GET", "", &g) != cases[i].get ||
		    asks(root, cases[i].origin, "PUT", "", &g) != cases[i].put) {
			fail_msg("%s", cases[i].origin);
		}
	}
}

static void test_what_is_told(void **state)
{
	struct cors_grant g;
	(void)state;
	const struct xml_node *root = rules(
		CORS(RULE(ORIGIN("https://a.example") METHOD("GET") METHOD("PUT") HEADER("x-amz-*")
	                  HEADER("Content-Type") "<ExposeHeader>ETag</ExposeHeader>"
	                  "<ExposeHeader>x-amz-version-id</ExposeHeader>"
	                  "<MaxAgeSeconds>3000</MaxAgeSeconds>")
	             RULE(ORIGIN("*") METHOD("GET"))));
	assert_true(asks(root, "https://a.example", "PUT", "content-type, X-Amz-Date", &g));
	assert_true(bytes_is(g.origin, "https://a.example"));
	assert_true(bytes_is(g.methods, "GET, PUT"));
	assert_true(bytes_is(g.headers, "content-type, X-Amz-Date"));
	assert_true(bytes_is(g.expose, "ETag, x-amz-version-id"));
	assert_true(bytes_is(g.max_age, "3000"));
	assert_true(g.credentials);
	assert_false(asks(root, "https://a.example", "PUT", "content-type, authorization", &g));
	assert_false(asks(root, "https://a.example", "PUT", "x-amz", &g));
	assert_true(asks(root, "https://b.example", "GET", "", &g));
	assert_true(bytes_is(g.origin, "*"));
	assert_false(g.credentials);
	assert_int_equal(g.expose.n, 0);
	assert_false(asks(root, "https://b.example", "GET", "x-amz-date", &g));
	assert_false(asks(root, "https://b.example", "PUT", "", &g));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_documents, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_origins, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_is_told, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
