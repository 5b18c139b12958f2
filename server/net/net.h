/*
 * The inside of server/net: what loop.c, conn.c, exchange.c and their neighbours share. The only
 * header that includes uv.h.
 *
 * Who touches what: a `conn` and a `loop` belong to their loop thread. An `exchange` belongs to its
 * loop or to one worker, as `owner` says; the fields are grouped by who may write them.
 */
#ifndef REMPART_NET_NET_H
#define REMPART_NET_NET_H
#include <netinet/in.h>
#include <stdatomic.h>
#include <uv.h>

#include "common/base/attr.h"
#include "server/net/buffers.h"
#include "server/net/http1.h"
#include "server/net/httpd.h"
#include "server/net/tls.h"

enum {
	LISTENERS_MAX = 16,
	LOOPS_MAX = 256,
	LOOP_READ_BYTES = 64 * 1024,
	/* records of LOOP_CIPHER_FILL_BYTES of text, and room for handshakes */
	LOOP_CIPHER_BYTES = 80 * 1024,
	LOOP_CIPHER_FILL_BYTES = 64 * 1024,
	SWEEP_MS = 500,
	SWEEP_SCARCE_MS = 50, /* while somebody waits for a buffer */
	DRAIN_POLL_MS = 20,
	/* of a body nobody wants, so that the client reads the answer */
	DISCARD_MAX_BYTES = 1024 * 1024,
	LINGER_MS = 5000,
	ANSWER_HEAD_BYTES = 64 * 1024,
	ADDRESS_BYTES = 48,
	IDS_AHEAD = 64,
	ID_BYTES = 16,
	SLICES = 4,
};

/* The connection machine; conn_set_state holds the legal transitions. */
enum conn_state {
	CONN_HANDSHAKE, /* TLS */
	CONN_IDLE,      /* no byte of a request yet */
	CONN_HEAD,      /* part of a head */
	CONN_BODY,      /* an exchange; its body is not complete */
	CONN_WAIT,      /* the request is complete, no byte of the answer is out */
	CONN_SEND,      /* the answer is on its way */
	CONN_LINGER,    /* answered, our side is shut; drain so that no RST eats the answer */
	CONN_CLOSED,    /* uv_close was called */
};

struct loop;
struct listener;

/* Bytes that were read and not used yet; at most one read's worth. They lie in the loop's read
 * buffer while conn_pump runs and are copied to the heap only when some remain. */
struct input {
	struct bytes view;
	uint8_t *heap;
};

struct conn {
	uv_tcp_t tcp;
	uv_write_t write;
	uv_shutdown_t shutdown;
	struct conn *next; /* the loop's list */
	struct conn *prev;
	struct loop *loop;
	const struct listener *listener;
	struct tls *tls;          /* NULL: clear text */
	struct exchange *x;       /* the request at hand */
	enum conn_state state;
	bool reading;             /* uv_read_start is on */
	bool eof;                 /* the peer will send no more */
	bool writing;             /* one uv_write is under way */
	bool pumping;             /* conn_pump is on the stack */
	bool close_after;         /* after the answer */
	uint64_t deadline_ms;
	size_t queue_bytes;       /* of the socket at the last sweep: tells progress of a write */
	size_t drained_bytes;     /* discarded so far */
	/* input */
	struct http1_scan scan;
	struct writer head;
	struct input raw;         /* ciphertext */
	struct input text;
	/* output: what is still to be sent, in order; memory stays put until it is */
	struct bytes out[SLICES];
	unsigned out_n;
	uint8_t *cipher;          /* heap: records that the socket did not take at once */
	uv_buf_t uv[SLICES];
	struct http_peer peer;
	char address[ADDRESS_BYTES];
};

enum owner { OWNER_LOOP, OWNER_WORKER };
enum answer_body { ANSWER_NONE, ANSWER_WHOLE, ANSWER_STREAM };
/* What a job is to run, in this order. */
enum {
	STEP_BEGIN = 1,
	STEP_BODY = 2,
	STEP_END = 4,
	STEP_MORE = 8,
	STEP_RELEASE = 16,
};

