#!/usr/bin/env python3
"""The daemons at work make no system call that their units forbid. strace looks for forbidden ones only."""
# timeout: 300

import os
import re
import signal
import subprocess
import sys

from stack import TOP, Checks, Stack, wait_for

checks = Checks()


def group(name):
    """The names in a group of systemd, those of the groups in it included."""
    names = set()
    text = subprocess.run(["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, check=True).stdout
    for line in text.splitlines()[1:]:
        line = line.strip()
        if line.startswith("@"):
            names |= group(line)
        elif line and not line.startswith("#"):
            names.add(line)
    return names


def allowed(unit):
    names = set()
    with open(os.path.join(TOP, "deploy/systemd", unit), encoding="utf-8") as f:
        for line in f:
            m = re.match(r"SystemCallFilter=(~?)(.*)", line)
            if not m:
                continue
            listed = set()
            for word in m.group(2).split():
                listed |= group(word) if word.startswith("@") else {word}
            names = names - listed if m.group(1) else names | listed
    return names


def traced(daemon, unit, out):
    """Trace everything that is not allowed; the daemon stays our own child (-D)."""
    names = ",".join("?" + n for n in sorted(allowed(unit)))
    daemon.command = ["strace", "-D", "-f", "-qq", "-e", "signal=none", "--seccomp-bpf", "-e", "trace=!" + names, "-o", out,
                      *daemon.command]


def can_trace():
    try:
        run = subprocess.run(["strace", "-D", "-f", "-qq", "--seccomp-bpf", "-e", "trace=?getppid", "-o", "/dev/stderr", "sh", "-c",
                              "true"], capture_output=True, timeout=20, check=False)
        subprocess.run(["systemd-analyze", "syscall-filter", "@default"], capture_output=True, check=True)
        return run.returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False


def forbidden(out):
    with open(out, encoding="utf-8", errors="replace") as f:
        return sorted(set(re.findall(r"^\d+ +(?:<\.\.\. )?([a-z0-9_]+)", f.read(), re.M)))


def work(stack):
    s3 = stack.client(tls=True)
    s3.create_bucket(Bucket="calls", CreateBucketConfiguration={"LocationConstraint": stack.region})
    s3.put_object(Bucket="calls", Key="k", Body=os.urandom(3 << 20))
    upload = s3.create_multipart_upload(Bucket="calls", Key="m")["UploadId"]
    parts = [{"PartNumber": n, "ETag": s3.upload_part(Bucket="calls", Key="m", UploadId=upload, PartNumber=n,
                                                       Body=os.urandom(5 << 20))["ETag"]} for n in (1, 2)]
    s3.complete_multipart_upload(Bucket="calls", Key="m", UploadId=upload, MultipartUpload={"Parts": parts})
    s3.copy_object(Bucket="calls", Key="c", CopySource="calls/k")
    for key in ("k", "m", "c"):
        s3.get_object(Bucket="calls", Key=key)["Body"].read()
    s3.list_objects_v2(Bucket="calls")
    s3.delete_object(Bucket="calls", Key="k")
    for daemon in (stack.kms, stack.gateway):
        daemon.process.send_signal(signal.SIGHUP)
    stack.admin("seal")
    stack.unseal()
    wait_for("the gateway after the seal", lambda: stack.ops(stack.gateway_ops_port, "/readyz")[0] == 200)
    stack.ops(stack.gateway_ops_port, "/metrics")
    stack.ops(stack.kms_ops_port, "/metrics")
    checks.ok(len(s3.list_objects_v2(Bucket="calls")["Contents"]) == 2, "both daemons serve under strace")


def main():
    if not can_trace():
        checks.skip("no forbidden system call", "no strace, or no systemd-analyze, or tracing is not allowed here")
        return checks.done()
    rows = (("kms", "rempart-kms.service"), ("gateway", "rempart-gateway.service"))
    checks.ok("openat" in allowed(rows[0][1]) and "connect" in allowed(rows[1][1]) and "connect" not in allowed(rows[0][1])
              and "bpf" not in allowed(rows[1][1]), "the units are read as systemd reads them")
    stack = Stack()
    outs = {}
    for name, unit in rows:
        outs[name] = os.path.join(stack.dir, name + ".trace")
        traced(getattr(stack, name), unit, outs[name])
    with stack:
        work(stack)
        checks.equal(stack.gateway.stop(), 0, "the gateway stops in order")
        checks.equal(stack.kms.stop(), 0, "the KMS stops in order")
    for name, unit in rows:
        checks.equal(forbidden(outs[name]), [], "%s allows every system call that rempart-%s makes" % (unit, name))
    return checks.done()


sys.exit(main())
