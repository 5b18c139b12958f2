/* The way in: a batch of calls, encoder and decoder of each kind side by side. */
#include "common/kmsproto/kmsproto.h"

#include <string.h>

#include "common/kmsproto/wire.h"

void kmsproto_batch_begin(struct writer *w, const uint8_t nonce[KMSPROTO_NONCE_BYTES],
                          uint16_t count)
{
	if (count == 0 || count > KMSPROTO_CALLS_MAX) {
		w->full = true;
		return;
	}
	kmswire_head_write(w, KMSWIRE_BATCH_MAGIC, nonce, count);
}

/* --- one key operation of an access --- */

static void write_key_call(struct writer *w, const struct kmsproto_key_call *k)
{
	struct bytes wrapped = k->op == KMSPROTO_ISSUE ? (struct bytes){0} : k->wrapped;
	struct bytes kek = k->op == KMSPROTO_OPEN ? (struct bytes){0} : k->kek;

	write_u8(w, (uint8_t)k->op);
	write_u8(w, k->source ? KMSWIRE_FLAG_SOURCE : 0);
	kmswire_text(w, k->bucket, KMSPROTO_TEXT_MAX);
	kmswire_text(w, k->key, KMSPROTO_OBJECT_KEY_MAX);
	write_bytes(w, bytes_of(k->object_id, KMSPROTO_OBJECT_ID_BYTES));
	if (wrapped.n > KMSPROTO_WRAPPED_MAX) {
		w->full = true;
		return;
	}
	write_lv16(w, wrapped);
	kmswire_text(w, kek, KMSPROTO_TEXT_MAX);
}

static bool read_key_call(struct reader *r, struct kmsproto_key_call *k)
{
	uint8_t op = read_u8(r);
	uint8_t flags = read_u8(r);

	k->source = (flags & KMSWIRE_FLAG_SOURCE) != 0;
	k->bucket = kmswire_read_text(r, KMSPROTO_TEXT_MAX);
	k->key = kmswire_read_text(r, KMSPROTO_OBJECT_KEY_MAX);
	read_into(r, k->object_id, KMSPROTO_OBJECT_ID_BYTES);
	k->wrapped = read_lv16(r, KMSPROTO_WRAPPED_MAX);
	k->kek = kmswire_read_text(r, KMSPROTO_TEXT_MAX);
	if (r->bad || flags > KMSWIRE_FLAG_SOURCE || k->bucket.n == 0 || k->key.n == 0) {
		return false;
	}
	if (op == KMSPROTO_ISSUE) {
		k->op = KMSPROTO_ISSUE;
		return k->wrapped.n == 0;
	}
	k->op = op == KMSPROTO_REWRAP ? KMSPROTO_REWRAP : KMSPROTO_OPEN;
	return op == k->op && k->wrapped.n != 0 && (k->kek.n != 0) == (op == KMSPROTO_REWRAP);
}

/* --- access --- */

/* Of a form only the form travels: all else is derived from it on either side. */
static void write_form(struct writer *w, struct bytes form)
{
	for (size_t i = 0; i < KMSWIRE_EVIDENCE_TEXTS; i++) {
		kmswire_text(w, (struct bytes){0}, 0);
	}
	write_u64(w, 0);
	if (form.n > KMSPROTO_CANONICAL_MAX) {
		w->full = true;
		return;
	}
	write_lv32(w, form);
}

static void write_evidence(struct writer *w, const struct sigv4_evidence *e)
{
	write_u8(w, (uint8_t)e->kind);
	if (e->kind == SIGV4_FORM) {
		write_form(w, e->form);
		return;
	}
	kmswire_text(w, e->access_key, KMSWIRE_ACCESS_KEY_MAX);
	kmswire_text(w, e->amz_date, KMSWIRE_AMZ_DATE_MAX);
	kmswire_text(w, e->date, KMSWIRE_DATE_MAX);
	kmswire_text(w, e->region, KMSWIRE_SCOPE_WORD_MAX);
	kmswire_text(w, e->service, KMSWIRE_SCOPE_WORD_MAX);
	kmswire_text(w, e->signed_headers, KMSPROTO_SIGNED_HEADERS_MAX);
	kmswire_text(w, e->signature, SIGV4_SIGNATURE_HEX);
	write_u64(w, e->expires_s);
	if (e->canonical.n > KMSPROTO_CANONICAL_MAX) {
		w->full = true;
		return;
	}
	write_lv32(w, e->canonical);
}

