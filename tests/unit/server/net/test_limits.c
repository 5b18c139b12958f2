/* What bounds a request: time, sizes, queues, buffers, durability, the end of the server. */
#include "tests/unit/server/net/harness.h"

#define HOST  "Host: a\r\n"
#define CLOSE "Connection: close\r\n"

/* One call of the services' own refusal, in its own format. */
static void refuse_in_style(struct exchange *x, unsigned status)
{
	char *text = arena_alloc(exchange_arena(x), 32);

	snprintf(text, 32, "<Error>%u</Error>", status);
	exchange_respond(x, status, -1);
	assert_int_equal(exchange_header(x, "Content-Type", BYTES("application/xml")), OK);
	exchange_body(x, bytes_text(text));
}

static void slow_heads_time_out(void **state)
{
	(void)state;
	struct server s = server_default();

	s.limits.head_ms = 600;
	s.service.refuse = refuse_in_style;
	server_start(&s);
	int fd = client_open(&s);
	/* Byte after byte does not extend the time. */
	static const char slow[] = "GET / HTTP/1.1\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	for (size_t i = 0; i < sizeof(slow) - 1 && client_send(fd, slow + i, 1); i++) {
		usleep(50 * 1000);
	}
	struct reply r = client_read_all(fd);
	assert_int_equal(reply_status(&r), 408);
	assert_string_equal(reply_body(&r), "<Error>408</Error>");
	reply_free(&r);
	close(fd);
	server_stop(&s);
}

static void idle_connections_are_closed(void **state)
{
	(void)state;
	struct server s = server_default();

	s.limits.idle_ms = 1500; /* longer than it takes to open two connections and ask */
	server_start(&s);
	int fresh = client_open(&s);
	int used = client_open(&s);
	client_say(used, "GET /body HTTP/1.1\r\n" HOST "\r\n");
	struct reply r = client_read_all(used);
	assert_int_equal(reply_status(&r), 200);
	assert_false(r.timeout);
	reply_free(&r);
	r = client_read_all(fresh);
	assert_int_equal(r.n, 0);
	assert_false(r.timeout);
	reply_free(&r);
	close(fresh);
	close(used);
	server_stop(&s);
}

static void stalled_bodies_time_out(void **state)
{
	(void)state;
	static const unsigned lengths[] = {100, 1000000}; /* gathered, streamed */
	struct server s = server_default();

	s.limits.body_idle_ms = 300;
	server_start(&s);
	for (size_t i = 0; i < COUNT(lengths); i++) {
		char text[128];
		snprintf(text, sizeof(text), "PUT /sink HTTP/1.1\r\n" HOST "Content-Length: %u\r\n\r\nab",
		         lengths[i]);
		struct reply r = ask(&s, text);
		assert_int_equal(reply_status(&r), 408);
		reply_free(&r);
	}
	server_stop(&s);
}

static void clients_that_do_not_read_are_cut(void **state)
{
	(void)state;
	struct server s = server_default();
	struct http_stats st;
	int small = 4096;

	s.limits.write_idle_ms = 300;
	server_start(&s);
	int fd = client_open(&s);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	client_say(fd, "GET /stream/100000000 HTTP/1.1\r\n" HOST "\r\n");
	EVENTUALLY((httpd_stats(s.httpd, &st), st.connections > 0 && st.connections_open == 0));
	EVENTUALLY(atomic_load(&released) == 1);
	close(fd);
	server_stop(&s);
}

