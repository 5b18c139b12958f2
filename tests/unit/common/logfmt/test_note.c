/* Signed notes against the vectors of c2sp.org/signed-note and of golang.org/x/mod/sumdb/note. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "common/codec/base64.h"
#include "common/crypto/sign.h"
#include "common/logfmt/note.h"
#include "common/logfmt/token.h"

#define DASH "\xe2\x80\x94 "

static const char c2sp_vkey[] =
	"example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
static const char c2sp_note[] =
	"This is an example message.\n\n" DASH "example.com/foo "
	"Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

static const char go_vkey[] = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
static const char go_seed[] = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
static const char go_text[] = "If you think cryptography is the answer to your problem,\n"
			      "then you don't know what your problem is.\n";
static const char go_signature[] =
	DASH "PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXg"
	"KvqfqdngotpRZb6KE6RyyBwJnAM=\n";

static struct note_key key_of(const char *vkey)
{
	struct note_key key = {0};

	assert_int_equal(note_key_read(bytes_text(vkey), &key), OK);
	return key;
}

static struct secret *seed_of(const char *base64)
{
	uint8_t typed[33];
	struct writer w = writer_fixed(typed, sizeof(typed));

	assert_int_equal(base64_read(bytes_text(base64), &w), OK);
	return secret_from(bytes_of(typed + 1, 32));
}

static void test_c2sp(void **state)
{
	struct note_key key = key_of(c2sp_vkey);
	struct bytes text = {NULL, 0};

	(void)state;
	assert_true(bytes_is(key.name, "example.com/foo"));
	assert_memory_equal(key.id, "\x53\x0d\x90\x3a", 4);
	assert_int_equal(note_verify(bytes_text(c2sp_note), &key, &text), OK);
	assert_true(bytes_is(text, "This is an example message.\n"));
}

static void test_sign_as_go(void **state)
{
	char note[512], want[512], vkey[128];
	struct writer w = writer_fixed(note, sizeof(note)), v = writer_fixed(vkey, sizeof(vkey));
	struct writer expected = writer_fixed(want, sizeof(want));
	struct secret *seed = seed_of(go_seed);
	struct note_key key = key_of(go_vkey);
	uint8_t public_key[32];

	(void)state;
	assert_int_equal(sign_public(seed, public_key), OK);
	note_key_write(&v, BYTES("PeterNeumann"), public_key);
	assert_true(bytes_is(writer_bytes(&v), go_vkey));
	assert_int_equal(note_sign(&w, bytes_text(go_text), BYTES("PeterNeumann"), seed), OK);
	write_text(&expected, go_text);
	write_u8(&expected, '\n');
	write_text(&expected, go_signature);
	assert_true(bytes_equal(writer_bytes(&w), writer_bytes(&expected)));
	assert_int_equal(note_verify(writer_bytes(&w), &key, &(struct bytes){NULL, 0}), OK);
	secret_free(seed);
}

static void test_every_bit(void **state)
{
	struct note_key key = key_of(c2sp_vkey);
	char note[sizeof(c2sp_note)];
	struct bytes text;

	(void)state;
	for (size_t i = 0; i < sizeof(c2sp_note) - 1; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			memcpy(note, c2sp_note, sizeof(note));
			note[i] = (char)(note[i] ^ (1 << bit));
			assert_int_not_equal(
				note_verify(bytes_of(note, sizeof(note) - 1), &key, &text), OK);
		}
	}
	for (size_t n = 0; n < sizeof(c2sp_note) - 1; n++) {
		assert_int_not_equal(note_verify(bytes_of(c2sp_note, n), &key, &text), OK);
	}
	for (size_t i = 0; i < sizeof(c2sp_vkey) - 1; i++) {
		char vkey[sizeof(c2sp_vkey)];
		memcpy(vkey, c2sp_vkey, sizeof(vkey));
		vkey[i] = (char)(vkey[i] ^ 1);
		assert_int_equal(note_key_read(bytes_text(vkey), &key), ERR_INPUT);
	}
}

static enum err verify_lines(const char *text, const char *lines, struct bytes *ret)
{
	static char note[2048];
	struct writer w = writer_fixed(note, sizeof(note));
	struct note_key key = key_of(go_vkey);

	write_text(&w, text);
	write_text(&w, "\n");
	write_text(&w, lines);
	return note_verify(writer_bytes(&w), &key, ret);
}

static void test_lines(void **state)
{
	char lines[1024];
	struct writer w = writer_fixed(lines, sizeof(lines));
	struct bytes text;

	(void)state;
	/* Lines of keys nobody here knows, another algorithm and length, around the good one. */
	write_text(&w, DASH "example.org/w AAAAAAAAAAAAAAAA\n");
	write_text(&w, go_signature);
	write_text(&w, DASH "PeterNeumann AAAAAAAAAAAAAAAA\n");
	write_u8(&w, 0);
	assert_int_equal(verify_lines(go_text, lines, &text), OK);
	assert_int_equal(verify_lines(go_text, DASH "example.org/w AAAAAAAAAAAAAAAA\n", &text),
	                 ERR_AUTH);
	/* The known key once good and once bad: the note is refused. */
	w = writer_fixed(lines, sizeof(lines));
	write_text(&w, go_signature);
	write_text(&w, DASH "PeterNeumann x08gowAA\n");
	write_u8(&w, 0);
	assert_int_equal(verify_lines(go_text, lines, &text), ERR_AUTH);
	assert_int_equal(verify_lines("another text\n", go_signature, &text), ERR_AUTH);
	assert_int_equal(verify_lines(go_text, "", &text), ERR_INPUT);
	assert_int_equal(verify_lines(go_text, "- PeterNeumann AAAAAAAA\n", &text), ERR_INPUT);
	assert_int_equal(verify_lines(go_text, DASH "PeterNeumann\n", &text), ERR_INPUT);
	assert_int_equal(verify_lines(go_text, DASH "Peter+Neumann AAAAAAAA\n", &text), ERR_INPUT);
	assert_int_equal(verify_lines("tab\t\n", go_signature, &text), ERR_INPUT);
	assert_int_equal(verify_lines("\xff\n", go_signature, &text), ERR_INPUT);
}