static bool take_form(struct sigv4_evidence *e)
{
	bool alone = e->access_key.n == 0 && e->amz_date.n == 0 && e->date.n == 0 &&
	             e->region.n == 0 && e->service.n == 0 && e->signed_headers.n == 0 &&
	             e->signature.n == 0 && e->expires_s == 0;

	*e = (struct sigv4_evidence){.kind = SIGV4_FORM, .form = e->canonical};
	return alone && e->form.n > 0;
}

static bool read_evidence(struct reader *r, struct sigv4_evidence *e)
{
	uint8_t kind = read_u8(r);

	e->access_key = kmswire_read_text(r, KMSWIRE_ACCESS_KEY_MAX);
	e->amz_date = kmswire_read_text(r, KMSWIRE_AMZ_DATE_MAX);
	e->date = kmswire_read_text(r, KMSWIRE_DATE_MAX);
	e->region = kmswire_read_text(r, KMSWIRE_SCOPE_WORD_MAX);
	e->service = kmswire_read_text(r, KMSWIRE_SCOPE_WORD_MAX);
	e->signed_headers = kmswire_read_text(r, KMSPROTO_SIGNED_HEADERS_MAX);
	e->signature = kmswire_read_text(r, SIGV4_SIGNATURE_HEX);
	e->expires_s = read_u64(r);
	e->canonical = read_lv32(r, KMSPROTO_CANONICAL_MAX);
	switch (kind) {
	case SIGV4_ANONYMOUS:
		e->kind = SIGV4_ANONYMOUS;
		return e->access_key.n == 0 && e->signature.n == 0;
	case SIGV4_HEADER:
		e->kind = SIGV4_HEADER;
		break;
	case SIGV4_QUERY:
		e->kind = SIGV4_QUERY;
		break;
	case SIGV4_FORM:
		return take_form(e);
	default:
		return false;
	}
	return e->access_key.n != 0 && e->signature.n == SIGV4_SIGNATURE_HEX &&
	       e->amz_date.n == KMSWIRE_AMZ_DATE_MAX && e->date.n == KMSWIRE_DATE_MAX;
}

/* --- what stands between the caller and what he names --- */

static void write_document(struct writer *w, const struct kmsproto_document *d)
{
	if (d->text.n > KMSPROTO_DOCUMENT_MAX) {
		w->full = true;
		return;
	}
	write_u8(w, (uint8_t)d->kind);
	write_u64(w, d->order);
	write_lv32(w, d->text);
	write_bytes(w, bytes_of(d->stamp, sizeof(d->stamp)));
}

static void write_resource(struct writer *w, const struct kmsproto_resource *r)
{
	kmswire_text(w, r->tenant, KMSWIRE_TENANT_MAX);
	if (r->tenant.n == 0) {
		return;
	}
	write_u64(w, r->bucket_number);
	write_u8(w, r->flags);
	write_bytes(w, bytes_of(r->object_id, sizeof(r->object_id)));
	write_u8(w, (uint8_t)r->n_documents);
	for (size_t i = 0; i < r->n_documents; i++) {
		write_document(w, &r->documents[i]);
	}
	write_u8(w, (uint8_t)r->n_tags);
	for (size_t i = 0; i < r->n_tags; i++) {
		kmswire_text(w, r->tags[i].name, KMSPROTO_OBJECT_KEY_MAX);
		kmswire_text(w, r->tags[i].value, KMSPROTO_OBJECT_KEY_MAX);
	}
	w->full = w->full || r->n_documents > KMSPROTO_DOCUMENTS_MAX ||
	          r->n_tags > KMSPROTO_TAGS_MAX;
}

