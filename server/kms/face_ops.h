/*
 * The operations face, clear text on loopback: GET /metrics (Prometheus), /healthz (the process serves), /readyz (open, and
 * the log takes entries). Has a worker of its own, so that it answers while the other one derives a key.
 */
#ifndef REMPART_KMS_FACE_OPS_H
#define REMPART_KMS_FACE_OPS_H
#include "server/kms/kms.h"
#include "server/net/httpd.h"

struct http_service face_ops(struct kms *k);

#endif
