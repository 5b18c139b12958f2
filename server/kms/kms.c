#include "server/kms/kms.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/attr.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/crypto/sign.h"
#include "common/logfmt/note.h"
#include "server/kms/rootkey.h"

enum {
	PUBLISH_MS = 1000,
	RESERVE_BYTES = 1 << 20,
	PATH_BYTES = 512,
};

/* --- the log --- */

enum err kms_append(struct kms *k, struct logfmt_entry *entry)
{
	enum err e = keylog_append(k->log, entry);

	if (e != OK) {
		LOG(LOG_ERROR, "kms.entry_refused", LOG_ERR(e),
		    LOG_STR("event", logfmt_event_name(entry->event)),
		    LOG_STR("do", "see the lines of the key log; no key leaves without an entry"));
		return e;
	}
	memcpy(k->boot, entry->boot, sizeof(k->boot));
	return OK;
}

static void count_log(struct kms *k)
{
	atomic_store_explicit(&k->metrics.log_size, keylog_size(k->log), memory_order_relaxed);
	atomic_store_explicit(&k->metrics.log_published, keylog_published(k->log),
	                      memory_order_relaxed);
}

enum err kms_sync(struct kms *k)
{
	enum err e = keylog_sync(k->log);

	if (e != OK) {
		k->batch_error = e;
	}
	return e;
}

enum err kms_commit(void *context)
{
	struct kms *k = context;
	enum err e = k->batch_error;

	if (e == OK) {
		e = keylog_sync(k->log);
	}
	k->batch_error = OK;
	atomic_store(&k->log_good, e == OK);
	if (e != OK) {
		metrics_count(&k->metrics.commits_failed);
		LOG(LOG_ERROR, "kms.not_durable", LOG_ERR(e),
		    LOG_STR("do", "free space on the log's volume or replace the disk; requests are "
		                  "refused until entries are durable again"));
	}
	count_log(k);
	return e;
}

static enum err append_simple(struct kms *k, enum logfmt_event event, struct bytes result,
                              struct bytes detail)
{
	struct logfmt_entry entry = {
		.event = event,
		.result = result,
		.detail = detail,
	};

	TRY(kms_append(k, &entry));
	return keylog_sync(k->log);
}

/* --- open and close --- */

static enum err open_parts(struct kms *k, struct report *ret_report)
{
	const struct keylog_options log = {
		.dir = k->config->log_dir,
		.fence = k->config->log_fence,
		.origin = k->config->origin,
		.publish_ms = PUBLISH_MS,
		.reserve_bytes = RESERVE_BYTES,
	};

	k->scratch = arena_new(KMS_SCRATCH_BYTES);
	if (k->scratch == NULL || identity_init(&k->identity) != OK ||
	    keyring_init(&k->keyring) != OK || tokens_init(&k->tokens) != OK ||
	    policies_init(&k->policies) != OK) {
		return report_set(ret_report, ERR_NOMEM, (const char *[]){"no memory", NULL});
	}
	TRY(keystore_open(k->config->state_dir, &k->store, ret_report));
	return keylog_open(&log, &k->log, ret_report);
}

static void close_parts(struct kms *k)
{
	keylog_close(k->log);
	gateways_forget(&k->gateways);
	identity_free(&k->identity);
	keyring_free(&k->keyring);
	tokens_free(&k->tokens);
	policies_free(&k->policies);
	keystore_close(k->store);
	arena_free(k->scratch);
	k->log = NULL;
	k->store = NULL;
	k->scratch = NULL;
}

static enum err find_state(struct kms *k, struct report *ret_report)
{
	struct bytes record;
	enum err e = keystore_get_clear(k->store, k->scratch, BYTES("root"), &record);

	arena_reset(k->scratch);
	if (e != OK && e != ERR_NOTFOUND) {
		return report_set(ret_report, e,
		                  (const char *[]){k->config->state_dir,
		                                   ": cannot be read; check the disk", NULL});
	}
	atomic_store(&k->state, e == OK ? KMS_SEALED : KMS_UNINITIALISED);
	return OK;
}

