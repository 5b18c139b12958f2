/*
 * The engine on LMDB. The invariant: every LMDB result code is turned into one of ours here, and a code that says
 * "the disk or the file is bad" is logged here, once. The complications: with MDB_NOTLS a reader slot belongs to
 * its transaction, so ended read transactions are kept, reset, and renewed by the next reader of any thread. And an environment that
 * could not write the page that ends a commit serves nobody any more, readers included: it is closed and opened anew, which takes it back to
 * a commit that is whole.
 */
#include "server/kv/kv_engine.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/log.h"

enum {
	FILE_MODE = 0600,
	RESERVE_MAX_BYTES = 16 << 20, /* some 100,000 removals whose garbage nobody collects */
	RESERVE_SHARE = 8,            /* of a small database */
};
static const uint64_t size_default_bytes = UINT64_C(64) << 30;
static const char table_long[] = "~long";
static const char format_key[] = "\0\0\0\0\0\0\0\0format"; /* node 0 of the pieces is ours */
static const char format_value[] = "rempart kv 1";

struct kv_engine {
	MDB_env *env;      /* NULL: it could not be opened anew */
	MDB_dbi tables[KV_TABLES_MAX + 1];
	struct kv_options options; /* `dir` is ours */
	unsigned n_tables; /* the caller's; the next one holds pieces of long keys */
	int owner_fd;      /* locked for as long as we have the directory */
	pthread_mutex_t mutex; /* for all below; the environment changes under it, with no transaction open */
	struct kv_engine_txn *spare; /* reset read transactions */
	unsigned n_open;   /* transactions in use */
	bool failed;       /* the environment has to be opened anew first */
	bool low;          /* only the reserve is left; of the writer */
};

struct kv_engine_txn {
	struct kv_engine *engine;
	MDB_txn *txn;
	bool write;
	struct kv_engine_txn *next;
};

struct kv_engine_cursor {
	struct kv_engine_txn *txn;
	MDB_cursor *cursor;
};

static enum err from_lmdb(const char *where, int rc)
{
	switch (rc) {
	case MDB_SUCCESS: return OK;
	case MDB_NOTFOUND: return ERR_NOTFOUND;
	case MDB_READERS_FULL: return ERR_UNAVAILABLE;
	case ENOMEM: return ERR_NOMEM;
	case MDB_MAP_FULL:
		LOG(LOG_ERROR, "kv.full", LOG_STR("where", where),
		    LOG_STR("do", "raise the size of the database and start again"));
		return ERR_FULL;
	case ENOSPC:
	case EDQUOT:
		LOG(LOG_ERROR, "kv.full", LOG_STR("where", where),
		    LOG_STR("do", "free space on the volume of the database"));
		return ERR_FULL;
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
		LOG(LOG_ERROR, "kv.corrupt", LOG_STR("where", where), LOG_STR("lmdb", mdb_strerror(rc)),
		    LOG_STR("do", "stop, check the disk, restore the database from a backup"));
		return ERR_CORRUPT;
	default:
		LOG(LOG_ERROR, "kv.io", LOG_STR("where", where), LOG_STR("lmdb", mdb_strerror(rc)),
		    LOG_STR("do", "check the disk of the database"));
		return ERR_IO;
	}
}

static MDB_val to_val(struct bytes b)
{
	return (MDB_val){.mv_size = b.n, .mv_data = (void *)(uintptr_t)b.p};
}

static struct bytes from_val(MDB_val v)
{
	return bytes_of(v.mv_data, v.mv_size);
}

unsigned kv_engine_long(const struct kv_engine *e)
{
	return e->n_tables;
}

/* One process has the directory at a time: two would each believe that they alone hand out numbers. */
static enum err take_directory(struct kv_engine *e, const char *dir, struct report *ret_report)
{
	int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir_fd < 0) {
		return report_errno(ret_report, "open the database directory", dir, errno,
		                    "make it, mode 0700, owned by the user of this program");
	}
	e->owner_fd = openat(dir_fd, "owner", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
	int saved = errno;
	close(dir_fd);
	if (e->owner_fd < 0) {
		return report_errno(ret_report, "make a file in the database directory", dir, saved,
		                    "give it to the user of this program, mode 0700");
	}
	if (flock(e->owner_fd, LOCK_EX | LOCK_NB) != 0) {
		return report_set(ret_report, ERR_DENIED,
		                  (const char *[]){dir, ": another process uses this database; ",
		                                   "stop it first", NULL});
	}
	return OK;
}

