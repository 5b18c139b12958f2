/* Operations on keys. */
#include <string.h>

#include "common/base/attr.h"
#include "server/kms/api_ops.h"
#include "server/kms/keychange.h"

enum { LIST_KEYS_DEFAULT = 100 };

/* --- answers --- */

static void write_metadata(struct api_call *c, const struct record_key *k)
{
	bool enabled = k->state == RECORD_KEY_ENABLED;

	json_object_begin(c->out, "KeyMetadata");
	json_string(c->out, "AWSAccountId", k->tenant);
	api_write_id(c, "KeyId", k->id);
	api_write_arn(c, "Arn", k->id);
	json_u64(c->out, "CreationDate", k->created_ms / 1000);
	json_bool(c->out, "Enabled", enabled);
	json_string(c->out, "Description", k->description);
	json_text(c->out, "KeyUsage", "ENCRYPT_DECRYPT");
	json_text(c->out, "KeyState", enabled ? "Enabled" : "Disabled");
	json_text(c->out, "Origin", "AWS_KMS");
	json_text(c->out, "KeyManager", "CUSTOMER");
	json_text(c->out, "CustomerMasterKeySpec", "SYMMETRIC_DEFAULT");
	json_text(c->out, "KeySpec", "SYMMETRIC_DEFAULT");
	json_array_begin(c->out, "EncryptionAlgorithms");
	json_text(c->out, NULL, "SYMMETRIC_DEFAULT");
	json_array_end(c->out);
	json_bool(c->out, "MultiRegion", false);
	json_object_end(c->out);
}

enum api_error api_describe_key(struct api_call *c)
{
	struct record_key key;
	enum api_error bad = api_none(c, "GrantTokens", API_INVALID_GRANT_TOKEN);

	if (bad == API_OK) {
		bad = api_key(c, "KeyId", true, &key);
	}
	if (bad == API_OK) {
		write_metadata(c, &key);
	}
	return bad;
}

enum api_error api_get_key_rotation_status(struct api_call *c)
{
	struct record_key key;
	enum api_error bad = api_key(c, "KeyId", false, &key);

	if (bad == API_OK) {
		api_write_arn(c, "KeyId", key.id);
		json_bool(c->out, "KeyRotationEnabled", false);
	}
	return bad;
}

/* --- lists --- */

struct listing {
	struct api_call *call;
	struct api_page page;
};

static enum err list_one(void *context, struct bytes key, struct bytes plain)
{
	struct listing *l = context;
	struct record_key k;

	if (plain.p == NULL) {
		return ERR_CORRUPT;
	}
	TRY(record_key_read(plain, &k));
	if (!bytes_equal(k.tenant, l->call->tenant)) {
		return OK;
	}
	enum err e = api_page_row(&l->page, key);
	if (e != OK) {
		return e == ERR_NOTFOUND ? OK : e;
	}
	json_object_begin(l->call->out, NULL);
	api_write_id(l->call, "KeyId", k.id);
	api_write_arn(l->call, "KeyArn", k.id);
	json_object_end(l->call->out);
	return OK;
}

enum api_error api_list_keys(struct api_call *c)
{
	struct listing l = {.call = c};
	enum api_error bad = api_page_begin(c, &l.page, LIST_KEYS_DEFAULT);

	if (bad != API_OK) {
		return bad;
	}
	json_array_begin(c->out, "Keys");
	enum err e = keystore_each(c->k->store, c->k->scratch, KEYSTORE_KEYS, (struct bytes){0},
	                           list_one, &l);
	json_array_end(c->out);
	api_page_end(c, &l.page);
	return api_fault(c, e == ERR_CANCELLED ? OK : e, "list of keys");
}

/* --- changes --- */

/* As a person may read it on a terminal. */
static enum api_error read_description(struct api_call *c, struct bytes *ret)
{
	enum api_error bad = api_text(c, "Description", RECORD_TEXT_MAX, ret);

	for (size_t i = 0; bad == API_OK && i < ret->n; i++) {
		if (ret->p[i] < 0x20 || ret->p[i] == 0x7f) {
			return api_invalid(c, "Description", "Member must not hold control characters");
		}
	}
	return bad;
}

/* What AWS offers and this service does not is refused, never ignored. */
static enum api_error check_kind(struct api_call *c)
{
	static const struct {
		const char *member, *word;
	} only[] = {
		{"KeySpec", "SYMMETRIC_DEFAULT"},
		{"CustomerMasterKeySpec", "SYMMETRIC_DEFAULT"},
		{"KeyUsage", "ENCRYPT_DECRYPT"},
		{"Origin", "AWS_KMS"},
	};
	static const char *const none[] = {"Tags", "CustomKeyStoreId", "XksKeyId", "Policy"};
	bool regions = false;
	enum api_error bad = api_flag(c, "MultiRegion", &regions);

