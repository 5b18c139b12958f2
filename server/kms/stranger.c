/* Who wrote into somebody else's bucket (deciding.h). */
#include "common/crypto/wrap.h"
#include "server/kms/deciding.h"

enum { WRAPPED_DEK_BYTES = WRAP_OVERHEAD_BYTES + KEYRING_DEK_BYTES };

struct bytes stranger_of(const struct deciding *d)
{
	struct bytes owner = d->in->target.tenant;

	if (d->principal == NULL) {
		return BYTES("000000000000"); /* no tenant has this number */
	}
	return owner.n == 0 || bytes_equal(owner, d->principal->tenant) ? (struct bytes){0}
	                                                                : d->principal->tenant;
}

struct bytes stranger_split(struct bytes *wrapped)
{
	struct bytes writer = bytes_skip(*wrapped, WRAPPED_DEK_BYTES);

	*wrapped = bytes_first(*wrapped, WRAPPED_DEK_BYTES);
	return writer;
}

/* The object's owner, by an ACL that carries a stamp, is who wrote it. */
static enum err is_owners(struct deciding *d, const struct side *s, struct bytes writer, bool *ret)
{
	struct bytes owner = s->object_acl.owner.id;
	struct record_tenant tenant;

	*ret = owner.n == 0 || bytes_equal(owner, s->owner.canonical_id);
	if (*ret || writer.n != RECORD_TENANT_DIGITS) {
		return OK;
	}
	enum err e = deciding_tenant(d, writer, &tenant);
	*ret = e == OK && bytes_equal(tenant.canonical_id, owner);
	return e == ERR_NOTFOUND ? OK : e;
}

enum kmsproto_verdict stranger_check(struct deciding *d, const struct kmsproto_key_call *call)
{
	struct bytes wrapped = call->wrapped, writer = stranger_split(&wrapped);
	bool upload = !call->source && d->evidence.upload_id.n > 0;
	bool owners = true;

	if (call->op == KMSPROTO_ISSUE) {
		return KMSPROTO_OK;
	}
	if (upload) {
		bool own = d->stranger.n == 0 || bytes_equal(d->stranger, writer);
		d->entry.detail = own ? d->entry.detail : BYTES("an upload of somebody else");
		return own ? KMSPROTO_OK : KMSPROTO_DENIED;
	}
	enum err e = is_owners(d, call->source ? &d->source : &d->target, writer, &owners);
	if (e != OK) {
		return deciding_fault(e, "who wrote it");
	}
	return owners ? KMSPROTO_OK : deciding_bad_call(d, "an ACL of another object");
}
