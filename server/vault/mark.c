/*
 * Marks: how the collector knows an index that was restored from a backup. Such an index does not know the objects written after the backup; their blobs
 * look like orphans, and removing them would destroy what a rebuild from the trailers still could save.
 *
 * The index holds a number that only rises. With each rise a tiny blob, the mark of that number, is put on storage. Its id follows from the index key
 * and the number, so an index of number j looks for marks above j: if one is there, the store has seen a newer index.
 *
 * The complication: the newest number is unknown, and old marks should go. Of the newest number k these are kept: k with its i lowest bits cleared, for
 * each i. An index of number j looks at the first multiple above j of each power of two. For the largest power that has a multiple in (j, k] there is only
 * one there (of two neighbours one is a multiple of the next power), and it is among those kept. So 41 looks find any newer mark, and 41 blobs are kept.
 */
#include <string.h>

#include "common/base/attr.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/crypto/aead.h"
#include "common/crypto/kdf.h"
#include "server/vault/internal.h"

enum { MARK_MS = 30 * 1000 }; /* deadline of one call of the store */
static const char content[] = "rempart mark 1";

/* A key of its own seals zeros once: 32 bytes that only holders of the index key can compute. */
enum err vault_mark_seed(const struct secret *index_key, uint8_t ret[OBJFMT_SEED_BYTES])
{
	static const uint8_t iv[AEAD_IV_BYTES];
	uint8_t sealed[OBJFMT_SEED_BYTES + AEAD_TAG_BYTES] = {0};
	AUTO(secret_freep) struct secret *key = NULL;
	AUTO(aead_freep) struct aead *aead = NULL;

	TRY(kdf_hkdf(index_key, bytes_of(NULL, 0), BYTES("rempart vault mark v1"), AEAD_KEY_BYTES,
	             &key));
	TRY(aead_new(key, &aead));
	TRY(aead_seal(aead, iv, bytes_of(NULL, 0), bytes_of(sealed, OBJFMT_SEED_BYTES), sealed));
	memcpy(ret, sealed, OBJFMT_SEED_BYTES);
	return OK;
}

static uint64_t without_low_bits(uint64_t n, unsigned bits)
{
	return n >> bits << bits;
}

/* Does the mark of m stay when k is the newest? */
static bool is_kept(uint64_t m, uint64_t k)
{
	for (unsigned i = 0; i <= VAULT_MARK_BITS; i++) {
		if (without_low_bits(k, i) == m) {
			return true;
		}
	}
	return false;
}

static enum err put_mark(struct vault *v, uint64_t number)
{
	uint8_t id[OBJFMT_ID_BYTES];
	struct store_put *put;

	TRY(objfmt_blob_id(v->mark_seed, number, id));
	TRY(store_put_begin(v->o.store, id, clock_mono_ms() + MARK_MS, &put));
	enum err e = store_put_write(put, BYTES(content));
	if (e != OK) {
		store_put_abort(put);
		return e;
	}
	return store_put_finish(put);
}

static enum err remove_mark(struct vault *v, uint64_t number)
{
	uint8_t id[OBJFMT_ID_BYTES];

	TRY(objfmt_blob_id(v->mark_seed, number, id));
	return store_remove(v->o.store, id, clock_mono_ms() + MARK_MS);
}

static enum err has_mark(struct vault *v, uint64_t number, bool *ret)
{
	uint8_t id[OBJFMT_ID_BYTES];
	struct store_blob *b;

	TRY(objfmt_blob_id(v->mark_seed, number, id));
	enum err e = store_open(v->o.store, id, clock_mono_ms() + MARK_MS, &b);
	*ret = e == OK;
	if (e == OK) {
		store_close(b);
	}
	return e == ERR_NOTFOUND ? OK : e;
}

/* A mark above n; 0: none. */
static enum err find_above(struct vault *v, uint64_t n, uint64_t *ret)
{
	*ret = 0;
	for (unsigned i = 0; i <= VAULT_MARK_BITS && *ret == 0; i++) {
		uint64_t at = ((n >> i) + 1) << i;
		bool there;
		TRY(has_mark(v, at, &there));
		*ret = there ? at : 0;
	}
	return OK;
}

static enum err denied(uint64_t number, uint64_t found)
{
	LOG(LOG_ERROR, "vault.old_index", LOG_U64("index", number), LOG_U64("store", found),
	    LOG_STR("why", "the store has seen a newer index: this one was restored, or is new"),
	    LOG_STR("do", "rebuild it from the store; until then orphans are not collected"));
	return ERR_DENIED;
}

/*
 * "Pending" goes to disk before the mark, so that after a crash between the two the mark is known as our
 * own. The number rises after it.
 */
enum err vault_mark_make(struct vault *v)
{
	struct index_mark now;

	TRY(index_mark_get(v->o.index, &now));
	struct index_mark next = {now.number + 1, false};
	if (!now.pending) {
		TRY(index_mark_set(v->o.index, (struct index_mark){now.number, true}));
	}
	enum err e = put_mark(v, next.number);
	if (e == ERR_EXISTS && !now.pending) {
		TRY(index_mark_set(v->o.index, now));
		return denied(now.number, next.number);
	}
	if (e != OK && e != ERR_EXISTS) {
		return e;
	}
	TRY(index_mark_set(v->o.index, next));
	for (unsigned i = 0; i <= VAULT_MARK_BITS; i++) {
		uint64_t old = without_low_bits(now.number, i);
		if (old != 0 && !is_kept(old, next.number)) {
			TRY(remove_mark(v, old));
		}
	}
	return OK;
}

enum err vault_mark_check(struct vault *v)
{
	struct index_mark now;
	uint64_t above;

	TRY(index_mark_get(v->o.index, &now));
	if (now.pending) {
		TRY(vault_mark_make(v));
		now.number++;
	}
	TRY(find_above(v, now.number, &above));
	return above == 0 ? OK : denied(now.number, above);
}

enum err vault_mark_each(struct vault *v,
                         enum err (*each)(void *context, const uint8_t id[OBJFMT_ID_BYTES]),
                         void *context)
{
	struct index_mark now;
	uint8_t id[OBJFMT_ID_BYTES];

	TRY(index_mark_get(v->o.index, &now));
	for (unsigned i = 0; i <= VAULT_MARK_BITS; i++) {
		TRY(objfmt_blob_id(v->mark_seed, without_low_bits(now.number, i), id));
		TRY(each(context, id));
	}
	return OK;
}

enum err vault_accept_index(struct vault *v)
{
	struct index_mark now;
	uint64_t above;

	if (!atomic_load(&v->unlocked)) {
		return ERR_UNAVAILABLE;
	}
	pthread_mutex_lock(&v->collect_mutex);
	enum err e = index_mark_get(v->o.index, &now);
	uint64_t newest = now.number;
	do {
		above = 0;
		if (e == OK) {
			e = find_above(v, newest, &above);
		}
		newest = above != 0 ? above : newest;
	} while (e == OK && above != 0);
	if (e == OK && newest != now.number) {
		e = index_mark_set(v->o.index, (struct index_mark){newest, false});
	}
	if (e == OK) {
		atomic_store(&v->accepted, true);
	}
	pthread_mutex_unlock(&v->collect_mutex);
	return e;
}
