/*
 * Memory by lifetime: everything that a request makes lives in its arena and dies with it. An arena
 * has a cap; reaching it is ERR_LIMIT for that request, not the end of the process.
 * One thread at a time. No secret ever lives here (see base/secret.h).
 */
#ifndef REMPART_BASE_ARENA_H
#define REMPART_BASE_ARENA_H

#include "common/base/bytes.h"

struct arena;

/* arena_new: errors: none but NULL on no memory. `cap` bytes in all, headers included. */
struct arena *arena_new(size_t cap);
/* arena_free: run the deferred functions in reverse order, free all. NULL-safe. */
void arena_free(struct arena *a);
/* arena_freep: for AUTO(arena_freep). */
void arena_freep(struct arena **a);
/* arena_reset: as free, but the arena stays usable and keeps its first block. */
void arena_reset(struct arena *a);
/* arena_alloc: n zeroed bytes aligned to 16; NULL when the cap is reached. n 0 gives a valid
 * pointer. */
void *arena_alloc(struct arena *a, size_t n);
/* arena_copy: the bytes, copied, with a NUL behind them (so p is also a C string). p NULL on
 * failure. */
struct bytes arena_copy(struct arena *a, struct bytes b);
/* arena_text: the same as a C string. */
char *arena_text(struct arena *a, struct bytes b);
/* arena_join: parts[0..n) one after the other, NUL behind. p NULL on failure. */
struct bytes arena_join(struct arena *a, const struct bytes *parts, size_t n);
/* arena_defer: call fn(arg) at reset or free. false when the cap is reached (fn was then not
 * kept). */
bool arena_defer(struct arena *a, void (*fn)(void *arg), void *arg);

#endif
