/*
 * Rights. What a tenant owns, its users may use; everybody else, the anonymous too, needs a document that the owner signed: the bucket's
 * policy, its ACL, the object's ACL. A Deny of the policy holds against everybody. What the gateway says about a bucket can only take rights
 * away: a bucket's policy and ACL are those on record (shares.h), also where the gateway sends others or none.
 */
#include <string.h>

#include "common/base/attr.h"
#include "server/kms/deciding.h"

/* What an ACL can allow. An operation that is not here is the owner's, or a policy's to allow. */
static const struct right {
	enum s3op op;
	enum acl_permission permission; /* 0: no ACL allows it */
	const char *version_action;     /* of a request that names a version; NULL: the same */
} rights[] = {
	{S3OP_HEAD_BUCKET, ACL_READ, NULL},
	{S3OP_LIST_OBJECTS, ACL_READ, NULL},
	{S3OP_LIST_OBJECTS_V2, ACL_READ, NULL},
	{S3OP_LIST_OBJECT_VERSIONS, ACL_READ, NULL},
	{S3OP_LIST_MULTIPART_UPLOADS, ACL_READ, NULL},
	{S3OP_GET_BUCKET_ACL, ACL_READ_ACP, NULL},
	{S3OP_PUT_BUCKET_ACL, ACL_WRITE_ACP, NULL},
	{S3OP_PUT_OBJECT, ACL_WRITE, NULL},
	{S3OP_COPY_OBJECT, ACL_WRITE, NULL},
	{S3OP_DELETE_OBJECT, ACL_WRITE, "s3:DeleteObjectVersion"},
	{S3OP_DELETE_OBJECTS, ACL_WRITE, "s3:DeleteObjectVersion"},
	{S3OP_CREATE_MULTIPART_UPLOAD, ACL_WRITE, NULL},
	{S3OP_UPLOAD_PART, ACL_WRITE, NULL},
	{S3OP_UPLOAD_PART_COPY, ACL_WRITE, NULL},
	{S3OP_COMPLETE_MULTIPART_UPLOAD, ACL_WRITE, NULL},
	{S3OP_ABORT_MULTIPART_UPLOAD, ACL_WRITE, NULL},
	{S3OP_LIST_PARTS, ACL_WRITE, NULL},
	{S3OP_GET_OBJECT, ACL_READ, "s3:GetObjectVersion"},
	{S3OP_HEAD_OBJECT, ACL_READ, "s3:GetObjectVersion"},
	{S3OP_GET_OBJECT_ATTRIBUTES, ACL_READ, "s3:GetObjectVersionAttributes"},
	{S3OP_GET_OBJECT_ACL, ACL_READ_ACP, "s3:GetObjectVersionAcl"},
	{S3OP_PUT_OBJECT_ACL, ACL_WRITE_ACP, "s3:PutObjectVersionAcl"},
	{S3OP_GET_OBJECT_TAGGING, 0, "s3:GetObjectVersionTagging"},
	{S3OP_PUT_OBJECT_TAGGING, 0, "s3:PutObjectVersionTagging"},
	{S3OP_DELETE_OBJECT_TAGGING, 0, "s3:DeleteObjectVersionTagging"},
};

/* A header that asks for more than the operation: a Deny of that action holds as well. */
static const struct {
	const char *header, *action;
	bool must_allow; /* it takes an Allow of its own */
} extras[] = {
	{"x-amz-acl", "s3:PutObjectAcl", false},
	{"x-amz-grant-read", "s3:PutObjectAcl", false},
	{"x-amz-grant-read-acp", "s3:PutObjectAcl", false},
	{"x-amz-grant-write-acp", "s3:PutObjectAcl", false},
	{"x-amz-grant-full-control", "s3:PutObjectAcl", false},
	{"x-amz-tagging", "s3:PutObjectTagging", false},
	{"x-amz-object-lock-mode", "s3:PutObjectRetention", true},
	{"x-amz-object-lock-legal-hold", "s3:PutObjectLegalHold", true},
	{"x-amz-bypass-governance-retention", "s3:BypassGovernanceRetention", true},
};

static const struct right *right_of(enum s3op op)
{
	for (size_t i = 0; i < COUNT(rights); i++) {
		if (rights[i].op == op) {
			return &rights[i];
		}
	}
	return NULL;
}

/* --- the documents that count --- */

