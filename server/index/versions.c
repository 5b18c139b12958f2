/*
 * Versions of one object: where they stand, how one takes the place of another. The invariant: a key with any version has a row in
 * `objects`, which holds the newest; the older ones stand in `versions`, newest first. A bucket that never had versioning has no row there.
 */
#include <string.h>

#include "common/base/attr.h"
#include "server/index/schema.h"

static struct index_parts parts_of(const struct index_object *o)
{
	return (struct index_parts){o->parts, o->n_parts};
}

struct index_version index_version_of(const struct index_object *o)
{
	struct index_version version = {.null = !o->versioned};

	memcpy(version.id, o->id, sizeof(version.id));
	return version;
}

static bool is_same(const struct index_version *a, const struct index_version *b)
{
	return a->null == b->null && (a->null || memcmp(a->id, b->id, sizeof(a->id)) == 0);
}

static enum err read_place(struct index_view *v, struct arena *a, struct index_place *place)
{
	struct bytes record;

	TRY(index_view_get(v, place->table, index_key_bytes(&place->row), a, &record));
	TRY(index_record_borrow(record, a, &place->object));
	place->exists = true;
	return OK;
}

static enum err find_current(struct index_view *v, struct arena *a, const struct index_name *name,
                             struct index_place *ret)
{
	*ret = (struct index_place){.table = TABLE_OBJECTS,
	                            .row = index_key_object(name->bucket, name->key)};
	enum err e = ret->row.bad ? ERR_NOTFOUND : read_place(v, a, ret);
	return e == ERR_NOTFOUND ? OK : e;
}

/* The row of an older version: of the newest of them when `version` is NULL. The names are in the keys, so nothing is opened on the way. */
static enum err find_row(struct index_view *v, const struct index_name *name,
                         const struct index_version *version, struct index_key *ret)
{
	struct index_key prefix = index_key_versions(name->bucket, name->key);
	struct kv_cursor *c;
	struct bytes row, value;

	if (prefix.bad) {
		return ERR_NOTFOUND;
	}
	TRY(kv_cursor_open(v->txn, TABLE_VERSIONS, &c));
	enum err e = kv_seek(c, index_key_bytes(&prefix), &row, &value);
	for (; e == OK; e = kv_next(c, &row, &value)) {
		struct index_version here;
		if (!bytes_starts(row, index_key_bytes(&prefix))) {
			e = ERR_NOTFOUND;
			break;
		}
		e = index_key_read_version(row, &here);
		if (e != OK || version == NULL || is_same(&here, version)) {
			break;
		}
	}
	if (e == OK) {
		memcpy(ret->p, row.p, row.n);
		ret->n = row.n;
		ret->bad = false;
	}
	kv_cursor_close(c);
	return e;
}

static enum err find_older(struct index_view *v, struct arena *a, const struct index_name *name,
                           const struct index_version *version, struct index_place *ret)
{
	*ret = (struct index_place){.table = TABLE_VERSIONS};
	enum err e = find_row(v, name, version, &ret->row);
	if (e == ERR_NOTFOUND) {
		return OK;
	}
	TRY(e);
	TRY(read_place(v, a, ret));
	struct index_version found = index_version_of(&ret->object);
	bool right = bytes_equal(ret->object.key, name->key) &&
	             (version == NULL || is_same(&found, version));
	return right ? OK : ERR_CORRUPT;
}

enum err index_place_find(struct index_view *v, struct arena *a, const struct index_name *name,
                          const struct index_version *version, struct index_place *ret)
{
	TRY(find_current(v, a, name, ret));
	if (version == NULL || !ret->exists) {
		return OK;
	}
	struct index_version current = index_version_of(&ret->object);
	return is_same(&current, version) ? OK : find_older(v, a, name, version, ret);
}

static enum err put_record(struct index_view *v, enum index_table table,
                           const struct index_key *row, const struct index_object *o)
{
	struct writer w = index_value_begin();

	index_record_write(o, &w);
	return index_view_put(v, table, index_key_bytes(row), &w);
}

enum err index_place_write(struct index_view *v, const struct index_place *place)
{
	return put_record(v, place->table, &place->row, &place->object);
}

bool index_object_locked(const struct index_object *o, uint64_t now_ms, bool bypass)
{
	bool retained = o->lock_mode != INDEX_LOCK_NONE && o->retain_until_ms > now_ms;

	return o->legal_hold || (retained && (o->lock_mode == INDEX_LOCK_COMPLIANCE || !bypass));
}

/* The current version becomes the newest of the older ones. */
static enum err demote(struct index_view *v, const struct index_name *name,
                       const struct index_object *o)
{
	struct index_version version = index_version_of(o);
	struct index_key row = index_key_version(name->bucket, name->key,
	                                         index_seal_number(v->sealer.seal), &version);

	return row.bad ? ERR_LIMIT : put_record(v, TABLE_VERSIONS, &row, o);
}

