#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/attr.h"
#include "common/policy/acl.h"

#define OWNER_ID "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define OTHER_ID "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define ALL_USERS "http://acs.amazonaws.com/groups/global/AllUsers"
#define AUTHENTICATED "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
#define LOG_DELIVERY "http://acs.amazonaws.com/groups/s3/LogDelivery"

enum { ARENA_BYTES = 1 << 20, TEXT_MAX_BYTES = 64 << 10 };

static const struct acl_person owner = {
	{(const uint8_t *)OWNER_ID, sizeof(OWNER_ID) - 1}, {(const uint8_t *)"main", 4}};
static const struct acl_person other = {
	{(const uint8_t *)OTHER_ID, sizeof(OTHER_ID) - 1}, {(const uint8_t *)"other", 5}};

static int set_up(void **state)
{
	*state = arena_new(ARENA_BYTES);
	return *state == NULL;
}

static int tear_down(void **state)
{
	arena_free(*state);
	return 0;
}

static void grant_is(const struct acl_grant *g, enum acl_grantee grantee, const char *id,
                     uint8_t permission)
{
	assert_int_equal(g->grantee, grantee);
	assert_true(bytes_is(g->person.id, id));
	assert_int_equal(g->permission, permission);
}

/* A request with up to two headers. */
static enum err request(struct arena *a, const char *const *lines, bool of_object, struct acl *ret,
                        bool *said)
{
	struct field fields[4];
	const char *why = NULL;
	size_t n = 0;
	for (; lines[n] != NULL; n++) {
		struct bytes rest = bytes_text(lines[n]);
		fields[n].name = bytes_split(&rest, ':');
		fields[n].value = rest;
	}
	struct acl_request q = {fields, n, owner, of_object ? &other : NULL};
	enum err e = acl_read_request(a, &q, said, ret, &why);
	assert_int_equal(e == ERR_INPUT, why != NULL);
	return e;
}

static enum err one(struct arena *a, const char *line, bool of_object, struct acl *ret)
{
	bool said = false;
	enum err e = request(a, (const char *[]){line, NULL}, of_object, ret, &said);
	if (e == OK) {
		assert_true(said);
	}
	return e;
}

static void test_private(void **state)
{
	struct acl acl;
	bool said = true;

	assert_int_equal(acl_private(*state, owner, &acl), OK);
	assert_int_equal(acl.n, 1);
	grant_is(&acl.grants[0], ACL_USER, OWNER_ID, ACL_FULL_CONTROL);
	assert_int_equal(request(*state, (const char *[]){"x-amz-meta-acl:public-read", NULL}, true,
	                         &acl, &said),
	                 OK);
	assert_false(said);
	assert_int_equal(acl.n, 1);
	grant_is(&acl.grants[0], ACL_USER, OWNER_ID, ACL_FULL_CONTROL);
	assert_true(bytes_is(acl.grants[0].person.name, "main"));
	assert_false(acl_is_public(&acl));
}

static void test_canned(void **state)
{
	struct acl acl;

	assert_int_equal(one(*state, "x-amz-acl:private", false, &acl), OK);
	assert_int_equal(acl.n, 1);
	assert_int_equal(one(*state, "x-amz-acl:public-read", false, &acl), OK);
	assert_int_equal(acl.n, 2);
	grant_is(&acl.grants[1], ACL_ALL_USERS, "", ACL_READ);
	assert_true(acl_is_public(&acl));
	assert_int_equal(one(*state, "x-amz-acl:public-read-write", true, &acl), OK);
	assert_int_equal(acl.n, 3);
	grant_is(&acl.grants[1], ACL_ALL_USERS, "", ACL_READ);
	grant_is(&acl.grants[2], ACL_ALL_USERS, "", ACL_WRITE);
	assert_int_equal(one(*state, "x-amz-acl:authenticated-read", true, &acl), OK);
	assert_int_equal(acl.n, 2);
	grant_is(&acl.grants[1], ACL_AUTHENTICATED, "", ACL_READ);
	assert_true(acl_is_public(&acl));
	assert_int_equal(one(*state, "x-amz-acl:log-delivery-write", false, &acl), OK);
	assert_int_equal(acl.n, 3);
	grant_is(&acl.grants[1], ACL_LOG_DELIVERY, "", ACL_WRITE);
	grant_is(&acl.grants[2], ACL_LOG_DELIVERY, "", ACL_READ_ACP);
	assert_false(acl_is_public(&acl));
}

