#include "common/crypto/wrap.h"

#include "common/base/attr.h"
#include "common/crypto/evp.h"
#include "common/crypto/kdf.h"

enum {
	WRAP_SUITE = 1, /* AES-256-GCM / HKDF-SHA-384; an allow-list of one */
	WRAP_SALT_BYTES = 32,
	WRAP_HEADER_BYTES = WRAP_OVERHEAD_BYTES - AEAD_TAG_BYTES,
	WRAP_LABEL_MAX = 32,
	WRAP_INFO_BYTES = WRAP_LABEL_MAX + 2 + WRAP_KEY_ID_BYTES + 4,
};

/* What is wrapped. The label separates the wrapping keys, the version tells the two apart before any key is used. */
static const struct kind {
	uint8_t version;
	const char *label;
	size_t plain_max;
} wrapped_key = {1, "rempart wrap v1", SECRET_MAX},
  blob = {2, "rempart kms blob v1", BLOB_PLAIN_MAX};

/* The wrapping key is used for this one message, so its IV is constant. */
static const uint8_t wrap_iv[AEAD_IV_BYTES];

static enum err wrapping_aead(const struct kind *kind, const struct wrap_key *under,
                              struct bytes salt, struct aead **ret)
{
	uint8_t memory[WRAP_INFO_BYTES];
	struct writer info = writer_fixed(memory, sizeof(memory));
	AUTO(secret_freep) struct secret *key = NULL;

	write_text(&info, kind->label);
	write_u16(&info, WRAP_SUITE);
	write_bytes(&info, bytes_of(under->id, sizeof(under->id)));
	write_u32(&info, under->version);
	TRY(writer_end(&info));
	TRY(kdf_hkdf(under->kek, salt, writer_bytes(&info), AEAD_KEY_BYTES, &key));
	return aead_new(key, ret);
}

static enum err seal(const struct kind *kind, const struct wrap_key *under, struct bytes aad,
                     struct bytes plain, struct writer *out)
{
	AUTO(aead_freep) struct aead *a = NULL;
	uint8_t salt[WRAP_SALT_BYTES];

	if (plain.n == 0 || plain.n > kind->plain_max) {
		return ERR_LIMIT;
	}
	uint8_t *at = writer_reserve(out, WRAP_OVERHEAD_BYTES + plain.n);
	if (at == NULL) {
		return ERR_LIMIT;
	}
	struct writer header = writer_fixed(at, WRAP_HEADER_BYTES);
	random_bytes(salt, sizeof(salt));
	TRY(wrapping_aead(kind, under, bytes_of(salt, sizeof(salt)), &a));
	write_u8(&header, kind->version);
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

static enum err read_header(const struct kind *kind, struct bytes wrapped, struct wrap_name *name,
                            struct bytes *salt)
{
	struct reader r = reader_of(wrapped);
	uint8_t version = read_u8(&r);
	uint16_t suite = read_u16(&r);

	read_into(&r, name->id, sizeof(name->id));
	name->version = read_u32(&r);
	*salt = read_bytes(&r, WRAP_SALT_BYTES);
	if (r.bad || version != kind->version || suite != WRAP_SUITE ||
	    wrapped.n <= WRAP_OVERHEAD_BYTES ||
	    wrapped.n > WRAP_OVERHEAD_BYTES + kind->plain_max) {
		return ERR_CORRUPT;
	}
	return OK;
}

static enum err peek(const struct kind *kind, struct bytes wrapped, struct wrap_name *ret)
{
	struct wrap_name name;
	struct bytes salt;

	TRY(read_header(kind, wrapped, &name, &salt));
	*ret = name;
	return OK;
}

/* The name in the header is the key's: then its salt. */
static enum err check_name(const struct kind *kind, const struct wrap_key *under,
                           struct bytes wrapped, struct bytes *ret_salt)
{
	struct wrap_name name;

	TRY(read_header(kind, wrapped, &name, ret_salt));
	if (name.version != under->version ||
	    !same_bytes(name.id, under->id, sizeof(name.id))) {
		return ERR_CORRUPT;
	}
	return OK;
}

static enum err unseal(const struct kind *kind, const struct wrap_key *under, struct bytes aad,
                       struct bytes wrapped, uint8_t *out)
{
	AUTO(aead_freep) struct aead *a = NULL;
	struct bytes parts[2] = {bytes_first(wrapped, WRAP_HEADER_BYTES), aad};
	struct bytes salt;

	TRY(check_name(kind, under, wrapped, &salt));
	TRY(wrapping_aead(kind, under, salt, &a));
	return aead_open_split(a, wrap_iv, parts, bytes_skip(wrapped, WRAP_HEADER_BYTES), out);
}

enum err wrap_seal(const struct wrap_key *under, struct bytes aad, const struct secret *key,
                   struct writer *out)
{
	return seal(&wrapped_key, under, aad, secret_bytes(key), out);
}

enum err wrap_peek(struct bytes wrapped, struct wrap_name *ret)
{
	return peek(&wrapped_key, wrapped, ret);
}

enum err wrap_open(const struct wrap_key *under, struct bytes aad, struct bytes wrapped,
                   struct secret **ret)
{
	AUTO(secret_freep) struct secret *key = NULL;
	struct bytes salt;

	TRY(check_name(&wrapped_key, under, wrapped, &salt));
	key = secret_new(wrapped.n - WRAP_OVERHEAD_BYTES);
	if (key == NULL) {
		return ERR_NOMEM;
	}
	TRY(unseal(&wrapped_key, under, aad, wrapped, secret_edit(key)));
	*ret = key;
	key = NULL;
	return OK;
}

enum err blob_seal(const struct wrap_key *under, struct bytes aad, struct bytes plain,
                   struct writer *out)
{
	return seal(&blob, under, aad, plain, out);
}

enum err blob_peek(struct bytes sealed, struct wrap_name *ret)
{
	return peek(&blob, sealed, ret);
}

enum err blob_open(const struct wrap_key *under, struct bytes aad, struct bytes sealed,
                   struct writer *out)
{
	struct bytes salt;

	TRY(check_name(&blob, under, sealed, &salt));
	size_t n = sealed.n - WRAP_OVERHEAD_BYTES;
	uint8_t *at = writer_reserve(out, n);
	if (at == NULL) {
		return ERR_LIMIT;
	}
	enum err e = unseal(&blob, under, aad, sealed, at);
	if (e != OK) {
		wipe(at, n);
		return e;
	}
	out->used += n;
	return OK;
}
