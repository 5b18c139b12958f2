/* Listings and deletions of many: the XML of S3 in and out. */
#include <string.h>

#include "client/lib/s3_internal.h"
#include "common/base/attr.h"
#include "common/codec/base64.h"
#include "common/codec/uri.h"
#include "common/codec/xml.h"
#include "common/crypto/checksum.h"

enum {
	PAGE_ELEMENTS_MAX = 40000, /* 1,000 entries of S3 have about 10 elements each */
	PAGE_BYTES_MAX = 40 << 20, /* memory of a page: its tree and its names */
	TOKEN_BYTES_MAX = 4096,
	DELETE_BYTES_MAX = 8 << 20, /* 1,000 keys of 1,024 bytes, escaped */
	MD5_BASE64_BYTES = 24,
};

static enum err bad_answer(struct report *r)
{
	return report_set(r, ERR_CORRUPT,
	                  (const char *[]){"the answer is not what S3 sends; is this an S3 endpoint?", NULL});
}

enum err s3_list_buckets(struct s3 *s, s3_each *each, void *context, struct report *ret_report)
{
	struct s3_call call = {.method = "GET"};
	struct s3_answer answer;
	struct xml_node *root;

	TRY(s3_call(s, &call, &answer, ret_report));
	if (xml_parse(s->scratch, answer.body, PAGE_ELEMENTS_MAX, &root) != OK) {
		return bad_answer(ret_report);
	}
	for (const struct xml_node *b = xml_child(xml_child(root, "Buckets"), "Bucket"); b != NULL;
	     b = xml_next(b, "Bucket")) {
		struct s3_entry entry = {
			.name = xml_text(b, "Name"),
			.modified = xml_text(b, "CreationDate"),
		};

		TRY(each(context, &entry));
	}
	return OK;
}

/* A name as encoding-type=url gives it: percent-encoded, and '+' is a blank. */
static enum err decode_name(struct arena *a, struct bytes encoded, struct bytes *ret)
{
	uint8_t *p = arena_alloc(a, encoded.n);

	if (p == NULL) {
		return ERR_LIMIT;
	}
	for (size_t i = 0; i < encoded.n; i++) {
		p[i] = encoded.p[i] == '+' ? ' ' : encoded.p[i];
	}
	return uri_decode(a, bytes_of(p, encoded.n), ret);
}

static enum err give_prefixes(struct arena *a, const struct xml_node *root, bool encoded,
                              s3_each *each, void *context)
{
	for (const struct xml_node *p = xml_child(root, "CommonPrefixes"); p != NULL;
	     p = xml_next(p, "CommonPrefixes")) {
		struct s3_entry entry = {.name = xml_text(p, "Prefix"), .is_prefix = true};

		if (encoded) {
			TRY(decode_name(a, entry.name, &entry.name));
		}
		TRY(each(context, &entry));
	}
	return OK;
}

static enum err give_objects(struct arena *a, const struct xml_node *root, bool encoded,
                             s3_each *each, void *context)
{
	for (const struct xml_node *o = xml_child(root, "Contents"); o != NULL;
	     o = xml_next(o, "Contents")) {
		struct s3_entry entry = {
			.name = xml_text(o, "Key"),
			.modified = xml_text(o, "LastModified"),
			.etag = xml_text(o, "ETag"),
		};

		if (encoded) {
			TRY(decode_name(a, entry.name, &entry.name));
		}
		TRY(bytes_u64(xml_text(o, "Size"), &entry.size_bytes));
		TRY(each(context, &entry));
	}
	return OK;
}

/* A listing under way. The page's arena is not the client's scratch: `each` may make calls. */
struct listing {
	struct s3 *s;
	struct s3_name prefix;
	const char *delimiter;
	struct arena *page;
	uint8_t token[TOKEN_BYTES_MAX];
	size_t token_n; /* 0: from the beginning */
	bool more;
};

static enum err get_page(struct listing *l, struct xml_node **ret, struct report *r)
{
	struct field query[6];
	struct s3_answer answer;
	struct s3_call call = {.method = "GET", .name = {l->prefix.bucket, {NULL, 0}}, .query = query};
	struct bytes copy, token;
	size_t n = 0;

