/* The forms of the parts: what a name, a scope, a date, a signature may look like. */
#include "common/sigv4/parts.h"

#include "common/codec/date.h"

const char *const sigv4_parameter_names[SIGV4_X_COUNT] = {
	[SIGV4_X_ALGORITHM] = "X-Amz-Algorithm",
	[SIGV4_X_CREDENTIAL] = "X-Amz-Credential",
	[SIGV4_X_DATE] = "X-Amz-Date",
	[SIGV4_X_EXPIRES] = "X-Amz-Expires",
	[SIGV4_X_SIGNED_HEADERS] = "X-Amz-SignedHeaders",
	[SIGV4_X_SIGNATURE] = "X-Amz-Signature",
	[SIGV4_X_TOKEN] = "X-Amz-Security-Token",
	[SIGV4_X_CONTENT_HASH] = "X-Amz-Content-Sha256",
};

bool sigv4_parameter_marks(enum sigv4_parameter p)
{
	/* The others also come with header signatures: SDKs hoist them, clients add them by hand. */
	return p != SIGV4_X_DATE && p != SIGV4_X_TOKEN && p != SIGV4_X_CONTENT_HASH;
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool is_lower(uint8_t c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_upper(uint8_t c)
{
	return c >= 'A' && c <= 'Z';
}

uint8_t sigv4_lower(uint8_t c)
{
	return is_upper(c) ? (uint8_t)(c | 0x20) : c;
}

bool sigv4_name_is(struct bytes header_name, struct bytes lower_name)
{
	if (header_name.n != lower_name.n) {
		return false;
	}
	for (size_t i = 0; i < header_name.n; i++) {
		if (sigv4_lower(header_name.p[i]) != lower_name.p[i]) {
			return false;
		}
	}
	return true;
}

bool sigv4_is_method(struct bytes b)
{
	for (size_t i = 0; i < b.n; i++) {
		if (!is_upper(b.p[i])) {
			return false;
		}
	}
	return b.n >= 1 && b.n <= SIGV4_METHOD_MAX;
}

bool sigv4_is_header_name(struct bytes b)
{
	static const char marks[] = "!#$%&'*+-.^_`|~";

	for (size_t i = 0; i < b.n; i++) {
		uint8_t c = b.p[i];
		size_t at;
		if (!is_lower(c) && !is_digit(c) &&
		    !bytes_find(bytes_of(marks, sizeof(marks) - 1), c, &at)) {
			return false;
		}
	}
	return b.n > 0;
}

bool sigv4_is_header_value(struct bytes b)
{
	for (size_t i = 0; i < b.n; i++) {
		if ((b.p[i] < 0x20 && b.p[i] != '\t') || b.p[i] == 0x7f) {
			return false;
		}
	}
	return true;
}

bool sigv4_is_visible(struct bytes b, size_t max)
{
	for (size_t i = 0; i < b.n; i++) {
		if (b.p[i] <= 0x20 || b.p[i] >= 0x7f) {
			return false;
		}
	}
	return b.n >= 1 && b.n <= max;
}

bool sigv4_is_content_hash(struct bytes b)
{
	for (size_t i = 0; i < b.n; i++) {
		if (!is_digit(b.p[i]) && !is_upper(b.p[i]) && !is_lower(b.p[i]) && b.p[i] != '-') {
			return false;
		}
	}
	return b.n >= 1 && b.n <= SIGV4_CONTENT_HASH_MAX;
}

static bool is_hex(struct bytes b, bool either_case)
{
	for (size_t i = 0; i < b.n; i++) {
		uint8_t c = either_case ? sigv4_lower(b.p[i]) : b.p[i];
		if (!is_digit(c) && !(c >= 'a' && c <= 'f')) {
			return false;
		}
	}
	return true;
}

bool sigv4_is_signature(struct bytes b)
{
	return b.n == SIGV4_SIGNATURE_HEX && is_hex(b, false);
}

bool sigv4_is_hash(struct bytes b)
{
	return b.n == SIGV4_SHA256_HEX && is_hex(b, true);
}

bool sigv4_is_amz_date(struct bytes b, uint64_t *ret_ms)
{
	return b.n == SIGV4_AMZ_DATE_BYTES && date_read_amz(b, ret_ms) == OK;
}

bool sigv4_header_list(struct bytes list)
{
	struct bytes before = {NULL, 0};
	struct bytes rest = list;
	size_t n = 0;

	if (list.n == 0) {
		return false;
	}
	while (rest.p != NULL) {
		struct bytes name = bytes_split(&rest, ';');
		if (!sigv4_is_header_name(name) || bytes_compare(before, name) >= 0) {
			return false;
		}
		before = name;
		n++;
	}
	return n <= SIGV4_SIGNED_HEADERS_MAX;
}

bool sigv4_header_listed(struct bytes list, struct bytes lower_name)
{
	while (list.p != NULL) {
		if (bytes_equal(bytes_split(&list, ';'), lower_name)) {
			return true;
		}
	}
	return false;
}

static bool is_unreserved(uint8_t c)
{
	return is_digit(c) || is_lower(c) || is_upper(c) || c == '-' || c == '.' || c == '_' ||
	       c == '~';
}

/* -1 for anything that uri_encode does not write after '%'. */
static int upper_hex(uint8_t c)
{
	if (is_digit(c)) {
		return c - '0';
	}
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool sigv4_encoded(struct bytes b, bool keep_slash)
{
	for (size_t i = 0; i < b.n; i++) {
		uint8_t c = b.p[i];
		if (is_unreserved(c) || (keep_slash && c == '/')) {
			continue;
		}
		if (c != '%' || b.n - i < 3) {
			return false;
		}
		int high = upper_hex(b.p[i + 1]);
		int low = upper_hex(b.p[i + 2]);
		if (high < 0 || low < 0) {
			return false;
		}
		uint8_t decoded = (uint8_t)(high << 4 | low);
		if (is_unreserved(decoded) || (keep_slash && decoded == '/')) {
			return false; /* two texts for one path: only one of them is canonical */
		}
		i += 2;
	}
	return true;
}

static bool is_scope_part(struct bytes b)
{
	for (size_t i = 0; i < b.n; i++) {
		if (!is_digit(b.p[i]) && !is_lower(b.p[i]) && !is_upper(b.p[i]) &&
		    b.p[i] != '-' && b.p[i] != '_' && b.p[i] != '.') {
			return false;
		}
	}
	return b.n >= 1 && b.n <= SIGV4_SCOPE_PART_MAX;
}

static bool is_date(struct bytes b)
{
	uint64_t number;

	return b.n == SIGV4_DATE_BYTES && bytes_u64(b, &number) == OK;
}

bool sigv4_scope_valid(const struct sigv4_evidence *e)
{
	return is_date(e->date) && is_scope_part(e->region) && is_scope_part(e->service);
}

/* What stands behind the last '/', cut off `*rest`. */
static struct bytes split_last(struct bytes *rest)
{
	struct bytes whole = *rest;

	for (size_t i = whole.n; i > 0; i--) {
		if (whole.p[i - 1] == '/') {
			*rest = bytes_first(whole, i - 1);
			return bytes_skip(whole, i);
		}
	}
	*rest = bytes_first(whole, 0);
	return whole;
}

bool sigv4_credential_read(struct bytes text, struct sigv4_evidence *e)
{
	struct bytes end = split_last(&text);

	e->service = split_last(&text);
	e->region = split_last(&text);
	e->date = split_last(&text);
	e->access_key = text;
	return bytes_is(end, "aws4_request") && sigv4_scope_valid(e) &&
	       sigv4_is_visible(text, SIGV4_ACCESS_KEY_MAX);
}

bool sigv4_expires_read(struct bytes text, uint64_t *ret)
{
	return bytes_u64(text, ret) == OK && *ret >= 1 && *ret <= SIGV4_EXPIRES_MAX_S;
}

enum sigv4_payload sigv4_payload_of(struct bytes content_hash)
{
	static const struct {
		const char *text;
		enum sigv4_payload payload;
	} forms[] = {
		{SIGV4_UNSIGNED, SIGV4_PAYLOAD_UNSIGNED},
		{"STREAMING-AWS4-HMAC-SHA256-PAYLOAD", SIGV4_PAYLOAD_CHUNKED},
		{"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", SIGV4_PAYLOAD_CHUNKED_TRAILER},
		{"STREAMING-UNSIGNED-PAYLOAD-TRAILER", SIGV4_PAYLOAD_UNSIGNED_TRAILER},
	};

	if (sigv4_is_hash(content_hash)) {
		return SIGV4_PAYLOAD_SIGNED;
	}
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (bytes_is(content_hash, forms[i].text)) {
			return forms[i].payload;
		}
	}
	return SIGV4_PAYLOAD_UNSUPPORTED;
}
