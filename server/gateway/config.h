/* gateway.ini, read and checked. */
#ifndef REMPART_GATEWAY_CONFIG_H
#define REMPART_GATEWAY_CONFIG_H
#include "server/conf/conf.h"

struct gateway_config {
	char region[CONF_TEXT_BYTES];
	char domains[CONF_TEXT_BYTES];
	uint64_t workers;
	bool access_log;
	struct conf_listen s3;                /* clear text, loopback only; port 0: none */
	struct conf_listen s3_tls;
	char certificate[CONF_TEXT_BYTES], key[CONF_TEXT_BYTES];
	char store_dir[CONF_TEXT_BYTES];
	uint64_t blob_size_bytes;
	uint64_t collect_s, orphan_age_s;
	char index_dir[CONF_TEXT_BYTES];
	uint64_t index_size_max_bytes;
	char kms_url[CONF_TEXT_BYTES], kms_ca[CONF_TEXT_BYTES];
	char kms_certificate[CONF_TEXT_BYTES], kms_key[CONF_TEXT_BYTES];
	char kms_secret[CONF_TEXT_BYTES];
	uint64_t kms_timeout_ms;
	uint64_t day_s;
	uint64_t logging_s, logging_bytes;
	struct conf_listen ops;
	uint64_t connections_max, buffer_bytes, drain_s;
};
/* gateway_config_load: errors INPUT, NOTFOUND, DENIED, IO; the line for a person is in
 * ret_report. */
enum err gateway_config_load(const char *path, struct gateway_config *ret,
                             struct report *ret_report);
#endif
