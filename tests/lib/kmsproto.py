"""The gateway's side of KMS-PROTOCOL.md, written from that document: what a stolen gateway can send."""

import hashlib
import hmac
import http.client
import os
import struct

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

VERDICTS = ["ok", "sealed", "unavailable", "bad-call", "no-access-key", "bad-signature", "skewed", "expired",
            "denied", "no-such-key", "key-disabled", "wrong-key", "bad-document", "no-such-grantee", "no-such-email",
            "not-signed", "stale"]
ISSUE, OPEN = 1, 2
ANONYMOUS, HEADER, QUERY, FORM = 0, 1, 2, 3


def lv16(b):
    b = b.encode() if isinstance(b, str) else b
    return struct.pack(">H", len(b)) + b


def lv32(b):
    return struct.pack(">I", len(b)) + b


class Evidence:
    """A signed S3 request, as its canonical request and signature. Made here from a secret, as a user's client does."""

    def __init__(self, access, method, path, amz_date, region="fr-sov-1", headers=None, host="s3.test",
                 query="", payload="UNSIGNED-PAYLOAD", kind=HEADER):
        self.kind, self.access_key, self.amz_date, self.region = kind, access["access_key"], amz_date, region
        self.date, self.service, self.expires = amz_date[:8], "s3", 0
        signed = {"host": host}
        if kind == HEADER:
            signed.update({"x-amz-content-sha256": payload, "x-amz-date": amz_date})
        signed.update(headers or {})
        names = sorted(signed)
        self.signed_headers = ";".join(names)
        self.canonical = "\n".join([method, path, query, *("%s:%s" % (n, signed[n]) for n in names), "",
                                    self.signed_headers, payload]).encode()
        self.signature = self.sign(access["secret_key"])

    def scope(self):
        return "%s/%s/%s/aws4_request" % (self.date, self.region, self.service)

    def signing_key(self, secret):
        key = ("AWS4" + secret).encode()
        for part in (self.date, self.region, self.service, "aws4_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return key

    def sign(self, secret):
        text = "\n".join(["AWS4-HMAC-SHA256", self.amz_date, self.scope(),
                          hashlib.sha256(self.canonical).hexdigest()])
        return hmac.new(self.signing_key(secret), text.encode(), hashlib.sha256).hexdigest()


class Form:
    """A POST form as evidence: its fields alone."""

    def __init__(self, bucket, fields):
        self.kind, self.expires = FORM, 0
        self.access_key = self.amz_date = self.date = self.region = self.service = ""
        self.signed_headers = self.signature = ""
        self.canonical = lv16(bucket) + struct.pack(">H", len(fields)) + b"".join(
            lv16(name.lower()) + lv16(value) for name, value in fields.items())


def key_call(op, bucket, key, object_id, wrapped=b"", kek="", source=False):
    return (struct.pack(">BB", op, 1 if source else 0) + lv16(bucket) + lv16(key) + object_id +
            lv16(wrapped) + lv16(kek))


POLICY, BUCKET_ACL, OBJECT_ACL, LOGGING = 1, 2, 3, 4


def resource(tenant="", number=0, flags=0, object_id=bytes(16), documents=(), tags=()):
    """documents: (kind, order, text, stamp); tags: (key, value)"""
    if not tenant:
        return lv16("")
    body = lv16(tenant) + struct.pack(">QB", number, flags) + object_id + struct.pack(">B", len(documents))
    for kind, order, text, stamp in documents:
        body += struct.pack(">BQ", kind, order) + lv32(text) + stamp
    return body + struct.pack(">B", len(tags)) + b"".join(lv16(k) + lv16(v) for k, v in tags)


def access_call(evidence, keys=(), target=None, source=None, item="", document=None, anonymous=b""):
    e = evidence
    if e is None:
        head = struct.pack(">B", ANONYMOUS) + lv16("") * 6 + lv16("") + struct.pack(">Q", 0) + lv32(anonymous)
    else:
        head = (struct.pack(">B", e.kind) + lv16(e.access_key) + lv16(e.amz_date) + lv16(e.date) +
                lv16(e.region) + lv16(e.service) + lv16(e.signed_headers) + lv16(e.signature) +
                struct.pack(">Q", e.expires) + lv32(e.canonical))
    end = lv16(item) + struct.pack(">BB", 0, document is not None) + (b"" if document is None else lv32(document))
    return 2, (os.urandom(16) + lv16("192.0.2.66") + lv16("stolen gateway") + lv16("") + struct.pack(">B", 1) + head +
               (target or resource()) + (source or resource()) + end + struct.pack(">B", len(keys)) + b"".join(keys))


def deliver_call(tenant, bucket, number, document, target, key):
    return 4, os.urandom(16) + lv16(tenant) + lv16(bucket) + struct.pack(">Q", number) + lv32(document) + target + key


class Reader:
    def __init__(self, data):
        self.data = data

    def take(self, n):
        got, self.data = self.data[:n], self.data[n:]
        assert len(got) == n, "answer is cut short"
        return got

    def number(self, form):
        return struct.unpack(">" + form, self.take(struct.calcsize(">" + form)))[0]

    def lv16(self):
        return self.take(self.number("H"))


class Reply:
    pass


def batch(port, tls, secret, calls):
    """Send a batch over mTLS; replies with opened keys, or the HTTP status when it is not 200."""
    nonce = os.urandom(32)
    body = b"RPKQ" + struct.pack(">H", 1) + nonce + struct.pack(">H", len(calls))
    for kind, call in calls:
        body += struct.pack(">B", kind) + lv32(call)
    c = http.client.HTTPSConnection("127.0.0.1", port, context=tls, timeout=30)
    try:
        c.request("POST", "/rempart/v1/batch", body, {"Content-Type": "application/vnd.rempart.batch"})
        answer = c.getresponse()
        data = answer.read()
    finally:
        c.close()
    if answer.status != 200:
        return answer.status
    r = Reader(data)
    assert r.take(6) == b"RPKA" + struct.pack(">H", 1)
    seal = AESGCM(HKDF(hashes.SHA384(), 32, nonce + r.take(32), b"rempart kms seal v1").derive(secret))
    replies, sealed = [], 0
    for i in range(r.number("H")):
        reply = Reply()
        reply.kind, reply.verdict = r.number("B"), VERDICTS[r.number("B")]
        b = Reader(r.take(r.number("I")))
        reply.log_index = b.number("Q")
        reply.keys = []
        if reply.kind in (2, 4):
            names = ("tenant", "tenant_name", "canonical_id", "display_name", "user", "arn")
            reply.principal = {n: b.lv16().decode() for n in names}
            for k in range(b.number("B")):
                wrapped, arn, item = b.lv16(), b.lv16().decode(), b.lv16()
                if not item:  # re-wrapped: the key stayed there
                    reply.keys.append((None, wrapped, arn))
                    continue
                iv = bytes(4) + struct.pack(">Q", sealed)
                aad = b"rempart kms item v1" + struct.pack(">IB", i, k)
                reply.keys.append((seal.decrypt(iv, item, aad), wrapped, arn))
                sealed += 1
            reply.document = b.lv16()
            reply.stamp = b.take(32) if reply.document else b""
            reply.by_acl = b.number("B") == 1
            place = b.number("B")
            reply.newer = (place, b.number("B"), b.number("Q"), b.lv16()) if place else None
        elif reply.kind == 1 and reply.verdict == "ok":
            reply.index_key = seal.decrypt(bytes(4) + struct.pack(">Q", sealed), b.lv16(),
                                           b"rempart kms item v1" + struct.pack(">IB", i, 0))
            sealed += 1
        assert not b.data
        replies.append(reply)
    assert not r.data
    return replies
