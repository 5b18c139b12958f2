/* Opening, unlocking, closing; buckets; counts. */
#include "server/index/index.h"

#include <stdlib.h>

#include "common/base/attr.h"
#include "server/index/schema.h"

enum err index_open(const char *dir, uint64_t size_max_bytes, struct index **ret,
                    struct report *ret_report)
{
	struct kv_options o = {.dir = dir, .size_max_bytes = size_max_bytes,
	                       .tables = index_table_names, .n_tables = TABLES};
	struct index *x = calloc(1, sizeof(*x));

	if (x == NULL) {
		return report_set(ret_report, ERR_NOMEM, (const char *[]){"no memory", NULL});
	}
	enum err e = kv_open(&o, &x->kv, ret_report);
	if (e != OK) {
		free(x);
		return e;
	}
	pthread_mutex_init(&x->mutex, NULL);
	*ret = x;
	return OK;
}

enum err index_unlock(struct index *x, const struct secret *index_key)
{
	enum err e = OK;

	pthread_mutex_lock(&x->mutex);
	struct index_seal *seal = atomic_load(&x->seal);
	if (seal == NULL) {
		e = index_seal_open(x->kv, index_key, &seal);
		if (e == OK) {
			atomic_store(&x->seal, seal);
		}
	} else if (!index_seal_has_key(seal, index_key)) {
		e = ERR_CORRUPT;
	}
	pthread_mutex_unlock(&x->mutex);
	return e;
}

bool index_unlocked(const struct index *x)
{
	return atomic_load(&x->seal) != NULL;
}

void index_close(struct index *x)
{
	if (x == NULL) {
		return;
	}
	index_seal_free(atomic_load(&x->seal));
	kv_close(x->kv);
	pthread_mutex_destroy(&x->mutex);
	free(x);
}

enum err index_bucket_find(struct index_view *v, struct arena *a, struct bytes name, uint64_t meant,
                           struct index_bucket *ret)
{
	struct index_bucket b;
	struct bytes record;

	if (name.n < 1 || name.n > INDEX_BUCKET_NAME_MAX) {
		return ERR_NOTFOUND;
	}
	TRY(index_view_get(v, TABLE_BUCKETS, name, a, &record));
	TRY(index_record_read_bucket(record, &b));
	if (meant != 0 && meant != b.number) {
		return ERR_NOTFOUND; /* deleted and made anew: another one, perhaps another tenant's */
	}
	*ret = b;
	return OK;
}

enum err index_bucket_number(struct index_view *v, struct arena *a, struct bytes name,
                             uint64_t meant, uint64_t *ret)
{
	struct index_bucket b;

	TRY(index_bucket_find(v, a, name, meant, &b));
	*ret = b.number;
	return OK;
}

enum err index_bucket_get(struct index *x, struct arena *a, struct bytes name,
                          struct index_bucket *ret)
{
	AUTO(index_view_end) struct index_view v = {0};

	TRY(index_view_begin(x, &v));
	return index_bucket_find(&v, a, name, 0, ret);
}

enum err index_bucket_write(struct index_view *v, const struct index_bucket *b)
{
	struct writer w = index_value_begin();

	index_record_write_bucket(b, &w);
	return index_view_put(v, TABLE_BUCKETS, b->name, &w);
}

static enum err create_bucket(struct index_view *v, struct arena *a, void *context)
{
	struct index_bucket *b = context;
	struct index_bucket old;
	enum err e = index_bucket_find(v, a, b->name, 0, &old);

	if (e == OK) {
		return ERR_EXISTS;
	}
	if (e != ERR_NOTFOUND) {
		return e;
	}
	b->number = index_seal_number(v->sealer.seal);
	return index_bucket_write(v, b);
}

enum err index_bucket_create(struct index *x, struct index_bucket *bucket)
{
	if (bucket->name.n < 1 || bucket->name.n > INDEX_BUCKET_NAME_MAX) {
		return ERR_LIMIT;
	}
	return index_view_write(x, create_bucket, bucket);
}

struct versioning_call {
	struct index_bucket_ref bucket;
	uint8_t state;
};

static enum err set_versioning(struct index_view *v, struct arena *a, void *context)
{
	const struct versioning_call *c = context;
	struct index_bucket b;

