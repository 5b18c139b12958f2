#!/usr/bin/python3
"""The stolen gateway: with its own certificate and enrolment secret, what can it get from the KMS?

Only what a user is asking for at that moment. Everything else is refused, and every refusal is in the log.
"""
# timeout: 180

import datetime
import os
import ssl
import sys

import kmsproto
from kmsproto import ISSUE, OPEN, Evidence, access_call, key_call
from stack import Checks, Stack

checks = Checks()


def amz(delta_s=0):
    now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=delta_s)
    return now.strftime("%Y%m%dT%H%M%SZ")


class Thief:
    def __init__(self, stack):
        self.stack, self.tls = stack, stack.tls("gateway")
        with open(stack.secret, encoding="ascii") as f:
            self.secret = bytes.fromhex(f.read().strip())

    def ask(self, evidence, *keys, **resources):
        reply = kmsproto.batch(self.stack.kms_port, self.tls, self.secret, [access_call(evidence, keys, **resources)])
        return reply if isinstance(reply, int) else reply[0]


def refused(reply, verdict, what, expected_log):
    checks.ok(not isinstance(reply, int) and reply.verdict == verdict and not reply.keys,
              "%s: %s, no key" % (what, verdict))
    if not isinstance(reply, int):
        if reply.verdict != verdict:
            print("# verdict was", reply.verdict)
        expected_log.append((reply.log_index, verdict, what))


