/* The policy document: read strictly, since a condition that is not understood is one that is not kept. */
#include "common/sigv4/postpolicy.h"

#include "common/base/attr.h"
#include "common/codec/base64.h"
#include "common/codec/date.h"
#include "common/codec/json.h"
#include "common/codec/uri.h"
#include "common/sigv4/parts.h"

enum { DOCUMENT_MAX = POST_TEXT_MAX, CONDITION_PARTS = 3, NS_PER_MS = 1000000 };

struct checking {
	const struct post *post;
	struct postpolicy *out;
	bool covered[POST_FIELDS_MAX];
	bool bucket_covered;
};

struct condition {
	struct bytes field; /* without the '$' */
	struct bytes value;
	bool prefix;        /* starts-with */
};

/* --- one condition holds? --------------------------------------------------------------------- */

static bool holds(const struct condition *c, struct bytes value)
{
	return c->prefix ? bytes_starts(value, c->value) : bytes_equal(value, c->value);
}

/* "image/png,image/gif" is a list to starts-with, and each of it has to begin so. */
static bool holds_for_list(const struct condition *c, struct bytes list)
{
	do {
		if (!holds(c, bytes_trim(bytes_split(&list, ',')))) {
			return false;
		}
	} while (list.p != NULL);
	return true;
}

static void refuse(struct checking *k, const char *why)
{
	if (k->out->why == NULL) {
		k->out->why = why;
	}
}

static void apply(struct checking *k, const struct condition *c)
{
	const struct post *p = k->post;
	struct bytes value = {NULL, 0};
	bool list = c->prefix && sigv4_name_is(c->field, BYTES("content-type"));

	if (sigv4_name_is(c->field, BYTES("bucket"))) {
		value = p->bucket;
		k->bucket_covered = true;
	}
	for (size_t i = 0; i < p->n_fields; i++) {
		if (!sigv4_name_is(c->field, p->fields[i].name)) {
			continue;
		}
		k->covered[i] = true;
		if (value.p != NULL && !bytes_equal(value, p->fields[i].value)) {
			refuse(k, "the form names another bucket than the address");
		}
		value = p->fields[i].value;
	}
	if (list ? !holds_for_list(c, value) : !holds(c, value)) {
		refuse(k, "a condition of the policy does not hold");
	}
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Some libraries write the sizes as strings. */
static bool read_size(const struct json *v, uint64_t *ret)
{
	return json_is_string(v) ? bytes_u64(json_bytes(v), ret) == OK : json_number(v, ret) == OK;
}

static bool take_range(struct checking *k, const struct json *from, const struct json *to)
{
	uint64_t min, max;

	if (!read_size(from, &min) || !read_size(to, &max) || min > max) {
		return false;
	}
	k->out->size_min = min > k->out->size_min ? min : k->out->size_min;
	k->out->size_max = max < k->out->size_max ? max : k->out->size_max;
	return true;
}

static bool take_array(struct checking *k, const struct json *v)
{
	struct bytes operator = json_bytes(json_at(v, 0));
	struct condition c = {
		.field = json_bytes(json_at(v, 1)),
		.value = json_bytes(json_at(v, 2)),
		.prefix = bytes_is_nocase(operator, "starts-with"),
	};

	if (json_count(v) != CONDITION_PARTS) {
		return false;
	}
	if (bytes_is_nocase(operator, "content-length-range")) {
		return take_range(k, json_at(v, 1), json_at(v, 2));
	}
	if ((!c.prefix && !bytes_is_nocase(operator, "eq")) || c.value.p == NULL ||
	    !bytes_starts(c.field, BYTES("$")) || c.field.n < 2) {
		return false;
	}
	c.field = bytes_skip(c.field, 1);
	apply(k, &c);
	return true;
}

/* {"acl": "private"}: exactly one, as on S3. */
static bool take_object(struct checking *k, const struct json *v)
{
	struct condition c = {0};
	struct bytes more;
	const struct json *value, *other;

	if (!json_member(v, 0, &c.field, &value) || json_member(v, 1, &more, &other) ||
	    !json_is_string(value) || c.field.n == 0) {
		return false;
	}
	c.value = json_bytes(value);
	apply(k, &c);
	return true;
}

static bool needs_no_condition(struct bytes name)
{
	static const char *const free_names[] = {"policy", "signature", "awsaccesskeyid",
	                                         "x-amz-signature"};

	for (size_t i = 0; i < COUNT(free_names); i++) {
		if (bytes_is(name, free_names[i])) {
			return true;
		}
	}
	return bytes_starts(name, BYTES("x-ignore-")) || bytes_starts(name, BYTES("x-amz-checksum-"));
}

static void check_covered(struct checking *k)
{
	if (!k->bucket_covered) {
		refuse(k, "the policy has no condition for the bucket");
	}
	for (size_t i = 0; i < k->post->n_fields; i++) {
		if (!k->covered[i] && !needs_no_condition(k->post->fields[i].name)) {
			refuse(k, "the policy has no condition for a field of the form");
		}
	}
}

static enum err read_document(struct checking *k, const struct json *document)
{
	const struct json *conditions = json_get(document, "conditions");
	uint64_t ns;

	if (!json_is_array(conditions) ||
	    date_read_iso(json_get_bytes(document, "expiration"), &ns) != OK) {
		return ERR_INPUT;
	}
	k->out->expires_ms = ns / NS_PER_MS;
	for (size_t i = 0; i < json_count(conditions); i++) {
		const struct json *v = json_at(conditions, i);
		if (json_is_array(v) ? !take_array(k, v) : !take_object(k, v)) {
			return ERR_INPUT;
		}
	}
	check_covered(k);
	return OK;
}

enum err postpolicy_read(struct arena *a, const struct post *p, struct postpolicy *ret)
{
	struct postpolicy out = {.size_max = UINT64_MAX};
	struct checking k = {.post = p, .out = &out};
	struct json *document AUTO(json_freep) = NULL;
	uint8_t *text = arena_alloc(a, p->policy.n);
	struct writer w = writer_fixed(text, p->policy.n);

	if (text == NULL) {
		return ERR_LIMIT;
	}
	TRY(base64_read(p->policy, &w));
	TRY(json_parse(writer_bytes(&w), DOCUMENT_MAX, &document, NULL));
	TRY(read_document(&k, document));
	*ret = out;
	return OK;
}
