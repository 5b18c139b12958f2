/*
 * The HTTP server that both daemons use: libuv loops move bytes (accept, TLS, HTTP/1.1 framing,
 * timeouts, back-pressure); a request is a row of steps that run on the worker pool, each plain
 * sequential blocking C.
 *
 *   begin    head is there. Either answer now (exchange_respond) or ask for the body by returning
 *            OK without an answer. `100 Continue` goes out only after a begin that did not answer;
 *            at once when there is no body.
 *   body     one run of body bytes (decoded from chunked transfer coding): up to chunk_bytes;
 *            called in order, not at all for an empty body
 *   end      the body is complete: must answer
 *   more     next bytes of the answer's body, when the client has drained the last; only for
 *            exchange_stream answers
 *   release  always last, exactly once, after the answer is sent or the connection is lost: free
 *            the state. Also on a worker. Only for a request whose begin ran: one that the server
 *            refused itself (`refuse`) had no state yet. Soon, not at once.
 *
 * Contract: an exchange belongs to a loop or to one worker, never both; one step in flight for each
 * exchange. A step may block on disk, index, KMS, never on the client; it keeps no lock and no
 * transaction. A step that returns an error without having answered gives a bare 500; once the head
 * is out, an error resets the connection without a clean end (so a client never takes a broken body
 * for a whole one). The head goes out together with the first `more` bytes: until then
 * exchange_respond may replace it, so a first segment that does not verify still becomes a proper
 * error. Steps are joined where nothing has to be awaited: a request whose body is at most
 * gather_bytes (and has no Expect) is read first, then begin, body, end and the first more run in
 * one job: one hop.
 *
 * No project noun in here: buckets, keys, policies are the services' business.
 */
#ifndef REMPART_NET_HTTPD_H
#define REMPART_NET_HTTPD_H
#include "common/base/arena.h"
#include "common/base/report.h"
#include "server/net/worker.h"

struct exchange;

struct http_service {
	const char *name;        /* of the listener, in logs and metrics */
	void *context;           /* exchange_context */
	size_t gather_bytes;     /* see above; bodies up to this size arrive in one `body` call */
	size_t body_max;         /* larger bodies get 413 before begin; 0: no limit */
	size_t arena_bytes;      /* cap of the exchange's arena */
	size_t chunk_bytes;      /* step size for body and more; 256 KiB when 0 */
	enum err (*begin)(struct exchange *x);
	/* body: b is borrowed for the call. May answer, which ends the body: the rest is
	 * discarded. */
	enum err (*body)(struct exchange *x, struct bytes b);
	enum err (*end)(struct exchange *x);
	/* more: at least one byte into `out`, a fixed writer with room for 64 KiB (chunk_bytes when
	 * that is less) or for all that is left of the announced length. With a known length
	 * *ret_last may stay false: the server counts. Too few or too many bytes are an error. */
	enum err (*more)(struct exchange *x, struct writer *out, bool *ret_last);
	/* uncommitted: the pool's commit failed after the steps of this exchange ran; must replace
	 * the answer (exchange_respond), nothing of the old one has left. NULL: bare 500. */
	void (*uncommitted)(struct exchange *x, enum err e);
	void (*release)(struct exchange *x);
	/* refuse: give an answer in the service's own format for refusals made by the server
	 * itself: 400 (bad request), 408, 411, 413, 414, 431,
	 * 501 (transfer coding), 503 (full). Runs on the loop: no blocking. NULL: plain text. */
	void (*refuse)(struct exchange *x, unsigned status);
};

/* What the client sent. Borrowed; lives as long as the exchange. */
struct http_head {
	struct bytes method;
	struct bytes path;           /* raw, without query */
	struct bytes query;          /* raw, without '?' */
	const struct field *fields;  /* names as sent; values trimmed */
	size_t n_fields;
	int64_t content_length;      /* -1: none */
	bool chunked;
};
struct http_peer {
	struct bytes address;        /* "192.0.2.7" or "2001:db8::1" */
	uint16_t port;
	bool tls;
	/* "TLSv1.3" and OpenSSL's name, static; NULL without TLS */
	const char *tls_version, *tls_cipher;
	bool has_certificate;        /* verified against the listener's client CA */
	uint8_t certificate_digest[32]; /* SHA-256 of its DER */
	struct bytes certificate_name;  /* subject CN */
};

