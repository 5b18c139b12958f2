#include "server/gateway/cors.h"

#include "common/base/attr.h"
#include "server/gateway/config_document.h"
#include "server/gateway/ops.h"

enum {
	RULES_MAX = 100,       /* S3 */
	LIST_MAX = 1000,       /* elements of one kind in a rule */
	ID_MAX = 255,          /* characters */
	JOINED_MAX = 16 << 10, /* bytes of one header of an answer */
};

static bool is_method(struct bytes text)
{
	static const char *const methods[] = {"GET", "PUT", "HEAD", "POST", "DELETE"};
	return shape_one_of(text, methods, COUNT(methods));
}

static enum s3error check_method(struct bytes text)
{
	return is_method(text) ? S3E_NONE : S3E_CORS_METHOD;
}

static size_t wildcards(struct bytes text)
{
	size_t n = 0;
	for (size_t i = 0; i < text.n; i++) {
		n += text.p[i] == '*';
	}
	return n;
}

/* These texts become headers of answers: printable characters only, no comma that would cut a list. */
static bool is_header_text(struct bytes text)
{
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] <= ' ' || text.p[i] > '~' || text.p[i] == ',') {
			return false;
		}
	}
	return text.n > 0;
}

static enum s3error check_pattern(struct bytes text)
{
	if (!is_header_text(text)) {
		return S3E_MALFORMED_XML;
	}
	return wildcards(text) > 1 ? S3E_CORS_WILDCARD : S3E_NONE;
}

static enum s3error check_expose(struct bytes text)
{
	if (!is_header_text(text)) {
		return S3E_MALFORMED_XML;
	}
	return wildcards(text) > 0 ? S3E_CORS_WILDCARD : S3E_NONE;
}

static enum s3error check_age(struct bytes text)
{
	uint64_t seconds;
	return bytes_u64(text, &seconds) == OK && seconds <= INT32_MAX ? S3E_NONE : S3E_MALFORMED_XML;
}

static enum s3error check_id(struct bytes text)
{
	return shape_characters(text) <= ID_MAX ? S3E_NONE : S3E_RULE_ID_LENGTH;
}

static const struct shape rule_children[] = {
	{"ID", 0, 1, NULL, check_id},
	{"AllowedHeader", 0, LIST_MAX, NULL, check_pattern},
	{"AllowedMethod", 1, LIST_MAX, NULL, check_method},
	{"AllowedOrigin", 1, LIST_MAX, NULL, check_pattern},
	{"ExposeHeader", 0, LIST_MAX, NULL, check_expose},
	{"MaxAgeSeconds", 0, 1, NULL, check_age},
	{NULL},
};
static const struct shape cors_children[] = {{"CORSRule", 1, RULES_MAX, rule_children}, {NULL}};
const struct shape cors_shape = {"CORSConfiguration", 1, 1, cors_children};

static struct bytes join(struct arena *a, const struct xml_node *rule, const char *name)
{
	struct writer w AUTO(writer_free) = writer_growing(JOINED_MAX);
	const struct xml_node *n = xml_child(rule, name);
	for (; n != NULL; n = xml_next(n, name)) {
		if (w.used > 0) {
			write_text(&w, ", ");
		}
		write_bytes(&w, n->text);
	}
	return arena_copy(a, writer_bytes(&w));
}

