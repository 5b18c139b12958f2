/*
 * Rebuilding: objects that storage has and the index does not know, from the records in their trailers. For an index that was restored from a backup.
 *
 * An unknown object was written after the backup; or it was deleted before, and its blobs are still waiting for the collector. The second kind must
 * stay deleted: the garbage rows of the index name its blobs, and what it had been replaced by is newer. What was deleted after the backup nobody can
 * know any more: it comes back. Objects go in by the order in which they were written, so that the last of a name is the current one.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/attr.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "server/vault/internal.h"

enum {
	ARENA_BYTES = 32 << 20,            /* one trailer, its record, what the index has */
	GARBAGE_PAGE = 128,
	CANDIDATES_MAX_BYTES = 1 << 30,    /* unknown objects: 22 million */
	SEEDS_MAX_BYTES = 1 << 30,
	FOLDERS = 256,
	CALL_MS = 60 * 1000,               /* deadline of one call of the store */
};

/* An unknown object: its last blob, and when that was written. */
struct candidate {
	uint64_t modified_ms, written_ms;
	uint8_t id[OBJFMT_ID_BYTES];
};

struct rebuild {
	struct vault *v;
	struct arena *a;            /* of one object */
	struct writer candidates;   /* struct candidate */
	struct writer seeds;        /* of parts that are garbage, sorted */
	struct vault_rebuilt count;
};

static int compare_seeds(const void *a, const void *b)
{
	return memcmp(a, b, INDEX_SEED_BYTES);
}

static int compare_candidates(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->modified_ms != y->modified_ms) {
		return x->modified_ms < y->modified_ms ? -1 : 1;
	}
	return x->written_ms < y->written_ms ? -1 : x->written_ms > y->written_ms;
}

/* --- what was deleted before the backup ------------------------------------------------------ */

static enum err load_garbage(struct rebuild *b)
{
	struct index_garbage *rows;
	uint64_t after = 0;
	size_t n;

	do {
		arena_reset(b->a);
		TRY(index_garbage_next(b->v->o.index, b->a, after, GARBAGE_PAGE, &rows, &n));
		for (size_t i = 0; i < n; i++) {
			after = rows[i].sequence;
			for (size_t part = 0; part < rows[i].n_parts; part++) {
				write_bytes(&b->seeds, bytes_of(rows[i].parts[part].seed,
				                                INDEX_SEED_BYTES));
			}
		}
	} while (n > 0);
	TRY(writer_end(&b->seeds));
	if (b->seeds.used > 0) {
		qsort(b->seeds.p, b->seeds.used / INDEX_SEED_BYTES, INDEX_SEED_BYTES, compare_seeds);
	}
	return OK;
}

static bool is_garbage(const struct rebuild *b, const struct index_object *o)
{
	return b->seeds.used > 0 && o->n_parts > 0 &&
	       bsearch(o->parts[o->n_parts - 1].seed, b->seeds.p,
	               b->seeds.used / INDEX_SEED_BYTES, INDEX_SEED_BYTES, compare_seeds) != NULL;
}

/* --- trailers -------------------------------------------------------------------------------- */

/* NOTFOUND: the blob has none, or is gone. */
static enum err read_trailer(struct rebuild *b, const uint8_t id[OBJFMT_ID_BYTES],
                             struct store_blob *blob, struct index_object *ret)
{
	uint8_t foot[OBJFMT_TRAILER_FOOT_BYTES];
	struct bytes record;
	uint64_t size;
	uint32_t n;

	TRY(store_size(blob, &size));
	if (size < sizeof(foot)) {
		return ERR_NOTFOUND;
	}
	TRY(store_read(blob, size - sizeof(foot), foot, sizeof(foot)));
	TRY(objfmt_trailer_size(bytes_of(foot, sizeof(foot)), &n));
	uint8_t *sealed = arena_alloc(b->a, n);
	if (sealed == NULL || n > size) {
		return sealed == NULL ? ERR_NOMEM : ERR_CORRUPT;
	}
	TRY(store_read(blob, size - n, sealed, n));
	TRY(objfmt_trailer_open(b->v->index_key, id, bytes_of(sealed, n), b->a, &record));
	return index_record_read(record, b->a, ret);
}

static enum err read_object(struct rebuild *b, const uint8_t id[OBJFMT_ID_BYTES],
                            struct index_object *ret)
{
	struct store_blob *blob = NULL;

	arena_reset(b->a);
	TRY(store_open(b->v->o.store, id, clock_mono_ms() + CALL_MS, &blob));
	enum err e = read_trailer(b, id, blob, ret);
	store_close(blob);
	return e;
}

/* --- first pass: what does the index not know? ----------------------------------------------- */