def attack(stack):
    thief = Thief(stack)
    main, alt = stack.access["main"], stack.access["alt"]
    log = []
    oid, oid_b = os.urandom(16), os.urandom(16)

    # What a user really asks for: a PUT, then a GET. This is the control: the tool itself works.
    put = thief.ask(Evidence(main, "PUT", "/b/secret.txt", amz()), key_call(ISSUE, "b", "secret.txt", oid))
    checks.ok(put.verdict == "ok" and len(put.keys) == 1, "a user's PUT is granted one fresh key")
    dek, wrapped, _ = put.keys[0]
    get = Evidence(main, "GET", "/b/secret.txt", amz())
    reply = thief.ask(get, key_call(OPEN, "b", "secret.txt", oid, wrapped))
    checks.ok(reply.verdict == "ok" and reply.keys[0][0] == dek, "a user's GET opens the same key")
    other = thief.ask(Evidence(main, "PUT", "/b/other.txt", amz()), key_call(ISSUE, "b", "other.txt", oid_b))
    wrapped_b = other.keys[0][1]

    open_it = key_call(OPEN, "b", "secret.txt", oid, wrapped)
    refused(thief.ask(None, open_it), "denied", "no evidence", log)
    refused(thief.ask(get, key_call(OPEN, "b", "other.txt", oid_b, wrapped_b)), "bad-call",
            "evidence for another object", log)
    refused(thief.ask(get, key_call(OPEN, "b", "secret.txt", oid, wrapped_b)), "wrong-key",
            "another object's wrapped key under this object's name", log)
    refused(thief.ask(get, key_call(OPEN, "b", "secret.txt", oid_b, wrapped)), "wrong-key",
            "an earlier version's key under another object id", log)
    refused(thief.ask(Evidence(main, "GET", "/b/secret.txt", amz(-16 * 60)), open_it), "skewed",
            "evidence 16 minutes old", log)
    refused(thief.ask(Evidence(main, "GET", "/b/secret.txt", amz(16 * 60)), open_it), "skewed",
            "evidence from the future", log)

    changed = Evidence(main, "GET", "/b/harmless.txt", amz())
    changed.canonical = changed.canonical.replace(b"harmless", b"secret")
    refused(thief.ask(changed, open_it), "bad-signature", "a changed canonical request", log)
    redated = Evidence(main, "GET", "/b/secret.txt", amz(-3600))
    redated.amz_date = amz()
    refused(thief.ask(redated, open_it), "bad-call", "old evidence with a new date beside it", log)
    stolen = Evidence(main, "GET", "/b/secret.txt", amz())
    stolen.access_key = alt["access_key"]
    refused(thief.ask(stolen, open_it), "bad-signature", "another user's access key beside the signature", log)
    unknown = Evidence(dict(main, access_key="AKIANOBODYKNOWSTHIS1"), "GET", "/b/secret.txt", amz())
    refused(thief.ask(unknown, open_it), "no-access-key", "an unknown access key", log)

    foreign = Evidence(alt, "GET", "/b/secret.txt", amz())
    refused(thief.ask(foreign, open_it), "denied", "a user of another tenant asks for the object", log)
    foreign_kek = stack.tenants["main"]["default_key"]
    refused(thief.ask(Evidence(alt, "PUT", "/b/x", amz()), key_call(ISSUE, "b", "x", oid, kek=foreign_kek)),
            "denied", "a fresh key under another tenant's KEK", log)

    owner = stack.tenants["main"]["tenant"]
    where = kmsproto.resource(owner, 1, object_id=oid)
    refused(thief.ask(foreign, open_it, target=where), "denied", "the same, and who owns the bucket is told", log)
    refused(thief.ask(foreign, open_it, target=kmsproto.resource(stack.tenants["alt"]["tenant"], 1, object_id=oid)),
            "denied", "the same, and the bucket is said to be his", log)
    theft = Evidence(alt, "PUT", "/nowhere/x", amz(), headers={"x-amz-copy-source": "/b/secret.txt"})
    refused(thief.ask(theft, key_call(OPEN, "b", "secret.txt", oid, wrapped, source=True), source=where), "denied",
            "a copy out of another tenant's bucket into none", log)
    # Everybody may read one version and list the bucket.
    oid_c = os.urandom(16)
    shown = thief.ask(Evidence(main, "PUT", "/b/secret.txt", amz(), headers={"x-amz-acl": "public-read"}),
                      key_call(ISSUE, "b", "secret.txt", oid_c), target=kmsproto.resource(owner, 1))
    acl = (kmsproto.OBJECT_ACL, 0, shown.document, shown.stamp)
    at = kmsproto.resource(owner, 1, object_id=oid_c, documents=[acl])
    reply = thief.ask(foreign, key_call(OPEN, "b", "secret.txt", oid_c, shown.keys[0][1]), target=at)
    checks.ok(reply.verdict == "ok" and reply.keys[0][0] == shown.keys[0][0], "another tenant's user opens what is shown to all")
    refused(thief.ask(foreign, open_it, target=at), "bad-call", "the same ACL for another version", log)
    listing = thief.ask(Evidence(main, "PUT", "/b", amz(), query="acl=", headers={"x-amz-acl": "public-read-write"}),
                        target=kmsproto.resource(owner, 1), document=b"").document
    missing = kmsproto.resource(owner, 1, 16, oid, [(kmsproto.BUCKET_ACL, 0, listing, bytes(32))])
    refused(thief.ask(foreign, open_it, target=missing), "bad-call", "an object that is said to be missing", log)
    writing = kmsproto.resource(owner, 1, documents=[(kmsproto.BUCKET_ACL, 0, listing, bytes(32))])
    mine = thief.ask(Evidence(alt, "PUT", "/b/secret.txt", amz()), key_call(ISSUE, "b", "secret.txt", oid), target=writing)
    mine_at = kmsproto.resource(owner, 1, object_id=oid, documents=[(kmsproto.OBJECT_ACL, 0, mine.document, mine.stamp)])
    refused(thief.ask(foreign, open_it, target=mine_at), "bad-call", "an ACL that writing gave, for the id of another object", log)
    upload = Evidence(alt, "PUT", "/b/secret.txt", amz(), query="partNumber=1&uploadId=" + oid.hex())
    refused(thief.ask(upload, open_it, target=writing), "denied", "an object that is said to be an upload", log)

    for method, path, query, what in (
            ("GET", "/b", "list-type=2", "a listing's evidence"), ("HEAD", "/b/secret.txt", "", "a HEAD's evidence"),
            ("DELETE", "/b/secret.txt", "", "a DELETE's evidence"), ("PUT", "/b/secret.txt", "", "a PUT's evidence"),
            ("GET", "/b/secret.txt", "tagging=", "the evidence of a sub-resource")):
        refused(thief.ask(Evidence(main, method, path, amz(), query=query), open_it), "bad-call",
                "opening a key with " + what, log)
    part = Evidence(main, "PUT", "/b/secret.txt", amz(), query="partNumber=1&uploadId=" + oid_b.hex())
    refused(thief.ask(part, open_it), "bad-call", "opening the object with the evidence of an upload under its name", log)
    copy = Evidence(main, "PUT", "/b/copy.txt", amz(), headers={"x-amz-copy-source": "/b/other.txt"})
    refused(thief.ask(copy, key_call(OPEN, "b", "secret.txt", oid, wrapped, source=True)), "bad-call",
            "a copy's evidence for another source", log)
    presigned = "&".join(["X-Amz-Algorithm=AWS4-HMAC-SHA256",
                          "X-Amz-Credential=%s%%2F%s%%2Ffr-sov-1%%2Fs3%%2Faws4_request" %
                          (main["access_key"], amz(-120)[:8]), "X-Amz-Date=" + amz(-120), "X-Amz-Expires=60",
                          "X-Amz-SignedHeaders=host"])
    late = Evidence(main, "GET", "/b/secret.txt", presigned.split("X-Amz-Date=")[1][:16], query=presigned,
                    kind=kmsproto.QUERY)
    late.expires = 604800
    refused(thief.ask(late, open_it), "expired", "a presigned URL after its end, the end lied about", log)

    stack.admin("access-key.disable", access_key=main["access_key"])
    refused(thief.ask(Evidence(main, "GET", "/b/secret.txt", amz()), open_it), "no-access-key",
            "a disabled access key", log)
    stack.admin("access-key.enable", access_key=main["access_key"])
    stack.admin("key.disable", key=stack.tenants["main"]["default_key"])
    refused(thief.ask(Evidence(main, "GET", "/b/secret.txt", amz()), open_it), "key-disabled",
            "a disabled KEK", log)
    stack.admin("key.enable", key=stack.tenants["main"]["default_key"])
    checks.ok(thief.ask(Evidence(main, "GET", "/b/secret.txt", amz()), open_it).verdict == "ok",
              "enabled again, a user's GET opens the key")
    return log


