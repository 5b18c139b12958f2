#include "server/gateway/s3error.h"

#define S3ERROR_ROW(name, status, code, message) [S3E_##name] = {status, code, message},

static const struct {
	unsigned status;
	const char *code;
	const char *message;
} rows[S3E_COUNT] = {
	[S3E_NONE] = {200, "", ""},
	S3ERROR_TABLE(S3ERROR_ROW)
};

unsigned s3error_status(enum s3error e)
{
	return rows[e].status;
}

const char *s3error_code(enum s3error e)
{
	return rows[e].code;
}

const char *s3error_message(enum s3error e)
{
	return rows[e].message;
}

enum s3error s3error_of(enum err e)
{
	switch (e) {
	case OK:
		return S3E_NONE;
	case ERR_INPUT:
		return S3E_INVALID_REQUEST;
	case ERR_LIMIT:
		return S3E_MESSAGE_LENGTH;
	case ERR_AUTH:
	case ERR_DENIED:
		return S3E_ACCESS_DENIED;
	case ERR_CONFLICT:
		return S3E_PRECONDITION_FAILED;
	case ERR_CORRUPT:
		return S3E_OBJECT_CORRUPT;
	case ERR_FULL:
		return S3E_STORAGE_FULL;
	case ERR_NOMEM:
	case ERR_UNAVAILABLE:
	case ERR_TIMEOUT:
		return S3E_SLOW_DOWN;
	case ERR_NOTFOUND:
	case ERR_EXISTS:
	case ERR_IO:
	case ERR_CANCELLED:
	default:
		return S3E_INTERNAL;
	}
}

enum s3error s3error_of_bucket(enum err e)
{
	return e == ERR_NOTFOUND ? S3E_NO_SUCH_BUCKET : s3error_of(e);
}

enum s3error s3error_of_http(unsigned status)
{
	switch (status) {
	case 408:
		return S3E_REQUEST_TIMEOUT;
	case 411:
		return S3E_MISSING_LENGTH;
	case 413:
		return S3E_TOO_LARGE;
	case 431:
		return S3E_MESSAGE_LENGTH;
	case 501:
		return S3E_NOT_IMPLEMENTED;
	case 503:
		return S3E_SLOW_DOWN;
	default:
		return S3E_BAD_REQUEST;
	}
}
