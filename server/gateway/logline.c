#include "server/gateway/logline.h"

#include "common/base/attr.h"
#include "common/codec/date.h"
#include "common/codec/uri.h"

/* Parameters of a presigned URL that are nobody's but the signer's; the values of both versions of signatures. The keys are refused, and
 * were sent all the same. */
static const char *const secret_parameters[] = {
	"X-Amz-Signature", "X-Amz-Credential", "X-Amz-Security-Token", "Signature", "AWSAccessKeyId",
	"x-amz-server-side-encryption-customer-key",
	"x-amz-copy-source-server-side-encryption-customer-key",
};

static bool is_secret(struct arena *a, struct bytes raw)
{
	struct bytes name;

	/* Who cannot be read is not trusted. */
	if (uri_decode(a, raw, &name) != OK) {
		return true;
	}
	for (size_t i = 0; i < COUNT(secret_parameters); i++) {
		if (bytes_is_nocase(name, secret_parameters[i])) {
			return true;
		}
	}
	return false;
}

/* Nothing that ends a field or a line, and nothing that is not ASCII. */
static void write_escaped(struct writer *w, struct bytes text, const char *reserved)
{
	static const uint8_t digits[] = "0123456789ABCDEF";
	size_t at;

	for (size_t i = 0; i < text.n; i++) {
		uint8_t c = text.p[i];
		if (c >= ' ' && c < 0x7f && !bytes_find(bytes_text(reserved), c, &at)) {
			write_u8(w, c);
			continue;
		}
		write_u8(w, '%');
		write_u8(w, digits[c >> 4]);
		write_u8(w, digits[c & 15]);
	}
}

static void write_word(struct writer *w, struct bytes text)
{
	if (text.n == 0) {
		write_u8(w, '-');
	} else {
		write_escaped(w, text, " \"\\");
	}
	write_u8(w, ' ');
}

static void write_constant(struct writer *w, const char *text)
{
	write_word(w, bytes_text(text));
}

static void write_quotation(struct writer *w, struct bytes text)
{
	write_u8(w, '"');
	if (text.n == 0) {
		write_u8(w, '-');
	} else {
		write_escaped(w, text, "\"\\");
	}
	write_text(w, "\" ");
}

static void write_number(struct writer *w, bool there, uint64_t n)
{
	if (there) {
		write_decimal(w, n);
	} else {
		write_u8(w, '-');
	}
	write_u8(w, ' ');
}

static void write_query(struct writer *w, struct arena *a, struct bytes query)
{
	while (query.p != NULL) {
		struct bytes parameter = bytes_split(&query, '&');
		struct bytes value = parameter;
		struct bytes name = bytes_split(&value, '=');
		bool hidden = value.p != NULL && is_secret(a, name);
		write_escaped(w, hidden ? name : parameter, " \"\\");
		if (hidden) {
			write_text(w, "=XXXXX");
		}
		if (query.p != NULL) {
			write_u8(w, '&');
		}
	}
}

static void write_request(struct writer *w, struct arena *a, const struct logline *l)
{
	write_u8(w, '"');
	write_escaped(w, l->method, " \"\\");
	write_u8(w, ' ');
	write_escaped(w, l->path, " \"\\");
	if (l->query.n > 0) {
		write_u8(w, '?');
		write_query(w, a, l->query);
	}
	write_text(w, " HTTP/1.1\" ");
}

static void write_who_and_what(struct writer *w, const struct logline *l)
{
	write_word(w, l->owner);
	write_word(w, l->bucket);
	write_u8(w, '[');
	date_write_log(w, l->time_ms);
	write_text(w, "] ");
	write_word(w, l->source);
	write_word(w, l->requester);
	write_word(w, l->request_id);
	write_text(w, l->batch ? "BATCH." : "REST.");
	write_text(w, l->verb);
	write_u8(w, '.');
	write_constant(w, l->resource);
	if (l->key.n > 0) {
		uri_encode(w, l->key, true);
		write_u8(w, ' ');
	} else {
		write_constant(w, "");
	}
}

void logline_write(struct writer *w, struct arena *a, const struct logline *l)
{
	write_who_and_what(w, l);
	if (l->batch) {
		write_constant(w, "");
	} else {
		write_request(w, a, l);
	}
	write_number(w, l->status != 0, l->status);
	write_constant(w, l->error);
	write_number(w, l->sent > 0, l->sent);
	write_number(w, l->has_size, l->size);
	write_number(w, l->has_total, l->total_ms);
	write_number(w, l->has_turn, l->turn_ms);
	write_quotation(w, l->referer);
	write_quotation(w, l->agent);
	write_word(w, l->version);
	write_word(w, l->request_id); /* host id: x-amz-id-2 is the same here */
	write_constant(w, l->signature);
	write_constant(w, l->cipher);
	write_constant(w, l->authentication);
	write_word(w, l->host);
	write_constant(w, l->tls);
	write_constant(w, ""); /* there are no access points */
	write_text(w, l->acl_required ? "Yes\n" : "-\n");
}

