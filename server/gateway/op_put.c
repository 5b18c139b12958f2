/* PutObject. */
#include "server/gateway/lifecycle.h"
#include "server/gateway/ops.h"
#include "server/gateway/resource.h"

enum s3error op_put_object_prepare(struct request *r)
{
	r->outcome = object_new(r);
	if (r->outcome == S3E_NONE) {
		request_key_issue(r, r->target.bucket, r->target.key, r->object.id);
	}
	return S3E_NONE;
}

static enum err store(void *context, struct bytes b)
{
	struct request *r = context;
	vault_write_deadline(r->writer, request_deadline(r));
	return vault_write(r->writer, b);
}

enum s3error op_put_object_begin(struct request *r)
{
	const struct body_sink sink = {.data = store, .context = r};
	TRY_S3(body_new(r, GATEWAY_OBJECT_MAX, r->object.sse == INDEX_SSE_AES256, CHECKSUM_NONE,
	                sink, &r->body));
	r->object.wrapped = r->grant.keys[0].wrapped;
	r->object.key_arn = r->grant.keys[0].arn;
	TRY_S3(resource_take_acl(r, &r->object));
	return s3error_of(vault_write_begin(r->g->vault, object_dek(r, 0), request_deadline(r),
	                                    &r->writer));
}

enum s3error op_put_object_end(struct request *r)
{
	struct index_object *o = &r->object;
	bool no_bucket = false;
	if (o->sse == INDEX_SSE_AES256) {
		TRY_S3(object_md5_etag(r, body_md5(r->body), 0, &o->etag));
	} else {
		TRY_S3(object_random_etag(r, 1, &o->etag));
	}
	o->checksum_kind = (uint8_t)body_checksum(r->body, &o->checksum);
	o->modified_ms = object_now_ms();
	struct vault_writer *writer = r->writer;
	r->writer = NULL; /* finished in any case */
	vault_write_deadline(writer, request_deadline(r));
	enum err e = vault_write_object(writer, r->a, o, &r->condition, &no_bucket);
	if (e == ERR_NOTFOUND) {
		return no_bucket ? S3E_NO_SUCH_BUCKET : S3E_NO_SUCH_KEY;
	}
	TRY_S3(s3error_of(e));
	if (r->post != NULL) {
		op_post_answer(r);
	} else {
		answer_empty(r, 200);
	}
	object_etag_header(r, o->etag);
	object_sse_headers(r, o);
	lifecycle_headers(r, o);
	object_made_header(r, o);
	object_checksum_header(r, (enum checksum_kind)o->checksum_kind, o->checksum, 0);
	return S3E_NONE;
}
