/* The handlers of admin.c's table, and what they share. Inside of the administration only. */
#ifndef REMPART_KMS_ADMIN_OPS_H
#define REMPART_KMS_ADMIN_OPS_H
#include "server/kms/admin.h"

enum admin_error admin_status(struct admin_call *c);
enum admin_error admin_init(struct admin_call *c);
enum admin_error admin_init_apply(struct admin_call *c);
enum admin_error admin_unseal(struct admin_call *c);
enum admin_error admin_seal(struct admin_call *c);
enum admin_error admin_seal_apply(struct admin_call *c);
enum admin_error admin_tenant_create(struct admin_call *c);
enum admin_error admin_tenant_list(struct admin_call *c);
enum admin_error admin_user_create(struct admin_call *c);
enum admin_error admin_user_list(struct admin_call *c);
enum admin_error admin_user_disable(struct admin_call *c);
enum admin_error admin_user_enable(struct admin_call *c);
enum admin_error admin_user_delete(struct admin_call *c);
enum admin_error admin_access_key_create(struct admin_call *c);
enum admin_error admin_access_key_list(struct admin_call *c);
enum admin_error admin_access_key_disable(struct admin_call *c);
enum admin_error admin_access_key_enable(struct admin_call *c);
enum admin_error admin_access_key_delete(struct admin_call *c);
enum admin_error admin_key_create(struct admin_call *c);
enum admin_error admin_key_list(struct admin_call *c);
enum admin_error admin_key_rotate(struct admin_call *c);
enum admin_error admin_key_disable(struct admin_call *c);
enum admin_error admin_key_enable(struct admin_call *c);
enum admin_error admin_gateway_enrol(struct admin_call *c);
enum admin_error admin_gateway_list(struct admin_call *c);
enum admin_error admin_gateway_remove(struct admin_call *c);

/* admin_refuse: set the message, give the error. */
enum admin_error admin_refuse(struct admin_call *c, enum admin_error e, const char *message);
/* admin_fault: an error of the store as an answer: NOTFOUND, LIMIT, UNAVAILABLE, INTERNAL. OK gives ADMIN_OK. */
enum admin_error admin_fault(struct admin_call *c, enum err e);
/* admin_name: a member that must be a name ([A-Za-z0-9._@+=,-]{1,64}). */
enum admin_error admin_name(struct admin_call *c, const char *member, struct bytes *ret);
/* admin_text: an optional member: UTF-8 without control characters, at most RECORD_TEXT_MAX bytes; empty when absent. */
enum admin_error admin_text(struct admin_call *c, const char *member, struct bytes *ret);
/* admin_expires: the optional member "expires"; 0 when absent; must lie ahead. */
enum admin_error admin_expires(struct admin_call *c, uint64_t *ret_ms);
/* admin_tenant: the tenant named by the member "tenant", number or name. Sets c->tenant. */
enum admin_error admin_tenant(struct admin_call *c, struct record_tenant *ret);
/* admin_detail: parts one after the other, for the entry. */
enum admin_error admin_detail(struct admin_call *c, const struct bytes *parts, size_t n);
/* admin_write_expires, admin_write_time: members of the answer; null for "never". */
void admin_write_expires(struct json_writer *j, const char *name, uint64_t ms);
void admin_write_time(struct json_writer *j, const char *name, uint64_t ms);
/* admin_new_key: a KEK with its first version, into the changes; fills in id, state, version and created. */
enum err admin_new_key(struct admin_call *c, struct record_key *key);
/* admin_write_arn: the ARN of a KEK as a member. */
void admin_write_arn(struct admin_call *c, const char *name, struct bytes tenant,
                     const uint8_t id[RECORD_UUID_BYTES]);
bool admin_name_good(struct bytes b);

#endif
