/*
 * Blobs that nobody needs any more. Rows are written by the transaction that replaces or deletes what
 * they belonged to, and taken away once the blobs are gone.
 */
#include <string.h>

#include "common/base/attr.h"
#include "server/index/schema.h"

/* The list without what is kept. Both ascend by number, and a part never changes its number. */
static size_t leave_out(struct index_part *out, struct index_parts old, struct index_parts keep)
{
	size_t n = 0;
	size_t k = 0;

	for (size_t i = 0; i < old.n; i++) {
		while (k < keep.n && keep.p[k].number < old.p[i].number) {
			k++;
		}
		if (k == keep.n || keep.p[k].number != old.p[i].number ||
		    memcmp(keep.p[k].seed, old.p[i].seed, INDEX_SEED_BYTES) != 0) {
			out[n++] = old.p[i];
		}
	}
	return n;
}

enum err index_garbage_add(struct index_view *v, struct arena *a, const uint8_t *object_id,
                           struct index_parts old, struct index_parts keep)
{
	struct index_garbage g = {.sequence = index_seal_number(v->sealer.seal)};

	memcpy(g.object_id, object_id, sizeof(g.object_id));
	g.parts = arena_alloc(a, old.n * sizeof(*g.parts));
	if (g.parts == NULL) {
		return ERR_LIMIT;
	}
	g.n_parts = leave_out(g.parts, old, keep);
	if (g.n_parts == 0) {
		return OK;
	}
	struct index_key key = index_key_garbage(g.sequence);
	struct writer w = index_value_begin();
	index_record_write_garbage(&g, &w);
	return index_view_put(v, TABLE_GARBAGE, index_key_bytes(&key), &w);
}

static enum err read_row(struct index_view *v, struct bytes key, struct bytes value,
                         struct arena *a, struct index_garbage *ret)
{
	struct bytes record;

	TRY(index_view_open(v, TABLE_GARBAGE, key, value, a, &record));
	TRY(index_record_read_garbage(record, a, ret));
	return index_key_read_garbage(key, &ret->sequence);
}

enum err index_garbage_next(struct index *x, struct arena *a, uint64_t after, size_t max,
                            struct index_garbage **ret, size_t *ret_n)
{
	AUTO(index_view_end) struct index_view v = {0};
	struct index_key from = index_key_garbage(after + 1);
	struct index_garbage *rows = arena_alloc(a, max * sizeof(*rows));
	struct kv_cursor *c;
	struct bytes key, value;
	size_t n = 0;

	if (rows == NULL) {
		return ERR_LIMIT;
	}
	TRY(index_view_begin(x, &v));
	TRY(kv_cursor_open(v.txn, TABLE_GARBAGE, &c));
	enum err e = kv_seek(c, index_key_bytes(&from), &key, &value);
	while (e == OK && n < max) {
		e = read_row(&v, key, value, a, &rows[n]);
		if (e == ERR_LIMIT && n > 0) { /* long rows: fewer of them */
			break;
		}
		TRY(e);
		n++;
		e = kv_next(c, &key, &value);
	}
	if (e != OK && e != ERR_NOTFOUND && e != ERR_LIMIT) {
		return e;
	}
	*ret = rows;
	*ret_n = n;
	return OK;
}

struct done_call {
	const uint64_t *sequences;
	size_t n;
};

static enum err remove_rows(struct index_view *v, struct arena *a, void *context)
{
	const struct done_call *d = context;

	(void)a;
	kv_use_reserve(v->txn);
	for (size_t i = 0; i < d->n; i++) {
		struct index_key key = index_key_garbage(d->sequences[i]);
		enum err e = index_view_delete(v, TABLE_GARBAGE, index_key_bytes(&key));
		if (e != OK && e != ERR_NOTFOUND) {
			return e;
		}
	}
	return OK;
}

enum err index_garbage_done(struct index *x, const uint64_t *sequences, size_t n)
{
	struct done_call d = {sequences, n};

	return n == 0 ? OK : index_view_write(x, remove_rows, &d);
}

/* A walk over the parts of every row of a table. */
struct walk {
	enum err (*each)(void *context, const struct index_part *part);
	void *context;
};

static enum err each_of(const struct walk *w, const struct index_part *parts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		TRY(w->each(w->context, &parts[i]));
	}
	return OK;
}

static enum err walk_record(const struct walk *w, enum index_table table, struct bytes record,
                            struct arena *a)
{
	if (table == TABLE_OBJECTS || table == TABLE_VERSIONS) {
		struct index_object o;
		TRY(index_record_borrow(record, a, &o));
		return each_of(w, o.parts, o.n_parts);
	}
	if (table == TABLE_PARTS) {
		struct index_part p;
		TRY(index_record_read_part(record, &p));
		return each_of(w, &p, 1);
	}
	struct index_garbage g;
	TRY(index_record_read_garbage(record, a, &g));
	return each_of(w, g.parts, g.n_parts);
}

static enum err walk_table(struct index_view *v, enum index_table table, struct arena *a,
                           const struct walk *w)
{
	struct kv_cursor *c;
	struct bytes key, value, record;

	TRY(kv_cursor_open(v->txn, table, &c));
	enum err e = kv_seek(c, BYTES(""), &key, &value);
	for (; e == OK; e = kv_next(c, &key, &value)) {
		arena_reset(a);
		TRY(index_view_open(v, table, key, value, a, &record));
		TRY(walk_record(w, table, record, a));
	}
	kv_cursor_close(c);
	return e == ERR_NOTFOUND ? OK : e;
}

enum err index_each_part(struct index *x,
                         enum err (*each)(void *context, const struct index_part *part),
                         void *context)
{
	AUTO(index_view_end) struct index_view v = {0};
	AUTO(arena_freep) struct arena *a = arena_new(INDEX_SCRATCH_MAX_BYTES);
	struct walk w = {each, context};

	if (a == NULL) {
		return ERR_NOMEM;
	}
	TRY(index_view_begin(x, &v));
	TRY(walk_table(&v, TABLE_PARTS, a, &w));
	TRY(walk_table(&v, TABLE_OBJECTS, a, &w));
	TRY(walk_table(&v, TABLE_VERSIONS, a, &w));
	return walk_table(&v, TABLE_GARBAGE, a, &w);
}
