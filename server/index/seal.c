/*
 * Sealed values and epochs (INDEX-FORMAT.md section 3). The invariant: a pair of epoch key and IV is used once. Each unlock makes an epoch
 * with a fresh random salt, hence a fresh key, and within it a counter that lives in this process alone numbers the values. So nothing
 * that is stored, restored or rolled back can make an IV repeat.
 *
 * The complication: a cipher context serves one thread at a time. Each epoch keeps a few that are idle; a view borrows one.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/attr.h"
#include "common/base/log.h"
#include "common/crypto/aead.h"
#include "common/crypto/kdf.h"
#include "server/index/schema.h"

enum {
	SALT_BYTES = 32,
	EPOCH_KEY_BYTES = 4,
	EPOCHS_MAX = (1 << 24) - 1, /* unlocks in the life of an index */
	NUMBER_COUNTER_BITS = 40,
	NUMBER_START_BITS = 39,     /* the counter of an epoch begins anywhere in its lower half */
	IDLE_MAX = 32,              /* contexts kept per epoch; about the number of workers */
	AAD_MAX_BYTES = 16 + INDEX_ROW_KEY_MAX,
};
static_assert(INDEX_VALUE_EXTRA_BYTES == (int)INDEX_VALUE_HEAD_BYTES + (int)AEAD_TAG_BYTES, "tag");

const char *const index_table_names[TABLES] = {
	"epochs", "buckets", "objects", "uploads", "parts", "garbage", "meta", "configs",
	"versions",
};

struct index_seal_epoch {
	uint32_t number;
	uint8_t salt[SALT_BYTES];
	struct aead *idle[IDLE_MAX]; /* under the mutex */
	unsigned n_idle;
};

struct index_seal {
	struct secret *key;
	pthread_mutex_t mutex;
	struct index_seal_epoch **epochs; /* epoch n is at n - 1; fixed after the unlock */
	size_t n_epochs;
	struct index_seal_epoch *current;
	atomic_uint_fast64_t counter; /* last IV of the current epoch */
	atomic_uint_fast64_t numbers;
};

static enum err epoch_cipher(struct index_seal *s, const struct index_seal_epoch *epoch,
                             struct aead **ret)
{
	AUTO(secret_freep) struct secret *key = NULL;

	TRY(kdf_hkdf(s->key, bytes_of(epoch->salt, SALT_BYTES), BYTES("rempart index v1"),
	             AEAD_KEY_BYTES, &key));
	return aead_new(key, ret);
}

void index_sealer_end(struct index_sealer *s)
{
	struct aead *aead = s->aead;

	if (aead == NULL) {
		return;
	}
	pthread_mutex_lock(&s->seal->mutex);
	if (s->epoch->n_idle < IDLE_MAX) {
		s->epoch->idle[s->epoch->n_idle++] = aead;
		aead = NULL;
	}
	pthread_mutex_unlock(&s->seal->mutex);
	aead_free(aead);
	s->aead = NULL;
	s->epoch = NULL;
}

/* Let the sealer hold a context of that epoch. */
static enum err turn_to(struct index_sealer *s, struct index_seal_epoch *epoch)
{
	struct aead *aead = NULL;

	if (s->epoch == epoch) {
		return OK;
	}
	index_sealer_end(s);
	pthread_mutex_lock(&s->seal->mutex);
	if (epoch->n_idle > 0) {
		aead = epoch->idle[--epoch->n_idle];
	}
	pthread_mutex_unlock(&s->seal->mutex);
	if (aead == NULL) {
		TRY(epoch_cipher(s->seal, epoch, &aead));
	}
	s->aead = aead;
	s->epoch = epoch;
	return OK;
}

/* aad = table name, 0x00, key: a value does not open in another row. */
static struct bytes make_aad(uint8_t *room, enum index_table table, struct bytes key)
{
	struct writer w = writer_fixed(room, AAD_MAX_BYTES);

	write_text(&w, index_table_names[table]);
	write_u8(&w, 0);
	write_bytes(&w, key);
	assert(!w.full);
	return writer_bytes(&w);
}

static void make_iv(uint64_t counter, uint8_t iv[AEAD_IV_BYTES])
{
	struct writer w = writer_fixed(iv, AEAD_IV_BYTES);

	write_u32(&w, 0);
	write_u64(&w, counter);
}

