/*
 * A policy as policy_parse leaves it, and the steps between the files of this folder. Everything
 * here is made once and then only read; all views point into the arena of the policy.
 */
#ifndef REMPART_POLICY_COMPILED_H
#define REMPART_POLICY_COMPILED_H
#include "common/policy/policy.h"

/* What a question to the policy can end in. DOUBT: the request says something that cannot be
 * compared (no number where a number is asked, several values for a key that has one). It allows
 * nothing and keeps nothing from being denied. */
enum answer { ANSWER_NO, ANSWER_YES, ANSWER_DOUBT };

/* A request on its way through a policy. steps_left bounds the whole evaluation: see
 * POLICY_STEPS_MAX. */
struct trial {
	const struct policy_request *request;
	size_t steps_left;
};
/* trial_pay: so many steps, or all that are left. trial_look: those of looking a key up among what
 * the request says; false: none are left. */
void trial_pay(struct trial *t, size_t steps);
bool trial_look(struct trial *t);

/*
 * A pattern is kept as written and read while it is matched: "*" and "?" where `wildcards`,
 * "${...}" where `variables`. So what a variable stands for is never taken for a wildcard, and
 * nothing has to be built.
 */
struct glob {
	struct bytes pattern;
	bool wildcards;
	bool variables;
	bool nocase; /* ASCII */
};
/* glob_match: the whole text. NO also for an unknown value of a variable or no steps left;
 * *ret_broken tells that (may be NULL). */
bool glob_match(const struct glob *g, struct bytes text, struct trial *t, bool *ret_broken);
/* glob_can_begin: is there a text beginning with `prefix` that could match, whatever the variables
 * stand for? */
bool glob_can_begin(const struct glob *g, struct bytes prefix);
/* glob_check: every "${" begins a variable that can be read, of a key that is known. errors:
 * INPUT */
enum err glob_check(struct bytes pattern);
/* glob_is_fixed: neither wildcard nor variable in it; false for any "$" where variables are. */
bool glob_is_fixed(const struct glob *g);
/* glob_split: as bytes_split, but a separator inside of "${...}" is none. */
struct bytes glob_split(struct bytes *rest, uint8_t separator, bool variables);

/* names_action_known: does the pattern match at least one action of S3? names_key_known: a
 * condition key, also one that ends in a tag's name?
 * names_same: equal without case (ASCII). */
bool names_action_known(struct bytes pattern);
bool names_key_known(struct bytes key);
bool names_same(struct bytes a, struct bytes b);
/* names_given: the next value of the key in the request, from *at on; *at then stands behind it.
 * false: no more. */
bool names_given(const struct policy_request *q, struct bytes key, size_t *at, struct bytes *ret);

/* One value of a condition, or of a request, in the form that is compared. */
struct decimal {
	bool negative;
	struct bytes whole;    /* no leading zeros */
	struct bytes fraction; /* no trailing zeros */
};
struct network {
	uint8_t address[16]; /* IPv4 as ::ffff:a.b.c.d */
	uint8_t prefix;      /* bits of address */
	bool v4;
};
enum { ARN_PARTS = 6 };
struct value {
	struct bytes text; /* as written */
	union {
		struct decimal number;
		uint64_t time_ms; /* since 1970 */
		bool truth;
		struct network network;
		struct bytes arn[ARN_PARTS];
	};
};

enum value_type { VALUE_TEXT, VALUE_NUMBER, VALUE_TIME, VALUE_TRUTH, VALUE_BASE64, VALUE_NETWORK, VALUE_ARN };
/* value_read: variables: "${...}" may stand in it (of the policy; never of a request). errors:
 * INPUT. Borrows. */
enum err value_read(enum value_type type, struct bytes text, bool variables, struct value *ret);
/* value_order: -1, 0, 1 for numbers and times. value_in_network: is the address of the request in
 * the network? */
int value_order(enum value_type type, const struct value *a, const struct value *b);
bool value_in_network(const struct network *network, const struct network *address);

enum relation { RELATION_EQUAL, RELATION_LESS, RELATION_LESS_EQUAL, RELATION_GREATER, RELATION_GREATER_EQUAL };
struct operator {
	const char *name;
	enum value_type type;
	enum relation relation;
	bool negated;
	bool wildcards; /* of texts */
	bool nocase;
	bool presence;  /* Null: asks whether the key is there */
};
enum set { SET_NONE, SET_ALL, SET_ANY };
struct condition {
	const struct operator *operator;
	enum set set;
	bool if_exists;
	bool variables;
	struct bytes key;
	struct value *values;
	size_t n_values; /* at least 1 */
};
/* condition_read_operator: "ForAnyValue:StringLikeIfExists": sets operator, set, if_exists. errors:
 * INPUT */
enum err condition_read_operator(struct bytes name, struct condition *ret);
enum answer condition_ask(const struct condition *c, struct trial *t);

enum principal_kind {
	PRINCIPAL_EVERYBODY,
	PRINCIPAL_ACCOUNT,   /* value: its number */
	PRINCIPAL_ARN,       /* value: exactly this ARN */
	PRINCIPAL_CANONICAL, /* value: canonical id */
	PRINCIPAL_SERVICE,   /* value: its name */
};
struct principal {
	enum principal_kind kind;
	struct bytes value;
};

struct statement {
	struct bytes sid;
	bool deny;
	bool not_principal;
	bool not_action;
	bool not_resource;
	struct principal *principals;
	size_t n_principals;
	struct bytes *actions;
	size_t n_actions;
	struct bytes *resources;
	size_t n_resources;
	struct condition *conditions; /* all must hold */
	size_t n_conditions;
};
struct policy {
	bool variables; /* Version 2012-10-17 */
	struct statement *statements;
	size_t n;
};
/* What an evaluation may cost: characters compared, and things that the request says looked
 * through. A policy full of suffixes and the longest key stay below; one that is built to keep a
 * server busy (stars before long runs of one letter, variables for each of many values) is cut off,
 * and denied. */
enum { POLICY_STEPS_MAX = 1 << 20 };

#endif
