#!/usr/bin/python3
"""Server access logging: what is asked of a bucket is told in another one, each request exactly once, and nobody but the owner decides where.

Lines are read as S3's user guide describes them. The second half asks the KMS itself, as a stolen gateway would.
"""
# timeout: 180

import collections
import concurrent.futures
import datetime
import hashlib
import http.client
import json
import os
import re
import sys
import urllib.parse

from botocore.exceptions import ClientError

import kmsproto
from kmsproto import Evidence, access_call, deliver_call, key_call, resource
from stack import Checks, Stack, wait_for

checks = Checks()
FIELDS = ("owner", "bucket", "time", "source", "requester", "request_id", "operation", "key", "request", "status", "error", "sent",
          "size", "total", "turn", "referer", "agent", "version", "host_id", "signature", "cipher", "authentication", "host", "tls",
          "access_point", "acl_required")
FIELD = re.compile(r'\[([^\]]*)\]|"([^"]*)"|(\S+)')
CROWD = 2400
SERVICE = {"Service": "logging.s3.amazonaws.com"}


def parse(line):
    found = ["".join(m.groups(default="")) for m in FIELD.finditer(line)]
    assert len(found) == len(FIELDS), line
    return dict(zip(FIELDS, found))


def code_of(call, **arguments):
    try:
        call(**arguments)
        return None
    except ClientError as e:
        return e.response["Error"]["Code"]


def allow_service(bucket, prefix="", **more):
    return json.dumps({"Version": "2012-10-17", "Statement": [dict({
        "Sid": "logs", "Effect": "Allow", "Principal": SERVICE, "Action": "s3:PutObject",
        "Resource": "arn:aws:s3:::%s/%s*" % (bucket, prefix)}, **more)]})


def enable(s3, source, target, prefix, **more):
    """The request's id: of a bucket that has a log already, it stands in the new one."""
    done = s3.put_bucket_logging(Bucket=source, BucketLoggingStatus={
        "LoggingEnabled": dict({"TargetBucket": target, "TargetPrefix": prefix}, **more)})
    return done["ResponseMetadata"]["HTTPHeaders"]["x-amz-request-id"]


def put_format(stack, prefix, form):
    """TargetObjectKeyFormat is younger than Debian's boto3."""
    return stack.request("PUT", "/src", ("<BucketLoggingStatus><LoggingEnabled><TargetBucket>logs</TargetBucket><TargetPrefix>%s"
                                         "</TargetPrefix><TargetObjectKeyFormat>%s</TargetObjectKeyFormat></LoggingEnabled>"
                                         "</BucketLoggingStatus>" % (prefix, form)).encode(), query="logging=")


class Log:
    """What has been delivered."""

    def __init__(self, s3, bucket, prefix):
        self.s3, self.bucket, self.prefix = s3, bucket, prefix

    def keys(self):
        listing = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=self.prefix)
        return [o["Key"] for o in listing.get("Contents", [])]

    def lines(self):
        texts = [self.s3.get_object(Bucket=self.bucket, Key=k)["Body"].read().decode("ascii") for k in self.keys()]
        assert all(t.endswith("\n") for t in texts)
        return [parse(line) for t in texts for line in t.splitlines()]

    def wait(self, request_ids, least=0):
        """least: so many lines there must be, where a request makes several, or others are of interest, too."""
        wanted = set(request_ids)

        def there():
            found = self.lines()
            return found if len(found) >= least and wanted <= {line["request_id"] for line in found} else None
        return wait_for("the log objects under " + self.prefix, there)


