/*
 * Heads. Two parsers must agree: a byte scanner of our own, which refuses everything that peers are
 * known to read differently, and llhttp, which then splits what passed. So neither llhttp's leniency
 * nor a slip of ours alone lets a request be read two ways.
 */
#include "server/net/http1.h"

#include <llhttp.h>
#include <string.h>

enum {
	STATUS_BAD = 400,
	STATUS_URI_TOO_LONG = 414,
	STATUS_HEAD_TOO_LARGE = 431,
	STATUS_NOT_IMPLEMENTED = 501,
	STATUS_VERSION = 505,
	METHOD_MAX = 32,
	LENGTH_DIGITS_MAX = 18, /* below INT64_MAX without a check of overflow */
};

enum scan {
	SCAN_FIRST,    /* an empty line may stand before the request, RFC 9112 2.2 */
	SCAN_EMPTY_LF,
	SCAN_START,
	SCAN_METHOD,
	SCAN_TARGET,
	SCAN_VERSION,
	SCAN_LINE_LF,
	SCAN_LINE, /* first byte of a header line, or CR */
	SCAN_NAME,
	SCAN_VALUE,
	SCAN_END_LF,
	SCAN_BAD,
};

/* RFC 9110 5.6.2: tchar. */
static bool is_token(uint8_t c)
{
	static const char others[] = "!#$%&'*+-.^_`|~";
	uint8_t lower = c | 0x20;

	if ((lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9')) {
		return true;
	}
	return c != 0 && strchr(others, c) != NULL;
}

/* RFC 9110 5.5: visible, obs-text, space and tab. */
static bool is_value(uint8_t c)
{
	return (c >= 0x20 && c != 0x7f) || c == '\t';
}

static bool is_target(uint8_t c)
{
	return c > 0x20 && c < 0x7f;
}

static enum scan scan_request_line(const struct http1_scan *s, uint8_t c)
{
	switch (s->state) {
	case SCAN_FIRST:
		if (c == '\r') {
			return SCAN_EMPTY_LF;
		}
		return is_token(c) ? SCAN_METHOD : SCAN_BAD;
	case SCAN_EMPTY_LF:
		return c == '\n' ? SCAN_START : SCAN_BAD;
	case SCAN_START:
		return is_token(c) ? SCAN_METHOD : SCAN_BAD;
	case SCAN_METHOD:
		if (c == ' ') {
			return SCAN_TARGET;
		}
		return is_token(c) && s->n < METHOD_MAX ? SCAN_METHOD : SCAN_BAD;
	case SCAN_TARGET:
		if (c == ' ') {
			return SCAN_VERSION;
		}
		return is_target(c) ? SCAN_TARGET : SCAN_BAD;
	case SCAN_VERSION:
		if (c == '\r') {
			return SCAN_LINE_LF;
		}
		return is_target(c) ? SCAN_VERSION : SCAN_BAD;
	default:
		return SCAN_BAD;
	}
}

static enum scan scan_headers(const struct http1_scan *s, uint8_t c)
{
	switch (s->state) {
	case SCAN_LINE_LF:
		return c == '\n' ? SCAN_LINE : SCAN_BAD;
	case SCAN_LINE:
		if (c == '\r') {
			return SCAN_END_LF;
		}
		return is_token(c) ? SCAN_NAME : SCAN_BAD; /* a space here would be an obs-fold */
	case SCAN_NAME:
		if (c == ':') {
			return SCAN_VALUE;
		}
		return is_token(c) ? SCAN_NAME : SCAN_BAD;
	case SCAN_VALUE:
		if (c == '\r') {
			return SCAN_LINE_LF;
		}
		return is_value(c) ? SCAN_VALUE : SCAN_BAD;
	case SCAN_END_LF:
		return c == '\n' ? SCAN_END_LF : SCAN_BAD;
	default:
		return SCAN_BAD;
	}
}

/* One byte. */
static unsigned scan_step(struct http1_scan *s, const struct http1_limits *l, uint8_t c)
{
	enum scan was = s->state;
	enum scan next = was <= SCAN_VERSION ? scan_request_line(s, c) : scan_headers(s, c);

	if (next == SCAN_BAD) {
		return STATUS_BAD;
	}
	s->state = (uint8_t)next;
	if (next <= SCAN_START) {
		return 0;
	}
	s->n++;
	s->headers += was == SCAN_LINE && next == SCAN_NAME;
	s->done = was == SCAN_END_LF;
	if (s->n > l->head_bytes) {
		return was <= SCAN_TARGET ? STATUS_URI_TOO_LONG : STATUS_HEAD_TOO_LARGE;
	}
	return s->headers > l->headers_max ? STATUS_HEAD_TOO_LARGE : 0;
}

unsigned http1_scan_head(struct http1_scan *s, const struct http1_limits *l, struct bytes in,
                         size_t *ret_skip, size_t *ret_used)
{
	size_t before = s->n;
	unsigned status = 0;
	size_t i = 0;

	while (i < in.n && !s->done && status == 0) {
		status = scan_step(s, l, in.p[i]);
		i++;
	}
	*ret_used = s->n - before;
	*ret_skip = i > *ret_used ? i - *ret_used : 0;
	return status;
}

/* Splitting, by llhttp. */

struct split {
	struct bytes name;
	struct bytes value;
	struct field *fields;
	size_t n;
	size_t max;
};

/* A span may be reported in pieces; the pieces are neighbours in the head. */
static void extend(struct bytes *b, const char *at, size_t n)
{
	if (b->p == NULL) {
		b->p = (const uint8_t *)at;
	}
	b->n = (size_t)((const uint8_t *)at + n - b->p);
}

static int on_name(llhttp_t *parser, const char *at, size_t n)
{
	struct split *s = parser->data;

	extend(&s->name, at, n);
	return 0;
}

static int on_value(llhttp_t *parser, const char *at, size_t n)
{
	struct split *s = parser->data;

	extend(&s->value, at, n);
	return 0;
}

static int on_value_complete(llhttp_t *parser)
{
	struct split *s = parser->data;

	if (s->n >= s->max) {
		return -1;
	}
	s->fields[s->n++] = (struct field){s->name, bytes_trim(s->value)};
	s->name = s->value = (struct bytes){NULL, 0};
	return 0;
}

/* 1: no body follows as far as llhttp is concerned; framing of bodies is ours. */
static int on_headers_complete(llhttp_t *parser)
{
	(void)parser;
	return 1;
}

static unsigned status_of(llhttp_errno_t e)
{
	if (e == HPE_OK || e == HPE_PAUSED_UPGRADE) {
		return 0; /* an offer to upgrade is ignored, RFC 9110 7.8 */
	}
	if (e == HPE_INVALID_METHOD || e == HPE_INVALID_TRANSFER_ENCODING) {
		return STATUS_NOT_IMPLEMENTED;
	}
	return e == HPE_INVALID_VERSION || e == HPE_PAUSED_H2_UPGRADE ? STATUS_VERSION : STATUS_BAD;
}

static unsigned split_fields(struct bytes head, struct split *s)
{
	static const llhttp_settings_t settings = {
		.on_header_field = on_name,
		.on_header_value = on_value,
		.on_header_value_complete = on_value_complete,
		.on_headers_complete = on_headers_complete,
	};
	llhttp_t parser;

	llhttp_init(&parser, HTTP_REQUEST, &settings);
	parser.data = s;
	return status_of(llhttp_execute(&parser, (const char *)head.p, head.n));
}

/* What the fields mean for the framing. */

struct framing {
	unsigned hosts;
	unsigned lengths;
	unsigned codings;
	struct bytes host;
	bool close;
	bool keep;
};

/* RFC 9112 7.6: a list of tokens. */
static void read_connection(struct framing *f, struct bytes value)
{
	while (value.p != NULL) {
		struct bytes token = bytes_trim(bytes_split(&value, ','));
		f->close = f->close || bytes_is_nocase(token, "close");
		f->keep = f->keep || bytes_is_nocase(token, "keep-alive");
	}
}

static unsigned read_length(struct http1_request *r, struct bytes value)
{
	uint64_t n;

	if (value.n > LENGTH_DIGITS_MAX || bytes_u64(value, &n) != OK) {
		return STATUS_BAD;
	}
	r->head.content_length = (int64_t)n;
	return 0;
}

static unsigned read_field(struct http1_request *r, struct framing *f, const struct field *field)
{
	if (bytes_is_nocase(field->name, "host")) {
		f->host = field->value;
		return ++f->hosts > 1 ? STATUS_BAD : 0;
	}
	if (bytes_is_nocase(field->name, "content-length")) {
		return ++f->lengths > 1 ? STATUS_BAD : read_length(r, field->value);
	}
	if (bytes_is_nocase(field->name, "transfer-encoding")) {
		r->head.chunked = bytes_is_nocase(field->value, "chunked");
		return ++f->codings > 1 || !r->head.chunked ? STATUS_NOT_IMPLEMENTED : 0;
	}
	if (bytes_is_nocase(field->name, "connection")) {
		read_connection(f, field->value);
		return 0;
	}
	/* RFC 9110 10.1.1 allows 417 for an expectation that nobody knows; S3 takes no notice of it. */
	if (bytes_is_nocase(field->name, "expect") && !r->http10) {
		r->expect_continue = bytes_is_nocase(field->value, "100-continue");
	}
	return 0;
}

static bool is_host(struct bytes b)
{
	static const char others[] = "-._~!$&'()*+,;=:[]%";

	for (size_t i = 0; i < b.n; i++) {
		uint8_t lower = b.p[i] | 0x20;
		bool plain = (lower >= 'a' && lower <= 'z') || (b.p[i] >= '0' && b.p[i] <= '9');
		if (!plain && (b.p[i] == 0 || strchr(others, b.p[i]) == NULL)) {
			return false;
		}
	}
	return true;
}

static unsigned read_fields(struct http1_request *r, struct framing *f)
{
	for (size_t i = 0; i < r->head.n_fields; i++) {
		unsigned status = read_field(r, f, &r->head.fields[i]);
		if (status != 0) {
			return status;
		}
	}
	if ((f->lengths > 0 && f->codings > 0) || (r->http10 && f->codings > 0)) {
		return STATUS_BAD;
	}
	if (!is_host(f->host) || (f->hosts == 0 && !r->http10)) {
		return STATUS_BAD;
	}
	r->keep_alive = !f->close && (!r->http10 || f->keep);
	return 0;
}

/* The part of an absolute-form target behind "scheme://"; p NULL when it is not one. */
static struct bytes after_scheme(struct bytes target)
{
	static const char *const schemes[] = {"http://", "https://"};

	for (size_t i = 0; i < 2; i++) {
		struct bytes scheme = bytes_text(schemes[i]);
		struct bytes start = bytes_first(target, scheme.n);
		if (bytes_is_nocase(start, schemes[i])) {
			return bytes_skip(target, scheme.n);
		}
	}
	return (struct bytes){NULL, 0};
}

static bool same_host(struct bytes a, struct bytes b)
{
	bool same = a.n == b.n && is_host(a);

	for (size_t i = 0; i < a.n && same; i++) {
		same = (a.p[i] | 0x20) == (b.p[i] | 0x20);
	}
	return same;
}

/* Origin form, or absolute form that names the same host as the Host field (RFC 9112 3.2). */
static unsigned read_target(struct http1_request *r, struct bytes target, struct bytes host)
{
	size_t at;

	if (bytes_find(target, '#', &at)) {
		return STATUS_BAD;
	}
	if (target.n > 0 && target.p[0] != '/') {
		struct bytes rest = after_scheme(target);
		if (rest.p == NULL || !bytes_find(rest, '/', &at)) {
			return STATUS_BAD;
		}
		if (!same_host(bytes_first(rest, at), host)) {
			return STATUS_BAD;
		}
		target = bytes_skip(rest, at);
	}
	if (target.n == 0) {
		return STATUS_BAD;
	}
	r->head.query = target;
	r->head.path = bytes_split(&r->head.query, '?');
	return 0;
}

static unsigned read_version(struct http1_request *r, struct bytes version)
{
	if (bytes_is(version, "HTTP/1.1") || bytes_is(version, "HTTP/1.0")) {
		r->http10 = version.p[7] == '0';
		return 0;
	}
	return bytes_starts(version, BYTES("HTTP/")) ? STATUS_VERSION : STATUS_BAD;
}

unsigned http1_parse_head(struct bytes head, size_t headers, struct arena *a,
                          struct http1_request *ret)
{
	struct http1_request r = {.head.content_length = -1};
	struct framing f = {0};
	struct bytes line = head;

	/* The scanner has seen to it that these separators are there, and nothing else. */
	line = bytes_split(&line, '\r');
	r.head.method = bytes_split(&line, ' ');
	struct bytes target = bytes_split(&line, ' ');
	unsigned status = read_version(&r, line);
	if (status != 0) {
		return status;
	}
	struct split s = {.max = headers};
	s.fields = arena_alloc(a, s.max * sizeof(s.fields[0]));
	if (s.fields == NULL) {
		return STATUS_HEAD_TOO_LARGE;
	}
	status = split_fields(head, &s);
	r.head.fields = s.fields;
	r.head.n_fields = s.n;
	if (status == 0) {
		status = read_fields(&r, &f);
	}
	if (status == 0) {
		status = read_target(&r, target, f.host);
	}
	if (status == 0) {
		*ret = r;
	}
	return status;
}
