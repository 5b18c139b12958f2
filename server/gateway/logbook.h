/*
 * Server access logs on their way into buckets. Lines gather in memory, for each bucket and each
 * configuration apart; a thread writes them as objects where the owner said, every few seconds,
 * earlier when much has gathered, and at an orderly stop. What cannot be delivered now stays,
 * within a limit of bytes; what is lost is counted, and a log line says why. A crash loses what is
 * in memory: S3 too promises best effort.
 */
#ifndef REMPART_GATEWAY_LOGBOOK_H
#define REMPART_GATEWAY_LOGBOOK_H
#include "server/gateway/gateway.h"

/* What is to become one object. */
struct logbook_page {
	struct logbook_page *next;
	uint64_t number;         /* of the bucket */
	uint64_t time_ms;        /* of the first line; all are of one day */
	uint64_t lines;
	size_t held;             /* bytes of memory */
	struct bytes bucket, tenant, document; /* behind the struct */
	struct writer text;
};
struct logbook;
struct logbook_options {
	struct gateway *gateway; /* borrowed until logbook_stop */
	/* send: puts a page where it belongs: logsend_page, but for tests. *ret_why says of an
	 * error what to do about it.
	 *   errors  UNAVAILABLE, TIMEOUT, NOMEM, IO, FULL, CANCELLED: perhaps later; others: it
	 *           will not go */
	enum err (*send)(struct gateway *g, const struct logbook_page *page, uint64_t deadline_ms,
	                 const char **ret_why);
	uint64_t pause_ms;       /* between deliveries */
	/* bytes in memory: above it no line is taken; text that grows may go over it once */
	uint64_t held_max;
};
/* logbook_start: errors: NOMEM, UNAVAILABLE (no thread) */
enum err logbook_start(const struct logbook_options *o, struct logbook **ret);
/* logbook_stop: delivers what there is, once, then frees. NULL-safe. Nobody adds any more. */
void logbook_stop(struct logbook *b);
/* logbook_add: one line, of a request to that bucket at time_ms, under that configuration (its
 * document). Never blocks on more than memory; any thread. */
void logbook_add(struct logbook *b, const struct index_bucket *bucket, struct bytes document,
                 uint64_t time_ms, struct bytes line);
/* logbook_hurry: deliver soon: a configuration has changed, and the one before counts for a minute
 * only. */
void logbook_hurry(struct logbook *b);
/* logbook_lose: a line that could not even be added. */
void logbook_lose(struct logbook *b, uint64_t lines);
struct logbook_stats {
	uint64_t lines, lost, objects, held; /* held: bytes */
};
void logbook_stats(struct logbook *b, struct logbook_stats *ret);

/* logsend_page (logsend.c): into the target bucket, with a key from the KMS. */
enum err logsend_page(struct gateway *g, const struct logbook_page *page, uint64_t deadline_ms,
                      const char **ret_why);

#endif
