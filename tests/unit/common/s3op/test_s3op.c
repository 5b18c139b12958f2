#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/attr.h"
#include "common/codec/uri.h"
#include "common/s3op/s3op.h"

enum { ARENA = 4 << 20, PARAMETERS = 16 };

static struct arena *arena;

static int set_up(void **state)
{
	(void)state;
	arena = arena_new(ARENA);
	return arena == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static enum err resolve(const char *method, const char *host_bucket, const char *target, bool copy,
                        struct s3op_target *ret)
{
	struct bytes query = bytes_text(target);
	struct bytes path = bytes_split(&query, '?');
	struct field *fields;
	size_t n;

	assert_int_equal(uri_query(arena, query, PARAMETERS, &fields, &n), OK);
	return s3op_resolve(arena, bytes_text(method), bytes_text(host_bucket), path, fields, n, copy,
	                    ret);
}

static void is(const char *method, const char *target, enum s3op want)
{
	struct s3op_target t;

	assert_int_equal(resolve(method, "", target, false, &t), OK);
	if (t.op != want) {
		fail_msg("%s %s: %s, want %s", method, target, s3op_name(t.op), s3op_name(want));
	}
}

static void is_copy(const char *method, const char *target, enum s3op want)
{
	struct s3op_target t;

	assert_int_equal(resolve(method, "", target, true, &t), OK);
	assert_int_equal(t.op, want);
}

static void text_is(struct bytes b, const char *want)
{
	if (!bytes_is(b, want)) {
		fail_msg("%.*s, want %s", (int)b.n, (const char *)b.p, want);
	}
}

static void test_every_operation(void **state)
{
	(void)state;
	is("GET", "/", S3OP_LIST_BUCKETS);
	is("GET", "/?x-id=ListBuckets", S3OP_LIST_BUCKETS);
	is("PUT", "/b", S3OP_CREATE_BUCKET);
	is("PUT", "/b/", S3OP_CREATE_BUCKET);
	is("HEAD", "/b", S3OP_HEAD_BUCKET);
	is("DELETE", "/b", S3OP_DELETE_BUCKET);
	is("GET", "/b?location", S3OP_GET_BUCKET_LOCATION);
	is("GET", "/b?versioning", S3OP_GET_BUCKET_VERSIONING);
	is("GET", "/b", S3OP_LIST_OBJECTS);
	is("GET", "/b?prefix=a&marker=&max-keys=1&delimiter=/&encoding-type=url", S3OP_LIST_OBJECTS);
	is("GET", "/b?list-type=2&start-after=x&fetch-owner=true", S3OP_LIST_OBJECTS_V2);
	is("GET", "/b?uploads&prefix=a", S3OP_LIST_MULTIPART_UPLOADS);
	is("POST", "/b?delete", S3OP_DELETE_OBJECTS);
	is("POST", "/b", S3OP_POST_OBJECT);
	is("POST", "/b/?x-id=PostObject", S3OP_POST_OBJECT);
	is("POST", "/b/?delete=", S3OP_DELETE_OBJECTS);
	is("GET", "/b/k", S3OP_GET_OBJECT);
	is("GET", "/b/k?partNumber=1", S3OP_GET_OBJECT);
	is("GET", "/b/k?versionId=null&response-content-type=a", S3OP_GET_OBJECT);
	is("GET", "/b/k?X-Amz-Signature=x&x-id=GetObject", S3OP_GET_OBJECT);
	is("HEAD", "/b/k", S3OP_HEAD_OBJECT);
	is("HEAD", "/b/k?partNumber=2&versionId=null", S3OP_HEAD_OBJECT);
	is("PUT", "/b/k", S3OP_PUT_OBJECT);
	is("PUT", "/b/k?x-id=PutObject", S3OP_PUT_OBJECT);
	is_copy("PUT", "/b/k", S3OP_COPY_OBJECT);
	is("DELETE", "/b/k", S3OP_DELETE_OBJECT);
	is("DELETE", "/b/k?versionId=null", S3OP_DELETE_OBJECT);
	is("POST", "/b/k?uploads", S3OP_CREATE_MULTIPART_UPLOAD);
	is("PUT", "/b/k?partNumber=1&uploadId=x", S3OP_UPLOAD_PART);
	is("PUT", "/b/k?uploadId=x&partNumber=1", S3OP_UPLOAD_PART);
	is_copy("PUT", "/b/k?partNumber=1&uploadId=x", S3OP_UPLOAD_PART_COPY);
	is("POST", "/b/k?uploadId=x", S3OP_COMPLETE_MULTIPART_UPLOAD);
	is("DELETE", "/b/k?uploadId=x", S3OP_ABORT_MULTIPART_UPLOAD);
	is("GET", "/b/k?uploadId=x&max-parts=2", S3OP_LIST_PARTS);
	is("GET", "/b/k?tagging", S3OP_GET_OBJECT_TAGGING);
	is("PUT", "/b/k?tagging&versionId=null", S3OP_PUT_OBJECT_TAGGING);
	is("DELETE", "/b/k?versionId=null&tagging=", S3OP_DELETE_OBJECT_TAGGING);
	is("PUT", "/b/k?encryption", S3OP_UPDATE_OBJECT_ENCRYPTION);
	is("PUT", "/b/k?versionId=null&encryption=", S3OP_UPDATE_OBJECT_ENCRYPTION);
	is("GET", "/b/k?encryption", S3OP_UNSUPPORTED);
	is_copy("PUT", "/b/k?encryption", S3OP_UNSUPPORTED);
}

/* Every static query of AWS's own model (August 2026) that is not built, and older ones. */
static const char *const sub_resources[] = {
	"annotation", "renameObject", "restore", "select",
	"abac", "analytics", "intelligent-tiering", "inventory", "metadataAnnotationTable",
	"metadataConfiguration", "metadataInventoryTable", "metadataJournalTable",
	"metadataTable", "metrics", "session", "append",
	"list-type=1",
};

static void test_sub_resources_never_pass_for_the_plain_operation(void **state)
{
	static const char *const methods[] = {"GET", "HEAD", "PUT", "POST", "DELETE"};
	static const char *const paths[] = {"/", "/b", "/b/k"};
	char target[128];

	(void)state;
	for (size_t i = 0; i < COUNT(sub_resources); i++) {
		for (size_t m = 0; m < COUNT(methods) * COUNT(paths); m++) {
			const char *method = methods[m / COUNT(paths)];
			const char *path = paths[m % COUNT(paths)];
			snprintf(target, sizeof(target), "%s?%s", path, sub_resources[i]);
			is(method, target, S3OP_UNSUPPORTED);
			/* nor beside one that is built */
			snprintf(target, sizeof(target), "%s?uploadId=x&%s&partNumber=1", path,
			         sub_resources[i]);
			is(method, target, S3OP_UNSUPPORTED);
			is_copy(method, target, S3OP_UNSUPPORTED);
		}
	}
}

/* Configuration: which method on which level; everything else with that name is UNSUPPORTED. */
static const struct {
	const char *name, *path;
	enum s3op get, put, delete;
} configuration[] = {
	{"tagging", "/b", S3OP_GET_BUCKET_TAGGING, S3OP_PUT_BUCKET_TAGGING,
	 S3OP_DELETE_BUCKET_TAGGING},
	{"encryption", "/b", S3OP_GET_BUCKET_ENCRYPTION, S3OP_PUT_BUCKET_ENCRYPTION,
	 S3OP_DELETE_BUCKET_ENCRYPTION},
	{"cors", "/b", S3OP_GET_BUCKET_CORS, S3OP_PUT_BUCKET_CORS, S3OP_DELETE_BUCKET_CORS},
	{"ownershipControls", "/b", S3OP_GET_BUCKET_OWNERSHIP, S3OP_PUT_BUCKET_OWNERSHIP,
	 S3OP_DELETE_BUCKET_OWNERSHIP},
	{"publicAccessBlock", "/b", S3OP_GET_PUBLIC_ACCESS_BLOCK, S3OP_PUT_PUBLIC_ACCESS_BLOCK,
	 S3OP_DELETE_PUBLIC_ACCESS_BLOCK},
	{"lifecycle", "/b", S3OP_GET_BUCKET_LIFECYCLE, S3OP_PUT_BUCKET_LIFECYCLE,
	 S3OP_DELETE_BUCKET_LIFECYCLE},
	{"acl", "/b", S3OP_GET_BUCKET_ACL, S3OP_PUT_BUCKET_ACL, S3OP_UNSUPPORTED},
	{"acl", "/b/k", S3OP_GET_OBJECT_ACL, S3OP_PUT_OBJECT_ACL, S3OP_UNSUPPORTED},
	{"requestPayment", "/b", S3OP_GET_BUCKET_REQUEST_PAYMENT, S3OP_UNSUPPORTED, S3OP_UNSUPPORTED},
	{"policy", "/b", S3OP_GET_BUCKET_POLICY, S3OP_PUT_BUCKET_POLICY, S3OP_DELETE_BUCKET_POLICY},
	{"policyStatus", "/b", S3OP_GET_BUCKET_POLICY_STATUS, S3OP_UNSUPPORTED, S3OP_UNSUPPORTED},
	{"website", "/b", S3OP_GET_BUCKET_WEBSITE, S3OP_UNSUPPORTED, S3OP_UNSUPPORTED},
	{"logging", "/b", S3OP_GET_BUCKET_LOGGING, S3OP_PUT_BUCKET_LOGGING, S3OP_UNSUPPORTED},
	{"notification", "/b", S3OP_GET_BUCKET_NOTIFICATION, S3OP_UNSUPPORTED, S3OP_UNSUPPORTED},
	{"replication", "/b", S3OP_GET_BUCKET_REPLICATION, S3OP_UNSUPPORTED, S3OP_UNSUPPORTED},
	{"accelerate", "/b", S3OP_GET_BUCKET_ACCELERATE, S3OP_UNSUPPORTED, S3OP_UNSUPPORTED},
	{"versioning", "/b", S3OP_GET_BUCKET_VERSIONING, S3OP_PUT_BUCKET_VERSIONING,
	 S3OP_UNSUPPORTED},
	{"versions", "/b", S3OP_LIST_OBJECT_VERSIONS, S3OP_UNSUPPORTED, S3OP_UNSUPPORTED},
	{"object-lock", "/b", S3OP_GET_OBJECT_LOCK, S3OP_PUT_OBJECT_LOCK, S3OP_UNSUPPORTED},
	{"retention", "/b/k", S3OP_GET_OBJECT_RETENTION, S3OP_PUT_OBJECT_RETENTION,
	 S3OP_UNSUPPORTED},
	{"legal-hold", "/b/k", S3OP_GET_OBJECT_LEGAL_HOLD, S3OP_PUT_OBJECT_LEGAL_HOLD,
	 S3OP_UNSUPPORTED},
	{"attributes", "/b/k", S3OP_GET_OBJECT_ATTRIBUTES, S3OP_UNSUPPORTED, S3OP_UNSUPPORTED},
	{"torrent", "/b/k", S3OP_GET_OBJECT_TORRENT, S3OP_UNSUPPORTED, S3OP_UNSUPPORTED},
};

static void test_configuration(void **state)
{
	char target[128];

	(void)state;
	for (size_t i = 0; i < COUNT(configuration); i++) {
		const char *name = configuration[i].name;
		snprintf(target, sizeof(target), "%s?%s=", configuration[i].path, name);
		is("GET", target, configuration[i].get);
		is("PUT", target, configuration[i].put);
		is("DELETE", target, configuration[i].delete);
		is("HEAD", target, S3OP_UNSUPPORTED);
		is("POST", target, S3OP_UNSUPPORTED);
		is_copy("PUT", target, S3OP_UNSUPPORTED);
		snprintf(target, sizeof(target), "/?%s", name);
		is("GET", target, S3OP_UNSUPPORTED);
		snprintf(target, sizeof(target), "/b/k?%s&uploadId=x&partNumber=1", name);
		is("PUT", target, S3OP_UNSUPPORTED);
		snprintf(target, sizeof(target), "%s?%s&uploads", configuration[i].path, name);
		is("GET", target, S3OP_UNSUPPORTED);
	}
	is("PUT", "/b/k?cors", S3OP_UNSUPPORTED);
	is("DELETE", "/b/k?lifecycle", S3OP_UNSUPPORTED);
	is("GET", "/b?attributes", S3OP_UNSUPPORTED);
	is("GET", "/b?cors&lifecycle", S3OP_UNSUPPORTED);
}

static void test_built_names_where_they_do_not_belong(void **state)
{
	(void)state;
	is("PUT", "/b/k?uploadId=x", S3OP_UNSUPPORTED);
	is("PUT", "/b/k?partNumber=1", S3OP_UNSUPPORTED);
	is("PUT", "/b/k?uploads", S3OP_UNSUPPORTED);
	is("POST", "/b/k?tagging", S3OP_UNSUPPORTED);
	is("PUT", "/b/k?tagging&partNumber=1", S3OP_UNSUPPORTED);
	is_copy("PUT", "/b/k?tagging", S3OP_UNSUPPORTED);
	is("PUT", "/b/k?delete", S3OP_UNSUPPORTED);
	is("PUT", "/b/k?versionId=null", S3OP_UNSUPPORTED);
	is("PUT", "/b/k?location", S3OP_UNSUPPORTED);
	is("PUT", "/b/k?list-type=2", S3OP_UNSUPPORTED);
	is("PUT", "/b?uploads", S3OP_UNSUPPORTED);
	is("PUT", "/b?location", S3OP_UNSUPPORTED);
	is("PUT", "/b/k?versioning", S3OP_UNSUPPORTED);
	is("GET", "/b?versioning&location", S3OP_UNSUPPORTED);
	is("DELETE", "/b?delete", S3OP_UNSUPPORTED);
	is("DELETE", "/b?uploadId=x", S3OP_UNSUPPORTED);
	is("DELETE", "/b/k?uploads", S3OP_UNSUPPORTED);
	is("GET", "/b/k?uploads", S3OP_UNSUPPORTED);
	is("GET", "/b?uploads&location", S3OP_UNSUPPORTED);
	is("GET", "/b?list-type=2&list-type=1", S3OP_UNSUPPORTED);
	is("GET", "/?location", S3OP_UNSUPPORTED);
	is("POST", "/b?uploads", S3OP_UNSUPPORTED);
	is_copy("PUT", "/b", S3OP_UNSUPPORTED);
}

/* Handed out as sent; the empty and the bare one are there, too. */
static void test_version(void **state)
{
	static const struct {
		const char *query, *version;
	} cases[] = {
		{"", NULL}, {"versionId=null", "null"}, {"versionId=3sL%2B4", "3sL+4"},
		{"versionId", ""}, {"versionId=", ""}, {"tagging&versionId=x", "x"},
	};
	struct s3op_target t;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct field *query;
		size_t n;
		assert_int_equal(uri_query(arena, bytes_text(cases[i].query), 10, &query, &n), OK);
		assert_int_equal(s3op_resolve(arena, BYTES("GET"), BYTES(""), BYTES("/b/k"), query,
		                              n, false, &t), OK);
		assert_int_equal(t.version.p != NULL, cases[i].version != NULL);
		assert_true(cases[i].version == NULL || bytes_is(t.version, cases[i].version));
	}
	is("PUT", "/b/k?versionId=x", S3OP_UNSUPPORTED);
	is("GET", "/b?versionId=x", S3OP_UNSUPPORTED);
	is("DELETE", "/b/k?versionId=x", S3OP_DELETE_OBJECT);
	is("HEAD", "/b/k?versionId=x&partNumber=1", S3OP_HEAD_OBJECT);
	is("PUT", "/b/k?partNumber=1&uploadId=x&versionId=y", S3OP_UNSUPPORTED);
}