static enum err use_policy(struct deciding *d, struct side *s, struct bytes text)
{
	enum err e = policies_get(d->k, s->bucket, text, d->target.policy, &s->policy);

	/* It was one when it was put on record: the language became stricter since. */
	if (e == ERR_INPUT) {
		s->stale = true;
		return OK;
	}
	return e;
}

static enum err check_stamp(struct deciding *d, const struct side *s, const struct share_bucket *b,
                            const struct kmsproto_document *document)
{
	const struct share_object o = {*b, s->key, s->resource->object_id};
	uint8_t stamp[KMSPROTO_STAMP_BYTES];

	TRY(shares_stamp(d->k, &o, document->text, stamp));
	return same_bytes(stamp, document->stamp, sizeof(stamp)) ? OK : ERR_DENIED;
}

static const struct kmsproto_document *sent_of(const struct side *s,
                                               enum kmsproto_document_kind kind)
{
	for (size_t i = 0; i < s->resource->n_documents; i++) {
		if (s->resource->documents[i].kind == kind) {
			return &s->resource->documents[i];
		}
	}
	return NULL;
}

static enum err use_object_acl(struct deciding *d, struct side *s, const struct share_bucket *b)
{
	const struct kmsproto_document *sent = sent_of(s, KMSPROTO_OBJECT_ACL);

	if (sent == NULL) {
		return OK;
	}
	enum err e = check_stamp(d, s, b, sent);
	s->forged = e == ERR_DENIED;
	if (e != OK) {
		return e == ERR_DENIED ? OK : e;
	}
	return acl_read(d->k->scratch, sent->text, &s->object_acl);
}

static enum kmsproto_place place_of(const struct deciding *d, const struct side *s)
{
	return s == &d->target ? KMSPROTO_TARGET : KMSPROTO_COPY_SOURCE;
}

static enum err use_record(struct deciding *d, struct side *s, const struct share_bucket *b,
                           const struct record_bucket *row, enum kmsproto_document_kind kind)
{
	struct share_current now;
	enum err e = shares_current(d->k, b, row, kind, sent_of(s, kind), &now);

	if (e == ERR_DENIED) {
		s->stale = true;
		return OK;
	}
	TRY(e);
	if (!now.sent) {
		deciding_newer(d, place_of(d, s), kind, &now);
	}
	if (now.text.n == 0) {
		return OK;
	}
	return kind == KMSPROTO_BUCKET_POLICY ? use_policy(d, s, now.text)
	                                      : acl_read(d->k->scratch, now.text, &s->bucket_acl);
}

/* It decides nothing here, so whether there is one is enough. */
static enum err compare_logging(struct deciding *d, struct side *s, const struct share_bucket *b,
                                const struct record_bucket *row)
{
	bool logged = (s->resource->flags & KMSPROTO_LOGGED) != 0;
	struct share_current now;

	if (logged == shares_has(row, KMSPROTO_BUCKET_LOGGING) || row->logging.order == 0) {
		return OK;
	}
	enum err e = shares_current(d->k, b, row, KMSPROTO_BUCKET_LOGGING, NULL, &now);
	if (e == OK) {
		deciding_newer(d, place_of(d, s), KMSPROTO_BUCKET_LOGGING, &now);
	}
	return e == ERR_DENIED ? OK : e;
}

static enum err use_documents(struct deciding *d, struct side *s)
{
	const struct share_bucket b = {s->resource->tenant, s->bucket, s->resource->bucket_number};
	struct record_bucket row;

	TRY(shares_find(d->k, &b, &row));
	TRY(use_record(d, s, &b, &row, KMSPROTO_BUCKET_POLICY));
	TRY(use_record(d, s, &b, &row, KMSPROTO_BUCKET_ACL));
	TRY(compare_logging(d, s, &b, &row));
	return use_object_acl(d, s, &b);
}

static enum err load_side(struct deciding *d, const struct kmsproto_resource *resource,
                          struct bytes bucket, struct bytes key, struct side *s)
{
	*s = (struct side){.resource = resource, .bucket = bucket, .key = key};
	if (resource->tenant.n == 0) {
		return OK;
	}
	TRY(deciding_tenant(d, resource->tenant, &s->owner));
	return use_documents(d, s);
}

/* --- the verdict --- */

