#include "server/kms/access.h"

#include <string.h>

#include "common/base/attr.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/codec/hex.h"
#include "common/crypto/hash.h"
#include "common/crypto/wrap.h"
#include "common/logfmt/token.h"
#include "server/kms/deciding.h"
#include "server/kms/form.h"

enum { CONTEXT_MAX = 2048 };

enum kmsproto_verdict deciding_fault(enum err e, const char *where)
{
	LOG(LOG_ERROR, "access.fault", LOG_STR("where", where), LOG_ERR(e),
	    LOG_STR("do", "see the lines before; the call was refused"));
	return KMSPROTO_UNAVAILABLE;
}

enum kmsproto_verdict deciding_bad_call(struct deciding *d, const char *why)
{
	d->entry.detail = bytes_text(why);
	LOG(LOG_WARN, "access.bad_call", LOG_BYTES("gateway", gateways_name(d->gateway)),
	    LOG_STR("why", why),
	    LOG_STR("do", "find out why this gateway asks for what no user signed"));
	return KMSPROTO_BAD_CALL;
}

/* --- who --- */

static struct bytes kept(struct arena *a, struct bytes b)
{
	return b.n == 0 ? (struct bytes){0} : arena_copy(a, b);
}

static bool tell_principal(struct deciding *d)
{
	struct kmsproto_principal *to = &d->reply->principal;
	const struct principal *p = d->principal;

	to->tenant = kept(d->out, p->tenant);
	to->tenant_name = kept(d->out, p->tenant_name);
	to->canonical_id = kept(d->out, p->canonical_id);
	to->display_name = kept(d->out, p->display_name);
	to->user = kept(d->out, p->user);
	to->arn = kept(d->out, p->arn);
	return to->arn.p != NULL && to->tenant.p != NULL;
}

static enum kmsproto_verdict find_principal(struct deciding *d)
{
	enum err e = identity_find(d->k, d->in->evidence.access_key, &d->principal);

	if (e == ERR_NOTFOUND) {
		return KMSPROTO_NO_ACCESS_KEY;
	}
	if (e != OK) {
		return deciding_fault(e, "principal");
	}
	return KMSPROTO_OK;
}

enum err deciding_tenant(struct deciding *d, struct bytes number, struct record_tenant *ret)
{
	const struct principal *p = d->principal;
	struct bytes plain;

	if (p != NULL && bytes_equal(p->tenant, number)) {
		*ret = (struct record_tenant){
			.number = p->tenant,
			.name = p->tenant_name,
			.display_name = p->display_name,
			.canonical_id = p->canonical_id,
		};
		memcpy(ret->default_key, p->default_key, sizeof(ret->default_key));
		return OK;
	}
	TRY(keystore_get(d->k->store, d->k->scratch, KEYSTORE_TENANTS, number, &plain));
	return record_tenant_read(plain, ret);
}

/*
 * The tenant whose entry this is: the bucket's owner, for it is his data; without a bucket, the caller's. Its token key hides
 * the names.
 */
static enum kmsproto_verdict name_things(struct deciding *d)
{
	struct bytes tenant = d->in->target.tenant;
	struct record_tenant owner;

	if (tenant.n == 0 && d->principal == NULL) {
		return KMSPROTO_OK;
	}
	d->entry.tenant = tenant.n > 0 ? tenant : d->principal->tenant;
	enum err e = deciding_tenant(d, d->entry.tenant, &owner);
	if (e == ERR_NOTFOUND) {
		d->entry.tenant = (struct bytes){0};
		return deciding_bad_call(d, "a bucket of a tenant that does not exist");
	}
	if (e == OK) {
		e = tokens_key(d->k, d->entry.tenant, d->period, &d->token_key);
	}
	if (e != OK) {
		return deciding_fault(e, "token key");
	}
	d->entry.period = bytes_of(d->period, sizeof(d->period));
	if (d->evidence.target.bucket.n > 0) {
		e = token_bucket(d->token_key, d->evidence.target.bucket, d->entry.bucket_token);
	}
	return e == OK ? KMSPROTO_OK : deciding_fault(e, "bucket token");
}

/* From here on the form is the PUT that it stands for. */
static enum err read_form(struct deciding *d)
{
	enum post_fault fault;