static void test_canned_of_the_buckets_owner(void **state)
{
	struct acl acl;

	assert_int_equal(one(*state, "x-amz-acl:bucket-owner-read", true, &acl), OK);
	assert_int_equal(acl.n, 2);
	grant_is(&acl.grants[0], ACL_USER, OWNER_ID, ACL_FULL_CONTROL);
	grant_is(&acl.grants[1], ACL_USER, OTHER_ID, ACL_READ);
	assert_true(bytes_is(acl.grants[1].person.name, "other"));
	assert_int_equal(one(*state, "x-amz-acl:bucket-owner-full-control", true, &acl), OK);
	grant_is(&acl.grants[1], ACL_USER, OTHER_ID, ACL_FULL_CONTROL);
	/* On a bucket it says nothing more than private. */
	assert_int_equal(one(*state, "x-amz-acl:bucket-owner-full-control", false, &acl), OK);
	assert_int_equal(acl.n, 1);
	/* And so it does where both owners are one. */
	struct field word = {BYTES("x-amz-acl"), BYTES("bucket-owner-read")};
	struct acl_request q = {&word, 1, owner, &owner};
	const char *why;
	bool said;
	assert_int_equal(acl_read_request(*state, &q, &said, &acl, &why), OK);
	assert_int_equal(acl.n, 1);
}

static void test_header_grants(void **state)
{
	struct acl acl;
	bool said;

	assert_int_equal(one(*state,
	                     "x-amz-grant-read: id=\"" OTHER_ID "\" , uri=\"" ALL_USERS
	                     "\",emailAddress=\"a,b@example.org\",ID=" OWNER_ID,
	                     true, &acl),
	                 OK);
	assert_int_equal(acl.n, 4); /* the owner gets what he is granted, and no more */
	grant_is(&acl.grants[0], ACL_USER, OTHER_ID, ACL_READ);
	assert_int_equal(acl.grants[0].person.name.n, 0);
	grant_is(&acl.grants[1], ACL_ALL_USERS, "", ACL_READ);
	grant_is(&acl.grants[2], ACL_EMAIL, "a,b@example.org", ACL_READ);
	grant_is(&acl.grants[3], ACL_USER, OWNER_ID, ACL_READ);
	assert_true(bytes_is(acl.grants[3].person.name, "main"));
	/* The order is that of the permissions, not of the headers; a header may come twice. */
	const char *const lines[] = {"x-amz-grant-full-control:id=1", "x-amz-grant-write-acp:id=2",
	                             "x-amz-grant-read:id=3", "x-amz-grant-read:id=4", NULL};
	assert_int_equal(request(*state, lines, true, &acl, &said), OK);
	assert_int_equal(acl.n, 4);
	grant_is(&acl.grants[0], ACL_USER, "3", ACL_READ);
	grant_is(&acl.grants[1], ACL_USER, "4", ACL_READ);
	grant_is(&acl.grants[2], ACL_USER, "2", ACL_WRITE_ACP);
	grant_is(&acl.grants[3], ACL_USER, "1", ACL_FULL_CONTROL);
	assert_int_equal(one(*state, "x-amz-grant-write:uri=" LOG_DELIVERY, true, &acl), OK);
	grant_is(&acl.grants[0], ACL_LOG_DELIVERY, "", ACL_WRITE);
}

