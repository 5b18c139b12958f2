/* The index: buckets, objects, conditions, listings, uploads, garbage, sealing. */
#include <pthread.h>

#include "tests/unit/server/index/index_fixture.h"

static int setup(void **state)
{
	struct index_fixture *f = calloc(1, sizeof(*f));
	fixture_make(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct index_fixture *f = *state;
	fixture_remove(f);
	free(f);
	return 0;
}

static uint64_t make_bucket(struct index_fixture *f, const char *name, const char *tenant)
{
	struct index_bucket b = {.name = bytes_text(name), .tenant = bytes_text(tenant),
	                         .owner_id = BYTES("id"), .owner_name = BYTES("owner"),
	                         .region = BYTES("eu"), .created_ms = 7};
	assert_int_equal(index_bucket_create(f->x, &b), OK);
	return b.number;
}

static struct index_part make_part(uint32_t number, uint64_t size)
{
	struct index_part p = {.number = number, .size = size, .blob_size = 65536,
	                       .modified_ms = 1000 + number, .etag = BYTES("part-etag"),
	                       .checksum_kind = 1, .checksum = BYTES("abcd")};
	random_bytes(p.seed, sizeof(p.seed));
	return p;
}

static const struct field metadata[] = {{BYTES("x-amz-meta-a"), BYTES("1")},
                                        {BYTES("cache-control"), BYTES("")}};

static struct index_object make_object(struct index_fixture *f, const char *bucket, struct bytes key,
                                       const char *etag)
{
	struct index_part *p = arena_alloc(f->a, sizeof(*p));
	*p = make_part(1, 42);
	struct index_object o = {.bucket = bytes_text(bucket), .key = key, .size = 42,
	                         .modified_ms = 99, .etag = bytes_text(etag), .key_arn = BYTES("arn"),
	                         .wrapped = BYTES("wrapped"), .blob_size = 65536,
	                         .content_type = BYTES("text/plain"), .metadata = metadata,
	                         .n_metadata = 2, .checksum_kind = 2, .checksum_composite = 1,
	                         .checksum = BYTES("wxyz"), .parts = p, .n_parts = 1};
	random_bytes(o.id, sizeof(o.id));
	return o;
}

static enum err put(struct index_fixture *f, const char *bucket, struct bytes key, const char *etag,
                    const struct index_condition *c)
{
	struct index_object o = make_object(f, bucket, key, etag);
	bool no_bucket;
	return index_object_put(f->x, &o, c, NULL, &no_bucket);
}

static size_t garbage(struct index_fixture *f, struct index_garbage **ret)
{
	size_t n;
	assert_int_equal(index_garbage_next(f->x, f->a, 0, 1000, ret, &n), OK);
	return n;
}

static void test_locked(void **state)
{
	struct index_fixture *f = *state;
	struct index_bucket b;
	struct index_stats stats;

	make_bucket(f, "b", "t");
	index_close(f->x);
	fixture_open(f);
	assert_int_equal(index_bucket_get(f->x, f->a, BYTES("b"), &b), ERR_UNAVAILABLE);
	assert_int_equal(index_stats(f->x, &stats), ERR_UNAVAILABLE);
	assert_int_equal(put(f, "b", BYTES("k"), "e", NULL), ERR_UNAVAILABLE);
	struct secret *other = secret_random(32);
	assert_int_equal(index_unlock(f->x, other), ERR_CORRUPT);
	assert_false(index_unlocked(f->x));
	assert_int_equal(index_unlock(f->x, f->key), OK);
	assert_int_equal(index_unlock(f->x, f->key), OK);
	assert_int_equal(index_unlock(f->x, other), ERR_CORRUPT);
	secret_free(other);
	assert_int_equal(index_bucket_get(f->x, f->a, BYTES("b"), &b), OK);
	assert_int_equal(b.created_ms, 7);
	assert_true(bytes_is(b.owner_name, "owner"));
}

/* The same key and the same epoch, as after a backup: another number all the same (but for one time in 2^39). */
static void test_numbers_after_a_backup(void **state)
{
	struct index_fixture *f = *state, *again = NULL;
	struct index_bucket first = {.name = BYTES("one"), .tenant = BYTES("t")}, second = first;

	assert_int_equal(setup((void **)&again), 0);
	assert_int_equal(index_bucket_create(f->x, &first), OK);
	assert_int_equal(index_bucket_create(again->x, &second), OK);
	assert_int_equal(first.number >> 40, second.number >> 40);
	assert_int_not_equal(first.number, second.number);
	assert_int_equal(teardown((void **)&again), 0);
}

static void test_buckets(void **state)
{
	struct index_fixture *f = *state;
	struct index_bucket b = {.name = BYTES("one"), .tenant = BYTES("t")};
	struct index_bucket *list;
	size_t n;

	uint64_t one = make_bucket(f, "one", "t");
	uint64_t two = make_bucket(f, "two", "t");
	make_bucket(f, "alien", "u");
	assert_true(one != two);
	assert_int_equal(index_bucket_create(f->x, &b), ERR_EXISTS);
	assert_int_equal(index_bucket_list(f->x, f->a, BYTES("t"), &list, &n), OK);
	assert_int_equal(n, 2);
	assert_true(bytes_is(list[0].name, "one") && bytes_is(list[1].name, "two"));
	assert_int_equal(index_bucket_list(f->x, f->a, BYTES("none"), &list, &n), OK);
	assert_int_equal(n, 0);
	assert_int_equal(put(f, "one", BYTES("k"), "e", NULL), OK);
	assert_int_equal(index_bucket_delete(f->x, (struct index_bucket_ref){BYTES("one"), 0}), ERR_CONFLICT);
	assert_int_equal(index_bucket_delete(f->x, (struct index_bucket_ref){BYTES("two"), 0}), OK);
	assert_int_equal(index_bucket_delete(f->x, (struct index_bucket_ref){BYTES("two"), 0}), ERR_NOTFOUND);
	assert_int_equal(index_bucket_get(f->x, f->a, BYTES("two"), &b), ERR_NOTFOUND);
	uint64_t again = make_bucket(f, "two", "t");
	assert_true(again != two && again != one);
}

static void check_same(const struct index_object *a, const struct index_object *b)
{
	assert_true(bytes_equal(a->bucket, b->bucket) && bytes_equal(a->key, b->key));
	assert_memory_equal(a->id, b->id, sizeof(a->id));
	assert_int_equal(a->size, b->size);
	assert_int_equal(a->modified_ms, b->modified_ms);
	assert_true(bytes_equal(a->etag, b->etag) && bytes_equal(a->key_arn, b->key_arn));
	assert_true(bytes_equal(a->wrapped, b->wrapped));
	assert_true(bytes_equal(a->content_type, b->content_type));
	assert_int_equal(a->sse, b->sse);
	assert_memory_equal(a->customer_check, b->customer_check, sizeof(a->customer_check));
	assert_int_equal(a->multipart, b->multipart);
	assert_int_equal(a->n_metadata, b->n_metadata);
	for (size_t i = 0; i < a->n_metadata; i++) {
		assert_true(bytes_equal(a->metadata[i].name, b->metadata[i].name));
		assert_true(bytes_equal(a->metadata[i].value, b->metadata[i].value));
	}
	assert_int_equal(a->checksum_kind, b->checksum_kind);
	assert_int_equal(a->checksum_composite, b->checksum_composite);
	assert_true(bytes_equal(a->checksum, b->checksum));
	assert_int_equal(a->n_parts, b->n_parts);
	for (size_t i = 0; i < a->n_parts; i++) {
		assert_int_equal(a->parts[i].number, b->parts[i].number);
		assert_int_equal(a->parts[i].size, b->parts[i].size);
		assert_int_equal(a->parts[i].blob_size, b->parts[i].blob_size);
		assert_memory_equal(a->parts[i].seed, b->parts[i].seed, INDEX_SEED_BYTES);
	}
}

static void test_objects(void **state)
{
	struct index_fixture *f = *state;
	struct index_object got;
	struct index_garbage *g;
	bool no_bucket;
	uint8_t long_key[INDEX_KEY_MAX + 1];

	make_bucket(f, "b", "t");
	memset(long_key, 'k', sizeof(long_key));
	struct index_object o = make_object(f, "b", bytes_of(long_key, INDEX_KEY_MAX), "e1");
	assert_int_equal(index_object_put(f->x, &o, NULL, NULL, &no_bucket), OK);
	assert_int_equal(index_object_get(f->x, f->a, o.bucket, o.key, &got), OK);
	check_same(&o, &got);
	assert_int_equal(index_object_get(f->x, f->a, o.bucket, BYTES("k"), &got), ERR_NOTFOUND);
	assert_int_equal(index_object_get(f->x, f->a, o.bucket, bytes_of(long_key, sizeof(long_key)),
	                                  &got), ERR_NOTFOUND);
	struct index_object bad = make_object(f, "b", bytes_of(long_key, sizeof(long_key)), "e");
	assert_int_equal(index_object_put(f->x, &bad, NULL, NULL, &no_bucket), ERR_LIMIT);
	bad = make_object(f, "none", BYTES("k"), "e");
	assert_int_equal(index_object_put(f->x, &bad, NULL, NULL, &no_bucket), ERR_NOTFOUND);
	assert_true(no_bucket);
	bad = make_object(f, "b", BYTES("k"), "e");
	bad.size++;
	assert_int_equal(index_object_put(f->x, &bad, NULL, NULL, &no_bucket), ERR_INPUT);
	assert_int_equal(garbage(f, &g), 0);
	struct index_object second = make_object(f, "b", o.key, "e2");
	assert_int_equal(index_object_put(f->x, &second, NULL, NULL, &no_bucket), OK);
	assert_int_equal(garbage(f, &g), 1);
	assert_memory_equal(g[0].object_id, o.id, sizeof(o.id));
	assert_memory_equal(g[0].parts[0].seed, o.parts[0].seed, INDEX_SEED_BYTES);
	/* the same version with other metadata shares its blobs: nothing of it is garbage */
	second.n_metadata = 1;
	second.sse = INDEX_SSE_CUSTOMER;
	memset(second.customer_check, 0x5a, sizeof(second.customer_check));
	assert_int_equal(index_object_put(f->x, &second, NULL, NULL, &no_bucket), OK);
	assert_int_equal(index_object_get(f->x, f->a, o.bucket, o.key, &got), OK);
	check_same(&second, &got);
	assert_int_equal(garbage(f, &g), 1);
	assert_int_equal(index_object_delete(f->x, o.bucket, o.key, NULL), OK);
	assert_int_equal(index_object_delete(f->x, o.bucket, o.key, NULL), OK);
	assert_int_equal(garbage(f, &g), 2);
	assert_true(g[0].sequence < g[1].sequence);
	assert_int_equal(index_garbage_done(f->x, &g[0].sequence, 1), OK);
	assert_int_equal(garbage(f, &g), 1);
	assert_memory_equal(g[0].object_id, second.id, sizeof(o.id));

	/* What could not be read back is not written. */
	bad = make_object(f, "b", BYTES("texts"), "e");
	bad.content_type = bytes_of(arena_alloc(f->a, INDEX_TEXT_MAX + 1), INDEX_TEXT_MAX + 1);
	assert_int_equal(index_object_put(f->x, &bad, NULL, NULL, &no_bucket), ERR_LIMIT);
	bad.content_type.n--;
	assert_int_equal(index_object_put(f->x, &bad, NULL, NULL, &no_bucket), OK);
	assert_int_equal(index_object_get(f->x, f->a, BYTES("b"), bad.key, &bad), OK);
	assert_int_equal(bad.content_type.n, INDEX_TEXT_MAX);
	assert_int_equal(index_object_delete(f->x, BYTES("b"), bad.key, NULL), OK);
}

/* A tenant's list costs what is in it, not what other tenants have. */
static void test_buckets_of_others(void **state)
{
	struct index_fixture *f = *state;
	struct arena *small = arena_new(8 << 10);
	struct index_bucket *list;
	char name[16];
	size_t n = 0;

	for (unsigned i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "other-%u", i);
		make_bucket(f, name, "other");
	}
	make_bucket(f, "zz-mine", "t");
	assert_int_equal(index_bucket_list(f->x, small, BYTES("t"), &list, &n), OK);
	assert_int_equal(n, 1);
	assert_true(bytes_is(list[0].name, "zz-mine"));
	assert_int_equal(index_bucket_list(f->x, f->a, BYTES("other"), &list, &n), OK);
	assert_int_equal(n, 200);
	arena_free(small);
}

