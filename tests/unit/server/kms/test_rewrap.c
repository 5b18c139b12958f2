/* A data key under another KEK: it does not leave the KMS, both uses are in the log, and only the operation that asks for it gets it. */
#include "tests/unit/server/kms/fixture.h"

struct object {
	struct secret *dek;
	struct bytes wrapped;
	char kek[128];
};

static struct object put(struct fixture *f, const char *kek)
{
	const struct sigv4_evidence e = sign(f, &(struct signing){&f->main, "PUT", "/b/k"});
	struct kmsproto_key_call k = issue("b", "k", 1);
	struct object o = {0};
	struct kmsproto_reply r;

	k.kek = bytes_text(kek);
	assert_int_equal(ask(f, &e, &k, 1, &r), KMSPROTO_OK);
	o.dek = r.keys[0].dek;
	o.wrapped = r.keys[0].wrapped;
	memcpy(o.kek, r.keys[0].arn.p, r.keys[0].arn.n);
	return o;
}

static void make_key(struct fixture *f, const char *tenant, const char *alias, char arn[128])
{
	char text[200];

	snprintf(text, sizeof(text), "{\"op\":\"key.create\",\"tenant\":\"%s\",\"alias\":\"%s\"}",
	         tenant, alias);
	admin_ok(f, text);
	take(f, "arn", arn, 128);
}

static struct sigv4_evidence update(struct fixture *f, const char *query)
{
	return sign(f, &(struct signing){&f->main, "PUT", "/b/k", query});
}

static struct kmsproto_key_call rewrapping(struct bytes wrapped, const char *kek)
{
	struct kmsproto_key_call k = opening("b", "k", 1, wrapped);

	k.op = KMSPROTO_REWRAP;
	k.kek = bytes_text(kek);
	return k;
}

static enum kmsproto_verdict open_key(struct fixture *f, struct bytes wrapped, struct secret **ret)
{
	const struct sigv4_evidence e = sign(f, &(struct signing){&f->main, "GET", "/b/k"});
	struct kmsproto_key_call k = opening("b", "k", 1, wrapped);
	struct kmsproto_reply r;
	enum kmsproto_verdict v = ask(f, &e, &k, 1, &r);

	*ret = r.keys[0].dek;
	return v;
}

static void test_moves_to_another_kek(void **state)
{
	struct fixture *f = *state;
	char arn[128];
	struct object o = put(f, "");
	AUTO(secret_freep) struct secret *dek = o.dek;
	AUTO(secret_freep) struct secret *again = NULL;
	struct logfmt_entry issued = last_entry(f);
	const struct sigv4_evidence e = update(f, "encryption=");
	struct kmsproto_reply r;

	make_key(f, "main", "new", arn);
	struct kmsproto_key_call k = rewrapping(o.wrapped, arn);
	assert_int_equal(ask(f, &e, &k, 1, &r), KMSPROTO_OK);
	assert_int_equal(r.n_keys, 1);
	assert_true(r.keys[0].rewrapped);
	assert_null(r.keys[0].dek);
	assert_true(bytes_is(r.keys[0].arn, arn));
	assert_true(r.keys[0].wrapped.n > 0 && !bytes_equal(r.keys[0].wrapped, o.wrapped));

	struct logfmt_entry entry = entry_of(f, r.log_index);
	assert_true(bytes_is(entry.op, "s3:UpdateObjectEncryption"));
	assert_int_equal(entry.n_keys, 2);
	assert_int_equal(entry.keys[0].use, LOGFMT_OPENED);
	assert_int_equal(entry.keys[1].use, LOGFMT_ISSUED);
	assert_memory_equal(entry.keys[0].wrapped_digest, issued.keys[0].wrapped_digest, 32);
	assert_memory_equal(entry.keys[0].key_id, issued.keys[0].key_id, 16);
	assert_memory_not_equal(entry.keys[1].key_id, issued.keys[0].key_id, 16);
	assert_memory_equal(entry.keys[1].object_token, issued.keys[0].object_token, 32);

	/* Both forms open to the same key; without the old KEK the new one does. */
	admin_ok(f, "{\"op\":\"key.disable\",\"tenant\":\"main\",\"key\":\"s3-default\"}");
	assert_int_equal(open_key(f, o.wrapped, &again), KMSPROTO_KEY_DISABLED);
	assert_int_equal(open_key(f, r.keys[0].wrapped, &again), KMSPROTO_OK);
	assert_true(secret_equal(again, dek));
	assert_memory_equal(last_entry(f).keys[0].wrapped_digest, entry.keys[1].wrapped_digest, 32);
}

/* Only the signed operation, only its object, only the tenant's keys. */
static void test_refusals(void **state)
{
	struct fixture *f = *state;
	char mine[128], theirs[128];
	struct object o = put(f, "");
	AUTO(secret_freep) struct secret *dek = o.dek;

	make_key(f, "main", "new", mine);
	make_key(f, "alt", "new", theirs);
	const struct {
		const char *method, *query, *kek;
		enum kmsproto_verdict want;
	} rows[] = {
		{"PUT", "encryption=", mine, KMSPROTO_OK},
		{"PUT", "encryption=&versionId=01010101010101010101010101010101", mine, KMSPROTO_OK},
		{"PUT", "encryption=&versionId=02020202020202020202020202020202", mine, KMSPROTO_BAD_CALL},
		{"PUT", "encryption=", theirs, KMSPROTO_DENIED},
		{"PUT", "encryption=", "arn:aws:kms:fr-sov-1:000000000000:key/x", KMSPROTO_DENIED},
		{"PUT", "encryption=", "alias/none", KMSPROTO_NO_SUCH_KEY},
		{"PUT", "", mine, KMSPROTO_BAD_CALL},
		{"GET", "", mine, KMSPROTO_BAD_CALL},
		{"GET", "encryption=", mine, KMSPROTO_BAD_CALL},
		{"PUT", "tagging=", mine, KMSPROTO_BAD_CALL},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct sigv4_evidence e = sign(f, &(struct signing){&f->main, rows[i].method,
			"/b/k", rows[i].query});
		struct kmsproto_key_call k = rewrapping(o.wrapped, rows[i].kek);
		assert_int_equal(ask(f, &e, &k, 1, NULL), rows[i].want);
	}
	const struct sigv4_evidence e = update(f, "encryption=");
	struct kmsproto_key_call k = opening("b", "k", 1, o.wrapped);
	assert_int_equal(ask(f, &e, &k, 1, NULL), KMSPROTO_BAD_CALL); /* the key itself */
	k = issue("b", "k", 1);
	assert_int_equal(ask(f, &e, &k, 1, NULL), KMSPROTO_BAD_CALL); /* another key */
	k = rewrapping(o.wrapped, mine);
	k.key = BYTES("other");
	assert_int_equal(ask(f, &e, &k, 1, NULL), KMSPROTO_BAD_CALL);
	k = rewrapping(o.wrapped, mine);
	k.object_id[0] = 9;
	assert_int_equal(ask(f, &e, &k, 1, NULL), KMSPROTO_WRONG_KEY);
	assert_int_equal(last_entry(f).n_keys, 0);
	admin_ok(f, "{\"op\":\"key.disable\",\"tenant\":\"main\",\"key\":\"new\"}");
	k = rewrapping(o.wrapped, mine);
	assert_int_equal(ask(f, &e, &k, 1, NULL), KMSPROTO_KEY_DISABLED);
	assert_int_equal(last_entry(f).n_keys, 0); /* the old one was not released either */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_moves_to_another_kek, fixture_up, fixture_down),
		cmocka_unit_test_setup_teardown(test_refusals, fixture_up, fixture_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
