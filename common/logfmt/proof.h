/* c2sp.org/tlog-proof: one entry, its path to the root, and the signed checkpoint, in one small
 * file. Pure. */
#ifndef REMPART_LOGFMT_PROOF_H
#define REMPART_LOGFMT_PROOF_H
#include "common/base/arena.h"
#include "common/logfmt/tree.h"
enum { PROOF_HASHES_MAX = 63, PROOF_MAX = 128 * 1024 };
struct log_proof {
	struct bytes extra; /* Rempart puts the entry here; empty: none */
	uint64_t index;
	struct bytes path;  /* hashes of 32 bytes, the leaf's sibling first */
	struct bytes note;  /* the checkpoint with its signatures */
};
/* proof_write: errors LIMIT, INPUT (a path that is not whole hashes) */
enum err proof_write(struct writer *w, const struct log_proof *p);
/* proof_read: extra and path in the arena, note borrowed. Says nothing of truth: see note_verify
 * and tree_check_inclusion. errors: INPUT, LIMIT */
enum err proof_read(struct arena *a, struct bytes text, struct log_proof *ret);
#endif
