/* What a stolen gateway can ask for: everything but what a user signed is refused, and is in the log. */
#include "tests/unit/server/kms/fixture.h"

#include "server/kms/access.h"

/* An object of the main tenant, put as a user puts it. */
struct object {
	struct secret *dek;
	struct bytes wrapped;
};

static struct object put(struct fixture *f, const char *path, const char *key, uint8_t id)
{
	const struct sigv4_evidence e = sign(f, &(struct signing){&f->main, "PUT", path});
	struct kmsproto_key_call k = issue("b", key, id);
	struct kmsproto_reply r;

	assert_int_equal(ask(f, &e, &k, 1, &r), KMSPROTO_OK);
	assert_int_equal(r.n_keys, 1);
	assert_int_equal(secret_size(r.keys[0].dek), 32);
	return (struct object){r.keys[0].dek, r.keys[0].wrapped};
}

/* Refused with this verdict, and the last entry says so and names no key. */
static void refused(struct fixture *f, const struct sigv4_evidence *e,
                    const struct kmsproto_key_call *keys, size_t n, enum kmsproto_verdict want)
{
	uint64_t before = keylog_size(f->kms.log);
	enum kmsproto_verdict got = ask(f, e, keys, n, NULL);

	if (got != want) {
		fail_msg("verdict %s, not %s", kmsproto_verdict_name(got),
		         kmsproto_verdict_name(want));
	}
	assert_int_equal(keylog_size(f->kms.log), before + 1);
	struct logfmt_entry entry = last_entry(f);
	assert_int_equal(entry.event, LOGFMT_ACCESS);
	assert_true(bytes_is(entry.result, kmsproto_verdict_name(want)));
	assert_int_equal(entry.n_keys, 0);
	assert_true(bytes_is(entry.gateway, "gw1"));
	assert_true(bytes_is(entry.source, "198.51.100.7"));
	assert_int_equal(entry.basis.n, 0);
}

static void test_put_then_get(void **state)
{
	struct fixture *f = *state;
	struct object o = put(f, "/b/k", "k", 1);
	struct logfmt_entry issued = last_entry(f);
	const struct sigv4_evidence e = sign(f, &(struct signing){&f->main, "GET", "/b/k"});
	struct kmsproto_key_call k = opening("b", "k", 1, o.wrapped);
	struct kmsproto_reply r;

	assert_int_equal(ask(f, &e, &k, 1, &r), KMSPROTO_OK);
	assert_true(secret_equal(r.keys[0].dek, o.dek));
	assert_true(bytes_is(r.principal.tenant, f->main.tenant));
	assert_true(bytes_is(r.principal.arn, f->main.arn));
	assert_int_equal(r.principal.canonical_id.n, 64);

	struct logfmt_entry opened = entry_of(f, r.log_index);
	assert_true(bytes_is(issued.result, "ok"));
	assert_true(bytes_is(issued.op, "s3:PutObject"));
	assert_true(bytes_is(opened.op, "s3:GetObject"));
	assert_true(bytes_is(opened.principal, f->main.arn));
	assert_true(bytes_is(opened.access_key, f->main.access_key));
	assert_true(bytes_is(opened.tenant, f->main.tenant));
	assert_true(bytes_is(opened.basis, "tenant-owner"));
	assert_int_equal(opened.request_id[0], 0x42);
	assert_int_equal(opened.period.n, 7);
	assert_int_equal(issued.keys[0].use, LOGFMT_ISSUED);
	assert_int_equal(opened.keys[0].use, LOGFMT_OPENED);
	/* The opening is linked to the issue, and says which object without its name. */
	assert_memory_equal(issued.keys[0].wrapped_digest, opened.keys[0].wrapped_digest, 32);
	assert_memory_equal(issued.keys[0].object_token, opened.keys[0].object_token, 32);
	assert_memory_equal(issued.bucket_token, opened.bucket_token, 32);
	kmsproto_replies_free(&r, 1);
	secret_free(o.dek);
}

