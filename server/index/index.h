/*
 * The index: buckets, objects, uploads in progress, garbage. Schema and sealing; the engine is
 * server/kv. Values are sealed (AES-256-GCM) under the index key that the KMS releases to an
 * enrolled gateway; keys (bucket and object names) are in clear, because a listing needs their
 * order: the index belongs to the gateway's zone (INDEX-FORMAT.md).
 *
 * Tables and keys (INDEX-FORMAT.md has every byte)
 *   epochs    u32 epoch -> 32-byte salt; epoch key = HKDF(index key, salt, "rempart index v1")
 *   buckets   bucket name -> bucket record
 *   objects   bucket number, object key -> the current version, which may be a delete marker
 *   versions  bucket number, object key, 0x00, u64 2^64-1 - sequence, null or id -> older versions,
 *             newest first
 *   uploads   bucket number, object key, 0x00, upload id -> key, wrapped DEK, metadata
 *   parts     upload id, part number -> part record
 *   garbage   sequence u64 -> parts whose blobs are to be removed
 *   configs   bucket number, kind u8 -> a bucket's configuration of that kind, as its document
 *   meta      "check" -> sealed constant: is this the index of this key?
 *   value     epoch u32, counter u64, ciphertext, tag; aad = table name, 0x00, key. Each open makes
 *             a new epoch, so that no IV repeats, even after a restored backup
 *
 * Every function copies what it returns into the caller's arena. Thread: any (worker). Writes block
 * for the group's commit.
 */
#ifndef REMPART_INDEX_H
#define REMPART_INDEX_H
#include "common/base/arena.h"
#include "common/base/report.h"
#include "common/base/secret.h"

enum {
	INDEX_OBJECT_ID_BYTES = 16,
	INDEX_UPLOAD_ID_BYTES = 16,
	INDEX_SEED_BYTES = 32,
	INDEX_PARTS_MAX = 10000,
	/* number of the empty part that carries a joined object's trailer; no part of the user's */
	INDEX_PART_TRAILER = INDEX_PARTS_MAX + 1,
	/* an object with 10,000 parts takes less than half of it */
	INDEX_RECORD_MAX_BYTES = 2 << 20,
	INDEX_KEY_MAX = 1024,
	INDEX_TEXT_MAX = 4096, /* bytes of a content type, of an ARN: a longer one is LIMIT */
	INDEX_WRAPPED_MAX = 160,
	INDEX_STAMP_BYTES = 32,
	INDEX_ACL_MAX = 32768,
	INDEX_ENTRY_ACL = 261, /* bytes: acl_read_owner needs no more */
	INDEX_SSE_KMS = 0,    /* aws:kms: the default */
	INDEX_SSE_AES256 = 1,
	INDEX_SSE_CUSTOMER = 2,   /* SSE-C: the customer's key goes into the DEK */
	INDEX_CUSTOMER_CHECK_BYTES = 16,
	INDEX_VERSIONING_OFF = 0, /* never enabled */
	INDEX_VERSIONING_ENABLED = 1,
	INDEX_VERSIONING_SUSPENDED = 2,
	INDEX_LOCK_NONE = 0,
	INDEX_LOCK_GOVERNANCE = 1,
	INDEX_LOCK_COMPLIANCE = 2,
};

/* Which version of an object: the null version (made while versioning was off or suspended), or an
 * object id. */
struct index_version {
	bool null;
	uint8_t id[INDEX_OBJECT_ID_BYTES]; /* of the null version too, where one is given back */
};

struct index_bucket {
	struct bytes name;
	uint64_t number;           /* given by index_bucket_create, never reused */
	struct bytes tenant;       /* 12 digits: the owner */
	struct bytes owner_id;     /* canonical user id, 64 hex */
	struct bytes owner_name;
	uint64_t created_ms;
	struct bytes region;
	uint8_t versioning;        /* INDEX_VERSIONING_... */
	bool lock;                 /* object lock; then versioning stays enabled */
	uint8_t lock_mode;         /* default retention of new versions: mode, and days or years */
	uint32_t lock_days, lock_years;
	/* bit 1 << kind: there is a document of that kind (enum index_config). Set by
	 * index_config_put, _delete */
	uint32_t configs;
};

/* A part: `size` plain bytes in ceil(size / blob_size) blobs (one when empty) with ids from the
 * seed (objfmt_blob_id). A single PUT has one part, number 1. */
