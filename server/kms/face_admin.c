#include "server/kms/face_admin.h"

#include "server/kms/face.h"

enum { ARENA_BYTES = 4 << 20 };

static void give_answer(struct exchange *x, unsigned status, struct face_state *s)
{
	exchange_respond(x, status, (int64_t)s->answer.used);
	if (exchange_header(x, "Content-Type", BYTES("application/json")) != OK ||
	    exchange_header(x, "Cache-Control", BYTES("no-store")) != OK) {
		exchange_close(x);
	}
	exchange_body(x, writer_bytes(&s->answer));
}

static void give_failure(struct exchange *x, struct face_state *s, enum admin_error e,
                         const char *message)
{
	face_again(s, ADMIN_ANSWER_MAX);
	unsigned status = admin_failure(e, message, &s->answer);
	give_answer(x, status, s);
}

static enum err begin(struct exchange *x)
{
	const struct http_head *head = exchange_head(x);
	struct face_state *s;

	TRY(face_begin(x, ADMIN_BODY_MAX, ADMIN_ANSWER_MAX, &s));
	if (!exchange_peer(x)->has_certificate) {
		give_failure(x, s, ADMIN_DENIED, "a client certificate is needed");
	} else if (!bytes_is(head->path, "/admin/v1")) {
		give_failure(x, s, ADMIN_NOT_FOUND, "POST /admin/v1 is all that is here");
	} else if (!bytes_is(head->method, "POST")) {
		give_failure(x, s, ADMIN_BAD_REQUEST, "use POST");
	}
	return OK;
}

static enum err body(struct exchange *x, struct bytes b)
{
	struct face_state *s = exchange_state(x);

	write_bytes(&s->body, b);
	if (writer_end(&s->body) != OK) {
		give_failure(x, s, ADMIN_LIMIT, "the request is longer than 64 KiB");
	}
	return OK;
}

static enum err end(struct exchange *x)
{
	struct face_state *s = exchange_state(x);
	unsigned status = admin_answer(exchange_context(x), exchange_peer(x)->certificate_name,
	                               exchange_id(x), writer_bytes(&s->body), exchange_arena(x),
	                               &s->answer);

	if (writer_end(&s->answer) != OK) {
		give_failure(x, s, ADMIN_LIMIT, "the answer is too long");
	} else {
		give_answer(x, status, s);
	}
	return OK;
}

static void uncommitted(struct exchange *x, enum err e)
{
	(void)e; /* the commit has logged it */
	give_failure(x, exchange_state(x), ADMIN_UNAVAILABLE, NULL);
}

struct http_service face_admin(struct kms *k)
{
	return (struct http_service){
		.name = "administration",
		.context = k,
		.gather_bytes = ADMIN_BODY_MAX,
		.body_max = ADMIN_BODY_MAX,
		.arena_bytes = ARENA_BYTES,
		.begin = begin,
		.body = body,
		.end = end,
		.uncommitted = uncommitted,
		.release = face_release,
	};
}
