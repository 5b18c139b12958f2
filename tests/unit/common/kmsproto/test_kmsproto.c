/* Batches and answers: round trips, every truncation, every limit, moved and changed keys. */
#include "common/kmsproto/kmsproto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "common/base/attr.h"

static const uint8_t nonce_g[32] = {1, 2, 3};
static const uint8_t nonce_k[32] = {9, 8, 7};

static const struct field tag_list[] = {{BYTES("colour"), BYTES("blue")}, {BYTES("empty"), BYTES("")}};

static struct kmsproto_call access_call(void)
{
	struct kmsproto_call c = {.kind = KMSPROTO_ACCESS};
	struct sigv4_evidence *e = &c.access.evidence;

	memset(c.access.request_id, 0x11, sizeof(c.access.request_id));
	c.access.source = BYTES("192.0.2.7");
	c.access.agent = BYTES("aws-sdk/1");
	e->kind = SIGV4_HEADER;
	e->access_key = BYTES("AKIAEXAMPLE");
	e->amz_date = BYTES("20260131T235959Z");
	e->date = BYTES("20260131");
	e->region = BYTES("fr-sov-1");
	e->service = BYTES("s3");
	e->signed_headers = BYTES("host;x-amz-date");
	e->signature = BYTES("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
	e->canonical = BYTES("PUT\n/b/k\n\nhost:h\n\nhost\nUNSIGNED-PAYLOAD");
	c.access.referer = BYTES("https://example.org/");
	c.access.secure = true;
	c.access.target = (struct kmsproto_resource){
		.tenant = BYTES("123456789012"),
		.bucket_number = 7,
		.flags = KMSPROTO_RESTRICT_PUBLIC,
		.documents = {{KMSPROTO_BUCKET_POLICY, BYTES("{}"), {0}, 1ULL << 40},
		              {KMSPROTO_OBJECT_ACL, BYTES("acl"), {5}}},
		.n_documents = 2,
		.tags = tag_list,
		.n_tags = COUNT(tag_list),
	};
	memset(c.access.target.object_id, 0x22, sizeof(c.access.target.object_id));
	c.access.item = BYTES("one key");
	c.access.has_document = true;
	c.access.body = BYTES("<a/>");
	c.access.n_keys = 2;
	c.access.keys[0] = (struct kmsproto_key_call){.op = KMSPROTO_ISSUE,
		.bucket = BYTES("b"), .key = BYTES("k"), .kek = BYTES("alias/x")};
	c.access.keys[1] = (struct kmsproto_key_call){.op = KMSPROTO_OPEN, .source = true,
		.bucket = BYTES("b2"), .key = BYTES("k2"), .wrapped = BYTES("wrapped bytes")};
	return c;
}

static struct sigv4_chunk chunk_list[3];

static struct kmsproto_call chunks_call(void)
{
	struct kmsproto_call c = {.kind = KMSPROTO_CHUNKS};

	c.chunks.access_key = BYTES("AKIAEXAMPLE");
	c.chunks.amz_date = BYTES("20260131T235959Z");
	c.chunks.date = BYTES("20260131");
	c.chunks.region = BYTES("fr-sov-1");
	c.chunks.service = BYTES("s3");
	memset(c.chunks.previous, 'a', sizeof(c.chunks.previous));
	for (size_t i = 0; i < COUNT(chunk_list); i++) {
		memset(chunk_list[i].hash, (int)i, sizeof(chunk_list[i].hash));
		memset(chunk_list[i].signature, 'b', sizeof(chunk_list[i].signature));
		chunk_list[i].trailer = i == 2;
	}
	c.chunks.chunks = chunk_list;
	c.chunks.n_chunks = COUNT(chunk_list);
	return c;
}

static struct kmsproto_call deliver_call(void)
{
	struct kmsproto_call c = {.kind = KMSPROTO_DELIVER, .deliver = {
		.request_id = {9},
		.tenant = BYTES("123456789012"),
		.bucket = BYTES("src"),
		.bucket_number = 8,
		.document = BYTES("<a/>"),
		.target = access_call().access.target,
		.key = {.op = KMSPROTO_ISSUE, .bucket = BYTES("logs"), .key = BYTES("k"),
		        .kek = BYTES("alias/x")},
	}};

