/*
 * Lifecycle rules of a bucket: the document, and what it says of an object or an upload. Pure;
 * expire.c acts on it.
 *
 * A day is day_ms long (86,400,000; less in tests, where answers still tell the date by the
 * calendar). As on S3 a rule of n days takes effect at the first midnight (multiple of a day since
 * 1970, UTC) that is not before the creation plus n days.
 */
#ifndef REMPART_GATEWAY_LIFECYCLE_H
#define REMPART_GATEWAY_LIFECYCLE_H
#include "server/gateway/shape.h"

enum { LIFECYCLE_RULES_MAX = 1000, LIFECYCLE_NODES_MAX = 16 << 10 };

extern const struct shape lifecycle_shape;
/* lifecycle_check: what the shape cannot say; gives an ID to each rule without one. */
enum s3error lifecycle_check(struct arena *a, struct xml_node *root);

struct lifecycle_rule {
	struct bytes id, prefix;
	bool enabled;
	uint64_t size_over, size_under; /* bytes; strictly between */
	const struct field *tags;       /* all of them must be on the object */
	size_t n_tags;
	uint32_t days;                  /* of expiration; 0: none */
	uint64_t date_ms;               /* of expiration; 0: none */
	uint32_t abort_days;            /* of incomplete uploads; 0: none */
	bool markers;                   /* remove delete markers that nothing is left of */
	uint32_t noncurrent_days;       /* of older versions, since a newer one came; 0: none */
	uint32_t noncurrent_keep;       /* but keep so many of them */
};
struct lifecycle {
	const struct lifecycle_rule *rules;
	size_t n;
};
/* lifecycle_read: a checked document; texts borrowed from the tree. errors: MALFORMED_XML,
 * SLOW_DOWN (arena) */
enum s3error lifecycle_read(struct arena *a, const struct xml_node *root, struct lifecycle *ret);

struct lifecycle_object {
	struct bytes key;
	uint64_t size, modified_ms;
	const struct field *tags;
	size_t n_tags;
	bool tags_unknown; /* every tag counts as there: for a first look that costs nothing */
};
struct lifecycle_clock {
	uint64_t now_ms, day_ms;
};
/* lifecycle_expiry: when the object goes, and by which rule: the earliest of all. NULL: never. */
const struct lifecycle_rule *lifecycle_expiry(const struct lifecycle *l,
                                              const struct lifecycle_object *o, uint64_t day_ms,
                                              uint64_t *ret_ms);
/* lifecycle_noncurrent: should an older version go that has been one since `since_ms`, with `newer`
 * older versions before it? `o` as it is. */
bool lifecycle_noncurrent(const struct lifecycle *l, const struct lifecycle_object *o,
                          uint64_t since_ms, uint32_t newer, struct lifecycle_clock clock);
/* lifecycle_marker: should a delete marker go that is all that is left of its key? */
bool lifecycle_marker(const struct lifecycle *l, const struct lifecycle_object *o,
                      struct lifecycle_clock clock);
/* lifecycle_abort: the same for an upload in progress. */
const struct lifecycle_rule *lifecycle_abort(const struct lifecycle *l, struct bytes key,
                                             uint64_t created_ms, uint64_t day_ms, uint64_t *ret_ms);

/* What S3 tells of the smallest object that a transition moves. There are none here, and Terraform
 * waits for the word. */
#define LIFECYCLE_MINIMUM "all_storage_classes_128K"

struct request;
struct index_object;
/* lifecycle_of: the rules of r->bucket; n 0: none. */
enum s3error lifecycle_of(struct request *r, struct lifecycle *ret);
/* lifecycle_headers: x-amz-expiration of an object that was stored or found. */
void lifecycle_headers(struct request *r, const struct index_object *o);
/* lifecycle_upload_headers: x-amz-abort-date and x-amz-abort-rule-id. */
void lifecycle_upload_headers(struct request *r, struct bytes key, uint64_t created_ms);

#endif
