/*
 * Who may: the owner, and whoever a document names that the owner signed. What a stolen gateway tells of documents grants
 * nothing.
 */
#include "common/policy/acl.h"
#include "tests/unit/server/kms/rights.h"

enum { OBJECT = 1 };

#define POLICY(effect, principal, action)                                                          \
	"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Sid\":\"one\",\"Effect\":\"" effect         \
	"\",\"Principal\":" principal ",\"Action\":\"" action                                      \
	"\",\"Resource\":[\"arn:aws:s3:::b\",\"arn:aws:s3:::b/*\"]}]}"
#define EVERYBODY "\"*\""

static void with_key(struct kmsproto_call *c, struct kmsproto_key_call k)
{
	c->access.keys[c->access.n_keys++] = k;
}

static void basis_is(struct fixture *f, const char *want)
{
	struct logfmt_entry e = last_entry(f);

	if (!bytes_is(e.basis, want)) {
		fail_msg("basis %.*s, not %s", (int)e.basis.n, (const char *)e.basis.p, want);
	}
}

/* An object of the main tenant; what is given back comes with it. */
struct stored {
	struct bytes wrapped, acl;
	uint8_t stamp[KMSPROTO_STAMP_BYTES];
};

static struct stored put_object(struct fixture *f, const struct person *who, const char *acl)
{
	struct kmsproto_call c = call_of(f, &(struct signing){who, "PUT", "/b/k", .acl = acl}, OBJECT);
	struct stored ret;

	with_key(&c, issue("b", "k", OBJECT));
	struct kmsproto_reply r = send_one(f, &c);
	assert_int_equal(r.verdict, KMSPROTO_OK);
	ret.wrapped = arena_copy(f->arena, r.keys[0].wrapped);
	ret.acl = r.document;
	memcpy(ret.stamp, r.stamp, sizeof(ret.stamp));
	kmsproto_replies_free(&r, 1);
	return ret;
}

static struct kmsproto_call get_by(struct fixture *f, const struct person *who,
                                   const struct stored *o)
{
	struct kmsproto_call c = call_of(f, &(struct signing){who, "GET", "/b/k"}, OBJECT);

	with_key(&c, opening("b", "k", OBJECT, o->wrapped));
	return c;
}

static void test_strangers(void **state)
{
	struct fixture *f = *state;
	struct stored o = put_object(f, &f->main, NULL);
	struct kmsproto_call c = get_by(f, &f->main, &o);

	assert_int_equal(o.acl.n, 0); /* the owner's alone needs no document */
	decide(f, &c, KMSPROTO_OK);
	basis_is(f, "tenant-owner");
	c = get_by(f, &f->alt, &o);
	decide(f, &c, KMSPROTO_DENIED);
	c = get_by(f, NULL, &o);
	decide(f, &c, KMSPROTO_DENIED);
	/* A bucket that is said to be the stranger's own: the key is not. */
	c = get_by(f, &f->alt, &o);
	c.access.target.tenant = bytes_text(f->alt.tenant);
	decide(f, &c, KMSPROTO_DENIED);
	c.access.target.tenant = BYTES("000000000000");
	decide(f, &c, KMSPROTO_BAD_CALL);
	assert_int_equal(last_entry(f).tenant.n, 0);
	/* No bucket at all. */
	c = get_by(f, &f->alt, &o);
	c.access.target = (struct kmsproto_resource){0};
	decide(f, &c, KMSPROTO_DENIED);
}

