#!/usr/bin/python3
"""The disk of the KMS fails: no key use is answered that is not in the log, what the log cannot promise stops, and a restart (of a full
disk: nothing) heals it."""

import errno
import os
import shutil
import subprocess
import sys

from stack import TOP, Checks, Stack, wait_for

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from inject import FOREVER, LIE, REFUSE, Injector  # noqa: E402

checks = Checks()
BUILD = os.environ.get("TEST_BUILD", os.path.join(TOP, "build"))
MAKE_LOG, AUDIT = (os.path.join(BUILD, p) for p in ("lib/make_log", "rempart-audit"))
CALLS_MAX = 600
STEP = int(os.environ.get("FAULT_STEP", "20"))  # in `make check` every twentieth call, from another one in each mode


class Program:
    env = None


def verify(folder):
    return subprocess.run([AUDIT, "verify", "--log", folder + "/log", "--key", folder + "/vkey"], capture_output=True, text=True)


def whole_life(directory, mode, begin):
    """The log's own code from open to close, with a call that fails: whatever it was, the log opens again and verifies."""
    base, folder = os.path.join(directory, "base"), os.path.join(directory, "life")
    program, wrong, struck = Program(), [], 0
    injector = Injector(directory, "life", program)
    if not os.path.exists(base):
        os.mkdir(base)
        subprocess.run([MAKE_LOG, base, "4"], check=True, stdout=subprocess.DEVNULL)
    for n in range(begin, CALLS_MAX, STEP):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(base, folder)
        with injector.fail(folder, first=n, mode=mode):
            first = subprocess.run([MAKE_LOG, folder, "4"], env=program.env, capture_output=True, text=True)
        again = subprocess.run([MAKE_LOG, folder, "4"], capture_output=True, text=True)
        told = verify(folder)
        struck += injector.hit > 0
        if first.returncode not in (0, 1) or again.returncode or told.returncode:
            wrong.append((n, injector.what, first.returncode, again.stderr[-300:], told.stdout[-300:]))
        if not injector.hit:
            break
    return struck, wrong


def used(stack, op):
    return sum(1 for e in stack.entries() if e.get("op") == op and e["result"] == "ok")


class Reader:
    """Counts the objects that it was given: each is a key use."""

    def __init__(self, stack):
        self.stack, self.given = stack, 0

    def get(self):
        status, _, body = self.stack.request("GET", "/logged/k")
        self.given += status == 200
        return status if status != 200 or body == b"secret" else "wrong content"


def disk_fails(stack, injector, reader, calls):
    """From one call on nothing of these kinds works on the log; then it does again, and the KMS is started anew."""
    for n in (1, 2):
        before = len(stack.entries())
        with injector.fail(stack.log, calls=calls, first=n, last=FOREVER, error=errno.EIO):
            answers = [reader.get() for _ in range(4)]
        answers += [reader.get(), stack.request("PUT", "/logged/new", b"x")[0]]
        what = "%s of the log fails from number %d on" % (" and ".join(calls), n)
        checks.ok(set(answers) <= {200, 503} and answers[-2:] == [503, 503], what + ": keys stop, and stay stopped")
        checks.equal(stack.ops(stack.kms_ops_port, "/readyz")[0], 503, what + ": the KMS is not ready")
        stack.kms.stop()
        stack.restart_kms()
        wait_for("keys", lambda: reader.get() == 200)
        checks.ok(stack.request("PUT", "/logged/new", b"x")[0] == 200, what + ": after a restart keys are there again")
        stack.published()
        checks.ok(stack.audit()[0] == 0 and len(stack.entries()) > before, what + ": the log verifies and goes on")


def records_fail(stack, injector, reader):
    """Each call on the records of the KMS fails once, while an access key is made: it works or is refused, and then it works."""
    state, wrong, calls = os.path.join(stack.dir, "kms"), [], 0
    for n in range(1, 40):
        with injector.fail(state, first=n):
            status, answer = stack.admin_raw("access-key.create", tenant="main", user="main-user")
        if status not in (200, 500, 503) or not stack.kms.running():
            wrong.append((n, injector.what, status, answer))
        after = stack.admin_raw("access-key.create", tenant="main", user="main-user")
        for made in (status, answer), after:
            if made[0] == 200:
                stack.admin("access-key.delete", access_key=made[1]["access_key"])
        if after[0] != 200 or reader.get() != 200:
            wrong.append((n, injector.what, after))
        if not injector.hit:
            break
        calls += 1
    checks.equal(wrong[:3], [], "each of %d calls on the records fails once: no restart, no unseal is needed" % calls)
    checks.ok(calls >= 3, "calls on the records were hit")


def main():
    directory = os.environ["TEST_DIR"]
    subprocess.run(["make", "-s", "BUILD=" + BUILD, MAKE_LOG, AUDIT], cwd=TOP, check=True)
    for mode, begin, words in ((REFUSE, 1, "fails"), (LIE, 1 + STEP // 2, "is done, and reported as failed")):
        struck, wrong = whole_life(directory, mode, begin)
        checks.equal(wrong[:3], [], "from open to close: %d calls, one at a time: the log opens again and verifies when it %s" % (struck, words))
        checks.ok(struck >= 200 // STEP, "calls were hit")
    with Stack(gateway="access_log = no") as stack:
        stack.kms.stop()
        injector = Injector(stack.dir, "kms", stack.kms)
        stack.restart_kms()
        assert stack.request("PUT", "/logged")[0] == 200 and stack.request("PUT", "/logged/k", b"secret")[0] == 200
        reader = Reader(stack)
        disk_fails(stack, injector, reader, ("write",))
        disk_fails(stack, injector, reader, ("sync",))
        records_fail(stack, injector, reader)
        stack.published()
        checks.ok(used(stack, "s3:GetObject") >= reader.given > 0, "every key that was given is in the log")
        checks.equal(stack.audit()[0], 0, "the key log verifies")
    return checks.done()


if __name__ == "__main__":
    sys.exit(main())
