#include "server/kms/face_gateway.h"

#include "common/base/log.h"
#include "server/kms/access.h"
#include "server/kms/face.h"

enum {
	ARENA_BYTES = 32 << 20,
	ANSWER_MAX = KMSPROTO_BATCH_MAX,
};

/* Replies as the batch is decided; the keys in them die here, sealed copies leave. */
static enum err decide_all(struct kms *k, const struct gateway *g,
                           const struct kmsproto_batch *batch, struct arena *a,
                           struct writer *w)
{
	struct kmsproto_reply *replies = arena_alloc(a, batch->n * sizeof(*replies));
	uint8_t nonce[KMSPROTO_NONCE_BYTES];

	if (replies == NULL) {
		return ERR_LIMIT;
	}
	random_bytes(nonce, sizeof(nonce));
	for (size_t i = 0; i < batch->n; i++) {
		if (g == NULL) {
			access_sealed(&batch->calls[i], &replies[i]);
			metrics_count(&k->metrics.calls[batch->calls[i].kind][KMSPROTO_SEALED]);
		} else {
			access_decide(k, g, &batch->calls[i], a, &replies[i]);
		}
	}
	enum err e = kmsproto_answer_write(w, g == NULL ? NULL : g->enrolment, batch->nonce, nonce,
	                                   replies, batch->n);
	kmsproto_replies_free(replies, batch->n);
	return e;
}

unsigned face_gateway_answer(struct kms *k, const uint8_t certificate_digest[32],
                             struct bytes address, struct bytes body, struct arena *a,
                             struct writer *w)
{
	const struct gateway *g = gateways_find(&k->gateways, certificate_digest);
	bool open = atomic_load(&k->state) == KMS_OPEN;
	struct kmsproto_batch batch;

	if (open && g == NULL) {
		metrics_count(&k->metrics.batches_refused);
		return access_unknown_gateway(k, certificate_digest, address) == OK ? 403 : 503;
	}
	enum err e = kmsproto_batch_read(a, body, &batch);
	if (e != OK) {
		metrics_count(&k->metrics.batches_refused);
		LOG(LOG_WARN, "gateway.malformed_batch", LOG_ERR(e), LOG_BYTES("address", address),
		    LOG_STR("do", "check that gateway and KMS have the same version"));
		return e == ERR_LIMIT ? 413 : 400;
	}
	metrics_batch(&k->metrics, batch.n);
	e = decide_all(k, g, &batch, a, w);
	if (e != OK) {
		LOG(LOG_ERROR, "gateway.answer", LOG_ERR(e),
		    LOG_STR("do", "see the lines before; the batch was refused"));
		return 503;
	}
	return 200;
}

/* --- steps --- */

static void answer_status(struct exchange *x, unsigned status)
{
	exchange_respond(x, status, 0);
	if (status == 503 && exchange_header(x, "Retry-After", BYTES("1")) != OK) {
		exchange_close(x);
	}
}

static enum err begin(struct exchange *x)
{
	const struct http_head *head = exchange_head(x);

	if (!bytes_is(head->path, "/rempart/v1/batch")) {
		answer_status(x, 404);
		return OK;
	}
	if (!bytes_is(head->method, "POST")) {
		answer_status(x, 405);
		return OK;
	}
	if (!exchange_peer(x)->has_certificate) {
		answer_status(x, 403);
		return OK;
	}
	struct face_state *s;
	return face_begin(x, KMSPROTO_BATCH_MAX, ANSWER_MAX, &s);
}

static enum err body(struct exchange *x, struct bytes b)
{
	struct face_state *s = exchange_state(x);

	write_bytes(&s->body, b);
	if (writer_end(&s->body) != OK) {
		answer_status(x, 413);
	}
	return OK;
}

static enum err end(struct exchange *x)
{
	struct face_state *s = exchange_state(x);
	struct kms *k = exchange_context(x);
	const struct http_peer *peer = exchange_peer(x);
	unsigned status = face_gateway_answer(k, peer->certificate_digest, peer->address,
	                                      writer_bytes(&s->body), exchange_arena(x),
	                                      &s->answer);

	if (status != 200) {
		answer_status(x, status);
		return OK;
	}
	exchange_respond(x, 200, (int64_t)s->answer.used);
	TRY(exchange_header(x, "Content-Type", BYTES("application/vnd.rempart.batch")));
	exchange_body(x, writer_bytes(&s->answer));
	return OK;
}

static void uncommitted(struct exchange *x, enum err e)
{
	(void)e; /* the commit has logged it */
	answer_status(x, 503);
}

struct http_service face_gateway(struct kms *k)
{
	return (struct http_service){
		.name = "gateway",
		.context = k,
		.gather_bytes = KMSPROTO_BATCH_MAX,
		.body_max = KMSPROTO_BATCH_MAX,
		.arena_bytes = ARENA_BYTES,
		.begin = begin,
		.body = body,
		.end = end,
		.uncommitted = uncommitted,
		.release = face_release,
	};
}
