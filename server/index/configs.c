/* What buckets are configured with: a document of each kind, sealed like every other value. */
#include "common/base/attr.h"
#include "server/index/schema.h"

enum err index_config_get(struct index *x, struct arena *a, uint64_t bucket, enum index_config kind,
                          struct bytes *ret)
{
	AUTO(index_view_end) struct index_view v = {0};
	struct index_key row = index_key_config(bucket, kind);

	TRY(index_view_begin(x, &v));
	return index_view_get(&v, TABLE_CONFIGS, index_key_bytes(&row), a, ret);
}

struct config_call {
	const struct index_bucket *bucket;
	enum index_config kind;
	struct bytes document;
	bool remove;
};

static enum err delete_row(struct index_view *v, const struct index_key *row)
{
	enum err e;

	if (!index_view_has(v, TABLE_CONFIGS, row, &e)) {
		return e;
	}
	return index_view_delete(v, TABLE_CONFIGS, index_key_bytes(row));
}

/* The bucket's record tells which documents there are, so that a request looks for no others. */
static enum err change_config(struct index_view *v, struct arena *a, void *context)
{
	const struct config_call *c = context;
	struct index_key row = index_key_config(c->bucket->number, c->kind);
	uint32_t bit = 1U << c->kind;
	struct index_bucket b;

	TRY(index_bucket_find(v, a, c->bucket->name, c->bucket->number, &b));
	uint32_t configs = c->remove ? b.configs & ~bit : b.configs | bit;
	if (configs != b.configs) {
		b.configs = configs;
		TRY(index_bucket_write(v, &b));
	}
	if (c->remove) {
		return delete_row(v, &row);
	}
	struct writer w = index_value_begin();
	write_bytes(&w, c->document);
	return index_view_put(v, TABLE_CONFIGS, index_key_bytes(&row), &w);
}

enum err index_config_put(struct index *x, const struct index_bucket *bucket,
                          enum index_config kind, struct bytes document)
{
	struct config_call c = {.bucket = bucket, .kind = kind, .document = document};

	return document.n > INDEX_CONFIG_MAX_BYTES ? ERR_LIMIT
	                                           : index_view_write(x, change_config, &c);
}

enum err index_config_delete(struct index *x, const struct index_bucket *bucket,
                             enum index_config kind)
{
	struct config_call c = {.bucket = bucket, .kind = kind, .remove = true};

	return index_view_write(x, change_config, &c);
}

enum err index_config_drop(struct index_view *v, uint64_t bucket)
{
	for (unsigned kind = INDEX_CONFIG_TAGGING; kind < INDEX_CONFIG_KINDS; kind++) {
		struct index_key row = index_key_config(bucket, (enum index_config)kind);
		TRY(delete_row(v, &row));
	}
	return OK;
}
