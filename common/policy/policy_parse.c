/*
 * Reading a policy. Nothing is ignored: an element that is not known, stands twice, or says what cannot be evaluated, refuses the whole.
 * Source: IAM user guide, "Grammar of the IAM JSON policy language"; the words of the refusals are S3's.
 */
#include "common/base/attr.h"
#include "common/policy/parse.h"

enum {
	VALUES_MAX = 2048,         /* principals, actions, resources, values of conditions in one policy */
	CONDITIONS_MAX = 128,      /* keys in the conditions of one statement */
	NUMBER_TEXT_MAX = 32,      /* bytes of a number or boolean */
	RESOURCE_PREFIX_MAX = 256, /* bytes of "bucket/" */
};

static const char json_why[] = "Policies must be valid JSON and the first byte must be '{'";
static const char syntax_why[] = "Invalid policy syntax.";
static const char action_why[] = "Policy has invalid action";
static const char resource_why[] = "Policy has invalid resource";
static const char value_why[] = "Policy has an invalid condition value";

enum err parse_refuse(struct parse *p, const char *why)
{
	p->why = why;
	return ERR_INPUT;
}

enum err parse_array(struct parse *p, size_t n, size_t size, void **ret)
{
	if (n > p->values_left) {
		return ERR_LIMIT;
	}
	p->values_left -= n;
	*ret = arena_alloc(p->arena, n * size);
	return *ret == NULL ? ERR_LIMIT : OK;
}

enum err parse_string(struct parse *p, const struct json *v, const char *why, struct bytes *ret)
{
	if (!json_is_string(v)) {
		return parse_refuse(p, why);
	}
	*ret = arena_copy(p->arena, json_bytes(v));
	return ret->p == NULL ? ERR_LIMIT : OK;
}

size_t parse_list_count(const struct json *v)
{
	return json_is_array(v) ? json_count(v) : 1;
}

const struct json *parse_list_at(const struct json *v, size_t i)
{
	return json_is_array(v) ? json_at(v, i) : v;
}

/* A list of strings that is not empty. */
static enum err read_strings(struct parse *p, const struct json *v, const char *why,
                             struct bytes **ret, size_t *ret_n)
{
	size_t n = parse_list_count(v);

	if (n == 0) {
		return parse_refuse(p, why);
	}
	TRY(parse_array(p, n, sizeof(**ret), (void **)ret));
	for (size_t i = 0; i < n; i++) {
		TRY(parse_string(p, parse_list_at(v, i), why, &(*ret)[i]));
	}
	*ret_n = n;
	return OK;
}

static enum err read_actions(struct parse *p, const struct json *v, struct statement *s)
{
	TRY(read_strings(p, v, action_why, &s->actions, &s->n_actions));
	for (size_t i = 0; i < s->n_actions; i++) {
		if (!names_action_known(s->actions[i])) {
			return parse_refuse(p, action_why);
		}
	}
	return OK;
}

/* Something in the bucket, or the bucket itself, must be able to match. More may: a policy is only asked about its bucket. */
static bool lies_in(const struct parse *p, struct bytes pattern)
{
	static const struct bytes start = BYTES("arn:aws:s3:::");
	struct glob g = {
		.pattern = bytes_skip(pattern, start.n),
		.wildcards = true,
		.variables = p->variables,
	};
	uint8_t memory[RESOURCE_PREFIX_MAX];
	struct writer inside = writer_fixed(memory, sizeof(memory));

	write_bytes(&inside, p->bucket);
	write_u8(&inside, '/');
	if (!bytes_starts(pattern, start) || writer_end(&inside) != OK) {
		return false;
	}
	return glob_can_begin(&g, writer_bytes(&inside)) || policy_match(g.pattern, p->bucket);
}

static enum err read_resources(struct parse *p, const struct json *v, struct statement *s)
{
	TRY(read_strings(p, v, resource_why, &s->resources, &s->n_resources));
	for (size_t i = 0; i < s->n_resources; i++) {
		struct bytes pattern = s->resources[i];
		if (!lies_in(p, pattern) || (p->variables && glob_check(pattern) != OK)) {
			return parse_refuse(p, resource_why);
		}
	}
	return OK;
}

static enum err read_value(struct parse *p, const struct json *v, const struct condition *c,
                           struct value *ret)
{
	uint8_t memory[NUMBER_TEXT_MAX];
	struct writer w = writer_fixed(memory, sizeof(memory));
	struct bytes text = json_bytes(v);

