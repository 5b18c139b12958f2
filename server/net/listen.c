/*
 * Listening sockets: one for each loop and listener, so that the kernel spreads connections and
 * loops share nothing. Every way to fail here is a person's mistake and gets a line that says what to do.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "server/net/net.h"

enum {
	BACKLOG = 1024,
	COMPLAIN_MS = 10 * 1000,
	FILES_RESERVED = 64,
	PORT_TEXT = 8,
	PLACE_TEXT = 80,
};

static const char full_answer[] = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n"
				  "Retry-After: 1\r\nConnection: close\r\n\r\n";

/* Once in a while, whatever the number of connections that meet the limit. */
static bool may_complain(struct httpd *h)
{
	uint64_t now = clock_mono_ms();
	uint64_t last = atomic_load_explicit(&h->complained_ms, memory_order_relaxed);

	if (last != 0 && now - last < COMPLAIN_MS) {
		return false;
	}
	return atomic_compare_exchange_strong(&h->complained_ms, &last, now);
}

/* libuv survives running out of files by closing what it cannot serve; people must hear of it
 * before, so we look at how high the descriptors have come. */
static void watch_files(struct conn *c)
{
	struct rlimit r;
	uv_os_fd_t fd;

	if (uv_fileno((uv_handle_t *)&c->tcp, &fd) != 0 || getrlimit(RLIMIT_NOFILE, &r) != 0) {
		return;
	}
	if ((rlim_t)fd + FILES_RESERVED > r.rlim_cur && may_complain(c->loop->httpd)) {
		LOG(LOG_WARN, "net.files", LOG_U64("limit", r.rlim_cur),
		    LOG_STR("do", "nearly out of file descriptors: raise LimitNOFILE="));
	}
}

static void turn_away(struct conn *c)
{
	struct httpd *h = c->loop->httpd;
	uv_buf_t buf = uv_buf_init((char *)full_answer, sizeof(full_answer) - 1);

	count(&h->counters.refused, 1);
	if (c->tls == NULL) {
		(void)uv_try_write((uv_stream_t *)&c->tcp, &buf, 1);
	}
	if (may_complain(h)) {
		LOG(LOG_WARN, "net.full", LOG_U64("connections_max", h->limits.connections_max),
		    LOG_STR("do", "raise the limit of connections and LimitNOFILE="));
	}
	conn_close(c);
}

static void on_connection(uv_stream_t *stream, int status)
{
	struct door *d = stream->data;
	struct httpd *h = d->loop->httpd;

	if (status < 0) {
		if (may_complain(h)) {
			LOG(LOG_ERROR, "net.accept", LOG_STR("reason", uv_strerror(status)),
			    LOG_STR("do", "raise LimitNOFILE= if this says too many open files"));
		}
		return;
	}
	struct conn *c = conn_new(d);
	if (c == NULL) {
		return;
	}
	count(&h->counters.connections, 1);
	if (atomic_load_explicit(&h->counters.open, memory_order_relaxed) >
	    h->limits.connections_max) {
		turn_away(c);
		return;
	}
	watch_files(c);
}

void listen_retry(struct door *d)
{
	if (d->loop != NULL && d->stalled) {
		d->stalled = false;
		on_connection((uv_stream_t *)&d->tcp, 0);
	}
}

/* The options' address and port. */
static bool read_address(const struct listener_options *o, uint16_t port,
                         struct sockaddr_storage *ret, bool *ret_loopback)
{
	struct sockaddr_in four;
	struct sockaddr_in6 six;

	memset(ret, 0, sizeof(*ret));
	if (uv_ip4_addr(o->address, port, &four) == 0) {
		*ret_loopback = ntohl(four.sin_addr.s_addr) >> 24 == 127;
		memcpy(ret, &four, sizeof(four));
		return true;
	}
	if (uv_ip6_addr(o->address, port, &six) == 0) {
		*ret_loopback = IN6_IS_ADDR_LOOPBACK(&six.sin6_addr);
		memcpy(ret, &six, sizeof(six));
		return true;
	}
	return false;
}

struct place {
	char text[PLACE_TEXT]; /* "127.0.0.1 port 9000" */
};

static struct place place_of(const struct listener_options *o, uint16_t port)
{
	struct place p;

	(void)snprintf(p.text, sizeof(p.text), "%.48s port %u", o->address, port);
	return p;
}

static enum err bind_failed(struct report *r, const struct listener_options *o, int error)
{
	struct place at = place_of(o, o->port);
	const char *hint = "check the address and port of this listener";
	enum err e = ERR_IO;

	if (error == EADDRINUSE) {
		e = ERR_EXISTS;
		hint = "the port is taken: stop the other program (ss -ltnp shows it) or choose another port";
	} else if (error == EACCES) {
		e = ERR_DENIED;
		hint = "ports below 1024 need CAP_NET_BIND_SERVICE, or choose another port";
	} else if (error == EADDRNOTAVAIL) {
		e = ERR_INPUT;
		hint = "no interface of this machine has that address";
	}
	return report_set(r, e,
	                  (const char *[]){"cannot listen on ", at.text, ": ", strerror(error), "; ",
	                                   hint});
}