static void test_bad_requests(void **state)
{
	static const char *const bad[] = {
		"x-amz-acl:", "x-amz-acl:Private", "x-amz-acl:aws-exec-read", "x-amz-acl:public",
		"x-amz-acl:log-delivery-write", "x-amz-acl:private,public-read",
		"x-amz-grant-read:", "x-amz-grant-read:,", "x-amz-grant-read:id", "x-amz-grant-read:id=",
		"x-amz-grant-read:id=\"\"", "x-amz-grant-read:id=\"a", "x-amz-grant-read:id=\"a\"b",
		"x-amz-grant-read:id=a,", "x-amz-grant-read:,id=a", "x-amz-grant-read:name=a",
		"x-amz-grant-read:uri=http://acs.amazonaws.com/groups/global/Nobody",
		"x-amz-grant-read:uri=" ALL_USERS "/", "x-amz-grant-read:id=\xff", "x-amz-grant-read:id=a b",
		"x-amz-grant-everything:id=a", "x-amz-grant-:id=a",
	};
	static const char *const both[] = {"x-amz-acl:private", "x-amz-grant-read:id=a", NULL};
	static const char *const twice[] = {"x-amz-acl:private", "x-amz-acl:private", NULL};
	struct acl acl = {.n = 77};
	bool said;

	for (size_t i = 0; i < COUNT(bad); i++) {
		if (one(*state, bad[i], true, &acl) != ERR_INPUT) {
			fail_msg("accepted: %s", bad[i]);
		}
	}
	assert_int_equal(request(*state, both, true, &acl, &said), ERR_INPUT);
	assert_int_equal(request(*state, twice, true, &acl, &said), ERR_INPUT);
	assert_int_equal(acl.n, 77);
}

static void test_limits(void **state)
{
	char line[2048] = "x-amz-grant-read:id=1";
	char id[256] = "x-amz-grant-read:id=";
	struct acl acl;

	for (size_t i = 1; i < ACL_GRANTS_MAX; i++) {
		memcpy(line + strlen(line), ",id=1", 6);
	}
	assert_int_equal(one(*state, line, true, &acl), OK);
	assert_int_equal(acl.n, ACL_GRANTS_MAX);
	memcpy(line + strlen(line), ",id=1", 6);
	assert_int_equal(one(*state, line, true, &acl), ERR_LIMIT);
	memset(id + 20, 'a', 128);
	assert_int_equal(one(*state, id, true, &acl), OK);
	id[20 + 128] = 'a';
	assert_int_equal(one(*state, id, true, &acl), ERR_INPUT);
}

#define DOCUMENT(owner_id, grants)                                                                 \
	"<AccessControlPolicy xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Owner><ID>"       \
	owner_id "</ID><DisplayName>x</DisplayName></Owner><AccessControlList>" grants             \
	"</AccessControlList></AccessControlPolicy>"
#define GRANT(grantee, permission)                                                                 \
	"<Grant><Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "                 \
	"xsi:type=\"Any\">" grantee "</Grantee><Permission>" permission "</Permission></Grant>"

