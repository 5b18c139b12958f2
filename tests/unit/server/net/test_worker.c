/* The pool: everything runs once, limits hold, a batch is reported only behind its commit. */
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/base/attr.h"
#include "server/net/worker.h"

static atomic_uint ran, done, failed, commits, late;
static sem_t entered, go;
static _Atomic(unsigned) committed_jobs; /* run before the last commit */
static enum err verdict;

struct counted {
	struct worker_job job;
	unsigned order;
};

static void reset(void)
{
	ran = done = failed = commits = late = 0;
	committed_jobs = 0;
	verdict = OK;
	sem_init(&entered, 0, 0);
	sem_init(&go, 0, 0);
}

static void run_counted(struct worker_job *job)
{
	((struct counted *)job)->order = atomic_fetch_add(&ran, 1);
}

static void run_blocked(struct worker_job *job)
{
	run_counted(job);
	sem_post(&entered);
	sem_wait(&go);
}

static void done_counted(struct worker_job *job, enum err committed)
{
	if (committed != OK) {
		atomic_fetch_add(&failed, 1);
	}
	if (((struct counted *)job)->order >= atomic_load(&committed_jobs)) {
		atomic_fetch_add(&late, 1);
	}
	atomic_fetch_add(&done, 1);
}

static enum err commit(void *context)
{
	assert_ptr_equal(context, &verdict);
	atomic_fetch_add(&commits, 1);
	atomic_store(&committed_jobs, atomic_load(&ran));
	return verdict;
}

enum { JOBS = 2000 };

static void runs_each_job_once(void **state)
{
	(void)state;
	static struct counted jobs[JOBS];
	struct worker_options o = {.threads = 4, .queue_max = JOBS, .batch_max = 1, .name = "a-long-thread-name"};
	struct worker_pool *p = NULL;

	reset();
	assert_int_equal(worker_pool_new(&o, &p), OK);
	for (int i = 0; i < JOBS; i++) {
		jobs[i].job = (struct worker_job){.run = run_counted, .done = done_counted};
		assert_int_equal(worker_submit(p, &jobs[i].job), OK);
	}
	worker_pool_stop(p); /* finishes what is queued */
	assert_int_equal(ran, JOBS);
	assert_int_equal(done, JOBS);
}

static void refuses_when_full_and_when_stopping(void **state)
{
	(void)state;
	static struct counted jobs[6];
	struct worker_options o = {.threads = 1, .queue_max = 2, .batch_max = 1, .name = "w"};
	struct worker_pool *p = NULL;

	reset();
	assert_int_equal(worker_pool_new(&o, &p), OK);
	for (size_t i = 0; i < COUNT(jobs); i++) {
		jobs[i].job = (struct worker_job){.run = i == 0 ? run_blocked : run_counted,
		                                  .done = done_counted};
	}
	assert_int_equal(worker_submit(p, &jobs[0].job), OK);
	sem_wait(&entered);
	assert_int_equal(worker_submit(p, &jobs[1].job), OK);
	assert_int_equal(worker_submit(p, &jobs[2].job), OK);
	assert_int_equal(worker_submit(p, &jobs[3].job), ERR_LIMIT);
	worker_resume(p, &jobs[4].job); /* admitted work is never refused */
	sem_post(&go);
	worker_pool_stop(p);
	assert_int_equal(done, 4);
}

static void commits_batches(void **state)
{
	(void)state;
	static struct counted jobs[JOBS];
	struct worker_options o = {.threads = 1, .queue_max = JOBS, .batch_max = 64,
	                           .commit = commit, .context = &verdict, .name = "w"};
	struct worker_pool *p = NULL;

	reset();
	assert_int_equal(worker_pool_new(&o, &p), OK);
	for (int i = 0; i < JOBS; i++) {
		jobs[i].job = (struct worker_job){.run = i == 0 ? run_blocked : run_counted,
		                                  .done = done_counted};
		assert_int_equal(worker_submit(p, &jobs[i].job), OK);
	}
	sem_wait(&entered);
	sem_post(&go);
	worker_pool_stop(p);
	assert_int_equal(done, JOBS);
	assert_int_equal(late, 0);
	assert_true(commits <= 2 + JOBS / 64); /* all were queued while the first ran */
	assert_true(commits >= JOBS / 64);
	for (unsigned i = 0; i < JOBS; i++) {
		assert_int_equal(jobs[i].order, i); /* one thread: one total order */
	}
}

static void reports_a_failed_commit_to_its_batch(void **state)
{
	(void)state;
	static struct counted jobs[8];
	struct worker_options o = {.threads = 1, .queue_max = 100, .batch_max = 100,
	                           .commit = commit, .context = &verdict, .name = "w"};
	struct worker_pool *p = NULL;

	reset();
	verdict = ERR_FULL;
	assert_int_equal(worker_pool_new(&o, &p), OK);
	for (size_t i = 0; i < COUNT(jobs); i++) {
		jobs[i].job = (struct worker_job){.run = run_counted, .done = done_counted};
		assert_int_equal(worker_submit(p, &jobs[i].job), OK);
	}
	worker_pool_stop(p);
	assert_int_equal(failed, COUNT(jobs));
}

static void plain_jobs_alone_are_not_committed(void **state)
{
	(void)state;
	static struct counted jobs[8];
	struct worker_options o = {.threads = 1, .queue_max = 100, .batch_max = 100,
	                           .commit = commit, .context = &verdict, .name = "w"};
	struct worker_pool *p = NULL;

	reset();
	assert_int_equal(worker_pool_new(&o, &p), OK);
	for (size_t i = 0; i < COUNT(jobs); i++) {
		jobs[i].job = (struct worker_job){.run = run_counted, .done = done_counted, .plain = true};
		assert_int_equal(worker_submit(p, &jobs[i].job), OK);
	}
	worker_pool_stop(p);
	assert_int_equal(done, COUNT(jobs));
	assert_int_equal(commits, 0);
}

static void refuses_bad_options(void **state)
{
	(void)state;
	struct worker_options o = {.threads = 0, .queue_max = 1, .batch_max = 1};
	struct worker_pool *p = NULL;

	assert_int_equal(worker_pool_new(&o, &p), ERR_INPUT);
	o = (struct worker_options){.threads = 1, .queue_max = 0, .batch_max = 1};
	assert_int_equal(worker_pool_new(&o, &p), ERR_INPUT);
	o = (struct worker_options){.threads = 1, .queue_max = 1, .batch_max = 0};
	assert_int_equal(worker_pool_new(&o, &p), ERR_INPUT);
	assert_null(p);
	worker_pool_stop(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_each_job_once),
		cmocka_unit_test(refuses_when_full_and_when_stopping),
		cmocka_unit_test(commits_batches),
		cmocka_unit_test(reports_a_failed_commit_to_its_batch),
		cmocka_unit_test(plain_jobs_alone_are_not_committed),
		cmocka_unit_test(refuses_bad_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
