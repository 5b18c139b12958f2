/* TLS: the profile, mutual authentication, reports on certificates, reload, how connections end. */
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <sys/stat.h>

#include "tests/unit/server/net/harness.h"

#define HOST  "Host: a\r\n"
#define CLOSE "Connection: close\r\n"

enum { PATH_BYTES = 128, DAY_S = 24 * 3600 };

struct identity {
	EVP_PKEY *key;
	X509 *certificate;
	char certificate_path[PATH_BYTES];
	char key_path[PATH_BYTES];
};

static char directory[] = "/tmp/rempart-tls-XXXXXX";
static struct identity authority, server_id, other_server, expired, client_id, stranger;

static void write_pem(struct identity *id)
{
	FILE *f = fopen(id->certificate_path, "w");
	assert_non_null(f);
	assert_int_equal(PEM_write_X509(f, id->certificate), 1);
	fclose(f);
	int fd = open(id->key_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	f = fdopen(fd, "w");
	assert_non_null(f);
	assert_int_equal(PEM_write_PrivateKey(f, id->key, NULL, NULL, 0, NULL, NULL), 1);
	fclose(f);
}

static void make_identity(struct identity *id, const char *name, struct identity *issuer, long until_s)
{
	static long serial = 1;
	X509 *x = X509_new();
	X509V3_CTX ctx;

	id->key = EVP_EC_gen("P-256");
	id->certificate = x;
	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
	X509_gmtime_adj(X509_getm_notBefore(x), -2 * DAY_S);
	X509_gmtime_adj(X509_getm_notAfter(x), until_s);
	X509_set_pubkey(x, id->key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
	                           (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(issuer != NULL ? issuer->certificate : x));
	if (issuer == NULL) {
		X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
		X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, NID_basic_constraints, "critical,CA:TRUE");
		X509_add_ext(x, e, -1);
		X509_EXTENSION_free(e);
	}
	assert_true(X509_sign(x, issuer != NULL ? issuer->key : id->key, EVP_sha256()) > 0);
	snprintf(id->certificate_path, PATH_BYTES, "%s/%s.pem", directory, name);
	snprintf(id->key_path, PATH_BYTES, "%s/%s.key", directory, name);
	write_pem(id);
}

static int setup(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(directory));
	make_identity(&authority, "authority", NULL, DAY_S);
	make_identity(&server_id, "server", &authority, DAY_S);
	make_identity(&other_server, "other", &authority, DAY_S);
	make_identity(&expired, "expired", &authority, -DAY_S);
	make_identity(&client_id, "client", &authority, DAY_S);
	make_identity(&stranger, "stranger", NULL, DAY_S);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	struct identity *all[] = {&authority, &server_id, &other_server, &expired, &client_id, &stranger};

	for (size_t i = 0; i < COUNT(all); i++) {
		unlink(all[i]->certificate_path);
		unlink(all[i]->key_path);
		X509_free(all[i]->certificate);
		EVP_PKEY_free(all[i]->key);
	}
	rmdir(directory);
	return 0;
}

static struct server tls_server(struct identity *id)
{
	struct server s = server_default();

	s.listener.certificate = id->certificate_path;
	s.listener.key = id->key_path;
	return s;
}

struct tls_client {
	SSL_CTX *ctx;
	SSL *ssl;
	int fd;
};

static struct tls_client client_new(const struct server *s)
{
	struct tls_client c = {.ctx = SSL_CTX_new(TLS_client_method()), .fd = client_open(s)};

	assert_int_equal(SSL_CTX_load_verify_file(c.ctx, authority.certificate_path), 1);
	SSL_CTX_set_verify(c.ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_security_level(c.ctx, 0);
	return c;
}

static void use_identity(struct tls_client *c, struct identity *id)
{
	assert_int_equal(SSL_CTX_use_certificate(c->ctx, id->certificate), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(c->ctx, id->key), 1);
}

static bool client_connect(struct tls_client *c)
{
	c->ssl = SSL_new(c->ctx);
	SSL_set_fd(c->ssl, c->fd);
	bool good = SSL_connect(c->ssl) == 1;
	ERR_clear_error();
	return good;
}

static void client_free(struct tls_client *c)
{
	SSL_free(c->ssl);
	SSL_CTX_free(c->ctx);
	close(c->fd);
}

/* All until the end; *ret_clean: by close_notify. */
static struct reply tls_read_all(struct tls_client *c, bool *ret_clean)
{
	struct reply r = {.p = malloc(ANSWER_MAX + 1)};
	size_t n = 0;

