/*
 * The vault: what a stored object is. It joins store (ciphertext blobs), index (metadata) and
 * objfmt (sealing), and it alone knows the commit order:
 *
 *   DEK from the KMS (logged; the caller has it) -> blobs written under fresh ids -> storage synced
 *   -> one index transaction publishes the object and queues what it replaces -> answer.
 *
 * A crash before the index commit leaves only orphan blobs, which the collector removes. Plaintext
 * leaves only after its segment's tag verified. No HTTP, no signatures, no policy in here. Thread:
 * worker; one handle, one thread at a time. All calls block.
 */
#ifndef REMPART_VAULT_H
#define REMPART_VAULT_H
#include "common/base/arena.h"
#include "common/base/report.h"
#include "common/base/secret.h"
#include "server/index/index.h"
#include "server/store/store.h"

struct vault;
struct vault_options {
	struct store *store;       /* borrowed */
	struct index *index;       /* borrowed */
	uint32_t blob_size;        /* 16 MiB when 0; a multiple of 64 KiB */
	/* pause between collector rounds; 60,000 when 0; UINT64_MAX: none in the background */
	uint64_t collect_ms;
	uint64_t orphan_age_ms;    /* an unreferenced blob must be this old; 3,600,000 when 0 */
};
enum err vault_new(const struct vault_options *o, struct vault **ret);
/* vault_unlock: index key for trailers (copied); also unlocks the index and starts the collector's
 * thread. Until then every other call gives UNAVAILABLE. Again with the same key: no-op. errors:
 * CORRUPT (another key), UNAVAILABLE (no thread), those of the index */
enum err vault_unlock(struct vault *v, const struct secret *index_key);
bool vault_unlocked(const struct vault *v);
void vault_free(struct vault *v); /* stops the collector; NULL-safe */

/* Writing: one part (a whole object, or one part of an upload). */
struct vault_writer;
/* vault_write_begin: dek borrowed until finish or abort. */
enum err vault_write_begin(struct vault *v, const struct secret *dek, uint64_t deadline_ms,
                           struct vault_writer **ret);
/* for the step that follows */
void vault_write_deadline(struct vault_writer *w, uint64_t deadline_ms);
/* vault_write: any sizes; sealed in 64 KiB segments into blobs of blob_size. */
enum err vault_write(struct vault_writer *w, struct bytes plain);
uint64_t vault_written(const struct vault_writer *w);
/* vault_write_object: finish as a whole object: last segment, trailer with the record, sync,
 * publish. Fills in object->size, blob_size and parts (arena); the caller has set everything else.
 * w is gone in any case; on error nothing is visible and the blobs are removed.
 *   errors  CONFLICT (condition), NOTFOUND (*ret_no_bucket), FULL, IO, UNAVAILABLE, TIMEOUT */
enum err vault_write_object(struct vault_writer *w, struct arena *a, struct index_object *object,
                            const struct index_condition *condition, bool *ret_no_bucket);
/* vault_write_part: finish as part of an upload and record it (index_upload_part); fills in
 * part->size, seed and blob_size, the caller has set everything else. errors: NOTFOUND (upload
 * gone), FULL, IO, UNAVAILABLE, TIMEOUT */
enum err vault_write_part(struct vault_writer *w, const struct index_upload *upload,
                          struct index_part *part);
/* vault_write_abort: NULL-safe; removes what was written. */
void vault_write_abort(struct vault_writer *w);
/* vault_complete: join parts of an upload into the object (index only; no data moves; the trailer
 * goes into a small blob of its own: an extra empty part, number INDEX_PART_TRAILER, that
 * object->parts ends with afterwards; users never see it). The caller passes the chosen parts,
 * ascending, as index_upload_parts gave them, in object->parts; fills in size, blob_size, parts
 * (arena) and multipart.
 *   errors  CONFLICT (condition), NOTFOUND (*ret_no_bucket, or the upload is gone), INPUT (a part
 *           is not what the upload holds now), as above */
enum err vault_complete(struct vault *v, const struct secret *dek, struct arena *a,
                        struct index_object *object,
                        const struct index_condition *condition, const uint8_t *upload_id, bool *ret_no_bucket);

/* Reading */
struct vault_reader;
/* vault_read_begin: errors: INPUT (range outside of the object), CORRUPT (its parts do not add up).
 * Bytes [first, first + count) of the object; the object's parts are pinned against the collector
 * until the end. object must live as long as the reader; dek is borrowed until the end. */
enum err vault_read_begin(struct vault *v, const struct index_object *object,
                          const struct secret *dek,
                          uint64_t first, uint64_t count, struct vault_reader **ret);
/* vault_read: append the next verified bytes to out: as many whole segments as fit (at least one
 * segment's worth: out must have
 * 64 KiB of room or what is left of the range); *ret_last when the range is complete.
 *   errors  CORRUPT (a tag, a header, a length: never any byte of that segment), NOTFOUND -> given
 *           as CORRUPT, IO, TIMEOUT, UNAVAILABLE */
enum err vault_read(struct vault_reader *r, uint64_t deadline_ms, struct writer *out,
                    bool *ret_last);
void vault_read_end(struct vault_reader *r); /* NULL-safe */

/* vault_collect: one collector round now (tests, `--collect`): garbage first, then orphans when
 * `orphans`. Counts what was removed. Takes all garbage; the background rounds leave each row for
 * one pause, so that a reader who looked an object up has the time to pin it.
 *   errors  DENIED (the store has seen a newer index, or most of it is not in this one: nothing was
 *           removed), CORRUPT (index), those of the store */
enum err vault_collect(struct vault *v, bool orphans, uint64_t *ret_blobs);
/* vault_accept_index: the operator says that this index is the right one (he has rebuilt it from
 * the store, or wants what it does not know to be removed): collections of orphans that were
 * refused because marks on storage are newer go on, from now on; and none is refused by this vault,
 * until it is freed, because most of the store is not in the index. */
enum err vault_accept_index(struct vault *v);
/* vault_rebuild: put into the index the objects that are on storage and that it does not know, from
 * their trailers; for an index restored from a backup, while nobody writes. Reads the end of every
 * blob. Again after an error: goes on. *ret counts also when it fails.
 *   errors  UNAVAILABLE (locked), those of store and index */
struct vault_rebuilt {
	uint64_t objects;    /* with a record on storage */
	uint64_t known;      /* to the index */
	uint64_t restored;
	uint64_t deleted;    /* replaced or deleted before the backup, not yet collected */
	uint64_t no_bucket;  /* their bucket is not in the index: each is logged */
	uint64_t unreadable; /* a damaged record, or one whose place is locked */
};
enum err vault_rebuild(struct vault *v, struct vault_rebuilt *ret);
struct vault_stats {
	uint64_t blobs_written, blobs_removed, orphans_removed, bytes_sealed, bytes_opened, corrupt;
};
void vault_stats(const struct vault *v, struct vault_stats *ret);
#endif
