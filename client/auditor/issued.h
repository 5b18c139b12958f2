/*
 * The data keys that the log issued: a set of 16-byte prefixes of SHA-256(key id || wrapped
 * digest). It takes
 * 24 to 48 bytes for a key, so ten million issued keys take up to 512 MiB; this is the one
 * part of a verification that grows with the log. Two keys fall together with probability 2^-128 n.
 */
#ifndef REMPART_AUDITOR_ISSUED_H
#define REMPART_AUDITOR_ISSUED_H
#include "common/logfmt/entry.h"

struct issued;
struct issued *issued_new(void); /* NULL on no memory */
void issued_free(struct issued *s);
enum err issued_add(struct issued *s, const struct logfmt_key *k); /* errors: NOMEM */
/* errors: NOMEM */
enum err issued_has(const struct issued *s, const struct logfmt_key *k, bool *ret);
uint64_t issued_count(const struct issued *s);
uint64_t issued_memory_bytes(const struct issued *s);
#endif