static void test_xml(void **state)
{
	struct acl acl;

	assert_int_equal(
		acl_read_xml(*state,
	                     BYTES(DOCUMENT(
				     OWNER_ID,
				     GRANT("<ID>" OTHER_ID "</ID><DisplayName>me</DisplayName>", "READ")
				     GRANT("<URI>" AUTHENTICATED "</URI>", "WRITE_ACP")
				     GRANT("<EmailAddress>a@example.org</EmailAddress>", "READ_ACP")
				     GRANT("<ID>" OWNER_ID "</ID>", "FULL_CONTROL"))),
	                     owner, &acl),
		OK);
	assert_int_equal(acl.n, 4);
	assert_true(bytes_is(acl.owner.name, "main")); /* not the name that was sent */
	grant_is(&acl.grants[0], ACL_USER, OTHER_ID, ACL_READ);
	assert_int_equal(acl.grants[0].person.name.n, 0);
	grant_is(&acl.grants[1], ACL_AUTHENTICATED, "", ACL_WRITE_ACP);
	grant_is(&acl.grants[2], ACL_EMAIL, "a@example.org", ACL_READ_ACP);
	grant_is(&acl.grants[3], ACL_USER, OWNER_ID, ACL_FULL_CONTROL);
	assert_true(bytes_is(acl.grants[3].person.name, "main"));
	/* Everything taken away, from the owner too. */
	assert_int_equal(acl_read_xml(*state, BYTES(DOCUMENT(OWNER_ID, "")), owner, &acl), OK);
	assert_int_equal(acl.n, 0);
	assert_false(acl_permits(&acl, owner.id, ACL_READ, false));
	assert_int_equal(acl_read_xml(*state, BYTES(DOCUMENT(OTHER_ID, "")), owner, &acl),
	                 ERR_DENIED);
}

static void test_bad_xml(void **state)
{
	static const char *const bad[] = {
		"", "<a/>", "<AccessControlPolicy/>",
		"<AccessControlPolicy><Owner><ID>" OWNER_ID "</ID></Owner></AccessControlPolicy>",
		"<AccessControlPolicy><AccessControlList/></AccessControlPolicy>",
		"<AccessControlPolicy><Owner/><AccessControlList/></AccessControlPolicy>",
		"<AccessControlPolicy><AccessControlList/><AccessControlList/></AccessControlPolicy>",
		DOCUMENT(OWNER_ID, "<Other/>"), DOCUMENT(OWNER_ID, "<Grant/>"),
		DOCUMENT(OWNER_ID, GRANT("", "READ")), DOCUMENT(OWNER_ID, GRANT("<ID/>", "READ")),
		DOCUMENT(OWNER_ID, GRANT("<ID>a</ID>", "read")),
		DOCUMENT(OWNER_ID, GRANT("<ID>a</ID>", "")),
		DOCUMENT(OWNER_ID, GRANT("<ID>a</ID><ID>b</ID>", "READ")),
		DOCUMENT(OWNER_ID, GRANT("<ID>a</ID><URI>" ALL_USERS "</URI>", "READ")),
		DOCUMENT(OWNER_ID, GRANT("<URI>a</URI>", "READ")),
		DOCUMENT(OWNER_ID, GRANT("<Name>a</Name>", "READ")),
		DOCUMENT(OWNER_ID, GRANT("<DisplayName>a</DisplayName>", "READ")),
	};
	struct acl acl = {.n = 77};

	for (size_t i = 0; i < COUNT(bad); i++) {
		if (acl_read_xml(*state, bytes_text(bad[i]), owner, &acl) != ERR_INPUT) {
			fail_msg("accepted: %s", bad[i]);
		}
	}
	assert_int_equal(acl.n, 77);
}

static void test_too_many_in_xml(void **state)
{
	struct writer w = writer_growing(TEXT_MAX_BYTES);
	struct acl acl;

	write_text(&w, "<AccessControlPolicy><Owner><ID>" OWNER_ID "</ID></Owner><AccessControlList>");
	for (size_t i = 0; i <= ACL_GRANTS_MAX; i++) {
		write_text(&w, "<Grant><Grantee><ID>a</ID></Grantee>"
		               "<Permission>READ</Permission></Grant>");
	}
	write_text(&w, "</AccessControlList></AccessControlPolicy>");
	assert_int_equal(writer_end(&w), OK);
	assert_int_equal(acl_read_xml(*state, writer_bytes(&w), owner, &acl), ERR_LIMIT);
	writer_free(&w);
}

static struct bytes to_xml(struct arena *a, const struct acl *acl)
{
	struct writer w = writer_growing(TEXT_MAX_BYTES);
	acl_write_xml(&w, acl);
	assert_int_equal(writer_end(&w), OK);
	struct bytes copy = arena_copy(a, writer_bytes(&w));
	writer_free(&w);
	return copy;
}

