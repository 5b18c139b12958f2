#!/usr/bin/python3
"""SSE-C: objects open with their customer's key and with no other; nothing keeps or tells the key; what contradicts itself is refused."""
# timeout: 240

import base64
import hashlib
import os
import sys

from botocore.exceptions import ClientError

from stack import Checks, Stack

checks = Checks()
KEYS = {name: hashlib.sha256(name.encode()).digest() for name in ("a", "b", "source")}
PART = 5 << 20
NAMES = {"": ("SSECustomerAlgorithm", "SSECustomerKey", "SSECustomerKeyMD5"),
         "CopySource": ("CopySourceSSECustomerAlgorithm", "CopySourceSSECustomerKey", "CopySourceSSECustomerKeyMD5")}
HEADER = "x-amz-server-side-encryption-customer-"


def md5(key):
    return base64.b64encode(hashlib.md5(key).digest()).decode()


def with_key(name, prefix=""):
    """Parameters for boto3, which sends them as they are when there is an MD5."""
    algorithm, key, digest = NAMES[prefix]
    return {algorithm: "AES256", key: base64.b64encode(KEYS[name]).decode(), digest: md5(KEYS[name])}


def headers(key=KEYS["a"], algorithm="AES256", digest=None, **other):
    given = {"algorithm": algorithm, "key": base64.b64encode(key).decode() if key is not None else None,
             "key-MD5": digest if digest is not None else md5(key or b"")}
    return dict({HEADER + k: v for k, v in given.items() if v}, **other)


def refused(what, want, call, *args, **more):
    """Status and code; an answer to HEAD has no code."""
    try:
        call(*args, **more)
    except ClientError as e:
        got = e.response["ResponseMetadata"]["HTTPStatusCode"], e.response["Error"]["Code"]
        return checks.equal(got, want, what)
    return checks.ok(False, "%s: accepted" % what)


def one_object(stack):
    s3 = stack.client()
    data = os.urandom(200001)
    answer = s3.put_object(Bucket="bkt", Key="o", Body=data, **with_key("a"))
    told = answer["SSECustomerAlgorithm"], answer["SSECustomerKeyMD5"], answer.get("ServerSideEncryption")
    checks.equal(told, ("AES256", md5(KEYS["a"]), None), "the answer tells algorithm and MD5, and no other encryption")
    checks.ok(answer["ETag"].strip('"') != hashlib.md5(data).hexdigest() and answer["ETag"].endswith('-1"'),
              "the ETag is no MD5")
    got = s3.get_object(Bucket="bkt", Key="o", **with_key("a"))
    checks.equal((got["Body"].read(), got["ETag"], got["SSECustomerKeyMD5"]), (data, answer["ETag"], md5(KEYS["a"])),
                 "it comes back with its key")
    part = s3.get_object(Bucket="bkt", Key="o", Range="bytes=65530-131080", **with_key("a"))["Body"].read()
    checks.equal(part, data[65530:131081], "a range comes back")
    head = s3.head_object(Bucket="bkt", Key="o", **with_key("a"))
    checks.equal((head["ContentLength"], head["ETag"]), (len(data), answer["ETag"]), "HEAD with the key")
    attributes = s3.get_object_attributes(Bucket="bkt", Key="o", ObjectAttributes=["ObjectSize"], **with_key("a"))
    checks.equal(attributes["ObjectSize"], len(data), "attributes with the key")
    refused("GET without a key", (400, "InvalidRequest"), s3.get_object, Bucket="bkt", Key="o")
    refused("HEAD without a key", (400, "400"), s3.head_object, Bucket="bkt", Key="o")
    refused("attributes without a key", (400, "InvalidRequest"), s3.get_object_attributes, Bucket="bkt", Key="o",
            ObjectAttributes=["ETag"])
    refused("GET with another key", (400, "InvalidRequest"), s3.get_object, Bucket="bkt", Key="o", **with_key("b"))
    refused("HEAD with another key", (400, "400"), s3.head_object, Bucket="bkt", Key="o", **with_key("b"))
    s3.put_object(Bucket="bkt", Key="plain", Body=b"x")
    refused("a key for an object that has none", (400, "InvalidRequest"), s3.get_object, Bucket="bkt", Key="plain",
            **with_key("a"))
    again = s3.put_object(Bucket="bkt", Key="o", Body=data, **with_key("b"))
    checks.ok(again["ETag"] != answer["ETag"], "each version has an ETag of its own")
    checks.equal(s3.get_object(Bucket="bkt", Key="o", **with_key("b"))["Body"].read(), data, "a new key by a new PUT")
    refused("then the old key does not open", (400, "InvalidRequest"), s3.get_object, Bucket="bkt", Key="o", **with_key("a"))
    s3.put_object(Bucket="bkt", Key="empty", Body=b"", **with_key("a"))
    checks.equal(s3.get_object(Bucket="bkt", Key="empty", **with_key("a"))["Body"].read(), b"", "an empty object")
    s3.delete_object(Bucket="bkt", Key="empty")
    refused("deleting needs no key", (404, "NoSuchKey"), s3.get_object, Bucket="bkt", Key="empty")


