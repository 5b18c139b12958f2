/*
 * Bucket policies, compiled. Parsing one of 20 KiB takes the worker longer than all else of a request; so the last used ones are kept, by
 * their digest and bucket. Nothing in them is secret. Thread: the one worker.
 */
#ifndef REMPART_KMS_POLICIES_H
#define REMPART_KMS_POLICIES_H
#include "common/policy/policy.h"

enum {
	POLICIES_CACHE = 64,              /* policies */
	POLICIES_ARENA_BYTES = 1 << 20,   /* of one, compiled, at most */
};

struct kms;
struct policies {
	struct policies_slot *slots; /* POLICIES_CACHE of them */
};
enum err policies_init(struct policies *p);
void policies_free(struct policies *p); /* safe on a zeroed one */
/* policies_get: borrowed until the next call but one: the policy `keep` (of the request's other side, or NULL) stays.
 * errors: those of policy_parse; NOMEM */
enum err policies_get(struct kms *k, struct bytes bucket, struct bytes text,
                      const struct policy *keep, const struct policy **ret);

#endif
