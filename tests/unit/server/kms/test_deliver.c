/* Deliveries of logs: only what the owner's signed configuration asks for, and only while it is on record. */
#include "tests/unit/server/kms/rights.h"

#define STATUS(inner) "<BucketLoggingStatus>" inner "</BucketLoggingStatus>"
#define LOGGING(bucket, prefix) STATUS("<LoggingEnabled><TargetBucket>" bucket "</TargetBucket>" \
	"<TargetPrefix>" prefix "</TargetPrefix></LoggingEnabled>")
#define KEY "a/2026-01-31-23-59-59-0123456789ABCDEF"
static const char policy_g[] =
	"{\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"logging.s3.amazonaws.com\"},"
	"\"Action\":\"s3:PutObject\",\"Resource\":\"arn:aws:s3:::logs/*\"}]}";

enum { SOURCE = 5, TARGET = 6 }; /* numbers of the buckets */

static struct kmsproto_call put(struct fixture *f, const struct person *who, const char *path,
                                const char *query, const char *body)
{
	const struct sigv4_evidence e = sign(f, &(struct signing){who, "PUT", path, query,
	                                                         .body = body});
	struct kmsproto_call c = access_of(&e);

	c.access.target.tenant = bytes_text(f->main.tenant);
	c.access.target.bucket_number = strcmp(path, "/src") == 0 ? SOURCE : TARGET;
	c.access.has_document = true;
	c.access.body = bytes_text(body);
	return c;
}

static void gives(struct fixture *f, const struct kmsproto_call *c, enum kmsproto_verdict want)
{
	struct kmsproto_reply r = send_one(f, c);

	if (r.verdict != want) {
		fail_msg("verdict %s, not %s", kmsproto_verdict_name(r.verdict),
		         kmsproto_verdict_name(want));
	}
	bool with_key = c->kind == KMSPROTO_DELIVER && want == KMSPROTO_OK;
	assert_int_equal(r.n_keys, with_key ? 1 : 0);
	assert_true((r.keys[0].dek != NULL) == with_key);
	assert_int_equal(r.principal.arn.n > 0, c->kind == KMSPROTO_ACCESS);
	kmsproto_replies_free(&r, 1);
}

static void put_logging(struct fixture *f, const char *body)
{
	struct kmsproto_call c = put(f, &f->main, "/src", "logging", body);

	gives(f, &c, KMSPROTO_OK);
}

static struct kmsproto_call delivery(struct fixture *f, const char *document)
{
	struct kmsproto_call c = {.kind = KMSPROTO_DELIVER, .deliver = {
		.request_id = {3},
		.tenant = bytes_text(f->main.tenant),
		.bucket = BYTES("src"),
		.bucket_number = SOURCE,
		.document = bytes_text(document),
		.target = {.tenant = bytes_text(f->main.tenant), .bucket_number = TARGET,
		           .n_documents = 1,
		           .documents = {{KMSPROTO_BUCKET_POLICY, bytes_text(policy_g)}}},
		.key = issue("logs", KEY, 7),
	}};

	return c;
}

static void set_up_target(struct fixture *f)
{
	struct kmsproto_call c = put(f, &f->main, "/logs", "policy", policy_g);

	gives(f, &c, KMSPROTO_OK);
}

static void test_delivery(void **state)
{
	struct fixture *f = *state;
	struct kmsproto_call c = delivery(f, LOGGING("logs", "a/"));

	set_up_target(f);
	gives(f, &c, KMSPROTO_DENIED);
	put_logging(f, LOGGING("logs", "a/"));
	gives(f, &c, KMSPROTO_OK);
	struct logfmt_entry e = last_entry(f);
	assert_true(bytes_is(e.op, "s3:DeliverLog") && bytes_is(e.basis, "bucket-logging"));
	assert_true(bytes_is(e.tenant, f->main.tenant) && e.principal.n == 0);
	assert_int_equal(e.n_keys, 1);
	assert_int_equal(e.keys[0].use, LOGFMT_ISSUED);
	assert_int_equal(e.request_id[0], 3);
}