static bool read_document(struct reader *r, struct kmsproto_resource *resource)
{
	struct kmsproto_document *d = &resource->documents[resource->n_documents++];
	uint8_t kind = read_u8(r);

	d->order = read_u64(r);
	d->text = read_lv32(r, KMSPROTO_DOCUMENT_MAX);
	read_into(r, d->stamp, sizeof(d->stamp));
	if (r->bad || kind < KMSPROTO_BUCKET_POLICY || kind > KMSPROTO_OBJECT_ACL) {
		return false;
	}
	d->kind = (enum kmsproto_document_kind)kind;
	for (size_t i = 0; i + 1 < resource->n_documents; i++) {
		if (resource->documents[i].kind == d->kind) {
			return false;
		}
	}
	return true;
}

static enum err read_tags(struct arena *a, struct reader *r, struct kmsproto_resource *resource)
{
	size_t n = read_u8(r);

	if (r->bad || n > KMSPROTO_TAGS_MAX) {
		return ERR_INPUT;
	}
	struct field *tags = arena_alloc(a, n * sizeof(*tags));
	if (tags == NULL) {
		return ERR_LIMIT;
	}
	for (size_t i = 0; i < n; i++) {
		tags[i].name = kmswire_read_text(r, KMSPROTO_OBJECT_KEY_MAX);
		tags[i].value = kmswire_read_text(r, KMSPROTO_OBJECT_KEY_MAX);
	}
	resource->tags = tags;
	resource->n_tags = n;
	return r->bad ? ERR_INPUT : OK;
}

static enum err read_resource(struct arena *a, struct reader *r, struct kmsproto_resource *ret)
{
	ret->tenant = kmswire_read_text(r, KMSWIRE_TENANT_MAX);
	if (r->bad || ret->tenant.n == 0) {
		return r->bad ? ERR_INPUT : OK;
	}
	ret->bucket_number = read_u64(r);
	ret->flags = read_u8(r);
	read_into(r, ret->object_id, sizeof(ret->object_id));
	size_t n = read_u8(r);
	if (r->bad || ret->tenant.n != KMSWIRE_TENANT_MAX || n > KMSPROTO_DOCUMENTS_MAX ||
	    (ret->flags & ~KMSPROTO_FLAGS_ALL) != 0) {
		return ERR_INPUT;
	}
	for (size_t i = 0; i < n; i++) {
		if (!read_document(r, ret)) {
			return ERR_INPUT;
		}
	}
	return read_tags(a, r, ret);
}

static void write_access(struct writer *w, const struct kmsproto_access *access)
{
	write_bytes(w, bytes_of(access->request_id, sizeof(access->request_id)));
	kmswire_text(w, access->source, KMSWIRE_SOURCE_MAX);
	kmswire_text(w, bytes_first(access->agent, KMSPROTO_TEXT_MAX), KMSPROTO_TEXT_MAX);
	kmswire_text(w, bytes_first(access->referer, KMSPROTO_REFERER_MAX), KMSPROTO_REFERER_MAX);
	write_u8(w, access->secure ? 1 : 0);
	write_evidence(w, &access->evidence);
	write_resource(w, &access->target);
	write_resource(w, &access->copy_source);
	kmswire_text(w, access->item, KMSPROTO_OBJECT_KEY_MAX);
	write_u8(w, access->item_version ? 1 : 0);
	write_u8(w, access->has_document ? 1 : 0);
	if (access->has_document) {
		w->full = w->full || access->body.n > KMSPROTO_BODY_MAX;
		write_lv32(w, access->body);
	}
	if (access->n_keys > KMSPROTO_KEYS_MAX) {
		w->full = true;
		return;
	}
	write_u8(w, (uint8_t)access->n_keys);
	for (size_t i = 0; i < access->n_keys; i++) {
		write_key_call(w, &access->keys[i]);
	}
}

static bool read_flag(struct reader *r)
{
	uint8_t flag = read_u8(r);

	r->bad = r->bad || flag > 1;
	return flag == 1;
}

static bool read_request(struct reader *r, struct kmsproto_access *access)
{
	read_into(r, access->request_id, sizeof(access->request_id));
	access->source = kmswire_read_text(r, KMSWIRE_SOURCE_MAX);
	access->agent = kmswire_read_text(r, KMSPROTO_TEXT_MAX);
	access->referer = kmswire_read_text(r, KMSPROTO_REFERER_MAX);
	access->secure = read_flag(r);
	return read_evidence(r, &access->evidence) && !r->bad;
}

