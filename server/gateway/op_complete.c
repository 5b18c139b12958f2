/*
 * CompleteMultipartUpload. The upload's id is the id of the object that it becomes, so a Complete that is sent
 * again after its answer was lost finds its own work and says the same again.
 */
#include <string.h>

#include "common/codec/base64.h"
#include "common/codec/hex.h"
#include "common/codec/xml.h"
#include "server/gateway/customer.h"
#include "server/gateway/lifecycle.h"
#include "server/gateway/ops.h"

enum { COMPLETE_NODES_MAX = 10 * INDEX_PARTS_MAX, CHECKSUM_TEXT_MAX = 64 };

/* The object that an earlier Complete of this upload made: the current version, or one with the upload's id. */
static enum s3error find_done(struct request *r)
{
	struct index_version version = {.null = false};
	if (hex_read(request_param(r, "uploadId"), version.id, sizeof(version.id)) != OK) {
		return S3E_NONE;
	}
	TRY_S3(object_find(r));
	bool found = r->has_object && memcmp(version.id, r->object.id, sizeof(version.id)) == 0;
	if (!found) {
		enum err e = index_version_get(r->g->index, r->a, r->target.bucket, r->target.key,
		                               &version, &r->object);
		found = e == OK && !r->object.delete_marker;
		TRY_S3(e == ERR_NOTFOUND ? S3E_NONE : s3error_of(e));
	}
	r->has_object = found;
	r->marker = false;
	r->outcome = found ? S3E_NONE : r->outcome;
	return S3E_NONE;
}

enum s3error op_complete_upload_prepare(struct request *r)
{
	TRY_S3(upload_find(r));
	if (r->outcome != S3E_NONE) {
		TRY_S3(find_done(r));
		if (r->outcome == S3E_NONE) {
			r->outcome = customer_confirm(r, &r->object);
		}
		return S3E_NONE;
	}
	r->outcome = customer_confirm(r, &r->upload.object);
	if (r->outcome == S3E_NONE) {
		request_key_open(r, false, &r->upload.object);
	}
	return S3E_NONE;
}

enum s3error op_complete_upload_begin(struct request *r)
{
	TRY_S3(object_write_condition(r));
	return collect_body(r, GATEWAY_XML_MAX);
}

static const struct index_part *part_by_number(const struct index_part *parts, size_t n,
                                               uint64_t number)
{
	size_t low = 0;
	while (n > 0) {
		size_t half = n / 2;
		if (parts[low + half].number < number) {
			low += half + 1;
			n -= half + 1;
		} else {
			n = half;
		}
	}
	return parts + low;
}

/* Each checksum that is given of a part is compared; of another kind than the part's it is wrong. */
static enum s3error check_part_checksum(const struct xml_node *node, const struct index_part *part)
{
	uint8_t text[CHECKSUM_TEXT_MAX];
	struct writer value = writer_fixed(text, sizeof(text));
	base64_write(&value, part->checksum);
	for (const struct xml_node *child = node->child; child != NULL; child = child->next) {
		struct bytes kind = child->name;
		struct bytes given = bytes_trim(child->text);
		if (!bytes_starts(kind, BYTES("Checksum")) || given.n == 0) {
			continue;
		}
		kind = bytes_skip(kind, sizeof("Checksum") - 1);
		if (!bytes_is(kind, checksum_name((enum checksum_kind)part->checksum_kind)) ||
		    !bytes_equal(given, writer_bytes(&value))) {
			return S3E_INVALID_PART;
		}
	}
	return S3E_NONE;
}

static enum s3error part_number(const struct xml_node *node, uint64_t *ret)
{
	enum err e = bytes_u64(bytes_trim(xml_text(node, "PartNumber")), ret);
	return e == OK ? S3E_NONE : S3E_MALFORMED_XML;
}

/* A client that sent a part twice may name both: the last one counts, as with the parts themselves. */
static enum s3error is_named_again(const struct xml_node *node, bool *ret)
{
	const struct xml_node *next = xml_next(node, "Part");
	uint64_t number = 0;
	uint64_t following = 0;
	TRY_S3(part_number(node, &number));
	if (next != NULL) {
		TRY_S3(part_number(next, &following));
	}
	*ret = following == number;
	return S3E_NONE;
}

/* One <Part>: it must name a stored part with its ETag, later than the one before. */
static enum s3error take_part(const struct xml_node *node, const struct index_part *stored,
                              size_t n_stored, uint32_t after, struct index_part *ret)
{
	uint64_t number = 0;
	TRY_S3(part_number(node, &number));
	if (number <= after) {
		return S3E_INVALID_PART_ORDER;
	}
	const struct index_part *part = part_by_number(stored, n_stored, number);
	if (part == stored + n_stored || part->number != number ||
	    !bytes_equal(object_unquote(xml_text(node, "ETag")), part->etag)) {
		return S3E_INVALID_PART;
	}
	TRY_S3(check_part_checksum(node, part));
	*ret = *part;
	return S3E_NONE;
}