static enum err open_failed(struct report *ret_report, const char *dir, int rc)
{
	enum err e = ERR_IO;

	if (rc == MDB_INVALID || rc == MDB_VERSION_MISMATCH || rc == MDB_CORRUPTED) {
		e = ERR_INPUT;
	} else if (rc == MDB_MAP_FULL) {
		e = ERR_FULL;
	} else if (rc == EACCES || rc == EPERM || rc == EROFS) {
		e = ERR_DENIED;
	} else if (rc > 0) {
		e = err_from_errno(rc);
	}
	return report_set(ret_report, e,
	                  (const char *[]){"open the database in ", dir, ": ", mdb_strerror(rc),
	                                   "; check the directory, its owner and the disk", NULL});
}

static int check_format(struct kv_engine *e, MDB_txn *txn)
{
	MDB_val key = to_val(BYTES(format_key));
	MDB_val value;
	int rc = mdb_get(txn, e->tables[e->n_tables], &key, &value);

	if (rc == MDB_NOTFOUND) {
		value = to_val(BYTES(format_value));
		return mdb_put(txn, e->tables[e->n_tables], &key, &value, 0);
	}
	if (rc == MDB_SUCCESS && !bytes_equal(from_val(value), BYTES(format_value))) {
		return MDB_VERSION_MISMATCH;
	}
	return rc;
}

static int open_tables(struct kv_engine *e)
{
	const struct kv_options *o = &e->options;
	MDB_txn *txn;
	int rc = mdb_txn_begin(e->env, NULL, 0, &txn);

	if (rc != MDB_SUCCESS) {
		return rc;
	}
	for (unsigned i = 0; rc == MDB_SUCCESS && i < o->n_tables; i++) {
		rc = mdb_dbi_open(txn, o->tables[i], MDB_CREATE, &e->tables[i]);
	}
	if (rc == MDB_SUCCESS) {
		rc = mdb_dbi_open(txn, table_long, MDB_CREATE, &e->tables[o->n_tables]);
	}
	if (rc == MDB_SUCCESS) {
		rc = check_format(e, txn);
	}
	if (rc != MDB_SUCCESS) {
		mdb_txn_abort(txn);
		return rc;
	}
	return mdb_txn_commit(txn);
}

static int open_env(struct kv_engine *e)
{
	const struct kv_options *o = &e->options;
	uint64_t size = o->size_max_bytes != 0 ? o->size_max_bytes : size_default_bytes;
	int rc = mdb_env_create(&e->env);

	e->options.size_max_bytes = size;
	if (rc == MDB_SUCCESS) {
		rc = mdb_env_set_mapsize(e->env, size);
	}
	if (rc == MDB_SUCCESS) {
		rc = mdb_env_set_maxreaders(e->env, KV_READERS_MAX);
	}
	if (rc == MDB_SUCCESS) {
		rc = mdb_env_set_maxdbs(e->env, KV_TABLES_MAX + 1);
	}
	if (rc == MDB_SUCCESS) {
		rc = mdb_env_open(e->env, o->dir, MDB_NOTLS, FILE_MODE);
	}
	if (rc == MDB_SUCCESS) {
		int dead; /* slots of a process that died with open readers: nobody needs the count */
		rc = mdb_reader_check(e->env, &dead);
	}
	return rc == MDB_SUCCESS ? open_tables(e) : rc;
}

static void close_env(struct kv_engine *e)
{
	while (e->spare != NULL) {
		struct kv_engine_txn *t = e->spare;
		e->spare = t->next;
		mdb_txn_abort(t->txn);
		free(t);
	}
	if (e->env != NULL) {
		mdb_env_close(e->env);
	}
	e->env = NULL;
}

/* Under the mutex, with no transaction open. */
static void open_anew(struct kv_engine *e)
{
	close_env(e);
	int rc = open_env(e);
	if (rc != MDB_SUCCESS) {
		close_env(e);
		LOG(LOG_ERROR, "kv.reopen", LOG_STR("dir", e->options.dir),
		    LOG_STR("lmdb", mdb_strerror(rc)),
		    LOG_STR("do", "check the disk of the database; it is tried again with each call"));
		return;
	}
	e->failed = false;
	LOG(LOG_WARN, "kv.reopened", LOG_STR("dir", e->options.dir),
	    LOG_STR("why", "a commit could not be ended; the database goes on from one that is whole"));
}