def configuration(stack, s3, alt):
    for bucket in ("src", "logs", "other"):
        s3.create_bucket(Bucket=bucket)
    alt.create_bucket(Bucket="foreign")
    answer = s3.get_bucket_logging(Bucket="src")
    checks.ok("LoggingEnabled" not in answer, "a new bucket is not logged")
    put = s3.put_bucket_logging

    def status(**enabled):
        return {"Bucket": "src", "BucketLoggingStatus": {"LoggingEnabled": enabled}}
    bad = "InvalidTargetBucketForLogging"
    checks.equal(code_of(put, **status(TargetBucket="nowhere", TargetPrefix="")), bad, "a target that is not there is refused")
    checks.equal(code_of(put, **status(TargetBucket="foreign", TargetPrefix="")), bad, "a target of somebody else is refused")
    checks.equal(code_of(put, **status(TargetBucket="logs", TargetPrefix="a/")), bad, "a target that does not let the service write is refused")
    s3.put_bucket_policy(Bucket="logs", Policy=allow_service("logs", "b/"))
    checks.equal(code_of(put, **status(TargetBucket="logs", TargetPrefix="a/")), bad, "so is a prefix that the policy does not allow")
    s3.put_bucket_policy(Bucket="logs", Policy=allow_service("logs", Principal="*"))
    checks.equal(code_of(put, **status(TargetBucket="logs", TargetPrefix="a/")), bad, "what is allowed to everybody is not allowed to the service")
    s3.put_bucket_policy(Bucket="logs", Policy=allow_service("logs", Condition={
        "ArnLike": {"aws:SourceArn": "arn:aws:s3:::src"}, "StringEquals": {"aws:SourceAccount": stack.tenants["main"]["tenant"]}}))
    answer = put_format(stack, "a/", "<PartitionedPrefix><PartitionDateSource>Never</PartitionDateSource></PartitionedPrefix>")
    checks.ok(answer[0] == 400 and b"MalformedXML" in answer[2], "an unknown source of dates is refused")
    checks.equal(code_of(put, **status(TargetBucket="logs", TargetPrefix="a/", TargetGrants=[{
        "Grantee": {"Type": "CanonicalUser", "ID": stack.tenants["alt"]["canonical_id"]}, "Permission": "READ"}])),
        "NotImplemented", "grants on log objects are not built, and say so")
    s3.put_bucket_policy(Bucket="src", Policy=json.dumps({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": stack.tenants["alt"]["tenant"]}, "Action": ["s3:PutBucketLogging", "s3:GetObject"],
        "Resource": ["arn:aws:s3:::src", "arn:aws:s3:::src/*"]}]}))
    checks.equal(code_of(alt.put_bucket_logging, **status(TargetBucket="logs", TargetPrefix="a/")), "AccessDenied",
                 "a stranger does not turn it on, whatever a policy says")
    enable(s3, "src", "logs", "a/")
    answer = s3.get_bucket_logging(Bucket="src")["LoggingEnabled"]
    checks.equal(answer, {"TargetBucket": "logs", "TargetPrefix": "a/"}, "GetBucketLogging tells what was put")


def ask(stack, method, path, query="", body=b"", headers=None, who="main", sign=True):
    """One request; what the line about it must say."""
    sent = dict(headers or {})
    signed = stack.sign(method, path, body, sent, who, query) if sign else sent
    c = http.client.HTTPConnection("127.0.0.1", stack.s3_port, timeout=60)
    try:
        c.request(method, path + ("?" + query if query else ""), body, signed)
        answer = c.getresponse()
        data = answer.read()
        return {"request_id": answer.getheader("x-amz-request-id"), "status": str(answer.status),
                "sent": str(len(data)) if data and method != "HEAD" else "-"}
    finally:
        c.close()


