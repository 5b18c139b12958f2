/* What the handlers read from requests and write into answers. */
#include <stdlib.h>
#include <string.h>

#include "common/base/attr.h"
#include "common/codec/base64.h"
#include "server/kms/api_ops.h"

enum { KEY_ID_MAX = 2048, MARKER_MAX = 320, ARN_MAX = KEYRING_ARN_BYTES };

/* --- members --- */

enum api_error api_text(struct api_call *c, const char *member, size_t max, struct bytes *ret)
{
	const struct json *v = json_get(c->in, member);

	*ret = (struct bytes){0};
	if (v == NULL) {
		return API_OK;
	}
	if (!json_is_string(v)) {
		return api_refuse(c, API_SERIALIZATION, "", bytes_text(member), " must be a string");
	}
	struct bytes b = json_bytes(v);
	if (b.n > max) {
		return api_invalid(c, member, "Member is too long");
	}
	*ret = b;
	return API_OK;
}

enum api_error api_number(struct api_call *c, const char *member, uint64_t max, uint64_t *ret)
{
	uint64_t n = 0;
	enum err e = json_get_u64(c->in, member, &n);

	*ret = 0;
	if (e == ERR_NOTFOUND) {
		return API_OK;
	}
	if (e != OK || n == 0 || n > max) {
		return api_invalid(c, member, "Member must have value in the range of the documentation");
	}
	*ret = n;
	return API_OK;
}

enum api_error api_flag(struct api_call *c, const char *member, bool *ret)
{
	*ret = json_get_bool(c->in, member, false);
	if (json_get(c->in, member) != NULL && json_get_bool(c->in, member, true) != *ret) {
		return api_refuse(c, API_SERIALIZATION, "", bytes_text(member), " must be a boolean");
	}
	return API_OK;
}

enum api_error api_blob(struct api_call *c, const char *member, size_t max, struct writer *w)
{
	struct bytes text;
	enum api_error bad = api_text(c, member, API_BODY_MAX, &text);
	size_t before = w->used;

	if (bad != API_OK) {
		return bad;
	}
	if (text.p == NULL) {
		return api_invalid(c, member, "Member must not be null");
	}
	enum err e = base64_read(text, w);
	wipe((void *)(uintptr_t)text.p, text.n); /* jansson would not */
	size_t n = w->used - before;
	if (e == ERR_LIMIT || n > max) {
		return api_invalid(c, member, max == BLOB_PLAIN_MAX ?
		                   "Member must have length less than or equal to 4096" :
		                   "Member must have length less than or equal to 6144");
	}
	if (e != OK) {
		return api_refuse(c, API_SERIALIZATION, "", bytes_text(member), " must be base64");
	}
	return n > 0 ? API_OK
	             : api_invalid(c, member, "Member must have length greater than or equal to 1");
}

enum api_error api_only(struct api_call *c, const char *member, const char *word, enum api_error e)
{
	struct bytes got;
	enum api_error bad = api_text(c, member, KEY_ID_MAX, &got);

	if (bad != API_OK) {
		return bad;
	}
	return got.p == NULL || bytes_is(got, word) ? API_OK : e;
}

enum api_error api_none(struct api_call *c, const char *member, enum api_error e)
{
	const struct json *v = json_get(c->in, member);
	struct bytes name;
	const struct json *first;

	if (v == NULL || (json_is_array(v) && json_count(v) == 0) ||
	    (json_is_object(v) && !json_member(v, 0, &name, &first))) {
		return API_OK;
	}
	return e;
}

/* --- encryption context --- */

static int by_name(const void *a, const void *b)
{
	return bytes_compare(((const struct field *)a)->name, ((const struct field *)b)->name);
}

/* The members, in the order of the bytes of their names. The parser has refused a name that stands twice. */
static enum api_error read_context(struct api_call *c, const struct json *map,
                                   struct field **ret, size_t *ret_n)
{
	struct bytes name;
	const struct json *value;
	size_t n = 0;

