/*
 * A canonical request taken apart. What the gateway sends as evidence is only text; this is the
 * place where the KMS learns what the user signed, so exactly one reading may exist. A line end
 * separates the parts and can stand in none of them, and the list of signed headers must repeat
 * the names of the header lines: nothing can pass for something else.
 */
#include "common/sigv4/parts.h"

/* One line with its end; false at the end of the text. */
static bool take_line(struct bytes *rest, struct bytes *ret)
{
	size_t at;

	if (!bytes_find(*rest, '\n', &at)) {
		return false;
	}
	*ret = bytes_first(*rest, at);
	*rest = bytes_skip(*rest, at + 1);
	return true;
}

static bool is_path(struct bytes b)
{
	return b.n > 0 && b.p[0] == '/' && sigv4_encoded(b, true);
}

static bool is_sorted(struct bytes name, struct bytes value, struct bytes before_name,
                      struct bytes before_value)
{
	int order = bytes_compare(before_name, name);

	return order < 0 || (order == 0 && bytes_compare(before_value, value) <= 0);
}

static bool is_query(struct bytes query)
{
	struct bytes before_name = {NULL, 0};
	struct bytes before_value = {NULL, 0};
	struct bytes rest = query;

	if (query.n == 0) {
		return true;
	}
	while (rest.p != NULL) {
		struct bytes value = bytes_split(&rest, '&');
		struct bytes name = bytes_split(&value, '=');
		if (value.p == NULL || !sigv4_encoded(name, false) || !sigv4_encoded(value, false) ||
		    !is_sorted(name, value, before_name, before_value)) {
			return false;
		}
		/* sigv4_read leaves it out in one form and refuses it in the others */
		if (bytes_is(name, sigv4_parameter_names[SIGV4_X_SIGNATURE])) {
			return false;
		}
		before_name = name;
		before_value = value;
	}
	return true;
}

static bool is_canonical_value(struct bytes b)
{
	if (!sigv4_is_header_value(b) || bytes_trim(b).n != b.n) {
		return false;
	}
	for (size_t i = 1; i < b.n; i++) {
		if (b.p[i] == ' ' && b.p[i - 1] == ' ') {
			return false;
		}
	}
	return true;
}

/* The header lines up to the empty one. */
static bool take_headers(struct bytes *rest, struct sigv4_claims *c)
{
	struct bytes line;

	while (take_line(rest, &line)) {
		if (line.n == 0) {
			return true;
		}
		struct bytes name = bytes_split(&line, ':');
		if (c->n_headers == SIGV4_SIGNED_HEADERS_MAX || line.p == NULL ||
		    !sigv4_is_header_name(name) || !is_canonical_value(line)) {
			return false;
		}
		if (c->n_headers > 0 && bytes_compare(c->headers[c->n_headers - 1].name, name) >= 0) {
			return false;
		}
		c->headers[c->n_headers++] = (struct field){name, line};
	}
	return false;
}

/* The list repeats the names, in their order, and nothing else. */
static bool list_matches(struct bytes list, const struct sigv4_claims *c)
{
	struct bytes rest = list;

	if (c->n_headers == 0) {
		return list.n == 0;
	}
	for (size_t i = 0; i < c->n_headers; i++) {
		if (rest.p == NULL || !bytes_equal(bytes_split(&rest, ';'), c->headers[i].name)) {
			return false;
		}
	}
	return rest.p == NULL;
}

enum err sigv4_claims_read(struct bytes canonical, struct sigv4_claims *ret)
{
	struct sigv4_claims c = {0};
	struct bytes rest = canonical;

	if (canonical.n > SIGV4_CANONICAL_MAX) {
		return ERR_INPUT;
	}
	if (!take_line(&rest, &c.method) || !sigv4_is_method(c.method) ||
	    !take_line(&rest, &c.path) || !is_path(c.path) || !take_line(&rest, &c.query) ||
	    !is_query(c.query) || !take_headers(&rest, &c) || !take_line(&rest, &c.signed_headers) ||
	    !list_matches(c.signed_headers, &c) || !sigv4_is_content_hash(rest)) {
		return ERR_INPUT;
	}
	c.content_hash = rest;
	*ret = c;
	return OK;
}
