/* The string to sign, the signing key, and signatures for clients. */
#include "common/sigv4/parts.h"

#include <string.h>

#include "common/base/attr.h"
#include "common/codec/hex.h"
#include "common/codec/uri.h"
#include "common/crypto/hash.h"
#include "common/crypto/hmac.h"

static const char key_prefix[] = "AWS4";
enum { KEY_PREFIX_BYTES = sizeof(key_prefix) - 1 };

enum err sigv4_scope(struct arena *a, const struct sigv4_evidence *e, struct bytes *ret)
{
	struct bytes scope = arena_join(
		a,
		(const struct bytes[]){e->date, BYTES("/"), e->region, BYTES("/"), e->service,
	                               BYTES("/aws4_request")},
		6);

	if (scope.p == NULL) {
		return ERR_LIMIT;
	}
	*ret = scope;
	return OK;
}

enum err sigv4_string_to_sign(struct arena *a, const struct sigv4_evidence *e, struct bytes *ret)
{
	uint8_t hash[SHA256_BYTES];
	char hex[SIGV4_SHA256_HEX];
	struct writer w = writer_fixed(hex, sizeof(hex));
	struct bytes scope;

	TRY(sigv4_scope(a, e, &scope));
	TRY(hash_sha256(e->canonical, hash));
	hex_write(&w, bytes_of(hash, sizeof(hash)));
	struct bytes text = arena_join(
		a,
		(const struct bytes[]){BYTES(SIGV4_ALGORITHM "\n"), e->amz_date, BYTES("\n"), scope,
	                               BYTES("\n"), writer_bytes(&w)},
		6);
	if (text.p == NULL) {
		return ERR_LIMIT;
	}
	*ret = text;
	return OK;
}

/* The four HMACs; `key` holds the secret first and the signing key at the end. */
static enum err derive(struct bytes prefixed, const struct bytes steps[4], uint8_t key[HMAC_BYTES])
{
	TRY(hmac_sha256(prefixed, steps[0], key));
	for (size_t i = 1; i < 4; i++) {
		uint8_t next[HMAC_BYTES];
		enum err e = hmac_sha256(bytes_of(key, HMAC_BYTES), steps[i], next);
		memcpy(key, next, HMAC_BYTES);
		wipe(next, sizeof(next));
		TRY(e);
	}
	return OK;
}

enum err sigv4_signing_key(const struct secret *secret_key, struct bytes date, struct bytes region,
                           struct bytes service, struct secret **ret)
{
	uint8_t prefixed[KEY_PREFIX_BYTES + SECRET_MAX];
	struct bytes secret = secret_bytes(secret_key);
	const struct bytes steps[4] = {date, region, service, BYTES("aws4_request")};
	struct secret *key = secret_new(HMAC_BYTES);

	if (key == NULL) {
		return ERR_NOMEM;
	}
	memcpy(prefixed, key_prefix, KEY_PREFIX_BYTES);
	memcpy(prefixed + KEY_PREFIX_BYTES, secret.p, secret.n);
	enum err e = derive(bytes_of(prefixed, KEY_PREFIX_BYTES + secret.n), steps, secret_edit(key));
	wipe(prefixed, sizeof(prefixed));
	if (e != OK) {
		secret_free(key);
		return e;
	}
	*ret = key;
	return OK;
}

enum err sigv4_sign(const struct secret *signing_key, struct bytes text,
                    char ret[SIGV4_SIGNATURE_HEX])
{
	uint8_t mac[HMAC_BYTES];
	struct writer w = writer_fixed(ret, SIGV4_SIGNATURE_HEX);

	TRY(hmac_sha256(secret_bytes(signing_key), text, mac));
	hex_write(&w, bytes_of(mac, sizeof(mac)));
	return writer_end(&w);
}

/* --- for clients ------------------------------------------------------------------------ */

/* Headers that proxies and HTTP libraries change, or that carry the signature itself. */
static bool is_left_out(struct bytes name)
{
	static const char *const names[] = {
		"authorization", "connection", "expect", "te", "transfer-encoding", "user-agent",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (bytes_is(name, names[i])) {
			return true;
		}
	}
	return false;
}

