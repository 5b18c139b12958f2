#include "server/gateway/gateway.h"

#include "common/base/clock.h"
#include "common/base/log.h"

enum { UNLOCK_ARENA_BYTES = 64 << 10 };

enum err gateway_unlock(struct gateway *g, uint64_t deadline_ms)
{
	const struct kmsproto_call call = {.kind = KMSPROTO_INDEX_KEY};
	struct kmsproto_reply reply = {0};
	if (vault_unlocked(g->vault)) {
		return OK;
	}
	struct arena *a AUTO(arena_freep) = arena_new(UNLOCK_ARENA_BYTES);
	if (a == NULL) {
		return ERR_NOMEM;
	}
	TRY(kmsclient_call(g->kms, a, &call, deadline_ms, &reply));
	enum err e = reply.verdict == KMSPROTO_OK && reply.index_key != NULL
	                     ? vault_unlock(g->vault, reply.index_key)
	                     : ERR_UNAVAILABLE;
	kmsproto_replies_free(&reply, 1);
	if (e == OK) {
		LOG(LOG_INFO, "index.unlocked", LOG_STR("by", "kms"));
	} else if (e != ERR_UNAVAILABLE) {
		LOG(LOG_ERROR, "index.unlock", LOG_ERR(e),
		    LOG_STR("do", "this index was made with another key: point [kms] at the KMS "
		                  "and enrolment that it belongs to"));
	}
	return e;
}

bool gateway_copy_begin(struct gateway *g)
{
	if (atomic_fetch_add(&g->copies, 1) < g->copies_max) {
		return true;
	}
	atomic_fetch_sub(&g->copies, 1);
	return false;
}

bool gateway_text_take(struct gateway *g, uint64_t n)
{
	if (atomic_fetch_add(&g->text, n) + n <= GATEWAY_TEXT_MAX) {
		return true;
	}
	atomic_fetch_sub(&g->text, n);
	return false;
}

void gateway_text_give(struct gateway *g, uint64_t n)
{
	atomic_fetch_sub(&g->text, n);
}

void gateway_copy_end(struct gateway *g)
{
	atomic_fetch_sub(&g->copies, 1);
}
