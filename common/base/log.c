/*
 * The daemons' log. A line is made in one buffer of PIPE_BUF bytes and leaves in one write, so that
 * lines of threads and processes do not mix. A field that does not fit is left out or cut, and the
 * line then says "truncated": the log must not fail, and must stay JSON.
 */
#include "common/base/log.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"

enum {
	LINE_MAX_BYTES = PIPE_BUF,
	VALUE_MAX_BYTES = 1024, /* of one field, before escaping */
};

static const char tail_cut[] = ",\"truncated\":true}\n";

static enum log_level threshold = LOG_INFO;

void log_threshold(enum log_level level)
{
	threshold = level;
}

static const char *level_name(enum log_level level)
{
	switch (level) {
	case LOG_DEBUG: return "debug";
	case LOG_INFO: return "info";
	case LOG_WARN: return "warn";
	case LOG_ERROR: return "error";
	}
	return "unknown";
}

static void write_errno(struct writer *w, int errno_value)
{
	const char *text = strerrordesc_np(errno_value); /* as strerror, but for any thread */

	if (text == NULL) {
		write_decimal(w, (uint64_t)errno_value);
		return;
	}
	write_quoted(w, bytes_text(text));
}

static void write_value(struct writer *w, const struct log_field *f, bool *cut)
{
	switch (f->type) {
	case LOG_TYPE_BYTES:
		*cut = *cut || f->bytes.n > VALUE_MAX_BYTES;
		write_quoted(w, bytes_first(f->bytes, VALUE_MAX_BYTES));
		break;
	case LOG_TYPE_U64: write_decimal(w, f->number); break;
	case LOG_TYPE_ERRNO: write_errno(w, (int)f->number); break;
	case LOG_TYPE_ERR: write_quoted(w, bytes_text(err_name((enum err)f->number))); break;
	}
}

static void write_field(struct writer *w, const struct log_field *f, bool *cut)
{
	size_t before = w->used;

	write_u8(w, ',');
	write_quoted(w, bytes_text(f->name));
	write_u8(w, ':');
	write_value(w, f, cut);
	if (w->full) {
		w->used = before;
		w->full = false;
		*cut = true;
	}
}

/* A log that cannot be written has nowhere to report that: give up silently. */
static void put_line(const uint8_t *p, size_t n)
{
	while (n > 0) {
		ssize_t done = write(STDERR_FILENO, p, n);
		if (done < 0 && errno == EINTR) {
			continue;
		}
		if (done <= 0) {
			return;
		}
		p += done;
		n -= (size_t)done;
	}
}

void log_write(enum log_level level, const char *event, const struct log_field *fields, size_t n)
{
	uint8_t line[LINE_MAX_BYTES];
	struct writer w = writer_fixed(line, sizeof(line) - sizeof(tail_cut));
	int errno_before = errno; /* a caller may look at it after it logged */
	bool cut = false;

	if (level < threshold) {
		return;
	}
	write_text(&w, "{\"ts\":\"");
	uint64_t now_ms = clock_real_ms();
	clock_write_iso(&w, now_ms / 1000, now_ms % 1000, 3);
	write_text(&w, "\",\"level\":\"");
	write_text(&w, level_name(level));
	write_text(&w, "\",\"event\":");
	write_quoted(&w, bytes_first(bytes_text(event), VALUE_MAX_BYTES / 8));
	assert(!w.full);
	for (size_t i = 0; i < n; i++) {
		write_field(&w, &fields[i], &cut);
	}
	w.size = sizeof(line);
	write_text(&w, cut ? tail_cut : "}\n");
	put_line(line, w.used);
	errno = errno_before;
}
