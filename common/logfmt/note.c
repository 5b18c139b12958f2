/* Signed notes (c2sp.org/signed-note) and checkpoints (c2sp.org/tlog-checkpoint), Ed25519. */
#include "common/logfmt/note.h"

#include <string.h>

#include "common/base/attr.h"
#include "common/codec/base64.h"
#include "common/codec/hex.h"
#include "common/crypto/hash.h"
#include "common/crypto/sign.h"

enum {
	TYPE_ED25519 = 0x01,
	KEY_ID_BYTES = 4,
	ROOT_BYTES = 32,
	SIGNATURES_MAX = 100, /* as the reference implementation */
	KEY_BYTES = 1 + SIGN_PUBLIC_BYTES,
	SIGNATURE_BYTES = KEY_ID_BYTES + SIGN_BYTES,
	DECODED_MAX = 8192,   /* a signature line of another algorithm may be this long */
};

static const char dash[] = "\xe2\x80\x94 "; /* U+2014, space */

/* A key name: not empty, no Unicode white space, no '+', no control character. */
static bool name_ok(struct bytes name)
{
	static const char *const spaces[] = {
		" ",            "\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\x80",
		"\xe2\x80\x81", "\xe2\x80\x82", "\xe2\x80\x83", "\xe2\x80\x84", "\xe2\x80\x85",
		"\xe2\x80\x86", "\xe2\x80\x87", "\xe2\x80\x88", "\xe2\x80\x89", "\xe2\x80\x8a",
		"\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80",
	};

	if (name.n == 0 || name.n > NOTE_NAME_MAX || !bytes_is_utf8(name)) {
		return false;
	}
	for (size_t i = 0; i < name.n; i++) {
		struct bytes rest = bytes_skip(name, i);
		if (rest.p[0] < 0x20 || rest.p[0] == 0x7f || rest.p[0] == '+') {
			return false;
		}
		for (size_t s = 0; s < COUNT(spaces); s++) {
			if (bytes_starts(rest, bytes_text(spaces[s]))) {
				return false;
			}
		}
	}
	return true;
}

static enum err key_id(struct bytes name, const uint8_t public_key[SIGN_PUBLIC_BYTES],
                       uint8_t ret[KEY_ID_BYTES])
{
	const struct bytes parts[] = {
		name,
		BYTES("\n\x01"),
		bytes_of(public_key, SIGN_PUBLIC_BYTES),
	};
	uint8_t digest[SHA256_BYTES];

	TRY(hash_sha256_parts(parts, COUNT(parts), digest));
	memcpy(ret, digest, KEY_ID_BYTES);
	return OK;
}

/* Base64 of exactly n bytes. */
static enum err read_base64(struct bytes text, uint8_t *out, size_t n)
{
	struct writer w = writer_fixed(out, n);

	return base64_read(text, &w) == OK && w.used == n ? OK : ERR_INPUT;
}

enum err note_key_read(struct bytes vkey, struct note_key *ret)
{
	struct bytes rest = vkey;
	struct note_key key = {.name = bytes_split(&rest, '+')};
	struct bytes id = bytes_split(&rest, '+');
	uint8_t typed[KEY_BYTES], expected[KEY_ID_BYTES];

	if (!name_ok(key.name) || hex_read(id, key.id, sizeof(key.id)) != OK ||
	    read_base64(rest, typed, sizeof(typed)) != OK || typed[0] != TYPE_ED25519) {
		return ERR_INPUT;
	}
	memcpy(key.public_key, typed + 1, sizeof(key.public_key));
	TRY(key_id(key.name, key.public_key, expected));
	if (memcmp(key.id, expected, sizeof(expected)) != 0) {
		return ERR_INPUT;
	}
	*ret = key;
	return OK;
}

void note_key_write(struct writer *w, struct bytes name, const uint8_t public_key[32])
{
	uint8_t id[KEY_ID_BYTES], typed[KEY_BYTES] = {TYPE_ED25519};

	memcpy(typed + 1, public_key, SIGN_PUBLIC_BYTES);
	if (key_id(name, public_key, id) != OK) {
		w->full = true; /* the one way a writer can say that the text is not whole */
		return;
	}
	write_bytes(w, name);
	write_u8(w, '+');
	hex_write(w, bytes_of(id, sizeof(id)));
	write_u8(w, '+');
	base64_write(w, bytes_of(typed, sizeof(typed)));
}

