/*
 * The configuration file of a daemon: INI (libinih; conf.c is the only user of ini.h), read through
 * a table of the keys that exist. Everything that is not in the table is an error, and every error
 * is one line:
 *
 *   FILE:LINE: [section] key: what is wrong; what to do
 *
 * Names of sections and keys are lower case. A line holds at most CONF_LINE_MAX bytes; a value does
 * not go on in the next line. Thread: before the daemon has any.
 */
#ifndef REMPART_CONF_H
#define REMPART_CONF_H
#include "common/base/report.h"

enum {
	CONF_LINE_MAX = 198,      /* bytes in a line */
	CONF_TEXT_BYTES = 200,    /* room for any value, with its NUL */
	CONF_ADDRESS_BYTES = 48,  /* room for a numeric address */
	CONF_FILE_MAX = 1 << 20,  /* bytes in a file */
};

enum conf_type {
	CONF_TEXT,   /* into: char[CONF_TEXT_BYTES]; not empty */
	CONF_FILE,   /* the same; a regular file that this process may read */
	CONF_DIR,    /* the same; a folder that this process may read and enter */
	CONF_LISTEN, /* into: struct conf_listen; "127.0.0.1:9443", "[::1]:9443", ":9443" (all) */
	CONF_NUMBER, /* into: uint64_t; decimal, min..max */
	CONF_SIZE,   /* into: uint64_t; bytes, or with K, M, G, T (powers of 1,024), min..max */
	CONF_BOOL,   /* into: bool; yes or no */
};

struct conf_listen {
	char address[CONF_ADDRESS_BYTES]; /* numeric; "::" for all */
	uint16_t port;                    /* 1..65535; 0: the key was not given */
};

struct conf_key {
	const char *section;
	const char *name;
	enum conf_type type;
	bool required;
	const char *fallback;  /* value when the key is not given; NULL: `into` stays as it is */
	void *into;
	uint64_t min, max;     /* CONF_NUMBER, CONF_SIZE; max 0: no limit */
	const char *choices;   /* CONF_TEXT: the values allowed, separated by spaces; NULL: any */
	unsigned line;         /* out: where it was given, 0: it was not */
};

/*
 * conf_load: read the file, fill in everything. `keys` is written to (line).
 *   errors  INPUT (with the line for a person in ret_report), NOTFOUND, DENIED, IO (the file
 *           itself)
 */
enum err conf_load(const char *path, struct conf_key *keys, size_t n, struct report *ret_report);
/* conf_wrong: the one-line error for a check that is the daemon's own (two keys that contradict,
 * a key that another one asks for). `name` is "section.key". Gives INPUT. */
enum err conf_wrong(const char *path, const struct conf_key *keys, size_t n, const char *name,
                    const char *what, struct report *ret_report);
/* conf_given: was the key in the file? */
bool conf_given(const struct conf_key *keys, size_t n, const char *section, const char *name);
/* conf_loopback: 127.0.0.0/8 or ::1. */
bool conf_loopback(const struct conf_listen *listen);

#endif