static void test_policy(void **state)
{
	struct fixture *f = *state;
	const char *policy = POLICY("Allow", EVERYBODY, "s3:GetObject");
	struct stored o = put_object(f, &f->main, NULL);
	struct kmsproto_call c = get_by(f, &f->alt, &o);

	with(&c.access.target, KMSPROTO_BUCKET_POLICY, bytes_text(policy), NULL);
	decide(f, &c, KMSPROTO_STALE); /* a gateway's invention */
	put_policy(f, policy);
	decide(f, &c, KMSPROTO_OK);
	basis_is(f, "bucket-policy:one");
	c = get_by(f, NULL, &o);
	with(&c.access.target, KMSPROTO_BUCKET_POLICY, bytes_text(policy), NULL);
	decide(f, &c, KMSPROTO_OK);
	struct logfmt_entry e = last_entry(f);
	assert_true(bytes_is(e.tenant, f->main.tenant));
	assert_int_equal(e.principal.n, 0);
	assert_int_equal(e.n_keys, 1);
	/* Where nothing may be public, no policy makes it so. */
	f->config.anonymous = false;
	decide(f, &c, KMSPROTO_DENIED);
	f->config.anonymous = true;
	/* RestrictPublicBuckets: not for strangers any more. */
	c.access.target.flags = KMSPROTO_RESTRICT_PUBLIC;
	decide(f, &c, KMSPROTO_DENIED);
	c.access.target.flags = 0;
	/* Another bucket of that name, later. */
	c.access.target.bucket_number = BUCKET + 1;
	decide(f, &c, KMSPROTO_STALE);
	c.access.target.n_documents = 0;
	decide(f, &c, KMSPROTO_DENIED);
	/* It allows reading, not writing. */
	c = call_of(f, &(struct signing){&f->alt, "PUT", "/b/k"}, OBJECT);
	with(&c.access.target, KMSPROTO_BUCKET_POLICY, bytes_text(policy), NULL);
	with_key(&c, issue("b", "k", OBJECT));
	decide(f, &c, KMSPROTO_DENIED);
}

static void test_deny(void **state)
{
	struct fixture *f = *state;
	const char *policy = POLICY("Deny", EVERYBODY, "s3:*");
	struct stored o = put_object(f, &f->main, NULL);
	struct kmsproto_call c = get_by(f, &f->main, &o);

	put_policy(f, policy);
	with(&c.access.target, KMSPROTO_BUCKET_POLICY, bytes_text(policy), NULL);
	decide(f, &c, KMSPROTO_DENIED);
	/* The way back stays open, for the owner. */
	c = call_of(f, &(struct signing){&f->main, "DELETE", "/b", "policy"}, OBJECT);
	with(&c.access.target, KMSPROTO_BUCKET_POLICY, bytes_text(policy), NULL);
	decide(f, &c, KMSPROTO_OK);
	c = call_of(f, &(struct signing){&f->alt, "DELETE", "/b", "policy"}, OBJECT);
	with(&c.access.target, KMSPROTO_BUCKET_POLICY, bytes_text(policy), NULL);
	decide(f, &c, KMSPROTO_DENIED);
}

static void test_taken_back(void **state)
{
	struct fixture *f = *state;
	const char *policy = POLICY("Allow", EVERYBODY, "s3:GetObject");
	const char *other = POLICY("Allow", EVERYBODY, "s3:ListBucket");
	struct stored o = put_object(f, &f->main, NULL);
	struct kmsproto_call c = get_by(f, &f->alt, &o);

	put_policy(f, policy);
	with(&c.access.target, KMSPROTO_BUCKET_POLICY, bytes_text(policy), NULL);
	decide(f, &c, KMSPROTO_OK);
	put_policy(f, other);
	decide(f, &c, KMSPROTO_DENIED); /* at once, whatever the gateway sends */
	struct kmsproto_call delete = call_of(f, &(struct signing){&f->main, "DELETE", "/b",
	                                                           "policy"}, OBJECT);
	with(&delete.access.target, KMSPROTO_BUCKET_POLICY, bytes_text(policy), NULL);
	delete.access.has_document = true;
	decide(f, &delete, KMSPROTO_OK);
	c = get_by(f, &f->alt, &o);
	with(&c.access.target, KMSPROTO_BUCKET_POLICY, bytes_text(other), NULL);
	decide(f, &c, KMSPROTO_DENIED);
}

