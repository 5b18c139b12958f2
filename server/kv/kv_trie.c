/*
 * Long keys. A row of the caller's table (the root) or of the table of pieces (key: u64 node, then as in the root) is
 *
 *   rest of the key, shorter than a piece        -> value
 *   a piece, 0x00: the key ends here             -> value
 *   a piece, 0x01: it goes on in another node    -> u64 node
 *
 * The invariant: no node is empty, so a link always leads to a key. It costs short keys nothing: their row is the key.
 */
#include "server/kv/kv_trie.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
	NODE_BYTES = 8,
	ROW_MAX_BYTES = NODE_BYTES + KV_TRIE_PIECE_BYTES + 1,
	ROOT = 0,
	ENDS = 0x00,
	GOES_ON = 0x01,
};
static_assert(ROW_MAX_BYTES <= (int)KV_ENGINE_KEY_MAX, "a row's key must fit the engine");

/* Node 0 of the pieces is never a node: its rows are the engine's and this counter. */
static const char counter_key[] = "\0\0\0\0\0\0\0\0node";

struct row {
	uint8_t p[ROW_MAX_BYTES];
	size_t n;
};

static void put_u64(uint8_t *p, uint64_t v)
{
	for (size_t i = NODE_BYTES; i > 0; i--) {
		p[i - 1] = (uint8_t)v;
		v >>= 8;
	}
}

static struct bytes row_bytes(const struct row *r)
{
	return bytes_of(r->p, r->n);
}

/* The row that `rest` has in `node`. true: a link, the key goes on behind the piece. */
static bool row_of(struct row *r, uint64_t node, struct bytes rest)
{
	struct bytes piece = bytes_first(rest, KV_TRIE_PIECE_BYTES);

	r->n = 0;
	if (node != ROOT) {
		put_u64(r->p, node);
		r->n = NODE_BYTES;
	}
	if (piece.n > 0) {
		memcpy(r->p + r->n, piece.p, piece.n);
		r->n += piece.n;
	}
	if (piece.n < KV_TRIE_PIECE_BYTES) {
		return false;
	}
	r->p[r->n++] = rest.n == KV_TRIE_PIECE_BYTES ? ENDS : GOES_ON;
	return rest.n > KV_TRIE_PIECE_BYTES;
}

static unsigned table_of(const struct kv_trie *t, uint64_t node)
{
	return node == ROOT ? t->table : t->pieces;
}

static enum err read_node(struct bytes value, uint64_t *ret)
{
	struct reader r = reader_of(value);

	*ret = read_u64(&r);
	return read_end(&r) == OK && *ret != ROOT ? OK : ERR_CORRUPT;
}

static enum err get_row(const struct kv_trie *t, uint64_t node, const struct row *r,
                        struct bytes *ret)
{
	return kv_engine_get(t->txn, table_of(t, node), row_bytes(r), ret);
}

enum err kv_trie_get(const struct kv_trie *t, struct bytes key, struct bytes *ret)
{
	uint64_t node = ROOT;
	struct row row;

	while (row_of(&row, node, key)) {
		struct bytes link;
		TRY(get_row(t, node, &row, &link));
		TRY(read_node(link, &node));
		key = bytes_skip(key, KV_TRIE_PIECE_BYTES);
	}
	return get_row(t, node, &row, ret);
}

static enum err new_node(const struct kv_trie *t, uint64_t *ret)
{
	uint8_t next[NODE_BYTES];
	uint64_t last = 0;
	struct bytes value;
	enum err e = kv_engine_get(t->txn, t->pieces, BYTES(counter_key), &value);

	if (e == OK) {
		e = read_node(value, &last);
	}
	if (e != OK && e != ERR_NOTFOUND) {
		return e;
	}
	put_u64(next, last + 1);
	TRY(kv_engine_put(t->txn, t->pieces, BYTES(counter_key), bytes_of(next, sizeof(next))));
	*ret = last + 1;
	return OK;
}

/* The node behind a link, made when there is none. */
static enum err enter(const struct kv_trie *t, const struct row *row, uint64_t *node)
{
	uint8_t number[NODE_BYTES];
	struct bytes link;
	uint64_t child;
	enum err e = get_row(t, *node, row, &link);