	while (json_member(map, n, &name, &value)) {
		n++;
	}
	struct field *f = arena_alloc(c->a, n * sizeof(*f));
	if (f == NULL) {
		return api_fault(c, ERR_LIMIT, "encryption context");
	}
	for (size_t i = 0; i < n && json_member(map, i, &name, &value); i++) {
		if (!json_is_string(value)) {
			return api_refuse(c, API_SERIALIZATION, "the encryption context must hold strings",
			                  (struct bytes){0}, "");
		}
		f[i] = (struct field){name, json_bytes(value)};
	}
	qsort(f, n, sizeof(*f), by_name);
	*ret = f;
	*ret_n = n;
	return API_OK;
}

enum api_error api_context(struct api_call *c, const char *member, struct bytes *ret)
{
	const struct json *map = json_get(c->in, member);
	struct field *f = NULL;
	size_t n = 0;

	*ret = (struct bytes){0};
	if (map == NULL) {
		return API_OK;
	}
	if (!json_is_object(map)) {
		return api_refuse(c, API_SERIALIZATION, "", bytes_text(member), " must be a map");
	}
	enum api_error bad = read_context(c, map, &f, &n);
	if (bad != API_OK || n == 0) {
		return bad;
	}
	uint8_t *memory = arena_alloc(c->a, API_CONTEXT_MAX);
	if (memory == NULL) {
		return api_fault(c, ERR_LIMIT, "encryption context");
	}
	struct writer w = writer_fixed(memory, API_CONTEXT_MAX);
	write_u16(&w, (uint16_t)n); /* the parser allows 1,024 members */
	for (size_t i = 0; i < n; i++) {
		write_lv16(&w, f[i].name);
		write_lv16(&w, f[i].value);
	}
	if (writer_end(&w) != OK) {
		return api_invalid(c, member, "Member must have length less than or equal to 8192");
	}
	*ret = writer_bytes(&w);
	return API_OK;
}

/* --- keys --- */

/* "alias/x", or an ARN whose sixth part begins so. */
static bool names_alias(struct bytes name)
{
	unsigned before = bytes_starts(name, BYTES("arn:")) ? 5 : 0; /* arn:aws:kms:region:tenant: */

	while (before-- > 0) {
		(void)bytes_split(&name, ':');
	}
	return bytes_starts(name, BYTES("alias/"));
}

static enum api_error resolve(struct api_call *c, struct bytes name, bool alias,
                              uint8_t id[RECORD_UUID_BYTES])
{
	bool by_alias = names_alias(name);

	if (by_alias ? !alias : !bytes_starts(name, BYTES("arn:")) &&
	                        keyring_read_uuid(name, id) != OK) {
		return api_refuse(c, API_NOT_FOUND, "Invalid keyId '", name, "'");
	}
	enum err e = keyring_resolve(c->k, c->tenant, name, id);
	if (e == ERR_NOTFOUND) {
		return by_alias ? api_refuse(c, API_NOT_FOUND, "Alias ", name, " is not found.")
		                : api_refuse(c, API_NOT_FOUND, "Invalid keyId '", name, "'");
	}
	if (e == ERR_DENIED) {
		c->entry.detail = BYTES("an ARN of another tenant or region");
		return api_refuse(c, API_ACCESS_DENIED, "You are not allowed to access ", name, ".");
	}
	return api_fault(c, e, "name of a key");
}

enum api_error api_key(struct api_call *c, const char *member, bool alias, struct record_key *ret)
{
	uint8_t id[RECORD_UUID_BYTES];
	struct bytes name, plain;
	enum api_error bad = api_text(c, member, KEY_ID_MAX, &name);

