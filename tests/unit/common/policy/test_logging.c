/* Server access logging: the document, the names of log objects, who may write them. */
#include <stdio.h>

#include "common/policy/logging.h"
#include "tests/unit/common/policy/support.h"

#define STATUS(inner) "<BucketLoggingStatus>" inner "</BucketLoggingStatus>"
#define ENABLED(inner) STATUS("<LoggingEnabled>" inner "</LoggingEnabled>")
#define TARGET "<TargetBucket>logs</TargetBucket><TargetPrefix>a/</TargetPrefix>"
#define FORMAT(inner) ENABLED(TARGET "<TargetObjectKeyFormat>" inner "</TargetObjectKeyFormat>")
#define BY(word) "<PartitionedPrefix><PartitionDateSource>" word "</PartitionDateSource></PartitionedPrefix>"

static const uint8_t unique[LOGGING_UNIQUE_BYTES] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
static const struct logging_source source = {BYTES("000000000001"), BYTES("fr-sov-1"), BYTES("src")};
/* 2026-01-31T23:59:59Z, and a day before */
static const uint64_t now_ms = UINT64_C(1769903999000), event_ms = UINT64_C(1769817599000);

static void documents(void **state)
{
	static const struct {
		const char *text;
		enum err e;
	} rows[] = {
		{STATUS(""), OK},
		{"<BucketLoggingStatus xmlns='http://doc.s3.amazonaws.com/2006-03-01'/>", OK},
		{ENABLED(TARGET), OK},
		{ENABLED("<TargetPrefix/><TargetBucket>logs</TargetBucket>"), OK},
		{ENABLED(TARGET "<TargetGrants/>"), OK},
		{ENABLED(TARGET "<TargetGrants><Grant/></TargetGrants>"), ERR_DENIED},
		{FORMAT("<SimplePrefix/>"), OK},
		{FORMAT(BY("EventTime")), OK},
		{FORMAT(BY("DeliveryTime")), OK},
		{FORMAT("<PartitionedPrefix/>"), OK},
		{FORMAT(BY("eventtime")), ERR_INPUT},
		{FORMAT(""), ERR_INPUT},
		{FORMAT("<SimplePrefix/><PartitionedPrefix/>"), ERR_INPUT},
		{FORMAT("<SimplePrefix><a/></SimplePrefix>"), ERR_INPUT},
		{FORMAT("<PartitionedPrefix><a/></PartitionedPrefix>"), ERR_INPUT},
		{ENABLED(TARGET "<LoggingType>Journal</LoggingType>"), ERR_INPUT}, /* another store's */
		{ENABLED(TARGET TARGET), ERR_INPUT},
		{ENABLED(""), ERR_INPUT},
		{ENABLED("<TargetBucket>logs</TargetBucket>"), ERR_INPUT},
		{ENABLED("<TargetPrefix>a</TargetPrefix>"), ERR_INPUT},
		{ENABLED("<TargetBucket/><TargetPrefix>a</TargetPrefix>"), ERR_INPUT},
		{ENABLED("<TargetBucket>No/Bucket</TargetBucket><TargetPrefix/>"), ERR_INPUT},
		{STATUS("<LoggingEnabled/><LoggingEnabled/>"), ERR_INPUT},
		{STATUS("<Other/>"), ERR_INPUT},
		{"<LoggingStatus/>", ERR_INPUT},
		{"<BucketLoggingStatus>", ERR_INPUT},
		{"", ERR_INPUT},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		AUTO(arena_freep) struct arena *a = arena_new(ARENA_BYTES);
		struct logging l, again;
		const char *why = NULL;
		uint8_t text[LOGGING_MAX_BYTES];
		struct writer w = writer_fixed(text, sizeof(text));
		enum err e = logging_read(a, bytes_text(rows[i].text), &l, &why);
		if (e != rows[i].e) {
			fail_msg("%s: %s", rows[i].text, err_name(e));
		}
		if (e != OK) {
			continue;
		}
		logging_write(&w, &l);
		assert_int_equal(logging_read(a, writer_bytes(&w), &again, &why), OK);
		assert_true(bytes_equal(l.bucket, again.bucket) && bytes_equal(l.prefix, again.prefix));
		assert_true(l.has_format == again.has_format && l.event_time == again.event_time &&
		            l.partitioned == again.partitioned);
	}
}

