/* Reading members of requests and writing members of answers. */
#include <string.h>

#include "common/base/attr.h"
#include "common/base/clock.h"
#include "common/codec/date.h"
#include "server/kms/admin_ops.h"

enum { NS_IN_MS = 1000000, DATE_BYTES = 40 };

bool admin_name_good(struct bytes b)
{
	static const char extra[] = "._@+=,-";

	if (b.n == 0 || b.n > RECORD_NAME_MAX) {
		return false;
	}
	for (size_t i = 0; i < b.n; i++) {
		uint8_t c = b.p[i];
		bool good = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
		            (c >= '0' && c <= '9') || (c != 0 && strchr(extra, c) != NULL);
		if (!good) {
			return false;
		}
	}
	return true;
}

enum admin_error admin_name(struct admin_call *c, const char *member, struct bytes *ret)
{
	struct bytes b = json_get_bytes(c->in, member);
	const struct bytes parts[] = {
		bytes_text(member),
		b.p == NULL ? BYTES(" is missing; give a name")
		            : BYTES(" is not a name; use 1 to 64 of A-Z a-z 0-9 . _ @ + = , -"),
	};

	if (!admin_name_good(b)) {
		return admin_refuse(c, ADMIN_BAD_REQUEST,
		                    (const char *)arena_join(c->a, parts, COUNT(parts)).p);
	}
	*ret = b;
	return ADMIN_OK;
}

static bool text_good(struct bytes b)
{
	for (size_t i = 0; i < b.n; i++) {
		if (b.p[i] < ' ' || b.p[i] == 0x7f) {
			return false;
		}
	}
	return b.n <= RECORD_TEXT_MAX && bytes_is_utf8(b);
}

enum admin_error admin_text(struct admin_call *c, const char *member, struct bytes *ret)
{
	const struct json *v = json_get(c->in, member);
	const struct bytes parts[] = {
		bytes_text(member),
		BYTES(" is not a text of at most 256 bytes without control characters"),
	};

	if (v != NULL && (!json_is_string(v) || !text_good(json_bytes(v)))) {
		return admin_refuse(c, ADMIN_BAD_REQUEST,
		                    (const char *)arena_join(c->a, parts, COUNT(parts)).p);
	}
	*ret = json_bytes(v);
	return ADMIN_OK;
}

enum admin_error admin_expires(struct admin_call *c, uint64_t *ret_ms)
{
	const struct json *v = json_get(c->in, "expires");
	uint64_t ns = 0;

	*ret_ms = 0;
	if (v == NULL) {
		return ADMIN_OK;
	}
	if (!json_is_string(v) || date_read_iso(json_bytes(v), &ns) != OK) {
		return admin_refuse(c, ADMIN_BAD_REQUEST,
		                    "expires is not a date; write it like 2027-01-31T00:00:00Z");
	}
	if (ns / NS_IN_MS <= clock_real_ms()) {
		return admin_refuse(c, ADMIN_BAD_REQUEST, "expires lies in the past; give a later one");
	}
	*ret_ms = ns / NS_IN_MS;
	return ADMIN_OK;
}

static bool is_number(struct bytes b)
{
	uint64_t v;

	return b.n == RECORD_TENANT_DIGITS && bytes_u64(b, &v) == OK;
}

/* The number behind a name. */
static enum err number_of(struct admin_call *c, struct bytes name, struct bytes *ret)
{
	const struct bytes parts[] = {BYTES("tenant-name/"), name};
	struct bytes key = arena_join(c->a, parts, COUNT(parts));

	if (key.p == NULL) {
		return ERR_LIMIT;
	}
	return keystore_get(c->k->store, c->a, KEYSTORE_META, key, ret);
}

enum admin_error admin_tenant(struct admin_call *c, struct record_tenant *ret)
{
	struct bytes number, plain;
	enum admin_error bad = admin_name(c, "tenant", &number);

	if (bad != ADMIN_OK) {
		return bad;
	}
	enum err e = is_number(number) ? OK : number_of(c, number, &number);
	if (e == OK) {
		e = keystore_get(c->k->store, c->a, KEYSTORE_TENANTS, number, &plain);
	}
	if (e == OK) {
		e = record_tenant_read(plain, ret);
	}
	if (e == ERR_NOTFOUND) {
		return admin_refuse(c, ADMIN_NOT_FOUND, "there is no such tenant; see tenant.list");
	}
	if (e == OK) {
		c->tenant = ret->number;
	}
	return admin_fault(c, e);
}

enum admin_error admin_detail(struct admin_call *c, const struct bytes *parts, size_t n)
{
	c->detail = arena_join(c->a, parts, n);
	return c->detail.p == NULL ? ADMIN_LIMIT : ADMIN_OK;
}

void admin_write_time(struct json_writer *j, const char *name, uint64_t ms)
{
	uint8_t text[DATE_BYTES];
	struct writer w = writer_fixed(text, sizeof(text));

	date_write_iso_ms(&w, ms);
	json_string(j, name, writer_bytes(&w));
}

void admin_write_expires(struct json_writer *j, const char *name, uint64_t ms)
{
	if (ms == 0) {
		json_null(j, name);
	} else {
		admin_write_time(j, name, ms);
	}
}

void admin_write_arn(struct admin_call *c, const char *name, struct bytes tenant,
                     const uint8_t id[RECORD_UUID_BYTES])
{
	uint8_t text[KEYRING_ARN_BYTES];
	struct writer w = writer_fixed(text, sizeof(text));

	keyring_write_arn(&w, c->k->config->region, tenant, id);
	json_string(c->out, name, writer_bytes(&w));
}
