#include "client/auditor/verify.h"

#include <stdlib.h>
#include <string.h>

#include "client/auditor/issued.h"
#include "client/auditor/verify_entry.h"
#include "common/base/attr.h"

enum { ENTRY_ARENA_BYTES = 8 * LOGFMT_ENTRY_MAX };

static const enum check checks[FINDINGS] = {
	[FOUND_CHECKPOINT_MISSING] = CHECK_SIGNATURE,
	[FOUND_CHECKPOINT_FORM] = CHECK_SIGNATURE,
	[FOUND_CHECKPOINT_SIGNATURE] = CHECK_SIGNATURE,
	[FOUND_CHECKPOINT_ORIGIN] = CHECK_SIGNATURE,
	[FOUND_BUNDLE_MISSING] = CHECK_TREE,
	[FOUND_BUNDLE_FORM] = CHECK_TREE,
	[FOUND_TILE_MISSING] = CHECK_TREE,
	[FOUND_TILE_DIFFERS] = CHECK_TREE,
	[FOUND_PARTIAL_DIFFERS] = CHECK_TREE,
	[FOUND_ROOT] = CHECK_TREE,
	[FOUND_ENTRY_FORM] = CHECK_ENTRIES,
	[FOUND_ENTRY_SEQ] = CHECK_ENTRIES,
	[FOUND_CLOCK_BACK] = CHECK_CLOCK,
	[FOUND_CLOCK_AHEAD] = CHECK_CLOCK,
	[FOUND_SINCE_SIGNATURE] = CHECK_SINCE,
	[FOUND_SINCE_LARGER] = CHECK_SINCE,
	[FOUND_SINCE_ROOT] = CHECK_SINCE,
	[FOUND_KEY_NOT_ISSUED] = CHECK_KEYS,
	[FOUND_UNCLEAN_STOP] = CHECK_NOTE,
	[FOUND_NO_START] = CHECK_NOTE,
};

struct run {
	const struct verify_options *o;
	struct verify_result *r;
	struct tree tree;
	struct checkpoint since;
	struct bundle *bundle; /* the entries at hand */
	struct bundle *other;  /* another file that should say the same */
	uint8_t tile[LOGDIR_TILE_BYTES];
	struct entry_check entries;
};

enum check verify_check_of(enum finding f)
{
	return checks[f];
}

uint64_t verify_failures(const struct verify_result *r, enum check c)
{
	uint64_t n = 0;

	for (size_t i = 0; i < FINDINGS; i++) {
		n += checks[i] == c ? r->found[i].count : 0;
	}
	return n;
}

bool verify_good(const struct verify_result *r)
{
	uint64_t failures = 0;

	for (size_t c = 0; c < CHECKS; c++) {
		failures += verify_failures(r, (enum check)c);
	}
	return r->whole && failures == 0;
}

void verify_found(struct verify_result *r, enum finding f, const uint64_t *index, const char *path)
{
	struct found *found = &r->found[f];

	if (found->count < EXAMPLES_MAX) {
		struct example *e = &found->examples[found->count];
		struct writer w = writer_fixed(e->path, sizeof(e->path) - 1);
		e->has_index = index != NULL;
		e->index = index == NULL ? 0 : *index;
		write_text(&w, path == NULL ? "" : path);
	}
	found->count++;
}

static void found_file(struct run *v, enum finding f, const char *path)
{
	verify_found(v->r, f, NULL, path);
}

/* A file that is not there or too large is a finding; one that cannot be read is not. */
static enum err read_file(struct run *v, const char *path, uint8_t *out, size_t max, size_t *ret_n)
{
	enum err e = logdir_read(v->o->dir, path, out, max, ret_n);

	if (e == ERR_IO) {
		struct writer w = writer_fixed(v->r->trouble, sizeof(v->r->trouble) - 1);
		write_text(&w, path);
	}
	return e;
}

static enum err read_checkpoint(struct run *v, struct arena *a)
{
	size_t n = 0;
	uint8_t *note = arena_alloc(a, NOTE_MAX);
	struct bytes text;

