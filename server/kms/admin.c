#include "server/kms/admin.h"

#include <string.h>

#include "common/base/attr.h"
#include "common/base/log.h"
#include "server/kms/admin_ops.h"

enum { STATE_NEW = 1 << KMS_UNINITIALISED, STATE_SEALED = 1 << KMS_SEALED,
       STATE_OPEN = 1 << KMS_OPEN, STATE_ANY = STATE_NEW | STATE_SEALED | STATE_OPEN,
       PRINCIPAL_BYTES = 160 };

static const struct operation {
	const char *name;
	unsigned states;
	bool logged;
	enum logfmt_event event;
	enum admin_error (*prepare)(struct admin_call *c);
	enum admin_error (*apply)(struct admin_call *c); /* NULL: the collected changes */
} operations[] = {
	{"status", STATE_ANY, false, LOGFMT_ADMIN, admin_status, NULL},
	{"init", STATE_NEW, true, LOGFMT_INIT, admin_init, admin_init_apply},
	{"unseal", STATE_SEALED, true, LOGFMT_UNSEAL, admin_unseal, NULL},
	{"seal", STATE_SEALED | STATE_OPEN, true, LOGFMT_SEAL, admin_seal, admin_seal_apply},
	{"tenant.create", STATE_OPEN, true, LOGFMT_ADMIN, admin_tenant_create, NULL},
	{"tenant.list", STATE_OPEN, false, LOGFMT_ADMIN, admin_tenant_list, NULL},
	{"user.create", STATE_OPEN, true, LOGFMT_ADMIN, admin_user_create, NULL},
	{"user.list", STATE_OPEN, false, LOGFMT_ADMIN, admin_user_list, NULL},
	{"user.disable", STATE_OPEN, true, LOGFMT_ADMIN, admin_user_disable, NULL},
	{"user.enable", STATE_OPEN, true, LOGFMT_ADMIN, admin_user_enable, NULL},
	{"user.delete", STATE_OPEN, true, LOGFMT_ADMIN, admin_user_delete, NULL},
	{"access-key.create", STATE_OPEN, true, LOGFMT_ADMIN, admin_access_key_create, NULL},
	{"access-key.list", STATE_OPEN, false, LOGFMT_ADMIN, admin_access_key_list, NULL},
	{"access-key.disable", STATE_OPEN, true, LOGFMT_ADMIN, admin_access_key_disable, NULL},
	{"access-key.enable", STATE_OPEN, true, LOGFMT_ADMIN, admin_access_key_enable, NULL},
	{"access-key.delete", STATE_OPEN, true, LOGFMT_ADMIN, admin_access_key_delete, NULL},
	{"key.create", STATE_OPEN, true, LOGFMT_ADMIN, admin_key_create, NULL},
	{"key.list", STATE_OPEN, false, LOGFMT_ADMIN, admin_key_list, NULL},
	{"key.rotate", STATE_OPEN, true, LOGFMT_ADMIN, admin_key_rotate, NULL},
	{"key.disable", STATE_OPEN, true, LOGFMT_ADMIN, admin_key_disable, NULL},
	{"key.enable", STATE_OPEN, true, LOGFMT_ADMIN, admin_key_enable, NULL},
	{"gateway.enrol", STATE_OPEN, true, LOGFMT_ADMIN, admin_gateway_enrol, NULL},
	{"gateway.list", STATE_OPEN, false, LOGFMT_ADMIN, admin_gateway_list, NULL},
	{"gateway.remove", STATE_OPEN, true, LOGFMT_ADMIN, admin_gateway_remove, NULL},
};

