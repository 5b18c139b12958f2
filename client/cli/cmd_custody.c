/* rempart init, unseal, seal, status: what a key custodian does. */
#include <string.h>
#include <unistd.h>

#include "client/cli/administration.h"
#include "client/cli/messages.h"
#include "client/cli/passphrase.h"
#include "client/lib/file.h"
#include "common/base/attr.h"
#include "common/base/secret.h"

/* The server's words are English; what a custodian meets has words of his own language. */
static int say_refusal(struct cli *c, enum err e)
{
	switch ((int)e) {
	case ERR_AUTH: return say_error(c, message(c, MSG_BAD_PASSPHRASE));
	case ERR_EXISTS: return say_error(c, message(c, MSG_ALREADY));
	case ERR_CONFLICT: return say_error(c, message(c, MSG_NOT_INITIALISED));
	default: return say_report(c);
	}
}

/* Twice when it is new: a slip of the finger would lock everything for ever. */
static enum err ask_on_terminal(struct cli *c, bool is_new, char out[PASSPHRASE_BYTES_MAX + 1])
{
	char again[PASSPHRASE_BYTES_MAX + 1];
	bool same;

	TRY(passphrase_ask(c, message(c, is_new ? MSG_ASK_NEW : MSG_ASK), out));
	if (out[0] == '\0') {
		return report_set(&c->report, ERR_INPUT, (const char *[]){message(c, MSG_EMPTY), NULL});
	}
	if (!is_new) {
		return OK;
	}
	TRY(passphrase_ask(c, message(c, MSG_ASK_AGAIN), again));
	same = strcmp(out, again) == 0;
	wipe(again, sizeof(again));
	if (!same) {
		return report_set(&c->report, ERR_INPUT, (const char *[]){message(c, MSG_DIFFER), NULL});
	}
	return OK;
}

/* From --passphrase-file, else the terminal, else standard input. */
static enum err get_passphrase(struct cli *c, bool is_new, char out[PASSPHRASE_BYTES_MAX + 1])
{
	enum err e;

	if (option_given(c, OPT_PASSPHRASE_FILE)) {
		return passphrase_from_file(c, c->value[OPT_PASSPHRASE_FILE], out);
	}
	if (isatty(STDIN_FILENO) != 1) {
		return passphrase_from_file(c, "-", out);
	}
	e = ask_on_terminal(c, is_new, out);
	if (e == ERR_CANCELLED) {
		return report_set(&c->report, e, (const char *[]){message(c, MSG_CANCELLED), NULL});
	}
	return e;
}

/* The request with its passphrase, sent. */
static enum err send_passphrase(struct cli *c, struct request *q, bool is_new, struct json **ret)
{
	char passphrase[PASSPHRASE_BYTES_MAX + 1];
	enum err e = get_passphrase(c, is_new, passphrase);

	if (e == OK) {
		json_text(&q->j, "passphrase", passphrase);
		e = request_send(q, c, ret);
	} else {
		e = ERR_CANCELLED; /* nothing was sent: not one of the server's refusals */
	}
	wipe(passphrase, sizeof(passphrase));
	request_wipe(q);
	return e;
}

/* The key that verifies the log: for the auditors. */
static int keep_vkey(struct cli *c, const struct json *answer)
{
	struct bytes vkey = json_get_bytes(answer, "log_vkey");
	struct bytes line = arena_join(c->arena, (struct bytes[]){vkey, BYTES("\n")}, 2);

	if (option_given(c, OPT_VKEY_OUT)) {
		if (vkey.n == 0 || line.p == NULL ||
		    file_write(c->value[OPT_VKEY_OUT], line, &c->report) != OK) {
			return say_report(c);
		}
	} else if (!option_given(c, OPT_JSON) && !option_given(c, OPT_QUIET)) {
		print_pair(c, message(c, MSG_VKEY), vkey);
	}
	return CLI_OK;
}

static void say_done(const struct cli *c, enum message m)
{
	if (!option_given(c, OPT_JSON) && !option_given(c, OPT_QUIET)) {
		fprintf(stdout, "%s\n", message(c, m));
	}
}

