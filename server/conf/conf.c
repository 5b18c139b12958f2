/*
 * libinih calls back for each value, without a line number in Debian's build: the lines are counted
 * where libinih fetches them. Only the first error is kept; it is the one to mend first.
 */
#include "server/conf/conf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/attr.h"

struct load {
	const char *path;
	struct conf_key *keys;
	size_t n;
	FILE *file;
	unsigned line;        /* that libinih has fetched last */
	unsigned error_line;  /* 0: no error yet */
	struct report *report;
};

static const char *number_text(uint64_t v, char out[24])
{
	struct writer w = writer_fixed(out, 23);

	write_decimal(&w, v);
	out[w.used] = '\0';
	return out;
}

/* Remember the first error only. */
static void wrong(struct load *l, unsigned line, const char *section, const char *name,
                  const char *what)
{
	char text[CONF_TEXT_BYTES + 64];
	char digits[24];
	struct writer w = writer_fixed(text, sizeof(text) - 1);

	if (l->error_line != 0) {
		return;
	}
	l->error_line = line == 0 ? 1 : line;
	if (section != NULL) {
		write_text(&w, "[");
		write_text(&w, section);
		write_text(&w, "] ");
	}
	if (name != NULL) {
		write_text(&w, name);
		write_text(&w, ": ");
	}
	text[w.used] = '\0';
	(void)report_set(l->report, ERR_INPUT,
	                 (const char *[]){l->path, ":", number_text(l->error_line, digits), ": ",
	                                  text, what, NULL});
}

/* --- values: each gives NULL, or what is wrong and what to do --- */

static const char *take_text(struct conf_key *k, const char *value)
{
	size_t n = strlen(value);

	if (n == 0) {
		return "is empty; give a value or remove the line";
	}
	if (n >= CONF_TEXT_BYTES) {
		return "is too long; use a shorter value";
	}
	memcpy(k->into, value, n + 1);
	return NULL;
}

static const char *take_choice(struct conf_key *k, const char *value)
{
	struct bytes rest = bytes_text(k->choices);

	while (rest.n > 0) {
		if (bytes_is(bytes_split(&rest, ' '), value)) {
			return take_text(k, value);
		}
	}
	return "is not a value that this key knows; see the example configuration";
}

static const char *take_file(struct conf_key *k, const char *value)
{
	struct stat st;

	if (stat(value, &st) != 0) {
		return "names a file that cannot be reached; check the path and its folders";
	}
	if (!S_ISREG(st.st_mode)) {
		return "is not a regular file; name one";
	}
	if (access(value, R_OK) != 0) {
		return "names a file that this user may not read; check owner and mode";
	}
	return take_text(k, value);
}

static const char *take_dir(struct conf_key *k, const char *value)
{
	struct stat st;

	if (stat(value, &st) != 0) {
		return "names a folder that cannot be reached; create it, owned by the service";
	}
	if (!S_ISDIR(st.st_mode)) {
		return "is not a folder; name one";
	}
	if (access(value, R_OK | X_OK) != 0) {
		return "names a folder that this user may not enter; check owner and mode";
	}
	return take_text(k, value);
}

/* Cut "address:port" in two; the address may stand in brackets. */
static bool split_listen(struct bytes value, struct bytes *ret_address, struct bytes *ret_port)
{
	size_t colon = value.n;

	while (colon > 0 && value.p[colon - 1] != ':') {
		colon--;
	}
	if (colon == 0) {
		return false;
	}
	*ret_port = bytes_skip(value, colon);
	struct bytes a = bytes_first(value, colon - 1);
	if (a.n >= 2 && a.p[0] == '[' && a.p[a.n - 1] == ']') {
		*ret_address = bytes_first(bytes_skip(a, 1), a.n - 2);
		return true;
	}
	*ret_address = a.n == 0 ? BYTES("::") : a;
	return a.n == 0 || !bytes_find(a, ':', &(size_t){0});
}

