#include "common/logfmt/token.h"

#include "common/base/attr.h"
#include "common/crypto/hmac.h"

enum err token_bucket(const struct secret *token_key, struct bytes bucket,
                      uint8_t ret[TOKEN_BYTES])
{
	return hmac_sha256(secret_bytes(token_key), bucket, ret);
}

enum err token_object(const struct secret *token_key, struct bytes bucket, struct bytes key,
                      struct bytes object_id, uint8_t ret[TOKEN_BYTES])
{
	const struct bytes parts[] = {bucket, BYTES("\0"), key, BYTES("\0"), object_id};
	size_t at;

	if (bytes_find(bucket, 0, &at) || bytes_find(key, 0, &at)) {
		return ERR_INPUT;
	}
	return hmac_sha256_parts(secret_bytes(token_key), parts, COUNT(parts), ret);
}
