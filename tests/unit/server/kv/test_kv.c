/* kv: order and round trips of long keys, transactions, group commit. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/kv/kv.h"

enum { TABLE_A, TABLE_B, N_TABLES };
static const char *const tables[N_TABLES] = {"a", "b"};

struct fixture {
	char dir[64];
	struct kv *kv;
};

static struct kv *open_at(const char *dir, uint64_t size)
{
	struct kv_options o = {.dir = dir, .size_max_bytes = size, .tables = tables,
	                       .n_tables = N_TABLES};
	struct report report;
	struct kv *k;
	assert_int_equal(kv_open(&o, &k, &report), OK);
	return k;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	strncpy(f->dir, "/tmp/test_kv.XXXXXX", sizeof(f->dir) - 1);
	assert_non_null(mkdtemp(f->dir));
	f->kv = open_at(f->dir, UINT64_C(256) << 20);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char path[128];
	kv_close(f->kv);
	for (const char *const *name = (const char *const[]){"data.mdb", "lock.mdb", "owner", NULL};
	     *name != NULL; name++) {
		snprintf(path, sizeof(path), "%s/%s", f->dir, *name);
		unlink(path);
	}
	rmdir(f->dir);
	free(f);
	return 0;
}

/* A change made of puts and deletes, then an error. */
struct step {
	struct bytes key, value;
	bool remove;
};
struct script {
	unsigned table;
	const struct step *steps;
	size_t n;
	enum err then;
	unsigned runs;
};

static enum err run_script(struct kv_txn *t, void *context)
{
	struct script *s = context;
	s->runs++;
	for (size_t i = 0; i < s->n; i++) {
		if (s->steps[i].remove) {
			TRY(kv_delete(t, s->table, s->steps[i].key));
		} else {
			TRY(kv_put(t, s->table, s->steps[i].key, s->steps[i].value));
		}
	}
	return s->then;
}

static enum err put(struct kv *k, struct bytes key, struct bytes value)
{
	struct step step = {.key = key, .value = value};
	struct script s = {.steps = &step, .n = 1};
	return kv_write(k, run_script, &s);
}

static enum err drop(struct kv *k, struct bytes key)
{
	struct step step = {.key = key, .remove = true};
	struct script s = {.steps = &step, .n = 1};
	return kv_write(k, run_script, &s);
}

static void test_put_get_delete(void **state)
{
	struct fixture *f = *state;
	struct kv_txn *t;
	struct bytes v;

	assert_int_equal(put(f->kv, BYTES("k"), BYTES("v")), OK);
	assert_int_equal(put(f->kv, BYTES("empty"), BYTES("")), OK);
	assert_int_equal(kv_read_begin(f->kv, &t), OK);
	assert_int_equal(kv_get(t, TABLE_A, BYTES("k"), &v), OK);
	assert_true(bytes_is(v, "v"));
	assert_int_equal(kv_get(t, TABLE_A, BYTES("empty"), &v), OK);
	assert_int_equal(v.n, 0);
	assert_int_equal(kv_get(t, TABLE_B, BYTES("k"), &v), ERR_NOTFOUND);
	assert_int_equal(kv_get(t, TABLE_A, BYTES(""), &v), ERR_NOTFOUND);
	kv_read_end(t);
	assert_int_equal(drop(f->kv, BYTES("k")), OK);
	assert_int_equal(drop(f->kv, BYTES("k")), ERR_NOTFOUND);
}

static void test_snapshot_and_reopen(void **state)
{
	struct fixture *f = *state;
	struct kv_txn *t;
	struct bytes v;

	assert_int_equal(put(f->kv, BYTES("k"), BYTES("old")), OK);
	assert_int_equal(kv_read_begin(f->kv, &t), OK);
	assert_int_equal(put(f->kv, BYTES("k"), BYTES("new")), OK);
	assert_int_equal(kv_get(t, TABLE_A, BYTES("k"), &v), OK);
	assert_true(bytes_is(v, "old"));
	kv_read_end(t);
	kv_close(f->kv);
	f->kv = open_at(f->dir, 0);
	assert_int_equal(kv_read_begin(f->kv, &t), OK);
	assert_int_equal(kv_get(t, TABLE_A, BYTES("k"), &v), OK);
	assert_true(bytes_is(v, "new"));
	kv_read_end(t);
}

