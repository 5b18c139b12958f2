#include "server/kms/keylog/replay.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/attr.h"
#include "common/crypto/hash.h"
#include "server/kms/keylog/file.h"

enum {
	BUNDLE_BYTES = TREE_TILE_WIDTH * (2 + LOGFMT_ENTRY_MAX),
	STATE_BYTES = 8 + TREE_LEVELS * TREE_TILE_WIDTH * TREE_HASH_BYTES + SHA256_BYTES,
	TILE_SHIFT = 8, /* bits of an index that one level of tiles takes */
};

static const char state_suffix[] = ".tree";

bool replay_state_exists(int journal_dir, uint64_t first)
{
	char name[JOURNAL_NAME_BYTES];
	struct stat st;

	journal_name(name, first, state_suffix);
	return first == 0 || fstatat(journal_dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static enum err load_state(struct arena *a, int journal_dir, uint64_t first, struct tree *ret)
{
	char name[JOURNAL_NAME_BYTES];
	uint8_t *state = arena_alloc(a, STATE_BYTES);
	uint8_t digest[SHA256_BYTES];
	size_t n = 0;

	if (first == 0) {
		tree_init(ret);
		return OK;
	}
	if (state == NULL) {
		return ERR_NOMEM;
	}
	journal_name(name, first, state_suffix);
	TRY(file_read(journal_dir, name, state, STATE_BYTES, &n));
	if (n < sizeof(digest)) {
		return ERR_CORRUPT;
	}
	n -= sizeof(digest);
	TRY(hash_sha256(bytes_of(state, n), digest));
	struct reader r = reader_of(bytes_of(state, n));
	if (memcmp(digest, state + n, sizeof(digest)) != 0 || tree_decode(&r, ret) != OK ||
	    r.left != 0 || ret->size != first) {
		return ERR_CORRUPT;
	}
	return OK;
}

static enum err save_state(struct replay *r)
{
	char name[JOURNAL_NAME_BYTES];
	uint8_t digest[SHA256_BYTES];
	struct writer w = writer_growing(STATE_BYTES);

	if (r->tree.size == 0) {
		return OK;
	}
	journal_name(name, r->tree.size, state_suffix);
	tree_encode(&r->tree, &w);
	enum err e = hash_sha256(writer_bytes(&w), digest);
	write_bytes(&w, bytes_of(digest, sizeof(digest)));
	if (e == OK && w.full) {
		e = ERR_NOMEM;
	}
	if (e == OK && file_is(r->journal_dir, name, writer_bytes(&w)) != OK) {
		e = file_replace(r->journal_dir, name, writer_bytes(&w));
	}
	writer_free(&w);
	return e;
}

enum err replay_begin(struct replay *r, struct arena *a, int dir, int journal_dir, uint64_t first)
{
	uint8_t *bundle = arena_alloc(a, BUNDLE_BYTES);

	memset(r, 0, sizeof(*r));
	r->journal_dir = journal_dir;
	r->reader.fd = -1;
	if (bundle == NULL) {
		return ERR_NOMEM;
	}
	r->bundle = writer_fixed(bundle, BUNDLE_BYTES);
	TRY(journal_read_begin(&r->reader, a, journal_dir));
	TRY(tiles_begin(&r->tiles, dir));
	TRY(load_state(a, journal_dir, first, &r->base));
	return replay_rewind(r);
}

enum err replay_rewind(struct replay *r)
{
	tiles_forget(&r->tiles);
	r->tree = r->base;
	r->bundle.used = 0;
	r->bundle.full = false;
	return journal_read_segment(&r->reader, r->base.size);
}

void replay_end(struct replay *r)
{
	tiles_forget(&r->tiles);
	journal_read_end(&r->reader);
}

static enum err blame(struct replay *r, enum err e, const char *file)
{
	struct writer w = writer_fixed(r->wrong, sizeof(r->wrong) - 1);

	if (e == ERR_CORRUPT) {
		write_text(&w, file);
		r->wrong[w.used] = 0;
	}
	return e;
}

/* Below `required` a checkpoint was published, so the file has to be there. */
static enum err put(struct replay *r, int level, const struct tree_tile *tile,
                    struct bytes content)
{
	unsigned shift = TILE_SHIFT * (unsigned)(level == TILES_ENTRIES ? 1 : level + 1);
	char path[TILES_PATH_BYTES];
	enum err e;

	tiles_path(path, level, tile->number, TREE_TILE_WIDTH);
	if (shift < 64 && tile->number + 1 <= r->required >> shift) {
		e = file_is(r->tiles.dir, path, content);
		e = e == ERR_NOTFOUND ? ERR_CORRUPT : e;
	} else {
		e = tiles_put(&r->tiles, path, content);
	}
	return blame(r, e, path);
}

static struct bytes tile_bytes(const struct tree_tile *tile)
{
	return bytes_of(tile->hashes, (size_t)tile->width * TREE_HASH_BYTES);
}

static enum err tile_full(void *context, unsigned level, const struct tree_tile *tile)
{
	struct replay *r = context;

	TRY(put(r, (int)level, tile, tile_bytes(tile)));
	if (level == 0) {
		TRY(put(r, TILES_ENTRIES, tile, writer_bytes(&r->bundle)));
		r->bundle.used = 0;
	}
	return OK;
}

/* The files that a tree of the present size has beside the full ones. */
static enum err each_partial(struct replay *r,
                             enum err (*fn)(struct replay *r, int level,
                                            const struct tree_tile *tile, struct bytes content))
{
	for (int level = 0; level < TREE_LEVELS; level++) {
		const struct tree_tile *tile = &r->tree.open[level];
		if (tile->width > 0) {
			TRY(fn(r, level, tile, tile_bytes(tile)));
		}
	}
	const struct tree_tile *leaves = &r->tree.open[0];
	return leaves->width == 0 ? OK : fn(r, TILES_ENTRIES, leaves, writer_bytes(&r->bundle));
}

/* The partial file of a published size, or the full one that came after: that is compared later. */
static enum err check_partial(struct replay *r, int level, const struct tree_tile *tile,
                              struct bytes content)
{
	char partial[TILES_PATH_BYTES], full[TILES_PATH_BYTES];

	tiles_path(partial, level, tile->number, tile->width);
	tiles_path(full, level, tile->number, TREE_TILE_WIDTH);
	enum err e = file_is(r->tiles.dir, partial, content);
	if (e == ERR_NOTFOUND) {
		e = tiles_exists(&r->tiles, full) ? OK : ERR_CORRUPT;
	}
	return blame(r, e, partial);
}

static enum err check_marks(struct replay *r)
{
	uint8_t root[TREE_HASH_BYTES];

	for (size_t i = 0; i < r->n_marks; i++) {
		if (r->marks[i].size != r->tree.size || r->tree.size == 0) {
			continue;
		}
		TRY(tree_root(&r->tree, root));
		if (memcmp(root, r->marks[i].root, sizeof(root)) != 0) {
			return blame(r, ERR_CORRUPT, "journal");
		}
		TRY(each_partial(r, check_partial));
	}
	return OK;
}

static enum err take_entry(struct replay *r, struct bytes entry)
{
	uint8_t leaf[TREE_HASH_BYTES];

	write_lv16(&r->bundle, entry);
	TRY(tree_leaf_hash(entry, leaf));
	TRY(tree_append(&r->tree, leaf, tile_full, r));
	return r->n_marks == 0 ? OK : check_marks(r);
}

static enum err take_batch(struct replay *r, const struct journal_batch *b)
{
	struct bytes body = b->body, entry = {NULL, 0};

	for (uint32_t i = 0; i < b->count; i++) {
		TRY(journal_next_entry(&body, &entry));
		TRY(take_entry(r, entry));
	}
	memcpy(r->last, entry.p, entry.n);
	r->last_n = entry.n;
	return OK;
}

enum err replay_advance(struct replay *r, uint64_t size)
{
	struct journal_batch batch;

	while (r->tree.size < size) {
		if (r->tree.size % JOURNAL_SEGMENT_ENTRIES == 0 && r->tree.size > r->base.size) {
			TRY(save_state(r));
			r->base = r->tree;
		}
		enum err e = journal_read_batch(&r->reader, &batch);
		if (e != OK) {
			return blame(r, e, "journal");
		}
		TRY(take_batch(r, &batch));
	}
	return r->tree.size == size ? OK : blame(r, ERR_CORRUPT, "journal");
}

static enum err put_partial(struct replay *r, int level, const struct tree_tile *tile,
                            struct bytes content)
{
	char path[TILES_PATH_BYTES];

	tiles_path(path, level, tile->number, tile->width);
	return blame(r, tiles_put(&r->tiles, path, content), path);
}

enum err replay_publish(struct replay *r)
{
	TRY(each_partial(r, put_partial));
	return tiles_flush(&r->tiles);
}
