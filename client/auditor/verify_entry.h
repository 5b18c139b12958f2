/* What is checked and counted entry by entry; the part of verify.c that knows what entries mean. */
#ifndef REMPART_AUDITOR_VERIFY_ENTRY_H
#define REMPART_AUDITOR_VERIFY_ENTRY_H
#include "client/auditor/issued.h"
#include "client/auditor/verify.h"

struct entry_check {
	struct arena *arena; /* emptied for each entry */
	struct issued *issued;
	uint64_t now_ns;
	uint64_t index;      /* of the next entry */
	uint64_t time_ns;    /* of the one before */
	uint8_t boot[16];
	enum logfmt_event event;
};

/* verify_entry: the next one. What is wrong goes into the result. errors: NOMEM */
enum err verify_entry(struct entry_check *c, struct verify_result *r, struct bytes line);
/* verify_found: note a finding; index and path may be NULL. */
void verify_found(struct verify_result *r, enum finding f, const uint64_t *index, const char *path);
#endif
