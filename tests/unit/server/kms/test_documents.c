/*
 * A bucket's documents: what counts is what is on record, whatever the gateway sends; a gateway that is behind is told; one that is ahead makes
 * nobody guess.
 */
#include "tests/unit/server/kms/rights.h"

#define POLICY(effect, action)                                                                     \
	"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"" effect "\",\"Principal\":\"*\","   \
	"\"Action\":\"" action "\",\"Resource\":[\"arn:aws:s3:::b\",\"arn:aws:s3:::b/*\"]}]}"
#define LOGGING                                                                                    \
	"<BucketLoggingStatus><LoggingEnabled><TargetBucket>logs</TargetBucket>"                       \
	"<TargetPrefix/></LoggingEnabled></BucketLoggingStatus>"
#define NO_LOGGING "<BucketLoggingStatus/>"

static const char listing[] = POLICY("Allow", "s3:ListBucket");
static const char denying[] = POLICY("Deny", "s3:ListBucket");

/* A change of bucket b by its owner; the place of its entry. */
static uint64_t change(struct fixture *f, const struct signing *s)
{
	struct kmsproto_call c = call_of(f, s, 0);

	c.access.has_document = true;
	c.access.body = s->body == NULL ? (struct bytes){0} : bytes_text(s->body);
	struct kmsproto_reply r = decide(f, &c, KMSPROTO_OK);
	assert_int_equal(r.newer.place, KMSPROTO_NOWHERE);
	return r.log_index;
}

static uint64_t put(struct fixture *f, const char *policy)
{
	return change(f, &(struct signing){&f->main, "PUT", "/b", "policy", .body = policy});
}

static uint64_t delete(struct fixture *f)
{
	return change(f, &(struct signing){&f->main, "DELETE", "/b", "policy"});
}

static struct kmsproto_call list_by(struct fixture *f, const struct person *who)
{
	return call_of(f, &(struct signing){who, "GET", "/b"}, 0);
}

static void sends(struct kmsproto_call *c, const char *policy, uint64_t order)
{
	c->access.target.n_documents = 0;
	with(&c->access.target, KMSPROTO_BUCKET_POLICY, bytes_text(policy), NULL);
	c->access.target.documents[0].order = order;
}

static void tells(const struct kmsproto_reply *r, enum kmsproto_document_kind kind, uint64_t order,
                  const char *text)
{
	assert_int_equal(r->newer.place, KMSPROTO_TARGET);
	assert_int_equal(r->newer.kind, kind);
	assert_int_equal(r->newer.order, order);
	assert_true(bytes_is(r->newer.text, text));
}

/* The gateway lost a PUT between the record and its index: the first policy of a bucket, and another one. */
static void test_lost_put(void **state)
{
	struct fixture *f = *state;
	struct kmsproto_call by_alt = list_by(f, &f->alt), by_main = list_by(f, &f->main);
	uint64_t first = put(f, listing);
	struct kmsproto_reply r = decide(f, &by_alt, KMSPROTO_OK);

	tells(&r, KMSPROTO_BUCKET_POLICY, first, listing);
	sends(&by_alt, listing, first);
	r = decide(f, &by_alt, KMSPROTO_OK);
	assert_int_equal(r.newer.place, KMSPROTO_NOWHERE);
	uint64_t second = put(f, POLICY("Allow", "s3:*"));
	assert_true(second > first);
	r = decide(f, &by_alt, KMSPROTO_OK);
	tells(&r, KMSPROTO_BUCKET_POLICY, second, POLICY("Allow", "s3:*"));
	/* A Deny holds, sent or not; whom it refuses is not told through the gateway what it says. */
	put(f, denying);
	r = decide(f, &by_alt, KMSPROTO_DENIED);
	assert_int_equal(r.newer.place, KMSPROTO_NOWHERE);
	r = decide(f, &by_main, KMSPROTO_DENIED);
	assert_int_equal(r.newer.place, KMSPROTO_NOWHERE);
}

static void test_lost_delete(void **state)
{
	struct fixture *f = *state;
	struct kmsproto_call by_alt = list_by(f, &f->alt), by_main = list_by(f, &f->main);
	uint64_t order = put(f, listing);

	sends(&by_alt, listing, order);
	sends(&by_main, listing, order);
	uint64_t gone = delete(f);
	decide(f, &by_alt, KMSPROTO_DENIED);
	struct kmsproto_reply r = decide(f, &by_main, KMSPROTO_OK);
	tells(&r, KMSPROTO_BUCKET_POLICY, gone, "");
	by_main.access.target.n_documents = 0;
	r = decide(f, &by_main, KMSPROTO_OK);
	assert_int_equal(r.newer.place, KMSPROTO_NOWHERE);
}

