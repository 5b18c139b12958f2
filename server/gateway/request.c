#include "server/gateway/request.h"

#include <assert.h>
#include <string.h>

#include "common/base/attr.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/codec/hex.h"
#include "common/codec/uri.h"
#include "server/gateway/cors.h"
#include "server/gateway/customer.h"
#include "server/gateway/grant.h"
#include "server/gateway/lifecycle.h"
#include "server/gateway/ops.h"
#include "server/gateway/resource.h"

uint64_t request_deadline(const struct request *r)
{
	return exchange_deadline_ms(r->x);
}

struct index_bucket_ref request_bucket(const struct request *r)
{
	return (struct index_bucket_ref){r->bucket.name, r->bucket.number};
}

struct bytes request_header(const struct request *r, const char *name)
{
	const struct field *f = field_get(r->head->fields, r->head->n_fields, name, true);
	return f == NULL ? (struct bytes){NULL, 0} : f->value;
}

bool request_has_header(const struct request *r, const char *name)
{
	return field_get(r->head->fields, r->head->n_fields, name, true) != NULL;
}

struct bytes request_param(const struct request *r, const char *name)
{
	const struct field *f = field_get(r->query, r->n_query, name, false);
	return f == NULL ? (struct bytes){NULL, 0} : f->value;
}

bool request_has_param(const struct request *r, const char *name)
{
	return field_get(r->query, r->n_query, name, false) != NULL;
}

enum s3error request_param_u32(const struct request *r, const char *name, uint32_t fallback,
                               uint32_t *ret)
{
	struct bytes text = request_param(r, name);
	uint64_t value = fallback;
	if (text.n > 0 && bytes_u64(text, &value) != OK) {
		return S3E_INVALID_ARGUMENT;
	}
	if (value > INT32_MAX) {
		return S3E_INVALID_ARGUMENT;
	}
	*ret = (uint32_t)value;
	return S3E_NONE;
}

enum s3error request_take_text(struct request *r, uint64_t n)
{
	if (!gateway_text_take(r->g, n)) {
		return S3E_SLOW_DOWN;
	}
	r->text_taken += n;
	return S3E_NONE;
}

void request_key_issue(struct request *r, struct bytes bucket, struct bytes key,
                       const uint8_t *object_id)
{
	assert(r->access.n_keys < KMSPROTO_KEYS_MAX);
	struct kmsproto_key_call *call = &r->access.keys[r->access.n_keys++];
	call->op = KMSPROTO_ISSUE;
	call->bucket = bucket;
	call->key = key;
	call->kek = request_header(r, "x-amz-server-side-encryption-aws-kms-key-id");
	if (call->kek.n == 0) {
		call->kek = r->default_kek;
	}
	memcpy(call->object_id, object_id, sizeof(call->object_id));
	r->mixed[r->access.n_keys - 1] = r->customer.key;
}

void request_key_open(struct request *r, bool source, const struct index_object *object)
{
	assert(r->access.n_keys < KMSPROTO_KEYS_MAX);
	struct kmsproto_key_call *call = &r->access.keys[r->access.n_keys++];
	call->op = KMSPROTO_OPEN;
	call->source = source;
	call->bucket = object->bucket;
	call->key = object->key;
	call->wrapped = object->wrapped;
	memcpy(call->object_id, object->id, sizeof(call->object_id));
	r->mixed[r->access.n_keys - 1] = source ? r->source_customer.key : r->customer.key;
}

void request_key_rewrap(struct request *r, const struct index_object *object, struct bytes kek)
{
	request_key_open(r, false, object);
	struct kmsproto_key_call *call = &r->access.keys[r->access.n_keys - 1];
	call->op = KMSPROTO_REWRAP;
	call->kek = kek;
}

