/* Verdicts: who, what, which, and every condition operator with one value, several, and none. */
#include "tests/unit/common/policy/support.h"

enum { CONTEXT_MAX = 8 };

#define ALLOW_ALL                                                                                  \
	"{'Sid':'all','Effect':'Allow','Principal':'*','Action':'s3:*','Resource':'arn:aws:s3:::*'}"

struct ask {
	struct policy_principal principal;
	const char *action, *resource;
	const char *context; /* "name=value" lines */
};

static enum policy_verdict ask(const struct policy *p, const struct ask *k, struct bytes *ret_sid)
{
	struct field context[CONTEXT_MAX];
	struct bytes rest = bytes_text(k->context);
	struct policy_request q = {
		.principal = k->principal,
		.action = bytes_text(k->action),
		.resource = bytes_text(k->resource),
		.context = context,
	};

	while (rest.n > 0) {
		struct bytes value = bytes_split(&rest, '\n');
		struct bytes name = bytes_split(&value, '=');
		assert_true(q.n_context < CONTEXT_MAX);
		context[q.n_context++] = (struct field){name, value};
	}
	return policy_evaluate(p, &q, ret_sid);
}

static const struct ask get_by_alice = {ALICE, "s3:GetObject", "arn:aws:s3:::bucket/key", ""};

static void deny_wins(void **state)
{
	AUTO(arena_freep) struct arena *a = arena_new(ARENA_BYTES);
	struct ask k = get_by_alice;
	struct bytes sid;
	const struct policy *p = parse_good(
		a, "{'Statement':[" ALLOW_ALL ","
		   "{'Sid':'second','Effect':'Allow','Principal':'*','Action':'s3:PutObject',"
		   "'Resource':'arn:aws:s3:::bucket/*'},"
		   "{'Sid':'no','Effect':'Deny','Principal':'*','Action':'s3:PutObject',"
		   "'Resource':'arn:aws:s3:::bucket/*'}]}");

	(void)state;
	assert_int_equal(ask(p, &k, &sid), POLICY_ALLOW);
	assert_true(bytes_is(sid, "all"));
	k.action = "s3:PutObject";
	assert_int_equal(ask(p, &k, &sid), POLICY_DENY);
	assert_true(bytes_is(sid, "no"));
	assert_int_equal(ask(p, &k, NULL), POLICY_DENY);
	k.action = "iam:CreateUser";
	assert_int_equal(ask(p, &k, &sid), POLICY_NONE);
	assert_int_equal(sid.n, 0);
}

static void who_is_meant(void **state)
{
	static const struct {
		const char *principal;
		bool alice, bob, neighbour, anonymous;
	} rows[] = {
		{"'Principal':'*'", true, true, true, true},
		{"'Principal':{'AWS':'*'}", true, true, true, true},
		{"'Principal':{'AWS':'" TENANT "'}", true, true, false, false},
		{"'Principal':{'AWS':'arn:aws:iam::" TENANT ":root'}", true, true, false, false},
		{"'Principal':{'AWS':'arn:aws:iam::" TENANT ":user/alice'}", true, false, false, false},
		{"'Principal':{'AWS':'arn:aws:iam::s3tenant1:root'}", false, false, false, false},
		{"'Principal':{'AWS':'arn:aws:iam::" TENANT ":role/alice'}", false, false, false, false},
		{"'Principal':{'CanonicalUser':'" CANONICAL "'}", true, true, false, false},
		{"'Principal':{'Service':'logging.s3.amazonaws.com'}", false, false, false, false},
		{"'Principal':{'AWS':['" TENANT "','000000000002']}", true, true, true, false},
		{"'NotPrincipal':{'AWS':'*'}", false, false, false, false},
		{"'NotPrincipal':{'AWS':'" TENANT "'}", false, false, true, true},
		{"'NotPrincipal':{'AWS':'arn:aws:iam::" TENANT ":user/alice'}", false, true, true, true},
		{"'NotPrincipal':{'Service':'a.b'}", true, true, true, true},
	};
	struct ask k = get_by_alice;
	static const struct policy_principal bob = {
		BYTES(TENANT), BYTES("arn:aws:iam::" TENANT ":user/bob"), BYTES(CANONICAL)};
	static const struct policy_principal neighbour = {
		BYTES("000000000002"), BYTES("arn:aws:iam::000000000002:user/alice"),
		BYTES("4444444444444444444444444444444444444444444444444444444444444444")};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		AUTO(arena_freep) struct arena *a = arena_new(ARENA_BYTES);
		char text[512] = "{'Statement':{'Effect':'Deny','Action':'*','Resource':"
		                 "'arn:aws:s3:::*',";
		strncat(text, rows[i].principal, 200);
		strncat(text, "}}", 3);
		const struct policy *p = parse_good(a, text);
		k.principal = get_by_alice.principal;
		assert_int_equal(ask(p, &k, NULL), rows[i].alice ? POLICY_DENY : POLICY_NONE);
		k.principal = bob;
		assert_int_equal(ask(p, &k, NULL), rows[i].bob ? POLICY_DENY : POLICY_NONE);
		k.principal = neighbour;
		assert_int_equal(ask(p, &k, NULL), rows[i].neighbour ? POLICY_DENY : POLICY_NONE);
		k.principal = (struct policy_principal){0};
		assert_int_equal(ask(p, &k, NULL), rows[i].anonymous ? POLICY_DENY : POLICY_NONE);
	}
}