def opened(stack):
    stack.published()
    return sum(1 for e in stack.entries() for k in e.get("keys", []) if k.get("use") == "opened")


def log_of_uses(stack):
    """The KMS opens for the right key alone, and for no request that only asks about the object."""
    s3 = stack.client()
    s3.put_object(Bucket="bkt", Key="logged", Body=b"x", **with_key("a"))
    before = opened(stack)
    s3.head_object(Bucket="bkt", Key="logged", **with_key("a"))
    for name in ("b", None):
        refused("no entry", (400, "InvalidRequest"), s3.get_object, Bucket="bkt", Key="logged", **(with_key(name) if name else {}))
    checks.equal(opened(stack), before, "a wrong key, no key and HEAD open nothing at the KMS")
    s3.get_object(Bucket="bkt", Key="logged", **with_key("a"))["Body"].read()
    checks.equal(opened(stack), before + 1, "the right one does, and it is logged")


def contradictions(stack):
    short, digest = KEYS["a"][:16], md5(KEYS["a"])
    cases = [
        ("another key's MD5", headers(digest=md5(KEYS["b"])), "InvalidArgument"),
        ("an MD5 that is none", headers(digest="AAAA"), "InvalidArgument"),
        ("no MD5", headers(digest=""), "InvalidArgument"),
        ("no key", headers(key=None, digest=digest), "InvalidArgument"),
        ("no algorithm", headers(algorithm=None), "InvalidArgument"),
        ("only an algorithm", {HEADER + "algorithm": "AES256"}, "InvalidArgument"),
        ("another algorithm", headers(algorithm="AES192"), "InvalidEncryptionAlgorithmError"),
        ("a short key", headers(key=short), "InvalidArgument"),
        ("a long key", headers(key=KEYS["a"] + b"x"), "InvalidArgument"),
        ("a very long key", headers(key=b"k" * 4000), "InvalidArgument"),
        ("no base64", dict(headers(), **{HEADER + "key": "!" * 44}), "InvalidArgument"),
        ("AES256 beside it", dict(headers(), **{"x-amz-server-side-encryption": "AES256"}), "InvalidArgument"),
        ("aws:kms beside it", dict(headers(), **{"x-amz-server-side-encryption": "aws:kms"}), "InvalidArgument"),
        ("a KMS key beside it", dict(headers(), **{"x-amz-server-side-encryption-aws-kms-key-id": "alias/x"}),
         "InvalidArgument"),
    ]
    for what, given, code in cases:
        status, _, body = stack.request("PUT", "/bkt/refused", b"x", given)
        checks.equal((status, ("<Code>%s</Code>" % code).encode() in body), (400, True), what)
    checks.equal(stack.request("GET", "/bkt/refused")[0], 404, "nothing was stored")
    unsigned = stack.sign("PUT", "/bkt/refused", b"x")
    unsigned.update(headers())
    import http.client
    c = http.client.HTTPConnection("127.0.0.1", stack.s3_port, timeout=60)
    c.request("PUT", "/bkt/refused", b"x", unsigned)
    checks.equal(c.getresponse().status, 403, "a key that nobody signed")
    c.close()
    forged = stack.sign("PUT", "/bkt/refused", b"x", headers())
    forged["Authorization"] = forged["Authorization"][:-1] + ("0" if forged["Authorization"][-1] != "0" else "1")
    c = http.client.HTTPConnection("127.0.0.1", stack.s3_port, timeout=60)
    c.request("PUT", "/bkt/refused", b"x", forged)
    answer = c.getresponse()
    body = answer.read()
    checks.ok(answer.status == 403 and base64.b64encode(KEYS["a"]) not in body,
              "the error about a signature does not repeat the key")
    c.close()


