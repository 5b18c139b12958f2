/* Policies in tests are written with ' for " (and ` for '), so that they can be read. */
#ifndef REMPART_TEST_POLICY_SUPPORT_H
#define REMPART_TEST_POLICY_SUPPORT_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "common/base/attr.h"
#include "common/policy/policy.h"

enum { ARENA_BYTES = 4 << 20 };

#define TENANT    "000000000001"
#define CANONICAL "3333333333333333333333333333333333333333333333333333333333333333"
#define ALICE     {BYTES(TENANT), BYTES("arn:aws:iam::" TENANT ":user/alice"), BYTES(CANONICAL)}
#define BUCKET    "bucket"

static inline struct bytes quoted(struct arena *a, const char *text)
{
	struct bytes b = arena_copy(a, bytes_text(text));
	uint8_t *p = (uint8_t *)b.p;

	for (size_t i = 0; i < b.n; i++) {
		p[i] = p[i] == '\'' ? '"' : p[i] == '`' ? '\'' : p[i];
	}
	return b;
}

static inline enum err parse_in(struct arena *a, const char *text, const struct policy **ret,
                                const char **ret_why)
{
	return policy_parse(a, quoted(a, text), BYTES(BUCKET), ret, ret_why);
}

/* A policy that must parse. */
static inline const struct policy *parse_good(struct arena *a, const char *text)
{
	const struct policy *p = NULL;
	const char *why = "";

	if (parse_in(a, text, &p, &why) != OK) {
		fail_msg("%s: %s", why, text);
	}
	return p;
}

#endif
