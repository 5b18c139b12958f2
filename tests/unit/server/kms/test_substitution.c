/*
 * What a gateway can say about rights, it must not be able to use for something else: another object, another version, a copy's
 * source, an object that is said to be missing.
 */
#include "tests/unit/server/kms/rights.h"

enum { OPEN_TO_ALL = 1, PRIVATE = 2 };

#define POLICY(action, resource)                                                                   \
	"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\","      \
	"\"Action\":\"" action "\",\"Resource\":\"arn:aws:s3:::" resource "\"}]}"
#define LISTING POLICY("s3:ListBucket", "b")
#define WRITING POLICY("s3:PutObject", "b/*")

struct stored {
	struct bytes wrapped, acl;
	uint8_t stamp[KMSPROTO_STAMP_BYTES];
};

static struct stored put(struct fixture *f, const char *acl, uint8_t id)
{
	struct kmsproto_call c = call_of(f, &(struct signing){&f->main, "PUT", "/b/k", .acl = acl}, 0);
	struct stored ret;

	c.access.keys[c.access.n_keys++] = issue("b", "k", id);
	struct kmsproto_reply r = decide(f, &c, KMSPROTO_OK);
	ret.wrapped = r.keys[0].wrapped;
	ret.acl = r.document;
	memcpy(ret.stamp, r.stamp, sizeof(ret.stamp));
	return ret;
}

static void allow(struct fixture *f, const char *policy)
{
	struct kmsproto_call c = call_of(f, &(struct signing){&f->main, "PUT", "/b", "policy",
	                                                      .body = policy}, 0);

	c.access.has_document = true;
	c.access.body = bytes_text(policy);
	decide(f, &c, KMSPROTO_OK);
}

/* Everybody may read one version; its ACL is no word about another one of the same key. */
static void test_other_version(void **state)
{
	struct fixture *f = *state;
	struct stored open = put(f, "public-read", OPEN_TO_ALL);
	struct stored secret = put(f, NULL, PRIVATE);
	struct kmsproto_call c = call_of(f, &(struct signing){NULL, "GET", "/b/k"}, OPEN_TO_ALL);

	with(&c.access.target, KMSPROTO_OBJECT_ACL, open.acl, open.stamp);
	c.access.keys[0] = opening("b", "k", OPEN_TO_ALL, open.wrapped);
	c.access.n_keys = 1;
	decide(f, &c, KMSPROTO_OK);
	c.access.keys[0] = opening("b", "k", PRIVATE, secret.wrapped);
	decide(f, &c, KMSPROTO_BAD_CALL);

	/* The same of a copy's source. */
	c = call_of(f, &(struct signing){&f->alt, "PUT", "/mine/k", .copy_source = "/b/k"}, 0);
	c.access.target.tenant = bytes_text(f->alt.tenant);
	describe(f, &c.access.copy_source, OPEN_TO_ALL);
	with(&c.access.copy_source, KMSPROTO_OBJECT_ACL, open.acl, open.stamp);
	c.access.keys[0] = opening("b", "k", OPEN_TO_ALL, open.wrapped);
	c.access.keys[0].source = true;
	c.access.n_keys = 1;
	decide(f, &c, KMSPROTO_OK);
	c.access.keys[0] = opening("b", "k", PRIVATE, secret.wrapped);
	c.access.keys[0].source = true;
	decide(f, &c, KMSPROTO_BAD_CALL);
}

/* A bucket that is said not to be there says nothing about the source. */
static void test_source_without_target(void **state)
{
	struct fixture *f = *state;
	struct stored secret = put(f, NULL, PRIVATE);
	struct kmsproto_call c = call_of(
		f, &(struct signing){&f->alt, "PUT", "/none/k", .copy_source = "/b/k"}, 0);

	c.access.target = (struct kmsproto_resource){0};
	describe(f, &c.access.copy_source, PRIVATE);
	c.access.keys[0] = opening("b", "k", PRIVATE, secret.wrapped);
	c.access.keys[0].source = true;
	c.access.n_keys = 1;
	decide(f, &c, KMSPROTO_DENIED);
	/* Nor does a source that is said not to be there. */
	c.access.copy_source = (struct kmsproto_resource){0};
	decide(f, &c, KMSPROTO_DENIED);
}

/* Who may list learns that there is no object: no key, and no ACL, is released on that. */
static void test_missing(void **state)
{
	struct fixture *f = *state;
	struct stored secret = put(f, NULL, PRIVATE);
	const struct person *const people[] = {NULL, &f->alt, &f->main};

	allow(f, LISTING);
	for (size_t i = 0; i < COUNT(people); i++) {
		struct kmsproto_call c = call_of(f, &(struct signing){people[i], "GET", "/b/k"},
		                                 PRIVATE);
		with(&c.access.target, KMSPROTO_BUCKET_POLICY, BYTES(LISTING), NULL);
		c.access.target.flags = KMSPROTO_MISSING;
		decide(f, &c, KMSPROTO_OK);
		c.access.keys[0] = opening("b", "k", PRIVATE, secret.wrapped);
		c.access.n_keys = 1;
		decide(f, &c, KMSPROTO_BAD_CALL);

		c = call_of(f, &(struct signing){people[i], "PUT", "/b/k", "acl",
		                                 .acl = "public-read"}, PRIVATE);
		with(&c.access.target, KMSPROTO_BUCKET_POLICY, BYTES(LISTING), NULL);
		c.access.target.flags = KMSPROTO_MISSING;
		c.access.has_document = true;
		decide(f, &c, KMSPROTO_BAD_CALL);

		c = call_of(f, &(struct signing){people[i], "PUT", "/mine/k",
		                                 .copy_source = "/b/k"}, 0);
		c.access.target.tenant = bytes_text(f->alt.tenant);
		if (people[i] != &f->alt) {
			continue;
		}
		describe(f, &c.access.copy_source, PRIVATE);
		with(&c.access.copy_source, KMSPROTO_BUCKET_POLICY, BYTES(LISTING), NULL);
		c.access.copy_source.flags = KMSPROTO_MISSING;
		c.access.keys[0] = opening("b", "k", PRIVATE, secret.wrapped);
		c.access.keys[0].source = true;
		c.access.n_keys = 1;
		decide(f, &c, KMSPROTO_BAD_CALL);
	}
}

