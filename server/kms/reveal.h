/*
 * The few secrets that an administrator is shown, once: S3 secrets and enrolment secrets. Apart from common/, this is
 * the only place of the KMS that looks into a struct secret.
 */
#ifndef REMPART_KMS_REVEAL_H
#define REMPART_KMS_REVEAL_H
#include "common/base/secret.h"
#include "common/codec/json.h"

enum { REVEAL_S3_SECRET_BYTES = 40 };
/* reveal_s3_secret: a new one, 40 characters of base64, 240 bits. NULL when there is no slot. */
struct secret *reveal_s3_secret(void);
/* reveal_text, reveal_hex: as a member of a JSON answer, which the caller wipes. */
void reveal_text(struct json_writer *j, const char *name, const struct secret *s);
void reveal_hex(struct json_writer *j, const char *name, const struct secret *s);

#endif
