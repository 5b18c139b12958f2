/*
 * A connection: its states, its input, its deadlines. An idle one owns this struct, its TLS state
 * and nothing else: what it reads lands in the loop's buffer first.
 */
#include <assert.h>
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "server/net/net.h"

enum {
	READ_HEAD_BYTES = 16 * 1024, /* enough for a head and not much of a body behind it */
	UNSENT_BYTES = 256 * 1024,   /* in the kernel, for each connection */
	READ_AHEAD_BYTES = 4 * 1024, /* while a request is under way: a pipelined one, or the end */
};

/* state -> the states that may follow. */
static const unsigned legal[] = {
	[CONN_HANDSHAKE] = 1u << CONN_IDLE | 1u << CONN_CLOSED,
	[CONN_IDLE] = 1u << CONN_HEAD | 1u << CONN_CLOSED,
	[CONN_HEAD] = 1u << CONN_BODY | 1u << CONN_WAIT | 1u << CONN_CLOSED,
	[CONN_BODY] = 1u << CONN_WAIT | 1u << CONN_SEND | 1u << CONN_CLOSED,
	[CONN_WAIT] = 1u << CONN_SEND | 1u << CONN_CLOSED,
	[CONN_SEND] = 1u << CONN_IDLE | 1u << CONN_LINGER | 1u << CONN_CLOSED,
	[CONN_LINGER] = 1u << CONN_CLOSED,
	[CONN_CLOSED] = 0,
};

void conn_set_state(struct conn *c, enum conn_state to)
{
	assert((legal[c->state] & 1u << to) != 0);
	c->state = to;
}

void conn_touch(struct conn *c, uint32_t ms)
{
	c->deadline_ms = uv_now(&c->loop->uv) + ms;
}

/* Input that is kept. */

static void input_use(struct input *in, struct bytes left)
{
	in->view = left;
	if (left.n == 0) {
		free(in->heap);
		*in = (struct input){0};
	}
}

static bool input_keep(struct input *in)
{
	if (in->view.n == 0 || in->heap != NULL) {
		return true;
	}
	in->heap = malloc(in->view.n);
	if (in->heap == NULL) {
		in->view.n = 0;
		return false;
	}
	memcpy(in->heap, in->view.p, in->view.n);
	in->view.p = in->heap;
	return true;
}

/* The end of a connection. */

static void on_closed(uv_handle_t *handle)
{
	struct conn *c = handle->data;
	struct loop *l = c->loop;

	if (c->x != NULL) {
		exchange_lost(c->x);
		c->x = NULL;
	}
	if (c->prev != NULL) {
		c->prev->next = c->next;
	} else {
		l->conns = c->next;
	}
	if (c->next != NULL) {
		c->next->prev = c->prev;
	}
	l->n_conns--;
	atomic_fetch_sub_explicit(&l->httpd->counters.open, 1, memory_order_relaxed);
	tls_free(c->tls);
	writer_free(&c->head);
	free(c->raw.heap);
	free(c->text.heap);
	free(c->cipher);
	free(c);
}

void conn_close(struct conn *c)
{
	if (c->state != CONN_CLOSED) {
		conn_set_state(c, CONN_CLOSED);
		uv_close((uv_handle_t *)&c->tcp, on_closed);
	}
}

void conn_reset(struct conn *c)
{
	if (c->state == CONN_CLOSED) {
		return;
	}
	conn_set_state(c, CONN_CLOSED);
	if (uv_tcp_close_reset(&c->tcp, on_closed) != 0) {
		uv_close((uv_handle_t *)&c->tcp, on_closed);
	}
}

void conn_answered(struct conn *c)
{
	struct exchange *x = c->x;
	bool close = c->close_after || c->loop->draining;

	c->x = NULL;
	exchange_finish(x);
	if (close) {
		conn_linger(c);
		conn_pump(c);
		return;
	}
	conn_set_state(c, CONN_IDLE);
	conn_touch(c, c->loop->httpd->limits.idle_ms);
	c->scan = (struct http1_scan){0};
	c->drained_bytes = 0;
	conn_pump(c);
}

/* Heads. */

static struct bytes take_head(struct conn *c, struct bytes in)
{
	struct httpd *h = c->loop->httpd;
	size_t skip;
	size_t used;

