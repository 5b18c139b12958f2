#!/usr/bin/python3
"""Tags, versions and object lock, with boto3."""
# timeout: 200

import base64
import datetime
import email.utils
import functools
import hashlib
import sys

from stack import Checks, Stack

checks = Checks()


def refused(what, code, call, **arguments):
    import botocore.exceptions
    try:
        call(**arguments)
        checks.ok(False, what + " is refused")
    except botocore.exceptions.ClientError as e:
        checks.equal(e.response["Error"]["Code"], code, "%s is %s" % (what, code))
        return e.response
    return None


def bucket(stack, s3, name, **more):
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": stack.region}, **more)
    return name


def tag_set(**tags):
    return {"TagSet": [{"Key": k, "Value": v} for k, v in tags.items()]}


def tags_of(s3, b, key, **more):
    return {t["Key"]: t["Value"] for t in s3.get_object_tagging(Bucket=b, Key=key, **more)["TagSet"]}


def tagging(stack, s3):
    b = bucket(stack, s3, "tags")
    s3.put_object(Bucket=b, Key="k", Body=b"data", Tagging="a=1&b%20c=x%2By&empty=")
    want = {"a": "1", "b c": "x+y", "empty": ""}
    checks.equal(tags_of(s3, b, "k"), want, "tags of a PUT come back")
    s3.put_object(Bucket=b, Key="order", Body=b"", Tagging="foo=bar&bar")
    checks.equal(list(tags_of(s3, b, "order").items()), [("bar", ""), ("foo", "bar")], "in the order of their keys")
    checks.equal(s3.get_object(Bucket=b, Key="k")["TagCount"], 3, "GET tells how many tags there are")
    count = s3.head_object(Bucket=b, Key="k")["ResponseMetadata"]["HTTPHeaders"].get("x-amz-tagging-count")
    checks.equal(count, "3", "and HEAD too")
    s3.copy_object(Bucket=b, Key="copy", CopySource=b + "/k")
    checks.equal(tags_of(s3, b, "copy"), want, "a copy has its source's tags")
    s3.copy_object(Bucket=b, Key="copy", CopySource=b + "/k", TaggingDirective="REPLACE", Tagging="n=2")
    checks.equal(tags_of(s3, b, "copy"), {"n": "2"}, "or those of the request, with REPLACE")
    before = s3.head_object(Bucket=b, Key="k")
    s3.put_object_tagging(Bucket=b, Key="k", Tagging=tag_set(**{"é" * 128: "ü" * 256}))
    checks.equal(tags_of(s3, b, "k"), {"é" * 128: "ü" * 256}, "PutObjectTagging replaces; limits count characters")
    after = s3.head_object(Bucket=b, Key="k")
    checks.ok(before["ETag"] == after["ETag"] and before["LastModified"] == after["LastModified"]
              and s3.get_object(Bucket=b, Key="k")["Body"].read() == b"data", "and the object stays what it was")
    ten = {str(i): "v" for i in range(10)}
    s3.put_object_tagging(Bucket=b, Key="k", Tagging=tag_set(**ten))
    for what, tags in (("eleven tags", tag_set(**dict(ten, x="y"))), ("a key of 129 characters", tag_set(**{"k" * 129: "v"})),
                       ("a value of 257 characters", tag_set(k="v" * 257)),
                       ("a reserved key", tag_set(**{"aws:x": "v"})), ("a character that no tag has", tag_set(k="a<b")),
                       ("a key twice", {"TagSet": [{"Key": "k", "Value": "1"}, {"Key": "k", "Value": "2"}]})):
        refused(what, "InvalidTag", s3.put_object_tagging, Bucket=b, Key="k", Tagging=tags)
    refused("a key twice in the header", "InvalidTag", s3.put_object, Bucket=b, Key="new", Body=b"", Tagging="k=1&k=2")
    refused("which stores nothing:", "404", s3.head_object, Bucket=b, Key="new")
    checks.equal(tags_of(s3, b, "k"), ten, "what was refused changed nothing")
    upload = s3.create_multipart_upload(Bucket=b, Key="parts", Tagging="from=upload")["UploadId"]
    part = s3.upload_part(Bucket=b, Key="parts", UploadId=upload, PartNumber=1, Body=b"x")
    s3.complete_multipart_upload(Bucket=b, Key="parts", UploadId=upload,
                                 MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
    checks.equal(tags_of(s3, b, "parts"), {"from": "upload"}, "an upload's tags are its object's")
    answer = s3.delete_object_tagging(Bucket=b, Key="k")
    checks.equal(answer["ResponseMetadata"]["HTTPStatusCode"], 204, "DeleteObjectTagging")
    checks.equal(tags_of(s3, b, "k"), {}, "and there are none left")
    checks.ok("x-amz-tagging-count" not in s3.head_object(Bucket=b, Key="k")["ResponseMetadata"]["HTTPHeaders"], "nor counted")
    for call in (s3.get_object_tagging, s3.delete_object_tagging):
        refused("tags of a missing object", "NoSuchKey", call, Bucket=b, Key="none")
    refused("another tenant's GetObjectTagging", "AccessDenied", stack.client("alt").get_object_tagging, Bucket=b, Key="k")
    refused("another tenant's PutObjectTagging", "AccessDenied", stack.client("alt").put_object_tagging, Bucket=b, Key="k",
            Tagging=tag_set(a="b"))


def listed(s3, b, **more):
    """(key, version id, is it a marker, is it the latest) of every version, by pages."""
    got, page = [], dict(more)
    while True:
        answer = s3.list_object_versions(Bucket=b, **page)
        rows = [(v["Key"], v["VersionId"], False, v["IsLatest"]) for v in answer.get("Versions", [])]
        rows += [(v["Key"], v["VersionId"], True, v["IsLatest"]) for v in answer.get("DeleteMarkers", [])]
        got += rows
        if not answer["IsTruncated"]:
            return got
        page = dict(more, KeyMarker=answer["NextKeyMarker"], VersionIdMarker=answer["NextVersionIdMarker"])


def read(s3, b, key, **more):
    return s3.get_object(Bucket=b, Key=key, **more)["Body"].read()


def state(s3, b, status):
    s3.put_bucket_versioning(Bucket=b, VersioningConfiguration={"Status": status})


def versioning(stack, s3):
    b = bucket(stack, s3, "versions")
    checks.ok("Status" not in s3.get_bucket_versioning(Bucket=b), "a new bucket has no versioning")
    checks.ok("VersionId" not in s3.put_object(Bucket=b, Key="k", Body=b"before"), "nor versions")
    state(s3, b, "Enabled")
    checks.equal(s3.get_bucket_versioning(Bucket=b)["Status"], "Enabled", "it is enabled")
    one = s3.put_object(Bucket=b, Key="k", Body=b"one")["VersionId"]
    two = s3.put_object(Bucket=b, Key="k", Body=b"two")["VersionId"]
    checks.ok(one != two and read(s3, b, "k") == b"two", "the newest is read")
    for version, want in (("null", b"before"), (one, b"one"), (two, b"two")):
        got = s3.get_object(Bucket=b, Key="k", VersionId=version)
        checks.ok(got["Body"].read() == want and got["VersionId"] == version, "version %s by its id" % want.decode())
        checks.equal(s3.head_object(Bucket=b, Key="k", VersionId=version)["ContentLength"], len(want), "and by HEAD")
    checks.equal(listed(s3, b), [("k", two, False, True), ("k", one, False, False), ("k", "null", False, False)],
                 "listed, the newest first")
    gone = s3.delete_object(Bucket=b, Key="k")
    checks.ok(gone["DeleteMarker"] and gone["VersionId"] not in (one, two), "a simple DELETE makes a marker")
    answer = refused("GET behind a marker", "NoSuchKey", s3.get_object, Bucket=b, Key="k")
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    checks.ok(headers.get("x-amz-delete-marker") == "true" and headers.get("x-amz-version-id") == gone["VersionId"],
              "and says that a marker stands there")
    answer = refused("GET of a marker", "MethodNotAllowed", s3.get_object, Bucket=b, Key="k", VersionId=gone["VersionId"])
    checks.equal(answer["ResponseMetadata"]["HTTPHeaders"].get("x-amz-delete-marker"), "true", "and says so")
    refused("HEAD of a marker", "405", s3.head_object, Bucket=b, Key="k", VersionId=gone["VersionId"])
    checks.ok("Contents" not in s3.list_objects_v2(Bucket=b), "a listing of objects does not show it")
    refused("a bucket that looks empty", "BucketNotEmpty", s3.delete_bucket, Bucket=b)
    back = s3.delete_object(Bucket=b, Key="k", VersionId=gone["VersionId"])
    checks.ok(back["DeleteMarker"] and read(s3, b, "k") == b"two", "without the marker the object is back")
    refused("a version that never was", "NoSuchVersion", s3.get_object, Bucket=b, Key="k", VersionId="0" * 32)
    refused("no version id at all", "InvalidArgument", s3.get_object, Bucket=b, Key="k", VersionId="nonsense")
    refused("another tenant's GET of a version", "AccessDenied", stack.client("alt").get_object, Bucket=b, Key="k", VersionId=one)
    # what names a version
    copy = s3.copy_object(Bucket=b, Key="k", CopySource={"Bucket": b, "Key": "k", "VersionId": one})
    checks.ok(copy["CopySourceVersionId"] == one and read(s3, b, "k") == b"one", "an old version copied onto its key is the newest")
    s3.put_object_tagging(Bucket=b, Key="k", VersionId=one, Tagging=tag_set(old="1"))
    checks.equal((tags_of(s3, b, "k", VersionId=one), tags_of(s3, b, "k")), ({"old": "1"}, {}), "tags are a version's own")
    upload = s3.create_multipart_upload(Bucket=b, Key="k")["UploadId"]
    part = s3.upload_part_copy(Bucket=b, Key="k", UploadId=upload, PartNumber=1,
                               CopySource={"Bucket": b, "Key": "k", "VersionId": "null"})["CopyPartResult"]["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": part}]}
    done = s3.complete_multipart_upload(Bucket=b, Key="k", UploadId=upload, MultipartUpload=parts)
    checks.equal(read(s3, b, "k", VersionId=done["VersionId"]), b"before", "an upload becomes a version, its part copied from one")
    s3.put_object(Bucket=b, Key="k", Body=b"later")
    again = s3.complete_multipart_upload(Bucket=b, Key="k", UploadId=upload, MultipartUpload=parts)
    checks.equal(again["VersionId"], done["VersionId"], "Complete sent again finds what it made")
    # suspended
    state(s3, b, "Suspended")
    suspended = s3.put_object(Bucket=b, Key="k", Body=b"null again")
    checks.ok("VersionId" not in suspended, "while suspended the null version is written, and not told")
    checks.equal([v[1] for v in listed(s3, b)].count("null"), 1, "and there is one of it")
    checks.equal(read(s3, b, "k", VersionId="null"), b"null again", "the newer")
    checks.equal(read(s3, b, "k", VersionId=one), b"one", "the others are untouched")
    marker = s3.delete_object(Bucket=b, Key="k")
    checks.ok(marker["DeleteMarker"] and marker["VersionId"] == "null", "a DELETE makes the marker the null version")
    state(s3, b, "Enabled")
    pages(s3, b)
    # everything away, with DeleteObjects
    s3.delete_object(Bucket=b, Key="p/1")
    items = [{"Key": k, "VersionId": v} for k, v, _, _ in listed(s3, b)]
    answer = s3.delete_objects(Bucket=b, Delete={"Objects": items + [{"Key": "new"}]})
    checks.equal({(d["Key"], d["VersionId"]) for d in answer["Deleted"] if "VersionId" in d},
                 {(i["Key"], i["VersionId"]) for i in items}, "DeleteObjects by version ids")
    made = [d for d in answer["Deleted"] if d["Key"] == "new"][0]
    checks.ok(made["DeleteMarker"] and len(made["DeleteMarkerVersionId"]) == 32, "or by a marker")
    checks.equal(listed(s3, b), [("new", made["DeleteMarkerVersionId"], True, True)], "which is all that is left")
    s3.delete_object(Bucket=b, Key="new", VersionId=made["DeleteMarkerVersionId"])
    s3.delete_bucket(Bucket=b)
    checks.ok(True, "and then the bucket goes")