	for (size_t i = 0; i < COUNT(only) && bad == API_OK; i++) {
		bad = api_only(c, only[i].member, only[i].word, API_UNSUPPORTED);
	}
	for (size_t i = 0; i < COUNT(none) && bad == API_OK; i++) {
		bad = api_none(c, none[i], API_UNSUPPORTED);
	}
	return bad == API_OK && regions ? API_UNSUPPORTED : bad;
}

struct counting {
	struct bytes tenant;
	uint64_t n;
};

static enum err count_one(void *context, struct bytes key, struct bytes plain)
{
	struct counting *count = context;
	struct record_key k;

	(void)key;
	if (plain.p == NULL) {
		return ERR_CORRUPT;
	}
	TRY(record_key_read(plain, &k));
	count->n += bytes_equal(k.tenant, count->tenant) ? 1 : 0;
	return OK;
}

static enum api_error check_room(struct api_call *c)
{
	struct counting count = {.tenant = c->tenant};
	uint64_t all = 0;
	enum err e = keystore_count(c->k->store, KEYSTORE_KEYS, &all);

	if (e == OK && all < API_KEYS_MAX) {
		e = keystore_each(c->k->store, c->k->scratch, KEYSTORE_KEYS, (struct bytes){0},
		                  count_one, &count);
	}
	if (e == OK && (all >= API_KEYS_MAX || count.n >= API_TENANT_KEYS_MAX)) {
		return API_LIMIT;
	}
	return api_fault(c, e, "number of keys");
}

enum api_error api_create_key(struct api_call *c)
{
	struct record_key key = {.tenant = c->tenant};
	enum api_error bad = check_kind(c);

	if (bad == API_OK) {
		bad = read_description(c, &key.description);
	}
	if (bad == API_OK) {
		bad = check_room(c);
	}
	if (bad == API_OK) {
		bad = api_fault(c, keychange_new(c->k, &c->changes, &key), "new key");
	}
	if (bad == API_OK) {
		bad = api_about(c, &key, " created");
	}
	if (bad == API_OK) {
		write_metadata(c, &key);
	}
	return bad;
}

static enum api_error set_state(struct api_call *c, enum record_key_state state, const char *what)
{
	struct record_key key;
	enum api_error bad = api_key(c, "KeyId", false, &key);

	if (bad != API_OK) {
		return bad;
	}
	key.state = state;
	bad = api_about(c, &key, what);
	return bad == API_OK ? api_fault(c, keychange_put(c->k, &c->changes, &key), "key") : bad;
}

enum api_error api_enable_key(struct api_call *c)
{
	return set_state(c, RECORD_KEY_ENABLED, " enabled");
}

enum api_error api_disable_key(struct api_call *c)
{
	return set_state(c, RECORD_KEY_DISABLED, " disabled");
}

enum api_error api_update_key_description(struct api_call *c)
{
	struct record_key key;
	struct bytes description;
	enum api_error bad = read_description(c, &description);

	if (bad == API_OK && description.p == NULL) {
		bad = api_invalid(c, "Description", "Member must not be null");
	}
	if (bad == API_OK) {
		bad = api_key(c, "KeyId", false, &key);
	}
	if (bad == API_OK) {
		bad = api_about(c, &key, " described anew");
	}
	if (bad != API_OK) {
		return bad;
	}
	key.description = description;
	return api_fault(c, keychange_put(c->k, &c->changes, &key), "key");
}

enum api_error api_rotate_key_on_demand(struct api_call *c)
{
	struct record_key key;
	enum api_error bad = api_key(c, "KeyId", false, &key);

	if (bad != API_OK) {
		return bad;
	}
	if (key.state != RECORD_KEY_ENABLED) {
		return API_DISABLED;
	}
	if (key.version >= API_KEY_VERSIONS_MAX) {
		return API_LIMIT;
	}
	key.version++;
	enum err e = keychange_version(c->k, &c->changes, &key);
	if (e == OK) {
		e = keychange_put(c->k, &c->changes, &key);
	}
	bad = api_fault(c, e, "new version");
	if (bad == API_OK) {
		bad = api_about(c, &key, " rotated");
	}
	if (bad == API_OK) {
		api_write_arn(c, "KeyId", key.id);
	}
	return bad;
}
