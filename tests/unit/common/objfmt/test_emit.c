/*
 * The way back: parts, trailers and wrapped keys under random keys, sealed here, opened by the
 * independent implementation (tests/vectors/check-objfmt, which needs python3-cryptography).
 */
#include "tests/lib/blobs.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/crypto/wrap.h"

enum { OUTPUT_MAX_BYTES = 16 << 20 };

static void put_hex(struct json_writer *j, const char *name, struct bytes b)
{
	struct writer w = writer_growing(OUTPUT_MAX_BYTES);

	hex_write(&w, b);
	json_string(j, name, writer_bytes(&w));
	writer_free(&w);
}

static void put_blob(struct json_writer *j, struct bytes blob, struct bytes trailer)
{
	struct writer w = writer_growing(OUTPUT_MAX_BYTES);

	write_bytes(&w, blob);
	write_bytes(&w, trailer);
	put_hex(j, NULL, writer_bytes(&w));
	writer_free(&w);
}

/* A key that the customer brings: the blobs are sealed under what it and `dek` make. */
static void emit_customer(struct json_writer *j, struct secret **dek)
{
	AUTO(secret_freep) struct secret *kms_dek = *dek;
	AUTO(secret_freep) struct secret *key = secret_random(OBJFMT_CUSTOMER_KEY_BYTES);
	uint8_t id[OBJFMT_OBJECT_ID_BYTES], check[OBJFMT_CUSTOMER_CHECK_BYTES];

	random_bytes(id, sizeof(id));
	assert_int_equal(objfmt_customer_dek(kms_dek, key, id, dek), OK);
	assert_int_equal(objfmt_customer_check(key, id, check), OK);
	put_hex(j, "customer_key", secret_bytes(key));
	put_hex(j, "object_id", bytes_of(id, sizeof(id)));
	put_hex(j, "check", bytes_of(check, sizeof(check)));
}

static void emit_part(struct json_writer *j, size_t size, size_t blob_size, size_t record_size)
{
	struct arena *a = arena_new(OUTPUT_MAX_BYTES);
	AUTO(secret_freep) struct secret *dek = secret_random(OBJFMT_DEK_BYTES);
	AUTO(secret_freep) struct secret *index_key = secret_random(32);
	uint8_t seed[OBJFMT_SEED_BYTES], id[OBJFMT_ID_BYTES];
	uint8_t *plain = arena_alloc(a, size), *record = arena_alloc(a, record_size);
	struct writer trailer = writer_growing(OBJFMT_TRAILER_MAX_BYTES);

	random_bytes(seed, sizeof(seed));
	random_bytes(plain, size);
	random_bytes(record, record_size);
	json_object_begin(j, NULL);
	json_text(j, "kind", "blob");
	json_u64(j, "blob_size", blob_size);
	put_hex(j, "dek", secret_bytes(dek));
	if (record_size % 2 == 1) {
		emit_customer(j, &dek);
	}
	put_hex(j, "index_key", secret_bytes(index_key));
	put_hex(j, "seed", bytes_of(seed, sizeof(seed)));
	put_hex(j, "plain", bytes_of(plain, size));
	put_hex(j, "record", bytes_of(record, record_size));
	json_array_begin(j, "blobs");
	for (size_t at = 0, number = 0; number == 0 || at < size; at += blob_size, number++) {
		struct bytes cut = bytes_first(bytes_skip(bytes_of(plain, size), at), blob_size);
		assert_int_equal(objfmt_blob_id(seed, number, id), OK);
		if (at + blob_size >= size) {
			assert_int_equal(objfmt_trailer_seal(index_key, id,
			                                     bytes_of(record, record_size),
			                                     &trailer), OK);
		}
		put_blob(j, blobs_seal(a, dek, id, cut), writer_bytes(&trailer));
	}
	json_array_end(j);
	json_object_end(j);
	writer_free(&trailer);
	arena_free(a);
}

static void emit_wrap(struct json_writer *j, size_t key_size, size_t context_size)
{
	AUTO(secret_freep) struct secret *kek = secret_random(32);
	AUTO(secret_freep) struct secret *key = secret_random(key_size);
	uint8_t memory[WRAP_MAX_BYTES], context[512];
	struct writer w = writer_fixed(memory, sizeof(memory));
	struct wrap_key under = {.kek = kek};

	random_bytes(context, context_size);
	random_bytes(under.id, sizeof(under.id));
	random_bytes(&under.version, sizeof(under.version));
	assert_int_equal(wrap_seal(&under, bytes_of(context, context_size), key, &w), OK);
	json_object_begin(j, NULL);
	json_text(j, "kind", "wrap");
	json_u64(j, "version", under.version);
	put_hex(j, "kek", secret_bytes(kek));
	put_hex(j, "key_id", bytes_of(under.id, sizeof(under.id)));
	put_hex(j, "context", bytes_of(context, context_size));
	put_hex(j, "key", secret_bytes(key));
	put_hex(j, "wrapped", writer_bytes(&w));
	json_object_end(j);
}

static void emit_all(struct writer *out)
{
	struct json_writer j = json_writer_of(out);

	json_object_begin(&j, NULL);
	json_array_begin(&j, "cases");
	emit_part(&j, 0, 65536, 0);
	emit_part(&j, 1, 65536, 1);
	emit_part(&j, 65535, 65536, 255);
	emit_part(&j, 65536, 65536, 256);
	emit_part(&j, 65537, 65536, 700);
	emit_part(&j, 3 * 65536, 65536, 10000);
	emit_part(&j, 5 * 65536 + 77, 2 * 65536, 255);
	emit_part(&j, 4 * 65536, 2 * 65536, 511);
	for (size_t n = 1; n <= SECRET_MAX; n += 21) {
		emit_wrap(&j, n, 0);
		emit_wrap(&j, n, 8 * n);
	}
	json_array_end(&j);
	json_object_end(&j);
	assert_int_equal(writer_end(out), OK);
}

static void test_emit(void **state)
{
	struct writer out = writer_growing(OUTPUT_MAX_BYTES);
	char path[] = "/tmp/rempart-objfmt-XXXXXX";
	char python[] = "/usr/bin/python3"; /* the one that the Debian package serves */
	char script[] = "tests/vectors/check-objfmt";
	char *argv[] = {python, script, path, NULL};
	int fd = mkstemp(path), status = -1;
	pid_t child;

	(void)state;
	emit_all(&out);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, out.p, out.used), out.used);
	assert_int_equal(close(fd), 0);
	assert_int_equal(posix_spawn(&child, python, NULL, NULL, argv, environ), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	unlink(path);
	writer_free(&out);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_emit)};

	return secret_init(1024) == OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
