/* Which entries speak of this bucket or object: the names are made into tokens with the auditor's token key. */
#include <string.h>

#include "client/auditor/args.h"
#include "client/auditor/commands.h"
#include "client/auditor/out.h"
#include "client/auditor/walk.h"
#include "common/base/attr.h"
#include "common/codec/hex.h"
#include "common/logfmt/token.h"

enum { KEY_FILE_BYTES = 256, ID_BYTES_MAX = 64, SECRETS = 1 };

struct command {
	struct common_args common;
	const char *token_key, *bucket, *key, *object_id;
	uint8_t bucket_token[TOKEN_BYTES];
	uint8_t object_token[TOKEN_BYTES];
};

static bool has_object(const struct command *c, const struct logfmt_entry *e)
{
	for (size_t i = 0; i < e->n_keys; i++) {
		if (memcmp(e->keys[i].object_token, c->object_token, TOKEN_BYTES) == 0) {
			return true;
		}
	}
	return false;
}

static enum err show(void *context, const struct walk_entry *e)
{
	const struct command *c = context;

	if (e->entry == NULL) {
		return OK;
	}
	bool found = c->object_id != NULL
		? has_object(c, e->entry)
		: memcmp(e->entry->bucket_token, c->bucket_token, TOKEN_BYTES) == 0;
	return found ? walk_print(e, c->common.json) : OK;
}

static enum err read_token_key(const char *path, struct secret **ret, struct report *report)
{
	uint8_t text[KEY_FILE_BYTES], key[TOKEN_BYTES];
	size_t n = 0;

	TRY(args_file(path, text, sizeof(text), &n, report));
	struct bytes rest = bytes_of(text, n);
	enum err e = hex_read(bytes_trim(bytes_split(&rest, '\n')), key, sizeof(key));
	if (e == OK) {
		*ret = secret_from(bytes_of(key, sizeof(key)));
		e = *ret == NULL ? ERR_NOMEM : OK;
	}
	wipe(text, sizeof(text));
	wipe(key, sizeof(key));
	return e == OK ? OK : report_set(report, e,
	                                 (const char *[]){path, ": not a token key "
	                                                  "(64 hexadecimal digits)", NULL});
}

static enum err make_tokens(struct command *c, const struct secret *key, struct report *report)
{
	uint8_t id[ID_BYTES_MAX];
	struct bytes text = bytes_text(c->object_id);

	enum err e = token_bucket(key, bytes_text(c->bucket), c->bucket_token);
	if (e != OK || c->object_id == NULL) {
		return e;
	}
	if (text.n % 2 != 0 || text.n / 2 > sizeof(id) || hex_read(text, id, text.n / 2) != OK) {
		return report_set(report, ERR_INPUT,
		                  (const char *[]){"--object-id: not hexadecimal", NULL});
	}
	return token_object(key, bytes_text(c->bucket), bytes_text(c->key),
	                    bytes_of(id, text.n / 2), c->object_token);
}

static enum err read_command(char **argv, struct command *c, struct report *report)
{
	const struct arg args[] = {
		{"log", &c->common.log, NULL},
		{"token-key", &c->token_key, NULL},
		{"bucket", &c->bucket, NULL},
		{"key", &c->key, NULL},
		{"object-id", &c->object_id, NULL},
		{"lang", &c->common.lang_name, NULL},
		{"json", NULL, &c->common.json},
	};
	AUTO(secret_freep) struct secret *key = NULL;

	TRY(args_parse(argv, args, COUNT(args), report));
	TRY(args_common(&c->common, report));
	if (c->token_key == NULL || c->bucket == NULL ||
	    (c->key == NULL) != (c->object_id == NULL)) {
		return report_set(report, ERR_INPUT,
		                  (const char *[]){"--token-key FILE and --bucket NAME are needed; --key "
		                                   "and --object-id only together", NULL});
	}
	if (secret_init(SECRETS) != OK) {
		return report_set(report, ERR_NOMEM, (const char *[]){"no locked memory", NULL});
	}
	TRY(read_token_key(c->token_key, &key, report));
	return make_tokens(c, key, report);
}

int command_find(char **argv)
{
	AUTO(logdir_close) int dir = -1;
	struct command c = {0};
	struct report report = {""};

	if (read_command(argv, &c, &report) != OK ||
	    logdir_open(c.common.log, &dir, &report) != OK) {
		return command_trouble(report.text);
	}
	if (walk_log(dir, show, &c) != OK || fflush(stdout) != 0) {
		return command_trouble("cannot read the log or write the entries");
	}
	return EXIT_GOOD;
}
