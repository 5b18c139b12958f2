/*
 * A browser's form (POST on a bucket, multipart/form-data) as evidence. Signed is the policy document and nothing else, so the
 * fields are the evidence, and everything else is derived from them, by gateway and KMS alike: who signed, and the PUT of one
 * object that the form stands for. Whether the policy allows that PUT is postpolicy.h.
 * Source: S3 API reference "Browser-based uploads using POST (Signature Version 4)", "POST Object"; S3 user guide of 2012 for
 * the form of Signature Version 2. Pure.
 */
#ifndef REMPART_SIGV4_POST_H
#define REMPART_SIGV4_POST_H
#include "common/sigv4/sigv4.h"

enum {
	POST_FIELDS_MAX = 100,       /* fields before the file */
	POST_TEXT_MAX = 32768,       /* bytes of the fields as one text; S3 allows 20 KiB before the file */
	POST_SIGNATURE_MAX = 64,     /* bytes of either signature */
};

/* Each is one S3 error. */
enum post_fault {
	POST_FAULT_NONE,
	POST_FAULT_NO_KEY,      /* no key, or an empty one */
	POST_FAULT_SIGNATURE,   /* a field of the signature is missing or malformed */
	POST_FAULT_BOTH,        /* both signatures at once */
	POST_FAULT_TAGGING,     /* not the XML of a tag set */
	POST_FAULT_VALUE,       /* a value that no header can carry, a name twice, too many fields */
	POST_FAULT_UNBUILT,     /* a field that asks for what no form can have here */
};

enum post_signature { POST_UNSIGNED, POST_SIGNED_V2, POST_SIGNED_V4 };

struct post {
	struct bytes bucket;         /* of the URL; a field of that name is only compared (postpolicy.h) */
	const struct field *fields;  /* lower-case names, each once; values as sent */
	size_t n_fields;
	enum post_signature signature;
	struct bytes policy;         /* base64: the signed text; empty when unsigned */
	/* access key, scope, dates, signature; canonical is that of the PUT. Meaningless when unsigned. */
	struct sigv4_evidence evidence;
	/* The PUT: path is encoded, headers have lower-case names in ascending order and trimmed values. */
	struct bytes path;
	const struct field *headers;
	size_t n_headers;
};

/* post_field: the value of a field, p NULL when it is absent; `name` in lower case. */
struct bytes post_field(const struct post *p, const char *name);

/* post_write: the fields as the text that post_read reads: lv16 bucket, u16 count, count times lv16 name, lv16 value.
 * Full when post_read would refuse the size. */
void post_write(struct writer *w, struct bytes bucket, const struct field *fields, size_t n);
/*
 * post_read: views borrow from `text`; what is derived lives in the arena. Of the bucket's name only '/' is refused.
 *   errors  INPUT (ret_fault; NONE: the text is malformed), LIMIT
 */
enum err post_read(struct arena *a, struct bytes text, struct post *ret, enum post_fault *ret_fault);

/* post_verify_v4: HMAC-SHA-256 of the policy under the signing key. The policy says when it ends (postpolicy.h); besides, the signing
 * key is good for seven days, and may be 15 minutes ahead.
 *   errors  AUTH, TIMEOUT (*ret_expired: too old, else too far ahead) */
enum err post_verify_v4(const struct post *p, const struct secret *signing_key, uint64_t now_ms,
                        bool *ret_expired);
/* post_verify_v2: HMAC-SHA-1 of the policy under the S3 secret. errors: AUTH, NOMEM */
enum err post_verify_v2(const struct post *p, const struct secret *secret_key);

#endif
