/* rempart: administration of the KMS, and S3. One table of commands; see rempart(1). */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/cli/cli.h"
#include "common/base/attr.h"
#include "common/base/secret.h"

enum {
	ARENA_BYTES_MAX = 8 << 20,
	SECRET_SLOTS = 16,
};

#ifndef REMPART_VERSION
#define REMPART_VERSION "0.1"
#endif

static const struct {
	const char *title;
	const struct command *commands;
} groups[] = {
	{"Custody of the KMS", custody_commands},
	{"Tenants, users, access keys", tenant_commands},
	{"Keys", key_commands},
	{"Gateways", gateway_commands},
	{"Buckets", bucket_commands},
	{"Objects", cp_commands},
	{NULL, rm_commands},
	{NULL, presign_commands},
};

static void print_usage_line(FILE *f, const struct command *k)
{
	int n = fprintf(f, "  %s%s%s%s%s", k->group, k->verb == NULL ? "" : " ",
	                k->verb == NULL ? "" : k->verb, k->arguments[0] == '\0' ? "" : " ",
	                k->arguments);

	fprintf(f, "%*s%s\n", n < 34 ? 34 - n : 1, "", k->summary);
}

/* Everything, or only the commands of one group. */
static void print_help(FILE *f, const char *group)
{
	fputs("Usage: rempart COMMAND [ARGUMENTS] [OPTIONS]\n", f);
	for (size_t i = 0; i < COUNT(groups); i++) {
		if (groups[i].title != NULL && group == NULL) {
			fprintf(f, "\n%s\n", groups[i].title);
		}
		for (const struct command *k = groups[i].commands; k->group != NULL; k++) {
			if (group == NULL || strcmp(group, k->group) == 0) {
				print_usage_line(f, k);
			}
		}
	}
	fputs("\nrempart COMMAND --help explains one; the manual is rempart(1).\n", f);
}

static void print_command_help(const struct command *k)
{
	fprintf(stdout, "Usage: rempart %s%s%s %s [OPTIONS]\n\n%s\n", k->group,
	        k->verb == NULL ? "" : " ", k->verb == NULL ? "" : k->verb, k->arguments, k->summary);
	if (k->more != NULL) {
		fprintf(stdout, "%s\n", k->more);
	}
	fputs("\nOptions\n", stdout);
	options_help(stdout, k->options | COMMON_OPTIONS);
}

static const struct command *find_command(struct cli *c)
{
	for (size_t i = 0; i < COUNT(groups); i++) {
		for (const struct command *k = groups[i].commands; k->group != NULL; k++) {
			size_t words = k->verb == NULL ? 1 : 2;

			if (c->n_args < words || strcmp(c->arg[0], k->group) != 0 ||
			    (words == 2 && strcmp(c->arg[1], k->verb) != 0)) {
				continue;
			}
			for (size_t n = words; n < c->n_args; n++) {
				c->arg[n - words] = c->arg[n];
			}
			c->n_args -= words;
			return k;
		}
	}
	return NULL;
}

static bool is_group(const char *word)
{
	for (size_t i = 0; i < COUNT(groups); i++) {
		for (const struct command *k = groups[i].commands; k->group != NULL; k++) {
			if (strcmp(k->group, word) == 0) {
				return true;
			}
		}
	}
	return false;
}

/* No such command: help, or a complaint. */
static int say_no_command(const struct cli *c)
{
	bool asked = option_given(c, OPT_HELP) || (c->n_args > 0 && strcmp(c->arg[0], "help") == 0);

	if (asked && c->n_args > 0 && is_group(c->arg[0])) {
		print_help(stdout, c->arg[0]);
		return CLI_OK;
	}
	if (asked) {
		print_help(stdout, NULL);
		return CLI_OK;
	}
	if (c->n_args > 0 && is_group(c->arg[0])) {
		print_help(stderr, c->arg[0]);
		return CLI_USAGE;
	}
	if (c->n_args > 0) {
		return say_usage(c, "no such command; see rempart --help");
	}
	print_help(stderr, NULL);
	return CLI_USAGE;
}

static void find_language(struct cli *c)
{
	static const char *const variables[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
	const char *language = c->value[OPT_LANG];

	for (size_t i = 0; language == NULL && i < COUNT(variables); i++) {
		const char *value = secure_getenv(variables[i]);

		language = value != NULL && value[0] != '\0' ? value : NULL;
	}
	c->french = language != NULL && strncmp(language, "fr", 2) == 0;
}

static void find_terminals(struct cli *c)
{
	const char *no_colour = secure_getenv("NO_COLOR");
	const char *term = secure_getenv("TERM");
	bool allowed = (no_colour == NULL || no_colour[0] == '\0') &&
	               (term == NULL || strcmp(term, "dumb") != 0);

	c->terminal_err = isatty(STDERR_FILENO) == 1;
	c->colour_out = allowed && isatty(STDOUT_FILENO) == 1;
	c->colour_err = allowed && c->terminal_err;
}

static int run_command(struct cli *c, const struct command *k)
{
	int status;

	if (option_given(c, OPT_HELP)) {
		print_command_help(k);
		return CLI_OK;
	}
	if (options_check(c, k) != OK) {
		return say_usage(c, c->report.text);
	}
	if (c->n_args < k->args_min || c->n_args > k->args_max) {
		fprintf(stderr, "Usage: rempart %s%s%s %s; see its --help\n", k->group,
		        k->verb == NULL ? "" : " ", k->verb == NULL ? "" : k->verb, k->arguments);
		return CLI_USAGE;
	}
	if (settings_load(c->arena, &c->settings, &c->report) != OK) {
		return say_report(c);
	}
	status = k->run(c);
	if (fflush(stdout) != 0 && status == CLI_OK) {
		return say_error(c, "cannot write to standard output");
	}
	return status;
}

int main(int argc, char **argv)
{
	struct cli c = {.arena = arena_new(ARENA_BYTES_MAX)};
	const struct command *k;
	enum err e;
	int status;

	if (c.arena == NULL || secret_init(SECRET_SLOTS) != OK) {
		return say_error(&c, "no locked memory for keys; raise the limit: ulimit -l 1024");
	}
	find_terminals(&c);
	e = options_parse(&c, argc - 1, argv + 1);
	find_language(&c);
	if (e != OK) {
		status = say_usage(&c, c.report.text);
	} else if (option_given(&c, OPT_VERSION)) {
		fputs("rempart " REMPART_VERSION "\n", stdout);
		status = CLI_OK;
	} else {
		k = find_command(&c);
		status = k == NULL ? say_no_command(&c) : run_command(&c, k);
	}
	arena_free(c.arena);
	return status;
}
