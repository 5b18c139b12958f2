/*
 * Objects: get, publish, delete. The invariant: what an object replaces becomes garbage in the very transaction that replaces it, and
 * conditions are decided there, so of many writers with If-None-Match exactly one wins.
 */
#include <string.h>

#include "common/base/attr.h"
#include "common/base/clock.h"
#include "server/index/schema.h"

#define DAY_MS UINT64_C(86400000)

enum err index_object_get(struct index *x, struct arena *a, struct bytes bucket, struct bytes key,
                          struct index_object *ret)
{
	struct index_object o;

	TRY(index_version_get(x, a, bucket, key, NULL, &o));
	if (o.delete_marker) {
		return ERR_NOTFOUND;
	}
	*ret = o;
	return OK;
}

static uint64_t meant(const struct index_condition *c)
{
	return c == NULL ? 0 : c->bucket;
}

static bool matches(struct bytes etag, const struct index_object *o)
{
	return bytes_is(etag, "*") || bytes_equal(etag, o->etag);
}

static enum err evaluate(const struct index_condition *c, const struct index_place *now)
{
	bool exists = now->exists && !now->object.delete_marker;

	if (c == NULL) {
		return OK;
	}
	if (exists && matches(c->none_match, &now->object)) {
		return ERR_CONFLICT;
	}
	if (c->match.n == 0) {
		return OK;
	}
	if (!exists) {
		return ERR_NOTFOUND;
	}
	return matches(c->match, &now->object) ? OK : ERR_CONFLICT;
}

static struct index_parts parts_of(const struct index_object *o)
{
	return (struct index_parts){o->parts, o->n_parts};
}

struct put_call {
	struct index_object *object;
	struct index_object given; /* as the caller made it: a run may not build on another */
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

/* The bucket's default retention, for an object that comes with none of its own. */
static void take_default(const struct index_bucket *b, struct index_object *o)
{
	uint64_t days = b->lock_days + UINT64_C(365) * b->lock_years;

	if (o->lock_mode == INDEX_LOCK_NONE && b->lock_mode != INDEX_LOCK_NONE) {
		o->lock_mode = b->lock_mode;
		o->retain_until_ms = o->modified_ms + days * DAY_MS;
	}
}

/* Check, then write: see kv_write. */
static enum err put_object(struct index_view *v, struct arena *a, void *context)
{
	struct put_call *c = context;
	struct index_object *o = c->object;
	struct index_key upload = {0};
	struct index_part *rows = NULL;
	size_t n_rows = 0;
	struct index_place now = {0};
	struct index_bucket bucket = {0};
	enum err e = index_bucket_find(v, a, o->bucket, meant(c->condition), &bucket);

	*o = c->given;
	c->no_bucket = e == ERR_NOTFOUND;
	TRY(e);
	if (c->upload != NULL) {
		upload = index_key_upload(bucket.number, o->key, c->upload);
		if (!index_view_has(v, TABLE_UPLOADS, &upload, &e)) {
			return e == OK ? ERR_NOTFOUND : e;
		}
		TRY(index_upload_rows(v, a, c->upload, &rows, &n_rows));
		TRY(check_parts(o, (struct index_parts){rows, n_rows}));
	}
	struct index_name name = {bucket.number, o->key};
	TRY(index_place_find(v, a, &name, NULL, &now));
	TRY(evaluate(c->condition, &now));
	o->versioned = bucket.versioning == INDEX_VERSIONING_ENABLED;
	take_default(&bucket, o);
	TRY(index_place_replace(v, a, &name, &now, o));
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
	size_t at;

