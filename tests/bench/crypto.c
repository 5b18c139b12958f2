/*
 * Micro benchmark of common/crypto and common/objfmt: nanoseconds per operation, best of five, and
 * what the same costs through EVP_MAC and EVP_KDF.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "common/crypto/aead.h"
#include "common/crypto/checksum.h"
#include "common/crypto/hash.h"
#include "common/crypto/hmac.h"
#include "common/crypto/kdf.h"
#include "common/crypto/sign.h"
#include "common/crypto/wrap.h"
#include "common/objfmt/objfmt.h"

enum { SEGMENT = 65536, ROUNDS = 5 };

static struct secret *key;
static uint8_t memory[SEGMENT + 16];
static uint8_t wrapped_memory[WRAP_MAX_BYTES];
static struct bytes wrapped;
static struct aead *aead;
static EVP_MAC_CTX *mac;
static EVP_KDF *kdf;

static void must(bool good)
{
	if (!good) {
		fputs("bench: an operation failed\n", stderr);
		exit(1);
	}
}

static void run_sha256_64(void)
{
	uint8_t out[32];
	must(hash_sha256(bytes_of(memory, 64), out) == OK);
}

static void run_sha256_64k(void)
{
	uint8_t out[32];
	must(hash_sha256(bytes_of(memory, SEGMENT), out) == OK);
}

static void run_hmac(void)
{
	uint8_t out[32];
	must(hmac_sha256(secret_bytes(key), bytes_of(memory, 32), out) == OK);
}

/* What hmac.c would be over EVP_MAC: the context is kept, keyed and duplicated for each message. */
static void run_hmac_evp_mac(void)
{
	uint8_t out[32];
	size_t n;
	EVP_MAC_CTX *c = EVP_MAC_CTX_dup(mac);
	must(EVP_MAC_init(c, secret_bytes(key).p, 32, NULL) == 1 &&
	     EVP_MAC_update(c, memory, 32) == 1 && EVP_MAC_final(c, out, &n, sizeof(out)) == 1);
	EVP_MAC_CTX_free(c);
}

static void run_hkdf(void)
{
	struct secret *out;
	must(kdf_hkdf(key, bytes_of(memory, 32), bytes_of(memory, 20), 32, &out) == OK);
	secret_free(out);
}

static void run_hkdf_evp_kdf(void)
{
	uint8_t out[32];
	EVP_KDF_CTX *c = EVP_KDF_CTX_new(kdf);
	char digest[] = "SHA2-384";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, memory, 32),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, memory, 32),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, memory, 20),
		OSSL_PARAM_construct_end(),
	};
	must(EVP_KDF_derive(c, out, sizeof(out), params) == 1);
	EVP_KDF_CTX_free(c);
}

static void run_wrap_seal(void)
{
	struct wrap_key under = {.kek = key, .version = 1};
	struct writer w = writer_fixed(wrapped_memory, sizeof(wrapped_memory));
	must(wrap_seal(&under, bytes_of(memory, 128), key, &w) == OK);
	wrapped = writer_bytes(&w);
}

static void run_wrap_open(void)
{
	struct wrap_key under = {.kek = key, .version = 1};
	struct secret *out;
	must(wrap_open(&under, bytes_of(memory, 128), wrapped, &out) == OK);
	secret_free(out);
}

static void run_aead_new(void)
{
	struct aead *a;
	must(aead_new(key, &a) == OK);
	aead_free(a);
}

static void run_aead_seal(void)
{
	uint8_t iv[12] = {0};
	must(aead_seal(aead, iv, bytes_of(iv, 12), bytes_of(memory, SEGMENT), memory) == OK);
}

static void run_checksum(enum checksum_kind kind)
{
	struct checksum *c;
	uint8_t out[CHECKSUM_BYTES_MAX];
	size_t n;
	must(checksum_new(kind, &c) == OK && checksum_update(c, bytes_of(memory, SEGMENT)) == OK &&
	     checksum_final(c, out, &n) == OK);
	checksum_free(c);
}

static void run_crc32(void) { run_checksum(CHECKSUM_CRC32); }
static void run_crc32c(void) { run_checksum(CHECKSUM_CRC32C); }
static void run_crc64(void) { run_checksum(CHECKSUM_CRC64NVME); }
static void run_md5(void) { run_checksum(CHECKSUM_MD5); }

static void run_sign(void)
{
	uint8_t out[64];
	must(sign_message(key, bytes_of(memory, 128), out) == OK);
}

static void run_blob_new(void)
{
	struct objfmt_blob *b;
	must(objfmt_blob_new(key, memory, &b) == OK);
	objfmt_blob_free(b);
}

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

static void measure(const char *name, void (*run)(void), unsigned times, size_t bytes)
{
	uint64_t best = UINT64_MAX;

	for (unsigned round = 0; round < ROUNDS; round++) {
		uint64_t start = now_ns();
		for (unsigned i = 0; i < times; i++) {
			run();
		}
		uint64_t taken = now_ns() - start;
		best = taken < best ? taken : best;
	}
	printf("%-24s %10.0f ns/op", name, (double)best / times);
	if (bytes > 0) {
		printf("  %6.3f ns/byte", (double)best / times / (double)bytes);
	}
	putchar('\n');
}

int main(void)
{
	must(secret_init(64) == OK);
	key = secret_random(32);
	mac = EVP_MAC_CTX_new(EVP_MAC_fetch(NULL, "HMAC", NULL));
	kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	char digest[] = "SHA2-256";
	OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
	                       OSSL_PARAM_construct_end()};
	must(key != NULL && mac != NULL && kdf != NULL && aead_new(key, &aead) == OK &&
	     EVP_MAC_CTX_set_params(mac, params) == 1);
	measure("sha256 64 B", run_sha256_64, 20000, 0);
	measure("sha256 64 KiB", run_sha256_64k, 500, SEGMENT);
	measure("hmac-sha256 32 B", run_hmac, 20000, 0);
	measure("  the same, EVP_MAC", run_hmac_evp_mac, 20000, 0);
	measure("hkdf-sha384", run_hkdf, 20000, 0);
	measure("  the same, EVP_KDF", run_hkdf_evp_kdf, 20000, 0);
	measure("wrap_seal", run_wrap_seal, 10000, 0);
	measure("wrap_open", run_wrap_open, 10000, 0);
	measure("aead_new + free", run_aead_new, 20000, 0);
	measure("aead_seal 64 KiB", run_aead_seal, 500, SEGMENT);
	measure("objfmt_blob_new + free", run_blob_new, 10000, 0);
	measure("crc32 64 KiB", run_crc32, 500, SEGMENT);
	measure("crc32c 64 KiB", run_crc32c, 500, SEGMENT);
	measure("crc64nvme 64 KiB", run_crc64, 500, SEGMENT);
	measure("md5 64 KiB", run_md5, 500, SEGMENT);
	measure("sign_message", run_sign, 1000, 0);
	return 0;
}