	TRY(post_read(d->k->scratch, d->in->evidence.form, &d->form, &fault));
	if (d->form.signature == POST_UNSIGNED) {
		return ERR_INPUT; /* comes as the anonymous PUT that it is */
	}
	d->put = *d->in;
	d->put.evidence = d->form.evidence;
	d->in = &d->put;
	d->entry.access_key = d->in->evidence.access_key;
	return OK;
}

static enum kmsproto_verdict check_form(struct deciding *d)
{
	const char *why;
	enum kmsproto_verdict v = form_judge(d->k, &d->form, d->principal, d->now_ms, &why);

	if (v == KMSPROTO_UNAVAILABLE) {
		return deciding_fault(ERR_NOMEM, "form");
	}
	if (v == KMSPROTO_BAD_CALL) {
		return deciding_bad_call(d, why);
	}
	d->entry.detail = bytes_text(why);
	return v;
}

static enum kmsproto_verdict check_signature(struct deciding *d)
{
	if (d->in->evidence.kind == SIGV4_FORM) {
		return check_form(d);
	}
	struct sigv4_evidence e = d->in->evidence;
	const struct secret *signing_key;
	bool expired = false;

	e.expires_s = d->evidence.expires_s; /* what the user signed, whatever the gateway says */
	if (identity_signing_key(d->principal, e.date, e.region, e.service, &signing_key) != OK) {
		return deciding_fault(ERR_NOMEM, "signing key");
	}
	switch (sigv4_verify(d->k->scratch, &e, signing_key, d->now_ms, &expired)) {
	case OK:
		return KMSPROTO_OK;
	case ERR_AUTH:
		return KMSPROTO_BAD_SIGNATURE;
	case ERR_TIMEOUT:
		return expired ? KMSPROTO_EXPIRED : KMSPROTO_SKEWED;
	case ERR_INPUT:
		return deciding_bad_call(d, "evidence contradicts the canonical request");
	case ERR_NOMEM:
	case ERR_LIMIT:
	case ERR_DENIED:
	case ERR_NOTFOUND:
	case ERR_EXISTS:
	case ERR_CONFLICT:
	case ERR_CORRUPT:
	case ERR_IO:
	case ERR_FULL:
	case ERR_UNAVAILABLE:
	case ERR_CANCELLED:
		break;
	}
	return deciding_fault(ERR_LIMIT, "signature");
}

static enum kmsproto_verdict admit_anonymous(struct deciding *d)
{
	enum kmsproto_verdict v = name_things(d);

	if (v == KMSPROTO_OK && !d->k->config->anonymous) {
		d->entry.detail = BYTES("this service gives nothing without a signature");
		return KMSPROTO_DENIED;
	}
	return v;
}

static enum kmsproto_verdict authenticate(struct deciding *d)
{
	if (d->in->evidence.kind == SIGV4_FORM && read_form(d) != OK) {
		return deciding_bad_call(d, "the form cannot be read");
	}
	const struct sigv4_evidence *e = &d->in->evidence;

	if (evidence_read(d->k->scratch, e->canonical, gateways_domains(d->gateway),
	                  &d->evidence) != OK) {
		return e->kind == SIGV4_ANONYMOUS
		               ? KMSPROTO_DENIED
		               : deciding_bad_call(d, "the canonical request cannot be read");
	}
	struct writer w = writer_fixed(d->op, sizeof(d->op));
	write_text(&w, "s3:");
	write_text(&w, s3op_name(d->evidence.target.op));
	d->entry.op = writer_bytes(&w);
	if (e->kind == SIGV4_ANONYMOUS) {
		return admit_anonymous(d);
	}
	if (!bytes_is(e->service, "s3")) {
		return deciding_bad_call(d, "a signature for another service");
	}
	enum kmsproto_verdict v = find_principal(d);
	if (v == KMSPROTO_OK) {
		v = name_things(d);
	}
	if (v != KMSPROTO_OK) {
		return v;
	}
	if (!d->principal->enabled) {
		d->entry.detail = BYTES("access key or user is disabled");
		return KMSPROTO_NO_ACCESS_KEY;
	}
	v = check_signature(d);
	if (v != KMSPROTO_OK) {
		return v;
	}
	d->entry.principal = d->principal->arn;
	if (!tell_principal(d)) {
		return deciding_fault(ERR_LIMIT, "principal");
	}
	if (d->principal->expires_ms != 0 && d->now_ms >= d->principal->expires_ms) {
		d->entry.detail = BYTES("the right has expired");
		return KMSPROTO_DENIED;
	}
	return KMSPROTO_OK;
}

