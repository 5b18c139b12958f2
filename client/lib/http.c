/*
 * libcurl's easy interface behind http.h. One easy handle for each client: its connection cache
 * holds one connection. curl_easy_reset keeps that connection, so each call starts from a known set
 * of options.
 */
#include "client/lib/http.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/attr.h"

enum {
	CONNECT_TIMEOUT_MS = 5000,
	DEADLINE_MS = 60000,
	OPTIONS_BYTES_MAX = 32 << 10, /* memory for the texts of the options */
	BUFFER_BYTES = 256 << 10,     /* libcurl's buffer in each direction */
	HEAD_NAME_MAX = 256,
	MS_IN_SECOND = 1000,
};

struct http_client {
	CURL *easy;
	struct arena *options_arena;
	struct arena *arena; /* of the call: request head, answer head */
	struct http_client_options o;
	char error[CURL_ERROR_SIZE];
};

/* One call under way. */
struct transfer {
	struct http_client *client;
	const struct http_call *call;
	struct http_answer answer;
	enum err result; /* of a callback of ours: stronger than curl's code */
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static CURLcode once_result = CURLE_FAILED_INIT;

static void init_once(void)
{
	once_result = curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* Keep a copy of *text. */
static bool keep(struct arena *a, const char **text)
{
	if (*text == NULL) {
		return true;
	}
	*text = arena_text(a, bytes_text(*text));
	return *text != NULL;
}

static enum err readable(const char *path, const char *what, struct report *ret_report)
{
	if (path == NULL || access(path, R_OK) == 0) {
		return OK;
	}
	(void)report_errno(ret_report, what, path, errno, "give a PEM file that this user may read");
	return ERR_INPUT;
}

static enum err check_files(const struct http_client_options *o, struct report *ret_report)
{
	if ((o->certificate_file == NULL) != (o->key_file == NULL)) {
		return report_set(ret_report, ERR_INPUT,
		                  (const char *[]){"a client certificate and its key go together: give "
		                                   "both or none", NULL});
	}
	TRY(readable(o->ca_file, "CA certificate", ret_report));
	TRY(readable(o->certificate_file, "client certificate", ret_report));
	return readable(o->key_file, "client key", ret_report);
}

static bool prepare(struct http_client *c)
{
	c->easy = curl_easy_init();
	c->options_arena = arena_new(OPTIONS_BYTES_MAX);
	c->arena = arena_new(HTTP_CALL_HEAD_BYTES_MAX);
	if (c->easy == NULL || c->options_arena == NULL || c->arena == NULL) {
		return false;
	}
	c->o.connect_timeout_ms = c->o.connect_timeout_ms == 0 ? CONNECT_TIMEOUT_MS
	                                                       : c->o.connect_timeout_ms;
	c->o.deadline_ms = c->o.deadline_ms == 0 ? DEADLINE_MS : c->o.deadline_ms;
	c->o.user_agent = c->o.user_agent == NULL ? "rempart" : c->o.user_agent;
	return keep(c->options_arena, &c->o.ca_file) &&
	       keep(c->options_arena, &c->o.certificate_file) &&
	       keep(c->options_arena, &c->o.key_file) && keep(c->options_arena, &c->o.tls_groups) &&
	       keep(c->options_arena, &c->o.user_agent);
}

enum err http_client_new(const struct http_client_options *o, struct http_client **ret,
                         struct report *ret_report)
{
	struct http_client *c;

	(void)pthread_once(&once, init_once);
	if (once_result != CURLE_OK) {
		return report_set(ret_report, ERR_NOMEM,
		                  (const char *[]){"the HTTP library cannot start", NULL});
	}
	TRY(check_files(o, ret_report));
	c = calloc(1, sizeof(*c));
	if (c == NULL) {
		return report_set(ret_report, ERR_NOMEM, (const char *[]){"out of memory", NULL});
	}
	c->o = *o;
	if (!prepare(c)) {
		http_client_free(c);
		return report_set(ret_report, ERR_NOMEM, (const char *[]){"out of memory", NULL});
	}
	*ret = c;
	return OK;
}

void http_client_free(struct http_client *c)
{
	if (c == NULL) {
		return;
	}
	curl_easy_cleanup(c->easy); /* takes NULL */
	arena_free(c->arena);
	arena_free(c->options_arena);
	free(c);
}

void http_client_freep(struct http_client **c)
{
	http_client_free(*c);
	*c = NULL;
}

/* Names that can only be this machine; libcurl itself resolves "localhost" to loopback. */
static bool host_is_loopback(const char *host)
{
	static const char tail[] = ".localhost";
	struct in_addr address;
	size_t n = strlen(host);

	if (strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0) {
		return true;
	}
	if (n > sizeof(tail) - 1 && strcmp(host + n - (sizeof(tail) - 1), tail) == 0) {
		return true;
	}
	return inet_pton(AF_INET, host, &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
}

static void url_free(CURLU **u)
{
	curl_url_cleanup(*u);
}

static void curl_text_free(char **text)
{
	curl_free(*text);
}

/* The URL must be https with a CA to trust, or http to this machine. */
static enum err check_url(const struct http_client *c, const char *url, struct report *r)
{
	AUTO(url_free) CURLU *u = curl_url();
	AUTO(curl_text_free) char *scheme = NULL;
	AUTO(curl_text_free) char *host = NULL;

	if (u == NULL) {
		return report_set(r, ERR_NOMEM, (const char *[]){"out of memory", NULL});
	}
	if (strlen(url) > HTTP_CALL_URL_BYTES_MAX ||
	    curl_url_set(u, CURLUPART_URL, url, CURLU_PATH_AS_IS | CURLU_DISALLOW_USER) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK) {
		return report_set(r, ERR_INPUT,
		                  (const char *[]){"not a URL: ", url,
		                                   "; write https://host:port or http://127.0.0.1:port",
		                                   NULL});
	}
	if (strcmp(scheme, "https") == 0) {
		return c->o.ca_file != NULL
		               ? OK
		               : report_set(r, ERR_INPUT,
		                            (const char *[]){"no CA certificate to trust for ", url,
		                                             "; give one (REMPART_CA or --ca)", NULL});
	}
	if (strcmp(scheme, "http") == 0 && (c->o.clear_text_anywhere || host_is_loopback(host))) {
		return OK;
	}
	return report_set(r, ERR_INPUT,
	                  (const char *[]){"refused: clear text to another machine (", url,
	                                   "); use https", NULL});
}

static bool field_is_clean(struct bytes b)
{
	for (size_t i = 0; i < b.n; i++) {
		if (b.p[i] == '\r' || b.p[i] == '\n' || b.p[i] == '\0') {
			return false;
		}
	}
	return true;
}

/* libcurl's form of a header line: "name: value", and "name;" for an empty value. */
static enum err add_header(struct arena *a, struct curl_slist **list, const struct field *f)
{
	struct bytes parts[] = {f->name, f->value.n == 0 ? BYTES(";") : BYTES(": "), f->value};
	struct curl_slist *longer;
	struct bytes line;
	size_t at;

	if (f->name.n == 0 || f->name.n > HEAD_NAME_MAX || !field_is_clean(f->name) ||
	    !field_is_clean(f->value) || bytes_find(f->name, ':', &at)) {
		return ERR_INPUT;
	}
	line = arena_join(a, parts, COUNT(parts));
	if (line.p == NULL) {
		return ERR_LIMIT;
	}
	longer = curl_slist_append(*list, (const char *)line.p);
	if (longer == NULL) {
		return ERR_NOMEM;
	}
	*list = longer;
	return OK;
}

static enum err remove_header(struct curl_slist **list, const char *line)
{
	struct curl_slist *longer = curl_slist_append(*list, line);

	if (longer == NULL) {
		return ERR_NOMEM;
	}
	*list = longer;
	return OK;
}

static enum err make_headers(struct arena *a, const struct http_call *call,
                             struct curl_slist **list)
{
	bool has_type = false;

	if (call->n_headers > HTTP_CALL_HEADERS_MAX) {
		return ERR_LIMIT;
	}
	for (size_t i = 0; i < call->n_headers; i++) {
		TRY(add_header(a, list, &call->headers[i]));
		has_type = has_type || bytes_is_nocase(call->headers[i].name, "content-type");
	}
	if (!has_type) { /* libcurl would claim a form */
		TRY(remove_header(list, "Content-Type:"));
	}
	/* Waiting for "100 Continue" pays where a refusal would spare a long body. */
	return call->source == NULL ? remove_header(list, "Expect:") : OK;
}

/* One line of an answer's head, with its CR LF. */
static size_t take_header(char *line, size_t size, size_t count, void *context)
{
	struct transfer *t = context;
	struct http_answer *answer = &t->answer;
	struct bytes rest = bytes_of(line, size * count);
	struct bytes name, value;
	size_t n = rest.n;

	while (rest.n > 0 && (rest.p[rest.n - 1] == '\r' || rest.p[rest.n - 1] == '\n')) {
		rest.n--;
	}
	if (bytes_starts(rest, BYTES("HTTP/"))) { /* of an interim answer, or of the answer */
		answer->n_headers = 0;
		return n;
	}
	name = bytes_split(&rest, ':');
	if (rest.p == NULL) {
		return n;
	}
	if (answer->n_headers == HTTP_CALL_HEADERS_MAX) {
		t->result = ERR_LIMIT;
		return 0;
	}
	name = arena_copy(t->client->arena, name);
	value = arena_copy(t->client->arena, bytes_trim(rest));
	if (name.p == NULL || value.p == NULL) {
		t->result = ERR_LIMIT;
		return 0;
	}
	answer->headers[answer->n_headers++] = (struct field){name, value};
	return n;
}

static size_t take_body(char *data, size_t size, size_t count, void *context)
{
	struct transfer *t = context;
	struct bytes b = bytes_of(data, size * count);
	long status = 0;

	(void)curl_easy_getinfo(t->client->easy, CURLINFO_RESPONSE_CODE, &status);
	if (t->call->sink != NULL && status / 100 == 2) {
		t->result = t->call->sink->write(t->call->sink->context, b);
	} else if (t->call->answer != NULL) {
		write_bytes(t->call->answer, b);
		t->result = writer_end(t->call->answer);
	}
	/* Anything but b.n ends the transfer, also when b.n is 0. */
	return t->result == OK ? b.n : CURL_WRITEFUNC_ERROR;
}

static size_t give_body(char *out, size_t size, size_t count, void *context)
{
	struct transfer *t = context;
	size_t n = 0;

	t->result = t->call->source->read(t->call->source->context, (uint8_t *)out, size * count, &n);
	return t->result == OK ? n : CURL_READFUNC_ABORT;
}

static int seek_body(void *context, curl_off_t offset, int origin)
{
	struct transfer *t = context;

	if (offset != 0 || origin != SEEK_SET || t->call->source->rewind == NULL) {
		return CURL_SEEKFUNC_CANTSEEK;
	}
	t->result = t->call->source->rewind(t->call->source->context);
	return t->result == OK ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
}

static void set_tls(const struct http_client *c)
{
	CURL *e = c->easy;

	(void)curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
	(void)curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);
	(void)curl_easy_setopt(e, CURLOPT_CAINFO, c->o.ca_file);
	(void)curl_easy_setopt(e, CURLOPT_CAPATH, NULL); /* not the system's roots */
	(void)curl_easy_setopt(e, CURLOPT_SSLVERSION,
	                       c->o.tls13_only ? CURL_SSLVERSION_TLSv1_3 : CURL_SSLVERSION_TLSv1_2);
	(void)curl_easy_setopt(e, CURLOPT_SSLCERT, c->o.certificate_file);
	(void)curl_easy_setopt(e, CURLOPT_SSLKEY, c->o.key_file);
	(void)curl_easy_setopt(e, CURLOPT_SSL_EC_CURVES, c->o.tls_groups);
}

static void set_transport(const struct http_client *c, const struct http_call *call)
{
	CURL *e = c->easy;
	uint32_t deadline_ms = call->deadline_ms == 0 ? c->o.deadline_ms : call->deadline_ms;

	(void)curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(e, CURLOPT_PROXY, "");
	(void)curl_easy_setopt(e, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
	(void)curl_easy_setopt(e, CURLOPT_HTTP09_ALLOWED, 0L);
	(void)curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	(void)curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L); /* object keys may hold "/../" */
	(void)curl_easy_setopt(e, CURLOPT_MAXCONNECTS, 1L);
	(void)curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
	(void)curl_easy_setopt(e, CURLOPT_BUFFERSIZE, (long)BUFFER_BYTES);
	(void)curl_easy_setopt(e, CURLOPT_UPLOAD_BUFFERSIZE, (long)BUFFER_BYTES);
	(void)curl_easy_setopt(e, CURLOPT_USERAGENT, c->o.user_agent);
	(void)curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)c->o.connect_timeout_ms);
	if (call->stall_ms == 0) {
		(void)curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)deadline_ms);
	} else {
		(void)curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, 1L);
		(void)curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME,
		                       (long)((call->stall_ms + MS_IN_SECOND - 1) / MS_IN_SECOND));
	}
}

