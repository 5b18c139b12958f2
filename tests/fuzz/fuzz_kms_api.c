/*
 * The AWS KMS API behind its signature: a user of the service sends any body. The KMS is a real one, in this process, in a directory of
 * memory; what an operation stores stays for the next inputs. Each request must get a JSON answer that is no internal fault and exactly one
 * entry in the log; nothing decrypts but the one ciphertext that was made for this, and only to its plaintext; another tenant gets no answer
 * about the first one's key.
 * Input: the operation, a line end, the body. '~' before the operation: the other tenant asks. In the body @K stands for a key of the
 * first tenant, @B for a ciphertext under it (with the context {"a":"b"}), @A for an alias.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/attr.h"
#include "common/base/clock.h"
#include "common/codec/date.h"
#include "common/codec/hex.h"
#include "common/crypto/hash.h"
#include "common/sigv4/sigv4.h"
#include "server/kms/admin.h"
#include "server/kms/api.h"

enum {
	TEXT_MAX = 1024,
	INPUTS_MAX = 1 << 14, /* then a new service: the log grows, and a key may be disabled */
	SIGNING_ARENA_BYTES = 1 << 20,
};
#define PLAINTEXT "c2VjcmV0"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct person {
	char access_key[TEXT_MAX];
	struct secret *secret;
};
static struct {
	char dir[64];
	struct kms_config config;
	struct kms kms;
	struct person main, other;
	char key[TEXT_MAX], blob[TEXT_MAX];
	size_t inputs;
	bool open;
	bool cleaned; /* at the end of the process */
} service;

static const uint8_t request_id[16] = {7};

static void demand(bool holds)
{
	if (!holds) {
		__builtin_trap();
	}
}

/* --- a service --- */

static void take(const struct json *answer, const char *member, char out[TEXT_MAX])
{
	struct bytes b = json_get_bytes(answer, member);

	demand(b.n > 0 && b.n < TEXT_MAX);
	memcpy(out, b.p, b.n);
	out[b.n] = '\0';
}

static struct json *administrate(const char *op, const char *members)
{
	char body[TEXT_MAX];
	struct writer w AUTO(writer_free) = writer_growing(ADMIN_ANSWER_MAX);
	struct arena *a AUTO(arena_freep) = arena_new(API_ARENA_MAX);
	struct json *answer = NULL;

	snprintf(body, sizeof(body), "{\"op\":\"%s\",%s}", op, members);
	unsigned status = admin_answer(&service.kms, BYTES("fuzzer"), request_id, bytes_text(body), a,
	                               &w);
	demand(status == 200 && kms_commit(&service.kms) == OK);
	demand(json_parse(writer_bytes(&w), ADMIN_ANSWER_MAX, &answer, NULL) == OK);
	return answer;
}

static void make_person(const char *tenant, struct person *p)
{
	char members[TEXT_MAX], secret[TEXT_MAX];

	snprintf(members, sizeof(members), "\"name\":\"%s\"", tenant);
	json_free(administrate("tenant.create", members));
	snprintf(members, sizeof(members), "\"tenant\":\"%s\",\"user\":\"u\"", tenant);
	json_free(administrate("user.create", members));
	struct json *answer AUTO(json_freep) = administrate("access-key.create", members);
	take(answer, "access_key", p->access_key);
	take(answer, "secret_key", secret);
	p->secret = secret_from(bytes_text(secret));
	demand(p->secret != NULL);
}

static void make_place(const char *name, char *out, size_t size)
{
	int n = snprintf(out, size, "%s/%s", service.dir, name);

	demand(n > 0 && (size_t)n < size);
}

static void close_service(void)
{
	char command[128];

	if (!service.open) {
		return;
	}
	kms_close(&service.kms);
	service.main.secret = secret_free(service.main.secret);
	service.other.secret = secret_free(service.other.secret);
	snprintf(command, sizeof(command), "rm -rf %s", service.dir);
	demand(system(command) == 0);
	service.open = false;
	service.inputs = 0;
}

