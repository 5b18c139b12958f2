/* Operations that use a key. */
#include <string.h>

#include "common/base/attr.h"
#include "common/crypto/hash.h"
#include "common/crypto/wrap.h"
#include "server/kms/api_ops.h"

enum { DATA_KEY_MAX = 1024 };

/* The members that every operation with a key takes, and the dry run. */
static enum api_error read_common(struct api_call *c, bool *ret_dry)
{
	enum api_error bad = api_none(c, "GrantTokens", API_INVALID_GRANT_TOKEN);

	if (bad == API_OK) {
		bad = api_none(c, "Recipient", API_UNSUPPORTED);
	}
	if (bad == API_OK) {
		bad = api_none(c, "DryRunModifiers", API_UNSUPPORTED);
	}
	return bad == API_OK ? api_flag(c, "DryRun", ret_dry) : bad;
}

static enum api_error check_usable(struct api_call *c, const struct kek *kek)
{
	return kek->state == RECORD_KEY_ENABLED
		? API_OK
		: api_refuse(c, API_DISABLED, "", bytes_of(kek->arn, kek->arn_bytes), " is disabled.");
}

/* The newest version of a named key. */
static enum api_error find_for_sealing(struct api_call *c, const char *member,
                                       const struct kek **ret)
{
	struct record_key key;
	enum api_error bad = api_key(c, member, true, &key);

	if (bad != API_OK) {
		return bad;
	}
	enum err e = keyring_get(c->k, key.id, 0, ret);
	return e == OK ? check_usable(c, *ret) : api_fault(c, e, "key");
}

/* The version that a blob names. `member`: the key that the caller says it is, may be absent. */
static enum api_error find_for_opening(struct api_call *c, const char *member, struct bytes blob,
                                       const struct kek **ret)
{
	struct wrap_name name;
	struct record_key key;
	bool named = json_get(c->in, member) != NULL;
	enum api_error bad = named ? api_key(c, member, true, &key) : API_OK;

	if (bad != API_OK) {
		return bad;
	}
	if (blob_peek(blob, &name) != OK || name.version == 0) {
		return API_INVALID_CIPHERTEXT;
	}
	if (named && memcmp(key.id, name.id, sizeof(name.id)) != 0) {
		return API_INCORRECT_KEY;
	}
	enum err e = keyring_get(c->k, name.id, name.version, ret);
	if (e == ERR_NOTFOUND) {
		return named ? API_INVALID_CIPHERTEXT : API_ACCESS_DENIED;
	}
	if (e != OK) {
		return api_fault(c, e, "key");
	}
	if (!bytes_equal(bytes_of((*ret)->tenant, sizeof((*ret)->tenant)), c->tenant)) {
		c->entry.detail = BYTES("a key of another tenant");
		return API_ACCESS_DENIED;
	}
	return check_usable(c, *ret);
}

/* One more key in the entry. */
static enum api_error note_use(struct api_call *c, enum logfmt_use use, const struct kek *kek,
                               struct bytes blob)
{
	struct logfmt_key *to = &c->entry.keys[c->entry.n_keys];

	to->use = use;
	to->key_version = kek->version;
	memcpy(to->key_id, kek->id, sizeof(to->key_id));
	enum err e = hash_sha256(blob, to->wrapped_digest);
	c->entry.n_keys += e == OK ? 1 : 0;
	return api_fault(c, e, "digest");
}

/* c->plain under the key, and in the entry. */
static enum api_error seal(struct api_call *c, const struct kek *kek, struct bytes context,
                           struct bytes *ret_blob)
{
	enum err e = keyring_blob_seal(kek, context, writer_bytes(&c->plain), c->a, ret_blob);

	return e == OK ? note_use(c, LOGFMT_ISSUED, kek, *ret_blob) : api_fault(c, e, "sealing");
}

static enum api_error read_ciphertext(struct api_call *c, struct bytes *ret)
{
	uint8_t *memory = arena_alloc(c->a, API_BLOB_MAX);
	struct writer w = writer_fixed(memory, memory == NULL ? 0 : API_BLOB_MAX);

	if (memory == NULL) {
		return api_fault(c, ERR_LIMIT, "ciphertext");
	}
	enum api_error bad = api_blob(c, "CiphertextBlob", API_BLOB_MAX, &w);
	*ret = writer_bytes(&w);
	return bad;
}