struct index_part {
	/* 1..10000; INDEX_PART_TRAILER (size 0) last in an object that was joined from parts */
	uint32_t number;
	uint64_t size;
	uint8_t seed[INDEX_SEED_BYTES];
	/* set by the vault; each part its own, because the configuration may change during an
	 * upload */
	uint32_t blob_size;
	uint64_t modified_ms;
	struct bytes etag;         /* without quotes; empty in a finished object */
	uint8_t checksum_kind;     /* enum checksum_kind; 0: none */
	struct bytes checksum;
};

struct index_object {
	struct bytes bucket;       /* name */
	/* given back with what was found; index_upload_create: as in index_bucket_ref. No part of
	 * the record */
	uint64_t bucket_number;
	struct bytes key;
	uint8_t id[INDEX_OBJECT_ID_BYTES]; /* of this version; random */
	uint64_t size;             /* plain bytes */
	uint64_t modified_ms;
	struct bytes etag;         /* without quotes */
	uint8_t sse;               /* INDEX_SSE_... */
	/* INDEX_SSE_CUSTOMER: tells a wrong key from damage */
	uint8_t customer_check[INDEX_CUSTOMER_CHECK_BYTES];
	struct bytes key_arn;      /* KEK */
	struct bytes wrapped;      /* DEK */
	/* of the gateway that wrote the record; what counts is blob_size of each part */
	uint32_t blob_size;
	struct bytes content_type;
	/* lower-case: "x-amz-meta-...", "cache-control", "content-disposition", "content-encoding",
	 * "content-language", "expires" */
	const struct field *metadata;
	size_t n_metadata;
	uint8_t checksum_kind;
	uint8_t checksum_composite; /* 1: composite over parts ("-N"), 0: full object */
	struct bytes checksum;      /* raw value */
	const struct index_part *parts;
	size_t n_parts;
	bool multipart;
	/* has a version id (its object id); false: the null version. Set by index_object_put */
	bool versioned;
	/* no content, no key; only the current or an older version of a versioned bucket */
	bool delete_marker;
	const struct field *tags;
	size_t n_tags;
	/* INDEX_LOCK_...: no deletion of this version before retain_until_ms */
	uint8_t lock_mode;
	uint64_t retain_until_ms;
	bool legal_hold;
	/* policy/acl.h, the canonical form, with the KMS's stamp; empty: the bucket owner's
	 * alone */
	struct bytes acl;
	uint8_t acl_stamp[INDEX_STAMP_BYTES];
};

struct index_upload {
	struct index_object object; /* what the object will be: no parts, size 0 */
	uint8_t upload_id[INDEX_UPLOAD_ID_BYTES];
	uint64_t created_ms;
	struct bytes initiator_id, initiator_name;
};

struct index;
/* index_open: opens the database without the index key: every call but index_unlock then gives
 * UNAVAILABLE. */
enum err index_open(const char *dir, uint64_t size_max_bytes, struct index **ret,
                    struct report *ret_report);
/* index_unlock: with the key from the KMS (copied). Starts a new epoch; the first ever unlock
 * writes the check value. Safe to call again (no-op). errors: CORRUPT (another key than the one
 * this index was made with) */
enum err index_unlock(struct index *x, const struct secret *index_key);
bool index_unlocked(const struct index *x);
void index_close(struct index *x);

/* Buckets */
/* NOTFOUND */
enum err index_bucket_get(struct index *x, struct arena *a, struct bytes name,
                          struct index_bucket *ret);
/* index_bucket_create: gives the number. errors: EXISTS */
enum err index_bucket_create(struct index *x, struct index_bucket *bucket);
/* The bucket that was meant: a name, and the number that it had when the caller looked; 0:
 * whichever has that name now. When another one has it by now, the call gives NOTFOUND. */
struct index_bucket_ref { struct bytes name; uint64_t number; };
/* index_bucket_set_versioning: ENABLED or SUSPENDED. errors: NOTFOUND, CONFLICT (object lock keeps
 * it enabled) */
enum err index_bucket_set_versioning(struct index *x, struct index_bucket_ref bucket,
                                     uint8_t state);
/* index_bucket_set_lock: object lock on (for good) and the default retention of `b`; of it only
 * name and number (as in index_bucket_ref), lock_mode, lock_days, lock_years.
 * errors: NOTFOUND, CONFLICT (versioning is not enabled) */
