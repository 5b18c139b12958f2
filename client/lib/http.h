/*
 * HTTP/1.1 client: the one wrapper over libcurl (http.c is the only user of curl.h), for the
 * command line tools and for the gateway's calls to the KMS.
 *
 * Invariants: roots of trust are the pinned CA file and nothing else; host names are always
 * verified; clear text only to this machine unless asked for; no proxy from the environment, no
 * redirect, no cookie, no netrc. A client keeps one connection alive; a request on a kept
 * connection that the peer has closed meanwhile, without one byte of answer, is sent again on a new
 * one (so a server may see a request twice).
 */
#ifndef REMPART_CLIENT_HTTP_H
#define REMPART_CLIENT_HTTP_H

#include "common/base/arena.h"
#include "common/base/report.h"

enum {
	HTTP_CALL_HEADERS_MAX = 64,          /* in a request, and kept of an answer */
	HTTP_CALL_HEAD_BYTES_MAX = 256 << 10, /* memory for both heads together */
	HTTP_CALL_URL_BYTES_MAX = 16 << 10,
};

/* Every text is borrowed until http_client_new returns; NULL or 0 means the default. */
struct http_client_options {
	/* PEM, the only roots; without it every https call is refused */
	const char *ca_file;
	const char *certificate_file; /* PEM, for mutual TLS; needs key_file */
	const char *key_file;         /* PEM */
	/* as OpenSSL names them: "P-256:P-384"; NULL: the library's */
	const char *tls_groups;
	bool tls13_only;              /* else 1.2 is accepted too */
	bool clear_text_anywhere;     /* http:// beyond loopback */
	uint32_t connect_timeout_ms;  /* 5,000 by default; TCP and TLS */
	uint32_t deadline_ms;         /* of a whole call; 60,000 by default */
	const char *user_agent;       /* "rempart" by default */
};

/* A request body that is produced while it is sent. */
struct http_source {
	/* read: at most max bytes; *ret_n 0 is the end. Its error ends the call and is its
	 * result. */
	enum err (*read)(void *context, uint8_t *out, size_t max, size_t *ret_n);
	/* rewind: start again from the first byte (a lost connection); NULL: cannot. */
	enum err (*rewind)(void *context);
	void *context;
	uint64_t size; /* bytes, exactly */
};

/* Where a 2xx body goes; its error ends the call and is its result. */
struct http_sink {
	enum err (*write)(void *context, struct bytes b);
	void *context;
};

struct http_call {
	const char *method;           /* "GET", "HEAD", "PUT", ... */
	const char *url;
	/* CR, LF and NUL are refused. Host: from the URL when absent */
	const struct field *headers;
	size_t n_headers;
	struct bytes body;            /* sent when p is not NULL */
	const struct http_source *source; /* instead of body */
	/* appended: the body, or with a sink the body of a status that is not 2xx */
	struct writer *answer;
	const struct http_sink *sink; /* body of a 2xx status */
	uint32_t deadline_ms;         /* 0: the client's */
	/* not 0: no deadline, but so long without a byte is a TIMEOUT */
	uint32_t stall_ms;
};

/* What came back; names and values live until the client's next call or its end. */
struct http_answer {
	unsigned status;
	struct field headers[HTTP_CALL_HEADERS_MAX];
	size_t n_headers;
};

struct http_client; /* one connection; one thread at a time; different clients are independent */

/*
 * http_client_new: sets options, opens nothing.
 *   errors  NOMEM; INPUT (certificate without key, a file that cannot be read: ret_report)
 */
enum err http_client_new(const struct http_client_options *o, struct http_client **ret,
                         struct report *ret_report);
/* http_client_free: closes the connection. NULL-safe. */
void http_client_free(struct http_client *c);
void http_client_freep(struct http_client **c); /* for AUTO */

/*
 * http_call: one request and its answer. Blocks until the answer is complete or the deadline.
 *   ret         untouched on failure
 *   ret_report  what failed and what to do, for people; may be NULL
 *   errors      UNAVAILABLE (name, connection, TLS: the peer was not reached), TIMEOUT, IO (the
 *               connection broke), LIMIT (writer full, too many headers), INPUT (URL, header, clear
 *               text to another machine, not HTTP), NOMEM, and what source or sink give
 *   Every status is a success here.
 */
enum err http_call(struct http_client *c, const struct http_call *call, struct http_answer *ret,
                   struct report *ret_report);
/* http_answer_header: value of the first header of that name, any case; p NULL when absent. */
struct bytes http_answer_header(const struct http_answer *answer, const char *name);

#endif