static void test_failed_change_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	uint8_t long_key[KV_KEY_MAX] = {0};
	struct step steps[] = {{.key = BYTES("x"), .value = BYTES("1")},
	                       {.key = bytes_of(long_key, sizeof(long_key)), .value = BYTES("2")}};
	struct script s = {.steps = steps, .n = 2, .then = ERR_CONFLICT};
	struct kv_txn *t;
	struct kv_cursor *c;
	struct bytes k, v;

	memset(long_key, 'l', sizeof(long_key));
	assert_int_equal(kv_write(f->kv, run_script, &s), ERR_CONFLICT);
	assert_int_equal(kv_read_begin(f->kv, &t), OK);
	assert_int_equal(kv_cursor_open(t, TABLE_A, &c), OK);
	assert_int_equal(kv_seek(c, BYTES(""), &k, &v), ERR_NOTFOUND);
	kv_read_end(t); /* closes the cursor */
}

/* A second open of the same directory by another descriptor is refused. */
static void test_one_owner(void **state)
{
	struct fixture *f = *state;
	struct kv_options o = {.dir = f->dir, .tables = tables, .n_tables = N_TABLES};
	struct report report;
	struct kv *k;

	assert_int_equal(kv_open(&o, &k, &report), ERR_DENIED);
	assert_non_null(strstr(report.text, f->dir));
	o.dir = "/tmp/test_kv.no.such.directory";
	assert_int_equal(kv_open(&o, &k, &report), ERR_NOTFOUND);
}

static void test_not_a_database(void **state)
{
	struct fixture *f = *state;
	struct kv_options o = {.dir = f->dir, .tables = tables, .n_tables = N_TABLES};
	struct report report;
	char path[128];

	kv_close(f->kv);
	f->kv = NULL;
	snprintf(path, sizeof(path), "%s/data.mdb", f->dir);
	FILE *file = fopen(path, "w");
	for (int i = 0; i < 16384; i++) {
		fputc('x', file);
	}
	fclose(file);
	struct kv *k;
	assert_int_equal(kv_open(&o, &k, &report), ERR_INPUT);
}

static enum err remove_on_reserve(struct kv_txn *t, void *context)
{
	const struct bytes *key = context;

	kv_use_reserve(t);
	TRY(kv_delete(t, TABLE_A, *key));
	return kv_put(t, TABLE_B, *key, BYTES("garbage"));
}

static enum err put_numbered(struct kv *k, unsigned i, const char *kind, size_t n)
{
	static const uint8_t zeros[65536];
	char key[32];

	snprintf(key, sizeof(key), "%s %06u", kind, i);
	return put(k, bytes_text(key), bytes_of(zeros, n));
}

/* Full for large and for small, and yet everything can be removed, and then there is room again. */
static void test_full(void **state)
{
	struct fixture *f = *state;
	unsigned large = 0, small = 0;

	kv_close(f->kv);
	f->kv = open_at(f->dir, UINT64_C(4) << 20);
	while (put_numbered(f->kv, large, "large", 65536) == OK) {
		large++;
	}
	while (put_numbered(f->kv, small, "small", 700) == OK) {
		small++;
	}
	assert_int_equal(put_numbered(f->kv, small, "small", 1), ERR_FULL);
	assert_true(large >= 10);
	for (unsigned i = 0; i < large + small; i++) {
		char key[32];
		/* from the middle, so that no page is empty soon */
		unsigned n = i < large ? i : (unsigned)((i - large) * UINT64_C(7919) % small);
		snprintf(key, sizeof(key), "%s %06u", i < large ? "large" : "small", n);
		struct bytes name = bytes_text(key);
		enum err e = kv_write(f->kv, remove_on_reserve, &name);
		assert_true(e == OK || (e == ERR_NOTFOUND && i >= large)); /* 7919 divides `small` */
	}
	assert_int_equal(put_numbered(f->kv, 0, "large", 65536), OK);
}

/* The disk refuses during the commit: every change of the group fails, nothing of it is there, and the next one works. */
static void test_refused_commit(void **state)
{
	struct fixture *f = *state;
	static uint8_t big[2 << 20];
	struct rlimit before, small = {.rlim_cur = 1 << 20};
	struct kv_txn *t;
	struct bytes v;

	assert_int_equal(put(f->kv, BYTES("old"), BYTES("1")), OK);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small.rlim_max = before.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(put(f->kv, BYTES("new"), bytes_of(big, sizeof(big))), ERR_IO);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(kv_read_begin(f->kv, &t), OK);
	assert_int_equal(kv_get(t, TABLE_A, BYTES("new"), &v), ERR_NOTFOUND);
	assert_int_equal(kv_get(t, TABLE_A, BYTES("old"), &v), OK);
	kv_read_end(t);
	assert_int_equal(put(f->kv, BYTES("new"), bytes_of(big, sizeof(big))), OK);
	kv_close(f->kv);
	f->kv = open_at(f->dir, 0);
	assert_int_equal(kv_read_begin(f->kv, &t), OK);
	assert_int_equal(kv_get(t, TABLE_A, BYTES("new"), &v), OK);
	assert_int_equal(v.n, sizeof(big));
	kv_read_end(t);
}

