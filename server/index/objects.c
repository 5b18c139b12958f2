/*
 * Objects: get, publish, delete. The invariant: what an object replaces becomes garbage in the very transaction that replaces it, and
 * conditions are decided there, so of many writers with If-None-Match exactly one wins.
 */
#include <string.h>

#include "common/base/attr.h"
#include "server/index/schema.h"

static enum err get_object(struct index_view *v, struct arena *a, const struct index_key *key,
                           struct index_object *ret)
{
	struct bytes record;

	if (key->bad) {
		return ERR_NOTFOUND;
	}
	TRY(index_view_get(v, TABLE_OBJECTS, index_key_bytes(key), a, &record));
	return index_record_borrow(record, a, ret);
}

enum err index_object_get(struct index *x, struct arena *a, struct bytes bucket, struct bytes key,
                          struct index_object *ret)
{
	AUTO(index_view_end) struct index_view v = {0};
	uint64_t number;

	TRY(index_view_begin(x, &v));
	TRY(index_bucket_number(&v, a, bucket, &number));
	struct index_key row = index_key_object(number, key);
	return get_object(&v, a, &row, ret);
}

/* An object as the transaction finds it. */
struct current {
	bool exists;
	struct index_object object;
};

static enum err find_current(struct index_view *v, struct arena *a, const struct index_key *row,
                             struct current *ret)
{
	enum err e = get_object(v, a, row, &ret->object);

	ret->exists = e == OK;
	return e == ERR_NOTFOUND ? OK : e;
}

static enum err evaluate(const struct index_condition *c, const struct current *now)
{
	if (c == NULL) {
		return OK;
	}
	if (c->none_match_any && now->exists) {
		return ERR_CONFLICT;
	}
	if (c->match.n == 0) {
		return OK;
	}
	if (!now->exists) {
		return ERR_NOTFOUND;
	}
	return bytes_is(c->match, "*") || bytes_equal(c->match, now->object.etag) ? OK
	                                                                         : ERR_CONFLICT;
}

static struct index_parts parts_of(const struct index_object *o)
{
	return (struct index_parts){o->parts, o->n_parts};
}

struct put_call {
	const struct index_object *object;
	const struct index_condition *condition;
	const uint8_t *upload;
	bool no_bucket;
};

/* Parts of the user's must be those that the upload holds at this moment: a part that was sent again meanwhile has its old blobs queued as garbage. */
static enum err check_parts(const struct index_object *o, struct index_parts rows)
{
	size_t at = 0;

	for (size_t i = 0; i < o->n_parts; i++) {
		const struct index_part *p = &o->parts[i];
		if (p->number == INDEX_PART_TRAILER) {
			continue;
		}
		while (at < rows.n && rows.p[at].number < p->number) {
			at++;
		}
		if (at == rows.n || rows.p[at].number != p->number || rows.p[at].size != p->size ||
		    rows.p[at].blob_size != p->blob_size ||
		    memcmp(rows.p[at].seed, p->seed, INDEX_SEED_BYTES) != 0) {
			return ERR_INPUT;
		}
	}
	return OK;
}

/* Check, then write: see kv_write. */
static enum err put_object(struct index_view *v, struct arena *a, void *context)
{
	struct put_call *c = context;
	const struct index_object *o = c->object;
	struct index_key upload = {0};
	struct index_part *rows = NULL;
	size_t n_rows = 0;
	struct current now = {0};
	uint64_t number;
	enum err e = index_bucket_number(v, a, o->bucket, &number);

	c->no_bucket = e == ERR_NOTFOUND;
	TRY(e);
	if (c->upload != NULL) {
		upload = index_key_upload(number, o->key, c->upload);
		if (!index_view_has(v, TABLE_UPLOADS, &upload, &e)) {
			return e == OK ? ERR_NOTFOUND : e;
		}
		TRY(index_upload_rows(v, a, c->upload, &rows, &n_rows));
		TRY(check_parts(o, (struct index_parts){rows, n_rows}));
	}
	struct index_key row = index_key_object(number, o->key);
	TRY(find_current(v, a, &row, &now));
	TRY(evaluate(c->condition, &now));