enum err index_bucket_set_lock(struct index *x, const struct index_bucket *b);
/* index_bucket_delete: errors NOTFOUND, CONFLICT (objects, versions or uploads are in it; decided
 * inside the transaction) */
enum err index_bucket_delete(struct index *x, struct index_bucket_ref bucket);
/* index_bucket_list: all buckets of a tenant, by name. */
enum err index_bucket_list(struct index *x, struct arena *a, struct bytes tenant,
                           struct index_bucket **ret, size_t *ret_n);

/* index_bucket_page: up to max buckets of all tenants, by name, behind `after`. */
enum err index_bucket_page(struct index *x, struct arena *a, struct bytes after, size_t max,
                           struct index_bucket **ret, size_t *ret_n);

/* What a bucket is configured with: one document of each kind, checked by the gateway, opaque here.
 * Removed with the bucket. */
enum index_config {
	INDEX_CONFIG_TAGGING = 1, /* numbers are on disk */
	INDEX_CONFIG_ENCRYPTION = 2,
	INDEX_CONFIG_CORS = 3,
	INDEX_CONFIG_OWNERSHIP = 4,
	INDEX_CONFIG_PUBLIC_ACCESS = 5,
	INDEX_CONFIG_LIFECYCLE = 6,
	INDEX_CONFIG_POLICY = 7, /* JSON, as it was put */
	INDEX_CONFIG_ACL = 8,    /* policy/acl.h, the canonical form */
	INDEX_CONFIG_LOGGING = 9, /* policy/logging.h, as it was put */
	INDEX_CONFIG_KINDS = 10,
};
enum { INDEX_CONFIG_MAX_BYTES = 256 << 10 }; /* S3 allows 1,000 lifecycle rules: some 150 KiB */
/* What index_config_record put there; document empty: taken back. */
struct index_config_row { uint64_t order; struct bytes document; };
/* index_config_find: the row of the bucket with this number. errors: NOTFOUND */
enum err index_config_find(struct index *x, struct arena *a, uint64_t bucket,
                           enum index_config kind, struct index_config_row *ret);
/* index_config_get: its document alone. errors: NOTFOUND (also: taken back) */
enum err index_config_get(struct index *x, struct arena *a, uint64_t bucket, enum index_config kind,
                          struct bytes *ret);
/* index_config_put, _delete: of `bucket`, name and number: a bucket of that name that was made anew
 * meanwhile is another one.
 * errors: NOTFOUND (bucket), LIMIT (document). Deleting what is not there is OK. */
enum err index_config_put(struct index *x, const struct index_bucket *bucket,
                          enum index_config kind, struct bytes document);
enum err index_config_delete(struct index *x, const struct index_bucket *bucket,
                             enum index_config kind);
/* index_config_record: of a document that the KMS has on record: p NULL: none any more. `order`: of
 * the entry in the KMS's log; of two changes the later one stays, in whatever order they come
 * here. `over`: of the row that was here before the KMS was asked (0: none, or nobody looked): it
 * gives way also where its order is higher, for then the KMS's log has begun anew. */
enum err index_config_record(struct index *x, const struct index_bucket *bucket,
                             enum index_config kind, struct bytes document, uint64_t order,
                             uint64_t over);

/* Objects */
/* NOTFOUND: no object, or the current version is a delete marker; a missing bucket: see
 * index_bucket_get */
enum err index_object_get(struct index *x, struct arena *a, struct bytes bucket, struct bytes key,
                          struct index_object *ret);
/* index_version_get: a certain version, or the current one (version NULL); delete markers too.
 * errors: NOTFOUND */
enum err index_version_get(struct index *x, struct arena *a, struct bytes bucket, struct bytes key,
                           const struct index_version *version,
                           struct index_object *ret);
struct index_version index_version_of(const struct index_object *o);

/* Conditions, decided inside the transaction that changes the object. */
struct index_condition {
	/* number of the bucket that was meant; 0: any -> NOTFOUND when another one has its name by
	 * now */
	uint64_t bucket;
	/* If-None-Match: one etag without quotes, or "*"; empty: no condition -> CONFLICT when
	 * there is such an object */
	struct bytes none_match;
	/* If-Match: one etag without quotes, or "*"; empty: no condition -> CONFLICT when it
	 * differs, NOTFOUND when there is none */
	struct bytes match;
};
/* index_object_put: publish. Sets object->versioned by the bucket's versioning, and its default
 * retention when the object comes with none. What it replaces is kept as an older version (enabled;
 * suspended, unless it is the null version) or queued as garbage, in the same transaction. The
 * bucket must exist (NOTFOUND with *ret_no_bucket true). `upload`, when not NULL, is removed with
 * its part rows in the same transaction, and part blobs that are not in the object are queued as
 * garbage; NOTFOUND with *ret_no_bucket false when the upload is gone; INPUT when a part is not
 * (any more) what the upload holds, or the parts do not ascend. Blobs that old and new version
 * share (same seed) are no garbage.
 * errors: CONFLICT, NOTFOUND, INPUT (also: sizes of the parts do not add up, NUL in the key), LIMIT
 * (key, record), DENIED (what it would destroy is locked), FULL, IO */