static const char *take_listen(struct conf_key *k, const char *value)
{
	struct conf_listen *listen = k->into;
	struct bytes address, port;
	uint64_t number = 0;
	uint8_t ip[16];
	char text[CONF_ADDRESS_BYTES];

	if (!split_listen(bytes_text(value), &address, &port) || address.n >= sizeof(text)) {
		return "is not address:port; write it like 127.0.0.1:9443 or [::1]:9443";
	}
	memcpy(text, address.p, address.n);
	text[address.n] = '\0';
	if (inet_pton(AF_INET, text, ip) != 1 && inet_pton(AF_INET6, text, ip) != 1) {
		return "has no numeric address; write it like 127.0.0.1:9443 or [::1]:9443";
	}
	if (bytes_u64(port, &number) != OK || number == 0 || number > UINT16_MAX) {
		return "has no port from 1 to 65535; write it like 127.0.0.1:9443";
	}
	memcpy(listen->address, text, address.n + 1);
	listen->port = (uint16_t)number;
	return NULL;
}

/* The power of two that a suffix stands for; 0 without one. */
static unsigned size_shift(char suffix)
{
	switch (suffix) {
	case 'K':
		return 10;
	case 'M':
		return 20;
	case 'G':
		return 30;
	case 'T':
		return 40;
	default:
		return 0;
	}
}

static const char *take_number(struct conf_key *k, const char *value)
{
	struct bytes b = bytes_text(value);
	uint64_t number = 0;
	unsigned shift = 0;

	if (k->type == CONF_SIZE && b.n > 0) {
		shift = size_shift((char)b.p[b.n - 1]);
		b.n -= shift != 0;
	}
	if (bytes_u64(b, &number) != OK || number > UINT64_MAX >> shift) {
		return k->type == CONF_SIZE ? "is not a size; write bytes, or a number with K, M, G, T"
		                            : "is not a number; write digits only";
	}
	number <<= shift;
	if (number < k->min || (k->max != 0 && number > k->max)) {
		return "is out of range; see the example configuration for the limits";
	}
	*(uint64_t *)k->into = number;
	return NULL;
}

static const char *take_bool(struct conf_key *k, const char *value)
{
	bool yes = strcmp(value, "yes") == 0;

	if (!yes && strcmp(value, "no") != 0) {
		return "is neither yes nor no; write one of them";
	}
	*(bool *)k->into = yes;
	return NULL;
}

static const char *take(struct conf_key *k, const char *value)
{
	switch (k->type) {
	case CONF_TEXT:
		return k->choices != NULL ? take_choice(k, value) : take_text(k, value);
	case CONF_FILE:
		return take_file(k, value);
	case CONF_DIR:
		return take_dir(k, value);
	case CONF_LISTEN:
		return take_listen(k, value);
	case CONF_NUMBER:
	case CONF_SIZE:
		return take_number(k, value);
	case CONF_BOOL:
		return take_bool(k, value);
	}
	return "cannot be read; this is a fault of the program";
}

/* --- the file --- */

static struct conf_key *find(struct conf_key *keys, size_t n, const char *section,
                             const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(keys[i].section, section) == 0 && strcmp(keys[i].name, name) == 0) {
			return &keys[i];
		}
	}
	return NULL;
}

static bool section_exists(const struct load *l, const char *section)
{
	for (size_t i = 0; i < l->n; i++) {
		if (strcmp(l->keys[i].section, section) == 0) {
			return true;
		}
	}
	return false;
}

/* libinih's callback. 1: go on (the error, if there is one, is kept). */
static int on_value(void *user, const char *section, const char *name, const char *value)
{
	struct load *l = user;
	struct conf_key *k = find(l->keys, l->n, section, name);

	if (k == NULL && !section_exists(l, section)) {
		wrong(l, l->line, section, name,
		      section[0] == '\0' ? "stands before any [section]; move it into one"
		                         : "there is no such section; check the spelling");
	} else if (k == NULL) {
		wrong(l, l->line, section, name, "there is no such key; check the spelling");
	} else if (k->line != 0) {
		wrong(l, l->line, section, name,
		      "is given twice (or this line begins with a space); keep one");
	} else {
		k->line = l->line;
		const char *what = take(k, value);
		if (what != NULL) {
			wrong(l, l->line, section, name, what);
		}
	}
	return 1;
}

