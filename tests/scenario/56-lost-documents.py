#!/usr/bin/python3
"""A gateway that dies between the KMS's record of a policy or ACL and its own index: what was recorded is in force, and the index follows by itself.

A proxy between gateway and KMS, with the keys of both, keeps the KMS's answer back: then the KMS has the document on record, and the gateway does
not know it. There it is killed.
"""
# timeout: 180

import http.client
import http.server
import json
import os
import shutil
import ssl
import sys
import threading

from botocore.exceptions import BotoCoreError, ClientError

from stack import Checks, Stack, wait_for

checks = Checks()
PROXY_PORT = 10  # of the twenty


class Proxy(http.server.ThreadingHTTPServer):
    """Passes batches on. The answer to the second batch with `mark` in it (the first asks whether the caller may) is kept back until `let_go`, and
    lost then."""
    daemon_threads = True

    def __init__(self, stack, port):
        self.kms_port, self.upstream = stack.kms_port, stack.tls("gateway")
        self.lock, self.mark = threading.Lock(), None
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(stack.authority + "/kms.pem", stack.authority + "/kms.key")
        tls.load_verify_locations(stack.authority + "/gateway-ca.pem")
        tls.verify_mode = ssl.CERT_REQUIRED
        super().__init__(("127.0.0.1", port), Handler)
        self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def hold(self, mark):
        with self.lock:
            self.mark, self.seen = mark.encode(), 0
            self.held, self.let_go = threading.Event(), threading.Event()

    def take(self, body):
        with self.lock:
            if self.mark is None or self.mark not in body:
                return None
            self.seen += 1
            if self.seen < 2:
                return None
            self.mark = None
            return self.held, self.let_go

    def handle_error(self, request, client_address):
        pass  # the gateway was killed


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        kms = http.client.HTTPSConnection("127.0.0.1", self.server.kms_port, context=self.server.upstream, timeout=30)
        try:
            kms.request("POST", self.path, body, {"Content-Type": self.headers["Content-Type"]})
            answer = kms.getresponse()
            data = answer.read()
        finally:
            kms.close()
        taken = self.server.take(body)
        if taken:
            taken[0].set()
            taken[1].wait(60)
            self.close_connection = True
            return
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.getheader("Content-Type", ""))
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *unused):
        pass


def policy(bucket, *statements):
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": effect, "Principal": "*", "Action": action, "Resource": "arn:aws:s3:::" + bucket + where}
        for effect, action, where in statements]})


def code_of(call, **members):
    try:
        call(**members)
    except ClientError as e:
        return {"403": "AccessDenied", "Forbidden": "AccessDenied"}.get(e.response["Error"]["Code"], e.response["Error"]["Code"])
    return "ok"


class World:
    def __init__(self, stack):
        self.stack, self.proxy = stack, Proxy(stack, stack.s3_port + PROXY_PORT)
        self.s3, self.alt = stack.client("main"), stack.client("alt")
        stack.gateway.stop()
        with open(stack.gateway_ini, encoding="utf-8") as f:
            text = f.read()
        with open(stack.gateway_ini, "w", encoding="utf-8") as f:
            f.write(text.replace("url = https://127.0.0.1:%d" % stack.kms_port,
                                 "url = https://127.0.0.1:%d" % (stack.s3_port + PROXY_PORT)))
        stack.restart_gateway()

    def held(self, mark, call, **members):
        """Begin a call and come back when the KMS has done its part; the thread, and where its outcome will be."""
        outcome = []

        def run():
            try:
                outcome.append(code_of(call, **members))
            except BotoCoreError:
                outcome.append("lost")

        self.proxy.hold(mark)
        thread = threading.Thread(target=run)
        thread.start()
        if not self.proxy.held.wait(30):
            raise AssertionError("the KMS was not asked: %r" % outcome)
        return thread, outcome

    def crash(self, mark, call, **members):
        thread, outcome = self.held(mark, call, **members)
        self.stack.gateway.kill()
        self.proxy.let_go.set()
        thread.join()
        self.stack.restart_gateway()
        checks.equal(outcome, ["lost"], "killed before it could answer: " + mark.replace("\n", " "))

    def gives(self, what, expected, call, **members):
        checks.equal(code_of(call, **members), expected, what)

    def told(self, bucket, expected, what):
        try:
            got = self.s3.get_bucket_policy(Bucket=bucket)["Policy"]
        except ClientError as e:
            got = e.response["Error"]["Code"]
        checks.equal(got, expected, what)