/* Who began with a bucket must not end in another one that has its name now. */
static void test_bucket_of_the_same_name(void **state)
{
	struct index_fixture *f = *state;
	const struct index_condition old = {.bucket = make_bucket(f, "b", "t")};
	struct index_object o = make_object(f, "b", BYTES("k"), "e");
	struct index_delete item = {.key = BYTES("k")};
	bool no_bucket;

	assert_int_equal(index_bucket_delete(f->x, (struct index_bucket_ref){BYTES("b"), 0}), OK);
	const struct index_condition now = {.bucket = make_bucket(f, "b", "other")};
	assert_int_equal(index_object_put(f->x, &o, &old, NULL, &no_bucket), ERR_NOTFOUND);
	assert_true(no_bucket);
	assert_int_equal(index_object_put(f->x, &o, &now, NULL, &no_bucket), OK);
	assert_int_equal(index_object_put(f->x, &o, &old, NULL, &no_bucket), ERR_NOTFOUND);
	assert_int_equal(index_object_delete(f->x, BYTES("b"), BYTES("k"), &old), ERR_NOTFOUND);
	assert_int_equal(index_objects_delete(f->x, BYTES("b"), &item, 1, &old, 1), ERR_NOTFOUND);
	assert_int_equal(index_object_get(f->x, f->a, BYTES("b"), BYTES("k"), &o), OK);
	assert_int_equal(index_object_delete(f->x, BYTES("b"), BYTES("k"), &now), OK);
}