static void what_and_which(void **state)
{
	static const struct {
		const char *element, *action, *resource;
		bool applies;
	} rows[] = {
		{"'Action':'s3:GetObject','Resource':'arn:aws:s3:::bucket/*'", "s3:GetObject",
		 "arn:aws:s3:::bucket/a/b", true},
		{"'Action':'S3:gETobject','Resource':'arn:aws:s3:::bucket/*'", "s3:GetObject",
		 "arn:aws:s3:::bucket/a/b", true},
		{"'Action':'s3:Get*','Resource':'arn:aws:s3:::bucket/*'", "s3:GetObjectTagging",
		 "arn:aws:s3:::bucket/a", true},
		{"'Action':'s3:Get*','Resource':'arn:aws:s3:::bucket/*'", "s3:PutObject",
		 "arn:aws:s3:::bucket/a", false},
		{"'Action':'*','Resource':'arn:aws:s3:::bucket/A'", "s3:GetObject",
		 "arn:aws:s3:::bucket/a", false},
		{"'Action':'*','Resource':'arn:aws:s3:::bucket'", "s3:ListBucket", "arn:aws:s3:::bucket",
	         true},
		{"'Action':'*','Resource':'arn:aws:s3:::bucket'", "s3:PutObject", "arn:aws:s3:::bucket/k",
	         false},
		{"'Action':'*','Resource':'arn:aws:s3:::bucket/*'", "s3:ListBucket",
		 "arn:aws:s3:::bucket", false},
		{"'Action':'*','Resource':'arn:aws:s3:::*/*'", "s3:GetObject", "arn:aws:s3:::bucket/k",
	         true},
		{"'NotAction':['s3:Get*','s3:List*'],'Resource':'arn:aws:s3:::*'", "s3:GetObject",
		 "arn:aws:s3:::bucket/k", false},
		{"'NotAction':['s3:Get*','s3:List*'],'Resource':'arn:aws:s3:::*'", "s3:PutObject",
		 "arn:aws:s3:::bucket/k", true},
		{"'Action':'*','NotResource':'arn:aws:s3:::bucket/public/*'", "s3:GetObject",
		 "arn:aws:s3:::bucket/public/k", false},
		{"'Action':'*','NotResource':'arn:aws:s3:::bucket/public/*'", "s3:GetObject",
		 "arn:aws:s3:::bucket/k", true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		AUTO(arena_freep) struct arena *a = arena_new(ARENA_BYTES);
		struct ask k = get_by_alice;
		char text[512] = "{'Statement':{'Effect':'Allow','Principal':'*',";
		strncat(text, rows[i].element, 200);
		strncat(text, "}}", 3);
		k.action = rows[i].action;
		k.resource = rows[i].resource;
		enum policy_verdict verdict = ask(parse_good(a, text), &k, NULL);
		if (verdict != (rows[i].applies ? POLICY_ALLOW : POLICY_NONE)) {
			fail_msg("%s: %s %s", text, k.action, k.resource);
		}
	}
}

/* The same condition in an Allow and in a Deny. */
static void check_condition(const char *condition, const char *context, char allow, char deny)
{
	AUTO(arena_freep) struct arena *a = arena_new(ARENA_BYTES);
	static const char *const effects[] = {"Allow", "Deny"};
	const char expected[] = {allow, deny};
	struct ask k = get_by_alice;

	k.context = context;
	for (size_t i = 0; i < COUNT(effects); i++) {
		char text[768] = "{'Version':'2012-10-17','Statement':{'Principal':'*','Action':'*',"
		                 "'Resource':'arn:aws:s3:::*','Effect':'";
		strncat(text, effects[i], 8);
		strncat(text, "','Condition':{", 20);
		strncat(text, condition, 400);
		strncat(text, "}}}", 4);
		bool applies = ask(parse_good(a, text), &k, NULL) != POLICY_NONE;
		if (applies != (expected[i] == 'y')) {
			fail_msg("%s with %s, \"%s\"", effects[i], condition, context);
		}
	}
}

struct condition_row {
	const char *condition, *context;
	char holds; /* y, n; ?: cannot be compared: no for an Allow, yes for a Deny */
};

static void check_conditions(const struct condition_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool doubt = rows[i].holds == '?';
		check_condition(rows[i].condition, rows[i].context, doubt ? 'n' : rows[i].holds,
		                doubt ? 'y' : rows[i].holds);
	}
}

