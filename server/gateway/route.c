/* The table of operations: one row for each, in the order of enum s3op. */
#include "server/gateway/cors.h"
#include "server/gateway/ops.h"

#define CONFIG_ROWS(name)                                                                          \
	[S3OP_GET_##name] = {OP_BUCKET_OWN, .begin = op_get_config},                               \
	[S3OP_PUT_##name] = {OP_BUCKET_OWN, .begin = op_put_config_begin, .end = op_put_config_end}, \
	[S3OP_DELETE_##name] = {OP_BUCKET_OWN, .begin = op_delete_config}

static const struct op rows[S3OP_COUNT] = {
	[S3OP_LIST_BUCKETS] = {OP_BUCKET_NONE, .begin = op_list_buckets},
	[S3OP_CREATE_BUCKET] = {OP_BUCKET_NONE, .begin = op_create_bucket_begin,
	                        .end = op_create_bucket_end},
	[S3OP_HEAD_BUCKET] = {OP_BUCKET_OWN, .begin = op_head_bucket},
	[S3OP_DELETE_BUCKET] = {OP_BUCKET_OWN, .begin = op_delete_bucket},
	[S3OP_GET_BUCKET_LOCATION] = {OP_BUCKET_OWN, .begin = op_get_bucket_location},
	[S3OP_GET_BUCKET_VERSIONING] = {OP_BUCKET_OWN, .begin = op_get_bucket_versioning},
	[S3OP_PUT_BUCKET_VERSIONING] = {OP_BUCKET_OWN, .begin = op_put_bucket_versioning_begin,
	                                .end = op_put_bucket_versioning_end},
	[S3OP_LIST_OBJECT_VERSIONS] = {OP_BUCKET_OWN, .begin = op_list_object_versions},
	[S3OP_GET_OBJECT_LOCK] = {OP_BUCKET_OWN, .begin = op_get_object_lock},
	[S3OP_PUT_OBJECT_LOCK] = {OP_BUCKET_OWN, .begin = op_put_lock_begin,
	                          .end = op_put_object_lock_end},
	[S3OP_GET_OBJECT_RETENTION] = {OP_BUCKET_OWN, .begin = op_get_object_retention},
	[S3OP_PUT_OBJECT_RETENTION] = {OP_BUCKET_OWN, .begin = op_put_lock_begin,
	                               .end = op_put_object_retention_end},
	[S3OP_GET_OBJECT_LEGAL_HOLD] = {OP_BUCKET_OWN, .begin = op_get_object_legal_hold},
	[S3OP_PUT_OBJECT_LEGAL_HOLD] = {OP_BUCKET_OWN, .begin = op_put_lock_begin,
	                                .end = op_put_object_legal_hold_end},
	[S3OP_LIST_OBJECTS] = {OP_BUCKET_OWN, .begin = op_list_objects},
	[S3OP_LIST_OBJECTS_V2] = {OP_BUCKET_OWN, .begin = op_list_objects_v2},
	[S3OP_DELETE_OBJECTS] = {OP_BUCKET_OWN, .begin = op_delete_objects_begin,
	                         .end = op_delete_objects_end},
	[S3OP_GET_OBJECT] = {OP_BUCKET_OWN, .prepare = op_get_object_prepare,
	                     .begin = op_get_object_begin, .more = op_get_object_more},
	[S3OP_HEAD_OBJECT] = {OP_BUCKET_OWN, .prepare = op_head_object_prepare,
	                      .begin = op_head_object_begin},
	[S3OP_PUT_OBJECT] = {OP_BUCKET_OWN, .prepare = op_put_object_prepare,
	                     .begin = op_put_object_begin, .end = op_put_object_end},
	/* Until the fields are there, and they name the PUT: then it is that row. */
	[S3OP_POST_OBJECT] = {OP_BUCKET_OWN, .begin = op_post_object_begin,
	                      .end = op_put_object_end, .open = true},
	[S3OP_COPY_OBJECT] = {OP_BUCKET_OWN, .prepare = op_copy_object_prepare,
	                      .begin = op_copy_object_begin},
	[S3OP_DELETE_OBJECT] = {OP_BUCKET_OWN, .begin = op_delete_object},
	[S3OP_GET_OBJECT_TAGGING] = {OP_BUCKET_OWN, .begin = op_get_object_tagging},
	[S3OP_PUT_OBJECT_TAGGING] = {OP_BUCKET_OWN, .begin = op_put_object_tagging_begin,
	                             .end = op_put_object_tagging_end},
	[S3OP_DELETE_OBJECT_TAGGING] = {OP_BUCKET_OWN, .begin = op_delete_object_tagging},
	[S3OP_CREATE_MULTIPART_UPLOAD] = {OP_BUCKET_OWN, .prepare = op_create_upload_prepare,
	                                  .begin = op_create_upload_begin},
	[S3OP_UPLOAD_PART] = {OP_BUCKET_OWN, .prepare = op_upload_part_prepare,
	                      .begin = op_upload_part_begin, .end = op_upload_part_end},
	[S3OP_UPLOAD_PART_COPY] = {OP_BUCKET_OWN, .prepare = op_upload_part_copy_prepare,
	                           .begin = op_upload_part_copy_begin},
	[S3OP_COMPLETE_MULTIPART_UPLOAD] = {OP_BUCKET_OWN, .prepare = op_complete_upload_prepare,
	                                    .begin = op_complete_upload_begin,
	                                    .end = op_complete_upload_end},
	[S3OP_ABORT_MULTIPART_UPLOAD] = {OP_BUCKET_OWN, .begin = op_abort_upload},
	[S3OP_LIST_PARTS] = {OP_BUCKET_OWN, .begin = op_list_parts},
	[S3OP_LIST_MULTIPART_UPLOADS] = {OP_BUCKET_OWN, .begin = op_list_uploads},
	CONFIG_ROWS(BUCKET_TAGGING),
	CONFIG_ROWS(BUCKET_ENCRYPTION),
	CONFIG_ROWS(BUCKET_CORS),
	CONFIG_ROWS(BUCKET_OWNERSHIP),
	CONFIG_ROWS(PUBLIC_ACCESS_BLOCK),
	CONFIG_ROWS(BUCKET_LIFECYCLE),
	[S3OP_GET_BUCKET_ACL] = {OP_BUCKET_OWN, .begin = op_get_bucket_acl},
	[S3OP_PUT_BUCKET_ACL] = {OP_BUCKET_OWN, .begin = op_put_acl_begin, .end = op_put_acl_end},
	[S3OP_GET_OBJECT_ACL] = {OP_BUCKET_OWN, .begin = op_get_object_acl},
	[S3OP_PUT_OBJECT_ACL] = {OP_BUCKET_OWN, .begin = op_put_acl_begin, .end = op_put_acl_end},
	[S3OP_GET_BUCKET_REQUEST_PAYMENT] = {OP_BUCKET_OWN, .begin = op_get_unused},
	[S3OP_GET_BUCKET_POLICY] = {OP_BUCKET_OWN, .begin = op_get_unused},
	[S3OP_GET_BUCKET_POLICY_STATUS] = {OP_BUCKET_OWN, .begin = op_get_unused},
	[S3OP_GET_BUCKET_WEBSITE] = {OP_BUCKET_OWN, .begin = op_get_unused},
	[S3OP_GET_BUCKET_LOGGING] = {OP_BUCKET_OWN, .begin = op_get_unused},
	[S3OP_GET_BUCKET_NOTIFICATION] = {OP_BUCKET_OWN, .begin = op_get_unused},
	[S3OP_GET_BUCKET_REPLICATION] = {OP_BUCKET_OWN, .begin = op_get_unused},
	[S3OP_GET_BUCKET_ACCELERATE] = {OP_BUCKET_OWN, .begin = op_get_unused},
	[S3OP_PREFLIGHT] = {OP_BUCKET_NONE, .begin = op_preflight, .open = true},
	[S3OP_GET_OBJECT_TORRENT] = {OP_BUCKET_OWN, .begin = op_get_unused},
	[S3OP_GET_OBJECT_ATTRIBUTES] = {OP_BUCKET_OWN, .begin = op_get_object_attributes},
};

const struct op *op_of(enum s3op op)
{
	return rows[op].begin == NULL ? NULL : &rows[op];
}
