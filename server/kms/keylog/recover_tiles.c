/* The files below the journal: what is cheap to check at each start. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/attr.h"
#include "server/kms/keylog/file.h"
#include "server/kms/keylog/recover.h"

enum { TILE_BYTES = TREE_TILE_WIDTH * TREE_HASH_BYTES };

/* One full tile of each level, read from its file and checked against the level above. */
struct cached {
	bool there;
	uint64_t number;
	uint8_t hashes[TREE_TILE_WIDTH][TREE_HASH_BYTES];
};
struct old {
	const struct tiles *tiles;
	const struct tree *base;
	struct cached *cache; /* [TREE_LEVELS] */
	char *wrong;
};

static enum err load(struct old *o, unsigned level, uint64_t number);

/* The hash of index `i` of a level: from the state, or from a file that was checked. The calls
 * go up one level each time, so they end below TREE_LEVELS. */
static enum err hash_at(struct old *o, unsigned level, uint64_t i, const uint8_t **ret)
{
	const struct tree_tile *open = &o->base->open[level];
	uint64_t number = i / TREE_TILE_WIDTH;

	if (number == open->number) {
		*ret = open->hashes[i % TREE_TILE_WIDTH];
		return OK;
	}
	if (!o->cache[level].there || o->cache[level].number != number) {
		TRY(load(o, level, number));
	}
	*ret = o->cache[level].hashes[i % TREE_TILE_WIDTH];
	return OK;
}

static enum err load(struct old *o, unsigned level, uint64_t number)
{
	struct cached *c = &o->cache[level];
	uint8_t root[TREE_HASH_BYTES];
	const uint8_t *want = NULL;
	size_t n = 0;

	if (level + 1 >= TREE_LEVELS) {
		return ERR_CORRUPT;
	}
	TRY(hash_at(o, level + 1, number, &want));
	tiles_path(o->wrong, (int)level, number, TREE_TILE_WIDTH);
	c->there = false;
	enum err e = file_read(o->tiles->dir, o->wrong, c->hashes[0], TILE_BYTES, &n);
	if (e != OK) {
		return e == ERR_NOTFOUND ? ERR_CORRUPT : e;
	}
	TRY(tree_tile_root(c->hashes, root));
	if (n != TILE_BYTES || memcmp(root, want, sizeof(root)) != 0) {
		return ERR_CORRUPT;
	}
	c->there = true;
	c->number = number;
	o->wrong[0] = 0;
	return OK;
}

static bool has_size(struct old *o, int level, uint64_t number, uint64_t least, uint64_t most)
{
	struct stat st;

	tiles_path(o->wrong, level, number, TREE_TILE_WIDTH);
	return fstatat(o->tiles->dir, o->wrong, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(st.st_mode) && (uint64_t)st.st_size >= least &&
	       (uint64_t)st.st_size <= most;
}

static enum err check_all(struct old *o)
{
	uint64_t tiles0 = o->base->open[0].number, tiles1 = o->base->open[1].number;

	for (uint64_t i = 0; i < tiles1; i++) {
		TRY(load(o, 1, i));
	}
	for (uint64_t i = 0; i < tiles0; i++) {
		if (!has_size(o, 0, i, TILE_BYTES, TILE_BYTES) ||
		    !has_size(o, TILES_ENTRIES, i, TREE_TILE_WIDTH * 3,
		              TREE_TILE_WIDTH * (2 + LOGFMT_ENTRY_MAX))) {
			return ERR_CORRUPT;
		}
	}
	o->wrong[0] = 0;
	return OK;
}

enum err recover_old_tiles(struct arena *a, const struct tiles *t, const struct tree *base,
                           char ret_wrong[TILES_PATH_BYTES])
{
	struct old o = {
		.tiles = t,
		.base = base,
		.cache = arena_alloc(a, TREE_LEVELS * sizeof(struct cached)),
		.wrong = ret_wrong,
	};

	return o.cache == NULL ? ERR_NOMEM : check_all(&o);
}
