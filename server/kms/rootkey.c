#include "server/kms/rootkey.h"

#include "common/base/attr.h"
#include "common/crypto/wrap.h"

enum { FORMAT = 1 };

enum err rootkey_seal(const struct secret *root, struct bytes passphrase, struct kdf_cost cost,
                      struct writer *w)
{
	struct secret *key AUTO(secret_freep) = NULL;
	uint8_t salt[KDF_SALT_BYTES];
	uint8_t head[64];
	uint8_t wrapped[WRAP_MAX_BYTES];
	struct writer h = writer_fixed(head, sizeof(head));
	struct writer out = writer_fixed(wrapped, sizeof(wrapped));

	random_bytes(salt, sizeof(salt));
	write_u8(&h, FORMAT);
	write_bytes(&h, bytes_of(salt, sizeof(salt)));
	write_u32(&h, cost.passes);
	write_u64(&h, cost.memory_bytes);
	TRY(kdf_passphrase(passphrase, salt, cost, &key));
	const struct wrap_key under = {.kek = key, .version = 1};
	TRY(wrap_seal(&under, writer_bytes(&h), root, &out));
	write_bytes(w, writer_bytes(&h));
	write_lv16(w, writer_bytes(&out));
	return writer_end(w);
}

enum err rootkey_open(struct bytes record, struct bytes passphrase, struct secret **ret)
{
	struct secret *key AUTO(secret_freep) = NULL;
	struct secret *root AUTO(secret_freep) = NULL;
	struct reader r = reader_of(record);
	uint8_t format = read_u8(&r);
	uint8_t salt[KDF_SALT_BYTES];
	struct kdf_cost cost;

	read_into(&r, salt, sizeof(salt));
	cost.passes = read_u32(&r);
	cost.memory_bytes = read_u64(&r);
	struct bytes head = bytes_first(record, record.n - r.left);
	struct bytes wrapped = read_lv16(&r, WRAP_MAX_BYTES);
	if (read_end(&r) != OK || format != FORMAT) {
		return ERR_CORRUPT;
	}
	enum err e = kdf_passphrase(passphrase, salt, cost, &key);
	if (e != OK) {
		return e == ERR_INPUT ? ERR_CORRUPT : e;
	}
	const struct wrap_key under = {.kek = key, .version = 1};
	e = wrap_open(&under, head, wrapped, &root);
	if (e != OK) {
		return e == ERR_CORRUPT ? ERR_AUTH : e;
	}
	if (secret_size(root) != ROOTKEY_BYTES) {
		return ERR_CORRUPT;
	}
	*ret = root;
	root = NULL;
	return OK;
}
