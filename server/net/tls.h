/*
 * TLS between a connection's bytes and its text. No OpenSSL type leaves tls.c. Nothing here touches
 * a socket: input is a borrowed view, output goes to a writer that the caller provides.
 *
 * Profile (ANSSI TLS guide; README.md): 1.3, and 1.2 with ECDHE and AEAD only; server's order; no
 * compression, renegotiation, tickets, session cache or early data.
 */
#ifndef REMPART_NET_TLS_H
#define REMPART_NET_TLS_H
#include "common/base/report.h"
#include "server/net/httpd.h"

/* What a call that is given a piece of plaintext may add to the output: one record, its framing, a
 * pending handshake message. */
enum { TLS_PIECE_BYTES = 16 * 1024, TLS_OVERHEAD_BYTES = 1024 };

/* The certificates and rules of a listener; counted, so that a reload does not touch connections
 * that are open. */
struct tls_rules;
/* tls_rules_new: reads the files of o; the report says which file is wrong, how, and what to do.
 * errors: INPUT, DENIED, NOTFOUND, IO, NOMEM */
enum err tls_rules_new(const struct listener_options *o, struct tls_rules **ret,
                       struct report *ret_report);
struct tls_rules *tls_rules_keep(struct tls_rules *r);
void tls_rules_drop(struct tls_rules *r); /* NULL-safe */

struct tls;
enum tls_result {
	TLS_OK,
	TLS_MORE,   /* needs more input (or room for output) */
	TLS_CLOSED, /* the peer said goodbye */
	TLS_FAILED, /* give up; an alert may stand in the output */
};
struct tls *tls_new(struct tls_rules *r); /* NULL on no memory */
void tls_free(struct tls *t);             /* NULL-safe */
/* tls_attach: for the calls until tls_detach: input `in`, output `out`. */
void tls_attach(struct tls *t, struct bytes in, struct writer *out);
/* tls_detach: what was not consumed of the input. */
struct bytes tls_detach(struct tls *t);
enum tls_result tls_handshake(struct tls *t);
enum tls_result tls_read(struct tls *t, uint8_t *p, size_t n, size_t *ret_n);
/* tls_write: n at most TLS_PIECE_BYTES; the output has room for it and TLS_OVERHEAD_BYTES. */
enum tls_result tls_write(struct tls *t, struct bytes plain);
void tls_goodbye(struct tls *t); /* close_notify into the output */
/* tls_peer: after the handshake: certificate, version, cipher; certificate_name borrows from t. */
void tls_peer(const struct tls *t, struct http_peer *peer);
#endif