/* Of two, the gateway would take the first that was sent, the KMS the first in canonical order. */
static void test_twice(void **state)
{
	static const char *const targets[] = {
		"/b/k?versionId=x&versionId=x", "/b/k?versionId&versionId=x",
		"/b/k?partNumber=1&uploadId=b&uploadId=a", "/b/k?uploadId=a&partNumber=1&partNumber=2",
		"/b/k?tagging&x=y&tagging=", "/b?list-type=2&list-type=2",
	};
	struct s3op_target t;

	(void)state;
	for (size_t i = 0; i < COUNT(targets); i++) {
		assert_int_equal(resolve("GET", "", targets[i], false, &t), ERR_INPUT);
	}
	is("GET", "/b?prefix=a&prefix=b&x-id=1&x-id=2", S3OP_LIST_OBJECTS);
	is("GET", "/b/k?restore&restore", S3OP_UNSUPPORTED);
}

static void test_none(void **state)
{
	(void)state;
	is("POST", "/", S3OP_NONE);
	is("PUT", "/", S3OP_NONE);
	is("HEAD", "/", S3OP_NONE);
	is("POST", "/b/k", S3OP_NONE);
	is("PATCH", "/b/k", S3OP_NONE);
	is("OPTIONS", "/", S3OP_NONE);
	is("OPTIONS", "/b", S3OP_PREFLIGHT);
	is("OPTIONS", "/b/k?uploadId=x&partNumber=1&acl", S3OP_PREFLIGHT);
	is("get", "/b/k", S3OP_NONE);
	is("", "/b/k", S3OP_NONE);
}

