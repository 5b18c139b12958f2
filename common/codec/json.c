/*
 * JSON. In: a scan of our own bounds the nesting and the members of an object before jansson sees
 * the text (jansson recurses, to a depth of 2,048); jansson then decides what is JSON.
 */
#include <jansson.h>

/* jansson.h stands first because codec/json.h renames two of its functions' names. It also has
 * macros for these; the functions of codec/json.h are meant here. */
#undef json_is_object
#undef json_is_array
#undef json_is_string

#include "common/codec/json.h"

#include <assert.h>
#include <errno.h>

enum {
	DEPTH_MAX = 32,
	MEMBERS_MAX = 1024, /* of one object: json_member walks, so this bounds a loop over it */
	NUMBER_TEXT_MAX = 32,
	NUMBER_DIGITS = 15, /* what survives the way through a double: 1.2 stays 1.2 */
};

struct json_writer json_writer_of(struct writer *out)
{
	return (struct json_writer){.out = out};
}

/* What stands before a value: the comma, and inside an object the name. */
static void lead(struct json_writer *j, const char *name)
{
	if (j->depth > 0) {
		uint32_t bit = UINT32_C(1) << (j->depth - 1);
		if ((j->comma & bit) != 0) {
			write_u8(j->out, ',');
		}
		j->comma |= bit;
	}
	if (name != NULL) {
		write_quoted(j->out, bytes_text(name));
		write_u8(j->out, ':');
	}
}

static void begin(struct json_writer *j, const char *name, uint8_t bracket)
{
	assert(j->depth < DEPTH_MAX);
	lead(j, name);
	write_u8(j->out, bracket);
	j->depth++;
	j->comma &= ~(UINT32_C(1) << (j->depth - 1));
}

static void end(struct json_writer *j, uint8_t bracket)
{
	assert(j->depth > 0);
	j->depth--;
	write_u8(j->out, bracket);
}

void json_object_begin(struct json_writer *j, const char *name)
{
	begin(j, name, '{');
}

void json_object_end(struct json_writer *j)
{
	end(j, '}');
}

void json_array_begin(struct json_writer *j, const char *name)
{
	begin(j, name, '[');
}

void json_array_end(struct json_writer *j)
{
	end(j, ']');
}

void json_string(struct json_writer *j, const char *name, struct bytes value)
{
	lead(j, name);
	write_quoted(j->out, value);
}

void json_text(struct json_writer *j, const char *name, const char *value)
{
	json_string(j, name, bytes_text(value));
}

void json_u64(struct json_writer *j, const char *name, uint64_t value)
{
	lead(j, name);
	write_decimal(j->out, value);
}

void json_bool(struct json_writer *j, const char *name, bool value)
{
	lead(j, name);
	write_text(j->out, value ? "true" : "false");
}

void json_null(struct json_writer *j, const char *name)
{
	lead(j, name);
	write_text(j->out, "null");
}

void json_escape(struct writer *w, struct bytes value)
{
	write_quoted(w, value);
}

/* Where the scan stands. `commas` counts per open bracket. */
struct scan {
	size_t commas[DEPTH_MAX];
	bool is_object[DEPTH_MAX];
	unsigned depth;
	bool in_string;
	bool escaped;
};

static void scan_in_string(struct scan *s, uint8_t c)
{
	if (s->escaped) {
		s->escaped = false;
	} else if (c == '\\') {
		s->escaped = true;
	} else if (c == '"') {
		s->in_string = false;
	}
}

static enum err scan_open(struct scan *s, uint8_t c)
{
	if (s->depth == DEPTH_MAX) {
		return ERR_INPUT;
	}
	s->is_object[s->depth] = c == '{';
	s->commas[s->depth] = 0;
	s->depth++;
	return OK;
}

static enum err scan_comma(struct scan *s)
{
	if (s->depth == 0 || !s->is_object[s->depth - 1]) {
		return OK;
	}
	return ++s->commas[s->depth - 1] < MEMBERS_MAX ? OK : ERR_LIMIT;
}

/* One byte outside of strings. Text that is not JSON may do anything here: jansson finds it. */
static enum err scan_byte(struct scan *s, uint8_t c)
{
	switch (c) {
	case '"': s->in_string = true; return OK;
	case '{':
	case '[': return scan_open(s, c);
	case ',': return scan_comma(s);
	case '}':
	case ']': s->depth -= s->depth > 0; return OK;
	default: return OK;
	}
}

static enum err scan(struct bytes text, size_t *ret_where)
{
	struct scan s = {0};

	for (size_t i = 0; i < text.n; i++) {
		if (s.in_string) {
			scan_in_string(&s, text.p[i]);
			continue;
		}
		enum err e = scan_byte(&s, text.p[i]);
		if (e != OK) {
			*ret_where = i;
			return e;
		}
	}
	return OK;
}

