#include "client/auditor/report_text.h"

#include <string.h>

#include "client/auditor/out.h"
#include "common/base/attr.h"
#include "common/codec/base64.h"
#include "common/codec/date.h"

enum { LABEL_COLUMNS = 46, NAME_COLUMNS = 32, COUNT_COLUMNS = 12 };

static const enum text check_texts[CHECKS] = {
	[CHECK_SIGNATURE] = T_CHECK_SIGNATURE, [CHECK_TREE] = T_CHECK_TREE,
	[CHECK_ENTRIES] = T_CHECK_ENTRIES,     [CHECK_CLOCK] = T_CHECK_CLOCK,
	[CHECK_SINCE] = T_CHECK_SINCE,         [CHECK_KEYS] = T_CHECK_KEYS,
};

static const char *say(const struct report_context *c, enum text t)
{
	return lang_text(c->lang, t);
}

static void label(struct writer *w, const struct report_context *c, enum text t)
{
	write_text(w, "  ");
	out_cell(w, say(c, t), LABEL_COLUMNS);
}

static void heading(struct writer *w, const struct report_context *c, enum text t)
{
	write_u8(w, '\n');
	out_coloured(w, c->colour, COLOUR_HEAD, say(c, t));
}

static void write_summary(struct writer *w, const struct verify_result *r,
                          const struct report_context *c)
{
	out_coloured(w, c->colour, COLOUR_HEAD, say(c, T_LOG));
	write_text(w, "  ");
	out_safe(w, r->checkpoint.origin);
	write_u8(w, '\n');
	label(w, c, T_SIGNED_BY);
	out_safe(w, c->vkey);
	write_u8(w, '\n');
	label(w, c, T_ENTRIES);
	write_decimal(w, r->checkpoint.size);
	write_u8(w, '\n');
	label(w, c, T_PERIOD);
	if (r->entries > 0) {
		date_write_iso_ms(w, r->first_ns / 1000000);
		write_u8(w, ' ');
		write_text(w, say(c, T_PERIOD_TO));
		write_u8(w, ' ');
		date_write_iso_ms(w, r->last_ns / 1000000);
	} else {
		write_text(w, say(c, T_NONE));
	}
	write_u8(w, '\n');
	label(w, c, T_ROOT);
	base64_write(w, bytes_of(r->checkpoint.root, sizeof(r->checkpoint.root)));
	write_u8(w, '\n');
	if (c->since) {
		label(w, c, T_COMPARED);
		write_decimal(w, r->since_size);
		write_u8(w, '\n');
	}
}

static void write_checks(struct writer *w, const struct verify_result *r,
                         const struct report_context *c)
{
	heading(w, c, T_CHECK);
	write_u8(w, '\n');
	for (size_t i = 0; i < CHECKS; i++) {
		label(w, c, check_texts[i]);
		if (verify_failures(r, (enum check)i) > 0) {
			out_coloured(w, c->colour, COLOUR_BAD, say(c, T_FAILED));
		} else if (i == CHECK_SINCE && !c->since) {
			write_text(w, say(c, T_NOT_ASKED));
		} else if (i == CHECK_SIGNATURE || r->whole) {
			out_coloured(w, c->colour, COLOUR_GOOD, say(c, T_OK));
		} else {
			out_coloured(w, c->colour, COLOUR_BAD, say(c, T_NOT_REACHED));
		}
		write_u8(w, '\n');
	}
}

static void write_example(struct writer *w, const struct report_context *c,
                          const struct example *e)
{
	write_text(w, "      ");
	if (e->has_index) {
		write_text(w, say(c, T_AT_ENTRY));
		write_u8(w, ' ');
		write_decimal(w, e->index);
	}
	write_text(w, e->path);
	write_u8(w, '\n');
}

static void write_found(struct writer *w, const struct found *found, enum finding f,
                        const struct report_context *c)
{
	write_text(w, "  ");
	out_coloured(w, c->colour && verify_check_of(f) != CHECK_NOTE, COLOUR_BAD,
	             report_finding(c->lang, f));
	write_u8(w, '\n');
	uint64_t shown = found->count < EXAMPLES_MAX ? found->count : EXAMPLES_MAX;
	for (uint64_t i = 0; i < shown; i++) {
		if (found->examples[i].has_index || found->examples[i].path[0] != 0) {
			write_example(w, c, &found->examples[i]);
		}
	}
	if (found->count > shown) {
		write_text(w, "      + ");
		write_decimal(w, found->count - shown);
		write_u8(w, ' ');
		write_text(w, say(c, T_MORE));
		write_u8(w, '\n');
	}
}

