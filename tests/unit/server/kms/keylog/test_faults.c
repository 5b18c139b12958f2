/* What must not open, what must stop, and what a crash may leave behind. */
#include "tests/unit/server/kms/keylog/keylog_fixture.h"

#include <signal.h>
#include <sys/resource.h>

#include "server/kms/keylog/journal.h"

static const char journal0[] = "journal/00000000000000000000";

enum { FILE_MAX = 1 << 20 };
static uint8_t whole[FILE_MAX];

static size_t size_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return (size_t)st.st_size;
}

/* The last record cut at every byte: the log opens and has every synced entry before it. */
static void test_torn_at_every_byte(void **state)
{
	struct fixture *f = *state;
	char path[256];

	fixture_open(f);
	fixture_log(f, 3);
	fixture_log(f, 2);
	strcpy(path, fixture_path(f, journal0));
	size_t before = size_of(path);
	fixture_log(f, 2);
	fixture_close(f);
	size_t n = fixture_read(path, whole, sizeof(whole));
	for (size_t cut = before; cut <= n; cut++) {
		nftw(fixture_path(f, "tile"), fixture_remove, 16, FTW_DEPTH | FTW_PHYS);
		fixture_write(path, whole, cut);
		fixture_open(f);
		assert_int_equal(keylog_size(f->k), cut == n ? 7 : 5);
		assert_int_equal(size_of(path), cut == n ? n : before);
		fixture_close(f);
	}
}

/* The pages of an unsynced batch may reach the disk in any order: some of its bytes are zero. */
static void test_torn_with_holes(void **state)
{
	struct fixture *f = *state;
	char path[256];

	fixture_open(f);
	fixture_log(f, 5);
	strcpy(path, fixture_path(f, journal0));
	size_t before = size_of(path);
	fixture_log(f, 2);
	size_t n = fixture_read(path, whole, sizeof(whole));
	for (size_t hole = before; hole < n; hole += 37) {
		static uint8_t torn[FILE_MAX];
		memcpy(torn, whole, n);
		memset(torn + hole, 0, n - hole < 37 ? n - hole : 37);
		fixture_close(f);
		nftw(fixture_path(f, "tile"), fixture_remove, 16, FTW_DEPTH | FTW_PHYS);
		fixture_write(path, torn, n);
		fixture_open(f);
		assert_int_equal(keylog_size(f->k), 5);
		fixture_log(f, 1); /* and it goes on */
		assert_int_equal(keylog_size(f->k), 6);
	}
}

/* A synced batch with another behind it: any changed byte is damage, never a shorter log. */
static void test_damage_is_not_a_torn_end(void **state)
{
	struct fixture *f = *state;
	char path[256];

	fixture_open(f);
	fixture_log(f, 2);
	fixture_log(f, 2);
	strcpy(path, fixture_path(f, journal0));
	size_t before = size_of(path);
	fixture_log(f, 1);
	fixture_close(f);
	nftw(fixture_path(f, "tile"), fixture_remove, 16, FTW_DEPTH | FTW_PHYS);
	for (size_t at = 0; at < before; at += 3) {
		fixture_flip(path, (long)at);
		fixture_refused(f, ERR_CORRUPT);
		fixture_flip(path, (long)at);
	}
	fixture_open(f);
	assert_int_equal(keylog_size(f->k), 5);
}

/* Four entries published in two steps, the log closed. */
static void published_log(struct fixture *f)
{
	fixture_open(f);
	fixture_log(f, 2);
	fixture_publish(f);
	fixture_log(f, 2);
	fixture_publish(f);
	fixture_close(f);
}

static void test_truncated_below_checkpoint(void **state)
{
	struct fixture *f = *state;
	char path[256];

	published_log(f);
	strcpy(path, fixture_path(f, journal0));
	size_t n = fixture_read(path, whole, sizeof(whole));
	for (size_t cut = 0; cut < n; cut += 11) {
		fixture_write(path, whole, cut);
		fixture_refused(f, ERR_CORRUPT);
	}
	assert_int_equal(unlink(path), 0);
	fixture_refused(f, ERR_CORRUPT);
	fixture_write(path, whole, n);
	fixture_open(f);
	assert_int_equal(keylog_size(f->k), 4);
}

