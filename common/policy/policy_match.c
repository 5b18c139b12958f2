/*
 * Matching. A cursor hands out the pattern character by character; what a variable stands for comes out of the same cursor, as
 * plain characters. The matcher remembers the last star only: on a mismatch that star takes more. So the time is at most pattern times
 * text, and the steps are counted.
 */
#include "common/policy/compiled.h"

enum { LOOK_STEPS = 4 }; /* for each thing that the request says */

enum token {
	TOKEN_END,
	TOKEN_BYTE,
	TOKEN_ONE,    /* ? */
	TOKEN_STAR,   /* * */
	TOKEN_BROKEN, /* a variable that has no value, or several */
};

struct cursor {
	struct bytes rest;   /* of the pattern */
	struct bytes inside; /* rest of what a variable stands for */
};

/* ${key}, ${key, 'default'}, ${*}, ${?}, ${$}. */
struct variable {
	struct bytes key;
	struct bytes fallback; /* p NULL without */
	size_t size;           /* bytes of the pattern */
};

static bool at_variable(struct bytes b)
{
	return b.n >= 2 && b.p[0] == '$' && b.p[1] == '{';
}

static enum err read_fallback(struct bytes b, size_t quote, struct variable *ret)
{
	struct bytes name = bytes_trim(bytes_first(b, quote));
	size_t end;

	if (name.n == 0 || name.p[name.n - 1] != ',') {
		return ERR_INPUT;
	}
	struct bytes behind = bytes_skip(b, quote + 1);
	if (!bytes_find(behind, '\'', &end) || end + 1 >= behind.n || behind.p[end + 1] != '}') {
		return ERR_INPUT;
	}
	ret->key = bytes_trim(bytes_first(name, name.n - 1));
	ret->fallback = bytes_first(behind, end);
	ret->size = 2 + quote + 1 + end + 2;
	return OK;
}

/* b begins with "${". */
static enum err read_variable(struct bytes b, struct variable *ret)
{
	struct bytes body = bytes_skip(b, 2);
	size_t end, quote;

	*ret = (struct variable){0};
	if (!bytes_find(body, '}', &end)) {
		return ERR_INPUT;
	}
	if (bytes_find(bytes_first(body, end), '\'', &quote)) {
		return read_fallback(body, quote, ret);
	}
	ret->key = bytes_trim(bytes_first(body, end));
	ret->size = 2 + end + 1;
	return OK;
}

static bool is_escape(struct bytes key)
{
	return bytes_is(key, "*") || bytes_is(key, "?") || bytes_is(key, "$");
}

enum err glob_check(struct bytes pattern)
{
	size_t at;

	while (bytes_find(pattern, '$', &at)) {
		struct variable v = {.size = 1};
		pattern = bytes_skip(pattern, at);
		if (at_variable(pattern)) {
			TRY(read_variable(pattern, &v));
			if (!is_escape(v.key) && !names_key_known(v.key)) {
				return ERR_INPUT;
			}
		}
		pattern = bytes_skip(pattern, v.size);
	}
	return OK;
}

bool glob_is_fixed(const struct glob *g)
{
	size_t at;

	if (g->wildcards && (bytes_find(g->pattern, '*', &at) || bytes_find(g->pattern, '?', &at))) {
		return false;
	}
	return !g->variables || !bytes_find(g->pattern, '$', &at);
}

struct bytes glob_split(struct bytes *rest, uint8_t separator, bool variables)
{
	struct bytes whole = *rest;
	size_t at = 0;

	while (at < whole.n && whole.p[at] != separator) {
		struct variable v = {.size = 1};
		struct bytes here = bytes_skip(whole, at);
		if (variables && at_variable(here) && read_variable(here, &v) != OK) {
			v.size = 1;
		}
		at += v.size;
	}
	*rest = at < whole.n ? bytes_skip(whole, at + 1) : (struct bytes){NULL, 0};
	return bytes_first(whole, at);
}

void trial_pay(struct trial *t, size_t steps)
{
	t->steps_left -= steps < t->steps_left ? steps : t->steps_left;
}

bool trial_look(struct trial *t)
{
	if (t->steps_left == 0) {
		return false;
	}
	trial_pay(t, (t->request->n_context + 1) * LOOK_STEPS);
	return true;
}

/* What a variable stands for; false without exactly one value. */
static bool resolve(const struct variable *v, struct trial *t, struct bytes *ret)
{
	struct bytes second;
	size_t at = 0;

	if (is_escape(v->key)) {
		*ret = v->key;
		return true;
	}
	if (t == NULL || !trial_look(t)) {
		return false;
	}
	const struct policy_request *q = t->request;
	if (!names_given(q, v->key, &at, ret)) {
		*ret = v->fallback;
		return v->fallback.p != NULL;
	}
	return !names_given(q, v->key, &at, &second);
}

/* b is not empty. */
static uint8_t take(struct bytes *b)
{
	b->n--;
	return *b->p++;
}

/* t NULL: whatever the variables stand for. */
static enum token next(const struct glob *g, struct trial *t, struct cursor *c, uint8_t *ret)
{
	struct variable v;

