/*
 * The way back: replies, encoder and decoder side by side. Keys are sealed under a key that both
 * nonces and the enrolment secret give; the position of the key in the answer is authenticated, so
 * a key cannot be moved to another call.
 */
#include "common/kmsproto/kmsproto.h"

#include <assert.h>

#include "common/base/attr.h"
#include "common/crypto/aead.h"
#include "common/crypto/kdf.h"
#include "common/kmsproto/wire.h"

static_assert((int)KMSPROTO_SEALED_BYTES == (int)KMSPROTO_KEY_BYTES + (int)AEAD_TAG_BYTES,
              "the header names the size");

enum {
	CANONICAL_ID_MAX = 64, /* hex digits */
	ITEM_AAD_BYTES = 24,   /* label, u32 call, u8 key */
};

/* The keys of one answer, in order. */
struct items {
	struct aead *aead; /* NULL: no enrolment secret at hand, so no key can travel */
	uint64_t next;
};

static void items_end(struct items *s)
{
	aead_free(s->aead);
	s->aead = NULL;
}

static enum err items_begin(struct items *s, const struct secret *enrolment,
                            const uint8_t gateway_nonce[KMSPROTO_NONCE_BYTES],
                            const uint8_t kms_nonce[KMSPROTO_NONCE_BYTES])
{
	struct secret *key AUTO(secret_freep) = NULL;
	uint8_t salt[2 * KMSPROTO_NONCE_BYTES];
	struct writer w = writer_fixed(salt, sizeof(salt));

	if (enrolment == NULL) {
		return OK;
	}
	write_bytes(&w, bytes_of(gateway_nonce, KMSPROTO_NONCE_BYTES));
	write_bytes(&w, bytes_of(kms_nonce, KMSPROTO_NONCE_BYTES));
	TRY(kdf_hkdf(enrolment, writer_bytes(&w), BYTES("rempart kms seal v1"), AEAD_KEY_BYTES,
	             &key));
	return aead_new(key, &s->aead);
}

/* The iv is the item's number in the answer; the aad is its place. */
static struct bytes item_place(struct items *s, size_t call, size_t key,
                               uint8_t iv[AEAD_IV_BYTES], uint8_t aad[ITEM_AAD_BYTES])
{
	struct writer i = writer_fixed(iv, AEAD_IV_BYTES);
	struct writer w = writer_fixed(aad, ITEM_AAD_BYTES);

	write_u32(&i, 0);
	write_u64(&i, s->next++);
	write_text(&w, "rempart kms item v1");
	write_u32(&w, (uint32_t)call);
	write_u8(&w, (uint8_t)key);
	assert(!w.full && !i.full);
	return writer_bytes(&w);
}

static enum err write_item(struct items *s, struct writer *w, size_t call, size_t key,
                           const struct secret *plain)
{
	uint8_t iv[AEAD_IV_BYTES];
	uint8_t aad[ITEM_AAD_BYTES];
	uint8_t sealed[KMSPROTO_SEALED_BYTES];

	if (s->aead == NULL || plain == NULL || secret_size(plain) != KMSPROTO_KEY_BYTES) {
		return ERR_LIMIT;
	}
	struct bytes place = item_place(s, call, key, iv, aad);
	TRY(aead_seal(s->aead, iv, place, secret_bytes(plain), sealed));
	write_lv16(w, bytes_of(sealed, sizeof(sealed)));
	return OK;
}

static enum err read_item(struct items *s, struct reader *r, size_t call, size_t key,
                          struct secret **ret)
{
	struct bytes sealed = read_lv16(r, KMSPROTO_SEALED_BYTES);
	uint8_t iv[AEAD_IV_BYTES];
	uint8_t aad[ITEM_AAD_BYTES];

	if (r->bad || sealed.n != KMSPROTO_SEALED_BYTES) {
		return ERR_INPUT;
	}
	if (s->aead == NULL) {
		return ERR_CORRUPT;
	}
	struct secret *plain AUTO(secret_freep) = secret_new(KMSPROTO_KEY_BYTES);
	if (plain == NULL) {
		return ERR_NOMEM;
	}
	struct bytes place = item_place(s, call, key, iv, aad);
	TRY(aead_open(s->aead, iv, place, sealed, secret_edit(plain)));
	*ret = plain;
	plain = NULL;
	return OK;
}

/* --- access --- */

static void write_principal(struct writer *w, const struct kmsproto_principal *p)
{
	kmswire_text(w, p->tenant, KMSWIRE_TENANT_MAX);
	kmswire_text(w, p->tenant_name, KMSPROTO_TEXT_MAX);
	kmswire_text(w, p->canonical_id, CANONICAL_ID_MAX);
	kmswire_text(w, p->display_name, KMSPROTO_TEXT_MAX);
	kmswire_text(w, p->user, KMSPROTO_TEXT_MAX);
	kmswire_text(w, p->arn, KMSPROTO_TEXT_MAX);
}