struct answer {
	unsigned status; /* 0: none */
	unsigned generation;
	int64_t length;
	enum answer_body kind;
	struct bytes whole;
	struct writer fields;
	bool close;
};

struct exchange {
	struct worker_job job; /* first: the job is the exchange */
	/* fixed at the start */
	struct loop *loop;
	const struct http_service *service;
	struct worker_pool *pool;
	struct arena *arena;
	struct writer head_bytes; /* the request's own copy of its head */
	struct http1_request request;
	struct http_peer peer;
	char address[ADDRESS_BYTES];
	uint8_t id[ID_BYTES];
	/* owner's */
	_Atomic(enum owner) owner;
	unsigned steps;          /* of the job under way */
	uint64_t step_deadline_ms;
	void *state;
	struct answer answer;
	struct buffer *in;       /* body bytes for the step */
	struct buffer *out;      /* filled by `more` */
	bool begun;              /* so release is due */
	bool head_out;           /* the answer's head was given to the socket */
	bool failed;             /* a step failed with the head out: reset */
	bool replaced;           /* `uncommitted` was called once */
	bool last;               /* `more` has no more */
	uint64_t made;           /* body bytes that `more` made */
	_Atomic uint64_t sent;
	struct exchange *next_done; /* in the loop's list of news */
	/* the loop's */
	struct conn *conn;       /* NULL: lost */
	struct http1_body body;
	struct buffer *fill;     /* being filled from the socket */
	struct buffer *ready;    /* made, not yet being sent */
	struct buffer *sending;
	struct buffer_waiter waiter;
	bool waiting;            /* in the pool's queue */
	bool continued;          /* 100 Continue was sent, or need not be */
	struct writer head_out_bytes;
	uint64_t received;       /* body bytes */
	bool submitted;          /* a job went out, so later ones are not refused */
	unsigned refusal;        /* to be given when the step is back */
	bool open;               /* the body may be read */
	uint64_t held_since_ms;  /* the buffer that is filled or sent now */
};

struct listener {
	struct listener_options o;
	char *address; /* copies of the options' texts */
	char *certificate;
	char *key;
	char *client_ca;
	uint16_t port;
	struct httpd *httpd;
	pthread_mutex_t lock; /* guards rules */
	struct tls_rules *rules;
};

/* One listening socket of one loop. */
struct door {
	uv_tcp_t tcp;
	struct loop *loop;
	struct listener *listener;
	bool stalled; /* no memory for a connection: it waits in the handle */
};

struct loop {
	uv_loop_t uv;
	uv_async_t wake;
	uv_timer_t sweep;
	uv_prepare_t before_sleep;
	struct worker_pool *owed; /* has a job that nobody was woken for */
	struct httpd *httpd;
	unsigned index;
	bool ready; /* uv was set up */
	pthread_t thread;
	bool running;
	bool draining;
	uint64_t drain_until_ms;
	struct conn *conns;
	size_t n_conns;
	_Atomic(struct exchange *) news;  /* pushed by workers, newest first */
	_Atomic size_t exchanges;         /* alive, wherever they are */
	_Atomic size_t senders;           /* workers between push and uv_async_send */
	_Atomic int order;                /* 1: drain */
	struct door doors[LISTENERS_MAX];
	uint8_t ids[IDS_AHEAD][ID_BYTES];
	unsigned ids_left;
	uint64_t date_second;
	char date[32];
	uint8_t *read;   /* LOOP_READ_BYTES */
	uint8_t *text;   /* TLS_PIECE_BYTES: plaintext in */
	uint8_t *piece;  /* TLS_PIECE_BYTES: small slices put together on the way out */
	uint8_t *cipher; /* LOOP_CIPHER_BYTES */
};

struct counters {
	_Atomic uint64_t connections, open, requests, busy, refused, in, out, tls_failures;
	_Atomic uint64_t status[6];
};