static void test_other_places(void **state)
{
	struct fixture *f = *state;
	const struct kmsproto_call good = delivery(f, LOGGING("logs", "a/"));
	struct kmsproto_call c = good;

	set_up_target(f);
	put_logging(f, LOGGING("logs", "a/"));
	c.deliver.key = issue("src", KEY, 7);
	gives(f, &c, KMSPROTO_BAD_CALL);
	c.deliver.key = issue("logs", "b/2026-01-31-23-59-59-0123456789ABCDEF", 7);
	gives(f, &c, KMSPROTO_BAD_CALL);
	c.deliver.key = issue("logs", "a/wanted.txt", 7);
	gives(f, &c, KMSPROTO_BAD_CALL);
	c = good;
	c.deliver.target.tenant = bytes_text(f->alt.tenant);
	gives(f, &c, KMSPROTO_BAD_CALL);
	c = good;
	c.deliver.tenant = bytes_text(f->alt.tenant);
	gives(f, &c, KMSPROTO_DENIED); /* nothing of this tenant is on record */
	c = good;
	c.deliver.bucket_number = SOURCE + 1;
	gives(f, &c, KMSPROTO_DENIED);
	c = good;
	c.deliver.bucket = BYTES("logs");
	gives(f, &c, KMSPROTO_DENIED);
	c = good;
	c.deliver.target.n_documents = 0; /* it is on record */
	gives(f, &c, KMSPROTO_OK);
	c.deliver.target.bucket_number = TARGET + 1; /* whose policy it is not */
	gives(f, &c, KMSPROTO_DENIED);
	c = good;
	c.deliver.target.bucket_number = TARGET + 1;
	gives(f, &c, KMSPROTO_STALE);
	c = good;
	c.deliver.key.kek = BYTES("alias/none");
	gives(f, &c, KMSPROTO_NO_SUCH_KEY);
	gives(f, &good, KMSPROTO_OK);
}

static void test_taken_back(void **state)
{
	struct fixture *f = *state;
	struct kmsproto_call first = delivery(f, LOGGING("logs", "a/"));
	struct kmsproto_call second = delivery(f, LOGGING("logs", ""));

	second.deliver.key = issue("logs", "2026-01-31-23-59-59-0123456789ABCDEF", 7);
	set_up_target(f);
	put_logging(f, LOGGING("logs", "a/"));
	put_logging(f, LOGGING("logs", ""));
	gives(f, &first, KMSPROTO_OK); /* lines of before the change are on their way */
	gives(f, &second, KMSPROTO_OK);
	age_record(f, "src");
	gives(f, &first, KMSPROTO_DENIED);
	struct kmsproto_reply r = send_one(f, &first);
	assert_int_equal(r.newer.place, KMSPROTO_SENDER); /* who had it is told what came after */
	assert_int_equal(r.newer.kind, KMSPROTO_BUCKET_LOGGING);
	assert_true(bytes_is(r.newer.text, LOGGING("logs", "")));
	struct kmsproto_call never = delivery(f, LOGGING("logs", "c/"));
	r = send_one(f, &never);
	assert_int_equal(r.newer.place, KMSPROTO_NOWHERE);
	gives(f, &second, KMSPROTO_OK);
	put_logging(f, STATUS(""));
	gives(f, &second, KMSPROTO_OK);
	age_record(f, "src");
	gives(f, &second, KMSPROTO_DENIED);
	put_logging(f, LOGGING("logs", "a/"));
	gives(f, &first, KMSPROTO_OK);
	/* The target's word counts at each delivery. */
	struct kmsproto_call c = put(f, &f->main, "/logs", "policy",
	                             "{\"Statement\":[{\"Effect\":\"Deny\",\"Principal\":\"*\","
	                             "\"Action\":\"s3:*\",\"Resource\":\"arn:aws:s3:::logs/*\"}]}");
	gives(f, &c, KMSPROTO_OK);
	gives(f, &first, KMSPROTO_DENIED);
}

