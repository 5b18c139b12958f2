/* Makes small published logs from the format alone: no line of the server's writer is used. */
#ifndef TEST_AUDITOR_FIXTURE_H
#define TEST_AUDITOR_FIXTURE_H
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/auditor/verify.h"
#include "common/base/attr.h"
#include "common/crypto/sign.h"

static const char fixture_origin[] = "kms.example.org/log/1";
static const uint64_t fixture_time_ns = UINT64_C(1795440600000000000); /* 2026-11-23T13:30:00Z */

struct fixture {
	char root[64]; /* removed at the end */
	char dir[96];
	struct secret *seed;
	uint8_t vkey[256];
	size_t vkey_n;
	/* what the log is made of */
	uint64_t size;
	uint64_t also; /* an earlier published size; 0: none */
	void (*edit)(struct logfmt_entry *e);           /* change an entry; NULL */
	void (*line)(uint64_t i, struct writer *entry); /* change its bytes; NULL */
	/* while it is made */
	struct tree tree;
	uint8_t *bundle;
	size_t bundle_n;
	/* a verification */
	struct arena *arena;
	struct verify_options options;
	struct verify_result *result;
};

static inline int fixture_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline int fixture_set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	uint8_t public_key[32];

	strcpy(f->root, access("/dev/shm", W_OK) == 0 ? "/dev/shm/auditor-test-XXXXXX"
	                                               : "/tmp/auditor-test-XXXXXX");
	if (mkdtemp(f->root) == NULL) {
		return -1;
	}
	snprintf(f->dir, sizeof(f->dir), "%s/log", f->root);
	f->seed = secret_from(BYTES("0123456789abcdef0123456789abcdef"));
	f->bundle = malloc(LOGDIR_BUNDLE_BYTES);
	f->result = malloc(sizeof(*f->result));
	f->arena = arena_new(1 << 22);
	if (sign_public(f->seed, public_key) != OK) {
		return -1;
	}
	struct writer w = writer_fixed(f->vkey, sizeof(f->vkey));
	note_key_write(&w, bytes_text(fixture_origin), public_key);
	f->vkey_n = w.used;
	f->options.dir = -1;
	f->options.now_ns = fixture_time_ns + UINT64_C(1000000000000);
	*state = f;
	return note_key_read(bytes_of(f->vkey, f->vkey_n), &f->options.key) == OK ? 0 : -1;
}

static inline int fixture_tear_down(void **state)
{
	struct fixture *f = *state;

	nftw(f->root, fixture_remove, 16, FTW_DEPTH | FTW_PHYS);
	if (f->options.dir >= 0) {
		close(f->options.dir);
	}
	secret_free(f->seed);
	arena_free(f->arena);
	free(f->bundle);
	free(f->result);
	free(f);
	return 0;
}

static inline int fixture_group(void **state)
{
	(void)state;
	return secret_init(16) == OK ? 0 : -1;
}

static inline const char *fixture_path(struct fixture *f, const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	return path;
}

static inline void fixture_write(struct fixture *f, const char *name, struct bytes content)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		mkdir(path, 0700);
		*slash = '/';
	}
	FILE *file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(content.p, 1, content.n, file), content.n);
	assert_int_equal(fclose(file), 0);
}

/* A start, then pairs: a data key issued, and opened by the next; a refusal each 10; at last a stop. */
static inline struct logfmt_entry fixture_entry(struct fixture *f, uint64_t i)
{
	struct logfmt_entry e = {
		.seq = i,
		.time_ns = fixture_time_ns + i * 1000000,
		.event = LOGFMT_ACCESS,
		.result = BYTES("ok"),
		.gateway = BYTES("gw-1"),
		.tenant = i % 4 < 2 ? BYTES("000000000001") : BYTES("000000000002"),
		.principal = BYTES("arn:aws:iam::000000000001:user/alice"),
		.op = i % 2 == 1 ? BYTES("s3:PutObject") : BYTES("s3:GetObject"),
		.n_keys = 1,
	};

	memset(e.boot, 7, sizeof(e.boot));
	memset(e.request_id, 8, sizeof(e.request_id));
	memset(e.keys[0].key_id, 9, sizeof(e.keys[0].key_id));
	e.keys[0].use = i % 2 == 1 ? LOGFMT_ISSUED : LOGFMT_OPENED;
	e.keys[0].wrapped_digest[0] = (uint8_t)((i + 1) / 2);
	e.keys[0].wrapped_digest[1] = (uint8_t)((i + 1) / 2 >> 8);
	if (i % 2 == 0) {
		e.keys[0].wrapped_digest[0] = (uint8_t)(i / 2);
		e.keys[0].wrapped_digest[1] = (uint8_t)(i / 2 >> 8);
	}
	if (i % 10 == 9) { /* the issue that follows is then missing, so is its opening */
		e.result = BYTES("denied");
	}
	if (i % 10 == 9 || (i > 0 && i % 10 == 0)) {
		e.n_keys = 0;
	}
	if (i == 0 || i + 1 == f->size) {
		e = (struct logfmt_entry){
			.seq = i,
			.time_ns = e.time_ns,
			.event = i == 0 ? LOGFMT_START : LOGFMT_STOP,
			.result = BYTES("ok"),
		};
		memset(e.boot, 7, sizeof(e.boot));
	}
	if (f->edit != NULL) {
		f->edit(&e);
	}
	return e;
}

