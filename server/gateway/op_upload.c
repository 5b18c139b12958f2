/* Multipart uploads: create, parts, abort, list. One DEK for each upload, a fresh seed for each part attempt. */
#include <string.h>

#include "common/codec/hex.h"
#include "common/codec/xml.h"
#include "server/gateway/customer.h"
#include "server/gateway/lifecycle.h"
#include "server/gateway/ops.h"
#include "server/gateway/resource.h"

enum s3error upload_find(struct request *r)
{
	uint8_t id[INDEX_UPLOAD_ID_BYTES];
	if (hex_read(request_param(r, "uploadId"), id, sizeof(id)) != OK) {
		r->outcome = S3E_NO_SUCH_UPLOAD;
		return S3E_NONE;
	}
	enum err e = index_upload_get(r->g->index, r->a, r->target.bucket, r->target.key, id,
	                              &r->upload);
	if (e == ERR_NOTFOUND) {
		r->outcome = S3E_NO_SUCH_UPLOAD;
		return S3E_NONE;
	}
	return s3error_of(e);
}

enum s3error upload_part_number(struct request *r)
{
	uint32_t number = 0;
	TRY_S3(request_param_u32(r, "partNumber", 0, &number));
	if (number < 1 || number > INDEX_PARTS_MAX) {
		return S3E_INVALID_ARGUMENT;
	}
	r->part_number = number;
	return S3E_NONE;
}

static enum s3error take_checksum_algorithm(struct request *r)
{
	struct bytes wanted = request_header(r, "x-amz-checksum-algorithm");
	struct bytes type = request_header(r, "x-amz-checksum-type");
	enum checksum_kind kind = checksum_by_name(wanted);
	if (wanted.n == 0) {
		return type.n > 0 ? S3E_INVALID_REQUEST : S3E_NONE;
	}
	if (kind == CHECKSUM_NONE || kind == CHECKSUM_MD5) {
		return S3E_CHECKSUM_ALGORITHM;
	}
	r->object.checksum_kind = (uint8_t)kind;
	/* S3: CRC64NVME is always of the full object, SHA always composite, the others as asked. */
	bool sha = kind == CHECKSUM_SHA1 || kind == CHECKSUM_SHA256;
	bool full = bytes_is(type, "FULL_OBJECT");
	bool composite = bytes_is(type, "COMPOSITE");
	if (type.n > 0 && !full && !composite) {
		return S3E_INVALID_REQUEST;
	}
	r->object.checksum_composite = !full && kind != CHECKSUM_CRC64NVME;
	return full && sha ? S3E_INVALID_REQUEST
	       : composite && kind == CHECKSUM_CRC64NVME ? S3E_INVALID_REQUEST : S3E_NONE;
}

enum s3error op_create_upload_prepare(struct request *r)
{
	r->outcome = object_new(r);
	if (r->outcome == S3E_NONE) {
		r->outcome = take_checksum_algorithm(r);
	}
	if (r->outcome == S3E_NONE) {
		request_key_issue(r, r->target.bucket, r->target.key, r->object.id);
	}
	return S3E_NONE;
}

static void xml_hex(struct writer *w, const char *element, const uint8_t *id, size_t n)
{
	xml_open(w, element);
	hex_write(w, bytes_of(id, n));
	xml_close(w, element);
}

