/* The AWS KMS API without sockets: signatures, domains of keys, tenants, and the entry of each decision. */
#include "tests/unit/server/kms/fixture.h"

#include "common/codec/base64.h"
#include "common/crypto/hash.h"
#include "common/crypto/wrap.h"
#include "server/kms/api.h"

enum { TEXT = 8192, BODY = 2 * TEXT };

/* What a test changes of an honest request. */
struct asking {
	const struct person *who;
	const char *op, *body;
	const char *sent_body;  /* NULL: what was signed */
	int64_t age_ms;
	bool unsigned_, by_query;
	const char *extra;      /* a header that nobody signed */
};

static struct json *call(struct fixture *f, const struct asking *q, unsigned *ret_status)
{
	static const uint8_t id[16] = {9};
	struct writer answer AUTO(writer_free) = writer_growing(API_ANSWER_MAX);
	struct arena *a AUTO(arena_freep) = arena_new(API_ARENA_MAX);
	char target[100], hex[64];
	uint8_t digest[32];
	struct writer w = writer_fixed(hex, sizeof(hex));
	struct bytes date = amz_date(f, q->age_ms), authorization;
	struct json *got = NULL;
	/* The service wipes what it parsed, not this. */
	char *body = strdup(q->sent_body != NULL ? q->sent_body : q->body);

	snprintf(target, sizeof(target), "TrentService.%s", q->op);
	struct field h[6] = {
		{BYTES("host"), BYTES("kms.test")}, {BYTES("x-amz-date"), date},
		{BYTES("x-amz-target"), bytes_text(target)},
	};
	struct sigv4_request r = {.method = BYTES("POST"), .path = BYTES("/"), .headers = h,
	                          .n_headers = 3};
	assert_int_equal(hash_sha256(bytes_text(q->body), digest), OK);
	hex_write(&w, bytes_of(digest, sizeof(digest)));
	assert_int_equal(sigv4_authorization(f->arena, &r, bytes_text(q->who->access_key),
	                                     q->who->secret, BYTES("fr-sov-1"), BYTES("kms"), date,
	                                     writer_bytes(&w), &authorization), OK);
	if (!q->unsigned_) {
		h[r.n_headers++] = (struct field){BYTES("authorization"), authorization};
	}
	if (q->extra != NULL) {
		h[r.n_headers++] = (struct field){bytes_text(q->extra), BYTES("x")};
	}
	h[r.n_headers++] = (struct field){BYTES("User-Agent"), BYTES("tester/2")};
	const struct api_request in = {
		.method = r.method, .path = r.path,
		.query = q->by_query ? BYTES("X-Amz-Algorithm=AWS4-HMAC-SHA256") : (struct bytes){0},
		.fields = h, .n_fields = r.n_headers, .body = bytes_text(body),
		.source = BYTES("198.51.100.9"), .id = id,
	};
	*ret_status = api_answer(&f->kms, &in, a, &answer);
	free(body);
	assert_int_equal(kms_commit(&f->kms), OK);
	if (answer.used > 0) {
		assert_int_equal(json_parse(writer_bytes(&answer), API_ANSWER_MAX, &got, NULL), OK);
	}
	return got;
}

/* It is done; the member `name` of the answer, as a C string. */
static void done(struct fixture *f, const struct person *who, const char *op, const char *body,
                 const char *name, char out[TEXT])
{
	unsigned status;
	struct json *j = call(f, &(struct asking){.who = who, .op = op, .body = body}, &status);
	struct bytes b = json_get_bytes(j, name);

	if (status != 200 || (name[0] != '\0' && b.n == 0)) {
		b = json_get_bytes(j, "__type");
		fail_msg("%s %s: %u %.*s", op, body, status, (int)b.n, (const char *)b.p);
	}
	assert_true(b.n < TEXT);
	memcpy(out, b.p == NULL ? (const uint8_t *)"" : b.p, b.n);
	out[b.n] = '\0';
	json_free(j);
}