static bool text_ok(struct bytes text)
{
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < 0x20 && text.p[i] != '\n') {
			return false;
		}
	}
	return text.n > 0 && text.p[text.n - 1] == '\n' && bytes_is_utf8(text);
}

enum err note_sign(struct writer *w, struct bytes text, struct bytes name,
                   const struct secret *seed)
{
	uint8_t public_key[SIGN_PUBLIC_BYTES], signature[SIGNATURE_BYTES];

	if (!text_ok(text) || !name_ok(name)) {
		return ERR_INPUT;
	}
	TRY(sign_public(seed, public_key));
	TRY(key_id(name, public_key, signature));
	TRY(sign_message(seed, text, signature + KEY_ID_BYTES));
	write_bytes(w, text);
	write_u8(w, '\n');
	write_text(w, dash);
	write_bytes(w, name);
	write_u8(w, ' ');
	base64_write(w, bytes_of(signature, sizeof(signature)));
	write_u8(w, '\n');
	return writer_end(w);
}

/* Split at the last blank line: the text, and the signature lines. */
static enum err split_note(struct bytes note, struct bytes *ret_text, struct bytes *ret_lines)
{
	if (note.n > NOTE_MAX || !text_ok(note)) {
		return ERR_INPUT;
	}
	for (size_t i = note.n - 1; i > 0; i--) {
		if (note.p[i] == '\n' && note.p[i - 1] == '\n') {
			*ret_text = bytes_first(note, i);
			*ret_lines = bytes_skip(note, i + 1);
			return ret_lines->n > 0 ? OK : ERR_INPUT;
		}
	}
	return ERR_INPUT;
}

struct signature_line {
	struct bytes name;
	uint8_t blob[DECODED_MAX]; /* key id, signature */
	size_t n;
};

static enum err read_signature(struct bytes line, struct signature_line *ret)
{
	struct bytes prefix = bytes_text(dash);

	if (!bytes_starts(line, prefix)) {
		return ERR_INPUT;
	}
	struct bytes rest = bytes_skip(line, prefix.n);
	ret->name = bytes_split(&rest, ' ');
	struct writer w = writer_fixed(ret->blob, sizeof(ret->blob));
	if (!name_ok(ret->name) || base64_read(rest, &w) != OK || w.used <= KEY_ID_BYTES) {
		return ERR_INPUT;
	}
	ret->n = w.used;
	return OK;
}

enum err note_verify(struct bytes note, const struct note_key *key, struct bytes *ret_text)
{
	struct bytes text, lines;
	struct signature_line s;
	size_t good = 0;

	TRY(split_note(note, &text, &lines));
	for (size_t n = 0; lines.n > 0; n++) {
		if (n == SIGNATURES_MAX) {
			return ERR_INPUT;
		}
		TRY(read_signature(bytes_split(&lines, '\n'), &s));
		if (!bytes_equal(s.name, key->name) ||
		    memcmp(s.blob, key->id, sizeof(key->id)) != 0) {
			continue;
		}
		if (s.n != SIGNATURE_BYTES) {
			return ERR_AUTH;
		}
		TRY(sign_verify(key->public_key, text, s.blob + KEY_ID_BYTES));
		good++;
	}
	if (good == 0) {
		return ERR_AUTH;
	}
	*ret_text = text;
	return OK;
}

void checkpoint_write(struct writer *w, const struct checkpoint *c)
{
	write_bytes(w, c->origin);
	write_u8(w, '\n');
	write_decimal(w, c->size);
	write_u8(w, '\n');
	base64_write(w, bytes_of(c->root, sizeof(c->root)));
	write_u8(w, '\n');
}

enum err checkpoint_read(struct bytes text, struct checkpoint *ret)
{
	struct bytes rest = text;
	struct checkpoint c = {.origin = bytes_split(&rest, '\n')};
	struct bytes size = bytes_split(&rest, '\n');
	struct bytes root = bytes_split(&rest, '\n');

	if (!text_ok(text) || c.origin.n == 0 || bytes_u64(size, &c.size) != OK ||
	    (size.p[0] == '0' && size.n > 1) || read_base64(root, c.root, ROOT_BYTES) != OK) {
		return ERR_INPUT;
	}
	while (rest.n > 0) { /* extension lines: allowed, not understood, never empty */
		if (bytes_split(&rest, '\n').n == 0) {
			return ERR_INPUT;
		}
	}
	*ret = c;
	return OK;
}
