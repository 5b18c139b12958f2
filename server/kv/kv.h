/*
 * An ordered key-value engine with transactions: what the index and the KMS's key store need from a database,
 * and no more. kv_lmdb.c is the embedded engine and the only user of lmdb.h; an SQL engine can stand beside it.
 *
 *   keys    1..KV_KEY_MAX bytes, ordered as unsigned bytes. LMDB limits a key to 511 bytes: longer ones are cut into pieces, a
 *           trie of rows, inside the engine; order stays exact.
 *   reads   see one snapshot; values are borrowed until the transaction ends: copy what must outlive it.
 *   writes  are functions run inside a write transaction. Concurrent callers share one commit (one sync for
 *           many requests): each function decides on the state left by the ones before it.
 * No transaction outlives a step. One process opens a directory once. Thread: any, a read transaction stays on its thread.
 */
#ifndef REMPART_KV_H
#define REMPART_KV_H
#include "common/base/bytes.h"
#include "common/base/report.h"

enum { KV_KEY_MAX = 1100, KV_TABLES_MAX = 16, KV_READERS_MAX = 512 };

struct kv;
struct kv_txn;    /* a read or write transaction */
struct kv_cursor; /* a position in one table */

struct kv_options {
	const char *dir;            /* made by the caller, mode 0700 */
	uint64_t size_max_bytes;    /* of the database; 64 GiB when 0 (address space, not disk) */
	const char *const *tables;  /* names, valid until kv_close; a table is meant by its place here */
	unsigned n_tables;
};
/* kv_open: errors  NOTFOUND (no such directory), IO, FULL, INPUT (not a database, other
 * version), DENIED (not ours, or another process has it); report says what to do. */
enum err kv_open(const struct kv_options *o, struct kv **ret, struct report *ret_report);
void kv_close(struct kv *k); /* NULL-safe; no transaction may be open */

/* kv_read_begin: errors  IO, NOMEM, UNAVAILABLE (too many, or a failed database waits to be opened anew) */
enum err kv_read_begin(struct kv *k, struct kv_txn **ret);
void kv_read_end(struct kv_txn *t); /* NULL-safe */
void kv_read_endp(struct kv_txn **t); /* for AUTO() */

/* kv_get: errors NOTFOUND, IO, CORRUPT */
enum err kv_get(struct kv_txn *t, unsigned table, struct bytes key, struct bytes *ret);

/*
 * kv_write: run `change(t, context)` in a write transaction and make it durable. Blocks for the group's commit.
 * When `change` returns an error, nothing of what it did stays and kv_write returns that error; the others of the group are
 * not touched. `change` runs on any caller's thread, and more than once when another of its group fails after it wrote (an SQL engine
 * would repeat it too): it decides on the transaction and its context alone, sets all its outputs in each run, never blocks and
 * never calls kv_write. Only its last run counts. Checking before the first write keeps it cheap.
 *   errors  those of `change`; FULL (nothing of the group is durable), IO (nobody knows), UNAVAILABLE (try again)
 */
enum err kv_write(struct kv *k, enum err (*change)(struct kv_txn *t, void *context), void *context);
/* kv_use_reserve: the change that runs may use what is kept back of a database that is all but full: it makes room, or nothing goes on without
 * it. For other changes kv_put is FULL then. */
void kv_use_reserve(struct kv_txn *t);
enum err kv_put(struct kv_txn *t, unsigned table, struct bytes key, struct bytes value);
enum err kv_delete(struct kv_txn *t, unsigned table, struct bytes key); /* errors: NOTFOUND */

/* Cursors, in read and write transactions; die with it (or with the change that opened them), or with kv_cursor_close. After a
 * kv_put or kv_delete in the same transaction: kv_seek again. */
enum err kv_cursor_open(struct kv_txn *t, unsigned table, struct kv_cursor **ret);
void kv_cursor_close(struct kv_cursor *c);
/* kv_seek: to the first key >= `key` (empty: the first of all); kv_next: one further. Key and value are borrowed until the next call. NOTFOUND past the end. */
enum err kv_seek(struct kv_cursor *c, struct bytes key, struct bytes *ret_key, struct bytes *ret_value);
enum err kv_next(struct kv_cursor *c, struct bytes *ret_key, struct bytes *ret_value);

/* kv_count: rows of a table, at once; keys of 480 bytes and more that share the first 480 count once. */
enum err kv_count(struct kv_txn *t, unsigned table, uint64_t *ret);

struct kv_stats { uint64_t commits, changes, pages_used, size_bytes; };
void kv_stats(struct kv *k, struct kv_stats *ret);
#endif
