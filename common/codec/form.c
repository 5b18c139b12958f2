/*
 * The form decoder: one scanner for the delimiter, and what a run of bytes before it means (state). The delimiter is CR LF "--" boundary
 * and holds no CR but its first: so a match that fails fails as a whole, the bytes that had matched are known and need no buffer,
 * and none of them can begin another match.
 */
#include "common/codec/form.h"

#include <string.h>

#include "common/base/secret.h"

enum { DELIMITER_MAX = FORM_BOUNDARY_MAX + 4, CRLF = 2 };

enum state {
	STATE_PREAMBLE,  /* before the first delimiter */
	STATE_TAIL,      /* behind a delimiter: "--", or padding and CR LF */
	STATE_HEAD,      /* in the headers of a part */
	STATE_VALUE,     /* in a field */
	STATE_FILE,
	STATE_CLOSED,    /* the close delimiter came without a file */
	STATE_COMPLETE,  /* the file is there */
	STATE_FAILED,
};

struct form {
	struct form_sink sink;
	enum state state;
	enum err failure;             /* in STATE_FAILED */
	bool file_done;               /* in STATE_TAIL: of the file's delimiter */
	uint8_t last;                 /* in STATE_TAIL: the byte before, when it counts */
	size_t matched;               /* bytes of the delimiter that the last push ended with */
	size_t delimiter_bytes;
	uint8_t delimiter[DELIMITER_MAX];
	size_t taken;                 /* bytes before the file */
	size_t head_at;               /* of this part's headers in text */
	struct field fields[FORM_FIELDS_MAX];
	size_t n_fields;
	size_t used;
	uint8_t text[FORM_HEAD_MAX];  /* part headers and values */
};

/* --- Content-Type ------------------------------------------------------------------------- */

/* RFC 2046 bchars; a space may stand inside. */
static bool is_boundary(struct bytes b)
{
	static const struct bytes marks = {(const uint8_t *)"'()+_,-./:=? ", 13};

	for (size_t i = 0; i < b.n; i++) {
		uint8_t c = b.p[i];
		size_t at;
		bool alphanumeric = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
		                    (c >= 'A' && c <= 'Z');
		if (!alphanumeric && !bytes_find(marks, c, &at)) {
			return false;
		}
	}
	return b.n >= 1 && b.n <= FORM_BOUNDARY_MAX && b.p[b.n - 1] != ' ';
}

/*
 * One `; name=value` off the front. A quoted value may hold \" (older browsers); any other backslash is itself, since browsers
 * write the paths of Windows so. The value stays as it stands there.
 */
static bool take_parameter(struct bytes *rest, struct bytes *ret_name, struct bytes *ret_value)
{
	struct bytes b = bytes_trim(*rest);
	size_t at;

	if (!bytes_starts(b, BYTES(";"))) {
		return false;
	}
	b = bytes_trim(bytes_skip(b, 1));
	if (!bytes_find(b, '=', &at) || at == 0) {
		return false;
	}
	*ret_name = bytes_trim(bytes_first(b, at));
	b = bytes_trim(bytes_skip(b, at + 1));
	if (!bytes_starts(b, BYTES("\""))) {
		at = bytes_find(b, ';', &at) ? at : b.n;
		*ret_value = bytes_trim(bytes_first(b, at));
		*rest = bytes_skip(b, at);
		return true;
	}
	for (at = 1; at < b.n && b.p[at] != '"'; at++) {
		at += b.p[at] == '\\' && at + 1 < b.n && b.p[at + 1] == '"';
	}
	*ret_value = bytes_skip(bytes_first(b, at), 1);
	*rest = bytes_skip(b, at + 1);
	return at < b.n;
}

enum err form_boundary(struct bytes content_type, struct bytes *ret)
{
	struct bytes rest = content_type;
	struct bytes name, value;
	struct bytes found = {NULL, 0};
	size_t at;

	at = bytes_find(rest, ';', &at) ? at : rest.n;
	if (!bytes_is_nocase(bytes_trim(bytes_first(rest, at)), "multipart/form-data")) {
		return ERR_NOTFOUND;
	}
	rest = bytes_trim(bytes_skip(rest, at));
	while (rest.n > 0) {
		if (!take_parameter(&rest, &name, &value)) {
			return ERR_INPUT;
		}
		if (!bytes_is_nocase(name, "boundary")) {
			continue;
		}
		if (found.p != NULL) {
			return ERR_INPUT;
		}
		found = value;
	}
	if (!is_boundary(found)) {
		return ERR_INPUT;
	}
	*ret = found;
	return OK;
}

struct form *form_new(struct arena *a, struct bytes boundary, struct form_sink sink)
{
	struct form *f = arena_alloc(a, sizeof(*f));