/* A blob of the caller's into c->plain, and in the entry. */
static enum api_error open_blob(struct api_call *c, const struct kek *kek, struct bytes context,
                                struct bytes blob)
{
	enum err e = keyring_blob_open(kek, context, blob, &c->plain);

	if (e == ERR_CORRUPT) {
		return API_INVALID_CIPHERTEXT;
	}
	return e == OK ? note_use(c, LOGFMT_OPENED, kek, blob) : api_fault(c, e, "opening");
}

static enum api_error check_algorithm(struct api_call *c, const char *member)
{
	return api_only(c, member, "SYMMETRIC_DEFAULT", API_INVALID_KEY_USAGE);
}

/* --- data keys --- */

/* KeySpec xor NumberOfBytes. */
static enum api_error read_size(struct api_call *c, uint64_t *ret)
{
	struct bytes spec;
	enum api_error bad = api_text(c, "KeySpec", RECORD_NAME_MAX, &spec);

	if (bad == API_OK) {
		bad = api_number(c, "NumberOfBytes", DATA_KEY_MAX, ret);
	}
	if (bad != API_OK) {
		return bad;
	}
	if ((spec.p == NULL) == (*ret == 0)) {
		return api_refuse(c, API_VALIDATION, "Please specify either number of bytes or key spec.",
		                  (struct bytes){0}, "");
	}
	if (spec.p == NULL) {
		return API_OK;
	}
	*ret = bytes_is(spec, "AES_256") ? 32 : bytes_is(spec, "AES_128") ? 16 : 0;
	return *ret > 0 ? API_OK
	                : api_invalid(c, "KeySpec",
	                              "Member must satisfy enum value set: [AES_256, AES_128]");
}

static enum api_error draw(struct api_call *c, uint64_t n)
{
	uint8_t *at = writer_reserve(&c->plain, n);

	if (at == NULL) {
		return api_fault(c, ERR_NOMEM, "random bytes");
	}
	random_bytes(at, n);
	c->plain.used += n;
	return API_OK;
}

static enum api_error generate(struct api_call *c, bool plaintext)
{
	struct bytes context, blob;
	const struct kek *kek = NULL;
	uint64_t n = 0;
	bool dry = false;
	enum api_error bad = read_common(c, &dry);

	if (bad == API_OK) {
		bad = read_size(c, &n);
	}
	if (bad == API_OK) {
		bad = api_context(c, "EncryptionContext", &context);
	}
	if (bad == API_OK) {
		bad = find_for_sealing(c, "KeyId", &kek);
	}
	if (bad == API_OK && dry) {
		bad = API_DRY_RUN;
	}
	if (bad == API_OK) {
		bad = draw(c, n);
	}
	if (bad == API_OK) {
		bad = seal(c, kek, context, &blob);
	}
	if (bad != API_OK) {
		return bad;
	}
	api_write_base64(c, "CiphertextBlob", blob);
	if (plaintext) {
		api_write_base64(c, "Plaintext", writer_bytes(&c->plain));
	}
	json_string(c->out, "KeyId", bytes_of(kek->arn, kek->arn_bytes));
	return API_OK;
}

enum api_error api_generate_data_key(struct api_call *c)
{
	return generate(c, true);
}

enum api_error api_generate_data_key_without_plaintext(struct api_call *c)
{
	return generate(c, false);
}

enum api_error api_generate_random(struct api_call *c)
{
	uint64_t n = 0;
	enum api_error bad = api_none(c, "Recipient", API_UNSUPPORTED);

	if (bad == API_OK) {
		bad = api_none(c, "CustomKeyStoreId", API_UNSUPPORTED);
	}
	if (bad == API_OK) {
		bad = api_number(c, "NumberOfBytes", DATA_KEY_MAX, &n);
	}
	if (bad == API_OK && n == 0) {
		bad = api_invalid(c, "NumberOfBytes", "Member must not be null");
	}
	if (bad == API_OK) {
		bad = draw(c, n);
	}
	if (bad == API_OK) {
		api_write_base64(c, "Plaintext", writer_bytes(&c->plain));
	}
	return bad;
}

/* --- the user's own bytes --- */

enum api_error api_encrypt(struct api_call *c)
{
	struct bytes context, blob;
	const struct kek *kek = NULL;
	bool dry = false;
	enum api_error bad = read_common(c, &dry);

