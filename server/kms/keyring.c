#include "server/kms/keyring.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/attr.h"
#include "common/base/log.h"
#include "common/codec/hex.h"
#include "common/crypto/wrap.h"
#include "server/kms/kms.h"

enum err keyring_init(struct keyring *r)
{
	r->slots = calloc(KEYRING_CACHE, sizeof(*r->slots));
	return r->slots == NULL ? ERR_NOMEM : OK;
}

static void empty(struct kek *kek)
{
	secret_free(kek->key);
	memset(kek, 0, sizeof(*kek));
}

void keyring_forget(struct keyring *r)
{
	for (size_t i = 0; r->slots != NULL && i < KEYRING_CACHE; i++) {
		if (r->slots[i].version != 0) {
			empty(&r->slots[i]);
		}
	}
}

void keyring_free(struct keyring *r)
{
	keyring_forget(r);
	free(r->slots);
	r->slots = NULL;
}

/* --- names --- */

void keyring_write_uuid(struct writer *w, const uint8_t id[RECORD_UUID_BYTES])
{
	static const unsigned groups[] = {4, 2, 2, 2, 6};
	size_t at = 0;

	for (size_t i = 0; i < COUNT(groups); i++) {
		if (i > 0) {
			write_u8(w, '-');
		}
		hex_write(w, bytes_of(id + at, groups[i]));
		at += groups[i];
	}
}

enum err keyring_read_uuid(struct bytes text, uint8_t ret[RECORD_UUID_BYTES])
{
	uint8_t digits[2 * RECORD_UUID_BYTES];
	size_t n = 0;

	if (text.n != KEYRING_UUID_TEXT) {
		return ERR_INPUT;
	}
	for (size_t i = 0; i < text.n; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		if (dash != (text.p[i] == '-')) {
			return ERR_INPUT;
		}
		if (!dash) {
			digits[n++] = text.p[i];
		}
	}
	return hex_read(bytes_of(digits, n), ret, RECORD_UUID_BYTES);
}

void keyring_write_arn(struct writer *w, const char *region, struct bytes tenant,
                       const uint8_t id[RECORD_UUID_BYTES])
{
	write_text(w, "arn:aws:kms:");
	write_text(w, region);
	write_text(w, ":");
	write_bytes(w, tenant);
	write_text(w, ":key/");
	keyring_write_uuid(w, id);
}

struct bytes keyring_version_key(const uint8_t id[RECORD_UUID_BYTES], uint32_t version,
                                 uint8_t out[KEYRING_VERSION_KEY_BYTES])
{
	struct writer w = writer_fixed(out, KEYRING_VERSION_KEY_BYTES);

	write_bytes(&w, bytes_of(id, RECORD_UUID_BYTES));
	write_u32(&w, version);
	return writer_bytes(&w);
}

static enum err find_alias(struct kms *k, struct bytes tenant, struct bytes alias,
                           uint8_t ret_id[RECORD_UUID_BYTES])
{
	struct bytes place = keystore_key(k->scratch, tenant, alias);
	struct bytes plain;

	if (alias.n == 0 || alias.n > RECORD_NAME_MAX) {
		return ERR_NOTFOUND;
	}
	if (place.p == NULL) {
		return ERR_LIMIT;
	}
	TRY(keystore_get(k->store, k->scratch, KEYSTORE_ALIASES, place, &plain));
	if (plain.n != RECORD_UUID_BYTES) {
		return ERR_CORRUPT;
	}
	memcpy(ret_id, plain.p, RECORD_UUID_BYTES);
	return OK;
}

/* arn:aws:kms:REGION:TENANT:RESOURCE: gives the resource. */
static enum err cut_arn(struct kms *k, struct bytes tenant, struct bytes name, struct bytes *ret)
{
	(void)bytes_split(&name, ':'); /* arn */
	(void)bytes_split(&name, ':'); /* partition: private ones exist */
	struct bytes service = bytes_split(&name, ':');
	struct bytes region = bytes_split(&name, ':');
	struct bytes account = bytes_split(&name, ':');

	if (!bytes_is(service, "kms") || name.n == 0) {
		return ERR_NOTFOUND;
	}
	if (!bytes_is(region, k->config->region) || !bytes_equal(account, tenant)) {
		return ERR_DENIED;
	}
	*ret = name;
	return OK;
}

enum err keyring_resolve(struct kms *k, struct bytes tenant, struct bytes name,
                         uint8_t ret_id[RECORD_UUID_BYTES])
{
	if (bytes_starts(name, BYTES("arn:"))) {
		TRY(cut_arn(k, tenant, name, &name));
		if (bytes_starts(name, BYTES("key/"))) {
			enum err e = keyring_read_uuid(bytes_skip(name, 4), ret_id);
			return e == OK ? OK : ERR_NOTFOUND;
		}
		if (!bytes_starts(name, BYTES("alias/"))) {
			return ERR_NOTFOUND;
		}
	}
	if (bytes_starts(name, BYTES("alias/"))) {
		return find_alias(k, tenant, bytes_skip(name, 6), ret_id);
	}
	if (keyring_read_uuid(name, ret_id) == OK) {
		return OK;
	}
	return find_alias(k, tenant, name, ret_id);
}

