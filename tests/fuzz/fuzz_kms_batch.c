/* The KMS reads a batch from a gateway: what decodes must encode to the same bytes again. */
#include <stdlib.h>

#include "common/base/attr.h"
#include "common/kmsproto/kmsproto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a AUTO(arena_freep) = arena_new(16 << 20);
	struct writer w AUTO(writer_free) = writer_growing(16 << 20);
	struct kmsproto_batch batch;

	if (a == NULL || kmsproto_batch_read(a, bytes_of(data, size), &batch) != OK) {
		return 0;
	}
	kmsproto_batch_begin(&w, batch.nonce, (uint16_t)batch.n);
	for (size_t i = 0; i < batch.n; i++) {
		kmsproto_call_write(&w, &batch.calls[i]);
	}
	if (writer_end(&w) != OK || !bytes_equal(writer_bytes(&w), bytes_of(data, size))) {
		__builtin_trap();
	}
	return 0;
}
