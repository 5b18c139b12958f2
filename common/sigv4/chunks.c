/*
 * The chain of chunk signatures: each signs the one before it, so no chunk can be left out,
 * repeated or moved (S3, "sigv4-streaming" and "sigv4-streaming-trailers").
 */
#include "common/sigv4/parts.h"

#include <string.h>

#include "common/codec/hex.h"
#include "common/crypto/hash.h"

/* SHA-256 of nothing: the place where headers of a chunk would be. */
#define EMPTY_HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

enum {
	/* algorithm, date, scope, two or three hashes, line ends */
	CHUNK_TEXT_MAX = 32 + 16 + 160 + 3 * SIGV4_SHA256_HEX + 8,
};

static enum err verify_one(const struct secret *key, struct bytes amz_date, struct bytes scope,
                           char previous[SIGV4_SIGNATURE_HEX], const struct sigv4_chunk *chunk)
{
	char text[CHUNK_TEXT_MAX];
	char signature[SIGV4_SIGNATURE_HEX];
	struct writer w = writer_fixed(text, sizeof(text));

	write_text(&w, chunk->trailer ? "AWS4-HMAC-SHA256-TRAILER\n" : "AWS4-HMAC-SHA256-PAYLOAD\n");
	write_bytes(&w, amz_date);
	write_u8(&w, '\n');
	write_bytes(&w, scope);
	write_u8(&w, '\n');
	write_bytes(&w, bytes_of(previous, SIGV4_SIGNATURE_HEX));
	write_text(&w, chunk->trailer ? "\n" : "\n" EMPTY_HASH "\n");
	hex_write(&w, bytes_of(chunk->hash, sizeof(chunk->hash)));
	if (writer_end(&w) != OK) { /* no scope of a valid signature is that long */
		return ERR_AUTH;
	}
	TRY(sigv4_sign(key, writer_bytes(&w), signature));
	if (!same_bytes(signature, chunk->signature, sizeof(signature))) {
		return ERR_AUTH;
	}
	memcpy(previous, signature, sizeof(signature));
	return OK;
}

enum err sigv4_chunks_verify(const struct secret *signing_key, struct bytes amz_date,
                             struct bytes scope, char previous[SIGV4_SIGNATURE_HEX],
                             const struct sigv4_chunk *chunks, size_t n)
{
	char chain[SIGV4_SIGNATURE_HEX];

	memcpy(chain, previous, sizeof(chain));
	for (size_t i = 0; i < n; i++) {
		TRY(verify_one(signing_key, amz_date, scope, chain, &chunks[i]));
	}
	memcpy(previous, chain, sizeof(chain));
	return OK;
}
