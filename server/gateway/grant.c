#include "server/gateway/grant.h"

#include <string.h>

#include "common/base/log.h"
#include "server/gateway/resource.h"

enum { AGENT_MAX = 256 };

static enum s3error of_fault(enum sigv4_fault fault)
{
	switch (fault) {
	case SIGV4_FAULT_MALFORMED_HEADER:
		return S3E_HEADER_MALFORMED;
	case SIGV4_FAULT_MALFORMED_QUERY:
		return S3E_QUERY_MALFORMED;
	case SIGV4_FAULT_EXPIRES:
		return S3E_EXPIRES_RANGE;
	case SIGV4_FAULT_VERSION:
		return S3E_SIGNATURE_VERSION;
	case SIGV4_FAULT_BOTH:
		return S3E_AUTH_TWICE;
	case SIGV4_FAULT_NO_DATE:
		return S3E_NO_DATE;
	case SIGV4_FAULT_UNSIGNED_HEADER:
		return S3E_NOT_SIGNED;
	case SIGV4_FAULT_NO_CONTENT_HASH:
		return S3E_NO_CONTENT_SHA256;
	case SIGV4_FAULT_NONE:
	default:
		return S3E_INVALID_REQUEST;
	}
}

static enum s3error of_verdict(enum kmsproto_verdict verdict)
{
	switch (verdict) {
	case KMSPROTO_OK:
		return S3E_NONE;
	case KMSPROTO_SEALED:
	case KMSPROTO_UNAVAILABLE:
		return S3E_SLOW_DOWN;
	case KMSPROTO_NO_ACCESS_KEY:
		return S3E_NO_ACCESS_KEY;
	case KMSPROTO_BAD_SIGNATURE:
		return S3E_BAD_SIGNATURE;
	case KMSPROTO_SKEWED:
		return S3E_SKEWED;
	case KMSPROTO_EXPIRED:
		return S3E_REQUEST_EXPIRED;
	case KMSPROTO_DENIED:
	case KMSPROTO_STALE:
		return S3E_ACCESS_DENIED;
	case KMSPROTO_NO_SUCH_KEY:
		return S3E_KMS_NOT_FOUND;
	case KMSPROTO_KEY_DISABLED:
		return S3E_KMS_DISABLED;
	case KMSPROTO_WRONG_KEY:
		return S3E_OBJECT_UNREADABLE;
	case KMSPROTO_BAD_DOCUMENT:
		return S3E_INVALID_ARGUMENT;
	case KMSPROTO_NO_SUCH_GRANTEE:
		return S3E_NO_SUCH_GRANTEE;
	case KMSPROTO_NO_SUCH_EMAIL:
		return S3E_UNKNOWN_EMAIL;
	case KMSPROTO_NOT_SIGNED:
		return S3E_DOCUMENT_NOT_SIGNED;
	case KMSPROTO_BAD_CALL:
	case KMSPROTO_VERDICTS:
	default:
		return S3E_INTERNAL;
	}
}

enum s3error grant_evidence(struct request *r)
{
	const struct http_head *head = exchange_head(r->x); /* as it was signed */
	const struct sigv4_request request = {
		.method = head->method,
		.path = head->path,
		.query = head->query,
		.headers = head->fields,
		.n_headers = head->n_fields,
	};
	enum sigv4_fault fault = SIGV4_FAULT_NONE;
	const struct bytes *agent = exchange_field(r->x, "user-agent");
	memcpy(r->access.request_id, exchange_id(r->x), sizeof(r->access.request_id));
	r->access.source = exchange_peer(r->x)->address;
	r->access.agent = bytes_first(agent == NULL ? BYTES("") : *agent, AGENT_MAX);
	if (r->post != NULL) {
		return S3E_NONE; /* its fields are the evidence */
	}
	enum err e = sigv4_read(r->a, &request, BYTES("s3"), (struct bytes){NULL, 0},
	                        &r->access.evidence, &fault);
	if (e == ERR_INPUT) {
		return of_fault(fault);
	}
	if (e == OK && r->access.evidence.payload == SIGV4_PAYLOAD_UNSUPPORTED) {
		return S3E_PAYLOAD_FORM;
	}
	return s3error_of(e);
}

