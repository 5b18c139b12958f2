/*
 * What the files of server/index share: tables, keys, sealed values, records. Internal.
 *
 * A view is one transaction together with the cipher contexts that it uses; every function below a
 * public one works on a view. It lives on one thread's stack and never outlives a call.
 */
#ifndef REMPART_INDEX_SCHEMA_H
#define REMPART_INDEX_SCHEMA_H
#include <pthread.h>
#include <stdatomic.h>

#include "server/index/index.h"
#include "server/kv/kv.h"

enum index_table {
	TABLE_EPOCHS,
	TABLE_BUCKETS,
	TABLE_OBJECTS,
	TABLE_UPLOADS,
	TABLE_PARTS,
	TABLE_GARBAGE,
	TABLE_META,
	TABLE_CONFIGS,
	TABLE_VERSIONS,
	TABLES,
};

enum {
	INDEX_BUCKET_NAME_MAX = 255,
	INDEX_ROW_KEY_MAX = 8 + INDEX_KEY_MAX + 1 + 8 + 1 + INDEX_OBJECT_ID_BYTES,
	INDEX_VALUE_HEAD_BYTES = 4 + 8, /* epoch, counter */
	INDEX_VALUE_EXTRA_BYTES = INDEX_VALUE_HEAD_BYTES + 16, /* and a tag */
	INDEX_SCRATCH_MAX_BYTES = 64 << 20, /* arena of one call */
};

extern const char *const index_table_names[TABLES];

struct index_seal;

struct index {
	struct kv *kv;
	pthread_mutex_t mutex;            /* one unlock at a time */
	_Atomic(struct index_seal *) seal; /* NULL until unlocked */
};

/* Sealing (seal.c). */
struct index_sealer { /* a cipher context on loan; zero is valid */
	struct index_seal *seal;
	struct index_seal_epoch *epoch;
	struct aead *aead;
};
/* index_seal_open: check the key, begin a new epoch. errors: CORRUPT (another key), those of
 * kv_write */
enum err index_seal_open(struct kv *kv, const struct secret *index_key, struct index_seal **ret);
void index_seal_free(struct index_seal *s);
bool index_seal_has_key(const struct index_seal *s, const struct secret *index_key);
/* index_seal_number: never given before in the life of this index, ascending: epoch u24, counter
 * u40. */
uint64_t index_seal_number(struct index_seal *s);
void index_sealer_end(struct index_sealer *s);
/* index_value_seal: `value` is 12 bytes of room, then plaintext; becomes the sealed value in place.
 * errors: LIMIT, NOMEM */
enum err index_value_seal(struct index_sealer *s, enum index_table table, struct bytes key,
                          struct writer *value);
/* index_value_open: out gets value.n - INDEX_VALUE_EXTRA_BYTES. errors: CORRUPT, NOMEM */
enum err index_value_open(struct index_sealer *s, enum index_table table, struct bytes key,
                          struct bytes value, uint8_t *out);

/* A row's key. */
struct index_key {
	uint8_t p[INDEX_ROW_KEY_MAX];
	size_t n;
	bool bad; /* did not fit: no row has such a key */
};
struct bytes index_key_bytes(const struct index_key *k);
struct index_key index_key_object(uint64_t bucket, struct bytes key);
struct index_key index_key_upload(uint64_t bucket, struct bytes key, const uint8_t *upload_id);
/* index_key_versions: what the rows of all older versions of a key begin with. */
struct index_key index_key_versions(uint64_t bucket, struct bytes key);
struct index_key index_key_version(uint64_t bucket, struct bytes key, uint64_t sequence,
                                   const struct index_version *version);
struct index_key index_key_part(const uint8_t *upload_id, uint32_t number);
struct index_key index_key_parts(const uint8_t *upload_id); /* what all its parts begin with */
struct index_key index_key_garbage(uint64_t sequence);
struct index_key index_key_config(uint64_t bucket, enum index_config kind);
/* index_key_after: the first key behind all that begin with k; false when there is none. */
bool index_key_after(struct index_key *k);
/* The parts of a row's key; errors: CORRUPT */
enum err index_key_read_object(struct bytes row, uint64_t *ret_bucket, struct bytes *ret_key);
enum err index_key_read_upload(struct bytes row, struct bytes *ret_key, const uint8_t **ret_id);
enum err index_key_read_version(struct bytes row, struct index_version *ret);
enum err index_key_read_part(struct bytes row, uint32_t *ret_number);
enum err index_key_read_garbage(struct bytes row, uint64_t *ret_sequence);

/* Views (view.c). */
struct index_view {
	struct index *x;
	struct kv_txn *txn;
	struct index_sealer sealer;
};
/* errors: UNAVAILABLE (locked) */
enum err index_view_begin(struct index *x, struct index_view *ret);
void index_view_end(struct index_view *v);                          /* for AUTO() */
/* index_view_write: run change(view, arena, context) as kv_write does; the arena is empty at the
 * start of each run. */
