/*
 * Reading the signature of a request. The rule: whatever is accepted here ends in a canonical
 * request that claims.c takes apart again into exactly the same parts.
 */
#include "common/sigv4/parts.h"

#include <stdlib.h>

#include "common/codec/date.h"
#include "common/codec/uri.h"

struct reading {
	struct arena *arena;
	const struct sigv4_request *request;
	bool s3;
	struct bytes body_hash;
	struct field *parameters;
	size_t n_parameters;
	struct sigv4_evidence e;
	enum sigv4_fault fault;
};

static enum err fail(struct reading *r, enum sigv4_fault fault)
{
	r->fault = fault;
	return ERR_INPUT;
}

/* The fields of that (lower-case) name: how many, and the trimmed value of the last. */
static size_t header_count(const struct reading *r, const char *name, struct bytes *ret_value)
{
	size_t n = 0;

	for (size_t i = 0; i < r->request->n_headers; i++) {
		const struct field *f = &r->request->headers[i];
		if (bytes_is_nocase(f->name, name)) {
			*ret_value = bytes_trim(f->value);
			n++;
		}
	}
	return n;
}

static size_t parameter_count(const struct reading *r, const char *name, struct bytes *ret_value)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n_parameters; i++) {
		if (bytes_is(r->parameters[i].name, name)) {
			*ret_value = r->parameters[i].value;
			n++;
		}
	}
	return n;
}

/* --- which kind ------------------------------------------------------------------------- */

static bool has_parameter(const struct reading *r, const char *name)
{
	struct bytes value;

	return parameter_count(r, name, &value) > 0;
}

static bool is_presigned(const struct reading *r)
{
	for (enum sigv4_parameter p = 0; p < SIGV4_X_COUNT; p++) {
		if (sigv4_parameter_marks(p) && has_parameter(r, sigv4_parameter_names[p])) {
			return true;
		}
	}
	return false;
}

/* Signature Version 2 in the query. */
static bool is_version_2(const struct reading *r)
{
	return has_parameter(r, "AWSAccessKeyId") ||
	       (has_parameter(r, "Signature") && has_parameter(r, "Expires"));
}

static enum err find_kind(struct reading *r, struct bytes *ret_authorization)
{
	struct bytes value = {NULL, 0};
	size_t n = header_count(r, "authorization", &value);
	bool in_header = n > 1 || value.n > 0; /* an empty one says nothing: anonymous */
	bool in_query = is_presigned(r);

	if (in_header && (in_query || is_version_2(r))) {
		return fail(r, SIGV4_FAULT_BOTH);
	}
	if (n > 1) {
		return fail(r, SIGV4_FAULT_MALFORMED_HEADER);
	}
	if (!in_query && is_version_2(r)) {
		return fail(r, SIGV4_FAULT_VERSION);
	}
	r->e.kind = in_header ? SIGV4_HEADER : in_query ? SIGV4_QUERY : SIGV4_ANONYMOUS;
	*ret_authorization = value;
	return OK;
}

/* --- header form ------------------------------------------------------------------------ */

/* One "Name=value" of the Authorization header. Each may stand once. */
static bool take_component(struct reading *r, struct bytes component, struct bytes *credential)
{
	struct bytes value = component;
	struct bytes name = bytes_split(&value, '=');
	struct bytes *into = bytes_is(name, "Credential")      ? credential
	                     : bytes_is(name, "SignedHeaders") ? &r->e.signed_headers
	                     : bytes_is(name, "Signature")     ? &r->e.signature
	                                                       : NULL;

	if (into == NULL || into->p != NULL || value.n == 0) {
		return false;
	}
	*into = value;
	return true;
}

/* x-amz-date, else Date in either form (SigV4: "Date and x-amz-date"). */
static enum err read_date(struct reading *r)
{
	struct bytes value = {NULL, 0};
	size_t n = header_count(r, "x-amz-date", &value);
	bool plain = n == 0;
	uint64_t ms;

