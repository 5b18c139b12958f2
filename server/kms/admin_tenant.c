/* tenant.create, tenant.list. */
#include <string.h>

#include "common/base/attr.h"
#include "common/base/clock.h"
#include "common/codec/hex.h"
#include "server/kms/admin_ops.h"

enum { NUMBER_TRIES = 16, CANONICAL_RANDOM_BYTES = 32 };

static void write_tenant(struct admin_call *c, const struct record_tenant *t)
{
	json_string(c->out, "tenant", t->number);
	json_string(c->out, "name", t->name);
	json_string(c->out, "display_name", t->display_name);
	json_string(c->out, "canonical_id", t->canonical_id);
	admin_write_arn(c, "default_key", t->number, t->default_key);
}

/* Twelve random digits, the first not 0. Rejection keeps them equally likely. */
static void random_number(uint8_t out[RECORD_TENANT_DIGITS])
{
	for (size_t i = 0; i < RECORD_TENANT_DIGITS;) {
		uint8_t r;
		random_bytes(&r, 1);
		if (r >= 250 || (i == 0 && r % 10 == 0)) {
			continue;
		}
		out[i++] = (uint8_t)('0' + r % 10);
	}
}

static enum err free_number(struct admin_call *c, struct bytes *ret)
{
	uint8_t *digits = arena_alloc(c->a, RECORD_TENANT_DIGITS);
	struct bytes number = bytes_of(digits, RECORD_TENANT_DIGITS);
	struct bytes plain;

	if (digits == NULL) {
		return ERR_LIMIT;
	}
	for (unsigned i = 0; i < NUMBER_TRIES; i++) {
		random_number(digits);
		enum err e = keystore_get(c->k->store, c->a, KEYSTORE_TENANTS, number, &plain);
		if (e == ERR_NOTFOUND) {
			*ret = number;
			return OK;
		}
		TRY(e);
	}
	return ERR_LIMIT;
}

static enum err make_canonical_id(struct arena *a, struct bytes *ret)
{
	uint8_t random[CANONICAL_RANDOM_BYTES];
	uint8_t *text = arena_alloc(a, RECORD_CANONICAL_ID);

	if (text == NULL) {
		return ERR_LIMIT;
	}
	struct writer w = writer_fixed(text, RECORD_CANONICAL_ID);
	random_bytes(random, sizeof(random));
	hex_write(&w, bytes_of(random, sizeof(random)));
	*ret = writer_bytes(&w);
	return OK;
}

static enum err check_name_free(struct admin_call *c, struct bytes name_key)
{
	struct bytes plain;
	enum err e = keystore_get(c->k->store, c->a, KEYSTORE_META, name_key, &plain);

	if (e == OK) {
		return ERR_EXISTS;
	}
	return e == ERR_NOTFOUND ? OK : e;
}

static enum err make_tenant(struct admin_call *c, struct record_tenant *t)
{
	const struct bytes parts[] = {BYTES("tenant-name/"), t->name};
	struct bytes name_key = arena_join(c->a, parts, COUNT(parts));
	struct record_key key = {.alias = BYTES("s3-default"),
	                         .description = BYTES("default key of the tenant")};
	uint8_t plain[RECORD_MAX];
	struct writer w = writer_fixed(plain, sizeof(plain));

	if (name_key.p == NULL) {
		return ERR_LIMIT;
	}
	TRY(check_name_free(c, name_key));
	TRY(free_number(c, &t->number));
	TRY(make_canonical_id(c->a, &t->canonical_id));
	t->created_ms = clock_real_ms();
	key.tenant = t->number;
	TRY(admin_new_key(c, &key));
	memcpy(t->default_key, key.id, sizeof(t->default_key));
	record_tenant_write(&w, t);
	TRY(writer_end(&w));
	TRY(keystore_put(c->k->store, &c->changes, KEYSTORE_TENANTS, t->number, writer_bytes(&w)));
	return keystore_put(c->k->store, &c->changes, KEYSTORE_META, name_key, t->number);
}

static enum admin_error read_new(struct admin_call *c, struct record_tenant *t)
{
	uint64_t number;
	enum admin_error e = admin_name(c, "name", &t->name);

	if (e == ADMIN_OK && t->name.n == RECORD_TENANT_DIGITS && bytes_u64(t->name, &number) == OK) {
		return admin_refuse(c, ADMIN_BAD_REQUEST,
		                    "a name of twelve digits looks like a tenant number; choose another");
	}
	if (e == ADMIN_OK) {
		e = admin_text(c, "display_name", &t->display_name);
	}
	if (e == ADMIN_OK) {
		e = admin_text(c, "email", &t->email);
	}
	if (t->display_name.n == 0) {
		t->display_name = t->name;
	}
	return e;
}

enum admin_error admin_tenant_create(struct admin_call *c)
{
	struct record_tenant t = {0};
	enum admin_error bad = read_new(c, &t);

	if (bad != ADMIN_OK) {
		return bad;
	}
	enum err e = make_tenant(c, &t);
	if (e == ERR_EXISTS) {
		return admin_refuse(c, ADMIN_EXISTS, "there is a tenant of that name; choose another");
	}
	if (e != OK) {
		return admin_fault(c, e);
	}
	c->tenant = t.number;
	write_tenant(c, &t);
	const struct bytes parts[] = {BYTES("tenant "), t.name};
	return admin_detail(c, parts, COUNT(parts));
}

static enum err list_one(void *context, struct bytes key, struct bytes plain)
{
	struct admin_call *c = context;
	struct record_tenant t;

	(void)key;
	if (plain.p == NULL) {
		return ERR_CORRUPT;
	}
	TRY(record_tenant_read(plain, &t));
	json_object_begin(c->out, NULL);
	write_tenant(c, &t);
	json_object_end(c->out);
	return OK;
}

enum admin_error admin_tenant_list(struct admin_call *c)
{
	json_array_begin(c->out, "tenants");
	enum err e = keystore_each(c->k->store, c->k->scratch, KEYSTORE_TENANTS, (struct bytes){0},
	                           list_one, c);
	json_array_end(c->out);
	return admin_fault(c, e);
}
