#!/usr/bin/python3
"""A tree of more than 10,000 real files goes in with rclone and with aws s3 sync, comes back identical, lists
identically; storage holds nothing readable; the log reconciles one to one."""
# timeout: 900

import collections
import filecmp
import os
import shutil
import stat
import subprocess
import sys

from stack import Checks, Stack

checks = Checks()
WANTED_FILES = 10000
BIG_BYTES = 4 << 20
TREE_BYTES_MAX = 700 << 20
ODD_NAMES = ["space name", "plus+plus", "percent%41", "quote'\"", "amp&amp;<x>", "é̀ñ中文", "emoji \U0001f600",
             "~tilde", "a=b;c", "hash#query?", "trailing.", "-dash", "[brackets]{x}", "comma,colon:", "back`tick",
             "x" * 200]


def collect(tree):
    """Real files of this machine: many small, some of many MiB, empty ones; and odd names around real bytes."""
    count, total, big = 0, 0, 0
    for root in ("/usr/share", "/usr/lib", "/usr/include"):
        for folder, folders, names in os.walk(root):
            folders.sort()
            for name in sorted(names):
                source = os.path.join(folder, name)
                st = os.lstat(source)
                if not stat.S_ISREG(st.st_mode) or total + st.st_size > TREE_BYTES_MAX:
                    continue
                is_big = st.st_size >= BIG_BYTES
                if is_big and big >= 12 or not is_big and (count >= WANTED_FILES or st.st_size > BIG_BYTES):
                    continue
                try:
                    name.encode("utf-8")
                except UnicodeEncodeError:
                    continue
                target = os.path.join(tree, source.lstrip("/"))
                os.makedirs(os.path.dirname(target), exist_ok=True)
                try:
                    shutil.copyfile(source, target)
                except OSError:
                    continue
                count, total, big = count + 1, total + st.st_size, big + is_big
            if count >= WANTED_FILES and big >= 12:
                break
    for name in ODD_NAMES:
        shutil.copyfile("/usr/share/common-licenses/GPL-3", os.path.join(tree, name))
    open(os.path.join(tree, "empty file"), "wb").close()
    return count + len(ODD_NAMES) + 1, total, big


def files_of(tree):
    found = {}
    for folder, _, names in os.walk(tree):
        for name in names:
            full = os.path.join(folder, name)
            found[os.path.relpath(full, tree)] = os.path.getsize(full)
    return found


def identical(a, b):
    names = files_of(a)
    if names != files_of(b):
        return False
    return all(filecmp.cmp(os.path.join(a, n), os.path.join(b, n), shallow=False) for n in names)


def run(stack, *command, tls=False):
    done = subprocess.run(command, env=stack.environment(tls=tls), capture_output=True, text=True)
    if done.returncode:
        print("# %s: status %d\n# %s" % (command[:3], done.returncode, (done.stdout + done.stderr)[-1500:]))
    return done.returncode == 0, done.stdout


def listing(stack, bucket):
    s3 = stack.client()
    found, order = {}, []
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for entry in page.get("Contents", []):
            found[entry["Key"]] = entry["Size"]
            order.append(entry["Key"])
    checks.equal(order, sorted(order, key=lambda k: k.encode()), bucket + ": listed in byte order")
    return found


def rclone(stack, tree, back):
    remote = ":s3,provider=Other,env_auth=true,endpoint='%s',region=%s,list_version=2:" % (stack.url(tls=True), stack.region)
    ca = ["--ca-cert", os.path.join(stack.authority, "server-ca.pem"), "--transfers", "8", "--checkers", "8",
          "--config", "/dev/null", "--retries", "1"]
    checks.ok(run(stack, "rclone", "mkdir", remote + "rclone-tree", *ca)[0], "rclone makes a bucket over TLS")
    checks.ok(run(stack, "rclone", "copy", tree, remote + "rclone-tree", *ca)[0], "rclone copies the tree in")
    checks.ok(run(stack, "rclone", "check", tree, remote + "rclone-tree", "--download", *ca)[0],
              "rclone check --download finds every byte")
    checks.ok(run(stack, "rclone", "copy", remote + "rclone-tree", back, *ca)[0], "rclone copies it back")
    checks.ok(identical(tree, back), "rclone: the tree came back identical")


def aws(stack, tree, back):
    base = ["/usr/bin/aws", "--endpoint-url", stack.url(), "s3"]
    checks.ok(run(stack, *base, "mb", "s3://aws-tree")[0], "aws makes a bucket")
    checks.ok(run(stack, *base, "sync", "--only-show-errors", tree, "s3://aws-tree")[0], "aws s3 sync puts the tree in")
    ok, out = run(stack, *base, "sync", "--size-only", tree, "s3://aws-tree")
    checks.ok(ok and out.strip() == "", "a second aws s3 sync has nothing to do")
    checks.ok(run(stack, *base, "sync", "--only-show-errors", "s3://aws-tree", back)[0], "aws s3 sync gets it back")
    checks.ok(identical(tree, back), "aws: the tree came back identical")