static void set_request(struct transfer *t, struct curl_slist *headers)
{
	const struct http_call *call = t->call;
	CURL *e = t->client->easy;

	(void)curl_easy_setopt(e, CURLOPT_URL, call->url);
	if (call->source != NULL) {
		(void)curl_easy_setopt(e, CURLOPT_UPLOAD, 1L);
		(void)curl_easy_setopt(e, CURLOPT_INFILESIZE_LARGE, (curl_off_t)call->source->size);
		(void)curl_easy_setopt(e, CURLOPT_READFUNCTION, give_body);
		(void)curl_easy_setopt(e, CURLOPT_READDATA, t);
		(void)curl_easy_setopt(e, CURLOPT_SEEKFUNCTION, seek_body);
		(void)curl_easy_setopt(e, CURLOPT_SEEKDATA, t);
	} else if (call->body.p != NULL) {
		(void)curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.n);
		(void)curl_easy_setopt(e, CURLOPT_POSTFIELDS, call->body.p);
	} else if (strcmp(call->method, "HEAD") == 0) {
		(void)curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
	}
	(void)curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, call->method);
	(void)curl_easy_setopt(e, CURLOPT_HTTPHEADER, headers);
	(void)curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, take_header);
	(void)curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
	(void)curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take_body);
	(void)curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
	(void)curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->client->error);
}

