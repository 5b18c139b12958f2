/*
 * Fill a bucket of a gateway's index with objects that have no bytes in the store, for listings; the gateway is down
 * meanwhile. The index key comes from the KMS, as for any enrolled gateway. Then pages of the bucket are read right from
 * the index, so that S3 above it can be told from it.
 *
 *   fill INDEX_DIR SIZE_MAX KMS_URL CA CERTIFICATE KEY SECRET_FILE BUCKET OBJECTS FOLDER
 *
 * FOLDER: so many objects in each folder.
 *
 * Answer: one line of JSON.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "server/gateway/kmsclient.h"
#include "server/index/index.h"

enum {
	THREADS = 128, /* as many changes share one commit */
	SECRET_SLOTS = 64,
	ARENA_BYTES = 4 << 20,
	KEY_BYTES = 64,
	PAGE = 1000,
	PAGES = 200,
	WRAPPED_BYTES = 125,
	UNLOCK_MS = 10000,
	BLOB_BYTES = 16 << 20,
};

struct fill {
	struct index *index;
	struct bytes bucket;
	uint64_t objects, folder;
	_Atomic uint64_t next;
};

static void must(bool good, const char *what)
{
	if (!good) {
		fprintf(stderr, "fill: failed: %s\n", what);
		exit(1);
	}
}

static void unlock(struct index *index, char **argv)
{
	const struct kmsclient_options o = {
		.url = argv[3], .ca = argv[4], .certificate = argv[5], .key = argv[6],
		.secret_file = argv[7]};
	const struct kmsproto_call call = {.kind = KMSPROTO_INDEX_KEY};
	struct kmsproto_reply reply = {0};
	struct kmsclient *k = NULL;
	struct report r = {0};
	struct arena *a = arena_new(ARENA_BYTES);
	must(a != NULL && kmsclient_new(&o, &k, &r) == OK, r.text);
	must(kmsclient_call(k, a, &call, clock_mono_ms() + UNLOCK_MS, &reply) == OK &&
	     reply.verdict == KMSPROTO_OK, "index key");
	must(index_unlock(index, reply.index_key) == OK, "unlock");
	kmsproto_replies_free(&reply, 1);
	kmsclient_free(k);
	arena_free(a);
}

/* Keys as tools write them, in folders. */
static struct bytes key_of(const struct fill *f, uint64_t i, char text[KEY_BYTES])
{
	int n = snprintf(text, KEY_BYTES, "warehouse/part-%05" PRIu64 "/object-%09" PRIu64 ".parquet",
	                 i / f->folder, i);
	return bytes_of(text, (size_t)n);
}

static void put(struct fill *f, uint64_t i)
{
	static const uint8_t wrapped[WRAPPED_BYTES] = {1};
	static const struct index_condition always = {0};
	char key[KEY_BYTES];
	bool no_bucket = false;
	struct index_part part = {
		.number = 1, .size = i, .modified_ms = 1700000000000, .blob_size = BLOB_BYTES};
	random_bytes(part.seed, sizeof(part.seed));
	struct index_object o = {
		.bucket = f->bucket,
		.key = key_of(f, i, key),
		.size = i,
		.modified_ms = 1700000000000,
		.etag = BYTES("0123456789abcdef0123456789abcdef-1"),
		.key_arn = BYTES("arn:aws:kms:fr-sov-1:000000000000:key/"
		                 "00000000-0000-0000-0000-000000000000"),
		.wrapped = bytes_of(wrapped, sizeof(wrapped)),
		.blob_size = BLOB_BYTES,
		.content_type = BYTES("application/octet-stream"),
		.parts = &part,
		.n_parts = 1,
	};
	random_bytes(o.id, sizeof(o.id));
	must(index_object_put(f->index, &o, &always, NULL, &no_bucket) == OK, "index_object_put");
}

static void *fill(void *argument)
{
	struct fill *f = argument;
	uint64_t i;
	while ((i = atomic_fetch_add(&f->next, 1)) < f->objects) {
		put(f, i);
	}
	return NULL;
}

static void fill_all(struct fill *f)
{
	static pthread_t threads[THREADS];
	for (unsigned i = 0; i < THREADS; i++) {
		must(pthread_create(&threads[i], NULL, fill, f) == 0, "thread");
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
	}
}

/* Microseconds for a page that begins anywhere with a whole page left. */
static double page_us(struct fill *f)
{
	struct arena *a = arena_new(ARENA_BYTES);
	struct index_list_page page;
	char key[KEY_BYTES];
	uint64_t room = f->objects - PAGE, begin = clock_mono_us();
	must(a != NULL, "memory");
	for (uint64_t i = 0; i < PAGES; i++) {
		arena_reset(a);
		struct index_list_query q = {.bucket = f->bucket, .max = PAGE};
		uint64_t first = room * i / PAGES;
		q.after = first == 0 ? (struct bytes){NULL, 0} : key_of(f, first - 1, key);
		must(index_list(f->index, a, &q, &page) == OK && page.n == PAGE, "index_list");
	}
	double us = (double)(clock_mono_us() - begin) / PAGES;
	arena_free(a);
	return us;
}

int main(int argc, char **argv)
{
	struct report r = {0};
	if (argc != 11) {
		fputs("usage: fill INDEX_DIR SIZE_MAX KMS_URL CA CERTIFICATE KEY SECRET_FILE BUCKET "
		      "OBJECTS FOLDER\n", stderr);
		return 2;
	}
	struct fill f = {.bucket = bytes_text(argv[8]), .objects = strtoull(argv[9], NULL, 10),
	                 .folder = strtoull(argv[10], NULL, 10)};
	must(f.objects >= PAGE && f.folder > 0, "at least 1,000 objects, and one in a folder");
	must(secret_init(SECRET_SLOTS) == OK, "locked memory");
	must(index_open(argv[1], strtoull(argv[2], NULL, 10), &f.index, &r) == OK, r.text);
	unlock(f.index, argv);
	uint64_t begin = clock_mono_us();
	fill_all(&f);
	double seconds = (double)(clock_mono_us() - begin) / 1e6;
	double us = page_us(&f);
	index_close(f.index);
	printf("{\"objects\": %" PRIu64 ", \"seconds\": %.2f, \"objects_per_s\": %.0f, "
	       "\"page_us\": %.1f}\n", f.objects, seconds, (double)f.objects / seconds, us);
	return 0;
}
