/*
 * Object format v1: what a blob on storage looks like (OBJECT-FORMAT.md is the definition).
 *
 *   blob    = header, segments, [trailer: only in the last blob of an object's last part]
 *   header  = "RPBL", version u8 = 1, flags u8 = 0, suite u16 = 1, segment size u32 = 65536,
 *             reserved u32 = 0, key commitment 32                                  (48 bytes)
 *   segment = AES-256-GCM(blob key, iv, aad = header): up to 65536 bytes, then the 16-byte tag
 *   iv      = zero 24 bits, last-segment flag 8 bits, counter 64 bits
 *   blob key, commitment = HKDF-SHA-384(DEK, salt = blob id,
 *             info = "rempart blob v1" || u16 suite || "key" or "commit"), 32 bytes each
 *
 * An empty blob has one empty last segment. A blob id is HMAC-SHA-256(part seed, u64 blob number):
 * the seed is 32 fresh random bytes for each attempt to upload a part, so an id is never used twice
 * and storage cannot link the ids, yet the layout of an object is arithmetic and needs no list.
 *
 * The trailer is the sealed index record of the object, under the index key, so that storage plus
 * KMS rebuild a lost index without opening one DEK:
 *   trailer = AES-256-GCM(trailer key, iv = 0, aad = "rempart trailer v1" || blob id): record
 *             padded with a 0x80 byte and zeros to a multiple of 256, tag; then u32 length of
 *             ciphertext and tag, "RPTR"
 *   trailer key = HKDF-SHA-384(index key, salt = blob id, info = "rempart trailer v1")
 *
 * Pure: no I/O, no clock, keys are arguments.
 */
#ifndef REMPART_OBJFMT_H
#define REMPART_OBJFMT_H
#include "common/base/arena.h"
#include "common/base/secret.h"

enum {
	OBJFMT_VERSION = 1,
	OBJFMT_SUITE = 1, /* AES-256-GCM / HKDF-SHA-384; an allow-list of one */
	OBJFMT_HEADER_BYTES = 48,
	OBJFMT_SEGMENT_BYTES = 65536,
	OBJFMT_TAG_BYTES = 16,
	OBJFMT_SEALED_SEGMENT_BYTES = OBJFMT_SEGMENT_BYTES + OBJFMT_TAG_BYTES,
	OBJFMT_ID_BYTES = 32,
	OBJFMT_SEED_BYTES = 32,
	OBJFMT_DEK_BYTES = 32,
	OBJFMT_ETAG_BYTES = 16,
	OBJFMT_OBJECT_ID_BYTES = 16,
	OBJFMT_CUSTOMER_KEY_BYTES = 32,
	OBJFMT_CUSTOMER_CHECK_BYTES = 16,
	OBJFMT_TRAILER_FOOT_BYTES = 8,
	OBJFMT_TRAILER_PAD_BYTES = 256,
	OBJFMT_SEGMENTS_MAX = 1 << 16,       /* of one blob: 4 GiB under one key */
	OBJFMT_TRAILER_MAX_BYTES = 4 << 20,  /* foot included */
	OBJFMT_RECORD_MAX_BYTES = (4 << 20) - 1024, /* 10,000 parts fit */
};

/* objfmt_blob_id: the id of blob `number` of the part with this seed. errors: NOMEM */
enum err objfmt_blob_id(const uint8_t seed[OBJFMT_SEED_BYTES], uint64_t number,
                        uint8_t ret[OBJFMT_ID_BYTES]);
/* objfmt_sealed_size: bytes of header and segments for a blob of plain_size bytes; UINT64_MAX when
 * that does not fit in 64 bits. */
uint64_t objfmt_sealed_size(uint64_t plain_size);
/* objfmt_segment_offset: where segment `number` starts in the blob; UINT64_MAX as above. */
uint64_t objfmt_segment_offset(uint64_t number);
/* objfmt_segment_count: segments of a blob of plain_size bytes (1 when empty). */
uint64_t objfmt_segment_count(uint64_t plain_size);

