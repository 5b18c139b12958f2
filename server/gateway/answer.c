/* Answers: headers, XML bodies, errors. */
#include <string.h>

#include "common/base/clock.h"
#include "common/codec/hex.h"
#include "common/codec/xml.h"
#include "server/gateway/cors.h"
#include "server/gateway/customer.h"
#include "server/gateway/object.h"

void answer_header(struct request *r, const char *name, struct bytes value)
{
	/* A header that does not fit or could split the answer is left out: the net layer refuses it. */
	if (exchange_header(r->x, name, value) != OK) {
		return;
	}
}

void answer_header_u64(struct request *r, const char *name, uint64_t value)
{
	char text[24];
	struct writer w = writer_fixed(text, sizeof(text));
	write_decimal(&w, value);
	answer_header(r, name, writer_bytes(&w));
}

static void answer_begin(struct request *r, unsigned status, int64_t length)
{
	char id[33];
	struct writer w = writer_fixed(id, sizeof(id));
	hex_write(&w, bytes_of(exchange_id(r->x), 16));
	r->answered_us = clock_mono_us();
	exchange_respond(r->x, status, length);
	answer_header(r, "x-amz-request-id", writer_bytes(&w));
	answer_header(r, "x-amz-id-2", writer_bytes(&w));
	cors_headers(r);
}

void answer_empty(struct request *r, unsigned status)
{
	answer_begin(r, status, 0);
}

void answer_stream(struct request *r, unsigned status, uint64_t length)
{
	answer_begin(r, status, (int64_t)length);
	exchange_stream(r->x);
}

static void free_writer(void *arg)
{
	writer_free(arg);
}

/* The text must live until it is sent: the arena frees it with the request. */
static bool give(struct request *r, unsigned status, struct bytes type, struct writer *w)
{
	struct writer *kept = arena_alloc(r->a, sizeof(*kept));
	if (writer_end(w) != OK || kept == NULL || !arena_defer(r->a, free_writer, kept)) {
		writer_free(w);
		return false;
	}
	*kept = *w;
	*w = writer_fixed(NULL, 0);
	answer_begin(r, status, (int64_t)kept->used);
	answer_header(r, "content-type", type);
	exchange_body(r->x, writer_bytes(kept));
	return true;
}

void answer_text(struct request *r, unsigned status, struct bytes type, struct writer *w)
{
	/* A slow reader keeps it for long; errors are small and always told. */
	enum s3error e = request_take_text(r, w->used);
	if (e != S3E_NONE) {
		writer_free(w);
		answer_error(r, e);
	} else if (!give(r, status, type, w)) {
		answer_error(r, S3E_INTERNAL);
	}
}

void answer_xml(struct request *r, unsigned status, struct writer *w)
{
	answer_text(r, status, BYTES("application/xml"), w);
}

void answer_xml_later(struct request *r)
{
	answer_begin(r, 200, -1);
	answer_header(r, "content-type", BYTES("application/xml"));
	exchange_stream(r->x);
}

/* What the client signed as we read it: S3 tells it too, and it ends most searches for the error. */
static void write_signature_details(struct request *r, struct writer *w)
{
	struct bytes to_sign = {NULL, 0};
	xml_element(w, "AWSAccessKeyId", r->access.evidence.access_key);
	if (r->post == NULL &&
	    sigv4_string_to_sign(r->a, &r->access.evidence, &to_sign) == OK) {
		xml_element(w, "StringToSign", to_sign);
	}
	xml_element(w, "SignatureProvided", r->access.evidence.signature);
	/* A form is not signed by its request; and that with a customer's key would repeat the key. */
	if (r->post == NULL && !customer_mentioned(r)) {
		xml_element(w, "CanonicalRequest", r->access.evidence.canonical);
	}
}

static void write_error_body(struct request *r, enum s3error e, struct writer *w)
{
	char id[33];
	struct writer id_w = writer_fixed(id, sizeof(id));
	hex_write(&id_w, bytes_of(exchange_id(r->x), 16));
	xml_open(w, "Error");
	xml_element_text(w, "Code", s3error_code(e));
	xml_element_text(w, "Message", r->detail == NULL ? s3error_message(e) : r->detail);
	if (r->target.bucket.n > 0) {
		xml_element(w, "BucketName", r->target.bucket);
	}
	if (r->target.key.n > 0) {
		xml_element(w, "Key", r->target.key);
	}
	if (e == S3E_BAD_SIGNATURE) {
		write_signature_details(r, w);
	}
	xml_element(w, "Resource", exchange_head(r->x)->path);
	xml_element(w, "RequestId", writer_bytes(&id_w));
	xml_element(w, "HostId", writer_bytes(&id_w));
	xml_close(w, "Error");
}

/* Who resumes a download learns that he has it all. */
static void write_whole_size(struct request *r)
{
	char text[32];
	struct writer w = writer_fixed(text, sizeof(text));
	write_text(&w, "bytes */");
	write_decimal(&w, r->object.size);
	answer_header(r, "content-range", writer_bytes(&w));
}

void answer_error(struct request *r, enum s3error e)
{
	unsigned status = s3error_status(e);
	struct writer w = writer_growing(GATEWAY_ANSWER_MAX);
	r->error = e;
	/* 304 and answers to HEAD carry no body; the net layer drops it for HEAD. */
	if (status == 304) {
		answer_empty(r, status);
	} else {
		xml_begin(&w);
		write_error_body(r, e, &w);
		if (!give(r, status, BYTES("application/xml"), &w)) {
			answer_empty(r, status);
		}
	}
	if (status == 503) {
		answer_header_u64(r, "retry-after", GATEWAY_RETRY_AFTER_S);
	}
	if (e == r->missing && (r->marker || e == S3E_NO_SUCH_KEY)) {
		version_marker_headers(r);
	}
	if (e == S3E_INVALID_RANGE && r->has_object && r->target.op != S3OP_UPLOAD_PART_COPY) {
		write_whole_size(r);
	}
	if (e == S3E_NOT_MODIFIED && r->has_object) {
		object_cache_headers(r, &r->object);
	}
}

void answer_error_late(struct request *r, enum s3error e, struct writer *out)
{
	r->error = e;
	write_error_body(r, e, out);
}
