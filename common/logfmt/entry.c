/*
 * Entries of the key log. The decoder is a straight list of reads in the order of the encoder; it
 * then encodes what it understood and compares, so that no second form of an entry can exist.
 */
#include "common/logfmt/entry.h"

#include <string.h>

#include "common/base/attr.h"
#include "common/codec/date.h"
#include "common/codec/hex.h"

static const char *const event_names[LOGFMT_EVENTS] = {
	[LOGFMT_START] = "start",   [LOGFMT_STOP] = "stop",     [LOGFMT_INIT] = "init",
	[LOGFMT_UNSEAL] = "unseal", [LOGFMT_SEAL] = "seal",     [LOGFMT_ACCESS] = "access",
	[LOGFMT_CHUNKS] = "chunks", [LOGFMT_INDEX_KEY] = "index-key", [LOGFMT_ADMIN] = "admin",
};
static const char *const use_names[] = {[LOGFMT_ISSUED] = "issued", [LOGFMT_OPENED] = "opened"};

/* The members that hold text, in the order of the format: four groups between other members. */
struct text_member {
	const char *lead; /* comma, name and colon */
	size_t offset;    /* of the struct bytes in the entry */
};
#define TEXT(name, field) {",\"" name "\":", offsetof(struct logfmt_entry, field)}
static const struct text_member texts_before_token[] = {
	TEXT("gateway", gateway),       TEXT("tenant", tenant), TEXT("principal", principal),
	TEXT("access_key", access_key), TEXT("source", source), TEXT("agent", agent),
	TEXT("op", op),
};
static const struct text_member texts_after_token[] = {
	TEXT("period", period), TEXT("basis", basis), TEXT("detail", detail),
};

const char *logfmt_event_name(enum logfmt_event e)
{
	return (unsigned)e < LOGFMT_EVENTS ? event_names[e] : "?";
}

static bool is_zero(const uint8_t *p, size_t n)
{
	uint8_t any = 0;

	for (size_t i = 0; i < n; i++) {
		any |= p[i];
	}
	return any == 0;
}

static void write_hex(struct writer *w, const char *lead, const uint8_t *p, size_t n)
{
	write_text(w, lead);
	write_u8(w, '"');
	hex_write(w, bytes_of(p, n));
	write_u8(w, '"');
}

static void write_texts(struct writer *w, const struct logfmt_entry *e,
                        const struct text_member *members, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const void *at = (const uint8_t *)e + members[i].offset;
		const struct bytes *text = at;
		if (text->n > 0) {
			write_text(w, members[i].lead);
			write_quoted(w, *text);
		}
	}
}

static void write_key(struct writer *w, const struct logfmt_key *k)
{
	write_text(w, "{\"use\":");
	write_quoted(w, bytes_text(use_names[k->use]));
	write_hex(w, ",\"key\":", k->key_id, sizeof(k->key_id));
	write_text(w, ",\"version\":");
	write_decimal(w, k->key_version);
	write_hex(w, ",\"wrapped\":", k->wrapped_digest, sizeof(k->wrapped_digest));
	if (!is_zero(k->object_token, sizeof(k->object_token))) {
		write_hex(w, ",\"object_token\":", k->object_token, sizeof(k->object_token));
	}
	write_u8(w, '}');
}

static void write_keys(struct writer *w, const struct logfmt_entry *e)
{
	if (e->n_keys == 0) {
		return;
	}
	write_text(w, ",\"keys\":[");
	for (size_t i = 0; i < e->n_keys; i++) {
		if (i > 0) {
			write_u8(w, ',');
		}
		write_key(w, &e->keys[i]);
	}
	write_u8(w, ']');
}

static void write_entry(const struct logfmt_entry *e, struct writer *w)
{
	write_text(w, "{\"v\":1,\"seq\":");
	write_decimal(w, e->seq);
	write_text(w, ",\"time\":\"");
	date_write_iso_ns(w, e->time_ns);
	write_u8(w, '"');
	write_hex(w, ",\"boot\":", e->boot, sizeof(e->boot));
	write_text(w, ",\"event\":");
	write_quoted(w, bytes_text(event_names[e->event]));
	write_text(w, ",\"result\":");
	write_quoted(w, e->result);
	if (!is_zero(e->request_id, sizeof(e->request_id))) {
		write_hex(w, ",\"request\":", e->request_id, sizeof(e->request_id));
	}
	write_texts(w, e, texts_before_token, COUNT(texts_before_token));
	if (!is_zero(e->bucket_token, sizeof(e->bucket_token))) {
		write_hex(w, ",\"bucket_token\":", e->bucket_token, sizeof(e->bucket_token));
	}
	write_texts(w, e, texts_after_token, COUNT(texts_after_token));
	write_keys(w, e);
	write_u8(w, '}');
}

