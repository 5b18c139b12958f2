#include "server/gateway/copy.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "server/gateway/object.h"

enum {
	RUN_BYTES = 256 << 10,
	RUN_DEADLINE_MS = 60000,
	LONG_BYTES = 64 << 20, /* more keeps disks and processor busy for a time that others notice */
};

static enum err start(struct request *r, bool md5, enum checksum_kind kind)
{
	if (md5) {
		TRY(checksum_new(CHECKSUM_MD5, &r->copy->md5));
	}
	if (kind != CHECKSUM_NONE) {
		TRY(checksum_new(kind, &r->copy->checksum));
	}
	TRY(vault_read_begin(r->g->vault, &r->source, object_dek(r, 0), r->first, r->count,
	                     &r->reader));
	return vault_write_begin(r->g->vault, object_dek(r, 1), request_deadline(r), &r->writer);
}

enum s3error copy_begin(struct request *r, bool md5, enum checksum_kind kind)
{
	r->copy = arena_alloc(r->a, sizeof(*r->copy));
	if (r->copy == NULL) {
		return S3E_SLOW_DOWN;
	}
	if (r->count > LONG_BYTES) {
		if (!gateway_copy_begin(r->g)) {
			return S3E_SLOW_DOWN;
		}
		r->copy->counted = true;
	}
	return s3error_of(start(r, md5, kind));
}

static enum err digest(struct copy *c, struct bytes b)
{
	if (c->md5 != NULL) {
		TRY(checksum_update(c->md5, b));
	}
	return c->checksum == NULL ? OK : checksum_update(c->checksum, b);
}

static enum err digest_end(struct copy *c)
{
	if (c->md5 != NULL) {
		TRY(checksum_final(c->md5, c->md5_value, &c->md5_n));
	}
	return c->checksum == NULL ? OK : checksum_final(c->checksum, c->value, &c->value_n);
}

/* Plaintext is only ever in this buffer. */
static enum err run(struct request *r, uint8_t *memory, bool *ret_done)
{
	struct writer out = writer_fixed(memory, RUN_BYTES);
	uint64_t deadline_ms = clock_mono_ms() + RUN_DEADLINE_MS;
	TRY(vault_read(r->reader, deadline_ms, &out, ret_done));
	TRY(digest(r->copy, writer_bytes(&out)));
	vault_write_deadline(r->writer, deadline_ms);
	return vault_write(r->writer, writer_bytes(&out));
}

enum s3error copy_turn(struct request *r, uint64_t ms, bool *ret_done)
{
	uint64_t until_ms = clock_mono_ms() + ms;
	uint8_t *memory = malloc(RUN_BYTES);
	if (memory == NULL) {
		return S3E_SLOW_DOWN;
	}
	enum err e = OK;
	bool done = false;
	do {
		e = run(r, memory, &done);
	} while (e == OK && !done && clock_mono_ms() < until_ms);
	if (e == OK && done) {
		vault_write_deadline(r->writer, clock_mono_ms() + RUN_DEADLINE_MS);
		e = digest_end(r->copy);
	}
	wipe(memory, RUN_BYTES);
	free(memory);
	*ret_done = done;
	return s3error_of(e);
}

void copy_release(struct request *r)
{
	if (r->copy == NULL) {
		return;
	}
	checksum_free(r->copy->md5);
	checksum_free(r->copy->checksum);
	if (r->copy->counted) {
		gateway_copy_end(r->g);
	}
}
