/*
 * A form's fields, and what they stand for. The gateway sends the text of the fields and nothing of what is derived here, so there
 * is nothing in which it could contradict them.
 */
#include "common/sigv4/post.h"

#include "common/base/attr.h"
#include "common/codec/base64.h"
#include "common/codec/uri.h"
#include "common/codec/xml.h"
#include "common/crypto/hmac.h"
#include "common/sigv4/parts.h"

enum {
	BUCKET_MAX = 256,     /* bytes; s3op judges the name */
	TAG_NODES_MAX = 64,   /* elements of a tag set */
	TAG_TEXT_MAX = 16384, /* bytes of a tag set as a header */
	SHA1_BASE64 = 28,
};

struct reading {
	struct arena *arena;
	struct post p;
	struct field *fields, *headers;
	enum post_fault fault;
};

static enum err fail(struct reading *r, enum post_fault fault)
{
	r->fault = fault;
	return ERR_INPUT;
}

struct bytes post_field(const struct post *p, const char *name)
{
	const struct field *f = field_get(p->fields, p->n_fields, name, false);

	return f == NULL ? (struct bytes){NULL, 0} : f->value;
}

/* --- the text ------------------------------------------------------------------------------- */

void post_write(struct writer *w, struct bytes bucket, const struct field *fields, size_t n)
{
	size_t before = w->used;

	write_lv16(w, bucket);
	write_u16(w, (uint16_t)n);
	for (size_t i = 0; i < n; i++) {
		write_lv16(w, fields[i].name);
		write_lv16(w, fields[i].value);
	}
	if (n > POST_FIELDS_MAX || bucket.n > BUCKET_MAX || w->used - before > POST_TEXT_MAX) {
		w->full = true;
	}
}

static bool is_lower_case(struct bytes name)
{
	for (size_t i = 0; i < name.n; i++) {
		if (sigv4_lower(name.p[i]) != name.p[i]) {
			return false;
		}
	}
	return name.n > 0;
}

static enum err read_fields(struct reading *r, struct bytes text)
{
	struct reader in = reader_of(text);
	struct post *p = &r->p;

	p->bucket = read_lv16(&in, BUCKET_MAX);
	size_t n = read_u16(&in);
	size_t at;
	if (in.bad || text.n > POST_TEXT_MAX || p->bucket.n == 0 || n > POST_FIELDS_MAX) {
		return ERR_INPUT;
	}
	if (bytes_find(p->bucket, '/', &at)) {
		return ERR_INPUT; /* in the path, a part of it would be the key's */
	}
	r->fields = arena_alloc(r->arena, n * sizeof(*r->fields));
	if (r->fields == NULL) {
		return ERR_LIMIT;
	}
	p->fields = r->fields;
	for (; p->n_fields < n; p->n_fields++) {
		struct field *f = &r->fields[p->n_fields];
		f->name = read_lv16(&in, POST_TEXT_MAX);
		f->value = read_lv16(&in, POST_TEXT_MAX);
		if (in.bad || !is_lower_case(f->name)) {
			return ERR_INPUT;
		}
		/* Of two, nobody knows which one the policy means. */
		for (size_t i = 0; i < p->n_fields; i++) {
			if (bytes_equal(r->fields[i].name, f->name)) {
				return fail(r, POST_FAULT_VALUE);
			}
		}
	}
	return read_end(&in);
}

/* --- who signed ----------------------------------------------------------------------------- */

static bool has(const struct reading *r, const char *name)
{
	return field_get(r->fields, r->p.n_fields, name, false) != NULL;
}

static enum err read_v4(struct reading *r)
{
	struct sigv4_evidence *e = &r->p.evidence;
	uint64_t ms;

	e->amz_date = post_field(&r->p, "x-amz-date");
	e->signature = post_field(&r->p, "x-amz-signature");
	if (!bytes_is(post_field(&r->p, "x-amz-algorithm"), SIGV4_ALGORITHM) ||
	    !sigv4_credential_read(post_field(&r->p, "x-amz-credential"), e) ||
	    !bytes_is(e->service, "s3") || !sigv4_is_amz_date(e->amz_date, &ms) ||
	    !bytes_starts(e->amz_date, e->date)) {
		return fail(r, POST_FAULT_SIGNATURE);
	}
	r->p.signature = POST_SIGNED_V4;
	return OK;
}

static enum err read_v2(struct reading *r)
{
	struct sigv4_evidence *e = &r->p.evidence;

	e->service = BYTES("s3"); /* the form of S3 alone; there is no scope */
	e->access_key = post_field(&r->p, "awsaccesskeyid");
	e->signature = post_field(&r->p, "signature");
	if (!sigv4_is_visible(e->access_key, SIGV4_ACCESS_KEY_MAX)) {
		return fail(r, POST_FAULT_SIGNATURE);
	}
	r->p.signature = POST_SIGNED_V2;
	return OK;
}

