/* An entry that is accepted is canonical: what was understood, written again, is the input. And it is JSON. */
#include <assert.h>

#include "common/base/attr.h"
#include "common/codec/json.h"
#include "common/logfmt/entry.h"

enum { ARENA_BYTES = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena_freep) struct arena *a = arena_new(ARENA_BYTES);
	struct bytes line = bytes_of(data, size);
	struct logfmt_entry e;
	struct json *j = NULL;
	uint8_t again[LOGFMT_ENTRY_MAX];
	struct writer w = writer_fixed(again, sizeof(again));

	if (logfmt_entry_read(a, line, &e) != OK) {
		return 0;
	}
	enum err written = logfmt_entry_write(&e, &w);
	assert(written == OK && bytes_equal(writer_bytes(&w), line));
	enum err parsed = json_parse(line, LOGFMT_ENTRY_MAX, &j, NULL);
	assert(parsed == OK && bytes_equal(json_get_bytes(j, "result"), e.result));
	assert(bytes_equal(json_get_bytes(j, "agent"), e.agent));
	assert(json_count(json_get(j, "keys")) == e.n_keys);
	json_free(j);
	(void)written;
	(void)parsed;
	return 0;
}
