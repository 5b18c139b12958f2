/* Counters for /metrics: written by the worker, read by the operations face; relaxed. */
#ifndef REMPART_KMS_METRICS_H
#define REMPART_KMS_METRICS_H
#include <stdatomic.h>
#include <stdint.h>

#include "common/base/bytes.h"
#include "common/kmsproto/kmsproto.h"

enum { METRICS_KINDS = 5, METRICS_BATCH_BOUNDS = 9 };

struct metrics {
	_Atomic uint64_t calls[METRICS_KINDS][KMSPROTO_VERDICTS]; /* by kind and verdict */
	_Atomic uint64_t keys_issued, keys_opened;
	_Atomic uint64_t batches, batches_refused;
	_Atomic uint64_t batch_calls[METRICS_BATCH_BOUNDS + 1];   /* calls in a batch: 1, 2, 4 .. 256, more */
	_Atomic uint64_t commits_failed;
	_Atomic uint64_t admin_ok, admin_refused;
	_Atomic uint64_t api_ok, api_refused, api_throttled;
	_Atomic uint64_t log_size, log_published;
};
void metrics_count(_Atomic uint64_t *counter);
void metrics_batch(struct metrics *m, size_t calls);
/* metrics_write: Prometheus text exposition format 0.0.4. */
void metrics_write(const struct metrics *m, const char *state, struct writer *w);

#endif
