/*
 * What a user signed, read by the KMS out of bytes that a gateway sent: a key is allowed only for the very
 * object and operation that were read, whatever the bytes.
 */
#include "common/base/attr.h"
#include "server/kms/evidence.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
	if (!holds) {
		__builtin_trap();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a AUTO(arena_freep) = arena_new(4 << 20);
	struct evidence e;
	struct kmsproto_key_call call = {.op = KMSPROTO_OPEN, .bucket = BYTES("b"),
	                                 .key = BYTES("secret")};

	if (a == NULL || evidence_read(a, bytes_of(data, size), BYTES("s3.test"), &e) != OK) {
		return 0;
	}
	bool named = bytes_is(e.target.bucket, "b") && bytes_is(e.target.key, "secret");
	demand(evidence_allows(&e, &call) != NULL || named);
	call.source = true;
	named = bytes_is(e.source_bucket, "b") && bytes_is(e.source_key, "secret");
	demand(evidence_allows(&e, &call) != NULL || (named && e.has_source));
	call.bucket = e.target.bucket;
	call.key = e.target.key;
	call.source = false;
	call.op = KMSPROTO_ISSUE;
	demand(evidence_allows(&e, &call) != NULL || e.target.op == S3OP_PUT_OBJECT ||
	       e.target.op == S3OP_COPY_OBJECT || e.target.op == S3OP_CREATE_MULTIPART_UPLOAD);
	return 0;
}