static void read_principal(struct reader *r, struct kmsproto_principal *p)
{
	p->tenant = kmswire_read_text(r, KMSWIRE_TENANT_MAX);
	p->tenant_name = kmswire_read_text(r, KMSPROTO_TEXT_MAX);
	p->canonical_id = kmswire_read_text(r, CANONICAL_ID_MAX);
	p->display_name = kmswire_read_text(r, KMSPROTO_TEXT_MAX);
	p->user = kmswire_read_text(r, KMSPROTO_TEXT_MAX);
	p->arn = kmswire_read_text(r, KMSPROTO_TEXT_MAX);
}

static bool is_of_bucket(enum kmsproto_document_kind kind)
{
	return kind == KMSPROTO_BUCKET_POLICY || kind == KMSPROTO_BUCKET_ACL ||
	       kind == KMSPROTO_BUCKET_LOGGING;
}

static enum err write_newer(struct writer *w, const struct kmsproto_newer *n)
{
	write_u8(w, (uint8_t)n->place);
	if (n->place == KMSPROTO_NOWHERE) {
		return OK;
	}
	if (!is_of_bucket(n->kind) || n->text.n > KMSPROTO_DOCUMENT_MAX) {
		return ERR_LIMIT;
	}
	write_u8(w, (uint8_t)n->kind);
	write_u64(w, n->order);
	write_lv16(w, n->text);
	return OK;
}

static enum err read_newer(struct reader *r, struct kmsproto_newer *n)
{
	uint8_t place = read_u8(r);

	if (r->bad || place > KMSPROTO_SENDER) {
		return ERR_INPUT;
	}
	n->place = (enum kmsproto_place)place;
	if (place == KMSPROTO_NOWHERE) {
		return OK;
	}
	n->kind = (enum kmsproto_document_kind)read_u8(r);
	n->order = read_u64(r);
	n->text = read_lv16(r, KMSPROTO_DOCUMENT_MAX);
	return r->bad || !is_of_bucket(n->kind) ? ERR_INPUT : OK;
}

static enum err write_access(struct items *s, struct writer *w, size_t call,
                             const struct kmsproto_reply *reply)
{
	size_t n = reply->verdict == KMSPROTO_OK ? reply->n_keys : 0;

	write_principal(w, &reply->principal);
	if (n > KMSPROTO_KEYS_MAX) {
		return ERR_LIMIT;
	}
	write_u8(w, (uint8_t)n);
	for (size_t i = 0; i < n; i++) {
		if (reply->keys[i].wrapped.n > KMSPROTO_WRAPPED_MAX) {
			return ERR_LIMIT;
		}
		write_lv16(w, reply->keys[i].wrapped);
		kmswire_text(w, reply->keys[i].arn, KMSPROTO_TEXT_MAX);
		if (reply->keys[i].rewrapped) {
			write_lv16(w, (struct bytes){0});
		} else {
			TRY(write_item(s, w, call, i, reply->keys[i].dek));
		}
	}
	if (reply->document.n > KMSPROTO_DOCUMENT_MAX) {
		return ERR_LIMIT;
	}
	write_lv16(w, reply->document);
	if (reply->document.n > 0) {
		write_bytes(w, bytes_of(reply->stamp, sizeof(reply->stamp)));
	}
	write_u8(w, reply->by_acl ? 1 : 0);
	return write_newer(w, &reply->newer);
}

/* An empty lv16, in place of a sealed key. */
static bool skip_empty(struct reader *r)
{
	struct reader ahead = *r;
	bool empty = read_u16(&ahead) == 0 && !ahead.bad;

	if (empty) {
		*r = ahead;
	}
	return empty;
}

static enum err read_access(struct items *s, struct reader *r, size_t call,
                            struct kmsproto_reply *reply)
{
	read_principal(r, &reply->principal);
	size_t n = read_u8(r);

	if (r->bad || n > KMSPROTO_KEYS_MAX || (n != 0 && reply->verdict != KMSPROTO_OK)) {
		return ERR_INPUT;
	}
	reply->n_keys = n;
	for (size_t i = 0; i < n; i++) {
		reply->keys[i].wrapped = read_lv16(r, KMSPROTO_WRAPPED_MAX);
		reply->keys[i].arn = kmswire_read_text(r, KMSPROTO_TEXT_MAX);
		reply->keys[i].rewrapped = skip_empty(r);
		if (!reply->keys[i].rewrapped) {
			TRY(read_item(s, r, call, i, &reply->keys[i].dek));
		}
	}
	reply->document = read_lv16(r, KMSPROTO_DOCUMENT_MAX);
	if (reply->document.n > 0) {
		read_into(r, reply->stamp, sizeof(reply->stamp));
	}
	uint8_t by_acl = read_u8(r);
	reply->by_acl = by_acl == 1;
	return r->bad || by_acl > 1 ? ERR_INPUT : read_newer(r, &reply->newer);
}

/* --- replies --- */

