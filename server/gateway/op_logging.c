/*
 * Server access logging of a bucket: put, get, and the lines of what requests did. The KMS has the owner's signature for the configuration on
 * record and judges each delivery by it; what can be refused here is refused before.
 */
#include "common/policy/logging.h"

#include "common/base/attr.h"
#include "common/base/clock.h"
#include "common/codec/hex.h"
#include "server/gateway/logbook.h"
#include "server/gateway/logline.h"
#include "server/gateway/ops.h"
#include "server/gateway/resource.h"

enum { REQUEST_ID_BYTES = 16 };

enum s3error op_get_bucket_logging(struct request *r)
{
	struct logging l = {0};
	const char *why;
	struct bytes stored;
	TRY_S3(config_find(r, INDEX_CONFIG_LOGGING, &stored));
	if (stored.p != NULL && logging_read(r->a, stored, &l, &why) != OK) {
		return S3E_INTERNAL; /* it was checked when it was stored */
	}
	struct writer w = writer_growing(GATEWAY_ANSWER_MAX);
	logging_write(&w, &l);
	answer_xml(r, 200, &w);
	return S3E_NONE;
}

enum s3error op_put_bucket_logging_begin(struct request *r)
{
	return collect_body(r, LOGGING_MAX_BYTES);
}

static enum s3error read_logging(struct request *r, struct bytes text, struct logging *ret)
{
	const char *why = NULL;
	enum err e = logging_read(r->a, text, ret, &why);
	if (e == ERR_INPUT) {
		r->detail = why;
		return S3E_MALFORMED_XML;
	}
	return e == ERR_DENIED ? S3E_NOT_IMPLEMENTED : s3error_of(e);
}

/* As the KMS will judge when the first log object goes out. */
static enum s3error judge_target(struct request *r, const struct index_bucket *target,
                                 const struct logging *l)
{
	static const uint8_t unique[LOGGING_UNIQUE_BYTES];
	const struct logging_source source = {r->bucket.tenant, r->g->region, r->bucket.name};
	uint64_t now_ms = clock_real_ms();
	struct bucket_settings settings = {0};
	struct kmsproto_resource resource = {0};
	const struct policy *policy = NULL;
	const char *why;
	struct acl acl = {0};
	bool has_acl = false;
	uint8_t key[LOGGING_KEY_MAX];
	struct writer w = writer_fixed(key, sizeof(key));

	logging_key(&w, l, &source, now_ms, now_ms, unique);
	const struct logging_object object = {target->name, writer_bytes(&w), now_ms};
	TRY_S3(s3error_of(resource_of_bucket(r->g->index, r->a, target, &settings, &resource)));
	for (size_t i = 0; i < resource.n_documents; i++) {
		struct bytes text = resource.documents[i].text;
		if (resource.documents[i].kind == KMSPROTO_BUCKET_POLICY) {
			TRY_S3(s3error_of(policy_parse(r->a, text, target->name, &policy, &why)));
		} else if (!settings.owner_enforced) {
			TRY_S3(s3error_of(acl_read(r->a, text, &acl)));
			has_acl = true;
		}
	}
	enum err e = logging_allowed(r->a, &source, &object, policy, has_acl ? &acl : NULL, NULL);
	return e == ERR_DENIED ? S3E_LOGGING_GRANT : s3error_of(e);
}

static enum s3error check_target(struct request *r, const struct logging *l)
{
	struct index_bucket target;
	enum err e = index_bucket_get(r->g->index, r->a, l->bucket, &target);
	if (e == ERR_NOTFOUND) {
		return S3E_LOGGING_TARGET;
	}
	TRY_S3(s3error_of(e));
	bool same = bytes_equal(target.tenant, r->bucket.tenant) &&
	            bytes_equal(target.region, r->bucket.region);
	return same ? judge_target(r, &target, l) : S3E_LOGGING_TARGET;
}

enum s3error op_put_bucket_logging_end(struct request *r)
{
	struct bytes text = writer_bytes(&r->text);
	const struct bytes none = {NULL, 0};
	struct logging l;
	TRY_S3(read_logging(r, text, &l));
	if (l.bucket.n > 0) {
		TRY_S3(check_target(r, &l));
	}
	TRY_S3(resource_change(r, INDEX_CONFIG_LOGGING, text, l.bucket.n == 0 ? &none : &text));
	logbook_hurry(r->g->logbook);
	answer_empty(r, 200);
	return S3E_NONE;
}

/* --- lines --- */

static const char *authentication_of(const struct request *r)
{
	if (r->post != NULL) {
		return r->access.evidence.kind == SIGV4_ANONYMOUS ? "" : "POST";
	}
	switch (r->access.evidence.kind) {
	case SIGV4_HEADER:
		return "AuthHeader";
	case SIGV4_QUERY:
		return "QueryString";
	case SIGV4_ANONYMOUS:
	case SIGV4_FORM:
		break;
	}
	return "";
}

static struct bytes field_of(const struct request *r, const char *name)
{
	const struct bytes *value = exchange_field(r->x, name);
	return value == NULL ? (struct bytes){NULL, 0} : *value;
}

/* Of the object: what was stored, or what was found. */
static void take_size(const struct request *r, struct logline *l)
{
	enum s3op op = r->target.op;
	if (op == S3OP_PUT_OBJECT || op == S3OP_UPLOAD_PART) {
		l->has_size = r->error == S3E_NONE && r->body != NULL;
		l->size = l->has_size ? body_size(r->body) : 0;
	} else if (op == S3OP_COPY_OBJECT || op == S3OP_UPLOAD_PART_COPY) {
		l->has_size = r->error == S3E_NONE;
		l->size = op == S3OP_COPY_OBJECT ? r->source.size : r->count;
	} else {
		l->has_size = r->has_object;
		l->size = r->object.size;
	}
}