/* --- keys --- */

/* Whose KEK: the bucket's owner's, also when somebody else writes or reads there; authorize() has let him. */
static enum kmsproto_verdict kek_owner(struct deciding *d, const struct kmsproto_key_call *call,
                                       struct record_tenant *ret)
{
	const struct side *s = call->source ? &d->source : &d->target;

	if (s->resource->tenant.n > 0) {
		*ret = s->owner;
		return KMSPROTO_OK;
	}
	if (d->principal == NULL) {
		return KMSPROTO_DENIED;
	}
	enum err e = deciding_tenant(d, d->principal->tenant, ret);
	return e == OK ? KMSPROTO_OK : deciding_fault(e, "tenant");
}

/* The KEK that a call names, of the owner and usable. */
static enum kmsproto_verdict find_kek(struct deciding *d, const struct kmsproto_key_call *call,
                                      const struct kek **ret)
{
	struct wrap_name name = {0};
	struct record_tenant owner;
	enum err e = OK;
	enum kmsproto_verdict v = kek_owner(d, call, &owner);

	if (v != KMSPROTO_OK) {
		return v;
	}
	if (call->op == KMSPROTO_OPEN) {
		if (wrap_peek(call->wrapped, &name) != OK || name.version == 0) {
			return KMSPROTO_WRONG_KEY;
		}
	} else if (call->kek.n == 0) {
		memcpy(name.id, owner.default_key, sizeof(name.id));
	} else {
		e = keyring_resolve(d->k, owner.number, call->kek, name.id);
	}
	if (e == OK) {
		e = keyring_get(d->k, name.id, name.version, ret);
	}
	if (e == ERR_NOTFOUND) {
		return KMSPROTO_NO_SUCH_KEY;
	}
	if (e == ERR_DENIED) {
		return KMSPROTO_DENIED;
	}
	if (e != OK) {
		return deciding_fault(e, "key");
	}
	if (!bytes_equal(bytes_of((*ret)->tenant, sizeof((*ret)->tenant)), owner.number)) {
		d->entry.detail = BYTES("a key of another tenant");
		return KMSPROTO_DENIED;
	}
	return (*ret)->state == RECORD_KEY_ENABLED ? KMSPROTO_OK : KMSPROTO_KEY_DISABLED;
}

static enum err use_kek(struct deciding *d, const struct kek *kek,
                        const struct kmsproto_key_call *call, struct kmsproto_key_reply *reply)
{
	uint8_t text[CONTEXT_MAX];
	struct writer w = writer_fixed(text, sizeof(text));
	struct bytes wrapped = call->wrapped;
	struct bytes writer = call->op == KMSPROTO_ISSUE ? d->stranger : stranger_split(&wrapped);

	kmsproto_context(&w, call->bucket, call->key, call->object_id, writer);
	TRY(writer_end(&w));
	struct bytes context = writer_bytes(&w);
	if (call->op == KMSPROTO_OPEN) {
		return keyring_open(kek, context, wrapped, &reply->dek);
	}
	if (call->op == KMSPROTO_REWRAP) {
		TRY(keyring_wrap(kek, context, reply->dek, d->k->scratch, &wrapped));
	} else {
		TRY(keyring_issue(kek, context, d->k->scratch, &wrapped, &reply->dek));
	}
	const struct bytes parts[] = {wrapped, writer};
	reply->wrapped = arena_join(d->out, parts, COUNT(parts));
	return reply->wrapped.p == NULL ? ERR_LIMIT : OK;
}

static enum err describe_key(struct deciding *d, const struct kek *kek,
                             const struct kmsproto_key_call *call, struct bytes wrapped,
                             struct logfmt_key *ret)
{
	ret->use = call->op == KMSPROTO_OPEN ? LOGFMT_OPENED : LOGFMT_ISSUED;
	memcpy(ret->key_id, kek->id, sizeof(ret->key_id));
	ret->key_version = kek->version;
	TRY(hash_sha256(wrapped, ret->wrapped_digest));
	return token_object(d->token_key, call->bucket, call->key,
	                    bytes_of(call->object_id, KMSPROTO_OBJECT_ID_BYTES),
	                    ret->object_token);
}

