/* The result as one JSON object; names are stable, whatever the language. */
#include "client/auditor/report_text.h"

#include "common/codec/base64.h"
#include "common/codec/date.h"
#include "common/codec/json.h"

enum { TIME_BYTES = 32, ROOT_TEXT_BYTES = 64 };

static const char *const check_names[CHECKS] = {
	[CHECK_SIGNATURE] = "signature", [CHECK_TREE] = "tree",   [CHECK_ENTRIES] = "entries",
	[CHECK_CLOCK] = "clock",         [CHECK_SINCE] = "since", [CHECK_KEYS] = "keys",
};
static const char *const what_names[TALLY_WHATS] = {"issued", "opened", "refused"};

static void write_time(struct json_writer *j, const char *name, uint64_t ns)
{
	char text[TIME_BYTES];
	struct writer w = writer_fixed(text, sizeof(text));

	date_write_iso_ns(&w, ns);
	json_string(j, name, writer_bytes(&w));
}

static const char *check_state(const struct verify_result *r, const struct report_context *c,
                               enum check check)
{
	if (verify_failures(r, check) > 0) {
		return "failed";
	}
	if (check == CHECK_SINCE && !c->since) {
		return "not-asked";
	}
	return check == CHECK_SIGNATURE || r->whole ? "ok" : "not-reached";
}

static void write_found(struct json_writer *j, const struct verify_result *r,
                        const struct report_context *c, bool notes)
{
	json_array_begin(j, notes ? "notes" : "faults");
	for (size_t i = 0; i < FINDINGS; i++) {
		const struct found *found = &r->found[i];
		bool is_note = verify_check_of((enum finding)i) == CHECK_NOTE;
		if (found->count == 0 || is_note != notes) {
			continue;
		}
		json_object_begin(j, NULL);
		json_text(j, "fault", report_finding_name((enum finding)i));
		json_text(j, "text", report_finding(c->lang, (enum finding)i));
		json_u64(j, "count", found->count);
		if (found->examples[0].has_index) {
			json_u64(j, "entry", found->examples[0].index);
		}
		if (found->examples[0].path[0] != 0) {
			json_text(j, "file", found->examples[0].path);
		}
		json_object_end(j);
	}
	json_array_end(j);
}

static void write_counts(struct json_writer *j, const char *name,
                         const uint64_t counts[TALLY_WHATS])
{
	json_object_begin(j, name);
	for (size_t i = 0; i < TALLY_WHATS; i++) {
		json_u64(j, what_names[i], counts[i]);
	}
	json_object_end(j);
}

static void write_tally(struct json_writer *j, const char *name, const struct tally *t)
{
	json_array_begin(j, name);
	for (size_t i = 0; i < t->n; i++) {
		json_object_begin(j, NULL);
		json_string(j, "name", t->rows[i].name);
		write_counts(j, "counts", t->rows[i].counts);
		json_object_end(j);
	}
	json_array_end(j);
}

static void write_checkpoint(struct json_writer *j, const struct verify_result *r)
{
	char root[ROOT_TEXT_BYTES];
	struct writer w = writer_fixed(root, sizeof(root));

	base64_write(&w, bytes_of(r->checkpoint.root, sizeof(r->checkpoint.root)));
	json_string(j, "origin", r->checkpoint.origin);
	json_u64(j, "size", r->checkpoint.size);
	json_string(j, "root", writer_bytes(&w));
}

void report_json(struct writer *w, const struct verify_result *r, const struct report_context *c)
{
	struct json_writer j = json_writer_of(w);

	json_object_begin(&j, NULL);
	json_bool(&j, "good", verify_good(r));
	json_string(&j, "vkey", c->vkey);
	if (r->has_checkpoint) {
		write_checkpoint(&j, r);
	}
	json_u64(&j, "entries", r->entries);
	if (r->entries > 0) {
		write_time(&j, "first", r->first_ns);
		write_time(&j, "last", r->last_ns);
	}
	if (c->since) {
		json_u64(&j, "since_size", r->since_size);
	}
	json_object_begin(&j, "checks");
	for (size_t i = 0; i < CHECKS; i++) {
		json_text(&j, check_names[i], check_state(r, c, (enum check)i));
	}
	json_object_end(&j);
	write_found(&j, r, c, false);
	write_found(&j, r, c, true);
	json_u64(&j, "boots", r->boots);
	json_object_begin(&j, "events");
	for (unsigned i = 0; i < LOGFMT_EVENTS; i++) {
		json_u64(&j, logfmt_event_name((enum logfmt_event)i), r->events[i]);
	}
	json_object_end(&j);
	write_counts(&j, "keys", r->keys);
	write_tally(&j, "by_tenant", &r->by_tenant);
	write_tally(&j, "by_gateway", &r->by_gateway);
	write_tally(&j, "by_reason", &r->by_reason);
	json_object_end(&j);
	write_u8(w, '\n');
}
