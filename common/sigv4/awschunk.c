/*
 * The aws-chunked decoder: a state machine fed with whatever arrives. Invariant: the result does
 * not depend on how the body was cut into pushes (the fuzzer holds it to that). Lines are gathered
 * in one fixed buffer; data goes straight from the input to the sink.
 */
#include "common/sigv4/awschunk.h"

#include <string.h>

#include "common/codec/hex.h"
#include "common/crypto/hash.h"
#include "common/sigv4/parts.h"

enum { SIZE_DIGITS_MAX = 16 };

enum state {
	STATE_SIZE,       /* in a chunk line */
	STATE_DATA,       /* in a chunk's data */
	STATE_DATA_END,   /* in the CRLF behind data */
	STATE_TRAILER,    /* in a trailer line, or the empty line that ends them */
	STATE_FINAL,      /* in the CRLF behind the last chunk of a body without trailers */
	STATE_COMPLETE,   /* everything is there */
	STATE_FAILED,
};

struct awschunk {
	struct arena *arena;
	struct awschunk_sink sink;
	bool is_signed;    /* chunks carry signatures */
	bool has_trailers; /* the form ends in trailer lines */
	int64_t decoded_length;
	uint64_t total;    /* plain bytes announced by the chunk lines so far */
	struct hash *hash; /* of this chunk's data, or of the trailer text */
	enum state state;
	enum err failure;  /* in STATE_FAILED */
	uint64_t left;     /* data bytes that this chunk still owes */
	bool short_chunk;  /* a chunk under AWSCHUNK_SIGNED_MIN came: it must be the last with data */
	bool trailer_signed;
	bool blank_line;   /* an empty line has come that did not end the trailers */
	struct sigv4_chunk chunk;
	struct field trailers[AWSCHUNK_TRAILERS_MAX];
	size_t n_trailers;
	size_t line_used;
	uint8_t line[AWSCHUNK_LINE_MAX];
};

static void free_hash(void *arg)
{
	hash_free(arg);
}

struct awschunk *awschunk_new(struct arena *a, enum sigv4_payload payload, int64_t decoded_length,
                              struct awschunk_sink sink)
{
	struct awschunk *c = arena_alloc(a, sizeof(*c));

	if (c == NULL) {
		return NULL;
	}
	c->arena = a;
	c->sink = sink;
	c->is_signed = payload == SIGV4_PAYLOAD_CHUNKED || payload == SIGV4_PAYLOAD_CHUNKED_TRAILER;
	c->has_trailers = payload == SIGV4_PAYLOAD_CHUNKED_TRAILER ||
	                  payload == SIGV4_PAYLOAD_UNSIGNED_TRAILER;
	c->decoded_length = decoded_length;
	if (!c->is_signed) {
		return c;
	}
	if (hash_sha256_new(&c->hash) != OK) {
		return NULL;
	}
	if (!arena_defer(a, free_hash, c->hash)) {
		hash_free(c->hash);
		return NULL;
	}
	return c;
}

/* --- chunk lines ------------------------------------------------------------------------ */

static int hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	c = sigv4_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static enum err read_size(struct bytes text, uint64_t *ret)
{
	uint64_t v = 0;

	if (text.n == 0 || text.n > SIZE_DIGITS_MAX) {
		return ERR_INPUT;
	}
	for (size_t i = 0; i < text.n; i++) {
		int digit = hex_value(text.p[i]);
		if (digit < 0) {
			return ERR_INPUT;
		}
		v = v << 4 | (uint64_t)digit;
	}
	if (v > AWSCHUNK_DATA_MAX) {
		return ERR_LIMIT;
	}
	*ret = v;
	return OK;
}

/* The chunk or trailer that has just ended goes to the sink with its hash. */
static enum err give_chunk(struct awschunk *c, bool trailer)
{
	c->chunk.trailer = trailer;
	TRY(hash_final(c->hash, c->chunk.hash));
	return c->sink.chunk(c->sink.context, &c->chunk);
}

