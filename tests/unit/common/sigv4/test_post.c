/* Forms as evidence: what they stand for, who signed; the policy document with its conditions. */
#include "tests/unit/common/sigv4/support.h"

#include "common/codec/base64.h"
#include "common/sigv4/postpolicy.h"

/* AWS's published example ("Browser-based upload using HTTP POST (using AWS Signature Version 4)"). */
#define AWS_POLICY \
	"eyAiZXhwaXJhdGlvbiI6ICIyMDE1LTEyLTMwVDEyOjAwOjAwLjAwMFoiLA0KICAiY29uZGl0aW9ucyI6" \
	"IFsNCiAgICB7ImJ1Y2tldCI6ICJzaWd2NGV4YW1wbGVidWNrZXQifSwNCiAgICBbInN0YXJ0cy13aXRo" \
	"IiwgIiRrZXkiLCAidXNlci91c2VyMS8iXSwNCiAgICB7ImFjbCI6ICJwdWJsaWMtcmVhZCJ9LA0KICAg" \
	"IHsic3VjY2Vzc19hY3Rpb25fcmVkaXJlY3QiOiAiaHR0cDovL3NpZ3Y0ZXhhbXBsZWJ1Y2tldC5zMy5h" \
	"bWF6b25hd3MuY29tL3N1Y2Nlc3NmdWxfdXBsb2FkLmh0bWwifSwNCiAgICBbInN0YXJ0cy13aXRoIiwg" \
	"IiRDb250ZW50LVR5cGUiLCAiaW1hZ2UvIl0sDQogICAgeyJ4LWFtei1tZXRhLXV1aWQiOiAiMTQzNjUx" \
	"MjM2NTEyNzQifSwNCiAgICB7IngtYW16LXNlcnZlci1zaWRlLWVuY3J5cHRpb24iOiAiQUVTMjU2In0s" \
	"DQogICAgWyJzdGFydHMtd2l0aCIsICIkeC1hbXotbWV0YS10YWciLCAiIl0sDQoNCiAgICB7IngtYW16" \
	"LWNyZWRlbnRpYWwiOiAiQUtJQUlPU0ZPRE5ON0VYQU1QTEUvMjAxNTEyMjkvdXMtZWFzdC0xL3MzL2F3" \
	"czRfcmVxdWVzdCJ9LA0KICAgIHsieC1hbXotYWxnb3JpdGhtIjogIkFXUzQtSE1BQy1TSEEyNTYifSwN" \
	"CiAgICB7IngtYW16LWRhdGUiOiAiMjAxNTEyMjlUMDAwMDAwWiIgfQ0KICBdDQp9"
#define AWS_CREDENTIAL "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request"
#define AWS_SIGNATURE  "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e"
#define AWS_SIGNED_MS  UINT64_C(1451347200000)
/* The same policy under HMAC-SHA-1, by Python's hmac. */
#define V2_SIGNATURE "QyigO3Da7gYxPW1IXllc6C7gI74="

#define DAY_MS UINT64_C(86400000)

struct form {
	struct arena *arena;
	const char *bucket;
	struct field fields[POST_FIELDS_MAX + 2];
	size_t n;
};

static void add(struct form *f, const char *name, const char *value)
{
	assert_true(f->n < COUNT(f->fields));
	f->fields[f->n++] = (struct field){bytes_text(name), bytes_text(value)};
}

/* Another value, or with NULL none at all. */
static void set(struct form *f, const char *name, const char *value)
{
	for (size_t i = 0; i < f->n; i++) {
		if (bytes_is(f->fields[i].name, name)) {
			f->fields[i] = value == NULL ? f->fields[--f->n]
			                             : (struct field){bytes_text(name), bytes_text(value)};
			return;
		}
	}
	add(f, name, value);
}

static void begin(struct form *f, const char *bucket)
{
	*f = (struct form){.arena = arena_new(SUPPORT_ARENA), .bucket = bucket};
	assert_non_null(f->arena);
}

