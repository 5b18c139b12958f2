/* Requests and answers over clear text: framing, steps, errors, pipelining. */
#include "tests/unit/server/net/harness.h"

static struct server shared;

static int setup(void **state)
{
	(void)state;
	shared = server_default();
	server_start(&shared);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	server_stop(&shared);
	return 0;
}

#define HOST  "Host: a\r\n"
#define CLOSE "Connection: close\r\n"

static void answers_at_once(void **state)
{
	(void)state;
	struct reply r = ask(&shared, "GET /body HTTP/1.1\r\n" HOST CLOSE "\r\n");

	assert_int_equal(reply_status(&r), 200);
	assert_string_equal(reply_body(&r), "hello");
	assert_non_null(strstr(r.p, "\r\nContent-Length: 5\r\n"));
	assert_non_null(strstr(r.p, "\r\nETag: \"abc\"\r\n"));
	assert_non_null(strstr(r.p, "\r\nServer: Rempart\r\n"));
	assert_non_null(strstr(r.p, "\r\nDate: "));
	assert_non_null(strstr(r.p, "\r\nConnection: close\r\n"));
	assert_false(r.reset);
	reply_free(&r);
}

static void check_pattern(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		assert_int_equal((uint8_t)p[i], pattern_at(i));
	}
}

static void streams_with_length(void **state)
{
	(void)state;
	static const size_t sizes[] = {0, 1, 65536, 262144, 262145, 1048577, 5000000};

	for (size_t i = 0; i < COUNT(sizes); i++) {
		char text[128];
		snprintf(text, sizeof(text), "GET /stream/%zu HTTP/1.1\r\n" HOST CLOSE "\r\n", sizes[i]);
		struct reply r = ask(&shared, text);
		size_t head = (size_t)(reply_body(&r) - r.p);
		assert_int_equal(reply_status(&r), 200);
		assert_int_equal(r.n - head, sizes[i]);
		check_pattern(reply_body(&r), sizes[i]);
		reply_free(&r);
	}
}

/* Decode chunks in place; returns the number of bytes. */
static size_t dechunk(char *p)
{
	char *to = p;
	char *from = p;

	for (;;) {
		char *end = NULL;
		size_t n = strtoul(from, &end, 16);
		assert_int_equal(strncmp(end, "\r\n", 2), 0);
		memmove(to, end + 2, n);
		from = end + 2 + n;
		to += n;
		if (n == 0) {
			assert_string_equal(from, "\r\n");
			return (size_t)(to - p);
		}
		assert_int_equal(strncmp(from, "\r\n", 2), 0);
		from += 2;
	}
}

static void streams_chunked(void **state)
{
	(void)state;
	static const size_t sizes[] = {1, 262144, 262145, 3000000};

	for (size_t i = 0; i < COUNT(sizes); i++) {
		char text[128];
		snprintf(text, sizeof(text), "GET /chunked/%zu HTTP/1.1\r\n" HOST CLOSE "\r\n", sizes[i]);
		struct reply r = ask(&shared, text);
		char *body = r.p + (reply_body(&r) - r.p);
		assert_non_null(strstr(r.p, "\r\nTransfer-Encoding: chunked\r\n"));
		assert_int_equal(dechunk(body), sizes[i]);
		check_pattern(body, sizes[i]);
		reply_free(&r);
	}
}

static void old_clients_get_a_body_until_close(void **state)
{
	(void)state;
	struct reply r = ask(&shared, "GET /chunked/300000 HTTP/1.0\r\n\r\n");
	size_t head = (size_t)(reply_body(&r) - r.p);

	assert_null(strstr(r.p, "Transfer-Encoding"));
	assert_int_equal(r.n - head, 300000);
	check_pattern(reply_body(&r), 300000);
	reply_free(&r);
}

static void head_has_no_body(void **state)
{
	(void)state;
	struct reply r = ask(&shared, "HEAD /stream/1000 HTTP/1.1\r\n" HOST CLOSE "\r\n");

	assert_non_null(strstr(r.p, "\r\nContent-Length: 1000\r\n"));
	assert_string_equal(reply_body(&r), "");
	reply_free(&r);
	r = ask(&shared, "HEAD /body HTTP/1.1\r\n" HOST CLOSE "\r\n");
	assert_non_null(strstr(r.p, "\r\nContent-Length: 5\r\n"));
	assert_string_equal(reply_body(&r), "");
	reply_free(&r);
	r = ask(&shared, "GET /status/204 HTTP/1.1\r\n" HOST CLOSE "\r\n");
	assert_int_equal(reply_status(&r), 204);
	assert_null(strstr(r.p, "Content-Length"));
	assert_string_equal(reply_body(&r), "");
	reply_free(&r);
	r = ask(&shared, "GET /status/304 HTTP/1.1\r\n" HOST CLOSE "\r\n");
	assert_null(strstr(r.p, "Content-Length"));
	assert_string_equal(reply_body(&r), "");
	reply_free(&r);
}

