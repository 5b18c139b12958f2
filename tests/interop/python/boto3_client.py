"""boto3: default checksums, every algorithm, both kinds of multipart checksum, streams that cannot seek."""

import base64
import hashlib
import io
import ssl
import struct
import urllib.request
import zlib
from concurrent.futures import ThreadPoolExecutor

import boto3
import botocore
from awscrt import checksums as crt
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

from common import CA, HTTP, HTTPS, MIB, REGION, checks, data, end, group


def number(form, value):
    return base64.b64encode(struct.pack(form, value)).decode()


def b64(digest):
    return base64.b64encode(digest).decode()


OWN = {
    "CRC32": lambda b: number(">I", zlib.crc32(b)),
    "CRC32C": lambda b: number(">I", crt.crc32c(b)),
    "CRC64NVME": lambda b: number(">Q", crt.crc64nvme(b)),
    "SHA1": lambda b: b64(hashlib.sha1(b).digest()),
    "SHA256": lambda b: b64(hashlib.sha256(b).digest()),
}


class Pipe(io.RawIOBase):
    """A stream that has no length and does not seek."""

    def __init__(self, content):
        super().__init__()
        self.content = io.BytesIO(content)

    def readable(self):
        return True

    def seekable(self):
        return False

    def read(self, size=-1):
        return self.content.read(size)


class Wire:
    """Notes what really went out."""

    def __init__(self, s3):
        self.last = {}
        s3.meta.events.register("before-send.s3", self.note)

    def note(self, request, **_):
        self.last = {k.lower(): v.decode() if isinstance(v, bytes) else v for k, v in request.headers.items()}


def client(url, **more):
    config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, read_timeout=60,
                    max_pool_connections=32, **more)
    return boto3.client("s3", endpoint_url=url, region_name=REGION, verify=CA, config=config)


def refused(what, code, call, **arguments):
    try:
        call(**arguments)
        checks.ok(False, what + " is refused")
    except ClientError as e:
        checks.equal(e.response["Error"]["Code"], code, "%s: %s" % (what, code))


def defaults(s3, bucket, name, tls):
    wire = Wire(s3)
    body = data(3 * MIB + 17)
    for what, stream in (("bytes", body), ("file", io.BytesIO(body))):
        put = s3.put_object(Bucket=bucket, Key=what, Body=stream)
        if tls:
            checks.equal((wire.last.get("x-amz-content-sha256"), wire.last.get("transfer-encoding"),
                          "content-length" in wire.last),
                         ("STREAMING-UNSIGNED-PAYLOAD-TRAILER", "chunked", False),
                         "%s: %s went with a trailer and without a length" % (name, what))
        else:
            checks.ok("x-amz-checksum-crc32" in wire.last, "%s: %s went with a checksum header" % (name, what))
        got = s3.get_object(Bucket=bucket, Key=what)
        checks.ok(got["Body"].read() == body, "%s: %s came back, checked by the client" % (name, what))
        checks.equal((put.get("ChecksumCRC32"), got.get("ChecksumCRC32"), got.get("ChecksumType")),
                     (OWN["CRC32"](body), OWN["CRC32"](body), "FULL_OBJECT"), "%s: CRC32 of %s" % (name, what))
        checks.ok("aws-chunked" not in got.get("ContentEncoding", ""), "%s: aws-chunked is not kept" % name)
    s3.put_object(Bucket=bucket, Key="gz", Body=io.BytesIO(b"not really gzip"), ContentEncoding="gzip")
    checks.equal(s3.head_object(Bucket=bucket, Key="gz").get("ContentEncoding"), "gzip",
                 name + ": gzip stays when aws-chunked goes")
    s3.put_object(Bucket=bucket, Key="empty", Body=io.BytesIO(b""))
    checks.equal(s3.get_object(Bucket=bucket, Key="empty")["Body"].read(), b"", name + ": an empty stream")
    part = s3.get_object(Bucket=bucket, Key="bytes", Range="bytes=100-199")
    checks.ok(part["Body"].read() == body[100:200] and "ChecksumCRC32" not in part,
              name + ": a range carries no checksum of the whole")


