/*
 * Whole objects, up and down. An upload reads one part into memory, signs its hash and sends it, so
 * that a part can be sent again, also when it came from a pipe. A download goes on where a broken
 * connection left it, of the same ETag only.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/lib/file.h"
#include "client/lib/s3_internal.h"
#include "common/base/attr.h"
#include "common/codec/xml.h"

enum {
	ETAG_BYTES_MAX = 128,
	UPLOAD_ID_BYTES_MAX = 1024,
	COMPLETE_BYTES_MAX = 4 << 20, /* 10,000 parts */
	DIGITS_MAX = 20,
	CONTENT_HEADERS_MAX = 8,
};

struct part {
	uint8_t etag[ETAG_BYTES_MAX];
	size_t etag_n;
};

/* One multipart upload. */
struct parts {
	struct s3 *s;
	const struct s3_upload *u;
	uint8_t upload_id[UPLOAD_ID_BYTES_MAX];
	size_t upload_id_n;
	struct part *part; /* S3_PARTS_MAX of them */
	size_t n;
	uint64_t done;
};

static void memory_free(void *p)
{
	free(*(void **)p);
}

static struct bytes decimal(uint8_t out[DIGITS_MAX], uint64_t v)
{
	struct writer w = writer_fixed(out, DIGITS_MAX);

	write_decimal(&w, v);
	return writer_bytes(&w);
}

static void tell(const struct s3_upload *u, uint64_t done)
{
	if (u->progress != NULL) {
		u->progress(u->context, done, u->size_bytes);
	}
}

/* Big enough that 10,000 parts hold the file. */
static size_t part_size(uint64_t size_bytes)
{
	uint64_t least = size_bytes / S3_PARTS_MAX + 1;

	return size_bytes != UINT64_MAX && least > S3_PART_BYTES_MIN ? (size_t)least
	                                                             : (size_t)S3_PART_BYTES_MIN;
}

/* Fill the buffer; short only at the end of the file. */
static enum err read_part(int fd, uint8_t *out, size_t size, size_t *ret_n, struct report *r)
{
	size_t used = 0;
	ssize_t n = 1;

	while (used < size && n != 0) {
		n = read(fd, out + used, size - used);
		if (n < 0 && errno != EINTR) {
			return report_errno(r, "cannot read", "the source", errno, NULL);
		}
		used += n > 0 ? (size_t)n : 0;
	}
	*ret_n = used;
	return OK;
}

static enum err put_whole(struct s3 *s, const struct s3_upload *u, struct bytes body,
                          struct report *r)
{
	struct s3_call call = {.method = "PUT", .name = u->name, .headers = u->headers,
	                       .n_headers = u->n_headers, .body = body};

	tell(u, 0);
	TRY(s3_call(s, &call, NULL, r));
	tell(u, body.n);
	return OK;
}

static enum err begin_parts(struct parts *p, struct report *r)
{
	const struct field query = {BYTES("uploads"), {NULL, 0}};
	struct s3_call call = {.method = "POST", .name = p->u->name, .query = &query, .n_query = 1,
	                       .headers = p->u->headers, .n_headers = p->u->n_headers,
	                       .body = BYTES("")};
	struct s3_answer answer;
	struct xml_node *root;
	struct bytes id;

	TRY(s3_call(p->s, &call, &answer, r));
	if (xml_parse(p->s->scratch, answer.body, 16, &root) == OK) {
		id = xml_text(root, "UploadId");
		if (id.n > 0 && id.n <= UPLOAD_ID_BYTES_MAX) {
			memcpy(p->upload_id, id.p, id.n);
			p->upload_id_n = id.n;
			return OK;
		}
	}
	return report_set(r, ERR_CORRUPT, (const char *[]){"the server gave no upload id", NULL});
}