def windows(data, step):
    return (data[i:i + 16] for i in range(0, len(data) - 15, step))


def nothing_readable(stack, tree):
    """No name, and no 16-byte run of any plaintext: every window of the store against aligned windows of the plain files."""
    plain = set()
    for name, size in files_of(tree).items():
        with open(os.path.join(tree, name), "rb") as f:
            data = f.read(64 << 10)
        for window in windows(data, 16):
            # Runs that say nothing (padding of binaries) are also what noise may contain.
            if len(set(window)) > 4:
                plain.add(window)
    names = [n.encode() for n in files_of(tree) if len(n) >= 8]
    blobs = stack.blobs()
    checks.ok(len(plain) > 100000, "there are plaintext runs to look for: %d" % len(plain))
    leaks = 0
    for blob in blobs:
        try:
            with open(blob, "rb") as f:
                head = f.read(4096)
                f.seek(max(0, os.path.getsize(blob) - 4096))
                tail = f.read(4096)
        except FileNotFoundError:
            continue  # what a client's retry had replaced, collected meanwhile
        leaks += sum(w in plain for w in windows(head, 1)) + sum(w in plain for w in windows(tail, 1))
    checks.equal(leaks, 0, "no 16-byte run of a plaintext at the start or end of %d blobs" % len(blobs))
    listing = os.path.join(stack.dir, "names")
    with open(listing, "wb") as f:
        f.write(b"\n".join(n for n in names) + b"\n")
    found = subprocess.run(["grep", "-rlaF", "-f", listing, stack.store], capture_output=True, text=True)
    checks.equal(found.stdout, "", "no file name in the store directory")
    text = subprocess.run(["grep", "-rlaF", "-e", "GNU GENERAL PUBLIC", "-e", "#include <", "-e", "copyright notice",
                           stack.store], capture_output=True, text=True)
    checks.equal(text.stdout, "", "no familiar text in the store directory")
    odd = [p for folder, _, ns in os.walk(stack.store) for p in ns if len(p) != 62 or set(p) - set("0123456789abcdef")]
    checks.equal(odd, [], "every name in the store is a random id")


def reconcile(stack, objects):
    stack.published()
    status, report = stack.audit()
    checks.ok(status == 0, "rempart-audit verifies the log")
    if status:
        print("#", report)
    uses = collections.Counter()
    issued, opened = set(), []
    for entry in stack.entries():
        for key in entry.get("keys", []):
            uses[key["use"], entry["op"]] += 1
            (issued.add(key["wrapped"]) if key["use"] == "issued" else opened.append(key["wrapped"]))
    checks.equal(len(issued), sum(n for (use, _), n in uses.items() if use == "issued"), "no data key was issued twice")
    checks.ok(all(w in issued for w in opened), "every key opened had been issued")
    # One to one with the requests that the gateway served. A client may send a PUT again; that is two writes, and two keys.
    for use, op in (("issued", "PutObject"), ("issued", "CreateMultipartUpload"), ("opened", "GetObject")):
        checks.equal(uses[use, "s3:" + op], served(stack, op), "one key %s for each %s that was served" % (use, op))
    extra = len(issued) - objects
    checks.ok(0 <= extra <= objects // 100, "%d keys issued for %d objects; %d writes were repeated by their client"
              % (len(issued), objects, extra))


def served(stack, op):
    text = stack.ops(stack.gateway_ops_port, "/metrics")[1]
    counts = dict(line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))
    label = '{op="%s"}' % op
    return (int(counts.get("rempart_gateway_s3_requests_total" + label, 0)) -
            int(counts.get("rempart_gateway_s3_errors_total" + label, 0)))


def main():
    with Stack(gateway="access_log = no") as stack:
        tree = stack.path("tree")
        count, total, big = collect(tree)
        checks.ok(count > WANTED_FILES and big >= 5, "%d real files, %d MiB, %d of them over 4 MiB" % (count, total >> 20, big))
        names = files_of(tree)
        rclone(stack, tree, stack.path("back-rclone"))
        checks.equal(listing(stack, "rclone-tree"), names, "rclone: the listing is the tree")
        shutil.rmtree(stack.path("back-rclone"))
        aws(stack, tree, stack.path("back-aws"))
        checks.equal(listing(stack, "aws-tree"), names, "aws: the listing is the tree")
        nothing_readable(stack, tree)
        reconcile(stack, 2 * len(names))
    return checks.done()


if __name__ == "__main__":
    sys.exit(main())