	return c;
}

static struct writer whole_batch(void)
{
	struct writer w = writer_growing(1 << 20);
	struct kmsproto_call index_call = {.kind = KMSPROTO_INDEX_KEY};
	struct kmsproto_call a = access_call();
	struct kmsproto_call c = chunks_call();
	struct kmsproto_call d = deliver_call();

	kmsproto_batch_begin(&w, nonce_g, 4);
	kmsproto_call_write(&w, &index_call);
	kmsproto_call_write(&w, &a);
	kmsproto_call_write(&w, &c);
	kmsproto_call_write(&w, &d);
	assert_int_equal(writer_end(&w), OK);
	return w;
}

static enum err read_batch(struct bytes b, struct kmsproto_batch *ret, struct arena **ret_arena)
{
	*ret_arena = arena_new(1 << 20);
	assert_non_null(*ret_arena);
	return kmsproto_batch_read(*ret_arena, b, ret);
}

static void test_batch_round_trip(void **state)
{
	(void)state;
	struct writer w AUTO(writer_free) = whole_batch();
	struct arena *arena AUTO(arena_freep) = NULL;
	struct kmsproto_batch b;

	assert_int_equal(read_batch(writer_bytes(&w), &b, &arena), OK);
	assert_int_equal(b.n, 4);
	assert_memory_equal(b.nonce, nonce_g, 32);
	assert_int_equal(b.calls[0].kind, KMSPROTO_INDEX_KEY);
	const struct kmsproto_access *a = &b.calls[1].access;
	assert_true(bytes_is(a->source, "192.0.2.7"));
	assert_int_equal(a->evidence.kind, SIGV4_HEADER);
	assert_true(bytes_is(a->evidence.access_key, "AKIAEXAMPLE"));
	assert_true(bytes_starts(a->evidence.canonical, BYTES("PUT\n/b/k\n")));
	assert_true(bytes_is(a->referer, "https://example.org/"));
	assert_true(a->secure);
	const struct kmsproto_resource *t = &a->target;
	assert_true(bytes_is(t->tenant, "123456789012"));
	assert_int_equal(t->bucket_number, 7);
	assert_int_equal(t->flags, KMSPROTO_RESTRICT_PUBLIC);
	assert_int_equal(t->object_id[15], 0x22);
	assert_int_equal(t->n_documents, 2);
	assert_int_equal(t->documents[0].order, 1ULL << 40);
	assert_int_equal(t->documents[1].kind, KMSPROTO_OBJECT_ACL);
	assert_true(bytes_is(t->documents[1].text, "acl"));
	assert_int_equal(t->documents[1].stamp[0], 5);
	assert_int_equal(t->n_tags, 2);
	assert_true(bytes_is(t->tags[0].value, "blue"));
	assert_int_equal(a->copy_source.tenant.n, 0);
	assert_true(bytes_is(a->item, "one key"));
	assert_true(a->has_document);
	assert_true(bytes_is(a->body, "<a/>"));
	assert_int_equal(a->n_keys, 2);
	assert_int_equal(a->keys[0].op, KMSPROTO_ISSUE);
	assert_false(a->keys[0].source);
	assert_true(bytes_is(a->keys[0].kek, "alias/x"));
	assert_true(a->keys[1].source);
	assert_true(bytes_is(a->keys[1].wrapped, "wrapped bytes"));
	const struct kmsproto_chunks *c = &b.calls[2].chunks;
	assert_int_equal(c->n_chunks, 3);
	assert_true(c->chunks[2].trailer);
	assert_false(c->chunks[1].trailer);
	assert_int_equal(c->chunks[1].hash[31], 1);
	const struct kmsproto_deliver *d = &b.calls[3].deliver;
	assert_int_equal(b.calls[3].kind, KMSPROTO_DELIVER);
	assert_int_equal(d->request_id[0], 9);
	assert_true(bytes_is(d->tenant, "123456789012") && bytes_is(d->bucket, "src"));
	assert_int_equal(d->bucket_number, 8);
	assert_true(bytes_is(d->document, "<a/>"));
	assert_int_equal(d->target.bucket_number, 7);
	assert_true(bytes_is(d->key.bucket, "logs") && bytes_is(d->key.kek, "alias/x"));
}

/* A form travels alone: what the KMS derives from it, nobody may claim beside it. */
static void test_form(void **state)
{
	enum { TEXTS_AT = 43 + 5 + 16 + 2 + 9 + 2 + 9 + 2 + 20 + 1 + 1, TEXTS = 7 }; /* behind the kind */
	struct kmsproto_call c = access_call();
	struct writer w AUTO(writer_free) = writer_growing(1 << 20);
	struct arena *arena AUTO(arena_freep) = NULL;
	struct kmsproto_batch b;

	(void)state;
	c.access.evidence.kind = SIGV4_FORM; /* all that a gateway derived stands there, too */
	c.access.evidence.form = BYTES("the fields");
	kmsproto_batch_begin(&w, nonce_g, 1);
	kmsproto_call_write(&w, &c);
	assert_int_equal(writer_end(&w), OK);
	assert_int_equal(read_batch(writer_bytes(&w), &b, &arena), OK);
	const struct sigv4_evidence *e = &b.calls[0].access.evidence;
	assert_int_equal(e->kind, SIGV4_FORM);
	assert_true(bytes_is(e->form, "the fields"));
	assert_int_equal(e->canonical.n, 0);
	assert_int_equal(e->access_key.n, 0);
	assert_int_equal(b.calls[0].access.n_keys, 2);
	for (size_t i = 0; i < TEXTS; i++) {
		/* One byte of text: the call and the batch grow by it. */
		struct writer more AUTO(writer_free) = writer_growing(1 << 20);
		struct arena *other AUTO(arena_freep) = NULL;
		size_t at = TEXTS_AT + 2 * i;
		assert_int_equal(w.p[at] | w.p[at + 1], 0);
		write_bytes(&more, bytes_of(w.p, at + 1));
		write_bytes(&more, BYTES("\001x"));
		write_bytes(&more, bytes_skip(writer_bytes(&w), at + 2));
		more.p[42]++; /* the last byte of the call's length */
		assert_int_equal(read_batch(writer_bytes(&more), &b, &other), ERR_INPUT);
	}
	w.p[TEXTS_AT + 2 * TEXTS + 7] = 1; /* expires */
	struct arena *other AUTO(arena_freep) = NULL;
	assert_int_equal(read_batch(writer_bytes(&w), &b, &other), ERR_INPUT);

	struct writer none AUTO(writer_free) = writer_growing(1 << 20);
	struct arena *third AUTO(arena_freep) = NULL;
	c.access.evidence.form = (struct bytes){0};
	kmsproto_batch_begin(&none, nonce_g, 1);
	kmsproto_call_write(&none, &c);
	assert_int_equal(read_batch(writer_bytes(&none), &b, &third), ERR_INPUT);
}

/* Every proper prefix is refused, and so is every batch with a byte too many. */
static void test_batch_truncated(void **state)
{
	(void)state;
	struct writer w AUTO(writer_free) = whole_batch();

	for (size_t n = 0; n < w.used; n++) {
		struct arena *arena AUTO(arena_freep) = NULL;
		struct kmsproto_batch b;
		assert_int_equal(read_batch(bytes_of(w.p, n), &b, &arena), ERR_INPUT);
	}
	write_u8(&w, 0);
	struct arena *arena AUTO(arena_freep) = NULL;
	struct kmsproto_batch b;
	assert_int_equal(read_batch(writer_bytes(&w), &b, &arena), ERR_INPUT);
}

static void test_batch_head(void **state)
{
	(void)state;
	struct writer w AUTO(writer_free) = whole_batch();
	const size_t at[] = {0, 3, 5, 38, 39}; /* magic, version, count */

	for (size_t i = 0; i < COUNT(at); i++) {
		struct arena *arena AUTO(arena_freep) = NULL;
		struct kmsproto_batch b;
		w.p[at[i]] ^= 0x40;
		assert_int_not_equal(read_batch(writer_bytes(&w), &b, &arena), OK);
		w.p[at[i]] ^= 0x40;
	}
}

/* What the reader refuses, the writer does not write. */
static void test_batch_limits(void **state)
{
	(void)state;
	static const uint8_t big[KMSPROTO_CANONICAL_MAX + 1];
	struct kmsproto_call calls[6];

	for (size_t i = 0; i < COUNT(calls); i++) {
		calls[i] = access_call();
	}
	calls[0].access.evidence.canonical = bytes_of(big, sizeof(big));
	calls[1].access.keys[0].key = bytes_of(big, KMSPROTO_OBJECT_KEY_MAX + 1);
	calls[2].access.keys[1].wrapped = bytes_of(big, KMSPROTO_WRAPPED_MAX + 1);
	calls[3].access.n_keys = KMSPROTO_KEYS_MAX + 1;
	calls[4] = chunks_call();
	calls[4].chunks.n_chunks = 0;
	calls[5] = chunks_call();
	calls[5].chunks.n_chunks = KMSPROTO_CHUNKS_MAX + 1;
	for (size_t i = 0; i < COUNT(calls); i++) {
		struct writer w AUTO(writer_free) = writer_growing(1 << 20);
		kmsproto_call_write(&w, &calls[i]);
		assert_int_equal(writer_end(&w), ERR_LIMIT);
	}
	struct writer w AUTO(writer_free) = writer_growing(1 << 20);
	kmsproto_batch_begin(&w, nonce_g, KMSPROTO_CALLS_MAX + 1);
	assert_int_equal(writer_end(&w), ERR_LIMIT);
}

static enum err one_call(const struct kmsproto_call *c)
{
	struct writer w AUTO(writer_free) = writer_growing(1 << 20);
	struct arena *arena AUTO(arena_freep) = NULL;
	struct kmsproto_batch b;

