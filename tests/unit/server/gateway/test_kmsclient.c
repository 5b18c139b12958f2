/* Calls to the KMS: everybody gets his own reply, batches, deadlines, a KMS that is down. */
#include "server/gateway/kmsclient.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/base/attr.h"
#include "common/base/clock.h"
#include "server/net/httpd.h"

enum {
	CALLERS = 24,
	CALLS_EACH = 50,
	SECOND_CALLS = 16, /* waiting calls that open the second connection */
	ARENA_BYTES = 1 << 20,
	NAME_BYTES = 32,
	LONG_MS = 20000,
	SHORT_MS = 50,
};

/* A KMS that says `ok` to everybody, calls the user as his access key, and waits at a gate. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t news;
	bool shut;
	atomic_bool nonsense;
	unsigned inside; /* batches that came so far */
	struct secret *enrolment, *dek;
	struct worker_pool *pool;
	struct httpd *httpd;
	pthread_t thread;
	char url[64];
	char secret_file[64];
} kms = {.lock = PTHREAD_MUTEX_INITIALIZER, .news = PTHREAD_COND_INITIALIZER};

static void pass_gate(void)
{
	pthread_mutex_lock(&kms.lock);
	kms.inside++;
	pthread_cond_broadcast(&kms.news);
	while (kms.shut) {
		pthread_cond_wait(&kms.news, &kms.lock);
	}
	pthread_mutex_unlock(&kms.lock);
}

static void set_gate(bool shut)
{
	pthread_mutex_lock(&kms.lock);
	kms.shut = shut;
	kms.inside = 0;
	pthread_cond_broadcast(&kms.news);
	pthread_mutex_unlock(&kms.lock);
}

static void await_inside(unsigned n)
{
	pthread_mutex_lock(&kms.lock);
	while (kms.inside < n) {
		pthread_cond_wait(&kms.news, &kms.lock);
	}
	pthread_mutex_unlock(&kms.lock);
}

static enum err begin(struct exchange *x)
{
	struct writer *w = arena_alloc(exchange_arena(x), sizeof(*w));

	exchange_set_state(x, w);
	*w = writer_growing(KMSPROTO_BATCH_MAX);
	return OK;
}

static enum err body(struct exchange *x, struct bytes b)
{
	write_bytes(exchange_state(x), b);
	return OK;
}

static struct writer answer_batch(struct arena *a, struct bytes batch)
{
	static const uint8_t nonce[KMSPROTO_NONCE_BYTES] = {7};
	struct kmsproto_batch b;
	struct writer out = writer_growing(KMSPROTO_BATCH_MAX);

	assert_int_equal(kmsproto_batch_read(a, batch, &b), OK);
	struct kmsproto_reply *replies = arena_alloc(a, b.n * sizeof(*replies));
	for (size_t i = 0; i < b.n; i++) {
		replies[i].kind = b.calls[i].kind;
		replies[i].principal.user = b.calls[i].access.evidence.access_key;
		replies[i].n_keys = 1;
		replies[i].keys[0].arn = BYTES("arn:key");
		replies[i].keys[0].dek = kms.dek;
	}
	assert_int_equal(kmsproto_answer_write(&out, kms.enrolment, b.nonce, nonce, replies, b.n),
	                 OK);
	return out;
}

static enum err end(struct exchange *x)
{
	struct writer *in = exchange_state(x);
	struct arena *a AUTO(arena_freep) = arena_new(ARENA_BYTES);

	pass_gate();
	struct writer out AUTO(writer_free) = answer_batch(a, writer_bytes(in));
	struct bytes copy = arena_copy(exchange_arena(x), writer_bytes(&out));
	copy.n -= kms.nonsense ? 1 : 0;
	exchange_respond(x, 200, (int64_t)copy.n);
	exchange_body(x, copy);
	return OK;
}

static void release(struct exchange *x)
{
	writer_free(exchange_state(x));
}

static void *serve(void *unused)
{
	(void)unused;
	assert_int_equal(httpd_run(kms.httpd, NULL, NULL), OK);
	return NULL;
}

static int start_kms(void **state)
{
	static const struct http_service service = {
		.name = "kms", .begin = begin, .body = body, .end = end, .release = release,
		.arena_bytes = ARENA_BYTES,
	};
	const struct worker_options w = {.threads = 4, .queue_max = 64, .batch_max = 1};
	struct http_limits limits = http_limits_default();
	struct report r = {0};
	uint8_t raw[KMSPROTO_ENROLMENT_BYTES];

	(void)state;
	limits.loops = 1;
	memset(raw, 0xab, sizeof(raw));
	assert_int_equal(secret_init(4096), OK);
	kms.enrolment = secret_from(bytes_of(raw, sizeof(raw)));
	kms.dek = secret_random(KMSPROTO_KEY_BYTES);
	assert_int_equal(worker_pool_new(&w, &kms.pool), OK);
	assert_int_equal(httpd_new(&limits, &kms.httpd), OK);
	const struct listener_options o = {
		.address = "127.0.0.1", .service = &service, .pool = kms.pool};
	assert_int_equal(httpd_listen(kms.httpd, &o, &r), OK);
	snprintf(kms.url, sizeof(kms.url), "http://127.0.0.1:%u", httpd_port(kms.httpd, 0));
	strncpy(kms.secret_file, "/tmp/test-kmsclient-XXXXXX", sizeof(kms.secret_file) - 1);
	int fd = mkstemp(kms.secret_file);
	for (unsigned i = 0; i < KMSPROTO_ENROLMENT_BYTES; i++) {
		assert_int_equal(write(fd, "ab", 2), 2);
	}
	close(fd);
	return pthread_create(&kms.thread, NULL, serve, NULL);
}