/* One use of one KEK, noted in the entry. */
static enum kmsproto_verdict use_key(struct deciding *d, const struct kmsproto_key_call *call,
                                     struct kmsproto_key_reply *reply)
{
	const struct kek *kek;
	enum kmsproto_verdict v = find_kek(d, call, &kek);

	if (v != KMSPROTO_OK) {
		return v;
	}
	enum err e = use_kek(d, kek, call, reply);
	if (e == ERR_CORRUPT) {
		return KMSPROTO_WRONG_KEY;
	}
	struct bytes wrapped = call->op == KMSPROTO_OPEN ? call->wrapped : reply->wrapped;
	if (e == OK) {
		e = describe_key(d, kek, call, wrapped, &d->entry.keys[d->entry.n_keys]);
	}
	if (e == OK) {
		reply->arn = arena_copy(d->out, bytes_of(kek->arn, kek->arn_bytes));
		e = reply->arn.p == NULL ? ERR_LIMIT : OK;
	}
	if (e != OK) {
		return deciding_fault(e, "data key");
	}
	d->entry.n_keys++;
	return KMSPROTO_OK;
}

/* Rights were judged by one version, which is there; no other one's key is released on that. A part's is named by its upload. */
static bool is_judged(const struct deciding *d, const struct kmsproto_key_call *call)
{
	const struct kmsproto_resource *judged = call->source ? &d->in->copy_source
	                                                      : &d->in->target;
	bool upload = !call->source && d->evidence.upload_id.n > 0;

	if (call->op == KMSPROTO_ISSUE || upload || judged->tenant.n == 0) {
		return true;
	}
	return (judged->flags & KMSPROTO_MISSING) == 0 &&
	       memcmp(judged->object_id, call->object_id, KMSPROTO_OBJECT_ID_BYTES) == 0;
}

static enum kmsproto_verdict decide_key(struct deciding *d, size_t i)
{
	const struct kmsproto_key_call *call = &d->in->keys[i];
	struct kmsproto_key_reply *reply = &d->reply->keys[i];
	const char *why = evidence_allows(&d->evidence, call);
	enum kmsproto_verdict v = KMSPROTO_OK;

	if (why == NULL && !is_judged(d, call)) {
		why = "another object than the one whose rights were judged";
	}
	if (why != NULL) {
		return deciding_bad_call(d, why);
	}
	v = stranger_check(d, call);
	reply->rewrapped = call->op == KMSPROTO_REWRAP;
	if (v == KMSPROTO_OK && reply->rewrapped) {
		struct kmsproto_key_call old = *call;
		old.op = KMSPROTO_OPEN;
		v = use_key(d, &old, reply);
	}
	if (v == KMSPROTO_OK) {
		v = use_key(d, call, reply);
	}
	if (reply->rewrapped) {
		reply->dek = secret_free(reply->dek); /* it stays here */
	}
	d->reply->n_keys = i + 1;
	return v;
}

static enum kmsproto_verdict decide(struct deciding *d)
{
	enum kmsproto_verdict v = authenticate(d);

	d->stranger = stranger_of(d);
	if (v == KMSPROTO_OK) {
		v = authorize(d);
	}
	for (size_t i = 0; i < d->in->n_keys && v == KMSPROTO_OK; i++) {
		v = decide_key(d, i);
	}
	return v == KMSPROTO_OK ? documents_make(d) : v;
}

/* --- verdicts and entries --- */

static void refuse(struct kmsproto_reply *reply, enum kmsproto_verdict v)
{
	kmsproto_replies_free(reply, 1);
	reply->n_keys = 0;
	reply->document = (struct bytes){0};
	reply->by_acl = false;
	reply->verdict = v;
	if (v == KMSPROTO_UNAVAILABLE) {
		reply->principal = (struct kmsproto_principal){0}; /* no entry, so nothing is told */
	}
}

/* The entry decides: when it cannot be written, the verdict is UNAVAILABLE. */
static void conclude(struct kms *k, struct logfmt_entry *entry, enum kmsproto_verdict v,
                     struct kmsproto_reply *reply)
{
	reply->verdict = v;
	if (v != KMSPROTO_OK) {
		refuse(reply, v);
		entry->n_keys = 0;
		entry->basis = (struct bytes){0};
	}
	if (v == KMSPROTO_UNAVAILABLE) {
		return;
	}
	entry->result = bytes_text(kmsproto_verdict_name(v));
	if (kms_append(k, entry) != OK) {
		refuse(reply, KMSPROTO_UNAVAILABLE);
		return;
	}
	reply->log_index = entry->seq;
	for (size_t i = 0; i < entry->n_keys; i++) {
		metrics_count(entry->keys[i].use == LOGFMT_ISSUED ? &k->metrics.keys_issued
		                                                  : &k->metrics.keys_opened);
	}
}

