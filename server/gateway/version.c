/* Versions of an object: which one a request means, how it is told, changes of one. */
#include "common/base/clock.h"
#include "common/codec/hex.h"
#include "server/gateway/object.h"

enum s3error version_read(struct bytes text, struct index_version *ret)
{
	ret->null = bytes_is(text, "null");
	bool good = ret->null || hex_read(text, ret->id, sizeof(ret->id)) == OK;
	return good ? S3E_NONE : S3E_INVALID_VERSION;
}

void version_write(struct writer *w, const struct index_version *version)
{
	if (version->null) {
		write_text(w, "null");
	} else {
		hex_write(w, bytes_of(version->id, sizeof(version->id)));
	}
}

void version_header(struct request *r, const char *name, const struct index_version *version)
{
	uint8_t text[2 * INDEX_OBJECT_ID_BYTES];
	struct writer w = writer_fixed(text, sizeof(text));
	version_write(&w, version);
	answer_header(r, name, writer_bytes(&w));
}

void object_version_header(struct request *r, const struct index_object *o)
{
	struct index_version version = index_version_of(o);
	if (r->bucket.versioning != INDEX_VERSIONING_OFF) {
		version_header(r, "x-amz-version-id", &version);
	}
}

void object_made_header(struct request *r, const struct index_object *o)
{
	struct index_version version = index_version_of(o);
	if (o->versioned) { /* S3 does not tell of the null version here */
		version_header(r, "x-amz-version-id", &version);
	}
}

void version_marker_headers(struct request *r)
{
	answer_header(r, "x-amz-delete-marker", r->marker ? BYTES("true") : BYTES("false"));
	if (r->marker) {
		object_version_header(r, &r->object);
	}
}

enum s3error object_version(struct request *r, const struct index_version **ret)
{
	*ret = NULL;
	if (r->target.version.p == NULL) {
		return S3E_NONE;
	}
	*ret = &r->version;
	return version_read(r->target.version, &r->version);
}

enum s3error object_find(struct request *r)
{
	const struct index_version *version = NULL;
	r->has_object = false;
	r->looked = true;
	r->missing = object_version(r, &version);
	if (r->missing != S3E_NONE) {
		return S3E_NONE;
	}
	enum err e = index_version_get(r->g->index, r->a, r->target.bucket, r->target.key, version,
	                               &r->object);
	if (e == ERR_NOTFOUND) {
		r->missing = version == NULL ? S3E_NO_SUCH_KEY : S3E_NO_SUCH_VERSION;
		return S3E_NONE;
	}
	TRY_S3(s3error_of(e));
	if (r->object.bucket_number != r->bucket.number) {
		r->missing = S3E_NO_SUCH_BUCKET; /* another bucket has the name since the look-up */
		return S3E_NONE;
	}
	r->marker = r->object.delete_marker;
	r->has_object = !r->marker;
	if (r->marker) {
		r->missing = version == NULL ? S3E_NO_SUCH_KEY : S3E_METHOD_NOT_ALLOWED;
	}
	return S3E_NONE;
}

enum s3error object_need(struct request *r)
{
	if (!r->looked) {
		TRY_S3(object_find(r));
	}
	return r->missing;
}

enum s3error object_change(struct request *r, const struct index_change *wanted, unsigned status)
{
	struct index_change change = *wanted;
	struct index_version changed;
	TRY_S3(object_version(r, &change.version));
	change.bucket = r->target.bucket;
	change.key = r->target.key;
	change.bucket_number = r->bucket.number;
	change.now_ms = clock_real_ms();
	enum err e = index_object_change(r->g->index, &change, &changed);
	if (e == ERR_NOTFOUND) {
		return change.version == NULL ? S3E_NO_SUCH_KEY : S3E_NO_SUCH_VERSION;
	}
	if (e == ERR_CONFLICT) { /* a delete marker */
		return change.version == NULL ? S3E_NO_SUCH_KEY : S3E_METHOD_NOT_ALLOWED;
	}
	TRY_S3(s3error_of(e));
	answer_empty(r, status);
	if (r->bucket.versioning != INDEX_VERSIONING_OFF) {
		version_header(r, "x-amz-version-id", &changed);
	}
	return S3E_NONE;
}
