/*
 * Storage gives any bytes for a blob: header, then one segment. What opens must be exactly what
 * sealing the opened plaintext gives. Key and id are those of the corpus
 * (tests/vectors/objfmt/make.py).
 */
#include <string.h>

#include "common/base/attr.h"
#include "common/objfmt/objfmt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t plain[OBJFMT_SEGMENT_BYTES], again[OBJFMT_SEALED_SEGMENT_BYTES];
static uint8_t id[OBJFMT_ID_BYTES];
static struct secret *dek;

static void check(bool good)
{
	if (!good) {
		__builtin_trap();
	}
}

static void set_up(void)
{
	uint8_t key[OBJFMT_DEK_BYTES];

	for (size_t i = 0; i < sizeof(key); i++) {
		key[i] = (uint8_t)i;
		id[i] = (uint8_t)(32 + i);
	}
	check(secret_init(64) == OK);
	dek = secret_from(bytes_of(key, sizeof(key)));
	check(dek != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(objfmt_blob_freep) struct objfmt_blob *b = NULL;
	struct bytes in = bytes_of(data, size);
	struct bytes header = bytes_first(in, OBJFMT_HEADER_BYTES);
	struct bytes sealed = bytes_skip(in, OBJFMT_HEADER_BYTES);

	if (dek == NULL) {
		set_up();
	}
	if (objfmt_blob_open(dek, id, header, &b) != OK) {
		return 0;
	}
	check(bytes_equal(objfmt_blob_header(b), header));
	for (uint64_t at = 0; at < 4; at++) {
		uint64_t number = at / 2;
		bool last = at % 2 == 1;
		if (sealed.n > sizeof(again) ||
		    objfmt_segment_open(b, number, last, sealed, plain) != OK) {
			continue;
		}
		struct bytes opened = {plain, sealed.n - OBJFMT_TAG_BYTES};
		check(objfmt_segment_seal(b, number, last, opened, again) == OK);
		check(memcmp(again, sealed.p, sealed.n) == 0);
	}
	return 0;
}