/* Before a transaction begins. UNAVAILABLE: those that are still open keep the failed environment, they will be gone in a moment. */
static enum err enter(struct kv_engine *e)
{
	pthread_mutex_lock(&e->mutex);
	if (e->failed && e->n_open == 0) {
		open_anew(e);
	}
	enum err result = !e->failed ? OK : e->env == NULL ? ERR_IO : ERR_UNAVAILABLE;
	e->n_open += result == OK;
	pthread_mutex_unlock(&e->mutex);
	return result;
}

static void leave(struct kv_engine *e)
{
	pthread_mutex_lock(&e->mutex);
	e->n_open--;
	pthread_mutex_unlock(&e->mutex);
}

enum err kv_engine_open(const struct kv_options *o, struct kv_engine **ret,
                        struct report *ret_report)
{
	assert(o->n_tables > 0 && o->n_tables <= KV_TABLES_MAX);
	struct kv_engine *e = calloc(1, sizeof(*e));
	if (e == NULL) {
		return report_set(ret_report, ERR_NOMEM, (const char *[]){"no memory", NULL});
	}
	e->owner_fd = -1;
	e->n_tables = o->n_tables;
	e->options = *o;
	e->options.dir = strdup(o->dir);
	pthread_mutex_init(&e->mutex, NULL);
	enum err result = e->options.dir == NULL
	                          ? report_set(ret_report, ERR_NOMEM, (const char *[]){"no memory", NULL})
	                          : take_directory(e, o->dir, ret_report);
	if (result == OK) {
		int rc = open_env(e);
		if (rc != MDB_SUCCESS) {
			result = open_failed(ret_report, o->dir, rc);
		}
	}
	if (result != OK) {
		kv_engine_close(e);
		return result;
	}
	assert(mdb_env_get_maxkeysize(e->env) >= KV_ENGINE_KEY_MAX);
	*ret = e;
	return OK;
}

void kv_engine_close(struct kv_engine *e)
{
	if (e == NULL) {
		return;
	}
	assert(e->n_open == 0);
	close_env(e);
	if (e->owner_fd >= 0) {
		close(e->owner_fd);
	}
	pthread_mutex_destroy(&e->mutex);
	free((void *)(uintptr_t)e->options.dir);
	free(e);
}

static enum err txn_new(struct kv_engine *e, bool write, struct kv_engine_txn **ret)
{
	struct kv_engine_txn *t = calloc(1, sizeof(*t));

	if (t == NULL) {
		return ERR_NOMEM;
	}
	int rc = mdb_txn_begin(e->env, NULL, write ? 0 : MDB_RDONLY, &t->txn);
	if (rc != MDB_SUCCESS) {
		free(t);
		return from_lmdb("begin", rc);
	}
	t->engine = e;
	t->write = write;
	*ret = t;
	return OK;
}

/* A kept transaction, or a new one. */
static enum err txn_read(struct kv_engine *e, struct kv_engine_txn **ret)
{
	pthread_mutex_lock(&e->mutex);
	struct kv_engine_txn *t = e->spare;
	if (t != NULL) {
		e->spare = t->next;
	}
	pthread_mutex_unlock(&e->mutex);
	if (t == NULL) {
		return txn_new(e, false, ret);
	}
	int rc = mdb_txn_renew(t->txn);
	if (rc != MDB_SUCCESS) {
		mdb_txn_abort(t->txn);
		free(t);
		return from_lmdb("renew", rc);
	}
	*ret = t;
	return OK;
}

enum err kv_engine_read(struct kv_engine *e, struct kv_engine_txn **ret)
{
	TRY(enter(e));
	enum err result = txn_read(e, ret);
	if (result != OK) {
		leave(e);
	}
	return result;
}

enum err kv_engine_write(struct kv_engine *e, struct kv_engine_txn **ret)
{
	TRY(enter(e));
	enum err result = txn_new(e, true, ret);
	if (result != OK) {
		leave(e);
	}
	return result;
}

