/* key.* */
#include <string.h>

#include "common/base/attr.h"
#include "server/kms/admin_ops.h"
#include "server/kms/keychange.h"

enum err admin_new_key(struct admin_call *c, struct record_key *key)
{
	return keychange_new(c->k, &c->changes, key);
}

static const char *state_name(enum record_key_state s)
{
	return s == RECORD_KEY_ENABLED ? "enabled" : "disabled";
}

static void write_key(struct admin_call *c, const struct record_key *k)
{
	uint8_t text[KEYRING_UUID_TEXT];
	struct writer w = writer_fixed(text, sizeof(text));
	const struct bytes parts[] = {BYTES("alias/"), k->alias};

	keyring_write_uuid(&w, k->id);
	json_string(c->out, "key", writer_bytes(&w));
	admin_write_arn(c, "arn", k->tenant, k->id);
	if (k->alias.n > 0) {
		json_string(c->out, "alias", arena_join(c->a, parts, COUNT(parts)));
	} else {
		json_null(c->out, "alias");
	}
	json_string(c->out, "description", k->description);
	json_text(c->out, "state", state_name(k->state));
	json_u64(c->out, "version", k->version);
	admin_write_time(c->out, "created", k->created_ms);
}

static enum admin_error describe(struct admin_call *c, const struct record_key *k,
                                 const char *change)
{
	uint8_t uuid[KEYRING_UUID_TEXT];
	uint8_t version[16];
	struct writer u = writer_fixed(uuid, sizeof(uuid));
	struct writer v = writer_fixed(version, sizeof(version));

	keyring_write_uuid(&u, k->id);
	write_decimal(&v, k->version);
	const struct bytes parts[] = {
		BYTES("key "), writer_bytes(&u), bytes_text(change), BYTES(", version "),
		writer_bytes(&v),
	};
	return admin_detail(c, parts, COUNT(parts));
}

/* "alias/x" and "x" are the same. */
static enum admin_error read_alias(struct admin_call *c, struct bytes *ret)
{
	struct bytes alias = json_get_bytes(c->in, "alias");

	if (json_get(c->in, "alias") == NULL) {
		return ADMIN_OK;
	}
	if (bytes_starts(alias, BYTES("alias/"))) {
		alias = bytes_skip(alias, 6);
	}
	if (!admin_name_good(alias)) {
		return admin_refuse(c, ADMIN_BAD_REQUEST,
		                    "alias has 1 to 64 of A-Z a-z 0-9 . _ @ + = , -");
	}
	*ret = alias;
	return ADMIN_OK;
}

enum admin_error admin_key_create(struct admin_call *c)
{
	struct record_tenant t;
	struct record_key k = {0};
	enum admin_error bad = admin_tenant(c, &t);

	if (bad == ADMIN_OK) {
		bad = read_alias(c, &k.alias);
	}
	if (bad == ADMIN_OK) {
		bad = admin_text(c, "description", &k.description);
	}
	if (bad != ADMIN_OK) {
		return bad;
	}
	k.tenant = t.number;
	enum err e = admin_new_key(c, &k);
	if (e == ERR_EXISTS) {
		return admin_refuse(c, ADMIN_EXISTS, "the tenant has a key of that alias");
	}
	if (e != OK) {
		return admin_fault(c, e);
	}
	write_key(c, &k);
	return describe(c, &k, " created");
}

struct listing {
	struct admin_call *call;
	const struct record_tenant *tenant;
};

static enum err list_one(void *context, struct bytes key, struct bytes plain)
{
	struct listing *l = context;
	struct record_key k;

	(void)key;
	if (plain.p == NULL) {
		return ERR_CORRUPT;
	}
	TRY(record_key_read(plain, &k));
	if (!bytes_equal(k.tenant, l->tenant->number)) {
		return OK;
	}
	json_object_begin(l->call->out, NULL);
	write_key(l->call, &k);
	json_bool(l->call->out, "default",
	          memcmp(k.id, l->tenant->default_key, sizeof(k.id)) == 0);
	json_object_end(l->call->out);
	return OK;
}

