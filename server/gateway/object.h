/* What GET, HEAD, PUT and copy share: headers of an object, preconditions, ranges. */
#ifndef REMPART_GATEWAY_OBJECT_H
#define REMPART_GATEWAY_OBJECT_H
#include "server/gateway/config_document.h"
#include "server/gateway/request.h"

enum { STEP_ROOM_BYTES = 64 << 10 };

/* object_find: r->object from the index, the version that the request names or the current one;
 * S3E_NONE and has_object false when there is none to be had: r->missing says why, r->marker that a
 * delete marker stands there (in r->object). */
enum s3error object_find(struct request *r);
/* object_headers: everything that S3 tells of an object, on GET and HEAD. */
void object_headers(struct request *r, const struct index_object *o);
/* object_cache_headers: what a cache needs of it, also of a 304. */
void object_cache_headers(struct request *r, const struct index_object *o);
void object_etag_header(struct request *r, struct bytes etag);
/* object_sse_headers: x-amz-server-side-encryption and the key's ARN. */
void object_sse_headers(struct request *r, const struct index_object *o);
void object_checksum_header(struct request *r, enum checksum_kind kind, struct bytes value,
                            uint32_t composite_parts);
/* object_parts: how many parts the user made; the part that carries a joined object's trailer is
 * not his. */
uint32_t object_parts(const struct index_object *o);
/* object_composite_parts: the N of "value-N"; 0 when the checksum is of the full object. */
uint32_t object_composite_parts(const struct index_object *o);

/* object_xml_checksum: <ChecksumCRC32> and its like, without a type; nothing for NONE. */
void object_xml_checksum(struct writer *w, enum checksum_kind kind, struct bytes value,
                         uint32_t composite_parts);
/* object_xml_checksum_of: the object's checksum and <ChecksumType>. */
void object_xml_checksum_of(struct writer *w, const struct index_object *o);
/* object_xml_checksum_kind: <ChecksumAlgorithm> and <ChecksumType> as listings have them; nothing
 * for NONE. */
void object_xml_checksum_kind(struct writer *w, uint8_t kind, bool composite);
/* object_xml_etag: <ETag> in its quotes; object_xml_date: a date as S3's XML has it. */
void object_xml_etag(struct writer *w, struct bytes etag);
void object_xml_date(struct writer *w, const char *element, uint64_t ms);

/* object_preconditions: If-Match, If-None-Match, If-(Un)Modified-Since of RFC 9110 13.2.2, with a
 * prefix for copies ("x-amz-copy-source-if-match" ...: prefix "x-amz-copy-source-"). copy: 304
 * becomes 412. */
enum s3error object_preconditions(struct request *r, const struct index_object *o,
                                  const char *prefix, bool copy);
/* object_range_holds: If-Range: is the object still the one that the client has the other bytes of?
 * True without the header. */
bool object_range_holds(const struct request *r, const struct index_object *o);
/* object_write_condition: If-Match, If-None-Match of PUT, Complete, Delete, into r->condition. */
enum s3error object_write_condition(struct request *r);
/* object_etag_matches: one entity tag or a list, quoted or not, or "*". */
bool object_etag_matches(struct bytes list, struct bytes etag);
struct bytes object_unquote(struct bytes etag);

/* range_read: `bytes=` header against a size. *ret_ranged false: no range, or one that HTTP says to
 * ignore. */
enum s3error range_read(struct bytes header, uint64_t size, uint64_t *ret_first,
                        uint64_t *ret_count, bool *ret_ranged);

/* range_read_exact: x-amz-copy-source-range: "bytes=first-last", both inside the source; nothing is
 * cut or ignored. errors: S3E_INVALID_ARGUMENT (another form), S3E_INVALID_RANGE */
enum s3error range_read_exact(struct bytes header, uint64_t size, uint64_t *ret_first,
                              uint64_t *ret_count);

/* object_new: id, owner of the name, dates, SSE and metadata of r->object from the request's
 * headers. */
enum s3error object_new(struct request *r);
/* object_take_metadata: content type and metadata only. */
enum s3error object_take_metadata(struct request *r, struct index_object *o);
/* object_take_sse: x-amz-server-side-encryption...; refuses what contradicts itself, what the
 * bucket blocks and what is not built. o->id is set. */
enum s3error object_take_sse(struct request *r, struct index_object *o);
/* object_default_sse: what the bucket says of encryption; zeros when it says nothing. */
enum s3error object_default_sse(struct request *r, struct config_encryption *ret);
/* object_random_etag: 32 random hex digits and "-<parts>": nothing of the content leaks. */
enum s3error object_random_etag(struct request *r, uint32_t parts, struct bytes *ret);
/* object_part_etag: part->etag from part->checksum and the size; grant.keys[key] is the upload's
 * DEK. */
enum s3error object_part_etag(struct request *r, size_t key, uint64_t size,
                              struct index_part *part);
/* object_part_checksum: the kind to compute of a part: the upload's, else one that the ETag
 * needs. */
enum checksum_kind object_part_checksum(const struct index_object *upload);
enum s3error object_md5_etag(struct request *r, struct bytes md5, uint32_t parts,
                             struct bytes *ret);

/* object_now_ms: the time of a change, in whole seconds: HTTP dates know no more, and a listing
 * must say the same as HEAD. */
uint64_t object_now_ms(void);
/* object_take_tags: x-amz-tagging into o. errors: S3E_INVALID_TAG */
enum s3error object_take_tags(struct request *r, struct index_object *o);
/* object_tags_check: S3's limits; of the header's and the XML's tags alike. */
enum s3error object_tags_check(const struct field *tags, size_t n);
/* object_version: versionId of the request; *ret NULL: none, so the current version. errors:
 * S3E_INVALID_VERSION */
enum s3error object_version(struct request *r, const struct index_version **ret);
/* object_need: object_find, and r->missing as an error. */
enum s3error object_need(struct request *r);
/* object_change: of the version that the request names; answers. Bucket, key, version and date are
 * filled in. */
enum s3error object_change(struct request *r, const struct index_change *wanted, unsigned status);
/* object_version_header: x-amz-version-id, where the bucket has or had versioning. */
void object_version_header(struct request *r, const struct index_object *o);
/* object_made_header: the same in the answer to what made the version: only when it has an id. */
void object_made_header(struct request *r, const struct index_object *o);
/* version_read: "null" or 32 hex digits, the object id. errors: S3E_INVALID_VERSION */
enum s3error version_read(struct bytes text, struct index_version *ret);
void version_write(struct writer *w, const struct index_version *version);
void version_header(struct request *r, const char *name, const struct index_version *version);
/* version_marker_headers: of an error because there is no object: is it a delete marker that stands
 * there? */
void version_marker_headers(struct request *r);
/* object_take_lock: x-amz-object-lock-... into o. errors: S3E_NO_LOCK_ON_BUCKET,
 * S3E_INVALID_ARGUMENT, S3E_RETAIN_PAST */
enum s3error object_take_lock(struct request *r, struct index_object *o);
/* object_lock_headers: retention and legal hold of an object. */
void object_lock_headers(struct request *r, const struct index_object *o);
/* object_dek: the keys granted, in the order of the key calls. */
const struct secret *object_dek(const struct request *r, size_t i);

#endif
