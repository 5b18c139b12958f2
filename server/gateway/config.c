#include "server/gateway/config.h"

#include "common/base/attr.h"

enum { SEGMENT_BYTES = 64 << 10 };

static enum err check_listeners(const char *path, const struct conf_key *keys, size_t n,
                                const struct gateway_config *c, struct report *report)
{
	if (c->s3.port == 0 && c->s3_tls.port == 0) {
		return conf_wrong(path, keys, n, "s3-tls.listen",
		                  "no listener; give [s3-tls] listen, or [s3] listen on loopback",
		                  report);
	}
	if (c->s3.port != 0 && !conf_loopback(&c->s3)) {
		return conf_wrong(path, keys, n, "s3.listen",
		                  "clear text is accepted on loopback only; use 127.0.0.1 here "
		                  "or [s3-tls] for other addresses",
		                  report);
	}
	if (c->ops.port != 0 && !conf_loopback(&c->ops)) {
		return conf_wrong(path, keys, n, "ops.listen",
		                  "the operations listener is clear text; use 127.0.0.1", report);
	}
	if (c->s3_tls.port != 0 && (c->certificate[0] == '\0' || c->key[0] == '\0')) {
		return conf_wrong(path, keys, n, "s3-tls.certificate",
		                  "TLS needs a certificate and its key; give both", report);
	}
	if (c->blob_size_bytes % SEGMENT_BYTES != 0) {
		return conf_wrong(path, keys, n, "store.blob_size",
		                  "must be a multiple of 64K; 16M is the default", report);
	}
	return OK;
}

enum err gateway_config_load(const char *path, struct gateway_config *c, struct report *ret_report)
{
	*c = (struct gateway_config){0};
	struct conf_key keys[] = {
		{"gateway", "region", CONF_TEXT, false, "fr-sov-1", c->region},
		{"gateway", "domains", CONF_TEXT, false, NULL, c->domains},
		{"gateway", "workers", CONF_NUMBER, false, "32", &c->workers, 1, 512},
		{"gateway", "access_log", CONF_BOOL, false, "yes", &c->access_log},
		{"gateway", "connections_max", CONF_NUMBER, false, "10000", &c->connections_max, 1,
		 1000000},
		{"gateway", "buffers", CONF_SIZE, false, "64M", &c->buffer_bytes, 4 << 20,
		 1ULL << 40},
		{"gateway", "drain_seconds", CONF_NUMBER, false, "30", &c->drain_s, 0, 3600},
		{"s3", "listen", CONF_LISTEN, false, NULL, &c->s3},
		{"s3-tls", "listen", CONF_LISTEN, false, NULL, &c->s3_tls},
		{"s3-tls", "certificate", CONF_FILE, false, NULL, c->certificate},
		{"s3-tls", "key", CONF_FILE, false, NULL, c->key},
		{"store", "dir", CONF_DIR, true, NULL, c->store_dir},
		{"store", "blob_size", CONF_SIZE, false, "16M", &c->blob_size_bytes,
		 SEGMENT_BYTES, 1ULL << 30},
		{"store", "collect_seconds", CONF_NUMBER, false, "60", &c->collect_s, 1, 86400},
		{"store", "orphan_age_seconds", CONF_NUMBER, false, "3600", &c->orphan_age_s, 1,
		 1ULL << 32},
		{"index", "dir", CONF_DIR, true, NULL, c->index_dir},
		{"index", "size_max", CONF_SIZE, false, "64G", &c->index_size_max_bytes, 1 << 20,
		 1ULL << 46},
		{"kms", "url", CONF_TEXT, true, NULL, c->kms_url},
		{"kms", "ca", CONF_FILE, true, NULL, c->kms_ca},
		{"kms", "certificate", CONF_FILE, true, NULL, c->kms_certificate},
		{"kms", "key", CONF_FILE, true, NULL, c->kms_key},
		{"kms", "enrolment_secret", CONF_FILE, true, NULL, c->kms_secret},
		{"kms", "timeout_ms", CONF_NUMBER, false, "10000", &c->kms_timeout_ms, 100, 60000},
		{"lifecycle", "day_seconds", CONF_NUMBER, false, "86400", &c->day_s, 1, 86400},
		{"logging", "deliver_seconds", CONF_NUMBER, false, "300", &c->logging_s, 1, 86400},
		{"logging", "held", CONF_SIZE, false, "64M", &c->logging_bytes, 1 << 20, 1ULL << 36},
		{"ops", "listen", CONF_LISTEN, false, NULL, &c->ops},
	};
	TRY(conf_load(path, keys, COUNT(keys), ret_report));
	return check_listeners(path, keys, COUNT(keys), c, ret_report);
}
