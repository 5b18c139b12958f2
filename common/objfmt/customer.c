/*
 * Keys that customers bring (OBJECT-FORMAT.md section 2.1): the DEK that seals the blobs is made from the one that the KMS gave and from
 * theirs, so that neither alone opens anything.
 */
#include <assert.h>
#include <string.h>

#include "common/base/attr.h"
#include "common/crypto/kdf.h"
#include "common/objfmt/objfmt.h"

static_assert(OBJFMT_DEK_BYTES + OBJFMT_CUSTOMER_KEY_BYTES <= SECRET_MAX, "both fit in one secret");

enum err objfmt_customer_dek(const struct secret *dek, const struct secret *customer_key,
                             const uint8_t object_id[OBJFMT_OBJECT_ID_BYTES], struct secret **ret)
{
	AUTO(secret_freep) struct secret *both = NULL;

	if (secret_size(dek) != OBJFMT_DEK_BYTES ||
	    secret_size(customer_key) != OBJFMT_CUSTOMER_KEY_BYTES) {
		return ERR_INPUT;
	}
	both = secret_new(OBJFMT_DEK_BYTES + OBJFMT_CUSTOMER_KEY_BYTES);
	if (both == NULL) {
		return ERR_NOMEM;
	}
	memcpy(secret_edit(both), secret_bytes(dek).p, OBJFMT_DEK_BYTES);
	memcpy(secret_edit(both) + OBJFMT_DEK_BYTES, secret_bytes(customer_key).p,
	       OBJFMT_CUSTOMER_KEY_BYTES);
	return kdf_hkdf(both, bytes_of(object_id, OBJFMT_OBJECT_ID_BYTES),
	                BYTES("rempart customer key v1"), OBJFMT_DEK_BYTES, ret);
}

enum err objfmt_customer_check(const struct secret *customer_key,
                               const uint8_t object_id[OBJFMT_OBJECT_ID_BYTES],
                               uint8_t ret[OBJFMT_CUSTOMER_CHECK_BYTES])
{
	AUTO(secret_freep) struct secret *check = NULL;

	if (secret_size(customer_key) != OBJFMT_CUSTOMER_KEY_BYTES) {
		return ERR_INPUT;
	}
	TRY(kdf_hkdf(customer_key, bytes_of(object_id, OBJFMT_OBJECT_ID_BYTES),
	             BYTES("rempart customer check v1"), OBJFMT_CUSTOMER_CHECK_BYTES, &check));
	memcpy(ret, secret_bytes(check).p, OBJFMT_CUSTOMER_CHECK_BYTES); /* made to be kept in a record */
	return OK;
}
