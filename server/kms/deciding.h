/*
 * One access while it is decided: what access.c, authorize.c and documents.c share. Everything lives in the worker's scratch arena
 * but the reply. Internal.
 */
#ifndef REMPART_KMS_DECIDING_H
#define REMPART_KMS_DECIDING_H
#include "common/policy/logging.h"
#include "common/sigv4/post.h"
#include "server/kms/evidence.h"
#include "server/kms/kms.h"
#include "server/kms/shares.h"

enum { DECIDING_OP_MAX = 64 };

/* A bucket, and perhaps an object in it: the target of a request, or what it copies from. */
struct side {
	const struct kmsproto_resource *resource;
	struct bytes bucket, key;          /* as the user signed them */
	struct record_tenant owner;        /* of the bucket */
	const struct policy *policy;       /* NULL: none that counts */
	struct acl bucket_acl, object_acl; /* owner.id empty: none that counts */
	bool stale;                        /* nobody can say which documents count */
	bool forged;                       /* the object's ACL has not the KMS's stamp */
};
struct deciding {
	struct kms *k;
	const struct gateway *gateway;
	const struct kmsproto_access *in;
	struct arena *out;                 /* of the answer */
	struct kmsproto_reply *reply;
	struct logfmt_entry entry;
	struct evidence evidence;
	struct principal *principal;       /* NULL: anonymous, or not known */
	struct bytes stranger;             /* whose word a write is, when not the bucket owner's: stranger_of; else empty */
	const struct secret *token_key;    /* of the tenant whose entry this is */
	uint64_t now_ms;
	uint8_t period[TOKENS_PERIOD_BYTES];
	char op[DECIDING_OP_MAX];
	struct kmsproto_access put;        /* of a form: the PUT that it stands for */
	struct post form;
	struct side target, source;
	struct share_change record;        /* bucket.tenant empty: nothing to be put on record */
	struct kmsproto_newer newer;       /* in the scratch arena; told when the gateway may know */
};

/* deciding_fault: the store's and the libraries' faults: no verdict about the user, so no entry about him. */
enum kmsproto_verdict deciding_fault(enum err e, const char *where);
/* deciding_bad_call: the gateway contradicts the evidence. */
enum kmsproto_verdict deciding_bad_call(struct deciding *d, const char *why);
/* deciding_tenant: the caller's own from memory, another from the key store (borrowing from the scratch arena). errors: NOTFOUND,
 * those of the store */
enum err deciding_tenant(struct deciding *d, struct bytes number, struct record_tenant *ret);
/* deciding_person: as ACLs name a tenant. */
struct acl_person deciding_person(const struct record_tenant *t);

/*
 * authorize: may he? Owner, bucket policy and ACLs; a Deny wins. Fills in d->target and d->source and the entry's basis.
 *   KMSPROTO_OK, DENIED, UNAVAILABLE
 */
enum kmsproto_verdict authorize(struct deciding *d);

/*
 * authorize_delivery: may the log service write that log object into d->in->target? Fills in d->target and the entry's basis.
 *   KMSPROTO_OK, DENIED, BAD_CALL, UNAVAILABLE
 */
enum kmsproto_verdict authorize_delivery(struct deciding *d, const struct logging_source *source,
                                         const struct logging_object *object);

/* deciding_newer: a document that the gateway does not have, unless there is one to tell of already. */
void deciding_newer(struct deciding *d, enum kmsproto_place place, enum kmsproto_document_kind kind,
                    const struct share_current *current);

/*
 * deliver_judge: is this delivery of a log what the owner of the bucket signed: the document on record, and bucket and key those that it
 * names? Then authorize_delivery. KMSPROTO_OK, DENIED, BAD_CALL, UNAVAILABLE
 */
enum kmsproto_verdict deliver_judge(struct deciding *d, const struct kmsproto_deliver *in);

/*
 * What a stranger writes has his tenant in the context of its wrapped key, and behind the wrapped key. Object ids come from the gateway: without that, an ACL
 * or an upload of his, made for the id of an object that is there, would go with that object's key.
 *
 * stranger_of: the number of the caller's tenant, zeros for the anonymous; empty for the owner of the target's bucket.
 * stranger_split: takes the number off a wrapped key, and gives it; empty: the bucket's owner wrote it.
 * stranger_check: an ACL of another owner than the bucket's goes with his key only; a stranger goes on with his own tenant's uploads only.
 *   KMSPROTO_OK, DENIED, BAD_CALL, UNAVAILABLE
 */
struct bytes stranger_of(const struct deciding *d);
struct bytes stranger_split(struct bytes *wrapped);
enum kmsproto_verdict stranger_check(struct deciding *d, const struct kmsproto_key_call *call);

/* conditions_of: the condition keys of a request about `s`, into *ret; in the scratch arena. errors: LIMIT */
enum err conditions_of(const struct deciding *d, const struct side *s, struct policy_request *ret);

/*
 * documents_make: the ACL of what the request makes or changes, into the reply; what is to be put on record about a bucket, into d->record.
 *   KMSPROTO_OK, BAD_DOCUMENT, NO_SUCH_GRANTEE, NOT_SIGNED, DENIED (an ACL of another owner), BAD_CALL, UNAVAILABLE
 */
enum kmsproto_verdict documents_make(struct deciding *d);

#endif