static void strings(void **state)
{
	static const struct condition_row rows[] = {
		{"'StringEquals':{'s3:prefix':'a'}", "s3:prefix=a", 'y'},
		{"'StringEquals':{'s3:prefix':'a'}", "S3:Prefix=a", 'y'},
		{"'StringEquals':{'s3:prefix':'a'}", "s3:prefix=A", 'n'},
		{"'StringEquals':{'s3:prefix':'a'}", "", 'n'},
		{"'StringEquals':{'s3:prefix':''}", "s3:prefix=", 'y'},
		{"'StringEquals':{'s3:prefix':'a*'}", "s3:prefix=ab", 'n'},
		{"'StringEquals':{'s3:prefix':'a*'}", "s3:prefix=a*", 'y'},
		{"'StringEquals':{'s3:prefix':['a','b']}", "s3:prefix=b", 'y'},
		{"'StringEquals':{'s3:prefix':['a','b']}", "s3:prefix=c", 'n'},
		{"'StringEquals':{'s3:max-keys':7}", "s3:max-keys=7", 'y'},
		{"'StringEqualsIfExists':{'s3:prefix':'a'}", "", 'y'},
		{"'StringEqualsIfExists':{'s3:prefix':'a'}", "s3:prefix=b", 'n'},
		{"'StringNotEquals':{'s3:prefix':['a','b']}", "s3:prefix=b", 'n'},
		{"'StringNotEquals':{'s3:prefix':['a','b']}", "s3:prefix=c", 'y'},
		{"'StringNotEquals':{'s3:prefix':'a'}", "", 'y'},
		{"'StringNotEqualsIfExists':{'s3:prefix':'a'}", "", 'y'},
		{"'StringEqualsIgnoreCase':{'s3:prefix':'aB'}", "s3:prefix=Ab", 'y'},
		{"'StringEqualsIgnoreCase':{'s3:prefix':'aB'}", "s3:prefix=Abc", 'n'},
		{"'StringNotEqualsIgnoreCase':{'s3:prefix':'aB'}", "s3:prefix=Ab", 'n'},
		{"'StringNotEqualsIgnoreCase':{'s3:prefix':'aB'}", "", 'y'},
		{"'StringLike':{'aws:Referer':'http://www.example.com/*'}",
		 "aws:Referer=http://www.example.com/x", 'y'},
		{"'StringLike':{'aws:Referer':'http://www.example.com/*'}",
		 "aws:Referer=http://example.com", 'n'},
		{"'StringLikeIfExists':{'aws:Referer':'http://www.example.com/*'}", "", 'y'},
		{"'StringLike':{'s3:prefix':'?'}", "s3:prefix=\xc3\xa9", 'y'},
		{"'StringNotLike':{'s3:prefix':['a*','b*']}", "s3:prefix=bc", 'n'},
		{"'StringNotLike':{'s3:prefix':['a*','b*']}", "s3:prefix=c", 'y'},
		{"'StringNotLike':{'s3:prefix':'a*'}", "", 'y'},
		/* Several values for a key that has one: they must agree. */
		{"'StringEquals':{'s3:prefix':'a'}", "s3:prefix=a\ns3:prefix=a", 'y'},
		{"'StringEquals':{'s3:prefix':'a'}", "s3:prefix=b\ns3:prefix=c", 'n'},
		{"'StringEquals':{'s3:prefix':'a'}", "s3:prefix=a\ns3:prefix=b", '?'},
		{"'StringNotEquals':{'s3:prefix':'a'}", "s3:prefix=a\ns3:prefix=b", '?'},
		/* Two keys: both must hold. */
		{"'StringEquals':{'s3:prefix':'a','s3:delimiter':'/'}", "s3:prefix=a", 'n'},
		{"'StringEquals':{'s3:prefix':'a','s3:delimiter':'/'}", "s3:prefix=a\ns3:delimiter=/",
		 'y'},
		{"'StringEquals':{'s3:prefix':'a'},'StringNotEquals':{'s3:prefix':'a'}", "s3:prefix=a",
		 'n'},
		{"'StringEquals':{'s3:ExistingObjectTag/security':'public'}",
		 "s3:ExistingObjectTag/security=public", 'y'},
		{"'StringEquals':{'s3:ExistingObjectTag/security':'public'}",
		 "s3:ExistingObjectTag/other=public", 'n'},
	};

	(void)state;
	check_conditions(rows, COUNT(rows));
}