	if (plain) {
		n = header_count(r, "date", &value);
	}
	if (n != 1) {
		return fail(r, SIGV4_FAULT_NO_DATE);
	}
	if (sigv4_is_amz_date(value, &ms)) {
		r->e.amz_date = value;
		return OK;
	}
	if (!plain || date_read_http(value, &ms) != OK) {
		return fail(r, SIGV4_FAULT_NO_DATE);
	}
	void *p = arena_alloc(r->arena, SIGV4_AMZ_DATE_BYTES);
	if (p == NULL) {
		return ERR_LIMIT;
	}
	struct writer w = writer_fixed(p, SIGV4_AMZ_DATE_BYTES);
	date_write_amz(&w, ms);
	r->e.amz_date = writer_bytes(&w);
	return writer_end(&w);
}

static enum err read_header_token(struct reading *r)
{
	struct bytes value = {NULL, 0};
	size_t n = header_count(r, "x-amz-security-token", &value);

	if (n == 0) {
		return OK;
	}
	if (n > 1 || !sigv4_is_visible(value, SIGV4_TOKEN_MAX)) {
		return fail(r, SIGV4_FAULT_MALFORMED_HEADER);
	}
	r->e.session_token = value;
	return OK;
}

static enum err read_header(struct reading *r, struct bytes authorization)
{
	struct bytes credential = {NULL, 0};
	struct bytes rest = authorization;
	struct bytes scheme = bytes_split(&rest, ' ');

	if (!bytes_is(scheme, SIGV4_ALGORITHM)) {
		return fail(r, SIGV4_FAULT_VERSION);
	}
	while (rest.p != NULL) {
		struct bytes component = bytes_trim(bytes_split(&rest, ','));
		if (!take_component(r, component, &credential)) {
			return fail(r, SIGV4_FAULT_MALFORMED_HEADER);
		}
	}
	if (credential.p == NULL || !sigv4_credential_read(credential, &r->e) ||
	    !sigv4_header_list(r->e.signed_headers) || !sigv4_is_signature(r->e.signature)) {
		return fail(r, SIGV4_FAULT_MALFORMED_HEADER);
	}
	TRY(read_date(r));
	if (!bytes_starts(r->e.amz_date, r->e.date)) {
		return fail(r, SIGV4_FAULT_MALFORMED_HEADER);
	}
	return read_header_token(r);
}

/* --- query form ------------------------------------------------------------------------- */

static enum err read_query(struct reading *r)
{
	struct bytes value[SIGV4_X_COUNT] = {0};
	struct sigv4_evidence *e = &r->e;
	uint64_t ms;

	for (enum sigv4_parameter p = 0; p < SIGV4_X_COUNT; p++) {
		bool optional = p == SIGV4_X_TOKEN || p == SIGV4_X_CONTENT_HASH;
		size_t n = parameter_count(r, sigv4_parameter_names[p], &value[p]);
		if (n > 1 || (n == 0 && !optional)) {
			return fail(r, SIGV4_FAULT_MALFORMED_QUERY);
		}
	}
	e->amz_date = value[SIGV4_X_DATE];
	e->signed_headers = value[SIGV4_X_SIGNED_HEADERS];
	e->signature = value[SIGV4_X_SIGNATURE];
	e->session_token = value[SIGV4_X_TOKEN];
	if (!bytes_is(value[SIGV4_X_ALGORITHM], SIGV4_ALGORITHM) ||
	    !sigv4_credential_read(value[SIGV4_X_CREDENTIAL], e) ||
	    !sigv4_is_amz_date(e->amz_date, &ms) || !bytes_starts(e->amz_date, e->date) ||
	    !sigv4_header_list(e->signed_headers) || !sigv4_is_signature(e->signature)) {
		return fail(r, SIGV4_FAULT_MALFORMED_QUERY);
	}
	if (e->session_token.n > 0 && !sigv4_is_visible(e->session_token, SIGV4_TOKEN_MAX)) {
		return fail(r, SIGV4_FAULT_MALFORMED_QUERY);
	}
	return sigv4_expires_read(value[SIGV4_X_EXPIRES], &e->expires_s)
	               ? OK
	               : fail(r, SIGV4_FAULT_EXPIRES);
}