/* Pages of older commits that new ones can take. The list of them is shown to readers only. */
static uint64_t count_free(const struct kv_engine *e)
{
	MDB_txn *txn;
	MDB_cursor *c = NULL;
	MDB_val k, v;
	uint64_t n = 0;

	if (mdb_txn_begin(e->env, NULL, MDB_RDONLY, &txn) != MDB_SUCCESS) {
		return 0;
	}
	if (mdb_cursor_open(txn, 0, &c) == MDB_SUCCESS) {
		while (mdb_cursor_get(c, &k, &v, MDB_NEXT) == MDB_SUCCESS) {
			size_t pages; /* the length of the list that follows */
			memcpy(&pages, v.mv_data, sizeof(pages));
			n += pages;
		}
		mdb_cursor_close(c);
	}
	mdb_txn_abort(txn);
	return n;
}

/*
 * Bytes that the file can still grow into: its room on the volume is taken in advance, so that a full volume shows here and not in
 * the middle of a commit. A file system that cannot do that shows no limit but the configured one.
 */
static uint64_t take_room(const struct kv_engine *e, uint64_t used, uint64_t reserve)
{
	uint64_t size_max = e->options.size_max_bytes;
	struct stat st;
	int fd;

	if (mdb_env_get_fd(e->env, &fd) != MDB_SUCCESS || fstat(fd, &st) != 0) {
		return 0;
	}
	uint64_t size = (uint64_t)st.st_size;
	uint64_t want = used + 2 * reserve < size_max ? used + 2 * reserve : size_max;
	if (size < used + reserve && size < want) {
		if (fallocate(fd, 0, (off_t)size, (off_t)(want - size)) == 0) {
			size = want;
		} else if (errno == EOPNOTSUPP || errno == ENOSYS) {
			size = size_max;
		}
	}
	size = size < size_max ? size : size_max;
	return size > used ? size - used : 0;
}

/* Is less left than the reserve? Asked by the one writer. */
static bool find_low(struct kv_engine *e)
{
	uint64_t reserve = e->options.size_max_bytes / RESERVE_SHARE;
	MDB_envinfo info = {0};
	MDB_stat stat = {0};

	reserve = reserve < RESERVE_MAX_BYTES ? reserve : RESERVE_MAX_BYTES;
	if (mdb_env_info(e->env, &info) != MDB_SUCCESS ||
	    mdb_env_stat(e->env, &stat) != MDB_SUCCESS) {
		return true;
	}
	uint64_t room = take_room(e, ((uint64_t)info.me_last_pgno + 1) * stat.ms_psize, reserve);
	if (room < reserve) {
		room += count_free(e) * stat.ms_psize;
	}
	return room < reserve;
}

bool kv_engine_low(struct kv_engine_txn *t)
{
	struct kv_engine *e = t->engine;
	bool low = find_low(e);

	assert(t->write);
	if (low && !e->low) {
		LOG(LOG_ERROR, "kv.full", LOG_STR("where", e->options.dir),
		    LOG_STR("do", "free space on its volume, raise its size, or remove objects: only "
		                  "removals are taken now"));
	} else if (!low && e->low) {
		LOG(LOG_INFO, "kv.room", LOG_STR("where", e->options.dir));
	}
	e->low = low;
	return low;
}

/* Did the environment fail for good? LMDB tells only who begins a transaction, and not while all
 * readers' places are taken: better opened anew for nothing than failed for ever. */
static bool is_dead(const struct kv_engine *e)
{
	MDB_txn *txn;
	int rc = mdb_txn_begin(e->env, NULL, MDB_RDONLY, &txn);

	if (rc == MDB_SUCCESS) {
		mdb_txn_abort(txn);
	}
	return rc != MDB_SUCCESS;
}

enum err kv_engine_commit(struct kv_engine_txn *t)
{
	struct kv_engine *e = t->engine;

	assert(t->write);
	int rc = mdb_txn_commit(t->txn);
	enum err result = from_lmdb("commit", rc);
	free(t);
	if (result != OK && is_dead(e)) {
		pthread_mutex_lock(&e->mutex);
		e->failed = true;
		pthread_mutex_unlock(&e->mutex);
		result = ERR_IO; /* also for a full disk: it may be there when the database is opened anew */
	}
	leave(e);
	return result;
}

