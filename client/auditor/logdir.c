#include "client/auditor/logdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/attr.h"

void logdir_close(int *fd)
{
	if (*fd >= 0) {
		close(*fd);
	}
	*fd = -1;
}

enum err logdir_open(const char *path, int *ret, struct report *report)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0) {
		return report_errno(report, "cannot open the log", path, errno, NULL);
	}
	*ret = fd;
	return OK;
}

void logdir_path(char out[LOGDIR_PATH_BYTES], int level, uint64_t number, uint32_t width)
{
	struct writer w = writer_fixed(out, LOGDIR_PATH_BYTES);
	const char digit[2] = {(char)('0' + level), 0};

	tree_tile_path(&w, level == LOGDIR_ENTRIES ? "entries" : digit, number, width);
	write_u8(&w, 0);
}

enum err logdir_read(int dir, const char *path, uint8_t *out, size_t max, size_t *ret_n)
{
	AUTO(logdir_close) int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	size_t n = 0;
	uint8_t more;

	if (fd < 0) {
		return err_from_errno(errno);
	}
	for (;;) {
		ssize_t got = n < max ? read(fd, out + n, max - n) : read(fd, &more, 1);
		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got < 0) {
			return ERR_IO;
		}
		if (got == 0) {
			*ret_n = n;
			return OK;
		}
		if (n == max) {
			return ERR_LIMIT;
		}
		n += (size_t)got;
	}
}

void logdir_widths(int dir, int level, uint64_t number, struct logdir_widths *ret)
{
	char path[LOGDIR_PATH_BYTES], name[LOGDIR_PATH_BYTES + 2];

	memset(ret, 0, sizeof(*ret));
	logdir_path(path, level, number, TREE_TILE_WIDTH);
	snprintf(name, sizeof(name), "%s.p", path);
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (d == NULL) {
		logdir_close(&fd);
		return;
	}
	for (struct dirent *entry = readdir(d); entry != NULL; entry = readdir(d)) {
		uint64_t width = 0;
		if (bytes_u64(bytes_text(entry->d_name), &width) == OK && width > 0 &&
		    width < TREE_TILE_WIDTH && entry->d_name[0] != '0') {
			ret->bits[(width - 1) / 64] |= UINT64_C(1) << ((width - 1) % 64);
		}
	}
	closedir(d);
}

bool logdir_has_width(const struct logdir_widths *w, uint32_t width)
{
	return width > 0 && width < TREE_TILE_WIDTH &&
	       (w->bits[(width - 1) / 64] >> ((width - 1) % 64) & 1) != 0;
}

struct bundle *bundle_new(void)
{
	struct bundle *b = calloc(1, sizeof(*b) + LOGDIR_BUNDLE_BYTES);

	if (b != NULL) {
		b->bytes = (uint8_t *)(b + 1);
	}
	return b;
}

enum err bundle_read(struct bundle *b, int dir, uint64_t number, uint32_t width)
{
	char path[LOGDIR_PATH_BYTES];

	logdir_path(path, LOGDIR_ENTRIES, number, width);
	b->count = 0;
	TRY(logdir_read(dir, path, b->bytes, LOGDIR_BUNDLE_BYTES, &b->n));
	struct reader r = reader_of(bytes_of(b->bytes, b->n));
	while (r.left > 0) {
		struct bytes entry = read_lv16(&r, LOGFMT_ENTRY_MAX);
		if (r.bad || b->count == width) {
			return ERR_CORRUPT;
		}
		b->entries[b->count++] = entry;
	}
	return b->count == width ? OK : ERR_CORRUPT;
}
