/*
 * The table of operations. Fail closed: a request is an operation only when the S3 sub-resources
 * in its query are exactly those that the operation names; one more gives UNSUPPORTED. So
 * `PUT /bucket/key?tagging` never becomes a write of the object.
 *
 * The gateway resolves the request as sent, the KMS the canonical request: the path is therefore
 * decoded before it is cut (an escaped '/' is a '/', as in the canonical path), and neither the
 * order of the parameters nor the '=' behind a bare name has a meaning.
 */
#include "common/s3op/s3op.h"

#include "common/base/attr.h"
#include "common/codec/uri.h"

enum { KEY_MAX = 1024 }; /* bytes (S3, "Naming objects") */

/* Sub-resources that some operation here names. */
enum {
	SUB_UPLOADS = 1 << 0,
	SUB_UPLOAD_ID = 1 << 1,
	SUB_PART_NUMBER = 1 << 2,
	SUB_LOCATION = 1 << 3,
	SUB_DELETE = 1 << 4,
	SUB_LIST_V2 = 1 << 5,
	SUB_VERSION = 1 << 6,
	SUB_VERSIONING = 1 << 7,
	SUB_OTHER = 1 << 8,        /* an operation that is not built */
	SUB_TAGGING = 1 << 12,
	SUB_ENCRYPTION = 1 << 13,
	SUB_CORS = 1 << 14,
	SUB_OWNERSHIP = 1 << 15,
	SUB_PUBLIC_ACCESS = 1 << 16,
	SUB_LIFECYCLE = 1 << 17,
	SUB_ACL = 1 << 18,
	SUB_REQUEST_PAYMENT = 1 << 19,
	SUB_POLICY = 1 << 20,
	SUB_POLICY_STATUS = 1 << 21,
	SUB_WEBSITE = 1 << 22,
	SUB_LOGGING = 1 << 23,
	SUB_NOTIFICATION = 1 << 24,
	SUB_REPLICATION = 1 << 25,
	SUB_ACCELERATE = 1 << 26,
	SUB_ATTRIBUTES = 1 << 27,
	SUB_VERSIONS = 1 << 9,
	SUB_OBJECT_LOCK = 1 << 10,
	SUB_RETENTION = 1 << 11,
	SUB_LEGAL_HOLD = 1 << 28,
	SUB_TORRENT = 1 << 29,
};

/* Every name that selects an S3 operation: AWS's (botocore's model of August 2026 and the older
 * guides), then those of other stores, whose clients would not expect a plain read or write. */
static const char *const other_names[] = {
	"abac", "analytics", "annotation", "intelligent-tiering", "inventory", 
	"metadataAnnotationTable", "metadataConfiguration", "metadataInventoryTable",
	"metadataJournalTable", "metadataTable", "metrics", "renameObject",
	"restore", "select", "select-type", "session",
	

	"append", "billing", "compose", "events", "lambdaArn", "mdsearch", "object-legal-hold",
	"position", "replication-metrics", "replication-reset", "replication-reset-status",
	"storageClass", "sync", "syncing", "usage",
};

enum level { LEVEL_SERVICE, LEVEL_BUCKET, LEVEL_OBJECT };
enum copy { COPY_ANY, COPY_NO, COPY_YES };