	TRY(index_bucket_find(v, a, c->bucket.name, c->bucket.number, &b));
	if (b.lock && c->state != INDEX_VERSIONING_ENABLED) {
		return ERR_CONFLICT;
	}
	b.versioning = c->state;
	return index_bucket_write(v, &b);
}

enum err index_bucket_set_versioning(struct index *x, struct index_bucket_ref bucket, uint8_t state)
{
	struct versioning_call c = {bucket, state};

	return index_view_write(x, set_versioning, &c);
}

static enum err set_lock(struct index_view *v, struct arena *a, void *context)
{
	const struct index_bucket *wanted = context;
	struct index_bucket b;

	TRY(index_bucket_find(v, a, wanted->name, wanted->number, &b));
	if (b.versioning != INDEX_VERSIONING_ENABLED) {
		return ERR_CONFLICT;
	}
	b.lock = true;
	b.lock_mode = wanted->lock_mode;
	b.lock_days = wanted->lock_days;
	b.lock_years = wanted->lock_years;
	return index_bucket_write(v, &b);
}

enum err index_bucket_set_lock(struct index *x, const struct index_bucket *b)
{
	struct index_bucket copy = *b;

	return index_view_write(x, set_lock, &copy);
}

static enum err delete_bucket(struct index_view *v, struct arena *a, void *context)
{
	const struct index_bucket_ref *bucket = context;
	bool objects, uploads;
	uint64_t number;

	kv_use_reserve(v->txn);
	TRY(index_bucket_number(v, a, bucket->name, bucket->number, &number));
	struct index_key inside = index_key_object(number, bytes_of(NULL, 0));
	TRY(index_view_any(v, TABLE_OBJECTS, index_key_bytes(&inside), &objects));
	TRY(index_view_any(v, TABLE_UPLOADS, index_key_bytes(&inside), &uploads));
	if (objects || uploads) {
		return ERR_CONFLICT;
	}
	TRY(index_config_drop(v, number));
	return index_view_delete(v, TABLE_BUCKETS, bucket->name);
}

enum err index_bucket_delete(struct index *x, struct index_bucket_ref bucket)
{
	return index_view_write(x, delete_bucket, &bucket);
}

/* The bucket to `found` when it is the tenant's; those of others, however many, leave nothing in the arena. */
static enum err collect_bucket(struct bytes record, struct arena *a, struct bytes tenant,
                               struct writer *found)
{
	struct index_bucket b;

	TRY(index_record_read_bucket(record, &b));
	if (!bytes_equal(b.tenant, tenant)) {
		return OK;
	}
	struct bytes copy = arena_copy(a, record);
	if (copy.p == NULL) {
		return ERR_LIMIT;
	}
	TRY(index_record_read_bucket(copy, &b));
	write_bytes(found, bytes_of(&b, sizeof(b)));
	return writer_end(found);
}

/* The buckets of a tenant as a growing list of records; the caller frees the writer. */
static enum err collect_buckets(struct index_view *v, struct arena *a, struct bytes tenant,
                                struct writer *found)
{
	AUTO(arena_freep) struct arena *scratch = arena_new(INDEX_SCRATCH_MAX_BYTES);
	struct kv_cursor *c;
	struct bytes key, value, record;

	if (scratch == NULL) {
		return ERR_NOMEM;
	}
	TRY(kv_cursor_open(v->txn, TABLE_BUCKETS, &c));
	enum err e = kv_seek(c, BYTES(""), &key, &value);
	for (; e == OK; e = kv_next(c, &key, &value)) {
		arena_reset(scratch);
		TRY(index_view_open(v, TABLE_BUCKETS, key, value, scratch, &record));
		TRY(collect_bucket(record, a, tenant, found));
	}
	return e == ERR_NOTFOUND ? OK : e;
}

enum err index_bucket_list(struct index *x, struct arena *a, struct bytes tenant,
                           struct index_bucket **ret, size_t *ret_n)
{
	AUTO(index_view_end) struct index_view v = {0};
	AUTO(writer_free) struct writer found = writer_growing(INDEX_SCRATCH_MAX_BYTES);

