/* user.* */
#include "common/base/attr.h"
#include "common/base/clock.h"
#include "server/kms/admin_ops.h"

static void write_arn(struct admin_call *c, const struct record_user *u)
{
	uint8_t text[KEYRING_ARN_BYTES];
	struct writer w = writer_fixed(text, sizeof(text));

	identity_write_arn(&w, u->tenant, u->name);
	json_string(c->out, "arn", writer_bytes(&w));
}

static void write_user(struct admin_call *c, const struct record_user *u)
{
	json_string(c->out, "tenant", u->tenant);
	json_string(c->out, "user", u->name);
	write_arn(c, u);
	json_string(c->out, "display_name", u->display_name);
	json_bool(c->out, "enabled", u->enabled);
	admin_write_time(c->out, "created", u->created_ms);
	admin_write_expires(c->out, "expires", u->expires_ms);
}

static enum err put_user(struct admin_call *c, struct bytes place, const struct record_user *u)
{
	uint8_t plain[RECORD_MAX];
	struct writer w = writer_fixed(plain, sizeof(plain));

	record_user_write(&w, u);
	TRY(writer_end(&w));
	return keystore_put(c->k->store, &c->changes, KEYSTORE_USERS, place, writer_bytes(&w));
}

static enum admin_error describe(struct admin_call *c, struct bytes user)
{
	const struct bytes parts[] = {BYTES("user "), user};

	return admin_detail(c, parts, COUNT(parts));
}

/* Tenant and name of the request, and where the user's record is. */
static enum admin_error read_place(struct admin_call *c, struct bytes *ret_name,
                                   struct bytes *ret_place)
{
	struct record_tenant t;
	enum admin_error e = admin_tenant(c, &t);

	if (e == ADMIN_OK) {
		e = admin_name(c, "user", ret_name);
	}
	if (e == ADMIN_OK) {
		*ret_place = keystore_key(c->a, t.number, *ret_name);
		e = ret_place->p == NULL ? ADMIN_LIMIT : describe(c, *ret_name);
	}
	return e;
}

static enum admin_error find_user(struct admin_call *c, struct bytes *ret_place,
                                  struct record_user *ret)
{
	struct bytes name, plain;
	enum admin_error bad = read_place(c, &name, ret_place);

	if (bad != ADMIN_OK) {
		return bad;
	}
	enum err e = keystore_get(c->k->store, c->a, KEYSTORE_USERS, *ret_place, &plain);
	if (e == OK) {
		e = record_user_read(plain, ret);
	}
	if (e == ERR_NOTFOUND) {
		return admin_refuse(c, ADMIN_NOT_FOUND, "the tenant has no such user; see user.list");
	}
	return admin_fault(c, e);
}

enum admin_error admin_user_create(struct admin_call *c)
{
	struct record_user u = {.enabled = true};
	struct bytes place, plain;
	enum admin_error bad = read_place(c, &u.name, &place);

	if (bad == ADMIN_OK) {
		bad = admin_text(c, "display_name", &u.display_name);
	}
	if (bad == ADMIN_OK) {
		bad = admin_expires(c, &u.expires_ms);
	}
	if (bad != ADMIN_OK) {
		return bad;
	}
	enum err e = keystore_get(c->k->store, c->a, KEYSTORE_USERS, place, &plain);
	if (e == OK) {
		return admin_refuse(c, ADMIN_EXISTS, "the tenant has a user of that name");
	}
	if (e != ERR_NOTFOUND) {
		return admin_fault(c, e);
	}
	u.tenant = c->tenant;
	u.created_ms = clock_real_ms();
	e = put_user(c, place, &u);
	write_user(c, &u);
	return admin_fault(c, e);
}

static enum admin_error set_enabled(struct admin_call *c, bool enabled)
{
	struct record_user u;
	struct bytes place;
	enum admin_error bad = find_user(c, &place, &u);

	if (bad != ADMIN_OK) {
		return bad;
	}
	u.enabled = enabled;
	enum err e = put_user(c, place, &u);
	write_user(c, &u);
	return admin_fault(c, e);
}

enum admin_error admin_user_disable(struct admin_call *c)
{
	return set_enabled(c, false);
}

enum admin_error admin_user_enable(struct admin_call *c)
{
	return set_enabled(c, true);
}

struct removal {
	struct admin_call *call;
	const struct record_user *user;
};

static enum err remove_key_of(void *context, struct bytes key, struct bytes plain)
{
	struct removal *r = context;
	struct record_access_key k;

	if (plain.p == NULL) {
		return ERR_CORRUPT;
	}
	TRY(record_access_key_read(plain, &k));
	if (!bytes_equal(k.tenant, r->user->tenant) || !bytes_equal(k.user, r->user->name)) {
		return OK;
	}
	return keystore_remove(&r->call->changes, KEYSTORE_ACCESS_KEYS, key);
}

enum admin_error admin_user_delete(struct admin_call *c)
{
	struct record_user u;
	struct removal removal = {c, &u};
	struct bytes place;
	enum admin_error bad = find_user(c, &place, &u);

	if (bad != ADMIN_OK) {
		return bad;
	}
	enum err e = keystore_each(c->k->store, c->k->scratch, KEYSTORE_ACCESS_KEYS,
	                           (struct bytes){0}, remove_key_of, &removal);
	if (e == OK) {
		e = keystore_remove(&c->changes, KEYSTORE_USERS, place);
	}
	return admin_fault(c, e);
}

static enum err list_one(void *context, struct bytes key, struct bytes plain)
{
	struct admin_call *c = context;
	struct record_user u;

	(void)key;
	if (plain.p == NULL) {
		return ERR_CORRUPT;
	}
	TRY(record_user_read(plain, &u));
	json_object_begin(c->out, NULL);
	write_user(c, &u);
	json_object_end(c->out);
	return OK;
}

enum admin_error admin_user_list(struct admin_call *c)
{
	struct record_tenant t;
	enum admin_error bad = admin_tenant(c, &t);

	if (bad != ADMIN_OK) {
		return bad;
	}
	struct bytes prefix = keystore_key(c->a, t.number, (struct bytes){0});
	json_array_begin(c->out, "users");
	enum err e = keystore_each(c->k->store, c->k->scratch, KEYSTORE_USERS, prefix, list_one, c);
	json_array_end(c->out);
	return admin_fault(c, e);
}
