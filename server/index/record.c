/*
 * Records as bytes (INDEX-FORMAT.md section 4). The invariant: what is read back is whole and adds up, or it is CORRUPT; a
 * reader of records never trusts a count or a length. What a listing shows stands first, parts stand last.
 */
#include <string.h>

#include "common/crypto/checksum.h"
#include "server/index/schema.h"

enum {
	VERSION = 1,
	FLAG_MULTIPART = 1,
	FLAG_DELETE_MARKER = 2,
	FLAG_VERSIONED = 4,
	FLAG_TAGS = 8,
	FLAG_LOCK = 16,
	FLAG_ACL = 64,
	FLAGS_ALL = 31 | FLAG_ACL,
	TAGS_MAX = 50,              /* S3 allows 10 */
	ETAG_MAX_BYTES = 128,
	TEXT_MAX_BYTES = INDEX_TEXT_MAX, /* content type, names, ARNs */
	METADATA_MAX = 4096,        /* fields; S3 allows 2 KB of them */
	PARTS_MAX = INDEX_PARTS_MAX + 1,
	PART_LEAST_BYTES = 59,      /* of a part in a record: bounds a count before memory is taken */
	FIELD_LEAST_BYTES = 4,
	GARBAGE_PART_BYTES = 46,
};

/* Text from outside: what the reader would refuse must not be written, it could never be read back. */
static void write_text_field(struct writer *w, struct bytes b)
{
	w->full = w->full || b.n > TEXT_MAX_BYTES;
	write_lv16(w, b);
}

static void write_part(const struct index_part *p, struct writer *w)
{
	write_u16(w, (uint16_t)p->number);
	write_u64(w, p->size);
	write_bytes(w, bytes_of(p->seed, sizeof(p->seed)));
	write_u32(w, p->blob_size);
	write_u64(w, p->modified_ms);
	write_lv16(w, p->etag);
	write_u8(w, p->checksum_kind);
	write_lv16(w, p->checksum);
	w->full = w->full || p->number > UINT16_MAX;
}

static void read_part(struct reader *r, struct index_part *p)
{
	p->number = read_u16(r);
	p->size = read_u64(r);
	read_into(r, p->seed, sizeof(p->seed));
	p->blob_size = read_u32(r);
	p->modified_ms = read_u64(r);
	p->etag = read_lv16(r, ETAG_MAX_BYTES);
	p->checksum_kind = read_u8(r);
	p->checksum = read_lv16(r, CHECKSUM_BYTES_MAX);
	r->bad = r->bad || p->number < 1 || p->number > PARTS_MAX || p->blob_size == 0 ||
	         p->checksum_kind >= CHECKSUM_KINDS;
}

static bool has_lock(const struct index_object *o)
{
	return o->lock_mode != INDEX_LOCK_NONE || o->legal_hold;
}

static uint8_t flags_of(const struct index_object *o)
{
	unsigned flags = (o->multipart ? FLAG_MULTIPART : 0) |
	                 (o->delete_marker ? FLAG_DELETE_MARKER : 0) |
	                 (o->versioned ? FLAG_VERSIONED : 0) | (o->n_tags > 0 ? FLAG_TAGS : 0) |
	                 (has_lock(o) ? FLAG_LOCK : 0) | (o->acl.n > 0 ? FLAG_ACL : 0);

	return (uint8_t)flags;
}

static void write_fields(const struct field *fields, size_t n, struct writer *w)
{
	write_u16(w, (uint16_t)n);
	for (size_t i = 0; i < n; i++) {
		write_lv16(w, fields[i].name);
		write_lv16(w, fields[i].value);
	}
}