static const struct {
	const char *word;
	unsigned status;
	const char *message; /* when the handler has none */
} errors[ADMIN_ERRORS] = {
	[ADMIN_OK] = {"ok", 200, ""},
	[ADMIN_BAD_REQUEST] = {"bad-request", 400, "the request is not understood; see ADMIN-API.md"},
	[ADMIN_UNKNOWN_OP] = {"unknown-op", 404, "there is no such operation; see ADMIN-API.md"},
	[ADMIN_SEALED] = {"sealed", 503, "the KMS is sealed; unseal it first"},
	[ADMIN_NOT_INITIALISED] = {"not-initialised", 409, "the KMS holds no keys yet; init it first"},
	[ADMIN_ALREADY_INITIALISED] = {"already-initialised", 409, "the KMS holds keys; unseal it"},
	[ADMIN_BAD_PASSPHRASE] = {"bad-passphrase", 403, "the passphrase does not unseal this KMS"},
	[ADMIN_EXISTS] = {"exists", 409, "there is one of that name; choose another"},
	[ADMIN_NOT_FOUND] = {"not-found", 404, "there is no such thing; list what there is"},
	[ADMIN_CONFLICT] = {"conflict", 409, "the present state does not allow it"},
	[ADMIN_DENIED] = {"denied", 403, "not allowed"},
	[ADMIN_LIMIT] = {"limit", 429, "a limit is reached; see README.md"},
	[ADMIN_UNAVAILABLE] = {"unavailable", 503, "cannot be made durable; see the service's log"},
	[ADMIN_INTERNAL] = {"internal", 500, "a fault of the KMS; see the service's log"},
};

unsigned admin_failure(enum admin_error e, const char *message, struct writer *w)
{
	struct json_writer j = json_writer_of(w);

	json_object_begin(&j, NULL);
	json_bool(&j, "ok", false);
	json_text(&j, "error", errors[e].word);
	json_text(&j, "message", message != NULL ? message : errors[e].message);
	json_object_end(&j);
	return errors[e].status;
}

/* --- one call --- */

static const struct operation *find_operation(struct bytes name)
{
	for (size_t i = 0; i < COUNT(operations); i++) {
		if (bytes_is(name, operations[i].name)) {
			return &operations[i];
		}
	}
	return NULL;
}

static enum admin_error check_state(const struct kms *k, const struct operation *op)
{
	enum kms_state state = atomic_load(&k->state);

	if ((op->states & 1U << state) != 0) {
		return ADMIN_OK;
	}
	if (state == KMS_UNINITIALISED) {
		return ADMIN_NOT_INITIALISED;
	}
	if (op->states == STATE_NEW) {
		return ADMIN_ALREADY_INITIALISED;
	}
	return state == KMS_OPEN ? ADMIN_CONFLICT : ADMIN_SEALED;
}

/* The entry, durable on return. */
static enum err record(struct admin_call *c, const struct operation *op, struct bytes principal,
                       const uint8_t *request_id, const char *result)
{
	struct logfmt_entry entry = {
		.event = op->event,
		.result = bytes_text(result),
		.tenant = c->tenant,
		.principal = principal,
		.op = bytes_text(op->name),
		.detail = c->detail,
	};

	memcpy(entry.request_id, request_id, sizeof(entry.request_id));
	TRY(kms_append(c->k, &entry));
	return kms_sync(c->k);
}

static enum admin_error apply(struct admin_call *c, const struct operation *op)
{
	if (op->apply != NULL) {
		return op->apply(c);
	}
	if (c->changes.first == NULL) {
		return ADMIN_OK;
	}
	enum err e = keystore_apply(c->k->store, &c->changes);
	enum err forgotten = kms_forget(c->k);
	if (e != OK || forgotten != OK) {
		LOG(LOG_ERROR, "admin.apply", LOG_STR("op", op->name), LOG_ERR(e != OK ? e : forgotten),
		    LOG_STR("do", "check space and health of the state folder, then repeat"));
		return ADMIN_UNAVAILABLE;
	}
	return ADMIN_OK;
}

static const char *result_word(const struct operation *op, enum admin_error e)
{
	if (op->event == LOGFMT_UNSEAL && e == ADMIN_BAD_PASSPHRASE) {
		return "refused";
	}
	return errors[e].word;
}

static enum admin_error run(struct admin_call *c, const struct operation *op,
                            struct bytes principal, const uint8_t *request_id)
{
	enum admin_error e = check_state(c->k, op);

