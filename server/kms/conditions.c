/* What a policy may ask about a request: its condition keys, filled from what the user signed, and from what the gateway says of the connection. */
#include "common/base/attr.h"
#include "common/codec/date.h"
#include "common/codec/uri.h"
#include "server/kms/deciding.h"

enum {
	CONTEXT_MAX = 256,     /* condition keys of one request */
	NUMBER_MAX_BYTES = 32,
};

struct context {
	struct arena *a;
	struct field *fields;
	size_t n;
	bool full;
};

static void add(struct context *c, struct bytes prefix, struct bytes name, struct bytes value)
{
	struct bytes parts[] = {prefix, name};

	if (c->n == CONTEXT_MAX) {
		c->full = true;
		return;
	}
	struct field *f = &c->fields[c->n++];
	f->name = arena_join(c->a, parts, COUNT(parts));
	f->value = value;
	c->full = c->full || f->name.p == NULL;
}

static void add_text(struct context *c, const char *name, struct bytes value)
{
	if (value.p != NULL) {
		add(c, (struct bytes){0}, bytes_text(name), value);
	}
}

static void add_number(struct context *c, const char *name, uint64_t value)
{
	void *p = arena_alloc(c->a, NUMBER_MAX_BYTES);

	if (p == NULL) {
		c->full = true;
		return;
	}
	struct writer w = writer_fixed(p, NUMBER_MAX_BYTES);
	write_decimal(&w, value);
	add_text(c, name, writer_bytes(&w));
}

static void add_date(struct context *c, uint64_t now_ms)
{
	void *p = arena_alloc(c->a, NUMBER_MAX_BYTES);

	if (p == NULL) {
		c->full = true;
		return;
	}
	struct writer w = writer_fixed(p, NUMBER_MAX_BYTES);
	date_write_iso_ms(&w, now_ms);
	add_text(c, "aws:CurrentTime", writer_bytes(&w));
	add_number(c, "aws:EpochTime", now_ms / 1000);
}

static void add_principal(struct context *c, const struct principal *p)
{
	if (p == NULL) {
		add_text(c, "aws:PrincipalType", BYTES("Anonymous"));
		return;
	}
	add_text(c, "aws:PrincipalType", BYTES("User"));
	add_text(c, "aws:PrincipalArn", p->arn);
	add_text(c, "aws:PrincipalAccount", p->tenant);
	add_text(c, "aws:username", p->user);
	add_text(c, "aws:userid", p->user);
}

static void add_signature(struct context *c, const struct deciding *d)
{
	static const char *const types[] = {
		[SIGV4_HEADER] = "REST-HEADER",
		[SIGV4_QUERY] = "REST-QUERY-STRING",
	};
	enum sigv4_kind kind = d->in->evidence.kind;
	uint64_t signed_ms = 0;

	if (kind == SIGV4_ANONYMOUS) {
		return;
	}
	add_text(c, "s3:authType", (size_t)kind < COUNT(types) ? bytes_text(types[kind]) : BYTES("POST"));
	add_text(c, "s3:signatureversion", BYTES("AWS4-HMAC-SHA256"));
	if (date_read_amz(d->in->evidence.amz_date, &signed_ms) == OK && signed_ms <= d->now_ms) {
		add_number(c, "s3:signatureAge", d->now_ms - signed_ms);
	}
}

static void add_request_tags(struct context *c, struct bytes header)
{
	struct field *tags = NULL;
	size_t n = 0;

	if (header.p == NULL || uri_query(c->a, header, KMSPROTO_TAGS_MAX, &tags, &n) != OK) {
		return; /* the gateway refuses the request */
	}
	for (size_t i = 0; i < n; i++) {
		add(c, BYTES("s3:RequestObjectTag/"), tags[i].name, tags[i].value);
		add_text(c, "s3:RequestObjectTagKeys", tags[i].name);
	}
}

/* Every signed x-amz-* header is s3:<its name>; those of object lock have names of their own besides. */
static void add_headers(struct context *c, const struct evidence *e)
{
	static const char *const locks[][2] = {
		{"x-amz-object-lock-mode", "s3:object-lock-mode"},
		{"x-amz-object-lock-legal-hold", "s3:object-lock-legal-hold"},
		{"x-amz-object-lock-retain-until-date", "s3:object-lock-retain-until-date"},
		{"if-match", "s3:if-match"},
		{"if-none-match", "s3:if-none-match"},
	};

	for (size_t i = 0; i < e->claims.n_headers; i++) {
		const struct field *f = &e->claims.headers[i];
		if (bytes_starts(f->name, BYTES("x-amz-"))) {
			add(c, BYTES("s3:"), f->name, f->value);
		}
	}
	for (size_t i = 0; i < COUNT(locks); i++) {
		add_text(c, locks[i][1], evidence_header(e, locks[i][0]));
	}
	add_request_tags(c, evidence_header(e, "x-amz-tagging"));
}

static void add_query(struct context *c, const struct evidence *e)
{
	static const char *const names[][2] = {
		{"prefix", "s3:prefix"}, {"delimiter", "s3:delimiter"}, {"max-keys", "s3:max-keys"},
	};

	for (size_t i = 0; i < COUNT(names); i++) {
		add_text(c, names[i][1], evidence_parameter(e, names[i][0]));
	}
	add_text(c, "s3:VersionId", e->target.version);
}

/* Who asks for an object that is not there learns as much as a listing of its name would tell. */
static void add_missing(struct context *c, const struct side *s)
{
	if ((s->resource->flags & KMSPROTO_MISSING) != 0) {
		add_text(c, "s3:prefix", s->key);
	}
}

static void add_connection(struct context *c, const struct kmsproto_access *in)
{
	add_text(c, "aws:SourceIp", in->source);
	add_text(c, "aws:SecureTransport", in->secure ? BYTES("true") : BYTES("false"));
	add_text(c, "aws:UserAgent", in->agent.n > 0 ? in->agent : (struct bytes){0});
	add_text(c, "aws:Referer", in->referer.n > 0 ? in->referer : (struct bytes){0});
}

enum err conditions_of(const struct deciding *d, const struct side *s, struct policy_request *ret)
{
	struct context c = {.a = d->k->scratch};

	c.fields = arena_alloc(c.a, CONTEXT_MAX * sizeof(*c.fields));
	if (c.fields == NULL) {
		return ERR_LIMIT;
	}
	add_connection(&c, d->in);
	add_date(&c, d->now_ms);
	add_principal(&c, d->principal);
	add_signature(&c, d);
	add_headers(&c, &d->evidence);
	add_query(&c, &d->evidence);
	add_missing(&c, s);
	for (size_t i = 0; i < s->resource->n_tags; i++) {
		const struct field *tag = &s->resource->tags[i];
		add(&c, BYTES("s3:ExistingObjectTag/"), tag->name, tag->value);
	}
	ret->context = c.fields;
	ret->n_context = c.n;
	return c.full ? ERR_LIMIT : OK;
}