static const struct route {
	const char *method;
	enum level level;
	unsigned required; /* exactly these sub-resources */
	unsigned optional; /* and perhaps these */
	enum copy copy;
	enum s3op op;
} routes[] = {
	{"GET", LEVEL_SERVICE, 0, 0, COPY_ANY, S3OP_LIST_BUCKETS},

	{"PUT", LEVEL_BUCKET, 0, 0, COPY_NO, S3OP_CREATE_BUCKET},
	{"HEAD", LEVEL_BUCKET, 0, 0, COPY_ANY, S3OP_HEAD_BUCKET},
	{"DELETE", LEVEL_BUCKET, 0, 0, COPY_ANY, S3OP_DELETE_BUCKET},
	{"GET", LEVEL_BUCKET, SUB_LOCATION, 0, COPY_ANY, S3OP_GET_BUCKET_LOCATION},
	{"GET", LEVEL_BUCKET, SUB_VERSIONING, 0, COPY_ANY, S3OP_GET_BUCKET_VERSIONING},
	{"PUT", LEVEL_BUCKET, SUB_VERSIONING, 0, COPY_NO, S3OP_PUT_BUCKET_VERSIONING},
	{"GET", LEVEL_BUCKET, SUB_VERSIONS, 0, COPY_ANY, S3OP_LIST_OBJECT_VERSIONS},
	{"GET", LEVEL_BUCKET, SUB_OBJECT_LOCK, 0, COPY_ANY, S3OP_GET_OBJECT_LOCK},
	{"PUT", LEVEL_BUCKET, SUB_OBJECT_LOCK, 0, COPY_NO, S3OP_PUT_OBJECT_LOCK},
	{"GET", LEVEL_BUCKET, 0, 0, COPY_ANY, S3OP_LIST_OBJECTS},
	{"GET", LEVEL_BUCKET, SUB_LIST_V2, 0, COPY_ANY, S3OP_LIST_OBJECTS_V2},
	{"GET", LEVEL_BUCKET, SUB_UPLOADS, 0, COPY_ANY, S3OP_LIST_MULTIPART_UPLOADS},
	{"POST", LEVEL_BUCKET, SUB_DELETE, 0, COPY_ANY, S3OP_DELETE_OBJECTS},
	{"POST", LEVEL_BUCKET, 0, 0, COPY_ANY, S3OP_POST_OBJECT},

	{"GET", LEVEL_BUCKET, SUB_TAGGING, 0, COPY_ANY, S3OP_GET_BUCKET_TAGGING},
	{"PUT", LEVEL_BUCKET, SUB_TAGGING, 0, COPY_NO, S3OP_PUT_BUCKET_TAGGING},
	{"DELETE", LEVEL_BUCKET, SUB_TAGGING, 0, COPY_ANY, S3OP_DELETE_BUCKET_TAGGING},
	{"GET", LEVEL_BUCKET, SUB_ENCRYPTION, 0, COPY_ANY, S3OP_GET_BUCKET_ENCRYPTION},
	{"PUT", LEVEL_BUCKET, SUB_ENCRYPTION, 0, COPY_NO, S3OP_PUT_BUCKET_ENCRYPTION},
	{"DELETE", LEVEL_BUCKET, SUB_ENCRYPTION, 0, COPY_ANY, S3OP_DELETE_BUCKET_ENCRYPTION},
	{"GET", LEVEL_BUCKET, SUB_CORS, 0, COPY_ANY, S3OP_GET_BUCKET_CORS},
	{"PUT", LEVEL_BUCKET, SUB_CORS, 0, COPY_NO, S3OP_PUT_BUCKET_CORS},
	{"DELETE", LEVEL_BUCKET, SUB_CORS, 0, COPY_ANY, S3OP_DELETE_BUCKET_CORS},
	{"GET", LEVEL_BUCKET, SUB_OWNERSHIP, 0, COPY_ANY, S3OP_GET_BUCKET_OWNERSHIP},
	{"PUT", LEVEL_BUCKET, SUB_OWNERSHIP, 0, COPY_NO, S3OP_PUT_BUCKET_OWNERSHIP},
	{"DELETE", LEVEL_BUCKET, SUB_OWNERSHIP, 0, COPY_ANY, S3OP_DELETE_BUCKET_OWNERSHIP},
	{"GET", LEVEL_BUCKET, SUB_PUBLIC_ACCESS, 0, COPY_ANY, S3OP_GET_PUBLIC_ACCESS_BLOCK},
	{"PUT", LEVEL_BUCKET, SUB_PUBLIC_ACCESS, 0, COPY_NO, S3OP_PUT_PUBLIC_ACCESS_BLOCK},
	{"DELETE", LEVEL_BUCKET, SUB_PUBLIC_ACCESS, 0, COPY_ANY, S3OP_DELETE_PUBLIC_ACCESS_BLOCK},
	{"GET", LEVEL_BUCKET, SUB_LIFECYCLE, 0, COPY_ANY, S3OP_GET_BUCKET_LIFECYCLE},
	{"PUT", LEVEL_BUCKET, SUB_LIFECYCLE, 0, COPY_NO, S3OP_PUT_BUCKET_LIFECYCLE},
	{"DELETE", LEVEL_BUCKET, SUB_LIFECYCLE, 0, COPY_ANY, S3OP_DELETE_BUCKET_LIFECYCLE},
	{"GET", LEVEL_BUCKET, SUB_ACL, 0, COPY_ANY, S3OP_GET_BUCKET_ACL},
	{"PUT", LEVEL_BUCKET, SUB_ACL, 0, COPY_NO, S3OP_PUT_BUCKET_ACL},
	{"GET", LEVEL_BUCKET, SUB_REQUEST_PAYMENT, 0, COPY_ANY, S3OP_GET_BUCKET_REQUEST_PAYMENT},
	{"GET", LEVEL_BUCKET, SUB_POLICY, 0, COPY_ANY, S3OP_GET_BUCKET_POLICY},
	{"PUT", LEVEL_BUCKET, SUB_POLICY, 0, COPY_NO, S3OP_PUT_BUCKET_POLICY},
	{"DELETE", LEVEL_BUCKET, SUB_POLICY, 0, COPY_ANY, S3OP_DELETE_BUCKET_POLICY},
	{"GET", LEVEL_BUCKET, SUB_POLICY_STATUS, 0, COPY_ANY, S3OP_GET_BUCKET_POLICY_STATUS},
	{"GET", LEVEL_BUCKET, SUB_WEBSITE, 0, COPY_ANY, S3OP_GET_BUCKET_WEBSITE},
	{"GET", LEVEL_BUCKET, SUB_LOGGING, 0, COPY_ANY, S3OP_GET_BUCKET_LOGGING},
	{"PUT", LEVEL_BUCKET, SUB_LOGGING, 0, COPY_NO, S3OP_PUT_BUCKET_LOGGING},
	{"GET", LEVEL_BUCKET, SUB_NOTIFICATION, 0, COPY_ANY, S3OP_GET_BUCKET_NOTIFICATION},
	{"GET", LEVEL_BUCKET, SUB_REPLICATION, 0, COPY_ANY, S3OP_GET_BUCKET_REPLICATION},
	{"GET", LEVEL_BUCKET, SUB_ACCELERATE, 0, COPY_ANY, S3OP_GET_BUCKET_ACCELERATE},

	{"GET", LEVEL_OBJECT, 0, SUB_PART_NUMBER | SUB_VERSION, COPY_ANY, S3OP_GET_OBJECT},
	{"HEAD", LEVEL_OBJECT, 0, SUB_PART_NUMBER | SUB_VERSION, COPY_ANY, S3OP_HEAD_OBJECT},
	{"GET", LEVEL_OBJECT, SUB_RETENTION, SUB_VERSION, COPY_ANY, S3OP_GET_OBJECT_RETENTION},
	{"PUT", LEVEL_OBJECT, SUB_RETENTION, SUB_VERSION, COPY_NO, S3OP_PUT_OBJECT_RETENTION},
	{"GET", LEVEL_OBJECT, SUB_LEGAL_HOLD, SUB_VERSION, COPY_ANY, S3OP_GET_OBJECT_LEGAL_HOLD},
	{"PUT", LEVEL_OBJECT, SUB_LEGAL_HOLD, SUB_VERSION, COPY_NO, S3OP_PUT_OBJECT_LEGAL_HOLD},
	{"GET", LEVEL_OBJECT, SUB_TAGGING, SUB_VERSION, COPY_ANY, S3OP_GET_OBJECT_TAGGING},
	{"PUT", LEVEL_OBJECT, SUB_TAGGING, SUB_VERSION, COPY_NO, S3OP_PUT_OBJECT_TAGGING},
	{"DELETE", LEVEL_OBJECT, SUB_TAGGING, SUB_VERSION, COPY_ANY, S3OP_DELETE_OBJECT_TAGGING},
	{"PUT", LEVEL_OBJECT, SUB_ENCRYPTION, SUB_VERSION, COPY_NO,
	 S3OP_UPDATE_OBJECT_ENCRYPTION},
	{"PUT", LEVEL_OBJECT, 0, 0, COPY_NO, S3OP_PUT_OBJECT},
	{"PUT", LEVEL_OBJECT, 0, 0, COPY_YES, S3OP_COPY_OBJECT},
	{"DELETE", LEVEL_OBJECT, 0, SUB_VERSION, COPY_ANY, S3OP_DELETE_OBJECT},
	{"POST", LEVEL_OBJECT, SUB_UPLOADS, 0, COPY_ANY, S3OP_CREATE_MULTIPART_UPLOAD},
	{"PUT", LEVEL_OBJECT, SUB_UPLOAD_ID | SUB_PART_NUMBER, 0, COPY_NO, S3OP_UPLOAD_PART},
	{"PUT", LEVEL_OBJECT, SUB_UPLOAD_ID | SUB_PART_NUMBER, 0, COPY_YES, S3OP_UPLOAD_PART_COPY},
	{"POST", LEVEL_OBJECT, SUB_UPLOAD_ID, 0, COPY_ANY, S3OP_COMPLETE_MULTIPART_UPLOAD},
	{"DELETE", LEVEL_OBJECT, SUB_UPLOAD_ID, 0, COPY_ANY, S3OP_ABORT_MULTIPART_UPLOAD},
	{"GET", LEVEL_OBJECT, SUB_UPLOAD_ID, 0, COPY_ANY, S3OP_LIST_PARTS},
	{"GET", LEVEL_OBJECT, SUB_ACL, SUB_VERSION, COPY_ANY, S3OP_GET_OBJECT_ACL},
	{"PUT", LEVEL_OBJECT, SUB_ACL, SUB_VERSION, COPY_NO, S3OP_PUT_OBJECT_ACL},
	{"GET", LEVEL_OBJECT, SUB_ATTRIBUTES, SUB_VERSION, COPY_ANY, S3OP_GET_OBJECT_ATTRIBUTES},
	{"GET", LEVEL_OBJECT, SUB_TORRENT, SUB_VERSION, COPY_ANY, S3OP_GET_OBJECT_TORRENT},
};

