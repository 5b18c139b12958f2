/*
 * SSE-C: keys that customers bring with each request. The key is a secret from where its header is
 * read until the request ends; what is kept of it is a check value in the object's record. It is
 * mixed into the DEK that the KMS gives (customer_mix), so the KMS issues, opens and logs keys as
 * for any other object.
 */
#ifndef REMPART_GATEWAY_CUSTOMER_H
#define REMPART_GATEWAY_CUSTOMER_H
#include "server/gateway/request.h"

/* customer_given: does the request carry a key, or part of what says one? */
bool customer_given(const struct request *r);
/* customer_mentioned: for what is written or for what is copied: the headers hold a secret. */
bool customer_mentioned(const struct request *r);
/* customer_take: the key of a new object into r->customer; sets o->sse and the check. o->id is set.
 * errors: S3E_CUSTOMER_... */
enum s3error customer_take(struct request *r, struct index_object *o);
/* customer_match: the key for r->object, read. An object that has none must be asked for without
 * one.
 * errors: S3E_CUSTOMER_... */
enum s3error customer_match(struct request *r);
/* customer_match_source: for r->source, from
 * x-amz-copy-source-server-side-encryption-customer-... */
enum s3error customer_match_source(struct request *r);
/* customer_match_upload: for a part of r->upload: the key that it was created with. errors also:
 * S3E_CUSTOMER_BLOCKED */
enum s3error customer_match_upload(struct request *r);
/* customer_confirm: a key that opens nothing here but must be the right one when it is given. As in
 * S3, it must be given when the upload has checksums. o: the upload's object, or the one that it
 * became. */
enum s3error customer_confirm(struct request *r, const struct index_object *o);
/* customer_mix: after the grant: DEKs of objects with a customer's key become what seals them. */
enum s3error customer_mix(struct request *r);
/* customer_headers: of an answer about an object with a customer's key. */
void customer_headers(struct request *r);
/* customer_release: wipes the keys, and what the request said of them. */
void customer_release(struct request *r);

#endif
