/*
 * No memory: the n-th allocation fails, for every n until the work succeeds. Each failure must come
 * out as an error, with nothing leaked to the caller and nothing half done.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "common/base/arena.h"
#include "common/codec/json.h"
#include "common/codec/xml.h"

/* Allocations that still succeed; below 0: no limit. */
static long allowed = -1;

/* The sanitizers have a malloc of their own: there the tests skip. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define REPLACES_MALLOC 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define REPLACES_MALLOC 0
#endif
#endif

#ifndef REPLACES_MALLOC
#define REPLACES_MALLOC 1

void *__libc_malloc(size_t n);

/* Stands before the C library's, for the shared libraries too. */
void *malloc(size_t n)
{
	if (allowed == 0) {
		errno = ENOMEM;
		return NULL;
	}
	allowed -= allowed > 0;
	return __libc_malloc(n);
}
#endif

enum { TRIES_MAX = 10000 };

/* Run `work` with 0, 1, 2 ... allocations until it gives OK; the number that it took. */
static long allocations_of(enum err (*work)(void))
{
	if (!REPLACES_MALLOC) {
		skip();
	}
	for (long n = 0; n < TRIES_MAX; n++) {
		allowed = n;
		enum err e = work();
		allowed = -1;
		if (e == OK) {
			return n;
		}
		assert_true(e == ERR_NOMEM || e == ERR_LIMIT);
	}
	fail();
	return 0;
}

static enum err use_arena(void)
{
	struct arena *a = arena_new(1 << 20);

	if (a == NULL) {
		return ERR_NOMEM;
	}
	bool good = arena_alloc(a, 3000) != NULL && arena_alloc(a, 3000) != NULL &&
	            arena_alloc(a, 100000) != NULL && arena_copy(a, BYTES("x")).p != NULL;
	arena_free(a);
	return good ? OK : ERR_LIMIT;
}

static enum err use_writer(void)
{
	struct writer w = writer_growing(1 << 20);

	for (int i = 0; i < 5000; i++) {
		write_u32(&w, 0x61626364);
		size_t used = w.used;
		if (w.full && used % 4 != 0) {
			return ERR_CORRUPT;
		}
	}
	enum err e = writer_end(&w);
	if (e == OK && w.used != 20000) {
		e = ERR_CORRUPT;
	}
	writer_free(&w);
	return e;
}

static enum err use_xml(void)
{
	struct arena *a = arena_new(1 << 20);
	struct xml_node *root = NULL;

	if (a == NULL) {
		return ERR_NOMEM;
	}
	enum err e = xml_parse(a, BYTES("<?xml version='1.0'?><p:a xmlns:p='u' q='r'>x<b>&amp;y</b>"
	                                "<c><![CDATA[z]]></c></p:a>"), 10, &root);
	bool good = e == OK ? root != NULL && bytes_is(xml_text(root, "b"), "&y") : root == NULL;
	arena_free(a);
	return good ? e : ERR_CORRUPT;
}

static enum err use_json(void)
{
	struct json *v = NULL;

	enum err e = json_parse(BYTES("{\"a\":[1,2.5,\"x\\u00e9\",true,null],\"b\":{\"c\":\"d\"}}"), 100,
	                        &v, NULL);
	bool good = e == OK ? json_count(json_get(v, "a")) == 5 : v == NULL;
	json_free(v);
	return good ? e : ERR_CORRUPT;
}

static void arenas(void **state)
{
	(void)state;
	assert_true(allocations_of(use_arena) >= 3);
}

static void writers(void **state)
{
	(void)state;
	assert_true(allocations_of(use_writer) >= 5);
}

static void xml(void **state)
{
	(void)state;
	assert_true(allocations_of(use_xml) >= 10);
}

static void json(void **state)
{
	(void)state;
	assert_true(allocations_of(use_json) >= 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arenas),
		cmocka_unit_test(writers),
		cmocka_unit_test(xml),
		cmocka_unit_test(json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
