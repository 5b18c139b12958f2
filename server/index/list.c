/*
 * Listings of objects and of uploads. The invariant: a page costs its entries, not what it skips: a common prefix is one seek to the first
 * key behind all that begin with it.
 */
#include <string.h>

#include "common/base/attr.h"
#include "server/index/schema.h"

enum { PAGE_MAX = 10000 }; /* entries; a caller asks for 1,000 */

/* A walk over the names of a bucket that begin with a prefix. */
struct walk {
	struct index_view *v;
	enum index_table table;
	uint64_t bucket;
	struct bytes prefix, delimiter;
	bool markers;            /* delete markers may stand among the objects: they are not shown */
	struct kv_cursor *cursor;
	enum err e;              /* of the last step; NOTFOUND at the end */
	struct bytes row, value; /* under the cursor */
};

static void walk_seek(struct walk *w, const struct index_key *key)
{
	w->e = key->bad ? ERR_NOTFOUND
	                : kv_seek(w->cursor, index_key_bytes(key), &w->row, &w->value);
}

static void walk_next(struct walk *w)
{
	w->e = kv_next(w->cursor, &w->row, &w->value);
}

/* To the first row behind all whose name begins with `name`. */
static void walk_past(struct walk *w, struct bytes name)
{
	struct index_key key = index_key_object(w->bucket, name);

	if (key.bad || !index_key_after(&key)) {
		w->e = ERR_NOTFOUND;
		return;
	}
	walk_seek(w, &key);
}

/* The name in the row under the cursor; false at the end of bucket or prefix. */
static bool walk_name(struct walk *w, struct bytes *ret)
{
	const uint8_t *id;
	uint64_t bucket;

	if (w->e != OK) {
		return false;
	}
	w->e = index_key_read_object(w->row, &bucket, ret);
	if (w->e == OK && w->table == TABLE_UPLOADS && bucket == w->bucket) {
		w->e = index_key_read_upload(w->row, ret, &id);
	}
	if (w->e == OK && (bucket != w->bucket || !bytes_starts(*ret, w->prefix))) {
		w->e = ERR_NOTFOUND;
	}
	return w->e == OK;
}

/* The common prefix that a name falls under: up to and with the first delimiter behind the prefix. */
static bool group_of(const struct walk *w, struct bytes name, struct bytes *ret)
{
	struct bytes rest = bytes_skip(name, w->prefix.n);

	if (w->delimiter.n == 0 || rest.n == 0) {
		return false;
	}
	const uint8_t *at = memmem(rest.p, rest.n, w->delimiter.p, w->delimiter.n);
	if (at == NULL) {
		return false;
	}
	*ret = bytes_of(name.p, (size_t)(at - name.p) + w->delimiter.n);
	return true;
}

/* To the first name strictly above `after`, and out of the common prefix that `after` falls under. */
static void walk_start(struct walk *w, struct bytes after)
{
	struct index_key key;
	struct bytes group;

	if (bytes_compare(after, w->prefix) < 0) {
		key = index_key_object(w->bucket, w->prefix);
		walk_seek(w, &key);
		return;
	}
	if (bytes_starts(after, w->prefix) && group_of(w, after, &group)) {
		walk_past(w, group);
		return;
	}
	key = index_key_object(w->bucket, after);
	walk_seek(w, &key);
}

static enum err copy_into(struct arena *a, struct bytes b, struct bytes *ret)
{
	*ret = arena_copy(a, b);
	return ret->p == NULL ? ERR_LIMIT : OK;
}

/* One object of the page; its opened value lives in the scratch arena for this moment only. */
static enum err read_entry(struct walk *w, struct arena *a, struct arena *scratch,
                           struct index_list_entry *entry)
{
	struct bytes record;

	arena_reset(scratch);
	TRY(index_view_open(w->v, w->table, w->row, w->value, scratch, &record));
	TRY(index_record_entry(record, scratch, entry));
	TRY(copy_into(a, entry->acl, &entry->acl));
	return copy_into(a, entry->etag, &entry->etag);
}