	if (c->state == CONN_IDLE) {
		conn_set_state(c, CONN_HEAD);
		conn_touch(c, h->limits.head_ms);
		c->head = writer_growing(h->head_limits.head_bytes);
	}
	unsigned status = http1_scan_head(&c->scan, &h->head_limits, in, &skip, &used);
	in = bytes_skip(in, skip);
	write_bytes(&c->head, bytes_first(in, status == 0 ? used : 0));
	in = bytes_skip(in, used);
	if (c->head.full) {
		conn_reset(c); /* no memory: the limit was checked before */
		return in;
	}
	if (status == 0 && !c->scan.done) {
		return in;
	}
	struct exchange *x = exchange_new(c);
	if (x == NULL) {
		conn_reset(c);
		return in;
	}
	x->head_bytes = c->head;
	c->head = (struct writer){0};
	if (status == 0) {
		status = http1_parse_head(writer_bytes(&x->head_bytes), c->scan.headers, x->arena,
		                          &x->request);
	}
	if (status != 0) {
		exchange_refuse(x, status);
	} else {
		exchange_start(x);
	}
	return in;
}

/* The rest of a body whose answer is known already: read it, within limits, so that the client
 * comes to reading. */
static struct bytes discard_body(struct conn *c, struct bytes in)
{
	while (in.n > 0 && !c->x->body.done && c->drained_bytes < DISCARD_MAX_BYTES) {
		struct bytes run;
		size_t before = in.n;
		if (http1_body_take(&c->x->body, &in, in.n, &run) != 0) {
			c->drained_bytes = DISCARD_MAX_BYTES;
			break;
		}
		c->drained_bytes += before - in.n;
	}
	return in;
}

/* Plaintext to whoever is waiting for it; returns what is left. */
static struct bytes consume(struct conn *c, struct bytes in)
{
	switch (c->state) {
	case CONN_IDLE:
	case CONN_HEAD:
		return take_head(c, in);
	case CONN_BODY:
		return exchange_feed(c->x, in);
	case CONN_SEND:
		return discard_body(c, in);
	case CONN_LINGER:
	case CONN_HANDSHAKE:
	case CONN_WAIT:
	case CONN_CLOSED:
		break;
	}
	return in;
}

/* How much plaintext can be used now. */
static size_t wants(const struct conn *c)
{
	switch (c->state) {
	case CONN_IDLE:
	case CONN_HEAD:
		return READ_HEAD_BYTES;
	case CONN_BODY:
		return exchange_wants(c->x);
	case CONN_SEND:
		return !c->x->body.done && c->drained_bytes < DISCARD_MAX_BYTES ? READ_HEAD_BYTES : 0;
	case CONN_LINGER:
		return LOOP_READ_BYTES;
	case CONN_HANDSHAKE:
	case CONN_WAIT:
	case CONN_CLOSED:
		break;
	}
	return 0;
}

static void set_option(struct conn *c, int option, int value)
{
	uv_os_fd_t fd;

	if (uv_fileno((uv_handle_t *)&c->tcp, &fd) == 0) {
		(void)setsockopt(fd, IPPROTO_TCP, option, &value, sizeof(value));
	}
}

void conn_acknowledge(struct conn *c)
{
	set_option(c, TCP_QUICKACK, 1);
}

static void shake_hands(struct conn *c)
{
	struct writer records = writer_fixed(c->loop->cipher, LOOP_CIPHER_BYTES);

	tls_attach(c->tls, c->raw.view, &records);
	enum tls_result r = tls_handshake(c->tls);
	input_use(&c->raw, tls_detach(c->tls));
	conn_send_records(c, &records);
	if (c->state == CONN_CLOSED || r == TLS_MORE) {
		return;
	}
	if (r != TLS_OK) {
		count(&c->loop->httpd->counters.tls_failures, 1);
		conn_close(c);
		return;
	}
	tls_peer(c->tls, &c->peer);
	conn_acknowledge(c); /* no ticket of ours carries the ACK of the client's last flight */
	conn_set_state(c, CONN_IDLE);
	conn_touch(c, c->loop->httpd->limits.idle_ms);
}

/* Decrypt one piece into the text input. false: nothing came. */
static bool read_tls(struct conn *c, size_t most)
{
	struct writer records = writer_fixed(c->loop->cipher, LOOP_CIPHER_BYTES);
	size_t n = 0;

	tls_attach(c->tls, c->raw.view, &records);
	enum tls_result r =
		tls_read(c->tls, c->loop->text, most < TLS_PIECE_BYTES ? most : TLS_PIECE_BYTES, &n);
	input_use(&c->raw, tls_detach(c->tls));
	if (r == TLS_OK) {
		c->text.view = bytes_of(c->loop->text, n);
	} else if (r == TLS_CLOSED) {
		c->eof = true;
		input_use(&c->raw, (struct bytes){NULL, 0});
	} else if (r == TLS_FAILED) {
		conn_send_records(c, &records);
		conn_close(c);
		return false;
	}
	conn_send_records(c, &records);
	return r == TLS_OK && c->state != CONN_CLOSED;
}

