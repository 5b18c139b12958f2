/*
 * Blobs as files: <dir>/<2 hex>/<62 hex>. The invariant: a name in a folder is a whole, synced file. A file gets its name only after
 * fdatasync, and put_finish returns only after the folder was synced. The 256 folders are opened at start and every call goes through
 * their descriptors, so a renamed or replaced directory cannot lead a write elsewhere.
 *
 * The complication: file systems without O_TMPFILE. There a file is written under a random name in <dir>/tmp, linked, and the
 * first name removed; what a crash leaves in tmp is swept by store_list.
 */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/secret.h"
#include "server/store/store.h"

enum {
	FOLDERS = 256,
	FOLDER_NAME_BYTES = 3,
	NAME_BYTES = 2 * (STORE_ID_BYTES - 1) + 1,
	TEMP_RANDOM_BYTES = 16,
	TEMP_NAME_BYTES = 2 * TEMP_RANDOM_BYTES + 1,
	FILE_MODE = 0600,
	DIR_MODE = 0700,
	TEMP_AGE_MS = 3600 * 1000,      /* no write takes this long: a crash left the file */
	FREE_BYTES_MIN = 64 << 20,      /* less free space than this: not ready */
	PROC_PATH_BYTES = 32,           /* /proc/self/fd/N */
	WRITEBACK_BYTES = 1 << 20,
};

struct folder {
	int fd;
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	uint64_t begun, ended;  /* syncs of this folder, under the mutex */
	uint64_t failed;        /* number of the last that failed */
	int failed_errno;
};

struct fs {
	struct store base;
	char *dir; /* for log lines */
	int dir_fd, tmp_fd;
	bool unnamed; /* O_TMPFILE and linkat through /proc work here */
	struct folder folders[FOLDERS];
};

struct fs_put {
	struct store_put base;
	struct fs *fs;
	struct folder *folder;
	int fd;
	uint64_t size;
	uint64_t started; /* bytes that were handed to the disk already */
	char name[NAME_BYTES];
	char temp[TEMP_NAME_BYTES]; /* empty: unnamed */
};

struct fs_blob {
	struct store_blob base;
	struct fs *fs;
	int fd;
};

