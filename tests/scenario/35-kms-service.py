#!/usr/bin/env python3
"""The KMS as a service: what its listeners refuse, unsealing at start, a crash under load, a full log disk."""

import http.client
import json
import os
import ssl
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import kmsproto  # noqa: E402
from kmsproto import ISSUE, OPEN, Evidence, access_call, key_call  # noqa: E402
from stack import PASSPHRASE, Checks, Stack, wait_for  # noqa: E402

checks = Checks()
LOG_BYTES = 16 << 20


def amz():
    import datetime
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")


def ask(stack, port, who, method, path, body=b"", chunked=False):
    """Status and body, or None when TLS or the connection was refused."""
    c = http.client.HTTPSConnection("127.0.0.1", port, context=stack.tls(who), timeout=30)
    try:
        c.request(method, path, iter([body]) if chunked else body, encode_chunked=chunked,
                  headers={"Transfer-Encoding": "chunked"} if chunked else {})
        answer = c.getresponse()
        return answer.status, answer.read()
    except (ssl.SSLError, OSError, http.client.HTTPException):
        return None
    finally:
        c.close()


def listeners(stack):
    for who in (None, "gateway"):
        checks.ok(ask(stack, stack.admin_port, who, "POST", "/admin/v1", b'{"op":"status"}') is None,
                  "the administration does not talk to %s" % (who or "a client without certificate"))
    for method, path, body, status, error, what in (
            ("GET", "/admin/v1", b"", 400, "bad-request", "GET"),
            ("POST", "/", b"{}", 404, "not-found", "another path"),
            ("POST", "/admin/v1", b"{", 400, "bad-request", "half a JSON text"),
            ("POST", "/admin/v1", b'{"op":"nothing"}', 404, "unknown-op", "an unknown operation")):
        got = ask(stack, stack.admin_port, "admin", method, path, body)
        checks.ok(got and got[0] == status and json.loads(got[1])["error"] == error,
                  "administration, %s: %d %s" % (what, status, error))
    got = ask(stack, stack.admin_port, "admin", "POST", "/admin/v1", b" " * 100000)
    checks.ok(got is None or got[0] == 413, "administration, 100 kB: refused")
    got = ask(stack, stack.admin_port, "admin", "POST", "/admin/v1", b'{"op":"status"}', chunked=True)
    checks.ok(got and got[0] == 200, "administration, a body in chunks is a body")
    for method, path, body, status, what in (
            ("GET", "/rempart/v1/batch", b"", 405, "GET"), ("POST", "/rempart/v1/other", b"", 404, "another path"),
            ("POST", "/rempart/v1/batch", b"", 400, "an empty batch"),
            ("POST", "/rempart/v1/batch", b"RPKQ" + bytes(60), 400, "a malformed batch")):
        got = ask(stack, stack.kms_port, "gateway", method, path, body)
        checks.ok(got and got[0] == status, "gateways, %s: %d" % (what, status))


def batch_of(stack, n, tag):
    return [access_call(Evidence(stack.access["main"], "PUT", "/b/%s-%d" % (tag, i), amz()),
                        [key_call(ISSUE, "b", "%s-%d" % (tag, i), bytes(16))]) for i in range(n)]


def send(stack, calls):
    with open(stack.secret, encoding="ascii") as f:
        secret = bytes.fromhex(f.read().strip())
    try:
        return kmsproto.batch(stack.kms_port, stack.tls("gateway"), secret, calls)
    except (OSError, http.client.HTTPException, AssertionError):
        return None


def metrics(stack):
    text = stack.ops(stack.kms_ops_port, "/metrics")[1]
    return dict(line.rsplit(" ", 1) for line in text.splitlines() if line and line[0] != "#")


def counted(stack):
    name = 'rempart_kms_calls_total{kind="access",verdict="ok"}'
    before = int(metrics(stack)[name])
    replies = send(stack, batch_of(stack, 5, "counted"))
    checks.ok([r.verdict for r in replies] == ["ok"] * 5, "a batch of five is answered")
    checks.equal(int(metrics(stack)[name]) - before, 5, "/metrics counts them")
    checks.equal(stack.ops(stack.kms_ops_port, "/readyz")[0], 200, "the open KMS is ready")


