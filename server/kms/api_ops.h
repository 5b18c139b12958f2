/* The handlers of api.c's table, and what they share. Inside of the AWS KMS API only. */
#ifndef REMPART_KMS_API_OPS_H
#define REMPART_KMS_API_OPS_H
#include "common/crypto/wrap.h"
#include "server/kms/api.h"

struct api_call {
	struct kms *k;
	struct arena *a;                 /* of the request */
	struct json *in;
	struct json_writer *out;         /* members of the answer go here */
	struct bytes tenant;             /* who asks; proven */
	struct keystore_changes changes; /* applied after the entry is durable */
	struct logfmt_entry entry;
	struct bytes message;            /* when refused; p NULL: the usual one */
	struct writer plain;             /* plaintext of the user, growing; wiped at the end */
};

enum api_error api_generate_data_key(struct api_call *c);
enum api_error api_generate_data_key_without_plaintext(struct api_call *c);
enum api_error api_generate_random(struct api_call *c);
enum api_error api_encrypt(struct api_call *c);
enum api_error api_decrypt(struct api_call *c);
enum api_error api_re_encrypt(struct api_call *c);
enum api_error api_create_key(struct api_call *c);
enum api_error api_describe_key(struct api_call *c);
enum api_error api_list_keys(struct api_call *c);
enum api_error api_enable_key(struct api_call *c);
enum api_error api_disable_key(struct api_call *c);
enum api_error api_update_key_description(struct api_call *c);
enum api_error api_rotate_key_on_demand(struct api_call *c);
enum api_error api_get_key_rotation_status(struct api_call *c);
enum api_error api_create_alias(struct api_call *c);
enum api_error api_update_alias(struct api_call *c);
enum api_error api_delete_alias(struct api_call *c);
enum api_error api_list_aliases(struct api_call *c);

/* api_refuse: the message is before, name (cut to 256 bytes), after. api_invalid: ValidationException about a member. */
enum api_error api_refuse(struct api_call *c, enum api_error e, const char *before,
                          struct bytes name, const char *after);
enum api_error api_invalid(struct api_call *c, const char *member, const char *constraint);
/* api_fault: an error of the store or the libraries, logged; UNAVAILABLE. OK gives API_OK. */
enum api_error api_fault(struct api_call *c, enum err e, const char *where);

/* Members of the request. Absent is not an error unless said: then *ret is empty with p NULL. */
enum api_error api_text(struct api_call *c, const char *member, size_t max, struct bytes *ret);
enum api_error api_number(struct api_call *c, const char *member, uint64_t max, uint64_t *ret); /* 1..max; 0: absent */
enum api_error api_flag(struct api_call *c, const char *member, bool *ret);
/* api_blob: base64, 1..max bytes, must be there; appended to w. The text in the request is wiped. */
enum api_error api_blob(struct api_call *c, const char *member, size_t max, struct writer *w);
/* api_only: when the member is there it must be this word; else `e`. */
enum api_error api_only(struct api_call *c, const char *member, const char *word, enum api_error e);
/* api_none: the member must be absent, or an empty list or map. */
enum api_error api_none(struct api_call *c, const char *member, enum api_error e);
/* api_context: an encryption context in its canonical form (AWS-API.md), in the arena. */
enum api_error api_context(struct api_call *c, const char *member, struct bytes *ret);

/* api_key: the key that a member names, of the caller's tenant. With `alias` false only a key id or a key ARN will do. */
enum api_error api_key(struct api_call *c, const char *member, bool alias, struct record_key *ret);
/* api_about: the entry's detail: the key's ARN and what happens to it. */
enum api_error api_about(struct api_call *c, const struct record_key *key, const char *what);
/* api_write_arn, api_write_id, api_write_base64: members of the answer. */
void api_write_arn(struct api_call *c, const char *name, const uint8_t id[RECORD_UUID_BYTES]);
void api_write_id(struct api_call *c, const char *name, const uint8_t id[RECORD_UUID_BYTES]);
void api_write_base64(struct api_call *c, const char *name, struct bytes b);

/* A page of a list: `limit` rows behind the marker. */
struct api_page {
	uint64_t limit;
	struct bytes marker;      /* the key of the last row that was given; p NULL: from the start */
	uint64_t given;
	struct bytes last;        /* the key of the last row; in `memory` */
	bool truncated;
	uint8_t memory[RECORD_NAME_MAX + RECORD_UUID_BYTES];
};
/* api_page_begin: Limit and Marker. api_page_row: does this row belong on it? ERR_CANCELLED: it is full, stop.
 * ERR_NOTFOUND: it stands before. api_page_end: Truncated and NextMarker. */
enum api_error api_page_begin(struct api_call *c, struct api_page *ret, uint64_t limit);
enum err api_page_row(struct api_page *p, struct bytes key);
void api_page_end(struct api_call *c, const struct api_page *p);

#endif
