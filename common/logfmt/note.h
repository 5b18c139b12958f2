/* C2SP signed-note and tlog-checkpoint. Pure. */
#ifndef REMPART_LOGFMT_NOTE_H
#define REMPART_LOGFMT_NOTE_H
#include "common/base/arena.h"
#include "common/base/secret.h"
enum { NOTE_MAX = 65536, NOTE_NAME_MAX = 255 };
struct note_key { /* Ed25519, signature type 0x01 */
	struct bytes name;
	uint8_t id[4];
	uint8_t public_key[32];
};
/* note_key_read: "name+hex id+base64(0x01 || key)"; the id is checked. Name borrowed. errors:
 * INPUT */
enum err note_key_read(struct bytes vkey, struct note_key *ret);
void note_key_write(struct writer *w, struct bytes name, const uint8_t public_key[32]);
/* note_sign: append text, blank line and the signature line. errors: INPUT (text), NOMEM, LIMIT */
enum err note_sign(struct writer *w, struct bytes text, struct bytes name,
                   const struct secret *seed);
/* note_verify: the text, when the key's own signature is there and good; unknown ones are ignored.
 * errors: INPUT (not a note), AUTH (no signature of this key, or a bad one) */
enum err note_verify(struct bytes note, const struct note_key *key, struct bytes *ret_text);
struct checkpoint {
	struct bytes origin;
	uint64_t size;
	uint8_t root[32];
};
void checkpoint_write(struct writer *w, const struct checkpoint *c);
/* origin borrowed. errors: INPUT */
enum err checkpoint_read(struct bytes text, struct checkpoint *ret);
#endif
