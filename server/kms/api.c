#include "server/kms/api.h"

#include <string.h>

#include "common/base/attr.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/codec/hex.h"
#include "common/codec/uri.h"
#include "common/crypto/hash.h"
#include "common/sigv4/sigv4.h"
#include "server/kms/api_ops.h"

enum { AGENT_MAX = 256, NAME_SHOWN_MAX = 256 };

static const char target_prefix[] = "TrentService.";

/* Operations of AWS KMS; without a handler: known, and not built. `change`: of keys or aliases. */
static const struct operation {
	const char *name;
	const char *op; /* in the log */
	bool change;
	enum api_error (*handle)(struct api_call *c);
} operations[] = {
	{"Decrypt", "kms:Decrypt", false, api_decrypt},
	{"GenerateDataKey", "kms:GenerateDataKey", false, api_generate_data_key},
	{"GenerateDataKeyWithoutPlaintext", "kms:GenerateDataKeyWithoutPlaintext", false,
	 api_generate_data_key_without_plaintext},
	{"Encrypt", "kms:Encrypt", false, api_encrypt},
	{"ReEncrypt", "kms:ReEncrypt", false, api_re_encrypt},
	{"GenerateRandom", "kms:GenerateRandom", false, api_generate_random},
	{"DescribeKey", "kms:DescribeKey", false, api_describe_key},
	{"ListKeys", "kms:ListKeys", false, api_list_keys},
	{"ListAliases", "kms:ListAliases", false, api_list_aliases},
	{"GetKeyRotationStatus", "kms:GetKeyRotationStatus", false, api_get_key_rotation_status},
	{"CreateKey", "kms:CreateKey", true, api_create_key},
	{"EnableKey", "kms:EnableKey", true, api_enable_key},
	{"DisableKey", "kms:DisableKey", true, api_disable_key},
	{"UpdateKeyDescription", "kms:UpdateKeyDescription", true, api_update_key_description},
	{"RotateKeyOnDemand", "kms:RotateKeyOnDemand", true, api_rotate_key_on_demand},
	{"CreateAlias", "kms:CreateAlias", true, api_create_alias},
	{"UpdateAlias", "kms:UpdateAlias", true, api_update_alias},
	{"DeleteAlias", "kms:DeleteAlias", true, api_delete_alias},
	{"CancelKeyDeletion", "kms:CancelKeyDeletion", true, NULL},
	{"CreateGrant", "kms:CreateGrant", true, NULL},
	{"DeleteImportedKeyMaterial", "kms:DeleteImportedKeyMaterial", true, NULL},
	{"DeriveSharedSecret", "kms:DeriveSharedSecret", false, NULL},
	{"DisableKeyRotation", "kms:DisableKeyRotation", true, NULL},
	{"EnableKeyRotation", "kms:EnableKeyRotation", true, NULL},
	{"GenerateDataKeyPair", "kms:GenerateDataKeyPair", false, NULL},
	{"GenerateDataKeyPairWithoutPlaintext", "kms:GenerateDataKeyPairWithoutPlaintext", false,
	 NULL},
	{"GenerateMac", "kms:GenerateMac", false, NULL},
	{"GetKeyLastUsage", "kms:GetKeyLastUsage", false, NULL},
	{"GetKeyPolicy", "kms:GetKeyPolicy", false, NULL},
	{"GetParametersForImport", "kms:GetParametersForImport", false, NULL},
	{"GetPublicKey", "kms:GetPublicKey", false, NULL},
	{"ImportKeyMaterial", "kms:ImportKeyMaterial", true, NULL},
	{"ListGrants", "kms:ListGrants", false, NULL},
	{"ListKeyPolicies", "kms:ListKeyPolicies", false, NULL},
	{"ListKeyRotations", "kms:ListKeyRotations", false, NULL},
	{"ListResourceTags", "kms:ListResourceTags", false, NULL},
	{"ListRetirableGrants", "kms:ListRetirableGrants", false, NULL},
	{"PutKeyPolicy", "kms:PutKeyPolicy", true, NULL},
	{"ReplicateKey", "kms:ReplicateKey", true, NULL},
	{"RetireGrant", "kms:RetireGrant", true, NULL},
	{"RevokeGrant", "kms:RevokeGrant", true, NULL},
	{"ScheduleKeyDeletion", "kms:ScheduleKeyDeletion", true, NULL},
	{"Sign", "kms:Sign", false, NULL},
	{"TagResource", "kms:TagResource", true, NULL},
	{"UntagResource", "kms:UntagResource", true, NULL},
	{"UpdatePrimaryRegion", "kms:UpdatePrimaryRegion", true, NULL},
	{"Verify", "kms:Verify", false, NULL},
	{"VerifyMac", "kms:VerifyMac", false, NULL},
};

