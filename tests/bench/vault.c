/*
 * What the vault costs: large objects written and read back, small objects with all their syncs, on files and in memory. The plain
 * store is measured beside it, so that the price of sealing and of the index stands alone.
 *
 *   vault DIRECTORY [MIB]     DIRECTORY is new, on the disk to measure; MIB of a large object, 512 when absent
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/attr.h"
#include "common/base/clock.h"
#include "server/vault/vault.h"

enum { STEP = 256 * 1024, SMALL_BYTES = 1024, SMALL_PUTS = 1500, THREADS_MAX = 32 };

static struct vault *v;
static struct index *x;
static struct secret *dek;
static uint8_t chunk[STEP];

static void must(bool good)
{
	if (!good) {
		fputs("bench: an operation failed\n", stderr);
		exit(1);
	}
}

static struct index_object make_object(const char *key)
{
	struct index_object o = {.bucket = BYTES("b"), .key = bytes_text(key), .etag = BYTES("e-1"),
	                         .wrapped = BYTES("w"), .key_arn = BYTES("arn")};
	random_bytes(o.id, sizeof(o.id));
	return o;
}

static void put(const char *key, uint64_t n)
{
	AUTO(arena_freep) struct arena *a = arena_new(1 << 20);
	struct index_object o = make_object(key);
	struct vault_writer *w;
	bool no_bucket;

	must(vault_write_begin(v, dek, UINT64_MAX, &w) == OK);
	for (uint64_t at = 0; at < n; at += STEP) {
		size_t piece = n - at < STEP ? (size_t)(n - at) : STEP;
		must(vault_write(w, bytes_of(chunk, piece)) == OK);
	}
	must(vault_write_object(w, a, &o, NULL, &no_bucket) == OK);
}

static void get(const char *key)
{
	static _Thread_local uint8_t out[STEP];
	AUTO(arena_freep) struct arena *a = arena_new(1 << 20);
	struct index_object o;
	struct vault_reader *r;
	bool last = false;

	must(index_object_get(x, a, BYTES("b"), bytes_text(key), &o) == OK);
	must(vault_read_begin(v, &o, dek, 0, o.size, &r) == OK);
	while (!last) {
		struct writer w = writer_fixed(out, sizeof(out));
		must(vault_read(r, UINT64_MAX, &w, &last) == OK);
	}
	vault_read_end(r);
}

static void put_plain(struct store *s, uint64_t n, uint64_t blob)
{
	for (uint64_t at = 0; at < n;) {
		uint8_t id[STORE_ID_BYTES];
		struct store_put *p;
		random_bytes(id, sizeof(id));
		must(store_put_begin(s, id, UINT64_MAX, &p) == OK);
		for (uint64_t end = at + blob; at < end && at < n; at += STEP) {
			must(store_put_write(p, bytes_of(chunk, n - at < STEP ? (size_t)(n - at) : STEP)) == OK);
		}
		must(store_put_finish(p) == OK);
	}
}

static double mib_per_s(uint64_t n, uint64_t start_us)
{
	return (double)n / (1 << 20) * 1e6 / (double)(clock_mono_us() - start_us);
}

struct small {
	unsigned id, n;
	bool read;
};

static void *run_small(void *arg)
{
	const struct small *s = arg;
	for (unsigned i = 0; i < s->n; i++) {
		char key[32];
		snprintf(key, sizeof(key), "%u/%u", s->id, i);
		if (s->read) {
			get(key);
		} else {
			put(key, SMALL_BYTES);
		}
	}
	return NULL;
}

static double small_per_s(unsigned threads, unsigned n, bool read)
{
	pthread_t ids[THREADS_MAX];
	struct small s[THREADS_MAX];
	uint64_t start = clock_mono_us();

	for (unsigned i = 0; i < threads; i++) {
		s[i] = (struct small){i, n / threads, read};
		must(pthread_create(&ids[i], NULL, run_small, &s[i]) == 0);
	}
	for (unsigned i = 0; i < threads; i++) {
		pthread_join(ids[i], NULL);
	}
	return n / threads * threads * 1e6 / (double)(clock_mono_us() - start);
}

static void run(const char *name, struct store *s, const char *dir, uint64_t n)
{
	struct vault_options o = {.store = s, .collect_ms = UINT64_MAX};
	struct index_bucket b = {.name = BYTES("b"), .tenant = BYTES("t")};
	AUTO(secret_freep) struct secret *key = secret_random(32);
	struct report report;

	must(mkdir(dir, 0700) == 0 && index_open(dir, 0, &x, &report) == OK);
	o.index = x;
	must(vault_new(&o, &v) == OK && vault_unlock(v, key) == OK);
	must(index_bucket_create(x, &b) == OK);
	uint64_t start = clock_mono_us();
	put_plain(s, n, 16 << 20);
	double plain = mib_per_s(n, start);
	start = clock_mono_us();
	put("large", n);
	double sealed = mib_per_s(n, start);
	start = clock_mono_us();
	get("large");
	printf("%s: write %.0f MiB/s (plain store %.0f, ratio %.2f), read %.0f MiB/s\n", name, sealed,
	       plain, sealed / plain, mib_per_s(n, start));
	for (unsigned t = 1; t <= THREADS_MAX; t = t == 1 ? 8 : t * 4) {
		double rate = small_per_s(t, SMALL_PUTS, false);
		printf("%s: %d-byte objects, %u threads: %.0f puts/s, %.0f gets/s\n", name, SMALL_BYTES, t,
		       rate, small_per_s(t, SMALL_PUTS, true));
	}
	vault_free(v);
	index_close(x);
	store_free(s);
}

int main(int argc, char **argv)
{
	uint64_t n = (argc > 2 ? strtoul(argv[2], NULL, 10) : 512) << 20;
	struct report report;
	struct store *s;
	char dir[3][256];

	must(argc > 1 && secret_init(64) == OK && mkdir(argv[1], 0700) == 0);
	dek = secret_random(32);
	random_bytes(chunk, sizeof(chunk));
	snprintf(dir[0], sizeof(dir[0]), "%s/store", argv[1]);
	snprintf(dir[1], sizeof(dir[1]), "%s/index-files", argv[1]);
	snprintf(dir[2], sizeof(dir[2]), "%s/index-memory", argv[1]);
	must(mkdir(dir[0], 0700) == 0 && store_fs_open(dir[0], &s, &report) == OK);
	run("files", s, dir[1], n);
	must(store_mem_new(&s) == OK);
	run("memory", s, dir[2], n);
	secret_free(dek);
	return 0;
}
