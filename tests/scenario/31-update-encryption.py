#!/usr/bin/python3
"""UpdateObjectEncryption: an object goes under another key; no data moves, nothing else changes, and the old key is not needed any more."""
# timeout: 240

import datetime
import hashlib
import os
import sys

from stack import Checks, Stack

checks = Checks()
XMLNS = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
PART = 5 << 20
KEPT = ("ETag", "LastModified", "ContentLength", "VersionId", "ContentType", "Metadata", "ObjectLockMode")


def document(arn, more=""):
    return ("<ObjectEncryption %s><SSE-KMS><KMSKeyArn>%s</KMSKeyArn>%s</SSE-KMS></ObjectEncryption>" % (XMLNS, arn, more)).encode()


def update(stack, key, body, version=None, who="main"):
    """Status and code."""
    query = "encryption" + ("&versionId=" + version if version else "")
    status, _, answer = stack.request("PUT", "/bkt/" + key, body, query=query, who=who)
    code = answer.split(b"<Code>")[1].split(b"</Code>")[0].decode() if b"<Code>" in answer else ""
    return status, code


def contents(stack):
    """Every blob on storage, by what is in it."""
    return {path: hashlib.sha256(data).hexdigest() for path, data in stack.read_blobs()}


def head(s3, key, **more):
    return s3.head_object(Bucket="bkt", Key=key, **more)


def kept(answer):
    return {k: answer.get(k) for k in KEPT}


def moves(stack, arns):
    """AES256 and aws:kms, one request and joined from parts, then without the keys that they were made with."""
    s3 = stack.client()
    data = os.urandom(PART + 99999)
    s3.put_object(Bucket="bkt", Key="aes", Body=data[:1000], ServerSideEncryption="AES256", Metadata={"a": "b"})
    s3.put_object(Bucket="bkt", Key="kms", Body=data, ServerSideEncryption="aws:kms", SSEKMSKeyId=arns["old"])
    made = s3.create_multipart_upload(Bucket="bkt", Key="parts", ServerSideEncryption="aws:kms", SSEKMSKeyId=arns["old"])
    names = dict(Bucket="bkt", Key="parts", UploadId=made["UploadId"])
    parts = [{"PartNumber": n, "ETag": s3.upload_part(PartNumber=n, Body=body, **names)["ETag"]}
             for n, body in enumerate((data[:PART], data[PART:]), 1)]
    s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, **names)
    want = {"aes": data[:1000], "kms": data, "parts": data}
    before, stored = {key: head(s3, key) for key in want}, contents(stack)
    checks.equal(before["aes"]["ETag"], '"%s"' % hashlib.md5(data[:1000]).hexdigest(), "the ETag of AES256 is an MD5")
    for key in want:
        checks.equal(update(stack, key, document(arns["new"])), (200, ""), "%s: accepted" % key)
        now = head(s3, key)
        checks.equal((now["ServerSideEncryption"], now["SSEKMSKeyId"]), ("aws:kms", arns["new"]), "%s: under the new key" % key)
        checks.equal(kept(now), kept(before[key]), "%s: nothing else changed" % key)
    checks.equal(contents(stack), stored, "no blob was written, changed or removed")
    stack.admin("key.disable", tenant="main", key="old")
    stack.admin("key.disable", tenant="main", key="s3-default")
    for key, body in want.items():
        checks.ok(s3.get_object(Bucket="bkt", Key=key)["Body"].read() == body, "%s: opens without the old key" % key)
    stack.admin("key.disable", tenant="main", key="new")
    checks.equal(stack.request("GET", "/bkt/aes")[0], 400, "and not without the new one")
    for name in ("old", "new", "s3-default"):
        stack.admin("key.enable", tenant="main", key=name)
    s3.copy_object(Bucket="bkt", Key="copy", CopySource="bkt/parts")
    checks.ok(s3.get_object(Bucket="bkt", Key="copy")["Body"].read() == data, "it can be copied")
    checks.equal(update(stack, "kms", document(arns["new"])), (200, ""), "the same key once more")
    checks.ok(s3.get_object(Bucket="bkt", Key="kms")["Body"].read() == data, "and it opens")


def versions(stack, arns):
    s3 = stack.client()
    s3.create_bucket(Bucket="lock", ObjectLockEnabledForBucket=True, CreateBucketConfiguration={"LocationConstraint": stack.region})
    until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
    first = s3.put_object(Bucket="lock", Key="v", Body=b"first", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=until)["VersionId"]
    second = s3.put_object(Bucket="lock", Key="v", Body=b"second")["VersionId"]
    status = stack.request("PUT", "/lock/v", document(arns["new"]), query="encryption&versionId=" + first)[0]
    checks.equal(status, 200, "an older version that is locked")
    old = s3.head_object(Bucket="lock", Key="v", VersionId=first)
    checks.equal((old["SSEKMSKeyId"], old["ObjectLockMode"]), (arns["new"], "COMPLIANCE"), "has the new key and its lock")
    checks.ok(s3.head_object(Bucket="lock", Key="v", VersionId=second)["SSEKMSKeyId"] != arns["new"], "the current version has not")
    checks.equal(s3.get_object(Bucket="lock", Key="v", VersionId=first)["Body"].read(), b"first", "it opens")
    s3.delete_object(Bucket="lock", Key="v")
    checks.equal(stack.request("PUT", "/lock/v", document(arns["new"]), query="encryption")[0], 404, "a deleted object")