static unsigned sub_resource(const struct field *parameter)
{
	static const struct {
		const char *name;
		const char *value; /* NULL: any */
		unsigned bit;
	} known[] = {
		{"uploads", NULL, SUB_UPLOADS},     {"uploadId", NULL, SUB_UPLOAD_ID},
		{"location", NULL, SUB_LOCATION},   {"partNumber", NULL, SUB_PART_NUMBER},
		{"delete", NULL, SUB_DELETE},       {"list-type", "2", SUB_LIST_V2},
		{"versionId", NULL, SUB_VERSION},
		{"versions", NULL, SUB_VERSIONS},
		{"object-lock", NULL, SUB_OBJECT_LOCK},
		{"retention", NULL, SUB_RETENTION},
		{"legal-hold", NULL, SUB_LEGAL_HOLD},
		{"versioning", NULL, SUB_VERSIONING},
		{"tagging", NULL, SUB_TAGGING},
		{"encryption", NULL, SUB_ENCRYPTION},
		{"cors", NULL, SUB_CORS},
		{"ownershipControls", NULL, SUB_OWNERSHIP},
		{"publicAccessBlock", NULL, SUB_PUBLIC_ACCESS},
		{"lifecycle", NULL, SUB_LIFECYCLE},
		{"acl", NULL, SUB_ACL},
		{"requestPayment", NULL, SUB_REQUEST_PAYMENT},
		{"policy", NULL, SUB_POLICY},
		{"policyStatus", NULL, SUB_POLICY_STATUS},
		{"website", NULL, SUB_WEBSITE},
		{"logging", NULL, SUB_LOGGING},
		{"notification", NULL, SUB_NOTIFICATION},
		{"replication", NULL, SUB_REPLICATION},
		{"accelerate", NULL, SUB_ACCELERATE},
		{"attributes", NULL, SUB_ATTRIBUTES},
		{"torrent", NULL, SUB_TORRENT},
	};

	for (size_t i = 0; i < COUNT(known); i++) {
		if (bytes_is(parameter->name, known[i].name)) {
			bool built = known[i].value == NULL ||
			             bytes_is(parameter->value, known[i].value);
			return built ? known[i].bit : SUB_OTHER;
		}
	}
	for (size_t i = 0; i < COUNT(other_names); i++) {
		if (bytes_is(parameter->name, other_names[i])) {
			return SUB_OTHER;
		}
	}
	return 0;
}