/* Names are case-sensitive, as on S3; only the whole name counts. */
static void test_unknown_parameters(void **state)
{
	(void)state;
	is("GET", "/b/k?ACL&aclx&my=1&x-acl", S3OP_GET_OBJECT);
	is("PUT", "/b/k?%61cl", S3OP_PUT_OBJECT_ACL); /* decoded before it is looked up */
}

static void target_is(const char *host_bucket, const char *path, const char *bucket, const char *key)
{
	struct s3op_target t;

	assert_int_equal(resolve("GET", host_bucket, path, false, &t), OK);
	text_is(t.bucket, bucket);
	text_is(t.key, key);
}

static void test_targets(void **state)
{
	(void)state;
	target_is("", "/", "", "");
	target_is("", "/b", "b", "");
	target_is("", "/b/", "b", "");
	target_is("", "/b/k", "b", "k");
	target_is("", "/b//a", "b", "/a");
	target_is("", "/b///a//", "b", "//a//");
	target_is("", "/b/a/../b/.", "b", "a/../b/.");
	target_is("", "/b/a%20+%2B%2F%3f", "b", "a ++/?");
	target_is("", "/b%2Fk", "b", "k"); /* as the canonical path has it */
	target_is("", "/b/\xc3\xa9", "b", "\xc3\xa9");
	target_is("h", "/", "h", "");
	target_is("h", "//", "h", "/");
	target_is("h", "/b/k", "h", "b/k");
	target_is("h", "//a", "h", "/a");
}

