/*
 * One log object: a key from the KMS, for which the owner's signed configuration speaks, then the way of every object through the vault.
 * Nobody's request: it makes no line in any log.
 */
#include "common/base/attr.h"
#include "common/base/clock.h"
#include "common/codec/hex.h"
#include "common/crypto/checksum.h"
#include "common/policy/logging.h"
#include "server/gateway/logbook.h"
#include "server/gateway/object.h"
#include "server/gateway/resource.h"

enum { ARENA_BYTES = 4 << 20, ETAG_BYTES = 16 };

struct sending {
	struct gateway *g;
	const struct logbook_page *page;
	uint64_t deadline_ms;
	struct arena *a;
	struct index_bucket target;
	struct config_encryption encryption;
	struct kmsproto_deliver deliver;
	struct index_object object;
};

static enum err find_target(struct sending *s, struct bytes name, const char **ret_why)
{
	struct bucket_settings settings = {0};
	struct bytes stored;
	*ret_why = "the target bucket is gone: put another logging configuration";
	TRY(index_bucket_get(s->g->index, s->a, name, &s->target));
	if (!bytes_equal(s->target.tenant, s->page->tenant)) {
		*ret_why = "the target bucket is somebody else's by now: put another logging "
		           "configuration";
		return ERR_DENIED;
	}
	*ret_why = "see the lines before; it is tried again";
	TRY(resource_of_bucket(s->g->index, s->a, &s->target, &settings, &s->deliver.target));
	enum err e = index_config_get(s->g->index, s->a, s->target.number, INDEX_CONFIG_ENCRYPTION,
	                              &stored);
	if (e != OK) {
		return e == ERR_NOTFOUND ? OK : e;
	}
	return config_encryption(s->a, stored, &s->encryption) == S3E_NONE ? OK : ERR_CORRUPT;
}

static enum err name_object(struct sending *s, const struct logging *l)
{
	const struct logging_source source = {s->page->tenant, s->g->region, s->page->bucket};
	uint8_t unique[LOGGING_UNIQUE_BYTES];
	uint8_t *text = arena_alloc(s->a, LOGGING_KEY_MAX);
	struct index_object *o = &s->object;
	if (text == NULL) {
		return ERR_LIMIT;
	}
	random_bytes(unique, sizeof(unique));
	random_bytes(o->id, sizeof(o->id));
	struct writer w = writer_fixed(text, LOGGING_KEY_MAX);
	logging_key(&w, l, &source, s->page->time_ms, clock_real_ms(), unique);
	o->bucket = s->target.name;
	o->key = writer_bytes(&w);
	o->content_type = BYTES("text/plain");
	o->sse = s->encryption.aes256 ? INDEX_SSE_AES256 : INDEX_SSE_KMS;
	o->versioned = s->target.versioning == INDEX_VERSIONING_ENABLED;
	return writer_end(&w);
}

static enum err of_verdict(enum kmsproto_verdict v, const char **ret_why)
{
	if (v == KMSPROTO_SEALED || v == KMSPROTO_UNAVAILABLE) {
		*ret_why = "unseal or repair the KMS: it is tried again";
		return ERR_UNAVAILABLE;
	}
	*ret_why = "the KMS's log says why: the target bucket's policy or ACL must let the log "
	           "service write, and its key must be enabled";
	return v == KMSPROTO_OK ? OK : ERR_DENIED;
}

