/*
 * How many data keys a KMS opens in a second, each with its own evidence and its own durable entry of the key log:
 * what a gateway under load sends, without the gateway.
 *
 *   opens URL CA CERTIFICATE KEY SECRET_FILE BUCKET REGION CONNECTIONS SECONDS
 *
 * The access key comes from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Each connection sends batches of 64 calls: the
 * first batch issues 64 data keys, the others open them. Every reply is checked. Answer: one line of JSON.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/lib/http.h"
#include "common/base/clock.h"
#include "common/codec/date.h"
#include "common/codec/hex.h"
#include "common/kmsproto/kmsproto.h"

enum {
	BATCH = 64,
	CONNECTIONS_MAX = 16,
	TIMES_MAX = 1 << 18, /* batches of one connection */
	ARENA_BYTES = 16 << 20,
	SECRET_SLOTS = 8192,
	TEXT_BYTES = 256,
	DATE_BYTES = 16,
};

struct access_key {
	struct bytes id;
	struct secret *secret;
	struct bytes region;
};

struct hand {
	pthread_t thread;
	unsigned number;
	char **argv;
	const struct access_key *key;
	const struct secret *enrolment;
	struct http_client *http;
	struct arena *lasting, *passing; /* calls and wrapped keys; one batch and its answer */
	struct writer request, answer;
	struct kmsproto_call calls[BATCH];
	uint64_t seconds;
	uint32_t *times_us;
	size_t batches;
};

static void must(bool good, const char *what)
{
	if (!good) {
		fprintf(stderr, "opens: failed: %s\n", what);
		exit(1);
	}
}

static struct secret *read_enrolment(const char *path)
{
	uint8_t text[2 * KMSPROTO_ENROLMENT_BYTES], raw[KMSPROTO_ENROLMENT_BYTES];
	FILE *f = fopen(path, "r");
	must(f != NULL && fread(text, 1, sizeof(text), f) == sizeof(text), path);
	fclose(f);
	must(hex_read(bytes_of(text, sizeof(text)), raw, sizeof(raw)) == OK, "enrolment secret");
	struct secret *s = secret_from(bytes_of(raw, sizeof(raw)));
	must(s != NULL, "locked memory");
	wipe(text, sizeof(text));
	wipe(raw, sizeof(raw));
	return s;
}

static void sign(struct hand *h, const char *method, struct bytes path,
                 struct sigv4_evidence *ret)
{
	static const struct bytes unsigned_payload = BYTES("UNSIGNED-PAYLOAD");
	char *date = arena_alloc(h->lasting, DATE_BYTES + 1);
	struct field *headers = arena_alloc(h->lasting, 4 * sizeof(*headers));
	must(date != NULL && headers != NULL, "memory");
	struct writer w = writer_fixed(date, DATE_BYTES);
	date_write_amz(&w, clock_real_ms());
	headers[0] = (struct field){BYTES("host"), BYTES("127.0.0.1")};
	headers[1] = (struct field){BYTES("x-amz-content-sha256"), unsigned_payload};
	headers[2] = (struct field){BYTES("x-amz-date"), writer_bytes(&w)};
	headers[3] = (struct field){BYTES("authorization"), {NULL, 0}};
	struct sigv4_request request = {
		.method = bytes_text(method), .path = path, .headers = headers, .n_headers = 3};
	enum sigv4_fault fault;
	must(sigv4_authorization(h->lasting, &request, h->key->id, h->key->secret, h->key->region,
	                         BYTES("s3"), headers[2].value, unsigned_payload,
	                         &headers[3].value) == OK, "signature");
	request.n_headers = 4;
	must(sigv4_read(h->lasting, &request, BYTES("s3"), (struct bytes){NULL, 0}, ret,
	                &fault) == OK, "evidence");
}

static void make_call(struct hand *h, unsigned i, const char *method, struct bytes wrapped)
{
	struct kmsproto_call *call = &h->calls[i];
	char path[TEXT_BYTES];
	snprintf(path, sizeof(path), "/%s/opens-%u-%u", h->argv[6], h->number, i);
	struct bytes kept = arena_copy(h->lasting, bytes_text(path));
	must(kept.p != NULL, "memory");
	struct bytes bucket = bytes_text(h->argv[6]);
	*call = (struct kmsproto_call){.kind = KMSPROTO_ACCESS};
	call->access.source = BYTES("127.0.0.1");
	call->access.agent = BYTES("bench");
	call->access.request_id[0] = (uint8_t)i;
	sign(h, method, kept, &call->access.evidence);
	call->access.n_keys = 1;
	call->access.keys[0] = (struct kmsproto_key_call){
		.op = wrapped.n > 0 ? KMSPROTO_OPEN : KMSPROTO_ISSUE,
		.bucket = bucket,
		.key = bytes_skip(kept, bucket.n + 2),
		.wrapped = wrapped,
	};
	call->access.keys[0].object_id[0] = (uint8_t)i;
}

