/*
 * A KMS in this process, without sockets: two tenants with a user and an access key each, one enrolled
 * gateway. Requests are signed as a client signs them; answers come through the wire format.
 */
#ifndef REMPART_TESTS_KMS_FIXTURE_H
#define REMPART_TESTS_KMS_FIXTURE_H
#include <setjmp.h>
#include <stdarg.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/base/attr.h"
#include "common/base/clock.h"
#include "common/codec/date.h"
#include "common/codec/hex.h"
#include "common/crypto/hash.h"
#include "server/kms/admin.h"
#include "server/kms/face_gateway.h"
#include "server/kms/kms.h"

#define PASSPHRASE "correct horse battery staple"

enum { FIXTURE_ARENA = 64 << 20, FIXTURE_JOURNAL = 4 << 20 };

struct person {
	char tenant[16], arn[128], access_key[64], secret_key[64];
	struct secret *secret;
};
struct fixture {
	char dir[64];
	struct kms_config config;
	struct kms kms;
	struct arena *arena;
	struct person main, alt;
	uint8_t certificate[32];
	struct secret *enrolment;
	struct json *answer; /* of the last administration call */
};

static inline void fixture_path(const struct fixture *f, const char *name, char out[200])
{
	assert_true(snprintf(out, 200, "%s/%s", f->dir, name) < 200);
}

/* --- administration --- */

static inline unsigned admin_do(struct fixture *f, const char *text)
{
	static const uint8_t id[16] = {7};
	struct writer w AUTO(writer_free) = writer_growing(ADMIN_ANSWER_MAX);
	struct arena *a AUTO(arena_freep) = arena_new(4 << 20);
	char *body = strdup(text); /* the service wipes what it parsed, not this */
	unsigned status = admin_answer(&f->kms, BYTES("tester"), id, bytes_text(body), a, &w);

	free(body);
	json_free(f->answer);
	f->answer = NULL;
	assert_int_equal(kms_commit(&f->kms), OK);
	assert_int_equal(json_parse(writer_bytes(&w), ADMIN_ANSWER_MAX, &f->answer, NULL), OK);
	assert_int_equal(json_get_bool(f->answer, "ok", false), status == 200);
	return status;
}

static inline void admin_ok(struct fixture *f, const char *text)
{
	unsigned status = admin_do(f, text);

	if (status != 200) {
		struct bytes m = json_get_bytes(f->answer, "message");
		fail_msg("%s: %u %.*s", text, status, (int)m.n, (const char *)m.p);
	}
}

static inline void admin_refused(struct fixture *f, const char *text, const char *error)
{
	assert_int_not_equal(admin_do(f, text), 200);
	struct bytes got = json_get_bytes(f->answer, "error");
	if (!bytes_is(got, error)) {
		fail_msg("%s: error %.*s, not %s", text, (int)got.n, (const char *)got.p, error);
	}
	assert_true(json_get_bytes(f->answer, "message").n > 0);
}

static inline void take(struct fixture *f, const char *member, char *out, size_t size)
{
	struct bytes b = json_get_bytes(f->answer, member);

	assert_true(b.n > 0 && b.n < size);
	memcpy(out, b.p, b.n);
	out[b.n] = '\0';
}

static inline void make_person(struct fixture *f, const char *name, struct person *p)
{
	char text[256];

	snprintf(text, sizeof(text), "{\"op\":\"tenant.create\",\"name\":\"%s\"}", name);
	admin_ok(f, text);
	take(f, "tenant", p->tenant, sizeof(p->tenant));
	snprintf(text, sizeof(text), "{\"op\":\"user.create\",\"tenant\":\"%s\",\"user\":\"u\"}",
	         name);
	admin_ok(f, text);
	take(f, "arn", p->arn, sizeof(p->arn));
	snprintf(text, sizeof(text),
	         "{\"op\":\"access-key.create\",\"tenant\":\"%s\",\"user\":\"u\"}", name);
	admin_ok(f, text);
	take(f, "access_key", p->access_key, sizeof(p->access_key));
	take(f, "secret_key", p->secret_key, sizeof(p->secret_key));
	p->secret = secret_from(bytes_text(p->secret_key));
}