enum err kms_open(const struct kms_config *config, struct kms *k, struct report *ret_report)
{
	memset(k, 0, sizeof(*k));
	k->config = config;
	enum err e = open_parts(k, ret_report);
	if (e == OK) {
		e = find_state(k, ret_report);
	}
	if (e == OK) {
		e = append_simple(k, LOGFMT_START, BYTES("ok"), BYTES("rempart-kms " KMS_VERSION));
		if (e != OK) {
			(void)report_set(ret_report, e, (const char *[]){
				config->log_dir, ": the start entry cannot be written; check space, ",
				"owner and mode", NULL});
		}
	}
	if (e != OK) {
		close_parts(k);
		return e;
	}
	atomic_store(&k->log_good, true);
	count_log(k);
	return OK;
}

void kms_close(struct kms *k)
{
	if (k->log != NULL && append_simple(k, LOGFMT_STOP, BYTES("ok"), (struct bytes){0}) != OK) {
		LOG(LOG_ERROR, "kms.stop_not_logged",
		    LOG_STR("do", "expect a start entry without a stop entry before it"));
	}
	close_parts(k);
}

/* --- states --- */

const char *kms_state_name(enum kms_state s)
{
	switch (s) {
	case KMS_UNINITIALISED:
		return "uninitialised";
	case KMS_SEALED:
		return "sealed";
	case KMS_OPEN:
		return "open";
	}
	return "unknown";
}

enum err kms_forget(struct kms *k)
{
	identity_forget(&k->identity);
	keyring_forget(&k->keyring);
	tokens_forget(&k->tokens);
	return gateways_load(k);
}

void kms_seal(struct kms *k)
{
	if (keylog_signer(k->log, NULL) != OK) {
		LOG(LOG_WARN, "kms.signer", LOG_STR("do", "see the lines of the key log"));
	}
	identity_forget(&k->identity);
	keyring_forget(&k->keyring);
	tokens_forget(&k->tokens);
	gateways_forget(&k->gateways);
	keystore_lock(k->store);
	arena_reset(k->scratch);
	if (atomic_load(&k->state) == KMS_OPEN) {
		atomic_store(&k->state, KMS_SEALED);
	}
}

static enum err read_seed(struct kms *k, struct secret **ret)
{
	struct bytes key = BYTES("log-seed");
	struct bytes wrapped;

	TRY(keystore_get(k->store, k->scratch, KEYSTORE_META, key, &wrapped));
	return keystore_unwrap(k->store, KEYSTORE_META, key, wrapped, ret);
}

/* The log was signed with another seed: another key store's log. AUTH means a wrong passphrase here. */
static enum err own_log(enum err e)
{
	return e == ERR_AUTH ? ERR_CONFLICT : e;
}

static enum err open_with(struct kms *k, const struct secret *root)
{
	struct secret *seed AUTO(secret_freep) = NULL;

	TRY(keystore_unlock(k->store, root));
	TRY(read_seed(k, &seed));
	TRY(kms_forget(k));
	TRY(own_log(keylog_signer(k->log, seed)));
	atomic_store(&k->state, KMS_OPEN);
	return OK;
}

static enum err write_root(struct kms *k, const struct secret *root, struct bytes passphrase,
                           struct kdf_cost cost)
{
	struct secret *seed AUTO(secret_freep) = secret_random(KMS_SEED_BYTES);
	struct keystore_changes changes;
	uint8_t record[ROOTKEY_RECORD_MAX];
	struct writer w = writer_fixed(record, sizeof(record));
	struct bytes wrapped;

	if (seed == NULL) {
		return ERR_NOMEM;
	}
	TRY(own_log(keylog_check_signer(k->log, seed)));
	TRY(rootkey_seal(root, passphrase, cost, &w));
	TRY(keystore_unlock(k->store, root));
	keystore_changes_begin(&changes, k->scratch);
	TRY(keystore_put_clear(&changes, BYTES("root"), writer_bytes(&w)));
	TRY(keystore_wrap(k->store, k->scratch, KEYSTORE_META, BYTES("log-seed"), seed, &wrapped));
	TRY(keystore_put(k->store, &changes, KEYSTORE_META, BYTES("log-seed"), wrapped));
	return keystore_apply(k->store, &changes);
}

enum err kms_init(struct kms *k, struct bytes passphrase, struct kdf_cost cost)
{
	struct secret *root AUTO(secret_freep) = secret_random(ROOTKEY_BYTES);

