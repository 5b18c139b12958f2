/*
 * Reading a range: ciphertext from the store, verified plaintext out. The invariant: a byte leaves only after the tag of its segment
 * verified, and what is read is exactly the segments that the range touches and a 48-byte header for each blob.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/attr.h"
#include "common/base/log.h"
#include "common/codec/hex.h"
#include "server/vault/internal.h"

struct vault_reader {
	struct vault *v;
	const struct index_object *object;
	const struct secret *dek;
	struct vault_pin pin;
	uint64_t at, end;      /* of the object: next byte, end of the range */
	size_t part;           /* where `at` is */
	uint64_t part_start;   /* of the object */
	/* the open blob */
	uint8_t id[OBJFMT_ID_BYTES];
	uint64_t number;       /* of the part */
	uint64_t plain;        /* bytes in it */
	struct store_blob *handle; /* NULL: none is open */
	struct objfmt_blob *blob;  /* NULL: its header was not read yet */
};

/* Parts as the index gave them, checked again before arithmetic trusts them. */
static enum err check_object(const struct index_object *o)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < o->n_parts; i++) {
		uint32_t blob_size = o->parts[i].blob_size;
		if (blob_size == 0 || blob_size % OBJFMT_SEGMENT_BYTES != 0 ||
		    __builtin_add_overflow(sum, o->parts[i].size, &sum)) {
			return ERR_CORRUPT;
		}
	}
	return sum == o->size ? OK : ERR_CORRUPT;
}

enum err vault_read_begin(struct vault *v, const struct index_object *object,
                          const struct secret *dek, uint64_t first, uint64_t count,
                          struct vault_reader **ret)
{
	if (!atomic_load(&v->unlocked)) {
		return ERR_UNAVAILABLE;
	}
	TRY(check_object(object));
	if (first > object->size || count > object->size - first) {
		return ERR_INPUT;
	}
	struct vault_reader *r = calloc(1, sizeof(*r));
	if (r == NULL) {
		return ERR_NOMEM;
	}
	r->v = v;
	r->object = object;
	r->dek = dek;
	r->at = first;
	r->end = first + count;
	vault_pin(v, &r->pin, object->id);
	*ret = r;
	return OK;
}

static void close_blob(struct vault_reader *r)
{
	store_close(r->handle);
	objfmt_blob_free(r->blob);
	r->handle = NULL;
	r->blob = NULL;
}

void vault_read_end(struct vault_reader *r)
{
	if (r == NULL) {
		return;
	}
	close_blob(r);
	vault_unpin(r->v, &r->pin);
	free(r);
}

/* What is on storage is not what was written: say which blob, once, where it is seen. */
static enum err corrupt(const struct vault_reader *r, const char *why)
{
	char text[2 * OBJFMT_ID_BYTES];
	struct writer w = writer_fixed(text, sizeof(text));

	hex_write(&w, bytes_of(r->id, sizeof(r->id)));
	LOG(LOG_ERROR, "vault.corrupt", LOG_BYTES("blob", writer_bytes(&w)), LOG_STR("why", why),
	    LOG_STR("do", "restore this blob from the storage's replica or backup"));
	atomic_fetch_add(&r->v->counters.corrupt, 1);
	return ERR_CORRUPT;
}

/* The blob that `at` is in. */
struct place {
	const struct index_part *part;
	uint64_t number;
	uint64_t plain;  /* bytes of that blob */
	uint64_t offset; /* of `at` in it */
	bool final;      /* of the object: a trailer may follow its segments */
};

static struct place find_place(struct vault_reader *r)
{
	const struct index_object *o = r->object;

	while (r->at - r->part_start >= o->parts[r->part].size) {
		r->part_start += o->parts[r->part].size;
		r->part++;
		assert(r->part < o->n_parts); /* `at` is below the sum of all sizes */
		close_blob(r);
	}
	const struct index_part *p = &o->parts[r->part];
	uint64_t in_part = r->at - r->part_start;
	uint64_t number = in_part / p->blob_size;
	uint64_t left = p->size - number * p->blob_size;
	return (struct place){
		.part = p,
		.number = number,
		.plain = left < p->blob_size ? left : p->blob_size,
		.offset = in_part % p->blob_size,
		.final = r->part + 1 == o->n_parts && left <= p->blob_size,
	};
}

