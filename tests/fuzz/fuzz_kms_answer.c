/* The gateway reads an answer that is not the KMS's: never a key that was not sealed for it. */
#include "common/base/attr.h"
#include "common/kmsproto/kmsproto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t nonce[KMSPROTO_NONCE_BYTES];
	struct kmsproto_reply replies[KMSPROTO_CALLS_MAX] = {0};
	struct arena *a AUTO(arena_freep) = arena_new(16 << 20);

	if (secret_init(1024) != OK || a == NULL || size < 40) {
		return 0;
	}
	struct secret *enrolment AUTO(secret_freep) = secret_new(KMSPROTO_ENROLMENT_BYTES);
	size_t count = (size_t)data[38] << 8 | data[39];
	if (count == 0 || count > KMSPROTO_CALLS_MAX || enrolment == NULL) {
		return 0;
	}
	enum err e = kmsproto_answer_read(a, bytes_of(data, size), enrolment, nonce, count,
	                                  replies);
	for (size_t i = 0; i < count; i++) {
		if (e != OK && (replies[i].index_key != NULL || replies[i].keys[0].dek != NULL)) {
			__builtin_trap();
		}
	}
	kmsproto_replies_free(replies, count);
	return 0;
}
