/*
 * The process dies at any moment (SIGKILL), on files: what was acknowledged is whole, what was not is absent or whole, and a collection
 * leaves exactly the blobs that are needed. The child is this program again, because keys are not inherited.
 */
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/objfmt/objfmt.h"
#include "server/vault/vault.h"

enum { BLOB = 2 * OBJFMT_SEGMENT_BYTES, KEYS = 7, ROUNDS = 8, PLAIN_MAX = 3 * BLOB };

struct place {
	struct store *store;
	struct index *index;
	struct vault *vault;
	struct secret *key, *dek;
};

static void open_place(const char *dir, struct place *p)
{
	static const uint8_t key[32] = {1}, dek[32] = {2};
	struct report report;
	struct vault_options o = {.blob_size = BLOB, .orphan_age_ms = 1, .collect_ms = UINT64_MAX};
	char path[128];

	p->key = secret_from(bytes_of(key, sizeof(key)));
	p->dek = secret_from(bytes_of(dek, sizeof(dek)));
	snprintf(path, sizeof(path), "%s/store", dir);
	mkdir(path, 0700);
	if (store_fs_open(path, &p->store, &report) != OK) {
		_exit(2);
	}
	snprintf(path, sizeof(path), "%s/index", dir);
	mkdir(path, 0700);
	if (index_open(path, UINT64_C(1) << 30, &p->index, &report) != OK) {
		_exit(3);
	}
	o.store = p->store;
	o.index = p->index;
	if (vault_new(&o, &p->vault) != OK || vault_unlock(p->vault, p->key) != OK) {
		_exit(4);
	}
}

static void close_place(struct place *p)
{
	vault_free(p->vault);
	index_close(p->index);
	store_free(p->store);
	secret_free(p->key);
	secret_free(p->dek);
}

/* Version n of an object: size and bytes follow from n. */
static size_t plain_of(uint32_t n, uint8_t *out)
{
	size_t size = (size_t)n * 40009 % PLAIN_MAX;

	for (size_t i = 0; i < size; i++) {
		out[i] = (uint8_t)(i * 31 + n * 7 + (i >> 8));
	}
	return size;
}

static enum err put_version(struct place *p, uint32_t n)
{
	static uint8_t plain[PLAIN_MAX];
	struct arena *a = arena_new(1 << 20);
	char key[16], etag[16];
	snprintf(key, sizeof(key), "k%u", n % KEYS);
	snprintf(etag, sizeof(etag), "%u", n);
	struct index_object o = {.bucket = BYTES("b"), .key = bytes_text(key), .etag = bytes_text(etag)};
	struct vault_writer *w;
	bool no_bucket;

	random_bytes(o.id, sizeof(o.id));
	TRY(vault_write_begin(p->vault, p->dek, UINT64_MAX, &w));
	TRY(vault_write(w, bytes_of(plain, plain_of(n, plain))));
	enum err e = vault_write_object(w, a, &o, NULL, &no_bucket);
	arena_free(a);
	return e;
}

/* Write version after version, say each that is acknowledged, collect now and then, until killed. */
static int child(const char *dir, uint32_t from)
{
	struct place p;
	struct index_bucket b = {.name = BYTES("b"), .tenant = BYTES("t")};

	open_place(dir, &p);
	enum err e = index_bucket_create(p.index, &b);
	if (e != OK && e != ERR_EXISTS) {
		return 5;
	}
	for (uint32_t n = from;; n++) {
		uint64_t removed;
		if (put_version(&p, n) != OK || write(STDOUT_FILENO, &n, sizeof(n)) != sizeof(n)) {
			return 6;
		}
		if (n % 3 == 0 && vault_collect(p.vault, n % 2 == 0, &removed) != OK) {
			return 7;
		}
	}
}

