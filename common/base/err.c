/* Error codes: their names, and what an errno value means to a caller. */
#include "common/base/err.h"

#include <errno.h>

const char *err_name(enum err e)
{
	switch (e) {
	case OK: return "ok";
	case ERR_NOMEM: return "nomem";
	case ERR_LIMIT: return "limit";
	case ERR_INPUT: return "input";
	case ERR_AUTH: return "auth";
	case ERR_DENIED: return "denied";
	case ERR_NOTFOUND: return "notfound";
	case ERR_EXISTS: return "exists";
	case ERR_CONFLICT: return "conflict";
	case ERR_CORRUPT: return "corrupt";
	case ERR_IO: return "io";
	case ERR_FULL: return "full";
	case ERR_UNAVAILABLE: return "unavailable";
	case ERR_TIMEOUT: return "timeout";
	case ERR_CANCELLED: return "cancelled";
	}
	return "unknown"; /* a number that is no member: still a name, so that a log line comes out */
}

enum err err_from_errno(int errno_value)
{
	switch (errno_value) {
	case ENOSPC:
	case EDQUOT: return ERR_FULL;
	case ENOENT: return ERR_NOTFOUND;
	case EEXIST: return ERR_EXISTS;
	case ENOMEM: return ERR_NOMEM;
	case ETIMEDOUT: return ERR_TIMEOUT;
	default: return ERR_IO;
	}
}
