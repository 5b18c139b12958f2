/*
 * Who gets which rights, taken from what the user signed and from nothing else: ACL headers are in the canonical request; the body of a
 * policy or an ACL must have its digest there. What comes out is on record (buckets) or carries a stamp (objects).
 */
#include <string.h>

#include "common/base/attr.h"
#include "common/codec/base64.h"
#include "common/codec/hex.h"
#include "common/crypto/hash.h"
#include "server/kms/deciding.h"

struct acl_person deciding_person(const struct record_tenant *t)
{
	bool fits = t->display_name.n <= ACL_NAME_MAX;

	return (struct acl_person){t->canonical_id, fits ? t->display_name : t->name};
}

/* --- is the body what was signed? --- */

static bool is_signed(const struct deciding *d)
{
	uint8_t digest[SHA256_BYTES], claimed[SHA256_BYTES];
	struct bytes body = d->in->body;
	struct bytes checksum = evidence_header(&d->evidence, "x-amz-checksum-sha256");
	struct writer w = writer_fixed(claimed, sizeof(claimed));

	if (d->in->evidence.kind == SIGV4_ANONYMOUS || hash_sha256(body, digest) != OK) {
		return false;
	}
	if (hex_read(d->evidence.claims.content_hash, claimed, sizeof(claimed)) == OK) {
		return memcmp(digest, claimed, sizeof(digest)) == 0;
	}
	return base64_read(checksum, &w) == OK &&
	       bytes_equal(writer_bytes(&w), bytes_of(digest, sizeof(digest)));
}

/* --- the people in an ACL --- */

struct search {
	struct arena *a;
	struct acl *acl;
	bool found[ACL_GRANTS_MAX];
};

static bool is_same(const struct acl_grant *grant, const struct record_tenant *t)
{
	return grant->grantee == ACL_EMAIL
	               ? t->email.n > 0 && bytes_equal(t->email, grant->person.id)
	               : bytes_equal(t->canonical_id, grant->person.id);
}

static enum err look_at(void *context, struct bytes key, struct bytes plain)
{
	struct search *s = context;
	struct record_tenant t;

	(void)key;
	if (plain.p == NULL) {
		return ERR_CORRUPT;
	}
	TRY(record_tenant_read(plain, &t));
	for (size_t i = 0; i < s->acl->n; i++) {
		struct acl_grant *grant = &s->acl->grants[i];
		if (!s->found[i] && is_same(grant, &t)) {
			struct acl_person p = deciding_person(&t);
			grant->grantee = ACL_USER;
			grant->person.id = arena_copy(s->a, p.id);
			grant->person.name = arena_copy(s->a, p.name);
			s->found[i] = grant->person.id.p != NULL;
		}
	}
	return OK;
}

/* Groups and the owners need no search. true: nobody does. */
static bool is_plain(const struct deciding *d, struct search *s)
{
	const struct acl_person known[] = {s->acl->owner, deciding_person(&d->target.owner)};
	bool all = true;

	for (size_t i = 0; i < s->acl->n; i++) {
		struct acl_grant *grant = &s->acl->grants[i];
		s->found[i] = grant->grantee != ACL_USER && grant->grantee != ACL_EMAIL;
		for (size_t k = 0; k < COUNT(known) && !s->found[i]; k++) {
			s->found[i] = grant->grantee == ACL_USER &&
			              bytes_equal(grant->person.id, known[k].id);
			grant->person = s->found[i] ? known[k] : grant->person;
		}
		all = all && s->found[i];
	}
	return all;
}

/* Every grantee is a tenant of this KMS, with the name that it has here. One pass over the tenants, however many grants. */
static enum kmsproto_verdict resolve(struct deciding *d, struct acl *acl)
{
	struct search s = {.a = d->k->scratch, .acl = acl};

	if (acl->n > ACL_GRANTS_MAX) {
		return KMSPROTO_BAD_DOCUMENT;
	}
	if (is_plain(d, &s)) {
		return KMSPROTO_OK;
	}
	AUTO(arena_freep) struct arena *scratch = arena_new(KMS_SCRATCH_BYTES);
	enum err e = scratch == NULL
	                     ? ERR_NOMEM
	                     : keystore_each(d->k->store, scratch, KEYSTORE_TENANTS,
	                                     (struct bytes){0}, look_at, &s);
	if (e != OK) {
		return deciding_fault(e, "grantees");
	}
	for (size_t i = 0; i < acl->n; i++) {
		if (!s.found[i]) {
			d->entry.detail = BYTES("a grant to somebody who is not known here");
			return acl->grants[i].grantee == ACL_EMAIL ? KMSPROTO_NO_SUCH_EMAIL
			                                           : KMSPROTO_NO_SUCH_GRANTEE;
		}
	}
	return KMSPROTO_OK;
}

/* --- ACLs --- */