enum err index_view_write(struct index *x,
                          enum err (*change)(struct index_view *v, struct arena *a, void *context),
                          void *context);
bool index_view_has(struct index_view *v, enum index_table table, const struct index_key *key,
                    enum err *ret);
/* index_view_get: the opened value in the arena. errors: NOTFOUND, CORRUPT, LIMIT */
enum err index_view_get(struct index_view *v, enum index_table table, struct bytes key,
                        struct arena *a, struct bytes *ret);
/* index_view_open: a value that a cursor gave. */
enum err index_view_open(struct index_view *v, enum index_table table, struct bytes key,
                         struct bytes value, struct arena *a, struct bytes *ret);
/* index_view_put: `value` began with index_value_begin; freed in any case. errors: LIMIT */
enum err index_view_put(struct index_view *v, enum index_table table, struct bytes key,
                        struct writer *value);
enum err index_view_delete(struct index_view *v, enum index_table table, struct bytes key);
/* index_view_any: is there a row whose key begins with `prefix`? */
enum err index_view_any(struct index_view *v, enum index_table table, struct bytes prefix,
                        bool *ret);
struct writer index_value_begin(void);

/* Records (record.c): plain bytes of the values. Those read borrow from the record. */
void index_record_write_bucket(const struct index_bucket *b, struct writer *w);
enum err index_record_read_bucket(struct bytes record, struct index_bucket *ret);
void index_record_write_upload(const struct index_upload *u, struct writer *w);
enum err index_record_read_upload(struct bytes record, struct arena *a, struct index_upload *ret);
void index_record_write_part(const struct index_part *p, struct writer *w);
enum err index_record_read_part(struct bytes record, struct index_part *ret);
void index_record_write_garbage(const struct index_garbage *g, struct writer *w);
enum err index_record_read_garbage(struct bytes record, struct arena *a, struct index_garbage *ret);
/* index_record_borrow: index_record_read without the copy. */
enum err index_record_borrow(struct bytes record, struct arena *a, struct index_object *ret);
/* index_record_entry: only what a listing shows; borrowed. */
enum err index_record_entry(struct bytes record, struct arena *a, struct index_list_entry *ret);

struct index_parts { /* ascending by number */
	const struct index_part *p;
	size_t n;
};
/* Buckets, uploads, garbage: used across files. */
/* index_upload_rows: all part rows of an upload, ascending, in the arena. */
enum err index_upload_rows(struct index_view *v, struct arena *a, const uint8_t *upload_id,
                           struct index_part **ret, size_t *ret_n);
/* index_upload_drop: remove the upload's row and its part rows. */
enum err index_upload_drop(struct index_view *v, const struct index_key *upload,
                           const uint8_t *upload_id, struct index_parts rows);
enum err index_bucket_write(struct index_view *v, const struct index_bucket *b);
/* index_config_drop: remove what a bucket that goes is configured with. */
enum err index_config_drop(struct index_view *v, uint64_t bucket);
/* index_bucket_find: the record, borrowing from the arena. `meant`: its number, or 0 for whichever
 * has that name. errors: NOTFOUND */
enum err index_bucket_find(struct index_view *v, struct arena *a, struct bytes name, uint64_t meant,
                           struct index_bucket *ret);
/* index_bucket_number: the number alone. */
enum err index_bucket_number(struct index_view *v, struct arena *a, struct bytes name,
                             uint64_t meant, uint64_t *ret);

/* Where a version stands (versions.c). */
struct index_place {
	bool exists;
	enum index_table table; /* TABLE_OBJECTS: it is the current one */
	struct index_key row;
	struct index_object object; /* borrows from the arena */
};
struct index_name { /* of an object: its bucket's number, its key */
	uint64_t bucket;
	struct bytes key;
};
/* index_place_find: version NULL: the current one. Absence is exists false. */
enum err index_place_find(struct index_view *v, struct arena *a, const struct index_name *name,
                          const struct index_version *version, struct index_place *ret);
/* index_object_locked: must it not be destroyed now? bypass: governance does not count. */
bool index_object_locked(const struct index_object *o, uint64_t now_ms, bool bypass);
enum err index_place_write(struct index_view *v, const struct index_place *place);
/* index_place_replace: make `o` the current version of where `now` stands. A version with an id
 * that stood there is kept among the older ones, and the null version too when `o` has an id; of
 * null versions there is one: an earlier one becomes garbage. errors: DENIED (that one is
 * locked) */
enum err index_place_replace(struct index_view *v, struct arena *a, const struct index_name *name,
                             const struct index_place *now, const struct index_object *o);
/* index_place_remove: its parts become garbage; the newest older version takes the place of a
 * current one. */
enum err index_place_remove(struct index_view *v, struct arena *a, const struct index_name *name,
                            const struct index_place *place);
/* index_garbage_add: queue the parts of `old` that are not in `keep`. */
enum err index_garbage_add(struct index_view *v, struct arena *a, const uint8_t *object_id,
                           struct index_parts old, struct index_parts keep);
#endif
