/* The vault: round trips, ranges, damage, faults of every store call, multipart, collector, rebuilding from trailers. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/objfmt/objfmt.h"
#include "server/store/store.h"
#include "server/vault/internal.h"

enum { SEGMENT = OBJFMT_SEGMENT_BYTES, BLOB = 2 * SEGMENT, PLAIN_MAX = 5 * BLOB + 1000 };
static const uint64_t never = UINT64_MAX;
static uint8_t plain[PLAIN_MAX];

struct fixture {
	char dir[64];
	struct index *index;
	struct store *store; /* fault over memory */
	struct vault *vault;
	struct secret *key, *dek;
	struct arena *a;
};

static void open_vault(struct fixture *f)
{
	struct report report;
	struct vault_options o = {.store = f->store, .blob_size = BLOB, .orphan_age_ms = 1,
	                          .collect_ms = UINT64_MAX}; /* tests count calls: no thread beside */
	assert_int_equal(index_open(f->dir, UINT64_C(1) << 30, &f->index, &report), OK);
	o.index = f->index;
	assert_int_equal(vault_new(&o, &f->vault), OK);
	assert_int_equal(vault_unlock(f->vault, f->key), OK);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct store *mem;
	strncpy(f->dir, "/tmp/test_vault.XXXXXX", sizeof(f->dir) - 1);
	assert_non_null(mkdtemp(f->dir));
	f->key = secret_random(32);
	f->dek = secret_random(32);
	f->a = arena_new(256 << 20);
	assert_int_equal(store_mem_new(&mem), OK);
	assert_int_equal(store_fault_new(mem, &f->store), OK);
	open_vault(f);
	struct index_bucket b = {.name = BYTES("b"), .tenant = BYTES("t")};
	assert_int_equal(index_bucket_create(f->index, &b), OK);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char path[128];
	vault_free(f->vault);
	index_close(f->index);
	store_free(f->store);
	for (const char *const *name = (const char *const[]){"data.mdb", "lock.mdb", "owner", NULL};
	     *name != NULL; name++) {
		snprintf(path, sizeof(path), "%s/%s", f->dir, *name);
		unlink(path);
	}
	rmdir(f->dir);
	secret_free(f->key);
	secret_free(f->dek);
	arena_free(f->a);
	free(f);
	return 0;
}

static struct index_object make_object(const char *key)
{
	struct index_object o = {.bucket = BYTES("b"), .key = bytes_text(key), .etag = BYTES("etag"),
	                         .modified_ms = 5, .wrapped = BYTES("wrapped"),
	                         .key_arn = BYTES("arn"), .content_type = BYTES("x/y")};
	random_bytes(o.id, sizeof(o.id));
	return o;
}

/* Write n bytes of `plain` in pieces of random size. */
static enum err write_pieces(struct vault_writer *w, size_t n)
{
	size_t at = 0;
	while (at < n) {
		static const size_t sizes[] = {1, 100, 4096, SEGMENT - 1, SEGMENT, SEGMENT + 1, BLOB, PLAIN_MAX};
		size_t piece = 1 + (size_t)random() % sizes[(size_t)random() % 8];
		piece = piece < n - at ? piece : n - at;
		TRY(vault_write(w, bytes_of(plain + at, piece)));
		at += piece;
	}
	return OK;
}

static enum err put(struct fixture *f, struct index_object *o, size_t n,
                    const struct index_condition *c)
{
	struct vault_writer *w;
	bool no_bucket;
	TRY(vault_write_begin(f->vault, f->dek, never, &w));
	enum err e = write_pieces(w, n);
	if (e != OK) {
		vault_write_abort(w);
		return e;
	}
	assert_int_equal(vault_written(w), n);
	return vault_write_object(w, f->a, o, c, &no_bucket);
}

/* Read [first, first + count) into out, with room for `room` bytes at a time. */
static enum err read_range(struct fixture *f, const struct index_object *o, uint64_t first,
                           uint64_t count, size_t room, uint8_t *out)
{
	struct vault_reader *r;
	bool last = false;
	size_t done = 0;
	TRY(vault_read_begin(f->vault, o, f->dek, first, count, &r));
	enum err e = OK;
	while (e == OK && !last) {
		struct writer w = writer_fixed(out + done, room < count - done ? room : count - done);
		e = vault_read(r, never, &w, &last);
		done += w.used;
		assert_true(e != OK || last || w.used > 0);
	}
	vault_read_end(r);
	assert_true(e != OK || done == count);
	return e;
}

static enum err get(struct fixture *f, const char *key, struct index_object *o)
{
	return index_object_get(f->index, f->a, BYTES("b"), bytes_text(key), o);
}

static enum err read_all(struct fixture *f, const char *key, size_t n)
{
	static uint8_t out[PLAIN_MAX];
	struct index_object o;
	TRY(get(f, key, &o));
	assert_int_equal(o.size, n);
	TRY(read_range(f, &o, 0, n, PLAIN_MAX, out));
	assert_memory_equal(out, plain, n);
	return OK;
}

