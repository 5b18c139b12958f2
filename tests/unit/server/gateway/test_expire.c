/* What a round of lifecycle removes from the index: what is due and nothing else, in batches, not all at once. */
#include "server/gateway/config_document.h"
#include "server/gateway/expire.h"
#include "tests/unit/server/index/index_fixture.h"

enum { OBJECTS = 250, BATCH = 100 };
#define DAY_MS   UINT64_C(86400000)
#define NOW_MS   (100 * DAY_MS)
#define OLD_MS   (50 * DAY_MS)
#define YOUNG_MS (NOW_MS - 1000)
#define RULES(inner) "<LifecycleConfiguration><Rule><Filter><Prefix></Prefix></Filter>" \
	"<Status>Enabled</Status>" inner "</Rule></LifecycleConfiguration>"
#define EXPIRE RULES("<Expiration><Days>10</Days></Expiration>")
#define NONCURRENT RULES("<NoncurrentVersionExpiration><NoncurrentDays>10</NoncurrentDays>" \
	"</NoncurrentVersionExpiration>")

struct fixture {
	struct index_fixture index;
	struct gateway g;
	atomic_bool stop;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	fixture_make(&f->index);
	f->g.index = f->index.x;
	f->g.day_ms = DAY_MS;
	f->g.lifecycle_max = UINT64_MAX;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	fixture_remove(&f->index);
	free(f);
	return 0;
}

static struct index_bucket make_bucket(struct fixture *f, const char *name, const char *rules)
{
	struct index_bucket b = {.name = bytes_text(name), .tenant = BYTES("1"), .owner_id = BYTES("id"),
	                         .owner_name = BYTES("owner"), .region = BYTES("eu")};
	struct bytes document;
	assert_int_equal(index_bucket_create(f->g.index, &b), OK);
	assert_int_equal(config_document_read(f->index.a, config_document_of(INDEX_CONFIG_LIFECYCLE),
	                                      bytes_text(rules), &document), S3E_NONE);
	assert_int_equal(index_config_put(f->g.index, &b, INDEX_CONFIG_LIFECYCLE, document), OK);
	return b;
}

static void put(struct fixture *f, const char *bucket, unsigned i, uint64_t modified_ms)
{
	struct index_part p = {.number = 1, .size = 1, .blob_size = 65536};
	char key[16];
	bool no_bucket;
	snprintf(key, sizeof(key), "key-%04u", i);
	struct index_object o = {.bucket = bytes_text(bucket), .key = bytes_text(key), .size = 1,
	                         .modified_ms = modified_ms, .etag = BYTES("e"), .key_arn = BYTES("arn"),
	                         .wrapped = BYTES("w"), .blob_size = 65536,
	                         .content_type = BYTES("t"), .parts = &p, .n_parts = 1};
	random_bytes(o.id, sizeof(o.id));
	random_bytes(p.seed, sizeof(p.seed));
	assert_int_equal(index_object_put(f->g.index, &o, NULL, NULL, &no_bucket), OK);
}

static uint64_t count(struct fixture *f, const char *bucket, bool versions)
{
	struct index_versions_query q = {.list = {.bucket = bytes_text(bucket), .max = 1000}};
	struct index_list_page page;
	assert_int_equal(versions ? index_versions(f->g.index, f->index.a, &q, &page)
	                          : index_list(f->g.index, f->index.a, &q.list, &page), OK);
	return page.n;
}

static uint64_t commits(struct fixture *f)
{
	struct index_stats s;
	assert_int_equal(index_stats(f->g.index, &s), OK);
	return s.commits;
}

static void test_batches(void **state)
{
	struct fixture *f = *state;
	make_bucket(f, "b", EXPIRE);
	for (unsigned i = 0; i < OBJECTS; i++) {
		put(f, "b", i, i % 5 == 4 ? YOUNG_MS : OLD_MS);
	}
	uint64_t before = commits(f);
	assert_int_equal(expire_pass(&f->g, NOW_MS, &f->stop), OK);
	assert_int_equal(count(f, "b", false), OBJECTS / 5);
	assert_int_equal(f->g.lifecycle_expired, OBJECTS / 5 * 4);
	assert_int_equal(commits(f) - before, OBJECTS / 5 * 4 / BATCH);
	assert_int_equal(expire_pass(&f->g, NOW_MS, &f->stop), OK);
	assert_int_equal(f->g.lifecycle_expired, OBJECTS / 5 * 4);
}

/* A bucket with much to do leaves the others their turn, and goes on in the next round. */
static void test_bounded(void **state)
{
	struct fixture *f = *state;
	make_bucket(f, "first", EXPIRE);
	make_bucket(f, "second", EXPIRE);
	for (unsigned i = 0; i < OBJECTS; i++) {
		put(f, "first", i, OLD_MS);
	}
	put(f, "second", 0, OLD_MS);
	f->g.lifecycle_max = 130;
	assert_int_equal(expire_pass(&f->g, NOW_MS, &f->stop), OK);
	assert_int_equal(count(f, "first", false), OBJECTS - 130);
	assert_int_equal(count(f, "second", false), 0);
	assert_int_equal(expire_pass(&f->g, NOW_MS, &f->stop), OK);
	assert_int_equal(count(f, "first", false), 0);
}

/* Older versions go, the current ones stay; what is locked stays, and does not keep the rest of its batch. */
static void test_versions(void **state)
{
	struct fixture *f = *state;
	struct index_bucket b = make_bucket(f, "b", NONCURRENT);
	struct index_version held;
	assert_int_equal(index_bucket_set_versioning(f->g.index, (struct index_bucket_ref){b.name, 0},
	                                             INDEX_VERSIONING_ENABLED), OK);
	for (unsigned i = 0; i < 40; i++) {
		put(f, "b", i, OLD_MS);
		if (i == 7) {
			const struct index_change hold = {.bucket = b.name, .key = BYTES("key-0007"),
			                                  .set_hold = true, .legal_hold = true};
			assert_int_equal(index_object_change(f->g.index, &hold, &held), OK);
		}
		put(f, "b", i, OLD_MS + DAY_MS);
	}
	assert_int_equal(count(f, "b", true), 80);
	assert_int_equal(expire_pass(&f->g, NOW_MS, &f->stop), OK);
	assert_int_equal(count(f, "b", true), 41);
	assert_int_equal(count(f, "b", false), 40);
	assert_int_equal(f->g.lifecycle_expired, 39);
}

static void test_stop(void **state)
{
	struct fixture *f = *state;
	make_bucket(f, "b", EXPIRE);
	put(f, "b", 0, OLD_MS);
	f->stop = true;
	assert_int_equal(expire_pass(&f->g, NOW_MS, &f->stop), OK);
	assert_int_equal(count(f, "b", false), 1);
}

int main(void)
{
	if (secret_init(64) != OK) {
		return 1;
	}
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_batches, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_versions, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stop, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
