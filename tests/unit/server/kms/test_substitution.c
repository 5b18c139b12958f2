/*
 * What a gateway can say about rights, it must not be able to use for something else: another object, another version, a copy's
 * source, an object that is said to be missing.
 */
#include "tests/unit/server/kms/fixture.h"

enum { BUCKET = 7, OPEN_TO_ALL = 1, PRIVATE = 2 };

#define LISTING                                                                                    \
	"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\","      \
	"\"Action\":\"s3:ListBucket\",\"Resource\":\"arn:aws:s3:::b\"}]}"

struct stored {
	struct bytes wrapped, acl;
	uint8_t stamp[KMSPROTO_STAMP_BYTES];
};

static void describe(struct fixture *f, struct kmsproto_resource *to, uint8_t id)
{
	to->tenant = bytes_text(f->main.tenant);
	to->bucket_number = BUCKET;
	memset(to->object_id, id, sizeof(to->object_id));
}

/* A call about bucket b of the main tenant, or the version `id` of key k in it. */
static struct kmsproto_call call_of(struct fixture *f, const struct signing *s, uint8_t id)
{
	const struct sigv4_evidence e = sign(f, s);
	struct kmsproto_call c = access_of(&e);

	describe(f, &c.access.target, id);
	return c;
}

static void with(struct kmsproto_resource *to, enum kmsproto_document_kind kind, struct bytes text,
                 const uint8_t *stamp)
{
	struct kmsproto_document *d = &to->documents[to->n_documents++];

	d->kind = kind;
	d->text = text;
	if (stamp != NULL) {
		memcpy(d->stamp, stamp, sizeof(d->stamp));
	}
}

static struct kmsproto_reply decide(struct fixture *f, const struct kmsproto_call *c,
                                    enum kmsproto_verdict want)
{
	struct kmsproto_reply r = send_one(f, c);

	if (r.verdict != want) {
		fail_msg("verdict %s, not %s", kmsproto_verdict_name(r.verdict),
		         kmsproto_verdict_name(want));
	}
	assert_int_equal(r.n_keys, want == KMSPROTO_OK ? c->access.n_keys : 0);
	kmsproto_replies_free(&r, 1);
	return r;
}

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

static void allow_listing(struct fixture *f)
{
	struct kmsproto_call c = call_of(f, &(struct signing){&f->main, "PUT", "/b", "policy",
	                                                      .body = LISTING}, 0);

	c.access.has_document = true;
	c.access.body = BYTES(LISTING);
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

	allow_listing(f);
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

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_up, fixture_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_other_version),
		CASE(test_source_without_target),
		CASE(test_missing),
		CASE(test_acl_of_named_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
