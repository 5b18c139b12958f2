/* Output to people: columns, colour only where it is wanted, nothing from the log that a terminal
 * obeys. */
#ifndef REMPART_AUDITOR_OUT_H
#define REMPART_AUDITOR_OUT_H
#include <stdio.h>

#include "common/base/bytes.h"

enum colour { COLOUR_NONE, COLOUR_GOOD, COLOUR_BAD, COLOUR_HEAD };

/* out_colour: is `file` a terminal, and NO_COLOR not set, and TERM not "dumb"? */
bool out_colour(FILE *file);
/* out_safe: text from the log: control characters, and those that turn the direction of writing, as
 * \xNN. */
void out_safe(struct writer *w, struct bytes text);
/* out_cell: a text of our own, filled up to `columns`. */
void out_cell(struct writer *w, const char *text, size_t columns);
void out_right(struct writer *w, uint64_t value, size_t columns);
void out_coloured(struct writer *w, bool colour, enum colour c, const char *text);
/* out_flush: write to the file, empty the writer. errors: IO, LIMIT (did not fit) */
enum err out_flush(struct writer *w, FILE *file);
/* out_progress: one line on standard error that replaces itself; done == size ends it. */
void out_progress(const char *label, uint64_t done, uint64_t size);
#endif