	kmsproto_batch_begin(&w, nonce_g, 1);
	kmsproto_call_write(&w, c);
	assert_int_equal(writer_end(&w), OK);
	return read_batch(writer_bytes(&w), &b, &arena);
}

/* An entry of the log cannot hold a NUL, so a call that brings one would have no entry. */
static void test_batch_nul(void **state)
{
	(void)state;
	struct kmsproto_call c = access_call();
	struct writer w AUTO(writer_free) = writer_growing(1 << 20);

	c.access.agent = bytes_of("a\0b", 3);
	kmsproto_call_write(&w, &c);
	assert_int_equal(writer_end(&w), ERR_LIMIT);

	const char *const texts[] = {"192.0.2.7", "aws-sdk/1", "AKIAEXAMPLE", "fr-sov-1", "alias/x"};
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct writer good AUTO(writer_free) = whole_batch();
		struct arena *arena AUTO(arena_freep) = NULL;
		struct kmsproto_batch b;
		uint8_t *at = memmem(good.p, good.used, texts[i], strlen(texts[i]));
		assert_non_null(at);
		at[1] = 0;
		assert_int_equal(read_batch(writer_bytes(&good), &b, &arena), ERR_INPUT);
	}
}

static void test_batch_contradictions(void **state)
{
	(void)state;
	struct kmsproto_call c = access_call();

	assert_int_equal(one_call(&c), OK);
	c.access.keys[1].wrapped.n = 0; /* an opening of nothing */
	assert_int_equal(one_call(&c), ERR_INPUT);
	c = access_call();
	c.access.keys[1].op = KMSPROTO_REWRAP; /* under no key */
	assert_int_equal(one_call(&c), ERR_INPUT);
	c.access.keys[1].kek = BYTES("alias/x");
	assert_int_equal(one_call(&c), OK);
	c.access.keys[1].wrapped.n = 0;
	assert_int_equal(one_call(&c), ERR_INPUT);
	c = access_call();
	c.access.keys[0].key.n = 0;
	assert_int_equal(one_call(&c), ERR_INPUT);
	c = access_call();
	c.access.evidence.kind = SIGV4_ANONYMOUS; /* but with an access key */
	assert_int_equal(one_call(&c), ERR_INPUT);
	c = access_call();
	c.access.evidence.signature.n--;
	assert_int_equal(one_call(&c), ERR_INPUT);
	c = access_call();
	c.access.evidence.amz_date.n--;
	assert_int_equal(one_call(&c), ERR_INPUT);
	c = access_call();
	c.access.evidence = (struct sigv4_evidence){.kind = SIGV4_ANONYMOUS};
	assert_int_equal(one_call(&c), OK);
	c = deliver_call();
	assert_int_equal(one_call(&c), OK);
	c.deliver.key.op = KMSPROTO_OPEN; /* a delivery opens nothing */
	c.deliver.key.wrapped = BYTES("wrapped bytes");
	c.deliver.key.kek = (struct bytes){0};
	assert_int_equal(one_call(&c), ERR_INPUT);
	c.deliver.key.op = KMSPROTO_REWRAP;
	c.deliver.key.kek = BYTES("alias/x");
	assert_int_equal(one_call(&c), ERR_INPUT);
	c = deliver_call();
	c.deliver.key.source = true;
	assert_int_equal(one_call(&c), ERR_INPUT);
	c = deliver_call();
	c.deliver.target.tenant = (struct bytes){0};
	assert_int_equal(one_call(&c), ERR_INPUT);
	c = deliver_call();
	c.deliver.tenant.n--;
	assert_int_equal(one_call(&c), ERR_INPUT);
	c = deliver_call();
	c.deliver.target.documents[0].kind = KMSPROTO_BUCKET_LOGGING; /* none of a resource */
	assert_int_equal(one_call(&c), ERR_INPUT);
}

