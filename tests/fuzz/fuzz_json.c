/* JSON: a document that was parsed and written parses again; any bytes survive as a string. */
#include <assert.h>

#include "common/base/attr.h"
#include "common/codec/json.h"

enum { INPUT_MAX_BYTES = 1 << 16, OUTPUT_MAX_BYTES = 16 * INPUT_MAX_BYTES };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The parser bounds the depth. Values whose type has no getter are written as null. */
static void write_value(struct json_writer *j, const char *name, const struct json *v)
{
	if (json_is_string(v)) {
		json_string(j, name, json_bytes(v));
	} else if (json_is_array(v)) {
		json_array_begin(j, name);
		for (size_t i = 0; i < json_count(v); i++) {
			write_value(j, NULL, json_at(v, i));
		}
		json_array_end(j);
	} else if (json_is_object(v)) {
		struct bytes member;
		const struct json *value;
		json_object_begin(j, name);
		for (size_t i = 0; json_member(v, i, &member, &value); i++) {
			assert(json_get(v, (const char *)member.p) == value);
			write_value(j, (const char *)member.p, value);
		}
		json_object_end(j);
	} else {
		json_null(j, name);
	}
}

static void check_document(struct bytes input)
{
	AUTO(json_freep) struct json *document = NULL;
	AUTO(json_freep) struct json *again = NULL;
	size_t where = 0;

	enum err e = json_parse(input, INPUT_MAX_BYTES, &document, &where);
	if (e != OK) {
		assert(document == NULL && where <= input.n);
		return;
	}
	struct writer w = writer_growing(OUTPUT_MAX_BYTES);
	struct json_writer j = json_writer_of(&w);
	write_value(&j, NULL, document);
	assert(j.depth == 0);
	e = json_parse(writer_bytes(&w), OUTPUT_MAX_BYTES, &again, NULL);
	assert(e == OK);
	struct writer second = writer_growing(OUTPUT_MAX_BYTES);
	j = json_writer_of(&second);
	write_value(&j, NULL, again);
	assert(bytes_equal(writer_bytes(&w), writer_bytes(&second)));
	writer_free(&w);
	writer_free(&second);
}

static void check_string(struct bytes input)
{
	AUTO(json_freep) struct json *v = NULL;
	struct writer w = writer_growing(OUTPUT_MAX_BYTES);
	size_t at;

	if (bytes_find(input, 0, &at)) {
		input = bytes_first(input, at); /* the parser refuses U+0000 */
	}
	write_u8(&w, '[');
	json_escape(&w, input);
	write_u8(&w, ']');
	enum err e = json_parse(writer_bytes(&w), OUTPUT_MAX_BYTES, &v, NULL);
	assert(e == OK && json_count(v) == 1);
	assert(!bytes_is_utf8(input) || bytes_equal(json_bytes(json_at(v, 0)), input));
	(void)e;
	writer_free(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes input = bytes_of(data, size);

	if (size > INPUT_MAX_BYTES) {
		return 0;
	}
	check_document(input);
	check_string(input);
	return 0;
}
