/* Operations on aliases. The table of aliases is the truth; the alias in a key's own record is the first of them, for people. */
#include <string.h>

#include "common/base/attr.h"
#include "server/kms/api_ops.h"
#include "server/kms/keychange.h"

enum {
	LIST_ALIASES_DEFAULT = 50,
	ALIAS_PREFIX = 6,
	ALIAS_TEXT_MAX = ALIAS_PREFIX + RECORD_NAME_MAX,
};

/* What follows "alias/". */
static enum api_error read_alias(struct api_call *c, struct bytes *ret)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_-";
	struct bytes name;
	enum api_error bad = api_text(c, "AliasName", ALIAS_TEXT_MAX, &name);

	if (bad != API_OK) {
		return bad;
	}
	if (name.n == 0) {
		return api_invalid(c, "AliasName", "Member must not be null");
	}
	for (size_t i = 0; i < name.n; i++) {
		if (memchr(good, name.p[i], sizeof(good) - 1) == NULL) {
			return api_invalid(c, "AliasName", "Member must satisfy regular expression pattern: "
			                   "^[a-zA-Z0-9/_-]+$");
		}
	}
	if (!bytes_starts(name, BYTES("alias/")) || name.n == ALIAS_PREFIX ||
	    bytes_starts(name, BYTES("alias/aws/"))) {
		return API_INVALID_ALIAS;
	}
	*ret = bytes_skip(name, ALIAS_PREFIX);
	return API_OK;
}

static enum api_error missing(struct api_call *c, struct bytes alias)
{
	return api_refuse(c, API_NOT_FOUND, "Alias alias/", alias, " is not found.");
}

/* The key's record takes the alias when it has none. */
static enum err point(struct api_call *c, struct bytes alias, struct record_key *key)
{
	TRY(keychange_alias(c->k, &c->changes, alias, key));
	if (key->alias.n > 0) {
		return OK;
	}
	key->alias = alias;
	return keychange_put(c->k, &c->changes, key);
}

/* The record of the key that the alias named forgets it. */
static enum err unpoint(struct api_call *c, struct bytes alias, const uint8_t *id)
{
	struct record_key key;
	struct bytes plain;

	TRY(keystore_get(c->k->store, c->a, KEYSTORE_KEYS, bytes_of(id, RECORD_UUID_BYTES), &plain));
	TRY(record_key_read(plain, &key));
	if (!bytes_equal(key.alias, alias)) {
		return OK;
	}
	key.alias = (struct bytes){0};
	return keychange_put(c->k, &c->changes, &key);
}

static enum api_error about(struct api_call *c, struct bytes alias, const char *what,
                            const struct record_key *key)
{
	enum api_error bad = API_OK;
	struct bytes target = {0};

	if (key != NULL) {
		bad = api_about(c, key, "");
		target = c->entry.detail;
	}
	const struct bytes parts[] = {BYTES("alias/"), alias, bytes_text(what), target};
	c->entry.detail = arena_join(c->a, parts, COUNT(parts));
	return bad == API_OK && c->entry.detail.p == NULL ? api_fault(c, ERR_LIMIT, "entry") : bad;
}

enum api_error api_create_alias(struct api_call *c)
{
	uint8_t taken[RECORD_UUID_BYTES];
	struct record_key key;
	struct bytes alias;
	uint64_t n = 0;
	enum api_error bad = read_alias(c, &alias);

	if (bad == API_OK) {
		bad = api_key(c, "TargetKeyId", false, &key);
	}
	if (bad != API_OK) {
		return bad;
	}
	enum err e = keychange_alias_find(c->k, c->a, c->tenant, alias, taken);
	if (e == OK) {
		return api_refuse(c, API_EXISTS, "An alias with the name alias/", alias,
		                  " already exists");
	}
	if (e == ERR_NOTFOUND) {
		e = keystore_count(c->k->store, KEYSTORE_ALIASES, &n);
	}
	if (e == OK && n >= API_ALIASES_MAX) {
		return API_LIMIT;
	}
	if (e == OK) {
		e = point(c, alias, &key);
	}
	bad = api_fault(c, e, "alias");
	return bad == API_OK ? about(c, alias, " made for ", &key) : bad;
}

