/* Base64 and hexadecimal: what is accepted has exactly one text. */
#include <assert.h>

#include "common/codec/base64.h"
#include "common/codec/hex.h"

enum { INPUT_MAX_BYTES = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_base64(struct bytes text)
{
	uint8_t raw[INPUT_MAX_BYTES];
	uint8_t again[INPUT_MAX_BYTES];
	struct writer to_raw = writer_fixed(raw, sizeof(raw));
	struct writer to_text = writer_fixed(again, sizeof(again));

	if (base64_read(text, &to_raw) == OK) {
		base64_write(&to_text, writer_bytes(&to_raw));
		assert(bytes_equal(writer_bytes(&to_text), text));
	}
}

static void check_hex(struct bytes text)
{
	uint8_t raw[INPUT_MAX_BYTES / 2];
	uint8_t again[INPUT_MAX_BYTES];
	struct writer to_text = writer_fixed(again, sizeof(again));

	if (hex_read(text, raw, text.n / 2) == OK) {
		hex_write(&to_text, bytes_of(raw, text.n / 2));
		assert(to_text.used == text.n);
		for (size_t i = 0; i < text.n; i++) {
			assert((again[i] | 0x20) == (text.p[i] | 0x20)); /* either case was read */
		}
	}
}

/* Any bytes survive the way to text and back. */
static void check_round(struct bytes raw)
{
	struct writer text = writer_growing(2 * INPUT_MAX_BYTES);
	struct writer again = writer_growing(INPUT_MAX_BYTES);

	base64_write(&text, raw);
	enum err e = base64_read(writer_bytes(&text), &again);
	assert(e == OK && bytes_equal(writer_bytes(&again), raw));
	(void)e;
	writer_free(&text);
	writer_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes input = bytes_of(data, size);

	if (size > INPUT_MAX_BYTES) {
		return 0;
	}
	check_base64(input);
	check_hex(input);
	check_round(input);
	return 0;
}
