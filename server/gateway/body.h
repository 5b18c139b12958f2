/*
 * The body of a request on its way in: aws-chunked decoding, payload hash, checksums, then a sink.
 *
 *   bytes -> [aws-chunked] -> [SHA-256 of the payload] -> [x-amz-checksum-*, Content-MD5] -> sink
 *
 * Nothing is believed before body_finish: it compares every digest that the client announced and
 * has the KMS check the chunk signatures. The caller commits after that.
 */
#ifndef REMPART_GATEWAY_BODY_H
#define REMPART_GATEWAY_BODY_H
#include "common/crypto/checksum.h"
#include "server/gateway/s3error.h"

struct request;
struct body;

struct body_sink {
	enum err (*data)(void *context, struct bytes b);
	void *context;
};
/*
 * body_new: read the headers that describe the body.
 *   size_max  more plain bytes are S3E_TOO_LARGE
 *   md5       compute MD5 even if the client did not ask (AES256 ETag)
 *   kind      checksum to compute even if the client gave none; CHECKSUM_NONE: only what it gave
 */
enum s3error body_new(struct request *r, uint64_t size_max, bool md5, enum checksum_kind kind,
                      struct body_sink sink, struct body **ret);
enum s3error body_push(struct body *b, struct bytes bytes);
/* body_finish: everything announced is verified. Calls the KMS for signed chunks. */
enum s3error body_finish(struct body *b);
void body_free(struct body *b); /* NULL-safe */

uint64_t body_size(const struct body *b); /* plain bytes so far */
/* After body_finish. */
enum checksum_kind body_checksum(const struct body *b, struct bytes *ret); /* NONE: none given */
struct bytes body_md5(const struct body *b); /* 16 bytes; empty when not computed */

#endif