	if (!json_is_string(v)) {
		if (json_scalar(v, &w) != OK) {
			return parse_refuse(p, value_why);
		}
		text = writer_bytes(&w);
	}
	text = arena_copy(p->arena, text);
	if (text.p == NULL) {
		return ERR_LIMIT;
	}
	if ((c->variables && glob_check(text) != OK) ||
	    value_read(c->operator->type, text, c->variables, ret) != OK) {
		return parse_refuse(p, value_why);
	}
	return OK;
}

/* One key under one operator; `c` has the operator. */
static enum err read_condition(struct parse *p, struct bytes key, const struct json *values,
                               struct condition *c)
{
	if (!names_key_known(key)) {
		return parse_refuse(p, "Policy has an invalid condition key");
	}
	c->key = arena_copy(p->arena, key);
	if (c->key.p == NULL) {
		return ERR_LIMIT;
	}
	/* Only what is compared as text can hold a variable. */
	c->variables = p->variables &&
	               (c->operator->type == VALUE_TEXT || c->operator->type == VALUE_ARN);
	c->n_values = parse_list_count(values);
	if (c->n_values == 0) {
		return parse_refuse(p, value_why);
	}
	TRY(parse_array(p, c->n_values, sizeof(*c->values), (void **)&c->values));
	for (size_t i = 0; i < c->n_values; i++) {
		TRY(read_value(p, parse_list_at(values, i), c, &c->values[i]));
	}
	return OK;
}

/* Stops beyond the limit: json_member walks. */
static size_t count_keys(const struct json *conditions)
{
	const struct json *keys, *values;
	struct bytes name;
	size_t n = 0;

	for (size_t i = 0; json_member(conditions, i, &name, &keys); i++) {
		for (size_t j = 0; json_member(keys, j, &name, &values); j++) {
			if (++n > CONDITIONS_MAX) {
				return n;
			}
		}
	}
	return n;
}

static enum err read_operator(struct parse *p, struct bytes name, const struct json *keys,
                              struct statement *s)
{
	const struct json *values;
	struct condition made = {0};
	struct bytes key;

	if (condition_read_operator(name, &made) != OK) {
		return parse_refuse(p, "Invalid Condition type");
	}
	if (!json_is_object(keys)) {
		return parse_refuse(p, syntax_why);
	}
	for (size_t i = 0; json_member(keys, i, &key, &values); i++) {
		struct condition *c = &s->conditions[s->n_conditions++];
		*c = made;
		TRY(read_condition(p, key, values, c));
	}
	return OK;
}

enum err parse_conditions(struct parse *p, const struct json *v, struct statement *s)
{
	const struct json *keys;
	struct bytes name;
	size_t n = count_keys(v);

	if (!json_is_object(v)) {
		return parse_refuse(p, syntax_why);
	}
	if (n > CONDITIONS_MAX) {
		return ERR_LIMIT;
	}
	s->conditions = arena_alloc(p->arena, n * sizeof(*s->conditions));
	if (s->conditions == NULL) {
		return ERR_LIMIT;
	}
	for (size_t i = 0; json_member(v, i, &name, &keys); i++) {
		TRY(read_operator(p, name, keys, s));
	}
	return OK;
}

/* Every member is one of `names`. */
static bool has_only(const struct json *object, const char *const *names, size_t n_names)
{
	const struct json *value;
	struct bytes member;

	for (size_t i = 0; json_member(object, i, &member, &value); i++) {
		size_t at = 0;
		while (at < n_names && !bytes_is(member, names[at])) {
			at++;
		}
		if (at == n_names) {
			return false;
		}
	}
	return true;
}

/* An element that may be written as its opposite: exactly one of the two. */
static enum err choose(struct parse *p, const struct json *object, const char *const names[2],
                       const char *missing, bool *ret_not)
{
	bool plain = json_get(object, names[0]) != NULL, opposite = json_get(object, names[1]) != NULL;

	if (plain == opposite) {
		return parse_refuse(p, plain ? syntax_why : missing);
	}
	*ret_not = opposite;
	return OK;
}

static enum err read_effect(struct parse *p, const struct json *object, struct statement *s)
{
	struct bytes effect = json_get_bytes(object, "Effect");

	if (json_get(object, "Effect") == NULL) {
		return parse_refuse(p, "Missing required field Effect");
	}
	s->deny = bytes_is(effect, "Deny");
	return s->deny || bytes_is(effect, "Allow") ? OK : parse_refuse(p, "Invalid effect");
}

