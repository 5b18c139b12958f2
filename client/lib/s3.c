/* One signed call, its retries, and what an S3 error means for a person. */
#include "client/lib/s3.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/lib/s3_internal.h"
#include "common/base/attr.h"
#include "common/base/clock.h"
#include "common/codec/date.h"
#include "common/codec/hex.h"
#include "common/codec/uri.h"
#include "common/codec/xml.h"
#include "common/crypto/hash.h"
#include "common/sigv4/sigv4.h"

enum {
	SCRATCH_BYTES_MAX = 24 << 20, /* an answer, its tree of XML */
	OPTIONS_BYTES_MAX = 16 << 10,
	ERROR_ELEMENTS_MAX = 64,
	PAUSE_FIRST_MS = 250,
	PAUSE_MAX_MS = 8000,
	HEADERS_OF_SIGNATURE = 5, /* Host, x-amz-date, x-amz-content-sha256, Authorization, and one spare */
	DATE_BYTES = 16,
	QUERY_BYTES_MAX = 8192,
};

static const char empty_sha256[] =
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/* What to do about the errors that people meet. */
static const struct {
	const char *code;
	enum err e;
	const char *hint;
} s3_errors[] = {
	{"InvalidAccessKeyId", ERR_AUTH, "check AWS_ACCESS_KEY_ID"},
	{"SignatureDoesNotMatch", ERR_AUTH, "check AWS_SECRET_ACCESS_KEY and the region"},
	{"AuthorizationHeaderMalformed", ERR_AUTH, "check the region (AWS_DEFAULT_REGION)"},
	{"RequestTimeTooSkewed", ERR_AUTH, "set the clock of this machine"},
	{"AccessDenied", ERR_DENIED, "this user has no right to do that"},
	{"NoSuchBucket", ERR_NOTFOUND, "create it with: rempart mb s3://BUCKET"},
	{"NoSuchKey", ERR_NOTFOUND, "look with: rempart ls s3://BUCKET/"},
	{"BucketNotEmpty", ERR_CONFLICT, "empty it with: rempart rm -r s3://BUCKET"},
	{"BucketAlreadyExists", ERR_EXISTS, "choose another name"},
	{"BucketAlreadyOwnedByYou", ERR_EXISTS, "it is yours already"},
	{"InvalidBucketName", ERR_INPUT, "3 to 63 of a-z 0-9 - ."},
	{"EntityTooLarge", ERR_LIMIT, NULL},
	{"SlowDown", ERR_UNAVAILABLE, "the KMS is sealed or down, or the load is high"},
	{"ServiceUnavailable", ERR_UNAVAILABLE, "try again later"},
};

enum err s3_no_memory(struct report *r)
{
	return report_set(r, ERR_NOMEM, (const char *[]){"out of memory", NULL});
}

static bool keep(struct s3 *s, const struct s3_options *o)
{
	struct bytes scheme = bytes_text(o->endpoint);
	size_t n = scheme.n;

	while (n > 0 && scheme.p[n - 1] == '/') {
		n--;
	}
	s->endpoint = arena_copy(s->options_arena, bytes_first(scheme, n));
	s->region = arena_copy(s->options_arena, bytes_text(o->region == NULL ? "us-east-1" : o->region));
	s->access_key = arena_copy(s->options_arena, bytes_text(o->access_key));
	s->secret_key = o->secret_key;
	return s->endpoint.p != NULL && s->region.p != NULL && s->access_key.p != NULL;
}

/* "https://host:443" -> "host"; the default port is not part of Host. errors: INPUT */
static enum err find_host(struct s3 *s)
{
	static const struct {
		struct bytes scheme, port;
	} schemes[] = {{BYTES("https://"), BYTES(":443")}, {BYTES("http://"), BYTES(":80")}};

	for (size_t i = 0; i < COUNT(schemes); i++) {
		struct bytes host = s->endpoint;
		size_t at;

		if (!bytes_starts(host, schemes[i].scheme)) {
			continue;
		}
		host = bytes_skip(host, schemes[i].scheme.n);
		if (host.n == 0 || bytes_find(host, '/', &at) || bytes_find(host, '?', &at)) {
			return ERR_INPUT;
		}
		if (host.n > schemes[i].port.n &&
		    bytes_equal(bytes_skip(host, host.n - schemes[i].port.n), schemes[i].port)) {
			host.n -= schemes[i].port.n;
		}
		s->host = host;
		return OK;
	}
	return ERR_INPUT;
}