static enum err take_signature(struct awschunk *c, struct bytes hex)
{
	if (!sigv4_is_signature(hex)) {
		return ERR_INPUT;
	}
	memcpy(c->chunk.signature, hex.p, SIGV4_SIGNATURE_HEX);
	return OK;
}

/* "size" or "size;chunk-signature=hex". */
static enum err read_chunk_line(struct awschunk *c, struct bytes line)
{
	static const char extension[] = "chunk-signature=";
	struct bytes rest = line;
	struct bytes size = bytes_split(&rest, ';');

	TRY(read_size(size, &c->left));
	if (c->is_signed != (rest.p != NULL)) {
		return ERR_INPUT;
	}
	if (!c->is_signed) {
		return OK;
	}
	if (!bytes_starts(rest, bytes_of(extension, sizeof(extension) - 1))) {
		return ERR_INPUT;
	}
	return take_signature(c, bytes_skip(rest, sizeof(extension) - 1));
}

/* The announced sizes against x-amz-decoded-content-length. */
static enum err count_data(struct awschunk *c)
{
	uint64_t promised = c->decoded_length < 0 ? INT64_MAX : (uint64_t)c->decoded_length;

	if (c->left > promised - c->total) {
		return ERR_INPUT;
	}
	c->total += c->left;
	if (c->left == 0 && c->decoded_length >= 0 && c->total != promised) {
		return ERR_INPUT;
	}
	return OK;
}

static enum err start_chunk(struct awschunk *c, struct bytes line)
{
	TRY(read_chunk_line(c, line));
	TRY(count_data(c));
	if (c->left > 0) {
		if (c->is_signed && c->short_chunk) {
			return ERR_INPUT;
		}
		c->short_chunk = c->left < AWSCHUNK_SIGNED_MIN;
		c->state = STATE_DATA;
		return OK;
	}
	c->state = c->has_trailers ? STATE_TRAILER : STATE_FINAL;
	return c->is_signed ? give_chunk(c, false) : OK;
}

/* --- trailers --------------------------------------------------------------------------- */

/* What the trailer's signature covers: "name:value" and a line feed each. */
static enum err hash_trailer(struct awschunk *c, const struct field *f)
{
	TRY(hash_update(c->hash, f->name));
	TRY(hash_update(c->hash, BYTES(":")));
	TRY(hash_update(c->hash, f->value));
	return hash_update(c->hash, BYTES("\n"));
}

static enum err keep_trailer(struct awschunk *c, struct bytes name, struct bytes value)
{
	if (c->trailer_signed || c->blank_line || !sigv4_is_header_name(name) ||
	    !sigv4_is_header_value(value)) {
		return ERR_INPUT;
	}
	for (size_t i = 0; i < c->n_trailers; i++) {
		if (bytes_equal(c->trailers[i].name, name)) {
			return ERR_INPUT;
		}
	}
	if (c->n_trailers == AWSCHUNK_TRAILERS_MAX) {
		return ERR_LIMIT;
	}
	struct field f = {arena_copy(c->arena, name), arena_copy(c->arena, value)};
	if (f.name.p == NULL || f.value.p == NULL) {
		return ERR_LIMIT;
	}
	c->trailers[c->n_trailers++] = f;
	return c->is_signed ? hash_trailer(c, &f) : OK;
}

static enum err take_trailer(struct awschunk *c, uint8_t *line, size_t n)
{
	struct bytes value = bytes_of(line, n);
	struct bytes name = bytes_split(&value, ':');

	if (value.p == NULL) {
		return ERR_INPUT;
	}
	for (size_t i = 0; i < name.n; i++) {
		line[i] = sigv4_lower(line[i]);
	}
	value = bytes_trim(value);
	if (!bytes_is(name, "x-amz-trailer-signature")) {
		return keep_trailer(c, name, value);
	}
	if (!c->is_signed || c->trailer_signed) {
		return ERR_INPUT;
	}
	c->trailer_signed = true;
	TRY(take_signature(c, value));
	return give_chunk(c, true);
}

