#!/usr/bin/python3
"""Who may, through S3: policies, ACLs and public access, and what the key log says about why."""

import http.client
import json
import os
import sys

from botocore import UNSIGNED
from botocore.exceptions import ClientError

from stack import Checks, Stack

checks = Checks()


def code_of(call, **members):
    try:
        call(**members)
    except ClientError as e:
        return e.response["Error"]["Code"]
    return "ok"


def gives(what, expected, call, **members):
    got = code_of(call, **members)
    checks.equal("403" if got in ("AccessDenied", "403", "Forbidden") else got, expected, what)


def policy(bucket, *statements):
    full = []
    for effect, principal, actions, where, condition in statements:
        s = {"Effect": effect, "Principal": principal, "Action": actions, "Resource": "arn:aws:s3:::" + bucket + where}
        if condition:
            s["Condition"] = condition
        full.append(s)
    return json.dumps({"Version": "2012-10-17", "Statement": full})


def people(stack):
    nobody = stack.client("main", signature_version=UNSIGNED)
    return stack.client("main"), stack.client("alt"), nobody


def policies(stack):
    s3, alt, nobody = people(stack)
    arn = "arn:aws:iam::%s:user/alt-user" % stack.tenants["alt"]["tenant"]
    s3.create_bucket(Bucket="shared")
    for key in ("open/a", "closed/b"):
        s3.put_object(Bucket="shared", Key=key, Body=key.encode(), Tagging="class=" + key.split("/")[0])
    for who, name in ((alt, "another tenant"), (nobody, "nobody")):
        gives(name + " gets nothing at first", "403", who.get_object, Bucket="shared", Key="open/a")
        gives(name + " lists nothing", "403", who.list_objects_v2, Bucket="shared")
        gives(name + " is not told what is missing", "403", who.head_object, Bucket="shared", Key="none")
    s3.put_bucket_policy(Bucket="shared", Policy=policy(
        "shared", ("Allow", {"AWS": arn}, "s3:GetObject", "/open/*", None), ("Allow", {"AWS": arn}, "s3:PutObject", "/in/*", None)))
    checks.equal(alt.get_object(Bucket="shared", Key="open/a")["Body"].read(), b"open/a", "a named user reads what the policy names")
    gives("and nothing else", "403", alt.get_object, Bucket="shared", Key="closed/b")
    gives("nobody else does", "403", nobody.get_object, Bucket="shared", Key="open/a")
    alt.put_object(Bucket="shared", Key="in/x", Body=b"from outside")
    gives("he writes where he may, and nowhere else", "403", alt.put_object, Bucket="shared", Key="open/a", Body=b"no")
    gives("what he wrote is his: the bucket's owner does not read it", "403", s3.get_object, Bucket="shared", Key="in/x")
    owners = {c["Key"]: c["Owner"]["DisplayName"] for c in s3.list_objects(Bucket="shared")["Contents"]}
    checks.equal(owners, {"open/a": "main", "closed/b": "main", "in/x": "alt"}, "a listing tells whose each object is")
    alt.put_object(Bucket="shared", Key="in/y", Body=b"for both", ACL="bucket-owner-full-control")
    checks.equal(s3.get_object(Bucket="shared", Key="in/y")["Body"].read(), b"for both", "unless he lets him")
    gives("he cannot copy out what he may not read", "403", alt.copy_object, Bucket="shared", Key="in/z",
          CopySource={"Bucket": "shared", "Key": "closed/b"})
    alt.create_bucket(Bucket="of-alt")
    alt.copy_object(Bucket="of-alt", Key="mine", CopySource={"Bucket": "shared", "Key": "open/a"})
    checks.equal(alt.get_object(Bucket="of-alt", Key="mine")["Body"].read(), b"open/a", "what he may read he may copy, into his own bucket")
    s3.delete_object(Bucket="shared", Key="in/x")
    denied = policy("shared", ("Allow", "*", "s3:GetObject", "/*", {"StringEquals": {"s3:ExistingObjectTag/class": "open"}}),
                    ("Allow", "*", "s3:ListBucket", "", {"StringLike": {"s3:prefix": "open/*"}}),
                    ("Deny", "*", "s3:DeleteObject", "/open/*", None))
    s3.put_bucket_policy(Bucket="shared", Policy=denied)
    checks.equal(nobody.get_object(Bucket="shared", Key="open/a")["Body"].read(), b"open/a", "without a signature, where the tag allows it")
    gives("not where it does not", "403", nobody.get_object, Bucket="shared", Key="closed/b")
    checks.equal([c["Key"] for c in nobody.list_objects_v2(Bucket="shared", Prefix="open/")["Contents"]], ["open/a"], "a listing, with the prefix that is allowed")
    gives("another prefix is not", "403", nobody.list_objects_v2, Bucket="shared")
    gives("a Deny holds against the owner", "403", s3.delete_object, Bucket="shared", Key="open/a")
    result = s3.delete_objects(Bucket="shared", Delete={"Objects": [{"Key": "open/a"}, {"Key": "closed/b"}]})
    checks.equal([(e["Key"], e["Code"]) for e in result.get("Errors", [])], [("open/a", "AccessDenied")], "also for one key of many")
    checks.equal([d["Key"] for d in result["Deleted"]], ["closed/b"], "the others go")
    status = s3.get_bucket_policy_status(Bucket="shared")
    checks.ok(status["PolicyStatus"]["IsPublic"], "the bucket says that it is public")
    s3.put_public_access_block(Bucket="shared", PublicAccessBlockConfiguration={"RestrictPublicBuckets": True, "BlockPublicPolicy": True})
    gives("RestrictPublicBuckets ends it at once", "403", nobody.get_object, Bucket="shared", Key="open/a")
    gives("BlockPublicPolicy refuses another one", "403", s3.put_bucket_policy, Bucket="shared", Policy=denied)
    checks.equal(json.loads(s3.get_bucket_policy(Bucket="shared")["Policy"]), json.loads(denied), "and leaves the one before")
    s3.delete_public_access_block(Bucket="shared")
    s3.delete_bucket_policy(Bucket="shared")
    gives("without the policy, nothing", "403", nobody.get_object, Bucket="shared", Key="open/a")
    gives("none to be told", "NoSuchBucketPolicy", s3.get_bucket_policy, Bucket="shared")
    gives("a policy for another bucket", "MalformedPolicy", s3.put_bucket_policy, Bucket="shared",
          Policy=policy("other", ("Allow", "*", "s3:GetObject", "/*", None)))
    gives("not by a stranger", "403", alt.put_bucket_policy, Bucket="shared", Policy=denied)
    s3.put_bucket_policy(Bucket="shared", Policy=policy("shared", ("Deny", "*", "s3:*", "", None), ("Deny", "*", "s3:*", "/*", None)))
    gives("a policy that denies everything does so", "403", s3.list_objects_v2, Bucket="shared")
    gives("and can be taken back", "ok", s3.delete_bucket_policy, Bucket="shared")


