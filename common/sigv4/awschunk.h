/*
 * The aws-chunked body: `size;chunk-signature=hex CRLF data CRLF ... 0;... CRLF [trailers] CRLF`.
 * An incremental decoder: bytes in, plain data out through a callback, chunk records and trailers
 * collected for verification. Strict: sizes are hex up to 16 digits, chunks bounded, lines bounded, CRLF only
 * (but for what minio-go writes: a trailer line may end in LF, one more empty line may stand before the trailer's
 * signature or, in the unsigned form, behind the end). As on S3, only the last signed chunk with data may be
 * shorter than AWSCHUNK_SIGNED_MIN: a byte a chunk would cost the KMS one signature a byte.
 */
#ifndef REMPART_SIGV4_AWSCHUNK_H
#define REMPART_SIGV4_AWSCHUNK_H
#include "common/sigv4/sigv4.h"

/* Bytes in one chunk: S3's largest part, since the .NET SDK sends a whole body as one chunk. */
#define AWSCHUNK_DATA_MAX (UINT64_C(5) << 30)

enum {
	AWSCHUNK_SIGNED_MIN = 8192,    /* bytes in a signed chunk that is not the last */
	AWSCHUNK_LINE_MAX = 1024,      /* bytes in a chunk line or trailer line */
	AWSCHUNK_TRAILERS_MAX = 8,
};
struct awschunk; /* one body; one thread at a time */
struct awschunk_sink {
	/* data: a run of plain bytes, borrowed. */
	enum err (*data)(void *context, struct bytes b);
	/* chunk: a signed chunk or trailer is complete (signed forms only). */
	enum err (*chunk)(void *context, const struct sigv4_chunk *chunk);
	void *context;
};
/* awschunk_new: payload is one of the three streaming forms; decoded_length from x-amz-decoded-content-length,
 * or -1 when absent. Lives in the arena. NULL when that is full. */
struct awschunk *awschunk_new(struct arena *a, enum sigv4_payload payload, int64_t decoded_length,
                              struct awschunk_sink sink);
/* awschunk_push: errors  INPUT (framing, sizes differ from the decoded length), LIMIT, and what the sink gives. */
enum err awschunk_push(struct awschunk *c, struct bytes b);
/* awschunk_end: the HTTP body is over. errors: INPUT (incomplete). */
enum err awschunk_end(struct awschunk *c);
/* awschunk_trailers: after awschunk_end; lower-case names, values trimmed; x-amz-trailer-signature is not among them. */
size_t awschunk_trailers(const struct awschunk *c, const struct field **ret);
#endif
