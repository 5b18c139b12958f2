/* access-key.* */
#include <string.h>

#include "common/base/attr.h"
#include "common/base/clock.h"
#include "server/kms/admin_ops.h"
#include "server/kms/reveal.h"

enum { ID_BYTES = 20, ID_MIN = 3 };

static enum admin_error describe(struct admin_call *c, struct bytes id, struct bytes user)
{
	const struct bytes parts[] = {BYTES("access key "), id, BYTES(" of user "), user};

	return admin_detail(c, parts, COUNT(parts));
}

static enum err put_key(struct admin_call *c, const struct record_access_key *k)
{
	uint8_t plain[RECORD_MAX];
	struct writer w = writer_fixed(plain, sizeof(plain));

	record_access_key_write(&w, k);
	TRY(writer_end(&w));
	return keystore_put(c->k->store, &c->changes, KEYSTORE_ACCESS_KEYS, k->id, writer_bytes(&w));
}

/* "AKIA" and 16 characters of base32, 80 random bits, as AWS makes them. */
static enum err random_id(struct arena *a, struct bytes *ret)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	uint8_t random[ID_BYTES - 4];
	uint8_t *text = arena_alloc(a, ID_BYTES);

	if (text == NULL) {
		return ERR_LIMIT;
	}
	random_bytes(random, sizeof(random));
	memcpy(text, "AKIA", 4);
	for (size_t i = 0; i < sizeof(random); i++) {
		text[4 + i] = (uint8_t)alphabet[random[i] % 32];
	}
	*ret = bytes_of(text, ID_BYTES);
	return OK;
}

/* No NUL (kv keys, log), nothing that a credential scope or a header cannot carry. */
static bool id_good(struct bytes id)
{
	static const char extra[] = "/_.+-";

	if (id.n < ID_MIN || id.n > RECORD_ACCESS_KEY_MAX) {
		return false;
	}
	for (size_t i = 0; i < id.n; i++) {
		uint8_t c = id.p[i];
		bool good = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
		            (c >= '0' && c <= '9') || (c != 0 && strchr(extra, c) != NULL);
		if (!good) {
			return false;
		}
	}
	return true;
}

/* A new pair, or the one that the request brings. */
static enum admin_error read_pair(struct admin_call *c, struct bytes *ret_id,
                                  struct secret **ret_secret)
{
	const struct json *id = json_get(c->in, "access_key");
	const struct json *secret = json_get(c->in, "secret_key");
	struct bytes text = json_bytes(secret);

	if ((id == NULL) != (secret == NULL)) {
		return admin_refuse(c, ADMIN_BAD_REQUEST,
		                    "an import brings both access_key and secret_key");
	}
	if (id == NULL) {
		*ret_secret = reveal_s3_secret();
		return admin_fault(c, *ret_secret == NULL ? ERR_NOMEM : random_id(c->a, ret_id));
	}
	*ret_id = json_bytes(id);
	if (!id_good(*ret_id)) {
		return admin_refuse(c, ADMIN_BAD_REQUEST,
		                    "access_key has 3 to 128 of A-Z a-z 0-9 / _ . + -");
	}
	if (text.n == 0 || text.n > SECRET_MAX) {
		return admin_refuse(c, ADMIN_BAD_REQUEST, "secret_key has 1 to 64 bytes");
	}
	*ret_secret = secret_from(text);
	return *ret_secret == NULL ? ADMIN_UNAVAILABLE : ADMIN_OK;
}

static enum admin_error check_free(struct admin_call *c, struct bytes id)
{
	struct bytes plain;
	enum err e = keystore_get(c->k->store, c->a, KEYSTORE_ACCESS_KEYS, id, &plain);

	if (e == OK) {
		return admin_refuse(c, ADMIN_EXISTS, "there is an access key of that id");
	}
	return e == ERR_NOTFOUND ? ADMIN_OK : admin_fault(c, e);
}

static enum admin_error read_user(struct admin_call *c, struct record_access_key *k)
{
	struct record_tenant t;
	struct bytes plain;
	enum admin_error bad = admin_tenant(c, &t);

	if (bad == ADMIN_OK) {
		bad = admin_name(c, "user", &k->user);
	}
	if (bad != ADMIN_OK) {
		return bad;
	}
	k->tenant = t.number;
	struct bytes place = keystore_key(c->a, t.number, k->user);
	enum err e = keystore_get(c->k->store, c->a, KEYSTORE_USERS, place, &plain);
	if (e == ERR_NOTFOUND) {
		return admin_refuse(c, ADMIN_NOT_FOUND, "the tenant has no such user; see user.list");
	}
	return admin_fault(c, e);
}

