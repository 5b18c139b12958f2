#include "client/cli/session.h"

#include <string.h>

#include "common/base/attr.h"
#include "common/base/secret.h"

static const struct bytes scheme = BYTES("s3://");

static const char *credential(const struct cli *c, const char *variable, const char *key)
{
	return settings_get(&c->settings, NULL, (const char *[]){variable, NULL}, "s3", key);
}

enum err session_open(struct cli *c, struct session *ret)
{
	const char *secret = credential(c, "AWS_SECRET_ACCESS_KEY", "secret_key");
	struct s3_options o = {
		.endpoint = settings_get(
			&c->settings, c->value[OPT_ENDPOINT],
			(const char *[]){"REMPART_S3_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", NULL},
			"s3", "url"),
		.region = settings_get(&c->settings, c->value[OPT_REGION],
	                               (const char *[]){"AWS_REGION", "AWS_DEFAULT_REGION", NULL}, "s3",
	                               "region"),
		.ca_file = settings_get(&c->settings, c->value[OPT_CA],
	                                (const char *[]){"REMPART_CA", "AWS_CA_BUNDLE", NULL}, "s3", "ca"),
		.access_key = credential(c, "AWS_ACCESS_KEY_ID", "access_key"),
	};
	struct session s = {0};
	enum err e;

	if (secret != NULL && secret[0] != '\0') {
		s.secret_key = secret_from(bytes_text(secret));
		if (s.secret_key == NULL) {
			return report_set(&c->report, ERR_INPUT,
			                  (const char *[]){"the secret key is longer than any S3 gives", NULL});
		}
	}
	o.secret_key = s.secret_key;
	e = s3_new(&o, &s.s3, &c->report);
	if (e != OK) {
		session_close(&s);
		return e;
	}
	*ret = s;
	return OK;
}

void session_close(struct session *s)
{
	s3_free(s->s3);
	s->s3 = NULL;
	s->secret_key = secret_free(s->secret_key);
}

bool name_is_s3(const char *text)
{
	return bytes_starts(bytes_text(text), scheme);
}

enum err name_parse(struct cli *c, const char *text, bool need_key, struct s3_name *ret)
{
	struct bytes rest = bytes_text(text);
	struct s3_name name = {0};

	if (bytes_starts(rest, scheme)) {
		rest = bytes_skip(rest, scheme.n);
		name.bucket = bytes_split(&rest, '/');
		name.key = rest;
	}
	if (name.bucket.n == 0 || (need_key && name.key.n == 0)) {
		return report_set(&c->report, ERR_INPUT,
		                  (const char *[]){"write it s3://BUCKET", need_key ? "/KEY" : "[/PREFIX]",
		                                   ", not ", text, NULL});
	}
	*ret = name;
	return OK;
}

const char *name_join(struct arena *a, struct bytes x, struct bytes y)
{
	return (const char *)arena_join(a, (struct bytes[]){x, y}, 2).p;
}

struct bytes name_last(struct bytes path)
{
	size_t n = path.n;

	while (n > 0 && path.p[n - 1] != '/') {
		n--;
	}
	return bytes_skip(path, n);
}