/* It is refused with this type, and the entry says so and names no key. */
static void not_done(struct fixture *f, const struct asking *q, const char *type,
                     const char *result)
{
	uint64_t before = keylog_size(f->kms.log);
	unsigned status;
	struct json *j = call(f, q, &status);
	struct bytes got = json_get_bytes(j, "__type");

	if (status != 400 || !bytes_is(got, type)) {
		fail_msg("%s %s: %u %.*s, not %s", q->op, q->body, status, (int)got.n,
		         (const char *)got.p, type);
	}
	json_free(j);
	assert_int_equal(keylog_size(f->kms.log), before + 1);
	struct logfmt_entry e = last_entry(f);
	if (!bytes_is(e.result, result)) {
		fail_msg("%s: entry %.*s, not %s", q->op, (int)e.result.n, (const char *)e.result.p,
		         result);
	}
	assert_int_equal(e.n_keys, 0);
	assert_int_equal(e.basis.n, 0);
	assert_true(bytes_is(e.source, "198.51.100.9"));
	assert_true(bytes_is(e.agent, "tester/2"));
	assert_int_equal(e.request_id[0], 9);
}

static void make_key(struct fixture *f, const struct person *who, char id[TEXT])
{
	unsigned status;
	struct json *j = call(f, &(struct asking){.who = who, .op = "CreateKey", .body = "{}"},
	                      &status);
	struct bytes b = json_get_bytes(json_get(j, "KeyMetadata"), "KeyId");

	assert_int_equal(status, 200);
	assert_int_equal(b.n, 36);
	memcpy(id, b.p, b.n);
	id[b.n] = '\0';
	json_free(j);
	struct logfmt_entry e = last_entry(f);
	assert_int_equal(e.event, LOGFMT_ADMIN);
	assert_true(bytes_is(e.op, "kms:CreateKey"));
	assert_true(bytes_is(e.principal, who->arn));
}

static void test_round_trip(void **state)
{
	struct fixture *f = *state;
	char key[TEXT], blob[TEXT], body[BODY], plain[TEXT];

	make_key(f, &f->main, key);
	snprintf(body, sizeof(body), "{\"KeyId\":\"%s\",\"Plaintext\":\"AAEC\",\"EncryptionContext\":"
	         "{\"b\":\"2\",\"a\":\"1\"}}", key);
	done(f, &f->main, "Encrypt", body, "CiphertextBlob", blob);
	struct logfmt_entry issued = last_entry(f);
	assert_int_equal(issued.event, LOGFMT_ACCESS);
	assert_true(bytes_is(issued.op, "kms:Encrypt"));
	assert_true(bytes_is(issued.basis, "tenant-owner"));
	assert_int_equal(issued.n_keys, 1);
	assert_int_equal(issued.keys[0].use, LOGFMT_ISSUED);

	snprintf(body, sizeof(body), "{\"CiphertextBlob\":\"%s\",\"EncryptionContext\":"
	         "{\"a\":\"1\",\"b\":\"2\"}}", blob);
	done(f, &f->main, "Decrypt", body, "Plaintext", plain);
	assert_string_equal(plain, "AAEC");
	struct logfmt_entry opened = last_entry(f);
	assert_int_equal(opened.keys[0].use, LOGFMT_OPENED);
	assert_memory_equal(issued.keys[0].wrapped_digest, opened.keys[0].wrapped_digest, 32);
	assert_memory_equal(issued.keys[0].key_id, opened.keys[0].key_id, 16);

	snprintf(body, sizeof(body), "{\"CiphertextBlob\":\"%s\"}", blob);
	not_done(f, &(struct asking){.who = &f->main, .op = "Decrypt", .body = body},
	         "InvalidCiphertextException", "wrong-key");
	snprintf(body, sizeof(body), "{\"CiphertextBlob\":\"%s\",\"EncryptionContext\":"
	         "{\"a\":\"1\",\"b\":\"2\"}}", blob);
	not_done(f, &(struct asking){.who = &f->alt, .op = "Decrypt", .body = body},
	         "AccessDeniedException", "denied");
}