/* One question: may this principal do `action` to the bucket or object of `side`? */
struct question {
	const struct side *side;
	const char *action;
	bool on_object;                 /* the resource is bucket/key, not the bucket */
	bool of_object;                 /* the object's owner and ACL count, not the bucket's */
	enum acl_permission permission; /* 0: no ACL allows it */
	bool deny_only;
};

static struct bytes caller_id(const struct deciding *d)
{
	return d->principal == NULL ? (struct bytes){0} : d->principal->canonical_id;
}

static bool acls_count(const struct side *s)
{
	return (s->resource->flags & KMSPROTO_OWNER_ENFORCED) == 0;
}

static bool is_owner(const struct deciding *d, const struct question *q)
{
	const struct side *s = q->side;

	if (d->principal == NULL) {
		return false;
	}
	/* An object's owner has what an ACL speaks of. Its tags, its locks and its encryption are the bucket owner's. */
	if (q->of_object && q->permission != 0 && acls_count(s) && s->object_acl.owner.id.n > 0) {
		return bytes_equal(s->object_acl.owner.id, d->principal->canonical_id);
	}
	return bytes_equal(s->resource->tenant, d->principal->tenant);
}

static bool acl_allows(const struct deciding *d, const struct question *q)
{
	const struct side *s = q->side;
	const struct acl *acl = q->of_object ? &s->object_acl : &s->bucket_acl;
	bool ignore_public = (s->resource->flags & KMSPROTO_IGNORE_PUBLIC_ACLS) != 0;

	return q->permission != 0 && acls_count(s) && acl->owner.id.n > 0 &&
	       acl_permits(acl, caller_id(d), q->permission, ignore_public);
}

/* RestrictPublicBuckets: a public policy then grants nothing but to the owner's own users. */
static bool policy_confined(const struct deciding *d, const struct side *s)
{
	bool own = d->principal != NULL && bytes_equal(s->resource->tenant, d->principal->tenant);

	return (s->resource->flags & KMSPROTO_RESTRICT_PUBLIC) != 0 && !own &&
	       policy_is_public(s->policy);
}

static enum err ask_policy(const struct deciding *d, const struct question *q,
                           enum policy_verdict *ret, struct bytes *ret_sid)
{
	const struct side *s = q->side;
	const struct bytes parts[] = {
		BYTES("arn:aws:s3:::"), s->bucket, BYTES("/"),
		d->in->item.n > 0 ? d->in->item : s->key,
	};

	*ret = POLICY_NONE;
	if (s->policy == NULL) {
		return OK;
	}
	struct policy_request r = {
		.action = bytes_text(q->action),
		.resource = arena_join(d->k->scratch, parts, q->on_object ? COUNT(parts) : 2),
	};
	TRY(conditions_of(d, s, &r));
	if (r.resource.p == NULL) {
		return ERR_LIMIT;
	}
	if (d->principal != NULL) {
		r.principal = (struct policy_principal){d->principal->tenant, d->principal->arn,
		                                        d->principal->canonical_id};
	}
	*ret = policy_evaluate(s->policy, &r, ret_sid);
	if (*ret == POLICY_ALLOW && policy_confined(d, s)) {
		*ret = POLICY_NONE;
	}
	return OK;
}

static void say_basis(struct deciding *d, const char *basis, struct bytes sid)
{
	const struct bytes parts[] = {bytes_text(basis), BYTES(":"), sid};

	d->entry.basis = arena_join(d->k->scratch, parts, sid.n > 0 ? COUNT(parts) : 1);
}

static enum kmsproto_verdict answer(struct deciding *d, const struct question *q)
{
	enum policy_verdict policy = POLICY_NONE;
	struct bytes sid = {0};
	enum err e = ask_policy(d, q, &policy, &sid);

	if (e != OK) {
		return deciding_fault(e, "bucket policy");
	}
	if (policy == POLICY_DENY) {
		d->entry.detail = BYTES("the bucket policy denies it");
		return KMSPROTO_DENIED;
	}
	if (q->deny_only) {
		return KMSPROTO_OK;
	}
	if (is_owner(d, q)) {
		say_basis(d, "tenant-owner", (struct bytes){0});
		return KMSPROTO_OK;
	}
	if (policy == POLICY_ALLOW) {
		say_basis(d, "bucket-policy", sid);
		return KMSPROTO_OK;
	}
	if (acl_allows(d, q)) {
		say_basis(d, q->of_object ? "object-acl" : "bucket-acl", (struct bytes){0});
		d->reply->by_acl = true;
		return KMSPROTO_OK;
	}
	return KMSPROTO_DENIED;
}

