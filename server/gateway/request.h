/*
 * One S3 request on its way down: route, evidence, look-up, grant, operation. request.c is the only
 * file that knows the order of the stages; an operation (op_*.c) is a row in the table of route.c.
 *
 *   1 route     s3op_resolve: which operation, which bucket and key
 *   2 evidence  sigv4_read: the canonical request and the signature, as the client sent them
 *   3 prepare   (operation) index look-ups that say which data keys the request needs
 *             what the KMS has to know of bucket and object (resource.c)
 *   4 grant     one call to the KMS: authenticates, authorises, issues or opens keys, logs
 *   5 bucket    the bucket exists and is the one that the client expects
 *   6 begin, body, end, more (operation)
 *
 * A preflight (OPTIONS) carries no signature and is answered from the bucket's cross-origin rules
 * after stage 1 (cors.c). A form (POST on a bucket) carries its signature in its body: after stage
 * 1 its fields are read, and what they stand for goes on with stage 2 as if it had come so
 * (op_post.c). Nothing found out in stage 3 reaches the client before stage 4 said yes.
 */
#ifndef REMPART_GATEWAY_REQUEST_H
#define REMPART_GATEWAY_REQUEST_H
#include "server/gateway/body.h"
#include "server/gateway/gateway.h"
#include "server/gateway/s3error.h"
#include "server/net/httpd.h"

struct request;

enum op_bucket {
	OP_BUCKET_NONE, /* no bucket, or one that need not exist */
	OP_BUCKET_OWN,  /* must exist; who may use it is the KMS's to say */
};

struct op {
	enum op_bucket bucket;
	/* prepare: fill in r->access.keys; may remember a result that begin will give. NULL:
	 * none. */
	enum s3error (*prepare)(struct request *r);
	/* begin: answer, or ask for the body with request_body and return without an answer. */
	enum s3error (*begin)(struct request *r);
	/* end: the body is complete and verified; must answer. NULL when begin always answers. */
	enum s3error (*end)(struct request *r);
	enum err (*more)(struct request *r, struct writer *out, bool *ret_last);
	/* release: free what the arena does not. NULL: nothing. */
	void (*release)(struct request *r);
	/* begin comes right after the look-up, without a signature: it answers, or takes the stages
	 * later */
	bool open;
	bool takes_acl; /* x-amz-acl and x-amz-grant-* say who may use what it makes or changes */
};
/* op_of: the row of an operation; NULL for NONE and UNSUPPORTED. */
const struct op *op_of(enum s3op op);

/* A key that a customer brings (customer.h). */
struct customer_key {
	struct secret *key; /* NULL: none */
	struct bytes md5;   /* as sent, and told in the answer */
};

struct post_upload;
struct copy;

/* What the bucket's ownership controls and public access block say. */
struct bucket_settings {
	bool owner_enforced, owner_preferred;
	bool block_public_acls, ignore_public_acls, block_public_policy, restrict_public;
};

/* One key of a DeleteObjects, for the log of the bucket. */
struct deleted_key {
	struct bytes key;
	const struct index_version *version; /* NULL: none named */
	enum s3error error;
};

struct request {
	struct exchange *x;
	/* of the S3 request: what came, with the headers of its query, or the PUT that a form
	 * stands for */
	const struct http_head *head;
	struct post_upload *post;      /* of a form (op_post.h); else NULL */
	struct gateway *g;
	struct arena *a;
	/* clock_mono_us; 0: not yet. received: a body, whole */
	uint64_t start_us, received_us, answered_us;
	struct s3op_target target;
	const struct op *op;
	struct field *query;
	size_t n_query;
	struct kmsproto_access access; /* evidence and key calls */
	struct kmsproto_reply grant;   /* principal and keys; secrets freed at release */
	struct customer_key customer, source_customer;
	/* customers' keys that go into the granted ones; NULL: none */
	const struct secret *mixed[KMSPROTO_KEYS_MAX];
	struct index_bucket bucket;    /* of target.bucket, when has_bucket */
	bool has_bucket;
	struct bucket_settings settings;   /* of the bucket */
	struct index_bucket source_bucket; /* of a copy's source, when has_source_bucket */
	bool has_source_bucket;
	enum s3error error; /* answered, for the access log */
	/* a constant: what exactly is wrong, in place of the error's message; NULL: nothing more to
	 * say */
	const char *detail;