static void begin_aws(struct form *f)
{
	begin(f, "sigv4examplebucket");
	add(f, "key", "user/user1/a b.png");
	add(f, "acl", "public-read");
	add(f, "success_action_redirect",
	    "http://sigv4examplebucket.s3.amazonaws.com/successful_upload.html");
	add(f, "content-type", "image/jpeg");
	add(f, "x-amz-meta-uuid", "14365123651274");
	add(f, "x-amz-server-side-encryption", "AES256");
	add(f, "x-amz-credential", AWS_CREDENTIAL);
	add(f, "x-amz-algorithm", "AWS4-HMAC-SHA256");
	add(f, "x-amz-date", "20151229T000000Z");
	add(f, "x-amz-meta-tag", " some  tag ");
	add(f, "policy", AWS_POLICY);
	add(f, "x-amz-signature", AWS_SIGNATURE);
}

static struct bytes text_of(struct form *f)
{
	uint8_t *p = arena_alloc(f->arena, POST_TEXT_MAX);
	struct writer w = writer_fixed(p, POST_TEXT_MAX);

	post_write(&w, bytes_text(f->bucket), f->fields, f->n);
	assert_int_equal(writer_end(&w), OK);
	return writer_bytes(&w);
}

static void must_stand(struct form *f, struct post *p)
{
	enum post_fault fault;

	assert_int_equal(post_read(f->arena, text_of(f), p, &fault), OK);
	assert_int_equal(fault, POST_FAULT_NONE);
}

static void must_fail(struct form *f, enum post_fault want)
{
	struct post p;
	enum post_fault fault;

	assert_int_equal(post_read(f->arena, text_of(f), &p, &fault), ERR_INPUT);
	assert_int_equal(fault, want);
}

static enum err v4_at(const struct post *p, uint64_t now_ms, bool *ret_expired)
{
	struct secret *secret = example_secret();
	struct secret *key = NULL;
	const struct sigv4_evidence *e = &p->evidence;

	assert_int_equal(sigv4_signing_key(secret, e->date, e->region, e->service, &key), OK);
	enum err result = post_verify_v4(p, key, now_ms, ret_expired);
	secret_free(key);
	secret_free(secret);
	return result;
}

static void the_example_of_aws(void **state)
{
	struct form f;
	struct post p;
	struct postpolicy policy;
	struct sigv4_claims c;
	bool expired;

	(void)state;
	begin_aws(&f);
	must_stand(&f, &p);
	assert_int_equal(p.signature, POST_SIGNED_V4);
	assert_int_equal(p.evidence.kind, SIGV4_FORM);
	assert_text(p.evidence.access_key, EXAMPLE_KEY);
	assert_text(p.path, "/sigv4examplebucket/user/user1/a%20b.png");
	assert_int_equal(v4_at(&p, AWS_SIGNED_MS, &expired), OK);

	assert_int_equal(postpolicy_read(f.arena, &p, &policy), OK);
	assert_null(policy.why);
	assert_int_equal(policy.expires_ms, AWS_SIGNED_MS + 36 * 3600000);
	assert_int_equal(policy.size_min, 0);
	assert_true(policy.size_max == UINT64_MAX);

	/* The PUT is one that the other side takes apart again. */
	assert_int_equal(sigv4_claims_read(p.evidence.canonical, &c), OK);
	assert_text(c.method, "PUT");
	assert_text(c.path, "/sigv4examplebucket/user/user1/a%20b.png");
	assert_text(c.signed_headers, "content-type;x-amz-acl;x-amz-meta-tag;x-amz-meta-uuid;"
	                              "x-amz-server-side-encryption");
	assert_text(c.headers[1].value, "public-read");
	assert_text(c.headers[2].value, "some tag");
	assert_text(p.headers[2].value, "some  tag");
	assert_text(c.content_hash, "UNSIGNED-PAYLOAD");
	arena_free(f.arena);
}