static enum err count_one(void *context, const uint8_t id[STORE_ID_BYTES], uint64_t age_ms)
{
	(void)id;
	(void)age_ms;
	(*(size_t *)context)++;
	return OK;
}

static size_t count_blobs(struct fixture *f)
{
	size_t n = 0;
	for (unsigned i = 0; i < 256; i++) {
		assert_int_equal(store_list(f->store, (uint8_t)i, count_one, &n), OK);
	}
	return n;
}

/* Spin until blobs written before are older than orphan_age_ms. */
static void pass_a_moment(void)
{
	uint64_t start = clock_mono_ms();
	while (clock_mono_ms() < start + 2) {
	}
}

static uint64_t collect(struct fixture *f)
{
	uint64_t removed;
	pass_a_moment();
	assert_int_equal(vault_collect(f->vault, true, &removed), OK);
	return removed;
}

static void test_sizes_and_ranges(void **state)
{
	struct fixture *f = *state;
	static const size_t sizes[] = {0, 1, 1000, SEGMENT - 1, SEGMENT, SEGMENT + 1, BLOB - 1, BLOB,
	                               BLOB + 1, 2 * BLOB - 1, 2 * BLOB, 2 * BLOB + SEGMENT, PLAIN_MAX};
	static uint8_t out[PLAIN_MAX + 1];

	srandom(11);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct index_object o = make_object("k"), got;
		size_t n = sizes[i];
		assert_int_equal(put(f, &o, n, NULL), OK);
		assert_int_equal(get(f, "k", &got), OK);
		assert_int_equal(got.size, n);
		assert_int_equal(read_all(f, "k", n), OK);
		collect(f); /* what this one replaced */
		assert_int_equal(count_blobs(f), n == 0 ? 1 : (n - 1) / BLOB + 1);
		for (unsigned turn = 0; turn < 60; turn++) {
			uint64_t first = n == 0 ? 0 : (uint64_t)random() % n;
			uint64_t count = (uint64_t)random() % (n - first + 1);
			size_t room = SEGMENT + (size_t)random() % (3 * SEGMENT);
			if (turn % 4 == 0) { /* edges */
				first = first / SEGMENT * SEGMENT;
				count = n - first < SEGMENT ? n - first : SEGMENT;
			}
			memset(out, 0xaa, sizeof(out));
			assert_int_equal(read_range(f, &got, first, count, room, out), OK);
			assert_memory_equal(out, plain + first, count);
			assert_int_equal(out[count], 0xaa);
		}
		assert_int_equal(read_range(f, &got, n, 1, SEGMENT, out), ERR_INPUT);
		assert_int_equal(read_range(f, &got, n, 0, SEGMENT, out), OK);
	}
}

static void test_range_reads_only_its_segments(void **state)
{
	struct fixture *f = *state;
	struct index_object o = make_object("k"), got;
	uint8_t out[16];

	assert_int_equal(put(f, &o, PLAIN_MAX, NULL), OK);
	assert_int_equal(get(f, "k", &got), OK);
	store_fault_arm(f->store, 0, OK);
	assert_int_equal(read_range(f, &got, 0, 16, SEGMENT, out), OK);
	assert_int_equal(store_fault_calls(f->store), 3); /* open, size, header with segment */
	store_fault_arm(f->store, 0, OK);
	assert_int_equal(read_range(f, &got, BLOB + SEGMENT + 5, 16, SEGMENT, out), OK);
	assert_int_equal(store_fault_calls(f->store), 4); /* open, size, header, segment */
	struct vault_stats s;
	vault_stats(f->vault, &s);
	assert_int_equal(s.bytes_sealed, PLAIN_MAX);
	assert_int_equal(s.bytes_opened, 32);
	assert_int_equal(s.blobs_written, 6);
}

/* A whole stored blob, and a way to put another in its place. */
struct stored {
	uint8_t id[STORE_ID_BYTES];
	uint8_t *p;
	uint64_t n;
};

static struct stored load(struct fixture *f, const struct index_part *part, uint64_t number)
{
	struct stored s;
	struct store_blob *b;
	assert_int_equal(objfmt_blob_id(part->seed, number, s.id), OK);
	assert_int_equal(store_open(f->store, s.id, never, &b), OK);
	assert_int_equal(store_size(b, &s.n), OK);
	s.p = malloc(s.n + 1);
	assert_int_equal(store_read(b, 0, s.p, s.n), OK);
	store_close(b);
	return s;
}

static void replace(struct fixture *f, const uint8_t *id, const uint8_t *p, uint64_t n)
{
	struct store_put *put;
	assert_int_equal(store_remove(f->store, id, never), OK);
	assert_int_equal(store_put_begin(f->store, id, never, &put), OK);
	assert_int_equal(store_put_write(put, bytes_of(p, n)), OK);
	assert_int_equal(store_put_finish(put), OK);
}