/* A signature for a version gives an ACL to that one only. */
static void test_acl_of_named_version(void **state)
{
	struct fixture *f = *state;
	const char *query = "acl=&versionId=01010101010101010101010101010101";
	const struct signing s = {&f->main, "PUT", "/b/k", query, .acl = "public-read"};
	struct kmsproto_call c = call_of(f, &s, OPEN_TO_ALL);

	c.access.has_document = true;
	assert_true(decide(f, &c, KMSPROTO_OK).document.n > 0);
	c = call_of(f, &s, PRIVATE);
	c.access.has_document = true;
	decide(f, &c, KMSPROTO_BAD_CALL);
}

/* What a stranger has made by writing, under an id that the gateway chose, is of no use for the object that has this id. */
static void test_writing_is_not_reading(void **state)
{
	struct fixture *f = *state;
	struct stored secret = put(f, NULL, PRIVATE);
	struct bytes parts[] = {secret.wrapped, bytes_text(f->alt.tenant)};
	struct kmsproto_call c = call_of(f, &(struct signing){&f->alt, "PUT", "/b/k"}, 0);

	allow(f, WRITING);
	with(&c.access.target, KMSPROTO_BUCKET_POLICY, BYTES(WRITING), NULL);
	c.access.keys[0] = issue("b", "k", PRIVATE);
	c.access.n_keys = 1;
	struct kmsproto_reply own = decide(f, &c, KMSPROTO_OK);
	assert_true(own.document.n > 0);
	c = call_of(f, &(struct signing){&f->alt, "GET", "/b/k"}, PRIVATE);
	with(&c.access.target, KMSPROTO_OBJECT_ACL, own.document, own.stamp);
	c.access.keys[0] = opening("b", "k", PRIVATE, own.keys[0].wrapped);
	c.access.n_keys = 1;
	decide(f, &c, KMSPROTO_OK);
	c.access.keys[0].wrapped = secret.wrapped;
	decide(f, &c, KMSPROTO_BAD_CALL);
	c.access.keys[0].wrapped = arena_join(f->arena, parts, COUNT(parts));
	decide(f, &c, KMSPROTO_WRONG_KEY);
	/* His own without the mark is not the bucket owner's. */
	c = call_of(f, &(struct signing){&f->main, "GET", "/b/k"}, PRIVATE);
	c.access.keys[0] = opening("b", "k", PRIVATE,
	                           bytes_first(own.keys[0].wrapped, secret.wrapped.n));
	c.access.n_keys = 1;
	decide(f, &c, KMSPROTO_WRONG_KEY);
	/* Headers that nobody signed give no rights. */
	c = call_of(f, &(struct signing){NULL, "PUT", "/b/k", .acl = "public-read"}, 0);
	with(&c.access.target, KMSPROTO_BUCKET_POLICY, BYTES(WRITING), NULL);
	c.access.keys[0] = issue("b", "k", PRIVATE);
	c.access.n_keys = 1;
	assert_int_equal(decide(f, &c, KMSPROTO_OK).document.n, 0);
}

/* The right to write opens the uploads that one has begun oneself, not objects that are said to be uploads. */
static void test_upload_is_ones_own(void **state)
{
	struct fixture *f = *state;
	struct stored secret = put(f, NULL, PRIVATE);
	const struct person *const people[] = {NULL, &f->alt};
	const char *query = "partNumber=1&uploadId=02020202020202020202020202020202";

	allow(f, WRITING);
	for (size_t i = 0; i < COUNT(people); i++) {
		struct kmsproto_call c = call_of(f, &(struct signing){people[i], "POST", "/b/k",
		                                                      "uploads"}, 0);
		with(&c.access.target, KMSPROTO_BUCKET_POLICY, BYTES(WRITING), NULL);
		c.access.keys[0] = issue("b", "k", PRIVATE);
		c.access.n_keys = 1;
		struct kmsproto_reply own = decide(f, &c, KMSPROTO_OK);
		c = call_of(f, &(struct signing){people[i], "PUT", "/b/k", query}, 0);
		with(&c.access.target, KMSPROTO_BUCKET_POLICY, BYTES(WRITING), NULL);
		c.access.keys[0] = opening("b", "k", PRIVATE, own.keys[0].wrapped);
		c.access.n_keys = 1;
		decide(f, &c, KMSPROTO_OK);
		c.access.keys[0].wrapped = secret.wrapped;
		decide(f, &c, KMSPROTO_DENIED);
		/* The bucket's owner may go on with it. */
		c = call_of(f, &(struct signing){&f->main, "PUT", "/b/k", query}, 0);
		c.access.keys[0] = opening("b", "k", PRIVATE, own.keys[0].wrapped);
		c.access.n_keys = 1;
		decide(f, &c, KMSPROTO_OK);
	}
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_up, fixture_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_other_version),
		CASE(test_source_without_target),
		CASE(test_missing),
		CASE(test_acl_of_named_version),
		CASE(test_writing_is_not_reading),
		CASE(test_upload_is_ones_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
