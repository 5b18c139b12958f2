/* Every entry of a log in order, as found, not verified; and how one is shown. */
#ifndef REMPART_AUDITOR_WALK_H
#define REMPART_AUDITOR_WALK_H
#include "client/auditor/logdir.h"

struct walk_entry {
	struct bytes line;
	const struct logfmt_entry *entry; /* NULL: not in canonical form */
	uint64_t index;
};
/* walk_log: call fn for each until one gives an error. errors: CORRUPT (a bundle cannot be cut into
 * entries), IO,
 *   NOMEM, what fn gives */
enum err walk_log(int dir, enum err (*fn)(void *context, const struct walk_entry *e),
                  void *context);
/* walk_print: one line: for people, or the entry itself with json. errors: IO */
enum err walk_print(const struct walk_entry *e, bool json);
#endif
