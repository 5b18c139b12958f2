/*
 * Calls to the administration API of the KMS (server/kms/ADMIN-API.md): JSON over mutual TLS 1.3.
 * One thread at a time; blocks.
 */
#ifndef REMPART_CLIENT_ADMIN_H
#define REMPART_CLIENT_ADMIN_H

#include "common/base/report.h"
#include "common/codec/json.h"

enum { ADMIN_REQUEST_BYTES_MAX = 64 << 10, ADMIN_ANSWER_BYTES_MAX = 16 << 20 };

struct admin_options {
	const char *url;         /* https://host:port, no path */
	const char *ca_file;
	const char *certificate_file;
	const char *key_file;
	uint32_t deadline_ms;    /* 0: 120,000: a passphrase takes its time */
};

struct admin;

/* admin_new: errors  INPUT (what is missing or unreadable: ret_report), NOMEM */
enum err admin_new(const struct admin_options *o, struct admin **ret, struct report *ret_report);
void admin_free(struct admin *a); /* wipes the last answer. NULL-safe */
void admin_freep(struct admin **a);

/*
 * admin_call: one operation.
 *   request   a JSON object with "op"; borrowed
 *   ret       the answer's object, owned by the caller (json_free)
 *   ret_text  the answer as it came, until the next call; may be NULL
 *   errors    UNAVAILABLE (not reached, sealed), AUTH (passphrase), EXISTS, NOTFOUND, CONFLICT
 *             (also not initialised), DENIED, LIMIT, INPUT, CORRUPT (not an answer of a KMS), IO,
 *             TIMEOUT; ret_report has the server's own words
 */
enum err admin_call(struct admin *a, struct bytes request, struct json **ret,
                    struct bytes *ret_text, struct report *ret_report);

#endif
