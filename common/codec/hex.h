/* Lower-case hexadecimal. */
#ifndef REMPART_CODEC_HEX_H
#define REMPART_CODEC_HEX_H
#include "common/base/bytes.h"
void hex_write(struct writer *w, struct bytes b);
/* hex_read: text of exactly 2n digits, either case. errors: INPUT */
enum err hex_read(struct bytes text, uint8_t *out, size_t n);
#endif
