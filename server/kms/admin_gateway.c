/*
 * gateway.*. A removed gateway keeps its record with the index key: whoever enrols under the same name again (a new
 * certificate, a new machine) can still open its index. The enrolment secret is always a new one.
 */
#include <string.h>

#include "common/base/attr.h"
#include "common/base/clock.h"
#include "common/codec/hex.h"
#include "common/kmsproto/kmsproto.h"
#include "server/kms/admin_ops.h"
#include "server/kms/reveal.h"

static void write_gateway(struct admin_call *c, const struct record_gateway *g)
{
	uint8_t text[2 * sizeof(g->certificate_digest)];
	struct writer w = writer_fixed(text, sizeof(text));

	hex_write(&w, bytes_of(g->certificate_digest, sizeof(g->certificate_digest)));
	json_string(c->out, "name", g->name);
	json_string(c->out, "certificate_sha256", writer_bytes(&w));
	json_string(c->out, "domains", g->domains);
	admin_write_time(c->out, "created", g->created_ms);
}

static enum admin_error describe(struct admin_call *c, const struct record_gateway *g)
{
	uint8_t text[2 * sizeof(g->certificate_digest)];
	struct writer w = writer_fixed(text, sizeof(text));

	hex_write(&w, bytes_of(g->certificate_digest, sizeof(g->certificate_digest)));
	const struct bytes parts[] = {
		BYTES("gateway "), g->name, BYTES(", certificate "), writer_bytes(&w),
		BYTES(", domains "), g->domains.n > 0 ? g->domains : BYTES("none"),
	};
	return admin_detail(c, parts, COUNT(parts));
}

static enum err put_gateway(struct admin_call *c, const struct record_gateway *g)
{
	uint8_t plain[RECORD_MAX];
	struct writer w = writer_fixed(plain, sizeof(plain));

	record_gateway_write(&w, g);
	TRY(writer_end(&w));
	return keystore_put(c->k->store, &c->changes, KEYSTORE_GATEWAYS, g->name, writer_bytes(&w));
}

static enum admin_error read_new(struct admin_call *c, struct record_gateway *g)
{
	enum admin_error bad = admin_name(c, "name", &g->name);

	if (bad == ADMIN_OK) {
		bad = admin_text(c, "domains", &g->domains);
	}
	if (bad != ADMIN_OK) {
		return bad;
	}
	if (hex_read(json_get_bytes(c->in, "certificate_sha256"), g->certificate_digest,
	             sizeof(g->certificate_digest)) != OK) {
		return admin_refuse(c, ADMIN_BAD_REQUEST,
		                    "certificate_sha256 is the SHA-256 of the certificate (DER), "
		                    "64 hex digits");
	}
	return ADMIN_OK;
}

/* Names and certificates are unique among the enrolled. */
static enum admin_error check_free(struct admin_call *c, const struct record_gateway *g)
{
	const struct gateways *all = &c->k->gateways;

	if (gateways_find(all, g->certificate_digest) != NULL) {
		return admin_refuse(c, ADMIN_EXISTS, "a gateway is enrolled with that certificate");
	}
	if (all->n == GATEWAYS_MAX) {
		return admin_refuse(c, ADMIN_LIMIT, "64 gateways are enrolled; remove one first");
	}
	return ADMIN_OK;
}

/* The index key of an earlier enrolment under this name, or a new one. */
static enum err find_index_key(struct admin_call *c, struct record_gateway *g)
{
	struct secret *key AUTO(secret_freep) = NULL;
	struct record_gateway old;
	struct bytes plain;
	enum err e = keystore_get(c->k->store, c->a, KEYSTORE_GATEWAYS, g->name, &plain);

	if (e == OK) {
		TRY(record_gateway_read(plain, &old));
		g->index_key_wrapped = old.index_key_wrapped;
		return old.enrolled ? ERR_EXISTS : OK;
	}
	if (e != ERR_NOTFOUND) {
		return e;
	}
	key = secret_random(KMSPROTO_KEY_BYTES);
	if (key == NULL) {
		return ERR_NOMEM;
	}
	return keystore_wrap(c->k->store, c->a, KEYSTORE_GATEWAYS, g->name, key,
	                     &g->index_key_wrapped);
}

enum admin_error admin_gateway_enrol(struct admin_call *c)
{
	struct secret *secret AUTO(secret_freep) = secret_random(KMSPROTO_ENROLMENT_BYTES);
	struct record_gateway g = {.enrolled = true, .created_ms = clock_real_ms()};
	enum admin_error bad = read_new(c, &g);

	if (bad == ADMIN_OK) {
		bad = describe(c, &g);
	}
	if (bad == ADMIN_OK) {
		bad = check_free(c, &g);
	}
	if (bad != ADMIN_OK || secret == NULL) {
		return bad != ADMIN_OK ? bad : ADMIN_UNAVAILABLE;
	}
	enum err e = find_index_key(c, &g);
	if (e == ERR_EXISTS) {
		return admin_refuse(c, ADMIN_EXISTS, "a gateway of that name is enrolled");
	}
	if (e == OK) {
		e = keystore_wrap(c->k->store, c->a, KEYSTORE_GATEWAYS, g.name, secret,
		                  &g.enrolment_wrapped);
	}
	if (e == OK) {
		e = put_gateway(c, &g);
	}
	if (e != OK) {
		return admin_fault(c, e);
	}
	write_gateway(c, &g);
	reveal_hex(c->out, "secret", secret);
	return ADMIN_OK;
}

static enum err list_one(void *context, struct bytes key, struct bytes plain)
{
	struct admin_call *c = context;
	struct record_gateway g;

	(void)key;
	if (plain.p == NULL) {
		return ERR_CORRUPT;
	}
	TRY(record_gateway_read(plain, &g));
	if (g.enrolled) {
		json_object_begin(c->out, NULL);
		write_gateway(c, &g);
		json_object_end(c->out);
	}
	return OK;
}

enum admin_error admin_gateway_list(struct admin_call *c)
{
	json_array_begin(c->out, "gateways");
	enum err e = keystore_each(c->k->store, c->k->scratch, KEYSTORE_GATEWAYS,
	                           (struct bytes){0}, list_one, c);
	json_array_end(c->out);
	return admin_fault(c, e);
}

enum admin_error admin_gateway_remove(struct admin_call *c)
{
	struct record_gateway g = {0};
	struct bytes plain;
	enum admin_error bad = admin_name(c, "name", &g.name);

	if (bad != ADMIN_OK) {
		return bad;
	}
	const struct bytes parts[] = {BYTES("gateway "), g.name};
	bad = admin_detail(c, parts, COUNT(parts));
	if (bad != ADMIN_OK) {
		return bad;
	}
	enum err e = keystore_get(c->k->store, c->a, KEYSTORE_GATEWAYS, g.name, &plain);
	if (e == OK) {
		e = record_gateway_read(plain, &g);
	}
	if (e == ERR_NOTFOUND || (e == OK && !g.enrolled)) {
		return admin_refuse(c, ADMIN_NOT_FOUND, "no gateway of that name is enrolled");
	}
	if (e != OK) {
		return admin_fault(c, e);
	}
	g.enrolled = false;
	return admin_fault(c, put_gateway(c, &g));
}
