/*
 * What every command of `rempart` gets: its arguments, its options, and the ways to speak. One file
 * for each group of commands; main.c is the table.
 */
#ifndef REMPART_CLI_H
#define REMPART_CLI_H

#include <stdio.h>

#include "client/lib/settings.h"
#include "common/base/arena.h"
#include "common/base/report.h"

/* What the program exits with. */
enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

enum { CLI_ARGUMENTS_MAX = 64 };

enum option {
	OPT_HELP, OPT_VERSION, OPT_JSON, OPT_LANG, OPT_QUIET, OPT_RECURSIVE,
	OPT_KMS, OPT_CA, OPT_CERT, OPT_KEY,
	OPT_ENDPOINT, OPT_REGION, OPT_CONTENT_TYPE, OPT_SSE, OPT_KMS_KEY, OPT_EXPIRES_IN, OPT_PUT,
	OPT_PASSPHRASE_FILE, OPT_MEMORY_MIB, OPT_PASSES, OPT_VKEY_OUT,
	OPT_DISPLAY_NAME, OPT_EMAIL, OPT_EXPIRES, OPT_USER, OPT_TENANT, OPT_ACCESS_KEY,
	OPT_SECRET_KEY_FILE, OPT_ALIAS, OPT_DESCRIPTION, OPT_CERTIFICATE, OPT_SECRET_OUT, OPT_DOMAINS,
	OPT_COUNT,
};
#define OPT(name) (UINT64_C(1) << (name))

struct cli {
	struct arena *arena; /* of the whole run */
	struct settings settings;
	const char *value[OPT_COUNT]; /* NULL: not given; "" for a flag */
	const char *arg[CLI_ARGUMENTS_MAX];
	size_t n_args;
	bool french;         /* messages for custodians */
	bool colour_out, colour_err, terminal_err;
	struct report report;
};

struct command {
	const char *group; /* "tenant", or the whole name when verb is NULL */
	const char *verb;
	const char *arguments; /* "TENANT USER" */
	const char *summary;   /* one line */
	const char *more;      /* further lines of help; may be NULL */
	uint64_t options;      /* OPT() of those it takes besides the common ones */
	size_t args_min, args_max;
	int (*run)(struct cli *c);
};

/* The tables of the groups; each ends with a row without a group. */
extern const struct command custody_commands[];
extern const struct command tenant_commands[];
extern const struct command key_commands[];
extern const struct command gateway_commands[];
extern const struct command bucket_commands[];
extern const struct command cp_commands[];
extern const struct command rm_commands[];
extern const struct command presign_commands[];

/* Options that every command takes, and those of each face. */
#define ADMIN_OPTIONS (OPT(OPT_KMS) | OPT(OPT_CA) | OPT(OPT_CERT) | OPT(OPT_KEY))
#define COMMON_OPTIONS (OPT(OPT_HELP) | OPT(OPT_JSON) | OPT(OPT_LANG) | OPT(OPT_QUIET))
#define S3_OPTIONS    (OPT(OPT_ENDPOINT) | OPT(OPT_REGION) | OPT(OPT_CA))

/* options.c */
/* options_parse: argv without the program's name. errors: INPUT (report) */
enum err options_parse(struct cli *c, int argc, char **argv);
/* options_check: only what the command takes was given. errors: INPUT (report) */
enum err options_check(struct cli *c, const struct command *command);
void options_help(FILE *f, uint64_t options);
bool option_given(const struct cli *c, enum option o);

/* output.c */
/* say_error: "rempart: ..." on standard error; returns CLI_FAILED. */
int say_error(const struct cli *c, const char *text);
int say_usage(const struct cli *c, const char *text); /* likewise; CLI_USAGE */
int say_report(const struct cli *c);                  /* say_error of c->report */
int say_no_memory(const struct cli *c);
/* print_data: bytes from outside; on a terminal what could steer it is replaced. */
void print_data(FILE *f, struct bytes b);
void print_pair(const struct cli *c, const char *title, struct bytes value);
void print_padded(FILE *f, struct bytes b, size_t width); /* blanks up to width characters */
size_t text_width(struct bytes b);                        /* characters */
void print_size(FILE *f, uint64_t bytes);                 /* "12.3 MiB" */
/* "1" bold, "31" red, "32" green, "33" */
void colour_begin(const struct cli *c, FILE *f, const char *code);
void colour_end(const struct cli *c, FILE *f);

/* A bar on standard error, when that is a terminal and the transfer is long. */
struct bar {
	const struct cli *cli;
	const char *name;
	uint64_t begin_ms, last_ms;
	bool shown;
};
struct bar bar_of(const struct cli *c, const char *name);
void bar_show(void *bar, uint64_t done, uint64_t total); /* an s3_progress */
void bar_end(struct bar *b);

#endif
