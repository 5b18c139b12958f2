/*
 * AWS Signature Version 4: reading the signature of a request, building the canonical request and
 * the string to sign, deriving the signing key, checking and making signatures, chunk signatures.
 * Source: AWS "Signature Version 4 signing process", S3 "Authenticating Requests" and "sigv4-streaming(-trailers)".
 * Pure: time is an argument. Used by the gateway (read, canonicalise), the KMS (verify) and the client (sign).
 */
#ifndef REMPART_SIGV4_H
#define REMPART_SIGV4_H
#include "common/base/arena.h"
#include "common/base/secret.h"

enum {
	SIGV4_SIGNATURE_HEX = 64,
	SIGV4_SKEW_MS = 15 * 60 * 1000,
	SIGV4_EXPIRES_MAX_S = 7 * 24 * 3600,
	SIGV4_CANONICAL_MAX = 32768, /* bytes of a canonical request */
};

/* SIGV4_FORM: a POST policy signs, and the fields of the form are the evidence (post.h). */
enum sigv4_kind { SIGV4_ANONYMOUS, SIGV4_HEADER, SIGV4_QUERY, SIGV4_FORM };

/* What x-amz-content-sha256 says about the body. */
enum sigv4_payload {
	SIGV4_PAYLOAD_SIGNED,                   /* 64 hex digits: SHA-256 of the whole body */
	SIGV4_PAYLOAD_UNSIGNED,                 /* UNSIGNED-PAYLOAD (and presigned) */
	SIGV4_PAYLOAD_CHUNKED,                  /* STREAMING-AWS4-HMAC-SHA256-PAYLOAD */
	SIGV4_PAYLOAD_CHUNKED_TRAILER,          /* STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER */
	SIGV4_PAYLOAD_UNSIGNED_TRAILER,         /* STREAMING-UNSIGNED-PAYLOAD-TRAILER */
	SIGV4_PAYLOAD_UNSUPPORTED,              /* the ECDSA forms and anything else */
};

/* Why a request's authentication could not even be read; each maps to one S3 error. */
enum sigv4_fault {
	SIGV4_FAULT_NONE,
	SIGV4_FAULT_MALFORMED_HEADER,   /* AuthorizationHeaderMalformed */
	SIGV4_FAULT_MALFORMED_QUERY,    /* AuthorizationQueryParametersError */
	SIGV4_FAULT_EXPIRES,            /* AuthorizationQueryParametersError: X-Amz-Expires is not 1..604800 */
	SIGV4_FAULT_VERSION,            /* a Signature Version 2 or other scheme: InvalidRequest */
	SIGV4_FAULT_BOTH,               /* header and query at once: InvalidArgument */
	SIGV4_FAULT_NO_DATE,            /* AccessDenied: no valid date */
	SIGV4_FAULT_UNSIGNED_HEADER,    /* host, or an x-amz- header, is not among the signed ones: AccessDenied */
	SIGV4_FAULT_NO_CONTENT_HASH,    /* MissingSecurityHeader / InvalidRequest: x-amz-content-sha256 missing */
};

/* One request as it came; everything borrowed. */
struct sigv4_request {
	struct bytes method;
	struct bytes path;  /* raw, as sent */
	struct bytes query; /* raw, without '?' */
	const struct field *headers;
	size_t n_headers;
};

/* The signature found in a request, plus the canonical request made from it: the evidence. */
struct sigv4_evidence {
	enum sigv4_kind kind;
	struct bytes access_key;
	struct bytes amz_date;  /* 20260131T235959Z */
	struct bytes date;      /* 20260131: of the scope */
	struct bytes region;
	struct bytes service;
	struct bytes signed_headers; /* "host;x-amz-date" */
	struct bytes signature; /* 64 lower-case hex digits */
	struct bytes session_token; /* empty */
	uint64_t expires_s;     /* SIGV4_QUERY only */
	struct bytes content_hash; /* the last line of the canonical request */
	enum sigv4_payload payload;
	struct bytes canonical; /* the canonical request */
	struct bytes form;      /* SIGV4_FORM only: the text that all else is derived from */
};

/*
 * sigv4_read: find the signature and build the canonical request. Everything in `ret` lives in the
 * arena. With kind ANONYMOUS there is neither; canonical is then still built, over host and all x-amz-*
 * headers, which nobody signed.
 *   service   "s3": path encoded once, x-amz-content-sha256 names the payload; "kms": body_hash is the payload
 *   body_hash hex SHA-256 of the body, for services that have no content-sha256 header; else empty
 *   errors    INPUT (ret_fault says which; NONE: the method, path or query itself is malformed,
 *             or Host stands twice), LIMIT
 */
enum err sigv4_read(struct arena *a, const struct sigv4_request *request, struct bytes service,
                    struct bytes body_hash, struct sigv4_evidence *ret,
                    enum sigv4_fault *ret_fault);

/* sigv4_payload_of: what the value of x-amz-content-sha256 (the last line of the canonical request) means. */
enum sigv4_payload sigv4_payload_of(struct bytes content_hash);