static inline void fixture_tile(struct fixture *f, int level, const struct tree_tile *tile)
{
	char path[LOGDIR_PATH_BYTES];

	logdir_path(path, level, tile->number, tile->width);
	fixture_write(f, path, bytes_of(tile->hashes, (size_t)tile->width * 32));
	if (level == 0) {
		logdir_path(path, LOGDIR_ENTRIES, tile->number, tile->width);
		fixture_write(f, path, bytes_of(f->bundle, f->bundle_n));
	}
}

static inline enum err fixture_full(void *context, unsigned level, const struct tree_tile *tile)
{
	struct fixture *f = context;

	fixture_tile(f, (int)level, tile);
	if (level == 0) {
		f->bundle_n = 0;
	}
	return OK;
}

static inline void fixture_publish(struct fixture *f, const char *name)
{
	struct checkpoint c = {.origin = bytes_text(fixture_origin), .size = f->tree.size};
	uint8_t text[256], note[512];
	struct writer t = writer_fixed(text, sizeof(text)), n = writer_fixed(note, sizeof(note));

	for (int level = 0; level < TREE_LEVELS; level++) {
		if (f->tree.open[level].width > 0) {
			fixture_tile(f, level, &f->tree.open[level]);
		}
	}
	assert_int_equal(tree_root(&f->tree, c.root), OK);
	checkpoint_write(&t, &c);
	assert_int_equal(note_sign(&n, writer_bytes(&t), c.origin, f->seed), OK);
	fixture_write(f, name, writer_bytes(&n));
}

static inline void fixture_make(struct fixture *f)
{
	static uint8_t entry[2 + LOGFMT_ENTRY_MAX];
	uint8_t leaf[32];

	tree_init(&f->tree);
	f->bundle_n = 0;
	for (uint64_t i = 0; i < f->size; i++) {
		struct writer w = writer_fixed(entry, sizeof(entry));
		struct logfmt_entry e = fixture_entry(f, i);
		assert_int_equal(logfmt_entry_write(&e, &w), OK);
		if (f->line != NULL) {
			f->line(i, &w);
		}
		f->bundle[f->bundle_n++] = (uint8_t)(w.used >> 8);
		f->bundle[f->bundle_n++] = (uint8_t)w.used;
		memcpy(f->bundle + f->bundle_n, entry, w.used);
		f->bundle_n += w.used;
		assert_int_equal(tree_leaf_hash(writer_bytes(&w), leaf), OK);
		assert_int_equal(tree_append(&f->tree, leaf, fixture_full, f), OK);
		if (f->tree.size == f->also) {
			fixture_publish(f, "../older");
		}
	}
	fixture_publish(f, "checkpoint");
}

static inline bool fixture_verify(struct fixture *f)
{
	struct report report;

	arena_reset(f->arena);
	if (f->options.dir >= 0) {
		close(f->options.dir);
		f->options.dir = -1;
	}
	assert_int_equal(logdir_open(f->dir, &f->options.dir, &report), OK);
	assert_int_equal(verify_log(f->arena, &f->options, f->result), OK);
	return verify_good(f->result);
}

static inline uint64_t fixture_found(struct fixture *f, enum finding finding)
{
	return f->result->found[finding].count;
}
#endif
