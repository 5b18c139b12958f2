#include "server/kms/policies.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/attr.h"
#include "common/crypto/hash.h"
#include "server/kms/kms.h"

struct policies_slot {
	struct arena *arena;         /* NULL: never used */
	const struct policy *policy; /* NULL: empty */
	uint8_t digest[SHA256_BYTES];
};

enum err policies_init(struct policies *p)
{
	p->slots = calloc(POLICIES_CACHE, sizeof(*p->slots));
	return p->slots == NULL ? ERR_NOMEM : OK;
}

void policies_free(struct policies *p)
{
	for (size_t i = 0; p->slots != NULL && i < POLICIES_CACHE; i++) {
		arena_free(p->slots[i].arena);
	}
	free(p->slots);
	p->slots = NULL;
}

static enum err fill(struct policies_slot *slot, struct bytes bucket, struct bytes text)
{
	const struct policy *policy;
	const char *why;

	slot->policy = NULL;
	if (slot->arena == NULL) {
		slot->arena = arena_new(POLICIES_ARENA_BYTES);
	}
	if (slot->arena == NULL) {
		return ERR_NOMEM;
	}
	arena_reset(slot->arena);
	TRY(policy_parse(slot->arena, text, bucket, &policy, &why));
	slot->policy = policy;
	return OK;
}

enum err policies_get(struct kms *k, struct bytes bucket, struct bytes text,
                      const struct policy *keep, const struct policy **ret)
{
	/* A name of a bucket holds no line end, so the two cannot be cut another way. */
	const struct bytes parts[] = {bucket, BYTES("\n"), text};
	uint8_t digest[SHA256_BYTES];
	const char *why;

	TRY(hash_sha256_parts(parts, COUNT(parts), digest));
	struct policies_slot *slot = &k->policies.slots[digest[0] % POLICIES_CACHE];
	bool there = slot->policy != NULL && memcmp(digest, slot->digest, sizeof(digest)) == 0;
	if (!there && slot->policy != NULL && slot->policy == keep) {
		return policy_parse(k->scratch, text, bucket, ret, &why);
	}
	if (!there) {
		TRY(fill(slot, bucket, text));
		memcpy(slot->digest, digest, sizeof(digest));
	}
	*ret = slot->policy;
	return OK;
}