static enum err read_access(struct arena *a, struct reader *r, struct kmsproto_access *access)
{
	if (!read_request(r, access)) {
		return ERR_INPUT;
	}
	TRY(read_resource(a, r, &access->target));
	TRY(read_resource(a, r, &access->copy_source));
	access->item = kmswire_read_text(r, KMSPROTO_OBJECT_KEY_MAX);
	access->item_version = read_flag(r);
	access->has_document = read_flag(r);
	if (access->has_document) {
		access->body = read_lv32(r, KMSPROTO_BODY_MAX);
	}
	size_t n = read_u8(r);
	if (r->bad || n > KMSPROTO_KEYS_MAX) {
		return ERR_INPUT;
	}
	for (size_t i = 0; i < n; i++) {
		if (!read_key_call(r, &access->keys[i])) {
			return ERR_INPUT;
		}
	}
	access->n_keys = n;
	return OK;
}

/* --- chunk signatures --- */

static void write_chunks(struct writer *w, const struct kmsproto_chunks *c)
{
	if (c->n_chunks == 0 || c->n_chunks > KMSPROTO_CHUNKS_MAX) {
		w->full = true;
		return;
	}
	write_bytes(w, bytes_of(c->request_id, sizeof(c->request_id)));
	kmswire_text(w, c->access_key, KMSWIRE_ACCESS_KEY_MAX);
	kmswire_text(w, c->amz_date, KMSWIRE_AMZ_DATE_MAX);
	kmswire_text(w, c->date, KMSWIRE_DATE_MAX);
	kmswire_text(w, c->region, KMSWIRE_SCOPE_WORD_MAX);
	kmswire_text(w, c->service, KMSWIRE_SCOPE_WORD_MAX);
	write_bytes(w, bytes_of(c->previous, sizeof(c->previous)));
	write_u16(w, (uint16_t)c->n_chunks);
	for (size_t i = 0; i < c->n_chunks; i++) {
		write_bytes(w, bytes_of(c->chunks[i].hash, sizeof(c->chunks[i].hash)));
		write_bytes(w, bytes_of(c->chunks[i].signature, sizeof(c->chunks[i].signature)));
		write_u8(w, c->chunks[i].trailer ? 1 : 0);
	}
}

static enum err read_chunk_list(struct arena *a, struct reader *r, size_t n,
                                struct kmsproto_chunks *c)
{
	/* The bytes are there before the memory is taken: a short batch cannot ask for much. */
	if (r->bad || n == 0 || n > KMSPROTO_CHUNKS_MAX || r->left != n * KMSWIRE_CHUNK_BYTES) {
		return ERR_INPUT;
	}
	struct sigv4_chunk *chunks = arena_alloc(a, n * sizeof(*chunks));
	if (chunks == NULL) {
		return ERR_LIMIT;
	}
	for (size_t i = 0; i < n; i++) {
		read_into(r, chunks[i].hash, sizeof(chunks[i].hash));
		read_into(r, (uint8_t *)chunks[i].signature, sizeof(chunks[i].signature));
		uint8_t trailer = read_u8(r);
		if (trailer > 1) {
			return ERR_INPUT;
		}
		chunks[i].trailer = trailer == 1;
	}
	c->chunks = chunks;
	c->n_chunks = n;
	return OK;
}

static enum err read_chunks(struct arena *a, struct reader *r, struct kmsproto_chunks *c)
{
	read_into(r, c->request_id, sizeof(c->request_id));
	c->access_key = kmswire_read_text(r, KMSWIRE_ACCESS_KEY_MAX);
	c->amz_date = kmswire_read_text(r, KMSWIRE_AMZ_DATE_MAX);
	c->date = kmswire_read_text(r, KMSWIRE_DATE_MAX);
	c->region = kmswire_read_text(r, KMSWIRE_SCOPE_WORD_MAX);
	c->service = kmswire_read_text(r, KMSWIRE_SCOPE_WORD_MAX);
	read_into(r, (uint8_t *)c->previous, sizeof(c->previous));
	size_t n = read_u16(r);
	if (c->access_key.n == 0 || c->amz_date.n != KMSWIRE_AMZ_DATE_MAX ||
	    c->date.n != KMSWIRE_DATE_MAX) {
		return ERR_INPUT;
	}
	return read_chunk_list(a, r, n, c);
}