static void test_who_may_ask(void **state)
{
	struct fixture *f = *state;
	const char *body = LOGGING("logs", "a/");
	struct kmsproto_call c = put(f, &f->alt, "/src", "logging", body);
	struct kmsproto_call d = delivery(f, body);

	set_up_target(f);
	gives(f, &c, KMSPROTO_DENIED);
	c = put(f, &f->main, "/src", "logging", body);
	c.access.body = BYTES(LOGGING("logs", "b/"));
	gives(f, &c, KMSPROTO_NOT_SIGNED);
	c = put(f, &f->main, "/src", "logging", STATUS("<Other/>"));
	gives(f, &c, KMSPROTO_BAD_DOCUMENT);
	c = put(f, &f->main, "/src", "logging", STATUS("<LoggingEnabled><TargetBucket>logs</TargetBucket>"
	        "<TargetPrefix/><TargetGrants><Grant/></TargetGrants></LoggingEnabled>"));
	gives(f, &c, KMSPROTO_BAD_DOCUMENT);
	gives(f, &d, KMSPROTO_DENIED);
}

/* A stranger's signature is none, also where the bucket's policy lets him put the configuration. */
static void test_policy_gives_nothing_away(void **state)
{
	struct fixture *f = *state;
	static const char open_door[] =
		"{\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"s3:*\","
		"\"Resource\":[\"arn:aws:s3:::src\",\"arn:aws:s3:::src/*\"]}]}";
	struct kmsproto_call c = put(f, &f->main, "/src", "policy", open_door);

	gives(f, &c, KMSPROTO_OK);
	c = put(f, &f->alt, "/src", "logging", LOGGING("logs", "a/"));
	c.access.target.documents[c.access.target.n_documents++] =
		(struct kmsproto_document){KMSPROTO_BUCKET_POLICY, bytes_text(open_door)};
	gives(f, &c, KMSPROTO_DENIED);
	assert_true(bytes_starts(last_entry(f).detail, BYTES("logging that somebody else")));
}

/* What earlier versions wrote has no place for orders, or for logging; the rest of it counts. */
static void test_old_record(void **state)
{
	uint8_t plain[RECORD_MAX];
	struct record_bucket row = {.number = 9}, again;
	struct writer w = writer_fixed(plain, sizeof(plain));
	const size_t orders = 3 * sizeof(uint64_t);
	const size_t one = orders + sizeof(row.logging.digest) + sizeof(row.logging.before) + 8;

	(void)state;
	row.policy.digest[0] = 1;
	row.acl.changed_ms = 2;
	row.logging.digest[0] = 3;
	row.acl.order = 4;
	record_bucket_write(&w, &row);
	struct bytes all = writer_bytes(&w);
	assert_int_equal(record_bucket_read(all, &again), OK);
	assert_int_equal(again.logging.digest[0], 3);
	assert_int_equal(again.acl.order, 4);
	assert_int_equal(record_bucket_read(bytes_first(all, all.n - orders), &again), OK);
	assert_int_equal(again.logging.digest[0], 3);
	assert_int_equal(again.acl.order, 0);
	assert_int_equal(record_bucket_read(bytes_first(all, all.n - one), &again), OK);
	assert_int_equal(again.policy.digest[0], 1);
	assert_int_equal(again.acl.changed_ms, 2);
	assert_int_equal(again.logging.digest[0], 0);
	for (size_t cut = 1; cut < one; cut++) {
		if (cut == orders) {
			continue;
		}
		assert_int_equal(record_bucket_read(bytes_first(all, all.n - cut), &again), ERR_CORRUPT);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_up, fixture_down)
	const struct CMUnitTest tests[] = {
		TEST(test_delivery),
		TEST(test_other_places),
		TEST(test_taken_back),
		TEST(test_who_may_ask),
		TEST(test_policy_gives_nothing_away),
		cmocka_unit_test(test_old_record),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
