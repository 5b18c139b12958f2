/*
 * The IAM policy language: parsing to a compiled form, and evaluation, a pure function of request
 * and policy. Both daemons use it: the KMS to decide, the gateway to refuse a bad document early
 * and to answer GetBucketPolicyStatus.
 * Source: AWS IAM user guide, "Grammar of the IAM JSON policy language", "Policy evaluation logic",
 * "Condition operators"; S3 user guide, "The meaning of public".
 */
#ifndef REMPART_POLICY_H
#define REMPART_POLICY_H
#include "common/base/arena.h"
#include "common/base/bytes.h"

enum {
	POLICY_MAX_BYTES = 20 << 10,   /* of a bucket policy's text (S3) */
	POLICY_STATEMENTS_MAX = 256,
};

enum policy_verdict {
	POLICY_NONE,  /* no statement speaks of it */
	POLICY_ALLOW,
	POLICY_DENY,  /* at least one Deny matches: wins */
};

/* Who asks. */
struct policy_principal {
	struct bytes tenant; /* 12 digits; empty: anonymous */
	struct bytes arn;    /* arn:aws:iam::TENANT:user/NAME; empty: anonymous */
	struct bytes canonical_id; /* of the tenant, 64 hex digits */
	/* "logging.s3.amazonaws.com": no user, a part of S3; then all else is empty */
	struct bytes service;
};
struct policy_request {
	struct policy_principal principal;
	struct bytes action;   /* "s3:GetObject" */
	struct bytes resource; /* "arn:aws:s3:::bucket/key" */
	/* Condition keys ("aws:SourceIp", "s3:RequestObjectTag/colour"; names compare without
	 * case). A key with several values stands several times. Dates: as sent, ISO 8601 or epoch
	 * seconds. */
	const struct field *context;
	size_t n_context;
};

struct policy; /* compiled; immutable; lives in the arena it was parsed into */
/*
 * policy_parse: a bucket policy.
 *   bucket   every Resource must lie in it
 *   ret_why  of INPUT: a constant text in S3's words ("Missing required field Principal", "Policy
 *            has invalid resource" ...)
 *   errors   INPUT (not the language; a key, operator or version that is not known: nothing is
 *            ignored), LIMIT (size, statements, values, arena), NOMEM
 */
enum err policy_parse(struct arena *a, struct bytes text, struct bytes bucket,
                      const struct policy **ret, const char **ret_why);
/* policy_evaluate: ret_sid: the Sid of the statement that decided (empty without one); may be NULL.
 * Allocates nothing. */
enum policy_verdict policy_evaluate(const struct policy *p, const struct policy_request *q,
                                    struct bytes *ret_sid);
/* policy_is_public: does it allow something to everybody, and no condition confines that to fixed
 * values, as S3 defines it? */
bool policy_is_public(const struct policy *p);
/* policy_match: pattern with * and ?, linear in time for one star, never exponential. */
bool policy_match(struct bytes pattern, struct bytes text);

#endif
