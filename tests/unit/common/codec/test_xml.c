/* XML: what is written parses back; what is hostile is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "common/base/attr.h"
#include "common/codec/xml.h"

static enum err parse(struct arena *a, const char *text, struct xml_node **ret)
{
	return xml_parse(a, bytes_text(text), 100, ret);
}

static void the_writer(void **state)
{
	uint8_t memory[512];
	struct writer w = writer_fixed(memory, sizeof(memory));

	(void)state;
	xml_begin(&w);
	xml_open(&w, "R xmlns=\"u\"");
	xml_element(&w, "K", BYTES("a<b>&\"'c"));
	xml_element_text(&w, "T", "t");
	xml_element_u64(&w, "N", UINT64_MAX);
	xml_element_bool(&w, "B", true);
	xml_element_bool(&w, "B", false);
	xml_close(&w, "R");
	assert_true(bytes_is(writer_bytes(&w),
	                     "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<R xmlns=\"u\">"
	                     "<K>a&lt;b&gt;&amp;&quot;'c</K><T>t</T><N>18446744073709551615</N>"
	                     "<B>true</B><B>false</B></R>"));
}

static void escapes(void **state)
{
	uint8_t memory[256];
	struct writer w = writer_fixed(memory, sizeof(memory));

	(void)state;
	xml_escape(&w, bytes_of("\0\x01\x1f\t\n\r\x7f\xc3\xa9\xff\xef\xbf\xbe\xef\xbf\xbf\xef\xbf\xbd", 19));
	assert_true(bytes_is(writer_bytes(&w), "&#x0;&#x1;&#x1F;\t\n&#xD;\x7f\xc3\xa9\xef\xbf\xbd"
	                                       "&#xFFFE;&#xFFFF;\xef\xbf\xbd"));
	w.used = 0;
	xml_escape(&w, (struct bytes){NULL, 0});
	assert_int_equal(w.used, 0);
}

static void what_is_written_parses_back(void **state)
{
	AUTO(arena_freep) struct arena *a = arena_new(1 << 16);
	uint8_t memory[1024];
	struct writer w = writer_fixed(memory, sizeof(memory));
	struct bytes key = BYTES(" <key>&\r\n\t\"'\xf0\x9f\x98\x80 ");
	struct xml_node *root = NULL;

	(void)state;
	xml_begin(&w);
	xml_open(&w, "R");
	xml_element(&w, "Key", key);
	xml_close(&w, "R");
	assert_int_equal(xml_parse(a, writer_bytes(&w), 2, &root), OK);
	assert_true(bytes_equal(xml_text(root, "Key"), key));
}

static void the_tree(void **state)
{
	AUTO(arena_freep) struct arena *a = arena_new(1 << 16);
	struct xml_node *root = NULL;

	(void)state;
	assert_int_equal(parse(a, "\xef\xbb\xbf<?xml version='1.0' encoding='utf-8'?><!-- c -->\n"
	                          "<p:Delete xmlns:p='urn:x' xmlns='urn:y' at='1'>x<Object><Key>k1</Key>"
	                          "</Object>y<?pi z?><p:Object><Key>k<![CDATA[<2>]]>&amp;&#65;</Key>"
	                          "<Empty/></p:Object><Other/></p:Delete>\n",
	                       &root), OK);
	assert_true(bytes_is(root->name, "Delete"));
	assert_true(bytes_is(root->text, "xy")); /* joined around the children */
	assert_null(root->next);
	const struct xml_node *first = xml_child(root, "Object");
	const struct xml_node *second = xml_next(first, "Object");
	assert_true(bytes_is(xml_text(first, "Key"), "k1"));
	assert_true(bytes_is(xml_text(second, "Key"), "k<2>&A"));
	assert_null(xml_next(second, "Object"));
	assert_non_null(xml_next(second, "Other"));
	assert_non_null(xml_text(second, "Empty").p);
	assert_int_equal(xml_text(second, "Empty").n, 0);
	assert_null(xml_text(second, "Absent").p);
	assert_null(xml_child(NULL, "x"));
	assert_null(xml_next(NULL, "x"));
	assert_null(xml_text(NULL, "x").p);
}