/* Bytes of a damaged range: CORRUPT, and `out` holds nothing but verified plaintext before the damage. */
static void expect_corrupt(struct fixture *f, const struct index_object *o, uint64_t first,
                           uint64_t count, size_t good)
{
	static uint8_t out[PLAIN_MAX];
	memset(out, 0, sizeof(out));
	struct vault_reader *r;
	struct writer w = writer_fixed(out, sizeof(out));
	bool last;
	assert_int_equal(vault_read_begin(f->vault, o, f->dek, first, count, &r), OK);
	assert_int_equal(vault_read(r, never, &w, &last), ERR_CORRUPT);
	assert_int_equal(w.used, good);
	assert_memory_equal(out, plain + first, good);
	for (size_t i = good; i < good + SEGMENT && i < sizeof(out); i++) {
		assert_int_equal(out[i], 0);
	}
	assert_int_equal(vault_read(r, never, &w, &last), ERR_CORRUPT); /* and stays so */
	vault_read_end(r);
}

static void test_damage(void **state)
{
	struct fixture *f = *state;
	struct index_object o = make_object("k"), other = make_object("l");
	const size_t n = 2 * BLOB + 100;

	assert_int_equal(put(f, &o, n, NULL), OK);
	assert_int_equal(put(f, &other, n, NULL), OK);
	struct stored b0 = load(f, o.parts, 0), b1 = load(f, o.parts, 1), b2 = load(f, o.parts, 2);
	struct stored x0 = load(f, other.parts, 0);
	static const size_t flips[] = {0, 4, 20, 47, 48, 48 + 1000, 48 + SEGMENT, 48 + SEGMENT + 15};
	for (size_t i = 0; i < sizeof(flips) / sizeof(flips[0]); i++) {
		b0.p[flips[i]] ^= 1;
		replace(f, b0.id, b0.p, b0.n);
		expect_corrupt(f, &o, 0, n, 0);
		b0.p[flips[i]] ^= 1;
	}
	b0.p[48 + SEGMENT + 16 + 5] ^= 0x80; /* second segment: the first is still served */
	replace(f, b0.id, b0.p, b0.n);
	expect_corrupt(f, &o, 0, n, SEGMENT);
	expect_corrupt(f, &o, SEGMENT + 7, 10, 0);
	b0.p[48 + SEGMENT + 16 + 5] ^= 0x80;

	replace(f, b0.id, b0.p, b0.n - 1); /* cut */
	expect_corrupt(f, &o, 0, n, 0);
	replace(f, b0.id, b0.p, 48 + SEGMENT + 16);
	expect_corrupt(f, &o, 0, 5, 0);
	replace(f, b0.id, b0.p, b0.n + 1); /* longer */
	expect_corrupt(f, &o, 0, 5, 0);
	replace(f, b0.id, b1.p, b1.n); /* swapped within the object */
	expect_corrupt(f, &o, 0, n, 0);
	replace(f, b0.id, x0.p, x0.n); /* of another object with the same key */
	expect_corrupt(f, &o, 0, n, 0);
	replace(f, b0.id, b0.p, b0.n);
	replace(f, b2.id, b2.p, 48 + 50); /* the last one, below its segments */
	expect_corrupt(f, &o, BLOB * 2, 100, 0);
	assert_int_equal(store_remove(f->store, b1.id, never), OK);
	expect_corrupt(f, &o, BLOB, 5, 0);
	replace(f, b1.id, b1.p, b1.n);
	replace(f, b2.id, b2.p, b2.n);
	assert_int_equal(read_all(f, "k", n), OK);
	struct vault_stats s;
	vault_stats(f->vault, &s);
	assert_true(s.corrupt > 20);
	free(b0.p);
	free(b1.p);
	free(b2.p);
	free(x0.p);
}

static void test_wrong_key(void **state)
{
	struct fixture *f = *state;
	struct index_object o = make_object("k");

	assert_int_equal(put(f, &o, 1000, NULL), OK);
	secret_free(f->dek);
	f->dek = secret_random(32);
	expect_corrupt(f, &o, 0, 1000, 0);
}

static void test_empty_is_verified(void **state)
{
	struct fixture *f = *state;
	struct index_object o = make_object("k"), got;

	assert_int_equal(put(f, &o, 0, NULL), OK);
	assert_int_equal(get(f, "k", &got), OK);
	assert_int_equal(read_range(f, &got, 0, 0, SEGMENT, plain), OK);
	struct stored b = load(f, o.parts, 0);
	b.p[48] ^= 1;
	replace(f, b.id, b.p, b.n);
	expect_corrupt(f, &got, 0, 0, 0);
	assert_int_equal(store_remove(f->store, b.id, never), OK);
	expect_corrupt(f, &got, 0, 0, 0);
	free(b.p);
}

