#!/usr/bin/python3
"""Real clients of Debian, as their users use them: aws cli, boto3, s3cmd, rclone, s3fs, curl."""
# timeout: 600

import hashlib
import io
import os
import subprocess
import sys
import urllib.parse
import urllib.request

from stack import Checks, Stack, quote, wait_for

checks = Checks()


def run(stack, *command, tls=False, stdin=None, quiet=False):
    env = stack.aws_environment(tls) if command[0] == "/usr/bin/aws" else stack.environment(tls=tls)
    done = subprocess.run(command, env=env, capture_output=True, input=stdin)
    if done.returncode and not quiet:
        print("# %s: %d\n# %s" % (" ".join(command[:4]), done.returncode,
                                  (done.stdout + done.stderr).decode(errors="replace")[-800:]))
    return done.returncode, done.stdout


def aws(stack):
    for tls in (False, True):
        base = ["/usr/bin/aws", "--endpoint-url", stack.url(tls)]
        name = "aws%d" % tls
        data = os.urandom(20 << 20)  # above its multipart threshold
        path = stack._write(name + ".bin", "")
        with open(path, "wb") as f:
            f.write(data)
        def good(what, *command, stdin=None):
            status, out = run(stack, *base, *command, tls=tls, stdin=stdin)
            checks.ok(status == 0, "aws over %s: %s" % ("https" if tls else "http", what))
            return out
        good("mb", "s3", "mb", "s3://" + name)
        good("cp of 20 MiB in parts", "s3", "cp", "--only-show-errors", path, "s3://%s/big" % name)
        out = good("cp back", "s3", "cp", "--only-show-errors", "s3://%s/big" % name, "-")
        checks.ok(out == data, "aws: the same bytes")
        good("cp from stdin", "s3", "cp", "-", "s3://%s/from stdin+odd" % name, stdin=b"hello")
        checks.equal(good("cat", "s3", "cp", "s3://%s/from stdin+odd" % name, "-"), b"hello", "aws: stdin came back")
        good("mv", "s3", "mv", "--only-show-errors", "s3://%s/big" % name, "s3://%s/moved" % name)
        out = good("ls", "s3", "ls", "s3://" + name)
        checks.ok(b"moved" in out and b"big" not in out and str(len(data)).encode() in out, "aws: ls shows name and size")
        head = good("head-object", "s3api", "head-object", "--bucket", name, "--key", "moved")
        checks.ok(b'"aws:kms"' in head and b"SSEKMSKeyId" in head, "aws: head-object tells the encryption")
        good("rb --force", "s3", "rb", "--force", "s3://" + name)


