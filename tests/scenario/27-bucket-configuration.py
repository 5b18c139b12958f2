#!/usr/bin/python3
"""What a bucket is configured with: every kind put, read back, in force, removed, and gone with its bucket."""
# timeout: 300

import hashlib
import http.client
import sys

from stack import Checks, Stack, wait_for

checks = Checks()


def refused(what, code, call, *args, **kwargs):
    import botocore.exceptions
    try:
        call(*args, **kwargs)
    except botocore.exceptions.ClientError as e:
        return checks.equal(e.response["Error"]["Code"], code, what)
    return checks.ok(False, "%s: accepted" % what)


def make(stack, name):
    stack.client().create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": stack.region})


def tagging(stack):
    s3 = stack.client()
    tags = [{"Key": "Hello", "Value": "World"}, {"Key": "été", "Value": ""}]
    refused("no tags at first", "NoSuchTagSet", s3.get_bucket_tagging, Bucket="conf")
    s3.put_bucket_tagging(Bucket="conf", Tagging={"TagSet": tags})
    checks.equal(s3.get_bucket_tagging(Bucket="conf")["TagSet"], tags, "tags come back")
    refused("the same tag twice", "InvalidTag", s3.put_bucket_tagging, Bucket="conf",
            Tagging={"TagSet": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]})
    refused("51 tags", "InvalidTag", s3.put_bucket_tagging, Bucket="conf",
            Tagging={"TagSet": [{"Key": "k%d" % i, "Value": ""} for i in range(51)]})
    checks.equal(s3.get_bucket_tagging(Bucket="conf")["TagSet"], tags, "a refused document changes nothing")
    refused("another tenant reads no tags", "AccessDenied", stack.client("alt").get_bucket_tagging, Bucket="conf")
    refused("another tenant sets no tags", "AccessDenied", stack.client("alt").put_bucket_tagging, Bucket="conf",
            Tagging={"TagSet": []})
    s3.delete_bucket_tagging(Bucket="conf")
    refused("no tags after deletion", "NoSuchTagSet", s3.get_bucket_tagging, Bucket="conf")
    s3.delete_bucket_tagging(Bucket="conf")


def encryption(stack):
    s3 = stack.client()
    def rule(algorithm, key=None, **more):
        by_default = {"SSEAlgorithm": algorithm}
        if key:
            by_default["KMSMasterKeyID"] = key
        return {"Rules": [dict(more, ApplyServerSideEncryptionByDefault=by_default)]}
    def put(configuration):
        return s3.put_bucket_encryption(Bucket="conf", ServerSideEncryptionConfiguration=configuration)
    refused("no encryption configuration at first", "ServerSideEncryptionConfigurationNotFoundError",
            s3.get_bucket_encryption, Bucket="conf")
    key = s3.put_object(Bucket="conf", Key="plain", Body=b"x")["SSEKMSKeyId"]
    put(rule("AES256"))
    checks.equal(s3.get_bucket_encryption(Bucket="conf")["ServerSideEncryptionConfiguration"]["Rules"],
                 rule("AES256")["Rules"], "encryption comes back")
    answer = s3.put_object(Bucket="conf", Key="aes", Body=b"hello")
    checks.equal(answer["ServerSideEncryption"], "AES256", "the default is applied")
    checks.equal(answer["ETag"], '"%s"' % hashlib.md5(b"hello").hexdigest(), "with its ETag")
    answer = s3.copy_object(Bucket="conf", Key="copy", CopySource="conf/plain")
    checks.equal(answer["ServerSideEncryption"], "AES256", "the default is applied to copies")
    upload = s3.create_multipart_upload(Bucket="conf", Key="upload")
    checks.equal(upload["ServerSideEncryption"], "AES256", "the default is applied to uploads")
    s3.abort_multipart_upload(Bucket="conf", Key="upload", UploadId=upload["UploadId"])
    answer = s3.put_object(Bucket="conf", Key="kms", Body=b"x", ServerSideEncryption="aws:kms")
    checks.equal(answer["ServerSideEncryption"], "aws:kms", "what the request names counts")
    put(rule("aws:kms", key))
    answer = s3.put_object(Bucket="conf", Key="named", Body=b"x")
    checks.equal((answer["ServerSideEncryption"], answer["SSEKMSKeyId"]), ("aws:kms", key), "a key by default")
    put(rule("aws:kms", "alias/there-is-none"))
    refused("a default key that does not exist is not replaced by another", "KMS.NotFoundException",
            s3.put_object, Bucket="conf", Key="lost", Body=b"x")
    refused("a key for AES256", "InvalidArgument", put, rule("AES256", key))
    put(rule("aws:kms", BucketKeyEnabled=True))
    told = s3.get_bucket_encryption(Bucket="conf")["ServerSideEncryptionConfiguration"]["Rules"]
    checks.equal(told, rule("aws:kms", BucketKeyEnabled=True)["Rules"], "a bucket key that is asked for comes back")
    for answer in (s3.put_object(Bucket="conf", Key="bucket key", Body=b"x", BucketKeyEnabled=True),
                   s3.head_object(Bucket="conf", Key="bucket key")):
        checks.ok("BucketKeyEnabled" not in answer, "and no answer says that an object has one")
    refused("two layers", "NotImplemented", put, rule("aws:kms:dsse"))
    s3.delete_bucket_encryption(Bucket="conf")
    checks.equal(s3.put_object(Bucket="conf", Key="after", Body=b"x")["ServerSideEncryption"], "aws:kms",
                 "aws:kms again without configuration")