static void clock_and_signature_v4(void **state)
{
	struct form f;
	struct post p;
	bool expired;

	(void)state;
	begin_aws(&f);
	must_stand(&f, &p);
	assert_int_equal(v4_at(&p, AWS_SIGNED_MS - SIGV4_SKEW_MS, &expired), OK);
	assert_int_equal(v4_at(&p, AWS_SIGNED_MS - SIGV4_SKEW_MS - 1, &expired), ERR_TIMEOUT);
	assert_false(expired);
	assert_int_equal(v4_at(&p, AWS_SIGNED_MS + 7 * DAY_MS, &expired), OK);
	assert_int_equal(v4_at(&p, AWS_SIGNED_MS + 7 * DAY_MS + 1, &expired), ERR_TIMEOUT);
	assert_true(expired);
	static const char *const wrong[] = {
		"9" AWS_SIGNATURE, "8", "x",
		"9afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e",
		"8AFDBF4008C03F22C2CD3CDB72E4AFBB1F6A588F3255AC628749A66D7F09699E",
	};
	for (size_t i = 1; i < COUNT(wrong); i++) {
		set(&f, "x-amz-signature", wrong[i]);
		must_stand(&f, &p);
		assert_int_equal(v4_at(&p, AWS_SIGNED_MS, &expired), ERR_AUTH);
	}
	set(&f, "x-amz-signature", wrong[0]); /* too long for any */
	must_fail(&f, POST_FAULT_SIGNATURE);
	set(&f, "x-amz-signature", AWS_SIGNATURE);
	set(&f, "policy", "e30="); /* another document */
	must_stand(&f, &p);
	assert_int_equal(v4_at(&p, AWS_SIGNED_MS, &expired), ERR_AUTH);
	arena_free(f.arena);
}

static void signature_v2(void **state)
{
	struct form f;
	struct post p;
	struct secret *secret = example_secret();

	(void)state;
	begin(&f, "b");
	add(&f, "key", "k");
	add(&f, "awsaccesskeyid", EXAMPLE_KEY);
	add(&f, "policy", AWS_POLICY);
	add(&f, "signature", V2_SIGNATURE);
	must_stand(&f, &p);
	assert_int_equal(p.signature, POST_SIGNED_V2);
	assert_int_equal(p.evidence.kind, SIGV4_FORM);
	assert_text(p.evidence.access_key, EXAMPLE_KEY);
	assert_int_equal(post_verify_v2(&p, secret), OK);
	static const char *const wrong[] = {"=47Ig7C6cllXI1WPxYg7aD3OgiyQ", "Q", AWS_SIGNATURE,
	                                    "QyigO3Da7gYxPW1IXllc6C7gI75="};
	for (size_t i = 0; i < COUNT(wrong); i++) {
		set(&f, "signature", wrong[i]);
		must_stand(&f, &p);
		assert_int_equal(post_verify_v2(&p, secret), ERR_AUTH);
	}
	secret_free(secret);
	arena_free(f.arena);
}

