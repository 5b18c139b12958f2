/* Dates, proleptic Gregorian, UTC only, no locale, no libc time zone. */
#ifndef REMPART_CODEC_DATE_H
#define REMPART_CODEC_DATE_H
#include "common/base/bytes.h"
void date_write_amz(struct writer *w, uint64_t ms);     /* 20260131T235959Z */
void date_write_iso_ms(struct writer *w, uint64_t ms);  /* 2026-01-31T23:59:59.123Z (S3 XML) */
/* 2026-01-31T23:59:59.123456789Z (key log) */
void date_write_iso_ns(struct writer *w, uint64_t ns);
/* 31/Jan/2026:23:59:59 +0000 (access logs) */
void date_write_log(struct writer *w, uint64_t ms);
/* Sat, 31 Jan 2026 23:59:59 GMT (RFC 9110 5.6.7) */
void date_write_http(struct writer *w, uint64_t ms);
enum err date_read_amz(struct bytes b, uint64_t *ret_ms);
enum err date_read_iso(struct bytes b, uint64_t *ret_ns); /* ...Z, 0 to 9 digits of fraction */
/* the three forms of RFC 9110 5.6.7; the first also with the zone +0000 or -0000 */
enum err date_read_http(struct bytes b, uint64_t *ret_ms);
#endif
