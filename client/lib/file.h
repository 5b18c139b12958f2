/* Small files, whole: configuration, certificates, passphrases in; secrets out. Blocks. */
#ifndef REMPART_CLIENT_FILE_H
#define REMPART_CLIENT_FILE_H

#include "common/base/arena.h"
#include "common/base/report.h"

/*
 * file_read: the whole file into the arena, a NUL behind it.
 *   errors  NOTFOUND, LIMIT (more than max bytes), IO, NOMEM; ret_report says which file
 */
enum err file_read(struct arena *a, const char *path, size_t max, struct bytes *ret,
                   struct report *ret_report);
/* file_read_fd: the same from an open descriptor up to its end; `name` is for the report. */
enum err file_read_fd(int fd, const char *name, uint8_t *out, size_t max, size_t *ret_n,
                      struct report *ret_report);
/*
 * A secret that is shown only once goes to disk in two steps, so that a full or forbidden place is
 * known before it is asked for. file_secret_begin: a new empty file, mode 0600; never replaces one.
 * file_secret_end: the bytes, on disk when it returns; closes the descriptor; on failure the file
 * is gone.
 *   errors  EXISTS, NOTFOUND (no such folder), FULL, IO
 */
enum err file_secret_begin(const char *path, int *ret_fd, struct report *ret_report);
enum err file_secret_end(const char *path, int *fd, struct bytes b, struct report *ret_report);
/* file_write: make or replace a file that is no secret. errors: as above */
enum err file_write(const char *path, struct bytes b, struct report *ret_report);
/* file_write_all: every byte to an open descriptor. errors: FULL, IO */
enum err file_write_all(int fd, struct bytes b);
/* file_close: for AUTO; a negative descriptor is none. */
void file_close(int *fd);

#endif