/* One document in an answer: the ACL's turn comes when the policy is there. */
static void test_one_at_a_time(void **state)
{
	struct fixture *f = *state;
	struct kmsproto_call c = list_by(f, &f->main);
	uint64_t acl = change(f, &(struct signing){&f->main, "PUT", "/b", "acl", .acl = "public-read"});
	uint64_t policy = put(f, listing);
	struct kmsproto_reply r = decide(f, &c, KMSPROTO_OK);

	tells(&r, KMSPROTO_BUCKET_POLICY, policy, listing);
	sends(&c, listing, policy);
	r = decide(f, &c, KMSPROTO_OK);
	assert_int_equal(r.newer.kind, KMSPROTO_BUCKET_ACL);
	assert_int_equal(r.newer.order, acl);
	assert_true(r.newer.text.n > 0);
}

static void test_copy_source(void **state)
{
	struct fixture *f = *state;
	struct kmsproto_call c = call_of(f, &(struct signing){&f->main, "PUT", "/c/k",
	                                                      .copy_source = "b/k"}, 0);

	put(f, listing);
	c.access.copy_source = c.access.target;
	c.access.target.bucket_number = BUCKET + 1;
	struct kmsproto_reply r = decide(f, &c, KMSPROTO_OK);
	assert_int_equal(r.newer.place, KMSPROTO_COPY_SOURCE);
	assert_true(bytes_is(r.newer.text, listing));
}

/* The key store is an older one than the index: the owner alone may say anew what holds. */
static void test_record_is_behind(void **state)
{
	struct fixture *f = *state;
	struct kmsproto_call c = list_by(f, &f->main);
	uint64_t order = put(f, listing);

	sends(&c, denying, order + 1000);
	struct kmsproto_reply r = decide(f, &c, KMSPROTO_STALE);
	assert_int_equal(r.newer.place, KMSPROTO_NOWHERE);
	struct kmsproto_call again = call_of(f, &(struct signing){&f->main, "PUT", "/b", "policy",
	                                                          .body = listing}, 0);
	again.access.target = c.access.target;
	again.access.has_document = true;
	again.access.body = bytes_text(listing);
	r = decide(f, &again, KMSPROTO_OK);
	sends(&c, listing, r.log_index);
	decide(f, &c, KMSPROTO_OK);
	/* After a deletion alike. */
	order = delete(f);
	sends(&c, listing, order + 1);
	decide(f, &c, KMSPROTO_STALE);
}

static struct bytes text_of(struct fixture *f, struct bytes *ret_place)
{
	const uint8_t kind = KMSPROTO_BUCKET_POLICY;
	struct bytes text;

	*ret_place = keystore_key(f->arena, keystore_key(f->arena, bytes_text(f->main.tenant), BYTES("b")),
	                          bytes_of(&kind, 1));
	assert_int_equal(keystore_get(f->kms.store, f->arena, KEYSTORE_DOCUMENTS, *ret_place, &text), OK);
	return text;
}

static void put_text(struct fixture *f, struct bytes place, struct bytes text)
{
	struct keystore_changes changes;

	keystore_changes_begin(&changes, f->arena);
	assert_int_equal(text.p == NULL ? keystore_remove(&changes, KEYSTORE_DOCUMENTS, place)
	                                : keystore_put(f->kms.store, &changes, KEYSTORE_DOCUMENTS, place, text), OK);
	assert_int_equal(keystore_apply(f->kms.store, &changes), OK);
}

/* The record knows its text: an older one that somebody put back is none, and neither is a lost one. */
static void test_text_is_checked(void **state)
{
	struct fixture *f = *state;
	struct kmsproto_call c = list_by(f, &f->main);
	struct bytes place;

	put(f, listing);
	struct bytes old = text_of(f, &place);
	assert_true(bytes_is(old, listing));
	uint64_t order = put(f, POLICY("Allow", "s3:*"));
	put_text(f, place, old);
	decide(f, &c, KMSPROTO_STALE);
	put_text(f, place, (struct bytes){0});
	decide(f, &c, KMSPROTO_STALE);
	sends(&c, POLICY("Allow", "s3:*"), order); /* the gateway has it */
	decide(f, &c, KMSPROTO_OK);
}