def boto(stack):
    import botocore.exceptions
    s3 = stack.client()
    s3.create_bucket(Bucket="boto", CreateBucketConfiguration={"LocationConstraint": stack.region})
    checks.equal(s3.get_bucket_location(Bucket="boto")["LocationConstraint"], stack.region, "boto3: location")
    body = b"0123456789" * 1000
    s3.put_object(Bucket="boto", Key="a/b c", Body=body, Metadata={"Name": "value", "leer": ""}, ContentType="text/plain",
                  CacheControl="no-cache", ContentMD5=__import__("base64").b64encode(hashlib.md5(body).digest()).decode())
    got = s3.get_object(Bucket="boto", Key="a/b c")
    checks.ok(got["Body"].read() == body and got["ContentType"] == "text/plain" and got["CacheControl"] == "no-cache",
              "boto3: body and headers came back")
    checks.equal(got["Metadata"], {"name": "value", "leer": ""}, "boto3: metadata came back")
    etag = got["ETag"]
    listed = s3.list_objects_v2(Bucket="boto")["Contents"][0]
    checks.ok(etag == listed["ETag"] == s3.head_object(Bucket="boto", Key="a/b c")["ETag"], "boto3: one ETag everywhere")
    checks.equal(listed["LastModified"], got["LastModified"], "boto3: one date everywhere")
    checks.ok(etag.strip('"') != hashlib.md5(body).hexdigest(), "boto3: the ETag is no fingerprint of the content")
    md5 = s3.put_object(Bucket="boto", Key="md5", Body=body, ServerSideEncryption="AES256")["ETag"]
    checks.equal(md5.strip('"'), hashlib.md5(body).hexdigest(), "boto3: AES256 gives the classic ETag")

    def refused(what, code, call, **arguments):
        try:
            call(**arguments)
            checks.ok(False, what)
        except botocore.exceptions.ClientError as e:
            checks.equal(e.response["Error"]["Code"], code, "boto3: %s is %s" % (what, code))
    refused("a missing key", "NoSuchKey", s3.get_object, Bucket="boto", Key="nothing")
    refused("a missing bucket", "NoSuchBucket", s3.get_object, Bucket="boto-none", Key="x")
    refused("HEAD of a missing key", "404", s3.head_object, Bucket="boto", Key="nothing")
    refused("a wrong MD5", "BadDigest", s3.put_object, Bucket="boto", Key="x", Body=b"x", ContentMD5="rL0Y20zC+Fzt72VPzMSk2A==")
    refused("If-Match that fails", "PreconditionFailed", s3.get_object, Bucket="boto", Key="md5", IfMatch='"x"')
    refused("If-None-Match that holds", "304", s3.get_object, Bucket="boto", Key="md5", IfNoneMatch=md5)
    refused("a range past the end", "InvalidRange", s3.get_object, Bucket="boto", Key="md5", Range="bytes=99999-")
    refused("a bucket with objects", "BucketNotEmpty", s3.delete_bucket, Bucket="boto")
    s3.create_bucket(Bucket="boto", CreateBucketConfiguration={"LocationConstraint": stack.region})
    checks.equal(s3.get_object(Bucket="boto", Key="md5")["Body"].read(), body, "boto3: a bucket of my own made again is the same bucket")
    refused("a bucket of my own again, but with locks", "BucketAlreadyOwnedByYou", s3.create_bucket, Bucket="boto",
            ObjectLockEnabledForBucket=True)
    refused("a sub-resource that is not built", "NotImplemented", s3.restore_object, Bucket="boto", Key="md5",
            RestoreRequest={"Days": 1})
    checks.equal(s3.get_object(Bucket="boto", Key="md5")["Body"].read(), body, "boto3: and the object is untouched by it")
    other = stack.client("alt")
    refused("another tenant's object", "AccessDenied", other.get_object, Bucket="boto", Key="md5")
    refused("another tenant's listing", "AccessDenied", other.list_objects_v2, Bucket="boto")
    refused("another tenant's PUT", "AccessDenied", other.put_object, Bucket="boto", Key="md5", Body=b"x")
    refused("another tenant's bucket name", "BucketAlreadyExists", other.create_bucket, Bucket="boto",
            CreateBucketConfiguration={"LocationConstraint": stack.region})
    checks.equal(other.list_buckets()["Buckets"], [], "boto3: another tenant sees no bucket of mine")
    copies(stack, s3, body)
    listings(s3)
    presigned(s3)


def after_nothing(stack):
    """An empty file and then another on the same connection, both announced with Expect, as the aws cli uploads a folder."""
    s3 = stack.client()
    for body in (b"", b"full", b"", b""):
        s3.put_object(Bucket="boto", Key="announced", Body=io.BytesIO(body))
        checks.equal(s3.get_object(Bucket="boto", Key="announced")["Body"].read(), body, "boto3: a file of %d bytes" % len(body))


