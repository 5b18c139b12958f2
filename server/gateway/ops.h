/* The operations, as route.c names them; each file op_*.c holds a family. See struct op in
 * request.h. */
#ifndef REMPART_GATEWAY_OPS_H
#define REMPART_GATEWAY_OPS_H
#include "server/gateway/object.h"
#include "server/gateway/request.h"

/* op_bucket.c */
enum s3error op_list_buckets(struct request *r);
enum s3error op_create_bucket_begin(struct request *r);
enum s3error op_create_bucket_end(struct request *r);
enum s3error op_head_bucket(struct request *r);
enum s3error op_delete_bucket(struct request *r);
enum s3error op_get_bucket_location(struct request *r);

/* op_list.c */
enum s3error op_list_objects(struct request *r);
enum s3error op_list_objects_v2(struct request *r);

/* op_get.c */
enum s3error op_get_object_prepare(struct request *r);
enum s3error op_get_object_begin(struct request *r);
enum err op_get_object_more(struct request *r, struct writer *out, bool *ret_last);
enum s3error op_head_object_prepare(struct request *r);
enum s3error op_head_object_begin(struct request *r);

/* op_put.c */
enum s3error op_put_object_prepare(struct request *r);
enum s3error op_put_object_begin(struct request *r);
enum s3error op_put_object_end(struct request *r);

/* op_post.c */
enum s3error op_post_object_begin(struct request *r);
/* op_post_push, op_post_finish: the form's bytes, and their end; the file in it goes to r->body. */
enum s3error op_post_push(struct request *r, struct bytes b);
enum s3error op_post_finish(struct request *r);
/* op_post_answer: what the form asked for, of the object that was made. Headers may follow. */
void op_post_answer(struct request *r);
void op_post_release(struct request *r); /* wipes the fields */

/* op_copy.c */
enum s3error op_copy_object_prepare(struct request *r);
enum s3error op_copy_object_begin(struct request *r);
enum s3error op_upload_part_copy_prepare(struct request *r);
enum s3error op_upload_part_copy_begin(struct request *r);
enum err op_copy_more(struct request *r, struct writer *out, bool *ret_last);

/* op_delete.c */
enum s3error op_delete_object(struct request *r);
enum s3error op_delete_objects_begin(struct request *r);
enum s3error op_delete_objects_end(struct request *r);

/* op_upload.c */
enum s3error op_create_upload_prepare(struct request *r);
enum s3error op_create_upload_begin(struct request *r);
enum s3error op_upload_part_prepare(struct request *r);
enum s3error op_upload_part_begin(struct request *r);
enum s3error op_upload_part_end(struct request *r);
enum s3error op_abort_upload(struct request *r);
enum s3error op_list_parts(struct request *r);
enum s3error op_list_uploads(struct request *r);
/* upload_find: r->upload from uploadId; S3E_NO_SUCH_UPLOAD goes to r->outcome. */
enum s3error upload_find(struct request *r);
/* upload_part_number: r->part_number from partNumber, 1..10000. */
enum s3error upload_part_number(struct request *r);
/* upload_store_part: finish r->writer as part r->part_number of r->upload. */
enum s3error upload_store_part(struct request *r, struct index_part *part);

/* op_versioning.c */
enum s3error op_get_bucket_versioning(struct request *r);
enum s3error op_put_bucket_versioning_begin(struct request *r);
enum s3error op_put_bucket_versioning_end(struct request *r);
enum s3error op_list_object_versions(struct request *r);

/* op_lock.c */
enum s3error op_get_object_lock(struct request *r);
enum s3error op_put_lock_begin(struct request *r);
enum s3error op_put_object_lock_end(struct request *r);
enum s3error op_get_object_retention(struct request *r);
enum s3error op_put_object_retention_end(struct request *r);
enum s3error op_get_object_legal_hold(struct request *r);
enum s3error op_put_object_legal_hold_end(struct request *r);

/* op_encryption.c */
enum s3error op_update_encryption_begin(struct request *r);
enum s3error op_update_encryption_end(struct request *r);

/* op_tagging.c */
enum s3error op_get_object_tagging(struct request *r);
enum s3error op_put_object_tagging_begin(struct request *r);
enum s3error op_put_object_tagging_end(struct request *r);
enum s3error op_delete_object_tagging(struct request *r);

/* op_complete.c */
enum s3error op_complete_upload_prepare(struct request *r);
enum s3error op_complete_upload_begin(struct request *r);
enum s3error op_complete_upload_end(struct request *r);

/* op_config.c */
enum s3error op_get_config(struct request *r);
enum s3error op_put_config_begin(struct request *r);
enum s3error op_put_config_end(struct request *r);
enum s3error op_delete_config(struct request *r);
/* config_find: what r->bucket is configured with, in the arena; p NULL: nothing, or no bucket. */
enum s3error config_find(struct request *r, enum index_config kind, struct bytes *ret);

/* op_policy.c */
enum s3error op_get_bucket_policy(struct request *r);
enum s3error op_get_bucket_policy_status(struct request *r);
enum s3error op_put_bucket_policy_begin(struct request *r);
enum s3error op_put_bucket_policy_end(struct request *r);
enum s3error op_delete_bucket_policy(struct request *r);

/* op_acl.c */
enum s3error op_get_bucket_acl(struct request *r);
enum s3error op_get_object_acl(struct request *r);
enum s3error op_put_acl_begin(struct request *r);
enum s3error op_put_acl_end(struct request *r);
enum s3error op_get_unused(struct request *r);

/* op_logging.c */
enum s3error op_get_bucket_logging(struct request *r);
enum s3error op_put_bucket_logging_begin(struct request *r);
enum s3error op_put_bucket_logging_end(struct request *r);
/* logging_request: a line for each logged bucket that the request touched; when it is over. */
void logging_request(struct request *r);

/* op_attributes.c */
enum s3error op_get_object_attributes(struct request *r);

/* Shared by several families. */
/* list_encoding: encoding-type. errors: S3E_INVALID_ARGUMENT */
enum s3error list_encoding(const struct request *r, bool *ret_url);
/* list_query: what all listings of keys ask alike; `after` is the caller's. ret_url: names are to
 * be encoded. errors: S3E_INVALID_ARGUMENT */
enum s3error list_query(struct request *r, struct index_list_query *ret, bool *ret_url);
/* list_element: a name in a listing, percent-encoded with `url`. */
void list_element(struct writer *w, bool url, const char *name, struct bytes value);
/* collect_body: read a small body into r->text. */
enum s3error collect_body(struct request *r, uint64_t size_max);

#endif