static void numbers(void **state)
{
	static const struct condition_row rows[] = {
		{"'NumericEquals':{'s3:max-keys':10}", "s3:max-keys=10", 'y'},
		{"'NumericEquals':{'s3:max-keys':'10'}", "s3:max-keys=+010.000", 'y'},
		{"'NumericEquals':{'s3:max-keys':10}", "s3:max-keys=100", 'n'},
		{"'NumericEquals':{'s3:max-keys':10}", "", 'n'},
		{"'NumericEquals':{'s3:max-keys':0}", "s3:max-keys=-0.0", 'y'},
		{"'NumericEquals':{'s3:max-keys':10}", "s3:max-keys=ten", '?'},
		{"'NumericEquals':{'s3:max-keys':10}", "s3:max-keys=", '?'},
		{"'NumericNotEquals':{'s3:max-keys':[10,20]}", "s3:max-keys=20", 'n'},
		{"'NumericNotEquals':{'s3:max-keys':[10,20]}", "s3:max-keys=30", 'y'},
		{"'NumericNotEquals':{'s3:max-keys':10}", "", 'y'},
		{"'NumericNotEquals':{'s3:max-keys':10}", "s3:max-keys=x", '?'},
		{"'NumericLessThan':{'s3:TlsVersion':1.2}", "s3:TlsVersion=1.1", 'y'},
		{"'NumericLessThan':{'s3:TlsVersion':1.2}", "s3:TlsVersion=1.2", 'n'},
		{"'NumericLessThan':{'s3:TlsVersion':1.2}", "s3:TlsVersion=1.19", 'y'},
		{"'NumericLessThan':{'s3:TlsVersion':1.2}", "s3:TlsVersion=1.20", 'n'},
		{"'NumericLessThan':{'s3:max-keys':9}", "s3:max-keys=10", 'n'},
		{"'NumericLessThan':{'s3:max-keys':-9}", "s3:max-keys=-10", 'y'},
		{"'NumericLessThan':{'s3:max-keys':-9}", "s3:max-keys=1", 'n'},
		{"'NumericLessThan':{'s3:max-keys':9}", "s3:max-keys=-1", 'y'},
		{"'NumericLessThanEquals':{'s3:max-keys':9}", "s3:max-keys=9", 'y'},
		{"'NumericLessThanEquals':{'s3:max-keys':9}", "s3:max-keys=9.01", 'n'},
		{"'NumericGreaterThan':{'s3:max-keys':'99999999999999999999999'}",
		 "s3:max-keys=100000000000000000000000", 'y'},
		{"'NumericGreaterThan':{'s3:max-keys':9}", "s3:max-keys=9", 'n'},
		{"'NumericGreaterThan':{'s3:max-keys':9}", "", 'n'},
		{"'NumericGreaterThanIfExists':{'s3:max-keys':9}", "", 'y'},
		{"'NumericGreaterThanEquals':{'s3:max-keys':9}", "s3:max-keys=9", 'y'},
		{"'NumericGreaterThanEquals':{'s3:max-keys':9}", "s3:max-keys=8", 'n'},
		{"'NumericLessThanEquals':{'s3:max-keys':9},'StringEquals':{'s3:prefix':'a'}",
		 "s3:max-keys=x\ns3:prefix=b", 'n'},
	};

	(void)state;
	check_conditions(rows, COUNT(rows));
}

static void dates(void **state)
{
	static const struct condition_row rows[] = {
		{"'DateEquals':{'aws:CurrentTime':'2030-01-01T00:00:00Z'}",
		 "aws:CurrentTime=1893456000", 'y'},
		{"'DateEquals':{'aws:CurrentTime':'2030-01-01'}", "aws:CurrentTime=2030-01-01T00:00Z",
		 'y'},
		{"'DateEquals':{'aws:EpochTime':1893456000}", "aws:EpochTime=2030-01-01T01:30:00+01:30",
		 'y'},
		{"'DateEquals':{'aws:EpochTime':1893456000}", "aws:EpochTime=2029-12-31T23:00:00-01:00",
		 'y'},
		{"'DateEquals':{'aws:EpochTime':1893456000}", "aws:EpochTime=2030-01-01T00:00:00.5Z",
		 'n'},
		{"'DateEquals':{'aws:EpochTime':1893456000}", "aws:EpochTime=1970-01-01T00:00:00+01:00",
		 '?'},
		{"'DateEquals':{'aws:EpochTime':1893456000}", "aws:EpochTime=soon", '?'},
		{"'DateEquals':{'aws:EpochTime':1893456000}", "", 'n'},
		{"'DateNotEquals':{'aws:EpochTime':1893456000}", "", 'y'},
		{"'DateNotEquals':{'aws:EpochTime':1893456000}", "aws:EpochTime=1893456000", 'n'},
		{"'DateLessThan':{'aws:CurrentTime':'2030-01-01'}", "aws:CurrentTime=2029-12-31", 'y'},
		{"'DateLessThan':{'aws:CurrentTime':'2030-01-01'}", "aws:CurrentTime=2030-01-01", 'n'},
		{"'DateLessThanEquals':{'aws:CurrentTime':'2030-01-01'}", "aws:CurrentTime=2030-01-01",
		 'y'},
		{"'DateGreaterThan':{'aws:CurrentTime':'2030-01-01'}", "aws:CurrentTime=2030-01-02", 'y'},
		{"'DateGreaterThan':{'aws:CurrentTime':'2030-01-01'}", "aws:CurrentTime=0", 'n'},
		{"'DateGreaterThanEquals':{'aws:CurrentTime':'2030-01-01'}",
		 "aws:CurrentTime=2030-01-01T00:00:00Z", 'y'},
		{"'DateGreaterThanEqualsIfExists':{'aws:CurrentTime':'2030-01-01'}", "", 'y'},
	};

	(void)state;
	check_conditions(rows, COUNT(rows));
}