static uint32_t run_and_kill(const char *dir, uint32_t from, unsigned kill_after, uint32_t *acked)
{
	int fds[2];
	uint32_t n, last = from - 1;
	char text[16];

	snprintf(text, sizeof(text), "%u", from);
	assert_int_equal(pipe(fds), 0);
	pid_t pid = fork();
	if (pid == 0) {
		dup2(fds[1], STDOUT_FILENO);
		close(fds[0]);
		execl("/proc/self/exe", "test_crash", dir, text, (char *)NULL);
		_exit(1);
	}
	close(fds[1]);
	for (unsigned i = 0; i < kill_after; i++) {
		assert_int_equal(read(fds[0], &n, sizeof(n)), sizeof(n));
		acked[n % KEYS] = n;
		last = n;
	}
	uint64_t until = clock_mono_us() + (uint64_t)random() % 4000; /* anywhere in the next puts */
	while (clock_mono_us() < until) {
	}
	kill(pid, SIGKILL);
	while (read(fds[0], &n, sizeof(n)) == sizeof(n)) {
		acked[n % KEYS] = n;
		last = n;
	}
	close(fds[0]);
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	return last;
}

static enum err count_one(void *context, const uint8_t id[STORE_ID_BYTES], uint64_t age_ms)
{
	(void)id;
	(void)age_ms;
	(*(size_t *)context)++;
	return OK;
}

/* Read the object whole and hold it against its version. Its blobs. What is seen once, acknowledged or not, has to stay. */
static size_t check_object(struct place *p, const char *key, uint32_t *acked, uint32_t last)
{
	static uint8_t want[PLAIN_MAX], got[PLAIN_MAX];
	struct arena *a = arena_new(1 << 20);
	struct index_object o;
	struct vault_reader *r;
	struct writer w = writer_fixed(got, sizeof(got));
	bool end;
	uint64_t n;

	enum err e = index_object_get(p->index, a, BYTES("b"), bytes_text(key), &o);
	if (e == ERR_NOTFOUND && *acked == 0) {
		arena_free(a);
		return 0;
	}
	assert_int_equal(e, OK);
	assert_int_equal(bytes_u64(o.etag, &n), OK);
	/* The one that was on its way may be there. */
	if (n != *acked && (n < *acked || n != last + 1)) {
		fail_msg("%s: version %u, acknowledged %u, last %u", key, (unsigned)n, *acked, last);
	}
	*acked = (uint32_t)n;
	size_t size = plain_of((uint32_t)n, want);
	assert_int_equal(o.size, size);
	assert_int_equal(vault_read_begin(p->vault, &o, p->dek, 0, o.size, &r), OK);
	assert_int_equal(vault_read(r, UINT64_MAX, &w, &end), OK);
	assert_true(end);
	assert_memory_equal(got, want, size);
	vault_read_end(r);
	arena_free(a);
	return size == 0 ? 1 : (size - 1) / BLOB + 1;
}

static void check_all(const char *dir, uint32_t *acked, uint32_t last)
{
	struct place p;
	size_t needed = 0, there = 0;
	uint64_t removed, start = clock_mono_ms();

	open_place(dir, &p);
	for (unsigned i = 0; i < KEYS; i++) {
		char key[16];
		snprintf(key, sizeof(key), "k%u", i);
		needed += check_object(&p, key, &acked[i], last);
	}
	while (clock_mono_ms() < start + 2) { /* until the newest blob is an orphan by age */
	}
	assert_int_equal(vault_collect(p.vault, true, &removed), OK);
	for (unsigned i = 0; i < 256; i++) {
		assert_int_equal(store_list(p.store, (uint8_t)i, count_one, &there), OK);
	}
	assert_int_equal(there, needed);
	close_place(&p);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void test_kill(void **state)
{
	char dir[] = "/tmp/test_crash.XXXXXX";
	uint32_t acked[KEYS] = {0};
	uint32_t next = 1;

	(void)state;
	srandom((unsigned)clock_mono_us());
	assert_non_null(mkdtemp(dir));
	for (unsigned i = 0; i < ROUNDS; i++) {
		uint32_t last = run_and_kill(dir, next, 1 + (unsigned)random() % 12, acked);
		check_all(dir, acked, last);
		next = last + 2; /* the version after the last may be there */
	}
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_kill)};

	if (secret_init(64) != OK) {
		return 1;
	}
	if (argc == 3) {
		return child(argv[1], (uint32_t)strtoul(argv[2], NULL, 10));
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
