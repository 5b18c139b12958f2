#include "client/cli/messages.h"

static const struct {
	const char *en, *fr;
} table[MSG_COUNT] = {
	[MSG_ASK] = {"Passphrase: ", "Phrase secrète : "},
	[MSG_ASK_NEW] = {"New passphrase: ", "Nouvelle phrase secrète : "},
	[MSG_ASK_AGAIN] = {"The same again: ", "Encore une fois : "},
	[MSG_DIFFER] = {"the two passphrases differ; nothing was changed",
	                "les deux phrases diffèrent ; rien n'a été modifié"},
	[MSG_EMPTY] = {"an empty passphrase protects nothing; nothing was changed",
	               "une phrase vide ne protège rien ; rien n'a été modifié"},
	[MSG_CANCELLED] = {"cancelled; nothing was changed", "abandon ; rien n'a été modifié"},
	[MSG_INITIALISED] = {"The KMS is initialised and open.", "Le KMS est initialisé et ouvert."},
	[MSG_UNSEALED] = {"The KMS is open.", "Le KMS est ouvert."},
	[MSG_SEALED] = {"The KMS is sealed: no key can be used until it is unsealed.",
	                "Le KMS est scellé : aucune clé n'est utilisable avant son ouverture."},
	[MSG_KEEP] = {"Keep the passphrase in two safe places: without it every object is lost.",
	              "Gardez la phrase secrète en deux lieux sûrs : sans elle, tout est perdu."},
	[MSG_VKEY] = {"Log key", "Clé du journal"},
	[MSG_STATE] = {"State", "État"},
	[MSG_STATE_UNINITIALISED] = {"not initialised", "non initialisé"},
	[MSG_STATE_SEALED] = {"sealed", "scellé"},
	[MSG_STATE_OPEN] = {"open", "ouvert"},
	[MSG_DO_INIT] = {"next: rempart init", "ensuite : rempart init"},
	[MSG_DO_UNSEAL] = {"next: rempart unseal", "ensuite : rempart unseal"},
	[MSG_VERSION] = {"Version", "Version"},
	[MSG_ORIGIN] = {"Log origin", "Origine du journal"},
	[MSG_STARTED] = {"Run", "Exécution"},
	[MSG_LOG_SIZE] = {"Log entries", "Entrées du journal"},
	[MSG_LOG_PUBLISHED] = {"published", "dont publiées"},
	[MSG_TENANTS] = {"Tenants", "Locataires"},
	[MSG_USERS] = {"Users", "Utilisateurs"},
	[MSG_ACCESS_KEYS] = {"Access keys", "Clés d'accès"},
	[MSG_KEYS] = {"Keys", "Clés"},
	[MSG_GATEWAYS] = {"Gateways", "Passerelles"},
	[MSG_BAD_PASSPHRASE] = {"wrong passphrase; the KMS stays sealed",
	                        "phrase secrète incorrecte ; le KMS reste scellé"},
	[MSG_ALREADY] = {"the KMS is initialised already; to open it: rempart unseal",
	                 "le KMS est déjà initialisé ; pour l'ouvrir : rempart unseal"},
	[MSG_NOT_INITIALISED] = {"the KMS is not initialised yet; first: rempart init",
	                         "le KMS n'est pas encore initialisé ; d'abord : rempart init"},
};

const char *message(const struct cli *c, enum message m)
{
	return c->french ? table[m].fr : table[m].en;
}