def policies(w):
    first = policy("pol", ("Allow", "s3:GetObject", "/*"))
    second = policy("pol", ("Allow", "s3:ListBucket", ""), ("Deny", "s3:DeleteObject", "/*"))
    put, delete = "PUT\n/pol\npolicy=", "DELETE\n/pol\npolicy="
    w.s3.create_bucket(Bucket="pol")
    for key in ("a", "b"):
        w.s3.put_object(Bucket="pol", Key=key, Body=b"data", Tagging="class=open")
    w.crash(put, w.s3.put_bucket_policy, Bucket="pol", Policy=first)
    w.gives("a bucket's first policy is in force: a stranger reads", "ok", w.alt.get_object, Bucket="pol", Key="a")
    w.told("pol", first, "and the bucket tells it")
    w.crash(put, w.s3.put_bucket_policy, Bucket="pol", Policy=second)
    w.gives("what the one before allowed is over", "AccessDenied", w.alt.get_object, Bucket="pol", Key="a")
    deleted = w.s3.delete_objects(Bucket="pol", Delete={"Objects": [{"Key": "a"}, {"Key": "b"}]})
    checks.equal([e["Code"] for e in deleted.get("Errors", [])], ["AccessDenied"] * 2, "its Deny holds, for each key of many")
    w.gives("what it allows works", "ok", w.alt.list_objects_v2, Bucket="pol")
    w.told("pol", second, "and the bucket tells it")
    w.crash(delete, w.s3.delete_bucket_policy, Bucket="pol")
    w.gives("after a deletion a stranger gets nothing", "AccessDenied", w.alt.list_objects_v2, Bucket="pol")
    w.gives("the owner does", "ok", w.s3.get_object, Bucket="pol", Key="a")
    w.told("pol", "NoSuchBucketPolicy", "and there is none to be told")
    w.gives("nor is a key denied any more", "ok", w.s3.delete_object, Bucket="pol", Key="b")


def acls(w):
    put = "PUT\n/acl\nacl="
    w.s3.create_bucket(Bucket="acl")
    w.crash(put, w.s3.put_bucket_acl, Bucket="acl", ACL="public-read")
    w.gives("a bucket's first ACL is in force: a stranger lists", "ok", w.alt.list_objects_v2, Bucket="acl")
    checks.equal(len(w.s3.get_bucket_acl(Bucket="acl")["Grants"]), 2, "and the bucket tells it")
    w.crash(put, w.s3.put_bucket_acl, Bucket="acl", ACL="private")
    w.gives("taken back", "AccessDenied", w.alt.list_objects_v2, Bucket="acl")
    w.gives("the owner lists", "ok", w.s3.list_objects_v2, Bucket="acl")
    checks.equal(len(w.s3.get_bucket_acl(Bucket="acl")["Grants"]), 1, "and the bucket tells it")


def without_a_crash(w):
    """The answer is lost, and the gateway lives."""
    lost = policy("two", ("Allow", "s3:GetObject", "/*"))
    w.s3.create_bucket(Bucket="two")
    w.s3.put_object(Bucket="two", Key="k", Body=b"data")
    thread, outcome = w.held("PUT\n/two\npolicy=", w.s3.put_bucket_policy, Bucket="two", Policy=lost)
    w.proxy.let_go.set()
    thread.join()
    checks.ok(outcome[0] != "lost", "an answer of the KMS that is lost does not leave the client without one")
    w.gives("the policy is in force, whatever the client was told", "ok", w.alt.get_object, Bucket="two", Key="k")
    w.told("two", lost, "and told")


def many_at_once(w):
    """Whichever is the last: the one that is told is the one that is in force."""
    keys = ["k%d" % i for i in range(8)]
    w.s3.create_bucket(Bucket="many")
    for key in keys:
        w.s3.put_object(Bucket="many", Key=key, Body=b"data")
    outcomes = []

    def change(key):
        for _ in range(5):
            outcomes.append(code_of(w.s3.put_bucket_policy, Bucket="many", Policy=policy("many", ("Allow", "s3:GetObject", "/" + key))))
            outcomes.append(code_of(w.s3.get_object, Bucket="many", Key=key))

    threads = [threading.Thread(target=change, args=(key,)) for key in keys]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    checks.equal(set(outcomes), {"ok"}, "many change a policy at once, and read: all succeed")
    told = json.loads(w.s3.get_bucket_policy(Bucket="many")["Policy"])["Statement"][0]["Resource"].split("/")[1]
    readable = [key for key in keys if code_of(w.alt.get_object, Bucket="many", Key=key) == "ok"]
    checks.equal(readable, [told], "what is told in the end is what is in force")