static void test_another_object(void **state)
{
	struct fixture *f = *state;
	struct object a = put(f, "/b/a", "a", 1), b = put(f, "/b/b", "b", 2);
	const struct sigv4_evidence e = sign(f, &(struct signing){&f->main, "GET", "/b/a"});
	struct kmsproto_key_call k = opening("b", "b", 2, b.wrapped);

	refused(f, &e, &k, 1, KMSPROTO_BAD_CALL); /* signed for a, asks for b */
	assert_true(last_entry(f).detail.n > 0);
	k = opening("b2", "a", 1, a.wrapped);
	refused(f, &e, &k, 1, KMSPROTO_BAD_CALL); /* another bucket */
	k = opening("b", "a", 1, b.wrapped);
	refused(f, &e, &k, 1, KMSPROTO_WRONG_KEY); /* b's key under a's name */
	k = opening("b", "a", 2, a.wrapped);
	refused(f, &e, &k, 1, KMSPROTO_WRONG_KEY); /* under another version's id */
	struct bytes cut = bytes_first(a.wrapped, a.wrapped.n - 1);
	k = opening("b", "a", 1, cut);
	refused(f, &e, &k, 1, KMSPROTO_WRONG_KEY);
	k = opening("b", "a", 1, BYTES("nonsense"));
	refused(f, &e, &k, 1, KMSPROTO_WRONG_KEY);
	secret_free(a.dek);
	secret_free(b.dek);
}

#define UPLOAD_1 "uploadId=01010101010101010101010101010101"
#define UPLOAD_2 "uploadId=02020202020202020202020202020202"

/* For each operation, every key operation on its very object: only what it needs is given. */
static void test_operation_matrix(void **state)
{
	struct fixture *f = *state;
	struct object o = put(f, "/b/k", "k", 1);
	static const struct {
		const char *method, *path, *query;
		bool issue, open;
	} rows[] = {
		{"GET", "/b/k", "", false, true},
		{"GET", "/b/k", "partNumber=1", false, true},
		/* A version: its own key, no other's. Of the null version only the index knows the id. */
		{"GET", "/b/k", "versionId=01010101010101010101010101010101", false, true},
		{"GET", "/b/k", "versionId=02020202020202020202020202020202", false, false},
		{"GET", "/b/k", "versionId=null", false, true},
		{"GET", "/b/k", "versionId=", false, false},
		{"GET", "/b/k", "versionId=0101", false, false},
		{"HEAD", "/b/k", "versionId=01010101010101010101010101010101", false, false},
		{"PUT", "/b/k", "retention=", false, false},
		{"HEAD", "/b/k", "", false, false},
		{"PUT", "/b/k", "", true, false},
		{"DELETE", "/b/k", "", false, false},
		{"POST", "/b/k", "uploads=", true, false},
		{"PUT", "/b/k", "partNumber=1&" UPLOAD_1, false, true},
		{"POST", "/b/k", UPLOAD_1, false, true},
		/* Another upload, or none that can be: not this object's key. */
		{"PUT", "/b/k", "partNumber=1&" UPLOAD_2, false, false},
		{"POST", "/b/k", UPLOAD_2, false, false},
		{"PUT", "/b/k", "partNumber=1&uploadId=x", false, false},
		{"POST", "/b/k", "uploadId=x", false, false},
		{"DELETE", "/b/k", "uploadId=x", false, false},
		{"GET", "/b/k", "uploadId=x", false, false},
		{"GET", "/b/k", "tagging=", false, false},
		{"PUT", "/b/k", "acl=", false, false},
		{"GET", "/b", "list-type=2", false, false},
		{"GET", "/", "", false, false},
		{"PUT", "/b", "", false, false},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct sigv4_evidence e = sign(f, &(struct signing){&f->main, rows[i].method,
			rows[i].path, rows[i].query});
		struct kmsproto_key_call in = issue("b", "k", 9);
		struct kmsproto_key_call out = opening("b", "k", 1, o.wrapped);
		assert_int_equal(ask(f, &e, &in, 1, NULL),
		                 rows[i].issue ? KMSPROTO_OK : KMSPROTO_BAD_CALL);
		assert_int_equal(ask(f, &e, &out, 1, NULL),
		                 rows[i].open ? KMSPROTO_OK : KMSPROTO_BAD_CALL);
		/* The request itself is the user's: without a key it is authenticated. */
		assert_int_equal(ask(f, &e, NULL, 0, NULL), KMSPROTO_OK);
	}
	secret_free(o.dek);
}

