/*
 * Form uploads from browsers: POST on a bucket. The form is read up to the file; the PUT that its fields stand for (common/sigv4/post.h)
 * then takes the ordinary stages, with the file's bytes as its body and with another answer in the end. So a signed form is
 * judged by the KMS before a byte of the file is taken, and PutObject is what is done.
 *
 * Here is kept what only the gateway can see: the size of the file.
 */
#include "common/base/attr.h"
#include "common/codec/form.h"
#include "common/codec/uri.h"
#include "common/codec/xml.h"
#include "common/sigv4/postpolicy.h"
#include "server/gateway/cors.h"
#include "server/gateway/ops.h"

#define FILE_NAME "${filename}"

struct post_upload {
	struct request *r;
	struct form *form;
	struct bytes text;          /* the fields, as post_read reads them */
	struct post put;
	struct postpolicy policy;   /* without a signature: any size */
	struct http_head head;      /* of the PUT */
	uint64_t size;              /* of the file so far */
	bool begun;                 /* the PUT took its stages */
	enum s3error fault;         /* what a sink refused */
};

/* --- from form to PUT ------------------------------------------------------------------------ */

/* Browsers of old send a path; S3 takes what stands behind the last separator of either kind. */
static struct bytes last_component(struct bytes file_name)
{
	for (size_t i = file_name.n; i > 0; i--) {
		if (file_name.p[i - 1] == '/' || file_name.p[i - 1] == '\\') {
			return bytes_skip(file_name, i);
		}
	}
	return file_name;
}

/* The value with each ${filename} replaced; full when that makes it too long. */
static struct bytes fill_in(struct writer *w, struct bytes value, struct bytes file_name)
{
	size_t begin = w->used;
	while (value.n > 0) {
		if (bytes_starts(value, BYTES(FILE_NAME))) {
			write_bytes(w, file_name);
			value = bytes_skip(value, sizeof(FILE_NAME) - 1);
		} else {
			write_u8(w, value.p[0]);
			value = bytes_skip(value, 1);
		}
	}
	return bytes_of(w->p + begin, w->used - begin);
}

/* p->text from the fields of the form. The policy is what was signed: nothing is replaced in it. */
static enum s3error write_fields(struct post_upload *p, const struct field *fields, size_t n,
                                 struct bytes file_name)
{
	struct arena *a = p->r->a;
	struct field *filled = arena_alloc(a, n * sizeof(*filled));
	uint8_t *values = arena_alloc(a, POST_TEXT_MAX);
	uint8_t *text = arena_alloc(a, POST_TEXT_MAX);
	if (filled == NULL || values == NULL || text == NULL) {
		return S3E_SLOW_DOWN;
	}
	struct writer value_w = writer_fixed(values, POST_TEXT_MAX);
	struct writer w = writer_fixed(text, POST_TEXT_MAX);
	for (size_t i = 0; i < n; i++) {
		filled[i] = fields[i];
		if (!bytes_is(fields[i].name, "policy")) {
			filled[i].value = fill_in(&value_w, fields[i].value, file_name);
		}
	}
	post_write(&w, p->r->target.bucket, filled, n);
	wipe(values, POST_TEXT_MAX); /* a value may be a customer's key; `text` is wiped at the end */
	p->text = writer_bytes(&w);
	return value_w.full || w.full ? S3E_POST_HEAD : S3E_NONE;
}

static enum s3error of_fault(enum post_fault fault)
{
	switch (fault) {
	case POST_FAULT_NO_KEY:
		return S3E_POST_NO_KEY;
	case POST_FAULT_SIGNATURE:
		return S3E_POST_SIGNATURE;
	case POST_FAULT_BOTH:
		return S3E_AUTH_TWICE;
	case POST_FAULT_TAGGING:
		return S3E_MALFORMED_XML;
	case POST_FAULT_UNBUILT:
		return S3E_NOT_IMPLEMENTED;
	case POST_FAULT_VALUE:
	case POST_FAULT_NONE:
	default:
		return S3E_POST_FIELD;
	}
}

