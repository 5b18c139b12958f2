/* Preconditions (RFC 9110 section 13) and ranges (section 14) as S3 reads them. */
#include "common/codec/date.h"
#include "server/gateway/object.h"

enum { HEADER_NAME_MAX = 64 };

struct bytes object_unquote(struct bytes etag)
{
	etag = bytes_trim(etag);
	if (etag.n >= 2 && etag.p[0] == '"' && etag.p[etag.n - 1] == '"') {
		return bytes_of(etag.p + 1, etag.n - 2);
	}
	return etag;
}

bool object_etag_matches(struct bytes list, struct bytes etag)
{
	while (list.p != NULL) {
		struct bytes one = bytes_trim(bytes_split(&list, ','));
		if (bytes_starts(one, BYTES("W/"))) {
			one = bytes_skip(one, 2);
		}
		if (bytes_is(one, "*") || bytes_equal(object_unquote(one), etag)) {
			return true;
		}
	}
	return false;
}

static struct bytes prefixed(const struct request *r, const char *prefix, const char *name)
{
	char full[HEADER_NAME_MAX];
	struct writer w = writer_fixed(full, sizeof(full));
	write_text(&w, prefix);
	write_text(&w, name);
	write_u8(&w, 0);
	return request_header(r, full);
}

/* A date that does not parse is ignored: RFC 9110 13.1.3. */
static bool modified_after(const struct index_object *o, struct bytes date, bool *ret_valid)
{
	uint64_t ms = 0;
	*ret_valid = date.n > 0 && date_read_http(date, &ms) == OK;
	return *ret_valid && o->modified_ms / 1000 > ms / 1000;
}

enum s3error object_preconditions(struct request *r, const struct index_object *o,
                                  const char *prefix, bool copy)
{
	struct bytes match = prefixed(r, prefix, "if-match");
	struct bytes none = prefixed(r, prefix, "if-none-match");
	bool valid = false;
	if (match.n > 0) {
		if (!object_etag_matches(match, o->etag)) {
			return S3E_PRECONDITION_FAILED;
		}
	} else if (modified_after(o, prefixed(r, prefix, "if-unmodified-since"), &valid)) {
		return S3E_PRECONDITION_FAILED;
	}
	enum s3error unchanged = copy ? S3E_PRECONDITION_FAILED : S3E_NOT_MODIFIED;
	if (none.n > 0) {
		return object_etag_matches(none, o->etag) ? unchanged : S3E_NONE;
	}
	if (!modified_after(o, prefixed(r, prefix, "if-modified-since"), &valid) && valid) {
		return unchanged;
	}
	return S3E_NONE;
}

bool object_range_holds(const struct request *r, const struct index_object *o)
{
	struct bytes wanted = bytes_trim(request_header(r, "if-range"));
	uint64_t ms = 0;
	if (wanted.n == 0) {
		return true;
	}
	if (date_read_http(wanted, &ms) == OK) {
		return o->modified_ms / 1000 == ms / 1000;
	}
	return bytes_equal(object_unquote(wanted), o->etag);
}

/* One entity tag or "*": a list would need more than one comparison in the transaction, and nobody sends one. */
static enum s3error single_etag(struct bytes header, struct bytes *ret)
{
	size_t comma = 0;
	struct bytes etag = bytes_trim(header);
	if (bytes_find(etag, ',', &comma)) {
		return S3E_NOT_IMPLEMENTED;
	}
	*ret = object_unquote(bytes_starts(etag, BYTES("W/")) ? bytes_skip(etag, 2) : etag);
	return S3E_NONE;
}

enum s3error object_write_condition(struct request *r)
{
	struct bytes match = request_header(r, "if-match");
	struct bytes none = request_header(r, "if-none-match");
	if (match.n > 0 && none.n > 0) {
		return S3E_NOT_IMPLEMENTED;
	}
	TRY_S3(single_etag(match, &r->condition.match));
	if (match.n > 0 && r->condition.match.n == 0) {
		return S3E_PRECONDITION_FAILED; /* "": nothing has that one */
	}
	return single_etag(none, &r->condition.none_match);
}

enum s3error range_read(struct bytes header, uint64_t size, uint64_t *ret_first,
                        uint64_t *ret_count, bool *ret_ranged)
{
	uint64_t first = 0;
	uint64_t last = 0;
	size_t comma = 0;
	*ret_first = 0;
	*ret_count = size;
	*ret_ranged = false;
	if (!bytes_starts(header, BYTES("bytes=")) || bytes_find(header, ',', &comma)) {
		return S3E_NONE; /* another unit, or several ranges: the whole object, as S3 answers */
	}
	struct bytes end = bytes_skip(header, 6);
	struct bytes start = bytes_split(&end, '-');
	if (end.p == NULL) {
		return S3E_NONE;
	}
	if (start.n == 0) {
		if (bytes_u64(end, &last) != OK) {
			return S3E_NONE;
		}
		if (last == 0 || size == 0) {
			return S3E_INVALID_RANGE;
		}
		*ret_count = last < size ? last : size;
		*ret_first = size - *ret_count;
		*ret_ranged = true;
		return S3E_NONE;
	}
	if (bytes_u64(start, &first) != OK) {
		return S3E_NONE;
	}
	if (end.n > 0 && (bytes_u64(end, &last) != OK || last < first)) {
		return S3E_NONE;
	}
	if (first >= size) {
		return S3E_INVALID_RANGE;
	}
	if (end.n == 0 || last >= size) {
		last = size - 1;
	}
	*ret_first = first;
	*ret_count = last - first + 1;
	*ret_ranged = true;
	return S3E_NONE;
}

enum s3error range_read_exact(struct bytes header, uint64_t size, uint64_t *ret_first,
                              uint64_t *ret_count)
{
	uint64_t first = 0;
	uint64_t last = 0;
	if (!bytes_starts(header, BYTES("bytes="))) {
		return S3E_INVALID_ARGUMENT;
	}
	struct bytes end = bytes_skip(header, 6);
	struct bytes start = bytes_split(&end, '-');
	if (bytes_u64(start, &first) != OK || bytes_u64(end, &last) != OK || last < first) {
		return S3E_INVALID_ARGUMENT;
	}
	if (last >= size) {
		return S3E_INVALID_RANGE;
	}
	*ret_first = first;
	*ret_count = last - first + 1;
	return S3E_NONE;
}
