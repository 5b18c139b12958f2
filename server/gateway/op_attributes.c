/* GetObjectAttributes: what the index knows of an object; needs no key. */
#include "common/codec/base64.h"
#include "common/codec/date.h"
#include "common/codec/xml.h"
#include "server/gateway/customer.h"
#include "server/gateway/ops.h"

enum {
	WANT_ETAG = 1 << 0,
	WANT_CHECKSUM = 1 << 1,
	WANT_PARTS = 1 << 2,
	WANT_CLASS = 1 << 3,
	WANT_SIZE = 1 << 4,
	DATE_MAX_BYTES = 64,
};

static unsigned attribute(struct bytes name)
{
	static const char *const names[] = {"ETag", "Checksum", "ObjectParts", "StorageClass",
	                                    "ObjectSize", NULL};
	for (unsigned i = 0; names[i] != NULL; i++) {
		if (bytes_is(name, names[i])) {
			return 1u << i;
		}
	}
	return 0;
}

/* botocore sends one header with commas, other clients a header for each: both were joined by signing, the first counts here. */
static enum s3error read_wanted(const struct request *r, unsigned *ret)
{
	const struct http_head *head = r->head;
	*ret = 0;
	for (size_t i = 0; i < head->n_fields; i++) {
		if (!bytes_is_nocase(head->fields[i].name, "x-amz-object-attributes")) {
			continue;
		}
		struct bytes rest = head->fields[i].value;
		while (rest.p != NULL) {
			unsigned bit = attribute(bytes_trim(bytes_split(&rest, ',')));
			if (bit == 0) {
				return S3E_INVALID_ARGUMENT;
			}
			*ret |= bit;
		}
	}
	return *ret == 0 ? S3E_INVALID_ARGUMENT : S3E_NONE;
}

static void write_checksum(struct writer *w, enum checksum_kind kind, struct bytes value,
                           uint32_t composite_parts)
{
	write_text(w, "<Checksum");
	write_text(w, checksum_name(kind));
	write_text(w, ">");
	base64_write(w, value);
	if (composite_parts > 0) {
		write_text(w, "-");
		write_decimal(w, composite_parts);
	}
	write_text(w, "</Checksum");
	write_text(w, checksum_name(kind));
	write_text(w, ">");
}

static uint32_t count_parts(const struct index_object *o)
{
	uint32_t n = 0;
	for (size_t i = 0; i < o->n_parts; i++) {
		n += o->parts[i].number <= INDEX_PARTS_MAX;
	}
	return n;
}

struct parts_page {
	uint32_t after, max;
};

static enum s3error header_u32(const struct request *r, const char *name, uint32_t fallback,
                               uint32_t *ret)
{
	struct bytes text = request_header(r, name);
	uint64_t value = fallback;
	if (text.n > 0 && (bytes_u64(text, &value) != OK || value > INT32_MAX)) {
		return S3E_INVALID_ARGUMENT;
	}
	*ret = (uint32_t)value;
	return S3E_NONE;
}

/* S3 lists single parts only where they have checksums; their number it tells always. */
static void write_parts(struct writer *w, const struct index_object *o, struct parts_page page)
{
	uint32_t n = 0, last = page.after;
	bool truncated = false;
	xml_open(w, "ObjectParts");
	for (size_t i = 0; i < o->n_parts; i++) {
		const struct index_part *p = &o->parts[i];
		bool listed = p->number <= INDEX_PARTS_MAX && p->number > page.after &&
		              p->checksum_kind != CHECKSUM_NONE;
		if (!listed) {
			continue;
		}
		if (n == page.max) {
			truncated = true;
			break;
		}
		xml_open(w, "Part");
		xml_element_u64(w, "PartNumber", p->number);
		xml_element_u64(w, "Size", p->size);
		write_checksum(w, (enum checksum_kind)p->checksum_kind, p->checksum, 0);
		xml_close(w, "Part");
		last = p->number;
		n++;
	}
	xml_element_bool(w, "IsTruncated", truncated);
	xml_element_u64(w, "MaxParts", page.max);
	xml_element_u64(w, "NextPartNumberMarker", last);
	xml_element_u64(w, "PartNumberMarker", page.after);
	xml_element_u64(w, "PartsCount", count_parts(o));
	xml_close(w, "ObjectParts");
}

static void write_attributes(struct writer *w, const struct index_object *o, unsigned wanted,
                             struct parts_page page)
{
	if ((wanted & WANT_ETAG) != 0) {
		xml_element(w, "ETag", o->etag); /* here without quotes, alone in all of S3 */
	}
	if ((wanted & WANT_CHECKSUM) != 0 && o->checksum_kind != CHECKSUM_NONE) {
		xml_open(w, "Checksum");
		write_checksum(w, (enum checksum_kind)o->checksum_kind, o->checksum,
		               o->checksum_composite ? count_parts(o) : 0);
		xml_element_text(w, "ChecksumType", o->checksum_composite ? "COMPOSITE" : "FULL_OBJECT");
		xml_close(w, "Checksum");
	}
	if ((wanted & WANT_PARTS) != 0 && o->multipart) {
		write_parts(w, o, page);
	}
	if ((wanted & WANT_CLASS) != 0) {
		xml_element_text(w, "StorageClass", "STANDARD");
	}
	if ((wanted & WANT_SIZE) != 0) {
		xml_element_u64(w, "ObjectSize", o->size);
	}
}

enum s3error op_get_object_attributes(struct request *r)
{
	uint8_t text[DATE_MAX_BYTES];
	struct writer date = writer_fixed(text, sizeof(text));
	struct parts_page page = {0};
	unsigned wanted = 0;
	TRY_S3(read_wanted(r, &wanted));
	TRY_S3(header_u32(r, "x-amz-part-number-marker", 0, &page.after));
	TRY_S3(header_u32(r, "x-amz-max-parts", GATEWAY_PAGE_MAX, &page.max));
	page.max = page.max < GATEWAY_PAGE_MAX ? page.max : GATEWAY_PAGE_MAX;
	TRY_S3(object_need(r));
	TRY_S3(customer_match(r));
	struct writer w = writer_growing(GATEWAY_ANSWER_MAX);
	xml_begin(&w);
	xml_open(&w, "GetObjectAttributesResponse "
	             "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"");
	write_attributes(&w, &r->object, wanted, page);
	xml_close(&w, "GetObjectAttributesResponse");
	answer_xml(r, 200, &w);
	date_write_http(&date, r->object.modified_ms);
	answer_header(r, "last-modified", writer_bytes(&date));
	object_version_header(r, &r->object);
	return S3E_NONE;
}
