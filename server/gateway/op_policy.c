/* Bucket policies: the KMS has the owner's signature for them on record and judges by them; here they are kept and told. */
#include "common/policy/policy.h"

#include "common/base/attr.h"
#include "common/base/log.h"
#include "common/codec/xml.h"
#include "server/gateway/ops.h"
#include "server/gateway/resource.h"

static enum s3error find_policy(struct request *r, struct bytes *ret)
{
	TRY_S3(config_find(r, INDEX_CONFIG_POLICY, ret));
	return ret->p == NULL ? S3E_NO_SUCH_BUCKET_POLICY : S3E_NONE;
}

enum s3error op_get_bucket_policy(struct request *r)
{
	struct bytes text;
	TRY_S3(find_policy(r, &text));
	struct writer w = writer_growing(GATEWAY_ANSWER_MAX);
	write_bytes(&w, text);
	answer_text(r, 200, BYTES("application/json"), &w);
	return S3E_NONE;
}

static enum s3error is_public(struct request *r, bool *ret)
{
	const struct policy *policy;
	const char *why;
	struct bytes text;
	struct acl acl;
	*ret = false;
	TRY_S3(config_find(r, INDEX_CONFIG_POLICY, &text));
	if (text.p != NULL) {
		TRY_S3(s3error_of(policy_parse(r->a, text, r->bucket.name, &policy, &why)));
		*ret = policy_is_public(policy);
	}
	TRY_S3(config_find(r, INDEX_CONFIG_ACL, &text));
	if (text.p != NULL && !r->settings.owner_enforced && !r->settings.ignore_public_acls) {
		TRY_S3(s3error_of(acl_read(r->a, text, &acl)));
		*ret = *ret || acl_is_public(&acl);
	}
	return S3E_NONE;
}

enum s3error op_get_bucket_policy_status(struct request *r)
{
	bool public = false;
	TRY_S3(is_public(r, &public));
	struct writer w = writer_growing(GATEWAY_ANSWER_MAX);
	xml_begin(&w);
	xml_open(&w, "PolicyStatus xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"");
	xml_element_bool(&w, "IsPublic", public);
	xml_close(&w, "PolicyStatus");
	answer_xml(r, 200, &w);
	return S3E_NONE;
}

enum s3error op_put_bucket_policy_begin(struct request *r)
{
	return collect_body(r, KMSPROTO_BODY_MAX);
}

/* What the gateway can refuse is refused before the KMS takes the policy on record. */
static enum s3error check_policy(struct request *r, struct bytes text)
{
	const struct policy *policy;
	const char *why = "";
	enum err e = policy_parse(r->a, text, r->bucket.name, &policy, &why);
	if (e == ERR_INPUT || e == ERR_LIMIT) {
		r->detail = e == ERR_INPUT ? why : "The policy is too large";
		return S3E_MALFORMED_POLICY;
	}
	TRY_S3(s3error_of(e));
	return r->settings.block_public_policy && policy_is_public(policy) ? S3E_ACCESS_DENIED
	                                                                   : S3E_NONE;
}

enum s3error op_put_bucket_policy_end(struct request *r)
{
	struct bytes text = writer_bytes(&r->text);
	TRY_S3(check_policy(r, text));
	TRY_S3(resource_change(r, INDEX_CONFIG_POLICY, text, &text));
	answer_empty(r, 204);
	return S3E_NONE;
}

enum s3error op_delete_bucket_policy(struct request *r)
{
	const struct bytes none = {NULL, 0};
	TRY_S3(resource_change(r, INDEX_CONFIG_POLICY, none, &none));
	answer_empty(r, 204);
	return S3E_NONE;
}
