/*
 * Another store, with one call that fails on command: tests walk through every failure of every call. The failing call
 * is not passed on, except put_finish, close and abort, which end a handle: the inner handle is ended too.
 */
#include <pthread.h>
#include <stdlib.h>

#include "server/store/store.h"

struct fault {
	struct store base;
	struct store *inner;
	pthread_mutex_t mutex;
	uint64_t calls; /* so far, all operations; under the mutex, as the two below */
	uint64_t at;    /* this one fails; 0: none */
	enum err e;
};

struct fault_put {
	struct store_put base;
	struct fault *fault;
	struct store_put *inner;
};

struct fault_blob {
	struct store_blob base;
	struct fault *fault;
	struct store_blob *inner;
};

/* Count a call; the error it has to give. */
static enum err count(struct fault *f)
{
	pthread_mutex_lock(&f->mutex);
	f->calls++;
	enum err e = f->calls == f->at ? f->e : OK;
	pthread_mutex_unlock(&f->mutex);
	return e;
}

static enum err fault_put_begin(struct store *s, const uint8_t id[STORE_ID_BYTES],
                                uint64_t deadline_ms, struct store_put **ret)
{
	struct fault *f = (struct fault *)s;

	TRY(count(f));
	struct fault_put *p = calloc(1, sizeof(*p));
	if (p == NULL) {
		return ERR_NOMEM;
	}
	*p = (struct fault_put){.base.ops = s->ops, .fault = f};
	enum err e = store_put_begin(f->inner, id, deadline_ms, &p->inner);
	if (e != OK) {
		free(p);
		return e;
	}
	*ret = &p->base;
	return OK;
}

static enum err fault_put_write(struct store_put *put, struct bytes b)
{
	struct fault_put *p = (struct fault_put *)put;

	TRY(count(p->fault));
	return store_put_write(p->inner, b);
}

static enum err fault_put_finish(struct store_put *put)
{
	struct fault_put *p = (struct fault_put *)put;
	struct store_put *inner = p->inner;
	enum err e = count(p->fault);

	free(p);
	if (e != OK) {
		store_put_abort(inner);
		return e;
	}
	return store_put_finish(inner);
}

static void fault_put_abort(struct store_put *put)
{
	struct fault_put *p = (struct fault_put *)put;

	store_put_abort(p->inner);
	free(p);
}

static enum err fault_open(struct store *s, const uint8_t id[STORE_ID_BYTES], uint64_t deadline_ms,
                           struct store_blob **ret)
{
	struct fault *f = (struct fault *)s;

	TRY(count(f));
	struct fault_blob *b = calloc(1, sizeof(*b));
	if (b == NULL) {
		return ERR_NOMEM;
	}
	*b = (struct fault_blob){.base.ops = s->ops, .fault = f};
	enum err e = store_open(f->inner, id, deadline_ms, &b->inner);
	if (e != OK) {
		free(b);
		return e;
	}
	*ret = &b->base;
	return OK;
}

static enum err fault_read(struct store_blob *blob, uint64_t offset, uint8_t *out, size_t n)
{
	struct fault_blob *b = (struct fault_blob *)blob;

	TRY(count(b->fault));
	return store_read(b->inner, offset, out, n);
}

static enum err fault_size(struct store_blob *blob, uint64_t *ret)
{
	struct fault_blob *b = (struct fault_blob *)blob;

	TRY(count(b->fault));
	return store_size(b->inner, ret);
}

static void fault_close(struct store_blob *blob)
{
	struct fault_blob *b = (struct fault_blob *)blob;

	store_close(b->inner);
	free(b);
}

static enum err fault_remove(struct store *s, const uint8_t id[STORE_ID_BYTES],
                             uint64_t deadline_ms)
{
	struct fault *f = (struct fault *)s;

	TRY(count(f));
	return store_remove(f->inner, id, deadline_ms);
}

static enum err fault_list(struct store *s, uint8_t first,
                           enum err (*each)(void *context, const uint8_t id[STORE_ID_BYTES],
                                            uint64_t age_ms),
                           void *context)
{
	struct fault *f = (struct fault *)s;

	TRY(count(f));
	return store_list(f->inner, first, each, context);
}

static enum err fault_ready(struct store *s)
{
	struct fault *f = (struct fault *)s;

	TRY(count(f));
	return store_ready(f->inner);
}

static void fault_put_deadline(struct store_put *put, uint64_t deadline_ms)
{
	store_put_deadline(((struct fault_put *)put)->inner, deadline_ms);
}

static void fault_blob_deadline(struct store_blob *blob, uint64_t deadline_ms)
{
	store_blob_deadline(((struct fault_blob *)blob)->inner, deadline_ms);
}

static void fault_free(struct store *s)
{
	struct fault *f = (struct fault *)s;

	store_free(f->inner);
	pthread_mutex_destroy(&f->mutex);
	free(f);
}

enum err store_fault_new(struct store *inner, struct store **ret)
{
	static const struct store_ops ops = {
		.put_begin = fault_put_begin,
		.put_write = fault_put_write,
		.put_finish = fault_put_finish,
		.put_abort = fault_put_abort,
		.open = fault_open,
		.read = fault_read,
		.size = fault_size,
		.close = fault_close,
		.remove = fault_remove,
		.list = fault_list,
		.ready = fault_ready,
		.free = fault_free,
		.put_deadline = fault_put_deadline,
		.blob_deadline = fault_blob_deadline,
	};
	struct fault *f = calloc(1, sizeof(*f));

	if (f == NULL) {
		return ERR_NOMEM;
	}
	*f = (struct fault){.base.ops = &ops, .inner = inner};
	pthread_mutex_init(&f->mutex, NULL);
	*ret = &f->base;
	return OK;
}

void store_fault_arm(struct store *fault, uint64_t at, enum err e)
{
	struct fault *f = (struct fault *)fault;

	pthread_mutex_lock(&f->mutex);
	f->calls = 0;
	f->at = at;
	f->e = e;
	pthread_mutex_unlock(&f->mutex);
}

uint64_t store_fault_calls(const struct store *fault)
{
	struct fault *f = (struct fault *)(uintptr_t)fault;

	pthread_mutex_lock(&f->mutex);
	uint64_t calls = f->calls;
	pthread_mutex_unlock(&f->mutex);
	return calls;
}
