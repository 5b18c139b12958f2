/* The findings in words: a stable name for programs, a sentence in each language for people. */
#include "client/auditor/report_text.h"

struct words {
	const char *name;
	const char *text[LANG_COUNT];
};

static const struct words words[FINDINGS] = {
	[FOUND_CHECKPOINT_MISSING] = {"checkpoint-missing", {
		"there is no checkpoint",
		"il n'y a pas de point de contrôle"}},
	[FOUND_CHECKPOINT_FORM] = {"checkpoint-form", {
		"the checkpoint is not a signed note",
		"le point de contrôle n'est pas une note signée"}},
	[FOUND_CHECKPOINT_SIGNATURE] = {"checkpoint-signature", {
		"the checkpoint has no good signature of this key",
		"le point de contrôle ne porte pas de signature valide de cette clé"}},
	[FOUND_CHECKPOINT_ORIGIN] = {"checkpoint-origin", {
		"the checkpoint is of another log than the key",
		"le point de contrôle est celui d'un autre journal que la clé"}},
	[FOUND_BUNDLE_MISSING] = {"bundle-missing", {
		"entries are missing from here on",
		"des entrées manquent à partir d'ici"}},
	[FOUND_BUNDLE_FORM] = {"bundle-form", {
		"a bundle of entries is cut, too long or malformed; nothing behind it was read",
		"un lot d'entrées est coupé, trop long ou mal formé ; la suite n'a pas été lue"}},
	[FOUND_TILE_MISSING] = {"tile-missing", {
		"a tile is missing",
		"une tuile manque"}},
	[FOUND_TILE_DIFFERS] = {"tile-differs", {
		"a tile is not what the entries give: one of them was changed",
		"une tuile ne correspond pas aux entrées : l'une ou l'autre a été modifiée"}},
	[FOUND_PARTIAL_DIFFERS] = {"partial-differs", {
		"an earlier partial file does not fit the later one",
		"un ancien fichier partiel ne correspond pas au suivant"}},
	[FOUND_ROOT] = {"root", {
		"the entries do not give the signed root: they were changed, or others were signed",
		"les entrées ne donnent pas la racine signée : elles ont été modifiées"}},
	[FOUND_ENTRY_FORM] = {"entry-form", {
		"an entry is not in canonical form",
		"une entrée n'est pas sous forme canonique"}},
	[FOUND_ENTRY_SEQ] = {"entry-seq", {
		"an entry does not carry its own number",
		"une entrée ne porte pas son propre numéro"}},
	[FOUND_CLOCK_BACK] = {"clock-back", {
		"the time goes back",
		"l'heure recule"}},
	[FOUND_CLOCK_AHEAD] = {"clock-ahead", {
		"the time is more than 5 minutes in the future",
		"l'heure est à plus de 5 minutes dans le futur"}},
	[FOUND_SINCE_SIGNATURE] = {"since-signature", {
		"the older checkpoint is not a good one of this log",
		"l'ancien point de contrôle n'est pas un point valide de ce journal"}},
	[FOUND_SINCE_LARGER] = {"since-larger", {
		"the log was longer when the older checkpoint was kept: entries were removed",
		"le journal était plus long à l'ancien point de contrôle : des entrées ont disparu"}},
	[FOUND_SINCE_ROOT] = {"since-root", {
		"the first entries are not those that the older checkpoint signed: the log was rewritten",
		"les premières entrées ne sont pas celles signées alors : le journal a été réécrit"}},
	[FOUND_KEY_NOT_ISSUED] = {"key-not-issued", {
		"a data key was opened that this log never issued",
		"une clé de données a été ouverte sans avoir été émise dans ce journal"}},
	[FOUND_UNCLEAN_STOP] = {"unclean-stop", {
		"the run before ended without a stop (crash or power loss)",
		"l'exécution précédente s'est terminée sans arrêt (panne ou coupure)"}},
	[FOUND_NO_START] = {"no-start", {
		"a run does not begin with a start",
		"une exécution ne commence pas par un démarrage"}},
};

const char *report_finding(enum lang l, enum finding f)
{
	return words[f].text[l];
}

const char *report_finding_name(enum finding f)
{
	return words[f].name;
}
