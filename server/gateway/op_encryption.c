/*
 * UpdateObjectEncryption: an object's DEK under another KEK. No data moves and the DEK does not come here: the KMS opens it and wraps it anew. Which
 * KEK stands in the body, so there are two calls to the KMS: one that says who asks and whether he may, one for the key.
 */
#include "common/codec/xml.h"
#include "server/gateway/grant.h"
#include "server/gateway/ops.h"
#include "server/gateway/shape.h"

enum { XML_NODES_MAX = 16, ARN_MIN_BYTES = 20 };

enum s3error op_update_encryption_begin(struct request *r)
{
	return collect_body(r, GATEWAY_XML_MAX);
}

/* arn:<partition>:kms:<region>:<tenant>:key/<id>; whose it is and whether there is one, the KMS says. */
static bool is_key_arn(struct bytes arn)
{
	struct bytes rest = arn;
	bool good = arn.n >= ARN_MIN_BYTES && arn.n <= KMSPROTO_TEXT_MAX &&
	            bytes_is(bytes_split(&rest, ':'), "arn");
	(void)bytes_split(&rest, ':');
	good = good && bytes_is(bytes_split(&rest, ':'), "kms");
	(void)bytes_split(&rest, ':');
	(void)bytes_split(&rest, ':');
	return good && rest.n > 4 && bytes_starts(rest, BYTES("key/"));
}

static enum s3error read_key(struct request *r, struct bytes *ret)
{
	struct xml_node *root = NULL;
	if (xml_parse(r->a, writer_bytes(&r->text), XML_NODES_MAX, &root) != OK ||
	    !bytes_is(root->name, "ObjectEncryption")) {
		return S3E_MALFORMED_XML;
	}
	const struct xml_node *kms = root->child;
	if (kms == NULL || kms->next != NULL || !bytes_is(kms->name, "SSE-KMS")) {
		return S3E_UPDATE_TYPE;
	}
	struct bytes arn = bytes_trim(xml_text(kms, "KMSKeyArn"));
	struct bytes bucket_key = xml_text(kms, "BucketKeyEnabled");
	if (arn.n == 0) {
		return S3E_UPDATE_NO_KEY;
	}
	if (!is_key_arn(arn)) {
		return S3E_UPDATE_KEY;
	}
	if (bucket_key.p != NULL && shape_is_bool(bucket_key) != S3E_NONE) {
		return S3E_UPDATE_BUCKET_KEY;
	}
	*ret = arn;
	return S3E_NONE;
}

enum s3error op_update_encryption_end(struct request *r)
{
	struct bytes arn;
	TRY_S3(read_key(r, &arn));
	TRY_S3(object_need(r));
	if (r->object.sse == INDEX_SSE_CUSTOMER) {
		return S3E_UPDATE_SOURCE;
	}
	request_key_rewrap(r, &r->object, arn);
	TRY_S3(grant_obtain(r));
	const struct index_rewrap rewrap = {
		.bucket = r->object.bucket,
		.key = r->object.key,
		.id = r->object.id,
		.key_arn = r->grant.keys[0].arn,
		.wrapped = r->grant.keys[0].wrapped,
		.sse = INDEX_SSE_KMS,
	};
	enum err e = index_object_rewrap(r->g->index, &rewrap);
	bool named = r->target.version.p != NULL;
	if (e == ERR_NOTFOUND || (e == ERR_CONFLICT && named)) { /* deleted meanwhile */
		return named ? S3E_NO_SUCH_VERSION : S3E_NO_SUCH_KEY;
	}
	if (e == ERR_CONFLICT) { /* replaced meanwhile: the client tries again, with the new one */
		return S3E_SLOW_DOWN;
	}
	TRY_S3(s3error_of(e));
	answer_empty(r, 200);
	return S3E_NONE;
}
