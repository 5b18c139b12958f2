#include "tests/lib/vectors.h"

#include "common/crypto/wrap.h"

/* Opens one vector; the caller's secret stays untouched when it is refused. */
static void check_case(struct vectors *v, const struct json *c)
{
	AUTO(secret_freep) struct secret *kek = vectors_secret(v, c, "kek");
	AUTO(secret_freep) struct secret *opened = NULL;
	struct bytes wrapped = vectors_hex(v, c, "wrapped");
	struct wrap_key under = {.kek = kek, .version = (uint32_t)vectors_u64(c, "version")};
	struct wrap_name name;

	memcpy(under.id, vectors_hex(v, c, "key_id").p, sizeof(under.id));
	enum err e = wrap_open(&under, vectors_hex(v, c, "context"), wrapped, &opened);
	if (!json_get_bool(c, "valid", false)) {
		assert_int_equal(e, ERR_CORRUPT);
		assert_null(opened);
		return;
	}
	assert_int_equal(e, OK);
	assert_bytes_equal(secret_bytes(opened), vectors_hex(v, c, "key"));
	assert_int_equal(wrap_peek(wrapped, &name), OK);
	assert_int_equal(name.version, under.version);
	assert_memory_equal(name.id, under.id, sizeof(name.id));
}

static void test_vectors(void **state)
{
	static const char *const files[] = {
		"objfmt/wrap.json",
		"objfmt/refuse-wrap-context.json",
		"objfmt/refuse-wrap-kek.json",
		"objfmt/refuse-wrap-bytes.json",
	};

	(void)state;
	for (size_t f = 0; f < COUNT(files); f++) {
		struct vectors v = vectors_load(files[f]);
		size_t refused = 0;
		for (size_t i = 0; i < v.count; i++) {
			check_case(&v, json_at(v.cases, i));
			refused += !json_get_bool(json_at(v.cases, i), "valid", false);
		}
		assert_int_equal(refused > 0, f > 0);
		vectors_free(&v);
	}
}

static void test_round_trip(void **state)
{
	AUTO(secret_freep) struct secret *kek = secret_random(32);
	struct wrap_key under = {.kek = kek, .id = "0123456789abcde", .version = 3};
	struct bytes aad = BYTES("context");

	(void)state;
	for (size_t n = 1; n <= SECRET_MAX; n++) {
		AUTO(secret_freep) struct secret *key = secret_random(n);
		AUTO(secret_freep) struct secret *opened = NULL;
		uint8_t memory[2][WRAP_MAX_BYTES];
		struct writer w[2] = {writer_fixed(memory[0], sizeof(memory[0])),
		                      writer_fixed(memory[1], sizeof(memory[1]))};

		assert_int_equal(wrap_seal(&under, aad, key, &w[0]), OK);
		assert_int_equal(wrap_seal(&under, aad, key, &w[1]), OK);
		assert_int_equal(w[0].used, WRAP_OVERHEAD_BYTES + n);
		assert_false(bytes_equal(writer_bytes(&w[0]), writer_bytes(&w[1]))); /* salt */
		assert_int_equal(wrap_open(&under, aad, writer_bytes(&w[0]), &opened), OK);
		assert_true(secret_equal(opened, key));
	}
}

/* Appends behind what is there; nothing is written when it does not fit. */
static void test_writer(void **state)
{
	AUTO(secret_freep) struct secret *kek = secret_random(32);
	struct wrap_key under = {.kek = kek, .version = 1};
	uint8_t memory[4 + WRAP_OVERHEAD_BYTES + 32] = {0};
	struct writer w = writer_fixed(memory, sizeof(memory));
	struct writer small = writer_fixed(memory, sizeof(memory) - 5);

	(void)state;
	write_text(&w, "abcd");
	assert_int_equal(wrap_seal(&under, BYTES(""), kek, &w), OK);
	assert_int_equal(w.used, sizeof(memory));
	assert_memory_equal(memory, "abcd\x01\x00\x01", 7);
	assert_int_equal(wrap_seal(&under, BYTES(""), kek, &small), ERR_LIMIT);
	assert_int_equal(small.used, 0);
}

