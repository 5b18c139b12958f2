/*
 * Our own bounded pool of worker threads: steps of requests run here, loops never block. (libuv's
 * pool is global, four threads, shared with DNS: not used.)
 *
 * A pool of one thread with `commit` gives a total order with group commit: the worker takes what
 * is queued (up to batch_max), runs it, calls commit once, and only then are the jobs reported as
 * done.
 */
#ifndef REMPART_NET_WORKER_H
#define REMPART_NET_WORKER_H
#include "common/base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct worker_pool;
struct worker_job {
	/* run: on a worker. */
	void (*run)(struct worker_job *job);
	/* done: on a worker, after run and after the batch's commit; `committed` is commit's
	 * verdict (OK without commit). Hands the job back to its owner, e.g. by uv_async_send. */
	void (*done)(struct worker_job *job, enum err committed);
	struct worker_job *next; /* the pool's */
	/* plain: changes nothing that has to be durable (a clean-up); a batch of plain jobs alone
	 * is not committed. */
	bool plain;
};
struct worker_options {
	unsigned threads;
	unsigned queue_max;     /* jobs waiting; more are refused */
	unsigned batch_max;     /* 1 without commit */
	enum err (*commit)(void *context);
	void *context;
	const char *name;       /* of the threads */
};
enum err worker_pool_new(const struct worker_options *o, struct worker_pool **ret);
/* worker_submit: any thread. The job is borrowed until done. errors: LIMIT (queue full),
 * UNAVAILABLE (stopping) */
enum err worker_submit(struct worker_pool *p, struct worker_job *job);
/* worker_resume: a later step of work that was admitted by worker_submit. Never refused for a full
 * queue: what was let in must be able to finish. Not after worker_pool_stop returned. */
void worker_resume(struct worker_pool *p, struct worker_job *job);
/* worker_later: as worker_resume, but nobody is woken for it: a running worker takes it on the way,
 * or the next worker_wake sees to it. For clean-up. */
void worker_later(struct worker_pool *p, struct worker_job *job);
void worker_wake(struct worker_pool *p);
/* worker_pool_stop: finish what is queued, join. NULL-safe. */
void worker_pool_stop(struct worker_pool *p);
#endif
