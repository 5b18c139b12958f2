#include "client/auditor/out.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/auditor/lang.h"
#include "common/base/attr.h"
#include "common/codec/hex.h"

enum { BAR_COLUMNS = 40, PERCENT = 100 };

bool out_colour(FILE *file)
{
	const char *no = secure_getenv("NO_COLOR"), *term = secure_getenv("TERM");

	return isatty(fileno(file)) == 1 && (no == NULL || no[0] == 0) && term != NULL &&
	       strcmp(term, "dumb") != 0;
}

/* How many bytes at the start of b a terminal must not get; 0 when the first may pass. */
static size_t unsafe(struct bytes b)
{
	static const char *const prefixes[] = {
		"\xc2\x80", "\xe2\x80\x8b", "\xe2\x80\x8e", "\xe2\x80\xa8", "\xe2\x81\xa6",
		"\xef\xbb\xbf",
	};
	static const uint8_t last[] = {0x9f, 0x8d, 0x8f, 0xae, 0xa9, 0xbf};

	if (b.p[0] < 0x20 || b.p[0] == 0x7f) {
		return 1;
	}
	for (size_t i = 0; i < COUNT(prefixes); i++) {
		/* a range: the same bytes, the last one from that of the prefix to last[i] */
		struct bytes from = bytes_text(prefixes[i]);
		if (b.n >= from.n && memcmp(b.p, from.p, from.n - 1) == 0 &&
		    b.p[from.n - 1] >= from.p[from.n - 1] && b.p[from.n - 1] <= last[i]) {
			return from.n;
		}
	}
	return 0;
}

void out_safe(struct writer *w, struct bytes text)
{
	while (text.n > 0) {
		size_t n = unsafe(text);
		if (n == 0) {
			write_u8(w, text.p[0]);
			n = 1;
		} else {
			for (size_t i = 0; i < n; i++) {
				write_text(w, "\\x");
				hex_write(w, bytes_of(text.p + i, 1));
			}
		}
		text = bytes_skip(text, n);
	}
}

static void fill(struct writer *w, size_t used, size_t columns)
{
	for (; used < columns; used++) {
		write_u8(w, ' ');
	}
}

void out_cell(struct writer *w, const char *text, size_t columns)
{
	write_text(w, text);
	fill(w, lang_width(text), columns);
}

void out_right(struct writer *w, uint64_t value, size_t columns)
{
	size_t digits = 1;

	for (uint64_t v = value; v >= 10; v /= 10) {
		digits++;
	}
	fill(w, digits, columns);
	write_decimal(w, value);
}

void out_coloured(struct writer *w, bool colour, enum colour c, const char *text)
{
	static const char *const codes[] = {
		[COLOUR_NONE] = "",
		[COLOUR_GOOD] = "\x1b[32m",
		[COLOUR_BAD] = "\x1b[1;31m",
		[COLOUR_HEAD] = "\x1b[1m",
	};

	if (colour) {
		write_text(w, codes[c]);
	}
	write_text(w, text);
	if (colour) {
		write_text(w, "\x1b[0m");
	}
}

enum err out_flush(struct writer *w, FILE *file)
{
	bool whole = !w->full;
	size_t n = fwrite(w->p, 1, w->used, file);
	bool written = n == w->used && fflush(file) == 0;

	w->used = 0;
	w->full = false;
	if (!written) {
		return ERR_IO;
	}
	return whole ? OK : ERR_LIMIT;
}

void out_progress(const char *label, uint64_t done, uint64_t size)
{
	char line[512];
	struct writer w = writer_fixed(line, sizeof(line));
	uint64_t bar = size == 0 ? BAR_COLUMNS : done / (size / BAR_COLUMNS + 1);

	write_text(&w, "\r");
	write_text(&w, label);
	write_text(&w, " [");
	for (uint64_t i = 0; i < BAR_COLUMNS; i++) {
		write_u8(&w, i < bar ? '#' : '.');
	}
	write_text(&w, "] ");
	out_right(&w, size == 0 ? PERCENT : (uint64_t)((double)done / (double)size * PERCENT), 3);
	write_text(&w, " %");
	if (done == size) {
		write_text(&w, "\r\x1b[K");
	}
	if (fwrite(line, 1, w.used, stderr) == w.used) {
		fflush(stderr);
	}
}
