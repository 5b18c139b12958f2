/* The key log in normal life: group commits, publication, sealing, segments. */
#include "tests/unit/server/kms/keylog/keylog_fixture.h"

#include "common/logfmt/tree.h"

static const char journal0[] = "journal/00000000000000000000";
static const char journal1[] = "journal/00000000000000065536";

static bool there(struct fixture *f, const char *name)
{
	struct stat st;

	return stat(fixture_path(f, name), &st) == 0;
}

static void test_new_and_again(void **state)
{
	struct fixture *f = *state;

	fixture_open(f);
	assert_int_equal(keylog_size(f->k), 0);
	fixture_log(f, 3);
	assert_int_equal(keylog_size(f->k), 3);
	fixture_close(f);
	fixture_open(f);
	assert_int_equal(keylog_size(f->k), 3);
	assert_int_equal(keylog_published(f->k), 0);
	assert_false(there(f, "checkpoint"));
	fixture_publish(f);
	assert_int_equal(keylog_published(f->k), 3);
	fixture_close(f);
	assert_int_equal(fixture_checkpoint(f, fixture_path(f, "checkpoint")).size, 3);
	assert_int_equal(fixture_checkpoint(f, f->fence).size, 3);
}

static void test_what_append_gives(void **state)
{
	struct fixture *f = *state;
	struct logfmt_entry e = {.event = LOGFMT_START, .result = BYTES("ok")}, later;
	static const uint8_t zero[16];
	uint8_t agent[300];

	memset(agent, 'a', sizeof(agent));
	memcpy(agent + 255, "\xc3\xa9", 2); /* a letter across the cut */
	e.agent = bytes_of(agent, sizeof(agent));
	fixture_open(f);
	assert_int_equal(keylog_append(f->k, &e), OK);
	assert_int_equal(e.seq, 0);
	assert_int_equal(e.agent.n, 255);
	assert_memory_not_equal(e.boot, zero, sizeof(zero));
	later = e;
	assert_int_equal(keylog_append(f->k, &later), OK);
	assert_int_equal(later.seq, 1);
	assert_true(later.time_ns >= e.time_ns);
	assert_memory_equal(later.boot, e.boot, sizeof(zero));
	later.detail = BYTES("a NUL \0 byte");
	assert_int_equal(keylog_append(f->k, &later), ERR_INPUT);
	assert_int_equal(keylog_size(f->k), 2);
	assert_int_equal(keylog_sync(f->k), OK);
	fixture_close(f);
	fixture_open(f);
	assert_int_equal(keylog_append(f->k, &later), ERR_INPUT);
	later.detail = BYTES("");
	assert_int_equal(keylog_append(f->k, &later), OK);
	assert_int_equal(later.seq, 2);
	assert_memory_not_equal(later.boot, e.boot, sizeof(zero));
}

/* One sync writes one sealed batch whatever it holds. */
static void test_group_commit(void **state)
{
	struct fixture *f = *state;
	struct stat one, two;

	fixture_open(f);
	fixture_log(f, 1);
	assert_int_equal(stat(fixture_path(f, journal0), &one), 0);
	assert_int_equal(keylog_sync(f->k), OK);
	assert_int_equal(stat(fixture_path(f, journal0), &two), 0);
	assert_int_equal(one.st_size, two.st_size);
	assert_int_equal(fixture_append(f, "waits"), OK);
	assert_int_equal(stat(fixture_path(f, journal0), &two), 0);
	assert_int_equal(one.st_size, two.st_size);
	fixture_log(f, 99);
	assert_int_equal(stat(fixture_path(f, journal0), &two), 0);
	/* 84 bytes of frame and seal for the hundred, 48 of head; an index may have one digit more. */
	assert_true(two.st_size - one.st_size <= 100 * (one.st_size - 48 - 84 + 2) + 84);
	assert_int_equal(keylog_size(f->k), 101);
}

/* More than a batch can hold between two syncs. */
static void test_large_batch(void **state)
{
	struct fixture *f = *state;
	static char detail[8001];

	memset(detail, 'd', sizeof(detail) - 1);
	fixture_open(f);
	for (unsigned i = 0; i < 500; i++) {
		assert_int_equal(fixture_append(f, detail), OK);
	}
	assert_int_equal(keylog_sync(f->k), OK);
	fixture_publish(f);
	fixture_close(f);
	fixture_open(f);
	assert_int_equal(keylog_size(f->k), 500);
	assert_int_equal(keylog_published(f->k), 500);
}

/* The root that was signed is the root over the bundles that were published. */
static void check_published(struct fixture *f, uint64_t size)
{
	static uint8_t bundle[256 * 16386];
	static struct tree t;
	uint8_t leaf[32], root[32];
	char name[128];

	tree_init(&t);
	while (t.size < size) {
		uint32_t width = size - t.size < 256 ? (uint32_t)(size - t.size) : 256;
		struct writer w = writer_fixed(name, sizeof(name));
		tree_tile_path(&w, "entries", t.size / 256, width);
		write_u8(&w, 0);
		size_t n = fixture_read(fixture_path(f, name), bundle, sizeof(bundle));
		struct reader r = reader_of(bytes_of(bundle, n));
		for (uint32_t i = 0; i < width; i++) {
			assert_int_equal(tree_leaf_hash(read_lv16(&r, 16384), leaf), OK);
			assert_int_equal(tree_append(&t, leaf, NULL, NULL), OK);
		}
		assert_int_equal(read_end(&r), OK);
	}
	assert_int_equal(tree_root(&t, root), OK);
	struct checkpoint c = fixture_checkpoint(f, fixture_path(f, "checkpoint"));
	assert_int_equal(c.size, size);
	assert_memory_equal(c.root, root, 32);
}

