/* Lifecycle rules: which documents are accepted, and when what goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/attr.h"
#include "server/gateway/config_document.h"
#include "server/gateway/lifecycle.h"

#define DAY_MS UINT64_C(86400000)

static struct arena *arena;

static int set_up(void **state)
{
	(void)state;
	arena = arena_new(32 << 20);
	return arena == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

#define DOC(inner) "<LifecycleConfiguration>" inner "</LifecycleConfiguration>"
#define RULE(inner) "<Rule>" inner "<Status>Enabled</Status></Rule>"
#define DAYS(n) "<Expiration><Days>" n "</Days></Expiration>"
#define DATE(d) "<Expiration><Date>" d "</Date></Expiration>"
#define ABORT(n) "<AbortIncompleteMultipartUpload><DaysAfterInitiation>" n \
	"</DaysAfterInitiation></AbortIncompleteMultipartUpload>"
#define ID(i) "<ID>" i "</ID>"
#define PREFIX(p) "<Filter><Prefix>" p "</Prefix></Filter>"

static void gives(const char *text, enum s3error want)
{
	struct bytes stored;
	enum s3error e = config_document_read(arena, config_document_of(INDEX_CONFIG_LIFECYCLE),
	                                      bytes_text(text), &stored);
	if (e != want) {
		fail_msg("%s: %s, want %s", text, s3error_code(e), s3error_code(want));
	}
}

static struct lifecycle rules(struct bytes text)
{
	const struct config_document *d = config_document_of(INDEX_CONFIG_LIFECYCLE);
	struct xml_node *root = NULL;
	struct bytes stored;
	struct lifecycle l;
	assert_int_equal(config_document_read(arena, d, text, &stored), S3E_NONE);
	assert_int_equal(config_document_tree(arena, d, stored, &root), S3E_NONE);
	assert_int_equal(lifecycle_read(arena, root, &l), S3E_NONE);
	return l;
}

static void test_documents(void **state)
{
	(void)state;
	gives(DOC(RULE(PREFIX("a") DAYS("1"))), S3E_NONE);
	gives(DOC(RULE("<Prefix/>" DAYS("1"))), S3E_NONE);
	gives(DOC(RULE("<Filter/>" ABORT("1"))), S3E_NONE);
	gives(DOC(""), S3E_MALFORMED_XML);
	gives(DOC(RULE(DAYS("1"))), S3E_MALFORMED_XML);
	gives(DOC(RULE("<Prefix/><Filter/>" DAYS("1"))), S3E_MALFORMED_XML);
	gives(DOC(RULE("<Filter><Prefix/><ObjectSizeLessThan>1</ObjectSizeLessThan></Filter>" DAYS("1"))),
	      S3E_MALFORMED_XML);
	gives(DOC("<Rule><Filter/>" DAYS("1") "</Rule>"), S3E_MALFORMED_XML);
	gives(DOC("<Rule><Filter/>" DAYS("1") "<Status>Off</Status></Rule>"), S3E_MALFORMED_XML);
	gives(DOC(RULE("<Filter/>")), S3E_RULE_ACTION);
	gives(DOC(RULE("<Filter/><Expiration/>")), S3E_MALFORMED_XML);
	gives(DOC(RULE("<Filter/>" DAYS("0"))), S3E_RULE_DAYS);
	gives(DOC(RULE("<Filter/>" DAYS("-1"))), S3E_RULE_DAYS);
	gives(DOC(RULE("<Filter/>" DAYS("2147483648"))), S3E_RULE_DAYS);
	gives(DOC(RULE("<Filter/>" DAYS("x"))), S3E_MALFORMED_XML);
	gives(DOC(RULE("<Filter/>" DAYS(""))), S3E_MALFORMED_XML);
	gives(DOC(RULE("<Filter/>" ABORT("0"))), S3E_RULE_DAYS);
	gives(DOC(RULE("<Filter/>" DATE("2030-01-01T00:00:00Z"))), S3E_NONE);
	gives(DOC(RULE("<Filter/>" DATE("2030-01-01T00:00:00.000Z"))), S3E_NONE);
	gives(DOC(RULE("<Filter/>" DATE("2030-01-01T00:00:01Z"))), S3E_RULE_DATE);
	gives(DOC(RULE("<Filter/>" DATE("20300101"))), S3E_RULE_DATE);
	gives(DOC(RULE(ID("a") "<Filter/>" DAYS("1")) RULE(ID("a") "<Filter/>" DAYS("1"))),
	      S3E_RULE_ID_TWICE);
	gives(DOC(RULE("<Filter><ObjectSizeGreaterThan>1</ObjectSizeGreaterThan></Filter>" ABORT("1"))),
	      S3E_RULE_FILTER);
	gives(DOC(RULE("<Filter><And><ObjectSizeGreaterThan>5</ObjectSizeGreaterThan>"
	               "<ObjectSizeLessThan>5</ObjectSizeLessThan></And></Filter>" DAYS("1"))),
	      S3E_INVALID_REQUEST);
	gives(DOC(RULE("<Filter/><Transition><Days>1</Days></Transition>")), S3E_NOT_IMPLEMENTED);
	gives(DOC(RULE("<Filter/><Transition><Days>0</Days><StorageClass>GLACIER</StorageClass>"
	               "</Transition><Transition><Days>9</Days></Transition>")),
	      S3E_NOT_IMPLEMENTED);
	gives(DOC(RULE("<Filter/><Transition><StorageClass>GLACIER</StorageClass>"
	               "<Date>1970-08-23T01:02:07Z</Date></Transition>")),
	      S3E_RULE_DATE);
	gives(DOC(RULE("<Filter/><Colour/>" DAYS("1"))), S3E_MALFORMED_XML);
}

static struct bytes many_rules(unsigned n)
{
	struct writer w = writer_growing(1 << 20);
	write_text(&w, "<LifecycleConfiguration>");
	for (unsigned i = 0; i < n; i++) {
		write_text(&w, RULE(PREFIX("department/2026/") DAYS("365")));
	}
	write_text(&w, "</LifecycleConfiguration>");
	struct bytes copy = arena_copy(arena, writer_bytes(&w));
	writer_free(&w);
	return copy;
}

/* As many rules as S3 allows fit, with an ID for each. */
static void test_a_thousand_rules(void **state)
{
	struct bytes stored;
	(void)state;
	struct lifecycle l = rules(many_rules(LIFECYCLE_RULES_MAX));
	assert_int_equal(l.n, LIFECYCLE_RULES_MAX);
	assert_int_equal(l.rules[0].id.n, 32);
	assert_false(bytes_equal(l.rules[0].id, l.rules[999].id));
	assert_int_equal(config_document_read(arena, config_document_of(INDEX_CONFIG_LIFECYCLE),
	                                      many_rules(LIFECYCLE_RULES_MAX + 1), &stored),
	                 S3E_MALFORMED_XML);
}