/* x-amz- headers may stand in the query: from here on they are headers like the others. */
static enum s3error take_hoisted(struct request *r)
{
	size_t n = r->head->n_fields;
	struct field *fields = arena_alloc(r->a, (n + SIGV4_HOISTED_MAX) * sizeof(*fields));
	struct http_head *head = arena_alloc(r->a, sizeof(*head));
	if (fields == NULL || head == NULL) {
		return S3E_SLOW_DOWN;
	}
	memcpy(fields, r->head->fields, n * sizeof(*fields));
	enum err e = sigv4_hoisted(r->a, r->query, r->n_query, fields, &n);
	if (e != OK) {
		r->detail = "An x-amz- header in the query is there twice, cannot be sent as a header, or "
		            "is a customer's key, which does not belong in a URL: send it as a header.";
		return e == ERR_INPUT ? S3E_INVALID_ARGUMENT : s3error_of(e);
	}
	*head = *r->head;
	head->fields = fields;
	head->n_fields = n;
	r->head = head;
	return S3E_NONE;
}

/* Stage 1. */
static enum s3error route(struct request *r)
{
	const struct http_head *head = r->head;
	enum err e = uri_query(r->a, head->query, GATEWAY_QUERY_MAX, &r->query, &r->n_query);
	if (e != OK) {
		return S3E_INVALID_URI;
	}
	TRY_S3(take_hoisted(r));
	struct bytes host = s3op_host_bucket(request_header(r, "host"), r->g->domains);
	e = s3op_resolve(r->a, head->method, host, head->path, r->query, r->n_query,
	                 request_has_header(r, "x-amz-copy-source"), &r->target);
	if (e != OK) {
		return e == ERR_LIMIT ? S3E_KEY_TOO_LONG : S3E_INVALID_URI;
	}
	r->op = op_of(r->target.op);
	return S3E_NONE;
}

/* Headers of S3 that ask for what is not built are refused, never ignored; one whose value asks for what is done anyway is not. */
static enum s3error check_headers(const struct request *r)
{
	static const struct {
		const char *name;
		const char *neutral; /* NULL: none */
	} unbuilt[] = {
		{"x-amz-storage-class", "STANDARD"},
		{"x-amz-website-redirect-location", NULL},
		{"x-amz-write-offset-bytes", NULL},
		{"x-amz-server-side-encryption-context", NULL},
		{"x-amz-object-lock-event-hold", NULL},
		{"x-amz-object-lock-event-hold-duration-days", NULL},
		{"x-amz-object-lock-event-hold-duration-years", NULL},
		{"x-amz-if-match-initiated-time", NULL},
		{"x-amz-bucket-namespace", "global"},
		{"x-amz-transition-default-minimum-object-size", LIFECYCLE_MINIMUM},
	};
	for (size_t i = 0; i < COUNT(unbuilt); i++) {
		struct bytes value = request_header(r, unbuilt[i].name);
		bool neutral = unbuilt[i].neutral != NULL && bytes_is(value, unbuilt[i].neutral);
		if (value.p != NULL && !neutral) {
			return S3E_NOT_IMPLEMENTED;
		}
	}
	return S3E_NONE;
}

/* Told only after the grant: whoever cannot sign learns nothing about what exists here. */
static enum s3error refuse_unbuilt(const struct request *r)
{
	if (r->target.op == S3OP_NONE) {
		return S3E_METHOD_NOT_ALLOWED;
	}
	return r->op == NULL ? S3E_NOT_IMPLEMENTED : S3E_NONE;
}

static enum s3error check_owner(const struct request *r, const struct index_bucket *b,
                                const char *expected_header)
{
	struct bytes expected = request_header(r, expected_header);
	return expected.n == 0 || bytes_equal(expected, b->tenant) ? S3E_NONE : S3E_ACCESS_DENIED;
}