void kv_engine_end(struct kv_engine_txn *t)
{
	if (t == NULL) {
		return;
	}
	struct kv_engine *e = t->engine;
	if (t->write) {
		mdb_txn_abort(t->txn);
		free(t);
		leave(e);
		return;
	}
	mdb_txn_reset(t->txn);
	pthread_mutex_lock(&e->mutex);
	t->next = e->spare;
	e->spare = t;
	e->n_open--;
	pthread_mutex_unlock(&e->mutex);
}

static MDB_dbi table_of(const struct kv_engine_txn *t, unsigned table)
{
	assert(table <= t->engine->n_tables);
	return t->engine->tables[table];
}

enum err kv_engine_get(struct kv_engine_txn *t, unsigned table, struct bytes key,
                       struct bytes *ret)
{
	MDB_val k = to_val(key);
	MDB_val v;
	int rc = mdb_get(t->txn, table_of(t, table), &k, &v);

	if (rc != MDB_SUCCESS) {
		return from_lmdb("get", rc);
	}
	*ret = from_val(v);
	return OK;
}

enum err kv_engine_put(struct kv_engine_txn *t, unsigned table, struct bytes key,
                       struct bytes value)
{
	assert(t->write && key.n > 0 && key.n <= KV_ENGINE_KEY_MAX);
	MDB_val k = to_val(key);
	MDB_val v = to_val(value);

	return from_lmdb("put", mdb_put(t->txn, table_of(t, table), &k, &v, 0));
}

enum err kv_engine_delete(struct kv_engine_txn *t, unsigned table, struct bytes key)
{
	assert(t->write && key.n > 0);
	MDB_val k = to_val(key);

	return from_lmdb("delete", mdb_del(t->txn, table_of(t, table), &k, NULL));
}

enum err kv_engine_cursor_open(struct kv_engine_txn *t, unsigned table,
                               struct kv_engine_cursor **ret)
{
	struct kv_engine_cursor *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		return ERR_NOMEM;
	}
	int rc = mdb_cursor_open(t->txn, table_of(t, table), &c->cursor);
	if (rc != MDB_SUCCESS) {
		free(c);
		return from_lmdb("cursor", rc);
	}
	c->txn = t;
	*ret = c;
	return OK;
}

void kv_engine_cursor_close(struct kv_engine_cursor *c)
{
	if (c == NULL) {
		return;
	}
	mdb_cursor_close(c->cursor);
	free(c);
}

static enum err cursor_step(struct kv_engine_cursor *c, MDB_val k, MDB_cursor_op op,
                            struct bytes *ret_key, struct bytes *ret_value)
{
	MDB_val v;
	int rc = mdb_cursor_get(c->cursor, &k, &v, op);

	if (rc != MDB_SUCCESS) {
		return from_lmdb("cursor", rc);
	}
	*ret_key = from_val(k);
	*ret_value = from_val(v);
	return OK;
}

enum err kv_engine_seek(struct kv_engine_cursor *c, struct bytes key, struct bytes *ret_key,
                        struct bytes *ret_value)
{
	if (key.n == 0) { /* LMDB takes no empty key; every key is greater than it */
		return cursor_step(c, (MDB_val){0, NULL}, MDB_FIRST, ret_key, ret_value);
	}
	return cursor_step(c, to_val(key), MDB_SET_RANGE, ret_key, ret_value);
}

enum err kv_engine_next(struct kv_engine_cursor *c, struct bytes *ret_key,
                        struct bytes *ret_value)
{
	return cursor_step(c, (MDB_val){0, NULL}, MDB_NEXT, ret_key, ret_value);
}

enum err kv_engine_count(struct kv_engine_txn *t, unsigned table, uint64_t *ret)
{
	MDB_stat stat;
	int rc = mdb_stat(t->txn, table_of(t, table), &stat);

	if (rc != MDB_SUCCESS) {
		return from_lmdb("count", rc);
	}
	*ret = stat.ms_entries;
	return OK;
}

void kv_engine_stats(struct kv_engine *e, struct kv_stats *ret)
{
	MDB_envinfo info = {0};
	MDB_stat stat = {0};

	pthread_mutex_lock(&e->mutex);
	if (e->env != NULL && mdb_env_info(e->env, &info) == MDB_SUCCESS &&
	    mdb_env_stat(e->env, &stat) == MDB_SUCCESS) {
		ret->pages_used = (uint64_t)info.me_last_pgno + 1;
		ret->size_bytes = ret->pages_used * stat.ms_psize;
	}
	pthread_mutex_unlock(&e->mutex);
}
