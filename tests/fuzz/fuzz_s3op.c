/*
 * Targets, Host headers and copy sources. A plain read or write comes out only for a query without
 * any sub-resource; keys are text of 1 to 1,024 bytes.
 * Input lines: flags, method, Host, path, query, copy source.
 */
#include <assert.h>

#include "common/base/attr.h"
#include "common/codec/uri.h"
#include "common/s3op/s3op.h"

enum { ARENA_BYTES = 1 << 20, QUERY_MAX = 100, KEY_MAX_BYTES = 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool has(const struct field *query, size_t n, const char *name)
{
	return field_get(query, n, name, false) != NULL;
}

static void check_text(struct bytes b)
{
	size_t at;

	assert(bytes_is_utf8(b) && !bytes_find(b, '\0', &at));
}

static void check_target(const struct s3op_target *t, struct bytes method, const struct field *query,
                         size_t n)
{
	assert(t->op < S3OP_COUNT);
	assert(t->key.n <= KEY_MAX_BYTES && (t->key.n == 0 || t->bucket.n > 0));
	check_text(t->key);
	if (t->op == S3OP_PUT_OBJECT || t->op == S3OP_COPY_OBJECT || t->op == S3OP_DELETE_OBJECT) {
		assert(t->key.n > 0);
		assert(bytes_is(method, t->op == S3OP_DELETE_OBJECT ? "DELETE" : "PUT"));
		assert(!has(query, n, "uploadId") && !has(query, n, "partNumber"));
		assert(!has(query, n, "tagging") && !has(query, n, "acl") && !has(query, n, "retention"));
	}
	if (t->op == S3OP_UPLOAD_PART || t->op == S3OP_UPLOAD_PART_COPY) {
		assert(has(query, n, "uploadId") && has(query, n, "partNumber"));
	}
	if (t->op == S3OP_DELETE_BUCKET || t->op == S3OP_CREATE_BUCKET) {
		assert(t->key.n == 0 && !has(query, n, "policy") && !has(query, n, "lifecycle"));
	}
}

static void check_copy_source(struct arena *a, struct bytes value)
{
	struct bytes bucket, key, version;

	if (s3op_copy_source(a, value, &bucket, &key, &version) != OK) {
		return;
	}
	assert(bucket.n > 0 && key.n > 0 && key.n <= KEY_MAX_BYTES);
	check_text(bucket);
	check_text(key);
	check_text(version);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena_freep) struct arena *a = arena_new(ARENA_BYTES);
	struct bytes rest = bytes_of(data, size);
	struct bytes flags = bytes_split(&rest, '\n');
	struct bytes method = bytes_split(&rest, '\n');
	struct bytes host = bytes_split(&rest, '\n');
	struct bytes path = bytes_split(&rest, '\n');
	struct bytes raw = bytes_split(&rest, '\n');
	struct s3op_target t;
	struct field *query;
	size_t n;

	struct bytes bucket = s3op_host_bucket(host, BYTES("s3.example.org example.net"));
	assert(bucket.n < host.n || host.n == 0);
	(void)s3op_bucket_name_ok(bucket);
	check_copy_source(a, rest);
	if (uri_query(a, raw, QUERY_MAX, &query, &n) != OK) {
		return 0;
	}
	bool copy = bytes_is(flags, "copy");
	if (s3op_resolve(a, method, bucket, path, query, n, copy, &t) == OK) {
		check_target(&t, method, query, n);
	}
	return 0;
}