/* What only an operator can find out, and only the bucket's owner repair. */
static void tell_trouble(const struct request *r, enum kmsproto_verdict verdict)
{
	if (verdict == KMSPROTO_BAD_CALL) {
		/* Either side is wrong about what the user signed: never a client's fault. */
		LOG(LOG_ERROR, "kms.bad-call", LOG_STR("op", s3op_name(r->target.op)),
		    LOG_STR("do", "compare the versions and host-style domains of gateway and KMS"));
	}
	if (verdict == KMSPROTO_STALE) {
		LOG(LOG_ERROR, "bucket.stale", LOG_BYTES("bucket", r->target.bucket),
		    LOG_BYTES("copy_source", r->source_bucket.name),
		    LOG_STR("do", "the KMS has lost the bucket's policy or ACL (an older key store?): "
		                  "have its owner put or delete the policy, or put the ACL, again"));
	}
}

/* Further calls of the request send it along. */
static void follow(struct request *r, const struct kmsproto_newer *newer)
{
	if (newer->place == KMSPROTO_TARGET && r->has_bucket) {
		resource_follow(r->g->index, r->a, &r->bucket, newer);
		resource_take(&r->access.target, newer);
	}
	if (newer->place == KMSPROTO_COPY_SOURCE && r->has_source_bucket) {
		resource_follow(r->g->index, r->a, &r->source_bucket, newer);
		resource_take(&r->access.copy_source, newer);
	}
}

enum s3error grant_call(struct request *r, const struct kmsproto_call *call,
                        struct kmsproto_reply *ret)
{
	enum err e = kmsclient_call(r->g->kms, r->a, call, request_deadline(r), ret);
	if (e != OK) {
		return s3error_of(e);
	}
	tell_trouble(r, ret->verdict);
	follow(r, &ret->newer);
	return of_verdict(ret->verdict);
}

/* What was asked for and nothing else: nobody behind this looks whether a key is there. */
static bool has_keys(const struct request *r)
{
	bool good = r->grant.n_keys == r->access.n_keys;
	for (size_t i = 0; good && i < r->grant.n_keys; i++) {
		const struct kmsproto_key_reply *key = &r->grant.keys[i];
		bool rewrap = r->access.keys[i].op == KMSPROTO_REWRAP;
		good = (key->dek == NULL) == rewrap &&
		       (key->wrapped.n == 0) == (r->access.keys[i].op == KMSPROTO_OPEN);
	}
	return good;
}

enum s3error grant_obtain(struct request *r)
{
	const struct kmsproto_call call = {.kind = KMSPROTO_ACCESS, .access = r->access};
	TRY_S3(grant_call(r, &call, &r->grant));
	return has_keys(r) ? S3E_NONE : S3E_INTERNAL;
}

enum s3error grant_chunks(struct request *r, char previous[SIGV4_SIGNATURE_HEX],
                          const struct sigv4_chunk *chunks, size_t n)
{
	const struct sigv4_evidence *evidence = &r->access.evidence;
	struct kmsproto_reply reply = {0};
	struct kmsproto_call call = {
		.kind = KMSPROTO_CHUNKS,
		.chunks = {
			.access_key = evidence->access_key,
			.amz_date = evidence->amz_date,
			.date = evidence->date,
			.region = evidence->region,
			.service = evidence->service,
			.chunks = chunks,
			.n_chunks = n,
		},
	};
	if (n == 0) {
		return S3E_NONE;
	}
	memcpy(call.chunks.request_id, exchange_id(r->x), sizeof(call.chunks.request_id));
	memcpy(call.chunks.previous, previous, SIGV4_SIGNATURE_HEX);
	enum err e = kmsclient_call(r->g->kms, r->a, &call, request_deadline(r), &reply);
	if (e != OK) {
		return s3error_of(e);
	}
	memcpy(previous, chunks[n - 1].signature, SIGV4_SIGNATURE_HEX);
	return of_verdict(reply.verdict);
}
