#include "server/kms/form.h"

#include "common/sigv4/postpolicy.h"

static enum kmsproto_verdict verdict_of(enum err e)
{
	return e == OK ? KMSPROTO_OK
	       : e == ERR_AUTH ? KMSPROTO_BAD_SIGNATURE : KMSPROTO_UNAVAILABLE;
}

static enum kmsproto_verdict check_v2(struct kms *k, const struct post *p, struct principal *who,
                                      const char **ret_why)
{
	if (!k->config->post_sigv2) {
		*ret_why = "forms with Signature Version 2 are off";
		return KMSPROTO_DENIED;
	}
	return verdict_of(post_verify_v2(p, who->secret));
}

static enum kmsproto_verdict check_v4(const struct post *p, struct principal *who, uint64_t now_ms)
{
	const struct sigv4_evidence *e = &p->evidence;
	const struct secret *signing_key;
	bool expired = false;

	if (identity_signing_key(who, e->date, e->region, e->service, &signing_key) != OK) {
		return KMSPROTO_UNAVAILABLE;
	}
	enum err verdict = post_verify_v4(p, signing_key, now_ms, &expired);
	if (verdict == ERR_TIMEOUT) {
		return expired ? KMSPROTO_EXPIRED : KMSPROTO_SKEWED;
	}
	return verdict_of(verdict);
}

static enum kmsproto_verdict check_policy(struct kms *k, const struct post *p, uint64_t now_ms,
                                          const char **ret_why)
{
	struct postpolicy policy;
	enum err e = postpolicy_read(k->scratch, p, &policy);

	if (e == ERR_NOMEM) {
		return KMSPROTO_UNAVAILABLE;
	}
	if (e != OK) {
		*ret_why = "the policy of the form cannot be read"; /* a gateway refuses it beforehand */
		return KMSPROTO_BAD_CALL;
	}
	if (now_ms >= policy.expires_ms) {
		*ret_why = "the policy of the form has expired";
		return KMSPROTO_EXPIRED;
	}
	*ret_why = policy.why;
	return policy.why == NULL ? KMSPROTO_OK : KMSPROTO_DENIED;
}

enum kmsproto_verdict form_judge(struct kms *k, const struct post *p, struct principal *who,
                                 uint64_t now_ms, const char **ret_why)
{
	*ret_why = NULL;
	enum kmsproto_verdict v = p->signature == POST_SIGNED_V2 ? check_v2(k, p, who, ret_why)
	                                                         : check_v4(p, who, now_ms);
	return v == KMSPROTO_OK ? check_policy(k, p, now_ms, ret_why) : v;
}
