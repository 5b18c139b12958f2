#include "client/auditor/path.h"

#include <string.h>

enum { TILE_HEIGHT = 8, TREE_HEIGHT_MAX = 63 };

struct source {
	int dir;
	uint64_t size;
};

/* Hash `i` of a tile level, from the full file or the partial one of this size. */
static enum err read_hash(const struct source *s, unsigned level, uint64_t i,
                          uint8_t ret[TREE_HASH_BYTES])
{
	uint8_t tile[LOGDIR_TILE_BYTES];
	char path[LOGDIR_PATH_BYTES];
	uint64_t number = i / TREE_TILE_WIDTH, have = s->size >> (TILE_HEIGHT * level);
	uint64_t rest = have - number * TREE_TILE_WIDTH;
	uint32_t width = rest < TREE_TILE_WIDTH ? (uint32_t)rest : TREE_TILE_WIDTH;
	size_t n = 0;

	logdir_path(path, (int)level, number, width);
	enum err e = logdir_read(s->dir, path, tile, sizeof(tile), &n);
	if (e == ERR_NOTFOUND) {
		width = TREE_TILE_WIDTH;
		logdir_path(path, (int)level, number, width);
		e = logdir_read(s->dir, path, tile, sizeof(tile), &n);
	}
	if (e == ERR_LIMIT || (e == OK && n != (size_t)width * TREE_HASH_BYTES)) {
		return ERR_CORRUPT;
	}
	TRY(e);
	memcpy(ret, tile + (i % TREE_TILE_WIDTH) * TREE_HASH_BYTES, TREE_HASH_BYTES);
	return OK;
}

/* The perfect subtree of 2^height leaves that is number i of its height. */
static enum err read_subtree(const struct source *s, unsigned height, uint64_t i,
                             uint8_t ret[TREE_HASH_BYTES])
{
	uint8_t row[TREE_TILE_WIDTH][TREE_HASH_BYTES];
	unsigned level = height / TILE_HEIGHT;
	uint64_t n = UINT64_C(1) << (height % TILE_HEIGHT);

	for (uint64_t k = 0; k < n; k++) {
		TRY(read_hash(s, level, i * n + k, row[k]));
	}
	for (; n > 1; n /= 2) {
		for (uint64_t k = 0; k < n / 2; k++) {
			TRY(tree_node_hash(row[2 * k], row[2 * k + 1], row[k]));
		}
	}
	memcpy(ret, row[0], TREE_HASH_BYTES);
	return OK;
}

/* The subtree over the leaves [begin, end): perfect ones from the left, folded from the right. */
static enum err read_range(const struct source *s, uint64_t begin, uint64_t end,
                           uint8_t ret[TREE_HASH_BYTES])
{
	uint8_t peak[TREE_HASH_BYTES];
	uint64_t count = end - begin;
	bool any = false;

	for (unsigned height = 0; height <= TREE_HEIGHT_MAX && count >> height > 0; height++) {
		uint64_t n = UINT64_C(1) << height;
		if ((count & n) == 0) {
			continue;
		}
		end -= n;
		TRY(read_subtree(s, height, end >> height, peak));
		if (any) {
			TRY(tree_node_hash(peak, ret, ret));
		} else {
			memcpy(ret, peak, sizeof(peak));
			any = true;
		}
	}
	return OK;
}

enum err path_read(int dir, uint64_t index, uint64_t size, struct writer *w)
{
	const struct source s = {.dir = dir, .size = size};
	uint64_t fn = index, sn = size - 1;

	if (index >= size || size >> TREE_HEIGHT_MAX != 0) {
		return ERR_INPUT;
	}
	for (unsigned height = 0; sn > 0; height++) {
		uint8_t hash[TREE_HASH_BYTES];
		if ((fn & 1) == 1) {
			TRY(read_subtree(&s, height, fn - 1, hash));
			write_bytes(w, bytes_of(hash, sizeof(hash)));
		} else if (fn < sn) {
			uint64_t begin = (fn + 1) << height, end = begin + (UINT64_C(1) << height);
			TRY(read_range(&s, begin, end < size ? end : size, hash));
			write_bytes(w, bytes_of(hash, sizeof(hash)));
		}
		fn >>= 1;
		sn >>= 1;
	}
	return writer_end(w);
}