/* The two places where the types meet. */
static const json_t *in(const struct json *v)
{
	return (const json_t *)(const void *)v;
}

static struct json *out(json_t *v)
{
	return (struct json *)(void *)v;
}

static enum err parse(struct bytes text, struct json **ret, size_t *ret_where)
{
	json_error_t error;

	TRY(scan(text, ret_where));
	errno = 0;
	/* An empty text may come with p NULL, which jansson takes for a wrong argument: no matter. */
	json_t *v = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, &error);
	if (v == NULL) {
		*ret_where = error.position < 0 ? 0 : (size_t)error.position;
		/* jansson calls a failed allocation a syntax error; errno knows better. */
		return errno == ENOMEM ? ERR_NOMEM : ERR_INPUT;
	}
	*ret = out(v);
	return OK;
}

enum err json_parse(struct bytes text, size_t size_max, struct json **ret, size_t *ret_where)
{
	size_t where = 0;

	if (text.n > size_max) {
		return ERR_LIMIT;
	}
	enum err e = parse(text, ret, &where);
	if (e != OK && ret_where != NULL) {
		*ret_where = where;
	}
	return e;
}

void json_free(struct json *document)
{
	json_decref((json_t *)(void *)document);
}

void json_freep(struct json **document)
{
	json_free(*document);
	*document = NULL;
}

static bool is(const struct json *v, json_type type)
{
	return v != NULL && json_typeof(in(v)) == type;
}

const struct json *json_get(const struct json *object, const char *name)
{
	return is(object, JSON_OBJECT) ? out(json_object_get(in(object), name)) : NULL;
}

bool json_is_object(const struct json *v)
{
	return is(v, JSON_OBJECT);
}

bool json_is_array(const struct json *v)
{
	return is(v, JSON_ARRAY);
}

bool json_is_string(const struct json *v)
{
	return is(v, JSON_STRING);
}

size_t json_count(const struct json *array)
{
	return is(array, JSON_ARRAY) ? json_array_size(in(array)) : 0;
}

const struct json *json_at(const struct json *array, size_t i)
{
	return is(array, JSON_ARRAY) ? out(json_array_get(in(array), i)) : NULL;
}

struct bytes json_bytes(const struct json *v)
{
	if (!is(v, JSON_STRING)) {
		return (struct bytes){NULL, 0};
	}
	return bytes_of(json_string_value(in(v)), json_string_length(in(v)));
}

struct bytes json_get_bytes(const struct json *object, const char *name)
{
	return json_bytes(json_get(object, name));
}

enum err json_number(const struct json *v, uint64_t *ret)
{
	if (v == NULL) {
		return ERR_NOTFOUND;
	}
	if (!is(v, JSON_INTEGER) || json_integer_value(in(v)) < 0) {
		return ERR_INPUT;
	}
	*ret = (uint64_t)json_integer_value(in(v));
	return OK;
}

enum err json_get_u64(const struct json *object, const char *name, uint64_t *ret)
{
	return json_number(json_get(object, name), ret);
}

bool json_get_bool(const struct json *object, const char *name, bool fallback)
{
	const struct json *v = json_get(object, name);

	if (is(v, JSON_TRUE)) {
		return true;
	}
	return is(v, JSON_FALSE) ? false : fallback;
}

enum err json_scalar(const struct json *v, struct writer *w)
{
	char text[NUMBER_TEXT_MAX];

	if (is(v, JSON_STRING)) {
		write_bytes(w, json_bytes(v));
		return writer_end(w);
	}
	if (!is(v, JSON_TRUE) && !is(v, JSON_FALSE) && !is(v, JSON_INTEGER) && !is(v, JSON_REAL)) {
		return ERR_INPUT;
	}
	size_t n = json_dumpb(in(v), text, sizeof(text),
	                      JSON_ENCODE_ANY | JSON_REAL_PRECISION(NUMBER_DIGITS));
	if (n == 0 || n > sizeof(text)) {
		return ERR_INPUT;
	}
	write_bytes(w, bytes_of(text, n));
	return writer_end(w);
}

bool json_member(const struct json *object, size_t i, struct bytes *ret_name,
                 const struct json **ret_value)
{
	if (!is(object, JSON_OBJECT)) {
		return false;
	}
	/* jansson's iterators take a pointer to non-const, and do not change the object. */
	json_t *o = (json_t *)(void *)(uintptr_t)object;
	void *at = json_object_iter(o);
	for (; at != NULL && i > 0; i--) {
		at = json_object_iter_next(o, at);
	}
	if (at == NULL) {
		return false;
	}
	*ret_name = bytes_text(json_object_iter_key(at));
	*ret_value = out(json_object_iter_value(at));
	return true;
}
