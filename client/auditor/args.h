/* Command lines: --name value, --name=value, --flag. */
#ifndef REMPART_AUDITOR_ARGS_H
#define REMPART_AUDITOR_ARGS_H
#include "client/auditor/lang.h"
#include "common/base/report.h"

struct arg {
	const char *name;   /* without the dashes */
	const char **value; /* NULL for a flag */
	bool *flag;
};
/* args_parse: argv ends with NULL. Values point into argv. errors: INPUT (the report says which) */
enum err args_parse(char **argv, const struct arg *args, size_t n, struct report *report);
/* args_time: "2026-11-23", or with "T13:30:00Z". NULL leaves *ret alone. errors: INPUT */
enum err args_time(const char *text, uint64_t *ret_ns, struct report *report);
/* args_file: a whole small file into out. errors: INPUT (too large), NOTFOUND, IO */
enum err args_file(const char *path, uint8_t *out, size_t max, size_t *ret_n,
                   struct report *report);

/* What every command has. */
struct common_args {
	const char *log;
	const char *lang_name;
	bool json;
	enum lang lang;
};
/* args_common: after args_parse: --log is there, --lang is known. errors: INPUT */
enum err args_common(struct common_args *c, struct report *report);
#endif
