#!/usr/bin/python3
"""Requests made to harm: they are refused, and nobody else notices."""

import http.client
import os
import socket
import sys
import threading

from stack import Checks, Stack, wait_for

checks = Checks()
MIB = 1 << 20


def limits(stack):
    """What is acknowledged can be read back; what could not is refused."""
    s3 = stack.client()
    for size in (4096, 4097, 8000):
        status = stack.request("PUT", "/data/type", b"x", {"Content-Type": "a/" + "b" * (size - 2)})[0]
        checks.equal(status, 200 if size <= 4096 else 400, "a content type of %d bytes" % size)
        status, headers, body = stack.request("GET", "/data/type")
        checks.ok(status == 200 and body == b"x" and len(headers["content-type"]) == 4096, "the object is there")
    status = stack.request("POST", "/data/type", b"", {"Content-Type": "a" * 5000}, query="uploads=")[0]
    checks.equal(status, 400, "nor does an upload begin with a longer one")
    long = {"long": "v" * 1500, "last": "w" * 300, "short": "s"}
    s3.put_object(Bucket="data", Key="meta", Body=b"", Metadata=long)
    checks.equal(s3.head_object(Bucket="data", Key="meta")["Metadata"], long, "long metadata comes back")
    s3.delete_object(Bucket="data", Key="type")


def source_of_others(stack):
    """The source of a copy in another tenant's bucket: one answer, whatever is there."""
    stack.client().put_object(Bucket="data", Key="secret", Body=b"0123456789")
    stack.client("alt").create_bucket(Bucket="other", CreateBucketConfiguration={"LocationConstraint": stack.region})
    etag = stack.client().head_object(Bucket="data", Key="secret")["ETag"]
    answers = set()
    for more in ({"x-amz-copy-source": "/data/secret"}, {"x-amz-copy-source": "/data/nothing"},
                 {"x-amz-copy-source": "/data/secret", "x-amz-copy-source-if-match": '"x"'},
                 {"x-amz-copy-source": "/data/secret", "x-amz-copy-source-if-none-match": etag}):
        answers.add(stack.request("PUT", "/other/copy", b"", more, "alt")[0])
    checks.equal(answers, {403}, "a copy from another tenant's bucket tells nothing about it")
    copy = {"x-amz-copy-source": "/data/secret", "x-amz-source-expected-bucket-owner": stack.tenants["alt"]["tenant"]}
    checks.equal(stack.request("PUT", "/data/copy", b"", copy)[0], 403, "a source of another owner than expected")


def unsigned(stack):
    """A request that nobody signed, with a bucket name and a list of headers that no protocol has room for."""
    names = ";".join(["host", "x-amz-content-sha256", "x-amz-date"] + ["z%s%02d" % ("y" * 150, i) for i in range(40)])
    headers = {"x-amz-date": "20260101T000000Z", "x-amz-content-sha256": "UNSIGNED-PAYLOAD",
               "Authorization": "AWS4-HMAC-SHA256 Credential=A/20260101/r/s3/aws4_request, SignedHeaders=%s, "
                                "Signature=%s" % (names, "0" * 64)}
    c = http.client.HTTPConnection("127.0.0.1", stack.s3_port, timeout=60)
    try:
        c.request("PUT", "/" + "q" * 300 + "/k", b"", headers)
        return c.getresponse().status
    finally:
        c.close()


class Slow:
    """A signed request of "alt" that stops in its body until end() sends the rest."""

    def __init__(self, stack, method, path, body, query=""):
        self.body, self.ops = body, stack.gateway_ops_port
        lines = ["%s %s%s HTTP/1.1" % (method, path, "?" + query if query else ""),
                 "Host: 127.0.0.1:%d" % stack.s3_port, "Content-Length: %d" % len(body)]
        for name, value in stack.sign(method, path, body, who="alt", query=query).items():
            if name.lower() not in ("host", "content-length"):
                lines.append("%s: %s" % (name, value))
        self.socket = socket.create_connection(("127.0.0.1", stack.s3_port), timeout=60)
        self.socket.sendall("\r\n".join(lines + ["Expect: 100-continue", "", ""]).encode())
        checks.ok(b" 100 " in self.socket.recv(100), "%s %s: the bucket is there" % (method, path))
        self.socket.sendall(body[:-1000])

    def end(self):
        self.socket.sendall(self.body[-1000:])
        with self.socket:
            return int(self.socket.recv(1000).split()[1])