static void hostile_documents(void **state)
{
	static const char *const bad[] = {
		"", " ", "text", "<a>", "<a></b>", "<a/><b/>", "<a/>x", "<a b='1' b='2'/>", "<a>&x;</a>",
		"<a>&#0;</a>", "<a>\x01</a>", "<a>\xff</a>", "<a>\xc0\x80</a>", "<p:a/>", "<a:b:c/>",
		"<!DOCTYPE a><a/>", "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>",
		"<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>",
		"<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>",
		"<!DOCTYPE a [<!ENTITY % x SYSTEM 'http://h/'> %x;]><a/>",
		"<!DOCTYPE l [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'><!ENTITY c '&b;&b;'>]><l>&c;</l>",
		"\xfe\xff\0<\0a\0/\0>",
	};
	AUTO(arena_freep) struct arena *a = arena_new(1 << 20);

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct xml_node *root = NULL;
		assert_int_equal(parse(a, bad[i], &root), ERR_INPUT);
		assert_null(root);
	}
}

static void write_nested(struct writer *w, size_t depth)
{
	for (size_t i = 0; i < depth; i++) {
		write_text(w, "<a>");
	}
	for (size_t i = 0; i < depth; i++) {
		write_text(w, "t</a>");
	}
}

static void depth_is_limited(void **state)
{
	AUTO(arena_freep) struct arena *a = arena_new(1 << 16);
	uint8_t memory[1024];
	struct writer w = writer_fixed(memory, sizeof(memory));
	struct xml_node *root = NULL;

	(void)state;
	write_nested(&w, 16);
	assert_int_equal(xml_parse(a, writer_bytes(&w), 100, &root), OK);
	for (const struct xml_node *n = root; n != NULL; n = n->child) {
		assert_true(bytes_is(n->text, "t"));
	}
	w = writer_fixed(memory, sizeof(memory));
	write_nested(&w, 17);
	assert_int_equal(xml_parse(a, writer_bytes(&w), 100, &root), ERR_INPUT);
}

static void elements_and_memory_are_limited(void **state)
{
	AUTO(arena_freep) struct arena *a = arena_new(4096);
	struct xml_node *root = NULL;
	static uint8_t memory[100000];
	struct writer w = writer_fixed(memory, sizeof(memory));

	(void)state;
	assert_int_equal(xml_parse(a, BYTES("<a><b/><b/></a>"), 3, &root), OK);
	assert_int_equal(xml_parse(a, BYTES("<a><b/><b/></a>"), 2, &root), ERR_LIMIT);
	assert_int_equal(xml_parse(a, BYTES("<a/>"), 0, &root), ERR_LIMIT);
	write_text(&w, "<a>");
	memset(writer_reserve(&w, 5000), 'x', 5000);
	w.used += 5000;
	write_text(&w, "</a>");
	assert_int_equal(xml_parse(a, writer_bytes(&w), 3, &root), ERR_LIMIT);
	w = writer_fixed(memory, sizeof(memory));
	write_text(&w, "<a>");
	for (int i = 0; i < 1000; i++) {
		write_text(&w, "<b/>");
	}
	write_text(&w, "</a>");
	assert_int_equal(xml_parse(a, writer_bytes(&w), 2000, &root), ERR_LIMIT);
}

/* Ten thousand parts, as the largest CompleteMultipartUpload has them. */
static void a_large_document(void **state)
{
	enum { PARTS = 10000 };
	AUTO(arena_freep) struct arena *a = arena_new(8 << 20);
	struct writer w = writer_growing(2 << 20);
	struct xml_node *root = NULL;
	uint64_t sum = 0;

	(void)state;
	xml_begin(&w);
	xml_open(&w, "C");
	for (uint64_t i = 1; i <= PARTS; i++) {
		xml_open(&w, "Part");
		xml_element_u64(&w, "PartNumber", i);
		xml_element_text(&w, "ETag", "\"0123456789abcdef0123456789abcdef\"");
		xml_close(&w, "Part");
	}
	xml_close(&w, "C");
	assert_int_equal(xml_parse(a, writer_bytes(&w), 3 * PARTS + 1, &root), OK);
	for (const struct xml_node *n = xml_child(root, "Part"); n != NULL; n = xml_next(n, "Part")) {
		uint64_t v = 0;
		assert_int_equal(bytes_u64(xml_text(n, "PartNumber"), &v), OK);
		sum += v;
	}
	assert_true(sum == (uint64_t)PARTS * (PARTS + 1) / 2);
	writer_free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_writer),
		cmocka_unit_test(escapes),
		cmocka_unit_test(what_is_written_parses_back),
		cmocka_unit_test(the_tree),
		cmocka_unit_test(hostile_documents),
		cmocka_unit_test(depth_is_limited),
		cmocka_unit_test(elements_and_memory_are_limited),
		cmocka_unit_test(a_large_document),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
