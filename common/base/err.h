/*
 * One error code per decision that a caller can take. Text for people is made where the error is
 * first detected (base/log on a server, base/report in a tool); later frames only pass the code on.
 */
#ifndef REMPART_BASE_ERR_H
#define REMPART_BASE_ERR_H

enum [[nodiscard]] err {
	OK = 0,
	ERR_NOMEM,       /* no memory: refuse this request, keep serving */
	/* a limit of limits.h or of the protocol: refuse, the peer must send less */
	ERR_LIMIT,
	ERR_INPUT,       /* malformed bytes from outside */
	ERR_AUTH,        /* not who he says he is */
	ERR_DENIED,      /* known, but not allowed */
	ERR_NOTFOUND,    /* no such thing */
	ERR_EXISTS,      /* such a thing is there already */
	ERR_CONFLICT,    /* a condition of the caller does not hold */
	ERR_CORRUPT,     /* stored bytes fail verification: never serve, never guess */
	ERR_IO,          /* the disk or the system failed */
	ERR_FULL,        /* no space left */
	ERR_UNAVAILABLE, /* a peer is down or sealed: ask again later */
	ERR_TIMEOUT,     /* the deadline passed */
	ERR_CANCELLED,   /* the caller went away */
};

/* TRY: pass an error on. The only macro of this project that changes control flow. */
#define TRY(expression)                                                                            \
	do {                                                                                       \
		enum err try_result_ = (expression);                                               \
		if (try_result_ != OK) {                                                           \
			return try_result_;                                                        \
		}                                                                                  \
	} while (0)

/* err_name: a short stable word for logs and tests ("corrupt"). Never NULL. */
const char *err_name(enum err e);

/* err_from_errno: the code for a failed system call (ENOSPC, EDQUOT -> FULL; ENOENT -> NOTFOUND;
 * EEXIST -> EXISTS; ENOMEM -> NOMEM; ETIMEDOUT -> TIMEOUT; everything else -> IO). */
enum err err_from_errno(int errno_value);

#endif