static void test_rewrap(void **state)
{
	struct index_fixture *f = *state;
	struct index_garbage *g;
	struct index_object got;
	bool no_bucket;

	make_bucket(f, "b", "t");
	struct index_object o = make_object(f, "b", BYTES("k"), "e1");
	assert_int_equal(index_object_put(f->x, &o, NULL, NULL, &no_bucket), OK);
	struct index_rewrap r = {o.bucket, o.key, o.id, BYTES("arn2"), BYTES("wrapped2"),
		INDEX_SSE_AES256};
	assert_int_equal(index_object_rewrap(f->x, &r), OK);
	assert_int_equal(index_object_get(f->x, f->a, o.bucket, o.key, &got), OK);
	o.wrapped = r.wrapped;
	o.key_arn = r.key_arn;
	o.sse = r.sse;
	check_same(&o, &got);
	r.sse = INDEX_SSE_CUSTOMER; /* nobody has such a key for it */
	assert_int_equal(index_object_rewrap(f->x, &r), ERR_CONFLICT);
	r.sse = INDEX_SSE_KMS;
	r.id = (const uint8_t[INDEX_OBJECT_ID_BYTES]){1};
	assert_int_equal(index_object_rewrap(f->x, &r), ERR_CONFLICT);
	r.key = BYTES("none");
	assert_int_equal(index_object_rewrap(f->x, &r), ERR_NOTFOUND);
	assert_int_equal(garbage(f, &g), 0);
}

static void test_conditions(void **state)
{
	struct index_fixture *f = *state;
	struct index_condition none = {.none_match = BYTES("*")};
	struct index_condition any = {.match = BYTES("*")}, e1 = {.match = BYTES("e1")};

	make_bucket(f, "b", "t");
	assert_int_equal(put(f, "b", BYTES("k"), "e0", &any), ERR_NOTFOUND);
	assert_int_equal(put(f, "b", BYTES("k"), "e0", &e1), ERR_NOTFOUND);
	assert_int_equal(put(f, "b", BYTES("k"), "e1", &none), OK);
	assert_int_equal(put(f, "b", BYTES("k"), "e2", &none), ERR_CONFLICT);
	assert_int_equal(put(f, "b", BYTES("k"), "e2", &e1), OK);
	assert_int_equal(put(f, "b", BYTES("k"), "e3", &e1), ERR_CONFLICT);
	assert_int_equal(put(f, "b", BYTES("k"), "e3", &any), OK);
	assert_int_equal(index_object_delete(f->x, BYTES("b"), BYTES("k"), &e1), ERR_CONFLICT);
	e1.match = BYTES("e3");
	assert_int_equal(index_object_delete(f->x, BYTES("b"), BYTES("k"), &e1), OK);
	assert_int_equal(index_object_delete(f->x, BYTES("b"), BYTES("k"), &e1), ERR_NOTFOUND);
	assert_int_equal(index_object_delete(f->x, BYTES("x"), BYTES("k"), NULL), ERR_NOTFOUND);
}

struct racer {
	struct index_fixture *f;
	struct index_object object;
	enum err result;
};

static void *race(void *arg)
{
	struct racer *r = arg;
	struct index_condition none = {.none_match = BYTES("*")};
	bool no_bucket;
	r->result = index_object_put(r->f->x, &r->object, &none, NULL, &no_bucket);
	return NULL;
}

/* If-None-Match: * by 16 threads at once: exactly one wins, each time. */
static void test_race(void **state)
{
	struct index_fixture *f = *state;
	pthread_t threads[16];
	struct racer racers[16];

	make_bucket(f, "b", "t");
	for (unsigned turn = 0; turn < 20; turn++) {
		char key[16];
		unsigned won = 0, lost = 0;
		snprintf(key, sizeof(key), "%u", turn);
		for (unsigned i = 0; i < 16; i++) {
			racers[i] = (struct racer){f, make_object(f, "b", bytes_text(key), "e"), OK};
			pthread_create(&threads[i], NULL, race, &racers[i]);
		}
		for (unsigned i = 0; i < 16; i++) {
			pthread_join(threads[i], NULL);
			won += racers[i].result == OK;
			lost += racers[i].result == ERR_CONFLICT;
		}
		assert_int_equal(won, 1);
		assert_int_equal(lost, 15);
	}
}

static void test_delete_many(void **state)
{
	struct index_fixture *f = *state;
	struct index_delete items[] = {{BYTES("a")}, {BYTES("none")}, {BYTES("b")}, {BYTES("a")}};
	struct index_garbage *g;
	struct index_object got;

	make_bucket(f, "b", "t");
	assert_int_equal(put(f, "b", items[0].key, "e", NULL), OK);
	assert_int_equal(put(f, "b", items[2].key, "e", NULL), OK);
	assert_int_equal(index_objects_delete(f->x, BYTES("b"), items, 4, NULL, 1), OK);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(items[i].result, OK);
		assert_false(items[i].marker);
		assert_int_equal(index_object_get(f->x, f->a, BYTES("b"), items[i].key, &got),
		                 ERR_NOTFOUND);
	}
	assert_int_equal(garbage(f, &g), 2);
	assert_int_equal(index_objects_delete(f->x, BYTES("c"), items, 4, NULL, 1), ERR_NOTFOUND);
}

