/*
 * What stands below kv.h: rows with keys of at most KV_ENGINE_KEY_MAX bytes in a few ordered tables.
 * Internal to server/kv. kv_lmdb.c implements it; kv_trie.c cuts long keys into rows; kv.c groups commits.
 */
#ifndef REMPART_KV_ENGINE_H
#define REMPART_KV_ENGINE_H
#include "server/kv/kv.h"

enum { KV_ENGINE_KEY_MAX = 511 }; /* bytes; LMDB's default, fixed when Debian builds it */

struct kv_engine;
struct kv_engine_txn;
struct kv_engine_cursor;

/* The table after the caller's own, for pieces of long keys (kv_trie.c). */
unsigned kv_engine_long(const struct kv_engine *e);

enum err kv_engine_open(const struct kv_options *o, struct kv_engine **ret,
                        struct report *ret_report);
void kv_engine_close(struct kv_engine *e); /* NULL-safe */
/* kv_engine_read: errors  UNAVAILABLE (KV_READERS_MAX are open), IO, NOMEM */
enum err kv_engine_read(struct kv_engine *e, struct kv_engine_txn **ret);
/* kv_engine_write: one at a time; blocks for the one before. The thread that begins also ends. */
enum err kv_engine_write(struct kv_engine *e, struct kv_engine_txn **ret);
/* kv_engine_low: only the reserve is left, of the configured size or of the volume; of a write transaction that has written nothing yet. */
bool kv_engine_low(struct kv_engine_txn *t);
enum err kv_engine_commit(struct kv_engine_txn *t); /* durable on OK; t is gone in any case */
void kv_engine_end(struct kv_engine_txn *t);        /* of a read, or undo a write; NULL-safe */

enum err kv_engine_get(struct kv_engine_txn *t, unsigned table, struct bytes key,
                       struct bytes *ret);
enum err kv_engine_put(struct kv_engine_txn *t, unsigned table, struct bytes key,
                       struct bytes value);
enum err kv_engine_delete(struct kv_engine_txn *t, unsigned table, struct bytes key);

enum err kv_engine_cursor_open(struct kv_engine_txn *t, unsigned table,
                               struct kv_engine_cursor **ret);
void kv_engine_cursor_close(struct kv_engine_cursor *c); /* NULL-safe */
enum err kv_engine_seek(struct kv_engine_cursor *c, struct bytes key, struct bytes *ret_key,
                        struct bytes *ret_value);
enum err kv_engine_next(struct kv_engine_cursor *c, struct bytes *ret_key,
                        struct bytes *ret_value);
enum err kv_engine_count(struct kv_engine_txn *t, unsigned table, uint64_t *ret);
/* kv_engine_stats: fills in pages_used and size_bytes. */
void kv_engine_stats(struct kv_engine *e, struct kv_stats *ret);
#endif