/* A form with any part of a signature is a signed one; it never falls back to nobody's. */
static enum err read_signature(struct reading *r)
{
	bool v2 = has(r, "awsaccesskeyid") || has(r, "signature");
	bool v4 = has(r, "x-amz-algorithm") || has(r, "x-amz-credential") ||
	          has(r, "x-amz-date") || has(r, "x-amz-signature");

	r->p.policy = post_field(&r->p, "policy");
	if (!v2 && !v4 && !has(r, "policy")) {
		return OK;
	}
	if (v2 && v4) {
		return fail(r, POST_FAULT_BOTH);
	}
	TRY(v2 ? read_v2(r) : read_v4(r));
	/* Any visible text may be a signature; whether it is the right one, the KMS says, and logs it. */
	if (r->p.policy.n == 0 || !sigv4_is_visible(r->p.evidence.signature, POST_SIGNATURE_MAX)) {
		return fail(r, POST_FAULT_SIGNATURE);
	}
	r->p.evidence.kind = SIGV4_FORM;
	return OK;
}

/* --- the PUT -------------------------------------------------------------------------------- */

/* <Tagging><TagSet><Tag><Key/><Value/></Tag>... as x-amz-tagging has it: key=value&key=value */
static enum err tags_as_header(struct reading *r, struct bytes document, struct bytes *ret)
{
	struct xml_node *root;
	uint8_t *p = arena_alloc(r->arena, TAG_TEXT_MAX);
	struct writer w = writer_fixed(p, TAG_TEXT_MAX);

	if (p == NULL) {
		return ERR_LIMIT;
	}
	enum err e = xml_parse(r->arena, document, TAG_NODES_MAX, &root);
	const struct xml_node *set = e == OK ? xml_child(root, "TagSet") : NULL;
	if (set == NULL || !bytes_is(root->name, "Tagging") || set->next != NULL) {
		return fail(r, POST_FAULT_TAGGING);
	}
	for (const struct xml_node *tag = set->child; tag != NULL; tag = tag->next) {
		const struct xml_node *key = xml_child(tag, "Key");
		const struct xml_node *value = xml_child(tag, "Value");
		if (!bytes_is(tag->name, "Tag") || key == NULL || value == NULL ||
		    xml_next(key, "Key") != NULL || xml_next(value, "Value") != NULL) {
			return fail(r, POST_FAULT_TAGGING);
		}
		write_text(&w, w.used == 0 ? "" : "&");
		uri_encode(&w, key->text, false);
		write_u8(&w, '=');
		uri_encode(&w, value->text, false);
	}
	*ret = writer_bytes(&w);
	return writer_end(&w) == OK ? OK : fail(r, POST_FAULT_TAGGING);
}

/* The list of names and its order are kept by inserting: a canonical request wants them ascending. */
static enum err add_header(struct reading *r, struct bytes name, struct bytes value)
{
	size_t at = r->p.n_headers;

	if (at == SIGV4_SIGNED_HEADERS_MAX || !sigv4_is_header_name(name) ||
	    !sigv4_is_header_value(value)) {
		return fail(r, POST_FAULT_VALUE);
	}
	for (; at > 0 && bytes_compare(r->headers[at - 1].name, name) > 0; at--) {
		r->headers[at] = r->headers[at - 1];
	}
	r->headers[at] = (struct field){name, bytes_trim(value)};
	r->p.n_headers++;
	return OK;
}

/* Which header a field is. Of x-amz- only what is known here: one that means something to a PUT and nothing to a form (a copy source, a
 * payload hash, a trailer) must not slip in. */
static bool is_header_field(struct bytes name)
{
	static const char *const same[] = {
		"cache-control", "content-type", "content-disposition", "content-encoding",
		"content-language", "content-md5", "expires", "x-amz-storage-class",
		"x-amz-website-redirect-location",
	};
	static const char *const families[] = {
		"x-amz-meta-", "x-amz-server-side-encryption", "x-amz-checksum-",
		"x-amz-object-lock-", "x-amz-grant-",
	};

	for (size_t i = 0; i < COUNT(same); i++) {
		if (bytes_is(name, same[i])) {
			return true;
		}
	}
	for (size_t i = 0; i < COUNT(families); i++) {
		if (bytes_starts(name, bytes_text(families[i]))) {
			return true;
		}
	}
	return false;
}

static bool is_signature_field(struct bytes name)
{
	static const char *const names[] = {"x-amz-algorithm", "x-amz-credential", "x-amz-date",
	                                    "x-amz-signature", "x-amz-security-token"};

	for (size_t i = 0; i < COUNT(names); i++) {
		if (bytes_is(name, names[i])) {
			return true;
		}
	}
	return false;
}

static enum err map_field(struct reading *r, const struct field *f)
{
	struct bytes value = f->value;