/* The policy itself is the owner's alone: nobody hands that on by a policy, and a Deny of everything can be taken back. */
static bool is_way_back(enum s3op op)
{
	return op == S3OP_GET_BUCKET_POLICY || op == S3OP_PUT_BUCKET_POLICY ||
	       op == S3OP_DELETE_BUCKET_POLICY;
}

/* What puts a bucket's documents on record anew. */
static bool repairs(enum s3op op)
{
	return is_way_back(op) || op == S3OP_PUT_BUCKET_ACL;
}

/* To be told that there is no such object takes the right to list the bucket. */
static struct question about_missing(const struct side *s)
{
	return (struct question){.side = s, .action = "s3:ListBucket", .permission = ACL_READ};
}

static enum kmsproto_verdict ask_extras(struct deciding *d, const struct question *base)
{
	struct bytes asked = {0};

	for (size_t i = 0; i < COUNT(extras); i++) {
		struct question q = *base;
		if (evidence_header(&d->evidence, extras[i].header).p == NULL ||
		    bytes_is(asked, extras[i].action)) {
			continue;
		}
		q.action = extras[i].action;
		asked = bytes_text(q.action);
		q.permission = 0;
		q.deny_only = !extras[i].must_allow;
		enum kmsproto_verdict v = answer(d, &q);
		if (v != KMSPROTO_OK) {
			return v;
		}
	}
	return KMSPROTO_OK;
}

/* Each key of a deletion is asked about alone: by whom any of them could be allowed. Others are entries in the log for nothing. */
static enum kmsproto_verdict may_ask_on(const struct deciding *d, const struct question *q)
{
	bool may = is_owner(d, q) || q->side->policy != NULL || acl_allows(d, q);

	return may ? KMSPROTO_OK : KMSPROTO_DENIED;
}

static enum kmsproto_verdict ask_target(struct deciding *d)
{
	const struct s3op_target *t = &d->evidence.target;
	const struct right *right = right_of(t->op);
	bool item = d->in->item.n > 0;
	struct question q = {
		.side = &d->target,
		.action = s3op_action(t->op),
		.on_object = t->key.n > 0 || item,
		.of_object = s3op_is_of_object(t->op),
		.permission = right == NULL ? 0 : right->permission,
	};

	if (t->op == S3OP_DELETE_OBJECTS && !item) {
		return may_ask_on(d, &q);
	}
	if (right != NULL && right->version_action != NULL &&
	    (item ? d->in->item_version : t->version.p != NULL)) {
		q.action = right->version_action;
		/* A bucket's WRITE makes a delete marker; it removes no version for good. */
		q.permission = q.of_object ? q.permission : 0;
	}
	if (q.of_object && (q.side->resource->flags & KMSPROTO_MISSING) != 0) {
		q = about_missing(q.side);
	}
	enum kmsproto_verdict v = answer(d, &q);
	if (v == KMSPROTO_OK && q.on_object) {
		v = ask_extras(d, &q);
	}
	return v;
}

static enum kmsproto_verdict ask_source(struct deciding *d)
{
	struct question q = {
		.side = &d->source,
		.action = d->evidence.source_version.n > 0 ? "s3:GetObjectVersion" : "s3:GetObject",
		.on_object = true,
		.of_object = true,
		.permission = ACL_READ,
	};
	struct bytes basis = d->entry.basis;

	if ((q.side->resource->flags & KMSPROTO_MISSING) != 0) {
		q = about_missing(q.side);
	}
	enum kmsproto_verdict v = answer(d, &q);
	if (v == KMSPROTO_OK) {
		const struct bytes parts[] = {basis, BYTES(", source "), d->entry.basis};
		d->entry.basis = arena_join(d->k->scratch, parts, COUNT(parts));
	}
	return v;
}

/* An ACL without its stamp may be anything. Where the record itself is behind, the owner's next word says what holds. */
static enum kmsproto_verdict refuse_stale(struct deciding *d, const struct side *s)
{
	bool owner = d->principal != NULL &&
	             bytes_equal(s->resource->tenant, d->principal->tenant);