/* With SO_REUSEPORT a second daemon of the same user would share the port in silence: ask once without. */
static int probe(const struct sockaddr_storage *at)
{
	int on = 1;
	int fd = socket(at->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		return errno;
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	socklen_t n = at->ss_family == AF_INET ? sizeof(struct sockaddr_in)
	                                       : sizeof(struct sockaddr_in6);
	int error = bind(fd, (const struct sockaddr *)at, n) != 0 || listen(fd, 1) != 0 ? errno : 0;
	close(fd);
	return error;
}

static int open_door(struct door *d, const struct sockaddr_storage *at)
{
	int on = 1;
	uv_os_fd_t fd;
	int rc = uv_tcp_init_ex(&d->loop->uv, &d->tcp, at->ss_family);

	if (rc != 0) {
		d->loop = NULL;
		return -rc;
	}
	d->tcp.data = d;
	rc = uv_fileno((uv_handle_t *)&d->tcp, &fd);
	if (rc == 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0) {
		return errno;
	}
	rc = rc == 0 ? uv_tcp_bind(&d->tcp, (const struct sockaddr *)at, 0) : rc;
	rc = rc == 0 ? uv_listen((uv_stream_t *)&d->tcp, BACKLOG, on_connection) : rc;
	return -rc;
}

/* The port that the kernel chose for port 0. */
static int read_port(struct door *d, uint16_t *ret)
{
	struct sockaddr_storage at;
	int n = sizeof(at);
	int rc = uv_tcp_getsockname(&d->tcp, (struct sockaddr *)&at, &n);

	if (rc != 0) {
		return -rc;
	}
	*ret = ntohs(at.ss_family == AF_INET ? ((const struct sockaddr_in *)&at)->sin_port
	                                     : ((const struct sockaddr_in6 *)&at)->sin6_port);
	return 0;
}

static enum err open_doors(struct listener *n, unsigned index, struct report *r)
{
	struct httpd *h = n->httpd;
	struct sockaddr_storage at;
	bool loopback;
	int error = 0;

	n->port = n->o.port;
	(void)read_address(&n->o, n->port, &at, &loopback);
	if (n->port != 0) {
		error = probe(&at);
	}
	for (unsigned i = 0; i < h->n_loops && error == 0; i++) {
		struct door *d = &h->loops[i].doors[index];
		*d = (struct door){.loop = &h->loops[i], .listener = n};
		(void)read_address(&n->o, n->port, &at, &loopback);
		error = open_door(d, &at);
		if (error == 0) {
			error = read_port(d, &n->port);
		}
	}
	return error == 0 ? OK : bind_failed(r, &n->o, error);
}

static enum err check_options(const struct listener *n, struct report *r)
{
	const struct listener_options *o = &n->o;
	struct sockaddr_storage at;
	bool loopback = false;

	if (o->address == NULL || !read_address(o, o->port, &at, &loopback)) {
		return report_set(r, ERR_INPUT,
		                  (const char *[]){"listener address ", o->address == NULL ? "" : o->address,
		                                   " is not an IPv4 or IPv6 address", NULL});
	}
	if (o->certificate == NULL && (!loopback || o->client_ca != NULL)) {
		return report_set(r, ERR_INPUT,
		                  (const char *[]){"listener ", o->address,
		                                   ": clear text is accepted on loopback only; configure a "
		                                   "certificate and a key",
		                                   NULL});
	}
	if (o->service->gather_bytes > n->httpd->limits.buffer_total_bytes / 4) {
		return report_set(r, ERR_INPUT,
		                  (const char *[]){"listener ", o->address,
		                                   ": the buffer budget is below four gathered bodies", NULL});
	}
	return OK;
}

enum err listen_reload(struct listener *n, struct report *ret_report)
{
	struct tls_rules *rules = NULL;

	if (n->o.certificate == NULL) {
		return OK;
	}
	TRY(tls_rules_new(&n->o, &rules, ret_report));
	pthread_mutex_lock(&n->lock);
	struct tls_rules *old = n->rules;
	n->rules = rules;
	pthread_mutex_unlock(&n->lock);
	tls_rules_drop(old);
	return OK;
}

enum err listen_open(struct listener *n, struct report *ret_report)
{
	TRY(check_options(n, ret_report));
	TRY(listen_reload(n, ret_report));
	return open_doors(n, (unsigned)(n - n->httpd->listeners), ret_report);
}

void listen_free(struct listener *n)
{
	tls_rules_drop(n->rules);
	pthread_mutex_destroy(&n->lock);
	free(n->address);
	free(n->certificate);
	free(n->key);
	free(n->client_ca);
}
