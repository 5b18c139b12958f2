/*
 * Where a value comes from: the option on the command line, else the environment, else the file
 * $REMPART_CONFIG, $XDG_CONFIG_HOME/rempart/config or ~/.config/rempart/config. The file is
 * INI: sections, `key = value`, comments after # or ; at the start of a line. A missing file is
 * empty; a line that cannot be read is an error, not skipped.
 */
#ifndef REMPART_CLIENT_SETTINGS_H
#define REMPART_CLIENT_SETTINGS_H

#include "common/base/arena.h"
#include "common/base/report.h"

enum { SETTINGS_MAX = 64, SETTINGS_FILE_BYTES_MAX = 64 << 10 };

struct settings {
	struct arena *arena; /* borrowed; holds every value */
	const char *path;    /* of the file that was read, NULL: none */
	struct {
		const char *section;
		const char *key;
		const char *value;
	} rows[SETTINGS_MAX];
	size_t n;
};

/* settings_load: errors  INPUT (names file and line), LIMIT, IO, NOMEM */
enum err settings_load(struct arena *a, struct settings *ret, struct report *ret_report);
/* settings_parse: the same for text that is there already; `path` is for the report. */
enum err settings_parse(struct arena *a, const char *path, struct bytes text, struct settings *ret,
                        struct report *ret_report);
/* settings_get: `option` when not NULL, else the first of the variables (NULL ends the list) that
 * is set and not empty, else the file's value; NULL when none. */
const char *settings_get(const struct settings *s, const char *option, const char *const *variables,
                         const char *section, const char *key);

#endif
