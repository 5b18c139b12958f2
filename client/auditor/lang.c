#include "client/auditor/lang.h"

#include <stdlib.h>
#include <string.h>

static const char *const texts[T_TEXTS][LANG_COUNT] = {
	[T_LOG] = {"Key log", "Journal des clés"},
	[T_SIGNED_BY] = {"Signed by", "Signé par"},
	[T_ENTRIES] = {"Entries", "Entrées"},
	[T_PERIOD] = {"Period", "Période"},
	[T_PERIOD_TO] = {"to", "au"},
	[T_ROOT] = {"Root", "Racine"},
	[T_COMPARED] = {"Compared with a checkpoint of", "Comparé à un point de contrôle de"},
	[T_NONE] = {"none", "aucune"},
	[T_CHECK] = {"Check", "Contrôle"},
	[T_RESULT] = {"Result", "Résultat"},
	[T_OK] = {"ok", "conforme"},
	[T_FAILED] = {"FAILED", "ÉCHEC"},
	[T_NOT_REACHED] = {"not reached", "non atteint"},
	[T_NOT_ASKED] = {"not asked for", "non demandé"},
	[T_CHECK_SIGNATURE] = {"Signature of the checkpoint", "Signature du point de contrôle"},
	[T_CHECK_TREE] = {"Tree: every entry, tile and the root", "Arbre : entrées, tuiles et racine"},
	[T_CHECK_ENTRIES] = {"Entries: canonical, no gap", "Entrées : forme canonique, aucun manque"},
	[T_CHECK_CLOCK] = {"Clock: never back, not in the future", "Horloge : jamais en arrière ni en avance"},
	[T_CHECK_SINCE] = {"Same history as the older checkpoint", "Même histoire que l'ancien point de contrôle"},
	[T_CHECK_KEYS] = {"Data keys: every opening has its issue", "Clés de données : émission avant ouverture"},
	[T_KEYS] = {"Data keys", "Clés de données"},
	[T_ISSUED] = {"issued", "émises"},
	[T_OPENED] = {"opened", "ouvertes"},
	[T_REFUSED] = {"refused", "refus"},
	[T_TOTAL] = {"all", "total"},
	[T_BY_TENANT] = {"By tenant", "Par organisme"},
	[T_BY_GATEWAY] = {"By gateway", "Par passerelle"},
	[T_BY_REASON] = {"Refusals by reason", "Refus par motif"},
	[T_BY_EVENT] = {"Entries by event", "Entrées par événement"},
	[T_OTHERS] = {"(others)", "(autres)"},
	[T_NO_NAME] = {"(none)", "(aucun)"},
	[T_FAULTS] = {"Faults", "Anomalies"},
	[T_NOTES] = {"Notes", "Remarques"},
	[T_MORE] = {"more of this kind", "autres du même genre"},
	[T_GOOD] = {"THE LOG IS GOOD", "LE JOURNAL EST INTÈGRE"},
	[T_BAD] = {"THE LOG DOES NOT VERIFY", "LE JOURNAL N'EST PAS INTÈGRE"},
	[T_PROGRESS] = {"verifying", "vérification"},
	[T_AT_ENTRY] = {"entry", "entrée"},
	[T_PROOF_GOOD] = {"THE PROOF IS GOOD: this entry is in the log",
	                  "LA PREUVE EST VALIDE : cette entrée est dans le journal"},
	[T_PROOF_BAD] = {"the proof does not verify", "la preuve n'est pas valide"},
	[T_UNVERIFIED] = {"rempart-audit: entries as found; `verify` says whether they can be believed",
	                  "rempart-audit : entrées telles quelles ; `verify` dit si elles font foi"},
};

const char *lang_text(enum lang l, enum text t)
{
	return texts[t][l];
}

static enum lang from_environment(void)
{
	static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = secure_getenv(names[i]);
		if (value != NULL && value[0] != 0) {
			return strncmp(value, "fr", 2) == 0 ? LANG_FR : LANG_EN;
		}
	}
	return LANG_EN;
}

enum lang lang_choose(const char *option)
{
	if (option == NULL) {
		return from_environment();
	}
	if (strcmp(option, "fr") == 0) {
		return LANG_FR;
	}
	return strcmp(option, "en") == 0 ? LANG_EN : LANG_COUNT;
}

size_t lang_width(const char *text)
{
	size_t n = 0;

	for (; *text != 0; text++) {
		n += (*text & 0xc0) != 0x80; /* not the later bytes of a character */
	}
	return n;
}