	if (bytes_find(o->key, 0, &at)) { /* see index_key_versions */
		return ERR_INPUT;
	}
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

enum err index_object_put(struct index *x, struct index_object *object,
                          const struct index_condition *condition, const uint8_t *upload,
                          bool *ret_no_bucket)
{
	struct put_call c = {.object = object, .given = *object, .condition = condition,
	                     .upload = upload};

	*ret_no_bucket = false;
	TRY(check_object(object));
	enum err e = index_view_write(x, put_object, &c);
	*ret_no_bucket = e == ERR_NOTFOUND && c.no_bucket;
	return e;
}

struct delete_call {
	struct bytes bucket;
	struct index_delete *items;
	size_t n;
	const struct index_condition *condition;
	uint64_t now_ms;
};

/* A delete marker takes the place of the current version. */
static enum err delete_by_marker(struct index_view *v, struct arena *a,
                                 const struct delete_call *d, const struct index_name *name,
                                 const struct index_place *now, struct index_delete *item)
{
	struct index_object marker = {.bucket = d->bucket, .key = name->key,
	                              .modified_ms = d->now_ms / 1000 * 1000, .delete_marker = true,
	                              .versioned = !item->made.null};

	memcpy(marker.id, item->made.id, sizeof(marker.id));
	enum err e = index_place_replace(v, a, name, now, &marker);
	if (e == ERR_DENIED) {
		item->result = e;
		return OK;
	}
	item->marker = true;
	item->has_made = true;
	return e;
}

static bool is_like(const struct index_like *like, const struct index_object *o)
{
	return (like->etag.n == 0 || matches(like->etag, o)) &&
	       (!like->has_size || like->size == o->size) &&
	       (like->modified_ms == 0 || like->modified_ms / 1000 == o->modified_ms / 1000);
}

/* Is it still what the caller judged, and such as he asks for? */
static bool is_as_judged(const struct index_delete *item, const struct index_place *now)
{
	bool exists = now->exists && !now->object.delete_marker;

	if (item->noncurrent && now->exists && now->table == TABLE_OBJECTS) {
		return false;
	}
	if (now->exists && !is_like(&item->like, &now->object)) {
		return false;
	}
	return item->modified_max_ms == 0 ||
	       (exists && now->object.modified_ms <= item->modified_max_ms);
}

static enum err delete_one(struct index_view *v, struct arena *a, const struct delete_call *d,
                           const struct index_bucket *bucket, struct index_delete *item)
{
	struct index_name name = {bucket->number, item->key};
	struct index_place place;

	item->result = OK;
	item->marker = false;
	item->has_made = false;
	item->made.null = bucket->versioning != INDEX_VERSIONING_ENABLED;
	TRY(index_place_find(v, a, &name, item->version, &place));
	TRY(evaluate(d->condition, &place));
	if (!is_as_judged(item, &place)) {
		item->result = ERR_CONFLICT;
		return OK;
	}
	if (item->version == NULL && bucket->versioning != INDEX_VERSIONING_OFF) {
		return delete_by_marker(v, a, d, &name, &place, item);
	}
	if (!place.exists) {
		return OK;
	}
	if (index_object_locked(&place.object, d->now_ms, item->bypass)) {
		item->result = ERR_DENIED;
		return OK;
	}
	item->marker = place.object.delete_marker;
	return index_place_remove(v, a, &name, &place);
}

static enum err delete_objects(struct index_view *v, struct arena *a, void *context)
{
	const struct delete_call *d = context;
	struct index_bucket bucket;

	kv_use_reserve(v->txn);
	TRY(index_bucket_find(v, a, d->bucket, meant(d->condition), &bucket));
	for (size_t i = 0; i < d->n; i++) {
		/* A thousand objects of ten thousand parts must fit, too; of the bucket only numbers are used. */
		arena_reset(a);
		TRY(delete_one(v, a, d, &bucket, &d->items[i]));
	}
	return OK;
}

static bool is_row_key(struct bytes key)
{
	size_t at;

	return key.n > 0 && key.n <= INDEX_KEY_MAX && !bytes_find(key, 0, &at);
}

enum err index_objects_delete(struct index *x, struct bytes bucket, struct index_delete *items,
                              size_t n, const struct index_condition *condition, uint64_t now_ms)
{
	struct delete_call d = {bucket, items, n, condition, now_ms};

	for (size_t i = 0; i < n; i++) {
		random_bytes(items[i].made.id, sizeof(items[i].made.id));
		if (!is_row_key(items[i].key)) {
			return ERR_LIMIT;
		}
	}
	return index_view_write(x, delete_objects, &d);
}

enum err index_object_delete(struct index *x, struct bytes bucket, struct bytes key,
                             const struct index_condition *condition)
{
	struct index_delete item = {.key = key};

	TRY(index_objects_delete(x, bucket, &item, 1, condition, clock_real_ms()));
	return item.result;
}

static enum err rewrap_object(struct index_view *v, struct arena *a, void *context)
{
	const struct index_rewrap *r = context;
	struct index_name name = {.key = r->key};
	struct index_version version = {.null = false};
	struct index_place place;

	TRY(index_bucket_number(v, a, r->bucket, 0, &name.bucket));
	TRY(index_place_find(v, a, &name, NULL, &place));
	if (!place.exists) {
		return ERR_NOTFOUND;
	}
	if (memcmp(place.object.id, r->id, sizeof(version.id)) != 0) {
		memcpy(version.id, r->id, sizeof(version.id));
		TRY(index_place_find(v, a, &name, &version, &place));
	}
	if (!place.exists || place.object.delete_marker) {
		return ERR_CONFLICT;
	}
	if ((place.object.sse == INDEX_SSE_CUSTOMER) != (r->sse == INDEX_SSE_CUSTOMER)) {
		return ERR_CONFLICT;
	}
	place.object.sse = r->sse;
	place.object.wrapped = r->wrapped;
	place.object.key_arn = r->key_arn;
	return index_place_write(v, &place);
}

enum err index_object_rewrap(struct index *x, const struct index_rewrap *r)
{
	struct index_rewrap copy = *r;

	return r->wrapped.n > INDEX_WRAPPED_MAX ? ERR_LIMIT
	                                        : index_view_write(x, rewrap_object, &copy);
}
