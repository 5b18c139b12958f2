#include "server/gateway/resource.h"

#include <string.h>

#include "common/base/attr.h"
#include "common/codec/xml.h"
#include "server/gateway/config_document.h"
#include "server/gateway/grant.h"
#include "server/gateway/ops.h"

static bool has_config(const struct index_bucket *b, enum index_config kind)
{
	return (b->configs & 1U << kind) != 0;
}

static enum err find_config(struct index *x, struct arena *a, const struct index_bucket *b,
                            enum index_config kind, struct bytes *ret)
{
	*ret = (struct bytes){NULL, 0};
	if (!has_config(b, kind)) {
		return OK;
	}
	enum err e = index_config_get(x, a, b->number, kind, ret);
	return e == ERR_NOTFOUND ? OK : e;
}

static void add_document(struct kmsproto_resource *to, enum kmsproto_document_kind kind,
                         struct bytes text, const uint8_t *stamp)
{
	if (text.n == 0) {
		return;
	}
	struct kmsproto_document *d = &to->documents[to->n_documents++];
	d->kind = kind;
	d->text = text;
	if (stamp != NULL) {
		memcpy(d->stamp, stamp, sizeof(d->stamp));
	}
}

enum err resource_of_bucket(struct index *x, struct arena *a, const struct index_bucket *b,
                            struct bucket_settings *settings, struct kmsproto_resource *to)
{
	struct bytes text;
	to->tenant = b->tenant;
	to->bucket_number = b->number;
	TRY(find_config(x, a, b, INDEX_CONFIG_POLICY, &text));
	add_document(to, KMSPROTO_BUCKET_POLICY, text, NULL);
	TRY(find_config(x, a, b, INDEX_CONFIG_ACL, &text));
	add_document(to, KMSPROTO_BUCKET_ACL, text, NULL);
	TRY(find_config(x, a, b, INDEX_CONFIG_OWNERSHIP, &text));
	config_ownership(a, text, settings);
	TRY(find_config(x, a, b, INDEX_CONFIG_PUBLIC_ACCESS, &text));
	config_public_access(a, text, settings);
	to->flags = (uint8_t)((settings->owner_enforced ? KMSPROTO_OWNER_ENFORCED : 0) |
	                      (settings->owner_preferred ? KMSPROTO_OWNER_PREFERRED : 0) |
	                      (settings->ignore_public_acls ? KMSPROTO_IGNORE_PUBLIC_ACLS : 0) |
	                      (settings->restrict_public ? KMSPROTO_RESTRICT_PUBLIC : 0));
	return OK;
}

static enum s3error describe_bucket(struct request *r, const struct index_bucket *b,
                                    struct bucket_settings *settings,
                                    struct kmsproto_resource *to)
{
	return s3error_of(resource_of_bucket(r->g->index, r->a, b, settings, to));
}

static void describe_object(const struct index_object *o, bool exists,
                            struct kmsproto_resource *to)
{
	if (!exists) {
		to->flags |= KMSPROTO_MISSING;
		return;
	}
	memcpy(to->object_id, o->id, sizeof(to->object_id));
	add_document(to, KMSPROTO_OBJECT_ACL, o->acl, o->acl_stamp);
	bool asked = to->n_documents > 0 && to->documents[0].kind == KMSPROTO_BUCKET_POLICY;
	to->tags = o->tags;
	to->n_tags = asked ? o->n_tags : 0;
}

bool resource_says_acl(const struct request *r)
{
	static const char *const names[] = {"x-amz-acl", "x-amz-grant-read", "x-amz-grant-write",
	                                    "x-amz-grant-read-acp", "x-amz-grant-write-acp",
	                                    "x-amz-grant-full-control"};
	for (size_t i = 0; i < COUNT(names); i++) {
		if (request_has_header(r, names[i])) {
			return true;
		}
	}
	return false;
}

/* Ownership "enforced" means that there are no ACLs: one that says so much is taken, every other refused. */
static void refuse_acl(struct request *r)
{
	bool harmless = bytes_is(request_header(r, "x-amz-acl"), "bucket-owner-full-control");
	bool with = r->op != NULL && r->op->takes_acl && resource_says_acl(r);
	if (with && r->settings.owner_enforced && !harmless && r->outcome == S3E_NONE) {
		r->outcome = S3E_ACL_NOT_SUPPORTED;
		r->access.n_keys = 0;
	}
}