static void test_copy(void **state)
{
	struct fixture *f = *state;
	struct object o = put(f, "/b/src", "src", 1);
	const struct sigv4_evidence e = sign(f, &(struct signing){&f->main, "PUT", "/b/dst",
		.copy_source = "/b/src?versionId=null"});
	struct kmsproto_key_call keys[2] = {issue("b", "dst", 2), opening("b", "src", 1, o.wrapped)};
	struct kmsproto_reply r;

	keys[1].source = true;
	assert_int_equal(ask(f, &e, keys, 2, &r), KMSPROTO_OK);
	assert_true(secret_equal(r.keys[1].dek, o.dek));
	assert_int_equal(last_entry(f).n_keys, 2);
	assert_true(bytes_is(last_entry(f).op, "s3:CopyObject"));
	kmsproto_replies_free(&r, 1);

	const char *const versions[] = {"b/src?versionId=01010101010101010101010101010101",
	                                "b/src?versionId=02020202020202020202020202020202"};
	for (size_t i = 0; i < COUNT(versions); i++) { /* the version that is signed, no other */
		const struct sigv4_evidence v = sign(f, &(struct signing){&f->main, "PUT", "/b/dst",
			.copy_source = versions[i]});
		assert_int_equal(ask(f, &v, keys, 2, NULL), i == 0 ? KMSPROTO_OK
		                                                   : KMSPROTO_BAD_CALL);
	}

	keys[1].source = false; /* the source as if it were the target */
	refused(f, &e, keys, 2, KMSPROTO_BAD_CALL);
	keys[1] = opening("b", "other", 1, o.wrapped);
	keys[1].source = true;
	refused(f, &e, keys, 2, KMSPROTO_BAD_CALL);
	keys[0].source = true; /* a fresh key for the source */
	refused(f, &e, keys, 1, KMSPROTO_BAD_CALL);

	const struct sigv4_evidence part = sign(f, &(struct signing){&f->main, "PUT", "/b/dst",
		"partNumber=1&uploadId=x", .copy_source = "b/src"});
	keys[1] = opening("b", "src", 1, o.wrapped);
	keys[1].source = true;
	assert_int_equal(ask(f, &part, &keys[1], 1, NULL), KMSPROTO_OK);
	/* A source that cannot be read is the user's mistake: no alarm, and no key. */
	const struct sigv4_evidence nonsense = sign(f, &(struct signing){&f->main, "PUT", "/b/dst",
		.copy_source = "nonsense"});
	assert_int_equal(ask(f, &nonsense, NULL, 0, NULL), KMSPROTO_OK);
	refused(f, &nonsense, keys + 1, 1, KMSPROTO_BAD_CALL);
	/* A plain PUT names no source at all. */
	const struct sigv4_evidence plain = sign(f, &(struct signing){&f->main, "PUT", "/b/dst"});
	refused(f, &plain, &keys[1], 1, KMSPROTO_BAD_CALL);
	secret_free(o.dek);
}

static void test_host_style(void **state)
{
	struct fixture *f = *state;
	struct object o = put(f, "/b/k", "k", 1);
	struct kmsproto_key_call k = opening("b", "k", 1, o.wrapped);
	const struct sigv4_evidence good = sign(f, &(struct signing){&f->main, "GET", "/k",
		.host = "b.other.test"});
	/* Not a domain of this gateway: then the path alone says bucket "k", no key. */
	const struct sigv4_evidence foreign = sign(f, &(struct signing){&f->main, "GET", "/k",
		.host = "b.evil.test"});

	assert_int_equal(ask(f, &good, &k, 1, NULL), KMSPROTO_OK);
	refused(f, &foreign, &k, 1, KMSPROTO_BAD_CALL);
	secret_free(o.dek);
}

static void test_no_evidence(void **state)
{
	struct fixture *f = *state;
	struct object o = put(f, "/b/k", "k", 1);
	struct kmsproto_key_call k = opening("b", "k", 1, o.wrapped);
	struct sigv4_evidence none = {.kind = SIGV4_ANONYMOUS};

	refused(f, &none, &k, 1, KMSPROTO_DENIED);
	none.canonical = sign(f, &(struct signing){&f->main, "GET", "/b/k"}).canonical;
	refused(f, &none, &k, 1, KMSPROTO_DENIED);
	secret_free(o.dek);
}

static void test_stale(void **state)
{
	struct fixture *f = *state;
	struct object o = put(f, "/b/k", "k", 1);
	struct kmsproto_key_call k = opening("b", "k", 1, o.wrapped);
	const int64_t minute = 60000;

	for (int sign_of = -1; sign_of <= 1; sign_of += 2) {
		const struct sigv4_evidence bad = sign(f, &(struct signing){&f->main, "GET", "/b/k",
			.age_ms = sign_of * 16 * minute});
		const struct sigv4_evidence good = sign(f, &(struct signing){&f->main, "GET",
			"/b/k", .age_ms = sign_of * 14 * minute});
		refused(f, &bad, &k, 1, KMSPROTO_SKEWED);
		assert_int_equal(ask(f, &good, &k, 1, NULL), KMSPROTO_OK);
	}
	struct sigv4_evidence late = sign(f, &(struct signing){&f->main, "GET", "/b/k",
		.age_ms = 2 * minute, .expires_s = 60});
	refused(f, &late, &k, 1, KMSPROTO_EXPIRED);
	late.expires_s = 604800; /* a lie beside the signed query */
	refused(f, &late, &k, 1, KMSPROTO_EXPIRED);
	const struct sigv4_evidence presigned = sign(f, &(struct signing){&f->main, "GET", "/b/k",
		.age_ms = 60 * minute, .expires_s = 7200});
	assert_int_equal(ask(f, &presigned, &k, 1, NULL), KMSPROTO_OK);
	secret_free(o.dek);
}