	query[n++] = (struct field){BYTES("list-type"), BYTES("2")};
	query[n++] = (struct field){BYTES("encoding-type"), BYTES("url")};
	if (l->prefix.key.n > 0) {
		query[n++] = (struct field){BYTES("prefix"), l->prefix.key};
	}
	if (l->delimiter != NULL) {
		query[n++] = (struct field){BYTES("delimiter"), bytes_text(l->delimiter)};
	}
	if (l->token_n > 0) {
		query[n++] = (struct field){BYTES("continuation-token"), bytes_of(l->token, l->token_n)};
	}
	call.n_query = n;
	TRY(s3_call(l->s, &call, &answer, r));
	arena_reset(l->page);
	copy = arena_copy(l->page, answer.body);
	if (copy.p == NULL || xml_parse(l->page, copy, PAGE_ELEMENTS_MAX, ret) != OK) {
		return bad_answer(r);
	}
	token = xml_text(*ret, "NextContinuationToken");
	l->more = bytes_is(xml_text(*ret, "IsTruncated"), "true");
	/* Without progress the loop would not end. */
	if (l->more && (token.n == 0 || token.n > TOKEN_BYTES_MAX ||
	                bytes_equal(token, bytes_of(l->token, l->token_n)))) {
		return bad_answer(r);
	}
	memcpy(l->token, token.p == NULL ? l->token : token.p, token.n);
	l->token_n = token.n;
	return OK;
}

static void arena_drop(struct arena **a)
{
	arena_free(*a);
}

enum err s3_list(struct s3 *s, struct s3_name prefix, const char *delimiter, s3_each *each,
                 void *context, struct report *ret_report)
{
	AUTO(arena_drop) struct arena *page = arena_new(PAGE_BYTES_MAX);
	struct listing l = {
		.s = s, .prefix = prefix, .delimiter = delimiter, .page = page, .more = true,
	};
	struct xml_node *root;
	bool encoded;

	if (page == NULL) {
		return s3_no_memory(ret_report);
	}
	while (l.more) {
		TRY(get_page(&l, &root, ret_report));
		encoded = bytes_is(xml_text(root, "EncodingType"), "url");
		(void)bad_answer(ret_report); /* for entries that cannot be read; `each` says its own */
		TRY(give_prefixes(page, root, encoded, each, context));
		TRY(give_objects(page, root, encoded, each, context));
	}
	return OK;
}

static enum err write_delete(struct writer *w, const struct bytes *keys, size_t n)
{
	xml_begin(w);
	xml_open(w, "Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"");
	xml_element_bool(w, "Quiet", true);
	for (size_t i = 0; i < n; i++) {
		xml_open(w, "Object");
		xml_element(w, "Key", keys[i]);
		xml_close(w, "Object");
	}
	xml_close(w, "Delete");
	return writer_end(w);
}

static enum err md5_base64(struct bytes body, struct writer *w)
{
	struct checksum *c;
	uint8_t digest[CHECKSUM_BYTES_MAX];
	size_t n;
	enum err e;

	TRY(checksum_new(CHECKSUM_MD5, &c));
	e = checksum_update(c, body);
	e = e == OK ? checksum_final(c, digest, &n) : e;
	checksum_free(c);
	if (e == OK) {
		base64_write(w, bytes_of(digest, n));
	}
	return e;
}

static enum err check_deleted(struct s3 *s, struct bytes body, struct report *r)
{
	struct xml_node *root;
	const struct xml_node *failed;

	if (xml_parse(s->scratch, body, PAGE_ELEMENTS_MAX, &root) != OK) {
		return bad_answer(r);
	}
	failed = xml_child(root, "Error");
	if (failed == NULL) {
		return OK;
	}
	const char *key = arena_text(s->scratch, xml_text(failed, "Key"));
	const char *code = arena_text(s->scratch, xml_text(failed, "Code"));
	return report_set(r, ERR_DENIED,
	                  (const char *[]){"not deleted: ", key == NULL ? "" : key, ": ",
	                                   code == NULL ? "" : code, NULL});
}

enum err s3_delete_many(struct s3 *s, struct bytes bucket, const struct bytes *keys, size_t n,
                        struct report *ret_report)
{
	AUTO(writer_free) struct writer body = writer_growing(DELETE_BYTES_MAX);
	uint8_t md5[MD5_BASE64_BYTES];
	struct writer w = writer_fixed(md5, sizeof(md5));
	const struct field query = {BYTES("delete"), {NULL, 0}};
	struct field headers[2] = {{BYTES("Content-MD5"), {md5, sizeof(md5)}},
	                           {BYTES("Content-Type"), BYTES("application/xml")}};
	struct s3_call call = {.method = "POST", .name = {bucket, {NULL, 0}}, .query = &query,
	                       .n_query = 1, .headers = headers, .n_headers = 2};
	struct s3_answer answer;

	if (n > S3_DELETE_KEYS_MAX || write_delete(&body, keys, n) != OK ||
	    md5_base64(writer_bytes(&body), &w) != OK) {
		return report_set(ret_report, ERR_LIMIT, (const char *[]){"too many keys at once", NULL});
	}
	call.body = writer_bytes(&body);
	TRY(s3_call(s, &call, &answer, ret_report));
	return check_deleted(s, answer.body, ret_report);
}
