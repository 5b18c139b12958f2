/* Opening and closing the vault; what its readers, writers and the collector share. */
#include "server/vault/vault.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/clock.h"
#include "server/vault/internal.h"

enum {
	BLOB_DEFAULT_BYTES = 16 << 20,
	COLLECT_DEFAULT_MS = 60 * 1000,
	ORPHAN_AGE_DEFAULT_MS = 3600 * 1000,
	IDLE_BUFFERS_MAX = 64,    /* kept for the next call: 17 MiB */
	REMOVE_MS = 30 * 1000,    /* deadline of one removal */
};

enum err vault_new(const struct vault_options *o, struct vault **ret)
{
	struct vault *v = calloc(1, sizeof(*v));

	if (v == NULL) {
		return ERR_NOMEM;
	}
	v->o = *o;
	v->o.blob_size = o->blob_size != 0 ? o->blob_size : BLOB_DEFAULT_BYTES;
	v->o.collect_ms = o->collect_ms != 0 ? o->collect_ms : COLLECT_DEFAULT_MS;
	v->o.orphan_age_ms = o->orphan_age_ms != 0 ? o->orphan_age_ms : ORPHAN_AGE_DEFAULT_MS;
	if (v->o.blob_size % OBJFMT_SEGMENT_BYTES != 0) {
		free(v);
		return ERR_INPUT;
	}
	pthread_mutex_init(&v->mutex, NULL);
	pthread_mutex_init(&v->collect_mutex, NULL);
	pthread_mutex_init(&v->stop_mutex, NULL);
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&v->stop_wake, &attr);
	pthread_condattr_destroy(&attr);
	*ret = v;
	return OK;
}

static enum err unlock_first(struct vault *v, const struct secret *index_key)
{
	TRY(index_unlock(v->o.index, index_key));
	if (v->index_key == NULL) { /* else of an unlock that went no further than here */
		v->index_key = secret_copy(index_key);
	}
	if (v->index_key == NULL) {
		return ERR_NOMEM;
	}
	TRY(vault_mark_seed(index_key, v->mark_seed));
	atomic_store(&v->unlocked, true);
	enum err e = vault_collector_start(v);
	atomic_store(&v->unlocked, e == OK);
	return e;
}

enum err vault_unlock(struct vault *v, const struct secret *index_key)
{
	pthread_mutex_lock(&v->mutex);
	enum err e = atomic_load(&v->unlocked) ? index_unlock(v->o.index, index_key)
	                                       : unlock_first(v, index_key);
	pthread_mutex_unlock(&v->mutex);
	return e;
}

bool vault_unlocked(const struct vault *v)
{
	return atomic_load(&v->unlocked);
}

void vault_free(struct vault *v)
{
	if (v == NULL) {
		return;
	}
	vault_collector_stop(v);
	assert(v->flights == NULL);
	while (v->buffers != NULL) {
		struct vault_buffer *b = v->buffers;
		v->buffers = b->next;
		free(b);
	}
	secret_free(v->index_key);
	pthread_mutex_destroy(&v->mutex);
	pthread_mutex_destroy(&v->collect_mutex);
	pthread_cond_destroy(&v->stop_wake);
	pthread_mutex_destroy(&v->stop_mutex);
	free(v);
}

uint8_t *vault_buffer_take(struct vault *v)
{
	pthread_mutex_lock(&v->mutex);
	struct vault_buffer *b = v->buffers;
	if (b != NULL) {
		v->buffers = b->next;
		v->n_buffers--;
	}
	pthread_mutex_unlock(&v->mutex);
	return b != NULL ? (uint8_t *)b : malloc(VAULT_BUFFER_BYTES);
}

void vault_buffer_give(struct vault *v, uint8_t *buffer)
{
	struct vault_buffer *b = (struct vault_buffer *)(void *)buffer;

	if (b == NULL) {
		return;
	}
	pthread_mutex_lock(&v->mutex);
	bool keep = v->n_buffers < IDLE_BUFFERS_MAX;
	if (keep) {
		b->next = v->buffers;
		v->buffers = b;
		v->n_buffers++;
	}
	pthread_mutex_unlock(&v->mutex);
	if (!keep) {
		free(b);
	}
}

void vault_pin(struct vault *v, struct vault_pin *pin, const uint8_t *object_id)
{
	memcpy(pin->object_id, object_id, sizeof(pin->object_id));
	pthread_mutex_lock(&v->mutex);
	pin->at = &v->pins[object_id[0]];
	pin->next = *pin->at;
	if (pin->next != NULL) {
		pin->next->at = &pin->next;
	}
	*pin->at = pin;
	pthread_mutex_unlock(&v->mutex);
}

void vault_unpin(struct vault *v, struct vault_pin *pin)
{
	pthread_mutex_lock(&v->mutex);
	*pin->at = pin->next;
	if (pin->next != NULL) {
		pin->next->at = pin->at;
	}
	pthread_mutex_unlock(&v->mutex);
}

bool vault_pinned(struct vault *v, const uint8_t *object_id)
{
	pthread_mutex_lock(&v->mutex);
	const struct vault_pin *pin = v->pins[object_id[0]];
	while (pin != NULL && memcmp(pin->object_id, object_id, sizeof(pin->object_id)) != 0) {
		pin = pin->next;
	}
	pthread_mutex_unlock(&v->mutex);
	return pin != NULL;
}

void vault_flight_add(struct vault *v, struct vault_flight *f)
{
	pthread_mutex_lock(&v->mutex);
	f->at = &v->flights;
	f->next = v->flights;
	if (f->next != NULL) {
		f->next->at = &f->next;
	}
	v->flights = f;
	v->n_flights++;
	pthread_mutex_unlock(&v->mutex);
}

void vault_flight_remove(struct vault *v, struct vault_flight *f)
{
	pthread_mutex_lock(&v->mutex);
	*f->at = f->next;
	if (f->next != NULL) {
		f->next->at = f->at;
	}
	v->n_flights--;
	pthread_mutex_unlock(&v->mutex);
}

uint64_t vault_part_blobs(const struct index_part *p)
{
	return p->size == 0 ? 1 : (p->size - 1) / p->blob_size + 1;
}

enum err vault_remove_blobs(struct vault *v, const uint8_t *seed, uint64_t count,
                            uint64_t *ret_removed)
{
	for (uint64_t i = 0; i < count; i++) {
		uint8_t id[OBJFMT_ID_BYTES];
		TRY(objfmt_blob_id(seed, i, id));
		TRY(store_remove(v->o.store, id, clock_mono_ms() + REMOVE_MS));
		atomic_fetch_add(&v->counters.blobs_removed, 1);
		(*ret_removed)++;
	}
	return OK;
}

void vault_stats(const struct vault *v, struct vault_stats *ret)
{
	const struct vault_counters *c = &v->counters;

	*ret = (struct vault_stats){
		.blobs_written = atomic_load(&c->blobs_written),
		.blobs_removed = atomic_load(&c->blobs_removed),
		.orphans_removed = atomic_load(&c->orphans_removed),
		.bytes_sealed = atomic_load(&c->bytes_sealed),
		.bytes_opened = atomic_load(&c->bytes_opened),
		.corrupt = atomic_load(&c->corrupt),
	};
}
