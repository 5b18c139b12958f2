/*
 * The policy document of a form: until when, and which fields with which values. One reading for both daemons: the gateway takes the
 * range of sizes from it, the KMS decides. Source: S3 API reference "Creating a POST policy". Pure.
 */
#ifndef REMPART_SIGV4_POSTPOLICY_H
#define REMPART_SIGV4_POSTPOLICY_H
#include "common/sigv4/post.h"

struct postpolicy {
	uint64_t expires_ms;
	uint64_t size_min, size_max; /* of the file: content-length-range; UINT64_MAX without */
	const char *why;             /* what does not hold, for a log; NULL: all of it holds */
};
/*
 * postpolicy_read: the document of a signed form, and whether its conditions hold for the form's fields.
 *   - Names of fields and operators in any case, values exactly. A field that is absent has the value "".
 *   - Every field needs a condition, and the bucket too; but for policy, signatures and access key, x-ignore-* and
 *     x-amz-checksum-* (which narrows what the form may upload, and no client knows it when the policy is signed).
 *   - starts-with on Content-Type holds for each value of a list.
 * errors: INPUT (not such a document), LIMIT, NOMEM
 */
enum err postpolicy_read(struct arena *a, const struct post *p, struct postpolicy *ret);

#endif