/* Of a common prefix only whether there is anything to be seen below it counts. */
static enum err next_entry(struct walk *w, struct arena *a, struct arena *scratch,
                           struct bytes name, struct index_list_entry *entry)
{
	struct bytes group;
	bool grouped = group_of(w, name, &group);

	*entry = (struct index_list_entry){.prefix = grouped};
	if (!grouped || w->markers) {
		TRY(read_entry(w, a, scratch, entry));
	}
	return copy_into(a, grouped ? group : name, &entry->key);
}

static enum err fill_page(struct walk *w, struct arena *a, struct arena *scratch,
                          const struct index_list_query *q, struct index_list_page *page)
{
	struct index_list_entry entry;
	struct bytes name;

	walk_start(w, q->after);
	while (walk_name(w, &name)) {
		if (q->after.n > 0 && bytes_equal(name, q->after)) {
			walk_next(w);
			continue;
		}
		bool full = page->n == q->max || page->n == PAGE_MAX;
		if (full && !w->markers) {
			page->truncated = true;
			return OK;
		}
		TRY(next_entry(w, a, scratch, name, &entry));
		if (entry.delete_marker) {
			walk_next(w);
			continue;
		}
		if (full) {
			page->truncated = true;
			return OK;
		}
		page->entries[page->n++] = entry;
		page->next = entry.key;
		if (entry.prefix) {
			walk_past(w, entry.key);
		} else {
			walk_next(w);
		}
	}
	return w->e == ERR_NOTFOUND ? OK : w->e;
}

static enum err begin_walk(struct index_view *v, struct arena *a, const struct index_list_query *q,
                           struct walk *ret)
{
	struct index_bucket bucket;

	TRY(index_bucket_find(v, a, q->bucket, q->bucket_number, &bucket));
	*ret = (struct walk){.v = v, .table = TABLE_OBJECTS, .bucket = bucket.number,
	                     .prefix = q->prefix, .delimiter = q->delimiter,
	                     .markers = bucket.versioning != INDEX_VERSIONING_OFF};
	return OK;
}

static enum err begin_page(struct arena *a, uint32_t max, struct index_list_page *ret)
{
	*ret = (struct index_list_page){0};
	ret->entries = arena_alloc(a, (max < PAGE_MAX ? max : PAGE_MAX) * sizeof(*ret->entries));
	return ret->entries == NULL ? ERR_LIMIT : OK;
}

enum err index_list(struct index *x, struct arena *a, const struct index_list_query *q,
                    struct index_list_page *ret)
{
	AUTO(index_view_end) struct index_view v = {0};
	AUTO(arena_freep) struct arena *scratch = arena_new(INDEX_SCRATCH_MAX_BYTES);
	struct index_list_page page;
	struct walk w;

	if (scratch == NULL) {
		return ERR_NOMEM;
	}
	TRY(index_view_begin(x, &v));
	TRY(begin_walk(&v, scratch, q, &w));
	TRY(begin_page(a, q->max, &page));
	if (q->max > 0) { /* S3: a page of nothing is complete */
		TRY(kv_cursor_open(v.txn, w.table, &w.cursor));
		TRY(fill_page(&w, a, scratch, q, &page));
	}
	*ret = page;
	return OK;
}

/* --- versions --------------------------------------------------------------------------- */

/* The walk over the keys, and in it one over the older versions of a key. */
struct versions_walk {
	struct walk keys;
	struct kv_cursor *older;
	struct arena *a, *scratch;
	const struct index_versions_query *q;
	struct index_list_page *page;
};

/* Another entry, unless the page is full: then NULL. */
static struct index_list_entry *new_entry(struct versions_walk *w, struct bytes key)
{
	struct index_list_page *page = w->page;

	if (page->n == w->q->list.max || page->n == PAGE_MAX) {
		page->truncated = true;
		return NULL;
	}
	struct index_list_entry *entry = &page->entries[page->n++];
	*entry = (struct index_list_entry){.key = key};
	page->next = key;
	return entry;
}

/* Is the version in this row the one that the page begins behind? */
static bool is_marker(const struct versions_walk *w, const struct index_version *here)
{
	const struct index_version *after = w->q->after_version;

	return after->null == here->null &&
	       (after->null || memcmp(after->id, here->id, sizeof(here->id)) == 0);
}