	if (note == NULL) {
		return ERR_NOMEM;
	}
	enum err e = read_file(v, "checkpoint", note, NOTE_MAX, &n);
	if (e == ERR_IO) {
		return e;
	}
	if (e == ERR_NOTFOUND) {
		found_file(v, FOUND_CHECKPOINT_MISSING, "checkpoint");
		return OK;
	}
	e = e == OK ? note_verify(bytes_of(note, n), &v->o->key, &text) : ERR_INPUT;
	if (e == OK) {
		e = checkpoint_read(text, &v->r->checkpoint);
	}
	if (e != OK) {
		found_file(v, e == ERR_AUTH ? FOUND_CHECKPOINT_SIGNATURE : FOUND_CHECKPOINT_FORM,
		           "checkpoint");
		return OK;
	}
	v->r->has_checkpoint = true;
	if (!bytes_equal(v->r->checkpoint.origin, v->o->key.name)) {
		found_file(v, FOUND_CHECKPOINT_ORIGIN, "checkpoint");
	}
	return OK;
}

static void read_since(struct run *v)
{
	struct bytes text;

	if (v->o->since.n == 0) {
		return;
	}
	if (note_verify(v->o->since, &v->o->key, &text) != OK ||
	    checkpoint_read(text, &v->since) != OK ||
	    !bytes_equal(v->since.origin, v->o->key.name)) {
		found_file(v, FOUND_SINCE_SIGNATURE, NULL);
		v->since.size = UINT64_MAX; /* never reached */
		return;
	}
	v->r->since_size = v->since.size;
	if (v->since.size > v->r->checkpoint.size) {
		found_file(v, FOUND_SINCE_LARGER, NULL);
	}
}

static enum err check_since(struct run *v)
{
	uint8_t root[TREE_HASH_BYTES];

	if (v->o->since.n == 0 || v->tree.size != v->since.size) {
		return OK;
	}
	TRY(tree_root(&v->tree, root));
	if (memcmp(root, v->since.root, sizeof(root)) != 0) {
		found_file(v, FOUND_SINCE_ROOT, NULL);
	}
	return OK;
}

/* Compare one file of hashes with the tile, over the width that both have. */
static enum err check_tile_file(struct run *v, unsigned level, const struct tree_tile *tile,
                                uint32_t width, enum finding differs)
{
	char path[LOGDIR_PATH_BYTES];
	size_t n = 0, both = width < tile->width ? width : tile->width;

	logdir_path(path, (int)level, tile->number, width);
	enum err e = read_file(v, path, v->tile, sizeof(v->tile), &n);
	if (e == ERR_IO || e == ERR_NOTFOUND) {
		return e;
	}
	if (e != OK || n != (size_t)width * TREE_HASH_BYTES ||
	    memcmp(v->tile, tile->hashes, both * TREE_HASH_BYTES) != 0) {
		found_file(v, differs, path);
	}
	return OK;
}

/* The partial files that lie about, of earlier sizes or of later ones than the checkpoint's. */
static enum err check_partial_tiles(struct run *v, unsigned level, const struct tree_tile *tile)
{
	struct logdir_widths widths;

	logdir_widths(v->o->dir, (int)level, tile->number, &widths);
	for (uint32_t w = 1; w < TREE_TILE_WIDTH; w++) {
		enum err e = w != tile->width && logdir_has_width(&widths, w)
			? check_tile_file(v, level, tile, w, FOUND_PARTIAL_DIFFERS) : OK;
		if (e != OK && e != ERR_NOTFOUND) { /* gone in between: a live log */
			return e;
		}
	}
	return OK;
}

static enum err check_tile(void *context, unsigned level, const struct tree_tile *tile)
{
	struct run *v = context;
	char path[LOGDIR_PATH_BYTES];
	enum err e = check_tile_file(v, level, tile, tile->width, FOUND_TILE_DIFFERS);

	if (e == ERR_NOTFOUND && tile->width < TREE_TILE_WIDTH) {
		e = check_tile_file(v, level, tile, TREE_TILE_WIDTH, FOUND_TILE_DIFFERS);
	}
	if (e == ERR_NOTFOUND) {
		logdir_path(path, (int)level, tile->number, tile->width);
		found_file(v, FOUND_TILE_MISSING, path);
		e = OK;
	}
	TRY(e);
	return check_partial_tiles(v, level, tile);
}

static enum err check_partial_bundles(struct run *v, uint64_t number, uint32_t width)
{
	char path[LOGDIR_PATH_BYTES];
	struct logdir_widths widths;

	logdir_widths(v->o->dir, LOGDIR_ENTRIES, number, &widths);
	for (uint32_t w = 1; w < TREE_TILE_WIDTH; w++) {
		if (w == width || !logdir_has_width(&widths, w)) {
			continue;
		}
		enum err e = bundle_read(v->other, v->o->dir, number, w);
		bool same = e == OK;
		for (uint32_t i = 0; same && i < w && i < width; i++) {
			same = bytes_equal(v->other->entries[i], v->bundle->entries[i]);
		}
		if (!same && e != ERR_NOTFOUND) {
			logdir_path(path, LOGDIR_ENTRIES, number, w);
			found_file(v, FOUND_PARTIAL_DIFFERS, path);
		}
	}
	return OK;
}

