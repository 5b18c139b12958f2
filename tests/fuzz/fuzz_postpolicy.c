/*
 * A form as evidence, from a gateway that nobody trusts, with its policy. What post_read accepts is one text only, and the PUT that
 * it stands for is one that the KMS takes apart again, at the path of the form's own key.
 * Input: lv16 a policy document, then the text of the fields.
 */
#include <assert.h>

#include "common/base/attr.h"
#include "common/codec/base64.h"
#include "common/codec/uri.h"
#include "common/sigv4/postpolicy.h"

enum { ARENA_BYTES = 4 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_put(struct arena *a, const struct post *p)
{
	struct sigv4_claims c;
	struct bytes path;
	const struct bytes want[] = {BYTES("/"), p->bucket, BYTES("/"), post_field(p, "key")};

	enum err e = sigv4_claims_read(p->evidence.canonical, &c);
	assert(e == OK);
	assert(bytes_is(c.method, "PUT") && c.query.n == 0 && c.n_headers == p->n_headers);
	e = uri_decode(a, c.path, &path);
	assert(e == OK);
	(void)e;
	assert(bytes_equal(path, arena_join(a, want, COUNT(want))));
	for (size_t i = 0; i < c.n_headers; i++) {
		assert(bytes_equal(c.headers[i].name, p->headers[i].name));
		assert(!bytes_is(c.headers[i].name, "x-amz-copy-source"));
	}
}

static void check_text(struct bytes text, const struct post *p)
{
	struct writer w = writer_growing(POST_TEXT_MAX);

	post_write(&w, p->bucket, p->fields, p->n_fields);
	assert(bytes_equal(writer_bytes(&w), text));
	writer_free(&w);
}

/* No condition can name this field: JSON is UTF-8. So with it, no policy holds. */
static void check_policy(struct arena *a, struct post p, struct bytes document)
{
	static const struct field foreign = {BYTES("x-amz-meta-\xff"), BYTES("v")};
	struct field *more = arena_alloc(a, (p.n_fields + 1) * sizeof(*more));
	struct writer w = writer_growing(2 * POST_TEXT_MAX);
	struct postpolicy policy, with_more;

	base64_write(&w, document);
	p.policy = writer_bytes(&w);
	if (postpolicy_read(a, &p, &policy) == OK && p.n_fields < POST_FIELDS_MAX) {
		assert(policy.size_min <= policy.size_max || policy.size_min > 0);
		for (size_t i = 0; i < p.n_fields; i++) {
			more[i] = p.fields[i];
		}
		more[p.n_fields] = foreign;
		p.fields = more;
		p.n_fields++;
		enum err e = postpolicy_read(a, &p, &with_more);
		assert(e == OK && with_more.why != NULL);
		(void)e;
		assert(with_more.expires_ms == policy.expires_ms);
	}
	writer_free(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a AUTO(arena_freep) = arena_new(ARENA_BYTES);
	struct reader r = reader_of(bytes_of(data, size));
	struct bytes document = read_lv16(&r, POST_TEXT_MAX);
	struct bytes text = read_bytes(&r, r.left);
	enum post_fault fault;
	struct post p;

	if (r.bad || post_read(a, text, &p, &fault) != OK) {
		return 0;
	}
	assert(fault == POST_FAULT_NONE);
	check_text(text, &p);
	check_put(a, &p);
	check_policy(a, p, document);
	return 0;
}