def upload(stack, complete, **create):
    s3 = stack.client()
    data = os.urandom(PART + 77777)
    made = s3.create_multipart_upload(Bucket="bkt", Key="m", **with_key("a"), **create)
    checks.equal(made["SSECustomerKeyMD5"], md5(KEYS["a"]), "Create tells the key's MD5")
    names = dict(Bucket="bkt", Key="m", UploadId=made["UploadId"])
    refused("a part without the key", (400, "InvalidRequest"), s3.upload_part, PartNumber=1, Body=b"x", **names)
    refused("a part with another key", (400, "InvalidRequest"), s3.upload_part, PartNumber=1, Body=b"x", **names, **with_key("b"))
    parts = []
    for number, body in enumerate((data[:PART], data[PART:]), 1):
        more = {"ChecksumAlgorithm": create["ChecksumAlgorithm"]} if create else {}
        p = s3.upload_part(PartNumber=number, Body=body, **names, **with_key("a"), **more)
        parts.append({"PartNumber": number, "ETag": p["ETag"]})
        if create:
            parts[-1]["ChecksumCRC32C"] = p["ChecksumCRC32C"]
    again = s3.upload_part(PartNumber=2, Body=data[PART:], **names, **with_key("a"), **more)
    checks.equal(again["ETag"], parts[1]["ETag"], "the same part has the same ETag")
    joined = {"MultipartUpload": {"Parts": parts}}
    refused("Complete with another key", (400, "InvalidRequest"), s3.complete_multipart_upload, **names, **joined, **with_key("b"))
    if create:
        refused("Complete of an upload with checksums needs the key", (400, "InvalidRequest"),
                s3.complete_multipart_upload, **names, **joined)
        refused("its parts are listed with the key", (400, "InvalidRequest"), s3.list_parts, **names)
    listed = s3.list_parts(**names, **(with_key("a") if create else {}))["Parts"]
    checks.equal([p["Size"] for p in listed], [PART, len(data) - PART], "ListParts")
    done = s3.complete_multipart_upload(**names, **joined, **complete)
    got = s3.get_object(Bucket="bkt", Key="m", **with_key("a"))
    checks.equal((got["Body"].read() == data, got["ETag"]), (True, done["ETag"]), "the joined object")
    span = "bytes=%d-%d" % (PART - 3, PART + 3)
    checks.equal(s3.get_object(Bucket="bkt", Key="m", Range=span, **with_key("a"))["Body"].read(), data[PART - 3:PART + 4],
                 "over the edge of its parts")
    refused("not without its key", (400, "InvalidRequest"), s3.get_object, Bucket="bkt", Key="m")
    plain = s3.create_multipart_upload(Bucket="bkt", Key="p")["UploadId"]
    refused("a key for a part of an upload without one", (400, "InvalidRequest"), s3.upload_part, Bucket="bkt", Key="p",
            UploadId=plain, PartNumber=1, Body=b"x", **with_key("a"))
    s3.abort_multipart_upload(Bucket="bkt", Key="p", UploadId=plain)


def copies(stack):
    s3 = stack.client()
    data = os.urandom(150000)
    s3.put_object(Bucket="bkt", Key="from", Body=data, **with_key("source"))
    source = dict(Bucket="bkt", CopySource="bkt/from")
    refused("a copy without the source's key", (400, "InvalidRequest"), s3.copy_object, Key="to", **source)
    refused("a copy with another key", (400, "InvalidRequest"), s3.copy_object, Key="to", **source, **with_key("b", "CopySource"))
    s3.copy_object(Key="to", **source, **with_key("source", "CopySource"))
    checks.equal(s3.get_object(Bucket="bkt", Key="to")["Body"].read(), data, "a copy away from SSE-C")
    answer = s3.copy_object(Key="to", **source, **with_key("source", "CopySource"), **with_key("b"))
    checks.equal(answer["SSECustomerKeyMD5"], md5(KEYS["b"]), "a copy to another key")
    checks.equal(s3.get_object(Bucket="bkt", Key="to", **with_key("b"))["Body"].read(), data, "opens with that one")
    s3.copy_object(Key="from", **source, **with_key("source", "CopySource"), **with_key("a"))
    checks.equal(s3.get_object(Bucket="bkt", Key="from", **with_key("a"))["Body"].read(), data, "onto itself under a new key")