static void take_times(const struct request *r, struct logline *l)
{
	uint64_t now_us = clock_mono_us();
	uint64_t whole_us = r->received_us > 0 ? r->received_us : r->start_us;
	l->has_total = true;
	l->total_ms = (now_us - r->start_us) / 1000;
	l->time_ms = clock_real_ms() - l->total_ms;
	l->has_turn = r->answered_us >= whole_us;
	l->turn_ms = l->has_turn ? (r->answered_us - whole_us) / 1000 : 0;
}

static void fill_in(const struct request *r, struct bytes request_id, struct logline *l)
{
	const struct http_head *head = exchange_head(r->x);
	const struct http_peer *peer = exchange_peer(r->x);
	bool is_signed = r->access.evidence.kind != SIGV4_ANONYMOUS;
	*l = (struct logline){
		.source = peer->address,
		.requester = r->grant.principal.arn,
		.request_id = request_id,
		.method = head->method,
		.path = head->path,
		.query = head->query,
		.status = exchange_status(r->x),
		.error = r->error == S3E_NONE ? "" : s3error_code(r->error),
		.sent = exchange_sent(r->x),
		.referer = field_of(r, "referer"),
		.agent = field_of(r, "user-agent"),
		.signature = is_signed ? "SigV4" : "",
		.cipher = peer->tls_cipher,
		.authentication = authentication_of(r),
		.host = field_of(r, "host"),
		.tls = peer->tls_version,
		.acl_required = r->grant.by_acl,
	};
	take_times(r, l);
}

/* A bucket that is logged, and where its lines go. */
struct journal {
	const struct index_bucket *bucket;
	struct bytes document;
};

/* false: no log, or none any more: the bucket may have gone meanwhile. */
static bool find_journal(struct request *r, const struct index_bucket *bucket, struct journal *ret)
{
	ret->bucket = bucket;
	if ((bucket->configs & 1U << INDEX_CONFIG_LOGGING) == 0) {
		return false;
	}
	enum err e = index_config_get(r->g->index, r->a, bucket->number, INDEX_CONFIG_LOGGING,
	                              &ret->document);
	if (e != OK && e != ERR_NOTFOUND) {
		logbook_lose(r->g->logbook, 1 + r->n_deleted);
	}
	return e == OK;
}

static void add_line(struct request *r, const struct journal *j, struct logline *l)
{
	struct writer w AUTO(writer_free) = writer_growing(LOGLINE_MAX);
	l->owner = j->bucket->owner_id;
	l->bucket = j->bucket->name;
	logline_write(&w, r->a, l);
	if (writer_end(&w) != OK) {
		logbook_lose(r->g->logbook, 1);
		return;
	}
	logbook_add(r->g->logbook, j->bucket, j->document, l->time_ms, writer_bytes(&w));
}

static void log_deleted(struct request *r, const struct journal *j, struct logline l)
{
	l.batch = true;
	l.verb = "DELETE";
	l.resource = "OBJECT";
	l.sent = 0;
	l.has_size = l.has_total = l.has_turn = false;
	for (size_t i = 0; i < r->n_deleted; i++) {
		const struct deleted_key *key = &r->deleted[i];
		uint8_t version[2 * INDEX_OBJECT_ID_BYTES];
		struct writer w = writer_fixed(version, sizeof(version));
		if (key->version != NULL) {
			version_write(&w, key->version);
		}
		l.key = key->key;
		l.version = writer_bytes(&w);
		l.status = key->error == S3E_NONE ? 204 : s3error_status(key->error);
		l.error = key->error == S3E_NONE ? "" : s3error_code(key->error);
		add_line(r, j, &l);
	}
}

static void log_target(struct request *r, const struct journal *j, struct logline l)
{
	l.resource = logline_resource(r->target.op);
	l.key = r->target.key;
	l.version = r->target.version;
	take_size(r, &l);
	add_line(r, j, &l);
	log_deleted(r, j, l);
}

static void log_source(struct request *r, const struct journal *j, struct logline l)
{
	l.resource = r->target.op == S3OP_COPY_OBJECT ? "OBJECT_GET" : "PART_GET";
	l.key = r->source.key;
	l.has_size = r->has_object;
	l.size = r->source.size;
	add_line(r, j, &l);
}

void logging_request(struct request *r)
{
	bool copy = r->target.op == S3OP_COPY_OBJECT || r->target.op == S3OP_UPLOAD_PART_COPY;
	char id[2 * REQUEST_ID_BYTES], verb[16];
	struct writer w = writer_fixed(id, sizeof(id));
	struct writer v = writer_fixed(verb, sizeof(verb) - 1);
	struct journal target, source;
	struct logline l;
	if (r->g->logbook == NULL) {
		return;
	}
	bool of_target = r->has_bucket && find_journal(r, &r->bucket, &target);
	bool of_source = copy && r->has_source_bucket && find_journal(r, &r->source_bucket, &source);
	if (!of_target && !of_source) {
		return;
	}
	hex_write(&w, bytes_of(exchange_id(r->x), REQUEST_ID_BYTES));
	fill_in(r, writer_bytes(&w), &l);
	write_bytes(&v, copy ? BYTES("COPY") : bytes_first(l.method, sizeof(verb) - 1));
	verb[v.used] = '\0';
	l.verb = verb;
	if (of_target) {
		log_target(r, &target, l);
	}
	if (of_source) {
		log_source(r, &source, l);
	}
}