void index_record_write(const struct index_object *o, struct writer *w)
{
	write_u8(w, VERSION);
	write_u64(w, o->size);
	write_u64(w, o->modified_ms);
	write_lv16(w, o->etag);
	write_u8(w, o->checksum_kind);
	write_u8(w, o->checksum_composite);
	write_lv16(w, o->checksum);
	write_u8(w, o->sse);
	write_u8(w, flags_of(o));
	write_bytes(w, bytes_of(o->id, sizeof(o->id)));
	write_u32(w, o->blob_size);
	write_lv16(w, o->bucket);
	write_lv16(w, o->key);
	write_text_field(w, o->key_arn);
	write_lv16(w, o->wrapped);
	write_text_field(w, o->content_type);
	write_fields(o->metadata, o->n_metadata, w);
	if (o->n_tags > 0) {
		write_fields(o->tags, o->n_tags, w);
	}
	if (has_lock(o)) {
		write_u8(w, o->lock_mode);
		write_u64(w, o->retain_until_ms);
		write_u8(w, o->legal_hold);
	}
	if (o->sse == INDEX_SSE_CUSTOMER) {
		write_bytes(w, bytes_of(o->customer_check, sizeof(o->customer_check)));
	}
	if (o->acl.n > 0) {
		write_lv16(w, o->acl);
		write_bytes(w, bytes_of(o->acl_stamp, sizeof(o->acl_stamp)));
	}
	write_u16(w, (uint16_t)o->n_parts);
	for (size_t i = 0; i < o->n_parts; i++) {
		write_part(&o->parts[i], w);
	}
	w->full = w->full || o->n_metadata > METADATA_MAX || o->n_parts > PARTS_MAX ||
	          o->n_tags > TAGS_MAX || o->acl.n > INDEX_ACL_MAX;
}

/* What a listing shows. The flags that say what follows are given apart. */
static void read_head(struct reader *r, struct index_object *o, uint8_t *ret_flags)
{
	r->bad = read_u8(r) != VERSION || r->bad;
	o->size = read_u64(r);
	o->modified_ms = read_u64(r);
	o->etag = read_lv16(r, ETAG_MAX_BYTES);
	o->checksum_kind = read_u8(r);
	o->checksum_composite = read_u8(r);
	r->bad = r->bad || o->checksum_kind >= CHECKSUM_KINDS || o->checksum_composite > 1;
	o->checksum = read_lv16(r, CHECKSUM_BYTES_MAX);
	o->sse = read_u8(r);
	uint8_t flags = read_u8(r);
	o->multipart = (flags & FLAG_MULTIPART) != 0;
	o->delete_marker = (flags & FLAG_DELETE_MARKER) != 0;
	o->versioned = (flags & FLAG_VERSIONED) != 0;
	r->bad = r->bad || o->sse > INDEX_SSE_CUSTOMER || (flags & ~FLAGS_ALL) != 0;
	read_into(r, o->id, sizeof(o->id));
	*ret_flags = flags;
}

static void read_names(struct reader *r, struct index_object *o)
{
	o->blob_size = read_u32(r);
	o->bucket = read_lv16(r, INDEX_BUCKET_NAME_MAX);
	o->key = read_lv16(r, INDEX_KEY_MAX);
	o->key_arn = read_lv16(r, TEXT_MAX_BYTES);
	o->wrapped = read_lv16(r, INDEX_WRAPPED_MAX);
	o->content_type = read_lv16(r, TEXT_MAX_BYTES);
}

/* A count of items of at least `least` bytes each: more than can be there is a lie. */
static size_t read_count(struct reader *r, size_t max, size_t least)
{
	size_t n = read_u16(r);

	if (r->bad || n > max || n > r->left / least) {
		r->bad = true;
		return 0;
	}
	return n;
}

static enum err read_fields(struct reader *r, struct arena *a, size_t max,
                            const struct field **ret, size_t *ret_n)
{
	size_t n = read_count(r, max, FIELD_LEAST_BYTES);
	struct field *fields = arena_alloc(a, n * sizeof(*fields));

	if (fields == NULL) {
		return ERR_LIMIT;
	}
	for (size_t i = 0; i < n; i++) {
		fields[i].name = read_lv16(r, UINT16_MAX);
		fields[i].value = read_lv16(r, UINT16_MAX);
	}
	*ret = fields;
	*ret_n = n;
	return OK;
}

/* One form only: what is empty has no flag. */
static enum err read_tags(struct reader *r, struct arena *a, struct index_object *o)
{
	TRY(read_fields(r, a, TAGS_MAX, &o->tags, &o->n_tags));
	r->bad = r->bad || o->n_tags == 0;
	return OK;
}

static void read_lock(struct reader *r, struct index_object *o)
{
	o->lock_mode = read_u8(r);
	o->retain_until_ms = read_u64(r);
	uint8_t hold = read_u8(r);
	o->legal_hold = hold == 1;
	r->bad = r->bad || o->lock_mode > INDEX_LOCK_COMPLIANCE || hold > 1 || !has_lock(o) ||
	         (o->lock_mode == INDEX_LOCK_NONE && o->retain_until_ms != 0);
}

static void read_acl(struct reader *r, struct index_object *o)
{
	o->acl = read_lv16(r, INDEX_ACL_MAX);
	read_into(r, o->acl_stamp, sizeof(o->acl_stamp));
	r->bad = r->bad || o->acl.n == 0;
}

