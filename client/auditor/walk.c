#include "client/auditor/walk.h"

#include <stdlib.h>

#include "client/auditor/out.h"
#include "common/base/attr.h"
#include "common/codec/date.h"

enum {
	ENTRY_ARENA_BYTES = 8 * LOGFMT_ENTRY_MAX,
	LINE_BYTES = 8 * LOGFMT_ENTRY_MAX, /* a byte may become four */
	INDEX_COLUMNS = 10,
	EVENT_COLUMNS = 10,
	RESULT_COLUMNS = 14,
	OP_COLUMNS = 24,
};

/* The bundle of this number: full, or the widest partial one. NOTFOUND: the log ends before. */
static enum err read_any(struct bundle *b, int dir, uint64_t number, bool *ret_last)
{
	struct logdir_widths widths;
	enum err e = bundle_read(b, dir, number, TREE_TILE_WIDTH);

	*ret_last = e != OK;
	if (e != ERR_NOTFOUND) {
		return e;
	}
	logdir_widths(dir, LOGDIR_ENTRIES, number, &widths);
	for (uint32_t w = TREE_TILE_WIDTH - 1; w > 0; w--) {
		if (logdir_has_width(&widths, w)) {
			return bundle_read(b, dir, number, w);
		}
	}
	return ERR_NOTFOUND;
}

static enum err each_of(const struct bundle *b, uint64_t first, struct arena *a,
                        enum err (*fn)(void *context, const struct walk_entry *e), void *context)
{
	for (uint32_t i = 0; i < b->count; i++) {
		struct logfmt_entry entry;
		struct walk_entry e = {.line = b->entries[i], .index = first + i};
		arena_reset(a);
		if (logfmt_entry_read(a, e.line, &entry) == OK) {
			e.entry = &entry;
		}
		TRY(fn(context, &e));
	}
	return OK;
}

static void free_bundle(struct bundle **b)
{
	free(*b);
}

enum err walk_log(int dir, enum err (*fn)(void *context, const struct walk_entry *e), void *context)
{
	AUTO(arena_freep) struct arena *a = arena_new(ENTRY_ARENA_BYTES);
	AUTO(free_bundle) struct bundle *b = bundle_new();
	bool last = false;

	if (a == NULL || b == NULL) {
		return ERR_NOMEM;
	}
	for (uint64_t number = 0; !last; number++) {
		enum err e = read_any(b, dir, number, &last);
		if (e == ERR_NOTFOUND) {
			return OK;
		}
		TRY(e);
		TRY(each_of(b, number * TREE_TILE_WIDTH, a, fn, context));
	}
	return OK;
}

static void cell(struct writer *w, struct bytes text, size_t columns)
{
	size_t before = w->used;

	out_safe(w, text.n == 0 ? BYTES("-") : text);
	while (w->used - before < columns) {
		write_u8(w, ' ');
	}
	write_u8(w, ' ');
}

static void named(struct writer *w, const char *name, struct bytes text)
{
	if (text.n > 0) {
		write_u8(w, ' ');
		write_text(w, name);
		out_safe(w, text);
	}
}

static void write_entry(struct writer *w, const struct walk_entry *e)
{
	const struct logfmt_entry *entry = e->entry;
	uint64_t uses[2] = {0};

	out_right(w, e->index, INDEX_COLUMNS);
	write_u8(w, ' ');
	if (entry == NULL) {
		write_text(w, "? ");
		out_safe(w, e->line);
		write_u8(w, '\n');
		return;
	}
	date_write_iso_ms(w, entry->time_ns / 1000000);
	write_u8(w, ' ');
	cell(w, bytes_text(logfmt_event_name(entry->event)), EVENT_COLUMNS);
	cell(w, entry->result, RESULT_COLUMNS);
	cell(w, entry->op, OP_COLUMNS);
	out_safe(w, entry->principal.n == 0 ? BYTES("-") : entry->principal);
	named(w, "from=", entry->source);
	named(w, "gateway=", entry->gateway);
	named(w, "basis=", entry->basis);
	for (size_t i = 0; i < entry->n_keys; i++) {
		uses[entry->keys[i].use]++;
	}
	if (uses[LOGFMT_ISSUED] > 0) {
		write_text(w, " issued=");
		write_decimal(w, uses[LOGFMT_ISSUED]);
	}
	if (uses[LOGFMT_OPENED] > 0) {
		write_text(w, " opened=");
		write_decimal(w, uses[LOGFMT_OPENED]);
	}
	named(w, "detail=", entry->detail);
	write_u8(w, '\n');
}

enum err walk_print(const struct walk_entry *e, bool json)
{
	uint8_t line[LINE_BYTES];
	struct writer w = writer_fixed(line, sizeof(line));

	if (json && e->entry != NULL) { /* canonical, so it holds no control character */
		write_bytes(&w, e->line);
		write_u8(&w, '\n');
	} else {
		write_entry(&w, e);
	}
	return fwrite(line, 1, w.used, stdout) == w.used ? OK : ERR_IO;
}