/* One row for each code of libcurl whose meaning a caller acts upon. */
static const struct {
	CURLcode code;
	enum err e;
	const char *hint;
} faults[] = {
	{CURLE_COULDNT_RESOLVE_HOST, ERR_UNAVAILABLE, "check the host name"},
	{CURLE_COULDNT_CONNECT, ERR_UNAVAILABLE, "is the server running, and is the port right?"},
	{CURLE_SSL_CONNECT_ERROR, ERR_UNAVAILABLE,
	 "does the server speak TLS there, and does it accept this client certificate?"},
	{CURLE_PEER_FAILED_VERIFICATION, ERR_UNAVAILABLE,
	 "the server's certificate is not from the pinned CA, or is for another name"},
	{CURLE_SSL_ISSUER_ERROR, ERR_UNAVAILABLE, "the server's certificate is not from the pinned CA"},
	{CURLE_SSL_CERTPROBLEM, ERR_UNAVAILABLE, "check the client certificate and its key"},
	{CURLE_SSL_CACERT_BADFILE, ERR_UNAVAILABLE, "check the CA file (PEM)"},
	{CURLE_SSL_CIPHER, ERR_UNAVAILABLE, "no common cipher suite"},
	{CURLE_OPERATION_TIMEDOUT, ERR_TIMEOUT, "the server did not answer in time; try again"},
	{CURLE_OUT_OF_MEMORY, ERR_NOMEM, NULL},
	{CURLE_URL_MALFORMAT, ERR_INPUT, "check the URL"},
	{CURLE_UNSUPPORTED_PROTOCOL, ERR_INPUT, "use https or http"},
	{CURLE_WEIRD_SERVER_REPLY, ERR_INPUT, "that is not an HTTP server"},
	{CURLE_HTTP_RETURNED_ERROR, ERR_INPUT, NULL},
};

