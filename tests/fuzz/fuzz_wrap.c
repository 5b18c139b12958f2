/*
 * Any bytes as a wrapped key: what opens has the size and the name that its bytes say. Then a key
 * wrapped here, with one change that the input picks: it must not open.
 */
#include <string.h>

#include "common/base/attr.h"
#include "common/crypto/wrap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct secret *kek;
static struct wrap_key under;

static void check(bool good)
{
	if (!good) {
		__builtin_trap();
	}
}

/* The KEK of the corpus (tests/vectors/objfmt/make.py). */
static void set_up(void)
{
	uint8_t key[32];

	for (size_t i = 0; i < sizeof(key); i++) {
		key[i] = (uint8_t)i;
	}
	check(secret_init(64) == OK);
	kek = secret_from(bytes_of(key, sizeof(key)));
	check(kek != NULL);
	under.kek = kek;
	under.version = 1;
	memcpy(under.id, key, sizeof(under.id));
}

static void open_any(struct bytes in)
{
	AUTO(secret_freep) struct secret *opened = NULL;
	struct wrap_name name;
	bool named = wrap_peek(in, &name) == OK;

	if (wrap_open(&under, BYTES("context"), in, &opened) != OK) {
		check(opened == NULL);
		return;
	}
	check(named && name.version == under.version && secret_size(opened) + 71 == in.n);
	check(memcmp(name.id, under.id, sizeof(name.id)) == 0);
}

static void change_one(struct bytes in)
{
	struct reader r = reader_of(in);
	uint8_t at = read_u8(&r), bit = read_u8(&r), n = read_u8(&r);
	uint8_t memory[WRAP_MAX_BYTES];
	struct writer w = writer_fixed(memory, sizeof(memory));
	struct bytes context = {r.p, r.left};
	AUTO(secret_freep) struct secret *key = NULL;
	AUTO(secret_freep) struct secret *opened = NULL;

	if (r.bad) {
		return;
	}
	key = secret_random(1 + n % SECRET_MAX);
	check(key != NULL && wrap_seal(&under, context, key, &w) == OK);
	check(wrap_open(&under, context, writer_bytes(&w), &opened) == OK);
	check(secret_equal(key, opened));
	opened = secret_free(opened);
	memory[at % w.used] ^= (uint8_t)(1 << (bit % 8));
	check(wrap_open(&under, context, writer_bytes(&w), &opened) == ERR_CORRUPT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (kek == NULL) {
		set_up();
	}
	open_any(bytes_of(data, size));
	change_one(bytes_of(data, size));
	return 0;
}