/* Any part of a signature makes a form a signed one, and then no part may miss. */
static void parts_of_a_signature(void **state)
{
	static const char *const needed[] = {"policy", "x-amz-signature", "x-amz-credential",
	                                     "x-amz-algorithm", "x-amz-date"};
	static const struct { const char *name, *value; } wrong[] = {
		{"x-amz-algorithm", "AWS4-ECDSA-P256-SHA256"},
		{"x-amz-credential", "AKIAIOSFODNN7EXAMPLE/20151230/us-east-1/s3/aws4_request"},
		{"x-amz-credential", "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/kms/aws4_request"},
		{"x-amz-credential", "AKIAIOSFODNN7EXAMPLE"},
		{"x-amz-date", "20151229"}, {"x-amz-signature", ""}, {"policy", ""},
	};
	struct form f;
	struct post p;

	(void)state;
	for (size_t i = 0; i < COUNT(needed); i++) {
		begin_aws(&f);
		set(&f, needed[i], NULL);
		must_fail(&f, POST_FAULT_SIGNATURE);
		arena_free(f.arena);
		begin(&f, "b");
		add(&f, "key", "k");
		add(&f, needed[i], "x");
		must_fail(&f, POST_FAULT_SIGNATURE);
		arena_free(f.arena);
	}
	for (size_t i = 0; i < COUNT(wrong); i++) {
		begin_aws(&f);
		set(&f, wrong[i].name, wrong[i].value);
		must_fail(&f, POST_FAULT_SIGNATURE);
		arena_free(f.arena);
	}
	begin_aws(&f);
	add(&f, "awsaccesskeyid", EXAMPLE_KEY);
	must_fail(&f, POST_FAULT_BOTH);
	arena_free(f.arena);
	begin(&f, "b");
	add(&f, "key", "k");
	must_stand(&f, &p);
	assert_int_equal(p.signature, POST_UNSIGNED);
	assert_int_equal(p.evidence.kind, SIGV4_ANONYMOUS);
	arena_free(f.arena);
}

static void what_a_put_can_carry(void **state)
{
	static const struct { const char *name, *value; enum post_fault fault; } rows[] = {
		{"key", "", POST_FAULT_NO_KEY},
		{"x-amz-copy-source", "/b/other", POST_FAULT_UNBUILT},
		{"x-amz-content-sha256", "UNSIGNED-PAYLOAD", POST_FAULT_UNBUILT},
		{"x-amz-trailer", "x-amz-checksum-crc32", POST_FAULT_UNBUILT},
		{"x-amz-decoded-content-length", "1", POST_FAULT_UNBUILT},
		{"x-amz-tagging", "a=b", POST_FAULT_UNBUILT},
		{"x-amz-acl", "private", POST_FAULT_UNBUILT},
		{"x-amz-meta-a", "a\nb", POST_FAULT_VALUE},
		{"x-amz-meta-a", "a\rb", POST_FAULT_VALUE},
		{"x-amz-meta-a b", "c", POST_FAULT_VALUE},
		{"tagging", "", POST_FAULT_TAGGING},
		{"tagging", "<Tagging/>", POST_FAULT_TAGGING},
		{"tagging", "<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>",
		 POST_FAULT_TAGGING},
		{"tagging", "<Tagging><TagSet><Tug><Key>a</Key><Value/></Tug></TagSet></Tagging>",
		 POST_FAULT_TAGGING},
		{"tagging", "<!DOCTYPE a><Tagging><TagSet/></Tagging>", POST_FAULT_TAGGING},
	};
	struct form f;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		begin(&f, "b");
		add(&f, "key", "k");
		set(&f, rows[i].name, rows[i].value);
		must_fail(&f, rows[i].fault);
		arena_free(f.arena);
	}
	begin(&f, "b"); /* without a key at all, and a name twice */
	must_fail(&f, POST_FAULT_NO_KEY);
	add(&f, "key", "k");
	add(&f, "key", "k");
	must_fail(&f, POST_FAULT_VALUE);
	arena_free(f.arena);
	begin(&f, "b");
	add(&f, "key", "k");
	for (char name[8] = "x"; f.n < SIGV4_SIGNED_HEADERS_MAX + 2;) {
		snprintf(name, sizeof(name), "%02zu", f.n);
		struct bytes parts[2] = {BYTES("x-amz-meta-"), bytes_text(name)};
		add(&f, (const char *)arena_join(f.arena, parts, 2).p, "v");
	}
	must_fail(&f, POST_FAULT_VALUE); /* one header too many */
	f.n--;
	struct post p;
	must_stand(&f, &p);
	arena_free(f.arena);
}

