#include "common/kmsproto/wire.h"

#include "common/kmsproto/kmsproto.h"

static bool has_nul(struct bytes b)
{
	size_t at;

	return bytes_find(b, '\0', &at);
}

void kmswire_text(struct writer *w, struct bytes b, size_t max)
{
	if (b.n > max || has_nul(b)) {
		w->full = true;
		return;
	}
	write_lv16(w, b);
}

struct bytes kmswire_read_text(struct reader *r, size_t max)
{
	struct bytes b = read_lv16(r, max);

	if (has_nul(b)) {
		r->bad = true;
		return (struct bytes){0};
	}
	return b;
}

size_t kmswire_begin(struct writer *w)
{
	size_t at = w->used;

	write_u32(w, 0);
	return at;
}

void kmswire_end(struct writer *w, size_t at)
{
	if (w->full) {
		return;
	}
	size_t n = w->used - at - sizeof(uint32_t);
	struct writer length = writer_fixed(w->p + at, sizeof(uint32_t));

	if (n > UINT32_MAX) {
		w->full = true;
		return;
	}
	write_u32(&length, (uint32_t)n);
}

bool kmswire_head(struct reader *r, struct bytes magic, uint8_t nonce[KMSPROTO_NONCE_BYTES],
                  uint16_t *ret_count)
{
	bool known = bytes_equal(read_bytes(r, magic.n), magic);

	known = read_u16(r) == KMSWIRE_VERSION && known;
	read_into(r, nonce, KMSPROTO_NONCE_BYTES);
	*ret_count = read_u16(r);
	return known && !r->bad;
}

void kmswire_head_write(struct writer *w, struct bytes magic,
                        const uint8_t nonce[KMSPROTO_NONCE_BYTES], uint16_t count)
{
	write_bytes(w, magic);
	write_u16(w, KMSWIRE_VERSION);
	write_bytes(w, bytes_of(nonce, KMSPROTO_NONCE_BYTES));
	write_u16(w, count);
}
