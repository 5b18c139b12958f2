/* Lines of the access log: the fields in S3's order, nothing secret, nothing that could be taken for another field or line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/attr.h"
#include "server/gateway/logline.h"

enum { ARENA_BYTES = 1 << 20 };

static const struct logline usual = {
	.owner = BYTES("0123abcd"),
	.bucket = BYTES("b"),
	.time_ms = UINT64_C(1769903999000),
	.source = BYTES("192.0.2.7"),
	.requester = BYTES("arn:aws:iam::000000000001:user/u"),
	.request_id = BYTES("00ff"),
	.verb = "GET",
	.resource = "OBJECT",
	.key = BYTES("k"),
	.method = BYTES("GET"),
	.path = BYTES("/b/k"),
	.status = 200,
	.error = "",
	.sent = 7,
	.has_size = true,
	.size = 70,
	.has_total = true,
	.total_ms = 12,
	.has_turn = true,
	.turn_ms = 3,
	.referer = BYTES("http://example.org/"),
	.agent = BYTES("tool/1 (x)"),
	.version = BYTES("null"),
	.signature = "SigV4",
	.cipher = "TLS_AES_256_GCM_SHA384",
	.authentication = "AuthHeader",
	.host = BYTES("s3.example.org"),
	.tls = "TLSv1.3",
};

static void is(const struct logline *l, const char *want)
{
	AUTO(arena_freep) struct arena *a = arena_new(ARENA_BYTES);
	struct writer w AUTO(writer_free) = writer_growing(LOGLINE_MAX);
	logline_write(&w, a, l);
	assert_int_equal(writer_end(&w), OK);
	if (!bytes_is(writer_bytes(&w), want)) {
		fail_msg("%.*s, not %s", (int)w.used, (const char *)w.p, want);
	}
}

static void whole_and_empty(void **state)
{
	(void)state;
	is(&usual, "0123abcd b [31/Jan/2026:23:59:59 +0000] 192.0.2.7 arn:aws:iam::000000000001:user/u 00ff "
	           "REST.GET.OBJECT k \"GET /b/k HTTP/1.1\" 200 - 7 70 12 3 \"http://example.org/\" "
	           "\"tool/1 (x)\" null 00ff SigV4 TLS_AES_256_GCM_SHA384 AuthHeader s3.example.org TLSv1.3 "
	           "- -\n");
	const struct logline empty = {.verb = "HEAD", .resource = "BUCKET", .error = "AccessDenied",
	                              .method = BYTES("HEAD"), .path = BYTES("/")};
	is(&empty, "- - [01/Jan/1970:00:00:00 +0000] - - - REST.HEAD.BUCKET - \"HEAD / HTTP/1.1\" - "
	           "AccessDenied - - - - \"-\" \"-\" - - - - - - - - -\n");
}

/* The request-URI as it stands in the line. */
static void uri_is(const char *query, const char *want)
{
	AUTO(arena_freep) struct arena *a = arena_new(ARENA_BYTES);
	struct writer w AUTO(writer_free) = writer_growing(LOGLINE_MAX);
	struct logline l = usual;
	char text[512];
	l.query = bytes_text(query);
	logline_write(&w, a, &l);
	write_u8(&w, 0);
	assert_int_equal(writer_end(&w), OK);
	snprintf(text, sizeof(text), "\"GET /b/k?%s HTTP/1.1\" 200 ", want);
	if (strstr((const char *)w.p, text) == NULL) {
		fail_msg("%s: %s", text, (const char *)w.p);
	}
}

static void secrets(void **state)
{
	(void)state;
	uri_is("list-type=2&prefix=a%20b", "list-type=2&prefix=a%20b");
	uri_is("acl", "acl");
	uri_is("X-Amz-Signature=abc&X-Amz-Date=1", "X-Amz-Signature=XXXXX&X-Amz-Date=1");
	uri_is("X-Amz-Credential=AKIA%2F1&x-amz-security-token=t", "X-Amz-Credential=XXXXX&x-amz-security-token=XXXXX");
	uri_is("%58-amz-signature=abc", "%58-amz-signature=XXXXX");
	uri_is("AWSAccessKeyId=A&Signature=b=c&Expires=1", "AWSAccessKeyId=XXXXX&Signature=XXXXX&Expires=1");
	uri_is("%zz=abc", "%zz=XXXXX"); /* nobody knows what it names */
	uri_is("a=1&&b=2&", "a=1&&b=2&");
}

static void one_of_many(void **state)
{
	struct logline l = usual;
	(void)state;
	l.batch = true;
	l.verb = "DELETE";
	l.status = 204;
	l.sent = 0;
	l.has_size = l.has_total = l.has_turn = false;
	is(&l, "0123abcd b [31/Jan/2026:23:59:59 +0000] 192.0.2.7 arn:aws:iam::000000000001:user/u 00ff "
	       "BATCH.DELETE.OBJECT k - 204 - - - - - \"http://example.org/\" \"tool/1 (x)\" null 00ff SigV4 "
	       "TLS_AES_256_GCM_SHA384 AuthHeader s3.example.org TLSv1.3 - -\n");
}

static void escapes(void **state)
{
	struct logline l = usual;
	(void)state;
	l.key = BYTES("a b/\"\n\xc3\xa9");
	l.path = BYTES("/b/\"x\\ y\n");
	l.referer = BYTES("\" 200 - \"");
	l.agent = BYTES("\xff\t\\");
	l.host = BYTES("a b\"");
	l.version = BYTES("1 2");
	l.requester = (struct bytes){0};
	l.acl_required = true;
	is(&l, "0123abcd b [31/Jan/2026:23:59:59 +0000] 192.0.2.7 - 00ff REST.GET.OBJECT "
	       "a%20b/%22%0A%C3%A9 \"GET /b/%22x%5C%20y%0A HTTP/1.1\" 200 - 7 70 12 3 \"%22 200 - %22\" "
	       "\"%FF%09%5C\" 1%202 00ff SigV4 TLS_AES_256_GCM_SHA384 AuthHeader a%20b%22 TLSv1.3 - Yes\n");
}

static void resources(void **state)
{
	(void)state;
	for (int op = 0; op < S3OP_COUNT; op++) {
		assert_true(strlen(logline_resource((enum s3op)op)) > 0);
	}
	assert_string_equal(logline_resource(S3OP_PUT_OBJECT), "OBJECT");
	assert_string_equal(logline_resource(S3OP_LIST_OBJECTS_V2), "BUCKET");
	assert_string_equal(logline_resource(S3OP_COUNT), "OBJECT");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_and_empty),
		cmocka_unit_test(secrets),
		cmocka_unit_test(one_of_many),
		cmocka_unit_test(escapes),
		cmocka_unit_test(resources),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
