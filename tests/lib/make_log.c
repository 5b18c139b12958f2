/*
 * For scripts: make a key log with the server's own code.
 *
 *   make_log FOLDER ENTRIES [SEED]    FOLDER/log, FOLDER/fence, FOLDER/vkey; after the first half of the
 *                                     entries FOLDER/older, the checkpoint of that time
 *
 * Two runs of the service; pairs of a data key issued and opened again; a refusal now and then. Object tokens are
 * made with the token key of 32 bytes 0x42: bucket "records", object "patient-<n>", id = n as 8 bytes.
 * Run again with the same FOLDER, it goes on in the same log. Prints "started" after the start entry of each run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/attr.h"
#include "common/crypto/sign.h"
#include "common/logfmt/note.h"
#include "common/logfmt/token.h"
#include "server/kms/keylog/keylog.h"

enum { PATH_BYTES = 4096, BATCH = 100, REFUSED_EACH = 17 };

static const char origin[] = "kms.example.org/log/1";

struct maker {
	char log[PATH_BYTES], fence[PATH_BYTES], vkey[PATH_BYTES], older[PATH_BYTES];
	struct secret *seed;
	struct secret *token_key;
	struct keylog *k;
	uint64_t made; /* access entries */
};

static enum err append(struct maker *m, enum logfmt_event event, struct bytes op)
{
	struct logfmt_entry e = {.event = event, .result = BYTES("ok"), .op = op};

	TRY(keylog_append(m->k, &e));
	return keylog_sync(m->k);
}

static enum err name_object(struct maker *m, uint64_t number, struct logfmt_entry *e)
{
	char name[64];
	uint8_t id[8];
	struct writer n = writer_fixed(name, sizeof(name)), i = writer_fixed(id, sizeof(id));

	write_text(&n, "patient-");
	write_decimal(&n, number);
	write_u64(&i, number);
	TRY(token_bucket(m->token_key, BYTES("records"), e->bucket_token));
	return token_object(m->token_key, BYTES("records"), writer_bytes(&n), writer_bytes(&i),
	                    e->keys[0].object_token);
}

/* Access number i: the even ones issue a key, the odd ones open it. */
static enum err append_access(struct maker *m)
{
	uint64_t i = m->made++, number = i / 2;
	struct logfmt_entry e = {
		.event = LOGFMT_ACCESS,
		.result = BYTES("ok"),
		.gateway = number % 3 == 0 ? BYTES("gw-paris") : BYTES("gw-lyon"),
		.tenant = number % 5 == 0 ? BYTES("000000000002") : BYTES("000000000001"),
		.principal = BYTES("arn:aws:iam::000000000001:user/léa"),
		.access_key = BYTES("AKIAIOSFODNN7EXAMPLE"),
		.source = BYTES("192.0.2.17"),
		.agent = BYTES("aws-sdk-java/2.29.0 \"quoted\" \\ \t"),
		.op = i % 2 == 0 ? BYTES("s3:PutObject") : BYTES("s3:GetObject"),
		.period = BYTES("2026-11"),
		.basis = BYTES("tenant-owner"),
		.n_keys = 1,
	};
	struct writer digest = writer_fixed(e.keys[0].wrapped_digest, 8);

	random_bytes(e.request_id, sizeof(e.request_id));
	e.keys[0].use = i % 2 == 0 ? LOGFMT_ISSUED : LOGFMT_OPENED;
	e.keys[0].key_version = 1;
	memset(e.keys[0].key_id, 0x11, sizeof(e.keys[0].key_id));
	write_u64(&digest, number + 1);
	TRY(name_object(m, number, &e));
	if (i % REFUSED_EACH == REFUSED_EACH - 1) {
		struct logfmt_entry refused = e;
		refused.result = i % 2 == 0 ? BYTES("denied") : BYTES("bad-signature");
		refused.n_keys = 0;
		TRY(keylog_append(m->k, &refused));
	}
	return keylog_append(m->k, &e);
}

static enum err copy_file(const char *from, const char *to)
{
	uint8_t bytes[NOTE_MAX];
	FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
	enum err e = ERR_IO;

	if (in != NULL && out != NULL) {
		size_t n = fread(bytes, 1, sizeof(bytes), in);
		e = fwrite(bytes, 1, n, out) == n ? OK : ERR_IO;
	}
	if (in != NULL) {
		fclose(in);
	}
	if (out != NULL && fclose(out) != 0) {
		e = ERR_IO;
	}
	return e;
}

static enum err run_service(struct maker *m, uint64_t entries)
{
	struct keylog_options options = {.dir = m->log, .fence = m->fence, .origin = origin};
	struct report report;

	enum err e = keylog_open(&options, &m->k, &report);
	if (e != OK) {
		fprintf(stderr, "make_log: %s\n", report.text);
		return e;
	}
	TRY(append(m, LOGFMT_START, bytes_of(NULL, 0)));
	puts("started"); /* for a script that kills this program */
	fflush(stdout);
	TRY(append(m, LOGFMT_UNSEAL, bytes_of(NULL, 0)));
	TRY(keylog_signer(m->k, m->seed));
	for (uint64_t i = 1; i <= entries; i++) {
		TRY(append_access(m));
		if (i % BATCH == 0) {
			TRY(keylog_sync(m->k));
		}
	}
	TRY(append(m, LOGFMT_STOP, bytes_of(NULL, 0)));
	keylog_close(m->k);
	m->k = NULL;
	return OK;
}

static enum err write_vkey(const struct maker *m)
{
	uint8_t public_key[SIGN_PUBLIC_BYTES], text[512];
	struct writer w = writer_fixed(text, sizeof(text));

	TRY(sign_public(m->seed, public_key));
	note_key_write(&w, bytes_text(origin), public_key);
	write_u8(&w, '\n');
	FILE *file = fopen(m->vkey, "wb");
	if (file == NULL) {
		return ERR_IO;
	}
	size_t n = fwrite(text, 1, w.used, file);
	return fclose(file) == 0 && n == w.used ? OK : ERR_IO;
}

static enum err make(struct maker *m, uint64_t entries)
{
	char checkpoint[PATH_BYTES + 16];

	TRY(write_vkey(m));
	TRY(run_service(m, entries / 2 / 2 * 2));
	snprintf(checkpoint, sizeof(checkpoint), "%s/checkpoint", m->log);
	TRY(copy_file(checkpoint, m->older));
	return run_service(m, entries - entries / 2 / 2 * 2);
}

int main(int argc, char **argv)
{
	static struct maker m;
	uint8_t key[32];
	uint64_t entries = 0;

	if (argc < 3 || bytes_u64(bytes_text(argv[2]), &entries) != OK || secret_init(8) != OK) {
		fprintf(stderr, "usage: make_log FOLDER ENTRIES [SEED]\n");
		return 2;
	}
	snprintf(m.log, sizeof(m.log), "%s/log", argv[1]);
	snprintf(m.fence, sizeof(m.fence), "%s/fence", argv[1]);
	snprintf(m.vkey, sizeof(m.vkey), "%s/vkey", argv[1]);
	snprintf(m.older, sizeof(m.older), "%s/older", argv[1]);
	memset(key, argc > 3 ? argv[3][0] : 's', sizeof(key));
	m.seed = secret_from(bytes_of(key, sizeof(key)));
	memset(key, 0x42, sizeof(key));
	m.token_key = secret_from(bytes_of(key, sizeof(key)));
	return make(&m, entries) == OK ? 0 : 1;
}
