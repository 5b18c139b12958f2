#include "server/kms/metrics.h"

void metrics_count(_Atomic uint64_t *counter)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static uint64_t get(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

void metrics_batch(struct metrics *m, size_t calls)
{
	unsigned i = 0;

	while (i < METRICS_BATCH_BOUNDS && calls > (size_t)1 << i) {
		i++;
	}
	metrics_count(&m->batches);
	metrics_count(&m->batch_calls[i]);
}

static void head(struct writer *w, const char *name, const char *type, const char *help)
{
	write_text(w, "# HELP ");
	write_text(w, name);
	write_text(w, " ");
	write_text(w, help);
	write_text(w, "\n# TYPE ");
	write_text(w, name);
	write_text(w, " ");
	write_text(w, type);
	write_text(w, "\n");
}

static void value(struct writer *w, const char *name, uint64_t v)
{
	write_text(w, name);
	write_text(w, " ");
	write_decimal(w, v);
	write_text(w, "\n");
}

static void single(struct writer *w, const char *name, const char *type, const char *help,
                   uint64_t v)
{
	head(w, name, type, help);
	value(w, name, v);
}

static void write_calls(const struct metrics *m, struct writer *w)
{
	static const char *const kinds[METRICS_KINDS] = {
		[KMSPROTO_INDEX_KEY] = "index-key",
		[KMSPROTO_ACCESS] = "access",
		[KMSPROTO_CHUNKS] = "chunks",
		[KMSPROTO_DELIVER] = "deliver",
	};

	head(w, "rempart_kms_calls_total", "counter", "Calls of gateways by kind and verdict.");
	for (unsigned kind = KMSPROTO_INDEX_KEY; kind < METRICS_KINDS; kind++) {
		for (unsigned v = 0; v < KMSPROTO_VERDICTS; v++) {
			write_text(w, "rempart_kms_calls_total{kind=\"");
			write_text(w, kinds[kind]);
			write_text(w, "\",verdict=\"");
			write_text(w, kmsproto_verdict_name((enum kmsproto_verdict)v));
			write_text(w, "\"} ");
			write_decimal(w, get(&m->calls[kind][v]));
			write_text(w, "\n");
		}
	}
}

static void write_batches(const struct metrics *m, struct writer *w)
{
	uint64_t below = 0;

	head(w, "rempart_kms_batch_calls", "histogram", "Calls in a batch.");
	for (unsigned i = 0; i < METRICS_BATCH_BOUNDS; i++) {
		below += get(&m->batch_calls[i]);
		write_text(w, "rempart_kms_batch_calls_bucket{le=\"");
		write_decimal(w, (uint64_t)1 << i);
		write_text(w, "\"} ");
		write_decimal(w, below);
		write_text(w, "\n");
	}
	below += get(&m->batch_calls[METRICS_BATCH_BOUNDS]);
	value(w, "rempart_kms_batch_calls_bucket{le=\"+Inf\"}", below);
	uint64_t calls = 0;
	for (unsigned kind = 0; kind < METRICS_KINDS; kind++) {
		for (unsigned v = 0; v < KMSPROTO_VERDICTS; v++) {
			calls += get(&m->calls[kind][v]);
		}
	}
	value(w, "rempart_kms_batch_calls_sum", calls);
	value(w, "rempart_kms_batch_calls_count", below);
}

static void write_state(const char *state, struct writer *w)
{
	static const char *const states[] = {"uninitialised", "sealed", "open"};

	head(w, "rempart_kms_state", "gauge", "1 for the state that the service is in.");
	for (unsigned i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		write_text(w, "rempart_kms_state{state=\"");
		write_text(w, states[i]);
		write_text(w, "\"} ");
		write_decimal(w, bytes_is(bytes_text(state), states[i]) ? 1 : 0);
		write_text(w, "\n");
	}
}

void metrics_write(const struct metrics *m, const char *state, struct writer *w)
{
	write_state(state, w);
	write_calls(m, w);
	write_batches(m, w);
	single(w, "rempart_kms_keys_issued_total", "counter", "Data keys issued.",
	       get(&m->keys_issued));
	single(w, "rempart_kms_keys_opened_total", "counter", "Data keys opened.",
	       get(&m->keys_opened));
	single(w, "rempart_kms_batches_refused_total", "counter",
	       "Batches refused whole: malformed, or a certificate that is not enrolled.",
	       get(&m->batches_refused));
	single(w, "rempart_kms_commits_failed_total", "counter",
	       "Batches not answered because the log could not be made durable.",
	       get(&m->commits_failed));
	single(w, "rempart_kms_admin_ok_total", "counter", "Administration operations done.",
	       get(&m->admin_ok));
	single(w, "rempart_kms_admin_refused_total", "counter",
	       "Administration operations refused.", get(&m->admin_refused));
	single(w, "rempart_kms_api_ok_total", "counter", "Requests of the AWS KMS API done.",
	       get(&m->api_ok));
	single(w, "rempart_kms_api_refused_total", "counter", "Requests of the AWS KMS API refused.",
	       get(&m->api_refused));
	single(w, "rempart_kms_api_throttled_total", "counter",
	       "Of them, those of a flood without good signatures, which the log does not show.",
	       get(&m->api_throttled));
	single(w, "rempart_kms_log_entries", "gauge", "Entries in the key log.",
	       get(&m->log_size));
	single(w, "rempart_kms_log_published", "gauge", "Entries under the last checkpoint.",
	       get(&m->log_published));
}