/* A canonical request taken apart again, by the KMS: what exactly did the user sign?
 * Everything borrowed from `canonical`; headers are lower-case names with their canonical values. */
enum { SIGV4_SIGNED_HEADERS_MAX = 64, SIGV4_HOISTED_MAX = 64 };
struct sigv4_claims {
	struct bytes method;
	struct bytes path;   /* canonical (encoded) URI */
	struct bytes query;  /* canonical (encoded, sorted) query; SIGV4_QUERY: without X-Amz-Signature */
	struct field headers[SIGV4_SIGNED_HEADERS_MAX + SIGV4_HOISTED_MAX]; /* the rest is room for sigv4_hoisted */
	size_t n_headers;
	struct bytes signed_headers;
	struct bytes content_hash;
};
/* sigv4_claims: strict; anything that sigv4_read would not have produced is INPUT. */
enum err sigv4_claims_read(struct bytes canonical, struct sigv4_claims *ret);

/*
 * sigv4_hoisted: the headers that stand in the query. SDKs presign x-amz-... so, and whoever uses the URL sends none; S3 takes
 * them as the headers that they are called. Left out: what belongs to the signature, and checksums of the body, which nobody had
 * who presigned: S3 does not look at them there.
 *   query    decoded (uri_query); ret borrows its values
 *   headers  [*n] there are; room for SIGV4_HOISTED_MAX more; the names that are added are lower-case
 *   errors   INPUT (no header can carry it, it is there twice, or it is a key that a customer brings: not in a URL), LIMIT
 */
enum err sigv4_hoisted(struct arena *a, const struct field *query, size_t n_query,
                       struct field *headers, size_t *n);

/* sigv4_string_to_sign: of the evidence (algorithm, amz date, scope, hash of canonical). */
enum err sigv4_string_to_sign(struct arena *a, const struct sigv4_evidence *e, struct bytes *ret);

/* sigv4_signing_key: HMAC chain over date, region, service. `secret_key` is the S3 secret text. */
enum err sigv4_signing_key(const struct secret *secret_key, struct bytes date, struct bytes region,
                           struct bytes service, struct secret **ret);
/* sigv4_sign: 64 hex digits of HMAC(signing key, text). */
enum err sigv4_sign(const struct secret *signing_key, struct bytes text,
                    char ret[SIGV4_SIGNATURE_HEX]);

/*
 * sigv4_verify: the whole check of the evidence: amz date and scope date agree, clock window (header form: +-15 min) or
 * expiry (query form: from the signed query itself, X-Amz-Expires 1..604800, start not more than 15 min ahead),
 * signature in constant time.
 * Every field of the evidence must agree with the canonical request; content_hash and session_token may be
 * empty (not claimed), payload is not looked at. The clock is checked before the signature, as AWS does.
 *   errors  AUTH (signature), TIMEOUT (skew or expired: *ret_expired tells which), INPUT, LIMIT
 */
enum err sigv4_verify(struct arena *a, const struct sigv4_evidence *e,
                      const struct secret *signing_key, uint64_t now_ms, bool *ret_expired);

/* One aws-chunked chunk (or the trailer) as the KMS must check it. */
struct sigv4_chunk {
	uint8_t hash[32];                     /* SHA-256 of the chunk's data, or of the trailer text */
	char signature[SIGV4_SIGNATURE_HEX];  /* as the client sent it */
	bool trailer;                         /* AWS4-HMAC-SHA256-TRAILER instead of -PAYLOAD */
};
/* sigv4_chunks_verify: chunks[0..n) in order after `previous` (the seed signature first); on success `previous`
 * is the last one's. errors: AUTH, NOMEM */
enum err sigv4_chunks_verify(const struct secret *signing_key, struct bytes amz_date,
                             struct bytes scope, char previous[SIGV4_SIGNATURE_HEX],
                             const struct sigv4_chunk *chunks, size_t n);
/* sigv4_scope: "20260131/region/service/aws4_request" in the arena. */
enum err sigv4_scope(struct arena *a, const struct sigv4_evidence *e, struct bytes *ret);

/*
 * Signing, for clients. headers[] must include host; x-amz-date and (s3) x-amz-content-sha256 are
 * added by the caller beforehand. Gives the value of the Authorization header, in the arena.
 */
enum err sigv4_authorization(struct arena *a, const struct sigv4_request *request,
                             struct bytes access_key, const struct secret *secret_key,
                             struct bytes region, struct bytes service, struct bytes amz_date,
                             struct bytes content_hash, struct bytes *ret);
/* sigv4_presign: the query string (with X-Amz-Signature) for a GET or PUT of `path`, in the arena. */
enum err sigv4_presign(struct arena *a, const struct sigv4_request *request, struct bytes access_key,
                       const struct secret *secret_key, struct bytes region, struct bytes amz_date,
                       uint64_t expires_s, struct bytes *ret);
#endif
