/*
 * The end of a blob, any bytes: once as a whole trailer, once as the padded record that somebody
 * with the key has sealed. What opens must be what sealing the opened record gives. Key and id are
 * those of the corpus (tests/vectors/objfmt/make.py).
 */
#include <string.h>

#include "common/base/attr.h"
#include "common/crypto/aead.h"
#include "common/crypto/kdf.h"
#include "common/objfmt/objfmt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char label[] = "rempart trailer v1";
static uint8_t id[OBJFMT_ID_BYTES];
static struct secret *index_key;
static struct aead *trailer_aead;

static void check(bool good)
{
	if (!good) {
		__builtin_trap();
	}
}

static void set_up(void)
{
	AUTO(secret_freep) struct secret *key = NULL;
	uint8_t bytes[32];

	for (size_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] = (uint8_t)i;
		id[i] = (uint8_t)(32 + i);
	}
	check(secret_init(64) == OK);
	index_key = secret_from(bytes_of(bytes, sizeof(bytes)));
	check(index_key != NULL);
	check(kdf_hkdf(index_key, bytes_of(id, sizeof(id)), bytes_text(label), 32, &key) == OK);
	check(aead_new(key, &trailer_aead) == OK);
}

static void open_any(struct bytes trailer)
{
	AUTO(arena_freep) struct arena *a = arena_new(1 << 20);
	struct writer again = writer_growing(1 << 20);
	struct bytes record;
	uint32_t n;

	check(a != NULL);
	if (objfmt_trailer_open(index_key, id, trailer, a, &record) == OK) {
		check(objfmt_trailer_size(bytes_skip(trailer, trailer.n - 8), &n) == OK);
		check(n == trailer.n);
		check(objfmt_trailer_seal(index_key, id, record, &again) == OK);
		check(bytes_equal(writer_bytes(&again), trailer));
	}
	writer_free(&again);
}

static void seal_and_open(struct bytes padded)
{
	uint8_t aad[18 + OBJFMT_ID_BYTES];
	uint8_t iv[AEAD_IV_BYTES] = {0};
	struct writer w = writer_growing(1 << 20);

	memcpy(aad, label, 18);
	memcpy(aad + 18, id, sizeof(id));
	uint8_t *p = writer_reserve(&w, padded.n + AEAD_TAG_BYTES);
	check(p != NULL);
	check(aead_seal(trailer_aead, iv, bytes_of(aad, sizeof(aad)), padded, p) == OK);
	w.used += padded.n + AEAD_TAG_BYTES;
	write_u32(&w, (uint32_t)(padded.n + AEAD_TAG_BYTES));
	write_text(&w, "RPTR");
	open_any(writer_bytes(&w));
	writer_free(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (index_key == NULL) {
		set_up();
	}
	open_any(bytes_of(data, size));
	seal_and_open(bytes_of(data, size - size % OBJFMT_TRAILER_PAD_BYTES));
	return 0;
}
