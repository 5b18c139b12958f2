/*
 * Cross-origin rules of a bucket (WHATWG Fetch; S3 "Using CORS"). A preflight is the one request
 * that is answered without a
 * signature: from the rules alone, and alike for a bucket without rules and one that does not
 * exist.
 */
#ifndef REMPART_GATEWAY_CORS_H
#define REMPART_GATEWAY_CORS_H
#include "server/gateway/shape.h"

enum { CORS_NODES_MAX = 8192 };

extern const struct shape cors_shape;
enum s3error cors_check(struct arena *a, struct xml_node *root);

struct cors_query {
	struct bytes origin, method;
	struct bytes headers; /* Access-Control-Request-Headers: a list; empty: none */
};
struct cors_grant { /* values of headers; empty: header is not sent */
	struct bytes origin; /* "*" or the origin asked for */
	struct bytes methods, headers, expose, max_age;
	bool credentials;
};
/* cors_match: the first rule that allows all of it. Pure; texts in the arena. */
bool cors_match(struct arena *a, const struct xml_node *root, const struct cors_query *q,
                struct cors_grant *ret);

struct request;
/* cors_prepare: what the rules of r->bucket say of a request with Origin, for cors_headers. */
enum s3error cors_prepare(struct request *r);
void cors_headers(struct request *r);
enum s3error op_preflight(struct request *r);

#endif
