/*
 * Failures for a program that knows nothing of them: loaded in front of libc (LD_PRELOAD), it makes chosen calls on files below
 * a chosen folder fail. inject.py compiles it and writes the orders; `struct orders` is the contract between the two.
 *
 * The orders stand in a file that both have mapped, so a test arms, counts and disarms without a word from the program. A call
 * counts when its kind is asked for and its file lies below `under`; the calls from `first` to `last` fail.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* The bits of orders.calls, in the order of inject.py. */
enum call { OPEN, READ, WRITE, SYNC, LINK, RENAME, UNLINK, TRUNCATE, ALLOCATE, STAT, LIST, MKDIR, ACCEPT };

/* What happens instead of the call. */
enum mode {
	REFUSE,  /* nothing is done, the error is given */
	LIE,     /* it is done, and the error is given all the same */
	SHORT,   /* half of the bytes, no error: reads and writes */
	WAIT,    /* wait until the orders end, then do it */
	BUDGET,  /* a full volume: `room` bytes more can be written, then ENOSPC */
};

enum { UNDER_BYTES = 256, WAIT_NS = 1000000, FD_PATH_BYTES = 32 };

struct orders {
	_Atomic uint64_t armed; /* written last */
	uint64_t calls, first, last, error, mode;
	_Atomic int64_t room;
	_Atomic uint64_t seen, hit;
	char under[UNDER_BYTES];
	char what[UNDER_BYTES]; /* of the last that was hit: call and path */
};

static struct orders *orders;

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("FAULT_ORDERS");
	int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		return;
	}
	void *p = mmap(NULL, sizeof(*orders), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	orders = p == MAP_FAILED ? NULL : p;
}

static bool ordered(enum call call)
{
	return orders != NULL && atomic_load(&orders->armed) != 0 && (orders->calls >> call & 1) != 0;
}

/* The path behind a descriptor (and a name in that folder), as the kernel knows it. */
static bool is_under(int fd, const char *name, char path[PATH_MAX])
{
	char link[FD_PATH_BYTES];
	size_t n = 0;

	path[0] = '\0';
	if (fd >= 0 && (name == NULL || name[0] != '/')) {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		ssize_t got = readlink(link, path, PATH_MAX - 1);
		if (got < 0) {
			return false;
		}
		n = (size_t)got;
		path[n] = '\0';
	}
	if (name != NULL) {
		snprintf(path + n, PATH_MAX - n, "%s%s", n > 0 ? "/" : "", name);
	}
	return strncmp(path, orders->under, strlen(orders->under)) == 0;
}

static void wait_for_the_end(void)
{
	uint64_t mine = atomic_load(&orders->armed);

	while (atomic_load(&orders->armed) == mine) {
		nanosleep(&(struct timespec){.tv_nsec = WAIT_NS}, NULL);
	}
}

/* Does this call fail? `errno` is set for the caller to give. */
static bool strikes(enum call call, const char *what, int fd, const char *name)
{
	char path[PATH_MAX];

	if (!ordered(call)) {
		return false;
	}
	int saved = errno;
	bool hit = call == ACCEPT || is_under(fd, name, path);
	if (hit) {
		uint64_t n = atomic_fetch_add(&orders->seen, 1) + 1;
		hit = orders->mode != BUDGET && n >= orders->first && n <= orders->last;
	}
	errno = saved;
	if (!hit) {
		return false;
	}
	atomic_fetch_add(&orders->hit, 1);
	snprintf(orders->what, sizeof(orders->what), "%s %.200s", what, call == ACCEPT ? "" : path);
	if (orders->mode == WAIT) {
		wait_for_the_end();
		return false;
	}
	errno = (int)orders->error;
	return true;
}

/* A full volume: is there such an order for this file? */
static bool is_full_volume(int fd, struct stat *ret)
{
	char path[PATH_MAX];

	return ordered(WRITE) && orders->mode == BUDGET && is_under(fd, NULL, path) &&
	       syscall(SYS_fstat, fd, ret) == 0 && S_ISREG(ret->st_mode);
}