	if (e == OK) {
		return read_node(link, node);
	}
	if (e != ERR_NOTFOUND) {
		return e;
	}
	TRY(new_node(t, &child));
	put_u64(number, child);
	TRY(kv_engine_put(t->txn, table_of(t, *node), row_bytes(row),
	                  bytes_of(number, sizeof(number))));
	*node = child;
	return OK;
}

enum err kv_trie_put(const struct kv_trie *t, struct bytes key, struct bytes value)
{
	uint64_t node = ROOT;
	struct row row;

	while (row_of(&row, node, key)) {
		TRY(enter(t, &row, &node));
		key = bytes_skip(key, KV_TRIE_PIECE_BYTES);
	}
	return kv_engine_put(t->txn, table_of(t, node), row_bytes(&row), value);
}

static bool in_node(uint64_t node, struct bytes row)
{
	uint8_t want[NODE_BYTES];

	put_u64(want, node);
	return bytes_starts(row, bytes_of(want, sizeof(want)));
}

static enum err node_is_empty(const struct kv_trie *t, uint64_t node, bool *ret)
{
	uint8_t first[NODE_BYTES];
	struct kv_engine_cursor *c;
	struct bytes key, value;

	put_u64(first, node);
	TRY(kv_engine_cursor_open(t->txn, t->pieces, &c));
	enum err e = kv_engine_seek(c, bytes_of(first, sizeof(first)), &key, &value);
	*ret = e == ERR_NOTFOUND || (e == OK && !in_node(node, key));
	kv_engine_cursor_close(c);
	return e == ERR_NOTFOUND ? OK : e;
}

enum err kv_trie_delete(const struct kv_trie *t, struct bytes key)
{
	uint64_t nodes[KV_TRIE_LEVELS] = {ROOT};
	struct bytes rests[KV_TRIE_LEVELS] = {key};
	size_t level = 0;
	struct row row;

	while (row_of(&row, nodes[level], rests[level])) {
		struct bytes link;
		TRY(get_row(t, nodes[level], &row, &link));
		assert(level + 1 < KV_TRIE_LEVELS);
		TRY(read_node(link, &nodes[level + 1]));
		rests[level + 1] = bytes_skip(rests[level], KV_TRIE_PIECE_BYTES);
		level++;
	}
	TRY(kv_engine_delete(t->txn, table_of(t, nodes[level]), row_bytes(&row)));
	for (; level > 0; level--) { /* take away what now leads nowhere */
		bool empty;
		TRY(node_is_empty(t, nodes[level], &empty));
		if (!empty) {
			break;
		}
		row_of(&row, nodes[level - 1], rests[level - 1]);
		TRY(kv_engine_delete(t->txn, table_of(t, nodes[level - 1]), row_bytes(&row)));
	}
	return OK;
}

/* One level of a walk: a cursor in the root's table or in the pieces, kept to one node. */
struct level {
	struct kv_engine_cursor *cursor;
	uint64_t node;
};

struct kv_trie_cursor {
	struct kv_trie trie;
	struct level levels[KV_TRIE_LEVELS];
	size_t depth;             /* the level that the last row came from */
	uint8_t key[KV_KEY_MAX];  /* pieces of the levels above, then the last row's */
};

enum err kv_trie_cursor_open(const struct kv_trie *t, struct kv_trie_cursor **ret)
{
	struct kv_trie_cursor *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		return ERR_NOMEM;
	}
	c->trie = *t;
	enum err e = kv_engine_cursor_open(t->txn, t->table, &c->levels[0].cursor);
	if (e != OK) {
		free(c);
		return e;
	}
	*ret = c;
	return OK;
}

void kv_trie_cursor_close(struct kv_trie_cursor *c)
{
	if (c == NULL) {
		return;
	}
	for (size_t i = 0; i < KV_TRIE_LEVELS; i++) {
		kv_engine_cursor_close(c->levels[i].cursor);
	}
	free(c);
}