/* Stage 5. Of a copy's source, too, before anything is told that was found out about it. */
static enum s3error check_bucket(struct request *r)
{
	if (r->op->bucket == OP_BUCKET_NONE) {
		return S3E_NONE;
	}
	if (!r->has_bucket) {
		return S3E_NO_SUCH_BUCKET;
	}
	TRY_S3(check_owner(r, &r->bucket, "x-amz-expected-bucket-owner"));
	r->condition.bucket = r->bucket.number;
	return r->has_source_bucket
	               ? check_owner(r, &r->source_bucket, "x-amz-source-expected-bucket-owner")
	               : S3E_NONE;
}

static enum s3error look_up_bucket(struct request *r)
{
	if (r->target.bucket.n == 0) {
		return S3E_NONE;
	}
	enum err e = index_bucket_get(r->g->index, r->a, r->target.bucket, &r->bucket);
	if (e != OK && e != ERR_NOTFOUND) {
		return s3error_of(e);
	}
	r->has_bucket = e == OK;
	return S3E_NONE;
}

/* While a collected body came, the bucket may have been deleted and its name taken by somebody else. */
static enum s3error check_same_bucket(struct request *r)
{
	struct index_bucket now;
	if (r->op->bucket == OP_BUCKET_NONE || r->text.max == 0) {
		return S3E_NONE; /* objects: index_condition decides */
	}
	enum err e = index_bucket_get(r->g->index, r->a, r->target.bucket, &now);
	if (e == OK && now.number != r->bucket.number) {
		e = ERR_NOTFOUND;
	}
	return e == ERR_NOTFOUND ? S3E_NO_SUCH_BUCKET : s3error_of(e);
}

/* Whoever asks without a signature for a bucket that is not there gets S3's answer; there is nobody to ask about. */
static enum s3error refuse_anonymous(const struct request *r)
{
	bool nowhere = r->op != NULL && r->op->bucket != OP_BUCKET_NONE && !r->has_bucket;
	return nowhere && r->access.evidence.kind == SIGV4_ANONYMOUS ? S3E_NO_SUCH_BUCKET
	                                                             : S3E_NONE;
}

static enum s3error look_up(struct request *r)
{
	TRY_S3(s3error_of(gateway_unlock(r->g, request_deadline(r))));
	return look_up_bucket(r);
}

enum s3error request_stages(struct request *r)
{
	TRY_S3(grant_evidence(r));
	TRY_S3(look_up(r));
	TRY_S3(cors_prepare(r));
	r->outcome = check_headers(r);
	if (r->outcome == S3E_NONE && r->op != NULL && r->op->prepare != NULL) {
		TRY_S3(r->op->prepare(r));
	}
	TRY_S3(resource_describe(r));
	TRY_S3(refuse_anonymous(r));
	TRY_S3(grant_obtain(r));
	TRY_S3(refuse_unbuilt(r));
	TRY_S3(check_bucket(r));
	TRY_S3(r->outcome);
	TRY_S3(customer_mix(r));
	return r->op->begin(r);
}

static enum s3error first_stages(struct request *r)
{
	TRY_S3(route(r));
	if (r->op == NULL || !r->op->open) {
		return request_stages(r);
	}
	TRY_S3(look_up(r));
	return r->op->begin(r);
}

static enum err step_begin(struct exchange *x)
{
	struct arena *a = exchange_arena(x);
	struct request *r = arena_alloc(a, sizeof(*r));
	if (r == NULL) {
		return ERR_NOMEM;
	}
	r->x = x;
	r->a = a;
	r->head = exchange_head(x);
	r->g = exchange_context(x);
	r->start_us = clock_mono_us();
	exchange_set_state(x, r);
	enum s3error e = first_stages(r);
	if (e != S3E_NONE) {
		answer_error(r, e);
	}
	assert(exchange_answered(x) || r->op->end != NULL);
	return OK;
}

static enum err step_body(struct exchange *x, struct bytes b)
{
	struct request *r = exchange_state(x);
	enum s3error e = S3E_NONE;
	if (r->post != NULL) {
		e = op_post_push(r, b);
	} else if (r->body != NULL) { /* an operation without a body ignores what comes, as S3 does */
		e = body_push(r->body, b);
	}
	if (e != S3E_NONE) {
		answer_error(r, e);
	}
	return OK;
}

