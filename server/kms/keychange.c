#include "server/kms/keychange.h"

#include <string.h>

#include "common/base/attr.h"
#include "common/base/clock.h"

/* RFC 9562 section 5.4: random, version 4. */
static void random_uuid(uint8_t out[RECORD_UUID_BYTES])
{
	random_bytes(out, RECORD_UUID_BYTES);
	out[6] = (uint8_t)((out[6] & 0x0f) | 0x40);
	out[8] = (uint8_t)((out[8] & 0x3f) | 0x80);
}

enum err keychange_put(struct kms *k, struct keystore_changes *c, const struct record_key *key)
{
	uint8_t plain[RECORD_MAX];
	struct writer w = writer_fixed(plain, sizeof(plain));

	record_key_write(&w, key);
	TRY(writer_end(&w));
	return keystore_put(k->store, c, KEYSTORE_KEYS, bytes_of(key->id, sizeof(key->id)),
	                    writer_bytes(&w));
}

enum err keychange_version(struct kms *k, struct keystore_changes *c, const struct record_key *key)
{
	struct secret *kek AUTO(secret_freep) = secret_random(KEYRING_KEK_BYTES);
	struct record_key_version row = {.created_ms = clock_real_ms()};
	uint8_t place[KEYRING_VERSION_KEY_BYTES];
	uint8_t plain[RECORD_MAX];
	struct bytes at = keyring_version_key(key->id, key->version, place);
	struct writer w = writer_fixed(plain, sizeof(plain));

	if (kek == NULL) {
		return ERR_NOMEM;
	}
	TRY(keystore_wrap(k->store, c->arena, KEYSTORE_KEY_VERSIONS, at, kek, &row.kek_wrapped));
	record_key_version_write(&w, &row);
	TRY(writer_end(&w));
	return keystore_put(k->store, c, KEYSTORE_KEY_VERSIONS, at, writer_bytes(&w));
}

enum err keychange_alias_find(struct kms *k, struct arena *a, struct bytes tenant,
                              struct bytes alias, uint8_t ret_id[RECORD_UUID_BYTES])
{
	struct bytes place = keystore_key(a, tenant, alias);
	struct bytes plain;

	if (place.p == NULL) {
		return ERR_LIMIT;
	}
	TRY(keystore_get(k->store, a, KEYSTORE_ALIASES, place, &plain));
	if (plain.n != RECORD_UUID_BYTES) {
		return ERR_CORRUPT;
	}
	memcpy(ret_id, plain.p, RECORD_UUID_BYTES);
	return OK;
}

enum err keychange_alias(struct kms *k, struct keystore_changes *c, struct bytes alias,
                         const struct record_key *key)
{
	struct bytes place = keystore_key(c->arena, key->tenant, alias);

	if (place.p == NULL) {
		return ERR_LIMIT;
	}
	return keystore_put(k->store, c, KEYSTORE_ALIASES, place, bytes_of(key->id, sizeof(key->id)));
}

enum err keychange_alias_remove(struct keystore_changes *c, struct bytes tenant,
                                struct bytes alias)
{
	struct bytes place = keystore_key(c->arena, tenant, alias);

	return place.p == NULL ? ERR_LIMIT : keystore_remove(c, KEYSTORE_ALIASES, place);
}

enum err keychange_new(struct kms *k, struct keystore_changes *c, struct record_key *key)
{
	uint8_t taken[RECORD_UUID_BYTES];

	random_uuid(key->id);
	key->state = RECORD_KEY_ENABLED;
	key->version = 1;
	key->created_ms = clock_real_ms();
	if (key->alias.n > 0) {
		enum err e = keychange_alias_find(k, c->arena, key->tenant, key->alias, taken);
		if (e != ERR_NOTFOUND) {
			return e == OK ? ERR_EXISTS : e;
		}
		TRY(keychange_alias(k, c, key->alias, key));
	}
	TRY(keychange_version(k, c, key));
	return keychange_put(k, c, key);
}