/* AWS answers 400 for every fault of a client; SDKs look at the type. 5xx makes them try again. */
static const struct {
	const char *type;
	const char *word; /* in the log */
	unsigned status;
	const char *message;
} errors[API_ERRORS] = {
	[API_OK] = {"", "ok", 200, ""},
	[API_ACCESS_DENIED] = {"AccessDeniedException", "denied", 400,
		"The ciphertext refers to a customer master key that does not exist, does not exist in "
		"this region, or you are not allowed to access."},
	[API_NOT_FOUND] = {"NotFoundException", "no-such-key", 400, "There is no such key."},
	[API_DISABLED] = {"DisabledException", "key-disabled", 400, "The key is disabled."},
	[API_INVALID_CIPHERTEXT] = {"InvalidCiphertextException", "wrong-key", 400, ""},
	[API_INCORRECT_KEY] = {"IncorrectKeyException", "wrong-key", 400,
		"The key ID in the request does not identify a CMK that can perform this operation."},
	[API_INVALID_KEY_USAGE] = {"InvalidKeyUsageException", "bad-call", 400,
		"The algorithm does not fit the key; keys here have SYMMETRIC_DEFAULT."},
	[API_INVALID_MARKER] = {"InvalidMarkerException", "bad-call", 400,
		"The marker is not one that this service gave."},
	[API_INVALID_GRANT_TOKEN] = {"InvalidGrantTokenException", "bad-call", 400,
		"This service has no grants."},
	[API_INVALID_ALIAS] = {"InvalidAliasNameException", "bad-call", 400,
		"Alias names begin with alias/, and alias/aws/ is reserved."},
	[API_EXISTS] = {"AlreadyExistsException", "exists", 400, "There is one of that name."},
	[API_LIMIT] = {"LimitExceededException", "limit", 400, "A limit is reached; see AWS-API.md."},
	[API_UNSUPPORTED] = {"UnsupportedOperationException", "unsupported", 400,
		"This service does not do that; see AWS-API.md."},
	[API_DRY_RUN] = {"DryRunOperationException", "dry-run", 400,
		"The request would have succeeded, but the DryRun option is set."},
	[API_VALIDATION] = {"ValidationException", "bad-call", 400, "A member is not valid."},
	[API_SERIALIZATION] = {"SerializationException", "bad-call", 400,
		"The body is not the JSON of this operation."},
	[API_UNKNOWN_OPERATION] = {"UnknownOperationException", "unknown-op", 400,
		"POST / with X-Amz-Target: TrentService.OPERATION is all that is here."},
	[API_NO_SIGNATURE] = {"MissingAuthenticationTokenException", "denied", 400,
		"Missing Authentication Token"},
	[API_INCOMPLETE_SIGNATURE] = {"IncompleteSignatureException", "bad-call", 400,
		"The request is not signed as Signature Version 4 in the Authorization header for "
		"service kms demands."},
	[API_NO_ACCESS_KEY] = {"UnrecognizedClientException", "no-access-key", 400,
		"The security token included in the request is invalid."},
	[API_BAD_SIGNATURE] = {"InvalidSignatureException", "bad-signature", 400,
		"The request signature we calculated does not match the signature you provided. Check "
		"your AWS Secret Access Key and signing method. Consult the service documentation for "
		"details."},
	[API_SKEWED] = {"InvalidSignatureException", "skewed", 400,
		"Signature expired: the time of the request and of this service differ by more than "
		"15 minutes."},
	[API_THROTTLED] = {"ThrottlingException", "throttled", 400, "Rate exceeded"},
	[API_SEALED] = {"KMSInternalException", "sealed", 503,
		"The service cannot use its keys at the moment; try again."},
	[API_UNAVAILABLE] = {"KMSInternalException", "unavailable", 500,
		"The service cannot answer at the moment; try again."},
};

