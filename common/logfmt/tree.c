/*
 * The tree of RFC 6962 in tiles. A tile of 256 hashes is a perfect subtree of height 8, so a full
 * tile hashes to one entry of the level above, and the root is a fold over the open tiles.
 */
#include "common/logfmt/tree.h"

#include <string.h>

#include "common/crypto/hash.h"

enum {
	TILE_HEIGHT = 8,            /* levels of the tree in one tile */
	GROUP = 1000,               /* tile numbers are written in groups of three digits */
	GROUPS_MAX = 7,             /* of a 64-bit number */
};

void tree_init(struct tree *t)
{
	memset(t, 0, sizeof(*t));
}

enum err tree_leaf_hash(struct bytes entry, uint8_t ret[TREE_HASH_BYTES])
{
	const struct bytes parts[] = {BYTES("\x00"), entry};

	return hash_sha256_parts(parts, 2, ret);
}

enum err tree_node_hash(const uint8_t *left, const uint8_t *right, uint8_t ret[TREE_HASH_BYTES])
{
	const struct bytes parts[] = {
		BYTES("\x01"),
		bytes_of(left, TREE_HASH_BYTES),
		bytes_of(right, TREE_HASH_BYTES),
	};

	return hash_sha256_parts(parts, 3, ret);
}

/* The root of a perfect subtree over n hashes, n a power of two. */
static enum err perfect_root(const uint8_t (*hashes)[TREE_HASH_BYTES], size_t n,
                             uint8_t ret[TREE_HASH_BYTES])
{
	uint8_t row[TREE_TILE_WIDTH][TREE_HASH_BYTES];

	memcpy(row, hashes, n * TREE_HASH_BYTES);
	for (; n > 1; n /= 2) {
		for (size_t i = 0; i < n / 2; i++) {
			TRY(tree_node_hash(row[2 * i], row[2 * i + 1], row[i]));
		}
	}
	memcpy(ret, row[0], TREE_HASH_BYTES);
	return OK;
}

enum err tree_tile_root(const uint8_t (*hashes)[TREE_HASH_BYTES],
                        uint8_t ret[TREE_HASH_BYTES])
{
	return perfect_root(hashes, TREE_TILE_WIDTH, ret);
}

enum err tree_append(struct tree *t, const uint8_t leaf[TREE_HASH_BYTES],
                     enum err (*full)(void *context, unsigned level, const struct tree_tile *tile),
                     void *context)
{
	uint8_t hash[TREE_HASH_BYTES];

	memcpy(hash, leaf, sizeof(hash));
	for (unsigned level = 0; level < TREE_LEVELS; level++) {
		struct tree_tile *tile = &t->open[level];
		memcpy(tile->hashes[tile->width++], hash, sizeof(hash));
		if (tile->width < TREE_TILE_WIDTH) {
			break;
		}
		if (full != NULL) {
			TRY(full(context, level, tile));
		}
		TRY(tree_tile_root(tile->hashes, hash));
		tile->number++;
		tile->width = 0;
	}
	t->size++;
	return OK;
}

/* Fold the perfect subtrees of one open tile into the hash of everything to their right. */
static enum err fold(const struct tree_tile *tile, bool *any, uint8_t acc[TREE_HASH_BYTES])
{
	size_t end = tile->width;

	for (size_t n = 1; n <= tile->width; n *= 2) {
		uint8_t peak[TREE_HASH_BYTES];
		if ((tile->width & n) == 0) {
			continue;
		}
		end -= n;
		TRY(perfect_root(&tile->hashes[end], n, peak));
		if (*any) {
			TRY(tree_node_hash(peak, acc, acc));
		} else {
			memcpy(acc, peak, sizeof(peak));
			*any = true;
		}
	}
	return OK;
}

enum err tree_root(const struct tree *t, uint8_t ret[TREE_HASH_BYTES])
{
	uint8_t acc[TREE_HASH_BYTES];
	bool any = false;

	for (unsigned level = 0; level < TREE_LEVELS; level++) {
		TRY(fold(&t->open[level], &any, acc));
	}
	if (!any) {
		return hash_sha256(bytes_of(NULL, 0), ret);
	}
	memcpy(ret, acc, sizeof(acc));
	return OK;
}

void tree_tile_path(struct writer *w, const char *level, uint64_t number, uint32_t width)
{
	uint64_t groups[GROUPS_MAX];
	size_t n = 0;

	do {
		groups[n++] = number % GROUP;
		number /= GROUP;
	} while (number > 0);
	write_text(w, "tile/");
	write_text(w, level);
	while (n > 0) {
		n--;
		write_text(w, n > 0 ? "/x" : "/");
		write_padded(w, groups[n], 3);
	}
	if (width < TREE_TILE_WIDTH) {
		write_text(w, ".p/");
		write_decimal(w, width);
	}
}

/* What stands left of the open part of this level; a shift by 64 is undefined in C. */
static uint64_t hashes_in(uint64_t size, unsigned level)
{
	return level < TREE_LEVELS ? size >> (TILE_HEIGHT * level) : 0;
}

void tree_encode(const struct tree *t, struct writer *w)
{
	write_u64(w, t->size);
	for (unsigned level = 0; level < TREE_LEVELS; level++) {
		const struct tree_tile *tile = &t->open[level];
		write_bytes(w, bytes_of(tile->hashes, (size_t)tile->width * TREE_HASH_BYTES));
	}
}

enum err tree_decode(struct reader *r, struct tree *ret)
{
	uint64_t size = read_u64(r);

	tree_init(ret);
	ret->size = size;
	for (unsigned level = 0; level < TREE_LEVELS; level++) {
		struct tree_tile *tile = &ret->open[level];
		tile->width = (uint32_t)(hashes_in(size, level) % TREE_TILE_WIDTH);
		tile->number = hashes_in(size, level + 1);
		read_into(r, tile->hashes[0], (size_t)tile->width * TREE_HASH_BYTES);
	}
	return r->bad ? ERR_INPUT : OK;
}

enum err tree_check_inclusion(uint64_t index, uint64_t size, const uint8_t leaf[TREE_HASH_BYTES],
                              const struct bytes path, const uint8_t root[TREE_HASH_BYTES])
{
	uint64_t fn = index, sn = size - 1;
	uint8_t hash[TREE_HASH_BYTES];

	if (index >= size || path.n % TREE_HASH_BYTES != 0) {
		return ERR_INPUT;
	}
	memcpy(hash, leaf, sizeof(hash));
	for (size_t at = 0; at < path.n; at += TREE_HASH_BYTES) {
		const uint8_t *p = path.p + at;
		if (sn == 0) {
			return ERR_AUTH;
		}
		if ((fn & 1) == 1 || fn == sn) {
			TRY(tree_node_hash(p, hash, hash));
			while ((fn & 1) == 0 && fn != 0) {
				fn >>= 1;
				sn >>= 1;
			}
		} else {
			TRY(tree_node_hash(hash, p, hash));
		}
		fn >>= 1;
		sn >>= 1;
	}
	return sn == 0 && memcmp(hash, root, sizeof(hash)) == 0 ? OK : ERR_AUTH;
}