static void base64_text(struct bytes b, char out[TEXT])
{
	struct writer w = writer_fixed(out, TEXT - 1);

	base64_write(&w, b);
	assert_int_equal(writer_end(&w), OK);
	out[w.used] = '\0';
}

/* A gateway's wrapped key does not open as a blob, not even when its version byte says so; nor a blob as an object's key. */
static void test_domains(void **state)
{
	struct fixture *f = *state;
	char text[TEXT], body[BODY], blob[TEXT];
	uint8_t raw[WRAP_MAX_BYTES];
	const struct sigv4_evidence put = sign(f, &(struct signing){&f->main, "PUT", "/b/k"});
	struct kmsproto_key_call k = issue("b", "k", 1);
	struct kmsproto_reply r;

	assert_int_equal(ask(f, &put, &k, 1, &r), KMSPROTO_OK);
	struct bytes wrapped = arena_copy(f->arena, r.keys[0].wrapped);
	struct bytes arn = arena_copy(f->arena, r.keys[0].arn);
	kmsproto_replies_free(&r, 1);
	memcpy(raw, wrapped.p, wrapped.n);
	for (uint8_t version = 1; version <= 2; version++) {
		raw[0] = version;
		base64_text(bytes_of(raw, wrapped.n), text);
		snprintf(body, sizeof(body), "{\"CiphertextBlob\":\"%s\"}", text);
		not_done(f, &(struct asking){.who = &f->main, .op = "Decrypt", .body = body},
		         "InvalidCiphertextException", "wrong-key");
	}
	snprintf(body, sizeof(body), "{\"KeyId\":\"%.*s\",\"KeySpec\":\"AES_256\"}", (int)arn.n,
	         (const char *)arn.p);
	done(f, &f->main, "GenerateDataKey", body, "CiphertextBlob", blob);
	struct writer w = writer_fixed(raw, sizeof(raw));
	assert_int_equal(base64_read(bytes_text(blob), &w), OK);
	assert_int_equal(w.used, wrapped.n);
	const struct sigv4_evidence get = sign(f, &(struct signing){&f->main, "GET", "/b/k"});
	for (uint8_t version = 1; version <= 2; version++) {
		raw[0] = version;
		k = opening("b", "k", 1, writer_bytes(&w));
		assert_int_equal(ask(f, &get, &k, 1, NULL), KMSPROTO_WRONG_KEY);
	}
}

