#include "client/auditor/tally.h"

#include <stdlib.h>

void tally_init(struct tally *t, struct arena *a)
{
	*t = (struct tally){.arena = a};
}

/* FNV-1a: the names are few and a bad distribution only costs time. */
static uint32_t spread(struct bytes name)
{
	uint32_t h = 2166136261;

	for (size_t i = 0; i < name.n; i++) {
		h = (h ^ name.p[i]) * 16777619;
	}
	return h;
}

static struct tally_row *row_of(struct tally *t, struct bytes name)
{
	name = bytes_first(name, TALLY_NAME_BYTES);
	uint32_t at = spread(name) % TALLY_SLOTS;
	while (t->slots[at] != 0) {
		struct tally_row *row = &t->rows[t->slots[at] - 1];
		if (bytes_equal(row->name, name)) {
			return row;
		}
		at = (at + 1) % TALLY_SLOTS;
	}
	struct bytes copy = t->n < TALLY_NAMES_MAX ? arena_copy(t->arena, name)
	                                           : bytes_of(NULL, 0);
	if (copy.p == NULL) {
		return &t->others;
	}
	struct tally_row *row = &t->rows[t->n++];
	row->name = copy;
	t->slots[at] = (uint16_t)t->n;
	return row;
}

void tally_add(struct tally *t, struct bytes name, enum tally_what what, uint64_t n)
{
	row_of(t, name)->counts[what] += n;
}

static int by_name(const void *a, const void *b)
{
	const struct tally_row *x = a, *y = b;

	return bytes_compare(x->name, y->name);
}

void tally_sort(struct tally *t)
{
	qsort(t->rows, t->n, sizeof(t->rows[0]), by_name);
}