static void test_written_xml(void **state)
{
	struct acl acl;

	assert_int_equal(one(*state, "x-amz-acl:public-read", true, &acl), OK);
	assert_string_equal(
		(const char *)to_xml(*state, &acl).p,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<AccessControlPolicy xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
		"<Owner><ID>" OWNER_ID "</ID><DisplayName>main</DisplayName></Owner>"
		"<AccessControlList>"
		"<Grant><Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
		"xsi:type=\"Group\"><URI>" ALL_USERS "</URI></Grantee>"
		"<Permission>READ</Permission></Grant>"
		"<Grant><Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
		"xsi:type=\"CanonicalUser\"><ID>" OWNER_ID "</ID><DisplayName>main</DisplayName>"
		"</Grantee><Permission>FULL_CONTROL</Permission></Grant>"
		"</AccessControlList></AccessControlPolicy>");
	struct acl again;
	assert_int_equal(acl_read_xml(*state, to_xml(*state, &acl), owner, &again), OK);
	assert_int_equal(again.n, 2);
	grant_is(&again.grants[0], ACL_ALL_USERS, "", ACL_READ);
	grant_is(&again.grants[1], ACL_USER, OWNER_ID, ACL_FULL_CONTROL);
}

static struct bytes to_form(struct arena *a, const struct acl *acl)
{
	struct writer w = writer_growing(ACL_MAX_BYTES);
	acl_write(&w, acl);
	assert_int_equal(writer_end(&w), OK);
	struct bytes copy = arena_copy(a, writer_bytes(&w));
	writer_free(&w);
	return copy;
}

static void test_form(void **state)
{
	static const uint8_t want[] = {1, 0, 1, 'o', 0, 1, 'n', 0, 2, 2, 1, 0, 0, 0, 0,
	                               1, 15, 0, 1, 'o', 0, 1, 'n'};
	struct acl_person short_owner = {BYTES("o"), BYTES("n")};
	struct acl_grant grants[] = {{ACL_USER, short_owner, ACL_FULL_CONTROL},
	                             {ACL_ALL_USERS, {{NULL, 0}, {NULL, 0}}, ACL_READ}};
	struct acl acl = {short_owner, grants, 2};
	struct acl again;

	struct bytes form = to_form(*state, &acl);
	assert_int_equal(form.n, sizeof(want));
	assert_memory_equal(form.p, want, sizeof(want));
	assert_int_equal(acl_read(*state, form, &again), OK);
	assert_int_equal(again.n, 2);
	grant_is(&again.grants[0], ACL_ALL_USERS, "", ACL_READ);
	grant_is(&again.grants[1], ACL_USER, "o", ACL_FULL_CONTROL);
	assert_true(bytes_is(again.owner.id, "o") && bytes_is(again.owner.name, "n"));
	for (size_t n = 0; n < form.n; n++) {
		assert_int_equal(acl_read(*state, bytes_first(form, n), &again), ERR_CORRUPT);
	}
}

static void test_corrupt_form(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
	} bad[] = {
		{0, 2}, {2, 0}, {8, 3}, {9, 0}, {9, 5}, {9, 1}, {10, 0}, {10, 3}, {10, 16}, {15, 2}, {18, 0},
	};
	static const uint8_t good[] = {1, 0, 1, 'o', 0, 1, 'n', 0, 2, 2, 1, 0, 0, 0, 0,
	                               1, 15, 0, 1, 'o', 0, 1, 'n'};
	static const uint8_t order[] = {1, 0, 1, 'o', 0, 1, 'n', 0, 2, 1, 15, 0, 1, 'o', 0, 1, 'n',
	                                2, 1, 0, 0, 0, 0};
	struct acl acl;
	uint8_t form[sizeof(good) + 1];

	for (size_t i = 0; i < COUNT(bad); i++) {
		memcpy(form, good, sizeof(good));
		form[bad[i].at] = bad[i].value;
		if (acl_read(*state, bytes_of(form, sizeof(good)), &acl) != ERR_CORRUPT) {
			fail_msg("accepted: %zu", i);
		}
	}
	memcpy(form, good, sizeof(good));
	form[sizeof(good)] = 0;
	assert_int_equal(acl_read(*state, bytes_of(form, sizeof(form)), &acl), ERR_CORRUPT);
	assert_int_equal(acl_read(*state, bytes_of(order, sizeof(order)), &acl), ERR_CORRUPT);
}

