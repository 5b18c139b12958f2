/* Inside of common/kmsproto only: the constants and the helpers that both directions share. */
#ifndef REMPART_KMSPROTO_WIRE_H
#define REMPART_KMSPROTO_WIRE_H
#include "common/base/bytes.h"

enum {
	KMSWIRE_VERSION = 1,
	KMSWIRE_SOURCE_MAX = 64,      /* bytes of a client address */
	KMSWIRE_ACCESS_KEY_MAX = 128,
	KMSWIRE_AMZ_DATE_MAX = 16,    /* 20260131T235959Z */
	KMSWIRE_DATE_MAX = 8,
	KMSWIRE_SCOPE_WORD_MAX = 64,  /* region, service */
	KMSWIRE_EVIDENCE_TEXTS = 7,   /* from access key to signature */
	KMSWIRE_TENANT_MAX = 12,      /* digits */
	KMSWIRE_FLAG_SOURCE = 1,
	KMSWIRE_CALL_HEAD_BYTES = 5,  /* kind, length */
	KMSWIRE_CHUNK_BYTES = 97,     /* hash, signature, trailer */
};
#define KMSWIRE_BATCH_MAGIC  BYTES("RPKQ")
#define KMSWIRE_ANSWER_MAGIC BYTES("RPKA")

/* kmswire_text: as write_lv16, and full when the reader of the other side would refuse it.
 * kmswire_read_text: as read_lv16; a NUL byte makes it bad, since no log entry can hold one. */
void kmswire_text(struct writer *w, struct bytes b, size_t max);
struct bytes kmswire_read_text(struct reader *r, size_t max);
/* kmswire_begin, kmswire_end: a u32 length that is filled in behind the body. */
size_t kmswire_begin(struct writer *w);
void kmswire_end(struct writer *w, size_t at);
/* kmswire_head: magic, version, nonce and count; false when they are not there or not known. */
bool kmswire_head(struct reader *r, struct bytes magic, uint8_t nonce[32], uint16_t *ret_count);
void kmswire_head_write(struct writer *w, struct bytes magic, const uint8_t nonce[32],
                        uint16_t count);
#endif
