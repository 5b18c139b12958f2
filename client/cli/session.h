/* What the S3 commands share: credentials and endpoint, names like s3://bucket/key. */
#ifndef REMPART_CLI_SESSION_H
#define REMPART_CLI_SESSION_H

#include "client/cli/cli.h"
#include "client/lib/s3.h"

struct session {
	struct s3 *s3;
	struct secret *secret_key;
};

/* session_open: from options, environment, configuration. errors: INPUT, NOMEM (report) */
enum err session_open(struct cli *c, struct session *ret);
void session_close(struct session *s); /* for AUTO */

/* name_is_s3: does it begin with s3:// ? */
bool name_is_s3(const char *text);
/* name_parse: s3://bucket[/key]; borrowed. need_key: the key must be there. errors: INPUT
 * (report) */
enum err name_parse(struct cli *c, const char *text, bool need_key, struct s3_name *ret);
/* name_join: a + b as one text in the arena; NULL on no memory. */
const char *name_join(struct arena *a, struct bytes x, struct bytes y);
/* name_last: what stands behind the last '/'. */
struct bytes name_last(struct bytes path);

#endif
