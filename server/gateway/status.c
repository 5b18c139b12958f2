#include "server/gateway/status.h"

#include "server/gateway/logbook.h"

enum { METRICS_MAX = 256 << 10, STATUS_ARENA_BYTES = 64 << 10 };

static void metric(struct writer *w, const char *name, const char *type, uint64_t value)
{
	write_text(w, "# TYPE rempart_gateway_");
	write_text(w, name);
	write_u8(w, ' ');
	write_text(w, type);
	write_text(w, "\nrempart_gateway_");
	write_text(w, name);
	write_u8(w, ' ');
	write_decimal(w, value);
	write_u8(w, '\n');
}

static void metric_by_op(struct writer *w, const char *name, _Atomic uint64_t *values)
{
	write_text(w, "# TYPE rempart_gateway_");
	write_text(w, name);
	write_text(w, " counter\n");
	for (int op = 0; op < S3OP_COUNT; op++) {
		uint64_t value = atomic_load_explicit(&values[op], memory_order_relaxed);
		if (value == 0) {
			continue;
		}
		write_text(w, "rempart_gateway_");
		write_text(w, name);
		write_text(w, "{op=\"");
		write_text(w, s3op_name((enum s3op)op));
		write_text(w, "\"} ");
		write_decimal(w, value);
		write_u8(w, '\n');
	}
}

static void http_metrics(struct writer *w, const struct httpd *httpd)
{
	struct http_stats s;
	httpd_stats(httpd, &s);
	metric(w, "connections_total", "counter", s.connections);
	metric(w, "connections_open", "gauge", s.connections_open);
	metric(w, "http_requests_total", "counter", s.requests);
	metric(w, "http_requests_busy", "gauge", s.requests_busy);
	metric(w, "http_refused_total", "counter", s.refused);
	metric(w, "http_received_bytes_total", "counter", s.bytes_in);
	metric(w, "http_sent_bytes_total", "counter", s.bytes_out);
	metric(w, "tls_failures_total", "counter", s.tls_failures);
	metric(w, "buffer_waits_total", "counter", s.buffer_waits);
	metric(w, "http_2xx_total", "counter", s.status[2]);
	metric(w, "http_4xx_total", "counter", s.status[4]);
	metric(w, "http_5xx_total", "counter", s.status[5]);
}

static void logging_metrics(struct writer *w, struct logbook *b)
{
	struct logbook_stats s;
	logbook_stats(b, &s);
	metric(w, "logging_lines_total", "counter", s.lines);
	metric(w, "logging_objects_total", "counter", s.objects);
	metric(w, "logging_lost_lines_total", "counter", s.lost);
	metric(w, "logging_held_bytes", "gauge", s.held);
}

static void data_metrics(struct writer *w, struct gateway *g)
{
	struct vault_stats v;
	struct kmsclient_stats k;
	struct index_stats x;
	vault_stats(g->vault, &v);
	kmsclient_stats(g->kms, &k);
	metric(w, "blobs_written_total", "counter", v.blobs_written);
	metric(w, "blobs_removed_total", "counter", v.blobs_removed);
	metric(w, "orphans_removed_total", "counter", v.orphans_removed);
	metric(w, "sealed_bytes_total", "counter", v.bytes_sealed);
	metric(w, "opened_bytes_total", "counter", v.bytes_opened);
	metric(w, "corrupt_total", "counter", v.corrupt);
	metric(w, "kms_calls_total", "counter", k.calls);
	metric(w, "kms_batches_total", "counter", k.batches);
	metric(w, "kms_failures_total", "counter", k.failures);
	metric(w, "text_bytes", "gauge", atomic_load(&g->text));
	metric(w, "lifecycle_expired_total", "counter", atomic_load(&g->lifecycle_expired));
	metric(w, "lifecycle_aborted_total", "counter", atomic_load(&g->lifecycle_aborted));
	metric(w, "index_unlocked", "gauge", index_unlocked(g->index));
	if (index_stats(g->index, &x) == OK) {
		metric(w, "objects", "gauge", x.objects);
		metric(w, "buckets", "gauge", x.buckets);
		metric(w, "garbage", "gauge", x.garbage);
		metric(w, "index_commits_total", "counter", x.commits);
	}
}

static void free_writer(void *w)
{
	writer_free(w);
}

static enum err answer(struct exchange *x, unsigned status, struct bytes text)
{
	exchange_respond(x, status, (int64_t)text.n);
	exchange_body(x, text);
	return exchange_header(x, "content-type", BYTES("text/plain; version=0.0.4"));
}

static enum err answer_metrics(struct exchange *x, const struct status_context *c)
{
	struct writer *w = arena_alloc(exchange_arena(x), sizeof(*w));
	if (w == NULL || !arena_defer(exchange_arena(x), free_writer, w)) {
		return ERR_NOMEM;
	}
	*w = writer_growing(METRICS_MAX);
	http_metrics(w, c->httpd);
	data_metrics(w, c->gateway);
	logging_metrics(w, c->gateway->logbook);
	metric_by_op(w, "s3_requests_total", c->gateway->requests);
	metric_by_op(w, "s3_errors_total", c->gateway->errors);
	TRY(writer_end(w));
	return answer(x, 200, writer_bytes(w));
}

static enum err answer_ready(struct exchange *x, const struct status_context *c)
{
	if (gateway_unlock(c->gateway, exchange_deadline_ms(x)) != OK) {
		return answer(x, 503, BYTES("not ready: the KMS is down, sealed or refuses this "
		                            "gateway; unseal it with: rempart unseal\n"));
	}
	if (store_ready(c->store) != OK) {
		return answer(x, 503, BYTES("not ready: the store cannot take data; check its "
		                            "free space and permissions\n"));
	}
	return answer(x, 200, BYTES("ready\n"));
}

static enum err step_begin(struct exchange *x)
{
	const struct status_context *c = exchange_context(x);
	const struct http_head *head = exchange_head(x);
	if (!bytes_is(head->method, "GET") && !bytes_is(head->method, "HEAD")) {
		return answer(x, 405, BYTES("only GET here\n"));
	}
	if (bytes_is(head->path, "/healthz")) {
		return answer(x, 200, BYTES("alive\n"));
	}
	if (bytes_is(head->path, "/readyz")) {
		return answer_ready(x, c);
	}
	if (bytes_is(head->path, "/metrics")) {
		return answer_metrics(x, c);
	}
	return answer(x, 404, BYTES("here are /metrics, /healthz and /readyz\n"));
}

struct http_service status_service(struct status_context *c)
{
	return (struct http_service){
		.name = "ops",
		.context = c,
		.arena_bytes = STATUS_ARENA_BYTES,
		.begin = step_begin,
	};
}
