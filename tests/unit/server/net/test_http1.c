/* The framing alone: every piece size gives the same verdict, and leniency that peers are known for is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/attr.h"
#include "server/net/http1.h"

static const struct http1_limits limits = {.head_bytes = 4096, .headers_max = 16};

/* Scan in pieces of `piece` bytes, then parse. The head is copied to where its end is the end of memory. */
static unsigned read_head(struct bytes in, size_t piece, struct arena *a, struct http1_request *ret)
{
	struct http1_scan s = {0};
	struct writer w = writer_growing(8192);
	unsigned status = 0;
	size_t at = 0;

	while (at < in.n && status == 0 && !s.done) {
		size_t skip;
		size_t used;
		struct bytes part = bytes_first(bytes_skip(in, at), piece);
		status = http1_scan_head(&s, &limits, part, &skip, &used);
		write_bytes(&w, bytes_first(bytes_skip(part, skip), used));
		at += skip + used;
	}
	if (status == 0 && s.done) {
		struct bytes head = arena_copy(a, writer_bytes(&w));
		status = http1_parse_head(head, s.headers, a, ret);
	} else if (status == 0) {
		status = 1; /* not complete */
	}
	writer_free(&w);
	return status;
}

static unsigned verdict(struct bytes in)
{
	unsigned whole = 0;

	for (size_t piece = 1; piece <= in.n + 1; piece = piece * 3 + 1) {
		struct arena *a = arena_new(64 * 1024);
		struct http1_request r;
		unsigned status = read_head(in, piece > in.n ? in.n : piece, a, &r);
		arena_free(a);
		if (piece == 1) {
			whole = status;
		}
		assert_int_equal(status, whole);
	}
	return whole;
}

static void reads_a_head(void **state)
{
	(void)state;
	struct arena *a = arena_new(64 * 1024);
	struct http1_request r;
	struct bytes in = BYTES("\r\nPUT /a%20b/c?x=1&y HTTP/1.1\r\nhOsT: ex.ample:80\r\nContent-Length: 12\r\n"
	                        "X-Empty:\r\nX-Two:  a b \t\r\nConnection: foo, Close\r\n\r\nrest");

	assert_int_equal(read_head(in, 7, a, &r), 0);
	assert_true(bytes_is(r.head.method, "PUT"));
	assert_true(bytes_is(r.head.path, "/a%20b/c"));
	assert_true(bytes_is(r.head.query, "x=1&y"));
	assert_int_equal(r.head.n_fields, 5);
	assert_int_equal(r.head.content_length, 12);
	assert_true(bytes_is(r.head.fields[0].name, "hOsT"));
	assert_true(bytes_is(r.head.fields[0].value, "ex.ample:80"));
	assert_int_equal(r.head.fields[2].value.n, 0);
	assert_true(bytes_is(r.head.fields[3].value, "a b"));
	assert_false(r.keep_alive);
	assert_false(r.http10);
	arena_free(a);
}

