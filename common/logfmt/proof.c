#include "common/logfmt/proof.h"

#include "common/codec/base64.h"

static const char first_line[] = "c2sp.org/tlog-proof@v1";

enum err proof_write(struct writer *w, const struct log_proof *p)
{
	if (p->path.n % TREE_HASH_BYTES != 0 || p->path.n / TREE_HASH_BYTES > PROOF_HASHES_MAX) {
		return ERR_INPUT;
	}
	write_text(w, first_line);
	if (p->extra.n > 0) {
		write_text(w, "\nextra ");
		base64_write(w, p->extra);
	}
	write_text(w, "\nindex ");
	write_decimal(w, p->index);
	for (size_t at = 0; at < p->path.n; at += TREE_HASH_BYTES) {
		write_u8(w, '\n');
		base64_write(w, bytes_of(p->path.p + at, TREE_HASH_BYTES));
	}
	write_text(w, "\n\n");
	write_bytes(w, p->note);
	return writer_end(w);
}

/* What follows the word and a space on this line. */
static bool after_word(struct bytes line, const char *word, struct bytes *ret)
{
	if (!bytes_starts(line, bytes_text(word))) {
		return false;
	}
	*ret = bytes_skip(line, bytes_text(word).n);
	return true;
}

static enum err read_base64(struct arena *a, struct bytes text, struct bytes *ret)
{
	uint8_t *out = arena_alloc(a, text.n);

	if (out == NULL) {
		return ERR_LIMIT;
	}
	struct writer w = writer_fixed(out, text.n);
	TRY(base64_read(text, &w));
	*ret = writer_bytes(&w);
	return OK;
}

static enum err read_path(struct arena *a, struct bytes *rest, struct bytes *ret)
{
	uint8_t *out = arena_alloc(a, PROOF_HASHES_MAX * TREE_HASH_BYTES);

	if (out == NULL) {
		return ERR_LIMIT;
	}
	struct writer w = writer_fixed(out, PROOF_HASHES_MAX * TREE_HASH_BYTES);
	for (struct bytes line = bytes_split(rest, '\n'); line.n > 0;
	     line = bytes_split(rest, '\n')) {
		size_t before = w.used;
		TRY(base64_read(line, &w));
		if (w.used - before != TREE_HASH_BYTES) {
			return ERR_INPUT;
		}
	}
	*ret = writer_bytes(&w);
	return OK;
}

enum err proof_read(struct arena *a, struct bytes text, struct log_proof *ret)
{
	struct log_proof p = {0};
	struct bytes rest = text, value = {NULL, 0};

	if (text.n > PROOF_MAX) {
		return ERR_LIMIT;
	}
	if (!bytes_is(bytes_split(&rest, '\n'), first_line)) {
		return ERR_INPUT;
	}
	struct bytes line = bytes_split(&rest, '\n');
	if (after_word(line, "extra ", &value)) {
		TRY(read_base64(a, value, &p.extra));
		line = bytes_split(&rest, '\n');
	}
	if (!after_word(line, "index ", &value) || bytes_u64(value, &p.index) != OK ||
	    (value.p[0] == '0' && value.n > 1)) {
		return ERR_INPUT;
	}
	TRY(read_path(a, &rest, &p.path));
	p.note = rest;
	if (p.note.n == 0) {
		return ERR_INPUT;
	}
	*ret = p;
	return OK;
}