static void truths_and_presence(void **state)
{
	static const struct condition_row rows[] = {
		{"'Bool':{'aws:SecureTransport':'true'}", "aws:SecureTransport=true", 'y'},
		{"'Bool':{'aws:SecureTransport':true}", "aws:SecureTransport=TRUE", 'y'},
		{"'Bool':{'aws:SecureTransport':false}", "aws:SecureTransport=true", 'n'},
		{"'Bool':{'aws:SecureTransport':false}", "aws:SecureTransport=false", 'y'},
		{"'Bool':{'aws:SecureTransport':false}", "aws:SecureTransport=0", '?'},
		{"'Bool':{'aws:SecureTransport':[true,false]}", "aws:SecureTransport=false", 'y'},
		{"'Bool':{'aws:SecureTransport':false}", "", 'n'},
		{"'BoolIfExists':{'aws:MultiFactorAuthPresent':'false'}", "", 'y'},
		{"'Null':{'s3:x-amz-acl':'true'}", "", 'y'},
		{"'Null':{'s3:x-amz-acl':'true'}", "s3:x-amz-acl=private", 'n'},
		{"'Null':{'s3:x-amz-acl':false}", "", 'n'},
		{"'Null':{'s3:x-amz-acl':false}", "S3:X-Amz-Acl=", 'y'},
		{"'Null':{'s3:x-amz-acl':[true,false]}", "", 'y'},
		{"'BinaryEquals':{'s3:prefix':'QmluYXJ5'}", "s3:prefix=QmluYXJ5", 'y'},
		{"'BinaryEquals':{'s3:prefix':'QmluYXJ5'}", "s3:prefix=QmluYXJ6", 'n'},
		{"'BinaryEquals':{'s3:prefix':'QmluYXJ5'}", "s3:prefix=qmluYXJ", '?'},
		{"'BinaryEquals':{'s3:prefix':'QmluYXJ5'}", "", 'n'},
	};

	(void)state;
	check_conditions(rows, COUNT(rows));
}

static void addresses(void **state)
{
	static const struct condition_row rows[] = {
		{"'IpAddress':{'aws:SourceIp':'10.1.0.0/16'}", "aws:SourceIp=10.1.255.255", 'y'},
		{"'IpAddress':{'aws:SourceIp':'10.1.0.0/16'}", "aws:SourceIp=10.2.0.0", 'n'},
		{"'IpAddress':{'aws:SourceIp':'10.1.2.3/16'}", "aws:SourceIp=10.1.9.9", 'y'},
		{"'IpAddress':{'aws:SourceIp':'10.1.2.3'}", "aws:SourceIp=10.1.2.3", 'y'},
		{"'IpAddress':{'aws:SourceIp':'10.1.2.3'}", "aws:SourceIp=10.1.2.4", 'n'},
		{"'IpAddress':{'aws:SourceIp':'10.1.2.128/25'}", "aws:SourceIp=10.1.2.127", 'n'},
		{"'IpAddress':{'aws:SourceIp':'10.1.2.128/25'}", "aws:SourceIp=10.1.2.200", 'y'},
		{"'IpAddress':{'aws:SourceIp':'0.0.0.0/0'}", "aws:SourceIp=255.1.2.3", 'y'},
		{"'IpAddress':{'aws:SourceIp':'0.0.0.0/0'}", "aws:SourceIp=::1", 'n'},
		{"'IpAddress':{'aws:SourceIp':'::/0'}", "aws:SourceIp=1.2.3.4", 'n'},
		{"'IpAddress':{'aws:SourceIp':'::/0'}", "aws:SourceIp=fe80::1", 'y'},
		{"'IpAddress':{'aws:SourceIp':'10.0.0.0/8'}", "aws:SourceIp=::ffff:10.1.2.3", 'y'},
		{"'IpAddress':{'aws:SourceIp':'::ffff:10.0.0.0/104'}", "aws:SourceIp=10.1.2.3", 'y'},
		{"'IpAddress':{'aws:SourceIp':'2001:db8::/33'}", "aws:SourceIp=2001:db8:7fff::1", 'y'},
		{"'IpAddress':{'aws:SourceIp':'2001:db8::/33'}", "aws:SourceIp=2001:db8:8000::1", 'n'},
		{"'IpAddress':{'aws:SourceIp':['10.0.0.0/8','::1']}", "aws:SourceIp=::1", 'y'},
		{"'IpAddress':{'aws:SourceIp':'10.0.0.0/8'}", "", 'n'},
		{"'IpAddress':{'aws:SourceIp':'10.0.0.0/8'}", "aws:SourceIp=unix", '?'},
		{"'NotIpAddress':{'aws:SourceIp':['10.0.0.0/8','::1']}", "aws:SourceIp=10.1.1.1", 'n'},
		{"'NotIpAddress':{'aws:SourceIp':['10.0.0.0/8','::1']}", "aws:SourceIp=11.1.1.1", 'y'},
		{"'NotIpAddress':{'aws:SourceIp':'10.0.0.0/8'}", "", 'y'},
		{"'NotIpAddress':{'aws:SourceIp':'10.0.0.0/8'}", "aws:SourceIp=unix", '?'},
		{"'IpAddressIfExists':{'aws:VpcSourceIp':'10.0.0.0/8'}", "", 'y'},
	};

	(void)state;
	check_conditions(rows, COUNT(rows));
}

