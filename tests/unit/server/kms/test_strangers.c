/*
 * What somebody may do with a bucket that is not his: as much as its owner signed, and what belongs to him there does not make more
 * of it. And what the owner can always mend.
 */
#include "common/policy/acl.h"
#include "tests/unit/server/kms/rights.h"

enum { OBJECT = 3 };

#define POLICY(effect, action)                                                                     \
	"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"" effect "\",\"Principal\":\"*\","   \
	"\"Action\":\"" action "\",\"Resource\":[\"arn:aws:s3:::b\",\"arn:aws:s3:::b/*\"]}]}"

static struct bytes put_bucket_acl(struct fixture *f, const char *acl, struct bytes now)
{
	struct kmsproto_call c = call_of(f, &(struct signing){&f->main, "PUT", "/b", "acl",
	                                                      .acl = acl}, 0);

	if (now.n > 0) {
		with(&c.access.target, KMSPROTO_BUCKET_ACL, now, NULL);
	}
	c.access.has_document = true;
	struct kmsproto_reply r = decide(f, &c, KMSPROTO_OK);
	assert_true(r.document.n > 0);
	return r.document;
}

/* An object that a stranger wrote is his to read and to share; its locks, tags and encryption stay with the bucket. */
static void test_owner_of_an_object(void **state)
{
	struct fixture *f = *state;
	const char *id = "03030303030303030303030303030303";
	struct bytes bucket_acl = put_bucket_acl(f, "public-read-write", (struct bytes){0});
	struct kmsproto_call c = call_of(f, &(struct signing){&f->alt, "PUT", "/b/k"}, 0);
	const struct {
		const struct person *who;
		const char *method, *query;
		enum kmsproto_verdict want;
	} cases[] = {
		{&f->alt, "HEAD", "", KMSPROTO_OK},
		{&f->alt, "GET", "acl", KMSPROTO_OK},
		{&f->alt, "PUT", "retention", KMSPROTO_DENIED},
		{&f->alt, "PUT", "legal-hold", KMSPROTO_DENIED},
		{&f->alt, "PUT", "tagging", KMSPROTO_DENIED},
		{&f->alt, "PUT", "encryption", KMSPROTO_DENIED},
		{&f->main, "HEAD", "", KMSPROTO_DENIED},
		{&f->main, "PUT", "retention", KMSPROTO_OK},
		{&f->main, "PUT", "legal-hold", KMSPROTO_OK},
		{&f->main, "PUT", "tagging", KMSPROTO_OK},
	};
	char query[100];

	with(&c.access.target, KMSPROTO_BUCKET_ACL, bucket_acl, NULL);
	c.access.keys[c.access.n_keys++] = issue("b", "k", OBJECT);
	struct kmsproto_reply r = decide(f, &c, KMSPROTO_OK);
	assert_true(r.document.n > 0);
	for (size_t i = 0; i < COUNT(cases); i++) {
		c = call_of(f, &(struct signing){cases[i].who, cases[i].method, "/b/k",
		                                 cases[i].query}, OBJECT);
		with(&c.access.target, KMSPROTO_BUCKET_ACL, bucket_acl, NULL);
		with(&c.access.target, KMSPROTO_OBJECT_ACL, r.document, r.stamp);
		decide(f, &c, cases[i].want);
	}
	/* Who may write may put a delete marker; a version that is gone is gone for good. */
	c = call_of(f, &(struct signing){&f->alt, "DELETE", "/b/k"}, 0);
	with(&c.access.target, KMSPROTO_BUCKET_ACL, bucket_acl, NULL);
	decide(f, &c, KMSPROTO_OK);
	snprintf(query, sizeof(query), "versionId=%s", id);
	c = call_of(f, &(struct signing){&f->alt, "DELETE", "/b/k", query}, 0);
	with(&c.access.target, KMSPROTO_BUCKET_ACL, bucket_acl, NULL);
	decide(f, &c, KMSPROTO_DENIED);
	c = call_of(f, &(struct signing){&f->alt, "POST", "/b", "delete"}, 0);
	with(&c.access.target, KMSPROTO_BUCKET_ACL, bucket_acl, NULL);
	decide(f, &c, KMSPROTO_OK);
	c.access.item = BYTES("k");
	decide(f, &c, KMSPROTO_OK);
	c.access.item_version = true;
	decide(f, &c, KMSPROTO_DENIED);
}