def copies(stack, s3, body):
    s3.copy_object(Bucket="boto", Key="copy", CopySource={"Bucket": "boto", "Key": "a/b c"})
    got = s3.get_object(Bucket="boto", Key="copy")
    checks.ok(got["Body"].read() == body and got["Metadata"]["name"] == "value", "boto3: a copy has bytes and metadata")
    s3.copy_object(Bucket="boto", Key="copy", CopySource="boto/copy", MetadataDirective="REPLACE", Metadata={"new": "1"})
    checks.equal(s3.head_object(Bucket="boto", Key="copy")["Metadata"], {"new": "1"}, "boto3: a copy on itself replaces metadata")
    status, _, answer = stack.request("PUT", "/boto/copy2", headers={"x-amz-copy-source": "/boto/copy",
                                                                     "x-amz-checksum-algorithm": "MD5"})
    checks.ok(status == 400 and b"Checksum algorithm provided is unsupported" in answer,
              "a copy with a checksum that S3 does not know is refused")
    for text, want in (("bytes=0-0", b"0"), ("bytes=-5", b"56789"), ("bytes=9998-", b"89"), ("bytes=5-7", b"567")):
        got = s3.get_object(Bucket="boto", Key="md5", Range=text)
        checks.ok(got["Body"].read() == want and got["ResponseMetadata"]["HTTPStatusCode"] == 206, "boto3: range " + text)


def listings(s3):
    s3.create_bucket(Bucket="list", CreateBucketConfiguration={"LocationConstraint": "fr-sov-1"})
    keys = ["a", "a/", "a/1", "a/2", "a0", "b/x/1", "b/x/2", "b/y", "c", "é", "\U0001f600", "~"]
    for key in keys:
        s3.put_object(Bucket="list", Key=key, Body=b"")
    in_order = sorted(keys, key=lambda k: k.encode())
    for version, call in (("1", s3.list_objects), ("2", s3.list_objects_v2)):
        got, token = [], {}
        while True:
            page = call(Bucket="list", MaxKeys=2, **token)
            got += [c["Key"] for c in page.get("Contents", [])]
            if not page["IsTruncated"]:
                break
            token = {"ContinuationToken": page["NextContinuationToken"]} if version == "2" else {"Marker": got[-1]}
        checks.equal(got, in_order, "boto3: list version %s in pages of two" % version)
        page = call(Bucket="list", Delimiter="/")
        checks.equal([p["Prefix"] for p in page["CommonPrefixes"]], ["a/", "b/"], "boto3: common prefixes, version " + version)
        page = call(Bucket="list", Delimiter="/", Prefix="b/")
        checks.equal(([p["Prefix"] for p in page["CommonPrefixes"]], [c["Key"] for c in page["Contents"]]),
                     (["b/x/"], ["b/y"]), "boto3: prefix and delimiter, version " + version)
    page = s3.list_objects_v2(Bucket="list", StartAfter="b")
    checks.equal(page["Contents"][0]["Key"], "b/x/1", "boto3: start-after")
    answer = s3.delete_objects(Bucket="list", Delete={"Objects": [{"Key": k} for k in keys + ["absent"]]})
    checks.equal(len(answer["Deleted"]), len(keys) + 1, "boto3: DeleteObjects, absent keys too")
    checks.ok("Contents" not in s3.list_objects_v2(Bucket="list"), "boto3: and the bucket is empty")
    s3.delete_bucket(Bucket="list")


def presigned(s3):
    for method, operation, body in (("PUT", "put_object", b"presigned"), ("GET", "get_object", None)):
        url = s3.generate_presigned_url(operation, Params={"Bucket": "boto", "Key": "pre signed+1"}, ExpiresIn=60)
        with urllib.request.urlopen(urllib.request.Request(url, data=body, method=method)) as answer:
            checks.ok(answer.status == 200 and (body or answer.read() == b"presigned"), "presigned %s" % method)
    try:
        urllib.request.urlopen(url.replace("pre%20signed", "other"))
        checks.ok(False, "a presigned URL for another key")
    except urllib.error.HTTPError as e:
        checks.ok(e.code == 403 and b"SignatureDoesNotMatch" in e.read(), "a presigned URL for another key is refused")


def presign(stack, method, path, query, who="main"):
    """A URL whose x-amz- headers stand in its query, as the SDKs for JavaScript, Go and Java make them."""
    from botocore.auth import S3SigV4QueryAuth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
    key = stack.access[who]
    request = AWSRequest(method=method, url=stack.url() + path + "?" + query)
    S3SigV4QueryAuth(Credentials(key["access_key"], key["secret_key"]), "s3", stack.region, expires=60).add_auth(request)
    return request.url


