#!/usr/bin/python3
"""Browser forms: what a policy allows is stored, once it has expired or anything is changed nothing is, and no gateway can do more with it."""
# timeout: 300

import base64
import hashlib
import hmac
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import xml.etree.ElementTree as ET
from datetime import datetime, timedelta, timezone

import kmsproto
from kmsproto import ISSUE, Form, access_call, key_call
from stack import REFUSED_WHILE_SENDING, Checks, Stack, wait_for

checks = Checks()
BOUNDARY = "----RempartFormBoundary7MA4YWxkTrZu0gW"
BIG = 64 << 20


def part(name, value, filename=None):
    head = '--%s\r\nContent-Disposition: form-data; name="%s"' % (BOUNDARY, name)
    if filename is not None:
        head += '; filename="%s"\r\nContent-Type: application/octet-stream' % filename
    return head.encode() + b"\r\n\r\n" + (value if isinstance(value, bytes) else value.encode()) + b"\r\n"


def body_of(fields, data=b"data", filename="f.txt", after=b""):
    file = part("file", data, filename) if data is not None else b""
    return b"".join(part(n, v) for n, v in fields.items()) + file + after + ("--%s--\r\n" % BOUNDARY).encode()


def connect(stack):
    return http.client.HTTPConnection("127.0.0.1", stack.s3_port, timeout=60)


def post(stack, body, path="/forms", headers=None, boundary=BOUNDARY):
    c = connect(stack)
    try:
        c.connect()
        with REFUSED_WHILE_SENDING:
            c.request("POST", path, body, dict({"Content-Type": "multipart/form-data; boundary=" + boundary}, **(headers or {})))
        answer = c.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    finally:
        c.close()


def signed(stack, key="in/${filename}", fields=None, conditions=(), seconds=600, who="main", bucket="forms"):
    """boto3's presigned form: Signature Version 4."""
    fields = dict(fields or {})
    got = stack.client(who, signature_version="s3v4").generate_presigned_post(
        bucket, key, Fields=fields, ExpiresIn=seconds,
        Conditions=[{n: v} for n, v in fields.items()] + list(conditions))
    return got["fields"]