/* Who owns what is made: who writes it, unless the bucket's ownership says otherwise. */
static struct acl_person owner_of_new(const struct deciding *d)
{
	const struct side *s = &d->target;
	bool given = bytes_is(evidence_header(&d->evidence, "x-amz-acl"),
	                      "bucket-owner-full-control") &&
	             (s->resource->flags & KMSPROTO_OWNER_PREFERRED) != 0;

	if (given) {
		return deciding_person(&s->owner);
	}
	return deciding_person(&(struct record_tenant){
		.canonical_id = d->principal->canonical_id,
		.display_name = d->principal->display_name,
		.name = d->principal->tenant_name,
	});
}

static struct acl_person owner_of_existing(const struct deciding *d)
{
	const struct side *s = &d->target;

	return s->object_acl.owner.id.n > 0 ? s->object_acl.owner : deciding_person(&s->owner);
}

static enum kmsproto_verdict of_reading(struct deciding *d, enum err e, const char *why)
{
	switch (e) {
	case OK:
		return KMSPROTO_OK;
	case ERR_INPUT:
		d->entry.detail = bytes_text(why);
		return KMSPROTO_BAD_DOCUMENT;
	case ERR_DENIED:
		d->entry.detail = BYTES("an ACL that names another owner");
		return KMSPROTO_DENIED;
	case ERR_AUTH:
	case ERR_NOMEM:
	case ERR_LIMIT:
	case ERR_NOTFOUND:
	case ERR_EXISTS:
	case ERR_CONFLICT:
	case ERR_CORRUPT:
	case ERR_IO:
	case ERR_FULL:
	case ERR_TIMEOUT:
	case ERR_UNAVAILABLE:
	case ERR_CANCELLED:
		break;
	}
	return e == ERR_LIMIT ? KMSPROTO_BAD_DOCUMENT : deciding_fault(e, "document");
}

/* From the headers, else from the body. *ret_said: the request speaks of an ACL at all. */
static enum kmsproto_verdict read_acl(struct deciding *d, struct acl_person owner, bool of_object,
                                      bool *ret_said, struct acl *ret)
{
	struct acl_person bucket_owner = deciding_person(&d->target.owner);
	const struct sigv4_claims *c = &d->evidence.claims;
	const char *why = "";
	const struct acl_request q = {c->headers, c->n_headers, owner,
	                              of_object ? &bucket_owner : NULL};
	enum err e = acl_read_request(d->k->scratch, &q, ret_said, ret, &why);

	if (e == OK && !*ret_said && d->in->has_document && d->in->body.n > 0) {
		if (!is_signed(d)) {
			return KMSPROTO_NOT_SIGNED;
		}
		*ret_said = true;
		why = "no AccessControlPolicy";
		e = acl_read_xml(d->k->scratch, d->in->body, owner, ret);
	}
	enum kmsproto_verdict v = of_reading(d, e, why);
	return v == KMSPROTO_OK ? resolve(d, ret) : v;
}

static enum err reply_acl(struct deciding *d, const struct acl *acl)
{
	void *p = arena_alloc(d->out, KMSPROTO_DOCUMENT_MAX);

	if (p == NULL) {
		return ERR_LIMIT;
	}
	struct writer w = writer_fixed(p, KMSPROTO_DOCUMENT_MAX);
	acl_write(&w, acl);
	d->reply->document = writer_bytes(&w);
	return writer_end(&w);
}

static struct share_bucket bucket_of(const struct deciding *d)
{
	return (struct share_bucket){d->in->target.tenant, d->evidence.target.bucket,
	                             d->in->target.bucket_number};
}

static enum kmsproto_verdict stamp_acl(struct deciding *d, const struct acl *acl, const uint8_t *id)
{
	const struct share_object o = {bucket_of(d), d->evidence.target.key, id};
	enum err e = reply_acl(d, acl);

	if (e == OK) {
		e = shares_stamp(d->k, &o, d->reply->document, d->reply->stamp);
	}
	return e == OK ? KMSPROTO_OK : deciding_fault(e, "ACL");
}

static enum kmsproto_verdict record(struct deciding *d, enum kmsproto_document_kind kind,
                                    struct bytes text)
{
	d->record = (struct share_change){.bucket = bucket_of(d), .kind = kind, .text = text};
	return text.n <= KMSPROTO_DOCUMENT_MAX ? KMSPROTO_OK : KMSPROTO_BAD_DOCUMENT;
}

static enum kmsproto_verdict make_bucket_acl(struct deciding *d)
{
	struct acl acl;
	bool said;
	enum kmsproto_verdict v = read_acl(d, deciding_person(&d->target.owner), false, &said, &acl);

	if (v == KMSPROTO_OK && !said) {
		d->entry.detail = BYTES("no ACL");
		return KMSPROTO_BAD_DOCUMENT;
	}
	if (v == KMSPROTO_OK && reply_acl(d, &acl) != OK) {
		return KMSPROTO_BAD_DOCUMENT;
	}
	return v == KMSPROTO_OK ? record(d, KMSPROTO_BUCKET_ACL, d->reply->document) : v;
}

