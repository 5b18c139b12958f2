/*
 * JSON. Out: a writer that places the commas. In: jansson (the only user of jansson.h is json.c),
 * wrapped so that depth, size and duplicate keys are limited and numbers are checked.
 */
#ifndef REMPART_CODEC_JSON_H
#define REMPART_CODEC_JSON_H
#include "common/base/bytes.h"

/* libjansson exports functions of these two names: ours are called otherwise for the linker. */
#define json_string json_write_string
#define json_null   json_write_null

/* Output: json_object_begin(&j, NULL) ... json_string(&j, "name", v) ... json_object_end(&j).
 * `name` is NULL inside arrays and at the top. Depth <= 32. Members come in the order of the
 * calls. */
struct json_writer {
	struct writer *out;
	uint32_t comma; /* bit per depth: a value stands before */
	unsigned depth;
};
struct json_writer json_writer_of(struct writer *out);
void json_object_begin(struct json_writer *j, const char *name);
void json_object_end(struct json_writer *j);
void json_array_begin(struct json_writer *j, const char *name);
void json_array_end(struct json_writer *j);
/* invalid UTF-8 bytes become U+FFFD */
void json_string(struct json_writer *j, const char *name, struct bytes value);
void json_text(struct json_writer *j, const char *name, const char *value);
void json_u64(struct json_writer *j, const char *name, uint64_t value);
void json_bool(struct json_writer *j, const char *name, bool value);
void json_null(struct json_writer *j, const char *name);
void json_escape(struct writer *w, struct bytes value); /* with the quotes */

/* Input. The document owns everything; views live as long as it. */
struct json;       /* a document or a value in it */
/*
 * json_parse: an object or an array; duplicate names, U+0000, invalid UTF-8, integers outside of 64
 * bits with sign, and nesting over 32 are refused. ret_where may be NULL.
 *   errors  INPUT (with position in ret_where), LIMIT (over size_max, or over 1,024 members in one
 *           object), NOMEM
 */
enum err json_parse(struct bytes text, size_t size_max, struct json **ret, size_t *ret_where);
void json_free(struct json *document); /* only what json_parse gave. NULL-safe */
void json_freep(struct json **document);
/* Members; every getter accepts NULL and a wrong type, and then gives the "absent" answer. */
const struct json *json_get(const struct json *object, const char *name);
bool json_is_object(const struct json *v);
bool json_is_array(const struct json *v);
bool json_is_string(const struct json *v);
size_t json_count(const struct json *array);
const struct json *json_at(const struct json *array, size_t i);
/* empty with p NULL when not a string */
struct bytes json_bytes(const struct json *v);
struct bytes json_get_bytes(const struct json *object, const char *name);
enum err json_number(const struct json *v, uint64_t *ret);  /* NOTFOUND (NULL), INPUT; < 2^63 */
enum err json_get_u64(const struct json *object, const char *name, uint64_t *ret); /* the same */
bool json_get_bool(const struct json *object, const char *name, bool fallback);
/* json_scalar: a string, number or boolean as text: "a", "1.2", "true". errors: INPUT (something
 * else), LIMIT (w is full) */
enum err json_scalar(const struct json *v, struct writer *w);
/* json_member: i-th member of an object in document order; false past the end. Walks i members. */
bool json_member(const struct json *object, size_t i, struct bytes *ret_name,
                 const struct json **ret_value);
#endif
