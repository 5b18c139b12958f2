/* Forms: the same fields, file and verdict however the body is cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/attr.h"
#include "common/codec/form.h"

enum { ARENA_BYTES = 128 << 10, OUT_MAX = 64 << 10 };

struct result {
	struct arena *arena;
	struct form *form;
	struct writer out;    /* "name=value\n"..., "file NAME\n", then the bytes of the file */
	enum err sink_error;
};

static enum err on_fields(void *context, const struct field *fields, size_t n, struct bytes file_name)
{
	struct result *r = context;

	for (size_t i = 0; i < n; i++) {
		write_bytes(&r->out, fields[i].name);
		write_text(&r->out, "=");
		write_bytes(&r->out, fields[i].value);
		write_text(&r->out, "\n");
	}
	write_text(&r->out, file_name.p == NULL ? "nameless" : "file ");
	write_bytes(&r->out, file_name);
	write_text(&r->out, "\n");
	return r->sink_error;
}

static enum err on_file(void *context, struct bytes b)
{
	struct result *r = context;

	assert_true(b.n > 0);
	write_bytes(&r->out, b);
	return OK;
}

static struct result *result_new(const char *boundary, enum err sink_error)
{
	struct result *r = calloc(1, sizeof(*r));

	r->arena = arena_new(ARENA_BYTES);
	r->out = writer_growing(OUT_MAX);
	r->sink_error = sink_error;
	r->form = form_new(r->arena, bytes_text(boundary), (struct form_sink){on_fields, on_file, r});
	assert_non_null(r->form);
	return r;
}

static void result_free(struct result *r)
{
	writer_free(&r->out);
	arena_free(r->arena);
	free(r);
}

static enum err push(struct result *r, struct bytes b)
{
	/* In memory of its own, so that a sanitizer sees a step beyond it. */
	uint8_t *copy = malloc(b.n + 1);
	memcpy(copy, b.p, b.n);
	enum err e = form_push(r->form, bytes_of(copy, b.n));
	free(copy);
	return e;
}

/* Steps of one size, from an offset. */
static enum err run(struct result *r, struct bytes body, size_t first, size_t step)
{
	TRY(push(r, bytes_first(body, first)));
	for (body = bytes_skip(body, first); body.n > 0; body = bytes_skip(body, step)) {
		TRY(push(r, bytes_first(body, step)));
	}
	return form_end(r->form);
}

static void check(struct bytes body, size_t first, size_t step, enum err want, struct bytes out)
{
	struct result *r = result_new("AaB03x", OK);
	enum err e = run(r, body, first, step);

	if (e != want || (want == OK && !bytes_equal(writer_bytes(&r->out), out))) {
		fail_msg("cut at %zu, steps of %zu: error %d, not %d; have %.*s", first, step, e, want,
		         (int)r->out.used, (const char *)r->out.p);
	}
	if (want != OK && form_push(r->form, BYTES("more")) == OK) {
		assert_int_not_equal(form_end(r->form), OK); /* it never becomes good again */
	}
	result_free(r);
}

static void expect_bytes(struct bytes body, enum err want, struct bytes out)
{
	static const size_t steps[] = {1, 2, 3, 7, 64};

	for (size_t i = 0; i < COUNT(steps); i++) {
		check(body, 0, steps[i], want, out);
	}
	for (size_t cut = 0; cut <= body.n; cut++) {
		check(body, cut, SIZE_MAX, want, out);
	}
}

static void expect(const char *body, enum err want, const char *out)
{
	expect_bytes(bytes_text(body), want, bytes_text(out));
}

#define B "--AaB03x"
#define FIELD(name, value)                                                                         \
	B "\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n" value "\r\n"
#define FILE_HEAD B "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f.txt\"\r\n\r\n"
#define END "\r\n" B "--\r\n"

static void good_forms(void **state)
{
	(void)state;
	expect(FIELD("key", "k") FILE_HEAD "data" END, OK, "key=k\nfile f.txt\ndata");
	expect(FILE_HEAD END, OK, "file f.txt\n");
	expect("preamble\r\n" FILE_HEAD "x" END "epilogue", OK, "file f.txt\nx");
	expect("\r\n" FILE_HEAD "x" END, OK, "file f.txt\nx");
	expect(FIELD("AcL", "Private") FIELD("a", "") FILE_HEAD "x" END, OK,
	       "acl=Private\na=\nfile f.txt\nx");
	/* Padding behind a delimiter, other headers, names without quotes, any order. */
	expect(B " \t \r\nX-Other: 1\r\ncontent-DISPOSITION:form-data;name=key\r\nContent-Type: text/plain"
	       "\r\n\r\nk\r\n" FILE_HEAD "x\r\n" B " --", ERR_INPUT, NULL);
	expect(B " \t \r\nX-Other: 1\r\ncontent-DISPOSITION:form-data;name=key\r\nContent-Type: text/plain"
	       "\r\n\r\nk\r\n" B "\r\nContent-Disposition: form-data; filename=\"\"; name=FILE\r\n\r\nx"
	       END, OK, "key=k\nfile \nx");
	expect(B "\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nx" END, OK, "nameless\nx");
	/* Fields with a file name are fields; quotes and backslashes as browsers write them. */
	expect(B "\r\nContent-Disposition: form-data; name=\"key\"; filename=\"key\"\r\n\r\nk\r\n"
	       B "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"C:\\d\\a\\\"b;c.txt\""
	       "\r\n\r\nx" END, OK, "key=k\nfile C:\\d\\a\\\"b;c.txt\nx");
	/* What follows the file is not looked at. */
	expect(FILE_HEAD "x\r\n" B "\r\ngarbage\r\n\r\n", OK, "file f.txt\nx");
	expect(FILE_HEAD "x\r\n" FIELD("late", "v") FILE_HEAD "y" END, OK, "file f.txt\nx");
}