	struct body *body;   /* when the operation asked for one */
	struct writer text;  /* collected small body (growing; freed at release) */
	/* of the room for XML that all requests share; given back at release */
	uint64_t text_taken;
	struct index_object object;    /* GET, HEAD: found; PUT, copy: to be made */
	bool has_object;
	bool looked;                   /* object_find was there */
	struct index_object source;    /* copies */
	struct copy *copy;             /* of its bytes (copy.h) */
	struct index_version version;  /* of versionId, or of the copy source's */
	bool source_named;             /* the copy source comes with a versionId */
	struct index_upload upload;    /* multipart */
	struct index_condition condition;
	const struct index_part *part; /* of r->object, that GET or HEAD asks for */
	uint32_t part_number;
	const struct deleted_key *deleted;
	size_t n_deleted;
	const struct cors_grant *cors; /* told in every answer; NULL: nothing */
	struct bytes default_kek;      /* the bucket's, for a request that names none */
	struct vault_writer *writer;
	struct vault_reader *reader;
	uint64_t first, count;         /* range to be sent or copied */
	bool ranged;
	enum s3error missing;          /* object_find: why there is no object */
	bool marker;                   /* object_find: a delete marker stands there */
	enum s3error outcome;          /* decided in prepare, told in begin */
};

/* The service that the S3 listeners run; context is the struct gateway. */
struct http_service request_service(struct gateway *g);

/* request_stages: 2 to 6. A form (op_post.c) goes through them once its fields are there. */
enum s3error request_stages(struct request *r);

/* Helpers for operations. Deadlines are those of the present step. */
uint64_t request_deadline(const struct request *r);
/* request_bucket: the bucket that stage 5 let the caller into, for calls of the index. */
struct index_bucket_ref request_bucket(const struct request *r);
struct bytes request_header(const struct request *r, const char *name); /* empty when absent */
bool request_has_header(const struct request *r, const char *name);
struct bytes request_param(const struct request *r, const char *name);  /* empty when absent */
bool request_has_param(const struct request *r, const char *name);
/* request_param_u32: decimal up to max. errors: S3E_INVALID_ARGUMENT */
enum s3error request_param_u32(const struct request *r, const char *name, uint32_t fallback,
                               uint32_t *ret);
/* request_take_text: room for so much XML until the request ends. errors: S3E_SLOW_DOWN */
enum s3error request_take_text(struct request *r, uint64_t n);
/* request_key_call: ask the KMS to issue or open the DEK of an object. */
void request_key_issue(struct request *r, struct bytes bucket, struct bytes key,
                       const uint8_t *object_id);
void request_key_open(struct request *r, bool source, const struct index_object *object);
/* request_key_rewrap: have the object's DEK wrapped under another KEK. */
void request_key_rewrap(struct request *r, const struct index_object *object, struct bytes kek);

/* Answers. */
void answer_error(struct request *r, enum s3error e);
/* answer_empty: headers may follow. */
void answer_empty(struct request *r, unsigned status);
/* answer_stream: the body comes from the operation's `more`. */
void answer_stream(struct request *r, unsigned status, uint64_t length);
/* answer_xml: takes the writer's text over (growing writer; freed with the request). */
void answer_xml(struct request *r, unsigned status, struct writer *w);
/* answer_xml_later: 200 with XML that the operation's `more` writes, its declaration too. */
void answer_xml_later(struct request *r);
/* answer_error_late: into the XML of a 200 that is on its way. */
void answer_error_late(struct request *r, enum s3error e, struct writer *out);
/* the same, of another type */
void answer_text(struct request *r, unsigned status, struct bytes type, struct writer *w);
void answer_header(struct request *r, const char *name, struct bytes value);
void answer_header_u64(struct request *r, const char *name, uint64_t value);

#endif
