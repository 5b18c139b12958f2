#!/usr/bin/env python3
"""rempart-kms as AWS KMS: boto3, unmodified. What it does, what it refuses and how, and that the log tells all of it."""

import hashlib
import http.client
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import kmsproto  # noqa: E402
from kmsproto import ISSUE, OPEN, Evidence, access_call, key_call  # noqa: E402
from stack import PASSPHRASE, Checks, Stack  # noqa: E402

import botocore.exceptions  # noqa: E402

checks = Checks()
CONTEXT = {"purpose": "backup", "hôpital": "Été", "a": ""}


def refused(what, code, call, *, status=400, message=None, **arguments):
    """The call fails with this error, this status, this message."""
    try:
        call(**arguments)
    except botocore.exceptions.ClientError as e:
        got = e.response["Error"]
        checks.equal((got["Code"], e.response["ResponseMetadata"]["HTTPStatusCode"]), (code, status), what)
        if message is not None:
            checks.equal(got.get("Message"), message, what + ": the message")
        return e
    checks.ok(False, what + ": was allowed")
    return None


def data_keys(kms, key):
    for arguments, size in (({"KeySpec": "AES_256"}, 32), ({"KeySpec": "AES_128"}, 16), ({"NumberOfBytes": 1}, 1),
                            ({"NumberOfBytes": 1024}, 1024)):
        made = kms.generate_data_key(KeyId=key, EncryptionContext=CONTEXT, **arguments)
        opened = kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext=dict(reversed(CONTEXT.items())))
        checks.ok(len(made["Plaintext"]) == size and opened["Plaintext"] == made["Plaintext"]
                  and opened["KeyId"] == made["KeyId"] and made["KeyId"].startswith("arn:aws:kms:fr-sov-1:"),
                  "a data key of %d bytes, opened again; the order of the context does not matter" % size)
    blind = kms.generate_data_key_without_plaintext(KeyId=key, KeySpec="AES_256")
    checks.ok("Plaintext" not in blind and len(kms.decrypt(CiphertextBlob=blind["CiphertextBlob"])["Plaintext"]) == 32,
              "a data key without its plaintext")
    checks.equal(len({kms.generate_random(NumberOfBytes=32)["Plaintext"] for _ in range(3)}), 3, "random bytes")
    checks.equal(made["ResponseMetadata"]["RequestId"].count("-"), 4, "the request id is a UUID")
    for what, arguments in (("neither size nor spec", {}), ("both", {"KeySpec": "AES_256", "NumberOfBytes": 32}),
                            ("1025 bytes", {"NumberOfBytes": 1025}), ("an unknown spec", {"KeySpec": "AES_512"})):
        refused("a data key with " + what, "ValidationException", kms.generate_data_key, KeyId=key, **arguments)


def own_bytes(kms, key, arn):
    for size in (1, 4096):
        plain = os.urandom(size)
        made = kms.encrypt(KeyId=key, Plaintext=plain, EncryptionContext=CONTEXT)
        opened = kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext=CONTEXT, KeyId=arn)
        checks.ok(opened["Plaintext"] == plain and made["KeyId"] == arn
                  and opened["EncryptionAlgorithm"] == "SYMMETRIC_DEFAULT", "%d bytes encrypted and decrypted" % size)
    for name in (arn, "alias/app", arn.replace("key/" + key, "alias/app")):
        blob = kms.encrypt(KeyId=name, Plaintext=b"x")["CiphertextBlob"]
        checks.equal(kms.decrypt(CiphertextBlob=blob, KeyId=name)["KeyId"], arn, "the key named as " + name.split(":")[-1][:9])
    again = kms.re_encrypt(CiphertextBlob=made["CiphertextBlob"], SourceEncryptionContext=CONTEXT, DestinationKeyId=key,
                           DestinationEncryptionContext={"now": "other"})
    checks.equal(kms.decrypt(CiphertextBlob=again["CiphertextBlob"], EncryptionContext={"now": "other"})["Plaintext"], plain,
                 "re-encrypted under another context")
    checks.equal((again["SourceKeyId"], again["KeyId"]), (arn, arn), "re-encryption names both keys")
    return made["CiphertextBlob"], plain