const struct http_head *exchange_head(const struct exchange *x);
const struct http_peer *exchange_peer(const struct exchange *x);
struct arena *exchange_arena(struct exchange *x);
void *exchange_context(const struct exchange *x);         /* the service's */
void *exchange_state(const struct exchange *x);           /* the request's own, set by begin */
void exchange_set_state(struct exchange *x, void *state);
const uint8_t *exchange_id(const struct exchange *x);     /* 16 random bytes: the request id */
/* clock_mono_ms; a step must be back by then */
uint64_t exchange_deadline_ms(const struct exchange *x);
/* exchange_field: the value of a request header, NULL when absent; ASCII case ignored. */
const struct bytes *exchange_field(const struct exchange *x, const char *name);

/* exchange_respond: begin an answer; replaces an earlier one that has not left. status 100..599.
 * Content-Length is `length`;
 * -1 means that the length is not known yet: chunked transfer coding. For HEAD and 204/304 no body
 * is sent whatever length says. */
void exchange_respond(struct exchange *x, unsigned status, int64_t length);
/* exchange_header: add a header to the answer (after exchange_respond). Value is copied; CR, LF and
 * NUL in it are refused (INPUT). The server's own headers (Connection, Content-Length, Date,
 * Keep-Alive, Server, Trailer, Transfer-Encoding, Upgrade) too. errors: LIMIT (64 KiB in all) */
enum err exchange_header(struct exchange *x, const char *name, struct bytes value);
/* exchange_body: the whole body at once, borrowed until release (arena). No `more` is called. */
void exchange_body(struct exchange *x, struct bytes body);
/* exchange_stream: the body comes from `more`. */
void exchange_stream(struct exchange *x);
/* exchange_close: close the connection after this answer. */
void exchange_close(struct exchange *x);
bool exchange_answered(const struct exchange *x);
/* exchange_sent: body bytes given to the client so far (for access logs in release);
 * exchange_status likewise. */
uint64_t exchange_sent(const struct exchange *x);
unsigned exchange_status(const struct exchange *x);

struct listener_options {
	const char *address;         /* "127.0.0.1", "::" */
	uint16_t port;
	const struct http_service *service;
	struct worker_pool *pool;
	/* TLS: NULL certificate means clear text, accepted on loopback addresses only (INPUT
	 * otherwise). */
	const char *certificate;     /* PEM chain */
	const char *key;             /* PEM, mode not readable by others */
	const char *client_ca;       /* PEM: demand and verify a client certificate (mTLS) */
	bool tls13_only;
};
struct http_limits {             /* one table; defaults from http_limits_default */
	unsigned loops;              /* threads; 0: one for each core */
	unsigned connections_max;    /* more are accepted and closed at once with 503 */
	/* step buffers of all exchanges together; who finds none waits (back-pressure) */
	size_t buffer_total_bytes;
	uint32_t head_bytes;         /* request line and headers: 16 KiB */
	uint32_t headers_max;        /* 128 */
	uint32_t head_ms;            /* from first byte to complete head: 15 s */
	uint32_t idle_ms;            /* keep-alive: 60 s */
	uint32_t body_idle_ms;       /* between two reads of a body: 60 s */
	uint32_t write_idle_ms;      /* client does not drain: 60 s */
	uint32_t tls_ms;             /* handshake: 10 s */
	uint32_t request_ms;         /* deadline of one step: 60 s */
	uint32_t drain_ms;           /* SIGTERM: requests in flight get this long: 30 s */
};
struct http_limits http_limits_default(void);

struct httpd;
enum err httpd_new(const struct http_limits *limits, struct httpd **ret);
/* httpd_listen: bind (SO_REUSEPORT on each loop). ret_report says what to do: port taken, no
 * permission, bad certificate, key that does not match, key file readable by others, missing file.
 * errors: INPUT, EXISTS (port taken), DENIED, IO */
enum err httpd_listen(struct httpd *h, const struct listener_options *o, struct report *ret_report);
/* httpd_port: the port of the i-th listener; tells which one port 0 became. */
uint16_t httpd_port(const struct httpd *h, unsigned i);
/* httpd_run: serve until SIGTERM or SIGINT, then drain: no new connections, keep-alive off, wait
 * for requests in flight. SIGHUP reads the certificates again (a bad one keeps the old and logs
 * why) and calls `reload` when not NULL. Blocks. */
enum err httpd_run(struct httpd *h, void (*reload)(void *context), void *context);
void httpd_stop(struct httpd *h); /* as SIGTERM; any thread */
void httpd_free(struct httpd *h);

/* Counters for /metrics; any thread, relaxed. */
struct http_stats {
	uint64_t connections, connections_open, requests, requests_busy, refused, bytes_in, bytes_out, tls_failures, buffer_waits;
	uint64_t status[6];          /* [2] counts 2xx ... */
};
void httpd_stats(const struct httpd *h, struct http_stats *ret);
#endif