	if (s->forged) {
		d->entry.detail = BYTES("an ACL without its stamp");
		return KMSPROTO_DENIED;
	}
	if (!s->stale || (owner && repairs(d->evidence.target.op))) {
		return KMSPROTO_OK;
	}
	d->entry.detail = BYTES("a policy or ACL that is newer than the record, or lost");
	return KMSPROTO_STALE;
}

static enum kmsproto_verdict authorize_side(struct deciding *d, struct side *s,
                                            enum kmsproto_verdict (*ask)(struct deciding *d))
{
	bool owner = d->principal != NULL &&
	             bytes_equal(s->resource->tenant, d->principal->tenant);
	enum kmsproto_verdict v = refuse_stale(d, s);

	if (v != KMSPROTO_OK) {
		return v;
	}
	/* It speaks for writes that nobody signs: no policy hands that on either. */
	if (!owner && d->evidence.target.op == S3OP_PUT_BUCKET_LOGGING) {
		d->entry.detail = BYTES("logging that somebody else than the owner asks for");
		return KMSPROTO_DENIED;
	}
	if (!is_way_back(d->evidence.target.op)) {
		return ask(d);
	}
	say_basis(d, "tenant-owner", (struct bytes){0});
	return owner ? KMSPROTO_OK : KMSPROTO_DENIED;
}

static bool is_named_tenant(const struct deciding *d)
{
	struct bytes named = d->evidence.target.tenant;

	return named.n == 0 || bytes_equal(named, d->target.owner.name) ||
	       bytes_equal(named, d->target.owner.number);
}

/* No bucket yet, or none at all: nothing there that could be somebody else's. */
static enum kmsproto_verdict authorize_target(struct deciding *d)
{
	if (d->target.resource->tenant.n == 0) {
		say_basis(d, "tenant-owner", (struct bytes){0});
		return d->principal == NULL ? KMSPROTO_DENIED : KMSPROTO_OK;
	}
	if (!is_named_tenant(d)) {
		d->entry.detail = BYTES("the request names another tenant than the bucket's");
		return KMSPROTO_DENIED;
	}
	return authorize_side(d, &d->target, ask_target);
}

static enum kmsproto_verdict of_loading(struct deciding *d, enum err e)
{
	if (e == ERR_NOTFOUND) {
		return deciding_bad_call(d, "a bucket of a tenant that does not exist");
	}
	return e == OK ? KMSPROTO_OK : deciding_fault(e, "who owns it");
}

enum kmsproto_verdict authorize_delivery(struct deciding *d, const struct logging_source *source,
                                         const struct logging_object *object)
{
	struct side *s = &d->target;
	struct bytes sid = {0};
	enum kmsproto_verdict v =
		of_loading(d, load_side(d, &d->in->target, object->bucket, object->key, s));

	if (v == KMSPROTO_OK) {
		v = refuse_stale(d, s);
	}
	if (v != KMSPROTO_OK) {
		return v;
	}
	bool by_acl = acls_count(s) && s->bucket_acl.owner.id.n > 0;
	enum err e = logging_allowed(d->k->scratch, source, object, s->policy,
	                             by_acl ? &s->bucket_acl : NULL, &sid);
	if (e == OK) {
		say_basis(d, "bucket-logging", sid);
		return KMSPROTO_OK;
	}
	if (e == ERR_DENIED) {
		d->entry.detail = BYTES("the target bucket does not let the log service write");
		return KMSPROTO_DENIED;
	}
	return deciding_fault(e, "bucket policy");
}

enum kmsproto_verdict authorize(struct deciding *d)
{
	const struct evidence *e = &d->evidence;

	if (d->in->item.n > 0 && e->target.op != S3OP_DELETE_OBJECTS) {
		return deciding_bad_call(d, "a key of a request that deletes none");
	}
	enum err loaded = load_side(d, &d->in->target, e->target.bucket, e->target.key, &d->target);

	if (loaded == OK) {
		loaded = load_side(d, &d->in->copy_source, e->source_bucket, e->source_key,
		                   &d->source);
	}
	enum kmsproto_verdict v = of_loading(d, loaded);
	if (v != KMSPROTO_OK) {
		return v;
	}
	v = authorize_target(d);
	if (v == KMSPROTO_OK && d->source.resource->tenant.n > 0) {
		v = authorize_side(d, &d->source, ask_source);
	}
	return v;
}
