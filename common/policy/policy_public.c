/*
 * Is a policy public? Everything is, until it is confined to fixed values of one of the keys below.
 * Source: S3 user guide, "Blocking public access to your Amazon S3 storage", section "The meaning of 'public'".
 */
#include "common/base/attr.h"
#include "common/policy/compiled.h"

enum {
	V4_PREFIX_MIN = 96 + 8, /* wider than /8 is public; as a mapped address */
	V6_PREFIX_MIN = 32,
};

/* Keys whose value a stranger cannot choose. */
static const char *const confining[] = {
	"aws:PrincipalAccount",
	"aws:PrincipalArn",
	"aws:PrincipalOrgID",
	"aws:PrincipalOrgPaths",
	"aws:SourceAccount",
	"aws:SourceArn",
	"aws:SourceOrgID",
	"aws:SourceOrgPaths",
	"aws:SourceOwner",
	"aws:SourceVpc",
	"aws:SourceVpce",
	"s3:DataAccessPointAccount",
	"s3:DataAccessPointArn",
	"s3:x-amz-server-side-encryption-aws-kms-key-id",
};

static bool is_key(const struct condition *c, const char *name)
{
	return bytes_is_nocase(c->key, name);
}

static bool is_narrow(const struct network *n)
{
	return n->prefix >= (n->v4 ? V4_PREFIX_MIN : V6_PREFIX_MIN);
}

/* Any name of an access point will do, as long as the account is fixed. */
static bool is_fixed_access_point(const struct condition *c, const struct value *v)
{
	struct value arn;
	bool fixed = value_read(VALUE_ARN, v->text, c->variables, &arn) == OK;

	for (size_t i = 0; i < ARN_PARTS - 1 && fixed; i++) {
		const struct glob part = {.pattern = arn.arn[i], .wildcards = true,
		                          .variables = c->variables};
		fixed = glob_is_fixed(&part);
	}
	return fixed && arn.arn[ARN_PARTS - 2].n > 0;
}

static bool is_fixed(const struct condition *c, const struct value *v)
{
	const struct glob g = {.pattern = v->text, .wildcards = true, .variables = c->variables};
	size_t at;

	if (is_key(c, "s3:DataAccessPointArn")) {
		return is_fixed_access_point(c, v);
	}
	/* "ROLE-ID:session": whoever assumes the role chooses the rest. */
	if (is_key(c, "aws:userid") && bytes_find(v->text, ':', &at)) {
		return false;
	}
	return v->text.n > 0 && glob_is_fixed(&g);
}

static bool is_confining_key(const struct condition *c)
{
	for (size_t i = 0; i < COUNT(confining); i++) {
		if (is_key(c, confining[i])) {
			return true;
		}
	}
	return is_key(c, "aws:userid");
}

/* Only what fails when the key is absent confines. */
static bool confines(const struct condition *c)
{
	const struct operator *o = c->operator;
	bool by_address = o->type == VALUE_NETWORK && is_key(c, "aws:SourceIp");
	bool by_name = (o->type == VALUE_TEXT || o->type == VALUE_ARN) && is_confining_key(c);

	if (o->negated || c->if_exists || c->set == SET_ALL || (!by_address && !by_name)) {
		return false;
	}
	for (size_t i = 0; i < c->n_values; i++) {
		const struct value *v = &c->values[i];
		if (!(by_address ? is_narrow(&v->network) : is_fixed(c, v))) {
			return false;
		}
	}
	return true;
}

static bool allows_strangers(const struct statement *s)
{
	bool everybody = false;

	for (size_t i = 0; i < s->n_principals; i++) {
		everybody |= s->principals[i].kind == PRINCIPAL_EVERYBODY;
	}
	if (s->deny || !everybody) {
		return false;
	}
	for (size_t i = 0; i < s->n_conditions; i++) {
		if (confines(&s->conditions[i])) {
			return false;
		}
	}
	return true;
}

bool policy_is_public(const struct policy *p)
{
	for (size_t i = 0; i < p->n; i++) {
		if (allows_strangers(&p->statements[i])) {
			return true;
		}
	}
	return false;
}
