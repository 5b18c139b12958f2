#include "server/kms/config.h"

#include <string.h>

#include "common/base/attr.h"

enum { REGION_MAX = 32 }; /* bytes */

/* As in an ARN and in a credential scope. */
static bool region_good(const char *text)
{
	size_t n = strlen(text);
	size_t good = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return n == good && n <= REGION_MAX;
}

/* The name of a signed note's key: no white space, no '+' (C2SP signed-note). */
static bool origin_good(const char *text)
{
	return strcspn(text, " \t\r\n+") == strlen(text) && bytes_is_utf8(bytes_text(text));
}

static enum err check(const char *path, const struct conf_key *keys, size_t n,
                      const struct kms_config *c, struct report *r)
{
	if (!origin_good(c->origin)) {
		return conf_wrong(path, keys, n, "kms.origin",
		                  "holds a space or a '+'; write it like kms.example.org/log/1", r);
	}
	if (!region_good(c->region)) {
		return conf_wrong(path, keys, n, "region.name",
		                  "is not a region name; use a-z, 0-9 and '-', at most 32", r);
	}
	if (c->aws.listen.port != 0 && (c->aws.certificate[0] == '\0' || c->aws.key[0] == '\0')) {
		return conf_wrong(path, keys, n, "aws.listen",
		                  "needs [aws] certificate and key: this API is served over TLS only",
		                  r);
	}
	if (c->ops.port != 0 && !conf_loopback(&c->ops)) {
		return conf_wrong(path, keys, n, "ops.listen",
		                  "is in clear text and not on loopback; use 127.0.0.1", r);
	}
	if (strncmp(c->log_fence, c->log_dir, strlen(c->log_dir)) == 0 &&
	    c->log_fence[strlen(c->log_dir)] == '/') {
		return conf_wrong(path, keys, n, "log.fence",
		                  "lies inside of the log's folder, so one backup restores both; "
		                  "put it on another volume", r);
	}
	return OK;
}

enum err config_load(const char *path, struct kms_config *ret, struct report *ret_report)
{
	static struct kms_config c; /* the table points into it */
	struct conf_key keys[] = {
		{.section = "kms", .name = "state_dir", .type = CONF_DIR, .required = true,
		 .into = c.state_dir},
		{.section = "kms", .name = "origin", .required = true, .into = c.origin},
		{.section = "kms", .name = "anonymous", .type = CONF_BOOL, .into = &c.anonymous,
		 .fallback = "yes"},
		{.section = "kms", .name = "post_sigv2", .type = CONF_BOOL, .into = &c.post_sigv2,
		 .fallback = "yes"},
		{.section = "region", .name = "name", .into = c.region, .fallback = "fr-sov-1"},
		{.section = "log", .name = "dir", .type = CONF_DIR, .required = true,
		 .into = c.log_dir},
		{.section = "log", .name = "fence", .required = true, .into = c.log_fence},
		{.section = "unseal", .name = "passphrase_file", .into = c.passphrase_file},
		{.section = "gateway", .name = "listen", .type = CONF_LISTEN, .required = true,
		 .into = &c.gateway.listen},
		{.section = "gateway", .name = "certificate", .type = CONF_FILE, .required = true,
		 .into = c.gateway.certificate},
		{.section = "gateway", .name = "key", .type = CONF_FILE, .required = true,
		 .into = c.gateway.key},
		{.section = "gateway", .name = "client_ca", .type = CONF_FILE, .required = true,
		 .into = c.gateway.client_ca},
		{.section = "admin", .name = "listen", .type = CONF_LISTEN, .required = true,
		 .into = &c.admin.listen},
		{.section = "admin", .name = "certificate", .type = CONF_FILE, .required = true,
		 .into = c.admin.certificate},
		{.section = "admin", .name = "key", .type = CONF_FILE, .required = true,
		 .into = c.admin.key},
		{.section = "admin", .name = "client_ca", .type = CONF_FILE, .required = true,
		 .into = c.admin.client_ca},
		{.section = "aws", .name = "listen", .type = CONF_LISTEN, .into = &c.aws.listen},
		{.section = "aws", .name = "certificate", .type = CONF_FILE,
		 .into = c.aws.certificate},
		{.section = "aws", .name = "key", .type = CONF_FILE, .into = c.aws.key},
		{.section = "ops", .name = "listen", .type = CONF_LISTEN, .into = &c.ops},
	};

	memset(&c, 0, sizeof(c));
	TRY(conf_load(path, keys, COUNT(keys), ret_report));
	TRY(check(path, keys, COUNT(keys), &c, ret_report));
	*ret = c;
	return OK;
}
