/*
 * rempart cp: files, standard input and output, objects. A download is written beside its target and
 * renamed when it is whole. Keys come from a server: one that would leave the target folder
 * is refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/cli/session.h"
#include "client/lib/file.h"
#include "common/base/attr.h"
#include "common/base/secret.h"
#include "common/codec/hex.h"
#include "common/codec/uri.h"

enum {
	FILE_MODE = 0666,
	FOLDER_MODE = 0777,
	NAME_RANDOM_BYTES = 6,
	ONE_ARENA_BYTES = 256 << 10, /* names of one file */
	HEADERS_MAX = 3,
};

/* A copy under way. */
struct copying {
	struct cli *c;
	struct s3 *s3;
	struct arena *arena; /* of one file */
	struct field headers[HEADERS_MAX];
	size_t n_headers;
	struct s3_name from, to; /* whichever is on S3 */
	const char *folder;      /* local target of -r */
	uint64_t n, failed;
};

static void say_copied(struct copying *k, struct bytes from, struct bytes to)
{
	k->n++;
	if (option_given(k->c, OPT_QUIET) || option_given(k->c, OPT_JSON)) {
		return;
	}
	print_data(stdout, from);
	fputs(" -> ", stdout);
	print_data(stdout, to);
	fputc('\n', stdout);
}

static void say_target(struct copying *k, const char *from, struct s3_name to)
{
	struct bytes parts[] = {BYTES("s3://"), to.bucket, BYTES("/"), to.key};

	say_copied(k, bytes_text(from), arena_join(k->arena, parts, COUNT(parts)));
}

/* What an upload says about the object. */
static void make_headers(struct copying *k)
{
	static const struct {
		enum option o;
		struct bytes name;
	} table[HEADERS_MAX] = {
		{OPT_CONTENT_TYPE, BYTES("Content-Type")},
		{OPT_SSE, BYTES("x-amz-server-side-encryption")},
		{OPT_KMS_KEY, BYTES("x-amz-server-side-encryption-aws-kms-key-id")},
	};

	for (size_t i = 0; i < HEADERS_MAX; i++) {
		if (option_given(k->c, table[i].o)) {
			k->headers[k->n_headers++] =
				(struct field){table[i].name, bytes_text(k->c->value[table[i].o])};
		}
	}
}

static enum err upload_fd(struct copying *k, int fd, uint64_t size, const char *from,
                          struct s3_name to)
{
	struct bar bar = bar_of(k->c, from);
	struct s3_upload u = {.name = to, .fd = fd, .size_bytes = size, .headers = k->headers,
	                      .n_headers = k->n_headers, .progress = bar_show, .context = &bar};
	enum err e = s3_upload(k->s3, &u, &k->c->report);

	bar_end(&bar);
	return e;
}

static enum err upload_file(struct copying *k, const char *path, struct s3_name to)
{
	AUTO(file_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0) {
		return report_errno(&k->c->report, "cannot open", path, errno, NULL);
	}
	if (S_ISDIR(st.st_mode)) {
		return report_set(&k->c->report, ERR_INPUT,
		                  (const char *[]){path, " is a folder; copy it with -r", NULL});
	}
	TRY(upload_fd(k, fd, S_ISREG(st.st_mode) ? (uint64_t)st.st_size : UINT64_MAX, path, to));
	say_target(k, path, to);
	return OK;
}

/* "name.rempart-0123456789ab", beside the target. */
static const char *part_name(struct arena *a, const char *path)
{
	uint8_t random[NAME_RANDOM_BYTES], hex[2 * NAME_RANDOM_BYTES];
	struct writer w = writer_fixed(hex, sizeof(hex));
	struct bytes parts[] = {bytes_text(path), BYTES(".rempart-"), {hex, sizeof(hex)}};

	random_bytes(random, sizeof(random));
	hex_write(&w, bytes_of(random, sizeof(random)));
	return (const char *)arena_join(a, parts, COUNT(parts)).p;
}