	if (bad == API_OK) {
		bad = check_algorithm(c, "EncryptionAlgorithm");
	}
	if (bad == API_OK) {
		bad = api_blob(c, "Plaintext", BLOB_PLAIN_MAX, &c->plain);
	}
	if (bad == API_OK) {
		bad = api_context(c, "EncryptionContext", &context);
	}
	if (bad == API_OK) {
		bad = find_for_sealing(c, "KeyId", &kek);
	}
	if (bad == API_OK && dry) {
		bad = API_DRY_RUN;
	}
	if (bad == API_OK) {
		bad = seal(c, kek, context, &blob);
	}
	if (bad != API_OK) {
		return bad;
	}
	api_write_base64(c, "CiphertextBlob", blob);
	json_string(c->out, "KeyId", bytes_of(kek->arn, kek->arn_bytes));
	json_text(c->out, "EncryptionAlgorithm", "SYMMETRIC_DEFAULT");
	return API_OK;
}

enum api_error api_decrypt(struct api_call *c)
{
	struct bytes context, blob;
	const struct kek *kek = NULL;
	bool dry = false;
	enum api_error bad = read_common(c, &dry);

	if (bad == API_OK) {
		bad = check_algorithm(c, "EncryptionAlgorithm");
	}
	if (bad == API_OK) {
		bad = read_ciphertext(c, &blob);
	}
	if (bad == API_OK) {
		bad = api_context(c, "EncryptionContext", &context);
	}
	if (bad == API_OK) {
		bad = find_for_opening(c, "KeyId", blob, &kek);
	}
	if (bad == API_OK && dry) {
		bad = API_DRY_RUN;
	}
	if (bad == API_OK) {
		bad = open_blob(c, kek, context, blob);
	}
	if (bad != API_OK) {
		return bad;
	}
	json_string(c->out, "KeyId", bytes_of(kek->arn, kek->arn_bytes));
	api_write_base64(c, "Plaintext", writer_bytes(&c->plain));
	json_text(c->out, "EncryptionAlgorithm", "SYMMETRIC_DEFAULT");
	return API_OK;
}

/* The two contexts and what stands around them. */
struct re_encryption {
	struct bytes blob, from, to;
	bool dry;
	uint8_t source_id[RECORD_UUID_BYTES];
};

static enum api_error read_re_encryption(struct api_call *c, struct re_encryption *r)
{
	enum api_error bad = read_common(c, &r->dry);

	if (bad == API_OK) {
		bad = check_algorithm(c, "SourceEncryptionAlgorithm");
	}
	if (bad == API_OK) {
		bad = check_algorithm(c, "DestinationEncryptionAlgorithm");
	}
	if (bad == API_OK) {
		bad = read_ciphertext(c, &r->blob);
	}
	if (bad == API_OK) {
		bad = api_context(c, "SourceEncryptionContext", &r->from);
	}
	return bad == API_OK ? api_context(c, "DestinationEncryptionContext", &r->to) : bad;
}

enum api_error api_re_encrypt(struct api_call *c)
{
	struct re_encryption r = {0};
	const struct kek *kek = NULL; /* borrowed until the next one is looked for */
	struct bytes blob;
	enum api_error bad = read_re_encryption(c, &r);

	if (bad == API_OK) {
		bad = find_for_opening(c, "SourceKeyId", r.blob, &kek);
	}
	if (bad == API_OK) {
		memcpy(r.source_id, kek->id, sizeof(r.source_id));
		bad = r.dry ? API_OK : open_blob(c, kek, r.from, r.blob);
	}
	if (bad == API_OK) {
		bad = find_for_sealing(c, "DestinationKeyId", &kek);
	}
	if (bad == API_OK) {
		bad = r.dry ? API_DRY_RUN : seal(c, kek, r.to, &blob);
	}
	if (bad != API_OK) {
		return bad;
	}
	api_write_base64(c, "CiphertextBlob", blob);
	api_write_arn(c, "SourceKeyId", r.source_id);
	json_string(c->out, "KeyId", bytes_of(kek->arn, kek->arn_bytes));
	json_text(c->out, "SourceEncryptionAlgorithm", "SYMMETRIC_DEFAULT");
	json_text(c->out, "DestinationEncryptionAlgorithm", "SYMMETRIC_DEFAULT");
	return API_OK;
}
