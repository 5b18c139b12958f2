/* JSON: the writer places commas, the reader limits and checks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "common/base/attr.h"
#include "common/codec/json.h"

enum { SIZE_MAX_BYTES = 1 << 20 };

static void the_writer_places_commas(void **state)
{
	uint8_t memory[256];
	struct writer w = writer_fixed(memory, sizeof(memory));
	struct json_writer j = json_writer_of(&w);

	(void)state;
	json_object_begin(&j, NULL);
	json_text(&j, "s", "t");
	json_array_begin(&j, "a");
	json_u64(&j, NULL, UINT64_MAX);
	json_object_begin(&j, NULL);
	json_object_end(&j);
	json_array_begin(&j, NULL);
	json_array_end(&j);
	json_null(&j, NULL);
	json_array_end(&j);
	json_bool(&j, "b", true);
	json_object_begin(&j, "o");
	json_bool(&j, "f\"", false);
	json_string(&j, "x", BYTES("\xff\"\n"));
	json_object_end(&j);
	json_null(&j, "n");
	json_object_end(&j);
	assert_true(bytes_is(writer_bytes(&w),
	                     "{\"s\":\"t\",\"a\":[18446744073709551615,{},[],null],\"b\":true,"
	                     "\"o\":{\"f\\\"\":false,\"x\":\"\xef\xbf\xbd\\\"\\n\"},\"n\":null}"));
	assert_int_equal(j.depth, 0);
}

static void the_writer_goes_32_deep(void **state)
{
	uint8_t memory[256];
	struct writer w = writer_fixed(memory, sizeof(memory));
	struct json_writer j = json_writer_of(&w);
	struct json *v = NULL;

	(void)state;
	for (int i = 0; i < 32; i++) {
		json_array_begin(&j, NULL);
	}
	json_u64(&j, NULL, 1);
	json_u64(&j, NULL, 2);
	for (int i = 0; i < 32; i++) {
		json_array_end(&j);
	}
	assert_int_equal(json_parse(writer_bytes(&w), SIZE_MAX_BYTES, &v, NULL), OK);
	json_freep(&v);
	assert_null(v);
}

static void scalars_as_text(void **state)
{
	static const char *const texts[] = {"t\xc3\xa9", "7", "-1", "1.2", "0.1", "true", "false", ""};
	AUTO(json_freep) struct json *v = NULL;
	uint8_t memory[32];

	(void)state;
	assert_int_equal(json_parse(BYTES("[\"t\\u00e9\",7,-1,1.2,0.1,true,false,\"\",null,[],{}]"),
	                            SIZE_MAX_BYTES, &v, NULL), OK);
	for (size_t i = 0; i < json_count(v); i++) {
		struct writer w = writer_fixed(memory, sizeof(memory));
		if (i >= COUNT(texts)) {
			assert_int_equal(json_scalar(json_at(v, i), &w), ERR_INPUT);
			continue;
		}
		assert_int_equal(json_scalar(json_at(v, i), &w), OK);
		assert_true(bytes_is(writer_bytes(&w), texts[i]));
	}
	struct writer full = writer_fixed(memory, 2);
	assert_int_equal(json_scalar(json_at(v, 0), &full), ERR_LIMIT);
	assert_int_equal(json_scalar(NULL, &full), ERR_INPUT);
}

static void getters(void **state)
{
	AUTO(json_freep) struct json *v = NULL;
	uint64_t number = 5;

	(void)state;
	assert_int_equal(json_parse(BYTES(" {\"s\":\"t\\u00e9\",\"n\":7,\"neg\":-1,\"r\":1.0,"
	                                  "\"t\":true,\"f\":false,\"z\":null,\"a\":[1,\"x\"],\"e\":\"\"} "),
	                            SIZE_MAX_BYTES, &v, NULL), OK);
	assert_true(json_is_object(v) && !json_is_array(v) && !json_is_string(v));
	assert_true(bytes_is(json_get_bytes(v, "s"), "t\xc3\xa9"));
	assert_true(json_is_string(json_get(v, "s")));
	assert_non_null(json_get_bytes(v, "e").p);
	assert_int_equal(json_get_bytes(v, "e").n, 0);
	assert_null(json_get_bytes(v, "n").p);
	assert_null(json_get_bytes(v, "absent").p);
	assert_int_equal(json_get_u64(v, "absent", &number), ERR_NOTFOUND);
	assert_int_equal(json_get_u64(v, "s", &number), ERR_INPUT);
	assert_int_equal(json_get_u64(v, "neg", &number), ERR_INPUT);
	assert_int_equal(json_get_u64(v, "r", &number), ERR_INPUT);
	assert_int_equal(json_get_u64(v, "z", &number), ERR_INPUT);
	assert_true(number == 5);
	assert_int_equal(json_get_u64(v, "n", &number), OK);
	assert_true(number == 7);
	assert_true(json_get_bool(v, "t", false) && !json_get_bool(v, "f", true));
	assert_true(json_get_bool(v, "n", true) && !json_get_bool(v, "absent", false));
	const struct json *array = json_get(v, "a");
	assert_true(json_is_array(array));
	assert_int_equal(json_count(array), 2);
	assert_true(bytes_is(json_bytes(json_at(array, 1)), "x"));
	assert_null(json_at(array, 2));
}

static void wrong_types_are_absent(void **state)
{
	AUTO(json_freep) struct json *v = NULL;
	struct bytes name;
	const struct json *value;
	uint64_t number;

	(void)state;
	assert_int_equal(json_parse(BYTES("[\"s\"]"), SIZE_MAX_BYTES, &v, NULL), OK);
	const struct json *wrong[] = {NULL, v, json_at(v, 0)};
	for (size_t i = 0; i < COUNT(wrong); i++) {
		assert_null(json_get(wrong[i], "x"));
		assert_null(json_get_bytes(wrong[i], "x").p);
		assert_int_equal(json_get_u64(wrong[i], "x", &number), ERR_NOTFOUND);
		assert_true(json_get_bool(wrong[i], "x", true));
		assert_false(json_member(wrong[i], 0, &name, &value));
		assert_false(json_is_object(wrong[i]));
	}
	assert_int_equal(json_count(json_at(v, 0)), 0);
	assert_null(json_at(json_at(v, 0), 0));
	assert_null(json_at(NULL, 0));
	assert_null(json_bytes(v).p);
	assert_int_equal(json_count(NULL), 0);
	json_free(NULL);
}

static void members_come_in_document_order(void **state)
{
	AUTO(json_freep) struct json *v = NULL;
	struct bytes name;
	const struct json *value = NULL;
	size_t i = 0;

	(void)state;
	assert_int_equal(json_parse(BYTES("{\"z\":\"0\",\"a\":\"1\",\"m\":\"2\",\"\":\"3\"}"),
	                            SIZE_MAX_BYTES, &v, NULL), OK);
	static const char *const names[] = {"z", "a", "m", ""};
	for (; json_member(v, i, &name, &value); i++) {
		assert_true(bytes_is(name, names[i]));
		assert_int_equal(json_bytes(value).p[0], '0' + i);
	}
	assert_int_equal(i, 4);
	assert_false(json_member(v, SIZE_MAX, &name, &value));
}

static void what_is_not_json_is_refused(void **state)
{
	static const char *const bad[] = {
		"", " ", "{", "}", "[", "{]", "1", "\"s\"", "true", "{} {}", "{}x", "{a:1}", "{\"a\"}",
		"{\"a\":1,}", "[1,]", "[01]", "[+1]", "[.5]", "[NaN]", "[1e999]", "['a']", "[\"\n\"]",
		"[\"\\x\"]", "[\"\\ud800\"]", "[\"\\u0000\"]", "{\"\\u0000\":1}", "[\"\xff\"]",
		"[\"\xed\xa0\x80\"]", "// c\n{}", "{\"a\":1,\"a\":1}", "{\"a\":{\"b\":1,\"b\":2}}",
		"{\"a\":1,\"\\u0061\":1}", "[9223372036854775808]", "\xef\xbb\xbf{}", "[\"]",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct json *v = NULL;
		size_t where = 0;
		assert_int_equal(json_parse(bytes_text(bad[i]), SIZE_MAX_BYTES, &v, &where), ERR_INPUT);
		assert_null(v);
		assert_in_range(where, 0, strlen(bad[i]));
	}
	struct json *v = NULL;
	size_t where = 0;
	assert_int_equal(json_parse(BYTES("{}\0"), SIZE_MAX_BYTES, &v, &where), ERR_INPUT);
	assert_int_equal(json_parse((struct bytes){NULL, 0}, 0, &v, &where), ERR_INPUT);
	assert_int_equal(json_parse(BYTES("[1, 2, x]"), SIZE_MAX_BYTES, &v, &where), ERR_INPUT);
	assert_in_range(where, 7, 8);
}

static void size_and_depth_are_limited(void **state)
{
	char text[200] = "";
	struct json *v = NULL;
	size_t where = 0;

	(void)state;
	assert_int_equal(json_parse(BYTES("[1]"), 2, &v, &where), ERR_LIMIT);
	memset(text, '[', 32);
	memset(text + 32, ']', 32);
	assert_int_equal(json_parse(bytes_of(text, 64), 64, &v, &where), OK);
	json_freep(&v);
	memset(text, '[', 33);
	memset(text + 33, ']', 33);
	assert_int_equal(json_parse(bytes_of(text, 66), 66, &v, &where), ERR_INPUT);
	assert_int_equal(where, 32);
	/* Brackets in strings do not count, escaped quotes do not end a string. */
	static const char quiet[] = "[\"\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\\\", 1]";
	assert_int_equal(json_parse(bytes_text(quiet), sizeof(quiet), &v, &where), OK);
	assert_int_equal(json_count(v), 2);
	json_freep(&v);
	/* Closing more than was opened must not hide depth: it is not JSON anyway. */
	memset(text, ']', 40);
	memset(text + 40, '[', 40);
	assert_int_equal(json_parse(bytes_of(text, 80), 80, &v, &where), ERR_INPUT);
}