static struct bytes changed(struct fixture *f, struct bytes b, const char *from, const char *to)
{
	struct bytes copy = arena_copy(f->arena, b);
	uint8_t *at = memmem(copy.p, copy.n, from, strlen(from));

	assert_non_null(at);
	assert_int_equal(strlen(from), strlen(to));
	memcpy(at, to, strlen(to));
	return copy;
}

static void test_changed_evidence(void **state)
{
	struct fixture *f = *state;
	struct object o = put(f, "/b/secret", "secret", 1);
	struct kmsproto_key_call k = opening("b", "secret", 1, o.wrapped);
	struct sigv4_evidence e = sign(f, &(struct signing){&f->main, "GET", "/b/public"});

	e.canonical = changed(f, e.canonical, "public", "secret");
	refused(f, &e, &k, 1, KMSPROTO_BAD_SIGNATURE);
	e = sign(f, &(struct signing){&f->main, "PUT", "/b/secret"});
	e.canonical = changed(f, e.canonical, "PUT", "GET");
	refused(f, &e, &k, 1, KMSPROTO_BAD_SIGNATURE);
	e = sign(f, &(struct signing){&f->main, "GET", "/b/secret"});
	e.signature = changed(f, e.signature, (char[]){(char)e.signature.p[0], 0},
	                      e.signature.p[0] == 'a' ? "b" : "a");
	refused(f, &e, &k, 1, KMSPROTO_BAD_SIGNATURE);
	e = sign(f, &(struct signing){&f->main, "GET", "/b/secret"});
	e.access_key = bytes_text(f->alt.access_key);
	refused(f, &e, &k, 1, KMSPROTO_BAD_SIGNATURE);
	/* A principal that did not sign is not told, and not in the entry. */
	assert_int_equal(last_entry(f).principal.n, 0);
	e = sign(f, &(struct signing){&f->main, "GET", "/b/secret"});
	e.amz_date = amz_date(f, 3600000);
	refused(f, &e, &k, 1, KMSPROTO_BAD_CALL);
	e = sign(f, &(struct signing){&f->main, "GET", "/b/secret"});
	e.service = BYTES("kms");
	refused(f, &e, &k, 1, KMSPROTO_BAD_CALL);
	e = sign(f, &(struct signing){&f->main, "GET", "/b/secret"});
	e.canonical = BYTES("GET\n/b/secret");
	refused(f, &e, &k, 1, KMSPROTO_BAD_CALL);
	secret_free(o.dek);
}

static void test_another_tenant(void **state)
{
	struct fixture *f = *state;
	struct object o = put(f, "/b/k", "k", 1);
	struct kmsproto_key_call k = opening("b", "k", 1, o.wrapped);
	const struct sigv4_evidence get = sign(f, &(struct signing){&f->alt, "GET", "/b/k"});
	const struct sigv4_evidence puts = sign(f, &(struct signing){&f->alt, "PUT", "/b/k"});
	struct principal *main;

	refused(f, &get, &k, 1, KMSPROTO_DENIED);
	assert_true(bytes_is(last_entry(f).tenant, f->alt.tenant));
	/* A fresh key under the KEK of the other tenant: by ARN, by UUID, by alias ARN. */
	char uuid[40] = {0}, arn[128], alias[128];
	arena_reset(f->kms.scratch);
	assert_int_equal(identity_find(&f->kms, bytes_text(f->main.access_key), &main), OK);
	struct writer w = writer_fixed(uuid, 36);
	keyring_write_uuid(&w, main->default_key);
	snprintf(arn, sizeof(arn), "arn:aws:kms:fr-sov-1:%s:key/%s", f->main.tenant, uuid);
	snprintf(alias, sizeof(alias), "arn:aws:kms:fr-sov-1:%s:alias/s3-default", f->main.tenant);
	const char *names[] = {arn, uuid, alias};
	for (size_t i = 0; i < COUNT(names); i++) {
		struct kmsproto_key_call in = issue("b", "k", 1);
		in.kek = bytes_text(names[i]);
		refused(f, &puts, &in, 1, KMSPROTO_DENIED);
	}
	secret_free(o.dek);
}

