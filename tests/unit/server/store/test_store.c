/* The contract of store.h, held against each backend: file system, file system without O_TMPFILE, memory, fault. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The whole file, so that one test can take O_TMPFILE away. */
#include "server/store/store_fs.c" /* NOLINT */

#include <ftw.h>
#include <signal.h>
#include <sys/resource.h>

static const uint64_t never = UINT64_MAX;

struct fixture {
	char dir[64];
	struct store *store;
};

static void open_fs(struct fixture *f)
{
	struct report report;
	assert_int_equal(store_fs_open(f->dir, &f->store, &report), OK);
}

static struct fixture *new_fixture(void)
{
	struct fixture *f = calloc(1, sizeof(*f));
	strncpy(f->dir, "/tmp/test_store.XXXXXX", sizeof(f->dir) - 1);
	assert_non_null(mkdtemp(f->dir));
	return f;
}

static int setup_fs(void **state)
{
	struct fixture *f = new_fixture();
	open_fs(f);
	*state = f;
	return 0;
}

static int setup_named(void **state)
{
	setup_fs(state);
	struct fixture *f = *state;
	((struct fs *)f->store)->unnamed = false;
	return 0;
}

static int setup_mem(void **state)
{
	struct fixture *f = new_fixture();
	assert_int_equal(store_mem_new(&f->store), OK);
	*state = f;
	return 0;
}