def refusals(kms, key, arn, other, blob):
    alias = "alias/app"
    for what, context in (("no context", {}), ("another value", dict(CONTEXT, purpose="x")),
                          ("one more pair", dict(CONTEXT, more="1")), ("other case", {"Purpose": "backup"})):
        refused(what, "InvalidCiphertextException", kms.decrypt, CiphertextBlob=blob, EncryptionContext=context, message="")
    for at in (0, 3, 20, 30, 60, len(blob) - 1):
        bad = blob[:at] + bytes([blob[at] ^ 1]) + blob[at + 1:]
        code = "AccessDeniedException" if 3 <= at < 23 else "InvalidCiphertextException"
        refused("byte %d of the blob changed" % at, code, kms.decrypt, CiphertextBlob=bad, EncryptionContext=CONTEXT)
    for bad in (b"x", blob[:70], blob[:71], blob[:-1], blob + b"x", os.urandom(100), bytes(6144)):
        refused("%d bytes that are no blob" % len(bad), "InvalidCiphertextException", kms.decrypt, CiphertextBlob=bad,
                EncryptionContext=CONTEXT, message="")
    refused("a blob of 6145 bytes", "ValidationException", kms.decrypt, CiphertextBlob=bytes(6145))
    refused("the wrong key", "IncorrectKeyException", kms.decrypt, CiphertextBlob=blob, EncryptionContext=CONTEXT, KeyId=other)
    refused("the wrong source key", "IncorrectKeyException", kms.re_encrypt, CiphertextBlob=blob, SourceKeyId=other,
            SourceEncryptionContext=CONTEXT, DestinationKeyId=key)
    refused("4097 bytes", "ValidationException", kms.encrypt, KeyId=key, Plaintext=bytes(4097),
            message="1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must have "
                    "length less than or equal to 4096")
    refused("a context of 9 kB", "ValidationException", kms.encrypt, KeyId=key, Plaintext=b"x", EncryptionContext={"a": "b" * 9000})
    refused("RSA", "InvalidKeyUsageException", kms.encrypt, KeyId=key, Plaintext=b"x", EncryptionAlgorithm="RSAES_OAEP_SHA_256")
    refused("a grant token", "InvalidGrantTokenException", kms.encrypt, KeyId=key, Plaintext=b"x", GrantTokens=["x"])
    missing = "12345678-1234-1234-1234-123456789012"
    for name in (missing, arn.replace(key, missing), "alias/nothing", "nothing", arn + "x", "app"):
        refused("the key %s" % name[-12:], "NotFoundException", kms.encrypt, KeyId=name, Plaintext=b"x")
    refused("an alias where only a key id will do", "NotFoundException", kms.disable_key, KeyId=alias)
    refused("a key of another region", "AccessDeniedException", kms.encrypt, KeyId=arn.replace("fr-sov-1", "eu-west-3"), Plaintext=b"x")
    for operation, arguments in (("get_key_policy", {"KeyId": key, "PolicyName": "default"}),
                                 ("schedule_key_deletion", {"KeyId": key}), ("list_grants", {"KeyId": key}),
                                 ("sign", {"KeyId": key, "Message": b"x", "SigningAlgorithm": "ECDSA_SHA_256"}),
                                 ("create_key", {"KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"}),
                                 ("create_key", {"Tags": [{"TagKey": "a", "TagValue": "b"}]}), ("create_key", {"MultiRegion": True})):
        refused(operation + " is said to be missing", "UnsupportedOperationException", getattr(kms, operation), **arguments)