static void test_publication(void **state)
{
	struct fixture *f = *state;

	fixture_open(f);
	fixture_log(f, 200);
	fixture_publish(f);
	check_published(f, 200);
	assert_true(there(f, "tile/0/000.p/200"));
	assert_true(there(f, "tile/entries/000.p/200"));
	fixture_log(f, 50);
	fixture_publish(f);
	assert_true(there(f, "tile/0/000.p/200"));
	assert_true(there(f, "tile/0/000.p/250"));
	fixture_log(f, 50);
	fixture_publish(f);
	check_published(f, 300);
	assert_true(there(f, "tile/0/000"));
	assert_true(there(f, "tile/0/001.p/44"));
	assert_true(there(f, "tile/1/000.p/1"));
	assert_false(there(f, "tile/2/000.p/1"));
	assert_false(there(f, "tile/0/000.p"));
	assert_false(there(f, "tile/entries/000.p"));
}

/* Sealed: files are written, the checkpoint waits for the signer. */
static void test_sealed(void **state)
{
	struct fixture *f = *state;

	fixture_open(f);
	fixture_log(f, 300);
	assert_int_equal(keylog_signer(f->k, NULL), OK);
	assert_true(there(f, "tile/entries/001.p/44"));
	assert_false(there(f, "checkpoint"));
	assert_int_equal(keylog_published(f->k), 0);
	fixture_close(f);
	fixture_open(f);
	assert_int_equal(keylog_size(f->k), 300);
	fixture_publish(f);
	check_published(f, 300);
}

static void test_close_publishes(void **state)
{
	struct fixture *f = *state;

	fixture_open(f);
	assert_int_equal(keylog_signer(f->k, f->seed), OK);
	fixture_log(f, 10);
	assert_int_equal(fixture_append(f, "not synced by the caller"), OK);
	fixture_close(f);
	check_published(f, 11);
}

/* Without being asked: the publisher works by itself within publish_ms. */
static void test_by_itself(void **state)
{
	struct fixture *f = *state;

	f->options.publish_ms = 1;
	fixture_open(f);
	assert_int_equal(keylog_signer(f->k, f->seed), OK);
	fixture_log(f, 5);
	while (keylog_published(f->k) < 5) { /* the run-unit time limit ends a log that never does */
	}
	fixture_log(f, 5);
	while (keylog_published(f->k) < 10) {
	}
	check_published(f, 10);
}

static void test_other_signer(void **state)
{
	struct fixture *f = *state;
	struct secret *other = secret_from(BYTES("another seed, also of 32 bytes.."));

	fixture_open(f);
	fixture_log(f, 1);
	fixture_publish(f);
	assert_int_equal(keylog_signer(f->k, other), ERR_AUTH);
	assert_int_equal(keylog_signer(f->k, f->seed), OK);
	secret_free(other);
}

static void test_locked(void **state)
{
	struct fixture *f = *state;

	fixture_open(f);
	fixture_refused(f, ERR_IO);
}

/* Over the end of segments; covered ones go; the log opens from the middle. */
static void test_segments(void **state)
{
	struct fixture *f = *state;

	fixture_open(f);
	for (unsigned i = 0; i < 66; i++) {
		fixture_log(f, 1000);
	}
	assert_true(there(f, journal0));
	assert_true(there(f, journal1));
	fixture_close(f);
	fixture_open(f); /* nothing published: all of it is read again */
	assert_int_equal(keylog_size(f->k), 66000);
	assert_true(there(f, journal0));
	fixture_publish(f);
	assert_false(there(f, journal0));
	assert_true(there(f, "journal/00000000000000065536.tree"));
	fixture_close(f);
	fixture_open(f);
	assert_int_equal(keylog_size(f->k), 66000);
	fixture_log(f, 5);
	fixture_publish(f);
	check_published(f, 66005);
	fixture_close(f);
	/* What lies before the journal is checked too. */
	fixture_flip(fixture_path(f, "tile/1/000"), 100);
	fixture_refused(f, ERR_CORRUPT);
	fixture_flip(fixture_path(f, "tile/1/000"), 100);
	fixture_flip(fixture_path(f, "journal/00000000000000065536.tree"), 20);
	fixture_refused(f, ERR_CORRUPT);
	fixture_flip(fixture_path(f, "journal/00000000000000065536.tree"), 20);
	char kept[256];
	strcpy(kept, fixture_path(f, "kept"));
	assert_int_equal(rename(fixture_path(f, "tile/entries/017"), kept), 0);
	fixture_refused(f, ERR_CORRUPT);
	assert_int_equal(rename(kept, fixture_path(f, "tile/entries/017")), 0);
	fixture_open(f);
	assert_int_equal(keylog_size(f->k), 66005);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_set_up, fixture_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_new_and_again), TEST(test_what_append_gives), TEST(test_group_commit),
		TEST(test_large_batch),   TEST(test_publication),       TEST(test_sealed),
		TEST(test_close_publishes), TEST(test_by_itself),       TEST(test_other_signer),
		TEST(test_locked),        TEST(test_segments),
	};

	return cmocka_run_group_tests(tests, fixture_group, NULL);
}