static int custody_init(struct cli *c)
{
	AUTO(json_freep) struct json *answer = NULL;
	struct request q;
	enum err e;

	request_begin(&q, "init");
	if (request_number(&q, c, "memory_mib", OPT_MEMORY_MIB) != OK ||
	    request_number(&q, c, "passes", OPT_PASSES) != OK) {
		return say_usage(c, c->report.text);
	}
	e = send_passphrase(c, &q, true, &answer);
	if (e != OK) {
		return say_refusal(c, e);
	}
	say_done(c, MSG_INITIALISED);
	if (!option_given(c, OPT_JSON) && !option_given(c, OPT_QUIET)) {
		fprintf(stderr, "%s\n", message(c, MSG_KEEP));
	}
	return keep_vkey(c, answer);
}

static int custody_unseal(struct cli *c)
{
	AUTO(json_freep) struct json *answer = NULL;
	struct request q;
	enum err e;

	request_begin(&q, "unseal");
	e = send_passphrase(c, &q, false, &answer);
	if (e != OK) {
		return say_refusal(c, e);
	}
	say_done(c, MSG_UNSEALED);
	return keep_vkey(c, answer);
}

static int custody_seal(struct cli *c)
{
	AUTO(json_freep) struct json *answer = NULL;
	struct request q;
	enum err e;

	request_begin(&q, "seal");
	e = request_send(&q, c, &answer);
	if (e != OK) {
		return say_refusal(c, e);
	}
	say_done(c, MSG_SEALED);
	return CLI_OK;
}

static void show_state(const struct cli *c, struct bytes state)
{
	bool open = bytes_is(state, "open"), sealed = bytes_is(state, "sealed");

	colour_begin(c, stdout, "1");
	print_padded(stdout, bytes_text(message(c, MSG_STATE)), 20);
	colour_end(c, stdout);
	colour_begin(c, stdout, open ? "32" : "33");
	fputs(message(c, open ? MSG_STATE_OPEN : sealed ? MSG_STATE_SEALED : MSG_STATE_UNINITIALISED),
	      stdout);
	colour_end(c, stdout);
	if (!open) {
		fprintf(stdout, " (%s)", message(c, sealed ? MSG_DO_UNSEAL : MSG_DO_INIT));
	}
	fputc('\n', stdout);
}

static int custody_status(struct cli *c)
{
	AUTO(json_freep) struct json *answer = NULL;
	const struct column columns[] = {
		{message(c, MSG_VERSION), "version", CELL_TEXT},
		{message(c, MSG_ORIGIN), "origin", CELL_TEXT},
		{message(c, MSG_STARTED), "boot", CELL_TEXT},
		{message(c, MSG_LOG_SIZE), "log_size", CELL_NUMBER},
		{message(c, MSG_LOG_PUBLISHED), "log_published", CELL_NUMBER},
		{message(c, MSG_TENANTS), "tenants", CELL_NUMBER},
		{message(c, MSG_USERS), "users", CELL_NUMBER},
		{message(c, MSG_ACCESS_KEYS), "access_keys", CELL_NUMBER},
		{message(c, MSG_KEYS), "keys", CELL_NUMBER},
		{message(c, MSG_GATEWAYS), "gateways", CELL_NUMBER},
	};
	struct request q;

	request_begin(&q, "status");
	if (request_send(&q, c, &answer) != OK) {
		return say_report(c);
	}
	if (!option_given(c, OPT_JSON)) {
		show_state(c, json_get_bytes(answer, "state"));
		print_members(c, answer, columns, COUNT(columns));
	}
	return CLI_OK;
}

static const char where[] =
	"The passphrase is asked for on the terminal; in scripts it is the first line of standard\n"
	"input or of --passphrase-file.";

const struct command custody_commands[] = {
	{"init", NULL, "", "create the root key, sealed under a passphrase; once", where,
         ADMIN_OPTIONS | OPT(OPT_PASSPHRASE_FILE) | OPT(OPT_MEMORY_MIB) | OPT(OPT_PASSES) |
                 OPT(OPT_VKEY_OUT),
         0, 0, custody_init},
	{"unseal", NULL, "", "open the KMS with the passphrase", where,
         ADMIN_OPTIONS | OPT(OPT_PASSPHRASE_FILE) | OPT(OPT_VKEY_OUT), 0, 0, custody_unseal},
	{"seal", NULL, "", "wipe every key from the memory of the KMS; all data requests stop", NULL,
         ADMIN_OPTIONS, 0, 0, custody_seal},
	{"status", NULL, "", "state of the KMS", NULL, ADMIN_OPTIONS, 0, 0, custody_status},
	{0},
};
