/* What verifies, and that nothing else does. */
#include "tests/unit/client/auditor/auditor_fixture.h"

#include "client/auditor/path.h"
#include "client/auditor/report_text.h"
#include "common/codec/json.h"
#include "common/logfmt/proof.h"

static void test_good(void **state)
{
	struct fixture *f = *state;

	f->size = 700;
	f->also = 600;
	fixture_make(f);
	assert_true(fixture_verify(f));
	assert_int_equal(f->result->entries, 700);
	assert_int_equal(f->result->boots, 1);
	assert_int_equal(f->result->events[LOGFMT_START], 1);
	assert_int_equal(f->result->events[LOGFMT_STOP], 1);
	assert_int_equal(f->result->events[LOGFMT_ACCESS], 698);
	assert_int_equal(f->result->keys[TALLY_ISSUED], 280);
	assert_int_equal(f->result->keys[TALLY_OPENED], 280);
	assert_int_equal(f->result->keys[TALLY_REFUSED], 69);
	assert_int_equal(f->result->by_tenant.n, 2);
	assert_int_equal(f->result->by_gateway.n, 1);
	assert_int_equal(f->result->by_reason.n, 1);
	assert_int_equal(f->result->by_reason.rows[0].counts[TALLY_REFUSED], 69);
	assert_int_equal(f->result->first_ns, fixture_time_ns);
	assert_int_equal(f->result->last_ns, fixture_time_ns + 699 * 1000000);
}

static void test_sizes(void **state)
{
	static const uint64_t sizes[] = {0, 1, 2, 255, 256, 257, 511, 512, 513};
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(sizes); i++) {
		nftw(f->dir, fixture_remove, 16, FTW_DEPTH | FTW_PHYS);
		f->size = sizes[i];
		fixture_make(f);
		assert_true(fixture_verify(f));
		assert_int_equal(f->result->entries, sizes[i]);
	}
}

static const char *const files[] = {
	"checkpoint", "tile/0/000", "tile/0/001", "tile/0/002.p/88", "tile/0/002.p/188",
	"tile/1/000.p/2", "tile/entries/000", "tile/entries/001", "tile/entries/002.p/88",
	"tile/entries/002.p/188",
};

/* Any bit of any file: the tiles and bundles of the earlier size too. */
static void test_any_byte(void **state)
{
	static uint8_t content[1 << 20];
	struct fixture *f = *state;

	f->size = 700;
	f->also = 600;
	fixture_make(f);
	srandom(1);
	for (size_t i = 0; i < COUNT(files); i++) {
		size_t n = 0;
		assert_int_equal(logdir_open(f->dir, &f->options.dir, NULL), OK);
		assert_int_equal(logdir_read(f->options.dir, files[i], content, sizeof(content), &n),
		                 OK);
		close(f->options.dir);
		f->options.dir = -1;
		for (unsigned k = 0; k < 30; k++) {
			size_t at = k < n ? (k < 3 ? k : (size_t)random() % n) : n - 1;
			uint8_t bit = (uint8_t)(1 << (random() % 8));
			content[at] ^= bit;
			fixture_write(f, files[i], bytes_of(content, n));
			if (fixture_verify(f)) {
				fail_msg("%s byte %zu bit %u", files[i], at, bit);
			}
			content[at] ^= bit;
		}
		fixture_write(f, files[i], bytes_of(content, n - 1));
		assert_false(fixture_verify(f));
		content[n] = 0;
		fixture_write(f, files[i], bytes_of(content, n + 1));
		assert_false(fixture_verify(f));
		fixture_write(f, files[i], bytes_of(content, n));
		assert_true(fixture_verify(f));
	}
}