def tenant_names(stack):
    """Ceph's tenant:bucket: the tenant has to be the one whose bucket it is."""
    for name, status in (("main", 200), ("", 200), (stack.tenants["main"]["tenant"], 200), ("alt", 403)):
        checks.equal(stack.request("GET", "/%s%%3Ashared" % name)[0], status, "%s:shared gives %d" % (name, status))
    checks.equal(stack.request("PUT", "/main%3Amade")[0], 400, "no bucket is made by such a name")


def lists(stack):
    s3, alt, nobody = people(stack)
    alt_id = stack.tenants["alt"]["canonical_id"]
    s3.create_bucket(Bucket="listed", ACL="public-read")
    s3.put_object(Bucket="listed", Key="private", Body=b"p")
    s3.put_object(Bucket="listed", Key="public", Body=b"q", ACL="public-read")
    s3.put_object(Bucket="listed", Key="granted", Body=b"r", GrantRead="id=" + alt_id)
    checks.equal(len(nobody.list_objects_v2(Bucket="listed")["Contents"]), 3, "a public bucket is listed by anybody")
    gives("its objects have lists of their own", "403", nobody.get_object, Bucket="listed", Key="private")
    checks.equal(nobody.get_object(Bucket="listed", Key="public")["Body"].read(), b"q", "a public object is read by anybody")
    gives("one for a tenant is not", "403", nobody.get_object, Bucket="listed", Key="granted")
    checks.equal(alt.get_object(Bucket="listed", Key="granted")["Body"].read(), b"r", "but by him")
    gives("who may not write", "403", alt.put_object, Bucket="listed", Key="granted", Body=b"no")
    s3.put_object_acl(Bucket="listed", Key="public", ACL="private")
    gives("made private again", "403", nobody.get_object, Bucket="listed", Key="public")
    s3.put_object_acl(Bucket="listed", Key="private", ACL="authenticated-read")
    gives("for everybody with a signature", "ok", alt.get_object, Bucket="listed", Key="private")
    gives("not without one", "403", nobody.get_object, Bucket="listed", Key="private")
    gives("a grantee who is not known", "InvalidArgument", s3.put_bucket_acl, Bucket="listed", GrantRead="id=" + "0" * 64)
    s3.put_public_access_block(Bucket="listed", PublicAccessBlockConfiguration={"BlockPublicAcls": True, "IgnorePublicAcls": True})
    gives("IgnorePublicAcls: the list of groups counts no more", "403", nobody.list_objects_v2, Bucket="listed")
    gives("a grant to one tenant does", "ok", alt.get_object, Bucket="listed", Key="granted")
    for what, call, more in (("an object", s3.put_object, {"Key": "n", "Body": b""}), ("an upload", s3.create_multipart_upload, {"Key": "n"}),
                             ("a bucket", s3.put_bucket_acl, {}), ("what is there", s3.put_object_acl, {"Key": "private"})):
        gives("BlockPublicAcls: no public list for %s" % what, "403", call, Bucket="listed", ACL="public-read", **more)
    s3.delete_public_access_block(Bucket="listed")
    s3.create_bucket(Bucket="of-owner", ObjectOwnership="BucketOwnerEnforced")
    gives("where lists are off, none is taken", "AccessControlListNotSupported", s3.put_object, Bucket="of-owner", Key="k", Body=b"", ACL="public-read")
    upload = s3.create_multipart_upload(Bucket="listed", Key="joined", ACL="public-read")
    part = s3.upload_part(Bucket="listed", Key="joined", UploadId=upload["UploadId"], PartNumber=1, Body=b"part")
    s3.complete_multipart_upload(Bucket="listed", Key="joined", UploadId=upload["UploadId"],
                                 MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
    checks.equal(nobody.get_object(Bucket="listed", Key="joined")["Body"].read(), b"part", "a joined object has the list of its upload")


def unsigned_document(stack):
    """A policy that the signature does not cover must not count: who holds the gateway could have put it there."""
    body = policy("shared", ("Allow", "*", "s3:GetObject", "/*", None)).encode()
    signed = stack.sign("PUT", "/shared", body, query="policy=", payload="UNSIGNED-PAYLOAD")
    c = http.client.HTTPConnection("127.0.0.1", stack.s3_port, timeout=60)
    c.request("PUT", "/shared?policy=", body, signed)
    answer = c.getresponse()
    status, text = answer.status, answer.read()
    c.close()
    checks.ok(status == 400 and b"x-amz-content-sha256" in text, "a policy outside of the signature is refused, with what to do")


def log_tells_why(stack):
    stack.published()
    entries = stack.entries()
    bases = {e.get("basis", "").split(":")[0] for e in entries if e["event"] == "access"}
    for basis in ("tenant-owner", "bucket-policy", "bucket-acl", "object-acl"):
        checks.ok(basis in bases, "the log tells why: " + basis)
    unsigned = [e for e in entries if e["event"] == "access" and e["result"] == "ok" and "principal" not in e]
    checks.ok(unsigned and all(e["tenant"] == stack.tenants["main"]["tenant"] for e in unsigned),
              "reads without a signature are in the log of the tenant whose data it is")
    denied = [e.get("detail", "") for e in entries if e["result"] == "denied"]
    checks.ok("the bucket policy denies it" in denied, "and why not")


def restart(stack):
    s3, _, nobody = people(stack)
    s3.put_bucket_policy(Bucket="listed", Policy=policy("listed", ("Allow", "*", "s3:GetObject", "/*", None)))
    stack.kms.stop()
    stack.restart_kms()
    checks.equal(nobody.get_object(Bucket="listed", Key="private")["Body"].read(), b"p", "what is on record outlives a restart of the KMS")


def main():
    with Stack(os.environ["TEST_DIR"], int(os.environ["TEST_PORT"]), os.environ["TEST_BUILD"]) as stack:
        policies(stack)
        tenant_names(stack)
        lists(stack)
        unsigned_document(stack)
        restart(stack)
        log_tells_why(stack)
    return checks.done()


if __name__ == "__main__":
    sys.exit(main())
