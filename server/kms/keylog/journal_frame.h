/* What the writing and the reading half of the journal share. */
#ifndef REMPART_KMS_KEYLOG_JOURNAL_FRAME_H
#define REMPART_KMS_KEYLOG_JOURNAL_FRAME_H
#include "server/kms/keylog/journal.h"

enum { JOURNAL_VERSION = 1 };
/* Before each batch. The first byte occurs in no UTF-8 text, so in no entry. */
static const uint8_t journal_magic[4] = {0xf5, 'R', 'J', 'B'};

enum err journal_head(uint64_t first, uint8_t out[JOURNAL_HEAD_BYTES]);
#endif
