#include "client/auditor/args.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "client/auditor/logdir.h"
#include "common/base/attr.h"
#include "common/codec/date.h"

enum { DATE_CHARS = 10, TIME_BYTES = 64 };

static const struct arg *find(const struct arg *args, size_t n, struct bytes name)
{
	for (size_t i = 0; i < n; i++) {
		if (bytes_is(name, args[i].name)) {
			return &args[i];
		}
	}
	return NULL;
}

static enum err wrong(struct report *r, const char *word, const char *why)
{
	return report_set(r, ERR_INPUT, (const char *[]){word, why, NULL});
}

enum err args_parse(char **argv, const struct arg *args, size_t n, struct report *report)
{
	for (; *argv != NULL; argv++) {
		struct bytes name = bytes_text(*argv);
		char *equals = strchr(*argv, '=');
		if (!bytes_starts(name, BYTES("--"))) {
			return wrong(report, *argv, ": not an option; see rempart-audit --help");
		}
		name = bytes_skip(equals == NULL
			? name : bytes_first(name, (size_t)(equals - *argv)), 2);
		const struct arg *a = find(args, n, name);
		if (a == NULL) {
			return wrong(report, *argv, ": no such option; see rempart-audit --help");
		}
		if (a->value == NULL) {
			if (equals != NULL) {
				return wrong(report, *argv, ": this option has no value");
			}
			*a->flag = true;
			continue;
		}
		*a->value = equals != NULL ? equals + 1 : argv[1];
		if (*a->value == NULL) {
			return wrong(report, *argv, ": a value is missing");
		}
		argv += equals == NULL;
	}
	return OK;
}

enum err args_time(const char *text, uint64_t *ret_ns, struct report *report)
{
	struct bytes b = bytes_text(text);
	char whole[TIME_BYTES];
	struct writer w = writer_fixed(whole, sizeof(whole));

	if (text == NULL) {
		return OK;
	}
	write_bytes(&w, b);
	if (b.n == DATE_CHARS) {
		write_text(&w, "T00:00:00Z");
	}
	if (w.full || date_read_iso(writer_bytes(&w), ret_ns) != OK) {
		return wrong(report, text, ": not a time such as 2026-11-23T13:30:00Z");
	}
	return OK;
}

enum err args_file(const char *path, uint8_t *out, size_t max, size_t *ret_n,
                   struct report *report)
{
	size_t n = 0;
	enum err e = logdir_read(AT_FDCWD, path, out, max, &n);

	if (e == ERR_NOTFOUND) {
		return report_set(report, e, (const char *[]){path, ": no such file", NULL});
	}
	if (e != OK) {
		return report_set(report, e == ERR_LIMIT ? ERR_INPUT : e,
		                  (const char *[]){path, ": cannot be read, or too large", NULL});
	}
	*ret_n = n;
	return OK;
}

enum err args_common(struct common_args *c, struct report *report)
{
	c->lang = lang_choose(c->lang_name);
	if (c->lang == LANG_COUNT) {
		return wrong(report, c->lang_name, ": the languages are en and fr");
	}
	return c->log == NULL ? wrong(report, "--log", " FOLDER is missing") : OK;
}