static enum s3op find_route(struct bytes method, enum level level, unsigned subs, bool copy_source)
{
	for (size_t i = 0; i < COUNT(routes); i++) {
		const struct route *r = &routes[i];
		bool copy_fits = r->copy == COPY_ANY || (r->copy == COPY_YES) == copy_source;
		if (r->level == level && copy_fits && bytes_is(method, r->method) &&
		    (subs & ~r->optional) == r->required) {
			return r->op;
		}
	}
	return subs != 0 || copy_source ? S3OP_UNSUPPORTED : S3OP_NONE;
}

static bool is_text(struct bytes b)
{
	size_t at;

	return !bytes_find(b, '\0', &at) && bytes_is_utf8(b);
}

/* "tenant:bucket" and ":bucket". Names of buckets are unique here, so the tenant is no part of the name. */
static void split_tenant(struct s3op_target *t)
{
	struct bytes name = t->bucket;
	struct bytes tenant = bytes_split(&name, ':');

	if (name.p != NULL) {
		t->tenant = tenant.p == NULL ? BYTES("") : tenant;
		t->bucket = name;
	}
}

/* Bucket and key of a path; the key is everything behind the one '/' and is not normalised. */
static enum err split_path(struct arena *a, struct bytes host_bucket, struct bytes path,
                           struct s3op_target *t)
{
	struct bytes rest;