/* Listing against a model: S3's rules on a sorted array, written the slow way. */
enum { MODEL_KEYS = 400 };
static int compare_names(const void *a, const void *b)
{
	return bytes_compare(*(const struct bytes *)a, *(const struct bytes *)b);
}

static bool model_group(struct bytes name, struct bytes prefix, struct bytes delimiter,
                        struct bytes *ret)
{
	for (size_t i = prefix.n; delimiter.n > 0 && i + delimiter.n <= name.n; i++) {
		if (memcmp(name.p + i, delimiter.p, delimiter.n) == 0) {
			*ret = bytes_first(name, i + delimiter.n);
			return true;
		}
	}
	return false;
}

/* All entries of the listing after `after`, in order; at most max. *more: there are others. */
static size_t model_list(const struct bytes *names, size_t n, const struct index_list_query *q,
                         struct bytes *out, bool *more)
{
	size_t count = 0;
	*more = false;
	for (size_t i = 0; i < n; i++) {
		struct bytes entry = names[i], skip;
		if (!bytes_starts(names[i], q->prefix) || bytes_compare(names[i], q->after) <= 0) {
			continue;
		}
		bool grouped = model_group(names[i], q->prefix, q->delimiter, &entry);
		if (grouped && bytes_starts(q->after, q->prefix) &&
		    model_group(q->after, q->prefix, q->delimiter, &skip) && bytes_equal(skip, entry)) {
			continue;
		}
		if (count > 0 && grouped && bytes_equal(out[count - 1], entry)) {
			continue;
		}
		if (count == q->max) {
			*more = true;
			return count;
		}
		out[count++] = entry;
	}
	return count;
}

static struct bytes random_name(struct arena *a)
{
	static const char alphabet[] = "ab/\xff\x01";
	uint8_t p[12];
	size_t n = 1 + (size_t)random() % sizeof(p);
	for (size_t i = 0; i < n; i++) {
		p[i] = (uint8_t)alphabet[random() % 5];
	}
	return arena_copy(a, bytes_of(p, n));
}

static void check_list(struct index_fixture *f, const struct bytes *names, size_t n,
                       const struct index_list_query *q)
{
	struct bytes want[MODEL_KEYS];
	struct index_list_page page;
	bool more;
	size_t count = model_list(names, n, q, want, &more);

	assert_int_equal(index_list(f->x, f->a, q, &page), OK);
	assert_int_equal(page.n, count);
	for (size_t i = 0; i < count; i++) {
		struct bytes group;
		assert_true(bytes_equal(page.entries[i].key, want[i]));
		bool grouped = model_group(want[i], q->prefix, q->delimiter, &group);
		assert_int_equal(page.entries[i].prefix, grouped);
		if (!grouped) {
			assert_int_equal(page.entries[i].size, 42);
			assert_int_equal(page.entries[i].checksum_kind, 2);
			assert_true(bytes_is(page.entries[i].etag, "etag"));
		}
	}
	assert_int_equal(page.truncated, q->max > 0 && more);
	if (count > 0) {
		assert_true(bytes_equal(page.next, want[count - 1]));
	}
}

static void test_list(void **state)
{
	struct index_fixture *f = *state;
	struct bytes names[MODEL_KEYS];
	static const struct bytes delimiters[] = {{NULL, 0}, BYTES("/"), BYTES("\xff"), BYTES("ab")};
	size_t n = 0;

	srandom(7);
	make_bucket(f, "before", "t");
	make_bucket(f, "b", "t");
	make_bucket(f, "behind", "t");
	assert_int_equal(put(f, "before", BYTES("a/x"), "etag", NULL), OK);
	assert_int_equal(put(f, "behind", BYTES("a/x"), "etag", NULL), OK);
	while (n < MODEL_KEYS) {
		names[n] = random_name(f->a);
		bool known = false;
		for (size_t i = 0; i < n; i++) {
			known = known || bytes_equal(names[i], names[n]);
		}
		if (!known) {
			assert_int_equal(put(f, "b", names[n++], "etag", NULL), OK);
		}
	}
	qsort(names, n, sizeof(names[0]), compare_names);
	for (unsigned turn = 0; turn < 2000; turn++) {
		struct index_list_query q = {.bucket = BYTES("b"), .delimiter = delimiters[random() % 4],
		                             .max = (uint32_t)random() % 12};
		q.prefix = bytes_first(random_name(f->a), (size_t)random() % 3);
		if (random() % 2 == 0) {
			q.after = random() % 2 == 0 ? names[(size_t)random() % n] : random_name(f->a);
		}
		if (random() % 8 == 0) {
			q.max = MODEL_KEYS;
		}
		check_list(f, names, n, &q);
	}
}

/* Pages joined by `next` give every entry once. */
static void test_list_pages(void **state)
{
	struct index_fixture *f = *state;
	struct index_list_query q = {.bucket = BYTES("b"), .delimiter = BYTES("/"), .max = 3};
	struct index_list_page page;
	size_t keys = 0, prefixes = 0;

	make_bucket(f, "b", "t");
	for (unsigned i = 0; i < 50; i++) {
		char key[32];
		snprintf(key, sizeof(key), i % 2 == 0 ? "%02u" : "%02u/x", i);
		assert_int_equal(put(f, "b", bytes_text(key), "e", NULL), OK);
		snprintf(key, sizeof(key), "%02u/y", i | 1);
		assert_int_equal(put(f, "b", bytes_text(key), "e", NULL), OK);
	}
	do {
		assert_int_equal(index_list(f->x, f->a, &q, &page), OK);
		for (size_t i = 0; i < page.n; i++) {
			keys += !page.entries[i].prefix;
			prefixes += page.entries[i].prefix;
		}
		q.after = page.next;
	} while (page.truncated);
	assert_int_equal(keys, 25);
	assert_int_equal(prefixes, 25);
	q.bucket = BYTES("none");
	assert_int_equal(index_list(f->x, f->a, &q, &page), ERR_NOTFOUND);
}

