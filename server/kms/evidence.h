/*
 * What exactly did the user ask for? Everything here is read from the canonical request that he signed; of what the
 * gateway says beside it, nothing counts. Pure.
 */
#ifndef REMPART_KMS_EVIDENCE_H
#define REMPART_KMS_EVIDENCE_H
#include "common/kmsproto/kmsproto.h"

struct evidence {
	struct s3op_target target;
	uint64_t expires_s; /* X-Amz-Expires of the signed query; 0 without it */
	bool has_source;
	struct bytes source_bucket, source_key;
	struct bytes source_version; /* versionId of the copy source; empty without it */
	struct bytes upload_id; /* uploadId of the signed query; empty without it */
	struct sigv4_claims claims; /* all headers that were signed (anonymous: sent), also those in the query */
	struct field *query;
	size_t n_query;
};
/* evidence_header, evidence_parameter: p NULL: not there. */
struct bytes evidence_header(const struct evidence *e, const char *name);
struct bytes evidence_parameter(const struct evidence *e, const char *name);
/*
 * evidence_read: operation, object and copy source out of the canonical request.
 *   domains  of the enrolled gateway, for host-style requests
 *   errors   INPUT (no such request can come from a client through an honest gateway), LIMIT
 */
enum err evidence_read(struct arena *a, struct bytes canonical, struct bytes domains,
                       struct evidence *ret);
/* evidence_names_version: does what was signed mean this version? Without a version id, and with "null", any. */
bool evidence_names_version(const struct evidence *e, bool source, const uint8_t *object_id);
/* evidence_allows: may this operation use this key? NULL: yes. Else why not, for the log. */
const char *evidence_allows(const struct evidence *e, const struct kmsproto_key_call *call);

#endif
