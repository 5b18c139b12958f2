/* What the commands that talk to the KMS share: making a request, sending it, showing the
 * answer. */
#ifndef REMPART_CLI_ADMINISTRATION_H
#define REMPART_CLI_ADMINISTRATION_H

#include "client/cli/cli.h"
#include "client/lib/admin.h"

struct request {
	uint8_t buffer[ADMIN_REQUEST_BYTES_MAX];
	struct writer w;
	struct json_writer j;
};

/* request_begin: {"op":op ... ; members follow with json_text(&q->j, ...). */
void request_begin(struct request *q, const char *op);
/* request_option: a member from an option, when that was given. */
void request_option(struct request *q, const struct cli *c, const char *member, enum option o);
/* request_number: likewise as a number. errors: INPUT (report) */
enum err request_number(struct request *q, struct cli *c, const char *member, enum option o);
/* request_send: ends the object, sends it, wipes it. With --json it prints the answer. ret is owned
 * by the caller. errors: of admin_call, with the report set */
enum err request_send(struct request *q, struct cli *c, struct json **ret);
/* request_wipe: for a request that is not sent. */
void request_wipe(struct request *q);

enum cell { CELL_TEXT, CELL_NUMBER, CELL_ENABLED, CELL_YES };
struct column {
	const char *title;
	const char *member;
	enum cell cell;
};
/* print_table: the objects of an array as rows. Says "none" on standard error when it is empty. */
void print_table(const struct cli *c, const struct json *array, const struct column *columns,
                 size_t n);
/* print_members: the columns of one object, a line each; absent ones are left out. */
void print_members(const struct cli *c, const struct json *object, const struct column *columns,
                   size_t n);

/* show_members, show_table: send; then with --json nothing more, else as above. The exit status. */
int show_members(struct request *q, struct cli *c, const struct column *columns, size_t n);
int show_table(struct request *q, struct cli *c, const char *member, const struct column *columns,
               size_t n);
/* do_simply: {op, names[i]: arg[i]...}; prints "done" words when it worked. */
int do_simply(struct cli *c, const char *op, const char *const *names, const char *done);

#endif
