/* What buckets are configured with: a document of each kind, sealed like every other value. */
#include "common/base/attr.h"
#include "server/index/schema.h"

enum { ORDER_BYTES = 8 }; /* before the document */

/* The row's order and its document, which is empty when it was taken back. */
static enum err read_row(struct index_view *v, struct arena *a, const struct index_key *row,
                         struct index_config_row *ret)
{
	struct bytes value;

	TRY(index_view_get(v, TABLE_CONFIGS, index_key_bytes(row), a, &value));
	struct reader r = reader_of(value);
	ret->order = read_u64(&r);
	ret->document = bytes_skip(value, ORDER_BYTES);
	return r.bad ? ERR_CORRUPT : OK;
}

enum err index_config_find(struct index *x, struct arena *a, uint64_t bucket,
                           enum index_config kind, struct index_config_row *ret)
{
	AUTO(index_view_end) struct index_view v = {0};
	struct index_key row = index_key_config(bucket, kind);

	TRY(index_view_begin(x, &v));
	return read_row(&v, a, &row, ret);
}

enum err index_config_get(struct index *x, struct arena *a, uint64_t bucket, enum index_config kind,
                          struct bytes *ret)
{
	struct index_config_row row;

	TRY(index_config_find(x, a, bucket, kind, &row));
	if (row.document.n == 0) {
		return ERR_NOTFOUND;
	}
	*ret = row.document;
	return OK;
}

struct config_call {
	const struct index_bucket *bucket;
	enum index_config kind;
	struct bytes document; /* p NULL: none any more */
	uint64_t order, over;
};

static enum err delete_row(struct index_view *v, const struct index_key *row)
{
	enum err e;

	if (!index_view_has(v, TABLE_CONFIGS, row, &e)) {
		return e;
	}
	return index_view_delete(v, TABLE_CONFIGS, index_key_bytes(row));
}

static enum err write_row(struct index_view *v, const struct index_key *row,
                          const struct config_call *c)
{
	struct writer w = index_value_begin();

	write_u64(&w, c->order);
	write_bytes(&w, c->document);
	return index_view_put(v, TABLE_CONFIGS, index_key_bytes(row), &w);
}

/* The bucket's record tells which documents there are, so that a request looks for no others. */
static enum err change_config(struct index_view *v, struct arena *a, void *context)
{
	const struct config_call *c = context;
	struct index_key row = index_key_config(c->bucket->number, c->kind);
	uint32_t bit = 1U << c->kind;
	struct index_bucket b;
	struct index_config_row now = {0};

	TRY(index_bucket_find(v, a, c->bucket->name, c->bucket->number, &b));
	enum err e = read_row(v, a, &row, &now);
	if (e != OK && e != ERR_NOTFOUND) {
		return e;
	}
	if (now.order > c->order && now.order != c->over) {
		return OK; /* a later one was here first */
	}
	uint32_t configs = c->document.p == NULL ? b.configs & ~bit : b.configs | bit;
	if (configs != b.configs) {
		b.configs = configs;
		TRY(index_bucket_write(v, &b));
	}
	/* Taken back in an order: the row stays, to refuse an earlier one that is still on its way. */
	return c->document.p == NULL && c->order == 0 ? delete_row(v, &row)
	                                              : write_row(v, &row, c);
}

enum err index_config_record(struct index *x, const struct index_bucket *bucket,
                             enum index_config kind, struct bytes document, uint64_t order,
                             uint64_t over)
{
	struct config_call c = {bucket, kind, document, order, over};

	return document.n > INDEX_CONFIG_MAX_BYTES ? ERR_LIMIT
	                                           : index_view_write(x, change_config, &c);
}

enum err index_config_put(struct index *x, const struct index_bucket *bucket,
                          enum index_config kind, struct bytes document)
{
	return index_config_record(x, bucket, kind, document, 0, 0);
}

enum err index_config_delete(struct index *x, const struct index_bucket *bucket,
                             enum index_config kind)
{
	return index_config_record(x, bucket, kind, (struct bytes){NULL, 0}, 0, 0);
}

enum err index_config_drop(struct index_view *v, uint64_t bucket)
{
	for (unsigned kind = INDEX_CONFIG_TAGGING; kind < INDEX_CONFIG_KINDS; kind++) {
		struct index_key row = index_key_config(bucket, (enum index_config)kind);
		TRY(delete_row(v, &row));
	}
	return OK;
}
