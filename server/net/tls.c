/*
 * OpenSSL behind a BIO of our own that reads from a borrowed view and writes into a borrowed writer:
 * an idle connection then owns no buffer at all, as OpenSSL gives its record buffers back
 * (SSL_MODE_RELEASE_BUFFERS) and we have none.
 */
#include "server/net/tls.h"

#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/attr.h"

enum { NAME_MAX_BYTES = 256, KEY_MODE_FORBIDDEN = 077 };

/* Hybrid post-quantum groups first where the library knows them; the list is tried as a whole. */
static const char *const group_lists[] = {
	"X25519MLKEM768:SecP256r1MLKEM768:P-256:P-384:P-521:X25519",
	"X25519MLKEM768:P-256:P-384:P-521:X25519",
	"P-256:P-384:P-521:X25519",
};
static const char suites13[] =
	"TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256";
static const char suites12[] = "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
			       "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256";

struct tls_rules {
	atomic_uint references;
	SSL_CTX *ctx;
	BIO_METHOD *method;
};

struct tls {
	struct tls_rules *rules;
	SSL *ssl;
	struct bytes in;
	struct writer *out;
	bool has_certificate;
	uint8_t digest[32];
	size_t name_n;
	uint8_t name[NAME_MAX_BYTES];
};

/* The BIO. */