static void test_changed_below_checkpoint(void **state)
{
	struct fixture *f = *state;
	char path[256];

	published_log(f);
	strcpy(path, fixture_path(f, journal0));
	size_t n = size_of(path);
	for (size_t at = 0; at < n; at += 7) {
		fixture_flip(path, (long)at);
		fixture_refused(f, ERR_CORRUPT);
		fixture_flip(path, (long)at);
	}
}

/* The folder of the log as it was before, the fence as it is: a restored backup. */
static void test_rolled_back(void **state)
{
	struct fixture *f = *state;
	char command[512];

	fixture_open(f);
	fixture_log(f, 2);
	fixture_publish(f);
	fixture_close(f);
	snprintf(command, sizeof(command), "cp -a %s %s.old", f->dir, f->dir);
	assert_int_equal(system(command), 0);
	fixture_open(f);
	fixture_log(f, 2);
	fixture_publish(f);
	fixture_close(f);
	snprintf(command, sizeof(command), "rm -r %s && mv %s.old %s", f->dir, f->dir, f->dir);
	assert_int_equal(system(command), 0);
	fixture_refused(f, ERR_CORRUPT);
	assert_non_null(strstr(f->report.text, "fence"));
	snprintf(command, sizeof(command), "rm -r %s", f->dir);
	assert_int_equal(system(command), 0);
	fixture_refused(f, ERR_CORRUPT); /* no log at all, but a fence */
}

/* A second history with as many entries: the sizes fit, the root does not. */
static void test_rewritten(void **state)
{
	struct fixture *f = *state;
	char command[512], fence[96];

	published_log(f);
	strcpy(fence, f->fence);
	snprintf(command, sizeof(command), "rm -r %s && mv %s %s.first", f->dir, fence, fence);
	assert_int_equal(system(command), 0);
	published_log(f);
	snprintf(command, sizeof(command), "mv %s.first %s", fence, fence);
	assert_int_equal(system(command), 0);
	fixture_refused(f, ERR_CORRUPT);
}

static void test_marks(void **state)
{
	struct fixture *f = *state;
	char kept[128];

	published_log(f);
	snprintf(kept, sizeof(kept), "%s.kept", f->fence);
	assert_int_equal(rename(f->fence, kept), 0);
	fixture_refused(f, ERR_CORRUPT); /* the fence is missing */
	fixture_write(f->fence, (const uint8_t *)"nothing", 7);
	fixture_refused(f, ERR_CORRUPT);
	assert_int_equal(rename(kept, f->fence), 0);
	f->options.origin = "kms.example.org/log/2";
	fixture_refused(f, ERR_INPUT);
	f->options.origin = "";
	fixture_refused(f, ERR_INPUT);
	f->options.origin = fixture_origin;
	fixture_flip(fixture_path(f, "checkpoint"), (long)sizeof(fixture_origin) + 5);
	fixture_refused(f, ERR_CORRUPT);
	/* A crash between the first fence and the first checkpoint. */
	assert_int_equal(unlink(fixture_path(f, "checkpoint")), 0);
	fixture_open(f);
	fixture_publish(f);
	assert_int_equal(fixture_checkpoint(f, fixture_path(f, "checkpoint")).size, 4);
}

static void test_tiles(void **state)
{
	static const char *const files[] = {
		"tile/0/000", "tile/entries/000", "tile/0/001.p/44", "tile/entries/001.p/44",
		"tile/1/000.p/1",
	};
	struct fixture *f = *state;
	char path[256], kept[256];

	fixture_open(f);
	fixture_log(f, 300);
	fixture_publish(f);
	fixture_close(f);
	for (size_t i = 0; i < COUNT(files); i++) {
		strcpy(path, fixture_path(f, files[i]));
		strcpy(kept, fixture_path(f, "kept"));
		fixture_flip(path, 5);
		fixture_refused(f, ERR_CORRUPT);
		assert_non_null(strstr(f->report.text, files[i]));
		fixture_flip(path, 5);
		fixture_flip(path, -1);
		fixture_refused(f, ERR_CORRUPT);
		fixture_flip(path, -1);
		assert_int_equal(rename(path, kept), 0);
		fixture_refused(f, ERR_CORRUPT);
		assert_int_equal(rename(kept, path), 0);
	}
	fixture_open(f);
	assert_int_equal(keylog_size(f->k), 300);
}