static inline void enrol(struct fixture *f, const char *name)
{
	char text[300], hex[65], secret[65];
	uint8_t raw[32];
	struct writer w = writer_fixed(hex, 64);

	hex_write(&w, bytes_of(f->certificate, 32));
	hex[64] = '\0';
	snprintf(text, sizeof(text), "{\"op\":\"gateway.enrol\",\"name\":\"%s\","
	         "\"certificate_sha256\":\"%s\",\"domains\":\"s3.test other.test\"}", name, hex);
	admin_ok(f, text);
	take(f, "secret", secret, sizeof(secret));
	assert_int_equal(hex_read(bytes_text(secret), raw, 32), OK);
	secret_free(f->enrolment);
	f->enrolment = secret_from(bytes_of(raw, 32));
}

/* --- life --- */

static inline void fixture_open(struct fixture *f)
{
	struct report report = {0};

	if (kms_open(&f->config, &f->kms, &report) != OK) {
		fail_msg("kms_open: %s", report.text);
	}
}

static inline void fixture_config(struct fixture *f)
{
	char log[200];

	strcpy(f->config.origin, "kms.test/log/1");
	strcpy(f->config.region, "fr-sov-1");
	f->config.anonymous = true;
	fixture_path(f, "state", f->config.state_dir);
	fixture_path(f, "log", log);
	memcpy(f->config.log_dir, log, sizeof(log));
	fixture_path(f, "fence", f->config.log_fence);
	assert_int_equal(mkdir(f->config.state_dir, 0700), 0);
	assert_int_equal(mkdir(f->config.log_dir, 0700), 0);
}

/* An open service without tenants. */
static inline struct fixture *fixture_new(void)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	assert_int_equal(secret_init(KMS_SECRETS), OK);
	strcpy(f->dir, "/tmp/test_kms.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->arena = arena_new(FIXTURE_ARENA);
	memset(f->certificate, 0xce, sizeof(f->certificate));
	fixture_config(f);
	fixture_open(f);
	return f;
}

static inline int fixture_up(void **state)
{
	struct fixture *f = fixture_new();

	admin_ok(f, "{\"op\":\"init\",\"passphrase\":\"" PASSPHRASE "\",\"memory_mib\":64,"
	            "\"passes\":3}");
	make_person(f, "main", &f->main);
	make_person(f, "alt", &f->alt);
	enrol(f, "gw1");
	*state = f;
	return 0;
}

static inline int fixture_down(void **state)
{
	struct fixture *f = *state;
	char command[128];

	kms_close(&f->kms);
	json_free(f->answer);
	secret_free(f->enrolment);
	secret_free(f->main.secret);
	secret_free(f->alt.secret);
	arena_free(f->arena);
	snprintf(command, sizeof(command), "rm -rf %s", f->dir);
	int status = system(command);
	free(f);
	return status;
}

/* --- requests --- */

struct signing {
	const struct person *who; /* NULL: anonymous */
	const char *method, *path, *query, *host, *copy_source;
	const char *acl;    /* x-amz-acl */
	const char *body;   /* its digest is signed; NULL: UNSIGNED-PAYLOAD */
	int64_t age_ms;     /* how old the signature is */
	uint64_t expires_s; /* not 0: presigned */
};

static inline struct bytes amz_date(struct fixture *f, int64_t age_ms)
{
	uint8_t *p = arena_alloc(f->arena, 16);
	struct writer w = writer_fixed(p, 16);

	date_write_amz(&w, (uint64_t)((int64_t)clock_real_ms() - age_ms));
	return writer_bytes(&w);
}

static inline struct sigv4_evidence presign(struct fixture *f, const struct signing *s,
                                            struct sigv4_request *r)
{
	struct sigv4_evidence e;
	enum sigv4_fault fault;