static uint64_t sum_of(const char *p, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		sum = sum * 31 + (uint8_t)p[i];
	}
	return sum;
}

static char *make_body(size_t n)
{
	char *p = malloc(n + 1);

	assert_non_null(p);
	for (size_t i = 0; i < n; i++) {
		p[i] = (char)pattern_at(i);
	}
	p[n] = 0;
	return p;
}

static void expect_sink(struct reply *r, const char *body, size_t n)
{
	char text[128];

	snprintf(text, sizeof(text), "bytes=%zu sum=%llu ", n, (unsigned long long)sum_of(body, n));
	if (strstr(r->p, text) == NULL) {
		fail_msg("wanted %s, got %s", text, r->p);
	}
	reply_free(r);
}

static void takes_bodies(void **state)
{
	(void)state;
	static const size_t sizes[] = {1, 4096, 4097, 262144, 262145, 2000000};

	for (size_t i = 0; i < COUNT(sizes); i++) {
		char head[128];
		char *body = make_body(sizes[i]);
		int fd = client_open(&shared);
		snprintf(head, sizeof(head),
		         "PUT /sink HTTP/1.1\r\n" HOST CLOSE "Content-Length: %zu\r\n\r\n", sizes[i]);
		client_say(fd, head);
		assert_true(client_send(fd, body, sizes[i]));
		struct reply r = client_read_all(fd);
		if (sizes[i] <= 4096) {
			assert_non_null(strstr(r.p, "calls=1"));
		}
		expect_sink(&r, body, sizes[i]);
		free(body);
		close(fd);
	}
}

/*
 * A client with Nagle's algorithm that writes head and body apart must not wait for delayed ACKs, 40 ms each. On a busy machine
 * much else may take that long, now and then; they come with every request once the kernel has taken the connection for a dialogue.
 */
static void acknowledges_heads_at_once(void **state)
{
	(void)state;
	enum { ROUNDS = 60, DELAYED_MS = 40 };
	int fd = client_open(&shared);
	unsigned prompt = 0;

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t before = clock_mono_ms();
		client_say(fd, "PUT /sink HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\n");
		client_say(fd, "abc");
		struct reply r = client_read_until(fd, "calls=1");
		reply_free(&r);
		prompt += clock_mono_ms() - before < DELAYED_MS;
	}
	assert_in_range(prompt, ROUNDS / 4, ROUNDS);
	close(fd);
}

/* The same bytes in any pieces give the same request. */
static void takes_chunked_bodies_in_any_pieces(void **state)
{
	(void)state;
	static const char request[] = "PUT /sink HTTP/1.1\r\n" HOST CLOSE
				      "Transfer-Encoding: chunked\r\n\r\n"
				      "5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\nTrailer: x\r\n\r\n";

	for (size_t piece = 1; piece < sizeof(request); piece = piece * 2 + 1) {
		int fd = client_open(&shared);
		int on = 1;
		setsockopt(fd, IPPROTO_TCP, 1 /* TCP_NODELAY */, &on, sizeof(on));
		for (size_t at = 0; at < sizeof(request) - 1; at += piece) {
			size_t left = sizeof(request) - 1 - at;
			assert_true(client_send(fd, request + at, left < piece ? left : piece));
		}
		struct reply r = client_read_all(fd);
		assert_non_null(strstr(r.p, "calls=1"));
		expect_sink(&r, "hello world", 11);
		close(fd);
	}
}

static void takes_large_chunked_bodies(void **state)
{
	(void)state;
	size_t n = 1500000;
	char *body = make_body(n);
	int fd = client_open(&shared);

	client_say(fd, "PUT /sink HTTP/1.1\r\n" HOST CLOSE "Transfer-Encoding: chunked\r\n\r\n");
	for (size_t at = 0; at < n;) {
		char size[32];
		size_t part = 1 + at % 70001;
		part = part > n - at ? n - at : part;
		snprintf(size, sizeof(size), "%zx\r\n", part);
		client_say(fd, size);
		assert_true(client_send(fd, body + at, part));
		client_say(fd, "\r\n");
		at += part;
	}
	client_say(fd, "0\r\n\r\n");
	struct reply r = client_read_all(fd);
	expect_sink(&r, body, n);
	free(body);
	close(fd);
}