/* One step of progress with the input; false when there is none to be had. */
static bool pump_once(struct conn *c)
{
	size_t most = wants(c);

	if (c->state == CONN_HANDSHAKE) {
		if (c->raw.view.n > 0) {
			shake_hands(c);
		}
		return c->state == CONN_IDLE;
	}
	if (c->state == CONN_LINGER) {
		c->drained_bytes += c->raw.view.n + c->text.view.n;
		input_use(&c->raw, (struct bytes){NULL, 0});
		input_use(&c->text, (struct bytes){NULL, 0});
		return false;
	}
	if (most == 0 || c->state == CONN_CLOSED) {
		return false;
	}
	if (c->text.view.n > 0) {
		size_t before = c->text.view.n;
		enum conn_state was = c->state;
		input_use(&c->text, consume(c, c->text.view));
		return c->text.view.n < before || c->state != was;
	}
	return c->tls != NULL && read_tls(c, most);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf);

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
	struct conn *c = handle->data;
	size_t most = wants(c);

	(void)suggested;
	if (c->state == CONN_HANDSHAKE) {
		most = READ_HEAD_BYTES;
	}
	most = most < READ_AHEAD_BYTES ? READ_AHEAD_BYTES : most;
	most = most > LOOP_READ_BYTES ? LOOP_READ_BYTES : most;
	*ret = uv_buf_init((char *)c->loop->read, (unsigned)most);
}

static void set_reading(struct conn *c)
{
	bool should = !c->eof && c->raw.view.n == 0 && c->text.view.n == 0;

	if (c->state == CONN_CLOSED || should == c->reading) {
		return;
	}
	c->reading = should;
	if (!should) {
		(void)uv_read_stop((uv_stream_t *)&c->tcp);
	} else if (uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read) != 0) {
		conn_close(c);
	}
}

/* The peer sends no more and all of what it sent is used: is there still something to do? */
static void handle_eof(struct conn *c)
{
	bool input = c->raw.view.n > 0 || c->text.view.n > 0;

	if (!c->eof || (input && wants(c) == 0)) {
		return;
	}
	switch (c->state) {
	case CONN_BODY:
		if (wants(c) == 0) {
			return;
		}
		conn_close(c);
		return;
	case CONN_HANDSHAKE:
	case CONN_IDLE:
	case CONN_HEAD:
	case CONN_LINGER:
		conn_close(c);
		return;
	case CONN_WAIT:
	case CONN_SEND:
	case CONN_CLOSED:
		return;
	}
}

void conn_pump(struct conn *c)
{
	if (c->pumping || c->state == CONN_CLOSED) {
		return;
	}
	c->pumping = true;
	while (pump_once(c)) {
	}
	c->pumping = false;
	if (!input_keep(&c->raw) || !input_keep(&c->text)) {
		conn_reset(c);
	}
	if (c->state == CONN_LINGER && c->drained_bytes > DISCARD_MAX_BYTES) {
		conn_close(c);
	}
	handle_eof(c);
	set_reading(c);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct conn *c = stream->data;

	if (n == 0 || c->state == CONN_CLOSED) {
		return;
	}
	if (n == UV_EOF) {
		c->eof = true;
	} else if (n < 0) {
		conn_close(c);
		return;
	} else {
		struct input *in = c->tls != NULL ? &c->raw : &c->text;
		assert(in->view.n == 0);
		in->view = bytes_of(buf->base, (size_t)n);
		count(&c->loop->httpd->counters.in, (uint64_t)n);
		if (c->state == CONN_BODY) {
			conn_touch(c, c->loop->httpd->limits.body_idle_ms);
		}
	}
	conn_pump(c);
}

/* Birth. */

