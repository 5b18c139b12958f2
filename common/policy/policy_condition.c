/*
 * Conditions: the operators as a table, and what one answers to a request.
 * Source: IAM user guide, "Condition operators", "Set operators for multivalued context keys".
 */
#include "common/base/attr.h"
#include "common/policy/compiled.h"

static const struct operator operators[] = {
	{.name = "StringEquals", .type = VALUE_TEXT},
	{.name = "StringNotEquals", .type = VALUE_TEXT, .negated = true},
	{.name = "StringEqualsIgnoreCase", .type = VALUE_TEXT, .nocase = true},
	{.name = "StringNotEqualsIgnoreCase", .type = VALUE_TEXT, .nocase = true, .negated = true},
	{.name = "StringLike", .type = VALUE_TEXT, .wildcards = true},
	{.name = "StringNotLike", .type = VALUE_TEXT, .wildcards = true, .negated = true},
	{.name = "NumericEquals", .type = VALUE_NUMBER},
	{.name = "NumericNotEquals", .type = VALUE_NUMBER, .negated = true},
	{.name = "NumericLessThan", .type = VALUE_NUMBER, .relation = RELATION_LESS},
	{.name = "NumericLessThanEquals", .type = VALUE_NUMBER, .relation = RELATION_LESS_EQUAL},
	{.name = "NumericGreaterThan", .type = VALUE_NUMBER, .relation = RELATION_GREATER},
	{
		.name = "NumericGreaterThanEquals",
		.type = VALUE_NUMBER,
		.relation = RELATION_GREATER_EQUAL,
	},
	{.name = "DateEquals", .type = VALUE_TIME},
	{.name = "DateNotEquals", .type = VALUE_TIME, .negated = true},
	{.name = "DateLessThan", .type = VALUE_TIME, .relation = RELATION_LESS},
	{.name = "DateLessThanEquals", .type = VALUE_TIME, .relation = RELATION_LESS_EQUAL},
	{.name = "DateGreaterThan", .type = VALUE_TIME, .relation = RELATION_GREATER},
	{.name = "DateGreaterThanEquals", .type = VALUE_TIME, .relation = RELATION_GREATER_EQUAL},
	{.name = "Bool", .type = VALUE_TRUTH},
	{.name = "BinaryEquals", .type = VALUE_BASE64},
	{.name = "IpAddress", .type = VALUE_NETWORK},
	{.name = "NotIpAddress", .type = VALUE_NETWORK, .negated = true},
	/* The two pairs mean the same. */
	{.name = "ArnEquals", .type = VALUE_ARN, .wildcards = true},
	{.name = "ArnLike", .type = VALUE_ARN, .wildcards = true},
	{.name = "ArnNotEquals", .type = VALUE_ARN, .wildcards = true, .negated = true},
	{.name = "ArnNotLike", .type = VALUE_ARN, .wildcards = true, .negated = true},
	{.name = "Null", .type = VALUE_TRUTH, .presence = true},
};

static const struct operator *find_operator(struct bytes name)
{
	for (size_t i = 0; i < COUNT(operators); i++) {
		if (bytes_is(name, operators[i].name)) {
			return &operators[i];
		}
	}
	return NULL;
}

enum err condition_read_operator(struct bytes name, struct condition *ret)
{
	static const struct bytes sets[] = {
		[SET_ALL] = BYTES("ForAllValues:"),
		[SET_ANY] = BYTES("ForAnyValue:"),
	};
	static const struct bytes if_exists = BYTES("IfExists");
	enum set set = SET_NONE;

	for (enum set s = SET_ALL; s <= SET_ANY; s++) {
		set = bytes_starts(name, sets[s]) ? s : set;
	}
	name = bytes_skip(name, sets[set].n);
	bool ends = name.n > if_exists.n &&
	            bytes_equal(bytes_skip(name, name.n - if_exists.n), if_exists);
	name.n -= ends ? if_exists.n : 0;
	const struct operator *o = find_operator(name);
	/* Null is about the key itself: neither prefix nor suffix makes sense with it. */
	if (o == NULL || (o->presence && (ends || set != SET_NONE))) {
		return ERR_INPUT;
	}
	ret->operator = o;
	ret->set = set;
	ret->if_exists = ends;
	return OK;
}