	if (bytes_is(f->name, "acl")) {
		return add_header(r, BYTES("x-amz-acl"), value);
	}
	if (bytes_is(f->name, "tagging")) {
		TRY(tags_as_header(r, f->value, &value));
		return add_header(r, BYTES("x-amz-tagging"), value);
	}
	if (is_header_field(f->name)) {
		return add_header(r, f->name, value);
	}
	bool unknown = bytes_starts(f->name, BYTES("x-amz-")) && !is_signature_field(f->name);
	return unknown ? fail(r, POST_FAULT_UNBUILT) : OK; /* others are the page's own */
}

static enum err list_names(struct reading *r, struct bytes *ret)
{
	struct bytes parts[2 * SIGV4_SIGNED_HEADERS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < r->p.n_headers; i++) {
		if (i > 0) {
			parts[n++] = BYTES(";");
		}
		parts[n++] = r->headers[i].name;
	}
	*ret = arena_join(r->arena, parts, n);
	return ret->p == NULL ? ERR_LIMIT : OK;
}

static enum err build_put(struct reading *r)
{
	struct sigv4_evidence *e = &r->p.evidence;
	struct bytes key = post_field(&r->p, "key");

	if (key.n == 0) {
		return fail(r, POST_FAULT_NO_KEY);
	}
	r->headers = arena_alloc(r->arena, SIGV4_SIGNED_HEADERS_MAX * sizeof(*r->headers));
	size_t size = 2 + 3 * (r->p.bucket.n + key.n);
	uint8_t *path = arena_alloc(r->arena, size);
	if (r->headers == NULL || path == NULL) {
		return ERR_LIMIT;
	}
	r->p.headers = r->headers;
	for (size_t i = 0; i < r->p.n_fields; i++) {
		TRY(map_field(r, &r->fields[i]));
	}
	struct writer w = writer_fixed(path, size);
	write_u8(&w, '/');
	uri_encode(&w, r->p.bucket, false);
	write_u8(&w, '/');
	uri_encode(&w, key, true);
	TRY(writer_end(&w));
	r->p.path = writer_bytes(&w);
	TRY(list_names(r, &e->signed_headers));
	e->content_hash = BYTES(SIGV4_UNSIGNED);
	e->payload = SIGV4_PAYLOAD_UNSIGNED;
	const struct sigv4_draft d = {
		.method = BYTES("PUT"),
		.path = r->p.path,
		.headers = r->headers,
		.n_headers = r->p.n_headers,
		.signed_headers = e->signed_headers,
		.content_hash = e->content_hash,
	};
	return sigv4_canonical_request(r->arena, &d, &e->canonical);
}

static enum err read_all(struct reading *r, struct bytes text)
{
	TRY(read_fields(r, text));
	TRY(read_signature(r));
	TRY(build_put(r));
	r->p.evidence.form = text;
	return OK;
}

enum err post_read(struct arena *a, struct bytes text, struct post *ret, enum post_fault *ret_fault)
{
	struct reading r = {.arena = a};
	enum err e = read_all(&r, text);

	*ret_fault = r.fault;
	if (e == OK) {
		*ret = r.p;
	}
	return e;
}

/* --- the signature -------------------------------------------------------------------------- */

enum err post_verify_v4(const struct post *p, const struct secret *signing_key, uint64_t now_ms,
                        bool *ret_expired)
{
	char signature[SIGV4_SIGNATURE_HEX];
	uint64_t signed_ms;

	*ret_expired = false;
	if (!sigv4_is_amz_date(p->evidence.amz_date, &signed_ms)) {
		return ERR_AUTH;
	}
	if (signed_ms > now_ms && signed_ms - now_ms > SIGV4_SKEW_MS) {
		return ERR_TIMEOUT;
	}
	*ret_expired = signed_ms < now_ms && now_ms - signed_ms > SIGV4_EXPIRES_MAX_S * 1000ULL;
	if (*ret_expired) {
		return ERR_TIMEOUT;
	}
	TRY(sigv4_sign(signing_key, p->policy, signature));
	return p->evidence.signature.n == sizeof(signature) &&
	                       same_bytes(signature, p->evidence.signature.p, sizeof(signature))
	               ? OK
	               : ERR_AUTH;
}

enum err post_verify_v2(const struct post *p, const struct secret *secret_key)
{
	uint8_t mac[HMAC_SHA1_BYTES];
	uint8_t signature[SHA1_BASE64];
	struct writer w = writer_fixed(signature, sizeof(signature));

	TRY(hmac_sha1(secret_bytes(secret_key), p->policy, mac));
	base64_write(&w, bytes_of(mac, sizeof(mac)));
	return p->evidence.signature.n == sizeof(signature) &&
	                       same_bytes(signature, p->evidence.signature.p, sizeof(signature))
	               ? OK
	               : ERR_AUTH;
}