static void name_peer(struct conn *c)
{
	struct sockaddr_storage from;
	int n = sizeof(from);

	if (uv_tcp_getpeername(&c->tcp, (struct sockaddr *)&from, &n) != 0) {
		return;
	}
	if (from.ss_family == AF_INET6) {
		const struct sockaddr_in6 *six = (const void *)&from;
		const uint8_t *raw = six->sin6_addr.s6_addr;
		bool mapped = IN6_IS_ADDR_V4MAPPED(&six->sin6_addr);
		c->peer.port = ntohs(six->sin6_port);
		(void)inet_ntop(mapped ? AF_INET : AF_INET6, mapped ? raw + 12 : raw, c->address,
		                ADDRESS_BYTES);
	} else {
		const struct sockaddr_in *four = (const void *)&from;
		c->peer.port = ntohs(four->sin_port);
		(void)inet_ntop(AF_INET, &four->sin_addr, c->address, ADDRESS_BYTES);
	}
	c->peer.address = bytes_text(c->address);
}

static bool start_tls(struct conn *c, struct listener *n)
{
	if (n->o.certificate == NULL) {
		return true;
	}
	pthread_mutex_lock(&n->lock);
	c->tls = tls_new(n->rules);
	pthread_mutex_unlock(&n->lock);
	c->peer.tls = true;
	c->state = CONN_HANDSHAKE;
	return c->tls != NULL;
}

static void insert(struct conn *c)
{
	struct loop *l = c->loop;

	c->next = l->conns;
	if (l->conns != NULL) {
		l->conns->prev = c;
	}
	l->conns = c;
	l->n_conns++;
}

struct conn *conn_new(struct door *d)
{
	struct http_limits *limits = &d->loop->httpd->limits;
	struct conn *c = calloc(1, sizeof(*c));

	if (c == NULL || uv_tcp_init(&d->loop->uv, &c->tcp) != 0) {
		d->stalled = true; /* libuv listens again only when this connection was taken */
		free(c);
		return NULL;
	}
	c->loop = d->loop;
	c->listener = d->listener;
	c->state = CONN_IDLE;
	c->tcp.data = c;
	count(&c->loop->httpd->counters.open, 1);
	insert(c);
	if (uv_accept((uv_stream_t *)&d->tcp, (uv_stream_t *)&c->tcp) != 0 ||
	    !start_tls(c, d->listener)) {
		conn_close(c);
		return NULL;
	}
	(void)uv_tcp_nodelay(&c->tcp, 1);
	set_option(c, TCP_NOTSENT_LOWAT, UNSENT_BYTES);
	name_peer(c);
	conn_touch(c, c->tls != NULL ? limits->tls_ms : limits->idle_ms);
	set_reading(c);
	return c;
}

/* Time. */

/* A write is under way: has the peer taken anything since the last look? */
static void sweep_write(struct conn *c, uint64_t now_ms)
{
	size_t queued = uv_stream_get_write_queue_size((uv_stream_t *)&c->tcp);

	if (!c->writing) {
		return; /* the steps' time, not the client's */
	}
	if (queued != c->queue_bytes) {
		c->queue_bytes = queued;
		conn_touch(c, c->loop->httpd->limits.write_idle_ms);
	} else if (now_ms > c->deadline_ms) {
		conn_reset(c);
	}
}

static void sweep_body(struct conn *c, uint64_t now_ms)
{
	if (now_ms > c->deadline_ms && exchange_wants(c->x) > 0) {
		exchange_refuse(c->x, 408);
	} else {
		exchange_sweep(c->x, now_ms);
	}
}

void conn_sweep(struct conn *c, uint64_t now_ms)
{
	switch (c->state) {
	case CONN_HANDSHAKE:
	case CONN_IDLE:
	case CONN_LINGER:
		if (now_ms > c->deadline_ms) {
			conn_close(c);
		}
		return;
	case CONN_HEAD:
		if (now_ms > c->deadline_ms) {
			struct exchange *x = exchange_new(c);
			if (x != NULL) {
				exchange_refuse(x, 408);
			} else {
				conn_reset(c);
			}
		}
		return;
	case CONN_BODY:
		sweep_body(c, now_ms);
		return;
	case CONN_WAIT:
		exchange_sweep(c->x, now_ms);
		return;
	case CONN_SEND:
		exchange_sweep(c->x, now_ms);
		if (c->state == CONN_SEND) {
			sweep_write(c, now_ms);
		}
		return;
	case CONN_CLOSED:
		return;
	}
}

void conn_drain(struct conn *c)
{
	if (c->state == CONN_HANDSHAKE || c->state == CONN_IDLE || c->state == CONN_HEAD) {
		conn_close(c);
	}
}