/* --- keys --- */

static struct kek *slot_of(struct keyring *r, const uint8_t *id, uint32_t version)
{
	/* Key ids are random. */
	size_t h = (size_t)id[0] << 8 | id[1];

	return &r->slots[(h + version) % KEYRING_CACHE];
}

static enum err fill(struct kms *k, const uint8_t *id, uint32_t version, struct kek *kek)
{
	struct record_key key;
	struct record_key_version row;
	struct bytes plain;
	uint8_t place[KEYRING_VERSION_KEY_BYTES];
	struct writer arn = writer_fixed(kek->arn, sizeof(kek->arn));

	TRY(keystore_get(k->store, k->scratch, KEYSTORE_KEYS, bytes_of(id, RECORD_UUID_BYTES),
	                 &plain));
	TRY(record_key_read(plain, &key));
	if (key.tenant.n != RECORD_TENANT_DIGITS) {
		return ERR_CORRUPT;
	}
	uint32_t wanted = version == 0 ? key.version : version;
	struct bytes at = keyring_version_key(id, wanted, place);
	TRY(keystore_get(k->store, k->scratch, KEYSTORE_KEY_VERSIONS, at, &plain));
	TRY(record_key_version_read(plain, &row));
	keyring_write_arn(&arn, k->config->region, key.tenant, id);
	TRY(writer_end(&arn));
	TRY(keystore_unwrap(k->store, KEYSTORE_KEY_VERSIONS, at, row.kek_wrapped, &kek->key));
	memcpy(kek->id, id, sizeof(kek->id));
	memcpy(kek->tenant, key.tenant.p, sizeof(kek->tenant));
	kek->arn_bytes = arn.used;
	kek->state = key.state;
	kek->asked = version;
	kek->version = wanted;
	return OK;
}

enum err keyring_get(struct kms *k, const uint8_t id[RECORD_UUID_BYTES], uint32_t version,
                     const struct kek **ret)
{
	struct kek *kek = slot_of(&k->keyring, id, version);

	if (kek->version == 0 || kek->asked != version || memcmp(kek->id, id, sizeof(kek->id)) != 0) {
		/* Before the slot is emptied: made-up ids throw nothing out. */
		struct kek found = {0};
		enum err e = fill(k, id, version, &found);
		if (e != OK) {
			empty(&found);
			return e;
		}
		empty(kek);
		*kek = found;
	}
	*ret = kek;
	return OK;
}

static struct wrap_key wrap_key_of(const struct kek *kek)
{
	struct wrap_key under = {.kek = kek->key, .version = kek->version};

	memcpy(under.id, kek->id, sizeof(under.id));
	return under;
}

enum err keyring_wrap(const struct kek *kek, struct bytes context, const struct secret *dek,
                      struct arena *a, struct bytes *ret_wrapped)
{
	const struct wrap_key under = wrap_key_of(kek);
	uint8_t out[WRAP_MAX_BYTES];
	struct writer w = writer_fixed(out, sizeof(out));

	TRY(wrap_seal(&under, context, dek, &w));
	struct bytes copy = arena_copy(a, writer_bytes(&w));
	if (copy.p == NULL) {
		return ERR_LIMIT;
	}
	*ret_wrapped = copy;
	return OK;
}

enum err keyring_issue(const struct kek *kek, struct bytes context, struct arena *a,
                       struct bytes *ret_wrapped, struct secret **ret_dek)
{
	struct secret *dek AUTO(secret_freep) = secret_random(KEYRING_DEK_BYTES);

	if (dek == NULL) {
		return ERR_NOMEM;
	}
	TRY(keyring_wrap(kek, context, dek, a, ret_wrapped));
	*ret_dek = dek;
	dek = NULL;
	return OK;
}

enum err keyring_open(const struct kek *kek, struct bytes context, struct bytes wrapped,
                      struct secret **ret_dek)
{
	struct secret *dek AUTO(secret_freep) = NULL;
	const struct wrap_key under = wrap_key_of(kek);

	TRY(wrap_open(&under, context, wrapped, &dek));
	if (secret_size(dek) != KEYRING_DEK_BYTES) {
		return ERR_CORRUPT;
	}
	*ret_dek = dek;
	dek = NULL;
	return OK;
}

enum err keyring_blob_seal(const struct kek *kek, struct bytes context, struct bytes plain,
                           struct arena *a, struct bytes *ret_blob)
{
	const struct wrap_key under = wrap_key_of(kek);
	uint8_t out[BLOB_MAX_BYTES];
	struct writer w = writer_fixed(out, sizeof(out));

	TRY(blob_seal(&under, context, plain, &w));
	struct bytes copy = arena_copy(a, writer_bytes(&w));
	if (copy.p == NULL) {
		return ERR_LIMIT;
	}
	*ret_blob = copy;
	return OK;
}

enum err keyring_blob_open(const struct kek *kek, struct bytes context, struct bytes blob,
                           struct writer *plain)
{
	const struct wrap_key under = wrap_key_of(kek);

	return blob_open(&under, context, blob, plain);
}