def pages(s3, b):
    for key in ("p/1", "p/1", "p/2", "q", "q", "q", "é"):
        s3.put_object(Bucket=b, Key=key, Body=key.encode())
    want = listed(s3, b)
    checks.equal([k for k, _, _, _ in want if k != "k"], ["p/1", "p/1", "p/2", "q", "q", "q", "é"], "versions in the order of keys")
    for size in (1, 2, 3):
        got = listed(s3, b, MaxKeys=size)
        checks.equal(sorted(got), sorted(want), "the same in pages of %d" % size)
    answer = s3.list_object_versions(Bucket=b, Delimiter="/")
    checks.equal([p["Prefix"] for p in answer["CommonPrefixes"]], ["p/"], "common prefixes of versions")
    answer = s3.list_object_versions(Bucket=b, Prefix="q")
    checks.equal(len(answer["Versions"]), 3, "a prefix of versions")
    refused("a version marker without a key marker", "InvalidArgument", s3.list_object_versions, Bucket=b, VersionIdMarker="null")


def saying(s3, call, headers, body=None):
    """The call with headers, or a body, that Debian's boto3 does not know."""
    def add(params, **_):
        params["headers"].update(headers)
        if body is not None:
            params["body"] = body
            params["headers"]["Content-MD5"] = base64.b64encode(hashlib.md5(body).digest()).decode()

    def run(**arguments):
        s3.meta.events.register_last("before-call.s3", add)
        try:
            return call(**arguments)
        finally:
            s3.meta.events.unregister("before-call.s3", add)
    return run


