/* One line for a person. A text that is too long ends in "..."; it is always NUL-terminated. */
#include "common/base/report.h"

#include <errno.h>
#include <string.h>

enum { PARTS_MAX = 6 };

static const char cut_mark[] = "...";

/* As much of b as fits; false when it was cut. */
static bool append(struct writer *w, struct bytes b)
{
	size_t room = w->size - w->used;

	write_bytes(w, bytes_first(b, room));
	return b.n <= room;
}

static void join(struct report *r, const char *const *parts, size_t n)
{
	struct writer w = writer_fixed(r->text, sizeof(r->text) - sizeof(cut_mark));
	bool whole = true;

	for (size_t i = 0; i < n && parts[i] != NULL && whole; i++) {
		whole = append(&w, bytes_text(parts[i]));
	}
	w.size = sizeof(r->text);
	if (!whole) {
		write_text(&w, cut_mark);
	}
	write_u8(&w, 0);
}

enum err report_set(struct report *r, enum err e, const char *const *parts)
{
	join(r, parts, PARTS_MAX);
	return e;
}

enum err report_errno(struct report *r, const char *what, const char *path, int errno_value,
                      const char *hint)
{
	const char *why = strerrordesc_np(errno_value);

	if (errno_value == EMFILE || errno_value == ENFILE) {
		/* Whatever was being opened: the cure is the same. */
		hint = "raise the limit of open files (LimitNOFILE= in the unit, ulimit -n)";
	}
	const char *parts[] = {
		what, " ", path, ": ", why == NULL ? "unknown error" : why,
		hint == NULL ? NULL : "; ", hint,
	};

	join(r, parts, sizeof(parts) / sizeof(parts[0]));
	return err_from_errno(errno_value);
}