unsigned api_failure(enum api_error e, struct bytes message, struct writer *w)
{
	struct json_writer j = json_writer_of(w);

	/* Real KMS writes these two with a capital. */
	bool capital = e == API_ACCESS_DENIED || e == API_UNSUPPORTED;
	json_object_begin(&j, NULL);
	json_text(&j, "__type", errors[e].type);
	json_string(&j, capital ? "Message" : "message",
	            message.p != NULL ? message : bytes_text(errors[e].message));
	json_object_end(&j);
	return errors[e].status;
}

/* --- refusals --- */

enum api_error api_refuse(struct api_call *c, enum api_error e, const char *before,
                          struct bytes name, const char *after)
{
	const struct bytes parts[] = {bytes_text(before), bytes_first(name, NAME_SHOWN_MAX),
	                              bytes_text(after)};

	c->message = arena_join(c->a, parts, COUNT(parts));
	return e;
}

enum api_error api_invalid(struct api_call *c, const char *member, const char *constraint)
{
	/* AWS writes members of the request with a small first letter here. */
	const uint8_t first = (uint8_t)(member[0] | 0x20);
	const struct bytes parts[] = {
		BYTES("1 validation error detected: Value at '"), bytes_of(&first, 1),
		bytes_text(member + 1), BYTES("' failed to satisfy constraint: "),
		bytes_text(constraint),
	};

	c->message = arena_join(c->a, parts, COUNT(parts));
	return API_VALIDATION;
}

enum api_error api_fault(struct api_call *c, enum err e, const char *where)
{
	if (e == OK) {
		return API_OK;
	}
	c->message = (struct bytes){0};
	LOG(LOG_ERROR, "api.fault", LOG_STR("where", where), LOG_ERR(e),
	    LOG_STR("do", "see the lines before; the request was refused"));
	return API_UNAVAILABLE;
}

/* --- who, and what --- */

static const struct operation *find_operation(struct bytes canonical)
{
	struct sigv4_claims claims;

	if (sigv4_claims_read(canonical, &claims) != OK) {
		return NULL;
	}
	const struct field *target = field_get(claims.headers, claims.n_headers, "x-amz-target", false);
	if (target == NULL || !bytes_starts(target->value, BYTES(target_prefix))) {
		return NULL;
	}
	struct bytes name = bytes_skip(target->value, sizeof(target_prefix) - 1);
	for (size_t i = 0; i < COUNT(operations); i++) {
		if (bytes_is(name, operations[i].name)) {
			return &operations[i];
		}
	}
	return NULL;
}

static enum api_error read_signature(struct api_call *c, const struct api_request *r,
                                     struct sigv4_evidence *ret)
{
	const struct sigv4_request request = {
		.method = r->method, .path = r->path, .query = r->query,
		.headers = r->fields, .n_headers = r->n_fields,
	};
	uint8_t digest[SHA256_BYTES];
	uint8_t hex[2 * SHA256_BYTES];
	struct writer w = writer_fixed(hex, sizeof(hex));
	enum sigv4_fault fault;

	enum err e = hash_sha256(r->body, digest);
	if (e != OK) {
		return api_fault(c, e, "hash");
	}
	hex_write(&w, bytes_of(digest, sizeof(digest)));
	e = sigv4_read(c->a, &request, BYTES("kms"), writer_bytes(&w), ret, &fault);
	if (e != OK || ret->kind == SIGV4_QUERY) {
		return API_INCOMPLETE_SIGNATURE;
	}
	if (ret->kind == SIGV4_ANONYMOUS) {
		return API_NO_SIGNATURE;
	}
	/* There are no temporary credentials. */
	return ret->session_token.n > 0 ? API_NO_ACCESS_KEY : API_OK;
}