/* Of n bytes written at `at`, those that find room: a file takes room as it grows. -1: ENOSPC. */
static ssize_t allowed(int fd, size_t n, off_t at)
{
	struct stat st;
	int saved = errno;

	if (!is_full_volume(fd, &st) || at + (off_t)n <= st.st_size) {
		errno = saved;
		return (ssize_t)n;
	}
	int64_t grows = at + (int64_t)n - st.st_size;
	int64_t before = atomic_fetch_sub(&orders->room, grows);
	if (before >= grows) {
		errno = saved;
		return (ssize_t)n;
	}
	int64_t taken = before > 0 ? before : 0;
	atomic_fetch_add(&orders->room, grows - taken);
	atomic_fetch_add(&orders->hit, 1);
	errno = ENOSPC;
	return (int64_t)n - grows + taken > 0 ? (ssize_t)n - grows + taken : -1;
}

/* The last name or the last descriptor of a file goes: its room is free again. */
static void give_room(const struct stat *st, nlink_t names)
{
	if (S_ISREG(st->st_mode) && st->st_nlink == names) {
		atomic_fetch_add(&orders->room, st->st_size);
	}
}

/* The function behind ours. */
#define REAL(name) \
	static __typeof__(name) *real; \
	if (real == NULL) { \
		real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name); \
	}

/* What ours does: nothing special, the error, or the call and then the error. */
#define GIVE(failed, type, call) \
	do { \
		if (!(failed)) { \
			return call; \
		} \
		int error = errno; \
		if (orders->mode == LIE) { \
			type done = call; \
			(void)done; \
		} \
		errno = error; \
		return (type)-1; \
	} while (0)