static void goes(const struct lifecycle *l, const char *key, uint64_t size, const char *rule,
                 uint64_t want_ms)
{
	const struct lifecycle_object o = {.key = bytes_text(key), .size = size,
	                                   .modified_ms = 10 * DAY_MS + 1};
	uint64_t at = 0;
	const struct lifecycle_rule *got = lifecycle_expiry(l, &o, DAY_MS, &at);
	if (rule == NULL) {
		assert_null(got);
		return;
	}
	assert_non_null(got);
	assert_true(bytes_is(got->id, rule));
	assert_int_equal(at, want_ms);
}

static void test_expiry(void **state)
{
	(void)state;
	struct lifecycle l = rules(bytes_text(
		DOC(RULE(ID("week") PREFIX("logs/") DAYS("7")) RULE(ID("day") PREFIX("logs/tmp") DAYS("1"))
	            RULE(ID("date") "<Prefix>d</Prefix>" DATE("1970-01-03T00:00:00Z"))
	            "<Rule><ID>off</ID><Filter/>" DAYS("1") "<Status>Disabled</Status></Rule>"
	            RULE(ID("size") "<Filter><And><Prefix>s</Prefix><ObjectSizeGreaterThan>10"
	                 "</ObjectSizeGreaterThan><ObjectSizeLessThan>20</ObjectSizeLessThan></And>"
	                 "</Filter>" DAYS("2"))
	            RULE(ID("upload") PREFIX("u") ABORT("3")))));
	goes(&l, "logs/a", 0, "week", 18 * DAY_MS);
	goes(&l, "logs/tmp1", 0, "day", 12 * DAY_MS); /* the midnight after a whole day */
	goes(&l, "data", 0, "date", 2 * DAY_MS);
	goes(&l, "other", 0, NULL, 0);
	goes(&l, "s", 10, NULL, 0);
	goes(&l, "s", 11, "size", 13 * DAY_MS);
	goes(&l, "s", 19, "size", 13 * DAY_MS);
	goes(&l, "s", 20, NULL, 0);
	goes(&l, "u", 1, NULL, 0);
	uint64_t at = 0;
	assert_non_null(lifecycle_abort(&l, BYTES("up"), 10 * DAY_MS, DAY_MS, &at));
	assert_int_equal(at, 13 * DAY_MS); /* from midnight: no later one is waited for */
	assert_null(lifecycle_abort(&l, BYTES("logs/a"), 10 * DAY_MS, DAY_MS, &at));
}

#define TAG(k, v) "<Tag><Key>" k "</Key><Value>" v "</Value></Tag>"