const char *logline_resource(enum s3op op)
{
	static const char *const words[S3OP_COUNT] = {
		[S3OP_CREATE_BUCKET] = "BUCKET",
		[S3OP_HEAD_BUCKET] = "BUCKET",
		[S3OP_DELETE_BUCKET] = "BUCKET",
		[S3OP_LIST_OBJECTS] = "BUCKET",
		[S3OP_LIST_OBJECTS_V2] = "BUCKET",
		[S3OP_LIST_OBJECT_VERSIONS] = "BUCKETVERSIONS",
		[S3OP_GET_BUCKET_LOCATION] = "LOCATION",
		[S3OP_GET_BUCKET_VERSIONING] = "VERSIONING",
		[S3OP_PUT_BUCKET_VERSIONING] = "VERSIONING",
		[S3OP_DELETE_OBJECTS] = "MULTI_OBJECT_DELETE",
		[S3OP_CREATE_MULTIPART_UPLOAD] = "UPLOADS",
		[S3OP_LIST_MULTIPART_UPLOADS] = "UPLOADS",
		[S3OP_UPLOAD_PART] = "PART",
		[S3OP_UPLOAD_PART_COPY] = "PART",
		[S3OP_COMPLETE_MULTIPART_UPLOAD] = "UPLOAD",
		[S3OP_ABORT_MULTIPART_UPLOAD] = "UPLOAD",
		[S3OP_LIST_PARTS] = "UPLOAD",
		[S3OP_GET_BUCKET_TAGGING] = "TAGGING",
		[S3OP_PUT_BUCKET_TAGGING] = "TAGGING",
		[S3OP_DELETE_BUCKET_TAGGING] = "TAGGING",
		[S3OP_GET_BUCKET_ENCRYPTION] = "ENCRYPTION",
		[S3OP_PUT_BUCKET_ENCRYPTION] = "ENCRYPTION",
		[S3OP_DELETE_BUCKET_ENCRYPTION] = "ENCRYPTION",
		[S3OP_GET_BUCKET_CORS] = "CORS",
		[S3OP_PUT_BUCKET_CORS] = "CORS",
		[S3OP_DELETE_BUCKET_CORS] = "CORS",
		[S3OP_GET_BUCKET_OWNERSHIP] = "OWNERSHIP_CONTROLS",
		[S3OP_PUT_BUCKET_OWNERSHIP] = "OWNERSHIP_CONTROLS",
		[S3OP_DELETE_BUCKET_OWNERSHIP] = "OWNERSHIP_CONTROLS",
		[S3OP_GET_PUBLIC_ACCESS_BLOCK] = "PUBLIC_ACCESS_BLOCK",
		[S3OP_PUT_PUBLIC_ACCESS_BLOCK] = "PUBLIC_ACCESS_BLOCK",
		[S3OP_DELETE_PUBLIC_ACCESS_BLOCK] = "PUBLIC_ACCESS_BLOCK",
		[S3OP_GET_BUCKET_LIFECYCLE] = "LIFECYCLE",
		[S3OP_PUT_BUCKET_LIFECYCLE] = "LIFECYCLE",
		[S3OP_DELETE_BUCKET_LIFECYCLE] = "LIFECYCLE",
		[S3OP_GET_BUCKET_ACL] = "ACL",
		[S3OP_PUT_BUCKET_ACL] = "ACL",
		[S3OP_GET_OBJECT_ACL] = "OBJECT_ACL",
		[S3OP_PUT_OBJECT_ACL] = "OBJECT_ACL",
		[S3OP_GET_BUCKET_REQUEST_PAYMENT] = "REQUEST_PAYMENT",
		[S3OP_GET_BUCKET_POLICY] = "BUCKETPOLICY",
		[S3OP_PUT_BUCKET_POLICY] = "BUCKETPOLICY",
		[S3OP_DELETE_BUCKET_POLICY] = "BUCKETPOLICY",
		[S3OP_GET_BUCKET_POLICY_STATUS] = "POLICY_STATUS",
		[S3OP_GET_BUCKET_WEBSITE] = "WEBSITE",
		[S3OP_GET_BUCKET_LOGGING] = "LOGGING_STATUS",
		[S3OP_PUT_BUCKET_LOGGING] = "LOGGING_STATUS",
		[S3OP_GET_BUCKET_NOTIFICATION] = "NOTIFICATION",
		[S3OP_GET_BUCKET_REPLICATION] = "REPLICATION",
		[S3OP_GET_BUCKET_ACCELERATE] = "ACCELERATE",
		[S3OP_GET_OBJECT_ATTRIBUTES] = "OBJECT_ATTRIBUTES",
		[S3OP_GET_OBJECT_TORRENT] = "OBJECT_TORRENT",
		[S3OP_PREFLIGHT] = "PREFLIGHT",
		[S3OP_GET_OBJECT_LOCK] = "OBJECT_LOCK_CONFIGURATION",
		[S3OP_PUT_OBJECT_LOCK] = "OBJECT_LOCK_CONFIGURATION",
		[S3OP_GET_OBJECT_RETENTION] = "OBJECT_LOCK_RETENTION",
		[S3OP_PUT_OBJECT_RETENTION] = "OBJECT_LOCK_RETENTION",
		[S3OP_GET_OBJECT_LEGAL_HOLD] = "OBJECT_LOCK_LEGALHOLD",
		[S3OP_PUT_OBJECT_LEGAL_HOLD] = "OBJECT_LOCK_LEGALHOLD",
		[S3OP_GET_OBJECT_TAGGING] = "OBJECT_TAGGING",
		[S3OP_PUT_OBJECT_TAGGING] = "OBJECT_TAGGING",
		[S3OP_DELETE_OBJECT_TAGGING] = "OBJECT_TAGGING",
		[S3OP_UPDATE_OBJECT_ENCRYPTION] = "OBJECT_ENCRYPTION",
	};

	return (unsigned)op < S3OP_COUNT && words[op] != NULL ? words[op] : "OBJECT";
}
