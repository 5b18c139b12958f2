#include "server/kms/identity.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/attr.h"
#include "common/base/log.h"
#include "common/sigv4/sigv4.h"
#include "server/kms/kms.h"

enum err identity_init(struct identity *i)
{
	i->slots = calloc(IDENTITY_CACHE, sizeof(*i->slots));
	return i->slots == NULL ? ERR_NOMEM : OK;
}

static void empty(struct principal *p)
{
	secret_free(p->secret);
	secret_free(p->signing_key);
	memset(p, 0, sizeof(*p));
}

void identity_forget(struct identity *i)
{
	for (size_t n = 0; i->slots != NULL && n < IDENTITY_CACHE; n++) {
		if (i->slots[n].access_key.n > 0) {
			empty(&i->slots[n]);
		}
	}
}

void identity_free(struct identity *i)
{
	identity_forget(i);
	free(i->slots);
	i->slots = NULL;
}

void identity_write_arn(struct writer *w, struct bytes tenant, struct bytes user)
{
	write_text(w, "arn:aws:iam::");
	write_bytes(w, tenant);
	write_text(w, ":user/");
	write_bytes(w, user);
}

/* FNV-1a: only spreads the slots; who collides loses time, nothing else. */
static size_t slot_of(struct bytes b)
{
	uint64_t h = 14695981039346656037ULL;

	for (size_t i = 0; i < b.n; i++) {
		h = (h ^ b.p[i]) * 1099511628211ULL;
	}
	return (size_t)((h ^ h >> 32) % IDENTITY_CACHE);
}

/* Copy a view into the principal's own memory. */
static struct bytes keep(struct writer *w, struct bytes b)
{
	size_t at = w->used;

	write_bytes(w, b);
	return bytes_of(w->p + at, b.n);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	if (a == 0 || b == 0) {
		return a == 0 ? b : a;
	}
	return a < b ? a : b;
}

/* The three records behind an access key; a missing one is damage, since deletion removes keys first. */
static enum err read_records(struct kms *k, struct bytes id, struct record_access_key *key,
                             struct record_user *user, struct record_tenant *tenant)
{
	struct bytes plain;

	TRY(keystore_get(k->store, k->scratch, KEYSTORE_ACCESS_KEYS, id, &plain));
	TRY(record_access_key_read(plain, key));
	struct bytes place = keystore_key(k->scratch, key->tenant, key->user);
	if (place.p == NULL) {
		return ERR_LIMIT;
	}
	enum err e = keystore_get(k->store, k->scratch, KEYSTORE_USERS, place, &plain);
	if (e == OK) {
		TRY(record_user_read(plain, user));
		e = keystore_get(k->store, k->scratch, KEYSTORE_TENANTS, key->tenant, &plain);
	}
	if (e == OK) {
		TRY(record_tenant_read(plain, tenant));
	}
	if (e == ERR_NOTFOUND) {
		LOG(LOG_ERROR, "identity.incomplete", LOG_BYTES("access_key", id),
		    LOG_BYTES("tenant", key->tenant), LOG_BYTES("user", key->user),
		    LOG_STR("do", "restore the state folder from a backup; the key is refused"));
		e = ERR_CORRUPT;
	}
	return e;
}

struct records {
	struct record_access_key key;
	struct record_user user;
	struct record_tenant tenant;
};

static enum err fill(struct kms *k, const struct records *r, struct principal *p)
{
	struct writer w = writer_fixed(p->text, sizeof(p->text));

	p->tenant = keep(&w, r->tenant.number);
	p->tenant_name = keep(&w, r->tenant.name);
	p->canonical_id = keep(&w, r->tenant.canonical_id);
	p->display_name = keep(&w, r->tenant.display_name);
	p->user = keep(&w, r->user.name);
	size_t at = w.used;
	identity_write_arn(&w, r->tenant.number, r->user.name);
	p->arn = bytes_of(w.p + at, w.used - at);
	struct bytes access_key = keep(&w, r->key.id);
	TRY(writer_end(&w));
	memcpy(p->default_key, r->tenant.default_key, sizeof(p->default_key));
	p->enabled = r->key.enabled && r->user.enabled;
	p->expires_ms = earlier(r->key.expires_ms, r->user.expires_ms);
	TRY(keystore_unwrap(k->store, KEYSTORE_ACCESS_KEYS, access_key, r->key.secret_wrapped,
	                    &p->secret));
	p->access_key = access_key; /* last: the slot counts from here on */
	return OK;
}

enum err identity_find(struct kms *k, struct bytes access_key, struct principal **ret)
{
	struct principal *p = &k->identity.slots[slot_of(access_key)];
	struct records r;

	if (access_key.n == 0 || access_key.n > RECORD_ACCESS_KEY_MAX) {
		return ERR_NOTFOUND;
	}
	if (!bytes_equal(p->access_key, access_key)) {
		/* Before the slot is emptied: made-up access keys throw nobody out. */
		TRY(read_records(k, access_key, &r.key, &r.user, &r.tenant));
		empty(p);
		enum err e = fill(k, &r, p);
		if (e != OK) {
			empty(p);
			return e;
		}
	}
	*ret = p;
	return OK;
}

enum err identity_signing_key(struct principal *p, struct bytes date, struct bytes region,
                              struct bytes service, const struct secret **ret)
{
	uint8_t scope[IDENTITY_SCOPE_BYTES];
	struct writer w = writer_fixed(scope, sizeof(scope));

	write_lv16(&w, date);
	write_lv16(&w, region);
	write_lv16(&w, service);
	TRY(writer_end(&w));
	if (p->signing_key == NULL ||
	    !bytes_equal(writer_bytes(&w), bytes_of(p->scope, p->scope_bytes))) {
		p->signing_key = secret_free(p->signing_key);
		TRY(sigv4_signing_key(p->secret, date, region, service, &p->signing_key));
		memcpy(p->scope, scope, w.used);
		p->scope_bytes = w.used;
	}
	*ret = p->signing_key;
	return OK;
}