/* The older partial files may go; everything else is needed. */
static void test_missing(void **state)
{
	struct fixture *f = *state;
	char kept[256];

	f->size = 700;
	f->also = 600;
	fixture_make(f);
	for (size_t i = 0; i < COUNT(files); i++) {
		bool may = strstr(files[i], ".p/88") != NULL;
		strcpy(kept, fixture_path(f, "kept"));
		assert_int_equal(rename(fixture_path(f, files[i]), kept), 0);
		assert_int_equal(fixture_verify(f), may);
		assert_int_equal(rename(kept, fixture_path(f, files[i])), 0);
	}
	assert_true(fixture_verify(f));
}

/* A log that has grown since the checkpoint that is looked at. */
static void test_grown(void **state)
{
	static uint8_t old[4096];
	struct fixture *f = *state;
	size_t n = 0;

	f->size = 700;
	f->also = 300;
	fixture_make(f);
	assert_int_equal(logdir_open(f->root, &f->options.dir, NULL), OK);
	assert_int_equal(logdir_read(f->options.dir, "older", old, sizeof(old), &n), OK);
	fixture_write(f, "checkpoint", bytes_of(old, n));
	assert_true(fixture_verify(f));
	assert_int_equal(f->result->entries, 300);
	/* Its partial files went when the tile was full. */
	assert_int_equal(unlink(fixture_path(f, "tile/0/001.p/44")), 0);
	assert_int_equal(unlink(fixture_path(f, "tile/entries/001.p/44")), 0);
	assert_true(fixture_verify(f));
}

static void keep_older(struct fixture *f, uint8_t *out, size_t max)
{
	size_t n = 0;

	assert_int_equal(logdir_open(f->root, &f->options.dir, NULL), OK);
	assert_int_equal(logdir_read(f->options.dir, "older", out, max, &n), OK);
	f->options.since = bytes_of(out, n);
}

static void edit_principal(struct logfmt_entry *e)
{
	if (e->seq == 100) {
		e->principal = BYTES("arn:aws:iam::000000000001:user/mallory");
	}
}

static void test_since(void **state)
{
	static uint8_t older[4096];
	struct fixture *f = *state;

	f->size = 700;
	f->also = 600;
	fixture_make(f);
	keep_older(f, older, sizeof(older));
	assert_true(fixture_verify(f));
	assert_int_equal(f->result->since_size, 600);
	/* Another history, correctly signed: only who kept the checkpoint can tell. */
	f->edit = edit_principal;
	fixture_make(f);
	assert_false(fixture_verify(f));
	assert_int_equal(fixture_found(f, FOUND_SINCE_ROOT), 1);
	assert_int_equal(verify_failures(f->result, CHECK_TREE), 0);
	f->edit = NULL;
	nftw(f->dir, fixture_remove, 16, FTW_DEPTH | FTW_PHYS);
	f->size = 500;
	fixture_make(f);
	assert_false(fixture_verify(f));
	assert_int_equal(fixture_found(f, FOUND_SINCE_LARGER), 1);
	older[30] ^= 1;
	assert_false(fixture_verify(f));
	assert_int_equal(fixture_found(f, FOUND_SINCE_SIGNATURE), 1);
}

static void test_other_key(void **state)
{
	struct fixture *f = *state;
	struct secret *other = secret_from(BYTES("another seed, also of 32 bytes.."));
	uint8_t public_key[32];
	struct writer w = writer_fixed(f->vkey, sizeof(f->vkey));

	f->size = 10;
	fixture_make(f);
	assert_int_equal(sign_public(other, public_key), OK);
	note_key_write(&w, bytes_text(fixture_origin), public_key);
	assert_int_equal(note_key_read(writer_bytes(&w), &f->options.key), OK);
	assert_false(fixture_verify(f));
	assert_int_equal(fixture_found(f, FOUND_CHECKPOINT_SIGNATURE), 1);
	assert_int_equal(unlink(fixture_path(f, "checkpoint")), 0);
	assert_false(fixture_verify(f));
	assert_int_equal(fixture_found(f, FOUND_CHECKPOINT_MISSING), 1);
	secret_free(other);
}

