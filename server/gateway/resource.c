#include "server/gateway/resource.h"

#include <string.h>

#include "common/base/attr.h"
#include "common/base/log.h"
#include "common/codec/xml.h"
#include "server/gateway/config_document.h"
#include "server/gateway/grant.h"
#include "server/gateway/ops.h"

static bool has_config(const struct index_bucket *b, enum index_config kind)
{
	return (b->configs & 1U << kind) != 0;
}

static enum err find_config(struct index *x, struct arena *a, const struct index_bucket *b,
                            enum index_config kind, struct index_config_row *ret)
{
	*ret = (struct index_config_row){0};
	if (!has_config(b, kind)) {
		return OK;
	}
	enum err e = index_config_find(x, a, b->number, kind, ret);
	return e == ERR_NOTFOUND ? OK : e;
}

/* The order of documents says nothing. */
static void drop_document(struct kmsproto_resource *to, enum kmsproto_document_kind kind)
{
	for (size_t i = 0; i < to->n_documents; i++) {
		if (to->documents[i].kind == kind) {
			to->documents[i] = to->documents[--to->n_documents];
			return;
		}
	}
}

static struct kmsproto_document *add_document(struct kmsproto_resource *to,
                                              enum kmsproto_document_kind kind, struct bytes text)
{
	struct kmsproto_document *d = &to->documents[to->n_documents++];
	*d = (struct kmsproto_document){.kind = kind, .text = text};
	return d;
}

static void add_record(struct kmsproto_resource *to, enum kmsproto_document_kind kind,
                       const struct index_config_row *row)
{
	if (row->document.n > 0) {
		add_document(to, kind, row->document)->order = row->order;
	}
}

enum err resource_of_bucket(struct index *x, struct arena *a, const struct index_bucket *b,
                            struct bucket_settings *settings, struct kmsproto_resource *to)
{
	struct index_config_row row;
	to->tenant = b->tenant;
	to->bucket_number = b->number;
	TRY(find_config(x, a, b, INDEX_CONFIG_POLICY, &row));
	add_record(to, KMSPROTO_BUCKET_POLICY, &row);
	TRY(find_config(x, a, b, INDEX_CONFIG_ACL, &row));
	add_record(to, KMSPROTO_BUCKET_ACL, &row);
	TRY(find_config(x, a, b, INDEX_CONFIG_OWNERSHIP, &row));
	config_ownership(a, row.document, settings);
	TRY(find_config(x, a, b, INDEX_CONFIG_PUBLIC_ACCESS, &row));
	config_public_access(a, row.document, settings);
	to->flags = (uint8_t)((settings->owner_enforced ? KMSPROTO_OWNER_ENFORCED : 0) |
	                      (settings->owner_preferred ? KMSPROTO_OWNER_PREFERRED : 0) |
	                      (settings->ignore_public_acls ? KMSPROTO_IGNORE_PUBLIC_ACLS : 0) |
	                      (settings->restrict_public ? KMSPROTO_RESTRICT_PUBLIC : 0) |
	                      (has_config(b, INDEX_CONFIG_LOGGING) ? KMSPROTO_LOGGED : 0));
	return OK;
}

void resource_take(struct kmsproto_resource *to, const struct kmsproto_newer *newer)
{
	const struct index_config_row row = {newer->order, newer->text};
	if (newer->kind == KMSPROTO_BUCKET_LOGGING) {
		to->flags &= (uint8_t)~KMSPROTO_LOGGED;
		to->flags |= newer->text.n > 0 ? KMSPROTO_LOGGED : 0;
		return;
	}
	drop_document(to, newer->kind);
	add_record(to, newer->kind, &row);
}

static enum index_config config_of(enum kmsproto_document_kind kind)
{
	switch (kind) {
	case KMSPROTO_BUCKET_POLICY:
		return INDEX_CONFIG_POLICY;
	case KMSPROTO_BUCKET_ACL:
		return INDEX_CONFIG_ACL;
	case KMSPROTO_BUCKET_LOGGING:
		return INDEX_CONFIG_LOGGING;
	case KMSPROTO_OBJECT_ACL:
		break;
	}
	return INDEX_CONFIG_KINDS;
}

void resource_follow(struct index *x, struct arena *a, struct index_bucket *b,
                     const struct kmsproto_newer *newer)
{
	enum index_config kind = config_of(newer->kind);
	struct bytes text = newer->text.n > 0 ? newer->text : (struct bytes){NULL, 0};
	struct index_config_row now = {0};
	if (kind == INDEX_CONFIG_KINDS) {
		return;
	}
	b->configs = text.p != NULL ? b->configs | 1U << kind : b->configs & ~(1U << kind);
	enum err e = index_config_find(x, a, b->number, kind, &now);
	if (e == OK && now.order >= newer->order) {
		return; /* another request was here meanwhile */
	}
	if (e == OK || e == ERR_NOTFOUND) {
		e = index_config_record(x, b, kind, text, newer->order, 0);
	}
	if (e == OK) {
		LOG(LOG_INFO, "bucket.follow", LOG_BYTES("bucket", b->name), LOG_U64("kind", kind),
		    LOG_U64("order", newer->order));
	} else if (e != ERR_NOTFOUND) {
		LOG(LOG_WARN, "bucket.follow", LOG_BYTES("bucket", b->name), LOG_ERR(e),
		    LOG_STR("do", "make room for the index: it tells of a policy, ACL or logging "
		                  "configuration that is not in force any more"));
	}
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
	if (o->acl.n > 0) {
		struct kmsproto_document *d = add_document(to, KMSPROTO_OBJECT_ACL, o->acl);
		memcpy(d->stamp, o->acl_stamp, sizeof(d->stamp));
	}
	to->tags = o->tags;
	to->n_tags = o->n_tags;
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

enum s3error resource_change(struct request *r, enum index_config kind, struct bytes body,
                             const struct bytes *kept)
{
	struct index_config_row before = {0};
	struct kmsproto_reply made = {0};
	enum err e = index_config_find(r->g->index, r->a, r->bucket.number, kind, &before);
	TRY_S3(e == ERR_NOTFOUND ? S3E_NONE : s3error_of(e));
	TRY_S3(resource_document(r, body, &made));
	return s3error_of_bucket(index_config_record(r->g->index, &r->bucket, kind,
	                                             kept == NULL ? made.document : *kept,
	                                             made.log_index, before.order));
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