	if (path.n == 0 || path.p[0] != '/') {
		return ERR_INPUT;
	}
	TRY(uri_decode(a, path, &rest));
	rest = bytes_skip(rest, 1);
	t->bucket = host_bucket;
	if (host_bucket.n == 0) {
		t->bucket = bytes_split(&rest, '/');
	}
	t->key = rest;
	split_tenant(t);
	if (t->bucket.n == 0 && (t->key.n > 0 || t->tenant.p != NULL)) {
		return ERR_INPUT; /* "//key", "/tenant:" */
	}
	if (!is_text(t->bucket) || !is_text(t->key)) {
		return ERR_INPUT;
	}
	return t->key.n > KEY_MAX ? ERR_LIMIT : OK;
}

enum err s3op_resolve(struct arena *a, struct bytes method, struct bytes host_bucket,
                      struct bytes path, const struct field *query, size_t n_query,
                      bool copy_source, struct s3op_target *ret)
{
	struct s3op_target t = {0};
	unsigned subs = 0;

	TRY(split_path(a, host_bucket, path, &t));
	for (size_t i = 0; i < n_query; i++) {
		unsigned sub = sub_resource(&query[i]);
		if ((subs & sub & ~(unsigned)SUB_OTHER) != 0) {
			return ERR_INPUT; /* of two, nobody knows which one is meant */
		}
		if (sub == SUB_VERSION) {
			t.version = query[i].value.p == NULL ? BYTES("") : query[i].value;
		}
		subs |= sub;
	}
	enum level level = t.key.n > 0      ? LEVEL_OBJECT
	                   : t.bucket.n > 0 ? LEVEL_BUCKET
	                                    : LEVEL_SERVICE;
	/* A preflight is for the request that comes after it, whatever its parameters say. */
	bool preflight = level != LEVEL_SERVICE && bytes_is(method, "OPTIONS");
	t.op = preflight ? S3OP_PREFLIGHT : find_route(method, level, subs, copy_source);
	*ret = t;
	return OK;
}