static enum err download_fd(struct copying *k, struct s3_name from, int fd, const char *to)
{
	struct bar bar = bar_of(k->c, to);
	struct s3_download d = {.name = from, .fd = fd, .progress = bar_show, .context = &bar};
	enum err e = s3_download(k->s3, &d, &k->c->report);

	bar_end(&bar);
	return e;
}

/* Something that is there and is no file (a pipe, /dev/null) is written to as it is. */
static enum err download_special(struct copying *k, struct s3_name from, const char *path)
{
	AUTO(file_close) int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0) {
		return report_errno(&k->c->report, "cannot open", path, errno, NULL);
	}
	return download_fd(k, from, fd, path);
}

static enum err download_file(struct copying *k, struct s3_name from, const char *path)
{
	AUTO(file_close) int fd = -1;
	const char *part = part_name(k->arena, path);
	struct stat st;
	enum err e;

	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		return download_special(k, from, path);
	}
	if (part == NULL) {
		return report_set(&k->c->report, ERR_NOMEM, (const char *[]){"out of memory", NULL});
	}
	fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
	if (fd < 0) {
		return report_errno(&k->c->report, "cannot create", part, errno, NULL);
	}
	e = download_fd(k, from, fd, path);
	if (e == OK && rename(part, path) != 0) {
		e = report_errno(&k->c->report, "cannot rename to", path, errno, NULL);
	}
	if (e != OK) {
		(void)unlink(part);
	}
	return e;
}

static enum err copy_object(struct copying *k, struct s3_name from, struct s3_name to)
{
	size_t size = 2 + 3 * (from.bucket.n + from.key.n);
	uint8_t *p = arena_alloc(k->arena, size);
	struct writer w = writer_fixed(p, size);
	struct field headers[HEADERS_MAX + 1];
	struct s3_call call = {.method = "PUT", .name = to, .headers = headers, .body = BYTES("")};

	if (p == NULL) {
		return report_set(&k->c->report, ERR_NOMEM, (const char *[]){"out of memory", NULL});
	}
	write_text(&w, "/");
	uri_encode(&w, from.bucket, false);
	write_text(&w, "/");
	uri_encode(&w, from.key, true);
	for (size_t i = 0; i < k->n_headers; i++) {
		headers[call.n_headers++] = k->headers[i];
	}
	headers[call.n_headers++] = (struct field){BYTES("x-amz-copy-source"), writer_bytes(&w)};
	return s3_call(k->s3, &call, NULL, &k->c->report);
}

/* The target's key: as it is, or a folder (empty, or with '/' at its end) plus the source's name. */
static enum err aim(struct copying *k, struct bytes source_name)
{
	struct bytes key = k->to.key;

	if (key.n > 0 && key.p[key.n - 1] != '/') {
		return OK;
	}
	if (source_name.n == 0) {
		return report_set(&k->c->report, ERR_INPUT,
		                  (const char *[]){"the target needs a key: s3://BUCKET/KEY", NULL});
	}
	k->to.key = arena_join(k->c->arena, (struct bytes[]){key, source_name}, 2);
	return k->to.key.p == NULL ? ERR_NOMEM : OK;
}

static const char *aim_local(struct copying *k, const char *path)
{
	struct bytes text = bytes_text(path);
	struct stat st;

	if (text.n > 0 && text.p[text.n - 1] == '/') {
		return name_join(k->c->arena, text, name_last(k->from.key));
	}
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
		const char *folder = name_join(k->c->arena, text, BYTES("/"));

		return folder == NULL ? NULL
		                      : name_join(k->c->arena, bytes_text(folder), name_last(k->from.key));
	}
	return path;
}

static enum err copy_one(struct copying *k, const char *from, const char *to)
{
	bool from_s3 = name_is_s3(from), to_s3 = name_is_s3(to);