static void full_queues_answer_503(void **state)
{
	(void)state;
	struct server s = server_default();
	int blocked[2];

	s.workers.threads = 1;
	s.workers.queue_max = 1;
	s.limits.loops = 1; /* so that the second request is in the queue before the third */
	s.service.refuse = refuse_in_style;
	server_start(&s);
	blocked[0] = client_open(&s);
	client_say(blocked[0], "GET /wait HTTP/1.1\r\n" HOST CLOSE "\r\n");
	sem_wait(&step_entered);
	blocked[1] = client_open(&s);
	client_say(blocked[1], "GET /body HTTP/1.1\r\n" HOST CLOSE "\r\n");
	struct http_stats st;
	EVENTUALLY((httpd_stats(s.httpd, &st), st.requests == 2));
	/* Refused, and the connection stays for the next try. */
	int fd = client_open(&s);
	client_say(fd, "GET /body HTTP/1.1\r\n" HOST "\r\n");
	struct reply r = client_read_until(fd, "</Error>");
	assert_int_equal(reply_status(&r), 503);
	assert_non_null(strstr(r.p, "\r\nRetry-After: 1\r\n"));
	assert_non_null(strstr(r.p, "\r\nContent-Type: application/xml\r\n"));
	assert_null(strstr(r.p, "Connection: close"));
	reply_free(&r);
	sem_post(&step_may_go);
	for (int i = 0; i < 2; i++) {
		r = client_read_all(blocked[i]);
		assert_int_equal(reply_status(&r), 200);
		reply_free(&r);
		close(blocked[i]);
	}
	/* A client has its answer before the worker has let go of the request. */
	EVENTUALLY(atomic_load(&released) == 2);
	client_say(fd, "GET /body HTTP/1.1\r\n" HOST CLOSE "\r\n");
	r = client_read_all(fd);
	assert_int_equal(reply_status(&r), 200);
	reply_free(&r);
	close(fd);
	server_stop(&s);
}

static void large_bodies_answer_413(void **state)
{
	(void)state;
	struct server s = server_default();

	s.service.body_max = 1000;
	server_start(&s);
	expect_status(&s, "PUT /sink HTTP/1.1\r\n" HOST "Content-Length: 1001\r\n\r\n", 413);
	assert_int_equal(atomic_load(&begun), 0);
	char text[2048];
	size_t n = (size_t)snprintf(text, sizeof(text),
	                            "PUT /sink HTTP/1.1\r\n" HOST
	                            "Transfer-Encoding: chunked\r\n\r\n3e9\r\n");
	memset(text + n, 'x', 0x3e9);
	text[n + 0x3e9] = 0;
	expect_status(&s, text, 413);
	memcpy(text + n - 5, "3e8\r\n", 5);
	snprintf(text + n + 0x3e8, 64, "\r\n0\r\n\r\nGET / HTTP/1.0\r\n\r\n");
	expect_status(&s, text, 200);
	server_stop(&s);
}

static void too_many_connections_are_turned_away(void **state)
{
	(void)state;
	struct server s = server_default();
	struct http_stats st;

	s.limits.connections_max = 2;
	server_start(&s);
	int a = client_open(&s);
	int b = client_open(&s);
	EVENTUALLY((httpd_stats(s.httpd, &st), st.connections_open == 2));
	int c = client_open(&s);
	struct reply r = client_read_all(c);
	assert_int_equal(reply_status(&r), 503);
	reply_free(&r);
	close(c);
	close(a);
	EVENTUALLY((httpd_stats(s.httpd, &st), st.connections_open == 1));
	expect_status(&s, "GET /body HTTP/1.1\r\n" HOST CLOSE "\r\n", 200);
	close(b);
	server_stop(&s);
}

/* Far more transfers than buffers: all end well, whatever the order in which clients read and write. */
static void few_buffers_serve_many(void **state)
{
	(void)state;
	enum { CLIENTS = 60, BYTES_EACH = 700000 };
	struct server s = server_default();
	int fd[CLIENTS];
	char *body = malloc(BYTES_EACH);

	memset(body, 'x', BYTES_EACH);
	s.limits.buffer_total_bytes = 1024 * 1024; /* six stalled readers leave room for four */
	server_start(&s);
	for (int i = 0; i < CLIENTS; i++) {
		char head[128];
		fd[i] = client_open(&s);
		snprintf(head, sizeof(head),
		         i % 10 == 0 ? "GET /stream/%d HTTP/1.1\r\n" HOST CLOSE "\r\n"
		                    : "PUT /sink HTTP/1.1\r\n" HOST CLOSE "Content-Length: %d\r\n\r\n",
		         BYTES_EACH);
		client_say(fd[i], head);
		if (i % 10 != 0) {
			client_say(fd[i], "x"); /* and then it dawdles, with a byte in somebody's buffer */
		}
	}
	for (int i = CLIENTS - 1; i >= 0; i--) {
		if (i % 10 != 0) {
			assert_true(client_send(fd[i], body, BYTES_EACH - 1));
		}
		struct reply r = client_read_all(fd[i]);
		assert_int_equal(reply_status(&r), 200);
		assert_false(r.reset || r.timeout);
		if (i % 10 == 0) {
			assert_int_equal(r.n - (size_t)(reply_body(&r) - r.p), BYTES_EACH);
		}
		reply_free(&r);
		close(fd[i]);
	}
	struct http_stats st;
	httpd_stats(s.httpd, &st);
	assert_true(st.buffer_waits > 0);
	free(body);
	server_stop(&s);
}