/* Never unsealed: no checkpoint tells the size, but the tiles do. */
static void test_tiles_beyond(void **state)
{
	struct fixture *f = *state;
	char path[256];

	fixture_open(f);
	fixture_log(f, 5);
	strcpy(path, fixture_path(f, journal0));
	size_t before = size_of(path);
	fixture_log(f, 5);
	assert_int_equal(keylog_signer(f->k, NULL), OK); /* waits for a round */
	fixture_close(f);
	assert_int_equal(truncate(path, (off_t)before), 0);
	fixture_refused(f, ERR_CORRUPT);
	assert_int_equal(unlink(path), 0);
	fixture_refused(f, ERR_CORRUPT);
}

static void limit_files(rlim_t bytes)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A full disk: the batch is refused as a whole, nothing of it stays, and it goes on later. */
static void test_full(void **state)
{
	struct fixture *f = *state;
	char path[256];

	signal(SIGXFSZ, SIG_IGN);
	fixture_open(f);
	fixture_log(f, 5);
	strcpy(path, fixture_path(f, journal0));
	size_t before = size_of(path);
	limit_files(before + 100);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(fixture_append(f, "does not fit"), OK);
	}
	enum err full = keylog_sync(f->k);
	size_t after = size_of(path);
	enum err again = fixture_append(f, "does not fit");
	enum err still = keylog_sync(f->k);
	limit_files(RLIM_INFINITY);
	assert_int_equal(full, ERR_FULL);
	assert_int_equal(after, before);
	assert_int_equal(again, OK);
	assert_int_equal(still, ERR_FULL);
	assert_int_equal(keylog_size(f->k), 5);
	assert_int_not_equal(access(fixture_path(f, "journal/reserve"), F_OK), 0);
	fixture_log(f, 2);
	fixture_publish(f);
	fixture_close(f);
	fixture_open(f);
	assert_int_equal(keylog_size(f->k), 7);
	assert_int_equal(access(fixture_path(f, "journal/reserve"), F_OK), 0);
}

/* The batch fills up between two syncs while the disk is full: whoever appended must hear of it. */
static void test_full_in_append(void **state)
{
	struct fixture *f = *state;
	static char detail[8001];
	enum err e = OK;

	memset(detail, 'd', sizeof(detail) - 1);
	signal(SIGXFSZ, SIG_IGN);
	fixture_open(f);
	fixture_log(f, 1);
	limit_files(64 * 1024);
	for (unsigned i = 0; i < 500 && e == OK; i++) {
		e = fixture_append(f, detail);
	}
	limit_files(RLIM_INFINITY);
	assert_int_equal(e, ERR_FULL);
	assert_int_equal(fixture_append(f, "after it"), ERR_FULL);
	assert_int_equal(keylog_sync(f->k), ERR_FULL);
	assert_int_equal(keylog_size(f->k), 1);
	fixture_log(f, 1);
	assert_int_equal(keylog_size(f->k), 2);
}

static void stays_dead(struct fixture *f)
{
	assert_int_equal(fixture_append(f, "not kept"), OK);
	assert_int_equal(keylog_sync(f->k), ERR_IO);
	assert_int_equal(fixture_append(f, "not kept"), ERR_IO);
	assert_int_equal(keylog_sync(f->k), ERR_IO);
	assert_int_equal(keylog_size(f->k), 1);
}

static void test_unlinked(void **state)
{
	struct fixture *f = *state;

	fixture_open(f);
	fixture_log(f, 1);
	assert_int_equal(unlink(fixture_path(f, journal0)), 0);
	stays_dead(f);
}

