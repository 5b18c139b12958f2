#include "tests/lib/blobs.h"

#include "common/crypto/hash.h"

/* Our writer makes the very bytes of the independent one, and our reader opens them. */
static void test_vectors(void **state)
{
	struct vectors v = vectors_load("objfmt/blob.json");
	uint8_t digest[SHA256_BYTES];

	(void)state;
	for (size_t i = 0; i < v.count; i++) {
		const struct json *c = json_at(v.cases, i);
		AUTO(secret_freep) struct secret *dek = vectors_secret(&v, c, "dek");
		struct bytes id = vectors_hex(&v, c, "id");
		struct bytes plain = blobs_plain(v.arena, vectors_u64(c, "plain_size"));
		struct bytes blob = blobs_seal(v.arena, dek, id.p, plain);
		struct bytes opened;

		assert_int_equal(blob.n, vectors_u64(c, "size"));
		assert_int_equal(hash_sha256(blob, digest), OK);
		assert_bytes_equal(bytes_of(digest, sizeof(digest)), vectors_hex(&v, c, "sha256"));
		if (json_get(c, "blob") != NULL) {
			assert_bytes_equal(blob, vectors_hex(&v, c, "blob"));
		}
		assert_int_equal(blobs_read(v.arena, dek, id.p, blob, BLOBS_NO_RECORD, &opened),
		                 BLOBS_READ);
		assert_bytes_equal(opened, plain);
	}
	vectors_free(&v);
}

struct fixture {
	struct secret *dek;
	struct objfmt_blob *blob;
	uint8_t id[OBJFMT_ID_BYTES];
	uint8_t memory[OBJFMT_SEALED_SEGMENT_BYTES + 1];
};

static int set_up(void **state)
{
	static struct fixture f;

	f.dek = secret_random(OBJFMT_DEK_BYTES);
	random_bytes(f.id, sizeof(f.id));
	*state = &f;
	return objfmt_blob_new(f.dek, f.id, &f.blob) == OK ? 0 : 1;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	objfmt_blob_free(f->blob);
	secret_free(f->dek);
	objfmt_blob_free(NULL);
	return 0;
}

/* Sizes that would make a stored blob ambiguous are refused before anything is sealed. */
static void test_seal_limits(void **state)
{
	struct fixture *f = *state;
	static const struct { uint64_t number; bool last; size_t n; enum err e; } cases[] = {
		{0, false, 65536, OK}, {0, true, 65536, OK}, {0, true, 0, OK}, {3, true, 1, OK},
		{65535, true, 1, OK},
		{0, false, 65535, ERR_LIMIT}, {0, false, 0, ERR_LIMIT}, {0, true, 65537, ERR_LIMIT},
		{0, false, 65537, ERR_LIMIT}, {1, true, 0, ERR_LIMIT}, {65536, true, 1, ERR_LIMIT},
		{UINT64_MAX, true, 1, ERR_LIMIT},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(objfmt_segment_seal(f->blob, cases[i].number, cases[i].last,
		                                     bytes_of(f->memory, cases[i].n), f->memory),
		                 cases[i].e);
		enum err e = objfmt_segment_open(f->blob, cases[i].number, cases[i].last,
		                                 bytes_of(f->memory, cases[i].n + 16), f->memory);
		assert_int_equal(e, cases[i].e == OK ? OK : ERR_CORRUPT);
	}
	for (size_t n = 0; n < OBJFMT_TAG_BYTES; n++) {
		assert_int_equal(objfmt_segment_open(f->blob, 0, true, bytes_of(f->memory, n),
		                                     f->memory), ERR_CORRUPT);
	}
}