def bucket_of_the_same_name(stack):
    """A request that began in one bucket does not end in another tenant's that took its name."""
    main, alt = stack.client(), stack.client("alt")
    where = {"LocationConstraint": stack.region}
    alt.create_bucket(Bucket="name", CreateBucketConfiguration=where)
    pad = b"<!--" + b"x" * 100000 + b"-->"
    slow = [Slow(stack, "PUT", "/name/put", os.urandom(200000)),
            Slow(stack, "POST", "/name", b"<Delete>" + pad + b"<Object><Key>deleted</Key></Object></Delete>", "delete="),
            Slow(stack, "PUT", "/name/tagged", b"<Tagging>" + pad + b"<TagSet><Tag><Key>a</Key><Value>b</Value></Tag>"
                 b"</TagSet></Tagging>", "tagging=")]
    alt.delete_bucket(Bucket="name")
    main.create_bucket(Bucket="name", CreateBucketConfiguration=where)
    for key in ("put", "deleted", "tagged"):
        main.put_object(Bucket="name", Key=key, Body=b"mine")
    checks.equal([s.end() for s in slow], [404] * len(slow), "they end with NoSuchBucket")
    for key in ("put", "deleted", "tagged"):
        checks.equal(stack.request("GET", "/name/" + key)[::2], (200, b"mine"), "the other tenant's %s is untouched" % key)
    checks.equal(stack.request("GET", "/name/tagged", query="tagging=")[2].count(b"<Tag>"), 0, "and has no tag")


