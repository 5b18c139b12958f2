/*
 * The whole check of an evidence. Nothing beside the canonical request is taken from the gateway
 * unless the signature binds it: for the header form date and scope are in the string to sign; for
 * the query form everything is in the signed query and must equal the fields.
 */
#include "common/sigv4/parts.h"

#include "common/codec/uri.h"

/* How often a parameter stands in a canonical query, and its last value, still encoded. Their
 * names are unreserved characters, so they stand there as they are. */
static size_t signed_parameter(struct bytes query, enum sigv4_parameter p, struct bytes *ret_value)
{
	size_t n = 0;

	while (query.p != NULL) {
		struct bytes value = bytes_split(&query, '&');
		if (bytes_is(bytes_split(&value, '='), sigv4_parameter_names[p])) {
			*ret_value = value;
			n++;
		}
	}
	return n;
}

/*
 * A header signature over a query with presigning parameters is the signature of a presigned URL
 * in another dress: it would outlive its own expiry by the clock window. sigv4_read refuses both
 * at once; so does this side.
 */
static enum err check_no_presigning(const struct sigv4_claims *c)
{
	struct bytes value;

	for (enum sigv4_parameter p = 0; p < SIGV4_X_COUNT; p++) {
		if (sigv4_parameter_marks(p) && signed_parameter(c->query, p, &value) > 0) {
			return ERR_INPUT;
		}
	}
	return OK;
}

/* Equal to the signed header of that name, where it is signed and was sent. */
static bool agrees(const struct sigv4_claims *c, const char *name, struct bytes value)
{
	const struct field *f = field_get(c->headers, c->n_headers, name, false);

	return f == NULL || f->value.n == 0 || bytes_equal(f->value, value);
}

static enum err check_header_form(const struct sigv4_evidence *e, const struct sigv4_claims *c)
{
	TRY(check_no_presigning(c));
	if (!agrees(c, "x-amz-date", e->amz_date)) {
		return ERR_INPUT;
	}
	if (e->session_token.n > 0) {
		const struct field *f =
			field_get(c->headers, c->n_headers, "x-amz-security-token", false);
		if (f == NULL || !bytes_equal(f->value, e->session_token)) {
			return ERR_INPUT;
		}
	}
	if (bytes_is(e->service, "s3") &&
	    field_get(c->headers, c->n_headers, "x-amz-content-sha256", false) == NULL) {
		return ERR_INPUT;
	}
	return OK;
}

/* The presigning parameters, decoded, each exactly once (the token and the hash may miss). */
static enum err read_signed_query(struct arena *a, struct bytes query,
                                  struct bytes value[SIGV4_X_COUNT])
{
	for (enum sigv4_parameter p = 0; p < SIGV4_X_COUNT; p++) {
		bool optional = p == SIGV4_X_TOKEN || p == SIGV4_X_CONTENT_HASH;
		struct bytes encoded = {NULL, 0};
		size_t n = signed_parameter(query, p, &encoded);
		if (p == SIGV4_X_SIGNATURE) {
			continue; /* claims_read has refused it */
		}
		if (n > 1 || (n == 0 && !optional)) {
			return ERR_INPUT;
		}
		if (n == 1) {
			TRY(uri_decode(a, encoded, &value[p]));
		}
	}
	return OK;
}

static enum err check_query_form(struct arena *a, const struct sigv4_evidence *e,
                                 const struct sigv4_claims *c)
{
	struct bytes value[SIGV4_X_COUNT] = {0};
	struct sigv4_evidence s = {0}; /* what the user signed */

	TRY(read_signed_query(a, c->query, value));
	if (!bytes_is(value[SIGV4_X_ALGORITHM], SIGV4_ALGORITHM) ||
	    !sigv4_credential_read(value[SIGV4_X_CREDENTIAL], &s) ||
	    !sigv4_expires_read(value[SIGV4_X_EXPIRES], &s.expires_s)) {
		return ERR_INPUT;
	}
	if (!bytes_equal(s.access_key, e->access_key) || !bytes_equal(s.date, e->date) ||
	    !bytes_equal(s.region, e->region) || !bytes_equal(s.service, e->service)) {
		return ERR_INPUT;
	}
	if (!bytes_equal(value[SIGV4_X_DATE], e->amz_date) || s.expires_s != e->expires_s ||
	    !bytes_equal(value[SIGV4_X_SIGNED_HEADERS], c->signed_headers)) {
		return ERR_INPUT;
	}
	if (e->session_token.n > 0 && !bytes_equal(value[SIGV4_X_TOKEN], e->session_token)) {
		return ERR_INPUT;
	}
	return OK;
}

/* The fields that travel beside the canonical request against what it says. */
static enum err check_fields(struct arena *a, const struct sigv4_evidence *e)
{
	struct sigv4_claims c;

	TRY(sigv4_claims_read(e->canonical, &c));
	if (!sigv4_scope_valid(e) || !bytes_starts(e->amz_date, e->date) ||
	    !sigv4_is_signature(e->signature) ||
	    !bytes_equal(e->signed_headers, c.signed_headers) ||
	    !sigv4_header_listed(c.signed_headers, BYTES("host"))) {
		return ERR_INPUT;
	}
	if (e->content_hash.n > 0 && !bytes_equal(e->content_hash, c.content_hash)) {
		return ERR_INPUT;
	}
	if (bytes_is(e->service, "s3") && !agrees(&c, "x-amz-content-sha256", c.content_hash)) {
		return ERR_INPUT;
	}
	return e->kind == SIGV4_HEADER ? check_header_form(e, &c) : check_query_form(a, e, &c);
}

static enum err check_clock(const struct sigv4_evidence *e, uint64_t now_ms, bool *ret_expired)
{
	uint64_t signed_ms;

	*ret_expired = false;
	if (!sigv4_is_amz_date(e->amz_date, &signed_ms)) {
		return ERR_INPUT;
	}
	if (signed_ms > now_ms && signed_ms - now_ms > SIGV4_SKEW_MS) {
		return ERR_TIMEOUT;
	}
	uint64_t age_ms = signed_ms < now_ms ? now_ms - signed_ms : 0;
	if (e->kind == SIGV4_HEADER) {
		return age_ms > SIGV4_SKEW_MS ? ERR_TIMEOUT : OK;
	}
	*ret_expired = age_ms > e->expires_s * 1000;
	return *ret_expired ? ERR_TIMEOUT : OK;
}

enum err sigv4_verify(struct arena *a, const struct sigv4_evidence *e,
                      const struct secret *signing_key, uint64_t now_ms, bool *ret_expired)
{
	char signature[SIGV4_SIGNATURE_HEX];
	struct bytes text;

	if (e->kind != SIGV4_HEADER && e->kind != SIGV4_QUERY) {
		return ERR_INPUT;
	}
	TRY(check_fields(a, e));
	TRY(check_clock(e, now_ms, ret_expired));
	TRY(sigv4_string_to_sign(a, e, &text));
	TRY(sigv4_sign(signing_key, text, signature));
	return same_bytes(signature, e->signature.p, sizeof(signature)) ? OK : ERR_AUTH;
}
