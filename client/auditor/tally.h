/* Counts under names that come from the log: bounded, what is too much goes into one row
 * "others". */
#ifndef REMPART_AUDITOR_TALLY_H
#define REMPART_AUDITOR_TALLY_H
#include "common/base/arena.h"

enum { TALLY_NAMES_MAX = 1000, TALLY_SLOTS = 2048, TALLY_NAME_BYTES = 256 };
enum tally_what { TALLY_ISSUED, TALLY_OPENED, TALLY_REFUSED, TALLY_WHATS };

struct tally_row {
	struct bytes name; /* empty: the entries without one */
	uint64_t counts[TALLY_WHATS];
};
struct tally {
	struct arena *arena;
	struct tally_row rows[TALLY_NAMES_MAX];
	size_t n;
	uint16_t slots[TALLY_SLOTS]; /* row + 1 */
	struct tally_row others;
};

/* tally_init: names are copied to the arena. */
void tally_init(struct tally *t, struct arena *a);
void tally_add(struct tally *t, struct bytes name, enum tally_what what, uint64_t n);
/* tally_sort: by name; nothing may be added afterwards. */
void tally_sort(struct tally *t);
#endif