static void limits(void **state)
{
	AUTO(arena_freep) struct arena *a = arena_new(ARENA_BYTES);
	static char text[LOGGING_MAX_BYTES + 2], prefix[LOGGING_PREFIX_MAX + 2];
	struct logging l;
	const char *why;
	(void)state;
	for (size_t n = LOGGING_PREFIX_MAX; n <= LOGGING_PREFIX_MAX + 1; n++) {
		memset(prefix, 'p', n);
		int size = snprintf(text, sizeof(text), ENABLED("<TargetBucket>logs</TargetBucket>"
		                    "<TargetPrefix>%s</TargetPrefix>"), prefix);
		assert_int_equal(logging_read(a, bytes_of(text, (size_t)size), &l, &why),
		                 n > LOGGING_PREFIX_MAX ? ERR_INPUT : OK);
	}
	memset(text, ' ', sizeof(text));
	assert_int_equal(logging_read(a, bytes_of(text, LOGGING_MAX_BYTES + 1), &l, &why), ERR_LIMIT);
}

static void key_is(const struct logging *l, const char *want)
{
	char key[LOGGING_KEY_MAX];
	struct writer w = writer_fixed(key, sizeof(key));

	logging_key(&w, l, &source, event_ms, now_ms, unique);
	if (!bytes_is(writer_bytes(&w), want)) {
		fail_msg("%.*s, not %s", (int)w.used, key, want);
	}
	assert_true(logging_key_fits(l, &source, writer_bytes(&w)));
	for (size_t i = 0; i < w.used; i++) {
		assert_false(logging_key_fits(l, &source, bytes_first(writer_bytes(&w), i)));
	}
}

static void keys(void **state)
{
	const struct logging simple = {.bucket = BYTES("logs"), .prefix = BYTES("a/")};
	const struct logging bare = {.bucket = BYTES("logs")};
	const struct logging delivered = {.prefix = BYTES("a/"), .partitioned = true};
	const struct logging events = {.prefix = BYTES("a/"), .partitioned = true, .event_time = true};
	static const char *const others[] = {
		"b/2026-01-31-23-59-59-0123456789ABCDEF", "2026-01-31-23-59-59-0123456789ABCDEF",
		"a/2026-01-31-23-59-59-0123456789ABCDEF0", "a/2026-01-31-23-59-59-0123456789abcdef",
		"a/2026-01-31-23-59-5x-0123456789ABCDEF", "a/x2026-01-31-23-59-59-0123456789ABCDEF",
		"a/precious.txt", "",
		"a/000000000001/fr-sov-1/src/2026/01/31/2026-01-31-23-59-59-0123456789ABCDEF",
	};
	(void)state;
	key_is(&simple, "a/2026-01-31-23-59-59-0123456789ABCDEF");
	key_is(&bare, "2026-01-31-23-59-59-0123456789ABCDEF");
	key_is(&delivered, "a/000000000001/fr-sov-1/src/2026/01/31/"
	                   "2026-01-31-23-59-59-0123456789ABCDEF");
	key_is(&events, "a/000000000001/fr-sov-1/src/2026/01/30/"
	                "2026-01-30-00-00-00-0123456789ABCDEF");
	for (size_t i = 0; i < COUNT(others); i++) {
		assert_false(logging_key_fits(&simple, &source, bytes_text(others[i])));
	}
	assert_false(logging_key_fits(&delivered, &source, BYTES(
		"a/000000000001/fr-sov-1/other/2026/01/31/2026-01-31-23-59-59-0123456789ABCDEF")));
}

