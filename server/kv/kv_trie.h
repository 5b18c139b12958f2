/*
 * Keys longer than the engine's: a trie of rows (README.md, "Long keys"). Internal to server/kv.
 * Order of iteration is exactly the byte order of the whole keys.
 */
#ifndef REMPART_KV_TRIE_H
#define REMPART_KV_TRIE_H
#include "server/kv/kv_engine.h"

enum {
	KV_TRIE_PIECE_BYTES = 480,
	KV_TRIE_LEVELS = KV_KEY_MAX / KV_TRIE_PIECE_BYTES + 1,
};

/* A place in the engine: the caller's table and the table of pieces. */
struct kv_trie {
	struct kv_engine_txn *txn;
	unsigned table;
	unsigned pieces;
};

enum err kv_trie_get(const struct kv_trie *t, struct bytes key, struct bytes *ret);
enum err kv_trie_put(const struct kv_trie *t, struct bytes key, struct bytes value);
enum err kv_trie_delete(const struct kv_trie *t, struct bytes key);

struct kv_trie_cursor;
enum err kv_trie_cursor_open(const struct kv_trie *t, struct kv_trie_cursor **ret);
void kv_trie_cursor_close(struct kv_trie_cursor *c); /* NULL-safe */
enum err kv_trie_seek(struct kv_trie_cursor *c, struct bytes key, struct bytes *ret_key,
                      struct bytes *ret_value);
enum err kv_trie_next(struct kv_trie_cursor *c, struct bytes *ret_key, struct bytes *ret_value);
#endif