def conditions(stack, s3):
    b = bucket(stack, s3, "conditions")
    put = functools.partial(saying, s3, s3.put_object)
    delete = functools.partial(saying, s3, s3.delete_object)
    one = s3.put_object(Bucket=b, Key="k", Body=b"one")["ETag"]
    refused("a write over the version with that ETag", "PreconditionFailed", put({"if-none-match": one}), Bucket=b, Key="k")
    refused("a write over a version with another ETag", "PreconditionFailed", put({"if-match": '"other"'}), Bucket=b, Key="k")
    refused("a write over a version with the ETag of nothing", "PreconditionFailed", put({"if-match": '""'}), Bucket=b, Key="k")
    refused("a list of ETags", "NotImplemented", put({"if-none-match": '"a", %s' % one}), Bucket=b, Key="k")
    checks.equal(read(s3, b, "k"), b"one", "what was refused wrote nothing")
    two = put({"if-none-match": '"other"'})(Bucket=b, Key="k", Body=b"two")["ETag"]
    refused("If-Match on a key that is not there", "NoSuchKey", put({"if-match": two}), Bucket=b, Key="none")
    when = s3.head_object(Bucket=b, Key="k")["LastModified"]
    date, other = (email.utils.formatdate(when.timestamp() - late, usegmt=True) for late in (0, 1))
    refused("a delete of another size", "PreconditionFailed", delete({"x-amz-if-match-size": "4"}), Bucket=b, Key="k")
    refused("a delete of no size", "InvalidArgument", delete({"x-amz-if-match-size": "x"}), Bucket=b, Key="k")
    refused("a delete of another date", "PreconditionFailed", delete({"x-amz-if-match-last-modified-time": other}), Bucket=b, Key="k")

    def delete_all(*objects):
        body = "<Delete>%s</Delete>" % "".join("<Object>%s</Object>" % o for o in objects)
        return saying(s3, s3.delete_objects, {}, body.encode())(Bucket=b, Delete={"Objects": [{"Key": "k"}]})
    answer = delete_all("<Key>k</Key><ETag>%s</ETag>" % one, "<Key>k</Key><VersionId>nonsense</VersionId>", "<Key>k</Key><Size>4</Size>",
                        "<Key>none</Key><ETag>%s</ETag>" % one)
    checks.equal(sorted(e["Code"] for e in answer["Errors"]), ["NoSuchVersion", "PreconditionFailed", "PreconditionFailed"],
                 "DeleteObjects: each key has its own condition, and a version id that is none refuses its own key")
    checks.equal([d["Key"] for d in answer["Deleted"]], ["none"], "DeleteObjects: what is not there is deleted already")
    checks.equal(read(s3, b, "k"), b"two", "and the object is still there")
    answer = delete_all("<Key>k</Key><ETag>%s</ETag><Size>3</Size><LastModifiedTime>%s</LastModifiedTime>" % (two, date))
    checks.equal([d["Key"] for d in answer["Deleted"]], ["k"], "DeleteObjects: where every condition holds it is gone")


