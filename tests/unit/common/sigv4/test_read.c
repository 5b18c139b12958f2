#include "tests/unit/common/sigv4/support.h"

#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define SCOPE        "/20260131/eu-west-3/s3/aws4_request"
#define SIGNATURE    "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"

/* A request whose Authorization header is given. */
static struct bent *with_authorization(const char *value)
{
	struct bent *b = bent_new("GET", "/bucket/key", "");

	bent_header(b, "host", "s3.example.org");
	bent_header(b, "x-amz-date", EXAMPLE_DATE);
	bent_header(b, "x-amz-content-sha256", EMPTY_SHA256);
	bent_header(b, "authorization", value);
	return b;
}

static void must_accept(const char *authorization)
{
	struct bent *b = with_authorization(authorization);
	struct sigv4_evidence e;

	must_read(b, &e);
	assert_int_equal(e.kind, SIGV4_HEADER);
	assert_text(e.signed_headers, "host;x-amz-content-sha256;x-amz-date");
	assert_text(e.signature, SIGNATURE);
	assert_text(e.region, "eu-west-3");
	bent_free(b);
}

static void must_refuse(const char *authorization, enum sigv4_fault fault)
{
	struct bent *b = with_authorization(authorization);

	must_fault(b, fault);
	bent_free(b);
}

#define LIST "host;x-amz-content-sha256;x-amz-date"

static void test_authorization_forms(void **state)
{
	(void)state;
	must_accept("AWS4-HMAC-SHA256 Credential=AK" SCOPE ", SignedHeaders=" LIST
	            ", Signature=" SIGNATURE);
	must_accept("AWS4-HMAC-SHA256 Credential=AK" SCOPE ",SignedHeaders=" LIST
	            ",Signature=" SIGNATURE);
	must_accept("AWS4-HMAC-SHA256  Signature=" SIGNATURE " ,  Credential=AK" SCOPE
	            ", SignedHeaders=" LIST);
}

static void test_access_key_with_slash(void **state)
{
	struct bent *b = with_authorization("AWS4-HMAC-SHA256 Credential=team/a/key" SCOPE
	                                    ",SignedHeaders=" LIST ",Signature=" SIGNATURE);
	struct sigv4_evidence e;
	struct bytes scope;

	(void)state;
	must_read(b, &e);
	assert_text(e.access_key, "team/a/key");
	assert_int_equal(sigv4_scope(b->arena, &e, &scope), OK);
	assert_text(scope, "20260131/eu-west-3/s3/aws4_request");
	bent_free(b);
}

