#include "common/crypto/wrap.h"

#include "common/base/attr.h"
#include "common/crypto/evp.h"
#include "common/crypto/kdf.h"

enum {
	WRAP_VERSION = 1,
	WRAP_SUITE = 1, /* AES-256-GCM / HKDF-SHA-384; an allow-list of one */
	WRAP_SALT_BYTES = 32,
	WRAP_HEADER_BYTES = WRAP_OVERHEAD_BYTES - AEAD_TAG_BYTES,
	WRAP_INFO_BYTES = 15 + 2 + WRAP_KEY_ID_BYTES + 4,
};

/* The wrapping key is used for this one message, so its IV is constant. */
static const uint8_t wrap_iv[AEAD_IV_BYTES];

static enum err wrapping_aead(const struct wrap_key *under, struct bytes salt,
                              struct aead **ret)
{
	uint8_t memory[WRAP_INFO_BYTES];
	struct writer info = writer_fixed(memory, sizeof(memory));
	AUTO(secret_freep) struct secret *key = NULL;

	write_text(&info, "rempart wrap v1");
	write_u16(&info, WRAP_SUITE);
	write_bytes(&info, bytes_of(under->id, sizeof(under->id)));
	write_u32(&info, under->version);
	TRY(kdf_hkdf(under->kek, salt, writer_bytes(&info), AEAD_KEY_BYTES, &key));
	return aead_new(key, ret);
}

enum err wrap_seal(const struct wrap_key *under, struct bytes aad, const struct secret *key,
                   struct writer *out)
{
	AUTO(aead_freep) struct aead *a = NULL;
	struct bytes plain = secret_bytes(key);
	uint8_t salt[WRAP_SALT_BYTES];
	uint8_t *at = writer_reserve(out, WRAP_OVERHEAD_BYTES + plain.n);
	struct writer header = writer_fixed(at, WRAP_HEADER_BYTES);

	if (at == NULL) {
		return ERR_LIMIT;
	}
	random_bytes(salt, sizeof(salt));
	TRY(wrapping_aead(under, bytes_of(salt, sizeof(salt)), &a));
	write_u8(&header, WRAP_VERSION);
	write_u16(&header, WRAP_SUITE);
	write_bytes(&header, bytes_of(under->id, sizeof(under->id)));
	write_u32(&header, under->version);
	write_bytes(&header, bytes_of(salt, sizeof(salt)));
	TRY(writer_end(&header));
	TRY(aead_seal_split(a, wrap_iv, (struct bytes[2]){writer_bytes(&header), aad}, plain,
	                    at + WRAP_HEADER_BYTES));
	out->used += WRAP_OVERHEAD_BYTES + plain.n;
	return OK;
}

static enum err read_header(struct bytes wrapped, struct wrap_name *name, struct bytes *salt)
{
	struct reader r = reader_of(wrapped);
	uint8_t version = read_u8(&r);
	uint16_t suite = read_u16(&r);

	read_into(&r, name->id, sizeof(name->id));
	name->version = read_u32(&r);
	*salt = read_bytes(&r, WRAP_SALT_BYTES);
	if (r.bad || version != WRAP_VERSION || suite != WRAP_SUITE ||
	    wrapped.n <= WRAP_OVERHEAD_BYTES || wrapped.n > WRAP_MAX_BYTES) {
		return ERR_CORRUPT;
	}
	return OK;
}

enum err wrap_peek(struct bytes wrapped, struct wrap_name *ret)
{
	struct wrap_name name;
	struct bytes salt;

	TRY(read_header(wrapped, &name, &salt));
	*ret = name;
	return OK;
}

enum err wrap_open(const struct wrap_key *under, struct bytes aad, struct bytes wrapped,
                   struct secret **ret)
{
	AUTO(aead_freep) struct aead *a = NULL;
	AUTO(secret_freep) struct secret *key = NULL;
	struct bytes parts[2] = {bytes_first(wrapped, WRAP_HEADER_BYTES), aad};
	struct wrap_name name;
	struct bytes salt;

	TRY(read_header(wrapped, &name, &salt));
	if (name.version != under->version ||
	    !same_bytes(name.id, under->id, sizeof(name.id))) {
		return ERR_CORRUPT;
	}
	key = secret_new(wrapped.n - WRAP_OVERHEAD_BYTES);
	if (key == NULL) {
		return ERR_NOMEM;
	}
	TRY(wrapping_aead(under, salt, &a));
	TRY(aead_open_split(a, wrap_iv, parts, bytes_skip(wrapped, WRAP_HEADER_BYTES),
	                    secret_edit(key)));
	*ret = key;
	key = NULL;
	return OK;
}
