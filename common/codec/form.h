/*
 * multipart/form-data with one file: the fields before the file collected, the file passed on as it
 * comes. Incremental; the result does not depend on how the body was cut. Source: RFC 7578, RFC
 * 2046 section 5.1.1; what browsers write: HTML standard, "multipart/form-data encoding algorithm".
 * Strict where a guess could move the end of a part: a line that begins with the delimiter and is
 * none is an error.
 */
#ifndef REMPART_CODEC_FORM_H
#define REMPART_CODEC_FORM_H
#include "common/base/arena.h"
#include "common/base/bytes.h"

enum {
	/* bytes before the file, delimiters and part headers included (S3's limit) */
	FORM_HEAD_MAX = 20 << 10,
	FORM_FIELDS_MAX = 100,     /* before the file */
	FORM_BOUNDARY_MAX = 70,    /* bytes (RFC 2046) */
};
struct form; /* one body; one thread at a time */
struct form_sink {
	/* fields: once, when the part "file" begins. Names in lower case, values as sent; file_name
	 * as sent, p NULL without. Borrowed from the arena's memory, and good as long as the
	 * arena. */
	enum err (*fields)(void *context, const struct field *fields, size_t n,
                  struct bytes file_name);
	/* file: a run of the file's bytes, borrowed for the call. */
	enum err (*file)(void *context, struct bytes b);
	void *context;
};

/* form_boundary: of a Content-Type header. errors: NOTFOUND (another type), INPUT (no boundary, or
 * not one) */
enum err form_boundary(struct bytes content_type, struct bytes *ret);
/* form_new: the boundary is copied. NULL when the arena is full. */
struct form *form_new(struct arena *a, struct bytes boundary, struct form_sink sink);
/* form_push: errors  INPUT (malformed), LIMIT (over FORM_HEAD_MAX or FORM_FIELDS_MAX), and what the
 * sink gives; sticky. What stands behind the file's last delimiter is not looked at. */
enum err form_push(struct form *f, struct bytes b);
/* form_end: the body is over. errors: INPUT (the file, or a part before it, is cut), NOTFOUND
 * (closed without a file), and form_push's */
enum err form_end(struct form *f);
/* form_wipe: forget the fields' bytes: a field may be a key. */
void form_wipe(struct form *f);

#endif
