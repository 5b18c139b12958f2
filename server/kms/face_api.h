/* The face of the AWS KMS JSON API: POST / on TLS, without client certificates: the signature is the proof. */
#ifndef REMPART_KMS_FACE_API_H
#define REMPART_KMS_FACE_API_H
#include "server/kms/api.h"
#include "server/net/httpd.h"

struct http_service face_api(struct kms *k);

#endif