def traffic(stack, s3):
    """Requests of several kinds: of each, what its line must say."""
    arn = {who: "arn:aws:iam::%s:user/%s-user" % (stack.tenants[who]["tenant"], who) for who in ("main", "alt")}
    odd = "/src/a%20%22b%22%0A%5B-%5D.txt"
    plan = [
        (dict(method="PUT", path="/src/one.txt", body=b"x" * 1000), "REST.PUT.OBJECT", "one.txt", {"size": "1000", "error": "-"}),
        (dict(method="GET", path="/src/one.txt"), "REST.GET.OBJECT", "one.txt", {"size": "1000", "sent": "1000"}),
        (dict(method="GET", path="/src/one.txt", headers={"Range": "bytes=0-9"}), "REST.GET.OBJECT", "one.txt", {"size": "1000", "sent": "10"}),
        (dict(method="HEAD", path="/src/one.txt"), "REST.HEAD.OBJECT", "one.txt", {"size": "1000", "sent": "-"}),
        (dict(method="PUT", path=odd, body=b"odd"), "REST.PUT.OBJECT", odd[5:], {"size": "3"}),
        (dict(method="GET", path="/src/one.txt", headers={"User-Agent": 'we "quote\\" it', "Referer": "http://a/b c"}),
         "REST.GET.OBJECT", "one.txt", {"agent": "we %22quote%5C%22 it", "referer": "http://a/b c"}),
        (dict(method="GET", path="/src/none"), "REST.GET.OBJECT", "none", {"error": "NoSuchKey", "status": "404"}),
        (dict(method="GET", path="/src", query="list-type=2"), "REST.GET.BUCKET", "-", {"request": "GET /src?list-type=2 HTTP/1.1"}),
        (dict(method="GET", path="/src", query="logging="), "REST.GET.LOGGING_STATUS", "-", {}),
        (dict(method="GET", path="/src/one.txt", who="alt"), "REST.GET.OBJECT", "one.txt", {"requester": arn["alt"], "status": "200", "acl_required": "-"}),
        (dict(method="DELETE", path="/src/one.txt", who="alt"), "REST.DELETE.OBJECT", "one.txt",
         {"requester": arn["alt"], "status": "403", "error": "AccessDenied"}),
        (dict(method="GET", path="/src/one.txt", sign=False), "REST.GET.OBJECT", "one.txt",
         {"requester": "-", "status": "403", "signature": "-", "authentication": "-"}),
        (dict(method="PUT", path="/src/copy.txt", headers={"x-amz-copy-source": "/src/one.txt"}), "REST.COPY.OBJECT", "copy.txt", {}),
        (dict(method="DELETE", path="/src/copy.txt"), "REST.DELETE.OBJECT", "copy.txt", {"status": "204"}),
    ]
    expected = []
    for arguments, operation, key, more in plan:
        got = ask(stack, **arguments)
        usual = {"operation": operation, "key": key, "requester": arn["main"], "authentication": "AuthHeader", "signature": "SigV4"}
        expected.append({**usual, **got, **more})
    # The copy's source is in this bucket too: a second line of the same request.
    s3.put_object_acl(Bucket="src", Key="one.txt", ACL="public-read")
    got = ask(stack, "GET", "/src/one.txt", sign=False)
    expected.append(dict(got, operation="REST.GET.OBJECT", key="one.txt", status="200", requester="-", acl_required="Yes"))
    copy = next(e for e in expected if e["operation"] == "REST.COPY.OBJECT")
    expected.append({"request_id": copy["request_id"], "operation": "REST.COPY.OBJECT_GET", "key": "one.txt"})
    for key in ("d/1", "d/2"):
        s3.put_object(Bucket="src", Key=key, Body=b"")
    answer = s3.delete_objects(Bucket="src", Delete={"Objects": [{"Key": "d/1"}, {"Key": "d/2", "VersionId": "null"}, {"Key": "d/3", "VersionId": "x"}]})
    got = {"request_id": answer["ResponseMetadata"]["HTTPHeaders"]["x-amz-request-id"], "requester": arn["main"]}
    expected.append(dict(got, operation="REST.POST.MULTI_OBJECT_DELETE", key="-", status="200", request="POST /src?delete HTTP/1.1"))
    for key, version, status, error in (("d/1", "-", "204", "-"), ("d/2", "null", "204", "-"), ("d/3", "-", "404", "NoSuchVersion")):
        expected.append(dict(got, operation="BATCH.DELETE.OBJECT", key=key, version=version, status=status, error=error, request="-"))
    answer = stack.client(tls=True).head_object(Bucket="src", Key="one.txt")
    expected.append({"request_id": answer["ResponseMetadata"]["HTTPHeaders"]["x-amz-request-id"], "operation": "REST.HEAD.OBJECT",
                     "key": "one.txt", "tls": "TLSv1.3", "cipher": "TLS_AES_256_GCM_SHA384"})
    url = urllib.parse.urlsplit(s3.generate_presigned_url("get_object", Params={"Bucket": "src", "Key": "one.txt"}))
    got = ask(stack, "GET", url.path, url.query.replace("X-Amz-Signature", "X%2DAmz-Signature"), sign=False)
    expected.append(dict(got, operation="REST.GET.OBJECT", key="one.txt", authentication="QueryString", status="200"))
    return expected, dict(urllib.parse.parse_qsl(url.query))


def compare(lines, expected, what):
    seen = {}
    for line in lines:
        seen.setdefault((line["request_id"], line["operation"], line["key"]), []).append(line)
    for e in expected:
        found = seen.pop((e["request_id"], e["operation"], e["key"]), [])
        wrong = {k: found[0][k] for k in e if found[0][k] != e[k]} if len(found) == 1 else {"times": len(found)}
        checks.ok(not wrong, "%s: %s of %s by %s: once, as it was" % (what, e["operation"], e["key"], e.get("requester", "its owner")[-9:]))
        if wrong:
            print("# wrong: %r" % wrong)
    return seen


