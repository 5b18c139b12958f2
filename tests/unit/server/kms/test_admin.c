/* The administration API, as ADMIN-API.md tells it: answers, refusals, and an entry for each of them. */
#include "tests/unit/server/kms/fixture.h"

#include "server/kms/access.h"

enum { LONG_MS = 3600 * 1000 };

static void test_status(void **state)
{
	struct fixture *f = *state;
	uint64_t n = 0;

	uint64_t before = keylog_size(f->kms.log);
	admin_ok(f, "{\"op\":\"status\"}");
	assert_true(bytes_is(json_get_bytes(f->answer, "state"), "open"));
	assert_true(bytes_is(json_get_bytes(f->answer, "origin"), "kms.test/log/1"));
	assert_int_equal(json_get_bytes(f->answer, "boot").n, 32);
	assert_int_equal(json_get_u64(f->answer, "tenants", &n), OK);
	assert_int_equal(n, 2);
	assert_int_equal(json_get_u64(f->answer, "gateways", &n), OK);
	assert_int_equal(n, 1);
	assert_int_equal(json_get_u64(f->answer, "keys", &n), OK);
	assert_int_equal(n, 2);
	assert_int_equal(keylog_size(f->kms.log), before);
}

static void test_states(void **state)
{
	struct fixture *f = fixture_new();
	*state = f;

	admin_ok(f, "{\"op\":\"status\"}");
	assert_true(bytes_is(json_get_bytes(f->answer, "state"), "uninitialised"));
	admin_refused(f, "{\"op\":\"tenant.list\"}", "not-initialised");
	admin_refused(f, "{\"op\":\"unseal\",\"passphrase\":\"" PASSPHRASE "\"}", "not-initialised");
	admin_refused(f, "{\"op\":\"init\"}", "bad-request");
	admin_refused(f, "{\"op\":\"init\",\"passphrase\":\"short\"}", "bad-request");
	admin_refused(f, "{\"op\":\"init\",\"passphrase\":\"" PASSPHRASE "\",\"memory_mib\":63}",
	              "bad-request");
	admin_refused(f, "{\"op\":\"init\",\"passphrase\":\"" PASSPHRASE "\",\"passes\":2}",
	              "bad-request");
	assert_true(bytes_is(last_entry(f).result, "bad-request"));
	assert_int_equal(last_entry(f).event, LOGFMT_INIT);
	admin_ok(f, "{\"op\":\"init\",\"passphrase\":\"" PASSPHRASE "\",\"memory_mib\":64,"
	            "\"passes\":3}");
	assert_true(bytes_starts(json_get_bytes(f->answer, "log_vkey"), BYTES("kms.test/log/1+")));
	admin_refused(f, "{\"op\":\"init\",\"passphrase\":\"" PASSPHRASE "\"}",
	              "already-initialised");
	admin_refused(f, "{\"op\":\"unseal\",\"passphrase\":\"" PASSPHRASE "\"}", "conflict");
	admin_ok(f, "{\"op\":\"seal\"}");
	assert_int_equal(last_entry(f).event, LOGFMT_SEAL);
	admin_refused(f, "{\"op\":\"tenant.create\",\"name\":\"x\"}", "sealed");
	assert_true(bytes_is(last_entry(f).op, "tenant.create"));
	assert_true(bytes_is(last_entry(f).result, "sealed"));
	admin_ok(f, "{\"op\":\"unseal\",\"passphrase\":\"" PASSPHRASE "\"}");
	assert_true(bytes_is(last_entry(f).result, "ok"));
	assert_true(bytes_is(last_entry(f).principal, "admin:tester"));
}

/* Every attempt is an entry, and guessing gets slower. */
static void test_wrong_passphrase(void **state)
{
	struct fixture *f = *state;

	admin_ok(f, "{\"op\":\"seal\"}");
	uint64_t before = clock_mono_ms();
	admin_refused(f, "{\"op\":\"unseal\",\"passphrase\":\"wrong\"}", "bad-passphrase");
	assert_in_range(f->kms.refused_until_ms, before + KMS_REFUSAL_FIRST_MS,
	                clock_mono_ms() + KMS_REFUSAL_FIRST_MS);
	assert_int_equal(last_entry(f).event, LOGFMT_UNSEAL);
	assert_true(bytes_is(last_entry(f).result, "refused"));
	/* Even the right one has to wait: here for so long that no machine is too slow to see it. */
	f->kms.refused_until_ms += LONG_MS;
	admin_refused(f, "{\"op\":\"unseal\",\"passphrase\":\"" PASSPHRASE "\"}", "unavailable");
	assert_int_equal(atomic_load(&f->kms.state), KMS_SEALED);
	f->kms.refused_until_ms = 0;
	before = clock_mono_ms();
	admin_refused(f, "{\"op\":\"unseal\",\"passphrase\":\"wrong\"}", "bad-passphrase");
	assert_in_range(f->kms.refused_until_ms, before + 2 * KMS_REFUSAL_FIRST_MS,
	                clock_mono_ms() + 2 * KMS_REFUSAL_FIRST_MS);
	f->kms.refused_until_ms = 0;
	admin_ok(f, "{\"op\":\"unseal\",\"passphrase\":\"" PASSPHRASE "\"}");
	assert_int_equal(f->kms.refusals, 0);
}

