/* Base64, RFC 4648 section 4: standard alphabet, padding required, no white space, strict tail
 * bits. */
#ifndef REMPART_CODEC_BASE64_H
#define REMPART_CODEC_BASE64_H
#include "common/base/bytes.h"
void base64_write(struct writer *w, struct bytes b);
/* base64_read: decode into w. errors: INPUT (not base64), LIMIT (w is full) */
enum err base64_read(struct bytes text, struct writer *w);
#endif
