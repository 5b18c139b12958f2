#include "tests/unit/common/sigv4/support.h"

#include "common/codec/hex.h"
#include "common/crypto/hash.h"

#define CHUNK_SCOPE "20260131/eu-west-3/s3/aws4_request"
#define SEED        "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"

enum { CHUNKS = 4 };

static struct secret *chunk_key(void)
{
	struct secret *secret = example_secret();
	struct secret *key = NULL;

	assert_int_equal(sigv4_signing_key(secret, BYTES("20260131"), BYTES(EXAMPLE_REGION),
	                                   BYTES("s3"), &key),
	                 OK);
	secret_free(secret);
	return key;
}

/* Sign the chain as the S3 guide writes it, independently of chunks.c. */
static void make_chain(const struct secret *key, struct sigv4_chunk chunks[CHUNKS])
{
	char previous[SIGV4_SIGNATURE_HEX];

	memcpy(previous, SEED, sizeof(previous));
	for (size_t i = 0; i < CHUNKS; i++) {
		char text[512], hex[64];
		struct writer w = writer_fixed(hex, sizeof(hex));
		uint8_t byte = (uint8_t)i;
		chunks[i].trailer = i == CHUNKS - 1;
		assert_int_equal(hash_sha256(bytes_of(&byte, 1), chunks[i].hash), OK);
		hex_write(&w, bytes_of(chunks[i].hash, 32));
		int n = snprintf(text, sizeof(text), "%s\n%s\n%s\n%.64s\n%s%.64s",
		                 chunks[i].trailer ? "AWS4-HMAC-SHA256-TRAILER"
		                                   : "AWS4-HMAC-SHA256-PAYLOAD",
		                 EXAMPLE_DATE, CHUNK_SCOPE, previous,
		                 chunks[i].trailer ? ""
		                                   : "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca"
		                                     "495991b7852b855\n",
		                 hex);
		assert_int_equal(sigv4_sign(key, bytes_of(text, (size_t)n), chunks[i].signature), OK);
		memcpy(previous, chunks[i].signature, sizeof(previous));
	}
}

static enum err check(const struct secret *key, const char *seed, const struct sigv4_chunk *chunks,
                      size_t n)
{
	char previous[SIGV4_SIGNATURE_HEX];

	memcpy(previous, seed, sizeof(previous));
	enum err e = sigv4_chunks_verify(key, BYTES(EXAMPLE_DATE), BYTES(CHUNK_SCOPE), previous, chunks,
	                                 n);
	if (e == OK && n > 0) {
		assert_memory_equal(previous, chunks[n - 1].signature, sizeof(previous));
	} else {
		assert_memory_equal(previous, seed, sizeof(previous));
	}
	return e;
}

static void test_chain(void **state)
{
	struct secret *key = chunk_key();
	struct sigv4_chunk c[CHUNKS];
	struct sigv4_chunk bent[CHUNKS];

	(void)state;
	make_chain(key, c);
	assert_int_equal(check(key, SEED, c, CHUNKS), OK);
	assert_int_equal(check(key, SEED, c, 0), OK);
	/* in two calls */
	assert_int_equal(check(key, SEED, c, 2), OK);
	assert_int_equal(check(key, c[1].signature, c + 2, 2), OK);
	/* left out, swapped, repeated, another kind, another hash */
	assert_int_equal(check(key, SEED, c + 1, 3), ERR_AUTH);
	memcpy(bent, c, sizeof(bent));
	bent[0] = c[1];
	bent[1] = c[0];
	assert_int_equal(check(key, SEED, bent, CHUNKS), ERR_AUTH);
	memcpy(bent, c, sizeof(bent));
	bent[1] = c[0];
	assert_int_equal(check(key, SEED, bent, CHUNKS), ERR_AUTH);
	memcpy(bent, c, sizeof(bent));
	bent[3].trailer = false;
	assert_int_equal(check(key, SEED, bent, CHUNKS), ERR_AUTH);
	memcpy(bent, c, sizeof(bent));
	bent[2].hash[31] ^= 1;
	assert_int_equal(check(key, SEED, bent, CHUNKS), ERR_AUTH);
	secret_free(key);
}

static void test_long_scope(void **state)
{
	struct secret *key = chunk_key();
	struct sigv4_chunk c[CHUNKS];
	char previous[SIGV4_SIGNATURE_HEX];
	char scope[4096];

	(void)state;
	make_chain(key, c);
	memset(scope, 'x', sizeof(scope));
	memcpy(previous, SEED, sizeof(previous));
	assert_int_equal(sigv4_chunks_verify(key, BYTES(EXAMPLE_DATE), bytes_of(scope, sizeof(scope)),
	                                     previous, c, CHUNKS),
	                 ERR_AUTH);
	secret_free(key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chain),
		cmocka_unit_test(test_long_scope),
	};
	return cmocka_run_group_tests(tests, secrets_set_up, NULL);
}