	if (f == NULL || boundary.n > FORM_BOUNDARY_MAX) {
		return NULL;
	}
	struct writer w = writer_fixed(f->delimiter, sizeof(f->delimiter));
	write_text(&w, "\r\n--");
	write_bytes(&w, boundary);
	f->delimiter_bytes = w.used;
	f->sink = sink;
	f->matched = CRLF; /* the first delimiter begins the body: as if a line had ended before */
	return f;
}

/* --- a part's headers --------------------------------------------------------------------- */

static struct bytes lower(struct form *f, struct bytes b)
{
	uint8_t *p = f->text + (b.p - f->text);

	for (size_t i = 0; i < b.n; i++) {
		p[i] = p[i] >= 'A' && p[i] <= 'Z' ? (uint8_t)(p[i] | 0x20) : p[i];
	}
	return b;
}

/* form-data; name="..."; filename="...": each once. */
static enum err read_disposition(struct bytes value, struct bytes *ret_name, struct bytes *ret_file)
{
	struct bytes rest = value;
	struct bytes name, text;
	size_t at;

	at = bytes_find(rest, ';', &at) ? at : rest.n;
	if (!bytes_is_nocase(bytes_trim(bytes_first(rest, at)), "form-data")) {
		return ERR_INPUT;
	}
	rest = bytes_skip(rest, at);
	while (bytes_trim(rest).n > 0) {
		if (!take_parameter(&rest, &name, &text)) {
			return ERR_INPUT;
		}
		struct bytes *into = bytes_is_nocase(name, "name")       ? ret_name
		                     : bytes_is_nocase(name, "filename") ? ret_file
		                                                         : NULL;
		if (into != NULL && into->p != NULL) {
			return ERR_INPUT;
		}
		if (into != NULL) {
			*into = text;
		}
	}
	return ret_name->n > 0 ? OK : ERR_INPUT;
}

static bool take_line(struct bytes *rest, struct bytes *ret)
{
	size_t at;

	if (!bytes_find(*rest, '\r', &at) || at + 1 >= rest->n || rest->p[at + 1] != '\n') {
		return false;
	}
	*ret = bytes_first(*rest, at);
	*rest = bytes_skip(*rest, at + CRLF);
	return true;
}

/* The headers are complete: text from head_at on, the empty line included. */
static enum err end_head(struct form *f)
{
	struct bytes rest = bytes_of(f->text + f->head_at, f->used - f->head_at);
	struct bytes name = {NULL, 0}, file_name = {NULL, 0};
	struct bytes line;

	while (take_line(&rest, &line) && line.n > 0) {
		struct bytes value = line;
		struct bytes header = bytes_split(&value, ':');
		if (value.p == NULL) {
			return ERR_INPUT;
		}
		if (!bytes_is_nocase(header, "content-disposition")) {
			continue;
		}
		if (name.p != NULL) {
			return ERR_INPUT;
		}
		TRY(read_disposition(value, &name, &file_name));
	}
	if (name.p == NULL || rest.n > 0) {
		return ERR_INPUT;
	}
	name = lower(f, name);
	if (bytes_is(name, "file")) {
		f->state = STATE_FILE;
		return f->sink.fields(f->sink.context, f->fields, f->n_fields, file_name);
	}
	if (f->n_fields == FORM_FIELDS_MAX) {
		return ERR_LIMIT;
	}
	f->fields[f->n_fields++] = (struct field){name, bytes_of(f->text + f->used, 0)};
	f->state = STATE_VALUE;
	return OK;
}

/* --- the scanner -------------------------------------------------------------------------- */

/* Bytes that are no part of a delimiter. */
static enum err pass(struct form *f, struct bytes b)
{
	if (b.n == 0 || f->state == STATE_PREAMBLE) {
		return OK;
	}
	if (f->state == STATE_FILE) {
		return f->sink.file(f->sink.context, b);
	}
	if (b.n > sizeof(f->text) - f->used) {
		return ERR_LIMIT;
	}
	memcpy(f->text + f->used, b.p, b.n);
	f->used += b.n;
	f->fields[f->n_fields - 1].value.n += b.n;
	return OK;
}

/* How far b goes on with the delimiter from `matched` on. */
static size_t match(const struct form *f, struct bytes b)
{
	size_t n = 0;

	while (n < b.n && f->matched + n < f->delimiter_bytes &&
	       b.p[n] == f->delimiter[f->matched + n]) {
		n++;
	}
	return n;
}

static void end_part(struct form *f)
{
	f->file_done = f->state == STATE_FILE;
	f->state = STATE_TAIL;
	f->matched = 0;
	f->last = 0;
}

/* A begun match: *b behind what goes on with it. */
static enum err resume(struct form *f, struct bytes *b)
{
	size_t n = match(f, *b);