static int port_read(BIO *bio, char *p, int n)
{
	struct tls *t = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	if (t->in.n == 0 || n <= 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	struct bytes part = bytes_first(t->in, (size_t)n);
	memcpy(p, part.p, part.n);
	t->in = bytes_skip(t->in, part.n);
	return (int)part.n;
}

static int port_write(BIO *bio, const char *p, int n)
{
	struct tls *t = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	if (t->out == NULL || n <= 0 || t->out->size - t->out->used < (size_t)n) {
		BIO_set_retry_write(bio);
		return -1;
	}
	write_bytes(t->out, bytes_of(p, (size_t)n));
	return n;
}

static long port_ctrl(BIO *bio, int command, long number, void *p)
{
	(void)bio;
	(void)number;
	(void)p;
	return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static BIO_METHOD *port_method(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "rempart");

	if (m != NULL && BIO_meth_set_read(m, port_read) == 1 &&
	    BIO_meth_set_write(m, port_write) == 1 && BIO_meth_set_ctrl(m, port_ctrl) == 1) {
		return m;
	}
	BIO_meth_free(m);
	return NULL;
}

/* The rules of a listener. */

static enum err refuse(struct report *r, const char *path, const char *what)
{
	char text[256];
	unsigned long code = ERR_peek_last_error();

	text[0] = 0;
	if (code != 0) {
		ERR_error_string_n(code, text, sizeof(text));
	}
	ERR_clear_error();
	return report_set(r, ERR_INPUT,
	                  (const char *[]){path, ": ", what, code != 0 ? ": " : NULL, text, NULL});
}

static enum err check_key_mode(const char *path, struct report *r)
{
	struct stat st;

	if (stat(path, &st) != 0) {
		return report_errno(r, "private key", path, errno, "check the configured path");
	}
	if ((st.st_mode & KEY_MODE_FORBIDDEN) != 0) {
		return report_set(r, ERR_DENIED,
		                  (const char *[]){"private key ", path,
		                                   " is readable by group or others; run: chmod 600 ",
		                                   path, NULL});
	}
	return OK;
}

static enum err check_readable(const char *what, const char *path, struct report *r)
{
	FILE *f = fopen(path, "re");

	if (f == NULL) {
		return report_errno(r, what, path, errno, "check the configured path and its mode");
	}
	fclose(f);
	return OK;
}

static enum err check_dates(SSL_CTX *ctx, const char *path, struct report *r)
{
	const X509 *x = SSL_CTX_get0_certificate(ctx);

	if (x == NULL) {
		return refuse(r, path, "holds no certificate");
	}
	if (X509_cmp_current_time(X509_get0_notAfter(x)) <= 0) {
		return refuse(r, path, "the certificate has expired; install a new one");
	}
	if (X509_cmp_current_time(X509_get0_notBefore(x)) > 0) {
		return refuse(r, path, "the certificate is not valid yet; check the clock");
	}
	return OK;
}

/* A key under a passphrase cannot be asked for by a daemon: fail instead of prompting. */
static int no_passphrase(char *p, int n, int writing, void *context)
{
	(void)p;
	(void)n;
	(void)writing;
	(void)context;
	return 0;
}

static enum err load_pair(SSL_CTX *ctx, const struct listener_options *o, struct report *r)
{
	if (o->key == NULL) {
		return refuse(r, o->certificate, "a certificate needs its private key");
	}
	TRY(check_readable("certificate", o->certificate, r));
	TRY(check_readable("private key", o->key, r));
	TRY(check_key_mode(o->key, r));
	SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
	if (SSL_CTX_use_certificate_chain_file(ctx, o->certificate) != 1) {
		return refuse(r, o->certificate, "is not a PEM certificate chain");
	}
	TRY(check_dates(ctx, o->certificate, r));
	int rc = SSL_CTX_use_PrivateKey_file(ctx, o->key, SSL_FILETYPE_PEM);
	if (rc != 1 && ERR_GET_REASON(ERR_peek_last_error()) != X509_R_KEY_VALUES_MISMATCH) {
		return refuse(r, o->key, "is not a PEM private key without passphrase");
	}
	if (rc != 1 || SSL_CTX_check_private_key(ctx) != 1) {
		return refuse(r, o->key, "does not belong to the configured certificate");
	}
	return OK;
}

static enum err load_client_ca(SSL_CTX *ctx, const struct listener_options *o, struct report *r)
{
	if (o->client_ca == NULL) {
		return OK;
	}
	TRY(check_readable("client CA", o->client_ca, r));
	STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(o->client_ca);
	if (names == NULL || SSL_CTX_load_verify_file(ctx, o->client_ca) != 1) {
		sk_X509_NAME_pop_free(names, X509_NAME_free);
		return refuse(r, o->client_ca, "is not a PEM file of CA certificates");
	}
	SSL_CTX_set_client_CA_list(ctx, names);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	X509_VERIFY_PARAM_set_purpose(SSL_CTX_get0_param(ctx), X509_PURPOSE_SSL_CLIENT);
	return OK;
}

/* Some clients insist on an answer to ALPN. We speak one protocol; a client that offers only others goes on without. */
static int choose_protocol(SSL *ssl, const unsigned char **ret, unsigned char *ret_n,
                           const unsigned char *offered, unsigned n, void *context)
{
	static const unsigned char ours[] = "\x08http/1.1";
	unsigned char *chosen = NULL;

	(void)ssl;
	(void)context;
	if (SSL_select_next_proto(&chosen, ret_n, ours, sizeof(ours) - 1, offered, n) !=
	    OPENSSL_NPN_NEGOTIATED) {
		return SSL_TLSEXT_ERR_NOACK;
	}
	*ret = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static bool set_groups(SSL_CTX *ctx)
{
	for (size_t i = 0; i < COUNT(group_lists); i++) {
		if (SSL_CTX_set1_groups_list(ctx, group_lists[i]) == 1) {
			ERR_clear_error();
			return true;
		}
	}
	return false;
}

static bool set_profile(SSL_CTX *ctx, bool tls13_only)
{
	SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
	                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_TICKET |
	                                 SSL_OP_NO_SESSION_RESUMPTION_ON_RENEGOTIATION);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_security_level(ctx, 2);
	SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
	return SSL_CTX_set_min_proto_version(ctx, tls13_only ? TLS1_3_VERSION : TLS1_2_VERSION) == 1 &&
	       SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1 &&
	       SSL_CTX_set_num_tickets(ctx, 0) == 1 && SSL_CTX_set_max_early_data(ctx, 0) == 1 &&
	       SSL_CTX_set_ciphersuites(ctx, suites13) == 1 &&
	       SSL_CTX_set_cipher_list(ctx, suites12) == 1 && set_groups(ctx);
}

enum err tls_rules_new(const struct listener_options *o, struct tls_rules **ret,
                       struct report *ret_report)
{
	struct tls_rules *r = calloc(1, sizeof(*r));

	if (r == NULL) {
		return ERR_NOMEM;
	}
	atomic_init(&r->references, 1);
	ERR_clear_error();
	r->method = port_method();
	r->ctx = SSL_CTX_new(TLS_server_method());
	enum err e = OK;
	if (r->method == NULL || r->ctx == NULL || !set_profile(r->ctx, o->tls13_only)) {
		e = refuse(ret_report, "TLS", "this OpenSSL lacks the profile that is required");
	}
	e = e == OK ? load_pair(r->ctx, o, ret_report) : e;
	e = e == OK ? load_client_ca(r->ctx, o, ret_report) : e;
	if (e != OK) {
		tls_rules_drop(r);
		return e;
	}
	*ret = r;
	return OK;
}

struct tls_rules *tls_rules_keep(struct tls_rules *r)
{
	atomic_fetch_add_explicit(&r->references, 1, memory_order_relaxed);
	return r;
}

void tls_rules_drop(struct tls_rules *r)
{
	if (r == NULL || atomic_fetch_sub_explicit(&r->references, 1, memory_order_acq_rel) != 1) {
		return;
	}
	SSL_CTX_free(r->ctx);
	BIO_meth_free(r->method);
	free(r);
}

/* A connection. */

struct tls *tls_new(struct tls_rules *r)
{
	struct tls *t = calloc(1, sizeof(*t));

	if (t == NULL) {
		return NULL;
	}
	t->rules = tls_rules_keep(r);
	t->ssl = SSL_new(r->ctx);
	BIO *bio = BIO_new(r->method);
	if (t->ssl == NULL || bio == NULL) {
		BIO_free(bio);
		tls_free(t);
		return NULL;
	}
	BIO_set_data(bio, t);
	BIO_set_init(bio, 1);
	SSL_set_bio(t->ssl, bio, bio);
	SSL_set_accept_state(t->ssl);
	return t;
}

void tls_free(struct tls *t)
{
	if (t == NULL) {
		return;
	}
	SSL_free(t->ssl);
	tls_rules_drop(t->rules);
	free(t);
}

void tls_attach(struct tls *t, struct bytes in, struct writer *out)
{
	t->in = in;
	t->out = out;
}

struct bytes tls_detach(struct tls *t)
{
	struct bytes left = t->in;

	t->in = (struct bytes){NULL, 0};
	t->out = NULL;
	return left;
}

/* What a failed SSL call means; the thread's error queue is left empty for the next connection. */
static enum tls_result result_of(const struct tls *t, int rc)
{
	int reason = SSL_get_error(t->ssl, rc);

	ERR_clear_error();
	switch (reason) {
	case SSL_ERROR_NONE:
		return TLS_OK;
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return TLS_MORE;
	case SSL_ERROR_ZERO_RETURN:
		return TLS_CLOSED;
	default:
		return TLS_FAILED;
	}
}

/* Once, after the handshake: what the services may want to know of the peer's certificate. */
static bool read_certificate(struct tls *t)
{
	X509 *x = SSL_get1_peer_certificate(t->ssl);
	unsigned n = sizeof(t->digest);

	if (x == NULL) {
		return true;
	}
	bool good = SSL_get_verify_result(t->ssl) == X509_V_OK &&
	            X509_digest(x, EVP_sha256(), t->digest, &n) == 1;
	int at = X509_NAME_get_index_by_NID(X509_get_subject_name(x), NID_commonName, -1);
	if (good && at >= 0) {
		const X509_NAME_ENTRY *e = X509_NAME_get_entry(X509_get_subject_name(x), at);
		const ASN1_STRING *s = X509_NAME_ENTRY_get_data(e);
		size_t length = (size_t)ASN1_STRING_length(s);
		/* Cutting a name could make it another one's; two names would let two readers differ. */
		good = length <= NAME_MAX_BYTES &&
		       X509_NAME_get_index_by_NID(X509_get_subject_name(x), NID_commonName, at) < 0;
		t->name_n = good ? length : 0;
		memcpy(t->name, ASN1_STRING_get0_data(s), t->name_n);
	}
	t->has_certificate = good;
	X509_free(x);
	return good;
}

enum tls_result tls_handshake(struct tls *t)
{
	int rc = SSL_do_handshake(t->ssl);

	if (rc == 1) {
		return read_certificate(t) ? TLS_OK : TLS_FAILED;
	}
	return result_of(t, rc);
}

enum tls_result tls_read(struct tls *t, uint8_t *p, size_t n, size_t *ret_n)
{
	size_t got = 0;
	int rc = SSL_read_ex(t->ssl, p, n, &got);

	*ret_n = got;
	return rc == 1 ? TLS_OK : result_of(t, rc);
}

enum tls_result tls_write(struct tls *t, struct bytes plain)
{
	size_t done = 0;

	assert(plain.n > 0 && plain.n <= TLS_PIECE_BYTES);
	int rc = SSL_write_ex(t->ssl, plain.p, plain.n, &done);
	return rc == 1 ? TLS_OK : result_of(t, rc);
}

void tls_goodbye(struct tls *t)
{
	(void)SSL_shutdown(t->ssl);
	ERR_clear_error();
}

void tls_peer(const struct tls *t, struct http_peer *peer)
{
	peer->tls_version = SSL_get_version(t->ssl);
	peer->tls_cipher = SSL_get_cipher_name(t->ssl);
	peer->has_certificate = t->has_certificate;
	memcpy(peer->certificate_digest, t->digest, sizeof(t->digest));
	peer->certificate_name = bytes_of(t->name, t->name_n);
}
