#include "client/auditor/verify_entry.h"

#include <string.h>

/* How far the log's clock may be ahead of the auditor's. */
static const uint64_t ahead_max_ns = UINT64_C(5) * 60 * 1000000000;

static void note_at(struct entry_check *c, struct verify_result *r, enum finding f)
{
	verify_found(r, f, &c->index, NULL);
}

static void check_clock(struct entry_check *c, struct verify_result *r, uint64_t time_ns)
{
	if (time_ns < c->time_ns) {
		note_at(c, r, FOUND_CLOCK_BACK);
	}
	if (time_ns > c->now_ns && time_ns - c->now_ns > ahead_max_ns) {
		note_at(c, r, FOUND_CLOCK_AHEAD);
	}
	if (c->index == 0) {
		r->first_ns = time_ns;
	}
	r->last_ns = time_ns;
	c->time_ns = time_ns;
}

/* Each run of the service begins with a start and should end with a stop. */
static void check_boot(struct entry_check *c, struct verify_result *r,
                       const struct logfmt_entry *e)
{
	bool other = c->index == 0 || memcmp(c->boot, e->boot, sizeof(c->boot)) != 0;

	if (other) {
		r->boots++;
		if (e->event != LOGFMT_START) {
			note_at(c, r, FOUND_NO_START);
		}
		if (c->index > 0 && c->event != LOGFMT_STOP) {
			note_at(c, r, FOUND_UNCLEAN_STOP);
		}
	}
	memcpy(c->boot, e->boot, sizeof(c->boot));
	c->event = e->event;
}

static enum err check_keys(struct entry_check *c, struct verify_result *r,
                           const struct logfmt_entry *e)
{
	for (size_t i = 0; i < e->n_keys; i++) {
		const struct logfmt_key *k = &e->keys[i];
		enum tally_what what = k->use == LOGFMT_ISSUED ? TALLY_ISSUED : TALLY_OPENED;
		bool known = true;
		if (what == TALLY_OPENED) {
			TRY(issued_has(c->issued, k, &known));
		} else if (bytes_is(e->result, "ok")) {
			TRY(issued_add(c->issued, k));
		}
		if (!known) {
			note_at(c, r, FOUND_KEY_NOT_ISSUED);
		}
		r->keys[what]++;
		tally_add(&r->by_tenant, e->tenant, what, 1);
		tally_add(&r->by_gateway, e->gateway, what, 1);
	}
	return OK;
}

static void count_refusal(struct verify_result *r, const struct logfmt_entry *e)
{
	if (bytes_is(e->result, "ok")) {
		return;
	}
	r->keys[TALLY_REFUSED]++;
	tally_add(&r->by_tenant, e->tenant, TALLY_REFUSED, 1);
	tally_add(&r->by_gateway, e->gateway, TALLY_REFUSED, 1);
	tally_add(&r->by_reason, e->result, TALLY_REFUSED, 1);
}

enum err verify_entry(struct entry_check *c, struct verify_result *r, struct bytes line)
{
	struct logfmt_entry e;

	arena_reset(c->arena);
	if (logfmt_entry_read(c->arena, line, &e) != OK) {
		note_at(c, r, FOUND_ENTRY_FORM);
		c->index++;
		return OK;
	}
	if (e.seq != c->index) {
		note_at(c, r, FOUND_ENTRY_SEQ);
	}
	check_clock(c, r, e.time_ns);
	check_boot(c, r, &e);
	r->events[e.event]++;
	count_refusal(r, &e);
	TRY(check_keys(c, r, &e));
	c->index++;
	return OK;
}