/* Put the cursor of older versions behind the marker; false when it is not among them. */
static enum err seek_marker(struct versions_walk *w, const struct index_key *prefix,
                            struct bytes *row, struct bytes *value, bool *ret_found)
{
	struct index_version here;
	enum err e = kv_seek(w->older, index_key_bytes(prefix), row, value);

	*ret_found = false;
	while (e == OK && bytes_starts(*row, index_key_bytes(prefix))) {
		TRY(index_key_read_version(*row, &here));
		*ret_found = is_marker(w, &here);
		e = kv_next(w->older, row, value);
		if (*ret_found) {
			return e;
		}
	}
	return e;
}

static enum err add_older(struct versions_walk *w, struct bytes key, const struct index_key *prefix,
                          struct bytes row, struct bytes value)
{
	enum err e = OK;

	while (e == OK && bytes_starts(row, index_key_bytes(prefix))) {
		struct index_list_entry *entry = new_entry(w, key);
		if (entry == NULL) {
			return OK;
		}
		struct walk at = w->keys;
		at.table = TABLE_VERSIONS;
		at.row = row;
		at.value = value;
		TRY(read_entry(&at, w->a, w->scratch, entry));
		e = kv_next(w->older, &row, &value);
	}
	return e;
}

/* The current version of a key and its older ones; of the key that the last page ended in only what is left. */
static enum err add_versions(struct versions_walk *w, struct bytes name)
{
	struct index_key prefix = index_key_versions(w->keys.bucket, name);
	bool resumed = w->q->after_version != NULL && bytes_equal(name, w->q->list.after);
	struct index_list_entry current = {.latest = true};
	struct bytes key, row, value;
	bool found = false;

	TRY(copy_into(w->a, name, &key));
	TRY(read_entry(&w->keys, w->a, w->scratch, &current));
	bool skip = resumed && is_marker(w, &current.version);
	enum err e = OK;
	if (resumed && !skip) {
		e = seek_marker(w, &prefix, &row, &value, &found);
		skip = found;
	}
	if (!skip) {
		struct index_list_entry *entry = new_entry(w, key);
		if (entry == NULL) {
			return OK;
		}
		*entry = current;
		entry->key = key;
	}
	if (!found && (e == OK || e == ERR_NOTFOUND)) {
		e = kv_seek(w->older, index_key_bytes(&prefix), &row, &value);
	}
	if (e == OK) {
		e = add_older(w, key, &prefix, row, value);
	}
	return e == ERR_NOTFOUND ? OK : e;
}

static enum err fill_versions(struct versions_walk *w)
{
	struct walk *keys = &w->keys;
	struct bytes after = w->q->list.after;
	struct bytes name, group;

	walk_start(keys, after);
	while (!w->page->truncated && walk_name(keys, &name)) {
		bool given = after.n > 0 && w->q->after_version == NULL &&
		             bytes_equal(name, after);
		if (given) {
			walk_next(keys);
		} else if (group_of(keys, name, &group)) {
			TRY(copy_into(w->a, group, &group));
			struct index_list_entry *entry = new_entry(w, group);
			if (entry != NULL) {
				entry->prefix = true;
			}
			walk_past(keys, group);
		} else {
			TRY(add_versions(w, name));
			walk_next(keys);
		}
	}
	return w->page->truncated || keys->e == ERR_NOTFOUND ? OK : keys->e;
}

enum err index_versions(struct index *x, struct arena *a, const struct index_versions_query *q,
                        struct index_list_page *ret)
{
	AUTO(index_view_end) struct index_view v = {0};
	AUTO(arena_freep) struct arena *scratch = arena_new(INDEX_SCRATCH_MAX_BYTES);
	struct index_list_page page;
	struct versions_walk w = {.a = a, .scratch = scratch, .q = q, .page = &page};