	while (SSL_read_ex(c->ssl, r.p + r.n, ANSWER_MAX - r.n, &n) == 1) {
		r.n += n;
	}
	*ret_clean = SSL_get_shutdown(c->ssl) & SSL_RECEIVED_SHUTDOWN;
	ERR_clear_error();
	r.p[r.n] = 0;
	return r;
}

static struct reply tls_ask(const struct server *s, struct identity *id, const char *request)
{
	struct tls_client c = client_new(s);
	bool clean;
	size_t n;

	if (id != NULL) {
		use_identity(&c, id);
	}
	assert_true(client_connect(&c));
	assert_int_equal(SSL_write_ex(c.ssl, request, strlen(request), &n), 1);
	struct reply r = tls_read_all(&c, &clean);
	assert_true(clean);
	client_free(&c);
	return r;
}

static void serves_requests(void **state)
{
	(void)state;
	struct server s = tls_server(&server_id);

	server_start(&s);
	struct reply r = tls_ask(&s, NULL, "GET /body HTTP/1.1\r\n" HOST CLOSE "\r\n");
	assert_string_equal(reply_body(&r), "hello");
	reply_free(&r);
	r = tls_ask(&s, NULL, "GET /stream/3000000 HTTP/1.1\r\n" HOST CLOSE "\r\n");
	size_t head = (size_t)(reply_body(&r) - r.p);
	assert_int_equal(r.n - head, 3000000);
	for (size_t i = 0; i < 3000000; i++) {
		assert_int_equal((uint8_t)r.p[head + i], pattern_at(i));
	}
	reply_free(&r);

	struct tls_client c = client_new(&s);
	size_t size = 2000000;
	char *body = malloc(size);
	uint64_t sum = 0;
	size_t n;
	for (size_t i = 0; i < size; i++) {
		body[i] = (char)pattern_at(i);
		sum = sum * 31 + pattern_at(i);
	}
	assert_true(client_connect(&c));
	for (int i = 0; i < 3; i++) { /* on one connection */
		char text[128];
		snprintf(text, sizeof(text), "PUT /sink HTTP/1.1\r\n" HOST "%sContent-Length: %zu\r\n\r\n",
		         i == 2 ? CLOSE : "", size);
		assert_int_equal(SSL_write_ex(c.ssl, text, strlen(text), &n), 1);
		assert_int_equal(SSL_write_ex(c.ssl, body, size, &n), 1);
	}
	bool clean;
	r = tls_read_all(&c, &clean);
	char text[64];
	snprintf(text, sizeof(text), "bytes=%zu sum=%llu", size, (unsigned long long)sum);
	char *at = r.p;
	for (int i = 0; i < 3; i++) {
		at = strstr(at, text);
		assert_non_null(at);
		at++;
	}
	reply_free(&r);
	free(body);
	client_free(&c);
	server_stop(&s);
}

/* Ciphertext in pieces of one to seven bytes. */
static void takes_records_in_any_pieces(void **state)
{
	(void)state;
	struct server s = tls_server(&server_id);
	static const char request[] = "PUT /sink HTTP/1.1\r\n" HOST CLOSE "Content-Length: 300\r\n\r\n";
	char body[300];

	server_start(&s);
	struct tls_client c = client_new(&s);
	c.ssl = SSL_new(c.ctx);
	BIO *out = BIO_new(BIO_s_mem());
	SSL_set_bio(c.ssl, BIO_new_socket(c.fd, BIO_NOCLOSE), out);
	SSL_set_connect_state(c.ssl);
	int on = 1;
	setsockopt(c.fd, IPPROTO_TCP, 1 /* TCP_NODELAY */, &on, sizeof(on));
	memset(body, 'x', sizeof(body));
	/* The first call leaves the hello in `out` and then waits for an answer: so look before it reads. */
	SSL_set_mode(c.ssl, SSL_MODE_AUTO_RETRY);
	int flags = fcntl(c.fd, F_GETFL);
	fcntl(c.fd, F_SETFL, flags | O_NONBLOCK);
	bool sent = false;
	size_t n;
	char answer[1024];
	size_t got = 0;
	uint64_t until = clock_mono_ms() + CLIENT_S * 1000;
	for (size_t piece = 1; clock_mono_ms() < until; piece = piece % 7 + 1) {
		if (!sent && SSL_do_handshake(c.ssl) == 1) {
			assert_int_equal(SSL_write_ex(c.ssl, request, sizeof(request) - 1, &n), 1);
			assert_int_equal(SSL_write_ex(c.ssl, body, sizeof(body), &n), 1);
			sent = true;
		}
		char part[8];
		int k;
		while ((k = BIO_read(out, part, (int)piece)) > 0) {
			assert_true(client_send(c.fd, part, (size_t)k));
		}
		if (sent && SSL_read_ex(c.ssl, answer + got, sizeof(answer) - 1 - got, &n) == 1) {
			got += n;
			answer[got] = 0;
			if (strstr(answer, "bytes=300") != NULL) {
				break;
			}
		}
	}
	assert_true(got > 0 && strstr(answer, "bytes=300") != NULL);
	client_free(&c);
	server_stop(&s);
}

static bool can_connect(const struct server *s, int version, const char *ciphers)
{
	struct tls_client c = client_new(s);

	SSL_CTX_set_min_proto_version(c.ctx, version);
	SSL_CTX_set_max_proto_version(c.ctx, version);
	if (ciphers != NULL && version == TLS1_3_VERSION) {
		assert_int_equal(SSL_CTX_set_ciphersuites(c.ctx, ciphers), 1);
	} else if (ciphers != NULL) {
		assert_int_equal(SSL_CTX_set_cipher_list(c.ctx, ciphers), 1);
	}
	bool good = client_connect(&c);
	client_free(&c);
	return good;
}

static void holds_the_profile(void **state)
{
	(void)state;
	struct server s = tls_server(&server_id);

	server_start(&s);
	assert_true(can_connect(&s, TLS1_3_VERSION, NULL));
	assert_true(can_connect(&s, TLS1_3_VERSION, "TLS_CHACHA20_POLY1305_SHA256"));
	assert_false(can_connect(&s, TLS1_3_VERSION, "TLS_AES_128_CCM_SHA256"));
	assert_true(can_connect(&s, TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256"));
	assert_false(can_connect(&s, TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA"));
	assert_false(can_connect(&s, TLS1_2_VERSION, "ECDHE-ECDSA-AES256-SHA384"));
	assert_false(can_connect(&s, TLS1_2_VERSION, "AES128-GCM-SHA256"));
	assert_false(can_connect(&s, TLS1_1_VERSION, NULL));
	struct http_stats st;
	EVENTUALLY((httpd_stats(s.httpd, &st), st.tls_failures == 5));
	server_stop(&s);

	s = tls_server(&server_id);
	s.listener.tls13_only = true;
	server_start(&s);
	assert_true(can_connect(&s, TLS1_3_VERSION, NULL));
	assert_false(can_connect(&s, TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256"));
	server_stop(&s);
}

static void sessions_are_not_resumed(void **state)
{
	(void)state;
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	struct server s = tls_server(&server_id);

	server_start(&s);
	for (size_t i = 0; i < COUNT(versions); i++) {
		struct tls_client c = client_new(&s);
		SSL_CTX_set_max_proto_version(c.ctx, versions[i]);
		assert_true(client_connect(&c));
		size_t n;
		bool clean;
		const char *request = "GET /body HTTP/1.1\r\n" HOST CLOSE "\r\n";
		assert_int_equal(SSL_write_ex(c.ssl, request, strlen(request), &n), 1);
		struct reply r = tls_read_all(&c, &clean);
		reply_free(&r);
		assert_false(SSL_SESSION_has_ticket(SSL_get_session(c.ssl)));
		client_free(&c);
	}
	server_stop(&s);
}

static atomic_bool saw_certificate;

/* What a service of the key zone does: look at who is there. */
static enum err show_peer(struct exchange *x)
{
	const struct http_peer *p = exchange_peer(x);
	uint8_t digest[32];
	unsigned n = sizeof(digest);

	atomic_fetch_add(&begun, 1);
	X509_digest(client_id.certificate, EVP_sha256(), digest, &n);
	atomic_store(&saw_certificate, p->tls && p->has_certificate && bytes_is(p->address, "127.0.0.1") &&
	                                       memcmp(p->certificate_digest, digest, 32) == 0);
	exchange_respond(x, 200, -1);
	exchange_body(x, p->certificate_name);
	return OK;
}

static void demands_client_certificates(void **state)
{
	(void)state;
	struct server s = tls_server(&server_id);

	s.listener.client_ca = authority.certificate_path;
	s.service.begin = show_peer;
	static const char request[] = "GET / HTTP/1.1\r\n" HOST CLOSE "\r\n";
	server_start(&s);
	struct reply r = tls_ask(&s, &client_id, request);
	assert_string_equal(reply_body(&r), "client");
	assert_true(atomic_load(&saw_certificate));
	reply_free(&r);
	struct identity *bad[] = {NULL, &stranger, &expired};
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct tls_client c = client_new(&s);
		if (bad[i] != NULL) {
			use_identity(&c, bad[i]);
		}
		/* In 1.3 the client is done before the server has seen its certificate. */
		bool clean;
		size_t n;
		(void)client_connect(&c);
		(void)SSL_write_ex(c.ssl, request, sizeof(request) - 1, &n);
		r = tls_read_all(&c, &clean);
		assert_int_equal(r.n, 0);
		reply_free(&r);
		client_free(&c);
	}
	assert_int_equal(atomic_load(&begun), 1);
	server_stop(&s);
}

static void errors_end_without_goodbye(void **state)
{
	(void)state;
	struct server s = tls_server(&server_id);

	server_start(&s);
	struct tls_client c = client_new(&s);
	bool clean;
	size_t n;
	assert_true(client_connect(&c));
	assert_int_equal(SSL_write_ex(c.ssl, "GET /fail-mid HTTP/1.1\r\n" HOST "\r\n", 35, &n), 1);
	struct reply r = tls_read_all(&c, &clean);
	assert_false(clean);
	reply_free(&r);
	client_free(&c);
	server_stop(&s);
}

static void garbage_and_silence_are_cut(void **state)
{
	(void)state;
	struct server s = tls_server(&server_id);
	struct http_stats st;

	s.limits.tls_ms = 300;
	server_start(&s);
	int fd = client_open(&s);
	client_say(fd, "GET / HTTP/1.1\r\n" HOST "\r\n");
	struct reply r = client_read_all(fd);
	assert_null(strstr(r.p, "HTTP/1.1"));
	assert_false(r.timeout);
	reply_free(&r);
	close(fd);
	httpd_stats(s.httpd, &st);
	assert_int_equal(st.tls_failures, 1);
	fd = client_open(&s);
	r = client_read_all(fd);
	assert_false(r.timeout);
	reply_free(&r);
	close(fd);
	server_stop(&s);
}

static void expect_report(const char *certificate, const char *key, enum err e, const char *text)
{
	struct http_limits limits = http_limits_default();
	struct server s = server_default();
	struct httpd *h = NULL;
	struct report r = {0};

	assert_int_equal(httpd_new(&limits, &h), OK);
	s.listener.service = &s.service;
	s.listener.certificate = certificate;
	s.listener.key = key;
	assert_int_equal(httpd_listen(h, &s.listener, &r), e);
	if (strstr(r.text, text) == NULL) {
		fail_msg("'%s' does not say '%s'", r.text, text);
	}
	httpd_free(h);
}

static void bad_certificates_are_reported(void **state)
{
	(void)state;
	char missing[PATH_BYTES];

	snprintf(missing, sizeof(missing), "%s/missing.pem", directory);
	expect_report(missing, server_id.key_path, ERR_NOTFOUND, "missing.pem");
	expect_report(server_id.certificate_path, missing, ERR_NOTFOUND, "missing.pem");
	expect_report(server_id.certificate_path, NULL, ERR_INPUT, "needs its private key");
	expect_report(server_id.certificate_path, other_server.key_path, ERR_INPUT,
	              "does not belong to the configured certificate");
	expect_report(server_id.certificate_path, authority.certificate_path, ERR_DENIED, "chmod 600");
	expect_report(server_id.key_path, server_id.key_path, ERR_INPUT, "is not a PEM certificate chain");
	expect_report(expired.certificate_path, expired.key_path, ERR_INPUT, "has expired");
	assert_int_equal(chmod(server_id.key_path, 0640), 0);
	expect_report(server_id.certificate_path, server_id.key_path, ERR_DENIED, "readable by group");
	assert_int_equal(chmod(server_id.key_path, 0600), 0);
	assert_int_equal(chmod(server_id.certificate_path, 0600), 0);
	expect_report(server_id.certificate_path, server_id.certificate_path, ERR_INPUT,
	              "is not a PEM private key");
}

static atomic_uint reloads;

static void on_reload(void *context)
{
	(void)context;
	atomic_fetch_add(&reloads, 1);
}

static void *run_with_reload(void *arg)
{
	struct server *s = arg;

	assert_int_equal(httpd_run(s->httpd, on_reload, NULL), OK);
	return NULL;
}

static bool sees(const struct server *s, const struct identity *id)
{
	struct tls_client c = client_new(s);

	assert_true(client_connect(&c));
	bool same = X509_cmp(SSL_get0_peer_certificate(c.ssl), id->certificate) == 0;
	client_free(&c);
	return same;
}

static void copy_files(const struct identity *from, struct identity *to)
{
	to->key = from->key;
	to->certificate = from->certificate;
	write_pem(to);
}

static void reloads_on_hangup(void **state)
{
	(void)state;
	struct identity live = {.key = server_id.key, .certificate = server_id.certificate};
	struct server s;

	snprintf(live.certificate_path, PATH_BYTES, "%s/live.pem", directory);
	snprintf(live.key_path, PATH_BYTES, "%s/live.key", directory);
	write_pem(&live);
	s = tls_server(&live);
	server_start(&s);
	assert_true(sees(&s, &server_id));
	/* The harness runs without a reload function; take its thread down and run with one. */
	httpd_stop(s.httpd);
	pthread_join(s.thread, NULL);
	httpd_free(s.httpd);
	struct report r;
	assert_int_equal(httpd_new(&s.limits, &s.httpd), OK);
	assert_int_equal(httpd_listen(s.httpd, &s.listener, &r), OK);
	s.port = httpd_port(s.httpd, 0);
	assert_int_equal(pthread_create(&s.thread, NULL, run_with_reload, &s), 0);
	assert_true(sees(&s, &server_id)); /* running, so signals are handled */

	copy_files(&other_server, &live);
	kill(getpid(), SIGHUP);
	EVENTUALLY(atomic_load(&reloads) == 1);
	assert_true(sees(&s, &other_server));
	copy_files(&expired, &live);
	kill(getpid(), SIGHUP);
	EVENTUALLY(atomic_load(&reloads) == 2);
	assert_true(sees(&s, &other_server));
	kill(getpid(), SIGTERM);
	pthread_join(s.thread, NULL);
	worker_pool_stop(s.pool);
	httpd_free(s.httpd);
	unlink(live.certificate_path);
	unlink(live.key_path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(serves_requests),
		cmocka_unit_test(takes_records_in_any_pieces),
		cmocka_unit_test(holds_the_profile),
		cmocka_unit_test(sessions_are_not_resumed),
		cmocka_unit_test(demands_client_certificates),
		cmocka_unit_test(errors_end_without_goodbye),
		cmocka_unit_test(garbage_and_silence_are_cut),
		cmocka_unit_test(bad_certificates_are_reported),
		cmocka_unit_test(reloads_on_hangup),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
