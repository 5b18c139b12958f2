/*
 * The protocol between gateway and KMS (KMS-PROTOCOL.md): batches of calls over HTTP/1.1 on mTLS 1.3,
 *   POST /rempart/v1/batch   Content-Type: application/vnd.rempart.batch
 * Encoders and decoders of both sides stand together. Everything is length-prefixed, big-endian, bounded; decoding is strict.
 *
 * Keys on the wire are sealed under the enrolment secret that this gateway and the KMS share, besides TLS, so a recorded
 * session does not fall with the key exchange:
 *   seal key = HKDF-SHA-384(enrolment secret, salt = gateway nonce 32 || kms nonce 32, info = "rempart kms seal v1")
 *   item i of the batch: AES-256-GCM, iv = zero 32 bits || u64 i, aad = "rempart kms item v1" || u32 call || u8 key
 *
 * batch   = "RPKQ", version u16 = 1, gateway nonce 32, count u16, calls
 * call    = kind u8, u32 length, body
 * answer  = "RPKA", version u16 = 1, kms nonce 32, count u16, replies in the order of the calls
 * reply   = kind u8, verdict u8, u32 length, body
 */
#ifndef REMPART_KMSPROTO_H
#define REMPART_KMSPROTO_H
#include "common/base/arena.h"
#include "common/base/secret.h"
#include "common/s3op/s3op.h"
#include "common/sigv4/sigv4.h"

enum {
	KMSPROTO_CALLS_MAX = 256,       /* in one batch */
	KMSPROTO_BATCH_MAX = 16 << 20,  /* bytes */
	KMSPROTO_CANONICAL_MAX = 32768, /* bytes of a canonical request */
	KMSPROTO_KEYS_MAX = 2,          /* key operations in one call */
	KMSPROTO_CHUNKS_MAX = 4096,     /* chunk signatures in one call */
	KMSPROTO_NONCE_BYTES = 32,
	KMSPROTO_ENROLMENT_BYTES = 32,
	KMSPROTO_WRAPPED_MAX = 160,
	KMSPROTO_OBJECT_ID_BYTES = 16,
	KMSPROTO_KEY_BYTES = 32,        /* a DEK or an index key */
	KMSPROTO_SEALED_BYTES = KMSPROTO_KEY_BYTES + 16,
	KMSPROTO_TEXT_MAX = 256,        /* bytes of any text without a limit of its own */
	KMSPROTO_SIGNED_HEADERS_MAX = 4096, /* bytes of the list of signed header names */
	KMSPROTO_OBJECT_KEY_MAX = 1024, /* bytes of an object's key */
	KMSPROTO_DOCUMENTS_MAX = 3,     /* of one resource: one of each kind */
	KMSPROTO_DOCUMENT_MAX = 32768,  /* bytes of a bucket policy or an ACL */
	KMSPROTO_STAMP_BYTES = 32,
	KMSPROTO_TAGS_MAX = 50,         /* of one object */
	KMSPROTO_BODY_MAX = 65536,      /* bytes of a body that is a document */
	KMSPROTO_REFERER_MAX = 1024,
};
/* log_index of a reply that has no entry. */
#define KMSPROTO_NO_LOG_INDEX UINT64_MAX

enum kmsproto_kind {
	KMSPROTO_INDEX_KEY = 1, /* release the index key to an enrolled gateway */
	KMSPROTO_ACCESS = 2,    /* one request: authenticate, authorise, issue or open keys, log */
	KMSPROTO_CHUNKS = 3,    /* chunk signatures of a body whose access was granted */
	KMSPROTO_DELIVER = 4,   /* a log object, which the owner of a bucket asked for: issue its key */
};

enum kmsproto_verdict {
	KMSPROTO_OK,
	KMSPROTO_SEALED,          /* or not initialised: 503 */
	KMSPROTO_UNAVAILABLE,     /* the log cannot be written, overload: 503 */
	KMSPROTO_BAD_CALL,        /* the gateway's call is malformed or contradicts the evidence: 500, and an alarm */
	KMSPROTO_NO_ACCESS_KEY,   /* InvalidAccessKeyId */
	KMSPROTO_BAD_SIGNATURE,   /* SignatureDoesNotMatch */
	KMSPROTO_SKEWED,          /* RequestTimeTooSkewed */
	KMSPROTO_EXPIRED,         /* presigned and too late: AccessDenied "Request has expired" */
	KMSPROTO_DENIED,          /* AccessDenied */
	KMSPROTO_NO_SUCH_KEY,     /* KMS.NotFoundException */
	KMSPROTO_KEY_DISABLED,    /* KMS.DisabledException / KMS.KMSInvalidStateException */
	KMSPROTO_WRONG_KEY,       /* the wrapped key does not open with this context: the object cannot be read */
	KMSPROTO_BAD_DOCUMENT,    /* the policy or ACL that the request carries is not one: MalformedPolicy, MalformedACLError */
	KMSPROTO_NO_SUCH_GRANTEE, /* an ACL or policy names somebody who is not known here */
	KMSPROTO_NO_SUCH_EMAIL,   /* an ACL names an address that is nobody's here */
	KMSPROTO_NOT_SIGNED,      /* the document is not part of what the user signed */
	KMSPROTO_STALE,           /* the gateway's document is newer than the KMS's record, or the record's text is lost: nobody can say what holds */
	KMSPROTO_VERDICTS,
};
const char *kmsproto_verdict_name(enum kmsproto_verdict v); /* "bad-signature": also the `result` of log entries */