	if (scratch == NULL) {
		return ERR_NOMEM;
	}
	TRY(index_view_begin(x, &v));
	TRY(begin_walk(&v, scratch, &q->list, &w.keys));
	TRY(begin_page(a, q->list.max, &page));
	if (q->list.max > 0) {
		TRY(kv_cursor_open(v.txn, TABLE_OBJECTS, &w.keys.cursor));
		TRY(kv_cursor_open(v.txn, TABLE_VERSIONS, &w.older));
		TRY(fill_versions(&w));
	}
	*ret = page;
	return OK;
}

/* --- uploads ---------------------------------------------------------------------------- */

/* Where a page of uploads begins: strictly behind (key marker, upload marker). */
static void start_uploads(struct walk *w, const struct index_uploads_query *q)
{
	struct index_key key;
	struct bytes group;

	if (q->key_marker.n == 0 || bytes_compare(q->key_marker, w->prefix) < 0) {
		key = index_key_object(w->bucket, w->prefix);
		walk_seek(w, &key);
		return;
	}
	if (bytes_starts(q->key_marker, w->prefix) && group_of(w, q->key_marker, &group)) {
		walk_past(w, group);
		return;
	}
	key = index_key_object(w->bucket, q->key_marker);
	walk_seek(w, &key);
}

/* Was this row on an earlier page? */
static bool is_before(const struct index_uploads_query *q, struct bytes row, struct bytes name)
{
	if (q->key_marker.n == 0 || !bytes_equal(name, q->key_marker)) {
		return false;
	}
	return q->upload_marker == NULL ||
	       memcmp(row.p + row.n - INDEX_UPLOAD_ID_BYTES, q->upload_marker,
	              INDEX_UPLOAD_ID_BYTES) <= 0;
}

static enum err add_upload(struct walk *w, struct arena *a, struct bytes name,
                           struct index_uploads_page *page)
{
	struct index_upload *u = &page->uploads[page->n];
	struct bytes record;

	TRY(index_view_open(w->v, w->table, w->row, w->value, a, &record));
	TRY(index_record_read_upload(record, a, u));
	if (!bytes_equal(u->object.key, name)) {
		return ERR_CORRUPT;
	}
	page->next_key = u->object.key;
	memcpy(page->next_upload, u->upload_id, sizeof(page->next_upload));
	page->n++;
	return OK;
}

static enum err fill_uploads(struct walk *w, struct arena *a, const struct index_uploads_query *q,
                             size_t max, struct index_uploads_page *page)
{
	struct bytes name, group;

	start_uploads(w, q);
	while (walk_name(w, &name)) {
		if (is_before(q, w->row, name)) {
			walk_next(w);
			continue;
		}
		if (page->n + page->n_prefixes == max) {
			page->truncated = true;
			return OK;
		}
		if (group_of(w, name, &group)) {
			struct bytes *prefix = &page->prefixes[page->n_prefixes];
			TRY(copy_into(a, group, prefix));
			page->next_key = *prefix;
			memset(page->next_upload, 0xff, sizeof(page->next_upload));
			page->n_prefixes++;
			walk_past(w, *prefix);
		} else {
			TRY(add_upload(w, a, name, page));
			walk_next(w);
		}
	}
	return w->e == ERR_NOTFOUND ? OK : w->e;
}

enum err index_uploads(struct index *x, struct arena *a, const struct index_uploads_query *q,
                       struct index_uploads_page *ret)
{
	AUTO(index_view_end) struct index_view v = {0};
	struct index_uploads_page page = {0};
	size_t max = q->max < PAGE_MAX ? q->max : PAGE_MAX;

	TRY(index_view_begin(x, &v));
	struct walk w = {.v = &v, .table = TABLE_UPLOADS, .prefix = q->prefix,
	                 .delimiter = q->delimiter};
	TRY(index_bucket_number(&v, a, q->bucket, q->bucket_number, &w.bucket));
	page.uploads = arena_alloc(a, max * sizeof(*page.uploads));
	page.prefixes = arena_alloc(a, max * sizeof(*page.prefixes));
	if (page.uploads == NULL || page.prefixes == NULL) {
		return ERR_LIMIT;
	}
	if (max > 0) {
		TRY(kv_cursor_open(v.txn, w.table, &w.cursor));
		TRY(fill_uploads(&w, a, q, max, &page));
	}
	*ret = page;
	return OK;
}
