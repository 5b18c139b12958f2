#!/usr/bin/env python3
"""Writes the vectors of this folder.

aws.json        the examples that AWS publishes in the S3 guide (requests and signatures typed in from there)
aws_chunks.json the two chunked examples of the S3 guide
botocore.json   what botocore sends, caught before it leaves: odd keys, queries, metadata, presigned URLs

Every signature is computed once more here, from the canonical request, with nothing but hmac and hashlib; one
that differs ends the script. Needs python3-botocore and python3-boto3 (Debian). Run: make.py, in this folder.
"""
import base64
import datetime
import hashlib
import hmac
import json
import os
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.session
from botocore.config import Config

HERE = os.path.dirname(os.path.abspath(__file__))
KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
EMPTY = hashlib.sha256(b"").hexdigest()
GUIDE = "https://docs.aws.amazon.com/AmazonS3/latest/API/"


def sign(secret, date, region, service, canonical):
    key = ("AWS4" + secret).encode()
    for part in (date[:8], region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    scope = "/".join((date[:8], region, service, "aws4_request"))
    text = "\n".join(("AWS4-HMAC-SHA256", date, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    return text, hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def case(name, method, path, query, headers, canonical, date, signature, **more):
    text, computed = sign(more.get("secret", SECRET), date, more.get("region", "us-east-1"),
                          more.get("service", "s3"), canonical)
    assert computed == signature, (name, computed, signature)
    return {"name": name, "method": method, "path": path, "query": query, "headers": headers,
            "access_key": more.get("access_key", KEY), "secret": more.get("secret", SECRET),
            "region": more.get("region", "us-east-1"), "service": more.get("service", "s3"), "date": date,
            "canonical": canonical, "string_to_sign": text, "signature": signature,
            **({"body": more["body"]} if "body" in more else {}),
            **({"decoded": more["decoded"]} if "decoded" in more else {})}


def published(name, method, path, query, host, headers, content, signature):
    date = "20130524T000000Z"
    canonical_headers = sorted([("host", host), ("x-amz-content-sha256", content), ("x-amz-date", date)]
                               + [(k.lower(), v) for k, v in headers])
    names = ";".join(k for k, _ in canonical_headers)
    pairs = sorted(p if "=" in p else p + "=" for p in query.split("&")) if query else []
    canonical = "\n".join([method, path.replace("$", "%24"), "&".join(pairs)]
                          + [f"{k}:{v}" for k, v in canonical_headers] + ["", names, content])
    authorization = (f"AWS4-HMAC-SHA256 Credential={KEY}/20130524/us-east-1/s3/aws4_request,"
                     f"SignedHeaders={names},Signature={signature}")
    sent = ([["Host", host], ["Authorization", authorization]] + [list(h) for h in headers]
            + [["x-amz-content-sha256", content], ["x-amz-date", date]])
    return case(name, method, path, query, sent, canonical, date, signature)


def aws():
    host = "examplebucket.s3.amazonaws.com"
    put = hashlib.sha256(b"Welcome to Amazon S3.").hexdigest()
    lengths = [("Content-Encoding", "aws-chunked"), ("x-amz-decoded-content-length", "66560"),
               ("x-amz-storage-class", "REDUCED_REDUNDANCY")]
    cases = [
        published("GET object", "GET", "/test.txt", "", host, [("Range", "bytes=0-9")], EMPTY,
                  "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"),
        published("PUT object", "PUT", "/test$file.text", "", host,
                  [("Date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")], put,
                  "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"),
        published("GET bucket lifecycle", "GET", "/", "lifecycle", host, [], EMPTY,
                  "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
        published("list objects", "GET", "/", "max-keys=2&prefix=J", host, [], EMPTY,
                  "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
        published("chunked upload", "PUT", "/examplebucket/chunkObject.txt", "", "s3.amazonaws.com",
                  lengths + [("Content-Length", "66824")], "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
                  "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"),
        published("chunked upload with a trailer", "PUT", "/examplebucket/chunkObject.txt", "", "s3.amazonaws.com",
                  lengths + [("x-amz-trailer", "x-amz-checksum-crc32c")],
                  "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
                  "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"),
    ]
    query = ("X-Amz-Algorithm=AWS4-HMAC-SHA256"
             "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
             "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host")
    signature = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    cases.append(case("presigned GET", "GET", "/test.txt", query + "&X-Amz-Signature=" + signature,
                      [["Host", host]], f"GET\n/test.txt\n{query}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD",
                      "20130524T000000Z", signature))
    source = [GUIDE + page for page in ("sig-v4-header-based-auth.html", "sigv4-streaming.html",
                                        "sigv4-streaming-trailers.html", "sigv4-query-string-auth.html")]
    return {"source": source, "cases": cases}


def aws_chunks():
    """Both examples send 66,560 times 'a' in chunks of 65,536, 1,024 and 0 bytes."""
    sizes = [65536, 1024, 0]
    plain = ["ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
             "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
             "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"]
    trailer = ["b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
               "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
               "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992"]
    common = {"secret": SECRET, "date": "20130524T000000Z", "region": "us-east-1", "service": "s3", "sizes": sizes}
    return {"source": [GUIDE + "sigv4-streaming.html", GUIDE + "sigv4-streaming-trailers.html"], "cases": [
        {"name": "chunked", "payload": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "length": 66824,
         "seed": "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9", "signatures": plain, **common},
        {"name": "with a trailer", "payload": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", "length": 66946,
         "seed": "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e", "signatures": trailer,
         "trailer": "x-amz-checksum-crc32c:sOO8/Q==",
         "trailer_signature": "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435", **common},
    ]}


class FrozenTime(datetime.datetime):
    @classmethod
    def utcnow(cls):
        return cls(2026, 1, 31, 23, 59, 59)

    @classmethod
    def now(cls, tz=None):
        return cls(2026, 1, 31, 23, 59, 59, tzinfo=tz)


class Catcher:
    """Clients whose requests end here; remembers the last canonical request that botocore signed."""

    def __init__(self):
        self.cases = []
        catcher = self
        original = botocore.auth.SigV4Auth.string_to_sign

        def remember(auth, request, canonical):
            catcher.canonical = canonical
            return original(auth, request, canonical)

        botocore.auth.SigV4Auth.string_to_sign = remember
        # Where awscrt is installed botocore signs with it; the Python signer is the one that can be watched.
        botocore.auth.AUTH_TYPE_MAPS.update({
            "v4": botocore.auth.SigV4Auth, "s3v4": botocore.auth.S3SigV4Auth,
            "s3v4-query": botocore.auth.S3SigV4QueryAuth})

    def client(self, service, url, style="path", token=None, **config):
        session = botocore.session.Session()
        session.set_credentials(KEY, SECRET, token)
        client = session.create_client(
            service, region_name="eu-west-3", endpoint_url=url, config=Config(
                s3={"addressing_style": style}, signature_version="s3v4" if service == "s3" else None,
                retries={"max_attempts": 0}, **config))
        client.meta.events.register("before-send", self.catch)
        return client

    def catch(self, request, **_):
        headers = [[k, v.decode() if isinstance(v, bytes) else str(v)] for k, v in request.headers.items()]
        body = request.body.read() if hasattr(request.body, "read") else request.body
        self.add(request.method, request.url, headers, body if body is not None else b"")
        return botocore.awsrequest.AWSResponse(request.url, 500, {}, type("Raw", (), {
            "stream": lambda *_: iter([b""]), "read": lambda *_: b""})())

    def add(self, method, url, headers, body):
        parts = urllib.parse.urlsplit(url)
        signature = dict(urllib.parse.parse_qsl(parts.query)).get("X-Amz-Signature")
        for name, value in headers:
            if name.lower() == "authorization":
                signature = value.rsplit("Signature=", 1)[1]
        if "host" not in (h[0].lower() for h in headers):
            headers = [["Host", parts.netloc]] + headers
        more = {"region": "eu-west-3", "service": self.service}
        if self.service != "s3" or "aws-chunked" in str(headers):
            more["body"] = base64.b64encode(body).decode()
        if "aws-chunked" in str(headers):
            more["decoded"] = self.decoded
        self.cases.append(case(self.name, method, parts.path, parts.query, headers, self.canonical,
                               "20260131T235959Z", signature, **more))

    def call(self, name, client, operation, **arguments):
        self.name, self.service = name, client.meta.service_model.service_name
        if isinstance(arguments.get("Body"), bytes):
            self.decoded = base64.b64encode(arguments["Body"]).decode()
        try:
            getattr(client, operation)(**arguments)
        except botocore.exceptions.ClientError:
            pass

    def presign(self, name, client, operation, method, expires, headers, **arguments):
        self.name, self.service = name, "s3"
        url = client.generate_presigned_url(operation, Params=arguments, ExpiresIn=expires)
        self.add(method, url, headers, b"")


ODD_KEYS = ["plain", "a b", "two  spaces", "a+b", "100%", "a%20b", "a//b", "/leading", "//two", "trailing/",
            "~tilde", "x?y#z", "a&b=c;d", "..", "./a/../b", "clé/ü", "\u65e5\u672c\u8a9e", "\U0001f600",
            "quote'\"<>", "back\\slash", "[bracket]*", "tab\tkey", "e\u0301", "a:b@c,d!e$f(g)"]


def from_botocore():
    botocore.auth.datetime.datetime = FrozenTime
    c = Catcher()
    plain = c.client("s3", "http://s3.example.org:9000")
    for key in ODD_KEYS:
        c.call("get " + repr(key), plain, "get_object", Bucket="bucket", Key=key)
    c.call("get, host style", c.client("s3", "http://s3.example.org", style="virtual"), "get_object",
           Bucket="bucket", Key="a b/c+d", Range="bytes=0-9", IfMatch='"etag"')
    c.call("put with metadata", plain, "put_object", Bucket="bucket", Key="k", Body=b"data",
           ContentType="text/plain; charset=utf-8", Metadata={"note": "two  spaces", "z": "", "case": "Ab"})
    c.call("put, empty", plain, "put_object", Bucket="bucket", Key="k", Body=b"", Tagging="a=b&c=d%20e")
    c.call("put with a key", plain, "put_object", Bucket="bucket", Key="k", Body=b"x" * 100,
           ServerSideEncryption="aws:kms", SSEKMSKeyId="alias/a b")
    c.call("put, unsigned payload", c.client("s3", "https://s3.example.org"), "put_object", Bucket="bucket",
           Key="k", Body=b"x" * 100)
    c.call("put, trailer", c.client("s3", "https://s3.example.org"), "put_object", Bucket="bucket", Key="k",
           Body=b"0123456789" * 30, ChecksumAlgorithm="CRC32")
    c.call("copy", plain, "copy_object", Bucket="bucket", Key="k", CopySource={"Bucket": "other", "Key": "a b+c/é"})
    c.call("list v2", plain, "list_objects_v2", Bucket="bucket", Prefix="a b+c/é~", Delimiter="/",
           StartAfter="x&y", ContinuationToken="1/2+3==", FetchOwner=True)
    c.call("list v1, empty values", plain, "list_objects", Bucket="bucket", Prefix="", Marker="", MaxKeys=0)
    c.call("list buckets", plain, "list_buckets")
    c.call("sub-resource", plain, "get_bucket_tagging", Bucket="bucket")
    c.call("uploads", plain, "create_multipart_upload", Bucket="bucket", Key="k")
    c.call("part", plain, "upload_part", Bucket="bucket", Key="k", UploadId="a+b/c=", PartNumber=7, Body=b"part")
    c.call("delete many", plain, "delete_objects", Bucket="bucket", Delete={"Objects": [{"Key": "a"}]})
    c.call("session token", c.client("s3", "http://s3.example.org", token="IQoJb3JpZ2luX2VjE//+="), "head_object",
           Bucket="bucket", Key="k")
    c.call("kms", c.client("kms", "https://kms.example.org:9444"), "generate_data_key", KeyId="alias/a",
           KeySpec="AES_256")
    c.presign("presigned get", plain, "get_object", "GET", 3600, [], Bucket="bucket", Key="a b+c/é",
              ResponseContentDisposition='attachment; filename="a b+c.txt"')
    c.presign("presigned put", plain, "put_object", "PUT", 604800,
              [["Content-Type", "text/plain"], ["x-amz-meta-a", "two words"]], Bucket="bucket", Key="k",
              ContentType="text/plain", Metadata={"a": "two words"})
    c.presign("presigned, token", c.client("s3", "http://s3.example.org", token="tok/en+=="), "get_object", "GET", 1,
              [], Bucket="bucket", Key="k")
    return {"source": [f"botocore {botocore.__version__}"], "cases": c.cases}


def write(name, content):
    with open(os.path.join(HERE, name), "w", encoding="utf-8") as f:
        json.dump(content, f, indent=1, ensure_ascii=True)
        f.write("\n")
    print(name, len(content["cases"]))


if __name__ == "__main__":
    write("aws.json", aws())
    write("aws_chunks.json", aws_chunks())
    write("botocore.json", from_botocore())
