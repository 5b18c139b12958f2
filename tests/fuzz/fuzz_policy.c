/*
 * A policy from outside, and requests with values from outside. What must hold of any: the same request gets the same verdict, a verdict
 * of none names no statement, and a policy that is not public allows nothing to a stranger of whom nothing is known. Matching equals its definition.
 * Input: a policy; behind a line "%%", context values "name=value", one a line.
 */
#include <assert.h>
#include <string.h>

#include "common/base/attr.h"
#include "common/policy/policy.h"

enum { ARENA_BYTES = 4 << 20, CONTEXT_MAX = 16, MATCH_MAX = 64 };
#define TENANT    "000000000001"
#define CANONICAL "3333333333333333333333333333333333333333333333333333333333333333"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct policy_principal who[] = {
	{{NULL, 0}, {NULL, 0}, {NULL, 0}},
	{BYTES(TENANT), BYTES("arn:aws:iam::" TENANT ":user/alice"), BYTES(CANONICAL)},
};
static const struct {
	struct bytes action, resource;
} what[] = {
	{BYTES("s3:GetObject"), BYTES("arn:aws:s3:::bucket/a/alice/key.parquet")},
	{BYTES("s3:PutObjectTagging"), BYTES("arn:aws:s3:::bucket/\xc3\xa9*?${aws:username}")},
	{BYTES("s3:ListBucket"), BYTES("arn:aws:s3:::bucket")},
};

static struct bytes split_context(struct bytes *text)
{
	static const uint8_t mark[] = "\n%%\n";
	const uint8_t *at = text->n == 0 ? NULL : memmem(text->p, text->n, mark, sizeof(mark) - 1);

	if (at == NULL) {
		return (struct bytes){NULL, 0};
	}
	size_t n = (size_t)(at - text->p);
	struct bytes rest = bytes_skip(*text, n + sizeof(mark) - 1);
	*text = bytes_first(*text, n);
	return rest;
}

static size_t read_context(struct bytes text, struct field *context)
{
	size_t n = 0;

	while (text.n > 0 && n < CONTEXT_MAX) {
		struct bytes value = bytes_split(&text, '\n');
		struct bytes name = bytes_split(&value, '=');
		context[n++] = (struct field){name, value};
	}
	return n;
}

static void check_verdict(const struct policy *p, const struct policy_request *q, bool public)
{
	struct bytes sid = {NULL, 1};
	enum policy_verdict verdict = policy_evaluate(p, q, &sid);

	assert(verdict == policy_evaluate(p, q, NULL));
	assert(sid.n == 0 || (sid.p != NULL && verdict != POLICY_NONE));
	/* No signature and no context: only what is public can let this in. */
	if (q->principal.tenant.n == 0 && q->n_context == 0) {
		assert(public || verdict != POLICY_ALLOW);
	}
	(void)public;
	(void)verdict;
}

/* The definition, tried out in full: does the pattern from i on match the text from j on? */
static bool match_by_table(struct bytes pattern, struct bytes text)
{
	bool rest[MATCH_MAX + 1][MATCH_MAX + 1] = {0};

	for (size_t i = pattern.n + 1; i-- > 0;) {
		for (size_t j = text.n + 1; j-- > 0;) {
			uint8_t c = i < pattern.n ? pattern.p[i] : 0;
			size_t step = bytes_utf8_length(bytes_skip(text, j));
			if (i == pattern.n) {
				rest[i][j] = j == text.n;
			} else if (c == '*') {
				rest[i][j] = rest[i + 1][j] || (step > 0 && rest[i][j + step]);
			} else if (c == '?') {
				rest[i][j] = step > 0 && rest[i + 1][j + step];
			} else {
				rest[i][j] = j < text.n && text.p[j] == c && rest[i + 1][j + 1];
			}
		}
	}
	return rest[0][0];
}

static void check_match(struct bytes pattern, struct bytes text)
{
	bool matches = policy_match(pattern, text);

	if (pattern.n <= MATCH_MAX && text.n <= MATCH_MAX && bytes_is_utf8(pattern) &&
	    bytes_is_utf8(text)) {
		assert(matches == match_by_table(pattern, text));
	}
	(void)matches;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena_freep) struct arena *a = arena_new(ARENA_BYTES);
	struct field context[CONTEXT_MAX];
	struct bytes text = bytes_of(data, size);
	const struct policy *p = NULL;
	const char *why = NULL;
	struct bytes lines = split_context(&text);
	size_t n = read_context(lines, context);

	check_match(text, lines);
	check_match(lines, text);
	enum err result = policy_parse(a, text, BYTES("bucket"), &p, &why);

	if (result != OK) {
		assert((result == ERR_INPUT && why != NULL) || result == ERR_LIMIT);
		assert(p == NULL);
		return 0;
	}
	bool public = policy_is_public(p);
	for (size_t i = 0; i < COUNT(who) * COUNT(what); i++) {
		struct policy_request q = {
			.principal = who[i / COUNT(what)],
			.action = what[i % COUNT(what)].action,
			.resource = what[i % COUNT(what)].resource,
			.context = context,
		};
		check_verdict(p, &q, public);
		q.n_context = n;
		check_verdict(p, &q, public);
	}
	return 0;
}
