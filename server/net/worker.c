/*
 * A bounded queue, some threads, one mutex. Invariant: a job is in the queue, in one worker's batch,
 * or its owner's; `next` belongs to whoever holds it. The complication is the batch: with a commit,
 * no job of it is reported before the commit of all of them returned.
 */
#include "server/net/worker.h"

#include <assert.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"

enum {
	WORKER_STACK_BYTES = 512 * 1024,
	WORKER_THREADS_MAX = 1024,
	WORKER_NAME_MAX = 16, /* the kernel's limit, NUL included */
};

struct worker_pool {
	struct worker_options o;
	char name[WORKER_NAME_MAX];
	pthread_mutex_t lock;
	pthread_cond_t work; /* a job was queued, or stop */
	struct worker_job *first;
	struct worker_job *last;
	unsigned queued;
	unsigned idle; /* threads that wait for work and were not woken yet */
	bool stop;
	unsigned started;
	pthread_t *threads;
};

/* Under the lock. The jobs of a batch are chained in their order. */
static struct worker_job *take_batch(struct worker_pool *p)
{
	struct worker_job *batch = p->first;
	struct worker_job *end = batch;
	unsigned n = 1;

	while (n < p->o.batch_max && end->next != NULL) {
		end = end->next;
		n++;
	}
	p->first = end->next;
	if (p->first == NULL) {
		p->last = NULL;
	}
	end->next = NULL;
	p->queued -= n;
	return batch;
}

static void run_batch(struct worker_pool *p, struct worker_job *batch)
{
	enum err committed = OK;
	bool plain = true;

	for (struct worker_job *job = batch; job != NULL; job = job->next) {
		plain = plain && job->plain;
		job->run(job);
	}
	if (p->o.commit != NULL && !plain) {
		committed = p->o.commit(p->o.context);
	}
	while (batch != NULL) {
		struct worker_job *job = batch;
		batch = job->next; /* done gives the job away */
		job->next = NULL;
		job->done(job, committed);
	}
}

static void name_thread(const struct worker_pool *p)
{
	(void)pthread_setname_np(pthread_self(), p->name);
}

static void *work(void *arg)
{
	struct worker_pool *p = arg;

	name_thread(p);
	pthread_mutex_lock(&p->lock);
	for (;;) {
		while (p->first == NULL && !p->stop) {
			p->idle++;
			pthread_cond_wait(&p->work, &p->lock);
		}
		if (p->first == NULL) {
			break;
		}
		struct worker_job *batch = take_batch(p);
		pthread_mutex_unlock(&p->lock);
		run_batch(p, batch);
		pthread_mutex_lock(&p->lock);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* Under the lock. `idle` counts threads nobody has woken: a thread that was woken and not yet run
 * is not woken a second time. A spurious wake-up counts itself twice, which costs one needless signal
 * and is put right when the count reaches zero. */
static void wake_one(struct worker_pool *p)
{
	if (p->idle > 0) {
		p->idle--;
		pthread_cond_signal(&p->work);
	}
}

static void append(struct worker_pool *p, struct worker_job *job)
{
	assert(job->run != NULL && job->done != NULL);
	job->next = NULL;
	if (p->last != NULL) {
		p->last->next = job;
	} else {
		p->first = job;
	}
	p->last = job;
	p->queued++;
}

enum err worker_submit(struct worker_pool *p, struct worker_job *job)
{
	enum err e = OK;

	pthread_mutex_lock(&p->lock);
	if (p->stop) {
		e = ERR_UNAVAILABLE;
	} else if (p->queued >= p->o.queue_max) {
		e = ERR_LIMIT;
	} else {
		append(p, job);
		wake_one(p);
	}
	pthread_mutex_unlock(&p->lock);
	return e;
}

void worker_resume(struct worker_pool *p, struct worker_job *job)
{
	pthread_mutex_lock(&p->lock);
	append(p, job);
	wake_one(p);
	pthread_mutex_unlock(&p->lock);
}

void worker_later(struct worker_pool *p, struct worker_job *job)
{
	pthread_mutex_lock(&p->lock);
	append(p, job);
	pthread_mutex_unlock(&p->lock);
}

void worker_wake(struct worker_pool *p)
{
	pthread_mutex_lock(&p->lock);
	if (p->first != NULL) {
		wake_one(p);
	}
	pthread_mutex_unlock(&p->lock);
}

static enum err start_threads(struct worker_pool *p)
{
	pthread_attr_t attr;

	if (pthread_attr_init(&attr) != 0) {
		return ERR_NOMEM;
	}
	int rc = pthread_attr_setstacksize(&attr, WORKER_STACK_BYTES);
	while (rc == 0 && p->started < p->o.threads) {
		rc = pthread_create(&p->threads[p->started], &attr, work, p);
		p->started += rc == 0;
	}
	pthread_attr_destroy(&attr);
	return rc == 0 ? OK : err_from_errno(rc);
}

enum err worker_pool_new(const struct worker_options *o, struct worker_pool **ret)
{
	if (o->threads == 0 || o->threads > WORKER_THREADS_MAX || o->queue_max == 0 ||
	    o->batch_max == 0) {
		return ERR_INPUT;
	}
	struct worker_pool *p = calloc(1, sizeof(*p));
	if (p == NULL) {
		return ERR_NOMEM;
	}
	p->o = *o;
	struct bytes name = bytes_first(bytes_text(o->name), WORKER_NAME_MAX - 1);
	if (name.n > 0) {
		memcpy(p->name, name.p, name.n);
	}
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work, NULL);
	p->threads = calloc(o->threads, sizeof(p->threads[0]));
	enum err e = p->threads == NULL ? ERR_NOMEM : start_threads(p);
	if (e != OK) {
		worker_pool_stop(p);
		return e;
	}
	*ret = p;
	return OK;
}

void worker_pool_stop(struct worker_pool *p)
{
	if (p == NULL) {
		return;
	}
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->started; i++) {
		pthread_join(p->threads[i], NULL);
	}
	assert(p->first == NULL);
	pthread_cond_destroy(&p->work);
	pthread_mutex_destroy(&p->lock);
	free(p->threads);
	free(p);
}
