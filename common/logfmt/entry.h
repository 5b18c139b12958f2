/*
 * A key-log entry: one event, one line of canonical JSON, one leaf of the tree (LOG-FORMAT.md).
 * Encoder and decoder stand together. Pure.
 *
 * Canonical: members in the order of this struct, absent members left out, no white space, the
 * escaping of codec/json. The decoder accepts nothing else, so an entry has exactly one form.
 */
#ifndef REMPART_LOGFMT_ENTRY_H
#define REMPART_LOGFMT_ENTRY_H
#include "common/base/arena.h"
#include "common/base/bytes.h"

enum { LOGFMT_ENTRY_MAX = 16384, LOGFMT_KEYS_MAX = 8 };

enum logfmt_event {
	LOGFMT_START,          /* the service started (sealed) */
	LOGFMT_STOP,           /* orderly stop */
	LOGFMT_INIT,           /* root key created */
	LOGFMT_UNSEAL,         /* result "ok" or "refused" */
	LOGFMT_SEAL,
	/* a request decided: keys issued or opened are in keys[], none for list, head, delete */
	LOGFMT_ACCESS,
	/* chunk signatures refused (accepted ones belong to their access entry) */
	LOGFMT_CHUNKS,
	LOGFMT_INDEX_KEY,      /* the index key was released to a gateway */
	LOGFMT_ADMIN,          /* change of tenant, user, access key, key, gateway */
	LOGFMT_EVENTS,
};
enum logfmt_use { LOGFMT_ISSUED, LOGFMT_OPENED };

/* One data key in an access entry. */
struct logfmt_key {
	enum logfmt_use use;
	uint8_t key_id[16];
	uint32_t key_version;
	uint8_t wrapped_digest[32]; /* SHA-256 of the wrapped key: links an opening to its issue */
	/* logfmt/token.h; zero: absent (a key that belongs to no stored object) */
	uint8_t object_token[32];
};

struct logfmt_entry {
	uint64_t seq;               /* = leaf index, from 0, gap-free */
	uint64_t time_ns;           /* UTC; never goes back within one log */
	uint8_t boot[16];           /* random, one for each start */
	enum logfmt_event event;
	/* never empty: "ok", or the refusal: "bad-signature", "skewed", "denied", "wrong-key"
	 * ... */
	struct bytes result;
	uint8_t request_id[16];     /* zero: absent */
	/* name of the enrolled gateway; empty: absent (so for every bytes below) */
	struct bytes gateway;
	struct bytes tenant;        /* 12 digits */
	struct bytes principal;     /* ARN of the user, or "admin:<CN>" */
	struct bytes access_key;
	struct bytes source;        /* client address as the gateway saw it */
	struct bytes agent;         /* user agent, cut to 256 bytes */
	struct bytes op;            /* "s3:GetObject", "tenant.create" ... */
	uint8_t bucket_token[32];   /* zero: absent */
	struct bytes period;        /* "2026-11": which token key */
	struct bytes basis;         /* why it was allowed: "tenant-owner", "policy:<id>" ... */
	struct bytes detail;        /* administration: what changed, in plain words; no secret */
	struct logfmt_key keys[LOGFMT_KEYS_MAX];
	size_t n_keys;
};

/* logfmt_entry_write: append the one line. Bytes that are not UTF-8 become U+FFFD.
 *   errors  LIMIT (over LOGFMT_ENTRY_MAX or w full), INPUT (no result, a NUL in a text, a bad
 *           enum); after an error w holds part of a line: the caller cuts it off */
enum err logfmt_entry_write(const struct logfmt_entry *e, struct writer *w);
/* logfmt_entry_read: text fields are copied to the arena. Strict: re-encoding gives the same bytes.
 * errors: INPUT, LIMIT */
enum err logfmt_entry_read(struct arena *a, struct bytes line, struct logfmt_entry *ret);
const char *logfmt_event_name(enum logfmt_event e);
#endif
