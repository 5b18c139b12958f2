/*
 * Header and segments of one blob (OBJECT-FORMAT.md sections 5 and 6). The invariant: under one
 * blob key every (counter, last flag) is sealed once. The key belongs to one blob id, a blob id to
 * one upload attempt, and the caller seals the segments of a blob in order, each once.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/attr.h"
#include "common/crypto/aead.h"
#include "common/crypto/kdf.h"
#include "common/objfmt/objfmt.h"

enum { COMMITMENT_BYTES = 32, INFO_BYTES_MAX = 32, ETAG_INFO_BYTES_MAX = 96 };

static const char magic[4] = {'R', 'P', 'B', 'L'};

struct objfmt_blob {
	struct aead *aead;
	uint8_t header[OBJFMT_HEADER_BYTES];
};

static enum err derive(const struct secret *dek, const uint8_t *id, const char *purpose,
                       struct secret **ret)
{
	uint8_t memory[INFO_BYTES_MAX];
	struct writer info = writer_fixed(memory, sizeof(memory));

	write_text(&info, "rempart blob v1");
	write_u16(&info, OBJFMT_SUITE);
	write_text(&info, purpose);
	TRY(writer_end(&info));
	return kdf_hkdf(dek, bytes_of(id, OBJFMT_ID_BYTES), writer_bytes(&info), 32, ret);
}

enum err objfmt_blob_new(const struct secret *dek, const uint8_t id[OBJFMT_ID_BYTES],
                         struct objfmt_blob **ret)
{
	AUTO(secret_freep) struct secret *key = NULL;
	AUTO(secret_freep) struct secret *commitment = NULL;
	AUTO(objfmt_blob_freep) struct objfmt_blob *b = calloc(1, sizeof(*b));
	struct writer header;

	if (b == NULL) {
		return ERR_NOMEM;
	}
	TRY(derive(dek, id, "key", &key));
	TRY(derive(dek, id, "commit", &commitment));
	header = writer_fixed(b->header, sizeof(b->header));
	write_bytes(&header, bytes_of(magic, sizeof(magic)));
	write_u8(&header, OBJFMT_VERSION);
	write_u8(&header, 0);
	write_u16(&header, OBJFMT_SUITE);
	write_u32(&header, OBJFMT_SEGMENT_BYTES);
	write_u32(&header, 0);
	write_bytes(&header, secret_bytes(commitment)); /* a value made to be published */
	assert(writer_end(&header) == OK && header.used == OBJFMT_HEADER_BYTES);
	TRY(aead_new(key, &b->aead));
	*ret = b;
	b = NULL;
	return OK;
}

/*
 * The only header that opens is the one that sealing would have written: every field is fixed by
 * version 1, so one constant-time comparison checks magic, version, flags, suite, sizes and the
 * commitment at once.
 */
enum err objfmt_blob_open(const struct secret *dek, const uint8_t id[OBJFMT_ID_BYTES],
                          struct bytes header, struct objfmt_blob **ret)
{
	AUTO(objfmt_blob_freep) struct objfmt_blob *b = NULL;

	if (header.n != OBJFMT_HEADER_BYTES || memcmp(header.p, magic, sizeof(magic)) != 0) {
		return ERR_CORRUPT;
	}
	TRY(objfmt_blob_new(dek, id, &b));
	if (!same_bytes(b->header, header.p, OBJFMT_HEADER_BYTES)) {
		return ERR_CORRUPT;
	}
	*ret = b;
	b = NULL;
	return OK;
}

struct bytes objfmt_blob_header(const struct objfmt_blob *b)
{
	return bytes_of(b->header, sizeof(b->header));
}

/* Deterministic, 96 bits (SP 800-38D 8.2.1): fixed field, flag, counter. */
static void make_iv(uint64_t number, bool last, uint8_t iv[AEAD_IV_BYTES])
{
	struct writer w = writer_fixed(iv, AEAD_IV_BYTES);

	write_u8(&w, 0);
	write_u16(&w, 0);
	write_u8(&w, last);
	write_u64(&w, number);
	assert(w.used == AEAD_IV_BYTES);
}

/* Whether n plaintext bytes may stand in that segment. Only an empty blob has an empty segment. */
static bool fits(uint64_t number, bool last, size_t n)
{
	if (number >= OBJFMT_SEGMENTS_MAX || n > OBJFMT_SEGMENT_BYTES) {
		return false;
	}
	if (!last) {
		return n == OBJFMT_SEGMENT_BYTES;
	}
	return n > 0 || number == 0;
}

enum err objfmt_segment_seal(struct objfmt_blob *b, uint64_t number, bool last, struct bytes plain,
                             uint8_t *out)
{
	uint8_t iv[AEAD_IV_BYTES];

	if (!fits(number, last, plain.n)) {
		return ERR_LIMIT;
	}
	make_iv(number, last, iv);
	return aead_seal(b->aead, iv, objfmt_blob_header(b), plain, out);
}

enum err objfmt_segment_open(struct objfmt_blob *b, uint64_t number, bool last, struct bytes sealed,
                             uint8_t *out)
{
	uint8_t iv[AEAD_IV_BYTES];

	if (sealed.n < OBJFMT_TAG_BYTES || !fits(number, last, sealed.n - OBJFMT_TAG_BYTES)) {
		return ERR_CORRUPT;
	}
	make_iv(number, last, iv);
	return aead_open(b->aead, iv, objfmt_blob_header(b), sealed, out);
}

void objfmt_blob_free(struct objfmt_blob *b)
{
	if (b != NULL) {
		aead_free(b->aead);
		free(b);
	}
}

void objfmt_blob_freep(struct objfmt_blob **b)
{
	objfmt_blob_free(*b);
}

enum err objfmt_part_etag(const struct secret *dek, struct bytes digest, uint64_t size,
                          uint8_t ret[OBJFMT_ETAG_BYTES])
{
	AUTO(secret_freep) struct secret *tag = NULL;
	uint8_t memory[ETAG_INFO_BYTES_MAX];
	struct writer info = writer_fixed(memory, sizeof(memory));

	write_text(&info, "rempart part etag v1");
	write_u64(&info, size);
	write_bytes(&info, digest);
	TRY(writer_end(&info));
	TRY(kdf_hkdf(dek, (struct bytes){NULL, 0}, writer_bytes(&info), OBJFMT_ETAG_BYTES, &tag));
	memcpy(ret, secret_bytes(tag).p, OBJFMT_ETAG_BYTES); /* a value made to be published */
	return OK;
}