static int setup_fault(void **state)
{
	struct store *inner;
	setup_mem(state);
	struct fixture *f = *state;
	inner = f->store;
	assert_int_equal(store_fault_new(inner, &f->store), OK);
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	store_free(f->store);
	nftw(f->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(f);
	return 0;
}

static enum err put(struct store *s, const uint8_t *id, struct bytes a, struct bytes b)
{
	struct store_put *p;
	TRY(store_put_begin(s, id, never, &p));
	enum err e = store_put_write(p, a);
	if (e == OK) {
		e = store_put_write(p, b);
	}
	if (e != OK) {
		store_put_abort(p);
		return e;
	}
	return store_put_finish(p);
}

static void make_id(uint8_t *id, uint8_t first)
{
	random_bytes(id, STORE_ID_BYTES);
	id[0] = first;
}

static void test_round_trip(void **state)
{
	struct store *s = ((struct fixture *)*state)->store;
	uint8_t id[STORE_ID_BYTES], out[16];
	struct store_blob *b;
	uint64_t size;

	make_id(id, 0xab);
	assert_int_equal(store_open(s, id, never, &b), ERR_NOTFOUND);
	assert_int_equal(put(s, id, BYTES("hello, "), BYTES("world")), OK);
	assert_int_equal(put(s, id, BYTES("again"), BYTES("")), ERR_EXISTS);
	assert_int_equal(store_open(s, id, never, &b), OK);
	assert_int_equal(store_size(b, &size), OK);
	assert_int_equal(size, 12);
	assert_int_equal(store_read(b, 7, out, 5), OK);
	assert_memory_equal(out, "world", 5);
	assert_int_equal(store_read(b, 0, out, 5), OK);
	assert_memory_equal(out, "hello", 5);
	assert_int_equal(store_read(b, 12, out, 0), OK);
	assert_int_equal(store_read(b, 8, out, 5), ERR_CORRUPT);
	assert_int_equal(store_read(b, UINT64_C(1) << 40, out, 1), ERR_CORRUPT);
	assert_int_equal(store_remove(s, id, never), OK);
	assert_int_equal(store_read(b, 7, out, 5), OK); /* still open: still readable */
	store_close(b);
	assert_int_equal(store_open(s, id, never, &b), ERR_NOTFOUND);
	assert_int_equal(store_remove(s, id, never), OK);
	assert_int_equal(put(s, id, BYTES(""), BYTES("")), OK);
	assert_int_equal(store_open(s, id, never, &b), OK);
	assert_int_equal(store_size(b, &size), OK);
	assert_int_equal(size, 0);
	store_close(b);
	assert_int_equal(store_ready(s), OK);
}

struct seen {
	unsigned n;
	uint64_t sum;
	unsigned stop_after;
};

static enum err see(void *context, const uint8_t id[STORE_ID_BYTES], uint64_t age_ms)
{
	struct seen *seen = context;
	assert_true(age_ms < 3600 * 1000);
	seen->n++;
	seen->sum += id[1];
	return seen->stop_after != 0 && seen->n == seen->stop_after ? ERR_CANCELLED : OK;
}

static void test_invisible_until_finish(void **state)
{
	struct store *s = ((struct fixture *)*state)->store;
	uint8_t id[STORE_ID_BYTES];
	struct store_put *p, *q;
	struct store_blob *b;
	struct seen seen = {0};

	make_id(id, 0);
	assert_int_equal(store_put_begin(s, id, never, &p), OK);
	assert_int_equal(store_put_begin(s, id, never, &q), OK);
	assert_int_equal(store_put_write(p, BYTES("p")), OK);
	assert_int_equal(store_put_write(q, BYTES("q")), OK);
	assert_int_equal(store_open(s, id, never, &b), ERR_NOTFOUND);
	assert_int_equal(store_list(s, 0, see, &seen), OK);
	assert_int_equal(seen.n, 0);
	assert_int_equal(store_put_finish(p), OK);
	assert_int_equal(store_put_finish(q), ERR_EXISTS); /* the first stays */
	uint8_t c;
	assert_int_equal(store_open(s, id, never, &b), OK);
	assert_int_equal(store_read(b, 0, &c, 1), OK);
	assert_int_equal(c, 'p');
	store_close(b);
	make_id(id, 0);
	assert_int_equal(store_put_begin(s, id, never, &p), OK);
	store_put_abort(p);
	store_put_abort(NULL);
	assert_int_equal(store_open(s, id, never, &b), ERR_NOTFOUND);
}

static void test_list(void **state)
{
	struct store *s = ((struct fixture *)*state)->store;
	uint8_t id[STORE_ID_BYTES] = {0};
	uint64_t sum = 0;

	for (unsigned i = 0; i < 20; i++) {
		make_id(id, 0x7f);
		sum += id[1];
		assert_int_equal(put(s, id, BYTES("x"), BYTES("")), OK);
	}
	make_id(id, 0x80);
	assert_int_equal(put(s, id, BYTES("x"), BYTES("")), OK);
	struct seen seen = {0};
	assert_int_equal(store_list(s, 0x7f, see, &seen), OK);
	assert_int_equal(seen.n, 20);
	assert_int_equal(seen.sum, sum);
	seen = (struct seen){.stop_after = 3};
	assert_int_equal(store_list(s, 0x7f, see, &seen), ERR_CANCELLED);
	assert_int_equal(seen.n, 3);
}

static void *put_many(void *arg)
{
	struct store *s = arg;
	for (unsigned i = 0; i < 10; i++) {
		uint8_t id[STORE_ID_BYTES];
		make_id(id, 0x11); /* one folder: its syncs are shared */
		if (put(s, id, BYTES("parallel"), BYTES("")) != OK) {
			return s;
		}
	}
	return NULL;
}

static void test_parallel_puts(void **state)
{
	struct store *s = ((struct fixture *)*state)->store;
	pthread_t threads[8];
	struct seen seen = {0};

	for (unsigned i = 0; i < 8; i++) {
		pthread_create(&threads[i], NULL, put_many, s);
	}
	for (unsigned i = 0; i < 8; i++) {
		void *bad;
		pthread_join(threads[i], &bad);
		assert_null(bad);
	}
	assert_int_equal(store_list(s, 0x11, see, &seen), OK);
	assert_int_equal(seen.n, 80);
}

/* fs alone: what a crash left in tmp goes after an hour and not before; foreign names are left alone. */
static void test_fs_sweep(void **state)
{
	struct fixture *f = *state;
	struct fs *fs = (struct fs *)f->store;
	struct seen seen = {0};
	struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};

	close(openat(fs->tmp_fd, "young", O_CREAT | O_WRONLY, 0600));
	close(openat(fs->tmp_fd, "old", O_CREAT | O_WRONLY, 0600));
	close(openat(fs->folders[0].fd, "README", O_CREAT | O_WRONLY, 0600));
	assert_int_equal(utimensat(fs->tmp_fd, "old", old, 0), 0);
	assert_int_equal(store_list(f->store, 0, see, &seen), OK);
	assert_int_equal(seen.n, 0);
	assert_int_equal(faccessat(fs->tmp_fd, "young", F_OK, 0), 0);
	assert_int_equal(faccessat(fs->tmp_fd, "old", F_OK, 0), -1);
	assert_int_equal(faccessat(fs->folders[0].fd, "README", F_OK, 0), 0);
}

