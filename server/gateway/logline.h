/*
 * One line of S3's server access log: the 26 fields from bucket owner to ACL required. Pure.
 * Source: S3 user guide, "Amazon S3 server access log format".
 */
#ifndef REMPART_GATEWAY_LOGLINE_H
#define REMPART_GATEWAY_LOGLINE_H
#include "common/base/arena.h"
#include "common/base/bytes.h"
#include "common/s3op/s3op.h"

enum { LOGLINE_MAX = 128 << 10 }; /* bytes: each of a longest head escaped */

/* Borrowed; what is empty, NULL or false becomes "-". */
struct logline {
	struct bytes owner;      /* canonical id of the bucket's owner */
	struct bytes bucket;
	uint64_t time_ms;        /* when the request came */
	struct bytes source;     /* address */
	struct bytes requester;  /* ARN */
	struct bytes request_id; /* hex */
	/* one key of a DeleteObjects: BATCH.DELETE.OBJECT, and no request-URI */
	bool batch;
	const char *verb;        /* of the operation: "GET", "COPY" */
	const char *resource;    /* "OBJECT" */
	struct bytes key;
	struct bytes method, path, query; /* as they came */
	unsigned status;
	const char *error;       /* "NoSuchKey"; "" without */
	uint64_t sent;           /* bytes of the body */
	bool has_size;
	uint64_t size;           /* of the object */
	bool has_total;
	uint64_t total_ms;
	bool has_turn;
	uint64_t turn_ms;        /* from the last byte of the request to the first of the answer */
	struct bytes referer, agent, version;
	const char *signature;   /* "SigV4" */
	const char *cipher;
	const char *authentication; /* "AuthHeader" */
	struct bytes host;
	const char *tls;
	bool acl_required;       /* an ACL was what allowed it */
};
/*
 * logline_write: with a line feed. Of the query, what proves or names a key (signatures,
 * credentials, session tokens) is left out; bytes that could end a field or the line are escaped.
 * The arena is for names of parameters that are percent-encoded.
 */
void logline_write(struct writer *w, struct arena *a, const struct logline *l);
/* logline_resource: the last word of the operation's name in the log: "OBJECT", "BUCKETPOLICY". */
const char *logline_resource(enum s3op op);

#endif