def delivery(stack, s3):
    expected, secrets = traffic(stack, s3)
    log = Log(s3, "logs", "a/")
    between = [("REST.GET.LOGGING_STATUS", "-"), ("REST.PUT.OBJECT", "d/1"), ("REST.PUT.OBJECT", "d/2"), ("REST.PUT.OBJECT_ACL", "one.txt")]
    lines = log.wait((e["request_id"] for e in expected), len(expected) + len(between))
    rest = compare(lines, expected, "log")
    checks.equal(sorted(k[1:] for k in rest), between, "and nothing else stands in it but what was done between")
    checks.ok(all(re.fullmatch(r"a/\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d-[0-9A-F]{16}", k) for k in log.keys()), "keys of log objects are S3's")
    checks.ok(all(line["owner"] == stack.tenants["main"]["canonical_id"] and line["bucket"] == "src" for line in lines),
              "each line names bucket and owner")
    now = datetime.datetime.now(datetime.timezone.utc)
    times = [datetime.datetime.strptime(line["time"], "%d/%b/%Y:%H:%M:%S %z") for line in lines]
    checks.ok(all(abs((now - t).total_seconds()) < 120 for t in times), "and the time")
    text = "\n".join(" ".join(line.values()) for line in lines)
    checks.ok(secrets["X-Amz-Signature"] not in text and secrets["X-Amz-Credential"] not in text and "=XXXXX" in text,
              "of a presigned URL neither signature nor credential, however they are written")
    head = s3.head_object(Bucket="logs", Key=log.keys()[0])
    checks.equal((head["ContentType"], head["ServerSideEncryption"]), ("text/plain", "aws:kms"), "a log object is encrypted as every other")
    acl = s3.get_object_acl(Bucket="logs", Key=log.keys()[0])
    checks.equal((acl["Owner"]["ID"], len(acl["Grants"])), (stack.tenants["main"]["canonical_id"], 1), "it is the bucket owner's")


def partitioned(stack, s3):
    form = "<PartitionedPrefix><PartitionDateSource>EventTime</PartitionDateSource></PartitionedPrefix>"
    checks.equal(put_format(stack, "p/", form)[0], 200, "keys by date are asked for")
    checks.ok(form.encode() in stack.request("GET", "/src", query="logging=")[2], "the format of keys is kept")
    got = ask(stack, "GET", "/src/one.txt")
    log = Log(s3, "logs", "p/")
    log.wait([got["request_id"]])
    form = r"p/%s/%s/src/(\d{4})/(\d\d)/(\d\d)/\1-\2-\3-00-00-00-[0-9A-F]{16}" % (stack.tenants["main"]["tenant"], stack.region)
    checks.ok(all(re.fullmatch(form, k) for k in log.keys()), "partitioned keys, by the day of the events")