static void test_blank_line_in_text(void **state)
{
	char note[512];
	struct writer w = writer_fixed(note, sizeof(note));
	struct secret *seed = seed_of(go_seed);
	struct note_key key = key_of(go_vkey);
	struct bytes text;

	(void)state;
	assert_int_equal(note_sign(&w, BYTES("a\n\nb\n"), BYTES("PeterNeumann"), seed), OK);
	assert_int_equal(note_verify(writer_bytes(&w), &key, &text), OK);
	assert_true(bytes_is(text, "a\n\nb\n"));
	assert_int_equal(note_sign(&w, BYTES("no newline"), BYTES("PeterNeumann"), seed), ERR_INPUT);
	assert_int_equal(note_sign(&w, BYTES("a\n"), BYTES("Peter Neumann"), seed), ERR_INPUT);
	assert_int_equal(note_sign(&w, BYTES("a\n"), BYTES("P\xc2\xa0N"), seed), ERR_INPUT);
	assert_int_equal(note_sign(&w, BYTES("a\n"), BYTES(""), seed), ERR_INPUT);
	secret_free(seed);
}

static void test_checkpoint(void **state)
{
	static const char *const bad[] = {
		"", "o\n", "o\n0\n", "o\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
		"\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
		"o\n00\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
		"o\n-1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
		"o\n18446744073709551616\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
		"o\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=\n",
		"o\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuA==\n",
		"o\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n",
		"o\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\nx\n",
	};
	struct checkpoint c = {.origin = BYTES("kms.example.org/log/1"), .size = 70000}, back;
	char text[256];
	struct writer w = writer_fixed(text, sizeof(text));

	(void)state;
	memset(c.root, 0xab, sizeof(c.root));
	checkpoint_write(&w, &c);
	assert_true(bytes_is(writer_bytes(&w),
	                     "kms.example.org/log/1\n70000\n"
	                     "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=\n"));
	assert_int_equal(checkpoint_read(writer_bytes(&w), &back), OK);
	assert_true(bytes_equal(back.origin, c.origin));
	assert_int_equal(back.size, c.size);
	assert_memory_equal(back.root, c.root, 32);
	write_text(&w, "an extension line\n");
	assert_int_equal(checkpoint_read(writer_bytes(&w), &back), OK);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (checkpoint_read(bytes_text(bad[i]), &back) != ERR_INPUT) {
			fail_msg("accepted: %s", bad[i]);
		}
	}
}

static void test_tokens(void **state)
{
	struct secret *key = secret_from(BYTES("0123456789abcdef0123456789abcdef"));
	uint8_t a[TOKEN_BYTES], b[TOKEN_BYTES];

	(void)state;
	assert_int_equal(token_object(key, BYTES("b"), BYTES("k"), BYTES("id"), a), OK);
	assert_int_equal(token_object(key, BYTES("b"), BYTES("k"), BYTES("ie"), b), OK);
	assert_memory_not_equal(a, b, sizeof(a));
	assert_int_equal(token_object(key, BYTES("bk"), BYTES(""), BYTES("id"), b), OK);
	assert_memory_not_equal(a, b, sizeof(a));
	assert_int_equal(token_object(key, BYTES("b\0k"), BYTES(""), BYTES("id"), b), ERR_INPUT);
	assert_int_equal(token_bucket(key, BYTES("b"), b), OK);
	assert_memory_not_equal(a, b, sizeof(a));
	secret_free(key);
}

static int set_up(void **state)
{
	(void)state;
	return secret_init(16) == OK ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_c2sp),       cmocka_unit_test(test_sign_as_go),
		cmocka_unit_test(test_every_bit),  cmocka_unit_test(test_lines),
		cmocka_unit_test(test_blank_line_in_text),
		cmocka_unit_test(test_checkpoint), cmocka_unit_test(test_tokens),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
