/* Put, get, delete of what a bucket is configured with: all kinds alike. */
#include "common/base/attr.h"
#include "server/gateway/config_document.h"
#include "server/gateway/lifecycle.h"
#include "server/gateway/ops.h"
#include "common/policy/acl.h"

static enum index_config kind_of(enum s3op op)
{
	static const struct {
		enum s3op get, put, delete;
		enum index_config kind;
	} kinds[] = {
		{S3OP_GET_BUCKET_TAGGING, S3OP_PUT_BUCKET_TAGGING, S3OP_DELETE_BUCKET_TAGGING,
		 INDEX_CONFIG_TAGGING},
		{S3OP_GET_BUCKET_ENCRYPTION, S3OP_PUT_BUCKET_ENCRYPTION,
		 S3OP_DELETE_BUCKET_ENCRYPTION, INDEX_CONFIG_ENCRYPTION},
		{S3OP_GET_BUCKET_CORS, S3OP_PUT_BUCKET_CORS, S3OP_DELETE_BUCKET_CORS,
		 INDEX_CONFIG_CORS},
		{S3OP_GET_BUCKET_OWNERSHIP, S3OP_PUT_BUCKET_OWNERSHIP,
		 S3OP_DELETE_BUCKET_OWNERSHIP, INDEX_CONFIG_OWNERSHIP},
		{S3OP_GET_PUBLIC_ACCESS_BLOCK, S3OP_PUT_PUBLIC_ACCESS_BLOCK,
		 S3OP_DELETE_PUBLIC_ACCESS_BLOCK, INDEX_CONFIG_PUBLIC_ACCESS},
		{S3OP_GET_BUCKET_LIFECYCLE, S3OP_PUT_BUCKET_LIFECYCLE,
		 S3OP_DELETE_BUCKET_LIFECYCLE, INDEX_CONFIG_LIFECYCLE},
	};
	for (size_t i = 0; i < COUNT(kinds); i++) {
		if (op == kinds[i].get || op == kinds[i].put || op == kinds[i].delete) {
			return kinds[i].kind;
		}
	}
	return INDEX_CONFIG_KINDS;
}

enum s3error config_find(struct request *r, enum index_config kind, struct bytes *ret)
{
	*ret = (struct bytes){NULL, 0};
	if (!r->has_bucket) {
		return S3E_NONE;
	}
	enum err e = index_config_get(r->g->index, r->a, r->bucket.number, kind, ret);
	return e == ERR_NOTFOUND ? S3E_NONE : s3error_of(e);
}

static const struct config_document *document_of(const struct request *r)
{
	return config_document_of(kind_of(r->target.op));
}

static void kind_header(struct request *r, enum index_config kind)
{
	if (kind == INDEX_CONFIG_LIFECYCLE) {
		answer_header(r, "x-amz-transition-default-minimum-object-size",
		              BYTES(LIFECYCLE_MINIMUM));
	}
}

enum s3error op_get_config(struct request *r)
{
	const struct config_document *d = document_of(r);
	struct bytes stored;
	if (d == NULL) {
		return S3E_NOT_IMPLEMENTED;
	}
	TRY_S3(config_find(r, d->kind, &stored));
	if (stored.p == NULL) {
		return d->missing;
	}
	struct writer w = writer_growing(GATEWAY_ANSWER_MAX);
	write_bytes(&w, stored);
	answer_xml(r, 200, &w);
	kind_header(r, d->kind);
	return S3E_NONE;
}

enum s3error op_put_config_begin(struct request *r)
{
	return document_of(r) == NULL ? S3E_NOT_IMPLEMENTED : collect_body(r, GATEWAY_XML_MAX);
}

static enum s3error changed(struct request *r, enum err e, unsigned status)
{
	TRY_S3(s3error_of_bucket(e));
	answer_empty(r, status);
	return S3E_NONE;
}

/* ACLs cannot be turned off while the bucket's grants something to somebody else. */
static enum s3error check_acl(struct request *r, struct bytes ownership)
{
	struct bucket_settings wanted = {0};
	struct bytes stored;
	struct acl acl;
	config_ownership(r->a, ownership, &wanted);
	TRY_S3(config_find(r, INDEX_CONFIG_ACL, &stored));
	if (stored.p == NULL || !wanted.owner_enforced) {
		return S3E_NONE;
	}
	TRY_S3(s3error_of(acl_read(r->a, stored, &acl)));
	for (size_t i = 0; i < acl.n; i++) {
		if (acl.grants[i].grantee != ACL_USER ||
		    !bytes_equal(acl.grants[i].person.id, r->bucket.owner_id)) {
			return S3E_ACL_WITH_OWNERSHIP;
		}
	}
	return S3E_NONE;
}

enum s3error op_put_config_end(struct request *r)
{
	const struct config_document *d = document_of(r);
	struct bytes document;
	TRY_S3(config_document_read(r->a, d, writer_bytes(&r->text), &document));
	if (d->kind == INDEX_CONFIG_OWNERSHIP) {
		TRY_S3(check_acl(r, document));
	}
	enum err e = index_config_put(r->g->index, &r->bucket, d->kind, document);
	TRY_S3(changed(r, e, d->put_status));
	kind_header(r, d->kind);
	return S3E_NONE;
}

enum s3error op_delete_config(struct request *r)
{
	const struct config_document *d = document_of(r);
	if (d == NULL) {
		return S3E_NOT_IMPLEMENTED;
	}
	return changed(r, index_config_delete(r->g->index, &r->bucket, d->kind), 204);
}