/* Insert into the sorted names; equal ones once. */
static void insert_name(struct bytes *names, size_t *n, struct bytes name)
{
	size_t at = *n;

	while (at > 0 && bytes_compare(names[at - 1], name) > 0) {
		at--;
	}
	if (at > 0 && bytes_equal(names[at - 1], name)) {
		return;
	}
	for (size_t i = *n; i > at; i--) {
		names[i] = names[i - 1];
	}
	names[at] = name;
	(*n)++;
}

static enum err lower_copy(struct arena *a, struct bytes name, struct bytes *ret)
{
	uint8_t *p = arena_alloc(a, name.n);

	if (p == NULL) {
		return ERR_LIMIT;
	}
	for (size_t i = 0; i < name.n; i++) {
		p[i] = sigv4_lower(name.p[i]);
	}
	*ret = bytes_of(p, name.n);
	return OK;
}

/* "host;x-amz-date" of the headers to be signed. */
static enum err list_headers(struct arena *a, const struct sigv4_request *request,
                             struct bytes *ret)
{
	struct bytes names[SIGV4_SIGNED_HEADERS_MAX + 1];
	struct bytes parts[2 * SIGV4_SIGNED_HEADERS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < request->n_headers; i++) {
		struct bytes name;
		TRY(lower_copy(a, request->headers[i].name, &name));
		if (is_left_out(name)) {
			continue;
		}
		if (n == SIGV4_SIGNED_HEADERS_MAX) {
			return ERR_LIMIT;
		}
		insert_name(names, &n, name);
	}
	for (size_t i = 0; i < n; i++) {
		parts[2 * i] = names[i];
		parts[2 * i + 1] = BYTES(";");
	}
	struct bytes list = n == 0 ? BYTES("") : arena_join(a, parts, 2 * n - 1);
	if (list.p == NULL) {
		return ERR_LIMIT;
	}
	if (!sigv4_header_list(list) || !sigv4_header_listed(list, BYTES("host"))) {
		return ERR_INPUT;
	}
	*ret = list;
	return OK;
}

/* Sign e->canonical with the user's secret. */
static enum err sign_evidence(struct arena *a, const struct sigv4_evidence *e,
                              const struct secret *secret_key, struct bytes *ret)
{
	char *hex = arena_alloc(a, SIGV4_SIGNATURE_HEX);
	struct secret *key AUTO(secret_freep) = NULL;
	struct bytes text;

	if (hex == NULL) {
		return ERR_LIMIT;
	}
	TRY(sigv4_string_to_sign(a, e, &text));
	TRY(sigv4_signing_key(secret_key, e->date, e->region, e->service, &key));
	TRY(sigv4_sign(key, text, hex));
	*ret = bytes_of(hex, SIGV4_SIGNATURE_HEX);
	return OK;
}

/* The fields of a new signature; refuses what sigv4_read would refuse. */
static enum err start_evidence(struct arena *a, const struct sigv4_request *request,
                               struct sigv4_evidence *e)
{
	uint64_t ms;

	if (!sigv4_is_amz_date(e->amz_date, &ms) || !sigv4_is_method(request->method) ||
	    !sigv4_is_visible(e->access_key, SIGV4_ACCESS_KEY_MAX)) {
		return ERR_INPUT;
	}
	e->date = bytes_first(e->amz_date, SIGV4_DATE_BYTES);
	if (!sigv4_scope_valid(e) || !sigv4_is_content_hash(e->content_hash)) {
		return ERR_INPUT;
	}
	return list_headers(a, request, &e->signed_headers);
}

/* The canonical request over these decoded parameters; ret_query is its query. */
static enum err draw_up(struct arena *a, const struct sigv4_request *request,
                        const struct field *parameters, size_t n, struct sigv4_evidence *e,
                        struct bytes *ret_query)
{
	struct sigv4_draft d = {
		.method = request->method,
		.headers = request->headers,
		.n_headers = request->n_headers,
		.signed_headers = e->signed_headers,
		.content_hash = e->content_hash,
	};

	TRY(sigv4_canonical_path(a, request->path, !bytes_is(e->service, "s3"), &d.path));
	TRY(sigv4_canonical_query(a, parameters, n, &d.query));
	*ret_query = d.query;
	return sigv4_canonical_request(a, &d, &e->canonical);
}