static void knows_versions_and_persistence(void **state)
{
	(void)state;
	static const struct {
		const char *head;
		bool keep, http10, expect;
	} cases[] = {
		{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", true, false, false},
		{"GET / HTTP/1.0\r\n\r\n", false, true, false},
		{"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true, true, false},
		{"GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\n\r\n", true, false, true},
		{"GET / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n", true, false, false},
		{"GET / HTTP/1.1\r\nHost: a\r\nExpect:\r\n\r\n", true, false, false},
		{"GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n", false, true, false},
		{"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", true, false, false},
		{"GET http://A.b:1/x HTTP/1.1\r\nHost: a.B:1\r\n\r\n", true, false, false},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct arena *a = arena_new(64 * 1024);
		struct http1_request r;
		assert_int_equal(read_head(bytes_text(cases[i].head), 1000, a, &r), 0);
		assert_int_equal(r.keep_alive, cases[i].keep);
		assert_int_equal(r.http10, cases[i].http10);
		assert_int_equal(r.expect_continue, cases[i].expect);
		assert_int_equal(r.head.path.p[0], '/');
		arena_free(a);
	}
}

#define H "Host: a\r\n"

static void refuses(void **state)
{
	(void)state;
	static const struct {
		struct bytes head;
		unsigned status;
	} cases[] = {
		{{(const uint8_t *)"GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 37}, 400},
		{{(const uint8_t *)"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", 28}, 400},
#define CASE(text, status_) {{(const uint8_t *)(text), sizeof(text) - 1}, (status_)}
		CASE("\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n", 400),
		CASE("\nGET / HTTP/1.1\r\n" H "\r\n", 400),
		CASE(" GET / HTTP/1.1\r\n" H "\r\n", 400),
		CASE("GET  / HTTP/1.1\r\n" H "\r\n", 400),
		CASE("GET / HTTP/1.1 \r\n" H "\r\n", 400),
		CASE("GET / x HTTP/1.1\r\n" H "\r\n", 400),
		CASE("GET\t/ HTTP/1.1\r\n" H "\r\n", 400),
		CASE("GET / HTTP/1.1\n" H "\r\n", 400),
		CASE("GET / HTTP/1.1\r" H "\r\n", 400),
		CASE("GET / HTTP/1.1\r\nHost: a\n\r\n", 400),
		CASE("GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", 400),
		CASE("GET / HTTP/1.1\r\n" H "\n", 400),
		CASE("GET / HTTP/1.1\r\n" H "X : y\r\n\r\n", 400),
		CASE("GET / HTTP/1.1\r\n" H " X: y\r\n\r\n", 400),
		CASE("GET / HTTP/1.1\r\n" H "X\r\n\r\n", 400),
		CASE("GET / HTTP/1.1\r\n" H ": y\r\n\r\n", 400),
		CASE("GET / HTTP/1.1\r\n" H "X: y\r\n z\r\n\r\n", 400),
		CASE("GET / HTTP/1.1\r\n" H "X: y\x7f\r\n\r\n", 400),
		CASE("GET / HTTP/1.1\r\n" H "X: y\x01\r\n\r\n", 400),
		CASE("GET / HTTP/1.1\r\n" H "X(: y\r\n\r\n", 400),
		CASE("GET /\xc3\xa9 HTTP/1.1\r\n" H "\r\n", 400),
		CASE("GET /#x HTTP/1.1\r\n" H "\r\n", 400),
		CASE("GET x HTTP/1.1\r\n" H "\r\n", 400),
		CASE("GET * HTTP/1.1\r\n" H "\r\n", 400),
		CASE("CONNECT a:1 HTTP/1.1\r\n" H "\r\n", 400),
		CASE("GET http://b/ HTTP/1.1\r\n" H "\r\n", 400),
		CASE("GET http://u@a/ HTTP/1.1\r\n" H "\r\n", 400),
		CASE("GET http://a HTTP/1.1\r\n" H "\r\n", 400),
		CASE("GET ftp://a/ HTTP/1.1\r\n" H "\r\n", 400),
		CASE("GET / HTTP/1.2\r\n" H "\r\n", 505),
		CASE("GET / HTTP/2.0\r\n" H "\r\n", 505),
		CASE("GET / HTTP/01.1\r\n" H "\r\n", 505),
		CASE("GET / http/1.1\r\n" H "\r\n", 400),
		CASE("GET / ICE/1.0\r\n" H "\r\n", 400),
		CASE("get / HTTP/1.1\r\n" H "\r\n", 501),
		CASE("GET / HTTP/1.1\r\n\r\n", 400),
		CASE("GET / HTTP/1.1\r\n" H H "\r\n", 400),
		CASE("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
		CASE("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
		CASE("GET / HTTP/1.1\r\n" H "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", 400),
		CASE("GET / HTTP/1.1\r\n" H "Content-Length: 1,1\r\n\r\n", 400),
		CASE("GET / HTTP/1.1\r\n" H "Content-Length: 0x1\r\n\r\n", 400),
		CASE("GET / HTTP/1.1\r\n" H "Content-Length: 1 1\r\n\r\n", 400),
		CASE("GET / HTTP/1.1\r\n" H "Content-Length: -1\r\n\r\n", 400),
		CASE("GET / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n", 400),
		CASE("GET / HTTP/1.1\r\n" H "Content-Length: 9223372036854775808\r\n\r\n", 400),
		CASE("GET / HTTP/1.1\r\n" H "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
		CASE("GET / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", 400),
		CASE("GET / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 501),
		CASE("GET / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, identity\r\n\r\n", 501),
		CASE("GET / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n", 501),
		CASE("GET / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n\r\n", 501),
		CASE("GET / HTTP/1.1\r\n" H "Transfer-Encoding: \"chunked\"\r\n\r\n", 501),
		CASE("GET / HTTP/1.1\r\n" H "Transfer-Encoding: chunked;q=1\r\n\r\n", 501),
		CASE("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		unsigned status = verdict(cases[i].head);
		if (status != cases[i].status) {
			fail_msg("<<%s>> gave %u, wanted %u", (const char *)cases[i].head.p, status,
			         cases[i].status);
		}
	}
}

static void holds_the_limits(void **state)
{
	(void)state;
	struct writer w = writer_growing(64 * 1024);

	write_text(&w, "GET / HTTP/1.1\r\nHost: a\r\n");
	for (int i = 0; i < 15; i++) {
		write_text(&w, "X: y\r\n");
	}
	size_t fits = w.used;
	write_text(&w, "\r\n");
	assert_int_equal(verdict(writer_bytes(&w)), 0);
	w.used = fits;
	write_text(&w, "X: y\r\n\r\n");
	assert_int_equal(verdict(writer_bytes(&w)), 431);
	w.used = 0;
	write_text(&w, "GET /");
	memset(writer_reserve(&w, 5000), 'x', 5000);
	w.used += 5000;
	assert_int_equal(verdict(writer_bytes(&w)), 414);
	w.used = 0;
	write_text(&w, "GETGETGETGETGETGETGETGETGETGETGETGET / HTTP/1.1\r\n");
	assert_int_equal(verdict(writer_bytes(&w)), 400);
	writer_free(&w);
}

/* Decode a chunked body in pieces; true when it is complete and well-formed. *ret_left: bytes behind its end. */
static bool dechunk(struct bytes in, size_t piece, struct writer *out, size_t *ret_left)
{
	struct http_head head = {.chunked = true, .content_length = -1};
	struct http1_body b = http1_body_of(&head);

	while (in.n > 0 && !b.done) {
		struct bytes part = bytes_first(in, piece);
		size_t before = part.n;
		struct bytes run;
		if (http1_body_take(&b, &part, 3, &run) != 0) {
			return false;
		}
		write_bytes(out, run);
		in = bytes_skip(in, before - part.n);
	}
	*ret_left = in.n;
	return b.done;
}

static void decodes_chunks(void **state)
{
	(void)state;
	struct bytes in = BYTES("5\r\nhello\r\n0006;a=\"b\"\r\n world\r\nA\r\n0123456789\r\n0\r\nT: x\r\n\r\nNEXT");

	for (size_t piece = 1; piece < 80; piece++) {
		uint8_t room[64];
		struct writer w = writer_fixed(room, sizeof(room));
		size_t left;
		assert_true(dechunk(in, piece, &w, &left));
		assert_true(bytes_is(writer_bytes(&w), "hello world0123456789"));
		assert_int_equal(left, 4);
	}
}

static void refuses_bad_chunks(void **state)
{
	(void)state;
	static const char *const cases[] = {
		"\r\n", "x\r\n", "-1\r\n", "+1\r\n", " 1\r\na\r\n", "1 \r\na\r\n", "0x1\r\na\r\n", "1\na\r\n",
		"1\r\nab\r\n", "1\r\na\n0\r\n\r\n", "1\r\na\r\r\n", "1;\nx\r\n", "1;a\x01\r\n",
		"1000000000000000\r\n", "0\r\n X: y\r\n\r\n", "0\r\nX: y\n\r\n", "0\r\nX: y\rz\r\n\r\n",
		"0\r\n\n", "0\n\r\n", "1\r\ra\r\n",
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		for (size_t piece = 1; piece < 20; piece++) {
			uint8_t room[64];
			struct writer w = writer_fixed(room, sizeof(room));
			size_t left;
			if (dechunk(bytes_text(cases[i]), piece, &w, &left)) {
				fail_msg("accepted: %s", cases[i]);
			}
			/* Refused, not merely incomplete: more bytes do not change it. */
			struct http_head head = {.chunked = true};
			struct http1_body b = http1_body_of(&head);
			struct bytes in = bytes_text(cases[i]);
			struct bytes run;
			unsigned status = 0;
			while (in.n > 0 && status == 0) {
				status = http1_body_take(&b, &in, 64, &run);
			}
			assert_int_equal(status, 400);
		}
	}
}

static void bounds_extensions_and_trailers(void **state)
{
	(void)state;
	static const char *const starts[] = {"1;", "0\r\n"};

	for (size_t i = 0; i < COUNT(starts); i++) {
		struct http_head head = {.chunked = true};
		struct http1_body b = http1_body_of(&head);
		struct bytes in = bytes_text(starts[i]);
		struct bytes run;
		size_t n = 0;
		assert_int_equal(http1_body_take(&b, &in, 64, &run), 0);
		for (;; n++) {
			in = BYTES("x");
			if (http1_body_take(&b, &in, 64, &run) != 0) {
				break;
			}
			assert_true(n < 100000);
		}
		assert_true(n >= 256);
	}
}

static void counts_bodies(void **state)
{
	(void)state;
	struct http_head head = {.content_length = 10};
	struct http1_body b = http1_body_of(&head);
	struct bytes in = BYTES("0123456789next");
	struct bytes run;

	assert_int_equal(http1_body_take(&b, &in, 4, &run), 0);
	assert_true(bytes_is(run, "0123"));
	assert_false(b.done);
	assert_int_equal(http1_body_take(&b, &in, 100, &run), 0);
	assert_true(bytes_is(run, "456789"));
	assert_true(b.done);
	assert_true(bytes_is(in, "next"));
	head.content_length = 0;
	assert_true(http1_body_of(&head).done);
	head.content_length = -1;
	assert_true(http1_body_of(&head).done);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_head),
		cmocka_unit_test(knows_versions_and_persistence),
		cmocka_unit_test(refuses),
		cmocka_unit_test(holds_the_limits),
		cmocka_unit_test(decodes_chunks),
		cmocka_unit_test(refuses_bad_chunks),
		cmocka_unit_test(bounds_extensions_and_trailers),
		cmocka_unit_test(counts_bodies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