static void test_conditions(void **state)
{
	struct fixture *f = *state;
	struct index_object o = make_object("k");
	struct index_condition none = {.none_match = BYTES("*")};

	assert_int_equal(put(f, &o, 3 * SEGMENT, &none), OK);
	size_t before = count_blobs(f);
	o = make_object("k");
	assert_int_equal(put(f, &o, BLOB * 3, &none), ERR_CONFLICT);
	assert_int_equal(count_blobs(f), before); /* the loser's blobs are gone at once */
	o = make_object("k");
	o.bucket = BYTES("none");
	assert_int_equal(put(f, &o, 10, NULL), ERR_NOTFOUND);
	assert_int_equal(count_blobs(f), before);
	assert_int_equal(read_all(f, "k", 3 * SEGMENT), OK);
}

/* Every call of the store fails once during a put: an error, the old version stays, and a collection leaves only what is needed. */
static void test_put_faults(void **state)
{
	struct fixture *f = *state;
	static const enum err kinds[] = {ERR_IO, ERR_FULL, ERR_UNAVAILABLE, ERR_TIMEOUT};
	struct index_object o = make_object("k");
	const size_t old_n = 777, n = 2 * BLOB + 5;

	assert_int_equal(put(f, &o, old_n, NULL), OK);
	size_t before = count_blobs(f);
	for (uint64_t at = 1;; at++) {
		srandom(5); /* the same pieces each time */
		store_fault_arm(f->store, at, kinds[at % 4]);
		o = make_object("k");
		enum err e = put(f, &o, n, NULL);
		bool reached = store_fault_calls(f->store) >= at;
		store_fault_arm(f->store, 0, OK);
		if (!reached) {
			assert_int_equal(e, OK);
			assert_true(at > 8);
			break;
		}
		assert_int_equal(e, kinds[at % 4]);
		assert_int_equal(read_all(f, "k", old_n), OK);
		collect(f);
		assert_int_equal(count_blobs(f), before);
	}
	assert_int_equal(read_all(f, "k", n), OK);
}

/* Every call fails once during a get, a collection: an error, nothing wrong comes out, nothing needed is lost. */
static void test_get_and_collect_faults(void **state)
{
	struct fixture *f = *state;
	const size_t n = 2 * BLOB + SEGMENT;
	uint64_t removed;
	struct index_object o = make_object("k");

	srandom(6);
	assert_int_equal(put(f, &o, n, NULL), OK);
	for (uint64_t at = 1;; at++) {
		store_fault_arm(f->store, at, ERR_UNAVAILABLE);
		enum err e = read_all(f, "k", n);
		bool reached = store_fault_calls(f->store) >= at;
		store_fault_arm(f->store, 0, OK);
		if (!reached) {
			assert_int_equal(e, OK);
			break;
		}
		assert_int_equal(e, ERR_UNAVAILABLE);
	}
	for (uint64_t at = 1;; at++) {
		o = make_object("k");
		assert_int_equal(put(f, &o, n, NULL), OK); /* replaces: three blobs of garbage */
		pass_a_moment();
		store_fault_arm(f->store, at, at % 2 == 0 ? ERR_IO : ERR_UNAVAILABLE);
		enum err e = vault_collect(f->vault, true, &removed);
		bool reached = store_fault_calls(f->store) >= at;
		store_fault_arm(f->store, 0, OK);
		assert_int_equal(read_all(f, "k", n), OK);
		if (!reached) {
			assert_int_equal(e, OK);
			break;
		}
		assert_true(e != OK);
		if (at > 10) { /* further on it is the listing of folder after folder */
			at += 30;
		}
	}
	collect(f);
	assert_int_equal(count_blobs(f), 3);
}

static struct index_upload begin_upload(struct fixture *f, const char *key)
{
	struct index_upload u = {.object = make_object(key)};
	u.object.multipart = true;
	random_bytes(u.upload_id, sizeof(u.upload_id));
	assert_int_equal(index_upload_create(f->index, &u), OK);
	return u;
}

static enum err put_part(struct fixture *f, const struct index_upload *u, uint32_t number,
                         size_t first, size_t n)
{
	struct vault_writer *w;
	struct index_part part = {.number = number, .etag = BYTES("pe"), .modified_ms = 1};
	TRY(vault_write_begin(f->vault, f->dek, never, &w));
	enum err e = vault_write(w, bytes_of(plain + first, n));
	if (e != OK) {
		vault_write_abort(w);
		return e;
	}
	return vault_write_part(w, u, &part);
}

static enum err complete(struct fixture *f, const struct index_upload *u)
{
	struct index_object o = u->object;
	struct index_part *parts;
	bool truncated, no_bucket;
	size_t n;
	TRY(index_upload_parts(f->index, f->a, u->upload_id, 0, 100, &parts, &n, &truncated));
	o.parts = parts;
	o.n_parts = n;
	o.etag = BYTES("joined-3");
	return vault_complete(f->vault, f->dek, f->a, &o, NULL, u->upload_id, &no_bucket);
}