static enum admin_error store_new(struct admin_call *c, struct record_access_key *k,
                                  const struct secret *secret)
{
	enum admin_error bad = check_free(c, k->id);

	if (bad == ADMIN_OK) {
		bad = describe(c, k->id, k->user);
	}
	if (bad != ADMIN_OK) {
		return bad;
	}
	k->created_ms = clock_real_ms();
	enum err e = keystore_wrap(c->k->store, c->a, KEYSTORE_ACCESS_KEYS, k->id, secret,
	                           &k->secret_wrapped);
	return admin_fault(c, e == OK ? put_key(c, k) : e);
}

enum admin_error admin_access_key_create(struct admin_call *c)
{
	struct secret *secret AUTO(secret_freep) = NULL;
	struct record_access_key k = {.enabled = true};
	enum admin_error e = read_user(c, &k);

	if (e == ADMIN_OK) {
		e = admin_expires(c, &k.expires_ms);
	}
	if (e == ADMIN_OK) {
		e = read_pair(c, &k.id, &secret);
	}
	if (e == ADMIN_OK) {
		e = store_new(c, &k, secret);
	}
	if (e == ADMIN_OK) {
		json_string(c->out, "access_key", k.id);
		reveal_text(c->out, "secret_key", secret);
		json_string(c->out, "tenant", k.tenant);
		json_string(c->out, "user", k.user);
		admin_write_expires(c->out, "expires", k.expires_ms);
	}
	return e;
}

static enum admin_error find_key(struct admin_call *c, struct record_access_key *ret)
{
	struct bytes id = json_get_bytes(c->in, "access_key");
	struct bytes plain;

	if (!id_good(id)) {
		return admin_refuse(c, ADMIN_BAD_REQUEST, "access_key is missing, or is none");
	}
	enum err e = keystore_get(c->k->store, c->a, KEYSTORE_ACCESS_KEYS, id, &plain);
	if (e == OK) {
		e = record_access_key_read(plain, ret);
	}
	if (e == ERR_NOTFOUND) {
		const struct bytes parts[] = {BYTES("access key "), id};
		(void)admin_detail(c, parts, COUNT(parts));
		return admin_refuse(c, ADMIN_NOT_FOUND, "there is no such access key");
	}
	if (e != OK) {
		return admin_fault(c, e);
	}
	c->tenant = ret->tenant;
	return describe(c, ret->id, ret->user);
}

static void write_key(struct admin_call *c, const struct record_access_key *k)
{
	json_string(c->out, "access_key", k->id);
	json_string(c->out, "user", k->user);
	json_bool(c->out, "enabled", k->enabled);
	admin_write_time(c->out, "created", k->created_ms);
	admin_write_expires(c->out, "expires", k->expires_ms);
}

static enum admin_error set_enabled(struct admin_call *c, bool enabled)
{
	struct record_access_key k;
	enum admin_error e = find_key(c, &k);

	if (e != ADMIN_OK) {
		return e;
	}
	k.enabled = enabled;
	write_key(c, &k);
	return admin_fault(c, put_key(c, &k));
}

enum admin_error admin_access_key_disable(struct admin_call *c)
{
	return set_enabled(c, false);
}

enum admin_error admin_access_key_enable(struct admin_call *c)
{
	return set_enabled(c, true);
}

enum admin_error admin_access_key_delete(struct admin_call *c)
{
	struct record_access_key k;
	enum admin_error e = find_key(c, &k);

	if (e != ADMIN_OK) {
		return e;
	}
	return admin_fault(c, keystore_remove(&c->changes, KEYSTORE_ACCESS_KEYS, k.id));
}

struct listing {
	struct admin_call *call;
	struct bytes tenant, user;
};

static enum err list_one(void *context, struct bytes key, struct bytes plain)
{
	struct listing *l = context;
	struct record_access_key k;

	(void)key;
	if (plain.p == NULL) {
		return ERR_CORRUPT;
	}
	TRY(record_access_key_read(plain, &k));
	if (!bytes_equal(k.tenant, l->tenant) || (l->user.n > 0 && !bytes_equal(k.user, l->user))) {
		return OK;
	}
	json_object_begin(l->call->out, NULL);
	write_key(l->call, &k);
	json_object_end(l->call->out);
	return OK;
}

enum admin_error admin_access_key_list(struct admin_call *c)
{
	struct record_tenant t;
	struct listing l = {.call = c};
	enum admin_error bad = admin_tenant(c, &t);

	if (bad == ADMIN_OK && json_get(c->in, "user") != NULL) {
		bad = admin_name(c, "user", &l.user);
	}
	if (bad != ADMIN_OK) {
		return bad;
	}
	l.tenant = t.number;
	json_array_begin(c->out, "access_keys");
	enum err e = keystore_each(c->k->store, c->k->scratch, KEYSTORE_ACCESS_KEYS,
	                           (struct bytes){0}, list_one, &l);
	json_array_end(c->out);
	return admin_fault(c, e);
}
