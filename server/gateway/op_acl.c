/*
 * ACLs: the KMS makes them from what the user signed; here they are kept and told. And what S3 says of features that a bucket does not
 * use: here no bucket uses them, and the requests that would turn them on get 501.
 */
#include <string.h>

#include "common/codec/xml.h"
#include "server/gateway/ops.h"
#include "server/gateway/resource.h"

#define S3_NAME_SPACE " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""

/* The one on record, else the one that everything has at first. */
static enum s3error find_acl(struct request *r, struct acl *ret)
{
	bool of_object = r->target.key.n > 0;
	struct bytes stored = r->object.acl;
	if (!of_object) {
		TRY_S3(config_find(r, INDEX_CONFIG_ACL, &stored));
	}
	bool none = stored.n == 0 || (of_object && r->settings.owner_enforced);
	return s3error_of(none ? acl_private(r->a, resource_bucket_owner(r), ret)
	                       : acl_read(r->a, stored, ret));
}

static enum s3error answer_acl(struct request *r)
{
	struct acl acl;
	TRY_S3(find_acl(r, &acl));
	struct writer w = writer_growing(GATEWAY_ANSWER_MAX);
	acl_write_xml(&w, &acl);
	answer_xml(r, 200, &w);
	return S3E_NONE;
}

enum s3error op_get_bucket_acl(struct request *r)
{
	return answer_acl(r);
}

enum s3error op_get_object_acl(struct request *r)
{
	TRY_S3(object_need(r));
	TRY_S3(answer_acl(r));
	object_version_header(r, &r->object);
	return S3E_NONE;
}

enum s3error op_put_acl_begin(struct request *r)
{
	if (r->target.key.n > 0) {
		TRY_S3(object_need(r));
	}
	return collect_body(r, GATEWAY_XML_MAX);
}

/* What the gateway can refuse is refused before the KMS takes the ACL on record. */
static enum s3error check_acl(struct request *r, struct bytes body)
{
	bool of_object = r->target.key.n > 0;
	bool is_public = false;
	struct acl now;
	if (!resource_says_acl(r) && body.n == 0) {
		return S3E_MISSING_HEADER;
	}
	if (resource_says_acl(r) && body.n > 0) {
		return S3E_UNEXPECTED_CONTENT;
	}
	if (r->settings.owner_enforced && body.n > 0) {
		return S3E_ACL_NOT_SUPPORTED;
	}
	TRY_S3(find_acl(r, &now));
	TRY_S3(resource_acl_public(r, body, now.owner, of_object, &is_public));
	return is_public && r->settings.block_public_acls ? S3E_ACCESS_DENIED : S3E_NONE;
}

static enum s3error put_object_acl(struct request *r, const struct kmsproto_reply *made)
{
	struct index_change change = {
		.set_acl = true,
		.acl = made->document,
		.id = r->object.id,
	};
	memcpy(change.acl_stamp, made->stamp, sizeof(change.acl_stamp));
	return object_change(r, &change, 200);
}

enum s3error op_put_acl_end(struct request *r)
{
	struct kmsproto_reply made = {0};
	struct bytes body = bytes_trim(writer_bytes(&r->text));
	TRY_S3(check_acl(r, body));
	if (r->settings.owner_enforced) {
		answer_empty(r, 200); /* it says what holds anyway */
		return S3E_NONE;
	}
	if (r->target.key.n > 0) {
		TRY_S3(resource_document(r, writer_bytes(&r->text), &made));
		return put_object_acl(r, &made);
	}
	TRY_S3(resource_change(r, INDEX_CONFIG_ACL, writer_bytes(&r->text), NULL));
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
	} else if (op == S3OP_GET_BUCKET_NOTIFICATION) {
		answer_element(r, "NotificationConfiguration" S3_NAME_SPACE,
		               "NotificationConfiguration", NULL, NULL);
	} else {
		answer_element(r, "AccelerateConfiguration" S3_NAME_SPACE,
		               "AccelerateConfiguration", NULL, NULL);
	}
	return S3E_NONE;
}
