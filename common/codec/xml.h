/*
 * XML, as S3 uses it. Out: one escaping writer. In: a small tree from expat (the only user of
 * expat.h is xml.c), with limits on depth, elements and bytes, no DTD, no entities but the five.
 */
#ifndef REMPART_CODEC_XML_H
#define REMPART_CODEC_XML_H
#include "common/base/arena.h"
#include "common/base/bytes.h"

void xml_begin(struct writer *w);                           /* the declaration line */
void xml_open(struct writer *w, const char *element);       /* <element> ; may carry attributes */
void xml_close(struct writer *w, const char *element);      /* </element> */
void xml_element(struct writer *w, const char *element, struct bytes text); /* escaped */
void xml_element_text(struct writer *w, const char *element, const char *text);
void xml_element_u64(struct writer *w, const char *element, uint64_t v);
void xml_element_bool(struct writer *w, const char *element, bool v);
/* Bytes that XML 1.0 cannot carry (control characters) are written as &#xN; like S3 does. */
void xml_escape(struct writer *w, struct bytes text);

struct xml_node {
	struct bytes name; /* without namespace prefix */
	struct bytes text; /* character data, joined; white space kept */
	struct xml_node *child;
	struct xml_node *next;
};
/* xml_parse: the root element, in the arena. Depth <= 16, elements <= `elements_max`.
 *   errors  INPUT (not well-formed, DTD, too deep), LIMIT (too many elements, arena) */
enum err xml_parse(struct arena *a, struct bytes document, size_t elements_max,
                   struct xml_node **ret);
/* xml_child: the first child of that name, NULL when absent or node is NULL. */
const struct xml_node *xml_child(const struct xml_node *node, const char *name);
/* next sibling of that name */
const struct xml_node *xml_next(const struct xml_node *node, const char *name);
struct bytes xml_text(const struct xml_node *node, const char *child); /* empty when absent */
#endif