	*b = bytes_skip(*b, n);
	f->matched += n;
	if (f->matched == f->delimiter_bytes) {
		end_part(f);
	} else if (b->n > 0) {
		size_t known = f->matched;
		f->matched = 0;
		return pass(f, bytes_of(f->delimiter, known));
	}
	return OK;
}

/* Up to the next delimiter, or all but what may be the begin of one. */
static enum err scan(struct form *f, struct bytes *b)
{
	struct bytes all = *b;
	size_t at = 0;

	while (at < all.n) {
		size_t cr;
		if (!bytes_find(bytes_skip(all, at), '\r', &cr)) {
			break;
		}
		at += cr;
		size_t n = match(f, bytes_skip(all, at));
		if (n == f->delimiter_bytes || at + n == all.n) {
			TRY(pass(f, bytes_first(all, at)));
			*b = bytes_skip(all, at + n);
			f->matched = n;
			if (n == f->delimiter_bytes) {
				end_part(f);
			}
			return OK;
		}
		at += n;
	}
	*b = bytes_skip(all, all.n);
	return pass(f, all);
}

static enum err take_part(struct form *f, struct bytes *b)
{
	return f->matched > 0 ? resume(f, b) : scan(f, b);
}

/* Behind a delimiter, byte by byte: "--" closes; spaces and tabs may pad the line. */
static enum err take_tail(struct form *f, struct bytes *b)
{
	uint8_t c = b->p[0];
	uint8_t last = f->last;

	*b = bytes_skip(*b, 1);
	f->last = c;
	if ((last == '-' && c == '-') || (last == '\r' && c == '\n')) {
		f->state = f->file_done ? STATE_COMPLETE : c == '-' ? STATE_CLOSED : STATE_HEAD;
		f->head_at = f->used;
		return OK;
	}
	bool padding = last == ' ' || last == '\t';
	bool good = (c == '-' && last == 0) || (c == '\r' && (last == 0 || padding)) ||
	            ((c == ' ' || c == '\t') && (last == 0 || padding));
	return good ? OK : ERR_INPUT;
}

static bool head_ends(const struct form *f)
{
	size_t n = f->used - f->head_at;

	return (n >= 4 && memcmp(f->text + f->used - 4, "\r\n\r\n", 4) == 0) ||
	       (n == 2 && memcmp(f->text + f->used - 2, "\r\n", 2) == 0);
}

static enum err take_head(struct form *f, struct bytes *b)
{
	if (f->used == sizeof(f->text)) {
		return ERR_LIMIT;
	}
	f->text[f->used++] = b->p[0];
	*b = bytes_skip(*b, 1);
	return head_ends(f) ? end_head(f) : OK;
}

static enum err step(struct form *f, struct bytes *b)
{
	switch (f->state) {
	case STATE_PREAMBLE:
	case STATE_VALUE:
	case STATE_FILE:
		return take_part(f, b);
	case STATE_TAIL:
		return take_tail(f, b);
	case STATE_HEAD:
		return take_head(f, b);
	case STATE_CLOSED:
	case STATE_COMPLETE:
		*b = bytes_skip(*b, b->n);
		return OK;
	case STATE_FAILED:
		break;
	}
	return f->failure;
}

static bool before_file(const struct form *f)
{
	return f->state == STATE_PREAMBLE || f->state == STATE_HEAD || f->state == STATE_VALUE ||
	       (f->state == STATE_TAIL && !f->file_done);
}

enum err form_push(struct form *f, struct bytes b)
{
	enum err e = OK;

	while (b.n > 0 && e == OK) {
		bool counted = before_file(f);
		/* Never more at a time than may still come, so that where the limit strikes does not depend on the cut. */
		struct bytes piece = counted ? bytes_first(b, FORM_HEAD_MAX - f->taken) : b;
		if (piece.n == 0) {
			e = ERR_LIMIT;
			break;
		}
		size_t had = piece.n;
		e = step(f, &piece);
		f->taken += counted ? had - piece.n : 0;
		b = bytes_skip(b, had - piece.n);
	}
	if (e != OK) {
		f->state = STATE_FAILED;
		f->failure = e;
	}
	return e;
}

enum err form_end(struct form *f)
{
	switch (f->state) {
	case STATE_COMPLETE:
		return OK;
	case STATE_CLOSED:
		return ERR_NOTFOUND;
	case STATE_FAILED:
		return f->failure;
	case STATE_PREAMBLE:
	case STATE_TAIL:
	case STATE_HEAD:
	case STATE_VALUE:
	case STATE_FILE:
		break;
	}
	return ERR_INPUT;
}

void form_wipe(struct form *f)
{
	wipe(f->text, sizeof(f->text));
}
