/* What rempart-audit says, in English and French. One row for each text, so none can lack a
 * language. */
#ifndef REMPART_AUDITOR_LANG_H
#define REMPART_AUDITOR_LANG_H
#include <stddef.h>

enum lang { LANG_EN, LANG_FR, LANG_COUNT };

enum text {
	T_LOG, T_SIGNED_BY, T_ENTRIES, T_PERIOD, T_PERIOD_TO, T_ROOT, T_COMPARED, T_NONE,
	T_CHECK, T_RESULT, T_OK, T_FAILED, T_NOT_REACHED, T_NOT_ASKED,
	T_CHECK_SIGNATURE, T_CHECK_TREE, T_CHECK_ENTRIES, T_CHECK_CLOCK, T_CHECK_SINCE, T_CHECK_KEYS,
	T_KEYS, T_ISSUED, T_OPENED, T_REFUSED, T_TOTAL, T_BY_TENANT, T_BY_GATEWAY, T_BY_REASON,
	T_BY_EVENT, T_OTHERS, T_NO_NAME, T_FAULTS, T_NOTES, T_MORE, T_GOOD, T_BAD, T_PROGRESS, T_AT_ENTRY,
	T_UNVERIFIED, T_PROOF_GOOD, T_PROOF_BAD,
	T_TEXTS,
};

const char *lang_text(enum lang l, enum text t);
/* lang_choose: from the option (NULL: the environment LC_ALL, LC_MESSAGES, LANG). LANG_COUNT: not a
 * language. */
enum lang lang_choose(const char *option);
/* lang_width: columns that a UTF-8 text of our own takes. */
size_t lang_width(const char *text);
#endif