static void test_kek_names(void **state)
{
	struct fixture *f = *state;
	char text[200], uuid[40], arn[128];
	const struct sigv4_evidence e = sign(f, &(struct signing){&f->main, "PUT", "/b/k"});
	const char *wrong[] = {"alias/none", "none", "11111111-2222-4333-8444-555555555555",
	                       "arn:aws:s3:::b", "arn:", "alias/"};

	admin_ok(f, "{\"op\":\"key.create\",\"tenant\":\"main\",\"alias\":\"data\"}");
	take(f, "key", uuid, sizeof(uuid));
	take(f, "arn", arn, sizeof(arn));
	snprintf(text, sizeof(text), "arn:aws:kms:fr-sov-1:%s:alias/data", f->main.tenant);
	const char *right[] = {uuid, arn, "data", "alias/data", text};
	for (size_t i = 0; i < COUNT(right); i++) {
		struct kmsproto_key_call k = issue("b", "k", 1);
		struct kmsproto_reply r;
		k.kek = bytes_text(right[i]);
		assert_int_equal(ask(f, &e, &k, 1, &r), KMSPROTO_OK);
		assert_true(bytes_is(r.keys[0].arn, arn));
		kmsproto_replies_free(&r, 1);
	}
	for (size_t i = 0; i < COUNT(wrong); i++) {
		struct kmsproto_key_call k = issue("b", "k", 1);
		k.kek = bytes_text(wrong[i]);
		refused(f, &e, &k, 1, KMSPROTO_NO_SUCH_KEY);
	}
}

static void test_rotation_and_disabled_key(void **state)
{
	struct fixture *f = *state;
	char text[200];
	struct object old = put(f, "/b/k", "k", 1);
	const struct sigv4_evidence get = sign(f, &(struct signing){&f->main, "GET", "/b/k"});
	const struct sigv4_evidence puts = sign(f, &(struct signing){&f->main, "PUT", "/b/k"});
	struct kmsproto_key_call open_old = opening("b", "k", 1, old.wrapped), in = issue("b", "k", 2);

	snprintf(text, sizeof(text), "{\"op\":\"key.rotate\",\"tenant\":\"main\","
	         "\"key\":\"alias/s3-default\"}");
	admin_ok(f, text);
	struct object new = put(f, "/b/k", "k", 2);
	assert_int_equal(last_entry(f).keys[0].key_version, 2);
	struct kmsproto_key_call open_new = opening("b", "k", 2, new.wrapped);
	assert_int_equal(ask(f, &get, &open_old, 1, NULL), KMSPROTO_OK);
	assert_int_equal(last_entry(f).keys[0].key_version, 1);
	assert_int_equal(ask(f, &get, &open_new, 1, NULL), KMSPROTO_OK);

	admin_ok(f, "{\"op\":\"key.disable\",\"tenant\":\"main\",\"key\":\"s3-default\"}");
	refused(f, &get, &open_old, 1, KMSPROTO_KEY_DISABLED);
	refused(f, &get, &open_new, 1, KMSPROTO_KEY_DISABLED);
	refused(f, &puts, &in, 1, KMSPROTO_KEY_DISABLED);
	admin_ok(f, "{\"op\":\"key.enable\",\"tenant\":\"main\",\"key\":\"s3-default\"}");
	assert_int_equal(ask(f, &get, &open_old, 1, NULL), KMSPROTO_OK);
	secret_free(old.dek);
	secret_free(new.dek);
}

