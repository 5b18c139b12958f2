#!/usr/bin/python3
"""Bad configuration, bad certificate, missing directory, full disk, port taken, too few file descriptors: one clear
line that says what is wrong and what to do, and a status that is not 0."""
# timeout: 180

import os
import resource
import shutil
import socket
import subprocess
import sys

from stack import Checks, Stack, wait_for

checks = Checks()


def first_words(text):
    return [line for line in text.splitlines() if line.strip() and not line.startswith("{")]


def refuses(stack, program, ini, words, what, arguments=(), before=None):
    run = subprocess.run([stack.program(program), "--config", ini, *arguments], capture_output=True, text=True,
                         timeout=20, preexec_fn=before)
    lines = first_words(run.stderr)
    good = run.returncode not in (0, -6, -11) and len(lines) == 1 and all(w in lines[0] for w in words)
    if not good:
        print("# status %d, wanted %s in one line:\n# %s" % (run.returncode, words, "\n# ".join(lines) or run.stderr[-400:]))
    return checks.ok(good, "%s: %s" % (program, what))


def edit(stack, ini, old, new, name):
    with open(ini, encoding="utf-8") as f:
        text = f.read()
    assert old in text, (old, ini)
    return stack._write(name, text.replace(old, new, 1))


def configurations(stack):
    cases = [
        ("unknown key", "[store]\n", "[store]\ncolour = blue\n", ["[store]", "colour"]),
        ("unknown section", "[store]\n", "[sotre]\nx = 1\n[store]\n", ["sotre"]),
        ("bad number", "size_max = 4G", "size_max = many", ["[index]", "size_max"]),
        ("missing key", "url = https", "#url = https", ["[kms]", "url"]),
        ("missing file", "s3.pem", "nowhere.pem", ["[s3-tls]", "certificate"]),
        ("missing directory", "dir = " + stack.store, "dir = /nonexistent/store", ["[store]", "dir", "create it"]),
        ("clear text beyond loopback", "listen = 127.0.0.1:%d" % stack.s3_port, "listen = 0.0.0.0:%d" % stack.s3_port,
         ["[s3]", "listen", "loopback"]),
    ]
    for what, old, new, words in cases:
        ini = edit(stack, stack.gateway_ini, old, new, "bad.ini")
        line = [":"] if "missing key" not in what else []
        refuses(stack, "rempart-gateway", ini, ["bad.ini", *line, *words], "--check: " + what, ["--check"])
        refuses(stack, "rempart-gateway", ini, words, what)
    ini = edit(stack, stack.kms_ini, "[log]\n", "[log]\ncolour = blue\n", "bad.ini")
    refuses(stack, "rempart-kms", ini, ["bad.ini", "[log]", "colour"], "--check: unknown key", ["--check"])
    refuses(stack, "rempart-kms", "/nonexistent.ini", ["/nonexistent.ini"], "missing configuration")
    for program, ini in (("rempart-kms", stack.kms_ini), ("rempart-gateway", stack.gateway_ini)):
        good = subprocess.run([stack.program(program), "--config", ini, "--check"], capture_output=True, text=True)
        checks.equal(good.returncode, 0, program + " --check accepts the good one")


def certificates(stack):
    a = stack.authority
    bad = os.path.join(stack.dir, "bad.pem")
    with open(bad, "w", encoding="ascii") as f:
        f.write("-----BEGIN CERTIFICATE-----\nnot one\n-----END CERTIFICATE-----\n")
    ini = edit(stack, stack.gateway_ini, a + "/s3.pem", bad, "bad.ini")
    refuses(stack, "rempart-gateway", ini, ["bad.pem"], "a certificate that is none")
    ini = edit(stack, stack.gateway_ini, a + "/s3.key", a + "/kms.key", "bad.ini")
    refuses(stack, "rempart-gateway", ini, ["kms.key"], "a key that belongs to another certificate")
    loose = os.path.join(stack.dir, "loose.key")
    shutil.copyfile(a + "/s3.key", loose)
    os.chmod(loose, 0o644)
    ini = edit(stack, stack.gateway_ini, a + "/s3.key", loose, "bad.ini")
    refuses(stack, "rempart-gateway", ini, ["loose.key"], "a key that others can read")
    secret = os.path.join(stack.dir, "loose.secret")
    shutil.copyfile(stack.secret, secret)
    os.chmod(secret, 0o644)
    ini = edit(stack, stack.gateway_ini, stack.secret, secret, "bad.ini")
    refuses(stack, "rempart-gateway", ini, ["loose.secret"], "an enrolment secret that others can read")