static void arns(void **state)
{
	static const struct condition_row rows[] = {
		{"'ArnEquals':{'aws:SourceArn':'arn:aws:s3:::src'}", "aws:SourceArn=arn:aws:s3:::src",
		 'y'},
		{"'ArnEquals':{'aws:SourceArn':'arn:aws:s3:::s*'}", "aws:SourceArn=arn:aws:s3:::src", 'y'},
		{"'ArnLike':{'aws:SourceArn':'arn:aws:sns:*:*:topic'}",
		 "aws:SourceArn=arn:aws:sns:eu-west-3:1:topic", 'y'},
		/* A star stays in its part, but the last part may have colons. */
		{"'ArnLike':{'aws:SourceArn':'arn:aws:*:::topic'}",
		 "aws:SourceArn=arn:aws:sns:eu-west-3:1:topic", 'n'},
		{"'ArnLike':{'aws:SourceArn':'arn:aws:sns:::a*d'}", "aws:SourceArn=arn:aws:sns:::a:b:d",
		 'y'},
		{"'ArnLike':{'aws:SourceArn':'arn:aws:s3:::src'}", "aws:SourceArn=src", '?'},
		{"'ArnLikeIfExists':{'aws:SourceArn':'arn:aws:s3:::src'}", "", 'y'},
		{"'ArnNotEquals':{'aws:SourceArn':'arn:aws:s3:::src'}", "aws:SourceArn=arn:aws:s3:::x",
		 'y'},
		{"'ArnNotLike':{'aws:SourceArn':'arn:aws:s3:::s*'}", "aws:SourceArn=arn:aws:s3:::src",
		 'n'},
		{"'ArnNotLike':{'aws:SourceArn':'arn:aws:s3:::s*'}", "", 'y'},
		{"'ArnLike':{'aws:PrincipalArn':'arn:aws:iam::${aws:PrincipalAccount}:user/*'}",
		 "aws:PrincipalArn=arn:aws:iam::1:user/x\naws:PrincipalAccount=1", 'y'},
		{"'ArnLike':{'aws:PrincipalArn':'arn:aws:iam::${aws:PrincipalAccount, `2`}:user/*'}",
		 "aws:PrincipalArn=arn:aws:iam::2:user/x", 'y'},
		{"'ArnLike':{'aws:PrincipalArn':'arn:aws:iam::${aws:PrincipalAccount}:user/*'}",
		 "aws:PrincipalArn=arn:aws:iam::1:user/x\naws:PrincipalAccount=*", 'n'},
	};

	(void)state;
	check_conditions(rows, COUNT(rows));
}