static const size_t part_sizes[] = {BLOB + 7, 2 * BLOB, 0, 11};
static const size_t joined = 3 * BLOB + 18;

static enum err put_parts(struct fixture *f, const struct index_upload *u)
{
	size_t at = 0;
	for (uint32_t i = 0; i < 4; i++) {
		TRY(put_part(f, u, i * 3 + 1, at, part_sizes[i]));
		at += part_sizes[i];
	}
	return OK;
}

static void test_multipart(void **state)
{
	struct fixture *f = *state;
	struct index_upload u = begin_upload(f, "k");
	struct index_object got;
	static uint8_t out[PLAIN_MAX];

	assert_int_equal(put_part(f, &u, 4, 0, 5000), OK);
	assert_int_equal(put_parts(f, &u), OK); /* sends part 4 again */
	collect(f); /* takes the first part 4, nothing else */
	assert_int_equal(count_blobs(f), 2 + 2 + 1 + 1);
	assert_int_equal(complete(f, &u), OK);
	assert_int_equal(complete(f, &u), ERR_NOTFOUND);
	assert_int_equal(read_all(f, "k", joined), OK);
	collect(f);
	assert_int_equal(get(f, "k", &got), OK);
	assert_int_equal(got.n_parts, 5);
	assert_int_equal(got.parts[4].number, INDEX_PART_TRAILER);
	assert_true(got.multipart);
	srandom(3);
	for (unsigned i = 0; i < 200; i++) {
		uint64_t first = (uint64_t)random() % joined;
		uint64_t count = (uint64_t)random() % (joined - first + 1);
		assert_int_equal(read_range(f, &got, first, count, SEGMENT + 1, out), OK);
		assert_memory_equal(out, plain + first, count);
	}
	assert_int_equal(index_object_delete(f->index, BYTES("b"), BYTES("k"), NULL), OK);
	assert_int_equal(collect(f), 7);
	assert_int_equal(count_blobs(f), 0);
}

static void test_part_without_upload(void **state)
{
	struct fixture *f = *state;
	struct index_upload u = begin_upload(f, "k");

	assert_int_equal(put_part(f, &u, 1, 0, BLOB + 1), OK);
	assert_int_equal(index_upload_abort(f->index, BYTES("b"), BYTES("k"), u.upload_id), OK);
	assert_int_equal(put_part(f, &u, 2, 0, BLOB + 1), ERR_NOTFOUND);
	assert_int_equal(count_blobs(f), 2); /* those of part 1 are garbage, those of part 2 gone */
	collect(f);
	assert_int_equal(count_blobs(f), 0);
}

static void test_complete_faults(void **state)
{
	struct fixture *f = *state;

	for (uint64_t at = 1;; at++) {
		struct index_upload u = begin_upload(f, "k");
		struct index_object got;
		assert_int_equal(put_parts(f, &u), OK);
		store_fault_arm(f->store, at, ERR_IO);
		enum err e = complete(f, &u);
		bool reached = store_fault_calls(f->store) >= at;
		store_fault_arm(f->store, 0, OK);
		collect(f);
		if (!reached) {
			assert_int_equal(e, OK);
			break;
		}
		assert_int_equal(e, ERR_IO);
		assert_int_equal(get(f, "k", &got), ERR_NOTFOUND);
		assert_int_equal(complete(f, &u), OK); /* the upload is as it was */
		assert_int_equal(read_all(f, "k", joined), OK);
		assert_int_equal(index_object_delete(f->index, BYTES("b"), BYTES("k"), NULL), OK);
		collect(f);
		assert_int_equal(count_blobs(f), 0);
	}
}

/* A reader keeps the blobs of what is deleted meanwhile. */
static void test_pin(void **state)
{
	struct fixture *f = *state;
	struct index_object o = make_object("k");
	static uint8_t out[PLAIN_MAX];
	struct writer w = writer_fixed(out, sizeof(out));
	struct vault_reader *r;
	bool last;

	assert_int_equal(put(f, &o, 3 * BLOB, NULL), OK);
	assert_int_equal(vault_read_begin(f->vault, &o, f->dek, 0, 3 * BLOB, &r), OK);
	assert_int_equal(index_object_delete(f->index, BYTES("b"), BYTES("k"), NULL), OK);
	assert_int_equal(collect(f), 0);
	assert_int_equal(vault_read(r, never, &w, &last), OK);
	assert_true(last);
	assert_memory_equal(out, plain, 3 * BLOB);
	vault_read_end(r);
	assert_int_equal(collect(f), 3);
	assert_int_equal(count_blobs(f), 0);
}

