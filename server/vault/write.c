/*
 * Writing a part: plaintext in, sealed blobs on storage. The invariant: nothing is in the index before all blobs are durable, and a writer
 * stands in the register of flights from before its first blob until after the index decided, so the collector never takes its blobs.
 *
 * The complication: whether a segment is the last of its blob, and a blob the last of its part (only that one carries the trailer), is known only when
 * more data comes or the writer finishes. So the newest segment is always held back unsealed; everything before it is sealed at once.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/attr.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "server/vault/internal.h"

enum {
	HELD_LEAST_BYTES = 1024,
	COMPLETE_MS = 60 * 1000, /* deadline of the trailer of a joined object */
};

struct vault_writer {
	struct vault *v;
	const struct secret *dek;
	uint64_t deadline_ms;
	struct vault_flight flight;
	uint64_t written;         /* plain bytes so far */
	bool failed;              /* only abort may follow */
	/* the current blob */
	uint8_t id[OBJFMT_ID_BYTES];
	struct objfmt_blob *blob; /* NULL: no segment of it is sealed yet */
	struct store_put *put;    /* NULL: none of it is on its way to the store yet */
	uint64_t segment;         /* sealed so far */
	uint64_t finishes;        /* blobs whose put was finished, well or not: these may be on storage */
	/* the segment held back: as large as it must be */
	uint8_t *held;
	size_t held_n, held_size;
	/* ciphertext on its way; only while a call runs */
	uint8_t *out;
	size_t out_n;
};

enum err vault_write_begin(struct vault *v, const struct secret *dek, uint64_t deadline_ms,
                           struct vault_writer **ret)
{
	if (!atomic_load(&v->unlocked)) {
		return ERR_UNAVAILABLE;
	}
	struct vault_writer *w = calloc(1, sizeof(*w));
	if (w == NULL) {
		return ERR_NOMEM;
	}
	w->v = v;
	w->dek = dek;
	w->deadline_ms = deadline_ms;
	random_bytes(w->flight.seed, sizeof(w->flight.seed));
	vault_flight_add(v, &w->flight);
	*ret = w;
	return OK;
}

void vault_write_deadline(struct vault_writer *w, uint64_t deadline_ms)
{
	w->deadline_ms = deadline_ms;
	store_put_deadline(w->put, deadline_ms);
}

uint64_t vault_written(const struct vault_writer *w)
{
	return w->written;
}

static uint64_t segments_per_blob(const struct vault_writer *w)
{
	return w->v->o.blob_size / OBJFMT_SEGMENT_BYTES;
}

/* Hand the ciphertext so far to the store. The put begins only now: a small object has one for the shortest time. */
static enum err flush(struct vault_writer *w)
{
	if (w->out_n == 0) {
		return OK;
	}
	if (w->put == NULL) {
		TRY(store_put_begin(w->v->o.store, w->id, w->deadline_ms, &w->put));
	}
	TRY(store_put_write(w->put, bytes_of(w->out, w->out_n)));
	w->out_n = 0;
	return OK;
}

/* Room for n bytes of ciphertext at out + out_n. */
static enum err make_room(struct vault_writer *w, size_t n)
{
	assert(w->out != NULL && n <= VAULT_BUFFER_BYTES);
	return w->out_n + n > VAULT_BUFFER_BYTES ? flush(w) : OK;
}

static enum err begin_blob(struct vault_writer *w)
{
	uint64_t number = atomic_load(&w->flight.blob_number);

	TRY(objfmt_blob_id(w->flight.seed, number, w->id));
	TRY(objfmt_blob_new(w->dek, w->id, &w->blob));
	TRY(make_room(w, OBJFMT_HEADER_BYTES));
	memcpy(w->out + w->out_n, objfmt_blob_header(w->blob).p, OBJFMT_HEADER_BYTES);
	w->out_n += OBJFMT_HEADER_BYTES;
	return OK;
}

static enum err seal(struct vault_writer *w, struct bytes plain, bool last)
{
	if (w->blob == NULL) {
		TRY(begin_blob(w));
	}
	TRY(make_room(w, plain.n + OBJFMT_TAG_BYTES));
	TRY(objfmt_segment_seal(w->blob, w->segment, last, plain, w->out + w->out_n));
	w->out_n += plain.n + OBJFMT_TAG_BYTES;
	w->segment++;
	atomic_fetch_add(&w->v->counters.bytes_sealed, plain.n);
	return OK;
}

/* The blob is complete: make it durable. */
static enum err finish_blob(struct vault_writer *w)
{
	TRY(flush(w));
	struct store_put *put = w->put;
	w->put = NULL;
	w->finishes++;
	TRY(store_put_finish(put));
	atomic_fetch_add(&w->v->counters.blobs_written, 1);
	objfmt_blob_free(w->blob);
	w->blob = NULL;
	w->segment = 0;
	return OK;
}