enum err sigv4_authorization(struct arena *a, const struct sigv4_request *request,
                             struct bytes access_key, const struct secret *secret_key,
                             struct bytes region, struct bytes service, struct bytes amz_date,
                             struct bytes content_hash, struct bytes *ret)
{
	struct sigv4_evidence e = {
		.kind = SIGV4_HEADER,
		.access_key = access_key,
		.amz_date = amz_date,
		.region = region,
		.service = service,
		.content_hash = content_hash,
	};
	struct field *parameters;
	struct bytes query, scope;
	size_t n;

	TRY(start_evidence(a, request, &e));
	TRY(uri_query(a, request->query, SIGV4_PARAMETERS_MAX, &parameters, &n));
	TRY(draw_up(a, request, parameters, n, &e, &query));
	TRY(sign_evidence(a, &e, secret_key, &e.signature));
	TRY(sigv4_scope(a, &e, &scope));
	struct bytes value = arena_join(
		a,
		(const struct bytes[]){BYTES(SIGV4_ALGORITHM " Credential="), access_key, BYTES("/"),
	                               scope, BYTES(", SignedHeaders="), e.signed_headers,
	                               BYTES(", Signature="), e.signature},
		8);
	if (value.p == NULL) {
		return ERR_LIMIT;
	}
	*ret = value;
	return OK;
}

/* The request's own parameters and the presigning ones. */
static enum err presign_parameters(struct arena *a, struct bytes raw,
                                   const struct sigv4_evidence *e, struct field **ret,
                                   size_t *ret_n)
{
	enum { ADDED = 5, EXPIRES_DIGITS = 20 };
	uint8_t *digits = arena_alloc(a, EXPIRES_DIGITS);
	struct field *own;
	struct bytes scope;
	size_t n;

	TRY(uri_query(a, raw, SIGV4_PARAMETERS_MAX - ADDED, &own, &n));
	TRY(sigv4_scope(a, e, &scope));
	struct bytes credential =
		arena_join(a, (const struct bytes[]){e->access_key, BYTES("/"), scope}, 3);
	struct field *all = arena_alloc(a, (n + ADDED) * sizeof(*all));
	if (digits == NULL || credential.p == NULL || all == NULL) {
		return ERR_LIMIT;
	}
	struct writer w = writer_fixed(digits, EXPIRES_DIGITS);
	write_decimal(&w, e->expires_s);
	const struct field added[ADDED] = {
		{bytes_text(sigv4_parameter_names[SIGV4_X_ALGORITHM]), BYTES(SIGV4_ALGORITHM)},
		{bytes_text(sigv4_parameter_names[SIGV4_X_CREDENTIAL]), credential},
		{bytes_text(sigv4_parameter_names[SIGV4_X_DATE]), e->amz_date},
		{bytes_text(sigv4_parameter_names[SIGV4_X_EXPIRES]), writer_bytes(&w)},
		{bytes_text(sigv4_parameter_names[SIGV4_X_SIGNED_HEADERS]), e->signed_headers},
	};
	for (size_t i = 0; i < n + ADDED; i++) {
		all[i] = i < n ? own[i] : added[i - n];
	}
	*ret = all;
	*ret_n = n + ADDED;
	return OK;
}

enum err sigv4_presign(struct arena *a, const struct sigv4_request *request,
                       struct bytes access_key, const struct secret *secret_key,
                       struct bytes region, struct bytes amz_date, uint64_t expires_s,
                       struct bytes *ret)
{
	struct sigv4_evidence e = {
		.kind = SIGV4_QUERY,
		.access_key = access_key,
		.amz_date = amz_date,
		.region = region,
		.service = BYTES("s3"),
		.expires_s = expires_s,
		.content_hash = BYTES(SIGV4_UNSIGNED),
	};
	struct field *parameters;
	struct bytes query;
	size_t n;

	if (expires_s < 1 || expires_s > SIGV4_EXPIRES_MAX_S) {
		return ERR_INPUT;
	}
	TRY(start_evidence(a, request, &e));
	TRY(presign_parameters(a, request->query, &e, &parameters, &n));
	TRY(draw_up(a, request, parameters, n, &e, &query));
	TRY(sign_evidence(a, &e, secret_key, &e.signature));
	struct bytes signed_query = arena_join(
		a, (const struct bytes[]){query, BYTES("&X-Amz-Signature="), e.signature}, 3);
	if (signed_query.p == NULL) {
		return ERR_LIMIT;
	}
	*ret = signed_query;
	return OK;
}