def algorithms(s3, bucket, name):
    known = set(s3.meta.service_model.shape_for("ChecksumAlgorithm").enum)
    print("# this boto3 knows", " ".join(sorted(known)))
    body = data(200001, 2)
    for algorithm, own in OWN.items():
        field, key = "Checksum" + algorithm, "algorithm-" + algorithm
        put = s3.put_object(Bucket=bucket, Key=key, Body=io.BytesIO(body), ChecksumAlgorithm=algorithm)
        got = s3.get_object(Bucket=bucket, Key=key)
        head = s3.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
        want = own(body)
        checks.ok(got["Body"].read() == body, "%s: %s bytes" % (name, algorithm))
        checks.equal((put.get(field), got.get(field), head.get(field)), (want, want, want),
                     "%s: %s on PUT, GET, HEAD" % (name, algorithm))
        refused("%s: a wrong %s" % (name, algorithm), "BadDigest", s3.put_object, Bucket=bucket, Key="bad",
                Body=body, **{field: own(b"something else")})
    refused(name + ": what a wrong checksum left behind", "NoSuchKey", s3.get_object, Bucket=bucket, Key="bad")


def multipart(s3, bucket, name):
    parts = [data(5 * MIB + 3, 11), data(5 * MIB, 12), data(77, 13)]
    whole = b"".join(parts)
    cases = [(a, "COMPOSITE") for a in ("CRC32", "CRC32C", "SHA1", "SHA256")] + \
            [(a, "FULL_OBJECT") for a in ("CRC32", "CRC32C", "CRC64NVME")]
    for algorithm, kind in cases:
        what = "%s: multipart %s %s" % (name, algorithm, kind)
        field, own, key = "Checksum" + algorithm, OWN[algorithm], "multi-%s-%s" % (algorithm, kind)
        upload = s3.create_multipart_upload(Bucket=bucket, Key=key, ChecksumAlgorithm=algorithm, ChecksumType=kind)
        ref = {"Bucket": bucket, "Key": key, "UploadId": upload["UploadId"]}
        done = []
        for i, part in enumerate(parts, 1):
            sent = s3.upload_part(PartNumber=i, Body=io.BytesIO(part), ChecksumAlgorithm=algorithm, **ref)
            checks.equal(sent.get(field), own(part), "%s: part %d" % (what, i))
            done.append({"PartNumber": i, "ETag": sent["ETag"], field: own(part)})
        if kind == "COMPOSITE":
            want = own(b"".join(base64.b64decode(own(p)) for p in parts)) + "-%d" % len(parts)
            more = {}
        else:
            want = own(whole)
            more = {field: want, "ChecksumType": kind, "MpuObjectSize": len(whole)}
        listed = s3.list_parts(**ref)
        checks.equal([p.get(field) for p in listed["Parts"]], [own(p) for p in parts], what + ": ListParts")
        ended = s3.complete_multipart_upload(MultipartUpload={"Parts": done}, **ref, **more)
        head = s3.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
        checks.equal((ended.get(field), ended.get("ChecksumType")), (want, kind), what + ": Complete tells it")
        checks.equal((head.get(field), head.get("ChecksumType")), (want, kind), what + ": HEAD tells it")
        checks.ok(s3.get_object(Bucket=bucket, Key=key)["Body"].read() == whole, what + ": bytes")
        checks.equal((head["ETag"], s3.get_object(Bucket=bucket, Key=key, PartNumber=2)["PartsCount"]),
                     (ended["ETag"], len(parts)), what + ": ETag, number of parts")