static void sets(void **state)
{
	static const struct condition_row rows[] = {
		{"'ForAllValues:StringEquals':{'aws:TagKeys':['a','b']}", "aws:TagKeys=a\naws:TagKeys=b",
		 'y'},
		{"'ForAllValues:StringEquals':{'aws:TagKeys':['a','b']}", "aws:TagKeys=a\naws:TagKeys=c",
		 'n'},
		{"'ForAllValues:StringEquals':{'aws:TagKeys':['a','b']}", "aws:TagKeys=a", 'y'},
		{"'ForAllValues:StringEquals':{'aws:TagKeys':'a'}", "", 'y'},
		{"'ForAllValues:StringNotEquals':{'aws:TagKeys':'a'}", "aws:TagKeys=b\naws:TagKeys=c",
		 'y'},
		{"'ForAllValues:StringNotEquals':{'aws:TagKeys':'a'}", "aws:TagKeys=b\naws:TagKeys=a",
		 'n'},
		{"'ForAnyValue:StringEquals':{'aws:TagKeys':['a','b']}", "aws:TagKeys=c\naws:TagKeys=b",
		 'y'},
		{"'ForAnyValue:StringEquals':{'aws:TagKeys':['a','b']}", "aws:TagKeys=c", 'n'},
		{"'ForAnyValue:StringEquals':{'aws:TagKeys':'a'}", "", 'n'},
		{"'ForAnyValue:StringEqualsIfExists':{'aws:TagKeys':'a'}", "", 'y'},
		{"'ForAnyValue:StringNotEquals':{'aws:TagKeys':'a'}", "aws:TagKeys=a\naws:TagKeys=b",
		 'y'},
		{"'ForAnyValue:StringNotEquals':{'aws:TagKeys':'a'}", "aws:TagKeys=a", 'n'},
		{"'ForAnyValue:StringNotEquals':{'aws:TagKeys':'a'}", "", 'n'},
		{"'ForAnyValue:StringLike':{'aws:TagKeys':'a*'}", "aws:TagKeys=b\naws:TagKeys=ab", 'y'},
		{"'ForAllValues:NumericLessThan':{'s3:max-keys':5}", "s3:max-keys=1\ns3:max-keys=x", '?'},
		{"'ForAllValues:NumericLessThan':{'s3:max-keys':5}", "s3:max-keys=9\ns3:max-keys=x", 'n'},
		{"'ForAnyValue:NumericLessThan':{'s3:max-keys':5}", "s3:max-keys=1\ns3:max-keys=x", 'y'},
		{"'ForAnyValue:NumericLessThan':{'s3:max-keys':5}", "s3:max-keys=9\ns3:max-keys=x", '?'},
	};

	(void)state;
	check_conditions(rows, COUNT(rows));
}

static void variables(void **state)
{
	static const struct condition_row rows[] = {
		{"'StringEquals':{'s3:prefix':'${aws:username}'}", "s3:prefix=al\naws:username=al", 'y'},
		{"'StringEquals':{'s3:prefix':'${AWS:UserName}'}", "s3:prefix=al\naws:username=al", 'y'},
		{"'StringEquals':{'s3:prefix':'${aws:username}'}", "s3:prefix=bo\naws:username=al", 'n'},
		{"'StringLike':{'s3:prefix':'home/${aws:username}/*'}",
		 "s3:prefix=home/al/x\naws:username=al", 'y'},
		/* What a variable stands for is text, also when it looks like a wildcard or a variable. */
		{"'StringLike':{'s3:prefix':'home/${aws:username}/*'}",
		 "s3:prefix=home/al/x\naws:username=*", 'n'},
		{"'StringLike':{'s3:prefix':'${aws:username}'}",
		 "s3:prefix=bo\naws:username=${aws:Referer}\naws:Referer=bo", 'n'},
		{"'StringLike':{'s3:prefix':'${*}${?}${$}{x}'}", "s3:prefix=*?${x}", 'y'},
		{"'StringLike':{'s3:prefix':'${*}'}", "s3:prefix=anything", 'n'},
		{"'StringEquals':{'s3:prefix':'cost$'}", "s3:prefix=cost$", 'y'},
		{"'StringEquals':{'s3:prefix':'${aws:username, `nobody`}'}", "s3:prefix=nobody", 'y'},
		{"'StringEquals':{'s3:prefix':'${aws:username,`no}body`}'}", "s3:prefix=no}body", 'y'},
		{"'StringEquals':{'s3:prefix':'${aws:username, `nobody`}'}",
		 "s3:prefix=nobody\naws:username=al", 'n'},
		{"'StringEquals':{'s3:prefix':'a${aws:username, ``}b'}", "s3:prefix=ab", 'y'},
		{"'StringEquals':{'s3:prefix':'${s3:ExistingObjectTag/team}'}",
		 "s3:prefix=x\ns3:ExistingObjectTag/team=x", 'y'},
		/* Without a value it equals nothing, and differing from it allows nothing. */
		{"'StringEquals':{'s3:prefix':'${aws:username}'}", "s3:prefix=", 'n'},
		{"'StringEquals':{'s3:prefix':['${aws:username}','a']}", "s3:prefix=a", 'y'},
		{"'StringNotEquals':{'s3:prefix':'${aws:username}'}", "s3:prefix=a", '?'},
		{"'StringEquals':{'s3:prefix':'${aws:username}'}",
		 "s3:prefix=a\naws:username=a\naws:username=b", 'n'},
	};

	(void)state;
	check_conditions(rows, COUNT(rows));
}

