#include "server/kms/keystore.h"

#include <assert.h>
#include <stdlib.h>

#include "common/base/attr.h"
#include "common/base/log.h"
#include "common/crypto/aead.h"
#include "common/crypto/hmac.h"
#include "common/crypto/kdf.h"
#include "common/crypto/wrap.h"
#include "server/kms/record.h"
#include "server/kv/kv.h"

enum {
	FORMAT = 1,
	SALT_BYTES = 32,
	HEAD_BYTES = 1 + SALT_BYTES,
	OVERHEAD_BYTES = HEAD_BYTES + AEAD_TAG_BYTES,
	PLACE_MAX = 16 + 1 + KV_KEY_MAX, /* bytes: table name, 0, key */
};

static const char *const names[KEYSTORE_TABLES] = {
	[KEYSTORE_META] = "meta",
	[KEYSTORE_TENANTS] = "tenants",
	[KEYSTORE_USERS] = "users",
	[KEYSTORE_ACCESS_KEYS] = "access_keys",
	[KEYSTORE_KEYS] = "keys",
	[KEYSTORE_KEY_VERSIONS] = "key_versions",
	[KEYSTORE_ALIASES] = "aliases",
	[KEYSTORE_GATEWAYS] = "gateways",
	[KEYSTORE_TOKENS] = "tokens",
	[KEYSTORE_BUCKETS] = "buckets",
	[KEYSTORE_DOCUMENTS] = "documents",
};

struct keystore {
	struct kv *kv;
	struct secret *record_key; /* NULL: locked */
	struct secret *secrets_key;
	struct secret *stamp_key;
};

enum err keystore_open(const char *dir, struct keystore **ret, struct report *ret_report)
{
	const struct kv_options options = {
		.dir = dir,
		.tables = names,
		.n_tables = KEYSTORE_TABLES,
	};
	struct keystore *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		return report_set(ret_report, ERR_NOMEM, (const char *[]){"no memory", NULL});
	}
	enum err e = kv_open(&options, &s->kv, ret_report);
	if (e != OK) {
		free(s);
		return e;
	}
	*ret = s;
	return OK;
}

void keystore_close(struct keystore *s)
{
	if (s == NULL) {
		return;
	}
	keystore_lock(s);
	kv_close(s->kv);
	free(s);
}

enum err keystore_unlock(struct keystore *s, const struct secret *root)
{
	struct secret *records AUTO(secret_freep) = NULL;

	keystore_lock(s);
	TRY(kdf_hkdf(root, (struct bytes){0}, BYTES("rempart records v1"), AEAD_KEY_BYTES,
	             &records));
	TRY(kdf_hkdf(root, (struct bytes){0}, BYTES("rempart secrets v1"), AEAD_KEY_BYTES,
	             &s->secrets_key));
	TRY(kdf_hkdf(root, (struct bytes){0}, BYTES("rempart stamps v1"), HMAC_BYTES,
	             &s->stamp_key));
	s->record_key = records;
	records = NULL;
	return OK;
}

void keystore_lock(struct keystore *s)
{
	s->record_key = secret_free(s->record_key);
	s->secrets_key = secret_free(s->secrets_key);
	s->stamp_key = secret_free(s->stamp_key);
}

enum err keystore_stamp(struct keystore *s, const struct bytes *parts, size_t n, uint8_t ret[32])
{
	if (s->stamp_key == NULL) {
		return ERR_UNAVAILABLE;
	}
	return hmac_sha256_secret(s->stamp_key, parts, n, ret);
}

/* --- sealing --- */

/* What binds a record, and a secret in it, to its place. */
static struct bytes place_of(enum keystore_table table, struct bytes key, uint8_t out[PLACE_MAX])
{
	struct writer w = writer_fixed(out, PLACE_MAX);

	write_text(&w, names[table]);
	write_u8(&w, 0);
	write_bytes(&w, key);
	assert(!w.full);
	return writer_bytes(&w);
}

static enum err cipher_for(struct keystore *s, struct bytes salt, struct aead **ret)
{
	struct secret *key AUTO(secret_freep) = NULL;

	if (s->record_key == NULL) {
		return ERR_UNAVAILABLE;
	}
	TRY(kdf_hkdf(s->record_key, salt, BYTES("rempart record v1"), AEAD_KEY_BYTES, &key));
	return aead_new(key, ret);
}

static enum err seal(struct keystore *s, struct arena *a, enum keystore_table table,
                     struct bytes key, struct bytes plain, struct bytes *ret)
{
	static const uint8_t iv[AEAD_IV_BYTES];
	struct aead *cipher AUTO(aead_freep) = NULL;
	uint8_t place[PLACE_MAX];
	size_t max = table == KEYSTORE_DOCUMENTS ? RECORD_DOCUMENT_MAX : RECORD_MAX;
	size_t n = OVERHEAD_BYTES + plain.n;

