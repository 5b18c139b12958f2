/*
 * rempart-gateway: S3 in front, ciphertext behind. main reads as a table of contents: configuration,
 * store, index, KMS client, vault, listeners, run, and all that in reverse.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "common/base/attr.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "server/gateway/config.h"
#include "server/gateway/expire.h"
#include "server/gateway/logbook.h"
#include "server/gateway/request.h"
#include "server/gateway/status.h"

enum {
	SECRET_SLOTS = 8192,
	QUEUE_MAX = 4096,
	OPS_QUEUE_MAX = 64,
	FIRST_UNLOCK_MS = 3000,
	MAINTAIN_UNLOCK_MS = 30000,
};

static const char usage[] =
	"usage: rempart-gateway --config FILE [--check | --rebuild-index | --accept-index]\n"
	"\n"
	"  --config FILE  the configuration; see rempart-gateway(8)\n"
	"  --check        check the configuration and exit\n"
	"  --rebuild-index  after an index was restored from a backup: find again on the\n"
	"                 store what it does not know, and exit\n"
	"  --accept-index the index is right: what it does not know may be removed from\n"
	"                 the store; exit\n"
	"  --version      print the version and exit\n"
	"  --help         print this text and exit\n";

struct options {
	const char *config;
	bool check, rebuild, accept;
};

struct program {
	struct gateway_config config;
	struct store *store;
	struct index *index;
	struct vault *vault;
	struct kmsclient *kms;
	struct worker_pool *pool, *ops_pool;
	struct httpd *httpd;
	struct expirer *expirer;
	struct logbook *logbook;
	struct gateway gateway;
	struct status_context status;
	struct http_service s3_service, ops_service;
};

/* 0: go on; otherwise exit with this minus one. */
static int read_options(int argc, char **argv, struct options *o)
{
	static const struct option known[] = {
		{"config", required_argument, NULL, 'c'},
		{"check", no_argument, NULL, 'k'},
		{"rebuild-index", no_argument, NULL, 'r'},
		{"accept-index", no_argument, NULL, 'a'},
		{"version", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int option;
	while ((option = getopt_long(argc, argv, "c:h", known, NULL)) != -1) {
		switch (option) {
		case 'c':
			o->config = optarg;
			break;
		case 'k':
			o->check = true;
			break;
		case 'r':
			o->rebuild = true;
			break;
		case 'a':
			o->accept = true;
			break;
		case 'v':
			fputs("rempart-gateway " REMPART_VERSION "\n", stdout);
			return 1;
		case 'h':
			fputs(usage, stdout);
			return 1;
		default:
			fputs(usage, stderr);
			return 3;
		}
	}
	if (o->config == NULL || optind != argc || o->check + o->rebuild + o->accept > 1) {
		fputs(usage, stderr);
		return 3;
	}
	return 0;
}

/* What holds the data; `collect_ms` UINT64_MAX: nothing is done in the background. */
static enum err open_data(struct program *p, uint64_t collect_ms, struct report *report)
{
	const struct gateway_config *c = &p->config;
	const struct kmsclient_options kms = {
		.url = c->kms_url,
		.ca = c->kms_ca,
		.certificate = c->kms_certificate,
		.key = c->kms_key,
		.secret_file = c->kms_secret,
		.timeout_ms = (uint32_t)c->kms_timeout_ms,
	};
	TRY(store_fs_open(c->store_dir, &p->store, report));
	TRY(index_open(c->index_dir, c->index_size_max_bytes, &p->index, report));
	TRY(kmsclient_new(&kms, &p->kms, report));
	const struct vault_options vault = {
		.store = p->store,
		.index = p->index,
		.blob_size = (uint32_t)c->blob_size_bytes,
		.collect_ms = collect_ms,
		.orphan_age_ms = c->orphan_age_s * 1000,
	};
	TRY(vault_new(&vault, &p->vault));
	p->gateway.vault = p->vault;
	p->gateway.index = p->index;
	p->gateway.kms = p->kms;
	return OK;
}

static enum err open_parts(struct program *p, struct report *report)
{
	TRY(open_data(p, p->config.collect_s * 1000, report));
	const struct worker_options pool = {
		.threads = (unsigned)p->config.workers,
		.queue_max = QUEUE_MAX,
		.batch_max = 1,
		.name = "step",
	};
	/* Who watches must be answered also when every other worker waits for the store. */
	const struct worker_options ops = {
		.threads = 1,
		.queue_max = OPS_QUEUE_MAX,
		.batch_max = 1,
		.name = "ops",
	};
	TRY(worker_pool_new(&pool, &p->pool));
	return worker_pool_new(&ops, &p->ops_pool);
}

static enum err listen_on(struct program *p, const struct conf_listen *where,
                          const struct http_service *service, bool tls, struct report *report)
{
	if (where->port == 0) {
		return OK;
	}
	const struct listener_options o = {
		.address = where->address,
		.port = where->port,
		.service = service,
		.pool = service == &p->ops_service ? p->ops_pool : p->pool,
		.certificate = tls ? p->config.certificate : NULL,
		.key = tls ? p->config.key : NULL,
	};
	return httpd_listen(p->httpd, &o, report);
}

static enum err open_listeners(struct program *p, struct report *report)
{
	struct http_limits limits = http_limits_default();
	limits.connections_max = (unsigned)p->config.connections_max;
	limits.buffer_total_bytes = p->config.buffer_bytes;
	limits.drain_ms = (uint32_t)p->config.drain_s * 1000;
	TRY(httpd_new(&limits, &p->httpd));
	p->gateway.region = bytes_text(p->config.region);
	p->gateway.domains = bytes_text(p->config.domains);
	p->gateway.access_log = p->config.access_log;
	/* The other half of the workers is for everybody else. */
	p->gateway.copies_max = p->config.workers > 1 ? (unsigned)p->config.workers / 2 : 1;
	p->gateway.day_ms = p->config.day_s * 1000;
	p->gateway.lifecycle_max = GATEWAY_LIFECYCLE_MAX;
	p->status = (struct status_context){&p->gateway, p->store, p->httpd};
	p->s3_service = request_service(&p->gateway);
	p->ops_service = status_service(&p->status);
	TRY(listen_on(p, &p->config.s3, &p->s3_service, false, report));
	TRY(listen_on(p, &p->config.s3_tls, &p->s3_service, true, report));
	return listen_on(p, &p->config.ops, &p->ops_service, false, report);
}

static void close_all(struct program *p)
{
	expirer_stop(p->expirer);
	worker_pool_stop(p->pool);
	worker_pool_stop(p->ops_pool);
	logbook_stop(p->logbook); /* after the last request */
	httpd_free(p->httpd);
	vault_free(p->vault);
	kmsclient_free(p->kms);
	index_close(p->index);
	store_free(p->store);
}

static int fail(const struct report *report, enum err e)
{
	fprintf(stderr, "rempart-gateway: %s\n", report->text[0] != '\0' ? report->text : err_name(e));
	return 1;
}

static enum err maintain(struct program *p, const struct options *o, struct report *report)
{
	struct vault_rebuilt r = {0};
	uint64_t removed = 0;
	TRY(open_data(p, UINT64_MAX, report));
	TRY(gateway_unlock(&p->gateway, clock_mono_ms() + MAINTAIN_UNLOCK_MS));
	if (o->accept) {
		TRY(vault_accept_index(p->vault));
		enum err collected = vault_collect(p->vault, true, &removed);
		LOG(LOG_INFO, "index.accepted", LOG_ERR(collected), LOG_U64("removed", removed));
		return collected;
	}
	enum err e = vault_rebuild(p->vault, &r);
	LOG(LOG_INFO, "index.rebuilt", LOG_ERR(e), LOG_U64("objects", r.objects),
	    LOG_U64("known", r.known), LOG_U64("restored", r.restored),
	    LOG_U64("deleted", r.deleted), LOG_U64("no_bucket", r.no_bucket),
	    LOG_U64("unreadable", r.unreadable));
	if (e == OK && r.no_bucket + r.unreadable > 0) {
		const char *const parts[] = {
			"not every object could be put into the index; the log lines say why. What "
			"is not in it stays on the store until --accept-index", NULL};
		return report_set(report, ERR_NOTFOUND, parts);
	}
	return e == OK ? vault_accept_index(p->vault) : e;
}

static enum err start_threads(struct program *p)
{
	const struct logbook_options logbook = {
		.gateway = &p->gateway,
		.send = logsend_page,
		.pause_ms = p->config.logging_s * 1000,
		.held_max = p->config.logging_bytes,
	};
	TRY(logbook_start(&logbook, &p->logbook));
	p->gateway.logbook = p->logbook;
	return expirer_start(&p->gateway, &p->expirer);
}

static int serve(struct program *p, struct report *report)
{
	enum err e = open_parts(p, report);
	if (e == OK) {
		e = open_listeners(p, report);
	}
	if (e == OK) {
		e = start_threads(p);
	}
	if (e != OK) {
		return fail(report, e);
	}
	/* A sealed KMS is no reason to stay away: requests ask again, and get 503 meanwhile. */
	e = gateway_unlock(&p->gateway, clock_mono_ms() + FIRST_UNLOCK_MS);
	LOG(LOG_INFO, "gateway.start", LOG_STR("version", REMPART_VERSION),
	    LOG_STR("index", e == OK ? "unlocked" : "waits for the KMS"));
	e = httpd_run(p->httpd, NULL, NULL);
	LOG(LOG_INFO, "gateway.stop", LOG_ERR(e));
	return e == OK ? 0 : 1;
}

int main(int argc, char **argv)
{
	static struct program p;
	struct options options = {0};
	struct report report = {{0}};
	int stop = read_options(argc, argv, &options);
	if (stop != 0) {
		return stop - 1;
	}
	enum err e = gateway_config_load(options.config, &p.config, &report);
	if (e != OK) {
		return fail(&report, e);
	}
	if (options.check) {
		printf("%s: good\n", options.config);
		return 0;
	}
	e = secret_init(SECRET_SLOTS);
	if (e != OK) {
		const char *const parts[] = {"cannot lock memory for keys; raise LimitMEMLOCK= or "
		                             "`ulimit -l` to at least 8 MiB", NULL};
		return fail(&report, report_set(&report, e, parts));
	}
	int status = 0;
	if (options.rebuild || options.accept) {
		e = maintain(&p, &options, &report);
		status = e == OK ? 0 : fail(&report, e);
	} else {
		status = serve(&p, &report);
	}
	close_all(&p);
	return status;
}
