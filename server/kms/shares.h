/*
 * What owners signed about who else may use a bucket or an object. A bucket's documents are on record here, so that what counts is what was put
 * last, whatever the gateway's index has; an object's ACL carries a stamp, so that objects take no room here.
 * Thread: the one worker.
 */
#ifndef REMPART_KMS_SHARES_H
#define REMPART_KMS_SHARES_H
#include "common/kmsproto/kmsproto.h"
#include "server/kms/keystore.h"
#include "server/kms/record.h"

struct kms;
/* The bucket: names are used again, so its number belongs to it. */
struct share_bucket {
	struct bytes tenant, name;
	uint64_t number;
};
/* shares_find: which documents of the bucket count. None where nothing is on record. errors: CORRUPT, UNAVAILABLE, IO, LIMIT */
enum err shares_find(struct kms *k, const struct share_bucket *b, struct record_bucket *ret);
/* shares_has: is there one of that kind? */
bool shares_has(const struct record_bucket *row, enum kmsproto_document_kind kind);
/* Of one kind: what counts, and whether that is what the gateway sent. */
struct share_current {
	struct bytes text;  /* empty: there is none. From the scratch arena, or what was sent */
	uint64_t order;     /* of the last change; 0: there never was one */
	bool sent;
};
/*
 * shares_current: `sent` is the document that the gateway's index has (NULL: none); it saves reading the text here and decides nothing. `row` is of
 * shares_find.
 *   errors  DENIED (nobody can say: what was sent is newer than the record, or the text is lost), CORRUPT, UNAVAILABLE, IO, LIMIT
 */
enum err shares_current(struct kms *k, const struct share_bucket *b, const struct record_bucket *row,
                        enum kmsproto_document_kind kind, const struct kmsproto_document *sent,
                        struct share_current *ret);
/*
 * Lines of a log that were written before its configuration changed are still on their way, with the configuration before. So that one counts for
 * a while longer. SHARES_BEFORE: it did, and is not the present one.
 */
enum { SHARES_GRACE_MS = 60 * 1000 };
enum share_match { SHARES_NONE, SHARES_LATE, SHARES_BEFORE, SHARES_NOW };
/* shares_match_logging: is `text` a logging configuration that counts (NOW, BEFORE), or one that counted (LATE: until more than
 * SHARES_GRACE_MS ago)? */
enum err shares_match_logging(const struct record_bucket *row, struct bytes text,
                              enum share_match *ret);
/*
 * shares_record: put it on record; text empty: take it off. `order`: of its entry in the log. Into `changes`. The small row of a bucket that is
 * gone stays: lines of its log may be on their way, and what counted must not count again where the bucket is not gone after all.
 */
struct share_change {
	struct share_bucket bucket;
	bool gone;          /* the bucket is deleted: its texts go, nothing else is said */
	enum kmsproto_document_kind kind;
	struct bytes text;
	uint64_t order;
};
enum err shares_record(struct kms *k, struct keystore_changes *changes,
                       const struct share_change *change);
/* shares_stamp: of an object's ACL. Bound to bucket, key and object id. errors: UNAVAILABLE (sealed), NOMEM */
struct share_object {
	struct share_bucket bucket;
	struct bytes key;
	const uint8_t *id; /* KMSPROTO_OBJECT_ID_BYTES */
};
enum err shares_stamp(struct kms *k, const struct share_object *o, struct bytes text,
                      uint8_t ret[KMSPROTO_STAMP_BYTES]);

#endif