/* A NUL could be written but not read back by every JSON library, so it has no form here. */
static bool has_nul(const struct logfmt_entry *e, const struct text_member *members, size_t n)
{
	size_t at;

	for (size_t i = 0; i < n; i++) {
		const void *field = (const uint8_t *)e + members[i].offset;
		if (bytes_find(*(const struct bytes *)field, 0, &at)) {
			return true;
		}
	}
	return false;
}

static bool encodable(const struct logfmt_entry *e)
{
	size_t at;

	for (size_t i = 0; i < e->n_keys && i < LOGFMT_KEYS_MAX; i++) {
		if ((unsigned)e->keys[i].use >= COUNT(use_names)) {
			return false;
		}
	}
	return (unsigned)e->event < LOGFMT_EVENTS && e->n_keys <= LOGFMT_KEYS_MAX &&
	       e->result.n > 0 && !bytes_find(e->result, 0, &at) &&
	       !has_nul(e, texts_before_token, COUNT(texts_before_token)) &&
	       !has_nul(e, texts_after_token, COUNT(texts_after_token));
}

enum err logfmt_entry_write(const struct logfmt_entry *e, struct writer *w)
{
	size_t before = w->used;

	if (!encodable(e)) {
		return ERR_INPUT;
	}
	write_entry(e, w);
	TRY(writer_end(w));
	return w->used - before <= LOGFMT_ENTRY_MAX ? OK : ERR_LIMIT;
}

/* Reading. Like every reader: a bad read is remembered, the check comes at the end. */

static bool next_is(const struct reader *r, const char *text)
{
	return bytes_starts(bytes_of(r->p, r->left), bytes_text(text));
}

static bool accept(struct reader *r, const char *text)
{
	if (r->bad || !next_is(r, text)) {
		return false;
	}
	read_bytes(r, bytes_text(text).n);
	return true;
}

static void expect(struct reader *r, const char *text)
{
	if (!accept(r, text)) {
		r->bad = true;
	}
}

static uint64_t read_decimal(struct reader *r, uint64_t max)
{
	uint64_t v = 0;
	size_t n = 0;

	while (n < r->left && r->p[n] >= '0' && r->p[n] <= '9') {
		n++;
	}
	if (r->bad || bytes_u64(read_bytes(r, n), &v) != OK || v > max) {
		r->bad = true;
	}
	return v;
}

static void read_hex(struct reader *r, uint8_t *out, size_t n)
{
	expect(r, "\"");
	struct bytes digits = read_bytes(r, 2 * n);
	if (r->bad || hex_read(digits, out, n) != OK) {
		r->bad = true;
	}
	expect(r, "\"");
}

/* The bytes between the quotes, still escaped. */
static struct bytes read_quoted(struct reader *r)
{
	size_t n = 0;

	expect(r, "\"");
	while (n < r->left && r->p[n] != '"') {
		n += r->p[n] == '\\' ? 2 : 1;
	}
	struct bytes inside = read_bytes(r, n);
	expect(r, "\"");
	return r->bad ? bytes_of(NULL, 0) : inside;
}

static uint8_t unescape(struct reader *r)
{
	static const char letters[] = "\"\\bfnrt";
	static const char values[] = "\"\\\b\f\n\r\t";
	uint8_t c = read_u8(r);
	const char *at = c == 0 ? NULL : strchr(letters, c);

	if (at != NULL) {
		return (uint8_t)values[at - letters];
	}
	struct bytes digits = read_bytes(r, 4);
	uint8_t code[2] = {0};
	if (c != 'u' || r->bad || hex_read(digits, code, sizeof(code)) != OK || code[0] != 0) {
		r->bad = true;
	}
	return code[1];
}