/* Where nothing was shared, a deletion of many keys by a stranger is one refusal, not one for each key. */
static void test_deletion_of_strangers(void **state)
{
	struct fixture *f = *state;
	const struct person *const strangers[] = {NULL, &f->alt};
	struct bytes acl = put_bucket_acl(f, "public-read", (struct bytes){0});

	for (size_t i = 0; i < COUNT(strangers); i++) {
		struct kmsproto_call c = call_of(f, &(struct signing){strangers[i], "POST", "/b",
		                                                      "delete"}, 0);
		decide(f, &c, KMSPROTO_DENIED);
		with(&c.access.target, KMSPROTO_BUCKET_ACL, acl, NULL);
		decide(f, &c, KMSPROTO_DENIED);
	}
}

/* The ACL that was put last holds, whichever the gateway sends. */
static void test_the_last_acl_holds(void **state)
{
	struct fixture *f = *state;
	struct bytes before = put_bucket_acl(f, "public-read-write", (struct bytes){0});
	struct kmsproto_call c = call_of(f, &(struct signing){&f->alt, "GET", "/b"}, 0);

	with(&c.access.target, KMSPROTO_BUCKET_ACL, before, NULL);
	decide(f, &c, KMSPROTO_OK);
	struct bytes after = put_bucket_acl(f, "private", before);
	decide(f, &c, KMSPROTO_DENIED);
	c.access.target.documents[0].text = after;
	decide(f, &c, KMSPROTO_DENIED);
	c = call_of(f, &(struct signing){&f->main, "GET", "/b"}, 0);
	with(&c.access.target, KMSPROTO_BUCKET_ACL, before, NULL);
	decide(f, &c, KMSPROTO_OK);
}

/* The right to delete a policy is asked about before anything happens; only the deletion takes it off the record. */
static void test_policy_is_deleted_by_the_deletion(void **state)
{
	struct fixture *f = *state;
	const char *policy = POLICY("Allow", "s3:ListBucket");
	struct kmsproto_call get = call_of(f, &(struct signing){&f->alt, "GET", "/b"}, 0);
	struct kmsproto_call c = call_of(f, &(struct signing){&f->main, "DELETE", "/b", "policy"},
	                                 0);

	put_policy(f, policy);
	with(&get.access.target, KMSPROTO_BUCKET_POLICY, bytes_text(policy), NULL);
	with(&c.access.target, KMSPROTO_BUCKET_POLICY, bytes_text(policy), NULL);
	decide(f, &c, KMSPROTO_OK);
	decide(f, &get, KMSPROTO_OK);
	c.access.has_document = true;
	decide(f, &c, KMSPROTO_OK);
	decide(f, &get, KMSPROTO_DENIED);
}

/* A policy that allows everything does not hand itself over. */
static void test_policy_is_the_owners(void **state)
{
	struct fixture *f = *state;
	const char *policy = POLICY("Allow", "s3:*");
	const char *const methods[] = {"GET", "PUT", "DELETE"};

	put_policy(f, policy);
	for (size_t i = 0; i < COUNT(methods); i++) {
		struct kmsproto_call c = call_of(f, &(struct signing){&f->alt, methods[i], "/b",
		                                                      "policy", .body = policy}, 0);
		with(&c.access.target, KMSPROTO_BUCKET_POLICY, bytes_text(policy), NULL);
		c.access.has_document = i > 0;
		c.access.body = bytes_text(i == 1 ? policy : "");
		decide(f, &c, KMSPROTO_DENIED);
	}
	struct kmsproto_call c = call_of(f, &(struct signing){&f->alt, "GET", "/b", "acl"}, 0);
	with(&c.access.target, KMSPROTO_BUCKET_POLICY, bytes_text(policy), NULL);
	decide(f, &c, KMSPROTO_OK);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_up, fixture_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_owner_of_an_object),
		CASE(test_deletion_of_strangers),
		CASE(test_the_last_acl_holds),
		CASE(test_policy_is_deleted_by_the_deletion),
		CASE(test_policy_is_the_owners),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