/* --- answers --- */

struct fixture {
	struct secret *enrolment, *other, *dek[2], *index_key;
	struct kmsproto_reply replies[3];
};

static int set_up(void **state)
{
	static struct fixture f;

	if (secret_init(256) != OK) {
		return 1;
	}
	f.enrolment = secret_random(32);
	f.other = secret_random(32);
	f.dek[0] = secret_random(32);
	f.dek[1] = secret_random(32);
	f.index_key = secret_random(32);
	f.replies[0] = (struct kmsproto_reply){.kind = KMSPROTO_ACCESS, .verdict = KMSPROTO_OK,
		.log_index = 77, .n_keys = 2};
	f.replies[0].principal = (struct kmsproto_principal){.tenant = BYTES("123456789012"),
		.tenant_name = BYTES("hospital"), .canonical_id = BYTES("cafe"),
		.display_name = BYTES("H"), .user = BYTES("alice"),
		.arn = BYTES("arn:aws:iam::123456789012:user/alice")};
	f.replies[0].keys[0] = (struct kmsproto_key_reply){.wrapped = BYTES("w"),
		.arn = BYTES("arn"), .dek = f.dek[0]};
	f.replies[0].keys[1] = (struct kmsproto_key_reply){.arn = BYTES("arn2"), .dek = f.dek[1]};
	f.replies[1] = (struct kmsproto_reply){.kind = KMSPROTO_INDEX_KEY, .log_index = 78,
		.index_key = f.index_key};
	f.replies[2] = (struct kmsproto_reply){.kind = KMSPROTO_CHUNKS,
		.verdict = KMSPROTO_BAD_SIGNATURE, .log_index = KMSPROTO_NO_LOG_INDEX};
	*state = &f;
	return 0;
}