static enum err has_version(struct rebuild *b, const struct index_object *o,
                            const struct index_version *version, bool *ret)
{
	struct index_object found;
	enum err e = index_version_get(b->v->o.index, b->a, o->bucket, o->key, version, &found);

	if (e == ERR_NOTFOUND) {
		return OK;
	}
	TRY(e);
	*ret = *ret || memcmp(found.id, o->id, sizeof(o->id)) == 0;
	return OK;
}

static enum err is_known(struct rebuild *b, const struct index_object *o, bool *ret)
{
	static const struct index_version null = {.null = true};
	struct index_version own = {.null = false};

	*ret = false;
	memcpy(own.id, o->id, sizeof(own.id));
	TRY(has_version(b, o, NULL, ret));
	if (!*ret) {
		TRY(has_version(b, o, &own, ret));
	}
	return *ret ? OK : has_version(b, o, &null, ret);
}

static enum err look_at(void *context, const uint8_t id[STORE_ID_BYTES], uint64_t age_ms)
{
	struct rebuild *b = context;
	struct index_object o;
	bool known = false;
	enum err e = read_object(b, id, &o);

	if (e == ERR_NOTFOUND) {
		return OK;
	}
	if (e == ERR_CORRUPT) {
		b->count.unreadable++;
		return OK;
	}
	TRY(e);
	b->count.objects++;
	TRY(is_known(b, &o, &known));
	if (known) {
		b->count.known++;
		return OK;
	}
	if (is_garbage(b, &o)) {
		b->count.deleted++;
		return OK;
	}
	struct candidate c = {.modified_ms = o.modified_ms, .written_ms = clock_real_ms() - age_ms};
	memcpy(c.id, id, sizeof(c.id));
	write_bytes(&b->candidates, bytes_of(&c, sizeof(c)));
	return writer_end(&b->candidates);
}

/* --- second pass: publish -------------------------------------------------------------------- */

static enum err put_object(struct rebuild *b, struct index_object *o)
{
	struct index_object now;
	bool no_bucket = false;
	enum err e = index_version_get(b->v->o.index, b->a, o->bucket, o->key, NULL, &now);

	if (e == OK && now.modified_ms > o->modified_ms) {
		b->count.deleted++; /* a left-over: it had been replaced before the backup */
		return OK;
	}
	if (e != OK && e != ERR_NOTFOUND) {
		return e;
	}
	e = index_object_put(b->v->o.index, o, NULL, NULL, &no_bucket);
	if (e == ERR_NOTFOUND && no_bucket) {
		b->count.no_bucket++;
		LOG(LOG_WARN, "vault.rebuild", LOG_BYTES("bucket", o->bucket),
		    LOG_STR("why", "an object of a bucket that the index does not know"),
		    LOG_STR("do", "let its owner create the bucket, then rebuild again"));
		return OK;
	}
	if (e == ERR_DENIED || e == ERR_INPUT || e == ERR_LIMIT) {
		b->count.unreadable++; /* what stands there is locked, or this is no object */
		return OK;
	}
	b->count.restored += e == OK;
	return e;
}

static enum err put_candidates(struct rebuild *b)
{
	struct candidate *c = (struct candidate *)(void *)b->candidates.p;
	size_t n = b->candidates.used / sizeof(*c);

	if (n > 0) {
		qsort(c, n, sizeof(*c), compare_candidates);
	}
	for (size_t i = 0; i < n; i++) {
		struct index_object o;
		TRY(read_object(b, c[i].id, &o));
		TRY(put_object(b, &o));
	}
	return OK;
}

static enum err rebuild(struct rebuild *b)
{
	TRY(load_garbage(b));
	for (unsigned folder = 0; folder < FOLDERS; folder++) {
		TRY(store_list(b->v->o.store, (uint8_t)folder, look_at, b));
	}
	return put_candidates(b);
}

enum err vault_rebuild(struct vault *v, struct vault_rebuilt *ret)
{
	struct rebuild b = {.v = v, .a = arena_new(ARENA_BYTES),
	                    .candidates = writer_growing(CANDIDATES_MAX_BYTES),
	                    .seeds = writer_growing(SEEDS_MAX_BYTES)};
	enum err e = ERR_UNAVAILABLE;

	if (b.a == NULL) {
		e = ERR_NOMEM;
	} else if (atomic_load(&v->unlocked)) {
		pthread_mutex_lock(&v->collect_mutex);
		e = rebuild(&b);
		pthread_mutex_unlock(&v->collect_mutex);
	}
	writer_free(&b.candidates);
	writer_free(&b.seeds);
	arena_free(b.a);
	*ret = b.count;
	return e;
}