/* What could not be told in full is refused when it is stored. */
enum s3error cors_check(struct arena *a, struct xml_node *root)
{
	const struct xml_node *rule = xml_child(root, "CORSRule");
	for (; rule != NULL; rule = xml_next(rule, "CORSRule")) {
		size_t n = 0;
		const struct xml_node *e = xml_child(rule, "ExposeHeader");
		for (; e != NULL; e = xml_next(e, "ExposeHeader")) {
			n += e->text.n + 2;
		}
		if (n > JOINED_MAX) {
			return S3E_MESSAGE_LENGTH;
		}
	}
	(void)a;
	return S3E_NONE;
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

static bool same(struct bytes x, struct bytes y, bool nocase)
{
	if (x.n != y.n) {
		return false;
	}
	for (size_t i = 0; i < x.n; i++) {
		if (x.p[i] != y.p[i] && !(nocase && lower(x.p[i]) == lower(y.p[i]))) {
			return false;
		}
	}
	return true;
}

/* A pattern has one '*' at most. */
static bool fits(struct bytes pattern, struct bytes text, bool nocase)
{
	size_t at;
	if (!bytes_find(pattern, '*', &at)) {
		return same(pattern, text, nocase);
	}
	struct bytes tail = bytes_skip(pattern, at + 1);
	return text.n >= pattern.n - 1 &&
	       same(bytes_first(pattern, at), bytes_first(text, at), nocase) &&
	       same(tail, bytes_skip(text, text.n - tail.n), nocase);
}

static const struct xml_node *find(const struct xml_node *rule, const char *name,
                                   struct bytes text, bool nocase)
{
	const struct xml_node *n = xml_child(rule, name);
	while (n != NULL && !fits(n->text, text, nocase)) {
		n = xml_next(n, name);
	}
	return n;
}

static bool allows_headers(const struct xml_node *rule, struct bytes list)
{
	while (list.n > 0) {
		struct bytes one = bytes_trim(bytes_split(&list, ','));
		if (one.n > 0 && find(rule, "AllowedHeader", one, true) == NULL) {
			return false;
		}
	}
	return true;
}

bool cors_match(struct arena *a, const struct xml_node *root, const struct cors_query *q,
                struct cors_grant *ret)
{
	const struct xml_node *rule = xml_child(root, "CORSRule");
	for (; rule != NULL; rule = xml_next(rule, "CORSRule")) {
		const struct xml_node *origin = find(rule, "AllowedOrigin", q->origin, false);
		if (origin == NULL || find(rule, "AllowedMethod", q->method, false) == NULL ||
		    !allows_headers(rule, q->headers)) {
			continue;
		}
		bool any = bytes_is(origin->text, "*");
		*ret = (struct cors_grant){
			.origin = any ? BYTES("*") : q->origin,
			.methods = join(a, rule, "AllowedMethod"),
			.headers = q->headers,
			.expose = join(a, rule, "ExposeHeader"),
			.max_age = xml_text(rule, "MaxAgeSeconds"),
			.credentials = !any,
		};
		return true;
	}
	return false;
}

static enum s3error match(struct request *r, const struct cors_query *q)
{
	struct cors_grant *grant = arena_alloc(r->a, sizeof(*grant));
	struct xml_node *root = NULL;
	struct bytes stored;
	TRY_S3(config_find(r, INDEX_CONFIG_CORS, &stored));
	if (stored.p == NULL || grant == NULL) {
		return S3E_NONE;
	}
	TRY_S3(config_document_tree(r->a, config_document_of(INDEX_CONFIG_CORS), stored, &root));
	r->cors = cors_match(r->a, root, q, grant) ? grant : NULL;
	return S3E_NONE;
}

enum s3error cors_prepare(struct request *r)
{
	/* What the browser sent, also where that stands for another request; and what it asks to be allowed, if it says so. */
	const struct bytes *origin = exchange_field(r->x, "origin");
	const struct bytes *method = exchange_field(r->x, "access-control-request-method");
	if (origin == NULL || origin->n == 0) {
		return S3E_NONE;
	}
	const struct cors_query q = {
		.origin = *origin,
		.method = method == NULL || method->n == 0 ? exchange_head(r->x)->method : *method,
	};
	return match(r, &q);
}

static void tell(struct request *r, const char *name, struct bytes value)
{
	if (value.n > 0) {
		answer_header(r, name, value);
	}
}

void cors_headers(struct request *r)
{
	const struct cors_grant *c = r->cors;
	if (c == NULL) {
		return;
	}
	tell(r, "access-control-allow-origin", c->origin);
	tell(r, "access-control-allow-methods", c->methods);
	tell(r, "access-control-allow-headers", c->headers);
	tell(r, "access-control-expose-headers", c->expose);
	tell(r, "access-control-max-age", c->max_age);
	tell(r, "access-control-allow-credentials", c->credentials ? BYTES("true") : BYTES(""));
	answer_header(r, "vary", BYTES("Origin, Access-Control-Request-Headers, "
	                               "Access-Control-Request-Method"));
}

enum s3error op_preflight(struct request *r)
{
	const struct cors_query q = {
		.origin = request_header(r, "origin"),
		.method = request_header(r, "access-control-request-method"),
		.headers = request_header(r, "access-control-request-headers"),
	};
	if (q.origin.n == 0) {
		return S3E_CORS_NO_ORIGIN;
	}
	if (!is_method(q.method)) {
		return S3E_CORS_BAD_METHOD;
	}
	TRY_S3(match(r, &q));
	if (r->cors == NULL) {
		return S3E_CORS_FORBIDDEN;
	}
	answer_empty(r, 200);
	return S3E_NONE;
}
