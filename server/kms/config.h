/* The configuration of rempart-kms: `rempart-kms --config FILE`. Every key is explained in README.md. */
#ifndef REMPART_KMS_CONFIG_H
#define REMPART_KMS_CONFIG_H
#include "server/conf/conf.h"

struct kms_face {
	struct conf_listen listen; /* port 0: not configured */
	char certificate[CONF_TEXT_BYTES];
	char key[CONF_TEXT_BYTES];
	char client_ca[CONF_TEXT_BYTES]; /* not of aws: there the signature is the proof */
};
struct kms_config {
	char state_dir[CONF_TEXT_BYTES];
	char origin[CONF_TEXT_BYTES];
	char region[CONF_TEXT_BYTES];
	char log_dir[CONF_TEXT_BYTES];
	char log_fence[CONF_TEXT_BYTES];
	char passphrase_file[CONF_TEXT_BYTES]; /* empty: none */
	bool anonymous;  /* what an owner's policy or ACL gives to everybody needs no signature */
	bool post_sigv2; /* HMAC-SHA-1 may sign the policy of a form */
	struct kms_face gateway;
	struct kms_face admin;
	struct kms_face aws;
	struct conf_listen ops;
};
/* config_load: read and check. errors: INPUT, NOTFOUND, DENIED, IO; ret_report is one line for a person. */
enum err config_load(const char *path, struct kms_config *ret, struct report *ret_report);

#endif