/* libinih's source of lines; counts them. NULL ends the file. */
static char *next_line(char *out, int size, void *stream)
{
	struct load *l = stream;

	if (l->error_line != 0 || fgets(out, size, l->file) == NULL) {
		return NULL;
	}
	l->line++;
	size_t n = strlen(out);
	if ((n == 0 || out[n - 1] != '\n') && !feof(l->file)) {
		wrong(l, l->line, NULL, NULL,
		      "the line is too long or holds a NUL byte; 198 bytes are the limit");
		return NULL;
	}
	return out;
}

/* The last line that belongs to a section, for what is missing in it. */
static unsigned section_line(const struct load *l, const char *section)
{
	unsigned line = 0;

	for (size_t i = 0; i < l->n; i++) {
		if (strcmp(l->keys[i].section, section) == 0 && l->keys[i].line > line) {
			line = l->keys[i].line;
		}
	}
	return line != 0 ? line : l->line;
}

static void fill_in(struct load *l)
{
	for (size_t i = 0; i < l->n; i++) {
		struct conf_key *k = &l->keys[i];
		const char *what = NULL;
		if (k->line != 0) {
			continue;
		}
		if (k->required) {
			what = "is missing; add it to this section";
		} else if (k->fallback != NULL) {
			what = take(k, k->fallback);
		}
		if (what != NULL) {
			wrong(l, section_line(l, k->section), k->section, k->name, what);
		}
	}
}

static enum err parse(struct load *l)
{
	int syntax = ini_parse_stream(next_line, l, on_value, l);

	/* A line that libinih cannot read does not come to on_value; the earlier error counts. */
	if (syntax > 0 && (l->error_line == 0 || (unsigned)syntax < l->error_line)) {
		l->error_line = 0;
		wrong(l, (unsigned)syntax, NULL, NULL,
		      "is not \"[section]\", \"key = value\" or \"# comment\"; mend the line");
	}
	if (ferror(l->file)) {
		return report_errno(l->report, "cannot read", l->path, errno, "check the disk");
	}
	if (l->error_line == 0) {
		fill_in(l);
	}
	return l->error_line == 0 ? OK : ERR_INPUT;
}

enum err conf_load(const char *path, struct conf_key *keys, size_t n, struct report *ret_report)
{
	struct load l = {.path = path, .keys = keys, .n = n, .report = ret_report};
	struct stat st;

	for (size_t i = 0; i < n; i++) {
		keys[i].line = 0;
	}
	l.file = fopen(path, "re");
	if (l.file == NULL) {
		return report_errno(ret_report, "cannot open", path, errno,
		                    "name the configuration file with --config");
	}
	enum err e;
	if (fstat(fileno(l.file), &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > CONF_FILE_MAX) {
		e = report_set(ret_report, ERR_INPUT,
		               (const char *[]){path, ":1: is not a configuration file; name a "
		                                "regular file of at most 1 MiB", NULL});
	} else {
		e = parse(&l);
	}
	(void)fclose(l.file);
	return e;
}

enum err conf_wrong(const char *path, const struct conf_key *keys, size_t n, const char *name,
                    const char *what, struct report *ret_report)
{
	struct load l = {.path = path, .n = n, .report = ret_report};
	struct bytes key = bytes_text(name);
	char section[CONF_TEXT_BYTES];
	struct writer w = writer_fixed(section, sizeof(section) - 1);
	unsigned line = 0;

	write_bytes(&w, bytes_split(&key, '.'));
	section[w.used] = '\0';
	for (size_t i = 0; i < n; i++) {
		bool same = strcmp(keys[i].section, section) == 0;
		if (same && bytes_is(key, keys[i].name) && keys[i].line != 0) {
			line = keys[i].line;
			break;
		}
		if (same && keys[i].line > line) {
			line = keys[i].line;
		}
	}
	wrong(&l, line, section, (const char *)key.p, what);
	return ERR_INPUT;
}

bool conf_given(const struct conf_key *keys, size_t n, const char *section, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(keys[i].section, section) == 0 && strcmp(keys[i].name, name) == 0) {
			return keys[i].line != 0;
		}
	}
	return false;
}

bool conf_loopback(const struct conf_listen *listen)
{
	uint8_t ip[16];
	static const uint8_t one[16] = {[15] = 1};

	if (inet_pton(AF_INET, listen->address, ip) == 1) {
		return ip[0] == 127;
	}
	return inet_pton(AF_INET6, listen->address, ip) == 1 && memcmp(ip, one, sizeof(one)) == 0;
}