def refusals(stack, arns):
    s3 = stack.client()
    s3.put_object(Bucket="bkt", Key="k", Body=b"x")
    s3.put_object(Bucket="bkt", Key="customer", Body=b"x", SSECustomerAlgorithm="AES256", SSECustomerKey="k" * 32)
    before = head(s3, "k")["SSEKMSKeyId"]
    good = document(arns["new"])
    empty = "<ObjectEncryption %s>%%s</ObjectEncryption>" % XMLNS
    cases = [
        ("SSE-C", "customer", good, (400, "InvalidRequest")),
        ("an object that is not there", "none", good, (404, "NoSuchKey")),
        ("no document", "k", b"", (400, "MalformedXML")),
        ("another document", "k", b"<Tagging/>", (400, "MalformedXML")),
        ("no type", "k", (empty % "").encode(), (400, "InvalidRequest")),
        ("SSE-S3", "k", (empty % "<SSE-S3/>").encode(), (400, "InvalidRequest")),
        ("two types", "k", (empty % "<SSE-S3/><SSE-KMS/>").encode(), (400, "InvalidRequest")),
        ("no key", "k", (empty % "<SSE-KMS/>").encode(), (400, "InvalidRequest")),
        ("an alias", "k", document("alias/new"), (400, "InvalidRequest")),
        ("the ARN of an alias", "k", document("arn:aws:kms:fr-sov-1:%s:alias/new" % stack.tenants["main"]["tenant"]),
         (400, "InvalidRequest")),
        ("a flag that is none", "k", document(arns["new"], "<BucketKeyEnabled>maybe</BucketKeyEnabled>"), (400, "InvalidRequest")),
        ("another tenant's key", "k", document(arns["theirs"]), (403, "AccessDenied")),
        ("a key that is not there", "k", document(arns["new"][:-12] + "0" * 12), (400, "KMS.NotFoundException")),
    ]
    for what, key, body, want in cases:
        checks.equal(update(stack, key, body), want, what)
    checks.equal(update(stack, "k", good, version="0" * 32), (404, "NoSuchVersion"), "a version that is not there")
    checks.equal(update(stack, "k", good, who="alt"), (403, "AccessDenied"), "another tenant's request")
    for word in ("false", "true"):
        flag = "<BucketKeyEnabled>%s</BucketKeyEnabled>" % word
        checks.equal(update(stack, "k", document(arns["new"], flag)), (200, ""), "a bucket key: " + word)
    checks.ok(before != arns["new"] and head(s3, "k")["SSEKMSKeyId"] == arns["new"], "what was refused changed nothing")


def logged(stack):
    """Opened under the old key and issued under the new one, in one entry; what is opened later is what was issued there."""
    stack.published()
    entries = [e for e in stack.entries() if e.get("op") == "s3:UpdateObjectEncryption" and e["result"] == "ok" and e.get("keys")]
    checks.ok(len(entries) >= 5, "%d entries" % len(entries))
    checks.ok(all([k["use"] for k in e["keys"]] == ["opened", "issued"] for e in entries), "opened and issued in each")
    issued = {k["wrapped"] for e in stack.entries() for k in e.get("keys", []) if k["use"] == "issued"}
    opened = {k["wrapped"] for e in stack.entries() for k in e.get("keys", []) if k["use"] == "opened"}
    checks.ok(opened <= issued, "every key that was opened had been issued")
    status, report = stack.audit()
    checks.equal(status, 0, "the log verifies")


def main():
    with Stack() as stack:
        s3 = stack.client()
        s3.create_bucket(Bucket="bkt", CreateBucketConfiguration={"LocationConstraint": stack.region})
        arns = {name: stack.admin("key.create", tenant="main", alias=name)["arn"] for name in ("old", "new")}
        arns["theirs"] = stack.admin("key.create", tenant="alt", alias="theirs")["arn"]
        moves(stack, arns)
        versions(stack, arns)
        refusals(stack, arns)
        logged(stack)
        stack.gateway.stop()
        stack.restart_gateway()
        checks.equal(head(s3, "aes")["SSEKMSKeyId"], arns["new"], "after a restart")
    return checks.done()


sys.exit(main())
