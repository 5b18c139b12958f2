/* Secrets that people type or keep in a file. */
#ifndef REMPART_CLI_PASSPHRASE_H
#define REMPART_CLI_PASSPHRASE_H

#include "client/cli/cli.h"

enum { PASSPHRASE_BYTES_MAX = 1024 };

/* passphrase_ask: from the terminal, without echo. errors: CANCELLED (Ctrl-C), IO, LIMIT */
enum err passphrase_ask(struct cli *c, const char *prompt, char out[PASSPHRASE_BYTES_MAX + 1]);
/* passphrase_from_file: the first line; "-" is standard input. errors: INPUT (empty), NOTFOUND,
 * LIMIT, IO */
enum err passphrase_from_file(struct cli *c, const char *path, char out[PASSPHRASE_BYTES_MAX + 1]);

#endif
