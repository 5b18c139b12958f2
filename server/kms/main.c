/* rempart-kms: read the configuration, open key store and log, serve its faces, close in reverse order. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/attr.h"
#include "common/base/log.h"
#include "server/kms/face_admin.h"
#include "server/kms/face_api.h"
#include "server/kms/face_gateway.h"
#include "server/kms/face_ops.h"

enum {
	QUEUE_MAX = 4096,   /* jobs waiting for the one worker */
	COMMIT_JOBS = 256,  /* of them under one sync */
	OPS_QUEUE_MAX = 64,
	LOOPS = 2,
	EXIT_FAULT = 1,
	EXIT_USAGE = 2,
};

struct options {
	const char *config;
	bool check;
};

struct daemon {
	struct kms_config config;
	struct kms kms;
	struct worker_pool *worker, *ops_worker;
	struct httpd *httpd;
	struct http_service gateway, admin, aws, ops;
};

static const char usage[] =
	"usage: rempart-kms --config FILE [--check]\n"
	"       rempart-kms --version | --help\n"
	"\n"
	"The key-management service of Rempart: keys, identities and the key log.\n"
	"  --config FILE  configuration (INI); every key is explained in its README\n"
	"  --check        read and check the configuration, then leave\n";

/* -1: go on; else the exit status. */
static int read_options(int argc, char **argv, struct options *o)
{
	static const struct option known[] = {
		{"config", required_argument, NULL, 'c'},
		{"check", no_argument, NULL, 'k'},
		{"version", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};

	for (;;) {
		switch (getopt_long(argc, argv, "", known, NULL)) {
		case -1:
			if (o->config == NULL || optind != argc) {
				(void)fputs(usage, stderr);
				return EXIT_USAGE;
			}
			return -1;
		case 'c':
			o->config = optarg;
			break;
		case 'k':
			o->check = true;
			break;
		case 'v':
			(void)puts("rempart-kms " KMS_VERSION);
			return 0;
		case 'h':
			(void)fputs(usage, stdout);
			return 0;
		default:
			(void)fputs(usage, stderr);
			return EXIT_USAGE;
		}
	}
}

static enum err listen_on(struct daemon *d, const struct conf_listen *listen,
                          const struct http_service *service, const struct kms_face *face,
                          struct report *report)
{
	const struct listener_options o = {
		.address = listen->address,
		.port = listen->port,
		.service = service,
		.pool = face == NULL ? d->ops_worker : d->worker,
		.certificate = face == NULL ? NULL : face->certificate,
		.key = face == NULL ? NULL : face->key,
		.client_ca = face == NULL || service == &d->aws ? NULL : face->client_ca,
		/* Who asks the AWS API brings a client of his own: some SDKs still speak 1.2. */
		.tls13_only = service != &d->aws,
	};

	return httpd_listen(d->httpd, &o, report);
}

static enum err start_faces(struct daemon *d, struct report *report)
{
	const struct kms_config *c = &d->config;
	struct http_limits limits = http_limits_default();
	const struct worker_options worker = {
		.threads = 1,
		.queue_max = QUEUE_MAX,
		.batch_max = COMMIT_JOBS,
		.commit = kms_commit,
		.context = &d->kms,
		.name = "kms",
	};
	const struct worker_options ops = {
		.threads = 1, .queue_max = OPS_QUEUE_MAX, .batch_max = 1, .name = "kms-ops",
	};

	limits.loops = LOOPS;
	d->gateway = face_gateway(&d->kms);
	d->admin = face_admin(&d->kms);
	d->aws = face_api(&d->kms);
	d->ops = face_ops(&d->kms);
	if (worker_pool_new(&worker, &d->worker) != OK ||
	    worker_pool_new(&ops, &d->ops_worker) != OK || httpd_new(&limits, &d->httpd) != OK) {
		return report_set(report, ERR_NOMEM,
		                  (const char *[]){"cannot start threads; check memory and limits",
		                                   NULL});
	}
	TRY(listen_on(d, &c->gateway.listen, &d->gateway, &c->gateway, report));
	TRY(listen_on(d, &c->admin.listen, &d->admin, &c->admin, report));
	if (c->aws.listen.port != 0) {
		TRY(listen_on(d, &c->aws.listen, &d->aws, &c->aws, report));
	}
	return c->ops.port == 0 ? OK : listen_on(d, &c->ops, &d->ops, NULL, report);
}

static void unseal_at_start(struct daemon *d)
{
	struct report report;

	if (d->config.passphrase_file[0] == '\0') {
		LOG(LOG_INFO, "kms.state", LOG_STR("state", kms_state_name(d->kms.state)),
		    LOG_STR("do", "unseal (or, once, init) with the administration tool"));
		return;
	}
	if (d->kms.state == KMS_UNINITIALISED) {
		LOG(LOG_INFO, "kms.state", LOG_STR("state", "uninitialised"),
		    LOG_STR("do", "init with the administration tool, with the passphrase of the file"));
		return;
	}
	if (kms_unseal_from(&d->kms, d->config.passphrase_file, &report) != OK) {
		LOG(LOG_ERROR, "kms.unseal", LOG_STR("why", report.text));
		return;
	}
	LOG(LOG_INFO, "kms.state", LOG_STR("state", "open"));
}

static enum err serve(struct daemon *d, struct report *report)
{
	TRY(kms_open(&d->config, &d->kms, report));
	enum err e = start_faces(d, report);
	if (e == OK) {
		unseal_at_start(d);
		LOG(LOG_INFO, "kms.start", LOG_STR("version", KMS_VERSION),
		    LOG_U64("log_size", keylog_size(d->kms.log)));
		e = httpd_run(d->httpd, NULL, NULL);
		if (e != OK) {
			(void)report_set(report, e, (const char *[]){
				"serving stopped: ", err_name(e), "; see the log", NULL});
		}
	}
	worker_pool_stop(d->worker);
	worker_pool_stop(d->ops_worker);
	httpd_free(d->httpd);
	kms_close(&d->kms);
	return e;
}

int main(int argc, char **argv)
{
	static struct daemon d;
	struct options options = {0};
	struct report report = {0};
	int status = read_options(argc, argv, &options);

	if (status >= 0) {
		return status;
	}
	(void)umask(0077);
	enum err e = config_load(options.config, &d.config, &report);
	if (e == OK && options.check) {
		return 0;
	}
	if (e == OK && secret_init(KMS_SECRETS) != OK) {
		e = report_set(&report, ERR_NOMEM, (const char *[]){
			"cannot lock memory for keys; raise LimitMEMLOCK= (or ulimit -l) to 8 MiB", NULL});
	}
	if (e == OK) {
		e = serve(&d, &report);
	}
	if (e != OK) {
		(void)fprintf(stderr, "rempart-kms: %s\n", report.text);
		return EXIT_FAULT;
	}
	return 0;
}