def access(stack):
    s3 = stack.client()
    refused("no ownership controls at first", "OwnershipControlsNotFoundError",
            s3.get_bucket_ownership_controls, Bucket="conf")
    controls = {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    s3.put_bucket_ownership_controls(Bucket="conf", OwnershipControls=controls)
    checks.equal(s3.get_bucket_ownership_controls(Bucket="conf")["OwnershipControls"], controls, "ownership comes back")
    acl = s3.get_bucket_acl(Bucket="conf")
    checks.equal([g["Permission"] for g in acl["Grants"]], ["FULL_CONTROL"], "one grant")
    checks.equal(acl["Grants"][0]["Grantee"]["ID"], acl["Owner"]["ID"], "to the owner")
    s3.put_bucket_acl(Bucket="conf", ACL="private")
    s3.put_object_acl(Bucket="conf", Key="plain", ACL="private")
    checks.equal(s3.get_object_acl(Bucket="conf", Key="plain")["Owner"], acl["Owner"], "ACL of an object")
    refused("grants", "InvalidArgument", s3.put_bucket_acl, Bucket="conf", GrantRead="id=abc")
    s3.put_bucket_acl(Bucket="conf",
                      AccessControlPolicy={"Grants": acl["Grants"], "Owner": acl["Owner"]})
    refused("ACL of no object", "NoSuchKey", s3.get_object_acl, Bucket="conf", Key="nothing")
    refused("ACL for another tenant", "AccessDenied", stack.client("alt").get_bucket_acl, Bucket="conf")
    s3.put_bucket_ownership_controls(Bucket="conf", OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]})
    refused("no ACL where the owner is enforced", "AccessControlListNotSupported", s3.put_bucket_acl, Bucket="conf", ACL="private")
    s3.delete_bucket_ownership_controls(Bucket="conf")
    for wanted in ("BucketOwnerEnforced", "ObjectWriter"):
        s3.create_bucket(Bucket="owned", ObjectOwnership=wanted, CreateBucketConfiguration={"LocationConstraint": stack.region})
        checks.equal(s3.get_bucket_ownership_controls(Bucket="owned")["OwnershipControls"]["Rules"],
                     [{"ObjectOwnership": wanted}], "ownership given with a new bucket")
        s3.delete_bucket(Bucket="owned")
    refused("no public access block at first", "NoSuchPublicAccessBlockConfiguration",
            s3.get_public_access_block, Bucket="conf")
    s3.put_public_access_block(Bucket="conf", PublicAccessBlockConfiguration={"BlockPublicAcls": True, "RestrictPublicBuckets": True})
    checks.equal(s3.get_public_access_block(Bucket="conf")["PublicAccessBlockConfiguration"],
                 {"BlockPublicAcls": True, "IgnorePublicAcls": False, "BlockPublicPolicy": False,
                  "RestrictPublicBuckets": True}, "public access block comes back, complete")
    s3.delete_public_access_block(Bucket="conf")


