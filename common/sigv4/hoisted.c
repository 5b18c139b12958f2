/* Headers that stand in the query, where presigning SDKs put them. */
#include "common/base/attr.h"
#include "common/sigv4/parts.h"

static bool starts_nocase(struct bytes b, const char *prefix)
{
	size_t n = bytes_text(prefix).n;

	return b.n >= n && bytes_is_nocase(bytes_first(b, n), prefix);
}

/* What signs the request is not what it asks for. */
static bool is_signature(struct bytes name)
{
	for (enum sigv4_parameter p = 0; p < SIGV4_X_COUNT; p++) {
		if (bytes_is_nocase(name, sigv4_parameter_names[p])) {
			return true;
		}
	}
	return false;
}

/* SDKs presign a checksum of the body that they do not have yet, the empty one. S3 does not look at it. */
static bool is_checksum(struct bytes name)
{
	static const char *const words[] = {
		"x-amz-checksum-algorithm", "x-amz-checksum-mode", "x-amz-checksum-type",
	};

	for (size_t i = 0; i < COUNT(words); i++) {
		if (bytes_is_nocase(name, words[i])) {
			return false;
		}
	}
	return starts_nocase(name, "x-amz-checksum-") ||
	       bytes_is_nocase(name, "x-amz-sdk-checksum-algorithm");
}

/* It would stand in every log on its way. */
static bool is_customer_key(struct bytes lower)
{
	return bytes_is(lower, "x-amz-server-side-encryption-customer-key") ||
	       bytes_is(lower, "x-amz-copy-source-server-side-encryption-customer-key");
}

static enum err lower_name(struct arena *a, struct bytes name, struct bytes *ret)
{
	uint8_t *p = arena_alloc(a, name.n);

	if (p == NULL) {
		return ERR_LIMIT;
	}
	for (size_t i = 0; i < name.n; i++) {
		p[i] = sigv4_lower(name.p[i]);
	}
	*ret = bytes_of(p, name.n);
	return sigv4_is_header_name(*ret) ? OK : ERR_INPUT;
}

static bool stands(const struct field *headers, size_t n, struct bytes name)
{
	for (size_t i = 0; i < n; i++) {
		if (sigv4_name_is(headers[i].name, name)) {
			return true;
		}
	}
	return false;
}

static bool is_hoisted(struct bytes name)
{
	return starts_nocase(name, "x-amz-") && !is_signature(name) && !is_checksum(name);
}

enum err sigv4_hoisted(struct arena *a, const struct field *query, size_t n_query,
                       struct field *headers, size_t *n)
{
	const size_t max = *n + SIGV4_HOISTED_MAX;

	for (size_t i = 0; i < n_query; i++) {
		struct field f = {.value = bytes_trim(query[i].value)};
		if (!is_hoisted(query[i].name)) {
			continue;
		}
		TRY(lower_name(a, query[i].name, &f.name));
		if (stands(headers, *n, f.name) || !sigv4_is_header_value(f.value) ||
		    is_customer_key(f.name)) {
			return ERR_INPUT;
		}
		if (*n == max) {
			return ERR_LIMIT;
		}
		if (f.value.p == NULL) {
			f.value = BYTES("");
		}
		headers[(*n)++] = f;
	}
	return OK;
}