/* Seal a full segment, knowing that more data follows. */
static enum err seal_full(struct vault_writer *w, struct bytes plain)
{
	bool last = w->segment + 1 == segments_per_blob(w);

	TRY(seal(w, plain, last));
	if (!last) {
		return OK;
	}
	TRY(finish_blob(w));
	atomic_fetch_add(&w->flight.blob_number, 1);
	return OK;
}

/* Keep n more bytes back. The buffer grows by doubling up to one segment. */
static enum err hold(struct vault_writer *w, struct bytes plain)
{
	size_t need = w->held_n + plain.n;

	assert(need <= OBJFMT_SEGMENT_BYTES);
	if (need > w->held_size) {
		size_t size = HELD_LEAST_BYTES;
		while (size < need) {
			size *= 2;
		}
		uint8_t *p = malloc(size);
		if (p == NULL) {
			return ERR_NOMEM;
		}
		if (w->held_n > 0) {
			memcpy(p, w->held, w->held_n);
		}
		free(w->held);
		w->held = p;
		w->held_size = size;
	}
	memcpy(w->held + w->held_n, plain.p, plain.n);
	w->held_n = need;
	return OK;
}

/* Take plaintext until it is all sealed or held; whole segments are sealed from the caller's memory. */
static enum err take(struct vault_writer *w, struct bytes plain)
{
	while (plain.n > 0) {
		if (w->held_n == OBJFMT_SEGMENT_BYTES) {
			TRY(seal_full(w, bytes_of(w->held, w->held_n)));
			w->held_n = 0;
		}
		size_t n = OBJFMT_SEGMENT_BYTES - w->held_n;
		if (w->held_n == 0 && plain.n > n) {
			TRY(seal_full(w, bytes_first(plain, n)));
		} else {
			n = n < plain.n ? n : plain.n;
			TRY(hold(w, bytes_first(plain, n)));
		}
		plain = bytes_skip(plain, n);
		w->written += n;
	}
	return flush(w);
}

/* A call that seals borrows a buffer for its time. */
static enum err borrow_buffer(struct vault_writer *w)
{
	assert(w->out == NULL && w->out_n == 0);
	w->out = vault_buffer_take(w->v);
	return w->out != NULL ? OK : ERR_NOMEM;
}

static void give_buffer(struct vault_writer *w)
{
	vault_buffer_give(w->v, w->out);
	w->out = NULL;
	w->out_n = 0;
}

enum err vault_write(struct vault_writer *w, struct bytes plain)
{
	if (w->failed) {
		return ERR_IO;
	}
	if (plain.n <= OBJFMT_SEGMENT_BYTES - w->held_n) { /* nothing to seal yet */
		enum err e = plain.n == 0 ? OK : hold(w, plain);
		w->failed = e != OK;
		w->written += e == OK ? plain.n : 0;
		return e;
	}
	enum err e = borrow_buffer(w);
	if (e == OK) {
		e = take(w, plain);
	}
	give_buffer(w);
	w->failed = e != OK;
	return e;
}

/* A trailer usually fits behind the last segment, so that a small object is one write. */
static enum err append_trailer(struct vault_writer *w, struct bytes record)
{
	size_t n = record.n + OBJFMT_TRAILER_PAD_BYTES + OBJFMT_TAG_BYTES + OBJFMT_TRAILER_FOOT_BYTES;

	if (n <= VAULT_BUFFER_BYTES - w->out_n) {
		struct writer room = writer_fixed(w->out + w->out_n, VAULT_BUFFER_BYTES - w->out_n);
		TRY(objfmt_trailer_seal(w->v->index_key, w->id, record, &room));
		w->out_n += room.used;
		return OK;
	}
	TRY(flush(w));
	AUTO(writer_free) struct writer room = writer_growing(n);
	TRY(objfmt_trailer_seal(w->v->index_key, w->id, record, &room));
	return store_put_write(w->put, writer_bytes(&room));
}

/* The end of the data: last segment, trailer (unless record is empty), sync. */
static enum err finish_data(struct vault_writer *w, struct bytes record)
{
	assert(w->held_n > 0 || w->written == 0);
	if (w->failed) {
		return ERR_IO;
	}
	enum err e = borrow_buffer(w);
	if (e == OK) {
		e = seal(w, bytes_of(w->held, w->held_n), true);
	}
	if (e == OK && record.n > 0) {
		e = append_trailer(w, record);
	}
	if (e == OK) {
		e = finish_blob(w);
	}
	give_buffer(w);
	return e;
}

