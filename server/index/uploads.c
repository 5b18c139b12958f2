/* Uploads in progress: rows of uploads and of their parts. */
#include <string.h>

#include "common/base/attr.h"
#include "server/index/schema.h"

/* Where an upload stands: its row's key, when bucket and row are there. */
static enum err find_upload(struct index_view *v, struct arena *a, const struct index_upload *u,
                            struct index_key *ret)
{
	uint64_t number;
	enum err e;

	TRY(index_bucket_number(v, a, u->object.bucket, u->object.bucket_number, &number));
	*ret = index_key_upload(number, u->object.key, u->upload_id);
	if (!index_view_has(v, TABLE_UPLOADS, ret, &e)) {
		return e == OK ? ERR_NOTFOUND : e;
	}
	return OK;
}

static struct index_upload name_upload(struct bytes bucket, struct bytes key,
                                       const uint8_t *upload_id)
{
	struct index_upload u = {.object = {.bucket = bucket, .key = key}};

	memcpy(u.upload_id, upload_id, sizeof(u.upload_id));
	return u;
}

static enum err read_upload(struct index_view *v, struct arena *a, const struct index_key *row,
                            struct index_upload *ret)
{
	struct bytes record;

	TRY(index_view_get(v, TABLE_UPLOADS, index_key_bytes(row), a, &record));
	return index_record_read_upload(record, a, ret);
}

static enum err create_upload(struct index_view *v, struct arena *a, void *context)
{
	const struct index_upload *u = context;
	uint64_t number;

	TRY(index_bucket_number(v, a, u->object.bucket, u->object.bucket_number, &number));
	struct index_key row = index_key_upload(number, u->object.key, u->upload_id);
	struct writer w = index_value_begin();
	index_record_write_upload(u, &w);
	return index_view_put(v, TABLE_UPLOADS, index_key_bytes(&row), &w);
}

enum err index_upload_create(struct index *x, const struct index_upload *u)
{
	struct index_upload copy = *u;
	const struct index_object *o = &u->object;

	if (o->key.n < 1 || o->key.n > INDEX_KEY_MAX || o->wrapped.n > INDEX_WRAPPED_MAX) {
		return ERR_LIMIT;
	}
	return o->n_parts != 0 || o->size != 0 ? ERR_INPUT
	                                       : index_view_write(x, create_upload, &copy);
}

enum err index_upload_get(struct index *x, struct arena *a, struct bytes bucket, struct bytes key,
                          const uint8_t *upload_id, struct index_upload *ret)
{
	AUTO(index_view_end) struct index_view v = {0};
	struct index_upload name = name_upload(bucket, key, upload_id);
	struct index_key row;

	TRY(index_view_begin(x, &v));
	TRY(find_upload(&v, a, &name, &row));
	return read_upload(&v, a, &row, ret);
}

struct part_call {
	struct index_upload name;
	const struct index_part *part;
};

static enum err put_part(struct index_view *v, struct arena *a, void *context)
{
	const struct part_call *c = context;
	struct index_key row = index_key_part(c->name.upload_id, c->part->number);
	struct index_key upload_row;
	struct index_upload upload;
	struct index_part old;
	struct bytes record;

	TRY(find_upload(v, a, &c->name, &upload_row));
	enum err e = index_view_get(v, TABLE_PARTS, index_key_bytes(&row), a, &record);
	bool replaces = e == OK;
	if (e != OK && e != ERR_NOTFOUND) {
		return e;
	}
	if (replaces) {
		TRY(index_record_read_part(record, &old));
		TRY(read_upload(v, a, &upload_row, &upload));
	}
	struct writer w = index_value_begin();
	index_record_write_part(c->part, &w);
	TRY(index_view_put(v, TABLE_PARTS, index_key_bytes(&row), &w));
	if (!replaces) {
		return OK;
	}
	return index_garbage_add(v, a, upload.object.id, (struct index_parts){&old, 1},
	                         (struct index_parts){c->part, 1});
}

enum err index_upload_part(struct index *x, struct bytes bucket, struct bytes key,
                           const uint8_t *upload_id, const struct index_part *part)
{
	struct part_call c = {.name = name_upload(bucket, key, upload_id), .part = part};

	if (part->number < 1 || part->number > INDEX_PARTS_MAX || part->blob_size == 0) {
		return ERR_INPUT;
	}
	return index_view_write(x, put_part, &c);
}

