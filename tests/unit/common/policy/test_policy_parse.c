/* What is a policy and what is not, and with which words it is refused. */
#include "common/s3op/s3op.h"
#include "tests/unit/common/policy/support.h"

#define HEAD     "{'Version':'2012-10-17','Statement':[{'Effect':'Allow','Principal':'*',"
#define ACTION   "'Action':'s3:GetObject',"
#define RESOURCE "'Resource':'arn:aws:s3:::bucket/*'"
#define TAIL     "}]}"

static void refused(const char *text, const char *words)
{
	AUTO(arena_freep) struct arena *a = arena_new(ARENA_BYTES);
	const struct policy *p = NULL;
	const char *why = "nothing";
	enum err e = parse_in(a, text, &p, &why);

	if (e != ERR_INPUT || strstr(why, words) == NULL) {
		fail_msg("%s, \"%s\": %s", err_name(e), why, text);
	}
	assert_null(p);
}

static void accepted(const char *text)
{
	AUTO(arena_freep) struct arena *a = arena_new(ARENA_BYTES);

	assert_non_null(parse_good(a, text));
}

static void not_json(void **state)
{
	static const char json[] = "must be valid JSON and the first byte must be '{'";

	(void)state;
	refused("", json);
	refused("[]", json);
	refused(" {}", json);
	refused("{", json);
	refused("{'Version':'2012-10-17','Version':'2012-10-17'}", json);
	refused("{}x", json);
	refused("{'Id':'\\u0000'}", json);
}

static void documents(void **state)
{
	(void)state;
	refused("{}", "Missing required field Statement");
	refused("{'Statement':[]}", "Statement is empty");
	refused("{'Statement':{}}", "Missing required field Effect");
	refused("{'Statement':'x'}", "Invalid policy syntax");
	refused("{'Statement':[7]}", "Invalid policy syntax");
	refused("{'Version':'2012-10-18','Statement':[]}", "valid version string");
	refused("{'Version':20121017,'Statement':[]}", "valid version string");
	refused("{'version':'2012-10-17','Statement':[]}", "Unknown field");
	refused("{'Id':1,'Statement':[]}", "Invalid policy syntax");
	accepted(HEAD ACTION RESOURCE TAIL);
	accepted("{'Statement':{'Effect':'Deny','Principal':'*'," ACTION RESOURCE "}}");
	accepted("{'Version':'2008-10-17','Id':'x','Statement':[{'Sid':'','Effect':'Deny',"
	         "'Principal':'*'," ACTION RESOURCE TAIL);
	/* Sids of bucket policies have spaces, and may stand twice. */
	accepted("{'Statement':[{'Sid':'a b','Effect':'Deny','Principal':'*'," ACTION RESOURCE "},"
	         "{'Sid':'a b','Effect':'Deny','Principal':'*'," ACTION RESOURCE TAIL);
}

static void statements(void **state)
{
	(void)state;
	refused("{'Statement':[{'Effect':'allow','Principal':'*'," ACTION RESOURCE TAIL,
	        "Invalid effect");
	refused("{'Statement':[{'Effect':['Allow'],'Principal':'*'," ACTION RESOURCE TAIL,
	        "Invalid effect");
	refused("{'Statement':[{'Effect':'Allow'," ACTION RESOURCE TAIL,
	        "Missing required field Principal");
	refused(HEAD RESOURCE TAIL, "Missing required field Action");
	refused(HEAD "'Action':'s3:GetObject'" TAIL, "Missing required field Resource");
	refused(HEAD ACTION "'NotAction':'s3:PutObject'," RESOURCE TAIL, "Invalid policy syntax");
	refused(HEAD ACTION RESOURCE ",'NotResource':'arn:aws:s3:::bucket'" TAIL,
	        "Invalid policy syntax");
	refused(HEAD "'NotPrincipal':'*'," ACTION RESOURCE TAIL, "Invalid policy syntax");
	refused(HEAD ACTION RESOURCE ",'Colour':'red'" TAIL, "Unknown field in statement");
	refused(HEAD "'Sid':7," ACTION RESOURCE TAIL, "Invalid policy syntax");
	refused("{'Statement':[{'Effect':'Allow','NotPrincipal':{'AWS':'*'}," ACTION RESOURCE TAIL,
	        "Allow with NotPrincipal");
	accepted("{'Statement':[{'Effect':'Deny','NotPrincipal':{'AWS':'" TENANT "'},"
	         "'NotAction':'s3:Get*','NotResource':['arn:aws:s3:::bucket']}]}");
}