static void test_malformed_authorization(void **state)
{
	static const char *const values[] = {
		"AWS4-HMAC-SHA256",
		"AWS4-HMAC-SHA256 ",
		"AWS4-HMAC-SHA256 Credential=AK" SCOPE ",SignedHeaders=" LIST,
		"AWS4-HMAC-SHA256 Credential=AK" SCOPE ",Signature=" SIGNATURE,
		"AWS4-HMAC-SHA256 SignedHeaders=" LIST ",Signature=" SIGNATURE,
		/* twice, unknown, empty */
		"AWS4-HMAC-SHA256 Credential=AK" SCOPE ",Credential=AK" SCOPE ",SignedHeaders=" LIST
		",Signature=" SIGNATURE,
		"AWS4-HMAC-SHA256 Credential=AK" SCOPE ",SignedHeaders=" LIST ",Signature=" SIGNATURE
		",More=1",
		"AWS4-HMAC-SHA256 Credential=AK" SCOPE ",SignedHeaders=" LIST ",Signature=",
		"AWS4-HMAC-SHA256 Credential=AK" SCOPE ",SignedHeaders=" LIST ",Signature=" SIGNATURE
		",",
		/* scope */
		"AWS4-HMAC-SHA256 Credential=AK/20260131/eu-west-3/s3/aws4,SignedHeaders=" LIST
		",Signature=" SIGNATURE,
		"AWS4-HMAC-SHA256 Credential=AK/20260131/eu-west-3/kms/aws4_request,SignedHeaders=" LIST
		",Signature=" SIGNATURE,
		"AWS4-HMAC-SHA256 Credential=AK/20260130/eu-west-3/s3/aws4_request,SignedHeaders=" LIST
		",Signature=" SIGNATURE,
		"AWS4-HMAC-SHA256 Credential=AK/2026013/eu-west-3/s3/aws4_request,SignedHeaders=" LIST
		",Signature=" SIGNATURE,
		"AWS4-HMAC-SHA256 Credential=/20260131/eu-west-3/s3/aws4_request,SignedHeaders=" LIST
		",Signature=" SIGNATURE,
		"AWS4-HMAC-SHA256 Credential=20260131/eu-west-3/s3/aws4_request,SignedHeaders=" LIST
		",Signature=" SIGNATURE,
		"AWS4-HMAC-SHA256 Credential=AK/20260131//s3/aws4_request,SignedHeaders=" LIST
		",Signature=" SIGNATURE,
		"AWS4-HMAC-SHA256 Credential=AK/20260131/a\nb/s3/aws4_request,SignedHeaders=" LIST
		",Signature=" SIGNATURE,
		/* list: order, repeated, empty name, capitals */
		"AWS4-HMAC-SHA256 Credential=AK" SCOPE
		",SignedHeaders=x-amz-content-sha256;host;x-amz-date,Signature=" SIGNATURE,
		"AWS4-HMAC-SHA256 Credential=AK" SCOPE
		",SignedHeaders=host;host;x-amz-content-sha256;x-amz-date,Signature=" SIGNATURE,
		"AWS4-HMAC-SHA256 Credential=AK" SCOPE
		",SignedHeaders=host;;x-amz-content-sha256;x-amz-date,Signature=" SIGNATURE,
		"AWS4-HMAC-SHA256 Credential=AK" SCOPE
		",SignedHeaders=host;x-amz-content-sha256;x-amz-date;,Signature=" SIGNATURE,
		"AWS4-HMAC-SHA256 Credential=AK" SCOPE
		",SignedHeaders=Host;x-amz-content-sha256;x-amz-date,Signature=" SIGNATURE,
		/* signature: length, capitals */
		"AWS4-HMAC-SHA256 Credential=AK" SCOPE ",SignedHeaders=" LIST ",Signature=00",
		"AWS4-HMAC-SHA256 Credential=AK" SCOPE ",SignedHeaders=" LIST
		",Signature=AEEED9BBCCD4D02EE5C0109B86D86835F995330DA4C265957D157751F604D404",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(values); i++) {
		print_message("%s\n", values[i]);
		must_refuse(values[i], SIGV4_FAULT_MALFORMED_HEADER);
	}
}

static void test_other_schemes(void **state)
{
	struct bent *b;

	(void)state;
	must_refuse("AWS AKIAIOSFODNN7EXAMPLE:frJIUN8DYpKDtOLCwo//yllqDzg=", SIGV4_FAULT_VERSION);
	must_refuse("AWS4-ECDSA-P256-SHA256 Credential=AK" SCOPE, SIGV4_FAULT_VERSION);
	must_refuse("Basic dXNlcjpwYXNz", SIGV4_FAULT_VERSION);
	b = bent_new("GET", "/b/k", "AWSAccessKeyId=AK&Expires=1&Signature=x%3D");
	must_fault(b, SIGV4_FAULT_VERSION);
	bent_free(b);
}

static void test_both(void **state)
{
	struct bent *b = bent_new("GET", "/b/k", "X-Amz-Credential=x");

	(void)state;
	bent_sign(b, EMPTY_SHA256);
	must_fault(b, SIGV4_FAULT_BOTH);
	bent_free(b);
	b = bent_new("GET", "/b/k", "AWSAccessKeyId=x");
	bent_sign(b, EMPTY_SHA256);
	must_fault(b, SIGV4_FAULT_BOTH);
	bent_free(b);
}

static void test_two_authorizations(void **state)
{
	struct bent *b = bent_new("GET", "/b/k", "");

	(void)state;
	bent_sign(b, EMPTY_SHA256);
	bent_header(b, "Authorization", "Basic x");
	must_fault(b, SIGV4_FAULT_MALFORMED_HEADER);
	bent_free(b);
}