static struct index_upload make_upload(struct index_fixture *f, struct bytes key)
{
	struct index_upload u = {.object = make_object(f, "b", key, ""), .created_ms = 5,
	                         .initiator_id = BYTES("who"), .initiator_name = BYTES("Who")};
	u.object.size = 0;
	u.object.n_parts = 0;
	u.object.blob_size = 0;
	u.object.multipart = true;
	random_bytes(u.upload_id, sizeof(u.upload_id));
	return u;
}

/* The same for what is done to a bucket, and for what is read of it. */
static void test_calls_on_a_namesake(void **state)
{
	struct index_fixture *f = *state;
	struct index_bucket_ref old = {BYTES("b"), make_bucket(f, "b", "t")};
	struct index_bucket lock = {.name = old.name, .number = old.number};
	struct index_upload u = make_upload(f, BYTES("k"));
	struct index_list_page page;
	struct index_uploads_page uploads;
	bool no_bucket;

	assert_int_equal(index_bucket_delete(f->x, old), OK);
	struct index_bucket_ref now = {BYTES("b"), make_bucket(f, "b", "other")};
	struct index_object o = make_object(f, "b", BYTES("secret"), "e");
	assert_int_equal(index_object_put(f->x, &o, NULL, NULL, &no_bucket), OK);
	assert_int_equal(index_bucket_set_versioning(f->x, old, INDEX_VERSIONING_ENABLED),
	                 ERR_NOTFOUND);
	assert_int_equal(index_bucket_set_versioning(f->x, now, INDEX_VERSIONING_ENABLED), OK);
	assert_int_equal(index_bucket_set_lock(f->x, &lock), ERR_NOTFOUND);
	u.object.bucket_number = old.number;
	assert_int_equal(index_upload_create(f->x, &u), ERR_NOTFOUND);
	u.object.bucket_number = now.number;
	assert_int_equal(index_upload_create(f->x, &u), OK);

	struct index_versions_query q = {
		.list = {.bucket = BYTES("b"), .bucket_number = old.number, .max = 9}};
	struct index_uploads_query p = {.bucket = BYTES("b"), .bucket_number = old.number, .max = 9};
	assert_int_equal(index_list(f->x, f->a, &q.list, &page), ERR_NOTFOUND);
	assert_int_equal(index_versions(f->x, f->a, &q, &page), ERR_NOTFOUND);
	assert_int_equal(index_uploads(f->x, f->a, &p, &uploads), ERR_NOTFOUND);
	q.list.bucket_number = p.bucket_number = now.number;
	assert_int_equal(index_list(f->x, f->a, &q.list, &page), OK);
	assert_int_equal(page.n, 1);
	assert_int_equal(index_versions(f->x, f->a, &q, &page), OK);
	assert_int_equal(index_uploads(f->x, f->a, &p, &uploads), OK);
	assert_int_equal(uploads.n, 1);
	assert_int_equal(index_object_get(f->x, f->a, BYTES("b"), BYTES("secret"), &o), OK);
	assert_int_equal(o.bucket_number, now.number);

	assert_int_equal(index_upload_abort(f->x, BYTES("b"), BYTES("k"), u.upload_id), OK);
	assert_int_equal(index_object_delete(f->x, BYTES("b"), BYTES("secret"), NULL), OK);
	assert_int_equal(index_bucket_delete(f->x, old), ERR_NOTFOUND);
}

static void test_upload_complete(void **state)
{
	struct index_fixture *f = *state;
	struct index_upload u, got;
	struct index_part *parts, rows[3];
	struct index_garbage *g;
	size_t n;
	bool truncated, no_bucket;

	make_bucket(f, "b", "t");
	u = make_upload(f, BYTES("k"));
	assert_int_equal(index_upload_part(f->x, u.object.bucket, u.object.key, u.upload_id,
	                                   &(struct index_part){.number = 1, .blob_size = 65536}),
	                 ERR_NOTFOUND);
	assert_int_equal(index_upload_create(f->x, &u), OK);
	assert_int_equal(index_bucket_delete(f->x, (struct index_bucket_ref){BYTES("b"), 0}), ERR_CONFLICT);
	assert_int_equal(index_upload_get(f->x, f->a, u.object.bucket, u.object.key, u.upload_id, &got),
	                 OK);
	check_same(&u.object, &got.object);
	assert_true(bytes_is(got.initiator_name, "Who"));
	for (uint32_t i = 0; i < 3; i++) {
		rows[i] = make_part(i * 10 + 1, 100 + i);
		assert_int_equal(index_upload_part(f->x, u.object.bucket, u.object.key, u.upload_id,
		                                   &rows[i]), OK);
	}
	struct index_part first = rows[0];
	rows[0] = make_part(1, 500); /* sent again */
	assert_int_equal(index_upload_part(f->x, u.object.bucket, u.object.key, u.upload_id, &rows[0]),
	                 OK);
	assert_int_equal(garbage(f, &g), 1);
	assert_memory_equal(g[0].parts[0].seed, first.seed, INDEX_SEED_BYTES);
	assert_int_equal(index_upload_parts(f->x, f->a, u.upload_id, 0, 2, &parts, &n, &truncated), OK);
	assert_int_equal(n, 2);
	assert_true(truncated);
	assert_int_equal(parts[0].size, 500);
	assert_true(bytes_is(parts[1].etag, "part-etag"));
	assert_int_equal(index_upload_parts(f->x, f->a, u.upload_id, 11, 2, &parts, &n, &truncated), OK);
	assert_int_equal(n, 1);
	assert_false(truncated);

	struct index_object o = make_object(f, "b", BYTES("k"), "joined");
	memcpy(o.id, u.object.id, sizeof(o.id));
	struct index_part joined[] = {first, rows[2], make_part(INDEX_PART_TRAILER, 0)};
	o.parts = joined;
	o.n_parts = 3;
	o.size = first.size + rows[2].size;
	assert_int_equal(index_object_put(f->x, &o, NULL, u.upload_id, &no_bucket), ERR_INPUT);
	joined[0] = rows[0];
	o.size = rows[0].size + rows[2].size;
	assert_int_equal(index_object_put(f->x, &o, NULL, u.upload_id, &no_bucket), OK);
	assert_int_equal(garbage(f, &g), 2); /* the part that was left out */
	assert_int_equal(g[1].n_parts, 1);
	assert_memory_equal(g[1].parts[0].seed, rows[1].seed, INDEX_SEED_BYTES);
	assert_int_equal(index_object_put(f->x, &o, NULL, u.upload_id, &no_bucket), ERR_NOTFOUND);
	assert_false(no_bucket);
	assert_int_equal(index_upload_parts(f->x, f->a, u.upload_id, 0, 9, &parts, &n, &truncated), OK);
	assert_int_equal(n, 0);
}