/* Give up: nothing of the writer is referred to. What cannot be removed now is an orphan for the collector. */
static void remove_written(struct vault_writer *w)
{
	uint64_t removed = 0;
	enum err e = vault_remove_blobs(w->v, w->flight.seed, w->finishes, &removed);

	if (e != OK) {
		LOG(LOG_WARN, "vault.abort", LOG_ERR(e), LOG_U64("left", w->finishes - removed),
		    LOG_STR("do", "nothing: the collector removes them"));
	}
}

static void writer_free_all(struct vault_writer *w)
{
	store_put_abort(w->put);
	objfmt_blob_free(w->blob);
	vault_flight_remove(w->v, &w->flight);
	free(w->held);
	free(w);
}

void vault_write_abort(struct vault_writer *w)
{
	if (w == NULL) {
		return;
	}
	remove_written(w);
	writer_free_all(w);
}

/*
 * The end of a writer. After OK its blobs belong to the index. After a failed commit nobody knows whether the transaction is on disk: the
 * blobs stay, and the collector, which asks the index, decides.
 */
static enum err end_writer(struct vault_writer *w, enum err e, bool asked_index)
{
	if (e == OK || (asked_index && (e == ERR_IO || e == ERR_CORRUPT))) {
		writer_free_all(w);
	} else {
		vault_write_abort(w);
	}
	return e;
}

/* Seal the record into the trailer, sync, publish. w is gone afterwards. */
static enum err publish(struct vault_writer *w, struct index_object *object,
                        const struct index_condition *condition, const uint8_t *upload,
                        bool *ret_no_bucket)
{
	AUTO(writer_free) struct writer record = writer_growing(INDEX_RECORD_MAX_BYTES);

	index_record_write(object, &record);
	enum err e = writer_end(&record);
	if (e == OK) {
		e = finish_data(w, writer_bytes(&record));
	}
	if (e != OK) {
		return end_writer(w, e, false);
	}
	e = index_object_put(w->v->o.index, object, condition, upload, ret_no_bucket);
	return end_writer(w, e, true);
}

static void fill_part(const struct vault_writer *w, struct index_part *part)
{
	part->size = w->written;
	part->blob_size = w->v->o.blob_size;
	memcpy(part->seed, w->flight.seed, sizeof(part->seed));
}

enum err vault_write_object(struct vault_writer *w, struct arena *a, struct index_object *object,
                            const struct index_condition *condition, bool *ret_no_bucket)
{
	struct index_part *part = arena_alloc(a, sizeof(*part));

	*ret_no_bucket = false;
	if (part == NULL) {
		return end_writer(w, ERR_LIMIT, false);
	}
	part->number = 1;
	part->modified_ms = object->modified_ms;
	fill_part(w, part);
	object->size = part->size;
	object->blob_size = part->blob_size;
	object->parts = part;
	object->n_parts = 1;
	return publish(w, object, condition, NULL, ret_no_bucket);
}

enum err vault_write_part(struct vault_writer *w, const struct index_upload *upload,
                          struct index_part *part)
{
	const struct index_object *o = &upload->object;
	enum err e = finish_data(w, bytes_of(NULL, 0));

	if (e != OK) {
		return end_writer(w, e, false);
	}
	fill_part(w, part);
	e = index_upload_part(w->v->o.index, o->bucket, o->key, upload->upload_id, part);
	return end_writer(w, e, true);
}

/* The chosen parts and, behind them, the empty one that carries the trailer. */
static enum err join_parts(const struct vault_writer *w, struct arena *a,
                           struct index_object *object)
{
	size_t n = object->n_parts;
	struct index_part *parts = n <= INDEX_PARTS_MAX ? arena_alloc(a, (n + 1) * sizeof(*parts))
	                                                : NULL;
	uint64_t size = 0;

	if (parts == NULL) {
		return ERR_LIMIT;
	}
	for (size_t i = 0; i < n; i++) {
		parts[i] = object->parts[i];
		parts[i].etag = bytes_of(NULL, 0);
		if (__builtin_add_overflow(size, parts[i].size, &size)) {
			return ERR_INPUT;
		}
	}
	parts[n] = (struct index_part){.number = INDEX_PART_TRAILER,
	                               .modified_ms = object->modified_ms};
	fill_part(w, &parts[n]);
	object->parts = parts;
	object->n_parts = n + 1;
	object->size = size;
	object->blob_size = w->v->o.blob_size;
	object->multipart = true;
	return OK;
}

enum err vault_complete(struct vault *v, const struct secret *dek, struct arena *a,
                        struct index_object *object, const struct index_condition *condition,
                        const uint8_t *upload_id, bool *ret_no_bucket)
{
	struct vault_writer *w;

	*ret_no_bucket = false;
	TRY(vault_write_begin(v, dek, clock_mono_ms() + COMPLETE_MS, &w));
	enum err e = join_parts(w, a, object);
	if (e != OK) {
		return end_writer(w, e, false);
	}
	return publish(w, object, condition, upload_id, ret_no_bucket);
}