static struct writer whole_answer(const struct fixture *f)
{
	struct writer w = writer_growing(1 << 20);

	assert_int_equal(kmsproto_answer_write(&w, f->enrolment, nonce_g, nonce_k, f->replies, 3),
	                 OK);
	return w;
}

static enum err read_answer(struct bytes b, const struct secret *enrolment, size_t count)
{
	struct arena *arena AUTO(arena_freep) = arena_new(1 << 20);
	struct kmsproto_reply r[4] = {0};
	enum err e = kmsproto_answer_read(arena, b, enrolment, nonce_g, count, r);

	kmsproto_replies_free(r, COUNT(r));
	return e;
}

/* A re-wrapped key does not travel, and one that is left out by mistake does not pass for one. */
static void test_answer_rewrapped(void **state)
{
	struct fixture *f = *state;
	struct kmsproto_reply out = f->replies[0], r = {0};
	struct writer w AUTO(writer_free) = writer_growing(1 << 20);
	struct arena *arena AUTO(arena_freep) = arena_new(1 << 20);

	out.keys[0] = (struct kmsproto_key_reply){.wrapped = BYTES("new"), .arn = BYTES("a"),
		.rewrapped = true};
	assert_int_equal(kmsproto_answer_write(&w, f->enrolment, nonce_g, nonce_k, &out, 1), OK);
	assert_int_equal(kmsproto_answer_read(arena, writer_bytes(&w), f->enrolment, nonce_g, 1, &r),
	                 OK);
	assert_true(r.keys[0].rewrapped && bytes_is(r.keys[0].wrapped, "new"));
	assert_null(r.keys[0].dek);
	assert_false(r.keys[1].rewrapped);
	assert_true(secret_equal(r.keys[1].dek, f->dek[1]));
	kmsproto_replies_free(&r, 1);
	out.keys[0].rewrapped = false;
	w.used = 0;
	assert_int_not_equal(kmsproto_answer_write(&w, f->enrolment, nonce_g, nonce_k, &out, 1), OK);
}

