/* rempart key: the key-encryption keys of a tenant. */
#include "client/cli/administration.h"
#include "common/base/attr.h"

static const struct column key_columns[] = {
	{"KEY", "key", CELL_TEXT},         {"ALIAS", "alias", CELL_TEXT},
	{"STATE", "state", CELL_TEXT},     {"VERSION", "version", CELL_NUMBER},
	{"DEFAULT", "default", CELL_YES},  {"CREATED", "created", CELL_TEXT},
	{"ARN", "arn", CELL_TEXT},
};

static int key_create(struct cli *c)
{
	struct request q;

	request_begin(&q, "key.create");
	json_text(&q.j, "tenant", c->arg[0]);
	request_option(&q, c, "alias", OPT_ALIAS);
	request_option(&q, c, "description", OPT_DESCRIPTION);
	return show_members(&q, c, key_columns, COUNT(key_columns));
}

static int key_list(struct cli *c)
{
	struct request q;

	request_begin(&q, "key.list");
	json_text(&q.j, "tenant", c->arg[0]);
	return show_table(&q, c, "keys", key_columns, COUNT(key_columns));
}

static int change(struct cli *c, const char *op)
{
	struct request q;

	request_begin(&q, op);
	json_text(&q.j, "key", c->arg[0]);
	request_option(&q, c, "tenant", OPT_TENANT);
	return show_members(&q, c, key_columns, COUNT(key_columns));
}

static int key_rotate(struct cli *c)
{
	return change(c, "key.rotate");
}

static int key_enable(struct cli *c)
{
	return change(c, "key.enable");
}

static int key_disable(struct cli *c)
{
	return change(c, "key.disable");
}

static const char which[] = "KEY is its identifier, its ARN or, with --tenant, its alias.";

const struct command key_commands[] = {
	{"key", "create", "TENANT", "create a key-encryption key", NULL,
         ADMIN_OPTIONS | OPT(OPT_ALIAS) | OPT(OPT_DESCRIPTION), 1, 1, key_create},
	{"key", "list", "TENANT", "list the keys of a tenant", NULL, ADMIN_OPTIONS, 1, 1, key_list},
	{"key", "rotate", "KEY", "add a version; what is stored stays readable", which,
         ADMIN_OPTIONS | OPT(OPT_TENANT), 1, 1, key_rotate},
	{"key", "enable", "KEY", "let a key be used again", which, ADMIN_OPTIONS | OPT(OPT_TENANT), 1, 1,
         key_enable},
	{"key", "disable", "KEY", "refuse every use of a key, at once", which,
         ADMIN_OPTIONS | OPT(OPT_TENANT), 1, 1, key_disable},
	{0},
};