static void write_members(struct writer *w, size_t n)
{
	struct json_writer j = json_writer_of(w);
	char name[8] = "m000000";

	json_object_begin(&j, NULL);
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 6, v = i; k > 0; k--, v /= 10) {
			name[k] = (char)('0' + v % 10);
		}
		json_u64(&j, name, i);
	}
	json_object_end(&j);
}

static void members_are_limited(void **state)
{
	struct writer w = writer_growing(SIZE_MAX_BYTES);
	struct json *v = NULL;
	struct bytes name;
	const struct json *value;

	(void)state;
	write_members(&w, 1024);
	assert_int_equal(json_parse(writer_bytes(&w), SIZE_MAX_BYTES, &v, NULL), OK);
	assert_true(json_member(v, 1023, &name, &value));
	assert_true(bytes_is(name, "m001023"));
	json_freep(&v);
	writer_free(&w);
	write_members(&w, 1025);
	assert_int_equal(json_parse(writer_bytes(&w), SIZE_MAX_BYTES, &v, NULL), ERR_LIMIT);
	writer_free(&w);
	/* An array may be longer. */
	struct json_writer j = json_writer_of(&w);
	json_array_begin(&j, NULL);
	for (uint64_t i = 0; i < 5000; i++) {
		json_u64(&j, NULL, i);
	}
	json_array_end(&j);
	assert_int_equal(json_parse(writer_bytes(&w), SIZE_MAX_BYTES, &v, NULL), OK);
	assert_int_equal(json_count(v), 5000);
	json_freep(&v);
	writer_free(&w);
}

static void every_text_survives_escaping(void **state)
{
	uint8_t memory[256];

	(void)state;
	for (unsigned c = 1; c < 0x80; c++) {
		struct writer w = writer_fixed(memory, sizeof(memory));
		uint8_t text[3] = {'a', (uint8_t)c, 'z'};
		AUTO(json_freep) struct json *v = NULL;
		write_u8(&w, '[');
		json_escape(&w, bytes_of(text, 3));
		write_u8(&w, ']');
		assert_int_equal(json_parse(writer_bytes(&w), sizeof(memory), &v, NULL), OK);
		assert_true(bytes_equal(json_bytes(json_at(v, 0)), bytes_of(text, 3)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_writer_places_commas),
		cmocka_unit_test(the_writer_goes_32_deep),
		cmocka_unit_test(scalars_as_text),
		cmocka_unit_test(getters),
		cmocka_unit_test(wrong_types_are_absent),
		cmocka_unit_test(members_come_in_document_order),
		cmocka_unit_test(what_is_not_json_is_refused),
		cmocka_unit_test(size_and_depth_are_limited),
		cmocka_unit_test(members_are_limited),
		cmocka_unit_test(every_text_survives_escaping),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