static enum err explain(struct http_client *c, const char *url, CURLcode code, struct report *r)
{
	enum err e = ERR_IO;
	const char *hint = "the connection broke; try again";

	for (size_t i = 0; i < COUNT(faults); i++) {
		if (faults[i].code == code) {
			e = faults[i].e;
			hint = faults[i].hint;
		}
	}
	return report_set(r, e,
	                  (const char *[]){url, ": ",
	                                   c->error[0] == '\0' ? curl_easy_strerror(code) : c->error,
	                                   hint == NULL ? NULL : "; ", hint, NULL});
}

static void list_free(struct curl_slist **list)
{
	curl_slist_free_all(*list);
}

enum err http_call(struct http_client *c, const struct http_call *call, struct http_answer *ret,
                   struct report *ret_report)
{
	AUTO(list_free) struct curl_slist *headers = NULL;
	struct transfer t = {.client = c, .call = call};
	struct report unread;
	struct report *r = ret_report == NULL ? &unread : ret_report;
	CURLcode code;
	enum err e;
	long status = 0;

	TRY(check_url(c, call->url, r));
	arena_reset(c->arena);
	e = make_headers(c->arena, call, &headers);
	if (e != OK) {
		return report_set(r, e, (const char *[]){"a request header cannot be sent", NULL});
	}
	curl_easy_reset(c->easy);
	c->error[0] = '\0';
	set_tls(c);
	set_transport(c, call);
	set_request(&t, headers);
	code = curl_easy_perform(c->easy);
	(void)curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_reset(c->easy); /* it must not keep pointers into this frame */
	if (t.result != OK) {
		return report_set(r, t.result,
		                  (const char *[]){call->url, ": the transfer was stopped here: ",
		                                   err_name(t.result), NULL});
	}
	if (code != CURLE_OK) {
		return explain(c, call->url, code, r);
	}
	t.answer.status = (unsigned)status;
	*ret = t.answer;
	return OK;
}

struct bytes http_answer_header(const struct http_answer *answer, const char *name)
{
	for (size_t i = 0; i < answer->n_headers; i++) {
		if (bytes_is_nocase(answer->headers[i].name, name)) {
			return answer->headers[i].value;
		}
	}
	return (struct bytes){NULL, 0};
}
