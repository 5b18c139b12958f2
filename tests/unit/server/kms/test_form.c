/* A POST policy as evidence: what its signature covers, and what a stolen gateway cannot make of it. */
#include "tests/unit/server/kms/fixture.h"

#include "common/codec/base64.h"
#include "common/crypto/hmac.h"
#include "common/sigv4/post.h"

enum { TEXT_MAX = 8192, FIELDS_MAX = 16 };

struct form {
	struct fixture *f;
	const char *bucket;
	struct field fields[FIELDS_MAX];
	size_t n;
};

static void set(struct form *m, const char *name, struct bytes value)
{
	for (size_t i = 0; i < m->n; i++) {
		if (bytes_is(m->fields[i].name, name)) {
			m->fields[i].value = value;
			return;
		}
	}
	assert_true(m->n < FIELDS_MAX);
	m->fields[m->n++] = (struct field){bytes_text(name), value};
}

/* Parts up to the first that is NULL. */
static struct bytes join(struct fixture *f, const char *const parts[6])
{
	struct bytes b[6];
	size_t n = 0;

	for (; n < COUNT(b) && parts[n] != NULL; n++) {
		b[n] = bytes_text(parts[n]);
	}
	return arena_join(f->arena, b, n);
}

static struct bytes base64(struct fixture *f, struct bytes b)
{
	uint8_t *p = arena_alloc(f->arena, TEXT_MAX);
	struct writer w = writer_fixed(p, TEXT_MAX);

	base64_write(&w, b);
	return writer_bytes(&w);
}

/* ISO time of `age_ms` ago, as C text. */
static const char *iso(struct fixture *f, int64_t age_ms)
{
	uint8_t *p = arena_alloc(f->arena, 32);
	struct writer w = writer_fixed(p, 31);

	date_write_iso_ms(&w, (uint64_t)((int64_t)clock_real_ms() - age_ms));
	return (const char *)p;
}

#define CONDITIONS                                                                                 \
	"{\"bucket\":\"b\"},[\"starts-with\",\"$key\",\"in/\"],{\"acl\":\"private\"},"             \
	"[\"starts-with\",\"$x-amz-credential\",\"\"],[\"starts-with\",\"$x-amz-date\",\"\"],"     \
	"[\"starts-with\",\"$x-amz-algorithm\",\"\"]"

static void begin(struct form *m, struct fixture *f, const char *document)
{
	*m = (struct form){.f = f, .bucket = "b"};
	set(m, "key", BYTES("in/k"));
	set(m, "acl", BYTES("private"));
	set(m, "policy", base64(f, bytes_text(document)));
}

static void sign_v4(struct form *m, const struct person *who, int64_t age_ms)
{
	struct fixture *f = m->f;
	struct bytes date = amz_date(f, age_ms), day = bytes_first(date, 8);
	char *hex = arena_alloc(f->arena, SIGV4_SIGNATURE_HEX);
	struct secret *key = NULL;
	const struct bytes credential[] = {bytes_text(who->access_key), BYTES("/"), day,
	                                   BYTES("/fr-sov-1/s3/aws4_request")};

	assert_int_equal(sigv4_signing_key(who->secret, day, BYTES("fr-sov-1"), BYTES("s3"), &key), OK);
	assert_int_equal(sigv4_sign(key, m->fields[2].value, hex), OK);
	secret_free(key);
	set(m, "x-amz-algorithm", BYTES("AWS4-HMAC-SHA256"));
	set(m, "x-amz-credential", arena_join(f->arena, credential, COUNT(credential)));
	set(m, "x-amz-date", date);
	set(m, "x-amz-signature", bytes_of(hex, SIGV4_SIGNATURE_HEX));
}

static void sign_v2(struct form *m, const struct person *who)
{
	uint8_t *mac = arena_alloc(m->f->arena, HMAC_SHA1_BYTES);

	assert_int_equal(hmac_sha1(bytes_text(who->secret_key), m->fields[2].value, mac), OK);
	set(m, "awsaccesskeyid", bytes_text(who->access_key));
	set(m, "signature", base64(m->f, bytes_of(mac, HMAC_SHA1_BYTES)));
}