/*
 * An empty line ends the trailers. minio-go writes one more: before the signature line in the
 * signed form, behind the end in the unsigned one.
 */
static enum err take_blank_line(struct awschunk *c)
{
	if (!c->is_signed || c->trailer_signed) {
		c->blank_line = false; /* one more may follow, in the unsigned form */
		c->state = STATE_COMPLETE;
		return OK;
	}
	if (c->blank_line || c->n_trailers == 0) {
		return ERR_INPUT;
	}
	c->blank_line = true;
	return OK;
}

/* Trailer lines end in CRLF; in LF alone when minio-go writes them (never the empty line). */
static enum err end_trailer_line(struct awschunk *c)
{
	size_t n = c->line_used;
	bool crlf = n > 0 && c->line[n - 1] == '\r';

	n -= crlf;
	if (n == 0) {
		return crlf ? take_blank_line(c) : ERR_INPUT;
	}
	return take_trailer(c, c->line, n);
}

/* --- the machine ------------------------------------------------------------------------ */

/* A line feed has come; the line stands in c->line. */
static enum err end_line(struct awschunk *c)
{
	size_t n = c->line_used;
	bool crlf = n > 0 && c->line[n - 1] == '\r';

	if (c->state == STATE_TRAILER) {
		return end_trailer_line(c);
	}
	if (!crlf) {
		return ERR_INPUT;
	}
	if (c->state == STATE_SIZE) {
		return start_chunk(c, bytes_of(c->line, n - 1));
	}
	if (n != 1) { /* STATE_DATA_END, STATE_FINAL, STATE_COMPLETE: nothing but CRLF */
		return ERR_INPUT;
	}
	if (c->state == STATE_DATA_END) {
		c->state = STATE_SIZE;
		return c->is_signed ? give_chunk(c, false) : OK;
	}
	c->blank_line = true;
	c->state = STATE_COMPLETE;
	return OK;
}

static enum err take_byte(struct awschunk *c, uint8_t byte)
{
	if (c->state == STATE_COMPLETE && (c->is_signed || c->blank_line)) {
		return ERR_INPUT; /* bytes behind the end */
	}
	if (byte == '\n') {
		TRY(end_line(c));
		c->line_used = 0;
		return OK;
	}
	if (c->line_used == sizeof(c->line)) {
		return ERR_LIMIT;
	}
	c->line[c->line_used++] = byte;
	return OK;
}

static enum err take_data(struct awschunk *c, struct bytes *rest)
{
	struct bytes run = bytes_first(*rest, c->left < rest->n ? (size_t)c->left : rest->n);

	if (c->is_signed) {
		TRY(hash_update(c->hash, run));
	}
	TRY(c->sink.data(c->sink.context, run));
	c->left -= run.n;
	if (c->left == 0) {
		c->state = STATE_DATA_END;
	}
	*rest = bytes_skip(*rest, run.n);
	return OK;
}

enum err awschunk_push(struct awschunk *c, struct bytes b)
{
	if (c->state == STATE_FAILED) {
		return c->failure;
	}
	while (b.n > 0) {
		enum err e;
		if (c->state == STATE_DATA) {
			e = take_data(c, &b);
		} else {
			e = take_byte(c, b.p[0]);
			b = bytes_skip(b, 1);
		}
		if (e != OK) {
			c->state = STATE_FAILED;
			c->failure = e;
			return e;
		}
	}
	return OK;
}

enum err awschunk_end(struct awschunk *c)
{
	if (c->state == STATE_FAILED) {
		return c->failure;
	}
	return c->state == STATE_COMPLETE && c->line_used == 0 ? OK : ERR_INPUT;
}

size_t awschunk_trailers(const struct awschunk *c, const struct field **ret)
{
	*ret = c->trailers;
	return c->n_trailers;
}