/* As every change of the key store: only when the log tells of it durably. The entry's place gives changes their order. */
static enum err put_on_record(struct deciding *d)
{
	struct keystore_changes changes;

	d->record.order = d->entry.seq;
	keystore_changes_begin(&changes, d->k->scratch);
	TRY(shares_record(d->k, &changes, &d->record));
	TRY(kms_sync(d->k));
	return keystore_apply(d->k->store, &changes);
}

void deciding_newer(struct deciding *d, enum kmsproto_place place, enum kmsproto_document_kind kind,
                    const struct share_current *current)
{
	if (d->newer.place == KMSPROTO_NOWHERE) {
		d->newer = (struct kmsproto_newer){place, kind, current->order, current->text};
	}
}

/* Beside another document there is no room in the answer: the next request is told. */
static void tell_newer(struct deciding *d)
{
	if (d->newer.place == KMSPROTO_NOWHERE || d->reply->document.n > 0) {
		return;
	}
	struct bytes text = kept(d->out, d->newer.text);
	if (text.n == d->newer.text.n) {
		d->reply->newer = d->newer;
		d->reply->newer.text = text;
	}
}

static void decide_access(struct kms *k, const struct gateway *g,
                          const struct kmsproto_access *in, struct arena *a,
                          struct kmsproto_reply *ret)
{
	struct deciding d = {.k = k, .gateway = g, .in = in, .out = a, .reply = ret};

	d.now_ms = clock_real_ms();
	tokens_period(d.now_ms, d.period);
	d.entry.event = LOGFMT_ACCESS;
	memcpy(d.entry.request_id, in->request_id, sizeof(d.entry.request_id));
	d.entry.gateway = gateways_name(g);
	d.entry.access_key = in->evidence.access_key;
	d.entry.source = in->source;
	d.entry.agent = in->agent;
	conclude(k, &d.entry, decide(&d), ret);
	if (ret->verdict != KMSPROTO_OK) {
		return; /* a bucket's documents are told to whom a user of it came */
	}
	if (d.record.bucket.tenant.n == 0) {
		tell_newer(&d);
	} else if (put_on_record(&d) != OK) {
		refuse(ret, KMSPROTO_UNAVAILABLE);
	}
}

static enum kmsproto_verdict decide_log(struct deciding *d, const struct kmsproto_deliver *in)
{
	enum kmsproto_verdict v = name_things(d);

	if (v == KMSPROTO_OK) {
		v = deliver_judge(d, in);
	}
	if (v == KMSPROTO_OK) {
		v = use_key(d, &in->key, &d->reply->keys[0]);
		d->reply->n_keys = 1;
	}
	return v;
}

/* An access without a caller: the owner's word, given before. The log object is its target. */
static void decide_deliver(struct kms *k, const struct gateway *g,
                           const struct kmsproto_deliver *in, struct arena *a,
                           struct kmsproto_reply *ret)
{
	const struct kmsproto_access access = {.target = in->target};
	struct deciding d = {.k = k, .gateway = g, .in = &access, .out = a, .reply = ret};

	d.now_ms = clock_real_ms();
	tokens_period(d.now_ms, d.period);
	d.evidence.target = (struct s3op_target){.bucket = in->key.bucket, .key = in->key.key};
	d.entry.event = LOGFMT_ACCESS;
	d.entry.op = BYTES("s3:DeliverLog");
	memcpy(d.entry.request_id, in->request_id, sizeof(d.entry.request_id));
	d.entry.gateway = gateways_name(g);
	conclude(k, &d.entry, decide_log(&d, in), ret);
	if (ret->verdict != KMSPROTO_UNAVAILABLE) {
		tell_newer(&d);
	}
}

