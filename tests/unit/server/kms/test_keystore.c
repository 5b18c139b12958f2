/* Sealed records: nothing in clear, nothing that is moved or changed opens. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/kms/record.h"
#include "tests/unit/server/kms/fixture.h"

static struct keystore *store;
static struct secret *root;
static struct arena *arena;
static char dir[] = "/tmp/test_keystore.XXXXXX";
static struct rlimit limit; /* of a file's size */
enum { BATCH = 16, BATCHES_MAX = 200 }; /* documents at a time; more than fit */

static int set_up(void **state)
{
	struct report report;

	(void)state;
	assert_int_equal(secret_init(1024), OK);
	arena = arena_new(8 << 20);
	root = secret_random(32);
	return mkdtemp(dir) == NULL || keystore_open(dir, &store, &report) != OK ||
	       keystore_unlock(store, root) != OK;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	keystore_close(store);
	arena_free(arena);
	secret_free(root);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static void put(enum keystore_table table, const char *key, struct bytes plain)
{
	struct keystore_changes c;

	keystore_changes_begin(&c, arena);
	assert_int_equal(keystore_put(store, &c, table, bytes_text(key), plain), OK);
	assert_int_equal(keystore_apply(store, &c), OK);
}

static enum err get(enum keystore_table table, const char *key, struct bytes *ret)
{
	return keystore_get(store, arena, table, bytes_text(key), ret);
}

/* Put the sealed value of (table, key) somewhere else, as an attacker on the disk would. */
static void move_value(enum keystore_table table, const char *key, enum keystore_table to_table,
                       const char *to_key, size_t flip)
{
	struct keystore_changes c;

	keystore_changes_begin(&c, arena);
	assert_int_equal(keystore_put(store, &c, table, bytes_text(key), BYTES("plain")), OK);
	c.first->table = to_table;
	c.first->key = bytes_text(to_key);
	((uint8_t *)(uintptr_t)c.first->value.p)[flip] ^= flip != 0;
	assert_int_equal(keystore_apply(store, &c), OK);
}

static void test_round_trip(void **state)
{
	struct bytes got;

	(void)state;
	put(KEYSTORE_USERS, "a", BYTES("secret plan"));
	assert_int_equal(get(KEYSTORE_USERS, "a", &got), OK);
	assert_true(bytes_is(got, "secret plan"));
	assert_int_equal(get(KEYSTORE_TENANTS, "a", &got), ERR_NOTFOUND);
	put(KEYSTORE_USERS, "empty", (struct bytes){(const uint8_t *)"", 0});
	assert_int_equal(get(KEYSTORE_USERS, "empty", &got), OK);
	assert_int_equal(got.n, 0);
}

static enum err put_documents(unsigned batch)
{
	static uint8_t text[RECORD_DOCUMENT_MAX];
	struct keystore_changes c;

	arena_reset(arena);
	keystore_changes_begin(&c, arena);
	for (unsigned i = 0; i < BATCH; i++) {
		char key[32];
		snprintf(key, sizeof(key), "full %u %u", batch, i);
		assert_int_equal(keystore_put(store, &c, KEYSTORE_DOCUMENTS, bytes_text(key),
		                              bytes_of(text, sizeof(text))), OK);
	}
	return keystore_apply(store, &c);
}

static enum err remove_document(const char *key)
{
	struct keystore_changes c;

	keystore_changes_begin(&c, arena);
	assert_int_equal(keystore_remove(&c, KEYSTORE_DOCUMENTS, bytes_text(key)), OK);
	return keystore_apply(store, &c);
}

/* As on a full volume. false: this file system takes no room in advance, and shows no limit. */
static bool stop_growth(void)
{
	char file[64];
	struct stat st;

	snprintf(file, sizeof(file), "%s/data.mdb", dir);
	int fd = open(file, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0 && fstat(fd, &st) == 0 && signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	const struct rlimit now = {(rlim_t)st.st_size, limit.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &now), 0);
	bool stopped = fallocate(fd, 0, st.st_size, 1) != 0 && errno == EFBIG;
	close(fd);
	return stopped;
}

/* Documents of users fill the store up to its reserve; what an administrator does, and what takes documents away, goes on. */
static void test_documents_leave_the_reserve(void **state)
{
	struct bytes got;
	unsigned batch = 0;
	enum err e = OK;

	(void)state;
	put(KEYSTORE_USERS, "revoked", BYTES("no"));
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	if (!stop_growth()) {
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
		skip();
	}
	while (e == OK && batch < BATCHES_MAX) {
		e = put_documents(batch++);
	}
	assert_int_equal(e, ERR_FULL);
	put(KEYSTORE_USERS, "revoked", BYTES("yes"));
	for (unsigned i = 0; i < BATCH; i++) {
		char key[32];
		snprintf(key, sizeof(key), "full 0 %u", i);
		assert_int_equal(remove_document(key), OK);
	}
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(get(KEYSTORE_USERS, "revoked", &got), OK);
	assert_true(bytes_is(got, "yes"));
	assert_int_equal(put_documents(0), OK);
}

static void test_nothing_in_clear_on_disk(void **state)
{
	char command[200];

	(void)state;
	put(KEYSTORE_USERS, "clear", BYTES("needle in the haystack"));
	snprintf(command, sizeof(command), "! grep -rqa 'needle in the haystack' %s", dir);
	assert_int_equal(system(command), 0);
}

static void test_moved_or_changed(void **state)
{
	struct bytes got;

	(void)state;
	move_value(KEYSTORE_USERS, "x", KEYSTORE_USERS, "x", 0); /* the control */
	assert_int_equal(get(KEYSTORE_USERS, "x", &got), OK);
	move_value(KEYSTORE_USERS, "x", KEYSTORE_USERS, "y", 0);
	assert_int_equal(get(KEYSTORE_USERS, "y", &got), ERR_CORRUPT);
	move_value(KEYSTORE_USERS, "x", KEYSTORE_GATEWAYS, "x", 0);
	assert_int_equal(get(KEYSTORE_GATEWAYS, "x", &got), ERR_CORRUPT);
	for (size_t i = 1; i < 33 + 5 + 16; i++) {
		move_value(KEYSTORE_USERS, "x", KEYSTORE_USERS, "x", i);
		assert_int_equal(get(KEYSTORE_USERS, "x", &got), ERR_CORRUPT);
	}
}

static void test_wrapped_secrets(void **state)
{
	struct secret *s AUTO(secret_freep) = secret_random(40);
	struct secret *back AUTO(secret_freep) = NULL;
	struct bytes wrapped;

	(void)state;
	assert_int_equal(keystore_wrap(store, arena, KEYSTORE_KEYS, BYTES("k"), s, &wrapped), OK);
	assert_int_equal(keystore_unwrap(store, KEYSTORE_KEYS, BYTES("k"), wrapped, &back), OK);
	assert_true(secret_equal(s, back));
	back = secret_free(back);
	assert_int_equal(keystore_unwrap(store, KEYSTORE_KEYS, BYTES("l"), wrapped, &back),
	                 ERR_CORRUPT);
	assert_int_equal(keystore_unwrap(store, KEYSTORE_USERS, BYTES("k"), wrapped, &back),
	                 ERR_CORRUPT);
}

static void test_locked_and_other_root(void **state)
{
	struct secret *other AUTO(secret_freep) = secret_random(32);
	struct bytes got;

	(void)state;
	put(KEYSTORE_USERS, "l", BYTES("x"));
	keystore_lock(store);
	assert_int_equal(get(KEYSTORE_USERS, "l", &got), ERR_UNAVAILABLE);
	assert_int_equal(keystore_unlock(store, other), OK);
	assert_int_equal(get(KEYSTORE_USERS, "l", &got), ERR_CORRUPT);
	assert_int_equal(keystore_unlock(store, root), OK);
	assert_int_equal(get(KEYSTORE_USERS, "l", &got), OK);
}

static enum err count_one(void *context, struct bytes key, struct bytes plain)
{
	size_t *counts = context;

	assert_true(key.n > 0);
	counts[plain.p == NULL]++;
	return OK;
}

static void test_each_tells_of_damage(void **state)
{
	struct arena *scratch AUTO(arena_freep) = arena_new(1 << 20);
	size_t counts[2] = {0};
	uint64_t n = 0;

	(void)state;
	put(KEYSTORE_ALIASES, "t1\1a", BYTES("1"));
	put(KEYSTORE_ALIASES, "t1\1b", BYTES("2"));
	put(KEYSTORE_ALIASES, "t2\1a", BYTES("3"));
	move_value(KEYSTORE_USERS, "q", KEYSTORE_ALIASES, "t1\1c", 0);
	assert_int_equal(keystore_each(store, scratch, KEYSTORE_ALIASES, BYTES("t1\1"), count_one,
	                               counts), OK);
	assert_int_equal(counts[0], 2);
	assert_int_equal(counts[1], 1);
	assert_int_equal(keystore_count(store, KEYSTORE_ALIASES, &n), OK);
	assert_int_equal(n, 4);
}

static void test_changes_are_one_transaction(void **state)
{
	struct keystore_changes c;
	struct bytes got;

	(void)state;
	put(KEYSTORE_TOKENS, "old", BYTES("1"));
	keystore_changes_begin(&c, arena);
	assert_int_equal(keystore_put(store, &c, KEYSTORE_TOKENS, BYTES("new"), BYTES("2")), OK);
	assert_int_equal(keystore_remove(&c, KEYSTORE_TOKENS, BYTES("old")), OK);
	assert_int_equal(keystore_remove(&c, KEYSTORE_TOKENS, BYTES("never was")), OK);
	assert_int_equal(get(KEYSTORE_TOKENS, "old", &got), OK); /* not before apply */
	assert_int_equal(keystore_apply(store, &c), OK);
	assert_int_equal(get(KEYSTORE_TOKENS, "old", &got), ERR_NOTFOUND);
	assert_int_equal(get(KEYSTORE_TOKENS, "new", &got), OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_nothing_in_clear_on_disk),
		cmocka_unit_test(test_moved_or_changed),
		cmocka_unit_test(test_wrapped_secrets),
		cmocka_unit_test(test_locked_and_other_root),
		cmocka_unit_test(test_each_tells_of_damage),
		cmocka_unit_test(test_changes_are_one_transaction),
		cmocka_unit_test(test_documents_leave_the_reserve),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