static int stop_kms(void **state)
{
	(void)state;
	httpd_stop(kms.httpd);
	pthread_join(kms.thread, NULL);
	worker_pool_stop(kms.pool);
	httpd_free(kms.httpd);
	unlink(kms.secret_file);
	secret_free(kms.enrolment);
	secret_free(kms.dek);
	return 0;
}

static struct kmsclient *client(const char *url)
{
	const struct kmsclient_options o = {
		.url = url, .secret_file = kms.secret_file, .timeout_ms = LONG_MS};
	struct kmsclient *k = NULL;
	struct report r = {0};

	assert_int_equal(kmsclient_new(&o, &k, &r), OK);
	return k;
}

struct caller {
	pthread_t thread;
	struct kmsclient *k;
	unsigned number, calls;
	size_t kek_bytes; /* 0: no key is asked for */
	uint32_t wait_ms;
	enum err result; /* of the last call */
	unsigned wrong;
};

/* Calls, and holds each reply against what was asked. */
static void *call(void *argument)
{
	struct caller *c = argument;
	struct arena *a AUTO(arena_freep) = arena_new(ARENA_BYTES);
	uint8_t kek[KMSPROTO_TEXT_MAX + 1];

	memset(kek, 'k', sizeof(kek));
	for (unsigned i = 0; i < c->calls; i++) {
		struct kmsproto_call one = {.kind = KMSPROTO_ACCESS};
		struct kmsproto_reply reply = {0};
		struct sigv4_evidence *e = &one.access.evidence;
		char name[NAME_BYTES];
		int n = snprintf(name, sizeof(name), "AKIA%uX%u", c->number, i);
		arena_reset(a);
		e->kind = SIGV4_HEADER;
		e->access_key = bytes_of(name, (size_t)n);
		e->amz_date = BYTES("20260131T235959Z");
		e->date = BYTES("20260131");
		e->region = BYTES("fr-sov-1");
		e->service = BYTES("s3");
		e->signed_headers = BYTES("host;x-amz-date");
		e->signature = BYTES("0123456789abcdef0123456789abcdef"
		                     "0123456789abcdef0123456789abcdef");
		e->canonical = BYTES("GET\n/b/k\n\nhost:h\n\nhost\nUNSIGNED-PAYLOAD");
		if (c->kek_bytes > 0) {
			one.access.n_keys = 1;
			one.access.keys[0] = (struct kmsproto_key_call){
				.op = KMSPROTO_ISSUE, .bucket = BYTES("b"), .key = BYTES("k"),
				.kek = bytes_first(bytes_of(kek, sizeof(kek)), c->kek_bytes),
			};
		}
		c->result = kmsclient_call(c->k, a, &one, clock_mono_ms() + c->wait_ms, &reply);
		bool own = c->result != OK || (bytes_is(reply.principal.user, name) &&
		                               reply.n_keys == 1 &&
		                               secret_equal(reply.keys[0].dek, kms.dek));
		c->wrong += !own;
		kmsproto_replies_free(&reply, 1);
	}
	return NULL;
}

static void start(struct caller *c, unsigned n, const struct caller *what)
{
	for (unsigned i = 0; i < n; i++) {
		c[i] = *what;
		c[i].number = i;
		assert_int_equal(pthread_create(&c[i].thread, NULL, call, &c[i]), 0);
	}
}

static void join(struct caller *c, unsigned n, enum err expected)
{
	for (unsigned i = 0; i < n; i++) {
		pthread_join(c[i].thread, NULL);
		assert_int_equal(c[i].result, expected);
		assert_int_equal(c[i].wrong, 0);
	}
}

static void test_everybody_gets_his_own_reply(void **state)
{
	struct kmsclient *k = client(kms.url);
	struct caller callers[CALLERS];
	struct kmsclient_stats stats;

	(void)state;
	start(callers, CALLERS, &(struct caller){.k = k, .calls = CALLS_EACH, .wait_ms = LONG_MS});
	join(callers, CALLERS, OK);
	kmsclient_stats(k, &stats);
	assert_int_equal(stats.calls, CALLERS * CALLS_EACH);
	assert_int_equal(stats.failures, 0);
	kmsclient_free(k);
}

