#include "server/kms/evidence.h"

#include <string.h>

#include "common/base/attr.h"
#include "common/codec/hex.h"
#include "common/codec/uri.h"

enum { PARAMETERS_MAX = 256 };

/*
 * Which keys an operation needs. Operations that are not here need none.
 *
 * `upload`: an upload's id is the id of the object that it becomes (server/gateway/op_complete.c), and it stands in the signed
 * query. So a signature for a part opens the key of that upload, not that of the object which has the same name now.
 */
static const struct need {
	enum s3op op;
	enum kmsproto_key_op key_op;
	bool source;
	bool upload;
} needs[] = {
	{S3OP_PUT_OBJECT, KMSPROTO_ISSUE, false, false},
	{S3OP_COPY_OBJECT, KMSPROTO_ISSUE, false, false},
	{S3OP_COPY_OBJECT, KMSPROTO_OPEN, true, false},
	{S3OP_CREATE_MULTIPART_UPLOAD, KMSPROTO_ISSUE, false, false},
	{S3OP_UPLOAD_PART, KMSPROTO_OPEN, false, true},
	{S3OP_UPLOAD_PART_COPY, KMSPROTO_OPEN, false, true},
	{S3OP_UPLOAD_PART_COPY, KMSPROTO_OPEN, true, false},
	{S3OP_COMPLETE_MULTIPART_UPLOAD, KMSPROTO_OPEN, false, true},
	{S3OP_GET_OBJECT, KMSPROTO_OPEN, false, false},
	{S3OP_UPDATE_OBJECT_ENCRYPTION, KMSPROTO_REWRAP, false, false},
};

/* A header that stands twice has been joined with a comma by canonicalisation, so one field is all. */
struct bytes evidence_header(const struct evidence *e, const char *name)
{
	const struct field *f = field_get(e->claims.headers, e->claims.n_headers, name, false);

	return f == NULL ? (struct bytes){0} : f->value;
}

struct bytes evidence_parameter(const struct evidence *e, const char *name)
{
	const struct field *f = field_get(e->query, e->n_query, name, false);

	return f == NULL ? (struct bytes){0} : f->value;
}

static uint64_t expires_of(const struct evidence *e)
{
	struct bytes text = evidence_parameter(e, "X-Amz-Expires");
	uint64_t s = 0;

	return bytes_u64(text, &s) == OK ? s : 0;
}

enum err evidence_read(struct arena *a, struct bytes canonical, struct bytes domains,
                       struct evidence *ret)
{
	struct evidence e = {0};

	TRY(sigv4_claims_read(canonical, &e.claims));
	TRY(uri_query(a, e.claims.query, PARAMETERS_MAX, &e.query, &e.n_query));
	TRY(sigv4_hoisted(a, e.query, e.n_query, e.claims.headers, &e.claims.n_headers));
	e.expires_s = expires_of(&e);
	e.upload_id = evidence_parameter(&e, "uploadId");
	struct bytes source = evidence_header(&e, "x-amz-copy-source");
	e.has_source = source.p != NULL;
	struct bytes bucket = s3op_host_bucket(evidence_header(&e, "host"), domains);
	TRY(s3op_resolve(a, e.claims.method, bucket, e.claims.path, e.query, e.n_query,
	                 e.has_source, &e.target));
	if (e.has_source && (e.target.op == S3OP_COPY_OBJECT ||
	                     e.target.op == S3OP_UPLOAD_PART_COPY)) {
		/* One that cannot be read names no object, so no key; it is the client's mistake, not the gateway's. */
		enum err read = s3op_copy_source(a, source, &e.source_bucket, &e.source_key,
		                                 &e.source_version);
		if (read != OK && read != ERR_INPUT) {
			return read;
		}
	}
	*ret = e;
	return OK;
}

static const struct need *need_of(const struct evidence *e, const struct kmsproto_key_call *call)
{
	for (size_t i = 0; i < COUNT(needs); i++) {
		if (needs[i].op == e->target.op && needs[i].key_op == call->op &&
		    needs[i].source == call->source) {
			return &needs[i];
		}
	}
	return NULL;
}

static bool names_upload(const struct evidence *e, const struct kmsproto_key_call *call)
{
	uint8_t id[KMSPROTO_OBJECT_ID_BYTES];

	return hex_read(e->upload_id, id, sizeof(id)) == OK &&
	       memcmp(id, call->object_id, sizeof(id)) == 0;
}

/* A signature for a version opens that one only. The null version is whichever the index says; its id stands in no request. */
bool evidence_names_version(const struct evidence *e, bool source, const uint8_t *object_id)
{
	struct bytes version = source ? e->source_version : e->target.version;
	uint8_t id[KMSPROTO_OBJECT_ID_BYTES];

	if (version.p == NULL || (source && version.n == 0) || bytes_is(version, "null")) {
		return true;
	}
	return hex_read(version, id, sizeof(id)) == OK && memcmp(id, object_id, sizeof(id)) == 0;
}

const char *evidence_allows(const struct evidence *e, const struct kmsproto_key_call *call)
{
	const struct need *need = need_of(e, call);
	struct bytes bucket = call->source ? e->source_bucket : e->target.bucket;
	struct bytes key = call->source ? e->source_key : e->target.key;

	if (need == NULL) {
		return "the signed operation does not need this key";
	}
	if (bucket.n == 0 || key.n == 0 || !bytes_equal(bucket, call->bucket) ||
	    !bytes_equal(key, call->key)) {
		return "another object than the signed request names";
	}
	if (need->upload && !names_upload(e, call)) {
		return "another object than the upload that the signed request names";
	}
	if (call->op != KMSPROTO_ISSUE &&
	    !evidence_names_version(e, call->source, call->object_id)) {
		return "another version than the signed request names";
	}
	return NULL;
}
