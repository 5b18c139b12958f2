#include "server/kms/gateways.h"

#include <string.h>

#include "server/kms/kms.h"

void gateways_forget(struct gateways *g)
{
	for (size_t i = 0; i < g->n; i++) {
		secret_free(g->list[i].enrolment);
		secret_free(g->list[i].index_key);
	}
	memset(g, 0, sizeof(*g));
}

static enum err take(void *context, struct bytes key, struct bytes plain)
{
	struct kms *k = context;
	struct record_gateway r;

	if (plain.p == NULL) {
		return OK; /* logged; the others must be able to work */
	}
	TRY(record_gateway_read(plain, &r));
	if (!r.enrolled) {
		return OK;
	}
	if (k->gateways.n == GATEWAYS_MAX) {
		return ERR_LIMIT;
	}
	struct gateway *g = &k->gateways.list[k->gateways.n++];
	memcpy(g->name, r.name.p, r.name.n);
	g->name_bytes = r.name.n;
	memcpy(g->domains, r.domains.p, r.domains.n);
	g->domains_bytes = r.domains.n;
	memcpy(g->certificate_digest, r.certificate_digest, sizeof(g->certificate_digest));
	TRY(keystore_unwrap(k->store, KEYSTORE_GATEWAYS, key, r.enrolment_wrapped, &g->enrolment));
	return keystore_unwrap(k->store, KEYSTORE_GATEWAYS, key, r.index_key_wrapped,
	                       &g->index_key);
}

enum err gateways_load(struct kms *k)
{
	gateways_forget(&k->gateways);
	enum err e = keystore_each(k->store, k->scratch, KEYSTORE_GATEWAYS, (struct bytes){0}, take,
	                           k);
	if (e != OK) {
		gateways_forget(&k->gateways);
	}
	return e;
}

const struct gateway *gateways_find(const struct gateways *g, const uint8_t digest[32])
{
	for (size_t i = 0; i < g->n; i++) {
		if (memcmp(g->list[i].certificate_digest, digest, 32) == 0) {
			return &g->list[i];
		}
	}
	return NULL;
}

struct bytes gateways_name(const struct gateway *g)
{
	return bytes_of(g->name, g->name_bytes);
}

struct bytes gateways_domains(const struct gateway *g)
{
	return bytes_of(g->domains, g->domains_bytes);
}
