/*
 * What a bucket is configured with, as S3's documents: one row for each kind. Tagging, encryption,
 * ownership and public access are here; CORS and lifecycle have files of their own.
 */
#ifndef REMPART_GATEWAY_CONFIG_DOCUMENT_H
#define REMPART_GATEWAY_CONFIG_DOCUMENT_H
#include "server/gateway/shape.h"
#include "server/index/index.h"

struct config_document {
	enum index_config kind;
	const struct shape *shape;
	uint32_t nodes_max;
	/* check: what the shape cannot say; may add to the tree. NULL: nothing. */
	enum s3error (*check)(struct arena *a, struct xml_node *root);
	enum s3error missing;  /* the answer when there is none */
	unsigned put_status;
};
/* config_document_of: the row of a kind; NULL when it is not built. */
const struct config_document *config_document_of(enum index_config kind);
/* config_document_read: check a document and write it anew into the arena. errors: MALFORMED_XML,
 * NOT_IMPLEMENTED, those of the kind, MESSAGE_LENGTH */
enum s3error config_document_read(struct arena *a, const struct config_document *d,
                                  struct bytes text, struct bytes *ret);
/* config_document_tree: the tree of a stored document. errors: INTERNAL (it was checked when it was
 * stored) */
enum s3error config_document_tree(struct arena *a, const struct config_document *d,
                                  struct bytes stored, struct xml_node **ret);

/* config_encryption: what a stored encryption document says. */
struct config_encryption {
	bool aes256;
	struct bytes key; /* as the client named it; empty: the tenant's default key */
	bool blocks_customer; /* no new object with a key of the customer's (SSE-C) */
};
enum s3error config_encryption(struct arena *a, struct bytes stored, struct config_encryption *ret);
/* config_ownership, config_public_access: what the stored documents say, into *ret; empty: there is
 * none. One that cannot be read counts as the strictest. */
struct bucket_settings;
void config_ownership(struct arena *a, struct bytes stored, struct bucket_settings *ret);
void config_public_access(struct arena *a, struct bytes stored, struct bucket_settings *ret);

#endif
