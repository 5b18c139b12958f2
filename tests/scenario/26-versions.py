#!/usr/bin/python3
"""Tags, versions and object lock, with boto3."""
# timeout: 200

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


def main():
    with Stack() as stack:
        s3 = stack.client()
        tagging(stack, s3)
    return checks.done()


if __name__ == "__main__":
    sys.exit(main())