/* The caches know the user from the call before each change. */
static void test_disabled_and_deleted(void **state)
{
	struct fixture *f = *state;
	char text[200];
	const struct sigv4_evidence e = sign(f, &(struct signing){&f->main, "GET", "/b/k"});
	static const struct {
		const char *off, *on;
	} users = {"{\"op\":\"user.disable\",\"tenant\":\"main\",\"user\":\"u\"}",
	           "{\"op\":\"user.enable\",\"tenant\":\"main\",\"user\":\"u\"}"};

	assert_int_equal(ask(f, &e, NULL, 0, NULL), KMSPROTO_OK);
	admin_ok(f, users.off);
	refused(f, &e, NULL, 0, KMSPROTO_NO_ACCESS_KEY);
	admin_ok(f, users.on);
	assert_int_equal(ask(f, &e, NULL, 0, NULL), KMSPROTO_OK);
	snprintf(text, sizeof(text), "{\"op\":\"access-key.disable\",\"access_key\":\"%s\"}",
	         f->main.access_key);
	admin_ok(f, text);
	refused(f, &e, NULL, 0, KMSPROTO_NO_ACCESS_KEY);
	snprintf(text, sizeof(text), "{\"op\":\"access-key.enable\",\"access_key\":\"%s\"}",
	         f->main.access_key);
	admin_ok(f, text);
	assert_int_equal(ask(f, &e, NULL, 0, NULL), KMSPROTO_OK);
	admin_ok(f, "{\"op\":\"user.delete\",\"tenant\":\"main\",\"user\":\"u\"}");
	refused(f, &e, NULL, 0, KMSPROTO_NO_ACCESS_KEY);
}

static void put_record(struct fixture *f, enum keystore_table table, struct bytes key,
                       struct bytes plain)
{
	struct keystore_changes c;

	keystore_changes_begin(&c, f->arena);
	assert_int_equal(keystore_put(f->kms.store, &c, table, key, plain), OK);
	assert_int_equal(keystore_apply(f->kms.store, &c), OK);
	assert_int_equal(kms_forget(&f->kms), OK);
}

/* A right that was given until yesterday. */
static void test_expired_rights(void **state)
{
	struct fixture *f = *state;
	const struct sigv4_evidence e = sign(f, &(struct signing){&f->main, "GET", "/b/k"});
	struct bytes place = keystore_key(f->arena, bytes_text(f->main.tenant), BYTES("u"));
	struct record_user user;
	struct record_access_key key;
	struct bytes plain;
	uint8_t out[RECORD_MAX];
	struct writer w = writer_fixed(out, sizeof(out));

	assert_int_equal(keystore_get(f->kms.store, f->arena, KEYSTORE_USERS, place, &plain), OK);
	assert_int_equal(record_user_read(plain, &user), OK);
	user.expires_ms = clock_real_ms() - 86400000;
	record_user_write(&w, &user);
	put_record(f, KEYSTORE_USERS, place, writer_bytes(&w));
	refused(f, &e, NULL, 0, KMSPROTO_DENIED);

	user.expires_ms = 0;
	w = writer_fixed(out, sizeof(out));
	record_user_write(&w, &user);
	put_record(f, KEYSTORE_USERS, place, writer_bytes(&w));
	assert_int_equal(ask(f, &e, NULL, 0, NULL), KMSPROTO_OK);

	struct bytes id = bytes_text(f->main.access_key);
	assert_int_equal(keystore_get(f->kms.store, f->arena, KEYSTORE_ACCESS_KEYS, id, &plain), OK);
	assert_int_equal(record_access_key_read(plain, &key), OK);
	key.expires_ms = clock_real_ms() - 1;
	w = writer_fixed(out, sizeof(out));
	record_access_key_write(&w, &key);
	put_record(f, KEYSTORE_ACCESS_KEYS, id, writer_bytes(&w));
	refused(f, &e, NULL, 0, KMSPROTO_DENIED);
}

static void test_unknown_access_key(void **state)
{
	struct fixture *f = *state;
	struct person nobody = f->main;
	strcpy(nobody.access_key, "AKIANOBODYNOBODY0000");
	const struct sigv4_evidence e = sign(f, &(struct signing){&nobody, "GET", "/b/k"});

	refused(f, &e, NULL, 0, KMSPROTO_NO_ACCESS_KEY);
	assert_true(bytes_is(last_entry(f).access_key, nobody.access_key));
}

/* A record that was copied over another one does not open: the call fails, nothing is guessed. */
static void test_damaged_record(void **state)
{
	struct fixture *f = *state;
	const struct sigv4_evidence e = sign(f, &(struct signing){&f->main, "GET", "/b/k"});
	struct keystore_changes c;
	uint64_t before = keylog_size(f->kms.log);

	keystore_changes_begin(&c, f->arena);
	/* As if written by hand: the value of another key of the same table. */
	assert_int_equal(keystore_put(f->kms.store, &c, KEYSTORE_ACCESS_KEYS,
	                              bytes_text(f->alt.access_key), BYTES("x")), OK);
	c.first->key = bytes_text(f->main.access_key);
	assert_int_equal(keystore_apply(f->kms.store, &c), OK);
	assert_int_equal(kms_forget(&f->kms), OK);
	assert_int_equal(ask(f, &e, NULL, 0, NULL), KMSPROTO_UNAVAILABLE);
	assert_int_equal(keylog_size(f->kms.log), before);
	const struct sigv4_evidence other = sign(f, &(struct signing){&f->alt, "GET", "/b/k"});
	assert_int_equal(ask(f, &other, NULL, 0, NULL), KMSPROTO_OK);
}

