/* The canonical request. One text for one meaning: claims.c refuses every other text. */
#include "common/sigv4/parts.h"

#include <stdlib.h>

#include "common/codec/uri.h"

enum { ESCAPED_BYTES = 3 }; /* of one byte, at most */

static enum err encode(struct arena *a, struct bytes b, bool keep_slash, struct bytes *ret)
{
	size_t size;

	if (__builtin_mul_overflow(b.n, (size_t)ESCAPED_BYTES, &size)) {
		return ERR_LIMIT;
	}
	void *p = arena_alloc(a, size);
	if (p == NULL) {
		return ERR_LIMIT;
	}
	struct writer w = writer_fixed(p, size);
	uri_encode(&w, b, keep_slash);
	*ret = writer_bytes(&w);
	return writer_end(&w);
}

enum err sigv4_canonical_path(struct arena *a, struct bytes raw, bool twice, struct bytes *ret)
{
	struct bytes text = raw;

	if (raw.n == 0) {
		*ret = BYTES("/");
		return OK;
	}
	if (raw.p[0] != '/') {
		return ERR_INPUT;
	}
	TRY(uri_decode(a, raw, &text));
	if (twice) {
		TRY(encode(a, text, true, &text));
	}
	return encode(a, text, true, ret);
}

/* "Sorted by name, then by value" is by the encoded text (S3 guide, CanonicalQueryString). */
static int order_of(const void *left, const void *right)
{
	const struct field *l = left;
	const struct field *r = right;
	int order = bytes_compare(l->name, r->name);

	return order != 0 ? order : bytes_compare(l->value, r->value);
}

enum err sigv4_canonical_query(struct arena *a, const struct field *parameters, size_t n,
                               struct bytes *ret)
{
	size_t used = 0;
	size_t size = 0;

	if (n > SIGV4_PARAMETERS_MAX) {
		return ERR_LIMIT;
	}
	struct field *encoded = arena_alloc(a, n * sizeof(struct field));
	if (encoded == NULL) {
		return ERR_LIMIT;
	}
	for (size_t i = 0; i < n; i++) {
		struct field *f = &encoded[used];
		if (bytes_is(parameters[i].name, sigv4_parameter_names[SIGV4_X_SIGNATURE])) {
			continue;
		}
		TRY(encode(a, parameters[i].name, false, &f->name));
		TRY(encode(a, parameters[i].value, false, &f->value));
		size += f->name.n + f->value.n + 2; /* '=' and '&' */
		used++;
	}
	qsort(encoded, used, sizeof(struct field), order_of);
	void *p = arena_alloc(a, size);
	if (p == NULL) {
		return ERR_LIMIT;
	}
	struct writer w = writer_fixed(p, size);
	for (size_t i = 0; i < used; i++) {
		write_text(&w, i == 0 ? "" : "&");
		write_bytes(&w, encoded[i].name);
		write_u8(&w, '=');
		write_bytes(&w, encoded[i].value);
	}
	*ret = writer_bytes(&w);
	return writer_end(&w);
}

/* Trimmed, and every run of spaces is one space. */
static void write_value(struct writer *w, struct bytes value)
{
	value = bytes_trim(value);
	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] != ' ' || value.p[i - 1] != ' ') { /* p[0] is no space: trimmed */
			write_u8(w, value.p[i]);
		}
	}
}

/*
 * One header line: all values of that name in their order, joined by ','. A name that is signed
 * but not sent gives an empty value, as AWS does: it verifies only if the client signed it so.
 */
static enum err write_header(struct writer *w, const struct sigv4_draft *d, struct bytes name)
{
	bool first = true;

	write_bytes(w, name);
	write_u8(w, ':');
	for (size_t i = 0; i < d->n_headers; i++) {
		if (!sigv4_name_is(d->headers[i].name, name)) {
			continue;
		}
		if (!sigv4_is_header_value(d->headers[i].value)) {
			return ERR_INPUT;
		}
		write_text(w, first ? "" : ",");
		write_value(w, d->headers[i].value);
		first = false;
	}
	write_u8(w, '\n');
	return OK;
}

/* An upper bound of the size: nothing grows but by separators. */
static size_t bound_of(const struct sigv4_draft *d)
{
	/* Each listed name comes twice, with ':' and a line end; six lines frame the rest. */
	size_t n = d->method.n + d->path.n + d->query.n + 3 * d->signed_headers.n +
	           d->content_hash.n + 16;

	for (size_t i = 0; i < d->n_headers; i++) {
		n += d->headers[i].value.n + 1;
	}
	return n;
}

enum err sigv4_canonical_request(struct arena *a, const struct sigv4_draft *d, struct bytes *ret)
{
	size_t size = bound_of(d);

	if (size > SIGV4_CANONICAL_MAX) {
		size = SIGV4_CANONICAL_MAX;
	}
	void *p = arena_alloc(a, size);
	if (p == NULL) {
		return ERR_LIMIT;
	}
	struct writer w = writer_fixed(p, size);
	write_bytes(&w, d->method);
	write_u8(&w, '\n');
	write_bytes(&w, d->path);
	write_u8(&w, '\n');
	write_bytes(&w, d->query);
	write_u8(&w, '\n');
	struct bytes names = d->signed_headers;
	while (names.n > 0) {
		TRY(write_header(&w, d, bytes_split(&names, ';')));
	}
	write_u8(&w, '\n');
	write_bytes(&w, d->signed_headers);
	write_u8(&w, '\n');
	write_bytes(&w, d->content_hash);
	*ret = writer_bytes(&w);
	return writer_end(&w);
}