struct httpd {
	struct http_limits limits;
	struct http1_limits head_limits;
	struct buffer_pool *buffers;
	struct listener listeners[LISTENERS_MAX];
	unsigned n_listeners;
	struct loop *loops;
	unsigned n_loops;
	uv_loop_t control;
	uv_async_t stop;
	uv_signal_t signals[3];
	bool control_ready;
	void (*reload)(void *context);
	void *reload_context;
	_Atomic uint64_t complained_ms; /* the last word about a limit in the log */
	struct counters counters;
};

static inline void count(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

/* loop.c */
enum err loop_init(struct loop *l, struct httpd *h, unsigned index);
enum err loop_start(struct loop *l);
void loop_order_drain(struct loop *l); /* any thread */
void loop_join(struct loop *l);
void loop_free(struct loop *l);        /* not running */
/* any thread: x has news for its loop, which owns it from then on */
void loop_news(struct exchange *x);
void loop_next_id(struct loop *l, uint8_t *ret_id);
void loop_owes_wake(struct loop *l, struct worker_pool *p); /* before the loop sleeps */
const char *loop_date(struct loop *l);

/* listen.c */
enum err listen_open(struct listener *n, struct report *ret_report);
void listen_retry(struct door *d);
enum err listen_reload(struct listener *n, struct report *ret_report);
void listen_free(struct listener *n);

/* conn.c: the machine and its input. */
struct conn *conn_new(struct door *d);       /* NULL: no memory, or the peer has gone */
void conn_set_state(struct conn *c, enum conn_state to);
void conn_pump(struct conn *c);              /* go on with what can go on */
void conn_close(struct conn *c);             /* now; what is unsent is lost */
void conn_reset(struct conn *c);             /* now, so that the peer notices */
void conn_sweep(struct conn *c, uint64_t now_ms);
void conn_drain(struct conn *c);             /* the server stops */
void conn_answered(struct conn *c);          /* the whole answer is with the socket */
/* conn_acknowledge: send the ACK now: a client with Nagle's algorithm keeps its next bytes back for
 * it, up to 40 ms. */
void conn_acknowledge(struct conn *c);
void conn_touch(struct conn *c, uint32_t ms); /* the deadline is ms from now */

/* output.c: slices to the socket. */
void conn_put(struct conn *c, struct bytes slice); /* queue; memory stays put until it is sent */
void conn_flush(struct conn *c);             /* send; asks exchange_drained for more */
void conn_send_records(struct conn *c, const struct writer *records); /* handshake, alerts */
void conn_linger(struct conn *c);            /* shut our side */

/* exchange.c: the request machine, loop side. */
struct exchange *exchange_new(struct conn *c); /* NULL: no memory */
void exchange_free(struct exchange *x);        /* any thread */
void exchange_start(struct exchange *x);       /* the head was understood */
void exchange_refuse(struct exchange *x, unsigned status);
size_t exchange_wants(struct exchange *x);     /* body bytes it can take now */
struct bytes exchange_feed(struct exchange *x, struct bytes in); /* returns what is left */
void exchange_drained(struct exchange *x);     /* the socket took all slices */
void exchange_lost(struct exchange *x);        /* the connection is gone */
void exchange_came_back(struct exchange *x);   /* from the list of news */
void exchange_finish(struct exchange *x);      /* the answer is sent */
void exchange_sweep(struct exchange *x, uint64_t now_ms);

/* steps.c: the request machine, worker side. */
void steps_run(struct worker_job *job);
void steps_done(struct worker_job *job, enum err committed);
size_t answer_step_bytes(const struct exchange *x, size_t *ret_least);

/* answer.c */
void answer_plain(struct exchange *x, unsigned status);
/* make length and kind of body agree, whatever the service said */
void answer_settle(struct exchange *x);
bool answer_write_head(struct exchange *x, bool keep_alive);
bool answer_has_body(const struct exchange *x);
bool answer_chunked(const struct exchange *x);
#endif
