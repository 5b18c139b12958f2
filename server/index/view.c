/* One transaction with its cipher contexts: what every other file of the index works on. */
#include <string.h>

#include "common/base/attr.h"
#include "common/base/log.h"
#include "server/index/schema.h"

enum err index_view_begin(struct index *x, struct index_view *ret)
{
	struct index_seal *seal = atomic_load(&x->seal);
	struct kv_txn *t;

	if (seal == NULL) {
		return ERR_UNAVAILABLE;
	}
	TRY(kv_read_begin(x->kv, &t));
	*ret = (struct index_view){.x = x, .txn = t, .sealer = {.seal = seal}};
	return OK;
}

void index_view_end(struct index_view *v)
{
	index_sealer_end(&v->sealer);
	kv_read_end(v->txn);
	v->txn = NULL;
}

struct write_call {
	struct index *x;
	struct index_seal *seal;
	struct arena *arena;
	enum err (*change)(struct index_view *v, struct arena *a, void *context);
	void *context;
};

static enum err run_write(struct kv_txn *t, void *context)
{
	struct write_call *c = context;
	struct index_view v = {.x = c->x, .txn = t, .sealer = {.seal = c->seal}};

	arena_reset(c->arena); /* of an earlier run */
	enum err e = c->change(&v, c->arena, c->context);
	index_sealer_end(&v.sealer);
	return e;
}

enum err index_view_write(struct index *x,
                          enum err (*change)(struct index_view *v, struct arena *a, void *context),
                          void *context)
{
	struct write_call c = {.x = x, .seal = atomic_load(&x->seal), .change = change,
	                       .context = context};

	if (c.seal == NULL) {
		return ERR_UNAVAILABLE;
	}
	AUTO(arena_freep) struct arena *arena = arena_new(INDEX_SCRATCH_MAX_BYTES);
	if (arena == NULL) {
		return ERR_NOMEM;
	}
	c.arena = arena;
	return kv_write(x->kv, run_write, &c);
}

bool index_view_has(struct index_view *v, enum index_table table, const struct index_key *key,
                    enum err *ret)
{
	struct bytes value;

	*ret = key->bad ? ERR_NOTFOUND : kv_get(v->txn, table, index_key_bytes(key), &value);
	if (*ret == ERR_NOTFOUND) {
		*ret = OK;
		return false;
	}
	return *ret == OK;
}

enum err index_view_open(struct index_view *v, enum index_table table, struct bytes key,
                         struct bytes value, struct arena *a, struct bytes *ret)
{
	if (value.n < INDEX_VALUE_EXTRA_BYTES) {
		return ERR_CORRUPT;
	}
	size_t n = value.n - INDEX_VALUE_EXTRA_BYTES;
	uint8_t *plain = arena_alloc(a, n);
	if (plain == NULL) {
		return ERR_LIMIT;
	}
	enum err e = index_value_open(&v->sealer, table, key, value, plain);
	if (e == ERR_CORRUPT) {
		LOG(LOG_ERROR, "index.value", LOG_STR("table", index_table_names[table]),
		    LOG_STR("why", "a value does not verify"),
		    LOG_STR("do", "check the disk; restore the index or rebuild it from the store"));
	}
	TRY(e);
	*ret = bytes_of(plain, n);
	return OK;
}

enum err index_view_get(struct index_view *v, enum index_table table, struct bytes key,
                        struct arena *a, struct bytes *ret)
{
	struct bytes value;

	TRY(kv_get(v->txn, table, key, &value));
	return index_view_open(v, table, key, value, a, ret);
}

struct writer index_value_begin(void)
{
	static const uint8_t room[INDEX_VALUE_HEAD_BYTES];
	struct writer w = writer_growing(INDEX_RECORD_MAX_BYTES + INDEX_VALUE_EXTRA_BYTES);

	write_bytes(&w, bytes_of(room, sizeof(room)));
	return w;
}

enum err index_view_put(struct index_view *v, enum index_table table, struct bytes key,
                        struct writer *value)
{
	enum err e = index_value_seal(&v->sealer, table, key, value);

	if (e == OK) {
		e = kv_put(v->txn, table, key, writer_bytes(value));
	}
	writer_free(value);
	return e;
}

enum err index_view_delete(struct index_view *v, enum index_table table, struct bytes key)
{
	return kv_delete(v->txn, table, key);
}

enum err index_view_any(struct index_view *v, enum index_table table, struct bytes prefix,
                        bool *ret)
{
	struct kv_cursor *c;
	struct bytes key, value;

	TRY(kv_cursor_open(v->txn, table, &c));
	enum err e = kv_seek(c, prefix, &key, &value);
	*ret = e == OK && bytes_starts(key, prefix);
	kv_cursor_close(c);
	return e == ERR_NOTFOUND ? OK : e;
}