/* The replies live until the next batch; their keys are gone already. */
static struct kmsproto_reply *send_batch(struct hand *h)
{
	static const struct field type = {BYTES("Content-Type"),
	                                  BYTES("application/vnd.rempart.batch")};
	uint8_t nonce[KMSPROTO_NONCE_BYTES];
	struct http_answer answer;
	struct report r = {0};
	arena_reset(h->passing);
	h->request.used = h->answer.used = 0;
	random_bytes(nonce, sizeof(nonce));
	kmsproto_batch_begin(&h->request, nonce, BATCH);
	for (unsigned i = 0; i < BATCH; i++) {
		kmsproto_call_write(&h->request, &h->calls[i]);
	}
	must(writer_end(&h->request) == OK, "batch");
	const struct http_call call = {
		.method = "POST",
		.url = h->argv[1],
		.headers = &type,
		.n_headers = 1,
		.body = writer_bytes(&h->request),
		.answer = &h->answer,
	};
	must(http_call(h->http, &call, &answer, &r) == OK && answer.status == 200, r.text);
	struct kmsproto_reply *replies = arena_alloc(h->passing, BATCH * sizeof(*replies));
	must(replies != NULL && kmsproto_answer_read(h->passing, writer_bytes(&h->answer),
	                                             h->enrolment, nonce, BATCH, replies) == OK,
	     "answer");
	for (unsigned i = 0; i < BATCH; i++) {
		must(replies[i].verdict == KMSPROTO_OK && replies[i].n_keys == 1 &&
		     replies[i].keys[0].dek != NULL &&
		     replies[i].log_index != KMSPROTO_NO_LOG_INDEX,
		     kmsproto_verdict_name(replies[i].verdict));
	}
	kmsproto_replies_free(replies, BATCH);
	return replies;
}

static void prepare(struct hand *h)
{
	const struct http_client_options o = {
		.ca_file = h->argv[2],
		.certificate_file = h->argv[3],
		.key_file = h->argv[4],
		.tls13_only = true,
	};
	struct report r = {0};
	h->lasting = arena_new(ARENA_BYTES);
	h->passing = arena_new(ARENA_BYTES);
	h->request = writer_growing(KMSPROTO_BATCH_MAX);
	h->answer = writer_growing(KMSPROTO_BATCH_MAX);
	h->times_us = malloc(TIMES_MAX * sizeof(*h->times_us));
	must(h->lasting != NULL && h->passing != NULL && h->times_us != NULL, "memory");
	must(http_client_new(&o, &h->http, &r) == OK, r.text);
	for (unsigned i = 0; i < BATCH; i++) {
		make_call(h, i, "PUT", (struct bytes){NULL, 0});
	}
	const struct kmsproto_reply *issued = send_batch(h);
	for (unsigned i = 0; i < BATCH; i++) {
		struct bytes wrapped = arena_copy(h->lasting, issued[i].keys[0].wrapped);
		must(wrapped.n > 0, "issued key");
		make_call(h, i, "GET", wrapped);
	}
	send_batch(h); /* warm */
}

static void *run(void *argument)
{
	struct hand *h = argument;
	uint64_t now = clock_mono_us(), end = now + h->seconds * 1000000;
	while (now < end && h->batches < TIMES_MAX) {
		send_batch(h);
		uint64_t then = clock_mono_us();
		h->times_us[h->batches++] = (uint32_t)(then - now);
		now = then;
	}
	return NULL;
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

static void tell(struct hand *hands, unsigned n, double seconds)
{
	size_t batches = 0;
	for (unsigned i = 0; i < n; i++) {
		batches += hands[i].batches;
	}
	uint32_t *all = malloc(batches * sizeof(*all));
	must(all != NULL && batches > 0, "not one batch");
	size_t at = 0;
	for (unsigned i = 0; i < n; i++) {
		memcpy(all + at, hands[i].times_us, hands[i].batches * sizeof(*all));
		at += hands[i].batches;
	}
	qsort(all, batches, sizeof(*all), by_value);
	printf("{\"opens_per_s\": %.1f, \"batches\": %zu, \"batch_p50_ms\": %.3f, "
	       "\"batch_p99_ms\": %.3f}\n", (double)(batches * BATCH) / seconds, batches,
	       all[batches / 2] / 1e3, all[batches * 99 / 100] / 1e3);
	free(all);
}

int main(int argc, char **argv)
{
	static struct hand hands[CONNECTIONS_MAX];
	const char *id = getenv("AWS_ACCESS_KEY_ID"), *secret = getenv("AWS_SECRET_ACCESS_KEY");
	unsigned n = argc == 10 ? (unsigned)strtoul(argv[8], NULL, 10) : 0;
	if (n < 1 || n > CONNECTIONS_MAX || id == NULL || secret == NULL) {
		fputs("usage: opens URL CA CERTIFICATE KEY SECRET_FILE BUCKET REGION CONNECTIONS "
		      "SECONDS, with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY\n", stderr);
		return 2;
	}
	must(secret_init(SECRET_SLOTS) == OK, "locked memory");
	struct access_key key = {bytes_text(id), secret_from(bytes_text(secret)),
	                         bytes_text(argv[7])};
	struct secret *enrolment = read_enrolment(argv[5]);
	must(key.secret != NULL, "locked memory");
	for (unsigned i = 0; i < n; i++) {
		hands[i] = (struct hand){.number = i, .argv = argv, .key = &key,
		                         .enrolment = enrolment,
		                         .seconds = strtoull(argv[9], NULL, 10)};
		prepare(&hands[i]);
	}
	uint64_t begin = clock_mono_us();
	for (unsigned i = 0; i < n; i++) {
		must(pthread_create(&hands[i].thread, NULL, run, &hands[i]) == 0, "thread");
	}
	for (unsigned i = 0; i < n; i++) {
		pthread_join(hands[i].thread, NULL);
	}
	tell(hands, n, (double)(clock_mono_us() - begin) / 1e6);
	return 0;
}