	if (bad != API_OK) {
		return bad;
	}
	if (name.n == 0) {
		return api_invalid(c, member, "Member must not be null");
	}
	bad = resolve(c, name, alias, id);
	if (bad != API_OK) {
		return bad;
	}
	enum err e = keystore_get(c->k->store, c->a, KEYSTORE_KEYS, bytes_of(id, sizeof(id)), &plain);
	if (e == OK) {
		e = record_key_read(plain, ret);
	}
	bool other = e == OK && !bytes_equal(ret->tenant, c->tenant);
	if (other) {
		c->entry.detail = BYTES("a key of another tenant");
	}
	if (other || e == ERR_NOTFOUND) {
		return api_refuse(c, API_NOT_FOUND, "Key '", name, "' does not exist");
	}
	return api_fault(c, e, "key");
}

enum api_error api_about(struct api_call *c, const struct record_key *key, const char *what)
{
	uint8_t arn[ARN_MAX];
	struct writer w = writer_fixed(arn, sizeof(arn));

	keyring_write_arn(&w, c->k->config->region, key->tenant, key->id);
	const struct bytes parts[] = {writer_bytes(&w), bytes_text(what)};
	c->entry.detail = arena_join(c->a, parts, COUNT(parts));
	return c->entry.detail.p == NULL ? api_fault(c, ERR_LIMIT, "entry") : API_OK;
}

/* --- answers --- */

void api_write_arn(struct api_call *c, const char *name, const uint8_t id[RECORD_UUID_BYTES])
{
	uint8_t arn[ARN_MAX];
	struct writer w = writer_fixed(arn, sizeof(arn));

	keyring_write_arn(&w, c->k->config->region, c->tenant, id);
	json_string(c->out, name, writer_bytes(&w));
}

void api_write_id(struct api_call *c, const char *name, const uint8_t id[RECORD_UUID_BYTES])
{
	uint8_t text[KEYRING_UUID_TEXT];
	struct writer w = writer_fixed(text, sizeof(text));

	keyring_write_uuid(&w, id);
	json_string(c->out, name, writer_bytes(&w));
}

void api_write_base64(struct api_call *c, const char *name, struct bytes b)
{
	struct writer w AUTO(writer_free) = writer_growing(2 * BLOB_MAX_BYTES);

	base64_write(&w, b);
	json_string(c->out, name, writer_bytes(&w));
	if (w.full) {
		c->out->out->full = true; /* no memory: the answer is not whole */
	}
}

/* --- pages --- */

enum api_error api_page_begin(struct api_call *c, struct api_page *ret, uint64_t limit)
{
	struct api_page p = {.limit = limit};
	struct bytes text;
	enum api_error bad = api_number(c, "Limit", 1000, &p.limit);

	if (bad == API_OK) {
		bad = api_text(c, "Marker", MARKER_MAX, &text);
	}
	if (bad != API_OK) {
		return bad;
	}
	p.limit = p.limit == 0 ? limit : p.limit;
	if (text.p != NULL) {
		uint8_t *memory = arena_alloc(c->a, MARKER_MAX);
		struct writer w = writer_fixed(memory, memory == NULL ? 0 : MARKER_MAX);
		if (base64_read(text, &w) != OK || w.used == 0) {
			return API_INVALID_MARKER;
		}
		p.marker = writer_bytes(&w);
	}
	*ret = p;
	return API_OK;
}

enum err api_page_row(struct api_page *p, struct bytes key)
{
	if (p->marker.p != NULL && bytes_compare(key, p->marker) <= 0) {
		return ERR_NOTFOUND;
	}
	if (p->given == p->limit) {
		p->truncated = true;
		return ERR_CANCELLED;
	}
	if (key.n > sizeof(p->memory)) {
		return ERR_CORRUPT;
	}
	memcpy(p->memory, key.p, key.n);
	p->last = bytes_of(p->memory, key.n);
	p->given++;
	return OK;
}

void api_page_end(struct api_call *c, const struct api_page *p)
{
	json_bool(c->out, "Truncated", p->truncated);
	if (p->truncated) {
		api_write_base64(c, "NextMarker", p->last);
	}
}