/* Orphans go, what is in flight stays, and so does everything when most of the store is unknown. */
static void test_orphans(void **state)
{
	struct fixture *f = *state;
	struct index_object o = make_object("k");
	struct vault_writer *w;
	uint8_t id[STORE_ID_BYTES];
	uint64_t removed;
	bool no_bucket;

	assert_int_equal(put(f, &o, 3 * BLOB, NULL), OK);
	assert_int_equal(vault_write_begin(f->vault, f->dek, never, &w), OK);
	assert_int_equal(vault_write(w, bytes_of(plain, 3 * BLOB + 1)), OK);
	assert_int_equal(count_blobs(f), 6);
	for (unsigned i = 0; i < 5; i++) {
		random_bytes(id, sizeof(id));
		replace(f, id, (const uint8_t *)"orphan", 6);
	}
	assert_int_equal(collect(f), 5);
	assert_int_equal(count_blobs(f), 6);
	struct index_object flying = make_object("flying");
	assert_int_equal(vault_write_object(w, f->a, &flying, NULL, &no_bucket), OK);
	assert_int_equal(read_all(f, "flying", 3 * BLOB + 1), OK);
	for (unsigned i = 0; i < 100; i++) {
		random_bytes(id, sizeof(id));
		replace(f, id, (const uint8_t *)"orphan", 6);
	}
	pass_a_moment();
	assert_int_equal(vault_collect(f->vault, true, &removed), ERR_DENIED);
	assert_int_equal(removed, 0);
	assert_int_equal(count_blobs(f), 107);
}

static void test_abort(void **state)
{
	struct fixture *f = *state;
	struct vault_writer *w;

	vault_write_abort(NULL);
	assert_int_equal(vault_write_begin(f->vault, f->dek, never, &w), OK);
	assert_int_equal(vault_write(w, bytes_of(plain, 4 * BLOB)), OK);
	vault_write_abort(w);
	assert_int_equal(count_blobs(f), 0);
}

static void close_vault(struct fixture *f)
{
	vault_free(f->vault);
	index_close(f->index);
}

static void copy_file(const char *from, const char *to)
{
	static uint8_t buffer[1 << 16];
	FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
	size_t n;
	assert_true(in != NULL && out != NULL);
	while ((n = fread(buffer, 1, sizeof(buffer), in)) > 0) {
		assert_int_equal(fwrite(buffer, 1, n, out), n);
	}
	fclose(in);
	assert_int_equal(fclose(out), 0);
}

/* Storage and the index key alone give back every object of a lost index, in buckets that are made anew. */
static void test_rebuild(void **state)
{
	struct fixture *f = *state;
	struct index_object small = make_object("small"), large = make_object("large");
	struct index_upload u = begin_upload(f, "joined");
	struct vault_rebuilt r;

	srandom(9);
	assert_int_equal(put(f, &small, 10, NULL), OK);
	assert_int_equal(put(f, &large, 2 * BLOB, NULL), OK);
	assert_int_equal(put_parts(f, &u), OK);
	assert_int_equal(complete(f, &u), OK);
	close_vault(f);
	char path[128];
	snprintf(path, sizeof(path), "%s/data.mdb", f->dir);
	assert_int_equal(unlink(path), 0);
	open_vault(f);
	assert_int_equal(vault_rebuild(f->vault, &r), OK);
	assert_int_equal(r.objects, 3);
	assert_int_equal(r.no_bucket, 3);
	assert_int_equal(r.restored, 0);
	struct index_bucket b = {.name = BYTES("b"), .tenant = BYTES("t")};
	assert_int_equal(index_bucket_create(f->index, &b), OK);
	assert_int_equal(vault_rebuild(f->vault, &r), OK);
	assert_int_equal(r.restored, 3);
	assert_int_equal(read_all(f, "small", 10), OK);
	assert_int_equal(read_all(f, "large", 2 * BLOB), OK);
	assert_int_equal(read_all(f, "joined", joined), OK);
	assert_int_equal(vault_rebuild(f->vault, &r), OK);
	assert_int_equal(r.known, 3);
	assert_int_equal(r.restored, 0);
}

static enum err put_at(struct fixture *f, const char *key, size_t n, uint64_t modified_ms)
{
	struct index_object o = make_object(key);
	o.modified_ms = modified_ms;
	return put(f, &o, n, NULL);
}

