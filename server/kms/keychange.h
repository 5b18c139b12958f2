/*
 * Changes of KEKs and their aliases, collected for keystore_apply: for administrators and for the AWS KMS API.
 * Thread: the one worker.
 */
#ifndef REMPART_KMS_KEYCHANGE_H
#define REMPART_KMS_KEYCHANGE_H
#include "server/kms/kms.h"

/* keychange_new: a KEK with its first version and, if it has one, its alias. Fills in id, state, version and created.
 * errors: EXISTS (the alias), those of the store */
enum err keychange_new(struct kms *k, struct keystore_changes *c, struct record_key *key);
/* keychange_put: the record. keychange_version: key material for key->version. */
enum err keychange_put(struct kms *k, struct keystore_changes *c, const struct record_key *key);
enum err keychange_version(struct kms *k, struct keystore_changes *c, const struct record_key *key);
/* keychange_alias: an alias (without "alias/") of the key's tenant now names the key; what it named before is not looked at.
 * keychange_alias_find: which key it names. errors: NOTFOUND, CORRUPT, those of the store. keychange_alias_remove. */
enum err keychange_alias(struct kms *k, struct keystore_changes *c, struct bytes alias,
                         const struct record_key *key);
enum err keychange_alias_find(struct kms *k, struct arena *a, struct bytes tenant,
                              struct bytes alias, uint8_t ret_id[RECORD_UUID_BYTES]);
enum err keychange_alias_remove(struct keystore_changes *c, struct bytes tenant,
                                struct bytes alias);

#endif