static enum s3error read_parts(struct request *r, struct index_part **ret, size_t *ret_n)
{
	struct xml_node *root = NULL;
	struct index_part *stored = NULL;
	size_t n_stored = 0;
	size_t n = 0;
	bool truncated = false;
	struct index_part *parts = arena_alloc(r->a, (INDEX_PARTS_MAX + 1) * sizeof(*parts));
	if (parts == NULL) {
		return S3E_SLOW_DOWN;
	}
	if (xml_parse(r->a, writer_bytes(&r->text), COMPLETE_NODES_MAX, &root) != OK ||
	    !bytes_is(root->name, "CompleteMultipartUpload")) {
		return S3E_MALFORMED_XML;
	}
	TRY_S3(s3error_of(index_upload_parts(r->g->index, r->a, r->upload.upload_id, 0,
	                                     INDEX_PARTS_MAX, &stored, &n_stored, &truncated)));
	const struct xml_node *node = xml_child(root, "Part");
	for (; node != NULL; node = xml_next(node, "Part")) {
		bool again = false;
		if (n == INDEX_PARTS_MAX) {
			return S3E_MALFORMED_XML;
		}
		TRY_S3(is_named_again(node, &again));
		if (again) {
			continue;
		}
		TRY_S3(take_part(node, stored, n_stored, n > 0 ? parts[n - 1].number : 0,
		                 &parts[n]));
		n++;
	}
	for (size_t i = 0; i + 1 < n; i++) {
		if (parts[i].size < GATEWAY_PART_MIN) {
			return S3E_TOO_SMALL;
		}
	}
	*ret = parts;
	*ret_n = n;
	return n == 0 ? S3E_MALFORMED_XML : S3E_NONE;
}

/* "md5 of the parts' md5s"-N for AES256, random-N otherwise. */
static enum s3error make_etag(struct request *r, struct index_object *o)
{
	struct checksum *md5 = NULL;
	uint8_t value[CHECKSUM_BYTES_MAX];
	uint8_t part[16];
	size_t n = 0;
	if (o->sse != INDEX_SSE_AES256) {
		return object_random_etag(r, (uint32_t)o->n_parts, &o->etag);
	}
	enum err e = checksum_new(CHECKSUM_MD5, &md5);
	for (size_t i = 0; e == OK && i < o->n_parts; i++) {
		e = hex_read(o->parts[i].etag, part, sizeof(part));
		if (e == OK) {
			e = checksum_update(md5, bytes_of(part, sizeof(part)));
		}
	}
	if (e == OK) {
		e = checksum_final(md5, value, &n);
	}
	checksum_free(md5);
	TRY_S3(s3error_of(e));
	return object_md5_etag(r, bytes_of(value, n), (uint32_t)o->n_parts, &o->etag);
}

static enum err composite(const struct index_object *o, uint8_t *value, size_t *ret_n)
{
	struct checksum *c = NULL;
	enum err e = checksum_new((enum checksum_kind)o->checksum_kind, &c);
	for (size_t i = 0; e == OK && i < o->n_parts; i++) {
		e = checksum_update(c, o->parts[i].checksum);
	}
	if (e == OK) {
		e = checksum_final(c, value, ret_n);
	}
	checksum_free(c);
	return e;
}

static enum err full_object(const struct index_object *o, uint8_t *value, size_t *ret_n)
{
	enum checksum_kind kind = (enum checksum_kind)o->checksum_kind;
	*ret_n = checksum_size(kind);
	memcpy(value, o->parts[0].checksum.p, *ret_n);
	for (size_t i = 1; i < o->n_parts; i++) {
		TRY(checksum_combine(kind, value, o->parts[i].checksum.p, o->parts[i].size));
	}
	return OK;
}

/* What the request says of the joined object's checksum must be of the upload's kind; one without a kind has S3's own, CRC64NVME. */
static enum s3error take_checksum_kind(const struct request *r, struct index_object *o)
{
	struct bytes type = request_header(r, "x-amz-checksum-type");
	bool said = type.n > 0;
	for (int i = CHECKSUM_NONE + 1; i < CHECKSUM_KINDS; i++) {
		const char *name = checksum_header((enum checksum_kind)i);
		if (name == NULL || !request_has_header(r, name)) {
			continue;
		}
		if (i != (o->checksum_kind == CHECKSUM_NONE ? CHECKSUM_CRC64NVME : o->checksum_kind)) {
			return S3E_CHECKSUM_OF_UPLOAD;
		}
		said = true;
	}
	if (said && o->checksum_kind == CHECKSUM_NONE) {
		o->checksum_kind = CHECKSUM_CRC64NVME;
		o->checksum_composite = false;
	}
	bool right = bytes_is(type, o->checksum_composite ? "COMPOSITE" : "FULL_OBJECT");
	return type.n == 0 || right ? S3E_NONE : S3E_CHECKSUM_OF_UPLOAD;
}