static void open_service(void)
{
	struct report report;

	if (!service.cleaned) {
		demand(secret_init(KMS_SECRETS) == OK && atexit(close_service) == 0);
		service.cleaned = true;
	}
	/* Each input is synced: memory where there is any. */
	const char *top = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	snprintf(service.dir, sizeof(service.dir), "%s/fuzz_kms_api.XXXXXX", top);
	demand(mkdtemp(service.dir) != NULL);
	service.config = (struct kms_config){.origin = "kms.test/log/1", .region = "fr-sov-1"};
	make_place("state", service.config.state_dir, sizeof(service.config.state_dir));
	make_place("log", service.config.log_dir, sizeof(service.config.log_dir));
	make_place("fence", service.config.log_fence, sizeof(service.config.log_fence));
	demand(mkdir(service.config.state_dir, 0700) == 0 && mkdir(service.config.log_dir, 0700) == 0);
	demand(kms_open(&service.config, &service.kms, &report) == OK);
	json_free(administrate("init", "\"passphrase\":\"correct horse battery staple\","
	                               "\"memory_mib\":64,\"passes\":3"));
	make_person("main", &service.main);
	make_person("other", &service.other);
	service.open = true;
}

/* --- a request --- */

static enum err sign(struct arena *a, const struct person *who, struct bytes body, struct field *h,
                     struct sigv4_request *r)
{
	uint8_t digest[SHA256_BYTES];
	uint8_t *hex = arena_alloc(a, 2 * SHA256_BYTES);
	uint8_t *date = arena_alloc(a, 16);
	struct writer hash = writer_fixed(hex, 2 * SHA256_BYTES), now = writer_fixed(date, 16);
	struct bytes authorization;

	demand(hash_sha256(body, digest) == OK);
	hex_write(&hash, bytes_of(digest, sizeof(digest)));
	date_write_amz(&now, clock_real_ms());
	h[1] = (struct field){BYTES("x-amz-date"), writer_bytes(&now)};
	TRY(sigv4_authorization(a, r, bytes_text(who->access_key), who->secret, BYTES("fr-sov-1"),
	                        BYTES("kms"), writer_bytes(&now), writer_bytes(&hash),
	                        &authorization));
	h[r->n_headers++] = (struct field){BYTES("authorization"), authorization};
	return OK;
}

/* The answer; NULL for one without a body. The body is wiped by the service where it held a plaintext. */
static struct json *ask(const struct person *who, struct bytes target, struct bytes body,
                        unsigned *ret_status)
{
	struct arena *signing AUTO(arena_freep) = arena_new(SIGNING_ARENA_BYTES);
	struct arena *a AUTO(arena_freep) = arena_new(API_ARENA_MAX);
	struct writer w AUTO(writer_free) = writer_growing(API_ANSWER_MAX);
	struct field h[4] = {{BYTES("host"), BYTES("kms.test")}, {{NULL, 0}, {NULL, 0}},
	                     {BYTES("x-amz-target"), target}};
	struct sigv4_request r = {BYTES("POST"), BYTES("/"), {NULL, 0}, h, 3};
	uint64_t entries = keylog_size(service.kms.log);
	struct json *answer = NULL;

	*ret_status = 0;
	if (sign(signing, who, body, h, &r) != OK) {
		return NULL; /* no header can have that operation */
	}
	const struct api_request in = {
		.method = r.method, .path = r.path, .fields = h, .n_fields = r.n_headers, .body = body,
		.source = BYTES("198.51.100.9"), .id = request_id,
	};
	*ret_status = api_answer(&service.kms, &in, a, &w);
	demand(kms_commit(&service.kms) == OK);
	demand(*ret_status == 200 || *ret_status == 400);
	demand(keylog_size(service.kms.log) == entries + 1);
	if (w.used > 0) {
		demand(json_parse(writer_bytes(&w), API_ANSWER_MAX, &answer, NULL) == OK);
		demand(json_is_object(answer));
	}
	demand((*ret_status == 200) == (json_get(answer, "__type") == NULL));
	return answer;
}

