#include "server/kms/face_api.h"

#include "server/kms/face.h"

static void give_answer(struct exchange *x, unsigned status, const struct writer *answer)
{
	uint8_t text[KEYRING_UUID_TEXT];
	struct writer id = writer_fixed(text, sizeof(text));

	keyring_write_uuid(&id, exchange_id(x));
	exchange_respond(x, status, (int64_t)answer->used);
	if (exchange_header(x, "Content-Type", BYTES("application/x-amz-json-1.1")) != OK ||
	    exchange_header(x, "x-amzn-RequestId", writer_bytes(&id)) != OK ||
	    exchange_header(x, "Cache-Control", BYTES("no-store")) != OK) {
		exchange_close(x);
	}
	exchange_body(x, writer_bytes(answer));
}

static void give_failure(struct exchange *x, struct face_state *s, enum api_error e)
{
	face_again(s, API_ANSWER_MAX);
	unsigned status = api_failure(e, (struct bytes){0}, &s->answer);
	give_answer(x, status, &s->answer);
}

static enum err begin(struct exchange *x)
{
	const struct http_head *head = exchange_head(x);
	struct face_state *s;

	TRY(face_begin(x, API_BODY_MAX, API_ANSWER_MAX, &s));
	if (!bytes_is(head->path, "/") || head->query.n > 0 || !bytes_is(head->method, "POST")) {
		give_failure(x, s, API_UNKNOWN_OPERATION);
	}
	return OK;
}

static enum err body(struct exchange *x, struct bytes b)
{
	struct face_state *s = exchange_state(x);

	write_bytes(&s->body, b);
	if (writer_end(&s->body) != OK) {
		give_failure(x, s, API_UNAVAILABLE); /* longer than body_max: refused before; so no memory */
	}
	return OK;
}

static enum err end(struct exchange *x)
{
	struct face_state *s = exchange_state(x);
	const struct http_head *head = exchange_head(x);
	const struct api_request r = {
		.method = head->method,
		.path = head->path,
		.query = head->query,
		.fields = head->fields,
		.n_fields = head->n_fields,
		.body = writer_bytes(&s->body),
		.source = exchange_peer(x)->address,
		.id = exchange_id(x),
	};
	unsigned status = api_answer(exchange_context(x), &r, exchange_arena(x), &s->answer);

	if (writer_end(&s->answer) != OK) {
		give_failure(x, s, API_UNAVAILABLE);
	} else {
		give_answer(x, status, &s->answer);
	}
	return OK;
}

static void uncommitted(struct exchange *x, enum err e)
{
	(void)e; /* the commit has logged it */
	give_failure(x, exchange_state(x), API_UNAVAILABLE);
}

struct http_service face_api(struct kms *k)
{
	return (struct http_service){
		.name = "aws",
		.context = k,
		.gather_bytes = API_BODY_MAX,
		.body_max = API_BODY_MAX,
		.arena_bytes = API_ARENA_MAX,
		.begin = begin,
		.body = body,
		.end = end,
		.uncommitted = uncommitted,
		.release = face_release,
	};
}