static enum kmsproto_verdict offer(struct form *m, const struct kmsproto_key_call *keys, size_t n,
                                   struct kmsproto_reply *ret)
{
	uint8_t *p = arena_alloc(m->f->arena, POST_TEXT_MAX);
	struct writer w = writer_fixed(p, POST_TEXT_MAX);
	uint64_t before = keylog_size(m->f->kms.log);

	post_write(&w, bytes_text(m->bucket), m->fields, m->n);
	assert_int_equal(writer_end(&w), OK);
	const struct sigv4_evidence e = {.kind = SIGV4_FORM, .form = writer_bytes(&w)};
	enum kmsproto_verdict v = ask(m->f, &e, keys, n, ret);
	assert_int_equal(keylog_size(m->f->kms.log), before + 1); /* every one is in the log */
	assert_true(bytes_is(last_entry(m->f).result, kmsproto_verdict_name(v)));
	return v;
}

static enum kmsproto_verdict offer_put(struct form *m, const char *key)
{
	struct kmsproto_key_call k = issue(m->bucket, key, 1);

	return offer(m, &k, 1, NULL);
}

static const char *document(struct fixture *f, int64_t age_ms, const char *conditions)
{
	const char *const parts[6] = {"{\"expiration\":\"", iso(f, age_ms), "\",\"conditions\":[",
	                              conditions, "]}"};

	return (const char *)join(f, parts).p;
}

static void test_issued(void **state)
{
	struct fixture *f = *state;
	struct kmsproto_key_call k = issue("b", "in/k", 1);
	struct kmsproto_reply r;

	for (int version = 2; version <= 4; version += 2) {
		struct form m;
		begin(&m, f, document(f, -60000, CONDITIONS));
		if (version == 2) {
			sign_v2(&m, &f->main);
		} else {
			sign_v4(&m, &f->main, 0);
		}
		assert_int_equal(offer(&m, &k, 1, &r), KMSPROTO_OK);
		assert_int_equal(r.n_keys, 1);
		assert_true(bytes_is(r.principal.arn, f->main.arn));
		kmsproto_replies_free(&r, 1);
		struct logfmt_entry entry = last_entry(f);
		assert_true(bytes_is(entry.op, "s3:PutObject"));
		assert_true(bytes_is(entry.access_key, f->main.access_key));
		assert_true(bytes_is(entry.principal, f->main.arn));
		assert_int_equal(entry.keys[0].use, LOGFMT_ISSUED);
	}
}

/* Whatever the gateway makes of the form beyond the policy. */
static void test_beyond_the_policy(void **state)
{
	struct fixture *f = *state;
	struct form m, changed;

	begin(&m, f, document(f, -60000, CONDITIONS));
	sign_v4(&m, &f->main, 0);
	assert_int_equal(offer_put(&m, "in/k"), KMSPROTO_OK);
	assert_int_equal(offer_put(&m, "in/other"), KMSPROTO_BAD_CALL); /* not the form's key */
	changed = m;
	changed.bucket = "b2";
	assert_int_equal(offer_put(&changed, "in/k"), KMSPROTO_DENIED);
	assert_true(last_entry(f).detail.n > 0);
	changed = m;
	set(&changed, "key", BYTES("out/k"));
	assert_int_equal(offer_put(&changed, "out/k"), KMSPROTO_DENIED);
	changed = m;
	set(&changed, "acl", BYTES("public-read"));
	assert_int_equal(offer_put(&changed, "in/k"), KMSPROTO_DENIED);
	changed = m;
	set(&changed, "x-amz-meta-a", BYTES("v"));
	assert_int_equal(offer_put(&changed, "in/k"), KMSPROTO_DENIED);
	changed = m;
	set(&changed, "x-amz-copy-source", BYTES("/b/other"));
	assert_int_equal(offer_put(&changed, "in/k"), KMSPROTO_BAD_CALL);
	changed = m;
	set(&changed, "policy", base64(f, bytes_text(document(f, -120000, CONDITIONS))));
	assert_int_equal(offer_put(&changed, "in/k"), KMSPROTO_BAD_SIGNATURE);
	struct kmsproto_key_call open = opening("b", "in/k", 1, BYTES("wrapped"));
	assert_int_equal(offer(&m, &open, 1, NULL), KMSPROTO_BAD_CALL); /* a form opens nothing */
}