/* Open the blob and hold its size against what the index says it must be. */
static enum err open_blob(struct vault_reader *r, const struct place *at, uint64_t deadline_ms)
{
	uint64_t sealed = objfmt_sealed_size(at->plain);
	uint64_t size;

	if (r->handle != NULL && r->number == at->number) {
		return OK;
	}
	close_blob(r);
	TRY(objfmt_blob_id(at->part->seed, at->number, r->id));
	enum err e = store_open(r->v->o.store, r->id, deadline_ms, &r->handle);
	if (e == ERR_NOTFOUND) {
		return corrupt(r, "the blob is not there");
	}
	TRY(e);
	r->number = at->number;
	r->plain = at->plain;
	e = store_size(r->handle, &size);
	if (e == OK && (at->final ? size < sealed : size != sealed)) {
		e = corrupt(r, "the blob has another size");
	}
	if (e != OK) { /* a second call must look again */
		close_blob(r);
	}
	return e;
}

static enum err read_store(struct vault_reader *r, uint64_t offset, uint8_t *out, size_t n)
{
	enum err e = store_read(r->handle, offset, out, n);

	return e == ERR_CORRUPT ? corrupt(r, "the blob is cut") : e;
}

static enum err use_header(struct vault_reader *r, const uint8_t *header)
{
	enum err e = objfmt_blob_open(r->dek, r->id, bytes_of(header, OBJFMT_HEADER_BYTES), &r->blob);

	return e == ERR_CORRUPT ? corrupt(r, "the header does not belong to this object and key") : e;
}

/* Some segments of the open blob, one after the other, and the bytes of them that the range wants. */
struct run {
	uint64_t first;      /* segment */
	uint64_t n;          /* segments */
	uint64_t from, to;   /* plain bytes of the blob */
};

static size_t room_of(const struct writer *out)
{
	return (out->max != 0 ? out->max : out->size) - out->used;
}

/* As many segments as the range, the buffer and the room of `out` allow; n 0: not even one. */
static struct run plan_run(const struct vault_reader *r, const struct place *at, size_t room)
{
	uint64_t wanted = r->end - r->at;
	uint64_t to = wanted < at->plain - at->offset ? at->offset + wanted : at->plain;
	struct run run = {.first = at->offset / OBJFMT_SEGMENT_BYTES, .from = at->offset};
	uint64_t last = (to - 1) / OBJFMT_SEGMENT_BYTES;

	run.n = last - run.first + 1;
	if (run.n > VAULT_RUN_SEGMENTS) {
		run.n = VAULT_RUN_SEGMENTS;
	}
	for (; run.n > 0; run.n--) {
		uint64_t whole = (run.first + run.n) * OBJFMT_SEGMENT_BYTES;
		run.to = to < whole ? to : whole;
		if (run.to - run.from <= room) {
			break;
		}
	}
	return run;
}

static size_t segment_plain(const struct vault_reader *r, uint64_t number)
{
	uint64_t left = r->plain - number * OBJFMT_SEGMENT_BYTES;

	return left < OBJFMT_SEGMENT_BYTES ? (size_t)left : OBJFMT_SEGMENT_BYTES;
}

/* Bytes on storage of the segments of a run. */
static size_t run_sealed(const struct vault_reader *r, const struct run *run)
{
	return (size_t)(run->n - 1) * OBJFMT_SEALED_SEGMENT_BYTES +
	       segment_plain(r, run->first + run->n - 1) + OBJFMT_TAG_BYTES;
}

/* Read the run into the buffer, and the header too when it was not read yet: in one call when they touch. */
static enum err fetch_run(struct vault_reader *r, const struct run *run, uint8_t *buffer,
                          uint8_t **ret_sealed)
{
	size_t n = run_sealed(r, run);

	assert(OBJFMT_HEADER_BYTES + n <= VAULT_BUFFER_BYTES);
	if (r->blob == NULL && run->first == 0) {
		TRY(read_store(r, 0, buffer, OBJFMT_HEADER_BYTES + n));
		*ret_sealed = buffer + OBJFMT_HEADER_BYTES;
		return use_header(r, buffer);
	}
	if (r->blob == NULL) {
		TRY(read_store(r, 0, buffer, OBJFMT_HEADER_BYTES));
		TRY(use_header(r, buffer));
	}
	*ret_sealed = buffer;
	return read_store(r, objfmt_segment_offset(run->first), buffer, n);
}