def long_copies(stack):
    """Long copies do not take all workers: of two, one is for the others."""
    stack.client().put_object(Bucket="data", Key="long", Body=bytes(70 << 20))
    answers = []

    def copy(n):
        source = {"x-amz-copy-source": "/data/long"}
        answers.append(stack.request("PUT", "/data/copy%d" % n, b"", source)[0])

    threads = [threading.Thread(target=copy, args=(n,)) for n in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    checks.ok(set(answers) == {200, 503}, "some are told to come again: %s" % sorted(answers))
    copy(7)
    checks.equal(answers[-1], 200, "and may, when the others are done")


def held_text(stack):
    """XML bodies that come slowly share one room; who finds none is told to come again, and it is given back."""
    body = b"<Delete>" + b" " * (4 * MIB - 16)
    signed = stack.sign("POST", "/data", body, query="delete=")
    slow, refused = [], 0
    head = "".join("%s: %s\r\n" % (n, v) for n, v in dict(signed, Host="127.0.0.1:%d" % stack.s3_port).items()
                   if n.lower() != "content-length")
    for n in range(40):
        s = socket.create_connection(("127.0.0.1", stack.s3_port))
        s.settimeout(60)
        s.sendall(("POST /data?delete= HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n" % (head, len(body))).encode())
        try:
            s.sendall(body[:-1])
        except OSError:
            pass  # refused while it was sent
        slow.append(s)
        # One after the other: of many that ask for the last room at the same time, more are refused than need be.
        wait_for("it to arrive", lambda: text_bytes(stack) >= min(120 * MIB, (n + 1) * 7 * MIB // 2))
    held = wait_for("the room to be full", lambda: text_bytes(stack) > 120 * MIB and text_bytes(stack))
    checks.ok(held <= 128 * MIB, "40 bodies of 4 MiB hold %d MiB" % (held // MIB))
    checks.equal(stack.request("GET", "/data/meta")[0], 200, "requests without XML are answered meanwhile")
    answers = []
    for s in slow:
        try:
            s.sendall(body[-1:])
            answers.append(s.makefile("rb").readline()[9:12])
        except OSError:
            answers.append(b"503")  # the answer was lost with the connection
        s.close()
    checks.ok(set(answers) == {b"400", b"503"} and answers.count(b"400") >= 30, "of 40, %d were told to come again" % answers.count(b"503"))
    wait_for("the room to be given back", lambda: text_bytes(stack) == 0)
    checks.equal(stack.request("GET", "/data", query="list-type=2")[0], 200, "and then XML is answered again")


def text_bytes(stack):
    text = stack.ops(stack.gateway_ops_port, "/metrics")[1]
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("rempart_gateway_text_bytes "))


def neighbours(stack):
    """Many of them at once cost the others nothing but time."""
    running = True
    bad = set()

    def attack():
        while running:
            bad.add(unsigned(stack))

    threads = [threading.Thread(target=attack) for _ in range(4)]
    for t in threads:
        t.start()
    good = {stack.request("GET", "/data/meta")[0] for _ in range(50)}
    running = False
    for t in threads:
        t.join()
    checks.ok(bad and all(400 <= s < 500 for s in bad), "they are refused: %s" % sorted(bad))
    checks.equal(good, {200}, "requests beside them are answered")
    key = {"x-amz-server-side-encryption": "aws:kms", "x-amz-server-side-encryption-aws-kms-key-id": "k" * 300}
    checks.equal(stack.request("PUT", "/data/key", b"x", key)[0], 400, "a KMS key id of 300 bytes")


def two_sources(stack):
    """Signed as the one header that canonicalisation makes of them."""
    signed = stack.sign("PUT", "/data/copy", headers={"x-amz-copy-source": "/data/meta,/data/secret"})
    c = http.client.HTTPConnection("127.0.0.1", stack.s3_port, timeout=60)
    c.putrequest("PUT", "/data/copy", skip_host=True, skip_accept_encoding=True)
    for name, value in dict(signed, Host="127.0.0.1:%d" % stack.s3_port).items():
        for one in value.split(",") if name.lower() == "x-amz-copy-source" else [value]:
            c.putheader(name, one)
    c.endheaders()
    status = c.getresponse().status
    c.close()
    return status


def no_alarms(stack):
    """A client's mistakes are his: no entry that blames the gateway."""
    # Two spaces are one for the signature.
    for source in ("nonsense", "/data/%zz", "", "/data/two  spaces", "/data/a   "):
        status = stack.request("PUT", "/data/copy", b"", {"x-amz-copy-source": source})[0]
        checks.equal(status, 404 if source.endswith("a   ") else 400, "the copy source %r" % source)
    checks.equal(two_sources(stack), 400, "two headers with a copy source")
    upload = stack.client().create_multipart_upload(Bucket="data", Key="up")["UploadId"]
    for twice in ("partNumber=1&uploadId=%s&uploadId=%s" % (upload, "0" * 32), "partNumber=1&uploadId=%s&uploadId=%s" % (
            "f" * 32, upload), "partNumber=1&partNumber=2&uploadId=" + upload):
        status, _, answer = stack.request("PUT", "/data/up", b"x", query=twice)
        checks.ok(status == 400 and b"<Code>InvalidURI" in answer, "a parameter twice: " + twice.replace(upload, "ID"))
    stack.published()
    checks.equal([e for e in stack.entries() if e["result"] == "bad-call"], [], "no alarm in the log")


with Stack(gateway="workers = 2") as stack:
    stack.client().create_bucket(Bucket="data", CreateBucketConfiguration={"LocationConstraint": stack.region})
    limits(stack)
    source_of_others(stack)
    bucket_of_the_same_name(stack)
    long_copies(stack)
    held_text(stack)
    neighbours(stack)
    no_alarms(stack)
sys.exit(checks.done())
