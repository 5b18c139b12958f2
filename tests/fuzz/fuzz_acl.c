/*
 * Access control lists. What was read from headers, XML or the canonical form has a canonical form
 * that reads back as the same bytes, and an XML form that reads back as the same list; anonymous
 * callers get nothing that no grant to everybody gives.
 * Input: a byte that chooses the reader, then its text; for headers one a line, "name:value".
 */
#include <assert.h>

#include "common/base/attr.h"
#include "common/policy/acl.h"

enum { ARENA_BYTES = 1 << 20, HEADERS_MAX = 16, XML_MAX_BYTES = 1 << 18 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool needs_resolving(const struct acl *acl)
{
	for (size_t i = 0; i < acl->n; i++) {
		if (acl->grants[i].grantee == ACL_EMAIL) {
			return true;
		}
	}
	return false;
}

static bool same(const struct acl *x, const struct acl *y)
{
	struct writer a = writer_growing(ACL_MAX_BYTES);
	struct writer b = writer_growing(ACL_MAX_BYTES);

	acl_write(&a, x);
	acl_write(&b, y);
	bool equal = writer_end(&a) == OK && writer_end(&b) == OK &&
	             bytes_equal(writer_bytes(&a), writer_bytes(&b));
	writer_free(&a);
	writer_free(&b);
	return equal;
}

static void check_permits(const struct acl *acl)
{
	static const enum acl_permission all[] = {ACL_READ, ACL_WRITE, ACL_READ_ACP, ACL_WRITE_ACP,
	                                          ACL_FULL_CONTROL};
	struct bytes nobody = {NULL, 0};

	for (size_t i = 0; i < COUNT(all); i++) {
		assert(!acl_permits(acl, nobody, all[i], true));
		if (acl_permits(acl, nobody, all[i], false)) {
			assert(acl_is_public(acl));
			assert(acl_permits(acl, BYTES("somebody"), all[i], false));
		}
		if (acl_permits(acl, nobody, ACL_FULL_CONTROL, false)) {
			assert(acl_permits(acl, nobody, all[i], false));
		}
	}
}

/* `named`: grantees have the names that XML gives back, none but the owner's. */
static void check(struct arena *a, const struct acl *acl, bool named)
{
	struct writer form = writer_growing(ACL_MAX_BYTES);
	struct writer xml = writer_growing(XML_MAX_BYTES);
	struct acl again;

	assert(acl->n <= ACL_GRANTS_MAX);
	check_permits(acl);
	acl_write(&form, acl);
	if (needs_resolving(acl)) {
		assert(form.full);
	} else {
		enum err e = acl_read(a, writer_bytes(&form), &again);
		assert(!form.full && e == OK && same(acl, &again));
		acl_write_xml(&xml, acl);
		if (named) {
			e = acl_read_xml(a, writer_bytes(&xml), acl->owner, &again);
			assert(e == OK && same(acl, &again));
		}
		(void)e;
	}
	writer_free(&form);
	writer_free(&xml);
}

static enum err read_headers(struct arena *a, struct bytes text, struct acl_person owner,
                             struct acl *ret)
{
	struct field headers[HEADERS_MAX];
	struct acl_person bucket_owner = {BYTES("b"), BYTES("")};
	struct acl_request q = {.headers = headers, .owner = owner};
	const char *why = NULL;
	bool said;

	q.bucket_owner = text.n % 2 == 0 ? &bucket_owner : NULL;
	while (text.p != NULL && q.n < HEADERS_MAX) {
		struct bytes line = bytes_split(&text, '\n');
		headers[q.n].name = bytes_split(&line, ':');
		headers[q.n++].value = line;
	}
	enum err e = acl_read_request(a, &q, &said, ret, &why);
	assert((e == ERR_INPUT) == (why != NULL));
	return e;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena_freep) struct arena *a = arena_new(ARENA_BYTES);
	struct acl_person owner = {BYTES("o"), BYTES("name")};
	struct acl acl;

	if (size == 0) {
		return 0;
	}
	struct bytes text = bytes_skip(bytes_of(data, size), 1);
	if (data[0] == 'x' && acl_read_xml(a, text, owner, &acl) == OK) {
		check(a, &acl, true);
	} else if (data[0] == 'h' && read_headers(a, text, owner, &acl) == OK) {
		check(a, &acl, true);
	} else if (data[0] == 'f' && acl_read(a, text, &acl) == OK) {
		struct writer w = writer_growing(ACL_MAX_BYTES);
		acl_write(&w, &acl);
		assert(bytes_equal(writer_bytes(&w), text));
		writer_free(&w);
		check(a, &acl, false);
	}
	return 0;
}