/* A key operation. The context (bucket, key, object id) is the AAD of the wrap; the KMS checks bucket and key against the signed request. */
enum kmsproto_key_op {
	KMSPROTO_ISSUE = 1,
	KMSPROTO_OPEN = 2,
	KMSPROTO_REWRAP = 3, /* the same DEK under another KEK: it does not leave the KMS */
};
struct kmsproto_key_call {
	enum kmsproto_key_op op;
	bool source;             /* the object is the copy source of the request, not its target */
	struct bytes bucket, key;
	uint8_t object_id[KMSPROTO_OBJECT_ID_BYTES];
	struct bytes wrapped;    /* OPEN, REWRAP */
	struct bytes kek;        /* ISSUE, REWRAP: key id, ARN or alias; empty: the tenant's default */
};
/*
 * What stands between a caller and the bucket or object that he names, as the gateway's index has it. A document counts only when the KMS has
 * seen its owner sign it: a bucket's policy and ACL are those of the KMS's own records, an object's ACL is one by its stamp.
 */
enum kmsproto_document_kind {
	KMSPROTO_BUCKET_POLICY = 1, /* the text as it was put */
	KMSPROTO_BUCKET_ACL = 2,    /* policy/acl.h: the canonical form, made by the KMS */
	KMSPROTO_OBJECT_ACL = 3,
	KMSPROTO_BUCKET_LOGGING = 4, /* policy/logging.h; the text as it was put. In DELIVER and struct kmsproto_newer, never in a resource */
};
struct kmsproto_document {
	enum kmsproto_document_kind kind;
	struct bytes text;
	uint8_t stamp[KMSPROTO_STAMP_BYTES]; /* OBJECT_ACL; else zero */
	uint64_t order;          /* of a bucket's: log_index of the reply to the call that put it on record; else 0 */
};
enum { /* flags of a resource */
	KMSPROTO_OWNER_ENFORCED = 1,     /* ownership: ACLs are off */
	KMSPROTO_OWNER_PREFERRED = 2,    /* ownership: bucket-owner-full-control gives the object away */
	KMSPROTO_IGNORE_PUBLIC_ACLS = 4, /* public access block */
	KMSPROTO_RESTRICT_PUBLIC = 8,    /* public access block: RestrictPublicBuckets */
	KMSPROTO_MISSING = 16,           /* there is no such object; to be told so takes the right to list */
	KMSPROTO_LOGGED = 32,            /* the bucket has a logging configuration */
	KMSPROTO_FLAGS_ALL = 63,
};
struct kmsproto_resource {
	struct bytes tenant;     /* 12 digits: the bucket's owner; empty: there is no such bucket */
	uint64_t bucket_number;  /* tells buckets apart that had this name one after the other */
	uint8_t flags;
	uint8_t object_id[KMSPROTO_OBJECT_ID_BYTES]; /* of the version that is there; zero: none */
	struct kmsproto_document documents[KMSPROTO_DOCUMENTS_MAX];
	size_t n_documents;
	const struct field *tags; /* of that version */
	size_t n_tags;
};
struct kmsproto_access {
	uint8_t request_id[16];
	struct bytes source;     /* client address */
	struct bytes agent;      /* user agent, cut to 256 */
	struct bytes referer;    /* cut to 1,024 */
	bool secure;             /* came over TLS */
	struct kmsproto_resource target, copy_source;
	struct bytes item;       /* one key of a DeleteObjects; empty: the request as a whole */
	bool item_version;       /* with a version id */
	bool has_document;       /* body is the request's: a policy or an ACL that is to be taken on record */
	struct bytes body;
	struct sigv4_evidence evidence; /* kind, access_key, amz_date, date, region, service, signed_headers, signature, expires_s, canonical travel; payload, content_hash do not: the KMS reads them from canonical. SIGV4_FORM: kind and form alone */
	struct kmsproto_key_call keys[KMSPROTO_KEYS_MAX];
	size_t n_keys;
};
struct kmsproto_chunks {
	uint8_t request_id[16];
	struct bytes access_key, amz_date, date, region, service;
	char previous[SIGV4_SIGNATURE_HEX];
	const struct sigv4_chunk *chunks;
	size_t n_chunks;
};
/* Nobody signs the delivery of a log: what speaks for it is the owner's signed PutBucketLogging, whose digest is on record. */
struct kmsproto_deliver {
	uint8_t request_id[16];
	struct bytes tenant;        /* 12 digits: who owns both buckets */
	struct bytes bucket;        /* whose log it is */
	uint64_t bucket_number;
	struct bytes document;      /* its BUCKET_LOGGING */
	struct kmsproto_resource target; /* the bucket that the log goes to */
	struct kmsproto_key_call key;    /* ISSUE, of the log object */
};
struct kmsproto_call {
	enum kmsproto_kind kind;
	struct kmsproto_access access;
	struct kmsproto_chunks chunks;
	struct kmsproto_deliver deliver;
};

