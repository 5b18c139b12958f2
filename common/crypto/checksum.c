#include "common/crypto/checksum.h"

#include <stdlib.h>

#include "common/crypto/crc.h"
#include "common/crypto/evp.h"

struct checksum {
	enum checksum_kind kind;
	uint64_t crc;
	EVP_MD_CTX *ctx; /* NULL for a CRC */
};

static const struct {
	size_t size;
	const char *name;
	const char *header;
} kinds[CHECKSUM_KINDS] = {
	[CHECKSUM_NONE] = {0, "NONE", NULL},
	[CHECKSUM_CRC32] = {4, "CRC32", "x-amz-checksum-crc32"},
	[CHECKSUM_CRC32C] = {4, "CRC32C", "x-amz-checksum-crc32c"},
	[CHECKSUM_CRC64NVME] = {8, "CRC64NVME", "x-amz-checksum-crc64nvme"},
	[CHECKSUM_SHA1] = {20, "SHA1", "x-amz-checksum-sha1"},
	[CHECKSUM_SHA256] = {32, "SHA256", "x-amz-checksum-sha256"},
	[CHECKSUM_MD5] = {16, "MD5", NULL},
};

/* The digest of a kind; false for the CRCs. */
static bool digest_of(enum checksum_kind kind, enum evp_digest *ret)
{
	switch (kind) {
	case CHECKSUM_SHA1: *ret = EVP_DIGEST_SHA1; return true;
	case CHECKSUM_SHA256: *ret = EVP_DIGEST_SHA256; return true;
	case CHECKSUM_MD5: *ret = EVP_DIGEST_MD5; return true;
	case CHECKSUM_NONE:
	case CHECKSUM_CRC32:
	case CHECKSUM_CRC32C:
	case CHECKSUM_CRC64NVME:
	case CHECKSUM_KINDS: return false;
	}
	return false;
}

enum err checksum_new(enum checksum_kind kind, struct checksum **ret)
{
	enum evp_digest which;
	struct checksum *c;

	if (kind <= CHECKSUM_NONE || kind >= CHECKSUM_KINDS) {
		return ERR_INPUT;
	}
	c = calloc(1, sizeof(*c));
	if (c == NULL) {
		return ERR_NOMEM;
	}
	c->kind = kind;
	if (digest_of(kind, &which)) {
		c->ctx = EVP_MD_CTX_new();
		if (c->ctx == NULL || evp_md(which) == NULL ||
		    EVP_DigestInit_ex2(c->ctx, evp_md(which), NULL) != 1) {
			checksum_free(c);
			return ERR_NOMEM;
		}
	}
	*ret = c;
	return OK;
}

enum err checksum_update(struct checksum *c, struct bytes b)
{
	if (b.n == 0) {
		return OK;
	}
	if (c->kind == CHECKSUM_CRC32) {
		c->crc = crc32_iso((uint32_t)c->crc, b);
	} else if (c->kind == CHECKSUM_CRC32C) {
		c->crc = crc32c((uint32_t)c->crc, b);
	} else if (c->kind == CHECKSUM_CRC64NVME) {
		c->crc = crc64nvme(c->crc, b);
	} else if (EVP_DigestUpdate(c->ctx, b.p, b.n) != 1) {
		return ERR_NOMEM;
	}
	return OK;
}

enum err checksum_final(struct checksum *c, uint8_t out[CHECKSUM_BYTES_MAX], size_t *ret_n)
{
	size_t n = kinds[c->kind].size;

	if (c->ctx != NULL) {
		if (EVP_DigestFinal_ex(c->ctx, out, NULL) != 1) {
			return ERR_NOMEM;
		}
	} else {
		for (size_t i = 0; i < n; i++) {
			out[i] = (uint8_t)(c->crc >> (8 * (n - 1 - i)));
		}
	}
	*ret_n = n;
	return OK;
}

void checksum_free(struct checksum *c)
{
	if (c != NULL) {
		EVP_MD_CTX_free(c->ctx);
		free(c);
	}
}

size_t checksum_size(enum checksum_kind kind)
{
	return kinds[kind].size;
}

const char *checksum_header(enum checksum_kind kind)
{
	return kinds[kind].header;
}

const char *checksum_name(enum checksum_kind kind)
{
	return kinds[kind].name;
}

enum checksum_kind checksum_by_header(struct bytes header)
{
	for (enum checksum_kind k = CHECKSUM_CRC32; k < CHECKSUM_KINDS; k++) {
		if (kinds[k].header != NULL && bytes_is_nocase(header, kinds[k].header)) {
			return k;
		}
	}
	return CHECKSUM_NONE;
}

enum checksum_kind checksum_by_name(struct bytes name)
{
	for (enum checksum_kind k = CHECKSUM_CRC32; k < CHECKSUM_KINDS; k++) {
		if (bytes_is_nocase(name, kinds[k].name)) {
			return k;
		}
	}
	return CHECKSUM_NONE;
}
