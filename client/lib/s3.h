/*
 * S3, as `rempart` speaks it: path style, Signature Version 4 with the body's SHA-256, XML answers.
 * Works with any S3 server. One thread at a time; every call blocks, retries what is worth it
 * (not reached, broken midway, 5xx; with growing pauses) and explains its failure in a report.
 */
#ifndef REMPART_CLIENT_S3_H
#define REMPART_CLIENT_S3_H

#include "client/lib/http.h"
#include "common/base/secret.h"

enum {
	S3_ANSWER_BYTES_MAX = 16 << 20, /* of XML */
	S3_CALL_FIELDS_MAX = 24,        /* query parameters, and headers, of one call */
	S3_ATTEMPTS_MAX = 5,
	S3_STALL_MS = 60000,            /* so long without a byte ends an attempt */
	S3_DELETE_KEYS_MAX = 1000,      /* in one s3_delete_many */
	S3_PARTS_MAX = 10000,
	S3_PART_BYTES_MIN = 16 << 20,   /* ours; S3 asks for 5 MiB */
};

struct s3_options {
	const char *endpoint;   /* https://host[:port] */
	const char *region;     /* NULL: us-east-1 */
	const char *ca_file;    /* NULL: http only */
	const char *access_key;
	const struct secret *secret_key; /* borrowed as long as the client lives */
};

struct s3;

/* s3_new: errors  INPUT (what is missing), NOMEM */
enum err s3_new(const struct s3_options *o, struct s3 **ret, struct report *ret_report);
void s3_free(struct s3 *s); /* NULL-safe */
void s3_freep(struct s3 **s);

/* An object, or with an empty key a bucket, or with neither the service. Raw names, not encoded. */
struct s3_name {
	struct bytes bucket;
	struct bytes key;
};

struct s3_call {
	const char *method;
	struct s3_name name;
	const struct field *query;   /* raw; value.p NULL: a name alone */
	size_t n_query;
	const struct field *headers; /* beyond those of the signature; all are signed */
	size_t n_headers;
	struct bytes body;           /* p NULL: none */
	const struct http_sink *sink; /* 2xx body; then there is one attempt only */
};

/* Valid until the client's next call. */
struct s3_answer {
	struct http_answer http;
	struct bytes body;
};

/*
 * s3_call: any operation; every status that is not 2xx is an error.
 *   ret     may be NULL
 *   errors  NOTFOUND, DENIED, AUTH (access key or signature), EXISTS, CONFLICT (409, 412), INPUT
 *           (4xx), LIMIT, UNAVAILABLE (5xx, not reached), TIMEOUT, IO, NOMEM, and what the sink
 *           gives
 */
enum err s3_call(struct s3 *s, const struct s3_call *call, struct s3_answer *ret,
                 struct report *ret_report);

/* One line of a listing. Views live until the callback returns. */
struct s3_entry {
	struct bytes name;     /* of the bucket, key or common prefix */
	bool is_prefix;
	uint64_t size_bytes;
	struct bytes modified; /* as the server writes it */
	struct bytes etag;
};
typedef enum err s3_each(void *context, const struct s3_entry *entry);

/* s3_list_buckets, s3_list: `each` is called in the server's order; its error ends the listing and
 * is the result. delimiter NULL: everything below the prefix. */
enum err s3_list_buckets(struct s3 *s, s3_each *each, void *context, struct report *ret_report);
enum err s3_list(struct s3 *s, struct s3_name prefix, const char *delimiter, s3_each *each,
                 void *context, struct report *ret_report);

/* s3_delete_many: at most S3_DELETE_KEYS_MAX keys of a bucket. Keys that are not there are no
 * error. errors: as s3_call; DENIED when some keys could not be deleted (the report names the
 * first) */
enum err s3_delete_many(struct s3 *s, struct bytes bucket, const struct bytes *keys, size_t n,
                        struct report *ret_report);

/* s3_presign: a URL with the signature in it, in the arena; it works for expires_s seconds. */
struct s3_presigned {
	const char *method; /* "GET", "PUT" */
	struct s3_name name;
	uint64_t expires_s; /* 1..604,800 */
};
enum err s3_presign(struct s3 *s, struct arena *a, const struct s3_presigned *p, const char **ret,
                    struct report *ret_report);

/* Bytes of a transfer. total is UINT64_MAX while not known. */
typedef void s3_progress(void *context, uint64_t done, uint64_t total);

struct s3_upload {
	struct s3_name name;
	int fd;                      /* read from here to its end */
	uint64_t size_bytes;         /* UINT64_MAX: not known (a pipe) */
	const struct field *headers; /* Content-Type, encryption: at most 8 */
	size_t n_headers;
	s3_progress *progress;       /* may be NULL */
	void *context;
};
/* s3_upload: one PUT, or parts when there is more than one part's worth; a failed multipart upload
 * is aborted.
 * Memory: one part. errors: as s3_call; IO (cannot read), LIMIT (over 10,000 parts) */
enum err s3_upload(struct s3 *s, const struct s3_upload *u, struct report *ret_report);

struct s3_download {
	struct s3_name name;
	int fd;                /* written to in order */
	s3_progress *progress; /* may be NULL */
	void *context;
};
/* s3_download: after a broken connection goes on where it stood, with If-Match. errors: as s3_call;
 * IO, FULL */
enum err s3_download(struct s3 *s, const struct s3_download *d, struct report *ret_report);

#endif
