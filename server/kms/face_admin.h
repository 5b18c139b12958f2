/* The administrators' face: POST /admin/v1 (ADMIN-API.md), on mTLS, on its own listener. Steps run on the one worker. */
#ifndef REMPART_KMS_FACE_ADMIN_H
#define REMPART_KMS_FACE_ADMIN_H
#include "server/kms/admin.h"
#include "server/net/httpd.h"

struct http_service face_admin(struct kms *k);

#endif
