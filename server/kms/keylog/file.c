#include "server/kms/keylog/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/attr.h"

enum {
	PATH_BYTES = 4096,
	COMPARE_BYTES = 16384,
	DIR_MODE = 0755,  /* the log is published: whoever may enter its folder may read it */
	FILE_MODE = 0644,
};

void file_close(int *fd)
{
	if (*fd >= 0) {
		close(*fd);
	}
	*fd = -1;
}

enum err file_error(int errno_value)
{
	enum err e = errno_value == EFBIG ? ERR_FULL : err_from_errno(errno_value);

	return e == ERR_NOTFOUND || e == ERR_EXISTS ? ERR_IO : e;
}

enum err file_write_at(int fd, struct bytes b, uint64_t offset)
{
	while (b.n > 0) {
		ssize_t n = pwrite(fd, b.p, b.n, (off_t)offset);
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n <= 0) {
			return n < 0 ? file_error(errno) : ERR_IO;
		}
		b = bytes_skip(b, (size_t)n);
		offset += (uint64_t)n;
	}
	return OK;
}

enum err file_read_at(int fd, uint8_t *out, size_t n, uint64_t offset, size_t *ret_n)
{
	size_t got = 0;

	while (got < n) {
		ssize_t k = pread(fd, out + got, n - got, (off_t)(offset + got));
		if (k < 0 && errno == EINTR) {
			continue;
		}
		if (k < 0) {
			return ERR_IO;
		}
		if (k == 0) {
			break;
		}
		got += (size_t)k;
	}
	*ret_n = got;
	return OK;
}

enum err file_read(int dir, const char *name, uint8_t *out, size_t max, size_t *ret_n)
{
	AUTO(file_close) int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	uint8_t more;
	size_t extra;

	if (fd < 0) {
		return err_from_errno(errno);
	}
	TRY(file_read_at(fd, out, max, 0, ret_n));
	TRY(file_read_at(fd, &more, 1, *ret_n, &extra));
	return extra == 0 ? OK : ERR_CORRUPT;
}

enum err file_is(int dir, const char *name, struct bytes content)
{
	AUTO(file_close) int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	uint8_t part[COMPARE_BYTES];
	struct stat st;

	if (fd < 0) {
		return err_from_errno(errno);
	}
	if (fstat(fd, &st) != 0) {
		return ERR_IO;
	}
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != content.n) {
		return ERR_CORRUPT;
	}
	for (uint64_t at = 0; content.n > 0; at += sizeof(part)) {
		size_t got = 0;
		struct bytes want = bytes_first(content, sizeof(part));
		TRY(file_read_at(fd, part, want.n, at, &got));
		if (!bytes_equal(bytes_of(part, got), want)) {
			return ERR_CORRUPT;
		}
		content = bytes_skip(content, want.n);
	}
	return OK;
}

static enum err write_new(int dir, const char *name, struct bytes content)
{
	AUTO(file_close) int fd =
		openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);

	if (fd < 0) {
		return file_error(errno);
	}
	TRY(file_write_at(fd, content, 0));
	return fsync(fd) == 0 ? OK : ERR_IO;
}

enum err file_replace(int dir, const char *name, struct bytes content)
{
	char temp[PATH_BYTES];
	int n = snprintf(temp, sizeof(temp), "%s.new", name);

	if (n < 0 || (size_t)n >= sizeof(temp)) {
		return ERR_IO;
	}
	enum err e = write_new(dir, temp, content);
	if (e != OK) {
		unlinkat(dir, temp, 0);
		return e;
	}
	if (renameat(dir, temp, dir, name) != 0) {
		return file_error(errno);
	}
	return file_sync_parent(dir, name);
}

enum err file_sync_parent(int dir, const char *path)
{
	char parent[PATH_BYTES] = ".";
	const char *slash = strrchr(path, '/');

	if (slash != NULL) {
		size_t n = (size_t)(slash - path);
		if (n >= sizeof(parent)) {
			return ERR_IO;
		}
		memcpy(parent, path, n);
		parent[n] = 0;
	}
	AUTO(file_close) int fd = openat(dir, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd >= 0 && fsync(fd) == 0 ? OK : ERR_IO;
}

enum err file_make_parents(int dir, const char *path)
{
	char part[PATH_BYTES];

	for (const char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		size_t n = (size_t)(slash - path);
		if (n >= sizeof(part)) {
			return ERR_IO;
		}
		memcpy(part, path, n);
		part[n] = 0;
		if (mkdirat(dir, part, DIR_MODE) == 0) {
			TRY(file_sync_parent(dir, part));
		} else if (errno != EEXIST) {
			return file_error(errno);
		}
	}
	return OK;
}