/* While one batch is under way, others wait and go together; many do not wait for it. */
static void test_waiting_calls_travel_together(void **state)
{
	struct kmsclient *k = client(kms.url);
	struct caller first, others[SECOND_CALLS];
	const struct caller once = {.k = k, .calls = 1, .wait_ms = LONG_MS};
	struct kmsclient_stats stats;

	(void)state;
	set_gate(true);
	start(&first, 1, &once);
	await_inside(1);
	start(others, SECOND_CALLS, &once);
	await_inside(2); /* on the second connection: the gate is shut for the first */
	set_gate(false);
	join(&first, 1, OK);
	join(others, SECOND_CALLS, OK);
	kmsclient_stats(k, &stats);
	assert_int_equal(stats.batches, 2);
	assert_int_equal(stats.calls, 1 + SECOND_CALLS);
	kmsclient_free(k);
}

static void test_deadline_of_a_waiting_call(void **state)
{
	struct kmsclient *k = client(kms.url);
	struct caller first, late[3], next;
	const struct caller once = {.k = k, .calls = 1, .wait_ms = LONG_MS};
	struct kmsclient_stats stats;

	(void)state;
	set_gate(true);
	start(&first, 1, &once);
	await_inside(1);
	start(late, COUNT(late), &(struct caller){.k = k, .calls = 1, .wait_ms = SHORT_MS});
	join(late, COUNT(late), ERR_TIMEOUT);
	start(&next, 1, &once); /* behind those that left */
	set_gate(false);
	join(&first, 1, OK);
	join(&next, 1, OK);
	kmsclient_stats(k, &stats);
	assert_int_equal(stats.calls, 2);
	kmsclient_free(k);
}

/* A call that is under way is waited for: the KMS may log it, so its reply counts. */
static void test_deadline_of_a_call_under_way(void **state)
{
	struct kmsclient *k = client(kms.url);
	struct caller first;

	(void)state;
	set_gate(true);
	start(&first, 1, &(struct caller){.k = k, .calls = 1, .wait_ms = 0});
	await_inside(1);
	set_gate(false);
	join(&first, 1, OK);
	kmsclient_free(k);
}

static void test_kms_down(void **state)
{
	struct kmsclient *k = client("http://127.0.0.1:1");
	struct caller callers[CALLERS];
	struct kmsclient_stats stats;

	(void)state;
	start(callers, CALLERS, &(struct caller){.k = k, .calls = 2, .wait_ms = LONG_MS});
	join(callers, CALLERS, ERR_UNAVAILABLE);
	kmsclient_stats(k, &stats);
	assert_int_equal(stats.failures, 2 * CALLERS);
	kmsclient_free(k);
}

static void test_nonsense_answer(void **state)
{
	struct kmsclient *k = client(kms.url);
	struct caller callers[CALLERS];

	(void)state;
	kms.nonsense = true;
	start(callers, CALLERS, &(struct caller){.k = k, .calls = 1, .wait_ms = LONG_MS});
	join(callers, CALLERS, ERR_UNAVAILABLE);
	kms.nonsense = false;
	kmsclient_free(k);
}

/* What a client made too long for the protocol is refused alone, not with the batch it waits in. */
static void test_too_long_fails_alone(void **state)
{
	struct kmsclient *k = client(kms.url);
	struct caller first, others[4], longest, too_long[4];
	const struct caller once = {.k = k, .calls = 1, .wait_ms = LONG_MS};
	struct caller key = once;
	struct kmsclient_stats stats;

	(void)state;
	set_gate(true);
	start(&first, 1, &once);
	await_inside(1);
	start(others, COUNT(others), &once);
	key.kek_bytes = KMSPROTO_TEXT_MAX;
	start(&longest, 1, &key);
	key.kek_bytes++;
	start(too_long, COUNT(too_long), &key);
	set_gate(false);
	join(too_long, COUNT(too_long), ERR_LIMIT);
	join(&first, 1, OK);
	join(others, COUNT(others), OK);
	join(&longest, 1, OK);
	kmsclient_stats(k, &stats);
	assert_int_equal(stats.failures, 0);
	kmsclient_free(k);
}

static void test_secret_file_that_others_can_read(void **state)
{
	const struct kmsclient_options o = {.url = kms.url, .secret_file = kms.secret_file};
	struct kmsclient *k = NULL;
	struct report r = {0};

	(void)state;
	assert_int_equal(chmod(kms.secret_file, 0644), 0);
	assert_int_equal(kmsclient_new(&o, &k, &r), ERR_INPUT);
	assert_null(k);
	assert_int_equal(chmod(kms.secret_file, 0600), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_everybody_gets_his_own_reply),
		cmocka_unit_test(test_waiting_calls_travel_together),
		cmocka_unit_test(test_deadline_of_a_waiting_call),
		cmocka_unit_test(test_deadline_of_a_call_under_way),
		cmocka_unit_test(test_kms_down),
		cmocka_unit_test(test_nonsense_answer),
		cmocka_unit_test(test_too_long_fails_alone),
		cmocka_unit_test(test_secret_file_that_others_can_read),
	};
	return cmocka_run_group_tests(tests, start_kms, stop_kms);
}
