#include "client/lib/admin.h"

#include <stdlib.h>
#include <string.h>

#include "client/lib/http.h"
#include "common/base/attr.h"
#include "common/base/secret.h"

enum { DEADLINE_MS = 120000, URL_BYTES_MAX = 1024, MESSAGE_BYTES_MAX = 512 };

struct admin {
	struct http_client *http;
	char url[URL_BYTES_MAX];
	struct writer answer;
};

/* The words of ADMIN-API.md. */
static const struct {
	const char *word;
	enum err e;
} words[] = {
	{"bad-request", ERR_INPUT},         {"unknown-op", ERR_INPUT},
	{"sealed", ERR_UNAVAILABLE},        {"not-initialised", ERR_CONFLICT},
	{"already-initialised", ERR_EXISTS}, {"bad-passphrase", ERR_AUTH},
	{"exists", ERR_EXISTS},             {"not-found", ERR_NOTFOUND},
	{"conflict", ERR_CONFLICT},         {"denied", ERR_DENIED},
	{"limit", ERR_LIMIT},               {"unavailable", ERR_UNAVAILABLE},
	{"internal", ERR_IO},
};

static enum err check_options(const struct admin_options *o, struct report *r)
{
	const char *missing = o->url == NULL                ? "the URL of the KMS (--kms, REMPART_ADMIN_URL)"
	                      : o->ca_file == NULL          ? "the CA to trust (--ca, REMPART_CA)"
	                      : o->certificate_file == NULL ? "your certificate (--cert, REMPART_ADMIN_CERT)"
	                      : o->key_file == NULL ? "the key of your certificate (--key, REMPART_ADMIN_KEY)"
	                                            : NULL;

	return missing == NULL ? OK
	                       : report_set(r, ERR_INPUT, (const char *[]){"missing: ", missing, NULL});
}

enum err admin_new(const struct admin_options *o, struct admin **ret, struct report *ret_report)
{
	struct http_client_options http = {
		.ca_file = o->ca_file,
		.certificate_file = o->certificate_file,
		.key_file = o->key_file,
		.tls13_only = true,
		.deadline_ms = o->deadline_ms == 0 ? DEADLINE_MS : o->deadline_ms,
		.user_agent = "rempart-cli",
	};
	struct admin *a;
	struct writer w;
	enum err e;

	TRY(check_options(o, ret_report));
	a = calloc(1, sizeof(*a));
	if (a == NULL) {
		return report_set(ret_report, ERR_NOMEM, (const char *[]){"out of memory", NULL});
	}
	w = writer_fixed(a->url, sizeof(a->url) - 1);
	write_text(&w, o->url);
	write_text(&w, "/admin/v1");
	e = writer_end(&w) == OK
	            ? http_client_new(&http, &a->http, ret_report)
	            : report_set(ret_report, ERR_INPUT, (const char *[]){"the URL is too long", NULL});
	if (e != OK) {
		free(a);
		return e;
	}
	a->answer = writer_growing(ADMIN_ANSWER_BYTES_MAX);
	*ret = a;
	return OK;
}

/* Answers carry new secrets once. */
static void forget(struct admin *a)
{
	if (a->answer.p != NULL) {
		wipe(a->answer.p, a->answer.size);
	}
	a->answer.used = 0;
	a->answer.full = false;
}

void admin_free(struct admin *a)
{
	if (a == NULL) {
		return;
	}
	forget(a);
	writer_free(&a->answer);
	http_client_free(a->http);
	free(a);
}

void admin_freep(struct admin **a)
{
	admin_free(*a);
	*a = NULL;
}

/* What the server says went wrong. */
static enum err refused(const struct json *answer, struct report *r)
{
	char text[MESSAGE_BYTES_MAX + 1] = "";
	struct writer w = writer_fixed(text, MESSAGE_BYTES_MAX);
	struct bytes word = json_get_bytes(answer, "error");
	enum err e = ERR_CORRUPT;

	for (size_t i = 0; i < COUNT(words); i++) {
		e = bytes_is(word, words[i].word) ? words[i].e : e;
	}
	write_bytes(&w, bytes_first(json_get_bytes(answer, "message"), MESSAGE_BYTES_MAX));
	if (w.used == 0) {
		write_bytes(&w, bytes_first(word, MESSAGE_BYTES_MAX));
	}
	return report_set(r, e, (const char *[]){text, NULL});
}

static enum err read_answer(const struct admin *a, unsigned status, struct json **ret,
                            struct report *r)
{
	AUTO(json_freep) struct json *answer = NULL;
	enum err e = json_parse(writer_bytes(&a->answer), ADMIN_ANSWER_BYTES_MAX, &answer, NULL);

	if (e != OK || !json_is_object(answer)) {
		return report_set(r, ERR_CORRUPT,
		                  (const char *[]){a->url, ": that is not the administration listener of a "
		                                           "Rempart KMS; check the port", NULL});
	}
	if (status != 200 || !json_get_bool(answer, "ok", false)) {
		return refused(answer, r);
	}
	*ret = answer;
	answer = NULL;
	return OK;
}

enum err admin_call(struct admin *a, struct bytes request, struct json **ret,
                    struct bytes *ret_text, struct report *ret_report)
{
	const struct field type = {BYTES("Content-Type"), BYTES("application/json")};
	struct http_call call = {
		.method = "POST",
		.url = a->url,
		.headers = &type,
		.n_headers = 1,
		.body = request,
		.answer = &a->answer,
	};
	struct http_answer answer;

	forget(a);
	TRY(http_call(a->http, &call, &answer, ret_report));
	TRY(read_answer(a, answer.status, ret, ret_report));
	if (ret_text != NULL) {
		*ret_text = writer_bytes(&a->answer);
	}
	return OK;
}