/* Logs that were signed so by a faulty or dishonest service: the tree is good, the entries are not. */
static void edit_back(struct logfmt_entry *e)
{
	e->time_ns -= e->seq == 20 ? 2000000 : 0;
}
static void edit_ahead(struct logfmt_entry *e)
{
	e->time_ns += e->seq >= 28 ? UINT64_C(2000000000000) : 0;
}
static void edit_seq(struct logfmt_entry *e)
{
	e->seq += e->seq >= 15;
}
static void edit_never_issued(struct logfmt_entry *e)
{
	e->keys[0].wrapped_digest[5] = e->seq == 12;
}
static void edit_other_kek(struct logfmt_entry *e)
{
	e->keys[0].key_id[0] ^= e->seq == 12;
}
static void edit_refused_issue(struct logfmt_entry *e)
{
	if (e->seq == 11) {
		e->result = BYTES("denied");
	}
}
static void line_space(uint64_t i, struct writer *entry)
{
	if (i == 5) {
		write_u8(entry, ' ');
	}
}

static void test_dishonest(void **state)
{
	static const struct {
		void (*edit)(struct logfmt_entry *e);
		void (*line)(uint64_t i, struct writer *entry);
		enum finding finding;
		uint64_t count;
		uint64_t index;
	} rows[] = {
		{edit_back, NULL, FOUND_CLOCK_BACK, 1, 20},
		{edit_ahead, NULL, FOUND_CLOCK_AHEAD, 2, 28},
		{edit_seq, NULL, FOUND_ENTRY_SEQ, 15, 15},
		{edit_never_issued, NULL, FOUND_KEY_NOT_ISSUED, 1, 12},
		{edit_other_kek, NULL, FOUND_KEY_NOT_ISSUED, 1, 12},
		{edit_refused_issue, NULL, FOUND_KEY_NOT_ISSUED, 1, 12},
		{NULL, line_space, FOUND_ENTRY_FORM, 1, 5},
	};
	struct fixture *f = *state;

	f->size = 30;
	for (size_t i = 0; i < COUNT(rows); i++) {
		f->edit = rows[i].edit;
		f->line = rows[i].line;
		fixture_make(f);
		assert_false(fixture_verify(f));
		assert_int_equal(fixture_found(f, rows[i].finding), rows[i].count);
		assert_true(f->result->found[rows[i].finding].examples[0].has_index);
		assert_int_equal(f->result->found[rows[i].finding].examples[0].index, rows[i].index);
		assert_int_equal(verify_failures(f->result, CHECK_TREE), 0);
		assert_true(f->result->whole);
	}
}

/* Runs: 0..9 ends without a stop, 10..19 with one, 20..29 does not begin with a start. */
static void edit_runs(struct logfmt_entry *e)
{
	e->boot[0] = (uint8_t)(e->seq / 10);
	if (e->seq == 10) {
		e->event = LOGFMT_START;
	}
	if (e->seq == 19) {
		e->event = LOGFMT_STOP;
	}
}

static void test_runs(void **state)
{
	struct fixture *f = *state;

	f->size = 30;
	f->edit = edit_runs;
	fixture_make(f);
	assert_true(fixture_verify(f));
	assert_int_equal(f->result->boots, 3);
	assert_int_equal(fixture_found(f, FOUND_UNCLEAN_STOP), 1);
	assert_int_equal(f->result->found[FOUND_UNCLEAN_STOP].examples[0].index, 10);
	assert_int_equal(fixture_found(f, FOUND_NO_START), 1);
	assert_int_equal(f->result->found[FOUND_NO_START].examples[0].index, 20);
}