static void test_upload_abort_and_list(void **state)
{
	struct index_fixture *f = *state;
	static const char *const keys[] = {"a", "a", "b/1", "b/2", "c"};
	struct index_upload u[5], got;
	struct index_garbage *g;
	struct index_uploads_page page;
	struct index_uploads_query q = {.bucket = BYTES("b"), .max = 2, .delimiter = BYTES("/")};
	size_t uploads = 0, prefixes = 0, pages = 0;

	make_bucket(f, "b", "t");
	for (unsigned i = 0; i < 5; i++) {
		u[i] = make_upload(f, bytes_text(keys[i]));
		assert_int_equal(index_upload_create(f->x, &u[i]), OK);
	}
	do {
		assert_int_equal(index_uploads(f->x, f->a, &q, &page), OK);
		assert_true(page.n + page.n_prefixes <= 2);
		uploads += page.n;
		prefixes += page.n_prefixes;
		q.key_marker = page.next_key;
		q.upload_marker = arena_copy(f->a, bytes_of(page.next_upload, INDEX_UPLOAD_ID_BYTES)).p;
		pages++;
	} while (page.truncated);
	assert_int_equal(uploads, 3);
	assert_int_equal(prefixes, 1);
	assert_int_equal(pages, 2);
	struct index_part part = make_part(10000, 9);
	assert_int_equal(index_upload_part(f->x, BYTES("b"), BYTES("c"), u[4].upload_id, &part), OK);
	part.number = 10001;
	assert_int_equal(index_upload_part(f->x, BYTES("b"), BYTES("c"), u[4].upload_id, &part),
	                 ERR_INPUT);
	assert_int_equal(index_upload_abort(f->x, BYTES("b"), BYTES("c"), u[4].upload_id), OK);
	assert_int_equal(index_upload_abort(f->x, BYTES("b"), BYTES("c"), u[4].upload_id), ERR_NOTFOUND);
	assert_int_equal(index_upload_get(f->x, f->a, BYTES("b"), BYTES("c"), u[4].upload_id, &got),
	                 ERR_NOTFOUND);
	assert_int_equal(garbage(f, &g), 1);
	assert_memory_equal(g[0].object_id, u[4].object.id, INDEX_OBJECT_ID_BYTES);
}

static enum err count_part(void *context, const struct index_part *part)
{
	*(uint64_t *)context += part->size;
	return OK;
}

/* What is in use: objects, parts of uploads, garbage. */
static void test_each_part(void **state)
{
	struct index_fixture *f = *state;
	uint64_t sum = 0;

	make_bucket(f, "b", "t");
	assert_int_equal(put(f, "b", BYTES("k"), "e", NULL), OK); /* 42, becomes garbage */
	assert_int_equal(put(f, "b", BYTES("k"), "e", NULL), OK); /* 42 */
	struct index_upload u = make_upload(f, BYTES("up"));
	struct index_part part = make_part(3, 1000);
	assert_int_equal(index_upload_create(f->x, &u), OK);
	assert_int_equal(index_upload_part(f->x, BYTES("b"), BYTES("up"), u.upload_id, &part), OK);
	assert_int_equal(index_each_part(f->x, count_part, &sum), OK);
	assert_int_equal(sum, 1084);
	struct index_stats stats;
	assert_int_equal(index_stats(f->x, &stats), OK);
	assert_int_equal(stats.objects, 1);
	assert_int_equal(stats.buckets, 1);
	assert_int_equal(stats.garbage, 1);
}

/* 10,000 parts and a trailer part: the record fits, round trips, and lists. */
static void test_many_parts(void **state)
{
	struct index_fixture *f = *state;
	struct index_part *parts = arena_alloc(f->a, (INDEX_PARTS_MAX + 1) * sizeof(*parts));
	struct index_object got;
	bool no_bucket;

	make_bucket(f, "b", "t");
	struct index_object o = make_object(f, "b", BYTES("k"), "etag");
	o.size = 0;
	for (uint32_t i = 0; i <= INDEX_PARTS_MAX; i++) {
		parts[i] = make_part(i + 1, 7);
		parts[i].checksum = BYTES("0123456789abcdef0123456789abcdef");
		o.size += 7;
	}
	o.parts = parts;
	o.n_parts = INDEX_PARTS_MAX + 1;
	assert_int_equal(index_object_put(f->x, &o, NULL, NULL, &no_bucket), OK);
	assert_int_equal(index_object_get(f->x, f->a, o.bucket, o.key, &got), OK);
	check_same(&o, &got);
	assert_int_equal(index_object_delete(f->x, o.bucket, o.key, NULL), OK);
	struct index_garbage *g;
	assert_int_equal(garbage(f, &g), 1);
	assert_int_equal(g[0].n_parts, INDEX_PARTS_MAX + 1);
}

/* Deleting many large objects at once needs the memory of one. */
static void test_delete_many_large(void **state)
{
	struct index_fixture *f = *state;
	enum { OBJECTS = 60 };
	struct index_part *parts = arena_alloc(f->a, INDEX_PARTS_MAX * sizeof(*parts));
	struct index_delete items[OBJECTS] = {0};

	make_bucket(f, "b", "t");
	for (uint32_t i = 0; i < INDEX_PARTS_MAX; i++) {
		parts[i] = make_part(i + 1, 0);
	}
	for (unsigned i = 0; i < OBJECTS; i++) {
		char key[8];
		bool no_bucket;
		snprintf(key, sizeof(key), "%u", i);
		items[i].key = arena_copy(f->a, bytes_text(key));
		struct index_object o = make_object(f, "b", items[i].key, "etag");
		o.size = 0;
		o.parts = parts;
		o.n_parts = INDEX_PARTS_MAX;
		assert_int_equal(index_object_put(f->x, &o, NULL, NULL, &no_bucket), OK);
	}
	assert_int_equal(index_objects_delete(f->x, BYTES("b"), items, OBJECTS, NULL, 1), OK);
	size_t rows = 0;
	uint64_t after = 0;
	for (;;) { /* and the collector reads them in as many pages as its memory needs */
		struct arena *a = arena_new(8 << 20);
		struct index_garbage *g;
		size_t n;
		assert_int_equal(index_garbage_next(f->x, a, after, 1000, &g, &n), OK);
		rows += n;
		after = n > 0 ? g[n - 1].sequence : after;
		arena_free(a);
		if (n == 0) {
			break;
		}
	}
	assert_int_equal(rows, OBJECTS);
}