	if (plain.n > max || key.n > KV_KEY_MAX) {
		return ERR_LIMIT;
	}
	uint8_t *out = arena_alloc(a, n);
	if (out == NULL) {
		return ERR_LIMIT;
	}
	out[0] = FORMAT;
	random_bytes(out + 1, SALT_BYTES);
	TRY(cipher_for(s, bytes_of(out + 1, SALT_BYTES), &cipher));
	TRY(aead_seal(cipher, iv, place_of(table, key, place), plain, out + HEAD_BYTES));
	*ret = bytes_of(out, n);
	return OK;
}

static enum err unseal(struct keystore *s, struct arena *a, enum keystore_table table,
                       struct bytes key, struct bytes value, struct bytes *ret)
{
	static const uint8_t iv[AEAD_IV_BYTES];
	struct aead *cipher AUTO(aead_freep) = NULL;
	uint8_t place[PLACE_MAX];

	if (value.n < OVERHEAD_BYTES || value.p[0] != FORMAT || key.n > KV_KEY_MAX) {
		return ERR_CORRUPT;
	}
	uint8_t *out = arena_alloc(a, value.n - OVERHEAD_BYTES);
	if (out == NULL) {
		return ERR_LIMIT;
	}
	TRY(cipher_for(s, bytes_of(value.p + 1, SALT_BYTES), &cipher));
	TRY(aead_open(cipher, iv, place_of(table, key, place), bytes_skip(value, HEAD_BYTES), out));
	*ret = bytes_of(out, value.n - OVERHEAD_BYTES);
	return OK;
}

static enum err unseal_or_log(struct keystore *s, struct arena *a, enum keystore_table table,
                              struct bytes key, struct bytes value, struct bytes *ret)
{
	enum err e = unseal(s, a, table, key, value, ret);

	if (e == ERR_CORRUPT) {
		/* Names, and binary ids as replacement characters: what an operator has to look for. */
		LOG(LOG_ERROR, "keystore.corrupt", LOG_STR("table", names[table]),
		    LOG_BYTES("key", key),
		    LOG_STR("do", "restore the state folder from a backup; the record is refused"));
	}
	return e;
}

/* --- reading --- */

enum err keystore_get(struct keystore *s, struct arena *a, enum keystore_table table,
                      struct bytes key, struct bytes *ret)
{
	struct kv_txn *txn AUTO(kv_read_endp) = NULL;
	struct bytes value;

	if (s->record_key == NULL) {
		return ERR_UNAVAILABLE;
	}
	if (key.n == 0 || key.n > KV_KEY_MAX) {
		return ERR_NOTFOUND;
	}
	TRY(kv_read_begin(s->kv, &txn));
	TRY(kv_get(txn, table, key, &value));
	return unseal_or_log(s, a, table, key, value, ret);
}

enum err keystore_get_clear(struct keystore *s, struct arena *a, struct bytes key,
                            struct bytes *ret)
{
	struct kv_txn *txn AUTO(kv_read_endp) = NULL;
	struct bytes value;

	TRY(kv_read_begin(s->kv, &txn));
	TRY(kv_get(txn, KEYSTORE_META, key, &value));
	struct bytes copy = arena_copy(a, value);
	if (copy.p == NULL) {
		return ERR_LIMIT;
	}
	*ret = copy;
	return OK;
}

struct walk {
	struct keystore *store;
	struct arena *scratch;
	enum keystore_table table;
	struct bytes prefix;
	enum err (*each)(void *context, struct bytes key, struct bytes plain);
	void *context;
};

static enum err walk_rows(const struct walk *w, struct kv_cursor *cursor)
{
	struct bytes key, value, plain;
	enum err e = kv_seek(cursor, w->prefix, &key, &value);

	while (e == OK && bytes_starts(key, w->prefix)) {
		arena_reset(w->scratch);
		e = unseal_or_log(w->store, w->scratch, w->table, key, value, &plain);
		if (e == ERR_CORRUPT) {
			plain = (struct bytes){0};
		} else if (e != OK) {
			return e;
		}
		TRY(w->each(w->context, key, plain));
		e = kv_next(cursor, &key, &value);
	}
	return e == ERR_NOTFOUND ? OK : e;
}

enum err keystore_each(struct keystore *s, struct arena *scratch, enum keystore_table table,
                       struct bytes prefix,
                       enum err (*each)(void *context, struct bytes key, struct bytes plain),
                       void *context)
{
	const struct walk walk = {s, scratch, table, prefix, each, context};
	struct kv_txn *txn AUTO(kv_read_endp) = NULL;
	struct kv_cursor *cursor;

	if (s->record_key == NULL) {
		return ERR_UNAVAILABLE;
	}
	TRY(kv_read_begin(s->kv, &txn));
	TRY(kv_cursor_open(txn, table, &cursor));
	enum err e = walk_rows(&walk, cursor);
	kv_cursor_close(cursor);
	return e;
}