static enum err read_sid(struct parse *p, const struct json *object, struct statement *s)
{
	const struct json *sid = json_get(object, "Sid");

	return sid == NULL ? OK : parse_string(p, sid, syntax_why, &s->sid);
}

static enum err read_statement(struct parse *p, const struct json *object, struct statement *s)
{
	static const char *const known[] = {"Sid", "Effect", "Principal", "NotPrincipal", "Action",
	                                    "NotAction", "Resource", "NotResource", "Condition"};
	static const char *const principal[] = {"Principal", "NotPrincipal"};
	static const char *const action[] = {"Action", "NotAction"};
	static const char *const resource[] = {"Resource", "NotResource"};
	const struct json *conditions = json_get(object, "Condition");

	if (!json_is_object(object)) {
		return parse_refuse(p, syntax_why);
	}
	if (!has_only(object, known, COUNT(known))) {
		return parse_refuse(p, "Unknown field in statement");
	}
	TRY(read_sid(p, object, s));
	TRY(read_effect(p, object, s));
	TRY(choose(p, object, principal, "Missing required field Principal", &s->not_principal));
	if (s->not_principal && !s->deny) {
		return parse_refuse(p, "Allow with NotPrincipal is not allowed");
	}
	TRY(choose(p, object, action, "Missing required field Action", &s->not_action));
	TRY(choose(p, object, resource, "Missing required field Resource", &s->not_resource));
	TRY(parse_principals(p, json_get(object, principal[s->not_principal]), s));
	TRY(read_actions(p, json_get(object, action[s->not_action]), s));
	TRY(read_resources(p, json_get(object, resource[s->not_resource]), s));
	return conditions == NULL ? OK : parse_conditions(p, conditions, s);
}

static enum err read_version(struct parse *p, const struct json *document, struct policy *policy)
{
	const struct json *version = json_get(document, "Version");

	policy->variables = bytes_is(json_bytes(version), "2012-10-17");
	p->variables = policy->variables;
	if (version != NULL && !policy->variables && !bytes_is(json_bytes(version), "2008-10-17")) {
		return parse_refuse(p, "The policy must contain a valid version string");
	}
	return OK;
}

static enum err read_policy(struct parse *p, const struct json *document, struct policy *policy)
{
	static const char *const known[] = {"Version", "Id", "Statement"};
	const struct json *list = json_get(document, "Statement");
	const struct json *id = json_get(document, "Id");

	if (!has_only(document, known, COUNT(known))) {
		return parse_refuse(p, "Unknown field in policy");
	}
	TRY(read_version(p, document, policy));
	if (id != NULL && !json_is_string(id)) {
		return parse_refuse(p, syntax_why);
	}
	if (list == NULL) {
		return parse_refuse(p, "Missing required field Statement");
	}
	size_t n = parse_list_count(list);
	if (n == 0) {
		return parse_refuse(p, "Could not parse the policy: Statement is empty!");
	}
	if (n > POLICY_STATEMENTS_MAX) {
		return ERR_LIMIT;
	}
	policy->statements = arena_alloc(p->arena, n * sizeof(*policy->statements));
	if (policy->statements == NULL) {
		return ERR_LIMIT;
	}
	for (; policy->n < n; policy->n++) {
		TRY(read_statement(p, parse_list_at(list, policy->n), &policy->statements[policy->n]));
	}
	return OK;
}

static enum err read_text(struct parse *p, struct bytes text, struct policy *policy)
{
	AUTO(json_freep) struct json *document = NULL;

	if (text.n > 0 && text.n <= POLICY_MAX_BYTES && text.p[0] != '{') {
		return parse_refuse(p, json_why);
	}
	enum err e = json_parse(text, POLICY_MAX_BYTES, &document, NULL);
	if (e == ERR_INPUT) {
		return parse_refuse(p, json_why);
	}
	TRY(e);
	return read_policy(p, document, policy);
}

enum err policy_parse(struct arena *a, struct bytes text, struct bytes bucket,
                      const struct policy **ret, const char **ret_why)
{
	struct parse p = {.arena = a, .bucket = bucket, .values_left = VALUES_MAX};
	struct policy *policy = arena_alloc(a, sizeof(*policy));

	if (policy == NULL) {
		return ERR_LIMIT;
	}
	enum err e = read_text(&p, text, policy);
	if (e == ERR_INPUT) {
		*ret_why = p.why;
	}
	TRY(e);
	*ret = policy;
	return OK;
}