	if (root == NULL) {
		return ERR_NOMEM;
	}
	enum err e = write_root(k, root, passphrase, cost);
	if (e == OK) {
		atomic_store(&k->state, KMS_SEALED);
		e = open_with(k, root);
	}
	if (e != OK) {
		kms_seal(k);
	}
	return e;
}

enum err kms_unseal(struct kms *k, struct bytes passphrase)
{
	struct secret *root AUTO(secret_freep) = NULL;
	struct bytes record;

	TRY(keystore_get_clear(k->store, k->scratch, BYTES("root"), &record));
	TRY(rootkey_open(record, passphrase, &root));
	enum err e = open_with(k, root);
	if (e != OK) {
		kms_seal(k);
	}
	return e;
}

enum err kms_vkey(struct kms *k, struct writer *w)
{
	struct secret *seed AUTO(secret_freep) = NULL;
	uint8_t public_key[SIGN_PUBLIC_BYTES];

	TRY(read_seed(k, &seed));
	TRY(sign_public(seed, public_key));
	note_key_write(w, bytes_text(k->config->origin), public_key);
	return writer_end(w);
}

/* --- unsealing at start --- */

/* "credential:NAME" is a file in the folder that systemd gives to the service. */
static enum err passphrase_path(const char *from, char out[PATH_BYTES], struct report *r)
{
	static const char prefix[] = "credential:";
	struct writer w = writer_fixed(out, PATH_BYTES - 1);

	if (bytes_starts(bytes_text(from), BYTES(prefix))) {
		const char *folder = secure_getenv("CREDENTIALS_DIRECTORY");
		if (folder == NULL) {
			return report_set(r, ERR_INPUT, (const char *[]){
				from, ": systemd gave no credentials; add LoadCredential= to the ",
				"unit, or name a file", NULL});
		}
		write_text(&w, folder);
		write_text(&w, "/");
		from += sizeof(prefix) - 1;
	}
	write_text(&w, from);
	if (writer_end(&w) != OK) {
		return report_set(r, ERR_INPUT, (const char *[]){from, ": path too long", NULL});
	}
	out[w.used] = '\0';
	return OK;
}

static enum err read_passphrase(const char *path, uint8_t out[ROOTKEY_PASSPHRASE_MAX],
                                size_t *ret_n, struct report *r)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct stat st;

	if (fd < 0) {
		return report_errno(r, "cannot open the passphrase", path, errno,
		                    "check [unseal] passphrase_file");
	}
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || (st.st_mode & S_IRWXO) != 0) {
		(void)close(fd);
		return report_set(r, ERR_DENIED, (const char *[]){
			path, ": is not a file, or others may read it; chmod 600", NULL});
	}
	ssize_t n = read(fd, out, ROOTKEY_PASSPHRASE_MAX);
	int error = errno;
	(void)close(fd);
	if (n < 0) {
		return report_errno(r, "cannot read the passphrase", path, error, "check the disk");
	}
	*ret_n = (size_t)n;
	if (n > 0 && out[n - 1] == '\n') {
		*ret_n -= 1;
	}
	return OK;
}

enum err kms_unseal_from(struct kms *k, const char *from, struct report *ret_report)
{
	char path[PATH_BYTES];
	uint8_t passphrase[ROOTKEY_PASSPHRASE_MAX];
	size_t n = 0;

	TRY(passphrase_path(from, path, ret_report));
	TRY(read_passphrase(path, passphrase, &n, ret_report));
	enum err e = kms_unseal(k, bytes_of(passphrase, n));
	wipe(passphrase, sizeof(passphrase));
	arena_reset(k->scratch);
	struct bytes result = e == OK ? BYTES("ok") : BYTES("refused");
	enum err logged = append_simple(k, LOGFMT_UNSEAL, result, BYTES("at start"));
	if (e == OK && logged != OK) {
		kms_seal(k);
		e = logged;
	}
	count_log(k);
	if (e != OK) {
		return report_set(ret_report, e, (const char *[]){
			path, ": does not unseal (", err_name(e),
			"); stays sealed, unseal with the administration tool", NULL});
	}
	return OK;
}
