/* An index in a directory of its own, unlocked; for tests of the index and of what works on one. */
#ifndef REMPART_TEST_INDEX_FIXTURE_H
#define REMPART_TEST_INDEX_FIXTURE_H
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/index/index.h"

enum { FIXTURE_ARENA_BYTES = 512 << 20 };

struct index_fixture {
	char dir[64];
	struct index *x;
	struct secret *key;
	struct arena *a;
};

static void fixture_open(struct index_fixture *f)
{
	struct report report;
	assert_int_equal(index_open(f->dir, UINT64_C(1) << 30, &f->x, &report), OK);
}

static void fixture_make(struct index_fixture *f)
{
	strncpy(f->dir, "/tmp/test_index.XXXXXX", sizeof(f->dir) - 1);
	assert_non_null(mkdtemp(f->dir));
	f->key = secret_random(32);
	f->a = arena_new(FIXTURE_ARENA_BYTES);
	fixture_open(f);
	assert_false(index_unlocked(f->x));
	assert_int_equal(index_unlock(f->x, f->key), OK);
}

static void fixture_remove(struct index_fixture *f)
{
	char path[128];
	index_close(f->x);
	for (const char *const *name = (const char *const[]){"data.mdb", "lock.mdb", "owner", NULL};
	     *name != NULL; name++) {
		snprintf(path, sizeof(path), "%s/%s", f->dir, *name);
		unlink(path);
	}
	rmdir(f->dir);
	secret_free(f->key);
	arena_free(f->a);
}

#endif
