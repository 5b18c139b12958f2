#include "client/lib/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/lib/file.h"

enum { LINE_DIGITS = 21 };

static const char *join_path(struct arena *a, const char *folder, const char *rest)
{
	struct bytes parts[] = {bytes_text(folder), bytes_text(rest)};

	return folder == NULL || folder[0] == '\0' ? NULL : (const char *)arena_join(a, parts, 2).p;
}

static const char *find_path(struct arena *a)
{
	const char *path = secure_getenv("REMPART_CONFIG");

	if (path == NULL) {
		path = join_path(a, secure_getenv("XDG_CONFIG_HOME"), "/rempart/config");
	}
	if (path == NULL) {
		path = join_path(a, secure_getenv("HOME"), "/.config/rempart/config");
	}
	return path;
}

static enum err bad_line(const char *path, uint64_t number, const char *why, struct report *r)
{
	char digits[LINE_DIGITS + 1] = "";
	struct writer w = writer_fixed(digits, LINE_DIGITS);

	write_decimal(&w, number);
	return report_set(r, ERR_INPUT, (const char *[]){path, ", line ", digits, ": ", why, NULL});
}

static struct bytes trim(struct bytes b)
{
	while (b.n > 0 && (b.p[b.n - 1] == '\r' || b.p[b.n - 1] == '\n')) {
		b.n--;
	}
	return bytes_trim(b);
}

/* One line that is neither empty nor a comment; NULL, or what is wrong with it. */
static const char *take_line(struct settings *s, struct bytes line, const char **section)
{
	struct bytes value = line;
	struct bytes key = bytes_split(&value, '=');

	if (line.p[0] == '[') {
		if (line.p[line.n - 1] != ']') {
			return "a section is written [name]";
		}
		*section = arena_text(s->arena, trim(bytes_of(line.p + 1, line.n - 2)));
		return *section == NULL ? "out of memory" : NULL;
	}
	if (value.p == NULL) {
		return "neither [section] nor key = value";
	}
	if (s->n == SETTINGS_MAX) {
		return "too many lines";
	}
	s->rows[s->n].section = *section;
	s->rows[s->n].key = arena_text(s->arena, trim(key));
	s->rows[s->n].value = arena_text(s->arena, trim(value));
	if (s->rows[s->n].key == NULL || s->rows[s->n].value == NULL) {
		return "out of memory";
	}
	s->n++;
	return NULL;
}

enum err settings_parse(struct arena *a, const char *path, struct bytes text, struct settings *ret,
                        struct report *ret_report)
{
	struct settings s = {.arena = a, .path = path};
	const char *section = "";
	uint64_t number = 0;

	while (text.p != NULL && text.n > 0) {
		struct bytes line = trim(bytes_split(&text, '\n'));
		const char *wrong = NULL;

		number++;
		if (line.n > 0 && line.p[0] != '#' && line.p[0] != ';') {
			wrong = take_line(&s, line, &section);
		}
		if (wrong != NULL) {
			return bad_line(path, number, wrong, ret_report);
		}
	}
	*ret = s;
	return OK;
}

enum err settings_load(struct arena *a, struct settings *ret, struct report *ret_report)
{
	const char *path = find_path(a);
	struct bytes text = {NULL, 0};

	if (path == NULL || (access(path, F_OK) != 0 && errno == ENOENT)) {
		*ret = (struct settings){.arena = a};
		return OK;
	}
	TRY(file_read(a, path, SETTINGS_FILE_BYTES_MAX, &text, ret_report));
	return settings_parse(a, path, text, ret, ret_report);
}

const char *settings_get(const struct settings *s, const char *option, const char *const *variables,
                         const char *section, const char *key)
{
	if (option != NULL) {
		return option;
	}
	for (size_t i = 0; variables != NULL && variables[i] != NULL; i++) {
		const char *value = secure_getenv(variables[i]);

		if (value != NULL && value[0] != '\0') {
			return value;
		}
	}
	for (size_t i = 0; i < s->n; i++) {
		if (strcmp(s->rows[i].section, section) == 0 && strcmp(s->rows[i].key, key) == 0) {
			return s->rows[i].value;
		}
	}
	return NULL;
}