static enum err put_part(struct parts *p, struct bytes body, struct report *r)
{
	uint8_t digits[DIGITS_MAX];
	struct field query[] = {{BYTES("partNumber"), decimal(digits, p->n + 1)},
	                        {BYTES("uploadId"), bytes_of(p->upload_id, p->upload_id_n)}};
	struct s3_call call = {.method = "PUT", .name = p->u->name, .query = query,
	                       .n_query = COUNT(query), .body = body};
	struct s3_answer answer;
	struct bytes etag;

	if (p->n == S3_PARTS_MAX) {
		return report_set(r, ERR_LIMIT,
		                  (const char *[]){"too large to come from a pipe; write it to a file "
		                                   "first", NULL});
	}
	TRY(s3_call(p->s, &call, &answer, r));
	etag = http_answer_header(&answer.http, "ETag");
	if (etag.n == 0 || etag.n > ETAG_BYTES_MAX) {
		return report_set(r, ERR_CORRUPT, (const char *[]){"the server gave no ETag", NULL});
	}
	memcpy(p->part[p->n].etag, etag.p, etag.n);
	p->part[p->n].etag_n = etag.n;
	p->n++;
	p->done += body.n;
	tell(p->u, p->done);
	return OK;
}

static enum err complete_parts(struct parts *p, struct report *r)
{
	AUTO(writer_free) struct writer w = writer_growing(COMPLETE_BYTES_MAX);
	struct field query = {BYTES("uploadId"), bytes_of(p->upload_id, p->upload_id_n)};
	struct s3_call call = {.method = "POST", .name = p->u->name, .query = &query, .n_query = 1};
	struct s3_answer answer;
	struct xml_node *root;

	xml_begin(&w);
	xml_open(&w, "CompleteMultipartUpload");
	for (size_t i = 0; i < p->n; i++) {
		xml_open(&w, "Part");
		xml_element_u64(&w, "PartNumber", i + 1);
		xml_element(&w, "ETag", bytes_of(p->part[i].etag, p->part[i].etag_n));
		xml_close(&w, "Part");
	}
	xml_close(&w, "CompleteMultipartUpload");
	TRY(writer_end(&w));
	call.body = writer_bytes(&w);
	TRY(s3_call(p->s, &call, &answer, r));
	/* S3 may answer 200 and then say that it failed. */
	if (xml_parse(p->s->scratch, answer.body, 64, &root) != OK || bytes_is(root->name, "Error")) {
		return report_set(r, ERR_IO, (const char *[]){"the server could not join the parts", NULL});
	}
	return OK;
}

static void abort_parts(struct parts *p)
{
	struct field query = {BYTES("uploadId"), bytes_of(p->upload_id, p->upload_id_n)};
	struct s3_call call = {.method = "DELETE", .name = p->u->name, .query = &query, .n_query = 1};
	struct report unread;

	/* Best effort: what failed before is what the caller hears about. */
	(void)s3_call(p->s, &call, NULL, &unread);
}

static enum err send_parts(struct parts *p, uint8_t *buffer, size_t size, size_t n,
                           struct report *r)
{
	while (n > 0) {
		TRY(put_part(p, bytes_of(buffer, n), r));
		if (n < size) {
			break;
		}
		TRY(read_part(p->u->fd, buffer, size, &n, r));
	}
	return complete_parts(p, r);
}

static enum err put_parts(struct s3 *s, const struct s3_upload *u, uint8_t *buffer, size_t size,
                          struct report *r)
{
	AUTO(memory_free) struct part *part = calloc(S3_PARTS_MAX, sizeof(*part));
	struct parts p = {.s = s, .u = u, .part = part};
	enum err e;

	if (part == NULL) {
		return s3_no_memory(r);
	}
	tell(u, 0);
	TRY(begin_parts(&p, r));
	e = send_parts(&p, buffer, size, size, r);
	if (e != OK) {
		abort_parts(&p);
	}
	return e;
}