def plain(stack, method, path, **headers):
    """A request without any signature."""
    c = http.client.HTTPConnection("127.0.0.1", stack.s3_port, timeout=60)
    try:
        c.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})
        answer = c.getresponse()
        return answer.status, dict((k.lower(), v) for k, v in answer.getheaders()), answer.read()
    finally:
        c.close()


def cors(stack):
    s3 = stack.client()
    site = "https://app.example.org"
    refused("no CORS at first", "NoSuchCORSConfiguration", s3.get_bucket_cors, Bucket="conf")
    status, _, body = plain(stack, "OPTIONS", "/conf/plain", Origin=site, Access_Control_Request_Method="GET")
    checks.equal(status, 403, "no preflight without rules")
    nothing = plain(stack, "OPTIONS", "/never-made/plain", Origin=site, Access_Control_Request_Method="GET")
    def shape(answer):
        import re
        return answer[0], re.sub(b"<(RequestId|HostId|BucketName|Resource)>.*?</", b"", answer[2])
    checks.equal(shape(nothing), shape((status, _, body)), "a bucket without rules answers like one that does not exist")
    rules = [{"AllowedOrigins": ["https://*.example.org"], "AllowedMethods": ["GET", "PUT"], "AllowedHeaders": ["x-amz-*", "authorization"],
              "ExposeHeaders": ["ETag"], "MaxAgeSeconds": 600}]
    s3.put_bucket_cors(Bucket="conf", CORSConfiguration={"CORSRules": rules})
    checks.equal(s3.get_bucket_cors(Bucket="conf")["CORSRules"], rules, "CORS rules come back")
    status, headers, body = plain(stack, "OPTIONS", "/conf/nothing-here?uploadId=x", Origin=site, Access_Control_Request_Method="PUT",
                                  Access_Control_Request_Headers="authorization,x-amz-date")
    checks.equal((status, body, headers.get("access-control-allow-origin"), headers.get("access-control-allow-methods"),
                  headers.get("access-control-allow-headers"), headers.get("access-control-max-age")),
                 (200, b"", site, "GET, PUT", "authorization,x-amz-date", "600"), "a preflight that the rules allow")
    checks.ok("Origin" in headers.get("vary", ""), "caches are told")
    for what, path, given, wanted in (
            ("another origin", "/conf/plain", {"Origin": "https://evil.test", "Access_Control_Request_Method": "GET"}, 403),
            ("another method", "/conf/plain", {"Origin": site, "Access_Control_Request_Method": "DELETE"}, 403),
            ("another header", "/conf/plain", {"Origin": site, "Access_Control_Request_Method": "GET",
                                               "Access_Control_Request_Headers": "x-mine"}, 403),
            ("no origin", "/conf/plain", {"Access_Control_Request_Method": "GET"}, 400),
            ("no method", "/conf/plain", {"Origin": site}, 400),
            ("no bucket", "/", {"Origin": site, "Access_Control_Request_Method": "GET"}, 403)):
        status, headers, _ = plain(stack, "OPTIONS", path, **given)
        checks.ok(status == wanted and "access-control-allow-origin" not in headers, "a preflight with %s" % what)
    status, headers, _ = stack.request("GET", "/conf/plain", headers={"Origin": site})
    checks.equal((status, headers.get("access-control-allow-origin"), headers.get("access-control-expose-headers"),
                  headers.get("access-control-allow-credentials")), (200, site, "ETag", "true"), "a signed GET from that origin")
    status, headers, _ = stack.request("GET", "/conf/missing", headers={"Origin": site})
    checks.equal((status, headers.get("access-control-allow-origin")), (404, site), "a script may read the error, too")
    status, headers, _ = stack.request("GET", "/conf/plain", headers={"Origin": "https://evil.test"})
    checks.ok(status == 200 and "access-control-allow-origin" not in headers, "nothing for another origin")
    status, headers, _ = stack.request("GET", "/conf/plain")
    checks.ok("access-control-allow-origin" not in headers, "nothing without an origin")
    checks.equal(plain(stack, "GET", "/conf/plain", Origin=site)[0], 403, "rules give no right to read")
    s3.delete_bucket_cors(Bucket="conf")
    checks.equal(plain(stack, "OPTIONS", "/conf/plain", Origin=site, Access_Control_Request_Method="GET")[0], 403,
                 "no preflight after deletion")