static void variables_in_resources(void **state)
{
	AUTO(arena_freep) struct arena *a = arena_new(ARENA_BYTES);
	struct ask k = get_by_alice;
	static const char home[] = "'Principal':'*','Action':'*',"
	                           "'Resource':'arn:aws:s3:::bucket/${aws:username}/*'";
	char text[512] = "{'Version':'2012-10-17','Statement':{'Effect':'Allow',";
	char old[512] = "{'Version':'2008-10-17','Statement':{'Effect':'Allow',";
	const struct policy *p, *literal, *not;

	(void)state;
	strncat(text, home, 200);
	strncat(text, "}}", 3);
	strncat(old, home, 200);
	strncat(old, "}}", 3);
	p = parse_good(a, text);
	literal = parse_good(a, old);
	not = parse_good(a, "{'Version':'2012-10-17','Statement':{'Effect':'Allow','Principal':'*',"
	                    "'Action':'*','NotResource':'arn:aws:s3:::bucket/${aws:username}/*'}}");
	k.resource = "arn:aws:s3:::bucket/alice/x";
	assert_int_equal(ask(p, &k, NULL), POLICY_NONE);
	assert_int_equal(ask(not, &k, NULL), POLICY_NONE);
	k.context = "aws:username=alice";
	assert_int_equal(ask(p, &k, NULL), POLICY_ALLOW);
	assert_int_equal(ask(not, &k, NULL), POLICY_NONE);
	assert_int_equal(ask(literal, &k, NULL), POLICY_NONE);
	k.context = "aws:username=bob";
	assert_int_equal(ask(p, &k, NULL), POLICY_NONE);
	assert_int_equal(ask(not, &k, NULL), POLICY_ALLOW);
	k.resource = "arn:aws:s3:::bucket/${aws:username}/x";
	assert_int_equal(ask(literal, &k, NULL), POLICY_ALLOW);
}

/* A policy that is built to be slow is cut off, and cut off means denied. */
static void hostile_patterns(void **state)
{
	AUTO(arena_freep) struct arena *a = arena_new(ARENA_BYTES);
	AUTO(writer_free) struct writer w = writer_growing(POLICY_MAX_BYTES);
	char key[1025] = "arn:aws:s3:::bucket/";
	struct ask k = get_by_alice;
	const struct policy *p;
	struct bytes sid;
	const char *why;

	(void)state;
	write_text(&w, "{\"Statement\":{\"Sid\":\"s\",\"Effect\":\"Allow\",\"Principal\":\"*\","
	               "\"Action\":\"*\",\"Resource\":[");
	for (size_t i = 0; i < 32; i++) {
		write_text(&w, "\"arn:aws:s3:::bucket/*?");
		for (size_t j = 0; j < 500; j++) {
			write_u8(&w, 'a');
		}
		write_text(&w, "b\",");
	}
	write_text(&w, "\"arn:aws:s3:::bucket/*\"]}}");
	assert_int_equal(policy_parse(a, writer_bytes(&w), BYTES(BUCKET), &p, &why), OK);
	assert_int_equal(ask(p, &k, &sid), POLICY_ALLOW);
	memset(key + strlen(key), 'a', 1000);
	k.resource = key;
	assert_int_equal(ask(p, &k, &sid), POLICY_DENY);
	assert_int_equal(sid.n, 0);
}

/* The longest list of suffixes and the longest key are no reason to cut anything off. */
static void honest_patterns(void **state)
{
	AUTO(arena_freep) struct arena *a = arena_new(ARENA_BYTES);
	AUTO(writer_free) struct writer w = writer_growing(POLICY_MAX_BYTES);
	char key[1045] = "arn:aws:s3:::bucket/";
	struct ask k = get_by_alice;
	const struct policy *p;
	const char *why;

	(void)state;
	write_text(&w, "{\"Statement\":{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"*\","
	               "\"Resource\":[");
	while (w.used < POLICY_MAX_BYTES - 100) {
		write_text(&w, "\"arn:aws:s3:::bucket/*/x.parquet\",");
	}
	write_text(&w, "\"arn:aws:s3:::bucket/*/y.parquet\"]}}");
	assert_int_equal(policy_parse(a, writer_bytes(&w), BYTES(BUCKET), &p, &why), OK);
	while (strlen(key) < 1030) {
		strncat(key, "part/of/k=1/", sizeof(key) - strlen(key) - 1);
	}
	k.resource = key;
	assert_int_equal(ask(p, &k, NULL), POLICY_NONE);
	memcpy(key + strlen(key) - 10, "/y.parquet", 10);
	assert_int_equal(ask(p, &k, NULL), POLICY_ALLOW);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(deny_wins),
		cmocka_unit_test(who_is_meant),
		cmocka_unit_test(what_and_which),
		cmocka_unit_test(strings),
		cmocka_unit_test(numbers),
		cmocka_unit_test(dates),
		cmocka_unit_test(truths_and_presence),
		cmocka_unit_test(addresses),
		cmocka_unit_test(arns),
		cmocka_unit_test(sets),
		cmocka_unit_test(variables),
		cmocka_unit_test(variables_in_resources),
		cmocka_unit_test(honest_patterns),
		cmocka_unit_test(hostile_patterns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
