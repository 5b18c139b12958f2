/*
 * What owners signed about who else may use a bucket or an object. Of a bucket's documents the digest is on record here, so that one
 * that was taken back does not count any more; an object's ACL carries a stamp, so that objects take no room here.
 * Thread: the one worker.
 */
#ifndef REMPART_KMS_SHARES_H
#define REMPART_KMS_SHARES_H
#include "common/kmsproto/kmsproto.h"
#include "server/kms/keystore.h"

struct kms;
/* The bucket: names are used again, so its number belongs to it. */
struct share_bucket {
	struct bytes tenant, name;
	uint64_t number;
};
/*
 * The gateway publishes a change a moment after it is on record here; until then requests come with the document before. So that
 * one counts for a while longer.
 */
enum { SHARES_GRACE_MS = 60 * 1000 };
/* shares_check: is this the bucket's document of that kind? errors: DENIED (no), CORRUPT, UNAVAILABLE, IO, LIMIT */
enum err shares_check(struct kms *k, const struct share_bucket *b, enum kmsproto_document_kind kind,
                      struct bytes text);
/* shares_record: put its digest on record; text.p NULL: take it off. Into `changes`. */
enum err shares_record(struct kms *k, struct keystore_changes *changes, const struct share_bucket *b,
                       enum kmsproto_document_kind kind, struct bytes text);
/* shares_stamp: of an object's ACL. Bound to bucket, key and object id. errors: UNAVAILABLE (sealed), NOMEM */
struct share_object {
	struct share_bucket bucket;
	struct bytes key;
	const uint8_t *id; /* KMSPROTO_OBJECT_ID_BYTES */
};
enum err shares_stamp(struct kms *k, const struct share_object *o, struct bytes text,
                      uint8_t ret[KMSPROTO_STAMP_BYTES]);

#endif