def unused(stack):
    s3 = stack.client()
    refused("policy", "NoSuchBucketPolicy", s3.get_bucket_policy, Bucket="conf")
    refused("website", "NoSuchWebsiteConfiguration", s3.get_bucket_website, Bucket="conf")
    refused("replication", "ReplicationConfigurationNotFoundError", s3.get_bucket_replication, Bucket="conf")
    checks.equal(s3.get_bucket_request_payment(Bucket="conf")["Payer"], "BucketOwner", "request payment")
    checks.ok("LoggingEnabled" not in s3.get_bucket_logging(Bucket="conf"), "logging is off")
    checks.ok("TopicConfigurations" not in s3.get_bucket_notification_configuration(Bucket="conf"), "no notifications")
    checks.ok("Status" not in s3.get_bucket_accelerate_configuration(Bucket="conf"), "no acceleration")
    refused("a policy", "MalformedPolicy", s3.put_bucket_policy, Bucket="conf", Policy="{}")
    refused("acceleration", "NotImplemented", s3.put_bucket_accelerate_configuration, Bucket="conf",
            AccelerateConfiguration={"Status": "Enabled"})
    refused("a missing bucket", "NoSuchBucket", s3.get_bucket_logging, Bucket="nothing")


def attributes(stack):
    s3 = stack.client()
    put = s3.put_object(Bucket="conf", Key="attr", Body=b"0123456789", ChecksumAlgorithm="SHA256")
    every = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"]
    got = s3.get_object_attributes(Bucket="conf", Key="attr", ObjectAttributes=every)
    checks.equal((got["ETag"], got["ObjectSize"], got["StorageClass"], got["Checksum"]["ChecksumSHA256"]),
                 (put["ETag"].strip('"'), 10, "STANDARD", put["ChecksumSHA256"]), "attributes of an object")
    checks.ok("ObjectParts" not in got, "no parts for a plain object")
    only = s3.get_object_attributes(Bucket="conf", Key="attr", ObjectAttributes=["ObjectSize"])
    checks.ok("ETag" not in only and only["ObjectSize"] == 10, "only what was asked for")
    refused("unknown attribute", "InvalidArgument", s3.get_object_attributes, Bucket="conf", Key="attr", ObjectAttributes=["Colour"])
    refused("attributes of nothing", "NoSuchKey", s3.get_object_attributes, Bucket="conf", Key="none", ObjectAttributes=every)
    upload = s3.create_multipart_upload(Bucket="conf", Key="parts", ChecksumAlgorithm="SHA256")["UploadId"]
    parts = []
    for number, size in ((1, 5 << 20), (2, 5 << 20), (3, 7)):
        part = s3.upload_part(Bucket="conf", Key="parts", UploadId=upload, PartNumber=number, Body=b"x" * size,
                              ChecksumAlgorithm="SHA256")
        parts.append({"PartNumber": number, "ETag": part["ETag"], "ChecksumSHA256": part["ChecksumSHA256"]})
    s3.complete_multipart_upload(Bucket="conf", Key="parts", UploadId=upload, MultipartUpload={"Parts": parts})
    got = s3.get_object_attributes(Bucket="conf", Key="parts", ObjectAttributes=every, MaxParts=2)
    page = got["ObjectParts"]
    checks.equal((page["TotalPartsCount"], page["IsTruncated"], page["NextPartNumberMarker"]), (3, True, 2), "a page of parts")
    checks.equal([(p["PartNumber"], p["Size"], p["ChecksumSHA256"]) for p in page["Parts"]],
                 [(p["PartNumber"], 5 << 20, p["ChecksumSHA256"]) for p in parts[:2]], "parts with their checksums")
    rest = s3.get_object_attributes(Bucket="conf", Key="parts", ObjectAttributes=every, PartNumberMarker=2)["ObjectParts"]
    checks.equal([(p["PartNumber"], p["Size"]) for p in rest["Parts"]], [(3, 7)], "the rest of the parts")
    checks.ok(got["Checksum"]["ChecksumSHA256"].endswith("-3"), "a checksum of checksums")


