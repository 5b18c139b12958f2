/*
 * HTTP/1.1 framing, pure: bytes in, decisions out; no socket, no clock. A refusal is an HTTP
 * status;
 * 0 means that all is well so far. Stricter than RFC 9112 wherever leniency would let two parsers
 * in a row see different messages (request smuggling): see README.md for the list.
 */
#ifndef REMPART_NET_HTTP1_H
#define REMPART_NET_HTTP1_H
#include "server/net/httpd.h"

struct http1_limits {
	size_t head_bytes;
	uint32_t headers_max;
};

/* http1_scan: finds the end of a head, whatever pieces it arrives in, and checks every byte of it.
 * Zero-initialised to start. */
struct http1_scan {
	uint8_t state;
	bool done;
	uint32_t headers;
	size_t n; /* bytes of the head so far, without an empty line before it */
};
/* http1_scan_head: look at `in`; *ret_skip bytes at its start do not belong to the head (an empty
 * line before the request, RFC 9112 2.2), the next *ret_used do. With done set, the rest of `in` is
 * body or the next request. Returns 0 or 400, 414, 431. */
unsigned http1_scan_head(struct http1_scan *s, const struct http1_limits *l, struct bytes in,
                         size_t *ret_skip, size_t *ret_used);

struct http1_request {
	/* views into the scanned bytes; the array of fields is the arena's */
	struct http_head head;
	bool http10;
	bool keep_alive;
	bool expect_continue;
};
/* http1_parse_head: a complete, scanned head with so many header lines (http1_scan.headers).
 * Returns 0 or 400, 417, 431, 501, 505; then *ret holds what was understood. */
unsigned http1_parse_head(struct bytes head, size_t headers, struct arena *a,
                          struct http1_request *ret);

/* The body's framing. */
struct http1_body {
	bool chunked;
	bool done;
	uint8_t state;
	uint8_t digits;     /* of the chunk size so far */
	uint32_t overhead;  /* bytes of this chunk's extension, or of the trailer section */
	uint64_t left;      /* of the body, or of this chunk */
};
struct http1_body http1_body_of(const struct http_head *head);
/* http1_body_take: take framing and at most `max` body bytes from the front of *in; *ret is a view
 * of the body bytes, possibly empty when *in is used up or done is set. Returns 0 or 400. */
unsigned http1_body_take(struct http1_body *b, struct bytes *in, size_t max, struct bytes *ret);
#endif