/* Replies */
struct kmsproto_principal {
	struct bytes tenant;        /* 12 digits */
	struct bytes tenant_name;
	struct bytes canonical_id;  /* 64 hex: S3's owner id, of the tenant */
	struct bytes display_name;  /* of the tenant */
	struct bytes user;          /* name */
	struct bytes arn;           /* arn:aws:iam::<tenant>:user/<name> */
};
struct kmsproto_key_reply {
	struct bytes wrapped;       /* ISSUE, REWRAP: to be stored; OPEN: empty */
	bool rewrapped;             /* no DEK comes along */
	struct bytes arn;           /* of the KEK */
	struct secret *dek;         /* encode: borrowed. decode: owned by the caller; NULL when the verdict is not OK, or rewrapped */
};
/* A bucket's document that is on record and that the gateway's index does not have: to be taken into it. */
enum kmsproto_place {
	KMSPROTO_NOWHERE,     /* there is none */
	KMSPROTO_TARGET,      /* of the resource */
	KMSPROTO_COPY_SOURCE,
	KMSPROTO_SENDER,      /* DELIVER: of the bucket whose log it is */
};
struct kmsproto_newer {
	enum kmsproto_place place;
	enum kmsproto_document_kind kind; /* not OBJECT_ACL */
	uint64_t order;             /* as in kmsproto_document */
	struct bytes text;          /* empty: taken off */
};
struct kmsproto_reply {
	enum kmsproto_kind kind;
	enum kmsproto_verdict verdict;
	uint64_t log_index;         /* of the entry; all ones: none */
	struct kmsproto_principal principal;   /* ACCESS: also with DENIED, when known; DELIVER: empty */
	struct kmsproto_key_reply keys[KMSPROTO_KEYS_MAX];
	size_t n_keys;
	struct bytes document;      /* ACCESS: the ACL, in its canonical form, of what the request makes or changes; empty: none but the
	                             * bucket owner's */
	uint8_t stamp[KMSPROTO_STAMP_BYTES]; /* of an object's */
	bool by_acl;                /* ACCESS: an ACL was what allowed it; for the bucket's access log */
	struct kmsproto_newer newer; /* ACCESS, DELIVER */
	struct secret *index_key;   /* INDEX_KEY; ownership as dek */
};

/* Gateway side */
/* kmsproto_batch_begin .. call .. end: write a batch. errors of end: LIMIT */
void kmsproto_batch_begin(struct writer *w, const uint8_t nonce[KMSPROTO_NONCE_BYTES], uint16_t count);
void kmsproto_call_write(struct writer *w, const struct kmsproto_call *call);
/* kmsproto_answer: read a whole answer; replies[0..count) in the arena, secrets owned by the caller (kmsproto_replies_free).
 * errors: INPUT (malformed, another count), CORRUPT (a sealed key does not open: wrong enrolment secret), NOMEM */
enum err kmsproto_answer_read(struct arena *a, struct bytes answer, const struct secret *enrolment,
                              const uint8_t gateway_nonce[KMSPROTO_NONCE_BYTES], size_t count,
                              struct kmsproto_reply *ret);
void kmsproto_replies_free(struct kmsproto_reply *replies, size_t n); /* frees and NULLs the secrets */

/* KMS side */
struct kmsproto_batch { uint8_t nonce[KMSPROTO_NONCE_BYTES]; size_t n; struct kmsproto_call *calls; };
/* kmsproto_batch_read: views borrow from the body. A call that is malformed inside a well-framed batch is INPUT for the whole batch. errors: INPUT, LIMIT */
enum err kmsproto_batch_read(struct arena *a, struct bytes body, struct kmsproto_batch *ret);
/* kmsproto_answer_write: errors NOMEM, LIMIT */
enum err kmsproto_answer_write(struct writer *w, const struct secret *enrolment,
                               const uint8_t gateway_nonce[KMSPROTO_NONCE_BYTES],
                               const uint8_t kms_nonce[KMSPROTO_NONCE_BYTES],
                               const struct kmsproto_reply *replies, size_t n);

/* kmsproto_context: the canonical encryption context of an object, the AAD of its wrapped DEK (OBJECT-FORMAT.md):
 * u16 count, then sorted (u16 length, key, u16 length, value): rempart:bucket, rempart:key, rempart:object-id (hex), and
 * rempart:writer, the tenant's number, of what was not written by the bucket's owner (else empty). */
void kmsproto_context(struct writer *w, struct bytes bucket, struct bytes key,
                      const uint8_t object_id[KMSPROTO_OBJECT_ID_BYTES], struct bytes writer);
#endif
