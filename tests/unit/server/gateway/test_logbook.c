/* Lines on their way: which page they are on, what a limit of memory does, what is tried again and what is lost. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/attr.h"
#include "server/gateway/logbook.h"

enum { PAGES_MAX = 64, TEXT_MAX = 4096, HELD = 1 << 20, LONG_MS = 1000 * 1000, SHORT_MS = 1 };
#define DAY_MS UINT64_C(86400000)

/* What came out; and what the next sends give. */
static struct {
	pthread_mutex_t mutex;
	pthread_cond_t news;
	enum err verdict;
	unsigned calls, sent;
	char text[PAGES_MAX][TEXT_MAX], document[PAGES_MAX][32];
	uint64_t number[PAGES_MAX], lines[PAGES_MAX];
} out = {.mutex = PTHREAD_MUTEX_INITIALIZER, .news = PTHREAD_COND_INITIALIZER};

static void keep(char *to, size_t size, struct bytes b)
{
	assert_true(b.n < size);
	memcpy(to, b.p, b.n);
	to[b.n] = '\0';
}

static enum err take(struct gateway *g, const struct logbook_page *page, uint64_t deadline_ms,
                     const char **ret_why)
{
	(void)g;
	(void)deadline_ms;
	*ret_why = "nothing: a test";
	pthread_mutex_lock(&out.mutex);
	enum err e = out.verdict;
	if (e == OK && out.sent < PAGES_MAX) {
		keep(out.text[out.sent], TEXT_MAX, bytes_first(writer_bytes(&page->text), TEXT_MAX - 1));
		keep(out.document[out.sent], sizeof(out.document[0]), page->document);
		out.number[out.sent] = page->number;
		out.lines[out.sent++] = page->lines;
	}
	out.calls++;
	pthread_cond_broadcast(&out.news);
	pthread_mutex_unlock(&out.mutex);
	return e;
}

static void wait_calls(unsigned n)
{
	pthread_mutex_lock(&out.mutex);
	while (out.calls < n) {
		pthread_cond_wait(&out.news, &out.mutex);
	}
	pthread_mutex_unlock(&out.mutex);
}

static struct logbook *start(uint64_t pause_ms)
{
	const struct logbook_options o = {.send = take, .pause_ms = pause_ms, .held_max = HELD};
	struct logbook *b = NULL;
	out.verdict = OK;
	out.calls = out.sent = 0;
	assert_int_equal(logbook_start(&o, &b), OK);
	return b;
}

static void add(struct logbook *b, uint64_t bucket, const char *document, uint64_t time_ms,
                const char *line)
{
	const struct index_bucket of = {.name = BYTES("b"), .number = bucket, .tenant = BYTES("t")};
	logbook_add(b, &of, bytes_text(document), time_ms, bytes_text(line));
}

static void pages_by_bucket_document_and_day(void **state)
{
	struct logbook *b = start(LONG_MS);
	(void)state;
	add(b, 1, "d", 5, "one\n");
	add(b, 257, "d", 5, "other\n"); /* the same chain */
	add(b, 1, "d", 6, "two\n");
	logbook_stop(b); /* what there is, goes */
	assert_int_equal(out.sent, 2);
	bool first = out.number[0] == 1;
	assert_string_equal(out.text[first ? 0 : 1], "one\ntwo\n");
	assert_int_equal(out.lines[first ? 0 : 1], 2);
	assert_string_equal(out.text[first ? 1 : 0], "other\n");
	b = start(LONG_MS);
	add(b, 1, "d", 5, "one\n");
	add(b, 1, "e", 6, "new place\n");
	wait_calls(1); /* a change hurries what came before it */
	add(b, 1, "e", DAY_MS + 1, "next day\n");
	wait_calls(2);
	logbook_stop(b);
	assert_int_equal(out.sent, 3);
	assert_string_equal(out.text[0], "one\n");
	assert_string_equal(out.document[0], "d");
	assert_string_equal(out.text[1], "new place\n");
	assert_string_equal(out.text[2], "next day\n");
	assert_string_equal(out.document[2], "e");
}