static bool tagged_goes(const struct lifecycle *l, const struct field *tags, size_t n, bool unknown)
{
	const struct lifecycle_object o = {.key = BYTES("k"), .modified_ms = DAY_MS, .tags = tags,
	                                   .n_tags = n, .tags_unknown = unknown};
	uint64_t at;
	return lifecycle_expiry(l, &o, DAY_MS, &at) != NULL;
}

static void test_tags(void **state)
{
	const struct field tags[] = {{BYTES("a"), BYTES("1")}, {BYTES("b"), BYTES("2")}};
	const struct field wrong[] = {{BYTES("a"), BYTES("2")}, {BYTES("b"), BYTES("1")}};
	(void)state;
	struct lifecycle one = rules(BYTES(DOC(RULE("<Filter>" TAG("a", "1") "</Filter>" DAYS("1")))));
	assert_true(tagged_goes(&one, tags, 2, false));
	assert_false(tagged_goes(&one, wrong, 2, false));
	assert_false(tagged_goes(&one, NULL, 0, false));
	assert_true(tagged_goes(&one, NULL, 0, true));
	struct lifecycle two = rules(BYTES(DOC(RULE("<Filter><And>" TAG("b", "2") TAG("a", "1")
	                                            "</And></Filter>" DAYS("1")))));
	assert_true(tagged_goes(&two, tags, 2, false));
	assert_false(tagged_goes(&two, tags, 1, false));
	gives(DOC(RULE("<Filter>" TAG("a", "1") "</Filter>" ABORT("1"))), S3E_RULE_FILTER);
	gives(DOC(RULE("<Filter>" TAG("", "1") "</Filter>" DAYS("1"))), S3E_INVALID_TAG);
	gives(DOC(RULE("<Filter>" TAG("a", "1") TAG("b", "1") "</Filter>" DAYS("1"))),
	      S3E_MALFORMED_XML);
	gives(DOC(RULE("<Filter><And>" TAG("a", "1") TAG("a", "2") "</And></Filter>" DAYS("1"))),
	      S3E_INVALID_TAG);
}

#define OLDER(inner) "<NoncurrentVersionExpiration>" inner "</NoncurrentVersionExpiration>"
#define OLD_DAYS(n) "<NoncurrentDays>" n "</NoncurrentDays>"
#define KEEP(n) "<NewerNoncurrentVersions>" n "</NewerNoncurrentVersions>"
#define MARKER "<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>"

static void test_versions(void **state)
{
	const struct lifecycle_object o = {.key = BYTES("v/k"), .modified_ms = 5 * DAY_MS};
	const struct lifecycle_object other = {.key = BYTES("k"), .modified_ms = 5 * DAY_MS};
	const struct lifecycle_clock before = {10 * DAY_MS - 1, DAY_MS}, at = {10 * DAY_MS, DAY_MS};
	(void)state;
	struct lifecycle l = rules(BYTES(
		DOC(RULE(PREFIX("v/") OLDER(OLD_DAYS("2") KEEP("3"))))));
	assert_false(lifecycle_noncurrent(&l, &o, 8 * DAY_MS, 3, before));
	assert_true(lifecycle_noncurrent(&l, &o, 8 * DAY_MS, 3, at));
	assert_false(lifecycle_noncurrent(&l, &o, 8 * DAY_MS, 2, at));
	assert_false(lifecycle_noncurrent(&l, &other, 8 * DAY_MS, 3, at));
	assert_false(lifecycle_marker(&l, &o, at));
	l = rules(BYTES(DOC(RULE(PREFIX("v/") MARKER))));
	assert_true(lifecycle_marker(&l, &o, before));
	assert_false(lifecycle_marker(&l, &other, at));
	assert_false(lifecycle_noncurrent(&l, &o, 0, 100, at));
	uint64_t ms;
	assert_null(lifecycle_expiry(&l, &o, DAY_MS, &ms));
	l = rules(BYTES(DOC(RULE(PREFIX("v/") DAYS("5")))));
	assert_false(lifecycle_marker(&l, &o, before));
	assert_true(lifecycle_marker(&l, &o, at));
	gives(DOC(RULE("<Filter/>" OLDER(OLD_DAYS("0")))), S3E_RULE_DAYS);
	gives(DOC(RULE("<Filter/>" OLDER(OLD_DAYS("1") KEEP("0")))), S3E_INVALID_ARGUMENT);
	gives(DOC(RULE("<Filter/>" OLDER(OLD_DAYS("1") KEEP("101")))), S3E_INVALID_ARGUMENT);
	gives(DOC(RULE("<Filter/>" OLDER(KEEP("1")))), S3E_MALFORMED_XML);
	gives(DOC(RULE("<Filter>" TAG("a", "1") "</Filter>" MARKER)), S3E_RULE_FILTER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_documents, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_thousand_rules, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_tags, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_versions, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_expiry, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
