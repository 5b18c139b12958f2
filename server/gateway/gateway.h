/* What all requests of one gateway share. Made by main, read-only afterwards but for the
 * counters. */
#ifndef REMPART_GATEWAY_GATEWAY_H
#define REMPART_GATEWAY_GATEWAY_H
#include <stdatomic.h>

#include "common/s3op/s3op.h"
#include "server/gateway/kmsclient.h"
#include "server/vault/vault.h"

enum {
	GATEWAY_ARENA_BYTES = 24 << 20,  /* one request: a page of 1,000 longest keys fits */
	GATEWAY_XML_MAX = 4 << 20,       /* bytes of an XML request body */
	GATEWAY_ANSWER_MAX = 16 << 20,   /* bytes of an XML answer */
	GATEWAY_TEXT_MAX = 128 << 20,    /* bytes of XML that all requests together may hold */
	GATEWAY_GATHER_BYTES = 64 << 10, /* bodies up to this size are read before the first step */
	GATEWAY_PAGE_MAX = 1000,         /* entries in one page of a listing */
	GATEWAY_DELETE_MAX = 1000,       /* keys in one DeleteObjects */
	GATEWAY_QUERY_MAX = 64,          /* query parameters */
	GATEWAY_METADATA_MAX = 2048,     /* bytes of user metadata, names and values */
	GATEWAY_RETRY_AFTER_S = 5,
	GATEWAY_LIFECYCLE_MAX = 100000,  /* removals from one bucket in one round */
};
#define GATEWAY_OBJECT_MAX (5ULL << 30) /* bytes in one PUT, part or copy */
#define GATEWAY_PART_MIN   (5ULL << 20) /* bytes in a part that is not the last */

struct logbook;
struct gateway {
	struct vault *vault;
	struct index *index;
	struct kmsclient *kms;
	struct bytes region;
	struct bytes domains; /* host-style domains, separated by spaces */
	bool access_log;
	struct logbook *logbook; /* NULL: no bucket's log is kept */
	unsigned copies_max; /* long copies at a time: each has a worker in its turns */
	_Atomic unsigned copies;
	atomic_uint_fast64_t text; /* bytes of XML that requests hold */
	uint64_t day_ms;      /* of lifecycle rules */
	/* removals from one bucket in one round; the rest is for the next */
	uint64_t lifecycle_max;
	atomic_uint_fast64_t lifecycle_expired, lifecycle_aborted;
	_Atomic uint64_t requests[S3OP_COUNT];
	_Atomic uint64_t errors[S3OP_COUNT];
};

/* gateway_unlock: make sure that index and vault have the index key; asks the KMS when they
 * have not. errors: UNAVAILABLE (KMS down or sealed), CORRUPT (index of another KMS), TIMEOUT */
enum err gateway_unlock(struct gateway *g, uint64_t deadline_ms);

/* gateway_copy_begin: false when as many long copies run as may; else gateway_copy_end follows. Any
 * thread. */
bool gateway_copy_begin(struct gateway *g);
void gateway_copy_end(struct gateway *g);

/* gateway_text_take: room for n bytes of XML, out of what all requests share; false when there is
 * none. What was taken is given back. Any thread. */
bool gateway_text_take(struct gateway *g, uint64_t n);
void gateway_text_give(struct gateway *g, uint64_t n);

#endif