static void test_answer_round_trip(void **state)
{
	struct fixture *f = *state;
	struct writer w AUTO(writer_free) = whole_answer(f);
	struct arena *arena AUTO(arena_freep) = arena_new(1 << 20);
	struct kmsproto_reply r[3] = {0};

	assert_int_equal(kmsproto_answer_read(arena, writer_bytes(&w), f->enrolment, nonce_g, 3, r),
	                 OK);
	assert_int_equal(r[0].log_index, 77);
	assert_true(bytes_is(r[0].principal.user, "alice"));
	assert_true(bytes_is(r[0].keys[0].wrapped, "w"));
	assert_true(secret_equal(r[0].keys[0].dek, f->dek[0]));
	assert_true(secret_equal(r[0].keys[1].dek, f->dek[1]));
	assert_true(secret_equal(r[1].index_key, f->index_key));
	assert_int_equal(r[2].verdict, KMSPROTO_BAD_SIGNATURE);
	assert_true(r[2].log_index == KMSPROTO_NO_LOG_INDEX);
	kmsproto_replies_free(r, 3);
	assert_null(r[0].keys[0].dek);
}

/* No key on the wire, and no key but under the right secret, nonce and place. */
static void test_answer_sealed(void **state)
{
	struct fixture *f = *state;
	struct writer w AUTO(writer_free) = whole_answer(f);
	struct bytes dek = secret_bytes(f->dek[0]);

	assert_null(memmem(w.p, w.used, dek.p, dek.n));
	assert_int_equal(read_answer(writer_bytes(&w), f->other, 3), ERR_CORRUPT);
	assert_int_equal(read_answer(writer_bytes(&w), NULL, 3), ERR_CORRUPT);
	w.p[6] ^= 1; /* the KMS's nonce */
	assert_int_equal(read_answer(writer_bytes(&w), f->enrolment, 3), ERR_CORRUPT);
}

static void test_answer_moved_key(void **state)
{
	struct fixture *f = *state;
	struct kmsproto_reply swapped[2] = {f->replies[1], f->replies[1]};
	struct writer w AUTO(writer_free) = writer_growing(1 << 20);

	assert_int_equal(kmsproto_answer_write(&w, f->enrolment, nonce_g, nonce_k, swapped, 2), OK);
	assert_int_equal(read_answer(writer_bytes(&w), f->enrolment, 2), OK);
	/* Exchange the two sealed keys: both are good ones of this answer, in the wrong place. */
	const size_t reply = 2 + 4 + 8 + 2 + KMSPROTO_SEALED_BYTES;
	uint8_t *first = w.p + 40;
	uint8_t copy[2 + 4 + 8 + 2 + KMSPROTO_SEALED_BYTES];
	memcpy(copy, first, reply);
	memcpy(first, first + reply, reply);
	memcpy(first + reply, copy, reply);
	assert_int_equal(w.used, 40 + 2 * reply);
	assert_int_equal(read_answer(writer_bytes(&w), f->enrolment, 2), ERR_CORRUPT);
}

static void test_answer_changed(void **state)
{
	struct fixture *f = *state;
	struct writer w AUTO(writer_free) = whole_answer(f);

	for (size_t n = 0; n < w.used; n++) {
		assert_int_not_equal(read_answer(bytes_of(w.p, n), f->enrolment, 3), OK);
	}
	assert_int_equal(read_answer(writer_bytes(&w), f->enrolment, 2), ERR_INPUT);
	assert_int_equal(read_answer(writer_bytes(&w), f->enrolment, 4), ERR_INPUT);
}