enum s3error op_create_upload_begin(struct request *r)
{
	struct index_upload upload = {
		.object = r->object,
		.created_ms = object_now_ms(),
		.initiator_id = r->grant.principal.canonical_id,
		.initiator_name = r->grant.principal.display_name,
	};
	upload.object.wrapped = r->grant.keys[0].wrapped;
	upload.object.key_arn = r->grant.keys[0].arn;
	upload.object.multipart = true;
	upload.object.bucket_number = r->bucket.number;
	TRY_S3(resource_take_acl(r, &upload.object));
	memcpy(upload.upload_id, r->object.id, sizeof(upload.upload_id)); /* see op_complete.c */
	TRY_S3(s3error_of_bucket(index_upload_create(r->g->index, &upload)));
	struct writer w = writer_growing(GATEWAY_ANSWER_MAX);
	xml_begin(&w);
	xml_open(&w, "InitiateMultipartUploadResult "
	             "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"");
	xml_element(&w, "Bucket", r->target.bucket);
	xml_element(&w, "Key", r->target.key);
	xml_hex(&w, "UploadId", upload.upload_id, sizeof(upload.upload_id));
	xml_close(&w, "InitiateMultipartUploadResult");
	answer_xml(r, 200, &w);
	object_sse_headers(r, &upload.object);
	lifecycle_upload_headers(r, upload.object.key, upload.created_ms);
	if (upload.object.checksum_kind != CHECKSUM_NONE) {
		answer_header(r, "x-amz-checksum-algorithm",
		              bytes_text(checksum_name(
				      (enum checksum_kind)upload.object.checksum_kind)));
		answer_header(r, "x-amz-checksum-type",
		              upload.object.checksum_composite ? BYTES("COMPOSITE")
		                                               : BYTES("FULL_OBJECT"));
	}
	return S3E_NONE;
}

enum s3error op_upload_part_prepare(struct request *r)
{
	TRY_S3(upload_find(r));
	if (r->outcome == S3E_NONE) {
		r->outcome = upload_part_number(r);
	}
	if (r->outcome == S3E_NONE) {
		r->outcome = customer_match_upload(r);
	}
	if (r->outcome == S3E_NONE) {
		request_key_open(r, false, &r->upload.object);
	}
	return S3E_NONE;
}

static enum err store(void *context, struct bytes b)
{
	struct request *r = context;
	vault_write_deadline(r->writer, request_deadline(r));
	return vault_write(r->writer, b);
}

enum s3error op_upload_part_begin(struct request *r)
{
	const struct body_sink sink = {.data = store, .context = r};
	const struct index_object *upload = &r->upload.object;
	struct bytes value;
	TRY_S3(body_new(r, GATEWAY_OBJECT_MAX, upload->sse == INDEX_SSE_AES256,
	                object_part_checksum(upload), sink, &r->body));
	if (upload->checksum_kind != CHECKSUM_NONE &&
	    body_checksum(r->body, &value) != upload->checksum_kind) {
		return S3E_CHECKSUM_OF_UPLOAD; /* Complete could not use the part */
	}
	return s3error_of(vault_write_begin(r->g->vault, object_dek(r, 0), request_deadline(r),
	                                    &r->writer));
}

enum s3error upload_store_part(struct request *r, struct index_part *part)
{
	struct vault_writer *writer = r->writer;
	r->writer = NULL;
	part->number = r->part_number;
	part->modified_ms = object_now_ms();
	enum err e = vault_write_part(writer, &r->upload, part);
	return e == ERR_NOTFOUND ? S3E_NO_SUCH_UPLOAD : s3error_of(e);
}

enum s3error op_upload_part_end(struct request *r)
{
	struct index_part part = {0};
	part.checksum_kind = (uint8_t)body_checksum(r->body, &part.checksum);
	if (r->upload.object.sse == INDEX_SSE_AES256) {
		TRY_S3(object_md5_etag(r, body_md5(r->body), 0, &part.etag));
	} else {
		TRY_S3(object_part_etag(r, 0, body_size(r->body), &part));
	}
	vault_write_deadline(r->writer, request_deadline(r));
	TRY_S3(upload_store_part(r, &part));
	answer_empty(r, 200);
	object_etag_header(r, part.etag);
	object_sse_headers(r, &r->upload.object);
	object_checksum_header(r, (enum checksum_kind)part.checksum_kind, part.checksum, 0);
	return S3E_NONE;
}

/* Its initiator's and the bucket owner's, whatever else others may write there. Where a key is needed, the KMS holds to the same. */
static enum s3error find_own(struct request *r)
{
	const struct kmsproto_principal *who = &r->grant.principal;
	TRY_S3(upload_find(r));
	TRY_S3(r->outcome);
	bool own = bytes_equal(who->tenant, r->bucket.tenant) ||
	           bytes_equal(who->canonical_id, r->upload.initiator_id);
	return own ? S3E_NONE : S3E_ACCESS_DENIED;
}

enum s3error op_abort_upload(struct request *r)
{
	TRY_S3(find_own(r));
	enum err e = index_upload_abort(r->g->index, r->target.bucket, r->target.key,
	                                r->upload.upload_id);
	if (e == ERR_NOTFOUND) {
		return S3E_NO_SUCH_UPLOAD;
	}
	TRY_S3(s3error_of(e));
	answer_empty(r, 204);
	return S3E_NONE;
}

static void write_people(struct request *r, struct writer *w, const struct index_upload *u)
{
	xml_open(w, "Initiator");
	xml_element(w, "ID", u->initiator_id);
	xml_element(w, "DisplayName", u->initiator_name);
	xml_close(w, "Initiator");
	resource_xml_owner(r, w, u->object.acl);
	xml_element_text(w, "StorageClass", "STANDARD");
}

static void write_part(struct writer *w, const struct index_part *part)
{
	xml_open(w, "Part");
	xml_element_u64(w, "PartNumber", part->number);
	object_xml_date(w, "LastModified", part->modified_ms);
	object_xml_etag(w, part->etag);
	xml_element_u64(w, "Size", part->size);
	object_xml_checksum(w, (enum checksum_kind)part->checksum_kind, part->checksum, 0);
	xml_close(w, "Part");
}

enum s3error op_list_parts(struct request *r)
{
	struct index_part *parts = NULL;
	size_t n = 0;
	uint32_t after = 0;
	uint32_t max = 0;
	bool truncated = false;
	TRY_S3(find_own(r));
	TRY_S3(customer_confirm(r, &r->upload.object));
	TRY_S3(request_param_u32(r, "part-number-marker", 0, &after));
	TRY_S3(request_param_u32(r, "max-parts", GATEWAY_PAGE_MAX, &max));
	max = max < GATEWAY_PAGE_MAX ? max : GATEWAY_PAGE_MAX;
	TRY_S3(s3error_of(index_upload_parts(r->g->index, r->a, r->upload.upload_id, after, max,
	                                     &parts, &n, &truncated)));
	struct writer w = writer_growing(GATEWAY_ANSWER_MAX);
	xml_begin(&w);
	xml_open(&w, "ListPartsResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"");
	xml_element(&w, "Bucket", r->target.bucket);
	xml_element(&w, "Key", r->target.key);
	xml_hex(&w, "UploadId", r->upload.upload_id, sizeof(r->upload.upload_id));
	write_people(r, &w, &r->upload);
	object_xml_checksum_kind(&w, r->upload.object.checksum_kind,
	                         r->upload.object.checksum_composite);
	xml_element_u64(&w, "PartNumberMarker", after);
	xml_element_u64(&w, "NextPartNumberMarker", n > 0 ? parts[n - 1].number : after);
	xml_element_u64(&w, "MaxParts", max);
	xml_element_bool(&w, "IsTruncated", truncated && max > 0);
	for (size_t i = 0; i < n; i++) {
		write_part(&w, &parts[i]);
	}
	xml_close(&w, "ListPartsResult");
	answer_xml(r, 200, &w);
	return S3E_NONE;
}

static void write_upload(struct request *r, struct writer *w, bool url,
                         const struct index_upload *u)
{
	xml_open(w, "Upload");
	list_element(w, url, "Key", u->object.key);
	xml_hex(w, "UploadId", u->upload_id, sizeof(u->upload_id));
	write_people(r, w, u);
	object_xml_date(w, "Initiated", u->created_ms);
	object_xml_checksum_kind(w, u->object.checksum_kind, u->object.checksum_composite);
	xml_close(w, "Upload");
}

static enum s3error read_uploads_query(struct request *r, struct index_uploads_query *q,
                                       uint8_t marker[INDEX_UPLOAD_ID_BYTES])
{
	uint32_t max = 0;
	TRY_S3(request_param_u32(r, "max-uploads", GATEWAY_PAGE_MAX, &max));
	q->max = max < GATEWAY_PAGE_MAX ? max : GATEWAY_PAGE_MAX;
	q->bucket = r->bucket.name;
	q->bucket_number = r->bucket.number;
	q->prefix = request_param(r, "prefix");
	q->delimiter = request_param(r, "delimiter");
	q->key_marker = request_param(r, "key-marker");
	struct bytes id = request_param(r, "upload-id-marker");
	if (id.n > 0 && q->key_marker.n > 0) {
		if (hex_read(id, marker, INDEX_UPLOAD_ID_BYTES) != OK) {
			return S3E_INVALID_ARGUMENT;
		}
		q->upload_marker = marker;
	}
	return S3E_NONE;
}

enum s3error op_list_uploads(struct request *r)
{
	uint8_t marker[INDEX_UPLOAD_ID_BYTES];
	struct index_uploads_query q = {0};
	struct index_uploads_page page = {0};
	bool url = false;
	TRY_S3(list_encoding(r, &url));
	TRY_S3(read_uploads_query(r, &q, marker));
	TRY_S3(s3error_of_bucket(index_uploads(r->g->index, r->a, &q, &page)));
	struct writer w = writer_growing(GATEWAY_ANSWER_MAX);
	xml_begin(&w);
	xml_open(&w, "ListMultipartUploadsResult "
	             "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"");
	xml_element(&w, "Bucket", r->target.bucket);
	list_element(&w, url, "KeyMarker", q.key_marker);
	xml_element(&w, "UploadIdMarker", request_param(r, "upload-id-marker"));
	if (page.truncated) {
		list_element(&w, url, "NextKeyMarker", page.next_key);
		xml_hex(&w, "NextUploadIdMarker", page.next_upload, sizeof(page.next_upload));
	}
	list_element(&w, url, "Prefix", q.prefix);
	if (q.delimiter.n > 0) {
		list_element(&w, url, "Delimiter", q.delimiter);
	}
	if (url) {
		xml_element_text(&w, "EncodingType", "url");
	}
	xml_element_u64(&w, "MaxUploads", q.max);
	xml_element_bool(&w, "IsTruncated", page.truncated);
	for (size_t i = 0; i < page.n; i++) {
		write_upload(r, &w, url, &page.uploads[i]);
	}
	for (size_t i = 0; i < page.n_prefixes; i++) {
		xml_open(&w, "CommonPrefixes");
		list_element(&w, url, "Prefix", page.prefixes[i]);
		xml_close(&w, "CommonPrefixes");
	}
	xml_close(&w, "ListMultipartUploadsResult");
	answer_xml(r, 200, &w);
	return S3E_NONE;
}
