/*
 * The thread that does what lifecycle rules say: it walks all buckets that have rules, in slices of
 * bounded work, and removes what is due by the same index transactions as a user's request, under
 * the condition that the object is still the one that was judged.
 */
#ifndef REMPART_GATEWAY_EXPIRE_H
#define REMPART_GATEWAY_EXPIRE_H
#include "server/gateway/gateway.h"

struct expirer;
/* expirer_start: g is borrowed until expirer_stop. Works only while the index is unlocked. errors:
 * NOMEM, UNAVAILABLE (no thread) */
enum err expirer_start(struct gateway *g, struct expirer **ret);
void expirer_stop(struct expirer *e); /* NULL-safe */

/* expire_pass: one walk over all buckets, now; what `now_ms` says is due, at most g->lifecycle_max
 * from each. Objects go in batches, one transaction each. For expirer and tests. Stops early when
 * *stop. */
enum err expire_pass(struct gateway *g, uint64_t now_ms, const atomic_bool *stop);

#endif
