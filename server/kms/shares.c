#include "server/kms/shares.h"

#include <string.h>

#include "common/base/attr.h"
#include "common/base/clock.h"
#include "common/crypto/hash.h"
#include "server/kms/kms.h"

static const struct record_document *document_of(const struct record_bucket *r,
                                                 enum kmsproto_document_kind kind)
{
	if (kind == KMSPROTO_BUCKET_LOGGING) {
		return &r->logging;
	}
	return kind == KMSPROTO_BUCKET_POLICY ? &r->policy : &r->acl;
}

/* Where its text is. */
static struct bytes text_place(struct arena *a, const struct share_bucket *b,
                               enum kmsproto_document_kind kind)
{
	const uint8_t byte = (uint8_t)kind;
	struct bytes place = keystore_key(a, b->tenant, b->name);

	return place.p == NULL ? place : keystore_key(a, place, bytes_of(&byte, 1));
}

bool shares_has(const struct record_bucket *row, enum kmsproto_document_kind kind)
{
	static const uint8_t zeros[SHA256_BYTES];

	return memcmp(document_of(row, kind)->digest, zeros, sizeof(zeros)) != 0;
}

static enum err is_text_of(struct bytes text, const uint8_t digest[SHA256_BYTES], bool *ret)
{
	uint8_t its[SHA256_BYTES];

	TRY(hash_sha256(text, its));
	*ret = memcmp(its, digest, sizeof(its)) == 0;
	return OK;
}

/* Of another bucket that had the name before, nothing counts. */
enum err shares_find(struct kms *k, const struct share_bucket *b, struct record_bucket *ret)
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

/* The text that is kept here. One that is not what the owner signed is none: somebody put an older row back. */
static enum err own_text(struct kms *k, const struct share_bucket *b,
                         enum kmsproto_document_kind kind, const struct record_document *d,
                         struct bytes *ret)
{
	struct bytes place = text_place(k->scratch, b, kind);
	bool good = false;

	if (place.p == NULL) {
		return ERR_LIMIT;
	}
	enum err e = keystore_get(k->store, k->scratch, KEYSTORE_DOCUMENTS, place, ret);
	if (e == ERR_NOTFOUND) {
		return ERR_DENIED;
	}
	TRY(e);
	TRY(is_text_of(*ret, d->digest, &good));
	return good ? OK : ERR_DENIED;
}

enum err shares_current(struct kms *k, const struct share_bucket *b,
                        const struct record_bucket *row, enum kmsproto_document_kind kind,
                        const struct kmsproto_document *sent, struct share_current *ret)
{
	const struct record_document *d = document_of(row, kind);
	bool has = shares_has(row, kind);

	*ret = (struct share_current){.order = d->order, .sent = !has && sent == NULL};
	if (sent != NULL && has) {
		TRY(is_text_of(sent->text, d->digest, &ret->sent));
		ret->text = sent->text;
	}
	if (ret->sent) {
		return OK;
	}
	ret->text = (struct bytes){0};
	if (sent != NULL && (d->order == 0 || sent->order > d->order)) {
		return ERR_DENIED;
	}
	return has ? own_text(k, b, kind, d, &ret->text) : OK;
}

enum err shares_match_logging(const struct record_bucket *row, struct bytes text,
                              enum share_match *ret)
{
	const struct record_document *d = &row->logging;
	bool now = false, before = false;

	TRY(is_text_of(text, d->digest, &now));
	TRY(is_text_of(text, d->before, &before));
	*ret = SHARES_NONE;
	if (before) {
		*ret = clock_real_ms() < d->changed_ms + SHARES_GRACE_MS ? SHARES_BEFORE
		                                                         : SHARES_LATE;
	}
	*ret = now ? SHARES_NOW : *ret;
	return OK;
}

/* The texts of a bucket that had the name before. */
static enum err drop_texts(struct keystore_changes *changes, const struct share_bucket *b)
{
	static const enum kmsproto_document_kind kinds[] = {
		KMSPROTO_BUCKET_POLICY, KMSPROTO_BUCKET_ACL, KMSPROTO_BUCKET_LOGGING};

	for (size_t i = 0; i < COUNT(kinds); i++) {
		struct bytes place = text_place(changes->arena, b, kinds[i]);
		if (place.p == NULL) {
			return ERR_LIMIT;
		}
		TRY(keystore_remove(changes, KEYSTORE_DOCUMENTS, place));
	}
	return OK;
}

static enum err record_text(struct kms *k, struct keystore_changes *changes,
                            const struct share_change *c)
{
	struct bytes place = text_place(changes->arena, &c->bucket, c->kind);

	if (place.p == NULL) {
		return ERR_LIMIT;
	}
	return c->text.n == 0
	               ? keystore_remove(changes, KEYSTORE_DOCUMENTS, place)
	               : keystore_put(k->store, changes, KEYSTORE_DOCUMENTS, place, c->text);
}

static enum err note_change(struct record_bucket *row, const struct share_change *c)
{
	struct record_document changed = *document_of(row, c->kind);

	memcpy(changed.before, changed.digest, sizeof(changed.before));
	memset(changed.digest, 0, sizeof(changed.digest));
	changed.changed_ms = clock_real_ms();
	changed.order = c->order;
	if (c->text.n > 0) {
		TRY(hash_sha256(c->text, changed.digest));
	}
	switch (c->kind) {
	case KMSPROTO_BUCKET_POLICY:
		row->policy = changed;
		return OK;
	case KMSPROTO_BUCKET_ACL:
		row->acl = changed;
		return OK;
	case KMSPROTO_BUCKET_LOGGING:
		row->logging = changed;
		return OK;
	case KMSPROTO_OBJECT_ACL:
		break;
	}
	return ERR_INPUT; /* it has a stamp */
}

enum err shares_record(struct kms *k, struct keystore_changes *changes,
                       const struct share_change *change)
{
	const struct share_bucket *b = &change->bucket;
	struct record_bucket row;
	uint8_t plain[RECORD_MAX];
	struct writer w = writer_fixed(plain, sizeof(plain));
	struct bytes place = keystore_key(changes->arena, b->tenant, b->name);

	if (place.p == NULL) {
		return ERR_LIMIT;
	}
	TRY(shares_find(k, b, &row));
	bool first = row.policy.order == 0 && row.acl.order == 0 && row.logging.order == 0;
	if (change->gone) {
		return first ? OK : drop_texts(changes, b); /* not those of a bucket made since */
	}
	if (first) {
		TRY(drop_texts(changes, b));
	}
	TRY(note_change(&row, change));
	record_bucket_write(&w, &row);
	TRY(writer_end(&w));
	TRY(record_text(k, changes, change));
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
