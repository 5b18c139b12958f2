/* The meaning of "public". */
#include "tests/unit/common/policy/support.h"

static void check(const char *principal, const char *condition, bool public)
{
	AUTO(arena_freep) struct arena *a = arena_new(ARENA_BYTES);
	char text[768] = "{'Version':'2012-10-17','Statement':[{'Effect':'Allow','Action':'s3:*',"
	                 "'Resource':'arn:aws:s3:::bucket/*','Principal':";

	strncat(text, principal, 200);
	strncat(text, ",'Condition':{", 20);
	strncat(text, condition, 300);
	strncat(text, "}}]}", 5);
	if (policy_is_public(parse_good(a, text)) != public) {
		fail_msg("%s", text);
	}
}

static void principals(void **state)
{
	(void)state;
	check("'*'", "", true);
	check("{'AWS':'*'}", "", true);
	check("{'AWS':['" TENANT "','*']}", "", true);
	check("{'AWS':'" TENANT "'}", "", false);
	check("{'AWS':'arn:aws:iam::s3tenant1:root'}", "", false);
	check("{'CanonicalUser':'" CANONICAL "'}", "", false);
	check("{'Service':'cloudtrail.amazonaws.com'}", "", false);
}

static void conditions(void **state)
{
	static const struct {
		const char *condition;
		bool public;
	} rows[] = {
		{"'IpAddress':{'aws:SourceIp':'10.0.0.0/32'}", false},
		{"'IpAddress':{'aws:SourceIp':'10.0.0.0/8'}", false},
		{"'IpAddress':{'aws:SourceIp':'10.0.0.0/7'}", true},
		{"'IpAddress':{'aws:SourceIp':'0.0.0.0/1'}", true},
		{"'IpAddress':{'aws:SourceIp':['10.1.0.0/16','0.0.0.0/0']}", true},
		{"'IpAddress':{'aws:SourceIp':'2001:db8::/32'}", false},
		{"'IpAddress':{'aws:SourceIp':'2000::/31'}", true},
		{"'IpAddress':{'aws:VpcSourceIp':'10.0.0.0/32'}", true},
		{"'NotIpAddress':{'aws:SourceIp':'10.0.0.0/32'}", true},
		{"'IpAddressIfExists':{'aws:SourceIp':'10.0.0.0/32'}", true},
		{"'StringEquals':{'aws:SourceVpc':'vpc-91237329'}", false},
		{"'StringLike':{'aws:SourceVpc':'vpc-91237329'}", false},
		{"'StringLike':{'aws:SourceVpc':'vpc-*'}", true},
		{"'StringLike':{'aws:SourceVpc':'vpc-?'}", true},
		{"'StringEquals':{'aws:SourceVpc':['vpc-1','${aws:username}']}", true},
		{"'StringEquals':{'AWS:sourcevpce':'vpce-1'}", false},
		{"'StringNotEquals':{'aws:SourceVpc':'vpc-1'}", true},
		{"'StringEqualsIfExists':{'aws:SourceVpc':'vpc-1'}", true},
		{"'ForAllValues:StringEquals':{'aws:SourceVpc':'vpc-1'}", true},
		{"'ForAnyValue:StringEquals':{'aws:PrincipalOrgPaths':'o-1/r-1'}", false},
		{"'StringEquals':{'aws:SourceVpc':''}", true},
		{"'StringEquals':{'aws:PrincipalOrgID':'o-1'}", false},
		{"'StringEquals':{'aws:SourceAccount':'" TENANT "'}", false},
		{"'StringEquals':{'aws:PrincipalAccount':'" TENANT "'}", false},
		{"'ArnEquals':{'aws:PrincipalArn':'arn:aws:iam::" TENANT ":user/alice'}", false},
		{"'ArnLike':{'aws:PrincipalArn':'arn:aws:iam::*:user/alice'}", true},
		{"'ArnLike':{'aws:SourceArn':'arn:aws:s3:::source'}", false},
		{"'ArnLike':{'aws:SourceArn':'arn:aws:s3:::source*'}", true},
		{"'StringLike':{'s3:DataAccessPointArn':'arn:aws:s3:eu-west-3:1:accesspoint/*'}", false},
		{"'StringLike':{'s3:DataAccessPointArn':'arn:aws:s3:eu-west-3:*:accesspoint/a'}", true},
		{"'StringLike':{'s3:DataAccessPointArn':'arn:aws:s3:eu-west-3::accesspoint/a'}", true},
		{"'StringLike':{'s3:DataAccessPointArn':'*'}", true},
		{"'StringEquals':{'s3:DataAccessPointAccount':'" TENANT "'}", false},
		{"'StringEquals':{'aws:userid':'AIDAEXAMPLE'}", false},
		{"'StringLike':{'aws:userid':'AROAEXAMPLE:*'}", true},
		{"'StringEquals':{'aws:userid':'AROAEXAMPLE:session'}", true},
		{"'StringEquals':{'s3:x-amz-server-side-encryption-aws-kms-key-id':'k'}", false},
		{"'StringEquals':{'aws:Referer':'http://www.example.com/'}", true},
		{"'StringEquals':{'s3:ExistingObjectTag/public':'yes'}", true},
		{"'Bool':{'aws:SecureTransport':true}", true},
		{"'Null':{'aws:SourceVpc':false}", true},
		/* One that confines is enough. */
		{"'StringEquals':{'aws:Referer':'x','aws:SourceVpc':'vpc-1'}", false},
		{"'Bool':{'aws:SecureTransport':true},'IpAddress':{'aws:SourceIp':'10.0.0.1'}", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		check("'*'", rows[i].condition, rows[i].public);
	}
}

static void statements(void **state)
{
	AUTO(arena_freep) struct arena *a = arena_new(ARENA_BYTES);
	static const char deny[] = "{'Statement':{'Effect':'Deny','Principal':'*','Action':'*',"
	                           "'Resource':'arn:aws:s3:::*'}}";
	static const char mixed[] =
		"{'Statement':[{'Effect':'Allow','Principal':{'AWS':'" TENANT "'},'Action':'*',"
		"'Resource':'arn:aws:s3:::*'},{'Effect':'Deny','NotPrincipal':{'AWS':'" TENANT
		"'},'Action':'*','Resource':'arn:aws:s3:::*'},{'Effect':'Allow','Principal':'*',"
		"'Action':'s3:GetObject','Resource':'arn:aws:s3:::bucket/a'}]}";

	(void)state;
	assert_false(policy_is_public(parse_good(a, deny)));
	assert_true(policy_is_public(parse_good(a, mixed)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(principals),
		cmocka_unit_test(conditions),
		cmocka_unit_test(statements),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