static struct bytes read_string(struct arena *a, struct reader *r)
{
	struct bytes inside = read_quoted(r);
	struct reader from = reader_of(inside);
	uint8_t *out = arena_alloc(a, inside.n + 1);
	size_t n = 0;

	if (out == NULL) {
		r->bad = true;
		return bytes_of(NULL, 0);
	}
	while (from.left > 0 && !from.bad) {
		uint8_t c = read_u8(&from);
		out[n++] = c == '\\' ? unescape(&from) : c;
	}
	r->bad = r->bad || from.bad;
	return bytes_of(out, n);
}

static unsigned read_name(struct reader *r, const char *const *names, size_t n)
{
	struct bytes name = read_quoted(r);

	for (unsigned i = 0; i < n; i++) {
		if (bytes_is(name, names[i])) {
			return i;
		}
	}
	r->bad = true;
	return 0;
}

static uint64_t read_time(struct reader *r)
{
	struct bytes text = read_quoted(r);
	uint64_t ns = 0;

	if (r->bad || date_read_iso(text, &ns) != OK) {
		r->bad = true;
	}
	return ns;
}

static void read_texts(struct arena *a, struct reader *r, struct logfmt_entry *e,
                       const struct text_member *members, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (accept(r, members[i].lead)) {
			void *at = (uint8_t *)e + members[i].offset;
			*(struct bytes *)at = read_string(a, r);
		}
	}
}

static void read_key(struct reader *r, struct logfmt_key *k)
{
	expect(r, "{\"use\":");
	k->use = (enum logfmt_use)read_name(r, use_names, COUNT(use_names));
	expect(r, ",\"key\":");
	read_hex(r, k->key_id, sizeof(k->key_id));
	expect(r, ",\"version\":");
	k->key_version = (uint32_t)read_decimal(r, UINT32_MAX);
	expect(r, ",\"wrapped\":");
	read_hex(r, k->wrapped_digest, sizeof(k->wrapped_digest));
	if (accept(r, ",\"object_token\":")) {
		read_hex(r, k->object_token, sizeof(k->object_token));
	}
	expect(r, "}");
}

static void read_keys(struct reader *r, struct logfmt_entry *e)
{
	if (!accept(r, ",\"keys\":[")) {
		return;
	}
	do {
		if (e->n_keys == LOGFMT_KEYS_MAX) {
			r->bad = true;
			return;
		}
		read_key(r, &e->keys[e->n_keys++]);
	} while (accept(r, ","));
	expect(r, "]");
}

static void read_entry(struct arena *a, struct reader *r, struct logfmt_entry *e)
{
	expect(r, "{\"v\":1,\"seq\":");
	e->seq = read_decimal(r, UINT64_MAX);
	expect(r, ",\"time\":");
	e->time_ns = read_time(r);
	expect(r, ",\"boot\":");
	read_hex(r, e->boot, sizeof(e->boot));
	expect(r, ",\"event\":");
	e->event = (enum logfmt_event)read_name(r, event_names, COUNT(event_names));
	expect(r, ",\"result\":");
	e->result = read_string(a, r);
	if (accept(r, ",\"request\":")) {
		read_hex(r, e->request_id, sizeof(e->request_id));
	}
	read_texts(a, r, e, texts_before_token, COUNT(texts_before_token));
	if (accept(r, ",\"bucket_token\":")) {
		read_hex(r, e->bucket_token, sizeof(e->bucket_token));
	}
	read_texts(a, r, e, texts_after_token, COUNT(texts_after_token));
	read_keys(r, e);
	expect(r, "}");
}

enum err logfmt_entry_read(struct arena *a, struct bytes line, struct logfmt_entry *ret)
{
	struct logfmt_entry e = {0};
	struct reader r = reader_of(line);

	if (line.n > LOGFMT_ENTRY_MAX) {
		return ERR_LIMIT;
	}
	read_entry(a, &r, &e);
	TRY(read_end(&r));
	uint8_t *again = arena_alloc(a, line.n);
	if (again == NULL) {
		return ERR_LIMIT;
	}
	struct writer w = writer_fixed(again, line.n);
	if (logfmt_entry_write(&e, &w) != OK || !bytes_equal(writer_bytes(&w), line)) {
		return ERR_INPUT;
	}
	*ret = e;
	return OK;
}