static void test_signatures(void **state)
{
	struct fixture *f = *state;
	struct person stranger = f->main;
	static const struct {
		struct asking q;
		const char *type, *result;
	} cases[] = {
		{{.unsigned_ = true}, "MissingAuthenticationTokenException", "denied"},
		{{.sent_body = "{ }"}, "InvalidSignatureException", "bad-signature"},
		{{.age_ms = 16 * 60 * 1000}, "InvalidSignatureException", "skewed"},
		{{.age_ms = -16 * 60 * 1000}, "InvalidSignatureException", "skewed"},
		{{.extra = "x-amz-security-token"}, "IncompleteSignatureException", "bad-call"},
		{{.by_query = true}, "IncompleteSignatureException", "bad-call"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct asking q = cases[i].q;
		q.who = &f->main;
		q.op = "ListKeys";
		q.body = "{}";
		not_done(f, &q, cases[i].type, cases[i].result);
		assert_int_equal(last_entry(f).principal.n, 0);
	}
	stranger.access_key[0] ^= 1;
	not_done(f, &(struct asking){.who = &stranger, .op = "ListKeys", .body = "{}"},
	         "UnrecognizedClientException", "no-access-key");
	not_done(f, &(struct asking){.who = &f->main, .op = "Dance", .body = "{}"},
	         "UnknownOperationException", "unknown-op");
	not_done(f, &(struct asking){.who = &f->main, .op = "Sign", .body = "{}"},
	         "UnsupportedOperationException", "unsupported");
}

static void test_flood(void **state)
{
	struct fixture *f = *state;
	const struct asking q = {.who = &f->main, .op = "ListKeys", .body = "{}", .unsigned_ = true};
	uint64_t before = keylog_size(f->kms.log);
	unsigned status, throttled = 0;

	for (unsigned i = 0; i < 4 * API_UNPROVEN_PER_S; i++) {
		struct json *j = call(f, &q, &status);
		throttled += bytes_is(json_get_bytes(j, "__type"), "ThrottlingException");
		json_free(j);
	}
	assert_int_equal(keylog_size(f->kms.log), before + 4 * API_UNPROVEN_PER_S - throttled);
	f->kms.api_second = 0; /* the next test does not wait for the next second */
}

static void test_dry_run(void **state)
{
	struct fixture *f = *state;
	char key[TEXT], body[BODY];

	make_key(f, &f->main, key);
	snprintf(body, sizeof(body), "{\"KeyId\":\"%s\",\"KeySpec\":\"AES_256\",\"DryRun\":true}", key);
	not_done(f, &(struct asking){.who = &f->main, .op = "GenerateDataKey", .body = body},
	         "DryRunOperationException", "dry-run");
	not_done(f, &(struct asking){.who = &f->alt, .op = "GenerateDataKey", .body = body},
	         "NotFoundException", "no-such-key");
}

/* The alias in a key's own record, which administrators see, follows. */
static void test_aliases(void **state)
{
	struct fixture *f = *state;
	char key[TEXT], other[TEXT], body[BODY], out[TEXT], find[100];

	make_key(f, &f->main, key);
	make_key(f, &f->main, other);
	snprintf(body, sizeof(body), "{\"AliasName\":\"alias/x/y\",\"TargetKeyId\":\"%s\"}", key);
	done(f, &f->main, "CreateAlias", body, "", out);
	assert_true(bytes_starts(last_entry(f).detail, BYTES("alias/x/y made for arn:aws:kms:")));
	not_done(f, &(struct asking){.who = &f->main, .op = "CreateAlias", .body = body},
	         "AlreadyExistsException", "exists");
	snprintf(find, sizeof(find), "{\"op\":\"key.rotate\",\"tenant\":\"%s\",\"key\":\"alias/x/y\"}",
	         f->main.tenant);
	admin_ok(f, find);
	assert_true(bytes_is(json_get_bytes(f->answer, "alias"), "alias/x/y"));
	snprintf(body, sizeof(body), "{\"AliasName\":\"alias/x/y\",\"TargetKeyId\":\"%s\"}", other);
	done(f, &f->main, "UpdateAlias", body, "", out);
	admin_ok(f, find);
	struct bytes arn = json_get_bytes(f->answer, "arn");
	assert_true(bytes_equal(bytes_skip(arn, arn.n - 36), bytes_text(other)));
	assert_true(bytes_is(json_get_bytes(f->answer, "alias"), "alias/x/y"));
	done(f, &f->main, "DeleteAlias", "{\"AliasName\":\"alias/x/y\"}", "", out);
	admin_refused(f, find, "not-found");
}

static void test_sealed(void **state)
{
	struct fixture *f = *state;
	uint64_t before;
	unsigned status;

	admin_ok(f, "{\"op\":\"seal\"}");
	before = keylog_size(f->kms.log);
	struct json *j = call(f, &(struct asking){.who = &f->main, .op = "ListKeys", .body = "{}"},
	                      &status);
	assert_int_equal(status, 503);
	assert_true(bytes_is(json_get_bytes(j, "__type"), "KMSInternalException"));
	json_free(j);
	assert_int_equal(keylog_size(f->kms.log), before);
	admin_ok(f, "{\"op\":\"unseal\",\"passphrase\":\"" PASSPHRASE "\"}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_domains),
		cmocka_unit_test(test_signatures), cmocka_unit_test(test_flood),
		cmocka_unit_test(test_dry_run),    cmocka_unit_test(test_aliases),
		cmocka_unit_test(test_sealed),
	};
	return cmocka_run_group_tests(tests, fixture_up, fixture_down);
}