enum err s3op_copy_source(struct arena *a, struct bytes value, struct bytes *ret_bucket,
                          struct bytes *ret_key, struct bytes *ret_version)
{
	static const char prefix[] = "versionId=";
	struct bytes version = value;
	struct bytes path = bytes_split(&version, '?');
	struct bytes key, decoded_version = BYTES("");

	if (version.p != NULL) {
		if (!bytes_starts(version, BYTES(prefix))) {
			return ERR_INPUT;
		}
		TRY(uri_decode(a, bytes_skip(version, sizeof(prefix) - 1), &decoded_version));
		if (decoded_version.n == 0 || !is_text(decoded_version)) {
			return ERR_INPUT;
		}
	}
	/* Decoded first: some clients escape the '/' too. */
	TRY(uri_decode(a, path, &key));
	if (bytes_starts(key, BYTES("/"))) {
		key = bytes_skip(key, 1);
	}
	struct bytes bucket = bytes_split(&key, '/');
	if (bucket.n == 0 || key.n == 0 || key.n > KEY_MAX || !is_text(bucket) || !is_text(key)) {
		return ERR_INPUT;
	}
	*ret_bucket = bucket;
	*ret_key = key;
	*ret_version = decoded_version;
	return OK;
}

/* --- names ------------------------------------------------------------------------------ */

