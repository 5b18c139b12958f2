#include <stdlib.h>
#include <unistd.h>

#include "client/auditor/args.h"
#include "client/auditor/commands.h"
#include "client/auditor/out.h"
#include "client/auditor/report_text.h"
#include "common/base/attr.h"
#include "common/base/clock.h"

enum {
	NAMES_BYTES = 4 * 1024 * 1024,
	VKEY_FILE_BYTES = 4096,
	REPORT_BYTES = 4 * 1024 * 1024,
	PROGRESS_FROM = 50000, /* entries: a shorter log is done before a bar is seen */
};

struct command {
	struct common_args common;
	const char *key;
	const char *since;
	const char *now;
	uint8_t vkey[VKEY_FILE_BYTES];
	uint8_t since_note[NOTE_MAX];
	struct verify_options options;
	struct report_context context;
	uint64_t shown_percent;
};

static void show_progress(void *context, uint64_t done, uint64_t size)
{
	struct command *c = context;
	uint64_t percent = (uint64_t)((double)done / (double)size * 100);

	if (size >= PROGRESS_FROM && (percent != c->shown_percent || done == size)) {
		c->shown_percent = percent;
		out_progress(lang_text(c->common.lang, T_PROGRESS), done, size);
	}
}

static enum err read_key(struct command *c, struct report *report)
{
	size_t n = 0;

	if (c->key == NULL) {
		return report_set(report, ERR_INPUT,
		                  (const char *[]){"--key FILE is missing: the verifier key of the "
		                                   "log, got from its operator and kept", NULL});
	}
	TRY(args_file(c->key, c->vkey, sizeof(c->vkey), &n, report));
	struct bytes rest = bytes_of(c->vkey, n);
	c->context.vkey = bytes_trim(bytes_split(&rest, '\n'));
	if (note_key_read(c->context.vkey, &c->options.key) != OK) {
		return report_set(report, ERR_INPUT,
		                  (const char *[]){c->key, ": not a verifier key "
		                                   "(name+hash+base64, Ed25519)", NULL});
	}
	return OK;
}

static enum err read_since(struct command *c, struct report *report)
{
	size_t n = 0;

	if (c->since == NULL) {
		return OK;
	}
	TRY(args_file(c->since, c->since_note, sizeof(c->since_note), &n, report));
	if (n == 0) {
		return report_set(report, ERR_INPUT,
		                  (const char *[]){c->since, ": the file is empty", NULL});
	}
	c->options.since = bytes_of(c->since_note, n);
	c->context.since = true;
	return OK;
}

static enum err read_command(char **argv, struct command *c, struct report *report)
{
	const struct arg args[] = {
		{"log", &c->common.log, NULL},
		{"key", &c->key, NULL},
		{"since-checkpoint", &c->since, NULL},
		{"now", &c->now, NULL},
		{"lang", &c->common.lang_name, NULL},
		{"json", NULL, &c->common.json},
	};

	TRY(args_parse(argv, args, COUNT(args), report));
	TRY(args_common(&c->common, report));
	c->options.now_ns = clock_real_ns();
	TRY(args_time(c->now, &c->options.now_ns, report));
	TRY(read_key(c, report));
	return read_since(c, report);
}

static enum err print(const struct command *c, struct verify_result *r)
{
	struct writer w = writer_growing(REPORT_BYTES);

	tally_sort(&r->by_tenant);
	tally_sort(&r->by_gateway);
	tally_sort(&r->by_reason);
	if (c->common.json) {
		report_json(&w, r, &c->context);
	} else {
		report_text(&w, r, &c->context);
	}
	enum err e = out_flush(&w, stdout);
	writer_free(&w);
	return e;
}

static int verify(struct command *c, struct arena *names, struct verify_result *r)
{
	AUTO(logdir_close) int dir = -1;
	struct report report;

	if (logdir_open(c->common.log, &dir, &report) != OK) {
		return command_trouble(report.text);
	}
	c->options.dir = dir;
	c->context.lang = c->common.lang;
	c->context.colour = !c->common.json && out_colour(stdout);
	if (isatty(STDERR_FILENO) == 1) {
		c->options.progress = show_progress;
		c->options.context = c;
	}
	enum err e = verify_log(names, &c->options, r);
	if (e != OK) {
		return command_trouble(e == ERR_NOMEM ? "not enough memory" : r->trouble);
	}
	if (print(c, r) != OK) {
		return command_trouble("cannot write the report");
	}
	return verify_good(r) ? EXIT_GOOD : EXIT_BAD;
}

int command_verify(char **argv)
{
	AUTO(arena_freep) struct arena *memory = arena_new(NAMES_BYTES);
	struct command *c = memory == NULL ? NULL : arena_alloc(memory, sizeof(*c));
	struct verify_result *r = memory == NULL ? NULL : arena_alloc(memory, sizeof(*r));
	struct report report;

	if (c == NULL || r == NULL) {
		return command_trouble("not enough memory");
	}
	if (read_command(argv, c, &report) != OK) {
		return command_trouble(report.text);
	}
	return verify(c, memory, r);
}