def keys_and_aliases(kms, key, arn, other):
    shown = kms.describe_key(KeyId="alias/app")["KeyMetadata"]
    checks.equal((shown["KeyId"], shown["Arn"], shown["KeyState"], shown["Enabled"], shown["Description"], shown["KeyUsage"]),
                 (key, arn, "Enabled", True, "for the application", "ENCRYPT_DECRYPT"), "DescribeKey")
    pages = list(kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 1}))
    listed = [k["KeyId"] for p in pages for k in p["Keys"]]
    checks.ok(len(pages) == len(listed) >= 3 and {key, other} <= set(listed) and len(set(listed)) == len(listed),
              "ListKeys, a page for each key")
    refused("a marker of nobody", "InvalidMarkerException", kms.list_keys, Marker="%%%")
    for name in ("alias/app2", "alias/team/app-3"):
        kms.create_alias(AliasName=name, TargetKeyId=key)
    aliases = [a for p in kms.get_paginator("list_aliases").paginate(PaginationConfig={"PageSize": 2}) for a in p["Aliases"]]
    mine = [a["AliasName"] for a in aliases if a["TargetKeyId"] == key]
    checks.equal(mine, ["alias/app", "alias/app2", "alias/team/app-3"], "ListAliases, in pages")
    checks.equal([a["AliasName"] for a in kms.list_aliases(KeyId=key)["Aliases"]], mine, "ListAliases of one key")
    refused("an alias twice", "AlreadyExistsException", kms.create_alias, AliasName="alias/app", TargetKeyId=other)
    refused("an alias of AWS", "InvalidAliasNameException", kms.create_alias, AliasName="alias/aws/s3", TargetKeyId=key)
    refused("an alias without alias/", "InvalidAliasNameException", kms.create_alias, AliasName="app9", TargetKeyId=key)
    refused("an alias with a space", "ValidationException", kms.create_alias, AliasName="alias/a b", TargetKeyId=key)
    kms.update_alias(AliasName="alias/app2", TargetKeyId=other)
    checks.equal(kms.describe_key(KeyId="alias/app2")["KeyMetadata"]["KeyId"], other, "UpdateAlias")
    kms.delete_alias(AliasName="alias/app2")
    refused("an alias that was deleted", "NotFoundException", kms.describe_key, KeyId="alias/app2")
    refused("deleting it again", "NotFoundException", kms.delete_alias, AliasName="alias/app2")
    kms.update_key_description(KeyId=key, Description="new words")
    checks.equal(kms.describe_key(KeyId=key)["KeyMetadata"]["Description"], "new words", "UpdateKeyDescription")
    checks.equal(kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"], False, "there is no automatic rotation")


def rotate(stack, key):
    """Debian's boto3 does not know the operation yet."""
    _, kind, _, answer = raw(stack, "TrentService.RotateKeyOnDemand", json.dumps({"KeyId": key}).encode())
    return kind or answer["KeyId"]


def states(stack, kms, key, arn, other, blob, plain):
    for turn in range(3):
        checks.equal(rotate(stack, key), arn, "rotated")
        newer = kms.encrypt(KeyId=key, Plaintext=b"%d" % turn)["CiphertextBlob"]
        checks.equal(kms.decrypt(CiphertextBlob=newer)["Plaintext"], b"%d" % turn, "the new version works")
    checks.equal(int.from_bytes(newer[19:23], "big"), 4, "the blob names version 4")
    checks.equal(kms.decrypt(CiphertextBlob=blob, EncryptionContext=CONTEXT)["Plaintext"], plain, "old blobs still open")
    kms.disable_key(KeyId=key)
    checks.equal(kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"], "Disabled", "disabled")
    for what, call, arguments in (
            ("Encrypt", kms.encrypt, {"KeyId": key, "Plaintext": b"x"}),
            ("GenerateDataKey", kms.generate_data_key, {"KeyId": arn, "KeySpec": "AES_256"}),
            ("Decrypt", kms.decrypt, {"CiphertextBlob": blob, "EncryptionContext": CONTEXT}),
            ("ReEncrypt", kms.re_encrypt, {"CiphertextBlob": blob, "SourceEncryptionContext": CONTEXT, "DestinationKeyId": other})):
        refused(what + " with a disabled key", "DisabledException", call, message=arn + " is disabled.", **arguments)
    checks.equal(rotate(stack, key), "DisabledException", "rotating a disabled key")
    kms.enable_key(KeyId=arn)
    checks.equal(kms.decrypt(CiphertextBlob=blob, EncryptionContext=CONTEXT)["Plaintext"], plain, "enabled again")


def other_tenant(stack, key, arn, blob):
    alt = stack.kms_client("alt")
    for call, arguments in ((alt.describe_key, {}), (alt.encrypt, {"Plaintext": b"x"}), (alt.disable_key, {}),
                            (alt.create_alias, {"AliasName": "alias/x"})):
        name = "TargetKeyId" if "AliasName" in arguments else "KeyId"
        refused("another tenant's key by id", "NotFoundException", call, **arguments, **{name: key})
        refused("another tenant's key by ARN", "AccessDeniedException", call, **arguments, **{name: arn})
    refused("another tenant's blob", "AccessDeniedException", alt.decrypt, CiphertextBlob=blob, EncryptionContext=CONTEXT)
    refused("another tenant's alias", "NotFoundException", alt.encrypt, KeyId="alias/app", Plaintext=b"x")
    checks.ok(key not in [k["KeyId"] for k in alt.list_keys()["Keys"]] and not
              [a for a in alt.list_aliases()["Aliases"] if a["TargetKeyId"] == key], "lists show one's own only")
    alt.create_alias(AliasName="alias/app", TargetKeyId=alt.create_key()["KeyMetadata"]["KeyId"])
    checks.ok(alt.describe_key(KeyId="alias/app")["KeyMetadata"]["KeyId"] != key, "each tenant has its own names")


def object_keys(stack, kms, arn):
    """What a gateway gets for objects is no blob of this API, and a blob is no object's key."""
    import datetime
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    with open(stack.secret, encoding="ascii") as f:
        secret = bytes.fromhex(f.read().strip())

    def gateway(method, *call):
        evidence = Evidence(stack.access["main"], method, "/b/k", now)
        return kmsproto.batch(stack.kms_port, stack.tls("gateway"), secret, [access_call(evidence, [key_call(*call)])])[0]

    issued = gateway("PUT", ISSUE, "b", "k", bytes(16), b"", arn)
    wrapped = issued.keys[0][1]
    checks.ok(issued.verdict == "ok" and issued.keys[0][2] == arn, "an object's key, wrapped under the same key")
    for context in ({}, {"bucket": "b", "key": "k"}):
        for what, blob in (("as it is", wrapped), ("dressed as a blob", b"\x02" + wrapped[1:])):
            refused("it does not open here, " + what, "InvalidCiphertextException", kms.decrypt, CiphertextBlob=blob,
                    EncryptionContext=context)
    made = kms.generate_data_key(KeyId=arn, KeySpec="AES_256")["CiphertextBlob"]
    checks.equal(len(made), len(wrapped), "a blob of the same length")
    for blob in (made, b"\x01" + made[1:]):
        checks.equal(gateway("GET", OPEN, "b", "k", bytes(16), blob).verdict, "wrong-key", "a gateway cannot open the blob")
    checks.equal(gateway("GET", OPEN, "b", "k", bytes(16), wrapped).verdict, "ok", "the object's key still opens")


def raw(stack, target="TrentService.ListKeys", body=b"{}", sign=True, method="POST", path="/", spoil=None, when=None, secret=None,
        query=""):
    """One request, made by hand: status, type of the error, headers, answer."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
    import botocore.auth
    import datetime
    key = stack.access["main"]
    request = AWSRequest(method=method, url=stack.kms_url() + path + query, data=body,
                         headers={"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1"})
    clock = "get_current_datetime" if hasattr(botocore.auth, "get_current_datetime") else "datetime"  # newer, Debian's
    real = getattr(botocore.auth, clock)
    moved = datetime.datetime.utcnow() + datetime.timedelta(minutes=when or 0)
    if clock == "datetime":
        fake = type("module", (), {"datetime": type("Moved", (real.datetime,), {"utcnow": classmethod(lambda cls: moved)})})
    else:
        def fake(*_, **__):
            return moved
    setattr(botocore.auth, clock, fake if when else real)
    try:
        if sign:
            SigV4Auth(Credentials(key["access_key"], secret or key["secret_key"]), "kms", "fr-sov-1").add_auth(request)
    finally:
        setattr(botocore.auth, clock, real)
    headers = dict(request.headers.items())
    if spoil:
        body = spoil(headers) or body
    c = http.client.HTTPSConnection("127.0.0.1", stack.kms_api_port, context=stack.tls(), timeout=30)
    try:
        c.request(method, path + query, body, headers)
        answer = c.getresponse()
        text = answer.read()
        document = json.loads(text) if answer.status != 413 else {}
        return answer.status, document.get("__type"), dict(answer.getheaders()), document
    finally:
        c.close()


def wire(stack):
    status, kind, headers, _ = raw(stack)
    checks.ok(status == 200 and kind is None and headers["Content-Type"] == "application/x-amz-json-1.1"
              and len(headers["x-amzn-RequestId"]) == 36, "a request made by hand")

    def lie(name, value):
        return lambda headers: headers.__setitem__(name, value)
    huge = {"Authorization": "AWS4-HMAC-SHA256 Credential=%s/20260101/r/kms/aws4_request, SignedHeaders=host, Signature=%s"
            % ("A" * 3000, "0" * 64)}
    for what, wanted, more in (
            ("no signature", "MissingAuthenticationTokenException", {"sign": False}),
            ("the wrong secret", "InvalidSignatureException", {"secret": "x" * 40}),
            ("another body than was signed", "InvalidSignatureException", {"spoil": lambda h: b'{ }'}),
            ("another operation than was signed", "InvalidSignatureException",
             {"spoil": lie("X-Amz-Target", "TrentService.CreateKey")}),
            ("an old signature", "InvalidSignatureException", {"when": -20}),
            ("a signature from the future", "InvalidSignatureException", {"when": 20}),
            ("an unknown access key", "UnrecognizedClientException",
             {"spoil": lambda h: h.update({"Authorization": h["Authorization"].replace("Credential=", "Credential=X")})}),
            ("half an Authorization header", "IncompleteSignatureException", {"spoil": lie("Authorization", "AWS4-HMAC-SHA256 x")}),
            ("an access key of 3000 letters", "IncompleteSignatureException", {"spoil": lambda h: h.update(huge)}),
            ("a session token", "IncompleteSignatureException", {"spoil": lie("X-Amz-Security-Token", "x")}),
            ("an unknown operation", "UnknownOperationException", {"target": "TrentService.Dance"}),
            ("another service's operation", "UnknownOperationException", {"target": "DynamoDB.ListKeys"}),
            ("GET", "UnknownOperationException", {"method": "GET"}),
            ("another path", "UnknownOperationException", {"path": "/x"}),
            ("a query", "UnknownOperationException", {"query": "?a=b"}),
            ("half a JSON text", "SerializationException", {"body": b'{"Limit":'}),
            ("a list", "SerializationException", {"body": b"[]"}),
            ("a member twice", "SerializationException", {"body": b'{"Limit":1,"Limit":2}'}),
            ("a number as key", "SerializationException", {"target": "TrentService.DescribeKey", "body": b'{"KeyId":7}'}),
            ("no key", "ValidationException", {"target": "TrentService.DescribeKey", "body": b"{}"}),
            ("a limit of 0", "ValidationException", {"body": b'{"Limit":0}'}),
            ("bad base64", "SerializationException", {"target": "TrentService.Decrypt", "body": b'{"CiphertextBlob":"%"}'})):
        status, kind, _, _ = raw(stack, **more)
        checks.equal((status, kind), (400, wanted), "by hand, " + what)
    checks.equal(raw(stack, body=b" " * 200000)[0], 413, "200 kB: refused")


def flood(stack):
    """Nobody can fill the log without an access key."""
    before = stack.admin("status")["log_size"]
    kinds = [raw(stack, sign=False)[1] for _ in range(250)]
    wrote = stack.admin("status")["log_size"] - before
    checks.equal(wrote, kinds.count("MissingAuthenticationTokenException"), "each refusal is an entry, but for the flood's")
    checks.ok(kinds.count("ThrottlingException") == 250 - wrote, "the rest is throttled (%d)" % (250 - wrote))


def sealed(stack, kms, key):
    stack.admin("seal")
    refused("sealed: told to try again", "KMSInternalException", kms.encrypt, status=503, KeyId=key, Plaintext=b"x")
    patient = stack.kms_client(retries=10)
    import threading
    worker = threading.Timer(0.3, lambda: stack.admin("unseal", passphrase=PASSPHRASE))
    worker.start()
    checks.ok(patient.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"], "a client that tries again outlasts it")
    worker.join()


def the_log(stack, blob, key, tenant):
    stack.published()
    entries = stack.entries()
    digest = hashlib.sha256(blob).hexdigest()
    uses = [(e["op"], k["use"], k["key"]) for e in entries for k in e.get("keys", []) if k["wrapped"] == digest]
    checks.equal(uses[0], ("kms:Encrypt", "issued", key.replace("-", "")), "the blob's entry: issued by Encrypt")
    checks.ok(len(uses) > 3 and {u[:2] for u in uses[1:]} == {("kms:Decrypt", "opened"), ("kms:ReEncrypt", "opened")},
              "then opened, each time an entry")
    mine = [e for e in entries if e.get("op", "").startswith("kms:")]
    both = [e for e in mine if e["op"] == "kms:ReEncrypt" and e["result"] == "ok"]
    checks.ok(both and [k["use"] for k in both[0]["keys"]] == ["opened", "issued"], "ReEncrypt: opened and issued in one entry")
    checks.ok(all(e["tenant"] and e["principal"].startswith("arn:aws:iam::") and e["source"] == "127.0.0.1" and e["basis"] == "tenant-owner"
                  for e in mine if e["result"] == "ok"), "each names who, from where and why")
    results = {e["result"] for e in entries if e.get("op", "").startswith("kms:") or "gateway" not in e}
    checks.ok({"denied", "no-such-key", "key-disabled", "wrong-key", "bad-signature", "skewed", "no-access-key", "bad-call",
               "unsupported", "exists"} <= results, "refusals are there: %s" % " ".join(sorted(results)))
    checks.ok(all("keys" not in e for e in mine if e["result"] != "ok"), "a refusal releases nothing")
    changes = [e["detail"] for e in entries if e["event"] == "admin" and e.get("op") == "kms:RotateKeyOnDemand" and e["result"] == "ok"]
    checks.equal(changes, ["arn:aws:kms:fr-sov-1:%s:key/%s rotated" % (tenant, key)] * 3, "changes say what changed")
    status, report = stack.audit()
    checks.equal(status, 0, "rempart-audit verify")
    if status:
        print("# %s" % json.dumps(report)[:2000])


def main():
    with Stack() as stack:
        kms = stack.kms_client()
        made = kms.create_key(Description="for the application")["KeyMetadata"]
        key, arn = made["KeyId"], made["Arn"]
        other = kms.create_key()["KeyMetadata"]["KeyId"]
        kms.create_alias(AliasName="alias/app", TargetKeyId=key)
        data_keys(kms, key)
        blob, plain = own_bytes(kms, key, arn)
        refusals(kms, key, arn, other, blob)
        keys_and_aliases(kms, key, arn, other)
        states(stack, kms, key, arn, other, blob, plain)
        other_tenant(stack, key, arn, blob)
        object_keys(stack, kms, arn)
        wire(stack)
        flood(stack)
        sealed(stack, kms, key)
        stack.kms.kill()
        stack.restart_kms()
        checks.equal(kms.decrypt(CiphertextBlob=blob, EncryptionContext=CONTEXT)["Plaintext"], plain, "after a crash it opens")
        the_log(stack, blob, key, stack.tenants["main"]["tenant"])
        status, text = stack.ops(stack.kms_ops_port, "/metrics")
        checks.ok(status == 200 and "rempart_kms_api_ok_total " in text, "counted")
    return checks.done()


if __name__ == "__main__":
    sys.exit(main())