static void test_tenants(void **state)
{
	struct fixture *f = *state;

	admin_refused(f, "{\"op\":\"tenant.create\",\"name\":\"main\"}", "exists");
	assert_true(bytes_is(last_entry(f).result, "exists"));
	admin_refused(f, "{\"op\":\"tenant.create\",\"name\":\"123456789012\"}", "bad-request");
	admin_refused(f, "{\"op\":\"tenant.create\",\"name\":\"a b\"}", "bad-request");
	admin_refused(f, "{\"op\":\"tenant.create\",\"name\":\"\"}", "bad-request");
	admin_refused(f, "{\"op\":\"tenant.create\",\"name\":7}", "bad-request");
	admin_refused(f, "{\"op\":\"tenant.create\",\"name\":\"x\",\"email\":\"a\\nb\"}",
	              "bad-request");
	admin_ok(f, "{\"op\":\"tenant.create\",\"name\":\"h\\u002d1\",\"display_name\":"
	            "\"H\\u00f4pital\"}");
	assert_true(bytes_is(json_get_bytes(f->answer, "name"), "h-1"));
	struct bytes number = json_get_bytes(f->answer, "tenant");
	assert_int_equal(number.n, 12);
	assert_int_not_equal(number.p[0], '0');
	assert_int_equal(json_get_bytes(f->answer, "canonical_id").n, 64);
	assert_true(bytes_starts(json_get_bytes(f->answer, "default_key"),
	                         BYTES("arn:aws:kms:fr-sov-1:")));
	assert_true(bytes_is(last_entry(f).detail, "tenant h-1"));
	admin_ok(f, "{\"op\":\"tenant.list\"}");
	assert_int_equal(json_count(json_get(f->answer, "tenants")), 3);
}

static void test_users(void **state)
{
	struct fixture *f = *state;
	char text[200];
	uint64_t before = keylog_size(f->kms.log);

	admin_ok(f, "{\"op\":\"user.create\",\"tenant\":\"main\",\"user\":\"bob@x\","
	            "\"expires\":\"2099-12-31T23:59:59Z\"}");
	assert_true(bytes_is(json_get_bytes(f->answer, "expires"), "2099-12-31T23:59:59.000Z"));
	assert_true(json_get_bool(f->answer, "enabled", false));
	assert_int_equal(keylog_size(f->kms.log), before + 1);
	admin_refused(f, "{\"op\":\"user.create\",\"tenant\":\"main\",\"user\":\"bob@x\"}", "exists");
	admin_refused(f, "{\"op\":\"user.create\",\"tenant\":\"nobody\",\"user\":\"x\"}",
	              "not-found");
	admin_refused(f, "{\"op\":\"user.create\",\"tenant\":\"999999999999\",\"user\":\"x\"}",
	              "not-found");
	admin_refused(f, "{\"op\":\"user.create\",\"tenant\":\"main\",\"user\":\"x\","
	                 "\"expires\":\"2001-01-01T00:00:00Z\"}", "bad-request");
	admin_refused(f, "{\"op\":\"user.create\",\"tenant\":\"main\",\"user\":\"x\","
	                 "\"expires\":\"tomorrow\"}", "bad-request");
	admin_refused(f, "{\"op\":\"user.disable\",\"tenant\":\"main\",\"user\":\"x\"}", "not-found");
	snprintf(text, sizeof(text), "{\"op\":\"user.list\",\"tenant\":\"%s\"}", f->main.tenant);
	admin_ok(f, text);
	assert_int_equal(json_count(json_get(f->answer, "users")), 2);
	admin_ok(f, "{\"op\":\"user.delete\",\"tenant\":\"main\",\"user\":\"u\"}");
	admin_ok(f, "{\"op\":\"access-key.list\",\"tenant\":\"main\"}");
	assert_int_equal(json_count(json_get(f->answer, "access_keys")), 0);
	admin_ok(f, "{\"op\":\"access-key.list\",\"tenant\":\"alt\"}");
	assert_int_equal(json_count(json_get(f->answer, "access_keys")), 1);
}

