/* rempart presign. */
#include "client/cli/session.h"
#include "common/base/attr.h"

enum { EXPIRES_S = 3600 };

static int presign(struct cli *c)
{
	AUTO(session_close) struct session s = {0};
	struct s3_presigned p = {
		.method = option_given(c, OPT_PUT) ? "PUT" : "GET", .expires_s = EXPIRES_S,
	};
	const char *url;

	if (name_parse(c, c->arg[0], true, &p.name) != OK) {
		return say_usage(c, c->report.text);
	}
	if (option_given(c, OPT_EXPIRES_IN) &&
	    bytes_u64(bytes_text(c->value[OPT_EXPIRES_IN]), &p.expires_s) != OK) {
		return say_usage(c, "--expires-in wants seconds");
	}
	if (session_open(c, &s) != OK ||
	    s3_presign(s.s3, c->arena, &p, &url, &c->report) != OK) {
		return say_report(c);
	}
	fprintf(stdout, "%s\n", url);
	return CLI_OK;
}

const struct command presign_commands[] = {
	{"presign", NULL, "s3://BUCKET/KEY", "a URL that works without credentials, for a while",
         "Each use still goes through the KMS and into its log, under the user who signed.",
         S3_OPTIONS | OPT(OPT_EXPIRES_IN) | OPT(OPT_PUT), 1, 1, presign},
	{0},
};
