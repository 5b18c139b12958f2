/*
 * Key material. A `struct secret` lives in one guarded, locked slab that is not dumped and not
 * inherited by a child (libsodium's guarded allocation, one for the whole process); it is wiped
 * when freed. Passing `const struct secret *` keeps the compiler between keys and ordinary byte
 * handling. Never put its bytes in an arena, a log, an error text.
 *
 * The slab is the one process-wide object of common/: keys need pages that are set up once.
 * Thread: every function may be called from any thread.
 */
#ifndef REMPART_BASE_SECRET_H
#define REMPART_BASE_SECRET_H

#include "common/base/bytes.h"

enum { SECRET_MAX = 64 }; /* bytes in one secret */

struct secret;

/*
 * secret_init: set up the slab for `slots` secrets and forbid core dumps. Call once, before
 * threads.
 *   errors  NOMEM (RLIMIT_MEMLOCK too small: raise LimitMEMLOCK=), IO
 */
enum err secret_init(size_t slots);
/* secret_new: `n` zero bytes, 1..SECRET_MAX. NULL when the slab is used up. */
struct secret *secret_new(size_t n);
/* secret_random: `n` bytes from the system's generator. NULL as above. */
struct secret *secret_random(size_t n);
/* secret_from: a copy of b, 1..SECRET_MAX bytes; the caller wipes b. NULL as above. */
struct secret *secret_from(struct bytes b);
struct secret *secret_copy(const struct secret *s);
/* secret_free: wipe and give back. NULL-safe. Returns NULL. */
struct secret *secret_free(struct secret *s);
void secret_freep(struct secret **s); /* for AUTO(secret_freep) */
/* secret_equal: constant time; different sizes are unequal. */
bool secret_equal(const struct secret *a, const struct secret *b);
size_t secret_size(const struct secret *s);
/* secret_bytes, secret_edit: the bytes, for common/crypto, common/sigv4 and the wire codecs only
 * (the lint test holds the list of files). */
struct bytes secret_bytes(const struct secret *s);
uint8_t *secret_edit(struct secret *s);

/* wipe: zero n bytes in a way that the compiler keeps. For key material that had to pass through
 * a buffer. */
void wipe(void *p, size_t n);
/* same_bytes: constant-time comparison of two buffers of n bytes. */
bool same_bytes(const void *a, const void *b, size_t n);
/* random_bytes: n bytes from the system's generator (blocks only before the first seeding). */
void random_bytes(void *p, size_t n);

#endif
