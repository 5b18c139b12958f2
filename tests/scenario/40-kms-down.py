#!/usr/bin/python3
"""KMS sealed, stopped, killed: every data request gets 503 with Retry-After, and works again afterwards without a
restart of the gateway."""
# timeout: 180

import sys

from stack import Checks, Stack, wait_for

checks = Checks()
DATA = b"what must not be served without the KMS" * 100


def requests():
    return [
        ("GET", "/bkt/k", b"", ""), ("HEAD", "/bkt/k", b"", ""), ("PUT", "/bkt/new", b"x", ""),
        ("DELETE", "/bkt/k", b"", ""), ("GET", "/bkt", b"", "list-type=2"), ("GET", "/", b"", ""),
        ("PUT", "/newbucket", b"", ""), ("GET", "/bkt/k", b"", "tagging="),
    ]


def all_503(stack, state):
    for method, path, body, query in requests():
        status, headers, answer = stack.request(method, path, body, query=query)
        good = status == 503 and int(headers.get("retry-after", 0)) > 0
        good = good and (method == "HEAD" or b"<Code>SlowDown</Code>" in answer)
        if not good:
            print("#", status, headers, answer[:300])
        checks.ok(good and b"must not be served" not in answer,
                  "%s: %s %s%s gives 503 SlowDown with Retry-After" % (state, method, path, "?" + query if query else ""))
    checks.equal(stack.ops(stack.gateway_ops_port, "/healthz")[0], 200, state + ": the gateway is alive")


def serves_again(stack, how):
    def good():
        return stack.request("GET", "/bkt/k")[2] == DATA
    checks.ok(wait_for("data again", good), "after %s the object is served again" % how)
    checks.equal(stack.request("PUT", "/bkt/again", b"y")[0], 200, "after %s a PUT succeeds" % how)


def main():
    with Stack() as stack:
        checks.equal(stack.request("PUT", "/bkt")[0], 200, "bucket created")
        checks.equal(stack.request("PUT", "/bkt/k", DATA)[0], 200, "object stored")
        pid = stack.gateway.process.pid

        stack.admin("seal")
        all_503(stack, "sealed")
        checks.equal(stack.ops(stack.kms_ops_port, "/readyz")[0], 503, "the sealed KMS is not ready")
        status, answer = stack.admin_raw("unseal", passphrase="wrong")
        checks.ok(status >= 400 and answer["error"] == "bad-passphrase", "a wrong passphrase does not unseal")
        wait_for("unsealing to be allowed again", lambda: stack.admin_raw("unseal",
                 passphrase="correct horse battery staple, for tests")[0] == 200)
        serves_again(stack, "unseal")

        stack.kms.stop()
        all_503(stack, "stopped")
        stack.restart_kms()
        serves_again(stack, "a restart of the KMS")

        stack.kms.kill()
        all_503(stack, "killed")
        stack.kms.start()
        stack.wait_admin()
        all_503(stack, "restarted but sealed")
        stack.unseal()
        serves_again(stack, "kill -9 and unseal")

        # A gateway that starts while the KMS is sealed waits for it, too.
        stack.admin("seal")
        checks.equal(stack.gateway.stop(), 0, "the gateway stops in order")
        stack.gateway.start()
        wait_for("the gateway to be alive", lambda: stack.ops(stack.gateway_ops_port, "/healthz")[0] == 200)
        checks.ok(stack.gateway.process.pid != pid, "the gateway was restarted beside a sealed KMS")
        all_503(stack, "started beside a sealed KMS")
        wait_for("unseal", lambda: stack.admin_raw("unseal", passphrase="correct horse battery staple, for tests")[0] == 200)
        serves_again(stack, "the first unseal")

        stack.published()
        status, report = stack.audit()
        checks.ok(status == 0, "the log verifies over all of it")
        if status:
            print("#", report)
        events = [e["event"] for e in stack.entries()]
        for event in ("init", "seal", "unseal", "start", "stop"):
            checks.ok(event in events, "the log has the event %r" % event)
    return checks.done()


if __name__ == "__main__":
    sys.exit(main())