/* The path of every entry of logs of several sizes, read from the tiles. */
static void test_paths(void **state)
{
	static const uint64_t sizes[] = {1, 2, 3, 255, 256, 257, 600, 769};
	struct fixture *f = *state;
	uint8_t path[PROOF_HASHES_MAX * 32], leaf[32];
	struct report report;

	for (size_t i = 0; i < COUNT(sizes); i++) {
		struct bundle *b = bundle_new();
		AUTO(logdir_close) int dir = -1;
		nftw(f->dir, fixture_remove, 16, FTW_DEPTH | FTW_PHYS);
		f->size = sizes[i];
		fixture_make(f);
		assert_true(fixture_verify(f));
		assert_int_equal(logdir_open(f->dir, &dir, &report), OK);
		for (uint64_t n = 0; n < f->size; n++) {
			uint64_t rest = f->size - n / 256 * 256;
			struct writer w = writer_fixed(path, sizeof(path));
			assert_int_equal(bundle_read(b, dir, n / 256, rest < 256 ? (uint32_t)rest : 256),
			                 OK);
			assert_int_equal(tree_leaf_hash(b->entries[n % 256], leaf), OK);
			assert_int_equal(path_read(dir, n, f->size, &w), OK);
			assert_int_equal(tree_check_inclusion(n, f->size, leaf, writer_bytes(&w),
			                                      f->result->checkpoint.root), OK);
		}
		struct writer w = writer_fixed(path, sizeof(path));
		assert_int_equal(path_read(dir, f->size, f->size, &w), ERR_INPUT);
		free(b);
	}
}

static struct bytes report_of(struct fixture *f, struct writer *w, enum lang lang, bool json)
{
	struct report_context c = {.lang = lang, .vkey = bytes_of(f->vkey, f->vkey_n)};

	w->used = 0;
	if (json) {
		report_json(w, f->result, &c);
	} else {
		report_text(w, f->result, &c);
	}
	assert_int_equal(writer_end(w), OK);
	return writer_bytes(w);
}

static bool says(struct bytes report, const char *text)
{
	return memmem(report.p, report.n, text, strlen(text)) != NULL;
}

static void edit_escape(struct logfmt_entry *e)
{
	e->gateway = BYTES("gw\x1b[2Jevil\xe2\x80\xae");
	e->time_ns -= e->seq == 20 ? 2000000 : 0;
}

static void test_reports(void **state)
{
	struct fixture *f = *state;
	struct writer w = writer_growing(1 << 20);
	struct json *j = NULL;
	uint64_t n = 0;

	f->size = 30;
	fixture_make(f);
	assert_true(fixture_verify(f));
	assert_true(says(report_of(f, &w, LANG_EN, false), "THE LOG IS GOOD"));
	assert_true(says(report_of(f, &w, LANG_FR, false), "LE JOURNAL EST INTÈGRE"));
	f->edit = edit_escape;
	fixture_make(f);
	assert_false(fixture_verify(f));
	assert_true(says(report_of(f, &w, LANG_EN, false), "the time goes back"));
	assert_true(says(writer_bytes(&w), "THE LOG DOES NOT VERIFY"));
	assert_true(says(writer_bytes(&w), "gw\\x1b[2Jevil\\xe2\\x80\\xae"));
	assert_false(says(writer_bytes(&w), "\x1b"));
	assert_true(says(report_of(f, &w, LANG_FR, false), "l'heure recule"));
	assert_int_equal(json_parse(report_of(f, &w, LANG_EN, true), 1 << 20, &j, NULL), OK);
	assert_false(json_get_bool(j, "good", true));
	assert_int_equal(json_get_u64(j, "size", &n), OK);
	assert_int_equal(n, 30);
	assert_true(bytes_is(json_get_bytes(json_get(j, "checks"), "clock"), "failed"));
	assert_true(bytes_is(json_get_bytes(json_get(j, "checks"), "tree"), "ok"));
	assert_true(bytes_is(json_get_bytes(json_at(json_get(j, "faults"), 0), "fault"),
	                     "clock-back"));
	json_free(j);
	writer_free(&w);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_set_up, fixture_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_good),    TEST(test_sizes), TEST(test_any_byte),  TEST(test_missing),
		TEST(test_grown),   TEST(test_since), TEST(test_other_key), TEST(test_dishonest),
		TEST(test_runs),    TEST(test_reports), TEST(test_paths),
	};

	return cmocka_run_group_tests(tests, fixture_group, NULL);
}
