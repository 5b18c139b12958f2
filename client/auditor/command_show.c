#include <unistd.h>

#include "client/auditor/args.h"
#include "client/auditor/commands.h"
#include "client/auditor/out.h"
#include "client/auditor/walk.h"
#include "common/base/attr.h"

struct command {
	struct common_args common;
	const char *event, *principal, *result, *tenant, *op, *from, *to;
	uint64_t from_ns, to_ns;
};

static bool fits(const char *wanted, struct bytes text)
{
	return wanted == NULL || bytes_is(text, wanted);
}

/* An entry that is not canonical is shown whatever was asked for: it must not hide. */
static enum err show(void *context, const struct walk_entry *e)
{
	const struct command *c = context;
	const struct logfmt_entry *entry = e->entry;

	if (entry != NULL &&
	    (!fits(c->event, bytes_text(logfmt_event_name(entry->event))) ||
	     !fits(c->principal, entry->principal) || !fits(c->result, entry->result) ||
	     !fits(c->tenant, entry->tenant) || !fits(c->op, entry->op) ||
	     entry->time_ns < c->from_ns || entry->time_ns > c->to_ns)) {
		return OK;
	}
	return walk_print(e, c->common.json);
}

static enum err check_event(const char *event, struct report *report)
{
	bool known = event == NULL;

	for (unsigned i = 0; i < LOGFMT_EVENTS && !known; i++) {
		known = bytes_is(bytes_text(event), logfmt_event_name((enum logfmt_event)i));
	}
	return known ? OK : report_set(report, ERR_INPUT,
	                               (const char *[]){event, ": there is no such event", NULL});
}

static enum err read_command(char **argv, struct command *c, struct report *report)
{
	const struct arg args[] = {
		{"log", &c->common.log, NULL},
		{"event", &c->event, NULL},
		{"principal", &c->principal, NULL},
		{"result", &c->result, NULL},
		{"tenant", &c->tenant, NULL},
		{"op", &c->op, NULL},
		{"from", &c->from, NULL},
		{"to", &c->to, NULL},
		{"lang", &c->common.lang_name, NULL},
		{"json", NULL, &c->common.json},
	};

	TRY(args_parse(argv, args, COUNT(args), report));
	TRY(args_common(&c->common, report));
	TRY(check_event(c->event, report));
	c->to_ns = UINT64_MAX;
	TRY(args_time(c->from, &c->from_ns, report));
	return args_time(c->to, &c->to_ns, report);
}

int command_show(char **argv)
{
	AUTO(logdir_close) int dir = -1;
	struct command c = {0};
	struct report report;

	if (read_command(argv, &c, &report) != OK ||
	    logdir_open(c.common.log, &dir, &report) != OK) {
		return command_trouble(report.text);
	}
	if (isatty(STDERR_FILENO) == 1) {
		fprintf(stderr, "%s\n", lang_text(c.common.lang, T_UNVERIFIED));
	}
	enum err e = walk_log(dir, show, &c);
	if (e == OK && fflush(stdout) != 0) {
		e = ERR_IO;
	}
	return e == OK ? EXIT_GOOD : command_trouble(
		e == ERR_CORRUPT ? "a bundle of entries is malformed: run rempart-audit verify"
				 : "cannot read the log or write the entries");
}