static bool matches_text(const struct condition *c, struct bytes pattern, struct bytes given,
                         struct trial *t, bool *broken)
{
	const struct glob g = {
		.pattern = pattern,
		.wildcards = c->operator->wildcards,
		.nocase = c->operator->nocase,
		.variables = c->variables,
	};

	return glob_match(&g, given, t, broken);
}

/* Part by part: a star does not go beyond its part. */
static bool matches_arn(const struct condition *c, const struct value *v,
                        const struct value *given, struct trial *t, bool *broken)
{
	for (size_t i = 0; i < ARN_PARTS; i++) {
		if (!matches_text(c, v->arn[i], given->arn[i], t, broken)) {
			return false;
		}
	}
	return true;
}

static bool stands_in(enum relation relation, int order)
{
	switch (relation) {
	case RELATION_EQUAL: return order == 0;
	case RELATION_LESS: return order < 0;
	case RELATION_LESS_EQUAL: return order <= 0;
	case RELATION_GREATER: return order > 0;
	case RELATION_GREATER_EQUAL: return order >= 0;
	}
	return false;
}

static bool matches(const struct condition *c, const struct value *v, const struct value *given,
                    struct trial *t, bool *broken)
{
	switch (c->operator->type) {
	case VALUE_NUMBER:
	case VALUE_TIME:
		return stands_in(c->operator->relation, value_order(c->operator->type, given, v));
	case VALUE_TRUTH: return v->truth == given->truth;
	case VALUE_BASE64: return bytes_equal(v->text, given->text);
	case VALUE_NETWORK: return value_in_network(&v->network, &given->network);
	case VALUE_ARN: return matches_arn(c, v, given, t, broken);
	case VALUE_TEXT: break;
	}
	return matches_text(c, v->text, given->text, t, broken);
}

/* One value of the request against all of the policy's: one that matches is enough, for a negated operator one is too many. */
static enum answer ask_one(const struct condition *c, struct bytes text, struct trial *t)
{
	struct value given;
	bool broken = false, found = false;

	if (value_read(c->operator->type, text, false, &given) != OK) {
		return ANSWER_DOUBT;
	}
	for (size_t i = 0; i < c->n_values && !found; i++) {
		found = matches(c, &c->values[i], &given, t, &broken);
	}
	/* A variable without a value equals nothing; that something differs from it allows nothing. */
	if (c->operator->negated && !found && broken) {
		return ANSWER_DOUBT;
	}
	return found != c->operator->negated ? ANSWER_YES : ANSWER_NO;
}

static enum answer ask_presence(const struct condition *c, const struct policy_request *q)
{
	struct bytes value;
	size_t at = 0;
	bool absent = !names_given(q, c->key, &at, &value);

	for (size_t i = 0; i < c->n_values; i++) {
		if (c->values[i].truth == absent) {
			return ANSWER_YES;
		}
	}
	return ANSWER_NO;
}

static enum answer answer_absent(const struct condition *c)
{
	if (c->if_exists || c->set == SET_ALL) {
		return ANSWER_YES;
	}
	return c->set == SET_NONE && c->operator->negated ? ANSWER_YES : ANSWER_NO;
}

enum answer condition_ask(const struct condition *c, struct trial *t)
{
	size_t count[] = {[ANSWER_NO] = 0, [ANSWER_YES] = 0, [ANSWER_DOUBT] = 0};
	struct bytes value;
	size_t at = 0;

	if (!trial_look(t)) {
		return ANSWER_DOUBT; /* the verdict is Deny already */
	}
	if (c->operator->presence) {
		return ask_presence(c, t->request);
	}
	while (names_given(t->request, c->key, &at, &value)) {
		count[ask_one(c, value, t)]++;
	}
	bool no = count[ANSWER_NO] > 0, yes = count[ANSWER_YES] > 0, doubt = count[ANSWER_DOUBT] > 0;
	if (!no && !yes && !doubt) {
		return answer_absent(c);
	}
	if (c->set == SET_ALL && no) {
		return ANSWER_NO;
	}
	if (c->set == SET_ANY && yes) {
		return ANSWER_YES;
	}
	/* Without a set operator several values must agree: who reads the key would take one of them. */
	if (doubt || (yes && no)) {
		return ANSWER_DOUBT;
	}
	return yes ? ANSWER_YES : ANSWER_NO;
}
