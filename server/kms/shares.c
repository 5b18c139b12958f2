#include "server/kms/shares.h"

#include <string.h>

#include "common/base/attr.h"
#include "common/base/clock.h"
#include "common/crypto/hash.h"
#include "server/kms/kms.h"

static struct record_document *document_of(struct record_bucket *r,
                                           enum kmsproto_document_kind kind)
{
	if (kind == KMSPROTO_BUCKET_LOGGING) {
		return &r->logging;
	}
	return kind == KMSPROTO_BUCKET_POLICY ? &r->policy : &r->acl;
}

/* Of another bucket that had the name before, nothing counts. */
static enum err find(struct kms *k, const struct share_bucket *b, struct record_bucket *ret)
{
	struct bytes place = keystore_key(k->scratch, b->tenant, b->name);
	struct bytes plain;

	if (place.p == NULL) {
		return ERR_LIMIT;
	}
	enum err e = keystore_get(k->store, k->scratch, KEYSTORE_BUCKETS, place, &plain);
	if (e == OK) {
		e = record_bucket_read(plain, ret);
	}
	if (e == ERR_NOTFOUND || (e == OK && ret->number != b->number)) {
		*ret = (struct record_bucket){.number = b->number};
		return OK;
	}
	return e;
}

enum err shares_check(struct kms *k, const struct share_bucket *b, enum kmsproto_document_kind kind,
                      struct bytes text)
{
	struct record_bucket row;
	uint8_t digest[SHA256_BYTES];

	TRY(find(k, b, &row));
	TRY(hash_sha256(text, digest));
	const struct record_document *d = document_of(&row, kind);
	bool now = memcmp(digest, d->digest, sizeof(digest)) == 0;
	bool before = memcmp(digest, d->before, sizeof(digest)) == 0 &&
	              clock_real_ms() < d->changed_ms + SHARES_GRACE_MS;
	return now || before ? OK : ERR_DENIED;
}

enum err shares_record(struct kms *k, struct keystore_changes *changes,
                       const struct share_bucket *b, enum kmsproto_document_kind kind,
                       struct bytes text)
{
	struct record_bucket row;
	uint8_t plain[RECORD_MAX];
	struct writer w = writer_fixed(plain, sizeof(plain));
	struct bytes place = keystore_key(changes->arena, b->tenant, b->name);

	if (place.p == NULL) {
		return ERR_LIMIT;
	}
	TRY(find(k, b, &row));
	struct record_document *d = document_of(&row, kind);
	memcpy(d->before, d->digest, sizeof(d->before));
	memset(d->digest, 0, sizeof(d->digest));
	d->changed_ms = clock_real_ms();
	if (text.p != NULL) {
		TRY(hash_sha256(text, d->digest));
	}
	record_bucket_write(&w, &row);
	TRY(writer_end(&w));
	return keystore_put(k->store, changes, KEYSTORE_BUCKETS, place, writer_bytes(&w));
}

enum err shares_stamp(struct kms *k, const struct share_object *o, struct bytes text,
                      uint8_t ret[KMSPROTO_STAMP_BYTES])
{
	uint8_t head[64 + KMSPROTO_TEXT_MAX + KMSPROTO_OBJECT_KEY_MAX];
	struct writer w = writer_fixed(head, sizeof(head));

	write_lv16(&w, o->bucket.tenant);
	write_lv16(&w, o->bucket.name);
	write_u64(&w, o->bucket.number);
	write_lv16(&w, o->key);
	write_bytes(&w, bytes_of(o->id, KMSPROTO_OBJECT_ID_BYTES));
	TRY(writer_end(&w));
	const struct bytes parts[] = {writer_bytes(&w), text};
	return keystore_stamp(k->store, parts, COUNT(parts), ret);
}