def ports_and_limits(stack):
    other = edit(stack, stack.gateway_ini, "dir = " + stack.index, "dir = " + stack.path("index2"), "other.ini")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        port = s.getsockname()[1]
        ini = edit(stack, other, "listen = 127.0.0.1:%d" % stack.s3_port, "listen = 127.0.0.1:%d" % port, "bad.ini")
        refuses(stack, "rempart-gateway", ini, [str(port), "in use"], "port taken")

    def few_files():
        resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24))

    refuses(stack, "rempart-gateway", other, ["LimitNOFILE"], "too few file descriptors", before=few_files)


def running_twice(stack):
    refuses(stack, "rempart-kms", edit(stack, stack.kms_ini, "listen = 127.0.0.1:%d" % stack.kms_port,
            "listen = 127.0.0.1:1", "bad.ini"), [stack.dir], "a second KMS on the same state")


def full_disk(stack):
    """A file system of its own for the store; without the right to mount there is nothing to fill."""
    small = stack.path("small")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=70m", "tmpfs", small], capture_output=True).returncode:
        checks.skip("full disk", "no right to mount")
        return
    try:
        text = open(stack.gateway_ini, encoding="utf-8").read()
        stack._write("gateway.ini", text.replace("dir = " + stack.store, "dir = " + small, 1))
        stack.gateway.start()
        wait_for("gateway alive", lambda: stack.ops(stack.gateway_ops_port, "/healthz")[0] == 200)
        assert stack.request("PUT", "/full")[0] == 200
        data = os.urandom(3 << 20)
        statuses, n = [], 0
        while n < 40 and (not statuses or statuses[-1] == 200):
            statuses.append(stack.request("PUT", "/full/o%d" % n, data)[0])
            n += 1
        checks.equal(statuses[-1], 507, "a PUT to a full store is refused with 507")
        stored = n - 1
        checks.equal(stack.request("GET", "/full/o%d" % stored)[0], 404, "the refused object is not there")
        whole = all(stack.request("GET", "/full/o%d" % i)[2] == data for i in range(0, stored, 5))
        checks.ok(stored > 5 and whole, "%d objects stored before are whole" % stored)
        checks.equal(stack.ops(stack.gateway_ops_port, "/readyz")[0], 503, "the gateway says that it is not ready")
        with open(stack.gateway.log, encoding="utf-8") as f:
            faults = [line for line in f if '"error"' in line and "space" in line.lower()]
        checks.ok(faults, "the log says what to do")
        for i in range(4):
            stack.request("DELETE", "/full/o%d" % i)
        # The collector gives the space back; then PUTs work without a restart.
        wait_for("space again", lambda: stack.request("PUT", "/full/again", data)[0] == 200, 60)
        checks.equal(stack.request("GET", "/full/again")[2], data, "after deleting, a PUT succeeds again")
    finally:
        stack.gateway.kill()
        subprocess.run(["umount", "-l", small])


def main():
    with Stack(store="collect_seconds = 1") as stack:
        stack.gateway.stop()
        configurations(stack)
        certificates(stack)
        ports_and_limits(stack)
        running_twice(stack)
        full_disk(stack)
    return checks.done()


if __name__ == "__main__":
    sys.exit(main())