/* Every cut and every changed count of a record is CORRUPT, never read past its end. */
static void test_record(void **state)
{
	struct index_fixture *f = *state;
	struct index_object o = make_object(f, "b", BYTES("k"), "etag"), got;
	struct writer w = writer_growing(INDEX_RECORD_MAX_BYTES);

	index_record_write(&o, &w);
	assert_int_equal(writer_end(&w), OK);
	assert_int_equal(index_record_read(writer_bytes(&w), f->a, &got), OK);
	check_same(&o, &got);
	for (size_t n = 0; n < w.used; n++) {
		uint8_t *cut = malloc(n + 1); /* exact size: a sanitizer sees a read past it */
		memcpy(cut, w.p, n);
		assert_int_equal(index_record_read(bytes_of(cut, n), f->a, &got), ERR_CORRUPT);
		free(cut);
	}
	write_u8(&w, 0);
	assert_int_equal(index_record_read(writer_bytes(&w), f->a, &got), ERR_CORRUPT);
	writer_free(&w);
}

/* What lifecycle deletes is the object that it judged, never one that was written since. */
static void test_delete_unchanged(void **state)
{
	struct index_fixture *f = *state;
	struct index_delete item[2] = {{.key = BYTES("k"), .modified_max_ms = 98},
	                               {.key = BYTES("other"), .modified_max_ms = 99}};
	struct index_object got;
	make_bucket(f, "old", "1");
	struct index_object o = make_object(f, "old", BYTES("k"), "e"); /* modified at 99 */
	bool no_bucket;

	assert_int_equal(index_objects_delete(f->x, BYTES("old"), item, 1, NULL, 1), OK);
	assert_int_equal(item[0].result, ERR_CONFLICT);
	assert_int_equal(index_object_put(f->x, &o, NULL, NULL, &no_bucket), OK);
	struct index_object other = make_object(f, "old", BYTES("other"), "e");
	assert_int_equal(index_object_put(f->x, &other, NULL, NULL, &no_bucket), OK);
	assert_int_equal(index_objects_delete(f->x, BYTES("old"), item, 2, NULL, 1), OK);
	assert_int_equal(item[0].result, ERR_CONFLICT); /* which does not keep the other */
	assert_int_equal(item[1].result, OK);
	assert_int_equal(index_object_get(f->x, f->a, BYTES("old"), BYTES("k"), &got), OK);
	assert_int_equal(index_object_get(f->x, f->a, BYTES("old"), BYTES("other"), &got), ERR_NOTFOUND);
	item[0].modified_max_ms = 99;
	assert_int_equal(index_objects_delete(f->x, BYTES("old"), item, 1, NULL, 1), OK);
	assert_int_equal(item[0].result, OK);
	assert_int_equal(index_object_get(f->x, f->a, BYTES("old"), BYTES("k"), &got), ERR_NOTFOUND);
}

/* An older version that became the current one again is not what was judged. */
static void test_delete_noncurrent(void **state)
{
	struct index_fixture *f = *state;
	struct index_object got;
	make_bucket(f, "versions", "1");
	assert_int_equal(index_bucket_set_versioning(f->x, (struct index_bucket_ref){BYTES("versions"), 0},
	                                             INDEX_VERSIONING_ENABLED), OK);
	struct index_object o = make_object(f, "versions", BYTES("k"), "first");
	bool no_bucket;
	assert_int_equal(index_object_put(f->x, &o, NULL, NULL, &no_bucket), OK);
	struct index_version first = index_version_of(&o);
	struct index_delete item = {.key = BYTES("k"), .version = &first, .noncurrent = true};
	assert_int_equal(index_objects_delete(f->x, BYTES("versions"), &item, 1, NULL, 1), OK);
	assert_int_equal(item.result, ERR_CONFLICT);
	struct index_object n = make_object(f, "versions", BYTES("k"), "second");
	assert_int_equal(index_object_put(f->x, &n, NULL, NULL, &no_bucket), OK);
	assert_int_equal(index_objects_delete(f->x, BYTES("versions"), &item, 1, NULL, 1), OK);
	assert_int_equal(item.result, OK);
	assert_int_equal(index_version_get(f->x, f->a, BYTES("versions"), BYTES("k"), &first, &got),
	                 ERR_NOTFOUND);
	assert_int_equal(index_object_get(f->x, f->a, BYTES("versions"), BYTES("k"), &got), OK);
	assert_true(bytes_is(got.etag, "second"));
}

static void test_bucket_pages(void **state)
{
	struct index_fixture *f = *state;
	struct index_bucket *page;
	size_t n;

	make_bucket(f, "a", "1");
	make_bucket(f, "b", "2");
	make_bucket(f, "c", "1");
	assert_int_equal(index_bucket_page(f->x, f->a, BYTES(""), 2, &page, &n), OK);
	assert_int_equal(n, 2);
	assert_true(bytes_is(page[0].name, "a") && bytes_is(page[1].name, "b"));
	assert_true(bytes_is(page[1].tenant, "2"));
	assert_int_equal(index_bucket_page(f->x, f->a, page[1].name, 2, &page, &n), OK);
	assert_int_equal(n, 1);
	assert_true(bytes_is(page[0].name, "c"));
	assert_int_equal(index_bucket_page(f->x, f->a, BYTES("bb"), 2, &page, &n), OK);
	assert_int_equal(n, 1);
	assert_int_equal(index_bucket_page(f->x, f->a, BYTES("c"), 2, &page, &n), OK);
	assert_int_equal(n, 0);
}

