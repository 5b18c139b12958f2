/* status, init, unseal, seal. */
#include "common/base/attr.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/codec/hex.h"
#include "server/kms/admin_ops.h"
#include "server/kms/rootkey.h"

enum {
	VKEY_BYTES = 512,
	MEMORY_MIB_MIN = 64,   /* below, Argon2id gives little (secnumcloud-requirements 3.1) */
	MEMORY_MIB_MAX = 4096,
	PASSES_MIN = 3,
	PASSES_MAX = 16,
	MIB_SHIFT = 20,
};

static enum err write_counts(struct admin_call *c)
{
	static const struct {
		const char *name;
		enum keystore_table table;
	} counts[] = {
		{"tenants", KEYSTORE_TENANTS},
		{"users", KEYSTORE_USERS},
		{"access_keys", KEYSTORE_ACCESS_KEYS},
		{"keys", KEYSTORE_KEYS},
	};

	for (size_t i = 0; i < COUNT(counts); i++) {
		uint64_t n = 0;
		TRY(keystore_count(c->k->store, counts[i].table, &n));
		json_u64(c->out, counts[i].name, n);
	}
	json_u64(c->out, "gateways", c->k->gateways.n);
	return OK;
}

enum admin_error admin_status(struct admin_call *c)
{
	struct kms *k = c->k;
	enum kms_state state = atomic_load(&k->state);
	uint8_t text[2 * sizeof(k->boot)];
	struct writer w = writer_fixed(text, sizeof(text));

	hex_write(&w, bytes_of(k->boot, sizeof(k->boot)));
	json_text(c->out, "state", kms_state_name(state));
	json_text(c->out, "version", KMS_VERSION);
	json_string(c->out, "boot", writer_bytes(&w));
	json_text(c->out, "origin", k->config->origin);
	json_u64(c->out, "log_size", keylog_size(k->log));
	json_u64(c->out, "log_published", keylog_published(k->log));
	return state == KMS_OPEN ? admin_fault(c, write_counts(c)) : ADMIN_OK;
}

static enum err write_vkey(struct admin_call *c)
{
	uint8_t text[VKEY_BYTES];
	struct writer w = writer_fixed(text, sizeof(text));

	TRY(kms_vkey(c->k, &w));
	json_string(c->out, "log_vkey", writer_bytes(&w));
	return OK;
}

static enum admin_error read_passphrase(struct admin_call *c, struct bytes *ret)
{
	*ret = json_get_bytes(c->in, "passphrase");
	if (ret->p == NULL || ret->n > ROOTKEY_PASSPHRASE_MAX) {
		return admin_refuse(c, ADMIN_BAD_REQUEST,
		                    "passphrase is missing, or longer than 1,024 bytes");
	}
	return ADMIN_OK;
}

/* An optional number within limits. */
static bool read_number(struct admin_call *c, const char *name, uint64_t min, uint64_t max,
                        uint64_t *ret)
{
	if (json_get(c->in, name) == NULL) {
		return true;
	}
	return json_get_u64(c->in, name, ret) == OK && *ret >= min && *ret <= max;
}

static enum admin_error read_cost(struct admin_call *c, struct kdf_cost *ret)
{
	struct kdf_cost cost = kdf_cost_default();
	uint64_t passes = cost.passes;
	uint64_t mib = cost.memory_bytes >> MIB_SHIFT;

	if (!read_number(c, "passes", PASSES_MIN, PASSES_MAX, &passes) ||
	    !read_number(c, "memory_mib", MEMORY_MIB_MIN, MEMORY_MIB_MAX, &mib)) {
		return admin_refuse(c, ADMIN_BAD_REQUEST,
		                    "memory_mib is a number from 64 to 4096, passes from 3 to 16");
	}
	ret->passes = (uint32_t)passes;
	ret->memory_bytes = mib << MIB_SHIFT;
	return ADMIN_OK;
}

enum admin_error admin_init(struct admin_call *c)
{
	struct bytes passphrase;
	struct kdf_cost cost;
	enum admin_error e = read_passphrase(c, &passphrase);

	if (e != ADMIN_OK) {
		return e;
	}
	if (passphrase.n < ROOTKEY_PASSPHRASE_MIN) {
		return admin_refuse(c, ADMIN_BAD_REQUEST,
		                    "the passphrase is too short; use at least 12 bytes");
	}
	return read_cost(c, &cost);
}

static enum admin_error opening_fault(struct admin_call *c, enum err e)
{
	if (e == ERR_CONFLICT) {
		return admin_refuse(c, ADMIN_CONFLICT,
		                    "the log belongs to another key store; restore the state folder that "
		                    "belongs to it, or give a new log folder, fence and origin");
	}
	return admin_fault(c, e);
}

enum admin_error admin_init_apply(struct admin_call *c)
{
	struct bytes passphrase;
	struct kdf_cost cost;

	/* Both were checked before the entry was written. */
	if (read_passphrase(c, &passphrase) != ADMIN_OK || read_cost(c, &cost) != ADMIN_OK) {
		return ADMIN_INTERNAL;
	}
	enum err e = kms_init(c->k, passphrase, cost);
	if (e == OK) {
		e = write_vkey(c);
	}
	if (e != OK) {
		LOG(LOG_ERROR, "admin.init", LOG_ERR(e),
		    LOG_STR("do", "check memory, and space and health of state folder and log"));
	}
	return opening_fault(c, e);
}

/* No sleep on the worker: until the wait is over, nobody is tried. */
static void count_refusal(struct kms *k)
{
	uint64_t wait = KMS_REFUSAL_FIRST_MS;

	for (unsigned i = 0; i < k->refusals && wait < KMS_REFUSAL_MAX_MS; i++) {
		wait *= 2;
	}
	k->refusals++;
	k->refused_until_ms = clock_mono_ms() + (wait < KMS_REFUSAL_MAX_MS ? wait : KMS_REFUSAL_MAX_MS);
}

static enum admin_error try_passphrase(struct admin_call *c, struct bytes passphrase)
{
	struct kms *k = c->k;

	if (clock_mono_ms() < k->refused_until_ms) {
		return admin_refuse(c, ADMIN_UNAVAILABLE,
		                    "a wrong passphrase was given a moment ago; wait, then repeat");
	}
	enum err e = kms_unseal(k, passphrase);
	if (e == ERR_AUTH) {
		count_refusal(k);
		LOG(LOG_WARN, "admin.unseal_refused", LOG_U64("in_a_row", k->refusals),
		    LOG_STR("do", "find out who tries"));
		return ADMIN_BAD_PASSPHRASE;
	}
	if (e != OK) {
		LOG(LOG_ERROR, "admin.unseal", LOG_ERR(e),
		    LOG_STR("do", "see the lines before; the KMS stays sealed"));
		return opening_fault(c, e);
	}
	k->refusals = 0;
	return ADMIN_OK;
}

enum admin_error admin_unseal(struct admin_call *c)
{
	struct bytes passphrase;
	enum admin_error e = read_passphrase(c, &passphrase);

	if (e == ADMIN_OK) {
		e = try_passphrase(c, passphrase);
	}
	if (e == ADMIN_OK) {
		json_text(c->out, "state", kms_state_name(KMS_OPEN));
		e = admin_fault(c, write_vkey(c));
	}
	return e;
}

enum admin_error admin_seal(struct admin_call *c)
{
	json_text(c->out, "state", kms_state_name(KMS_SEALED));
	return ADMIN_OK;
}

enum admin_error admin_seal_apply(struct admin_call *c)
{
	kms_seal(c->k);
	return ADMIN_OK;
}
