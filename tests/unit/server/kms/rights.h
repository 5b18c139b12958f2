/*
 * Calls about bucket b of the main tenant, with what a gateway says of it.
 */
#ifndef REMPART_TESTS_KMS_RIGHTS_H
#define REMPART_TESTS_KMS_RIGHTS_H
#include "server/kms/record.h"
#include "server/kms/shares.h"
#include "tests/unit/server/kms/fixture.h"

enum { BUCKET = 7 };

static inline void describe(struct fixture *f, struct kmsproto_resource *to, uint8_t id)
{
	to->tenant = bytes_text(f->main.tenant);
	to->bucket_number = BUCKET;
	memset(to->object_id, id, sizeof(to->object_id));
}

/* A call about bucket b of the main tenant, or the version `id` of key k in it. */
static inline struct kmsproto_call call_of(struct fixture *f, const struct signing *s, uint8_t id)
{
	const struct sigv4_evidence e = sign(f, s);
	struct kmsproto_call c = access_of(&e);

	describe(f, &c.access.target, id);
	return c;
}

static inline void with(struct kmsproto_resource *to, enum kmsproto_document_kind kind,
                        struct bytes text, const uint8_t *stamp)
{
	struct kmsproto_document *d = &to->documents[to->n_documents++];

	d->kind = kind;
	d->text = text;
	if (stamp != NULL) {
		memcpy(d->stamp, stamp, sizeof(d->stamp));
	}
}

static inline struct kmsproto_reply decide(struct fixture *f, const struct kmsproto_call *c,
                                           enum kmsproto_verdict want)
{
	struct kmsproto_reply r = send_one(f, c);

	if (r.verdict != want) {
		fail_msg("verdict %s, not %s", kmsproto_verdict_name(r.verdict),
		         kmsproto_verdict_name(want));
	}
	assert_int_equal(r.n_keys, want == KMSPROTO_OK ? c->access.n_keys : 0);
	kmsproto_replies_free(&r, 1);
	return r;
}

/* The owner of bucket b puts a policy. */
static inline void put_policy(struct fixture *f, const char *policy)
{
	struct kmsproto_call c = call_of(f, &(struct signing){&f->main, "PUT", "/b", "policy",
	                                                      .body = policy}, 0);

	c.access.has_document = true;
	c.access.body = bytes_text(policy);
	decide(f, &c, KMSPROTO_OK);
}

/* The last change of the bucket's logging was longer ago than the configuration before counts. */
static inline void age_record(struct fixture *f, const char *bucket)
{
	struct bytes place = keystore_key(f->arena, bytes_text(f->main.tenant), bytes_text(bucket));
	uint8_t plain[RECORD_MAX];
	struct writer w = writer_fixed(plain, sizeof(plain));
	struct keystore_changes changes;
	struct record_bucket row;
	struct bytes now;

	assert_int_equal(keystore_get(f->kms.store, f->arena, KEYSTORE_BUCKETS, place, &now), OK);
	assert_int_equal(record_bucket_read(now, &row), OK);
	row.logging.changed_ms -= SHARES_GRACE_MS;
	record_bucket_write(&w, &row);
	keystore_changes_begin(&changes, f->arena);
	assert_int_equal(keystore_put(f->kms.store, &changes, KEYSTORE_BUCKETS, place,
	                              writer_bytes(&w)), OK);
	assert_int_equal(keystore_apply(f->kms.store, &changes), OK);
}

#endif