/* Documents of a bucket: replaced, removed, gone with the bucket, never those of a namesake. */
static void test_configs(void **state)
{
	struct index_fixture *f = *state;
	static uint8_t large[INDEX_CONFIG_MAX_BYTES + 1];
	struct bytes got;
	struct index_bucket b = {.name = BYTES("conf"), .number = make_bucket(f, "conf", "1")};
	struct index_bucket other = {.name = BYTES("other"), .number = make_bucket(f, "other", "1")};
	struct index_bucket now;

	assert_int_equal(index_config_get(f->x, f->a, b.number, INDEX_CONFIG_CORS, &got), ERR_NOTFOUND);
	assert_int_equal(index_config_delete(f->x, &b, INDEX_CONFIG_CORS), OK);
	assert_int_equal(index_config_put(f->x, &b, INDEX_CONFIG_CORS, BYTES("one")), OK);
	assert_int_equal(index_config_put(f->x, &b, INDEX_CONFIG_CORS, BYTES("two")), OK);
	assert_int_equal(index_config_put(f->x, &b, INDEX_CONFIG_LIFECYCLE,
	                                  bytes_of(large, INDEX_CONFIG_MAX_BYTES)), OK);
	assert_int_equal(index_config_put(f->x, &b, INDEX_CONFIG_LIFECYCLE,
	                                  bytes_of(large, sizeof(large))), ERR_LIMIT);
	assert_int_equal(index_config_put(f->x, &other, INDEX_CONFIG_CORS, BYTES("three")), OK);
	assert_int_equal(index_config_get(f->x, f->a, b.number, INDEX_CONFIG_CORS, &got), OK);
	assert_true(bytes_is(got, "two"));
	assert_int_equal(index_config_get(f->x, f->a, b.number, INDEX_CONFIG_LIFECYCLE, &got), OK);
	assert_int_equal(got.n, INDEX_CONFIG_MAX_BYTES);
	assert_int_equal(index_config_delete(f->x, &b, INDEX_CONFIG_LIFECYCLE), OK);
	/* What the KMS ordered: of two changes the later one stays, in whatever order they come. */
	assert_int_equal(index_config_record(f->x, &b, INDEX_CONFIG_POLICY, BYTES("second"), 20, 0), OK);
	assert_int_equal(index_config_record(f->x, &b, INDEX_CONFIG_POLICY, BYTES("first"), 10, 0), OK);
	assert_int_equal(index_config_get(f->x, f->a, b.number, INDEX_CONFIG_POLICY, &got), OK);
	assert_true(bytes_is(got, "second"));
	assert_int_equal(index_config_record(f->x, &b, INDEX_CONFIG_POLICY, (struct bytes){0}, 40, 0), OK);
	assert_int_equal(index_config_record(f->x, &b, INDEX_CONFIG_POLICY, BYTES("third"), 30, 0), OK);
	assert_int_equal(index_config_get(f->x, f->a, b.number, INDEX_CONFIG_POLICY, &got),
	                 ERR_NOTFOUND);
	struct index_config_row row;
	assert_int_equal(index_config_find(f->x, f->a, b.number, INDEX_CONFIG_POLICY, &row), OK);
	assert_int_equal(row.order, 40);
	assert_int_equal(row.document.n, 0);
	/* A log that began anew: the row that was there before it was asked gives way, one that came meanwhile does not. */
	assert_int_equal(index_config_record(f->x, &b, INDEX_CONFIG_POLICY, BYTES("anew"), 4, 40), OK);
	assert_int_equal(index_config_record(f->x, &b, INDEX_CONFIG_POLICY, BYTES("late"), 3, 40), OK);
	assert_int_equal(index_config_find(f->x, f->a, b.number, INDEX_CONFIG_POLICY, &row), OK);
	assert_int_equal(row.order, 4);
	assert_true(bytes_is(row.document, "anew"));
	assert_int_equal(index_config_record(f->x, &b, INDEX_CONFIG_POLICY, (struct bytes){0}, 5, 4), OK);
	assert_int_equal(index_config_find(f->x, f->a, b.number, INDEX_CONFIG_ACL, &row), ERR_NOTFOUND);
	assert_int_equal(index_bucket_get(f->x, f->a, b.name, &now), OK);
	assert_int_equal(now.configs & 1U << INDEX_CONFIG_POLICY, 0);
	assert_int_equal(index_config_get(f->x, f->a, b.number, INDEX_CONFIG_LIFECYCLE, &got),
	                 ERR_NOTFOUND);

	assert_int_equal(index_bucket_delete(f->x, (struct index_bucket_ref){b.name, 0}), OK);
	assert_int_equal(index_config_get(f->x, f->a, b.number, INDEX_CONFIG_CORS, &got), ERR_NOTFOUND);
	assert_int_equal(index_config_get(f->x, f->a, other.number, INDEX_CONFIG_CORS, &got), OK);
	assert_true(bytes_is(got, "three"));
	assert_int_equal(index_config_put(f->x, &b, INDEX_CONFIG_CORS, BYTES("x")), ERR_NOTFOUND);
	uint64_t again = make_bucket(f, "conf", "2");
	assert_int_not_equal(again, b.number);
	assert_int_equal(index_config_put(f->x, &b, INDEX_CONFIG_CORS, BYTES("x")), ERR_NOTFOUND);
	assert_int_equal(index_config_delete(f->x, &b, INDEX_CONFIG_CORS), ERR_NOTFOUND);
	assert_int_equal(index_config_get(f->x, f->a, again, INDEX_CONFIG_CORS, &got), ERR_NOTFOUND);
}

int main(void)
{
	if (secret_init(64) != OK) {
		return 1;
	}
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_configs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_delete_unchanged, setup, teardown),
		cmocka_unit_test_setup_teardown(test_delete_noncurrent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bucket_pages, setup, teardown),
		cmocka_unit_test_setup_teardown(test_locked, setup, teardown),
		cmocka_unit_test_setup_teardown(test_buckets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_objects, setup, teardown),
		cmocka_unit_test_setup_teardown(test_buckets_of_others, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bucket_of_the_same_name, setup, teardown),
		cmocka_unit_test_setup_teardown(test_calls_on_a_namesake, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rewrap, setup, teardown),
		cmocka_unit_test_setup_teardown(test_conditions, setup, teardown),
		cmocka_unit_test_setup_teardown(test_race, setup, teardown),
		cmocka_unit_test_setup_teardown(test_delete_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_list, setup, teardown),
		cmocka_unit_test_setup_teardown(test_list_pages, setup, teardown),
		cmocka_unit_test_setup_teardown(test_upload_complete, setup, teardown),
		cmocka_unit_test_setup_teardown(test_upload_abort_and_list, setup, teardown),
		cmocka_unit_test_setup_teardown(test_each_part, setup, teardown),
		cmocka_unit_test_setup_teardown(test_numbers_after_a_backup, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_parts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_delete_many_large, setup, teardown),
		cmocka_unit_test_setup_teardown(test_record, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
