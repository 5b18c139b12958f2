/* The service's life: what survives a restart, what a seal wipes, unsealing at start, the start and stop entries. */
#include "tests/unit/server/kms/fixture.h"

#include "server/kms/rootkey.h"

static void test_restart(void **state)
{
	struct fixture *f = *state;
	const struct sigv4_evidence put = sign(f, &(struct signing){&f->main, "PUT", "/b/k"});
	const struct sigv4_evidence get = sign(f, &(struct signing){&f->main, "GET", "/b/k"});
	struct kmsproto_key_call in = issue("b", "k", 1);
	struct kmsproto_reply before, after;

	assert_int_equal(ask(f, &put, &in, 1, &before), KMSPROTO_OK);
	struct logfmt_entry first = last_entry(f);
	uint64_t size = keylog_size(f->kms.log);
	kms_close(&f->kms);
	fixture_open(f);
	assert_int_equal(keylog_size(f->kms.log), size + 2); /* stop, start */
	assert_int_equal(entry_of(f, size).event, LOGFMT_STOP);
	assert_int_equal(entry_of(f, size + 1).event, LOGFMT_START);
	assert_memory_not_equal(entry_of(f, size + 1).boot, first.boot, 16);
	assert_int_equal(atomic_load(&f->kms.state), KMS_SEALED);

	struct kmsproto_key_call out = opening("b", "k", 1, before.keys[0].wrapped);
	assert_int_equal(ask(f, &get, &out, 1, NULL), KMSPROTO_SEALED);
	admin_ok(f, "{\"op\":\"unseal\",\"passphrase\":\"" PASSPHRASE "\"}");
	assert_int_equal(ask(f, &get, &out, 1, &after), KMSPROTO_OK);
	assert_true(secret_equal(before.keys[0].dek, after.keys[0].dek));
	/* The token key is the same one, so both entries name the same object. */
	assert_memory_equal(first.keys[0].object_token, last_entry(f).keys[0].object_token, 32);
	kmsproto_replies_free(&before, 1);
	kmsproto_replies_free(&after, 1);
}

static void test_seal_wipes(void **state)
{
	struct fixture *f = *state;
	const struct sigv4_evidence put = sign(f, &(struct signing){&f->main, "PUT", "/b/k"});
	struct kmsproto_key_call in = issue("b", "k", 1);

	assert_int_equal(ask(f, &put, &in, 1, NULL), KMSPROTO_OK);
	kms_seal(&f->kms);
	for (size_t i = 0; i < IDENTITY_CACHE; i++) {
		assert_null(f->kms.identity.slots[i].secret);
		assert_null(f->kms.identity.slots[i].signing_key);
	}
	for (size_t i = 0; i < KEYRING_CACHE; i++) {
		assert_null(f->kms.keyring.slots[i].key);
	}
	for (size_t i = 0; i < TOKENS_CACHE; i++) {
		assert_null(f->kms.tokens.slots[i].key);
	}
	assert_int_equal(f->kms.gateways.n, 0);
	uint8_t out[512];
	struct writer w = writer_fixed(out, sizeof(out));
	assert_int_equal(kms_vkey(&f->kms, &w), ERR_UNAVAILABLE);
}

static void write_file(const char *path, const char *text)
{
	FILE *s = fopen(path, "we");

	assert_non_null(s);
	assert_true(fputs(text, s) >= 0);
	assert_int_equal(fclose(s), 0);
}

static void test_unseal_at_start(void **state)
{
	struct fixture *f = *state;
	char path[200], credential[64] = "credential:pass";
	struct report report = {0};

	fixture_path(f, "pass", path);
	kms_close(&f->kms);
	fixture_open(f);
	write_file(path, "not the passphrase\n");
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(kms_unseal_from(&f->kms, path, &report), ERR_AUTH);
	assert_non_null(strstr(report.text, "does not unseal"));
	assert_true(bytes_is(last_entry(f).result, "refused"));
	assert_int_equal(atomic_load(&f->kms.state), KMS_SEALED);
	write_file(path, PASSPHRASE "\n");
	assert_int_equal(chmod(path, 0604), 0);
	assert_int_equal(kms_unseal_from(&f->kms, path, &report), ERR_DENIED);
	assert_non_null(strstr(report.text, "chmod 600"));
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(kms_unseal_from(&f->kms, path, &report), OK);
	assert_int_equal(last_entry(f).event, LOGFMT_UNSEAL);
	assert_int_equal(atomic_load(&f->kms.state), KMS_OPEN);

	kms_seal(&f->kms);
	assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
	assert_int_equal(kms_unseal_from(&f->kms, credential, &report), ERR_INPUT);
	assert_non_null(strstr(report.text, "LoadCredential"));
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", f->dir, 1), 0);
	assert_int_equal(kms_unseal_from(&f->kms, credential, &report), OK);
	assert_int_equal(kms_unseal_from(&f->kms, "/nowhere", &report), ERR_NOTFOUND);
}