/* A document is taken on record only when its owner signed exactly that. */
static void test_recording(void **state)
{
	struct fixture *f = *state;
	const char *policy = POLICY("Allow", EVERYBODY, "s3:GetObject");
	const struct {
		struct signing signing;
		const char *body;
		enum kmsproto_verdict want;
	} cases[] = {
		{{&f->main, "PUT", "/b", "policy"}, policy, KMSPROTO_NOT_SIGNED},
		{{&f->main, "PUT", "/b", "policy", .body = "{}"}, policy, KMSPROTO_NOT_SIGNED},
		{{&f->main, "PUT", "/b", "policy", .body = "{}"}, "{}", KMSPROTO_BAD_DOCUMENT},
		{{&f->alt, "PUT", "/b", "policy", .body = policy}, policy, KMSPROTO_DENIED},
		{{NULL, "PUT", "/b", "policy"}, policy, KMSPROTO_DENIED},
		{{&f->main, "GET", "/b", "policy", .body = policy}, policy, KMSPROTO_BAD_CALL},
		{{&f->main, "PUT", "/b/k", .body = policy}, policy, KMSPROTO_BAD_CALL},
		{{&f->main, "PUT", "/b", "acl"}, "", KMSPROTO_BAD_DOCUMENT},
		{{&f->alt, "PUT", "/b", "acl", .acl = "public-read"}, "", KMSPROTO_DENIED},
		{{&f->main, "PUT", "/b", "acl", .acl = "public"}, "", KMSPROTO_BAD_DOCUMENT},
		{{&f->main, "PUT", "/b", "acl", .acl = "public-read"}, "", KMSPROTO_OK},
	};
	struct stored o = put_object(f, &f->main, NULL);

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct kmsproto_call c = call_of(f, &cases[i].signing, OBJECT);
		c.access.has_document = true;
		c.access.body = bytes_text(cases[i].body);
		decide(f, &c, cases[i].want);
	}
	struct kmsproto_call c = get_by(f, &f->alt, &o);
	with(&c.access.target, KMSPROTO_BUCKET_POLICY, bytes_text(policy), NULL);
	decide(f, &c, KMSPROTO_STALE);
}

static void test_object_acl(void **state)
{
	struct fixture *f = *state;
	struct stored o = put_object(f, &f->main, "public-read");
	struct kmsproto_call c = get_by(f, &f->alt, &o);

	assert_true(o.acl.n > 0);
	decide(f, &c, KMSPROTO_DENIED); /* the gateway leaves it out */
	with(&c.access.target, KMSPROTO_OBJECT_ACL, o.acl, o.stamp);
	decide(f, &c, KMSPROTO_OK);
	basis_is(f, "object-acl");
	c.access.target.flags = KMSPROTO_IGNORE_PUBLIC_ACLS;
	decide(f, &c, KMSPROTO_DENIED);
	c.access.target.flags = KMSPROTO_OWNER_ENFORCED;
	decide(f, &c, KMSPROTO_DENIED);
	c.access.target.flags = 0;
	/* One bit of the stamp, another version, another bucket. */
	c.access.target.documents[0].stamp[31] ^= 1;
	decide(f, &c, KMSPROTO_DENIED);
	c.access.target.documents[0].stamp[31] ^= 1;
	c.access.target.object_id[0] ^= 1;
	decide(f, &c, KMSPROTO_DENIED);
	c.access.target.object_id[0] ^= 1;
	c.access.target.bucket_number++;
	decide(f, &c, KMSPROTO_DENIED);
	/* An object's ACL is no bucket's. */
	c = call_of(f, &(struct signing){&f->alt, "GET", "/b"}, OBJECT);
	with(&c.access.target, KMSPROTO_BUCKET_ACL, o.acl, NULL);
	decide(f, &c, KMSPROTO_STALE);
}