static enum api_error check_signature(struct api_call *c, const struct sigv4_evidence *e,
                                      struct principal *p)
{
	const struct secret *signing_key;
	bool expired;

	enum err got = identity_signing_key(p, e->date, e->region, e->service, &signing_key);
	if (got != OK) {
		return api_fault(c, got, "signing key");
	}
	got = sigv4_verify(c->k->scratch, e, signing_key, clock_real_ms(), &expired);
	if (got == ERR_AUTH) {
		return API_BAD_SIGNATURE;
	}
	if (got == ERR_TIMEOUT) {
		return API_SKEWED;
	}
	return got == ERR_INPUT ? API_INCOMPLETE_SIGNATURE : api_fault(c, got, "signature");
}

/* From here on the slot of the principal may be taken by another. */
static enum api_error keep_principal(struct api_call *c, const struct principal *p)
{
	c->tenant = arena_copy(c->a, p->tenant);
	c->entry.principal = arena_copy(c->a, p->arn);
	if (c->tenant.p == NULL || c->entry.principal.p == NULL) {
		return api_fault(c, ERR_LIMIT, "principal");
	}
	c->entry.tenant = c->tenant;
	if (p->expires_ms != 0 && clock_real_ms() >= p->expires_ms) {
		c->entry.detail = BYTES("the right has expired");
		return api_refuse(c, API_ACCESS_DENIED, "The right of this user has expired.",
		                  (struct bytes){0}, "");
	}
	c->entry.basis = BYTES("tenant-owner");
	return API_OK;
}

static enum api_error authenticate(struct api_call *c, const struct sigv4_evidence *e)
{
	struct principal *p = NULL;
	enum err found = identity_find(c->k, e->access_key, &p);

	if (found == ERR_NOTFOUND) {
		return API_NO_ACCESS_KEY;
	}
	if (found != OK) {
		return api_fault(c, found, "principal");
	}
	c->entry.tenant = arena_copy(c->a, p->tenant);
	if (!p->enabled) {
		c->entry.detail = BYTES("access key or user is disabled");
		return API_NO_ACCESS_KEY;
	}
	enum api_error bad = check_signature(c, e, p);
	return bad == API_OK ? keep_principal(c, p) : bad;
}

static enum api_error run(struct api_call *c, const struct operation *op, struct bytes body)
{
	if (op == NULL) {
		return API_UNKNOWN_OPERATION;
	}
	if (op->handle == NULL) {
		return API_UNSUPPORTED;
	}
	enum err e = json_parse(body, API_BODY_MAX, &c->in, NULL);
	if (e == ERR_NOMEM) {
		return api_fault(c, e, "parser");
	}
	return e == OK && json_is_object(c->in) ? op->handle(c) : API_SERIALIZATION;
}

/* --- the entry --- */

/* Who proves nothing can fill the log's disk only so fast. */
static bool flood(struct kms *k)
{
	uint64_t second = clock_mono_ms() / 1000;

	if (k->api_second != second) {
		k->api_second = second;
		k->api_unproven = 0;
	}
	k->api_unproven++;
	if (k->api_unproven == API_UNPROVEN_PER_S + 1) {
		LOG(LOG_WARN, "api.flood", LOG_U64("entries_per_s", API_UNPROVEN_PER_S),
		    LOG_STR("do", "requests without a good signature are throttled for the rest of "
		                  "this second; find out who sends them"));
	}
	return k->api_unproven > API_UNPROVEN_PER_S;
}

static enum err record(struct api_call *c, const char *word)
{
	c->entry.result = bytes_text(word);
	return kms_append(c->k, &c->entry);
}

static void count_keys(struct api_call *c)
{
	for (size_t i = 0; i < c->entry.n_keys; i++) {
		metrics_count(c->entry.keys[i].use == LOGFMT_ISSUED ? &c->k->metrics.keys_issued
		                                                    : &c->k->metrics.keys_opened);
	}
}

/* The change, after its entry is durable. */
static enum api_error apply(struct api_call *c)
{
	enum err e = kms_sync(c->k);