static void continues_only_when_wanted(void **state)
{
	(void)state;
	int fd = client_open(&shared);

	client_say(fd, "PUT /sink HTTP/1.1\r\n" HOST CLOSE
	               "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n");
	struct reply r = client_read_until(fd, "\r\n\r\n");
	assert_string_equal(r.p, "HTTP/1.1 100 Continue\r\n\r\n");
	reply_free(&r);
	client_say(fd, "hello");
	r = client_read_all(fd);
	expect_sink(&r, "hello", 5);
	close(fd);

	/* Nothing comes, and the connection is kept: some clients count on it that they were told to go on. */
	fd = client_open(&shared);
	client_say(fd, "PUT /sink HTTP/1.1\r\n" HOST CLOSE
	               "Expect: 100-continue\r\nContent-Length: 0\r\n\r\n");
	r = client_read_all(fd);
	const char *both = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n";
	assert_int_equal(strncmp(r.p, both, strlen(both)), 0);
	reply_free(&r);
	close(fd);

	/* Refused before the body: no 100, and the connection ends. */
	expect_status(&shared,
	              "PUT /deny HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 9\r\n\r\n",
	              403);
	/* What nobody knows is not waited for. */
	expect_status(&shared,
	              "PUT /sink HTTP/1.1\r\n" HOST CLOSE "Expect: miracle\r\nContent-Length: 0\r\n\r\n",
	              200);
}

/* An early answer must reach a client that is still sending. */
static void early_answer_survives_a_sending_client(void **state)
{
	(void)state;
	static const char *const paths[] = {"/deny", "/deny-body", "/body-error"};
	static const unsigned wanted[] = {403, 400, 500};
	size_t n = 900 * 1024;
	char *body = make_body(n);

	for (size_t i = 0; i < COUNT(paths); i++) {
		char head[160];
		int fd = client_open(&shared);
		snprintf(head, sizeof(head), "PUT %s HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n",
		         paths[i], n);
		client_say(fd, head);
		assert_true(client_send(fd, body, n));
		struct reply r = client_read_all(fd);
		assert_int_equal(reply_status(&r), wanted[i]);
		assert_false(r.reset);
		reply_free(&r);
		close(fd);
	}
	free(body);
}

static void keeps_alive_and_pipelines(void **state)
{
	(void)state;
	int fd = client_open(&shared);
	enum { ROUNDS = 300 };

	for (int i = 0; i < ROUNDS; i++) {
		client_say(fd, i % 3 == 0 ? "PUT /sink HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc"
		                          : "GET /body HTTP/1.1\r\n" HOST "\r\n");
	}
	client_say(fd, "GET /body HTTP/1.1\r\n" HOST CLOSE "\r\n");
	struct reply r = client_read_all(fd);
	size_t answers = 0;
	size_t sinks = 0;
	for (const char *p = r.p; (p = strstr(p, "HTTP/1.1 200 OK\r\n")) != NULL; p++) {
		answers++;
	}
	for (const char *p = r.p; (p = strstr(p, "bytes=3")) != NULL; p++) {
		sinks++;
	}
	assert_int_equal(answers, ROUNDS + 1);
	assert_int_equal(sinks, ROUNDS / 3);
	reply_free(&r);
	close(fd);
}

static void half_closed_clients_get_their_answer(void **state)
{
	(void)state;
	int fd = client_open(&shared);

	client_say(fd, "GET /body HTTP/1.1\r\n" HOST "\r\nGET /body HTTP/1.1\r\n" HOST "\r\n");
	shutdown(fd, SHUT_WR);
	struct reply r = client_read_all(fd);
	assert_non_null(strstr(reply_body(&r), "HTTP/1.1 200"));
	reply_free(&r);
	close(fd);
}