static void tags_become_a_header(void **state)
{
	struct form f;
	struct post p;

	(void)state;
	begin(&f, "b");
	add(&f, "key", "/odd//k\xc3\xa9y");
	add(&f, "tagging", "<Tagging><TagSet>\n<Tag><Key>a b</Key><Value>1&amp;2</Value></Tag>"
	                   "<Tag><Key>0</Key><Value></Value></Tag></TagSet></Tagging>");
	must_stand(&f, &p);
	assert_text(p.path, "/b//odd//k%C3%A9y");
	assert_int_equal(p.n_headers, 1);
	assert_text(p.headers[0].name, "x-amz-tagging");
	assert_text(p.headers[0].value, "a%20b=1%262&0=");
	arena_free(f.arena);
}

/* Cut, prolonged or changed in its lengths, the text is no form, and nothing is read beyond it. */
static void the_text_is_strict(void **state)
{
	struct form f;
	struct post p;
	enum post_fault fault;

	(void)state;
	begin_aws(&f);
	struct bytes text = text_of(&f);
	for (size_t n = 0; n < text.n; n++) {
		uint8_t *cut = malloc(n + 1); /* its own memory, for the sanitizer */
		memcpy(cut, text.p, n);
		assert_int_equal(post_read(f.arena, bytes_of(cut, n), &p, &fault), ERR_INPUT);
		free(cut);
	}
	uint8_t *longer = calloc(1, text.n + 1);
	memcpy(longer, text.p, text.n);
	assert_int_equal(post_read(f.arena, bytes_of(longer, text.n + 1), &p, &fault), ERR_INPUT);
	free(longer);
	f.fields[0].name = BYTES("Key");
	must_fail(&f, POST_FAULT_NONE);
	f.fields[0].name = BYTES("");
	must_fail(&f, POST_FAULT_NONE);
	f.fields[0].name = BYTES("key");
	f.bucket = "a/b"; /* would become the key "b/..." in "a" */
	must_fail(&f, POST_FAULT_NONE);
	f.bucket = "";
	must_fail(&f, POST_FAULT_NONE);
	arena_free(f.arena);

	begin(&f, "b");
	uint8_t room[POST_TEXT_MAX + 16];
	struct writer w = writer_fixed(room, sizeof(room));
	for (size_t i = 0; i <= POST_FIELDS_MAX; i++) {
		add(&f, "n", "v");
	}
	post_write(&w, BYTES("b"), f.fields, POST_FIELDS_MAX + 1);
	assert_true(w.full);
	arena_free(f.arena);
}

/* --- policies --- */

/* The form of the rows below with this policy; ERR or the reason. */
static enum err judge(const char *document, const struct field *fields, size_t n,
                      struct postpolicy *ret)
{
	struct form f;
	struct post p = {.bucket = BYTES("b"), .fields = fields, .n_fields = n};

	begin(&f, "b");
	uint8_t *text = arena_alloc(f.arena, 4096);
	struct writer w = writer_fixed(text, 4096);
	base64_write(&w, bytes_text(document));
	p.policy = writer_bytes(&w);
	enum err e = postpolicy_read(f.arena, &p, ret);
	arena_free(f.arena);
	return e;
}

#define UNTIL "\"expiration\":\"2026-01-31T23:59:59Z\""
#define WITH(conditions) "{" UNTIL ",\"conditions\":[" conditions "]}"
#define BASE "{\"bucket\":\"b\"},[\"starts-with\",\"$key\",\"dir/\"]"

