/*
 * Small files that must be whole after a crash: written beside, synced, renamed, folder synced.
 * Used by the key log only. Thread: any, one file name at a time.
 */
#ifndef REMPART_KMS_KEYLOG_FILE_H
#define REMPART_KMS_KEYLOG_FILE_H
#include "common/base/bytes.h"

/* file_error: NOMEM, FULL or IO for the errno of a failed write; a file size limit counts as a full disk. */
enum err file_error(int errno_value);
/* file_write_at: all of b at `offset`. errors: FULL, IO; part of it may be there */
enum err file_write_at(int fd, struct bytes b, uint64_t offset);
/* file_read_at: up to n bytes at `offset`; fewer only at the end of the file. errors: IO */
enum err file_read_at(int fd, uint8_t *out, size_t n, uint64_t offset, size_t *ret_n);
/* file_read: a whole file of at most `max` bytes into out. errors: NOTFOUND, CORRUPT (larger), IO */
enum err file_read(int dir, const char *name, uint8_t *out, size_t max, size_t *ret_n);
/* file_is: does the file hold exactly these bytes? errors: NOTFOUND, CORRUPT (others), IO */
enum err file_is(int dir, const char *name, struct bytes content);
/* file_replace: durable on return; readers see the old or the new content. errors: FULL, IO */
enum err file_replace(int dir, const char *name, struct bytes content);
/* file_sync_parent: fsync the folder that holds `path` (relative to dir). errors: IO */
enum err file_sync_parent(int dir, const char *path);
/* file_make_parents: mkdir every folder in front of the last part of `path`, each synced into its own. errors: FULL, IO */
enum err file_make_parents(int dir, const char *path);
void file_close(int *fd); /* for AUTO(file_close); -1 is nothing */
#endif