/* Open one segment: straight into `out` when all of it is wanted, else in place, and the slice is copied. */
static enum err open_segment(struct vault_reader *r, uint64_t number, const struct run *run,
                             uint8_t *sealed, struct writer *out)
{
	uint64_t start = number * OBJFMT_SEGMENT_BYTES;
	size_t n = segment_plain(r, number);
	size_t from = run->from > start ? (size_t)(run->from - start) : 0;
	size_t to = run->to < start + n ? (size_t)(run->to - start) : n;
	bool whole = from == 0 && to == n;
	bool last = start + n == r->plain;
	uint8_t *plain = whole ? writer_reserve(out, n) : sealed;

	if (plain == NULL) {
		return ERR_NOMEM;
	}
	enum err e = objfmt_segment_open(r->blob, number, last,
	                                 bytes_of(sealed, n + OBJFMT_TAG_BYTES), plain);
	if (e != OK) {
		return e == ERR_CORRUPT ? corrupt(r, "a segment does not verify") : e;
	}
	if (whole) {
		out->used += n;
	} else {
		write_bytes(out, bytes_of(plain + from, to - from));
	}
	atomic_fetch_add(&r->v->counters.bytes_opened, to - from);
	r->at += to - from;
	return writer_end(out) == OK ? OK : ERR_NOMEM;
}

/* The next run of segments. *ret_full: `out` has no room for one more. */
static enum err read_run(struct vault_reader *r, uint64_t deadline_ms, uint8_t *buffer,
                         struct writer *out, bool *ret_full)
{
	struct place at = find_place(r);
	struct run run = plan_run(r, &at, room_of(out));
	uint8_t *sealed;

	*ret_full = run.n == 0;
	if (run.n == 0) {
		return OK;
	}
	TRY(open_blob(r, &at, deadline_ms));
	TRY(fetch_run(r, &run, buffer, &sealed));
	for (uint64_t i = 0; i < run.n; i++) {
		TRY(open_segment(r, run.first + i, &run, sealed + i * OBJFMT_SEALED_SEGMENT_BYTES, out));
	}
	return OK;
}

/* An empty object has one empty segment: storage that lost or changed it is found out, too. */
static enum err read_empty(struct vault_reader *r, uint64_t deadline_ms, uint8_t *buffer)
{
	const struct place at = {
		.part = &r->object->parts[0],
		.final = r->object->n_parts == 1,
	};
	const struct run run = {.n = 1};
	uint8_t *sealed;

	TRY(open_blob(r, &at, deadline_ms));
	TRY(fetch_run(r, &run, buffer, &sealed));
	enum err e = objfmt_segment_open(r->blob, 0, true, bytes_of(sealed, OBJFMT_TAG_BYTES),
	                                 sealed);
	return e == ERR_CORRUPT ? corrupt(r, "the empty segment does not verify") : e;
}

enum err vault_read(struct vault_reader *r, uint64_t deadline_ms, struct writer *out,
                    bool *ret_last)
{
	uint64_t before = r->at;
	bool full = false;
	bool empty = r->object->size == 0 && r->object->n_parts > 0;
	enum err e = OK;

	*ret_last = r->at == r->end;
	if (*ret_last && !empty) {
		return OK;
	}
	uint8_t *buffer = vault_buffer_take(r->v);
	if (buffer == NULL) {
		return ERR_NOMEM;
	}
	store_blob_deadline(r->handle, deadline_ms);
	if (empty) {
		e = read_empty(r, deadline_ms, buffer);
		vault_buffer_give(r->v, buffer);
		return e;
	}
	while (e == OK && !full && r->at < r->end) {
		e = read_run(r, deadline_ms, buffer, out, &full);
	}
	vault_buffer_give(r->v, buffer);
	TRY(e);
	*ret_last = r->at == r->end;
	return r->at == before ? ERR_LIMIT : OK; /* `out` was too small for any progress */
}