/* --- what both forms need --------------------------------------------------------------- */

/* S3: the header, or for a presigned request the parameter; UNSIGNED-PAYLOAD where it may miss. */
static enum err read_s3_content_hash(struct reading *r)
{
	struct bytes header = {NULL, 0};
	struct bytes parameter = {NULL, 0};
	size_t n = header_count(r, "x-amz-content-sha256", &header);

	if (n > 1 || (n == 0 && r->e.kind == SIGV4_HEADER)) {
		return fail(r, SIGV4_FAULT_NO_CONTENT_HASH);
	}
	r->e.content_hash = n == 1 ? header : BYTES(SIGV4_UNSIGNED);
	if (r->e.kind == SIGV4_QUERY &&
	    parameter_count(r, sigv4_parameter_names[SIGV4_X_CONTENT_HASH], &parameter) == 1) {
		if (n == 1 && !bytes_equal(header, parameter)) {
			return fail(r, SIGV4_FAULT_MALFORMED_QUERY);
		}
		r->e.content_hash = parameter;
	}
	if (!sigv4_is_content_hash(r->e.content_hash)) {
		return fail(r, SIGV4_FAULT_NO_CONTENT_HASH);
	}
	r->e.payload = sigv4_payload_of(r->e.content_hash);
	/* Nobody's key can verify the chunks of an anonymous request. */
	bool chain = r->e.payload == SIGV4_PAYLOAD_CHUNKED ||
	             r->e.payload == SIGV4_PAYLOAD_CHUNKED_TRAILER;
	if (chain && r->e.kind == SIGV4_ANONYMOUS) {
		r->e.payload = SIGV4_PAYLOAD_UNSUPPORTED;
	}
	return OK;
}

static enum err read_content_hash(struct reading *r)
{
	if (r->s3) {
		return read_s3_content_hash(r);
	}
	if (!sigv4_is_hash(r->body_hash)) {
		return fail(r, SIGV4_FAULT_NO_CONTENT_HASH);
	}
	r->e.content_hash = r->body_hash;
	r->e.payload = SIGV4_PAYLOAD_SIGNED;
	return OK;
}

static bool is_amz(struct bytes name)
{
	static const char prefix[] = "x-amz-";

	return bytes_is_nocase(bytes_first(name, sizeof(prefix) - 1), prefix);
}

/* host and every x-amz-* header that was sent must be signed, or someone else could add one. */
static enum err check_signed(struct reading *r)
{
	if (!sigv4_header_listed(r->e.signed_headers, BYTES("host"))) {
		return fail(r, SIGV4_FAULT_UNSIGNED_HEADER);
	}
	for (size_t i = 0; i < r->request->n_headers; i++) {
		struct bytes name = r->request->headers[i].name;
		if (!is_amz(name)) {
			continue;
		}
		struct bytes list = r->e.signed_headers;
		bool listed = false;
		while (list.p != NULL && !listed) {
			listed = sigv4_name_is(name, bytes_split(&list, ';'));
		}
		if (!listed) {
			return fail(r, SIGV4_FAULT_UNSIGNED_HEADER);
		}
	}
	return OK;
}

static int name_order(const void *left, const void *right)
{
	const struct bytes *l = left;
	const struct bytes *r = right;

	return bytes_compare(*l, *r);
}

/*
 * Nobody signed an anonymous request. Its canonical form still names what a policy may ask for: host and every x-amz-* header,
 * once, in order.
 */
static enum err list_anonymous(struct reading *r)
{
	size_t n = 0;
	size_t size = 0;
	struct bytes *names = arena_alloc(r->arena, r->request->n_headers * sizeof(*names));