/* A segment opens at its own place only, and a refused one leaves no plaintext. */
static void test_place(void **state)
{
	struct fixture *f = *state;
	uint8_t sealed[66], out[50];

	memset(f->memory, 0x55, 50);
	assert_int_equal(objfmt_segment_seal(f->blob, 5, true, bytes_of(f->memory, 50), sealed),
	                 OK);
	for (uint64_t number = 0; number < 300; number++) {
		enum err e = objfmt_segment_open(f->blob, number, true, bytes_of(sealed, 66), out);
		assert_int_equal(e, number == 5 ? OK : ERR_CORRUPT);
		assert_int_equal(out[0], number == 5 ? 0x55 : 0);
		assert_int_equal(out[49], number == 5 ? 0x55 : 0);
	}
}

/* Two blobs of one DEK, and the same id under two DEKs, share nothing. */
static void test_keys_differ(void **state)
{
	struct fixture *f = *state;
	AUTO(secret_freep) struct secret *dek = secret_random(OBJFMT_DEK_BYTES);
	AUTO(objfmt_blob_freep) struct objfmt_blob *other_id = NULL;
	AUTO(objfmt_blob_freep) struct objfmt_blob *other_dek = NULL;
	uint8_t id[OBJFMT_ID_BYTES], sealed[3][17];

	memcpy(id, f->id, sizeof(id));
	id[31] ^= 1;
	assert_int_equal(objfmt_blob_new(f->dek, id, &other_id), OK);
	assert_int_equal(objfmt_blob_new(dek, f->id, &other_dek), OK);
	assert_int_equal(objfmt_segment_seal(f->blob, 0, true, BYTES("x"), sealed[0]), OK);
	assert_int_equal(objfmt_segment_seal(other_id, 0, true, BYTES("x"), sealed[1]), OK);
	assert_int_equal(objfmt_segment_seal(other_dek, 0, true, BYTES("x"), sealed[2]), OK);
	assert_memory_not_equal(sealed[0] + 1, sealed[1] + 1, 16);
	assert_memory_not_equal(sealed[0] + 1, sealed[2] + 1, 16);
	assert_false(bytes_equal(objfmt_blob_header(f->blob), objfmt_blob_header(other_id)));
	assert_false(bytes_equal(objfmt_blob_header(f->blob), objfmt_blob_header(other_dek)));
}

static void test_part_etags(void **state)
{
	uint8_t first[OBJFMT_ETAG_BYTES], again[OBJFMT_ETAG_BYTES], other[OBJFMT_ETAG_BYTES];
	AUTO(secret_freep) struct secret *one = secret_random(OBJFMT_DEK_BYTES);
	AUTO(secret_freep) struct secret *two = secret_random(OBJFMT_DEK_BYTES);
	const uint8_t digest[8] = {1, 2, 3, 4, 5, 6, 7, 8};
	const uint8_t nearly[8] = {1, 2, 3, 4, 5, 6, 7, 9};
	const uint8_t long_digest[200] = {0};

	(void)state;
	assert_int_equal(objfmt_part_etag(one, bytes_of(digest, 8), 9, first), OK);
	assert_int_equal(objfmt_part_etag(one, bytes_of(digest, 8), 9, again), OK);
	assert_memory_equal(first, again, OBJFMT_ETAG_BYTES);
	assert_int_equal(objfmt_part_etag(one, bytes_of(nearly, 8), 9, other), OK);
	assert_memory_not_equal(first, other, OBJFMT_ETAG_BYTES);
	assert_int_equal(objfmt_part_etag(one, bytes_of(digest, 8), 10, other), OK);
	assert_memory_not_equal(first, other, OBJFMT_ETAG_BYTES);
	assert_int_equal(objfmt_part_etag(two, bytes_of(digest, 8), 9, other), OK);
	assert_memory_not_equal(first, other, OBJFMT_ETAG_BYTES);
	assert_int_equal(objfmt_part_etag(two, bytes_of(long_digest, 200), 9, other), ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test_setup_teardown(test_seal_limits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_place, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_keys_differ, set_up, tear_down),
		cmocka_unit_test(test_part_etags),
	};

	return secret_init(1024) == OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