#define OPENER(name, fd, path, flags, ...) \
	{ \
		REAL(name) \
		mode_t mode = 0; \
		if ((flags & (O_CREAT | O_TMPFILE)) != 0) { \
			va_list more; \
			va_start(more, flags); \
			mode = va_arg(more, mode_t); \
			va_end(more); \
		} \
		if (strikes(OPEN, #name, fd, path)) { \
			return -1; \
		} \
		return real(__VA_ARGS__, mode); \
	}

int open(const char *path, int flags, ...) OPENER(open, -1, path, flags, path, flags)
int open64(const char *path, int flags, ...) OPENER(open64, -1, path, flags, path, flags)
int openat(int dir, const char *path, int flags, ...) OPENER(openat, dir, path, flags, dir, path, flags)
int openat64(int dir, const char *path, int flags, ...) OPENER(openat64, dir, path, flags, dir, path, flags)

#define READER(name, fd, n, half, whole) \
	{ \
		REAL(name) \
		bool struck = strikes(READ, #name, fd, NULL); \
		if (struck && orders->mode == SHORT) { \
			return n > 1 ? half : whole; \
		} \
		GIVE(struck, ssize_t, whole); \
	}

ssize_t read(int fd, void *b, size_t n) READER(read, fd, n, real(fd, b, n / 2), real(fd, b, n))
ssize_t pread(int fd, void *b, size_t n, off_t at)
	READER(pread, fd, n, real(fd, b, n / 2, at), real(fd, b, n, at))
ssize_t pread64(int fd, void *b, size_t n, off64_t at)
	READER(pread64, fd, n, real(fd, b, n / 2, at), real(fd, b, n, at))

#define WRITER(name, fd, n, place, some, whole) \
	{ \
		REAL(name) \
		bool struck = strikes(WRITE, #name, fd, NULL); \
		if (struck && orders->mode == SHORT) { \
			size_t some = n > 1 ? n / 2 : n; \
			return whole; \
		} \
		ssize_t room = struck ? (ssize_t)n : allowed(fd, n, place); \
		if (room < 0) { \
			return -1; \
		} \
		size_t some = (size_t)room; \
		GIVE(struck, ssize_t, whole); \
	}

ssize_t write(int fd, const void *b, size_t n) WRITER(write, fd, n, lseek(fd, 0, SEEK_CUR), some, real(fd, b, some))
ssize_t pwrite(int fd, const void *b, size_t n, off_t at) WRITER(pwrite, fd, n, at, some, real(fd, b, some, at))
ssize_t pwrite64(int fd, const void *b, size_t n, off64_t at)
	WRITER(pwrite64, fd, n, at, some, real(fd, b, some, at))

/* Rows of buffers: a short one is the first buffer alone, a full volume takes all or nothing. */
#define ROW_WRITER(name, fd, row, n, place, some, whole) \
	{ \
		REAL(name) \
		size_t bytes = 0; \
		int some = n; \
		for (int i = 0; i < n; i++) { \
			bytes += row[i].iov_len; \
		} \
		bool struck = strikes(WRITE, #name, fd, NULL); \
		if (struck && orders->mode == SHORT) { \
			some = 1; \
			return whole; \
		} \
		if (!struck && allowed(fd, bytes, place) != (ssize_t)bytes) { \
			return -1; \
		} \
		GIVE(struck, ssize_t, whole); \
	}

ssize_t writev(int fd, const struct iovec *row, int n) 
	ROW_WRITER(writev, fd, row, n, lseek(fd, 0, SEEK_CUR), some, real(fd, row, some))
ssize_t pwritev(int fd, const struct iovec *row, int n, off_t at)
	ROW_WRITER(pwritev, fd, row, n, at, some, real(fd, row, some, at))

#define CALL(kind, name, fd, path, arguments) \
	{ \
		REAL(name) \
		GIVE(strikes(kind, #name, fd, path), int, real arguments); \
	}

int fsync(int fd) CALL(SYNC, fsync, fd, NULL, (fd))
int fdatasync(int fd) CALL(SYNC, fdatasync, fd, NULL, (fd))
int linkat(int from, const char *old, int to, const char *name, int flags)
	CALL(LINK, linkat, to, name, (from, old, to, name, flags))
int rename(const char *old, const char *name) CALL(RENAME, rename, -1, name, (old, name))
int renameat(int from, const char *old, int to, const char *name)
	CALL(RENAME, renameat, to, name, (from, old, to, name))
int renameat2(int from, const char *old, int to, const char *name, unsigned flags)
	CALL(RENAME, renameat2, to, name, (from, old, to, name, flags))
int unlink(const char *name) CALL(UNLINK, unlink, -1, name, (name))

int unlinkat(int dir, const char *name, int flags)
{
	REAL(unlinkat)
	struct stat st = {0};
	char path[PATH_MAX];
	bool full = ordered(WRITE) && orders->mode == BUDGET && is_under(dir, name, path) &&
	            syscall(SYS_newfstatat, dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
	bool struck = strikes(UNLINK, "unlinkat", dir, name);
	if (full && !struck) {
		give_room(&st, 1);
	}
	GIVE(struck, int, real(dir, name, flags));
}

int close(int fd)
{
	REAL(close)
	struct stat st;
	if (is_full_volume(fd, &st)) {
		give_room(&st, 0);
	}
	return real(fd);
}

int ftruncate(int fd, off_t n) CALL(TRUNCATE, ftruncate, fd, NULL, (fd, n))
int ftruncate64(int fd, off64_t n) CALL(TRUNCATE, ftruncate64, fd, NULL, (fd, n))
int fstat(int fd, struct stat *s) CALL(STAT, fstat, fd, NULL, (fd, s))
int fstatat(int dir, const char *name, struct stat *s, int flags) CALL(STAT, fstatat, dir, name, (dir, name, s, flags))
int fstatvfs(int fd, struct statvfs *s) CALL(STAT, fstatvfs, fd, NULL, (fd, s))
int mkdirat(int dir, const char *name, mode_t mode) CALL(MKDIR, mkdirat, dir, name, (dir, name, mode))
int accept4(int fd, struct sockaddr *a, socklen_t *n, int flags) CALL(ACCEPT, accept4, fd, NULL, (fd, a, n, flags))

/* This one gives the error instead of setting errno. */
int posix_fallocate(int fd, off_t at, off_t n)
{
	REAL(posix_fallocate)
	if (strikes(ALLOCATE, "posix_fallocate", fd, NULL) || allowed(fd, (size_t)n, at) != n) {
		return errno;
	}
	return real(fd, at, n);
}

int fallocate(int fd, int mode, off_t at, off_t n)
{
	REAL(fallocate)
	bool struck = strikes(ALLOCATE, "fallocate", fd, NULL);
	if (!struck && allowed(fd, (size_t)n, at) != n) {
		return -1;
	}
	GIVE(struck, int, real(fd, mode, at, n));
}

struct dirent *readdir(DIR *d)
{
	REAL(readdir)
	return strikes(LIST, "readdir", dirfd(d), NULL) ? NULL : real(d);
}