/* NOTFOUND: it is not there or of no use, so nothing behind it can be checked; it was noted. */
static enum err read_bundle(struct run *v, uint64_t number, uint32_t width)
{
	char path[LOGDIR_PATH_BYTES];
	enum err e = bundle_read(v->bundle, v->o->dir, number, width);

	logdir_path(path, LOGDIR_ENTRIES, number, width);
	if (e == ERR_NOTFOUND && width < TREE_TILE_WIDTH) {
		logdir_path(path, LOGDIR_ENTRIES, number, TREE_TILE_WIDTH);
		e = bundle_read(v->bundle, v->o->dir, number, TREE_TILE_WIDTH);
	}
	if (e == ERR_IO) {
		struct writer w = writer_fixed(v->r->trouble, sizeof(v->r->trouble) - 1);
		write_text(&w, path);
		return e;
	}
	if (e != OK) {
		found_file(v, e == ERR_NOTFOUND ? FOUND_BUNDLE_MISSING : FOUND_BUNDLE_FORM, path);
		return ERR_NOTFOUND;
	}
	return OK;
}

static enum err take_bundle(struct run *v, uint64_t number, uint32_t width)
{
	uint8_t leaf[TREE_HASH_BYTES];

	TRY(read_bundle(v, number, width));
	for (uint32_t i = 0; i < width; i++) {
		TRY(verify_entry(&v->entries, v->r, v->bundle->entries[i]));
		TRY(tree_leaf_hash(v->bundle->entries[i], leaf));
		TRY(tree_append(&v->tree, leaf, check_tile, v));
		TRY(check_since(v));
	}
	return check_partial_bundles(v, number, width);
}

static enum err check_end(struct run *v)
{
	uint8_t root[TREE_HASH_BYTES];

	for (unsigned level = 0; level < TREE_LEVELS; level++) {
		if (v->tree.open[level].width > 0) {
			TRY(check_tile(v, level, &v->tree.open[level]));
		}
	}
	TRY(tree_root(&v->tree, root));
	if (memcmp(root, v->r->checkpoint.root, sizeof(root)) != 0) {
		found_file(v, FOUND_ROOT, NULL);
	}
	v->r->whole = true;
	return OK;
}

static enum err take_log(struct run *v)
{
	uint64_t size = v->r->checkpoint.size;

	TRY(check_since(v)); /* an older checkpoint of the empty log */
	for (uint64_t at = 0; at < size; at += TREE_TILE_WIDTH) {
		uint32_t width = size - at < TREE_TILE_WIDTH ? (uint32_t)(size - at)
		                                             : TREE_TILE_WIDTH;
		TRY(take_bundle(v, at / TREE_TILE_WIDTH, width));
		if (v->o->progress != NULL) {
			v->o->progress(v->o->context, at + width, size);
		}
	}
	return check_end(v);
}

static enum err run_all(struct run *v, struct arena *a)
{
	TRY(read_checkpoint(v, a));
	read_since(v);
	if (!v->r->has_checkpoint) {
		return OK;
	}
	enum err e = take_log(v);
	v->r->entries = v->tree.size;
	return e == ERR_NOTFOUND ? OK : e;
}

enum err verify_log(struct arena *a, const struct verify_options *o, struct verify_result *ret)
{
	struct run *v = calloc(1, sizeof(*v));
	enum err e = ERR_NOMEM;

	*ret = (struct verify_result){0};
	tally_init(&ret->by_tenant, a);
	tally_init(&ret->by_gateway, a);
	tally_init(&ret->by_reason, a);
	if (v == NULL) {
		return ERR_NOMEM;
	}
	v->o = o;
	v->r = ret;
	v->bundle = bundle_new();
	v->other = bundle_new();
	v->entries = (struct entry_check){
		.arena = arena_new(ENTRY_ARENA_BYTES),
		.issued = issued_new(),
		.now_ns = o->now_ns,
	};
	if (v->bundle != NULL && v->other != NULL && v->entries.arena != NULL &&
	    v->entries.issued != NULL) {
		e = run_all(v, a);
	}
	issued_free(v->entries.issued);
	arena_free(v->entries.arena);
	free(v->bundle);
	free(v->other);
	free(v);
	return e;
}
