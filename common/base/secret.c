/*
 * Key material: slots of one libsodium allocation (guard pages, canary, locked, not dumped), handed
 * out through a free list under a mutex. A slot's owner reads and writes it without the mutex; the
 * list only ever touches free slots.
 */
#include "common/base/secret.h"

#include <assert.h>
#include <pthread.h>
#include <sodium.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

struct secret {
	uint8_t bytes[SECRET_MAX];
	size_t size;         /* 0: free */
	struct secret *next; /* free list */
};

/* sodium_malloc puts the END of the memory at a page end: the size must keep the alignment. */
static_assert(sizeof(struct secret) % 16 == 0, "slots stay aligned");

static struct {
	pthread_mutex_t mutex;
	struct secret *slots;
	size_t count;
	struct secret *free;
} slab = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* A core file, or another process of the same user with ptrace, would hold every key. */
static enum err forbid_dumps(void)
{
	const struct rlimit none = {0, 0};

	if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
		return ERR_IO;
	}
	return OK;
}

/* sodium_malloc does not say whether the lock succeeded, so lock again and look. */
static enum err protect(void *p, size_t n)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t start = (uintptr_t)p / page * page;
	uintptr_t end = ((uintptr_t)p + n + page - 1) / page * page;

	if (sodium_mlock(p, n) != 0) {
		return ERR_NOMEM;
	}
	if (madvise((void *)start, end - start, MADV_DONTFORK) != 0 ||
	    madvise((void *)start, end - start, MADV_DONTDUMP) != 0) {
		return ERR_IO;
	}
	return OK;
}

static enum err set_up(size_t slots)
{
	size_t n;

	if (sodium_init() < 0) {
		return ERR_IO;
	}
	TRY(forbid_dumps());
	if (slots == 0 || __builtin_mul_overflow(slots, sizeof(struct secret), &n)) {
		return ERR_NOMEM;
	}
	struct secret *p = sodium_malloc(n);
	if (p == NULL) {
		return ERR_NOMEM;
	}
	enum err e = protect(p, n);
	if (e != OK) {
		sodium_free(p);
		return e;
	}
	sodium_memzero(p, n);
	for (size_t i = 0; i + 1 < slots; i++) {
		p[i].next = &p[i + 1];
	}
	slab.slots = p;
	slab.count = slots;
	slab.free = p;
	return OK;
}

enum err secret_init(size_t slots)
{
	enum err e = OK;

	pthread_mutex_lock(&slab.mutex);
	if (slab.slots == NULL) {
		e = set_up(slots);
	}
	pthread_mutex_unlock(&slab.mutex);
	return e;
}

struct secret *secret_new(size_t n)
{
	assert(n >= 1 && n <= SECRET_MAX);
	pthread_mutex_lock(&slab.mutex);
	struct secret *s = slab.free;
	if (s != NULL) {
		assert(s->size == 0);
		slab.free = s->next;
		s->next = NULL;
		s->size = n;
	}
	pthread_mutex_unlock(&slab.mutex);
	return s;
}

struct secret *secret_random(size_t n)
{
	struct secret *s = secret_new(n);

	if (s != NULL) {
		randombytes_buf(s->bytes, n);
	}
	return s;
}

struct secret *secret_from(struct bytes b)
{
	struct secret *s = secret_new(b.n);

	if (s != NULL) {
		memcpy(s->bytes, b.p, b.n);
	}
	return s;
}

struct secret *secret_copy(const struct secret *s)
{
	return secret_from(secret_bytes(s));
}

struct secret *secret_free(struct secret *s)
{
	if (s == NULL) {
		return NULL;
	}
	pthread_mutex_lock(&slab.mutex);
	assert(s >= slab.slots && s < slab.slots + slab.count);
	assert(s->size != 0); /* freed twice */
	sodium_memzero(s, sizeof(*s));
	s->next = slab.free;
	slab.free = s;
	pthread_mutex_unlock(&slab.mutex);
	return NULL;
}

void secret_freep(struct secret **s)
{
	*s = secret_free(*s);
}

bool secret_equal(const struct secret *a, const struct secret *b)
{
	assert(a->size != 0 && b->size != 0);
	return a->size == b->size && sodium_memcmp(a->bytes, b->bytes, a->size) == 0;
}

size_t secret_size(const struct secret *s)
{
	assert(s->size != 0);
	return s->size;
}

struct bytes secret_bytes(const struct secret *s)
{
	assert(s->size != 0);
	return (struct bytes){s->bytes, s->size};
}

uint8_t *secret_edit(struct secret *s)
{
	assert(s->size != 0);
	return s->bytes;
}

void wipe(void *p, size_t n)
{
	sodium_memzero(p, n);
}

bool same_bytes(const void *a, const void *b, size_t n)
{
	return sodium_memcmp(a, b, n) == 0;
}

void random_bytes(void *p, size_t n)
{
	randombytes_buf(p, n);
}
