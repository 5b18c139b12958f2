/*
 * The administration of the KMS (ADMIN-API.md): one table of operations, each with the states that it is allowed in, whether
 * it is an entry of the log, and its handler.
 *
 * Order: `prepare` checks, collects changes of the key store and writes the answer; then the entry is made durable; then
 * the changes are applied, in one transaction; then the answer leaves. So no change is without its entry; a
 * crash between the two leaves an entry about a change that did not happen, never the opposite.
 */
#ifndef REMPART_KMS_ADMIN_H
#define REMPART_KMS_ADMIN_H
#include "common/codec/json.h"
#include "server/kms/kms.h"

enum {
	ADMIN_BODY_MAX = 64 << 10,   /* bytes of a request */
	ADMIN_ANSWER_MAX = 16 << 20, /* bytes of an answer */
};

enum admin_error {
	ADMIN_OK,
	ADMIN_BAD_REQUEST,
	ADMIN_UNKNOWN_OP,
	ADMIN_SEALED,
	ADMIN_NOT_INITIALISED,
	ADMIN_ALREADY_INITIALISED,
	ADMIN_BAD_PASSPHRASE,
	ADMIN_EXISTS,
	ADMIN_NOT_FOUND,
	ADMIN_CONFLICT,
	ADMIN_DENIED,
	ADMIN_LIMIT,
	ADMIN_UNAVAILABLE,
	ADMIN_INTERNAL,
	ADMIN_ERRORS,
};

struct admin_call {
	struct kms *k;
	struct arena *a;                /* of the request */
	const struct json *in;
	struct json_writer *out;        /* members of the answer go here */
	struct keystore_changes changes;
	const char *message;            /* for people, when refused */
	struct bytes tenant;            /* for the entry */
	struct bytes detail;            /* for the entry: what changes; no secret */
};

/* admin_answer: do what the JSON text asks for. The answer is appended to w, which may hold a secret and is to be wiped.
 *   administrator  CN of the client certificate
 *   request_id     16 bytes, for the entry
 * Gives the HTTP status. Thread: the one worker; blocks (init and unseal for about a second). */
unsigned admin_answer(struct kms *k, struct bytes administrator, const uint8_t *request_id,
                      struct bytes body, struct arena *a, struct writer *w);
/* admin_failure: the answer {"ok":false,...} alone. Gives the HTTP status. */
unsigned admin_failure(enum admin_error e, const char *message, struct writer *w);

#endif