static void test_chunks(void **state)
{
	struct fixture *f = *state;
	const struct sigv4_evidence e = sign(f, &(struct signing){&f->main, "PUT", "/b/k"});
	struct secret *key = NULL;
	struct bytes scope;
	struct sigv4_chunk chunk = {.hash = {1, 2, 3}};
	struct kmsproto_call c = {.kind = KMSPROTO_CHUNKS};
	char text[512], seed[65] = {0};
	static const char empty[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
	char hash[65] = {0};
	struct writer w = writer_fixed(hash, 64);

	assert_int_equal(sigv4_signing_key(f->main.secret, e.date, e.region, e.service, &key), OK);
	assert_int_equal(sigv4_scope(f->arena, &e, &scope), OK);
	memcpy(seed, e.signature.p, 64);
	hex_write(&w, bytes_of(chunk.hash, 32));
	int n = snprintf(text, sizeof(text), "AWS4-HMAC-SHA256-PAYLOAD\n%.*s\n%.*s\n%s\n%s\n%s",
	                 (int)e.amz_date.n, (const char *)e.amz_date.p, (int)scope.n,
	                 (const char *)scope.p, seed, empty, hash);
	assert_int_equal(sigv4_sign(key, bytes_of(text, (size_t)n), chunk.signature), OK);
	c.chunks.access_key = e.access_key;
	c.chunks.amz_date = e.amz_date;
	c.chunks.date = e.date;
	c.chunks.region = e.region;
	c.chunks.service = e.service;
	memcpy(c.chunks.previous, seed, 64);
	c.chunks.chunks = &chunk;
	c.chunks.n_chunks = 1;

	uint64_t before = keylog_size(f->kms.log);
	struct kmsproto_reply r = send_one(f, &c);
	assert_int_equal(r.verdict, KMSPROTO_OK);
	assert_true(r.log_index == KMSPROTO_NO_LOG_INDEX);
	assert_int_equal(keylog_size(f->kms.log), before);
	chunk.hash[0] ^= 1; /* other data than was signed */
	r = send_one(f, &c);
	assert_int_equal(r.verdict, KMSPROTO_BAD_SIGNATURE);
	assert_int_equal(last_entry(f).event, LOGFMT_CHUNKS);
	assert_true(bytes_is(last_entry(f).result, "bad-signature"));
	chunk.hash[0] ^= 1;
	c.chunks.access_key = bytes_text(f->alt.access_key);
	r = send_one(f, &c);
	assert_int_equal(r.verdict, KMSPROTO_BAD_SIGNATURE);
	c.chunks.access_key = BYTES("AKIANOBODY");
	r = send_one(f, &c);
	assert_int_equal(r.verdict, KMSPROTO_NO_ACCESS_KEY);
	secret_free(key);
}

static void test_index_key(void **state)
{
	struct fixture *f = *state;
	struct kmsproto_call c = {.kind = KMSPROTO_INDEX_KEY};
	struct kmsproto_reply first = send_one(f, &c), again;

	assert_int_equal(first.verdict, KMSPROTO_OK);
	assert_int_equal(last_entry(f).event, LOGFMT_INDEX_KEY);
	assert_true(bytes_is(last_entry(f).gateway, "gw1"));
	/* A new certificate under the same name gets a new secret and the same index key ... */
	admin_ok(f, "{\"op\":\"gateway.remove\",\"name\":\"gw1\"}");
	enrol(f, "gw1");
	again = send_one(f, &c);
	assert_true(secret_equal(first.index_key, again.index_key));
	kmsproto_replies_free(&again, 1);
	/* ... and another gateway another one. */
	admin_ok(f, "{\"op\":\"gateway.remove\",\"name\":\"gw1\"}");
	enrol(f, "gw2");
	again = send_one(f, &c);
	assert_false(secret_equal(first.index_key, again.index_key));
	kmsproto_replies_free(&again, 1);
	kmsproto_replies_free(&first, 1);
}

static void test_unknown_gateway(void **state)
{
	struct fixture *f = *state;
	struct kmsproto_call c = {.kind = KMSPROTO_INDEX_KEY};
	struct kmsproto_reply r = {0};

	f->certificate[0] ^= 1;
	assert_int_equal(send(f, &c, 1, &r), 403);
	assert_true(bytes_is(last_entry(f).result, "not-enrolled"));
	assert_true(bytes_is(last_entry(f).source, "192.0.2.1"));
	f->certificate[0] ^= 1;
	admin_ok(f, "{\"op\":\"gateway.remove\",\"name\":\"gw1\"}");
	assert_int_equal(send(f, &c, 1, &r), 403);
}

static void test_batch_is_decided_call_by_call(void **state)
{
	struct fixture *f = *state;
	const struct sigv4_evidence good = sign(f, &(struct signing){&f->main, "PUT", "/b/k"});
	struct sigv4_evidence bad = good;
	struct kmsproto_call calls[3];
	struct kmsproto_reply r[3] = {0};

	bad.canonical = changed(f, bad.canonical, "/b/k", "/b/x");
	for (size_t i = 0; i < 3; i++) {
		calls[i] = access_of(i == 1 ? &bad : &good);
		calls[i].access.keys[0] = issue("b", i == 1 ? "x" : "k", (uint8_t)i);
		calls[i].access.n_keys = 1;
	}
	assert_int_equal(send(f, calls, 3, r), 200);
	assert_int_equal(r[0].verdict, KMSPROTO_OK);
	assert_int_equal(r[1].verdict, KMSPROTO_BAD_SIGNATURE);
	assert_int_equal(r[2].verdict, KMSPROTO_OK);
	assert_int_equal(r[2].log_index, r[0].log_index + 2);
	assert_false(secret_equal(r[0].keys[0].dek, r[2].keys[0].dek));
	kmsproto_replies_free(r, 3);
}

static void test_second_key_refused_gives_no_key(void **state)
{
	struct fixture *f = *state;
	const struct sigv4_evidence e = sign(f, &(struct signing){&f->main, "PUT", "/b/dst",
		.copy_source = "/b/src"});
	struct kmsproto_key_call keys[2] = {issue("b", "dst", 2),
	                                    opening("b", "src", 1, BYTES("nonsense"))};

	keys[1].source = true;
	refused(f, &e, keys, 2, KMSPROTO_WRONG_KEY);
}

static void test_malformed_batch(void **state)
{
	struct fixture *f = *state;
	struct arena *a AUTO(arena_freep) = arena_new(1 << 20);
	struct writer w AUTO(writer_free) = writer_growing(1 << 20);
	uint64_t before = keylog_size(f->kms.log);

	assert_int_equal(face_gateway_answer(&f->kms, f->certificate, BYTES("x"), BYTES("RPKQ"), a,
	                                     &w), 400);
	assert_int_equal(w.used, 0);
	assert_int_equal(keylog_size(f->kms.log), before);
}

static void test_sealed(void **state)
{
	struct fixture *f = *state;
	struct object o = put(f, "/b/k", "k", 1);
	const struct sigv4_evidence e = sign(f, &(struct signing){&f->main, "GET", "/b/k"});
	struct kmsproto_key_call k = opening("b", "k", 1, o.wrapped);

	admin_ok(f, "{\"op\":\"seal\"}");
	uint64_t before = keylog_size(f->kms.log);
	assert_int_equal(ask(f, &e, &k, 1, NULL), KMSPROTO_SEALED);
	assert_int_equal(keylog_size(f->kms.log), before);
	admin_ok(f, "{\"op\":\"unseal\",\"passphrase\":\"" PASSPHRASE "\"}");
	assert_int_equal(ask(f, &e, &k, 1, NULL), KMSPROTO_OK);
	secret_free(o.dek);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_up, fixture_down)
	const struct CMUnitTest tests[] = {
		CASE(test_put_then_get),
		CASE(test_another_object),
		CASE(test_operation_matrix),
		CASE(test_copy),
		CASE(test_host_style),
		CASE(test_no_evidence),
		CASE(test_stale),
		CASE(test_changed_evidence),
		CASE(test_another_tenant),
		CASE(test_kek_names),
		CASE(test_rotation_and_disabled_key),
		CASE(test_disabled_and_deleted),
		CASE(test_expired_rights),
		CASE(test_unknown_access_key),
		CASE(test_damaged_record),
		CASE(test_chunks),
		CASE(test_index_key),
		CASE(test_unknown_gateway),
		CASE(test_batch_is_decided_call_by_call),
		CASE(test_second_key_refused_gives_no_key),
		CASE(test_malformed_batch),
		CASE(test_sealed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
