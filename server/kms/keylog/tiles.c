#include "server/kms/keylog/tiles.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/attr.h"
#include "server/kms/keylog/file.h"

enum {
	FILE_MODE = 0644,
	DIR_MODE = 0700,
	TEMP_NAME_BYTES = 16,
};

void tiles_path(char out[TILES_PATH_BYTES], int level, uint64_t number, uint32_t width)
{
	struct writer w = writer_fixed(out, TILES_PATH_BYTES);
	const char digit[2] = {(char)('0' + level), 0};

	tree_tile_path(&w, level == TILES_ENTRIES ? "entries" : digit, number, width);
	write_u8(&w, 0);
}

static void temp_name(char out[TEMP_NAME_BYTES], size_t slot)
{
	struct writer w = writer_fixed(out, TEMP_NAME_BYTES);

	write_text(&w, "tmp/");
	write_decimal(&w, slot);
	write_u8(&w, 0);
}

enum err tiles_begin(struct tiles *t, int dir)
{
	char temp[TEMP_NAME_BYTES];

	t->dir = dir;
	t->n = 0;
	if (mkdirat(dir, "tmp", DIR_MODE) != 0 && errno != EEXIST) {
		return file_error(errno);
	}
	for (size_t i = 0; i < TILES_PENDING_MAX; i++) {
		temp_name(temp, i);
		unlinkat(dir, temp, 0);
	}
	return OK;
}

static bool is_full(const char *path)
{
	return strstr(path, ".p/") == NULL;
}

static DIR *open_partials(int dir, const char *path)
{
	char name[TILES_PATH_BYTES + 2];
	int n = snprintf(name, sizeof(name), "%s.p", path);

	if (n < 0 || (size_t)n >= sizeof(name)) {
		return NULL;
	}
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (d == NULL) {
		file_close(&fd);
	}
	return d;
}

/* Once the full file is there. What cannot be removed only takes space, so no error is given. */
static void remove_partials(int dir, const char *path)
{
	char name[TILES_PATH_BYTES + 2];
	DIR *d = open_partials(dir, path);

	if (d == NULL) {
		return;
	}
	for (struct dirent *entry = readdir(d); entry != NULL; entry = readdir(d)) {
		if (entry->d_name[0] != '.') {
			unlinkat(dirfd(d), entry->d_name, 0);
		}
	}
	closedir(d);
	if (snprintf(name, sizeof(name), "%s.p", path) > 0) {
		unlinkat(dir, name, AT_REMOVEDIR);
	}
}

static enum err write_waiting(struct tiles *t, const char *path, struct bytes content)
{
	char temp[TEMP_NAME_BYTES];
	size_t slot = t->n;

	temp_name(temp, slot);
	int fd = openat(t->dir, temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
	                FILE_MODE);
	if (fd < 0) {
		return file_error(errno);
	}
	enum err e = file_write_at(fd, content, 0);
	if (e != OK) {
		file_close(&fd);
		unlinkat(t->dir, temp, 0);
		return e;
	}
	t->waiting[slot].fd = fd;
	memcpy(t->waiting[slot].path, path, strlen(path) + 1);
	t->n++;
	return OK;
}

enum err tiles_put(struct tiles *t, const char *path, struct bytes content)
{
	enum err e = file_is(t->dir, path, content);

	if (e == OK && is_full(path)) {
		remove_partials(t->dir, path);
	}
	if (e != ERR_NOTFOUND) {
		return e;
	}
	if (t->n == TILES_PENDING_MAX) {
		TRY(tiles_flush(t));
	}
	return write_waiting(t, path, content);
}

void tiles_forget(struct tiles *t)
{
	char temp[TEMP_NAME_BYTES];

	for (size_t i = 0; i < t->n; i++) {
		temp_name(temp, i);
		file_close(&t->waiting[i].fd);
		unlinkat(t->dir, temp, 0);
	}
	t->n = 0;
}

static enum err sync_waiting(struct tiles *t)
{
	for (size_t i = 0; i < t->n; i++) {
		if (fsync(t->waiting[i].fd) != 0) {
			return file_error(errno);
		}
		file_close(&t->waiting[i].fd);
	}
	return OK;
}

static bool same_folder(const char *a, const char *b)
{
	size_t n = (size_t)(strrchr(a, '/') - a);

	return n == (size_t)(strrchr(b, '/') - b) && memcmp(a, b, n) == 0;
}

/* Several neighbours wait as a rule: a folder is synced once for a run of them. */
static enum err sync_folders(struct tiles *t)
{
	for (size_t i = 0; i < t->n; i++) {
		bool seen = false;
		for (size_t k = 0; k < i && !seen; k++) {
			seen = same_folder(t->waiting[i].path, t->waiting[k].path);
		}
		if (!seen) {
			TRY(file_sync_parent(t->dir, t->waiting[i].path));
		}
	}
	return OK;
}

static enum err publish_waiting(struct tiles *t)
{
	char temp[TEMP_NAME_BYTES];

	TRY(sync_waiting(t));
	for (size_t i = 0; i < t->n; i++) {
		temp_name(temp, i);
		TRY(file_make_parents(t->dir, t->waiting[i].path));
		if (renameat(t->dir, temp, t->dir, t->waiting[i].path) != 0) {
			return file_error(errno);
		}
	}
	return sync_folders(t);
}

enum err tiles_flush(struct tiles *t)
{
	enum err e = publish_waiting(t);

	for (size_t i = 0; i < t->n && e == OK; i++) {
		if (is_full(t->waiting[i].path)) {
			remove_partials(t->dir, t->waiting[i].path);
		}
	}
	tiles_forget(t);
	return e;
}

uint32_t tiles_partial_max(const struct tiles *t, int level, uint64_t number)
{
	char path[TILES_PATH_BYTES];
	uint32_t max = 0;

	tiles_path(path, level, number, TREE_TILE_WIDTH);
	DIR *d = open_partials(t->dir, path);
	if (d == NULL) {
		return 0;
	}
	for (struct dirent *entry = readdir(d); entry != NULL; entry = readdir(d)) {
		uint64_t width = 0;
		if (bytes_u64(bytes_text(entry->d_name), &width) == OK && width > max &&
		    width < TREE_TILE_WIDTH) {
			max = (uint32_t)width;
		}
	}
	closedir(d);
	return max;
}

bool tiles_exists(const struct tiles *t, const char *path)
{
	struct stat st;

	return fstatat(t->dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}