enum err index_object_put(struct index *x, struct index_object *object,
                          const struct index_condition *condition,
                          const uint8_t *upload, bool *ret_no_bucket);
/* What an object has to be like; what is empty, false or 0 says nothing. */
struct index_like {
	struct bytes etag;           /* without quotes, or "*" */
	bool has_size;
	uint64_t size;
	uint64_t modified_ms;        /* to the second */
};
/* One deletion. Without a version: what S3 calls a simple delete, which makes a delete marker where
 * the bucket has (or had) versioning. */
struct index_delete {
	struct bytes key;
	const struct index_version *version; /* NULL: simple */
	bool bypass;                 /* of governance retention */
	bool noncurrent;             /* only a version that is not the current one */
	/* not 0: only an object that is there and was not modified later */
	uint64_t modified_max_ms;
	struct index_like like;      /* what is there, a delete marker too, must be like this */
	/* Given back: */
	/* OK also when there was nothing; DENIED (locked), CONFLICT (one of the three above): the
	 * others of the call are done */
	enum err result;
	/* a delete marker was made, or the version that was removed is one */
	bool marker;
	bool has_made;               /* made: the marker's version */
	struct index_version made;
};
/* index_objects_delete: many in one transaction. `now_ms` is the date of markers (cut to seconds,
 * as HTTP tells it), and what retention is held against.
 * errors: CONFLICT, NOTFOUND (bucket, or If-Match on a missing object): nothing is done */
enum err index_objects_delete(struct index *x, struct bytes bucket, struct index_delete *items,
                              size_t n, const struct index_condition *condition,
                              uint64_t now_ms);
/* index_object_delete: a simple delete of one object, now. */
enum err index_object_delete(struct index *x, struct bytes bucket, struct bytes key,
                             const struct index_condition *condition);

/* index_object_change: tags, locks, ACL of one version; what is not to be set stays.
 *   errors  NOTFOUND (no such version), CONFLICT (a delete marker), DENIED (it would shorten or
 *           lift a retention that stands) */
struct index_change {
	struct bytes bucket, key;
	/* of the bucket that was meant; 0: any -> NOTFOUND when another one has its name by now */
	uint64_t bucket_number;
	const struct index_version *version; /* NULL: the current one */
	bool set_tags;
	const struct field *tags;
	size_t n_tags;
	bool set_retention;          /* mode NONE lifts it */
	uint8_t lock_mode;
	uint64_t retain_until_ms;
	bool bypass;                 /* of governance retention */
	uint64_t now_ms;
	bool set_hold, legal_hold;
	bool set_acl;
	struct bytes acl;
	uint8_t acl_stamp[INDEX_STAMP_BYTES];
	/* only when the version is this one still; NULL: any -> NOTFOUND */
	const uint8_t *id;
};
enum err index_object_change(struct index *x, const struct index_change *c,
                             struct index_version *ret);

/* index_object_rewrap: another wrapped form of the same DEK for version `id`, and what it is called
 * from now on; data and everything else stay.
 * errors: NOTFOUND (bucket or object), CONFLICT (there is no such version any more, or a customer's
 * key would be lost or asked for) */
struct index_rewrap {
	struct bytes bucket, key;
	const uint8_t *id;
	struct bytes key_arn, wrapped;
	uint8_t sse;
};
enum err index_object_rewrap(struct index *x, const struct index_rewrap *r);

