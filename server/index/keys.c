/* Keys of rows (INDEX-FORMAT.md section 2). Their byte order is the order that S3 lists in. */
#include <string.h>

#include "server/index/schema.h"

enum {
	NUMBER_BYTES = 8,
	UPLOAD_TAIL_BYTES = 1 + INDEX_UPLOAD_ID_BYTES,
	VERSION_TAIL_BYTES = 1 + NUMBER_BYTES + 1 + INDEX_OBJECT_ID_BYTES,
};

struct bytes index_key_bytes(const struct index_key *k)
{
	return bytes_of(k->p, k->n);
}

static struct writer begin(struct index_key *k)
{
	return writer_fixed(k->p, sizeof(k->p));
}

static void end(struct index_key *k, const struct writer *w)
{
	k->n = w->used;
	k->bad = w->full;
}

struct index_key index_key_object(uint64_t bucket, struct bytes key)
{
	struct index_key k;
	struct writer w = begin(&k);

	write_u64(&w, bucket);
	write_bytes(&w, key);
	end(&k, &w);
	k.bad = k.bad || key.n > INDEX_KEY_MAX;
	return k;
}

struct index_key index_key_upload(uint64_t bucket, struct bytes key, const uint8_t *upload_id)
{
	struct index_key k;
	struct writer w = begin(&k);

	write_u64(&w, bucket);
	write_bytes(&w, key);
	write_u8(&w, 0);
	write_bytes(&w, bytes_of(upload_id, INDEX_UPLOAD_ID_BYTES));
	end(&k, &w);
	k.bad = k.bad || key.n > INDEX_KEY_MAX;
	return k;
}

struct index_key index_key_versions(uint64_t bucket, struct bytes key)
{
	struct index_key k;
	struct writer w = begin(&k);

	write_u64(&w, bucket);
	write_bytes(&w, key);
	write_u8(&w, 0); /* no key has a NUL, so nothing of another key begins so */
	end(&k, &w);
	k.bad = k.bad || key.n > INDEX_KEY_MAX;
	return k;
}

/* The newest stands first: the sequence is inverted. */
struct index_key index_key_version(uint64_t bucket, struct bytes key, uint64_t sequence,
                                   const struct index_version *version)
{
	struct index_key k = index_key_versions(bucket, key);
	struct writer w = writer_fixed(k.p + k.n, sizeof(k.p) - k.n);

	write_u64(&w, UINT64_MAX - sequence);
	write_u8(&w, !version->null);
	write_bytes(&w, bytes_of(version->id, sizeof(version->id)));
	k.n += w.used;
	k.bad = k.bad || w.full;
	return k;
}

struct index_key index_key_part(const uint8_t *upload_id, uint32_t number)
{
	struct index_key k;
	struct writer w = begin(&k);

	write_bytes(&w, bytes_of(upload_id, INDEX_UPLOAD_ID_BYTES));
	write_u16(&w, (uint16_t)number);
	end(&k, &w);
	k.bad = k.bad || number < 1 || number > INDEX_PARTS_MAX;
	return k;
}

struct index_key index_key_parts(const uint8_t *upload_id)
{
	struct index_key k;
	struct writer w = begin(&k);

	write_bytes(&w, bytes_of(upload_id, INDEX_UPLOAD_ID_BYTES));
	end(&k, &w);
	return k;
}

struct index_key index_key_config(uint64_t bucket, enum index_config kind)
{
	struct index_key k;
	struct writer w = begin(&k);

	write_u64(&w, bucket);
	write_u8(&w, (uint8_t)kind);
	end(&k, &w);
	return k;
}

struct index_key index_key_garbage(uint64_t sequence)
{
	struct index_key k;
	struct writer w = begin(&k);

	write_u64(&w, sequence);
	end(&k, &w);
	return k;
}

bool index_key_after(struct index_key *k)
{
	while (k->n > 0 && k->p[k->n - 1] == 0xff) {
		k->n--; /* nothing that begins so far is greater: look one byte earlier */
	}
	if (k->n == 0) {
		return false;
	}
	k->p[k->n - 1]++;
	return true;
}

enum err index_key_read_object(struct bytes row, uint64_t *ret_bucket, struct bytes *ret_key)
{
	struct reader r = reader_of(row);

	*ret_bucket = read_u64(&r);
	*ret_key = bytes_skip(row, NUMBER_BYTES);
	return r.bad ? ERR_CORRUPT : OK;
}

enum err index_key_read_upload(struct bytes row, struct bytes *ret_key, const uint8_t **ret_id)
{
	if (row.n < NUMBER_BYTES + UPLOAD_TAIL_BYTES) {
		return ERR_CORRUPT;
	}
	size_t key_size = row.n - NUMBER_BYTES - UPLOAD_TAIL_BYTES;
	*ret_key = bytes_of(row.p + NUMBER_BYTES, key_size);
	*ret_id = row.p + row.n - INDEX_UPLOAD_ID_BYTES;
	return row.p[NUMBER_BYTES + key_size] == 0 ? OK : ERR_CORRUPT;
}

enum err index_key_read_version(struct bytes row, struct index_version *ret)
{
	if (row.n < NUMBER_BYTES + VERSION_TAIL_BYTES) {
		return ERR_CORRUPT;
	}
	struct reader r = reader_of(bytes_skip(row, row.n - VERSION_TAIL_BYTES));
	uint8_t nul = read_u8(&r);
	read_u64(&r);
	uint8_t named = read_u8(&r);
	read_into(&r, ret->id, sizeof(ret->id));
	ret->null = named == 0;
	return nul == 0 && named <= 1 && read_end(&r) == OK ? OK : ERR_CORRUPT;
}

enum err index_key_read_part(struct bytes row, uint32_t *ret_number)
{
	struct reader r = reader_of(row);

	read_bytes(&r, INDEX_UPLOAD_ID_BYTES);
	*ret_number = read_u16(&r);
	return read_end(&r) == OK ? OK : ERR_CORRUPT;
}

enum err index_key_read_garbage(struct bytes row, uint64_t *ret_sequence)
{
	struct reader r = reader_of(row);

	*ret_sequence = read_u64(&r);
	return read_end(&r) == OK ? OK : ERR_CORRUPT;
}
