/* Calls of store.h to the backend behind a handle. */
#include "server/store/store.h"

#include <assert.h>

enum err store_put_begin(struct store *s, const uint8_t id[STORE_ID_BYTES], uint64_t deadline_ms,
                         struct store_put **ret)
{
	return s->ops->put_begin(s, id, deadline_ms, ret);
}

enum err store_put_write(struct store_put *p, struct bytes b)
{
	return b.n == 0 ? OK : p->ops->put_write(p, b);
}

enum err store_put_finish(struct store_put *p)
{
	return p->ops->put_finish(p);
}

void store_put_abort(struct store_put *p)
{
	if (p != NULL) {
		p->ops->put_abort(p);
	}
}

enum err store_open(struct store *s, const uint8_t id[STORE_ID_BYTES], uint64_t deadline_ms,
                    struct store_blob **ret)
{
	return s->ops->open(s, id, deadline_ms, ret);
}

enum err store_read(struct store_blob *b, uint64_t offset, uint8_t *out, size_t n)
{
	assert(out != NULL || n == 0);
	return b->ops->read(b, offset, out, n);
}

enum err store_size(struct store_blob *b, uint64_t *ret)
{
	return b->ops->size(b, ret);
}

void store_close(struct store_blob *b)
{
	if (b != NULL) {
		b->ops->close(b);
	}
}

enum err store_remove(struct store *s, const uint8_t id[STORE_ID_BYTES], uint64_t deadline_ms)
{
	return s->ops->remove(s, id, deadline_ms);
}

enum err store_list(struct store *s, uint8_t first,
                    enum err (*each)(void *context, const uint8_t id[STORE_ID_BYTES],
                                     uint64_t age_ms),
                    void *context)
{
	return s->ops->list(s, first, each, context);
}

enum err store_ready(struct store *s)
{
	return s->ops->ready(s);
}

void store_free(struct store *s)
{
	if (s != NULL) {
		s->ops->free(s);
	}
}

void store_put_deadline(struct store_put *p, uint64_t deadline_ms)
{
	if (p != NULL && p->ops->put_deadline != NULL) {
		p->ops->put_deadline(p, deadline_ms);
	}
}

void store_blob_deadline(struct store_blob *b, uint64_t deadline_ms)
{
	if (b != NULL && b->ops->blob_deadline != NULL) {
		b->ops->blob_deadline(b, deadline_ms);
	}
}
