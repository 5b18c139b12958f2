/* Evidence and grant: the user's signature is read here, and judged by the KMS. */
#ifndef REMPART_GATEWAY_GRANT_H
#define REMPART_GATEWAY_GRANT_H
#include "server/gateway/request.h"
/* grant_evidence: stage 2; fills in r->access but its keys. */
enum s3error grant_evidence(struct request *r);
/* grant_obtain: stage 4; fills in r->grant. */
enum s3error grant_obtain(struct request *r);
/* grant_call: another call to the KMS for the same request; S3's error for its verdict. */
enum s3error grant_call(struct request *r, const struct kmsproto_call *call,
                        struct kmsproto_reply *ret);
/* grant_chunks: have the KMS check chunk signatures; `previous` is moved on. */
enum s3error grant_chunks(struct request *r, char previous[SIGV4_SIGNATURE_HEX],
                          const struct sigv4_chunk *chunks, size_t n);
#endif