static enum s3error read_form(struct post_upload *p)
{
	enum post_fault fault = POST_FAULT_NONE;
	p->policy.size_max = UINT64_MAX;
	enum err e = post_read(p->r->a, p->text, &p->put, &fault);
	if (e != OK) {
		return e == ERR_INPUT ? of_fault(fault) : s3error_of(e);
	}
	if (p->put.signature == POST_UNSIGNED) {
		return S3E_NONE;
	}
	e = postpolicy_read(p->r->a, &p->put, &p->policy);
	return e == ERR_INPUT ? S3E_POST_POLICY : s3error_of(e);
}

/* From here on the request is that PUT, to every stage and every helper. */
static enum s3error become_put(struct post_upload *p)
{
	struct request *r = p->r;
	p->head = (struct http_head){
		.method = BYTES("PUT"),
		.path = p->put.path,
		.fields = p->put.headers,
		.n_fields = p->put.n_headers,
		.content_length = -1, /* of the file: its end is a delimiter */
		.chunked = true,
	};
	r->head = &p->head;
	r->query = NULL;
	r->n_query = 0;
	r->access.evidence = p->put.evidence;
	enum err e = s3op_resolve(r->a, p->head.method, BYTES(""), p->head.path, NULL, 0, false,
	                          &r->target);
	if (e != OK) {
		return e == ERR_LIMIT ? S3E_KEY_TOO_LONG : S3E_INVALID_URI;
	}
	r->op = op_of(r->target.op);
	return request_stages(r);
}

/* The KMS has decided; this only finds S3's words for it. */
static enum s3error in_words(const struct post_upload *p, enum s3error e)
{
	if (e == S3E_REQUEST_EXPIRED) {
		return S3E_POST_EXPIRED;
	}
	return e == S3E_ACCESS_DENIED && p->policy.why != NULL ? S3E_POST_CONDITION : e;
}

static enum err take_fields(void *context, const struct field *fields, size_t n,
                            struct bytes file_name)
{
	struct post_upload *p = context;
	p->fault = write_fields(p, fields, n, last_component(file_name));
	if (p->fault == S3E_NONE) {
		p->fault = read_form(p);
	}
	if (p->fault == S3E_NONE) {
		p->fault = in_words(p, become_put(p));
	}
	p->begun = p->fault == S3E_NONE;
	return p->begun ? OK : ERR_INPUT;
}

static enum err take_file(void *context, struct bytes b)
{
	struct post_upload *p = context;
	if (b.n > p->policy.size_max - p->size) {
		p->fault = S3E_TOO_LARGE;
		return ERR_INPUT;
	}
	p->size += b.n;
	p->fault = body_push(p->r->body, b);
	return p->fault == S3E_NONE ? OK : ERR_INPUT;
}

/* --- steps ----------------------------------------------------------------------------------- */

/* A form is signed in its body. What a header would ask for beside it must not be lost in silence. */
static enum s3error check_head(const struct request *r)
{
	const struct http_head *head = r->head;
	if (head->content_length < 0 && !head->chunked) {
		return S3E_MISSING_LENGTH;
	}
	if (request_header(r, "authorization").n > 0 || request_has_param(r, "X-Amz-Signature")) {
		return S3E_AUTH_TWICE;
	}
	for (size_t i = 0; i < head->n_fields; i++) {
		if (bytes_is_nocase(bytes_first(head->fields[i].name, 6), "x-amz-")) {
			return S3E_NOT_IMPLEMENTED;
		}
	}
	return S3E_NONE;
}

enum s3error op_post_object_begin(struct request *r)
{
	struct post_upload *p = arena_alloc(r->a, sizeof(*p));
	struct bytes boundary;
	TRY_S3(cors_prepare(r)); /* a page wants to read its errors, too */
	TRY_S3(check_head(r));
	enum err e = form_boundary(request_header(r, "content-type"), &boundary);
	if (e != OK) {
		return e == ERR_NOTFOUND ? S3E_POST_TYPE : S3E_POST_MALFORMED;
	}
	if (p == NULL) {
		return S3E_SLOW_DOWN;
	}
	TRY_S3(request_take_text(r, FORM_HEAD_MAX)); /* nobody is known yet who sends it, or how slowly */
	p->r = r;
	p->form = form_new(r->a, boundary, (struct form_sink){take_fields, take_file, p});
	r->post = p;
	return p->form == NULL ? S3E_SLOW_DOWN : S3E_NONE;
}