/* Property: any set of keys round trips and iterates in byte order, lengths around the cuts, shared prefixes. */
enum { MODEL_MAX = 600 };
struct model_key {
	uint8_t p[KV_KEY_MAX];
	size_t n;
	uint32_t value;
};

static int compare_keys(const void *a, const void *b)
{
	const struct model_key *x = *(const struct model_key *const *)a;
	const struct model_key *y = *(const struct model_key *const *)b;
	return bytes_compare(bytes_of(x->p, x->n), bytes_of(y->p, y->n));
}

static void random_key(struct model_key *k)
{
	static const size_t lengths[] = {1, 2, 470, 478, 479, 480, 481, 482, 500, 511, 512, 600,
	                                 958, 959, 960, 961, 962, 1000, 1024, 1049, 1099, 1100};
	k->n = lengths[(size_t)random() % (sizeof(lengths) / sizeof(lengths[0]))];
	memset(k->p, 'p', k->n);
	for (int i = 0; i < 2; i++) { /* differ in few places, with extreme bytes */
		static const uint8_t bytes[] = {0x00, 0x01, 'p', 'q', 0xff};
		k->p[(size_t)random() % k->n] = bytes[random() % 5];
	}
	k->value = (uint32_t)random();
}

static struct model_key *model_find(struct model_key **m, size_t n, const struct model_key *k)
{
	for (size_t i = 0; i < n; i++) {
		if (m[i]->n == k->n && memcmp(m[i]->p, k->p, k->n) == 0) {
			return m[i];
		}
	}
	return NULL;
}

static void check_iteration(struct kv *kv, struct model_key **m, size_t n)
{
	struct kv_txn *t;
	struct kv_cursor *c;
	struct bytes k, v;

	qsort(m, n, sizeof(*m), compare_keys);
	assert_int_equal(kv_read_begin(kv, &t), OK);
	assert_int_equal(kv_cursor_open(t, TABLE_A, &c), OK);
	enum err e = kv_seek(c, BYTES(""), &k, &v);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(e, OK);
		assert_true(bytes_equal(k, bytes_of(m[i]->p, m[i]->n)));
		assert_true(bytes_equal(v, bytes_of(&m[i]->value, sizeof(m[i]->value))));
		e = kv_next(c, &k, &v);
	}
	assert_int_equal(e, ERR_NOTFOUND);
	for (size_t i = 0; i < 200; i++) { /* seeks land on the first key not below */
		struct model_key probe;
		random_key(&probe);
		size_t want = 0;
		const struct model_key *pp = &probe;
		while (want < n && compare_keys(&m[want], &pp) < 0) {
			want++;
		}
		e = kv_seek(c, bytes_of(probe.p, probe.n), &k, &v);
		assert_int_equal(e, want == n ? ERR_NOTFOUND : OK);
		if (want < n) {
			assert_true(bytes_equal(k, bytes_of(m[want]->p, m[want]->n)));
		}
		if (want + 1 < n) {
			assert_int_equal(kv_next(c, &k, &v), OK);
			assert_true(bytes_equal(k, bytes_of(m[want + 1]->p, m[want + 1]->n)));
		}
	}
	kv_cursor_close(c);
	kv_read_end(t);
}

struct batch {
	struct model_key **keys;
	size_t n;
	bool remove;
};

static enum err run_batch(struct kv_txn *t, void *context)
{
	struct batch *b = context;
	for (size_t i = 0; i < b->n; i++) {
		struct bytes key = bytes_of(b->keys[i]->p, b->keys[i]->n);
		struct bytes value = bytes_of(&b->keys[i]->value, sizeof(b->keys[i]->value));
		if (b->remove) {
			TRY(kv_delete(t, TABLE_A, key));
		} else {
			TRY(kv_put(t, TABLE_A, key, value));
		}
	}
	return OK;
}

static void test_long_keys(void **state)
{
	struct fixture *f = *state;
	struct model_key *m[MODEL_MAX];
	size_t n = 0;

	srandom(20240607);
	while (n < MODEL_MAX) {
		struct model_key *k = malloc(sizeof(*k));
		random_key(k);
		if (model_find(m, n, k) != NULL) {
			free(k);
			continue;
		}
		m[n++] = k;
	}
	struct kv_stats before, after;
	kv_stats(f->kv, &before);
	assert_int_equal(kv_write(f->kv, run_batch, &(struct batch){m, n, false}), OK);
	check_iteration(f->kv, m, n);
	struct kv_txn *t;
	struct bytes v;
	assert_int_equal(kv_read_begin(f->kv, &t), OK);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(kv_get(t, TABLE_A, bytes_of(m[i]->p, m[i]->n), &v), OK);
		assert_memory_equal(v.p, &m[i]->value, sizeof(m[i]->value));
	}
	kv_read_end(t);
	while (n > 0) { /* remove in random order, a third at a time */
		for (size_t i = n - 1; i > 0; i--) {
			size_t j = (size_t)random() % (i + 1);
			struct model_key *x = m[i];
			m[i] = m[j];
			m[j] = x;
		}
		size_t keep = n * 2 / 3;
		assert_int_equal(kv_write(f->kv, run_batch, &(struct batch){m + keep, n - keep, true}), OK);
		for (size_t i = keep; i < n; i++) {
			free(m[i]);
		}
		n = keep;
		check_iteration(f->kv, m, n);
	}
	kv_stats(f->kv, &after);
	assert_int_equal(after.commits > before.commits, true);
}