/* Go down into `node`; its cursor is opened on first use. */
static enum err push(struct kv_trie_cursor *c, uint64_t node)
{
	if (c->depth + 1 >= KV_TRIE_LEVELS) {
		return ERR_CORRUPT; /* deeper than the longest key */
	}
	struct level *l = &c->levels[c->depth + 1];
	if (l->cursor == NULL) {
		TRY(kv_engine_cursor_open(c->trie.txn, c->trie.pieces, &l->cursor));
	}
	l->node = node;
	c->depth++;
	return OK;
}

/* A row of another node, behind the last one of this: there is nothing more here. */
static enum err keep_to_node(const struct level *l, enum err e, struct bytes *row)
{
	if (e != OK || l->node == ROOT) {
		return e;
	}
	if (!in_node(l->node, *row)) {
		return ERR_NOTFOUND;
	}
	*row = bytes_skip(*row, NODE_BYTES);
	return OK;
}

static enum err level_seek(struct kv_trie_cursor *c, const struct row *target, struct bytes *row,
                           struct bytes *value)
{
	struct level *l = &c->levels[c->depth];
	enum err e = kv_engine_seek(l->cursor, row_bytes(target), row, value);

	return keep_to_node(l, e, row);
}

static enum err level_next(struct kv_trie_cursor *c, struct bytes *row, struct bytes *value)
{
	struct level *l = &c->levels[c->depth];
	enum err e = kv_engine_next(l->cursor, row, value);

	return keep_to_node(l, e, row);
}

/*
 * Turn the row under the cursor (or none, when e is NOTFOUND) into the next whole key: down through links, up and on at the
 * end of a node. Each turn goes one level down or one row on.
 */
static enum err settle(struct kv_trie_cursor *c, enum err e, struct bytes row,
                       struct bytes *ret_key, struct bytes *ret_value)
{
	for (;;) {
		if (e == ERR_NOTFOUND && c->depth > 0) {
			c->depth--;
			e = level_next(c, &row, ret_value);
			continue;
		}
		TRY(e);
		size_t above = c->depth * KV_TRIE_PIECE_BYTES;
		size_t n = row.n <= KV_TRIE_PIECE_BYTES ? row.n : KV_TRIE_PIECE_BYTES;
		if (row.n > KV_TRIE_PIECE_BYTES + 1 || above + n > KV_KEY_MAX) {
			return ERR_CORRUPT;
		}
		if (n > 0) {
			memcpy(c->key + above, row.p, n);
		}
		if (row.n <= KV_TRIE_PIECE_BYTES || row.p[n] == ENDS) {
			*ret_key = bytes_of(c->key, above + n);
			return OK;
		}
		uint64_t node;
		struct row first;
		TRY(read_node(*ret_value, &node));
		TRY(push(c, node));
		row_of(&first, node, bytes_of(NULL, 0));
		e = level_seek(c, &first, &row, ret_value);
	}
}

enum err kv_trie_seek(struct kv_trie_cursor *c, struct bytes key, struct bytes *ret_key,
                      struct bytes *ret_value)
{
	struct row target;
	struct bytes row;
	enum err e;

	c->depth = 0;
	for (;;) {
		bool link = row_of(&target, c->levels[c->depth].node, key);
		e = level_seek(c, &target, &row, ret_value);
		bool there = e == OK && link &&
		             row.n == KV_TRIE_PIECE_BYTES + 1 && row.p[row.n - 1] == GOES_ON &&
		             memcmp(row.p, key.p, KV_TRIE_PIECE_BYTES) == 0;
		if (!there) {
			break;
		}
		uint64_t node;
		TRY(read_node(*ret_value, &node));
		memcpy(c->key + c->depth * KV_TRIE_PIECE_BYTES, key.p, KV_TRIE_PIECE_BYTES);
		TRY(push(c, node));
		key = bytes_skip(key, KV_TRIE_PIECE_BYTES);
	}
	return settle(c, e, row, ret_key, ret_value);
}

enum err kv_trie_next(struct kv_trie_cursor *c, struct bytes *ret_key, struct bytes *ret_value)
{
	struct bytes row = {NULL, 0};
	enum err e = level_next(c, &row, ret_value);

	return settle(c, e, row, ret_key, ret_value);
}