enum err index_value_seal(struct index_sealer *s, enum index_table table, struct bytes key,
                          struct writer *value)
{
	uint8_t iv[AEAD_IV_BYTES], room[AAD_MAX_BYTES];

	if (writer_reserve(value, AEAD_TAG_BYTES) == NULL) {
		return ERR_LIMIT;
	}
	TRY(turn_to(s, s->seal->current));
	uint64_t counter = atomic_fetch_add(&s->seal->counter, 1) + 1;
	struct writer head = writer_fixed(value->p, INDEX_VALUE_HEAD_BYTES);
	write_u32(&head, s->epoch->number);
	write_u64(&head, counter);
	make_iv(counter, iv);
	uint8_t *plain = value->p + INDEX_VALUE_HEAD_BYTES;
	TRY(aead_seal(s->aead, iv, make_aad(room, table, key),
	              bytes_of(plain, value->used - INDEX_VALUE_HEAD_BYTES), plain));
	value->used += AEAD_TAG_BYTES;
	return OK;
}

enum err index_value_open(struct index_sealer *s, enum index_table table, struct bytes key,
                          struct bytes value, uint8_t *out)
{
	uint8_t iv[AEAD_IV_BYTES], room[AAD_MAX_BYTES];
	struct reader r = reader_of(value);
	uint32_t epoch = read_u32(&r);
	uint64_t counter = read_u64(&r);

	if (r.bad || r.left < AEAD_TAG_BYTES || key.n > INDEX_ROW_KEY_MAX || epoch < 1 ||
	    epoch > s->seal->n_epochs) {
		return ERR_CORRUPT;
	}
	TRY(turn_to(s, s->seal->epochs[epoch - 1]));
	make_iv(counter, iv);
	return aead_open(s->aead, iv, make_aad(room, table, key), bytes_of(r.p, r.left), out);
}

static enum err add_epoch(struct index_seal *s, size_t size, struct bytes salt)
{
	if (s->n_epochs >= size || salt.n != SALT_BYTES) {
		return ERR_CORRUPT;
	}
	struct index_seal_epoch *epoch = calloc(1, sizeof(*epoch));
	if (epoch == NULL) {
		return ERR_NOMEM;
	}
	epoch->number = (uint32_t)s->n_epochs + 1;
	memcpy(epoch->salt, salt.p, SALT_BYTES);
	s->epochs[s->n_epochs++] = epoch;
	return OK;
}

/* All epochs so far, which must be 1, 2, 3 ... */
static enum err load_epochs(struct index_seal *s, struct kv_txn *t)
{
	struct kv_cursor *c;
	struct bytes key, value;
	uint64_t n;

	TRY(kv_count(t, TABLE_EPOCHS, &n));
	if (n >= EPOCHS_MAX) {
		return ERR_LIMIT;
	}
	s->epochs = calloc(n + 1, sizeof(struct index_seal_epoch *));
	if (s->epochs == NULL) {
		return ERR_NOMEM;
	}
	TRY(kv_cursor_open(t, TABLE_EPOCHS, &c));
	enum err e = kv_seek(c, BYTES(""), &key, &value);
	while (e == OK) {
		struct reader r = reader_of(key);
		if (read_u32(&r) != s->n_epochs + 1 || read_end(&r) != OK) {
			return ERR_CORRUPT;
		}
		TRY(add_epoch(s, n, value));
		e = kv_next(c, &key, &value);
	}
	return e == ERR_NOTFOUND ? OK : e;
}

static const char check_plain[] = "rempart index 1";

/* Does this key open the check value? An index with epochs but without one was tampered with. */
static enum err verify_check(struct index_seal *s, struct kv_txn *t)
{
	struct index_sealer sealer = {.seal = s};
	uint8_t plain[sizeof(check_plain) - 1];
	struct bytes value;
	enum err e = kv_get(t, TABLE_META, BYTES("check"), &value);

