/*
 * Name tokens: how a log entry names a bucket and an object without saying it (LOG-FORMAT.md 6).
 * Keyed by the token key of the tenant and period; destroying that key makes the tokens
 * meaningless without touching the tree. Pure.
 */
#ifndef REMPART_LOGFMT_TOKEN_H
#define REMPART_LOGFMT_TOKEN_H
#include "common/base/secret.h"
enum { TOKEN_BYTES = 32 }; /* a whole HMAC-SHA-256 */
/* token_bucket: HMAC-SHA-256(token key, bucket). errors: NOMEM */
enum err token_bucket(const struct secret *token_key, struct bytes bucket,
                      uint8_t ret[TOKEN_BYTES]);
/* token_object: HMAC-SHA-256(token key, bucket || 0 || key || 0 || object id). Bucket and key hold
 * no NUL (S3 forbids it), so the three parts cannot be shifted. errors: INPUT (a NUL), NOMEM */
enum err token_object(const struct secret *token_key, struct bytes bucket, struct bytes key,
                      struct bytes object_id, uint8_t ret[TOKEN_BYTES]);
#endif