static enum s3error of_form(const struct post_upload *p, enum err e)
{
	if (p->fault != S3E_NONE) {
		return p->fault;
	}
	if (e == OK) {
		return S3E_NONE;
	}
	return e == ERR_LIMIT      ? S3E_POST_HEAD
	       : e == ERR_NOTFOUND ? S3E_POST_NO_FILE
	                           : S3E_POST_MALFORMED;
}

enum s3error op_post_push(struct request *r, struct bytes b)
{
	return of_form(r->post, form_push(r->post->form, b));
}

enum s3error op_post_finish(struct request *r)
{
	const struct post_upload *p = r->post;
	enum err e = form_end(p->form);
	if (e == ERR_INPUT && p->begun) {
		return S3E_INCOMPLETE_BODY;
	}
	TRY_S3(of_form(p, e));
	return p->size < p->policy.size_min ? S3E_TOO_SMALL : S3E_NONE;
}

void op_post_release(struct request *r)
{
	if (r->post->form != NULL) {
		form_wipe(r->post->form);
	}
	wipe((uint8_t *)r->post->text.p, r->post->text.n);
}

/* --- answers --------------------------------------------------------------------------------- */

/* The object's URL as the form was addressed. */
static void write_location(struct request *r, struct writer *w)
{
	const struct bytes *host = exchange_field(r->x, "host");
	struct bytes path = exchange_head(r->x)->path;
	write_text(w, exchange_peer(r->x)->tls ? "https://" : "http://");
	write_bytes(w, host == NULL ? BYTES("") : *host);
	write_bytes(w, path);
	if (path.p[path.n - 1] != '/') {
		write_u8(w, '/');
	}
	uri_encode(w, r->target.key, true);
}

/* An http(s) URL of visible ASCII; anything else is none, as if the field were not there. */
static bool is_redirect(struct bytes url)
{
	for (size_t i = 0; i < url.n; i++) {
		if (url.p[i] <= 0x20 || url.p[i] >= 0x7f) {
			return false;
		}
	}
	return (url.n > 7 && bytes_is_nocase(bytes_first(url, 7), "http://")) ||
	       (url.n > 8 && bytes_is_nocase(bytes_first(url, 8), "https://"));
}

static void write_redirect(struct request *r, struct bytes url, struct writer *w)
{
	struct bytes rest = url;
	struct bytes before = bytes_split(&rest, '#');
	size_t at;
	write_bytes(w, before);
	write_text(w, bytes_find(before, '?', &at) ? "&bucket=" : "?bucket=");
	uri_encode(w, r->target.bucket, false);
	write_text(w, "&key=");
	uri_encode(w, r->target.key, false);
	write_text(w, "&etag=%22");
	uri_encode(w, r->object.etag, false);
	write_text(w, "%22");
	if (rest.p != NULL) {
		write_u8(w, '#');
		write_bytes(w, rest);
	}
}

static void answer_created(struct request *r, struct bytes location)
{
	struct writer w = writer_growing(GATEWAY_ANSWER_MAX);
	xml_begin(&w);
	xml_open(&w, "PostResponse");
	xml_element(&w, "Location", location);
	xml_element(&w, "Bucket", r->target.bucket);
	xml_element(&w, "Key", r->target.key);
	object_xml_etag(&w, r->object.etag);
	xml_close(&w, "PostResponse");
	answer_xml(r, 201, &w);
}

void op_post_answer(struct request *r)
{
	const struct post *put = &r->post->put;
	struct writer w AUTO(writer_free) = writer_growing(GATEWAY_ANSWER_MAX);
	struct bytes redirect = post_field(put, "success_action_redirect");
	struct bytes status = post_field(put, "success_action_status");
	if (redirect.p == NULL) {
		redirect = post_field(put, "redirect"); /* its old name */
	}
	if (is_redirect(redirect)) {
		write_redirect(r, redirect, &w);
		answer_empty(r, 303);
	} else {
		write_location(r, &w);
		if (bytes_is(status, "201")) {
			answer_created(r, writer_bytes(&w));
		} else {
			answer_empty(r, bytes_is(status, "200") ? 200 : 204);
		}
	}
	answer_header(r, "location", writer_bytes(&w));
}