/* Parts ascend, and their sizes are the object's: a range is computed from them. */
static enum err read_parts(struct reader *r, struct arena *a, struct index_object *o)
{
	size_t n = read_count(r, PARTS_MAX, PART_LEAST_BYTES);
	struct index_part *parts = arena_alloc(a, n * sizeof(*parts));
	uint64_t sum = 0;
	uint32_t before = 0;

	if (parts == NULL) {
		return ERR_LIMIT;
	}
	for (size_t i = 0; i < n && !r->bad; i++) {
		read_part(r, &parts[i]);
		r->bad = r->bad || parts[i].number <= before ||
		         __builtin_add_overflow(sum, parts[i].size, &sum);
		before = parts[i].number;
	}
	r->bad = r->bad || sum != o->size;
	o->parts = parts;
	o->n_parts = n;
	return OK;
}

enum err index_record_borrow(struct bytes record, struct arena *a, struct index_object *ret)
{
	struct reader r = reader_of(record);
	struct index_object o = {0};
	uint8_t flags;

	read_head(&r, &o, &flags);
	read_names(&r, &o);
	TRY(read_fields(&r, a, METADATA_MAX, &o.metadata, &o.n_metadata));
	if ((flags & FLAG_TAGS) != 0) {
		TRY(read_tags(&r, a, &o));
	}
	if ((flags & FLAG_LOCK) != 0) {
		read_lock(&r, &o);
	}
	if (o.sse == INDEX_SSE_CUSTOMER) {
		read_into(&r, o.customer_check, sizeof(o.customer_check));
	}
	if ((flags & FLAG_ACL) != 0) {
		read_acl(&r, &o);
	}
	TRY(read_parts(&r, a, &o));
	if (read_end(&r) != OK) {
		return ERR_CORRUPT;
	}
	*ret = o;
	return OK;
}

enum err index_record_entry(struct bytes record, struct arena *a, struct index_list_entry *ret)
{
	struct reader r = reader_of(record);
	struct index_object o = {0};
	uint8_t flags;

	read_head(&r, &o, &flags);
	ret->size = o.size;
	ret->modified_ms = o.modified_ms;
	ret->etag = o.etag;
	ret->checksum_kind = o.checksum_kind;
	ret->checksum_composite = o.checksum_composite;
	ret->delete_marker = o.delete_marker;
	ret->version = index_version_of(&o);
	ret->acl = (struct bytes){NULL, 0};
	if (r.bad) {
		return ERR_CORRUPT;
	}
	if ((flags & FLAG_ACL) != 0) { /* rare: whose it is stands far behind */
		TRY(index_record_borrow(record, a, &o));
		ret->acl = bytes_first(o.acl, INDEX_ENTRY_ACL);
	}
	return OK;
}

enum err index_record_read(struct bytes record, struct arena *a, struct index_object *ret)
{
	if (record.n > INDEX_RECORD_MAX_BYTES) {
		return ERR_CORRUPT;
	}
	struct bytes copy = arena_copy(a, record);
	return copy.p == NULL ? ERR_LIMIT : index_record_borrow(copy, a, ret);
}

/* A bucket without versioning has the record that buckets always had. */
static bool has_extras(const struct index_bucket *b)
{
	return b->versioning != INDEX_VERSIONING_OFF || b->lock ||
	       b->lock_mode != INDEX_LOCK_NONE || b->lock_days > 0 || b->lock_years > 0 ||
	       b->configs != 0;
}

void index_record_write_bucket(const struct index_bucket *b, struct writer *w)
{
	write_u8(w, VERSION);
	write_u64(w, b->number);
	write_u64(w, b->created_ms);
	write_lv16(w, b->name);
	write_lv16(w, b->tenant);
	write_lv16(w, b->owner_id);
	write_lv16(w, b->owner_name);
	write_lv16(w, b->region);
	if (!has_extras(b)) {
		return;
	}
	write_u8(w, b->versioning);
	write_u8(w, b->lock);
	write_u8(w, b->lock_mode);
	write_u32(w, b->lock_days);
	write_u32(w, b->lock_years);
	write_u32(w, b->configs);
}

static void read_extras(struct reader *r, struct index_bucket *b)
{
	b->versioning = read_u8(r);
	uint8_t lock = read_u8(r);
	b->lock = lock == 1;
	b->lock_mode = read_u8(r);
	b->lock_days = read_u32(r);
	b->lock_years = read_u32(r);
	b->configs = read_u32(r);
	r->bad = r->bad || b->versioning > INDEX_VERSIONING_SUSPENDED || lock > 1 ||
	         b->lock_mode > INDEX_LOCK_COMPLIANCE || !has_extras(b);
}