	TRY(index_view_begin(x, &v));
	TRY(collect_buckets(&v, a, tenant, &found));
	struct bytes copy = arena_copy(a, writer_bytes(&found));
	if (copy.p == NULL) {
		return ERR_LIMIT;
	}
	*ret = (struct index_bucket *)(uintptr_t)copy.p; /* the arena aligns */
	*ret_n = copy.n / sizeof(struct index_bucket);
	return OK;
}

/* The bucket of a row: its record lives in the arena. */
static enum err open_bucket(struct index_view *v, struct arena *a, struct bytes key,
                            struct bytes value, struct index_bucket *ret)
{
	struct bytes record;

	TRY(index_view_open(v, TABLE_BUCKETS, key, value, a, &record));
	return index_record_read_bucket(record, ret);
}

static enum err fill_buckets(struct index_view *v, struct arena *a, struct bytes after, size_t max,
                             struct index_bucket *page, size_t *ret_n)
{
	struct kv_cursor *c;
	struct bytes key, value;
	size_t n = 0;

	TRY(kv_cursor_open(v->txn, TABLE_BUCKETS, &c));
	enum err e = kv_seek(c, after, &key, &value);
	if (e == OK && bytes_equal(key, after)) {
		e = kv_next(c, &key, &value);
	}
	while (e == OK && n < max) {
		e = open_bucket(v, a, key, value, &page[n]);
		if (e == OK) {
			n++;
			e = kv_next(c, &key, &value);
		}
	}
	kv_cursor_close(c);
	*ret_n = n;
	return e == ERR_NOTFOUND ? OK : e;
}

enum err index_bucket_page(struct index *x, struct arena *a, struct bytes after, size_t max,
                           struct index_bucket **ret, size_t *ret_n)
{
	AUTO(index_view_end) struct index_view v = {0};
	struct index_bucket *page = arena_alloc(a, max * sizeof(*page));

	if (page == NULL) {
		return ERR_LIMIT;
	}
	TRY(index_view_begin(x, &v));
	TRY(fill_buckets(&v, a, after, max, page, ret_n));
	*ret = page;
	return OK;
}

static const struct bytes mark_key = {(const uint8_t *)"mark", 4};

enum err index_mark_get(struct index *x, struct index_mark *ret)
{
	AUTO(index_view_end) struct index_view v = {0};
	AUTO(arena_freep) struct arena *a = arena_new(INDEX_SCRATCH_MAX_BYTES);
	struct bytes record;

	if (a == NULL) {
		return ERR_NOMEM;
	}
	TRY(index_view_begin(x, &v));
	enum err e = index_view_get(&v, TABLE_META, mark_key, a, &record);
	if (e == ERR_NOTFOUND) {
		*ret = (struct index_mark){0, false};
		return OK;
	}
	TRY(e);
	struct reader r = reader_of(record);
	struct index_mark mark = {.number = read_u64(&r), .pending = read_u8(&r) != 0};
	if (read_end(&r) != OK) {
		return ERR_CORRUPT;
	}
	*ret = mark;
	return OK;
}

static enum err set_mark(struct index_view *v, struct arena *a, void *context)
{
	const struct index_mark *mark = context;
	struct writer w = index_value_begin();

	(void)a;
	kv_use_reserve(v->txn); /* the collector goes on only after it */
	write_u64(&w, mark->number);
	write_u8(&w, mark->pending);
	return index_view_put(v, TABLE_META, mark_key, &w);
}

enum err index_mark_set(struct index *x, struct index_mark mark)
{
	return index_view_write(x, set_mark, &mark);
}

enum err index_stats(struct index *x, struct index_stats *ret)
{
	AUTO(index_view_end) struct index_view v = {0};
	struct index_stats s = {0};
	struct kv_stats k;

	TRY(index_view_begin(x, &v));
	TRY(kv_count(v.txn, TABLE_OBJECTS, &s.objects));
	TRY(kv_count(v.txn, TABLE_BUCKETS, &s.buckets));
	TRY(kv_count(v.txn, TABLE_GARBAGE, &s.garbage));
	kv_stats(x->kv, &k);
	s.commits = k.commits;
	*ret = s;
	return OK;
}