	if (e != OK) {
		return api_fault(c, e, "log");
	}
	e = keystore_apply(c->k->store, &c->changes);
	keyring_forget(&c->k->keyring);
	if (e == OK) {
		return API_OK;
	}
	if (record(c, "failed") != OK) {
		LOG(LOG_ERROR, "api.failure_not_logged",
		    LOG_STR("do", "the entry before says ok, but the change failed"));
	}
	return api_fault(c, e, "change of a key");
}

static enum api_error conclude(struct api_call *c, enum api_error e)
{
	if (e != API_OK) {
		c->entry.n_keys = 0;
		c->entry.basis = (struct bytes){0};
	}
	if (e == API_UNAVAILABLE) {
		return e;
	}
	if (e != API_OK && c->tenant.p == NULL && flood(c->k)) {
		metrics_count(&c->k->metrics.api_throttled);
		c->message = (struct bytes){0};
		return API_THROTTLED;
	}
	if (e == API_OK && writer_end(c->out->out) != OK) {
		return api_fault(c, ERR_LIMIT, "answer");
	}
	enum err logged = record(c, errors[e].word);
	if (logged != OK) {
		return api_fault(c, logged, "log");
	}
	count_keys(c);
	return e == API_OK && c->changes.first != NULL ? apply(c) : e;
}

static enum api_error decide(struct api_call *c, const struct api_request *r)
{
	struct sigv4_evidence evidence = {0};
	const struct field *agent = field_get(r->fields, r->n_fields, "user-agent", true);
	const struct operation *op = NULL;

	c->entry.event = LOGFMT_ACCESS;
	memcpy(c->entry.request_id, r->id, sizeof(c->entry.request_id));
	c->entry.source = r->source;
	c->entry.agent = agent == NULL ? (struct bytes){0} : bytes_first(agent->value, AGENT_MAX);
	enum api_error e = read_signature(c, r, &evidence);
	if (e == API_OK) {
		op = find_operation(evidence.canonical);
		c->entry.access_key = bytes_first(evidence.access_key, RECORD_ACCESS_KEY_MAX);
		c->entry.op = op == NULL ? (struct bytes){0} : bytes_text(op->op);
		c->entry.event = op != NULL && op->change ? LOGFMT_ADMIN : LOGFMT_ACCESS;
		e = authenticate(c, &evidence);
	}
	if (e == API_OK) {
		e = run(c, op, r->body);
	}
	return conclude(c, e);
}

/* A request that was refused before its plaintext was read still holds it; jansson does not wipe. */
static void forget_plaintext(const struct json *in)
{
	struct bytes b = json_get_bytes(in, "Plaintext");

	if (b.p != NULL) {
		wipe((void *)(uintptr_t)b.p, b.n);
	}
}

unsigned api_answer(struct kms *k, const struct api_request *r, struct arena *a, struct writer *w)
{
	struct writer out AUTO(writer_free) = writer_growing(API_ANSWER_MAX);
	struct json_writer j = json_writer_of(&out);
	struct api_call c = {.k = k, .a = a, .out = &j, .plain = writer_growing(BLOB_PLAIN_MAX)};
	enum api_error e = API_SEALED;

	if (atomic_load(&k->state) == KMS_OPEN) {
		arena_reset(k->scratch);
		keystore_changes_begin(&c.changes, a);
		json_object_begin(&j, NULL);
		e = decide(&c, r);
		json_object_end(&j);
		forget_plaintext(c.in);
		json_free(c.in);
		writer_free(&c.plain);
		arena_reset(k->scratch);
	}
	if (e == API_OK && writer_end(&out) != OK) {
		e = api_fault(&c, ERR_LIMIT, "answer");
	}
	metrics_count(e == API_OK ? &k->metrics.api_ok : &k->metrics.api_refused);
	if (e != API_OK) {
		return api_failure(e, c.message, w);
	}
	if (c.changes.first != NULL && out.used == 2) {
		return errors[e].status; /* no members: an empty body, as AWS */
	}
	write_bytes(w, writer_bytes(&out));
	return errors[e].status;
}
