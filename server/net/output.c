/*
 * The way out: slices of memory that stays put, in order, to the socket. One write is under way at a
 * time; what the socket takes at once costs no allocation and no callback.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "server/net/net.h"

void conn_put(struct conn *c, struct bytes slice)
{
	assert(c->out_n < SLICES);
	if (slice.n > 0) {
		c->out[c->out_n++] = slice;
	}
}

/* n bytes of the slices are done. */
static void advance(struct conn *c, size_t n)
{
	unsigned gone = 0;

	while (gone < c->out_n && n >= c->out[gone].n) {
		n -= c->out[gone++].n;
	}
	c->out_n -= gone;
	memmove(c->out, c->out + gone, c->out_n * sizeof(c->out[0]));
	if (n > 0) {
		c->out[0] = bytes_skip(c->out[0], n);
	}
}

static void on_written(uv_write_t *write, int status)
{
	struct conn *c = write->data;

	c->writing = false;
	free(c->cipher);
	c->cipher = NULL;
	if (c->state == CONN_CLOSED) {
		return;
	}
	if (status < 0) {
		conn_close(c);
		return;
	}
	if (c->tls == NULL) {
		c->out_n = 0;
	}
	if (c->state == CONN_SEND) {
		conn_touch(c, c->loop->httpd->limits.write_idle_ms);
	}
	conn_flush(c);
}

static void write_rest(struct conn *c, unsigned n)
{
	c->write.data = c;
	if (uv_write(&c->write, (uv_stream_t *)&c->tcp, c->uv, n, on_written) != 0) {
		conn_close(c);
		return;
	}
	c->writing = true;
	c->queue_bytes = uv_stream_get_write_queue_size((uv_stream_t *)&c->tcp);
}

static unsigned fill_uv(struct conn *c)
{
	for (unsigned i = 0; i < c->out_n; i++) {
		c->uv[i] = uv_buf_init((char *)c->out[i].p, (unsigned)c->out[i].n);
	}
	return c->out_n;
}

/* What the socket takes now; -1 when the connection is broken. */
static ssize_t try_write(struct conn *c, unsigned n)
{
	int done = uv_try_write((uv_stream_t *)&c->tcp, c->uv, n);

	if (done == UV_EAGAIN) {
		return 0;
	}
	if (done >= 0) {
		count(&c->loop->httpd->counters.out, (uint64_t)done);
	}
	return done < 0 ? -1 : done;
}

static void flush_clear(struct conn *c)
{
	ssize_t done = try_write(c, fill_uv(c));

	if (done < 0) {
		conn_close(c);
		return;
	}
	advance(c, (size_t)done);
	if (c->out_n > 0) {
		write_rest(c, fill_uv(c));
	}
}

void conn_send_records(struct conn *c, const struct writer *records)
{
	if (records->used == 0 || c->state == CONN_CLOSED) {
		return;
	}
	if (c->writing) {
		conn_reset(c); /* a protocol answer that the peer does not let us send */
		return;
	}
	c->uv[0] = uv_buf_init((char *)records->p, (unsigned)records->used);
	ssize_t done = try_write(c, 1);
	if (done < 0) {
		conn_close(c);
		return;
	}
	struct bytes rest = bytes_skip(writer_bytes(records), (size_t)done);
	if (rest.n == 0) {
		return;
	}
	c->cipher = malloc(rest.n);
	if (c->cipher == NULL) {
		conn_reset(c);
		return;
	}
	memcpy(c->cipher, rest.p, rest.n);
	c->uv[0] = uv_buf_init((char *)c->cipher, (unsigned)rest.n);
	write_rest(c, 1);
}

/* The next record's text: a large slice as it lies, small ones put together. */
static struct bytes next_piece(struct conn *c)
{
	struct writer w = writer_fixed(c->loop->piece, TLS_PIECE_BYTES);

	if (c->out[0].n >= TLS_PIECE_BYTES || c->out_n == 1) {
		return bytes_first(c->out[0], TLS_PIECE_BYTES);
	}
	for (unsigned i = 0; i < c->out_n; i++) {
		write_bytes(&w, bytes_first(c->out[i], w.size - w.used));
	}
	return writer_bytes(&w);
}

static void flush_tls(struct conn *c)
{
	struct writer records = writer_fixed(c->loop->cipher, LOOP_CIPHER_BYTES);
	enum tls_result r = TLS_OK;
	/* What the socket does not take has to be kept: little, when many clients are slow. */
	size_t fill = buffer_pressed(c->loop->httpd->buffers) ? 1 : LOOP_CIPHER_FILL_BYTES;

	tls_attach(c->tls, (struct bytes){NULL, 0}, &records);
	while (c->out_n > 0 && records.used < fill && r == TLS_OK) {
		struct bytes piece = next_piece(c);
		r = tls_write(c->tls, piece);
		advance(c, piece.n);
	}
	(void)tls_detach(c->tls);
	if (r != TLS_OK) {
		conn_reset(c);
		return;
	}
	conn_send_records(c, &records);
}

void conn_flush(struct conn *c)
{
	while (!c->writing && c->state != CONN_CLOSED && c->state != CONN_LINGER) {
		if (c->out_n == 0 && c->x != NULL) {
			exchange_drained(c->x);
		}
		if (c->out_n == 0 || c->writing) {
			return;
		}
		if (c->tls != NULL) {
			flush_tls(c);
		} else {
			flush_clear(c);
		}
	}
}

static void on_shutdown(uv_shutdown_t *shutdown, int status)
{
	struct conn *c = shutdown->data;

	if (c->state == CONN_LINGER && (status < 0 || c->eof)) {
		conn_close(c);
	}
}

void conn_linger(struct conn *c)
{
	struct writer records = writer_fixed(c->loop->cipher, LOOP_CIPHER_BYTES);

	conn_set_state(c, CONN_LINGER);
	conn_touch(c, LINGER_MS);
	c->drained_bytes = 0;
	if (c->tls != NULL) {
		tls_attach(c->tls, (struct bytes){NULL, 0}, &records);
		tls_goodbye(c->tls);
		(void)tls_detach(c->tls);
		conn_send_records(c, &records);
	}
	c->shutdown.data = c;
	if (c->state == CONN_LINGER &&
	    uv_shutdown(&c->shutdown, (uv_stream_t *)&c->tcp, on_shutdown) != 0) {
		conn_close(c);
	}
}