	if (e == ADMIN_OK) {
		e = op->prepare(c);
	}
	if (!op->logged) {
		return e;
	}
	if (record(c, op, principal, request_id, result_word(op, e)) != OK) {
		if (op->event == LOGFMT_UNSEAL && e == ADMIN_OK) {
			kms_seal(c->k); /* an unsealing that nobody can read about did not happen */
		}
		c->message = NULL;
		return ADMIN_UNAVAILABLE;
	}
	if (e != ADMIN_OK) {
		return e;
	}
	e = apply(c, op);
	if (e != ADMIN_OK && record(c, op, principal, request_id, "failed") != OK) {
		LOG(LOG_ERROR, "admin.failure_not_logged", LOG_STR("op", op->name),
		    LOG_STR("do", "the entry before says ok, but the change failed"));
	}
	return e;
}

/* Secrets that came in are wiped where the parser holds them; jansson does not do it. */
static void forget_member(const struct json *in, const char *name)
{
	struct bytes b = json_get_bytes(in, name);

	if (b.p != NULL) {
		wipe((void *)(uintptr_t)b.p, b.n);
	}
}

static enum admin_error answer_call(struct admin_call *c, struct bytes administrator,
                                    const uint8_t *request_id)
{
	char text[PRINCIPAL_BYTES];
	struct writer principal = writer_fixed(text, sizeof(text));
	const struct operation *op = find_operation(json_get_bytes(c->in, "op"));

	if (!json_is_object(c->in)) {
		return ADMIN_BAD_REQUEST;
	}
	if (op == NULL) {
		return ADMIN_UNKNOWN_OP;
	}
	write_text(&principal, "admin:");
	write_bytes(&principal, bytes_first(administrator, PRINCIPAL_BYTES - 8));
	json_object_begin(c->out, NULL);
	json_bool(c->out, "ok", true);
	enum admin_error e = run(c, op, writer_bytes(&principal), request_id);
	json_object_end(c->out);
	if (e == ADMIN_OK && writer_end(c->out->out) != OK) {
		return ADMIN_LIMIT;
	}
	metrics_count(e == ADMIN_OK ? &c->k->metrics.admin_ok : &c->k->metrics.admin_refused);
	return e;
}

unsigned admin_answer(struct kms *k, struct bytes administrator, const uint8_t *request_id,
                      struct bytes body, struct arena *a, struct writer *w)
{
	struct json *document = NULL;
	struct writer out AUTO(writer_free) = writer_growing(ADMIN_ANSWER_MAX);
	struct json_writer j = json_writer_of(&out);
	struct admin_call c = {.k = k, .a = a, .out = &j};

	arena_reset(k->scratch);
	keystore_changes_begin(&c.changes, a);
	if (json_parse(body, ADMIN_BODY_MAX, &document, NULL) != OK) {
		return admin_failure(ADMIN_BAD_REQUEST, "the body is not a JSON object", w);
	}
	c.in = document;
	enum admin_error e = answer_call(&c, administrator, request_id);
	forget_member(document, "passphrase");
	forget_member(document, "secret_key");
	json_free(document);
	arena_reset(k->scratch);
	if (e != ADMIN_OK) {
		return admin_failure(e, c.message, w);
	}
	write_bytes(w, writer_bytes(&out));
	return errors[ADMIN_OK].status;
}

/* --- what the handlers share --- */

enum admin_error admin_refuse(struct admin_call *c, enum admin_error e, const char *message)
{
	c->message = message;
	return e;
}

enum admin_error admin_fault(struct admin_call *c, enum err e)
{
	c->message = NULL;
	switch (e) {
	case OK:
		return ADMIN_OK;
	case ERR_NOTFOUND:
		return ADMIN_NOT_FOUND;
	case ERR_LIMIT:
		return ADMIN_LIMIT;
	case ERR_DENIED:
		return ADMIN_DENIED;
	case ERR_IO:
	case ERR_FULL:
	case ERR_NOMEM:
	case ERR_TIMEOUT:
	case ERR_UNAVAILABLE:
		return ADMIN_UNAVAILABLE;
	case ERR_INPUT:
	case ERR_AUTH:
	case ERR_EXISTS:
	case ERR_CONFLICT:
	case ERR_CORRUPT:
	case ERR_CANCELLED:
		break;
	}
	return ADMIN_INTERNAL;
}