enum err s3_upload(struct s3 *s, const struct s3_upload *u, struct report *ret_report)
{
	size_t size = part_size(u->size_bytes);
	AUTO(memory_free) uint8_t *buffer = NULL;
	size_t n = 0;

	if (u->n_headers > CONTENT_HEADERS_MAX) {
		return report_set(ret_report, ERR_LIMIT, (const char *[]){"too many headers", NULL});
	}
	buffer = malloc(size);
	if (buffer == NULL) {
		return s3_no_memory(ret_report);
	}
	TRY(read_part(u->fd, buffer, size, &n, ret_report));
	if (n < size) {
		return put_whole(s, u, bytes_of(buffer, n), ret_report);
	}
	return put_parts(s, u, buffer, size, ret_report);
}

/* A download under way. */
struct getting {
	const struct s3_download *d;
	uint64_t done;
	uint64_t total; /* UINT64_MAX: not known */
};

static enum err take(void *context, struct bytes b)
{
	struct getting *g = context;

	TRY(file_write_all(g->d->fd, b));
	g->done += b.n;
	if (g->d->progress != NULL) {
		g->d->progress(g->d->context, g->done, g->total);
	}
	return OK;
}

/* HEAD first: the size is for the progress and the end, the ETag for going on. */
static enum err look(struct s3 *s, struct getting *g, struct part *ret, struct report *r)
{
	struct s3_call call = {.method = "HEAD", .name = g->d->name};
	struct s3_answer answer;
	struct bytes etag;

	TRY(s3_call(s, &call, &answer, r));
	etag = http_answer_header(&answer.http, "ETag");
	if (bytes_u64(http_answer_header(&answer.http, "Content-Length"), &g->total) != OK ||
	    etag.n > ETAG_BYTES_MAX) {
		return report_set(r, ERR_CORRUPT, (const char *[]){"the server gave no size", NULL});
	}
	memcpy(ret->etag, etag.n > 0 ? etag.p : ret->etag, etag.n);
	ret->etag_n = etag.n;
	return OK;
}

/* From g->done to the end, in one answer. */
static enum err get_rest(struct s3 *s, struct getting *g, const struct part *version,
                         struct report *r)
{
	const struct http_sink sink = {take, g};
	uint8_t text[sizeof("bytes=-") + DIGITS_MAX];
	struct writer w = writer_fixed(text, sizeof(text));
	struct field headers[2];
	struct s3_call call = {.method = "GET", .name = g->d->name, .headers = headers, .sink = &sink};

	if (version->etag_n > 0) {
		headers[call.n_headers++] =
			(struct field){BYTES("If-Match"), bytes_of(version->etag, version->etag_n)};
	}
	if (g->done > 0) {
		write_text(&w, "bytes=");
		write_decimal(&w, g->done);
		write_text(&w, "-");
		headers[call.n_headers++] = (struct field){BYTES("Range"), writer_bytes(&w)};
	}
	return s3_call(s, &call, NULL, r);
}

enum err s3_download(struct s3 *s, const struct s3_download *d, struct report *ret_report)
{
	struct getting g = {.d = d, .total = UINT64_MAX};
	struct part version = {0};
	uint64_t before;
	enum err e;

	TRY(look(s, &g, &version, ret_report));
	for (unsigned i = 1;; i++) {
		before = g.done;
		e = get_rest(s, &g, &version, ret_report);
		if (e == OK && g.done != g.total) {
			return report_set(ret_report, ERR_CORRUPT,
			                  (const char *[]){"the server sent another number of bytes than it said",
			                                   NULL});
		}
		if (e == OK || (e != ERR_IO && e != ERR_TIMEOUT && e != ERR_UNAVAILABLE) ||
		    g.done == g.total) {
			return e;
		}
		i = g.done > before ? 1 : i; /* progress earns new attempts */
		if (i >= S3_ATTEMPTS_MAX) {
			return e;
		}
		s3_pause(i);
	}
}