static void later_and_never(void **state)
{
	static const enum err later[] = {ERR_UNAVAILABLE, ERR_TIMEOUT, ERR_IO, ERR_FULL};
	static const enum err never[] = {ERR_DENIED, ERR_NOTFOUND, ERR_LIMIT, ERR_CORRUPT};
	struct logbook_stats s;
	(void)state;
	for (size_t i = 0; i < COUNT(later); i++) {
		struct logbook *b = start(SHORT_MS);
		out.verdict = later[i];
		add(b, 1, "d", 1, "kept\n");
		wait_calls(1);
		pthread_mutex_lock(&out.mutex);
		out.verdict = OK;
		pthread_mutex_unlock(&out.mutex);
		logbook_stats(b, &s);
		assert_int_equal(s.lost, 0);
		logbook_stop(b);
		assert_int_equal(out.sent, 1);
	}
	for (size_t i = 0; i < COUNT(never); i++) {
		struct logbook *b = start(SHORT_MS);
		out.verdict = never[i];
		add(b, 1, "d", 1, "lost\n");
		wait_calls(1);
		do {
			logbook_stats(b, &s);
		} while (s.held > 0);
		assert_int_equal(s.lost, 1);
		assert_int_equal(s.objects, 0);
		logbook_stop(b);
	}
}

static void room(void **state)
{
	static char line[1001];
	struct logbook *b = start(LONG_MS);
	struct logbook_stats s;
	(void)state;
	memset(line, 'x', sizeof(line) - 1);
	out.verdict = ERR_UNAVAILABLE;
	for (unsigned i = 0; i < 2 * HELD / 1000; i++) {
		add(b, i % 7, "d", 1, line);
	}
	logbook_stats(b, &s);
	assert_true(s.held > HELD - 1000 && s.held < 2 * HELD);
	assert_true(s.lines * 1000 <= s.held && s.lines * 1000 > HELD / 4);
	assert_int_equal(s.lines + s.lost, 2 * HELD / 1000);
	wait_calls(1); /* half full: early */
	pthread_mutex_lock(&out.mutex);
	out.verdict = OK;
	pthread_mutex_unlock(&out.mutex);
	uint64_t lines = s.lines;
	logbook_stop(b);
	for (unsigned i = 0; i < out.sent; i++) {
		lines -= out.lines[i];
	}
	assert_int_equal(lines, 0);
}

/* Many buckets with a line each: what stands around the line takes room, too. */
static void room_of_pages(void **state)
{
	static char document[8000];
	struct logbook *b = start(LONG_MS);
	struct logbook_stats s;
	(void)state;
	memset(document, 'd', sizeof(document) - 1);
	out.verdict = ERR_UNAVAILABLE;
	for (unsigned i = 0; i < 2 * HELD / sizeof(document); i++) {
		add(b, i, document, 1, "x\n");
	}
	logbook_stats(b, &s);
	assert_true(s.lost > 0 && s.lines < HELD / (sizeof(document) - 1));
	logbook_stop(b);
}

static void stop_without_kms(void **state)
{
	struct logbook *b = start(LONG_MS);
	(void)state;
	out.verdict = ERR_UNAVAILABLE;
	add(b, 1, "d", 1, "a\n");
	add(b, 2, "d", 1, "b\n");
	logbook_stop(b); /* one try, no waiting; the sanitizers see that nothing stays */
	assert_int_equal(out.calls, 1);
	logbook_stop(NULL);
}

static void *add_many(void *arg)
{
	for (unsigned i = 0; i < 200; i++) {
		add(arg, i % 3, "d", 1, "line\n");
	}
	return NULL;
}

static void many_threads(void **state)
{
	struct logbook *b = start(SHORT_MS);
	pthread_t threads[4];
	struct logbook_stats s;
	(void)state;
	for (size_t i = 0; i < COUNT(threads); i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, add_many, b), 0);
	}
	for (size_t i = 0; i < COUNT(threads); i++) {
		pthread_join(threads[i], NULL);
	}
	do {
		logbook_hurry(b);
		logbook_stats(b, &s);
	} while (s.held > 0);
	assert_int_equal(s.lines, 800);
	assert_int_equal(s.lost, 0);
	logbook_stop(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_by_bucket_document_and_day),
		cmocka_unit_test(later_and_never),
		cmocka_unit_test(room),
		cmocka_unit_test(room_of_pages),
		cmocka_unit_test(stop_without_kms),
		cmocka_unit_test(many_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