	struct writer w = index_value_begin();
	index_record_write(o, &w);
	TRY(index_view_put(v, TABLE_OBJECTS, index_key_bytes(&row), &w));
	if (now.exists) {
		TRY(index_garbage_add(v, a, now.object.id, parts_of(&now.object), parts_of(o)));
	}
	if (c->upload != NULL) {
		struct index_parts all = {rows, n_rows};
		TRY(index_garbage_add(v, a, o->id, all, parts_of(o)));
		TRY(index_upload_drop(v, &upload, c->upload, all));
	}
	return OK;
}

/* A record that could not be read back, or a key that has no row, is refused before anything waits for a commit. */
static enum err check_object(const struct index_object *o)
{
	uint64_t sum = 0;

	if (o->key.n < 1 || o->key.n > INDEX_KEY_MAX || o->wrapped.n > INDEX_WRAPPED_MAX) {
		return ERR_LIMIT;
	}
	for (size_t i = 0; i < o->n_parts; i++) {
		const struct index_part *p = &o->parts[i];
		if (p->number < 1 || p->number > INDEX_PART_TRAILER || p->blob_size == 0 ||
		    (i > 0 && p->number <= o->parts[i - 1].number) ||
		    __builtin_add_overflow(sum, p->size, &sum)) {
			return ERR_INPUT;
		}
	}
	return sum == o->size ? OK : ERR_INPUT;
}

enum err index_object_put(struct index *x, const struct index_object *object,
                          const struct index_condition *condition, const uint8_t *upload,
                          bool *ret_no_bucket)
{
	struct put_call c = {.object = object, .condition = condition, .upload = upload};

	*ret_no_bucket = false;
	TRY(check_object(object));
	enum err e = index_view_write(x, put_object, &c);
	*ret_no_bucket = e == ERR_NOTFOUND && c.no_bucket;
	return e;
}

static enum err delete_current(struct index_view *v, struct arena *a, const struct index_key *row,
                               const struct current *now)
{
	if (!now->exists) {
		return OK;
	}
	TRY(index_view_delete(v, TABLE_OBJECTS, index_key_bytes(row)));
	return index_garbage_add(v, a, now->object.id, parts_of(&now->object),
	                         (struct index_parts){NULL, 0});
}

struct delete_call {
	struct bytes bucket;
	const struct bytes *keys;
	size_t n;
	const struct index_condition *condition;
};

/* One key, or many under one condition (none). */
static enum err delete_objects(struct index_view *v, struct arena *a, void *context)
{
	const struct delete_call *d = context;
	uint64_t number;

	TRY(index_bucket_number(v, a, d->bucket, &number));
	for (size_t i = 0; i < d->n; i++) {
		struct index_key row = index_key_object(number, d->keys[i]);
		struct current now = {0};
		arena_reset(a); /* a thousand objects of ten thousand parts must fit, too */
		TRY(find_current(v, a, &row, &now));
		TRY(evaluate(d->condition, &now));
		TRY(delete_current(v, a, &row, &now));
	}
	return OK;
}

enum err index_object_delete(struct index *x, struct bytes bucket, struct bytes key,
                             const struct index_condition *condition)
{
	struct delete_call d = {bucket, &key, 1, condition};

	return index_view_write(x, delete_objects, &d);
}

enum err index_objects_delete(struct index *x, struct bytes bucket, const struct bytes *keys,
                              size_t n, enum err *ret)
{
	struct delete_call d = {bucket, keys, n, NULL};
	enum err e = index_view_write(x, delete_objects, &d);

	for (size_t i = 0; i < n; i++) { /* one transaction: all or none */
		ret[i] = e;
	}
	return e;
}

static enum err rewrap_object(struct index_view *v, struct arena *a, void *context)
{
	const struct index_rewrap *r = context;
	struct index_object o;
	uint64_t number;

	TRY(index_bucket_number(v, a, r->bucket, &number));
	struct index_key row = index_key_object(number, r->key);
	TRY(get_object(v, a, &row, &o));
	if (memcmp(o.id, r->id, sizeof(o.id)) != 0) {
		return ERR_CONFLICT;
	}
	o.wrapped = r->wrapped;
	o.key_arn = r->key_arn;
	struct writer w = index_value_begin();
	index_record_write(&o, &w);
	return index_view_put(v, TABLE_OBJECTS, index_key_bytes(&row), &w);
}

enum err index_object_rewrap(struct index *x, const struct index_rewrap *r)
{
	struct index_rewrap copy = *r;

	return r->wrapped.n > INDEX_WRAPPED_MAX ? ERR_LIMIT
	                                        : index_view_write(x, rewrap_object, &copy);
}
