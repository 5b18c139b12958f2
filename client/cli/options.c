/* Options are long and the same everywhere; each command names those that it takes. */
#include <string.h>

#include "client/cli/cli.h"
#include "common/base/attr.h"

static const struct {
	const char *name;
	char letter;
	const char *value; /* NULL: a flag */
	const char *help;
} table[OPT_COUNT] = {
	[OPT_HELP] = {"help", 'h', NULL, "this text"},
	[OPT_VERSION] = {"version", 0, NULL, "which version this is"},
	[OPT_JSON] = {"json", 0, NULL, "answer in JSON, for scripts"},
	[OPT_LANG] = {"lang", 0, "LANGUAGE", "fr or en: messages for custodians"},
	[OPT_QUIET] = {"quiet", 'q', NULL, "no progress, no confirmation"},
	[OPT_RECURSIVE] = {"recursive", 'r', NULL, "everything below"},
	[OPT_KMS] = {"kms", 0, "URL", "administration of the KMS (REMPART_ADMIN_URL)"},
	[OPT_CA] = {"ca", 0, "FILE", "certificate authority to trust (REMPART_CA)"},
	[OPT_CERT] = {"cert", 0, "FILE", "your certificate (REMPART_ADMIN_CERT)"},
	[OPT_KEY] = {"key", 0, "FILE", "its private key (REMPART_ADMIN_KEY)"},
	[OPT_ENDPOINT] = {"endpoint", 0, "URL", "S3 (REMPART_S3_URL, AWS_ENDPOINT_URL)"},
	[OPT_REGION] = {"region", 0, "NAME", "of the signature (AWS_REGION, AWS_DEFAULT_REGION)"},
	[OPT_CONTENT_TYPE] = {"content-type", 0, "TYPE", "of what is uploaded"},
	[OPT_SSE] = {"sse", 0, "KIND", "AES256 (classic ETag) or aws:kms (the default)"},
	[OPT_KMS_KEY] = {"kms-key", 0, "KEY", "encrypt under this key instead of the default"},
	[OPT_EXPIRES_IN] = {"expires-in", 0, "SECONDS", "how long the URL works; 3600"},
	[OPT_PUT] = {"put", 0, NULL, "for an upload instead of a download"},
	[OPT_PASSPHRASE_FILE] = {"passphrase-file", 0, "FILE", "instead of asking; - is standard input"},
	[OPT_MEMORY_MIB] = {"memory-mib", 0, "N", "memory of the passphrase's derivation"},
	[OPT_PASSES] = {"passes", 0, "N", "passes of the passphrase's derivation"},
	[OPT_VKEY_OUT] = {"vkey-out", 0, "FILE", "write the key that verifies the log there"},
	[OPT_DISPLAY_NAME] = {"display-name", 0, "TEXT", "for people"},
	[OPT_EMAIL] = {"email", 0, "ADDRESS", "of the tenant"},
	[OPT_EXPIRES] = {"expires", 0, "DATE", "2027-01-31T00:00:00Z: no access afterwards"},
	[OPT_USER] = {"user", 0, "USER", "only this user's"},
	[OPT_TENANT] = {"tenant", 0, "TENANT", "whose alias it is"},
	[OPT_ACCESS_KEY] = {"access-key", 0, "ID", "import this one"},
	[OPT_SECRET_KEY_FILE] = {"secret-key-file", 0, "FILE", "its secret; - is standard input"},
	[OPT_ALIAS] = {"alias", 0, "NAME", "a name for the key"},
	[OPT_DESCRIPTION] = {"description", 0, "TEXT", "what the key is for"},
	[OPT_CERTIFICATE] = {"certificate", 0, "FILE", "the gateway's certificate (PEM)"},
	[OPT_SECRET_OUT] = {"secret-out", 0, "FILE", "write the enrolment secret there; must not exist"},
	[OPT_DOMAINS] = {"domains", 0, "NAMES", "of host-style addressing, separated by blanks"},
};

bool option_given(const struct cli *c, enum option o)
{
	return c->value[o] != NULL;
}

static enum err wrong(struct cli *c, const char *before, const char *word, const char *after)
{
	return report_set(&c->report, ERR_INPUT, (const char *[]){before, word, after, NULL});
}

/* The option that a word names; ret_value points behind '=' when there is one. */
static enum option find(const char *word, const char **ret_value)
{
	const char *equals = strchr(word, '=');
	size_t n = equals == NULL ? strlen(word) : (size_t)(equals - word);

	*ret_value = equals == NULL ? NULL : equals + 1;
	for (enum option o = 0; o < OPT_COUNT; o++) {
		if (word[0] == '-' && word[1] == '-' && strlen(table[o].name) == n - 2 &&
		    memcmp(table[o].name, word + 2, n - 2) == 0) {
			return o;
		}
		if (n == 2 && word[0] == '-' && table[o].letter != 0 && word[1] == table[o].letter) {
			return o;
		}
	}
	return OPT_COUNT;
}

/* One option; *i moves on when its value is the next word. */
static enum err take(struct cli *c, int argc, char **argv, int *i)
{
	const char *value;
	enum option o = find(argv[*i], &value);

	if (o == OPT_COUNT) {
		return wrong(c, "no such option: ", argv[*i], "; see rempart --help");
	}
	if (table[o].value == NULL) {
		if (value != NULL) {
			return wrong(c, "--", table[o].name, " takes no value");
		}
		c->value[o] = "";
		return OK;
	}
	if (value == NULL && *i + 1 < argc) {
		value = argv[++*i];
	}
	if (value == NULL) {
		return wrong(c, "--", table[o].name, " wants a value");
	}
	c->value[o] = value;
	return OK;
}

enum err options_parse(struct cli *c, int argc, char **argv)
{
	bool only_arguments = false;

	for (int i = 0; i < argc; i++) {
		const char *word = argv[i];

		if (!only_arguments && strcmp(word, "--") == 0) {
			only_arguments = true;
		} else if (!only_arguments && word[0] == '-' && word[1] != '\0') {
			TRY(take(c, argc, argv, &i));
		} else if (c->n_args == CLI_ARGUMENTS_MAX) {
			return wrong(c, "too many arguments, from ", word, " on");
		} else {
			c->arg[c->n_args++] = word;
		}
	}
	return OK;
}

enum err options_check(struct cli *c, const struct command *command)
{
	uint64_t allowed = command->options | COMMON_OPTIONS;

	for (enum option o = 0; o < OPT_COUNT; o++) {
		if (c->value[o] != NULL && (allowed & OPT(o)) == 0) {
			return wrong(c, "this command does not take --", table[o].name, "; see its --help");
		}
	}
	return OK;
}

void options_help(FILE *f, uint64_t options)
{
	for (enum option o = 0; o < OPT_COUNT; o++) {
		if ((options & OPT(o)) == 0) {
			continue;
		}
		int n = fprintf(f, "  --%s%s%s", table[o].name, table[o].value == NULL ? "" : " ",
		                table[o].value == NULL ? "" : table[o].value);

		fprintf(f, "%*s%s", n < 26 ? 26 - n : 1, "", table[o].help);
		if (table[o].letter != 0) {
			fprintf(f, " (-%c)", table[o].letter);
		}
		fputc('\n', f);
	}
}
