/*
 * One line for a person: what is wrong, where, and what to do. Used where a program stops
 * (configuration, start-up, tools); requests carry error codes instead.
 */
#ifndef REMPART_BASE_REPORT_H
#define REMPART_BASE_REPORT_H

#include "common/base/bytes.h"

struct report {
	char text[768];
};

/* report_set: join the parts (NULL ends the list early; 6 at most) and return e, so that a caller
 * can write: return report_set(r, ERR_INPUT, (const char *[]){path, ": no such file", NULL}); */
enum err report_set(struct report *r, enum err e, const char *const *parts);
/* report_errno: "<what> <path>: <strerror>; <hint>" with the code of the errno value.
 * When descriptors are used up, the hint says that instead. */
enum err report_errno(struct report *r, const char *what, const char *path, int errno_value,
                      const char *hint);

#endif