static void test_answer_newer(void **state)
{
	struct fixture *f = *state;
	struct kmsproto_reply r = {.kind = KMSPROTO_ACCESS, .newer = {KMSPROTO_COPY_SOURCE,
		KMSPROTO_BUCKET_LOGGING, 99, BYTES("<a/>")}}, got = {0};
	struct writer w AUTO(writer_free) = writer_growing(1 << 20);
	struct arena *arena AUTO(arena_freep) = arena_new(1 << 20);

	assert_int_equal(kmsproto_answer_write(&w, NULL, nonce_g, nonce_k, &r, 1), OK);
	struct bytes whole = writer_bytes(&w);
	assert_int_equal(kmsproto_answer_read(arena, whole, f->enrolment, nonce_g, 1, &got), OK);
	assert_int_equal(got.newer.place, KMSPROTO_COPY_SOURCE);
	assert_int_equal(got.newer.kind, KMSPROTO_BUCKET_LOGGING);
	assert_int_equal(got.newer.order, 99);
	assert_true(bytes_is(got.newer.text, "<a/>"));
	/* place, kind, order, length and text stand last */
	uint8_t *kind = w.p + w.used - 4 - 2 - 8 - 1;
	*kind = KMSPROTO_OBJECT_ACL;
	assert_int_equal(read_answer(whole, f->enrolment, 1), ERR_INPUT);
	*kind = KMSPROTO_BUCKET_ACL;
	kind[-1] = KMSPROTO_SENDER + 1;
	assert_int_equal(read_answer(whole, f->enrolment, 1), ERR_INPUT);
	kind[-1] = KMSPROTO_NOWHERE; /* nothing may follow then */
	assert_int_equal(read_answer(whole, f->enrolment, 1), ERR_INPUT);
	r.newer.kind = KMSPROTO_OBJECT_ACL;
	assert_int_equal(kmsproto_answer_write(&w, NULL, nonce_g, nonce_k, &r, 1), ERR_LIMIT);
}

/* A refusal carries no key, whatever the caller left in the struct. */
static void test_answer_refusal_has_no_key(void **state)
{
	struct fixture *f = *state;
	struct kmsproto_reply r = f->replies[0];
	struct kmsproto_reply got = {0};
	struct writer w AUTO(writer_free) = writer_growing(1 << 20);
	struct arena *arena AUTO(arena_freep) = arena_new(1 << 20);

	r.verdict = KMSPROTO_DENIED;
	assert_int_equal(kmsproto_answer_write(&w, NULL, nonce_g, nonce_k, &r, 1), OK);
	assert_int_equal(kmsproto_answer_read(arena, writer_bytes(&w), f->enrolment, nonce_g, 1,
	                                      &got), OK);
	assert_int_equal(got.n_keys, 0);
	assert_null(got.keys[0].dek);
	assert_true(bytes_is(got.principal.tenant, "123456789012"));
}

static void test_names(void **state)
{
	(void)state;
	for (unsigned i = 0; i < KMSPROTO_VERDICTS; i++) {
		const char *name = kmsproto_verdict_name((enum kmsproto_verdict)i);
		assert_non_null(name);
		for (unsigned j = 0; j < i; j++) {
			assert_string_not_equal(name,
				kmsproto_verdict_name((enum kmsproto_verdict)j));
		}
	}
	assert_string_equal(kmsproto_verdict_name(KMSPROTO_VERDICTS), "unknown");
}

/* The bytes of section 5 of KMS-PROTOCOL.md, written by hand. */
static void test_context(void **state)
{
	(void)state;
	uint8_t out[256];
	struct writer w = writer_fixed(out, sizeof(out));
	const uint8_t id[16] = {0xab, 0xcd};

	kmsproto_context(&w, BYTES("b"), BYTES("a/k"), id, (struct bytes){0});
	struct bytes want = BYTES("\0\3" "\0\x0erempart:bucket" "\0\1b" "\0\x0brempart:key"
		"\0\3a/k" "\0\x11rempart:object-id" "\0\x20" "abcd0000000000000000000000000000");
	assert_true(bytes_equal(writer_bytes(&w), want));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_batch_round_trip),
		cmocka_unit_test(test_form),
		cmocka_unit_test(test_batch_truncated),
		cmocka_unit_test(test_batch_head),
		cmocka_unit_test(test_batch_limits),
		cmocka_unit_test(test_batch_nul),
		cmocka_unit_test(test_batch_contradictions),
		cmocka_unit_test(test_answer_round_trip),
		cmocka_unit_test(test_answer_rewrapped),
		cmocka_unit_test(test_answer_sealed),
		cmocka_unit_test(test_answer_moved_key),
		cmocka_unit_test(test_answer_changed),
		cmocka_unit_test(test_answer_refusal_has_no_key),
		cmocka_unit_test(test_answer_newer),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_context),
	};
	return cmocka_run_group_tests(tests, set_up, NULL);
}