def transfers(s3, bucket, name):
    config = TransferConfig(multipart_threshold=8 * MIB, multipart_chunksize=8 * MIB, max_concurrency=8)
    for size in (0, 1, 8 * MIB - 1, 8 * MIB, 21 * MIB + 5):
        body = data(size, 3)
        for what, stream in (("BytesIO", io.BytesIO(body)), ("pipe", Pipe(body))):
            key = "%s-%d" % (what, size)
            s3.upload_fileobj(stream, bucket, key, Config=config)
            out = io.BytesIO()
            s3.download_fileobj(bucket, key, out, Config=config)
            checks.ok(out.getvalue() == body, "%s: upload_fileobj of a %s of %d bytes, and back" % (name, what, size))
    s3.upload_fileobj(Pipe(data(17 * MIB, 4)), bucket, "sha", Config=config, ExtraArgs={"ChecksumAlgorithm": "SHA256"})
    checks.ok(s3.head_object(Bucket=bucket, Key="sha", ChecksumMode="ENABLED").get("ChecksumSHA256", "").endswith("-3"),
              name + ": a pipe with SHA-256 in three parts")
    s3.copy({"Bucket": bucket, "Key": "BytesIO-%d" % (21 * MIB + 5)}, bucket, "copied", Config=config)
    checks.ok(s3.get_object(Bucket=bucket, Key="copied")["Body"].read() == data(21 * MIB + 5, 3),
              name + ": managed copy in parts")


def keys(s3, bucket, name):
    odd = ["a b", "a+b", "a%b", "a%2Fb", "a//b", "/lead", "dir/", "..", "../up", "./here", "é\U0001f600", "q?x=1&y", "h#h",
           "a\\b", "quote'\"<>", "~tilde", "tab\there", "\x7f", "k" * 1024, "é" * 512, "*", "(x)", "a=b;c,d:e@f!$"]
    for key in odd:
        body = key.encode()
        s3.put_object(Bucket=bucket, Key=key, Body=body)
        if s3.get_object(Bucket=bucket, Key=key)["Body"].read() != body:
            checks.ok(False, "%s: key %r" % (name, key[:20]))
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": 5})
    listed = [c["Key"] for page in pages for c in page.get("Contents", [])]
    checks.equal(listed, sorted(odd, key=lambda k: k.encode()), name + ": odd keys, stored, read, listed in order")
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": k} for k in odd]})
    checks.equal(sorted(d["Key"] for d in answer["Deleted"]), sorted(odd), name + ": odd keys deleted in one request")
    checks.equal(s3.list_objects_v2(Bucket=bucket)["KeyCount"], 0, name + ": and they are gone")


def conditions(s3, bucket, name):
    first = s3.put_object(Bucket=bucket, Key="cond", Body=b"1", IfNoneMatch="*")["ETag"]
    refused(name + ": IfNoneMatch on a key that exists", "PreconditionFailed", s3.put_object, Bucket=bucket,
            Key="cond", Body=b"2", IfNoneMatch="*")
    second = s3.put_object(Bucket=bucket, Key="cond", Body=b"2", IfMatch=first)["ETag"]
    refused(name + ": IfMatch with an old ETag", "PreconditionFailed", s3.put_object, Bucket=bucket, Key="cond",
            Body=b"3", IfMatch=first)
    refused(name + ": IfMatch on a missing key", "NoSuchKey", s3.put_object, Bucket=bucket, Key="absent",
            Body=b"3", IfMatch=first)
    checks.equal(s3.get_object(Bucket=bucket, Key="cond", IfMatch=second)["Body"].read(), b"2", name + ": IfMatch on GET")
    with ThreadPoolExecutor(16) as pool:
        def race(i):
            try:
                s3.put_object(Bucket=bucket, Key="race", Body=b"%d" % i, IfNoneMatch="*")
                return 1
            except ClientError as e:
                return 0 if e.response["Error"]["Code"] in ("PreconditionFailed", "ConditionalRequestConflict") else 99
        checks.equal(sum(pool.map(race, range(16))), 1, name + ": of 16 writers with IfNoneMatch one wins")