def hoisted(stack, s3):
    """Headers in the query of a presigned URL count, whatever the SDK that put them there."""
    def send(method, query, key="hoisted", body=b"hoisted"):
        url = presign(stack, method, "/boto/" + key, query)
        try:
            with urllib.request.urlopen(urllib.request.Request(url, data=body, method=method)) as answer:
                return answer.status
        except urllib.error.HTTPError as e:
            e.read()
            return e.code
    empty = "x-amz-checksum-crc32=AAAAAA%3D%3D&x-amz-sdk-checksum-algorithm=CRC32&x-id=PutObject"
    asked = "x-amz-tagging=a%3Db&X-Amz-Meta-Colour=bl%C3%A4u&x-amz-server-side-encryption=AES256&x-amz-acl=public-read"
    checks.equal(send("PUT", asked + "&" + empty), 200, "a URL with headers in its query, and with a checksum of nothing")
    head = s3.head_object(Bucket="boto", Key="hoisted")
    checks.equal((head["ServerSideEncryption"], list(head["Metadata"])), ("AES256", ["colour"]), "its encryption and metadata")
    checks.equal(s3.get_object_tagging(Bucket="boto", Key="hoisted")["TagSet"], [{"Key": "a", "Value": "b"}], "its tags")
    checks.equal(stack.client("alt").get_object(Bucket="boto", Key="hoisted")["Body"].read(), b"hoisted", "its ACL")
    checks.equal(send("PUT", "x-amz-copy-source=%2Fboto%2Fhoisted&x-amz-tagging-directive=REPLACE", "copied", b""), 200, "a copy by URL")
    got = s3.get_object(Bucket="boto", Key="copied")
    checks.ok(got["Body"].read() == b"hoisted" and "TagCount" not in got, "is one, with its directive")
    for what, query, want in (("another owner", "x-amz-expected-bucket-owner=000000000001", 403),
                              ("what is not built", "x-amz-storage-class=GLACIER", 501),
                              ("a header twice", "x-amz-meta-a=1&X-Amz-Meta-A=2", 400),
                              ("a customer's key", "x-amz-server-side-encryption-customer-key=a2V5", 400),
                              ("a line end", "x-amz-meta-a=1%0D%0Ab%3A2", 400)):
        checks.equal(send("PUT", query, "never"), want, "a URL with %s is refused" % what)
    checks.equal(send("HEAD", "", "never", None), 404, "nothing came of these")


