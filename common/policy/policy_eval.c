/*
 * The verdict: the first Deny that applies, else the first Allow that applies, else none.
 * Source: IAM user guide, "Policy evaluation logic".
 */
#include "common/policy/compiled.h"

static bool is_meant(const struct principal *p, const struct policy_principal *who)
{
	switch (p->kind) {
	case PRINCIPAL_EVERYBODY: return true;
	case PRINCIPAL_ACCOUNT: return who->tenant.n > 0 && bytes_equal(p->value, who->tenant);
	case PRINCIPAL_ARN: return who->arn.n > 0 && bytes_equal(p->value, who->arn);
	case PRINCIPAL_CANONICAL:
		return who->canonical_id.n > 0 && names_same(p->value, who->canonical_id);
	case PRINCIPAL_SERVICE: return who->service.n > 0 && bytes_equal(p->value, who->service);
	}
	return false;
}

/* A service may what a statement allows to it by its name; what is allowed to everybody is meant for users. */
static bool is_for_users(const struct statement *s, size_t i, const struct policy_principal *who)
{
	return who->service.n > 0 && !s->deny && s->principals[i].kind != PRINCIPAL_SERVICE;
}

static bool names_principal(const struct statement *s, const struct policy_principal *who)
{
	if (s->not_principal && !s->deny && who->service.n > 0) {
		return false;
	}
	for (size_t i = 0; i < s->n_principals; i++) {
		if (is_meant(&s->principals[i], who) && !is_for_users(s, i, who)) {
			return !s->not_principal;
		}
	}
	return s->not_principal;
}

static bool names_action(const struct statement *s, struct trial *t)
{
	for (size_t i = 0; i < s->n_actions; i++) {
		const struct glob g = {.pattern = s->actions[i], .wildcards = true, .nocase = true};
		if (glob_match(&g, t->request->action, t, NULL)) {
			return !s->not_action;
		}
	}
	return s->not_action;
}

/* A variable without a value names no resource; that this one is another is no reason to allow. */
static bool names_resource(const struct policy *p, const struct statement *s, struct trial *t)
{
	bool broken = false;

	for (size_t i = 0; i < s->n_resources; i++) {
		const struct glob g = {
			.pattern = s->resources[i],
			.wildcards = true,
			.variables = p->variables,
		};
		if (glob_match(&g, t->request->resource, t, &broken)) {
			return !s->not_resource;
		}
	}
	return s->not_resource && (s->deny || !broken);
}

static bool conditions_hold(const struct statement *s, struct trial *t)
{
	bool doubt = false;

	for (size_t i = 0; i < s->n_conditions; i++) {
		enum answer a = condition_ask(&s->conditions[i], t);
		if (a == ANSWER_NO) {
			return false;
		}
		doubt |= a == ANSWER_DOUBT;
	}
	return s->deny || !doubt;
}

static bool applies(const struct policy *p, const struct statement *s, struct trial *t)
{
	return names_principal(s, &t->request->principal) && names_action(s, t) &&
	       names_resource(p, s, t) && conditions_hold(s, t);
}

enum policy_verdict policy_evaluate(const struct policy *p, const struct policy_request *q,
                                    struct bytes *ret_sid)
{
	struct trial t = {.request = q, .steps_left = POLICY_STEPS_MAX};
	enum policy_verdict verdict = POLICY_NONE;
	struct bytes sid = {NULL, 0};

	for (size_t i = 0; i < p->n && verdict != POLICY_DENY; i++) {
		const struct statement *s = &p->statements[i];
		/* After an Allow only a Deny can change anything. */
		if ((verdict == POLICY_NONE || s->deny) && applies(p, s, &t)) {
			verdict = s->deny ? POLICY_DENY : POLICY_ALLOW;
			sid = s->sid;
		}
	}
	if (t.steps_left == 0 && verdict != POLICY_DENY) {
		verdict = POLICY_DENY;
		sid = (struct bytes){NULL, 0};
	}
	if (ret_sid != NULL) {
		*ret_sid = sid;
	}
	return verdict;
}
