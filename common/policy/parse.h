/* What the files that read a policy share. */
#ifndef REMPART_POLICY_PARSE_H
#define REMPART_POLICY_PARSE_H
#include "common/codec/json.h"
#include "common/policy/compiled.h"

/* A policy while it is read. */
struct parse {
	struct arena *arena;
	struct bytes bucket;
	bool variables;
	size_t values_left; /* of the whole policy */
	const char *why;    /* of INPUT */
};

/* parse_refuse: keeps the reason. Always INPUT. */
enum err parse_refuse(struct parse *p, const char *why);
/* parse_array: memory for n things, counted against values_left. errors: LIMIT */
enum err parse_array(struct parse *p, size_t n, size_t size, void **ret);
/* parse_string: a string, copied. errors: INPUT (why), LIMIT */
enum err parse_string(struct parse *p, const struct json *v, const char *why, struct bytes *ret);
/* A list may be written as its only element. */
size_t parse_list_count(const struct json *v);
const struct json *parse_list_at(const struct json *v, size_t i);
/* parse_principals: of Principal or NotPrincipal. parse_conditions: of Condition. errors: INPUT,
 * LIMIT */
enum err parse_principals(struct parse *p, const struct json *v, struct statement *s);
enum err parse_conditions(struct parse *p, const struct json *v, struct statement *s);

#endif