static void principals(void **state)
{
	static const struct {
		const char *text;
		bool good;
	} rows[] = {
		{"'*'", true},
		{"{'AWS':'*'}", true},
		{"{'AWS':['*']}", true},
		{"{'AWS':'123456789012'}", true},
		{"{'AWS':'arn:aws:iam::123456789012:root'}", true},
		{"{'AWS':'arn:aws:iam::s3tenant1:root'}", true},
		{"{'AWS':['arn:aws:iam::123456789012:user/a/b+c=d,e.f@g-h_1','123456789012']}", true},
		{"{'AWS':'arn:aws:iam::123456789012:role/r'}", true},
		{"{'AWS':'arn:aws:sts::123456789012:assumed-role/r/s'}", true},
		{"{'CanonicalUser':'" CANONICAL "'}", true},
		{"{'Service':'logging.s3.amazonaws.com'}", true},
		{"{'AWS':'*','Service':['a.b','c.d']}", true},
		{"'x'", false},
		{"7", false},
		{"[]", false},
		{"['*']", false},
		{"{}", false},
		{"{'AWS':[]}", false},
		{"{'AWS':{}}", false},
		{"{'AWS':''}", false},
		{"{'AWS':7}", false},
		{"{'aws':'*'}", false},
		{"{'AWS':'12345678901'}", false},
		{"{'AWS':'1234567890123'}", false},
		{"{'AWS':'12345678901x'}", false},
		{"{'AWS':'arn:aws:iam:::root'}", false},
		{"{'AWS':'arn:aws:iam::123456789012'}", false},
		{"{'AWS':'arn:aws:iam::123456789012:'}", false},
		{"{'AWS':'arn:aws:iam::123456789012:rooter'}", false},
		{"{'AWS':'arn:aws:iam::123456789012:user/'}", false},
		{"{'AWS':'arn:aws:iam::123456789012:user/*'}", false},
		{"{'AWS':'arn:aws:iam::*:root'}", false},
		{"{'AWS':'arn:aws:iam::123456789012:group/g'}", false},
		{"{'AWS':'arn:aws:s3:::bucket'}", false},
		{"{'AWS':'${aws:username}'}", false},
		{"{'CanonicalUser':'33'}", false},
		{"{'CanonicalUser':'*'}", false},
		{"{'CanonicalUser':'x333333333333333333333333333333333333333333333333333333333333333'}",
		 false},
		{"{'Service':'*'}", false},
		{"{'Service':'nodot'}", false},
		{"{'Federated':'accounts.google.com'}", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char text[512] = "{'Version':'2012-10-17','Statement':[{'Effect':'Allow','Principal':";
		strncat(text, rows[i].text, 200);
		strncat(text, "," ACTION RESOURCE TAIL, 200);
		if (rows[i].good) {
			accepted(text);
		} else {
			refused(text, "Invalid principal in policy");
		}
	}
}

static void actions(void **state)
{
	static const struct {
		const char *text;
		bool good;
	} rows[] = {
		{"'*'", true},
		{"'s3:*'", true},
		{"'S3:getobject'", true},
		{"'s3:Get*'", true},
		{"'s3:?etObject'", true},
		{"['s3:GetObject','s3:PutObject']", true},
		{"'s3*'", true},
		{"''", false},
		{"'GetObject'", false},
		{"'s3:GetObjekt'", false},
		{"'s3:Fly*'", false},
		{"'ec2:RunInstances'", false},
		{"['s3:GetObject','ec2:*']", false},
		{"[]", false},
		{"{}", false},
		{"7", false},
		{"['s3:GetObject',7]", false},
		{"'s3:${aws:username}'", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char text[512] = HEAD "'Action':";
		strncat(text, rows[i].text, 200);
		strncat(text, "," RESOURCE TAIL, 200);
		if (rows[i].good) {
			accepted(text);
		} else {
			refused(text, "Policy has invalid action");
		}
	}
}

/* What this system asks about can be written in a policy. */
static void actions_of_every_operation(void **state)
{
	(void)state;
	for (enum s3op op = 0; op < S3OP_COUNT; op++) {
		char text[512] = HEAD "'Action':'";
		if (s3op_action(op)[0] != '\0') {
			strncat(text, s3op_action(op), 200);
			strncat(text, "'," RESOURCE TAIL, 200);
			accepted(text);
		}
	}
}

static void resources(void **state)
{
	static const struct {
		const char *text;
		bool good;
	} rows[] = {
		{"'arn:aws:s3:::bucket'", true},
		{"'arn:aws:s3:::bucket/'", true},
		{"'arn:aws:s3:::bucket/*'", true},
		{"'arn:aws:s3:::bucket*'", true},
		{"'arn:aws:s3:::*'", true},
		{"'arn:aws:s3:::*/*'", true},
		{"'arn:aws:s3:::buc?et'", true},
		{"'arn:aws:s3:::buc*/x'", true},
		{"'arn:aws:s3:::bucket/${aws:username}/*'", true},
		{"'arn:aws:s3:::bucket/${aws:PrincipalTag/team, `none`}/${*}'", true},
		{"['arn:aws:s3:::bucket','arn:aws:s3:::bucket/a']", true},
		{"'*'", false},
		{"''", false},
		{"[]", false},
		{"7", false},
		{"'bucket'", false},
		{"'arn:aws:s3:::'", false},
		{"'arn:aws:s3:::other'", false},
		{"'arn:aws:s3:::other/*'", false},
		{"'arn:aws:s3:::bucket2/*'", false},
		{"'arn:aws:s3:::bucke'", false},
		{"'arn:aws:s3:::bucke?/*'", true},
		{"'arn:aws:s3:::buckets'", false},
		{"'arn:aws:s3:::Bucket/*'", false},
		{"'arn:aws:s3::tenant:bucket/*'", false},
		{"'arn:aws:iam:::bucket/*'", false},
		{"['arn:aws:s3:::bucket','arn:aws:s3:::other']", false},
		{"'arn:aws:s3:::bucket/${aws:username'", false},
		{"'arn:aws:s3:::bucket/${}'", false},
		{"'arn:aws:s3:::bucket/${aws:nobody}'", false},
		{"'arn:aws:s3:::bucket/${aws:username `x`}'", false},
		{"'arn:aws:s3:::bucket/${aws:username, `x}'", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char text[512] = HEAD ACTION "'Resource':";
		strncat(text, rows[i].text, 200);
		strncat(text, TAIL, 200);
		if (rows[i].good) {
			accepted(text);
		} else {
			refused(text, "Policy has invalid resource");
		}
	}
}

static void conditions(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{"{}", NULL},
		{"{'StringEquals':{}}", NULL},
		{"{'StringEquals':{'s3:prefix':'a'}}", NULL},
		{"{'StringEquals':{'S3:PREFIX':['a','b']}}", NULL},
		{"{'ForAnyValue:StringLikeIfExists':{'s3:RequestObjectTagKeys':['a*']}}", NULL},
		{"{'ForAllValues:StringNotEqualsIgnoreCase':{'aws:TagKeys':''}}", NULL},
		{"{'NumericLessThan':{'s3:TlsVersion':1.2,'s3:max-keys':[10,'20']}}", NULL},
		{"{'Bool':{'aws:SecureTransport':true}}", NULL},
		{"{'BoolIfExists':{'aws:SecureTransport':'False'}}", NULL},
		{"{'Null':{'s3:x-amz-acl':'true'}}", NULL},
		{"{'DateGreaterThan':{'aws:CurrentTime':'2030-01-01T00:00:00Z'}}", NULL},
		{"{'DateLessThan':{'aws:EpochTime':1893456000}}", NULL},
		{"{'BinaryEquals':{'s3:prefix':'QmluYXJ5'}}", NULL},
		{"{'IpAddress':{'aws:SourceIp':['10.0.0.0/8','2001:db8::/32','::1']}}", NULL},
		{"{'ArnLike':{'aws:SourceArn':'arn:aws:s3:::src*'}}", NULL},
		{"{'ArnLike':{'aws:PrincipalArn':'arn:aws:iam::${aws:PrincipalAccount}:user/*'}}", NULL},
		{"{'StringEquals':{'s3:ExistingObjectTag/a b':'c'}}", NULL},
		{"[]", "Invalid policy syntax"},
		{"'x'", "Invalid policy syntax"},
		{"{'StringEquals':'x'}", "Invalid policy syntax"},
		{"{'StringEquals':[]}", "Invalid policy syntax"},
		{"{'StringFoo':{}}", "Invalid Condition type"},
		{"{'stringequals':{}}", "Invalid Condition type"},
		{"{'IfExists':{}}", "Invalid Condition type"},
		{"{'StringEqualsIfExistsIfExists':{}}", "Invalid Condition type"},
		{"{'ForAnyValue:':{}}", "Invalid Condition type"},
		{"{'ForSomeValues:StringEquals':{}}", "Invalid Condition type"},
		{"{'ForAnyValue:ForAllValues:StringEquals':{}}", "Invalid Condition type"},
		{"{'NullIfExists':{'s3:prefix':'true'}}", "Invalid Condition type"},
		{"{'ForAnyValue:Null':{'s3:prefix':'true'}}", "Invalid Condition type"},
		{"{'StringEquals':{'s3:colour':'red'}}", "invalid condition key"},
		{"{'StringEquals':{'aws:colour':'red'}}", "invalid condition key"},
		{"{'StringEquals':{'':'red'}}", "invalid condition key"},
		{"{'StringEquals':{'s3:ExistingObjectTag/':'red'}}", "invalid condition key"},
		{"{'StringEquals':{'s3:prefix':[]}}", "invalid condition value"},
		{"{'StringEquals':{'s3:prefix':null}}", "invalid condition value"},
		{"{'StringEquals':{'s3:prefix':{}}}", "invalid condition value"},
		{"{'StringEquals':{'s3:prefix':['a',['b']]}}", "invalid condition value"},
		{"{'StringLike':{'s3:prefix':'${aws:username'}}", "invalid condition value"},
		{"{'StringLike':{'s3:prefix':'${aws:colour}'}}", "invalid condition value"},
		{"{'NumericEquals':{'s3:max-keys':'ten'}}", "invalid condition value"},
		{"{'NumericEquals':{'s3:max-keys':''}}", "invalid condition value"},
		{"{'NumericEquals':{'s3:max-keys':'1.'}}", "invalid condition value"},
		{"{'NumericEquals':{'s3:max-keys':'.5'}}", "invalid condition value"},
		{"{'NumericEquals':{'s3:max-keys':'--1'}}", "invalid condition value"},
		{"{'NumericEquals':{'s3:max-keys':1e99}}", "invalid condition value"},
		{"{'NumericEquals':{'s3:max-keys':true}}", "invalid condition value"},
		{"{'NumericEquals':{'s3:max-keys':'${s3:max-keys}'}}", "invalid condition value"},
		{"{'DateEquals':{'aws:CurrentTime':'yesterday'}}", "invalid condition value"},
		{"{'DateEquals':{'aws:CurrentTime':'2030-02-30'}}", "invalid condition value"},
		{"{'DateEquals':{'aws:CurrentTime':''}}", "invalid condition value"},
		{"{'DateEquals':{'aws:CurrentTime':'9999999999999'}}", "invalid condition value"},
		{"{'Bool':{'aws:SecureTransport':'yes'}}", "invalid condition value"},
		{"{'Null':{'s3:prefix':'x'}}", "invalid condition value"},
		{"{'BinaryEquals':{'s3:prefix':'QQ==QQ=='}}", "invalid condition value"},
		{"{'BinaryEquals':{'s3:prefix':'Q'}}", "invalid condition value"},
		{"{'IpAddress':{'aws:SourceIp':'10.0.0.0/33'}}", "invalid condition value"},
		{"{'IpAddress':{'aws:SourceIp':'::1/129'}}", "invalid condition value"},
		{"{'IpAddress':{'aws:SourceIp':'10.0.0'}}", "invalid condition value"},
		{"{'IpAddress':{'aws:SourceIp':'10.0.0.0/'}}", "invalid condition value"},
		{"{'IpAddress':{'aws:SourceIp':'*'}}", "invalid condition value"},
		{"{'ArnEquals':{'aws:SourceArn':'bucket'}}", "invalid condition value"},
		{"{'ArnEquals':{'aws:SourceArn':'arn:aws:s3:bucket'}}", "invalid condition value"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char text[512] = HEAD ACTION RESOURCE ",'Condition':";
		strncat(text, rows[i].text, 200);
		strncat(text, TAIL, 200);
		if (rows[i].why == NULL) {
			accepted(text);
		} else {
			refused(text, rows[i].why);
		}
	}
}

/* In Version 2008-10-17 "${" is text. */
static void without_variables(void **state)
{
	(void)state;
	accepted("{'Statement':[{'Effect':'Allow','Principal':'*'," ACTION
	         "'Resource':'arn:aws:s3:::bucket/${what','Condition':{'StringLike':"
	         "{'s3:prefix':'${'}}}]}");
}

static enum err parse_generated(struct writer *w, size_t arena_bytes)
{
	AUTO(arena_freep) struct arena *a = arena_new(arena_bytes);
	const struct policy *p;
	const char *why;

	assert_int_equal(writer_end(w), OK);
	return policy_parse(a, writer_bytes(w), BYTES(BUCKET), &p, &why);
}

static void write_statements(struct writer *w, size_t n)
{
	write_text(w, "{\"Statement\":[");
	for (size_t i = 0; i < n; i++) {
		write_text(w, i == 0 ? "" : ",");
		write_text(w, "{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"*\",");
		write_text(w, "\"Resource\":\"arn:aws:s3:::*\"}");
	}
	write_text(w, "]}");
}

static void limits(void **state)
{
	uint8_t memory[POLICY_MAX_BYTES + 64];
	struct writer w = writer_fixed(memory, sizeof(memory));

	(void)state;
	write_statements(&w, 200);
	assert_int_equal(parse_generated(&w, ARENA_BYTES), OK);
	assert_int_equal(parse_generated(&w, 4096), ERR_LIMIT);
	/* One byte too many, though they are spaces. */
	while (w.used < POLICY_MAX_BYTES) {
		write_u8(&w, ' ');
	}
	assert_int_equal(parse_generated(&w, ARENA_BYTES), OK);
	write_u8(&w, ' ');
	assert_int_equal(parse_generated(&w, ARENA_BYTES), ERR_LIMIT);
	w.used = 0;
	write_text(&w, "{\"Statement\":[");
	for (size_t i = 0; i <= POLICY_STATEMENTS_MAX; i++) {
		write_text(&w, i == 0 ? "{}" : ",{}");
	}
	write_text(&w, "]}");
	assert_int_equal(parse_generated(&w, ARENA_BYTES), ERR_LIMIT);
	w.used = 0;
	write_text(&w, "{\"Statement\":{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Resource\":"
	               "\"arn:aws:s3:::*\",\"Action\":[\"*\"");
	for (size_t i = 0; i < 2048; i++) {
		write_text(&w, ",\"*\"");
	}
	write_text(&w, "]}}");
	assert_int_equal(parse_generated(&w, ARENA_BYTES), ERR_LIMIT);
	for (size_t n = 128; n <= 129; n++) {
		w.used = 0;
		write_text(&w, "{\"Statement\":{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"*\","
		               "\"Resource\":\"arn:aws:s3:::*\",\"Condition\":{\"Null\":{");
		for (size_t i = 0; i < n; i++) {
			write_text(&w, i == 0 ? "\"s3:RequestObjectTag/" : ",\"s3:RequestObjectTag/");
			write_decimal(&w, i);
			write_text(&w, "\":true");
		}
		write_text(&w, "}}}}");
		assert_int_equal(parse_generated(&w, ARENA_BYTES), n == 128 ? OK : ERR_LIMIT);
	}
}

/* Whatever the arena has left: LIMIT, never a policy that lacks something. */
static void any_arena(void **state)
{
	static const char text[] =
		HEAD "'Sid':'s'," ACTION RESOURCE ",'Condition':{'StringEquals':{'s3:prefix':['a',7]},"
		"'IpAddress':{'aws:SourceIp':'10.0.0.0/8'}}" TAIL;
	size_t good = 0;

	(void)state;
	for (size_t bytes = 256; bytes < 4096; bytes += 16) {
		AUTO(arena_freep) struct arena *scratch = arena_new(ARENA_BYTES);
		AUTO(arena_freep) struct arena *a = arena_new(bytes);
		const struct policy *p = NULL;
		const char *why = NULL;
		enum err e = policy_parse(a, quoted(scratch, text), BYTES(BUCKET), &p, &why);
		assert_true(e == OK || e == ERR_LIMIT);
		assert_true((e == OK) == (p != NULL));
		good += e == OK;
	}
	assert_true(good > 0 && good < (4096 - 256) / 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(not_json),
		cmocka_unit_test(documents),
		cmocka_unit_test(statements),
		cmocka_unit_test(principals),
		cmocka_unit_test(actions),
		cmocka_unit_test(actions_of_every_operation),
		cmocka_unit_test(resources),
		cmocka_unit_test(conditions),
		cmocka_unit_test(without_variables),
		cmocka_unit_test(limits),
		cmocka_unit_test(any_arena),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
