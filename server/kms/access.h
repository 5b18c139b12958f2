/*
 * The calls of gateways, decided. Every decision but SEALED and UNAVAILABLE is an entry of the log; a key is in a
 * reply only when the verdict is OK, and the reply may leave only after the commit. Thread: the one worker.
 */
#ifndef REMPART_KMS_ACCESS_H
#define REMPART_KMS_ACCESS_H
#include "common/kmsproto/kmsproto.h"
#include "server/kms/kms.h"

/* access_decide: one call of a gateway. `a` holds what the reply refers to; the keys in it are owned by the caller
 * (kmsproto_replies_free). Resets the scratch arena. */
void access_decide(struct kms *k, const struct gateway *g, const struct kmsproto_call *call,
                   struct arena *a, struct kmsproto_reply *ret);
/* access_sealed: the reply while there is nothing to decide with. */
void access_sealed(const struct kmsproto_call *call, struct kmsproto_reply *ret);
/* access_unknown_gateway: the entry about a certificate that nobody enrolled. */
enum err access_unknown_gateway(struct kms *k, const uint8_t certificate_digest[32],
                                struct bytes address);

#endif
