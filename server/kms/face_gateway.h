/* The gateways' face: POST /rempart/v1/batch (KMS-PROTOCOL.md), on mTLS. Steps run on the one worker. */
#ifndef REMPART_KMS_FACE_GATEWAY_H
#define REMPART_KMS_FACE_GATEWAY_H
#include "server/kms/kms.h"
#include "server/net/httpd.h"

/* face_gateway: the service for a listener; `k` is borrowed. */
struct http_service face_gateway(struct kms *k);
/* face_gateway_answer: the answer to the batch `body` of the peer with this certificate, appended to w.
 * Gives the HTTP status; with another one than 200 nothing was written and nothing was done, apart from the entry about an
 * unknown certificate. For the service and for tests. */
unsigned face_gateway_answer(struct kms *k, const uint8_t certificate_digest[32],
                             struct bytes address, struct bytes body, struct arena *a,
                             struct writer *w);

#endif