	if (names == NULL) {
		return ERR_LIMIT;
	}
	for (size_t i = 0; i < r->request->n_headers; i++) {
		struct bytes name = r->request->headers[i].name;
		if (!is_amz(name) && !bytes_is_nocase(name, "host")) {
			continue;
		}
		uint8_t *lower = arena_alloc(r->arena, name.n);
		if (lower == NULL) {
			return ERR_LIMIT;
		}
		for (size_t k = 0; k < name.n; k++) {
			lower[k] = sigv4_lower(name.p[k]);
		}
		names[n++] = bytes_of(lower, name.n);
		size += name.n + 1;
	}
	qsort(names, n, sizeof(*names), name_order);
	void *p = arena_alloc(r->arena, size);
	if (p == NULL) {
		return ERR_LIMIT;
	}
	struct writer w = writer_fixed(p, size);
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || !bytes_equal(names[i], names[i - 1])) {
			write_text(&w, i == 0 ? "" : ";");
			write_bytes(&w, names[i]);
		}
	}
	r->e.signed_headers = writer_bytes(&w);
	bool good = r->e.signed_headers.n == 0 || sigv4_header_list(r->e.signed_headers);
	return good ? writer_end(&w) : fail(r, SIGV4_FAULT_MALFORMED_HEADER);
}

static enum err build_canonical(struct reading *r)
{
	struct sigv4_draft d = {
		.method = r->request->method,
		.headers = r->request->headers,
		.n_headers = r->request->n_headers,
		.signed_headers = r->e.signed_headers,
		.content_hash = r->e.content_hash,
	};

	if (!sigv4_is_method(d.method)) {
		return ERR_INPUT;
	}
	TRY(sigv4_canonical_path(r->arena, r->request->path, !r->s3, &d.path));
	TRY(sigv4_canonical_query(r->arena, r->parameters, r->n_parameters, &d.query));
	enum err e = sigv4_canonical_request(r->arena, &d, &r->e.canonical);
	if (e == ERR_INPUT) {
		r->fault = SIGV4_FAULT_MALFORMED_HEADER;
	}
	return e;
}

/* The views into the request must live as long as the arena. */
static enum err keep(struct reading *r)
{
	struct bytes *views[] = {
		&r->e.access_key, &r->e.amz_date,       &r->e.date,      &r->e.region,
		&r->e.service,    &r->e.signed_headers, &r->e.signature, &r->e.session_token,
		&r->e.content_hash,
	};

	for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++) {
		*views[i] = arena_copy(r->arena, *views[i]);
		if (views[i]->p == NULL) {
			return ERR_LIMIT;
		}
	}
	return OK;
}

static enum err read_all(struct reading *r, struct bytes service)
{
	struct bytes authorization = {NULL, 0};
	struct bytes host;

	/* Two of them would be one name joined by ',' to the KMS and the first one to a gateway. */
	if (header_count(r, "host", &host) > 1) {
		return ERR_INPUT;
	}
	TRY(uri_query(r->arena, r->request->query, SIGV4_PARAMETERS_MAX, &r->parameters,
	              &r->n_parameters));
	TRY(find_kind(r, &authorization));
	if (r->e.kind == SIGV4_HEADER) {
		TRY(read_header(r, authorization));
	} else if (r->e.kind == SIGV4_QUERY) {
		TRY(read_query(r));
	}
	if (r->e.kind != SIGV4_ANONYMOUS) {
		if (!bytes_equal(r->e.service, service)) {
			return fail(r, r->e.kind == SIGV4_HEADER ? SIGV4_FAULT_MALFORMED_HEADER
			                                         : SIGV4_FAULT_MALFORMED_QUERY);
		}
		TRY(check_signed(r));
	} else if (r->s3) {
		TRY(list_anonymous(r));
	}
	TRY(read_content_hash(r));
	TRY(build_canonical(r));
	return keep(r);
}

enum err sigv4_read(struct arena *a, const struct sigv4_request *request, struct bytes service,
                    struct bytes body_hash, struct sigv4_evidence *ret, enum sigv4_fault *ret_fault)
{
	struct reading r = {
		.arena = a,
		.request = request,
		.s3 = bytes_is(service, "s3"),
		.body_hash = body_hash,
	};
	enum err e = read_all(&r, service);

	*ret_fault = r.fault;
	if (e == OK) {
		*ret = r.e;
	}
	return e;
}