static void test_whose(void **state)
{
	struct fixture *f = *state;
	struct form m, changed;

	begin(&m, f, document(f, -60000, CONDITIONS));
	sign_v4(&m, &f->main, 0);
	changed = m;
	const char *scope = strchr((const char *)m.fields[4].value.p, '/');
	const char *const other[6] = {f->alt.access_key, scope};
	set(&changed, "x-amz-credential", join(f, other));
	assert_int_equal(offer_put(&changed, "in/k"), KMSPROTO_BAD_SIGNATURE);
	const char *const nobody[6] = {"NOBODY", scope};
	set(&changed, "x-amz-credential", join(f, nobody));
	assert_int_equal(offer_put(&changed, "in/k"), KMSPROTO_NO_ACCESS_KEY);
	begin(&m, f, document(f, -60000, CONDITIONS));
	sign_v2(&m, &f->main);
	changed = m;
	set(&changed, "awsaccesskeyid", bytes_text(f->alt.access_key));
	assert_int_equal(offer_put(&changed, "in/k"), KMSPROTO_BAD_SIGNATURE);
	f->config.post_sigv2 = false;
	assert_int_equal(offer_put(&m, "in/k"), KMSPROTO_DENIED);
	assert_true(last_entry(f).detail.n > 0);
	f->config.post_sigv2 = true;
	assert_int_equal(offer_put(&m, "in/k"), KMSPROTO_OK);
	begin(&m, f, "{}");
	m.n = 2; /* key and acl: nobody's form, which is sent as an anonymous PUT */
	assert_int_equal(offer_put(&m, "in/k"), KMSPROTO_BAD_CALL);
}

static void test_when(void **state)
{
	const int64_t hour = 3600000, day = 24 * hour;
	struct fixture *f = *state;
	struct form m;

	begin(&m, f, document(f, 1000, CONDITIONS));
	sign_v4(&m, &f->main, 0);
	assert_int_equal(offer_put(&m, "in/k"), KMSPROTO_EXPIRED);
	begin(&m, f, document(f, 1000, CONDITIONS));
	sign_v2(&m, &f->main);
	assert_int_equal(offer_put(&m, "in/k"), KMSPROTO_EXPIRED);
	begin(&m, f, document(f, -30 * day, CONDITIONS));
	sign_v4(&m, &f->main, 7 * day - hour);
	assert_int_equal(offer_put(&m, "in/k"), KMSPROTO_OK);
	sign_v4(&m, &f->main, 7 * day + hour);
	assert_int_equal(offer_put(&m, "in/k"), KMSPROTO_EXPIRED);
	sign_v4(&m, &f->main, -hour);
	assert_int_equal(offer_put(&m, "in/k"), KMSPROTO_SKEWED);
}

/* A document is parsed only when somebody signed it. */
static void test_no_document(void **state)
{
	struct fixture *f = *state;
	struct form m;

	begin(&m, f, "{\"expiration\":1}");
	sign_v4(&m, &f->alt, 0);
	assert_int_equal(offer_put(&m, "in/k"), KMSPROTO_BAD_CALL);
	set(&m, "x-amz-signature", BYTES("0"));
	assert_int_equal(offer_put(&m, "in/k"), KMSPROTO_BAD_SIGNATURE);
}

static int up(void **state)
{
	int failed = fixture_up(state);

	((struct fixture *)*state)->config.post_sigv2 = true;
	return failed;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_issued),    cmocka_unit_test(test_beyond_the_policy),
		cmocka_unit_test(test_whose),     cmocka_unit_test(test_when),
		cmocka_unit_test(test_no_document),
	};

	return cmocka_run_group_tests(tests, up, fixture_down);
}
