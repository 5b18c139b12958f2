/* What the files of server/vault share. Internal. */
#ifndef REMPART_VAULT_INTERNAL_H
#define REMPART_VAULT_INTERNAL_H
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>

#include "common/objfmt/objfmt.h"
#include "server/vault/vault.h"

enum {
	VAULT_RUN_SEGMENTS = 4, /* sealed segments in one call of the store */
	VAULT_BUFFER_BYTES = OBJFMT_HEADER_BYTES + VAULT_RUN_SEGMENTS * OBJFMT_SEALED_SEGMENT_BYTES +
	                     4096, /* and a trailer of usual size */
	VAULT_PIN_LISTS = 256,
};
static_assert(OBJFMT_ID_BYTES == (int)STORE_ID_BYTES, "a blob id is a store id");
static_assert(OBJFMT_SEED_BYTES == (int)INDEX_SEED_BYTES, "a seed is a seed");

/* An object that is being read. */
struct vault_pin {
	uint8_t object_id[INDEX_OBJECT_ID_BYTES];
	struct vault_pin *next, **at;
};

/* A part that is being written and not yet in the index. */
struct vault_flight {
	uint8_t seed[INDEX_SEED_BYTES];
	atomic_uint_fast64_t blob_number; /* of the last blob that may be on storage */
	struct vault_flight *next, **at;
};

struct vault_counters {
	atomic_uint_fast64_t blobs_written, blobs_removed, orphans_removed;
	atomic_uint_fast64_t bytes_sealed, bytes_opened, corrupt;
};

struct vault_buffer {
	struct vault_buffer *next;
};

struct vault {
	struct vault_options o;
	struct secret *index_key;   /* set once, before `unlocked`, as the next */
	uint8_t mark_seed[OBJFMT_SEED_BYTES];
	atomic_bool unlocked;
	struct vault_counters counters;
	pthread_mutex_t mutex;      /* pins, flights, buffers, unlocking */
	struct vault_pin *pins[VAULT_PIN_LISTS];
	struct vault_flight *flights;
	size_t n_flights;
	struct vault_buffer *buffers; /* idle ones */
	size_t n_buffers;
	pthread_mutex_t collect_mutex; /* one round at a time */
	pthread_t collector;
	bool has_collector;
	pthread_mutex_t stop_mutex;
	pthread_cond_t stop_wake;
	atomic_bool stopping;
	atomic_bool accepted;       /* the operator answers for the index */
};

/* Buffers of VAULT_BUFFER_BYTES, held only while a call runs: there are as many as workers, not as
 * many as requests. NULL: no memory. */
uint8_t *vault_buffer_take(struct vault *v);
void vault_buffer_give(struct vault *v, uint8_t *buffer); /* NULL-safe */

void vault_pin(struct vault *v, struct vault_pin *pin, const uint8_t *object_id);
void vault_unpin(struct vault *v, struct vault_pin *pin);
bool vault_pinned(struct vault *v, const uint8_t *object_id);
void vault_flight_add(struct vault *v, struct vault_flight *f);
void vault_flight_remove(struct vault *v, struct vault_flight *f);

/* vault_part_blobs: blobs of a part: one when it is empty. */
uint64_t vault_part_blobs(const struct index_part *p);
/* vault_remove_blobs: blobs first..count-1 of a part. Stops at the first error. */
enum err vault_remove_blobs(struct vault *v, const uint8_t *seed, uint64_t count,
                            uint64_t *ret_removed);

/* Marks (mark.c). */
enum { VAULT_MARK_BITS = 40 };
/* vault_mark_seed: the seed of the ids of marks, from the index key. */
enum err vault_mark_seed(const struct secret *index_key, uint8_t ret[OBJFMT_SEED_BYTES]);
/* vault_mark_make: put the next mark. errors: DENIED (it is there already: see check) */
enum err vault_mark_make(struct vault *v);
/* vault_mark_check: errors DENIED (a mark on storage is newer than the index: this is an older
 * index) */
enum err vault_mark_check(struct vault *v);
/* vault_mark_each: the ids of all marks that may be on storage. */
enum err vault_mark_each(struct vault *v,
                         enum err (*each)(void *context, const uint8_t id[OBJFMT_ID_BYTES]),
                         void *context);

/* The collector's thread (collect.c). */
enum err vault_collector_start(struct vault *v);
void vault_collector_stop(struct vault *v);
#endif
