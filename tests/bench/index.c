/*
 * What the index costs: a listing page of 1,000 in a bucket of a thousand and of a million objects (the ratio says whether a page
 * costs its entries or the bucket), a page of common prefixes, a lookup, and puts with a commit each by 1, 8 and 32 threads.
 *
 *   index DIRECTORY [OBJECTS]     DIRECTORY is new, on the disk to measure; OBJECTS a million when absent
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "common/base/attr.h"
#include "common/base/clock.h"
#include "server/index/index.h"

enum { SMALL = 1000, PAGE = 1000, ROUNDS = 20, FOLDER = 1000, PUTS = 2000, THREADS_MAX = 32 };

static struct index *x;

static void must(bool good)
{
	if (!good) {
		fputs("bench: an operation failed\n", stderr);
		exit(1);
	}
}

static enum err put(const char *bucket, const char *key)
{
	struct index_part part = {.number = 1, .size = 4096, .blob_size = 16 << 20};
	struct index_object o = {
		.bucket = bytes_text(bucket), .key = bytes_text(key), .size = 4096,
		.modified_ms = clock_real_ms(), .etag = BYTES("0123456789abcdef0123456789abcdef-1"),
		.key_arn = BYTES("arn:aws:kms:eu:000000000001:key/00000000-0000-0000-0000-000000000000"),
		.wrapped = BYTES("0123456789012345678901234567890123456789012345678901234567890123456789"
		                 "012345678901234567890123456789012"),
		.blob_size = 16 << 20, .content_type = BYTES("application/octet-stream"),
		.parts = &part, .n_parts = 1};
	bool no_bucket;

	random_bytes(o.id, sizeof(o.id));
	random_bytes(part.seed, sizeof(part.seed));
	return index_object_put(x, &o, NULL, NULL, &no_bucket);
}

/* Processor time of this process: reads wait for nothing, and the machine may have other work. */
static double cpu_us(void)
{
	struct timespec t;
	must(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) == 0);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

struct filler {
	const char *bucket;
	unsigned first, n;
};

static void *fill(void *arg)
{
	const struct filler *f = arg;
	for (unsigned i = f->first; i < f->first + f->n; i++) {
		char key[64];
		snprintf(key, sizeof(key), "warehouse/part-%04u/file-%08u.parquet", i / FOLDER, i);
		must(put(f->bucket, key) == OK);
	}
	return NULL;
}

/* n objects by that many threads; objects per second. */
static double fill_with(const char *bucket, unsigned first, unsigned n, unsigned threads)
{
	pthread_t ids[THREADS_MAX];
	struct filler f[THREADS_MAX];
	uint64_t start = clock_mono_us();

	for (unsigned i = 0; i < threads; i++) {
		f[i] = (struct filler){bucket, first + i * (n / threads), n / threads};
		must(pthread_create(&ids[i], NULL, fill, &f[i]) == 0);
	}
	for (unsigned i = 0; i < threads; i++) {
		pthread_join(ids[i], NULL);
	}
	return n / threads * threads * 1e6 / (double)(clock_mono_us() - start);
}

static void make_bucket(const char *name)
{
	struct index_bucket b = {.name = bytes_text(name), .tenant = BYTES("000000000001")};
	must(index_bucket_create(x, &b) == OK);
}

/* Best time of a page in ms. */
static double page_ms(struct index_list_query q)
{
	double best = 1e9;

	for (unsigned i = 0; i < ROUNDS; i++) {
		AUTO(arena_freep) struct arena *a = arena_new(16 << 20);
		struct index_list_page page;
		double start = cpu_us();
		must(index_list(x, a, &q, &page) == OK && page.n > 0);
		double ms = (cpu_us() - start) / 1e3;
		best = ms < best ? ms : best;
	}
	return best;
}

static double lookup_us(const char *bucket, unsigned n)
{
	AUTO(arena_freep) struct arena *a = arena_new(1 << 20);
	double start = cpu_us();

	for (unsigned i = 0; i < 10000; i++) {
		struct index_object o;
		char key[64];
		unsigned at = (unsigned)((uint64_t)i * 7919 % n);
		arena_reset(a);
		snprintf(key, sizeof(key), "warehouse/part-%04u/file-%08u.parquet", at / FOLDER, at);
		must(index_object_get(x, a, bytes_text(bucket), bytes_text(key), &o) == OK);
	}
	return (cpu_us() - start) / 10000;
}

int main(int argc, char **argv)
{
	struct report report;
	unsigned n = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 1000000;

	must(argc > 1 && secret_init(64) == OK && mkdir(argv[1], 0700) == 0);
	struct secret *key = secret_random(32);
	must(index_open(argv[1], 0, &x, &report) == OK && index_unlock(x, key) == OK);
	make_bucket("small");
	make_bucket("large");
	make_bucket("puts");
	fill_with("small", 0, SMALL, 8);
	printf("puts, filling: %.0f/s with 32 threads\n", fill_with("large", 0, n, 32));
	struct index_list_query small = {.bucket = BYTES("small"), .max = PAGE};
	struct index_list_query large = {.bucket = BYTES("large"), .max = PAGE};
	double a = page_ms(small);
	double b = page_ms(large);
	char middle[32];
	snprintf(middle, sizeof(middle), "warehouse/part-%04u", n / FOLDER / 2);
	large.after = bytes_text(middle);
	double c = page_ms(large);
	printf("page of %d: %.2f ms among %d, %.2f ms among %u, %.2f ms from its middle; ratio %.2f\n",
	       PAGE, a, SMALL, b, n, c, b / a);
	large.after = bytes_of(NULL, 0);
	large.delimiter = BYTES("/");
	large.prefix = BYTES("warehouse/");
	printf("page of common prefixes, %d objects each: %.2f ms\n", FOLDER, page_ms(large));
	printf("lookup: %.2f us among %d, %.2f us among %u\n", lookup_us("small", SMALL), SMALL,
	       lookup_us("large", n), n);
	double one = 0;
	for (unsigned t = 1; t <= 32; t = t == 1 ? 8 : t * 4) {
		double rate = fill_with("puts", t * 1000000, PUTS, t);
		one = t == 1 ? rate : one;
		printf("puts: %.0f/s with %u threads (%.1f times one)\n", rate, t, rate / one);
	}
	index_close(x);
	secret_free(key);
	return 0;
}