static void test_peek(void **state)
{
	uint8_t memory[WRAP_MAX_BYTES + 1] = {1, 0, 1};
	struct wrap_name name;

	(void)state;
	for (size_t n = 0; n <= sizeof(memory); n++) {
		bool good = n > WRAP_OVERHEAD_BYTES && n <= WRAP_MAX_BYTES;
		assert_int_equal(wrap_peek(bytes_of(memory, n), &name), good ? OK : ERR_CORRUPT);
	}
	memory[0] = 2;
	assert_int_equal(wrap_peek(bytes_of(memory, 103), &name), ERR_CORRUPT);
}

/* A blob's vector, and that what is refused writes nothing. */
static void check_blob(struct vectors *v, const struct json *c)
{
	AUTO(secret_freep) struct secret *kek = vectors_secret(v, c, "kek");
	uint8_t memory[BLOB_PLAIN_MAX];
	struct writer w = writer_fixed(memory, sizeof(memory));
	struct bytes blob = vectors_hex(v, c, "blob"), context = vectors_hex(v, c, "context");
	struct wrap_key under = {.kek = kek, .version = (uint32_t)vectors_u64(c, "version")};
	struct wrap_name name;

	memcpy(under.id, vectors_hex(v, c, "key_id").p, sizeof(under.id));
	enum err e = blob_open(&under, context, blob, &w);
	if (!json_get_bool(c, "valid", false)) {
		assert_int_equal(e, ERR_CORRUPT);
		assert_int_equal(w.used, 0);
		return;
	}
	assert_int_equal(e, OK);
	assert_bytes_equal(writer_bytes(&w), vectors_hex(v, c, "plain"));
	assert_int_equal(blob_peek(blob, &name), OK);
	assert_int_equal(name.version, under.version);
	assert_memory_equal(name.id, under.id, sizeof(name.id));
}

static void test_blobs(void **state)
{
	struct vectors v = vectors_load("crypto/kms-blob.json");
	size_t good = 0;

	(void)state;
	for (size_t i = 0; i < v.count; i++) {
		check_blob(&v, json_at(v.cases, i));
		good += json_get_bool(json_at(v.cases, i), "valid", false);
	}
	assert_int_equal(good, 3);
	assert_true(v.count > 2 * good);
	vectors_free(&v);
}

/* A blob is no wrapped key and the reverse, whatever the version byte says. */
static void test_kinds_apart(void **state)
{
	AUTO(secret_freep) struct secret *kek = secret_random(32);
	AUTO(secret_freep) struct secret *key = secret_random(32);
	AUTO(secret_freep) struct secret *opened = NULL;
	struct wrap_key under = {.kek = kek, .id = "0123456789abcde", .version = 3};
	uint8_t blob[BLOB_MAX_BYTES], wrapped[WRAP_MAX_BYTES], plain[BLOB_PLAIN_MAX + 1] = {0};
	struct writer b = writer_fixed(blob, sizeof(blob));
	struct writer w = writer_fixed(wrapped, sizeof(wrapped));
	struct writer out = writer_fixed(plain, sizeof(plain));

	(void)state;
	assert_int_equal(blob_seal(&under, BYTES("x"), bytes_of(plain, 32), &b), OK);
	assert_int_equal(wrap_seal(&under, BYTES("x"), key, &w), OK);
	for (uint8_t version = 1; version <= 2; version++) {
		blob[0] = version;
		wrapped[0] = version;
		assert_int_equal(wrap_open(&under, BYTES("x"), writer_bytes(&b), &opened), ERR_CORRUPT);
		assert_int_equal(blob_open(&under, BYTES("x"), writer_bytes(&w), &out), ERR_CORRUPT);
	}
	assert_int_equal(out.used, 0);
	b.used = 0;
	assert_int_equal(blob_seal(&under, BYTES("x"), bytes_of(plain, 0), &b), ERR_LIMIT);
	assert_int_equal(blob_seal(&under, BYTES("x"), bytes_of(plain, sizeof(plain)), &b), ERR_LIMIT);
	assert_int_equal(blob_seal(&under, BYTES("x"), bytes_of(plain, BLOB_PLAIN_MAX), &b), OK);
	assert_int_equal(b.used, sizeof(blob));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_blobs),
		cmocka_unit_test(test_kinds_apart),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_writer),
		cmocka_unit_test(test_peek),
	};

	return secret_init(1024) == OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
