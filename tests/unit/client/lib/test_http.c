/* client/lib/http against a small scripted server on loopback: what a caller is promised in http.h. */
#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/lib/http.h"
#include "common/base/attr.h"

enum { REQUEST_MAX = 256 << 10, TEXT_MAX = 512 };

/* The server answers request i with replies[i]; NULL: it closes without an answer; "": it keeps silent
 * until the client closes. A reply that begins with '!' is sent, then the connection is closed. */
struct server {
	int fd;
	unsigned port;
	pthread_t thread;
	const char *const *replies;
	size_t n_replies;
	unsigned connections;
	size_t served;
	char requests[4][REQUEST_MAX];
	size_t request_bytes[4];
};

static size_t head_end(const char *p, size_t n)
{
	const char *end = memmem(p, n, "\r\n\r\n", 4);

	return end == NULL ? 0 : (size_t)(end - p) + 4;
}

static size_t body_size(const char *p, size_t head)
{
	static const char name[] = "content-length:";

	for (size_t i = 0; i + sizeof(name) < head; i++) {
		if (strncasecmp(p + i, name, sizeof(name) - 1) == 0) {
			return strtoul(p + i + sizeof(name) - 1, NULL, 10);
		}
	}
	return 0;
}

static void send_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);

		if (sent <= 0) {
			return;
		}
		p += sent;
		n -= (size_t)sent;
	}
}

/* One request into the next slot; false when the client is gone. */
static bool read_request(struct server *s, int fd)
{
	char *p = s->requests[s->served % 4];
	size_t used = 0;
	bool told = false;

	for (;;) {
		size_t head = head_end(p, used);
		ssize_t n;

		if (head > 0 && used >= head + body_size(p, head)) {
			p[used] = '\0';
			s->request_bytes[s->served % 4] = used;
			return true;
		}
		if (head > 0 && !told && memmem(p, head, "100-continue", 12) != NULL) {
			static const char go[] = "HTTP/1.1 100 Continue\r\nX-Interim: 1\r\n\r\n";
			send_all(fd, go, sizeof(go) - 1);
			told = true;
		}
		n = recv(fd, p + used, REQUEST_MAX - used - 1, 0);
		if (n <= 0) {
			return false;
		}
		used += (size_t)n;
	}
}

static void serve_connection(struct server *s, int fd)
{
	while (s->served < s->n_replies && read_request(s, fd)) {
		const char *reply = s->replies[s->served++];
		char byte;

		if (reply == NULL) {
			return;
		}
		if (reply[0] == '\0') {
			(void)recv(fd, &byte, 1, 0);
			return;
		}
		if (reply[0] == '!') {
			send_all(fd, reply + 1, strlen(reply + 1));
			return;
		}
		send_all(fd, reply, strlen(reply));
	}
}

static void *serve(void *context)
{
	struct server *s = context;

	while (s->served < s->n_replies) {
		int fd = accept(s->fd, NULL, NULL);

		if (fd < 0) {
			return NULL;
		}
		s->connections++;
		serve_connection(s, fd);
		close(fd);
	}
	return NULL;
}

static struct server *server_start(const char *const *replies, size_t n)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(a);
	struct server *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->replies = replies;
	s->n_replies = n;
	s->fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(s->fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(s->fd, 4), 0);
	assert_int_equal(getsockname(s->fd, (struct sockaddr *)&a, &size), 0);
	s->port = ntohs(a.sin_port);
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
	return s;
}

