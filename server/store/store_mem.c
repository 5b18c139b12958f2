/*
 * Blobs in memory, for tests. The invariant: a blob's bytes never change once it is in the table; the
 * table and each reader hold one reference.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "server/store/store.h"

enum { FOLDERS = 256, BLOB_MAX_BYTES = 256 << 20 };

struct blob {
	uint8_t id[STORE_ID_BYTES];
	struct writer bytes;
	uint64_t written_ms; /* clock_mono_ms */
	unsigned references; /* under the mutex */
	struct blob *next;
};

struct mem {
	struct store base;
	pthread_mutex_t mutex;
	struct blob *folders[FOLDERS]; /* by the first byte of the id */
};

struct mem_put {
	struct store_put base;
	struct mem *mem;
	struct blob *blob;
};

struct mem_blob {
	struct store_blob base;
	struct mem *mem;
	struct blob *blob;
};

static void blob_free(struct blob *b)
{
	if (b != NULL) {
		writer_free(&b->bytes);
		free(b);
	}
}

/* The link that leads to the blob, or to NULL at the end; under the mutex. */
static struct blob **find(struct mem *m, const uint8_t id[STORE_ID_BYTES])
{
	struct blob **at = &m->folders[id[0]];

	while (*at != NULL && memcmp((*at)->id, id, STORE_ID_BYTES) != 0) {
		at = &(*at)->next;
	}
	return at;
}

/* Give up a reference; under the mutex. */
static void drop(struct blob *b)
{
	if (--b->references == 0) {
		blob_free(b);
	}
}

static enum err mem_put_begin(struct store *s, const uint8_t id[STORE_ID_BYTES],
                              uint64_t deadline_ms, struct store_put **ret)
{
	struct mem *m = (struct mem *)s;

	(void)deadline_ms; /* memory does not keep anybody waiting */
	pthread_mutex_lock(&m->mutex);
	bool exists = *find(m, id) != NULL;
	pthread_mutex_unlock(&m->mutex);
	if (exists) {
		return ERR_EXISTS;
	}
	struct mem_put *p = calloc(1, sizeof(*p));
	struct blob *b = calloc(1, sizeof(*b));
	if (p == NULL || b == NULL) {
		free(p);
		free(b);
		return ERR_NOMEM;
	}
	memcpy(b->id, id, STORE_ID_BYTES);
	b->bytes = writer_growing(BLOB_MAX_BYTES);
	b->references = 1;
	p->base.ops = s->ops;
	p->mem = m;
	p->blob = b;
	*ret = &p->base;
	return OK;
}

static enum err mem_put_write(struct store_put *put, struct bytes b)
{
	struct mem_put *p = (struct mem_put *)put;

	write_bytes(&p->blob->bytes, b);
	return p->blob->bytes.full ? ERR_FULL : OK;
}

static enum err mem_put_finish(struct store_put *put)
{
	struct mem_put *p = (struct mem_put *)put;
	enum err e = p->blob->bytes.full ? ERR_FULL : OK;

	pthread_mutex_lock(&p->mem->mutex);
	struct blob **at = find(p->mem, p->blob->id);
	if (*at != NULL) {
		e = ERR_EXISTS;
	}
	if (e == OK) {
		p->blob->written_ms = clock_mono_ms();
		*at = p->blob;
		p->blob = NULL;
	}
	pthread_mutex_unlock(&p->mem->mutex);
	blob_free(p->blob);
	free(p);
	return e;
}

static void mem_put_abort(struct store_put *put)
{
	struct mem_put *p = (struct mem_put *)put;

	blob_free(p->blob);
	free(p);
}

static enum err mem_open(struct store *s, const uint8_t id[STORE_ID_BYTES], uint64_t deadline_ms,
                         struct store_blob **ret)
{
	struct mem *m = (struct mem *)s;
	struct mem_blob *h = calloc(1, sizeof(*h));