def part_checksums(stack, s3):
    b = bucket(stack, s3, "parts")
    upload = s3.create_multipart_upload(Bucket=b, Key="k", ChecksumAlgorithm="SHA256")["UploadId"]
    parts = []
    for n, body in enumerate((b"a" * (5 << 20), b"tail"), 1):
        made = s3.upload_part(Bucket=b, Key="k", UploadId=upload, PartNumber=n, Body=body, ChecksumAlgorithm="SHA256")
        parts.append({"PartNumber": n, "ETag": made["ETag"], "ChecksumSHA256": made["ChecksumSHA256"]})
    s3.complete_multipart_upload(Bucket=b, Key="k", UploadId=upload, MultipartUpload={"Parts": parts})
    got = s3.get_object(Bucket=b, Key="k", PartNumber=2, ChecksumMode="ENABLED")
    checks.equal((got["Body"].read(), got["ChecksumSHA256"], got["ResponseMetadata"]["HTTPHeaders"]["x-amz-checksum-type"]),
                 (b"tail", parts[1]["ChecksumSHA256"], "COMPOSITE"),
                 "GET of a part carries the part's checksum")
    checks.ok("ChecksumSHA256" not in s3.get_object(Bucket=b, Key="k", Range="bytes=0-9", ChecksumMode="ENABLED"),
              "GET of a range carries none")
    refused("a part that the object does not have", "InvalidPart", s3.get_object, Bucket=b, Key="k", PartNumber=3)


