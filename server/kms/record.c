/* Each record begins with its format version. They are sealed, so a bad one is damage, not input. */
#include "server/kms/record.h"

static enum err end(const struct reader *r, bool good)
{
	return good && read_end(r) == OK ? OK : ERR_CORRUPT;
}

static bool flag(struct reader *r, bool *ret)
{
	uint8_t v = read_u8(r);

	*ret = v == 1;
	return v <= 1;
}

void record_tenant_write(struct writer *w, const struct record_tenant *t)
{
	write_u8(w, RECORD_VERSION);
	write_lv16(w, t->number);
	write_lv16(w, t->name);
	write_lv16(w, t->display_name);
	write_lv16(w, t->email);
	write_lv16(w, t->canonical_id);
	write_u64(w, t->created_ms);
	write_bytes(w, bytes_of(t->default_key, sizeof(t->default_key)));
}

enum err record_tenant_read(struct bytes b, struct record_tenant *ret)
{
	struct record_tenant t = {0};
	struct reader r = reader_of(b);
	bool good = read_u8(&r) == RECORD_VERSION;

	t.number = read_lv16(&r, RECORD_TENANT_DIGITS);
	t.name = read_lv16(&r, RECORD_NAME_MAX);
	t.display_name = read_lv16(&r, RECORD_TEXT_MAX);
	t.email = read_lv16(&r, RECORD_TEXT_MAX);
	t.canonical_id = read_lv16(&r, RECORD_CANONICAL_ID);
	t.created_ms = read_u64(&r);
	read_into(&r, t.default_key, sizeof(t.default_key));
	good = good && t.number.n == RECORD_TENANT_DIGITS;
	TRY(end(&r, good));
	*ret = t;
	return OK;
}

void record_user_write(struct writer *w, const struct record_user *u)
{
	write_u8(w, RECORD_VERSION);
	write_lv16(w, u->tenant);
	write_lv16(w, u->name);
	write_lv16(w, u->display_name);
	write_u64(w, u->created_ms);
	write_u64(w, u->expires_ms);
	write_u8(w, u->enabled ? 1 : 0);
}

enum err record_user_read(struct bytes b, struct record_user *ret)
{
	struct record_user u = {0};
	struct reader r = reader_of(b);
	bool good = read_u8(&r) == RECORD_VERSION;

	u.tenant = read_lv16(&r, RECORD_TENANT_DIGITS);
	u.name = read_lv16(&r, RECORD_NAME_MAX);
	u.display_name = read_lv16(&r, RECORD_TEXT_MAX);
	u.created_ms = read_u64(&r);
	u.expires_ms = read_u64(&r);
	good = flag(&r, &u.enabled) && good;
	TRY(end(&r, good));
	*ret = u;
	return OK;
}

void record_access_key_write(struct writer *w, const struct record_access_key *k)
{
	write_u8(w, RECORD_VERSION);
	write_lv16(w, k->id);
	write_lv16(w, k->tenant);
	write_lv16(w, k->user);
	write_u64(w, k->created_ms);
	write_u64(w, k->expires_ms);
	write_u8(w, k->enabled ? 1 : 0);
	write_lv16(w, k->secret_wrapped);
}

enum err record_access_key_read(struct bytes b, struct record_access_key *ret)
{
	struct record_access_key k = {0};
	struct reader r = reader_of(b);
	bool good = read_u8(&r) == RECORD_VERSION;

	k.id = read_lv16(&r, RECORD_ACCESS_KEY_MAX);
	k.tenant = read_lv16(&r, RECORD_TENANT_DIGITS);
	k.user = read_lv16(&r, RECORD_NAME_MAX);
	k.created_ms = read_u64(&r);
	k.expires_ms = read_u64(&r);
	good = flag(&r, &k.enabled) && good;
	k.secret_wrapped = read_lv16(&r, RECORD_WRAPPED_MAX);
	TRY(end(&r, good));
	*ret = k;
	return OK;
}

void record_key_write(struct writer *w, const struct record_key *k)
{
	write_u8(w, RECORD_VERSION);
	write_bytes(w, bytes_of(k->id, sizeof(k->id)));
	write_lv16(w, k->tenant);
	write_lv16(w, k->alias);
	write_lv16(w, k->description);
	write_u8(w, (uint8_t)k->state);
	write_u32(w, k->version);
	write_u64(w, k->created_ms);
}