enum err keystore_count(struct keystore *s, enum keystore_table table, uint64_t *ret)
{
	struct kv_txn *txn AUTO(kv_read_endp) = NULL;
	struct kv_cursor *cursor;
	struct bytes key, value;
	uint64_t n = 0;

	TRY(kv_read_begin(s->kv, &txn));
	TRY(kv_cursor_open(txn, table, &cursor));
	enum err e = kv_seek(cursor, (struct bytes){0}, &key, &value);
	while (e == OK) {
		n++;
		e = kv_next(cursor, &key, &value);
	}
	kv_cursor_close(cursor);
	if (e != ERR_NOTFOUND) {
		return e;
	}
	*ret = n;
	return OK;
}

/* --- changing --- */

void keystore_changes_begin(struct keystore_changes *c, struct arena *a)
{
	c->arena = a;
	c->first = NULL;
	c->last = &c->first;
}

static enum err add(struct keystore_changes *c, enum keystore_table table, struct bytes key,
                    struct bytes value)
{
	struct keystore_change *change = arena_alloc(c->arena, sizeof(*change));
	struct bytes copy = arena_copy(c->arena, key);

	if (change == NULL || copy.p == NULL || key.n == 0) {
		return ERR_LIMIT;
	}
	change->table = table;
	change->key = copy;
	change->value = value;
	*c->last = change;
	c->last = &change->next;
	return OK;
}

enum err keystore_put(struct keystore *s, struct keystore_changes *c, enum keystore_table table,
                      struct bytes key, struct bytes plain)
{
	struct bytes sealed;

	TRY(seal(s, c->arena, table, key, plain, &sealed));
	return add(c, table, key, sealed);
}

enum err keystore_put_clear(struct keystore_changes *c, struct bytes key, struct bytes value)
{
	struct bytes copy = arena_copy(c->arena, value);

	return copy.p == NULL ? ERR_LIMIT : add(c, KEYSTORE_META, key, copy);
}

enum err keystore_remove(struct keystore_changes *c, enum keystore_table table, struct bytes key)
{
	return add(c, table, key, (struct bytes){0});
}

/* Every user may put policies on many buckets. That must not take the room that revoking him takes. */
static bool may_use_reserve(const struct keystore_changes *c)
{
	for (const struct keystore_change *i = c->first; i != NULL; i = i->next) {
		if (i->table == KEYSTORE_DOCUMENTS && i->value.p != NULL) {
			return false;
		}
	}
	return true;
}

static enum err apply(struct kv_txn *t, void *context)
{
	const struct keystore_changes *c = context;

	if (may_use_reserve(c)) {
		kv_use_reserve(t);
	}
	for (const struct keystore_change *i = c->first; i != NULL; i = i->next) {
		if (i->value.p != NULL) {
			TRY(kv_put(t, i->table, i->key, i->value));
			continue;
		}
		enum err e = kv_delete(t, i->table, i->key);
		if (e != OK && e != ERR_NOTFOUND) {
			return e;
		}
	}
	return OK;
}

enum err keystore_apply(struct keystore *s, const struct keystore_changes *c)
{
	return c->first == NULL ? OK : kv_write(s->kv, apply, (void *)(uintptr_t)c);
}

/* --- secrets inside records --- */

enum err keystore_wrap(struct keystore *s, struct arena *a, enum keystore_table table,
                       struct bytes key, const struct secret *secret, struct bytes *ret)
{
	const struct wrap_key under = {.kek = s->secrets_key, .version = 1};
	uint8_t place[PLACE_MAX];
	uint8_t out[WRAP_MAX_BYTES];
	struct writer w = writer_fixed(out, sizeof(out));

	if (s->secrets_key == NULL) {
		return ERR_UNAVAILABLE;
	}
	TRY(wrap_seal(&under, place_of(table, key, place), secret, &w));
	struct bytes copy = arena_copy(a, writer_bytes(&w));
	if (copy.p == NULL) {
		return ERR_LIMIT;
	}
	*ret = copy;
	return OK;
}

enum err keystore_unwrap(struct keystore *s, enum keystore_table table, struct bytes key,
                         struct bytes wrapped, struct secret **ret)
{
	const struct wrap_key under = {.kek = s->secrets_key, .version = 1};
	uint8_t place[PLACE_MAX];

	if (s->secrets_key == NULL) {
		return ERR_UNAVAILABLE;
	}
	enum err e = wrap_open(&under, place_of(table, key, place), wrapped, ret);
	if (e == ERR_CORRUPT) {
		LOG(LOG_ERROR, "keystore.corrupt_secret", LOG_STR("table", names[table]),
		    LOG_BYTES("key", key),
		    LOG_STR("do", "restore the state folder from a backup; the record is refused"));
	}
	return e;
}

struct bytes keystore_key(struct arena *a, struct bytes first, struct bytes second)
{
	const struct bytes parts[] = {first, BYTES("\0"), second};

	return arena_join(a, parts, COUNT(parts));
}