struct objfmt_blob; /* key schedule and header of one blob; one thread at a time; wiped on free */

/* objfmt_blob_new: to seal a fresh blob. errors: NOMEM */
enum err objfmt_blob_new(const struct secret *dek, const uint8_t id[OBJFMT_ID_BYTES],
                         struct objfmt_blob **ret);
/* objfmt_blob_open: to read one; header is its first 48 bytes. Checks magic, version, suite, sizes
 * and the key commitment in constant time.
 *   errors  CORRUPT (another object's blob, another key, changed header), NOMEM */
enum err objfmt_blob_open(const struct secret *dek, const uint8_t id[OBJFMT_ID_BYTES],
                          struct bytes header, struct objfmt_blob **ret);
struct bytes objfmt_blob_header(const struct objfmt_blob *b); /* 48 bytes, lives as long as b */
/* objfmt_segment_seal: plain.n <= 65536, exactly 65536 unless last; 0 only for segment 0. Each
 * number once for each blob. out gets plain.n + 16 bytes and may be plain.p.
 *   errors  LIMIT (sizes), NOMEM */
enum err objfmt_segment_seal(struct objfmt_blob *b, uint64_t number, bool last, struct bytes plain,
                             uint8_t *out);
/* objfmt_segment_open: out gets sealed.n - 16 bytes; wiped when the tag does not verify; may be
 * sealed.p. errors: CORRUPT */
enum err objfmt_segment_open(struct objfmt_blob *b, uint64_t number, bool last, struct bytes sealed,
                             uint8_t *out);
void objfmt_blob_free(struct objfmt_blob *b);
void objfmt_blob_freep(struct objfmt_blob **b);

/* objfmt_part_etag: the entity tag of a part in an upload with this DEK. The same content has the
 * same tag within the upload, so a part that is sent twice may finish in any order; without the DEK
 * the tag tells nothing, and it means nothing in another upload. digest: at most 32 bytes of any
 * checksum of the content. errors: NOMEM, LIMIT */
enum err objfmt_part_etag(const struct secret *dek, struct bytes digest, uint64_t size,
                          uint8_t ret[OBJFMT_ETAG_BYTES]);

/* objfmt_customer_dek: the DEK of an object whose customer brings a key: from the KMS's DEK and
 * that key, so that neither alone opens the object (OBJECT-FORMAT.md section 2.1). errors: INPUT (a
 * size), NOMEM */
enum err objfmt_customer_dek(const struct secret *dek, const struct secret *customer_key,
                             const uint8_t object_id[OBJFMT_OBJECT_ID_BYTES], struct secret **ret);
/* objfmt_customer_check: what the record keeps to tell a wrong key from damage; compare with
 * same_bytes.
 * errors: INPUT (a size), NOMEM */
enum err objfmt_customer_check(const struct secret *customer_key,
                               const uint8_t object_id[OBJFMT_OBJECT_ID_BYTES],
                               uint8_t ret[OBJFMT_CUSTOMER_CHECK_BYTES]);

/* objfmt_trailer_seal: append the trailer (sealed record and foot) to out. errors: NOMEM, LIMIT */
enum err objfmt_trailer_seal(const struct secret *index_key, const uint8_t id[OBJFMT_ID_BYTES],
                             struct bytes record, struct writer *out);
/* objfmt_trailer_size: sealed length from the 8-byte foot at the very end of a blob, foot included.
 *   errors  NOTFOUND (this blob carries no trailer) */
enum err objfmt_trailer_size(struct bytes foot, uint32_t *ret);
/* objfmt_trailer_open: `trailer` is the last objfmt_trailer_size bytes. Record in the arena.
 *   errors  CORRUPT, LIMIT (arena), NOMEM */
enum err objfmt_trailer_open(const struct secret *index_key, const uint8_t id[OBJFMT_ID_BYTES],
                             struct bytes trailer, struct arena *a, struct bytes *ret_record);
#endif