static enum err discard(struct index_view *v, struct arena *a, const struct index_object *old,
                        struct index_parts keep)
{
	return index_garbage_add(v, a, old->id, parts_of(old), keep);
}

enum err index_place_replace(struct index_view *v, struct arena *a, const struct index_name *name,
                             const struct index_place *now, const struct index_object *o)
{
	static const struct index_version null = {.null = true};
	bool keep = now->exists && (o->versioned || now->object.versioned);
	struct index_place gone = {0};

	if (keep && !o->versioned) { /* of null versions there is one */
		TRY(find_older(v, a, name, &null, &gone));
	}
	if ((now->exists && !keep && index_object_locked(&now->object, o->modified_ms, false)) ||
	    (gone.exists && index_object_locked(&gone.object, o->modified_ms, false))) {
		return ERR_DENIED;
	}
	struct index_key row = index_key_object(name->bucket, name->key);
	TRY(put_record(v, TABLE_OBJECTS, &row, o));
	if (gone.exists) {
		TRY(index_view_delete(v, TABLE_VERSIONS, index_key_bytes(&gone.row)));
		TRY(discard(v, a, &gone.object, parts_of(o)));
	}
	if (keep) {
		return demote(v, name, &now->object);
	}
	return now->exists ? discard(v, a, &now->object, parts_of(o)) : OK;
}

enum err index_place_remove(struct index_view *v, struct arena *a, const struct index_name *name,
                            const struct index_place *place)
{
	const struct index_parts none = {NULL, 0};
	struct index_place next = {0};

	if (place->table == TABLE_OBJECTS) {
		TRY(find_older(v, a, name, NULL, &next));
	}
	if (next.exists) {
		TRY(put_record(v, TABLE_OBJECTS, &place->row, &next.object));
		TRY(index_view_delete(v, TABLE_VERSIONS, index_key_bytes(&next.row)));
	} else {
		TRY(index_view_delete(v, place->table, index_key_bytes(&place->row)));
	}
	return discard(v, a, &place->object, none);
}

enum err index_version_get(struct index *x, struct arena *a, struct bytes bucket, struct bytes key,
                           const struct index_version *version, struct index_object *ret)
{
	AUTO(index_view_end) struct index_view v = {0};
	struct index_name name = {.key = key};
	struct index_place place;

	TRY(index_view_begin(x, &v));
	TRY(index_bucket_number(&v, a, bucket, 0, &name.bucket));
	TRY(index_place_find(&v, a, &name, version, &place));
	if (!place.exists) {
		return ERR_NOTFOUND;
	}
	*ret = place.object;
	ret->bucket_number = name.bucket;
	return OK;
}

struct change_call {
	const struct index_change *change;
	struct index_version version; /* that was changed */
};

/* S3: a retention that stands may be made longer; with the bypass a governance may become anything. */
static enum err set_retention(const struct index_change *c, struct index_object *o)
{
	bool stands = o->lock_mode != INDEX_LOCK_NONE && o->retain_until_ms > c->now_ms;
	bool longer = c->lock_mode == o->lock_mode && c->retain_until_ms >= o->retain_until_ms;

	if (stands && !longer && (o->lock_mode == INDEX_LOCK_COMPLIANCE || !c->bypass)) {
		return ERR_DENIED;
	}
	o->lock_mode = c->lock_mode;
	o->retain_until_ms = c->lock_mode == INDEX_LOCK_NONE ? 0 : c->retain_until_ms;
	return OK;
}

static enum err change_object(struct index_view *v, struct arena *a, void *context)
{
	struct change_call *call = context;
	const struct index_change *c = call->change;
	struct index_name name = {.key = c->key};
	struct index_place place;

	TRY(index_bucket_number(v, a, c->bucket, c->bucket_number, &name.bucket));
	TRY(index_place_find(v, a, &name, c->version, &place));
	if (!place.exists) {
		return ERR_NOTFOUND;
	}
	if (place.object.delete_marker) {
		return ERR_CONFLICT;
	}
	if (c->id != NULL && memcmp(c->id, place.object.id, sizeof(place.object.id)) != 0) {
		return ERR_NOTFOUND;
	}
	if (c->set_retention) {
		TRY(set_retention(c, &place.object));
	}
	if (c->set_tags) {
		place.object.tags = c->tags;
		place.object.n_tags = c->n_tags;
	}
	if (c->set_hold) {
		place.object.legal_hold = c->legal_hold;
	}
	if (c->set_acl) {
		place.object.acl = c->acl;
		memcpy(place.object.acl_stamp, c->acl_stamp, sizeof(c->acl_stamp));
	}
	call->version = index_version_of(&place.object);
	return index_place_write(v, &place);
}

enum err index_object_change(struct index *x, const struct index_change *c,
                             struct index_version *ret)
{
	struct change_call call = {.change = c};

	TRY(index_view_write(x, change_object, &call));
	*ret = call.version;
	return OK;
}