def not_ignored(stack):
    """Headers of S3 that ask for what is not done here are refused; nobody shall believe that it was done."""
    for name, value, want in (
            ("x-amz-storage-class", "GLACIER", 501), ("x-amz-storage-class", "STANDARD", 200),
            ("x-amz-website-redirect-location", "/", 501), ("x-amz-write-offset-bytes", "1", 501),
            ("x-amz-server-side-encryption-context", "e30=", 501), ("x-amz-object-lock-event-hold", "ON", 501),
            ("x-amz-object-lock-event-hold-duration-days", "1", 501), ("x-amz-checksum-sha512", "AA==", 400),
            ("x-amz-checksum-xxhash64", "AA==", 400), ("x-amz-sdk-checksum-algorithm", "CRC32", 400),
            ("x-amz-server-side-encryption-bucket-key-enabled", "maybe", 400), ("x-amz-checksum-mode", "ENABLED", 200),
            ("x-amz-request-payer", "requester", 200)):
        checks.equal(stack.request("PUT", "/boto/asked", b"x", {name: value})[0], want, "PUT with %s: %s" % (name, value))
    upload = stack.client().create_multipart_upload(Bucket="boto", Key="asked", ChecksumAlgorithm="CRC32")["UploadId"]
    for what, want, headers in (("another checksum", 400, {"x-amz-checksum-sha1": "qvTGHdzF6KLavt4PO0gs2a6pQ00="}),
                                ("its checksum", 200, {"x-amz-checksum-crc32": "NhCmhg=="})):
        query = "partNumber=1&uploadId=" + upload
        checks.equal(stack.request("PUT", "/boto/asked", b"hello", headers, query=query)[0], want, "a part with " + what)
    part = stack.request("GET", "/boto/asked", query="uploadId=" + upload)[2].decode().split("&quot;")[1]
    def complete(headers, more=""):
        body = "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>%s</ETag>%s</Part></CompleteMultipartUpload>"
        return stack.request("POST", "/boto/asked", (body % (part, more)).encode(), headers, query="uploadId=" + upload)[0]
    for what, want, headers, more in (
            ("of another kind", 400, {"x-amz-checksum-crc32c": "mnG7TA=="}, ""), ("of another type", 400, {"x-amz-checksum-type": "FULL_OBJECT"}, ""),
            ("of another kind in a part", 400, {}, "<ChecksumSHA1>qvTGHdzF6KLavt4PO0gs2a6pQ00=</ChecksumSHA1>"),
            ("of its own", 200, {"x-amz-checksum-type": "COMPOSITE"}, "<ChecksumCRC32>NhCmhg==</ChecksumCRC32>")):
        checks.equal(complete(headers, more), want, "Complete with a checksum " + what)
    upload = stack.client().create_multipart_upload(Bucket="boto", Key="asked")["UploadId"]
    checks.equal(stack.request("DELETE", "/boto/asked", b"", {"x-amz-if-match-initiated-time": "Mon, 01 Jan 2024 00:00:00 GMT"},
                               query="uploadId=" + upload)[0], 501, "an abort with a condition does not abort without it")
    checks.equal(stack.request("DELETE", "/boto/asked", query="uploadId=" + upload)[0], 204, "the upload was still there")
    for kind, algorithm in (("COMPOSITE", "CRC64NVME"), ("FULL_OBJECT", "SHA256"), ("SOMEHOW", "CRC32")):
        asked = {"x-amz-checksum-algorithm": algorithm, "x-amz-checksum-type": kind}
        checks.equal(stack.request("POST", "/boto/asked", b"", asked, query="uploads=")[0], 400, "no upload with %s of %s" % (algorithm, kind))


def resumed(stack, s3):
    """What browsers and curl do after a broken download."""
    s3.put_object(Bucket="boto", Key="resumed", Body=b"0123456789", CacheControl="max-age=5")
    head = stack.request("HEAD", "/boto/resumed")[1]
    status, headers, body = stack.request("GET", "/boto/resumed", headers={"If-None-Match": head["etag"]})
    told = [headers.get(name) for name in ("etag", "last-modified", "cache-control")]
    checks.equal((status, body, told), (304, b"", [head["etag"], head["last-modified"], "max-age=5"]), "304 tells a cache what it needs")
    for what, wanted, want in (("its ETag", head["etag"], 206), ("another ETag", '"x"', 200), ("a weak one", "W/" + head["etag"], 200),
                               ("its date", head["last-modified"], 206), ("another date", "Mon, 01 Jan 2024 00:00:00 GMT", 200)):
        status, _, body = stack.request("GET", "/boto/resumed", headers={"Range": "bytes=5-", "If-Range": wanted})
        checks.equal((status, body), (want, b"56789" if want == 206 else b"0123456789"), "a range if the object has " + what)
    status, headers, _ = stack.request("GET", "/boto/resumed", headers={"Range": "bytes=10-"})
    checks.equal((status, headers.get("content-range")), (416, "bytes */10"), "a range behind the end tells the size")
    s3.put_object(Bucket="boto", Key="open", Body=b"x", ACL="public-read")
    for query, want in (("", 200), ("?response-content-type=text%2Fhtml", 400)):
        try:
            with urllib.request.urlopen(stack.url() + "/boto/open" + query) as answer:
                status = answer.status
        except urllib.error.HTTPError as e:
            status = e.code
        checks.equal(status, want, "a GET without a signature%s" % query)