static enum err write_reply(struct items *s, struct writer *w, size_t call,
                            const struct kmsproto_reply *reply)
{
	if (reply->verdict >= KMSPROTO_VERDICTS) {
		return ERR_LIMIT;
	}
	write_u8(w, (uint8_t)reply->kind);
	write_u8(w, (uint8_t)reply->verdict);
	size_t at = kmswire_begin(w);
	write_u64(w, reply->log_index);
	switch (reply->kind) {
	case KMSPROTO_INDEX_KEY:
		if (reply->verdict == KMSPROTO_OK) {
			TRY(write_item(s, w, call, 0, reply->index_key));
		}
		break;
	case KMSPROTO_ACCESS:
	case KMSPROTO_DELIVER:
		TRY(write_access(s, w, call, reply));
		break;
	case KMSPROTO_CHUNKS:
		break;
	}
	kmswire_end(w, at);
	return OK;
}

static enum err read_body(struct items *s, struct reader *r, size_t call,
                          struct kmsproto_reply *reply)
{
	reply->log_index = read_u64(r);
	switch (reply->kind) {
	case KMSPROTO_INDEX_KEY:
		if (reply->verdict == KMSPROTO_OK) {
			TRY(read_item(s, r, call, 0, &reply->index_key));
		}
		break;
	case KMSPROTO_ACCESS:
	case KMSPROTO_DELIVER:
		TRY(read_access(s, r, call, reply));
		break;
	case KMSPROTO_CHUNKS:
		break;
	}
	return read_end(r);
}

static enum err read_reply(struct items *s, struct reader *answer, size_t call,
                           struct kmsproto_reply *reply)
{
	uint8_t kind = read_u8(answer);
	uint8_t verdict = read_u8(answer);
	struct reader r = reader_of(read_lv32(answer, KMSPROTO_BATCH_MAX));

	if (answer->bad || kind < KMSPROTO_INDEX_KEY || kind > KMSPROTO_DELIVER ||
	    verdict >= KMSPROTO_VERDICTS) {
		return ERR_INPUT;
	}
	reply->kind = (enum kmsproto_kind)kind;
	reply->verdict = (enum kmsproto_verdict)verdict;
	return read_body(s, &r, call, reply);
}

enum err kmsproto_answer_write(struct writer *w, const struct secret *enrolment,
                               const uint8_t gateway_nonce[KMSPROTO_NONCE_BYTES],
                               const uint8_t kms_nonce[KMSPROTO_NONCE_BYTES],
                               const struct kmsproto_reply *replies, size_t n)
{
	struct items s AUTO(items_end) = {0};

	if (n == 0 || n > KMSPROTO_CALLS_MAX) {
		return ERR_LIMIT;
	}
	TRY(items_begin(&s, enrolment, gateway_nonce, kms_nonce));
	kmswire_head_write(w, KMSWIRE_ANSWER_MAGIC, kms_nonce, (uint16_t)n);
	for (size_t i = 0; i < n; i++) {
		TRY(write_reply(&s, w, i, &replies[i]));
	}
	return writer_end(w);
}

static enum err read_replies(struct bytes answer, const struct secret *enrolment,
                             const uint8_t gateway_nonce[KMSPROTO_NONCE_BYTES], size_t count,
                             struct kmsproto_reply *replies)
{
	struct items s AUTO(items_end) = {0};
	struct reader r = reader_of(answer);
	uint8_t kms_nonce[KMSPROTO_NONCE_BYTES];
	uint16_t n = 0;

	if (!kmswire_head(&r, KMSWIRE_ANSWER_MAGIC, kms_nonce, &n) || n != count) {
		return ERR_INPUT;
	}
	TRY(items_begin(&s, enrolment, gateway_nonce, kms_nonce));
	for (size_t i = 0; i < count; i++) {
		TRY(read_reply(&s, &r, i, &replies[i]));
	}
	return read_end(&r);
}

enum err kmsproto_answer_read(struct arena *a, struct bytes answer, const struct secret *enrolment,
                              const uint8_t gateway_nonce[KMSPROTO_NONCE_BYTES], size_t count,
                              struct kmsproto_reply *ret)
{
	if (answer.n > KMSPROTO_BATCH_MAX) {
		return ERR_LIMIT;
	}
	if (count == 0 || count > KMSPROTO_CALLS_MAX) {
		return ERR_INPUT;
	}
	struct kmsproto_reply *replies = arena_alloc(a, count * sizeof(*replies));
	struct bytes copy = arena_copy(a, answer);
	if (replies == NULL || copy.p == NULL) {
		return ERR_LIMIT;
	}
	enum err e = read_replies(copy, enrolment, gateway_nonce, count, replies);
	if (e != OK) {
		kmsproto_replies_free(replies, count);
		return e;
	}
	for (size_t i = 0; i < count; i++) {
		ret[i] = replies[i];
	}
	return OK;
}

void kmsproto_replies_free(struct kmsproto_reply *replies, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < KMSPROTO_KEYS_MAX; k++) {
			replies[i].keys[k].dek = secret_free(replies[i].keys[k].dek);
		}
		replies[i].index_key = secret_free(replies[i].index_key);
	}
}
