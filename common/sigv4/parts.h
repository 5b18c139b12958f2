/*
 * Private to common/sigv4: the pieces that reading, taking apart, verifying and signing share, so
 * that there is one definition of every form. Sources as in sigv4.h.
 */
#ifndef REMPART_SIGV4_PARTS_H
#define REMPART_SIGV4_PARTS_H
#include "common/sigv4/sigv4.h"

#define SIGV4_ALGORITHM "AWS4-HMAC-SHA256"
#define SIGV4_UNSIGNED  "UNSIGNED-PAYLOAD"

enum {
	SIGV4_PARAMETERS_MAX = 128,   /* query parameters of one request */
	SIGV4_ACCESS_KEY_MAX = 128,   /* bytes */
	SIGV4_SCOPE_PART_MAX = 64,    /* bytes of a region or service name */
	SIGV4_TOKEN_MAX = 8192,       /* bytes of a session token */
	SIGV4_CONTENT_HASH_MAX = 64,  /* bytes of x-amz-content-sha256 */
	SIGV4_METHOD_MAX = 16,        /* bytes */
	SIGV4_AMZ_DATE_BYTES = 16,    /* 20260131T235959Z */
	SIGV4_DATE_BYTES = 8,         /* 20260131 */
	SIGV4_SHA256_HEX = 64,
};

/* The parameters that carry a signature; SIGNATURE itself is never part of what is signed. */
enum sigv4_parameter {
	SIGV4_X_ALGORITHM,
	SIGV4_X_CREDENTIAL,
	SIGV4_X_DATE,
	SIGV4_X_EXPIRES,
	SIGV4_X_SIGNED_HEADERS,
	SIGV4_X_SIGNATURE,
	SIGV4_X_TOKEN,
	SIGV4_X_CONTENT_HASH,
	SIGV4_X_COUNT,
};
extern const char *const sigv4_parameter_names[SIGV4_X_COUNT];
/* sigv4_parameter_marks: this parameter alone makes a request a presigned one. */
bool sigv4_parameter_marks(enum sigv4_parameter p);

/* Forms */
bool sigv4_is_method(struct bytes b);
bool sigv4_is_header_name(struct bytes b);  /* lower-case token, RFC 9110 5.6.2 */
bool sigv4_is_header_value(struct bytes b); /* no control characters but tab */
bool sigv4_is_visible(struct bytes b, size_t max); /* 1..max bytes of 0x21..0x7e */
bool sigv4_is_content_hash(struct bytes b); /* what may stand in the last line */
bool sigv4_is_signature(struct bytes b);    /* 64 lower-case hex digits */
bool sigv4_is_hash(struct bytes b);         /* 64 hex digits */
bool sigv4_is_amz_date(struct bytes b, uint64_t *ret_ms);
/* sigv4_header_list: "a;b;c", strictly ascending, 1..SIGV4_SIGNED_HEADERS_MAX names. */
bool sigv4_header_list(struct bytes list);
bool sigv4_header_listed(struct bytes list, struct bytes lower_name);
/* sigv4_encoded: text that uri_encode could have written. */
bool sigv4_encoded(struct bytes b, bool keep_slash);
/* sigv4_scope_valid: date, region, service have the forms of a scope (so none can hold a line end). */
bool sigv4_scope_valid(const struct sigv4_evidence *e);
/* sigv4_credential_read: "key/date/region/service/aws4_request" into e; views borrow from `text`.
 * The last four parts are the scope; an access key may hold '/'. */
bool sigv4_credential_read(struct bytes text, struct sigv4_evidence *e);
/* sigv4_expires_read: 1..SIGV4_EXPIRES_MAX_S. */
bool sigv4_expires_read(struct bytes text, uint64_t *ret);
uint8_t sigv4_lower(uint8_t c);
bool sigv4_name_is(struct bytes header_name, struct bytes lower_name);

/* Building */
struct sigv4_draft {
	struct bytes method;
	struct bytes path;  /* canonical */
	struct bytes query; /* canonical */
	const struct field *headers; /* as sent */
	size_t n_headers;
	struct bytes signed_headers;
	struct bytes content_hash;
};
/* sigv4_canonical_path: twice: services other than S3 encode the path two times. errors: INPUT, LIMIT */
enum err sigv4_canonical_path(struct arena *a, struct bytes raw, bool twice, struct bytes *ret);
/* sigv4_canonical_query: decoded parameters in; X-Amz-Signature left out. errors: LIMIT */
enum err sigv4_canonical_query(struct arena *a, const struct field *parameters, size_t n,
                               struct bytes *ret);
/* sigv4_canonical_request: errors: INPUT (a value with a line end), LIMIT */
enum err sigv4_canonical_request(struct arena *a, const struct sigv4_draft *d, struct bytes *ret);

#endif