def odd_uploads(s3):
    """Names that XML or a client's decoder could change, in a listing of uploads."""
    names = ["a+b %41", "\u00fc/ ", "x&<y>"]
    uploads = {name: s3.create_multipart_upload(Bucket="boto", Key=name)["UploadId"] for name in names}
    page = s3.list_multipart_uploads(Bucket="boto", EncodingType="url")
    checks.equal(sorted(urllib.parse.unquote(u["Key"]) for u in page["Uploads"]), sorted(names), "uploads, their names encoded")
    page = s3.list_multipart_uploads(Bucket="boto", EncodingType="url", MaxUploads=1)
    checks.equal(urllib.parse.unquote(page["NextKeyMarker"]), urllib.parse.unquote(page["Uploads"][0]["Key"]), "and the marker")
    for name, upload in uploads.items():
        s3.abort_multipart_upload(Bucket="boto", Key=name, UploadId=upload)


def multipart(stack):
    s3 = stack.client()
    data = os.urandom((12 << 20) + 345)
    s3.upload_fileobj(io.BytesIO(data), "boto", "parts")
    head = s3.head_object(Bucket="boto", Key="parts")
    checks.ok(head["ContentLength"] == len(data) and head["ETag"].strip('"').endswith("-2"), "boto3: upload in two parts")
    out = io.BytesIO()
    s3.download_fileobj("boto", "parts", out)
    checks.ok(out.getvalue() == data, "boto3: and back, by ranges with If-Match")
    got = s3.get_object(Bucket="boto", Key="parts", Range="bytes=%d-%d" % ((8 << 20) - 10, (8 << 20) + 9))["Body"].read()
    checks.equal(got, data[(8 << 20) - 10:(8 << 20) + 10], "boto3: a range across the part boundary")
    upload = s3.create_multipart_upload(Bucket="boto", Key="aborted")["UploadId"]
    s3.upload_part(Bucket="boto", Key="aborted", UploadId=upload, PartNumber=1, Body=b"x")
    checks.equal(len(s3.list_parts(Bucket="boto", Key="aborted", UploadId=upload)["Parts"]), 1, "boto3: list parts")
    checks.equal(len(s3.list_multipart_uploads(Bucket="boto")["Uploads"]), 1, "boto3: list uploads")
    s3.abort_multipart_upload(Bucket="boto", Key="aborted", UploadId=upload)
    checks.ok("Uploads" not in s3.list_multipart_uploads(Bucket="boto"), "boto3: abort")


def s3cmd(stack):
    key = stack.access["main"]
    base = ["s3cmd", "--config=/dev/null", "--no-ssl", "--host=127.0.0.1:%d" % stack.s3_port, "--region=" + stack.region,
            "--host-bucket=127.0.0.1:%d/%%(bucket)" % stack.s3_port, "--access_key=" + key["access_key"],
            "--secret_key=" + key["secret_key"], "--no-progress"]
    path = os.path.join(stack.dir, "s3cmd.bin")
    data = os.urandom(16 << 20)
    with open(path, "wb") as f:
        f.write(data)
    def good(what, *command):
        status, out = run(stack, *base, *command)
        checks.ok(status == 0, "s3cmd: " + what)
        return out
    good("mb", "mb", "s3://s3cmd")
    good("put in parts", "put", path, "s3://s3cmd/dir/big file")
    good("get", "get", "--force", "s3://s3cmd/dir/big file", path + ".back")
    checks.ok(open(path + ".back", "rb").read() == data, "s3cmd: the same bytes")
    checks.ok(b"big file" in good("ls -r", "ls", "-r", "s3://s3cmd"), "s3cmd: ls shows it")
    good("cp", "cp", "s3://s3cmd/dir/big file", "s3://s3cmd/copy")
    good("del", "del", "--recursive", "--force", "s3://s3cmd/")
    good("rb", "rb", "s3://s3cmd")