def encryption(s3, bucket, name):
    body = data(1000, 5)
    put = s3.put_object(Bucket=bucket, Key="kms", Body=body, ServerSideEncryption="aws:kms")
    checks.ok(put["ServerSideEncryption"] == "aws:kms" and put["SSEKMSKeyId"].startswith("arn:"), name + ": aws:kms")
    put = s3.put_object(Bucket=bucket, Key="aes", Body=body, ServerSideEncryption="AES256")
    checks.equal((put["ServerSideEncryption"], put["ETag"]), ("AES256", '"%s"' % hashlib.md5(body).hexdigest()),
                 name + ": AES256 with the MD5 as ETag")
    customer = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": data(32, 6)}
    s3.put_object(Bucket=bucket, Key="ssec", Body=body, **customer)
    got = s3.get_object(Bucket=bucket, Key="ssec", **customer)
    checks.ok(got["Body"].read() == body and got.get("SSECustomerAlgorithm") == "AES256", name + ": SSE-C")
    refused(name + ": SSE-C without the key", "InvalidRequest", s3.get_object, Bucket=bucket, Key="ssec")
    large, read = data(20 * MIB, 7), io.BytesIO()
    s3.upload_fileobj(io.BytesIO(large), bucket, "ssec large", ExtraArgs=customer)
    source = {"CopySource" + k: v for k, v in customer.items()}
    s3.copy({"Bucket": bucket, "Key": "ssec large"}, bucket, "ssec copy", ExtraArgs=dict(customer, **source))
    s3.download_fileobj(bucket, "ssec copy", read, ExtraArgs=customer)
    checks.ok(read.getvalue() == large, name + ": SSE-C with transfers: parts, copied in parts, read in ranges")
    arn, etag = s3.head_object(Bucket=bucket, Key="kms")["SSEKMSKeyId"], s3.head_object(Bucket=bucket, Key="aes")["ETag"]
    s3.update_object_encryption(Bucket=bucket, Key="aes", ObjectEncryption={"SSEKMS": {"KMSKeyArn": arn}})
    now = s3.head_object(Bucket=bucket, Key="aes")
    checks.equal((now["ServerSideEncryption"], now["SSEKMSKeyId"], now["ETag"]), ("aws:kms", arn, etag),
                 name + ": UpdateObjectEncryption keeps the ETag")


def presigned(s3, bucket, name, url):
    context = ssl.create_default_context(cafile=CA) if url.startswith("https") else None
    to = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "pre signed", "ContentType": "text/x"})
    request = urllib.request.Request(to, data=b"by url", method="PUT", headers={"Content-Type": "text/x"})
    with urllib.request.urlopen(request, context=context) as answer:
        checks.equal(answer.status, 200, name + ": presigned PUT with a signed header")
    at = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "pre signed",
                                                         "ResponseContentDisposition": "attachment; filename=x"})
    with urllib.request.urlopen(at, context=context) as answer:
        checks.equal((answer.read(), answer.headers["Content-Disposition"], answer.headers["Content-Type"]),
                     (b"by url", "attachment; filename=x", "text/x"), name + ": presigned GET with an override")


def parallel(s3, bucket, name):
    def one(i):
        body = data(1000 * i + 1, i)
        s3.put_object(Bucket=bucket, Key="parallel/%d" % i, Body=body)
        return s3.get_object(Bucket=bucket, Key="parallel/%d" % i)["Body"].read() == body
    with ThreadPoolExecutor(32) as pool:
        checks.ok(all(pool.map(one, range(200))), name + ": 200 objects by 32 threads")


def main():
    print("# boto3 %s, botocore %s" % (boto3.__version__, botocore.__version__))
    for url in (HTTP, HTTPS):
        tls = url == HTTPS
        name = "https" if tls else "http"
        s3 = client(url)
        bucket = "boto3-" + name
        for b in (bucket, bucket + "-keys"):
            s3.create_bucket(Bucket=b, CreateBucketConfiguration={"LocationConstraint": REGION})
            s3.get_waiter("bucket_exists").wait(Bucket=b, WaiterConfig={"Delay": 1, "MaxAttempts": 2})
        group(name + ": default checksums", defaults, s3, bucket, name, tls)
        group(name + ": algorithms", algorithms, s3, bucket, name)
        group(name + ": multipart", multipart, s3, bucket, name)
        group(name + ": transfers", transfers, s3, bucket, name)
        group(name + ": keys", keys, s3, bucket + "-keys", name)
        group(name + ": conditions", conditions, s3, bucket, name)
        group(name + ": encryption", encryption, s3, bucket, name)
        group(name + ": presigned", presigned, s3, bucket, name, url)
        group(name + ": parallel", parallel, s3, bucket, name)
    end()


main()
