/* Whole blobs for the tests of the object format: sealing and reading as OBJECT-FORMAT.md says. */
#ifndef REMPART_TESTS_BLOBS_H
#define REMPART_TESTS_BLOBS_H

#include "tests/lib/vectors.h"

#include "common/objfmt/objfmt.h"

enum { BLOBS_NO_RECORD = -1, BLOBS_HEADER = -1, BLOBS_READ = -2 };

/* blobs_plain: n bytes, byte i is (7 i + 13 (i >> 8)) mod 256, as in the vectors. */
static inline struct bytes blobs_plain(struct arena *a, size_t n)
{
	uint8_t *p = arena_alloc(a, n);

	assert_non_null(p);
	for (size_t i = 0; i < n; i++) {
		p[i] = (uint8_t)(7 * i + 13 * (i >> 8));
	}
	return bytes_of(p, n);
}

/* blobs_seal: header and segments. */
static inline struct bytes blobs_seal(struct arena *a, const struct secret *dek, const uint8_t *id,
                                      struct bytes plain)
{
	AUTO(objfmt_blob_freep) struct objfmt_blob *b = NULL;
	uint64_t count = objfmt_segment_count(plain.n);
	size_t size = (size_t)objfmt_sealed_size(plain.n);
	uint8_t *out = arena_alloc(a, size);

	assert_non_null(out);
	assert_int_equal(objfmt_blob_new(dek, id, &b), OK);
	memcpy(out, objfmt_blob_header(b).p, OBJFMT_HEADER_BYTES);
	for (uint64_t i = 0; i < count; i++) {
		struct bytes part = bytes_first(bytes_skip(plain, i * OBJFMT_SEGMENT_BYTES),
		                                OBJFMT_SEGMENT_BYTES);
		assert_int_equal(objfmt_segment_seal(b, i, i == count - 1, part,
		                                     out + objfmt_segment_offset(i)), OK);
	}
	return bytes_of(out, size);
}

/* The plain size of a blob for a reader without record (section 6); false: refused at *where. */
static inline bool blobs_infer(struct bytes blob, uint64_t *ret_size, int64_t *where)
{
	uint64_t body = blob.n - OBJFMT_HEADER_BYTES;
	uint64_t m = (body + OBJFMT_SEALED_SEGMENT_BYTES - 1) / OBJFMT_SEALED_SEGMENT_BYTES;

	if (body < OBJFMT_TAG_BYTES) {
		*where = 0;
		return false;
	}
	if (m > 1 && blob.n - objfmt_segment_offset(m - 1) < OBJFMT_TAG_BYTES + 1) {
		*where = (int64_t)m - 1;
		return false;
	}
	*ret_size = body - OBJFMT_TAG_BYTES * m;
	return true;
}

/*
 * blobs_read: open a whole blob (without trailer). plain_size as the record says, or
 * BLOBS_NO_RECORD. Gives the number of the segment that is refused, BLOBS_HEADER, or BLOBS_READ
 * with the plaintext in *ret. Any other error than CORRUPT fails the test.
 */
static inline int64_t blobs_read(struct arena *a, const struct secret *dek, const uint8_t *id,
                                 struct bytes blob, int64_t plain_size, struct bytes *ret)
{
	AUTO(objfmt_blob_freep) struct objfmt_blob *b = NULL;
	enum err e = objfmt_blob_open(dek, id, bytes_first(blob, OBJFMT_HEADER_BYTES), &b);
	uint64_t size = (uint64_t)plain_size;
	int64_t where = 0;

	if (e != OK) {
		assert_int_equal(e, ERR_CORRUPT);
		assert_null(b);
		return BLOBS_HEADER;
	}
	if (plain_size == BLOBS_NO_RECORD && !blobs_infer(blob, &size, &where)) {
		return where;
	}
	uint8_t *out = arena_alloc(a, size);
	uint64_t m = objfmt_segment_count(size);
	assert_non_null(out);
	for (uint64_t i = 0; i < m; i++) {
		uint64_t rest = size - OBJFMT_SEGMENT_BYTES * i;
		uint64_t n = i < m - 1 ? OBJFMT_SEGMENT_BYTES : rest;
		struct bytes sealed = bytes_first(bytes_skip(blob, objfmt_segment_offset(i)),
		                                  n + OBJFMT_TAG_BYTES);
		e = objfmt_segment_open(b, i, i == m - 1, sealed, out + i * OBJFMT_SEGMENT_BYTES);
		if (e != OK) {
			assert_int_equal(e, ERR_CORRUPT);
			return (int64_t)i;
		}
		if (sealed.n != n + OBJFMT_TAG_BYTES) {
			return (int64_t)i;
		}
	}
	*ret = bytes_of(out, size);
	return BLOBS_READ;
}

#endif