/* A backup of the index comes back: what was written since is found again, what was deleted before stays deleted. */
static void test_rebuild_backup(void **state)
{
	struct fixture *f = *state;
	char path[128], backup[128];
	struct vault_rebuilt r;
	struct index_object gone;
	uint64_t removed;

	snprintf(path, sizeof(path), "%s/data.mdb", f->dir);
	snprintf(backup, sizeof(backup), "%s/backup", f->dir);
	assert_int_equal(put_at(f, "stays", 10, 1000), OK);
	assert_int_equal(put_at(f, "replaced", 20, 1000), OK);
	assert_int_equal(put_at(f, "replaced", 30, 2000), OK);
	assert_int_equal(put_at(f, "deleted", 40, 1000), OK);
	assert_int_equal(index_object_delete(f->index, BYTES("b"), BYTES("deleted"), NULL), OK);
	assert_int_equal(put_at(f, "overwritten later", 50, 1000), OK);
	assert_int_equal(vault_mark_make(f->vault), OK);
	close_vault(f);
	copy_file(path, backup);
	open_vault(f);
	assert_int_equal(put_at(f, "new", BLOB + 1, 3000), OK);
	assert_int_equal(put_at(f, "overwritten later", 60, 3000), OK);
	assert_int_equal(put_at(f, "overwritten later", 70, 4000), OK);
	assert_int_equal(vault_mark_make(f->vault), OK);
	close_vault(f);
	copy_file(backup, path);
	unlink(backup);
	open_vault(f);
	assert_int_equal(vault_rebuild(f->vault, &r), OK);
	assert_int_equal(r.unreadable + r.no_bucket, 0);
	assert_int_equal(r.deleted, 2);
	assert_int_equal(r.restored, 3); /* one of them is replaced by the next */
	pass_a_moment();
	assert_int_equal(vault_collect(f->vault, true, &removed), ERR_DENIED);
	assert_int_equal(vault_accept_index(f->vault), OK);
	pass_a_moment();
	collect(f);
	assert_int_equal(read_all(f, "stays", 10), OK);
	assert_int_equal(read_all(f, "replaced", 30), OK);
	assert_int_equal(read_all(f, "overwritten later", 70), OK);
	assert_int_equal(read_all(f, "new", BLOB + 1), OK);
	assert_int_equal(index_object_get(f->index, f->a, BYTES("b"), BYTES("deleted"), &gone),
	                 ERR_NOTFOUND);
}

static size_t kept_marks(uint64_t k)
{
	size_t n = 0;
	uint64_t before = 0;
	for (unsigned i = VAULT_MARK_BITS + 1; i-- > 0;) {
		uint64_t m = k >> i << i;
		n += m != before;
		before = m;
	}
	return n;
}

/* Whatever older state of the index comes back, the marks on storage show it; and they stay few. */
static void test_marks(void **state)
{
	struct fixture *f = *state;
	enum { MARKS = 35 };

	assert_int_equal(vault_mark_check(f->vault), OK);
	for (uint64_t k = 1; k <= MARKS; k++) {
		assert_int_equal(vault_mark_make(f->vault), OK);
		assert_int_equal(count_blobs(f), kept_marks(k));
		for (uint64_t j = k % 4; j < k; j += 4) {
			assert_int_equal(index_mark_set(f->index, (struct index_mark){j, false}), OK);
			assert_int_equal(vault_mark_check(f->vault), ERR_DENIED);
		}
		assert_int_equal(index_mark_set(f->index, (struct index_mark){k, false}), OK);
		assert_int_equal(vault_mark_check(f->vault), OK);
	}
	assert_int_equal(collect(f), 0); /* no mark is an orphan */
	assert_int_equal(count_blobs(f), kept_marks(MARKS));
	/* a crash between the mark and the rise of the number is not an old index */
	assert_int_equal(index_mark_set(f->index, (struct index_mark){MARKS - 1, true}), OK);
	assert_int_equal(vault_mark_check(f->vault), OK);
	/* nor is one before the mark */
	assert_int_equal(index_mark_set(f->index, (struct index_mark){MARKS, true}), OK);
	assert_int_equal(vault_mark_make(f->vault), OK);
	assert_int_equal(vault_mark_check(f->vault), OK);
	assert_int_equal(index_mark_set(f->index, (struct index_mark){MARKS, false}), OK);
	assert_int_equal(vault_mark_make(f->vault), ERR_DENIED);
}

/* An index from a backup: what was written since is kept until the operator speaks. */
static void test_old_index(void **state)
{
	struct fixture *f = *state;
	struct index_object o = make_object("k");
	uint64_t removed;

	assert_int_equal(vault_mark_make(f->vault), OK);
	assert_int_equal(put(f, &o, BLOB + 1, NULL), OK);
	assert_int_equal(vault_mark_make(f->vault), OK);
	/* as if the backup had been taken before the put */
	assert_int_equal(index_object_delete(f->index, BYTES("b"), BYTES("k"), NULL), OK);
	struct index_garbage *g;
	size_t n;
	assert_int_equal(index_garbage_next(f->index, f->a, 0, 9, &g, &n), OK);
	assert_int_equal(n, 1);
	assert_int_equal(index_garbage_done(f->index, &g->sequence, 1), OK);
	assert_int_equal(index_mark_set(f->index, (struct index_mark){1, false}), OK);
	pass_a_moment();
	assert_int_equal(vault_collect(f->vault, true, &removed), ERR_DENIED);
	assert_int_equal(removed, 0);
	assert_int_equal(vault_accept_index(f->vault), OK);
	assert_int_equal(collect(f), 2);
}

