/* What the tests of sigv4 share: a request that is easy to bend, the example key of AWS's guide. */
#ifndef TESTS_SIGV4_SUPPORT_H
#define TESTS_SIGV4_SUPPORT_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/attr.h"
#include "common/sigv4/sigv4.h"

#define EXAMPLE_KEY    "AKIAIOSFODNN7EXAMPLE"
#define EXAMPLE_SECRET "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
#define EXAMPLE_DATE   "20260131T235959Z"
#define EXAMPLE_MS     UINT64_C(1769903999000)
#define EXAMPLE_REGION "eu-west-3"

enum { SUPPORT_HEADERS_MAX = 80, SUPPORT_ARENA = 1 << 20 };

struct bent {
	struct arena *arena;
	struct sigv4_request request;
	struct field headers[SUPPORT_HEADERS_MAX];
};

static inline void bent_header(struct bent *b, const char *name, const char *value)
{
	assert_true(b->request.n_headers < SUPPORT_HEADERS_MAX);
	b->headers[b->request.n_headers++] = (struct field){bytes_text(name), bytes_text(value)};
}

static inline struct bent *bent_new(const char *method, const char *path, const char *query)
{
	struct arena *a = arena_new(SUPPORT_ARENA);
	assert_non_null(a);
	struct bent *b = arena_alloc(a, sizeof(*b));
	assert_non_null(b);
	b->arena = a;
	b->request = (struct sigv4_request){bytes_text(method), bytes_text(path),
	                                    bytes_text(query), b->headers, 0};
	return b;
}

static inline void bent_free(struct bent *b)
{
	arena_free(b->arena);
}

/* Drop the headers of that name. */
static inline void bent_drop(struct bent *b, const char *name)
{
	size_t kept = 0;

	for (size_t i = 0; i < b->request.n_headers; i++) {
		if (!bytes_is_nocase(b->headers[i].name, name)) {
			b->headers[kept++] = b->headers[i];
		}
	}
	b->request.n_headers = kept;
}

static inline struct secret *example_secret(void)
{
	struct secret *s = secret_from(BYTES(EXAMPLE_SECRET));
	assert_non_null(s);
	return s;
}

/* Host, date and content hash, then the signature over everything. */
static inline void bent_sign(struct bent *b, const char *content_hash)
{
	struct secret *secret = example_secret();
	struct bytes value;

	bent_header(b, "Host", "s3.example.org");
	bent_header(b, "X-Amz-Date", EXAMPLE_DATE);
	bent_header(b, "X-Amz-Content-Sha256", content_hash);
	assert_int_equal(sigv4_authorization(b->arena, &b->request, BYTES(EXAMPLE_KEY), secret,
	                                     BYTES(EXAMPLE_REGION), BYTES("s3"), BYTES(EXAMPLE_DATE),
	                                     bytes_text(content_hash), &value),
	                 OK);
	bent_header(b, "Authorization", (const char *)value.p);
	secret_free(secret);
}

static inline enum err bent_read(struct bent *b, struct sigv4_evidence *e, enum sigv4_fault *fault)
{
	return sigv4_read(b->arena, &b->request, BYTES("s3"), BYTES(""), e, fault);
}

static inline void must_read(struct bent *b, struct sigv4_evidence *e)
{
	enum sigv4_fault fault;

	assert_int_equal(bent_read(b, e, &fault), OK);
	assert_int_equal(fault, SIGV4_FAULT_NONE);
}

static inline void must_fault(struct bent *b, enum sigv4_fault want)
{
	struct sigv4_evidence e;
	enum sigv4_fault fault;

	assert_int_equal(bent_read(b, &e, &fault), ERR_INPUT);
	assert_int_equal(fault, want);
}

static inline enum err verify_at(struct arena *a, const struct sigv4_evidence *e, uint64_t now_ms,
                                 bool *ret_expired)
{
	struct secret *secret = example_secret();
	struct secret *key = NULL;

	assert_int_equal(sigv4_signing_key(secret, e->date, e->region, e->service, &key), OK);
	enum err result = sigv4_verify(a, e, key, now_ms, ret_expired);
	secret_free(key);
	secret_free(secret);
	return result;
}

static inline enum err verify_now(struct arena *a, const struct sigv4_evidence *e)
{
	bool expired;

	return verify_at(a, e, EXAMPLE_MS, &expired);
}

static inline void assert_text(struct bytes b, const char *want)
{
	if (!bytes_is(b, want)) {
		print_error("have: %.*s\nwant: %s\n", (int)b.n, (const char *)b.p, want);
	}
	assert_true(bytes_is(b, want));
}

static inline int secrets_set_up(void **state)
{
	(void)state;
	return secret_init(64) == OK ? 0 : -1;
}

/* The whole file, with a NUL behind it; freed by the caller. */
static inline struct bytes read_file(const char *path)
{
	enum { FILE_MAX = 4 << 20 };
	FILE *f = fopen(path, "rb");
	uint8_t *p = malloc(FILE_MAX);

	if (f == NULL || p == NULL) {
		print_error("%s: cannot read; run from the root of the project\n", path);
	}
	assert_non_null(f);
	assert_non_null(p);
	size_t n = fread(p, 1, FILE_MAX - 1, f);
	p[n] = 0;
	fclose(f);
	return bytes_of(p, n);
}
#endif