enum api_error api_update_alias(struct api_call *c)
{
	uint8_t old[RECORD_UUID_BYTES];
	struct record_key key;
	struct bytes alias;
	enum api_error bad = read_alias(c, &alias);

	if (bad == API_OK) {
		bad = api_key(c, "TargetKeyId", false, &key);
	}
	if (bad != API_OK) {
		return bad;
	}
	enum err e = keychange_alias_find(c->k, c->a, c->tenant, alias, old);
	if (e == ERR_NOTFOUND) {
		return missing(c, alias);
	}
	if (e == OK && memcmp(old, key.id, sizeof(old)) != 0) {
		e = unpoint(c, alias, old);
	}
	if (e == OK) {
		e = point(c, alias, &key);
	}
	bad = api_fault(c, e, "alias");
	return bad == API_OK ? about(c, alias, " moved to ", &key) : bad;
}

enum api_error api_delete_alias(struct api_call *c)
{
	uint8_t old[RECORD_UUID_BYTES];
	struct bytes alias;
	enum api_error bad = read_alias(c, &alias);

	if (bad != API_OK) {
		return bad;
	}
	enum err e = keychange_alias_find(c->k, c->a, c->tenant, alias, old);
	if (e == ERR_NOTFOUND) {
		return missing(c, alias);
	}
	if (e == OK) {
		e = unpoint(c, alias, old);
	}
	if (e == OK) {
		e = keychange_alias_remove(&c->changes, c->tenant, alias);
	}
	bad = api_fault(c, e, "alias");
	return bad == API_OK ? about(c, alias, " removed", NULL) : bad;
}

/* --- list --- */

struct listing {
	struct api_call *call;
	struct api_page page;
	const struct record_key *only; /* NULL: all */
};

static void write_names(struct api_call *c, struct bytes alias)
{
	uint8_t text[KEYRING_ARN_BYTES + ALIAS_TEXT_MAX];
	struct writer w = writer_fixed(text, sizeof(text));

	write_text(&w, "arn:aws:kms:");
	write_text(&w, c->k->config->region);
	write_text(&w, ":");
	write_bytes(&w, c->tenant);
	write_text(&w, ":");
	size_t name = w.used;
	write_text(&w, "alias/");
	write_bytes(&w, alias);
	json_string(c->out, "AliasName", bytes_skip(writer_bytes(&w), name));
	json_string(c->out, "AliasArn", writer_bytes(&w));
}

static enum err list_one(void *context, struct bytes key, struct bytes plain)
{
	struct listing *l = context;
	struct bytes alias = bytes_skip(key, RECORD_TENANT_DIGITS + 1);

	if (plain.n != RECORD_UUID_BYTES) {
		return ERR_CORRUPT;
	}
	if (l->only != NULL && memcmp(l->only->id, plain.p, RECORD_UUID_BYTES) != 0) {
		return OK;
	}
	enum err e = api_page_row(&l->page, alias);
	if (e != OK) {
		return e == ERR_NOTFOUND ? OK : e;
	}
	json_object_begin(l->call->out, NULL);
	write_names(l->call, alias);
	api_write_id(l->call, "TargetKeyId", plain.p);
	json_object_end(l->call->out);
	return OK;
}

enum api_error api_list_aliases(struct api_call *c)
{
	struct listing l = {.call = c};
	struct record_key key;
	struct bytes prefix = keystore_key(c->a, c->tenant, (struct bytes){0});
	enum api_error bad = api_page_begin(c, &l.page, LIST_ALIASES_DEFAULT);

	if (bad == API_OK && json_get(c->in, "KeyId") != NULL) {
		bad = api_key(c, "KeyId", false, &key);
		l.only = &key;
	}
	if (bad == API_OK && prefix.p == NULL) {
		bad = api_fault(c, ERR_LIMIT, "list of aliases");
	}
	if (bad != API_OK) {
		return bad;
	}
	json_array_begin(c->out, "Aliases");
	enum err e = keystore_each(c->k->store, c->k->scratch, KEYSTORE_ALIASES, prefix, list_one, &l);
	json_array_end(c->out);
	api_page_end(c, &l.page);
	return api_fault(c, e == ERR_CANCELLED ? OK : e, "list of aliases");
}