static enum err ask_for_key(struct sending *s, struct kmsproto_reply *ret, const char **ret_why)
{
	struct kmsproto_deliver *d = &s->deliver;
	random_bytes(d->request_id, sizeof(d->request_id));
	d->tenant = s->page->tenant;
	d->bucket = s->page->bucket;
	d->bucket_number = s->page->number;
	d->document = s->page->document;
	d->key = (struct kmsproto_key_call){
		.op = KMSPROTO_ISSUE,
		.bucket = s->object.bucket,
		.key = s->object.key,
		.kek = s->encryption.key,
	};
	struct writer id = writer_fixed(d->key.object_id, sizeof(d->key.object_id));
	write_bytes(&id, bytes_of(s->object.id, sizeof(s->object.id)));
	const struct kmsproto_call call = {.kind = KMSPROTO_DELIVER, .deliver = *d};
	*ret_why = "see that the KMS runs and can be reached: it is tried again";
	TRY(kmsclient_call(s->g->kms, s->a, &call, s->deadline_ms, ret));
	struct index_bucket sender = {.name = d->bucket, .number = d->bucket_number};
	bool of_sender = ret->newer.place == KMSPROTO_SENDER;
	if (ret->newer.place != KMSPROTO_NOWHERE) {
		resource_follow(s->g->index, s->a, of_sender ? &sender : &s->target, &ret->newer);
	}
	TRY(of_verdict(ret->verdict, ret_why));
	bool whole = ret->n_keys == 1 && ret->keys[0].dek != NULL && ret->keys[0].wrapped.n > 0;
	return whole ? OK : ERR_UNAVAILABLE;
}

/* As PutObject's: MD5 where SSE-S3 is asked for, else random. */
static enum err make_etag(struct sending *s, struct bytes text)
{
	struct checksum *md5 = NULL;
	uint8_t value[CHECKSUM_BYTES_MAX];
	size_t n = ETAG_BYTES;
	uint8_t *etag = arena_alloc(s->a, 2 * ETAG_BYTES + 2);
	if (etag == NULL) {
		return ERR_LIMIT;
	}
	random_bytes(value, sizeof(value));
	if (s->encryption.aes256) {
		TRY(checksum_new(CHECKSUM_MD5, &md5));
		enum err e = checksum_update(md5, text);
		e = e == OK ? checksum_final(md5, value, &n) : e;
		checksum_free(md5);
		TRY(e);
	}
	struct writer w = writer_fixed(etag, 2 * ETAG_BYTES + 2);
	hex_write(&w, bytes_of(value, n));
	if (!s->encryption.aes256) {
		write_text(&w, "-1");
	}
	s->object.etag = writer_bytes(&w);
	return writer_end(&w);
}

static enum err store(struct sending *s, const struct kmsproto_key_reply *key)
{
	const struct index_condition same = {.bucket = s->target.number};
	struct bytes text = writer_bytes(&s->page->text);
	struct vault_writer *w = NULL;
	bool no_bucket = false;
	TRY(make_etag(s, text));
	s->object.wrapped = key->wrapped;
	s->object.key_arn = key->arn;
	s->object.modified_ms = object_now_ms();
	TRY(vault_write_begin(s->g->vault, key->dek, s->deadline_ms, &w));
	enum err e = vault_write(w, text);
	if (e != OK) {
		vault_write_abort(w);
		return e;
	}
	return vault_write_object(w, s->a, &s->object, &same, &no_bucket);
}

static enum err send_page(struct sending *s, const char **ret_why)
{
	struct kmsproto_reply reply = {0};
	struct logging l;
	*ret_why = "the stored logging configuration cannot be read: put it anew";
	TRY(logging_read(s->a, s->page->document, &l, ret_why));
	TRY(find_target(s, l.bucket, ret_why));
	TRY(name_object(s, &l));
	enum err e = ask_for_key(s, &reply, ret_why);
	if (e == OK) {
		*ret_why = "see the lines before, and the room on the store";
		e = store(s, &reply.keys[0]);
	}
	kmsproto_replies_free(&reply, 1);
	return e;
}

enum err logsend_page(struct gateway *g, const struct logbook_page *page, uint64_t deadline_ms,
                      const char **ret_why)
{
	struct arena *a AUTO(arena_freep) = arena_new(ARENA_BYTES);
	struct sending s = {.g = g, .page = page, .deadline_ms = deadline_ms, .a = a};
	*ret_why = "see that the KMS runs and is unsealed: it is tried again";
	if (a == NULL) {
		return ERR_NOMEM;
	}
	TRY(gateway_unlock(g, deadline_ms));
	return send_page(&s, ret_why);
}