def transport(stack):
    with open(stack.secret, encoding="ascii") as f:
        secret = bytes.fromhex(f.read().strip())
    call = [access_call(None)]
    try:
        kmsproto.batch(stack.kms_port, stack.tls(None), secret, call)
        checks.ok(False, "without a client certificate the KMS does not talk")
    except (ssl.SSLError, OSError):
        checks.ok(True, "without a client certificate the KMS does not talk")
    try:
        kmsproto.batch(stack.kms_port, stack.tls("admin"), secret, call)
        checks.ok(False, "an administrator's certificate does not open the gateways' listener")
    except (ssl.SSLError, OSError):
        checks.ok(True, "an administrator's certificate does not open the gateways' listener")
    stack.admin("gateway.remove", name="gw1")
    checks.equal(kmsproto.batch(stack.kms_port, stack.tls("gateway"), secret, call), 403,
                 "a gateway that is no longer enrolled gets 403")


def main():
    with Stack() as stack:
        log = attack(stack)
        stack.published()
        entries = stack.entries()
        checks.equal([e["seq"] for e in entries], list(range(len(entries))), "the log is gap-free")
        for index, verdict, what in log:
            entry = entries[index] if index < len(entries) else {}
            checks.ok(entry.get("result") == verdict and not entry.get("keys"),
                      "the log has the refusal: %s (%s)" % (what, verdict))
        status, report = stack.audit()
        checks.ok(status == 0, "rempart-audit verifies the log")
        if status:
            print("#", report)
        transport(stack)
    return checks.done()


if __name__ == "__main__":
    sys.exit(main())