static void test_access_keys(void **state)
{
	struct fixture *f = *state;
	struct bytes id, secret;
	static const char import[] = "{\"op\":\"access-key.create\",\"tenant\":\"main\","
		"\"user\":\"u\",\"access_key\":\"minio/admin\",\"secret_key\":\"open sesame\"}";

	admin_ok(f, "{\"op\":\"access-key.create\",\"tenant\":\"main\",\"user\":\"u\"}");
	id = json_get_bytes(f->answer, "access_key");
	secret = json_get_bytes(f->answer, "secret_key");
	assert_true(bytes_starts(id, BYTES("AKIA")));
	assert_int_equal(id.n, 20);
	assert_int_equal(secret.n, 40);
	/* Not in the log, and shown this once. */
	struct logfmt_entry e = last_entry(f);
	assert_null(memmem(e.detail.p, e.detail.n, secret.p, secret.n));
	admin_ok(f, import);
	assert_true(bytes_is(json_get_bytes(f->answer, "secret_key"), "open sesame"));
	admin_refused(f, import, "exists");
	admin_refused(f, "{\"op\":\"access-key.create\",\"tenant\":\"main\",\"user\":\"u\","
	                 "\"access_key\":\"abc\"}", "bad-request");
	admin_refused(f, "{\"op\":\"access-key.create\",\"tenant\":\"main\",\"user\":\"u\","
	                 "\"access_key\":\"a c\",\"secret_key\":\"x\"}", "bad-request");
	admin_refused(f, "{\"op\":\"access-key.create\",\"tenant\":\"main\",\"user\":\"nobody\"}",
	              "not-found");
	admin_ok(f, "{\"op\":\"access-key.list\",\"tenant\":\"main\",\"user\":\"u\"}");
	const struct json *list = json_get(f->answer, "access_keys");
	assert_int_equal(json_count(list), 3);
	for (size_t i = 0; i < json_count(list); i++) {
		assert_null(json_get(json_at(list, i), "secret_key"));
	}
	admin_ok(f, "{\"op\":\"access-key.disable\",\"access_key\":\"minio/admin\"}");
	assert_false(json_get_bool(f->answer, "enabled", true));
	admin_ok(f, "{\"op\":\"access-key.delete\",\"access_key\":\"minio/admin\"}");
	admin_refused(f, "{\"op\":\"access-key.enable\",\"access_key\":\"minio/admin\"}",
	              "not-found");
}

static void test_keys(void **state)
{
	struct fixture *f = *state;
	char text[300], uuid[40], arn[128];
	uint64_t version = 0;

	admin_ok(f, "{\"op\":\"key.create\",\"tenant\":\"main\",\"alias\":\"alias/a\"}");
	take(f, "key", uuid, sizeof(uuid));
	take(f, "arn", arn, sizeof(arn));
	assert_int_equal(uuid[14], '4'); /* RFC 9562 version */
	assert_true(bytes_is(json_get_bytes(f->answer, "alias"), "alias/a"));
	admin_refused(f, "{\"op\":\"key.create\",\"tenant\":\"main\",\"alias\":\"a\"}", "exists");
	admin_ok(f, "{\"op\":\"key.create\",\"tenant\":\"alt\",\"alias\":\"a\"}");
	admin_ok(f, "{\"op\":\"key.create\",\"tenant\":\"main\"}");
	const char *names[] = {uuid, arn};
	for (size_t i = 0; i < COUNT(names); i++) {
		snprintf(text, sizeof(text), "{\"op\":\"key.rotate\",\"key\":\"%s\"}", names[i]);
		admin_ok(f, text);
		assert_int_equal(json_get_u64(f->answer, "version", &version), OK);
		assert_int_equal(version, i + 2);
	}
	admin_ok(f, "{\"op\":\"key.disable\",\"tenant\":\"main\",\"key\":\"a\"}");
	assert_true(bytes_is(json_get_bytes(f->answer, "state"), "disabled"));
	admin_refused(f, "{\"op\":\"key.rotate\",\"tenant\":\"main\",\"key\":\"a\"}", "conflict");
	admin_ok(f, "{\"op\":\"key.enable\",\"tenant\":\"main\",\"key\":\"alias/a\"}");
	admin_refused(f, "{\"op\":\"key.rotate\",\"key\":\"alias/a\"}", "not-found");
	snprintf(text, sizeof(text), "{\"op\":\"key.disable\",\"tenant\":\"alt\",\"key\":\"%s\"}",
	         uuid);
	admin_refused(f, text, "not-found"); /* not a key of that tenant */
	admin_ok(f, "{\"op\":\"key.list\",\"tenant\":\"main\"}");
	const struct json *list = json_get(f->answer, "keys");
	assert_int_equal(json_count(list), 3);
	size_t defaults = 0;
	for (size_t i = 0; i < 3; i++) {
		defaults += json_get_bool(json_at(list, i), "default", false);
	}
	assert_int_equal(defaults, 1);
}

