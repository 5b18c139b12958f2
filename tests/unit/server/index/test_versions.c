/* Versions, delete markers, tags, object lock: against a model written the slow way, and case by case. */
#include "tests/unit/server/index/index_fixture.h"

enum { DAY_MS = 86400000, BLOB = 65536 };
static const struct index_version null_version = {.null = true};

static int setup(void **state)
{
	struct index_fixture *f = calloc(1, sizeof(*f));
	struct index_bucket b = {.name = BYTES("b"), .tenant = BYTES("t"), .region = BYTES("eu")};
	fixture_make(f);
	assert_int_equal(index_bucket_create(f->x, &b), OK);
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

static void set_versioning(struct index_fixture *f, uint8_t state)
{
	assert_int_equal(index_bucket_set_versioning(f->x, (struct index_bucket_ref){BYTES("b"), 0}, state), OK);
}

static struct index_object make(struct index_fixture *f, struct bytes key)
{
	struct index_part *p = arena_alloc(f->a, sizeof(*p));
	*p = (struct index_part){.number = 1, .size = 1, .blob_size = BLOB};
	random_bytes(p->seed, sizeof(p->seed));
	struct index_object o = {.bucket = BYTES("b"), .key = key, .size = 1, .modified_ms = 1000,
	                         .etag = BYTES("e"), .wrapped = BYTES("w"), .blob_size = BLOB,
	                         .parts = p, .n_parts = 1};
	random_bytes(o.id, sizeof(o.id));
	return o;
}

static struct index_object put(struct index_fixture *f, const char *key)
{
	struct index_object o = make(f, bytes_text(key));
	bool no_bucket;
	assert_int_equal(index_object_put(f->x, &o, NULL, NULL, &no_bucket), OK);
	return o;
}

static struct index_delete del(struct index_fixture *f, const char *key,
                               const struct index_version *version, bool bypass)
{
	struct index_delete d = {.key = bytes_text(key), .version = version, .bypass = bypass};
	assert_int_equal(index_objects_delete(f->x, BYTES("b"), &d, 1, NULL, 2000), OK);
	return d;
}

static enum err get(struct index_fixture *f, const char *key, const struct index_version *version,
                    struct index_object *ret)
{
	return index_version_get(f->x, f->a, BYTES("b"), bytes_text(key), version, ret);
}

static bool is(const struct index_object *a, const struct index_object *b)
{
	return memcmp(a->id, b->id, sizeof(a->id)) == 0;
}

static size_t garbage(struct index_fixture *f)
{
	struct index_garbage *g;
	size_t n;
	assert_int_equal(index_garbage_next(f->x, f->a, 0, 100000, &g, &n), OK);
	return n;
}

static enum err count_part(void *context, const struct index_part *part)
{
	size_t *n = context;
	(void)part;
	(*n)++;
	return OK;
}

static size_t parts(struct index_fixture *f)
{
	size_t n = 0;
	assert_int_equal(index_each_part(f->x, count_part, &n), OK);
	return n;
}

/* --- the model: per key an array of versions, the newest last --- */

enum { KEYS = 5, DEPTH = 200 };
struct model_version {
	uint8_t id[INDEX_OBJECT_ID_BYTES];
	bool null, marker;
};
struct model {
	const char *names[KEYS];
	struct model_version v[KEYS][DEPTH];
	size_t n[KEYS];
	size_t garbage;
	uint8_t state;
};

static void model_remove(struct model *m, int k, size_t at)
{
	m->garbage += !m->v[k][at].marker;
	memmove(&m->v[k][at], &m->v[k][at + 1], (m->n[k] - at - 1) * sizeof(m->v[k][0]));
	m->n[k]--;
}

static void model_push(struct model *m, int k, struct model_version version)
{
	for (size_t i = 0; version.null && i < m->n[k]; i++) {
		if (m->v[k][i].null) {
			model_remove(m, k, i);
			break;
		}
	}
	assert_true(m->n[k] < DEPTH);
	m->v[k][m->n[k]++] = version;
}

static void step_put(struct index_fixture *f, struct model *m, int k)
{
	struct index_object o = put(f, m->names[k]);
	struct model_version version = {.null = m->state != INDEX_VERSIONING_ENABLED};
	assert_int_equal(o.versioned, !version.null);
	memcpy(version.id, o.id, sizeof(version.id));
	model_push(m, k, version);
}

static void step_delete(struct index_fixture *f, struct model *m, int k)
{
	struct index_delete d = del(f, m->names[k], NULL, false);
	if (m->state == INDEX_VERSIONING_OFF) {
		assert_false(d.marker || d.has_made);
		if (m->n[k] > 0) {
			model_remove(m, k, m->n[k] - 1);
		}
		return;
	}
	assert_true(d.marker && d.has_made);
	struct model_version version = {.null = m->state == INDEX_VERSIONING_SUSPENDED,
	                                .marker = true};
	assert_int_equal(d.made.null, version.null);
	memcpy(version.id, d.made.id, sizeof(version.id));
	model_push(m, k, version);
}

static void step_delete_version(struct index_fixture *f, struct model *m, int k)
{
	struct index_version version = {.null = false};
	random_bytes(version.id, sizeof(version.id));
	if (m->n[k] == 0 || random() % 8 == 0) {
		assert_false(del(f, m->names[k], &version, false).marker);
		return;
	}
	size_t at = (size_t)random() % m->n[k];
	version.null = m->v[k][at].null;
	memcpy(version.id, m->v[k][at].id, sizeof(version.id));
	struct index_delete d = del(f, m->names[k], &version, false);
	assert_int_equal(d.result, OK);
	assert_int_equal(d.marker, m->v[k][at].marker);
	assert_false(d.has_made);
	model_remove(m, k, at);
}

/* All versions by pages of `max`: the same as the model's, in S3's order. */
static void check_versions(struct index_fixture *f, const struct model *m, uint32_t max)
{
	struct index_versions_query q = {.list = {.bucket = BYTES("b"), .max = max}};
	struct index_list_page page = {0};
	struct index_version after;
	size_t at = 0;

	for (int k = 0; k < KEYS; k++) {
		for (size_t i = m->n[k]; i-- > 0;) {
			const struct model_version *want = &m->v[k][i];
			if (at == page.n) {
				assert_true(at == 0 || page.truncated);
				assert_int_equal(index_versions(f->x, f->a, &q, &page), OK);
				assert_true(page.n > 0 && page.n <= max);
				after = page.entries[page.n - 1].version;
				q.list.after = page.next;
				q.after_version = &after;
				at = 0;
			}
			const struct index_list_entry *e = &page.entries[at++];
			assert_true(bytes_is(e->key, m->names[k]));
			assert_memory_equal(e->version.id, want->id, sizeof(want->id));
			assert_int_equal(e->version.null, want->null);
			assert_int_equal(e->delete_marker, want->marker);
			assert_int_equal(e->latest, i == m->n[k] - 1);
		}
	}
	assert_int_equal(at, page.n);
	assert_false(page.truncated);
}

static void check_objects(struct index_fixture *f, const struct model *m, uint32_t max)
{
	struct index_list_query q = {.bucket = BYTES("b"), .max = max};
	struct index_list_page page = {0};
	size_t at = 0;

	for (int k = 0; k < KEYS; k++) {
		size_t n = m->n[k];
		if (n == 0 || m->v[k][n - 1].marker) {
			continue;
		}
		if (at == page.n) {
			assert_true(q.after.n == 0 || page.truncated);
			assert_int_equal(index_list(f->x, f->a, &q, &page), OK);
			assert_true(page.n > 0);
			q.after = page.next;
			at = 0;
		}
		assert_true(bytes_is(page.entries[at++].key, m->names[k]));
	}
	assert_int_equal(at, page.n);
	assert_false(page.truncated);
}

static void check_model(struct index_fixture *f, const struct model *m)
{
	size_t live = 0;

	for (int k = 0; k < KEYS; k++) {
		size_t n = m->n[k];
		struct index_object o;
		enum err e = index_object_get(f->x, f->a, BYTES("b"), bytes_text(m->names[k]), &o);
		bool visible = n > 0 && !m->v[k][n - 1].marker;
		assert_int_equal(e, visible ? OK : ERR_NOTFOUND);
		for (size_t i = 0; i < n; i++) {
			struct index_version version = {.null = m->v[k][i].null};
			if (!version.null) {
				memcpy(version.id, m->v[k][i].id, sizeof(version.id));
			}
			assert_int_equal(get(f, m->names[k], &version, &o), OK);
			assert_memory_equal(o.id, m->v[k][i].id, sizeof(o.id));
			assert_int_equal(o.delete_marker, m->v[k][i].marker);
			live += !m->v[k][i].marker;
		}
	}
	assert_int_equal(garbage(f), m->garbage);
	assert_int_equal(parts(f), live + m->garbage);
	check_versions(f, m, 1 + (uint32_t)random() % 7);
	check_objects(f, m, 1 + (uint32_t)random() % 3);
}

static void test_model(void **state)
{
	struct index_fixture *f = *state;
	char long_name[INDEX_KEY_MAX + 1];
	struct model m = {.names = {"a", "a\x01", "ab", "b/1", long_name}};

	memset(long_name, 'k', INDEX_KEY_MAX); /* in pieces, for the engine */
	long_name[INDEX_KEY_MAX] = 0;
	srandom(7);
	for (int i = 0; i < 600; i++) {
		int k = (int)(random() % KEYS);
		long what = random() % 16;
		if (i == 60 || (i > 60 && what == 0)) {
			m.state = i == 60 || random() % 2 ? INDEX_VERSIONING_ENABLED
			                                  : INDEX_VERSIONING_SUSPENDED;
			set_versioning(f, m.state);
		} else if (what < 8) {
			step_put(f, &m, k);
		} else if (what < 12) {
			step_delete(f, &m, k);
		} else {
			step_delete_version(f, &m, k);
		}
		if (i % 10 == 0) {
			check_model(f, &m);
		}
	}
	check_model(f, &m);
	assert_int_equal(index_bucket_delete(f->x, (struct index_bucket_ref){BYTES("b"), 0}), ERR_CONFLICT);
	for (int k = 0; k < KEYS; k++) {
		while (m.n[k] > 0) {
			step_delete_version(f, &m, k);
		}
	}
	check_model(f, &m);
	assert_int_equal(index_bucket_delete(f->x, (struct index_bucket_ref){BYTES("b"), 0}), OK);
}

/* --- case by case --- */

static void test_markers_in_listings(void **state)
{
	struct index_fixture *f = *state;
	struct index_list_query q = {.bucket = BYTES("b"), .delimiter = BYTES("/"), .max = 10};
	struct index_list_page page;

	set_versioning(f, INDEX_VERSIONING_ENABLED);
	put(f, "gone/1");
	put(f, "half/1");
	put(f, "half/2");
	del(f, "gone/1", NULL, false);
	del(f, "half/1", NULL, false);
	assert_int_equal(index_list(f->x, f->a, &q, &page), OK);
	assert_int_equal(page.n, 1); /* nothing is to be seen below gone/ */
	assert_true(page.entries[0].prefix && bytes_is(page.entries[0].key, "half/"));
	q.max = 1;
	assert_int_equal(index_list(f->x, f->a, &q, &page), OK);
	assert_false(page.truncated);
	struct index_versions_query v = {.list = q};
	assert_int_equal(index_versions(f->x, f->a, &v, &page), OK);
	assert_true(page.truncated && page.entries[0].prefix);
	assert_true(bytes_is(page.next, "gone/"));
	v.list.after = page.next;
	assert_int_equal(index_versions(f->x, f->a, &v, &page), OK);
	assert_true(bytes_is(page.entries[0].key, "half/") && !page.truncated);
}

/* A page that begins behind a version which is gone meanwhile gives the key's versions again: twice is better than never. */
static void test_marker_version_gone(void **state)
{
	struct index_fixture *f = *state;
	struct index_list_page page;

	set_versioning(f, INDEX_VERSIONING_ENABLED);
	put(f, "k");
	put(f, "k");
	struct index_version newest = index_version_of(&(struct index_object){.versioned = true});
	struct index_versions_query q = {.list = {.bucket = BYTES("b"), .max = 10, .after = BYTES("k")},
	                                 .after_version = &newest};
	assert_int_equal(index_versions(f->x, f->a, &q, &page), OK);
	assert_int_equal(page.n, 2);
	q.after_version = NULL;
	assert_int_equal(index_versions(f->x, f->a, &q, &page), OK);
	assert_int_equal(page.n, 0);
}

static void test_conditions_and_markers(void **state)
{
	struct index_fixture *f = *state;
	struct index_condition none = {.none_match = BYTES("*")}, any = {.match = BYTES("*")};
	struct index_object o = make(f, BYTES("k"));
	bool no_bucket;

	set_versioning(f, INDEX_VERSIONING_ENABLED);
	put(f, "k");
	assert_int_equal(index_object_put(f->x, &o, &none, NULL, &no_bucket), ERR_CONFLICT);
	del(f, "k", NULL, false);
	assert_int_equal(index_object_put(f->x, &o, &any, NULL, &no_bucket), ERR_NOTFOUND);
	assert_int_equal(index_object_put(f->x, &o, &none, NULL, &no_bucket), OK);
	struct index_object bad = make(f, bytes_of("k\0x", 3));
	assert_int_equal(index_object_put(f->x, &bad, NULL, NULL, &no_bucket), ERR_INPUT);
}

static void test_conditions_with_an_etag(void **state)
{
	struct index_fixture *f = *state;
	struct index_condition same = {.none_match = BYTES("e1")}, other = {.none_match = BYTES("e2")};
	struct index_object o = make(f, BYTES("k"));
	bool no_bucket;

	o.etag = BYTES("e1");
	assert_int_equal(index_object_put(f->x, &o, &same, NULL, &no_bucket), OK); /* nothing is there */
	o = make(f, BYTES("k"));
	o.etag = BYTES("e2");
	assert_int_equal(index_object_put(f->x, &o, &same, NULL, &no_bucket), ERR_CONFLICT);
	assert_int_equal(index_object_put(f->x, &o, &other, NULL, &no_bucket), OK);
	o = make(f, BYTES("k"));
	assert_int_equal(index_object_put(f->x, &o, &other, NULL, &no_bucket), ERR_CONFLICT);
}

static enum err delete_like(struct index_fixture *f, struct index_like like)
{
	struct index_delete item = {.key = BYTES("k"), .like = like};

	assert_int_equal(index_objects_delete(f->x, BYTES("b"), &item, 1, NULL, 6000), OK);
	return item.result;
}

static void test_delete_what_is_like_this(void **state)
{
	struct index_fixture *f = *state;
	struct index_object o = make(f, BYTES("k"));
	bool no_bucket;

	o.etag = BYTES("e1");
	o.modified_ms = 5000;
	set_versioning(f, INDEX_VERSIONING_ENABLED);
	assert_int_equal(delete_like(f, (struct index_like){.etag = BYTES("e1")}), OK); /* a marker */
	assert_int_equal(index_object_put(f->x, &o, NULL, NULL, &no_bucket), OK);
	assert_int_equal(delete_like(f, (struct index_like){.etag = BYTES("e2")}), ERR_CONFLICT);
	assert_int_equal(delete_like(f, (struct index_like){.has_size = true, .size = o.size + 1}),
	                 ERR_CONFLICT);
	assert_int_equal(delete_like(f, (struct index_like){.modified_ms = 4000}), ERR_CONFLICT);
	assert_int_equal(delete_like(f, (struct index_like){.etag = BYTES("e1"), .has_size = true,
	                                                    .size = o.size, .modified_ms = 5999}),
	                 OK);
	/* Now the delete marker is what is there. */
	assert_int_equal(delete_like(f, (struct index_like){.etag = BYTES("e1")}), ERR_CONFLICT);
	assert_int_equal(delete_like(f, (struct index_like){.etag = BYTES("*")}), OK);
}

static void test_rewrap_older(void **state)
{
	struct index_fixture *f = *state;
	struct index_object got;

	set_versioning(f, INDEX_VERSIONING_ENABLED);
	struct index_object old = put(f, "k");
	struct index_object new = put(f, "k");
	struct index_rewrap r = {old.bucket, old.key, old.id, BYTES("arn2"), BYTES("w2"),
		INDEX_SSE_KMS};
	assert_int_equal(index_object_rewrap(f->x, &r), OK);
	struct index_version version = index_version_of(&old);
	assert_int_equal(get(f, "k", &version, &got), OK);
	assert_true(bytes_is(got.wrapped, "w2"));
	assert_int_equal(get(f, "k", NULL, &got), OK);
	assert_true(is(&got, &new) && bytes_is(got.wrapped, "w"));
}

static enum err change(struct index_fixture *f, struct index_change c)
{
	struct index_version version;
	c.bucket = BYTES("b");
	c.key = BYTES("k");
	return index_object_change(f->x, &c, &version);
}

static void test_tags(void **state)
{
	struct index_fixture *f = *state;
	static const struct field tags[] = {{BYTES("a"), BYTES("1")}, {BYTES(""), BYTES("2")}};
	struct index_object got;

	assert_int_equal(change(f, (struct index_change){.set_tags = true}), ERR_NOTFOUND);
	set_versioning(f, INDEX_VERSIONING_ENABLED);
	struct index_object old = put(f, "k");
	put(f, "k");
	struct index_version version = index_version_of(&old);
	struct index_change c = {.version = &version, .set_tags = true, .tags = tags, .n_tags = 2};
	assert_int_equal(change(f, c), OK);
	assert_int_equal(get(f, "k", &version, &got), OK);
	assert_int_equal(got.n_tags, 2);
	assert_true(bytes_is(got.tags[0].name, "a") && bytes_is(got.tags[1].value, "2"));
	assert_int_equal(get(f, "k", NULL, &got), OK);
	assert_int_equal(got.n_tags, 0);
	assert_int_equal(change(f, (struct index_change){.version = &version, .set_tags = true}), OK);
	assert_int_equal(get(f, "k", &version, &got), OK);
	assert_int_equal(got.n_tags, 0);
	del(f, "k", NULL, false);
	assert_int_equal(change(f, (struct index_change){.set_tags = true}), ERR_CONFLICT);
}

static enum err retain(struct index_fixture *f, uint8_t mode, uint64_t until_ms, bool bypass)
{
	return change(f, (struct index_change){.set_retention = true, .lock_mode = mode,
	                                       .retain_until_ms = until_ms, .bypass = bypass,
	                                       .now_ms = 2000});
}

static void test_retention(void **state)
{
	struct index_fixture *f = *state;
	struct index_object got;

	set_versioning(f, INDEX_VERSIONING_ENABLED);
	struct index_object o = put(f, "k");
	struct index_version version = index_version_of(&o);
	assert_int_equal(retain(f, INDEX_LOCK_GOVERNANCE, 5000, false), OK);
	assert_int_equal(del(f, "k", &version, false).result, ERR_DENIED);
	assert_int_equal(retain(f, INDEX_LOCK_GOVERNANCE, 6000, false), OK);
	assert_int_equal(retain(f, INDEX_LOCK_GOVERNANCE, 5000, false), ERR_DENIED);
	assert_int_equal(retain(f, INDEX_LOCK_COMPLIANCE, 7000, false), ERR_DENIED);
	assert_int_equal(retain(f, INDEX_LOCK_NONE, 0, false), ERR_DENIED);
	assert_int_equal(retain(f, INDEX_LOCK_NONE, 0, true), OK);
	assert_int_equal(get(f, "k", NULL, &got), OK);
	assert_int_equal(got.lock_mode, INDEX_LOCK_NONE);
	assert_int_equal(retain(f, INDEX_LOCK_COMPLIANCE, 5000, false), OK);
	assert_int_equal(retain(f, INDEX_LOCK_COMPLIANCE, 4999, true), ERR_DENIED);
	assert_int_equal(retain(f, INDEX_LOCK_GOVERNANCE, 9000, true), ERR_DENIED);
	assert_int_equal(retain(f, INDEX_LOCK_COMPLIANCE, 6000, false), OK);
	assert_int_equal(del(f, "k", &version, true).result, ERR_DENIED);
	/* a simple delete takes nothing away, and the version stays locked behind it */
	assert_true(del(f, "k", NULL, false).marker);
	assert_int_equal(del(f, "k", &version, true).result, ERR_DENIED);
	struct index_delete late = {.key = BYTES("k"), .version = &version};
	assert_int_equal(index_objects_delete(f->x, BYTES("b"), &late, 1, NULL, 6000), OK);
	assert_int_equal(late.result, OK);
	assert_int_equal(get(f, "k", &version, &got), ERR_NOTFOUND);
}

static void test_legal_hold(void **state)
{
	struct index_fixture *f = *state;
	struct index_object o = put(f, "k");
	struct index_object next = make(f, BYTES("k"));
	bool no_bucket;

	assert_int_equal(change(f, (struct index_change){.set_hold = true, .legal_hold = true}), OK);
	assert_int_equal(del(f, "k", &null_version, true).result, ERR_DENIED);
	/* no way around it by overwriting either, should versioning be off */
	assert_int_equal(index_object_put(f->x, &next, NULL, NULL, &no_bucket), ERR_DENIED);
	set_versioning(f, INDEX_VERSIONING_ENABLED);
	put(f, "k");
	set_versioning(f, INDEX_VERSIONING_SUSPENDED);
	assert_int_equal(index_object_put(f->x, &next, NULL, NULL, &no_bucket), ERR_DENIED);
	assert_int_equal(del(f, "k", NULL, false).result, ERR_DENIED);
	assert_int_equal(garbage(f), 0);
	struct index_change off = {.version = &null_version, .set_hold = true};
	assert_int_equal(change(f, off), OK);
	assert_int_equal(index_object_put(f->x, &next, NULL, NULL, &no_bucket), OK);
	assert_int_equal(garbage(f), 1);
	struct index_object got;
	assert_int_equal(get(f, "k", &null_version, &got), OK);
	assert_true(is(&got, &next) && !is(&got, &o));
}

static void test_bucket_lock(void **state)
{
	struct index_fixture *f = *state;
	struct index_bucket b = {.name = BYTES("b"), .lock_mode = INDEX_LOCK_COMPLIANCE, .lock_days = 2};
	struct index_bucket got;

	assert_int_equal(index_bucket_set_lock(f->x, &b), ERR_CONFLICT);
	set_versioning(f, INDEX_VERSIONING_ENABLED);
	assert_int_equal(index_bucket_set_lock(f->x, &b), OK);
	assert_int_equal(index_bucket_set_versioning(f->x, (struct index_bucket_ref){BYTES("b"), 0}, INDEX_VERSIONING_SUSPENDED),
	                 ERR_CONFLICT);
	assert_int_equal(index_bucket_get(f->x, f->a, BYTES("b"), &got), OK);
	assert_true(got.lock && got.lock_days == 2 && bytes_is(got.tenant, "t"));
	struct index_object o = put(f, "k");
	struct index_version version = index_version_of(&o);
	assert_int_equal(o.retain_until_ms, 1000 + 2 * DAY_MS);
	assert_int_equal(del(f, "k", &version, true).result, ERR_DENIED);
	struct index_object own = make(f, BYTES("own"));
	bool no_bucket;
	own.lock_mode = INDEX_LOCK_GOVERNANCE;
	own.retain_until_ms = 3000;
	assert_int_equal(index_object_put(f->x, &own, NULL, NULL, &no_bucket), OK);
	version = index_version_of(&own);
	assert_int_equal(del(f, "own", &version, true).result, OK);
	b.lock_mode = INDEX_LOCK_NONE;
	b.lock_days = 0;
	assert_int_equal(index_bucket_set_lock(f->x, &b), OK);
	assert_int_equal(put(f, "k").lock_mode, INDEX_LOCK_NONE);
}

/* Of many deletions the locked one is refused, the others are done. */
static void test_delete_around_a_lock(void **state)
{
	struct index_fixture *f = *state;
	struct index_object got;

	set_versioning(f, INDEX_VERSIONING_ENABLED);
	struct index_object o = put(f, "k");
	struct index_object other = put(f, "other");
	assert_int_equal(change(f, (struct index_change){.set_hold = true, .legal_hold = true}), OK);
	struct index_version version = index_version_of(&o), second = index_version_of(&other);
	struct index_delete items[] = {{.key = BYTES("k"), .version = &version},
	                               {.key = BYTES("other"), .version = &second}};
	assert_int_equal(index_objects_delete(f->x, BYTES("b"), items, 2, NULL, 1), OK);
	assert_int_equal(items[0].result, ERR_DENIED);
	assert_int_equal(items[1].result, OK);
	assert_int_equal(get(f, "k", &version, &got), OK);
	assert_int_equal(get(f, "other", &second, &got), ERR_NOTFOUND);
}

/* Every form of the record's optional parts comes back, and every cut of it is CORRUPT. */
static void test_record(void **state)
{
	struct index_fixture *f = *state;
	static const struct field tags[] = {{BYTES("k"), BYTES("v")}};

	for (unsigned bits = 0; bits < 32; bits++) {
		struct index_object o = make(f, BYTES("k")), got;
		struct writer w = writer_growing(INDEX_RECORD_MAX_BYTES);
		o.versioned = bits & 1;
		o.delete_marker = bits & 2;
		o.legal_hold = bits & 4;
		o.tags = tags;
		o.n_tags = bits & 8 ? 1 : 0;
		o.lock_mode = bits & 16 ? INDEX_LOCK_COMPLIANCE : INDEX_LOCK_NONE;
		o.retain_until_ms = bits & 16 ? 77 : 0;
		index_record_write(&o, &w);
		assert_int_equal(index_record_read(writer_bytes(&w), f->a, &got), OK);
		assert_int_equal(got.versioned, o.versioned);
		assert_int_equal(got.delete_marker, o.delete_marker);
		assert_int_equal(got.legal_hold, o.legal_hold);
		assert_int_equal(got.n_tags, o.n_tags);
		assert_int_equal(got.lock_mode, o.lock_mode);
		assert_int_equal(got.retain_until_ms, o.retain_until_ms);
		for (size_t n = 0; n < w.used; n++) {
			uint8_t *cut = malloc(n + 1);
			memcpy(cut, w.p, n);
			assert_int_equal(index_record_read(bytes_of(cut, n), f->a, &got),
			                 ERR_CORRUPT);
			free(cut);
		}
		writer_free(&w);
	}
}

int main(void)
{
	if (secret_init(64) != OK) {
		return 1;
	}
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_model, setup, teardown),
		cmocka_unit_test_setup_teardown(test_markers_in_listings, setup, teardown),
		cmocka_unit_test_setup_teardown(test_marker_version_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_conditions_and_markers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_conditions_with_an_etag, setup, teardown),
		cmocka_unit_test_setup_teardown(test_delete_what_is_like_this, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rewrap_older, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tags, setup, teardown),
		cmocka_unit_test_setup_teardown(test_retention, setup, teardown),
		cmocka_unit_test_setup_teardown(test_legal_hold, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bucket_lock, setup, teardown),
		cmocka_unit_test_setup_teardown(test_delete_around_a_lock, setup, teardown),
		cmocka_unit_test_setup_teardown(test_record, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