/* Who writes into somebody else's bucket owns what he wrote; the key is the bucket owner's. */
static void test_foreign_writer(void **state)
{
	struct fixture *f = *state;
	const char *policy = POLICY("Allow", EVERYBODY, "s3:PutObject");
	struct kmsproto_call c = call_of(f, &(struct signing){&f->alt, "PUT", "/b/k"}, OBJECT);
	struct acl acl;

	put_policy(f, policy);
	with(&c.access.target, KMSPROTO_BUCKET_POLICY, bytes_text(policy), NULL);
	with_key(&c, issue("b", "k", OBJECT));
	struct kmsproto_reply r = send_one(f, &c);
	assert_int_equal(r.verdict, KMSPROTO_OK);
	size_t at;
	assert_true(bytes_find(r.keys[0].arn, ':', &at));
	assert_non_null(memmem(r.keys[0].arn.p, r.keys[0].arn.n, f->main.tenant, 12));
	assert_int_equal(acl_read(f->arena, r.document, &acl), OK);
	assert_true(bytes_equal(acl.owner.id, r.principal.canonical_id));
	struct stored o = {arena_copy(f->arena, r.keys[0].wrapped), r.document, {0}};
	memcpy(o.stamp, r.stamp, sizeof(o.stamp));
	kmsproto_replies_free(&r, 1);
	c = get_by(f, &f->alt, &o);
	with(&c.access.target, KMSPROTO_OBJECT_ACL, o.acl, o.stamp);
	decide(f, &c, KMSPROTO_OK);
	c = get_by(f, &f->main, &o); /* the bucket's owner, whom nobody let read it */
	with(&c.access.target, KMSPROTO_OBJECT_ACL, o.acl, o.stamp);
	decide(f, &c, KMSPROTO_DENIED);
	/* Where ACLs are off, all is the bucket owner's. */
	c.access.target.flags = KMSPROTO_OWNER_ENFORCED;
	decide(f, &c, KMSPROTO_OK);
}

/* What is not there, and each key of a deletion. */
static void test_missing_and_items(void **state)
{
	struct fixture *f = *state;
	const char *get = POLICY("Allow", EVERYBODY, "s3:GetObject");
	const char *list = POLICY("Allow", EVERYBODY, "s3:ListBucket");
	struct kmsproto_call c = call_of(f, &(struct signing){&f->alt, "HEAD", "/b/k"}, OBJECT);

	put_policy(f, get);
	c.access.target.flags = KMSPROTO_MISSING;
	with(&c.access.target, KMSPROTO_BUCKET_POLICY, bytes_text(get), NULL);
	decide(f, &c, KMSPROTO_DENIED);
	put_policy(f, list);
	c.access.target.documents[0].text = bytes_text(list);
	decide(f, &c, KMSPROTO_OK);
	c = call_of(f, &(struct signing){&f->alt, "POST", "/b", "delete"}, OBJECT);
	with(&c.access.target, KMSPROTO_BUCKET_POLICY, bytes_text(list), NULL);
	decide(f, &c, KMSPROTO_OK); /* the policy has a say; each key is asked about */
	c.access.item = BYTES("k");
	decide(f, &c, KMSPROTO_DENIED);
	c = call_of(f, &(struct signing){&f->main, "POST", "/b", "delete"}, OBJECT);
	c.access.item = BYTES("k");
	decide(f, &c, KMSPROTO_OK);
	c = call_of(f, &(struct signing){&f->main, "GET", "/b/k"}, OBJECT);
	c.access.item = BYTES("k");
	decide(f, &c, KMSPROTO_BAD_CALL);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_up, fixture_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_strangers),
		CASE(test_policy),
		CASE(test_deny),
		CASE(test_taken_back),
		CASE(test_recording),
		CASE(test_object_acl),
		CASE(test_foreign_writer),
		CASE(test_missing_and_items),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