/* The thread by itself: replaced blobs and orphans go, with a mark made on the way. */
static void test_background(void **state)
{
	struct fixture *f = *state;
	struct vault_options o = {.store = f->store, .index = f->index, .blob_size = BLOB,
	                          .orphan_age_ms = 1, .collect_ms = 1};
	struct vault *quiet = f->vault;
	uint8_t id[STORE_ID_BYTES];
	uint64_t deadline = clock_mono_ms() + 60 * 1000;

	random_bytes(id, sizeof(id));
	replace(f, id, (const uint8_t *)"orphan", 6);
	pass_a_moment();
	assert_int_equal(vault_new(&o, &f->vault), OK);
	assert_int_equal(vault_unlock(f->vault, f->key), OK);
	for (unsigned i = 0; i < 3; i++) {
		struct index_object object = make_object("k");
		assert_int_equal(put(f, &object, BLOB + 1, NULL), OK);
	}
	struct vault_stats s;
	do {
		vault_stats(f->vault, &s);
	} while ((s.orphans_removed < 1 || s.blobs_removed < 5) && clock_mono_ms() < deadline);
	assert_int_equal(s.orphans_removed, 1);
	assert_int_equal(s.blobs_removed, 5); /* two versions of two blobs, the orphan */
	assert_int_equal(read_all(f, "k", BLOB + 1), OK);
	struct index_mark mark;
	do {
		assert_int_equal(index_mark_get(f->index, &mark), OK);
	} while (mark.number < 1 && clock_mono_ms() < deadline);
	assert_true(mark.number >= 1);
	vault_free(f->vault);
	f->vault = quiet;
}

struct racer {
	struct fixture *f;
	struct index_object object;
	struct arena *a;
	enum err result;
};

static void *race(void *arg)
{
	struct racer *r = arg;
	struct index_condition none = {.none_match = BYTES("*")};
	struct vault_writer *w;
	bool no_bucket;
	r->result = vault_write_begin(r->f->vault, r->f->dek, never, &w);
	if (r->result == OK) {
		r->result = vault_write(w, bytes_of(plain, BLOB + 1000));
		if (r->result == OK) {
			r->result = vault_write_object(w, r->a, &r->object, &none, &no_bucket);
		}
	}
	return NULL;
}

/* 16 writers of one key with If-None-Match: *, a collector running beside them: one wins and stays whole. */
static void test_race(void **state)
{
	struct fixture *f = *state;
	pthread_t threads[16];
	struct racer racers[16];
	unsigned won = 0, lost = 0;
	uint64_t removed;

	for (unsigned i = 0; i < 16; i++) {
		racers[i] = (struct racer){f, make_object("k"), arena_new(1 << 20), OK};
		pthread_create(&threads[i], NULL, race, &racers[i]);
	}
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(vault_collect(f->vault, true, &removed), OK);
	}
	for (unsigned i = 0; i < 16; i++) {
		pthread_join(threads[i], NULL);
		won += racers[i].result == OK;
		lost += racers[i].result == ERR_CONFLICT;
		arena_free(racers[i].a);
	}
	assert_int_equal(won, 1);
	assert_int_equal(lost, 15);
	assert_int_equal(read_all(f, "k", BLOB + 1000), OK);
	collect(f);
	assert_int_equal(count_blobs(f), 2);
}

static void test_locked(void **state)
{
	struct fixture *f = *state;
	struct vault_options o = {.store = f->store, .index = f->index};
	struct vault *v;
	struct vault_writer *w;
	uint64_t removed;

	assert_int_equal(vault_new(&o, &v), OK);
	assert_int_equal(vault_write_begin(v, f->dek, never, &w), ERR_UNAVAILABLE);
	assert_int_equal(vault_collect(v, false, &removed), ERR_UNAVAILABLE);
	struct secret *other = secret_random(32);
	assert_int_equal(vault_unlock(v, other), ERR_CORRUPT);
	secret_free(other);
	assert_int_equal(vault_unlock(v, f->key), OK);
	assert_int_equal(vault_unlock(v, f->key), OK);
	vault_free(v);
	o.blob_size = SEGMENT + 1;
	assert_int_equal(vault_new(&o, &v), ERR_INPUT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_sizes_and_ranges), TEST(test_range_reads_only_its_segments), TEST(test_damage),
		TEST(test_wrong_key), TEST(test_empty_is_verified), TEST(test_conditions), TEST(test_put_faults),
		TEST(test_get_and_collect_faults), TEST(test_multipart), TEST(test_part_without_upload),
		TEST(test_complete_faults), TEST(test_pin), TEST(test_orphans), TEST(test_abort),
		TEST(test_rebuild), TEST(test_rebuild_backup), TEST(test_marks), TEST(test_old_index), TEST(test_background),
		TEST(test_race), TEST(test_locked),
	};
	if (secret_init(64) != OK) {
		return 1;
	}
	random_bytes(plain, sizeof(plain));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