static void test_replaced(void **state)
{
	struct fixture *f = *state;
	char path[256], aside[256];

	fixture_open(f);
	fixture_log(f, 1);
	strcpy(path, fixture_path(f, journal0));
	strcpy(aside, fixture_path(f, "aside"));
	size_t n = fixture_read(path, whole, sizeof(whole));
	assert_int_equal(rename(path, aside), 0);
	fixture_write(path, whole, n);
	stays_dead(f);
	assert_int_equal(rename(aside, path), 0); /* putting it back does not help */
	assert_int_equal(fixture_append(f, "not kept"), ERR_IO);
	assert_int_equal(keylog_sync(f->k), ERR_IO);
}

static void test_cut_while_running(void **state)
{
	struct fixture *f = *state;

	fixture_open(f);
	fixture_log(f, 1);
	assert_int_equal(truncate(fixture_path(f, journal0), 60), 0);
	stays_dead(f);
}

/* The journal is changed after the sync and before the publisher reads it. */
static void test_changed_while_running(void **state)
{
	struct fixture *f = *state;

	fixture_open(f);
	fixture_log(f, 1);
	fixture_publish(f);
	fixture_log(f, 1);
	fixture_flip(fixture_path(f, journal0), -60);
	assert_int_equal(keylog_signer(f->k, f->seed), OK);
	assert_int_equal(keylog_signer(f->k, NULL), OK);
	assert_int_equal(keylog_published(f->k), 1);
	assert_int_equal(fixture_append(f, "not kept"), ERR_IO);
	assert_int_equal(keylog_sync(f->k), ERR_IO);
}

/* The checkpoint is never ahead of the fence; when the fence cannot be written, nothing is published. */
static void test_fence_first(void **state)
{
	struct fixture *f = *state;
	char path[128];

	fixture_open(f);
	fixture_log(f, 1);
	fixture_publish(f);
	fixture_log(f, 1);
	snprintf(path, sizeof(path), "%s.new", f->fence);
	assert_int_equal(mkdir(path, 0700), 0);
	fixture_publish(f);
	assert_int_equal(keylog_published(f->k), 1);
	assert_int_equal(fixture_checkpoint(f, fixture_path(f, "checkpoint")).size, 1);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(mkdir(fixture_path(f, "checkpoint.new"), 0700), 0);
	fixture_publish(f);
	assert_int_equal(keylog_published(f->k), 1);
	assert_int_equal(fixture_checkpoint(f, f->fence).size, 2);
	assert_int_equal(rmdir(fixture_path(f, "checkpoint.new")), 0);
	fixture_log(f, 1); /* entries went on all the time */
	fixture_publish(f);
	assert_int_equal(keylog_published(f->k), 3);
}

/* Tiles cannot be written for a while: entries stay durable, publication comes later. */
static void test_tiles_not_writable(void **state)
{
	struct fixture *f = *state;
	char path[256];

	fixture_open(f);
	fixture_log(f, 10);
	fixture_publish(f);
	fixture_log(f, 10);
	strcpy(path, fixture_path(f, "tmp"));
	nftw(path, fixture_remove, 16, FTW_DEPTH | FTW_PHYS);
	fixture_publish(f);
	assert_int_equal(keylog_published(f->k), 10);
	assert_int_equal(mkdir(path, 0700), 0);
	fixture_log(f, 300);
	fixture_publish(f);
	assert_int_equal(keylog_published(f->k), 320);
	fixture_close(f);
	fixture_open(f);
	assert_int_equal(keylog_size(f->k), 320);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_set_up, fixture_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_torn_at_every_byte),
		TEST(test_torn_with_holes),
		TEST(test_damage_is_not_a_torn_end),
		TEST(test_truncated_below_checkpoint),
		TEST(test_changed_below_checkpoint),
		TEST(test_rolled_back),
		TEST(test_rewritten),
		TEST(test_marks),
		TEST(test_tiles),
		TEST(test_tiles_beyond),
		TEST(test_full),
		TEST(test_full_in_append),
		TEST(test_unlinked),
		TEST(test_replaced),
		TEST(test_cut_while_running),
		TEST(test_changed_while_running),
		TEST(test_fence_first),
		TEST(test_tiles_not_writable),
	};

	return cmocka_run_group_tests(tests, fixture_group, NULL);
}