static void documents_that_are_none(void **state)
{
	static const char *const rows[] = {
		"", "{", "[]", "{}", "{" UNTIL "}", "{\"conditions\":[]}",
		"{\"EXPIRATION\":\"2026-01-31T23:59:59Z\",\"conditions\":[]}",
		"{" UNTIL ",\"CONDITIONS\":[]}",
		"{\"expiration\":\"2026-01-31 23:59:59+00:00\",\"conditions\":[]}",
		"{\"expiration\":\"2026-02-31T23:59:59Z\",\"conditions\":[]}",
		"{\"expiration\":1769903999,\"conditions\":[]}",
		"{" UNTIL ",\"conditions\":{}}",
		WITH("{}"), WITH("1"), WITH("null"), WITH("[]"), WITH("\"eq\""),
		WITH("{\"a\":\"b\",\"c\":\"d\"}"), WITH("{\"a\":1}"), WITH("{\"a\":null}"),
		WITH("{\"a\":[]}"), WITH("{\"\":\"b\"}"),
		WITH("[\"eq\",\"key\",\"v\"]"), WITH("[\"eq\",\"$\",\"v\"]"),
		WITH("[\"eq\",\"$key\"]"), WITH("[\"eq\",\"$key\",\"v\",\"w\"]"),
		WITH("[\"eq\",\"$key\",1]"), WITH("[\"ends-with\",\"$key\",\"v\"]"),
		WITH("[1,\"$key\",\"v\"]"),
		WITH("[\"content-length-range\",0]"), WITH("[\"content-length-range\",-1,0]"),
		WITH("[\"content-length-range\",1,0]"), WITH("[\"content-length-range\",0,1.5]"),
		WITH("[\"content-length-range\",0,\"\"]"),
		WITH("[\"content-length-range\",0,\"1 \"]"),
		WITH("[\"content-length-range\",0,1,2]"),
	};
	static const struct field key = {BYTES("key"), BYTES("dir/x")};
	struct postpolicy policy;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		if (judge(rows[i], &key, 1, &policy) != ERR_INPUT) {
			fail_msg("accepted: %s", rows[i]);
		}
	}
	struct form f;
	struct post p = {.bucket = BYTES("b"), .policy = BYTES("not base64!")};
	begin(&f, "b");
	assert_int_equal(postpolicy_read(f.arena, &p, &policy), ERR_INPUT);
	arena_free(f.arena);
}