/* --- deliveries of logs --- */

static void write_deliver(struct writer *w, const struct kmsproto_deliver *d)
{
	write_bytes(w, bytes_of(d->request_id, sizeof(d->request_id)));
	kmswire_text(w, d->tenant, KMSWIRE_TENANT_MAX);
	kmswire_text(w, d->bucket, KMSPROTO_TEXT_MAX);
	write_u64(w, d->bucket_number);
	w->full = w->full || d->document.n > KMSPROTO_DOCUMENT_MAX;
	write_lv32(w, d->document);
	write_resource(w, &d->target);
	write_key_call(w, &d->key);
}

static enum err read_deliver(struct arena *a, struct reader *r, struct kmsproto_deliver *d)
{
	read_into(r, d->request_id, sizeof(d->request_id));
	d->tenant = kmswire_read_text(r, KMSWIRE_TENANT_MAX);
	d->bucket = kmswire_read_text(r, KMSPROTO_TEXT_MAX);
	d->bucket_number = read_u64(r);
	d->document = read_lv32(r, KMSPROTO_DOCUMENT_MAX);
	TRY(read_resource(a, r, &d->target));
	bool good = read_key_call(r, &d->key) && d->key.op == KMSPROTO_ISSUE && !d->key.source;
	return good && d->tenant.n == KMSWIRE_TENANT_MAX && d->target.tenant.n > 0 ? OK : ERR_INPUT;
}

/* --- calls --- */

void kmsproto_call_write(struct writer *w, const struct kmsproto_call *call)
{
	write_u8(w, (uint8_t)call->kind);
	size_t at = kmswire_begin(w);

	switch (call->kind) {
	case KMSPROTO_INDEX_KEY:
		break;
	case KMSPROTO_ACCESS:
		write_access(w, &call->access);
		break;
	case KMSPROTO_CHUNKS:
		write_chunks(w, &call->chunks);
		break;
	case KMSPROTO_DELIVER:
		write_deliver(w, &call->deliver);
		break;
	}
	kmswire_end(w, at);
}

static enum err read_call(struct arena *a, struct reader *batch, struct kmsproto_call *call)
{
	uint8_t kind = read_u8(batch);
	struct reader r = reader_of(read_lv32(batch, KMSPROTO_BATCH_MAX));

	if (batch->bad) {
		return ERR_INPUT;
	}
	switch (kind) {
	case KMSPROTO_INDEX_KEY:
		call->kind = KMSPROTO_INDEX_KEY;
		break;
	case KMSPROTO_ACCESS:
		call->kind = KMSPROTO_ACCESS;
		TRY(read_access(a, &r, &call->access));
		break;
	case KMSPROTO_CHUNKS:
		call->kind = KMSPROTO_CHUNKS;
		TRY(read_chunks(a, &r, &call->chunks));
		break;
	case KMSPROTO_DELIVER:
		call->kind = KMSPROTO_DELIVER;
		TRY(read_deliver(a, &r, &call->deliver));
		break;
	default:
		return ERR_INPUT;
	}
	return read_end(&r);
}

enum err kmsproto_batch_read(struct arena *a, struct bytes body, struct kmsproto_batch *ret)
{
	struct kmsproto_batch batch = {0};
	struct reader r = reader_of(body);
	uint16_t count = 0;

	if (body.n > KMSPROTO_BATCH_MAX) {
		return ERR_LIMIT;
	}
	if (!kmswire_head(&r, KMSWIRE_BATCH_MAGIC, batch.nonce, &count) || count == 0 ||
	    r.left / KMSWIRE_CALL_HEAD_BYTES < count) {
		return ERR_INPUT;
	}
	if (count > KMSPROTO_CALLS_MAX) {
		return ERR_LIMIT;
	}
	batch.n = count;
	batch.calls = arena_alloc(a, count * sizeof(*batch.calls));
	if (batch.calls == NULL) {
		return ERR_LIMIT;
	}
	for (size_t i = 0; i < batch.n; i++) {
		TRY(read_call(a, &r, &batch.calls[i]));
	}
	TRY(read_end(&r));
	*ret = batch;
	return OK;
}
