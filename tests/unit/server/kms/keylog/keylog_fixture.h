/* What the tests of the key log share: a folder of its own, a signer, entries. */
#ifndef TEST_KEYLOG_FIXTURE_H
#define TEST_KEYLOG_FIXTURE_H
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/attr.h"
#include "common/crypto/sign.h"
#include "common/logfmt/note.h"
#include "server/kms/keylog/keylog.h"

static const char fixture_origin[] = "kms.example.org/log/1";

struct fixture {
	char root[64]; /* removed at the end */
	char dir[96];
	char fence[96];
	struct secret *seed;
	struct keylog_options options;
	struct keylog *k;
	struct report report;
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

	if (f == NULL) {
		return -1;
	}
	/* hundreds of syncs: in memory where there is such a folder */
	strcpy(f->root, access("/dev/shm", W_OK) == 0 ? "/dev/shm/keylog-test-XXXXXX"
	                                               : "/tmp/keylog-test-XXXXXX");
	if (mkdtemp(f->root) == NULL) {
		return -1;
	}
	snprintf(f->dir, sizeof(f->dir), "%s/log", f->root);
	snprintf(f->fence, sizeof(f->fence), "%s/fence", f->root);
	f->seed = secret_from(BYTES("0123456789abcdef0123456789abcdef"));
	f->options = (struct keylog_options){
		.dir = f->dir,
		.fence = f->fence,
		.origin = fixture_origin,
		.publish_ms = 3600 * 1000, /* the tests say when */
		.reserve_bytes = 4096,
	};
	*state = f;
	return f->seed == NULL ? -1 : 0;
}

static inline int fixture_tear_down(void **state)
{
	struct fixture *f = *state;

	keylog_close(f->k);
	secret_free(f->seed);
	nftw(f->root, fixture_remove, 16, FTW_DEPTH | FTW_PHYS);
	free(f);
	return 0;
}

static inline int fixture_group(void **state)
{
	(void)state;
	return secret_init(64) == OK ? 0 : -1;
}

static inline void fixture_open(struct fixture *f)
{
	enum err e = keylog_open(&f->options, &f->k, &f->report);

	if (e != OK) {
		fail_msg("keylog_open: %s: %s", err_name(e), f->report.text);
	}
}

static inline void fixture_close(struct fixture *f)
{
	keylog_close(f->k);
	f->k = NULL;
}

static inline void fixture_refused(struct fixture *f, enum err want)
{
	struct keylog *k = NULL;
	enum err e = keylog_open(&f->options, &k, &f->report);

	if (e != want) {
		keylog_close(k);
		fail_msg("keylog_open: %s, not %s: %s", err_name(e), err_name(want),
		         f->report.text);
	}
	assert_true(strlen(f->report.text) > 20);
}

static inline enum err fixture_append(struct fixture *f, const char *detail)
{
	struct logfmt_entry e = {
		.event = LOGFMT_ADMIN,
		.result = BYTES("ok"),
		.principal = BYTES("admin:test"),
		.detail = bytes_text(detail),
	};

	return keylog_append(f->k, &e);
}

/* n entries, one sync. */
static inline void fixture_log(struct fixture *f, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(fixture_append(f, "an entry"), OK);
	}
	assert_int_equal(keylog_sync(f->k), OK);
}

/* The calling thread waits until what is synced is published. */
static inline void fixture_publish(struct fixture *f)
{
	assert_int_equal(keylog_signer(f->k, f->seed), OK);
	assert_int_equal(keylog_signer(f->k, NULL), OK);
}

static inline const char *fixture_path(struct fixture *f, const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	return path;
}

static inline size_t fixture_read(const char *path, uint8_t *out, size_t max)
{
	FILE *file = fopen(path, "rb");

	assert_non_null(file);
	size_t n = fread(out, 1, max, file);
	fclose(file);
	return n;
}

static inline void fixture_write(const char *path, const uint8_t *p, size_t n)
{
	FILE *file = fopen(path, "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(p, 1, n, file), n);
	assert_int_equal(fclose(file), 0);
}

static inline void fixture_flip(const char *path, long offset)
{
	FILE *file = fopen(path, "r+b");

	assert_non_null(file);
	assert_int_equal(fseek(file, offset, offset < 0 ? SEEK_END : SEEK_SET), 0);
	int c = fgetc(file);
	assert_int_equal(fseek(file, offset, offset < 0 ? SEEK_END : SEEK_SET), 0);
	assert_int_equal(fputc(c ^ 1, file), c ^ 1);
	assert_int_equal(fclose(file), 0);
}

/* The checkpoint in a file; its signature is checked with the fixture's key. */
static inline struct checkpoint fixture_checkpoint(struct fixture *f, const char *path)
{
	static uint8_t note[4096];
	uint8_t public_key[32], vkey[256];
	struct writer w = writer_fixed(vkey, sizeof(vkey));
	struct note_key key;
	struct bytes text;
	struct checkpoint c;
	size_t n = fixture_read(path, note, sizeof(note));

	assert_int_equal(sign_public(f->seed, public_key), OK);
	note_key_write(&w, bytes_text(fixture_origin), public_key);
	assert_int_equal(note_key_read(writer_bytes(&w), &key), OK);
	assert_int_equal(note_verify(bytes_of(note, n), &key, &text), OK);
	assert_int_equal(checkpoint_read(text, &c), OK);
	assert_true(bytes_is(c.origin, fixture_origin));
	return c;
}
#endif