/* When all long keys are gone no row of the trie is left: the nodes were taken away with them. */
static void test_trie_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	uint8_t key[KV_KEY_MAX] = {0};
	struct bytes a = bytes_of(key, 1100), b = bytes_of(key, 960), c = bytes_of(key, 480);
	struct kv_txn *t;
	struct kv_cursor *cursor;
	struct bytes k, v;

	memset(key, 0xff, sizeof(key));
	assert_int_equal(put(f->kv, a, BYTES("a")), OK);
	assert_int_equal(put(f->kv, b, BYTES("b")), OK);
	assert_int_equal(put(f->kv, c, BYTES("c")), OK);
	assert_int_equal(drop(f->kv, a), OK);
	assert_int_equal(drop(f->kv, c), OK);
	assert_int_equal(drop(f->kv, b), OK);
	assert_int_equal(kv_read_begin(f->kv, &t), OK);
	assert_int_equal(kv_cursor_open(t, N_TABLES, &cursor), OK); /* the pieces themselves */
	assert_int_equal(kv_seek(cursor, BYTES("\0\0\0\0\0\0\0\1"), &k, &v), ERR_NOTFOUND);
	kv_read_end(t);
	assert_int_equal(put(f->kv, bytes_of(key, 1), BYTES("v")), OK);
	struct step step = {.key = bytes_of(key, 0)};
	struct script s = {.steps = &step, .n = 1};
	assert_int_equal(kv_write(f->kv, run_script, &s), ERR_LIMIT);
}

/* Many threads count up one row: every increment that was acknowledged is there, in fewer commits than calls. */
enum { THREADS = 16, TURNS = 50 };
struct counter_call {
	struct kv *kv;
	unsigned id;
	bool fails;
	uint32_t seen;
	unsigned acknowledged;
};

static enum err count_up(struct kv_txn *t, void *context)
{
	struct counter_call *c = context;
	struct bytes v;
	uint32_t n = 0;
	if (kv_get(t, TABLE_B, BYTES("n"), &v) == OK) {
		memcpy(&n, v.p, sizeof(n));
	}
	n++;
	c->seen = n;
	TRY(kv_put(t, TABLE_B, BYTES("n"), bytes_of(&n, sizeof(n))));
	return c->fails ? ERR_CONFLICT : OK; /* after the write: the group has to run again */
}

static void *count_thread(void *arg)
{
	struct counter_call *c = arg;
	for (unsigned i = 0; i < TURNS; i++) {
		c->fails = (i + c->id) % 5 == 0;
		enum err e = kv_write(c->kv, count_up, c);
		if (e != (c->fails ? ERR_CONFLICT : OK)) {
			return c;
		}
		c->acknowledged += !c->fails;
	}
	return NULL;
}

static void test_group_commit(void **state)
{
	struct fixture *f = *state;
	pthread_t threads[THREADS];
	struct counter_call calls[THREADS] = {0};
	uint32_t sum = 0, n = 0;

	for (unsigned i = 0; i < THREADS; i++) {
		calls[i] = (struct counter_call){.kv = f->kv, .id = i};
		pthread_create(&threads[i], NULL, count_thread, &calls[i]);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		void *bad;
		pthread_join(threads[i], &bad);
		assert_null(bad);
		sum += calls[i].acknowledged;
	}
	struct kv_txn *t;
	struct bytes v;
	assert_int_equal(kv_read_begin(f->kv, &t), OK);
	assert_int_equal(kv_get(t, TABLE_B, BYTES("n"), &v), OK);
	memcpy(&n, v.p, sizeof(n));
	kv_read_end(t);
	assert_int_equal(n, sum);
	struct kv_stats stats;
	kv_stats(f->kv, &stats);
	assert_int_equal(stats.changes, THREADS * TURNS);
	assert_true(stats.commits < stats.changes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_put_get_delete, setup, teardown),
		cmocka_unit_test_setup_teardown(test_snapshot_and_reopen, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failed_change_leaves_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_owner, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_a_database, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused_commit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_keys, setup, teardown),
		cmocka_unit_test_setup_teardown(test_trie_leaves_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_group_commit, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