static void decide_index_key(struct kms *k, const struct gateway *g, struct kmsproto_reply *ret)
{
	struct logfmt_entry entry = {.event = LOGFMT_INDEX_KEY, .gateway = gateways_name(g)};
	enum kmsproto_verdict v = KMSPROTO_OK;

	ret->index_key = secret_copy(g->index_key);
	if (ret->index_key == NULL) {
		v = deciding_fault(ERR_NOMEM, "index key");
	}
	conclude(k, &entry, v, ret);
}

/* --- chunk signatures --- */

static enum kmsproto_verdict check_chunks(struct kms *k, const struct kmsproto_chunks *in,
                                          struct principal *p)
{
	const struct sigv4_evidence e = {
		.date = in->date, .region = in->region, .service = in->service,
	};
	const struct secret *signing_key;
	char previous[SIGV4_SIGNATURE_HEX];
	struct bytes scope;

	if (!p->enabled) {
		return KMSPROTO_NO_ACCESS_KEY;
	}
	if (identity_signing_key(p, in->date, in->region, in->service, &signing_key) != OK ||
	    sigv4_scope(k->scratch, &e, &scope) != OK) {
		return deciding_fault(ERR_NOMEM, "chunks");
	}
	memcpy(previous, in->previous, sizeof(previous));
	enum err verdict = sigv4_chunks_verify(signing_key, in->amz_date, scope, previous,
	                                       in->chunks, in->n_chunks);
	if (verdict == ERR_AUTH || verdict == ERR_INPUT) {
		return KMSPROTO_BAD_SIGNATURE;
	}
	return verdict == OK ? KMSPROTO_OK : deciding_fault(verdict, "chunks");
}

static void decide_chunks(struct kms *k, const struct gateway *g,
                          const struct kmsproto_chunks *in, struct kmsproto_reply *ret)
{
	struct logfmt_entry entry = {.event = LOGFMT_CHUNKS};
	struct principal *p = NULL;
	enum err e = identity_find(k, in->access_key, &p);
	enum kmsproto_verdict v;

	memcpy(entry.request_id, in->request_id, sizeof(entry.request_id));
	entry.gateway = gateways_name(g);
	entry.access_key = in->access_key;
	if (e == OK) {
		entry.tenant = p->tenant;
		v = check_chunks(k, in, p);
	} else {
		v = e == ERR_NOTFOUND ? KMSPROTO_NO_ACCESS_KEY : deciding_fault(e, "principal");
	}
	if (v == KMSPROTO_OK) {
		ret->verdict = KMSPROTO_OK; /* belongs to the entry of its access */
		return;
	}
	conclude(k, &entry, v, ret);
}

/* --- the kinds --- */

static void begin_reply(const struct kmsproto_call *call, struct kmsproto_reply *ret)
{
	*ret = (struct kmsproto_reply){
		.kind = call->kind,
		.verdict = KMSPROTO_UNAVAILABLE,
		.log_index = KMSPROTO_NO_LOG_INDEX,
	};
}

void access_sealed(const struct kmsproto_call *call, struct kmsproto_reply *ret)
{
	begin_reply(call, ret);
	ret->verdict = KMSPROTO_SEALED;
}

void access_decide(struct kms *k, const struct gateway *g, const struct kmsproto_call *call,
                   struct arena *a, struct kmsproto_reply *ret)
{
	arena_reset(k->scratch);
	begin_reply(call, ret);
	switch (call->kind) {
	case KMSPROTO_INDEX_KEY:
		decide_index_key(k, g, ret);
		break;
	case KMSPROTO_ACCESS:
		decide_access(k, g, &call->access, a, ret);
		break;
	case KMSPROTO_CHUNKS:
		decide_chunks(k, g, &call->chunks, ret);
		break;
	case KMSPROTO_DELIVER:
		decide_deliver(k, g, &call->deliver, a, ret);
		break;
	}
	metrics_count(&k->metrics.calls[call->kind][ret->verdict]);
}

enum err access_unknown_gateway(struct kms *k, const uint8_t certificate_digest[32],
                                struct bytes address)
{
	char text[96];
	struct writer w = writer_fixed(text, sizeof(text));

	write_text(&w, "certificate ");
	hex_write(&w, bytes_of(certificate_digest, 32));
	struct logfmt_entry entry = {
		.event = LOGFMT_ACCESS,
		.result = BYTES("not-enrolled"),
		.source = address,
		.detail = writer_bytes(&w),
	};
	return kms_append(k, &entry);
}
