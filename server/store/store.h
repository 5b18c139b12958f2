/*
 * A blob store: opaque bytes under random 32-byte ids. It never sees a key, a name or a plaintext.
 * An id is written once and never again.
 *
 *   put     streamed; invisible until store_put_finish, durable when that returns
 *   get     ranges, any order, any number at once
 * Thread: any; calls on one handle from one thread at a time. All calls block, at most until
 * deadline_ms (clock_mono_ms).
 */
#ifndef REMPART_STORE_H
#define REMPART_STORE_H
#include "common/base/bytes.h"
#include "common/base/report.h"

enum { STORE_ID_BYTES = 32 };
struct store;
struct store_put;  /* a blob being written */
struct store_blob; /* a blob being read */

struct store_ops {
	enum err (*put_begin)(struct store *s, const uint8_t id[STORE_ID_BYTES],
	                      uint64_t deadline_ms, struct store_put **ret);
	enum err (*put_write)(struct store_put *p, struct bytes b);
	enum err (*put_finish)(struct store_put *p); /* frees p in any case */
	void (*put_abort)(struct store_put *p);
	enum err (*open)(struct store *s, const uint8_t id[STORE_ID_BYTES], uint64_t deadline_ms,
	                 struct store_blob **ret);
	enum err (*read)(struct store_blob *b, uint64_t offset, uint8_t *out, size_t n);
	enum err (*size)(struct store_blob *b, uint64_t *ret);
	void (*close)(struct store_blob *b);
	enum err (*remove)(struct store *s, const uint8_t id[STORE_ID_BYTES], uint64_t deadline_ms);
	enum err (*list)(struct store *s, uint8_t first,
	                 enum err (*each)(void *context, const uint8_t id[STORE_ID_BYTES],
	                                  uint64_t age_ms),
	                 void *context);
	enum err (*ready)(struct store *s);
	void (*free)(struct store *s);
	/* NULL in a backend that cannot stop early */
	void (*put_deadline)(struct store_put *p, uint64_t deadline_ms);
	void (*blob_deadline)(struct store_blob *b, uint64_t deadline_ms);
};
/* Each is the first member of a backend's own struct. */
struct store { const struct store_ops *ops; };
struct store_put { const struct store_ops *ops; };
struct store_blob { const struct store_ops *ops; };

/* store_put_begin: errors  EXISTS (id in use), IO, FULL, UNAVAILABLE, TIMEOUT; on any error nothing
 * is visible. */
enum err store_put_begin(struct store *s, const uint8_t id[STORE_ID_BYTES], uint64_t deadline_ms,
                         struct store_put **ret);
enum err store_put_write(struct store_put *p, struct bytes b);
/* store_put_finish: durable and visible on OK; p is gone in any case. errors: EXISTS, IO, FULL,
 * UNAVAILABLE, TIMEOUT. After an error the blob may be there or not (a lost answer): store_remove
 * makes sure. */
enum err store_put_finish(struct store_put *p);
void store_put_abort(struct store_put *p); /* NULL-safe */
/* store_put_deadline, store_blob_deadline: a new deadline for the calls that follow: a handle
 * outlives the step that opened it. NULL-safe */
void store_put_deadline(struct store_put *p, uint64_t deadline_ms);
void store_blob_deadline(struct store_blob *b, uint64_t deadline_ms);
/* store_open: errors NOTFOUND, IO, UNAVAILABLE, TIMEOUT. A blob that is removed stays readable
 * through open handles (fs, mem). */
enum err store_open(struct store *s, const uint8_t id[STORE_ID_BYTES], uint64_t deadline_ms,
                    struct store_blob **ret);
/* store_read: exactly n bytes at offset. errors: CORRUPT (the blob is shorter), IO, TIMEOUT */
enum err store_read(struct store_blob *b, uint64_t offset, uint8_t *out, size_t n);
enum err store_size(struct store_blob *b, uint64_t *ret);
void store_close(struct store_blob *b); /* NULL-safe */
/* store_remove: OK also when there is no such blob. Durable some time after. */
enum err store_remove(struct store *s, const uint8_t id[STORE_ID_BYTES], uint64_t deadline_ms);
/* store_list: every blob whose id begins with the byte `first`, no order; ages in ms since it was
 * written. Stops at each's error. Left-over temporary files of crashed writers older than an hour
 * are removed on the way. */
enum err store_list(struct store *s, uint8_t first,
                    enum err (*each)(void *context, const uint8_t id[STORE_ID_BYTES],
                                     uint64_t age_ms),
                    void *context);
/* store_ready: can it take and give blobs now? For /readyz. errors: IO, FULL, UNAVAILABLE */
enum err store_ready(struct store *s);
void store_free(struct store *s); /* NULL-safe */

/* Backends. */
/* store_fs_open: <dir>/xx/<62 hex>: temp file (O_TMPFILE where there is one), fdatasync, link,
 * fsync of the folder. */
enum err store_fs_open(const char *dir, struct store **ret, struct report *ret_report);
/* store_mem_new: for tests. */
enum err store_mem_new(struct store **ret);
/* store_fault_new: wraps `inner` (owned); call number `at` (from 1, all operations counted) fails
 * with `e`; 0: none. */
enum err store_fault_new(struct store *inner, struct store **ret);
/* store_fault_arm: counting starts anew. */
void store_fault_arm(struct store *fault, uint64_t at, enum err e);
uint64_t store_fault_calls(const struct store *fault);
#endif