enum err index_record_read_bucket(struct bytes record, struct index_bucket *ret)
{
	struct reader r = reader_of(record);
	struct index_bucket b = {0};

	r.bad = read_u8(&r) != VERSION || r.bad;
	b.number = read_u64(&r);
	b.created_ms = read_u64(&r);
	b.name = read_lv16(&r, INDEX_BUCKET_NAME_MAX);
	b.tenant = read_lv16(&r, TEXT_MAX_BYTES);
	b.owner_id = read_lv16(&r, TEXT_MAX_BYTES);
	b.owner_name = read_lv16(&r, TEXT_MAX_BYTES);
	b.region = read_lv16(&r, TEXT_MAX_BYTES);
	if (r.left > 0) {
		read_extras(&r, &b);
	}
	if (read_end(&r) != OK) {
		return ERR_CORRUPT;
	}
	*ret = b;
	return OK;
}

void index_record_write_upload(const struct index_upload *u, struct writer *w)
{
	write_u8(w, VERSION);
	write_bytes(w, bytes_of(u->upload_id, sizeof(u->upload_id)));
	write_u64(w, u->created_ms);
	write_lv16(w, u->initiator_id);
	write_lv16(w, u->initiator_name);
	index_record_write(&u->object, w);
}

enum err index_record_read_upload(struct bytes record, struct arena *a, struct index_upload *ret)
{
	struct reader r = reader_of(record);
	struct index_upload u = {0};

	r.bad = read_u8(&r) != VERSION || r.bad;
	read_into(&r, u.upload_id, sizeof(u.upload_id));
	u.created_ms = read_u64(&r);
	u.initiator_id = read_lv16(&r, TEXT_MAX_BYTES);
	u.initiator_name = read_lv16(&r, TEXT_MAX_BYTES);
	struct bytes object = read_bytes(&r, r.left);
	if (r.bad) {
		return ERR_CORRUPT;
	}
	TRY(index_record_borrow(object, a, &u.object));
	*ret = u;
	return OK;
}

void index_record_write_part(const struct index_part *p, struct writer *w)
{
	write_u8(w, VERSION);
	write_part(p, w);
}

enum err index_record_read_part(struct bytes record, struct index_part *ret)
{
	struct reader r = reader_of(record);
	struct index_part p = {0};

	r.bad = read_u8(&r) != VERSION || r.bad;
	read_part(&r, &p);
	if (read_end(&r) != OK) {
		return ERR_CORRUPT;
	}
	*ret = p;
	return OK;
}

void index_record_write_garbage(const struct index_garbage *g, struct writer *w)
{
	write_u8(w, VERSION);
	write_bytes(w, bytes_of(g->object_id, sizeof(g->object_id)));
	write_u16(w, (uint16_t)g->n_parts);
	for (size_t i = 0; i < g->n_parts; i++) {
		write_u16(w, (uint16_t)g->parts[i].number);
		write_u64(w, g->parts[i].size);
		write_bytes(w, bytes_of(g->parts[i].seed, INDEX_SEED_BYTES));
		write_u32(w, g->parts[i].blob_size);
	}
	w->full = w->full || g->n_parts > PARTS_MAX;
}

enum err index_record_read_garbage(struct bytes record, struct arena *a, struct index_garbage *ret)
{
	struct reader r = reader_of(record);
	struct index_garbage g = {0};

	r.bad = read_u8(&r) != VERSION || r.bad;
	read_into(&r, g.object_id, sizeof(g.object_id));
	g.n_parts = read_count(&r, PARTS_MAX, GARBAGE_PART_BYTES);
	g.parts = arena_alloc(a, g.n_parts * sizeof(*g.parts));
	if (g.parts == NULL) {
		return ERR_LIMIT;
	}
	for (size_t i = 0; i < g.n_parts; i++) {
		g.parts[i].number = read_u16(&r);
		g.parts[i].size = read_u64(&r);
		read_into(&r, g.parts[i].seed, INDEX_SEED_BYTES);
		g.parts[i].blob_size = read_u32(&r);
		r.bad = r.bad || g.parts[i].blob_size == 0;
	}
	if (read_end(&r) != OK) {
		return ERR_CORRUPT;
	}
	*ret = g;
	return OK;
}