/* A page of part rows after a number. */
struct part_page {
	const uint8_t *upload_id;
	uint32_t after;
	size_t max;
	struct index_part *parts; /* in the arena, with the values */
	size_t n;
	bool truncated;
};

static enum err read_part_row(struct index_view *v, struct arena *a, struct bytes key,
                              struct bytes value, struct index_part *ret)
{
	struct bytes record;
	uint32_t number;

	TRY(index_key_read_part(key, &number));
	TRY(index_view_open(v, TABLE_PARTS, key, value, a, &record));
	TRY(index_record_read_part(record, ret));
	return ret->number == number ? OK : ERR_CORRUPT;
}

static enum err read_part_page(struct index_view *v, struct arena *a, struct part_page *page)
{
	struct index_key prefix = index_key_parts(page->upload_id);
	struct index_key from = index_key_part(page->upload_id, page->after + 1);
	struct kv_cursor *c;
	struct bytes key, value;

	page->parts = arena_alloc(a, page->max * sizeof(*page->parts));
	if (page->parts == NULL) {
		return ERR_LIMIT;
	}
	if (from.bad) { /* nothing is numbered so high */
		return OK;
	}
	TRY(kv_cursor_open(v->txn, TABLE_PARTS, &c));
	enum err e = kv_seek(c, index_key_bytes(&from), &key, &value);
	for (; e == OK && bytes_starts(key, index_key_bytes(&prefix));
	     e = kv_next(c, &key, &value)) {
		if (page->n == page->max) {
			page->truncated = true;
			break;
		}
		TRY(read_part_row(v, a, key, value, &page->parts[page->n]));
		page->n++;
	}
	kv_cursor_close(c);
	return e == ERR_NOTFOUND ? OK : e;
}

enum err index_upload_rows(struct index_view *v, struct arena *a, const uint8_t *upload_id,
                           struct index_part **ret, size_t *ret_n)
{
	struct part_page page = {.upload_id = upload_id, .max = INDEX_PARTS_MAX};

	TRY(read_part_page(v, a, &page));
	*ret = page.parts;
	*ret_n = page.n;
	return OK;
}

enum err index_upload_parts(struct index *x, struct arena *a, const uint8_t *upload_id,
                            uint32_t after, uint32_t max, struct index_part **ret, size_t *ret_n,
                            bool *ret_truncated)
{
	AUTO(index_view_end) struct index_view v = {0};
	struct part_page page = {
		.upload_id = upload_id,
		.after = after < INDEX_PARTS_MAX ? after : INDEX_PARTS_MAX,
		.max = max < INDEX_PARTS_MAX ? max : INDEX_PARTS_MAX,
	};

	TRY(index_view_begin(x, &v));
	TRY(read_part_page(&v, a, &page));
	*ret = page.parts;
	*ret_n = page.n;
	*ret_truncated = page.truncated;
	return OK;
}

enum err index_upload_drop(struct index_view *v, const struct index_key *upload,
                           const uint8_t *upload_id, struct index_parts rows)
{
	for (size_t i = 0; i < rows.n; i++) {
		struct index_key row = index_key_part(upload_id, rows.p[i].number);
		TRY(index_view_delete(v, TABLE_PARTS, index_key_bytes(&row)));
	}
	return index_view_delete(v, TABLE_UPLOADS, index_key_bytes(upload));
}

static enum err abort_upload(struct index_view *v, struct arena *a, void *context)
{
	const struct index_upload *name = context;
	struct index_key row;
	struct index_upload upload;
	struct index_part *rows;
	size_t n;

	kv_use_reserve(v->txn);
	TRY(find_upload(v, a, name, &row));
	TRY(read_upload(v, a, &row, &upload));
	TRY(index_upload_rows(v, a, name->upload_id, &rows, &n));
	struct index_parts all = {rows, n};
	TRY(index_garbage_add(v, a, upload.object.id, all, (struct index_parts){NULL, 0}));
	return index_upload_drop(v, &row, name->upload_id, all);
}

enum err index_upload_abort(struct index *x, struct bytes bucket, struct bytes key,
                            const uint8_t *upload_id)
{
	struct index_upload name = name_upload(bucket, key, upload_id);

	return index_view_write(x, abort_upload, &name);
}