/* Clients that read nothing hold all buffers: others must not wait for them for ever. */
static void hogs_are_cut_off(void **state)
{
	(void)state;
	enum { HOGS = 8 };
	struct server s = server_default();
	int hogs[HOGS];
	int small = 4096;

	s.limits.buffer_total_bytes = 256 * 1024;
	s.limits.request_ms = 900;
	server_start(&s);
	for (int i = 0; i < HOGS; i++) {
		hogs[i] = client_open(&s);
		setsockopt(hogs[i], SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
		client_say(hogs[i], "GET /stream/90000000 HTTP/1.1\r\n" HOST "\r\n");
	}
	struct http_stats st;
	EVENTUALLY((httpd_stats(s.httpd, &st), st.buffer_waits > 0));
	EVENTUALLY((httpd_stats(s.httpd, &st), st.requests_busy <= HOGS / 2));
	struct reply r = ask(&s, "GET /stream/70000 HTTP/1.1\r\n" HOST CLOSE "\r\n");
	assert_int_equal(reply_status(&r), 200);
	assert_int_equal(r.n - (size_t)(reply_body(&r) - r.p), 70000);
	reply_free(&r);
	for (int i = 0; i < HOGS; i++) {
		close(hogs[i]);
	}
	server_stop(&s);
}

static void answers_wait_for_the_commit(void **state)
{
	(void)state;
	struct server s = server_default();

	s.workers = (struct worker_options){.threads = 1, .queue_max = 100, .batch_max = 32,
	                                    .commit = test_commit, .name = "commit"};
	server_start(&s);
	expect_status(&s, "GET /body HTTP/1.1\r\n" HOST CLOSE "\r\n", 200);
	assert_true(atomic_load(&commits) >= 1);
	atomic_store(&commit_fails, true);
	static const char *const requests[] = {
		"GET /body HTTP/1.1\r\n" HOST CLOSE "\r\n",
		"GET /stream/1000 HTTP/1.1\r\n" HOST CLOSE "\r\n",
		"PUT /sink HTTP/1.1\r\n" HOST CLOSE "Content-Length: 3\r\n\r\nabc",
		"PUT /sink HTTP/1.1\r\n" HOST CLOSE "Content-Length: 5000\r\n\r\nabc",
	};
	for (size_t i = 0; i < COUNT(requests); i++) {
		struct reply r = ask(&s, requests[i]);
		assert_int_equal(reply_status(&r), 507);
		assert_string_equal(reply_body(&r), "not durable");
		reply_free(&r);
	}
	assert_int_equal(atomic_load(&uncommitted_calls), COUNT(requests));
	atomic_store(&commit_fails, false);
	expect_status(&s, "GET /body HTTP/1.1\r\n" HOST CLOSE "\r\n", 200);
	server_stop(&s);

	s = server_default();
	s.workers = (struct worker_options){.threads = 1, .queue_max = 100, .batch_max = 32,
	                                    .commit = test_commit, .name = "commit"};
	s.service.uncommitted = NULL;
	server_start(&s);
	atomic_store(&commit_fails, true);
	expect_status(&s, "GET /body HTTP/1.1\r\n" HOST CLOSE "\r\n", 500);
	server_stop(&s);
}

static void drains_on_stop(void **state)
{
	(void)state;
	struct server s = server_default();

	server_start(&s);
	int idle = client_open(&s);
	int busy = client_open(&s);
	client_say(busy, "GET /wait HTTP/1.1\r\n" HOST "\r\n");
	sem_wait(&step_entered);
	httpd_stop(s.httpd);
	struct reply r = client_read_all(idle);
	assert_int_equal(r.n, 0);
	assert_false(r.timeout);
	reply_free(&r);
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(s.port)};
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int late = -1;
	EVENTUALLY((late = socket(AF_INET, SOCK_STREAM, 0),
	            connect(late, (struct sockaddr *)&to, sizeof(to)) != 0 || (close(late), false)));
	close(late);
	sem_post(&step_may_go);
	r = client_read_all(busy);
	assert_int_equal(reply_status(&r), 200);
	assert_string_equal(reply_body(&r), "waited");
	assert_non_null(strstr(r.p, "Connection: close"));
	reply_free(&r);
	close(busy);
	close(idle);
	server_stop(&s);
}