static enum err check_options(const struct s3_options *o, struct report *r)
{
	const char *missing = o->endpoint == NULL ? "the S3 URL (--endpoint, REMPART_S3_URL)"
	                      : o->access_key == NULL ? "an access key (AWS_ACCESS_KEY_ID)"
	                      : o->secret_key == NULL ? "a secret key (AWS_SECRET_ACCESS_KEY)"
	                                              : NULL;

	return missing == NULL ? OK
	                       : report_set(r, ERR_INPUT, (const char *[]){"missing: ", missing, NULL});
}

enum err s3_new(const struct s3_options *o, struct s3 **ret, struct report *ret_report)
{
	struct http_client_options http = {.ca_file = o->ca_file, .user_agent = "rempart-cli"};
	AUTO(s3_freep) struct s3 *s = NULL;

	TRY(check_options(o, ret_report));
	s = calloc(1, sizeof(*s));
	if (s == NULL) {
		return s3_no_memory(ret_report);
	}
	s->answer = writer_growing(S3_ANSWER_BYTES_MAX);
	s->options_arena = arena_new(OPTIONS_BYTES_MAX);
	s->scratch = arena_new(SCRATCH_BYTES_MAX);
	if (s->options_arena == NULL || s->scratch == NULL || !keep(s, o)) {
		return s3_no_memory(ret_report);
	}
	if (find_host(s) != OK) {
		return report_set(ret_report, ERR_INPUT,
		                  (const char *[]){"not an endpoint: ", o->endpoint,
		                                   "; write https://host[:port] without a path", NULL});
	}
	TRY(http_client_new(&http, &s->http, ret_report));
	*ret = s;
	s = NULL;
	return OK;
}

void s3_free(struct s3 *s)
{
	if (s == NULL) {
		return;
	}
	http_client_free(s->http);
	writer_free(&s->answer);
	arena_free(s->scratch);
	arena_free(s->options_arena);
	free(s);
}

void s3_freep(struct s3 **s)
{
	s3_free(*s);
	*s = NULL;
}

/* The encoded path of a name: "/", "/bucket", "/bucket/key". */
static enum err make_path(struct arena *a, struct s3_name name, struct bytes *ret)
{
	size_t size = 2 + 3 * (name.bucket.n + name.key.n);
	uint8_t *p = arena_alloc(a, size);
	struct writer w = writer_fixed(p, size);

	if (p == NULL) {
		return ERR_LIMIT;
	}
	write_u8(&w, '/');
	uri_encode(&w, name.bucket, false);
	if (name.key.n > 0) {
		write_u8(&w, '/');
		uri_encode(&w, name.key, true);
	}
	TRY(writer_end(&w));
	*ret = writer_bytes(&w);
	return OK;
}

static enum err make_query(struct arena *a, const struct field *query, size_t n, struct bytes *ret)
{
	uint8_t *p = arena_alloc(a, QUERY_BYTES_MAX);
	struct writer w = writer_fixed(p, QUERY_BYTES_MAX);

	if (p == NULL) {
		return ERR_LIMIT;
	}
	for (size_t i = 0; i < n; i++) {
		if (i > 0) {
			write_u8(&w, '&');
		}
		uri_encode(&w, query[i].name, false);
		write_u8(&w, '=');
		uri_encode(&w, query[i].value, false);
	}
	TRY(writer_end(&w));
	*ret = writer_bytes(&w);
	return OK;
}

enum err s3_url(struct s3 *s, struct s3_name name, const struct field *query, size_t n,
                struct s3_place *ret)
{
	TRY(make_path(s->scratch, name, &ret->path));
	TRY(make_query(s->scratch, query, n, &ret->query));
	struct bytes parts[] = {s->endpoint, ret->path, ret->query.n > 0 ? BYTES("?") : BYTES(""),
	                        ret->query};
	ret->url = (const char *)arena_join(s->scratch, parts, COUNT(parts)).p;
	return ret->url == NULL ? ERR_LIMIT : OK;
}

