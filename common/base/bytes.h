/*
 * Views, cursors and growable output. All parsing and formatting in Rempart goes through `reader`
 * and `writer`: a bad read or a full buffer is remembered, so that a parser is a straight list of
 * reads with one check at the end. Integers are big-endian on every wire and disk format.
 */
#ifndef REMPART_BASE_BYTES_H
#define REMPART_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

/* A borrowed view; never freed through it. */
struct bytes {
	const uint8_t *p;
	size_t n;
};

/* A name and its value: an HTTP header field, a query parameter, a metadata entry. */
struct field {
	struct bytes name;
	struct bytes value;
};

/* BYTES("literal"): a view of a string literal, without its NUL. */
#define BYTES(literal) ((struct bytes){(const uint8_t *)(literal), sizeof(literal) - 1})

struct bytes bytes_of(const void *p, size_t n);
struct bytes bytes_text(const char *text);                  /* NUL-terminated; NULL gives empty */
struct bytes bytes_skip(struct bytes b, size_t n);          /* n clamped to b.n */
struct bytes bytes_first(struct bytes b, size_t n);         /* n clamped to b.n */
bool bytes_equal(struct bytes a, struct bytes b);           /* not for secrets: see secret_equal */
bool bytes_is(struct bytes b, const char *text);
bool bytes_is_nocase(struct bytes b, const char *text);     /* ASCII only */
bool bytes_starts(struct bytes b, struct bytes prefix);
int bytes_compare(struct bytes a, struct bytes b);          /* S3 order: unsigned byte order */
bool bytes_find(struct bytes b, uint8_t c, size_t *ret_at); /* first c */
struct bytes bytes_trim(struct bytes b);                    /* spaces and tabs at both ends */
bool bytes_is_utf8(struct bytes b);                         /* RFC 3629, no surrogates */
/* bytes_utf8_length: bytes of the character that b starts with, 1..4; 0 when b is empty or does not
 * start with valid UTF-8. */
size_t bytes_utf8_length(struct bytes b);
/* bytes_split: cut `*rest` at the first c, return what stands before it; the whole when there is
 * none, and *rest becomes empty with p == NULL. */
struct bytes bytes_split(struct bytes *rest, uint8_t c);
/* bytes_u64: strict decimal, no sign, no spaces, at most 20 digits. errors: INPUT */
enum err bytes_u64(struct bytes b, uint64_t *ret);

struct reader {
	const uint8_t *p;
	size_t left;
	bool bad; /* sticky: a read went past the end or broke a limit */
};

struct reader reader_of(struct bytes b);
uint8_t read_u8(struct reader *r);
uint16_t read_u16(struct reader *r);
uint32_t read_u32(struct reader *r);
uint64_t read_u64(struct reader *r);
struct bytes read_bytes(struct reader *r, size_t n);       /* borrowed from the input */
void read_into(struct reader *r, uint8_t *out, size_t n);  /* zeroes on a bad read */
struct bytes read_lv16(struct reader *r, size_t max);      /* u16 length, then bytes */
struct bytes read_lv32(struct reader *r, size_t max);      /* u32 length, then bytes */
enum err read_end(const struct reader *r);                 /* INPUT when bad or bytes are left */

/*
 * Output. A fixed writer borrows its memory; a growing one owns heap memory up to `max` bytes and
 * needs writer_free. Growth copies into a new block (the C guide bans realloc); what was written is
 * wiped in every block that is given back.
 */
struct writer {
	uint8_t *p;
	size_t size; /* bytes at p */
	size_t used;
	size_t max;  /* 0: fixed */
	bool full;   /* sticky: something did not fit */
};

struct writer writer_fixed(void *p, size_t size);
struct writer writer_growing(size_t max);
void writer_free(struct writer *w); /* NULL-safe; also on a fixed one, where it does nothing */
void write_u8(struct writer *w, uint8_t v);
void write_u16(struct writer *w, uint16_t v);
void write_u32(struct writer *w, uint32_t v);
void write_u64(struct writer *w, uint64_t v);
void write_bytes(struct writer *w, struct bytes b);
void write_text(struct writer *w, const char *text);
void write_lv16(struct writer *w, struct bytes b); /* more than 65,535 bytes sets full */
void write_lv32(struct writer *w, struct bytes b);
void write_decimal(struct writer *w, uint64_t v);
/* write_padded: decimal, leading zeros; more than `digits` digits sets full. */
void write_padded(struct writer *w, uint64_t v, unsigned digits);
/* write_quoted: as a JSON string, with the quotes; each byte that is not UTF-8 becomes U+FFFD. Here
 * and not in codec/json because base/log needs it too. */
void write_quoted(struct writer *w, struct bytes b);
/* writer_reserve: room for n more bytes at p + used, or NULL (and full). The caller advances
 * used. */
uint8_t *writer_reserve(struct writer *w, size_t n);
struct bytes writer_bytes(const struct writer *w);
enum err writer_end(const struct writer *w); /* LIMIT when full */

#endif
