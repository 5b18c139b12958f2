/*
 * The limits that a durable store and a durable log meet on this disk, with nothing of ours in the way.
 *
 *   disk append DIR SECONDS                one file: 64 x 1 KiB in one write, one fdatasync, again and again
 *   disk put    DIR SECONDS SIZE THREADS   new file, write, fsync, rename, fsync of the directory
 *
 * Answer: one line of JSON.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"

enum { RECORD_BYTES = 1024, GROUP = 64, THREADS_MAX = 256, PATH_BYTES = 64, NAMES = 16 };

struct run {
	int dir;
	size_t size;
	uint64_t end_us;
	const uint8_t *data;
	_Atomic uint64_t done;
};

struct hand {
	pthread_t thread;
	struct run *run;
	unsigned number;
};

static void must(bool good, const char *what)
{
	if (!good) {
		perror(what);
		exit(1);
	}
}

static void write_all(int fd, const uint8_t *p, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, p, n);
		must(done > 0, "write");
		p += done;
		n -= (size_t)done;
	}
}

/* The blocks are reserved beforehand, as a log that cares for its syncs does. */
static void append(int dir, uint64_t run_us)
{
	static uint8_t group[GROUP * RECORD_BYTES];
	int fd = openat(dir, "append", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	must(fd >= 0, "append");
	must(posix_fallocate(fd, 0, 1 << 30) == 0, "posix_fallocate");
	memset(group, 'x', sizeof(group));
	uint64_t begin = clock_mono_us(), now = begin, syncs = 0;
	while (now - begin < run_us) {
		write_all(fd, group, sizeof(group));
		must(fdatasync(fd) == 0, "fdatasync");
		syncs++;
		now = clock_mono_us();
	}
	close(fd);
	must(unlinkat(dir, "append", 0) == 0, "append");
	double seconds = (double)(now - begin) / 1e6;
	printf("{\"syncs_per_s\": %.1f, \"records_per_s\": %.1f}\n", (double)syncs / seconds,
	       (double)(syncs * GROUP) / seconds);
}

static void *put(void *argument)
{
	struct hand *h = argument;
	struct run *r = h->run;
	char fresh[PATH_BYTES], final[PATH_BYTES];
	for (uint64_t i = 0; clock_mono_us() < r->end_us; i++) {
		snprintf(fresh, sizeof(fresh), "new-%u", h->number);
		snprintf(final, sizeof(final), "put-%u-%" PRIu64, h->number, i % NAMES);
		int fd = openat(r->dir, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		must(fd >= 0, fresh);
		write_all(fd, r->data, r->size);
		must(fsync(fd) == 0 && close(fd) == 0, "fsync");
		must(renameat(r->dir, fresh, r->dir, final) == 0 && fsync(r->dir) == 0, final);
		atomic_fetch_add(&r->done, 1);
	}
	return NULL;
}

static void remove_files(int dir, unsigned threads)
{
	char name[PATH_BYTES];
	for (unsigned i = 0; i < threads * NAMES; i++) {
		snprintf(name, sizeof(name), "put-%u-%u", i / NAMES, i % NAMES);
		unlinkat(dir, name, 0);
	}
}

static void puts_in_parallel(int dir, uint64_t run_us, size_t size, unsigned threads)
{
	static struct hand hands[THREADS_MAX];
	uint8_t *data = malloc(size);
	must(data != NULL && threads >= 1 && threads <= THREADS_MAX, "put");
	memset(data, 'x', size);
	uint64_t begin = clock_mono_us();
	struct run r = {.dir = dir, .size = size, .end_us = begin + run_us, .data = data};
	for (unsigned i = 0; i < threads; i++) {
		hands[i] = (struct hand){.run = &r, .number = i};
		must(pthread_create(&hands[i].thread, NULL, put, &hands[i]) == 0, "thread");
	}
	for (unsigned i = 0; i < threads; i++) {
		pthread_join(hands[i].thread, NULL);
	}
	double seconds = (double)(clock_mono_us() - begin) / 1e6;
	uint64_t done = atomic_load(&r.done);
	remove_files(dir, threads);
	free(data);
	printf("{\"files\": %" PRIu64 ", \"files_per_s\": %.1f, \"bytes_per_s\": %.0f}\n", done,
	       (double)done / seconds, (double)(done * size) / seconds);
}

int main(int argc, char **argv)
{
	bool appends = argc == 4 && strcmp(argv[1], "append") == 0;
	bool files = argc == 6 && strcmp(argv[1], "put") == 0;
	if (!appends && !files) {
		fputs("usage: disk append DIR SECONDS | disk put DIR SECONDS SIZE THREADS\n", stderr);
		return 2;
	}
	int dir = open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(dir >= 0, argv[2]);
	uint64_t run_us = strtoull(argv[3], NULL, 10) * 1000000;
	if (appends) {
		append(dir, run_us);
	} else {
		puts_in_parallel(dir, run_us, strtoull(argv[4], NULL, 10),
		                 (unsigned)strtoul(argv[5], NULL, 10));
	}
	close(dir);
	return 0;
}