def crash(stack):
    """kill -9 while batches fly: every key that came out is in the log of the restarted service."""
    acknowledged, lock, stop = [], threading.Lock(), threading.Event()

    def run(number):
        turn = 0
        while not stop.is_set():
            replies = send(stack, batch_of(stack, 16, "crash%d-%d" % (number, turn)))
            turn += 1
            if isinstance(replies, list):
                with lock:
                    acknowledged.extend((r.log_index, r.keys[0][1]) for r in replies if r.verdict == "ok")

    hands = [threading.Thread(target=run, args=(i,)) for i in range(3)]
    for h in hands:
        h.start()
    wait_for("keys under load", lambda: len(acknowledged) > 200)
    stack.kms.kill()
    stop.set()
    for h in hands:
        h.join()
    stack.restart_kms()
    stack.published()
    entries = stack.entries()
    import hashlib
    lost = [i for i, wrapped in acknowledged
            if i >= len(entries) or entries[i]["keys"][0]["wrapped"] != hashlib.sha256(wrapped).hexdigest()]
    checks.ok(acknowledged and not lost, "kill -9 under load: every key that came out is in the log")
    status, report = stack.audit()
    checks.equal(status, 0, "rempart-audit verifies the log after the crash")


def unseal_at_start(stack):
    passphrase = stack._write("passphrase", "not this one\n")
    with open(stack.kms_ini, "a", encoding="utf-8") as f:
        f.write("[unseal]\npassphrase_file = %s\n" % passphrase)
    stack.kms.stop()
    stack.kms.start()
    checks.equal(stack.wait_admin()["state"], "sealed", "a wrong passphrase file leaves the KMS sealed")
    stack._write("passphrase", PASSPHRASE + "\n")
    stack.kms.stop()
    stack.kms.start()
    checks.equal(stack.wait_admin()["state"], "open", "the right one unseals it at start")
    stack.published()
    tail = [(e["event"], e["result"]) for e in stack.entries()[-6:]]
    checks.equal(tail[-5:], [("start", "ok"), ("unseal", "refused"), ("stop", "ok"), ("start", "ok"), ("unseal", "ok")],
                 "both attempts are in the log")


def full_log(stack):
    """Fill the log's volume: no key without an entry; then room again, and all goes on without a restart."""
    first = send(stack, batch_of(stack, 1, "before"))[0]
    filler = os.path.join(stack.log, "filler")
    with open(filler, "wb", buffering=0) as f:
        try:
            while True:
                f.write(bytes(4096))  # unbuffered: the last one may be short
        except OSError:
            pass
    refused = 0
    for turn in range(400):
        replies = send(stack, batch_of(stack, 64, "full%d" % turn))
        refused = refused + 1 if replies == 503 else 0
        if refused == 3:
            break
    checks.equal(refused, 3, "a full log disk: 503, no key")
    checks.equal(stack.ops(stack.kms_ops_port, "/readyz")[0], 503, "and the KMS says that it is not ready")
    for turn in range(200):  # one short entry may still fit into the last page
        status, answer = stack.admin_raw("tenant.create", name="t%d" % turn)
        if status != 200:
            break
    checks.ok(status == 503 and answer["error"] == "unavailable", "no administration without an entry")
    os.unlink(filler)
    wait_for("a key after space was freed", lambda: isinstance(send(stack, batch_of(stack, 1, "after")), list))
    opened = send(stack, [access_call(Evidence(stack.access["main"], "GET", "/b/before-0", amz()),
                                      [key_call(OPEN, "b", "before-0", bytes(16), first.keys[0][1])])])[0]
    checks.ok(opened.verdict == "ok" and opened.keys[0][0] == first.keys[0][0],
              "space again: it goes on by itself, old keys open")
    names = [t["name"] for t in stack.admin("tenant.list")["tenants"]]
    checks.ok("t%d" % turn not in names and ("t%d" % (turn - 1) in names or turn == 0),
              "the tenant that could not be logged was not made")
    stack.published()
    checks.equal(stack.audit()[0], 0, "rempart-audit verifies the log after the full disk")


def main():
    stack = Stack()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%d" % LOG_BYTES, "tmpfs", stack.log],
                             capture_output=True).returncode == 0
    try:
        with stack:
            listeners(stack)
            counted(stack)
            crash(stack)
            if mounted:
                full_log(stack)
            else:
                checks.skip("full log disk", "no right to mount")
            unseal_at_start(stack)
    finally:
        if mounted:
            subprocess.run(["umount", "-l", stack.log], check=False)
    return checks.done()


if __name__ == "__main__":
    sys.exit(main())