/* Everything that looks like the begin of a delimiter and is none. */
static void near_delimiters(void **state)
{
	(void)state;
	expect(FILE_HEAD "\r" END, OK, "file f.txt\n\r");
	expect(FILE_HEAD "\r\n" END, OK, "file f.txt\n\r\n");
	expect(FILE_HEAD "\r\r\n" END, OK, "file f.txt\n\r\r\n");
	expect(FILE_HEAD "\r\n-" END, OK, "file f.txt\n\r\n-");
	expect(FILE_HEAD "\r\n--" END, OK, "file f.txt\n\r\n--");
	expect(FILE_HEAD "\r\n--AaB03" END, OK, "file f.txt\n\r\n--AaB03");
	expect(FILE_HEAD "\r\n--AaB03\r\n--AaB03" END, OK, "file f.txt\n\r\n--AaB03\r\n--AaB03");
	expect(FILE_HEAD "\n" B "--\r\n" END, OK, "file f.txt\n\n" B "--\r\n");
	expect(FILE_HEAD B "--" END, OK, "file f.txt\n" B "--");
	expect(FILE_HEAD "\r\n--aab03x" END, OK, "file f.txt\n\r\n--aab03x");
	expect(FIELD("a", "1\r\n--AaB03\r\r\n") FILE_HEAD "x" END, OK,
	       "a=1\r\n--AaB03\r\r\n\nfile f.txt\nx");
	expect_bytes(BYTES(FILE_HEAD "\0\xff\0" END), OK, BYTES("file f.txt\n\0\xff\0"));
}

static void broken_forms(void **state)
{
	(void)state;
	expect("", ERR_INPUT, NULL);
	expect("data", ERR_INPUT, NULL);
	expect("x" FILE_HEAD "x", ERR_INPUT, NULL);            /* the delimiter begins no line */
	expect(B "--\r\n", ERR_NOTFOUND, NULL);
	expect(FIELD("key", "k") B "--\r\n", ERR_NOTFOUND, NULL);
	expect(FILE_HEAD "data", ERR_INPUT, NULL);             /* cut */
	expect(FILE_HEAD "data\r\n" B, ERR_INPUT, NULL);
	expect(FILE_HEAD "data\r\n" B "-", ERR_INPUT, NULL);
	expect(FILE_HEAD "data\r\n" B "\r", ERR_INPUT, NULL);
	expect(FILE_HEAD "data\r\n" B "more\r\n" END, ERR_INPUT, NULL); /* no guess */
	expect(FILE_HEAD "data\r\n" B "- -\r\n" END, ERR_INPUT, NULL);
	expect(FILE_HEAD "data\r\n" B "\r\r\n" END, ERR_INPUT, NULL);
	expect(FILE_HEAD "data\r\n" B "\n" END, ERR_INPUT, NULL);
	expect(B "\r\n\r\nno name" END, ERR_INPUT, NULL);
	expect(B "\r\nContent-Type: a/b\r\n\r\nx" END, ERR_INPUT, NULL);
	expect(B "\r\nno colon\r\n\r\nx" END, ERR_INPUT, NULL);
	expect(B "\r\nContent-Disposition: form-data\r\n\r\nx" END, ERR_INPUT, NULL);
	expect(B "\r\nContent-Disposition: form-data; name=\"\"\r\n\r\nx" END, ERR_INPUT, NULL);
	expect(B "\r\nContent-Disposition: form-data; name=\"file\r\n\r\nx" END, ERR_INPUT, NULL);
	expect(B "\r\nContent-Disposition: form-data; name=\"file\"x\r\n\r\nx" END, ERR_INPUT, NULL);
	expect(B "\r\nContent-Disposition: attachment; name=\"file\"\r\n\r\nx" END, ERR_INPUT, NULL);
	expect(B "\r\nContent-Disposition: form-data; name=a; name=file\r\n\r\nx" END, ERR_INPUT, NULL);
	expect(B "\r\nContent-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=b"
	       "\r\n\r\nx" END, ERR_INPUT, NULL);
	expect(B "\r\nContent-Disposition: form-data; name=file\n\nx" END, ERR_INPUT, NULL);
}

