/*
 * The daemons' own log: one JSON object a line on standard error. Called by server/ and the mains
 * at the place that first detects a fault; common/ never logs. Field values are data, escaped; no
 * secret, no plaintext, no object name at levels above DEBUG. Any thread; one write(2) a line.
 *
 *   LOG(LOG_ERROR, "store.write", LOG_STR("path", path), LOG_ERRNO(errno),
 *       LOG_STR("do", "free space or enlarge the volume"));
 */
#ifndef REMPART_BASE_LOG_H
#define REMPART_BASE_LOG_H

#include "common/base/attr.h"
#include "common/base/bytes.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_type { LOG_TYPE_BYTES, LOG_TYPE_U64, LOG_TYPE_ERRNO, LOG_TYPE_ERR };

struct log_field {
	const char *name;
	enum log_type type;
	struct bytes bytes;
	uint64_t number;
};

#define LOG_STR(name_, text_)    {(name_), LOG_TYPE_BYTES, bytes_text(text_), 0}
#define LOG_BYTES(name_, bytes_) {(name_), LOG_TYPE_BYTES, (bytes_), 0}
#define LOG_U64(name_, value_)   {(name_), LOG_TYPE_U64, {NULL, 0}, (uint64_t)(value_)}
#define LOG_ERRNO(value_)        {"errno", LOG_TYPE_ERRNO, {NULL, 0}, (uint64_t)(value_)}
#define LOG_ERR(value_)          {"error", LOG_TYPE_ERR, {NULL, 0}, (uint64_t)(value_)}

#define LOG(level_, event_, ...)                                                                   \
	do {                                                                                       \
		const struct log_field log_fields_[] = {__VA_ARGS__};                              \
		log_write((level_), (event_), log_fields_, COUNT(log_fields_));                    \
	} while (0)

void log_write(enum log_level level, const char *event, const struct log_field *fields, size_t n);
/* log_threshold: lines below `level` are dropped. Default LOG_INFO. Call before threads. */
void log_threshold(enum log_level level);

#endif