enum err record_key_read(struct bytes b, struct record_key *ret)
{
	struct record_key k = {0};
	struct reader r = reader_of(b);
	bool good = read_u8(&r) == RECORD_VERSION;

	read_into(&r, k.id, sizeof(k.id));
	k.tenant = read_lv16(&r, RECORD_TENANT_DIGITS);
	k.alias = read_lv16(&r, RECORD_NAME_MAX);
	k.description = read_lv16(&r, RECORD_TEXT_MAX);
	uint8_t state = read_u8(&r);
	k.version = read_u32(&r);
	k.created_ms = read_u64(&r);
	k.state = state == RECORD_KEY_ENABLED ? RECORD_KEY_ENABLED : RECORD_KEY_DISABLED;
	good = good && k.version > 0 &&
	       (state == RECORD_KEY_ENABLED || state == RECORD_KEY_DISABLED);
	TRY(end(&r, good));
	*ret = k;
	return OK;
}

void record_key_version_write(struct writer *w, const struct record_key_version *v)
{
	write_u8(w, RECORD_VERSION);
	write_u64(w, v->created_ms);
	write_lv16(w, v->kek_wrapped);
}

enum err record_key_version_read(struct bytes b, struct record_key_version *ret)
{
	struct record_key_version v = {0};
	struct reader r = reader_of(b);
	bool good = read_u8(&r) == RECORD_VERSION;

	v.created_ms = read_u64(&r);
	v.kek_wrapped = read_lv16(&r, RECORD_WRAPPED_MAX);
	TRY(end(&r, good));
	*ret = v;
	return OK;
}

void record_gateway_write(struct writer *w, const struct record_gateway *g)
{
	write_u8(w, RECORD_VERSION);
	write_lv16(w, g->name);
	write_u8(w, g->enrolled ? 1 : 0);
	write_bytes(w, bytes_of(g->certificate_digest, sizeof(g->certificate_digest)));
	write_lv16(w, g->domains);
	write_u64(w, g->created_ms);
	write_lv16(w, g->enrolment_wrapped);
	write_lv16(w, g->index_key_wrapped);
}

enum err record_gateway_read(struct bytes b, struct record_gateway *ret)
{
	struct record_gateway g = {0};
	struct reader r = reader_of(b);
	bool good = read_u8(&r) == RECORD_VERSION;

	g.name = read_lv16(&r, RECORD_NAME_MAX);
	good = flag(&r, &g.enrolled) && good;
	read_into(&r, g.certificate_digest, sizeof(g.certificate_digest));
	g.domains = read_lv16(&r, RECORD_TEXT_MAX);
	g.created_ms = read_u64(&r);
	g.enrolment_wrapped = read_lv16(&r, RECORD_WRAPPED_MAX);
	g.index_key_wrapped = read_lv16(&r, RECORD_WRAPPED_MAX);
	TRY(end(&r, good));
	*ret = g;
	return OK;
}

static void write_document(struct writer *w, const struct record_document *d)
{
	write_bytes(w, bytes_of(d->digest, sizeof(d->digest)));
	write_bytes(w, bytes_of(d->before, sizeof(d->before)));
	write_u64(w, d->changed_ms);
}

static void read_document(struct reader *r, struct record_document *d)
{
	read_into(r, d->digest, sizeof(d->digest));
	read_into(r, d->before, sizeof(d->before));
	d->changed_ms = read_u64(r);
	d->order = 0;
}

void record_bucket_write(struct writer *w, const struct record_bucket *b)
{
	write_u8(w, RECORD_VERSION);
	write_u64(w, b->number);
	write_document(w, &b->policy);
	write_document(w, &b->acl);
	write_document(w, &b->logging);
	write_u64(w, b->policy.order);
	write_u64(w, b->acl.order);
	write_u64(w, b->logging.order);
}

enum err record_bucket_read(struct bytes b, struct record_bucket *ret)
{
	struct reader r = reader_of(b);
	bool good = read_u8(&r) == RECORD_VERSION;

	ret->number = read_u64(&r);
	read_document(&r, &ret->policy);
	read_document(&r, &ret->acl);
	ret->logging = (struct record_document){0};
	if (r.left > 0) { /* a record from before there was bucket logging ends here */
		read_document(&r, &ret->logging);
	}
	if (r.left > 0) { /* one from before there were orders ends here */
		ret->policy.order = read_u64(&r);
		ret->acl.order = read_u64(&r);
		ret->logging.order = read_u64(&r);
	}
	return end(&r, good);
}
