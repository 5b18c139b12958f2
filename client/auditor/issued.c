#include "client/auditor/issued.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/attr.h"
#include "common/crypto/hash.h"

enum { SLOTS_FIRST = 4096 };

/* All zero: free. A prefix that is zero by chance (2^-128) is stored as one. */
struct slot {
	uint64_t a, b;
};

struct issued {
	struct slot *slots;
	uint64_t n_slots; /* a power of two */
	uint64_t count;
};

struct issued *issued_new(void)
{
	struct issued *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		return NULL;
	}
	s->slots = calloc(SLOTS_FIRST, sizeof(struct slot));
	s->n_slots = SLOTS_FIRST;
	if (s->slots == NULL) {
		free(s);
		return NULL;
	}
	return s;
}

void issued_free(struct issued *s)
{
	if (s != NULL) {
		free(s->slots);
		free(s);
	}
}

static enum err slot_of(const struct logfmt_key *k, struct slot *ret)
{
	const struct bytes parts[] = {
		bytes_of(k->key_id, sizeof(k->key_id)),
		bytes_of(k->wrapped_digest, sizeof(k->wrapped_digest)),
	};
	uint8_t digest[SHA256_BYTES];

	TRY(hash_sha256_parts(parts, COUNT(parts), digest));
	struct reader r = reader_of(bytes_of(digest, sizeof(digest)));
	ret->a = read_u64(&r);
	ret->b = read_u64(&r);
	if (ret->a == 0 && ret->b == 0) {
		ret->b = 1;
	}
	return OK;
}

/* The slot that holds it, or the free one where it belongs. */
static struct slot *find(const struct issued *s, const struct slot *want)
{
	uint64_t at = want->a & (s->n_slots - 1);

	for (;;) {
		struct slot *slot = &s->slots[at];
		bool is_free = slot->a == 0 && slot->b == 0;
		if (is_free || (slot->a == want->a && slot->b == want->b)) {
			return slot;
		}
		at = (at + 1) & (s->n_slots - 1);
	}
}

static enum err grow(struct issued *s)
{
	struct issued larger = {.n_slots = s->n_slots * 2, .count = s->count};

	larger.slots = calloc(larger.n_slots, sizeof(struct slot));
	if (larger.slots == NULL) {
		return ERR_NOMEM;
	}
	for (uint64_t i = 0; i < s->n_slots; i++) {
		if (s->slots[i].a != 0 || s->slots[i].b != 0) {
			*find(&larger, &s->slots[i]) = s->slots[i];
		}
	}
	free(s->slots);
	*s = larger;
	return OK;
}

enum err issued_add(struct issued *s, const struct logfmt_key *k)
{
	struct slot slot;

	if (s->count >= s->n_slots / 3 * 2) {
		TRY(grow(s));
	}
	TRY(slot_of(k, &slot));
	struct slot *at = find(s, &slot);
	s->count += at->a == 0 && at->b == 0;
	*at = slot;
	return OK;
}

enum err issued_has(const struct issued *s, const struct logfmt_key *k, bool *ret)
{
	struct slot slot;

	TRY(slot_of(k, &slot));
	const struct slot *at = find(s, &slot);
	*ret = at->a != 0 || at->b != 0;
	return OK;
}

uint64_t issued_count(const struct issued *s)
{
	return s->count;
}

uint64_t issued_memory_bytes(const struct issued *s)
{
	return s->n_slots * sizeof(struct slot);
}