enum s3error resource_describe(struct request *r)
{
	struct bucket_settings unused = {0};
	struct kmsproto_access *access = &r->access;
	access->secure = exchange_peer(r->x)->tls;
	access->referer = request_header(r, "referer");
	if (!r->has_bucket || (r->op != NULL && r->op->bucket == OP_BUCKET_NONE)) {
		return S3E_NONE;
	}
	TRY_S3(describe_bucket(r, &r->bucket, &r->settings, &access->target));
	if (s3op_is_of_object(r->target.op)) {
		if (!r->looked) {
			TRY_S3(object_find(r));
		}
		describe_object(&r->object, r->has_object, &access->target);
	}
	if (r->has_source_bucket) {
		TRY_S3(describe_bucket(r, &r->source_bucket, &unused, &access->copy_source));
		describe_object(&r->source, r->has_object, &access->copy_source);
	}
	refuse_acl(r);
	return S3E_NONE;
}

enum s3error resource_take_acl(struct request *r, struct index_object *o)
{
	struct acl acl;
	if (r->grant.document.n == 0) {
		return S3E_NONE;
	}
	TRY_S3(s3error_of(acl_read(r->a, r->grant.document, &acl)));
	if (r->settings.block_public_acls && acl_is_public(&acl)) {
		return S3E_ACCESS_DENIED;
	}
	o->acl = r->grant.document;
	memcpy(o->acl_stamp, r->grant.stamp, sizeof(o->acl_stamp));
	return S3E_NONE;
}

enum s3error resource_document(struct request *r, struct bytes body, struct kmsproto_reply *ret)
{
	struct kmsproto_call call = {.kind = KMSPROTO_ACCESS, .access = r->access};
	call.access.n_keys = 0;
	call.access.has_document = true;
	call.access.body = body;
	if (body.n > KMSPROTO_BODY_MAX) {
		return S3E_MESSAGE_LENGTH;
	}
	return grant_call(r, &call, ret);
}

struct acl_person resource_bucket_owner(const struct request *r)
{
	return (struct acl_person){r->bucket.owner_id, r->bucket.owner_name};
}

enum s3error resource_acl_public(struct request *r, struct bytes body, struct acl_person owner,
                                 bool of_object, bool *ret)
{
	const struct acl_person bucket_owner = resource_bucket_owner(r);
	struct sigv4_claims claims; /* as the KMS reads them */
	const char *why = NULL;
	struct acl acl;
	bool said = false;
	TRY_S3(s3error_of(sigv4_claims_read(r->access.evidence.canonical, &claims)));
	TRY_S3(s3error_of(sigv4_hoisted(r->a, r->query, r->n_query, claims.headers,
	                                &claims.n_headers)));
	const struct acl_request q = {claims.headers, claims.n_headers, owner,
	                              of_object ? &bucket_owner : NULL};
	enum err e = acl_read_request(r->a, &q, &said, &acl, &why);
	if (e == OK && !said) {
		why = NULL;
		e = acl_read_xml(r->a, body, owner, &acl);
	}
	if (e == ERR_INPUT) {
		r->detail = why;
		return resource_says_acl(r) ? S3E_INVALID_ARGUMENT : S3E_MALFORMED_ACL;
	}
	if (e == ERR_DENIED) {
		return S3E_ACCESS_DENIED;
	}
	TRY_S3(e == ERR_LIMIT ? S3E_MALFORMED_ACL : s3error_of(e));
	*ret = acl_is_public(&acl);
	return S3E_NONE;
}

void resource_xml_owner(const struct request *r, struct writer *w, struct bytes acl)
{
	struct acl_person owner = resource_bucket_owner(r);
	if (acl.n > 0 && !r->settings.owner_enforced && acl_read_owner(acl, &owner) != OK) {
		w->full = true; /* an error, never a guess */
		return;
	}
	xml_open(w, "Owner");
	xml_element(w, "ID", owner.id);
	xml_element(w, "DisplayName", owner.name);
	xml_close(w, "Owner");
}