	assert_int_equal(sigv4_presign(f->arena, r, bytes_text(s->who->access_key), s->who->secret,
	                               BYTES("fr-sov-1"), amz_date(f, s->age_ms), s->expires_s,
	                               &r->query), OK);
	assert_int_equal(sigv4_read(f->arena, r, BYTES("s3"), (struct bytes){0}, &e, &fault), OK);
	assert_int_equal(e.kind, SIGV4_QUERY);
	return e;
}

static inline struct bytes payload_hash(struct fixture *f, const char *body)
{
	uint8_t digest[SHA256_BYTES];
	uint8_t *text = arena_alloc(f->arena, 2 * sizeof(digest));
	struct writer w = writer_fixed(text, 2 * sizeof(digest));

	if (body == NULL) {
		return BYTES("UNSIGNED-PAYLOAD");
	}
	assert_int_equal(hash_sha256(bytes_text(body), digest), OK);
	hex_write(&w, bytes_of(digest, sizeof(digest)));
	return writer_bytes(&w);
}

/* The evidence as an honest gateway reads it from what a client sent. */
static inline struct sigv4_evidence sign(struct fixture *f, const struct signing *s)
{
	struct field *h = arena_alloc(f->arena, 7 * sizeof(*h));
	struct sigv4_request r = {
		.method = bytes_text(s->method), .path = bytes_text(s->path),
		.query = bytes_text(s->query == NULL ? "" : s->query), .headers = h,
	};
	struct sigv4_evidence e;
	enum sigv4_fault fault;
	struct bytes date = amz_date(f, s->age_ms), authorization;
	struct bytes payload = payload_hash(f, s->body);

	h[r.n_headers++] = (struct field){BYTES("host"),
		bytes_text(s->host == NULL ? "s3.test" : s->host)};
	if (s->expires_s != 0) {
		return presign(f, s, &r);
	}
	h[r.n_headers++] = (struct field){BYTES("x-amz-date"), date};
	h[r.n_headers++] = (struct field){BYTES("x-amz-content-sha256"), payload};
	if (s->acl != NULL) {
		h[r.n_headers++] = (struct field){BYTES("x-amz-acl"), bytes_text(s->acl)};
	}
	if (s->copy_source != NULL) {
		h[r.n_headers++] = (struct field){BYTES("x-amz-copy-source"),
			bytes_text(s->copy_source)};
	}
	if (s->who != NULL) {
		assert_int_equal(sigv4_authorization(f->arena, &r, bytes_text(s->who->access_key),
		                                     s->who->secret, BYTES("fr-sov-1"), BYTES("s3"),
		                                     date, payload, &authorization), OK);
		h[r.n_headers++] = (struct field){BYTES("authorization"), authorization};
	}
	assert_int_equal(sigv4_read(f->arena, &r, BYTES("s3"), (struct bytes){0}, &e, &fault), OK);
	return e;
}

/* --- batches --- */

static inline unsigned send(struct fixture *f, const struct kmsproto_call *calls, size_t n,
                            struct kmsproto_reply *replies)
{
	uint8_t nonce[32];
	struct writer batch AUTO(writer_free) = writer_growing(KMSPROTO_BATCH_MAX);
	struct writer answer AUTO(writer_free) = writer_growing(KMSPROTO_BATCH_MAX);
	struct arena *a AUTO(arena_freep) = arena_new(32 << 20);

	random_bytes(nonce, sizeof(nonce));
	kmsproto_batch_begin(&batch, nonce, (uint16_t)n);
	for (size_t i = 0; i < n; i++) {
		kmsproto_call_write(&batch, &calls[i]);
	}
	assert_int_equal(writer_end(&batch), OK);
	unsigned status = face_gateway_answer(&f->kms, f->certificate, BYTES("192.0.2.1"),
	                                      writer_bytes(&batch), a, &answer);
	assert_int_equal(kms_commit(&f->kms), OK);
	if (status == 200) {
		assert_int_equal(kmsproto_answer_read(f->arena, writer_bytes(&answer), f->enrolment,
		                                      nonce, n, replies), OK);
	}
	return status;
}

