#!/usr/bin/python3
"""A bucket in which strangers may write: what is theirs there, what stays the owner's, and that no refusal changes anything."""

import json
import os
import sys

from botocore import UNSIGNED
from botocore.exceptions import ClientError

from stack import Checks, Stack

checks = Checks()


def gives(what, expected, call, **members):
    try:
        call(**members)
        got = "ok"
    except ClientError as e:
        got = e.response["Error"]["Code"]
    checks.equal(got, expected, what)


def uploads(s3, alt, third, nobody):
    upload = {"Bucket": "drop", "Key": "big"}
    for who, name in ((alt, "a stranger"), (nobody, "nobody")):
        begun = who.create_multipart_upload(**upload)["UploadId"]
        part = who.upload_part(**upload, UploadId=begun, PartNumber=1, Body=b"x" * 1000)
        gives("another stranger adds nothing to an upload of " + name, "AccessDenied", third.upload_part, **upload,
              UploadId=begun, PartNumber=1, Body=b"y")
        gives("nor lists it", "AccessDenied", third.list_parts, **upload, UploadId=begun)
        gives("nor aborts it", "AccessDenied", third.abort_multipart_upload, **upload, UploadId=begun)
        gives("nor completes it", "AccessDenied", third.complete_multipart_upload, **upload, UploadId=begun,
              MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
        checks.equal(len(s3.list_parts(**upload, UploadId=begun)["Parts"]), 1, "the bucket's owner sees its parts")
        checks.equal(len(who.list_parts(**upload, UploadId=begun)["Parts"]), 1, "and so does who began it")
        who.complete_multipart_upload(**upload, UploadId=begun,
                                      MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
        reader = alt if who is alt else s3
        checks.equal(reader.get_object(**upload)["Body"].read(), b"x" * 1000, "completed, its owner reads it")


def objects(s3, alt):
    mine = {"Bucket": "drop", "Key": "of-alt"}
    version = alt.put_object(**mine, Body=b"from alt")["VersionId"]
    checks.equal(alt.get_object(**mine)["Body"].read(), b"from alt", "a stranger reads what he wrote")
    gives("he does not lock it in the other's bucket", "AccessDenied", alt.put_object_retention, **mine,
          Retention={"Mode": "COMPLIANCE", "RetainUntilDate": "2040-01-01T00:00:00Z"})
    gives("nor hold it", "AccessDenied", alt.put_object_legal_hold, **mine, LegalHold={"Status": "ON"})
    gives("nor tag it", "AccessDenied", alt.put_object_tagging, **mine, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    gives("nor remove the version for good", "AccessDenied", alt.delete_object, **mine, VersionId=version)
    answer = alt.delete_objects(Bucket="drop", Delete={"Objects": [{"Key": "of-alt", "VersionId": version}]})
    checks.equal([e["Code"] for e in answer.get("Errors", [])], ["AccessDenied"], "nor with others in one request")
    alt.put_object_acl(**mine, ACL="public-read")
    checks.equal(s3.get_object(**mine)["Body"].read(), b"from alt", "what he opens to all, the bucket's owner reads too")
    alt.copy_object(Bucket="drop", Key="copy", CopySource=dict(mine))
    checks.equal(alt.get_object(Bucket="drop", Key="copy")["Body"].read(), b"from alt", "he copies it")
    s3.delete_object(**mine, VersionId=version)
    gives("the bucket's owner removes it", "NoSuchKey", s3.get_object, **mine)


def refusals(s3, alt, nobody):
    s3.create_bucket(Bucket="shown")
    s3.put_object(Bucket="shown", Key="k", Body=b"shown")
    s3.put_bucket_policy(Bucket="shown", Policy='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*",'
                         '"Action":"s3:GetObject","Resource":"arn:aws:s3:::shown/*"}]}')
    gives("a policy is not deleted from somebody else's bucket", "AccessDenied", s3.delete_bucket_policy, Bucket="shown",
          ExpectedBucketOwner="999999999999")
    checks.equal(nobody.get_object(Bucket="shown", Key="k")["Body"].read(), b"shown", "and still holds")
    before = s3.get_bucket_policy(Bucket="shown")["Policy"]
    checks.ok("s3:GetObject" in before, "and is told")
    s3.delete_bucket_policy(Bucket="shown")
    gives("deleted, it does not", "AccessDenied", nobody.get_object, Bucket="shown", Key="k")
    s3.create_bucket(Bucket="closed")
    gives("a deletion of many keys in a bucket that is not shared is one refusal", "AccessDenied", alt.delete_objects,
          Bucket="closed", Delete={"Objects": [{"Key": "a"}, {"Key": "b"}]})


def conditions(s3, nobody):
    """What a policy can ask about a request without a signature: where it comes from, and how."""
    at = {"Bucket": "asked", "Key": "k"}
    s3.create_bucket(Bucket="asked")
    s3.put_object(**at, Body=b"asked")
    here, clear = {"aws:SourceIp": "127.0.0.0/8"}, {"aws:SecureTransport": "false"}
    for condition, expected in (({"IpAddress": here}, "ok"), ({"NotIpAddress": here}, "AccessDenied"),
                                ({"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "2001:db8::/32"]}}, "AccessDenied"),
                                ({"Bool": clear}, "ok"), ({"Bool": {"aws:SecureTransport": "true"}}, "AccessDenied"),
                                ({"IpAddress": here, "Bool": {"aws:SecureTransport": "true"}}, "AccessDenied"),
                                ({"Null": {"s3:signatureversion": "true"}}, "ok"),
                                ({"StringLike": {"aws:UserAgent": "Boto3/*"}}, "ok"),
                                ({"StringLike": {"aws:Referer": "*"}}, "AccessDenied"),
                                ({"StringEqualsIfExists": {"aws:Referer": "x"}}, "ok"),
                                ({"ForAnyValue:StringEquals": {"s3:RequestObjectTagKeys": "a"}}, "AccessDenied"),
                                ({"DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}, "AccessDenied"),
                                ({"NumericGreaterThan": {"aws:EpochTime": "1500000000"}}, "ok")):
        s3.put_bucket_policy(Bucket="asked", Policy=json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::asked/*",
             "Condition": condition}]}))
        gives("a policy asks for %s" % json.dumps(condition), expected, nobody.get_object, **at)


def main():
    with Stack() as stack:
        stack.add_tenant("third")
        s3, alt, third = stack.client("main"), stack.client("alt"), stack.client("third")
        nobody = stack.client("main", signature_version=UNSIGNED)
        s3.create_bucket(Bucket="drop", ACL="public-read-write", ObjectLockEnabledForBucket=True)
        uploads(s3, alt, third, nobody)
        objects(s3, alt)
        refusals(s3, alt, nobody)
        conditions(s3, nobody)
        # What was written by a stranger and a customer's key go together.
        key = os.urandom(32)
        alt.put_object(Bucket="drop", Key="sse-c", Body=b"twice", SSECustomerKey=key, SSECustomerAlgorithm="AES256")
        got = alt.get_object(Bucket="drop", Key="sse-c", SSECustomerKey=key, SSECustomerAlgorithm="AES256")["Body"].read()
        checks.equal(got, b"twice", "a stranger's object under his own key")
        stack.published()
        status, report = stack.audit()
        checks.ok(status == 0, "rempart-audit verifies the log")
        if status:
            print("#", report)
    return checks.done()


if __name__ == "__main__":
    sys.exit(main())
