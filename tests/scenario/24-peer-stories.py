#!/usr/bin/python3
"""What broke other stores: reads given up early, objects replaced under a reader, exclusive creation that is tried again,
names that are file and folder at once, uploads listed by folder, listings right after writes."""

import http.client
import os
import random
import sys
import threading
import time

from stack import Checks, Stack, quote, wait_for

checks = Checks()
MIB = 1 << 20
GIVEN_UP = 150
WRITES = 60


def metric(stack, name):
    text = stack.ops(stack.gateway_ops_port, "/metrics")[1]
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("rempart_gateway_%s " % name))


def open_get(stack, key, headers=None):
    """A GET whose body is not yet read: connection and answer."""
    path = "/stories/" + quote(key)
    c = http.client.HTTPConnection("127.0.0.1", stack.s3_port, timeout=60)
    c.request("GET", path, headers=stack.sign("GET", path, headers=headers))
    return c, c.getresponse()


def given_up(stack, s3):
    """Iceberg asks for bytes=N- and closes when it has enough: the rest must not be read and decrypted."""
    body = os.urandom(32 * MIB)
    s3.put_object(Bucket="stories", Key="long", Body=body)
    before = metric(stack, "opened_bytes_total")
    wrong = 0
    for i in range(GIVEN_UP):
        first = i * 1000
        c, answer = open_get(stack, "long", {"Range": "bytes=%d-" % first})
        wrong += answer.status != 206 or answer.read(5000) != body[first:first + 5000]
        c.sock.close()
        c.close()
    wait_for("the requests to end, but for the one that asks", lambda: metric(stack, "http_requests_busy") <= 1)
    opened = metric(stack, "opened_bytes_total") - before
    checks.equal(wrong, 0, "%d reads given up early had the right bytes" % GIVEN_UP)
    checks.ok(opened < GIVEN_UP * len(body) // 2, "and %d MiB of %d were decrypted for them" % (
        opened // MIB, GIVEN_UP * len(body) // MIB))
    checks.ok(s3.get_object(Bucket="stories", Key="long")["Body"].read() == body, "afterwards the object reads whole")


def replaced(stack, s3):
    """A slow reader of an object that is replaced, and then deleted, and whose blobs the collector wants."""
    versions = [random.Random(i).randbytes(24 * MIB) for i in range(3)]
    readers = []
    for body in versions:
        s3.put_object(Bucket="stories", Key="changing", Body=body)
        c, answer = open_get(stack, "changing")
        readers.append((c, answer, answer.read(100000), body))
    s3.delete_object(Bucket="stories", Key="changing")
    removed = metric(stack, "blobs_removed_total")
    s3.put_object(Bucket="stories", Key="unrelated", Body=b"1")
    s3.delete_object(Bucket="stories", Key="unrelated")
    wait_for("the collector to have come by", lambda: metric(stack, "blobs_removed_total") > removed)
    whole = cut = mixed = 0
    for c, answer, start, body in readers:
        got = start
        try:
            got += answer.read()
        except (http.client.IncompleteRead, OSError) as e:
            got += getattr(e, "partial", b"")
        whole += got == body
        cut += got != body and body.startswith(got)
        mixed += not body.startswith(got)
        c.close()
    checks.equal((whole, cut, mixed), (3, 0, 0), "slow readers get the version that they began with, whole")


def exclusive(stack, s3):
    """Trino marks what it creates; on 412 it looks whether that was itself."""
    headers = {"If-None-Match": "*", "x-amz-tagging": "TrinoCreationId=1111-2222"}
    put = [stack.request("PUT", "/stories/commit/0001.json", b"mine", headers)[0] for _ in range(2)]
    checks.equal(put, [200, 412], "the second try is refused")
    tags = s3.get_object_tagging(Bucket="stories", Key="commit/0001.json")["TagSet"]
    checks.equal(tags, [{"Key": "TrinoCreationId", "Value": "1111-2222"}], "and recognised by its tag")


def names(s3):
    """Stores on file systems cannot have both."""
    keys = ["n", "n/", "n/n", "n/n/", "n//n", "n/.", "n/..", "N"]
    for key in keys:
        s3.put_object(Bucket="stories", Key=key, Body=key.encode())
    got = [s3.get_object(Bucket="stories", Key=key)["Body"].read().decode() for key in keys]
    checks.equal(got, keys, "a name, folders of that name, and names within")
    s3.delete_object(Bucket="stories", Key="n")
    left = [c["Key"] for c in s3.list_objects_v2(Bucket="stories", Prefix="n")["Contents"]]
    checks.equal(left, sorted(k for k in keys if k.startswith("n") and k != "n"), "one deleted, the others stay")


def uploads(s3):
    """Committers and cleaners look for the uploads of a folder, and end them twice when an answer was lost."""
    made = {}
    for key in ("job/part-1", "job/deep/part-2", "other/part-3"):
        made[key] = s3.create_multipart_upload(Bucket="stories", Key=key)["UploadId"]
    got = {u["Key"]: u["UploadId"] for u in s3.list_multipart_uploads(Bucket="stories", Prefix="job/")["Uploads"]}
    checks.equal(got, {k: v for k, v in made.items() if k.startswith("job/")}, "uploads by folder")
    ref = {"Bucket": "stories", "Key": "job/part-1", "UploadId": made["job/part-1"]}
    part = s3.upload_part(PartNumber=1, Body=b"data", **ref)
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    ends = [s3.complete_multipart_upload(MultipartUpload=parts, **ref)["ETag"] for _ in range(2)]
    checks.equal(ends[0], ends[1], "a Complete that is sent again says the same")
    s3.put_object(Bucket="stories", Key="job/part-1", Body=b"written later")
    try:
        code = s3.complete_multipart_upload(MultipartUpload=parts, **ref)["ETag"]
    except s3.exceptions.ClientError as e:
        code = e.response["Error"]["Code"]
    checks.equal(code, "NoSuchUpload", "and when another object stands there, that the upload is gone")
    checks.equal(s3.get_object(Bucket="stories", Key="job/part-1")["Body"].read(), b"written later", "which it does not touch")


def listings(stack):
    """What was acknowledged is listed, with the size and the ETag that HEAD tells, by whoever looks next."""
    wrong = []

    def write(n):
        s3 = stack.client()
        for i in range(WRITES):
            key = "list/%d/%03d" % (n, i)
            etag = s3.put_object(Bucket="stories", Key=key, Body=b"x" * i)["ETag"]
            page = s3.list_objects_v2(Bucket="stories", Prefix=key).get("Contents", [])
            head = s3.head_object(Bucket="stories", Key=key)
            seen = [(c["Key"], c["Size"], c["ETag"]) for c in page]
            if seen != [(key, i, etag)] or (head["ContentLength"], head["ETag"]) != (i, etag):
                wrong.append((key, seen))
            if i % 2:
                s3.delete_object(Bucket="stories", Key=key)
                if s3.list_objects_v2(Bucket="stories", Prefix=key)["KeyCount"] != 0:
                    wrong.append((key, "still listed"))

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    checks.equal(wrong, [], "%d writes and deletions, listed at once" % (4 * WRITES))


def main():
    with Stack(store="collect_seconds = 1\n") as stack:
        s3 = stack.client()
        s3.create_bucket(Bucket="stories", CreateBucketConfiguration={"LocationConstraint": stack.region})
        begin = time.monotonic()
        given_up(stack, s3)
        replaced(stack, s3)
        exclusive(stack, s3)
        names(s3)
        uploads(s3)
        listings(stack)
        print("# %.1f s" % (time.monotonic() - begin))
    return checks.done()


if __name__ == "__main__":
    sys.exit(main())
