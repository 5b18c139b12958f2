/*
 * Notes, verifier keys, checkpoints and proofs from outside. The first byte says which: a key that is accepted is written
 * again as it was; a checkpoint (its three lines) and a proof likewise; a note is never accepted without the
 * signature of a key nobody here can sign with.
 */
#include <assert.h>

#include "common/base/attr.h"
#include "common/logfmt/note.h"
#include "common/logfmt/proof.h"

enum { OUT_BYTES = 70000, ARENA_BYTES = 1 << 20 };

static uint8_t out[OUT_BYTES];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_key(struct bytes input)
{
	struct writer w = writer_fixed(out, sizeof(out));
	struct note_key key;

	if (note_key_read(input, &key) == OK) {
		note_key_write(&w, key.name, key.public_key);
		/* the hash may be written in capitals by others */
		assert(w.used == input.n && bytes_starts(input, key.name));
	}
}

static void check_checkpoint(struct bytes input)
{
	struct writer w = writer_fixed(out, sizeof(out));
	struct checkpoint c;

	if (checkpoint_read(input, &c) == OK) {
		checkpoint_write(&w, &c);
		assert(bytes_starts(input, writer_bytes(&w)));
	}
}

static void check_proof(struct bytes input)
{
	AUTO(arena_freep) struct arena *a = arena_new(ARENA_BYTES);
	struct writer w = writer_fixed(out, sizeof(out));
	struct log_proof p;

	if (proof_read(a, input, &p) == OK && proof_write(&w, &p) == OK) {
		assert(bytes_equal(writer_bytes(&w), input));
	}
}

static void check_note(struct bytes input)
{
	static const char vkey[] =
		"PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
	static const char text[] = "If you think cryptography is the answer to your problem,\n"
				   "then you don't know what your problem is.\n";
	struct note_key key;
	struct bytes signed_text;

	if (note_key_read(bytes_text(vkey), &key) == OK &&
	    note_verify(input, &key, &signed_text) == OK) {
		assert(bytes_is(signed_text, text)); /* the one text it has signed in public */
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes input = bytes_skip(bytes_of(data, size), 1);

	if (size == 0) {
		return 0;
	}
	switch (data[0]) {
	case 'k': check_key(input); break;
	case 'c': check_checkpoint(input); break;
	case 'p': check_proof(input); break;
	default: check_note(input); break;
	}
	return 0;
}