static void who_may(void **state)
{
#define ALLOW(principal, more) "{'Effect':'Allow','Principal':" principal ",'Action':'s3:PutObject'," \
	"'Resource':'arn:aws:s3:::bucket/a/*'" more "}"
#define DENY(principal, more) "{'Effect':'Deny','Principal':" principal ",'Action':'s3:*'," \
	"'Resource':'arn:aws:s3:::bucket/*'" more "}"
#define SERVICE "{'Service':'logging.s3.amazonaws.com'}"
#define IF(operator, key, value) ",'Condition':{'" operator "':{'" key "':'" value "'}}"
	static const struct {
		const char *policy;
		bool may;
	} rows[] = {
		{ALLOW(SERVICE, ""), true},
		{ALLOW(SERVICE, IF("ArnLike", "aws:SourceArn", "arn:aws:s3:::src")), true},
		{ALLOW(SERVICE, IF("ArnLike", "aws:SourceArn", "arn:aws:s3:::other")), false},
		{ALLOW(SERVICE, IF("StringEquals", "aws:SourceAccount", "000000000001")), true},
		{ALLOW(SERVICE, IF("StringEquals", "aws:SourceAccount", "000000000002")), false},
		{ALLOW(SERVICE, IF("DateLessThan", "aws:CurrentTime", "2026-01-01T00:00:00Z")), false},
		{ALLOW("{'Service':'logging.s3.amazonaws.comet'}", ""), false},
		{ALLOW("{'Service':'cloudtrail.amazonaws.com'}", ""), false},
		{ALLOW("'*'", ""), false},
		{ALLOW("{'AWS':'*'}", ""), false},
		{ALLOW("{'AWS':'*','Service':'logging.s3.amazonaws.com'}", ""), true},
		{ALLOW(SERVICE, "") "," DENY(SERVICE, ""), false},
		{ALLOW(SERVICE, "") "," DENY("'*'", ""), false},
		{ALLOW(SERVICE, "") "," DENY("'*'", IF("Bool", "aws:PrincipalIsAWSService", "false")), true},
		{ALLOW(SERVICE, "") "," DENY("'*'", IF("Bool", "aws:SecureTransport", "false")), true},
		{ALLOW(SERVICE, "") "," DENY("{'AWS':'" TENANT "'}", ""), true},
	};
	const struct logging_object o = {BYTES("bucket"), BYTES("a/2026"), now_ms};
	struct acl_grant grants[] = {
		{.grantee = ACL_LOG_DELIVERY, .permission = ACL_WRITE},
		{.grantee = ACL_LOG_DELIVERY, .permission = ACL_READ_ACP},
	};
	const struct acl both = {.grants = grants, .n = 2}, one = {.grants = grants, .n = 1};
	AUTO(arena_freep) struct arena *arena = arena_new(ARENA_BYTES);
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		AUTO(arena_freep) struct arena *a = arena_new(ARENA_BYTES);
		char text[1024];
		snprintf(text, sizeof(text), "{'Version':'2012-10-17','Statement':[%s]}", rows[i].policy);
		const struct policy *p = parse_good(a, text);
		enum err e = logging_allowed(a, &source, &o, p, NULL, NULL);
		if (e != (rows[i].may ? OK : ERR_DENIED)) {
			fail_msg("%s: %s", rows[i].policy, err_name(e));
		}
	}
	assert_int_equal(logging_allowed(arena, &source, &o, NULL, NULL, NULL), ERR_DENIED);
	assert_int_equal(logging_allowed(arena, &source, &o, NULL, &one, NULL), ERR_DENIED);
	assert_int_equal(logging_allowed(arena, &source, &o, NULL, &both, NULL), OK);
	const struct policy *deny = parse_good(arena, "{'Statement':[" DENY("'*'", "") "]}");
	assert_int_equal(logging_allowed(arena, &source, &o, deny, &both, NULL), ERR_DENIED);
	grants[0].grantee = ACL_ALL_USERS;
	assert_int_equal(logging_allowed(arena, &source, &o, NULL, &both, NULL), ERR_DENIED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(documents),
		cmocka_unit_test(limits),
		cmocka_unit_test(keys),
		cmocka_unit_test(who_may),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