static enum kmsproto_verdict make_object_acl(struct deciding *d)
{
	const struct kmsproto_resource *to = &d->in->target;
	struct acl acl;
	bool said;

	if ((to->flags & KMSPROTO_MISSING) != 0 ||
	    !evidence_names_version(&d->evidence, false, to->object_id)) {
		return deciding_bad_call(d, "an ACL of another object than the signed request names");
	}
	enum kmsproto_verdict v = read_acl(d, owner_of_existing(d), true, &said, &acl);

	if (v == KMSPROTO_OK && !said) {
		d->entry.detail = BYTES("no ACL");
		return KMSPROTO_BAD_DOCUMENT;
	}
	return v == KMSPROTO_OK ? stamp_acl(d, &acl, to->object_id) : v;
}

static bool is_private(const struct acl *acl, struct bytes owner)
{
	const struct acl_grant *only = acl->grants;

	return bytes_equal(acl->owner.id, owner) && acl->n == 1 && only->grantee == ACL_USER &&
	       only->permission == ACL_FULL_CONTROL && bytes_equal(only->person.id, owner);
}

/* An object that is the bucket owner's and nobody else's to use needs no document. */
static enum kmsproto_verdict make_new_object_acl(struct deciding *d)
{
	const struct side *s = &d->target;
	struct acl acl;
	bool said;

	/* What the anonymous say nobody signed. */
	if (d->principal == NULL || s->resource->tenant.n == 0 ||
	    (s->resource->flags & KMSPROTO_OWNER_ENFORCED) != 0) {
		return KMSPROTO_OK;
	}
	enum kmsproto_verdict v = read_acl(d, owner_of_new(d), true, &said, &acl);
	if (v != KMSPROTO_OK || is_private(&acl, s->owner.canonical_id)) {
		return v;
	}
	for (size_t i = 0; i < d->in->n_keys; i++) {
		if (d->in->keys[i].op == KMSPROTO_ISSUE) {
			return stamp_acl(d, &acl, d->in->keys[i].object_id);
		}
	}
	return KMSPROTO_OK;
}

/* --- policies --- */

static enum kmsproto_verdict make_policy(struct deciding *d)
{
	const struct policy *policy;
	const char *why = "";

	if (!is_signed(d)) {
		return KMSPROTO_NOT_SIGNED;
	}
	enum err e = policy_parse(d->k->scratch, d->in->body, d->evidence.target.bucket, &policy,
	                          &why);
	enum kmsproto_verdict v = of_reading(d, e, why);
	return v == KMSPROTO_OK ? record(d, KMSPROTO_BUCKET_POLICY, d->in->body) : v;
}

/* --- bucket logging --- */

static enum kmsproto_verdict make_logging(struct deciding *d)
{
	struct logging logging;
	const char *why = "not a BucketLoggingStatus";

	if (!is_signed(d)) {
		return KMSPROTO_NOT_SIGNED;
	}
	enum err e = logging_read(d->k->scratch, d->in->body, &logging, &why);
	if (e == ERR_DENIED) {
		e = ERR_INPUT; /* grants to others: not built */
		why = "TargetGrants";
	}
	enum kmsproto_verdict v = of_reading(d, e, why);
	if (v != KMSPROTO_OK) {
		return v;
	}
	return record(d, KMSPROTO_BUCKET_LOGGING,
	              logging.bucket.n > 0 ? d->in->body : (struct bytes){0});
}

static enum kmsproto_verdict make(struct deciding *d)
{
	enum s3op op = d->evidence.target.op;

	if (op == S3OP_PUT_BUCKET_POLICY) {
		return make_policy(d);
	}
	if (op == S3OP_PUT_BUCKET_LOGGING) {
		return make_logging(d);
	}
	if (op == S3OP_DELETE_BUCKET_POLICY) {
		return record(d, KMSPROTO_BUCKET_POLICY, (struct bytes){0});
	}
	if (op == S3OP_DELETE_BUCKET) {
		d->record = (struct share_change){.bucket = bucket_of(d), .gone = true};
		return KMSPROTO_OK;
	}
	if (op == S3OP_PUT_BUCKET_ACL || op == S3OP_CREATE_BUCKET) {
		return make_bucket_acl(d);
	}
	return op == S3OP_PUT_OBJECT_ACL
	               ? make_object_acl(d)
	               : deciding_bad_call(d, "a document that this operation does not have");
}

enum kmsproto_verdict documents_make(struct deciding *d)
{
	enum s3op op = d->evidence.target.op;

	if (d->in->has_document) {
		return d->in->target.tenant.n > 0
		               ? make(d)
		               : deciding_bad_call(d, "a document of no bucket");
	}
	bool makes = op == S3OP_PUT_OBJECT || op == S3OP_COPY_OBJECT ||
	             op == S3OP_CREATE_MULTIPART_UPLOAD;
	return makes ? make_new_object_acl(d) : KMSPROTO_OK;
}