static void write_findings(struct writer *w, const struct verify_result *r,
                           const struct report_context *c, bool notes)
{
	bool any = false;

	for (size_t i = 0; i < FINDINGS; i++) {
		bool is_note = verify_check_of((enum finding)i) == CHECK_NOTE;
		if (r->found[i].count == 0 || is_note != notes) {
			continue;
		}
		if (!any) {
			heading(w, c, notes ? T_NOTES : T_FAULTS);
			write_u8(w, '\n');
			any = true;
		}
		write_found(w, &r->found[i], (enum finding)i, c);
	}
}

static void write_counts(struct writer *w, const uint64_t counts[TALLY_WHATS])
{
	for (size_t i = 0; i < TALLY_WHATS; i++) {
		out_right(w, counts[i], COUNT_COLUMNS);
	}
	write_u8(w, '\n');
}

/* A name from the log takes as many columns as it takes; a short one is filled up. */
static void write_name(struct writer *w, struct bytes name, const struct report_context *c)
{
	char text[4 * TALLY_NAME_BYTES + 1];
	struct writer t = writer_fixed(text, sizeof(text) - 1);

	out_safe(&t, name);
	text[t.used] = 0;
	write_text(w, "  ");
	out_cell(w, name.n == 0 ? say(c, T_NO_NAME) : text, NAME_COLUMNS);
}

static void write_tally(struct writer *w, const struct tally *t, enum text title,
                        const struct report_context *c)
{
	if (t->n == 0) {
		return;
	}
	heading(w, c, title);
	write_u8(w, '\n');
	for (size_t i = 0; i < t->n; i++) {
		write_name(w, t->rows[i].name, c);
		write_counts(w, t->rows[i].counts);
	}
	if (t->others.counts[0] + t->others.counts[1] + t->others.counts[2] > 0) {
		write_text(w, "  ");
		out_cell(w, say(c, T_OTHERS), NAME_COLUMNS);
		write_counts(w, t->others.counts);
	}
}

/* Right-aligned heads over the counts; our own texts, so their width in columns is known. */
static void write_heads(struct writer *w, const struct report_context *c)
{
	static const enum text heads[TALLY_WHATS] = {T_ISSUED, T_OPENED, T_REFUSED};

	write_u8(w, '\n');
	out_cell(w, say(c, T_KEYS), NAME_COLUMNS + 2);
	for (size_t i = 0; i < TALLY_WHATS; i++) {
		const char *text = say(c, heads[i]);
		for (size_t n = lang_width(text); n < COUNT_COLUMNS; n++) {
			write_u8(w, ' ');
		}
		write_text(w, text);
	}
	write_u8(w, '\n');
}

static void write_events(struct writer *w, const struct verify_result *r,
                         const struct report_context *c)
{
	heading(w, c, T_BY_EVENT);
	write_u8(w, '\n');
	for (unsigned i = 0; i < LOGFMT_EVENTS; i++) {
		if (r->events[i] > 0) {
			write_text(w, "  ");
			out_cell(w, logfmt_event_name((enum logfmt_event)i), NAME_COLUMNS);
			out_right(w, r->events[i], COUNT_COLUMNS);
			write_u8(w, '\n');
		}
	}
}

void report_text(struct writer *w, const struct verify_result *r, const struct report_context *c)
{
	bool good = verify_good(r);

	if (r->has_checkpoint) {
		write_summary(w, r, c);
	}
	write_checks(w, r, c);
	write_findings(w, r, c, false);
	write_findings(w, r, c, true);
	if (r->entries > 0) {
		write_events(w, r, c);
		write_heads(w, c);
		write_text(w, "  ");
		out_cell(w, say(c, T_TOTAL), NAME_COLUMNS);
		write_counts(w, r->keys);
		write_tally(w, &r->by_tenant, T_BY_TENANT, c);
		write_tally(w, &r->by_gateway, T_BY_GATEWAY, c);
		write_tally(w, &r->by_reason, T_BY_REASON, c);
	}
	write_u8(w, '\n');
	out_coloured(w, c->colour, good ? COLOUR_GOOD : COLOUR_BAD, say(c, good ? T_GOOD : T_BAD));
	write_u8(w, '\n');
}