static void draining_has_an_end(void **state)
{
	(void)state;
	struct server s = server_default();

	s.limits.drain_ms = 200;
	server_start(&s);
	int fd = client_open(&s);
	client_say(fd, "PUT /sink HTTP/1.1\r\n" HOST "Content-Length: 500000\r\n\r\nab");
	EVENTUALLY(atomic_load(&begun) == 1);
	uint64_t before = clock_mono_ms();
	server_stop(&s);
	assert_true(clock_mono_ms() - before < 10000);
	close(fd);
}

static void idle_connections_are_cheap(void **state)
{
	(void)state;
	enum { IDLE = 2000, BYTES_EACH_MAX = 4096 };
	struct server s = server_default();
	struct http_stats st;
	static int fd[IDLE];

	server_start(&s); /* also raises the limit of open files */
	for (int i = 0; i < IDLE; i++) {
		fd[i] = client_open(&s);
		client_say(fd[i], "GET /body HTTP/1.1\r\n" HOST "\r\n");
		struct reply r = client_read_until(fd[i], "hello");
		reply_free(&r);
	}
	httpd_stats(s.httpd, &st);
	assert_int_equal(st.connections_open, IDLE);
	expect_status(&s, "GET /body HTTP/1.1\r\n" HOST CLOSE "\r\n", 200);
	for (int i = 0; i < IDLE; i++) {
		close(fd[i]);
	}
	EVENTUALLY((httpd_stats(s.httpd, &st), st.connections_open == 0));
	server_stop(&s);
}

static void bad_listeners_say_what_to_do(void **state)
{
	(void)state;
	struct server s = server_default();
	struct report r = {0};

	server_start(&s);
	struct httpd *h = NULL;
	struct http_limits limits = http_limits_default();
	limits.loops = 1;
	assert_int_equal(httpd_new(&limits, &h), OK);
	struct listener_options o = s.listener;
	o.port = s.port;
	assert_int_equal(httpd_listen(h, &o, &r), ERR_EXISTS);
	assert_non_null(strstr(r.text, "the port is taken"));
	o.address = "0.0.0.0";
	o.port = 0;
	assert_int_equal(httpd_listen(h, &o, &r), ERR_INPUT);
	assert_non_null(strstr(r.text, "loopback only"));
	o.address = "localhost";
	assert_int_equal(httpd_listen(h, &o, &r), ERR_INPUT);
	assert_non_null(strstr(r.text, "not an IPv4 or IPv6 address"));
	o.address = "::1";
	assert_int_equal(httpd_listen(h, &o, &r), OK);
	httpd_free(h);
	httpd_free(NULL);
	limits.buffer_total_bytes = 1;
	assert_int_equal(httpd_new(&limits, &h), ERR_INPUT);
	server_stop(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slow_heads_time_out),
		cmocka_unit_test(idle_connections_are_closed),
		cmocka_unit_test(stalled_bodies_time_out),
		cmocka_unit_test(clients_that_do_not_read_are_cut),
		cmocka_unit_test(full_queues_answer_503),
		cmocka_unit_test(large_bodies_answer_413),
		cmocka_unit_test(too_many_connections_are_turned_away),
		cmocka_unit_test(few_buffers_serve_many),
		cmocka_unit_test(hogs_are_cut_off),
		cmocka_unit_test(answers_wait_for_the_commit),
		cmocka_unit_test(drains_on_stop),
		cmocka_unit_test(draining_has_an_end),
		cmocka_unit_test(idle_connections_are_cheap),
		cmocka_unit_test(bad_listeners_say_what_to_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
