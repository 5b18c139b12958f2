/* The result of a verification, for a person and for a program. */
#ifndef REMPART_AUDITOR_REPORT_TEXT_H
#define REMPART_AUDITOR_REPORT_TEXT_H
#include "client/auditor/lang.h"
#include "client/auditor/verify.h"

struct report_context {
	enum lang lang;
	bool colour;
	struct bytes vkey;
	bool since;     /* an older checkpoint was given */
};
/* report_text, report_json: append to w. The tallies are sorted. */
void report_text(struct writer *w, const struct verify_result *r, const struct report_context *c);
void report_json(struct writer *w, const struct verify_result *r, const struct report_context *c);
/* report_finding: what a finding means, a sentence. */
const char *report_finding(enum lang l, enum finding f);
/* report_finding_name: a stable word for programs: "tile-differs". */
const char *report_finding_name(enum finding f);
#endif