/* Listing, V1 and V2 alike. */
struct index_list_query {
	struct bytes bucket, prefix, delimiter;
	uint64_t bucket_number;     /* as in index_bucket_ref */
	/* first entry is strictly greater; a common prefix that `after` starts with or equals is
	 * not given again */
	struct bytes after;
	uint32_t max;               /* entries and prefixes together */
};
struct index_list_entry {
	struct bytes key;           /* or the common prefix */
	bool prefix;
	uint64_t size, modified_ms;
	struct bytes etag;
	uint8_t checksum_kind;
	uint8_t checksum_composite;
	/* the first INDEX_ENTRY_ACL bytes of it: its owner; empty: the bucket's */
	struct bytes acl;
	/* index_versions only: */
	bool latest, delete_marker;
	struct index_version version;
};
struct index_list_page {
	struct index_list_entry *entries; /* byte order, prefixes in their place */
	size_t n;
	bool truncated;
	struct bytes next;          /* pass as `after` */
};
/* index_list: a common prefix costs one seek, not a walk over what it stands for. Objects whose
 * current version is a delete marker are not in it. */
enum err index_list(struct index *x, struct arena *a, const struct index_list_query *q,
                    struct index_list_page *ret);
/* index_versions: all versions and delete markers: keys in byte order, of each the newest first.
 * `after` without a version: keys strictly greater; with one: what follows that version too (all
 * versions of the key when it is gone). Page: as index_list; `next` goes with the last entry's
 * version. */
struct index_versions_query {
	struct index_list_query list;
	const struct index_version *after_version;
};
enum err index_versions(struct index *x, struct arena *a, const struct index_versions_query *q,
                        struct index_list_page *ret);

/* Multipart uploads */
enum err index_upload_create(struct index *x, const struct index_upload *u);  /* NOTFOUND: bucket */
enum err index_upload_get(struct index *x, struct arena *a, struct bytes bucket, struct bytes key,
                          const uint8_t *upload_id, struct index_upload *ret);
/* index_upload_part: a re-sent number replaces (old blobs become garbage). NOTFOUND: upload gone */
enum err index_upload_part(struct index *x, struct bytes bucket, struct bytes key,
                           const uint8_t *upload_id, const struct index_part *part);
enum err index_upload_parts(struct index *x, struct arena *a, const uint8_t *upload_id,
                            uint32_t after, uint32_t max, struct index_part **ret, size_t *ret_n,
                            bool *ret_truncated);
enum err index_upload_abort(struct index *x, struct bytes bucket, struct bytes key,
                            const uint8_t *upload_id);
struct index_uploads_query {
	struct bytes bucket, prefix, delimiter, key_marker;
	uint64_t bucket_number;
	const uint8_t *upload_marker;
	uint32_t max;
};
struct index_uploads_page {
	struct index_upload *uploads;
	size_t n;
	struct bytes *prefixes;
	size_t n_prefixes;
	bool truncated;
	struct bytes next_key;
	uint8_t next_upload[INDEX_UPLOAD_ID_BYTES];
};
enum err index_uploads(struct index *x, struct arena *a, const struct index_uploads_query *q,
                       struct index_uploads_page *ret);

/* Garbage and the collector */
struct index_garbage {
	uint64_t sequence;
	uint8_t object_id[INDEX_OBJECT_ID_BYTES];
	struct index_part *parts;
	size_t n_parts;
};
/* index_garbage_next: up to max rows with a sequence above `after` (0: from the start), oldest
 * first. Of a part only number, size, seed, blob_size. */
enum err index_garbage_next(struct index *x, struct arena *a, uint64_t after, size_t max,
                            struct index_garbage **ret, size_t *ret_n);
enum err index_garbage_done(struct index *x, const uint64_t *sequences, size_t n);
/* index_each_part: every part that the index still needs: objects, uploads in progress, garbage.
 * For mark and sweep. A snapshot. */
enum err index_each_part(struct index *x,
                         enum err (*each)(void *context, const struct index_part *part),
                         void *context);

/* The vault's mark (server/vault/mark.c): a number that only rises in the life of an index, so that
 * a restored backup shows. 0, false at first. */
struct index_mark { uint64_t number; bool pending; };
enum err index_mark_get(struct index *x, struct index_mark *ret);
enum err index_mark_set(struct index *x, struct index_mark mark);

/* The object record as bytes: index value and trailer plaintext alike (INDEX-FORMAT.md). */
void index_record_write(const struct index_object *o, struct writer *w);
/* errors: CORRUPT, LIMIT (arena) */
enum err index_record_read(struct bytes record, struct arena *a, struct index_object *ret);

/* objects: keys of 480 bytes and more that share the first 480 count once */
struct index_stats { uint64_t objects, buckets, garbage, commits; };
enum err index_stats(struct index *x, struct index_stats *ret);
#endif