def buckets(stack):
    names = ["page-%d" % i for i in range(5)]
    for name in names:
        make(stack, name)
    found, token, pages = [], "", 0
    while pages < 5:
        query = "max-buckets=2&prefix=page-" + ("&continuation-token=" + token if token else "")
        status, _, body = stack.request("GET", "/", query=query)
        text = body.decode()
        found += [part.split("</Name>")[0] for part in text.split("<Name>")[1:]]
        pages += 1
        if status != 200 or "<ContinuationToken>" not in text:
            break
        token = text.split("<ContinuationToken>")[1].split("<")[0]
    checks.equal((found, pages), (names, 3), "buckets in pages of two, by prefix")
    checks.equal(stack.request("GET", "/", query="max-buckets=0")[0], 400, "no page of nothing")


def made_with(stack):
    """What the document of CreateBucket says is done, or the bucket is not made."""
    s3 = stack.client()
    def document(more):
        text = "<CreateBucketConfiguration><LocationConstraint>%s</LocationConstraint>%s</CreateBucketConfiguration>"
        return (text % (stack.region, more)).encode()
    tag = "<Tag><Key>%s</Key><Value>1</Value></Tag>"
    tags = document("<Tags>%s</Tags>" % (tag % "team"))
    for what in ("made with tags", "made again, with the same"):
        checks.equal(stack.request("PUT", "/made", tags)[0], 200, "a bucket is " + what)
    checks.equal(s3.get_bucket_tagging(Bucket="made")["TagSet"], [{"Key": "team", "Value": "1"}], "and has them")
    for what, want, path, body, headers in (
            ("with other tags than it has", 409, "/made", document("<Tags>%s</Tags>" % (tag % "x")), {}),
            ("with a tag twice", 400, "/no-one", document("<Tags>%s%s</Tags>" % (tag % "x", tag % "x")), {}),
            ("of another kind", 501, "/no-one", document("<Bucket><Type>Directory</Type></Bucket>"), {}),
            ("with an unknown element", 400, "/no-one", document("<Locatoin/>"), {}),
            ("of a name space of its own", 501, "/no-one", b"", {"x-amz-bucket-namespace": "account-regional"}),
            ("with a lock, perhaps", 400, "/no-one", b"", {"x-amz-bucket-object-lock-enabled": "yes"})):
        checks.equal(stack.request("PUT", path, body, headers)[0], want, "no bucket " + what)
    refused("none of them was made", "404", s3.head_bucket, Bucket="no-one")


def unknown_elements(stack):
    """A document that says more than is understood is not taken for one that says less."""
    s3 = stack.client()
    s3.create_bucket(Bucket="strict", CreateBucketConfiguration={"LocationConstraint": stack.region}, ObjectLockEnabledForBucket=True)
    s3.put_object(Bucket="strict", Key="k", Body=b"x")
    hold = "<DefaultEventHold>ON</DefaultEventHold>"
    for want, method, path, query, body in (
            (400, "POST", "/strict", "delete=", "<Delete><Object><Key>k</Key><VersionID>%s</VersionID></Object></Delete>" % ("0" * 32)),
            (400, "POST", "/strict", "delete=", "<Delete><Object><Key>k</Key><Key>l</Key></Object></Delete>"),
            (400, "PUT", "/strict/k", "tagging=", "<Tagging><TagSet><Tag><Key>a</Key><Value/></Tag></TagSet><More/></Tagging>"),
            (400, "PUT", "/strict", "versioning=", "<VersioningConfiguration><Status>Enabled</Status><MFADelete/></VersioningConfiguration>"),
            (400, "PUT", "/strict/k", "legal-hold=", "<LegalHold><Status>OFF</Status><Until/></LegalHold>"),
            (501, "PUT", "/strict/k", "retention=", "<Retention><EventHold>ON</EventHold></Retention>"),
            (501, "PUT", "/strict", "object-lock=", "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule>"
             "<DefaultRetention><Mode>GOVERNANCE</Mode><Days>1</Days>%s</DefaultRetention></Rule></ObjectLockConfiguration>" % hold)):
        status, _, answer = stack.request(method, path, body.encode(), query=query)
        checks.equal(status, want, "%s %s with %.60s..." % (method, query, body))
    versions = s3.list_object_versions(Bucket="strict")
    checks.ok(len(versions["Versions"]) == 1 and "DeleteMarkers" not in versions, "nothing was deleted")