	if (from_s3 && to_s3) {
		TRY(aim(k, name_last(k->from.key)));
		TRY(copy_object(k, k->from, k->to));
		say_target(k, from, k->to);
		return OK;
	}
	if (to_s3 && strcmp(from, "-") == 0) {
		TRY(aim(k, (struct bytes){NULL, 0}));
		TRY(upload_fd(k, STDIN_FILENO, UINT64_MAX, "standard input", k->to));
		say_target(k, from, k->to);
		return OK;
	}
	if (to_s3) {
		TRY(aim(k, name_last(bytes_text(from))));
		return upload_file(k, from, k->to);
	}
	if (strcmp(to, "-") == 0) {
		return download_fd(k, k->from, STDOUT_FILENO, "standard output");
	}
	to = aim_local(k, to);
	if (to == NULL) {
		return report_set(&k->c->report, ERR_NOMEM, (const char *[]){"out of memory", NULL});
	}
	TRY(download_file(k, k->from, to));
	say_copied(k, bytes_text(from), bytes_text(to));
	return OK;
}

/* One file of many failed: say so and go on. */
static void note(struct copying *k, enum err e)
{
	if (e != OK) {
		k->failed++;
		(void)say_report(k->c);
	}
	arena_reset(k->arena);
}

static void folder_close(FTS **f)
{
	if (*f != NULL) {
		(void)fts_close(*f);
	}
}

static void upload_entry(struct copying *k, const FTSENT *e, size_t cut)
{
	struct bytes below = bytes_skip(bytes_text(e->fts_path), cut);
	struct s3_name to = k->to;

	while (below.n > 0 && below.p[0] == '/') {
		below = bytes_skip(below, 1);
	}
	to.key = arena_join(k->arena, (struct bytes[]){k->to.key, below}, 2);
	note(k, to.key.p == NULL ? ERR_NOMEM : upload_file(k, e->fts_path, to));
}

/* Symbolic links are not followed: a loop would not end, and a link may lead elsewhere. */
static enum err upload_folder(struct copying *k, const char *path)
{
	char *const roots[] = {(char *)(uintptr_t)path, NULL};
	AUTO(folder_close) FTS *f = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	size_t cut = strlen(path);
	const FTSENT *e;

	if (f == NULL) {
		return report_errno(&k->c->report, "cannot read", path, errno, NULL);
	}
	while ((e = fts_read(f)) != NULL) {
		if (e->fts_info == FTS_F) {
			upload_entry(k, e, cut);
		} else if (e->fts_info == FTS_DNR || e->fts_info == FTS_ERR || e->fts_info == FTS_NS) {
			note(k, report_errno(&k->c->report, "cannot read", e->fts_path, e->fts_errno, NULL));
		}
	}
	return OK;
}

/* No component that is empty, "." or "..", no NUL: the file stays below the target. */
static bool stays_below(struct bytes key)
{
	size_t at;

	if (key.n == 0 || bytes_find(key, '\0', &at)) {
		return false;
	}
	while (key.p != NULL) {
		struct bytes part = bytes_split(&key, '/');

		if (part.n == 0 || bytes_is(part, ".") || bytes_is(part, "..")) {
			return false;
		}
	}
	return true;
}

/* The folders above a path. */
static enum err make_folders(struct copying *k, char *path)
{
	for (char *p = strchr(path + 1, '/'); p != NULL; p = strchr(p + 1, '/')) {
		*p = '\0';
		if (mkdir(path, FOLDER_MODE) != 0 && errno != EEXIST) {
			return report_errno(&k->c->report, "cannot create", path, errno, NULL);
		}
		*p = '/';
	}
	return OK;
}

static enum err download_entry(struct copying *k, const struct s3_entry *e, struct bytes below)
{
	struct s3_name from = {k->from.bucket, arena_copy(k->arena, e->name)};
	struct bytes parts[] = {bytes_text(k->folder), BYTES("/"), below};
	char *path = (char *)(uintptr_t)arena_join(k->arena, parts, COUNT(parts)).p;

	if (path == NULL || from.key.p == NULL) {
		return report_set(&k->c->report, ERR_NOMEM, (const char *[]){"out of memory", NULL});
	}
	if (!stays_below(below)) {
		return report_set(&k->c->report, ERR_DENIED,
		                  (const char *[]){"refused: this key is no path below the target: ",
		                                   (const char *)from.key.p, NULL});
	}
	TRY(make_folders(k, path));
	TRY(download_file(k, from, path));
	say_copied(k, from.key, bytes_text(path));
	return OK;
}