	(void)deadline_ms;
	if (h == NULL) {
		return ERR_NOMEM;
	}
	pthread_mutex_lock(&m->mutex);
	struct blob *b = *find(m, id);
	if (b != NULL) {
		b->references++;
	}
	pthread_mutex_unlock(&m->mutex);
	if (b == NULL) {
		free(h);
		return ERR_NOTFOUND;
	}
	*h = (struct mem_blob){.base.ops = s->ops, .mem = m, .blob = b};
	*ret = &h->base;
	return OK;
}

static enum err mem_read(struct store_blob *blob, uint64_t offset, uint8_t *out, size_t n)
{
	const struct writer *w = &((struct mem_blob *)blob)->blob->bytes;

	if (offset > w->used || n > w->used - offset) {
		return ERR_CORRUPT;
	}
	if (n > 0) {
		memcpy(out, w->p + offset, n);
	}
	return OK;
}

static enum err mem_size(struct store_blob *blob, uint64_t *ret)
{
	*ret = ((struct mem_blob *)blob)->blob->bytes.used;
	return OK;
}

static void mem_close(struct store_blob *blob)
{
	struct mem_blob *h = (struct mem_blob *)blob;

	pthread_mutex_lock(&h->mem->mutex);
	drop(h->blob);
	pthread_mutex_unlock(&h->mem->mutex);
	free(h);
}

static enum err mem_remove(struct store *s, const uint8_t id[STORE_ID_BYTES], uint64_t deadline_ms)
{
	struct mem *m = (struct mem *)s;

	(void)deadline_ms;
	pthread_mutex_lock(&m->mutex);
	struct blob **at = find(m, id);
	struct blob *b = *at;
	if (b != NULL) {
		*at = b->next;
		b->next = NULL;
		drop(b);
	}
	pthread_mutex_unlock(&m->mutex);
	return OK;
}

/* The ids of a folder are copied first: `each` may call the store. */
static enum err mem_list(struct store *s, uint8_t first,
                         enum err (*each)(void *context, const uint8_t id[STORE_ID_BYTES],
                                          uint64_t age_ms),
                         void *context)
{
	struct mem *m = (struct mem *)s;
	struct writer ids = writer_growing(SIZE_MAX);
	uint64_t now = clock_mono_ms();
	enum err e = OK;

	pthread_mutex_lock(&m->mutex);
	for (const struct blob *b = m->folders[first]; b != NULL; b = b->next) {
		write_bytes(&ids, bytes_of(b->id, STORE_ID_BYTES));
		write_u64(&ids, now - b->written_ms);
	}
	pthread_mutex_unlock(&m->mutex);
	struct reader r = reader_of(writer_bytes(&ids));
	if (ids.full) {
		e = ERR_NOMEM;
	}
	while (e == OK && r.left > 0) {
		uint8_t id[STORE_ID_BYTES];
		read_into(&r, id, sizeof(id));
		e = each(context, id, read_u64(&r));
	}
	writer_free(&ids);
	return e;
}

static enum err mem_ready(struct store *s)
{
	(void)s;
	return OK;
}

static void mem_free(struct store *s)
{
	struct mem *m = (struct mem *)s;

	for (unsigned i = 0; i < FOLDERS; i++) {
		while (m->folders[i] != NULL) {
			struct blob *b = m->folders[i];
			m->folders[i] = b->next;
			drop(b);
		}
	}
	pthread_mutex_destroy(&m->mutex);
	free(m);
}

enum err store_mem_new(struct store **ret)
{
	static const struct store_ops ops = {
		.put_begin = mem_put_begin,
		.put_write = mem_put_write,
		.put_finish = mem_put_finish,
		.put_abort = mem_put_abort,
		.open = mem_open,
		.read = mem_read,
		.size = mem_size,
		.close = mem_close,
		.remove = mem_remove,
		.list = mem_list,
		.ready = mem_ready,
		.free = mem_free,
	};
	struct mem *m = calloc(1, sizeof(*m));

	if (m == NULL) {
		return ERR_NOMEM;
	}
	m->base.ops = &ops;
	pthread_mutex_init(&m->mutex, NULL);
	*ret = &m->base;
	return OK;
}
