/* Dates: what is accepted, written again and read again is the same moment. */
#include <assert.h>

#include "common/codec/date.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct bytes written(uint8_t *memory, size_t size,
                            void (*write)(struct writer *w, uint64_t v), uint64_t v)
{
	struct writer w = writer_fixed(memory, size);

	write(&w, v);
	assert(!w.full);
	return writer_bytes(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes input = bytes_of(data, size);
	uint8_t memory[64];
	uint64_t v;
	uint64_t again;

	if (date_read_amz(input, &v) == OK) {
		assert(bytes_equal(written(memory, sizeof(memory), date_write_amz, v), input));
	}
	if (date_read_iso(input, &v) == OK) {
		struct bytes text = written(memory, sizeof(memory), date_write_iso_ns, v);
		assert(bytes_starts(text, bytes_first(input, size - 1))); /* all but the Z */
		assert(date_read_iso(text, &again) == OK && again == v);
	}
	if (date_read_http(input, &v) == OK) {
		struct bytes text = written(memory, sizeof(memory), date_write_http, v);
		assert(date_read_http(text, &again) == OK && again == v);
	}
	return 0;
}