def lifecycle_documents(stack):
    s3 = stack.client()
    make(stack, "rules")
    def put(*rules):
        return s3.put_bucket_lifecycle_configuration(Bucket="rules", LifecycleConfiguration={"Rules": list(rules)})
    def rule(**more):
        return dict({"Status": "Enabled", "Filter": {"Prefix": "p/"}, "Expiration": {"Days": 3}}, **more)
    refused("no lifecycle at first", "NoSuchLifecycleConfiguration", s3.get_bucket_lifecycle_configuration, Bucket="rules")
    rules = [rule(ID="one"), rule(ID="two", Filter={"And": {"Prefix": "q", "ObjectSizeGreaterThan": 5, "ObjectSizeLessThan": 10}}),
             rule(ID="three", Status="Disabled", Filter={}, AbortIncompleteMultipartUpload={"DaysAfterInitiation": 7})]
    put(*rules)
    checks.equal(s3.get_bucket_lifecycle_configuration(Bucket="rules")["Rules"], rules, "lifecycle comes back")
    smallest = "x-amz-transition-default-minimum-object-size"
    body = stack.request("GET", "/rules", query="lifecycle=")[2]
    for value, want in (("all_storage_classes_128K", 200), ("varies_by_storage_class", 501)):
        status, headers, _ = stack.request("PUT", "/rules", body, {smallest: value}, query="lifecycle=")
        checks.equal(status, want, "lifecycle with %s" % value)
        checks.equal(headers.get(smallest), "all_storage_classes_128K" if want == 200 else None, "and what Terraform waits for")
    checks.equal(stack.request("GET", "/rules", query="lifecycle=")[1].get(smallest), "all_storage_classes_128K", "GET tells it too")
    put(rule())
    ids = [r["ID"] for r in s3.get_bucket_lifecycle_configuration(Bucket="rules")["Rules"]]
    checks.ok(len(ids) == 1 and len(ids[0]) == 32, "a rule without ID gets one")
    for what, code, bad in (
            ("the same ID twice", "InvalidArgument", [rule(ID="a"), rule(ID="a")]),
            ("a long ID", "InvalidArgument", [rule(ID="a" * 256)]),
            ("no day", "InvalidArgument", [rule(Expiration={"Days": 0})]),
            ("less than a day", "InvalidArgument", [rule(Expiration={"Days": -1})]),
            ("noon", "InvalidArgument", [rule(Expiration={"Date": "2030-01-01T12:00:00Z"})]),
            ("days and a date", "MalformedXML", [rule(Expiration={"Days": 1, "Date": "2030-01-01T00:00:00Z"})]),
            ("a status that is none", "MalformedXML", [rule(Status="enabled")]),
            ("no action", "InvalidRequest", [{"Status": "Enabled", "Filter": {}, "ID": "x"}]),
            ("sizes for uploads", "InvalidRequest", [rule(Filter={"ObjectSizeGreaterThan": 5},
                                                         AbortIncompleteMultipartUpload={"DaysAfterInitiation": 1})]),
            ("an And of one", "MalformedXML", [rule(Filter={"And": {"Prefix": "a"}})]),
            ("another storage class", "NotImplemented", [rule(Transitions=[{"Days": 1, "StorageClass": "GLACIER"}])])):
        refused("lifecycle with " + what, code, put, *bad)
    checks.equal([r["ID"] for r in s3.get_bucket_lifecycle_configuration(Bucket="rules")["Rules"]], ids,
                 "refused rules change nothing")
    s3.delete_bucket_lifecycle(Bucket="rules")
    refused("no lifecycle after deletion", "NoSuchLifecycleConfiguration", s3.get_bucket_lifecycle_configuration, Bucket="rules")