static struct json *do_well(const char *target, const char *body)
{
	struct arena *a AUTO(arena_freep) = arena_new(SIGNING_ARENA_BYTES);
	unsigned status;
	struct json *answer = ask(&service.main, bytes_text(target), arena_copy(a, bytes_text(body)),
	                          &status);

	demand(status == 200);
	return answer;
}

static void prepare(void)
{
	char body[2 * TEXT_MAX];

	open_service();
	struct json *made AUTO(json_freep) = do_well("TrentService.CreateKey", "{}");
	take(json_get(made, "KeyMetadata"), "KeyId", service.key);
	snprintf(body, sizeof(body), "{\"AliasName\":\"alias/a\",\"TargetKeyId\":\"%s\"}",
	         service.key);
	json_free(do_well("TrentService.CreateAlias", body));
	snprintf(body, sizeof(body), "{\"KeyId\":\"%s\",\"Plaintext\":\"" PLAINTEXT "\","
	         "\"EncryptionContext\":{\"a\":\"b\"}}", service.key);
	struct json *blob AUTO(json_freep) = do_well("TrentService.Encrypt", body);
	take(blob, "CiphertextBlob", service.blob);
	snprintf(body, sizeof(body), "{\"CiphertextBlob\":\"%s\",\"EncryptionContext\":{\"a\":\"b\"}}",
	         service.blob);
	struct json *opened AUTO(json_freep) = do_well("TrentService.Decrypt", body);
	demand(bytes_is(json_get_bytes(opened, "Plaintext"), PLAINTEXT));
}

/* --- an input --- */

static struct bytes fill_in(struct arena *a, struct bytes text)
{
	struct writer w AUTO(writer_free) = writer_growing(API_BODY_MAX);
	struct bytes piece = bytes_split(&text, '@');

	write_bytes(&w, piece);
	while (text.p != NULL) {
		piece = bytes_split(&text, '@');
		uint8_t what = piece.n > 0 ? piece.p[0] : 0;
		write_text(&w, what == 'K' ? service.key : what == 'B' ? service.blob :
		               what == 'A' ? "alias/a" : "@");
		bool known = what == 'K' || what == 'B' || what == 'A';
		write_bytes(&w, bytes_skip(piece, known ? 1 : 0));
	}
	return writer_end(&w) == OK ? arena_copy(a, writer_bytes(&w)) : (struct bytes){NULL, 0};
}

static void check_answer(struct bytes op, bool stranger, const struct json *answer)
{
	struct bytes id = json_get_bytes(json_get(answer, "KeyMetadata"), "KeyId");
	struct bytes arn = json_get_bytes(answer, "KeyId");
	struct bytes key = bytes_text(service.key);

	if (bytes_is(op, "Decrypt")) {
		demand(!stranger && bytes_is(json_get_bytes(answer, "Plaintext"), PLAINTEXT));
	}
	if (stranger) {
		demand(!bytes_is(op, "ReEncrypt"));
		demand(!bytes_equal(id, key));
		demand(arn.n < key.n || !bytes_equal(bytes_skip(arn, arn.n - key.n), key));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a AUTO(arena_freep) = arena_new(API_ARENA_MAX);
	struct bytes rest = bytes_of(data, size);
	struct bytes op = bytes_split(&rest, '\n');
	bool stranger = op.n > 0 && op.p[0] == '~';
	unsigned status;

	if (service.inputs++ == INPUTS_MAX) {
		close_service();
	}
	if (!service.open) {
		prepare();
	}
	op = bytes_skip(op, stranger ? 1 : 0);
	const struct bytes parts[] = {BYTES("TrentService."), op};
	struct bytes target = arena_join(a, parts, COUNT(parts));
	struct bytes body = fill_in(a, rest);
	struct json *answer AUTO(json_freep) = ask(stranger ? &service.other : &service.main, target,
	                                           body, &status);
	if (status == 200) {
		check_answer(op, stranger, answer);
	}
	return 0;
}