static void refused(const char *path, enum err want)
{
	struct s3op_target t;

	assert_int_equal(resolve("GET", "", path, false, &t), want);
}

static void test_bad_targets(void **state)
{
	char path[8 + 1024 + 2] = "/b/";
	struct s3op_target t;

	(void)state;
	refused("", ERR_INPUT);
	refused("b/k", ERR_INPUT);
	refused("*", ERR_INPUT);
	refused("//k", ERR_INPUT);
	refused("/b/%", ERR_INPUT);
	refused("/b/%0", ERR_INPUT);
	refused("/b/a%00b", ERR_INPUT);
	refused("/b%00/k", ERR_INPUT);
	refused("/b/%ff", ERR_INPUT);
	refused("/b/%ed%a0%80", ERR_INPUT); /* a surrogate */
	memset(path + 3, 'x', 1024);
	assert_int_equal(resolve("GET", "", path, false, &t), OK);
	assert_int_equal(t.key.n, 1024);
	path[3 + 1024] = 'x';
	refused(path, ERR_LIMIT);
}

static void source_is(const char *value, const char *bucket, const char *key, const char *version)
{
	struct bytes b, k, v;

	assert_int_equal(s3op_copy_source(arena, bytes_text(value), &b, &k, &v), OK);
	text_is(b, bucket);
	text_is(k, key);
	text_is(v, version);
}

