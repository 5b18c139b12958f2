/*
 * Which S3 operation a request is. One table, read by the gateway (to route) and by the KMS (to
 * know what a signature asks for, without taking the gateway's word): so both always agree.
 * Pure.
 */
#ifndef REMPART_S3OP_H
#define REMPART_S3OP_H
#include "common/base/arena.h"
#include "common/base/bytes.h"

enum s3op {
	S3OP_NONE,          /* no such operation: MethodNotAllowed */
	/* a sub-resource or header that names an operation not built: NotImplemented */
	S3OP_UNSUPPORTED,
	S3OP_LIST_BUCKETS,
	S3OP_CREATE_BUCKET,
	S3OP_HEAD_BUCKET,
	S3OP_DELETE_BUCKET,
	S3OP_GET_BUCKET_LOCATION,
	S3OP_GET_BUCKET_VERSIONING,
	S3OP_LIST_OBJECTS,
	S3OP_LIST_OBJECTS_V2,
	S3OP_DELETE_OBJECTS,
	S3OP_GET_OBJECT,
	S3OP_HEAD_OBJECT,
	S3OP_PUT_OBJECT,
	S3OP_COPY_OBJECT,
	S3OP_DELETE_OBJECT,
	S3OP_CREATE_MULTIPART_UPLOAD,
	S3OP_UPLOAD_PART,
	S3OP_UPLOAD_PART_COPY,
	S3OP_COMPLETE_MULTIPART_UPLOAD,
	S3OP_ABORT_MULTIPART_UPLOAD,
	S3OP_LIST_PARTS,
	S3OP_LIST_MULTIPART_UPLOADS,
	/* Configuration of buckets, and what is told of features that do not exist. */
	S3OP_GET_BUCKET_TAGGING,
	S3OP_PUT_BUCKET_TAGGING,
	S3OP_DELETE_BUCKET_TAGGING,
	S3OP_GET_BUCKET_ENCRYPTION,
	S3OP_PUT_BUCKET_ENCRYPTION,
	S3OP_DELETE_BUCKET_ENCRYPTION,
	S3OP_GET_BUCKET_CORS,
	S3OP_PUT_BUCKET_CORS,
	S3OP_DELETE_BUCKET_CORS,
	S3OP_GET_BUCKET_OWNERSHIP,
	S3OP_PUT_BUCKET_OWNERSHIP,
	S3OP_DELETE_BUCKET_OWNERSHIP,
	S3OP_GET_PUBLIC_ACCESS_BLOCK,
	S3OP_PUT_PUBLIC_ACCESS_BLOCK,
	S3OP_DELETE_PUBLIC_ACCESS_BLOCK,
	S3OP_GET_BUCKET_LIFECYCLE,
	S3OP_PUT_BUCKET_LIFECYCLE,
	S3OP_DELETE_BUCKET_LIFECYCLE,
	S3OP_GET_BUCKET_ACL,
	S3OP_PUT_BUCKET_ACL,
	S3OP_GET_OBJECT_ACL,
	S3OP_PUT_OBJECT_ACL,
	S3OP_GET_BUCKET_REQUEST_PAYMENT,
	S3OP_GET_BUCKET_POLICY,
	S3OP_PUT_BUCKET_POLICY,
	S3OP_DELETE_BUCKET_POLICY,
	S3OP_GET_BUCKET_POLICY_STATUS,
	S3OP_GET_BUCKET_WEBSITE,
	S3OP_GET_BUCKET_LOGGING,
	S3OP_GET_BUCKET_NOTIFICATION,
	S3OP_GET_BUCKET_REPLICATION,
	S3OP_GET_BUCKET_ACCELERATE,
	S3OP_GET_OBJECT_ATTRIBUTES,
	S3OP_GET_OBJECT_TORRENT, /* there never is one */
	S3OP_PREFLIGHT, /* OPTIONS; never signed, the KMS never sees it */
	S3OP_POST_OBJECT, /* a browser's form; the KMS sees the PUT that it stands for */
	S3OP_PUT_BUCKET_VERSIONING,
	S3OP_LIST_OBJECT_VERSIONS,
	S3OP_GET_OBJECT_LOCK,
	S3OP_PUT_OBJECT_LOCK,
	S3OP_GET_OBJECT_RETENTION,
	S3OP_PUT_OBJECT_RETENTION,
	S3OP_GET_OBJECT_LEGAL_HOLD,
	S3OP_PUT_OBJECT_LEGAL_HOLD,
	S3OP_GET_OBJECT_TAGGING,
	S3OP_PUT_OBJECT_TAGGING,
	S3OP_DELETE_OBJECT_TAGGING,
	S3OP_UPDATE_OBJECT_ENCRYPTION,
	S3OP_PUT_BUCKET_LOGGING,
	S3OP_COUNT,
};

struct s3op_target {
	enum s3op op;
	struct bytes bucket; /* decoded; empty for service-level operations */
	struct bytes key;    /* decoded; empty for bucket-level operations */
	/* of "tenant:bucket", as Ceph names buckets: has to be the owner; p NULL without */
	struct bytes tenant;
	struct bytes version; /* versionId as sent (also a nonsense one); p NULL without */
};

/*
 * s3op_resolve: decide the operation.
 *   host_bucket  the bucket named by the Host header (host style), empty with path style
 *   path         raw path as sent, begins with '/'
 *   query        decoded parameters (uri_query); names that S3 ignores (X-Amz-*, response-*, and
 *                parameters of the operation itself) do not matter, any known sub-resource that is
 *                not built gives UNSUPPORTED, never the plain operation. An unknown parameter (a
 *                client's own, "x-id", ...) is ignored unless it is the name of any S3
 *                sub-resource.
 *   copy_source  the request carries x-amz-copy-source
 *   errors       INPUT (bad escape, NUL byte or no UTF-8 in the key, a sub-resource that stands
 *                twice), LIMIT (key over 1,024 bytes)
 */
enum err s3op_resolve(struct arena *a, struct bytes method, struct bytes host_bucket,
                      struct bytes path, const struct field *query, size_t n_query,
                      bool copy_source, struct s3op_target *ret);
/* s3op_host_bucket: the bucket of a Host header, given the service's domains ("s3.example.org"):
 * the part before ".domain", port ignored, case ignored; empty when path style. domains separated
 * by spaces. */
struct bytes s3op_host_bucket(struct bytes host, struct bytes domains);
/* s3op_copy_source: "/bucket/key[?versionId=...]" or "bucket/key", percent-encoded. errors:
 * INPUT */
enum err s3op_copy_source(struct arena *a, struct bytes value, struct bytes *ret_bucket,
                          struct bytes *ret_key, struct bytes *ret_version);
/* s3op_name: "PutObject"; s3op_action: "s3:PutObject" (the IAM action). */
const char *s3op_name(enum s3op op);
const char *s3op_action(enum s3op op);
/* s3op_is_of_object: on an object that is there: its owner and its ACL count, and to be told that
 * it is not takes the right to list. */
bool s3op_is_of_object(enum s3op op);
/* s3op_bucket_name_ok: S3's rules for new buckets (3-63, a-z 0-9 - ., no adjacent dots, no IP
 * address, reserved prefixes). */
bool s3op_bucket_name_ok(struct bytes name);
#endif