static enum err hash_body(struct arena *a, struct bytes body, struct bytes *ret)
{
	uint8_t digest[SHA256_BYTES];
	uint8_t *hex = arena_alloc(a, 2 * SHA256_BYTES);
	struct writer w = writer_fixed(hex, 2 * SHA256_BYTES);

	if (body.n == 0) {
		*ret = bytes_text(empty_sha256);
		return OK;
	}
	if (hex == NULL) {
		return ERR_LIMIT;
	}
	TRY(hash_sha256(body, digest));
	hex_write(&w, bytes_of(digest, sizeof(digest)));
	*ret = writer_bytes(&w);
	return OK;
}

enum err s3_date(struct arena *a, struct bytes *ret)
{
	uint8_t *p = arena_alloc(a, DATE_BYTES);
	struct writer w = writer_fixed(p, DATE_BYTES);

	if (p == NULL) {
		return ERR_LIMIT;
	}
	date_write_amz(&w, clock_real_ms());
	TRY(writer_end(&w));
	*ret = writer_bytes(&w);
	return OK;
}

/* All headers of the call; the last is Authorization over the others. */
static enum err sign(struct s3 *s, const struct s3_call *call, const struct s3_place *place,
                     struct field *headers, size_t *ret_n)
{
	struct sigv4_request request = {
		.method = bytes_text(call->method),
		.path = place->path,
		.query = place->query,
		.headers = headers,
	};
	struct bytes date, hash, authorization;
	size_t n = 0;

	if (call->n_headers > S3_CALL_FIELDS_MAX) {
		return ERR_LIMIT;
	}
	TRY(s3_date(s->scratch, &date));
	TRY(hash_body(s->scratch, call->body, &hash));
	headers[n++] = (struct field){BYTES("Host"), s->host};
	headers[n++] = (struct field){BYTES("x-amz-date"), date};
	headers[n++] = (struct field){BYTES("x-amz-content-sha256"), hash};
	for (size_t i = 0; i < call->n_headers; i++) {
		headers[n++] = call->headers[i];
	}
	request.n_headers = n;
	TRY(sigv4_authorization(s->scratch, &request, s->access_key, s->secret_key, s->region,
	                        BYTES("s3"), date, hash, &authorization));
	headers[n++] = (struct field){BYTES("Authorization"), authorization};
	*ret_n = n;
	return OK;
}

static enum err err_of_status(unsigned status)
{
	switch (status) {
	case 401: return ERR_AUTH;
	case 403: return ERR_DENIED;
	case 404: return ERR_NOTFOUND;
	case 409:
	case 412: return ERR_CONFLICT;
	case 413: return ERR_LIMIT;
	default: return status >= 500 ? ERR_UNAVAILABLE : ERR_INPUT;
	}
}

/* The error document, which HEAD and foreign servers do not send, in words. */
static enum err explain(struct s3 *s, const char *url, unsigned status, struct report *r)
{
	struct xml_node *root = NULL;
	enum err e = err_of_status(status);
	const char *hint = NULL;
	char digits[4] = "";
	struct writer w = writer_fixed(digits, sizeof(digits) - 1);
	const char *code = NULL, *message = NULL;

	if (s->answer.used > 0 && xml_parse(s->scratch, writer_bytes(&s->answer), ERROR_ELEMENTS_MAX,
	                                    &root) == OK) {
		code = arena_text(s->scratch, xml_text(root, "Code"));
		message = arena_text(s->scratch, xml_text(root, "Message"));
	}
	for (size_t i = 0; code != NULL && i < COUNT(s3_errors); i++) {
		if (strcmp(code, s3_errors[i].code) == 0) {
			e = s3_errors[i].e;
			hint = s3_errors[i].hint;
		}
	}
	if (code == NULL || code[0] == '\0' || message == NULL) {
		write_decimal(&w, status % 1000);
		return report_set(r, e, (const char *[]){url, ": HTTP status ", digits, NULL});
	}
	return report_set(r, e,
	                  (const char *[]){code, ": ", message, hint == NULL ? NULL : "; ", hint, NULL});
}

