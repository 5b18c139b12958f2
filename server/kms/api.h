/*
 * The AWS KMS JSON API (AWS-API.md): one signed POST in, one answer out. The KMS verifies the signature itself, for
 * service "kms"; operation, key and context are what the signed request says. Every decision is an entry of the log, refusals
 * included, except when the KMS is sealed or cannot decide, and except floods of callers who prove nothing (API_UNPROVEN_PER_S).
 *
 * A change of keys or aliases is made in the administration's order: entry durable, then the change, then the answer.
 * Thread: the one worker.
 */
#ifndef REMPART_KMS_API_H
#define REMPART_KMS_API_H
#include "common/codec/json.h"
#include "server/kms/kms.h"

enum {
	API_BODY_MAX = 128 << 10,   /* bytes of a request */
	API_ANSWER_MAX = 1 << 20,   /* bytes of an answer */
	API_ARENA_MAX = 4 << 20,    /* bytes of what a request makes */
	API_CONTEXT_MAX = 8192,     /* bytes of an encryption context, canonical */
	API_BLOB_MAX = 6144,        /* bytes of a ciphertext as it comes in: AWS's limit */
	API_KEYS_MAX = 10000,       /* keys in all, before CreateKey refuses */
	API_TENANT_KEYS_MAX = 1000, /* of one tenant, likewise */
	API_KEY_VERSIONS_MAX = 1000,
	API_ALIASES_MAX = 10000,    /* aliases in all, before CreateAlias refuses */
	API_UNPROVEN_PER_S = 50,    /* entries about callers who proved no access key; beyond it they are throttled */
};

enum api_error {
	API_OK,
	API_ACCESS_DENIED,
	API_NOT_FOUND,
	API_DISABLED,
	API_INVALID_CIPHERTEXT,
	API_INCORRECT_KEY,
	API_INVALID_KEY_USAGE,
	API_INVALID_MARKER,
	API_INVALID_GRANT_TOKEN,
	API_INVALID_ALIAS,
	API_EXISTS,
	API_LIMIT,
	API_UNSUPPORTED,
	API_DRY_RUN,
	API_VALIDATION,
	API_SERIALIZATION,
	API_UNKNOWN_OPERATION,
	API_NO_SIGNATURE,
	API_INCOMPLETE_SIGNATURE,
	API_NO_ACCESS_KEY,
	API_BAD_SIGNATURE,
	API_SKEWED,
	API_THROTTLED,
	API_SEALED,
	API_UNAVAILABLE,
	API_ERRORS,
};

/* One request as it came; everything borrowed. */
struct api_request {
	struct bytes method, path, query;
	const struct field *fields;
	size_t n_fields;
	struct bytes body;
	struct bytes source;       /* address of the client */
	const uint8_t *id;         /* 16 bytes: the request id */
};

/* api_answer: gives the HTTP status; the answer is appended to w, which may hold a secret and is to be wiped. */
unsigned api_answer(struct kms *k, const struct api_request *r, struct arena *a, struct writer *w);
/* api_failure: {"__type":...} alone; message p NULL: the usual one. Gives the HTTP status. */
unsigned api_failure(enum api_error e, struct bytes message, struct writer *w);

#endif