/* Its thread is over: what it noted may be read. */
static void server_end(struct server *s)
{
	shutdown(s->fd, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	close(s->fd);
}

static void server_stop(struct server *s)
{
	server_end(s);
	free(s);
}

static const char *url_of(const struct server *s, const char *path)
{
	static char text[TEXT_MAX];

	(void)snprintf(text, sizeof(text), "http://127.0.0.1:%u%s", s->port, path);
	return text;
}

static struct http_client *client_new(const struct http_client_options *o)
{
	struct http_client *c = NULL;
	struct report r;

	assert_int_equal(http_client_new(o, &c, &r), OK);
	return c;
}

static void get_returns_status_headers_body_and_keeps_the_connection(void **state)
{
	static const char *const replies[] = {
		"HTTP/1.1 200 OK\r\nX-One: a\r\nx-two:  b c \r\nContent-Length: 5\r\n\r\nhello",
		"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno",
	};
	struct server *s = server_start(replies, 2);
	struct http_client *c = client_new(&(struct http_client_options){0});
	struct writer w = writer_growing(100);
	struct http_answer answer;
	struct field header = {BYTES("X-Sent"), BYTES("value")};
	struct http_call call = {.method = "GET", .url = url_of(s, "/a/../b?x=%2F"), .headers = &header,
	                         .n_headers = 1, .answer = &w};

	(void)state;
	assert_int_equal(http_call(c, &call, &answer, NULL), OK);
	assert_int_equal(answer.status, 200);
	assert_true(bytes_is(http_answer_header(&answer, "x-one"), "a"));
	assert_true(bytes_is(http_answer_header(&answer, "X-Two"), "b c"));
	assert_null(http_answer_header(&answer, "x-three").p);
	assert_true(bytes_is(writer_bytes(&w), "hello"));
	assert_int_equal(http_call(c, &call, &answer, NULL), OK);
	assert_int_equal(answer.status, 404);
	assert_true(bytes_is(writer_bytes(&w), "hellono"));
	writer_free(&w);
	http_client_free(c);
	server_end(s);
	/* The path is sent as it stands: an object key may hold "..". */
	assert_int_equal(strncmp(s->requests[0], "GET /a/../b?x=%2F HTTP/1.1\r\n", 28), 0);
	assert_non_null(strstr(s->requests[0], "\r\nX-Sent: value\r\n"));
	assert_int_equal(s->connections, 1);
	free(s);
}

static void a_body_in_memory_is_sent_whole_and_without_expect(void **state)
{
	static const char *const replies[] = {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"};
	struct server *s = server_start(replies, 1);
	struct http_client *c = client_new(&(struct http_client_options){0});
	struct http_answer answer;
	struct http_call call = {.method = "PUT", .url = url_of(s, "/k"), .body = BYTES("data\0data")};

	(void)state;
	assert_int_equal(http_call(c, &call, &answer, NULL), OK);
	http_client_free(c);
	server_end(s);
	assert_int_equal(strncmp(s->requests[0], "PUT /k ", 7), 0);
	assert_null(strcasestr(s->requests[0], "expect"));
	assert_null(strcasestr(s->requests[0], "content-type"));
	assert_memory_equal(s->requests[0] + s->request_bytes[0] - 9, "data\0data", 9);
	free(s);
}

struct counted {
	size_t left;
	size_t rewinds;
	enum err e;
};

static enum err counted_read(void *context, uint8_t *out, size_t max, size_t *ret_n)
{
	struct counted *c = context;
	size_t n = c->left < max ? c->left : max;

	memset(out, 'x', n);
	c->left -= n;
	*ret_n = n;
	return c->e;
}

static void a_source_gives_the_body(void **state)
{
	static const char *const replies[] = {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"};
	struct server *s = server_start(replies, 1);
	struct http_client *c = client_new(&(struct http_client_options){0});
	struct counted body = {.left = 100000};
	struct http_source source = {counted_read, NULL, &body, 100000};
	struct http_answer answer;
	struct http_call call = {.method = "PUT", .url = url_of(s, "/k"), .source = &source};

	(void)state;
	assert_int_equal(http_call(c, &call, &answer, NULL), OK);
	assert_int_equal(answer.status, 200);
	assert_null(http_answer_header(&answer, "x-interim").p);
	assert_int_equal(body.left, 0);
	http_client_free(c);
	server_end(s);
	assert_true(s->request_bytes[0] > 100000);
	free(s);
}

static void the_error_of_a_source_is_the_result(void **state)
{
	static const char *const replies[] = {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"};
	struct server *s = server_start(replies, 1);
	struct http_client *c = client_new(&(struct http_client_options){0});
	struct counted body = {.left = 10, .e = ERR_CORRUPT};
	struct http_source source = {counted_read, NULL, &body, 100000};
	struct http_answer answer = {.status = 7};
	struct http_call call = {.method = "PUT", .url = url_of(s, "/k"), .source = &source};

	(void)state;
	assert_int_equal(http_call(c, &call, &answer, NULL), ERR_CORRUPT);
	assert_int_equal(answer.status, 7);
	http_client_free(c);
	server_stop(s);
}

struct gathered {
	size_t n;
	enum err e;
};

static enum err gather(void *context, struct bytes b)
{
	struct gathered *g = context;

	g->n += b.n;
	return g->e;
}

static void a_sink_gets_good_answers_only(void **state)
{
	static const char *const replies[] = {
		"HTTP/1.1 206 Partial\r\nContent-Length: 4\r\n\r\ndata",
		"HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\ntext",
		"!HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndata",
	};
	struct server *s = server_start(replies, 3);
	struct http_client *c = client_new(&(struct http_client_options){0});
	struct gathered g = {0};
	struct http_sink sink = {gather, &g};
	struct writer w = writer_growing(100);
	struct http_answer answer;
	struct http_call call = {.method = "GET", .url = url_of(s, "/"), .answer = &w, .sink = &sink};

	(void)state;
	assert_int_equal(http_call(c, &call, &answer, NULL), OK);
	assert_int_equal(g.n, 4);
	assert_int_equal(w.used, 0);
	assert_int_equal(http_call(c, &call, &answer, NULL), OK);
	assert_int_equal(g.n, 4);
	assert_true(bytes_is(writer_bytes(&w), "text"));
	g.e = ERR_FULL;
	assert_int_equal(http_call(c, &call, &answer, NULL), ERR_FULL);
	writer_free(&w);
	http_client_free(c);
	server_stop(s);
}

static void an_answer_over_the_limit_is_refused(void **state)
{
	static const char *const replies[] = {"!HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n12345678901"};
	struct server *s = server_start(replies, 1);
	struct http_client *c = client_new(&(struct http_client_options){0});
	struct writer w = writer_growing(10);
	struct http_answer answer;
	struct http_call call = {.method = "GET", .url = url_of(s, "/"), .answer = &w};

	(void)state;
	assert_int_equal(http_call(c, &call, &answer, NULL), ERR_LIMIT);
	writer_free(&w);
	http_client_free(c);
	server_stop(s);
}

static void silence_is_a_timeout(void **state)
{
	static const char *const replies[] = {"", ""};
	struct server *s = server_start(replies, 2);
	struct http_client *c = client_new(&(struct http_client_options){.deadline_ms = 50});
	struct http_answer answer;
	struct report r;
	struct http_call call = {.method = "GET", .url = url_of(s, "/")};

	(void)state;
	assert_int_equal(http_call(c, &call, &answer, &r), ERR_TIMEOUT);
	assert_non_null(strstr(r.text, "try again"));
	call.deadline_ms = 60;
	assert_int_equal(http_call(c, &call, &answer, NULL), ERR_TIMEOUT);
	http_client_free(c);
	server_stop(s);
}

static void a_broken_answer_is_an_error(void **state)
{
	static const char *const replies[] = {
		"!HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort",
		NULL,
	};
	struct server *s = server_start(replies, 2);
	struct http_client *c = client_new(&(struct http_client_options){0});
	struct http_answer answer;
	struct http_call call = {.method = "GET", .url = url_of(s, "/")};

	(void)state;
	assert_int_equal(http_call(c, &call, &answer, NULL), ERR_IO);
	assert_int_equal(http_call(c, &call, &answer, NULL), ERR_IO);
	http_client_free(c);
	server_stop(s);
}

static void a_connection_that_died_is_replaced(void **state)
{
	static const char *const replies[] = {
		"!HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1", /* closed, though it promised to stay */
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2",
	};
	struct server *s = server_start(replies, 2);
	struct http_client *c = client_new(&(struct http_client_options){0});
	struct writer w = writer_growing(10);
	struct http_answer answer;
	struct http_call call = {.method = "POST", .url = url_of(s, "/"), .body = BYTES("b"), .answer = &w};

	(void)state;
	assert_int_equal(http_call(c, &call, &answer, NULL), OK);
	assert_int_equal(http_call(c, &call, &answer, NULL), OK);
	assert_true(bytes_is(writer_bytes(&w), "12"));
	writer_free(&w);
	http_client_free(c);
	server_stop(s);
}

static void nobody_there_is_unavailable(void **state)
{
	static const char *const replies[] = {NULL};
	struct server *s = server_start(replies, 1);
	struct http_client *c = client_new(&(struct http_client_options){0});
	struct http_answer answer;
	struct report r;
	char url[TEXT_MAX];

	(void)state;
	(void)snprintf(url, sizeof(url), "%s", url_of(s, "/"));
	server_stop(s);
	assert_int_equal(http_call(c, &(struct http_call){.method = "GET", .url = url}, &answer, &r),
	                 ERR_UNAVAILABLE);
	assert_non_null(strstr(r.text, "is the server running"));
	http_client_free(c);
}

static void what_may_not_be_sent_is_refused(void **state)
{
	static const struct field bad[] = {
		{BYTES("X"), BYTES("a\r\nInjected: b")},
		{BYTES("X\nY"), BYTES("a")},
		{BYTES("X: y"), BYTES("a")},
		{BYTES(""), BYTES("a")},
		{BYTES("X"), BYTES("a\0b")},
	};
	struct http_client *c = client_new(&(struct http_client_options){0});
	struct http_call call = {.method = "GET", .url = "http://127.0.0.1:1/", .n_headers = 1};
	struct http_answer answer;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		call.headers = &bad[i];
		assert_int_equal(http_call(c, &call, &answer, NULL), ERR_INPUT);
	}
	http_client_free(c);
}

static void only_safe_urls_are_called(void **state)
{
	static const char *const bad[] = {
		"http://192.0.2.1/", "http://127.0.0.1.example.org/", "http://example.org/", "https://127.0.0.1/",
		"file:///etc/passwd", "ftp://127.0.0.1/", "127.0.0.1:9000", "http://user:pw@127.0.0.1/", "",
		"http://0177.0.0.1.nip.example/",
	};
	struct http_client *c = client_new(&(struct http_client_options){.deadline_ms = 1000});
	struct http_answer answer;
	struct report r;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct http_call call = {.method = "GET", .url = bad[i]};

		assert_int_equal(http_call(c, &call, &answer, &r), ERR_INPUT);
	}
	http_client_free(c);
}

static void options_are_checked(void **state)
{
	struct http_client *c = NULL;
	struct report r;

	(void)state;
	assert_int_equal(http_client_new(&(struct http_client_options){.key_file = "/dev/null"}, &c, &r),
	                 ERR_INPUT);
	assert_int_equal(http_client_new(&(struct http_client_options){.ca_file = "/nonexistent/ca"}, &c, &r),
	                 ERR_INPUT);
	assert_non_null(strstr(r.text, "/nonexistent/ca"));
	assert_null(c);
	http_client_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(get_returns_status_headers_body_and_keeps_the_connection),
		cmocka_unit_test(a_body_in_memory_is_sent_whole_and_without_expect),
		cmocka_unit_test(a_source_gives_the_body),
		cmocka_unit_test(the_error_of_a_source_is_the_result),
		cmocka_unit_test(a_sink_gets_good_answers_only),
		cmocka_unit_test(an_answer_over_the_limit_is_refused),
		cmocka_unit_test(silence_is_a_timeout),
		cmocka_unit_test(a_broken_answer_is_an_error),
		cmocka_unit_test(a_connection_that_died_is_replaced),
		cmocka_unit_test(nobody_there_is_unavailable),
		cmocka_unit_test(what_may_not_be_sent_is_refused),
		cmocka_unit_test(only_safe_urls_are_called),
		cmocka_unit_test(options_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
