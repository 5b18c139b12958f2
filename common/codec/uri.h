/* Percent-encoding as SigV4 wants it (RFC 3986 unreserved characters stay), and query strings. */
#ifndef REMPART_CODEC_URI_H
#define REMPART_CODEC_URI_H
#include "common/base/arena.h"
#include "common/base/bytes.h"
/* uri_encode: everything but A-Z a-z 0-9 - . _ ~ as %XX, upper case; '/' stays when keep_slash. */
void uri_encode(struct writer *w, struct bytes b, bool keep_slash);
/* uri_decode: %XX only; '+' stays '+'. Into the arena. errors: INPUT (bad escape), LIMIT (arena) */
enum err uri_decode(struct arena *a, struct bytes b, struct bytes *ret);
/* uri_query: split a raw query at '&' and '=', decode names and values ('+' is a space, as on S3:
 * the Java SDK 1 sends it so, and signs %20). `ret` in the order of the query, in the arena; a name
 * without '=' has value.p == NULL. At most `max` parameters.  errors: INPUT, LIMIT */
enum err uri_query(struct arena *a, struct bytes raw, size_t max, struct field **ret,
                   size_t *ret_n);
/* field_get: the first field of that name (exact for queries: nocase false). NULL when absent. */
const struct field *field_get(const struct field *fields, size_t n, const char *name, bool nocase);
#endif
