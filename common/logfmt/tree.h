/*
 * The Merkle tree of RFC 6962 (SHA-256), kept as C2SP tlog-tiles keeps it: for each level the one
 * tile that is still open. That is the whole state: root, partial tiles and proofs follow. Pure.
 */
#ifndef REMPART_LOGFMT_TREE_H
#define REMPART_LOGFMT_TREE_H
#include "common/base/bytes.h"
enum { TREE_HASH_BYTES = 32, TREE_TILE_WIDTH = 256, TREE_LEVELS = 8 };

struct tree_tile {
	uint64_t number;                                   /* of this tile within its level */
	/* hashes in it: 0..255, 256 only on the way out */
	uint32_t width;
	uint8_t hashes[TREE_TILE_WIDTH][TREE_HASH_BYTES];
};
struct tree {
	uint64_t size; /* leaves */
	struct tree_tile open[TREE_LEVELS];
};
void tree_init(struct tree *t);
/* SHA-256(0x00 || entry) */
enum err tree_leaf_hash(struct bytes entry, uint8_t ret[TREE_HASH_BYTES]);
enum err tree_node_hash(const uint8_t *left, const uint8_t *right, uint8_t ret[TREE_HASH_BYTES]);
/* tree_append: add a leaf hash; `full` is called for each tile that this leaf completes, lowest
 * level first, before it is reset; may be NULL. errors: what `full` gives, NOMEM */
enum err tree_append(struct tree *t, const uint8_t leaf[TREE_HASH_BYTES],
                     enum err (*full)(void *context, unsigned level, const struct tree_tile *tile),
                     void *context);
/* tree_tile_root: the hash of a full tile = its entry in the level above. 256 hashes are read. */
enum err tree_tile_root(const uint8_t (*hashes)[TREE_HASH_BYTES],
                        uint8_t ret[TREE_HASH_BYTES]);
enum err tree_root(const struct tree *t, uint8_t ret[TREE_HASH_BYTES]);
/* tree_tile_path: "tile/0/x001/234" or "tile/entries/000.p/17"; width 256 is a full tile. */
void tree_tile_path(struct writer *w, const char *level, uint64_t number, uint32_t width);
/* tree_encode, tree_decode: the state as bytes, for the head of a journal segment. errors: INPUT,
 * LIMIT */
void tree_encode(const struct tree *t, struct writer *w);
enum err tree_decode(struct reader *r, struct tree *ret);
/* tree_check_inclusion: RFC 9162 2.1.3.2. errors: AUTH (does not verify), INPUT */
enum err tree_check_inclusion(uint64_t index, uint64_t size, const uint8_t leaf[TREE_HASH_BYTES],
                              const struct bytes path, const uint8_t root[TREE_HASH_BYTES]);
#endif
