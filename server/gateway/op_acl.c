/*
 * ACLs, of which there is one: private. And what S3 says of features that a bucket does not use: here no bucket uses
 * them, and the requests that would turn them on get 501.
 */
#include "common/codec/xml.h"
#include "server/gateway/config_document.h"
#include "server/gateway/ops.h"

#define S3_NAME_SPACE " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""

static void write_person(struct request *r, struct writer *w)
{
	xml_element(w, "ID", r->bucket.owner_id);
	xml_element(w, "DisplayName", r->bucket.owner_name);
}

static void answer_private(struct request *r)
{
	struct writer w = writer_growing(GATEWAY_ANSWER_MAX);
	xml_begin(&w);
	xml_open(&w, "AccessControlPolicy" S3_NAME_SPACE);
	xml_open(&w, "Owner");
	write_person(r, &w);
	xml_close(&w, "Owner");
	xml_open(&w, "AccessControlList");
	xml_open(&w, "Grant");
	xml_open(&w, "Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
	             "xsi:type=\"CanonicalUser\"");
	write_person(r, &w);
	xml_close(&w, "Grantee");
	xml_element_text(&w, "Permission", "FULL_CONTROL");
	xml_close(&w, "Grant");
	xml_close(&w, "AccessControlList");
	xml_close(&w, "AccessControlPolicy");
	answer_xml(r, 200, &w);
}

enum s3error op_get_bucket_acl(struct request *r)
{
	answer_private(r);
	return S3E_NONE;
}

enum s3error op_get_object_acl(struct request *r)
{
	TRY_S3(object_need(r));
	answer_private(r);
	return S3E_NONE;
}

/* A document of grants would have to be enforced, even one that names only the owner with less than everything. */
enum s3error op_put_acl_begin(struct request *r)
{
	if (r->target.key.n > 0) {
		TRY_S3(object_need(r));
	}
	return collect_body(r, GATEWAY_XML_MAX);
}

enum s3error op_put_acl_end(struct request *r)
{
	static const char *const grants[] = {"x-amz-grant-read", "x-amz-grant-write",
	                                     "x-amz-grant-full-control", "x-amz-grant-read-acp",
	                                     "x-amz-grant-write-acp", NULL};
	struct bytes acl = request_header(r, "x-amz-acl");
	struct bytes ownership;
	for (const char *const *name = grants; *name != NULL; name++) {
		if (request_has_header(r, *name)) {
			return S3E_NOT_IMPLEMENTED;
		}
	}
	if (writer_bytes(&r->text).n > 0) {
		return S3E_NOT_IMPLEMENTED;
	}
	if (acl.n == 0) {
		return S3E_MISSING_HEADER;
	}
	if (!bytes_is(acl, "private")) {
		return S3E_NOT_IMPLEMENTED;
	}
	TRY_S3(config_find(r, INDEX_CONFIG_OWNERSHIP, &ownership));
	if (ownership.p != NULL && config_enforces_owner(r->a, ownership)) {
		return S3E_ACL_NOT_SUPPORTED;
	}
	answer_empty(r, 200);
	return S3E_NONE;
}

static void answer_element(struct request *r, const char *opening, const char *name,
                           const char *child, const char *text)
{
	struct writer w = writer_growing(GATEWAY_ANSWER_MAX);
	xml_begin(&w);
	xml_open(&w, opening);
	if (child != NULL) {
		xml_element_text(&w, child, text);
	}
	xml_close(&w, name);
	answer_xml(r, 200, &w);
}

/* What S3 answers for a bucket on which the feature was never turned on. */
enum s3error op_get_unused(struct request *r)
{
	enum s3op op = r->target.op;
	if (op == S3OP_GET_BUCKET_POLICY || op == S3OP_GET_BUCKET_POLICY_STATUS) {
		return S3E_NO_SUCH_BUCKET_POLICY;
	}
	if (op == S3OP_GET_BUCKET_WEBSITE) {
		return S3E_NO_WEBSITE;
	}
	if (op == S3OP_GET_OBJECT_TORRENT) {
		return S3E_NO_SUCH_KEY;
	}
	if (op == S3OP_GET_BUCKET_REPLICATION) {
		return S3E_NO_REPLICATION;
	}
	if (op == S3OP_GET_BUCKET_REQUEST_PAYMENT) {
		answer_element(r, "RequestPaymentConfiguration" S3_NAME_SPACE,
		               "RequestPaymentConfiguration", "Payer", "BucketOwner");
	} else if (op == S3OP_GET_BUCKET_LOGGING) {
		answer_element(r, "BucketLoggingStatus" S3_NAME_SPACE, "BucketLoggingStatus", NULL,
		               NULL);
	} else if (op == S3OP_GET_BUCKET_NOTIFICATION) {
		answer_element(r, "NotificationConfiguration" S3_NAME_SPACE,
		               "NotificationConfiguration", NULL, NULL);
	} else {
		answer_element(r, "AccelerateConfiguration" S3_NAME_SPACE,
		               "AccelerateConfiguration", NULL, NULL);
	}
	return S3E_NONE;
}
