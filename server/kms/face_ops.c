#include "server/kms/face_ops.h"

enum { ARENA_BYTES = 256 << 10, TEXT_MAX = 64 << 10 };

static enum err answer(struct exchange *x, unsigned status, struct bytes text)
{
	exchange_respond(x, status, (int64_t)text.n);
	TRY(exchange_header(x, "Content-Type", BYTES("text/plain; version=0.0.4; charset=utf-8")));
	exchange_body(x, text);
	return OK;
}

static enum err ready(struct exchange *x, struct kms *k)
{
	enum kms_state state = atomic_load(&k->state);

	if (state == KMS_OPEN && atomic_load(&k->log_good)) {
		return answer(x, 200, BYTES("ready\n"));
	}
	return answer(x, 503, state == KMS_OPEN ? BYTES("the log cannot be written\n")
	                                        : BYTES("sealed\n"));
}

static enum err metrics(struct exchange *x, struct kms *k)
{
	uint8_t *room = arena_alloc(exchange_arena(x), TEXT_MAX);

	if (room == NULL) {
		return ERR_LIMIT;
	}
	struct writer w = writer_fixed(room, TEXT_MAX);
	atomic_store_explicit(&k->metrics.log_published, keylog_published(k->log),
	                      memory_order_relaxed);
	metrics_write(&k->metrics, kms_state_name(atomic_load(&k->state)), &w);
	TRY(writer_end(&w));
	return answer(x, 200, writer_bytes(&w));
}

static enum err begin(struct exchange *x)
{
	const struct http_head *head = exchange_head(x);
	struct kms *k = exchange_context(x);

	if (!bytes_is(head->method, "GET") && !bytes_is(head->method, "HEAD")) {
		return answer(x, 405, BYTES("GET only\n"));
	}
	if (bytes_is(head->path, "/healthz")) {
		return answer(x, 200, BYTES("ok\n"));
	}
	if (bytes_is(head->path, "/readyz")) {
		return ready(x, k);
	}
	if (bytes_is(head->path, "/metrics")) {
		return metrics(x, k);
	}
	return answer(x, 404, BYTES("/metrics, /healthz and /readyz are here\n"));
}

struct http_service face_ops(struct kms *k)
{
	return (struct http_service){
		.name = "operations",
		.context = k,
		.gather_bytes = 1024,
		.body_max = 1024,
		.arena_bytes = ARENA_BYTES,
		.begin = begin,
	};
}
