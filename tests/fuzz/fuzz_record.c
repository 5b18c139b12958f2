/*
 * Records of the index: any bytes. The first byte chooses the kind. What reads back as a record must be written as the very same
 * bytes: nothing in it is ignored, nothing is guessed. The object record is also what a trailer on storage holds.
 */
#include "common/base/attr.h"
#include "server/index/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
	if (!good) {
		__builtin_trap();
	}
}

static void same(struct writer *w, struct bytes record)
{
	check(!w->full && bytes_equal(writer_bytes(w), record));
}

static void try_object(struct bytes record, struct arena *a, struct writer *w)
{
	struct index_list_entry entry;
	struct index_object o;
	uint64_t sum = 0;

	if (index_record_read(record, a, &o) != OK) {
		return;
	}
	index_record_write(&o, w);
	same(w, record);
	check(index_record_entry(record, a, &entry) == OK && entry.size == o.size);
	check(bytes_starts(o.acl, entry.acl) && (entry.acl.n > 0) == (o.acl.n > 0));
	for (size_t i = 0; i < o.n_parts; i++) {
		check(o.parts[i].blob_size > 0 && (i == 0 || o.parts[i].number > o.parts[i - 1].number));
		sum += o.parts[i].size;
	}
	check(sum == o.size);
}

static void try_upload(struct bytes record, struct arena *a, struct writer *w)
{
	struct index_upload u;

	if (index_record_read_upload(record, a, &u) == OK) {
		index_record_write_upload(&u, w);
		same(w, record);
	}
}

static void try_small(uint8_t kind, struct bytes record, struct arena *a, struct writer *w)
{
	struct index_bucket b;
	struct index_part p;
	struct index_garbage g;

	if (kind == 'b' && index_record_read_bucket(record, &b) == OK) {
		index_record_write_bucket(&b, w);
		same(w, record);
	} else if (kind == 'p' && index_record_read_part(record, &p) == OK) {
		index_record_write_part(&p, w);
		same(w, record);
	} else if (kind == 'g' && index_record_read_garbage(record, a, &g) == OK) {
		index_record_write_garbage(&g, w);
		same(w, record);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena_freep) struct arena *a = arena_new(16 << 20);
	struct writer w = writer_growing(16 << 20);
	struct bytes record = bytes_skip(bytes_of(data, size), 1);

	check(a != NULL);
	if (size == 0) {
		return 0;
	}
	switch (data[0]) {
	case 'o': try_object(record, a, &w); break;
	case 'u': try_upload(record, a, &w); break;
	default: try_small(data[0], record, a, &w); break;
	}
	writer_free(&w);
	return 0;
}
