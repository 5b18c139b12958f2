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
static enum err add_entry(struct walk *w, struct arena *a, struct arena *scratch,
                          struct bytes name, struct index_list_entry *entry)
{
	struct bytes record;

	arena_reset(scratch);
	TRY(index_view_open(w->v, w->table, w->row, w->value, scratch, &record));
	TRY(index_record_entry(record, entry));
	TRY(copy_into(a, entry->etag, &entry->etag));
	return copy_into(a, name, &entry->key);
}

static enum err fill_page(struct walk *w, struct arena *a, struct arena *scratch,
                          const struct index_list_query *q, struct index_list_page *page)
{
	struct bytes name, group;

	walk_start(w, q->after);
	while (walk_name(w, &name)) {
		if (q->after.n > 0 && bytes_equal(name, q->after)) {
			walk_next(w);
			continue;
		}
		if (page->n == q->max || page->n == PAGE_MAX) {
			page->truncated = true;
			return OK;
		}
		struct index_list_entry *entry = &page->entries[page->n];
		if (group_of(w, name, &group)) {
			TRY(copy_into(a, group, &entry->key));
			entry->prefix = true;
			walk_past(w, entry->key);
		} else {
			TRY(add_entry(w, a, scratch, name, entry));
			walk_next(w);
		}
		page->next = entry->key;
		page->n++;
	}
	return w->e == ERR_NOTFOUND ? OK : w->e;
}

enum err index_list(struct index *x, struct arena *a, const struct index_list_query *q,
                    struct index_list_page *ret)
{
	AUTO(index_view_end) struct index_view v = {0};
	AUTO(arena_freep) struct arena *scratch = arena_new(INDEX_SCRATCH_MAX_BYTES);
	struct index_list_page page = {0};
	size_t max = q->max < PAGE_MAX ? q->max : PAGE_MAX;

	if (scratch == NULL) {
		return ERR_NOMEM;
	}
	TRY(index_view_begin(x, &v));
	struct walk w = {.v = &v, .table = TABLE_OBJECTS, .prefix = q->prefix,
	                 .delimiter = q->delimiter};
	TRY(index_bucket_number(&v, scratch, q->bucket, &w.bucket));
	page.entries = arena_alloc(a, max * sizeof(*page.entries));
	if (page.entries == NULL) {
		return ERR_LIMIT;
	}
	if (max > 0) { /* S3: a page of nothing is complete */
		TRY(kv_cursor_open(v.txn, w.table, &w.cursor));
		TRY(fill_page(&w, a, scratch, q, &page));
	}
	*ret = page;
	return OK;
}

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
	TRY(index_bucket_number(&v, a, q->bucket, &w.bucket));
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