def by_acl(stack, s3):
    """The old way: the target's ACL, and its default encryption."""
    group = 'uri="http://acs.amazonaws.com/groups/s3/LogDelivery"'
    s3.put_bucket_acl(Bucket="other", GrantWrite=group, GrantReadACP=group)
    s3.put_bucket_encryption(Bucket="other", ServerSideEncryptionConfiguration={"Rules": [{
        "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]})
    s3.create_bucket(Bucket="second")
    enable(s3, "second", "other", "")
    got = ask(stack, "GET", "/second", "list-type=2")
    log = Log(s3, "other", "")
    log.wait([got["request_id"]])
    key = log.keys()[0]
    answer = s3.get_object(Bucket="other", Key=key)
    checks.equal((answer["ServerSideEncryption"], answer["ETag"]),
                 ("AES256", '"%s"' % hashlib.md5(answer["Body"].read()).hexdigest()), "the target's default encryption holds")


def stop_and_off(stack, s3):
    """Long pause: what is there when the gateway stops is delivered then; what comes while it is off is not."""
    enable(s3, "src", "logs", "stop/")
    got = [ask(stack, "GET", "/src/one.txt") for _ in range(20)]
    checks.equal(stack.gateway.stop(), 0, "the gateway stops in good order")
    stack.restart_gateway()
    log = Log(s3, "logs", "stop/")
    ids = [line["request_id"] for line in log.lines()]
    checks.ok(all(ids.count(g["request_id"]) == 1 for g in got), "nothing is lost, nothing doubled, at an orderly stop")
    written = metrics(stack)["lines_total"]
    before = ask(stack, "GET", "/src/one.txt")
    wait_for("its line, which comes after its answer", lambda: metrics(stack)["lines_total"] > written)
    s3.put_bucket_logging(Bucket="src", BucketLoggingStatus={})
    after = ask(stack, "GET", "/src/one.txt")
    checks.ok("LoggingEnabled" not in s3.get_bucket_logging(Bucket="src"), "logging is off again")
    log.wait([before["request_id"]])
    checks.equal(stack.gateway.stop(), 0, "the gateway stops in good order")
    stack.restart_gateway()
    ids = [line["request_id"] for line in log.lines()]
    checks.ok(before["request_id"] in ids and after["request_id"] not in ids,
              "what was asked before is told, what was asked afterwards is not")


def crowd(stack, s3):
    """Eight clients at a time, over several deliveries."""
    enable(s3, "src", "logs", "crowd/")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "src", "Key": "one.txt"}).split("/", 3)[3]

    def client(_):
        c = http.client.HTTPConnection("127.0.0.1", stack.s3_port, timeout=60)
        ids = []
        for _ in range(CROWD // 8):
            c.request("GET", "/" + url)
            answer = c.getresponse()
            answer.read()
            ids.append(answer.getheader("x-amz-request-id"))
        c.close()
        return ids
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        asked = [i for ids in pool.map(client, range(8)) for i in ids]
    log = Log(s3, "logs", "crowd/")
    found = collections.Counter(line["request_id"] for line in log.wait(asked))
    checks.ok(len(asked) == CROWD and all(found[i] == 1 for i in asked), "%d requests of a crowd: each once" % CROWD)


def without_kms(stack, s3):
    """Lines wait for a KMS that is away; also those of the requests that failed for it."""
    enable(s3, "src", "logs", "later/")
    before = ask(stack, "GET", "/src/one.txt")
    stack.kms.kill()
    failed = ask(stack, "GET", "/src/one.txt")
    checks.equal(failed["status"], "503", "without the KMS a request fails")
    failures = re.search(r"kms_failures_total (\d+)", stack.ops(stack.gateway_ops_port, "/metrics")[1]).group(1)
    wait_for("a delivery that fails", lambda: "kms_failures_total %s\n" % failures not in stack.ops(stack.gateway_ops_port, "/metrics")[1])
    checks.ok(metrics(stack)["held_bytes"] > 0, "its line is kept")
    stack.restart_kms()
    lines = Log(s3, "logs", "later/").wait([before["request_id"], failed["request_id"]])
    compare(lines, [dict(before, operation="REST.GET.OBJECT", key="one.txt"),
                    dict(failed, operation="REST.GET.OBJECT", key="one.txt", error="SlowDown", requester="-")], "afterwards")


def metrics(stack):
    text = stack.ops(stack.gateway_ops_port, "/metrics")[1]
    return {n: int(v) for n, v in re.findall(r"^rempart_gateway_logging_(\w+) (\d+)$", text, re.M)}


def lost(stack, s3):
    """What cannot be delivered is counted."""
    log = Log(s3, "logs", "gone/")
    log.wait([enable(s3, "src", "logs", "gone/")])
    before = metrics(stack)["lost_lines_total"]
    s3.put_bucket_policy(Bucket="logs", Policy=allow_service("logs", Effect="Deny"))
    asked = {ask(stack, "GET", "/src/one.txt")["request_id"], ask(stack, "GET", "/src", "logging=")["request_id"]}
    wait_for("the metric of lost lines", lambda: metrics(stack)["lost_lines_total"] >= before + 2)
    s3.delete_bucket_policy(Bucket="logs")
    checks.ok(not asked & {line["request_id"] for line in log.lines()}, "what the target denies is not written, and counted as lost")


def amz():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")


class Thief:
    """A gateway that is no longer ours, with what it saw: one configuration that the owner signed."""

    def __init__(self, stack):
        self.stack, self.tls, self.tenant = stack, stack.tls("gateway"), stack.tenants["main"]["tenant"]
        with open(stack.secret, encoding="ascii") as f:
            self.secret = bytes.fromhex(f.read().strip())

    def call(self, call):
        reply = kmsproto.batch(self.stack.kms_port, self.tls, self.secret, [call])
        return reply if isinstance(reply, int) else reply[0]

    def put(self, path, query, document, number, who="main", payload=None):
        digest = hashlib.sha256(document).hexdigest()
        e = Evidence(self.stack.access[who], "PUT", path, amz(), query=query, payload=payload or digest)
        return self.call(access_call(e, target=resource(self.tenant, number), document=document)).verdict

    def deliver(self, document, bucket="tlogs", key="l/2026-01-31-23-59-59-0123456789ABCDEF", number=71, policy=None,
                source="tsrc", source_number=70, tenant=None, op=1, wrapped=b""):
        documents = [(kmsproto.POLICY, 0, policy, bytes(32))] if policy else []
        return self.call(deliver_call(self.tenant, source, source_number, document,
                                      resource(tenant or self.tenant, number, documents=documents),
                                      key_call(op, bucket, key, os.urandom(16), wrapped)))


def stolen(stack):
    thief = Thief(stack)
    document = (b"<BucketLoggingStatus><LoggingEnabled><TargetBucket>tlogs</TargetBucket>"
                b"<TargetPrefix>l/</TargetPrefix></LoggingEnabled></BucketLoggingStatus>")
    policy = allow_service("tlogs").encode()
    refused = []

    def no(what, verdict, **arguments):
        reply = thief.deliver(arguments.pop("document", document), **dict({"policy": policy}, **arguments))
        checks.ok(not isinstance(reply, int) and reply.verdict == verdict and not reply.keys, "the KMS refuses %s: %s" % (what, verdict))
        if not isinstance(reply, int):
            refused.append(reply.log_index)
            if reply.verdict != verdict:
                print("# verdict was", reply.verdict)

    no("a delivery that nobody asked for", "denied")
    checks.equal(thief.put("/tsrc", "logging=", document, 70, payload="UNSIGNED-PAYLOAD"), "not-signed", "a configuration that is not signed is none")
    checks.equal(thief.put("/tsrc", "logging=", document, 70, who="alt"), "denied", "nor is a stranger's")
    checks.equal(thief.put("/tlogs", "policy=", policy, 71), "ok", "the owner lets the service write")
    checks.equal(thief.put("/tsrc", "logging=", document, 70), "ok", "the owner turns logging on")
    reply = thief.deliver(document, policy=policy)
    checks.ok(reply.verdict == "ok" and len(reply.keys) == 1 and reply.keys[0][0], "then a log object gets a fresh key")
    index, wrapped = reply.log_index, reply.keys[0][1]
    no("another configuration", "denied", document=document.replace(b"l/", b"m/"))
    no("another bucket's", "denied", source="tlogs")
    no("one of an earlier bucket of the name", "denied", source_number=69)
    no("a target without leave", "denied", policy=None, number=72)
    no("a policy that the owner did not sign", "stale", number=72)
    for what, sent in (("left out", None), ("an invention", policy.replace(b"logs", b"loge", 1))):
        reply = thief.deliver(document, policy=sent)
        checks.ok(reply.verdict == "ok" and reply.newer[3] == policy, "the target's policy is the one on record, when it is %s too" % what)
    no("another target bucket", "bad-call", bucket="tsrc")
    no("another prefix", "bad-call", key="m/2026-01-31-23-59-59-0123456789ABCDEF")
    no("a key that is none of a log object", "bad-call", key="l/precious.txt")
    no("a target of another tenant", "bad-call", tenant=stack.tenants["alt"]["tenant"], policy=None)
    checks.equal(thief.deliver(document, policy=policy, op=2, wrapped=wrapped), 400, "a delivery opens no key: no such call")
    stack.published()
    entries = stack.entries()
    entry = entries[index]
    checks.equal((entry["op"], entry["basis"], entry["keys"][0]["use"]), ("s3:DeliverLog", "bucket-logging:logs", "issued"),
                 "the key log tells of the delivery")
    checks.ok(all(not entries[i].get("keys") and entries[i]["result"] != "ok" for i in refused), "and of each refusal")
    checks.equal(stack.audit()[0], 0, "rempart-audit verifies the log")


def main():
    with Stack(store="[logging]\ndeliver_seconds = 1") as stack:
        s3, alt = stack.client(), stack.client("alt")
        configuration(stack, s3, alt)
        delivery(stack, s3)
        partitioned(stack, s3)
        by_acl(stack, s3)
        stop_and_off(stack, s3)
        crowd(stack, s3)
        without_kms(stack, s3)
        lost(stack, s3)
        stolen(stack)
    return checks.done()


if __name__ == "__main__":
    sys.exit(main())