static void test_fs_reopen_and_modes(void **state)
{
	struct fixture *f = *state;
	uint8_t id[STORE_ID_BYTES];
	struct store_blob *b;
	struct stat st;
	char name[NAME_BYTES];

	make_id(id, 0x42);
	assert_int_equal(put(f->store, id, BYTES("kept"), BYTES("")), OK);
	hex(name, id + 1, STORE_ID_BYTES - 1);
	assert_int_equal(fstatat(((struct fs *)f->store)->folders[0x42].fd, name, &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(st.st_nlink, 1);
	store_free(f->store);
	open_fs(f);
	assert_int_equal(store_open(f->store, id, never, &b), OK);
	store_close(b);
	struct report report;
	struct store *none;
	assert_int_equal(store_fs_open("/tmp/no.such.directory.here", &none, &report), ERR_NOTFOUND);
	assert_non_null(strstr(report.text, "/tmp/no.such.directory.here"));
}

/* A disk that refuses in the middle: an error, nothing visible, and the store works on when there is room again. */
static void test_fs_refused_write(void **state)
{
	struct fixture *f = *state;
	static uint8_t big[3 << 20];
	struct rlimit before, small = {.rlim_cur = 2 << 20};
	uint8_t id[STORE_ID_BYTES];
	struct store_blob *b;

	make_id(id, 9);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small.rlim_max = before.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(put(f->store, id, bytes_of(big, sizeof(big)), BYTES("")), ERR_IO);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(store_open(f->store, id, never, &b), ERR_NOTFOUND);
	assert_int_equal(put(f->store, id, bytes_of(big, sizeof(big)), BYTES("")), OK);
}

static void test_fault_fails_each_call(void **state)
{
	struct store *s = ((struct fixture *)*state)->store;
	uint8_t id[STORE_ID_BYTES];
	struct store_blob *b;

	for (uint64_t at = 1; at <= 4; at++) { /* begin, write, write, finish */
		make_id(id, 1);
		store_fault_arm(s, at, ERR_UNAVAILABLE);
		assert_int_equal(put(s, id, BYTES("a"), BYTES("b")), ERR_UNAVAILABLE);
		assert_int_equal(store_fault_calls(s), at);
		store_fault_arm(s, 0, OK);
		assert_int_equal(store_open(s, id, never, &b), ERR_NOTFOUND);
	}
	store_fault_arm(s, 5, ERR_IO);
	assert_int_equal(put(s, id, BYTES("a"), BYTES("b")), OK);
}

#define CONTRACT(setup)                                                                            \
	cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),                         \
	cmocka_unit_test_setup_teardown(test_invisible_until_finish, setup, teardown),             \
	cmocka_unit_test_setup_teardown(test_list, setup, teardown),                               \
	cmocka_unit_test_setup_teardown(test_parallel_puts, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONTRACT(setup_fs),
		CONTRACT(setup_named),
		CONTRACT(setup_mem),
		CONTRACT(setup_fault),
		cmocka_unit_test_setup_teardown(test_fs_sweep, setup_fs, teardown),
		cmocka_unit_test_setup_teardown(test_fs_reopen_and_modes, setup_fs, teardown),
		cmocka_unit_test_setup_teardown(test_fs_refused_write, setup_fs, teardown),
		cmocka_unit_test_setup_teardown(test_fs_refused_write, setup_named, teardown),
		cmocka_unit_test_setup_teardown(test_fault_fails_each_call, setup_fault, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