static const struct {
	const char *name;
	const char *action;
} words[S3OP_COUNT] = {
	[S3OP_NONE] = {"None", ""},
	[S3OP_UNSUPPORTED] = {"Unsupported", ""},
	[S3OP_LIST_BUCKETS] = {"ListBuckets", "s3:ListAllMyBuckets"},
	[S3OP_CREATE_BUCKET] = {"CreateBucket", "s3:CreateBucket"},
	[S3OP_HEAD_BUCKET] = {"HeadBucket", "s3:ListBucket"},
	[S3OP_DELETE_BUCKET] = {"DeleteBucket", "s3:DeleteBucket"},
	[S3OP_GET_BUCKET_LOCATION] = {"GetBucketLocation", "s3:GetBucketLocation"},
	[S3OP_GET_BUCKET_VERSIONING] = {"GetBucketVersioning", "s3:GetBucketVersioning"},
	[S3OP_LIST_OBJECTS] = {"ListObjects", "s3:ListBucket"},
	[S3OP_LIST_OBJECTS_V2] = {"ListObjectsV2", "s3:ListBucket"},
	[S3OP_DELETE_OBJECTS] = {"DeleteObjects", "s3:DeleteObject"},
	[S3OP_GET_OBJECT] = {"GetObject", "s3:GetObject"},
	[S3OP_HEAD_OBJECT] = {"HeadObject", "s3:GetObject"},
	[S3OP_PUT_OBJECT] = {"PutObject", "s3:PutObject"},
	[S3OP_COPY_OBJECT] = {"CopyObject", "s3:PutObject"},
	[S3OP_DELETE_OBJECT] = {"DeleteObject", "s3:DeleteObject"},
	[S3OP_CREATE_MULTIPART_UPLOAD] = {"CreateMultipartUpload", "s3:PutObject"},
	[S3OP_UPLOAD_PART] = {"UploadPart", "s3:PutObject"},
	[S3OP_UPLOAD_PART_COPY] = {"UploadPartCopy", "s3:PutObject"},
	[S3OP_COMPLETE_MULTIPART_UPLOAD] = {"CompleteMultipartUpload", "s3:PutObject"},
	[S3OP_ABORT_MULTIPART_UPLOAD] = {"AbortMultipartUpload", "s3:AbortMultipartUpload"},
	[S3OP_LIST_PARTS] = {"ListParts", "s3:ListMultipartUploadParts"},
	[S3OP_PUT_BUCKET_VERSIONING] = {"PutBucketVersioning", "s3:PutBucketVersioning"},
	[S3OP_LIST_OBJECT_VERSIONS] = {"ListObjectVersions", "s3:ListBucketVersions"},
	[S3OP_GET_OBJECT_LOCK] = {
		"GetObjectLockConfiguration", "s3:GetBucketObjectLockConfiguration",
	},
	[S3OP_PUT_OBJECT_LOCK] = {
		"PutObjectLockConfiguration", "s3:PutBucketObjectLockConfiguration",
	},
	[S3OP_GET_OBJECT_RETENTION] = {"GetObjectRetention", "s3:GetObjectRetention"},
	[S3OP_PUT_OBJECT_RETENTION] = {"PutObjectRetention", "s3:PutObjectRetention"},
	[S3OP_GET_OBJECT_LEGAL_HOLD] = {"GetObjectLegalHold", "s3:GetObjectLegalHold"},
	[S3OP_PUT_OBJECT_LEGAL_HOLD] = {"PutObjectLegalHold", "s3:PutObjectLegalHold"},
	[S3OP_GET_OBJECT_TAGGING] = {"GetObjectTagging", "s3:GetObjectTagging"},
	[S3OP_PUT_OBJECT_TAGGING] = {"PutObjectTagging", "s3:PutObjectTagging"},
	[S3OP_DELETE_OBJECT_TAGGING] = {"DeleteObjectTagging", "s3:DeleteObjectTagging"},
	[S3OP_UPDATE_OBJECT_ENCRYPTION] = {
		"UpdateObjectEncryption", "s3:UpdateObjectEncryption",
	},
	[S3OP_LIST_MULTIPART_UPLOADS] = {"ListMultipartUploads", "s3:ListBucketMultipartUploads"},
	[S3OP_GET_BUCKET_TAGGING] = {"GetBucketTagging", "s3:GetBucketTagging"},
	[S3OP_PUT_BUCKET_TAGGING] = {"PutBucketTagging", "s3:PutBucketTagging"},
	[S3OP_DELETE_BUCKET_TAGGING] = {"DeleteBucketTagging", "s3:PutBucketTagging"},
	[S3OP_GET_BUCKET_ENCRYPTION] = {"GetBucketEncryption", "s3:GetEncryptionConfiguration"},
	[S3OP_PUT_BUCKET_ENCRYPTION] = {"PutBucketEncryption", "s3:PutEncryptionConfiguration"},
	[S3OP_DELETE_BUCKET_ENCRYPTION] = {
		"DeleteBucketEncryption", "s3:PutEncryptionConfiguration",
	},
	[S3OP_GET_BUCKET_CORS] = {"GetBucketCors", "s3:GetBucketCORS"},
	[S3OP_PUT_BUCKET_CORS] = {"PutBucketCors", "s3:PutBucketCORS"},
	[S3OP_DELETE_BUCKET_CORS] = {"DeleteBucketCors", "s3:PutBucketCORS"},
	[S3OP_GET_BUCKET_OWNERSHIP] = {
		"GetBucketOwnershipControls", "s3:GetBucketOwnershipControls",
	},
	[S3OP_PUT_BUCKET_OWNERSHIP] = {
		"PutBucketOwnershipControls", "s3:PutBucketOwnershipControls",
	},
	[S3OP_DELETE_BUCKET_OWNERSHIP] = {
		"DeleteBucketOwnershipControls", "s3:PutBucketOwnershipControls",
	},
	[S3OP_GET_PUBLIC_ACCESS_BLOCK] = {"GetPublicAccessBlock", "s3:GetBucketPublicAccessBlock"},
	[S3OP_PUT_PUBLIC_ACCESS_BLOCK] = {"PutPublicAccessBlock", "s3:PutBucketPublicAccessBlock"},
	[S3OP_DELETE_PUBLIC_ACCESS_BLOCK] = {
		"DeletePublicAccessBlock", "s3:PutBucketPublicAccessBlock",
	},
	[S3OP_GET_BUCKET_LIFECYCLE] = {
		"GetBucketLifecycleConfiguration", "s3:GetLifecycleConfiguration",
	},
	[S3OP_PUT_BUCKET_LIFECYCLE] = {
		"PutBucketLifecycleConfiguration", "s3:PutLifecycleConfiguration",
	},
	[S3OP_DELETE_BUCKET_LIFECYCLE] = {"DeleteBucketLifecycle", "s3:PutLifecycleConfiguration"},
	[S3OP_GET_BUCKET_ACL] = {"GetBucketAcl", "s3:GetBucketAcl"},
	[S3OP_PUT_BUCKET_ACL] = {"PutBucketAcl", "s3:PutBucketAcl"},
	[S3OP_GET_OBJECT_ACL] = {"GetObjectAcl", "s3:GetObjectAcl"},
	[S3OP_PUT_OBJECT_ACL] = {"PutObjectAcl", "s3:PutObjectAcl"},
	[S3OP_GET_BUCKET_REQUEST_PAYMENT] = {
		"GetBucketRequestPayment", "s3:GetBucketRequestPayment",
	},
	[S3OP_GET_BUCKET_POLICY] = {"GetBucketPolicy", "s3:GetBucketPolicy"},
	[S3OP_PUT_BUCKET_POLICY] = {"PutBucketPolicy", "s3:PutBucketPolicy"},
	[S3OP_DELETE_BUCKET_POLICY] = {"DeleteBucketPolicy", "s3:DeleteBucketPolicy"},
	[S3OP_GET_BUCKET_POLICY_STATUS] = {"GetBucketPolicyStatus", "s3:GetBucketPolicyStatus"},
	[S3OP_GET_BUCKET_WEBSITE] = {"GetBucketWebsite", "s3:GetBucketWebsite"},
	[S3OP_GET_BUCKET_LOGGING] = {"GetBucketLogging", "s3:GetBucketLogging"},
	[S3OP_PUT_BUCKET_LOGGING] = {"PutBucketLogging", "s3:PutBucketLogging"},
	[S3OP_GET_BUCKET_NOTIFICATION] = {
		"GetBucketNotificationConfiguration", "s3:GetBucketNotification",
	},
	[S3OP_GET_BUCKET_REPLICATION] = {"GetBucketReplication", "s3:GetReplicationConfiguration"},
	[S3OP_GET_BUCKET_ACCELERATE] = {
		"GetBucketAccelerateConfiguration", "s3:GetAccelerateConfiguration",
	},
	[S3OP_GET_OBJECT_TORRENT] = {"GetObjectTorrent", "s3:GetObjectTorrent"},
	[S3OP_GET_OBJECT_ATTRIBUTES] = {"GetObjectAttributes", "s3:GetObjectAttributes"},
	[S3OP_PREFLIGHT] = {"Preflight", ""},
	[S3OP_POST_OBJECT] = {"PostObject", "s3:PutObject"},
};

const char *s3op_name(enum s3op op)
{
	return (unsigned)op < S3OP_COUNT ? words[op].name : words[S3OP_NONE].name;
}

const char *s3op_action(enum s3op op)
{
	return (unsigned)op < S3OP_COUNT ? words[op].action : words[S3OP_NONE].action;
}

bool s3op_is_of_object(enum s3op op)
{
	static const enum s3op ops[] = {
		S3OP_GET_OBJECT, S3OP_HEAD_OBJECT, S3OP_GET_OBJECT_ATTRIBUTES,
		S3OP_GET_OBJECT_ACL, S3OP_PUT_OBJECT_ACL,
		S3OP_GET_OBJECT_TAGGING, S3OP_PUT_OBJECT_TAGGING, S3OP_DELETE_OBJECT_TAGGING,
		S3OP_GET_OBJECT_RETENTION, S3OP_PUT_OBJECT_RETENTION,
		S3OP_UPDATE_OBJECT_ENCRYPTION,
		S3OP_GET_OBJECT_LEGAL_HOLD, S3OP_PUT_OBJECT_LEGAL_HOLD,
	};

	for (size_t i = 0; i < COUNT(ops); i++) {
		if (ops[i] == op) {
			return true;
		}
	}
	return false;
}
