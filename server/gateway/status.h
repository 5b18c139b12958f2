/* The operations listener: /metrics (Prometheus text), /healthz (alive), /readyz (can serve data
 * now). */
#ifndef REMPART_GATEWAY_STATUS_H
#define REMPART_GATEWAY_STATUS_H
#include "server/gateway/gateway.h"
#include "server/net/httpd.h"

struct status_context {
	struct gateway *gateway;
	struct store *store;
	struct httpd *httpd;
};
struct http_service status_service(struct status_context *c);
#endif