/* A key store from before texts and orders were kept: what the owner put counts where the gateway has it, and is never guessed. */
static void test_record_of_before(void **state)
{
	enum { ORDERS_BYTES = 3 * 8 };
	struct fixture *f = *state;
	struct kmsproto_call by_alt = list_by(f, &f->alt), by_main = list_by(f, &f->main);
	struct keystore_changes changes;
	struct bytes place, row;

	uint64_t order = put(f, listing);
	text_of(f, &place);
	put_text(f, place, (struct bytes){0});
	place = keystore_key(f->arena, bytes_text(f->main.tenant), BYTES("b"));
	assert_int_equal(keystore_get(f->kms.store, f->arena, KEYSTORE_BUCKETS, place, &row), OK);
	row.n -= ORDERS_BYTES;
	keystore_changes_begin(&changes, f->arena);
	assert_int_equal(keystore_put(f->kms.store, &changes, KEYSTORE_BUCKETS, place, row), OK);
	assert_int_equal(keystore_apply(f->kms.store, &changes), OK);
	sends(&by_alt, listing, order);
	struct kmsproto_reply r = decide(f, &by_alt, KMSPROTO_OK);
	assert_int_equal(r.newer.place, KMSPROTO_NOWHERE);
	sends(&by_alt, POLICY("Allow", "s3:*"), order);
	decide(f, &by_alt, KMSPROTO_STALE);
	decide(f, &by_main, KMSPROTO_STALE); /* left out */
	/* An ACL that is put now leaves the policy as it was. */
	change(f, &(struct signing){&f->main, "PUT", "/b", "acl", .acl = "private"});
	decide(f, &by_main, KMSPROTO_STALE);
	sends(&by_alt, listing, order);
	decide(f, &by_alt, KMSPROTO_OK);
	order = put(f, listing);
	by_alt.access.target.n_documents = 0;
	r = decide(f, &by_alt, KMSPROTO_OK);
	tells(&r, KMSPROTO_BUCKET_POLICY, order, listing);
}

/* Names are used again: neither record nor text of the bucket before counts. */
static void test_another_bucket_of_that_name(void **state)
{
	struct fixture *f = *state;
	struct kmsproto_call c = list_by(f, &f->alt);
	struct bytes place, gone;

	put(f, listing);
	text_of(f, &place);
	c.access.target.bucket_number = BUCKET + 1;
	decide(f, &c, KMSPROTO_DENIED);
	struct kmsproto_call acl = call_of(f, &(struct signing){&f->main, "PUT", "/b", "acl",
	                                                        .acl = "public-read"}, 0);
	acl.access.target.bucket_number = BUCKET + 1;
	acl.access.has_document = true;
	decide(f, &acl, KMSPROTO_OK);
	assert_int_equal(keystore_get(f->kms.store, f->arena, KEYSTORE_DOCUMENTS, place, &gone), ERR_NOTFOUND);
	struct kmsproto_reply r = decide(f, &c, KMSPROTO_OK);
	assert_int_equal(r.newer.kind, KMSPROTO_BUCKET_ACL);
}

/* What takes room goes with the bucket. Said of a bucket that is still there, it opens nothing: what the policy denied stays denied. */
static void test_deleted_bucket(void **state)
{
	struct fixture *f = *state;
	struct kmsproto_call c = list_by(f, &f->main);
	struct bytes place, gone;

	uint64_t order = put(f, POLICY("Deny", "s3:ListBucket"));
	text_of(f, &place);
	change(f, &(struct signing){&f->main, "DELETE", "/b"});
	assert_int_equal(keystore_get(f->kms.store, f->arena, KEYSTORE_DOCUMENTS, place, &gone), ERR_NOTFOUND);
	decide(f, &c, KMSPROTO_STALE);
	sends(&c, POLICY("Deny", "s3:ListBucket"), order);
	decide(f, &c, KMSPROTO_DENIED);
	c = call_of(f, &(struct signing){&f->alt, "DELETE", "/b"}, 0);
	c.access.has_document = true;
	decide(f, &c, KMSPROTO_STALE);
	/* A bucket that was made anew meanwhile keeps its own. */
	c = call_of(f, &(struct signing){&f->main, "PUT", "/b", "policy", .body = listing}, 0);
	c.access.target.bucket_number = BUCKET + 1;
	c.access.has_document = true;
	c.access.body = bytes_text(listing);
	decide(f, &c, KMSPROTO_OK);
	change(f, &(struct signing){&f->main, "DELETE", "/b"});
	assert_true(bytes_is(text_of(f, &place), listing));
}

/* Logging decides nothing about a request, so the gateway says only whether there is any. */
static void test_logging(void **state)
{
	struct fixture *f = *state;
	struct kmsproto_call c = list_by(f, &f->main);
	uint64_t order = change(f, &(struct signing){&f->main, "PUT", "/b", "logging", .body = LOGGING});
	struct kmsproto_reply r = decide(f, &c, KMSPROTO_OK);

	tells(&r, KMSPROTO_BUCKET_LOGGING, order, LOGGING);
	c.access.target.flags = KMSPROTO_LOGGED;
	r = decide(f, &c, KMSPROTO_OK);
	assert_int_equal(r.newer.place, KMSPROTO_NOWHERE);
	order = change(f, &(struct signing){&f->main, "PUT", "/b", "logging", .body = NO_LOGGING});
	r = decide(f, &c, KMSPROTO_OK);
	tells(&r, KMSPROTO_BUCKET_LOGGING, order, "");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_up, fixture_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_lost_put),
		CASE(test_lost_delete),
		CASE(test_one_at_a_time),
		CASE(test_copy_source),
		CASE(test_record_is_behind),
		CASE(test_text_is_checked),
		CASE(test_record_of_before),
		CASE(test_another_bucket_of_that_name),
		CASE(test_deleted_bucket),
		CASE(test_logging),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
