/*
 * Answers: what the services say about them, and the head that goes out. Framing headers are ours
 * alone: a service cannot set them.
 */
#include <assert.h>
#include <string.h>

#include "server/net/net.h"

struct reason {
	unsigned status;
	const char *text;
};

static const struct reason reasons[] = {
	{200, "OK"},
	{201, "Created"},
	{202, "Accepted"},
	{204, "No Content"},
	{206, "Partial Content"},
	{301, "Moved Permanently"},
	{302, "Found"},
	{303, "See Other"},
	{304, "Not Modified"},
	{307, "Temporary Redirect"},
	{308, "Permanent Redirect"},
	{400, "Bad Request"},
	{401, "Unauthorized"},
	{403, "Forbidden"},
	{404, "Not Found"},
	{405, "Method Not Allowed"},
	{406, "Not Acceptable"},
	{408, "Request Timeout"},
	{409, "Conflict"},
	{410, "Gone"},
	{411, "Length Required"},
	{412, "Precondition Failed"},
	{413, "Content Too Large"},
	{414, "URI Too Long"},
	{415, "Unsupported Media Type"},
	{416, "Range Not Satisfiable"},
	{417, "Expectation Failed"},
	{429, "Too Many Requests"},
	{431, "Request Header Fields Too Large"},
	{500, "Internal Server Error"},
	{501, "Not Implemented"},
	{502, "Bad Gateway"},
	{503, "Service Unavailable"},
	{504, "Gateway Timeout"},
	{505, "HTTP Version Not Supported"},
	{507, "Insufficient Storage"},
};

static const char *reason_of(unsigned status)
{
	for (size_t i = 0; i < COUNT(reasons); i++) {
		if (reasons[i].status == status) {
			return reasons[i].text;
		}
	}
	return "";
}

void exchange_respond(struct exchange *x, unsigned status, int64_t length)
{
	if (x->head_out) {
		x->failed = true; /* too late to say anything else: the client must not take it for whole */
		return;
	}
	struct writer fields = x->answer.fields;
	fields.used = 0;
	fields.full = false;
	if (fields.max == 0) {
		fields = writer_growing(ANSWER_HEAD_BYTES);
	}
	x->answer = (struct answer){
		.status = status >= 200 && status <= 599 ? status : 500,
		.generation = x->answer.generation + 1,
		.length = length < 0 ? -1 : length,
		.fields = fields,
	};
	x->made = 0;
	x->last = false;
}

static bool is_ours(struct bytes name)
{
	static const char *const ours[] = {
		"Connection", "Content-Length", "Date", "Keep-Alive", "Server",
		"Trailer", "Transfer-Encoding", "Upgrade",
	};

	for (size_t i = 0; i < COUNT(ours); i++) {
		if (bytes_is_nocase(name, ours[i])) {
			return true;
		}
	}
	return false;
}

/* Visible ASCII but the separator. */
static bool is_name(struct bytes name)
{
	for (size_t i = 0; i < name.n; i++) {
		if (name.p[i] <= ' ' || name.p[i] >= 0x7f || name.p[i] == ':') {
			return false;
		}
	}
	return name.n > 0;
}

static bool breaks_line(struct bytes value)
{
	size_t at;

	return bytes_find(value, '\r', &at) || bytes_find(value, '\n', &at) ||
	       bytes_find(value, 0, &at);
}

enum err exchange_header(struct exchange *x, const char *name, struct bytes value)
{
	struct bytes n = bytes_text(name);
	struct writer *w = &x->answer.fields;

	if (x->answer.status == 0 || !is_name(n) || is_ours(n) || breaks_line(value)) {
		return ERR_INPUT;
	}
	size_t before = w->used;
	write_bytes(w, n);
	write_text(w, ": ");
	write_bytes(w, value);
	write_text(w, "\r\n");
	if (w->full) {
		/* Half a line must not stay; the others may. */
		w->used = before;
		w->full = false;
		return ERR_LIMIT;
	}
	return OK;
}

void exchange_body(struct exchange *x, struct bytes body)
{
	x->answer.kind = ANSWER_WHOLE;
	x->answer.whole = body;
}

void exchange_stream(struct exchange *x)
{
	x->answer.kind = ANSWER_STREAM;
}

void exchange_close(struct exchange *x)
{
	x->answer.close = true;
}

bool exchange_answered(const struct exchange *x)
{
	return x->answer.status != 0;
}

unsigned exchange_status(const struct exchange *x)
{
	return x->answer.status;
}

uint64_t exchange_sent(const struct exchange *x)
{
	return atomic_load_explicit(&x->sent, memory_order_relaxed);
}

void answer_plain(struct exchange *x, unsigned status)
{
	struct bytes text = bytes_text(reason_of(status));
	bool close = x->answer.close;

	exchange_respond(x, status, (int64_t)text.n);
	(void)exchange_header(x, "Content-Type", BYTES("text/plain"));
	exchange_body(x, text);
	x->answer.close = close;
}

static bool is_bodyless(unsigned status)
{
	return status == 204 || status == 304;
}

bool answer_has_body(const struct exchange *x)
{
	return !bytes_is(x->request.head.method, "HEAD") && !is_bodyless(x->answer.status) &&
	       x->answer.kind != ANSWER_NONE && x->answer.length != 0;
}

/* Unknown length: chunked for those who understand it, until close for the others. */
bool answer_chunked(const struct exchange *x)
{
	return x->answer.length < 0 && !x->request.http10;
}

void answer_settle(struct exchange *x)
{
	struct answer *a = &x->answer;
	bool head = bytes_is(x->request.head.method, "HEAD");

	if (a->kind == ANSWER_WHOLE && (a->length < 0 || !head)) {
		a->length = (int64_t)a->whole.n;
	}
	if (a->kind == ANSWER_NONE && !head) {
		a->length = 0;
	}
}

static void write_framing(const struct exchange *x, struct writer *w, bool keep_alive)
{
	if (x->answer.length >= 0 && !is_bodyless(x->answer.status)) {
		write_text(w, "Content-Length: ");
		write_decimal(w, (uint64_t)x->answer.length);
		write_text(w, "\r\n");
	} else if (answer_chunked(x) && answer_has_body(x)) {
		write_text(w, "Transfer-Encoding: chunked\r\n");
	}
	if (!keep_alive) {
		write_text(w, "Connection: close\r\n");
	} else if (x->request.http10) {
		write_text(w, "Connection: keep-alive\r\n");
	}
}

bool answer_write_head(struct exchange *x, bool keep_alive)
{
	struct writer *w = &x->head_out_bytes;

	assert(x->answer.status != 0 && !x->head_out);
	*w = writer_growing(2 * ANSWER_HEAD_BYTES);
	write_text(w, "HTTP/1.1 ");
	write_decimal(w, x->answer.status);
	write_u8(w, ' ');
	write_text(w, reason_of(x->answer.status));
	write_text(w, "\r\nDate: ");
	write_text(w, loop_date(x->loop));
	write_text(w, "\r\nServer: Rempart\r\n");
	write_bytes(w, writer_bytes(&x->answer.fields));
	write_framing(x, w, keep_alive);
	write_text(w, "\r\n");
	return !w->full;
}