static void refuses_ambiguous_framing(void **state)
{
	(void)state;
	static const struct {
		const char *request;
		unsigned status;
	} cases[] = {
		{"PUT / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
		{"PUT / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 4\r\n\r\n", 400},
		{"PUT / HTTP/1.1\r\n" HOST "Content-Length: 3, 3\r\n\r\nabc", 400},
		{"PUT / HTTP/1.1\r\n" HOST "Content-Length: +3\r\n\r\nabc", 400},
		{"PUT / HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999\r\n\r\n", 400},
		{"PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
		{"PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n", 501},
		{"PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding : chunked\r\n\r\n", 400},
		{"PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
		{"GET / HTTP/1.1\nHost: a\n\n", 400},
		{"GET / HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\n" HOST HOST "\r\n", 400},
		{"GET / HTTP/2.0\r\n" HOST "\r\n", 505},
		{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
		{"GET /\r\n", 400},
		{"\x16\x03\x01\x02\x00", 400},
		{"OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 400},
		{"BREW / HTTP/1.1\r\n" HOST "\r\n", 501},
		{"PUT /sink HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n", 400},
		{"PUT /sink HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n", 400},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		expect_status(&shared, cases[i].request, cases[i].status);
	}
}

/* Nothing behind a refused request is looked at. */
static void nothing_is_smuggled_behind_a_refusal(void **state)
{
	(void)state;
	unsigned before = atomic_load(&begun);

	expect_status(&shared,
	              "PUT /sink HTTP/1.1\r\n" HOST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
	              "0\r\n\r\nGET /body HTTP/1.1\r\n" HOST "\r\n",
	              400);
	assert_int_equal(atomic_load(&begun), before);
}

static void refuses_large_heads(void **state)
{
	(void)state;
	char *text = malloc(64 * 1024);
	size_t n = (size_t)snprintf(text, 100, "GET / HTTP/1.1\r\n" HOST "X: ");

	memset(text + n, 'x', 20 * 1024);
	snprintf(text + n + 20 * 1024, 16, "\r\n\r\n");
	expect_status(&shared, text, 431);
	memcpy(text, "GET /", 5);
	memset(text + 5, 'x', 20 * 1024);
	snprintf(text + 5 + 20 * 1024, 64, " HTTP/1.1\r\n" HOST "\r\n");
	expect_status(&shared, text, 414);
	n = (size_t)snprintf(text, 100, "GET / HTTP/1.1\r\n" HOST);
	for (int i = 0; i < 200; i++) {
		n += (size_t)snprintf(text + n, 16, "X: y\r\n");
	}
	snprintf(text + n, 16, "\r\n");
	expect_status(&shared, text, 431);
	free(text);
}

static void errors_before_the_head_are_answers(void **state)
{
	(void)state;
	static const char *const paths[] = {"/error", "/silent", "/fail-first"};

	for (size_t i = 0; i < COUNT(paths); i++) {
		char text[128];
		snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\n" HOST CLOSE "\r\n", paths[i]);
		expect_status(&shared, text, 500);
	}
	struct reply r = ask(&shared, "GET /fail-replace HTTP/1.1\r\n" HOST CLOSE "\r\n");
	assert_int_equal(reply_status(&r), 404);
	assert_string_equal(reply_body(&r), "replaced");
	reply_free(&r);
}

static void errors_behind_the_head_break_the_connection(void **state)
{
	(void)state;
	static const char *const paths[] = {"/fail-mid", "/fail-short"};

	for (size_t i = 0; i < COUNT(paths); i++) {
		char text[128];
		snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\n" HOST "\r\n", paths[i]);
		struct reply r = ask(&shared, text);
		assert_true(r.reset);
		assert_true(r.n < 1024 * 1024);
		reply_free(&r);
	}
}

static void lost_clients_are_released(void **state)
{
	(void)state;
	for (int i = 0; i < 50; i++) {
		int fd = client_open(&shared);
		client_say(fd, i % 2 == 0 ? "GET /stream/50000000 HTTP/1.1\r\n" HOST "\r\n"
		                          : "PUT /sink HTTP/1.1\r\n" HOST "Content-Length: 500000\r\n\r\nab");
		struct linger now = {1, 0};
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		close(fd);
	}
	struct http_stats st;
	EVENTUALLY((httpd_stats(shared.httpd, &st), st.requests_busy == 0));
	assert_int_equal(atomic_load(&begun), atomic_load(&released));
}

/* First of all: connections of other tests would count whenever they are accepted. */
static void counts(void **state)
{
	(void)state;
	struct http_stats st;

	expect_status(&shared, "GET /body HTTP/1.1\r\n" HOST CLOSE "\r\n", 200);
	expect_status(&shared, "GET /deny HTTP/1.1\r\n" HOST CLOSE "\r\n", 403);
	EVENTUALLY((httpd_stats(shared.httpd, &st), st.connections == 2 && st.connections_open == 0));
	assert_int_equal(st.requests, 2);
	assert_int_equal(st.status[2], 1);
	assert_int_equal(st.status[4], 1);
	assert_true(st.bytes_in > 0 && st.bytes_out > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts),
		cmocka_unit_test(answers_at_once),
		cmocka_unit_test(streams_with_length),
		cmocka_unit_test(streams_chunked),
		cmocka_unit_test(old_clients_get_a_body_until_close),
		cmocka_unit_test(head_has_no_body),
		cmocka_unit_test(takes_bodies),
		cmocka_unit_test(acknowledges_heads_at_once),
		cmocka_unit_test(takes_chunked_bodies_in_any_pieces),
		cmocka_unit_test(takes_large_chunked_bodies),
		cmocka_unit_test(continues_only_when_wanted),
		cmocka_unit_test(early_answer_survives_a_sending_client),
		cmocka_unit_test(keeps_alive_and_pipelines),
		cmocka_unit_test(half_closed_clients_get_their_answer),
		cmocka_unit_test(refuses_ambiguous_framing),
		cmocka_unit_test(nothing_is_smuggled_behind_a_refusal),
		cmocka_unit_test(refuses_large_heads),
		cmocka_unit_test(errors_before_the_head_are_answers),
		cmocka_unit_test(errors_behind_the_head_break_the_connection),
		cmocka_unit_test(lost_clients_are_released),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