static void test_copy_source(void **state)
{
	static const char *const bad[] = {
		"", "/", "b", "/b", "b/", "/b/", "//k", "b/k?", "b/k?versionId", "b/k?versionId=",
		"b/k?x=1", "b/%", "b/a%00", "b/%ff", "b/k?versionId=%ff",
	};
	struct bytes b, k, v;

	(void)state;
	source_is("b/k", "b", "k", "");
	source_is("/b/k", "b", "k", "");
	source_is("/b/a%20b/c%2B+?versionId=null", "b", "a b/c++", "null");
	source_is("b//a", "b", "/a", "");
	source_is("b%2Fk%3Fx", "b", "k?x", "");
	source_is("%2Fb%2Fk", "b", "k", "");
	source_is("b/k?versionId=a%2Bb", "b", "k", "a+b");
	for (size_t i = 0; i < COUNT(bad); i++) {
		if (s3op_copy_source(arena, bytes_text(bad[i]), &b, &k, &v) != ERR_INPUT) {
			fail_msg("accepted: %s", bad[i]);
		}
	}
}

static void test_names(void **state)
{
	(void)state;
	for (enum s3op op = 0; op < S3OP_COUNT; op++) {
		assert_non_null(s3op_name(op));
		assert_non_null(s3op_action(op));
		bool real = op != S3OP_NONE && op != S3OP_UNSUPPORTED &&
		            op != S3OP_PREFLIGHT;
		assert_true(real == bytes_starts(bytes_text(s3op_action(op)), BYTES("s3:")));
	}
	assert_string_equal(s3op_name(S3OP_PUT_OBJECT), "PutObject");
	assert_string_equal(s3op_action(S3OP_COMPLETE_MULTIPART_UPLOAD), "s3:PutObject");
	assert_string_equal(s3op_action(S3OP_HEAD_OBJECT), "s3:GetObject");
	assert_string_equal(s3op_action(S3OP_LIST_BUCKETS), "s3:ListAllMyBuckets");
	assert_string_equal(s3op_action(S3OP_COUNT), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_every_operation, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_sub_resources_never_pass_for_the_plain_operation,
		                                set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_configuration, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_built_names_where_they_do_not_belong, set_up,
		                                tear_down),
		cmocka_unit_test_setup_teardown(test_version, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_twice, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_none, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unknown_parameters, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_targets, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bad_targets, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_copy_source, set_up, tear_down),
		cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
