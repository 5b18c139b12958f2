/*
 * Configurations of bucket logging. One that is accepted is written so that it reads back as the same, and the key of every log
 * object that it gives fits it; a key that fits lies under its prefix.
 * Input: a key, a line feed, the document.
 */
#include <assert.h>

#include "common/base/attr.h"
#include "common/policy/logging.h"

enum { ARENA_BYTES = 1 << 20, TEXT_MAX = 8 * LOGGING_MAX_BYTES };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct logging_source source = {
	BYTES("123456789012"), BYTES("fr-sov-1"), BYTES("source"),
};

static void check_keys(const struct logging *l, struct bytes key)
{
	static const uint8_t unique[LOGGING_UNIQUE_BYTES] = {0xfe, 0xdc, 0xba};
	uint8_t text[LOGGING_KEY_MAX];
	struct writer w = writer_fixed(text, sizeof(text));

	logging_key(&w, l, &source, 0, UINT64_C(1769903999000), unique);
	assert(!w.full && logging_key_fits(l, &source, writer_bytes(&w)));
	if (logging_key_fits(l, &source, key)) {
		assert(bytes_starts(key, l->prefix) && key.n > l->prefix.n);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena_freep) struct arena *a = arena_new(ARENA_BYTES);
	struct writer w AUTO(writer_free) = writer_growing(TEXT_MAX);
	struct bytes text = bytes_of(data, size);
	struct bytes key = bytes_split(&text, '\n');
	struct logging l, again;
	const char *why = NULL;

	if (logging_read(a, text, &l, &why) != OK) {
		return 0;
	}
	logging_write(&w, &l);
	enum err e = logging_read(a, writer_bytes(&w), &again, &why);
	/* Escaped, a long prefix may not fit any more. */
	assert(e == OK || (e == ERR_LIMIT && w.used > LOGGING_MAX_BYTES));
	if (e == OK) {
		assert(bytes_equal(l.bucket, again.bucket) && bytes_equal(l.prefix, again.prefix));
		assert(l.has_format == again.has_format && l.partitioned == again.partitioned);
		assert(l.event_time == again.event_time);
	}
	if (l.bucket.n > 0) {
		check_keys(&l, key);
	}
	return 0;
}
