/*
 * The bytes of a copy on their way: opened with one key, sealed with another, in turns, so that a
 * long one holds no worker for long and its client can be told meanwhile that it goes on.
 */
#ifndef REMPART_GATEWAY_COPY_H
#define REMPART_GATEWAY_COPY_H
#include "common/crypto/checksum.h"
#include "server/gateway/request.h"

struct copy {
	struct checksum *md5, *checksum;              /* running; NULL: none */
	uint8_t md5_value[CHECKSUM_BYTES_MAX], value[CHECKSUM_BYTES_MAX];
	size_t md5_n, value_n;                        /* once copy_turn said done */
	struct index_part part;                       /* UploadPartCopy: what it becomes */
	bool counted;                                 /* among the long copies of this gateway */
	/* the client has had the first bytes of the answer */
	bool told;
};

/* copy_begin: r->copy: bytes [r->first, r->first + r->count) of r->source, with the MD5 and the
 * checksum that are asked for. Key 0 of the grant opens, key 1 seals. errors: S3E_SLOW_DOWN (as
 * many long copies run as may), those of the vault */
enum s3error copy_begin(struct request *r, bool md5, enum checksum_kind kind);
/* copy_turn: go on for `ms`, and at least by one run of bytes. When done, r->writer waits to be
 * published. */
enum s3error copy_turn(struct request *r, uint64_t ms, bool *ret_done);
void copy_release(struct request *r); /* an operation's release */
#endif
