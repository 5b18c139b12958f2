/*
 * The gateway's way to the KMS: calls of concurrent requests travel in one batch.
 *
 * A caller that finds no batch under way becomes the leader: it takes what is queued, sends it as
 * one batch and gives the others their replies; callers meanwhile wait, and the next leader is one
 * of them. A second batch goes beside the first only when the queue is long. So a lone call costs
 * no thread switch, and under load a batch grows by itself while the last one is on its way.
 * Nothing is cached: every use of a key is a call, and so an entry of the key log.
 *
 * Thread: any. Blocks, at most until the deadline plus the time of one exchange with the KMS.
 */
#ifndef REMPART_GATEWAY_KMSCLIENT_H
#define REMPART_GATEWAY_KMSCLIENT_H
#include "common/base/report.h"
#include "common/kmsproto/kmsproto.h"

enum { KMSCLIENT_CONNECTIONS_MAX = 8 };

struct kmsclient;
struct kmsclient_options {
	const char *url;         /* https://kms.example.org:9445 */
	const char *ca;          /* PEM: the KMS's CA; no other is trusted */
	const char *certificate; /* of this gateway */
	const char *key;
	const char *secret_file; /* enrolment secret: 64 hex digits, readable by its owner only */
	unsigned connections;    /* 2 when 0 */
	uint32_t timeout_ms;     /* of one exchange; 10,000 when 0 */
};
enum err kmsclient_new(const struct kmsclient_options *o, struct kmsclient **ret,
                       struct report *ret_report);
void kmsclient_free(struct kmsclient *k); /* NULL-safe; no call may be under way */
/* kmsclient_call: text of the reply is copied to the arena; secrets in it are the caller's
 * (kmsproto_replies_free).
 *   errors  UNAVAILABLE (KMS down, refuses this gateway, answers nonsense), TIMEOUT, NOMEM,
 *           LIMIT (the call is longer than the protocol allows: it was not sent) */
enum err kmsclient_call(struct kmsclient *k, struct arena *a, const struct kmsproto_call *call,
                        uint64_t deadline_ms, struct kmsproto_reply *ret);
struct kmsclient_stats {
	uint64_t calls, batches, failures;
};
void kmsclient_stats(struct kmsclient *k, struct kmsclient_stats *ret);
#endif