static void test_no_form_of_an_address(void **state)
{
	struct acl acl;
	struct writer w = writer_growing(ACL_MAX_BYTES);

	assert_int_equal(one(*state, "x-amz-grant-read:emailAddress=a@example.org", true, &acl), OK);
	acl_write(&w, &acl);
	assert_int_equal(writer_end(&w), ERR_LIMIT);
	writer_free(&w);
	w = writer_growing(TEXT_MAX_BYTES);
	acl_write_xml(&w, &acl);
	assert_int_equal(writer_end(&w), ERR_LIMIT);
	writer_free(&w);
}

static void test_permits(void **state)
{
	struct bytes nobody = {NULL, 0};
	struct acl acl;

	assert_int_equal(one(*state, "x-amz-acl:public-read", true, &acl), OK);
	assert_true(acl_permits(&acl, owner.id, ACL_FULL_CONTROL, false));
	assert_true(acl_permits(&acl, owner.id, ACL_WRITE_ACP, true));
	assert_true(acl_permits(&acl, other.id, ACL_READ, false));
	assert_true(acl_permits(&acl, nobody, ACL_READ, false));
	assert_false(acl_permits(&acl, nobody, ACL_READ, true));
	assert_false(acl_permits(&acl, other.id, ACL_READ, true));
	assert_false(acl_permits(&acl, other.id, ACL_WRITE, false));
	assert_false(acl_permits(&acl, nobody, ACL_READ_ACP, false));
	assert_false(acl_permits(&acl, owner.id, (enum acl_permission)0, false));
	assert_int_equal(one(*state, "x-amz-acl:authenticated-read", true, &acl), OK);
	assert_true(acl_permits(&acl, other.id, ACL_READ, false));
	assert_false(acl_permits(&acl, nobody, ACL_READ, false));
	assert_false(acl_permits(&acl, other.id, ACL_READ, true));
	assert_int_equal(one(*state, "x-amz-acl:log-delivery-write", false, &acl), OK);
	assert_false(acl_permits(&acl, other.id, ACL_WRITE, false));
}

static void test_permissions_add_up(void **state)
{
	static const char *const lines[] = {"x-amz-grant-read:id=" OTHER_ID,
	                                    "x-amz-grant-write:id=" OTHER_ID,
	                                    "x-amz-grant-read-acp:uri=" ALL_USERS, NULL};
	struct acl acl;
	bool said;

	assert_int_equal(request(*state, lines, true, &acl, &said), OK);
	assert_true(acl_permits(&acl, other.id, ACL_READ | ACL_WRITE | ACL_READ_ACP, false));
	assert_false(acl_permits(&acl, other.id, ACL_READ | ACL_WRITE | ACL_READ_ACP, true));
	assert_false(acl_permits(&acl, other.id, ACL_FULL_CONTROL, false));
	assert_false(acl_permits(&acl, owner.id, ACL_READ, false)); /* he took it from himself */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_private, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_canned, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_canned_of_the_buckets_owner, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_header_grants, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bad_requests, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_limits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_xml, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bad_xml, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_too_many_in_xml, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_written_xml, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_form, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_corrupt_form, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_form_of_an_address, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_permits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_permissions_add_up, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