def blocked(stack):
    s3 = stack.client()

    s3.put_object(Bucket="bkt", Key="before", Body=b"old", **with_key("a"))
    pending = s3.create_multipart_upload(Bucket="bkt", Key="part", **with_key("a"))["UploadId"]
    body = b"".join([b'<ServerSideEncryptionConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Rule>',
                     b"<BlockedEncryptionTypes><EncryptionType>SSE-C</EncryptionType></BlockedEncryptionTypes>",
                     b"</Rule></ServerSideEncryptionConfiguration>"])
    checks.equal(stack.request("PUT", "/bkt", body, query="encryption")[0], 200, "SSE-C can be blocked alone")
    checks.ok(b"<EncryptionType>SSE-C</EncryptionType>" in stack.request("GET", "/bkt", query="encryption")[2], "and says so")
    denied = (403, "AccessDenied")
    for what, call, more in (
            ("PUT", s3.put_object, dict(Key="x", Body=b"x")), ("Create", s3.create_multipart_upload, dict(Key="x")),
            ("copy", s3.copy_object, dict(Key="x", CopySource="bkt/plain")),
            ("part", s3.upload_part, dict(Key="part", UploadId=pending, PartNumber=1, Body=b"x"))):
        refused("blocked: " + what, denied, call, Bucket="bkt", **more, **with_key("a"))
    s3.put_object(Bucket="bkt", Key="other", Body=b"x")
    checks.equal(s3.get_object(Bucket="bkt", Key="before", **with_key("a"))["Body"].read(), b"old", "what is stored opens still")
    status, _, answer = stack.request("PUT", "/bkt", body.replace(b">SSE-C<", b">NONE<"), query="encryption")
    checks.equal(status, 200, "and allowed again")
    s3.put_object(Bucket="bkt", Key="after", Body=b"new", **with_key("a"))


def damage(stack):
    """Damage is not taken for a wrong key, nor the other way round."""
    s3 = stack.client()
    before = set(stack.blobs())
    s3.put_object(Bucket="bkt", Key="damaged", Body=b"d" * 1000, **with_key("a"))
    blob, = set(stack.blobs()) - before
    with open(blob, "r+b") as f:
        f.seek(500)
        byte = f.read(1)
        f.seek(500)
        f.write(bytes([byte[0] ^ 1]))
    refused("damage with the right key", (500, "InternalError"), s3.get_object, Bucket="bkt", Key="damaged", **with_key("a"))
    refused("a wrong key is told first", (400, "InvalidRequest"), s3.get_object, Bucket="bkt", Key="damaged", **with_key("b"))


def nobody_keeps_it(stack):
    """Every byte that the daemons left on disk: logs, state, index, storage."""
    forms = []
    for key in KEYS.values():
        forms += [key, base64.b64encode(key), key.hex().encode(), md5(key).encode(), hashlib.md5(key).digest()]
    found, files = [], 0
    for folder, _, names in os.walk(stack.dir):
        for name in names:
            with open(os.path.join(folder, name), "rb") as f:
                data = f.read()
            files += 1
            found += [os.path.join(folder, name) for form in forms if form in data]
    checks.ok(files > 20, "%d files searched" % files)
    checks.equal(found, [], "no key and no MD5 of a key in any of them")


def main():
    with Stack(gateway="access_log = yes\n") as stack:
        s3 = stack.client()
        s3.create_bucket(Bucket="bkt", CreateBucketConfiguration={"LocationConstraint": stack.region})
        one_object(stack)
        log_of_uses(stack)
        contradictions(stack)
        upload(stack, {})
        upload(stack, with_key("a"))
        upload(stack, with_key("a"), ChecksumAlgorithm="CRC32C")
        copies(stack)
        blocked(stack)
        damage(stack)
        stack.gateway.stop()
        stack.restart_gateway()
        checks.equal(s3.get_object(Bucket="bkt", Key="after", **with_key("a"))["Body"].read(), b"new", "after a restart")
        for daemon in (stack.gateway, stack.kms):
            daemon.stop()
        nobody_keeps_it(stack)
    return checks.done()


sys.exit(main())