static void conditions_hold_or_not(void **state)
{
	static const struct {
		bool good;
		const char *document;
		struct field more[2]; /* beside key = dir/x */
	} rows[] = {
		{true, WITH(BASE)},
		{true, WITH("{\"bUcKeT\":\"b\"},[\"StArTs-WiTh\",\"$KeY\",\"dir/\"]")},
		{true, WITH(BASE ",[\"eq\",\"$key\",\"dir/x\"],{\"key\":\"dir/x\"}")},
		{false, WITH(BASE ",[\"eq\",\"$key\",\"dir/y\"]")},
		{false, WITH(BASE ",[\"eq\",\"$key\",\"dir/\"]")},
		{false, WITH(BASE ",[\"starts-with\",\"$key\",\"dir/x/\"]")},
		{false, WITH("{\"bucket\":\"B\"},[\"starts-with\",\"$key\",\"\"]")},
		{false, WITH("[\"starts-with\",\"$key\",\"\"]")},     /* no bucket */
		{false, WITH("{\"bucket\":\"b\"}")},                  /* no key */
		{true, WITH("[\"starts-with\",\"$bucket\",\"\"],{\"key\":\"dir/x\"}")},
		/* A field that is absent is empty. */
		{true, WITH(BASE ",[\"starts-with\",\"$x-amz-meta-a\",\"\"]")},
		{false, WITH(BASE ",[\"starts-with\",\"$x-amz-meta-a\",\"v\"]")},
		{false, WITH(BASE ",{\"x-amz-meta-a\":\"v\"}")},
		/* Every field has one. */
		{false, WITH(BASE), {{BYTES("acl"), BYTES("private")}}},
		{true, WITH(BASE ",{\"acl\":\"private\"}"), {{BYTES("acl"), BYTES("private")}}},
		{false, WITH(BASE ",{\"acl\":\"private\"}"), {{BYTES("acl"), BYTES("public-read")}}},
		{false, WITH(BASE ",{\"acl\":\"private\"}"), {{BYTES("acl"), BYTES("Private")}}},
		{false, WITH(BASE), {{BYTES("success_action_status"), BYTES("200")}}},
		{false, WITH(BASE), {{BYTES("x-amz-date"), BYTES("20260131T000000Z")}}},
		{false, WITH(BASE), {{BYTES("submit"), BYTES("go")}}},
		{true, WITH(BASE), {{BYTES("policy"), BYTES("x")}, {BYTES("signature"), BYTES("x")}}},
		{true, WITH(BASE), {{BYTES("awsaccesskeyid"), BYTES("x")},
		                    {BYTES("x-amz-signature"), BYTES("x")}}},
		{true, WITH(BASE), {{BYTES("x-ignore-me"), BYTES("x")},
		                    {BYTES("x-amz-checksum-sha256"), BYTES("x")}}},
		/* The form's own word for the bucket. */
		{true, WITH(BASE), {{BYTES("bucket"), BYTES("b")}}},
		{false, WITH(BASE), {{BYTES("bucket"), BYTES("c")}}},
		{false, WITH("{\"bucket\":\"c\"},[\"starts-with\",\"$key\",\"\"]"),
		 {{BYTES("bucket"), BYTES("c")}}},
		/* Lists of content types, with starts-with only. */
		{true, WITH(BASE ",[\"starts-with\",\"$Content-Type\",\"image/\"]"),
		 {{BYTES("content-type"), BYTES("image/png, image/gif")}}},
		{false, WITH(BASE ",[\"starts-with\",\"$Content-Type\",\"image/\"]"),
		 {{BYTES("content-type"), BYTES("image/png,text/html")}}},
		{false, WITH(BASE ",[\"starts-with\",\"$Content-Type\",\"image/\"]"),
		 {{BYTES("content-type"), BYTES("image/png,")}}},
		{true, WITH(BASE ",[\"eq\",\"$Content-Type\",\"image/png,text/html\"]"),
		 {{BYTES("content-type"), BYTES("image/png,text/html")}}},
		{true, WITH(BASE ",[\"starts-with\",\"$Content-Type\",\"\"]")},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct field fields[3] = {{BYTES("key"), BYTES("dir/x")}};
		struct postpolicy policy;
		size_t n = 1;
		for (; n < 3 && rows[i].more[n - 1].name.n > 0; n++) {
			fields[n] = rows[i].more[n - 1];
		}
		assert_int_equal(judge(rows[i].document, fields, n, &policy), OK);
		if ((policy.why == NULL) != rows[i].good) {
			fail_msg("row %zu: %s: %s", i, rows[i].document,
			         policy.why == NULL ? "holds" : policy.why);
		}
		assert_int_equal(policy.expires_ms, UINT64_C(1769903999000));
	}
}

static void ranges_of_sizes(void **state)
{
	static const struct { const char *document; uint64_t min, max; } rows[] = {
		{WITH(BASE), 0, UINT64_MAX},
		{WITH(BASE ",[\"content-length-range\",0,0]"), 0, 0},
		{WITH(BASE ",[\"content-length-range\",512,1000]"), 512, 1000},
		{WITH(BASE ",[\"Content-Length-Range\",\"5\",\"1000\"]"), 5, 1000},
		{WITH(BASE ",[\"content-length-range\",1,9],[\"content-length-range\",3,30]"), 3, 9},
	};
	static const struct field key = {BYTES("key"), BYTES("dir/x")};
	struct postpolicy policy;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(judge(rows[i].document, &key, 1, &policy), OK);
		assert_null(policy.why);
		assert_true(policy.size_min == rows[i].min && policy.size_max == rows[i].max);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_example_of_aws),
		cmocka_unit_test(clock_and_signature_v4),
		cmocka_unit_test(signature_v2),
		cmocka_unit_test(parts_of_a_signature),
		cmocka_unit_test(what_a_put_can_carry),
		cmocka_unit_test(tags_become_a_header),
		cmocka_unit_test(the_text_is_strict),
		cmocka_unit_test(documents_that_are_none),
		cmocka_unit_test(conditions_hold_or_not),
		cmocka_unit_test(ranges_of_sizes),
	};

	return cmocka_run_group_tests(tests, secrets_set_up, NULL);
}
