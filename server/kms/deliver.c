/*
 * Log objects: the one write without a user's signature. What the gateway gets is a fresh key for an object that the bucket's owner asked for,
 * in the place that he named: nothing is opened, so a stolen gateway can only write more of the owner's own log.
 */
#include "server/kms/deciding.h"

/* A gateway that has the one before kept this bucket's log: it is told what came after, whatever becomes of this delivery. */
static enum err match_document(struct deciding *d, const struct share_bucket *b, struct bytes text,
                               enum share_match *ret)
{
	struct share_current now;
	struct record_bucket row;

	TRY(shares_find(d->k, b, &row));
	TRY(shares_match_logging(&row, text, ret));
	if (*ret == SHARES_NONE || *ret == SHARES_NOW) {
		return OK;
	}
	enum err e = shares_current(d->k, b, &row, KMSPROTO_BUCKET_LOGGING, NULL, &now);
	if (e == OK) {
		deciding_newer(d, KMSPROTO_SENDER, KMSPROTO_BUCKET_LOGGING, &now);
	}
	return e == ERR_DENIED ? OK : e;
}

static enum kmsproto_verdict check_document(struct deciding *d, const struct kmsproto_deliver *in,
                                            struct logging *ret)
{
	const struct share_bucket b = {in->tenant, in->bucket, in->bucket_number};
	enum share_match match = SHARES_NONE;
	const char *why;
	enum err e = match_document(d, &b, in->document, &match);

	if (e == OK && match < SHARES_BEFORE) {
		e = ERR_DENIED;
	}
	if (e == OK) {
		e = logging_read(d->k->scratch, in->document, ret, &why);
		/* It was one when it was put on record: the language became stricter since. */
		e = e == ERR_INPUT ? ERR_DENIED : e;
	}
	if (e == ERR_DENIED) {
		d->entry.detail = BYTES("a logging configuration that is not on record");
		return KMSPROTO_DENIED;
	}
	return e == OK ? KMSPROTO_OK : deciding_fault(e, "logging configuration");
}

enum kmsproto_verdict deliver_judge(struct deciding *d, const struct kmsproto_deliver *in)
{
	const struct kmsproto_key_call *key = &in->key;
	const struct logging_source source = {in->tenant, bytes_text(d->k->config->region),
	                                      in->bucket};
	const struct logging_object object = {key->bucket, key->key, d->now_ms};
	struct logging logging;
	enum kmsproto_verdict v = check_document(d, in, &logging);

	if (v != KMSPROTO_OK) {
		return v;
	}
	if (!bytes_equal(logging.bucket, key->bucket) ||
	    !logging_key_fits(&logging, &source, key->key)) {
		return deciding_bad_call(d, "a log object in another place than its configuration names");
	}
	if (!bytes_equal(in->target.tenant, in->tenant)) {
		return deciding_bad_call(d, "a log that goes to another tenant");
	}
	return authorize_delivery(d, &source, &object);
}
