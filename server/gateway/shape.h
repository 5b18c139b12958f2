/*
 * The schema of a configuration document as data: which elements, how often, and what their text
 * may be. A document is checked against it and written anew from it, so what is stored and given
 * back holds nothing that was not understood. Pure.
 */
#ifndef REMPART_GATEWAY_SHAPE_H
#define REMPART_GATEWAY_SHAPE_H
#include "common/codec/xml.h"
#include "server/gateway/s3error.h"

struct shape {
	const char *name;             /* NULL ends a list of children */
	uint32_t min, max;            /* how often it stands in its parent */
	const struct shape *children; /* NULL: text */
	enum s3error (*check)(struct bytes text); /* of a text; NULL: any */
	/* part of S3, not of this: NotImplemented, once nothing else is wrong */
	bool unbuilt;
};
/* shape_check: errors MALFORMED_XML (not the schema), NOT_IMPLEMENTED, those of the checks */
enum s3error shape_check(const struct xml_node *node, const struct shape *shape);
/* shape_read: parse a document and check it. errors: as shape_check; MALFORMED_XML also of more
 * than `nodes_max` elements */
enum s3error shape_read(struct arena *a, struct bytes text, size_t nodes_max,
                        const struct shape *shape, struct xml_node **ret);
/* shape_write: the document of a checked tree, with S3's name space. */
void shape_write(struct writer *w, const struct xml_node *root, const struct shape *shape);
/* shape_add: one more child, last. false: no room in the arena. */
bool shape_add(struct arena *a, struct xml_node *parent, const char *name, struct bytes text);

/* Texts that several documents have. errors: MALFORMED_XML */
enum s3error shape_is_bool(struct bytes text);
bool shape_one_of(struct bytes text, const char *const *words, size_t n);
size_t shape_characters(struct bytes utf8); /* length as S3 counts it */

#endif