static enum err step_end(struct exchange *x)
{
	struct request *r = exchange_state(x);
	r->received_us = clock_mono_us();
	enum s3error e = r->post == NULL ? S3E_NONE : op_post_finish(r);
	if (e == S3E_NONE && r->body != NULL) {
		e = body_finish(r->body);
	}
	if (e == S3E_NONE) {
		e = check_same_bucket(r);
	}
	if (e == S3E_NONE) {
		e = r->op->end(r);
	}
	if (e != S3E_NONE) {
		answer_error(r, e);
	}
	assert(exchange_answered(x));
	return OK;
}

static enum err step_more(struct exchange *x, struct writer *out, bool *ret_last)
{
	struct request *r = exchange_state(x);
	enum err e = r->op->more(r, out, ret_last);
	if (e != OK) {
		/* Before the head is out this replaces the answer; afterwards the connection is reset. */
		answer_error(r, s3error_of(e));
	}
	return e;
}

/* What came, for log and metrics. */
static enum s3op asked_for(const struct request *r)
{
	return r->post == NULL ? r->target.op : S3OP_POST_OBJECT;
}

static void log_access(const struct request *r)
{
	char id[33];
	struct writer w = writer_fixed(id, sizeof(id));
	hex_write(&w, bytes_of(exchange_id(r->x), 16));
	write_u8(&w, 0);
	LOG(LOG_INFO, "s3.access", LOG_STR("request_id", id),
	    LOG_BYTES("source", exchange_peer(r->x)->address),
	    LOG_STR("op", s3op_name(asked_for(r))),
	    LOG_BYTES("tenant", r->grant.principal.tenant),
	    LOG_BYTES("access_key", r->access.evidence.access_key),
	    LOG_U64("status", exchange_status(r->x)), LOG_STR("code", s3error_code(r->error)),
	    LOG_U64("bytes_in", r->body == NULL ? 0 : body_size(r->body)),
	    LOG_U64("bytes_out", exchange_sent(r->x)),
	    LOG_U64("us", clock_mono_us() - r->start_us));
}

static void step_release(struct exchange *x)
{
	struct request *r = exchange_state(x);
	if (r == NULL) {
		return;
	}
	if (r->op != NULL && r->op->release != NULL) {
		r->op->release(r);
	}
	vault_read_end(r->reader);
	vault_write_abort(r->writer);
	atomic_fetch_add_explicit(&r->g->requests[asked_for(r)], 1, memory_order_relaxed);
	if (r->error != S3E_NONE) {
		atomic_fetch_add_explicit(&r->g->errors[asked_for(r)], 1, memory_order_relaxed);
	}
	if (r->g->access_log) {
		log_access(r);
	}
	logging_request(r);
	body_free(r->body);
	writer_free(&r->text);
	gateway_text_give(r->g, r->text_taken);
	kmsproto_replies_free(&r->grant, 1);
	customer_release(r);
	if (r->post != NULL) {
		op_post_release(r);
	}
}

static void step_refuse(struct exchange *x, unsigned status)
{
	struct request *r = arena_alloc(exchange_arena(x), sizeof(*r));
	if (r != NULL) {
		r->x = x;
		r->a = exchange_arena(x);
		r->head = exchange_head(x);
		answer_error(r, s3error_of_http(status));
	}
}

struct http_service request_service(struct gateway *g)
{
	return (struct http_service){
		.name = "s3",
		.context = g,
		.gather_bytes = GATEWAY_GATHER_BYTES,
		.body_max = 0,
		.arena_bytes = GATEWAY_ARENA_BYTES,
		.begin = step_begin,
		.body = step_body,
		.end = step_end,
		.more = step_more,
		.release = step_release,
		.refuse = step_refuse,
	};
}