/* The whole key store but the root record taken from another KMS: it does not open. */
static void test_foreign_root(void **state)
{
	struct fixture *f = *state;
	uint8_t record[256];
	struct writer w = writer_fixed(record, sizeof(record));
	struct secret *root = secret_random(32);
	struct keystore_changes c;

	assert_int_equal(rootkey_seal(root, BYTES(PASSPHRASE), (struct kdf_cost){3, 64 << 20}, &w),
	                 OK);
	keystore_changes_begin(&c, f->arena);
	assert_int_equal(keystore_put_clear(&c, BYTES("root"), writer_bytes(&w)), OK);
	assert_int_equal(keystore_apply(f->kms.store, &c), OK);
	kms_seal(&f->kms);
	assert_int_equal(kms_unseal(&f->kms, BYTES(PASSPHRASE)), ERR_CORRUPT);
	assert_int_equal(atomic_load(&f->kms.state), KMS_SEALED);
	secret_free(root);
}

/* The state folder is lost, the log is there: a new root key must not go on with another one's log. */
static void test_lost_state(void **state)
{
	struct fixture *f = *state;
	char command[300];

	kms_close(&f->kms); /* publishes a signed checkpoint */
	snprintf(command, sizeof(command), "rm -f %s/*", f->config.state_dir);
	assert_int_equal(system(command), 0);
	fixture_open(f);
	assert_int_equal(atomic_load(&f->kms.state), KMS_UNINITIALISED);
	admin_refused(f, "{\"op\":\"init\",\"passphrase\":\"" PASSPHRASE "\",\"memory_mib\":64}",
	              "conflict");
	assert_true(bytes_is(last_entry(f).result, "failed"));
	assert_int_equal(atomic_load(&f->kms.state), KMS_UNINITIALISED);
}

/* The log's folder is full: nothing is answered; then there is room, and all goes on by itself. */
static void test_commit_failure_is_the_whole_batch(void **state)
{
	struct fixture *f = *state;

	f->kms.batch_error = ERR_FULL; /* a sync in the middle of the batch failed */
	assert_int_equal(kms_commit(&f->kms), ERR_FULL);
	assert_false(atomic_load(&f->kms.log_good));
	assert_int_equal(kms_commit(&f->kms), OK);
	assert_true(atomic_load(&f->kms.log_good));
}

static void test_metrics(void **state)
{
	struct fixture *f = *state;
	const struct sigv4_evidence put = sign(f, &(struct signing){&f->main, "PUT", "/b/k"});
	struct kmsproto_key_call in = issue("b", "k", 1);
	struct writer w AUTO(writer_free) = writer_growing(1 << 20);

	assert_int_equal(ask(f, &put, &in, 1, NULL), KMSPROTO_OK);
	assert_int_equal(ask(f, &put, NULL, 0, NULL), KMSPROTO_OK);
	metrics_write(&f->kms.metrics, "open", &w);
	write_u8(&w, 0);
	const char *text = (const char *)w.p;
	assert_non_null(strstr(text, "rempart_kms_calls_total{kind=\"access\",verdict=\"ok\"} 2\n"));
	assert_non_null(strstr(text, "rempart_kms_keys_issued_total 1\n"));
	assert_non_null(strstr(text, "rempart_kms_state{state=\"open\"} 1\n"));
	assert_non_null(strstr(text, "rempart_kms_state{state=\"sealed\"} 0\n"));
	assert_non_null(strstr(text, "rempart_kms_batch_calls_bucket{le=\"1\"} 2\n"));
	assert_non_null(strstr(text, "rempart_kms_batch_calls_count 2\n"));
}

static void test_metrics_batch_bounds(void **state)
{
	struct metrics m = {0};
	const size_t sizes[] = {1, 2, 3, 4, 255, 256, 257};

	(void)state;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		metrics_batch(&m, sizes[i]);
	}
	assert_int_equal(m.batch_calls[0], 1); /* <= 1 */
	assert_int_equal(m.batch_calls[1], 1); /* <= 2 */
	assert_int_equal(m.batch_calls[2], 2); /* <= 4 */
	assert_int_equal(m.batch_calls[8], 2); /* <= 256 */
	assert_int_equal(m.batch_calls[9], 1); /* more */
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_up, fixture_down)
	const struct CMUnitTest tests[] = {
		CASE(test_restart),
		CASE(test_seal_wipes),
		CASE(test_unseal_at_start),
		CASE(test_foreign_root),
		CASE(test_lost_state),
		CASE(test_commit_failure_is_the_whole_batch),
		CASE(test_metrics),
		cmocka_unit_test(test_metrics_batch_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