static enum err copy_entry(void *context, const struct s3_entry *e)
{
	struct copying *k = context;
	struct bytes below = bytes_skip(e->name, k->from.key.n);
	struct s3_name from = {k->from.bucket, e->name}, to = k->to;
	enum err result;

	if (k->folder != NULL) {
		if (e->name.n > 0 && e->name.p[e->name.n - 1] == '/') {
			return OK; /* the mark of an empty folder */
		}
		note(k, download_entry(k, e, below));
		return OK;
	}
	to.key = arena_join(k->arena, (struct bytes[]){k->to.key, below}, 2);
	result = to.key.p == NULL ? ERR_NOMEM : copy_object(k, from, to);
	if (result == OK) {
		say_target(k, (const char *)arena_copy(k->arena, e->name).p, to);
	}
	note(k, result);
	return OK;
}

/* "prefix" -> "prefix/": with -r both ends are folders. */
static enum err as_folder(struct copying *k, struct s3_name *name)
{
	if (name->key.n == 0 || name->key.p[name->key.n - 1] == '/') {
		return OK;
	}
	name->key = arena_join(k->c->arena, (struct bytes[]){name->key, BYTES("/")}, 2);
	return name->key.p == NULL ? ERR_NOMEM : OK;
}

static enum err copy_many(struct copying *k, const char *from, const char *to)
{
	TRY(as_folder(k, &k->from));
	TRY(as_folder(k, &k->to));
	if (!name_is_s3(from)) {
		TRY(upload_folder(k, from));
	} else {
		k->folder = name_is_s3(to) ? NULL : to;
		TRY(s3_list(k->s3, k->from, NULL, copy_entry, k, &k->c->report));
	}
	if (k->failed > 0) {
		return report_set(&k->c->report, ERR_IO,
		                  (const char *[]){"not everything was copied; see above", NULL});
	}
	return OK;
}

static int finish(struct copying *k, enum err e)
{
	arena_free(k->arena);
	if (option_given(k->c, OPT_JSON) && strcmp(k->c->arg[1], "-") != 0) {
		fprintf(stdout, "{\"copied\":%llu,\"failed\":%llu}\n", (unsigned long long)k->n,
		        (unsigned long long)(k->failed + (e != OK && k->failed == 0)));
	}
	return e == OK ? CLI_OK : say_report(k->c);
}

static int copy(struct cli *c)
{
	AUTO(session_close) struct session s = {0};
	const char *from = c->arg[0], *to = c->arg[1];
	bool recursive = option_given(c, OPT_RECURSIVE);
	struct copying k = {.c = c};

	if (!name_is_s3(from) && !name_is_s3(to)) {
		return say_usage(c, "one of the two must be s3://BUCKET/KEY");
	}
	if ((name_is_s3(from) && name_parse(c, from, !recursive, &k.from) != OK) ||
	    (name_is_s3(to) && name_parse(c, to, false, &k.to) != OK)) {
		return say_usage(c, c->report.text);
	}
	if (recursive && (strcmp(from, "-") == 0 || strcmp(to, "-") == 0)) {
		return say_usage(c, "-r copies folders; - is one stream");
	}
	if (session_open(c, &s) != OK) {
		return say_report(c);
	}
	k.s3 = s.s3;
	k.arena = arena_new(ONE_ARENA_BYTES);
	if (k.arena == NULL) {
		return say_no_memory(c);
	}
	make_headers(&k);
	return finish(&k, recursive ? copy_many(&k, from, to) : copy_one(&k, from, to));
}

const struct command cp_commands[] = {
	{"cp", NULL, "SOURCE TARGET", "copy to, from or within S3; - is a stream",
         "One of the two is s3://BUCKET/KEY, the other a file, - or s3://... as well. With -r both\n"
         "are folders: everything below the one goes below the other.",
         S3_OPTIONS | OPT(OPT_RECURSIVE) | OPT(OPT_CONTENT_TYPE) | OPT(OPT_SSE) |
                 OPT(OPT_KMS_KEY),
         2, 2, copy},
	{0},
};
