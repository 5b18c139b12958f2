/*
 * XML. In: expat drives the handlers below, which build the tree in the arena. A fault in a handler
 * stops the parser and is kept in `struct builder`. Entity attacks have no ground: a DTD is an
 * error, so there is nothing but the five entities that every parser knows.
 */
#include "common/codec/xml.h"

#include <expat.h>
#include <limits.h>
#include <string.h>

enum { DEPTH_MAX = 16 };

/* Between namespace and name in expat's names; no URI and no name contains it. */
static const char separator = '\n';

void xml_begin(struct writer *w)
{
	write_text(w, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
}

void xml_open(struct writer *w, const char *element)
{
	write_u8(w, '<');
	write_text(w, element);
	write_u8(w, '>');
}

void xml_close(struct writer *w, const char *element)
{
	write_text(w, "</");
	write_text(w, element);
	write_u8(w, '>');
}

void xml_element(struct writer *w, const char *element, struct bytes text)
{
	xml_open(w, element);
	xml_escape(w, text);
	xml_close(w, element);
}

void xml_element_text(struct writer *w, const char *element, const char *text)
{
	xml_element(w, element, bytes_text(text));
}

void xml_element_u64(struct writer *w, const char *element, uint64_t v)
{
	xml_open(w, element);
	write_decimal(w, v);
	xml_close(w, element);
}

void xml_element_bool(struct writer *w, const char *element, bool v)
{
	xml_element_text(w, element, v ? "true" : "false");
}

/* The characters U+FFFE and U+FFFF are UTF-8 but not XML. */
static bool is_noncharacter(struct bytes b)
{
	return b.n >= 3 && b.p[0] == 0xef && b.p[1] == 0xbf && b.p[2] >= 0xbe;
}

/* ASCII that may stand as it is. Not \r: a parser would turn it into \n. */
static const bool plain_ascii[256] = {
	['\t'] = true,         ['\n'] = true,         [' ' ... '!'] = true,
	['#' ... '%'] = true,  ['\'' ... ';'] = true, ['='] = true,
	['?' ... 0x7f] = true,
};

/* How many bytes from the start of b may stand as they are. */
static size_t plain_length(struct bytes b)
{
	size_t at = 0;

	for (;;) {
		while (at < b.n && plain_ascii[b.p[at]]) {
			at++;
		}
		if (at == b.n || b.p[at] < 0x80) {
			return at;
		}
		struct bytes rest = bytes_skip(b, at);
		size_t n = is_noncharacter(rest) ? 0 : bytes_utf8_length(rest);
		if (n == 0) {
			return at;
		}
		at += n;
	}
}

static void write_reference(struct writer *w, unsigned value)
{
	static const char digits[] = "0123456789ABCDEF";
	unsigned shift = value > 0xff ? 12 : value > 0xf ? 4 : 0;

	write_text(w, "&#x");
	for (;; shift -= 4) {
		write_u8(w, (uint8_t)digits[value >> shift & 15]);
		if (shift == 0) {
			break;
		}
	}
	write_u8(w, ';');
}

/* The form of the character at the start of b, and its length. */
static size_t write_special(struct writer *w, struct bytes b)
{
	if (is_noncharacter(b)) {
		write_reference(w, 0xff00U | (b.p[2] + 0x40U));
		return 3;
	}
	switch (b.p[0]) {
	case '&': write_text(w, "&amp;"); break;
	case '<': write_text(w, "&lt;"); break;
	case '>': write_text(w, "&gt;"); break;
	case '"': write_text(w, "&quot;"); break;
	default:
		if (b.p[0] >= 0x80) {
			write_text(w, "\xef\xbf\xbd"); /* not UTF-8: U+FFFD */
		} else {
			write_reference(w, b.p[0]);
		}
	}
	return 1;
}

void xml_escape(struct writer *w, struct bytes text)
{
	while (text.n > 0) {
		size_t plain = plain_length(text);
		write_bytes(w, bytes_first(text, plain));
		text = bytes_skip(text, plain);
		if (text.n > 0) {
			text = bytes_skip(text, write_special(w, text));
		}
	}
}

/* An element that is open. */
struct open {
	struct xml_node *node;
	struct xml_node **tail; /* where its next child goes */
	size_t text_at;         /* where its text starts in the builder's text */
};

struct builder {
	XML_Parser parser;
	struct arena *arena;
	struct writer text; /* of the open elements, inner behind outer: each is contiguous at its end */
	struct xml_node *root;
	size_t elements_left;
	unsigned depth;
	enum err err;
	struct open open[DEPTH_MAX];
};

static void stop(struct builder *b, enum err e)
{
	if (b->err == OK) {
		b->err = e;
	}
	(void)XML_StopParser(b->parser, XML_FALSE);
}

static void on_start(void *user, const XML_Char *name, const XML_Char **attributes)
{
	struct builder *b = user;

	(void)attributes;
	if (b->err != OK) { /* expat may still deliver after a stop */
		return;
	}
	if (b->depth == DEPTH_MAX) {
		stop(b, ERR_INPUT);
		return;
	}
	if (b->elements_left == 0) {
		stop(b, ERR_LIMIT);
		return;
	}
	const char *local = strrchr(name, separator);
	struct xml_node *node = arena_alloc(b->arena, sizeof(*node));
	struct bytes copy = arena_copy(b->arena, bytes_text(local == NULL ? name : local + 1));
	if (node == NULL || copy.p == NULL) {
		stop(b, ERR_LIMIT);
		return;
	}
	node->name = copy;
	node->text = BYTES("");
	if (b->depth == 0) {
		b->root = node;
	} else {
		struct open *parent = &b->open[b->depth - 1];
		*parent->tail = node;
		parent->tail = &node->next;
	}
	b->elements_left--;
	b->open[b->depth++] = (struct open){node, &node->child, b->text.used};
}

static void on_end(void *user, const XML_Char *name)
{
	struct builder *b = user;

	(void)name;
	if (b->err != OK) {
		return;
	}
	struct open *o = &b->open[--b->depth];
	struct bytes text = bytes_skip(writer_bytes(&b->text), o->text_at);
	if (text.n == 0) {
		return;
	}
	o->node->text = arena_copy(b->arena, text);
	b->text.used = o->text_at;
	if (o->node->text.p == NULL) {
		stop(b, ERR_LIMIT);
	}
}

static void on_text(void *user, const XML_Char *text, int n)
{
	struct builder *b = user;

	if (b->err != OK) {
		return;
	}
	write_bytes(&b->text, bytes_of(text, (size_t)n));
	if (b->text.full) { /* text is never longer than the document: no memory */
		stop(b, ERR_NOMEM);
	}
}

static void on_doctype(void *user, const XML_Char *name, const XML_Char *system_id,
                       const XML_Char *public_id, int has_internal)
{
	(void)name;
	(void)system_id;
	(void)public_id;
	(void)has_internal;
	stop(user, ERR_INPUT);
}

static enum err run(struct builder *b, struct bytes document)
{
	XML_SetUserData(b->parser, b);
	XML_SetElementHandler(b->parser, on_start, on_end);
	XML_SetCharacterDataHandler(b->parser, on_text);
	XML_SetStartDoctypeDeclHandler(b->parser, on_doctype);
	if (XML_Parse(b->parser, (const char *)document.p, (int)document.n, 1) == XML_STATUS_OK) {
		return b->err;
	}
	if (b->err != OK) {
		return b->err;
	}
	return XML_GetErrorCode(b->parser) == XML_ERROR_NO_MEMORY ? ERR_NOMEM : ERR_INPUT;
}

enum err xml_parse(struct arena *a, struct bytes document, size_t elements_max,
                   struct xml_node **ret)
{
	if (document.n == 0) {
		return ERR_INPUT;
	}
	if (document.n > INT_MAX) { /* what expat takes */
		return ERR_LIMIT;
	}
	struct builder b = {
		/* The encoding is set from here: the declaration has no say. */
		.parser = XML_ParserCreateNS("UTF-8", separator),
		.arena = a,
		.text = writer_growing(document.n),
		.elements_left = elements_max,
	};
	if (b.parser == NULL) {
		return ERR_NOMEM;
	}
	enum err e = run(&b, document);
	XML_ParserFree(b.parser);
	writer_free(&b.text);
	if (e == OK) {
		*ret = b.root;
	}
	return e;
}

/* The first of that name from `node` on. */
static const struct xml_node *find(const struct xml_node *node, const char *name)
{
	while (node != NULL && !bytes_is(node->name, name)) {
		node = node->next;
	}
	return node;
}

const struct xml_node *xml_child(const struct xml_node *node, const char *name)
{
	return node == NULL ? NULL : find(node->child, name);
}

const struct xml_node *xml_next(const struct xml_node *node, const char *name)
{
	return node == NULL ? NULL : find(node->next, name);
}

struct bytes xml_text(const struct xml_node *node, const char *child)
{
	const struct xml_node *found = xml_child(node, child);

	return found == NULL ? (struct bytes){NULL, 0} : found->text;
}