enum admin_error admin_key_list(struct admin_call *c)
{
	struct record_tenant t;
	struct listing l = {c, &t};
	enum admin_error bad = admin_tenant(c, &t);

	if (bad != ADMIN_OK) {
		return bad;
	}
	json_array_begin(c->out, "keys");
	enum err e = keystore_each(c->k->store, c->k->scratch, KEYSTORE_KEYS, (struct bytes){0},
	                           list_one, &l);
	json_array_end(c->out);
	return admin_fault(c, e);
}

/* An ARN names its tenant; a UUID needs none; an alias needs the member. */
static enum admin_error name_tenant(struct admin_call *c, struct bytes name, struct bytes *ret)
{
	struct record_tenant t;
	struct bytes rest = name;

	if (json_get(c->in, "tenant") != NULL) {
		enum admin_error e = admin_tenant(c, &t);
		*ret = e == ADMIN_OK ? t.number : (struct bytes){0};
		return e;
	}
	for (unsigned i = 0; i < 4; i++) {
		(void)bytes_split(&rest, ':'); /* arn:aws:kms:region */
	}
	*ret = bytes_starts(name, BYTES("arn:")) ? bytes_split(&rest, ':') : (struct bytes){0};
	return ADMIN_OK;
}

static enum err read_key(struct admin_call *c, struct bytes tenant, struct bytes name,
                         struct record_key *ret)
{
	uint8_t id[RECORD_UUID_BYTES];
	struct bytes plain;

	TRY(keyring_resolve(c->k, tenant, name, id));
	TRY(keystore_get(c->k->store, c->a, KEYSTORE_KEYS, bytes_of(id, sizeof(id)), &plain));
	TRY(record_key_read(plain, ret));
	return tenant.n == 0 || bytes_equal(tenant, ret->tenant) ? OK : ERR_NOTFOUND;
}

static enum admin_error find_key(struct admin_call *c, struct record_key *ret)
{
	struct bytes name = json_get_bytes(c->in, "key");
	struct bytes tenant;

	if (name.n == 0 || name.n > RECORD_TEXT_MAX) {
		return admin_refuse(c, ADMIN_BAD_REQUEST,
		                    "key is missing; give a UUID, an ARN, or an alias with its tenant");
	}
	enum admin_error bad = name_tenant(c, name, &tenant);
	if (bad != ADMIN_OK) {
		return bad;
	}
	enum err e = read_key(c, tenant, name, ret);
	if (e == ERR_NOTFOUND) {
		return admin_refuse(c, ADMIN_NOT_FOUND,
		                    "there is no such key (an alias needs its tenant); see key.list");
	}
	if (e == OK) {
		c->tenant = ret->tenant;
	}
	return admin_fault(c, e);
}

enum admin_error admin_key_rotate(struct admin_call *c)
{
	struct record_key k;
	enum admin_error bad = find_key(c, &k);

	if (bad != ADMIN_OK) {
		return bad;
	}
	if (k.state != RECORD_KEY_ENABLED || k.version == UINT32_MAX) {
		return admin_refuse(c, ADMIN_CONFLICT, "the key is disabled; enable it first");
	}
	k.version++;
	enum err e = keychange_version(c->k, &c->changes, &k);
	if (e == OK) {
		e = keychange_put(c->k, &c->changes, &k);
	}
	if (e != OK) {
		return admin_fault(c, e);
	}
	write_key(c, &k);
	return describe(c, &k, " rotated");
}

static enum admin_error set_state(struct admin_call *c, enum record_key_state state,
                                  const char *change)
{
	struct record_key k;
	enum admin_error bad = find_key(c, &k);

	if (bad != ADMIN_OK) {
		return bad;
	}
	k.state = state;
	enum err e = keychange_put(c->k, &c->changes, &k);
	if (e != OK) {
		return admin_fault(c, e);
	}
	write_key(c, &k);
	return describe(c, &k, change);
}

enum admin_error admin_key_disable(struct admin_call *c)
{
	return set_state(c, RECORD_KEY_DISABLED, " disabled");
}

enum admin_error admin_key_enable(struct admin_call *c)
{
	return set_state(c, RECORD_KEY_ENABLED, " enabled");
}
