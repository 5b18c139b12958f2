/* What the files of the S3 client share. Not for users of client/lib. */
#ifndef REMPART_CLIENT_S3_INTERNAL_H
#define REMPART_CLIENT_S3_INTERNAL_H

#include "client/lib/s3.h"

struct s3 {
	struct http_client *http;
	struct arena *options_arena; /* as long as the client */
	struct arena *scratch;       /* of one call */
	struct writer answer;
	struct bytes endpoint;       /* no slash at its end */
	struct bytes host;           /* of the Host header; part of endpoint */
	struct bytes region;
	struct bytes access_key;
	const struct secret *secret_key;
};

/* Where a call goes, encoded; all in s->scratch. */
struct s3_place {
	struct bytes path;
	struct bytes query;
	const char *url;
};

enum err s3_url(struct s3 *s, struct s3_name name, const struct field *query, size_t n,
                struct s3_place *ret);
enum err s3_date(struct arena *a, struct bytes *ret);
enum err s3_no_memory(struct report *r);
/* s3_worth_again: would the same request perhaps succeed a little later? status 0: no answer
 * came. */
bool s3_worth_again(enum err e, unsigned status);
/* s3_pause: before the next attempt; longer each time, at most 8 s, with a random part. */
void s3_pause(unsigned attempts);

#endif