static void hex(char *out, const uint8_t *p, size_t n)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[p[i] >> 4];
		out[2 * i + 1] = digits[p[i] & 15];
	}
	out[2 * n] = '\0';
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The id behind a file name of folder `first`; false for a name that is none of ours. */
static bool parse_name(const char *name, uint8_t first, uint8_t id[STORE_ID_BYTES])
{
	if (strlen(name) != NAME_BYTES - 1) {
		return false;
	}
	id[0] = first;
	for (size_t i = 1; i < STORE_ID_BYTES; i++) {
		int high = hex_digit(name[2 * (i - 1)]);
		int low = hex_digit(name[2 * (i - 1) + 1]);
		if (high < 0 || low < 0) {
			return false;
		}
		id[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

/* The place that first sees a fault says where, why and what to do. */
static enum err fault(const struct fs *fs, const char *event, int errno_value)
{
	enum err e = err_from_errno(errno_value);
	const char *hint = "check the disk and the mount of this directory";

	if (e == ERR_FULL) {
		hint = "free space or enlarge the volume";
	} else if (errno_value == EMFILE || errno_value == ENFILE) {
		hint = "raise LimitNOFILE=";
		e = ERR_UNAVAILABLE;
	}
	if (e == ERR_EXISTS || e == ERR_NOTFOUND) {
		e = ERR_IO; /* callers ask for these two by themselves */
	}
	LOG(LOG_ERROR, event, LOG_STR("dir", fs->dir), LOG_ERRNO(errno_value), LOG_STR("do", hint));
	return e;
}

static int open_unnamed(const struct folder *folder)
{
	return openat(folder->fd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, FILE_MODE);
}

static enum err open_file(struct fs_put *p)
{
	if (p->fs->unnamed) {
		p->fd = open_unnamed(p->folder);
	} else {
		uint8_t random[TEMP_RANDOM_BYTES];
		random_bytes(random, sizeof(random));
		hex(p->temp, random, sizeof(random));
		p->fd = openat(p->fs->tmp_fd, p->temp,
		               O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
	}
	return p->fd >= 0 ? OK : fault(p->fs, "store.create", errno);
}

static enum err fs_put_begin(struct store *s, const uint8_t id[STORE_ID_BYTES],
                             uint64_t deadline_ms, struct store_put **ret)
{
	struct fs *fs = (struct fs *)s;
	struct fs_put *p = calloc(1, sizeof(*p));

	(void)deadline_ms; /* a local file system has no way to stop early */
	if (p == NULL) {
		return ERR_NOMEM;
	}
	p->base.ops = s->ops;
	p->fs = fs;
	p->folder = &fs->folders[id[0]];
	hex(p->name, id + 1, STORE_ID_BYTES - 1);
	enum err e = faccessat(p->folder->fd, p->name, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ? ERR_EXISTS
	                                                                              : open_file(p);
	if (e != OK) {
		free(p);
		return e;
	}
	*ret = &p->base;
	return OK;
}

/* Let the disk begin while the rest still comes: it halves the wait of the final sync (measured). Only a hint, so nothing hangs on its result. */
static void start_writeback(struct fs_put *p)
{
	if (p->size - p->started >= WRITEBACK_BYTES) {
		sync_file_range(p->fd, (off_t)p->started, (off_t)(p->size - p->started),
		                SYNC_FILE_RANGE_WRITE);
		p->started = p->size;
	}
}

static enum err fs_put_write(struct store_put *put, struct bytes b)
{
	struct fs_put *p = (struct fs_put *)put;

	while (b.n > 0) {
		ssize_t n = pwrite(p->fd, b.p, b.n, (off_t)p->size);
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n <= 0) {
			return fault(p->fs, "store.write", n < 0 ? errno : EIO);
		}
		p->size += (uint64_t)n;
		b = bytes_skip(b, (size_t)n);
	}
	start_writeback(p);
	return OK;
}

/* A name for the unnamed file; needs no capability, unlike AT_EMPTY_PATH. */
static int link_unnamed(const struct fs_put *p)
{
	char path[PROC_PATH_BYTES];
	struct writer w = writer_fixed(path, sizeof(path));

	write_text(&w, "/proc/self/fd/");
	write_decimal(&w, (uint64_t)p->fd);
	write_u8(&w, '\0');
	assert(!w.full);
	return linkat(AT_FDCWD, path, p->folder->fd, p->name, AT_SYMLINK_FOLLOW);
}

/* Give the synced file its name. */
static enum err link_file(struct fs_put *p)
{
	int rc = p->temp[0] == '\0' ? link_unnamed(p)
	                            : linkat(p->fs->tmp_fd, p->temp, p->folder->fd, p->name, 0);

	if (rc == 0) {
		return OK;
	}
	return errno == EEXIST ? ERR_EXISTS : fault(p->fs, "store.link", errno);
}

/*
 * Sync a folder; writers that wait together share one sync. A sync that had begun before we linked our file may have missed it, so we wait
 * for one that begins from now on, and run it ourselves when nobody does.
 */
static enum err sync_folder(const struct fs *fs, struct folder *f)
{
	enum err e = OK;

	pthread_mutex_lock(&f->mutex);
	uint64_t mine = f->begun + 1;
	while (f->ended < mine) {
		if (f->begun > f->ended) {
			pthread_cond_wait(&f->wake, &f->mutex);
			continue;
		}
		uint64_t number = ++f->begun;
		pthread_mutex_unlock(&f->mutex);
		int failed = fsync(f->fd) == 0 ? 0 : errno;
		pthread_mutex_lock(&f->mutex);
		f->ended = number;
		if (failed != 0) {
			f->failed = number;
			f->failed_errno = failed;
		}
		pthread_cond_broadcast(&f->wake);
	}
	int failed = f->failed >= mine ? f->failed_errno : 0;
	pthread_mutex_unlock(&f->mutex);
	if (failed != 0) {
		e = fault(fs, "store.sync_folder", failed);
	}
	return e;
}

static void put_free(struct fs_put *p)
{
	if (p->temp[0] != '\0') {
		unlinkat(p->fs->tmp_fd, p->temp, 0); /* a failure leaves it to the sweep */
	}
	close(p->fd);
	free(p);
}

static enum err fs_put_finish(struct store_put *put)
{
	struct fs_put *p = (struct fs_put *)put;
	enum err e = OK;

	if (fdatasync(p->fd) != 0) {
		e = fault(p->fs, "store.sync", errno);
	}
	if (e == OK) {
		e = link_file(p);
	}
	if (e == OK) {
		e = sync_folder(p->fs, p->folder);
		if (e != OK) { /* perhaps not durable: not there */
			unlinkat(p->folder->fd, p->name, 0);
		}
	}
	put_free(p);
	return e;
}

static void fs_put_abort(struct store_put *put)
{
	put_free((struct fs_put *)put);
}

static enum err fs_open(struct store *s, const uint8_t id[STORE_ID_BYTES], uint64_t deadline_ms,
                        struct store_blob **ret)
{
	struct fs *fs = (struct fs *)s;
	struct fs_blob *b = calloc(1, sizeof(*b));
	char name[NAME_BYTES];

	(void)deadline_ms;
	if (b == NULL) {
		return ERR_NOMEM;
	}
	hex(name, id + 1, STORE_ID_BYTES - 1);
	b->fd = openat(fs->folders[id[0]].fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (b->fd < 0) {
		int saved = errno;
		free(b);
		return saved == ENOENT ? ERR_NOTFOUND : fault(fs, "store.open", saved);
	}
	b->base.ops = s->ops;
	b->fs = fs;
	*ret = &b->base;
	return OK;
}

static enum err fs_read(struct store_blob *blob, uint64_t offset, uint8_t *out, size_t n)
{
	struct fs_blob *b = (struct fs_blob *)blob;

	while (n > 0) {
		ssize_t got = pread(b->fd, out, n, (off_t)offset);
		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got < 0) {
			return fault(b->fs, "store.read", errno);
		}
		if (got == 0) {
			return ERR_CORRUPT;
		}
		out += got;
		offset += (uint64_t)got;
		n -= (size_t)got;
	}
	return OK;
}

static enum err fs_size(struct store_blob *blob, uint64_t *ret)
{
	struct fs_blob *b = (struct fs_blob *)blob;
	struct stat st;

	if (fstat(b->fd, &st) != 0) {
		return fault(b->fs, "store.stat", errno);
	}
	*ret = (uint64_t)st.st_size;
	return OK;
}

static void fs_close(struct store_blob *blob)
{
	struct fs_blob *b = (struct fs_blob *)blob;

	close(b->fd);
	free(b);
}

static enum err fs_remove(struct store *s, const uint8_t id[STORE_ID_BYTES], uint64_t deadline_ms)
{
	struct fs *fs = (struct fs *)s;
	char name[NAME_BYTES];

	(void)deadline_ms;
	hex(name, id + 1, STORE_ID_BYTES - 1);
	if (unlinkat(fs->folders[id[0]].fd, name, 0) == 0 || errno == ENOENT) {
		return OK;
	}
	return fault(fs, "store.remove", errno);
}

static bool file_age(int dir_fd, const char *name, uint64_t *ret_ms)
{
	struct stat st;
	uint64_t now = clock_real_ms();

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode)) {
		return false;
	}
	uint64_t then = (uint64_t)st.st_mtim.tv_sec * 1000 + (uint64_t)st.st_mtim.tv_nsec / 1000000;
	*ret_ms = now > then ? now - then : 0; /* a clock that went back makes it young: it stays */
	return true;
}

/* A stream over the folder with its own position, so that lists do not disturb one another. */
static enum err open_stream(const struct fs *fs, int folder_fd, DIR **ret)
{
	int fd = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0) {
		return fault(fs, "store.list", errno);
	}
	*ret = fdopendir(fd);
	if (*ret == NULL) {
		int saved = errno;
		close(fd);
		return fault(fs, "store.list", saved);
	}
	return OK;
}

static enum err sweep_temp(const struct fs *fs)
{
	const struct dirent *entry;
	DIR *stream;
	uint64_t age_ms;

	TRY(open_stream(fs, fs->tmp_fd, &stream));
	while ((entry = readdir(stream)) != NULL) {
		if (file_age(fs->tmp_fd, entry->d_name, &age_ms) && age_ms > TEMP_AGE_MS) {
			unlinkat(fs->tmp_fd, entry->d_name, 0);
		}
	}
	closedir(stream);
	return OK;
}

static enum err fs_list(struct store *s, uint8_t first,
                        enum err (*each)(void *context, const uint8_t id[STORE_ID_BYTES],
                                         uint64_t age_ms),
                        void *context)
{
	struct fs *fs = (struct fs *)s;
	int folder_fd = fs->folders[first].fd;
	const struct dirent *entry;
	enum err e = OK;
	DIR *stream;

	if (first == 0) {
		TRY(sweep_temp(fs));
	}
	TRY(open_stream(fs, folder_fd, &stream));
	errno = 0;
	while (e == OK && (entry = readdir(stream)) != NULL) {
		uint8_t id[STORE_ID_BYTES];
		uint64_t age_ms;
		if (parse_name(entry->d_name, first, id) &&
		    file_age(folder_fd, entry->d_name, &age_ms)) {
			e = each(context, id, age_ms);
		}
		errno = 0;
	}
	if (e == OK && errno != 0) {
		e = fault(fs, "store.list", errno);
	}
	closedir(stream);
	return e;
}

/* Can it take a blob now? Without a sync: this is asked every few seconds. */
static enum err fs_ready(struct store *s)
{
	struct fs *fs = (struct fs *)s;
	struct fs_put p = {.fs = fs, .folder = &fs->folders[0], .fd = -1};
	struct statvfs v;

	if (fstatvfs(fs->dir_fd, &v) != 0) {
		return fault(fs, "store.ready", errno);
	}
	if ((uint64_t)v.f_bavail * v.f_frsize < FREE_BYTES_MIN) {
		return fault(fs, "store.ready", ENOSPC);
	}
	TRY(open_file(&p));
	enum err e = fs_put_write(&p.base, BYTES("ready"));
	if (p.temp[0] != '\0') {
		unlinkat(fs->tmp_fd, p.temp, 0);
	}
	close(p.fd);
	return e;
}

static void close_fd(int fd)
{
	if (fd >= 0) {
		close(fd);
	}
}

static void fs_free(struct store *s)
{
	struct fs *fs = (struct fs *)s;

	for (unsigned i = 0; i < FOLDERS; i++) {
		close_fd(fs->folders[i].fd);
		pthread_mutex_destroy(&fs->folders[i].mutex);
		pthread_cond_destroy(&fs->folders[i].wake);
	}
	close_fd(fs->tmp_fd);
	close_fd(fs->dir_fd);
	free(fs->dir);
	free(fs);
}

/* Make (unless it is there) and open a directory below dir_fd; errno on failure. */
static int make_dir(int dir_fd, const char *name)
{
	if (mkdirat(dir_fd, name, DIR_MODE) != 0 && errno != EEXIST) {
		return -1;
	}
	return openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int open_folders(struct fs *fs)
{
	char name[FOLDER_NAME_BYTES];

	fs->tmp_fd = make_dir(fs->dir_fd, "tmp");
	if (fs->tmp_fd < 0) {
		return errno;
	}
	for (unsigned i = 0; i < FOLDERS; i++) {
		hex(name, (const uint8_t[]){(uint8_t)i}, 1);
		fs->folders[i].fd = make_dir(fs->dir_fd, name);
		if (fs->folders[i].fd < 0) {
			return errno;
		}
	}
	return fsync(fs->dir_fd) == 0 ? 0 : errno;
}

/* Unnamed files need the file system (O_TMPFILE) and /proc. One that is made and linked shows both. */
static bool probe_unnamed(struct fs *fs)
{
	struct fs_put p = {.fs = fs, .folder = &fs->folders[0], .name = ".probe"};

	p.fd = open_unnamed(p.folder);
	if (p.fd < 0) {
		return false;
	}
	unlinkat(p.folder->fd, p.name, 0); /* of a start that crashed right here */
	bool works = link_unnamed(&p) == 0;
	unlinkat(p.folder->fd, p.name, 0);
	close(p.fd);
	return works;
}

static struct fs *fs_new(const char *dir)
{
	static const struct store_ops ops = {
		.put_begin = fs_put_begin,
		.put_write = fs_put_write,
		.put_finish = fs_put_finish,
		.put_abort = fs_put_abort,
		.open = fs_open,
		.read = fs_read,
		.size = fs_size,
		.close = fs_close,
		.remove = fs_remove,
		.list = fs_list,
		.ready = fs_ready,
		.free = fs_free,
	};
	struct fs *fs = calloc(1, sizeof(*fs));

	if (fs == NULL) {
		return NULL;
	}
	fs->base.ops = &ops;
	fs->dir_fd = fs->tmp_fd = -1;
	for (unsigned i = 0; i < FOLDERS; i++) {
		fs->folders[i].fd = -1;
		pthread_mutex_init(&fs->folders[i].mutex, NULL);
		pthread_cond_init(&fs->folders[i].wake, NULL);
	}
	fs->dir = strdup(dir);
	if (fs->dir == NULL) {
		fs_free(&fs->base);
		return NULL;
	}
	return fs;
}

enum err store_fs_open(const char *dir, struct store **ret, struct report *ret_report)
{
	struct fs *fs = fs_new(dir);

	if (fs == NULL) {
		return report_set(ret_report, ERR_NOMEM, (const char *[]){"no memory", NULL});
	}
	fs->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int failed = fs->dir_fd < 0 ? errno : open_folders(fs);
	if (failed != 0) {
		fs_free(&fs->base);
		return report_errno(ret_report, "open the store directory", dir, failed,
		                    "make it, mode 0700, owned by the user of this program");
	}
	fs->unnamed = probe_unnamed(fs);
	if (!fs->unnamed) {
		LOG(LOG_WARN, "store.named_temp", LOG_STR("dir", dir),
		    LOG_STR("why", "no O_TMPFILE or no /proc here: slower writes"));
	}
	*ret = &fs->base;
	return OK;
}
