/*
 * The key log's cost: entries per second, append to durable, for batches of 1 to 1024 entries, with
 * the publisher at work. Prints one line for each batch size.
 *
 *   keylog FOLDER
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/clock.h"
#include "server/kms/keylog/keylog.h"

enum { RUN_MS = 1500, SAMPLES_MAX = 65536, US_PER_S = 1000000 };

static uint64_t samples[SAMPLES_MAX];

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static struct logfmt_entry make_entry(void)
{
	struct logfmt_entry e = {
		.event = LOGFMT_ACCESS,
		.result = BYTES("ok"),
		.gateway = BYTES("gateway-1"),
		.tenant = BYTES("000000000001"),
		.principal = BYTES("arn:aws:iam::000000000001:user/alice"),
		.access_key = BYTES("AKIAIOSFODNN7EXAMPLE"),
		.source = BYTES("192.0.2.17"),
		.agent = BYTES("aws-sdk-java/2.29.0 Linux/6.1 OpenJDK/17.0.12"),
		.op = BYTES("s3:GetObject"),
		.period = BYTES("2026-11"),
		.basis = BYTES("tenant-owner"),
		.n_keys = 1,
	};

	memset(e.request_id, 0x5a, sizeof(e.request_id));
	memset(e.bucket_token, 0x5b, sizeof(e.bucket_token));
	e.keys[0].use = LOGFMT_OPENED;
	e.keys[0].key_version = 1;
	memset(e.keys[0].key_id, 0x5c, sizeof(e.keys[0].key_id));
	memset(e.keys[0].wrapped_digest, 0x5d, sizeof(e.keys[0].wrapped_digest));
	memset(e.keys[0].object_token, 0x5e, sizeof(e.keys[0].object_token));
	return e;
}

static enum err one_batch(struct keylog *k, unsigned batch)
{
	for (unsigned i = 0; i < batch; i++) {
		struct logfmt_entry e = make_entry();
		TRY(keylog_append(k, &e));
	}
	return keylog_sync(k);
}

/* Of the calling thread: what the worker pays, whatever else the computer does. */
static double cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * US_PER_S + (double)t.tv_nsec / 1000;
}

static enum err run(struct keylog *k, unsigned batch)
{
	uint64_t start = clock_mono_us(), now = start;
	double cpu = cpu_us();
	size_t n = 0;

	while (now - start < RUN_MS * 1000 && n < SAMPLES_MAX) {
		TRY(one_batch(k, batch));
		uint64_t end = clock_mono_us();
		samples[n++] = end - now;
		now = end;
	}
	qsort(samples, n, sizeof(samples[0]), compare);
	cpu = cpu_us() - cpu;
	printf("%6u entries per sync: %9.0f entries/s   p50 %6.2f ms   p99 %6.2f ms   "
	       "worker CPU %5.2f us an entry   published %.0f %%\n",
	       batch, (double)(n * batch) * US_PER_S / (double)(now - start),
	       (double)samples[n / 2] / 1000, (double)samples[n * 99 / 100] / 1000,
	       cpu / (double)(n * batch),
	       100.0 * (double)keylog_published(k) / (double)keylog_size(k));
	return OK;
}

int main(int argc, char **argv)
{
	static const unsigned batches[] = {1, 8, 64, 256, 1024};
	struct keylog *k = NULL;
	struct report report;
	char fence[4096];

	if (argc != 2 || secret_init(8) != OK) {
		fprintf(stderr, "usage: keylog FOLDER\n");
		return 2;
	}
	snprintf(fence, sizeof(fence), "%s.fence", argv[1]);
	struct keylog_options options = {.dir = argv[1], .fence = fence, .origin = "bench/log/1"};
	struct secret *seed = secret_random(32);
	if (keylog_open(&options, &k, &report) != OK) {
		fprintf(stderr, "keylog: %s\n", report.text);
		return 1;
	}
	enum err e = keylog_signer(k, seed);
	for (size_t i = 0; i < sizeof(batches) / sizeof(batches[0]) && e == OK; i++) {
		e = run(k, batches[i]);
	}
	uint64_t before = clock_mono_us();
	keylog_close(k);
	printf("close, with the last publication: %.2f s\n",
	       (double)(clock_mono_us() - before) / US_PER_S);
	secret_free(seed);
	return e == OK ? 0 : 1;
}