static void test_anonymous(void **state)
{
	struct bent *b = bent_new("GET", "/b/a%20b", "b&a=1");
	struct sigv4_evidence e;
	struct sigv4_claims c;

	(void)state;
	bent_header(b, "Host", "s3.example.org");
	bent_header(b, "Authorization", " "); /* an empty one is none */
	must_read(b, &e);
	assert_int_equal(e.kind, SIGV4_ANONYMOUS);
	/* nobody signed it, but a policy may ask for what it says */
	assert_text(e.canonical, "GET\n/b/a%20b\na=1&b=\nhost:s3.example.org\n\nhost\n"
	                         "UNSIGNED-PAYLOAD");
	assert_int_equal(e.payload, SIGV4_PAYLOAD_UNSIGNED);
	assert_int_equal(sigv4_claims_read(e.canonical, &c), OK);
	assert_int_equal(verify_now(b->arena, &e), ERR_INPUT); /* nothing to verify */
	/* the chunk forms without a signature are fine, those that need a key are not */
	bent_header(b, "x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER");
	must_read(b, &e);
	assert_int_equal(e.payload, SIGV4_PAYLOAD_UNSIGNED_TRAILER);
	bent_drop(b, "x-amz-content-sha256");
	bent_header(b, "x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
	must_read(b, &e);
	assert_int_equal(e.payload, SIGV4_PAYLOAD_UNSUPPORTED);
	bent_free(b);
}

static void test_dates(void **state)
{
	struct bent *b = bent_new("GET", "/b/k", "");
	struct sigv4_evidence e;

	(void)state;
	bent_sign(b, EMPTY_SHA256);
	bent_drop(b, "x-amz-date");
	must_fault(b, SIGV4_FAULT_NO_DATE);
	bent_header(b, "Date", "Sat, 31 Jan 2026 23:59:59 GMT");
	must_read(b, &e);
	assert_text(e.amz_date, EXAMPLE_DATE);
	bent_drop(b, "Date");
	bent_header(b, "Date", EXAMPLE_DATE);
	must_read(b, &e);
	assert_text(e.amz_date, EXAMPLE_DATE);
	/* x-amz-date wins, and a bad one is not replaced by Date */
	bent_drop(b, "Date");
	bent_header(b, "Date", "Fri, 30 Jan 2026 23:59:59 GMT");
	bent_header(b, "X-Amz-Date", EXAMPLE_DATE);
	must_read(b, &e);
	assert_text(e.amz_date, EXAMPLE_DATE);
	bent_drop(b, "x-amz-date");
	bent_header(b, "X-Amz-Date", "Sat, 31 Jan 2026 23:59:59 GMT");
	must_fault(b, SIGV4_FAULT_NO_DATE);
	bent_drop(b, "x-amz-date");
	bent_header(b, "X-Amz-Date", EXAMPLE_DATE);
	bent_header(b, "X-Amz-Date", EXAMPLE_DATE);
	must_fault(b, SIGV4_FAULT_NO_DATE);
	bent_free(b);
}

static void test_unsigned_headers(void **state)
{
	struct bent *b = bent_new("PUT", "/b/k", "");
	struct sigv4_evidence e;

	(void)state;
	bent_sign(b, EMPTY_SHA256);
	bent_header(b, "User-Agent", "x");
	bent_header(b, "x-amzn-trace-id", "x"); /* a load balancer's */
	bent_header(b, "amz-sdk-request", "attempt=1");
	must_read(b, &e);
	bent_header(b, "X-AMZ-Meta-Added", "by someone else");
	must_fault(b, SIGV4_FAULT_UNSIGNED_HEADER);
	bent_free(b);

	b = with_authorization("AWS4-HMAC-SHA256 Credential=AK" SCOPE
	                       ",SignedHeaders=x-amz-content-sha256;x-amz-date,Signature=" SIGNATURE);
	must_fault(b, SIGV4_FAULT_UNSIGNED_HEADER);
	bent_free(b);
}

static void test_content_hash(void **state)
{
	static const struct {
		const char *value;
		enum sigv4_payload payload;
	} forms[] = {
		{EMPTY_SHA256, SIGV4_PAYLOAD_SIGNED},
		{"UNSIGNED-PAYLOAD", SIGV4_PAYLOAD_UNSIGNED},
		{"STREAMING-AWS4-HMAC-SHA256-PAYLOAD", SIGV4_PAYLOAD_CHUNKED},
		{"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", SIGV4_PAYLOAD_CHUNKED_TRAILER},
		{"STREAMING-UNSIGNED-PAYLOAD-TRAILER", SIGV4_PAYLOAD_UNSIGNED_TRAILER},
		{"STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", SIGV4_PAYLOAD_UNSUPPORTED},
		{"STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER", SIGV4_PAYLOAD_UNSUPPORTED},
		{"unsigned-payload", SIGV4_PAYLOAD_UNSUPPORTED},
		{"e3b0", SIGV4_PAYLOAD_UNSUPPORTED},
	};
	struct sigv4_evidence e;

	(void)state;
	for (size_t i = 0; i < COUNT(forms); i++) {
		struct bent *b = bent_new("PUT", "/b/k", "");
		bent_sign(b, forms[i].value);
		must_read(b, &e);
		assert_int_equal(e.payload, forms[i].payload);
		assert_text(e.content_hash, forms[i].value);
		assert_int_equal(verify_now(b->arena, &e), OK);
		bent_drop(b, "x-amz-content-sha256");
		must_fault(b, SIGV4_FAULT_NO_CONTENT_HASH);
		bent_header(b, "x-amz-content-sha256", "");
		must_fault(b, SIGV4_FAULT_NO_CONTENT_HASH);
		bent_drop(b, "x-amz-content-sha256");
		bent_header(b, "x-amz-content-sha256", "a b");
		must_fault(b, SIGV4_FAULT_NO_CONTENT_HASH);
		bent_free(b);
	}
}

static void test_canonical_headers(void **state)
{
	struct bent *b = bent_new("PUT", "/b/k", "");
	struct sigv4_evidence e;

	(void)state;
	bent_header(b, "X-Amz-Meta-B", "  two   spaces\t");
	bent_header(b, "x-amz-meta-a", "1");
	bent_header(b, "X-AMZ-META-A", " 2 ");
	bent_header(b, "x-amz-meta-c", "");
	bent_header(b, "x-amz-meta-d", "cl\xc3\xa9");
	bent_sign(b, "UNSIGNED-PAYLOAD");
	must_read(b, &e);
	assert_text(e.canonical, "PUT\n/b/k\n\nhost:s3.example.org\n"
	                         "x-amz-content-sha256:UNSIGNED-PAYLOAD\nx-amz-date:" EXAMPLE_DATE
	                         "\nx-amz-meta-a:1,2\nx-amz-meta-b:two spaces\nx-amz-meta-c:\n"
	                         "x-amz-meta-d:cl\xc3\xa9\n\n"
	                         "host;x-amz-content-sha256;x-amz-date;x-amz-meta-a;x-amz-meta-b;"
	                         "x-amz-meta-c;x-amz-meta-d\nUNSIGNED-PAYLOAD");
	assert_int_equal(verify_now(b->arena, &e), OK);
	bent_free(b);
}

static void test_line_end_in_a_value(void **state)
{
	static const char *const values[] = {"a\nx-amz-copy-source:/other/key", "a\rb", "a\x01"};

	(void)state;
	for (size_t i = 0; i < COUNT(values); i++) {
		struct bent *b = bent_new("PUT", "/b/k", "");
		bent_header(b, "x-amz-meta-a", "1");
		bent_sign(b, "UNSIGNED-PAYLOAD");
		b->headers[0].value = bytes_text(values[i]);
		must_fault(b, SIGV4_FAULT_MALFORMED_HEADER);
		bent_free(b);
	}
}

/* A name that is signed but was not sent counts as empty; only a client that signed it so passes. */
static void test_signed_but_absent(void **state)
{
	struct bent *b = bent_new("PUT", "/b/k", "");
	struct sigv4_evidence e;

	(void)state;
	bent_header(b, "x-amz-acl", "private");
	bent_header(b, "content-md5", "");
	bent_sign(b, "UNSIGNED-PAYLOAD");
	bent_drop(b, "content-md5");
	must_read(b, &e);
	assert_int_equal(verify_now(b->arena, &e), OK);
	bent_drop(b, "x-amz-acl");
	must_read(b, &e);
	assert_int_equal(verify_now(b->arena, &e), ERR_AUTH);
	bent_free(b);
}

static void canonical_is(const char *path, const char *query, const char *want)
{
	struct bent *b = bent_new("GET", path, query);
	struct sigv4_evidence e;
	char text[256];

	snprintf(text, sizeof(text), "GET\n%s\n\n\nUNSIGNED-PAYLOAD", want);
	must_read(b, &e);
	assert_text(e.canonical, text);
	bent_free(b);
}

static void test_canonical_path_and_query(void **state)
{
	(void)state;
	canonical_is("", "", "/\n");
	canonical_is("/b//a/../c", "", "/b//a/../c\n");
	canonical_is("/b/%7e%41+%2b%2F$", "", "/b/~A%2B%2B/%24\n");
	canonical_is("/b/\xc3\xa9", "", "/b/%C3%A9\n");
	canonical_is("/b", "b=2&a=1&a=0&A", "/b\nA=&a=0&a=1&b=2");
	canonical_is("/b", "a-b=1&a=2", "/b\na=2&a-b=1"); /* by name, not by the whole text */
	canonical_is("/b", "prefix=a+b%20c/d", "/b\nprefix=a%20b%20c%2Fd");
	canonical_is("/b", "&&a&&", "/b\na=");
	canonical_is("/b", "a=b=c", "/b\na=b%3Dc");
	canonical_is("/b", "=v", "/b\n=v");
}

static void test_malformed_request(void **state)
{
	static const struct {
		const char *method, *path, *query;
	} bad[] = {
		{"GET", "/b/%", ""},     {"GET", "/b/%4", ""},   {"GET", "/b/%zz", ""},
		{"GET", "b/k", ""},      {"GET", "*", ""},       {"GET", "/b", "a=%g0"},
		{"get", "/b", ""},       {"", "/b", ""},         {"GE T", "/b", ""},
		{"GET\nPUT", "/b", ""},  {"VERYLONGMETHODNAME", "/b", ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct bent *b = bent_new(bad[i].method, bad[i].path, bad[i].query);
		must_fault(b, SIGV4_FAULT_NONE);
		bent_free(b);
	}
}

/* Gateway and KMS would take it for two different buckets. */
static void test_two_hosts(void **state)
{
	struct bent *b = bent_new("DELETE", "/bucket/key", "");

	(void)state;
	bent_header(b, "HOST", "other.s3.example.org");
	bent_sign(b, "UNSIGNED-PAYLOAD");
	must_fault(b, SIGV4_FAULT_NONE);
	bent_free(b);
}

static void test_limits(void **state)
{
	struct bent *b = bent_new("GET", "/b/k", "");
	struct sigv4_evidence e;
	enum sigv4_fault fault;
	char *big = malloc(SIGV4_CANONICAL_MAX + 1);

	(void)state;
	memset(big, 'x', SIGV4_CANONICAL_MAX);
	big[SIGV4_CANONICAL_MAX] = 0;
	bent_header(b, "x-amz-meta-a", "");
	bent_sign(b, "UNSIGNED-PAYLOAD");
	b->headers[0].value = bytes_text(big);
	assert_int_equal(bent_read(b, &e, &fault), ERR_LIMIT);
	bent_free(b);

	/* an arena that is too small is a limit at every point, never a crash */
	for (size_t cap = 256; cap < 8192; cap += 64) {
		b = bent_new("GET", "/bucket/a%20b", "x=1&y=%41");
		bent_sign(b, "UNSIGNED-PAYLOAD");
		struct arena *small = arena_new(cap);
		if (small != NULL) {
			enum err result = sigv4_read(small, &b->request, BYTES("s3"), BYTES(""), &e, &fault);
			assert_true(result == OK || result == ERR_LIMIT);
			assert_true(cap > 512 || result == ERR_LIMIT);
		}
		arena_free(small);
		bent_free(b);
	}
	free(big);
}

static void test_too_many(void **state)
{
	static char names[SIGV4_SIGNED_HEADERS_MAX + 1][16];
	char query[1024] = "a";
	struct bent *b = bent_new("GET", "/b/k", "");
	struct sigv4_evidence e;
	enum sigv4_fault fault;
	struct bytes value;
	struct secret *secret = example_secret();

	(void)state;
	bent_header(b, "host", "h");
	for (size_t i = 0; i < SIGV4_SIGNED_HEADERS_MAX; i++) {
		snprintf(names[i], sizeof(names[i]), "x-h-%02zu", i);
		bent_header(b, names[i], "v");
	}
	assert_int_equal(sigv4_authorization(b->arena, &b->request, BYTES("AK"), secret, BYTES("r"),
	                                     BYTES("s3"), BYTES(EXAMPLE_DATE), BYTES("UNSIGNED-PAYLOAD"),
	                                     &value),
	                 ERR_LIMIT);
	secret_free(secret);
	bent_free(b);
	for (size_t i = 0; i < 400; i++) {
		memcpy(query + 1 + 2 * i, "&a", 3);
	}
	b = bent_new("GET", "/b/k", query);
	assert_int_equal(bent_read(b, &e, &fault), ERR_LIMIT);
	bent_free(b);
}

/* --- query form ------------------------------------------------------------------------- */

#define PRESIGNED                                                                                  \
	"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AK%2F20260131%2Feu-west-3%2Fs3%2Faws4_"    \
	"request&X-Amz-Date=20260131T235959Z&X-Amz-SignedHeaders=host&X-Amz-Signature=" SIGNATURE

static void test_query_form(void **state)
{
	struct bent *b = bent_new("GET", "/b/k", PRESIGNED "&X-Amz-Expires=60&versionId=null"
	                                                   "&X-Amz-Security-Token=t%2F%3D");
	struct sigv4_evidence e;

	(void)state;
	bent_header(b, "Host", "h");
	must_read(b, &e);
	assert_int_equal(e.kind, SIGV4_QUERY);
	assert_int_equal(e.expires_s, 60);
	assert_text(e.access_key, "AK");
	assert_text(e.session_token, "t/=");
	assert_int_equal(e.payload, SIGV4_PAYLOAD_UNSIGNED);
	assert_text(e.canonical,
	            "GET\n/b/k\nX-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AK%2F20260131%2Feu-"
	            "west-3%2Fs3%2Faws4_request&X-Amz-Date=20260131T235959Z&X-Amz-Expires=60&X-Amz-"
	            "Security-Token=t%2F%3D&X-Amz-SignedHeaders=host&versionId=null\nhost:h\n\nhost\n"
	            "UNSIGNED-PAYLOAD");
	bent_header(b, "x-amz-acl", "private");
	must_fault(b, SIGV4_FAULT_UNSIGNED_HEADER);
	bent_free(b);
}

static void test_query_content_hash(void **state)
{
	struct bent *b = bent_new("PUT", "/b/k",
	                          PRESIGNED "&X-Amz-Expires=60&X-Amz-Content-Sha256=" EMPTY_SHA256);
	struct sigv4_evidence e;

	(void)state;
	bent_header(b, "Host", "h");
	must_read(b, &e);
	assert_int_equal(e.payload, SIGV4_PAYLOAD_SIGNED);
	assert_text(e.content_hash, EMPTY_SHA256);
	bent_free(b);
}

static void test_expires_out_of_range(void **state)
{
	static const char *const queries[] = {
		PRESIGNED "&X-Amz-Expires=0",
		PRESIGNED "&X-Amz-Expires=604801",
		PRESIGNED "&X-Amz-Expires=-7",
		PRESIGNED "&X-Amz-Expires=",
		PRESIGNED "&X-Amz-Expires=99999999999999999999999",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(queries); i++) {
		struct bent *b = bent_new("GET", "/b/k", queries[i]);
		bent_header(b, "Host", "h");
		must_fault(b, SIGV4_FAULT_EXPIRES);
		bent_free(b);
	}
}

static void test_malformed_query(void **state)
{
	static const char *const queries[] = {
		PRESIGNED,
		PRESIGNED "&X-Amz-Expires=60&X-Amz-Expires=60",
		PRESIGNED "&X-Amz-Expires=60&X-Amz-Date=20260131T235959Z",
		PRESIGNED "&X-Amz-Expires=60&X-Amz-Security-Token=a%0Ab",
		"X-Amz-Signature=" SIGNATURE,
		"X-Amz-Algorithm=AWS4-HMAC-SHA256",
		"X-Amz-Credential=AK%2F20260131%2Feu-west-3%2Fs3%2Faws4_request",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(queries); i++) {
		struct bent *b = bent_new("GET", "/b/k", queries[i]);
		bent_header(b, "Host", "h");
		must_fault(b, SIGV4_FAULT_MALFORMED_QUERY);
		bent_free(b);
	}
}

/* --- other services --------------------------------------------------------------------- */

static void test_kms(void **state)
{
	struct bent *b = bent_new("POST", "/", "");
	struct secret *secret = example_secret();
	struct sigv4_evidence e;
	enum sigv4_fault fault;
	struct bytes value;

	(void)state;
	bent_header(b, "host", "kms.example.org");
	bent_header(b, "x-amz-date", EXAMPLE_DATE);
	bent_header(b, "x-amz-target", "TrentService.Decrypt");
	assert_int_equal(sigv4_authorization(b->arena, &b->request, BYTES(EXAMPLE_KEY), secret,
	                                     BYTES(EXAMPLE_REGION), BYTES("kms"), BYTES(EXAMPLE_DATE),
	                                     BYTES(EMPTY_SHA256), &value),
	                 OK);
	bent_header(b, "Authorization", (const char *)value.p);
	assert_int_equal(sigv4_read(b->arena, &b->request, BYTES("kms"), BYTES(EMPTY_SHA256), &e, &fault),
	                 OK);
	assert_int_equal(verify_now(b->arena, &e), OK);
	assert_int_equal(e.payload, SIGV4_PAYLOAD_SIGNED);
	assert_int_equal(sigv4_read(b->arena, &b->request, BYTES("kms"), BYTES(""), &e, &fault),
	                 ERR_INPUT);
	assert_int_equal(fault, SIGV4_FAULT_NO_CONTENT_HASH);
	/* a signature for one service says nothing to another */
	assert_int_equal(sigv4_read(b->arena, &b->request, BYTES("s3"), BYTES(""), &e, &fault),
	                 ERR_INPUT);
	assert_int_equal(fault, SIGV4_FAULT_MALFORMED_HEADER);
	secret_free(secret);
	bent_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_authorization_forms),
		cmocka_unit_test(test_access_key_with_slash),
		cmocka_unit_test(test_malformed_authorization),
		cmocka_unit_test(test_other_schemes),
		cmocka_unit_test(test_both),
		cmocka_unit_test(test_two_authorizations),
		cmocka_unit_test(test_anonymous),
		cmocka_unit_test(test_dates),
		cmocka_unit_test(test_unsigned_headers),
		cmocka_unit_test(test_content_hash),
		cmocka_unit_test(test_canonical_headers),
		cmocka_unit_test(test_line_end_in_a_value),
		cmocka_unit_test(test_signed_but_absent),
		cmocka_unit_test(test_canonical_path_and_query),
		cmocka_unit_test(test_malformed_request),
		cmocka_unit_test(test_two_hosts),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_query_form),
		cmocka_unit_test(test_query_content_hash),
		cmocka_unit_test(test_malformed_query),
		cmocka_unit_test(test_expires_out_of_range),
		cmocka_unit_test(test_kms),
	};
	return cmocka_run_group_tests(tests, secrets_set_up, NULL);
}
