/*
 * Bodies: counted or chunked. llhttp 8.1 is not used here: it takes chunk extensions of any length
 * and lets a bare CR end a trailer line; this decoder bounds and checks every byte of the framing.
 */
#include <assert.h>

#include "server/net/http1.h"

enum {
	STATUS_BAD = 400,
	CHUNK_DIGITS_MAX = 15,         /* below 2^60 */
	CHUNK_EXTENSION_BYTES = 256,
	TRAILER_BYTES = 8 * 1024,
};

enum chunk {
	CHUNK_SIZE,
	CHUNK_EXTENSION,
	CHUNK_SIZE_LF,
	CHUNK_DATA,
	CHUNK_DATA_CR,
	CHUNK_DATA_LF,
	CHUNK_TRAILER, /* first byte of a trailer line, or CR */
	CHUNK_TRAILER_LINE,
	CHUNK_TRAILER_LF,
	CHUNK_END_LF,
	CHUNK_BAD,
};

struct http1_body http1_body_of(const struct http_head *head)
{
	struct http1_body b = {.chunked = head->chunked};

	if (!head->chunked) {
		b.left = head->content_length > 0 ? (uint64_t)head->content_length : 0;
		b.done = b.left == 0;
	}
	return b;
}

static int hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	uint8_t lower = c | 0x20;
	return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static bool is_text(uint8_t c)
{
	return (c >= 0x20 && c != 0x7f) || c == '\t';
}

static enum chunk step_size(struct http1_body *b, uint8_t c)
{
	int digit = hex_value(c);

	if (digit >= 0) {
		if (b->digits == CHUNK_DIGITS_MAX) {
			return CHUNK_BAD;
		}
		b->digits++;
		b->left = b->left * 16 + (uint64_t)digit;
		return CHUNK_SIZE;
	}
	if (b->digits == 0) {
		return CHUNK_BAD;
	}
	if (c == '\r') {
		return CHUNK_SIZE_LF;
	}
	return c == ';' ? CHUNK_EXTENSION : CHUNK_BAD;
}

/* The size line is complete. */
static enum chunk begin_chunk(struct http1_body *b)
{
	b->digits = 0;
	b->overhead = 0;
	return b->left == 0 ? CHUNK_TRAILER : CHUNK_DATA;
}

static enum chunk step_trailer(struct http1_body *b, uint8_t c)
{
	if (++b->overhead > TRAILER_BYTES) {
		return CHUNK_BAD;
	}
	if (b->state == CHUNK_TRAILER_LF) {
		return c == '\n' ? CHUNK_TRAILER : CHUNK_BAD;
	}
	if (b->state == CHUNK_TRAILER) {
		if (c == '\r') {
			return CHUNK_END_LF;
		}
		return is_text(c) && c != ' ' && c != '\t' ? CHUNK_TRAILER_LINE : CHUNK_BAD;
	}
	if (c == '\r') {
		return CHUNK_TRAILER_LF;
	}
	return is_text(c) ? CHUNK_TRAILER_LINE : CHUNK_BAD;
}

/* One byte of framing. */
static enum chunk step(struct http1_body *b, uint8_t c)
{
	switch ((enum chunk)b->state) {
	case CHUNK_SIZE:
		return step_size(b, c);
	case CHUNK_EXTENSION:
		if (c == '\r') {
			return CHUNK_SIZE_LF;
		}
		return is_text(c) && ++b->overhead <= CHUNK_EXTENSION_BYTES ? CHUNK_EXTENSION
		                                                            : CHUNK_BAD;
	case CHUNK_SIZE_LF:
		return c == '\n' ? begin_chunk(b) : CHUNK_BAD;
	case CHUNK_DATA_CR:
		return c == '\r' ? CHUNK_DATA_LF : CHUNK_BAD;
	case CHUNK_DATA_LF:
		return c == '\n' ? CHUNK_SIZE : CHUNK_BAD;
	case CHUNK_TRAILER:
	case CHUNK_TRAILER_LINE:
	case CHUNK_TRAILER_LF:
		return step_trailer(b, c);
	case CHUNK_END_LF:
		b->done = c == '\n';
		return b->done ? CHUNK_END_LF : CHUNK_BAD;
	case CHUNK_DATA:
	case CHUNK_BAD:
		break;
	}
	return CHUNK_BAD;
}

static struct bytes take_data(struct http1_body *b, struct bytes *in, size_t max)
{
	size_t n = in->n < max ? in->n : max;

	n = n < b->left ? n : (size_t)b->left;
	struct bytes data = bytes_first(*in, n);
	*in = bytes_skip(*in, n);
	b->left -= n;
	return data;
}

unsigned http1_body_take(struct http1_body *b, struct bytes *in, size_t max, struct bytes *ret)
{
	*ret = (struct bytes){NULL, 0};
	if (!b->chunked) {
		*ret = take_data(b, in, max);
		b->done = b->left == 0;
		return 0;
	}
	while (in->n > 0 && !b->done && b->state != CHUNK_DATA) {
		b->state = (uint8_t)step(b, in->p[0]);
		if (b->state == CHUNK_BAD) {
			return STATUS_BAD;
		}
		*in = bytes_skip(*in, 1);
	}
	if (b->state == CHUNK_DATA && in->n > 0) {
		assert(b->left > 0);
		*ret = take_data(b, in, max);
		if (b->left == 0) {
			b->state = CHUNK_DATA_CR;
		}
	}
	return 0;
}
