/* GetObject and HeadObject. */
#include "server/gateway/customer.h"
#include "server/gateway/ops.h"

/* partNumber=N: the bytes of that part, and how many parts there are. */
static enum s3error select_part(struct request *r)
{
	uint32_t wanted = 0;
	uint64_t first = 0;
	TRY_S3(request_param_u32(r, "partNumber", 0, &wanted));
	if (wanted == 0 || request_has_header(r, "range")) {
		return S3E_INVALID_ARGUMENT;
	}
	for (size_t i = 0; i < r->object.n_parts; i++) {
		const struct index_part *part = &r->object.parts[i];
		if (part->number == wanted) {
			r->first = first;
			r->count = part->size;
			r->ranged = true;
			r->part = part;
			return S3E_NONE;
		}
		first += part->size;
	}
	return S3E_INVALID_PART;
}

static enum s3error select_range(struct request *r)
{
	if (request_has_param(r, "partNumber")) {
		return select_part(r);
	}
	struct bytes range = object_range_holds(r, &r->object) ? request_header(r, "range")
	                                                       : BYTES("");
	return range_read(range, r->object.size, &r->first, &r->count, &r->ranged);
}

/* Who signs nothing must not decide what a browser believes of the object. */
static bool overrides(const struct request *r)
{
	for (size_t i = 0; i < r->n_query; i++) {
		if (bytes_starts(r->query[i].name, BYTES("response-"))) {
			return true;
		}
	}
	return false;
}

/* Everything that can be decided without the key is decided first, so that a key is opened only
 * for bytes that are really sent. */
static enum s3error select_object(struct request *r)
{
	/* It says how to store; S3 refuses it on the way out. */
	if (request_has_header(r, "x-amz-server-side-encryption")) {
		r->outcome = S3E_INVALID_ARGUMENT;
		return S3E_NONE;
	}
	if (r->access.evidence.kind == SIGV4_ANONYMOUS && overrides(r)) {
		r->outcome = S3E_ANONYMOUS_OVERRIDE;
		return S3E_NONE;
	}
	TRY_S3(object_find(r));
	if (!r->has_object) {
		r->outcome = r->missing;
		return S3E_NONE;
	}
	r->outcome = object_preconditions(r, &r->object, "", false);
	if (r->outcome == S3E_NONE) {
		r->outcome = select_range(r);
	}
	if (r->outcome == S3E_NONE) {
		r->outcome = customer_match(r);
	}
	return S3E_NONE;
}

enum s3error op_head_object_prepare(struct request *r)
{
	return select_object(r);
}

enum s3error op_get_object_prepare(struct request *r)
{
	TRY_S3(select_object(r));
	if (r->outcome == S3E_NONE) {
		request_key_open(r, false, &r->object);
	}
	return S3E_NONE;
}

static void object_answer(struct request *r)
{
	if (r->ranged) {
		uint8_t text[80];
		struct writer w = writer_fixed(text, sizeof(text));
		write_text(&w, "bytes ");
		write_decimal(&w, r->first);
		write_u8(&w, '-');
		write_decimal(&w, r->count == 0 ? 0 : r->first + r->count - 1);
		write_u8(&w, '/');
		write_decimal(&w, r->object.size);
		if (r->count > 0) {
			answer_header(r, "content-range", writer_bytes(&w));
		}
	}
	if (r->part != NULL && r->object.multipart) {
		answer_header_u64(r, "x-amz-mp-parts-count", object_parts(&r->object));
	}
	object_headers(r, &r->object);
}

static unsigned answer_status(const struct request *r)
{
	return r->ranged ? 206 : 200;
}

enum s3error op_head_object_begin(struct request *r)
{
	answer_stream(r, answer_status(r), r->count);
	object_answer(r);
	return S3E_NONE;
}

enum s3error op_get_object_begin(struct request *r)
{
	TRY_S3(s3error_of(vault_read_begin(r->g->vault, &r->object, object_dek(r, 0), r->first,
	                                   r->count, &r->reader)));
	if (r->count == 0) {
		/* No byte will be sent, so `more` will not be called: verify the empty object here. */
		struct writer nothing = writer_fixed(NULL, 0);
		bool last = false;
		TRY_S3(s3error_of(vault_read(r->reader, request_deadline(r), &nothing, &last)));
	}
	answer_stream(r, answer_status(r), r->count);
	object_answer(r);
	return S3E_NONE;
}

enum err op_get_object_more(struct request *r, struct writer *out, bool *ret_last)
{
	return vault_read(r->reader, request_deadline(r), out, ret_last);
}