def soon(**delta):
    return datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0) + datetime.timedelta(**delta)


def lock_rule(**retention):
    return {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": retention}}


def locked_bucket(stack, s3):
    b = bucket(stack, s3, "locked", ObjectLockEnabledForBucket=True)
    checks.equal(s3.get_bucket_versioning(Bucket=b)["Status"], "Enabled", "object lock brings versioning")
    checks.equal(s3.get_object_lock_configuration(Bucket=b)["ObjectLockConfiguration"], {"ObjectLockEnabled": "Enabled"},
                 "and is told")
    refused("to suspend versioning", "InvalidBucketState", s3.put_bucket_versioning, Bucket=b,
            VersioningConfiguration={"Status": "Suspended"})
    put = s3.put_object_lock_configuration
    refused("a period of no days", "InvalidRetentionPeriod", put, Bucket=b,
            ObjectLockConfiguration=lock_rule(Mode="GOVERNANCE", Days=0))
    for what, rule in (("days and years", lock_rule(Mode="GOVERNANCE", Days=1, Years=1)),
                       ("neither days nor years", lock_rule(Mode="GOVERNANCE")),
                       ("a mode that is none", lock_rule(Mode="FOREVER", Days=1))):
        refused(what, "MalformedXML", put, Bucket=b, ObjectLockConfiguration=rule)
    want = lock_rule(Mode="GOVERNANCE", Days=1)
    put(Bucket=b, ObjectLockConfiguration=want)
    checks.equal(s3.get_object_lock_configuration(Bucket=b)["ObjectLockConfiguration"], want, "a default retention is kept")
    version = s3.put_object(Bucket=b, Key="default", Body=b"x")["VersionId"]
    got = s3.get_object_retention(Bucket=b, Key="default")["Retention"]
    left = got["RetainUntilDate"] - soon()
    checks.ok(got["Mode"] == "GOVERNANCE" and datetime.timedelta(hours=23) < left <= datetime.timedelta(days=1),
              "and a new object has it")
    refused("to delete it", "AccessDenied", s3.delete_object, Bucket=b, Key="default", VersionId=version)
    put(Bucket=b, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"})
    return b


def lock(stack, s3):
    b = locked_bucket(stack, s3)
    later = soon(days=2)
    put = s3.put_object(Bucket=b, Key="k", Body=b"kept", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=later)
    head = s3.head_object(Bucket=b, Key="k")
    checks.equal((head["ObjectLockMode"], head["ObjectLockRetainUntilDate"]), ("COMPLIANCE", later), "HEAD tells the retention")
    this = {"Bucket": b, "Key": "k", "VersionId": put["VersionId"]}
    for bypass in (False, True):
        refused("to delete under COMPLIANCE, bypass %s," % bypass, "AccessDenied", s3.delete_object, **this,
                BypassGovernanceRetention=bypass)
    refused("to shorten it", "AccessDenied", s3.put_object_retention, **this,
            Retention={"Mode": "COMPLIANCE", "RetainUntilDate": soon(days=1)}, BypassGovernanceRetention=True)
    s3.put_object_retention(**this, Retention={"Mode": "COMPLIANCE", "RetainUntilDate": soon(days=3)})
    answer = s3.delete_objects(Bucket=b, Delete={"Objects": [{"Key": "k", "VersionId": put["VersionId"]}]})
    checks.equal([e["Code"] for e in answer["Errors"]], ["AccessDenied"], "DeleteObjects is refused it, too")
    s3.put_object(Bucket=b, Key="k", Body=b"on top")
    s3.delete_object(Bucket=b, Key="k")
    checks.equal(s3.get_object(**this)["Body"].read(), b"kept", "overwriting and deleting leave the locked version")
    # governance
    version = s3.put_object(Bucket=b, Key="g", Body=b"g")["VersionId"]
    refused("retention of an object that has none", "NoSuchObjectLockConfiguration", s3.get_object_retention, Bucket=b, Key="g")
    this = {"Bucket": b, "Key": "g", "VersionId": version}
    s3.put_object_retention(**this, Retention={"Mode": "GOVERNANCE", "RetainUntilDate": later})
    refused("a date that has passed", "InvalidArgument", s3.put_object_retention, **this,
            Retention={"Mode": "GOVERNANCE", "RetainUntilDate": soon(days=-1)})
    refused("to shorten GOVERNANCE", "AccessDenied", s3.put_object_retention, **this,
            Retention={"Mode": "GOVERNANCE", "RetainUntilDate": soon(days=1)})
    s3.put_object_retention(**this, Retention={"Mode": "GOVERNANCE", "RetainUntilDate": soon(days=1)},
                            BypassGovernanceRetention=True)
    refused("to delete under GOVERNANCE", "AccessDenied", s3.delete_object, **this)
    # legal hold stands above the bypass
    s3.put_object_legal_hold(**this, LegalHold={"Status": "ON"})
    checks.equal((s3.get_object_legal_hold(**this)["LegalHold"]["Status"], s3.head_object(**this)["ObjectLockLegalHoldStatus"]),
                 ("ON", "ON"), "a legal hold is told")
    refused("to delete under a legal hold", "AccessDenied", s3.delete_object, **this, BypassGovernanceRetention=True)
    s3.put_object_legal_hold(**this, LegalHold={"Status": "OFF"})
    s3.delete_object(**this, BypassGovernanceRetention=True)
    refused("with the bypass it is gone:", "NoSuchVersion", s3.get_object, **this)
    upload = s3.create_multipart_upload(Bucket=b, Key="parts", ObjectLockLegalHoldStatus="ON")["UploadId"]
    part = s3.upload_part(Bucket=b, Key="parts", UploadId=upload, PartNumber=1, Body=b"x")["ETag"]
    s3.complete_multipart_upload(Bucket=b, Key="parts", UploadId=upload,
                                 MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part}]})
    checks.equal(s3.get_object_legal_hold(Bucket=b, Key="parts")["LegalHold"]["Status"], "ON", "an upload's hold is its object's")
    refused("a mode without a date", "InvalidArgument", s3.put_object, Bucket=b, Key="x", Body=b"", ObjectLockMode="GOVERNANCE")
    # where there is no lock
    plain = bucket(stack, s3, "unlocked")
    s3.put_object(Bucket=plain, Key="k", Body=b"")
    refused("the lock of a bucket without", "ObjectLockConfigurationNotFoundError", s3.get_object_lock_configuration, Bucket=plain)
    refused("lock of a bucket without versioning", "InvalidBucketState", s3.put_object_lock_configuration, Bucket=plain,
            ObjectLockConfiguration=lock_rule(Mode="GOVERNANCE", Days=1))
    for call, more in ((s3.get_object_retention, {}), (s3.get_object_legal_hold, {}),
                       (s3.put_object_legal_hold, {"LegalHold": {"Status": "ON"}}),
                       (s3.put_object, {"ObjectLockLegalHoldStatus": "ON"})):
        refused("%s without lock" % call.__name__, "InvalidRequest", call, Bucket=plain, Key="k", **more)
    state(s3, plain, "Enabled")
    s3.put_object_lock_configuration(Bucket=plain, ObjectLockConfiguration=lock_rule(Mode="COMPLIANCE", Years=1))
    checks.ok(True, "a bucket with versioning gets the lock later")


def main():
    with Stack() as stack:
        s3 = stack.client()
        tagging(stack, s3)
        versioning(stack, s3)
        conditions(stack, s3)
        part_checksums(stack, s3)
        lock(stack, s3)
        stack.published()
        checks.ok(stack.audit()[0] == 0, "the log verifies")
    return checks.done()


if __name__ == "__main__":
    sys.exit(main())
