#include "tests/unit/common/sigv4/support.h"

enum { FEW = 8 };

struct found {
	struct field headers[FEW + SIGV4_HOISTED_MAX];
	size_t n;
};

static enum err hoist(struct arena *a, struct field parameter, struct found *f)
{
	f->headers[0] = (struct field){BYTES("Host"), BYTES("h")};
	f->headers[1] = (struct field){BYTES("x-amz-acl"), BYTES("private")};
	f->n = 2;
	return sigv4_hoisted(a, &parameter, 1, f->headers, &f->n);
}

static void test_taken(void **state)
{
	static const struct {
		const char *name, *value, *header, *told;
	} cases[] = {
		{"x-amz-tagging", "a=b", "x-amz-tagging", "a=b"},
		{"X-Amz-Meta-Up", " v  v ", "x-amz-meta-up", "v  v"},
		{"X-AMZ-COPY-SOURCE", "/b/k", "x-amz-copy-source", "/b/k"},
		{"x-amz-checksum-algorithm", "CRC32", "x-amz-checksum-algorithm", "CRC32"},
		{"x-amz-checksum-type", "COMPOSITE", "x-amz-checksum-type", "COMPOSITE"},
		{"x-amz-meta-e", "", "x-amz-meta-e", ""},
	};
	struct arena *a AUTO(arena_freep) = arena_new(1 << 20);
	struct found f;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct field p = {bytes_text(cases[i].name), bytes_text(cases[i].value)};
		assert_int_equal(hoist(a, p, &f), OK);
		assert_int_equal(f.n, 3);
		assert_text(f.headers[2].name, cases[i].header);
		assert_text(f.headers[2].value, cases[i].told);
	}
}

/* What signs, what checks a body that nobody had, and what is no header of S3. */
static void test_left_out(void **state)
{
	static const char *const names[] = {
		"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires",
		"X-Amz-SignedHeaders", "X-Amz-Signature", "X-Amz-Security-Token",
		"X-Amz-Content-Sha256", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256",
		"x-amz-checksum-crc32", "X-Amz-Checksum-Sha256", "x-amz-checksum-sha512",
		"x-amz-sdk-checksum-algorithm", "acl", "x-id", "x-amz", "host", "",
	};
	struct arena *a AUTO(arena_freep) = arena_new(1 << 20);
	struct found f;

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		const struct field p = {bytes_text(names[i]), BYTES("v")};
		assert_int_equal(hoist(a, p, &f), OK);
		assert_int_equal(f.n, 2);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *name, *value;
	} cases[] = {
		{"x-amz-acl", "private"},   {"X-Amz-Acl", "public-read"}, {"x-amz-meta-a b", "v"},
		{"x-amz-meta-a:", "v"},     {"x-amz-meta-\xc3\xbc", "v"}, {"x-amz-meta-a", "v\nw"},
		{"x-amz-meta-a", "v\rw"},   {"x-amz-meta-a", "\x7f"},
		{"X-Amz-Server-Side-Encryption-Customer-Key", "a2V5"},
		{"x-amz-copy-source-server-side-encryption-customer-key", "a2V5"},
	};
	struct arena *a AUTO(arena_freep) = arena_new(1 << 20);
	struct found f;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct field p = {bytes_text(cases[i].name), bytes_text(cases[i].value)};
		assert_int_equal(hoist(a, p, &f), ERR_INPUT);
	}
}

static void test_limits(void **state)
{
	struct arena *a AUTO(arena_freep) = arena_new(1 << 20);
	struct field many[SIGV4_HOISTED_MAX + 1];
	char names[SIGV4_HOISTED_MAX + 1][32];
	struct found f = {.n = 0};

	(void)state;
	for (size_t i = 0; i < COUNT(many); i++) {
		(void)snprintf(names[i], sizeof(names[i]), "x-amz-meta-%zu", i);
		many[i] = (struct field){bytes_text(names[i]), BYTES("v")};
	}
	assert_int_equal(sigv4_hoisted(a, many, SIGV4_HOISTED_MAX, f.headers, &f.n), OK);
	assert_int_equal(f.n, SIGV4_HOISTED_MAX);
	f.n = 0;
	assert_int_equal(sigv4_hoisted(a, many, COUNT(many), f.headers, &f.n), ERR_LIMIT);
	many[1] = many[0];
	f.n = 0;
	assert_int_equal(sigv4_hoisted(a, many, 2, f.headers, &f.n), ERR_INPUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_taken), cmocka_unit_test(test_left_out),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