def signed_v2(stack, fields, conditions, seconds=600):
    until = (datetime.now(timezone.utc) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
    policy = base64.b64encode(json.dumps({"expiration": until, "conditions": conditions}).encode())
    access = stack.access["main"]
    mac = hmac.new(access["secret_key"].encode(), policy, hashlib.sha1).digest()
    return dict(fields, AWSAccessKeyId=access["access_key"], policy=policy.decode(), signature=base64.b64encode(mac).decode())


def outcome(answer):
    status, _, body = answer
    code = re.search(rb"<Code>([^<]*)</Code>", body)
    return status, code.group(1).decode() if code else None


def refused(what, want, answer):
    return checks.equal(outcome(answer), want, what)


def keys(stack, bucket="forms"):
    return [o["Key"] for o in stack.client().list_objects_v2(Bucket=bucket).get("Contents", [])]


def blobs(stack):
    """Names in the storage, but for the collector's marks; what is unlinked while we walk is gone."""
    return {os.path.join(d, f) for d, _, names in os.walk(stack.store) for f in names} - stack.marks()


def uploads(stack):
    s3 = stack.client()
    fields = signed(stack, fields={"Content-Type": "text/plain", "x-amz-meta-who": "a page", "acl": "private",
                                   "Cache-Control": "no-store",
                                   "tagging": "<Tagging><TagSet><Tag><Key>a b</Key><Value>1+2</Value></Tag></TagSet></Tagging>"})
    status, headers, body = post(stack, body_of(fields, b"hello", "C:\\Users\\me\\hello world.txt"))
    checks.equal((status, body), (204, b""), "a signed form is stored")
    checks.equal(headers["location"], stack.url() + "/forms/in/hello%20world.txt", "and told where")
    got = s3.get_object(Bucket="forms", Key="in/hello world.txt")
    told = got["Body"].read(), got["ContentType"], got["Metadata"], got["CacheControl"], got["ETag"]
    checks.equal(told, (b"hello", "text/plain", {"who": "a page"}, "no-store", headers["etag"]), "as the form said")
    tags = s3.get_object_tagging(Bucket="forms", Key="in/hello world.txt")["TagSet"]
    checks.equal(tags, [{"Key": "a b", "Value": "1+2"}], "with its tags")
    checks.equal(post(stack, body_of(signed(stack, "in/slash"), b"x"), "/forms/")[0], 204, "an address with a slash")
    hosted = post(stack, body_of(signed(stack, "in/hosted"), b"host"), "/", {"Host": "forms.s3.localhost"})
    checks.equal((hosted[0], hosted[1].get("location")), (204, "http://forms.s3.localhost/in/hosted"), "a bucket in the host name")
    checks.equal(s3.head_object(Bucket="forms", Key="in/hosted")["ContentType"], "binary/octet-stream", "without a type in the form, the default")
    if shutil.which("curl"):
        fields = signed(stack, "in/curl-${filename}", {"x-amz-meta-by": "curl"})
        name = os.path.join(stack.dir, 'a "quoted" name')
        with open(name, "w", encoding="ascii") as f:
            f.write("from curl")
        run = subprocess.run(["curl", "-sS", "-o", os.devnull, "-w", "%{http_code}", stack.url() + "/forms"] +
                             [w for n, v in fields.items() for w in ("--form-string", n + "=" + v)] +
                             ["-F", "file=@\"%s\"" % name.replace('"', '\\"')], capture_output=True, text=True)
        stored = [k for k in keys(stack) if k.startswith("in/curl-")]
        checks.equal((run.stdout, run.stderr, len(stored)), ("204", "", 1), "curl -F")
        checks.equal(s3.get_object(Bucket="forms", Key=stored[0])["Body"].read(), b"from curl", "with its file")
    late = part("acl", "public-read") + part("file", b"second", "g.txt")
    checks.equal(post(stack, body_of(signed(stack, "in/late"), b"first", after=late))[0], 204, "fields behind the file")
    checks.equal(s3.get_object(Bucket="forms", Key="in/late")["Body"].read(), b"first", "do not count")
    key = base64.b64encode(b"k" * 32).decode()
    sse = {"x-amz-server-side-encryption-customer-" + n: v for n, v in (
        ("algorithm", "AES256"), ("key", key), ("key-MD5", base64.b64encode(hashlib.md5(b"k" * 32).digest()).decode()))}
    checks.equal(post(stack, body_of(signed(stack, "in/customer", sse), b"sealed"))[0], 204, "a customer's key in a form")
    got = s3.get_object(Bucket="forms", Key="in/customer", SSECustomerAlgorithm="AES256", SSECustomerKey=key,
                        SSECustomerKeyMD5=sse["x-amz-server-side-encryption-customer-key-MD5"])
    checks.equal(got["Body"].read(), b"sealed", "opens the object")


def answers(stack):
    def answer(name, **fields):
        return post(stack, body_of(signed(stack, "in/" + name, fields), b"x"))
    for given, want in (("200", 200), ("201", 201), ("204", 204), ("404", 204), ("", 204)):
        status, headers, body = answer("status", success_action_status=given)
        checks.equal(status, want, "success_action_status %r" % given)
        if status == 201:
            tree = ET.fromstring(body)
            told = tree.tag, tree.find("Bucket").text, tree.find("Key").text, tree.find("ETag").text, tree.find("Location").text
            checks.equal(told, ("PostResponse", "forms", "in/status", headers["etag"], stack.url() + "/forms/in/status"), "in XML")
    for url, joint in (("http://page.example/done", "?"), ("https://page.example/done?a=b", "&")):
        status, headers, _ = answer("a b&c", success_action_redirect=url, success_action_status="201")
        etag = headers["etag"].strip('"')
        checks.equal((status, headers["location"]),
                     (303, "%s%sbucket=forms&key=in%%2Fa%%20b%%26c&etag=%%22%s%%22" % (url, joint, etag)), "a redirect to " + url)
    for url in ("javascript:alert(1)", "//page.example", "http://page.example/a b", ""):
        checks.equal(answer("odd", success_action_redirect=url)[0], 204, "%r is no redirect" % url)


def tampering(stack):
    """Every field changed, left out, and one added: nothing is stored, and the KMS's log says so."""
    before, good = keys(stack), signed(stack, "in/tamper", {"acl": "private", "Content-Type": "text/plain", "x-amz-meta-a": "b",
                                                             "success_action_status": "200"})
    other = json.loads(base64.b64decode(good["policy"]))
    other["expiration"] = "2099-01-01T00:00:00Z"
    changes = {"key": "out/tamper", "acl": "public-read", "Content-Type": "text/html", "x-amz-meta-a": "c",
               "success_action_status": "201", "policy": base64.b64encode(json.dumps(other).encode()).decode(),
               "x-amz-credential": good["x-amz-credential"].replace(stack.access["main"]["access_key"], stack.access["alt"]["access_key"]),
               "x-amz-date": good["x-amz-date"][:-2] + ("1Z" if good["x-amz-date"][-2] != "1" else "2Z"),
               "x-amz-signature": good["x-amz-signature"][::-1], "x-amz-algorithm": "AWS4-HMAC-SHA512"}
    checks.equal(set(changes), set(good), "every field of the form is changed")
    for name, value in changes.items():
        status, code = outcome(post(stack, body_of(dict(good, **{name: value}))))
        want = {"x-amz-algorithm": (400, "InvalidArgument"), "policy": (403, "SignatureDoesNotMatch"),
                "x-amz-signature": (403, "SignatureDoesNotMatch")}.get(name, (403, "AccessDenied"))
        if name == "x-amz-credential":
            want = (403, "SignatureDoesNotMatch")
        checks.equal((status, code), want, "%s changed" % name)
    for name in good:
        status, _ = outcome(post(stack, body_of({n: v for n, v in good.items() if n != name})))
        checks.ok(status in (400, 403), "%s left out" % name)
    for name, value in (("x-amz-meta-more", "x"), ("Expires", "x"), ("x-amz-storage-class", "STANDARD"), ("redirect", "http://x.example/"),
                        ("bucket", "other"), ("submit", "go"), ("x-amz-object-lock-mode", "GOVERNANCE")):
        refused("%s added" % name, (403, "AccessDenied"), post(stack, body_of(dict(good, **{name: value}))))
    for name in ("x-amz-copy-source", "x-amz-content-sha256", "x-amz-tagging"):
        refused("%s added" % name, (501, "NotImplemented"), post(stack, body_of(dict(good, **{name: "x"}))))
    refused("the form at another bucket", (403, "AccessDenied"), post(stack, body_of(good), "/other"))
    refused("another tenant's form", (403, "AccessDenied"), post(stack, body_of(signed(stack, "in/tamper", who="alt"))))
    checks.equal(keys(stack), before, "nothing of it was stored")
    checks.equal(keys(stack, "other"), [], "nor in the other bucket")
    stack.published()
    told = [e.get("detail", "") for e in stack.entries() if e.get("op") == "s3:PutObject" and e["result"] == "denied"]
    checks.ok("a condition of the policy does not hold" in told and "the policy has no condition for a field of the form" in told,
              "the log says what did not hold")
    checks.equal(post(stack, body_of(dict(good, **{"x-ignore-this": "x"})))[0], 200, "unchanged it is stored")


def time_and_versions(stack):
    refused("an expired form", (403, "AccessDenied"), post(stack, body_of(signed(stack, "in/old", seconds=-10))))
    fields = signed(stack, "in/short", seconds=5)
    end = datetime.fromisoformat(json.loads(base64.b64decode(fields["policy"]))["expiration"].replace("Z", "+00:00"))
    short = body_of(fields)
    checks.equal(post(stack, short)[0], 204, "a form that lasts five seconds")
    last = wait_for("its end", lambda: next(iter([a for a in [post(stack, short)] if a[0] != 204]), None))
    refused("replayed when it has expired", (403, "AccessDenied"), last)
    checks.ok(b"Policy expired" in last[2] and datetime.now(timezone.utc) >= end, "not earlier, and S3's words for it")
    conditions = [{"bucket": "forms"}, ["starts-with", "$key", "in/"]]
    old = signed_v2(stack, {"key": "in/v2"}, conditions)
    checks.equal(post(stack, body_of(old))[0], 204, "Signature Version 2")
    refused("with another signature", (403, "SignatureDoesNotMatch"), post(stack, body_of(dict(old, signature=old["signature"][::-1]))))
    refused("with another's access key", (403, "SignatureDoesNotMatch"),
            post(stack, body_of(dict(old, AWSAccessKeyId=stack.access["alt"]["access_key"]))))
    refused("outside of its policy", (403, "AccessDenied"), post(stack, body_of(dict(old, key="out/v2"))))
    refused("both versions at once", (400, "InvalidArgument"), post(stack, body_of(dict(signed(stack, "in/x"), **old))))


def sizes(stack):
    def sized(n, lowest=5, highest=100000):
        return post(stack, body_of(signed(stack, "in/size-%d" % n, conditions=[["content-length-range", lowest, highest]]), b"s" * n))
    before, stored = keys(stack), blobs(stack)
    for n, code in ((0, "EntityTooSmall"), (4, "EntityTooSmall"), (100001, "EntityTooLarge"), (3 << 20, "EntityTooLarge")):
        refused("a file of %d bytes" % n, (400, code), sized(n))
    checks.equal(keys(stack), before, "nothing of them was stored")
    wait_for("blobs of what was refused to be gone", lambda: blobs(stack) <= stored)
    checks.ok(True, "no blob is left of it")
    for n in (5, 100000):
        checks.equal(sized(n)[0], 204, "a file of %d bytes" % n)


def streaming(stack):
    data = os.urandom(1 << 20) * (BIG >> 20)
    data = data[:-9] + b"\r\n--" + BOUNDARY.encode()[:5]
    status, headers, _ = post(stack, body_of(signed(stack, "in/big"), data))
    got = stack.client().get_object(Bucket="forms", Key="in/big")
    digest = hashlib.sha256()
    for chunk in got["Body"].iter_chunks(1 << 20):
        digest.update(chunk)
    checks.equal((status, digest.digest()), (204, hashlib.sha256(data).digest()), "64 MiB, with a false delimiter at the end")
    body = body_of(signed(stack, "in/cut"), data)
    before, stored = keys(stack), blobs(stack)
    s = socket.create_connection(("127.0.0.1", stack.s3_port), timeout=60)
    s.sendall(("POST /forms HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nContent-Type: multipart/form-data; boundary=%s\r\n\r\n"
               % (len(body), BOUNDARY)).encode() + body[:len(body) // 2])
    wait_for("blobs of it", lambda: blobs(stack) - stored)
    s.close()
    wait_for("blobs of what was cut to be gone", lambda: blobs(stack) <= stored)
    checks.equal(keys(stack), before, "a connection cut in the middle leaves nothing")
    small = body_of(signed(stack, "in/bytewise"), b"\r\n--" + BOUNDARY.encode()[:-1] + b"\r")
    s = socket.create_connection(("127.0.0.1", stack.s3_port), timeout=60)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    s.sendall(("POST /forms HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n"
               "Content-Type: multipart/form-data; boundary=%s\r\n\r\n" % BOUNDARY).encode())
    checks.ok(s.recv(100).startswith(b"HTTP/1.1 100"), "the body is asked for")
    for b in small:
        s.sendall(b"1\r\n" + bytes([b]) + b"\r\n")
    s.sendall(b"0\r\n\r\n")
    checks.ok(s.recv(100).startswith(b"HTTP/1.1 204"), "byte by byte, each in a chunk of its own")
    s.close()
    checks.equal(stack.client().get_object(Bucket="forms", Key="in/bytewise")["Body"].read(),
                 b"\r\n--" + BOUNDARY.encode()[:-1] + b"\r", "and whole")


def malformed(stack):
    fields, before = signed(stack, "in/bad"), keys(stack)
    whole = body_of(fields)
    refused("not a form", (412, "PreconditionFailed"), post(stack, whole, headers={"Content-Type": "text/plain"}))
    refused("no boundary", (400, "MalformedPOSTRequest"), post(stack, whole, headers={"Content-Type": "multipart/form-data"}))
    refused("another boundary", (400, "MalformedPOSTRequest"), post(stack, whole, boundary="other"))
    refused("an empty body", (400, "MalformedPOSTRequest"), post(stack, b""))
    refused("cut in the fields", (400, "MalformedPOSTRequest"), post(stack, whole[:200]))
    refused("cut in the file", (400, "IncompleteBody"), post(stack, whole[:-len(BOUNDARY) - 10]))
    refused("no file", (400, "IncorrectNumberOfFilesInPostRequest"), post(stack, body_of(fields, None)))
    refused("no key", (400, "InvalidArgument"), post(stack, body_of({n: v for n, v in fields.items() if n != "key"})))
    refused("the key behind the file", (400, "InvalidArgument"),
            post(stack, body_of({n: v for n, v in fields.items() if n != "key"}, after=part("key", "in/bad"))))
    refused("a field twice", (400, "InvalidArgument"), post(stack, part("KEY", "in/other") + whole))
    refused("20 KiB of fields", (400, "MaxPostPreDataLengthExceeded"), post(stack, body_of(dict(fields, **{"x-ignore-a": "a" * 20480}))))
    refused("a line end in a header", (400, "InvalidArgument"), post(stack, body_of(dict(fields, **{"x-amz-meta-a": "a\r\nb: c"}))))
    refused("a key of 1,025 bytes", (400, "KeyTooLongError"), post(stack, body_of(dict(fields, key="k" * 1025))))
    refused("a policy that is none", (400, "InvalidPolicyDocument"), post(stack, body_of(dict(fields, policy="e30="))))
    refused("an Authorization header beside it", (400, "InvalidArgument"), post(stack, whole, headers={"Authorization": "AWS4-HMAC-SHA256 x"}))
    refused("a header that would be lost", (501, "NotImplemented"), post(stack, whole, headers={"x-amz-acl": "private"}))
    refused("a bucket that is not there", (404, "NoSuchBucket"),
            post(stack, body_of(signed(stack, "in/bad", bucket="nowhere")), "/nowhere"))
    refused("nobody's form", (403, "AccessDenied"), post(stack, body_of({"key": "in/bad"})))
    checks.equal(keys(stack), before, "nothing of them was stored")


def public_bucket(stack):
    """Where everybody may write, a form needs no signature; one that has any part of one is held to it."""
    s3 = stack.client()
    s3.create_bucket(Bucket="public", ObjectOwnership="ObjectWriter")
    s3.delete_public_access_block(Bucket="public")
    s3.put_bucket_acl(Bucket="public", ACL="public-read-write")
    checks.equal(post(stack, body_of({"key": "nobody", "Content-Type": "text/plain"}, b"from nobody"), "/public")[0], 204, "nobody's form")
    got = s3.get_object(Bucket="public", Key="nobody")
    checks.equal((got["Body"].read(), got["ContentType"]), (b"from nobody", "text/plain"), "is an anonymous PUT")
    good = signed(stack, "in/x", bucket="public")
    for what, fields, want in (
            ("no signature to a policy", {n: v for n, v in good.items() if n != "x-amz-signature"}, (400, "InvalidArgument")),
            ("no policy to a signature", {n: v for n, v in good.items() if n != "policy"}, (400, "InvalidArgument")),
            ("a wrong signature", dict(good, **{"x-amz-signature": "0" * 64}), (403, "SignatureDoesNotMatch")),
            ("a key that the policy forbids", dict(good, key="out/x"), (403, "AccessDenied")),
            ("an expired policy", signed(stack, "in/x", bucket="public", seconds=-10), (403, "AccessDenied"))):
        refused("in a public bucket: " + what, want, post(stack, body_of(fields), "/public"))
    checks.equal(keys(stack, "public"), ["nobody"], "nothing of them was stored")


def page(stack):
    """A script in a page reads the answers, also those of refusals."""
    stack.client().put_bucket_cors(Bucket="forms", CORSConfiguration={"CORSRules": [
        {"AllowedOrigins": ["https://page.example"], "AllowedMethods": ["POST"], "ExposeHeaders": ["ETag"]}]})
    origin = {"Origin": "https://page.example"}
    for what, fields, want in (("stored", signed(stack, "in/page"), 204), ("refused", {"key": "in/page"}, 403)):
        status, headers, _ = post(stack, body_of(fields), headers=origin)
        checks.equal((status, headers.get("access-control-allow-origin")), (want, "https://page.example"), "a page's form: " + what)


def stolen_gateway(stack):
    """With the gateway's certificate and secret, and a form that a user sent: only what its policy says."""
    with open(stack.secret, encoding="ascii") as f:
        secret = bytes.fromhex(f.read().strip())

    def ask(fields, key, bucket="forms", claim=None):
        evidence = Form(bucket, fields)
        evidence.access_key = claim or ""
        reply = kmsproto.batch(stack.kms_port, stack.tls("gateway"), secret,
                               [access_call(evidence, [key_call(ISSUE, bucket, key, os.urandom(16))])])
        return reply if isinstance(reply, int) else (reply[0].verdict, len(reply[0].keys))
    fields = dict(signed(stack, "in/user", {"acl": "private"}))
    checks.equal(ask(fields, "in/user"), ("ok", 1), "the control: the form as it was sent")
    checks.equal(ask(fields, "in/other"), ("bad-call", 0), "another key than the form's")
    checks.equal(ask(dict(fields, key="in/other"), "in/other"), ("denied", 0), "another key in the form")
    checks.equal(ask(fields, "in/user", "other"), ("denied", 0), "another bucket")
    checks.equal(ask(dict(fields, acl="public-read"), "in/user"), ("denied", 0), "another ACL")
    checks.equal(ask(dict(fields, **{"x-amz-meta-a": "b"}), "in/user"), ("denied", 0), "one field more")
    checks.equal(ask({"key": "in/user"}, "in/user"), ("bad-call", 0), "no signature")
    checks.equal(ask(fields, "in/user", claim="somebody"), 400, "a signer claimed beside the form")


def version_2_off(stack):
    old = body_of(signed_v2(stack, {"key": "in/v2"}, [{"bucket": "forms"}, {"key": "in/v2"}]))
    checks.equal(post(stack, old)[0], 204, "Signature Version 2 before it is turned off")
    stack.kms.stop()
    status, headers, body = post(stack, body_of(signed(stack, "in/down")))
    checks.equal((status, "retry-after" in headers, b"SlowDown" in body), (503, True, True), "without the KMS no form is taken")
    with open(stack.kms_ini, encoding="utf-8") as f:
        text = f.read()
    with open(stack.kms_ini, "w", encoding="utf-8") as f:
        f.write(text.replace("[kms]", "[kms]\npost_sigv2 = no", 1))
    stack.restart_kms()
    wait_for("the gateway to find the KMS again", lambda: post(stack, body_of(signed(stack, "in/v4")))[0] == 204)
    refused("Signature Version 2 afterwards", (403, "AccessDenied"), post(stack, old))


def main():
    with Stack() as stack:
        for bucket in ("forms", "other"):
            stack.client().create_bucket(Bucket=bucket)
        for step in (uploads, answers, tampering, time_and_versions, sizes, streaming, malformed, public_bucket, page, stolen_gateway, version_2_off):
            step(stack)
        stack.published()
        status, report = stack.audit()
        checks.equal((status, report.get("ok", True)), (0, True), "the log verifies")
    return checks.done()


sys.exit(main())
