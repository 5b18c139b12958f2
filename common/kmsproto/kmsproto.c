/* What batch and answer share: the names of the verdicts and the encryption context. */
#include "common/kmsproto/kmsproto.h"

#include "common/codec/hex.h"

static const char *const verdict_names[KMSPROTO_VERDICTS] = {
	[KMSPROTO_OK] = "ok",
	[KMSPROTO_SEALED] = "sealed",
	[KMSPROTO_UNAVAILABLE] = "unavailable",
	[KMSPROTO_BAD_CALL] = "bad-call",
	[KMSPROTO_NO_ACCESS_KEY] = "no-access-key",
	[KMSPROTO_BAD_SIGNATURE] = "bad-signature",
	[KMSPROTO_SKEWED] = "skewed",
	[KMSPROTO_EXPIRED] = "expired",
	[KMSPROTO_DENIED] = "denied",
	[KMSPROTO_NO_SUCH_KEY] = "no-such-key",
	[KMSPROTO_KEY_DISABLED] = "key-disabled",
	[KMSPROTO_WRONG_KEY] = "wrong-key",
	[KMSPROTO_BAD_DOCUMENT] = "bad-document",
	[KMSPROTO_NO_SUCH_GRANTEE] = "no-such-grantee",
	[KMSPROTO_NO_SUCH_EMAIL] = "no-such-email",
	[KMSPROTO_NOT_SIGNED] = "not-signed",
	[KMSPROTO_STALE] = "stale",
};

const char *kmsproto_verdict_name(enum kmsproto_verdict v)
{
	return (unsigned)v < KMSPROTO_VERDICTS ? verdict_names[v] : "unknown";
}

void kmsproto_context(struct writer *w, struct bytes bucket, struct bytes key,
                      const uint8_t object_id[KMSPROTO_OBJECT_ID_BYTES], struct bytes writer)
{
	write_u16(w, writer.n > 0 ? 4 : 3);
	write_lv16(w, BYTES("rempart:bucket"));
	write_lv16(w, bucket);
	write_lv16(w, BYTES("rempart:key"));
	write_lv16(w, key);
	write_lv16(w, BYTES("rempart:object-id"));
	write_u16(w, 2 * KMSPROTO_OBJECT_ID_BYTES);
	hex_write(w, bytes_of(object_id, KMSPROTO_OBJECT_ID_BYTES));
	if (writer.n > 0) {
		write_lv16(w, BYTES("rempart:writer"));
		write_lv16(w, writer);
	}
}