	if (e == ERR_NOTFOUND) {
		return s->n_epochs == 0 ? OK : ERR_CORRUPT;
	}
	TRY(e);
	if (value.n != sizeof(plain) + INDEX_VALUE_EXTRA_BYTES) {
		return ERR_CORRUPT;
	}
	e = index_value_open(&sealer, TABLE_META, BYTES("check"), value, plain);
	index_sealer_end(&sealer);
	if (e == OK && memcmp(plain, check_plain, sizeof(plain)) != 0) {
		e = ERR_CORRUPT;
	}
	return e;
}

static enum err load(struct index_seal *s, struct kv *kv)
{
	AUTO(kv_read_endp) struct kv_txn *t = NULL;

	TRY(kv_read_begin(kv, &t));
	TRY(load_epochs(s, t));
	enum err e = verify_check(s, t);
	if (e == ERR_CORRUPT) {
		LOG(LOG_ERROR, "index.check",
		    LOG_STR("why", "this index was made with another key, or was changed"),
		    LOG_STR("do", "compare the index directory and the gateway's enrolment"));
	}
	return e;
}

/* Publish the new epoch; in a new index, the check value with it. */
static enum err begin_epoch(struct kv_txn *t, void *context)
{
	struct index_seal *s = context;
	struct index_sealer sealer = {.seal = s};
	uint8_t number[EPOCH_KEY_BYTES];
	struct writer w = writer_fixed(number, sizeof(number));

	write_u32(&w, s->current->number);
	kv_use_reserve(t); /* a full index opens */
	TRY(kv_put(t, TABLE_EPOCHS, writer_bytes(&w), bytes_of(s->current->salt, SALT_BYTES)));
	if (s->current->number > 1) {
		return OK;
	}
	struct writer value = writer_growing(INDEX_RECORD_MAX_BYTES);
	write_bytes(&value, bytes_of((const uint8_t[INDEX_VALUE_HEAD_BYTES]){0},
	                             INDEX_VALUE_HEAD_BYTES));
	write_text(&value, check_plain);
	enum err e = index_value_seal(&sealer, TABLE_META, BYTES("check"), &value);
	if (e == OK) {
		e = kv_put(t, TABLE_META, BYTES("check"), writer_bytes(&value));
	}
	writer_free(&value);
	index_sealer_end(&sealer);
	return e;
}

static enum err set_up(struct index_seal *s, struct kv *kv, const struct secret *index_key)
{
	uint8_t salt[SALT_BYTES];

	s->key = secret_copy(index_key);
	if (s->key == NULL) {
		return ERR_NOMEM;
	}
	TRY(load(s, kv));
	random_bytes(salt, sizeof(salt));
	TRY(add_epoch(s, s->n_epochs + 1, bytes_of(salt, sizeof(salt))));
	s->current = s->epochs[s->n_epochs - 1];
	/* A backup brings the epochs of the last start again, but not its numbers: the KMS has documents on record under them. */
	struct reader start = reader_of(bytes_of(salt, sizeof(salt)));
	s->numbers = read_u64(&start) >> (64 - NUMBER_START_BITS);
	return kv_write(kv, begin_epoch, s);
}

enum err index_seal_open(struct kv *kv, const struct secret *index_key, struct index_seal **ret)
{
	struct index_seal *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		return ERR_NOMEM;
	}
	pthread_mutex_init(&s->mutex, NULL);
	enum err e = set_up(s, kv, index_key);
	if (e != OK) {
		index_seal_free(s);
		return e;
	}
	*ret = s;
	return OK;
}

void index_seal_free(struct index_seal *s)
{
	if (s == NULL) {
		return;
	}
	for (size_t i = 0; i < s->n_epochs; i++) {
		while (s->epochs[i]->n_idle > 0) {
			aead_free(s->epochs[i]->idle[--s->epochs[i]->n_idle]);
		}
		free(s->epochs[i]);
	}
	free(s->epochs);
	secret_free(s->key);
	pthread_mutex_destroy(&s->mutex);
	free(s);
}

bool index_seal_has_key(const struct index_seal *s, const struct secret *index_key)
{
	return secret_equal(s->key, index_key);
}

uint64_t index_seal_number(struct index_seal *s)
{
	uint64_t n = atomic_fetch_add(&s->numbers, 1) + 1;

	assert(n < UINT64_C(1) << NUMBER_COUNTER_BITS); /* 17 years of one a millisecond */
	return (uint64_t)s->current->number << NUMBER_COUNTER_BITS | n;
}