static inline struct kmsproto_call access_of(const struct sigv4_evidence *e)
{
	struct kmsproto_call c = {.kind = KMSPROTO_ACCESS};

	memset(c.access.request_id, 0x42, sizeof(c.access.request_id));
	c.access.source = BYTES("198.51.100.7");
	c.access.agent = BYTES("tester/1");
	c.access.evidence = *e;
	return c;
}

static inline struct kmsproto_reply send_one(struct fixture *f, const struct kmsproto_call *c)
{
	struct kmsproto_reply r = {0};

	assert_int_equal(send(f, c, 1, &r), 200);
	return r;
}

static inline struct kmsproto_key_call issue(const char *bucket, const char *key, uint8_t id)
{
	struct kmsproto_key_call k = {.op = KMSPROTO_ISSUE, .bucket = bytes_text(bucket),
	                              .key = bytes_text(key)};

	memset(k.object_id, id, sizeof(k.object_id));
	return k;
}

static inline struct kmsproto_key_call opening(const char *bucket, const char *key, uint8_t id,
                                               struct bytes wrapped)
{
	struct kmsproto_key_call k = issue(bucket, key, id);

	k.op = KMSPROTO_OPEN;
	k.wrapped = wrapped;
	return k;
}

/* A request with up to two keys; the verdict, and the reply when it is asked for. */
static inline enum kmsproto_verdict ask(struct fixture *f, const struct sigv4_evidence *e,
                                        const struct kmsproto_key_call *keys, size_t n,
                                        struct kmsproto_reply *ret)
{
	struct kmsproto_call c = access_of(e);

	for (size_t i = 0; i < n; i++) {
		c.access.keys[i] = keys[i];
	}
	c.access.n_keys = n;
	struct kmsproto_reply r = send_one(f, &c);
	if (r.verdict != KMSPROTO_OK) {
		assert_int_equal(r.n_keys, 0);
		assert_null(r.keys[0].dek);
	}
	if (ret != NULL) {
		*ret = r;
	} else {
		kmsproto_replies_free(&r, 1);
	}
	return r.verdict;
}

/* --- the log --- */

/* Entry `seq` as it stands in the journal, found by its text. Its views are in the arena. */
static inline struct logfmt_entry entry_of(struct fixture *f, uint64_t seq)
{
	struct logfmt_entry e = {0};
	char path[600], mark[64];
	static uint8_t file[FIXTURE_JOURNAL];
	DIR *d;

	snprintf(path, sizeof(path), "%s/journal", f->config.log_dir);
	snprintf(mark, sizeof(mark), "{\"v\":1,\"seq\":%llu,", (unsigned long long)seq);
	d = opendir(path);
	assert_non_null(d);
	for (struct dirent *i = readdir(d); i != NULL; i = readdir(d)) {
		snprintf(path, sizeof(path), "%s/journal/%s", f->config.log_dir, i->d_name);
		FILE *s = fopen(path, "re");
		size_t n = s == NULL ? 0 : fread(file, 1, sizeof(file), s);
		if (s != NULL) {
			fclose(s);
		}
		uint8_t *at = memmem(file, n, mark, strlen(mark));
		if (at != NULL) {
			struct bytes line = bytes_of(at, (size_t)at[-2] << 8 | at[-1]);
			assert_int_equal(logfmt_entry_read(f->arena, line, &e), OK);
			closedir(d);
			return e;
		}
	}
	fail_msg("no entry %llu in the journal", (unsigned long long)seq);
	return e;
}

static inline struct logfmt_entry last_entry(struct fixture *f)
{
	return entry_of(f, keylog_size(f->kms.log) - 1);
}

#endif