def older_index(w):
    stack = w.stack
    kept = os.path.join(stack.dir, "index.kept")
    denying = policy("old", ("Deny", "s3:DeleteObject", "/*"), ("Allow", "s3:GetObject", "/*"))
    w.s3.create_bucket(Bucket="old")
    w.s3.put_object(Bucket="old", Key="k", Body=b"data")
    w.s3.put_bucket_policy(Bucket="old", Policy=policy("old", ("Allow", "s3:*", "/*")))
    stack.gateway.stop()
    shutil.copytree(stack.index, kept)
    stack.restart_gateway()
    w.s3.put_bucket_policy(Bucket="old", Policy=denying)
    stack.gateway.stop()
    shutil.rmtree(stack.index)
    shutil.move(kept, stack.index)
    stack.restart_gateway()
    w.gives("an older index: the newer policy's Deny holds", "AccessDenied", w.alt.delete_object, Bucket="old", Key="k")
    w.gives("and what it allows", "ok", w.alt.get_object, Bucket="old", Key="k")
    w.told("old", denying, "the index has it again")


def older_key_store(w):
    """There nobody can say what holds: denied, and the operator is told where."""
    stack = w.stack
    state, kept = stack.path("kms"), os.path.join(stack.dir, "kms.kept")
    w.s3.create_bucket(Bucket="store")
    w.s3.put_object(Bucket="store", Key="k", Body=b"data")
    w.s3.put_bucket_policy(Bucket="store", Policy=policy("store", ("Allow", "s3:*", "/*")))
    stack.kms.stop()
    shutil.copytree(state, kept)
    stack.restart_kms()
    newer = policy("store", ("Deny", "s3:DeleteObject", "/*"))
    w.s3.put_bucket_policy(Bucket="store", Policy=newer)
    stack.kms.stop()
    shutil.rmtree(state)
    shutil.move(kept, state)
    stack.restart_kms()
    for who in (w.alt, w.s3):
        w.gives("an older key store: nobody knows what holds", "AccessDenied", who.get_object, Bucket="store", Key="k")

    def logged():
        with open(stack.gateway.log, encoding="utf-8") as f:
            return [line for line in f if "bucket.stale" in line and "store" in line]
    checks.ok("put or delete the policy" in wait_for("the log to tell", logged)[0], "the gateway's log names the bucket and what to do")
    w.gives("the owner puts it again", "ok", w.s3.put_bucket_policy, Bucket="store", Policy=newer)
    w.gives("and all is well", "ok", w.s3.get_object, Bucket="store", Key="k")
    w.gives("its Deny, too", "AccessDenied", w.s3.delete_object, Bucket="store", Key="k")


def older_kms(w):
    """Its log, too: entries get the numbers once more that the index knows as those of later changes. What the owner puts then holds all the same."""
    stack = w.stack
    folders = [stack.path(name) for name in ("kms", "log", "fence")]
    w.s3.create_bucket(Bucket="anew")
    w.s3.put_object(Bucket="anew", Key="k", Body=b"data")
    stack.kms.stop()
    for folder in folders:
        shutil.copytree(folder, folder + ".kept")
    stack.restart_kms()
    for _ in range(20):
        w.s3.get_object(Bucket="anew", Key="k")
    w.s3.put_bucket_policy(Bucket="anew", Policy=policy("anew", ("Allow", "s3:*", "/*")))
    stack.kms.stop()
    for folder in folders:
        shutil.rmtree(folder)
        shutil.move(folder + ".kept", folder)
    stack.restart_kms()
    w.gives("an older KMS: nobody knows what holds", "AccessDenied", w.s3.get_object, Bucket="anew", Key="k")
    last = policy("anew", ("Allow", "s3:GetObject", "/*"))
    w.gives("the owner puts another policy", "ok", w.s3.put_bucket_policy, Bucket="anew", Policy=last)
    w.told("anew", last, "which the bucket tells")
    w.gives("and which is in force", "ok", w.alt.get_object, Bucket="anew", Key="k")
    w.gives("he deletes it", "ok", w.s3.delete_bucket_policy, Bucket="anew")
    w.told("anew", "NoSuchBucketPolicy", "and there is none")
    w.gives("he himself reads", "ok", w.s3.get_object, Bucket="anew", Key="k")


def main():
    with Stack() as stack:
        w = World(stack)
        for part in (policies, acls, without_a_crash, many_at_once, older_index, older_key_store, older_kms):
            part(w)
        stack.published()
        checks.equal(stack.audit()[0], 0, "rempart-audit verifies the log")
    return checks.done()


if __name__ == "__main__":
    sys.exit(main())
