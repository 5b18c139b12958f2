/*
 * Server access logging: what a bucket's owner signs when he turns it on (BucketLoggingStatus), the
 * names of the objects that hold the log, and who may write them. Both daemons use it: the KMS to
 * decide, the gateway to refuse early and to deliver. Pure.
 * Source: S3 API reference, PutBucketLogging; S3 user guide, "Enabling Amazon S3 server access
 * logging", "Server access log format".
 */
#ifndef REMPART_LOGGING_H
#define REMPART_LOGGING_H
#include "common/policy/acl.h"
#include "common/policy/policy.h"

enum {
	LOGGING_MAX_BYTES = 8 << 10,  /* of the document */
	LOGGING_PREFIX_MAX = 800,     /* bytes: with the rest, a key stays below 1,024 */
	LOGGING_KEY_MAX = 1024,       /* bytes of a log object's key */
	LOGGING_UNIQUE_BYTES = 8,     /* random; twice as many hex digits end the key */
};
/* The principal that a bucket policy has to allow s3:PutObject. */
#define LOGGING_SERVICE "logging.s3.amazonaws.com"

struct logging {
	struct bytes bucket; /* where the log goes; empty: logging is off */
	struct bytes prefix;
	bool has_format;     /* a TargetObjectKeyFormat was given */
	bool partitioned;
	bool event_time;     /* partitioned: by the day of the requests, not of the delivery */
};
/*
 * logging_read: a BucketLoggingStatus. An element that is not known refuses the document.
 *   ret_why  of INPUT: a constant text
 *   errors   INPUT (not one), DENIED (TargetGrants, which are not built), LIMIT (size, arena)
 */
enum err logging_read(struct arena *a, struct bytes text, struct logging *ret,
                      const char **ret_why);
/* logging_write: the document that GetBucketLogging answers. */
void logging_write(struct writer *w, const struct logging *l);

/* Whose log it is. */
struct logging_source {
	struct bytes tenant; /* 12 digits: owner of both buckets */
	struct bytes region;
	struct bytes bucket;
};
/* logging_key: the key of a log object: of requests at event_ms (all on one day, UTC) that is
 * delivered at now_ms. */
void logging_key(struct writer *w, const struct logging *l, const struct logging_source *s,
                 uint64_t event_ms, uint64_t now_ms, const uint8_t unique[LOGGING_UNIQUE_BYTES]);
/* logging_key_fits: could logging_key have made it, at some time? */
bool logging_key_fits(const struct logging *l, const struct logging_source *s, struct bytes key);

/*
 * logging_allowed: may the log service write that object? The target bucket's policy must allow its
 * principal s3:PutObject, or the ACL must grant WRITE and READ_ACP to the LogDelivery group; a Deny
 * of the policy holds, also one against everybody.
 *   policy, acl  NULL: none that counts
 *   ret_sid      of the statement that decided; may be NULL
 *   errors       DENIED, LIMIT (arena)
 */
struct logging_object {
	struct bytes bucket, key;
	uint64_t now_ms;
};
enum err logging_allowed(struct arena *a, const struct logging_source *s,
                         const struct logging_object *o, const struct policy *policy,
                         const struct acl *acl, struct bytes *ret_sid);

#endif