/* One attempt. ret_status 0: no answer came. */
static enum err attempt(struct s3 *s, const struct s3_call *call, struct s3_answer *ret,
                        unsigned *ret_status, struct report *r)
{
	struct field headers[S3_CALL_FIELDS_MAX + HEADERS_OF_SIGNATURE];
	struct s3_place place;
	struct http_call http = {
		.method = call->method,
		.headers = headers,
		.body = call->body,
		.answer = &s->answer,
		.sink = call->sink,
		.stall_ms = S3_STALL_MS,
	};

	arena_reset(s->scratch);
	s->answer.used = 0;
	s->answer.full = false;
	*ret_status = 0;
	if (s3_url(s, call->name, call->query, call->n_query, &place) != OK ||
	    sign(s, call, &place, headers, &http.n_headers) != OK) {
		return report_set(r, ERR_INPUT, (const char *[]){"this request cannot be signed", NULL});
	}
	http.url = place.url;
	TRY(http_call(s->http, &http, &ret->http, r));
	*ret_status = ret->http.status;
	if (ret->http.status / 100 != 2) {
		return explain(s, place.url, ret->http.status, r);
	}
	ret->body = writer_bytes(&s->answer);
	return OK;
}

bool s3_worth_again(enum err e, unsigned status)
{
	if (status == 0) {
		return e == ERR_UNAVAILABLE || e == ERR_TIMEOUT || e == ERR_IO;
	}
	return status == 500 || status == 502 || status == 503 || status == 504;
}

void s3_pause(unsigned attempts)
{
	uint32_t ms = (uint32_t)PAUSE_FIRST_MS << (attempts < 5 ? attempts : 5);
	uint16_t jitter;
	struct timespec t;

	random_bytes(&jitter, sizeof(jitter)); /* so that many clients do not come back together */
	ms = ms > PAUSE_MAX_MS ? PAUSE_MAX_MS : ms;
	ms = ms / 2 + jitter % (ms / 2);
	t = (struct timespec){.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
	(void)nanosleep(&t, NULL);
}

enum err s3_call(struct s3 *s, const struct s3_call *call, struct s3_answer *ret,
                 struct report *ret_report)
{
	struct s3_answer unread;
	struct s3_answer *answer = ret == NULL ? &unread : ret;
	unsigned attempts_max = call->sink == NULL ? S3_ATTEMPTS_MAX : 1;
	unsigned status;
	enum err e;

	for (unsigned i = 1;; i++) {
		e = attempt(s, call, answer, &status, ret_report);
		if (e == OK || i >= attempts_max || !s3_worth_again(e, status)) {
			return e;
		}
		s3_pause(i);
	}
}

enum err s3_presign(struct s3 *s, struct arena *a, const struct s3_presigned *p, const char **ret,
                    struct report *ret_report)
{
	const struct field host = {BYTES("host"), s->host};
	struct sigv4_request request = {
		.method = bytes_text(p->method), .headers = &host, .n_headers = 1,
	};
	struct bytes date, query, url;
	struct s3_place place;

	arena_reset(s->scratch);
	if (p->expires_s < 1 || p->expires_s > SIGV4_EXPIRES_MAX_S) {
		return report_set(ret_report, ERR_INPUT,
		                  (const char *[]){"a presigned URL lasts 1 to 604800 seconds", NULL});
	}
	if (s3_url(s, p->name, NULL, 0, &place) != OK || s3_date(s->scratch, &date) != OK) {
		return s3_no_memory(ret_report);
	}
	request.path = place.path;
	if (sigv4_presign(s->scratch, &request, s->access_key, s->secret_key, s->region, date,
	                  p->expires_s, &query) != OK) {
		return report_set(ret_report, ERR_INPUT, (const char *[]){"this cannot be signed", NULL});
	}
	url = arena_join(a, (struct bytes[]){bytes_text(place.url), BYTES("?"), query}, 3);
	if (url.p == NULL) {
		return s3_no_memory(ret_report);
	}
	*ret = (const char *)url.p;
	return OK;
}
