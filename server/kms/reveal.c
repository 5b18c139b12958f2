#include "server/kms/reveal.h"

#include <assert.h>

#include "common/codec/base64.h"
#include "common/codec/hex.h"

enum { S3_SECRET_RANDOM_BYTES = 30 };

struct secret *reveal_s3_secret(void)
{
	uint8_t random[S3_SECRET_RANDOM_BYTES];
	struct secret *s = secret_new(REVEAL_S3_SECRET_BYTES);

	if (s == NULL) {
		return NULL;
	}
	struct writer w = writer_fixed(secret_edit(s), REVEAL_S3_SECRET_BYTES);
	random_bytes(random, sizeof(random));
	base64_write(&w, bytes_of(random, sizeof(random)));
	wipe(random, sizeof(random));
	assert(!w.full && w.used == REVEAL_S3_SECRET_BYTES);
	return s;
}

void reveal_text(struct json_writer *j, const char *name, const struct secret *s)
{
	json_string(j, name, secret_bytes(s));
}

void reveal_hex(struct json_writer *j, const char *name, const struct secret *s)
{
	uint8_t text[2 * SECRET_MAX];
	struct writer w = writer_fixed(text, sizeof(text));

	hex_write(&w, secret_bytes(s));
	json_string(j, name, writer_bytes(&w));
	wipe(text, sizeof(text));
}