static void test_gateways(void **state)
{
	struct fixture *f = *state;
	char text[300], other[65];

	memset(other, 'a', 64);
	other[64] = '\0';
	snprintf(text, sizeof(text), "{\"op\":\"gateway.enrol\",\"name\":\"gw1\","
	         "\"certificate_sha256\":\"%s\"}", other);
	admin_refused(f, text, "exists"); /* the name */
	memset(other, 0, sizeof(other));
	struct writer w = writer_fixed(other, 64);
	hex_write(&w, bytes_of(f->certificate, 32));
	snprintf(text, sizeof(text), "{\"op\":\"gateway.enrol\",\"name\":\"gw9\","
	         "\"certificate_sha256\":\"%s\"}", other);
	admin_refused(f, text, "exists"); /* the certificate */
	admin_refused(f, "{\"op\":\"gateway.enrol\",\"name\":\"x\",\"certificate_sha256\":\"ab\"}",
	              "bad-request");
	admin_ok(f, "{\"op\":\"gateway.list\"}");
	assert_int_equal(json_count(json_get(f->answer, "gateways")), 1);
	const struct json *g = json_at(json_get(f->answer, "gateways"), 0);
	assert_true(bytes_is(json_get_bytes(g, "domains"), "s3.test other.test"));
	assert_null(json_get(g, "secret"));
	admin_ok(f, "{\"op\":\"gateway.remove\",\"name\":\"gw1\"}");
	admin_refused(f, "{\"op\":\"gateway.remove\",\"name\":\"gw1\"}", "not-found");
	admin_refused(f, "{\"op\":\"gateway.remove\",\"name\":\"gw7\"}", "not-found");
	admin_ok(f, "{\"op\":\"gateway.list\"}");
	assert_int_equal(json_count(json_get(f->answer, "gateways")), 0);
}

static void test_not_requests(void **state)
{
	struct fixture *f = *state;
	static const char *const bad[] = {"", "{", "[]", "7", "{\"op\":\"status\",\"op\":\"seal\"}",
	                                  "{\"op\":\"status\"} x", "null"};
	uint64_t before = keylog_size(f->kms.log);

	for (size_t i = 0; i < COUNT(bad); i++) {
		admin_refused(f, bad[i], "bad-request");
	}
	admin_refused(f, "{}", "unknown-op");
	admin_refused(f, "{\"op\":\"destroy\"}", "unknown-op");
	admin_refused(f, "{\"op\":7}", "unknown-op");
	assert_int_equal(keylog_size(f->kms.log), before);
}

/* What is not in the log is not done: here the log cannot take an entry any more. */
static void test_no_change_without_entry(void **state)
{
	struct fixture *f = *state;
	static const uint8_t id[16];
	struct writer w AUTO(writer_free) = writer_growing(ADMIN_ANSWER_MAX);
	struct arena *a AUTO(arena_freep) = arena_new(4 << 20);
	char path[400];

	/* The journal notices that its file is gone. */
	snprintf(path, sizeof(path), "rm -f %s/journal/*", f->config.log_dir);
	assert_int_equal(system(path), 0);
	unsigned status = admin_answer(&f->kms, BYTES("tester"), id,
	                               BYTES("{\"op\":\"tenant.create\",\"name\":\"x\"}"), a, &w);
	assert_int_equal(status, 503);
	assert_int_not_equal(kms_commit(&f->kms), OK);
	struct bytes plain;
	assert_int_equal(keystore_get(f->kms.store, f->arena, KEYSTORE_META,
	                              BYTES("tenant-name/x"), &plain), ERR_NOTFOUND);
	/* And no key: the call is refused, and the batch is not committed either. */
	const struct sigv4_evidence e = sign(f, &(struct signing){&f->main, "PUT", "/b/k"});
	struct kmsproto_call c = access_of(&e);
	c.access.keys[0] = issue("b", "k", 1);
	c.access.n_keys = 1;
	struct kmsproto_reply r = {0};
	arena_reset(a);
	access_decide(&f->kms, &f->kms.gateways.list[0], &c, a, &r);
	assert_true(r.verdict == KMSPROTO_UNAVAILABLE || kms_commit(&f->kms) != OK);
	kmsproto_replies_free(&r, 1);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_up, fixture_down)
	const struct CMUnitTest tests[] = {
		CASE(test_status),
		cmocka_unit_test_setup_teardown(test_states, NULL, fixture_down),
		CASE(test_wrong_passphrase),
		CASE(test_tenants),
		CASE(test_users),
		CASE(test_access_keys),
		CASE(test_keys),
		CASE(test_gateways),
		CASE(test_not_requests),
		CASE(test_no_change_without_entry),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