/* 20 KiB before the file and not one more; the file has no such limit. */
static void limits(void **state)
{
	const char *head = B "\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n";
	size_t around = strlen(head) + strlen("\r\n" FILE_HEAD);
	uint8_t *body = malloc(2 * FORM_HEAD_MAX);

	(void)state;
	for (size_t over = 0; over < 2; over++) {
		struct writer w = writer_fixed(body, 2 * FORM_HEAD_MAX);
		write_text(&w, head);
		while (w.used < strlen(head) + FORM_HEAD_MAX - around + over) {
			write_u8(&w, 'v');
		}
		write_text(&w, "\r\n" FILE_HEAD);
		assert_int_equal(w.used, FORM_HEAD_MAX + over);
		write_text(&w, "a file of some bytes" END);
		for (size_t step = 1; step < 3 * FORM_HEAD_MAX; step = 5 * step + 1) {
			struct result *r = result_new("AaB03x", OK);
			assert_int_equal(run(r, writer_bytes(&w), 0, step), over == 0 ? OK : ERR_LIMIT);
			result_free(r);
		}
	}
	memset(body, 'p', 2 * FORM_HEAD_MAX);
	struct result *r = result_new("AaB03x", OK); /* a preamble counts, too */
	assert_int_equal(run(r, bytes_of(body, 2 * FORM_HEAD_MAX), 0, 100), ERR_LIMIT);
	result_free(r);
	for (size_t n = FORM_FIELDS_MAX; n <= FORM_FIELDS_MAX + 1; n++) {
		struct writer w = writer_fixed(body, 2 * FORM_HEAD_MAX);
		for (size_t i = 0; i < n; i++) {
			write_text(&w, FIELD("a", "v"));
		}
		write_text(&w, FILE_HEAD "x" END);
		r = result_new("AaB03x", OK);
		assert_int_equal(run(r, writer_bytes(&w), 0, SIZE_MAX),
		                 n > FORM_FIELDS_MAX ? ERR_LIMIT : OK);
		result_free(r);
	}
	free(body);
}

static void a_sink_refuses(void **state)
{
	struct result *r = result_new("AaB03x", ERR_DENIED);

	(void)state;
	assert_int_equal(push(r, BYTES(FILE_HEAD "data" END)), ERR_DENIED);
	assert_int_equal(push(r, BYTES(FILE_HEAD "data" END)), ERR_DENIED);
	assert_int_equal(form_end(r->form), ERR_DENIED);
	assert_true(bytes_is(writer_bytes(&r->out), "file f.txt\n"));
	result_free(r);
}

static void wiped(void **state)
{
	struct result *r = result_new("AaB03x", OK);

	(void)state;
	assert_int_equal(push(r, BYTES(FIELD("key", "a secret") FILE_HEAD "data" END)), OK);
	form_wipe(r->form);
	assert_null(memmem(r->form, FORM_HEAD_MAX, "secret", 6));
	result_free(r);
}

static void boundaries(void **state)
{
	static const struct { const char *type; enum err want; const char *boundary; } rows[] = {
		{"multipart/form-data; boundary=AaB03x", OK, "AaB03x"},
		{"Multipart/Form-Data;BOUNDARY=\"a b\"", OK, "a b"},
		{"multipart/form-data ; charset=utf-8 ; boundary = x ", OK, "x"},
		{"multipart/form-data; boundary=----WebKitFormBoundary'()+_,./:=?", OK,
		 "----WebKitFormBoundary'()+_,./:=?"},
		{"multipart/form-data", ERR_INPUT, NULL},
		{"multipart/form-data; boundary=", ERR_INPUT, NULL},
		{"multipart/form-data; boundary=\"\"", ERR_INPUT, NULL},
		{"multipart/form-data; boundary=\"x", ERR_INPUT, NULL},
		{"multipart/form-data; boundary=\"x \"", ERR_INPUT, NULL},
		{"multipart/form-data; boundary=a\r\nb", ERR_INPUT, NULL},
		{"multipart/form-data; boundary=a\xc3\xa9", ERR_INPUT, NULL},
		{"multipart/form-data; boundary=a; boundary=b", ERR_INPUT, NULL},
		{"multipart/form-data; x; boundary=a", ERR_INPUT, NULL},
		{"multipart/form-data; boundary="
		 "1234567890123456789012345678901234567890123456789012345678901234567890", OK,
		 "1234567890123456789012345678901234567890123456789012345678901234567890"},
		{"multipart/form-data; boundary="
		 "12345678901234567890123456789012345678901234567890123456789012345678901", ERR_INPUT, NULL},
		{"", ERR_NOTFOUND, NULL}, {"multipart/mixed; boundary=x", ERR_NOTFOUND, NULL},
		{"application/x-www-form-urlencoded", ERR_NOTFOUND, NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bytes b = {NULL, 0};
		if (form_boundary(bytes_text(rows[i].type), &b) != rows[i].want) {
			fail_msg("%s", rows[i].type);
		}
		assert_true(rows[i].want != OK || bytes_is(b, rows[i].boundary));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_forms),     cmocka_unit_test(near_delimiters),
		cmocka_unit_test(broken_forms),   cmocka_unit_test(limits),
		cmocka_unit_test(a_sink_refuses), cmocka_unit_test(wiped),
		cmocka_unit_test(boundaries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
