#include "server/kms/tokens.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/attr.h"
#include "common/base/clock.h"
#include "server/kms/kms.h"

enum err tokens_init(struct tokens *t)
{
	t->slots = calloc(TOKENS_CACHE, sizeof(*t->slots));
	return t->slots == NULL ? ERR_NOMEM : OK;
}

void tokens_forget(struct tokens *t)
{
	for (size_t i = 0; t->slots != NULL && i < TOKENS_CACHE; i++) {
		t->slots[i].key = secret_free(t->slots[i].key);
	}
}

void tokens_free(struct tokens *t)
{
	tokens_forget(t);
	free(t->slots);
	t->slots = NULL;
}

void tokens_period(uint64_t now_ms, uint8_t ret[TOKENS_PERIOD_BYTES])
{
	struct civil now = clock_civil(now_ms / 1000);
	struct writer w = writer_fixed(ret, TOKENS_PERIOD_BYTES);

	write_padded(&w, now.year, 4);
	write_u8(&w, '-');
	write_padded(&w, now.month, 2);
}

static enum err make(struct kms *k, struct bytes place, struct secret **ret)
{
	struct secret *key AUTO(secret_freep) = secret_random(TOKENS_KEY_BYTES);
	struct keystore_changes changes;
	struct bytes wrapped;

	if (key == NULL) {
		return ERR_NOMEM;
	}
	keystore_changes_begin(&changes, k->scratch);
	TRY(keystore_wrap(k->store, k->scratch, KEYSTORE_TOKENS, place, key, &wrapped));
	TRY(keystore_put(k->store, &changes, KEYSTORE_TOKENS, place, wrapped));
	TRY(keystore_apply(k->store, &changes));
	*ret = key;
	key = NULL;
	return OK;
}

static enum err find_or_make(struct kms *k, struct bytes tenant, struct bytes period,
                             struct secret **ret)
{
	struct bytes place = keystore_key(k->scratch, tenant, period);
	struct bytes wrapped;

	if (place.p == NULL) {
		return ERR_LIMIT;
	}
	enum err e = keystore_get(k->store, k->scratch, KEYSTORE_TOKENS, place, &wrapped);
	if (e == ERR_NOTFOUND) {
		return make(k, place, ret);
	}
	TRY(e);
	return keystore_unwrap(k->store, KEYSTORE_TOKENS, place, wrapped, ret);
}

enum err tokens_key(struct kms *k, struct bytes tenant, const uint8_t period[TOKENS_PERIOD_BYTES],
                    const struct secret **ret)
{
	size_t h = 0;

	assert(tenant.n == RECORD_TENANT_DIGITS);
	for (size_t i = 0; i < tenant.n; i++) {
		h = h * 31 + tenant.p[i];
	}
	struct token_slot *slot = &k->tokens.slots[h % TOKENS_CACHE];
	if (slot->key == NULL || memcmp(slot->tenant, tenant.p, tenant.n) != 0 ||
	    memcmp(slot->period, period, TOKENS_PERIOD_BYTES) != 0) {
		slot->key = secret_free(slot->key);
		TRY(find_or_make(k, tenant, bytes_of(period, TOKENS_PERIOD_BYTES), &slot->key));
		memcpy(slot->tenant, tenant.p, tenant.n);
		memcpy(slot->period, period, TOKENS_PERIOD_BYTES);
	}
	*ret = slot->key;
	return OK;
}