def rclone(stack):
    remote = ":s3,provider=Other,env_auth=true,endpoint='%s',region=%s:" % (stack.url(tls=True), stack.region)
    flags = ["--ca-cert", os.path.join(stack.authority, "server-ca.pem"), "--config", "/dev/null", "--retries", "1"]
    tree = stack.path("rclone-small")
    for name in ("one", "two", "sub/three"):
        os.makedirs(os.path.dirname(os.path.join(tree, name)), exist_ok=True)
        with open(os.path.join(tree, name), "wb") as f:
            f.write(os.urandom(100000))
    def good(what, *command):
        status, out = run(stack, "rclone", *command, *flags, tls=True)
        checks.ok(status == 0, "rclone: " + what)
        return out
    good("sync", "sync", tree, remote + "rclone")
    good("check --download", "check", "--download", tree, remote + "rclone")
    os.unlink(os.path.join(tree, "one"))
    good("sync after a deletion", "sync", tree, remote + "rclone")
    checks.equal(sorted(good("lsf", "lsf", "-R", "--files-only", remote + "rclone").decode().split()), ["sub/three", "two"],
                 "rclone: lists what is left")
    good("moveto", "moveto", remote + "rclone/two", remote + "rclone/renamed")
    good("purge", "purge", remote + "rclone")


def s3fs(stack):
    if not os.path.exists("/dev/fuse"):
        checks.skip("s3fs mount", "no /dev/fuse")
        return
    key = stack.access["main"]
    stack.client().create_bucket(Bucket="mounted", CreateBucketConfiguration={"LocationConstraint": stack.region})
    passwd = stack._write("passwd-s3fs", "%s:%s\n" % (key["access_key"], key["secret_key"]))
    point = stack.path("mnt")
    status, _ = run(stack, "s3fs", "mounted", point, "-o", "passwd_file=" + passwd, "-o", "url=" + stack.url(),
                    "-o", "use_path_request_style", "-o", "endpoint=" + stack.region, "-o", "sigv4")
    if status:
        checks.skip("s3fs mount", "this machine may not mount")
        return
    try:
        wait_for("the mount", lambda: os.path.ismount(point))
        data = os.urandom(300000)
        os.mkdir(point + "/dir")
        with open(point + "/dir/file", "wb") as f:
            f.write(data)
        os.chmod(point + "/dir/file", 0o640)
        os.rename(point + "/dir/file", point + "/dir/renamed")
        checks.ok(open(point + "/dir/renamed", "rb").read() == data, "s3fs: written, renamed, read")
        checks.equal(os.listdir(point + "/dir"), ["renamed"], "s3fs: listed")
        os.unlink(point + "/dir/renamed")
        checks.equal(os.listdir(point + "/dir"), [], "s3fs: removed")
    finally:
        subprocess.run(["umount", "-l", point], check=False)


def curl(stack):
    path = os.path.join(stack.dir, "curl.txt")
    with open(path, "w", encoding="ascii") as f:
        f.write("by host name")
    key = stack.access["main"]
    base = ["curl", "-s", "-S", "-w", "%{http_code}", "--aws-sigv4", "aws:amz:%s:s3" % stack.region, "-u",
            "%s:%s" % (key["access_key"], key["secret_key"]), "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD"]
    host = "boto.s3.localhost"
    to = ["--resolve", "%s:%d:127.0.0.1" % (host, stack.s3_port)]
    url = "http://%s:%d/%s" % (host, stack.s3_port, quote("curl key"))
    checks.equal(run(stack, *base, *to, "-T", path, url)[1], b"200", "curl: PUT, bucket in the host name")
    checks.equal(run(stack, *base, *to, url)[1], b"by host name200", "curl: GET, bucket in the host name")


def main():
    with Stack() as stack:
        boto(stack)
        multipart(stack)
        after_nothing(stack)
        hoisted(stack, stack.client())
        not_ignored(stack)
        resumed(stack, stack.client())
        odd_uploads(stack.client())
        aws(stack)
        s3cmd(stack)
        rclone(stack)
        s3fs(stack)
        curl(stack)
        stack.published()
        checks.ok(stack.audit()[0] == 0, "the log verifies")
    return checks.done()


if __name__ == "__main__":
    sys.exit(main())
