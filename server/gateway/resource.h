/*
 * What the KMS has to know of a bucket and an object to judge a request: whose they are, the policy and the ACLs that their owners signed, and
 * what the bucket's settings take away. Gathered before the grant; nothing of it is judged here.
 */
#ifndef REMPART_GATEWAY_RESOURCE_H
#define REMPART_GATEWAY_RESOURCE_H
#include "common/policy/acl.h"
#include "server/gateway/request.h"

/* resource_describe: r->access.target and copy_source; r->settings. Looks the object up where its owner and ACL count. */
enum s3error resource_describe(struct request *r);
/* resource_of_bucket: the same of a bucket alone, without a request; `to` is empty. errors: those of the index */
enum err resource_of_bucket(struct index *x, struct arena *a, const struct index_bucket *b,
                            struct bucket_settings *settings, struct kmsproto_resource *to);
/*
 * resource_follow: a document of `b` (name and number) that the KMS has on record and that the index does not have, into the index and b->configs. What
 * is in force does not depend on it, so a fault is told in the log alone.
 */
void resource_follow(struct index *x, struct arena *a, struct index_bucket *b,
                     const struct kmsproto_newer *newer);
/* resource_take: the same into what the KMS is told. */
void resource_take(struct kmsproto_resource *to, const struct kmsproto_newer *newer);
/* resource_take_acl: the ACL that came with the grant, into an object that is about to be stored.
 * errors: ACCESS_DENIED (a public one, and the bucket's public access block is against it) */
enum s3error resource_take_acl(struct request *r, struct index_object *o);
/*
 * resource_document: have the KMS take a policy or an ACL on record (or stamp it): one more call with the same evidence. The answer's document
 * lives in the arena.
 */
enum s3error resource_document(struct request *r, struct bytes body, struct kmsproto_reply *ret);
/*
 * resource_change: resource_document, then the bucket's row of that kind: `kept` (p NULL: none any
 * more), or what the KMS made of the body (kept NULL). It takes the place of the row that was there
 * before the KMS was asked, whatever that one's order: a KMS that came from a backup, or began a
 * new log, gives lower ones.
 */
enum s3error resource_change(struct request *r, enum index_config kind, struct bytes body,
                             const struct bytes *kept);
/* resource_says_acl: x-amz-acl or an x-amz-grant-* header. */
bool resource_says_acl(const struct request *r);
/* resource_acl_public: would what the request says be a public ACL? errors: S3E_INVALID_ARGUMENT, MALFORMED_ACL, ACCESS_DENIED */
enum s3error resource_acl_public(struct request *r, struct bytes body, struct acl_person owner,
                                 bool of_object, bool *ret);
/* resource_bucket_owner: as an ACL names it. */
struct acl_person resource_bucket_owner(const struct request *r);
/* resource_xml_owner: <Owner> of a listed object or upload; acl: its beginning, empty when it is the bucket's owner's. */
void resource_xml_owner(const struct request *r, struct writer *w, struct bytes acl);

#endif