	while (c->inside.n == 0) {
		if (c->rest.n == 0) {
			return TOKEN_END;
		}
		if (!g->variables || !at_variable(c->rest)) {
			*ret = take(&c->rest);
			if (g->wildcards && *ret == '*') {
				return TOKEN_STAR;
			}
			return g->wildcards && *ret == '?' ? TOKEN_ONE : TOKEN_BYTE;
		}
		if (read_variable(c->rest, &v) != OK || !resolve(&v, t, &c->inside)) {
			return TOKEN_BROKEN;
		}
		c->rest = bytes_skip(c->rest, v.size);
	}
	*ret = take(&c->inside);
	return TOKEN_BYTE;
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

bool names_same(struct bytes a, struct bytes b)
{
	size_t i = 0;

	if (a.n != b.n) {
		return false;
	}
	while (i < a.n && lower(a.p[i]) == lower(b.p[i])) {
		i++;
	}
	return i == a.n;
}

static bool same(const struct glob *g, uint8_t a, uint8_t b)
{
	return g->nocase ? lower(a) == lower(b) : a == b;
}

/* One character of the text: UTF-8 where it is that. */
static struct bytes skip_character(struct bytes text)
{
	size_t n = bytes_utf8_length(text);

	return bytes_skip(text, n == 0 ? 1 : n);
}

/* The last star seen, and where its share of the text ends. */
struct star {
	struct cursor behind;
	struct bytes text;
	bool seen;
	enum token next; /* what must follow; with BYTE only where `byte` stands it is worth going on */
	uint8_t byte;
};

static void begin_star(const struct glob *g, struct cursor c, struct bytes text, struct trial *t,
                       struct star *ret)
{
	*ret = (struct star){.behind = c, .text = text, .seen = true};
	ret->next = next(g, t, &c, &ret->byte);
}

/* The star takes one character more, or as many as must be. false: there is no more. */
static bool extend_star(const struct glob *g, struct star *star)
{
	size_t at;

	if (star->text.n == 0) {
		return false;
	}
	star->text = skip_character(star->text);
	if (star->next != TOKEN_BYTE || g->nocase) {
		return true;
	}
	if (!bytes_find(star->text, star->byte, &at)) {
		return false;
	}
	star->text = bytes_skip(star->text, at);
	return true;
}

/* The quick way over what is the same and means itself. They are steps all the same. */
static void skip_equal(const struct glob *g, struct cursor *c, struct bytes *text, struct trial *t)
{
	size_t most = c->rest.n < text->n ? c->rest.n : text->n;
	size_t n = 0;

	if (c->inside.n > 0) {
		return;
	}
	most = most < t->steps_left ? most : t->steps_left - 1;
	while (n < most && same(g, c->rest.p[n], text->p[n]) && c->rest.p[n] != '*' &&
	       c->rest.p[n] != '?' && c->rest.p[n] != '$') {
		n++;
	}
	c->rest = bytes_skip(c->rest, n);
	*text = bytes_skip(*text, n);
	t->steps_left -= n;
}

bool glob_match(const struct glob *g, struct bytes text, struct trial *t, bool *ret_broken)
{
	struct cursor c = {.rest = g->pattern};
	struct star star = {.seen = false};
	uint8_t byte = 0;

	for (; t->steps_left > 0; trial_pay(t, 1)) {
		skip_equal(g, &c, &text, t);
		enum token token = next(g, t, &c, &byte);
		if (token == TOKEN_BROKEN) {
			break;
		}
		if (token == TOKEN_STAR) {
			begin_star(g, c, text, t, &star);
			if (star.next == TOKEN_END) {
				return true;
			}
		} else if (token == TOKEN_END && text.n == 0) {
			return true;
		} else if (token != TOKEN_END && text.n == 0) {
			return false; /* what the star takes more is missing here all the more */
		} else if (token == TOKEN_ONE) {
			text = skip_character(text);
		} else if (token == TOKEN_BYTE && same(g, byte, text.p[0])) {
			take(&text);
		} else if (star.seen && extend_star(g, &star)) {
			text = star.text;
			c = star.behind;
		} else {
			return false;
		}
	}
	if (ret_broken != NULL) {
		*ret_broken = true;
	}
	return false;
}

bool glob_can_begin(const struct glob *g, struct bytes prefix)
{
	struct cursor c = {.rest = g->pattern};
	uint8_t byte = 0;

	while (prefix.n > 0) {
		switch (next(g, NULL, &c, &byte)) {
		case TOKEN_STAR:
		case TOKEN_BROKEN: return true; /* they can take the rest of the prefix, and more */
		case TOKEN_END: return false;
		case TOKEN_ONE: prefix = skip_character(prefix); break;
		case TOKEN_BYTE:
			if (!same(g, byte, take(&prefix))) {
				return false;
			}
			break;
		}
	}
	return true;
}

bool policy_match(struct bytes pattern, struct bytes text)
{
	const struct glob g = {.pattern = pattern, .wildcards = true};
	struct trial t = {.steps_left = SIZE_MAX};

	return glob_match(&g, text, &t, NULL);
}