static enum s3error make_checksum(struct request *r, struct index_object *o)
{
	TRY_S3(take_checksum_kind(r, o));
	enum checksum_kind kind = (enum checksum_kind)o->checksum_kind;
	uint8_t value[CHECKSUM_BYTES_MAX];
	uint8_t given[CHECKSUM_BYTES_MAX];
	size_t n = 0;
	if (kind == CHECKSUM_NONE) {
		return S3E_NONE;
	}
	for (size_t i = 0; i < o->n_parts; i++) {
		if (o->parts[i].checksum_kind != o->checksum_kind) {
			return S3E_INVALID_PART;
		}
	}
	enum err e = o->checksum_composite ? composite(o, value, &n) : full_object(o, value, &n);
	TRY_S3(s3error_of(e));
	struct bytes header = request_header(r, checksum_header(kind));
	if (header.n > 0) {
		struct bytes text = bytes_split(&header, '-');
		struct writer w = writer_fixed(given, sizeof(given));
		if (base64_read(text, &w) != OK || w.used != n) {
			return S3E_CHECKSUM_INVALID;
		}
		if (memcmp(given, value, n) != 0) {
			return S3E_CHECKSUM_MISMATCH;
		}
	}
	o->checksum = arena_copy(r->a, bytes_of(value, n));
	return o->checksum.p == NULL ? S3E_SLOW_DOWN : S3E_NONE;
}

/* As in S3: an upload without checksums may be completed without the customer's key, one whose client made some may not. */
static enum s3error need_customer_key(const struct request *r, const struct index_object *o)
{
	bool checksums = false;
	for (size_t i = 0; i < o->n_parts; i++) {
		checksums = checksums || o->parts[i].checksum_kind != object_part_checksum(o);
	}
	return o->sse == INDEX_SSE_CUSTOMER && checksums && !customer_given(r)
	               ? S3E_CUSTOMER_OF_UPLOAD
	               : S3E_NONE;
}

static enum s3error join(struct request *r)
{
	struct index_object *o = &r->object;
	struct index_part *parts = NULL;
	uint64_t announced = 0;
	bool no_bucket = false;
	*o = r->upload.object;
	TRY_S3(read_parts(r, &parts, &o->n_parts));
	o->parts = parts;
	TRY_S3(need_customer_key(r, o));
	o->size = 0;
	for (size_t i = 0; i < o->n_parts; i++) {
		o->size += parts[i].size;
	}
	struct bytes size = request_header(r, "x-amz-mp-object-size");
	if (size.n > 0 && (bytes_u64(size, &announced) != OK || announced != o->size)) {
		return S3E_INVALID_REQUEST;
	}
	TRY_S3(make_etag(r, o));
	TRY_S3(make_checksum(r, o));
	o->modified_ms = object_now_ms();
	enum err e = vault_complete(r->g->vault, object_dek(r, 0), r->a, o, &r->condition,
	                            r->upload.upload_id, &no_bucket);
	if (e == ERR_NOTFOUND) {
		if (no_bucket) {
			return S3E_NO_SUCH_BUCKET;
		}
		return r->condition.match.n > 0 ? S3E_NO_SUCH_KEY : S3E_NO_SUCH_UPLOAD;
	}
	/* INPUT: a part was sent again between its choice and the commit. */
	return e == ERR_INPUT ? S3E_INVALID_PART : s3error_of(e);
}

enum s3error op_complete_upload_end(struct request *r)
{
	const struct index_object *o = &r->object;
	if (!r->has_object) {
		TRY_S3(join(r));
	}
	struct writer w = writer_growing(GATEWAY_ANSWER_MAX);
	xml_begin(&w);
	xml_open(&w, "CompleteMultipartUploadResult "
	             "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"");
	xml_element(&w, "Location", exchange_head(r->x)->path);
	xml_element(&w, "Bucket", o->bucket);
	xml_element(&w, "Key", o->key);
	object_xml_etag(&w, o->etag);
	object_xml_checksum_of(&w, o);
	xml_close(&w, "CompleteMultipartUploadResult");
	answer_xml(r, 200, &w);
	object_sse_headers(r, o);
	lifecycle_headers(r, o);
	object_made_header(r, o);
	return S3E_NONE;
}
