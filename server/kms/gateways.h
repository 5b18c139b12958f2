/* The enrolled gateways, all in memory while the KMS is open: a batch is known by the certificate it came with. */
#ifndef REMPART_KMS_GATEWAYS_H
#define REMPART_KMS_GATEWAYS_H
#include "common/base/secret.h"
#include "server/kms/record.h"

enum { GATEWAYS_MAX = 64 };

struct kms;
struct gateway {
	uint8_t name[RECORD_NAME_MAX];
	size_t name_bytes;
	uint8_t domains[RECORD_TEXT_MAX]; /* host-style domains, separated by spaces */
	size_t domains_bytes;
	uint8_t certificate_digest[32];
	struct secret *enrolment;
	struct secret *index_key;
};
struct gateways {
	struct gateway list[GATEWAYS_MAX];
	size_t n;
};
/* gateways_load: read them anew. errors: CORRUPT, LIMIT (more than GATEWAYS_MAX), NOMEM, IO. Empty on an error. */
enum err gateways_load(struct kms *k);
void gateways_forget(struct gateways *g);
/* gateways_find: by the SHA-256 of the certificate; NULL when none is enrolled with it. */
const struct gateway *gateways_find(const struct gateways *g, const uint8_t digest[32]);
struct bytes gateways_name(const struct gateway *g);
struct bytes gateways_domains(const struct gateway *g);

#endif
