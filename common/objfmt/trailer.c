/* The sealed index record at the end of an object's last blob (OBJECT-FORMAT.md section 7). */
#include <assert.h>
#include <string.h>

#include "common/base/attr.h"
#include "common/crypto/aead.h"
#include "common/crypto/kdf.h"
#include "common/objfmt/objfmt.h"

enum {
	AAD_BYTES = 18 + OBJFMT_ID_BYTES,
	PAD_MARK = 0x80,
	SEALED_MIN_BYTES = OBJFMT_TRAILER_PAD_BYTES + OBJFMT_TAG_BYTES,
	SEALED_MAX_BYTES = OBJFMT_TRAILER_MAX_BYTES - OBJFMT_TRAILER_FOOT_BYTES,
};

static const char label[] = "rempart trailer v1";
static const char foot_magic[4] = {'R', 'P', 'T', 'R'};

/* The trailer key serves one message, so its IV is constant. */
static const uint8_t trailer_iv[AEAD_IV_BYTES];

struct sealing {
	struct aead *aead;
	uint8_t aad[AAD_BYTES];
};

static enum err start(const struct secret *index_key, const uint8_t *id, struct sealing *ret)
{
	AUTO(secret_freep) struct secret *key = NULL;
	struct writer aad = writer_fixed(ret->aad, sizeof(ret->aad));

	write_text(&aad, label);
	write_bytes(&aad, bytes_of(id, OBJFMT_ID_BYTES));
	assert(writer_end(&aad) == OK && aad.used == AAD_BYTES);
	TRY(kdf_hkdf(index_key, bytes_of(id, OBJFMT_ID_BYTES), bytes_text(label), AEAD_KEY_BYTES,
	             &key));
	return aead_new(key, &ret->aead);
}

enum err objfmt_trailer_seal(const struct secret *index_key, const uint8_t id[OBJFMT_ID_BYTES],
                             struct bytes record, struct writer *out)
{
	size_t pad = OBJFMT_TRAILER_PAD_BYTES - record.n % OBJFMT_TRAILER_PAD_BYTES;
	size_t padded = record.n + pad;
	struct sealing s = {0};
	uint8_t *at;
	enum err e;

	if (record.n > OBJFMT_RECORD_MAX_BYTES || out->full) {
		return ERR_LIMIT;
	}
	at = writer_reserve(out, padded + OBJFMT_TAG_BYTES + OBJFMT_TRAILER_FOOT_BYTES);
	if (at == NULL) {
		return ERR_LIMIT;
	}
	if (record.n > 0) {
		memcpy(at, record.p, record.n);
	}
	memset(at + record.n, 0, pad);
	at[record.n] = PAD_MARK;
	e = start(index_key, id, &s);
	if (e == OK) {
		e = aead_seal(s.aead, trailer_iv, bytes_of(s.aad, sizeof(s.aad)),
		              bytes_of(at, padded), at);
	}
	aead_free(s.aead);
	if (e != OK) {
		wipe(at, padded);
		return e;
	}
	out->used += padded + OBJFMT_TAG_BYTES;
	write_u32(out, (uint32_t)(padded + OBJFMT_TAG_BYTES));
	write_bytes(out, bytes_of(foot_magic, sizeof(foot_magic)));
	return writer_end(out);
}

enum err objfmt_trailer_size(struct bytes foot, uint32_t *ret)
{
	struct reader r = reader_of(foot);
	uint32_t sealed = read_u32(&r);
	struct bytes seen = read_bytes(&r, sizeof(foot_magic));

	if (read_end(&r) != OK || !bytes_equal(seen, bytes_of(foot_magic, sizeof(foot_magic))) ||
	    sealed < SEALED_MIN_BYTES || sealed > SEALED_MAX_BYTES ||
	    (sealed - OBJFMT_TAG_BYTES) % OBJFMT_TRAILER_PAD_BYTES != 0) {
		return ERR_NOTFOUND;
	}
	*ret = sealed + OBJFMT_TRAILER_FOOT_BYTES;
	return OK;
}

/* The record before its padding: zeros of less than one pad unit, and before them the mark. */
static enum err unpad(struct bytes padded, struct bytes *ret_record)
{
	size_t n = padded.n;

	while (n > 0 && padded.p[n - 1] == 0 && padded.n - n < OBJFMT_TRAILER_PAD_BYTES - 1) {
		n--;
	}
	if (n == 0 || padded.p[n - 1] != PAD_MARK) {
		return ERR_CORRUPT;
	}
	*ret_record = bytes_first(padded, n - 1);
	return OK;
}

enum err objfmt_trailer_open(const struct secret *index_key, const uint8_t id[OBJFMT_ID_BYTES],
                             struct bytes trailer, struct arena *a, struct bytes *ret_record)
{
	struct bytes sealed;
	struct sealing s = {0};
	uint32_t size;
	uint8_t *out;
	enum err e;

	if (trailer.n < OBJFMT_TRAILER_FOOT_BYTES) {
		return ERR_CORRUPT;
	}
	sealed = bytes_first(trailer, trailer.n - OBJFMT_TRAILER_FOOT_BYTES);
	if (objfmt_trailer_size(bytes_skip(trailer, sealed.n), &size) != OK || size != trailer.n) {
		return ERR_CORRUPT;
	}
	out = arena_alloc(a, sealed.n - OBJFMT_TAG_BYTES);
	if (out == NULL) {
		return ERR_LIMIT;
	}
	e = start(index_key, id, &s);
	if (e == OK) {
		e = aead_open(s.aead, trailer_iv, bytes_of(s.aad, sizeof(s.aad)), sealed, out);
	}
	aead_free(s.aead);
	TRY(e);
	return unpad(bytes_of(out, sealed.n - OBJFMT_TAG_BYTES), ret_record);
}
