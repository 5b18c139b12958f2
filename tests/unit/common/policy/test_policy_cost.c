/* What the evaluation of a policy may cost is bounded, also where the request brings the work. */
#include "tests/unit/common/policy/support.h"

enum { VALUES_MANY = 250, VALUES_USUAL = 40 };

/* As many statements as fit, each with five conditions whose variable has no value. */
static const struct policy *wide_policy(struct arena *a)
{
	static const char *const keys[] = {"s3:prefix", "aws:Referer", "aws:UserAgent", "s3:x-amz-acl",
	                                   "s3:authType"};
	static char text[POLICY_MAX_BYTES + 1];
	struct writer w = writer_fixed(text, POLICY_MAX_BYTES);

	write_text(&w, "{'Version':'2012-10-17','Statement':[");
	for (bool first = true; w.used < POLICY_MAX_BYTES - 400; first = false) {
		write_text(&w, first ? "" : ",");
		write_text(&w, "{'Effect':'Allow','Principal':'*','Action':'*',"
		               "'Resource':'arn:aws:s3:::" BUCKET "/*','Condition':{'StringLike':{");
		for (size_t i = 0; i < COUNT(keys); i++) {
			write_text(&w, i > 0 ? ",'" : "'");
			write_text(&w, keys[i]);
			write_text(&w, "':'${aws:username}'");
		}
		write_text(&w, "}}}");
	}
	write_text(&w, "]}");
	assert_int_equal(writer_end(&w), OK);
	return parse_good(a, text);
}

static enum policy_verdict ask(const struct policy *p, size_t values)
{
	static struct field context[VALUES_MANY];
	const struct policy_request q = {
		.principal = ALICE,
		.action = BYTES("s3:GetObject"),
		.resource = BYTES("arn:aws:s3:::" BUCKET "/k"),
		.context = context,
		.n_context = values,
	};

	for (size_t i = 0; i < values; i++) {
		context[i] = (struct field){BYTES("s3:prefix"), BYTES("value")};
	}
	return policy_evaluate(p, &q, NULL);
}

static void test_values_are_steps(void **state)
{
	AUTO(arena_freep) struct arena *a = arena_new(ARENA_BYTES);
	const struct policy *p = wide_policy(a);

	(void)state;
	assert_int_equal(ask(p, 1), POLICY_NONE);
	assert_int_equal(ask(p, VALUES_USUAL), POLICY_NONE);
	assert_int_equal(ask(p, VALUES_MANY), POLICY_DENY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values_are_steps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