def lifecycle_headers(stack):
    """Far from due: what is announced."""
    s3 = stack.client()
    make(stack, "announced")
    s3.put_bucket_lifecycle_configuration(Bucket="announced", LifecycleConfiguration={"Rules": [
        {"ID": "by date", "Status": "Enabled", "Filter": {"Prefix": "d/"}, "Expiration": {"Date": "2090-01-02T00:00:00Z"}},
        {"ID": "days", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 25000},
         "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 25000}}]})
    wanted = 'expiry-date="Mon, 02 Jan 2090 00:00:00 GMT", rule-id="by%20date"'
    # 25,000 days, of the calendar whatever the length of a day is here: later than that date.
    put = s3.put_object(Bucket="announced", Key="d/x", Body=b"x")
    checks.equal(put["Expiration"], wanted, "PUT tells when the object goes")
    for what, answer in (("HEAD", s3.head_object(Bucket="announced", Key="d/x")), ("GET", s3.get_object(Bucket="announced", Key="d/x"))):
        checks.equal(answer["Expiration"], put["Expiration"], "%s tells the same" % what)
    upload = s3.create_multipart_upload(Bucket="announced", Key="u")
    checks.equal(upload["AbortRuleId"], "days", "an upload is told when it is given up")
    checks.ok("Expiration" not in s3.put_object(Bucket="conf", Key="stays", Body=b"x"), "nothing without a rule")


def lifecycle_works(stack):
    """A day is one second in this stack."""
    s3 = stack.client()
    make(stack, "going")
    for key in ("old/a", "old/b", "keep/a", "older"):
        s3.put_object(Bucket="going", Key=key, Body=b"x" * 10)
    s3.put_object(Bucket="going", Key="big", Body=b"x" * 1000)
    s3.put_object(Bucket="going", Key="tag/yes", Body=b"x", Tagging="stage=raw&team=a")
    s3.put_object(Bucket="going", Key="tag/no", Body=b"x", Tagging="stage=final")
    uploads = [s3.create_multipart_upload(Bucket="going", Key=key)["UploadId"] for key in ("old/up", "keep/up")]
    s3.upload_part(Bucket="going", Key="old/up", UploadId=uploads[0], PartNumber=1, Body=b"x" * 100)
    s3.put_bucket_lifecycle_configuration(Bucket="going", LifecycleConfiguration={"Rules": [
        {"ID": "a", "Status": "Enabled", "Filter": {"Prefix": "old/"}, "Expiration": {"Days": 1},
         "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}},
        {"ID": "b", "Status": "Enabled", "Filter": {"ObjectSizeGreaterThan": 999}, "Expiration": {"Date": "2020-01-01T00:00:00Z"}},
        {"ID": "t", "Status": "Enabled", "Filter": {"And": {"Prefix": "tag/", "Tags": [{"Key": "stage", "Value": "raw"}]}},
         "Expiration": {"Days": 1}},
        {"ID": "c", "Status": "Disabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}]})
    def left():
        keys = [o["Key"] for o in s3.list_objects_v2(Bucket="going").get("Contents", [])]
        ups = [u["Key"] for u in s3.list_multipart_uploads(Bucket="going").get("Uploads", [])]
        return (keys, ups)
    wait_for("lifecycle to remove what is due, by prefix, size and tag",
             lambda: left() == (["keep/a", "older", "tag/no"], ["keep/up"]))
    checks.ok(True, "what is due goes, the rest stays")
    checks.equal(s3.get_object(Bucket="going", Key="keep/a")["Body"].read(), b"x" * 10, "what stays is whole")
    refused("what went is gone", "NoSuchKey", s3.get_object, Bucket="going", Key="old/a")
    def counted():
        metrics = dict(line.rsplit(" ", 1) for line in stack.ops(stack.gateway_ops_port, "/metrics")[1].splitlines())
        return [int(metrics["rempart_gateway_lifecycle_%s_total" % what]) for what in ("expired", "aborted")]
    wait_for("the last of them to be counted", lambda: sum(counted()) >= 5) # after it went
    checks.equal(counted(), [4, 1], "counted")
    s3.delete_bucket_lifecycle(Bucket="going")
    s3.put_object(Bucket="going", Key="old/c", Body=b"x")
    checks.equal(left()[0], ["keep/a", "old/c", "older", "tag/no"], "no rule, no expiration")


def lifecycle_versions(stack):
    s3 = stack.client()
    make(stack, "versions")
    s3.put_bucket_versioning(Bucket="versions", VersioningConfiguration={"Status": "Enabled"})
    kept = [s3.put_object(Bucket="versions", Key="many", Body=b"%d" % i)["VersionId"] for i in range(5)]
    s3.put_object(Bucket="versions", Key="expires", Body=b"x")
    s3.put_object(Bucket="versions", Key="locked", Body=b"x")
    s3.put_object(Bucket="versions", Key="marked", Body=b"x")
    s3.delete_object(Bucket="versions", Key="marked")
    def listed():
        page = s3.list_object_versions(Bucket="versions")
        return (sorted((v["Key"], v["VersionId"]) for v in page.get("Versions", [])),
                sorted(m["Key"] for m in page.get("DeleteMarkers", [])))
    def put(*rules):
        s3.put_bucket_lifecycle_configuration(Bucket="versions", LifecycleConfiguration={"Rules": [
            dict(r, Status="Enabled", ID="r%d" % i) for i, r in enumerate(rules)]})
    put({"Filter": {"Prefix": "many"}, "NoncurrentVersionExpiration": {"NoncurrentDays": 1, "NewerNoncurrentVersions": 2}})
    wait_for("older versions to go but two", lambda: [v for v in listed()[0] if v[0] == "many"]
             == sorted(("many", v) for v in kept[2:]))
    checks.equal(s3.get_object(Bucket="versions", Key="many")["Body"].read(), b"4", "the current version stays")
    put({"Filter": {"Prefix": "expires"}, "Expiration": {"Days": 1}})
    wait_for("a current version to be marked as deleted", lambda: listed()[1] == ["expires", "marked"])
    checks.equal([v[0] for v in listed()[0] if v[0] == "expires"], ["expires"], "its data stays as an older version")
    put({"Filter": {"Prefix": "marked"}, "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
         "Expiration": {"ExpiredObjectDeleteMarker": True}})
    wait_for("the older version and then the marker to go", lambda: "marked" not in listed()[1]
             and "marked" not in [v[0] for v in listed()[0]])
    checks.equal([v[0] for v in listed()[0]], ["expires", "locked", "many", "many", "many"], "versions that no rule selects stay")


def lifetime(stack):
    """Configuration survives a crash of the gateway and goes with its bucket."""
    s3 = stack.client()
    make(stack, "short-lived")
    s3.put_bucket_tagging(Bucket="short-lived", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    stack.gateway.kill()
    stack.restart_gateway()
    checks.equal(len(s3.get_bucket_tagging(Bucket="short-lived")["TagSet"]), 1, "tags survive a crash")
    s3.delete_bucket(Bucket="short-lived")
    make(stack, "short-lived")
    refused("a new bucket has no old tags", "NoSuchTagSet", s3.get_bucket_tagging, Bucket="short-lived")


def main():
    with Stack(store="[lifecycle]\nday_seconds = 1") as stack:
        make(stack, "conf")
        tagging(stack)
        encryption(stack)
        access(stack)
        cors(stack)
        unused(stack)
        attributes(stack)
        buckets(stack)
        made_with(stack)
        unknown_elements(stack)
        lifecycle_documents(stack)
        lifecycle_headers(stack)
        lifecycle_works(stack)
        lifecycle_versions(stack)
        lifetime(stack)
        stack.published()
        checks.ok(stack.audit()[0] == 0, "the log verifies")
    return checks.done()


if __name__ == "__main__":
    sys.exit(main())
