#include "client/lib/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/base/attr.h"
#include "common/base/secret.h"

enum { SECRET_MODE = 0600, PUBLIC_MODE = 0644 };

void file_close(int *fd)
{
	if (*fd >= 0) {
		(void)close(*fd);
	}
	*fd = -1;
}

enum err file_read_fd(int fd, const char *name, uint8_t *out, size_t max, size_t *ret_n,
                      struct report *ret_report)
{
	size_t used = 0;
	ssize_t n = 1;

	while (n != 0 && used < max) {
		n = read(fd, out + used, max - used);
		if (n < 0 && errno != EINTR) {
			return report_errno(ret_report, "cannot read", name, errno, NULL);
		}
		used += n > 0 ? (size_t)n : 0;
	}
	if (n != 0) { /* full, and the end was not seen */
		uint8_t more;

		do {
			n = read(fd, &more, 1);
		} while (n < 0 && errno == EINTR);
		if (n != 0) {
			return report_set(ret_report, ERR_LIMIT,
			                  (const char *[]){name, ": too large to be what is meant here", NULL});
		}
	}
	*ret_n = used;
	return OK;
}

enum err file_read(struct arena *a, const char *path, size_t max, struct bytes *ret,
                   struct report *ret_report)
{
	AUTO(file_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	uint8_t *buffer;
	size_t n = 0;

	if (fd < 0) {
		return report_errno(ret_report, "cannot open", path, errno, NULL);
	}
	buffer = arena_alloc(a, max + 1);
	if (buffer == NULL) {
		return report_set(ret_report, ERR_NOMEM, (const char *[]){"out of memory", NULL});
	}
	TRY(file_read_fd(fd, path, buffer, max, &n, ret_report));
	buffer[n] = '\0';
	*ret = bytes_of(buffer, n);
	return OK;
}

enum err file_write_all(int fd, struct bytes b)
{
	while (b.n > 0) {
		ssize_t n = write(fd, b.p, b.n);

		if (n < 0 && errno != EINTR) {
			return err_from_errno(errno);
		}
		b = bytes_skip(b, n > 0 ? (size_t)n : 0);
	}
	return OK;
}

enum err file_secret_begin(const char *path, int *ret_fd, struct report *ret_report)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, SECRET_MODE);

	if (fd < 0) {
		return report_errno(ret_report, "cannot create", path, errno,
		                    errno == EEXIST ? "remove it or choose another name" : NULL);
	}
	*ret_fd = fd;
	return OK;
}

enum err file_secret_end(const char *path, int *fd, struct bytes b, struct report *ret_report)
{
	enum err e = file_write_all(*fd, b);
	int why = errno;

	if (e == OK && fsync(*fd) != 0) {
		e = ERR_IO;
		why = errno;
	}
	file_close(fd);
	if (e != OK) {
		(void)unlink(path);
		return report_errno(ret_report, "cannot write", path, why, NULL);
	}
	return OK;
}

enum err file_write(const char *path, struct bytes b, struct report *ret_report)
{
	AUTO(file_close) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, PUBLIC_MODE);

	if (fd < 0) {
		return report_errno(ret_report, "cannot create", path, errno, NULL);
	}
	if (file_write_all(fd, b) != OK) {
		return report_errno(ret_report, "cannot write", path, errno, NULL);
	}
	return OK;
}
