/* Buckets: list, create, head, delete, location. */
#include "common/base/clock.h"
#include "common/codec/xml.h"
#include "server/gateway/ops.h"

enum { XML_NODES_MAX = 64 };

enum s3error op_list_buckets(struct request *r)
{
	struct index_bucket *buckets = NULL;
	size_t n = 0;
	TRY_S3(s3error_of(index_bucket_list(r->g->index, r->a, r->grant.principal.tenant, &buckets,
	                                    &n)));
	struct writer w = writer_growing(GATEWAY_ANSWER_MAX);
	xml_begin(&w);
	xml_open(&w, "ListAllMyBucketsResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"");
	xml_open(&w, "Owner");
	xml_element(&w, "ID", r->grant.principal.canonical_id);
	xml_element(&w, "DisplayName", r->grant.principal.display_name);
	xml_close(&w, "Owner");
	xml_open(&w, "Buckets");
	for (size_t i = 0; i < n; i++) {
		xml_open(&w, "Bucket");
		xml_element(&w, "Name", buckets[i].name);
		object_xml_date(&w, "CreationDate", buckets[i].created_ms);
		xml_close(&w, "Bucket");
	}
	xml_close(&w, "Buckets");
	xml_close(&w, "ListAllMyBucketsResult");
	answer_xml(r, 200, &w);
	return S3E_NONE;
}

enum s3error op_create_bucket_begin(struct request *r)
{
	if (!s3op_bucket_name_ok(r->target.bucket)) {
		return S3E_INVALID_BUCKET_NAME;
	}
	if (request_has_header(r, "x-amz-bucket-object-lock-enabled") ||
	    request_has_header(r, "x-amz-object-ownership")) {
		return S3E_NOT_IMPLEMENTED;
	}
	return collect_body(r, GATEWAY_XML_MAX);
}

static enum s3error check_location(struct request *r)
{
	struct xml_node *root = NULL;
	struct bytes document = bytes_trim(writer_bytes(&r->text));
	if (document.n == 0) {
		return S3E_NONE;
	}
	if (xml_parse(r->a, document, XML_NODES_MAX, &root) != OK ||
	    !bytes_is(root->name, "CreateBucketConfiguration")) {
		return S3E_MALFORMED_XML;
	}
	struct bytes location = xml_text(root, "LocationConstraint");
	return location.n > 0 && !bytes_equal(location, r->g->region) ? S3E_INVALID_LOCATION
	                                                              : S3E_NONE;
}

enum s3error op_create_bucket_end(struct request *r)
{
	const struct kmsproto_principal *who = &r->grant.principal;
	TRY_S3(check_location(r));
	struct index_bucket bucket = {
		.name = r->target.bucket,
		.tenant = who->tenant,
		.owner_id = who->canonical_id,
		.owner_name = who->display_name,
		.created_ms = clock_real_ms(),
		.region = r->g->region,
	};
	enum err e = index_bucket_create(r->g->index, &bucket);
	if (e == ERR_EXISTS) {
		/* Who owns it was read before the grant; a bucket made in between is not ours to judge. */
		bool own = r->has_bucket && bytes_equal(r->bucket.tenant, who->tenant);
		return own ? S3E_BUCKET_OWNED : S3E_BUCKET_EXISTS;
	}
	TRY_S3(s3error_of(e));
	struct bytes location = arena_join(
		r->a, (const struct bytes[]){BYTES("/"), r->target.bucket}, 2);
	answer_empty(r, 200);
	answer_header(r, "location", location);
	return S3E_NONE;
}

enum s3error op_head_bucket(struct request *r)
{
	answer_empty(r, 200);
	answer_header(r, "x-amz-bucket-region", r->bucket.region);
	return S3E_NONE;
}

enum s3error op_delete_bucket(struct request *r)
{
	enum err e = index_bucket_delete(r->g->index, r->target.bucket);
	if (e == ERR_CONFLICT) {
		return S3E_BUCKET_NOT_EMPTY;
	}
	if (e == ERR_NOTFOUND) {
		return S3E_NO_SUCH_BUCKET;
	}
	TRY_S3(s3error_of(e));
	answer_empty(r, 204);
	return S3E_NONE;
}

enum s3error op_get_bucket_location(struct request *r)
{
	struct writer w = writer_growing(GATEWAY_ANSWER_MAX);
	xml_begin(&w);
	xml_open(&w, "LocationConstraint xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"");
	/* us-east-1 is told as an empty element: so S3 does, and so clients expect. */
	if (!bytes_is(r->bucket.region, "us-east-1")) {
		xml_escape(&w, r->bucket.region);
	}
	xml_close(&w, "LocationConstraint");
	answer_xml(r, 200, &w);
	return S3E_NONE;
}
