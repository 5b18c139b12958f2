/*
 * A request from outside. Whatever sigv4_read accepts must come apart again in claims_read, must
 * name the same operation as sent and in canonical form, and must verify once it is really signed.
 * Input: "service method target" and header lines; 0x1f in a value stands for a line end.
 */
#include <assert.h>
#include <string.h>

#include "common/base/attr.h"
#include "common/codec/date.h"
#include "common/codec/uri.h"
#include "common/s3op/s3op.h"
#include "common/sigv4/sigv4.h"

enum { HEADERS_MAX = 100, ARENA_BYTES = 4 << 20, QUERY_MAX = 200 };
#define BODY_HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define SECRET    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct secret *secret;

static struct bytes with_line_ends(struct arena *a, struct bytes b)
{
	struct bytes copy = arena_copy(a, b);
	uint8_t *p = (uint8_t *)copy.p;

	for (size_t i = 0; p != NULL && i < copy.n; i++) {
		p[i] = p[i] == 0x1f ? '\n' : p[i];
	}
	return copy;
}

static bool read_request(struct arena *a, struct bytes text, struct sigv4_request *r,
                         struct bytes *service)
{
	struct field *headers = arena_alloc(a, HEADERS_MAX * sizeof(*headers));
	struct bytes line = bytes_split(&text, '\n');

	*service = bytes_split(&line, ' ');
	r->method = bytes_split(&line, ' ');
	r->query = line;
	r->path = bytes_split(&r->query, '?');
	r->headers = headers;
	while (text.p != NULL && r->n_headers < HEADERS_MAX) {
		struct bytes value = bytes_split(&text, '\n');
		struct bytes name = bytes_split(&value, ':');
		headers[r->n_headers++] = (struct field){name, with_line_ends(a, value)};
	}
	return headers != NULL;
}

static struct bytes header(const struct field *headers, size_t n, const char *name)
{
	const struct field *f = field_get(headers, n, name, true);

	return f == NULL ? (struct bytes){NULL, 0} : bytes_trim(f->value);
}

static enum err resolve(struct arena *a, const struct sigv4_request *r, struct s3op_target *ret)
{
	struct bytes path = r->path.n == 0 ? BYTES("/") : r->path;
	struct bytes host = header(r->headers, r->n_headers, "host");
	struct field *fields;
	size_t n;

	TRY(uri_query(a, r->query, QUERY_MAX, &fields, &n));
	return s3op_resolve(a, r->method, s3op_host_bucket(host, BYTES("s3.example.org")), path,
	                    fields, n, false, ret);
}

/* Gateway (as sent) and KMS (as signed) must see one operation on one object. */
static void check_operation(struct arena *a, const struct sigv4_request *r,
                            const struct sigv4_claims *c)
{
	const struct sigv4_request signed_request = {c->method, c->path, c->query, c->headers,
	                                             c->n_headers};
	struct s3op_target sent, canonical;
	enum err first = resolve(a, r, &sent);
	enum err second = resolve(a, &signed_request, &canonical);

	assert(first == second);
	if (first != OK) {
		return;
	}
	assert(sent.op == canonical.op);
	assert(bytes_equal(sent.bucket, canonical.bucket) && bytes_equal(sent.key, canonical.key));
}

/* Sign it as the client should have: then it verifies. */
static void check_signed(struct arena *a, struct sigv4_evidence *e)
{
	AUTO(secret_freep) struct secret *key = NULL;
	char signature[SIGV4_SIGNATURE_HEX];
	struct bytes text;
	uint64_t now;
	bool expired;
	enum err result = sigv4_signing_key(secret, e->date, e->region, e->service, &key);

	assert(result == OK);
	result = sigv4_string_to_sign(a, e, &text);
	assert(result == OK);
	result = sigv4_sign(key, text, signature);
	assert(result == OK);
	result = date_read_amz(e->amz_date, &now);
	assert(result == OK);
	e->signature = bytes_of(signature, sizeof(signature));
	result = sigv4_verify(a, e, key, now, &expired);
	assert(result == OK);
	signature[0] ^= 1; /* '0'..'f' becomes another digit, or none at all */
	result = sigv4_verify(a, e, key, now, &expired);
	assert(result == ERR_AUTH || result == ERR_INPUT);
	(void)result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena_freep) struct arena *a = arena_new(ARENA_BYTES);
	struct sigv4_request r = {0};
	struct sigv4_evidence e;
	enum sigv4_fault fault;
	struct bytes service;

	if (secret == NULL) {
		enum err set_up = secret_init(8);
		assert(set_up == OK);
		(void)set_up;
		secret = secret_from(BYTES(SECRET));
	}
	if (!read_request(a, bytes_of(data, size), &r, &service)) {
		return 0;
	}
	enum err result = sigv4_read(a, &r, service, BYTES(BODY_HASH), &e, &fault);
	assert((result == OK) <= (fault == SIGV4_FAULT_NONE));
	if (result != OK) {
		assert(result == ERR_INPUT || result == ERR_LIMIT);
		return 0;
	}
	struct sigv4_claims c;
	result = sigv4_claims_read(e.canonical, &c);
	assert(result == OK);
	assert(bytes_equal(c.method, r.method) && bytes_equal(c.signed_headers, e.signed_headers));
	assert(bytes_equal(c.content_hash, e.content_hash));
	if (bytes_is(service, "s3") && e.kind != SIGV4_ANONYMOUS) {
		check_operation(a, &r, &c);
	}
	if (e.kind != SIGV4_ANONYMOUS) {
		check_signed(a, &e);
	}
	return 0;
}
