/* rempart tenant, user, access-key: who may speak S3. */
#include <string.h>

#include "client/cli/administration.h"
#include "client/cli/passphrase.h"
#include "common/base/attr.h"
#include "common/base/secret.h"

static const struct column tenant_columns[] = {
	{"TENANT", "tenant", CELL_TEXT},
	{"NAME", "name", CELL_TEXT},
	{"DISPLAY NAME", "display_name", CELL_TEXT},
	{"CANONICAL ID", "canonical_id", CELL_TEXT},
	{"DEFAULT KEY", "default_key", CELL_TEXT},
};

static const struct column user_columns[] = {
	{"USER", "user", CELL_TEXT},
	{"STATE", "enabled", CELL_ENABLED},
	{"EXPIRES", "expires", CELL_TEXT},
	{"ARN", "arn", CELL_TEXT},
};

static const struct column access_key_columns[] = {
	{"ACCESS KEY", "access_key", CELL_TEXT}, {"USER", "user", CELL_TEXT},
	{"STATE", "enabled", CELL_ENABLED},      {"CREATED", "created", CELL_TEXT},
	{"EXPIRES", "expires", CELL_TEXT},
};

static const struct column new_access_key[] = {
	{"Access key", "access_key", CELL_TEXT},
	{"Secret key", "secret_key", CELL_TEXT},
	{"Expires", "expires", CELL_TEXT},
};

static int tenant_create(struct cli *c)
{
	struct request q;

	request_begin(&q, "tenant.create");
	json_text(&q.j, "name", c->arg[0]);
	request_option(&q, c, "display_name", OPT_DISPLAY_NAME);
	request_option(&q, c, "email", OPT_EMAIL);
	return show_members(&q, c, tenant_columns, COUNT(tenant_columns));
}

static int tenant_list(struct cli *c)
{
	struct request q;

	request_begin(&q, "tenant.list");
	return show_table(&q, c, "tenants", tenant_columns, COUNT(tenant_columns));
}

static int user_create(struct cli *c)
{
	struct request q;

	request_begin(&q, "user.create");
	json_text(&q.j, "tenant", c->arg[0]);
	json_text(&q.j, "user", c->arg[1]);
	request_option(&q, c, "display_name", OPT_DISPLAY_NAME);
	request_option(&q, c, "expires", OPT_EXPIRES);
	return show_members(&q, c, user_columns, COUNT(user_columns));
}

static int user_list(struct cli *c)
{
	struct request q;

	request_begin(&q, "user.list");
	json_text(&q.j, "tenant", c->arg[0]);
	return show_table(&q, c, "users", user_columns, COUNT(user_columns));
}

static const char *const user_names[] = {"tenant", "user", NULL};

static int user_enable(struct cli *c)
{
	return do_simply(c, "user.enable", user_names, "enabled");
}

static int user_disable(struct cli *c)
{
	return do_simply(c, "user.disable", user_names, "disabled");
}

static int user_delete(struct cli *c)
{
	return do_simply(c, "user.delete", user_names, "deleted");
}

/* The two members of an import. */
static enum err add_imported(struct request *q, struct cli *c)
{
	char secret[PASSPHRASE_BYTES_MAX + 1];
	enum err e;

	if (option_given(c, OPT_ACCESS_KEY) != option_given(c, OPT_SECRET_KEY_FILE)) {
		return report_set(&c->report, ERR_INPUT,
		                  (const char *[]){"--access-key and --secret-key-file go together", NULL});
	}
	if (!option_given(c, OPT_ACCESS_KEY)) {
		return OK;
	}
	e = passphrase_from_file(c, c->value[OPT_SECRET_KEY_FILE], secret);
	if (e == OK) {
		json_text(&q->j, "access_key", c->value[OPT_ACCESS_KEY]);
		json_text(&q->j, "secret_key", secret);
	}
	wipe(secret, sizeof(secret));
	return e;
}

static int access_key_create(struct cli *c)
{
	struct request q;
	int status;

	request_begin(&q, "access-key.create");
	json_text(&q.j, "tenant", c->arg[0]);
	json_text(&q.j, "user", c->arg[1]);
	request_option(&q, c, "expires", OPT_EXPIRES);
	if (add_imported(&q, c) != OK) {
		request_wipe(&q);
		return say_report(c);
	}
	status = show_members(&q, c, new_access_key, COUNT(new_access_key));
	if (status == CLI_OK && !option_given(c, OPT_JSON) && !option_given(c, OPT_QUIET)) {
		fputs("The secret key is shown this once; keep it now.\n", stderr);
	}
	return status;
}

static int access_key_list(struct cli *c)
{
	struct request q;

	request_begin(&q, "access-key.list");
	json_text(&q.j, "tenant", c->arg[0]);
	request_option(&q, c, "user", OPT_USER);
	return show_table(&q, c, "access_keys", access_key_columns, COUNT(access_key_columns));
}

static const char *const access_key_names[] = {"access_key", NULL};

static int access_key_enable(struct cli *c)
{
	return do_simply(c, "access-key.enable", access_key_names, "enabled");
}

static int access_key_disable(struct cli *c)
{
	return do_simply(c, "access-key.disable", access_key_names, "disabled");
}

static int access_key_delete(struct cli *c)
{
	return do_simply(c, "access-key.delete", access_key_names, "deleted");
}

const struct command tenant_commands[] = {
	{"tenant", "create", "NAME", "create a tenant and its default key", NULL,
         ADMIN_OPTIONS | OPT(OPT_DISPLAY_NAME) | OPT(OPT_EMAIL), 1, 1, tenant_create},
	{"tenant", "list", "", "list the tenants", NULL, ADMIN_OPTIONS, 0, 0, tenant_list},
	{"user", "create", "TENANT USER", "create a user", NULL,
         ADMIN_OPTIONS | OPT(OPT_DISPLAY_NAME) | OPT(OPT_EXPIRES), 2, 2, user_create},
	{"user", "list", "TENANT", "list the users of a tenant", NULL, ADMIN_OPTIONS, 1, 1, user_list},
	{"user", "enable", "TENANT USER", "let a user in again", NULL, ADMIN_OPTIONS, 2, 2, user_enable},
	{"user", "disable", "TENANT USER", "shut a user out, at once", NULL, ADMIN_OPTIONS, 2, 2,
         user_disable},
	{"user", "delete", "TENANT USER", "remove a user and his access keys", NULL, ADMIN_OPTIONS, 2, 2,
         user_delete},
	{"access-key", "create", "TENANT USER", "give a user an access key",
         "The secret key is shown once. Existing credentials can be imported.",
         ADMIN_OPTIONS | OPT(OPT_EXPIRES) | OPT(OPT_ACCESS_KEY) | OPT(OPT_SECRET_KEY_FILE), 2, 2,
         access_key_create},
	{"access-key", "list", "TENANT", "list access keys", NULL, ADMIN_OPTIONS | OPT(OPT_USER), 1, 1,
         access_key_list},
	{"access-key", "enable", "ID", "let an access key work again", NULL, ADMIN_OPTIONS, 1, 1,
         access_key_enable},
	{"access-key", "disable", "ID", "refuse an access key, at once", NULL, ADMIN_OPTIONS, 1, 1,
         access_key_disable},
	{"access-key", "delete", "ID", "remove an access key", NULL, ADMIN_OPTIONS, 1, 1,
         access_key_delete},
	{0},
};
